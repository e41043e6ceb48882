package engine

import (
	"math/bits"

	"matcher/book"
)

// plain takes the short way of most orders: a day or immediate-or-cancel limit order, displayed, without options, of an
// account without special rules, against makers that ask for no care. Everything it does, enter and aggress do as well; it
// is here because it is most of the work of a venue. False: nothing was done, the order is not plain.
func (e *Engine) plain(c *Enter, u *user) bool {
	if c.Flags|c.Idx|c.Exempt != 0 || c.Display != 'Y' || c.Cross != 'N' || c.TIF != tifDay && c.TIF != tifIOC ||
		u.rare || e.closed || int(c.Instrument)-1 >= len(e.instruments)-1 || c.Instrument == 0 {
		return false
	}
	in := &e.instruments[c.Instrument]
	side := book.Buy
	if c.Side != 'B' {
		side = book.Sell
		if c.Side-'S' > 1 && c.Side != 'E' {
			return false
		}
	}
	price, ok := in.ticks(c.Price)
	if !ok || c.Qty-1 >= in.maxQty || in.state != 0 || in.careful[side^1] != 0 ||
		e.orders.Live()+int(e.slices) >= e.orders.Cap() {
		return false
	}
	e.reference++
	o := order{reference: e.reference, ref: c.Ref, instrument: c.Instrument, user: c.User, idx: c.Idx, side: c.Side}
	ev := e.event()
	ev.begin(o.word() | 'A')
	ev.Ref, ev.OrigRef, ev.Qty, ev.Leaves = c.Ref, 0, c.Qty, c.Qty
	ev.Order, ev.Link, ev.Price, ev.Number = o.reference, 0, c.Price, e.number(c.User)
	ev.ClOrdID = c.ClOrdID
	ev.Reason, ev.TIF, ev.Display, ev.Capacity, ev.Cross, ev.Shown = 0, c.TIF, 'Y', c.Capacity, 'N', 0

	left := c.Qty
	if in.book.Crosses(side, price) {
		fills, rest := in.book.Match(e.fills[:0], side, price, book.Qty(left))
		e.fills = fills
		e.executed(&o, in, left)
		left = uint32(rest)
	}
	switch {
	case left == 0:
	case c.TIF == tifIOC:
		ev := e.tell('C', &o, c.Price)
		ev.Qty, ev.Reason = left, 'I'
	default:
		last := &e.out[len(e.out)-1]
		last.Flags |= EventRests
		last.Shown = left
		slot := e.orders.Take()
		d := e.at(slot)
		*d = o
		n := &e.names[slot]
		n.clOrdID, n.capacity, n.tif = c.ClOrdID, c.Capacity, c.TIF
		e.refs.put(d, slot)
		e.listed(d, slot)
		e.queue(d, slot, price, left)
	}
	return true
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
			if in.tops {
				in.lostTop(f.Maker)
			}
			e.forget(f.Maker)
		}

		flags = uint64(EventTaker) << 8
		if o.flags&orderHidden != 0 {
			flags |= uint64(EventHidden) << 8
		}
		ev = e.event()
		ev.begin(o.word() | 'E' | flags)
		ev.Ref, ev.OrigRef, ev.Qty, ev.Leaves = o.ref, 0, qty, leaves
		ev.Order, ev.Link, ev.Price, ev.Number = o.reference, e.match, price, e.number(o.user)
		ev.ClOrdID = [14]byte{}
		ev.Reason, ev.TIF, ev.Display, ev.Capacity, ev.Cross, ev.Shown = 'R', 0, 0, 0, 0, 0
		in.last = price
		if in.watching != 0 {
			e.print(in, price)
		}
	}
	e.fillCount += uint64(len(e.fills))
}

// printed keeps the last trade price of before the command: what collars are measured from.
func (in *instrument) printed(e *Engine) {
	if in.anchorSeq != e.seq {
		in.anchor, in.anchorSeq = in.last, e.seq
	}
}
