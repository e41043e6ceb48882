package engine

// massCancel carries out OUCH 5.0 Mass Cancel: all filters must hold; the answer first, then the orders in order of
// reference (rule 9.7).
func (e *Engine) massCancel(c *MassCancel) {
	if !e.known(&c.Header) || !e.use(&e.users[c.User], c.User, c.Idx, c.Ref) {
		return
	}
	ev := e.emit('X', c.User)
	ev.Idx, ev.Ref, ev.Side, ev.Instrument = c.Idx, c.Ref, c.Side, c.Instrument
	if !e.ownFirm(&c.Header, c.Firm) || c.Instrument == NoInstrument {
		return
	}
	for slot := e.users[c.User].first; slot != 0; {
		o := e.at(slot)
		next := o.next
		if (c.Instrument == AllInstruments || o.instrument == c.Instrument) &&
			(c.Side == 0 || sameSide(c.Side, o.side)) &&
			(c.Flags&FlagMinQty == 0 || e.coldOf(o, slot).group == c.Group) {
			e.kill(slot, 'U')
		}
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
	if !e.known(&c.Header) || !e.use(&e.users[c.User], c.User, c.Idx, c.Ref) {
		return
	}
	kind := uint8('G')
	if c.Kind == KindEnable {
		kind = 'K'
	}
	if e.ownFirm(&c.Header, c.Firm) {
		u := &e.users[c.User]
		u.disabled = kind == 'G'
		u.setPlain()
	}
	ev := e.emit(kind, c.User)
	ev.Idx, ev.Ref = c.Idx, c.Ref
}

// setPlain works out whether the account's orders may take the short way: not while it is disabled or prevents self-trades.
func (u *user) setPlain() {
	u.plain = u.most
	if u.disabled || u.prevention() != 0 {
		u.plain = 0
	}
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
	if e.known(&c.Header) && e.use(&e.users[c.User], c.User, c.Idx, c.Ref) {
		e.reject(&c.Header, c.Ref, c.ClOrdID, c.Reason)
	}
}

// disconnect cancels what lives by the connection of an account (rule 9.9).
func (e *Engine) disconnect(c *Disconnect) {
	if !e.known(&c.Header) {
		return
	}
	for slot := e.users[c.User].first; slot != 0; {
		o := e.at(slot)
		next := o.next
		if e.bound(o, e.names[slot].tif) {
			e.kill(slot, 'U')
		}
		slot = next
	}
}

// bound says whether an order lives by its owner's connection.
func (e *Engine) bound(o *order, tif uint8) bool {
	switch {
	case o.flags&orderBound != 0:
		return true
	case o.flags&orderExempt != 0 || e.users[o.user].def.OnDrop == 0:
		return false
	}
	return tif != tifGTC
}

// Bound says whether an account has orders that the end of its connection would cancel. It looks at all its orders.
func (e *Engine) Bound(user uint16) bool {
	for slot := e.users[user].first; slot != 0; slot = e.at(slot).next {
		if e.bound(e.at(slot), e.names[slot].tif) {
			return true
		}
	}
	return false
}
