package engine_test

import (
	"fmt"
	"testing"
	"time"

	"matcher/engine"
)

// What single messages cost when somebody has prepared the book for it with order types that plain orders do not use. The
// number of resting orders is the unit of most: cost is in proportion.

// rich makes c an order with instructions.
func rich(c *engine.Command, present uint32, x engine.Extension) *engine.Command {
	x.Kind, x.Present = engine.KindExtension, present
	c.Enter().Flags |= engine.FlagExtension
	c.Ext = x
	return c
}

// repeat times messages of account 2 that leave the book as it is.
func repeat(b *testing.B, v *hall, resting int, message func(c *engine.Command, ref uint32)) {
	var c engine.Command
	const messages = 20
	spent, ref := time.Duration(0), uint32(0)
	for range b.N {
		for range messages {
			ref++
			message(&c, ref)
			start := time.Now()
			ev := v.apply(&c)
			spent += time.Since(start)
			if ev[0].Kind == 'J' {
				b.Fatalf("refused, code 0x%02x", ev[0].Reason)
			}
		}
	}
	if v.Open() != resting {
		b.Fatalf("%d orders live", v.Open())
	}
	perUnit(b, spent, messages, "ns/message")
}

// BenchmarkWorstSteppedOver is a small immediate order against 100,000 hidden orders, each of which asks more than it brings.
func BenchmarkWorstSteppedOver(b *testing.B) {
	const resting = 100_000
	v := newHall(2, resting+16, 1)
	var c engine.Command
	for i := range uint32(resting) {
		e := fill(&c, 1, i+1, 'S', 1000, 1_000_000).Enter()
		e.Flags, e.MinQty = engine.FlagMinQty, 1000
		v.apply(&c)
	}
	repeat(b, v, resting, func(c *engine.Command, ref uint32) { fill(c, 2, ref, 'B', 1, 1_000_000).Enter().TIF = '3' })
}

// BenchmarkWorstInfeasible is a fill-or-kill order for one lot more than 100,000 orders have, at so many prices.
func BenchmarkWorstInfeasible(b *testing.B) {
	for _, prices := range []uint64{1, 1_000, 100_000} {
		b.Run(fmt.Sprintf("prices=%d", prices), func(b *testing.B) {
			const resting, first = 100_000, 1_000_000
			v := newHall(2, resting+16, 1)
			var c engine.Command
			for i := range uint32(resting) {
				v.apply(fill(&c, 1, i+1, 'S', 1, first+uint64(i)%prices))
			}
			repeat(b, v, resting, func(c *engine.Command, ref uint32) {
				fill(c, 2, ref, 'B', resting+1, first+prices).Enter().TIF = '4'
			})
		})
	}
}

// BenchmarkWorstTrail is an immediate buy of 1,000 lots, each at a higher price, while 10,000 trailing sell stops look on.
func BenchmarkWorstTrail(b *testing.B) {
	const stops, levels = 10_000, 1_000
	v := newHall(3, stops+levels+16, 1)
	v.events = make([]engine.Event, 0, 4*levels)
	var c engine.Command
	for i := range uint32(stops) {
		fill(&c, 1, i+1, 'S', 1, engine.MarketPrice)
		rich(&c, engine.Tag131Trail|engine.Tag128Stop, engine.Extension{TrailOffset: 500_000, StopPrice: 1 + uint64(i)})
		if ev := v.apply(&c); ev[0].Kind != 'A' {
			b.Fatal(ev)
		}
	}
	spent, ref, base := time.Duration(0), uint32(0), uint64(1_000_000)
	for range b.N {
		for i := range uint64(levels) {
			ref++
			v.apply(fill(&c, 2, ref, 'S', 1, base+i))
		}
		fill(&c, 3, ref, 'B', levels, base+levels).Enter().TIF = '3'
		start := time.Now()
		v.apply(&c)
		spent += time.Since(start)
		base += levels
	}
	if v.Open() != stops {
		b.Fatalf("%d orders live", v.Open())
	}
	perUnit(b, spent, levels, "ns/fill")
}

// BenchmarkWorstPegs is an order and its cancel that each move 256 pegs.
func BenchmarkWorstPegs(b *testing.B) {
	v := newHall(2, 1000, 1)
	var c engine.Command
	v.apply(fill(&c, 1, 1, 'B', 1, 1_000_000))
	v.apply(fill(&c, 1, 2, 'S', 1, 2_000_000))
	for i := range uint32(256) {
		fill(&c, 1, 3+i, 'B', 1, engine.MarketPrice)
		rich(&c, engine.Tag6PriceType, engine.Extension{PriceType: 'R'})
		if ev := v.apply(&c); ev[0].Kind != 'A' {
			b.Fatal(ev)
		}
	}
	spent, ref := time.Duration(0), uint32(0)
	const rounds = 100
	for range b.N {
		start := time.Now()
		for range rounds {
			ref++
			v.apply(fill(&c, 2, ref, 'B', 1, 1_000_001))
			v.apply(cancel(&c, 2, ref))
		}
		spent += time.Since(start)
	}
	perUnit(b, spent, 2*rounds, "ns/message")
}

// BenchmarkWorstStopsThatFail is one trade that sets off 200 fill-or-kill stops, each for more than 10,000 orders have.
func BenchmarkWorstStopsThatFail(b *testing.B) {
	const stops, resting = 200, 10_000
	v := newHall(3, stops+resting+16, 1)
	var c engine.Command
	for i := range uint32(resting) {
		v.apply(fill(&c, 1, i+1, 'B', 1, 500_000))
	}
	spent, ref := time.Duration(0), uint32(0)
	for range b.N {
		base := ref
		for range stops {
			ref++
			e := fill(&c, 2, ref, 'S', resting+10, engine.MarketPrice).Enter()
			e.TIF = '4'
			rich(&c, engine.Tag128Stop, engine.Extension{StopPrice: 900_000})
			if ev := v.apply(&c); ev[0].Kind != 'A' {
				b.Fatal(ev)
			}
		}
		fill(&c, 3, base+1, 'S', 1, 500_000).Enter().TIF = '3'
		start := time.Now()
		v.apply(&c)
		spent += time.Since(start)
		v.apply(fill(&c, 1, base+resting+1, 'B', 1, 500_000))
		fill(&c, 3, base+2, 'S', 1, 950_000) // the last price goes up again
		v.apply(&c)
		v.apply(fill(&c, 1, base+resting+2, 'B', 1, 950_000))
	}
	perUnit(b, spent, stops, "ns/stop")
}

// BenchmarkWorstShared is an immediate order for one lot at a level of 100,000 orders that share by proportion.
func BenchmarkWorstShared(b *testing.B) {
	const resting = 100_000
	v := newHall(2, resting+16, 1)
	var c engine.Command
	*c.AsInstrument() = engine.Instrument{
		Header: engine.Header{Kind: engine.KindInstrument}, Symbol: [8]byte([]byte("SHARED  ")), Tick: 1, Lot: 1, MaxQty: 1_000_000,
		Policy: engine.PolicyProRata, MaxPrice: hallMaxPrice,
	}
	v.apply(&c)
	for i := range uint32(resting) {
		fill(&c, 1, i+1, 'S', 1000, 1_000_000).Instrument = 2
		v.apply(&c)
	}
	repeat(b, v, resting, func(c *engine.Command, ref uint32) {
		e := fill(c, 2, ref, 'B', 1, 1_000_000).Enter()
		e.TIF, e.Instrument = '3', 2
	})
}
