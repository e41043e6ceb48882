package twin_test

import (
	"strings"
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// TestLedger spoils one event of a sound story at a time: the ledger must notice each.
func TestLedger(t *testing.T) {
	const story = `1: enter 1 sell 50 AAPL 10.00
1: enter 2 sell 50 AAPL 10.01 hidden
2: enter 1 buy 60 AAPL 10.00
1: modify 2 sell 70
1: replace 2 with 3 80 10.02
1: cancel 3 to 10`
	cases := map[string]struct {
		command int // from 0
		event   int
		spoil   func(ev *engine.Event)
	}{
		"gap in the stream":           {0, 0, func(ev *engine.Event) { ev.Number++ }},
		"repeated number":             {1, 0, func(ev *engine.Event) { ev.Number-- }},
		"reference used before":       {1, 0, func(ev *engine.Event) { ev.Order-- }},
		"accepted with other leaves":  {0, 0, func(ev *engine.Event) { ev.Leaves-- }},
		"display and flag disagree":   {1, 0, func(ev *engine.Event) { ev.Flags &^= engine.EventHidden }},
		"does not rest":               {0, 0, func(ev *engine.Event) { ev.Flags = 0 }},
		"crosses the book":            {2, 0, func(ev *engine.Event) { ev.Price = 100_100 }},
		"fill beyond the limit":       {2, 2, func(ev *engine.Event) { ev.Price = 100_001 }},
		"maker not at its price":      {2, 1, func(ev *engine.Event) { ev.Price = 100_100 }},
		"sides of another size":       {2, 2, func(ev *engine.Event) { ev.Qty, ev.Leaves = ev.Qty-1, ev.Leaves+1 }},
		"sides of two matches":        {2, 2, func(ev *engine.Event) { ev.Link++ }},
		"match number left out":       {2, 1, func(ev *engine.Event) { ev.Link++ }},
		"fill without its quantity":   {2, 1, func(ev *engine.Event) { ev.Leaves = 1 }},
		"fill of a stranger":          {2, 1, func(ev *engine.Event) { ev.Order = 99 }},
		"fill told to somebody else":  {2, 1, func(ev *engine.Event) { ev.User, ev.Number = 3, 2 }},
		"modified to another size":    {3, 0, func(ev *engine.Event) { ev.Qty++ }},
		"moves from nowhere":          {3, 1, func(ev *engine.Event) { ev.Link = 99 }},
		"moves with other leaves":     {3, 1, func(ev *engine.Event) { ev.Leaves++ }},
		"replaces a stranger":         {4, 0, func(ev *engine.Event) { ev.Link = 1 }},
		"outstanding is not in total": {4, 0, func(ev *engine.Event) { ev.Qty, ev.Leaves = 79, 79 }},
		"cancels more than there was": {5, 0, func(ev *engine.Event) { ev.Qty++ }},
		"rests without leaves":        {2, 1, func(ev *engine.Event) { ev.Flags |= engine.EventRests | engine.EventTaker }},
	}
	if command, err := fold(t, story, -1, 0, nil); err != nil {
		t.Fatalf("sound story, command %d: %v", command, err)
	}
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			if _, err := fold(t, story, c.command, c.event, c.spoil); err == nil {
				t.Error("the ledger did not notice")
			}
		})
	}
}

// fold plays a story on the twin and folds its events, one of them spoilt. It returns the command that was not sound.
func fold(t *testing.T, story string, command, event int, spoil func(*engine.Event)) (int, error) {
	t.Helper()
	venue, ledger, notation := twin.New(), new(twin.Ledger), twin.NewNotation()
	list := twin.Setup(100)
	first := len(list)
	for line := range strings.SplitSeq(story, "\n") {
		cmd, _, err := notation.Command(line)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, cmd)
	}
	for i := range list {
		list[i].Seq = uint64(i + 1)
		events := venue.Apply(&list[i])
		if spoil != nil && i == first+command {
			spoil(&events[event])
		}
		if err := ledger.Fold(&list[i], events); err != nil {
			return i - first, err
		}
	}
	return 0, venue.Audit()
}
