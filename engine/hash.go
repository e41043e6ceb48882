package engine

import (
	"math/bits"
	"unsafe"

	"matcher/book"
)

// The state hash is a sum mod 2^64 of independent terms: one per queued order (kept by the books: weight x leaves), one
// per user, one for the venue's counters. Users and books touched since the last reading are on short lists, so a reading
// costs as much as was touched, not as much as there is.
type hashes struct {
	sum   uint64 // of all user and book terms, as last read
	users touched
	books touched
}

// hashed is what a user and an instrument carry: their term as last read, and whether they are on the list.
type hashed struct {
	term  uint64
	dirty uint8 // 1: on it
}

// touched is the users, or the books, that have changed since the last reading, in no order.
type touched struct {
	list []uint16 // one longer than there are users or books
	n    int
}

// fit makes the list long enough for so many users or books.
func (t *touched) fit(n int) {
	if n >= len(t.list) {
		t.list = append(t.list, make([]uint16, n+1-len(t.list))...)
	}
}

// note puts one on the list that may be on it. It has no branch: which of the accounts were there before, nobody can predict.
func (t *touched) note(h *hashed, index uint16) {
	*(*uint16)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(t.list)), t.n*2)) = index
	t.n += int(h.dirty ^ 1)
	h.dirty = 1
}

func (e *Engine) touchUser(u *user, index uint16) { e.hashes.users.note(&u.hashed, index) }

// touchBook notes that an instrument has changed: for the hash, and for what has to settle (rule 2.4).
func (e *Engine) touchBook(in *instrument, index uint16) {
	e.hashes.books.note(&in.hashed, index)
	if in.watching != 0 && !in.unsettled {
		in.unsettled = true
		e.unsettled = append(e.unsettled, index)
	}
}

// Hash returns the hash of the state: every queued order with its place in time, its price, owner, number and lifetime,
// every account, every counter, every definition. Not in it, but in the output hash as they happen: ClOrdID, capacity, and
// how much of its chain an order has executed. Nor are names of accounts, lots, decimals, and a sell letter that Modify has
// changed: golden journals hold what it is.
func (e *Engine) Hash() uint64 {
	h := &e.hashes
	for _, i := range h.users.list[:h.users.n] {
		u := &e.users[i]
		h.sum += u.retake(e.userTerm(i))
	}
	for _, i := range h.books.list[:h.books.n] {
		in := &e.instruments[i]
		h.sum += in.retake(e.bookTerm(in))
	}
	h.users.n, h.books.n = 0, 0
	return h.sum + e.venueTerm()
}

// retake replaces the term and returns by how much it grew.
func (h *hashed) retake(term uint64) uint64 {
	grown := term - h.term
	h.term, h.dirty = term, 0
	return grown
}

func (e *Engine) userTerm(index uint16) uint64 {
	u := &e.users[index]
	flag := uint64(0)
	if u.disabled {
		flag = 1
	}
	f := u.def.Firm
	firm := uint64(f[0]) | uint64(f[1])<<8 | uint64(f[2])<<16 | uint64(f[3])<<24
	rules := uint64(u.def.SelfMatch) | uint64(u.def.SelfLevel)<<8 | uint64(u.def.OnDrop)<<16 | uint64(u.def.SelfGroup)<<32
	return mum(uint64(index)<<1^flag^firm<<32^k0, u.sent^k1) + mum(rules^k3, uint64(index)^k4) + u.limitsTerm() +
		u.lastTerm + refTerm(index, 0, u.last0)
}

// bookTerm covers an instrument: its orders and what it remembers beside them.
func (e *Engine) bookTerm(in *instrument) uint64 {
	h := in.book.Hash() + mum(in.last^k1, uint64(in.state)^symbolKey(in.def.Symbol)<<8^k2)
	if in.tops {
		h += mum(e.at(in.top[0]).reference^k2, e.at(in.top[1]).reference^k3)
	}
	if w := in.watch; w != nil {
		h += mum(w.bid^k0, w.ask^k1) ^ mum(w.mid^k2, k3)
	}
	return h
}

// venueTerm covers what belongs to no user and no book. Time and the last sequence number are in the journal beside the
// hash and not part of it: a command that changes nothing leaves the hash as it was but for priority and numbers given.
func (e *Engine) venueTerm() uint64 {
	flags := e.epoch << 8
	if e.open {
		flags |= 1
	}
	if e.gate {
		flags |= 2
	}
	day := e.day.Midnight ^ e.day.Secret<<1
	s := &e.day.Session
	session := symbolKey([8]byte(s[:8])) ^ uint64(s[8])<<17 ^ uint64(s[9])<<41
	return mum(e.reference^k0, e.match^k1) ^ mum(e.priority^k2, flags^k3) ^
		mum(uint64(len(e.users))<<32^uint64(len(e.instruments))^k4, day^k0) ^ mum(e.definitions^k1, session^k2) + e.bustTerm
}

const (
	k0 = 0x9e3779b97f4a7c15
	k1 = 0xbf58476d1ce4e5b9
	k2 = 0x94d049bb133111eb
	k3 = 0xd6e8feb86659fd93
	k4 = 0xa0761d6478bd642f
)

// mum multiplies to 128 bits and folds: the mixing step of all hashes here.
func mum(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// weight is what one lot of an order in a book adds to the state hash.
func (e *Engine) weight(o *order, slot book.Slot, price book.Price, priority uint64) uint64 {
	w := plainWeight(o, price, priority, e.names[slot].tif)
	if o.flags&orderCold != 0 {
		w += e.cold[slot].term()
	}
	return w
}

func plainWeight(o *order, price book.Price, priority uint64, tif uint8) uint64 {
	who := *(*uint64)(unsafe.Pointer(&o.flags))
	return mum(o.reference*k0+who, (uint64(o.ref)<<32|uint64(price))*k1+priority^uint64(tif)<<56)
}

// term is the part of an order's weight that its cold record makes.
func (c *cold) term() uint64 {
	letters := uint64(c.aiq) | uint64(c.trigger)<<8 | uint64(c.priceType)<<16 | uint64(c.aiqGroup[0])<<32 | uint64(c.aiqGroup[1])<<40 |
		uint64(c.group)<<48
	return mum(c.entry^k0, c.expire^k1) ^ mum(c.limit^k2, uint64(c.stop)^k3) ^ mum(uint64(c.trail)^k4, uint64(c.offset)^k0) ^
		mum(uint64(c.reserve)<<32|uint64(c.floor)^k1, uint64(c.random)<<32|uint64(c.refreshes)^k2) ^ mum(uint64(c.minimum)^k3, letters^k4)
}

// rework changes the cold record of an order that is in a book, and its weight with it.
func (e *Engine) rework(o *order, slot book.Slot, change func(c *cold)) {
	c := &e.cold[slot]
	before := c.term()
	change(c)
	in := &e.instruments[o.instrument]
	e.touchBook(in, o.instrument)
	in.book.Reweigh(slot, e.orders.Weight(slot)-before+c.term())
}

// FoldOutput folds events into a hash of all output since the start (0). It does not matter in how many pieces the events
// of a journal are folded.
func FoldOutput(h uint64, events []Event) uint64 {
	for i := range events {
		w := (*[EventSize / 8]uint64)(unsafe.Pointer(&events[i]))
		x := mum(w[0]^k0, w[1]^k1) ^ mum(w[2]^k2, w[3]^k3) ^ mum(w[4]^k4, w[5]^k0) ^ mum(w[6]^k1, w[7]^k2) ^ mum(w[8]^k3, w[9]^k4)
		h = mum(h^x, k0)
	}
	return h
}

// FillOf makes the journal's cell of an execution from its two events, the maker's and then the taker's, and the command
// that caused it.
func FillOf(f *Fill, cmd *Command, maker, taker *Event) {
	f.Kind, f.Flags = KindFill, 0
	if maker.Flags&EventHidden != 0 {
		f.Flags |= FillMakerHidden
	}
	if taker.Leaves == 0 {
		f.Flags |= FillTakerDone
	}
	f.Instrument, f.User, f.Idx, f.Side = taker.Instrument, taker.User, taker.Idx, taker.Side
	f.Seq, f.Time = cmd.Seq, cmd.Time
	f.Match, f.Maker, f.Taker = taker.Link, maker.Order, taker.Order
	f.Price, f.Qty, f.MakerLeaves = taker.Price, taker.Qty, maker.Leaves
}
