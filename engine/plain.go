package engine

import (
	"math/bits"
	"unsafe"

	"matcher/book"
)

// The short way of most orders: limit and market orders, day, good till cancelled or immediate-or-cancel, displayed, post-only
// or without options, of an account without special rules, against makers that ask for no care; and Replaces of such orders
// by such. Everything it does, enter, replace and aggress do as well; it is here because it is most of the work of a venue.
//
// Enter and Cancel are one function each from top to bottom, with calls only into the book and for what is rare. Events are
// written as ten words, in place and once; other structs field by field, and in the widths in which they are read again: a
// literal would be built on the stack and copied in wider pieces than it was written in, for which the processor has to wait.

// enter carries out OUCH 5.0 Enter Order.
func (e *Engine) enter(cmd *Command) {
	c := cmd.Enter()
	if !e.known(&c.Header) {
		return
	}
	u := &e.users[c.User]
	if c.Idx == 0 && c.Ref > u.last0 {
		u.last0 = c.Ref
		if !u.dirty {
			e.touchUser(u, c.User)
		}
	} else if !e.use(u, c.User, c.Idx, c.Ref) {
		return
	}
	if u.interval != 0 && !e.pace(u) {
		e.reject(&c.Header, c.Ref, c.ClOrdID, rejectRate)
		return
	}
	side := sides[c.Side]
	if c.Flags&^FlagPostOnly|c.Idx|c.Exempt|side>>1 != 0 || c.Display != 'Y' || c.Cross != 'N' || u.rare || u.open >= u.most ||
		e.closed || e.orders.Live()+int(e.slices) >= e.orders.Cap() || int(c.Instrument) >= len(e.instruments) {
		e.enterRare(cmd, u)
		return
	}
	in := &e.instruments[c.Instrument] // of index 0 no quantity is good
	price, limit := in.ticks(c.Price)
	rests := limit && (c.TIF == tifDay || c.TIF == tifGTC)
	if !rests {
		price = in.immediate(c, side)
	}
	if price == 0 || c.Qty-1 >= in.maxQty || in.state != 0 || in.careful[side&1^1] != 0 {
		e.enterRare(cmd, u)
		return
	}
	// The order has its slot from the start: most come to rest.
	slot := e.orders.Take()
	o := e.at(slot)
	e.reference++
	o.reference, o.ref, o.used = e.reference, c.Ref, 0
	o.setWord(c.word())
	id, idEnd := clOrdID(&c.ClOrdID)
	e.names[slot].set(id, idEnd|uint64(c.Capacity)<<48|uint64(c.TIF)<<56)
	u.sent++ // its turn on the list of what has changed came with its UserRefNum
	e.event().put(c.word()|'A', c.Ref, 0, c.Qty, c.Qty, e.reference, 0, c.Price, u.sent, id, idEnd, letters(&c.TIF))
	left := c.Qty
	if in.book.Crosses(book.Side(side), price) {
		if c.Flags != 0 {
			e.plainEnd(o, slot, c.Price, left, 'G')
			return
		}
		left = e.plainWalk(o, in, book.Side(side), price, left)
	}
	switch {
	case left == 0:
		e.orders.Free(slot)
	case !rests:
		e.plainEnd(o, slot, c.Price, left, 'I')
	default:
		e.plainRest(u, o, slot, in, book.Side(side), price, left)
	}
}

// clOrdID returns the 14 bytes of a name in two words, of a command in which two more bytes follow.
func clOrdID(id *[14]byte) (first, rest uint64) {
	w := (*[2]uint64)(unsafe.Pointer(id))
	return w[0], w[1] & (1<<48 - 1)
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
func (in *instrument) immediate(c *Enter, side uint8) book.Price {
	switch {
	case c.Flags != 0:
	case c.Price < MarketPrice && c.TIF == tifIOC:
		if price, ok := in.ticks(c.Price); ok {
			return price
		}
	case c.Price >= MarketPrice && (c.TIF == tifDay || c.TIF == tifIOC) && in.terms.Collar|uint64(in.terms.CollarBP) == 0 && in.maxQty != 0:
		return in.worst(book.Side(side))
	}
	return 0
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
	if at := e.refs.first(u, o.ref); *at == e.refs.entry(u, o.ref, slot) && o.idx == 0 {
		*at = 0
	} else {
		e.refs.remove(e, u, o, slot)
	}
	e.unlisted(u, o)
	e.reference++
	o.reference, o.ref = e.reference, c.Ref
	id, idEnd := clOrdID(&c.ClOrdID)
	n := &e.names[slot]
	n.set(id, idEnd|uint64(n.capacity)<<48|uint64(c.TIF)<<56)
	word := o.word() | 'U' | uint64(EventShown)<<8 // a plain order that is live rests displayed
	e.event().put(word, c.Ref, c.OrigRef, qty, qty, e.reference, before, c.Price, e.number(c.User),
		id, idEnd, uint64(c.TIF)|'Y'<<8|uint64(n.capacity)<<16|'N'<<24)
	if left := e.plainWalk(o, in, side, price, qty); left == 0 {
		e.orders.Free(slot)
	} else if c.TIF == tifIOC || c.Price >= MarketPrice {
		e.plainEnd(o, slot, c.Price, left, 'I')
	} else {
		e.plainRest(u, o, slot, in, side, price, left)
	}
	return true
}

// cancel carries out OUCH 5.0 Cancel Order: the quantity is the most that the order may execute in all (rule 9.1).
func (e *Engine) cancel(c *Cancel) {
	slot := e.find(c.User, c.Idx, c.Ref)
	if slot == 0 {
		return
	}
	o := e.at(slot)
	if o.flags != 0 || c.Qty > o.used {
		e.cancelRare(c, o, slot)
		return
	}
	u, in := &e.users[o.user], &e.instruments[o.instrument]
	qty := uint32(e.orders.Leaves(slot))
	u.sent++
	if !u.dirty {
		e.touchUser(u, o.user)
	}
	price := uint64(e.orders.Price(slot)) * in.tick
	e.event().put(o.word()|'C', o.ref, 0, qty, 0, o.reference, uint64(qty), price, u.sent, 0, 'U'<<reasonShift, 0)
	if !in.dirty || in.watching != 0 {
		e.touchBook(in, o.instrument)
	}
	if in.tops {
		in.lostTop(slot)
	}
	in.book.Remove(slot)
	if at := e.refs.first(u, o.ref); *at == e.refs.entry(u, o.ref, slot) && o.idx == 0 {
		*at = 0
	} else {
		e.refs.remove(e, u, o, slot)
	}
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
	}, plainWeight(o, price, e.priority, e.names[slot].tif))
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
	if e.Deep() {
		e.fetchMakers()
	}
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
		liquidity, flags, shown := uint64('A'), uint64(0), uint64(f.Leaves)
		if m.flags&orderHidden != 0 {
			liquidity, flags, shown = 'J', uint64(EventHidden)<<8, 0
		}
		e.event().put(m.word()|'E'|flags, m.ref, 0, qty, uint32(f.Leaves), m.reference, e.match, price, e.number(m.user),
			0, liquidity<<reasonShift, shown<<shownShift)
		if f.Leaves == 0 {
			e.forget(f.Maker)
		}

		e.event().put(o.word()|'E'|uint64(EventTaker)<<8, o.ref, 0, qty, leaves, o.reference, e.match, price, e.number(o.user),
			0, 'R'<<reasonShift, 0)
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
