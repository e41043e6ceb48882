package core

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// flooder is a raw connection that is logged in and writes without waiting for anything.
func flooder(t *testing.T, s *Server, user string) net.Conn {
	t.Helper()
	n, login := knock(t, s, user)
	send(t, n, login)
	b := make([]byte, soupbin.HeaderSize+soupbin.LoginAcceptedSize)
	if _, err := io.ReadFull(n, b); err != nil || b[2] != soupbin.LoginAccepted {
		t.Fatalf("login: %q, %v", b, err)
	}
	return n
}

// knock connects and returns the login that a user would send.
func knock(t *testing.T, s *Server, user string) (n net.Conn, login []byte) {
	t.Helper()
	n, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	var l soupbin.Login
	copy(l.Username[:], user)
	copy(l.Password[:], "KEY")
	return n, soupbin.AppendLogin(nil, &l, soupbin.Left)
}

func swallow(n net.Conn) {
	_, _ = io.Copy(io.Discard, n) // ends with the connection
}

// TestFloodDoesNotHoldBackAnswers: while others send as fast as they can, an answer comes while the flood goes on.
func TestFloodDoesNotHoldBackAnswers(t *testing.T) { onEach(t, testFloodDoesNotHoldBackAnswers) }

func testFloodDoesNotHoldBackAnswers(t *testing.T, backend Backend) {
	if testing.Short() {
		t.Skip("it judges by the clock: not beside the race detector")
	}
	c := configOn(t, backend)
	c.Segment = 64 << 20
	s := open(t, c)
	v := dial(t, s, "U0", 0)
	v.settle()
	blob := bytes.Repeat(soupbin.AppendUnsequenced(nil, (&ouch.CancelOrder{UserRefNum: 1}).Append(nil)), 1<<16)
	flood := 3 * time.Second
	end := time.Now().Add(flood)
	done := make(chan bool, 2)
	for i := range 2 {
		n := flooder(t, s, fmt.Sprint("U", i+1))
		go func() {
			for time.Now().Before(end) {
				if _, err := n.Write(blob); err != nil {
					break
				}
			}
			done <- true
		}()
	}
	time.Sleep(100 * time.Millisecond) // so that the flood stands
	v.settle()
	if left := time.Until(end); left < flood/4 {
		t.Fatalf("the answer came %v before the end of the flood", left)
	}
	<-done
	<-done
	stop(t, s)
}

// TestBirthCutShort: a journal that has a header and no block, or only some of its first commands, is born to the end.
func TestBirthCutShort(t *testing.T) { onEach(t, testBirthCutShort) }

func testBirthCutShort(t *testing.T, backend Backend) {
	c := configOn(t, backend)
	stop(t, open(t, c))
	name := filepath.Join(c.Journal, "000001.mj")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	clear(b[4096:])
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
	s := open(t, c)
	a := dial(t, s, "U0", 1)
	a.order('S', 100, 1_000_000, '0')
	a.until('A')
	stop(t, s)
	verify(t, c.Journal)
}

// TestRefusedStartChangesNothing: a configuration that does not fit is refused before anything is written.
func TestRefusedStartChangesNothing(t *testing.T) { onEach(t, testRefusedStartChangesNothing) }

func testRefusedStartChangesNothing(t *testing.T, backend Backend) {
	c := configOn(t, backend)
	s := open(t, c)
	stop(t, s)
	list := func() string {
		names, err := filepath.Glob(filepath.Join(c.Journal, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(names, " ")
	}
	before := list()
	for name, spoil := range map[string]func(*Config){
		"tick":       func(c *Config) { c.Instruments = []Instrument{c.Instruments[0]}; c.Instruments[0].Tick = 1 },
		"bad":        func(c *Config) { c.Instruments = []Instrument{{Symbol: "BAD"}} },
		"twice":      func(c *Config) { c.Users = append(c.Users[:len(c.Users):len(c.Users)], c.Users[0]) },
		"users":      func(c *Config) { c.Users = append(c.Users[:len(c.Users):len(c.Users)], many(20)...) },
		"segment":    func(c *Config) { c.Segment = 1 << 20 },
		"no segment": func(c *Config) { c.Segment = 0 },
		"ahead":      func(c *Config) { c.Ahead = uint64(maxAhead*c.Segment) + 1 },
		"sessions":   func(c *Config) { c.MaxSessions = 0 },
		"chunk":      func(c *Config) { c.Chunk = 4 << 10 },
		"memory":     func(c *Config) { c.StreamMemory = 1 << 20 },
		"durability": func(c *Config) { c.Durability = 3 },
		"roll":       func(c *Config) { c.Roll.At = 24 * time.Hour },
		"long name":  func(c *Config) { c.Users = []User{{Name: "TOOLONG"}} },
	} {
		spoilt := c
		spoil(&spoilt)
		if _, err := Open(spoilt); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
		if after := list(); after != before {
			t.Errorf("%s: the journal has now %s, had %s", name, after, before)
		}
	}
	stop(t, open(t, c))
}

// TestCheckKnowsStreamMemory: what a start would refuse for want of stream memory, a check of the file alone refuses too.
func TestCheckKnowsStreamMemory(t *testing.T) { onEach(t, testCheckKnowsStreamMemory) }

func testCheckKnowsStreamMemory(t *testing.T, backend Backend) {
	c := configOn(t, backend)
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	c.StreamMemory = 1 << 20
	if err := c.Check(); !errors.Is(err, ErrConfig) {
		t.Fatalf("1 MiB for %d orders: %v", c.MaxOrders, err)
	}
}

func many(n int) []User {
	users := make([]User, n)
	for i := range users {
		users[i].Name = fmt.Sprint("M", i)
	}
	return users
}

// TestFewerOrdersConfigured: the journal's limits stay in force, and so does the memory kept for them.
func TestFewerOrdersConfigured(t *testing.T) { onEach(t, testFewerOrdersConfigured) }

func testFewerOrdersConfigured(t *testing.T, backend Backend) {
	c := configOn(t, backend)
	stop(t, open(t, c))
	c.MaxOrders, c.StreamMemory = 10, 4<<20
	if _, err := Open(c); !errors.Is(err, ErrConfig) {
		t.Fatalf("a venue of 200,000 orders opened with 4 MiB of stream memory: %v", err)
	}
}

// TestExpiryWhenMemoryIsUsedUp: all that rests may still expire when nothing else is let in, and the day can be recovered.
func TestExpiryWhenMemoryIsUsedUp(t *testing.T) { onEach(t, testExpiryWhenMemoryIsUsedUp) }

func testExpiryWhenMemoryIsUsedUp(t *testing.T, backend Backend) {
	c := configOn(t, backend)
	c.MaxUsers, c.MaxOrders, c.StreamMemory, c.Durability = 8, 15_000, 12<<20, Async
	s := open(t, c)
	n := flooder(t, s, "U0")
	go swallow(n)
	app := (&ouch.Options{Present: ouch.Tag15ExpireTime | ouch.Tag28UserRefIdx, ExpireTime: 2, UserRefIdx: 1}).Append(nil)
	var b []byte
	for i := range 15_000 {
		b = soupbin.AppendUnsequenced(b, (&ouch.EnterOrder{
			UserRefNum: uint32(i + 1), Side: 'S', Quantity: 1, Symbol: ouch.Symbol("AAPL"), Price: 1_000_000, TimeInForce: '6',
			Display: 'Y', Capacity: 'P', Sweep: 'N', CrossType: 'N', Appendage: app,
		}).Append(nil))
	}
	if _, err := n.Write(b); err != nil {
		t.Fatal(err)
	}
	q := bytes.Repeat(soupbin.AppendUnsequenced(nil, (&ouch.AccountQuery{}).Append(nil)), 10_000)
	_ = n.SetWriteDeadline(time.Now().Add(4 * time.Second))
	for err := error(nil); err == nil; {
		_, err = n.Write(q) // until nothing is read any more, past the expiry
	}
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	time.Sleep(300 * time.Millisecond)
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	if busy := time.Duration(after.Utime.Nano() - before.Utime.Nano()); busy > 150*time.Millisecond {
		t.Errorf("the loop spins while it reads nothing: %v of 300 ms", busy)
	}
	stop(t, s)
	if _, counts := verify(t, c.Journal); counts.Events < 30_000 {
		t.Fatalf("only %d events: the orders did not expire", counts.Events)
	}
	stop(t, open(t, c))
}

// TestNoSpareSegment: while no segment can be prepared the venue goes on, closes order entry in time, and opens it again.
func TestNoSpareSegment(t *testing.T) { onEach(t, testNoSpareSegment) }

func testNoSpareSegment(t *testing.T, backend Backend) {
	c := configOn(t, backend)
	c.Durability = Async
	obstacle := filepath.Join(c.Journal, "000002.mj.new")
	if err := os.MkdirAll(filepath.Join(obstacle, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := open(t, c)
	a := dial(t, s, "U0", 0)
	keep := a.order('B', 1, 900_000, '0')
	refused := func() bool {
		ref := a.order('B', 1, 1_000_000, '0')
		a.settle()
		kind := a.got[len(a.got)-2][0]
		a.got = a.got[:0]
		if kind == 'A' {
			a.send(&ouch.CancelOrder{UserRefNum: ref})
		}
		return kind == 'J'
	}
	end := time.Now().Add(20 * time.Second)
	for !refused() {
		if time.Now().After(end) {
			t.Fatal("order entry never closed")
		}
	}
	a.send(&ouch.CancelOrder{UserRefNum: keep})
	a.until('C')
	if err := os.RemoveAll(obstacle); err != nil {
		t.Fatal(err)
	}
	for refused() {
		if time.Now().After(end) {
			t.Fatal("order entry never opened again")
		}
		time.Sleep(10 * time.Millisecond) // the helper tries again each second
	}
	stop(t, s)
	verify(t, c.Journal)
}

// TestStopTwice: a late Stop does not write into whatever has got the pipe's number by then.
func TestStopTwice(t *testing.T) { onEach(t, testStopTwice) }

func testStopTwice(t *testing.T, backend Backend) {
	c := configOn(t, backend)
	s := open(t, c)
	stop(t, s)
	var files []*os.File
	for range 64 {
		f, err := os.CreateTemp(t.TempDir(), "x")
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	s.Stop()
	for _, f := range files {
		if st, err := f.Stat(); err != nil || st.Size() != 0 {
			t.Errorf("%s has %d bytes", f.Name(), st.Size())
		}
		_ = f.Close()
	}
}

// TestNothingLeaks: descriptors and files after many starts and stops.
func TestNothingLeaks(t *testing.T) { onEach(t, testNothingLeaks) }

func testNothingLeaks(t *testing.T, backend Backend) {
	c := configOn(t, backend)
	c.Segment = 64 << 20
	stop(t, open(t, c))
	count := func() int {
		e, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(e)
	}
	before := count()
	for range 5 {
		s := open(t, c)
		dial(t, s, "U0", 1).settle()
		stop(t, s)
	}
	if after := count(); after > before+5 { // the clients' own are closed at the end of the test
		t.Fatalf("%d descriptors, were %d", after, before)
	}
	if left, _ := filepath.Glob(filepath.Join(c.Journal, "*.new")); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
}

// TestAsyncSessionAfterLostEpoch: an epoch whose first block never reached the disk has told nobody anything.
func TestAsyncSessionAfterLostEpoch(t *testing.T) { onEach(t, testAsyncSessionAfterLostEpoch) }

func testAsyncSessionAfterLostEpoch(t *testing.T, backend Backend) {
	c := configOn(t, backend)
	c.Durability = Async
	s := open(t, c)
	dial(t, s, "U0", 1).settle()
	stop(t, s)
	s = open(t, c)
	a := dial(t, s, "U0", 1)
	a.order('S', 100, 1_000_000, '0')
	a.settle()
	time.Sleep(50 * time.Millisecond) // longer than the linger
	c.Journal = crash(t, c.Journal)
	stop(t, s)
	s = open(t, c)
	if again := dial(t, s, "U0", 1); again.Session() == a.Session() {
		t.Fatalf("session %s goes on after an unclean end in async mode", again.Session())
	}
	stop(t, s)
}

// TestExpiredDuringAsyncCrash: an order that came due while the venue was down is told as expired in the new session.
func TestExpiredDuringAsyncCrash(t *testing.T) { onEach(t, testExpiredDuringAsyncCrash) }

func testExpiredDuringAsyncCrash(t *testing.T, backend Backend) {
	c := configOn(t, backend)
	c.Durability = Async
	s := open(t, c)
	a := dial(t, s, "U0", 1)
	for _, ttl := range []uint32{1, 1000} {
		a.ref++
		a.send(&ouch.EnterOrder{
			UserRefNum: a.ref, Side: 'S', Quantity: 1, Symbol: ouch.Symbol("AAPL"), Price: 1_000_000, TimeInForce: '6',
			Display: 'Y', Capacity: 'P', Sweep: 'N', CrossType: 'N',
			Appendage: (&ouch.Options{Present: ouch.Tag15ExpireTime, ExpireTime: ttl}).Append(nil),
		})
	}
	a.settle()
	time.Sleep(100 * time.Millisecond) // longer than the linger
	old := c.Journal
	c.Journal = crash(t, old)
	stop(t, s)
	time.Sleep(time.Second) // the first order's life
	for range 2 {
		s = open(t, c)
		b := dial(t, s, "U0", 1)
		b.until('C')
		if b.types() != "SAAC" {
			t.Fatalf("the new session begins with %s", b.types())
		}
		stop(t, s)
	}
	verify(t, c.Journal)
}
