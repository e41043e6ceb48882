package tests

import (
	"fmt"
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// TestTwinHostile holds the engine against the naive venue where numbers are as large, as small or as odd as can be.
func TestTwinHostile(t *testing.T) {
	refused, changes := 0, 0
	seeds := uint64(20)
	if testing.Short() {
		seeds = 6
	}
	for seed := range seeds {
		w, e := twin.New(), engine.New()
		var events []engine.Event
		list := twin.HostileSetup()
		flow := twin.NewHostile(*twinSeed*1000 + seed)
		seen := map[uint8]int{}
		now := uint64(0)
		for i := range 3_000 {
			var cmd engine.Command
			if i < len(list) {
				cmd = list[i]
			} else {
				cmd = *flow.Next()
				tidy(&cmd)
			}
			now += cmd.Time
			cmd.Time, cmd.Seq = now, uint64(i+1)
			var fault error
			if i >= len(list) && impossible(&cmd) {
				hash := e.Hash() // the naive venue takes any
				if events = e.Apply(events[:0], &cmd); len(events) != 0 || e.Hash() != hash {
					fault = fmt.Errorf("what cannot be was defined")
				}
				w.Apply(&engine.Command{Header: engine.Header{Kind: engine.KindTick, Seq: cmd.Seq, Time: cmd.Time}})
				refused++
			} else {
				fault = step(e, w, &cmd, &events)
			}
			if fault == nil {
				fault = e.Audit()
			}
			if cmd.Kind == engine.KindInstrument {
				if _, open := e.Today(); !open {
					changes++
				}
			}
			if fault != nil {
				t.Fatalf("seed %d, command %d %+v: %v", seed, i, cmd, fault)
			}
			for i := range events {
				seen[events[i].Kind]++
			}
		}
		if seed == 0 && testing.Verbose() {
			t.Log(seen)
		}
	}
	t.Logf("%d definitions that cannot be, %d between days", refused, changes)
}

// impossible says whether a command defines an instrument that cannot be.
func impossible(cmd *engine.Command) bool {
	return cmd.Kind == engine.KindInstrument &&
		engine.CheckInstrument(cmd.AsInstrument())+engine.CheckTerms(cmd.AsInstrument(), cmd.Terms()) != ""
}

// tidy takes away what a gateway would not have written: values without their tag. The naive venue looks at them.
func tidy(cmd *engine.Command) {
	if cmd.User-1 > 2 && cmd.Kind.Command() && cmd.Kind <= engine.KindRefused || cmd.Kind == engine.KindDisconnect {
		cmd.User = 3
	}
	switch cmd.Kind {
	case engine.KindMassCancel:
		if cmd.Instrument-1 > 3 {
			cmd.Instrument = engine.AllInstruments
		}
	case engine.KindEnter: // a broken one never comes here
		cmd.Ext.Present &^= engine.TagBroken
	case engine.KindUser:
		cmd.AsUser().SelfLevel %= 3
		copy(cmd.AsUser().Firm[:], "FG  ")
	case engine.KindEnable, engine.KindDisable, engine.KindQuery:
		cmd.Instrument, cmd.Side = 0, 0
	case engine.KindRules: // the naive venue begins again
		cmd.Kind = engine.KindTick
	case engine.KindInstrument: // one that cannot be is ignored by the engine alone, and no time passes with it
		if impossible(cmd) {
			cmd.Time = 0
		}
		return
	}
	x := &cmd.Ext
	if cmd.Kind == engine.KindBust || cmd.Flags&engine.FlagExtension == 0 {
		return
	}
	y := engine.Extension{Kind: x.Kind, Present: x.Present}
	for tag, keep := range map[uint32]func(){
		engine.Tag24Group:      func() { y.Group = x.Group },
		engine.Tag128Stop:      func() { y.StopPrice = x.StopPrice },
		engine.Tag15TimeToLive: func() { y.Expire = x.Expire },
		engine.Tag132Expire:    func() { y.Expire = x.Expire },
		engine.Tag5MaxFloor:    func() { y.MaxFloor = x.MaxFloor },
		engine.Tag13Random:     func() { y.Random = x.Random },
		engine.Tag7PegOffset:   func() { y.PegOffset = x.PegOffset },
		engine.Tag131Trail:     func() { y.TrailOffset = x.TrailOffset },
		engine.Tag3MinQty:      func() { y.MinQty = x.MinQty },
		engine.Tag30AIQGroup:   func() { y.AIQGroup = x.AIQGroup },
		engine.Tag6PriceType:   func() { y.PriceType = x.PriceType },
		engine.Tag29AIQ:        func() { y.AIQ = x.AIQ },
		engine.Tag129Trigger:   func() { y.StopTrigger = x.StopTrigger },
	} {
		if x.Present&tag != 0 {
			keep()
		}
	}
	*x = y
}
