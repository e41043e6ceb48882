package engine

import (
	"math/bits"
	"unsafe"
)

// The state hash is a sum mod 2^64 of independent terms: one per queued order (kept by the books: weight x leaves), one
// per user, one for the venue's counters. Users and books touched since the last reading are on short lists, so a reading
// costs as much as was touched, not as much as there is.
type hashes struct {
	sum   uint64 // of all user and book terms, as last read
	users []uint16
	books []uint16
}

// hashed is what a user and an instrument carry: their term as last read, and whether they are on the list.
type hashed struct {
	term  uint64
	dirty bool
}

func (e *Engine) touchUser(index uint16) {
	if h := &e.users[index].hashed; !h.dirty {
		h.dirty = true
		e.hashes.users = append(e.hashes.users, index)
	}
}

func (e *Engine) touchBook(index uint16) {
	if h := &e.instruments[index].hashed; !h.dirty {
		h.dirty = true
		e.hashes.books = append(e.hashes.books, index)
	}
}

// Hash returns the hash of the state: every queued order with its place in time, its price, owner, number and lifetime,
// every account, every counter, every definition. Not in it, but in the output hash as they happen: ClOrdID, capacity,
// which of the three sale letters, and how much of its chain an order has executed.
func (e *Engine) Hash() uint64 {
	h := &e.hashes
	for _, i := range h.users {
		u := &e.users[i]
		h.sum += u.retake(e.userTerm(i))
	}
	for _, i := range h.books {
		in := &e.instruments[i]
		h.sum += in.retake(in.book.Hash())
	}
	h.users, h.books = h.users[:0], h.books[:0]
	return h.sum + e.venueTerm()
}

// retake replaces the term and returns by how much it grew.
func (h *hashed) retake(term uint64) uint64 {
	grown := term - h.term
	h.term, h.dirty = term, false
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
	return mum(uint64(index)<<1^flag^firm<<32^k0, u.sent^k1) + u.lastTerm
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
	s := &e.day.Session
	session := symbolKey([8]byte(s[:8])) ^ uint64(s[8])<<17 ^ uint64(s[9])<<41
	return mum(e.reference^k0, e.match^k1) ^ mum(e.priority^k2, flags^k3) ^
		mum(uint64(len(e.users))<<32^uint64(len(e.instruments))^k4, e.day.Midnight^k0) ^ mum(e.definitions^k1, session^k2)
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

// weight is what one lot of a queued order adds to the state hash.
func weight(o *order, priority uint64) uint64 {
	place := uint64(o.price)<<16 ^ uint64(o.instrument)
	owner := uint64(o.user)<<8 ^ uint64(bookSide(o.side))<<1 ^ uint64(o.class())
	name := uint64(o.ref)<<32 | uint64(o.group)<<16 | uint64(o.tif)<<8 | uint64(o.idx) + uint64(o.flags)<<56
	return mum(o.reference^k0, priority^k1) ^ mum(place^k2, owner^k3) ^ mum(o.expire^k4, name^k0) ^ name*k1
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
