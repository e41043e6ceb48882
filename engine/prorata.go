package engine

import (
	"math/bits"

	"matcher/book"
)

// share walks the displayed orders of one price under PolicyProRata (rule 10): in rounds, each over what is shown then.
func (w *walker) share(q book.Queue, price uint64) {
	w.level = w.level[:0]
	for s := w.in.book.Head(q); s != 0; s = w.e.orders.Next(s) {
		x := slice{slot: s, shown: uint32(w.e.orders.Leaves(s))}
		if w.e.at(s).flags&orderIceberg != 0 {
			c := &w.e.cold[s]
			x.reserve, x.count = c.reserve, c.refreshes
		}
		w.level = append(w.level, x)
	}
	for len(w.level) != 0 && !w.done() {
		w.round(price)
	}
}

// round is one turn of a level's orders, in order of time. Refreshed slices go to its back and wait for the next.
func (w *walker) round(price uint64) {
	w.ownFirst(price)
	if w.done() {
		return
	}
	shown, open := uint64(0), uint64(0)
	for i := range w.level {
		shown += uint64(w.level[i].shown)
		open += uint64(w.level[i].shown) + uint64(w.level[i].reserve)
	}
	switch {
	case uint64(w.left) >= open:
		w.everything(price)
		return
	case uint64(w.left) >= shown:
		for i := range w.level {
			w.level[i].share = w.level[i].shown
		}
	default:
		w.allot(shown)
	}
	for i := range w.level {
		if n := w.level[i].share; n != 0 {
			w.fill(w.level[i].slot, n, price)
		}
	}
	w.again = w.again[:0]
	kept := w.level[:0]
	for _, x := range w.level {
		x.shown -= x.share
		x.share = 0
		switch {
		case x.shown != 0:
			kept = append(kept, x)
		case x.reserve != 0:
			w.refresh(x)
		}
	}
	w.level = append(kept, w.again...)
}

// everything takes a level whole, in order of time: what the walk of price-time does.
func (w *walker) everything(price uint64) {
	w.again = append(w.again[:0], w.level...)
	w.level = w.level[:0]
	for i := 0; i < len(w.again); i++ {
		x := w.again[i]
		w.fill(x.slot, x.shown, price)
		if x.reserve != 0 {
			w.refresh(x)
		}
	}
}

// ownFirst deals with the aggressor's own orders at a level before it is shared (rules 8.3, 10.1).
func (w *walker) ownFirst(price uint64) {
	if w.own.letter == 0 {
		return
	}
	kept := w.level[:0]
	w.again = w.again[:0]
	for i, x := range w.level {
		if w.done() || !w.own.owns(w.e, w.e.at(x.slot), x.slot) {
			kept = append(kept, x)
			continue
		}
		if w.own.letter == 'W' {
			w.stopped = 'Q'
			kept = append(kept, w.level[i:]...)
			break
		}
		if left := w.ownSlice(x, price); left.shown != 0 {
			kept = append(kept, left)
		}
	}
	w.level = kept
	for i := 0; i < len(w.again); i++ {
		x := w.again[i]
		if !w.done() {
			x = w.ownSlice(x, price)
		}
		if x.shown != 0 {
			w.level = append(w.level, x)
		}
	}
	w.again = w.again[:0]
}

// ownSlice deals with one own slice and returns what the level still shows of it.
func (w *walker) ownSlice(x slice, price uint64) slice {
	n := min(w.left, x.shown)
	w.prevent(w.e.at(x.slot), x, price)
	if w.own.letter == 'O' || w.own.letter == 'B' {
		n = x.shown
	}
	x.shown -= n
	return x
}

// allot shares the aggressor's quantity, which is below what is shown, among the orders of a level: the top order's part,
// then a part by time, then in proportion to what each still shows, then the remainder by time (rules 10.1 to 10.3).
func (w *walker) allot(shown uint64) {
	terms := &w.in.terms
	rest := w.left
	for i := range w.level {
		x := &w.level[i]
		x.share = 0
		if terms.TopPercent != 0 && w.in.top[w.side] == x.slot && !x.fresh {
			n := uint32(uint64(rest) * uint64(terms.TopPercent) / 100)
			if terms.TopMax != 0 {
				n = min(n, terms.TopMax)
			}
			x.share = min(n, x.shown)
		}
	}
	for i := range w.level {
		rest -= w.level[i].share
	}
	byTime := uint32((uint64(rest)*uint64(terms.FifoPercent) + 99) / 100)
	rest -= byTime - w.inTime(byTime)
	total := uint64(0)
	for i := range w.level {
		total += uint64(w.level[i].shown - w.level[i].share)
	}
	parts := rest
	for i := range w.level {
		x := &w.level[i]
		hi, lo := bits.Mul64(uint64(rest), uint64(x.shown-x.share))
		n, _ := bits.Div64(hi, lo, max(total, 1))
		if uint32(n) < terms.MinAlloc {
			n = 0
		}
		x.share += uint32(n)
		parts -= uint32(n)
	}
	w.inTime(parts)
}

// inTime gives the orders of a level up to n in order of time and returns what nobody could take.
func (w *walker) inTime(n uint32) uint32 {
	for i := range w.level {
		x := &w.level[i]
		more := min(n, x.shown-x.share)
		x.share += more
		n -= more
	}
	return n
}

// newTop notes that an order is about to be displayed at a price; it is the top order if it alone betters what is displayed.
// When another betters it, it is that no more, for good (rule 10.2).
func (in *instrument) newTop(side book.Side, slot book.Slot, price book.Price) {
	best, ok := in.book.Best(side)
	if !ok || side == book.Buy && price > best || side == book.Sell && price < best {
		in.top[side] = slot
	}
}

// lostTop notes that the slice of an order leaves its queue.
func (in *instrument) lostTop(slot book.Slot) {
	for side := range in.top {
		if in.top[side] == slot {
			in.top[side] = 0
		}
	}
}
