package tests

import (
	"slices"
	"strings"
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// TestTwinHash holds that equal histories give equal hashes, and that what the state hash is made of is in it: each story
// differs from the first in one thing. What orders carry beside their place, owner and size (sell letter, time in force,
// expiry, group, ClOrdID) has no part in the hash.
func TestTwinHash(t *testing.T) {
	list := slices.Collect(flowOf(everything(t), *twinSeed, 3_000))
	first, again := hashes(list), hashes(list)
	for i := range first {
		if first[i] != again[i] {
			t.Fatalf("hash %#x and %#x after command %d of seed %d", first[i], again[i], i+1, *twinSeed)
		}
	}
	stories := map[string]string{
		"as it is":       "1: enter 1 sell 10 AAPL 10.00 gtc",
		"UserRefNum":     "1: enter 2 sell 10 AAPL 10.00 gtc",
		"channel":        "1: enter 1 sell 10 AAPL 10.00 gtc idx=1",
		"user":           "2: enter 1 sell 10 AAPL 10.00 gtc",
		"side of book":   "1: enter 1 buy 10 AAPL 10.00 gtc",
		"quantity":       "1: enter 1 sell 11 AAPL 10.00 gtc",
		"instrument":     "1: enter 1 sell 10 MSFT 10.00 gtc",
		"price":          "1: enter 1 sell 10 AAPL 10.01 gtc",
		"hidden":         "1: enter 1 sell 10 AAPL 10.00 gtc hidden",
		"used":           "1: enter 1 sell 11 AAPL 10.00 gtc\n2: enter 1 buy 1 AAPL 10.00 ioc",
		"disabled":       "1: enter 1 sell 10 AAPL 10.00 gtc\n1: disable 2",
		"number used up": "1: enter 1 sell 10 AAPL 10.00 gtc\n1: enable 2",
		"messages":       "1: enter 1 sell 10 AAPL 10.00 gtc\n1: query",
		"gate":           "1: enter 1 sell 10 AAPL 10.00 gtc\ngate closed",
		"another user":   "1: enter 1 sell 10 AAPL 10.00 gtc\n6: account FRMA",
		"priority":       "1: enter 1 sell 10 AAPL 10.00 gtc\n1: modify 1 sell 11\n1: modify 1 sell 10",
	}
	seen := map[uint64]string{}
	for what, story := range stories {
		list, n := twin.Setup(maxOrders), twin.NewNotation()
		for line := range strings.SplitSeq(story, "\n") {
			cmd, _, err := n.Command(line)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, cmd)
		}
		all := hashes(list)
		hash := all[len(all)-1]
		if other, ok := seen[hash]; ok {
			t.Errorf("%q and %q have the same hash", what, other)
		}
		seen[hash] = what
	}
}

// hashes returns the hash of a new engine after each command of a list.
func hashes(list []engine.Command) []uint64 {
	e, all := engine.New(), []uint64{}
	var events []engine.Event
	for i := range list {
		cmd := list[i]
		cmd.Seq = uint64(i + 1)
		events = e.Apply(events[:0], &cmd)
		all = append(all, e.Hash())
	}
	return all
}

// everything is the mix with all features.
func everything(t *testing.T) twin.Mix {
	t.Helper()
	for _, mix := range twin.Mixes() {
		if mix.Name == "everything" {
			return mix
		}
	}
	t.Fatal("no mix of everything")
	return twin.Mix{}
}

// TestTwinNotation holds that every command of the flows reads back as it was written.
func TestTwinNotation(t *testing.T) {
	for _, mix := range twin.Mixes() {
		out, in := twin.NewNotation(), twin.NewNotation()
		flow := twin.NewFlow(*twinSeed, mix)
		for i := range 5_000 {
			cmd := flow.Next()
			text := out.Lines(&cmd)
			var got engine.Command
			for line := range strings.Lines(text) {
				var err error
				if got, _, err = in.Command(strings.TrimSuffix(line, "\n")); err != nil {
					t.Fatalf("%s, command %d: %v", mix.Name, i+1, err)
				}
			}
			if got != cmd {
				t.Fatalf("%s, command %d reads back differently:\n%s\n%+v\n%+v", mix.Name, i+1, text, cmd, got)
			}
		}
	}
}
