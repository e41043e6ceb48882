//go:build linux

package ring_test

import (
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matcher/ring"
)

func TestWaits(t *testing.T) { onEach(t, testWaits) }

func testWaits(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{})
	tests := []struct {
		name  string
		wait  ring.Wait
		sleep bool // at least one call of enter
	}{
		{"none", ring.Wait{}, false},
		{"block", ring.Wait{Policy: ring.Block, Until: 20e6}, true},
		{"block, disk busy", ring.Wait{Policy: ring.Block, Until: 20e6, DiskBusy: true}, true},
		{"adaptive", ring.Wait{Policy: ring.Adaptive, Until: 20e6}, true},
		{"adaptive, shorter than its spin", ring.Wait{Policy: ring.Adaptive, Until: 20e3}, false},
		{"adaptive, disk busy", ring.Wait{Policy: ring.Adaptive, Until: 20e6, DiskBusy: true}, true},
		{"adaptive, disk busy, shorter than its spin", ring.Wait{Policy: ring.Adaptive, Until: 200e3, DiskBusy: true}, false},
		{"spin", ring.Wait{Policy: ring.Spin, Until: 20e6}, false},
		{"spin, disk busy", ring.Wait{Policy: ring.Spin, Until: 20e6, DiskBusy: true}, false},
	}
	for _, test := range tests {
		want := time.Duration(test.wait.Until)
		for try := 1; ; try++ {
			before, start := r.u.Enters(), time.Now()
			done := r.turn(test.wait)
			took, enters := time.Since(start), r.u.Enters()-before
			if len(done) != 0 || took < want {
				t.Errorf("%s: took %v, want %v; %+v", test.name, took, want, done)
			}
			if d.name == uring.name && test.sleep != (enters > 0) { // the other one looks with a system call
				t.Errorf("%s: %d enters", test.name, enters)
			}
			if took < want+2*time.Millisecond {
				break
			}
			if try == 10 { // a busy machine may be late, but not always
				t.Errorf("%s: took %v, want %v", test.name, took, want)
				break
			}
		}
	}
}

// Signals, as the Go runtime sends them to its threads, neither end a wait nor prolong it.
func TestWaitDespiteSignals(t *testing.T) { onEach(t, testWaitDespiteSignals) }

func testWaitDespiteSignals(t *testing.T, d driver) {
	for _, policy := range []ring.Policy{ring.Block, ring.Adaptive} {
		r := newRig(t, d, ring.Config{})
		thread := unix.Gettid()
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 100 {
				time.Sleep(3 * time.Millisecond)
				_ = unix.Tgkill(unix.Getpid(), thread, unix.SIGURG)
			}
		})
		start := time.Now()
		done := r.turn(ring.Wait{Policy: policy, Until: 100e6})
		if took := time.Since(start); len(done) > 0 || took < 100*time.Millisecond || took > 300*time.Millisecond {
			t.Errorf("policy %d: took %v; %+v", policy, took, done)
		}
		wg.Wait()
	}
}

// A completion ends every wait, however it comes: during the spin, the sleep, or from another thread.
func TestWaitEndsWithACompletion(t *testing.T) { onEach(t, testWaitEndsWithACompletion) }

func testWaitEndsWithACompletion(t *testing.T, d driver) {
	for _, policy := range []ring.Policy{ring.Adaptive, ring.Spin, ring.Block} {
		for _, after := range []time.Duration{0, 10 * time.Microsecond, 5 * time.Millisecond} {
			r := newRig(t, d, ring.Config{})
			ours, theirs := r.unixPair()
			r.add(ring.Op{Code: ring.Receive, File: int32(ours)})
			go func() {
				time.Sleep(after)
				_, _ = unix.Write(theirs, []byte("x"))
			}()
			start := time.Now()
			done := r.turn(ring.Wait{Policy: policy, Until: int64(4 * time.Second)})
			if len(done) != 1 || !done[0].Filled || time.Since(start) > 2*time.Second {
				t.Errorf("policy %d, after %v: %+v in %v", policy, after, done, time.Since(start))
			}
		}
	}
}

// While a write is in flight that is waited for, a spinning turn of a Uring must not keep the cpu from the kernel thread that ends the write.
func TestSpinYieldsWhileTheDiskIsBusy(t *testing.T) {
	for _, policy := range []ring.Policy{ring.Spin, ring.Adaptive} {
		for _, busy := range []bool{false, true} {
			r := newRig(t, uring, ring.Config{})
			if done := r.turn(ring.Wait{Policy: policy, Until: 5e6, DiskBusy: busy}); len(done) != 0 {
				t.Fatalf("policy %d: %+v", policy, done)
			}
			if yields := r.u.(*ring.Uring).Yields(); (yields > 0) != busy {
				t.Errorf("policy %d, disk busy %v: the cpu was given away %d times", policy, busy, yields)
			}
		}
	}
}
