package core

import (
	"math/rand/v2"
	"testing"

	"matcher/engine"
	"matcher/gateway"
)

// memory is what an event's message takes in a stream at most.
func memory(ev *engine.Event) uint64 {
	switch ev.Kind {
	case 'E', 'D':
		return gateway.ExecutedMemory
	case 'C':
		return gateway.CanceledMemory
	case 'T':
		return gateway.PriorityMemory
	case 'R':
		if ev.Reason == 'T' {
			return gateway.TriggeredMemory
		}
		return gateway.RefreshedMemory
	}
	return 2 * gateway.ExecutedMemory // A, U, M and the like: one or two of a command
}

// TestReservesHold enters orders of every kind into a venue so small that it is always full, and holds that no command has
// more to tell than there is memory kept for.
func TestReservesHold(t *testing.T) {
	for _, policy := range []uint8{engine.PolicyTime, engine.PolicyProRata} {
		most, of := uint64(0), ""
		for seed := range uint64(40) {
			random := rand.New(rand.NewPCG(seed, uint64(policy)))
			in := Instrument{
				Symbol: "X", Tick: 1, Lot: 1, MaxQty: 1000, MaxPrice: 1000, ProRata: policy == engine.PolicyProRata,
				Terms: Terms{MaxPegs: 5, MaxStops: 8, MaxSlices: 40},
			}
			s := sizes{chunk: gateway.ChunkSize, orders: 60}
			s.add(&in)
			e := engine.New()
			var events []engine.Event
			apply := func(c *engine.Command) {
				c.Seq, c.Time = e.Seq()+1, 1+e.Time()
				events = e.Apply(events[:0], c)
				used := uint64(0)
				kinds := ""
				for i := range events {
					used += memory(&events[i])
					kinds += string(rune(events[i].Kind))
				}
				if used > most {
					most, of = used, kinds
				}
				if limit := s.command(); used > limit {
					t.Fatalf("seed %d: a command takes %d bytes, kept are %d: %s", seed, used, limit, kinds)
				}
			}
			c := engine.Command{Header: engine.Header{Kind: engine.KindRules}}
			c.Rules().Version, c.Rules().MaxOrders, c.Rules().MaxUsers = 1, 60, 4
			apply(&c)
			apply(in.definition())
			for _, name := range []string{"A", "B", "C"} {
				apply((&User{Name: name, Firm: "F"}).definition())
			}
			c = engine.Command{Header: engine.Header{Kind: engine.KindDay}}
			c.Day().Event, c.Day().Secret = 'S', seed
			apply(&c)
			for ref := range uint32(3000) {
				c := anyOrder(random, ref+1)
				if random.IntN(40) == 0 {
					c = engine.Command{Header: engine.Header{Kind: engine.KindDisconnect, User: uint16(1 + random.IntN(3))}}
				}
				apply(&c)
			}
			if err := e.Audit(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		t.Logf("policy %d: the most was %d bytes, %d messages", policy, most, len(of))
	}
}

// TestReservesInOrder: in the least memory that is accepted a snapshot is wanted before order entry closes, and can open it again.
func TestReservesInOrder(t *testing.T) {
	for _, s := range []sizes{
		{chunk: gateway.ChunkSize, orders: 1, users: 1},
		{chunk: gateway.ChunkSize, orders: 10, users: 60_000},
		{chunk: 8 << 10, orders: 1_000_000, users: 8, pegs: 256, stops: 10_000, shares: true},
	} {
		r := s.reserves(0)
		least := r.entry*5/4 + s.kept()
		if r.fit(least-1, &s) == nil {
			t.Errorf("%+v: %d bytes fit", s, least-1)
		}
		r = s.reserves(least)
		if err := r.fit(least, &s); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
		if most := least - s.kept(); r.again > most || r.scarce <= r.entry || r.scarce > most || r.again <= r.entry {
			t.Errorf("%+v: at most %d bytes can be free, and the marks are %+v", s, most, r)
		}
	}
}

// anyOrder returns an Enter of any kind around price 500.
func anyOrder(random *rand.Rand, ref uint32) engine.Command {
	var c engine.Command
	o := c.Enter()
	o.Kind, o.Instrument, o.User, o.Side, o.Ref = engine.KindEnter, 1, uint16(1+random.IntN(3)), "BS"[random.IntN(2)], ref
	o.Qty, o.Price, o.TIF, o.Display, o.Cross = 1+random.Uint32N(200), 495+random.Uint64N(11), '0', 'Y', 'N'
	x := &c.Ext
	give := func(bit uint32) {
		c.Flags |= engine.FlagExtension
		x.Kind = engine.KindExtension
		x.Present |= bit
	}
	switch random.IntN(9) {
	case 0, 1:
		give(engine.Tag5MaxFloor)
		x.MaxFloor = max(1, o.Qty/20)
		if random.IntN(2) == 0 && x.MaxFloor > 1 {
			give(engine.Tag13Random)
			x.Random = x.MaxFloor - 1
		}
	case 2:
		give(engine.Tag6PriceType)
		x.PriceType = "RPM"[random.IntN(3)]
		if x.PriceType == 'M' {
			o.Display = 'N'
		}
	case 3, 4:
		give(engine.Tag128Stop)
		x.StopPrice = o.Price
		if random.IntN(2) == 0 {
			o.Price = engine.MarketPrice
		}
	case 5:
		o.Display = 'N'
	case 6:
		o.Qty, o.Price = 1000, engine.MarketPrice
	case 7:
		c.Flags |= engine.FlagMinQty
		o.MinQty = 1 + random.Uint32N(o.Qty)
	}
	if random.IntN(5) == 0 {
		give(engine.Tag29AIQ)
		x.AIQ = "OWDYB"[random.IntN(5)]
	}
	return c
}
