package twin

import (
	"cmp"
	"slices"

	"matcher/engine"
)

// atMarket is the lowest price that means "at market" (rule 1.4). It is also how the venue repeats such a price where
// an order has to wait or follows the book.
const atMarket = 2_000_000_000

// market says whether the price means "at market".
func market(price uint64) bool { return price >= atMarket }

// buys says on which side of the book a side letter stands (rule 1.6).
func buys(side uint8) bool { return side == 'B' }

// other returns a letter of the other side of the book.
func other(side uint8) uint8 {
	if buys(side) {
		return 'S'
	}
	return 'B'
}

// allows says whether an order of a side with a limit may trade at a price.
func allows(side uint8, limit, price uint64) bool {
	return market(limit) || buys(side) && price <= limit || !buys(side) && price >= limit
}

// tighter returns the limit of two that allows less.
func tighter(side uint8, a, b uint64) uint64 {
	switch {
	case market(a):
		return b
	case market(b):
		return a
	case buys(side):
		return min(a, b)
	}
	return max(a, b)
}

func (o *order) hidden() bool { return o.display == 'N' }

// displayed says whether the public sees the order in the book.
func (o *order) displayed() bool { return o.stands && !o.hidden() }

// conditional says whether the order asks a minimum of whoever takes from it (rules 5.6, 5.7).
func (o *order) conditional() bool { return o.stands && o.minimum > 0 }

func (o *order) midpoint() bool { return o.follows == 'M' }

// class is the rank beside price (rule 4.1).
func (o *order) class() int {
	switch {
	case o.midpoint():
		return 2
	case o.hidden():
		return 1
	}
	return 0
}

// atOnce says whether the time in force forbids the order to rest.
func (o *order) atOnce() bool { return o.tif == '3' || o.tif == '4' }

// exposed is how much of the order one execution can take (rule 4.4).
func (o *order) exposed() int64 {
	if o.floor > 0 && o.displayed() {
		return o.slice
	}
	return o.leaves
}

// take lowers what is open by something that traded, or met an own order. It comes out of the slice.
func (o *order) take(n int64) {
	o.used += n
	o.slice = max(0, o.slice-n)
	o.reduce(n)
}

// reduce lowers what is open, the reserve first (rule 9.2). A minimum is never above what is left (rule 5.7).
func (o *order) reduce(n int64) {
	o.leaves -= n
	o.slice = min(o.slice, o.leaves)
	o.minimum = min(o.minimum, o.leaves)
}

// placed is the price at which the order ranks. For midpoint orders that is the midpoint.
func (o *order) placed(mid uint64) uint64 {
	if o.midpoint() {
		return mid
	}
	return o.price
}

// rank compares two orders of one side: price, class, time (rule 4.1).
func rank(a, b *order, mid uint64) int {
	byPrice := cmp.Compare(a.placed(mid), b.placed(mid))
	if buys(a.side) {
		byPrice = -byPrice
	}
	return cmp.Or(byPrice, cmp.Compare(a.class(), b.class()), cmp.Compare(a.time, b.time))
}

// best returns the best displayed price of a side, 0 if nothing is displayed there. Pegs are left out when pegs ask what
// to follow (rule 6.1).
func (t *Twin) best(instrument uint16, side uint8, withPegs bool) (price uint64) {
	for _, o := range t.open {
		if o.instrument != instrument || buys(o.side) != buys(side) || !o.displayed() || o.follows != 0 && !withPegs {
			continue
		}
		if price == 0 || buys(side) && o.price > price || !buys(side) && o.price < price {
			price = o.price
		}
	}
	return price
}

// rest puts what is left of an aggressor into the book. The last it was told says so.
func (t *Twin) rest(o *order) {
	t.clock++
	o.time = t.clock
	o.minimum = min(o.minimum, o.leaves)
	o.slice = min(o.floor, o.leaves)
	if best := t.best(o.instrument, o.side, true); !o.hidden() && (best == 0 || !allows(o.side, best, o.price)) {
		t.crown(o)
	}
	o.stands = true
	t.open = append(t.open, o)
	t.rests(o)
}

// rests marks the last event of an order as the one after which it stands in the book.
func (t *Twin) rests(o *order) {
	ev := &t.events[o.told]
	ev.Flags |= engine.EventRests
	ev.Shown = o.shown()
}

// remove takes an order off the list if it is there.
func (t *Twin) remove(o *order) {
	o.stands, o.top = false, false
	if i := slices.Index(t.open, o); i >= 0 {
		t.open = slices.Delete(t.open, i, i+1)
	}
}

// clone returns a copy of the venue to try something on: with orders, accounts and instruments of its own.
func (t *Twin) clone() *Twin {
	c := *t
	c.events, c.stops, c.seen = nil, nil, nil
	c.instruments = slices.Clone(t.instruments)
	c.accounts, c.open = make([]*account, len(t.accounts)), make([]*order, len(t.open))
	for i, a := range t.accounts {
		if a != nil {
			copied := *a
			c.accounts[i] = &copied
		}
	}
	for i, o := range t.open {
		copied := *o
		c.open[i] = &copied
	}
	return &c
}
