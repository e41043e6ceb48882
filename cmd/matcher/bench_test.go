package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// benched runs a bench and returns what it printed as JSON.
func benched(t *testing.T, args ...string) benchReport {
	t.Helper()
	o := matcher("", []string{"MATCHER_KEY=canary"}, append([]string{"bench", "--json", "--timeout", "20s"}, args...)...)
	var r benchReport
	if err := json.Unmarshal([]byte(o.stdout), &r); o.code != 0 || err != nil {
		t.Fatal(err, o)
	}
	quiet(t, o)
	return r
}

// TestBenchOwnServer: against the real venue every message has its answer, whatever the mix, in both loops.
func TestBenchOwnServer(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, c := range []struct {
		name  string
		args  []string
		kinds string
	}{
		{"open", []string{"--rate", "4000", "--clients", "3", "--depth", "20"}, "enter cancel"},
		{"closed", []string{"--rate", "0", "--clients", "2", "--window", "4", "--durability", "async"}, "enter cancel"},
		{"all kinds", []string{"--rate", "4000", "--clients", "4", "--depth", "5", "--mix", "enter=40,cancel=20,replace=20,aggressive=20"}, "enter aggressive cancel replace"},
		{"replaces", []string{"--rate", "0", "--clients", "1", "--window", "64", "--depth", "1", "--mix", "enter=1,replace=9"}, "enter cancel replace"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := benched(t, append(c.args, "--for", "400ms", "--warmup", "100ms", "--backend", "auto")...)
			var kinds []string
			sent, answered := uint64(0), uint64(0)
			for _, k := range r.Kinds {
				kinds = append(kinds, k.Name)
				sent, answered = sent+k.Sent, answered+k.Answered
				if k.P50 <= 0 || k.Max < k.P99 {
					t.Errorf("%+v", k)
				}
			}
			if strings.Join(kinds, " ") != c.kinds {
				t.Errorf("kinds %v, want %s", kinds, c.kinds)
			}
			if r.Rejected+r.Unanswered+r.Unsent+r.Unmeasured != 0 || answered+r.Crossed < sent || answered > sent || sent < 10 {
				t.Errorf("%+v", r)
			}
			if r.Loop == "open" && (sent != 1600 || r.Lag.Answered != sent) {
				t.Errorf("%d sent and %d lags of 1600 due: %+v", sent, r.Lag.Answered, r)
			}
			if r.All.Answered != answered || r.Sending.Answered != answered || r.Durability == "" {
				t.Errorf("%+v", r)
			}
		})
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "matcher-bench-*")); left != nil {
		t.Error("left behind:", left)
	}
}

// TestBenchFlow: a flow is sent once, line by line, by its users, and what can have no answer is not waited for.
func TestBenchFlow(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	flow := filepath.Join(t.TempDir(), "flow")
	text := `ALICE enter 1 B 100 AAPL 1000000 0 Y
BOB   enter 1 S 60 AAPL 1000000 3 Y
ALICE query
ALICE enter 2 B 100 AAPL 1000000 0 Y
ALICE replace 2 3 100 999900 0 Y
ALICE modify 3 B 80
ALICE enter 4 B 100 NONE 1000000 0 Q
BOB   cancel 7 0
ALICE masscancel 5
`
	if err := os.WriteFile(flow, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	hgrm := filepath.Join(t.TempDir(), "hgrm")
	r := benched(t, "--mix", flow, "--rate", "100", "--warmup", "0s", "--for", "10s", "--hgrm", hgrm)
	got := map[string]uint64{}
	for _, k := range r.Kinds {
		got[k.Name] = k.Sent*100 + k.Answered
	}
	// enter: 1, 2 and 4, of which 4 is refused; cancel: of an order that never was
	if got["enter"] != 302 || got["aggressive"] != 101 || got["replace"] != 101 || got["other"] != 202 || got["cancel"] != 100 {
		t.Errorf("sent and answered: %v", got)
	}
	if r.Short == "" || r.Seconds >= 5 || r.PerSecond < 10 {
		t.Errorf("8 messages at 100/s are no run of 10 s: %+v", r)
	}
	if r.Rejected != 1 || r.Unmeasured != 1 || r.Unanswered+r.Unsent != 0 || r.Clients != 2 {
		t.Errorf("%+v", r)
	}
	data, err := os.ReadFile(hgrm)
	if err != nil || !strings.Contains(string(data), "1/(1-Percentile)") || !strings.Contains(string(data), "#[Max") {
		t.Errorf("%v\n%s", err, data)
	}
	if text := r.text(); !strings.Contains(text, "1 rejected (1 x 0x") || !strings.Contains(text, "1 of the flow were about orders that were gone") {
		t.Error(text)
	}
	o := matcher("", nil, "bench", "--mix", flow, "--rate", "100", "--warmup", "1s", "--for", "1s")
	wants(t, o.stderr, "error E4004: --mix: "+flow+" ended before anything was measured", "  fix   --warmup 0s\n")
	if o.code != exitUsage || o.stdout != "" {
		t.Error(o)
	}
}

// TestBenchCutShort: what was measured before the server went away, or a signal came, is told.
func TestBenchCutShort(t *testing.T) {
	addr := stallingUntil(t, 1<<30, 0, 100)
	o := matcher("", []string{"MATCHER_KEY=canary"}, "bench", "--to", addr, "--user", "A", "--first-ref", "1", "--clients", "1", "--rate", "500",
		"--warmup", "0s", "--for", "10m", "--mix", "enter=1", "--depth", "100000", "--json")
	var r benchReport
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil || o.code != exitConnection {
		t.Fatal(err, o)
	}
	wants(t, o.stderr, "error E5004: "+addr+" as A")
	if r.Short != "cut short" || r.Seconds >= 600 || r.All.Answered == 0 || r.All.Answered > 100 || !strings.Contains(r.text(), "s (cut short) behind") {
		t.Errorf("%+v", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	addr = stallingUntil(t, 50, 0, 1<<30, cancel)
	var stdout, stderr bytes.Buffer
	code := run(ctx, testEnv(nil, &stdout, &stderr, []string{"MATCHER_KEY=canary"}), []string{
		"bench", "--to", addr, "--user", "A", "--first-ref", "1", "--clients", "1",
		"--rate", "500", "--warmup", "0s", "--for", "10m", "--mix", "enter=1", "--depth", "100000",
	})
	wants(t, stdout.String(), "s (cut short) behind", "all ")
	if code != exitFailed || !strings.HasSuffix(stderr.String(), "interrupted\n") {
		t.Error(code, stderr.String())
	}
}

// stalling is a venue of one client that accepts everything and once sleeps for a while.
func stalling(t *testing.T, after int, sleep time.Duration) string {
	return stallingUntil(t, after, sleep, 1<<30)
}

// stallingUntil is one that hangs up instead of answering message number until; when it stalls it calls those that want to
// know.
func stallingUntil(t *testing.T, after int, sleep time.Duration, until int, called ...func()) string {
	return fake(t, func(c net.Conn) {
		admit(c)
		r := bufio.NewReader(c)
		for n := 0; ; n++ {
			var head [soupbin.HeaderSize]byte
			if _, err := io.ReadFull(r, head[:]); err != nil {
				return
			}
			m := make([]byte, int(head[0])<<8+int(head[1])-1)
			if _, err := io.ReadFull(r, m); err != nil {
				return
			}
			if head[2] != soupbin.UnsequencedData {
				continue
			}
			if n == until {
				return
			}
			if n == after {
				for _, call := range called {
					call()
				}
				time.Sleep(sleep)
			}
			var e ouch.EnterOrder
			if m[0] != ouch.TypeEnterOrder || e.Decode(m) != nil {
				t.Errorf("message %q", m)
				return
			}
			a := ouch.Accepted{UserRefNum: e.UserRefNum, Quantity: e.Quantity, Symbol: e.Symbol, State: 'L'}
			if _, err := c.Write(soupbin.AppendSequenced(nil, a.Append(nil))); err != nil {
				return
			}
		}
	})
}

// TestBenchCoordinatedOmission: a venue that stalls for half of a run, with one order unanswered, is measured by one order
// only if latencies count from the sending; by the schedule, every order that was due meanwhile has waited.
func TestBenchCoordinatedOmission(t *testing.T) {
	const stall = 500 * time.Millisecond
	addr := stalling(t, 50, stall)
	r := benched(t, "--to", addr, "--user", "A", "--first-ref", "1", "--clients", "1", "--window", "1", "--rate", "200",
		"--warmup", "0s", "--for", "1s", "--mix", "enter=1", "--depth", "100000")
	if r.All.Answered != 200 || r.Durability[:7] != "unknown" {
		t.Fatalf("%+v", r)
	}
	// 100 of 200 orders were due in the stall, 80 of them at least 100 ms before its end; from the sending it is one order.
	if r.Kinds[0].P90 < 100_000 || r.Kinds[0].Max < 490_000 {
		t.Errorf("the stall is not counted: %+v", r.Kinds[0])
	}
	if r.Sending.P90 >= r.All.P90 || r.Sending.Max < 490_000 {
		t.Errorf("from the sending: %+v, from the schedule %+v", r.Sending, r.All)
	}
	if r.Lag.P90 >= 100_000 {
		t.Errorf("the generator takes the stall for its own: %+v", r.Lag)
	}
}

// TestBenchLateAnswers: answers that come long after the last order was due make a lower rate, not the one that was asked for.
func TestBenchLateAnswers(t *testing.T) {
	addr := stalling(t, 50, 500*time.Millisecond)
	r := benched(t, "--to", addr, "--user", "A", "--first-ref", "1", "--clients", "1", "--rate", "100", "--warmup", "0s",
		"--for", "600ms", "--mix", "enter=1", "--depth", "100000")
	if r.All.Answered != 60 || r.PerSecond > 65 {
		t.Errorf("%d answers, %.0f a second; the last ones came a second after the start", r.All.Answered, r.PerSecond)
	}
}

// TestBenchSilence: a venue that never answers is given up, and the run says how it ended.
func TestBenchSilence(t *testing.T) {
	addr := fake(t, func(c net.Conn) { admit(c); _, _ = io.Copy(io.Discard, c) })
	args := []string{"bench", "--to", addr, "--user", "A", "--first-ref", "1", "--clients", "1", "--window", "4", "--rate", "1000", "--warmup", "0s"}
	o := matcher("", []string{"MATCHER_KEY=canary"}, append(args, "--for", "10s", "--timeout", "200ms")...)
	if o.code != exitConnection || !strings.Contains(o.stderr, "error E5005: "+addr+": A has 4 unanswered messages, none within 200ms") {
		t.Error(o)
	}
	addr = fake(t, func(c net.Conn) { admit(c); _, _ = io.Copy(io.Discard, c) })
	args[2] = addr
	o = matcher("", []string{"MATCHER_KEY=canary"}, append(args, "--for", "100ms", "--timeout", "300ms")...)
	if o.code != 0 || !strings.Contains(o.stdout, "4 unanswered; 96 due and never sent") {
		t.Error(o)
	}
	addr = fake(t, admit)
	args[2] = addr
	o = matcher("", []string{"MATCHER_KEY=canary"}, append(args, "--for", "10s")...)
	if o.code != exitConnection || !strings.Contains(o.stderr, "error E5004: "+addr+" as A") {
		t.Error(o)
	}
}

func TestBenchArguments(t *testing.T) {
	for _, c := range []struct{ code, args string }{
		{"E4004", "--rate -1"},
		{"E4004", "--rate NaN"},
		{"E4004", "--window 0"},
		{"E4004", "--clients 10001"},
		{"E4004", "--for 1ms"},
		{"E4004", "--mix enter=50,cancel=x"},
		{"E4004", "--mix cancel=50,bust=1"},
		{"E4004", "--mix cancel=50"},
		{"E4004", "--price 0.01"},
		{"E4004", "--durability wet"},
		{"E4004", "--to 127.0.0.1:1 --user A --clients 2"},
		{"E4004", "--to 127.0.0.1:1 --user A# --clients 11"},
		{"E4003", "--to 127.0.0.1:1"},
		{"E4006", "--to 127.0.0.1:1 --user A --clients 1"},
		{"E1006", "--mix no-such-file"},
	} {
		o := matcher("", nil, append([]string{"bench"}, strings.Fields(c.args)...)...)
		if o.code == 0 || !strings.Contains(o.stderr, "error "+c.code+": ") {
			t.Errorf("%s: want %s, got %+v", c.args, c.code, o)
		}
	}
	if got := numbered("B##", 7) + numbered("#A#", 42) + numbered("AB", 3); got != "B074A2AB" {
		t.Error(got)
	}
}

// TestBenchAllocations: in steady state neither messages nor answers allocate.
func TestBenchAllocations(t *testing.T) {
	b := &bench{mixText: "enter=40,cancel=20,replace=20,aggressive=20", depth: 8, window: 8, quantity: 10, decimals: 4, tick: "0.01"}
	if err := b.mix.read(b); err != nil {
		t.Fatal(err)
	}
	if err := b.unconfigured(); err != nil {
		t.Fatal(err)
	}
	f := newFound(0, 1<<62)
	o := newBenchOrders(b, nil, 0, 1, &f)
	out, reply := make([]byte, 0, 256), make([]byte, 0, 256)
	step := func() {
		out = o.message(out[:0], 1, 2)
		reply = respond(reply[:0], out)
		o.answer(reply, 3)
	}
	for range 1000 {
		step()
	}
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations per message", n)
	}
	if o.inFlight != 0 || f.crossed != 0 || int(o.tail-o.head) > b.depth {
		t.Errorf("%d in flight, %d crossed, %d resting", o.inFlight, f.crossed, o.tail-o.head)
	}
}

// respond answers one packet as a venue does in which nothing trades.
func respond(to, packet []byte) []byte {
	m := packet[soupbin.HeaderSize:]
	switch m[0] {
	case ouch.TypeEnterOrder:
		to = append(to, make([]byte, ouch.AcceptedSize)...)
		to[0], to[47] = ouch.TypeAccepted, 'L'
		copy(to[9:], m[1:5])
		if m[26] == ouch.TIFDay {
			copy(to[14:], m[6:10])
		}
	case ouch.TypeReplaceOrder:
		to = append(to, make([]byte, ouch.ReplacedSize)...)
		to[0], to[51] = ouch.TypeReplaced, 'L'
		copy(to[9:], m[1:9])
		copy(to[18:], m[9:13])
	case ouch.TypeCancelOrder:
		to = append(to, make([]byte, ouch.CanceledSize)...)
		to[0] = ouch.TypeCanceled
		copy(to[9:], m[1:5])
		to[13], to[17] = 0xff, ouch.CanceledUser
	}
	return to
}
