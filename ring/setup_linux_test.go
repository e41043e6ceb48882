//go:build linux

package ring

import (
	"errors"
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
