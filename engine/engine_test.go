package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"matcher/book"
)

// venue feeds an engine as a core would: it stamps Seq and Time.
type venue struct {
	*Engine
	events []Event
	time   uint64
}

const dayStart = 1_700_000_000_000_000_000

func newVenue(orders uint32) *venue { return newVenueOn(New(), orders) }

func newVenueOn(e *Engine, orders uint32) *venue {
	v := &venue{Engine: e, time: dayStart}
	var c Command
	c.Kind = KindRules
	*c.Rules() = Rules{Header: c.Header, Version: 1, MaxOrders: orders, MaxUsers: 8}
	v.do(&c)
	for _, s := range []string{"AAPL    ", "MSFT    "} {
		d := Instrument{Tick: 100, Lot: 1, MaxQty: 1_000_000, PriceDecimals: 4, MaxPrice: 1_999_999_900}
		d.Kind = KindInstrument
		copy(d.Symbol[:], s)
		*c.AsInstrument() = d
		v.do(&c)
	}
	for _, s := range []string{"ALICE ", "BOB   ", "CAROL "} {
		d := User{Firm: [4]byte{'A', 'L', 'F', 'A'}}
		d.Kind = KindUser
		copy(d.Name[:], s)
		*c.AsUser() = d
		v.do(&c)
	}
	*c.Day() = Day{Header: Header{Kind: KindDay}, Midnight: dayStart, Event: 'S'}
	copy(c.Day().Session[:], "2311140001")
	v.do(&c)
	return v
}

func (v *venue) do(c *Command) []Event {
	v.time++
	c.Seq, c.Time = v.Seq()+1, v.time
	v.events = v.Apply(v.events[:0], c)
	return v.events
}

func enter(user uint16, ref uint32, side uint8, qty uint32, price uint64) *Command {
	c := &Command{}
	*c.Enter() = Enter{
		Header: Header{Kind: KindEnter, Instrument: 1, User: user, Side: side},
		Ref:    ref, Qty: qty, Price: price, TIF: '0', Display: 'Y', Capacity: 'P', Cross: 'N',
	}
	return c
}

func Example() {
	v := newVenue(100)
	for _, c := range []*Command{
		enter(1, 1, 'S', 100, 1_000_000),
		enter(2, 1, 'B', 60, 1_000_100),
	} {
		for _, ev := range v.do(c) {
			fmt.Printf("user %d: %c order %d qty %d price %d leaves %d\n", ev.User, ev.Kind, ev.Order, ev.Qty, ev.Price, ev.Leaves)
		}
	}
	fmt.Println(v.Depth(nil, 1, book.Sell, 10))
	// Output:
	// user 1: A order 1 qty 100 price 1000000 leaves 100
	// user 2: A order 2 qty 60 price 1000100 leaves 60
	// user 1: E order 1 qty 60 price 1000000 leaves 40
	// user 2: E order 2 qty 60 price 1000000 leaves 0
	// [{1000000 40 1}]
}

// flow is random orders, cancels, replaces and modifications near one price.
type flow struct {
	r    *rand.Rand
	refs [4]uint32
	c    Command
}

func (f *flow) next() *Command {
	user := uint16(f.r.IntN(3) + 1)
	old := f.refs[user] - min(f.refs[user], uint32(f.r.IntN(40)))
	side := "BS"[f.r.IntN(2)]
	price := uint64(1_000_000 + 100*f.r.IntN(30))
	qty := uint32(f.r.IntN(200) + 1)
	h := Header{Instrument: uint16(f.r.IntN(2) + 1), User: user, Side: side}
	switch k := f.r.IntN(10); {
	case k < 5:
		f.refs[user]++
		h.Kind = KindEnter
		*f.c.Enter() = Enter{Header: h, Ref: f.refs[user], Qty: qty, Price: price, TIF: "003"[f.r.IntN(3)], Display: "YYN"[f.r.IntN(3)], Capacity: 'P', Cross: 'N'}
	case k < 8:
		h.Kind = KindCancel
		*f.c.Cancel() = Cancel{Header: h, Ref: old, Qty: uint32(f.r.IntN(2)) * qty / 2}
	case k < 9:
		f.refs[user]++
		h.Kind, h.Side = KindReplace, 0
		*f.c.Replace() = Replace{Header: h, Ref: f.refs[user], OrigRef: old, Qty: qty, Price: price, TIF: '0', Display: 'Y'}
	default:
		h.Kind = KindModify
		*f.c.Cancel() = Cancel{Header: h, Ref: old, Qty: qty}
	}
	return &f.c
}

func TestAudit(t *testing.T) {
	v := newVenue(4096)
	f := &flow{r: rand.New(rand.NewPCG(1, 2))}
	for i := range 20_000 {
		v.do(f.next())
		if i%100 == 0 {
			if err := v.Audit(); err != nil {
				t.Fatalf("after %d commands: %v", i, err)
			}
		}
	}
	if v.Open() == 0 || v.Fills() < 1000 {
		t.Fatalf("the flow did nothing: %d open, %d fills", v.Open(), v.Fills())
	}
}

func TestNoAllocations(t *testing.T) {
	v := newVenue(4096)
	f := &flow{r: rand.New(rand.NewPCG(3, 4))}
	for range 50_000 {
		v.do(f.next())
	}
	output := uint64(0)
	if n := testing.AllocsPerRun(20_000, func() {
		output = FoldOutput(output, v.do(f.next()))
		v.Hash()
	}); n != 0 {
		t.Fatalf("%v allocations per command", n)
	}
}

// TestSaltShowsInNothing: the same commands on engines of different salts give the same events and hashes.
func TestSaltShowsInNothing(t *testing.T) {
	a, b := New(), New()
	b.Salt(0xfeedface)
	va, vb := newVenueOn(a, 4096), newVenueOn(b, 4096)
	fa, fb := &flow{r: rand.New(rand.NewPCG(1, 1))}, &flow{r: rand.New(rand.NewPCG(1, 1))}
	for range 10_000 {
		if FoldOutput(0, va.do(fa.next())) != FoldOutput(0, vb.do(fb.next())) || va.Hash() != vb.Hash() {
			t.Fatalf("engines differ after command %d", va.Seq())
		}
	}
}

// TestMinimumNeedsItsFlag: what lies in the place of tag 3 when the tag was not given means nothing, to a triggered stop
// neither.
func TestMinimumNeedsItsFlag(t *testing.T) {
	v := newVenue(100)
	stop := enter(1, 1, 'B', 10, MarketPrice)
	stop.Enter().TIF, stop.Enter().MinQty = tifIOC, 10
	stop.Flags |= FlagExtension
	stop.Ext = Extension{Kind: KindExtension, Present: Tag128Stop, StopPrice: 1_000_000}
	v.do(stop)
	v.do(enter(2, 1, 'S', 1, 1_000_000))
	v.do(enter(2, 2, 'S', 4, 1_000_100))
	v.do(enter(3, 1, 'B', 1, 1_000_000))
	if v.Fills() != 2 {
		t.Errorf("%d fills, want the print and the stop's 4 of 10", v.Fills())
	}
}

func BenchmarkApply(b *testing.B) {
	v := newVenue(1 << 16)
	f := &flow{r: rand.New(rand.NewPCG(7, 8))}
	commands := make([]Command, 1<<16)
	for i := range commands {
		commands[i] = *f.next()
	}
	b.ReportAllocs()
	i, base := 0, uint32(0)
	for b.Loop() {
		c := commands[i]
		switch c.Kind { // each round goes on with the numbers of the one before
		case KindEnter, KindCancel, KindModify:
			c.Enter().Ref += base
		case KindReplace:
			c.Replace().Ref += base
			c.Replace().OrigRef += base
		}
		v.do(&c)
		if i++; i == len(commands) {
			i, base = 0, base+f.refs[1]+f.refs[2]+f.refs[3]
		}
	}
}
