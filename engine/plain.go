package engine

import (
	"math/bits"
	"slices"
	"unsafe"

	"matcher/book"
)

// The short way of most orders: limit and market orders, day, good till cancelled or immediate-or-cancel, displayed, post-only
// or without options, of an account without special rules, against makers that ask for no care; and Replaces of such orders
// by such that rest. Everything it does, enter, replace and aggress do as well; it is here because it is most of the work of a venue.
//
// An Enter that meets nobody and a Cancel are one function each from top to bottom, with few calls. Their event finds room
// (Apply sees to that), a walk makes room for those of each fill. Events are written as ten words, in place and once; other structs field by field, and in the widths in which they are read again: a
// literal would be built on the stack and copied in wider pieces than it was written in, for which the processor has to wait.

// enter carries out OUCH 5.0 Enter Order.
func (e *Engine) enter(cmd *Command) {
	c := cmd.Enter()
	if !e.known(&c.Header) {
		return
	}
	u := e.user(c.User)
	if c.Idx == 0 && c.Ref > u.last0 {
		u.last0 = c.Ref
		e.touchUser(u, c.User)
	} else if !e.use(u, c.User, c.Idx, c.Ref) {
		return
	}
	if u.interval != 0 && !e.pace(u) {
		e.reject(&c.Header, c.Ref, c.ClOrdID, rejectRate)
		return
	}
	side := sides[c.Side]
	if c.Flags&^FlagPostOnly|c.Idx|c.Exempt != 0 || c.Display != 'Y' || c.Cross != 'N' || u.open >= u.plain ||
		e.orders.Live() >= e.plain || int(c.Instrument) >= len(e.instruments) {
		e.enterRare(cmd, u)
		return
	}
	in := e.instrument(c.Instrument)
	if c.Qty-1 >= in.plain[side%4] { // of instrument 0, and of no side, no quantity is good
		e.enterRare(cmd, u)
		return
	}
	price, limit := in.ticks(c.Price)
	if !limit || c.TIF&^1 != tifDay { // day or good till cancelled
		if price = in.immediate(c, book.Side(side)); price == 0 {
			e.enterRare(cmd, u)
			return
		}
		e.enterMarket(c, u, in, book.Side(side), price)
		return
	}
	if in.book.Crosses(book.Side(side), price) {
		e.enterMarket(c, u, in, book.Side(side), price)
		return
	}
	slot := e.orders.Take()
	o := e.at(slot)
	u.sent++ // its turn on the list of what has changed came with its UserRefNum
	e.reference++
	o.enters(c, e.reference)
	id, idEnd := e.nameOf(slot).enters(c)
	e.next().put(c.word()|'A'|uint64(EventRests)<<8, c.Ref, 0, c.Qty, c.Qty, e.reference, 0, c.Price, u.sent,
		id, idEnd, letters(&c.TIF)|uint64(c.Qty)<<shownShift)
	e.plainRest(u, o, slot, in, book.Side(side), price, c.Qty, c.TIF)
}

// enterMarket is enter of an order that meets somebody, or does not rest.
func (e *Engine) enterMarket(c *Enter, u *user, in *instrument, side book.Side, price book.Price) {
	slot := e.orders.Take() // from the start: most come to rest
	o := e.at(slot)
	u.sent++
	e.reference++
	o.enters(c, e.reference)
	id, idEnd := e.nameOf(slot).enters(c)
	e.next().put(c.word()|'A', c.Ref, 0, c.Qty, c.Qty, e.reference, 0, c.Price, u.sent, id, idEnd, letters(&c.TIF))
	left := c.Qty
	if in.book.Crosses(side, price) {
		if c.Flags != 0 {
			e.plainEnd(o, slot, c.Price, left, 'G')
			return
		}
		left = e.plainWalk(o, in, side, price, left)
	}
	switch {
	case left == 0:
		e.orders.Free(slot)
	case c.TIF == tifIOC || c.Price >= MarketPrice:
		e.plainEnd(o, slot, c.Price, left, 'I')
	default:
		e.plainRests(left)
		e.plainRest(u, o, slot, in, side, price, left, c.TIF)
	}
}

// clOrdID returns the 14 bytes of a name in two words, of a command in which two more bytes follow.
func clOrdID(id *[14]byte) (first, rest uint64) {
	w := (*[2]uint64)(unsafe.Pointer(id))
	return w[0], w[1] & (1<<48 - 1)
}

// enters makes the order of an Enter.
func (o *order) enters(c *Enter, reference uint64) {
	o.reference, o.ref, o.used = reference, c.Ref, 0
	o.setWord(c.word())
}

// enters takes the name that an Enter gives, and returns its ClOrdID.
func (n *name) enters(c *Enter) (id, idEnd uint64) {
	id, idEnd = clOrdID(&c.ClOrdID)
	n.set(id, idEnd|uint64(c.Capacity)<<48|uint64(c.TIF)<<56)
	return id, idEnd
}

// set writes a name as two words.
func (n *name) set(first, rest uint64) {
	w := (*[2]uint64)(unsafe.Pointer(n))
	w[0], w[1] = first, rest
}

// letters returns time in force, display, capacity and cross as a command has them, and an event.
func letters(tif *uint8) uint64 { return uint64(*(*uint32)(unsafe.Pointer(tif))) }

// sides maps letters to the sides of a book; 2 is none.
var sides = func() (side [256]uint8) {
	for i := range side {
		side[i] = 2
	}
	side['B'], side['S'], side['T'], side['E'] = uint8(book.Buy), uint8(book.Sell), uint8(book.Sell), uint8(book.Sell)
	return side
}()

// immediate returns the price in ticks that an order which does not rest walks to, 0 if it may not go the short way.
func (in *instrument) immediate(c *Enter, side book.Side) book.Price {
	switch {
	case c.Flags != 0:
	case c.Price < MarketPrice && c.TIF == tifIOC:
		if price, ok := in.ticks(c.Price); ok {
			return price
		}
	case c.Price >= MarketPrice && (c.TIF == tifDay || c.TIF == tifIOC) && in.terms.Collar|uint64(in.terms.CollarBP) == 0:
		return in.worst(side)
	}
	return 0
}

// plainReplace makes a plain order of another in its slot. False: nothing was done.
func (e *Engine) plainReplace(c *Replace, u *user, o *order, slot book.Slot) bool {
	in, side := e.instrument(o.instrument), sides[o.side]
	price, limit := in.ticks(c.Price)
	if c.Flags|c.Idx|c.Exempt|c.Side != 0 || o.flags != 0 || !limit || c.TIF&^1 != tifDay || c.Display != 'Y' ||
		c.Qty <= o.used || c.Qty-1 >= in.plain[side%4] || u.plain == 0 || e.plain == 0 {
		return false
	}
	u.last0 = c.Ref
	u.sent++
	e.touchUser(u, c.User)
	e.touchBook(in, o.instrument)
	in.book.Remove(slot)
	e.unfile(u, o, slot)
	qty, before := c.Qty-o.used, o.reference
	e.reference++
	o.reference, o.ref = e.reference, c.Ref
	id, idEnd := clOrdID(&c.ClOrdID)
	n := e.nameOf(slot)
	letters := uint64(c.TIF) | 'Y'<<8 | uint64(n.capacity)<<16 | 'N'<<24
	n.set(id, idEnd|uint64(n.capacity)<<48|uint64(c.TIF)<<56)
	word := o.word() | 'U' | uint64(EventShown)<<8 // a plain order that is live rests displayed
	market := in.book.Crosses(book.Side(side), price)
	if !market {
		word, letters = word|uint64(EventRests)<<8, letters|uint64(qty)<<shownShift
	}
	e.next().put(word, c.Ref, c.OrigRef, qty, qty, e.reference, before, c.Price, u.sent, id, idEnd, letters)
	if market {
		if qty = e.plainWalk(o, in, book.Side(side), price, qty); qty == 0 {
			e.orders.Free(slot)
			return true
		}
		e.plainRests(qty)
	}
	e.plainRest(u, o, slot, in, book.Side(side), price, qty, c.TIF)
	return true
}

// cancel carries out OUCH 5.0 Cancel Order: the quantity is the most that the order may execute in all (rule 9.1).
func (e *Engine) cancel(c *Cancel) {
	if !e.known(&c.Header) {
		return
	}
	u := e.user(c.User)
	x := *e.refs.first(u, c.Ref)
	slot := book.Slot(x >> tagBits)
	o := e.at(slot)
	if (x^c.Ref^u.base)&tagMask != 0 || o.ref != c.Ref || o.user != c.User || o.idx|c.Idx != 0 {
		if slot = e.refs.get(e, u, c.User, c.Idx, c.Ref); slot == 0 {
			return
		}
		o = e.at(slot)
	}
	if o.flags != 0 || c.Qty > o.used {
		e.cancelRare(c, o, slot)
		return
	}
	in := e.instrument(o.instrument)
	qty := uint32(o.node().Leaves())
	u.sent++
	e.touchUser(u, o.user)
	e.next().put(o.word()|'C', o.ref, 0, qty, 0, o.reference, uint64(qty), uint64(o.node().Price())*in.tick, u.sent,
		0, 'U'<<reasonShift, 0)
	if !in.dirty || in.watching != 0 {
		e.touchBook(in, o.instrument)
	}
	if in.tops {
		in.lostTop(slot)
	}
	in.book.Remove(slot)
	e.unfile(u, o, slot)
	e.orders.Free(slot)
}

// worst returns the price in ticks that a market order walks to.
func (in *instrument) worst(side book.Side) book.Price {
	if side == book.Buy {
		return book.Price(in.maxPrice / in.tick)
	}
	return 1
}

// plainEnd cancels what is left of such an order.
func (e *Engine) plainEnd(o *order, slot book.Slot, price uint64, left uint32, reason uint16) {
	ev := e.tell('C', o, price)
	ev.Qty, ev.Reason = left, reason
	e.orders.Free(slot)
}

// plainRests marks the last event, which is the order's own, when what is left of it comes to rest.
func (e *Engine) plainRests(left uint32) {
	last := &e.out[len(e.out)-1]
	last.Flags |= EventRests
	last.Shown = left
}

// plainRest files it under its names and puts it at the back of its queue.
func (e *Engine) plainRest(u *user, o *order, slot book.Slot, in *instrument, side book.Side, price book.Price, left uint32, tif uint8) {
	if at := e.refs.first(u, o.ref); *at == 0 { // plain orders are of channel 0
		*at = e.refs.entry(u, o.ref, slot)
	} else {
		e.refs.put(e, u, o, slot)
	}
	e.listed(u, o, slot)
	if !in.dirty || in.watching != 0 {
		e.touchBook(in, o.instrument)
	}
	e.priority++
	in.book.Add(slot, book.Resting{
		Side: side, Class: book.Displayed, Price: price, Qty: book.Qty(left),
	}, plainWeight(o, price, e.priority, tif))
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

// plainWalk takes an order that meets somebody to market and returns what is left of it. It tells both owners of each fill,
// the maker first, in the order of the walk, and forgets makers that are filled.
func (e *Engine) plainWalk(o *order, in *instrument, side book.Side, price book.Price, left uint32) uint32 {
	e.touchBook(in, o.instrument)
	in.printed(e)
	deep, taker := e.Deep(), e.user(o.user)
	for {
		if cap(e.out)-len(e.out) < 2 {
			e.out = slices.Grow(e.out, 2)
		}
		f := in.book.Trade(side, book.Qty(left))
		m := e.at(f.Maker)
		if deep && f.Leaves == 0 {
			e.fetchMaker(m, f.Maker)
		}
		qty, wire := uint32(f.Qty), uint64(f.Price)*in.tick
		left -= qty
		o.used += qty
		m.used += qty
		e.match++
		e.fillCount++
		in.last = wire
		liquidity, flags, shown := uint64('A'), uint64(0), uint64(f.Leaves)
		if m.flags&orderHidden != 0 {
			liquidity, flags, shown = 'J', uint64(EventHidden)<<8, 0
		}
		u := e.user(m.user)
		u.sent++
		e.touchUser(u, m.user)
		e.next().put(m.word()|'E'|flags, m.ref, 0, qty, uint32(f.Leaves), m.reference, e.match, wire, u.sent,
			0, liquidity<<reasonShift, shown<<shownShift)
		taker.sent++ // it is on the list of what has changed: it was told of its order
		e.next().put(o.word()|'E'|uint64(EventTaker)<<8, o.ref, 0, qty, left, o.reference, e.match, wire, taker.sent,
			0, 'R'<<reasonShift, 0)
		if f.Leaves == 0 {
			e.forget(f.Maker)
		}
		if in.watching != 0 {
			e.print(in, wire)
		}
		if left == 0 || !in.book.Crosses(side, price) {
			return left
		}
	}
}

// printed keeps the last trade price of before the command, or of before the sweep of what expired that precedes it: what
// collars are measured from (rule 5.10).
func (in *instrument) printed(e *Engine) {
	if in.anchorTurn != e.turn {
		in.anchor, in.anchorTurn = in.last, e.turn
	}
}
