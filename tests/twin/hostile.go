package twin

import (
	"math/rand/v2"

	"matcher/engine"
)

// Hostile makes up commands as a member or a journal that means harm would, for the venue of HostileSetup: extremes,
// nonsense, and names of others, near enough to what is good that many orders live.
type Hostile struct {
	r       *rand.Rand
	refs    [5]uint32
	session string
}

// NewHostile returns the flow of a seed.
func NewHostile(seed uint64) *Hostile {
	return &Hostile{r: rand.New(rand.NewPCG(seed, 7)), session: "SESSION1"}
}

// HostileSetup returns the commands that make a small venue with every policy, the widest and the narrowest limits, without
// Seq.
func HostileSetup() []engine.Command {
	var list []engine.Command
	add := func() *engine.Command {
		list = append(list, engine.Command{})
		return &list[len(list)-1]
	}
	*add().Rules() = engine.Rules{Header: engine.Header{Kind: engine.KindRules, Time: opening}, Version: 1, MaxOrders: 40, MaxUsers: 4}
	for i, t := range []engine.Terms{
		{MaxPegs: 4, MaxStops: 4, CollarBP: 300},
		{MaxSlices: 1<<32 - 1, CollarBP: 1<<32 - 1, Reference: 1, MaxPegs: 1<<32 - 1, MaxStops: 1<<32 - 1},
		{FifoPercent: 100, TopPercent: 100, MinAlloc: 1<<32 - 1},
		{FifoPercent: 40, TopPercent: 25, MinAlloc: 2, TopMax: 20, Collar: engine.MaxLimitPrice},
	} {
		c := add()
		*c.AsInstrument() = engine.Instrument{
			Header: engine.Header{Kind: engine.KindInstrument, Flags: engine.FlagExtension},
			Symbol: [8]byte{'A' + byte(i), ' ', ' ', ' ', ' ', ' ', ' ', ' '},
			Tick:   []uint64{1, 19_999_999, 1, 1_999_999_900}[i], MaxQty: []uint32{1<<32 - 1, 1<<32 - 1, 1000, 1<<32 - 1}[i],
			Policy: uint8(i / 2), MaxPrice: []uint64{100_000, 1_999_999_900, 1_000, 1_999_999_900}[i],
		}
		t.Kind = engine.KindExtension
		*c.Terms() = t
	}
	for i := range byte(3) {
		*add().AsUser() = engine.User{
			Header: engine.Header{Kind: engine.KindUser}, Name: [6]byte{'A' + i}, Firm: [4]byte{'F', 'G', ' ', ' '}, OnDrop: i & 1,
			SelfMatch: "ND\x00"[i], SelfLevel: i, SelfGroup: 1,
		}
	}
	*add().Day() = engine.Day{Header: engine.Header{Kind: engine.KindDay}, Midnight: midnight, Event: 'S', Secret: 5, Session: padded10("SESSION1")}
	return list
}

// pick returns one of some.
func pick[T any](h *Hostile, some ...T) T { return some[h.r.IntN(len(some))] }

func (h *Hostile) odds(n int) bool { return h.r.IntN(n) == 0 }

func (h *Hostile) price(instrument uint16) uint64 {
	if h.odds(30) {
		return pick[uint64](h, 0, 1, 2, 99_999, 100_000, 1_999_999_800, 1_999_999_900, 1_999_999_901, engine.MarketPrice-1, 1<<32, 1<<63, 1<<64-1)
	}
	if h.odds(8) {
		return engine.MarketPrice
	}
	switch instrument {
	case 2:
		return pick[uint64](h, 1, 97, 98, 99, 99, 100) * 19_999_999
	case 4:
		return 1_999_999_900
	}
	return 98 + h.r.Uint64N(5)
}

func (h *Hostile) qty() uint32 {
	switch {
	case h.odds(60):
		return 0
	case h.odds(4):
		return pick[uint32](h, 1, 2, 1<<31, 1<<32-2, 1<<32-1)
	}
	return 1 + h.r.Uint32N(60)
}

func (h *Hostile) ref(user uint16) uint32 {
	u := min(user, 4)
	h.refs[u]++
	return h.refs[u]
}

// Next returns the next command, without Seq; its Time is how long after the one before it comes.
func (h *Hostile) Next() *engine.Command {
	c := &engine.Command{}
	c.User = uint16(1 + h.r.IntN(3))
	if h.odds(200) {
		c.User = pick[uint16](h, 0, 4, 999, 65_535)
	}
	c.Instrument = uint16(1 + h.r.IntN(4))
	if h.odds(200) {
		c.Instrument = pick[uint16](h, 0, 5, 65_534, 65_535)
	}
	c.Side = pick[uint8](h, 'B', 'B', 'S', 'T')
	if h.odds(200) {
		c.Side = 0
	}
	if h.odds(20) {
		c.Idx = pick[uint8](h, 1, 254, 255)
	}
	old := h.refs[min(c.User, 4)] - h.r.Uint32N(20)
	switch p := h.r.IntN(100); {
	case p < 55:
		c.Kind = engine.KindEnter
		m := c.Enter()
		m.Ref, m.Qty, m.Price = h.ref(c.User), h.qty(), h.price(c.Instrument)
		m.TIF, m.Display, m.Cross, m.Exempt = pick[uint8](h, '0', '0', '0', '0', '0', '1', '3', '4', '6'), pick[uint8](h, 'Y', 'Y', 'N', 'A'), 'N', pick[uint8](h, 0, 0, 'Y', 'N')
		if h.odds(6) {
			m.MinQty = 1 + m.Qty/pick[uint32](h, 1, 2, 3)
			m.Flags |= engine.FlagMinQty
		}
		h.extend(c)
	case p < 70:
		c.Kind = engine.KindReplace
		m := c.Replace()
		m.OrigRef, m.Ref, m.Qty, m.Price = old, h.ref(c.User), h.qty(), h.price(c.Instrument)
		m.TIF, m.Display = pick[uint8](h, '0', '0', '1', '3', '6'), pick[uint8](h, 'Y', 'Y', 'N', 'A')
		if !h.odds(4) {
			c.Side = 0
		}
		h.extend(c)
	case p < 78:
		c.Kind = engine.KindCancel
		c.Cancel().Ref, c.Cancel().Qty = old, h.qty()
	case p < 86:
		c.Kind = engine.KindModify
		c.Cancel().Ref, c.Cancel().Qty = old, h.qty()
	case p < 87:
		h.venue(c)
	case p < 88:
		c.Kind = engine.KindMassCancel
		c.MassCancel().Ref, c.MassCancel().Firm, c.MassCancel().Symbol = h.ref(c.User), [4]byte{' ', ' ', ' ', ' '}, padded8("")
		if c.Instrument-1 < 4 {
			c.MassCancel().Symbol[0] = 'A' + byte(c.Instrument-1)
		}
	case p < 91:
		h.reopen(c)
	case p < 94:
		*c.AsUser() = engine.User{
			Header: engine.Header{Kind: engine.KindUser}, Name: [6]byte{'A' + byte(h.r.IntN(4))}, OnDrop: uint8(h.r.IntN(2)),
			SelfMatch: pick[uint8](h, 0, 'N', 'O', 'w', 'd', 'Y', 'b', 'n'), SelfLevel: uint8(h.r.IntN(4)), SelfGroup: uint16(h.r.IntN(2)),
		}
		if h.odds(3) {
			u := c.AsUser()
			u.OpenOrders, u.Stops = pick[uint32](h, 0, 1, 7, 1<<32-1), pick[uint32](h, 0, 1, 3, 1<<32-1)
			u.Rate, u.Burst = pick[uint32](h, 0, 1, 3, 1e9, 1<<32-1), pick[uint32](h, 0, 1, 5, 1<<32-1)
		}
	default:
		c.Kind = engine.KindTick
	}
	if h.odds(3) {
		c.Time = uint64(h.r.Uint32N(1 << 31))
	}
	return c
}

func (h *Hostile) venue(c *engine.Command) {
	switch h.r.IntN(8) {
	case 0:
		c.Kind = engine.KindTrading
		c.Trading().State = pick[uint8](h, 'H', 'T')
	case 1:
		c.Kind = engine.KindBust
		c.Bust().Match = h.r.Uint64N(100)
		if h.odds(2) {
			c.Flags = engine.FlagExtension
			c.Owners().Kind = engine.KindExtension
			c.Owners().Maker.User, c.Owners().Taker.User = uint16(h.r.IntN(6)), uint16(h.r.IntN(6))
		}
	case 2:
		c.Kind = engine.KindCancelFor
		c.CancelFor().Account = uint16(h.r.IntN(6))
	case 3:
		c.Kind = engine.KindDay
		c.Day().Event = pick[uint8](h, 'S', 'S', 'E')
		c.Day().Session = padded10(h.session)
	case 4:
		c.Kind = engine.KindRestart
		h.session = pick(h, "SESSION1", "SESSION2")
		c.Restart().Session = padded10(h.session)
	case 5:
		c.Kind = engine.KindGate
		c.Gate().Closed = pick[uint8](h, 0, 0, 1)
	case 6:
		c.Kind = engine.KindDisconnect
	case 7:
		c.Kind = pick(h, engine.KindDisable, engine.KindEnable, engine.KindEnable, engine.KindEnable, engine.KindQuery, engine.KindRefused, engine.KindRules)
		c.MassCancel().Ref, c.MassCancel().Firm = h.ref(c.User), [4]byte{' ', ' ', ' ', ' '}
	}
}

// redefine says what an instrument becomes if no day is open: now and then something that no instrument may be.
func (h *Hostile) redefine(c *engine.Command) {
	i := h.r.IntN(4)
	*c = HostileSetup()[1+i]
	in, x := c.AsInstrument(), c.Terms()
	if h.odds(2) {
		in.Tick = pick[uint64](h, 0, 1, 2, 3, 7, 99, 19_999_999, 1_999_999_900, 1<<63)
		in.MaxPrice = pick(h, in.Tick, 99*in.Tick, 100, 101, 1_999_999_900/max(1, in.Tick)*in.Tick, in.MaxPrice, 1<<63)
		if in.Tick != 0 && in.Tick < 99 && in.MaxPrice < 1<<32 { // an audit looks at every price that there may be
			in.MaxPrice = min(in.MaxPrice, in.Tick<<20)
		}
	}
	if h.odds(3) {
		in.MaxQty = pick[uint32](h, 0, 1, 40, 1<<31, 1<<32-1)
	}
	if h.odds(6) {
		in.Lot, in.PriceDecimals, in.LotDecimals = h.r.Uint32N(2), uint8(h.r.IntN(2)), uint8(h.r.IntN(2))
	}
	if h.odds(3) {
		in.Policy = pick[uint8](h, 0, 1, 2)
	}
	if h.odds(3) {
		x.MaxPegs, x.MaxStops, x.MaxSlices = pick[uint32](h, 0, 1, 1<<32-1), pick[uint32](h, 0, 1, 1<<32-1), pick[uint32](h, 0, 1, 1<<32-1)
		x.Collar, x.CollarBP = pick[uint64](h, 0, 1, engine.MaxLimitPrice), pick[uint32](h, 0, 0, 1, 1<<32-1)
		x.TopPercent, x.FifoPercent = pick[uint8](h, 0, 100, 101), pick[uint8](h, 0, 1, 100)
	}
}

// extend gives a new order instructions.
func (h *Hostile) extend(c *engine.Command) {
	if h.odds(12) {
		c.Flags |= pick(h, engine.FlagPostOnly, engine.FlagPostOnlySlip)
	}
	if h.odds(2) && c.Enter().TIF != '6' {
		return
	}
	c.Flags |= engine.FlagExtension
	x := &c.Ext
	x.Kind = engine.KindExtension
	give := func(n int, tag uint32) {
		if h.odds(n) {
			x.Present |= tag
		}
	}
	x.Group, x.MaxFloor, x.Random = uint16(h.r.IntN(3)), 1+c.Enter().Qty/pick[uint32](h, 1, 2, 4), c.Enter().Qty/pick[uint32](h, 4, 8)
	x.StopPrice, x.PegOffset = h.price(c.Instrument), pick[int32](h, 0, 0, 0, 19_999_999, 1, -1, -1<<31, 1<<31-1)
	x.TrailOffset, x.MinQty = pick[int32](h, 1, 2, 19_999_999, 0, -100, 1<<31-1, 2147483600), h.qty()
	x.PriceType, x.AIQ, x.StopTrigger = pick[uint8](h, 'L', 'K', 'P', 'R', 'R', 'M', 'm'), pick[uint8](h, 'O', 'W', 'D', 'Y', 'B', 'N', 'o', 'd'), pick[uint8](h, 'L', 'B', 'A', 0)
	x.AIQGroup = pick(h, [2]byte{'A', 'A'}, [2]byte{'A', 'B'}, [2]byte{0, 0}, [2]byte{' ', ' '})
	x.Expire = pick[uint64](h, 1, 5, 86_399, opening+1<<36, opening+1<<50, 1<<64-1)
	switch c.Enter().TIF {
	case '6':
		x.Present |= engine.Tag15TimeToLive
	case '1':
		give(2, engine.Tag132Expire)
	}
	switch h.r.IntN(6) {
	case 0:
		x.Present |= engine.Tag5MaxFloor
		give(2, engine.Tag13Random)
	case 1:
		x.Present |= engine.Tag6PriceType
		give(2, engine.Tag7PegOffset)
		if h.odds(2) {
			c.Enter().Display = 'N'
		}
	case 2:
		x.Present |= engine.Tag128Stop
		give(3, engine.Tag131Trail)
		give(2, engine.Tag129Trigger)
	case 3:
		x.Present |= engine.Tag131Trail
		c.Enter().Price = engine.MarketPrice
	}
	give(2, engine.Tag29AIQ)
	give(3, engine.Tag30AIQGroup)
	give(8, engine.Tag24Group)
	give(30, engine.Tag3MinQty)
	give(60, engine.TagBroken)
	give(60, engine.Tag5MaxFloor)
	give(60, engine.Tag128Stop)
}

// reopen undoes what keeps orders out.
func (h *Hostile) reopen(c *engine.Command) {
	switch h.r.IntN(4) {
	case 0:
		c.Kind = engine.KindTrading
		c.Trading().State = 'T'
	case 1:
		if h.odds(2) {
			h.redefine(c)
			return
		}
		c.Kind = engine.KindDay
		c.Day().Event, c.Day().Session = 'S', padded10(h.session)
	case 2:
		c.Kind = engine.KindGate
	case 3:
		c.Kind = engine.KindEnable
		c.MassCancel().Ref, c.MassCancel().Firm = h.ref(c.User), [4]byte{' ', ' ', ' ', ' '}
	}
}
