package tests

import (
	"slices"
	"strings"
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// TestTwinHash holds that equal histories give equal hashes, and that what the state hash is made of is in it: each story
// differs from the first in one thing. What only messages repeat (ClOrdID, capacity), what a chain has used, names of accounts, lots,
// decimals and a sell letter that Modify has changed have no part in it.
func TestTwinHash(t *testing.T) {
	list := slices.Collect(flowOf(everything(t), *twinSeed, 3_000))
	first, again := hashes(list), hashes(list)
	for i := range first {
		if first[i] != again[i] {
			t.Fatalf("hash %#x and %#x after command %d of seed %d", first[i], again[i], i+1, *twinSeed)
		}
	}
	seen := map[uint64]string{}
	for what, story := range hashStories() {
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

// hashStories returns stories that must not have the same hash. Those of a group end with one command that differs.
func hashStories() map[string]string {
	stories := map[string]string{
		"UserRefNum":     "1: enter 2 sell 10 AAPL 10.00 gtc",
		"channel":        "1: enter 1 sell 10 AAPL 10.00 gtc idx=1",
		"user":           "2: enter 1 sell 10 AAPL 10.00 gtc",
		"side of book":   "1: enter 1 buy 10 AAPL 10.00 gtc",
		"quantity":       "1: enter 1 sell 11 AAPL 10.00 gtc",
		"instrument":     "1: enter 1 sell 10 MSFT 10.00 gtc",
		"price":          "1: enter 1 sell 10 AAPL 10.01 gtc",
		"used":           "1: enter 1 sell 11 AAPL 10.00 gtc\n2: enter 1 buy 1 AAPL 10.00 ioc",
		"disabled":       "1: enter 1 sell 10 AAPL 10.00 gtc\n1: disable 2",
		"number used up": "1: enter 1 sell 10 AAPL 10.00 gtc\n1: enable 2",
		"messages":       "1: enter 1 sell 10 AAPL 10.00 gtc\n1: query",
		"priority":       "1: enter 1 sell 10 AAPL 10.00 gtc\n1: modify 1 sell 11\n1: modify 1 sell 10",
	}
	group := func(before, common string, ends ...string) {
		for _, end := range ends {
			stories[common+end] = strings.TrimSpace(before + "\n" + common + end)
		}
	}
	order := "1: enter 1 sell 10 AAPL 10.00 gtc"
	group("", order, "", " hidden", " maxfloor=5", " maxfloor=6", " maxfloor=5 random=2", " minqty=5", " minqty=6", " exempt=Y",
		" exempt=N", " aiqgroup=AB", " aiqgroup=CD")
	// Whoever looks at the stop price, and what it is worth, is all that differs.
	group("", "1: enter 1 sell 10 AAPL 10.00 gtc stop=9.00", "", " trigger=B", " trigger=A", " aiq=O", " aiq=W", " aiq=o", " minqty=5",
		" aiq=O aiqgroup=AB", " aiq=O aiqgroup=CD", " maxfloor=5")
	group("", "1: enter 1 sell 10 AAPL ", "10.00 gtc stop=9.01", "market gtc stop=9.00", "market gtc stop=9.00 trail=0.05",
		"market gtc stop=9.00 trail=0.06", "market gtc stop=9.00 pricetype=K")
	// Pegs that stand at 10.00, as a limit order does: what they follow, their offset, their own limit and what they do on
	// the way are all that differ.
	const book = "2: enter 1 buy 10 AAPL 10.00\n2: enter 2 sell 10 AAPL 10.10"
	group(book, "1: enter 1 buy 10 AAPL ", "10.00", "10.00 pricetype=R", "market pricetype=R", "10.05 pricetype=R",
		"10.00 pricetype=R pegoffset=0.01", "market pricetype=P pegoffset=-0.10", "market pricetype=R postonly=P",
		"market pricetype=R aiq=O", "market pricetype=R hidden", "10.00 hidden", "10.00 pricetype=M hidden",
		"market pricetype=M hidden", "market pricetype=M hidden aiq=O", "market pricetype=M hidden postonly=P")
	// The books are the same again: the last price is not.
	for _, price := range []string{"10.00", "10.01"} {
		stories["last price "+price] = "1: enter 1 sell 1 AAPL " + price + "\n2: enter 1 buy 1 AAPL " + price
	}
	group(order, "", "halt AAPL", "halt MSFT", "gate closed", "closeday", "6: account FRMA", "6: account FRMB",
		"1: account FRMB", "1: account FRMA selfmatch=O", "1: account FRMA selfmatch=W", "1: account FRMA level=firm",
		"1: account FRMA level=group", "1: account FRMA group=7", "1: account FRMA ondrop=1")
	group(order+"\ncloseday", "openday SESSION1 secret=", "1", "2")
	group(order+"\ncloseday", "instrument AAPL", "", " tick=50", " maxqty=10", " maxprice=100000",
		" policy=1", " policy=1 top=10", " pegs=7")
	return stories
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
