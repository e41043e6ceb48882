package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// desk is a venue's side of one connection, for scripts.
type desk struct {
	conn net.Conn
	t    *testing.T
}

// greet takes a login that asks for a session and a number, and the Account Query behind it.
func greet(t *testing.T, conn net.Conn, session string, number uint64) *desk {
	l := accept(conn)
	if got := strings.TrimSpace(string(l.Session[:])); got != session || l.Sequence != number {
		t.Errorf("login for message %d of %q, want %d of %q", l.Sequence, got, number, session)
	}
	d := &desk{conn, t}
	d.expect("Q")
	return d
}

// probe takes the login that asks where the live point is.
func probe(t *testing.T, session string, live uint64) func(net.Conn) {
	return func(conn net.Conn) {
		var l soupbin.Login
		if err := l.Decode(next(conn).Payload); err != nil || l.Sequence != 0 || strings.TrimSpace(string(l.Session[:])) != session {
			t.Errorf("first login %+v, %v; want 0 of %q", l, err, session)
		}
		say(conn, soupbin.AppendLoginAccepted(nil, &soupbin.Accepted{Session: [10]byte([]byte("SESS1     ")), Sequence: live}))
	}
}

// expect reads messages and holds each against what it should begin with: letter, and the first UserRefNum if there is one.
func (d *desk) expect(want ...string) {
	for _, w := range want {
		p := next(d.conn)
		for p.Type == soupbin.ClientHeartbeat {
			p = next(d.conn)
		}
		if got := brief(p); got != w {
			d.t.Errorf("the venue was sent %s, want %s", got, w)
		}
	}
}

func brief(p soupbin.Packet) string {
	if p.Type != soupbin.UnsequencedData || len(p.Payload) == 0 {
		return fmt.Sprintf("packet %q", p.Type)
	}
	switch b := p.Payload; b[0] {
	case 'Q':
		return "Q"
	case 'U':
		var m ouch.ReplaceOrder
		_ = m.Decode(b)
		return fmt.Sprintf("U%d>%d", m.OrigUserRefNum, m.UserRefNum)
	default:
		return fmt.Sprintf("%c%d", b[0], uint32(b[1])<<24|uint32(b[2])<<16|uint32(b[3])<<8|uint32(b[4]))
	}
}

// say sends messages.
func (d *desk) say(messages ...ouch.Outbound) {
	for _, m := range messages {
		say(d.conn, soupbin.AppendSequenced(nil, m.Append(nil)))
	}
}

func accepted(ref, qty uint32) *ouch.Accepted {
	return &ouch.Accepted{
		UserRefNum: ref, Side: 'B', Quantity: qty, Symbol: ouch.Symbol("AAPL"), Price: 100, TimeInForce: '0', Display: 'Y',
		OrderRef: uint64(1000 + ref), State: 'L', ClOrdID: ouch.ClOrdID("x"),
	}
}

func fillOf(ref, qty uint32, price, match uint64) *ouch.Executed {
	return &ouch.Executed{UserRefNum: ref, Quantity: qty, Price: price, MatchNumber: match, Liquidity: 'A'}
}

func query(n uint32) *ouch.QueryResponse { return &ouch.QueryResponse{NextUserRefNum: n} }

// opened opens a session and waits until it is ready.
func opened(t *testing.T, o SessionOptions) *Session {
	t.Helper()
	o.Sequence = 1
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	reports(t, s, Ready)
	return s
}

// reports receives reports, which must be of these kinds, and returns the last one.
func reports(t *testing.T, s *Session, kinds ...Kind) (last Report) {
	t.Helper()
	for _, want := range kinds {
		r, err := s.Recv()
		if err != nil {
			t.Fatalf("want %v: %v", want, err)
		}
		if r.Kind != want {
			t.Fatalf("report %v %+v, want %v", r.Kind, r, want)
		}
		last = r
	}
	return last
}

func enter(t *testing.T, s *Session, qty uint32) uint32 {
	t.Helper()
	ref, err := s.Enter(NewOrder{Side: 'B', Quantity: qty, Symbol: "AAPL", Price: 100})
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// TestOrderState: leaves, executed and average price follow the messages, through a replacement and a broken trade.
func TestOrderState(t *testing.T) {
	addr := venue(t, probe(t, "", 1), func(conn net.Conn) {
		d := greet(t, conn, "SESS1", 1)
		d.say(query(7))
		d.expect("O7")
		d.say(accepted(7, 100), fillOf(7, 30, 100, 1), fillOf(7, 10, 97, 2))
		d.expect("U7>8")
		d.say(&ouch.Replaced{OrigUserRefNum: 7, UserRefNum: 8, Side: 'B', Quantity: 110, Symbol: ouch.Symbol("AAPL"), Price: 101, State: 'L', OrderRef: 2000})
		d.say(fillOf(8, 10, 101, 3), &ouch.Modified{UserRefNum: 8, Side: 'B', Quantity: 50}, &ouch.AIQCanceled{UserRefNum: 8, Quantity: 5, Reason: 'Q'})
		d.say(&ouch.BrokenTrade{UserRefNum: 7, MatchNumber: 1, Reason: 'E'}, &ouch.BrokenTrade{UserRefNum: 7, MatchNumber: 1, Reason: 'E'})
		d.expect("X8")
		d.say(&ouch.Canceled{UserRefNum: 8, Quantity: 45, Reason: 'U'})
		linger(conn)
	})
	s := opened(t, SessionOptions{Options: Options{Addr: addr}})
	ref := enter(t, s, 100)
	if o, ok := s.Order(ref); !ok || ref != 7 || o.State != Sent || o.Leaves != 100 || o.AveragePrice() != nil {
		t.Errorf("sent: %+v", o)
	}
	r := reports(t, s, OrderAccepted, OrderExecuted, OrderExecuted)
	if o := r.Order; o.State != Live || o.Leaves != 60 || o.Executed != 40 || o.AveragePrice().RatString() != "397/4" || o.OrderRef != 1007 || o.Symbol != "AAPL" {
		t.Errorf("executed: %+v, average %v", o, o.AveragePrice())
	}
	if r.Quantity != 10 || r.Price != 97 || r.Match != 2 || r.Liquidity != 'A' || r.Sequence != 4 {
		t.Errorf("report %+v", r)
	}
	second, err := s.Replace(ref, Replacement{Quantity: 150, Price: 101})
	if err != nil || second != 8 {
		t.Fatal(second, err)
	}
	if _, err := s.Replace(ref, Replacement{Quantity: 150, Price: 102}); !errors.Is(err, ErrReplacing) {
		t.Errorf("a second replacement: %v", err)
	}
	r = reports(t, s, OrderReplaced, OrderExecuted, OrderModified, OrderPrevented)
	if o := r.Order; o.Leaves != 45 || o.Executed != 50 || o.AveragePrice().RatString() != "498/5" || o.Orig != 7 || o.OrderRef != 2000 {
		t.Errorf("replaced: %+v, average %v", o, o.AveragePrice())
	}
	r = reports(t, s, TradeBroken, TradeBroken)
	if o, _ := s.Order(8); o.Broken != 30 || o.Executed != 50 || o.AveragePrice().RatString() != "99" || o.Cost().String() != "1980" {
		t.Errorf("broken: %+v, average %v", o, o.AveragePrice())
	}
	if o := r.Order; o.Ref != 7 || o.State != Replaced || o.Leaves != 0 || o.Broken != 30 || r.Quantity != 0 {
		t.Errorf("broken twice: %+v", r)
	}
	if len(s.Orders()) != 1 {
		t.Errorf("open: %v", s.Orders())
	}
	if err := s.Cancel(8, 0); err != nil {
		t.Error(err)
	}
	if r = reports(t, s, OrderCanceled); r.Order.State != Canceled || r.Reason != 'U' || len(s.Orders()) != 0 {
		t.Errorf("canceled: %+v", r)
	}
	for _, err := range []error{s.Cancel(8, 0), s.Modify(8, 1, 0)} {
		if !errors.Is(err, ErrEnded) {
			t.Error(err)
		}
	}
	s.Forget(8)
	if err := s.Cancel(8, 0); !errors.Is(err, ErrUnknownOrder) {
		t.Error(err)
	}
}

// TestCostIsExact beyond 64 bits.
func TestCostIsExact(t *testing.T) {
	r := record{Order: Order{Leaves: 1<<32 - 1}, fills: new([]fill)}
	for i, qty := range []uint32{1 << 31, 1<<31 - 1} {
		r.execute(fillOf(1, qty, 1<<63, uint64(i)))
	}
	if got := r.Cost().String(); got != "39614081247908796759917199360" || r.AveragePrice().RatString() != "9223372036854775808" || r.State != Filled {
		t.Error(got, r.AveragePrice(), r.State)
	}
	if f := r.bust(0); f.qty != 1<<31 || r.AveragePrice().RatString() != "9223372036854775808" {
		t.Error(f, r.AveragePrice())
	}
}

// TestCostCarries: the lower half runs over into the upper one, and back.
func TestCostCarries(t *testing.T) {
	r := record{Order: Order{Leaves: 10}, fills: new([]fill)}
	for match := range uint64(3) {
		r.execute(fillOf(1, 3, 1<<63+1, match))
	}
	if got := r.Cost().String(); got != "83010348331692982281" {
		t.Error(got)
	}
	r.bust(1)
	if got := r.Cost().String(); got != "55340232221128654854" {
		t.Error(got)
	}
}

// lossy is a venue whose first connection is lost when order 1 of 4 is answered, order 2 only journaled, and 3 and 4 not
// received: its second connection is asked for what was missed.
func lossy(t *testing.T, then func(*desk)) string {
	return venue(t, probe(t, "", 1), func(conn net.Conn) {
		d := greet(t, conn, "SESS1", 1)
		d.say(query(1))
		d.expect("O1", "O2", "O3", "C4", "X1")
		d.say(accepted(1, 10))
	}, probe(t, "SESS1", 5), func(conn net.Conn) {
		d := greet(t, conn, "SESS1", 3) // Q, A: two messages came
		d.say(accepted(2, 10), fillOf(2, 10, 99, 5), query(3))
		then(d)
		linger(conn)
	})
}

// sendLossy sends to it and receives until it is back.
func sendLossy(t *testing.T, s *Session) {
	t.Helper()
	for range 3 {
		enter(t, s, 10)
	}
	if ref, err := s.MassCancel(Filter{Symbol: "AAPL"}); err != nil || ref != 4 {
		t.Fatal(ref, err)
	}
	if err := s.Cancel(1, 0); err != nil {
		t.Fatal(err)
	}
	reports(t, s, OrderAccepted)
	if r := reports(t, s, Down); r.Err == nil {
		t.Error("down for no reason")
	}
	if r := reports(t, s, OrderAccepted, OrderExecuted); r.Order.Ref != 2 || r.Order.State != Filled {
		t.Errorf("missed: %+v", r)
	}
}

// TestResumeSettles: after a lost connection what was missed is told once, an order that did not arrive is lost, and what
// takes risk away is sent again.
func TestResumeSettles(t *testing.T) {
	s := opened(t, SessionOptions{Options: Options{Addr: lossy(t, func(d *desk) {
		d.expect("C4", "X1")
		d.say(&ouch.MassCancelResponse{UserRefNum: 4, Firm: ouch.Firm("F"), Symbol: ouch.Symbol("AAPL")}, &ouch.Canceled{UserRefNum: 1, Quantity: 10, Reason: 'U'})
		d.expect("O5")
		d.say(accepted(5, 10))
	})}})
	sendLossy(t, s)
	if r := reports(t, s, OrderLost); r.Order.Ref != 3 || r.Order.State != Lost {
		t.Errorf("lost: %+v", r)
	}
	reports(t, s, Ready, MassCancelDone, OrderCanceled)
	if ref := enter(t, s, 10); ref != 5 {
		t.Errorf("the next order is %d", ref)
	}
	if r := reports(t, s, OrderAccepted); r.Order.Ref != 5 || r.Sequence != 8 {
		t.Errorf("%+v", r)
	}
}

// TestResumeResends: with Resend what did not arrive goes out again, with the same numbers and in order.
func TestResumeResends(t *testing.T) {
	s := opened(t, SessionOptions{Resend: true, Options: Options{Addr: lossy(t, func(d *desk) {
		d.expect("O3", "C4", "X1", "O5")
		d.say(accepted(3, 10), &ouch.MassCancelResponse{UserRefNum: 4}, accepted(5, 10))
	})}})
	sendLossy(t, s)
	reports(t, s, Ready)
	enter(t, s, 10)
	if r := reports(t, s, OrderAccepted, MassCancelDone, OrderAccepted); r.Order.Ref != 5 || len(s.Orders()) != 3 {
		t.Errorf("%+v", r)
	}
}

// TestEntryClosed: the account closes its order entry and opens it again, each under the next number.
func TestEntryClosed(t *testing.T) {
	s := opened(t, SessionOptions{Options: Options{Addr: venue(t, probe(t, "", 1), func(conn net.Conn) {
		d := greet(t, conn, "SESS1", 1)
		d.say(query(1))
		d.expect("D1", "E2")
		d.say(&ouch.DisableResponse{UserRefNum: 1, Firm: ouch.Firm("")}, &ouch.EnableResponse{UserRefNum: 2, Firm: ouch.Firm("")})
		linger(conn)
	})}})
	for want, ask := range []func() (uint32, error){s.DisableEntry, s.EnableEntry} {
		if ref, err := ask(); err != nil || ref != uint32(want)+1 {
			t.Fatal(ref, err)
		}
	}
	if r := reports(t, s, EntryDisabled, EntryEnabled); r.Sequence != 3 {
		t.Errorf("%+v", r)
	}
	if s.SessionID() != "SESS1" || s.NextSequence() != 4 {
		t.Errorf("%s goes on with %d", s.SessionID(), s.NextSequence())
	}
}

// TestNotReady: without Resend no order is taken while the connection is lost; a cancel is kept.
func TestNotReady(t *testing.T) {
	back := make(chan struct{})
	addr := venue(t, probe(t, "", 1), func(conn net.Conn) {
		d := greet(t, conn, "SESS1", 1)
		d.say(query(1))
		d.expect("O1")
		d.say(accepted(1, 10))
	}, probe(t, "SESS1", 3), func(conn net.Conn) {
		d := greet(t, conn, "SESS1", 3)
		<-back
		d.say(query(2))
		d.expect("X1")
		linger(conn)
	})
	s := opened(t, SessionOptions{Options: Options{Addr: addr}})
	enter(t, s, 10)
	reports(t, s, OrderAccepted, Down)
	if _, err := s.Enter(NewOrder{Side: 'B', Quantity: 1, Symbol: "AAPL"}); !errors.Is(err, ErrNotReady) {
		t.Error(err)
	}
	if err := s.Modify(1, 5, 0); !errors.Is(err, ErrNotReady) {
		t.Error(err)
	}
	if err := s.Cancel(1, 0); err != nil {
		t.Error(err)
	}
	close(back)
	reports(t, s, Ready)
}

// TestReplacementOfNothing: the venue passes over a replacement whose original is gone; so is what was to replace that one.
func TestReplacementOfNothing(t *testing.T) {
	addr := venue(t, probe(t, "", 1), func(conn net.Conn) {
		d := greet(t, conn, "SESS1", 1)
		d.say(query(1))
		d.expect("O1", "U1>2", "U2>3")
		d.say(accepted(1, 10), fillOf(1, 10, 100, 1))
		d.expect("O4")
		d.say(&ouch.Rejected{UserRefNum: 4, Reason: 0x13})
		linger(conn)
	})
	s := opened(t, SessionOptions{Options: Options{Addr: addr}})
	enter(t, s, 10)
	for ref := range uint32(2) {
		if _, err := s.Replace(ref+1, Replacement{Quantity: 20, Price: 100}); err != nil {
			t.Fatal(err)
		}
	}
	reports(t, s, OrderAccepted, OrderExecuted)
	for want := range uint32(2) {
		if r := reports(t, s, OrderIgnored); r.Order.Ref != want+2 || r.Order.State != Ignored {
			t.Errorf("%+v", r)
		}
	}
	enter(t, s, 0)
	if r := reports(t, s, OrderRejected); r.Order.State != Rejected || r.Code != 0x13 || r.Order.Code != 0x13 {
		t.Errorf("%+v", r)
	}
}

// TestElsewhere: the older of two logins does not fight the newer one.
func TestElsewhere(t *testing.T) {
	addr := venue(t, probe(t, "", 1), func(conn net.Conn) {
		greet(t, conn, "SESS1", 1).say(query(1))
		say(conn, soupbin.AppendDebug(nil, "the user has logged in again elsewhere"))
	})
	s := opened(t, SessionOptions{Options: Options{Addr: addr}})
	for range 2 {
		if _, err := s.Recv(); !errors.Is(err, ErrElsewhere) {
			t.Error(err)
		}
	}
	if _, err := s.Enter(NewOrder{}); !errors.Is(err, ErrNotReady) {
		t.Error(err)
	}
}

// TestSessionChanged: a venue that lost its last milliseconds has another session. What it still has is told again.
func TestSessionChanged(t *testing.T) {
	addr := venue(t, probe(t, "", 1), func(conn net.Conn) {
		d := greet(t, conn, "SESS1", 1)
		d.say(query(1))
		d.expect("O1", "O2")
		d.say(accepted(1, 10), fillOf(1, 4, 100, 1), accepted(2, 10))
	}, func(conn net.Conn) {
		next(conn)
		say(conn, soupbin.AppendLoginRejected(nil, 'S'))
	}, probe(t, "", 2), func(conn net.Conn) {
		d := greet(t, conn, "SESS1", 1)
		d.say(accepted(1, 6), query(2))
		d.expect("O2")
		linger(conn)
	})
	s := opened(t, SessionOptions{Options: Options{Addr: addr}})
	enter(t, s, 10)
	enter(t, s, 10)
	reports(t, s, OrderAccepted, OrderExecuted, OrderAccepted, Down, SessionChanged, OrderAccepted, Ready)
	if o := s.Orders(); len(o) != 1 || o[0].Ref != 1 || o[0].Leaves != 6 || o[0].Executed != 0 {
		t.Errorf("%+v", o)
	}
	if ref := enter(t, s, 1); ref != 2 {
		t.Errorf("the next order is %d", ref)
	}
}

// TestOldAnswers: answers to queries of earlier processes stand in the stream; they settle nothing.
func TestOldAnswers(t *testing.T) {
	addr := venue(t, probe(t, "", 5), func(conn net.Conn) {
		d := greet(t, conn, "SESS1", 1)
		d.say(query(1), accepted(1, 10), query(2), accepted(2, 10), query(3))
		d.expect("O3")
		linger(conn)
	})
	s, err := Open(context.Background(), SessionOptions{Options: Options{Addr: addr, Sequence: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	reports(t, s, OrderAccepted, OrderAccepted, Ready)
	if ref := enter(t, s, 10); ref != 3 {
		t.Errorf("the next order is %d", ref)
	}
}

// TestChannel: orders are entered in the channel that was chosen, and those of others are told apart.
func TestChannel(t *testing.T) {
	three := []byte{2, 28, 3}
	addr := venue(t, probe(t, "", 1), func(conn net.Conn) {
		d := greet(t, conn, "SESS1", 1)
		other := accepted(1, 5)
		d.say(query(9), other, &ouch.QueryResponse{NextUserRefNum: 1, Appendage: three})
		p := next(conn)
		if var1 := p.Payload[len(p.Payload)-3:]; string(var1) != string(three) {
			t.Errorf("the order ends with % x", var1)
		}
		ours := accepted(1, 10)
		ours.Appendage = three
		fill := fillOf(1, 10, 100, 1)
		fill.Appendage = three
		d.say(ours, fill)
		linger(conn)
	})
	s, err := Open(context.Background(), SessionOptions{Channel: 3, Options: Options{Addr: addr, Sequence: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	reports(t, s, OrderAccepted, Ready)
	enter(t, s, 10)
	r := reports(t, s, OrderAccepted, OrderExecuted)
	if open := s.Orders(); r.Order.Channel != 3 || r.Order.State != Filled || len(open) != 1 || open[0].Channel != 0 {
		t.Errorf("%+v; open %+v", r, open)
	}
}

// TestStreamGivesUp after Retry, and Close ends its waiting.
func TestStreamGivesUp(t *testing.T) {
	for _, closed := range []bool{false, true} {
		addr := venue(t, func(conn net.Conn) { accept(conn) })
		o := Options{Addr: addr, Sequence: 1, Retry: 100 * time.Millisecond}
		if closed {
			o.Retry = time.Hour
		}
		s, err := Follow(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if closed {
			time.AfterFunc(50*time.Millisecond, func() { _ = s.Close() })
		}
		if _, err := s.Recv(); err == nil || errors.Is(err, net.ErrClosed) != closed {
			t.Errorf("closed %v: %v", closed, err)
		}
	}
}

// TestStreamNumber: a venue that goes on at another number is not believed.
func TestStreamNumber(t *testing.T) {
	addr := venue(t, func(conn net.Conn) {
		accept(conn)
		say(conn, executed(1))
	}, func(conn net.Conn) {
		next(conn)
		say(conn, soupbin.AppendLoginAccepted(nil, &soupbin.Accepted{Session: [10]byte([]byte("SESS1     ")), Sequence: 1}))
		linger(conn)
	})
	s, err := Follow(context.Background(), Options{Addr: addr, Sequence: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Recv(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recv(); !errors.Is(err, ErrNumber) {
		t.Error(err)
	}
}

func TestSplitDrop(t *testing.T) {
	user, message, err := SplitDrop(append([]byte("BOB   "), fillOf(1, 2, 3, 4).Append(nil)...))
	var e ouch.Executed
	if err != nil || user != "BOB" || e.Decode(message) != nil || e.MatchNumber != 4 {
		t.Error(user, message, err)
	}
	if _, _, err := SplitDrop([]byte("BOB   ")); !errors.Is(err, ouch.ErrLength) {
		t.Error(err)
	}
}

// A session in a few lines: enter, follow the reports, know the average price.
func ExampleSession() {
	venue, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer func() { _ = venue.Close() }()
	go serveSession(venue)
	s, err := Open(context.Background(), SessionOptions{Options: Options{Addr: venue.Addr().String(), Username: "ALICE", Password: "secret", Sequence: 1}})
	if err != nil {
		panic(err)
	}
	defer func() { _ = s.Close() }()
	for {
		r, err := s.Recv()
		if err != nil {
			panic(err)
		}
		switch r.Kind {
		case Ready:
			if _, err := s.Enter(NewOrder{Side: ouch.SideBuy, Quantity: 100, Symbol: "AAPL", Price: 1872500}); err != nil {
				panic(err)
			}
		case OrderExecuted:
			fmt.Printf("order %d: %d at %d, %d open, average %s\n", r.Order.Ref, r.Quantity, r.Price, r.Order.Leaves, r.Order.AveragePrice().FloatString(2))
			if r.Order.State.Ended() {
				return
			}
		}
	}
	// Output:
	// order 1: 60 at 1872400, 40 open, average 1872400.00
	// order 1: 40 at 1872500, 0 open, average 1872440.00
}

// serveSession is a venue that executes one order in two parts.
func serveSession(listener net.Listener) {
	conn, err := listener.Accept()
	if err != nil {
		return
	}
	accept(conn) // where the live point is
	_ = conn.Close()
	if conn, err = listener.Accept(); err != nil {
		return
	}
	accept(conn)
	d := &desk{conn: conn}
	next(conn)
	d.say(query(1))
	next(conn)
	d.say(accepted(1, 100), fillOf(1, 60, 1872400, 1), fillOf(1, 40, 1872500, 2))
	linger(conn)
}
