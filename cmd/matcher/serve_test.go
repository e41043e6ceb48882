package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// watched is a buffer that can be read while somebody writes to it.
type watched struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// small makes a server that starts at once; its port is the kernel's choice.
func small(more ...string) []string {
	return append([]string{
		"MATCHER_LISTEN=127.0.0.1:0", "MATCHER_CORE_MAX_ORDERS=1000", "MATCHER_CORE_MAX_USERS=8", "MATCHER_CORE_MAX_SESSIONS=8",
		"MATCHER_CORE_STREAM_MEMORY=64MiB", "MATCHER_JOURNAL_SEGMENT=4MiB", "MATCHER_CORE_WAIT=block", "MATCHER_CORE_CPU=none",
	}, more...)
}

// running is `matcher serve` at work.
type running struct {
	addr string
	stop func() outcome
}

var readyLine = regexp.MustCompile(`(?m)^ready: listen (\S+), journal `)

// serve starts `matcher serve -c file` in this process and waits until it is ready.
func serve(t *testing.T, file string, args ...string) running {
	t.Helper()
	var stdout, stderr watched
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, testEnv(strings.NewReader(""), &stdout, &stderr, small()), append([]string{"serve", "-c", file}, args...))
	}()
	var once sync.Once
	var o outcome
	stop := func() outcome {
		once.Do(func() {
			cancel()
			select {
			case o.code = <-done:
			case <-time.After(10 * time.Second):
				t.Error("the server does not stop")
			}
			o.stdout, o.stderr = stdout.String(), stderr.String()
		})
		return o
	}
	t.Cleanup(func() { stop() })
	for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(time.Millisecond) {
		if m := readyLine.FindStringSubmatch(stderr.String()); m != nil {
			return running{m[1], stop}
		}
		select {
		case o.code = <-done:
			done <- o.code
			t.Fatalf("the server ended: exit %d: %s", o.code, stderr.String())
		default:
		}
	}
	t.Fatal("the server is not ready: ", stderr.String())
	return running{}
}

// Keys that must never be seen again.
const (
	aliceKey = "canarya1"
	bobKey   = "canaryb2"
)

// opened makes a venue with ALICE and BOB, and starts it.
func opened(t *testing.T) (dir, file string, r running) {
	t.Helper()
	dir, file = venue(t)
	for user, key := range map[string]string{"ALICE": aliceKey, "BOB": bobKey} {
		if o := matcher(key, nil, "user", "add", user, "-c", file, "--key-file", "-"); o.code != 0 {
			t.Fatal(o)
		}
	}
	return dir, file, serve(t, file)
}

// as sends as a user and looks for canaries in what is printed.
func as(t *testing.T, code int, r running, user, key string, args ...string) outcome {
	t.Helper()
	args = append([]string{"send", "--user", user, "--to", r.addr}, args...)
	o := matcher("", []string{"MATCHER_KEY=" + key}, args...)
	if o.code != code {
		t.Fatalf("matcher %s: exit %d, want %d\n%s%s", strings.Join(args, " "), o.code, code, o.stdout, o.stderr)
	}
	quiet(t, o)
	return o
}

func quiet(t *testing.T, o outcome) {
	t.Helper()
	if text := strings.ToLower(o.stdout + o.stderr); strings.Contains(text, "canary") {
		t.Errorf("a key is printed:\n%s", text)
	}
}

func wants(t *testing.T, got string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(got, l) {
			t.Errorf("got\n%s\nwant in it\n%s", got, l)
		}
	}
}

func TestServeAndSend(t *testing.T) {
	dir, file, r := opened(t)

	o := as(t, 0, r, "alice", aliceKey, "sell", "100", "AAPL", "187.25")
	wants(t, o.stdout, "ALICE  accepted  ref=1 side=sell qty=100 symbol=AAPL price=187.2500 tif=day order=1\n")
	o = as(t, 0, r, "BOB", strings.ToUpper(bobKey), "buy", "60", "AAPL", "market", "--tif", "ioc", "-c", file)
	wants(t, o.stdout,
		"BOB    accepted  ref=1 side=buy qty=60 symbol=AAPL price=market tif=ioc order=2\n",
		"BOB    executed  ref=1 qty=60 price=187.2500 match=1 liquidity=R\n")
	o = as(t, 0, r, "ALICE", aliceKey, "query")
	wants(t, o.stdout, "ALICE  next ref=2\n")
	o = as(t, 0, r, "ALICE", aliceKey, "replace", "1", "150", "187.30", "-c", file, "--json")
	wants(t, o.stdout, `{"event":"replaced","user":"ALICE","ref":2,"orig_ref":1,"side":"sell","qty":"90","symbol":"AAPL","price":"187.3000","tif":"day","order":3,"time":`)
	o = as(t, 0, r, "ALICE", aliceKey, "cancel", "2")
	wants(t, o.stdout, "ALICE  canceled  ref=2 qty=90 reason=by the user\n")

	o = as(t, exitRefused, r, "ALICE", aliceKey, "cancel", "2")
	wants(t, o.stderr, "error E2007: ")
	o = as(t, exitRefused, r, "ALICE", aliceKey, "buy", "1", "NONE", "1")
	wants(t, o.stdout, "rejected  ref=3 reason=0x17 (invalid symbol)\n")
	wants(t, o.stderr, "error E2006: ")
	o = as(t, exitRefused, r, "ALICE", aliceKey, "buy", "1", "AAPL", "1.005")
	wants(t, o.stdout, "rejected  ref=4 reason=0x1D (invalid price)\n")
	o = as(t, exitUsage, r, "ALICE", aliceKey, "buy", "1", "AAPL", "187.255", "-c", file)
	wants(t, o.stderr, "error E2001: AAPL price 187.255 is not on the tick\n  why   AAPL trades in steps of 0.01\n  fix   187.25 or 187.26\n")

	for _, wrong := range []string{"NOBODY", "ALICE"} {
		o = as(t, exitConnection, r, wrong, "canaryXX", "query")
		wants(t, o.stderr, "error E5002: "+r.addr+" as "+wrong+": the login was refused")
	}

	if o := matcher("", small(), "serve", "-c", file); o.code != exitEnvironment || !strings.Contains(o.stderr, "error E1003: ") {
		t.Error(o)
	}
	if o := matcher("", small("MATCHER_LISTEN="+r.addr), "serve", "-c", file, "--journal", t.TempDir(), "--listen", r.addr); o.code != exitEnvironment || !strings.Contains(o.stderr, "error E1002: "+r.addr+" is in use") {
		t.Error(o)
	}

	stopped := r.stop()
	if stopped.code != 0 || !regexp.MustCompile(`^stopped: state hash [0-9a-f]{16}, seq \d+, \d+ commands, 1 fill, \d+ events, journal \d+ bytes\n$`).MatchString(stopped.stdout) {
		t.Error(stopped)
	}
	quiet(t, stopped)
	o = as(t, exitConnection, r, "ALICE", aliceKey, "query")
	wants(t, o.stderr, "error E5001: "+r.addr+": nobody listens there")

	// What was journaled is there again.
	r = serve(t, file, "--json")
	o = as(t, 0, r, "ALICE", aliceKey, "query")
	wants(t, o.stdout, "ALICE  next ref=5\n")
	var result map[string]any
	if stopped = r.stop(); json.Unmarshal([]byte(stopped.stdout), &result) != nil || len(result["state_hash"].(string)) != 16 {
		t.Error(stopped)
	}

	for _, name := range []string{"data", "users.toml", "matcher.toml"} {
		noCanary(t, filepath.Join(dir, name))
	}
}

// noCanary looks for a key in a file, or in the files of a directory.
func noCanary(t *testing.T, path string) {
	t.Helper()
	err := filepath.WalkDir(path, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(bytes.ToLower(data), []byte("canary")) {
			t.Errorf("%s holds a key", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSendFlow(t *testing.T) {
	dir, file, r := opened(t)
	flow, keys := filepath.Join(dir, "day.flow"), filepath.Join(dir, "keys")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var text strings.Builder
	for i := range 300 { // more than a window
		text.WriteString("ALICE enter " + decimalText(uint64(i+1), 0) + " S 10 AAPL 1872500 0 Y\n")
	}
	text.WriteString("BOB enter 1 B 3000 AAPL 2147483647 3 Y\nALICE query\nALICE enter 301 B 1 AAPL 100 0 Y postonly=P\nALICE cancel 301 0\nBOB enter 2 B 1 AAPL 1 0 Y\n")
	write(flow, text.String())
	write(keys, "# who KEY\nalice "+aliceKey+"\nBOB "+bobKey+"\n")

	o := do(t, 0, "send", "-f", flow, "--keys", keys, "--to", r.addr, "--window", "16", "-c", file, "--json")
	quiet(t, o)
	var got totals
	if err := json.Unmarshal([]byte(o.stdout), &got); err != nil {
		t.Fatal(err, o.stdout)
	}
	// The tick is 100 units: price 1 is rejected. Each of the 300 executions is told to both sides.
	if want := (totals{Commands: 305, Accepted: 302, Executed: 600, Canceled: 1, Rejected: 1, Others: got.Others}); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}

	// The whole file again: every number is used up, nothing happens.
	o = do(t, 0, "send", "-f", flow, "--keys", keys, "--to", r.addr)
	wants(t, o.stdout, ": 0 accepted, 0 replaced, 0 executed, 0 canceled, 0 rejected, ")

	write(flow, "BOB enter 3 B 1 AAPL 1 0 Y\n")
	o = do(t, exitRefused, "send", "-f", flow, "--keys", keys, "--to", r.addr, "--strict", "-v")
	wants(t, o.stdout, "BOB    rejected  ref=3 reason=0x1D (invalid price)\n")
	wants(t, o.stderr, "error E2006: rejected: 1 of 1 command\n")

	write(flow, "BOB enter 4 B 1 AAPL 1 0\n")
	o = do(t, exitData, "send", "-f", flow, "--keys", keys, "--to", r.addr)
	wants(t, o.stderr, "error E3010: "+flow+":1:25: expected one letter for the display")
	write(flow, "CAROL query\n")
	o = do(t, exitUsage, "send", "-f", flow, "--keys", keys, "--to", r.addr)
	wants(t, o.stderr, "error E4006: "+keys+" has no key for CAROL")
	write(keys, "BOB canaryb2 more\n")
	o = do(t, exitConfig, "send", "-f", flow, "--keys", keys, "--to", r.addr)
	wants(t, o.stderr, "error E4112: "+keys+":1: ")
	quiet(t, o)
}

func TestSendUsage(t *testing.T) {
	key := []string{"MATCHER_KEY=canary"}
	for _, c := range []struct {
		name string
		args []string
		vars []string
		code int
		text string
	}{
		{"nothing", nil, nil, 2, "error E4003: matcher send needs a word\n  why   matcher send buy|sell"},
		{"misspelt", []string{"byu", "1", "A", "1"}, nil, 2, "  why   did you mean buy?\n"},
		{"too few", []string{"buy", "1", "A"}, nil, 2, "error E4003: matcher send buy needs 3 arguments, got 2"},
		{"no user", []string{"buy", "1", "A", "1"}, key, 2, "error E4003: matcher send needs --user"},
		{"no key", []string{"buy", "1", "A", "1", "--user", "A"}, nil, 2, "error E4006: no key\n"},
		{"bad user", []string{"query", "--user", "TOOLONG"}, key, 3, "error E4112: "},
		{"bad quantity", []string{"buy", "1.5", "A", "1"}, key, 2, "error E2004: "},
		{"bad price", []string{"buy", "1", "A", "x"}, key, 2, "error E2002: "},
		{"too many decimals", []string{"buy", "1", "A", "1.001", "--decimals", "2"}, key, 2, "error E2002: 1.001 has more than 2 decimals\n  fix   1 or 1.01\n"},
		{"bad symbol", []string{"buy", "1", "aapl", "1"}, key, 2, "error E2005: "},
		{"bad tif", []string{"buy", "1", "A", "1", "--tif", "dya"}, key, 2, "error E2008: "},
		{"bad ref", []string{"cancel", "x"}, key, 2, "error E4005: \"x\" is no UserRefNum"},
		{"bad window", []string{"-f", "x", "--window", "1"}, key, 2, "error E4004: --window 1 is out of range"},
		{"flow and words", []string{"-f", "x", "buy"}, key, 2, "error E4003: "},
		{"no flow", []string{"-f", "no/such/file"}, key, 4, "error E1006: no/such/file cannot be read: no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := matcher("", c.vars, append([]string{"send"}, c.args...)...)
			if o.code != c.code || !strings.Contains(o.stderr, c.text) {
				t.Errorf("exit %d, want %d\n%swant %s", o.code, c.code, o.stderr, c.text)
			}
			quiet(t, o)
		})
	}
}

func TestServeFaults(t *testing.T) {
	_, file := venue(t)
	for _, c := range []struct {
		name string
		args []string
		code int
		text string
	}{
		{"cpu", []string{"--cpu", "4095"}, 4, "error E1008: cpu 4095 cannot be had"},
		{"address of another machine", []string{"--listen", "192.0.2.1:0", "--cpu", "none"}, 4, "error E1009: "},
		{"flag value", []string{"--wait", "sipn"}, 3, "error E4104: --wait: core.wait = \"sipn\" cannot be used"},
		{"backend", []string{"--backend", "epoll"}, 3, "error E4104: --backend: core.backend = \"epoll\" cannot be used"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := matcher("", small(), append([]string{"serve", "-c", file}, c.args...)...)
			if o.code != c.code || !strings.Contains(o.stderr, c.text) {
				t.Errorf("exit %d, want %d\n%swant %s", o.code, c.code, o.stderr, c.text)
			}
		})
	}
}
