package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	prefix = "G" // users are G00000, G00001, ...
	key    = "KEY"

	// prefault is stream memory that is in place, as all of the floor's is: more than a run has answers.
	prefault = "512MiB"

	// afterZeros is what lies between the preparation of segments and a run: where the host of a virtual machine charges the bytes
	// of its disk to the cpus, it goes on for a while.
	afterZeros = 2 * time.Second
)

// server is one contestant at work, on a cpu of its own.
type server struct {
	name string
	port int
	cmd  *exec.Cmd
	dir  string // its journal, if it has one

	mu     sync.Mutex
	stderr []string
	ended  chan struct{}
}

// start runs a program and waits until it says that it listens; that line may hold its port.
func (r *rig) start(name, ready string, env []string, args ...string) (*server, error) {
	s := &server{name: name, cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), env...)
	out, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stdout, s.cmd.Stderr = w, w
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	_ = w.Close() // the child has it
	r.running = append(r.running, s)
	said := make(chan string, 1)
	go func() {
		defer close(s.ended)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			s.mu.Lock()
			s.stderr = append(s.stderr, lines.Text())
			s.mu.Unlock()
			if strings.Contains(lines.Text(), ready) {
				select {
				case said <- lines.Text():
				default:
				}
			}
		}
	}()
	select {
	case line := <-said:
		if m := regexp.MustCompile(`127\.0\.0\.1:(\d+)`).FindStringSubmatch(line); m != nil {
			s.port, _ = strconv.Atoi(m[1])
		}
		return s, nil
	case <-s.ended:
	case <-time.After(60 * time.Second):
	}
	err = fmt.Errorf("%s did not start:\n%s", name, strings.Join(s.lines(), "\n"))
	_, _ = s.stop()
	return nil, err
}

// lines is everything that the program has said.
func (s *server) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.stderr...)
}

// signal sends the program a signal. What taskset starts takes its place.
func (s *server) signal(n syscall.Signal) error { return s.cmd.Process.Signal(n) }

// stop ends the program in an orderly way and returns its last line.
func (s *server) stop() (string, error) {
	if s.cmd.ProcessState != nil {
		return "", nil
	}
	_ = s.signal(syscall.SIGTERM) // it may have ended
	_ = s.signal(syscall.SIGCONT)
	timer := time.AfterFunc(20*time.Second, func() { _ = s.cmd.Process.Kill() })
	<-s.ended
	err := s.cmd.Wait()
	timer.Stop()
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
	lines := s.lines()
	if len(lines) == 0 {
		return "", err
	}
	return lines[len(lines)-1], err
}

// floor starts the C floor.
func (r *rig) floor() (*server, error) { return r.native("floor") }

// durableFloor starts the C floor that makes a durable write before it answers.
func (r *rig) durableFloor() (*server, error) {
	return r.native("durable floor", r.program("floor.bin"))
}

func (r *rig) native(name string, file ...string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s, err := r.start(name, "ready", nil, append([]string{r.program("floor"), strconv.Itoa(port), strconv.Itoa(r.serverCPU)}, file...)...)
	if err == nil {
		s.port = port
	}
	return s, err
}

// goNet starts the conventional Go server: this program again, on the server's cpu.
func (r *rig) goNet() (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return r.start("net", "ready", nil, "taskset", "-c", strconv.Itoa(r.serverCPU), self, "-serve-net")
}

// matcher starts the venue with so many users and waits until its next segments are prepared: until then a helper is busy with
// the disk.
func (r *rig) matcher(durability string, users int) (*server, error) {
	dir, err := os.MkdirTemp(r.dir, "venue-")
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*server, error) { _ = os.RemoveAll(dir); return nil, err }
	if out, err := exec.Command(r.binary, "init", dir).CombinedOutput(); err != nil {
		return fail(fmt.Errorf("matcher init: %w\n%s", err, out))
	}
	if err := writeUsers(dir, users); err != nil {
		return fail(err)
	}
	room := strconv.Itoa(max(users+8, 64))
	env := []string{
		"GODEBUG=gctrace=1", "MATCHER_LISTEN=127.0.0.1:0", "MATCHER_CORE_CPU=" + strconv.Itoa(r.serverCPU), "MATCHER_CORE_WAIT=spin",
		"MATCHER_JOURNAL_DURABILITY=" + durability, "MATCHER_CORE_MAX_USERS=" + room, "MATCHER_CORE_MAX_SESSIONS=" + room,
		"MATCHER_CORE_MAX_ORDERS=200000", "MATCHER_CORE_STREAM_MEMORY=12GiB", "MATCHER_CORE_PREFAULT=" + prefault,
		"MATCHER_JOURNAL_SNAPSHOT_EVERY=0", "MATCHER_JOURNAL_AHEAD=" + strconv.Itoa(256*r.ahead) + "MiB", "MATCHER_SESSION_LOGIN_TIMEOUT=1m", "MATCHER_SESSION_CLIENT_TIMEOUT=1m",
	}
	s, err := r.start("matcher "+durability, "ready: listen", env, r.binary, "serve", "-c", filepath.Join(dir, "matcher.toml"), "--json")
	if err != nil {
		return fail(err)
	}
	s.dir = dir
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if names, _ := filepath.Glob(filepath.Join(dir, "data", "*.mj")); len(names) > r.ahead {
			time.Sleep(afterZeros)
			return s, nil
		}
		if time.Since(start) > time.Minute {
			return s, errors.New("the venue does not prepare its segments")
		}
	}
}

// writeUsers makes the file of users that `matcher user add` would make one by one.
func writeUsers(dir string, n int) error {
	secret, err := os.ReadFile(filepath.Join(dir, "secret.key"))
	if err != nil {
		return err
	}
	var b strings.Builder
	for i := range n {
		name := fmt.Sprintf("%s%05d", prefix, i)
		mac := hmac.New(sha256.New, secret)
		_, _ = io.WriteString(mac, name+":"+key) // a hash never fails
		fmt.Fprintf(&b, "[[user]]\nname = %q\nfirm = \"LOAD\"\nhash = %q\n\n", name, hex.EncodeToString(mac.Sum(nil)))
	}
	return os.WriteFile(filepath.Join(dir, "users.toml"), []byte(b.String()), 0o600)
}

// leaves is what a venue says of itself when it has stopped.
type leaves struct {
	Commands uint64 `json:"commands"`
	Enters   uint64 `json:"enters"`
}

// finish stops a venue and reads that.
func (s *server) finish() (l leaves, err error) {
	line, err := s.stop()
	if err != nil {
		return l, err
	}
	return l, json.Unmarshal([]byte(line), &l)
}

// collections counts the garbage collections that a Go program has told of.
func (s *server) collections() (n float64) {
	for _, line := range s.lines() {
		if strings.HasPrefix(line, "gc ") {
			n++
		}
	}
	return n
}

// coreThread finds the thread that may run on the server's cpu only.
func (r *rig) coreThread(s *server) (string, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", s.cmd.Process.Pid))
	if err != nil {
		return "", err
	}
	for _, task := range tasks {
		if field(task+"/status", "Cpus_allowed_list") == strconv.Itoa(r.serverCPU) {
			return filepath.Base(task), nil
		}
	}
	return "", errors.New("no thread of the venue has its cpu to itself")
}

// switches is how often a thread has gone to sleep by itself.
func switches(s *server, thread string) float64 {
	n, _ := strconv.ParseFloat(field(fmt.Sprintf("/proc/%d/task/%s/status", s.cmd.Process.Pid, thread), "voluntary_ctxt_switches"), 64)
	return n
}

// field is the value of a line NAME: VALUE of a file, empty if there is none.
func field(file, name string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }() // nobody has it now
	return l.Addr().(*net.TCPAddr).Port, nil
}
