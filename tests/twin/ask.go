package twin

import "matcher/engine"

// order returns the order that was asked for, without its names, or the code of check 9 (rule 3).
func (t *Twin) order(d *details) (*order, uint16) {
	o := &order{
		instrument: d.instrument, side: d.side, price: d.price, leaves: d.qty,
		tif: d.tif, display: d.display, cross: d.cross, group: d.ext.Group, exempt: d.exempt,
		reserve: reserve{floor: int64(d.ext.MaxFloor), random: int64(d.ext.Random)},
		peg:     peg{follows: d.follows(), offset: int64(d.ext.PegOffset)},
		prevent: prevent{letter: d.account.SelfMatch, grouped: d.given(engine.Tag30AIQGroup) && d.ext.AIQGroup != [2]byte{}, letters: d.ext.AIQGroup},
	}
	o.extra = o.slices(o.leaves)
	o.toLimit = d.toLimit() || d.original != nil && d.original.toLimit && !d.given(engine.Tag6PriceType)
	switch {
	case d.flags&engine.FlagPostOnly != 0:
		o.postOnly = 'P'
	case d.flags&engine.FlagPostOnlySlip != 0:
		o.postOnly = 'R'
	}
	if d.given(engine.Tag29AIQ) {
		o.letter = d.ext.AIQ
	}
	d.minimumOf(o)
	d.lifetimeOf(o)
	if d.stops() {
		return o, t.stopOf(d, o)
	}
	switch o.follows {
	case 'M': // not only while one side is empty is there no midpoint: the order may wait for a better one
		if t.best(o.instrument, 'B', false) == 0 || t.best(o.instrument, 'S', false) == 0 {
			return o, 0x01
		}
	case 'P', 'R':
		o.limit = o.price
		if _, ok := t.pegged(o); !ok {
			return o, 0x01
		}
	}
	return o, 0
}

// minimumOf sets what must execute at once (rules 4.5, 5.2). One that may rest is hidden (rule 5.6). The minimum of a
// Replace is checked against its quantity, the total; an immediate order must meet it all the same out of what is
// outstanding, one that may rest needs no more than that.
func (d *details) minimumOf(o *order) {
	if !d.hasMin {
		return
	}
	o.minimum = d.minimum
	if !d.atOnce() {
		o.minimum, o.display = min(d.minimum, d.qty), 'N'
	}
}

// lifetimeOf sets when the order expires.
func (d *details) lifetimeOf(o *order) {
	switch {
	case d.tif == '6':
		o.expires = d.now + d.ext.Expire*1_000_000_000
	case d.tif != '1': // an inherited expire time lapses when the order is no longer good till date
	case d.given(engine.Tag132Expire):
		o.expires, o.dated = d.ext.Expire, true
	case d.original != nil && d.original.dated:
		o.expires, o.dated = d.original.expires, true
	}
}

// stopOf makes an order a stop: with the price that is given, else that of the original, else as far behind the market as
// it trails. One that is satisfied is refused (rules 7.2, 7.6, 9.5).
func (t *Twin) stopOf(d *details, o *order) uint16 {
	o.pending, o.trigger, o.trail = true, d.trigger(), d.trail()
	price := t.watched(o.instrument, o.trigger)
	switch {
	case d.given(engine.Tag128Stop):
		o.at = int64(d.ext.StopPrice)
	case d.original != nil && d.original.pending:
		o.at = d.original.at
	case price == 0:
		return 0x01
	default:
		o.at = o.behind(price)
	}
	if o.satisfied(price) {
		return 0x1D
	}
	return 0
}
