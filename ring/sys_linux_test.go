//go:build linux

package ring_test

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matcher/ring"
)

func TestListen(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "localhost:0", ":0", "[::1]:0", "[::]:0", "0.0.0.0:0"} {
		fd, actual, err := ring.Listen(addr)
		if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL) {
			t.Logf("%s: no IPv6 here: %v", addr, err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		at, err := netip.ParseAddrPort(actual)
		if err != nil || at.Port() == 0 {
			t.Errorf("%s: the address is %q", addr, actual)
		}
		if addr == ":0" || addr == "[::]:0" || addr == "0.0.0.0:0" { // reached over IPv4 too
			at = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), at.Port())
		}
		peer := connectTo(t, at)
		ours, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		if err := ring.NoDelay(ours); err != nil {
			t.Error(err)
		}
		if on, err := unix.GetsockoptInt(ours, unix.IPPROTO_TCP, unix.TCP_NODELAY); on != 1 || err != nil {
			t.Errorf("TCP_NODELAY is %d, %v", on, err)
		}
		name, err := netip.ParseAddrPort(ring.Peer(ours))
		if err != nil || name.Addr() != at.Addr() || name.Port() == 0 {
			t.Errorf("%s: the peer is %q, %v", addr, ring.Peer(ours), err)
		}
		if _, _, err := ring.Listen(actual); !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("%s twice: %v", actual, err)
		}
		for _, fd := range []int{ours, peer, fd} { // our end first: the port stays taken for a minute, but for SO_REUSEADDR
			_ = unix.Close(fd)
		}
		fd, _, err = ring.Listen(actual)
		if err != nil {
			t.Errorf("%s after a restart: %v", actual, err)
		}
		_ = unix.Close(fd)
	}
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:99999", "no such host:1", "192.0.2.1:0"} {
		if _, _, err := ring.Listen(addr); err == nil || !strings.HasPrefix(err.Error(), "ring: listen on ") {
			t.Errorf("%q: %v", addr, err)
		}
	}
	if ring.Peer(-1) != "" {
		t.Error("nothing has a peer")
	}
	if !errors.Is(ring.NoDelay(-1), unix.EBADF) || !errors.Is(ring.SetSendBuffer(-1, 1), unix.EBADF) {
		t.Error("options of a file that is not open")
	}
}

func connectTo(t *testing.T, at netip.AddrPort) int {
	t.Helper()
	family, name := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()})
	if at.Addr().Is4() {
		family, name = unix.AF_INET, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Connect(fd, name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// The test runs itself in a process of its own, whose threads may be moved about.
func TestPinAndMoveOthers(t *testing.T) {
	if os.Getenv("RING_MOVE") == "" {
		command := exec.Command(os.Args[0], "-test.run=^TestPinAndMoveOthers$", "-test.v")
		command.Env = append(os.Environ(), "RING_MOVE=1")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if strings.Contains(string(out), "SKIP") {
			t.Skip(string(out))
		}
		return
	}
	runtime.LockOSThread()
	cpus := ring.CPUs()
	if len(cpus) < 2 {
		t.Skipf("only cpus %v here", cpus)
	}
	core := cpus[len(cpus)-1]
	if r := newRig(t, uring, ring.Config{}); r != nil { // a Shutdown makes a thread of the kernel, listed among ours
		ours, _ := r.unixPair()
		r.add(ring.Op{Code: ring.Shutdown, File: int32(ours), Len: 2})
		r.collect(1)
	}
	if err := ring.MoveOthers(core); err != nil {
		t.Fatal(err)
	}
	if err := ring.Pin(core); err != nil {
		t.Fatal(err)
	}
	if got := ring.CPUs(); !slices.Equal(got, []int{core}) {
		t.Errorf("pinned to %v, want %d", got, core)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		tid, _ := strconv.Atoi(task.Name())
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(tid, &set); err != nil && !errors.Is(err, unix.ESRCH) {
			t.Fatal(err)
		}
		if tid != unix.Gettid() && set.IsSet(core) {
			t.Errorf("thread %d may still run on cpu %d", tid, core)
		}
	}
	if err := ring.MoveOthers(cpus[0]); len(cpus) == 2 && err == nil {
		t.Error("threads were moved off their last cpu")
	}
	if err := ring.Pin(1 << 9); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a cpu that is not there: %v", err)
	}
}

func TestMemoryLock(t *testing.T) {
	soft, hard, err := ring.MemoryLock()
	if err != nil || soft > hard {
		t.Errorf("%d of %d, %v", soft, hard, err)
	}
}

// Rings come and go without a trace: descriptors, mappings, buffers. Operations under way do not hold them.
func TestClose(t *testing.T) { onEach(t, testClose) }

func testClose(t *testing.T, d driver) {
	descriptors := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	mappings := func() int {
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(maps), "\n")
	}
	r := newRig(t, d, ring.Config{})
	ours, _ := r.unixPair()
	round := func() {
		u, err := d.open(ring.Config{ReceiveBuffers: 8, ArenaSize: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.Turn([]ring.Op{{Code: ring.Receive, File: int32(ours)}}, nil, ring.Wait{}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := u.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	round()
	fds, maps, start := descriptors(), mappings(), time.Now()
	for range 30 { // a thread has room for 16 registered rings
		round()
	}
	if fds2, maps2 := descriptors(), mappings(); fds2 > fds || maps2 > maps+20 {
		t.Errorf("descriptors %d, then %d; mappings %d, then %d", fds, fds2, maps, maps2)
	}
	if again := newRig(t, d, ring.Config{}); d.name == uring.name && !strings.Contains(again.u.Features(), "registered ring") {
		t.Errorf("a thread's registrations are used up: %s", again.u.Features())
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("30 rings took %v", took)
	}
}

// After Close of a Uring nothing holds a connection any more: the peer sees its end at once.
func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	r := newRig(t, uring, ring.Config{})
	ours, theirs := r.unixPair()
	u, err := ring.NewUring(ring.Config{ReceiveBuffers: 8})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Turn([]ring.Op{{Code: ring.Receive, File: int32(ours)}}, nil, ring.Wait{}); err != nil {
		t.Fatal(err)
	}
	r.hangUp(ours)
	buf := make([]byte, 1)
	if _, _, err := unix.Recvfrom(theirs, buf, unix.MSG_DONTWAIT); !errors.Is(err, unix.EAGAIN) {
		t.Fatalf("before Close: %v", err)
	}
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	if n, _, err := unix.Recvfrom(theirs, buf, unix.MSG_DONTWAIT); n != 0 || err != nil {
		t.Errorf("after Close: %d bytes, %v", n, err)
	}
}

// A thread can register 16 rings of io_uring; those beyond work without.
func TestManyRingsOnOneThread(t *testing.T) {
	for i := range 20 {
		r := newRig(t, uring, ring.Config{ReceiveBuffers: 1})
		if registered := strings.Contains(r.u.Features(), "registered ring"); registered != (i < 16) {
			t.Errorf("ring %d: %s", i, r.u.Features())
		}
		ours, theirs := r.unixPair()
		write(t, theirs, []byte("x"))
		r.add(ring.Op{Code: ring.Receive, File: int32(ours)})
		if done := r.now(); len(done) != 1 || string(r.bytes(done[0])) != "x" {
			t.Fatalf("ring %d: %+v", i, done)
		}
	}
}

// A large arena costs address space, not memory.
func TestArena(t *testing.T) { onEach(t, testArena) }

func testArena(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{ReceiveBuffers: 2, ReceiveSize: 64 * 3, ArenaSize: 16<<30 + 1})
	base, size := r.u.Base(), uint64(len(r.u.Arena()))
	if base != 4096 || size != base+16<<30+4096 {
		t.Errorf("base %d, size %d", base, size)
	}
	r.u.Arena()[size-1] = 1
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rss, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rss)[0])
	if err != nil || kib > 1<<20 {
		t.Errorf("%d KiB are resident, %v", kib, err)
	}
	if f := r.u.Features(); !strings.Contains(f, " on Linux ") || strings.Contains(f, "\n") {
		t.Errorf("features: %q", f)
	}
}

func TestConfigErrors(t *testing.T) { onEach(t, testConfigErrors) }

func testConfigErrors(t *testing.T, d driver) {
	for _, cfg := range []ring.Config{
		{Entries: 32769},
		{ReceiveBuffers: 3},
		{ReceiveBuffers: -4},
		{ReceiveBuffers: 1 << 16},
		{ReceiveSize: 100},
		{ReceiveSize: -64},
		{ArenaSize: 1 << 50},
	} {
		var refused *ring.SetupError
		if _, err := d.open(cfg); err == nil || errors.As(err, &refused) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// Address space that runs out is no matter of locked memory.
func TestArenaRefused(t *testing.T) { onEach(t, testArenaRefused) }

func testArenaRefused(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{ArenaSize: 1 << 46})
	var refused *ring.SetupError
	for range 64 { // 2^52 bytes: more than 48 bits of address
		u, err := d.open(ring.Config{ArenaSize: 1 << 46})
		if errors.As(err, &refused) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = u.Close() }()
	}
	if refused == nil || refused.Call != "mmap of the arena" || refused.Kind != ring.SetupOther || refused.Errno != unix.ENOMEM {
		t.Errorf("%+v", refused)
	}
	r.quiet()
}
