package engine

// Reject codes (OUCH 5.0 Rejected) that this venue gives.
const (
	rejectClosed   uint16 = 0x02
	rejectDisplay  uint16 = 0x03
	rejectFloor    uint16 = 0x04
	rejectPegType  uint16 = 0x05
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

// terms are the instructions of a new order, or of the order that a Replace makes: the same for both.
type terms struct {
	qty      uint32 // as given: of a Replace the total of the chain
	open     uint32 // what is to be executed or to rest: of a Replace the rest of the total
	minQty   uint32
	price    uint64
	expire   uint64 // ns since 1970, 0 none
	tif      uint8
	display  uint8
	cross    uint8
	exempt   uint8 // tag 134, 0 not given
	flags    uint8
	market   bool
	toLimit  bool // market to limit (rule 3.3)
	allOrNil bool // fill or kill, in either spelling
}

// enter carries out OUCH 5.0 Enter Order.
func (e *Engine) enter(cmd *Command) {
	c := cmd.Enter()
	if !e.known(&c.Header) || !e.use(c.User, c.Idx, c.Ref) {
		return
	}
	t := terms{
		qty: c.Qty, open: c.Qty, minQty: c.MinQty, price: c.Price,
		tif: c.TIF, display: c.Display, cross: c.Cross, exempt: c.Exempt, flags: c.Flags,
	}
	code := e.mayEnter(&c.Header, cmd, c.Side)
	if code == 0 {
		code = e.settleTerms(&t, c.Instrument, &cmd.Ext)
	}
	if code == 0 && (c.Idx == carriedIdx || e.orders.Live() == e.orders.Cap()) {
		code = rejectOther // rules 11.6 and 2.6
	}
	if code != 0 {
		e.reject(&c.Header, c.Ref, c.ClOrdID, code)
		return
	}
	o := order{
		ref: c.Ref, user: c.User, instrument: c.Instrument, idx: c.Idx, side: c.Side,
		capacity: c.Capacity, clOrdID: c.ClOrdID,
	}
	o.adopt(&t, cmd)
	e.slip(&o, &t)
	e.accepted(&o, &t, 'A')
	e.aggress(&o, &t)
}

// adopt gives an order the terms that stay with it while it lives.
func (o *order) adopt(t *terms, cmd *Command) {
	o.tif, o.display, o.expire = t.tif, t.display, t.expire
	o.flags = 0
	if t.flags&FlagSweep != 0 {
		o.flags |= orderSweep
	}
	if t.toLimit {
		o.flags |= orderToLimit
	}
	o.group = 0
	if t.flags&FlagExtension != 0 && cmd.Ext.Present&Tag24Group != 0 {
		o.group = cmd.Ext.Group
	}
}

// mayEnter makes checks 3 and 4 of section 3: may this user enter an order on this instrument and side now? The command
// may name a firm; a gateway leaves the account's own out. before is the side that the new one must match: a Replace stays on
// the side of its original, an Enter on its own.
func (e *Engine) mayEnter(h *Header, cmd *Command, before uint8) uint16 {
	switch {
	case e.users[h.User].disabled || cmd.Flags&FlagExtension != 0 && cmd.Ext.Present&Tag2Firm != 0:
		return rejectFirm
	case h.Instrument == 0 || int(h.Instrument) >= len(e.instruments):
		return rejectSymbol
	case !sameSide(h.Side, before):
		return rejectSide
	case !e.open || e.gate:
		return rejectClosed
	}
	return 0
}

// settleTerms makes checks 5 to 8 of section 3 and works out what the instructions mean. 0: the terms are good.
func (e *Engine) settleTerms(t *terms, instrument uint16, ext *Extension) uint16 {
	in := &e.instruments[instrument]
	if t.qty == 0 || t.qty > in.def.MaxQty {
		return rejectQty
	}
	t.market = t.price >= MarketPrice
	if !t.market && (t.price == 0 || t.price > in.def.MaxPrice || t.price%in.def.Tick != 0) {
		return rejectPrice
	}
	if t.flags&FlagExtension == 0 {
		ext = &noExtension
	}
	if code := e.settleTime(t, ext); code != 0 {
		return code
	}
	if code := settleDisplay(t, ext); code != 0 {
		return code
	}
	return combine(t, ext)
}

var noExtension Extension // never written

// settleTime makes check 6: the time in force.
func (e *Engine) settleTime(t *terms, ext *Extension) uint16 {
	ttl, at := ext.Present&Tag15TimeToLive != 0, ext.Present&Tag132Expire != 0
	switch t.tif {
	case tifDay, tifIOC, tifFOK:
		if ttl || at {
			return rejectOther
		}
	case tifGTC:
		if ttl || at && ext.Expire <= e.time {
			return rejectOther
		}
		if at {
			t.expire = ext.Expire
		}
	case tifGTT:
		if !ttl || at || ext.Expire == 0 || ext.Expire >= dayTTL {
			return rejectOther
		}
		t.expire = e.time + ext.Expire*second
	default:
		return rejectOther
	}
	return 0
}

// settleDisplay makes check 7.
func settleDisplay(t *terms, ext *Extension) uint16 {
	switch {
	case t.flags&FlagSweep != 0:
		return rejectISO
	case t.cross != 'N':
		return rejectCross
	case t.display != 'Y' && t.display != 'N' && t.display != 'A':
		return rejectDisplay
	case ext.Present&(Tag5MaxFloor|Tag13Random) != 0:
		return rejectFloor
	case t.flags&FlagMinQty != 0 && (t.minQty == 0 || t.minQty > t.qty):
		return rejectMinQty
	case ext.Present&Tag6PriceType != 0 && pegLetter(ext.PriceType) != 0:
		return pegLetter(ext.PriceType)
	case ext.Present&Tag7PegOffset != 0:
		return rejectPeg
	case ext.Present&Tag29AIQ != 0 && ext.AIQ != 'N':
		return rejectSelfLock
	}
	return 0
}

// pegLetter judges a price type (tag 6): pegs are not traded yet, other letters are none.
func pegLetter(letter uint8) uint16 {
	switch letter {
	case 'L', 'K':
		return 0
	case 'P', 'R', 'M', 'Q', 'm':
		return rejectPeg
	}
	return rejectPegType
}

// notTraded are instructions that this version does not carry out: refused, never accepted and ignored.
const notTraded = Tag9Discretion | Tag10DiscretionType | Tag11DiscretionOffset | Tag14Route | Tag17Handling |
	Tag128Stop | Tag129Trigger | Tag131Trail | TagUnknown

// combine makes check 8: instructions that exclude each other (rule 3.2), and what the rest add up to (rule 3.3).
func combine(t *terms, ext *Extension) uint16 {
	minimum := t.flags&FlagMinQty != 0
	immediate := t.tif == tifIOC || t.tif == tifFOK
	postOnly := t.flags&(FlagPostOnly|FlagPostOnlySlip) != 0
	t.toLimit = t.toLimit || ext.Present&Tag6PriceType != 0 && ext.PriceType == 'K'
	t.allOrNil = t.tif == tifFOK || t.tif == tifIOC && minimum && t.minQty == t.open
	switch {
	case ext.Present&notTraded != 0,
		ext.Present&Tag16TradeNow != 0 && ext.TradeNow != 'N',
		t.exempt != 0 && t.exempt != 'N', // cancel on disconnect (rule 9.9) is not offered yet
		postOnly && (immediate || t.market || minimum),
		t.market && !t.toLimit && (t.tif == tifGTC || t.tif == tifGTT),
		t.toLimit && !t.market,
		t.tif == tifFOK && minimum && t.minQty != t.open,
		minimum && !immediate: // a minimum that rests (rule 5.6) is not traded yet
		return rejectOther
	}
	return 0
}

// reject answers a command that used up its UserRefNum (rule 3).
func (e *Engine) reject(h *Header, ref uint32, clOrdID [14]byte, code uint16) {
	ev := e.emit('J', h.User)
	ev.Idx, ev.Ref, ev.Reason, ev.ClOrdID = h.Idx, ref, code, clOrdID
	ev.Instrument, ev.Side = h.Instrument, h.Side
}

// accepted tells the owner of a new order (`A`) or of one that a Replace made (`U`), and gives it its reference.
func (e *Engine) accepted(o *order, t *terms, kind uint8) *Event {
	e.reference++
	o.reference = e.reference
	ev := e.emitOrder(kind, o)
	ev.Price, ev.Qty, ev.Leaves = t.price, t.open, t.open
	ev.ClOrdID, ev.TIF, ev.Display, ev.Capacity, ev.Cross = o.clOrdID, o.tif, o.display, o.capacity, 'N'
	if o.flags&orderSweep != 0 {
		ev.Flags |= EventSweep
	}
	return ev
}
