package engine_test

import (
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// FuzzApply holds that no cells of a journal, however made, bring the engine down or its counts apart.
func FuzzApply(f *testing.F) {
	for seed := range uint64(40) {
		h := twin.NewHostile(seed)
		var cells []byte
		for range 40 {
			cells = append(cells, h.Next().Cells()...)
		}
		f.Add(cells)
	}
	f.Fuzz(func(t *testing.T, cells []byte) {
		v := newHostileVenue()
		for len(cells) >= engine.CellSize {
			var c engine.Command
			n := c.Load(cells)
			v.Soon(cells) // as it is: a hint may be anything
			if n != 0 {
				v.apply(&c)
			}
			if err := v.Audit(); err != nil {
				t.Fatalf("%v, after command %d, %+v", err, v.Seq(), c)
			}
			cells = cells[max(1, n)*engine.CellSize:]
		}
	})
}

// hostileVenue feeds an engine as a core would.
type hostileVenue struct {
	*engine.Engine
	events []engine.Event
	time   uint64
}

func newHostileVenue() *hostileVenue {
	v := &hostileVenue{Engine: engine.New()}
	for _, c := range twin.HostileSetup() {
		v.apply(&c)
	}
	return v
}

// apply carries out a command whose time is how long after the one before it comes.
func (v *hostileVenue) apply(c *engine.Command) []engine.Event {
	v.time += c.Time % (1 << 50)
	c.Seq, c.Time = v.Seq()+1, v.time
	v.events = v.Apply(v.events[:0], c)
	return v.events
}
