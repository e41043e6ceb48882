package engine

import "matcher/book"

// slip gives a post-only `R` order that would trade the price one tick away from the best displayed contra (rule 5.3), and
// every other order the price it came with. A price is never made better than the one that came.
func (e *Engine) slip(o *order, t *terms) {
	if t.flags&FlagPostOnlySlip != 0 && e.crosses(o, t.price) {
		in := &e.instruments[o.instrument]
		against := contra(bookSide(o.side))
		if best, ok := in.book.Best(against); ok {
			p := uint64(best) * in.def.Tick
			if against == book.Sell {
				p = min(p-in.def.Tick, t.price)
			} else {
				p = max(p+in.def.Tick, t.price)
			}
			if p >= in.def.Tick && p <= in.def.MaxPrice {
				t.price = p
			}
		}
	}
	if !t.market {
		o.price = uint32(t.price)
	}
}

// crosses says whether an order at a limit price would meet a maker at once, hidden ones included.
func (e *Engine) crosses(o *order, price uint64) bool {
	in := &e.instruments[o.instrument]
	side := bookSide(o.side)
	touch, ok := in.book.Touch(contra(side))
	if !ok {
		return false
	}
	if side == book.Buy {
		return uint64(touch)*in.def.Tick <= price
	}
	return uint64(touch)*in.def.Tick >= price
}

// aggress processes an order that was just accepted or replaced: post-only test, feasibility, walk, rest (rule 8.6).
func (e *Engine) aggress(o *order, t *terms) {
	qty := t.open
	in := &e.instruments[o.instrument]
	side := bookSide(o.side)
	if t.flags&(FlagPostOnly|FlagPostOnlySlip) != 0 && e.crosses(o, t.price) {
		e.ends(o, t, qty, 'G')
		return
	}
	limit, ok := e.limit(o, t)
	if !ok {
		e.ends(o, t, qty, 'I')
		return
	}
	if need := t.least(qty); need > qty || need != 0 && in.book.Fillable(side, limit, uint64(need)) < uint64(need) {
		e.ends(o, t, qty, 'I')
		return
	}
	fills, left := in.book.Match(e.fills[:0], side, limit, book.Qty(qty))
	e.fills = fills
	if len(fills) != 0 {
		e.executed(o, in, qty)
	}
	switch {
	case left == 0:
	case t.tif == tifIOC || t.tif == tifFOK || t.market && !t.toLimit:
		e.ends(o, t, uint32(left), 'I')
	default:
		if t.toLimit {
			o.price = uint32(uint64(limit) * in.def.Tick)
		}
		e.out[len(e.out)-1].Flags |= EventRests
		e.rest(o, uint32(left))
	}
}

// least returns the quantity that must be feasible before anything is executed (rule 4.5), 0 for none.
func (t *terms) least(qty uint32) uint32 {
	switch {
	case t.allOrNil:
		return qty
	case t.flags&FlagMinQty != 0:
		return t.minQty
	}
	return 0
}

// limit returns the worst price in ticks that an aggressor may trade at. False: a market-to-limit order that meets an
// empty side (rule 5.1).
func (e *Engine) limit(o *order, t *terms) (book.Price, bool) {
	in := &e.instruments[o.instrument]
	side := bookSide(o.side)
	switch {
	case !t.market:
		return book.Price(t.price / in.def.Tick), true
	case t.toLimit:
		return in.book.Touch(contra(side))
	case side == book.Buy:
		return book.Price(in.def.MaxPrice / in.def.Tick), true
	}
	return 1, true
}

// ends cancels what is left of an aggressor that may not rest.
func (e *Engine) ends(o *order, t *terms, left uint32, reason uint8) {
	e.canceled(o, left, 0, reason)
	e.out[len(e.out)-1].Price = t.price
}

// executed tells both owners of each fill, the maker first, in the order of the walk, and forgets makers that are filled.
func (e *Engine) executed(o *order, in *instrument, leaves uint32) {
	e.touchBook(o.instrument)
	for i := range e.fills {
		f := &e.fills[i]
		e.match++
		e.fillCount++
		qty, price := uint32(f.Qty), uint64(f.Price)*in.def.Tick
		leaves -= qty
		o.used += qty

		m := &e.live[f.Maker]
		m.used += qty
		ev := e.emitOrder('E', m)
		ev.Reason = 'A'
		if m.hidden() {
			ev.Reason = 'J'
		}
		ev.Link, ev.Price, ev.Qty, ev.Leaves = e.match, price, qty, uint32(f.Leaves)

		ev = e.emitOrder('E', o)
		ev.Flags |= EventTaker
		ev.Reason = 'R'
		ev.Link, ev.Price, ev.Qty, ev.Leaves = e.match, price, qty, leaves

		if f.Leaves == 0 {
			e.forget(f.Maker)
		}
	}
}
