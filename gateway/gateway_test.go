package gateway

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	enc "encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"matcher/engine"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

const (
	midnight = 1_700_000_000_000_000_000 / 86_400_000_000_000 * 86_400_000_000_000
	second   = 1_000_000_000
)

// rig is a gateway and an engine joined as core joins them, without a kernel: bytes in, bytes out.
type rig struct {
	t      testing.TB
	g      *Gateway
	e      *engine.Engine
	mem    []byte
	now    uint64
	events []engine.Event
	marks  []Mark
	sends  []Send
	closed []Closed
	out    map[int32][]byte // what went out on each connection
	hold   bool             // nothing becomes durable
	orders uint32
}

const rigConns = 8

func newRig(t testing.TB, chunks int, changes ...func(*Config)) *rig {
	return newRigFor(t, 1000, chunks, changes...)
}

func newRigFor(t testing.TB, orders uint32, chunks int, changes ...func(*Config)) *rig {
	r := &rig{t: t, e: engine.New(), out: map[int32][]byte{}, orders: orders}
	r.mem = make([]byte, rigConns*ControlSize+chunks*ChunkSize)
	cfg := Config{
		Engine: r.e, Connections: rigConns,
		Control: r.mem[:rigConns*ControlSize], Streams: r.mem[rigConns*ControlSize:], StreamsOff: rigConns * ControlSize,
		LoginTimeout: second, ClientTimeout: 15 * second, Heartbeat: second,
	}
	for _, change := range changes {
		change(&cfg)
	}
	r.g = New(cfg)
	var c engine.Command
	*c.Rules() = engine.Rules{Header: engine.Header{Kind: engine.KindRules}, Version: 1, MaxOrders: r.orders, MaxUsers: 8}
	r.apply(&c)
	*c.AsInstrument() = engine.Instrument{
		Header: engine.Header{Kind: engine.KindInstrument}, Symbol: ouch.Symbol("AAPL"),
		Tick: 100, Lot: 1, MaxQty: 1_000_000, MaxPrice: 1_999_999_900,
	}
	r.apply(&c)
	for i, name := range []string{"ALICE", "BOB"} {
		*c.AsUser() = engine.User{Header: engine.Header{Kind: engine.KindUser}, Firm: ouch.Firm("ALFA")}
		c.AsUser().Name = field6(name)
		r.apply(&c)
		mac := hmac.New(sha256.New, cfg.Secret[:])
		mac.Write([]byte(name + ":KEY"))
		r.g.SetKey(uint16(i+1), field6(name), [32]byte(mac.Sum(nil)), nil)
	}
	*c.Day() = engine.Day{Header: engine.Header{Kind: engine.KindDay}, Midnight: midnight, Event: 'S'}
	copy(c.Day().Session[:], "2311140001")
	r.apply(&c)
	r.turn()
	return r
}

func field6(s string) (f [6]byte) { copy(f[:], s+"      "); return f }

func (r *rig) apply(c *engine.Command) {
	c.Seq, c.Time = r.e.Seq()+1, midnight+r.now
	r.events = r.e.Apply(r.events[:0], c)
	r.g.Deliver(c, r.events)
}

// turn releases and sends as core does at the end of a turn.
func (r *rig) turn() {
	if !r.hold {
		r.marks = r.g.Mark(r.marks[:0])
		r.g.Release(r.marks)
	}
	for more := true; more; {
		r.sends, more = r.g.Flush(r.sends[:0], r.now)
		for _, s := range r.sends {
			r.out[s.Conn] = append(r.out[s.Conn], r.mem[s.Off:s.Off+uint64(s.Len)]...)
		}
	}
}

// in gives bytes to a connection in pieces of at most n.
func (r *rig) in(c int32, data []byte, n int) {
	var cmd engine.Command
	r.g.Heard(c, r.now)
	for len(data) > 0 {
		piece := data[:min(n, len(data))]
		data = data[len(piece):]
		for len(piece) > 0 {
			used, ok := r.g.Receive(c, piece, r.now, &cmd)
			if used <= 0 || used > len(piece) {
				r.t.Fatalf("Receive used %d of %d bytes", used, len(piece))
			}
			piece = piece[used:]
			if ok {
				r.apply(&cmd)
			}
		}
	}
	r.turn()
}

func (r *rig) closing() []Closed {
	r.closed = r.g.Closing(r.closed[:0])
	for _, c := range r.closed {
		r.g.Drop(c.Conn)
	}
	return r.closed
}

// packets takes apart what went out on a connection: types, and S payloads.
func (r *rig) packets(c int32) (types string, payloads [][]byte) {
	b := r.out[c]
	for len(b) > 0 {
		p, n, err := soupbin.Next(b)
		if err != nil || n == 0 {
			r.t.Fatalf("connection %d: what went out does not parse at %x", c, b)
		}
		types += string(p.Type)
		if p.Type == soupbin.SequencedData {
			types += string(p.Payload[0])
			payloads = append(payloads, p.Payload)
		}
		b = b[n:]
	}
	return types, payloads
}

func loginPacket(user, key, session string, seq uint64) []byte {
	l := soupbin.Login{Sequence: seq}
	copy(l.Username[:], user)
	copy(l.Password[:], key)
	copy(l.Session[:], session)
	for _, f := range [][]byte{l.Username[:], l.Password[:], l.Session[:]} {
		for i := range f {
			if f[i] == 0 {
				f[i] = ' '
			}
		}
	}
	return soupbin.AppendLogin(nil, &l, soupbin.Right)
}

func orderPacket(ref uint32, side byte, qty uint32, price uint64, app []byte) []byte {
	m := ouch.EnterOrder{
		UserRefNum: ref, Side: side, Quantity: qty, Symbol: ouch.Symbol("AAPL"), Price: price,
		TimeInForce: '0', Display: 'Y', Capacity: 'P', Sweep: 'N', CrossType: 'N', ClOrdID: ouch.ClOrdID(fmt.Sprint("ORD", ref)), Appendage: app,
	}
	return soupbin.AppendUnsequenced(nil, m.Append(nil))
}

func (r *rig) login(c int32, user string, seq uint64) {
	r.g.Open(c, netip.Addr{}, r.now)
	r.in(c, loginPacket(user, "KEY", "", seq), 1<<20)
}

func TestLogin(t *testing.T) {
	for _, test := range []struct {
		name               string
		user, key, session string
		seq                uint64
		want               string // types of what comes back
		next               uint64
	}{
		{"all of the day", "ALICE", "KEY", "", 1, "ASS", 1},
		{"in small letters", "alice", "key", "", 1, "ASS", 1},
		{"by session", "ALICE", "KEY", "2311140001", 1, "ASS", 1},
		{"live point", "ALICE", "KEY", "", 0, "A", 2},
		{"next", "ALICE", "KEY", "", 2, "A", 2},
		{"beyond the end", "ALICE", "KEY", "", 77, "A", 2},
		{"unknown user", "NOBODY", "KEY", "", 1, "J", 0},
		{"wrong key", "ALICE", "KEZ", "", 1, "J", 0},
		{"no key", "ALICE", "", "", 1, "J", 0},
		{"old session", "ALICE", "KEY", "2311130001", 1, "J", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, 16)
			r.g.Open(3, netip.Addr{}, 0)
			r.in(3, loginPacket(test.user, test.key, test.session, test.seq), 1<<20)
			if types, _ := r.packets(3); types != test.want {
				t.Fatalf("got %q, want %q", types, test.want)
			}
			if test.want[0] == 'J' {
				if len(r.closing()) != 1 {
					t.Fatal("a refused connection stays open")
				}
				return
			}
			var a soupbin.Accepted
			if err := a.Decode(r.out[3][soupbin.HeaderSize:33]); err != nil || a.Sequence != test.next {
				t.Fatalf("Login Accepted says %d, want %d (%v)", a.Sequence, test.next, err)
			}
		})
	}
}

// TestSplits gives the same session in pieces of every size: what comes back must not depend on it.
func TestSplits(t *testing.T) {
	var all []byte
	all = append(all, loginPacket("ALICE", "KEY", "", 1)...)
	all = append(all, orderPacket(1, 'B', 100, 1_000_000, nil)...)
	all = soupbin.AppendDebug(all, strings.Repeat("text ", 300))
	all = soupbin.AppendClientHeartbeat(all)
	all = append(all, orderPacket(2, 'S', 40, 1_000_000, []byte{2, 12, 'N', 2, 28, 5})...)
	all = soupbin.AppendDebug(all, "")
	x := ouch.CancelOrder{UserRefNum: 1}
	all = soupbin.AppendUnsequenced(all, x.Append(nil))
	var want []byte
	for n := len(all); n > 0; n-- {
		r := newRig(t, 16)
		r.g.Open(0, netip.Addr{}, 0)
		r.in(0, all, n)
		if want == nil {
			want = bytes.Clone(r.out[0])
			if types, _ := r.packets(0); types != "ASSSASASESESC" {
				t.Fatalf("got %q", types)
			}
		}
		if !bytes.Equal(r.out[0], want) {
			t.Fatalf("pieces of %d bytes give another answer", n)
		}
	}
}

// TestResume asks for every number of a stream that fills several chunks, and gets the rest of it byte for byte.
func TestResume(t *testing.T) {
	r := newRig(t, 64)
	r.login(0, "ALICE", 1)
	for ref := uint32(1); ref <= 900; ref++ {
		r.in(0, orderPacket(ref, 'B', 1, 1_000_000-uint64(ref%500)*100, nil), 1<<20)
		x := ouch.CancelOrder{UserRefNum: ref}
		r.in(0, soupbin.AppendUnsequenced(nil, x.Append(nil)), 1<<20)
	}
	_, whole := r.packets(0)
	if len(r.out[0]) < ChunkSize || len(whole) != 1801 {
		t.Fatalf("the stream is too short to test: %d messages", len(whole))
	}
	for n := 1; n <= len(whole)+1; n += 1 + n%7 {
		r.out[1] = nil
		r.login(1, "ALICE", uint64(n))
		_, got := r.packets(1)
		if len(got) != len(whole)-n+1 {
			t.Fatalf("from %d: %d messages, want %d", n, len(got), len(whole)-n+1)
		}
		for i := range got {
			if !bytes.Equal(got[i], whole[n-1+i]) {
				t.Fatalf("from %d: message %d differs", n, n+i)
			}
		}
		r.g.Gone(1)
		r.closing()
	}
}

func TestNewestLoginWins(t *testing.T) {
	r := newRig(t, 16)
	r.login(0, "ALICE", 1)
	r.login(1, "ALICE", 1)
	if types, _ := r.packets(0); types != "ASS+" {
		t.Fatalf("the older connection saw %q", types)
	}
	closed := r.closing()
	if len(closed) != 1 || closed[0].Conn != 0 || closed[0].User != 0 {
		t.Fatalf("closing %+v; it is no disconnect of the user", closed)
	}
	r.in(1, orderPacket(1, 'B', 1, 1_000_000, nil), 1<<20)
	if types, _ := r.packets(1); types != "ASSSA" {
		t.Fatalf("the newer connection saw %q", types)
	}
}

// TestNothingBeforeDurable: what is not released is neither sent nor known to a login.
func TestNothingBeforeDurable(t *testing.T) {
	r := newRig(t, 16)
	r.login(0, "ALICE", 0)
	r.hold = true
	r.in(0, orderPacket(1, 'B', 1, 1_000_000, nil), 1<<20)
	r.login(1, "ALICE", 0)
	if types, _ := r.packets(0); types != "A+" {
		t.Fatalf("saw %q", types)
	}
	var a soupbin.Accepted
	if err := a.Decode(r.out[1][soupbin.HeaderSize:]); err != nil || a.Sequence != 2 {
		t.Fatalf("the next number is %d, want 2", a.Sequence)
	}
	r.hold = false
	r.turn()
	if types, _ := r.packets(1); types != "ASA" {
		t.Fatalf("after release: %q", types)
	}
}

func TestShortSend(t *testing.T) {
	r := newRig(t, 16)
	r.login(0, "ALICE", 1)
	r.in(0, orderPacket(1, 'B', 1, 1_000_000, nil), 1<<20)
	whole := len(r.out[0])
	r.marks = r.g.Mark(r.marks[:0])
	var cmd engine.Command
	if n, ok := r.g.Receive(0, orderPacket(2, 'B', 1, 1_000_000, nil), r.now, &cmd); n == 0 || !ok {
		t.Fatal("no command")
	}
	r.apply(&cmd)
	r.g.Release(r.g.Mark(nil))
	sends, _ := r.g.Flush(nil, r.now)
	if len(sends) != 1 || sends[0].Len != soupbin.HeaderSize+ouch.AcceptedSize {
		t.Fatalf("sends %+v", sends)
	}
	rest := r.g.Short(0, 10, r.now)
	if rest.Len != sends[0].Len-10 || rest.Off != sends[0].Off+10 {
		t.Fatalf("the rest of %+v is %+v", sends[0], rest)
	}
	r.in(0, orderPacket(3, 'B', 1, 1_000_000, nil), 1<<20)
	if len(r.out[0]) != whole {
		t.Fatal("something was sent while the rest of a packet was waiting")
	}
	r.g.Resumed(0, r.now)
	r.turn()
	if len(r.out[0]) != whole+soupbin.HeaderSize+ouch.AcceptedSize {
		t.Fatalf("after the rest: %d bytes more", len(r.out[0])-whole)
	}
}

func TestTimers(t *testing.T) {
	r := newRig(t, 16)
	r.g.Open(1, netip.Addr{}, 0)
	r.login(0, "ALICE", 1)
	service := func() { r.g.Service(r.now, 1, false); r.turn() }
	r.now = second - 1
	service()
	if len(r.closing()) != 0 || len(r.out[1]) != 0 {
		t.Fatal("too early")
	}
	r.now = second
	service()
	if c := r.closing(); len(c) != 1 || c[0].Conn != 1 || c[0].Cause != engine.CauseTimeout {
		t.Fatalf("a connection that never logs in: %+v", c)
	}
	if types, _ := r.packets(0); types != "ASSH" {
		t.Fatalf("after a second of silence: %q", types)
	}
	r.now = 15*second - 1
	service()
	r.in(0, soupbin.AppendClientHeartbeat(nil), 10)
	r.now = 29 * second
	service()
	if len(r.closing()) != 0 {
		t.Fatal("a client that sent a heartbeat was timed out")
	}
	r.now = 30 * second
	service()
	if c := r.closing(); len(c) != 1 || c[0].User != 1 || c[0].Cause != engine.CauseTimeout {
		t.Fatalf("a silent client: %+v", c)
	}
}

func TestLoginTimerIsNotResetByBytes(t *testing.T) {
	r := newRig(t, 16)
	r.g.Open(0, netip.Addr{}, 0)
	for i := range 12 {
		r.now = uint64(i) * second / 10
		r.in(0, []byte{0, 47, 'L', 'A', 'L', 'I', 'C', 'E', ' ', 'K', 'E', 'Y'}[i:i+1], 1)
		r.g.Service(r.now, 1, false)
	}
	if len(r.closing()) != 1 {
		t.Fatal("a login a byte at a time is waited for without end")
	}
}

func TestEndOfSession(t *testing.T) {
	r := newRig(t, 16)
	r.login(0, "ALICE", 1)
	var c engine.Command
	*c.Day() = engine.Day{Header: engine.Header{Kind: engine.KindDay}, Midnight: midnight, Event: 'E'}
	r.apply(&c)
	r.turn()
	if types, _ := r.packets(0); types != "ASSSSZ" {
		t.Fatalf("got %q", types)
	}
	if c := r.closing(); len(c) != 1 || c[0].User != 0 {
		t.Fatalf("closing %+v", c)
	}
	r.g.Open(1, netip.Addr{}, r.now)
	r.in(1, loginPacket("ALICE", "KEY", string(r.g.session[:]), 2), 1<<20)
	if types, _ := r.packets(1); types != "ASSZ" {
		t.Fatalf("a login to the ended session got %q", types)
	}
	r.g.Open(2, netip.Addr{}, r.now)
	if used, _ := r.g.Receive(2, loginPacket("ALICE", "KEY", "", 1), r.now, &c); used != 0 {
		t.Error("a login that names no session does not wait for the next")
	}
}

// TestBehindTheEnd: what is said behind the end of the day is for nobody.
func TestBehindTheEnd(t *testing.T) {
	r := newRig(t, 16)
	r.login(0, "ALICE", 1)
	var c engine.Command
	*c.Day() = engine.Day{Header: engine.Header{Kind: engine.KindDay}, Midnight: midnight, Event: 'E'}
	r.apply(&c)
	r.in(0, orderPacket(1, 'B', 1, 1_000_000, nil), 1<<20)
	if types, _ := r.packets(0); types != "ASSSSZ" {
		t.Errorf("got %q", types)
	}
}

func TestBadInput(t *testing.T) {
	order := orderPacket(1, 'B', 1, 1_000_000, nil)
	for _, test := range []struct {
		name  string
		data  []byte
		want  string // after the login's "A"
		close bool
	}{
		{"length 0", []byte{0, 0}, "+", true},
		{"unknown packet type", []byte{0, 1, '?'}, "+", true},
		{"a server's packet", []byte{0, 1, 'H'}, "+", true},
		{"second login", loginPacket("ALICE", "KEY", "", 0), "+", true},
		{"logout", soupbin.AppendLogout(nil), "", true},
		{"too long", []byte{0xff, 0xff, 'U', 1, 2, 3}, "+", true},
		{"empty message", []byte{0, 1, 'U'}, "+", true},
		{"unknown message", []byte{0, 2, 'U', '?'}, "+", true},
		{"truncated order", append([]byte{0, 20, 'U'}, order[3:22]...), "+", true},
		{"order without appendage length", append([]byte{0, 46, 'U'}, order[3:48]...), "+", true},
		{"appendage overruns", orderPacket(1, 'B', 1, 1_000_000, []byte{9, 12, 'P'}), "SJ", false},
		{"appendage element of length 0", orderPacket(1, 'B', 1, 1_000_000, []byte{0, 12, 'P'}), "SJ", false},
		{"tag of a wrong length", orderPacket(1, 'B', 1, 1_000_000, []byte{3, 12, 'P', 'P'}), "SJ", false},
		{"tag twice", orderPacket(1, 'B', 1, 1_000_000, []byte{2, 12, 'P', 2, 12, 'P'}), "SJ", false},
		{"unknown tag", orderPacket(1, 'B', 1, 1_000_000, []byte{3, 200, 'P', 'P'}), "SA", false},
		{"garbage behind the appendage", append([]byte{0, 49, 'U'}, append(bytes.Clone(order[3:]), 9)...), "SJ", false},
		{"broken cancel", []byte{0, 12, 'U', 'X', 0, 0, 0, 1, 0, 0, 0, 0, 7, 7}, "", false},
		{"unknown symbol", bytes.Replace(order, []byte("AAPL"), []byte("ZZZZ"), 1), "SJ", false},
		{"zero quantity", orderPacket(1, 'B', 0, 1_000_000, nil), "SJ", false},
		{"off the tick", orderPacket(1, 'B', 1, 1_000_001, nil), "SJ", false},
		{"post-only letter", orderPacket(1, 'B', 1, 1_000_000, []byte{2, 12, 'X'}), "SJ", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, 16)
			r.login(0, "ALICE", 0)
			r.login(1, "BOB", 0)
			r.in(0, test.data, 1<<20)
			if types, _ := r.packets(0); types != "A"+test.want {
				t.Fatalf("got %q, want %q", types, "A"+test.want)
			}
			if closed := r.closing(); (len(closed) == 1) != test.close {
				t.Fatalf("closing %+v", closed)
			}
			r.in(1, orderPacket(1, 'B', 1, 1_000_000, nil), 1<<20)
			if types, _ := r.packets(1); types != "ASA" {
				t.Fatalf("another session saw %q", types)
			}
		})
	}
}

func TestBeforeLoginOnlyLogin(t *testing.T) {
	for name, data := range map[string][]byte{
		"order":           orderPacket(1, 'B', 1, 1_000_000, nil),
		"unknown type":    {0, 1, '?'},
		"malformed login": {0, 10, 'L', 1, 2, 3, 4, 5, 6, 7, 8, 9},
		"HTTP":            []byte("GET / HTTP/1.1\r\n\r\n"),
	} {
		r := newRig(t, 16)
		r.g.Open(0, netip.Addr{}, 0)
		r.in(0, data, 1<<20)
		if types, _ := r.packets(0); types != "" && types != "J" || len(r.closing()) != 1 {
			t.Errorf("%s: answered %q", name, types)
		}
	}
}

// TestDaysAsTheEngineHasThem: what a hand-made journal may hold before and after the day's opening does not confuse numbers.
func TestDaysAsTheEngineHasThem(t *testing.T) {
	r := newRig(t, 16)
	day := func(session string, event byte) *engine.Command {
		var c engine.Command
		*c.Day() = engine.Day{Header: engine.Header{Kind: engine.KindDay}, Midnight: midnight, Event: event}
		copy(c.Day().Session[:], session)
		return &c
	}
	query := &engine.Command{Header: engine.Header{Kind: engine.KindQuery, User: 1}}
	for _, c := range []*engine.Command{
		query, day("OTHER00001", 'S'), query, // ignored: a day is open
		day("OTHER00001", 'E'), query, day("OTHER00002", 'S'), query,
		{Header: engine.Header{Kind: engine.KindRestart}},
		query,
	} {
		r.apply(c) // panics if engine and gateway count otherwise
	}
	r.turn()
	r.login(0, "ALICE", 1)
	if types, _ := r.packets(0); types != "ASSSQ" {
		t.Fatalf("the last session is %q", types)
	}
}

func TestNoAllocations(t *testing.T) {
	r := newRig(t, 512)
	r.login(0, "ALICE", 0)
	ref := uint32(0)
	order := orderPacket(1, 'B', 1, 1_000_000, []byte{5, 2, 'A', 'L', 'F', 'A', 2, 12, 'N', 2, 28, 0})
	var cmd engine.Command
	step := func() {
		ref++
		order[4], order[5], order[6], order[7] = byte(ref>>24), byte(ref>>16), byte(ref>>8), byte(ref)
		order[8] = "BS"[ref%2]
		if _, ok := r.g.Receive(0, order, r.now, &cmd); !ok {
			t.Fatal("no command")
		}
		r.apply(&cmd)
		r.marks = r.g.Mark(r.marks[:0])
		r.g.Release(r.marks)
		r.sends, _ = r.g.Flush(r.sends[:0], r.now)
	}
	for range 1000 {
		step()
	}
	if n := testing.AllocsPerRun(10_000, step); n != 0 {
		t.Fatalf("%v allocations per order", n)
	}
}

// FuzzReceive: whatever a client sends, in whatever pieces, the gateway does not panic and other sessions do not notice.
func FuzzReceive(f *testing.F) {
	f.Add([]byte("hello"), uint8(1))
	f.Add(loginPacket("ALICE", "KEY", "", 1), uint8(3))
	f.Add(append(loginPacket("ALICE", "KEY", "", 1), orderPacket(1, 'B', 5, 1_000_000, []byte{2, 28, 1})...), uint8(7))
	f.Add([]byte{0xff, 0xff, '+', 1, 2, 3, 0, 0}, uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, n uint8) {
		if len(data) > 4096 {
			return
		}
		r := newRig(t, 16)
		r.login(1, "BOB", 0)
		var hint engine.Command
		if size := r.g.Soon(1, data, &hint); size > len(data) {
			t.Fatalf("a packet of %d bytes in %d", size, len(data))
		}
		r.g.Open(0, netip.Addr{}, 0)
		r.in(0, data, int(n)+1)
		r.g.Gone(0)
		r.closing()
		r.login(2, "ALICE", 0)
		r.in(2, data, int(n)+1)
		before := len(r.out[1])
		r.in(1, orderPacket(4_000_000_000, 'B', 1, 100, nil), 1<<20)
		if len(r.out[1]) <= before {
			t.Fatal("an honest session got no answer")
		}
	})
}

// TestSoon: what is said of a packet before its turn is what it then turns out to be, and nothing comes of saying it.
func TestSoon(t *testing.T) {
	r := newRig(t, 16)
	r.g.Open(0, netip.Addr{}, 0)
	var soon, cmd engine.Command
	login := loginPacket("ALICE", "KEY", "", 0)
	if size := r.g.Soon(0, login, &soon); size != len(login) || soon.Kind != 0 || r.g.conns[0].state != fresh {
		t.Fatalf("a login of %d bytes: %d, %+v", len(login), size, soon.Header)
	}
	r.in(0, login, 1<<20)
	data := orderPacket(7, 'S', 5, 1_000_100, []byte{2, 28, 0})
	for _, m := range []ouch.Inbound{
		&ouch.CancelOrder{UserRefNum: 7, Quantity: 3}, &ouch.ModifyOrder{UserRefNum: 7, Side: 'S', Quantity: 2},
		&ouch.ReplaceOrder{OrigUserRefNum: 7, UserRefNum: 8, Quantity: 9, Price: 1_000_200, TimeInForce: '0', Display: 'Y'},
		&ouch.AccountQuery{},
	} {
		data = soupbin.AppendUnsequenced(data, m.Append(nil))
	}
	if size := r.g.Soon(0, data[:10], &soon); size != 0 {
		t.Errorf("%d bytes of a packet that is not whole", size)
	}
	before := r.g.conns[0]
	for n := 0; len(data) > 0; n++ {
		said := r.g.Soon(0, data, &soon)
		if r.g.conns[0] != before {
			t.Fatalf("packet %d: a hint changed the connection", n)
		}
		size, ok := r.g.Receive(0, data, r.now, &cmd)
		if said != size || !ok {
			t.Fatalf("packet %d: %d bytes, a command %v, said were %d", n, size, ok, said)
		}
		data = data[size:]
		same := soon.User == cmd.User
		switch cmd.Kind {
		case engine.KindEnter:
			same = same && soon.Kind == cmd.Kind && soon.Instrument == cmd.Instrument && soon.Side == cmd.Side && soon.Enter().Price == cmd.Enter().Price
		case engine.KindReplace:
			same = same && soon.Kind == cmd.Kind && soon.Replace().OrigRef == cmd.Replace().OrigRef
		case engine.KindCancel, engine.KindModify:
			same = same && soon.Kind == cmd.Kind && soon.Cancel().Ref == cmd.Cancel().Ref
		default:
			same = same && soon.Kind == 0
		}
		if !same {
			t.Errorf("packet %d: said was %+v, it is %+v", n, soon, cmd)
		}
	}
	r.g.Receive(0, login[:2], r.now, &cmd) // a piece waits for the rest
	if size := r.g.Soon(0, orderPacket(9, 'S', 5, 1_000_100, nil), &soon); size != 0 {
		t.Errorf("%d bytes of a packet that does not begin there", size)
	}
}

func BenchmarkOrder(b *testing.B) {
	r := newRig(b, 1<<14)
	r.login(0, "ALICE", 0)
	order := orderPacket(1, 'B', 1, 1_000_000, nil)
	var cmd engine.Command
	ref := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		ref++
		if r.g.Free() < ChunkSize*4 {
			b.StopTimer()
			r = newRig(b, 1<<14)
			r.login(0, "ALICE", 0)
			b.StartTimer()
		}
		order[4], order[5], order[6], order[7] = byte(ref>>24), byte(ref>>16), byte(ref>>8), byte(ref)
		order[8] = "BS"[ref%2]
		if _, ok := r.g.Receive(0, order, r.now, &cmd); !ok {
			b.Fatal("no command")
		}
		r.apply(&cmd)
	}
}

// BenchmarkDeep is orders and cancels of any live order in a book of 400,000, in received buffers of 64 packets, with hints to
// the engine as core gives them, and without.
func BenchmarkDeep(b *testing.B) {
	const live, levels, buffer, early = 400_000, 20_000, 64, 3
	for _, hints := range []bool{false, true} {
		b.Run(fmt.Sprintf("hints=%v", hints), func(b *testing.B) {
			var r *rig
			var refs []uint32
			var ref uint32
			var cmd, soon engine.Command
			chance := rand.New(rand.NewPCG(1, 2))
			price := func() uint64 { return 1_000_000 + 100*uint64(chance.IntN(levels)) }
			order := orderPacket(1, 'B', 1, 1_000_000, nil)
			x := ouch.CancelOrder{}
			cancel := soupbin.AppendUnsequenced(nil, x.Append(nil))
			enter := func(dst []byte) []byte {
				ref++
				refs = append(refs, ref)
				enc.BigEndian.PutUint32(order[4:], ref)
				enc.BigEndian.PutUint64(order[21:], price())
				return append(dst, order...)
			}
			fill := func(dst []byte) []byte {
				for range buffer / 2 {
					i := chance.IntN(len(refs))
					enc.BigEndian.PutUint32(cancel[4:], refs[i])
					refs[i] = refs[len(refs)-1]
					refs = refs[:len(refs)-1]
					dst = enter(append(dst, cancel...))
				}
				return dst
			}
			work := func(data []byte, hints bool) {
				at, ahead := 0, 0
				for known := 0; at < len(data); known-- {
					for hints && known < early && ahead < len(data) {
						ahead += r.g.Soon(0, data[ahead:], &soon)
						r.e.Soon(soon.Cells())
						known++
					}
					n, ok := r.g.Receive(0, data[at:], r.now, &cmd)
					if !ok {
						b.Fatal("no command")
					}
					at += n
					r.apply(&cmd)
				}
			}
			var data []byte
			renew := func() {
				r, ref, refs = newRigFor(b, live+100, 1<<14), 0, refs[:0]
				r.login(0, "ALICE", 0)
				for range live {
					work(enter(data[:0]), false)
				}
			}
			renew()
			for range b.N {
				b.StopTimer()
				if r.g.Free() < ChunkSize*4 {
					renew()
				}
				data = fill(data[:0])
				b.StartTimer()
				work(data, hints)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*buffer), "ns/message")
		})
	}
}
