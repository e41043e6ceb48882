package twin

import "matcher/engine"

// refresh shows the next slice of an iceberg whose slice is used up, under a new reference and with a new time (rule 5.4).
// It is not the top order any more (rule 10.2).
func (t *Twin) refresh(o *order) {
	if !o.stands || o.floor == 0 || o.slice > 0 || o.leaves == 0 {
		return
	}
	o.refreshes++
	o.slice = min(o.leaves, int64(engine.Slice(t.secret, o.entered, o.refreshes, uint32(o.floor), uint32(o.random))))
	before := o.reference
	t.reference++
	t.clock++
	o.reference, o.time, o.top = t.reference, t.clock, false
	ev := t.tell(o, 'R')
	ev.Reason, ev.Qty, ev.Link, ev.Display = 'R', uint32(o.slice), before, o.display
}

// slices is what an iceberg of some size counts for beside itself toward the limit of live orders: the slices that may
// follow the first (rule 2.6).
func (r *reserve) slices(open int64) int64 {
	if r.floor == 0 || open <= r.floor {
		return 0
	}
	least := max(1, r.floor-r.random)
	return (open - r.floor + least - 1) / least
}

// room says whether the venue can take one more order with some slices (rule 2.6).
func (t *Twin) room(slices int64) bool {
	live := int64(len(t.open))
	for _, o := range t.open {
		live += o.extra
	}
	return live+slices+1 <= int64(t.rules.MaxOrders)
}
