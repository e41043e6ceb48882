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
	if code == 0 {
		code = t.full(cmd.Idx)
	}
	if code != 0 {
		t.reject(cmd, rejected{d.instrument, m.Ref, m.ClOrdID}, code)
		return
	}
	o := d.order()
	o.user, o.idx, o.ref = cmd.User, cmd.Idx, m.Ref
	o.capacity, o.clOrdID = m.Capacity, m.ClOrdID
	t.process(o, &d)
}

// full says whether there is no room: in channel 255, which is kept for carried orders (rule 11.6), or at the limit of
// live orders (rule 2.6), where every new order counts, also one that would not rest. It is looked at last (rule 1.5).
func (t *Twin) full(idx uint8) uint16 {
	if idx == 255 || len(t.open) >= int(t.rules.MaxOrders) {
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
	if code != 0 || d.qty <= 0 { // rule 9.4: the original dies, number not consumed
		t.decrement(o, o.leaves, 'U')
		return
	}
	t.use(cmd, m.Ref)
	t.remove(o)
	n := d.order()
	n.user, n.idx, n.ref, n.used = o.user, o.idx, m.Ref, o.used
	n.capacity, n.clOrdID = o.capacity, m.ClOrdID
	t.process(n, &d)
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
	if cmd.Flags&engine.FlagExtension != 0 {
		d.ext = cmd.Ext
		d.hasMin, d.minimum = d.given(engine.Tag3MinQty), int64(d.ext.MinQty)
	}
	return d
}

// order returns the order that was asked for, without its names.
func (d *details) order() *order {
	o := &order{
		instrument: d.instrument, side: d.side, price: d.price, leaves: d.qty,
		tif: d.tif, display: d.display, cross: d.cross, group: d.ext.Group,
	}
	o.toLimit = d.toLimit() || d.original != nil && d.original.toLimit && !d.given(engine.Tag6PriceType)
	switch {
	case d.tif == '6':
		o.expires = d.now + d.ext.Expire*1_000_000_000
	case d.tif != '1': // an inherited expire time lapses when the order is no longer good till date
	case d.given(engine.Tag132Expire):
		o.expires, o.dated = d.ext.Expire, true
	case d.original != nil && d.original.dated:
		o.expires, o.dated = d.original.expires, true
	}
	return o
}
