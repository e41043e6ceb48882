package feed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"matcher/client/market"
	"matcher/wire/itch"
	"matcher/wire/mold"
)

// publisher is a venue's feed for tests: it packs messages into datagrams, sends them to a destination by way of a bad
// network, and answers requests.
type publisher struct {
	t        testing.TB
	messages [][]byte
	conn     *net.UDPConn // sends; answers requests
	rate     int          // of 100 datagrams this many are dropped, as many doubled, as many delayed
	random   *rand.Rand
	to       net.Addr
	late     []late

	mu       sync.Mutex
	requests int
	deaf     bool // answers nothing
}

// late is a datagram that overtakes wait others backwards.
type late struct {
	b    []byte
	wait int
}

func newPublisher(t testing.TB, messages [][]byte, rate int) *publisher {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p := &publisher{t: t, messages: messages, conn: conn, rate: rate, random: rand.New(rand.NewPCG(*seed, 99))}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.answer(rand.New(rand.NewPCG(*seed, 98)))
	}()
	t.Cleanup(func() {
		_ = conn.Close() // ends the answering
		<-done
	})
	return p
}

// pack makes a datagram of the messages from a number on: as many as fit, at most count.
func (p *publisher) pack(from uint64, count int) ([]byte, int) {
	h := mold.Header{Session: session, Sequence: from}
	b := h.Append(nil)
	n := 0
	for _, m := range p.messages[from-1:] {
		if n == count || len(b)+2+len(m) > mold.MaxPayload {
			break
		}
		b = mold.AppendBlock(b, m)
		n++
	}
	h.Count = uint16(n)
	h.Put(b)
	return b, n
}

// answer is the request server.
func (p *publisher) answer(random *rand.Rand) {
	buf := make([]byte, 100)
	for {
		n, from, err := p.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		var h mold.Header
		p.mu.Lock()
		p.requests++
		deaf := p.deaf
		p.mu.Unlock()
		if deaf || h.DecodeRequest(buf[:n]) != nil || h.Session != session || h.Sequence == 0 || h.Sequence > uint64(len(p.messages)) || h.Count == 0 {
			continue
		}
		if random.IntN(100) < p.rate {
			continue // answers get lost as well
		}
		b, _ := p.pack(h.Sequence, int(h.Count))
		_, _ = p.conn.WriteTo(b, from)
	}
}

// send puts a datagram on the network.
func (p *publisher) send(b []byte) {
	switch dice := p.random.IntN(100); {
	case dice < p.rate:
	case dice < 2*p.rate:
		p.write(b)
		p.write(b)
	case dice < 3*p.rate:
		p.late = append(p.late, late{slices.Clone(b), 1 + p.random.IntN(6)})
	default:
		p.write(b)
	}
	p.late = slices.DeleteFunc(p.late, func(l late) bool {
		if l.wait == 0 {
			p.write(l.b)
		}
		return l.wait == 0
	})
	for i := range p.late {
		p.late[i].wait--
	}
}

func (p *publisher) write(b []byte) {
	if _, err := p.conn.WriteTo(b, p.to); err != nil {
		p.t.Error(err)
	}
}

// publish sends all messages in small datagrams, then the end of the session until told to stop.
func (p *publisher) publish(stop chan struct{}) {
	for from := uint64(1); from <= uint64(len(p.messages)); {
		b, n := p.pack(from, 1+p.random.IntN(30))
		p.send(b)
		from += uint64(n)
		if p.random.IntN(8) == 0 {
			time.Sleep(100 * time.Microsecond)
		}
	}
	end := mold.Header{Session: session, Sequence: uint64(len(p.messages)) + 1, Count: mold.EndOfSession}
	for {
		p.write(end.Append(nil))
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func listen(t testing.TB, o Options) *Receiver {
	t.Helper()
	o.Addr = "127.0.0.1:0"
	r, err := Listen(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() }) // most tests have closed it
	return r
}

// day is a flow of messages about displayed orders.
func day(count int) [][]byte {
	random := rand.New(rand.NewPCG(*seed, 5))
	aapl := [8]byte([]byte("AAPL    "))
	type order struct {
		ref uint64
		qty uint32
	}
	var live []order
	var out [][]byte
	for ref := uint64(1); len(out) < count; ref++ {
		h := itch.Header{Locate: 1, Timestamp: ref}
		if len(live) < 50 || random.IntN(2) == 0 {
			o := order{ref, 1 + random.Uint32N(100)}
			live = append(live, o)
			out = append(out, (&itch.AddOrder{Header: h, OrderRef: o.ref, Side: "BS"[random.IntN(2)], Quantity: o.qty, Symbol: aapl, Price: 1 + random.Uint32N(300)}).Append(nil))
			continue
		}
		i := random.IntN(len(live))
		switch random.IntN(3) {
		case 0:
			out = append(out, (&itch.OrderReplace{Header: h, OrigOrderRef: live[i].ref, OrderRef: ref, Quantity: 7, Price: 1 + random.Uint32N(300)}).Append(nil))
			live[i] = order{ref, 7}
		case 1:
			out = append(out, (&itch.OrderExecuted{Header: h, OrderRef: live[i].ref, Quantity: 1, MatchNumber: ref}).Append(nil))
			if live[i].qty--; live[i].qty == 0 {
				live = slices.Delete(live, i, i+1)
			}
		case 2:
			out = append(out, (&itch.OrderDelete{Header: h, OrderRef: live[i].ref}).Append(nil))
			live = slices.Delete(live, i, i+1)
		}
	}
	return out
}

// queues writes all orders of a market.
func queues(m *market.Market) (all []string) {
	for _, b := range m.Books(nil) {
		for _, side := range []byte{'B', 'S'} {
			for l, o := range b.Orders(side) {
				all = append(all, fmt.Sprintf("%s%c%d %d %d", b.Symbol(), side, l.Price, o.Ref, o.Quantity))
			}
		}
	}
	return all
}

// TestBadNetwork: one datagram in ten is dropped, one doubled, one delayed, and one answer in ten is lost. Every message
// comes, once and in order, and the book is that of the whole stream.
func TestBadNetwork(t *testing.T) {
	t.Logf("again with: go test ./client/feed -run TestBadNetwork -seed %d", *seed)
	messages := day(20_000)
	whole := market.New(0)
	for _, m := range messages {
		if _, err := whole.Apply(m); err != nil {
			t.Fatal(err)
		}
	}
	p := newPublisher(t, messages, 10)
	r := listen(t, Options{Requests: p.conn.LocalAddr().String(), Sequence: 1, Again: 5 * time.Millisecond, Pace: time.Microsecond})
	p.to = r.Addr()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		p.publish(stop)
	}()
	built := market.New(0)
	var count uint64
	for {
		m, err := r.Recv()
		if errors.Is(err, ErrEndOfSession) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if count++; m.Sequence != count {
			t.Fatalf("message %d, want %d", m.Sequence, count)
		}
		if _, err := built.Apply(m.Payload); err != nil {
			t.Fatalf("message %d: %v", m.Sequence, err)
		}
	}
	close(stop)
	<-done
	s := r.Stats()
	t.Logf("%+v", s)
	if count != uint64(len(messages)) || !slices.Equal(queues(built), queues(whole)) || len(queues(whole)) < 40 {
		t.Errorf("%d of %d messages; %d orders, want %d", count, len(messages), built.Live(), whole.Live())
	}
	if s.Requests == 0 || s.Duplicates == 0 || s.Early == 0 || s.Gaps != 0 {
		t.Errorf("the network was not bad: %+v", s)
	}
	if r.Session() != "2611250001" || r.NextSequence() != count+1 {
		t.Errorf("session %q, next %d", r.Session(), r.NextSequence())
	}
}

// TestGapGivenUp: without a request server, or when it answers nothing, a gap is told once, and Recv goes on behind it.
func TestGapGivenUp(t *testing.T) {
	for _, asks := range []bool{false, true} {
		p := newPublisher(t, day(30), 0)
		p.deaf = true
		o := Options{Sequence: 1, Patience: 60 * time.Millisecond, Again: 10 * time.Millisecond}
		if asks {
			o.Requests = p.conn.LocalAddr().String()
		}
		r := listen(t, o)
		p.to = r.Addr()
		for _, first := range []uint64{1, 2, 9, 10} {
			b, _ := p.pack(first, 1)
			p.write(b)
		}
		var got []uint64
		var gap *GapError
		for len(got) < 4 {
			m, err := r.Recv()
			switch {
			case errors.As(err, &gap) && errors.Is(err, ErrGap):
				if gap.From != 3 || gap.To != 9 || len(got) != 2 {
					t.Errorf("%v behind %v", err, got)
				}
			case err != nil:
				t.Fatal(err)
			default:
				got = append(got, m.Sequence)
			}
		}
		p.mu.Lock()
		if gap == nil || !slices.Equal(got, []uint64{1, 2, 9, 10}) || p.requests < 2 && asks || p.requests > 0 && !asks || r.Stats().Gaps != 6 {
			t.Errorf("asks %v: %v, %v, %d requests, %+v", asks, got, gap, p.requests, r.Stats())
		}
		p.mu.Unlock()
	}
}

// TestLateJoin: whoever comes late and wants all gets it from the request server, as many requests as it takes.
func TestLateJoin(t *testing.T) {
	messages := day(2000)
	p := newPublisher(t, messages, 0)
	r := listen(t, Options{Requests: p.conn.LocalAddr().String(), Sequence: 1, Pace: time.Microsecond})
	p.to = r.Addr()
	p.write((&mold.Header{Session: session, Sequence: uint64(len(messages)) + 1}).Append(nil)) // one heartbeat
	for want := range messages {
		if m, err := r.Recv(); err != nil || m.Sequence != uint64(want)+1 || !slices.Equal(m.Payload, messages[want]) {
			t.Fatalf("message %d: %v; want %d", m.Sequence, err, want+1)
		}
	}
}

func TestReceiverEnds(t *testing.T) {
	r := listen(t, Options{Timeout: 20 * time.Millisecond})
	for range 2 {
		if _, err := r.Recv(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("silence: %v", err)
		}
	}
	r = listen(t, Options{})
	time.AfterFunc(20*time.Millisecond, func() { _ = r.Close() })
	if _, err := r.Recv(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := r.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	for _, o := range []Options{{Addr: "nowhere"}, {Addr: "239.1.1.1:0", Interface: "none-such"}, {Addr: "127.0.0.1:0", Requests: "127.0.0.1:none"}} {
		if _, err := Listen(context.Background(), o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// TestMulticast receives a group on loopback, where the machine lets it.
func TestMulticast(t *testing.T) {
	lo := ""
	all, _ := net.Interfaces()
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			lo = i.Name
		}
	}
	free, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := free.LocalAddr().(*net.UDPAddr).Port
	_ = free.Close()
	group := &net.UDPAddr{IP: net.IPv4(239, 255, 77, 7), Port: port}
	r, err := Listen(context.Background(), Options{Addr: group.String(), Interface: lo, Sequence: 1, Timeout: 300 * time.Millisecond})
	if err != nil {
		t.Skip("no multicast here: ", err)
	}
	defer func() { _ = r.Close() }()
	out, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, group)
	if err != nil {
		t.Skip("no multicast here: ", err)
	}
	defer func() { _ = out.Close() }()
	if _, err := out.Write(packet(1, 2).bytes()); err != nil {
		t.Skip("no multicast here: ", err)
	}
	m, err := r.Recv()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Skip("the loopback does not carry multicast here")
	}
	if err != nil || string(m.Payload) != "1" {
		t.Errorf("%q, %v", m.Payload, err)
	}
}

// BenchmarkWindow puts datagrams in order and takes their messages.
func BenchmarkWindow(b *testing.B) {
	w, _ := newWindow(1)
	d := packet(1, 31)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		h := mold.Header{Session: session, Sequence: w.next, Count: 30}
		h.Put(d.buf[:])
		if kept, err := w.push(d); !kept || err != nil {
			b.Fatal(err)
		}
		for {
			if _, ok := w.take(); !ok {
				break
			}
			n++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/message")
}

// publisherOfOne sends one message and the end of the session.
type publisherOfOne struct {
	conn    *net.UDPConn
	message []byte
}

func (p *publisherOfOne) send(to net.Addr) {
	one := mold.AppendBlock((&mold.Header{Session: session, Sequence: 1, Count: 1}).Append(nil), p.message)
	_, _ = p.conn.WriteTo(one, to)
	_, _ = p.conn.WriteTo((&mold.Header{Session: session, Sequence: 2, Count: mold.EndOfSession}).Append(nil), to)
}
