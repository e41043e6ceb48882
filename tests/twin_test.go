package tests

import (
	"flag"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"matcher/book"
	"matcher/engine"
	"matcher/tests/twin"
)

var (
	twinSeed     = flag.Uint64("seed", 1, "of the random flows")
	twinCommands = flag.Int("commands", 12_000, "in the random flow of each mix")
	twinMix      = flag.String("mix", "", "only this mix of the random flows")
)

// maxOrders is low enough for the random flow to meet it.
const maxOrders = 200

// TestTwin holds the engine against a naive venue under random flow: all events field by field, and the books. There is a
// flow for each mix of features, and each must have met what it is for.
func TestTwin(t *testing.T) {
	n := *twinCommands
	if testing.Short() { // under the race detector
		n /= 4
	}
	for _, mix := range twin.Mixes() {
		if *twinMix != "" && *twinMix != mix.Name {
			continue
		}
		t.Run(mix.Name, func(t *testing.T) {
			t.Parallel()
			rerun := fmt.Sprintf("go test ./tests -run 'TestTwin$' -mix %s -seed %d -commands %d", mix.Name, *twinSeed, n)
			t.Log("again with:", rerun)
			w := twin.New()
			if at, fault := compare(w, complete(w, mix, *twinSeed, n)); fault != nil {
				setup := len(twin.Setup(maxOrders))
				list := slices.Collect(flowOf(mix, *twinSeed, at+1-setup))
				t.Fatalf("command %d: %v\nagain with: %s\nshortest list found (line 1 follows the setup):\n%s",
					at, fault, rerun, scenarioOf(shrink(list[setup:], fault)))
			}
			missed(t, w, mix, n)
		})
	}
}

// flowOf returns the setup and n commands of a mix and a seed, one by one.
func flowOf(mix twin.Mix, seed uint64, n int) iter.Seq[engine.Command] {
	return func(yield func(engine.Command) bool) {
		for _, cmd := range twin.Setup(maxOrders) {
			if !yield(cmd) {
				return
			}
		}
		flow := twin.NewFlow(seed, mix)
		for range n {
			if !yield(flow.Next()) {
				return
			}
		}
	}
}

// compare runs commands on both venues. It returns the index of the command at which they part, and how.
func compare(w *twin.Twin, commands iter.Seq[engine.Command]) (at int, fault error) {
	e := engine.New()
	var events []engine.Event
	var stale engine.Extension // what a caller leaves behind a command without extension when it uses one Command for all
	for cmd := range commands {
		cmd.Seq = uint64(at + 1)
		if cmd.Flags&engine.FlagExtension == 0 {
			cmd.Ext = stale
		}
		stale = cmd.Ext
		if fault = step(e, w, &cmd, &events); fault == nil && at%100 == 99 {
			fault = audit(e, w)
		}
		if fault != nil {
			return at, fault
		}
		at++
	}
	return at - 1, audit(e, w)
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

// shrink returns the shortest list it finds, by leaving out ever smaller pieces, on which the venues still part in the same
// way.
func shrink(list []engine.Command, as error) []engine.Command {
	fails := func(list []engine.Command) bool {
		_, fault := compare(twin.New(), slices.Values(append(twin.Setup(maxOrders), list...)))
		return fault != nil && way(fault) == way(as)
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

// way is what a fault says in its first line, save numbers.
func way(fault error) string {
	first, _, _ := strings.Cut(fault.Error(), "\n")
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, first)
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
