package relay_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"matcher/client"
	client_feed "matcher/client/feed"
	"matcher/core"
	"matcher/engine"
	"matcher/feed"
	"matcher/relay"
	"matcher/replay"
	"matcher/ring"
	"matcher/snapshot"
	"matcher/wire/itch"
	"matcher/wire/mold"
	"matcher/wire/ouch"
)

// venue is a server and a relay in this process.
type venue struct {
	t     *testing.T
	cfg   core.Config
	core  *core.Server
	relay *relay.Relay
}

func hash(secret [32]byte, name string) [32]byte {
	mac := hmac.New(sha256.New, secret[:])
	mac.Write([]byte(name + ":KEY"))
	return [32]byte(mac.Sum(nil))
}

func newVenue(t *testing.T, durability core.Durability) *venue {
	t.Helper()
	v := &venue{t: t, cfg: core.Config{
		Listen: "127.0.0.1:0", Journal: t.TempDir(), Durability: durability, Segment: 8 << 20, CPU: core.NoCPU, Wait: ring.Block,
		MaxOrders: 10_000, MaxUsers: 8, MaxSessions: 8, StreamMemory: 64 << 20,
		LoginTimeout: 10 * time.Second, ClientTimeout: 15 * time.Second, Heartbeat: time.Second,
		Instruments: []core.Instrument{{Symbol: "AAPL", PriceDecimals: 4, Tick: 100, Lot: 1, MaxQty: 1_000_000, MaxPrice: 1_999_999_900}},
	}}
	v.cfg.Users = []core.User{{Name: "ALICE", Firm: "ALFA", Hash: hash(v.cfg.Secret, "ALICE")}}
	v.relay, _ = v.open(func(line string) { t.Log(line) })
	v.start()
	v.await(v.relay)
	return v
}

// open opens a relay and lets it run until the test ends or it is told to end.
func (v *venue) open(log func(string)) (r *relay.Relay, end func()) {
	v.t.Helper()
	t := v.t
	r, err := relay.Open(relay.Config{
		Journal: v.cfg.Journal, Requests: "127.0.0.1:0", ITCH: "127.0.0.1:0", Glimpse: "127.0.0.1:0", DropCopy: "127.0.0.1:0",
		Reference: "127.0.0.1:0", Rate: 1000, Spool: t.TempDir(), Log: log,
		Users: []relay.User{
			{Name: "ALICE", Firm: "ALFA", Hash: hash(v.cfg.Secret, "ALICE")},
			{Name: "DROP", Firm: "ALFA", Hash: hash(v.cfg.Secret, "DROP"), DropCopy: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	return r, end
}

func (v *venue) await(r *relay.Relay) {
	v.t.Helper()
	select {
	case <-r.Ready():
	case <-time.After(20 * time.Second):
		v.t.Fatal("the relay is not ready")
	}
}

func (v *venue) start() {
	v.t.Helper()
	var err error
	if v.core, err = core.Open(v.cfg); err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(v.core.Stop)
}

func (v *venue) stop() {
	v.t.Helper()
	v.core.Stop()
	if _, err := v.core.Run(); err != nil {
		v.t.Fatal(err)
	}
}

func (v *venue) dial(addr, user string, o client.Options) *client.Conn {
	v.t.Helper()
	o.Addr, o.Username, o.Password = addr, user, "KEY"
	c, err := client.Dial(context.Background(), o)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = c.Close() })
	return c
}

// trade enters n orders that rest and n that take them, numbered from 2*first+1 on.
func (v *venue) trade(first, n uint32) {
	v.t.Helper()
	c := v.dial(v.core.Addr(), "ALICE", client.Options{})
	for i := range 2 * n {
		if err := c.Send(&ouch.EnterOrder{
			UserRefNum: 2*first + i + 1, Side: "SB"[i%2], Quantity: 10 + 5*(i%2), Symbol: ouch.Symbol("AAPL"), Price: 1_000_000, TimeInForce: '1',
			Display: 'Y', Capacity: 'P', Sweep: 'N', CrossType: 'N', ClOrdID: ouch.ClOrdID(""),
		}); err != nil {
			v.t.Fatal(err)
		}
	}
	if err := errors.Join(c.Send(&ouch.AccountQuery{}), c.Flush()); err != nil {
		v.t.Fatal(err)
	}
	for {
		m, err := c.Recv()
		if err != nil {
			v.t.Fatal(err)
		}
		if m.Payload[0] == ouch.TypeQueryResponse {
			return
		}
	}
}

// derived returns the messages of each session of the journal.
func (v *venue) derived() map[string][]byte {
	v.t.Helper()
	j, err := replay.Open(os.DirFS(v.cfg.Journal))
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	p, all := feed.New(j.Engine()), map[string][]byte{}
	keep := func(b []byte) {
		session := p.Session()
		all[string(session[:])] = append(all[string(session[:])], b...)
	}
	j.Before(func(c *engine.Command) { keep(p.Before(nil, c)) })
	for {
		cmd, events, err := j.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			v.t.Fatal(err)
		}
		keep(p.Append(nil, cmd, events, true))
	}
}

// read reads as many bytes of messages as are wanted from a connection, and what comes behind them.
func read(t *testing.T, c *client.Conn, want int) (framed []byte, then error) {
	t.Helper()
	late := time.AfterFunc(20*time.Second, func() { _ = c.Close() })
	defer late.Stop()
	for len(framed) < want {
		m, err := c.Recv()
		if err != nil {
			return framed, err
		}
		framed = itch.AppendFrame(framed, m.Payload)
	}
	return framed, nil
}

// TestSessions: over the end of a day a stream ends, the session before can be read on, named, and asked for, and the next one
// begins with what was carried.
func TestSessions(t *testing.T) {
	for _, durability := range []core.Durability{core.Sync, core.Async} {
		v := newVenue(t, durability)
		v.trade(0, 50)
		old := v.dial(v.relay.Addr("itch"), "ALICE", client.Options{Sequence: 1})
		drop := v.dial(v.relay.Addr("dropcopy"), "DROP", client.Options{Sequence: 1})
		if a, err := v.core.Operate(&core.Request{Verb: core.EndDay}); err != nil || a.Refused != core.Done {
			t.Fatalf("the end of the day: %+v, %v", a, err)
		}
		for range 200 { // of both sides of 50 + 49 trades, and no more
			if _, err := drop.Recv(); errors.Is(err, client.ErrEndOfSession) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if n := drop.NextSequence() - 1; n < 100 {
			t.Errorf("%d executions in the drop copy", n)
		}
		got, err := read(t, old, 1<<30)
		if !errors.Is(err, client.ErrEndOfSession) {
			t.Fatalf("the session of the day ended with %v", err)
		}
		var next *client.Conn
		for start := time.Now(); next == nil || next.Session() == old.Session(); time.Sleep(10 * time.Millisecond) {
			if time.Since(start) > 20*time.Second {
				t.Fatal("no next session")
			}
			next = v.dial(v.relay.Addr("itch"), "ALICE", client.Options{Sequence: 1})
		}
		v.stop()
		all := v.derived()
		if want := all[old.Session()]; !bytes.Equal(got, want) {
			t.Errorf("the ended session has %d bytes, the journal gives %d", len(got), len(want))
		}
		want := all[next.Session()]
		if got, err := read(t, next, len(want)); err != nil || !bytes.Equal(got, want) || bytes.Count(got, []byte{0, 36, 'A'}) == 0 {
			t.Errorf("the next session has %d bytes, the journal gives %d: %v", len(got), len(want), err)
		}
		named := v.dial(v.relay.Addr("itch"), "ALICE", client.Options{Sequence: 1, Session: old.Session()})
		if again, err := read(t, named, 1<<30); !errors.Is(err, client.ErrEndOfSession) || !bytes.Equal(again, got) {
			t.Errorf("the session before has %d bytes when it is named, had %d: %v", len(again), len(got), err)
		}
		session := [10]byte([]byte(old.Session() + "          "))
		if p := v.request(v.relay, mold.Header{Session: session, Sequence: 3, Count: 2}); p.Messages() != 2 || p.Session != session {
			t.Errorf("a request of the session before: %+v", p.Header)
		}
		_, _, err = client_feed.Snapshot(context.Background(), client.Options{
			Addr: v.relay.Addr("glimpse"), Username: "ALICE", Password: "KEY", Session: old.Session(),
		}, func([]byte) error { return nil })
		if !errors.Is(err, client.ErrRejected) {
			t.Errorf("a snapshot of the session before: %v", err)
		}
	}
}

func (v *venue) request(r *relay.Relay, h mold.Header) (p mold.Packet) {
	v.t.Helper()
	c, err := net.Dial("udp", r.Addr("requests"))
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write(h.Append(nil)); err != nil {
		v.t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 2048)
	n, err := c.Read(b)
	if err == nil {
		err = p.Decode(b[:n])
	}
	if err != nil {
		v.t.Fatal(err)
	}
	return p
}

// TestRefused: what is no login of somebody known gets no further, and a client that says what it may not is cut off.
func TestRefused(t *testing.T) {
	v := newVenue(t, core.Sync)
	for _, service := range []string{"itch", "glimpse", "dropcopy"} {
		for _, o := range []client.Options{{Username: "ALICE", Password: "WRONG"}, {Username: "NOBODY", Password: "KEY"}} {
			o.Addr = v.relay.Addr(service)
			if _, err := client.Dial(context.Background(), o); !errors.Is(err, client.ErrRejected) {
				t.Errorf("%s: %s with %s: %v", service, o.Username, o.Password, err)
			}
		}
	}
	trader := client.Options{Addr: v.relay.Addr("dropcopy"), Username: "ALICE", Password: "KEY"}
	if _, err := client.Dial(context.Background(), trader); !errors.Is(err, client.ErrRejected) {
		t.Errorf("a trader reads the drop copy: %v", err)
	}
	o := client.Options{Addr: v.relay.Addr("itch"), Username: "ALICE", Password: "KEY", Session: "OTHER"}
	if _, err := client.Dial(context.Background(), o); !errors.Is(err, client.ErrRejected) {
		t.Errorf("another session: %v", err)
	}
	for _, bytes := range []string{"\x00\x00", "\xff\xffU", "\x00\x02Ux", "\x00\x05Lxxxx"} {
		c, err := net.Dial("tcp", v.relay.Addr("itch"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte(bytes))
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if b, err := io.ReadAll(c); err != nil && !errors.Is(err, net.ErrClosed) && len(b) != 0 {
			t.Errorf("%q was answered by %q, %v", bytes, b, err)
		}
		_ = c.Close()
	}
	c := v.dial(v.relay.Addr("itch"), "ALICE", client.Options{Sequence: 1})
	if err := errors.Join(c.Send(&ouch.AccountQuery{}), c.Flush()); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, c, 1<<30); err == nil || errors.Is(err, client.ErrEndOfSession) {
		t.Errorf("an order entry message: %v", err)
	}
}

// TestFromSnapshot: a relay that was started from a snapshot serves what one does that has read the whole journal: stream and
// drop copy from their first message, requests of any number, the venue as it is. Without the newest snapshot it takes one
// before.
func TestFromSnapshot(t *testing.T) {
	v := newVenue(t, core.Sync)
	for n := range uint32(3) {
		v.trade(60*n, 60)
		if n < 2 {
			v.take()
		}
	}
	v.stop()
	session := v.dial(v.relay.Addr("itch"), "ALICE", client.Options{Sequence: 1}).Session()
	want := v.derived()[session]
	before := v.serves(v.relay, want)
	path := filepath.Join(v.cfg.Journal, "000001.mj")
	journal, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spoilt := bytes.Clone(journal)
	spoilt[4096+200] ^= 1 // in the first block: nobody can begin at the birth any more
	for _, damaged := range []bool{false, true} {
		if err := os.WriteFile(path, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		if damaged {
			v.damage()
		}
		var mu sync.Mutex
		said := ""
		r, end := v.open(func(line string) {
			mu.Lock()
			defer mu.Unlock()
			said += line + "\n"
		})
		v.await(r)
		if after := v.serves(r, want); after != before {
			t.Errorf("from a snapshot:\n%.300q\nfrom the birth:\n%.300q", after, before)
		}
		end()
		if strings.Contains(said, "warning: a start without ") != damaged || damaged == (said == "") {
			t.Errorf("damaged %v: the relay says %q", damaged, said)
		}
		if err := os.WriteFile(path, journal, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	v.ends(session)
}

// ends ends the day, and the next relay begins with a snapshot of after it: the session is over from the first moment on.
func (v *venue) ends(session string) {
	v.t.Helper()
	v.start()
	if a, err := v.core.Operate(&core.Request{Verb: core.EndDay, Stop: true}); err != nil || a.Refused != core.Done {
		v.t.Fatalf("the end of the day: %+v, %v", a, err)
	}
	v.stop()
	v.take()
	want := v.derived()[session]
	r, _ := v.open(func(line string) { v.t.Error(line) })
	v.await(r)
	c := v.dial(r.Addr("itch"), "ALICE", client.Options{Sequence: 1})
	if got, err := read(v.t, c, 1<<30); !errors.Is(err, client.ErrEndOfSession) || !bytes.Equal(got, want) {
		v.t.Errorf("of a day that is over a relay has %d bytes, the journal gives %d: %v", len(got), len(want), err)
	}
}

func (v *venue) take() {
	v.t.Helper()
	if _, err := snapshot.Take(context.Background(), &snapshot.Taking{Journal: v.cfg.Journal, Keep: 3}); err != nil {
		v.t.Fatal(err)
	}
}

// damage flips a bit in the newest snapshot.
func (v *venue) damage() {
	v.t.Helper()
	list, _ := snapshot.List(os.DirFS(v.cfg.Journal))
	name := filepath.Join(v.cfg.Journal, list[0].Path)
	b, err := os.ReadFile(name)
	if err == nil {
		b[len(b)-1] ^= 1
		err = os.WriteFile(name, b, 0o600)
	}
	if err != nil {
		v.t.Fatal(err)
	}
}

// serves asks a relay for everything, and returns what it has beside the stream of the feed, which is known.
func (v *venue) serves(r *relay.Relay, want []byte) string {
	v.t.Helper()
	var all []byte
	c := v.dial(r.Addr("itch"), "ALICE", client.Options{Sequence: 1})
	got, err := read(v.t, c, len(want))
	if err != nil || !bytes.Equal(got, want) {
		v.t.Fatalf("the stream has %d bytes, the journal gives %d: %v", len(got), len(want), err)
	}
	last := uint64(0)
	for rest := want; len(rest) != 0; rest = rest[2+int(rest[1]):] {
		last++
		session := [10]byte([]byte(c.Session() + "          "))
		if last%11 != 1 {
			continue
		}
		p := v.request(r, mold.Header{Session: session, Sequence: last, Count: 5})
		if n := min(5, countOf(rest)); p.Messages() != n || p.Sequence != last || !bytes.HasPrefix(rest, p.Blocks) {
			v.t.Fatalf("a request of 5 messages from number %d on: %+v", last, p.Header)
		}
	}
	drop := v.dial(r.Addr("dropcopy"), "DROP", client.Options{Sequence: 1})
	for range 3 * 2 * 59 { // both sides of every trade but the first of each part, at least
		m, err := drop.Recv()
		if err != nil {
			v.t.Fatal(err)
		}
		all = itch.AppendFrame(all, m.Payload)
	}
	_, _, err = client_feed.Snapshot(context.Background(), client.Options{Addr: r.Addr("glimpse"), Username: "ALICE", Password: "KEY"},
		func(m []byte) error { all = itch.AppendFrame(all, m); return nil })
	if err != nil {
		v.t.Fatal(err)
	}
	lines, err := net.Dial("tcp", r.Addr("reference"))
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = lines.Close() }()
	text, err := io.ReadAll(lines)
	if err != nil {
		v.t.Fatal(err)
	}
	return string(all) + string(text)
}

// countOf counts messages.
func countOf(framed []byte) (n int) {
	for ; len(framed) != 0; n++ {
		framed = framed[2+int(framed[1]):]
	}
	return n
}
