package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"matcher/wire/ouch"
)

// admin runs matcher admin on the venue and wants an exit code.
func (v *venue) admin(code int, args ...string) outcome {
	v.t.Helper()
	args = append(append([]string{"admin"}, args...), "-c", v.config)
	o := v.run(args...)
	if o.code != code {
		v.t.Fatalf("matcher %s: exit %d, want %d\n%s%s", strings.Join(args, " "), o.code, code, o.stdout, o.stderr)
	}
	return o
}

// says holds that a text has the form of a pattern.
func says(t *testing.T, text, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(text) {
		t.Errorf("got  %s\nwant %s", text, pattern)
	}
}

// TestAdmin halts, resumes, breaks a trade and cancels on a real server, and holds what owners are told, what stands in the
// journal, and what a kill leaves of it.
func TestAdmin(t *testing.T) {
	v := newVenue(t, "0.01", "ALICE", "BOB")
	s := v.serve()
	if !strings.Contains(s.err.String(), "operators: "+v.path("data")+"/admin.sock, for matcher admin\n") {
		t.Error("the server does not name its socket: ", s.err)
	}
	info, err := os.Stat(v.path("data/admin.sock"))
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	key := func(user string) string { return v.write(user+".key", v.key(user)) }
	send := func(code int, user string, args ...string) string {
		t.Helper()
		return v.must(code, append([]string{"send", "--to", s.addr, "--user", user, "--key-file", key(user), "-c", v.config}, args...)...)
	}
	alice, bob := dialed(t, s, v, "ALICE", 1), dialed(t, s, v, "BOB", 1)
	alice.enter('S', 100, 1_872_500)
	bob.enter('B', 40, 1_872_500)
	bob.until(t, ouch.TypeExecuted)

	says(t, v.admin(0, "status").stdout, `^session  \d{10}, seq \d+ at .*Z\nusers    2 connected of 2, 2 connections open\nrefused  0 connections, 0 logins, 0 orders for their rate; 0 sessions too slow\norders   1 live, 1 fills since the journal began\nentry    open\nhalted   none of 1 instrument\nmemory   [\d,]+ bytes left for answers\njournal  [\d,]+ bytes\n$`)
	says(t, v.admin(0, "halt", "AAPL", "--reason", "T1").stdout, `^halted AAPL: seq \d+, 0 messages to owners\n$`)
	wellFormed(t, v.admin(6, "halt", "AAPL").stderr, "E2015")
	says(t, v.admin(0, "status").stdout, `(?m)^halted   1 of 1 instrument: AAPL$`)
	bob.enter('B', 1, 1_872_500)
	if m := bob.until(t, ouch.TypeRejected).(*ouch.Rejected); m.Reason != ouch.RejectHalted {
		t.Errorf("rejected with %#x while halted", m.Reason)
	}
	says(t, v.admin(0, "resume", "AAPL", "--json").stdout, `^{"seq":\d+,"time":\d+,"canceled":0,"messages":0}\n$`)
	wellFormed(t, v.admin(6, "resume", "AAPL").stderr, "E2015")
	bob.enter('B', 10, 1_872_500)
	bob.until(t, ouch.TypeExecuted)

	says(t, v.admin(0, "bust", "2", "--reason", "E").stdout, `^broke trade 2: seq \d+, 2 messages to owners\n$`)
	for _, c := range []*dealer{alice, bob} {
		m := c.until(t, ouch.TypeBrokenTrade).(*ouch.BrokenTrade)
		want := ouch.BrokenTrade{Timestamp: m.Timestamp, UserRefNum: c.broken, MatchNumber: 2, Reason: 'E', ClOrdID: ouch.ClOrdID(fmt.Sprint(c.user, "-", c.broken))}
		if fmt.Sprint(*m) != fmt.Sprint(want) {
			t.Errorf("%s is told %+v, want %+v", c.user, *m, want)
		}
	}
	for _, c := range []struct {
		code string
		args []string
	}{
		{"E2013", []string{"bust", "2"}},
		{"E2012", []string{"bust", "3"}},
		{"E2010", []string{"halt", "NOPE"}},
		{"E2011", []string{"cancel", "--user", "CAROL"}},
		{"E2010", []string{"cancel", "--symbol", "NOPE"}},
	} {
		wellFormed(t, v.admin(6, c.args...).stderr, c.code)
	}

	send(0, "BOB", "buy", "5", "AAPL", "1.00") // the other connection is told that it is not the newest
	says(t, v.admin(0, "cancel", "--user", "bob", "--side", "S").stdout, `^canceled 0 orders: seq \d+, 0 messages`)
	says(t, v.admin(0, "cancel", "--order", "1").stdout, `^canceled 1 order: seq \d+, 1 message to owners\n$`)
	if m := alice.until(t, ouch.TypeCanceled).(*ouch.Canceled); m.Reason != ouch.CanceledSupervisory || m.Quantity != 50 {
		t.Errorf("%+v", m)
	}
	alice.enter('S', 7, 2_000_000)
	alice.until(t, ouch.TypeAccepted)
	var all struct{ Canceled, Messages uint64 }
	if err := json.Unmarshal([]byte(v.admin(0, "cancel", "--all", "--json").stdout), &all); err != nil || all.Canceled != 2 || all.Messages != 2 {
		t.Errorf("%+v, %v", all, err)
	}

	// What an operator was told is safe: a kill right behind it changes nothing.
	v.admin(0, "halt", "AAPL")
	s.kill()
	wellFormed(t, v.admin(7, "status").stderr, "E5007")
	s = v.serve()
	says(t, v.admin(0, "status").stdout, `(?m)^halted   1 of 1 instrument: AAPL$`)
	says(t, send(6, "ALICE", "buy", "1", "AAPL", "1.00"), `reason=0x07 \(halted\)`)
	if left := s.stop(patience); left.code != 0 {
		t.Errorf("%+v", left)
	}
	if _, err := os.Stat(v.path("data/admin.sock")); err == nil {
		t.Error("a server that has stopped leaves its socket")
	}
	wellFormed(t, v.admin(7, "status").stderr, "E5007")
	v.must(0, "replay", v.journal(), "--verify")
	dump := v.must(0, "journal", "dump", v.journal())
	says(t, dump, `(?m)^trading seq=\d+ time=\d+ instrument=1 state=H reason=T1$`)
	says(t, dump, `(?m)^bust seq=\d+ time=\d+ instrument=1 flags=1 match=2 price=1872500 qty=10 reason=E\nextension maker_user=1 maker_side=S maker_ref=1 maker_clordid=ALICE-1 taker_user=2 taker_side=B taker_ref=3 taker_clordid=BOB-3$`)
	says(t, dump, `(?m)^cancelfor seq=\d+ time=\d+ instrument=65535 side=S account=2$`)
}

// TestAdminLongPath: a journal whose path is longer than a socket's name may be has a desk all the same.
func TestAdminLongPath(t *testing.T) {
	v := newVenue(t, "0.01", "ALICE")
	dir := v.path(strings.Repeat("long/", 30))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := v.serve("--journal", dir)
	says(t, v.must(0, "admin", "status", "--journal", dir), `(?m)^users    0 connected of 1, 0 connections open$`)
	if left := s.stop(patience); left.code != 0 {
		t.Errorf("%+v", left)
	}
}

// TestAdminWrong holds what an operator is told who asks for what cannot be.
func TestAdminWrong(t *testing.T) {
	v := newVenue(t, "0.01", "ALICE")
	s := v.serve()
	c := []string{"-c", v.config}
	v.wrong(t, []wrong{
		{"no word", append([]string{"admin"}, c...), 2, "E4003", "matcher admin needs a word\n  why   matcher admin status"},
		{"misspelt", append([]string{"admin", "hlat", "AAPL"}, c...), 2, "E4005", "did you mean halt?"},
		{"of what", append([]string{"admin", "halt"}, c...), 2, "E4003", "needs 1 argument, got 0"},
		{"of whom", append([]string{"admin", "cancel"}, c...), 2, "E4003", "--all"},
		{"of whom and all", append([]string{"admin", "cancel", "--all", "--user", "ALICE"}, c...), 2, "E4004", "--all goes with no other filter"},
		{"another word's flag", append([]string{"admin", "status", "--user", "ALICE"}, c...), 2, "E4004", "--user is not for matcher admin status"},
		{"side", append([]string{"admin", "cancel", "--side", "X"}, c...), 2, "E4004", "B or S"},
		{"reason of a bust", append([]string{"admin", "bust", "1", "--reason", "Z"}, c...), 2, "E4004", "E erroneous"},
		{"reason of a halt", append([]string{"admin", "halt", "AAPL", "--reason", "TOOLONG"}, c...), 2, "E4004", "up to 4 characters"},
		{"no match", append([]string{"admin", "bust", "first"}, c...), 2, "E4005", "no match number"},
		{"no symbol", append([]string{"admin", "halt", "no symbol"}, c...), 2, "E2005", "is no symbol"},
		{"no journal", []string{"admin", "status", "--journal", v.path("none")}, 7, "E5007", "no server is at work"},
		{"no trade", append([]string{"admin", "bust", "1"}, c...), 6, "E2012", "there is no trade 1"},
	})
	_ = s.stop(patience)
}

// TestCancelOnDisconnect: what a lost connection takes with it, also when the server is killed in between, and once.
func TestCancelOnDisconnect(t *testing.T) {
	v := newVenue(t, "0.01", "ALICE", "BOB", "CAROL")
	v.edit(v.config, "cancel_on_disconnect = false", "cancel_on_disconnect = true")
	v.edit(v.config, `recovery_grace = "10s"`, `recovery_grace = "1s"`)
	v.must(0, "user", "set", "CAROL", "-c", v.config, "--cancel-on-disconnect", "false")
	s := v.serve()
	orders := func(want int) {
		t.Helper()
		var status struct{ Orders int }
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if err := json.Unmarshal([]byte(v.admin(0, "status", "--json").stdout), &status); err != nil {
				t.Fatal(err)
			}
			if status.Orders == want {
				return
			}
		}
		t.Fatalf("%d orders, want %d", status.Orders, want)
	}
	alice, bob, carol := dialed(t, s, v, "ALICE", 1), dialed(t, s, v, "BOB", 1), dialed(t, s, v, "CAROL", 1)
	for _, d := range []*dealer{alice, bob, carol} {
		d.enter('B', 10, 1_000_000)
		d.until(t, ouch.TypeAccepted)
	}
	orders(3)
	_ = alice.conn.Close()
	_ = carol.conn.Close()
	orders(2) // ALICE's is gone, CAROL's stays

	s.kill() // BOB's connection is lost unheard
	s = v.serve()
	orders(2)
	orders(1)
	again := dialed(t, s, v, "BOB", 1)
	if m := again.until(t, ouch.TypeCanceled).(*ouch.Canceled); m.UserRefNum != 1 || m.Reason != ouch.CanceledUser || m.Quantity != 10 {
		t.Errorf("%+v", m)
	}
	again.ref = 1
	again.enter('B', 20, 1_000_000)
	again.until(t, ouch.TypeAccepted)

	s.kill()
	s = v.serve()
	back := dialed(t, s, v, "BOB", 0) // in time: nothing is cancelled
	time.Sleep(1500 * time.Millisecond)
	orders(2)
	_ = back.conn.Close()
	orders(1)
	s.kill()
	s = v.serve()
	time.Sleep(1500 * time.Millisecond)
	if left := s.stop(patience); left.code != 0 {
		t.Errorf("%+v", left)
	}
	v.must(0, "replay", v.journal(), "--verify")
	dump := v.must(0, "journal", "dump", v.journal())
	for user, want := range map[string]int{"user=1 ": 1, "user=2 ": 2, "user=3 ": 1} {
		if n := len(regexp.MustCompile(`(?m)^disconnect seq=\d+ time=\d+ `+user).FindAllString(dump, -1)); n != want {
			t.Errorf("%d disconnects of %s, want %d", n, user, want)
		}
	}
}
