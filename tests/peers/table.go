package main

import (
	"fmt"
	"slices"
	"strings"

	"matcher/tests/peers/workload"
)

// table holds the figures of all runs.
type table struct {
	names []string
	specs []workload.Spec
	ns    [][][]float64 // by contestant, workload, round
	other []bool        // by contestant: made other trades
}

func newTable(all []contestant, specs []workload.Spec) *table {
	t := &table{specs: specs, ns: make([][][]float64, len(all)), other: make([]bool, len(all))}
	for i, c := range all {
		t.names = append(t.names, c.name)
		t.ns[i] = make([][]float64, len(specs))
	}
	return t
}

func (t *table) add(contestant int, s workload.Spec, ns float64, sum workload.Sum) {
	k := slices.IndexFunc(t.specs, func(o workload.Spec) bool { return o.Name == s.Name })
	t.ns[contestant][k] = append(t.ns[contestant][k], ns)
	if sum != s.Want {
		t.other[contestant] = true
	}
}

// String is ns per operation, median [least, greatest], and below them the ratios to the first contestant: of each round,
// then their median, so that a machine that changes its speed between two rounds does not matter.
func (t *table) String() string {
	to := &strings.Builder{}
	t.rows(to, "ns per operation", func(i, k int) string {
		sorted := slices.Sorted(slices.Values(t.ns[i][k]))
		return fmt.Sprintf("%.1f [%.1f, %.1f]", median(sorted), sorted[0], sorted[len(sorted)-1])
	})
	t.rows(to, "ratio to "+t.names[0], func(i, k int) string {
		ratios := make([]float64, len(t.ns[i][k]))
		for r, ns := range t.ns[i][k] {
			ratios[r] = ns / t.ns[0][k][r]
		}
		slices.Sort(ratios)
		return fmt.Sprintf("%.2f [%.2f, %.2f]", median(ratios), ratios[0], ratios[len(ratios)-1])
	})
	for i, other := range t.other {
		if other {
			fmt.Fprintf(to, "\n%s made other trades than all others.\n", t.names[i])
		}
	}
	return to.String()
}

func (t *table) rows(to *strings.Builder, title string, cell func(i, k int) string) {
	fmt.Fprintf(to, "\n| %s |", title)
	for _, s := range t.specs {
		fmt.Fprintf(to, " %s |", s.Name)
	}
	fmt.Fprint(to, "\n|---|")
	for range t.specs {
		fmt.Fprint(to, "---|")
	}
	fmt.Fprintln(to)
	for i, name := range t.names {
		fmt.Fprintf(to, "| %s |", name)
		for k := range t.specs {
			fmt.Fprintf(to, " %s |", cell(i, k))
		}
		fmt.Fprintln(to)
	}
}

// wrong is an error if one of ours made other trades.
func (t *table) wrong() error {
	for i, other := range t.other {
		if other && (t.names[i] == "matcher/book" || t.names[i] == "matcher/engine") {
			return fmt.Errorf("%s made other trades than it should", t.names[i])
		}
	}
	return nil
}

func median(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
