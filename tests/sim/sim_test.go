package sim

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	seedFlag    = flag.Uint64("seed", 0, "run this seed only")
	fromFlag    = flag.Uint64("from", 1, "the first seed")
	seedsFlag   = flag.Uint64("seeds", 0, "how many seeds to run")
	stepsFlag   = flag.Int("steps", steps, "turns of each run")
	controlFlag = flag.String("control", None.String(), "a protection to do without")
)

const (
	steps = 300 // turns of a run: some 15 crashes
	seeds = 700 // runs in each `go test`: some 10,000 crashes
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // each life makes an engine and throws it away
	os.Exit(m.Run())
}

// rerun is the line that runs a seed again.
func rerun(o Options) string {
	line := fmt.Sprintf("go test ./tests/sim -run TestSim$ -v -seed %d -steps %d", o.Seed, o.Steps)
	if o.Control != None {
		line += " -control " + o.Control.String()
	}
	return line
}

func control(t *testing.T) Control {
	for c := range controls {
		if c.String() == *controlFlag {
			return c
		}
	}
	t.Fatalf("there is no control %q", *controlFlag)
	return None
}

// TestSim runs seeds one after the other. No run may end in a violation.
func TestSim(t *testing.T) {
	m := &Machine{}
	o := Options{Steps: *stepsFlag, Control: control(t)}
	first, n := *fromFlag, *seedsFlag
	switch {
	case *seedFlag != 0:
		first, n = *seedFlag, 1
	case n == 0 && testing.Short():
		n = seeds / 20
	case n == 0:
		n = seeds
	}
	sum := Report{}
	for o.Seed = first; o.Seed < first+n; o.Seed++ {
		r, err := m.Run(o)
		if err != nil {
			t.Errorf("%v\n%s\nmode %d, %+v", err, rerun(o), r.Mode, r.Faults)
		}
		sum.add(r)
		if done := o.Seed - first + 1; done%10_000 == 0 {
			fmt.Printf("%d seeds: %v\n", done, sum)
		}
	}
	t.Log(sum)
	if n == 1 || o.Control != None || t.Failed() {
		return
	}
	if sum.Crashes < int(n)*5 || sum.Torn < n || sum.Refused == 0 || sum.Failed == 0 || sum.Runs == 0 ||
		sum.Days == 0 || sum.Stops == 0 || sum.Packets == 0 || sum.Resumed < 10 || sum.Cuts < 10 {
		t.Errorf("the runs show too little: %v", sum)
	}
}

// TestCorpus runs the seeds that found something once.
func TestCorpus(t *testing.T) {
	f, err := os.Open("testdata/seeds")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	m := &Machine{}
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(text) == "" {
			continue
		}
		var o Options
		if _, err := fmt.Sscan(text, &o.Seed, &o.Steps); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		if _, err := m.Run(o); err != nil {
			t.Errorf("%v\n%s", err, rerun(o))
		}
		n++
	}
	if n == 0 {
		t.Fatal("the corpus is empty")
	}
}

// TestControls does without one protection at a time. The simulator must notice the loss of each within a few seeds, and
// find nothing in the same seed with the protection in place.
func TestControls(t *testing.T) {
	m := &Machine{}
	for c := None + 1; c < controls; c++ {
		t.Run(c.String(), func(t *testing.T) {
			for seed := uint64(1); seed <= c.patience(); seed++ {
				o := Options{Seed: seed, Steps: steps, Control: c}
				_, err := m.Run(o)
				if err == nil {
					continue
				}
				t.Logf("seed %d: %v", seed, err)
				if _, err := m.Run(Options{Seed: seed, Steps: steps, as: c}); err != nil {
					t.Errorf("it is not for want of the protection: %v", err)
				}
				return
			}
			t.Errorf("%d seeds do without it and nothing is noticed", c.patience())
		})
	}
}

// TestSeedTwice: a seed is a run: the same commands, the same state, the same messages.
func TestSeedTwice(t *testing.T) {
	m, other := &Machine{}, &Machine{}
	for seed := uint64(1); seed <= 20; seed++ {
		o := Options{Seed: seed, Steps: steps}
		a, _ := m.Run(o)
		if b, _ := other.Run(o); a != b {
			t.Errorf("seed %d: %+v, then %+v", seed, a, b)
		}
	}
}

// cpu is the time that this process has had of all cpus: a run has one thread, and other programs do not count.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkEvents counts messages that clients send and are given, one venue without faults: what a simulated event costs.
func BenchmarkEvents(b *testing.B) {
	m := &Machine{}
	events, start := uint64(0), cpu()
	for b.Loop() {
		r, err := m.Run(Options{Seed: 1, Steps: 20_000, Calm: true})
		if err != nil {
			b.Fatal(err)
		}
		events += r.Events
	}
	b.ReportMetric(float64(events)/(cpu()-start).Seconds(), "events/s(cpu)")
}

// BenchmarkCrashes counts crashes and the recoveries after them.
func BenchmarkCrashes(b *testing.B) {
	m := &Machine{}
	crashes, seed, start := 0, uint64(0), cpu()
	for b.Loop() {
		seed++
		r, err := m.Run(Options{Seed: seed, Steps: steps})
		if err != nil {
			b.Fatal(err)
		}
		crashes += r.Crashes
	}
	b.ReportMetric(float64(crashes)/(cpu()-start).Seconds(), "crashes/s(cpu)")
}
