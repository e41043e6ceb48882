package twin

import "matcher/engine"

// badCombination is rule 3.2.
func (d *details) badCombination(in *instrument) bool {
	return d.badPostOnly() || d.badMarket() || d.badReserve() || d.badPeg() || d.badStop(in) || d.badMinimum()
}

func (d *details) postOnly() bool { return d.flags&(engine.FlagPostOnly|engine.FlagPostOnlySlip) != 0 }

func (d *details) atOnce() bool { return d.tif == '3' || d.tif == '4' }

// atMarket says whether this is a market order. A peg without a limit of its own is none.
func (d *details) atMarket() bool { return market(d.price) && d.follows() == 0 }

func (d *details) badPostOnly() bool {
	return d.postOnly() && (d.atOnce() || d.atMarket() || d.hasMin || d.stops())
}

// badMarket is what a market order may not be, and market-to-limit only as one (rule 3.3).
func (d *details) badMarket() bool {
	if d.toLimit() && !market(d.price) {
		return true
	}
	return d.atMarket() && (d.tif == '1' || d.tif == '6') && !d.stops() && !d.toLimit()
}

func (d *details) badReserve() bool {
	iceberg := d.given(engine.Tag5MaxFloor)
	if d.given(engine.Tag13Random) && (!iceberg || d.ext.Random >= d.ext.MaxFloor) {
		return true
	}
	return iceberg && (d.display == 'N' || d.hasMin || d.atOnce())
}

func (d *details) badPeg() bool {
	switch d.follows() {
	case 'M':
		if d.display != 'N' || d.given(engine.Tag5MaxFloor) {
			return true
		}
	case 0:
		return false
	}
	return d.stops() || d.atOnce() || d.hasMin
}

// badStop is what a stop, and its tags, may not be. A trailing stop is a market order (rule 7.6).
func (d *details) badStop(in *instrument) bool {
	if d.unstops() && d.given(engine.Tag129Trigger|engine.Tag131Trail) {
		return true
	}
	waits := d.original != nil && d.original.pending
	if d.given(engine.Tag129Trigger) {
		if !d.given(engine.Tag128Stop|engine.Tag131Trail) && !waits {
			return true
		}
		if letter := d.ext.StopTrigger; letter != 'L' && letter != 'B' && letter != 'A' {
			return true
		}
	}
	if offset := int64(d.ext.TrailOffset); d.given(engine.Tag131Trail) && (offset <= 0 || offset%int64(in.Tick) != 0) {
		return true
	}
	return d.trail() != 0 && !market(d.price)
}

// badMinimum: what a fill or kill must fill is what is outstanding, so that is the quantity its minimum must be.
func (d *details) badMinimum() bool { return d.tif == '4' && d.hasMin && d.minimum != d.qty }

// notTraded says whether something is asked for that this venue does not know how to do.
func (d *details) notTraded() bool {
	const never = engine.Tag9Discretion | engine.Tag10DiscretionType | engine.Tag11DiscretionOffset |
		engine.Tag14Route | engine.Tag17Handling | engine.TagUnknown
	switch {
	case d.given(never):
		return true
	case d.given(engine.Tag16TradeNow) && d.ext.TradeNow != 'N':
		return true
	}
	return d.exempt != 0 && d.exempt != 'N' && d.exempt != 'Y'
}

// toLimit says whether this is market-to-limit (rule 3.3). Inherited, the letter means nothing beside a limit price: the
// order is then what it had become when it rested (rules 5.1, 9.5).
func (d *details) toLimit() bool {
	if d.given(engine.Tag6PriceType) {
		return d.ext.PriceType == 'K'
	}
	return d.original != nil && d.original.toLimit && market(d.price)
}

// unstops says whether a Replace takes the stop off (rule 9.5). It may say nothing else of it (rule 3.2).
func (d *details) unstops() bool {
	return d.original != nil && d.given(engine.Tag128Stop) && d.ext.StopPrice == 0
}

// stops says whether the order waits for a trigger. A Replace keeps the stop of its original; one that was triggered is
// none any more (rules 7.5, 9.5).
func (d *details) stops() bool {
	if d.unstops() {
		return false
	}
	return d.given(engine.Tag128Stop|engine.Tag131Trail) || d.original != nil && d.original.pending
}

// trail is the offset of a trailing stop, 0 for one that does not trail.
func (d *details) trail() int64 {
	switch {
	case !d.stops():
		return 0
	case d.given(engine.Tag131Trail):
		return int64(d.ext.TrailOffset)
	case d.original != nil && d.original.pending:
		return d.original.trail
	}
	return 0
}

// trigger is what a stop looks at.
func (d *details) trigger() uint8 {
	switch {
	case d.given(engine.Tag129Trigger):
		return d.ext.StopTrigger
	case d.original != nil && d.original.pending:
		return d.original.trigger
	}
	return 'L'
}
