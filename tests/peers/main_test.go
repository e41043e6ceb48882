package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"matcher/tests/peers/workload"
)

// small returns the file of a short workload, and its trades.
func small(t *testing.T) (string, workload.Sum) {
	t.Helper()
	s := workload.All[0]
	s.Timed = 50_000
	w, sum := workload.Generate(s)
	path := filepath.Join(t.TempDir(), "small")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path, sum
}

// TestSameTrades: the book, the engine and the C++ floor make the trades that the generator's own book made.
func TestSameTrades(t *testing.T) {
	path, want := small(t)
	all := []contestant{{"matcher/book", runBook}, {"matcher/engine", runEngine}}
	if _, err := exec.LookPath("g++"); err == nil {
		floor := filepath.Join(t.TempDir(), "floor")
		if out, err := exec.Command("g++", "-O1", "-std=c++20", "-o", floor, "floor/floor.cpp").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		all = append(all, program("C++ floor", floor))
	}
	for _, c := range all {
		ns, sum, err := c.run(path)
		if err != nil || sum != want || ns <= 0 {
			t.Errorf("%s: %v, %d trades, hash %016x, %.1f ns; want %d, %016x", c.name, err, sum.Trades, sum.Hash, ns, want.Trades, want.Hash)
		}
	}
	forget()
}

func TestParseRun(t *testing.T) {
	ns, sum, err := parseRun("first w1k ns/op 1.0 trades 1 hash 0000000000000001\n" +
		"a (ring)  w1k  ns/op   31.4  Mops/s  31.69  trades 1149839 vol 35313904 hash 0b827e8fa9703c59\n")
	if err != nil || ns != 31.4 || sum != workload.All[0].Want {
		t.Error(ns, sum, err)
	}
	if _, _, err := parseRun("nothing"); err == nil {
		t.Error("nothing is read as a run")
	}
}

func TestTable(t *testing.T) {
	specs := workload.All[:1]
	tb := newTable([]contestant{{name: "floor"}, {name: "rival"}}, specs)
	for _, ns := range []float64{10, 30, 20} {
		tb.add(0, specs[0], ns, specs[0].Want)
		tb.add(1, specs[0], 2*ns, workload.Sum{})
	}
	got := tb.String()
	for _, want := range []string{"| floor | 20.0 [10.0, 30.0] |", "| rival | 2.00 [2.00, 2.00] |", "rival made other trades"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}
