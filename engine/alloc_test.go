package engine_test

import (
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// TestNoAllocationsOfAnyOrder: once every order type has been there, none of them allocates: icebergs, minimums, pegs,
// midpoint orders, stops, prevention, shared levels, halts, and the state hash.
func TestNoAllocationsOfAnyOrder(t *testing.T) {
	// growth: the nodes of the trees of stops grow to their largest size one by one (book.NewAgendaMemory), here for long, since
	// this venue is small.
	const warm, measured, growth = 60_000, 20_000, 16
	for _, mix := range twin.Mixes() {
		t.Run(mix.Name, func(t *testing.T) {
			e, events, seq := engine.New(), make([]engine.Event, 0, 1<<12), uint64(0)
			apply := func(c *engine.Command) {
				seq++
				c.Seq = seq
				events = e.Apply(events[:0], c)
				e.Hash()
			}
			for _, c := range twin.Setup(200) {
				apply(&c)
			}
			flow := twin.NewFlow(1, mix)
			next := func() engine.Command {
				for {
					if c := flow.Next(); c.Kind != engine.KindInstrument { // an instrument that changes gets another book
						return c
					}
				}
			}
			for range warm {
				c := next()
				apply(&c)
			}
			list := make([]engine.Command, 0, 2*measured)
			for len(list) < cap(list) {
				list = append(list, next())
			}
			// Over many commands at once: the average over single ones would be rounded down.
			if n := testing.AllocsPerRun(1, func() {
				for i := range measured {
					apply(&list[i])
				}
				list = list[measured:]
			}); n > growth {
				t.Fatalf("%v allocations in %d commands", n, measured)
			}
		})
	}
}
