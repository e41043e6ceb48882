//go:build linux

package ring_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"matcher/ring"
)

// file opens a new file of 1 MiB in a directory.
func (r *rig) file(dir string) (fd int, direct bool) {
	r.t.Helper()
	fd, direct, err := ring.OpenDirect(filepath.Join(dir, "file"), true, 1<<20)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.own(fd), direct
}

// tmpfs returns a directory that cannot be written past the page cache, or skips.
func tmpfs(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "ring")
	if err != nil {
		t.Skipf("no /dev/shm here: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestWriteAndRead(t *testing.T) { onEach(t, testWriteAndRead) }

func testWriteAndRead(t *testing.T, d driver) {
	type place struct {
		name string
		open func(*testing.T, *rig) int
	}
	places := []place{
		{"direct", func(t *testing.T, r *rig) int {
			fd, direct := r.file(t.TempDir())
			if !direct {
				t.Skip("this file system has no direct writes")
			}
			return fd
		}},
		{"buffered", func(t *testing.T, r *rig) int {
			fd, err := unix.Open(filepath.Join(t.TempDir(), "file"), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			return r.own(fd)
		}},
		{"tmpfs", func(t *testing.T, r *rig) int {
			fd, direct := r.file(tmpfs(t))
			if direct {
				t.Error("tmpfs is said to be direct")
			}
			return fd
		}},
	}
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			r := newRig(t, d, ring.Config{})
			fd := int32(p.open(t, r))
			const n, size = 8, 8192
			at := r.put(0, pattern(n*size))
			for i := range uint64(n) {
				code := ring.Write
				if i%2 == 1 {
					code = ring.WriteLazy
				}
				r.add(ring.Op{Code: code, File: fd, Off: at + i*size, Len: size, At: i * size, Tag: i})
			}
			wait := ring.Wait{Policy: ring.Adaptive, Until: int64(time.Second), DiskBusy: true}
			for got := 0; got < n; {
				done := r.turn(wait)
				if len(done) == 0 {
					t.Fatalf("%d of %d writes ended", got, n)
				}
				for _, c := range done {
					if c.Res != size {
						t.Fatalf("write: %+v", c)
					}
				}
				got += len(done)
			}
			r.add(ring.Op{Code: ring.Flush, File: fd, Tag: 78})
			if done := r.collect(1); done[0].Res != 0 || done[0].Tag != 78 {
				t.Fatalf("flush: %+v", done)
			}
			back := at + n*size
			r.add(ring.Op{Code: ring.Read, File: fd, Off: back, Len: n * size, Tag: 77})
			if done := r.collect(1); done[0].Res != n*size || done[0].Tag != 77 {
				t.Fatalf("read: %+v", done)
			}
			if a := r.u.Arena(); !bytes.Equal(a[at:back], a[back:back+n*size]) {
				t.Fatal("other bytes were read than written")
			}
			r.add(ring.Op{Code: ring.Read, File: fd, Off: back, Len: 4096, At: 1 << 20})
			if done := r.collect(1); done[0].Res != 0 {
				t.Fatalf("read at the end: %+v", done)
			}
		})
	}
}

func TestDirectWriteMustBeAligned(t *testing.T) { onEach(t, testDirectWriteMustBeAligned) }

func testDirectWriteMustBeAligned(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{})
	fd, direct := r.file(t.TempDir())
	if !direct {
		t.Skip("this file system has no direct writes")
	}
	r.add(ring.Op{Code: ring.Write, File: int32(fd), Off: r.u.Base() + 1, Len: 4096})
	if done := r.collect(1); done[0].Res != -int32(unix.EINVAL) {
		t.Fatalf("%+v", done)
	}
}

// The pipe is how other threads reach the loop: every message comes whole.
func TestPipe(t *testing.T) { onEach(t, testPipe) }

func testPipe(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{})
	in, out, err := ring.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.own(in)
	r.own(out)
	read := ring.Op{Code: ring.Read, File: int32(in), Off: r.u.Base(), Len: 64, At: 123, Tag: 6}
	r.add(read)
	r.quiet()
	for sender := range 4 {
		go func() {
			for range 25 {
				_, _ = unix.Write(out, bytes.Repeat([]byte{byte(sender)}, 64))
			}
		}()
	}
	count := [4]int{}
	for range 100 {
		if done := r.collect(1); done[0] != (ring.Completion{Tag: 6, Res: 64}) {
			t.Fatalf("%+v", done)
		}
		message := r.u.Arena()[r.u.Base():][:64]
		if !bytes.Equal(message, bytes.Repeat(message[:1], 64)) {
			t.Fatalf("a mixed message: %v", message)
		}
		count[message[0]]++
		r.add(read)
	}
	if count != [4]int{25, 25, 25, 25} {
		t.Fatalf("messages per sender: %v", count)
	}
}

func TestOpenDirect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if _, _, err := ring.OpenDirect(path, false, 0); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a file that is missing: %v", err)
	}
	fd, direct, err := ring.OpenDirect(path, true, 3<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Size != 3<<20 {
		t.Errorf("size %d, %v", st.Size, err)
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || direct != (flags&unix.O_DIRECT != 0) {
		t.Errorf("direct is %t, the flags are %#x, %v", direct, flags, err)
	}
	if _, _, err := ring.OpenDirect(path, true, 0); !errors.Is(err, unix.EEXIST) {
		t.Errorf("a file that exists: %v", err)
	}
	again, same, err := ring.OpenDirect(path, false, 0)
	if err != nil || same != direct {
		t.Fatalf("again: direct %t, %v", same, err)
	}
	_ = unix.Close(again)
	if _, _, err := ring.OpenDirect(filepath.Join(t.TempDir(), "big"), true, 1<<60); err == nil {
		t.Error("an exbibyte was reserved")
	}
}

func TestZero(t *testing.T) {
	places := map[string]func(*testing.T) string{"disk": func(t *testing.T) string { return t.TempDir() }, "tmpfs": tmpfs}
	for name, dir := range places {
		t.Run(name, func(t *testing.T) {
			fd, direct, err := ring.OpenDirect(filepath.Join(dir(t), "file"), true, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = unix.Close(fd) }()
			const size, from, to = 3 << 20, 4096, 3<<20 - 8192
			full := ring.AlignedBuffer(size)
			for i := range full {
				full[i] = 0xee
			}
			if err := ring.WriteAt(fd, full, 0); err != nil {
				t.Fatal(err)
			}
			if err := ring.Zero(fd, direct, from, to); err != nil {
				t.Fatal(err)
			}
			if err := ring.Fsync(fd); err != nil {
				t.Fatal(err)
			}
			clear(full[from:to])
			got := ring.AlignedBuffer(size)
			if err := ring.ReadAt(fd, got, 0); err != nil || !bytes.Equal(got, full) {
				t.Fatalf("other bytes than expected, %v", err)
			}
			if err := ring.ReadAt(fd, got, 4096); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("read beyond the end: %v", err)
			}
		})
	}
}

func TestAlignedBuffer(t *testing.T) {
	for _, n := range []int{1, 100, 4096, 5000, 1 << 20} {
		for range 20 {
			b := ring.AlignedBuffer(n)
			if at := uintptr(unsafe.Pointer(&b[0])); at%ring.DirectAlign != 0 || len(b) != n || cap(b) != n {
				t.Fatalf("%d bytes: at %#x, length %d, capacity %d", n, at, len(b), cap(b))
			}
		}
	}
}

func TestFsyncDir(t *testing.T) {
	if err := ring.FsyncDir(t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := ring.FsyncDir(filepath.Join(t.TempDir(), "none")); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a directory that is missing: %v", err)
	}
	if err := ring.Fsync(-1); !errors.Is(err, unix.EBADF) {
		t.Errorf("a file that is not open: %v", err)
	}
}

func TestLockDir(t *testing.T) {
	dir := t.TempDir()
	first, err := ring.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := ring.LockDir(dir); !errors.Is(err, ring.ErrLocked) {
		t.Errorf("held: %v", err)
	}
	if took := time.Since(start); took < 200*time.Millisecond || took > time.Second {
		t.Errorf("gave up after %v", took)
	}
	go func() {
		time.Sleep(50 * time.Millisecond)
		_ = unix.Close(first)
	}()
	second, err := ring.LockDir(dir)
	if err != nil {
		t.Fatalf("given back after 50 ms: %v", err)
	}
	_ = unix.Close(second)
	if _, err := ring.LockDir(filepath.Join(dir, "none")); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a directory that is missing: %v", err)
	}
}
