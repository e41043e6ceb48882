package tests

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"matcher/client"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

var query = soupbin.AppendUnsequenced(nil, (&ouch.AccountQuery{}).Append(nil))

// status is what `matcher admin status` says, of numbers.
func (a *arena) status() string {
	return a.must(0, "admin", "status", "--json", "-c", a.config)
}

// count reads a number out of it.
func (a *arena) count(key string) int {
	a.t.Helper()
	_, text, ok := strings.Cut(a.status(), `"`+key+`":`)
	n, err := strconv.Atoi(text[:max(0, strings.IndexAny(text, ",}"))])
	if !ok || err != nil {
		a.t.Fatalf("no number %s in the status: %v", key, err)
	}
	return n
}

// TestHostileTinyFrames: a million packets of nothing in as few segments as they fit in, before a login and after it.
func TestHostileTinyFrames(t *testing.T) {
	a := newArena(t, "MATCHER_SESSION_LOGIN_TIMEOUT=20s")
	const frames = 1_000_000
	tiny := bytes.Repeat([]byte{0, 1, soupbin.ClientHeartbeat}, frames)
	a.under(t, 32<<10, func() {
		p := a.meet(t, "")
		p.say(tiny[:len(tiny)/10])
		p.enter(a, 0)
		p.say(tiny)
		p.say(query)
		if types, debug := p.outcome(); types != "Q" || debug != "" {
			t.Errorf("%q %q", types, debug)
		}
	})
}

// TestHostileStrangers: connections that never log in. Those of one address are limited, all of them time out, and others
// still log in. MATCHER_HOSTILE_CONNECTIONS=10000 makes them as many.
func TestHostileStrangers(t *testing.T) {
	strangers := 300
	if n, err := strconv.Atoi(os.Getenv("MATCHER_HOSTILE_CONNECTIONS")); err == nil {
		strangers = n
	}
	most := strangers / 2
	a := newArena(t, fmt.Sprintf("MATCHER_CORE_MAX_SESSIONS=%d", strangers), fmt.Sprintf("MATCHER_SESSION_MAX_PER_ADDRESS=%d", most))
	a.under(t, 32<<10+strangers, func() {
		var all []*peer
		for n := range strangers {
			p, err := a.try(t, hostileHome)
			if err != nil {
				t.Fatalf("connection %d: %v", n, err)
			}
			if n%3 == 0 {
				_, _ = p.Write([]byte{0, 47, 'L', 'A'}) // and no more
			}
			all = append(all, p)
		}
		carol := a.login(a.s.addr, "CAROL", client.Options{})
		_ = carol.Close()
		for _, p := range all {
			if types, debug := p.outcome(); types+debug != "" {
				t.Fatalf("a stranger is told %q %q", types, debug)
			}
			_ = p.Close()
		}
		if n := a.count("refused_connections"); strangers < 10_000 && n < strangers-most-10 {
			t.Errorf("of %d connections of one address %d were turned away, it may have %d", strangers, n, most)
		}
	})
}

// TestHostileLoginFlood: wrong keys from one address, as fast as they go. It is made to wait; other addresses are not.
func TestHostileLoginFlood(t *testing.T) {
	a := newArena(t, "MATCHER_SESSION_MAX_WRONG_LOGINS=20")
	a.under(t, 32<<10, func() {
		var refused, closed [4]int
		var flood sync.WaitGroup
		for i := range 4 {
			flood.Go(func() {
				for range 250 {
					p, err := a.try(t, hostileHome)
					if err != nil {
						continue
					}
					_, _ = p.Write(login(hostileUser, "WRONG", 1)) // it may be closed already
					answer, _ := io.ReadAll(p)
					switch {
					case len(answer) == 0:
						closed[i]++
					case bytes.Equal(answer, []byte{0, 2, soupbin.LoginRejected, soupbin.NotAuthorized}):
						refused[i]++
					default:
						t.Errorf("a wrong key is answered by %q", answer)
					}
					_ = p.Close()
				}
			})
		}
		carol := a.login(a.s.addr, "CAROL", client.Options{})
		_ = carol.Close()
		flood.Wait()
		refusals, closes := 0, 0
		for i := range refused {
			refusals, closes = refusals+refused[i], closes+closed[i]
		}
		// 20 at once, and one every 3 s; those that were connected when the last of them was wrong are answered too.
		if refusals < 20 || refusals > 40 || closes < 900 {
			t.Errorf("%d wrong logins were answered, %d connections closed", refusals, closes)
		}
		if types, _ := func() (string, string) { p := a.meet(t, hostileHome); return p.outcome() }(); types != "" {
			t.Errorf("the address is told %q", types)
		}
	})
	if strings.Contains(a.s.err.String(), "WRONG") {
		t.Error("a key is in the log")
	}
}

// TestHostileDeafness: a client that asks and does not read is disconnected after a while, and has lost nothing.
func TestHostileDeafness(t *testing.T) {
	for _, test := range []struct{ name, setting string }{
		{"for too long", "MATCHER_SESSION_STALL_TIMEOUT=300ms"},
		{"too far behind", "MATCHER_SESSION_MAX_BEHIND=1MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newArena(t, test.setting)
			a.under(t, 160<<10, func() { // its stream, and that is bounded by stream_memory
				p := a.meet(t, "")
				p.enter(a, 1)
				_ = p.SetReadBuffer(4 << 10)
				p.say(bytes.Repeat(query, 300_000)) // the answers fill its socket, and more than a MiB of its stream
				few := bytes.Repeat(query, 64)
				for start := time.Now(); ; {
					if _, err := p.Write(few); err != nil {
						break
					}
					if time.Since(start) > patience {
						t.Fatal("it is not disconnected")
					}
					time.Sleep(2 * time.Millisecond)
				}
				_ = p.Close()
				for start := time.Now(); a.count("slow") == 0; time.Sleep(time.Millisecond) {
					if time.Since(start) > patience {
						t.Fatalf("the status does not say so: %s", a.status())
					}
				}
				if want := "warning: " + hostileUser + " was disconnected: it does not take what it is sent"; !strings.Contains(a.s.err.String(), want) {
					t.Errorf("the operator is not told: %s", a.s.err)
				}
				again := a.meet(t, "")
				told := again.enter(a, 0) - 1 // before the next to come
				_ = again.Close()
				again = a.meet(t, "")
				again.enter(a, 1)
				for n := range told {
					kind, payload := again.packet()
					if kind != soupbin.SequencedData || n == 0 != (payload[0] == ouch.TypeSystemEvent) {
						t.Fatalf("message %d of %d of the stream is %q %q", n+1, told, kind, payload)
					}
				}
				if told < 1000 {
					t.Errorf("%d messages", told)
				}
			})
			dump := a.must(0, "journal", "dump", a.journal())
			if strings.Count(dump, " cause=4\n") != 1 {
				t.Error("the end of the slow session is not journaled as such")
			}
			if n := strings.Count(dump, "\nquery "); n < 1000 {
				t.Errorf("%d queries are journaled", n)
			}
		})
	}
}

// TestHostileEnds: peers that vanish: with a reset in the middle of a message, and without a word.
func TestHostileEnds(t *testing.T) {
	a := newArena(t, "MATCHER_SESSION_CLIENT_TIMEOUT=400ms", "MATCHER_SESSION_HEARTBEAT=100ms")
	a.under(t, 32<<10, func() {
		for n := range 100 {
			p := a.meet(t, "")
			p.enter(a, 0)
			p.say(bytes.Repeat(query, n))
			p.say(query[:n%len(query)])
			_ = p.SetLinger(0) // the close is a reset
			_ = p.Close()
		}
		p := a.meet(t, "")
		p.enter(a, 0)
		start := time.Now()
		if types, debug := p.outcome(); types != "+" || debug != "nothing received for too long" || time.Since(start) < 300*time.Millisecond {
			t.Errorf("silence: %q %q after %v", types, debug, time.Since(start))
		}
	})
}

// TestHostileTwins: two logins of one user, over and over: the newer one wins and the older one is told; what the older had
// sent before is carried out.
func TestHostileTwins(t *testing.T) {
	a := newArena(t)
	const logins = 50
	a.under(t, 32<<10, func() {
		old := a.meet(t, "")
		old.enter(a, 0)
		for range logins {
			old.say(query)
			p := a.meet(t, "")
			p.enter(a, 0)
			types, debug := old.outcome() // the answer to its query may have come too late for it
			if types == "Q" {
				old.queries = 1
				types, debug = old.outcome()
			}
			if types != "+" || debug != "the user has logged in again elsewhere" {
				t.Fatalf("the older connection is told %q %q", types, debug)
			}
			_ = old.Close()
			old = p
		}
	})
	if n := strings.Count(a.must(0, "journal", "dump", a.journal()), "\nquery "); n != logins {
		t.Errorf("%d of %d messages were carried out", n, logins)
	}
}
