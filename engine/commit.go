package engine

import "matcher/book"

// commit carries out the steps that were planned for an aggressor.
func (e *Engine) commit(o *order, t *terms) {
	in := &e.instruments[o.instrument]
	if len(e.plan.steps) == 0 {
		return
	}
	e.touchBook(in, o.instrument)
	in.printed(e)
	left := t.open
	for i := range e.plan.steps {
		s := &e.plan.steps[i]
		switch s.kind {
		case stepFill:
			left -= s.qty
			o.used += s.qty
			e.trade(in, o, s, left)
		case stepRefresh:
			e.refresh(s)
			continue
		case stepCancel:
			e.kill(s.slot, 'Q')
			continue
		case stepDecrement:
			left -= s.qty
			o.used += s.qty
			e.prevented(o, t, s, left)
		}
		if e.gone(s.slot) {
			e.forget(s.slot)
		}
	}
}

// gone says whether nothing is left of a maker. What is left of an iceberg whose slice is used up is shown by a later step.
func (e *Engine) gone(slot book.Slot) bool {
	return e.leaves(e.at(slot), slot) == 0
}

// trade executes one fill, tells both owners, the maker first, and lets what watches see the print.
func (e *Engine) trade(in *instrument, o *order, s *step, left uint32) {
	m := e.at(s.slot)
	e.match++
	e.fillCount++
	ev := e.tell('E', m, s.price)
	ev.Reason = liquidity(m)
	e.take(in, m, s)
	ev.Link, ev.Qty, ev.Leaves, ev.Shown = e.match, s.qty, e.leaves(m, s.slot), e.shown(m, s.slot)

	ev = e.tell('E', o, s.price)
	ev.Flags |= EventTaker
	ev.Reason = takes(o)
	ev.Link, ev.Qty, ev.Leaves = e.match, s.qty, left
	in.last = s.price
	if in.watching != 0 {
		e.print(in, s.price)
	}
}

// liquidity is the letter of a maker, takes that of an aggressor.
func liquidity(m *order) uint16 {
	switch {
	case m.flags&orderMid != 0:
		return 'k'
	case m.flags&orderHidden != 0:
		return 'J'
	}
	return 'A'
}

func takes(o *order) uint16 {
	if o.flags&orderMid != 0 {
		return 'm'
	}
	return 'R'
}

// take removes what a step takes of a maker.
func (e *Engine) take(in *instrument, m *order, s *step) {
	m.used += s.qty
	if in.tops && uint32(e.orders.Leaves(s.slot)) == s.qty {
		in.lostTop(s.slot)
	}
	left := in.book.Execute(s.slot, book.Qty(s.qty))
	if m.flags&orderMinimum != 0 && left != 0 && e.cold[s.slot].minimum > uint32(left) {
		e.rework(m, s.slot, func(c *cold) { c.minimum = uint32(left) })
	}
}

// prevented tells both owners of a decrement (rule 8.3).
func (e *Engine) prevented(o *order, t *terms, s *step, left uint32) {
	in, m := &e.instruments[o.instrument], e.at(s.slot)
	less := min(e.shown(m, s.slot), s.qty)
	e.take(in, m, s)
	e.lessens(m, t, s, loss{
		leaves: e.leaves(m, s.slot), shown: e.shown(m, s.slot), less: less, price: e.price(m, s.slot), liquidity: liquidity(m),
	})
	e.lessens(o, t, s, loss{leaves: left, price: t.told(o), liquidity: takes(o)})
}

// loss is what the two messages of a decrement do not share.
type loss struct {
	leaves, shown uint32
	less          uint32 // that the book shows
	price         uint64
	liquidity     uint16
}

// lessens tells one owner of a decrement: `D`, or `C` for the letter `Y`.
func (e *Engine) lessens(o *order, t *terms, s *step, x loss) {
	var ev *Event
	if t.aiq&^0x20 == 'D' {
		ev = e.tell('D', o, s.price)
		ev.Reason, ev.TIF = x.liquidity, t.aiq
	} else {
		ev = e.tell('C', o, x.price)
		ev.Reason = 'Q'
	}
	ev.Qty, ev.Leaves, ev.Shown, ev.Link = s.qty, x.leaves, x.shown, uint64(x.less)
}
