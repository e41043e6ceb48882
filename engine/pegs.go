package engine

import "matcher/book"

// watch is what of an instrument moves by itself: pegs, midpoint orders, stops.
type watch struct {
	pegs      [2]movers // by side, in order of entry
	mids      [2]movers
	pegCount  uint32 // pegs and midpoint orders
	stopCount uint32 // pending stops

	bid, ask uint64 // best displayed prices without pegs, as pegs were last moved by; 0 none
	mid      uint64 // the midpoint that orders were last offered at; 0 none

	pending [3][2]*book.Agenda // stops by trigger (L B A) and side: the nearest first
	moves   [3][2]*book.Agenda // trailing ones by the reference beyond which they move
	leads   [3]lead            // by trigger, while an instrument settles
}

// lead is how far a reference went since trailing stops last moved after it; zero: they stand where they should.
type lead struct{ high, low uint64 }

// movers is a list of orders through cold.next and cold.prev.
type movers struct{ first, last book.Slot }

// watchFor hangs a new order on its instrument's watch if it moves by itself, and counts it if it asks for the careful walk.
func (in *instrument) watchFor(e *Engine, o *order, slot book.Slot) {
	side := bookSide(o.side)
	if o.flags&(orderIceberg|orderMinimum|orderMid) != 0 {
		in.careful[side]++
		in.setPlain()
	}
	if o.flags&(orderPeg|orderMid|orderPending) == 0 {
		return
	}
	if in.watch == nil {
		in.watch = newWatch(e)
	}
	in.watching++
	w := in.watch
	switch {
	case o.flags&orderPending != 0:
		w.stopCount++
		e.users[o.user].stops++
		w.put(o, slot, &e.cold[slot])
	case o.flags&orderMid != 0:
		w.pegCount++
		w.mids[side].append(e, slot)
	default:
		w.pegCount++
		w.pegs[side].append(e, slot)
	}
}

// unwatch takes back what watchFor did.
func (in *instrument) unwatch(e *Engine, o *order, slot book.Slot) {
	side := bookSide(o.side)
	if o.flags&(orderIceberg|orderMinimum|orderMid) != 0 {
		in.careful[side]--
		in.setPlain()
	}
	if o.flags&(orderPeg|orderMid|orderPending) == 0 {
		return
	}
	in.watching--
	w := in.watch
	switch {
	case o.flags&orderPending != 0:
		w.stopCount--
		e.users[o.user].stops--
		w.take(o, &e.cold[slot])
	case o.flags&orderMid != 0:
		w.pegCount--
		w.mids[side].remove(e, slot)
	default:
		w.pegCount--
		w.pegs[side].remove(e, slot)
	}
}

func newWatch(e *Engine) *watch {
	w := new(watch)
	for i := range w.pending {
		for side := range w.pending[i] {
			w.pending[i][side] = book.NewAgenda(e.triggers)
			w.moves[i][side] = book.NewAgenda(e.triggers)
		}
	}
	return w
}

func (m *movers) append(e *Engine, slot book.Slot) {
	c := &e.cold[slot]
	c.prev, c.next = m.last, 0
	if m.last != 0 {
		e.cold[m.last].next = slot
	} else {
		m.first = slot
	}
	m.last = slot
}

func (m *movers) remove(e *Engine, slot book.Slot) {
	c := &e.cold[slot]
	if c.prev != 0 {
		e.cold[c.prev].next = c.next
	} else {
		m.first = c.next
	}
	if c.next != 0 {
		e.cold[c.next].prev = c.prev
	} else {
		m.last = c.prev
	}
}

// firm returns the best displayed price of a side that is no peg's (rule 6.1), 0 if there is none. It looks at pegs that
// stand before the first other order: their number is bounded (rule 2.6).
func (e *Engine) firm(in *instrument, side book.Side) uint64 {
	for q := in.book.First(side, book.Displayed); q != 0; q = in.book.Behind(side, book.Displayed, q) {
		for s := in.book.Head(q); s != 0; s = e.orders.Next(s) {
			if e.at(s).flags&orderPeg == 0 {
				return uint64(in.book.PriceOf(side, book.Displayed, q)) * in.tick
			}
		}
	}
	return 0
}

// firmQuote returns both.
func (e *Engine) firmQuote(in *instrument) (bid, ask uint64) {
	return e.firm(in, book.Buy), e.firm(in, book.Sell)
}

// pegPrice returns the price that a peg should have now (rule 6.2). False: it has none.
func (e *Engine) pegPrice(in *instrument, side book.Side, c *cold) (book.Price, bool) {
	of := side
	if c.priceType == 'P' {
		of = contra(side)
	}
	ref := e.firm(in, of)
	if ref == 0 {
		return 0, false
	}
	price := int64(ref) + c.offset
	best, opposed := in.book.Best(contra(side))
	if side == book.Buy {
		if c.limit < MarketPrice {
			price = min(price, int64(c.limit))
		}
		if opposed {
			price = min(price, int64(best)*int64(in.tick)-int64(in.tick))
		}
	} else {
		if c.limit < MarketPrice {
			price = max(price, int64(c.limit))
		}
		if opposed {
			price = max(price, int64(best)*int64(in.tick)+int64(in.tick))
		}
	}
	if price < int64(in.tick) || price > int64(in.maxPrice) {
		return 0, false
	}
	return book.Price(uint64(price) / in.tick), true
}

// movePegs gives every peg the price that it should have now, buys first, each in order of entry (rule 6.3).
func (e *Engine) movePegs(in *instrument) {
	for _, side := range [...]book.Side{book.Buy, book.Sell} {
		for slot := in.watch.pegs[side].first; slot != 0; {
			next := e.cold[slot].next
			e.movePeg(in, side, slot)
			slot = next
		}
	}
}

func (e *Engine) movePeg(in *instrument, side book.Side, slot book.Slot) {
	price, ok := e.pegPrice(in, side, &e.cold[slot])
	if !ok {
		e.kill(slot, 'Z')
		return
	}
	if price == e.orders.Price(slot) {
		return
	}
	o := e.at(slot)
	t := e.again(o, slot)
	t.price, t.market = uint64(price)*in.tick, false
	before, was := o.reference, e.wasShown(o, slot)
	e.unqueue(o, slot)
	if o.flags&orderHidden == 0 {
		e.renamed(o, slot)
	}
	ev := e.tell('T', o, t.price)
	ev.Link, ev.Qty, ev.Leaves, ev.Display = before, t.open, t.open, t.display
	ev.Flags |= was
	e.aggress(o, slot, &t)
}

// again returns the terms of a live order that goes to market once more.
func (e *Engine) again(o *order, slot book.Slot) terms {
	c := &e.cold[slot]
	t := terms{name: e.names[slot], open: e.leaves(o, slot), price: c.limit, display: o.display(), order: o.flags, cold: *c}
	t.qty, t.market = t.open, t.price >= MarketPrice && o.flags&orderMid == 0
	t.toLimit = t.market && o.flags&orderToLimit != 0
	t.allOrNil = t.tif == tifFOK
	if c.minimum != 0 {
		t.flags |= FlagMinQty
		t.allOrNil = t.allOrNil || t.tif == tifIOC && c.minimum >= t.open
	}
	return t
}

// midpoint returns the midpoint, if it lies strictly between the best displayed prices that are no pegs' (rule 6.6), else 0.
func (in *instrument) midpoint(e *Engine) (uint64, bool) {
	bid, ask := e.firmQuote(in)
	if bid == 0 || ask == 0 {
		return 0, false
	}
	m := (bid + ask) / 2
	if m <= bid || m >= ask {
		return 0, false
	}
	return m, true
}

// midWith returns the midpoint if orders of a side wait at it.
func (in *instrument) midWith(e *Engine, side book.Side) (uint64, bool) {
	if in.watch == nil || in.watch.mids[side].first == 0 {
		return 0, false
	}
	return in.midpoint(e)
}

// midFor returns the midpoint if an order of a side with a limit is active at it.
func (in *instrument) midFor(e *Engine, side book.Side, limit uint64) (uint64, bool) {
	m, ok := in.midpoint(e)
	return m, ok && allows(side, limit, m)
}

// offerMids offers every midpoint order to the market in order of entry (rule 6.6).
func (e *Engine) offerMids(in *instrument) {
	w := in.watch
	e.scratch = e.scratch[:0]
	buy, sell := w.mids[book.Buy].first, w.mids[book.Sell].first
	for buy != 0 || sell != 0 {
		if sell == 0 || buy != 0 && e.cold[buy].entry < e.cold[sell].entry {
			e.scratch = append(e.scratch, buy)
			buy = e.cold[buy].next
		} else {
			e.scratch = append(e.scratch, sell)
			sell = e.cold[sell].next
		}
	}
	// Nothing comes to life meanwhile, so a slot that still holds a live order holds the one it held.
	for _, slot := range e.scratch {
		if e.orders.Parked(slot) {
			e.offer(in, slot)
		}
	}
}

// offer takes a midpoint order to market. What is left of it keeps its place.
func (e *Engine) offer(in *instrument, slot book.Slot) {
	o := e.at(slot)
	m, ok := in.midFor(e, bookSide(o.side), e.cold[slot].limit)
	if !ok {
		return
	}
	t := e.again(o, slot)
	if o.flags&orderPost != 0 && e.touches(o, &t, t.open, m) {
		e.kill(slot, 'G')
		return
	}
	e.walk(o, &t, t.open, m, false)
	left, stopped := e.plan.left, e.plan.stopped
	if len(e.plan.steps) == 0 && stopped == 0 {
		return
	}
	e.commit(o, &t)
	switch {
	case left == 0:
		in.book.Remove(slot)
		e.forget(slot)
	case stopped != 0:
		if left != t.open {
			in.book.Reduce(slot, book.Qty(t.open-left))
		}
		e.kill(slot, 'Q')
	case left != t.open: // else only own makers were cancelled
		in.book.Reduce(slot, book.Qty(t.open-left))
		e.rests(o, 0)
	}
}
