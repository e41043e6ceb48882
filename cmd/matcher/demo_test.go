package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestDemo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	o := matcher("", nil, "demo", "--for", "1200ms", "--clients", "4", "--json")
	if o.code != 0 {
		t.Fatal(o)
	}
	var s summary
	if err := json.Unmarshal([]byte(o.stdout), &s); err != nil {
		t.Fatal(err, o.stdout)
	}
	if !s.Identical || s.Live != s.Replayed || len(s.Live) != 16 {
		t.Errorf("%+v", s)
	}
	if s.Orders > 1000 && (s.Refreshes == 0 || s.Moves == 0 || s.Triggers == 0) {
		t.Errorf("no icebergs, pegs or stops at work: %+v", s)
	}
	if s.Orders == 0 || s.Fills == 0 || s.Events < s.Orders+2*s.Fills || s.JournalBytes < 64*s.Orders || s.P50 <= 0 || s.P99 < s.P50 {
		t.Errorf("%+v", s)
	}
	wants(t, o.stderr, "  1s    ACME 1", "IDENTICAL\nnext    ")
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "matcher-demo-*")); left != nil {
		t.Error("left behind:", left)
	}
}

func TestDemoKeep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "j")
	o := matcher("", nil, "demo", "--for", "200ms", "--clients", "2", "--keep", dir)
	if o.code != 0 {
		t.Fatal(o)
	}
	wants(t, o.stdout, ": IDENTICAL\nnext    ", " replay "+dir+" --verify\n        ", " journal dump "+dir+"\n        ")
	if _, err := os.Stat(filepath.Join(dir, "000001.mj")); err != nil {
		t.Error(err)
	}
	if o := matcher("", nil, "demo", "--keep", dir); o.code != exitUsage || !strings.Contains(o.stderr, "error E4007: "+dir+" is not empty") {
		t.Error(o)
	}
}

// The proof is one: it fails for another state, and for a journal in which a bit has changed.
func TestDemoProof(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "j")
	o := matcher("", nil, "demo", "--for", "200ms", "--clients", "2", "--keep", dir, "--json")
	var s summary
	if err := json.Unmarshal([]byte(o.stdout), &s); err != nil {
		t.Fatal(err, o)
	}
	d := &demo{dir: dir, out: io.Discard}
	if err := d.prove(&s); err != nil || !s.Identical || s.fault() != nil {
		t.Error(err, s)
	}
	s.Live = "0123456789abcdef"
	var f *fault
	if err := d.prove(&s); err != nil || s.Identical || !asFault(s.fault(), &f) || f.exit() != exitData {
		t.Error(err, s)
	}
	file := filepath.Join(dir, "000001.mj")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[3*4096+100] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.prove(&s); !asFault(err, &f) || f.Code != "E3003" {
		t.Error(err)
	}
}

// Whoever reads the lines may go away: the demonstration runs to its end and removes its directory. It is run in another
// process, this test once more, because the signal would end the process.
func TestDemoUnread(t *testing.T) {
	if os.Getenv("TEST_DEMO_UNREAD") != "" {
		_ = run(context.Background(), testEnv(strings.NewReader(""), os.Stdout, os.Stderr, nil), []string{"demo", "--for", "300ms", "--clients", "2"})
		return
	}
	dir := t.TempDir()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = reader.Close()
	child := exec.Command(os.Args[0], "-test.run=^TestDemoUnread$")
	child.Env = append(os.Environ(), "TEST_DEMO_UNREAD=1", "TMPDIR="+dir)
	child.Stdout, child.Stderr = writer, writer
	_ = child.Run() // how it exits is the test binary's affair, as long as no signal ended it
	_ = writer.Close()
	if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signaled() {
		t.Error("ended by ", child.ProcessState)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "matcher-demo-*")); left != nil {
		t.Error("left behind:", left)
	}
}

// A disk that becomes full in the middle is the disk's fault, not that of the connection on which an agent hears of it. The
// demonstration is run in another process, this test once more, on a file system of its own with room for one segment.
func TestDemoDiskFills(t *testing.T) {
	if os.Getenv("TEST_DEMO_FULL") != "" {
		args := []string{"demo", "--for", "10m", "--clients", "32"}
		os.Exit(run(context.Background(), testEnv(strings.NewReader(""), os.Stdout, os.Stderr, nil), args))
	}
	dir := t.TempDir()
	const mounting = `mount -t tmpfs -o size=20m tmpfs "$0" && exec "$@"`
	if out, err := exec.Command("unshare", "-m", "sh", "-c", mounting, dir, "true").CombinedOutput(); err != nil {
		t.Skipf("no file system of our own can be had here: %v %s", err, out)
	}
	child := exec.Command("unshare", "-m", "sh", "-c", mounting, dir, os.Args[0], "-test.run=^TestDemoDiskFills$")
	child.Env = append(os.Environ(), "TEST_DEMO_FULL=1", "TMPDIR="+dir)
	var stderr strings.Builder
	child.Stderr = &stderr
	_ = child.Run() // how it exits is looked at below
	if code := child.ProcessState.ExitCode(); code != exitEnvironment {
		t.Errorf("exit %d", code)
	}
	wants(t, stderr.String(), "order entry is closed, cancels are served", "error E1004: no space for the journal "+dir+"/matcher-demo-",
		"fix   df -h "+dir+"\n  or    TMPDIR=DIR matcher demo   uses another disk\n")
}

// A full disk is told without advice on a configuration that a demonstration does not have, or on a directory that is gone.
func TestDemoDiskFull(t *testing.T) {
	t.Setenv("TMPDIR", "/small")
	for keep, want := range map[string]string{
		"":  "fix   df -h /small\n  or    TMPDIR=DIR matcher demo   uses another disk\n",
		"k": "fix   df -h k\n  or    matcher demo --keep DIR   on another disk\n",
	} {
		d := &demo{keep: keep, dir: "k"}
		if keep == "" {
			d.dir = "/small/matcher-demo-1"
		}
		cfg, _ := d.config()
		var f *fault
		if !asFault(d.fault(&cfg, syscall.ENOSPC), &f) || f.Code != "E1004" || !strings.Contains(f.text(), want) {
			t.Errorf("%v, want %q", f, want)
		}
	}
}

func TestDemoUsage(t *testing.T) {
	for _, args := range [][]string{{"--for", "1ms"}, {"--for", "1h"}, {"--clients", "1"}, {"--clients", "65"}, {"--for", "x"}} {
		if o := do(t, exitUsage, append([]string{"demo"}, args...)...); !strings.Contains(o.stderr, "error E4004: ") {
			t.Error(o.stderr)
		}
	}
}
