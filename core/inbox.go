package core

// inbox holds what was received and is not worked off yet: a queue for each connection, and the connections that have
// something, in the order of their turns. In a turn of the loop each of them has at most one go of sessionCredit packets: one
// that floods delays the others by its share of a turn, not by all that it has sent. Bytes of a connection, and its end behind
// them, stay in order; between connections the journal says what the order was.
//
// Memory is what the kernel fills: a connection that holds too many buffers is not received from until it holds few, so that
// a flood fills its own socket and not the buffers of all.
type inbox struct {
	receipts []receipt // 0 is none
	unused   int32     // first of those that hold nothing
	queues   []queue   // by connection
	turns    []int32   // a ring of connections
	head     int       // of turns: whose go is next
	waiting  int       // how many connections are in turns
	born     uint64    // counts receipts
}

// receipt is a buffer of received bytes, or with len 0 the end of them.
type receipt struct {
	off    uint64
	born   uint64 // which receipt it was, of all connections
	len    uint32
	next   int32
	buffer uint16
	filled bool
}

// queue is what waits of one connection.
type queue struct {
	first, last int32
	buffers     int32
	listed      bool // in turns
}

const (
	sessionCredit = 128 // packets that one session may have worked off in a turn
	loginCredit   = 4   // packets before a login
	loginsPerTurn = 32  // connections without a login that have a go in a turn: a check of a key costs as much as some orders
	mostBuffers   = 16  // that a connection may hold before it is not received from any more ...
	fewBuffers    = 4   // ... until it holds so few
)

func newInbox(connections int) inbox {
	return inbox{
		receipts: make([]receipt, 1, 1+receiveBuffers+connections), queues: make([]queue, connections),
		turns: make([]int32, connections),
	}
}

// put files a receipt behind those of its connection.
func (in *inbox) put(n int32, r receipt) {
	in.born++
	r.born, r.next = in.born, 0
	i := in.unused
	if i != 0 {
		in.unused = in.receipts[i].next
		in.receipts[i] = r
	} else {
		i = int32(len(in.receipts))
		in.receipts = append(in.receipts, r)
	}
	q := &in.queues[n]
	if q.first == 0 {
		q.first = i
	} else {
		in.receipts[q.last].next = i
	}
	q.last = i
	if r.filled {
		q.buffers++
	}
	in.list(n)
}

// list gives a connection a place behind all that wait for their turn, unless it has one.
func (in *inbox) list(n int32) {
	if q := &in.queues[n]; !q.listed {
		q.listed = true
		in.turns[(in.head+in.waiting)%len(in.turns)] = n
		in.waiting++
	}
}

// first returns the connection whose turn it is.
func (in *inbox) first() int32 { return in.turns[in.head] }

// done ends the turn of the first connection; what it still has waits for the next.
func (in *inbox) done() {
	n := in.first()
	in.head = (in.head + 1) % len(in.turns)
	in.waiting--
	in.queues[n].listed = false
	if in.queues[n].first != 0 {
		in.list(n)
	}
}

// oldest returns what a connection received first and is not worked off, nil if there is nothing.
func (in *inbox) oldest(n int32) *receipt {
	if i := in.queues[n].first; i != 0 {
		return &in.receipts[i]
	}
	return nil
}

// take removes the oldest receipt of a connection.
func (in *inbox) take(n int32) receipt {
	q := &in.queues[n]
	i := q.first
	r := in.receipts[i]
	q.first = r.next
	if r.filled {
		q.buffers--
	}
	in.receipts[i].next = in.unused
	in.unused = i
	return r
}

// earlier says whether a connection has something left that came before the oldest of another.
func (in *inbox) earlier(a, b int32) bool {
	x, y := in.oldest(a), in.oldest(b)
	return x != nil && (y == nil || x.born < y.born)
}
