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
	if size > leaves && (e.mayEnter(&Header{User: o.user, Instrument: o.instrument}, c.Side) != 0) {
		return // growth is new interest: closed to those who may not enter orders
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
	side := old.side
	h := c.Header
	h.Instrument = old.instrument
	if code := e.mayEnter(&h, side); code != 0 {
		e.use(c.User, c.Idx, c.Ref)
		e.reject(&h, c.Ref, c.ClOrdID, code)
		return // refused: the original is untouched
	}
	t := terms{
		qty: c.Qty, minQty: cmd.Ext.MinQty, price: c.Price,
		tif: c.TIF, display: c.Display, cross: 'N', flags: c.Flags &^ FlagMinQty,
	}
	good := true
	if c.Flags&FlagExtension != 0 {
		if cmd.Ext.Present&Tag3MinQty != 0 {
			t.flags |= FlagMinQty
		}
		good = cmd.Ext.Present&TagBroken == 0
	}
	if c.Side != 0 {
		good = good && sameSide(c.Side, side)
		side = c.Side
	}
	if !good || c.Qty <= old.used || e.settleTerms(&t, old.instrument, &cmd.Ext) != 0 {
		e.kill(slot, 'U')
		return // the new details cannot stand: the original goes
	}
	e.use(c.User, c.Idx, c.Ref)
	o := *old
	e.unqueue(slot)
	e.forget(slot)
	o.ref, o.side, o.clOrdID = c.Ref, side, c.ClOrdID
	o.adopt(&t, cmd)
	e.slip(&o, &t)
	before, qty := o.reference, c.Qty-o.used
	ev := e.accepted(&o, &t, 'U', qty)
	ev.OrigRef, ev.Link = c.OrigRef, before
	e.aggress(&o, &t, qty)
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
	return firm == [4]byte{' ', ' ', ' ', ' '} || firm == [4]byte{} || firm == e.users[h.User].def.Firm
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
