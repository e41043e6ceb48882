package twin

import "matcher/engine"

func (t *Twin) enter(cmd *engine.Command) {
	m := cmd.Enter()
	if !t.use(cmd, m.Ref) {
		return
	}
	d := details{
		account: t.accounts[cmd.User], instrument: cmd.Instrument, side: cmd.Side,
		qty: int64(m.Qty), total: int64(m.Qty), price: m.Price,
		minimum: int64(m.MinQty), hasMin: cmd.Flags&engine.FlagMinQty != 0,
		tif: m.TIF, display: m.Display, cross: m.Cross, exempt: m.Exempt, flags: cmd.Flags, now: t.now,
	}
	if cmd.Flags&engine.FlagExtension != 0 {
		d.ext = cmd.Ext
	}
	code := d.malformed()
	if code == 0 {
		code = t.refused(&d)
	}
	if code == 0 {
		code = t.invalid(&d)
	}
	o := &order{}
	if code == 0 {
		o, code = t.order(&d)
		o.user = cmd.User
	}
	if code == 0 {
		code = t.full(o, cmd.Idx)
	}
	if code != 0 {
		t.reject(cmd, rejected{d.instrument, m.Ref, m.ClOrdID}, code)
		return
	}
	o.user, o.idx, o.ref = cmd.User, cmd.Idx, m.Ref
	o.capacity, o.clOrdID = m.Capacity, m.ClOrdID
	t.process(o, nil)
}

// full says whether there is no room: in channel 255, which is kept for carried orders (rule 11.6), or at a limit of
// orders (rule 2.6), where every new order counts, also one that would not rest. It is looked at last (rule 1.5).
func (t *Twin) full(o *order, idx uint8) uint16 {
	if idx == 255 || !t.room(o.extra) || t.atLimit(o, t.accounts[o.user].OpenOrders, false) {
		return 0x0F
	}
	return t.crowded(o)
}

// atLimit says whether an account has as many orders, or as many pending stops, as it may have (rule 2.6).
func (t *Twin) atLimit(o *order, limit uint32, stops bool) bool {
	n := uint32(0)
	for _, m := range t.open {
		if m.user == o.user && (m.pending || !stops) {
			n++
		}
	}
	if limit == 0 || n < limit {
		return false
	}
	if stops {
		t.see("account full of stops")
	} else {
		t.see("account full")
	}
	return true
}

// crowded says whether an instrument has as many pegs, or pending stops, as it may have.
func (t *Twin) crowded(o *order) uint16 {
	pegs, stops := int64(0), int64(0)
	for _, m := range t.open {
		switch {
		case m.instrument != o.instrument:
		case m.follows != 0:
			pegs++
		case m.pending:
			stops++
		}
	}
	in := &t.instruments[o.instrument]
	switch {
	case o.pending && t.atLimit(o, t.accounts[o.user].Stops, true):
		return 0x0F
	case o.follows != 0 && pegs >= in.maxPegs():
		return 0x11
	case o.pending && stops >= in.maxStops():
		return 0x0F
	}
	return 0
}

func (t *Twin) replace(cmd *engine.Command) {
	m := cmd.Replace()
	o := t.find(cmd.User, cmd.Idx, m.OrigRef)
	if m.Ref <= t.accounts[cmd.User].last[cmd.Idx] || o == nil { // rule 9.4: silent, number not consumed
		return
	}
	d := t.replacement(cmd, o)
	// Check 2 comes before 3 and 4, and what these refuse is refused whole: also a Replace that leaves nothing.
	code := d.malformed()
	if code == 0 {
		if code := t.refused(&d); code != 0 {
			t.use(cmd, m.Ref)
			t.reject(cmd, rejected{d.instrument, m.Ref, m.ClOrdID}, code)
			return
		}
		if d.qty > 0 {
			code = t.invalid(&d)
		}
	}
	n, was := &order{}, o.shown()
	o.before = o.wasShown()
	if code == 0 && d.qty > 0 {
		t.remove(o) // what follows is judged without it: it is not its own reference, and makes room
		n, code = t.order(&d)
		n.user = o.user
		if code == 0 {
			code = t.replaceable(n, o)
		}
	}
	if code != 0 || d.qty <= 0 { // rule 9.4: the original dies, number not consumed
		t.decrement(o, o.leaves, 'U')
		t.events[len(t.events)-1].Link = uint64(was)
		return
	}
	t.use(cmd, m.Ref)
	n.user, n.idx, n.ref, n.used = o.user, o.idx, m.Ref, o.used
	n.capacity, n.clOrdID = o.capacity, m.ClOrdID
	t.process(n, o)
}

// replaceable is what a Replace meets of the limits of rule 2.6: only with what its original was not.
func (t *Twin) replaceable(n, original *order) uint16 {
	switch {
	case !t.room(n.extra):
		return 0x0F
	case n.follows != 0 && original.follows == 0, n.pending && !original.pending:
		return t.crowded(n)
	}
	return 0
}

// replacement returns what a Replace asks for. What it leaves out is the default of Enter, save side, symbol, capacity
// and cross (OUCH 5.0 Replace Order) and the conditions of rule 9.5.
func (t *Twin) replacement(cmd *engine.Command, o *order) details {
	m := cmd.Replace()
	d := details{
		account: t.accounts[cmd.User], instrument: o.instrument, side: cmd.Side,
		qty: int64(m.Qty) - o.used, total: int64(m.Qty), price: m.Price,
		tif: m.TIF, display: m.Display, cross: o.cross, exempt: m.Exempt, flags: cmd.Flags, original: o, now: t.now,
	}
	if d.side == 0 {
		d.side = o.side
	}
	if d.exempt == 0 {
		d.exempt = o.exempt
	}
	if cmd.Flags&engine.FlagExtension != 0 {
		d.ext = cmd.Ext
		d.hasMin, d.minimum = d.given(engine.Tag3MinQty), int64(d.ext.MinQty)
	}
	return d
}
