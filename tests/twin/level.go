package twin

import (
	"cmp"
	"slices"
)

// share works one displayed level of a pro-rata book, in rounds (rule 10.1): own orders first; then all of it in order of
// time if the aggressor takes it whole; or every slice whole, if it takes all that is shown; or shares. Only the order that a
// command brings shares: what it sets going takes every level in order of time.
func (t *Twin) share(o *order, price uint64) {
	for o.leaves > 0 {
		level := t.level(o, price)
		if len(level) == 0 {
			return
		}
		if i := slices.IndexFunc(level, func(m *order) bool { return t.own(m, o) }); i >= 0 {
			t.see("shared level: own order")
			t.meet(level[i], o, price)
			continue
		}
		open, shown := int64(0), int64(0)
		for _, m := range level {
			open, shown = open+m.leaves, shown+m.exposed()
		}
		if o.leaves >= open {
			t.see("shared level: whole")
			t.meet(level[0], o, price)
			continue
		}
		parts := make([]int64, len(level))
		if o.leaves >= shown {
			t.see("shared level: all that is shown")
			for i, m := range level {
				parts[i] = m.exposed()
			}
		} else {
			t.see("shared level: shares")
			parts = t.parts(level, o.leaves, o.instrument)
		}
		for i, m := range level {
			if parts[i] > 0 {
				t.trade(m, o, parts[i], price)
			}
		}
		for _, m := range level {
			t.refresh(m)
		}
	}
}

// level returns the displayed makers of a price in order of time.
func (t *Twin) level(o *order, price uint64) (level []*order) {
	for _, m := range t.open {
		if m.faces(o) && m.displayed() && m.price == price {
			level = append(level, m)
		}
	}
	slices.SortFunc(level, func(a, b *order) int { return cmp.Compare(a.time, b.time) })
	return level
}

// parts divides an aggressor's quantity, less than what is shown, among the makers of a level: first to the top order (rule
// 10.2), then by time (rule 10.3), then in proportion (rule 10.1).
func (t *Twin) parts(level []*order, qty int64, instrument uint16) []int64 {
	terms := &t.instruments[instrument].terms
	parts := make([]int64, len(level))
	give := func(i int, n int64) {
		n = min(n, level[i].exposed()-parts[i], qty)
		parts[i] += n
		qty -= n
	}
	for i, m := range level {
		if !m.top {
			continue
		}
		n := qty * int64(terms.TopPercent) / 100
		if terms.TopMax != 0 {
			n = min(n, int64(terms.TopMax))
		}
		if n > 0 {
			t.see("top order")
		}
		give(i, n)
	}
	byTime := (qty*int64(terms.FifoPercent) + 99) / 100
	for i := range level {
		before := qty
		give(i, byTime)
		byTime -= before - qty
	}
	rest, sum := qty, int64(0)
	shows := make([]int64, len(level))
	for i, m := range level {
		shows[i] = m.exposed() - parts[i]
		sum += shows[i]
	}
	for i := range level {
		// Both factors are below 2^32: the product fits.
		if n := int64(uint64(rest) * uint64(shows[i]) / uint64(sum)); n >= int64(terms.MinAlloc) {
			give(i, n)
		}
	}
	for i := range level { // what remains, in order of time
		give(i, qty)
	}
	return parts
}

// crown makes an order the top order of its side: it alone set a new best displayed price (rule 10.2).
func (t *Twin) crown(o *order) {
	for _, m := range t.open {
		if m.instrument == o.instrument && buys(m.side) == buys(o.side) {
			m.top = false
		}
	}
	o.top = true
}
