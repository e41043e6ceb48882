package engine

import (
	"math/bits"

	"matcher/book"
)

// The short way of most orders: limit and market orders, day, good till cancelled or immediate-or-cancel, displayed, post-only
// or without options, of an account without special rules, against makers that ask for no care; and Replaces of such orders
// by such. Everything it does, enter, replace and aggress do as well; it is here because it is most of the work of a venue.
//
// Structs are written field by field, and in the widths in which they are read again: a literal would be built on the stack
// and copied in wider pieces than it was written in, for which the processor has to wait.

// plain enters a new order the short way. False: nothing was done, the order is not plain.
func (e *Engine) plain(c *Enter, u *user) bool {
	if c.Flags&^FlagPostOnly|c.Idx|c.Exempt != 0 || c.Cross != 'N' || e.orders.Live()+int(e.slices) >= e.orders.Cap() ||
		u.open >= u.most {
		return false
	}
	in, side, price := e.plainTerms(u, &c.Header, c.TIF, c.Display, c.Price)
	rests := c.TIF != tifIOC && c.Price < MarketPrice
	if in == nil || c.Qty-1 >= in.maxQty || c.Flags != 0 && !rests {
		return false
	}
	// The order has its slot from the start: most come to rest.
	slot := e.orders.Take()
	o := e.at(slot)
	e.reference++
	o.reference, o.ref, o.used = e.reference, c.Ref, 0
	o.setWord(c.word())
	n := &e.names[slot]
	n.clOrdID, n.capacity, n.tif = c.ClOrdID, c.Capacity, c.TIF
	ev := e.event()
	ev.begin(c.word() | 'A')
	ev.Ref, ev.OrigRef, ev.Qty, ev.Leaves = c.Ref, 0, c.Qty, c.Qty
	u.sent++ // its turn on the list of what has changed came with its UserRefNum
	ev.Order, ev.Link, ev.Price, ev.Number = e.reference, 0, c.Price, u.sent
	ev.ClOrdID = c.ClOrdID
	ev.Reason, ev.TIF, ev.Display, ev.Capacity, ev.Cross, ev.Shown = 0, c.TIF, 'Y', c.Capacity, 'N', 0
	if c.Flags != 0 && in.book.Crosses(side, price) {
		e.plainEnd(o, slot, c.Price, c.Qty, 'G')
		return true
	}
	if left := e.plainWalk(o, in, side, price, c.Qty); left == 0 {
		e.orders.Free(slot)
	} else if !rests {
		e.plainEnd(o, slot, c.Price, left, 'I')
	} else {
		e.plainRest(u, o, slot, in, side, price, left)
	}
	return true
}

// plainReplace makes a plain order of another in its slot. False: nothing was done.
func (e *Engine) plainReplace(c *Replace, u *user, o *order, slot book.Slot) bool {
	if c.Flags|c.Idx|c.Exempt|c.Side|uint8(o.flags)|uint8(o.flags>>8) != 0 || c.Qty <= o.used {
		return false
	}
	h := Header{Instrument: o.instrument, Side: o.side}
	in, side, price := e.plainTerms(u, &h, c.TIF, c.Display, c.Price)
	if in == nil || c.Qty-1 >= in.maxQty {
		return false
	}
	u.last0 = c.Ref
	qty, before := c.Qty-o.used, o.reference
	e.touchBook(in, o.instrument)
	in.book.Remove(slot)
	e.refs.remove(e, u, o, slot)
	e.unlisted(u, o)
	e.reference++
	o.reference, o.ref = e.reference, c.Ref
	n := &e.names[slot]
	n.clOrdID, n.tif = c.ClOrdID, c.TIF
	ev := e.event()
	ev.begin(o.word() | 'U' | uint64(EventShown)<<8) // a plain order that is live rests displayed
	ev.Ref, ev.OrigRef, ev.Qty, ev.Leaves = c.Ref, c.OrigRef, qty, qty
	ev.Order, ev.Link, ev.Price, ev.Number = e.reference, before, c.Price, e.number(c.User)
	ev.ClOrdID = c.ClOrdID
	ev.Reason, ev.TIF, ev.Display, ev.Capacity, ev.Cross, ev.Shown = 0, c.TIF, 'Y', n.capacity, 'N', 0
	if left := e.plainWalk(o, in, side, price, qty); left == 0 {
		e.orders.Free(slot)
	} else if c.TIF == tifIOC || c.Price >= MarketPrice {
		e.plainEnd(o, slot, c.Price, left, 'I')
	} else {
		e.plainRest(u, o, slot, in, side, price, left)
	}
	return true
}

// plainCancel cancels a plain order whole, as kill does.
func (e *Engine) plainCancel(o *order, slot book.Slot) {
	u, in := &e.users[o.user], &e.instruments[o.instrument]
	ev := e.event()
	ev.begin(o.word() | 'C')
	qty := uint32(e.orders.Leaves(slot))
	ev.Ref, ev.OrigRef, ev.Qty, ev.Leaves = o.ref, 0, qty, 0
	ev.Order, ev.Link, ev.Price, ev.Number = o.reference, uint64(qty), uint64(e.orders.Price(slot))*in.tick, e.number(o.user)
	ev.ClOrdID = [14]byte{}
	ev.Reason, ev.TIF, ev.Display, ev.Capacity, ev.Cross, ev.Shown = 'U', 0, 0, 0, 0, 0
	e.touchBook(in, o.instrument)
	if in.tops {
		in.lostTop(slot)
	}
	in.book.Remove(slot)
	e.refs.remove(e, u, o, slot)
	e.unlisted(u, o)
	e.orders.Free(slot)
}

// plainTerms returns the instrument, side and price in ticks of an order that may go the short way; no instrument if it
// may not.
func (e *Engine) plainTerms(u *user, h *Header, tif, display uint8, wire uint64) (*instrument, book.Side, book.Price) {
	if display != 'Y' || tif != tifDay && tif != tifIOC && (tif != tifGTC || wire >= MarketPrice) || u.rare || e.closed ||
		int(h.Instrument) >= len(e.instruments) || h.Instrument == 0 {
		return nil, 0, 0
	}
	in := &e.instruments[h.Instrument]
	side := book.Buy
	if h.Side != 'B' {
		side = book.Sell
		if h.Side-'S' > 1 && h.Side != 'E' {
			return nil, 0, 0
		}
	}
	price, ok := in.ticks(wire)
	if wire >= MarketPrice && in.terms.Collar|uint64(in.terms.CollarBP) == 0 {
		price, ok = in.worst(side), true
	}
	if !ok || in.state != 0 || in.careful[side^1] != 0 {
		return nil, 0, 0
	}
	return in, side, price
}

// worst returns the price in ticks that a market order walks to.
func (in *instrument) worst(side book.Side) book.Price {
	if side == book.Buy {
		return book.Price(in.maxPrice / in.tick)
	}
	return 1
}

// plainWalk takes an order to market that has its slot but no names yet, and returns what is left of it.
func (e *Engine) plainWalk(o *order, in *instrument, side book.Side, price book.Price, left uint32) uint32 {
	if in.book.Crosses(side, price) {
		fills, rest := in.book.Match(e.fills[:0], side, price, book.Qty(left))
		e.fills = fills
		e.executed(o, in, left)
		left = uint32(rest)
	}
	return left
}

// plainEnd cancels what is left of such an order.
func (e *Engine) plainEnd(o *order, slot book.Slot, price uint64, left uint32, reason uint16) {
	ev := e.tell('C', o, price)
	ev.Qty, ev.Reason = left, reason
	e.orders.Free(slot)
}

// plainRest files it under its names and puts it at the back of its queue.
func (e *Engine) plainRest(u *user, o *order, slot book.Slot, in *instrument, side book.Side, price book.Price, left uint32) {
	last := &e.out[len(e.out)-1]
	last.Flags |= EventRests
	last.Shown = left
	e.refs.put(e, u, o, slot)
	e.listed(u, o, slot)
	e.touchBook(in, o.instrument)
	e.priority++
	in.book.Add(slot, book.Resting{
		Side: side, Class: book.Displayed, Price: price, Qty: book.Qty(left),
		Weight: plainWeight(o, price, e.priority, e.names[slot].tif),
	})
}

// ticks turns a limit price into ticks. False: it is none, off the tick or out of range.
func (in *instrument) ticks(price uint64) (book.Price, bool) {
	if price-1 >= in.maxPrice { // 0 too
		return 0, false
	}
	n := price
	if in.inverse != 0 {
		n, _ = bits.Mul64(in.inverse, price) // exact: both are below 2^32
	}
	return book.Price(n), n*in.tick == price
}

// setTick prepares the division of ticks.
func (in *instrument) setTick(tick uint64) {
	in.tick, in.inverse = tick, 0
	if tick > 1 {
		in.inverse = ^uint64(0)/tick + 1
	}
}

// executed tells both owners of each fill of a plain walk, the maker first, in the order of the walk, and forgets makers
// that are filled.
func (e *Engine) executed(o *order, in *instrument, leaves uint32) {
	e.touchBook(in, o.instrument)
	in.printed(e)
	for i := range e.fills {
		f := &e.fills[i]
		e.match++
		qty, price := uint32(f.Qty), uint64(f.Price)*in.tick
		leaves -= qty
		o.used += qty

		m := e.at(f.Maker)
		m.used += qty
		liquidity, flags, shown := uint16('A'), uint64(0), uint32(f.Leaves)
		if m.flags&orderHidden != 0 {
			liquidity, flags, shown = 'J', uint64(EventHidden)<<8, 0
		}
		ev := e.event()
		ev.begin(m.word() | 'E' | flags)
		ev.Ref, ev.OrigRef, ev.Qty, ev.Leaves = m.ref, 0, qty, uint32(f.Leaves)
		ev.Order, ev.Link, ev.Price, ev.Number = m.reference, e.match, price, e.number(m.user)
		ev.ClOrdID = [14]byte{}
		ev.Reason, ev.TIF, ev.Display, ev.Capacity, ev.Cross, ev.Shown = liquidity, 0, 0, 0, 0, shown
		if f.Leaves == 0 {
			e.forget(f.Maker)
		}

		ev = e.event()
		ev.begin(o.word() | 'E' | uint64(EventTaker)<<8)
		ev.Ref, ev.OrigRef, ev.Qty, ev.Leaves = o.ref, 0, qty, leaves
		ev.Order, ev.Link, ev.Price, ev.Number = o.reference, e.match, price, e.number(o.user)
		ev.ClOrdID = [14]byte{}
		ev.Reason, ev.TIF, ev.Display, ev.Capacity, ev.Cross, ev.Shown = 'R', 0, 0, 0, 0, 0
		if in.watching != 0 {
			in.last = price
			e.print(in, price)
		}
	}
	in.last = uint64(e.fills[len(e.fills)-1].Price) * in.tick
	e.fillCount += uint64(len(e.fills))
}

// printed keeps the last trade price of before the command, or of before the sweep of what expired that precedes it: what
// collars are measured from (rule 5.10).
func (in *instrument) printed(e *Engine) {
	if in.anchorTurn != e.turn {
		in.anchor, in.anchorTurn = in.last, e.turn
	}
}
