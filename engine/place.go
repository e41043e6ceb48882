package engine

import "matcher/book"

// Place is where a live order stands.
type Place struct {
	Order       uint64 // order reference
	Price       uint64 // wire units
	Leaves      uint32 // open, an iceberg's reserve included
	Shown       uint32 // of that, what the book shows
	Pending     bool   // a stop before its trigger: it stands in no queue
	AheadLots   uint64 // open at its price before it; of icebergs ahead only the slices
	AheadOrders int
}

// Place returns where the order stands that its owner calls by this channel and UserRefNum, false if it is not live. It
// walks the queue before the order: it is not for the hot path.
func (e *Engine) Place(user uint16, idx uint8, ref uint32) (Place, bool) {
	slot := e.Slot(user, idx, ref)
	if slot == 0 {
		return Place{}, false
	}
	o := e.at(slot)
	p := Place{
		Order: o.reference, Price: e.price(o, slot),
		Leaves: e.leaves(o, slot), Shown: e.shown(o, slot), Pending: o.flags&orderPending != 0,
	}
	p.AheadLots, p.AheadOrders = e.instruments[o.instrument].book.Ahead(slot)
	return p, true
}

// Queue names the orders of one instrument, side, class and price.
type Queue struct {
	Instrument uint16
	Side       book.Side
	Class      book.Class
	Price      book.Price // ticks
}

// Standing is where an order stands in its queue.
type Standing struct {
	Order  uint64 // reference
	Queue  Queue
	Lots   uint32    // of an iceberg the slice
	Before book.Slot // 0: it is the first
}

// Slot returns the slot of a live order, 0 if there is none. It is the order's until the next command.
func (e *Engine) Slot(user uint16, idx uint8, ref uint32) book.Slot {
	if user == 0 || int(user) >= len(e.users) || e.orders == nil {
		return 0
	}
	return e.refs.get(e, &e.users[user], user, idx, ref)
}

// Standing returns the place of a live order, false if it stands in no queue.
func (e *Engine) Standing(slot book.Slot) (Standing, bool) {
	if slot == 0 || !e.orders.Queued(slot) {
		return Standing{}, false
	}
	o := e.at(slot)
	return Standing{
		Order:  o.reference,
		Queue:  Queue{o.instrument, e.orders.Side(slot), e.orders.Class(slot), e.orders.Price(slot)},
		Lots:   uint32(e.orders.Leaves(slot)),
		Before: e.orders.Before(slot),
	}, true
}

// Tail returns the last order of a queue, 0 if nobody stands there.
func (e *Engine) Tail(q Queue) book.Slot {
	return e.instruments[q.Instrument].book.Tail(q.Side, q.Class, q.Price)
}
