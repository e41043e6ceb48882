package twin

import (
	"cmp"
	"slices"
	"strings"
)

// wait makes an accepted stop a pending one: in no book, with no time (rule 7.1).
func (t *Twin) wait(o *order) {
	if market(o.price) {
		o.price = atMarket
	}
	o.minimum = min(o.minimum, o.leaves)
	t.open = append(t.open, o)
}

// watched returns the price that a stop waits for, 0 if there is none (rule 7.1).
func (t *Twin) watched(instrument uint16, trigger uint8) uint64 {
	switch trigger {
	case 'B':
		return t.best(instrument, 'B', true)
	case 'A':
		return t.best(instrument, 'S', true)
	}
	return t.instruments[instrument].last
}

// satisfied says whether a price triggers a stop.
func (o *order) satisfied(price uint64) bool {
	switch {
	case price == 0:
		return false
	case buys(o.side):
		return int64(price) >= o.at
	}
	return int64(price) <= o.at
}

// behind is where a trailing stop stands if a price is the best it has seen.
func (o *order) behind(price uint64) int64 {
	if buys(o.side) {
		return int64(price) + o.trail
	}
	return int64(price) - o.trail
}

// follow moves a trailing stop toward the market, never away from it (rule 7.6).
func (o *order) follow(price uint64) int64 {
	switch {
	case o.trail == 0 || price == 0:
	case buys(o.side):
		o.at = min(o.at, o.behind(price))
	default:
		o.at = max(o.at, o.behind(price))
	}
	return o.at
}

// printed notes the price of an execution, which stops look at one by one (rule 7.3).
func (t *Twin) printed(instrument uint16, price uint64) {
	t.instruments[instrument].last = price
	t.pull(instrument, "L")
}

// pull moves the trailing stops of some triggers and queues those stops whose time has come: buys before sells, the
// nearest first, then in order of reference (rule 7.4).
func (t *Twin) pull(instrument uint16, triggers string) {
	var due []*order
	for _, o := range t.open {
		if !o.pending || o.queued || o.instrument != instrument || !strings.Contains(triggers, string(rune(o.trigger))) {
			continue
		}
		price := t.watched(instrument, o.trigger)
		if at := o.at; o.follow(price) != at {
			t.see("stop trails")
		}
		if o.queued = o.satisfied(price); o.queued {
			due = append(due, o)
		}
	}
	slices.SortFunc(due, func(a, b *order) int {
		nearest := cmp.Compare(a.at, b.at)
		if !buys(a.side) {
			nearest = -nearest
		}
		return cmp.Or(sideOrder(a, b), nearest, cmp.Compare(a.reference, b.reference))
	})
	t.stops = append(t.stops, due...)
}

// activate makes the first triggered stop an order like any other (rule 7.5).
func (t *Twin) activate() {
	o := t.stops[0]
	t.stops = t.stops[1:]
	if len(t.stops) > 0 {
		t.see("stops wait for stops")
	}
	t.remove(o)
	o.pending, o.queued, o.wasStop = false, false, true
	ev := t.tell(o, 'R')
	ev.Reason, ev.Qty, ev.Link, ev.Display = 'T', uint32(o.leaves), o.reference, o.display
	t.aggress(o)
}
