//go:build linux

package tests

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// refuseEnv makes a child of the test binary refuse io_uring to itself and become the binary that it names. With spoilEnv its
// durable writes from that offset of a file on fail with EIO.
const (
	refuseEnv = "MATCHER_TEST_REFUSE_IO_URING"
	spoilEnv  = "MATCHER_TEST_SPOIL_WRITES"
)

// refused makes a command of the binary run where a seccomp profile forbids io_uring, as containers do. The test is skipped
// where no such profile can be had.
func refused(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	probe := exec.Command(os.Args[0], "-test.run=^TestIOUringRefused$", "--", "version")
	probe.Env = append(os.Environ(), refuseEnv+"="+cmd.Path)
	if out, err := probe.CombinedOutput(); strings.Contains(string(out), "seccomp cannot be had") {
		t.Skip(string(out))
	} else if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd.Env = append(cmd.Env, refuseEnv+"="+cmd.Path)
	cmd.Path, cmd.Args = os.Args[0], append([]string{os.Args[0], "-test.run=^TestIOUringRefused$", "--"}, cmd.Args[1:]...)
}

// TestIOUringRefused: a server that was told to use io_uring, where it is forbidden, says so, why, and what to do.
func TestIOUringRefused(t *testing.T) {
	if path := os.Getenv(refuseEnv); path != "" {
		become(t, path)
		return
	}
	v := newVenue(t, "0.01")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := v.child(ctx, "demo", "--for", "1s", "--backend", "uring")
	refused(t, cmd)
	o := v.finish(ctx, cmd)
	if o.code != 4 {
		t.Fatalf("exit %d, want 4:\n%s%s", o.code, o.stdout, o.stderr)
	}
	for _, want := range []string{
		"error E1001: this system refuses io_uring", "operation not permitted", "why", "fix", "\n  or    matcher demo --backend portable",
	} {
		if !strings.Contains(o.stderr, want) {
			t.Errorf("%q is not said:\n%s", want, o.stderr)
		}
	}
}

// TestFallback: left to choose, a server whose kernel refuses io_uring serves without it and says so. It trades, is killed
// in the middle of it, and loses nothing.
func TestFallback(t *testing.T) {
	v := newVenue(t, "0.0001", "MAKER", "TAKER")
	v.bare = true
	s := v.serve()
	text := s.err.String()
	if n := strings.Count(text, "warning"); n != 1 || !strings.Contains(text, "warning E1001: this system refuses io_uring") || !strings.Contains(text, "; fix: ") {
		t.Errorf("%d warnings:\n%s", n, text)
	}
	if !strings.Contains(s.ready, "PORTABLE BACKEND") {
		t.Errorf("the line does not say what serves: %s", s.ready)
	}
	s.stop(patience)
	v.crash(v.write("day.flow", synthetic(*seed, 1_500, false)))
	s = v.serve()
	stopped := s.stop(patience)
	verified := v.must(0, "replay", v.journal(), "--verify", "--json")
	t.Log(stopped.stdout, verified)
	var live, again struct {
		Hash string `json:"state_hash"`
	}
	if err := errors.Join(json.Unmarshal([]byte(stopped.stdout), &live), json.Unmarshal([]byte(verified), &again)); err != nil {
		t.Fatal(err)
	}
	if live.Hash == "" || live.Hash != again.Hash {
		t.Errorf("live %q, replayed %q", live.Hash, again.Hash)
	}
}

// become installs a filter that answers io_uring_setup with EPERM (seccomp(2)) and runs the binary in its place.
func become(t *testing.T, path string) {
	const (
		ioUringSetup   = 425
		prSetNoNewPriv = 38
		prSetSeccomp   = 22
		filterMode     = 2
		load           = 0x20 // BPF_LD | BPF_W | BPF_ABS
		equal          = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
		atLeast        = 0x35 // BPF_JMP | BPF_JGE | BPF_K
		offset         = 40   // of the low half of the fourth argument
		ret            = 0x06 // BPF_RET | BPF_K
		allow          = 0x7fff0000
		fail           = 0x00050000
	)
	filter := []syscall.SockFilter{
		{Code: load, K: 0}, // the number of the system call
		{Code: equal, Jt: 0, Jf: 1, K: ioUringSetup},
		{Code: ret, K: fail | uint32(syscall.EPERM)},
	}
	if from, err := strconv.ParseUint(os.Getenv(spoilEnv), 10, 32); err == nil {
		filter = append(filter, []syscall.SockFilter{
			{Code: equal, Jt: 0, Jf: 3, K: map[string]uint32{"amd64": 328, "arm64": 287}[runtime.GOARCH]}, // pwritev2
			{Code: load, K: offset},
			{Code: atLeast, Jt: 0, Jf: 1, K: uint32(from)},
			{Code: ret, K: fail | uint32(syscall.EIO)},
		}...)
	}
	filter = append(filter, syscall.SockFilter{Code: ret, K: allow})
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread() // the filter is this thread's, and so exec must be
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPriv, 1, 0, 0, 0, 0); errno != 0 {
		t.Fatalf("seccomp cannot be had: %v", errno)
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetSeccomp, filterMode, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		t.Fatalf("seccomp cannot be had: %v", errno)
	}
	t.Fatal(syscall.Exec(path, append([]string{"matcher"}, flag.Args()...), os.Environ()))
}
