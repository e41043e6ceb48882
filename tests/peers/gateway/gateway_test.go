package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"matcher/engine"
	"matcher/wire/ouch"
)

// TestContestants: the floor, the venue and the Go server answer the same load, and the load checks every answer.
func TestContestants(t *testing.T) {
	for _, tool := range []string{"gcc", "taskset"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not here", tool)
		}
	}
	r := &rig{dir: t.TempDir(), ahead: 1, rounds: 1, orders: 500, milliseconds: 50, figures: figures{}}
	if err := r.build(); err != nil {
		t.Fatal(err)
	}
	r.serverCPU = lastCPU()
	starts := r.contestants()
	starts[3] = func() (*server, error) { // this test's binary is not the program
		self := r.program("gateway")
		if out, err := exec.Command("go", "build", "-o", self, ".").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return r.start("net", "ready", nil, self, "-serve-net")
	}
	for _, start := range starts {
		s, err := start()
		if err != nil {
			if strings.Contains(err.Error(), "io_uring") {
				t.Skip(err)
			}
			t.Fatal(err)
		}
		f, err := r.load("rtt", s, 200, 3)
		if err != nil || f["orders"] != 200 || f["p50"] <= 0 {
			t.Errorf("%s: %v, %v", s.name, f, err)
		}
		if f, err := r.load("flood", s, 100, 2); err != nil || f["orders"] != 100 {
			t.Errorf("%s beside floods: %v, %v", s.name, f, err)
		}
		if err := r.fill(0, s, "8x16", 8, 16); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		if got := r.figures.of(s.name, "8x16"); len(got) != 1 || got[0] <= 0 {
			t.Errorf("%s: %v", s.name, got)
		}
	}
	if enters := r.figures.of("matcher async", "8x16 enters"); len(enters) != 1 || enters[0] <= 0 {
		t.Errorf("enters per order: %v", enters)
	}
	durable, err := r.durableFloor()
	if err != nil {
		t.Fatal(err)
	}
	if f, err := r.load("rtt", durable, 200, 0); err != nil || f["orders"] != 200 || f["p50"] <= 0 {
		t.Errorf("%s: %v, %v", durable.name, f, err)
	}
	if _, err := durable.stop(); err != nil {
		t.Error(err)
	}
	wrote, err := os.ReadFile(r.program("floor.bin"))
	if err != nil || bytes.Count(wrote, make([]byte, 4096)) > len(wrote)/4096-400 { // two messages an order
		t.Errorf("the durable floor has not written: %v", err)
	}
	disk, err := figuresOf(r.program("disk"), r.program("disk.bin"), "-1", "20")
	if err != nil || disk["writes"] != 20 || disk["p50"] <= 0 {
		t.Error(disk, err)
	}
}

// TestLoadJudges: a server that answers wrongly ends the load with an error, so that no figure is of lost orders.
func TestLoadJudges(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("gcc is not here")
	}
	r := &rig{dir: t.TempDir()}
	if err := r.build(); err != nil {
		t.Fatal(err)
	}
	s := newNetServer()
	s.users = nil // nobody may log in
	addr := listenOnce(t, s)
	if _, err := figuresOf(r.program("load"), "rtt", addr, "-1", prefix, key, "10", "0"); err == nil {
		t.Error("a login that was not accepted gave figures")
	}
	s = newNetServer()
	*s.cmd.MassCancel() = engine.MassCancel{
		Header: engine.Header{Kind: engine.KindDisable, User: 1}, Ref: 1, Symbol: ouch.Symbol(""), Firm: ouch.Firm("LOAD"),
	}
	if s.apply()[0].Kind != 'G' {
		t.Fatal("entry is not disabled")
	}
	if _, err := figuresOf(r.program("load"), "rtt", listenOnce(t, s), "-1", prefix, key, "10", "0"); err == nil {
		t.Error("orders that were not accepted gave figures")
	}
}

func TestTable(t *testing.T) {
	f := figures{}
	for _, v := range []float64{10, 30, 20} {
		f.add("floor", "rtt p50", v)
		f.add("matcher async", "rtt p50", 2*v)
		f.add("matcher async", "64x16 enters", 0.001)
	}
	got := f.table()
	for _, want := range []string{
		"| round trip async p50 / floor | 2.00 [2.00, 2.00] | <= 1.15 | missed |",
		"| io_uring_enter per order, async 64x16 | 0.0010 [0.0010, 0.0010] | <= 0.02 | met |",
		"| floor: rtt p50 | 20.0 [10.0, 30.0] |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "8x16") {
		t.Errorf("a figure that was not taken is there\n%s", got)
	}
}
