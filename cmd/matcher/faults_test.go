package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"matcher/replay"
)

// A mistake of whoever types is answered with its code, in words that are not Go's, and with a command that can be pasted.
func TestMistakes(t *testing.T) {
	dir, file := venue(t)
	journal := filepath.Join(dir, "data")
	for _, c := range []struct {
		name, stderr string // what the fault begins with, and what else it must say behind newlines
		code         int
		args         []string
	}{
		{"no directory", "E4003: matcher init needs the name of a directory\n  fix   matcher init venue", 2, []string{"init", ""}},
		{"nothing to change", "E4003: matcher user set: nothing to change was named", 2, []string{"user", "set", "ALICE", "-c", file}},
		{"pasteable", "E4111: there is no user BOB\n  fix   matcher user list -c " + file + "\n", 3, []string{"user", "revoke", "BOB", "-c", file}},
		{"pasteable, long", "E4003: matcher admin cancel: of whom?\n  why   without a filter it would cancel every order there is\n" +
			"  fix   matcher admin cancel --user ALICE -c " + file + "\n", 2, []string{"admin", "cancel", "--config=" + file}},
		{"patience", "E4004: --timeout -1s is out of range", 2, []string{"admin", "status", "-c", file, "--timeout", "-1s"}},
		{"flag of another word", "E4004: --keep is not for matcher snapshot ls", 2, []string{"snapshot", "ls", journal, "--keep", "3"}},
		{"flag of another word, journal", "E4004: --day is not for matcher journal info", 2, []string{"journal", "info", journal, "--day", "260101"}},
		{"flag of another word, watch", "E4004: --to is not for matcher watch book", 2, []string{"watch", "book", "--to", "127.0.0.1:1"}},
		{"price below 0", "E4002: matcher send has no flag -1\n  why   a word that begins with - is a flag", 2, []string{"send", "buy", "10", "AAPL", "-1"}},
		{"symbol", "E2005: NOPE is not in " + file + "\n  why   there is AAPL\n", 2, []string{"send", "buy", "1", "NOPE", "1", "-c", file}},
		{"no snapshots to be", "E1006: " + journal + " cannot be read: no such file or directory\n  fix   ls -l " + dir + "   shows what is there\n", 4, []string{"snapshot", "ls", journal}},
		{
			"journal below nothing", "E1006: the directory of the journal /proc/nope/d cannot be made: no such file or directory\n  fix   mkdir -p /proc/nope\n", 4,
			[]string{"serve", "-c", file, "--journal", "/proc/nope/d", "--listen", "127.0.0.1:0"},
		},
		{
			"no relay", "E5001: 127.0.0.1:1: nobody listens there\n  fix   matcher relay\n", 7,
			[]string{"watch", "trades", "--user", "A", "--key-file", filepath.Join(dir, "key"), "--glimpse", "127.0.0.1:1", "--reference", ""},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, "key"), []byte("K\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if o := do(t, c.code, c.args...); !strings.HasPrefix(o.stderr, "error "+c.stderr) {
				t.Errorf("got\n%s\nwant\n%s", o.stderr, c.stderr)
			}
		})
	}
}

// A flag's value that is out of its range is told in the same words, whatever the verb: value, limits, and the nearest that may be.
func TestRanges(t *testing.T) {
	dir, file := venue(t)
	journal := filepath.Join(dir, "data")
	if err := os.Mkdir(journal, 0o700); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"demo --for 1h":                                  "--for 1h0m0s is out of range|at least 100ms, at most 10m0s|--for 10m0s",
		"demo --clients 1":                               "--clients 1 is out of range|at least 2, at most 64|--clients 2",
		"bench --clients 10001":                          "--clients 10001 is out of range|at least 1, at most 10,000|--clients 10000",
		"bench --rate NaN":                               "--rate NaN is out of range|at least 0, at most 1,000,000,000|--rate 0",
		"bench --rate 0.01":                              "--rate 0.01 is out of range|0, or at least 0.1|--rate 0.1",
		"bench --for 1ms":                                "--for 1ms is out of range|at least 100ms, at most 24h0m0s|--for 100ms",
		"bench --warmup 2h":                              "--warmup 2h0m0s is out of range|at least 0s, at most 1h0m0s|--warmup 1h0m0s",
		"bench --timeout 0s":                             "--timeout 0s is out of range|above 0|--timeout 10s",
		"generate --rate 0.001":                          "--rate 0.001 is out of range|at least 0.01, at most 1,000,000,000|--rate 0.01",
		"generate --agents 0":                            "--agents 0 is out of range|at least 1, at most 1,000|--agents 1",
		"send -f x --window 1":                           "--window 1 is out of range|at least 2, at most 4,096|--window 2",
		"send buy 1 A 1 --decimals 10":                   "--decimals 10 is out of range|at least 0, at most 9|--decimals 9",
		"send buy 1 AAPL 1 --ttl 1ms -c " + file:         "--ttl 1ms is out of range|whole seconds, at least 1s, at most 23h59m59s|--ttl 90s",
		"watch book --depth 0":                           "--depth 0 is out of range|at least 1, at most 1,000|--depth 1",
		"watch book --decimals 10":                       "--decimals 10 is out of range|at least 0, at most 9|--decimals 9",
		"replay x --depth 1001":                          "--depth 1001 is out of range|at least 0, at most 1,000|--depth 1000",
		"replay x --max-orders 0":                        "--max-orders 0 is out of range|at least 1, at most 67,108,863|--max-orders 1",
		"replay x --bars -1s":                            "--bars -1s is out of range|above 0|--bars 1s",
		"journal export " + journal + " -o x --levels 0": "--levels 0 is out of range|at least 1, at most 1,000|--levels 1",
		"snapshot create " + journal + " --keep 0":       "--keep 0 is out of range|at least 1|--keep 2",
	} {
		parts := strings.Split(want, "|")
		if o := do(t, exitUsage, strings.Fields(args)...); o.stderr != "error E4004: "+parts[0]+"\n  why   "+parts[1]+"\n  fix   "+parts[2]+"\n" {
			t.Errorf("matcher %s: got\n%s", args, o.stderr)
		}
	}
}

// A host that is not there is told in words of ours.
func TestNoHost(t *testing.T) {
	var f *fault
	err := login{addr: "nohost:1"}.fault(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "nohost", IsNotFound: true}})
	if !asFault(err, &f) || f.Code != "E5001" || f.What != "nohost:1: there is no such host" {
		t.Error(err)
	}
}

// A word's --help has its own flags and those of all words, and no others.
func TestHelpOfAWord(t *testing.T) {
	for word, want := range map[string][2]string{ // has, has not
		"admin halt": {"--reason", "--order uint"}, "admin cancel": {"--order", "--reason"}, "admin": {"--stop", "=true"},
		"journal export": {"--format", "--day"}, "journal verify": {"--json", "--yes"}, "watch book": {"--depth", "--dropcopy"},
	} {
		o := do(t, 0, append(strings.Fields(word), "--help")...)
		if !strings.Contains(o.stdout, want[0]) || strings.Contains(o.stdout, want[1]) {
			t.Errorf("matcher %s --help must have %s and not %s:\n%s", word, want[0], want[1], o.stdout)
		}
	}
}

// What the operating system says of a file that nobody has explained has the code of files, standard output's too.
func TestPlainFault(t *testing.T) {
	e := testEnv(nil, full{}, io.Discard, nil)
	if code := run(context.Background(), e, []string{"version"}); code != exitFailed {
		t.Errorf("an error that is of no file: exit %d", code)
	}
	said := &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
	if f := plainFault(said); f.Code != "E1006" || f.What != "standard output cannot be written: no space left on device" {
		t.Errorf("%s: %s", f.Code, f.What)
	}
	if f := plainFault(errors.New("x")); f.Code != "E1000" || !strings.Contains(f.text(), "fix   matcher explain E1000") {
		t.Error(f.text())
	}
}

// A long work ends at a signal, and leaves no part of a file.
func TestGenerateEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := t.TempDir()
	var stderr bytes.Buffer
	code := run(ctx, testEnv(nil, io.Discard, &stderr, nil), []string{"generate", "--commands", "100000", "-o", filepath.Join(dir, "flow")})
	if left, _ := os.ReadDir(dir); code != exitFailed || stderr.String() != "interrupted\n" || len(left) != 0 {
		t.Errorf("exit %d, %q, %v", code, stderr.String(), left)
	}
}

// check finds a spoilt secret before a start does, also where nobody depends on it yet.
func TestCheckSecretWithoutUsers(t *testing.T) {
	dir, file := venue(t)
	if err := os.WriteFile(filepath.Join(dir, "secret.key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, do(t, 3, "check", "-c", file).stderr, "error E4109: ", "has 5 bytes")
}

// A file that the operating system refuses is told with where to look: the nearest that there is.
func TestPlaceOfFault(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code, path string
		said       error
		fix        string
	}{
		{"E1006", dir + "/a/b", syscall.ENOENT, "ls -l " + dir + "   shows what is there"},
		{"E1006", there + "/b", syscall.ENOTDIR, "ls -l " + there + "   shows what is there"},
		{"E1006", dir + "/a/b", syscall.ENOSPC, "df -h " + dir},
		{"E1006", there, syscall.EROFS, "findmnt -T " + dir},
		{"E1005", there, syscall.EACCES, "ls -ld " + there},
		{"E1005", dir + "/b", syscall.EACCES, "ls -ld " + dir},
		{"E1006", there, syscall.EIO, ""},
		{"E1006", "/dev/stdout", syscall.ENOSPC, ""},
		{"E3001", there, syscall.ENOENT, ""},
	} {
		f := &fault{Code: c.code, What: c.path, cause: &fs.PathError{Op: "open", Path: c.path, Err: c.said}}
		if f.place(); f.Fix != c.fix {
			t.Errorf("%s, %v: %q, want %q", c.path, c.said, f.Fix, c.fix)
		}
	}
	journal := t.TempDir()
	name := filepath.Join(journal, "000001.mj")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var f *fault
	if !asFault(journalFault(journal, &fs.PathError{Op: "open", Path: "000001.mj", Err: syscall.EACCES}), &f) || f.What != name+" cannot be read: permission denied" {
		t.Error(f)
	}
}

// What explain says fits a terminal.
func TestExplainFits(t *testing.T) {
	for _, c := range codes() {
		for line := range strings.Lines(do(t, 0, "explain", c.code).stdout) {
			if len(line) > 131 {
				t.Errorf("%s has a line of %d characters", c.code, len(line))
			}
		}
	}
}

// Each code that an order is refused with has its words.
func TestRejectHints(t *testing.T) {
	text, err := os.ReadFile("../../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| code | meaning here |")
	table, _, _ = strings.Cut(table, "No other code is given.")
	rows := strings.Count(table, "| 0x")
	for code := range uint16(0x100) {
		listed := strings.Contains(table, "| "+rejectCode(code)+" |")
		if listed && rejectReason(code) == "" {
			t.Errorf("%s is in PROTOCOL.md and has no words", rejectCode(code))
		}
		if listed {
			rows--
		} else if !strings.HasPrefix(rejectHint(code), "PROTOCOL.md") {
			t.Errorf("%s has a hint, and is not in PROTOCOL.md", rejectCode(code))
		}
	}
	if rows != 0 {
		t.Errorf("%d rows were not understood", rows)
	}
}

// What replaying is held against is named: the journal, or the hashes of another build.
func TestDivergenceNamesWhatItIsHeldAgainst(t *testing.T) {
	for field, want := range map[string]string{
		"state hash":       "replaying seq 2,000 gives another state hash than the journal holds",
		"output hash of h": "replaying seq 2,000 gives another output hash than h holds",
	} {
		var f *fault
		if asFault(dataFault(&replay.Divergence{Seq: 2000, Field: field}), &f); f.What != want {
			t.Errorf("got %q, want %q", f.What, want)
		}
	}
}
