package engine

import "matcher/book"

// plan is a walk that was tried: what an aggressor would meet, in order. Nothing has been touched yet.
type plan struct {
	steps   []step
	filled  uint32 // what would execute
	left    uint32 // of the aggressor, after that and after decrements
	stopped uint8  // 'Q': self-trade prevention ends the aggressor

	again []slice // refreshed slices of the level at work, oldest first
	level []slice // orders of the level at work, for sharing
}

// step is one thing that happens to a maker.
type step struct {
	slot  book.Slot
	kind  stepKind
	qty   uint32 // fill, decrement: lots; refresh: the new slice
	price uint64 // wire units; fill, decrement: of the trade
}

type stepKind uint8

const (
	stepFill      stepKind = iota
	stepRefresh            // the slice before is used up (rule 5.4)
	stepCancel             // an own order goes (rule 8.3)
	stepDecrement          // an own order and the aggressor lose as much (rule 8.3)
)

// slice is what a level shows of one order, and what stands behind it.
type slice struct {
	slot    book.Slot
	shown   uint32
	reserve uint32
	count   uint32 // refreshes so far
	share   uint32 // of the aggressor: see prorata.go
	fresh   bool   // refreshed in this walk: no top order any more
}

// walker is an aggressor on its way through the makers.
type walker struct {
	e     *Engine
	in    *instrument
	side  book.Side // that the makers stand on
	flip  uint64    // price^flip ranks prices of that side: lower is better
	limit uint64    // in wire units
	first bool      // one step is enough
	own   owner
	*plan
}

// walk tries the walk of rule 4.4 with so many lots up to a limit in wire units and leaves it in e.plan. first: one step is
// enough, the question is whether there is any. It looks at each order it takes and at each it steps over.
func (e *Engine) walk(o *order, t *terms, qty uint32, limit uint64, first bool) {
	in := &e.instruments[o.instrument]
	p := &e.plan
	p.steps, p.filled, p.left, p.stopped = p.steps[:0], 0, qty, 0
	w := walker{e: e, in: in, side: contra(bookSide(o.side)), limit: limit, first: first, plan: p}
	if w.side == book.Buy {
		w.flip = ^uint64(0)
	}
	w.own = e.ownerOf(o, t)
	w.run()
}

const nobody = ^uint64(0) // rank behind all prices

func (w *walker) run() {
	b, end := w.in.book, w.limit^w.flip
	shown, hidden := b.First(w.side, book.Displayed), b.First(w.side, book.Hidden)
	mid := nobody
	if m, ok := w.in.midWith(w.e, w.side); ok {
		mid = m ^ w.flip
	}
	for !w.done() {
		d, h := w.rank(shown, book.Displayed), w.rank(hidden, book.Hidden)
		best := min(d, h, mid)
		switch {
		case best == nobody || best > end:
			return
		case d == best:
			w.displayed(shown, best^w.flip)
			shown = b.Behind(w.side, book.Displayed, shown)
		case h == best:
			w.hidden(hidden, best^w.flip)
			hidden = b.Behind(w.side, book.Hidden, hidden)
		default:
			w.midpoints(mid ^ w.flip)
			mid = nobody
		}
	}
}

func (w *walker) done() bool {
	return w.left == 0 || w.stopped != 0 || w.first && len(w.steps) != 0
}

func (w *walker) rank(q book.Queue, c book.Class) uint64 {
	if q == 0 {
		return nobody
	}
	return uint64(w.in.book.PriceOf(w.side, c, q))*w.in.tick ^ w.flip
}

// displayed walks the displayed orders of one price.
func (w *walker) displayed(q book.Queue, price uint64) {
	if w.in.def.Policy == PolicyProRata && !w.e.settling { // rule 10.1
		w.share(q, price)
		return
	}
	w.again = w.again[:0]
	for s := w.in.book.Head(q); s != 0 && !w.done(); s = w.e.orders.Next(s) {
		x := slice{slot: s, shown: uint32(w.e.orders.Leaves(s))}
		o := w.e.at(s)
		if o.flags&orderIceberg != 0 {
			c := &w.e.cold[s]
			x.reserve, x.count = c.reserve, c.refreshes
		}
		w.meet(o, x, price)
	}
	for i := 0; i < len(w.again) && !w.done(); i++ {
		x := w.again[i]
		w.meet(w.e.at(x.slot), x, price)
	}
}

// meet is the aggressor's meeting with one slice. One that is used up comes again at the back (rule 5.4).
func (w *walker) meet(o *order, x slice, price uint64) {
	if w.own.owns(w.e, o, x.slot) {
		w.prevent(o, x, price)
		return
	}
	n := min(w.left, x.shown)
	w.fill(x.slot, n, price)
	if n == x.shown && x.reserve != 0 {
		w.refresh(x)
	}
}

func (w *walker) fill(s book.Slot, n uint32, price uint64) {
	w.steps = append(w.steps, step{s, stepFill, n, price})
	w.left -= n
	w.filled += n
}

// refresh makes the next slice of an iceberg and puts it behind all others of its level.
func (w *walker) refresh(x slice) {
	c := &w.e.cold[x.slot]
	x.count++
	x.fresh = true
	x.shown = min(Slice(w.e.day.Secret, c.entry, x.count, c.floor, c.random), x.reserve)
	x.reserve -= x.shown
	w.steps = append(w.steps, step{slot: x.slot, kind: stepRefresh, qty: x.shown})
	w.again = append(w.again, x)
}

// hidden walks the hidden orders of one price. Orders with a minimum that the aggressor does not bring, or whose better
// price it does not give, are stepped over (rules 5.6, 5.7).
func (w *walker) hidden(q book.Queue, price uint64) {
	for s := w.in.book.Head(q); s != 0 && !w.done(); s = w.e.orders.Next(s) {
		o, leaves, at := w.e.at(s), uint32(w.e.orders.Leaves(s)), price
		if o.flags&orderMinimum != 0 {
			if at = w.improved(price); w.left < min(w.e.cold[s].minimum, leaves) || at^w.flip > w.limit^w.flip {
				continue
			}
		}
		w.meet(o, slice{slot: s, shown: leaves}, at)
	}
}

// improved returns the price of a maker with a minimum: never through the best displayed price of the aggressor's own side.
func (w *walker) improved(price uint64) uint64 {
	best, ok := w.in.book.Best(contra(w.side))
	if !ok {
		return price
	}
	if own := uint64(best) * w.in.tick; own^w.flip > price^w.flip {
		return own
	}
	return price
}

// midpoints walks the midpoint orders that are active at a price, in order of entry (rule 6.6).
func (w *walker) midpoints(price uint64) {
	for s := w.in.watch.mids[w.side].first; s != 0 && !w.done(); {
		o, c := w.e.at(s), &w.e.cold[s]
		if allows(w.side, c.limit, price) {
			w.meet(o, slice{slot: s, shown: uint32(w.e.orders.Leaves(s))}, price)
		}
		s = c.next
	}
}

// allows says whether an order of a side with a limit (MarketPrice: none) may trade at a price.
func allows(side book.Side, limit, price uint64) bool {
	if limit >= MarketPrice {
		return true
	}
	if side == book.Buy {
		return price <= limit
	}
	return price >= limit
}
