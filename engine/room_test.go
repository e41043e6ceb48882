package engine_test

import (
	"slices"
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// TestEventsFindRoom: the short way writes events where it knows that there is room. Whatever room the caller's slice has, the
// events are the same and nothing is written behind its capacity, also when the command begins with orders that expire.
func TestEventsFindRoom(t *testing.T) {
	const commands, guard = 20_000, 64
	behind := engine.Event{Kind: 0xa5, Order: 0xa5a5a5a5a5a5a5a5, Shown: 0xa5a5a5a5}
	for _, mix := range twin.Mixes() {
		t.Run(mix.Name, func(t *testing.T) {
			roomy, tight := engine.New(), engine.New()
			memory := make([]engine.Event, 16+guard)
			events, met := make([]engine.Event, 0, 1<<12), 0
			flow := twin.NewFlow(2, mix)
			apply := func(seq uint64, c *engine.Command) {
				c.Seq = seq
				events = roomy.Apply(events[:0], c)
				room := int(seq % 8)
				if n := len(events); seq%3 == 0 && n > 0 && n < 16 {
					room = n - int(seq/3%2) // exactly full, or one short of it
				}
				for i := range memory[room:] {
					memory[room+i] = behind
				}
				got := tight.Apply(memory[:0:room], c)
				if !slices.Equal(got, events) {
					t.Fatalf("command %d with room for %d: %v, want %v", seq, room, got, events)
				}
				for i, ev := range memory[room:] {
					if ev != behind {
						t.Fatalf("command %d wrote event %d of a slice with room for %d", seq, room+i, room)
					}
				}
				if len(got) > 1 && got[0].Kind == 'C' && got[0].Reason == 'T' && c.Kind == engine.KindEnter {
					met++
				}
			}
			seq := uint64(0)
			for _, c := range twin.Setup(200) {
				seq++
				apply(seq, &c)
			}
			for range commands {
				c := flow.Next()
				seq++
				apply(seq, &c)
			}
			if mix.Name == "everything" && met < 10 {
				t.Errorf("%d Enters began with orders that expired", met)
			}
		})
	}
}
