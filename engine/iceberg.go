package engine

import (
	"math"
	"math/bits"

	"matcher/book"
)

// Slice returns the size of the next slice of an iceberg before the reserve caps it (rule 5.4): floor, or with random one of
// floor-random to floor+random, all alike likely, at least 1. entry is the reference with which the order entered, count is 1
// for its first refresh. random is below floor. Where floor+random is more than a quantity can be, the largest stands for the rest.
func Slice(secret, entry uint64, count, floor, random uint32) uint32 {
	if random == 0 {
		return floor
	}
	x := mum(secret^k0, entry^k1)
	x = mum(x^uint64(count), k2)
	step, _ := bits.Mul64(x, 2*uint64(random)+1)
	return uint32(min(math.MaxUint32, max(1, uint64(floor-random)+step)))
}

// more returns how many orders an iceberg counts beside its one (rule 2.6): the most slices that its reserve can make.
func (t *terms) more() uint64 {
	if t.order&orderIceberg == 0 {
		return 0
	}
	return slicesBehind(t.open, t.floor, t.floor, t.random)
}

// slicesBehind returns the most slices that an iceberg can still show behind the one that shows so much. That one counts as
// MaxFloor at most: a peg that moves shows no more and has the rest before it again.
func slicesBehind(open, shown, floor, random uint32) uint64 {
	unseen, least := uint64(open-min(open, shown, floor)), uint64(max(1, floor-random))
	return (unseen + least - 1) / least
}

// slicesLeft returns that of a live iceberg whose size becomes open. One that waits will begin with a whole slice.
func (e *Engine) slicesLeft(slot book.Slot, open uint32) uint64 {
	c := &e.cold[slot]
	shown := c.floor
	if e.orders.Queued(slot) {
		shown = uint32(e.orders.Leaves(slot))
	}
	return slicesBehind(open, shown, c.floor, c.random)
}

// setReserve changes what an iceberg has that it does not show.
func (e *Engine) setReserve(o *order, slot book.Slot, n uint32) {
	c := &e.cold[slot]
	e.instruments[o.instrument].reserves[bookSide(o.side)] += uint64(n) - uint64(c.reserve)
	c.reserve = n
}

// refresh shows the next slice of an iceberg: new reference, new time (rule 5.4).
func (e *Engine) refresh(s *step) {
	o, c := e.at(s.slot), &e.cold[s.slot]
	price := e.orders.Price(s.slot)
	before := o.reference
	e.renamed(o, s.slot)
	e.setReserve(o, s.slot, c.reserve-s.qty)
	c.refreshes++
	e.queue(o, s.slot, price, s.qty)
	ev := e.tell('R', o, e.price(o, s.slot))
	ev.Reason, ev.Link, ev.Display = 'R', before, o.display()
	ev.Qty, ev.Shown, ev.Leaves = s.qty, s.qty, s.qty+c.reserve
}

// shrinks takes n lots off a live order, which keeps its place: of an iceberg the reserve first (rule 9.2).
func (e *Engine) shrinks(o *order, slot book.Slot, n uint32) {
	in := &e.instruments[o.instrument]
	e.touchBook(in, o.instrument)
	if o.flags&orderIceberg != 0 {
		unseen := min(n, e.cold[slot].reserve)
		n -= unseen
		e.rework(o, slot, func(c *cold) { e.setReserve(o, slot, c.reserve-unseen) })
	}
	if n != 0 {
		in.book.Reduce(slot, book.Qty(n))
	}
	if left := uint32(e.orders.Leaves(slot)); e.coldOf(o, slot).minimum > left { // also of a stop that will not rest
		e.rework(o, slot, func(c *cold) { c.minimum = left })
	}
}
