//go:build linux

package tests

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"matcher/core"
	"matcher/replay"
	"matcher/ring"
)

// Measurements of the whole venue over loopback TCP, the figures of MEASURED.md. The venue spins on the last cpu, the client
// on the first; both are in this process and share nothing else.

const (
	benchSegment = 256 << 20 // what a venue has unless told otherwise
	testSegment  = 64 << 20  // holds the orders of a test, and is zeroed sooner
)

// benchBackend says what the venue runs on: auto, uring or portable.
var benchBackend = flag.String("backend", "auto", "of the venue that is measured: auto, uring or portable")

// benchFeed lets the venue that is measured send its public feed, to a socket of this process.
var benchFeed = flag.Bool("feed", false, "the venue that is measured sends its public feed too")

// backends are its values.
var backends = map[string]core.Backend{"auto": core.AutoBackend, "uring": core.UringBackend, "portable": core.PortableBackend}

// loadCPUs are the cpus of the process, read before a server takes one away from its threads.
var loadCPUs = ring.CPUs()

// loadVenue says which venue is measured.
type loadVenue struct {
	durability core.Durability
	sessions   int
	segment    int64  // bytes of a journal segment
	feed       string // where the public feed goes, empty: nowhere
}

// config is what the venue is opened with.
func (v loadVenue) config(t testing.TB) core.Config {
	t.Helper()
	backend, ok := backends[*benchBackend]
	if !ok {
		t.Fatalf("-backend %s: it is auto, uring or portable", *benchBackend)
	}
	cfg := core.Config{
		Backend: backend,
		Listen:  "127.0.0.1:0", Journal: t.TempDir(), Durability: v.durability, Segment: v.segment,
		CPU: loadCPUs[len(loadCPUs)-1], Wait: ring.Spin,
		MaxOrders: 100_000, MaxUsers: 64, MaxSessions: 64, StreamMemory: 8 << 30,
		LoginTimeout: time.Minute, ClientTimeout: time.Minute, Heartbeat: time.Second,
		Instruments: []core.Instrument{{Symbol: "AAPL", PriceDecimals: 4, Tick: loadTick, Lot: 1, MaxQty: 1_000_000, MaxPrice: 1_999_999_900}},
		Log:         func(line string) { t.Log(line) },
	}
	if v.feed != "" {
		cfg.Feed.To = []string{v.feed}
	}
	for i := range v.sessions {
		name := loadUser(i)
		mac := hmac.New(sha256.New, cfg.Secret[:])
		mac.Write([]byte(name + ":KEY"))
		cfg.Users = append(cfg.Users, core.User{Name: name, Firm: "ALFA", Hash: [32]byte(mac.Sum(nil))})
	}
	return cfg
}

// open opens the venue in this process, spinning on the last cpu, and puts the caller's thread on the first. It returns the
// journal's directory too.
func (v loadVenue) open(t testing.TB) (s *core.Server, dir string) {
	t.Helper()
	if len(loadCPUs) < 2 {
		t.Skip("the venue and the load client need a cpu each, and there is one")
	}
	if *benchFeed && v.feed == "" {
		v.feed = fmt.Sprintf("127.0.0.1:%d", newSink(t).port)
	}
	cfg := v.config(t)
	loadUnpin(t)
	t.Cleanup(func() { loadUnpin(t) })
	s, err := core.Open(cfg)
	var refused *ring.SetupError
	if errors.As(err, &refused) {
		t.Skipf("io_uring cannot be had here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		_, _ = s.Run() // whoever wants the result has asked before
	})
	if strings.Contains(s.Report(), "not pinned") {
		t.Fatalf("the venue has no cpu of its own: %s", s.Report())
	}
	runtime.LockOSThread() // for good: the thread ends with the goroutine
	if err := ring.Pin(loadCPUs[0]); err != nil {
		t.Fatal(err)
	}
	loadSegments(t, cfg.Journal, 2)
	return s, cfg.Journal
}

// loadUnpin lets every thread run on every cpu again. A server takes its cpu away from all threads and leaves its own
// pinned, which outlives it if it is the process's first; whoever comes next must find neither.
func loadUnpin(t testing.TB) {
	t.Helper()
	var mask [16]uint64
	for _, cpu := range loadCPUs {
		mask[cpu/64] |= 1 << (cpu % 64)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			t.Fatal(err)
		}
		_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY,
			uintptr(id), unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
		if errno != 0 && errno != syscall.ESRCH { // it has ended
			t.Fatalf("sched_setaffinity of thread %d: %v", id, errno)
		}
	}
}

// loadSegments waits until a journal has n segments, the prepared one counted: until then a helper is busy with the disk.
func loadSegments(t testing.TB, dir string, n int) {
	t.Helper()
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		names, err := filepath.Glob(filepath.Join(dir, "*.mj"))
		if err != nil {
			t.Fatal(err)
		}
		if len(names) >= n {
			return
		}
		if time.Since(start) > 3*loadPatience { // a segment is zeroed at ease
			t.Fatalf("%d journal segments after %v, want %d", len(names), 3*loadPatience, n)
		}
	}
}

// loadResult stops a venue and returns what it leaves behind.
func loadResult(t testing.TB, s *core.Server) core.Result {
	t.Helper()
	s.Stop()
	r, err := s.Run()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// loadModes are the durabilities that can be measured, by name.
var loadModes = []struct {
	name       string
	durability core.Durability
}{{"sync", core.Sync}, {"async", core.Async}}

// BenchmarkRoundTrip has one order in flight: the time from its first byte sent to its Accepted. ns/op counts its cancel
// too.
func BenchmarkRoundTrip(b *testing.B) {
	for _, mode := range loadModes {
		b.Run(mode.name, func(b *testing.B) {
			s, _ := loadVenue{mode.durability, 1, benchSegment, ""}.open(b)
			l, trips := newLoad(b, s, 1), &latencies{}
			for range 1000 {
				if _, err := l.trip(); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				took, err := l.trip()
				if err != nil {
					b.Fatal(err)
				}
				trips.add(took)
			}
			for _, q := range []struct {
				unit  string
				share float64
			}{{"p50-us", 0.5}, {"p99-us", 0.99}, {"p99.9-us", 0.999}} {
				b.ReportMetric(float64(trips.quantile(q.share).Nanoseconds())/1e3, q.unit)
			}
			b.ReportMetric(float64(loadResult(b, s).Enters)/float64(l.gone), "enters/order")
		})
	}
}

// BenchmarkThroughput has sessions x messages in flight. One operation is one order and its cancel: two messages in, two out.
func BenchmarkThroughput(b *testing.B) {
	for _, mode := range loadModes {
		for _, size := range []struct{ sessions, window int }{{8, 16}, {8, 128}, {64, 16}} {
			b.Run(fmt.Sprintf("%s/%dx%d", mode.name, size.sessions, size.window), func(b *testing.B) {
				s, _ := loadVenue{mode.durability, size.sessions, benchSegment, ""}.open(b)
				l := newLoad(b, s, size.sessions)
				err := l.begin(size.window)
				warm := uint64(20_000)
				if err == nil {
					err = l.until(warm)
				}
				for n := warm; err == nil && b.Loop(); {
					n++
					err = l.until(n)
				}
				perSecond := float64(l.gone-warm) / b.Elapsed().Seconds()
				orders := uint64(0)
				if err == nil {
					orders, err = l.end()
				}
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(perSecond, "orders/s")
				b.ReportMetric(2*perSecond, "messages/s")
				b.ReportMetric(float64(loadResult(b, s).Enters)/float64(orders), "enters/order")
			})
		}
	}
}

// BenchmarkReplay executes the journal of half a million orders and their cancels again, every block's checksum and hashes
// verified, out of the page cache.
func BenchmarkReplay(b *testing.B) {
	s, dir := loadVenue{core.Async, 8, benchSegment, ""}.open(b)
	l := newLoad(b, s, 8)
	if err := errors.Join(l.begin(128), l.until(500_000)); err != nil {
		b.Fatal(err)
	}
	orders, err := l.end()
	if err != nil {
		b.Fatal(err)
	}
	live := loadResult(b, s)
	if live.Commands < 2*orders {
		b.Fatalf("%d commands for %d orders", live.Commands, orders)
	}
	counts, err := replayed(dir, live.StateHash) // its blocks went past the page cache: this brings them in
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if counts, err = replayed(dir, live.StateHash); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(counts.Commands)*float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}

// replayed executes a whole journal, which must end in a state.
func replayed(dir string, state uint64) (replay.Counts, error) {
	j, err := replay.Open(os.DirFS(dir))
	if err != nil {
		return replay.Counts{}, err
	}
	for err == nil {
		_, _, err = j.Next()
	}
	if !errors.Is(err, io.EOF) {
		return replay.Counts{}, errors.Join(err, j.Close())
	}
	if hash := j.Engine().Hash(); hash != state {
		return replay.Counts{}, fmt.Errorf("the state hash is %016x, live it was %016x", hash, state)
	}
	return j.Counts(), nil
}

// TestCoreAllocations counts everything that the process allocates while orders flow: the client takes no part in it.
func TestCoreAllocations(t *testing.T) {
	warm, orders := uint64(50_000), uint64(200_000)
	if testing.Short() {
		orders = 50_000
	}
	for _, mode := range loadModes {
		t.Run(mode.name, func(t *testing.T) {
			sink := newSink(t)
			s, dir := loadVenue{mode.durability, 8, testSegment, fmt.Sprintf("127.0.0.1:%d", sink.port)}.open(t)
			l := newLoad(t, s, 8)
			if err := errors.Join(l.begin(128), l.until(warm)); err != nil {
				t.Fatal(err)
			}
			loadSegments(t, dir, 3) // the first segment is small and full; preparing others is none of an order's business
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := l.until(warm + orders)
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			mallocs, cycles := after.Mallocs-before.Mallocs, after.NumGC-before.NumGC
			t.Logf("%d orders and their cancels: %d allocations (%d bytes), %d GC cycles",
				orders, mallocs, after.TotalAlloc-before.TotalAlloc, cycles)
			if float64(mallocs)/float64(orders) >= 0.001 || cycles != 0 {
				t.Errorf("%d allocations for %d orders, %d GC cycles", mallocs, orders, cycles)
			}
			if _, err := l.end(); err != nil {
				t.Fatal(err)
			}
			loadResult(t, s)
			if n := sink.drain(); n == 0 {
				t.Error("the feed was not sent")
			}
		})
	}
}

// TestEntersPerOrder: under load a turn carries many orders, so a system call is shared by many.
func TestEntersPerOrder(t *testing.T) {
	s, _ := loadVenue{core.Async, 8, testSegment, ""}.open(t)
	if strings.Contains(s.Report(), "PORTABLE") {
		t.Skip("without io_uring each operation is a system call")
	}
	l := newLoad(t, s, 8)
	if err := errors.Join(l.begin(128), l.until(200_000)); err != nil {
		t.Fatal(err)
	}
	orders, err := l.end()
	if err != nil {
		t.Fatal(err)
	}
	enters := loadResult(t, s).Enters
	perOrder := float64(enters) / float64(orders)
	t.Logf("%d io_uring_enter for %d orders and their cancels: %.4f per order", enters, orders, perOrder)
	if perOrder >= 0.2 {
		t.Errorf("%.4f io_uring_enter per order, want less than 0.2", perOrder)
	}
}

// TestLatencies holds the quantiles against a sorted sample.
func TestLatencies(t *testing.T) {
	random, l := rand.New(rand.NewPCG(1, 2)), &latencies{}
	sample := make([]time.Duration, 10_000)
	for i := range sample {
		sample[i] = time.Duration(random.Uint64N(1 << random.Uint64N(40)))
		l.add(sample[i])
	}
	slices.Sort(sample)
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		want := sample[max(int(q*float64(len(sample))+0.5), 1)-1]
		if got := l.quantile(q); got < want || got > want+want/100 {
			t.Errorf("quantile %v is %v, of the sorted sample it is %v", q, got, want)
		}
	}
	if l.add(2 * time.Hour); l.quantile(1) < time.Hour {
		t.Errorf("two hours count as %v", l.quantile(1))
	}
}
