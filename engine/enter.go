package engine

import "matcher/book"

// enterRare enters an order that is not plain. Its UserRefNum is used up.
func (e *Engine) enterRare(cmd *Command, u *user) {
	c := cmd.Enter()
	t := terms{
		name: name{c.ClOrdID, c.Capacity, c.TIF},
		qty:  c.Qty, open: c.Qty, price: c.Price,
		display: c.Display, cross: c.Cross, exempt: c.Exempt, flags: c.Flags,
	}
	if c.Flags&FlagMinQty != 0 {
		t.minimum = c.MinQty
	}
	code := e.mayEnter(&c.Header, cmd, c.Side)
	if code == 0 {
		t.aiq = u.prevention()
		code = e.judge(&t, &c.Header, &cmd.Ext)
	}
	if code == 0 {
		code = e.refer(&t, &c.Header)
	}
	if code == 0 {
		code = e.room(&t, &c.Header)
	}
	if code != 0 {
		e.reject(&c.Header, c.Ref, c.ClOrdID, code)
		return
	}
	o := order{ref: c.Ref, instrument: c.Instrument, user: c.User, idx: c.Idx, side: c.Side}
	e.slip(&o, &t)
	e.accepted(&o, &t, 'A')
	e.begin(&o, &t)
}

// room makes check 10: the limits of rule 2.6, and channel 255 (rule 11.6).
func (e *Engine) room(t *terms, h *Header) uint16 {
	if u := &e.users[h.User]; u.open >= u.most {
		return rejectOther
	}
	if h.Idx == carriedIdx || uint64(e.orders.Live())+uint64(e.slices)+t.more()+1 > uint64(e.orders.Cap()) {
		return rejectOther
	}
	return e.roomToWatch(t, h.User, h.Instrument, nil)
}

// roomToWatch says whether an instrument, and the account, take one more order that moves by itself. A Replace frees the place
// of the original.
func (e *Engine) roomToWatch(t *terms, index, instrument uint16, old *order) uint16 {
	moves, before := t.order&(orderPeg|orderMid|orderPending), uint16(0)
	if old != nil {
		before = old.flags
	}
	if u := &e.users[index]; moves&orderPending != 0 && before&orderPending == 0 && u.stops >= u.mostStops {
		return rejectOther
	}
	in := &e.instruments[instrument]
	w := in.watch
	if w == nil {
		return 0
	}
	switch {
	case moves&(orderPeg|orderMid) != 0 && before&(orderPeg|orderMid) == 0 && w.pegCount >= in.terms.MaxPegs:
		return rejectPeg
	case moves&orderPending != 0 && before&orderPending == 0 && w.stopCount >= in.terms.MaxStops:
		return rejectOther
	}
	return 0
}

// mayEnter makes checks 3 and 4 of section 3: may this user enter an order on this instrument and side now? The command
// may name a firm; a gateway leaves the account's own out. before is the side that the new one must match: a Replace stays on
// the side of its original, an Enter on its own.
func (e *Engine) mayEnter(h *Header, cmd *Command, before uint8) uint16 {
	switch {
	case e.users[h.User].disabled || cmd.Flags&FlagExtension != 0 && cmd.Ext.Present&Tag2Firm != 0:
		return rejectFirm
	case h.Instrument == 0 || int(h.Instrument) >= len(e.instruments):
		return rejectSymbol
	case !sameSide(h.Side, before):
		return rejectSide
	case e.instruments[h.Instrument].state != 0:
		return rejectHalted
	case e.closed:
		return rejectClosed
	}
	return 0
}

// accepted tells the owner of a new order (`A`) or of one that a Replace made (`U`), and gives it its reference.
func (e *Engine) accepted(o *order, t *terms, kind uint8) *Event {
	e.reference++
	o.reference = e.reference
	o.flags = t.order
	t.entry = e.reference
	ev := e.tell(kind, o, t.price)
	ev.Qty, ev.Leaves = t.open, t.open
	ev.ClOrdID, ev.TIF, ev.Display, ev.Capacity, ev.Cross = t.clOrdID, t.tif, t.display, t.capacity, 'N'
	return ev
}

// begin is the first thing that an accepted order does: a stop waits, every other order goes to market.
func (e *Engine) begin(o *order, t *terms) {
	if o.flags&orderPending != 0 {
		e.park(e.live(o, t, t.open))
		return
	}
	t.collar = t.market
	e.aggress(o, 0, t)
}

// live gives an order its slot and its names. Its place in the book is the caller's to find.
func (e *Engine) live(o *order, t *terms, leaves uint32) (*order, book.Slot, uint32) {
	slot := e.orders.Take()
	if slot == 0 {
		panic("engine: no slot for an accepted order")
	}
	d := e.at(slot)
	*d = *o
	e.names[slot] = t.name
	if d.flags&orderCold != 0 {
		c := &e.cold[slot]
		*c = t.cold
		if d.flags&orderMinimum != 0 {
			c.minimum = min(c.minimum, leaves)
		}
		if d.flags&orderIceberg != 0 {
			c.slices = uint32(t.more())
			e.slices += c.slices
			e.setPlain()
		}
	}
	e.file(d, slot)
	if d.flags&(orderPeg|orderMid|orderPending|orderIceberg|orderMinimum) != 0 {
		e.instruments[d.instrument].watchFor(e, d, slot)
	}
	return d, slot, leaves
}
