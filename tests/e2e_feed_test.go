package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"matcher/client"
	"matcher/client/feed"
	"matcher/client/market"
	"matcher/engine"
	"matcher/replay"
	"matcher/wire/itch"
	"matcher/wire/mold"
	"matcher/wire/ouch"
)

// broadcaster is a venue that sends its feed to two sockets of ours, and a relay beside it.
type broadcaster struct {
	*venue
	to    string // where the feed of a Receiver arrives
	raw   *net.UDPConn
	relay *server
	at    map[string]string // addresses of the relay's services

	mu        sync.Mutex
	datagrams [][]byte
}

var relayLine = regexp.MustCompile(`(?m)^ready: journal .*, requests (\S+), itch (\S+), glimpse (\S+), dropcopy (\S+), reference (\S+)$`)

func newBroadcaster(t testing.TB) *broadcaster {
	t.Helper()
	b := &broadcaster{venue: newVenue(t, "0.0001", "MAKER", "TAKER")}
	b.write("key", b.key("DROP")+"\n")
	b.must(0, "user", "add", "DROP", "-c", b.config, "--firm", "FIRM", "--role", "dropcopy", "--key-file", b.path("key"))
	free, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	b.to = free.LocalAddr().String()
	_ = free.Close() // a Receiver binds it
	if b.raw, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	_ = b.raw.SetReadBuffer(8 << 20)
	t.Cleanup(func() { _ = b.raw.Close() })
	go b.record()
	b.env = append(b.env, "MATCHER_FEED_TO="+b.to+","+b.raw.LocalAddr().String(), "MATCHER_SESSION_HEARTBEAT=100ms")
	for _, service := range [...]string{"REQUESTS", "ITCH", "GLIMPSE", "DROPCOPY", "REFERENCE"} {
		b.env = append(b.env, "MATCHER_RELAY_"+service+"=127.0.0.1:0")
	}
	return b
}

// record keeps every datagram.
func (b *broadcaster) record() {
	buf := make([]byte, 2048)
	for {
		n, err := b.raw.Read(buf)
		if err != nil {
			return
		}
		b.mu.Lock()
		b.datagrams = append(b.datagrams, bytes.Clone(buf[:n]))
		b.mu.Unlock()
	}
}

// recorded returns the datagrams so far.
func (b *broadcaster) recorded() [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.datagrams[:len(b.datagrams):len(b.datagrams)]
}

// beside starts the relay and waits until it serves.
func (b *broadcaster) beside() {
	b.t.Helper()
	s := &server{t: b.t, err: &lines{}, out: &lines{}, ended: make(chan struct{})}
	s.cmd = b.child(context.Background(), "relay", "-c", b.config)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.err
	if err := s.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // how it ended is in its state
		close(s.ended)
	}()
	b.t.Cleanup(s.kill)
	for start := time.Now(); time.Since(start) < patience; time.Sleep(time.Millisecond) {
		if m := relayLine.FindStringSubmatch(s.err.String()); m != nil {
			b.relay = s
			b.at = map[string]string{"requests": m[1], "itch": m[2], "glimpse": m[3], "dropcopy": m[4], "reference": m[5]}
			return
		}
	}
	b.t.Fatalf("the relay is not ready: %s", s.err)
}

func (b *broadcaster) options(service string, user string, sequence uint64) client.Options {
	return client.Options{Addr: b.at[service], Username: user, Password: b.key(user), Sequence: sequence}
}

// follow collects messages of a stream, each behind its length, until n have come.
func follow(s feed.Stream, n uint64) (framed []byte, err error) {
	for {
		m, err := s.Recv()
		if err != nil {
			return framed, err
		}
		framed = itch.AppendFrame(framed, m.Payload)
		if m.Sequence == n {
			return framed, nil
		}
	}
}

// orders writes all books of a market, every order in its place.
func orders(m *market.Market) string {
	var text bytes.Buffer
	for _, b := range m.Books(nil) {
		for _, side := range []byte{'B', 'S'} {
			for l, o := range b.Orders(side) {
				fmt.Fprintf(&text, "%s %c %d %d %d\n", b.Symbol(), side, l.Price, o.Ref, o.Quantity)
			}
		}
	}
	return text.String()
}

// displayed writes the displayed books of an engine the same way.
func displayed(e *engine.Engine) string {
	var text bytes.Buffer
	for i := 1; i <= e.InstrumentCount(); i++ {
		symbol := e.Symbol(uint16(i))
		e.Displayed(uint16(i), func(d *engine.Displayed) {
			fmt.Fprintf(&text, "%s %c %d %d %d\n", trimmed(symbol[:]), d.Side, d.Price, d.Order, d.Qty)
		})
	}
	return text.String()
}

// apply builds books from messages behind their lengths.
func apply(t testing.TB, m *market.Market, framed []byte) (n uint64) {
	t.Helper()
	for len(framed) != 0 {
		message, size, err := itch.Next(framed)
		if err != nil || size == 0 {
			t.Fatalf("message %d: %v", n+1, err)
		}
		if _, err := m.Apply(message); err != nil {
			t.Fatalf("message %d (%c): %v", n+1, message[0], err)
		}
		framed = framed[size:]
		n++
	}
	return n
}

func TestFeedSynthetic(t *testing.T) {
	b := newBroadcaster(t)
	b.broadcast(b.write("day.flow", synthetic(*seed, 3_000, false)), 2)
}

func TestFeedAAPL(t *testing.T) {
	file := realFlow(t, itchFile)
	b := newBroadcaster(t)
	flow := b.path("day.flow")
	b.must(0, "import", "itch", file, "-o", flow)
	b.broadcast(flow, 0)
}

// broadcast sends a flow to a venue, which is killed a few times meanwhile, and holds everything that is public against the
// journal: the feed with its gaps filled, the same stream over TCP, snapshots taken at any moment and what follows them, the
// request server's answers, the drop copy, and what the binary writes of the journal.
func (b *broadcaster) broadcast(flow string, kills int) {
	t := b.t
	again(t)
	random := rand.New(rand.NewPCG(*seed, 9))
	s := b.serve()
	b.beside()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	live, err := feed.Listen(ctx, feed.Options{Addr: b.to, Requests: b.at["requests"], Sequence: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = live.Close() }()
	received := make(chan feed.Message, 1<<20)
	go func() {
		for {
			m, err := live.Recv()
			if err != nil {
				close(received)
				return
			}
			received <- feed.Message{Sequence: m.Sequence, Payload: bytes.Clone(m.Payload)}
		}
	}()

	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range kills {
			kill := time.AfterFunc(time.Duration(50+random.IntN(200))*time.Millisecond, func() { _ = s.cmd.Process.Kill() })
			b.run("send", "-f", flow, "--keys", b.keys, "--to", s.addr)
			kill.Stop()
			s.kill()
			s = b.serve()
		}
		b.must(0, "send", "-f", flow, "--keys", b.keys, "--to", s.addr)
	}()
	type snapshot struct {
		m    *market.Market
		next uint64
	}
	var snapshots []snapshot
	for more := true; more; {
		m := market.New(0)
		_, next, err := feed.Snapshot(ctx, b.options("glimpse", "MAKER", 1), func(message []byte) error {
			_, err := m.Apply(message)
			return err
		})
		if err != nil {
			t.Fatal("a snapshot: ", err)
		}
		snapshots = append(snapshots, snapshot{m, next})
		select {
		case <-sent:
			more = false
		case <-time.After(100 * time.Millisecond):
		}
	}
	time.Sleep(400 * time.Millisecond) // heartbeats tell of what was lost at the end
	if left := s.stop(patience); left.code != 0 {
		t.Fatalf("exit %d: %s", left.code, left.stderr)
	}

	file := b.path("day.itch50")
	b.must(0, "replay", b.journal(), "--feed", file)
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	whole := market.New(0)
	total := apply(t, whole, want)
	e := b.retrace(want)
	if orders(whole) != displayed(e) {
		t.Errorf("the books of the feed are not those of the engine")
	}
	tcp, err := feed.Dial(ctx, b.options("itch", "TAKER", 1))
	if err != nil {
		t.Fatal(err)
	}
	got, err := follow(tcp, total)
	_ = tcp.Close()
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("over TCP %d bytes came, the journal gives %d: %v", len(got), len(want), err)
	}
	b.same(received, want, total)
	for i, p := range snapshots {
		if p.next <= total {
			from, err := feed.Dial(ctx, b.options("itch", "MAKER", p.next))
			if err != nil {
				t.Fatal(err)
			}
			rest, err := follow(from, total)
			_ = from.Close()
			if err != nil {
				t.Fatal(err)
			}
			apply(t, p.m, rest)
		}
		if orders(p.m) != orders(whole) {
			t.Errorf("snapshot %d, before message %d of %d, and what follows it make other books", i, p.next, total)
		}
	}
	t.Logf("%d messages in %d datagrams, %d snapshots", total, len(b.recorded()), len(snapshots))
	b.requested(want)
	b.copied(ctx, e.Fills())
	b.references()
	b.wireshark(t)
	b.stopRelay()
}

// same holds what a Receiver got against the messages of a file.
func (b *broadcaster) same(received <-chan feed.Message, want []byte, total uint64) {
	b.t.Helper()
	late := time.After(patience)
	for n := uint64(1); n <= total; n++ {
		select {
		case m, ok := <-received:
			size := 2 + int(want[0])<<8 + int(want[1])
			if !ok || m.Sequence != n || !bytes.Equal(m.Payload, want[2:size]) {
				b.t.Fatalf("message %d of the feed is %d, %x; the journal gives %x", n, m.Sequence, m.Payload, want[2:size])
			}
			want = want[size:]
		case <-late:
			b.t.Fatalf("%d messages of %d came", n-1, total)
		}
	}
}

// retrace executes the journal and holds the books of the messages against the engine's along the way.
func (b *broadcaster) retrace(framed []byte) *engine.Engine {
	b.t.Helper()
	j, err := replay.Open(os.DirFS(b.journal()))
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	fills, prices := map[uint64]*ouch.Executed{}, map[uint64]string{}
	m := market.New(0)
	for step := 0; ; step++ {
		_, events, err := j.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.t.Fatal(err)
		}
		for i := range events {
			if ev := &events[i]; ev.Kind == 'E' && ev.Flags&engine.EventTaker != 0 {
				fills[ev.Link] = &ouch.Executed{Quantity: ev.Qty, Price: ev.Price}
			}
		}
	}
	for rest := framed; len(rest) != 0; {
		message, size, _ := itch.Next(rest)
		rest = rest[size:]
		ev, err := m.Apply(message)
		if err != nil {
			b.t.Fatal(err)
		}
		var match uint64
		switch message[0] {
		case itch.TypeOrderExecuted:
			var e itch.OrderExecuted
			_ = e.Decode(message)
			match = e.MatchNumber
		case itch.TypeTrade:
			var p itch.Trade
			_ = p.Decode(message)
			match = p.MatchNumber
		default:
			continue
		}
		if prices[match] != "" {
			b.t.Fatalf("match %d is told twice", match)
		}
		prices[match] = fmt.Sprint(ev.Quantity, " at ", ev.Price)
	}
	for match, f := range fills {
		if want := fmt.Sprint(f.Quantity, " at ", f.Price); prices[match] != want {
			b.t.Fatalf("match %d is %q on the feed, %q in the journal", match, prices[match], want)
		}
	}
	if len(prices) != len(fills) {
		b.t.Fatalf("%d executions on the feed, %d in the journal", len(prices), len(fills))
	}
	return j.Engine()
}

// requested asks the request server for everything, one datagram at a time, and for what it must not answer.
func (b *broadcaster) requested(want []byte) {
	t := b.t
	t.Helper()
	conn, err := net.Dial("udp", b.at["requests"])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var session [10]byte
	datagrams := b.recorded()
	copy(session[:], datagrams[len(datagrams)-1])
	buf := make([]byte, 2048)
	ask := func(h mold.Header, within time.Duration) (p mold.Packet, ok bool) {
		t.Helper()
		if _, err := conn.Write(h.Append(nil)); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(within))
		n, err := conn.Read(buf)
		if err != nil {
			return p, false
		}
		if err := p.Decode(buf[:n]); err != nil || n > mold.MaxPayload || p.Sequence != h.Sequence || p.Messages() > int(h.Count) {
			t.Fatalf("asked for %+v, answered %+v of %d bytes: %v", h, p.Header, n, err)
		}
		return p, true
	}
	next := uint64(1)
	for asked, second := 0, time.Now(); len(want) != 0; asked++ {
		if asked == 900 { // less than what one address may ask in a second
			time.Sleep(time.Until(second.Add(1100 * time.Millisecond)))
			asked, second = 0, time.Now()
		}
		p, ok := ask(mold.Header{Session: session, Sequence: next, Count: 1000}, 200*time.Millisecond)
		if !ok {
			continue // lost, or asked too often
		}
		if !bytes.HasPrefix(want, p.Blocks) || len(p.Blocks) == 0 {
			t.Fatalf("message %d: other bytes than the journal gives", next)
		}
		want = want[len(p.Blocks):]
		next += uint64(p.Messages())
	}
	time.Sleep(1100 * time.Millisecond)
	if p, ok := ask(mold.Header{Session: session, Sequence: 2, Count: 1}, patience); !ok || p.Messages() != 1 {
		t.Errorf("one message: %+v, %v", p.Header, ok)
	}
	for _, h := range []mold.Header{
		{Session: session, Sequence: 0, Count: 1},
		{Session: session, Sequence: next, Count: 1},
		{Session: session, Sequence: 1},
		{Session: [10]byte{'X'}, Sequence: 1, Count: 1},
		{Session: [10]byte([]byte("          ")), Sequence: 1, Count: 1},
	} {
		if p, ok := ask(h, 20*time.Millisecond); ok {
			t.Errorf("%+v was answered by %+v", h, p.Header)
		}
	}
	answered := 0
	for range 3000 { // at most those of two seconds
		if _, ok := ask(mold.Header{Session: session, Sequence: 1, Count: 1}, time.Millisecond); ok {
			answered++
		}
		if answered > 2500 {
			t.Fatal("requests are answered without a limit")
		}
	}
}

// copied holds the drop copy of the firm against the journal: both sides of every fill.
func (b *broadcaster) copied(ctx context.Context, fills uint64) {
	t := b.t
	t.Helper()
	if _, err := client.Dial(ctx, b.options("dropcopy", "MAKER", 1)); !errors.Is(err, client.ErrRejected) {
		t.Errorf("a trader reads the drop copy: %v", err)
	}
	conn, err := client.Dial(ctx, b.options("dropcopy", "DROP", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	sides := map[uint64][]string{}
	for range 2 * fills {
		m, err := conn.Recv()
		if err != nil {
			t.Fatal(err)
		}
		user, message, err := client.SplitDrop(m.Payload)
		var e ouch.Executed
		if err == nil {
			err = e.Decode(message)
		}
		if err != nil {
			t.Fatal(err)
		}
		sides[e.MatchNumber] = append(sides[e.MatchNumber], fmt.Sprintf("%s %d at %d", user, e.Quantity, e.Price))
	}
	if uint64(len(sides)) != fills || fills == 0 {
		t.Errorf("%d trades, the journal has %d", len(sides), fills)
	}
	for match, both := range sides {
		if len(both) != 2 || both[0][5:] != both[1][5:] {
			t.Errorf("match %d: %q", match, both)
		}
	}
}

func (b *broadcaster) references() {
	conn, err := net.Dial("tcp", b.at["reference"])
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	text, err := io.ReadAll(conn)
	want := `{"locate":1,"symbol":"AAPL","price_decimals":4,"quantity_decimals":0,"tick":1,"lot":1,"max_price":1999999900,"max_quantity":999999}`
	if err != nil || !bytes.HasPrefix(text, []byte(`{"session":"`)) || !bytes.HasSuffix(text, []byte("}\n"+want+"\n")) {
		b.t.Errorf("%v\n%s", err, text)
	}
}

func (b *broadcaster) stopRelay() {
	if err := b.relay.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.t.Fatal(err)
	}
	select {
	case <-b.relay.ended:
	case <-time.After(patience):
		b.t.Fatalf("the relay does not stop: %s", b.relay.err)
	}
	if code := b.relay.cmd.ProcessState.ExitCode(); code != 0 {
		b.t.Errorf("the relay ended with %d: %s", code, b.relay.err)
	}
}
