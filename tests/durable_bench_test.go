//go:build linux

package tests

import (
	"flag"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"matcher/core"
	"matcher/ring"
)

// addsRounds is how often BenchmarkSyncAdds measures each of the three.
var addsRounds = flag.Int("rounds", 7, "of BenchmarkSyncAdds and BenchmarkRecovery; in each, everything is measured once")

// addsTrips is how many orders one after the other are a round: what the first, small segment of a journal takes.
const addsTrips = 350

// BenchmarkSyncAdds has one order in flight, in sync mode, in async mode, and writes 4 KiB durably to a bare file of zeros, in
// turns. What durability adds to an order is held against what the disk takes. Run it with -benchtime 1x.
func BenchmarkSyncAdds(b *testing.B) {
	for b.Loop() {
		var adds, writes, ratios []float64
		for range *addsRounds {
			durable, fast, bare := trips(b, core.Sync), trips(b, core.Async), durableWrites(b, addsTrips)
			adds, writes = append(adds, us(durable-fast)), append(writes, us(bare))
			ratios = append(ratios, float64(durable-fast)/float64(bare))
		}
		b.ReportMetric(middle(adds), "added-us")
		b.ReportMetric(middle(writes), "write-us")
		b.ReportMetric(middle(ratios), "ratio")
		b.ReportMetric(slices.Min(ratios), "least-ratio")
		b.ReportMetric(slices.Max(ratios), "greatest-ratio")
		b.ReportMetric(0, "ns/op")
	}
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

func middle(sample []float64) float64 {
	sorted := slices.Sorted(slices.Values(sample))
	return sorted[len(sorted)/2]
}

// trips returns the median of round trips to a venue of its own.
func trips(b *testing.B, mode core.Durability) (median time.Duration) {
	done := make(chan bool)
	go func() { // on a thread of its own, which ends with the affinity that it is given
		defer close(done)
		s, _ := loadVenue{mode, 1, 16 << 20, ""}.open(b)
		l, times := newLoad(b, s, 1), &latencies{}
		for n := range addsTrips + 50 {
			took, err := l.trip()
			if err != nil {
				b.Error(err)
				return
			}
			if n >= 50 {
				times.add(took)
			}
		}
		loadResult(b, s)
		median = times.quantile(0.5)
	}()
	<-done
	if b.Skipped() {
		b.SkipNow()
	}
	if b.Failed() {
		b.FailNow()
	}
	return median
}

// durableWrites returns the median of durable writes of 4 KiB, one after the other, by a thread that spins on the venue's cpu.
func durableWrites(b *testing.B, n int) (median time.Duration) {
	done := make(chan bool)
	go func() {
		defer close(done)
		loadUnpin(b)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		u, err := ring.NewUring(ring.Config{ArenaSize: 4096})
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = u.Close() }()
		const size = 4 << 20
		fd, direct, err := ring.OpenDirect(filepath.Join(b.TempDir(), "bare"), true, size)
		if err == nil {
			defer func() { _ = syscall.Close(fd) }()
			err = ring.Zero(fd, direct, 0, size)
		}
		if err == nil {
			err = ring.Fsync(fd)
		}
		if err == nil {
			err = ring.Pin(loadCPUs[len(loadCPUs)-1])
		}
		if err != nil {
			b.Error(err)
			return
		}
		times := &latencies{}
		var completed []ring.Completion
		for i := range n + 50 {
			start := time.Now()
			op := ring.Op{Code: ring.Write, File: int32(fd), Len: 4096, Off: u.Base(), At: uint64(i) * 4096 % size}
			completed, err = u.Turn([]ring.Op{op}, completed[:0], ring.Wait{Policy: ring.Spin, Until: int64(loadPatience), DiskBusy: true})
			if err != nil || len(completed) != 1 || completed[0].Res != 4096 {
				b.Errorf("%+v, %v", completed, err)
				return
			}
			if i >= 50 {
				times.add(time.Since(start))
			}
		}
		median = times.quantile(0.5)
	}()
	<-done
	if b.Failed() {
		b.FailNow()
	}
	return median
}
