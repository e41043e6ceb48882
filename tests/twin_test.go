package tests

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"matcher/book"
	"matcher/engine"
	"matcher/tests/twin"
)

var (
	twinSeed     = flag.Uint64("seed", 1, "of the random flow")
	twinCommands = flag.Int("commands", 100_000, "in the random flow")
)

// maxOrders is low enough for the random flow to meet it.
const maxOrders = 120

// TestTwin holds the engine against a naive venue under random flow: all events field by field, and the books.
func TestTwin(t *testing.T) {
	rerun := fmt.Sprintf("go test ./tests -run Twin -seed %d -commands %d", *twinSeed, *twinCommands)
	t.Log("again with:", rerun)
	list := flowOf(*twinSeed, *twinCommands)
	at, fault := compare(list)
	if fault == nil {
		return
	}
	n := len(twin.Setup(maxOrders))
	t.Errorf("command %d: %v\nagain with: %s\nshortest list found (line 1 follows the setup):\n%s",
		at, fault, rerun, scenarioOf(shrink(list[n:min(at+1, len(list))])))
}

// flowOf returns the setup and n commands of a seed.
func flowOf(seed uint64, n int) []engine.Command {
	list := twin.Setup(maxOrders)
	flow := twin.NewFlow(seed)
	for range n {
		list = append(list, flow.Next())
	}
	return list
}

// compare runs commands on both venues. It returns the index of the command at which they part, and how.
func compare(list []engine.Command) (at int, fault error) {
	e, w := engine.New(), twin.New()
	var events []engine.Event
	var stale engine.Extension // what a caller leaves behind a command without extension when it uses one Command for all
	for i := range list {
		cmd := list[i]
		cmd.Seq = uint64(i + 1)
		if cmd.Flags&engine.FlagExtension == 0 {
			cmd.Ext = stale
		}
		stale = cmd.Ext
		if fault = step(e, w, &cmd, &events); fault == nil && i%100 == 99 {
			fault = audit(e, w)
		}
		if fault != nil {
			return i, fault
		}
	}
	return len(list), audit(e, w)
}

// step applies one command to both; a panic of the engine is a fault like any other.
func step(e *engine.Engine, w *twin.Twin, cmd *engine.Command, events *[]engine.Event) (fault error) {
	defer func() {
		if p := recover(); p != nil {
			fault = fmt.Errorf("panic: %v", p)
		}
	}()
	before := *cmd
	want := w.Apply(cmd)
	*events = e.Apply((*events)[:0], cmd)
	if *cmd != before {
		return fmt.Errorf("the command was changed")
	}
	for i := range max(len(want), len(*events)) {
		switch {
		case i >= len(want):
			return fmt.Errorf("event %d of the engine is one too many: %s", i+1, twin.EventLine(&(*events)[i]))
		case i >= len(*events):
			return fmt.Errorf("event %d is missing from the engine: %s", i+1, twin.EventLine(&want[i]))
		case want[i] != (*events)[i]:
			return fmt.Errorf("event %d\n want %s %+v\n got  %s %+v",
				i+1, twin.EventLine(&want[i]), want[i], twin.EventLine(&(*events)[i]), (*events)[i])
		}
	}
	if e.Open() != w.Open() || e.Fills() != w.Fills() {
		return fmt.Errorf("want %d orders and %d fills, got %d and %d", w.Open(), w.Fills(), e.Open(), e.Fills())
	}
	if len(want) == 0 {
		return nil
	}
	return sameBooks(e, w)
}

func sameBooks(e *engine.Engine, w *twin.Twin) error {
	var levels []engine.Level
	for instrument := uint16(1); int(instrument) <= twin.Instruments(); instrument++ {
		for letter, side := range map[uint8]book.Side{'B': book.Buy, 'S': book.Sell} {
			levels = e.Depth(levels[:0], instrument, side, 100)
			want := w.Depth(instrument, letter, 100)
			same := len(levels) == len(want)
			for i := 0; same && i < len(want); i++ {
				same = levels[i] == engine.Level(want[i])
			}
			if !same {
				return fmt.Errorf("book %d side %c: want %v, got %v", instrument, letter, want, levels)
			}
		}
	}
	return nil
}

func audit(e *engine.Engine, w *twin.Twin) error {
	if err := w.Audit(); err != nil {
		return err
	}
	return e.Audit()
}

// shrink returns the shortest list it finds, by leaving out ever smaller pieces, on which the venues still part.
func shrink(list []engine.Command) []engine.Command {
	fails := func(list []engine.Command) bool {
		_, fault := compare(append(twin.Setup(maxOrders), list...))
		return fault != nil
	}
	for size := len(list) / 2; size >= 1; size /= 2 {
		for from := 0; from+size <= len(list); {
			rest := append(append([]engine.Command{}, list[:from]...), list[from+size:]...)
			if fails(rest) {
				list = rest
				continue
			}
			from += size
		}
	}
	return list
}

// scenarioOf writes commands as a scenario without its expected lines.
func scenarioOf(list []engine.Command) string {
	var b strings.Builder
	n := twin.NewNotation()
	for i := range list {
		b.WriteString(n.Lines(&list[i]) + "\n")
	}
	return b.String()
}

// TestTwinHash holds that equal histories give equal hashes, and that what the state hash is made of is in it: each story
// differs from the first in one thing. What orders carry beside their place, owner and size (sell letter, time in force,
// expiry, group, ClOrdID) has no part in the hash.
func TestTwinHash(t *testing.T) {
	list := flowOf(*twinSeed, 3_000)
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

// TestTwinNotation holds that every command of the flow reads back as it was written.
func TestTwinNotation(t *testing.T) {
	out, in := twin.NewNotation(), twin.NewNotation()
	for i, cmd := range flowOf(*twinSeed, 20_000)[len(twin.Setup(maxOrders)):] {
		text := out.Lines(&cmd)
		var got engine.Command
		for line := range strings.Lines(text) {
			var err error
			if got, _, err = in.Command(strings.TrimSuffix(line, "\n")); err != nil {
				t.Fatalf("command %d: %v", i+1, err)
			}
		}
		if got != cmd {
			t.Fatalf("command %d reads back differently:\n%s\n%+v\n%+v", i+1, text, cmd, got)
		}
	}
}
