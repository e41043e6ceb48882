//go:build linux

package ring

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What the kernel's refusals look like to those who must act on them.
func TestSetupError(t *testing.T) {
	for _, test := range []struct {
		errno unix.Errno
		kind  SetupKind
		hint  string
	}{
		{unix.EPERM, SetupRefused, "kernel.io_uring_disabled"},
		{unix.EACCES, SetupRefused, "seccomp"},
		{unix.ENOSYS, SetupMissing, "6.1"},
		{unix.EINVAL, SetupTooOld, "6.1"},
		{unix.ENOMEM, SetupMemlock, "ulimit -l"},
		{unix.EMFILE, SetupOther, ""},
	} {
		e := setupError("io_uring_setup", test.errno)
		if e.Kind != test.kind || !errors.Is(e, test.errno) || !strings.HasPrefix(e.Error(), "ring: io_uring_setup: ") {
			t.Errorf("%v: kind %d, %q", test.errno, e.Kind, e.Error())
		}
		if hint := e.Hint(); !strings.Contains(hint, test.hint) || (test.hint == "") != (hint == "") {
			t.Errorf("%v: hint %q", test.errno, hint)
		}
	}
}

// A kernel before 6.6 has one more table between the ring and its entries.
func TestWithSQArray(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	u, err := NewUring(Config{Entries: 8, ReceiveBuffers: 8, ArenaSize: 4096, sqArray: true})
	if err != nil {
		t.Skipf("no io_uring here: %v", err)
	}
	defer func() { _ = u.Close() }()
	if strings.Contains(u.Features(), "no sq array") {
		t.Errorf("features: %s", u.Features())
	}
	in, out, err := Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = unix.Close(in), unix.Close(out) }()
	want := make([]byte, 100)
	var ops []Op
	for i := range want {
		want[i] = byte(i)
		ops = append(ops, Op{Code: WriteLazy, File: int32(out), Off: u.Base() + uint64(i), Len: 1})
	}
	copy(u.Arena()[u.Base():], want)
	done, err := u.Turn(ops, nil, Wait{})
	if err != nil || len(done) != len(want) {
		t.Fatalf("%d completions, %v", len(done), err)
	}
	got := make([]byte, len(want)+1)
	if n, err := unix.Read(in, got); err != nil || !bytes.Equal(got[:n], want) {
		t.Errorf("%v, %v", got[:n], err)
	}
}
