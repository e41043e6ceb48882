package engine

import (
	"math/bits"

	"matcher/book"
)

// The short way of most orders: day or immediate-or-cancel limit orders, displayed, without options, of an account without
// special rules, against makers that ask for no care; and Replaces of such orders by such. Everything it does, enter,
// replace and aggress do as well; it is here because it is most of the work of a venue.
//
// Structs are written field by field, and in the widths in which they are read again: a literal would be built on the stack
// and copied in wider pieces than it was written in, for which the processor has to wait.

// plain enters a new order the short way. False: nothing was done, the order is not plain.
func (e *Engine) plain(c *Enter, u *user) bool {
	if c.Flags|c.Idx|c.Exempt != 0 || c.Cross != 'N' || e.orders.Live()+int(e.slices) >= e.orders.Cap() {
		return false
	}
	in, side, price := e.plainTerms(u, &c.Header, c.TIF, c.Display, c.Price)
	if in == nil || c.Qty-1 >= in.maxQty {
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
	ev.Order, ev.Link, ev.Price, ev.Number = e.reference, 0, c.Price, e.number(c.User)
	ev.ClOrdID = c.ClOrdID
	ev.Reason, ev.TIF, ev.Display, ev.Capacity, ev.Cross, ev.Shown = 0, c.TIF, 'Y', c.Capacity, 'N', 0
	e.plainWalk(o, slot, in, side, price, c.Qty, c.TIF)
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
	e.refs.remove(e, o, slot)
	e.unlisted(o)
	e.reference++
	o.reference, o.ref = e.reference, c.Ref
	n := &e.names[slot]
	n.clOrdID, n.tif = c.ClOrdID, c.TIF
	ev := e.event()
	ev.begin(o.word() | 'U')
	ev.Ref, ev.OrigRef, ev.Qty, ev.Leaves = c.Ref, c.OrigRef, qty, qty
	ev.Order, ev.Link, ev.Price, ev.Number = e.reference, before, c.Price, e.number(c.User)
	ev.ClOrdID = c.ClOrdID
	ev.Reason, ev.TIF, ev.Display, ev.Capacity, ev.Cross, ev.Shown = 0, c.TIF, 'Y', n.capacity, 'N', 0
	e.plainWalk(o, slot, in, side, price, qty, c.TIF)
	return true
}

// plainTerms returns the instrument, side and price in ticks of an order that may go the short way; no instrument if it
// may not.
func (e *Engine) plainTerms(u *user, h *Header, tif, display uint8, wire uint64) (*instrument, book.Side, book.Price) {
	if display != 'Y' || tif != tifDay && tif != tifIOC || u.rare || e.closed ||
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
	if !ok || in.state != 0 || in.careful[side^1] != 0 {
		return nil, 0, 0
	}
	return in, side, price
}

// plainWalk takes an order to market that has its slot but no names yet, and rests what is left of it.
func (e *Engine) plainWalk(o *order, slot book.Slot, in *instrument, side book.Side, price book.Price, left uint32, tif uint8) {
	if in.book.Crosses(side, price) {
		fills, rest := in.book.Match(e.fills[:0], side, price, book.Qty(left))
		e.fills = fills
		e.executed(o, in, left)
		left = uint32(rest)
	}
	if left == 0 || tif == tifIOC {
		if left != 0 {
			ev := e.tell('C', o, uint64(price)*in.tick)
			ev.Qty, ev.Reason = left, 'I'
		}
		e.orders.Free(slot)
		return
	}
	last := &e.out[len(e.out)-1]
	last.Flags |= EventRests
	last.Shown = left
	e.refs.put(e, o, slot)
	e.listed(o, slot)
	e.touchBook(in, o.instrument)
	e.priority++
	in.book.Add(slot, book.Resting{
		Side: side, Class: book.Displayed, Price: price, Qty: book.Qty(left), Weight: plainWeight(o, price, e.priority, tif),
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
