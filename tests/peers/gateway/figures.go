package main

import (
	"fmt"
	"slices"
	"strings"
)

// figures are the values of every round, by contestant and what was measured.
type figures map[string][]float64

func (f figures) add(who, what string, value float64) {
	f[who+": "+what] = append(f[who+": "+what], value)
}

func (f figures) of(who, what string) []float64 { return f[who+": "+what] }

// spread is the median of some values, and their least and greatest.
type spread struct{ median, least, greatest float64 }

func newSpread(values []float64) spread {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return spread{(v[(n-1)/2] + v[n/2]) / 2, v[0], v[n-1]}
}

// ratios divides the values of one round by each other, so that a machine that changes its speed in between does not matter.
func ratios(of, by []float64) []float64 {
	out := make([]float64, min(len(of), len(by)))
	for i := range out {
		out[i] = of[i] / by[i]
	}
	return out
}

// sums adds the values of one round.
func sums(a, b []float64) []float64 {
	out := make([]float64, min(len(a), len(b)))
	for i := range out {
		out[i] = a[i] + b[i]
	}
	return out
}

// goal is a row of the table: a figure, and the bound of its median.
type goal struct {
	what   string
	values []float64
	atMost bool // else at least
	bound  float64
	format string
}

// goals are the rows in order; those of parts that were not run have no values.
func (f figures) goals() []goal {
	const async, sync, floor, net, ratio = "matcher async", "matcher sync", "floor", "net", "%.2f"
	versus := func(who, what, base string) []float64 { return ratios(f.of(who, what), f.of(base, what)) }
	within := func(who, what, base string) []float64 { return ratios(f.of(who, what), f.of(who, base)) }
	return []goal{
		{"round trip async p50 / floor", versus(async, "rtt p50", floor), true, 1.15, ratio},
		{"round trip async p99 / floor (where fewer than one in a hundred submits a write)", versus(async, "rtt p99", floor), true, 1.25, ratio},
		{"round trip async p99 / (floor + the submit of a write)", ratios(f.of(async, "rtt p99"), sums(f.of(floor, "rtt p99"), f.of("disk", "submit"))), true, 1, ratio},
		{"round trip async p99.9 / floor", versus(async, "rtt p99.9", floor), true, 1.6, ratio},
		{"round trip sync p50 / (floor + durable write)", ratios(f.of(sync, "rtt p50"), sums(f.of(floor, "rtt p50"), f.of("disk", "rtt p50"))), true, 1.15, ratio},
		{"round trip sync p50 / a floor that makes the same write", versus(sync, "rtt p50", "durable floor"), true, 1.15, ratio},
		{"p99 of one order beside a flood / quiet", within(async, "flood 1 p99", "flood 0 p99"), true, 2, ratio},
		{"... of the floor itself", within(floor, "flood 1 p99", "flood 0 p99"), true, 2, ratio},
		{"p99 of one order beside eight floods / quiet", within(async, "flood 8 p99", "flood 0 p99"), true, 2, ratio},
		{"... of the floor itself", within(floor, "flood 8 p99", "flood 0 p99"), true, 2, ratio},
		{"messages/s async 8x16 / floor", versus(async, "8x16", floor), false, 0.70, ratio},
		{"messages/s async 64x16 / floor", versus(async, "64x16", floor), false, 0.75, ratio},
		{"messages/s async 64x128 / floor", versus(async, "64x128", floor), false, 0.35, ratio},
		{"messages/s 64x128, sync / async", ratios(f.of(sync, "64x128"), f.of(async, "64x128")), false, 0.8, ratio},
		{"open loop sync, p99 us", f.of(sync, "open p99"), true, 500, "%.0f"},
		{"open loop sync, orders/s answered", f.of(sync, "open rate"), false, 1_000_000, "%.0f"},
		{"round trip p50, Go net / async", versus(net, "rtt p50", async), false, 6, ratio},
		{"messages/s 8x16, async / Go net", versus(async, "8x16", net), false, 2.5, ratio},
		{"io_uring_enter per order, async 64x16", f.of(async, "64x16 enters"), true, 0.02, "%.4f"},
		{"futex calls of the core's thread, async 64x16", f.of(async, "futex"), true, 0, "%.0f"},
		{"voluntary switches of the core's thread, async 64x16", f.of(async, "64x16 switches"), true, 0, "%.0f"},
		{"garbage collections in a run, async 64x128", f.of(async, "64x128 collections"), true, 0, "%.0f"},
		{"10,000 sessions / 10, one in flight, p50", ratios(f.of(async, "many rtt p50"), f.of(async, "few rtt p50")), true, 1.5, ratio},
		{"1,000 sessions of 10,000 / 10, messages/s", ratios(f.of(async, "many"), f.of(async, "few")), false, 0.7, ratio},
	}
}

// table is the goals and, below, every figure.
func (f figures) table() string {
	var b strings.Builder
	b.WriteString("\n| figure | median [least, greatest] | goal | |\n|---|---|---|---|\n")
	for _, g := range f.goals() {
		if len(g.values) == 0 {
			continue
		}
		s, sign, word := newSpread(g.values), ">=", "met"
		if g.atMost {
			sign = "<="
		}
		if g.atMost && s.median > g.bound || !g.atMost && s.median < g.bound {
			word = "missed"
		}
		fmt.Fprintf(&b, "| %s | "+g.format+" ["+g.format+", "+g.format+"] | %s %v | %s |\n", g.what, s.median, s.least, s.greatest, sign, g.bound, word)
	}
	b.WriteString("\n| measured | median [least, greatest] |\n|---|---|\n")
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s := newSpread(f[name])
		fmt.Fprintf(&b, "| %s | %s [%s, %s] |\n", name, number(s.median), number(s.least), number(s.greatest))
	}
	return b.String()
}

// number prints a figure with three or more digits that mean something.
func number(v float64) string {
	switch {
	case v >= 100_000:
		return fmt.Sprintf("%.3f M", v/1e6)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 1:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.4f", v)
}
