package twin

import "matcher/engine"

// process takes an accepted order through rule 8.6's order of tests (post-only, feasibility, walk), and rests or cancels
// what is left.
func (t *Twin) process(o *order, d *details) {
	contra := byte('B')
	if buys(o.side) {
		contra = 'S'
	}
	queue := t.queue(o.instrument, contra)
	limit := d.limit(queue)
	killed := false
	if d.postOnly() && len(allowed(queue, o.side, limit)) > 0 {
		limit, killed = t.slip(queue, d)
		o.price = limit
	}
	t.accept(o, d.original)
	feasible := int64(0)
	for _, maker := range allowed(queue, o.side, limit) {
		feasible += maker.leaves // hidden orders count (rule 4.5)
	}
	switch {
	case killed:
		t.decrement(o, o.leaves, 'G')
		return
	case min(feasible, o.leaves) < d.minimumAtOnce():
		t.decrement(o, o.leaves, 'I') // the book is untouched (rule 4.6)
		return
	}
	for _, maker := range allowed(queue, o.side, limit) {
		if o.leaves > 0 {
			t.execute(maker, o)
		}
	}
	switch {
	case o.leaves == 0:
	case o.tif == '3' || o.tif == '4', market(limit):
		t.decrement(o, o.leaves, 'I')
	default:
		o.price = limit
		t.open = append(t.open, o) // the highest reference there is
		t.events[len(t.events)-1].Flags |= engine.EventRests
	}
}

// limit returns the price up to which the order may trade: its own, or for market-to-limit the best price of the other
// side, hidden orders counted, since the walk begins there (rules 4.2, 5.1). It is a market price if there is none.
func (d *details) limit(contra []*order) uint64 {
	if d.toLimit() && len(contra) > 0 {
		return contra[0].price
	}
	return d.price
}

// allowed returns the makers, in rank order, whose price a limit allows.
func allowed(contra []*order, side uint8, limit uint64) []*order {
	for i, maker := range contra {
		if market(limit) || buys(side) && maker.price <= limit || !buys(side) && maker.price >= limit {
			continue
		}
		return contra[:i]
	}
	return contra
}

// slip returns the price of a post-only order that would trade as it came, and whether it dies (rule 5.3). It is never
// made more aggressive than it came. Without a displayed contra order there is nothing to move away from, and a price
// outside the range is nobody's: in both cases the order is told at the price it came with.
func (t *Twin) slip(contra []*order, d *details) (price uint64, killed bool) {
	if d.flags&engine.FlagPostOnlySlip == 0 {
		return d.price, true
	}
	in := &t.instruments[d.instrument]
	for _, maker := range contra {
		if maker.hidden() {
			continue
		}
		switch {
		case buys(d.side) && maker.price <= in.Tick, !buys(d.side) && maker.price+in.Tick > in.MaxPrice:
			return d.price, true
		case buys(d.side):
			price = min(d.price, maker.price-in.Tick)
		default:
			price = max(d.price, maker.price+in.Tick)
		}
		return price, len(allowed(contra, d.side, price)) > 0
	}
	return d.price, true
}

// accept gives the order its reference and tells its owner: Accepted, or Replaced with the reference before.
func (t *Twin) accept(o, original *order) {
	t.reference++
	o.reference = t.reference
	if original == nil {
		o.echo(t.tell(o, 'A'))
		return
	}
	ev := t.tell(o, 'U')
	ev.OrigRef, ev.Link = original.ref, original.reference
	o.echo(ev)
}

// execute trades what maker and aggressor have in common, at the maker's price (rule 4.4): the maker is told first.
func (t *Twin) execute(maker, taker *order) {
	qty := min(maker.leaves, taker.leaves)
	t.match++
	for _, o := range []*order{maker, taker} {
		o.leaves -= qty
		o.used += qty
		ev := t.tell(o, 'E')
		ev.Qty, ev.Price, ev.Link = uint32(qty), maker.price, t.match
		switch {
		case o == taker:
			ev.Flags |= engine.EventTaker
			ev.Reason = 'R'
		case o.hidden():
			ev.Reason = 'J'
		default:
			ev.Reason = 'A'
		}
	}
	if maker.leaves == 0 {
		t.remove(maker)
	}
}
