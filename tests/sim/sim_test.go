package sim

import (
	"flag"
	"fmt"
	"testing"
)

var (
	seedFlag    = flag.Uint64("seed", 0, "run this seed only")
	seedsFlag   = flag.Uint64("seeds", 400, "how many seeds are run")
	stepsFlag   = flag.Int("steps", 0, "turns of each run")
	controlFlag = flag.String("control", "none", "a protection to do without")
)

// steps is how many turns a run has by default.
const steps = 300

// rerun is the line that runs a seed again.
func rerun(o Options) string {
	line := fmt.Sprintf("go test ./tests/sim -run TestSim$ -seed %d -steps %d", o.Seed, o.Steps)
	if o.Control != None {
		line += " -control " + o.Control.String()
	}
	return line
}

func TestSim(t *testing.T) {
	var m Machine
	o := Options{Seed: *seedFlag, Steps: *stepsFlag}
	for c := range controls {
		if c.String() == *controlFlag {
			o.Control = c
		}
	}
	if o.Steps == 0 {
		o.Steps = steps
	}
	if o.Seed != 0 {
		r, err := m.Run(o)
		t.Log(r)
		if err != nil {
			t.Fatalf("%v\n%s", err, rerun(o))
		}
		return
	}
	sum := Report{}
	for seed := uint64(1); seed <= *seedsFlag; seed++ {
		o.Seed = seed
		r, err := m.Run(o)
		if err != nil {
			t.Errorf("%v\n%s\n%v", err, rerun(o), r)
		}
		sum.add(r)
	}
	t.Log(sum)
}
