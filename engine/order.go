package engine

import (
	"unsafe"

	"matcher/book"
)

// order is what the engine remembers of a live order in the cache line of the book's node (book.Data). Its last 8 bytes are
// those with which a command's header and an event begin, flags in the place of kind and flags.
type order struct {
	reference uint64
	ref       uint32    // UserRefNum
	used      uint32    // executed and decremented quantity of the chain (Replace arithmetic, rule 9.4)
	next      book.Slot // of the same user, in order of reference
	prev      book.Slot
	flags     uint16 // orderXxx
	instrument,
	user uint16
	idx  uint8
	side uint8 // B S T E
}

// Flags of an order.
const (
	orderHidden  uint16 = 1 << iota // displays nothing: `N`, a minimum, a midpoint order
	orderPublic                     // attributable `A`
	orderCold                       // has a record in Engine.cold
	orderIceberg                    // shows a slice (rule 5.4)
	orderMinimum                    // each trade must bring a minimum (rules 5.6, 5.7)
	orderPeg                        // primary or market peg
	orderMid                        // midpoint order
	orderPending                    // a stop before its trigger
	orderExpires                    // on the agenda of expiries
	orderPost                       // post-only
	_                               // free
	orderBound                      // lives by its connection: tag 134 `Y`
	orderExempt                     // tag 134 `N`
	orderToLimit                    // came as market-to-limit: a Replace at a market price is one again (rule 9.5)
	orderDated                      // expires by tag 132, which a Replace inherits (rule 9.5)
	orderTrails                     // a trailing stop

	// orderNotDisplayed are those of which the book shows nothing.
	orderNotDisplayed = orderHidden | orderMid | orderPending
)

// name is what only the owner's messages repeat of an order. It lies apart, by slot: it is written once and seldom read.
type name struct {
	clOrdID  [14]byte
	capacity uint8
	tif      uint8
}

// cold is what plain orders do not have, by slot, for orders with orderCold. Memory of slots that never had such an order
// is never touched.
type cold struct {
	entry     uint64 // the reference that the A or U gave that made the order
	expire    uint64 // ns since 1970, with orderExpires
	limit     uint64 // wire price: of a pending stop, a peg (its cap), a midpoint order; MarketPrice: none
	stop      int64  // wire price at which a stop triggers
	trail     int64  // orderTrails: how far the stop stays behind its reference
	offset    int64  // of a peg from its reference
	reserve   uint32 // of an iceberg: open and not shown
	floor     uint32 // of an iceberg: MaxFloor
	random    uint32 // of an iceberg: tag 13
	refreshes uint32 // of an iceberg, so far
	slices    uint32 // of an iceberg: what it counts toward the venue's orders beside its one (rule 2.6)
	minimum   uint32 // at most its leaves; of an aggressor, which may have more: as given
	group     uint16 // tag 24
	aiqGroup  [2]byte
	aiq       uint8 // effective letter of self-trade prevention as an aggressor, 0 none
	trigger   uint8 // L B A
	priceType uint8 // P R M, 0 none
	_         uint8
	next      book.Slot // of the instrument's pegs or midpoint orders of this side, in order of entry
	prev      book.Slot
}

var _ [32]byte = [unsafe.Sizeof(order{})]byte{}

// coldOf returns the record of an order that may have none.
func (e *Engine) coldOf(o *order, slot book.Slot) *cold {
	if o.flags&orderCold == 0 {
		return &noCold
	}
	return &e.cold[slot]
}

var noCold cold // never written

// at returns the live order in a slot, which came from e.orders: orders lie side by side and never move.
func (e *Engine) at(slot book.Slot) *order {
	return (*order)(unsafe.Add(e.first, uintptr(slot)*book.OrderSize))
}

// nameOf returns what its owner's messages repeat of an order, or of one that a slot will hold.
func (e *Engine) nameOf(slot book.Slot) *name {
	return (*name)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(e.names)), uintptr(slot)*unsafe.Sizeof(name{})))
}

// node returns the book's part of the order.
func (o *order) node() *book.Data { return (*book.Data)(unsafe.Pointer(o)) }

// word returns the 8 bytes that begin an event about the order, without kind and flags.
func (o *order) word() uint64 {
	return *(*uint64)(unsafe.Pointer(&o.flags)) &^ 0xffff
}

// setWord sets instrument, user, idx and side from such a word, and no flags.
func (o *order) setWord(word uint64) { *(*uint64)(unsafe.Pointer(&o.flags)) = word }

// word returns the same 8 bytes of a command.
func (h *Header) word() uint64 { return *(*uint64)(unsafe.Pointer(h)) &^ 0xffff }

func (o *order) class() book.Class { return book.Class(o.flags & orderHidden) }

// display returns the letter that the owner is told.
func (o *order) display() uint8 {
	switch {
	case o.flags&orderHidden != 0:
		return 'N'
	case o.flags&orderPublic != 0:
		return 'A'
	}
	return 'Y'
}

// bookSide maps the four side letters to the two sides of a book.
func bookSide(letter uint8) book.Side {
	if letter == 'B' {
		return book.Buy
	}
	return book.Sell
}

// contra is the side that an order trades with.
func contra(s book.Side) book.Side { return s ^ 1 }

// leaves returns the open quantity of a live order, the reserve of an iceberg included.
func (e *Engine) leaves(o *order, slot book.Slot) uint32 {
	n := uint32(e.orders.Leaves(slot))
	if o.flags&orderIceberg != 0 {
		n += e.cold[slot].reserve
	}
	return n
}

// shown returns what the book displays of a live order.
func (e *Engine) shown(o *order, slot book.Slot) uint32 {
	if o.flags&orderNotDisplayed != 0 || !e.orders.Queued(slot) {
		return 0
	}
	return uint32(e.orders.Leaves(slot))
}

// price returns the wire price of a live order: where it stands, or the limit of one that stands nowhere.
func (e *Engine) price(o *order, slot book.Slot) uint64 {
	if o.flags&(orderPending|orderMid) != 0 {
		return e.cold[slot].limit
	}
	return uint64(e.orders.Price(slot)) * e.instruments[o.instrument].tick
}

// find returns the live order that a user calls by a UserRefNum, or 0.
func (e *Engine) find(user uint16, idx uint8, ref uint32) book.Slot {
	if int(user) >= len(e.users) {
		return 0
	}
	return e.refs.get(e, &e.users[user], user, idx, ref)
}

// file enters an order that has just come to life under its names.
func (e *Engine) file(o *order, slot book.Slot) {
	u := &e.users[o.user]
	e.refs.put(e, u, o, slot)
	e.listed(u, o, slot)
	if o.flags&orderExpires != 0 {
		c := &e.cold[slot]
		e.expiries.Add(c.expire, o.reference, slot)
		e.due = min(e.due, c.expire)
	}
}

// listed appends an order to its owner's list. References only grow, so the list is in order of reference.
func (e *Engine) listed(u *user, o *order, slot book.Slot) {
	u.open++
	first, last := u.first, u.tail
	o.prev, o.next = last, 0
	e.at(last).next = slot
	if last == 0 {
		first = slot
	}
	u.first, u.tail = first, slot
}

// unlisted takes an order out of its owner's list. No branch depends on where it stands: slot 0 takes what nobody reads.
func (e *Engine) unlisted(u *user, o *order) {
	u.open--
	next, prev := o.next, o.prev
	e.at(prev).next = next
	e.at(next).prev = prev
	first, tail := u.first, u.tail
	if prev == 0 {
		first = next
	}
	if next == 0 {
		tail = prev
	}
	u.first, u.tail = first, tail
}

// unfile takes an order off its owner's list and out of the names.
func (e *Engine) unfile(u *user, o *order, slot book.Slot) {
	if at := e.refs.first(u, o.ref); *at == e.refs.entry(u, o.ref, slot) && o.idx == 0 {
		*at = 0
	} else {
		e.refs.remove(e, u, o, slot)
	}
	e.unlisted(u, o)
}

// renamed gives a live order a new reference, and with it the last place on its owner's list.
func (e *Engine) renamed(o *order, slot book.Slot) {
	u := &e.users[o.user]
	e.unlisted(u, o)
	if o.flags&orderExpires != 0 {
		e.expiries.Remove(e.cold[slot].expire, o.reference)
	}
	e.reference++
	o.reference = e.reference
	if o.flags&orderExpires != 0 {
		e.expiries.Add(e.cold[slot].expire, o.reference, slot)
	}
	e.listed(u, o, slot)
}

// forget removes an order that is in no book any more from all names it had, and frees its slot.
func (e *Engine) forget(slot book.Slot) {
	o := e.at(slot)
	e.unfile(e.user(o.user), o, slot)
	if o.flags&orderCold != 0 {
		e.forgetCold(o, slot)
	}
	e.orders.Free(slot)
}

func (e *Engine) forgetCold(o *order, slot book.Slot) {
	c := &e.cold[slot]
	if o.flags&orderExpires != 0 {
		e.expiries.Remove(c.expire, o.reference)
	}
	if o.flags&orderIceberg != 0 {
		e.setReserve(o, slot, 0)
		e.slices -= c.slices
		e.setPlain()
	}
	e.instruments[o.instrument].unwatch(e, o, slot)
}

// queue puts a live order, which is in no book, at the back of the queue of its price, with a new time priority (rule 4.3).
func (e *Engine) queue(o *order, slot book.Slot, price book.Price, leaves uint32) {
	in := &e.instruments[o.instrument]
	e.touchBook(in, o.instrument)
	e.priority++
	in.book.Add(slot, book.Resting{
		Side: bookSide(o.side), Class: o.class(), Price: price, Qty: book.Qty(leaves),
	}, e.weight(o, slot, price, e.priority))
}

// park counts a live order that stands in no queue: a pending stop, a midpoint order.
func (e *Engine) park(o *order, slot book.Slot, leaves uint32) {
	in := &e.instruments[o.instrument]
	e.touchBook(in, o.instrument)
	e.priority++
	in.book.Park(slot, book.Resting{
		Side: bookSide(o.side), Class: book.Hidden, Qty: book.Qty(leaves),
	}, e.weight(o, slot, 0, e.priority))
}

// unqueue takes a live order out of its book.
func (e *Engine) unqueue(o *order, slot book.Slot) {
	in := &e.instruments[o.instrument]
	e.touchBook(in, o.instrument)
	if in.tops {
		in.lostTop(slot)
	}
	in.book.Remove(slot)
}

// kill cancels a live order whole and tells its owner.
func (e *Engine) kill(slot book.Slot, reason uint8) {
	o := e.at(slot)
	ev := e.tell('C', o, e.price(o, slot))
	ev.Qty, ev.Reason, ev.Link = e.leaves(o, slot), uint16(reason), uint64(e.shown(o, slot))
	e.unqueue(o, slot)
	e.forget(slot)
}

// known says whether a command names a user that exists.
func (e *Engine) known(h *Header) bool { return uint(h.User)-1 < uint(len(e.users)-1) }

// user and instrument return what has an index that is known to be good: an order's, or a command's that was looked at.
func (e *Engine) user(index uint16) *user {
	return (*user)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(e.users)), uintptr(index)*unsafe.Sizeof(user{})))
}

func (e *Engine) instrument(index uint16) *instrument {
	return (*instrument)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(e.instruments)), uintptr(index)*unsafe.Sizeof(instrument{})))
}
