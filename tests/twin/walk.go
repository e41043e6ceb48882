package twin

import (
	"slices"

	"matcher/engine"
)

// process takes an accepted order through rule 8.6's order of tests (post-only, feasibility, walk), and rests or cancels
// what is left. A stop only begins to wait.
func (t *Twin) process(o, original *order) {
	if o.pending {
		t.accept(o, original)
		t.wait(o)
		return
	}
	t.price(o)
	killed := o.postOnly != 0 && t.touches(o) && t.slip(o)
	t.accept(o, original)
	if o.midpoint() && market(o.price) {
		o.price = atMarket
	}
	if killed {
		t.decrement(o, o.leaves, 'G')
		return
	}
	t.aggress(o)
}

// accept gives the order its reference and tells its owner: Accepted, or Replaced with the reference before.
func (t *Twin) accept(o, original *order) {
	t.reference++
	o.reference, o.entered = t.reference, t.reference
	if original == nil {
		o.echo(t.tell(o, 'A'))
		return
	}
	ev := t.tell(o, 'U')
	ev.OrigRef, ev.Link = original.ref, original.reference
	ev.Flags |= original.before
	o.echo(ev)
}

// aggress lets an order take what it may, as it comes in, is triggered, or has moved.
func (t *Twin) aggress(o *order) {
	limit, ok := t.limit(o)
	bound := t.bound(o)
	within := tighter(o.side, limit, bound)
	need := o.minimum
	if o.tif == '4' {
		need = o.leaves
	}
	switch {
	case !ok && o.midpoint(): // no midpoint that it may trade at, for now (rule 6.6)
		t.rest(o)
		return
	case !ok: // market-to-limit without a price to take (rule 5.1)
		t.decrement(o, o.leaves, 'I')
		return
	case o.toLimit && market(o.price) && !allows(o.side, bound, limit): // rule 5.10
		t.decrement(o, o.leaves, 'K')
		return
	case need > 0 && t.feasible(o, within) < need:
		t.unmet(o, limit, within)
		return
	}
	if need > 0 && !o.atOnce() {
		t.see("minimum met, may rest")
	}
	t.walk(o, within)
	switch {
	case o.leaves == 0:
	case within != limit && len(t.try(o, limit)) > 0: // it was the collar that ended the walk (rule 5.10)
		t.decrement(o, o.leaves, 'K')
	case o.atOnce(), market(limit):
		t.decrement(o, o.leaves, 'I')
	default:
		t.restAt(o, limit)
	}
}

// unmet ends an order whose minimum is not there. The book is untouched (rule 4.6). One that may rest does, with all of
// it: unless the collar alone kept it from its minimum, since it would then stand against orders that can fill it.
func (t *Twin) unmet(o *order, limit, within uint64) {
	if o.atOnce() || market(limit) || within != limit && t.feasible(o, limit) >= o.minimum {
		t.decrement(o, o.leaves, 'I')
		return
	}
	t.see("minimum unmet, rests")
	t.restAt(o, limit)
}

// restAt rests an order at the limit that it came to have. A midpoint order keeps its own.
func (t *Twin) restAt(o *order, limit uint64) {
	if o.toLimit && market(o.price) { // the owner is told at what price it rests (rule 5.1)
		o.price = limit
		t.moved(o, o.reference)
	}
	if !o.midpoint() {
		o.price = limit
	}
	t.rest(o)
}

// limit returns the price up to which an order may trade, and whether there is one. For market-to-limit it is the best
// price of the other side, hidden orders counted, since the walk begins there (rules 4.2, 5.1): save those that do not
// trade with everybody, or only at the midpoint. A midpoint order trades at the midpoint or better.
func (t *Twin) limit(o *order) (limit uint64, ok bool) {
	if o.midpoint() {
		mid := t.midpoint(o.instrument)
		return mid, o.active(mid)
	}
	if !o.toLimit || !market(o.price) {
		return o.price, true
	}
	for _, m := range t.open {
		if !m.faces(o) || m.conditional() || m.midpoint() {
			continue
		}
		if limit == 0 || buys(m.side) && m.price > limit || !buys(m.side) && m.price < limit {
			limit = m.price
		}
	}
	return limit, limit != 0
}

// bound is the price up to which the collar lets an order trade (rule 5.10): market orders, and whatever was a stop.
func (t *Twin) bound(o *order) uint64 {
	in := &t.instruments[o.instrument]
	anchor, width := in.anchor, in.terms.Collar
	if anchor == 0 {
		anchor = in.terms.Reference
	}
	none := anchor == 0 || in.terms.Collar == 0 && in.terms.CollarBP == 0
	if none || o.follows != 0 || !market(o.price) && !o.wasStop {
		return atMarket
	}
	if width == 0 {
		width = anchor * uint64(in.terms.CollarBP) / 10_000
	}
	if buys(o.side) {
		return anchor + width
	}
	return anchor - min(anchor, width)
}

// slip prices a post-only order that would trade as it came one tick away from the best displayed order, or says that it
// dies (rule 5.3). It is never made more aggressive than it came. Without a displayed contra order there is nothing to
// move away from, and a price outside the range is nobody's: in both cases the order is told at the price it came with.
// A midpoint order has no price to move.
func (t *Twin) slip(o *order) (killed bool) {
	in := &t.instruments[o.instrument]
	best := t.best(o.instrument, other(o.side), true)
	switch {
	case o.postOnly != 'R' || o.midpoint() || best == 0:
		return true
	case buys(o.side) && best <= in.Tick, !buys(o.side) && best+in.Tick > in.MaxPrice:
		return true
	case buys(o.side):
		o.price = min(o.price, best-in.Tick)
	default:
		o.price = max(o.price, best+in.Tick)
	}
	return t.touches(o)
}

// touches says whether an order would trade, or meet an own order, as it is priced.
func (t *Twin) touches(o *order) bool {
	limit, ok := t.limit(o)
	return ok && len(t.try(o, limit)) > 0
}

// feasible returns how much an order would execute up to a limit (rule 4.5).
func (t *Twin) feasible(o *order, limit uint64) (executed int64) {
	for _, ev := range t.try(o, limit) {
		if ev.Kind == 'E' && ev.Flags&engine.EventTaker != 0 {
			executed += int64(ev.Qty)
		}
	}
	return executed
}

// try returns the events of a walk that does not happen: it is done on a copy.
func (t *Twin) try(o *order, limit uint64) []engine.Event {
	c, copied := t.clone(), *o
	if i := slices.Index(t.open, o); i >= 0 { // a midpoint order that is offered stands in the book
		c.open[i] = &copied
	}
	c.walk(&copied, limit)
	return c.events
}

// walk takes makers in rank order while the aggressor has leaves and the price is allowed (rule 4.4). The midpoint is
// that of the beginning.
func (t *Twin) walk(o *order, limit uint64) {
	mid := t.midpoint(o.instrument)
	passed := map[*order]bool{}
	for o.leaves > 0 {
		m := t.next(o, mid, passed)
		if m == nil || !allows(o.side, limit, m.placed(mid)) {
			return
		}
		price := t.priceOf(m, mid)
		switch {
		case m.conditional() && o.leaves < min(m.minimum, m.leaves):
			t.see("stepped over: too small")
			passed[m] = true // it keeps its place (rule 5.7)
		case !allows(o.side, limit, price): // of one with a minimum (rule 5.6)
			t.see("stepped over: price")
			passed[m] = true
		case !m.hidden() && !t.settling && t.instruments[o.instrument].Policy == engine.PolicyProRata:
			t.share(o, m.price)
		default:
			t.meet(m, o, price)
		}
	}
}

// next returns the maker that is first in rank among those an aggressor has not passed, or nil.
func (t *Twin) next(o *order, mid uint64, passed map[*order]bool) (first *order) {
	for _, m := range t.open {
		if !m.faces(o) || m.midpoint() && !m.active(mid) || passed[m] {
			continue
		}
		if first == nil || rank(m, first, mid) < 0 {
			first = m
		}
	}
	return first
}

// faces says whether an order stands on the other side of the same book.
func (m *order) faces(o *order) bool {
	return m.stands && m.instrument == o.instrument && buys(m.side) != buys(o.side)
}

// priceOf is the price at which a maker trades: its own, or the midpoint. One with a minimum never trades through the best
// displayed price of the side opposite to it, where the aggressor comes from (rule 5.6).
func (t *Twin) priceOf(m *order, mid uint64) uint64 {
	if best := t.best(m.instrument, other(m.side), true); m.conditional() && best != 0 {
		return tighter(m.side, m.price, best)
	}
	return m.placed(mid)
}

// meet deals with one maker that the walk has reached.
func (t *Twin) meet(m, o *order, price uint64) {
	if t.own(m, o) {
		t.avoid(m, o, price)
	} else {
		t.trade(m, o, min(m.exposed(), o.leaves), price)
	}
	t.refresh(m)
}

// trade executes between maker and aggressor: the maker is told first.
func (t *Twin) trade(m, o *order, qty int64, price uint64) {
	if m.conditional() && price != m.price {
		t.see("better than its limit")
	}
	t.match++
	for _, side := range []*order{m, o} {
		side.take(qty)
		if side.leaves == 0 {
			t.remove(side)
		}
		ev := t.tell(side, 'E')
		ev.Qty, ev.Price, ev.Link, ev.Reason = uint32(qty), price, t.match, side.liquidity(side == o)
		if side == o {
			ev.Flags |= engine.EventTaker
		}
	}
	t.printed(o.instrument, price)
}

// liquidity is the letter of an execution (rules 5.5, 6.6).
func (o *order) liquidity(aggressor bool) uint16 {
	switch {
	case aggressor && o.midpoint():
		return 'm'
	case aggressor:
		return 'R'
	case o.midpoint():
		return 'k'
	case o.hidden():
		return 'J'
	}
	return 'A'
}
