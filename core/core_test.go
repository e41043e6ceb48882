package core

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"matcher/client"
	"matcher/replay"
	"matcher/ring"
	"matcher/wire/ouch"
)

// config is a small venue with users U0 to U7, whose key is KEY, in a directory of its own.
func config(t testing.TB) Config { return configOn(t, AutoBackend) }

// onEach runs a test on every backend.
func onEach(t *testing.T, test func(*testing.T, Backend)) {
	t.Run("uring", func(t *testing.T) { test(t, UringBackend) })
	t.Run("portable", func(t *testing.T) { test(t, PortableBackend) })
}

func configOn(t testing.TB, backend Backend) Config {
	t.Helper()
	c := Config{
		Backend: backend,
		Listen:  "127.0.0.1:0", Journal: t.TempDir(), Segment: 8 << 20, CPU: NoCPU, Wait: ring.Block,
		MaxOrders: 200_000, MaxUsers: 16, MaxSessions: 32, StreamMemory: 256 << 20,
		LoginTimeout: 10 * time.Second, ClientTimeout: 15 * time.Second, Heartbeat: time.Second,
		Instruments: []Instrument{{Symbol: "AAPL", PriceDecimals: 4, Tick: 100, Lot: 1, MaxQty: 1_000_000, MaxPrice: 1_999_999_900}},
		Log:         func(line string) { t.Log(line) },
	}
	for i := range 8 {
		name := fmt.Sprintf("U%d", i)
		mac := hmac.New(sha256.New, c.Secret[:])
		mac.Write([]byte(name + ":KEY"))
		c.Users = append(c.Users, User{Name: name, Firm: "ALFA", Hash: [32]byte(mac.Sum(nil))})
	}
	return c
}

func open(t testing.TB, c Config) *Server {
	t.Helper()
	s, err := Open(c)
	var refused *ring.SetupError
	if errors.As(err, &refused) {
		t.Skipf("io_uring cannot be had here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// stepped opens a venue that the test turns itself.
func stepped(t *testing.T, c Config) *Stepped {
	t.Helper()
	runtime.LockOSThread() // a ring belongs to a thread
	t.Cleanup(runtime.UnlockOSThread)
	if c.World == nil {
		c.World = newMachine(&c)
	}
	v, err := OpenStepped(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		v.loop.shutdown()
		v.server.pipe.close()
	})
	return v
}

// eventually waits until something has come about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func stop(t testing.TB, s *Server) Result {
	t.Helper()
	s.Stop()
	r, err := s.Run()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// trader is a client that keeps every message it got, in order.
type trader struct {
	t testing.TB
	*client.Conn
	ref  uint32
	got  [][]byte
	from uint64 // number of the first
}

func dial(t testing.TB, s *Server, user string, sequence uint64) *trader {
	t.Helper()
	c, err := client.Dial(context.Background(), client.Options{Addr: s.Addr(), Username: user, Password: "KEY", Sequence: sequence})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &trader{t: t, Conn: c, from: c.NextSequence()}
}

func (d *trader) send(m ouch.Inbound) {
	d.t.Helper()
	if err := d.Send(m); err != nil {
		d.t.Fatal(err)
	}
}

func (d *trader) order(side byte, qty uint32, price uint64, tif byte) uint32 {
	d.ref++
	d.send(&ouch.EnterOrder{
		UserRefNum: d.ref, Side: side, Quantity: qty, Symbol: ouch.Symbol("AAPL"), Price: price, TimeInForce: tif,
		Display: 'Y', Capacity: 'P', Sweep: 'N', CrossType: 'N', ClOrdID: ouch.ClOrdID(fmt.Sprint(d.ref)),
	})
	return d.ref
}

// settle waits until everything sent before is answered.
func (d *trader) settle() {
	d.t.Helper()
	d.send(&ouch.AccountQuery{})
	d.until(ouch.TypeQueryResponse)
}

// until reads up to and including the next message of a type.
func (d *trader) until(kind byte) {
	d.t.Helper()
	if err := d.Flush(); err != nil {
		d.t.Fatal(err)
	}
	for {
		m, err := d.Recv()
		if err != nil {
			d.t.Fatalf("after %d messages: %v", len(d.got), err)
		}
		d.got = append(d.got, bytes.Clone(m.Payload))
		if m.Payload[0] == kind {
			return
		}
	}
}

func (d *trader) types() string {
	var s []byte
	for _, m := range d.got {
		s = append(s, m[0])
	}
	return string(s)
}

// verify replays a journal and returns its state hash and the number of commands.
func verify(t testing.TB, dir string) (hash uint64, counts replay.Counts) {
	t.Helper()
	j, err := replay.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	for {
		if _, _, err := j.Next(); errors.Is(err, io.EOF) {
			return j.Engine().Hash(), j.Counts()
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTradeRestartResume(t *testing.T) { onEach(t, testTradeRestartResume) }

func testTradeRestartResume(t *testing.T, backend Backend) {
	for _, durability := range []Durability{Sync, Async} {
		t.Run(fmt.Sprint(durability), func(t *testing.T) {
			c := configOn(t, backend)
			c.Durability = durability
			s := open(t, c)
			a, b := dial(t, s, "U0", 1), dial(t, s, "U1", 1)
			a.order('S', 100, 1_000_000, '0')
			a.settle()
			b.order('B', 60, 1_000_000, '0')
			b.settle()
			a.until('E')
			if a.types() != "SAQE" || b.types() != "SAEQ" {
				t.Fatalf("maker saw %s, taker saw %s", a.types(), b.types())
			}
			live := stop(t, s)
			if hash, counts := verify(t, c.Journal); hash != live.StateHash || counts.Fills != 1 {
				t.Fatalf("live %016x, replayed %016x with %d fills", live.StateHash, hash, counts.Fills)
			}
			s = open(t, c)
			again := dial(t, s, "U0", 1)
			again.until('E')
			if again.Session() != a.Session() {
				t.Fatalf("session %s, was %s", again.Session(), a.Session())
			}
			for i := range a.got {
				if !bytes.Equal(a.got[i], again.got[i]) {
					t.Fatalf("message %d is\n%x after the restart, was\n%x", i+1, again.got[i], a.got[i])
				}
			}
			again.ref = a.ref
			again.send(&ouch.CancelOrder{UserRefNum: 1})
			again.until('C')
			stop(t, s)
			verify(t, c.Journal)
		})
	}
}

// crash takes the directory as a power cut would leave it: what is durable at this moment, without an orderly end.
func crash(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	names, err := filepath.Glob(filepath.Join(from, "*.mj"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(name)), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func TestCrash(t *testing.T) { onEach(t, testCrash) }

func testCrash(t *testing.T, backend Backend) {
	for _, durability := range []Durability{Sync, Async} {
		t.Run(fmt.Sprint(durability), func(t *testing.T) {
			c := configOn(t, backend)
			c.Durability = durability
			s := open(t, c)
			a := dial(t, s, "U0", 1)
			for range 50 {
				a.order('S', 100, 1_000_000, '0')
			}
			a.settle()
			if durability == Async {
				time.Sleep(300 * time.Millisecond) // longer than the linger: the copy holds what was sent
			}
			old := c.Journal
			c.Journal = crash(t, old)
			stop(t, s)
			s = open(t, c)
			b := dial(t, s, "U0", 1)
			b.send(&ouch.AccountQuery{})
			b.until('Q')
			if durability == Sync {
				b.until('Q') // the old stream first
				for i := range a.got {
					if !bytes.Equal(a.got[i], b.got[i]) {
						t.Fatalf("message %d differs after the crash", i+1)
					}
				}
				if a.Session() != b.Session() {
					t.Fatal("the session id changed")
				}
			} else {
				// What was sent may be void: another session, a System Event, and the live orders told again.
				if a.Session() == b.Session() || b.types()[:51] != "S"+string(bytes.Repeat([]byte("A"), 50)) {
					t.Fatalf("session %s, was %s; stream %s", b.Session(), a.Session(), b.types())
				}
			}
			stop(t, s)
			verify(t, c.Journal)
		})
	}
}

// TestGreatSweep has one order fill more makers than the journal has memory for, across several segments.
func TestGreatSweep(t *testing.T) { onEach(t, testGreatSweep) }

func testGreatSweep(t *testing.T, backend Backend) {
	n := 100_000
	if testing.Short() {
		n = 20_000
	}
	c := configOn(t, backend)
	s := open(t, c)
	a, b := dial(t, s, "U0", 0), dial(t, s, "U1", 0)
	for i := range n {
		a.order('S', 1, 1_000_000+uint64(i%50)*100, '0')
		if i%1000 == 999 {
			a.settle()
			a.got = nil
		}
	}
	b.order('B', uint32(n), 1_100_000, '3')
	b.settle()
	fills := 0
	for _, m := range b.got {
		if m[0] == 'E' {
			fills++
		}
	}
	if fills != n {
		t.Fatalf("%d fills, want %d", fills, n)
	}
	live := stop(t, s)
	hash, counts := verify(t, c.Journal)
	if hash != live.StateHash || counts.Fills != uint64(n) {
		t.Fatalf("replay: %d fills, hash %016x, live %016x", counts.Fills, hash, live.StateHash)
	}
	if names, _ := filepath.Glob(filepath.Join(c.Journal, "*.mj")); n == 100_000 && len(names) < 3 {
		t.Fatalf("only %d segments: rotation was not tested", len(names))
	}
}

// TestSlowReader: a client that does not read neither holds up others nor loses anything.
func TestSlowReader(t *testing.T) { onEach(t, testSlowReader) }

func testSlowReader(t *testing.T, backend Backend) {
	s := open(t, configOn(t, backend))
	slow, quick := dial(t, s, "U0", 1), dial(t, s, "U1", 1)
	const n = 60_000
	done := make(chan error, 1)
	go func() {
		for range n {
			slow.ref++
			if err := slow.Send(&ouch.CancelOrder{UserRefNum: 1}); err != nil {
				done <- err
				return
			}
			if err := slow.Send(&ouch.AccountQuery{}); err != nil {
				done <- err
				return
			}
		}
		done <- slow.Flush()
	}()
	for range 200 {
		quick.order('B', 1, 1_000_000, '0')
		quick.settle()
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for len(slow.got) < n+1 {
		slow.until('Q')
	}
	if next := slow.NextSequence(); next != n+2 {
		t.Fatalf("the slow reader is at %d, want %d", next, n+2)
	}
}

func TestRefusals(t *testing.T) {
	c := config(t)
	s := open(t, c)
	t.Run("journal in use", func(t *testing.T) {
		if _, err := Open(c); !errors.Is(err, ring.ErrLocked) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("port in use", func(t *testing.T) {
		other := config(t)
		other.Listen = s.Addr()
		if _, err := Open(other); !errors.Is(err, ErrListen) || !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("too little stream memory", func(t *testing.T) {
		other := config(t)
		other.StreamMemory = 1 << 20
		if _, err := Open(other); !errors.Is(err, ErrConfig) {
			t.Fatalf("got %v", err)
		}
	})
	stop(t, s)
	t.Run("instrument changed", func(t *testing.T) {
		other := c
		other.Instruments = []Instrument{c.Instruments[0]}
		other.Instruments[0].Tick = 1
		if _, err := Open(other); !errors.Is(err, ErrConfig) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("corrupt journal", func(t *testing.T) {
		name := filepath.Join(c.Journal, "000001.mj")
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		before := bytes.Clone(b)
		b[4096+200] ^= 1
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(c); err == nil {
			t.Fatal("opened")
		}
		if after, _ := os.ReadFile(name); !bytes.Equal(after, b) {
			t.Fatal("a refusal changed the journal")
		}
		if err := os.WriteFile(name, before, 0o644); err != nil {
			t.Fatal(err)
		}
		stop(t, open(t, c))
	})
}

// TestStreamMemory fills it: order entry closes with a reject that says so, cancels are served, nothing breaks.
func TestStreamMemory(t *testing.T) { onEach(t, testStreamMemory) }

func testStreamMemory(t *testing.T, backend Backend) {
	c := configOn(t, backend)
	c.MaxOrders, c.StreamMemory, c.Durability = 1000, 8<<20, Async
	s := open(t, c)
	a := dial(t, s, "U0", 0)
	keep := a.order('B', 1, 900_000, '0')
	for range 100_000 {
		ref := a.order('B', 1, 1_000_000, '0')
		a.settle()
		if last := a.got[len(a.got)-2]; last[0] == 'J' {
			var j ouch.Rejected
			if err := j.Decode(last); err != nil || j.Reason != ouch.RejectDestinationClosed {
				t.Fatalf("rejected with %#x", j.Reason)
			}
			a.send(&ouch.CancelOrder{UserRefNum: keep})
			a.until('C')
			stop(t, s)
			verify(t, c.Journal)
			return
		}
		a.got = a.got[:0]
		a.send(&ouch.CancelOrder{UserRefNum: ref})
		a.until('C')
	}
	t.Fatal("the memory never filled")
}

// placed is a machine that writes down which memory is put in place.
type placed struct {
	World
	sizes []uint64
}

func (w *placed) Prefault(address, size uintptr) {
	w.sizes = append(w.sizes, uint64(size))
	w.World.Prefault(address, size)
}

// TestPrefault: as much stream memory as was asked for is in place before the venue opens, and never more than there is.
func TestPrefault(t *testing.T) {
	for _, test := range []struct{ ask, want uint64 }{{0, 0}, {3 << 20, 3 << 20}, {1 << 40, 256 << 20}} {
		c := config(t)
		c.Prefault = test.ask
		w := &placed{World: Machine(&c)}
		c.World = w
		stop(t, open(t, c))
		if len(w.sizes) < 2 || w.sizes[0] != slotCount*slotSize || w.sizes[1] != test.want {
			t.Errorf("prefault of %d: %d bytes, want the blocks and %d", test.ask, w.sizes, test.want)
		}
	}
}
