package tests

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// longFlow is a flow of about n lines with some thousand live orders at any time: orders, replacements, trades and cancels.
func longFlow(n int) string {
	var b strings.Builder
	ref, taken, gone := 0, 0, 0
	for lines := 0; lines < n; {
		ref++
		fmt.Fprintf(&b, "MAKER enter %d S 100 AAPL %d 0 Y\n", ref, 1_500_000+ref*7919%40*100)
		if lines++; ref%5 == 0 {
			taken++
			fmt.Fprintf(&b, "TAKER enter %d B 150 AAPL 1500800 3 Y\n", taken)
			lines++
		}
		if ref%3 == 0 {
			fmt.Fprintf(&b, "MAKER replace %d %d 150 1500700 0 Y\n", ref, ref+1)
			ref++
			lines++
		}
		for ; gone < ref-1000; lines++ {
			gone++
			fmt.Fprintf(&b, "MAKER cancel %d 0\n", gone)
		}
	}
	return b.String()
}

// peak runs matcher and returns the most memory that it was seen to have, in KiB. (What wait4 tells has the parent's in it.)
func (v *venue) peak(args ...string) (most int) {
	v.t.Helper()
	cmd := v.child(v.t.Context(), args...)
	cmd.Dir = v.dir
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				v.t.Fatalf("matcher %s: %v\n%s", strings.Join(args, " "), err, said.String())
			}
			return most
		case <-look.C:
			if program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", cmd.Process.Pid)); program == cmd.Path {
				most = max(most, highWater(cmd.Process.Pid))
			}
		}
	}
}

// TestMemoryFlat: what reads a journal or a flow takes no more memory for six times as much of it.
func TestMemoryFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("reads long journals a dozen times")
	}
	const room = 12 << 10 // KiB: what garbage collection happens to leave; a word for each of the 500,000 lines more is 4 MiB
	v := newVenue(t, "0.01")
	for name, n := range map[string]int{"few": 100_000, "many": 600_000} {
		v.write(name, longFlow(n))
		v.must(0, "replay", v.path(name), "--record", v.path("j"+name))
	}
	for _, args := range [][]string{
		{"journal", "export", "jX", "-o", "out.npz"},
		{"journal", "export", "jX", "--events", "-o", "out.npz"},
		{"journal", "export", "jX", "--format", "npy", "-o", "columns"},
		{"journal", "export", "jX", "--format", "csv", "-o", "out.csv"},
		{"journal", "export", "jX", "--format", "lobster", "--symbol", "AAPL", "-o", "out.csv"},
		{"journal", "export", "jX", "--format", "hftbacktest", "--symbol", "AAPL", "-o", "out.npy"},
		{"replay", "jX", "--verify"},
		{"replay", "jX", "--bars", "1s", "--symbol", "AAPL", "-o", "bars"},
		{"replay", "jX", "--depth", "5", "--changes", "--symbol", "AAPL", "-o", "changes"},
		{"replay", "jX", "--feed", "dayX"},
		{"import", "itch", "dayX", "-o", "flow"},
		{"replay", "X"},
		{"report", "jX", "-o", "report.html"},
	} {
		peak := map[string]int{}
		for _, name := range []string{"few", "many"} {
			words := append([]string{}, args...)
			for i := range words {
				words[i] = strings.ReplaceAll(words[i], "X", name)
			}
			peak[name] = v.peak(words...)
		}
		t.Logf("%s: %d KiB, %d KiB", strings.Join(args, " "), peak["few"], peak["many"])
		if peak["many"] > peak["few"]+room {
			t.Errorf("%s: %d KiB for a long journal, %d KiB for a short one", strings.Join(args, " "), peak["many"], peak["few"])
		}
	}
}
