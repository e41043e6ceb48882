//go:build linux

package tests

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// refuseEnv makes a child of the test binary refuse io_uring to itself and become the binary that it names.
const refuseEnv = "MATCHER_TEST_REFUSE_IO_URING"

// TestIOUringRefused: where a seccomp profile forbids io_uring, as containers do, the server says so, why, and what to do.
func TestIOUringRefused(t *testing.T) {
	if path := os.Getenv(refuseEnv); path != "" {
		become(t, path)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestIOUringRefused$")
	cmd.Env = append(os.Environ(), refuseEnv+"="+binary(t))
	out, err := cmd.CombinedOutput()
	text := string(out)
	if strings.Contains(text, "seccomp cannot be had") {
		t.Skip(text)
	}
	if cmd.ProcessState.ExitCode() != 4 {
		t.Fatalf("exit %d (%v), want 4:\n%s", cmd.ProcessState.ExitCode(), err, text)
	}
	for _, want := range []string{"error E1001: this system refuses io_uring", "operation not permitted", "why", "fix"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not said:\n%s", want, text)
		}
	}
}

// become installs a filter that answers io_uring_setup with EPERM (seccomp(2)) and runs `matcher demo` in its place.
func become(t *testing.T, path string) {
	const (
		ioUringSetup   = 425
		prSetNoNewPriv = 38
		prSetSeccomp   = 22
		filterMode     = 2
		load           = 0x20 // BPF_LD | BPF_W | BPF_ABS
		equal          = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
		ret            = 0x06 // BPF_RET | BPF_K
		allow          = 0x7fff0000
		fail           = 0x00050000
	)
	filter := []syscall.SockFilter{
		{Code: load, K: 0}, // the number of the system call
		{Code: equal, Jt: 0, Jf: 1, K: ioUringSetup},
		{Code: ret, K: fail | uint32(syscall.EPERM)},
		{Code: ret, K: allow},
	}
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread() // the filter is this thread's, and so exec must be
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPriv, 1, 0, 0, 0, 0); errno != 0 {
		t.Fatalf("seccomp cannot be had: %v", errno)
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetSeccomp, filterMode, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		t.Fatalf("seccomp cannot be had: %v", errno)
	}
	t.Fatal(syscall.Exec(path, []string{"matcher", "demo", "--for", "1s"}, os.Environ()))
}
