package tests

import (
	"math/rand/v2"
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// TestTwinTrailing holds the engine against the naive venue under orders that sweep many prices while many stops trail.
func TestTwinTrailing(t *testing.T) {
	for seed := range uint64(8) {
		w, e := twin.New(), engine.New()
		rng := rand.New(rand.NewPCG(*twinSeed, seed))
		list := twin.Setup(maxOrders)
		var events []engine.Event
		trails, triggered := 0, 0
		for i := range 4_000 {
			var cmd engine.Command
			if i < len(list) {
				cmd = list[i]
			} else {
				cmd = trailing(rng, uint32(i), list[0].Time)
			}
			cmd.Seq = uint64(i + 1)
			fault := step(e, w, &cmd, &events)
			if fault == nil && i%20 == 0 {
				fault = audit(e, w)
			}
			if fault != nil {
				t.Fatalf("seed %d %d, command %d %+v: %v", *twinSeed, seed, i, cmd, fault)
			}
			for k := range events {
				switch ev := &events[k]; {
				case ev.Kind == 'A' && ev.Flags&engine.EventPending != 0:
					trails++
				case ev.Kind == 'R':
					triggered++
				}
			}
		}
		if trails < 300 || triggered < 100 {
			t.Fatalf("%d stops, %d triggered", trails, triggered)
		}
	}
}

// trailing makes up an order: one in three a trailing stop, one in six a sweep, the others plain; now and then all go.
func trailing(rng *rand.Rand, ref uint32, now uint64) (cmd engine.Command) {
	side := "BS"[rng.IntN(2)]
	cmd.Header = engine.Header{Kind: engine.KindEnter, Time: now, User: uint16(1 + rng.IntN(5)), Instrument: 1, Side: side}
	if rng.IntN(60) == 0 {
		cmd.Kind, cmd.Side = engine.KindMassCancel, 0
		copy(cmd.MassCancel().Symbol[:], "AAPL    ")
		copy(cmd.MassCancel().Firm[:], "    ")
		cmd.MassCancel().Ref = ref
		return cmd
	}
	m := cmd.Enter()
	m.Ref, m.Qty, m.TIF, m.Display, m.Cross, m.Capacity = ref, 1+rng.Uint32N(3), '0', 'Y', 'N', 'P'
	ticks := uint64(rng.IntN(12))
	if side == 'B' {
		m.Price = 100_500 - 100*ticks
	} else {
		m.Price = 99_900 + 100*ticks
	}
	switch rng.IntN(6) {
	case 0, 1:
		m.Price = engine.MarketPrice
		cmd.Flags |= engine.FlagExtension
		x := &cmd.Ext
		x.Kind, x.Present = engine.KindExtension, engine.Tag131Trail|engine.Tag129Trigger
		x.TrailOffset, x.StopTrigger = int32(100*(1+rng.IntN(8))), "LLBA"[rng.IntN(4)]
		if rng.IntN(2) == 0 {
			x.Present |= engine.Tag128Stop
			x.StopPrice = 100_000 + 100*uint64(rng.IntN(12))
			if side == 'S' {
				x.StopPrice = 100_000 - 100*uint64(rng.IntN(12))
			}
		}
	case 2:
		m.Qty, m.TIF = 5+rng.Uint32N(20), '3'
		m.Price = map[byte]uint64{'B': 101_200, 'S': 98_800}[side]
	}
	return cmd
}
