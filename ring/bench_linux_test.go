//go:build linux

package ring_test

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matcher/ring"
)

// BenchmarkEcho is the round trip of a 64-byte message over loopback TCP: a client that spins on its own thread, and the
// ring. With two cpus or more each has its own.
func BenchmarkEcho(b *testing.B) {
	eachPolicy(b, func(b *testing.B, d driver, policy ring.Policy) {
		r := newRig(b, d, ring.Config{})
		cpus := ring.CPUs()
		defer keepAffinity(b)()
		if err := ring.Pin(cpus[len(cpus)-1]); err != nil {
			b.Fatal(err)
		}
		ours, theirs := r.tcpPair()
		for _, fd := range []int{ours, theirs} {
			if err := ring.NoDelay(fd); err != nil {
				b.Fatal(err)
			}
		}
		took := make(chan []time.Duration, 1)
		go func() { took <- pingPong(b, theirs, cpus[0]) }()
		r.add(ring.Op{Code: ring.Receive, File: int32(ours)})
		enters := r.u.Enters()
		b.ResetTimer()
		for n := 0; n < b.N; {
			var err error
			r.done, err = r.u.Turn(r.ops, r.done[:0], ring.Wait{Policy: policy, Until: int64(10 * time.Millisecond)})
			if err != nil {
				b.Fatal(err)
			}
			r.ops = r.ops[:0]
			for _, c := range r.done {
				n++
				at := r.put(0, r.u.Arena()[c.Off:c.Off+uint64(c.Res)])
				r.ops = append(r.ops,
					ring.Op{Code: ring.SendNow, File: int32(ours), Off: at, Len: uint32(c.Res)},
					ring.Op{Code: ring.Recycle, Buffer: c.Buffer})
			}
		}
		r.now()
		b.StopTimer()
		trips := <-took
		slices.Sort(trips)
		b.ReportMetric(float64(trips[len(trips)/2].Nanoseconds())/1e3, "p50-us")
		b.ReportMetric(float64(trips[len(trips)*99/100].Nanoseconds())/1e3, "p99-us")
		b.ReportMetric(float64(r.u.Enters()-enters)/float64(b.N), "enters/op")
	})
}

// eachPolicy runs a benchmark on every driver with every way to wait.
func eachPolicy(b *testing.B, run func(*testing.B, driver, ring.Policy)) {
	for _, d := range drivers {
		for i, name := range []string{"adaptive", "spin", "block"} {
			b.Run(d.name+"/"+name, func(b *testing.B) { run(b, d, ring.Policy(i)) })
		}
	}
}

// pingPong sends b.N messages, each once the one before has come back, and returns how long each took.
func pingPong(b *testing.B, fd, cpu int) []time.Duration {
	runtime.LockOSThread() // the thread is thrown away with its affinity
	if err := ring.Pin(cpu); err != nil {
		b.Error(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		b.Error(err)
	}
	trips := make([]time.Duration, 0, b.N)
	message := make([]byte, 64)
	for range b.N {
		start := time.Now()
		if _, err := unix.Write(fd, message); err != nil {
			b.Error(err)
		}
		for n := 0; n < len(message); {
			if m, err := unix.Read(fd, message[n:]); err == nil { // the client spins, as the floor's does
				n += m
			}
		}
		trips = append(trips, time.Since(start))
	}
	return trips
}

// BenchmarkDurableWrite is one 4 KiB write at a time to a zeroed file, durable.
func BenchmarkDurableWrite(b *testing.B) {
	eachPolicy(b, func(b *testing.B, d driver, policy ring.Policy) {
		wait := ring.Wait{Policy: policy, Until: 1e9, DiskBusy: true}
		r := newRig(b, d, ring.Config{})
		dir := b.TempDir()
		fd, direct := r.file(dir)
		if err := ring.Zero(fd, direct, 0, 1<<20); err != nil {
			b.Fatal(err)
		}
		if err := ring.Fsync(fd); err != nil {
			b.Fatal(err)
		}
		defer keepAffinity(b)()
		cpus := ring.CPUs()
		if err := ring.Pin(cpus[len(cpus)-1]); err != nil {
			b.Fatal(err)
		}
		trips := make([]time.Duration, 0, b.N)
		for b.Loop() {
			start := time.Now()
			r.add(ring.Op{Code: ring.Write, File: int32(fd), Off: r.u.Base(), Len: 4096, At: uint64(len(trips)%256) << 12})
			done := r.turn(wait)
			if len(done) != 1 || done[0].Res != 4096 {
				b.Fatalf("%+v", done)
			}
			trips = append(trips, time.Since(start))
		}
		slices.Sort(trips)
		b.ReportMetric(float64(trips[len(trips)/2].Nanoseconds())/1e3, "p50-us")
		b.ReportMetric(float64(trips[len(trips)*99/100].Nanoseconds())/1e3, "p99-us")
	})
}

// BenchmarkSend is the cost of one SendNow of 64 bytes among 64 in a turn.
func BenchmarkSend(b *testing.B) {
	for _, d := range drivers {
		b.Run(d.name, func(b *testing.B) { benchmarkSend(b, d) })
	}
}

func benchmarkSend(b *testing.B, d driver) {
	r := newRig(b, d, ring.Config{})
	ours, theirs := r.unixPair()
	trash := make([]byte, 64*64)
	for range 64 {
		r.add(ring.Op{Code: ring.SendNow, File: int32(ours), Off: r.u.Base(), Len: 64})
	}
	for n := 0; n < b.N; n += 64 {
		if done, err := r.u.Turn(r.ops, r.done[:0], ring.Wait{}); err != nil || len(done) > 0 {
			b.Fatalf("%+v, %v", done, err)
		}
		b.StopTimer()
		for at := 0; at < len(trash); {
			n, err := unix.Read(theirs, trash[at:])
			if err != nil {
				b.Fatal(err)
			}
			at += n
		}
		b.StartTimer()
	}
	r.ops = r.ops[:0]
}

// BenchmarkIdleTurn is a turn with nothing to submit and nothing completed.
func BenchmarkIdleTurn(b *testing.B) {
	for _, d := range drivers {
		b.Run(d.name, func(b *testing.B) {
			r := newRig(b, d, ring.Config{})
			for b.Loop() {
				if done, err := r.u.Turn(nil, r.done[:0], ring.Wait{}); err != nil || len(done) > 0 {
					b.Fatalf("%+v, %v", done, err)
				}
			}
		})
	}
}
