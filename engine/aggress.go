package engine

import (
	"math"
	"math/bits"

	"matcher/book"
)

// slip gives a post-only `R` order that would trade the price one tick away from the best displayed contra (rule 5.3). A price
// is never made better than the one that came.
func (e *Engine) slip(o *order, t *terms) {
	if t.flags&FlagPostOnlySlip == 0 || t.order&(orderMid|orderPending) != 0 {
		return
	}
	in := &e.instruments[o.instrument]
	side := bookSide(o.side)
	if !e.touches(o, t, t.open, t.price) {
		return
	}
	best, ok := in.book.Best(contra(side))
	if !ok {
		return
	}
	p := uint64(best) * in.tick
	if side == book.Buy {
		p = min(p-in.tick, t.price)
	} else {
		p = max(p+in.tick, t.price)
	}
	if p-1 < in.maxPrice {
		t.price = p
	}
}

// touches says whether a walk of so many lots to a limit would execute or self-match at once.
func (e *Engine) touches(o *order, t *terms, qty uint32, limit uint64) bool {
	e.walk(o, t, qty, limit, true)
	return len(e.plan.steps) != 0 || e.plan.stopped != 0
}

// aggress takes an order to market: post-only test, feasibility, walk, rest (rule 8.6). slot is its slot if it is live
// already, in no book (a triggered stop, a peg that moved), else 0.
func (e *Engine) aggress(o *order, slot book.Slot, t *terms) {
	in := &e.instruments[o.instrument]
	limit, bound, reason := e.limits(in, o, t)
	if reason == 0 && o.flags&orderPost != 0 && e.touches(o, t, t.open, limit) {
		reason = 'G'
	}
	if reason != 0 {
		e.ends(o, slot, t, t.open, reason)
		return
	}
	left, stopped, least := t.open, uint8(0), t.least()
	unmet := !e.feasible(o, t, bound, least)
	if !unmet {
		left, stopped = e.plan.left, e.plan.stopped
		e.commit(o, t)
	}
	switch {
	case unmet && (!t.rests() || bound != limit && e.feasible(o, t, limit, least)):
		// One that may rest does so whole, unless the collar alone kept it from its minimum: it would stand against orders
		// that can fill it.
		e.ends(o, slot, t, left, 'I')
	case unmet:
		e.restAt(o, slot, t, left, limit)
	case left == 0:
		if slot != 0 {
			e.forget(slot)
		}
	case stopped != 0:
		e.ends(o, slot, t, left, 'Q')
	case bound != limit && e.touches(o, t, left, limit):
		e.ends(o, slot, t, left, 'K')
	case !t.rests():
		e.ends(o, slot, t, left, 'I')
	default:
		e.restAt(o, slot, t, left, limit)
	}
}

// feasible says whether a walk to a limit would execute so much (rule 4.5), and leaves it in e.plan if it would. Where the prices
// up to there do not hold so much, no order is looked at.
func (e *Engine) feasible(o *order, t *terms, limit uint64, least uint32) bool {
	if least != 0 && !e.hold(o, limit, uint64(least)) {
		return false
	}
	e.walk(o, t, t.open, limit, false)
	return e.plan.filled >= least
}

// hold says whether what an aggressor could meet up to a limit is so much, conditions and owners left aside: it is never less
// than what a walk executes.
func (e *Engine) hold(o *order, limit, need uint64) bool {
	in, side := &e.instruments[o.instrument], bookSide(o.side)
	more := in.reserves[contra(side)]
	if w := in.watch; w != nil {
		for s := w.mids[contra(side)].first; s != 0 && more < need; s = e.cold[s].next {
			more += uint64(e.orders.Leaves(s))
		}
	}
	price := book.Price(min(limit/in.tick, math.MaxUint32)) // of a sell between two ticks one tick too far
	return more >= need || in.book.Fillable(side, price, need-more) == need-more
}

// restAt rests an order at the limit of its walk: its own, or that of a market-to-limit order, whose owner is told at what
// price it rests (rule 5.1): it may have executed at better ones, or not at all.
func (e *Engine) restAt(o *order, slot book.Slot, t *terms, left uint32, limit uint64) {
	if t.toLimit && t.market {
		t.price = limit
		ev := e.tell('T', o, limit)
		ev.Link, ev.Qty, ev.Leaves, ev.Display = o.reference, left, left, t.display
	}
	e.rest(o, slot, t, left)
}

// rests says whether what is left of the order may rest (rules 5.1, 5.2).
func (t *terms) rests() bool { return !t.immediate() && (!t.market || t.toLimit) }

// least returns the quantity that must be feasible before anything is executed (rule 4.5), 0 for none.
func (t *terms) least() uint32 {
	switch {
	case t.allOrNil:
		return t.open
	case t.flags&FlagMinQty != 0 && t.immediate():
		return t.minimum // may be more than is open: then it is not feasible
	case t.flags&FlagMinQty != 0:
		return min(t.minimum, t.open)
	}
	return 0
}

// limits returns the worst wire price at which the order may trade by itself, and under the collar. A reason: it dies.
func (e *Engine) limits(in *instrument, o *order, t *terms) (limit, bound uint64, reason uint8) {
	side := bookSide(o.side)
	switch {
	case o.flags&orderMid != 0:
		m, ok := in.midFor(e, side, t.limit)
		if !ok {
			m = in.nothing(side) // inactive: it meets nobody
		}
		return m, m, 0
	case !t.market:
		limit = t.price
	case t.toLimit:
		price, ok := e.bestOpposite(in, contra(side))
		if !ok {
			return 0, 0, 'I'
		}
		limit = price
	case side == book.Buy:
		limit = in.maxPrice
	}
	bound = limit
	if t.collar {
		bound = in.collared(e, side, limit)
		if t.market && t.toLimit && bound != limit {
			return 0, 0, 'K'
		}
	}
	return limit, bound, 0
}

// nothing returns a limit that no price of the other side reaches.
func (in *instrument) nothing(side book.Side) uint64 {
	if side == book.Buy {
		return 0
	}
	return ^uint64(0) >> 1
}

// bestOpposite returns the best price of a side that a market-to-limit order goes by: of displayed orders and of hidden ones
// without a minimum (rule 5.1).
func (e *Engine) bestOpposite(in *instrument, side book.Side) (uint64, bool) {
	best, ok := in.book.Best(side)
	for q := in.book.First(side, book.Hidden); q != 0; q = in.book.Behind(side, book.Hidden, q) {
		price := in.book.PriceOf(side, book.Hidden, q)
		if ok && (price == best || (price > best) == (side == book.Sell)) {
			break
		}
		for s := in.book.Head(q); s != 0; s = e.orders.Next(s) {
			if e.at(s).flags&orderMinimum == 0 {
				return uint64(price) * in.tick, true
			}
		}
	}
	return uint64(best) * in.tick, ok
}

// collared returns the limit that the price protection leaves of another (rule 5.10).
func (in *instrument) collared(e *Engine, side book.Side, limit uint64) uint64 {
	anchor := in.last
	if in.anchorTurn == e.turn {
		anchor = in.anchor
	}
	if anchor == 0 {
		anchor = in.terms.Reference
	}
	if anchor == 0 || in.terms.Collar == 0 && in.terms.CollarBP == 0 {
		return limit
	}
	width := in.terms.Collar
	if width == 0 {
		hi, lo := bits.Mul64(anchor, uint64(in.terms.CollarBP))
		width, _ = bits.Div64(hi, lo, 10_000) // the price is below 2^31, the share below 2^32
	}
	if side == book.Buy {
		return min(limit, anchor+width)
	}
	return max(limit, anchor-min(anchor, width))
}

// told is the price that an aggressor's owner is told where it does not trade: of a midpoint order its limit.
func (t *terms) told(o *order) uint64 {
	if o.flags&orderMid != 0 {
		return t.limit
	}
	return t.price
}

// ends cancels what is left of an aggressor that may not rest.
func (e *Engine) ends(o *order, slot book.Slot, t *terms, left uint32, reason uint8) {
	ev := e.tell('C', o, t.told(o))
	ev.Qty, ev.Reason = left, uint16(reason)
	if slot != 0 {
		e.forget(slot)
	}
}

// rest puts what is left of an order at the back of its queue.
func (e *Engine) rest(o *order, slot book.Slot, t *terms, left uint32) {
	if slot == 0 {
		o, slot, _ = e.live(o, t, left)
	} else if o.flags&orderMinimum != 0 {
		c := &e.cold[slot]
		c.minimum = min(c.minimum, left)
	}
	in := &e.instruments[o.instrument]
	switch {
	case o.flags&orderMid != 0:
		e.park(o, slot, left)
		e.rests(o, 0)
		return
	case o.flags&orderIceberg != 0:
		slice := min(e.cold[slot].floor, left)
		e.setReserve(o, slot, left-slice)
		left = slice
	}
	price := book.Price(t.price / in.tick)
	if in.tops && o.flags&orderHidden == 0 {
		in.newTop(bookSide(o.side), slot, price)
	}
	e.queue(o, slot, price, left)
	e.rests(o, e.shown(o, slot))
}
