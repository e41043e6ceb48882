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

// toLimit says whether this is market-to-limit (rule 3.3). Inherited, the letter means nothing beside a limit price: the
// order is then what it had become when it rested (rules 5.1, 9.5).
func (d *details) toLimit() bool {
	if d.given(engine.Tag6PriceType) {
		return d.ext.PriceType == 'K'
	}
	return d.original != nil && d.original.toLimit && market(d.price)
}

// minimumAtOnce returns what must be feasible for anything to happen (rules 4.5, 5.2). The minimum of a Replace is
// checked against its quantity, the total, yet the walk that must meet it can execute no more than what is outstanding.
func (d *details) minimumAtOnce() int64 {
	switch {
	case d.hasMin:
		return d.minimum
	case d.tif == '4':
		return d.qty
	}
	return 0
}

func (d *details) postOnly() bool { return d.flags&(engine.FlagPostOnly|engine.FlagPostOnlySlip) != 0 }

// malformed is check 2 of rule 3.
func (d *details) malformed() uint16 {
	if d.given(engine.TagBroken) {
		return 0x0F
	}
	return 0
}

// refused are checks 3 and 4 of rule 3: a Replace that fails here leaves its original alone (rule 9.4).
func (t *Twin) refused(d *details) uint16 {
	switch {
	case d.account.disabled, d.given(engine.Tag2Firm):
		return 0x0C
	case d.instrument == 0 || int(d.instrument) >= len(t.instruments):
		return 0x17
	case !sideAllowed(d):
		return 0x09
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
	case !market(d.price) && (d.price == 0 || d.price > in.MaxPrice || d.price%in.Tick != 0):
		return 0x1D
	case !d.timeInForceValid():
		return 0x0F
	}
	if code := d.attributes(); code != 0 {
		return code
	}
	if d.badCombination() || d.notTraded() {
		return 0x0F
	}
	return 0
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

// attributes is check 7. ISO and cross come first, in the order of rule 1.6. What needs pegs, reserves or self-trade
// prevention gets the code of its kind.
func (d *details) attributes() uint16 {
	switch {
	case d.flags&engine.FlagSweep != 0:
		return 0x08
	case d.cross != 'N':
		return 0x14
	case d.display != 'Y' && d.display != 'N' && d.display != 'A':
		return 0x03
	case d.given(engine.Tag5MaxFloor | engine.Tag13Random):
		return 0x04
	case d.hasMin && (d.minimum == 0 || d.minimum > d.total):
		return 0x0D
	}
	if code := d.priceType(); code != 0 {
		return code
	}
	if d.given(engine.Tag29AIQ) && d.ext.AIQ != 'N' {
		return 0x40
	}
	return 0
}

func (d *details) priceType() uint16 {
	if d.given(engine.Tag6PriceType) {
		switch d.ext.PriceType {
		case 'L', 'K':
		case 'P', 'R', 'M', 'Q', 'm':
			return 0x11
		default:
			return 0x05
		}
	}
	if d.given(engine.Tag7PegOffset) { // an offset is for pegs alone
		return 0x11
	}
	return 0
}

// badCombination is rule 3.2, as far as its order types are traded. What a fill or kill must fill is what is outstanding,
// so that is the quantity its minimum must be.
func (d *details) badCombination() bool {
	atMarket := market(d.price)
	switch {
	case d.postOnly() && (d.tif == '3' || d.tif == '4' || atMarket || d.hasMin):
		return true
	case atMarket && (d.tif == '1' || d.tif == '6') && !d.toLimit():
		return true
	case d.toLimit() && !atMarket: // market-to-limit is a market price (rule 3.3)
		return true
	}
	return d.tif == '4' && d.hasMin && d.minimum != d.qty
}

// notTraded says whether something is asked for that this venue does not know how to do.
func (d *details) notTraded() bool {
	const never = engine.Tag9Discretion | engine.Tag10DiscretionType | engine.Tag11DiscretionOffset |
		engine.Tag14Route | engine.Tag17Handling | engine.Tag128Stop | engine.Tag129Trigger | engine.Tag131Trail |
		engine.TagUnknown
	switch {
	case d.given(never):
		return true
	case d.given(engine.Tag16TradeNow) && d.ext.TradeNow != 'N':
		return true
	case d.exempt != 0 && d.exempt != 'N': // cancel on disconnect, rule 9.9
		return true
	}
	return d.hasMin && d.tif != '3' && d.tif != '4' // a minimum that would rest (rule 5.6)
}
