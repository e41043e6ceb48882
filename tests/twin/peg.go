package twin

import (
	"cmp"
	"slices"
)

// price prices a peg as it comes in (rule 6.2).
func (t *Twin) price(o *order) {
	if o.follows != 0 && !o.midpoint() {
		o.limit = o.price
		o.price, _ = t.pegged(o)
	}
}

// pegged returns the price of a peg, and whether it has one: the reference and its offset, never beyond its limit, never
// nearer than one tick to the best displayed price of the other side (rules 6.1, 6.2).
func (t *Twin) pegged(o *order) (price uint64, ok bool) {
	in := &t.instruments[o.instrument]
	reference := t.best(o.instrument, o.side, false)
	if o.follows == 'P' {
		reference = t.best(o.instrument, other(o.side), false)
	}
	if reference == 0 {
		return 0, false
	}
	p, contra := int64(reference)+o.offset, int64(t.best(o.instrument, other(o.side), true))
	if buys(o.side) {
		if !market(o.limit) {
			p = min(p, int64(o.limit))
		}
		if contra != 0 {
			p = min(p, contra-int64(in.Tick))
		}
	} else {
		if !market(o.limit) {
			p = max(p, int64(o.limit))
		}
		if contra != 0 {
			p = max(p, contra+int64(in.Tick))
		}
	}
	return uint64(p), p >= int64(in.Tick) && p <= int64(in.MaxPrice)
}

// movePegs is one pass over the pegs of an instrument: buys, then sells, in order of entry; each sees where those before it
// have gone (rule 6.3).
func (t *Twin) movePegs(instrument uint16) {
	var pegs []*order
	for _, o := range t.open {
		if o.instrument == instrument && o.follows != 0 && !o.midpoint() {
			pegs = append(pegs, o)
		}
	}
	slices.SortFunc(pegs, func(a, b *order) int {
		return cmp.Or(sideOrder(a, b), cmp.Compare(a.entered, b.entered))
	})
	for _, o := range pegs {
		price, ok := t.pegged(o)
		switch {
		case o.leaves == 0: // one before it was the aggressor, and met it
		case !ok:
			t.decrement(o, o.leaves, 'Z') // rule 6.4
		case price != o.price:
			t.see("peg moves")
			t.move(o, price)
		}
	}
}

// move puts a peg to another price, as a new order would come there (rules 6.2, 6.7).
func (t *Twin) move(o *order, price uint64) {
	was := o.wasShown()
	t.remove(o)
	before := o.reference
	if !o.hidden() {
		t.reference++
		o.reference = t.reference
	}
	o.price = price
	t.moved(o, before).Flags |= was
	if o.postOnly != 0 && t.touches(o) {
		t.decrement(o, o.leaves, 'G')
		return
	}
	at := t.match
	t.aggress(o)
	if t.match > at {
		t.see("peg moves and trades")
	}
}

// midpoint returns the price of midpoint orders, 0 if there is none: between the best displayed prices of orders that are
// no pegs, in wire units (rule 6.6).
func (t *Twin) midpoint(instrument uint16) uint64 {
	bid, ask := t.best(instrument, 'B', false), t.best(instrument, 'S', false)
	if mid := (bid + ask) / 2; bid != 0 && ask != 0 && bid < mid && mid < ask {
		return mid
	}
	return 0
}

// active says whether a midpoint order may trade at a midpoint.
func (o *order) active(mid uint64) bool { return mid != 0 && allows(o.side, o.price, mid) }

// offerMidpoints lets every midpoint order trade as an aggressor, buys and sells together, in order of entry (rule 6.6).
func (t *Twin) offerMidpoints(instrument uint16) {
	var offered []*order
	for _, o := range t.open {
		if o.instrument == instrument && o.midpoint() {
			offered = append(offered, o)
		}
	}
	slices.SortFunc(offered, func(a, b *order) int { return cmp.Compare(a.entered, b.entered) })
	for _, o := range offered {
		if mid := t.midpoint(instrument); o.leaves > 0 && o.active(mid) {
			t.offer(o, mid)
		}
	}
}

// offer is one of them. It has stood in the book and goes on doing so, with its time of entry.
func (t *Twin) offer(o *order, mid uint64) {
	if o.postOnly != 0 && t.touches(o) { // rule 6.7
		t.decrement(o, o.leaves, 'G')
		return
	}
	o.told = -1
	t.walk(o, mid)
	if o.told >= 0 {
		t.see("midpoint order offered, something happened")
	}
	if o.leaves > 0 && o.told >= 0 {
		t.rests(o)
	}
}

// sideOrder puts buys before sells.
func sideOrder(a, b *order) int {
	switch {
	case buys(a.side) == buys(b.side):
		return 0
	case buys(a.side):
		return -1
	}
	return 1
}
