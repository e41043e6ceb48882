package core

import (
	"crypto/hmac"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"matcher/engine"
	"matcher/gateway"
	"matcher/ring"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// TestHints: the engine hears of three packets before the one whose turn it is, of each once, and of none that is not whole.
func TestHints(t *testing.T) {
	e := engine.New()
	var cmd engine.Command
	*cmd.Rules() = engine.Rules{Header: engine.Header{Kind: engine.KindRules, Seq: 1}, Version: 1, MaxOrders: 10, MaxUsers: 1}
	e.Apply(nil, &cmd)
	*cmd.AsUser() = engine.User{Header: engine.Header{Kind: engine.KindUser, Seq: 2}, Name: [6]byte([]byte("ALICE ")), Firm: [4]byte([]byte("ALFA"))}
	e.Apply(nil, &cmd)
	*cmd.Day() = engine.Day{Header: engine.Header{Kind: engine.KindDay, Seq: 3}, Event: 'S', Session: [10]byte([]byte("2311140001"))}
	e.Apply(nil, &cmd)
	memory := make([]byte, gateway.ControlSize+64*gateway.ChunkSize)
	g := gateway.New(gateway.Config{
		Engine: e, Connections: 1, Control: memory[:gateway.ControlSize], Streams: memory[gateway.ControlSize:], StreamsOff: gateway.ControlSize,
		LoginTimeout: 1e9, ClientTimeout: 1e9, Heartbeat: 1e9,
	})
	mac := hmac.New(sha256.New, make([]byte, 32))
	mac.Write([]byte("ALICE:KEY"))
	g.SetKey(1, [6]byte([]byte("ALICE ")), [32]byte(mac.Sum(nil)), nil)
	g.Open(0, netip.Addr{}, 0)
	login := soupbin.Login{Username: [6]byte([]byte("ALICE ")), Password: [10]byte([]byte("KEY       "))}
	if used, _ := g.Receive(0, soupbin.AppendLogin(nil, &login, soupbin.Right), 0, &cmd); used == 0 || g.Unknown(0) {
		t.Fatal("no login")
	}
	const packets, early = 10, 3
	var data []byte
	for ref := range uint32(packets) {
		data = soupbin.AppendUnsequenced(data, (&ouch.CancelOrder{UserRefNum: ref + 1}).Append(nil))
	}
	l, r := &loop{engine: e, gateway: g}, &receipt{len: uint32(len(data)) + 1}
	data = append(data, 0) // the beginning of one more
	for at := range uint32(packets) {
		l.hint(0, r, data[r.off:])
		if last := min(at+early, packets); r.hints != last-at || l.next.Cancel().Ref != last {
			t.Fatalf("packet %d: %d hints, the last of packet %d; want packet %d", at+1, r.hints, l.next.Cancel().Ref, last)
		}
		used, _ := g.Receive(0, data[r.off:], 0, &cmd)
		r.used(uint32(used))
	}
	if r.hints != 0 || r.hinted != 0 || r.len != 1 {
		t.Errorf("behind the last packet: %+v", r)
	}
}

// TestDeepBookIsHinted: once the book is deep, serving a connection hints at what comes behind.
func TestDeepBookIsHinted(t *testing.T) {
	v := stepped(t, config(t))
	l := v.loop
	l.gateway.Open(0, netip.Addr{}, l.mono)
	login := soupbin.Login{Username: [6]byte([]byte("U0    ")), Password: [10]byte([]byte("KEY       "))}
	if l.gateway.Receive(0, soupbin.AppendLogin(nil, &login, soupbin.Right), l.mono, &l.cmd); l.gateway.Unknown(0) {
		t.Fatal("no login")
	}
	var data []byte
	for ref := range uint32(6) {
		data = soupbin.AppendUnsequenced(data, (&ouch.CancelOrder{UserRefNum: ref + 1}).Append(nil))
	}
	arena := l.kernel.Arena()
	at := len(arena) - len(data)
	copy(arena[at:], data)
	serve := func() *receipt {
		l.conns.inbox.queues[0] = queue{}
		l.conns.inbox.put(0, receipt{off: uint64(at), len: uint32(len(data))})
		for done := 0; done == 0; {
			if done, _ = l.serve(0, 1); done == 0 {
				v.Turn() // the journal had no room
			}
		}
		return l.conns.inbox.oldest(0)
	}
	if r := serve(); r.hints != 0 {
		t.Errorf("%d hints in a shallow book", r.hints)
	}
	for ref := uint32(1); !l.engine.Deep(); ref++ {
		for !l.writer.Room() {
			v.Turn()
		}
		*l.cmd.Enter() = engine.Enter{
			Header: engine.Header{Kind: engine.KindEnter, Instrument: 1, User: 1, Side: 'B'},
			Ref:    ref, Qty: 1, Price: 100, TIF: '0', Display: 'Y', Capacity: 'P', Cross: 'N',
		}
		l.apply(&l.cmd)
	}
	if r := serve(); r.hints != 2 || l.next.Cancel().Ref != 3 {
		t.Errorf("%d hints behind the first packet, the last of order %d; want 2, of order 3", r.hints, l.next.Cancel().Ref)
	}
}

// TestInbox holds the queues against slices: each connection's in order, turns in order of their beginning, buffers counted.
func TestInbox(t *testing.T) {
	const connections = 5
	random := rand.New(rand.NewPCG(3, 5))
	in := newInbox(connections)
	var want [connections][]uint64
	var light, heavy []int32
	for step := range 200_000 {
		n := int32(random.IntN(connections))
		switch random.IntN(3) {
		case 0:
			in.put(n, receipt{off: uint64(step), filled: step%7 != 0})
			if want[n] = append(want[n], uint64(step)); !slices.Contains(light, n) && !slices.Contains(heavy, n) {
				light = append(light, n)
			}
		case 1:
			if len(want[n]) == 0 {
				if in.oldest(n) != nil {
					t.Fatal("something of nothing")
				}
				continue
			}
			if r := in.take(n); r.off != want[n][0] {
				t.Fatalf("step %d: took %d, want %d", step, r.off, want[n][0])
			}
			want[n] = want[n][1:]
		case 2:
			if in.light.n != len(light) || in.heavy.n != len(heavy) {
				t.Fatalf("%d and %d wait, want %d and %d", in.light.n, in.heavy.n, len(light), len(heavy))
			}
			of, list := &in.light, &light
			if random.IntN(2) == 0 {
				of, list = &in.heavy, &heavy
			}
			if len(*list) == 0 {
				continue
			}
			first := (*list)[0]
			if of.first() != first {
				t.Fatalf("step %d: it is the turn of %d, want %d", step, of.first(), first)
			}
			in.done(of, &in.heavy)
			*list = (*list)[1:]
			if len(want[first]) != 0 {
				heavy = append(heavy, first)
			}
		}
		other := int32(random.IntN(connections))
		earlier := len(want[n]) != 0 && (len(want[other]) == 0 || want[n][0] < want[other][0])
		if in.earlier(n, other) != earlier && n != other {
			t.Fatalf("step %d: earlier says %v", step, !earlier)
		}
		buffers := int32(0)
		for _, off := range want[n] {
			if off%7 != 0 {
				buffers++
			}
		}
		if in.queues[n].buffers != buffers {
			t.Fatalf("step %d: %d buffers, want %d", step, in.queues[n].buffers, buffers)
		}
	}
}

// dam is a kernel that keeps completions of one kind while it is shut, and gives all of them at once: bytes that were received,
// durable writes, flushes.
type dam struct {
	Kernel
	kind  uint8
	shut  atomic.Bool
	bytes atomic.Int64 // kept
	held  []ring.Completion
}

func (k *dam) Turn(ops []ring.Op, done []ring.Completion, w ring.Wait) ([]ring.Completion, error) {
	shut := k.shut.Load()
	if !shut && len(k.held) != 0 {
		done = append(done, k.held...)
		k.held = k.held[:0]
		w = ring.Wait{}
	}
	before := len(done)
	w.Until = min(w.Until, int64(time.Millisecond))
	done, err := k.Kernel.Turn(ops, done, w)
	kept := before
	shut = shut || k.shut.Load() // opened meanwhile it stays shut until the next turn: what is kept goes first
	for _, c := range done[before:] {
		if shut && kindOf(c.Tag) == k.kind {
			k.held = append(k.held, c)
			k.bytes.Add(int64(c.Res))
			continue
		}
		done[kept] = c
		kept++
	}
	return done[:kept], err
}

// dammed opens a venue behind a dam.
func dammed(t *testing.T, backend Backend) (*Server, *dam, Config) {
	t.Helper()
	k := &dam{kind: tagReceive}
	c := configOn(t, backend)
	c.kernel = func(arena uint64) (_ Kernel, err error) {
		k.Kernel, err = newMachine(&Config{Backend: backend}).Kernel(arena)
		return k, err
	}
	return open(t, c), k, c
}

// settled waits until so many bytes have come up to the dam.
func (k *dam) settled(t *testing.T, bytes int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); k.bytes.Load() < int64(bytes); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d bytes have come", k.bytes.Load(), bytes)
		}
	}
}

func send(t *testing.T, n net.Conn, b []byte) int {
	t.Helper()
	if _, err := n.Write(b); err != nil {
		t.Fatal(err)
	}
	return len(b)
}

// flood is a message that does nothing, often.
func flood(times int) (b []byte) {
	for range times {
		b = soupbin.AppendUnsequenced(b, (&ouch.CancelOrder{UserRefNum: 1}).Append(nil))
	}
	return b
}

// before returns how many cancels of a user the journal has before a command, and after it.
func cancelsAround(t *testing.T, dir string, user uint16, seq uint64) (before, after int) {
	t.Helper()
	for _, c := range cells(t, dir, engine.KindCancel) {
		switch {
		case c.User != user:
		case c.Seq < seq:
			before++
		default:
			after++
		}
	}
	return before, after
}

// TestShareOfATurn: what sessions have sent before another's order delays that order by one turn, not by all of it: the first
// order by one go of each, one that comes in the middle of the floods by what those share.
func TestShareOfATurn(t *testing.T) { onEach(t, testShareOfATurn) }

func testShareOfATurn(t *testing.T, backend Backend) {
	s, k, c := dammed(t, backend)
	quiet := dial(t, s, "U1", 0)
	quiet.settle()
	loud := []net.Conn{flooder(t, s, "U2"), flooder(t, s, "U3"), flooder(t, s, "U4")}
	k.shut.Store(true)
	const times = 5_000
	n := 0
	for _, l := range loud {
		n += send(t, l, flood(times))
	}
	k.settled(t, n)
	quiet.order('B', 1, 900_000, '0')
	if err := quiet.Flush(); err != nil {
		t.Fatal(err)
	}
	k.settled(t, n+40)
	k.shut.Store(false)
	quiet.settle()
	stop(t, s)
	orders := cells(t, c.Journal, engine.KindEnter)
	all := 0
	for user := range uint16(3) {
		before, after := cancelsAround(t, c.Journal, 3+user, orders[0].Seq)
		if all += before + after; before > times/10 {
			t.Errorf("%d messages of flood %d came before the order, %d behind it", before, user+1, after)
		}
	}
	if all == 0 {
		t.Error("there was no flood")
	}
}

// TestHeavyShare: of sessions that have much only so much is worked off in a turn, all together, and each has its turn.
func TestHeavyShare(t *testing.T) { onEach(t, testHeavyShare) }

func testHeavyShare(t *testing.T, backend Backend) {
	s, k, c := dammed(t, backend)
	loud := []net.Conn{flooder(t, s, "U0"), flooder(t, s, "U1"), flooder(t, s, "U2")}
	k.shut.Store(true)
	const times = 5_000
	n := 0
	for _, l := range loud {
		n += send(t, l, flood(times))
	}
	k.settled(t, n)
	k.shut.Store(false)
	for _, l := range loud {
		send(t, l, soupbin.AppendUnsequenced(nil, (&ouch.AccountQuery{}).Append(nil)))
		answer := make([]byte, soupbin.HeaderSize+ouch.QueryResponseSize)
		_ = l.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadFull(l, answer); err != nil {
			t.Fatal(err)
		}
	}
	stop(t, s)
	// The commands of one turn have one time.
	turn, in, most, changes, last := uint64(0), 0, 0, 0, uint16(0)
	all := cells(t, c.Journal, engine.KindCancel)
	for _, cmd := range all {
		if cmd.User != last {
			last, changes = cmd.User, changes+1
		}
		if cmd.Time != turn {
			turn, in = cmd.Time, 0
		}
		if in++; turn != all[0].Time { // in the first each had its go
			most = max(most, in)
		}
	}
	if most > heavyCredit {
		t.Errorf("%d messages of those that have much in one turn", most)
	}
	if changes < len(loud)*times/heavyCredit/2 {
		t.Errorf("their turns changed %d times", changes)
	}
}

// TestFloodLeavesRoomInTheJournal: a flood that is faster than the disk waits for it; others do not.
func TestFloodLeavesRoomInTheJournal(t *testing.T) { onEach(t, testFloodLeavesRoomInTheJournal) }

func testFloodLeavesRoomInTheJournal(t *testing.T, backend Backend) {
	var disk *dam
	c := configOn(t, backend)
	c.Durability = Async
	c.kernel = func(arena uint64) (Kernel, error) {
		k, err := newMachine(&Config{Backend: backend}).Kernel(arena)
		disk = &dam{Kernel: k, kind: tagBlock}
		return disk, err
	}
	s := open(t, c)
	loud, quiet := flooder(t, s, "U0"), dial(t, s, "U1", 0)
	quiet.settle()
	disk.shut.Store(true)
	_ = loud.SetWriteDeadline(time.Now().Add(2 * time.Second))
	for err := error(nil); err == nil; { // until it is not read any more
		_, err = loud.Write(flood(10_000))
	}
	limit := time.AfterFunc(10*time.Second, func() { _ = quiet.Close() })
	defer limit.Stop()
	for range 10 {
		quiet.order('B', 1, 900_000, '0')
		quiet.settle() // answered while the disk stands still
	}
	disk.shut.Store(false)
	stop(t, s)
	verify(t, c.Journal)
}

// TestLoginWaitsForWhatCameBefore: a login that takes over a session comes behind everything that arrived on it before.
func TestLoginWaitsForWhatCameBefore(t *testing.T) { onEach(t, testLoginWaitsForWhatCameBefore) }

func testLoginWaitsForWhatCameBefore(t *testing.T, backend Backend) {
	s, k, c := dammed(t, backend)
	old := flooder(t, s, "U0")
	k.shut.Store(true)
	const times = 5_000
	n := send(t, old, flood(times))
	k.settled(t, n)
	again, login := knock(t, s, "U0")
	n += send(t, again, login[:30]) // in two pieces: both are given again
	k.settled(t, n)
	n += send(t, again, login[30:])
	n += send(t, again, soupbin.AppendUnsequenced(nil, (&ouch.AccountQuery{}).Append(nil)))
	k.settled(t, n)
	k.shut.Store(false)
	answer := make([]byte, soupbin.HeaderSize+soupbin.LoginAcceptedSize+soupbin.HeaderSize+ouch.QueryResponseSize)
	_ = again.SetReadDeadline(time.Now().Add(10 * time.Second))
	for have := 0; have < len(answer); {
		m, err := again.Read(answer[have:])
		if err != nil {
			t.Fatalf("after %q: %v", answer[:have], err)
		}
		have += m
	}
	stop(t, s)
	query := cells(t, c.Journal, engine.KindQuery)
	if before, after := cancelsAround(t, c.Journal, 1, query[0].Seq); before != times || after != 0 {
		t.Errorf("of %d messages %d came before the login, %d behind it", times, before, after)
	}
}

// TestFloodHoldsFewBuffers: a session that is not worked off is not received from for ever; when it is, nothing is lost.
func TestFloodHoldsFewBuffers(t *testing.T) { onEach(t, testFloodHoldsFewBuffers) }

func testFloodHoldsFewBuffers(t *testing.T, backend Backend) {
	const times = 400_000 // 6 MB: a third of all buffers
	c := configOn(t, backend)
	c.Segment, c.Durability = 64<<20, Async
	most := atomic.Int64{}
	c.kernel = func(arena uint64) (Kernel, error) {
		k, err := newMachine(&Config{Backend: backend}).Kernel(arena)
		return &counted{Kernel: k, most: &most}, err
	}
	s := open(t, c)
	loud := flooder(t, s, "U0")
	go func() {
		_, _ = loud.Write(append(flood(times), soupbin.AppendUnsequenced(nil, (&ouch.AccountQuery{}).Append(nil))...))
	}()
	answer := make([]byte, soupbin.HeaderSize+ouch.QueryResponseSize)
	_ = loud.SetReadDeadline(time.Now().Add(30 * time.Second))
	for have := 0; have < len(answer); {
		m, err := loud.Read(answer[have:])
		if err != nil {
			t.Fatal(err)
		}
		have += m
	}
	stop(t, s)
	if got := len(cells(t, c.Journal, engine.KindCancel)); got != times {
		t.Errorf("%d messages of %d", got, times)
	}
	// Until a Cancel has ended a receive it goes on giving: some dozens of buffers, of the 400 that the flood would fill.
	if n := most.Load(); n > 200 {
		t.Errorf("one connection held %d receive buffers", n)
	}
}

// counted is a kernel that counts how many receive buffers are out.
type counted struct {
	Kernel
	out  int64
	most *atomic.Int64
}

func (k *counted) Turn(ops []ring.Op, done []ring.Completion, w ring.Wait) ([]ring.Completion, error) {
	for i := range ops {
		if ops[i].Code == ring.Recycle {
			k.out--
		}
	}
	before := len(done)
	done, err := k.Kernel.Turn(ops, done, w)
	for _, c := range done[before:] {
		if c.Filled {
			k.out++
		}
	}
	k.most.Store(max(k.most.Load(), k.out))
	return done, err
}

// TestFloodIsSipped: from a session that was paused bytes come a buffer at a time, until one is not full.
func TestFloodIsSipped(t *testing.T) { onEach(t, testFloodIsSipped) }

func testFloodIsSipped(t *testing.T, backend Backend) {
	k, sips := &dam{kind: tagReceive}, &sipped{}
	c := configOn(t, backend)
	c.kernel = func(arena uint64) (_ Kernel, err error) {
		sips.Kernel, err = newMachine(&Config{Backend: backend}).Kernel(arena)
		k.Kernel = sips
		return k, err
	}
	s := open(t, c)
	loud := flooder(t, s, "U0")
	k.shut.Store(true)
	const times = 3 * mostBuffers * receiveSize / 12
	k.settled(t, send(t, loud, flood(times)))
	k.shut.Store(false)
	send(t, loud, append(flood(times), soupbin.AppendUnsequenced(nil, (&ouch.AccountQuery{}).Append(nil))...))
	answer := make([]byte, soupbin.HeaderSize+ouch.QueryResponseSize)
	_ = loud.SetReadDeadline(time.Now().Add(30 * time.Second))
	for range 2 { // what comes after the flood is received as before
		if n, err := io.ReadFull(loud, answer); err != nil {
			t.Fatalf("%v behind %q", err, answer[:n])
		}
		send(t, loud, soupbin.AppendUnsequenced(nil, (&ouch.AccountQuery{}).Append(nil)))
	}
	stop(t, s)
	if got := len(cells(t, c.Journal, engine.KindCancel)); got != 2*times {
		t.Errorf("%d messages of %d", got, 2*times)
	}
	if sips.begun == 0 || sips.gulps != 0 || sips.last != ring.Receive {
		t.Errorf("%d sips, %d of them of more than a buffer, the last receive was of kind %d", sips.begun, sips.gulps, sips.last)
	}
}

// sipped is a kernel that looks at how the only connection is received from.
type sipped struct {
	Kernel
	last         ring.Code // Receive or ReceiveOnce
	begun, gulps int
}

func (k *sipped) Turn(ops []ring.Op, done []ring.Completion, w ring.Wait) ([]ring.Completion, error) {
	for i := range ops {
		if code := ops[i].Code; code == ring.Receive || code == ring.ReceiveOnce {
			k.last = code
			if code == ring.ReceiveOnce {
				k.begun++
			}
		}
	}
	before, filled := len(done), 0
	done, err := k.Kernel.Turn(ops, done, w)
	for _, c := range done[before:] {
		if c.Filled {
			filled++
		}
	}
	if k.last == ring.ReceiveOnce && filled > 1 {
		k.gulps++
	}
	return done, err
}

// TestTurnsAreShort: where answers leave with the turn, a turn ends when many packets are worked off, though more have come; where
// they wait for the disk, it does not.
func TestTurnsAreShort(t *testing.T) { onEach(t, testTurnsAreShort) }

func testTurnsAreShort(t *testing.T, backend Backend) {
	const each = sessionCredit - 1
	for _, durability := range []Durability{Async, Sync} {
		k := &dam{kind: tagReceive}
		c := configOn(t, backend)
		c.Durability = durability
		c.kernel = func(arena uint64) (_ Kernel, err error) {
			k.Kernel, err = newMachine(&Config{Backend: backend}).Kernel(arena)
			return k, err
		}
		s := open(t, c)
		var all []net.Conn
		for i := range 8 {
			all = append(all, flooder(t, s, c.Users[i].Name))
		}
		k.shut.Store(true)
		n := 0
		for _, l := range all {
			n += send(t, l, append(flood(each), soupbin.AppendUnsequenced(nil, (&ouch.AccountQuery{}).Append(nil))...))
		}
		k.settled(t, n)
		k.shut.Store(false)
		for _, l := range all {
			_ = l.SetReadDeadline(time.Now().Add(30 * time.Second))
			if _, err := io.ReadFull(l, make([]byte, soupbin.HeaderSize+ouch.QueryResponseSize)); err != nil {
				t.Fatal(err)
			}
		}
		stop(t, s)
		turns, most := map[uint64]int{}, 0
		for _, cmd := range cells(t, c.Journal, engine.KindCancel) {
			turns[cmd.Time]++
			most = max(most, turns[cmd.Time])
		}
		if short := most < turnCredit+sessionCredit; short != (durability == Async) {
			t.Errorf("durability %d: %d messages in a turn, %d turns", durability, most, len(turns))
		}
	}
}
