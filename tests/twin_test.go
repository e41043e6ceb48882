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
	seed     = flag.Uint64("seed", 1, "of the random flow")
	commands = flag.Int("commands", 150_000, "in the random flow")
)

// maxOrders is low enough for the random flow to meet it.
const maxOrders = 120

// TestTwin holds the engine against a naive venue under random flow: all events field by field, and the books.
func TestTwin(t *testing.T) {
	rerun := fmt.Sprintf("go test ./tests -run Twin -seed %d -commands %d", *seed, *commands)
	t.Log("again with:", rerun)
	list := flowOf(*seed, *commands)
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
	for i := range list {
		cmd := list[i]
		cmd.Seq = uint64(i + 1)
		if fault = step(e, w, &cmd, &events); fault == nil && i%100 == 0 {
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
	return sameBooks(e, w)
}

func sameBooks(e *engine.Engine, w *twin.Twin) error {
	var levels []engine.Level
	for instrument := uint16(1); instrument <= 3; instrument++ {
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

// TestTwinHash holds that the engine's hash tells histories apart, and only those that differ.
func TestTwinHash(t *testing.T) {
	t.Logf("again with: go test ./tests -run TwinHash -seed %d", *seed)
	list := flowOf(*seed, 5_000)
	hashes := func(list []engine.Command) []uint64 {
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
	first, again := hashes(list), hashes(list)
	for i := range first {
		if first[i] != again[i] {
			t.Fatalf("hash %#x and %#x after command %d of the same flow", first[i], again[i], i+1)
		}
	}
	changed := 0
	for i := len(list) - 1; i > 0 && changed < 20; i-- {
		if list[i].Kind != engine.KindEnter || !rested(list[:i+1]) {
			continue
		}
		other := append([]engine.Command{}, list[:i+1]...)
		other[i].Enter().Ref += 1000
		if hashes(other)[i] == first[i] {
			t.Errorf("command %d with another UserRefNum gives the same hash", i+1)
		}
		changed++
	}
	if changed == 0 {
		t.Error("the flow has no order that rests")
	}
}

// rested says whether the last command of a list brought an order to rest.
func rested(list []engine.Command) bool {
	w, rests := twin.New(), false
	for i := range list {
		cmd := list[i]
		cmd.Seq = uint64(i + 1)
		rests = false
		for _, ev := range w.Apply(&cmd) {
			rests = rests || ev.Flags&engine.EventRests != 0
		}
	}
	return rests
}

// TestTwinNotation holds that every command of the flow reads back as it was written.
func TestTwinNotation(t *testing.T) {
	out, in := twin.NewNotation(), twin.NewNotation()
	for i, cmd := range flowOf(*seed, 20_000)[len(twin.Setup(maxOrders)):] {
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
