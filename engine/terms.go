package engine

// Reject codes (OUCH 5.0 Rejected) that this venue gives.
const (
	rejectQuote    uint16 = 0x01
	rejectClosed   uint16 = 0x02
	rejectDisplay  uint16 = 0x03
	rejectFloor    uint16 = 0x04
	rejectPegType  uint16 = 0x05
	rejectHalted   uint16 = 0x07
	rejectISO      uint16 = 0x08
	rejectSide     uint16 = 0x09
	rejectFirm     uint16 = 0x0C
	rejectMinQty   uint16 = 0x0D
	rejectOther    uint16 = 0x0F
	rejectPeg      uint16 = 0x11
	rejectQty      uint16 = 0x13
	rejectCross    uint16 = 0x14
	rejectSymbol   uint16 = 0x17
	rejectPrice    uint16 = 0x1D
	rejectRate     uint16 = 0x29
	rejectSelfLock uint16 = 0x40
)

const (
	// MarketPrice is the lowest wire price that means "at market", whatever the decimals (rule 1.4).
	MarketPrice uint64 = 2_000_000_000
	// MaxLimitPrice is the highest limit price an instrument can have (rule 1.4).
	MaxLimitPrice uint64 = 1_999_999_900

	carriedIdx = 255 // the channel kept for carried orders (rule 11.6)

	dayTTL = 86_400 // seconds to live are below this (OUCH 5.0 tag 15)
	second = 1_000_000_000
)

// Times in force (FIX tag 59 letters).
const (
	tifDay = '0'
	tifGTC = '1' // and good till date, with tag 132
	tifIOC = '3'
	tifFOK = '4'
	tifGTT = '6'
)

// terms are the instructions of a new order, of the order that a Replace makes, or of one that enters again (a triggered
// stop, a peg that moved): the same for all.
type terms struct {
	name
	qty      uint32 // as given: of a Replace the total of the chain
	open     uint32 // what is to be executed or to rest: of a Replace the rest of the total
	price    uint64 // as given
	display  uint8
	cross    uint8
	exempt   uint8 // tag 134, 0 not given
	flags    uint8 // of the command
	given    uint32
	kept     *order // of a Replace: the original
	market   bool
	toLimit  bool // market to limit (rule 3.3)
	allOrNil bool // fill or kill, in either spelling
	collar   bool // price protection holds (rule 5.10)
	order    uint16
	cold     // what stays with the order, if order has orderCold
}

// immediate says whether the order never rests by its time in force.
func (t *terms) immediate() bool { return t.tif == tifIOC || t.tif == tifFOK }

func (t *terms) has(tag uint32) bool { return t.given&tag != 0 }

// judge makes checks 5 to 8 of section 3 and works out what the instructions mean. 0: the terms are good.
func (e *Engine) judge(t *terms, h *Header, ext *Extension) uint16 {
	in := &e.instruments[h.Instrument]
	if t.qty == 0 || t.qty > in.maxQty {
		return rejectQty
	}
	t.market = t.price >= MarketPrice
	if !t.market {
		if _, ok := in.ticks(t.price); !ok {
			return rejectPrice
		}
	}
	if t.flags&FlagExtension == 0 {
		ext = &noExtension
	}
	t.given = ext.Present
	removes := t.kept != nil && ext.StopPrice == 0 // a Replace takes the stop away
	if t.has(Tag128Stop) && !removes {
		if _, ok := in.ticks(ext.StopPrice); !ok {
			return rejectPrice
		}
	}
	if code := e.settleTime(t, ext); code != 0 {
		return code
	}
	if code := t.settleAttributes(in, ext); code != 0 {
		return code
	}
	if code := t.combine(in, ext); code != 0 {
		return code
	}
	t.gather(ext)
	return 0
}

var noExtension Extension // never written

// settleTime makes check 6: the time in force.
func (e *Engine) settleTime(t *terms, ext *Extension) uint16 {
	ttl, at := t.has(Tag15TimeToLive), t.has(Tag132Expire)
	switch t.tif {
	case tifDay, tifIOC, tifFOK:
		if ttl || at {
			return rejectOther
		}
	case tifGTC:
		if ttl || at && ext.Expire <= e.time {
			return rejectOther
		}
		switch {
		case at:
			t.expire = ext.Expire
			t.order |= orderCold | orderExpires | orderDated
		case t.kept != nil && t.kept.flags&orderDated != 0:
			t.order |= orderCold | orderExpires | orderDated // with the expiry of the original
		}
	case tifGTT:
		if !ttl || at || ext.Expire == 0 || ext.Expire >= dayTTL {
			return rejectOther
		}
		t.expire = e.time + ext.Expire*second
		t.order |= orderCold | orderExpires
	default:
		return rejectOther
	}
	return 0
}

// settleAttributes makes check 7.
func (t *terms) settleAttributes(in *instrument, ext *Extension) uint16 {
	switch {
	case t.flags&FlagSweep != 0:
		return rejectISO
	case t.cross != 'N':
		return rejectCross
	case t.display != 'Y' && t.display != 'N' && t.display != 'A':
		return rejectDisplay
	case t.has(Tag5MaxFloor) && (ext.MaxFloor == 0 || ext.MaxFloor > t.qty ||
		uint64(t.qty) > uint64(ext.MaxFloor)*uint64(in.terms.MaxSlices)):
		return rejectFloor
	case t.flags&FlagMinQty != 0 && (t.minimum == 0 || t.minimum > t.qty):
		return rejectMinQty
	}
	if t.has(Tag6PriceType) {
		switch ext.PriceType {
		case 'L', 'K':
		case 'P', 'R', 'M':
			t.priceType = ext.PriceType
		case 'm':
			t.priceType = 'M'
		case 'Q':
			return rejectPeg
		default:
			return rejectPegType
		}
	}
	switch {
	case t.has(Tag7PegOffset) && (t.priceType != 'P' && t.priceType != 'R' || int64(ext.PegOffset)%int64(in.tick) != 0):
		return rejectPeg
	case t.has(Tag29AIQ) && !preventionLetter(ext.AIQ):
		return rejectSelfLock
	}
	return 0
}

// notTraded are instructions that this version does not carry out: refused, never accepted and ignored.
const notTraded = Tag9Discretion | Tag10DiscretionType | Tag11DiscretionOffset | Tag14Route | Tag17Handling | TagUnknown

// combine makes check 8: instructions that exclude each other (rule 3.2), and what the rest add up to (rule 3.3).
func (t *terms) combine(in *instrument, ext *Extension) uint16 {
	minimum := t.flags&FlagMinQty != 0
	postOnly := t.flags&(FlagPostOnly|FlagPostOnlySlip) != 0
	stop := t.stopAfter(ext)
	peg := t.priceType != 0
	atMarket := t.market && !peg
	t.toLimit = t.toLimit && !t.has(Tag6PriceType) && t.market || t.has(Tag6PriceType) && ext.PriceType == 'K'
	t.allOrNil = t.tif == tifFOK || t.tif == tifIOC && minimum && t.minimum == t.open
	switch {
	case t.has(notTraded),
		t.has(Tag16TradeNow) && ext.TradeNow != 'N',
		t.exempt != 0 && t.exempt != 'N' && t.exempt != 'Y',
		postOnly && (t.immediate() || atMarket || minimum || stop),
		atMarket && !t.toLimit && !stop && (t.tif == tifGTC || t.tif == tifGTT),
		t.toLimit && !t.market,
		t.tif == tifFOK && minimum && t.minimum != t.open,
		t.has(Tag5MaxFloor) && (t.display == 'N' || minimum || t.immediate()),
		t.has(Tag13Random) && (!t.has(Tag5MaxFloor) || ext.Random >= ext.MaxFloor),
		peg && (stop || t.immediate() || minimum),
		t.priceType == 'M' && (t.display != 'N' || t.has(Tag5MaxFloor)),
		t.has(Tag129Trigger) && (!stop || ext.StopTrigger != 'L' && ext.StopTrigger != 'B' && ext.StopTrigger != 'A'),
		t.has(Tag131Trail) && (!stop || ext.TrailOffset <= 0 || int64(ext.TrailOffset)%int64(in.tick) != 0),
		t.trailsAfter(ext) && stop && !t.market:
		return rejectOther
	}
	return 0
}

// stopAfter says whether the order is a stop: by its own tags, or because a Replace leaves the original's in force (rule 9.5).
func (t *terms) stopAfter(ext *Extension) bool {
	if t.has(Tag128Stop) {
		return ext.StopPrice != 0
	}
	return t.has(Tag131Trail) || t.kept != nil && t.kept.flags&orderPending != 0
}

// trailsAfter says the same of trailing.
func (t *terms) trailsAfter(ext *Extension) bool {
	return t.has(Tag131Trail) || t.kept != nil && t.kept.flags&orderTrails != 0
}

// gather puts what stays with the order where it stays: order and cold.
func (t *terms) gather(ext *Extension) {
	switch t.display {
	case 'N':
		t.order |= orderHidden
	case 'A':
		t.order |= orderPublic
	}
	if t.flags&FlagMinQty != 0 && !t.immediate() {
		t.order = t.order&^orderPublic | orderHidden | orderMinimum | orderCold
		t.display = 'N'
	}
	if t.flags&(FlagPostOnly|FlagPostOnlySlip) != 0 {
		t.order |= orderPost
	}
	switch t.exempt {
	case 'Y':
		t.order |= orderBound
	case 'N':
		t.order |= orderExempt
	}
	if t.toLimit {
		t.order |= orderToLimit
	}
	if t.has(Tag24Group) {
		t.group = ext.Group
		t.order |= orderCold
	}
	if t.has(Tag5MaxFloor) {
		t.floor, t.random = ext.MaxFloor, 0
		if t.has(Tag13Random) {
			t.random = ext.Random
		}
		t.order |= orderIceberg | orderCold
	}
	if t.has(Tag30AIQGroup) {
		t.aiqGroup = ext.AIQGroup
		t.order |= orderCold
	}
	if t.has(Tag29AIQ) {
		t.aiq = ext.AIQ
	}
	if t.priceType != 0 {
		t.order |= orderCold
		t.limit = min(t.price, MarketPrice)
		t.offset = int64(ext.PegOffset)
		if !t.has(Tag7PegOffset) {
			t.offset = 0
		}
		if t.priceType == 'M' {
			t.order |= orderMid
		} else {
			t.order |= orderPeg
		}
	}
	t.gatherStop(ext)
}

// gatherStop does so for a stop. What a Replace leaves out is there already, from the original.
func (t *terms) gatherStop(ext *Extension) {
	if !t.stopAfter(ext) {
		return
	}
	t.order |= orderPending | orderCold
	t.limit = min(t.price, MarketPrice)
	if t.trailsAfter(ext) {
		t.order |= orderTrails
	}
	if t.has(Tag128Stop) {
		t.stop = int64(ext.StopPrice)
	}
	if t.has(Tag131Trail) {
		t.trail = int64(ext.TrailOffset)
	}
	if t.has(Tag129Trigger) {
		t.trigger = ext.StopTrigger
	}
	if t.trigger == 0 {
		t.trigger = 'L'
	}
}

// refer makes check 9: what needs a reference price, and a stop that is satisfied already. The order that a Replace takes the
// place of is in no book any more: it is no reference to its heir.
func (e *Engine) refer(t *terms, h *Header) uint16 {
	in := &e.instruments[h.Instrument]
	side := bookSide(h.Side)
	switch {
	case t.order&orderPending != 0:
		ref, ok := in.reference(t.trigger)
		if t.has(Tag131Trail) && !t.has(Tag128Stop) && (t.kept == nil || t.kept.flags&orderPending == 0) {
			if !ok {
				return rejectQuote
			}
			t.stop = trailed(side, int64(ref), t.trail)
		}
		if ok && triggers(side, int64(ref), t.stop) {
			return rejectPrice
		}
	case t.order&orderPeg != 0:
		price, ok := e.pegPrice(in, side, &t.cold)
		if !ok {
			return rejectQuote
		}
		t.price, t.market = uint64(price)*in.tick, false
	case t.order&orderMid != 0:
		t.market = false // its price is a limit, or none
		if bid, ask := e.firmQuote(in); bid == 0 || ask == 0 {
			return rejectQuote
		}
	}
	return 0
}
