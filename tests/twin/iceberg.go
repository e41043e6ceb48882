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

// slices is what an iceberg of some size counts for beside itself toward the limit of live orders: as many slices as may
// follow the one that is displayed, all as small as they can be (rule 2.6). The first slice of an order that does not stand,
// and that of a peg wherever it goes, is MaxFloor if the order has as much.
func (o *order) slices(open int64) int64 {
	if o.floor == 0 {
		return 0
	}
	displayed := min(o.floor, open)
	if o.stands {
		displayed = min(displayed, o.slice)
	}
	smallest := max(1, o.floor-o.random)
	n := (open - displayed) / smallest
	if (open-displayed)%smallest > 0 {
		n++
	}
	return n
}

// room says whether the venue can take one more order with some slices (rule 2.6).
func (t *Twin) room(slices int64) bool {
	live := int64(len(t.open))
	for _, o := range t.open {
		live += o.extra
	}
	return live+slices+1 <= int64(t.rules.MaxOrders)
}
