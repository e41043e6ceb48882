package twin

import "matcher/engine"

// details is what an Enter or a Replace asks for, in one shape: Replace has its missing parts from the original.
type details struct {
	account    *account
	instrument uint16
	side       uint8
	qty        int64 // what the order would stand for
	total      int64 // what the message says: with what the chain has used up
	price      uint64
	minimum    int64 // with hasMin
	hasMin     bool
	tif        uint8
	display    uint8
	cross      uint8
	exempt     uint8 // tag 134, 0 not given
	flags      uint8
	ext        engine.Extension // zero if none was given
	original   *order           // of a Replace
	now        uint64
}

// given says whether any of some tags came with the message.
func (d *details) given(tags uint32) bool { return d.ext.Present&tags != 0 }

// malformed is check 2 of rule 3.
func (d *details) malformed() uint16 {
	if d.given(engine.TagBroken) {
		return 0x0F
	}
	return 0
}

// refused are checks 3 and 4 of rule 3: a Replace that fails here leaves its original alone (rule 9.4).
func (t *Twin) refused(d *details) uint16 {
	if !d.account.charge(d.now) { // rule 3.4, before all else
		return 0x29
	}
	switch {
	case d.account.disabled, d.given(engine.Tag2Firm):
		return 0x0C
	case d.instrument == 0 || int(d.instrument) >= len(t.instruments):
		return 0x17
	case !sideAllowed(d):
		return 0x09
	case t.instruments[d.instrument].halted: // rule 12.1
		return 0x07
	case t.gated || !t.today: // rule 11.1: outside a trading day the market is closed
		return 0x02
	}
	return 0
}

// sideAllowed lets a Replace move among the sell sides alone (rule 9.3 says so for Modify; OUCH 5.0 Replace Order
// inherits the side).
func sideAllowed(d *details) bool {
	switch d.side {
	case 'B', 'S', 'T', 'E':
		return d.original == nil || buys(d.side) == buys(d.original.side)
	}
	return false
}

// invalid are checks 5 to 8 of rule 3.
func (t *Twin) invalid(d *details) uint16 {
	in := &t.instruments[d.instrument]
	switch {
	case d.total == 0 || d.total > int64(in.MaxQty):
		return 0x13
	case !market(d.price) && !in.limitAllowed(d.price):
		return 0x1D
	case d.given(engine.Tag128Stop) && !d.unstops() && !in.limitAllowed(d.ext.StopPrice):
		return 0x1D
	case !d.timeInForceValid():
		return 0x0F
	}
	if code := d.attributes(in); code != 0 {
		return code
	}
	if d.badCombination(in) || d.notTraded() {
		return 0x0F
	}
	return 0
}

// limitAllowed says whether a price is a limit price of the instrument (rule 1.4).
func (in *instrument) limitAllowed(price uint64) bool {
	return price != 0 && price <= in.MaxPrice && price%in.Tick == 0
}

// timeInForceValid is check 6.
func (d *details) timeInForceValid() bool {
	ttl, until := d.given(engine.Tag15TimeToLive), d.given(engine.Tag132Expire)
	switch d.tif {
	case '0', '3', '4':
		return !ttl && !until
	case '1':
		return !ttl && (!until || d.ext.Expire > d.now)
	case '6':
		return ttl && !until && d.ext.Expire >= 1 && d.ext.Expire <= 86_399
	}
	return false
}

// attributes is check 7. ISO and cross come first, in the order of rule 1.6.
func (d *details) attributes(in *instrument) uint16 {
	switch {
	case d.flags&engine.FlagSweep != 0:
		return 0x08
	case d.cross != 'N':
		return 0x14
	case d.display != 'Y' && d.display != 'N' && d.display != 'A':
		return 0x03
	case d.given(engine.Tag5MaxFloor) && !d.floorAllowed(in):
		return 0x04
	case d.hasMin && (d.minimum == 0 || d.minimum > d.total):
		return 0x0D
	}
	if code := d.priceType(in); code != 0 {
		return code
	}
	if d.given(engine.Tag29AIQ) {
		switch upper(d.ext.AIQ) {
		case 'O', 'W', 'D', 'Y', 'B', 'N':
		default:
			return 0x40
		}
	}
	return 0
}

func (d *details) floorAllowed(in *instrument) bool {
	floor := int64(d.ext.MaxFloor)
	return floor != 0 && floor <= d.total && d.total <= floor*in.maxSlices()
}

// priceType are tags 6 and 7: an offset is for pegs alone, on the tick like any price.
func (d *details) priceType(in *instrument) uint16 {
	if d.given(engine.Tag6PriceType) {
		switch d.ext.PriceType {
		case 'L', 'K', 'P', 'R', 'M', 'm':
		case 'Q':
			return 0x11
		default:
			return 0x05
		}
	}
	primaryOrMarket := d.follows() == 'P' || d.follows() == 'R'
	if d.given(engine.Tag7PegOffset) && (!primaryOrMarket || int64(d.ext.PegOffset)%int64(in.Tick) != 0) {
		return 0x11
	}
	return 0
}

// follows is the kind of peg that is asked for, 0 none. It is never inherited (rule 9.5).
func (d *details) follows() uint8 {
	if !d.given(engine.Tag6PriceType) {
		return 0
	}
	switch d.ext.PriceType {
	case 'P', 'R', 'M':
		return d.ext.PriceType
	case 'm':
		return 'M'
	}
	return 0
}

func (in *instrument) maxSlices() int64 { return byDefault(in.terms.MaxSlices, 100) }
func (in *instrument) maxPegs() int64   { return byDefault(in.terms.MaxPegs, 256) }
func (in *instrument) maxStops() int64  { return byDefault(in.terms.MaxStops, 10_000) }

func byDefault(n uint32, usual int64) int64 {
	if n == 0 {
		return usual
	}
	return int64(n)
}
