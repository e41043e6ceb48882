package engine_test

import (
	"slices"
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// TestShortWay: what goes the short way comes out as by the long one, events and state hash. A firm that is named though it is
// the account's own changes nothing but that. Post-only is left out: the long way remembers it of an order that rests, which no
// order that is no peg is ever asked again.
func TestShortWay(t *testing.T) {
	for _, mix := range twin.Mixes() {
		short, long, seq := engine.New(), engine.New(), uint64(0)
		var a, b []engine.Event
		apply := func(c *engine.Command) {
			seq++
			c.Seq = seq
			a = short.Apply(a[:0], c)
			if c.Kind == engine.KindEnter || c.Kind == engine.KindReplace {
				c.Flags |= engine.FlagFirm
			}
			b = long.Apply(b[:0], c)
			if !slices.Equal(a, b) {
				t.Fatalf("%s, command %d: the short way says\n%+v\nthe long one\n%+v", mix.Name, seq, a, b)
			}
			if short.Hash() != long.Hash() {
				t.Fatalf("%s, command %d: the ways lead to different states", mix.Name, seq)
			}
		}
		for _, c := range twin.Setup(200) {
			apply(&c)
		}
		flow := twin.NewFlow(4, mix)
		for range 10_000 {
			c := flow.Next()
			if c.Kind == engine.KindEnter || c.Kind == engine.KindReplace {
				c.Flags &^= engine.FlagPostOnly
			}
			apply(&c)
		}
	}
}
