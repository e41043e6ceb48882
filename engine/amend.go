package engine

import "matcher/book"

// cancel carries out OUCH 5.0 Cancel Order: the quantity is the most that the order may execute in all (rule 9.1).
func (e *Engine) cancel(c *Cancel) {
	slot := e.find(c.User, c.Idx, c.Ref)
	if slot == 0 {
		return
	}
	o := &e.live[slot]
	leaves, keep := uint32(e.orders.Leaves(slot)), uint32(0)
	if c.Qty > o.used {
		keep = c.Qty - o.used
	}
	switch {
	case keep >= leaves:
	case keep == 0:
		e.kill(slot, 'U')
	default:
		e.reduce(slot, leaves-keep)
		e.canceled(o, leaves-keep, keep, 'U')
	}
}

// reduce takes n lots off a live order, which keeps its place.
func (e *Engine) reduce(slot book.Slot, n uint32) {
	o := &e.live[slot]
	e.touchBook(o.instrument)
	e.instruments[o.instrument].book.Reduce(slot, book.Qty(n))
}

// modify carries out OUCH 5.0 Modify Order (rule 9.3). What is not valid is ignored.
func (e *Engine) modify(c *Cancel) {
	slot := e.find(c.User, c.Idx, c.Ref)
	if slot == 0 {
		return
	}
	o := &e.live[slot]
	in := &e.instruments[o.instrument]
	if c.Qty > in.def.MaxQty || !sameSide(c.Side, o.side) {
		return
	}
	if c.Qty <= o.used {
		e.kill(slot, 'U')
		return
	}
	size, leaves := c.Qty-o.used, uint32(e.orders.Leaves(slot))
	if size > leaves && !e.mayGrow(o) {
		return // closed to those who may not enter orders
	}
	o.side = c.Side
	switch {
	case size > leaves:
		e.grow(slot, size)
	default:
		if size < leaves {
			e.reduce(slot, leaves-size)
		}
		e.modified(o, size)
	}
}

// mayGrow says whether the owner of an order may add to it now: growth is new interest.
func (e *Engine) mayGrow(o *order) bool { return e.open && !e.gate && !e.users[o.user].disabled }

func (e *Engine) modified(o *order, leaves uint32) {
	ev := e.emitOrder('M', o)
	ev.Qty, ev.Leaves = leaves, leaves
}

// grow gives an order a larger size, a new reference and a new place at the back of its queue.
func (e *Engine) grow(slot book.Slot, size uint32) {
	o := &e.live[slot]
	e.unqueue(slot)
	e.unlisted(o)
	e.modified(o, size)
	before := o.reference
	if o.expire != 0 {
		e.expiries.Remove(o.expire, before)
	}
	e.reference++
	o.reference = e.reference
	if o.expire != 0 {
		e.expiries.Add(o.expire, o.reference, slot)
	}
	e.listed(o, slot)
	e.queue(o, slot, size)
	ev := e.emitOrder('T', o)
	ev.Link, ev.Qty, ev.Leaves, ev.Display = before, size, size, o.display
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

// replace carries out OUCH 5.0 Replace Order with its four outcomes (rule 9.4).
func (e *Engine) replace(cmd *Command) {
	c := cmd.Replace()
	slot := e.find(c.User, c.Idx, c.OrigRef)
	if slot == 0 || c.Ref <= e.users[c.User].lastRef(c.Idx) {
		return // not live, or the number was used: ignored
	}
	old := &e.live[slot]
	if c.Flags&FlagExtension != 0 && cmd.Ext.Present&TagBroken != 0 {
		e.kill(slot, 'U')
		return // check 2 comes first
	}
	h := c.Header
	h.Instrument = old.instrument
	if h.Side == 0 {
		h.Side = old.side
	}
	if code := e.mayEnter(&h, cmd, old.side); code != 0 {
		e.use(c.User, c.Idx, c.Ref)
		h.Side = c.Side
		e.reject(&h, c.Ref, c.ClOrdID, code)
		return // refused: the original is untouched
	}
	t, ok := e.replaceTerms(cmd, old)
	if !ok {
		e.kill(slot, 'U')
		return // the new details cannot stand: the original goes
	}
	e.use(c.User, c.Idx, c.Ref)
	o := *old
	e.unqueue(slot)
	e.forget(slot)
	o.ref, o.side, o.clOrdID = c.Ref, h.Side, c.ClOrdID
	kept := old.flags & orderToLimit
	o.adopt(&t, cmd)
	if c.Flags&FlagExtension == 0 || cmd.Ext.Present&Tag6PriceType == 0 {
		o.flags |= kept
	}
	e.slip(&o, &t)
	before := o.reference
	ev := e.accepted(&o, &t, 'U')
	ev.OrigRef, ev.Link = c.OrigRef, before
	e.aggress(&o, &t)
}

// replaceTerms works out the terms of the order that a Replace makes of another. What the message leaves out is as if
// entered, except the private conditions, which stay (rule 9.5). False: they cannot stand.
func (e *Engine) replaceTerms(cmd *Command, old *order) (terms, bool) {
	c, ext := cmd.Replace(), &noExtension
	if c.Flags&FlagExtension != 0 {
		ext = &cmd.Ext
	}
	if c.Qty <= old.used {
		return terms{}, false
	}
	t := terms{
		qty: c.Qty, open: c.Qty - old.used, minQty: ext.MinQty, price: c.Price,
		tif: c.TIF, display: c.Display, cross: 'N', exempt: c.Exempt, flags: c.Flags &^ FlagMinQty,
	}
	if ext.Present&Tag3MinQty != 0 {
		t.flags |= FlagMinQty
	}
	t.toLimit = old.flags&orderToLimit != 0 && ext.Present&Tag6PriceType == 0 && t.price >= MarketPrice
	if e.settleTerms(&t, old.instrument, &cmd.Ext) != 0 {
		return terms{}, false
	}
	if t.tif == tifGTC && old.tif == tifGTC && ext.Present&Tag132Expire == 0 {
		t.expire = old.expire
	}
	return t, true
}

// massCancel carries out OUCH 5.0 Mass Cancel: all filters must hold; the answer first, then the orders in order of
// reference (rule 9.7).
func (e *Engine) massCancel(c *MassCancel) {
	if !e.known(&c.Header) || !e.use(c.User, c.Idx, c.Ref) {
		return
	}
	ev := e.emit('X', c.User)
	ev.Idx, ev.Ref, ev.Side, ev.Instrument = c.Idx, c.Ref, c.Side, c.Instrument
	if !e.ownFirm(&c.Header, c.Firm) || c.Instrument == NoInstrument {
		return
	}
	for slot := e.users[c.User].first; slot != 0; {
		o := &e.live[slot]
		next := o.next
		if c.Instrument != AllInstruments && o.instrument != c.Instrument ||
			c.Side != 0 && !sameSide(c.Side, o.side) ||
			c.Flags&FlagMinQty != 0 && o.group != c.Group {
			slot = next
			continue
		}
		e.kill(slot, 'U')
		slot = next
	}
}

// ownFirm says whether a firm field names the account's own firm, or none.
func (e *Engine) ownFirm(h *Header, firm [4]byte) bool {
	return firm == [4]byte{' ', ' ', ' ', ' '} || firm == e.users[h.User].def.Firm
}

// toggle carries out OUCH 5.0 Disable and Enable Order Entry (rule 9.8). Another firm than the account's own has nothing
// to disable here.
func (e *Engine) toggle(c *MassCancel) {
	if !e.known(&c.Header) || !e.use(c.User, c.Idx, c.Ref) {
		return
	}
	kind := uint8('G')
	if c.Kind == KindEnable {
		kind = 'K'
	}
	if e.ownFirm(&c.Header, c.Firm) {
		e.users[c.User].disabled = kind == 'G'
	}
	ev := e.emit(kind, c.User)
	ev.Idx, ev.Ref = c.Idx, c.Ref
}

// query carries out OUCH 5.0 Account Query.
func (e *Engine) query(cmd *Command) {
	if !e.known(&cmd.Header) {
		return
	}
	ev := e.emit('Q', cmd.User)
	ev.Idx, ev.Ref = cmd.Idx, e.users[cmd.User].lastRef(cmd.Idx)+1
}

// refused answers a message that the gateway could not hand on.
func (e *Engine) refused(c *Refused) {
	if e.known(&c.Header) && e.use(c.User, c.Idx, c.Ref) {
		e.reject(&c.Header, c.Ref, c.ClOrdID, c.Reason)
	}
}
