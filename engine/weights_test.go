package engine_test

import (
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// TestWeights: whatever becomes of an order, what stands for it in the state hash is kept up to date. Audit cannot tell: it does
// not know priority numbers.
func TestWeights(t *testing.T) {
	for _, mix := range twin.Mixes() {
		e, seq := engine.New(), uint64(0)
		var events []engine.Event
		apply := func(c *engine.Command) {
			seq++
			c.Seq = seq
			events = e.Apply(events[:0], c)
		}
		for _, c := range twin.Setup(200) {
			apply(&c)
		}
		flow := twin.NewFlow(3, mix)
		for i := range 6_000 {
			c := flow.Next()
			apply(&c)
			if i%100 != 0 {
				continue
			}
			if order := e.Stale(); order != 0 {
				t.Fatalf("%s, command %d: order %d is not in the hash as it is", mix.Name, i, order)
			}
		}
	}
}
