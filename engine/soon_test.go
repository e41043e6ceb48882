package engine_test

import (
	"slices"
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// TestSoonChangesNothing: a venue that has hints, right ones, wrong ones and cells of anything, gives the events and the
// state of one that has none.
func TestSoonChangesNothing(t *testing.T) {
	const seed, commands, early = 1, 20_000, 3
	for _, mix := range twin.Mixes() {
		t.Run(mix.Name, func(t *testing.T) {
			told, plain := engine.New(), engine.New()
			list := twin.Setup(200)
			flow, strange := twin.NewFlow(seed, mix), twin.NewHostile(seed)
			for range commands {
				list = append(list, flow.Next())
			}
			var a, b []engine.Event
			for i := range list {
				told.Soon(list[min(i+early, len(list)-1)].Cells())
				if i%7 == 0 {
					c := strange.Next()
					told.Soon(c.Cells())
				}
				c := &list[i]
				c.Seq = uint64(i) + 1
				a, b = told.Apply(a[:0], c), plain.Apply(b[:0], c)
				if !slices.Equal(a, b) || told.Hash() != plain.Hash() {
					t.Fatalf("command %d of seed %d, %+v: with hints %+v, without %+v", i, seed, c, a, b)
				}
			}
			if err := told.Audit(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestSoonAllocatesNothing: in a deep book with a hint of every command, too.
func TestSoonAllocatesNothing(t *testing.T) {
	const orders = 40_000
	v := newHall(1, orders+10, 1)
	var c engine.Command
	for ref := uint32(1); ref <= orders; ref++ {
		v.apply(fill(&c, 1, ref, 'B', 1, 1000+uint64(ref%3000)*1000))
	}
	if !v.Deep() {
		t.Fatalf("%d live orders are not deep", v.Open())
	}
	ref, gone := uint32(orders), uint32(0)
	if n := testing.AllocsPerRun(1000, func() {
		ref++
		gone++
		fill(&c, 1, ref, 'B', 1, 1000+uint64(ref%3000)*1000)
		v.Soon(c.Cells())
		cancel := engine.Command{}
		*cancel.Cancel() = engine.Cancel{Header: engine.Header{Kind: engine.KindCancel, User: 1}, Ref: gone}
		v.Soon(cancel.Cells())
		if len(v.apply(&c)) != 1 || len(v.apply(&cancel)) != 1 {
			t.Fatal("an order was not taken, or not cancelled")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
