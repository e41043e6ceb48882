package twin_test

import (
	"strings"
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// spoilt is one event of a sound story, made wrong.
type spoilt struct {
	command int // from 0
	event   int
	spoil   func(ev *engine.Event)
}

// spoil holds that a story is sound, and that the ledger notices each event that is not.
func spoil(t *testing.T, story string, cases map[string]spoilt) {
	t.Helper()
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

// TestLedger is about orders that are entered, filled, changed and replaced.
func TestLedger(t *testing.T) {
	const story = `1: enter 1 sell 50 AAPL 10.00
1: enter 2 sell 50 AAPL 10.01 hidden
2: enter 1 buy 60 AAPL 10.00
1: modify 2 sell 70
1: replace 2 with 3 80 10.02
1: cancel 3 to 10`
	spoil(t, story, map[string]spoilt{
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
		"shows what is not there":     {0, 0, func(ev *engine.Event) { ev.Shown++ }},
		"a hidden order is shown":     {1, 0, func(ev *engine.Event) { ev.Shown = 50 }},
		"a fill shows what it took":   {2, 2, func(ev *engine.Event) { ev.Shown = 60 }},
	})
}

// TestLedgerOfIcebergs is about reserves, self-trade prevention and minimums.
func TestLedgerOfIcebergs(t *testing.T) {
	const story = `1: enter 1 sell 100 AAPL 10.00 maxfloor=30
2: enter 1 buy 40 AAPL 10.00
1: cancel 1 to 80
1: modify 1 sell 120
1: enter 2 buy 30 AAPL 10.00 aiq=D
1: enter 3 buy 5 AAPL 10.00 aiq=Y
1: replace 1 with 4 120 10.00 maxfloor=20
3: enter 1 buy 50 AAPL 9.90 minqty=50 hidden
2: enter 2 sell 50 AAPL 9.90`
	spoil(t, story, map[string]spoilt{
		"shows its reserve":            {0, 0, func(ev *engine.Event) { ev.Shown = 100 }},
		"a used-up slice is shown":     {1, 1, func(ev *engine.Event) { ev.Shown = 30 }},
		"refresh without a reference":  {1, 3, func(ev *engine.Event) { ev.Order = ev.Link }},
		"refresh of another size":      {1, 3, func(ev *engine.Event) { ev.Qty = 20 }},
		"refresh above the slice":      {1, 3, func(ev *engine.Event) { ev.Qty, ev.Shown = 31, 31 }},
		"refresh from nowhere":         {1, 3, func(ev *engine.Event) { ev.Link = 99 }},
		"refresh with other leaves":    {1, 3, func(ev *engine.Event) { ev.Leaves-- }},
		"the slice is reduced first":   {2, 0, func(ev *engine.Event) { ev.Shown-- }},
		"the slice grows":              {3, 0, func(ev *engine.Event) { ev.Shown = 30 }},
		"decrements of two sizes":      {4, 2, func(ev *engine.Event) { ev.Qty-- }},
		"decrements at two prices":     {4, 2, func(ev *engine.Event) { ev.Price++ }},
		"a decrement by no letter":     {4, 1, func(ev *engine.Event) { ev.TIF = 'X' }},
		"decremented, not out of it":   {4, 1, func(ev *engine.Event) { ev.Shown++ }},
		"a cancel of Y is used":        {6, 0, func(ev *engine.Event) { ev.Qty, ev.Leaves = ev.Qty+5, ev.Leaves+5 }},
		"a minimum is displayed":       {7, 0, func(ev *engine.Event) { ev.Flags, ev.Display = 0, 'Y' }},
		"liquidity of the other side":  {8, 1, func(ev *engine.Event) { ev.Reason = 'R' }},
		"an aggressor as if midpoint":  {8, 2, func(ev *engine.Event) { ev.Reason = 'm' }},
		"a minimum beyond its limit":   {8, 1, func(ev *engine.Event) { ev.Price = 99_001 }},
		"a maker without an aggressor": {8, 2, func(ev *engine.Event) { ev.Kind = 'Q' }},
	})
}

// TestLedgerOfStopsAndPegs is about what moves by itself, and busts.
func TestLedgerOfStopsAndPegs(t *testing.T) {
	const story = `5: enter 1 sell 10 AAPL 10.50
1: enter 1 buy 10 AAPL 10.00
2: enter 1 buy 10 AAPL market pricetype=R
3: enter 1 sell 10 AAPL 10.10 stop=10.01
3: cancel 1 to 8
1: enter 2 buy 10 AAPL 10.01
4: enter 1 sell 10 AAPL 10.01
1: cancel 1 to 5
1: cancel 1 to 0
bust 1 AAPL 10 10.01 E maker=1/2/B taker=4/1/S`
	spoil(t, story, map[string]spoilt{
		"a pending stop rests":       {3, 0, func(ev *engine.Event) { ev.Flags |= engine.EventRests }},
		"a pending stop is shown":    {3, 0, func(ev *engine.Event) { ev.Shown = 10 }},
		"it does not wait":           {4, 0, func(ev *engine.Event) { ev.Flags = 0 }},
		"a peg keeps its reference":  {5, 1, func(ev *engine.Event) { ev.Order = ev.Link }},
		"a peg moves to nowhere":     {5, 1, func(ev *engine.Event) { ev.Flags, ev.Shown = 0, 0 }},
		"a peg moves with less":      {5, 1, func(ev *engine.Event) { ev.Qty, ev.Leaves = 9, 9 }},
		"what is no peg moves":       {5, 1, func(ev *engine.Event) { ev.Link, ev.User, ev.Ref, ev.Number = 2, 1, 1, 3 }},
		"one that moves is shown":    {5, 1, func(ev *engine.Event) { ev.Flags = 0 }},
		"a resting order waits":      {7, 0, func(ev *engine.Event) { ev.Flags = engine.EventPending }},
		"a bust of no trade":         {9, 0, func(ev *engine.Event) { ev.Link = 2 }},
		"a bust of match number 0":   {9, 1, func(ev *engine.Event) { ev.Link = 0 }},
		"locked by what moves":       {5, 1, func(ev *engine.Event) { ev.Price = 110_000 }},
		"triggered with less leaves": {6, 4, func(ev *engine.Event) { ev.Qty-- }},
	})
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
