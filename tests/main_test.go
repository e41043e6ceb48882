// Package tests holds the tests that look at the whole: the floors between packages, the naive twin, and end-to-end runs
// of the real binary over real sockets.
//
//	floors_test.go      who may import whom
//	twin_test.go        the engine held against the naive venue
//	main_test.go        building the binary; a venue of files; servers as child processes
//	e2e_*_test.go       what must hold of the binary
//
// Every server here is a child process on a port that the kernel chose. A test ends every process that it started, and none
// besides. Where the kernel refuses io_uring, the servers use the portable backend.
package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// seed is that of every random decision here; its flag is that of the twin.
var seed = twinSeed

// patience bounds each single thing that a test waits for.
const patience = 20 * time.Second

// workshop is the directory of what all tests of a run share: the binary.
var workshop = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "matcher-tests-") })

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := workshop(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// build makes the binary, once.
var build = sync.OnceValues(func() (string, error) {
	dir, err := workshop()
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "matcher")
	if out, err := exec.Command("go", "build", "-o", file, "../cmd/matcher").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return file, nil
})

func binary(t testing.TB) string {
	t.Helper()
	file, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// venue is a directory with a configuration, users and a journal, made with the binary's own verbs.
type venue struct {
	t      testing.TB
	dir    string
	config string
	keys   string   // file with a line USER KEY for each user
	bare   bool     // its servers are refused io_uring
	spoilt int      // durable writes from this offset of a file on fail, of servers that are bare; 0: none do
	env    []string // settings of every child: the machine is shared, and small
}

// newVenue makes a venue that trades AAPL in steps of tick.
func newVenue(t testing.TB, tick string, users ...string) *venue {
	t.Helper()
	return newVenueIn(t, t.TempDir(), tick, users...)
}

// newVenueIn makes it in a directory of the caller's.
func newVenueIn(t testing.TB, dir, tick string, users ...string) *venue {
	t.Helper()
	_ = binary(t) // to build it takes longer than anything else here
	v := &venue{
		t: t, dir: dir, config: filepath.Join(dir, "matcher.toml"), keys: filepath.Join(dir, "keys"),
		env: []string{
			"MATCHER_LISTEN=127.0.0.1:0", "MATCHER_CORE_CPU=none", "MATCHER_CORE_WAIT=block", "MATCHER_CORE_MAX_ORDERS=20000",
			"MATCHER_CORE_MAX_USERS=8", "MATCHER_CORE_MAX_SESSIONS=32", "MATCHER_CORE_STREAM_MEMORY=128MiB",
			"MATCHER_JOURNAL_SEGMENT=4MiB",
		},
	}
	v.must(0, "init", dir)
	v.edit(v.config, `tick = "0.01"`, `tick = "`+tick+`"`)
	var keys strings.Builder
	for _, user := range users {
		line := user + " " + v.key(user) + "\n"
		keys.WriteString(line)
		v.write("key", v.key(user)+"\n")
		v.must(0, "user", "add", user, "-c", v.config, "--firm", "FIRM", "--key-file", filepath.Join(dir, "key"))
	}
	v.keys = v.write("keys", keys.String())
	return v
}

// key is the key of a user.
func (v *venue) key(user string) string { return "KEY" + user }

// path names a file of the venue.
func (v *venue) path(name string) string { return filepath.Join(v.dir, name) }

// journal is where the configuration puts it.
func (v *venue) journal() string { return v.path("data") }

// write makes a file of the venue.
func (v *venue) write(name, text string) string {
	v.t.Helper()
	if err := os.WriteFile(v.path(name), []byte(text), 0o600); err != nil {
		v.t.Fatal(err)
	}
	return v.path(name)
}

// edit replaces text in a file that must hold it.
func (v *venue) edit(file, from, to string) {
	v.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		v.t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(from)) {
		v.t.Fatalf("%s does not hold %q", file, from)
	}
	if err := os.WriteFile(file, bytes.Replace(data, []byte(from), []byte(to), 1), 0o600); err != nil {
		v.t.Fatal(err)
	}
}

// outcome is what a process left behind.
type outcome struct {
	code           int // -1: ended by a signal
	stdout, stderr string
}

// child makes a process of the binary with nothing of the caller's own settings.
func (v *venue) child(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary(v.t), args...)
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "MATCHER_") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	cmd.Env = append(cmd.Env, v.env...)
	return cmd
}

// run runs a verb to its end.
func (v *venue) run(args ...string) outcome {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	return v.finish(ctx, v.child(ctx, args...))
}

// limited runs a verb under a limit that a shell sets.
func (v *venue) limited(limit string, args ...string) outcome {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := v.child(ctx, args...)
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", limit + ` && exec "$0" "$@"`}, cmd.Args...)
	return v.finish(ctx, cmd)
}

// finish runs a process to its end.
func (v *venue) finish(ctx context.Context, cmd *exec.Cmd) outcome {
	v.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		v.t.Fatalf("%s: not done in time\n%s", cmd, stderr.String())
	case err != nil && !errors.As(err, &exit):
		v.t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must runs a verb that has to end with an exit code, and returns its standard output.
func (v *venue) must(code int, args ...string) string {
	v.t.Helper()
	o := v.run(args...)
	if o.code != code {
		v.t.Fatalf("matcher %s: exit %d, want %d\n%s%s", strings.Join(args, " "), o.code, code, o.stdout, o.stderr)
	}
	return o.stdout
}

// server is `matcher serve` as a child process.
type server struct {
	t     testing.TB
	addr  string
	ready string // its line
	cmd   *exec.Cmd
	err   *lines
	out   *lines
	ended chan struct{}
}

// lines is a buffer that can be read while a process writes to it.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

var readyLine = regexp.MustCompile(`(?m)^ready: listen (\S+), journal .*$`)

// serve starts a server and waits until it is ready.
func (v *venue) serve(args ...string) *server {
	v.t.Helper()
	s := v.launch(args...)
	if err := s.await(); err != nil {
		v.t.Fatal(err)
	}
	return s
}

// launch starts a server and does not wait for it.
func (v *venue) launch(args ...string) *server {
	v.t.Helper()
	s := &server{t: v.t, err: &lines{}, out: &lines{}, ended: make(chan struct{})}
	s.cmd = v.child(context.Background(), append([]string{"serve", "-c", v.config, "--json"}, args...)...)
	if v.bare {
		refused(v.t, s.cmd)
		if v.spoilt != 0 {
			s.cmd.Env = append(s.cmd.Env, fmt.Sprintf("%s=%d", spoilEnv, v.spoilt))
		}
	}
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.err
	if err := s.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // how it ended is in its state
		close(s.ended)
	}()
	v.t.Cleanup(s.kill)
	return s
}

// await waits until the server is ready, and learns its address.
func (s *server) await() error {
	for start := time.Now(); time.Since(start) < patience; time.Sleep(time.Millisecond) {
		if m := readyLine.FindStringSubmatch(s.err.String()); m != nil {
			s.ready, s.addr = m[0], m[1]
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("the server ended: exit %d: %s", s.cmd.ProcessState.ExitCode(), s.err)
		default:
		}
	}
	return fmt.Errorf("the server is not ready after %s: %s", patience, s.err)
}

// kill ends the server as a power cut would end it, as far as the process can tell.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may have ended already
	<-s.ended
}

// stop asks the server to end in order and returns what it left behind.
func (s *server) stop(within time.Duration) outcome {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatalf("stop: %v\n%s", err, s.err)
	}
	select {
	case <-s.ended:
	case <-time.After(within):
		s.t.Errorf("the server has not stopped within %s of SIGTERM: %s", within, s.err)
		s.kill()
	}
	return outcome{s.cmd.ProcessState.ExitCode(), s.out.String(), s.err.String()}
}

// again says how a test is run once more with the same decisions.
func again(t testing.TB) string {
	text := fmt.Sprintf("again with: go test ./tests -run '^%s$' -seed %d", strings.ReplaceAll(t.Name(), "/", "$/^"), *seed)
	t.Log(text)
	return text
}
