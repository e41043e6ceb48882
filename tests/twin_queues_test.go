package tests

import (
	"fmt"
	"testing"

	"matcher/engine"
	"matcher/replay"
	"matcher/tests/twin"
)

// TestQueues holds what replay.Queues says of the queue ahead of every order that an event names against the engine's own walk
// along it, from the birth of a venue and from the middle of its life, in every mix of features.
func TestQueues(t *testing.T) {
	n := *twinCommands
	if testing.Short() {
		n /= 4
	}
	for _, mix := range twin.Mixes() {
		if *twinMix != "" && *twinMix != mix.Name {
			continue
		}
		t.Run(mix.Name, func(t *testing.T) {
			t.Parallel()
			t.Logf("again with: go test ./tests -run 'TestQueues$' -mix %s -seed %d -commands %d", mix.Name, *twinSeed, n)
			e, born, late := engine.New(), replay.NewQueues(), replay.NewQueues()
			var events []engine.Event
			at, behind := 0, 0
			for cmd := range flowOf(mix, *twinSeed, n) {
				at++
				cmd.Seq = uint64(at)
				events = e.Apply(events[:0], &cmd)
				born.Add(e, &cmd, events)
				if at > n/2 {
					late.Add(e, &cmd, events)
				}
				for i := range events {
					ev := &events[i]
					place, _ := e.Place(ev.User, ev.Idx, ev.Ref)
					want := fmt.Sprint(place.AheadLots, place.AheadOrders)
					if lots, orders := born.Ahead(e, i); fmt.Sprint(lots, orders) != want {
						t.Fatalf("command %d, %s: %d lots, %d orders, want %s", at, twin.EventLine(ev), lots, orders, want)
					}
					if at > n/2 {
						if lots, orders := late.Ahead(e, i); fmt.Sprint(lots, orders) != want {
							t.Fatalf("command %d, %s, followed late: %d lots, %d orders, want %s", at, twin.EventLine(ev), lots, orders, want)
						}
					}
					if place.AheadOrders > 1 {
						behind++
					}
				}
			}
			if behind < n/200 {
				t.Errorf("only %d events of %d commands were of orders behind two others", behind, n)
			}
		})
	}
}
