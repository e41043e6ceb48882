package core

// inbox holds what was received and is not worked off yet: a queue for each connection, and the connections that have
// something, in the order of their turns. Those of which something has come go first, each up to sessionCredit packets in a
// turn of the loop. What such a go leaves over makes a connection one that has much: those share heavyCredit packets of each
// turn, and go round, as long as the journal has room to spare. So one that floods delays the others by that, however much it
// sends and however many do. Bytes of a connection, and its end behind them, stay in order; between connections the journal says
// what the order was.
//
// Memory is what the kernel fills: a connection that holds too many buffers is not received from until it holds few, and then a
// buffer at a time (conns.pause), so that a flood fills its own socket and not the buffers of all.
type inbox struct {
	receipts []receipt // 0 is none
	unused   int32     // first of those that hold nothing
	queues   []queue   // by connection
	light    turns     // connections of which something has come
	heavy    turns     // connections that had more than one go could do
	born     uint64    // counts receipts
}

// turns are connections in the order of their turns.
type turns struct {
	ring []int32
	head int
	n    int
}

func (t *turns) first() int32 { return t.ring[t.head] }

func (t *turns) push(n int32) {
	t.ring[(t.head+t.n)%len(t.ring)] = n
	t.n++
}

func (t *turns) pop() int32 {
	n := t.ring[t.head]
	t.head = (t.head + 1) % len(t.ring)
	t.n--
	return n
}

// receipt is a buffer of received bytes, or with len 0 the end of them.
type receipt struct {
	off    uint64
	born   uint64 // which receipt it was, of all connections
	len    uint32
	hinted uint32 // bytes from off on of which the engine has had hints ...
	hints  uint32 // ... and packets
	next   int32
	buffer uint16
	filled bool
}

// used takes the first packet, or a piece of one, off a receipt.
func (r *receipt) used(n uint32) {
	r.off += uint64(n)
	r.len -= n
	r.hinted -= min(r.hinted, n)
	r.hints -= min(r.hints, 1)
}

// queue is what waits of one connection.
type queue struct {
	first, last int32
	buffers     int32
	listed      bool // has its turn to come
}

const (
	sessionCredit = 128 // packets of one go
	turnCredit    = 512 // packets of all goes in a turn that answers at once (Async): answers leave, and the next bytes come, in between
	heavyCredit   = 128 // packets in a turn of all those together that have much
	loginCredit   = 4   // packets before a login
	loginsPerTurn = 32  // connections without a login that have a go in a turn: a check of a key costs as much as some orders
	mostBuffers   = 16  // that a connection may hold before it is not received from any more ...
	fewBuffers    = 4   // ... until it holds so few
)

func newInbox(connections int) inbox {
	return inbox{
		receipts: make([]receipt, 1, 1+receiveBuffers+connections), queues: make([]queue, connections),
		light: turns{ring: make([]int32, connections)}, heavy: turns{ring: make([]int32, connections)},
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

// list lets a connection have its turn, unless that is to come already.
func (in *inbox) list(n int32) {
	if q := &in.queues[n]; !q.listed {
		q.listed = true
		in.light.push(n)
	}
}

// done ends the go of the first connection of some. What it still has waits for its next turn among others.
func (in *inbox) done(of, next *turns) {
	n := of.pop()
	if in.queues[n].first != 0 {
		next.push(n)
	} else {
		in.queues[n].listed = false
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
