package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"matcher/core"
	"matcher/journal"
	"matcher/replay"
	"matcher/ring"
)

func TestPermissionHasOneCode(t *testing.T) {
	for code, want := range map[string]string{"E1006": "E1005", "E4101": "E1005", "E4108": "E1005", "E4109": "E1005", "E1001": "E1001"} {
		f := &fault{Code: code, cause: fmt.Errorf("open x: %w", syscall.EACCES)}
		if f.permission(); f.Code != want {
			t.Errorf("%s became %s, want %s", code, f.Code, want)
		}
		f = &fault{Code: code, cause: syscall.ENOENT}
		if f.permission(); f.Code != code {
			t.Errorf("%s of another cause became %s", code, f.Code)
		}
	}
}

// The line of a server that does without io_uring is one, and says why and how to mend it.
func TestFallback(t *testing.T) {
	cfg := defaults().core
	for kind, want := range map[ring.SetupKind]string{ring.SetupRefused: "warning E1001: ", ring.SetupTooOld: "warning E1010: ", ring.SetupMemlock: "warning E1007: "} {
		line := fallback(&cfg, fmt.Errorf("core: %w", &ring.SetupError{Call: "io_uring_setup", Kind: kind, Errno: syscall.EPERM}))
		wants(t, line, want, "io_uring_setup: operation not permitted", "; why: ", "portable backend", "; fix: ")
		if strings.Contains(line, "\n") {
			t.Error("more than a line:", line)
		}
	}
}

func TestServerFaults(t *testing.T) {
	cfg := defaults().core
	cfg.Journal = "j"
	wrap := func(err error) error { return fmt.Errorf("core: somewhere: %w", err) }
	setup := func(kind ring.SetupKind, errno syscall.Errno) error {
		return wrap(&ring.SetupError{Call: "io_uring_setup", Kind: kind, Errno: errno})
	}
	damage := func(kind journal.Kind) error {
		return wrap(&journal.Damage{Kind: kind, File: "000002.mj", Offset: 4096, Seq: 7, What: "000002.mj is not what it was"})
	}
	for _, c := range []struct {
		name, code string
		exit       int
		err        error
		text       string
	}{
		{"refused", "E1001", 4, setup(ring.SetupRefused, syscall.EPERM), "this system refuses io_uring (io_uring_setup: operation not permitted)"},
		{"another backend", "E1001", 4, setup(ring.SetupRefused, syscall.EPERM), "\n  or    matcher serve --backend portable   same behaviour, slower"},
		{"missing", "E1001", 4, setup(ring.SetupMissing, syscall.ENOSYS), "this system refuses io_uring (io_uring_setup: function not implemented)"},
		{"too old", "E1010", 4, setup(ring.SetupTooOld, syscall.EINVAL), "this kernel is too old"},
		{"locked memory", "E1007", 4, setup(ring.SetupMemlock, syscall.ENOMEM), "ulimit -l unlimited"},
		{"mapping", "E1007", 4, setup(ring.SetupOther, syscall.ENOMEM), "the server's memory cannot be had"},
		{"port in use", "E1002", 4, fmt.Errorf("%w on x: %w", core.ErrListen, syscall.EADDRINUSE), "127.0.0.1:9001 is in use"},
		{"low port", "E1005", 4, fmt.Errorf("%w on x: %w", core.ErrListen, syscall.EACCES), "may not be listened on"},
		{"not ours", "E1009", 4, fmt.Errorf("%w on x: %w", core.ErrListen, syscall.EADDRNOTAVAIL), "cannot be listened on: cannot assign requested address"},
		{"locked", "E1003", 4, wrap(ring.ErrLocked), "the journal j is in use by another server"},
		{"no space", "E1004", 4, wrap(syscall.ENOSPC), "no space for the journal j"},
		{"no space while running", "E1004", 4, &core.JournalError{File: "000001.mj", Wrote: -int32(syscall.ENOSPC)}, "df -h j"},
		{"write error", "E1011", 4, &core.JournalError{File: "000001.mj", Wrote: -int32(syscall.EIO)}, "cannot be written: input/output error"},
		{"short write", "E1011", 4, &core.JournalError{File: "000001.mj", Wrote: 512, Want: 4096}, "512 of 4096"},
		{"files for the ring", "E1012", 4, setup(ring.SetupOther, syscall.EMFILE), "ulimit -n 65536"},
		{"files for the socket", "E1012", 4, fmt.Errorf("%w on x: %w", core.ErrListen, syscall.ENFILE), "ulimit -n 65536"},
		{"size of files", "E1004", 4, wrap(syscall.EFBIG), "may not be as large as 256MiB"},
		{"memory that does not fit", "E4113", 3, fmt.Errorf("core: x: %w: stream_memory is 9 bytes; it needs at least 3000000", core.ErrConfig), "error E4113: core.stream_memory is 9 bytes; it needs at least 3000000\n  why   two values of the configuration do not fit each other\n  fix   core.stream_memory = \"3MiB\"\n"},
		{"configuration", "E4113", 3, fmt.Errorf("%w: instrument AAPL is not as the journal has it", core.ErrConfig), "error E4113: instrument AAPL is not as the journal has it"},
		{"streams", "E1007", 4, fmt.Errorf("%w: too many", core.ErrMemory), "core.stream_memory = \"4096MiB\""},
		{"memory", "E1007", 4, wrap(syscall.ENOMEM), "cannot allocate memory"},
		{"read only", "E1005", 4, wrap(syscall.EROFS), "the journal j may not be written: read-only file system"},
		{"permission", "E1005", 4, wrap(syscall.EACCES), "the journal j may not be written: permission denied"},
		{"no journal", "E3001", 5, damage(journal.NoJournal), "000002.mj is not what it was"},
		{"missing segment", "E3002", 5, damage(journal.Missing), ""},
		{"corrupt", "E3003", 5, damage(journal.Corrupt), "the disk returned other bytes than were written"},
		{"contradiction", "E3003", 5, damage(journal.Contradiction), ""},
		{"version", "E3005", 5, damage(journal.Unsupported), ""},
		{"foreign", "E3006", 5, damage(journal.Foreign), "move 000002.mj out of the directory"},
		{"duplicate", "E3007", 5, damage(journal.Duplicate), ""},
		{"misnamed", "E3007", 5, damage(journal.Misnamed), ""},
		{"short", "E3008", 5, damage(journal.Short), ""},
		{"header", "E3009", 5, damage(journal.BadHeader), ""},
		{"divergence", "E3004", 5, wrap(&replay.Divergence{Seq: 8100377, Field: "price", Expected: "1872500", Got: "1872600"}), "replaying seq 8,100,377 gives another price than the journal holds\n  why   the journal has 1872500, replaying gave 1872600"},
		{"anything else", "", 0, errors.New("the moon is in the way"), "the moon is in the way"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := serverFault(&cfg, c.err)
			if c.code == "" {
				if !errors.Is(err, c.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			var f *fault
			if !asFault(err, &f) {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			if f.Code != c.code || f.exit() != c.exit || !strings.Contains(f.text(), c.text) {
				t.Errorf("exit %d, got\n%swant %s, exit %d, %q", f.exit(), f.text(), c.code, c.exit, c.text)
			}
			if !errors.Is(err, c.err) {
				t.Error("the cause is lost")
			}
		})
	}
}
