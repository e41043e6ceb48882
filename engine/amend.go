package engine

import "matcher/book"

// cancelRare is cancel of an order that is not plain, or of a part of one, or of one that is not there.
func (e *Engine) cancelRare(c *Cancel) {
	slot := e.find(c.User, c.Idx, c.Ref)
	if slot == 0 {
		return
	}
	o := e.at(slot)
	if c.Qty <= o.used {
		e.kill(slot, 'U')
		return
	}
	leaves, keep := e.leaves(o, slot), c.Qty-o.used
	if keep < leaves {
		before := e.shown(o, slot)
		e.shrinks(o, slot, leaves-keep)
		ev := e.tell('C', o, e.price(o, slot))
		ev.Qty, ev.Leaves, ev.Reason, ev.Shown = leaves-keep, keep, 'U', e.shown(o, slot)
		ev.Link = uint64(before - ev.Shown)
	}
}

// modify carries out OUCH 5.0 Modify Order (rule 9.3). What is not valid is ignored.
func (e *Engine) modify(c *Cancel) {
	slot := e.find(c.User, c.Idx, c.Ref)
	if slot == 0 {
		return
	}
	o := e.at(slot)
	in := &e.instruments[o.instrument]
	if c.Qty > in.maxQty || !sameSide(c.Side, o.side) {
		return
	}
	if c.Qty <= o.used {
		e.kill(slot, 'U')
		return
	}
	size, leaves := c.Qty-o.used, e.leaves(o, slot)
	if size > leaves && !e.mayGrow(o, slot, size, c.Qty) {
		return
	}
	o.side = c.Side
	switch {
	case size > leaves:
		e.grow(o, slot, size)
	default:
		before := e.shown(o, slot)
		if size < leaves {
			e.shrinks(o, slot, leaves-size)
		}
		ev := e.modified(o, slot, size)
		ev.Link = uint64(before - ev.Shown)
	}
}

// mayGrow says whether the owner of an order may add to it now: growth is new interest, and an iceberg's takes room. The
// limit of slices is judged by the total, as at entry.
func (e *Engine) mayGrow(o *order, slot book.Slot, size, total uint32) bool {
	in := &e.instruments[o.instrument]
	if e.closed || in.state != 0 || e.users[o.user].disabled {
		return false
	}
	if o.flags&orderIceberg == 0 {
		return true
	}
	c := &e.cold[slot]
	full := uint64(e.orders.Live()) + uint64(e.slices) - uint64(c.slices) + e.slicesLeft(slot, size)
	return uint64(total) <= uint64(c.floor)*uint64(in.terms.MaxSlices) && full <= uint64(e.orders.Cap())
}

func (e *Engine) modified(o *order, slot book.Slot, leaves uint32) *Event {
	ev := e.tell('M', o, e.price(o, slot))
	ev.Qty, ev.Leaves, ev.Shown = leaves, leaves, e.shown(o, slot)
	return ev
}

// grow gives an order a larger size, a new reference and a new place at the back of its queue. A midpoint order keeps its
// place in the order of entry, an iceberg the size of its slice.
func (e *Engine) grow(o *order, slot book.Slot, size uint32) {
	price, stands := e.orders.Price(slot), e.orders.Queued(slot)
	shown := size
	if o.flags&orderIceberg != 0 {
		c := &e.cold[slot]
		e.slices -= c.slices
		c.slices = uint32(e.slicesLeft(slot, size))
		e.slices += c.slices
		e.setPlain()
		if stands {
			shown = uint32(e.orders.Leaves(slot))
			e.setReserve(o, slot, size-shown)
		}
	}
	pending := o.flags&orderPending != 0
	if pending {
		e.instruments[o.instrument].watch.take(o, &e.cold[slot])
	}
	ev := e.modified(o, slot, size)
	if o.flags&orderNotDisplayed == 0 {
		ev.Shown = shown
	}
	was := e.wasShown(o, slot)
	e.unqueue(o, slot)
	before := o.reference
	e.renamed(o, slot)
	if pending {
		e.instruments[o.instrument].watch.put(o, slot, &e.cold[slot])
	}
	if stands {
		e.queue(o, slot, price, shown)
	} else {
		e.park(o, slot, size)
	}
	ev = e.tell('T', o, e.price(o, slot))
	ev.Link, ev.Qty, ev.Leaves, ev.Display, ev.Shown = before, size, size, o.display(), e.shown(o, slot)
	ev.Flags |= was
	if !pending {
		ev.Flags |= EventRests
	}
}

// sameSide says whether a side letter may take the place of another: the sale letters among themselves.
func sameSide(now, before uint8) bool {
	switch now {
	case 'B':
		return before == 'B'
	case 'S', 'T', 'E':
		return before != 'B'
	}
	return false
}
