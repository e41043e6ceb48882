package engine

import "matcher/book"

// replaceRare carries out a Replace that is not one of a plain order by another, with its four outcomes (rule 9.4).
func (e *Engine) replaceRare(cmd *Command) {
	c := cmd.Replace()
	slot := e.find(c.User, c.Idx, c.OrigRef)
	if slot == 0 {
		return // not live: ignored
	}
	u := &e.users[c.User]
	if c.Ref <= u.lastRef(c.Idx) {
		return // the number was used: ignored
	}
	old := e.at(slot)
	if c.Flags&FlagExtension != 0 && cmd.Ext.Present&TagBroken != 0 {
		e.kill(slot, 'U')
		return // check 2 comes first
	}
	h := c.Header
	h.Instrument = old.instrument
	if u.interval != 0 {
		if !e.pace(u) {
			e.use(u, c.User, c.Idx, c.Ref)
			e.reject(&h, c.Ref, c.ClOrdID, rejectRate)
			return
		}
		interval := u.interval
		u.interval = 0
		e.replace(cmd) // of an account that has paid, and so has no rate meanwhile
		u.interval = interval
		return
	}
	if h.Side == 0 {
		h.Side = old.side
	}
	if code := e.mayEnter(&h, cmd, old.side); code != 0 {
		e.use(u, c.User, c.Idx, c.Ref)
		h.Side = c.Side
		e.reject(&h, c.Ref, c.ClOrdID, code)
		return // refused: the original is untouched
	}
	t := e.replacement(cmd, old, slot)
	if c.Qty <= old.used || e.judge(&t, &h, &cmd.Ext) != 0 || e.roomToReplace(&t, old, slot) != 0 {
		e.kill(slot, 'U')
		return // the new details cannot stand: the original goes
	}
	was, shown := e.wasShown(old, slot), e.shown(old, slot)
	e.unqueue(old, slot)
	if e.refer(&t, &h) != 0 {
		ev := e.tell('C', old, e.price(old, slot))
		ev.Qty, ev.Reason, ev.Link = e.leaves(old, slot), 'U', uint64(shown)
		e.forget(slot)
		return // likewise
	}
	e.use(u, c.User, c.Idx, c.Ref)
	if t.exempt == 0 {
		t.order |= old.flags & (orderBound | orderExempt)
	}
	if !t.has(Tag6PriceType) {
		t.order |= old.flags & orderToLimit
	}
	o := order{
		reference: old.reference, ref: c.Ref, used: old.used,
		instrument: old.instrument, user: old.user, idx: old.idx, side: h.Side,
	}
	e.forget(slot)
	e.slip(&o, &t)
	before := o.reference
	ev := e.accepted(&o, &t, 'U')
	ev.OrigRef, ev.Link = c.OrigRef, before
	ev.Flags |= was
	e.begin(&o, &t)
}

// replacement returns the terms of the order that a Replace makes of another. What the message leaves out is as if entered,
// except the private conditions, which stay (rule 9.5).
func (e *Engine) replacement(cmd *Command, old *order, slot book.Slot) terms {
	c := cmd.Replace()
	t := terms{
		name: name{c.ClOrdID, e.names[slot].capacity, c.TIF},
		qty:  c.Qty, open: c.Qty - min(c.Qty, old.used), price: c.Price,
		display: c.Display, cross: 'N', exempt: c.Exempt, flags: c.Flags &^ FlagMinQty,
		kept: old, toLimit: old.flags&orderToLimit != 0 && c.Price >= MarketPrice,
	}
	t.aiq = e.users[old.user].prevention()
	if c.Flags&FlagExtension != 0 && cmd.Ext.Present&Tag3MinQty != 0 {
		t.flags |= FlagMinQty
		t.minimum = cmd.Ext.MinQty
	}
	if old.flags&orderCold != 0 {
		k := &e.cold[slot]
		t.expire = k.expire
		if old.flags&orderPending != 0 {
			t.stop, t.trail, t.trigger = k.stop, k.trail, k.trigger
		}
	}
	return t
}

// roomToReplace makes what of check 10 holds for a Replace: for what the order becomes and was not.
func (e *Engine) roomToReplace(t *terms, old *order, slot book.Slot) uint16 {
	freed := uint64(0)
	if old.flags&orderIceberg != 0 {
		freed = uint64(e.cold[slot].slices)
	}
	if more := t.more(); more > freed && uint64(e.orders.Live())+uint64(e.slices)+more-freed > uint64(e.orders.Cap()) {
		return rejectOther
	}
	return e.roomToWatch(t, old.user, old.instrument, old)
}
