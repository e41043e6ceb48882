package sim

import (
	"math/rand/v2"

	"matcher/core"
	"matcher/wire/ouch"
)

// symbols are the instruments of the venue: plain, shared by proportion, with a collar, and with a coarse tick.
var symbols = [...]string{"AAPL", "PRORATA", "COLLAR", "TINY"}

func instruments() []core.Instrument {
	plain := core.Instrument{PriceDecimals: 4, Tick: 100, Lot: 1, MaxQty: 1_000_000, MaxPrice: 1_999_999_900}
	list := make([]core.Instrument, len(symbols))
	for i, symbol := range symbols {
		list[i] = plain
		list[i].Symbol = symbol
		list[i].Terms.MaxPegs, list[i].Terms.MaxStops, list[i].Terms.MaxSlices = 8, 16, 8
	}
	list[1].ProRata = true
	list[1].Terms.MinAlloc = 2
	list[1].Terms.TopPercent, list[1].Terms.TopMax = 25, 20
	list[2].Terms.Collar, list[2].Terms.Reference = 500, 100_000
	list[3].Tick, list[3].MaxPrice, list[3].MaxQty = 500, 3_000, 100
	return list
}

// carriedChannel is where orders of the days before have their numbers.
const carriedChannel = 255

// flow makes up the messages of one client: orders of every type, about a price that all clients share, so that much
// trades; amendments, mostly of orders that may live; and some that are wrong.
type flow struct {
	rng   *rand.Rand
	ref   uint32 // last UserRefNum
	days  bool   // orders of the days before are amended too
	deep  bool   // orders come to rest, until one takes many of them
	enter ouch.EnterOrder
	opts  ouch.Options
	tags  []byte
}

func (f *flow) one(n int) bool { return f.rng.IntN(n) == 0 }

func (f *flow) recent() uint32 {
	return f.ref - min(f.ref, f.rng.Uint32N(24))
}

func (f *flow) price(instrument int) uint64 {
	if f.one(20) {
		return ouch.MarketPrice
	}
	n := f.rng.Uint64N(12)
	switch instrument {
	case 3:
		return 500 * (1 + n%6)
	default:
		return 100_000 - 600 + 100*n
	}
}

func (f *flow) qty() uint32 {
	if f.one(100) {
		return 1 + f.rng.Uint32N(4000)
	}
	return 1 + f.rng.Uint32N(40)
}

// next appends a message to b. It returns the UserRefNum that the message uses up, 0 if none.
func (f *flow) next(b []byte) ([]byte, uint32) {
	switch p := f.rng.IntN(100); {
	case p < 62, f.deep && !f.one(8):
		return f.order(b)
	case p < 72:
		return f.replace(b)
	case p < 86:
		m := ouch.CancelOrder{UserRefNum: f.recent()}
		if f.one(4) {
			m.Quantity = f.rng.Uint32N(30)
		}
		if f.days && f.one(4) {
			f.opts = ouch.Options{Present: ouch.Tag28UserRefIdx, UserRefIdx: carriedChannel}
			m.UserRefNum, m.Appendage = 1+f.rng.Uint32N(8), f.opts.Append(f.tags[:0])
		}
		return m.Append(b), 0
	case p < 94:
		m := ouch.ModifyOrder{UserRefNum: f.recent(), Side: "BSTE"[f.rng.IntN(4)], Quantity: f.rng.Uint32N(30)}
		return m.Append(b), 0
	case p < 96:
		f.ref++
		m := ouch.MassCancel{UserRefNum: f.ref, Firm: [4]byte{' ', ' ', ' ', ' '}, Symbol: ouch.Symbol(symbols[f.rng.IntN(len(symbols))])}
		return m.Append(b), f.ref
	}
	return (&ouch.AccountQuery{}).Append(b), 0
}

func (f *flow) order(b []byte) ([]byte, uint32) {
	f.ref++
	i := f.rng.IntN(len(symbols) + 2)
	if i >= len(symbols) {
		i = 0
	}
	m := &f.enter
	*m = ouch.EnterOrder{
		UserRefNum: f.ref, Side: "BBBSSSTE"[f.rng.IntN(8)], Quantity: f.qty(), Symbol: ouch.Symbol(symbols[i]), Price: f.price(i),
		TimeInForce: "0000000333466100"[f.rng.IntN(16)], Display: "YYYYYYNA"[f.rng.IntN(8)], Capacity: "APRO"[f.rng.IntN(4)],
		Sweep: 'N', CrossType: 'N', ClOrdID: ouch.ClOrdID("sim"),
	}
	switch {
	case f.deep && f.one(40):
		m.Symbol, m.Quantity, m.Price, m.TimeInForce = ouch.Symbol(symbols[0]), 100_000, ouch.MarketPrice, ouch.TIFIOC
		return m.Append(b), f.ref
	case f.deep && !f.one(8):
		m.Symbol, m.TimeInForce, m.Display, m.Quantity = ouch.Symbol(symbols[0]), ouch.TIFDay, ouch.DisplayVisible, 1+f.rng.Uint32N(3)
		m.Price = 100_000 - 100*(1+f.rng.Uint64N(10))
		if m.Side != ouch.SideBuy {
			m.Price = 200_000 - m.Price
		}
		return m.Append(b), f.ref
	}
	m.Appendage = f.options(m.TimeInForce, m.Quantity, m.Price)
	return m.Append(b), f.ref
}

func (f *flow) replace(b []byte) ([]byte, uint32) {
	orig := f.recent()
	f.ref++
	m := ouch.ReplaceOrder{
		OrigUserRefNum: orig, UserRefNum: f.ref, Quantity: f.qty(), Price: f.price(0), TimeInForce: "00000361"[f.rng.IntN(8)],
		Display: "YYYYN"[f.rng.IntN(5)], Sweep: 'N', ClOrdID: ouch.ClOrdID("rep"),
	}
	m.Appendage = f.options(m.TimeInForce, m.Quantity, m.Price)
	return m.Append(b), f.ref
}

// options makes up the tags of an order.
func (f *flow) options(tif byte, qty uint32, price uint64) []byte {
	o := &f.opts
	if tif != ouch.TIFGTT && !f.one(3) {
		return nil
	}
	*o = ouch.Options{}
	give := func(tag uint64) { o.Present |= tag }
	if tif == ouch.TIFGTT {
		give(ouch.Tag15ExpireTime)
		o.ExpireTime = 1 + f.rng.Uint32N(3)
	}
	switch f.rng.IntN(16) {
	case 0:
		give(ouch.Tag12PostOnly)
		o.PostOnly = "PPRN"[f.rng.IntN(4)]
	case 1:
		give(ouch.Tag3MinQty)
		o.MinQty = 1 + f.rng.Uint32N(qty+1)
	case 2, 3, 4:
		give(ouch.Tag5MaxFloor)
		o.MaxFloor = 1 + f.rng.Uint32N(qty)
		if f.one(3) {
			give(ouch.Tag13RandomReserves)
			o.RandomReserves = f.rng.Uint32N(3)
		}
	case 5:
		give(ouch.Tag6PriceType)
		o.PriceType = "PRRMK"[f.rng.IntN(5)]
		if o.PriceType != 'M' && f.one(2) {
			give(ouch.Tag7PegOffset)
			o.PegOffset = 100 * (f.rng.Int32N(5) - 2)
		}
	case 6, 7, 8:
		give(ouch.Tag128StopPrice)
		o.StopPrice = 100_000 - 600 + 100*f.rng.Uint64N(12)
		if f.one(3) {
			give(ouch.Tag131TrailOffset)
			o.TrailOffset = 100 * (1 + f.rng.Int32N(5))
		}
	case 9:
		give(ouch.Tag134Exempt)
		o.Exempt = "YN"[f.rng.IntN(2)]
	case 10:
		give(ouch.Tag29AIQStrategy)
		o.AIQStrategy = "OWDYBN"[f.rng.IntN(6)]
	}
	f.tags = o.Append(f.tags[:0])
	return f.tags
}
