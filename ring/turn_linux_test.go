//go:build linux

package ring_test

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matcher/ring"
)

// A turn of a Uring with work is one enter, however much work; a turn without is none.
func TestEnters(t *testing.T) {
	r := newRig(t, uring, ring.Config{Entries: 64})
	ours, theirs := r.unixPair()
	enters := func(what string, want uint64) {
		t.Helper()
		before := r.u.Enters()
		r.now()
		if got := r.u.Enters() - before; got != want {
			t.Errorf("%s: %d enters, want %d", what, got, want)
		}
	}
	enters("nothing", 0)
	for range 50 {
		r.add(ring.Op{Code: ring.SendNow, File: int32(ours), Off: r.u.Base(), Len: 8})
	}
	enters("50 sends", 1)
	for range 65 {
		r.add(ring.Op{Code: ring.SendNow, File: int32(ours), Off: r.u.Base(), Len: 8})
	}
	enters("one more than the queue", 2)
	for range 10 {
		r.add(ring.Op{Code: ring.SendNow, File: 1 << 20, Off: r.u.Base(), Len: 8})
	}
	enters("errors", 1)
	r.add(ring.Op{Code: ring.Receive, File: int32(ours)})
	enters("receive", 1)
	write(t, theirs, []byte("x"))
	before := r.u.Enters()
	done := r.now()
	if len(done) != 1 || r.u.Enters()-before != 1 {
		t.Errorf("bytes have come: %+v in %d enters", done, r.u.Enters()-before)
	}
	r.add(ring.Op{Code: ring.Recycle, Buffer: done[0].Buffer})
	enters("recycle", 0)
}

// More operations than the submission queue holds, in order.
func TestSubmissionQueueFull(t *testing.T) { onEach(t, testSubmissionQueueFull) }

func testSubmissionQueueFull(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{Entries: 8})
	ours, theirs := r.tcpPair()
	want := pattern(1000)
	at := r.put(0, want)
	for i := range want {
		r.add(ring.Op{Code: ring.SendNow, File: int32(ours), Off: at + uint64(i), Len: 1})
	}
	if done := r.now(); len(done) != 0 {
		t.Fatalf("%+v", done)
	}
	if got := read(t, theirs, len(want)); !bytes.Equal(got, want) {
		t.Fatal("other bytes arrived, or in another order")
	}
}

// Completions that outnumber the queue wait in the kernel, and come in order.
func TestCompletionQueueOverflow(t *testing.T) { onEach(t, testCompletionQueueOverflow) }

func testCompletionQueueOverflow(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{Entries: 1}) // a completion queue of 4
	const n = 100
	var theirs []int
	for i := range n {
		ours, other := r.unixPair()
		theirs = append(theirs, other)
		r.add(ring.Op{Code: ring.Receive, File: int32(ours), Tag: uint64(i)})
	}
	if done := r.now(); len(done) != 0 {
		t.Fatalf("%+v", done)
	}
	for _, fd := range theirs {
		write(t, fd, []byte("x"))
	}
	seen := map[uint64]int{}
	for _, c := range r.collect(n) {
		if string(r.bytes(c)) != "x" {
			t.Fatalf("%+v", c)
		}
		seen[c.Tag]++
	}
	if len(seen) != n {
		t.Fatalf("%d of %d connections were heard", len(seen), n)
	}
	r.quiet()
}

// Receives that find many bytes fill the completion queue while they are submitted; the result of the SendNow behind them
// comes in the same turn all the same.
func TestSendNowBehindAnOverflow(t *testing.T) { onEach(t, testSendNowBehindAnOverflow) }

func testSendNowBehindAnOverflow(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{Entries: 64, ReceiveSize: 64})
	full, _ := r.unixPair()
	r.add(ring.Op{Code: ring.SendNow, File: int32(full), Off: r.u.Base(), Len: big})
	r.now()
	for range 50 {
		ours, theirs := r.unixPair()
		write(t, theirs, make([]byte, 64*64))
		r.add(ring.Op{Code: ring.Receive, File: int32(ours), Tag: 1})
	}
	r.add(ring.Op{Code: ring.SendNow, File: int32(full), Off: r.u.Base(), Len: 64, Tag: 2})
	done := r.now()
	if size := 64 * d.queue; len(done) <= size {
		t.Fatalf("%d completions did not overflow the queue of %d", len(done), size)
	}
	if !slices.Contains(done, ring.Completion{Tag: 2, Res: -int32(unix.EAGAIN)}) {
		t.Fatalf("the send is not among %d completions", len(done))
	}
}

// A ReceiveOnce takes one buffer of what there is, and nothing before it is given again.
func TestReceiveOnce(t *testing.T) { onEach(t, testReceiveOnce) }

func testReceiveOnce(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{ReceiveSize: 64})
	ours, theirs := r.unixPair()
	for _, late := range []bool{false, true} { // the bytes are there before it, or come while it waits
		receive := func(want string) {
			t.Helper()
			r.add(ring.Op{Code: ring.ReceiveOnce, File: int32(ours), Tag: 3})
			if late {
				r.quiet()
				write(t, theirs, []byte(want))
			}
			done := r.collect(1)
			if c := done[0]; c.Tag != 3 || c.More || !c.Filled || string(r.bytes(c)) != want {
				t.Fatalf("late %t: %+v, want %q", late, c, want)
			}
		}
		if !late {
			write(t, theirs, []byte(strings.Repeat("a", 64)+strings.Repeat("b", 64)+"c"))
		}
		receive(strings.Repeat("a", 64))
		r.quiet()
		receive(strings.Repeat("b", 64))
		receive("c")
	}
}

func TestTurnOnAnotherThread(t *testing.T) {
	r := newRig(t, uring, ring.Config{})
	for _, policy := range []ring.Policy{ring.Adaptive, ring.Block} {
		failed := make(chan error)
		go func() {
			runtime.LockOSThread() // another thread than the rig's, which is locked
			defer runtime.UnlockOSThread()
			_, err := r.u.Turn(nil, nil, ring.Wait{Policy: policy, Until: int64(time.Second)})
			failed <- err
		}()
		if err := <-failed; !errors.Is(err, ring.ErrThread) {
			t.Errorf("policy %d: %v", policy, err)
		}
	}
	ours, theirs := r.unixPair()
	r.add(ring.Op{Code: ring.Receive, File: int32(ours)})
	write(t, theirs, []byte("x"))
	r.collect(1) // the ring is none the worse
}

// A thread asleep in the kernel must neither stop the garbage collector nor lose its turn to it.
func TestGarbageCollectionDuringTurn(t *testing.T) { onEach(t, testGarbageCollectionDuringTurn) }

func testGarbageCollectionDuringTurn(t *testing.T, d driver) {
	for _, policy := range []ring.Policy{ring.Block, ring.Adaptive, ring.Spin} {
		r := newRig(t, d, ring.Config{})
		ours, theirs := r.unixPair()
		r.add(ring.Op{Code: ring.Receive, File: int32(ours)})
		var stop atomic.Bool
		var wg sync.WaitGroup
		var collections int
		var worst time.Duration
		wg.Go(func() {
			for !stop.Load() {
				start := time.Now()
				runtime.GC()
				worst = max(worst, time.Since(start))
				collections++
			}
		})
		wg.Go(func() {
			for range 100 {
				time.Sleep(time.Millisecond)
				_, _ = unix.Write(theirs, []byte("x"))
			}
		})
		heard := 0
		for deadline := time.Now().Add(10 * time.Second); heard < 100 && time.Now().Before(deadline); {
			for _, c := range r.turn(ring.Wait{Policy: policy, Until: int64(time.Second)}) {
				heard += int(c.Res)
				r.add(ring.Op{Code: ring.Recycle, Buffer: c.Buffer})
				if !c.More {
					t.Fatalf("%+v", c)
				}
			}
		}
		stop.Store(true)
		wg.Wait()
		t.Logf("policy %d: %d collections beside the turns, longest %v", policy, collections, worst)
		if heard != 100 || collections < 5 {
			t.Errorf("policy %d: %d bytes heard, %d collections", policy, heard, collections)
		}
	}
}

func TestSteadyTurnDoesNotAllocate(t *testing.T) { onEach(t, testSteadyTurnDoesNotAllocate) }

func testSteadyTurnDoesNotAllocate(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{})
	ours, theirs := r.unixPair()
	r.add(ring.Op{Code: ring.Receive, File: int32(ours)})
	r.now()
	message := pattern(64)
	turn := func() {
		if _, err := unix.Write(theirs, message); err != nil {
			t.Fatal(err)
		}
		done := r.turn(ring.Wait{Policy: ring.Adaptive, Until: int64(time.Second)})
		c := done[0]
		r.add(ring.Op{Code: ring.SendNow, File: int32(ours), Off: c.Off, Len: uint32(c.Res)})
		r.now()
		r.add(ring.Op{Code: ring.Recycle, Buffer: c.Buffer})
		if _, err := unix.Read(theirs, message); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(1000, turn); n != 0 {
		t.Errorf("%v allocations per turn", n)
	}
	if n := testing.AllocsPerRun(20, func() { r.turn(ring.Wait{Policy: ring.Block, Until: 1e5}) }); n != 0 {
		t.Errorf("%v allocations per wait", n)
	}
}

// What only a mistake of the caller can bring about.
func TestMistakesPanic(t *testing.T) { onEach(t, testMistakesPanic) }

func testMistakesPanic(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{ArenaSize: 4096})
	size := uint64(len(r.u.Arena()))
	tests := []struct {
		name string
		op   ring.Op
	}{
		{"beyond the arena", ring.Op{Code: ring.Send, Off: size - 1, Len: 2}},
		{"offset beyond the arena", ring.Op{Code: ring.Send, Off: size + 1}},
		{"offset that wraps", ring.Op{Code: ring.Read, Off: ^uint64(0), Len: 2}},
		{"tag of 57 bits", ring.Op{Code: ring.Receive, Tag: 1 << 56}},
		{"no code", ring.Op{}},
		{"unknown code", ring.Op{Code: 99}},
		{"buffer that the kernel has", ring.Op{Code: ring.Recycle, Buffer: 3}},
		{"buffer that is not", ring.Op{Code: ring.Recycle, Buffer: 1 << 15}},
	}
	for _, test := range tests {
		func() {
			defer func() {
				if s, ok := recover().(string); !ok || !strings.HasPrefix(s, "ring: ") {
					t.Errorf("%s: no assertion failed", test.name)
				}
			}()
			_, _ = r.u.Turn([]ring.Op{test.op}, nil, ring.Wait{})
		}()
	}
	r.quiet()
}
