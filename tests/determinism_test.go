package tests

import (
	"testing"

	"matcher/engine"
)

// TestNothingDependsOnReadings runs one flow on three venues: one whose hash is read after each command, one whose hash is
// read at the end alone, one that is also audited; each with a salt of its own. Their events and hashes are the same.
func TestNothingDependsOnReadings(t *testing.T) {
	const commands = 20_000
	var output [3]uint64
	var last [3]uint64
	for i := range output {
		e := engine.New()
		e.Salt([...]uint64{1, 2, 0xfeedface}[i])
		var events []engine.Event
		seq := uint64(0)
		for cmd := range flowOf(everything(t), *twinSeed, commands) {
			seq++
			cmd.Seq = seq
			events = e.Apply(events[:0], &cmd)
			output[i] = engine.FoldOutput(output[i], events)
			switch {
			case i == 0, i == 2 && seq%7 == 0:
				e.Hash()
			case i == 2 && seq%100 == 0:
				if err := e.Audit(); err != nil {
					t.Fatal(err)
				}
			}
		}
		last[i] = e.Hash()
	}
	if output[0] != output[1] || output[1] != output[2] || last[0] != last[1] || last[1] != last[2] {
		t.Fatalf("output %x, state %x", output, last)
	}
}
