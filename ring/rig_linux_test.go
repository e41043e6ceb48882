//go:build linux

package ring_test

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matcher/ring"
)

// kernel is what every driver answers to.
type kernel interface {
	Turn(ops []ring.Op, done []ring.Completion, w ring.Wait) ([]ring.Completion, error)
	Arena() []byte
	Base() uint64
	Enters() uint64
	Features() string
	Close() error
}

// driver is one way to be a kernel.
type driver struct {
	name  string
	queue int // completions that it can keep in memory for each entry of Config.Entries; 0: there is no queue
	open  func(ring.Config) (kernel, error)
}

var (
	uring    = driver{"uring", 4, func(cfg ring.Config) (kernel, error) { return opened(ring.NewUring(cfg)) }}
	portable = driver{"portable", 0, func(cfg ring.Config) (kernel, error) { return opened(ring.NewPortable(cfg)) }}
	drivers  = append([]driver{uring, portable}, tagged...)
)

// opened keeps a nil pointer from becoming a kernel.
func opened[K kernel](k K, err error) (kernel, error) {
	if err != nil {
		return nil, err
	}
	return k, nil
}

// onEach runs a test on every driver: what it asks for is what they have in common.
func onEach(t *testing.T, test func(*testing.T, driver)) {
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) { test(t, d) })
	}
}

// rig is a ring with the arrays that a loop keeps around it.
type rig struct {
	t    testing.TB
	u    kernel
	ops  []ring.Op
	done []ring.Completion

	owned map[int]bool // descriptors to close at the end
}

// newRig makes a ring on a locked thread, or skips the test where the kernel forbids io_uring.
func newRig(t testing.TB, d driver, cfg ring.Config) *rig {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	if cfg.ArenaSize == 0 {
		cfg.ArenaSize = 4 << 20
	}
	u, err := d.open(cfg)
	var refused *ring.SetupError
	if errors.As(err, &refused) {
		t.Skipf("no io_uring here: %v: %s", err, refused.Hint())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{t: t, u: u, owned: map[int]bool{}, ops: make([]ring.Op, 0, 8192), done: make([]ring.Completion, 0, 65536)}
	t.Cleanup(func() { // before the ring is closed
		for fd := range r.owned {
			_ = unix.Close(fd)
		}
	})
	return r
}

func (r *rig) add(op ring.Op) { r.ops = append(r.ops, op) }

// turn submits what was added and returns what completed; the array is used again by the next turn.
func (r *rig) turn(w ring.Wait) []ring.Completion {
	r.t.Helper()
	var err error
	r.done, err = r.u.Turn(r.ops, r.done[:0], w)
	r.ops = r.ops[:0]
	if err != nil {
		r.t.Fatal(err)
	}
	return r.done
}

// now is a turn that does not wait.
func (r *rig) now() []ring.Completion {
	r.t.Helper()
	return r.turn(ring.Wait{})
}

// collect turns until n completions have come, and returns them.
func (r *rig) collect(n int) []ring.Completion {
	r.t.Helper()
	var all []ring.Completion
	for deadline := time.Now().Add(5 * time.Second); len(all) < n; {
		if time.Now().After(deadline) {
			r.t.Fatalf("after 5 s: %d completions, want %d: %+v", len(all), n, all)
		}
		all = append(all, r.turn(ring.Wait{Policy: ring.Block, Until: int64(100 * time.Millisecond)})...)
	}
	if len(all) > n {
		r.t.Fatalf("%d completions, want %d: %+v", len(all), n, all)
	}
	return all
}

// quiet fails if anything completes within a few milliseconds.
func (r *rig) quiet() {
	r.t.Helper()
	if done := r.turn(ring.Wait{Policy: ring.Block, Until: int64(5 * time.Millisecond)}); len(done) > 0 {
		r.t.Fatalf("unexpected completions: %+v", done)
	}
}

// put copies b into the caller's part of the arena and returns where.
func (r *rig) put(at uint64, b []byte) uint64 {
	copy(r.u.Arena()[r.u.Base()+at:], b)
	return r.u.Base() + at
}

// bytes returns what a filled completion holds.
func (r *rig) bytes(c ring.Completion) []byte {
	r.t.Helper()
	if !c.Filled || c.Res < 0 {
		r.t.Fatalf("completion holds no bytes: %+v", c)
	}
	return r.u.Arena()[c.Off : c.Off+uint64(c.Res)]
}

// own closes a descriptor when the test ends, unless disown was called: the number may be another file by then.
func (r *rig) own(fd int) int {
	r.owned[fd] = true
	return fd
}

func (r *rig) disown(fd int) { delete(r.owned, fd) }

// hangUp closes a descriptor that the rig owns.
func (r *rig) hangUp(fd int) {
	r.t.Helper()
	r.disown(fd)
	if err := unix.Close(fd); err != nil {
		r.t.Fatal(err)
	}
}

// unixPair returns two connected stream sockets of the Unix domain.
func (r *rig) unixPair() (ours, theirs int) {
	r.t.Helper()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.own(p[0]), r.own(p[1])
}

// listen returns a listener on loopback.
func (r *rig) listen() (fd int, addr string) {
	r.t.Helper()
	fd, addr, err := ring.Listen("127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	return r.own(fd), addr
}

// tcpPair returns the two ends of a TCP connection over loopback.
func (r *rig) tcpPair() (ours, theirs int) {
	r.t.Helper()
	listener, _ := r.listen()
	theirs = r.own(r.connect(listener))
	ours, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.own(ours), theirs
}

// connect returns a blocking connection to a listener of this process; reads on it end after 5 s.
func (r *rig) connect(listener int) int {
	r.t.Helper()
	name, err := unix.Getsockname(listener)
	if err != nil {
		r.t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Connect(fd, name)
	}
	if err == nil {
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return fd
}

// write sends all of b from a blocking descriptor.
func write(t testing.TB, fd int, b []byte) {
	t.Helper()
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		b = b[n:]
	}
}

// read returns n bytes of a blocking descriptor, fewer if it ends.
func read(t testing.TB, fd, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	for at := 0; at < n; {
		m, err := unix.Read(fd, b[at:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			t.Fatalf("read: %v after %d of %d bytes", err, at, n)
		}
		if m == 0 {
			return b[:at]
		}
		at += m
	}
	return b
}

// keepAffinity returns what puts the calling thread back onto its cpus.
func keepAffinity(t testing.TB) func() {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	return func() { _ = unix.SchedSetaffinity(0, &set) }
}
