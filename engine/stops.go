package engine

import "matcher/book"

// triggerIndex maps a trigger letter (tag 129) to its agendas.
func triggerIndex(letter uint8) int {
	switch letter {
	case 'B':
		return 1
	case 'A':
		return 2
	}
	return 0
}

var triggerLetters = [...]uint8{'L', 'B', 'A'}

// reference returns the wire price that a trigger letter looks at (rule 7.1). False: there is none.
func (in *instrument) reference(trigger uint8) (uint64, bool) {
	switch trigger {
	case 'B':
		p, ok := in.book.Best(book.Buy)
		return uint64(p) * in.tick, ok
	case 'A':
		p, ok := in.book.Best(book.Sell)
		return uint64(p) * in.tick, ok
	}
	return in.last, in.last != 0
}

// triggers says whether a reference price reaches a stop.
func triggers(side book.Side, ref, stop int64) bool {
	if side == book.Buy {
		return ref >= stop
	}
	return ref <= stop
}

// trailed returns the stop that lies an offset behind a reference (rule 7.6).
func trailed(side book.Side, ref, offset int64) int64 {
	if side == book.Buy {
		return ref + offset
	}
	return ref - offset
}

// nearest is the key of a stop on its agenda: the nearest first, of buys the lowest, of sells the highest. A trailing stop
// may lie below 0.
func nearest(side book.Side, stop int64) uint64 {
	key := uint64(stop) + 1<<62
	if side == book.Sell {
		key = ^key
	}
	return key
}

// stopAt is the stop of such a key.
func stopAt(side book.Side, key uint64) int64 {
	if side == book.Sell {
		key = ^key
	}
	return int64(key - 1<<62)
}

// moving is the key of a trailing stop on the agenda of moves: the one that moves first comes first. A buy moves when the
// reference is below stop less offset, a sell when it is above stop plus offset.
func moving(side book.Side, c *cold) uint64 {
	if side == book.Buy {
		return ^(uint64(c.stop-c.trail) + 1<<62)
	}
	return uint64(c.stop+c.trail) + 1<<62
}

// put and take keep a pending stop on the agendas.
func (w *watch) put(o *order, slot book.Slot, c *cold) {
	i, side := triggerIndex(c.trigger), bookSide(o.side)
	w.pending[i][side].Add(nearest(side, c.stop), o.reference, slot)
	if o.flags&orderTrails != 0 {
		w.moves[i][side].Add(moving(side, c), o.reference, slot)
	}
}

func (w *watch) take(o *order, c *cold) {
	i, side := triggerIndex(c.trigger), bookSide(o.side)
	w.pending[i][side].Remove(nearest(side, c.stop), o.reference)
	if o.flags&orderTrails != 0 {
		w.moves[i][side].Remove(moving(side, c), o.reference)
	}
}

// print lets the stops that look at trades see one: first the trailing ones move, then what is reached joins the queue, buys
// before sells, the nearest first (rules 7.3, 7.4, 7.6).
func (e *Engine) print(in *instrument, price uint64) {
	w := in.watch
	if w.stopCount == 0 {
		return
	}
	e.lead(in, 0, price)
	for _, side := range [...]book.Side{book.Buy, book.Sell} {
		for {
			key, slot, ok := w.pending[0][side].Next()
			if !ok || !triggers(side, int64(price), stopAt(side, key)) {
				break
			}
			e.triggered(in, slot)
		}
	}
}

// lead lets trailing stops follow a reference, the sells upwards, the buys downwards. They need not move while it goes on
// in their direction: a stop that lags behind such a reference is not reached by it. So they move when it turns, and at
// the end of settling, all to the furthest at once: a sweep of a thousand prices moves each of them once.
func (e *Engine) lead(in *instrument, i int, ref uint64) {
	l := &in.watch.leads[i]
	if ref < l.high {
		e.trail(in, i, book.Sell, int64(l.high))
	}
	if ref > l.low && l.low != 0 {
		e.trail(in, i, book.Buy, int64(l.low))
	}
	l.high, l.low = ref, ref
}

// catchUp moves what lags behind.
func (e *Engine) catchUp(in *instrument) {
	for i := range in.watch.leads {
		if l := &in.watch.leads[i]; l.high != 0 {
			e.trail(in, i, book.Buy, int64(l.low))
			e.trail(in, i, book.Sell, int64(l.high))
			*l = lead{}
		}
	}
}

// trail moves the trailing stops of one trigger and side after their reference.
func (e *Engine) trail(in *instrument, i int, side book.Side, ref int64) {
	w := in.watch
	for {
		_, slot, ok := w.moves[i][side].Next()
		if !ok {
			return
		}
		o, c := e.at(slot), &e.cold[slot]
		stop := trailed(side, ref, c.trail)
		if side == book.Buy && stop >= c.stop || side == book.Sell && stop <= c.stop {
			return
		}
		w.take(o, c)
		e.rework(o, slot, func(c *cold) { c.stop = stop })
		w.put(o, slot, c)
	}
}

// triggered takes a stop off the agendas and puts it at the end of the queue of those that enter now.
func (e *Engine) triggered(in *instrument, slot book.Slot) {
	o := e.at(slot)
	in.watch.take(o, &e.cold[slot])
	in.watch.stopCount--
	e.users[o.user].stops--
	in.watching--
	o.flags &^= orderPending | orderTrails
	e.stopQueue = append(e.stopQueue, slot)
}

// quotes lets the stops that look at the best bid and ask see them as they are now (rules 7.3, 7.4).
func (e *Engine) quotes(in *instrument) {
	w := in.watch
	if w.stopCount == 0 {
		return
	}
	for i := 1; i < len(triggerLetters); i++ {
		if ref, ok := in.reference(triggerLetters[i]); ok {
			e.lead(in, i, ref)
		}
	}
	for _, side := range [...]book.Side{book.Buy, book.Sell} {
		for {
			slot, ok := e.reached(in, side)
			if !ok {
				break
			}
			e.triggered(in, slot)
		}
	}
}

// reached returns the nearest stop of a side that the bid or the ask reaches, of equal ones that with the lower reference.
func (e *Engine) reached(in *instrument, side book.Side) (book.Slot, bool) {
	best, found := book.Slot(0), false
	var bestKey uint64
	for i := 1; i < len(triggerLetters); i++ {
		key, slot, ok := in.watch.pending[i][side].Next()
		if !ok {
			continue
		}
		ref, ok := in.reference(triggerLetters[i])
		if !ok || !triggers(side, int64(ref), stopAt(side, key)) {
			continue
		}
		if !found || key < bestKey || key == bestKey && e.at(slot).reference < e.at(best).reference {
			best, bestKey, found = slot, key, true
		}
	}
	return best, found
}

// activate lets a triggered stop enter: told with its reference, then as a new order with a new time (rule 7.5).
func (e *Engine) activate(slot book.Slot) {
	o := e.at(slot)
	t := e.again(o, slot)
	t.collar = true
	ev := e.tell('R', o, t.price)
	ev.Reason, ev.Link, ev.Qty, ev.Leaves, ev.Display = 'T', o.reference, t.open, t.open, t.display
	e.unqueue(o, slot)
	e.aggress(o, slot, &t)
}
