//go:build linux

package ring_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"matcher/ring"
)

// echo is a server on the rig: what a connection sends comes back. One Receive per connection, its descriptor is the tag;
// bytes are copied to a slot of the arena per buffer, so that the buffer goes back at once.
type echo struct {
	*rig
	listener         int
	accepted, closed int
	exhausted        int // receives that ended for want of a buffer
}

const acceptTag = 1 << 40

func (e *echo) accept() {
	e.add(ring.Op{Code: ring.Accept, File: int32(e.listener), Tag: acceptTag})
}

func (e *echo) act(done []ring.Completion) {
	e.t.Helper()
	for _, c := range done {
		switch {
		case c.Tag == acceptTag:
			if c.Res < 0 {
				e.t.Fatalf("accept: %+v", c)
			}
			e.accepted++
			e.add(ring.Op{Code: ring.Receive, File: c.Res, Tag: uint64(c.Res)})
			if !c.More {
				e.accept()
			}
		case c.Tag > acceptTag: // Send and Close
			if c.Res < 0 {
				e.t.Fatalf("send or close: %+v", c)
			}
		case c.Res > 0:
			at := e.put(uint64(c.Buffer)<<16, e.bytes(c))
			e.add(ring.Op{Code: ring.Send, File: int32(c.Tag), Off: at, Len: uint32(c.Res), Tag: c.Tag | acceptTag})
			e.add(ring.Op{Code: ring.Recycle, Buffer: c.Buffer})
			if !c.More {
				e.add(ring.Op{Code: ring.Receive, File: int32(c.Tag), Tag: c.Tag})
			}
		case c.Res == -int32(unix.ENOBUFS):
			if c.More || c.Filled {
				e.t.Fatalf("exhausted: %+v", c)
			}
			e.exhausted++
			e.add(ring.Op{Code: ring.Receive, File: int32(c.Tag), Tag: c.Tag})
		default:
			e.closed++
			e.add(ring.Op{Code: ring.Close, File: int32(c.Tag), Tag: c.Tag | acceptTag})
		}
	}
}

// Many connections, bytes split and merged at random, every wait policy; with few buffers the receives run dry and recover.
func TestEcho(t *testing.T) {
	tests := []struct {
		name   string
		cfg    ring.Config
		policy ring.Policy
		dry    bool
	}{
		{name: "block", policy: ring.Block},
		{name: "adaptive", policy: ring.Adaptive},
		{name: "spin", policy: ring.Spin},
		{name: "few buffers", cfg: ring.Config{ReceiveBuffers: 2, ReceiveSize: 64}, policy: ring.Adaptive, dry: true},
		{name: "small queues", cfg: ring.Config{Entries: 2, ReceiveBuffers: 16}, policy: ring.Block},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			const clients, size = 40, 40 << 10
			test.cfg.ArenaSize = 64 << 20
			e := &echo{rig: newRig(t, test.cfg)}
			e.listener, _ = e.listen()
			seed := uint64(time.Now().UnixNano())
			if s := os.Getenv("RING_SEED"); s != "" {
				seed, _ = strconv.ParseUint(s, 10, 64)
			}
			t.Logf("RING_SEED=%d go test -run '%s' ./ring", seed, t.Name())
			var wg sync.WaitGroup
			for i := range clients {
				wg.Go(func() { client(t, e.connect(e.listener), size, rand.New(rand.NewPCG(seed, uint64(i)))) })
			}
			e.accept()
			for deadline := time.Now().Add(20 * time.Second); e.closed < clients && !t.Failed(); {
				if time.Now().After(deadline) {
					t.Fatalf("after 20 s: %d accepted, %d closed", e.accepted, e.closed)
				}
				e.act(e.turn(ring.Wait{Policy: test.policy, Until: int64(time.Millisecond)}))
			}
			wg.Wait()
			if e.accepted != clients {
				t.Errorf("%d connections accepted, want %d", e.accepted, clients)
			}
			if dry := e.exhausted > 0; test.dry && !dry {
				t.Error("the receive buffers never ran dry")
			}
		})
	}
}

// client sends size bytes in random pieces and checks what comes back.
func client(t *testing.T, fd, size int, random *rand.Rand) {
	defer func() { _ = unix.Close(fd) }()
	want := make([]byte, size)
	for i := range want {
		want[i] = byte(random.Uint32())
	}
	var reader sync.WaitGroup
	reader.Go(func() {
		if got := readSome(fd, size); !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back, want %d, or they differ", len(got), size)
		}
	})
	for rest := want; len(rest) > 0; {
		n := min(len(rest), 1+random.IntN(3000))
		m, err := unix.Write(fd, rest[:n])
		if err != nil && !errors.Is(err, unix.EINTR) {
			t.Errorf("client: %v", err)
			return
		}
		rest = rest[max(m, 0):]
	}
	reader.Wait()
}

// readSome is read for a goroutine that may not end the test.
func readSome(fd, n int) []byte {
	b := make([]byte, n)
	at := 0
	for at < n {
		m, err := unix.Read(fd, b[at:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || m == 0 {
			break
		}
		at += m
	}
	return b[:at]
}

// The bytes wait in the socket while no buffer is there, and none is lost.
func TestReceiveBuffersExhausted(t *testing.T) {
	r := newRig(t, ring.Config{ReceiveBuffers: 4, ReceiveSize: 64})
	ours, theirs := r.unixPair()
	sent := pattern(10 * 64)
	write(t, theirs, sent)
	receive := ring.Op{Code: ring.Receive, File: int32(ours), Tag: 5}
	r.add(receive)
	var got []byte
	for round := range 3 {
		done := r.collect(min(4, (len(sent)-len(got))/64) + 1 - round/2)
		filled := done
		if round < 2 {
			last := done[len(done)-1]
			if last != (ring.Completion{Tag: 5, Res: -int32(unix.ENOBUFS)}) {
				t.Fatalf("round %d: %+v", round, done)
			}
			filled = done[:len(done)-1]
		}
		for _, c := range filled {
			got = append(got, r.bytes(c)...)
			r.add(ring.Op{Code: ring.Recycle, Buffer: c.Buffer})
		}
		if round < 2 {
			r.add(receive)
		}
	}
	if !bytes.Equal(got, sent) {
		t.Fatalf("%d bytes came, want %d, or they differ", len(got), len(sent))
	}
	r.quiet()
}

// The tail of the ring of receive buffers is 16 bits and must wrap.
func TestReceiveBuffersWrap(t *testing.T) {
	r := newRig(t, ring.Config{ReceiveBuffers: 2, ReceiveSize: 64})
	ours, theirs := r.unixPair()
	r.add(ring.Op{Code: ring.Receive, File: int32(ours)})
	message := make([]byte, 8)
	for i := range 70000 {
		message[0], message[1], message[2] = byte(i), byte(i>>8), byte(i>>16)
		if _, err := unix.Write(theirs, message); err != nil {
			t.Fatal(err)
		}
		done := r.turn(ring.Wait{Policy: ring.Spin, Until: int64(time.Second)})
		if len(done) != 1 || !done[0].More || !bytes.Equal(r.bytes(done[0]), message) {
			t.Fatalf("message %d: %+v", i, done)
		}
		r.add(ring.Op{Code: ring.Recycle, Buffer: done[0].Buffer})
	}
}

func TestWaits(t *testing.T) {
	r := newRig(t, ring.Config{})
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
			if test.sleep != (enters > 0) {
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
func TestWaitDespiteSignals(t *testing.T) {
	for _, policy := range []ring.Policy{ring.Block, ring.Adaptive} {
		r := newRig(t, ring.Config{})
		thread := unix.Gettid()
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 100 {
				time.Sleep(3 * time.Millisecond)
				_ = unix.Tgkill(unix.Getpid(), thread, unix.SIGURG)
			}
		})
		start := time.Now()
		done := r.turn(ring.Wait{Policy: policy, Until: 20e6})
		if took := time.Since(start); len(done) > 0 || took < 20*time.Millisecond || took > 150*time.Millisecond {
			t.Errorf("policy %d: took %v; %+v", policy, took, done)
		}
		wg.Wait()
	}
}

// A completion ends every wait, however it comes: during the spin, the sleep, or from another thread.
func TestWaitEndsWithACompletion(t *testing.T) {
	for _, policy := range []ring.Policy{ring.Adaptive, ring.Spin, ring.Block} {
		for _, after := range []time.Duration{0, 10 * time.Microsecond, 5 * time.Millisecond} {
			r := newRig(t, ring.Config{})
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

// While a durable write is in flight a spinning turn must not keep the cpu from the kernel thread that ends the write. Here
// a thread pinned to the same cpu takes its place: it answers at once if it gets the cpu, and at the end of the spinning
// thread's time slice, milliseconds later, if it does not.
func TestSpinYieldsWhileTheDiskIsBusy(t *testing.T) {
	r := newRig(t, ring.Config{})
	ours, theirs := r.unixPair()
	cpu := ring.CPUs()[0]
	defer keepAffinity(t)()
	if err := ring.Pin(cpu); err != nil {
		t.Fatal(err)
	}
	go func() {
		runtime.LockOSThread() // ends with the goroutine, and so do its pin and policy
		_ = ring.Pin(cpu)
		const batch = 3 // SCHED_BATCH: does not take the cpu when it wakes up
		_, _, _ = unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, 0, batch, uintptr(unsafe.Pointer(new(int32))))
		b := make([]byte, 1)
		for {
			if n, err := unix.Read(theirs, b); n != 1 || err != nil {
				return
			}
			_, _ = unix.Write(theirs, b)
		}
	}()
	r.add(ring.Op{Code: ring.Receive, File: int32(ours)})
	const rounds = 41
	trips := make([]time.Duration, rounds)
	for i := range trips {
		r.add(ring.Op{Code: ring.SendNow, File: int32(ours), Off: r.u.Base(), Len: 1})
		start := time.Now()
		for _, c := range r.turn(ring.Wait{Policy: ring.Spin, Until: int64(time.Second), DiskBusy: true}) {
			r.add(ring.Op{Code: ring.Recycle, Buffer: c.Buffer})
		}
		trips[i] = time.Since(start)
	}
	if err := unix.Shutdown(ours, unix.SHUT_RDWR); err != nil {
		t.Error(err)
	}
	slices.Sort(trips)
	if trips[rounds/2] > time.Millisecond {
		t.Errorf("the other thread took %v to answer, in the middle of %d", trips[rounds/2], rounds)
	}
}

// A turn with work is one enter, however much work; a turn without is none.
func TestEnters(t *testing.T) {
	r := newRig(t, ring.Config{Entries: 64})
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
func TestSubmissionQueueFull(t *testing.T) {
	r := newRig(t, ring.Config{Entries: 8})
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
func TestCompletionQueueOverflow(t *testing.T) {
	r := newRig(t, ring.Config{Entries: 1}) // a completion queue of 4
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
func TestSendNowBehindAnOverflow(t *testing.T) {
	r := newRig(t, ring.Config{Entries: 64, ReceiveSize: 64})
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
	if len(done) <= 256 {
		t.Fatalf("%d completions did not overflow the queue of 256", len(done))
	}
	if !slices.Contains(done, ring.Completion{Tag: 2, Res: -int32(unix.EAGAIN)}) {
		t.Fatalf("the send is not among %d completions", len(done))
	}
}

func TestTurnOnAnotherThread(t *testing.T) {
	r := newRig(t, ring.Config{})
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
func TestGarbageCollectionDuringTurn(t *testing.T) {
	for _, policy := range []ring.Policy{ring.Block, ring.Adaptive, ring.Spin} {
		r := newRig(t, ring.Config{})
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

func TestSteadyTurnDoesNotAllocate(t *testing.T) {
	r := newRig(t, ring.Config{})
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
func TestMistakesPanic(t *testing.T) {
	r := newRig(t, ring.Config{ArenaSize: 4096})
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
