//go:build linux

package ring

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newPortable(t *testing.T, cfg Config) *Portable {
	t.Helper()
	p, err := NewPortable(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func socketPair(t *testing.T) (ours, theirs int32) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Close(pair[0]), unix.Close(pair[1]) })
	return int32(pair[0]), int32(pair[1])
}

func turned(t *testing.T, p *Portable, w Wait, ops ...Op) []Completion {
	t.Helper()
	done, err := p.Turn(ops, nil, w)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// A descriptor has one place for what reads and one for what sends.
func TestPortableBusy(t *testing.T) {
	p := newPortable(t, Config{ReceiveBuffers: 8, ArenaSize: 4 << 20})
	ours, theirs := socketPair(t)
	receive := Op{Code: Receive, File: ours, Tag: 1}
	send := Op{Code: Send, File: ours, Off: p.Base(), Len: 4 << 20, Tag: 2}
	done := turned(t, p, Wait{}, receive, receive, send, send)
	busy := -int32(unix.EBUSY)
	if len(done) != 2 || done[0] != (Completion{Tag: 1, Res: busy}) || done[1] != (Completion{Tag: 2, Res: busy}) {
		t.Fatalf("%+v", done)
	}
	if _, err := unix.Write(int(theirs), []byte("x")); err != nil { // what was under way still is
		t.Fatal(err)
	}
	if done = turned(t, p, Wait{}); len(done) != 1 || !done[0].Filled || !done[0].More {
		t.Fatalf("%+v", done)
	}
}

// One connection's flood neither ends in the turn that found it nor is forgotten after its burst.
func TestPortableBurst(t *testing.T) {
	p := newPortable(t, Config{ReceiveBuffers: 256, ReceiveSize: 64})
	ours, theirs := socketPair(t)
	if _, err := unix.Write(int(theirs), make([]byte, (2*burst+1)*64)); err != nil {
		t.Fatal(err)
	}
	done := turned(t, p, Wait{}, Op{Code: Receive, File: ours})
	if len(done) != burst {
		t.Fatalf("%d completions in the first turn", len(done))
	}
	if done = turned(t, p, Wait{}); len(done) != burst {
		t.Fatalf("%d completions in the second turn", len(done))
	}
	if done = turned(t, p, Wait{}); len(done) != 1 || !done[0].More {
		t.Fatalf("%+v in the third turn", done)
	}
	if done = turned(t, p, Wait{}); len(done) != 0 || len(p.paused) != 0 {
		t.Fatalf("%+v, %d paused", done, len(p.paused))
	}
	if err := unix.Shutdown(int(theirs), unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	if done = turned(t, p, Wait{}); len(done) != 1 || done[0] != (Completion{}) {
		t.Fatalf("the end: %+v", done)
	}
}

// The duplicate that holds a closed connection open goes with what is under way.
func TestPortableClosesWhatItMoved(t *testing.T) {
	p := newPortable(t, Config{ReceiveBuffers: 8})
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	descriptors := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := descriptors()
	turned(t, p, Wait{}, Op{Code: Receive, File: int32(pair[0]), Tag: 7}, Op{Code: Close, File: int32(pair[0])})
	if n := descriptors(); n != before {
		t.Errorf("%d descriptors beside a receive, before %d", n, before)
	}
	_ = unix.Close(pair[1])
	if done := turned(t, p, Wait{}); len(done) != 1 || done[0] != (Completion{Tag: 7}) {
		t.Fatalf("%+v", done)
	}
	if n := descriptors(); n != before-2 {
		t.Errorf("%d descriptors after the end, before %d", n, before)
	}
}

// A number that has become another file behind the driver's back does no harm.
func TestPortableStaleNumber(t *testing.T) {
	p := newPortable(t, Config{ReceiveBuffers: 8})
	listener, _, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(listener) }()
	name, err := unix.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	turned(t, p, Wait{}, Op{Code: Accept, File: int32(listener), Tag: 9})
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(client) }()
	ours, theirs := socketPair(t)
	stale, err := unix.Dup(int(ours))
	if err != nil {
		t.Fatal(err)
	}
	turned(t, p, Wait{}, Op{Code: Receive, File: int32(stale), Tag: 1})
	_ = unix.Close(stale)
	if err := unix.Connect(client, name); err != nil {
		t.Fatal(err)
	}
	done := turned(t, p, Wait{Policy: Block, Until: 1e9})
	if len(done) != 1 || done[0] != (Completion{Tag: 9, Res: int32(stale), More: true}) {
		t.Fatalf("%+v, want the number %d once more", done, stale)
	}
	defer func() { _ = unix.Close(stale) }()
	for _, fd := range []int{client, int(theirs)} { // of the other file epoll may still tell
		if _, err := unix.Write(fd, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if done = turned(t, p, Wait{Policy: Block, Until: 1e9}, Op{Code: Receive, File: int32(stale), Tag: 2}); len(done) != 1 || done[0].Tag != 2 || done[0].Res != 1 {
		t.Fatalf("%+v", done)
	}
}

// Kernels and seccomp profiles without epoll_pwait2 count in milliseconds.
func TestPortableWithoutNanoseconds(t *testing.T) {
	p := newPortable(t, Config{ReceiveBuffers: 8})
	p.precise = false
	for _, policy := range []Policy{Adaptive, Spin, Block} {
		start := time.Now()
		done := turned(t, p, Wait{Policy: policy, Until: 1_500_000})
		if took := time.Since(start); len(done) != 0 || took < 1_500_000 {
			t.Errorf("policy %d: %v, %+v", policy, took, done)
		}
	}
}

// What is sent does not wait for the disk, and a file is written to before it is closed.
func TestPortableWritesLast(t *testing.T) {
	p := newPortable(t, Config{ReceiveBuffers: 8, ArenaSize: 8192})
	fd, err := unix.Open(filepath.Join(t.TempDir(), "file"), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	file := int32(fd)
	done := turned(t, p, Wait{},
		Op{Code: Write, File: file, Off: p.Base(), Len: 1, Tag: 1},
		Op{Code: Flush, File: file, Tag: 6},
		Op{Code: SendNow, File: 1 << 20, Off: p.Base(), Len: 1, Tag: 2},
		Op{Code: Close, File: file, Tag: 3},
		Op{Code: WriteLazy, File: file, Off: p.Base(), Len: 1, Tag: 4},
		Op{Code: Shutdown, File: 1 << 20, Tag: 5})
	bad := -int32(unix.EBADF)
	if want := []Completion{{Tag: 2, Res: bad}, {Tag: 1, Res: 1}, {Tag: 6}, {Tag: 3}, {Tag: 5, Res: bad}, {Tag: 4, Res: bad}}; !slices.Equal(done, want) {
		t.Errorf("%+v, want %+v", done, want)
	}
}

// Files that do not know RWF_DSYNC are made durable by a call of its own.
func TestPortableWithoutDSync(t *testing.T) {
	p := newPortable(t, Config{ReceiveBuffers: 8, ArenaSize: 8192})
	p.noDSync = true
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	copy(p.Arena()[p.Base():], "matcher")
	done := turned(t, p, Wait{}, Op{Code: Write, File: int32(file.Fd()), Off: p.Base(), Len: 7, At: 3, Tag: 4})
	if len(done) != 1 || done[0] != (Completion{Tag: 4, Res: 7}) {
		t.Fatalf("%+v", done)
	}
	if got, err := os.ReadFile(file.Name()); err != nil || string(got) != "\x00\x00\x00matcher" {
		t.Errorf("%q, %v", got, err)
	}
}
