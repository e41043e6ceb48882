package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// venue is a venue that follows a script: serve is given each connection in turn.
func venue(t testing.TB, serve ...func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, f := range serve {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f(conn)
			_ = conn.Close() // the client may have been quicker
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close() // ends an Accept that nobody came to
		<-done
	})
	return listener.Addr().String()
}

// next reads one packet of a client; a packet of type 0 means that the client has gone.
func next(conn net.Conn) soupbin.Packet {
	head := make([]byte, 2)
	if _, err := io.ReadFull(conn, head); err != nil {
		return soupbin.Packet{}
	}
	b := make([]byte, soupbin.PacketSize(head))
	copy(b, head)
	if _, err := io.ReadFull(conn, b[2:]); err != nil {
		return soupbin.Packet{}
	}
	p, _, _ := soupbin.Next(b)
	return p
}

// linger waits until the client has gone. A venue that closed while it is still being talked to would reset the connection,
// and what it said last could be lost.
func linger(conn net.Conn) {
	for next(conn).Type != 0 {
	}
}

// say writes what a venue has to say; a client that is gone does not hear it.
func say(conn net.Conn, b []byte) { _, _ = conn.Write(b) }

// accept takes whoever logs in, at the sequence number asked for.
func accept(conn net.Conn) soupbin.Login {
	var l soupbin.Login
	if err := l.Decode(next(conn).Payload); err != nil {
		panic(err)
	}
	say(conn, soupbin.AppendLoginAccepted(nil, &soupbin.Accepted{Session: [10]byte([]byte("SESS1     ")), Sequence: l.Sequence}))
	return l
}

// executed is message number n of a venue.
func executed(n uint64) []byte {
	m := ouch.Executed{UserRefNum: uint32(n), MatchNumber: n}
	return soupbin.AppendSequenced(nil, m.Append(nil))
}

func dial(t testing.TB, o Options) *Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := Dial(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // most tests have closed it
	return c
}

func TestDialLogsIn(t *testing.T) {
	got := make(chan soupbin.Login, 1)
	addr := venue(t, func(conn net.Conn) {
		say(conn, soupbin.AppendDebug(soupbin.AppendServerHeartbeat(nil), "hello"))
		got <- accept(conn)
		linger(conn)
	})
	c := dial(t, Options{Addr: addr, Username: "alice", Password: "secret", Session: "SESS1", Sequence: 17})
	want := soupbin.Login{
		Username: [6]byte([]byte("ALICE ")), Password: [10]byte([]byte("SECRET    ")),
		Session: [10]byte([]byte("SESS1     ")), Sequence: 17,
	}
	if l := <-got; l != want {
		t.Errorf("the venue got %+v", l)
	}
	if c.Session() != "SESS1" || c.NextSequence() != 17 {
		t.Errorf("session %q, next %d", c.Session(), c.NextSequence())
	}
}

func TestDialFails(t *testing.T) {
	answer := func(b []byte) func(net.Conn) {
		return func(conn net.Conn) {
			next(conn)
			say(conn, b)
		}
	}
	for _, c := range []struct {
		name   string
		answer []byte
		err    error
		text   string
	}{
		{"not authorized", soupbin.AppendLoginRejected(nil, 'A'), ErrRejected, "client: login rejected: not authorized"},
		{"session", soupbin.AppendLoginRejected(nil, 'S'), ErrRejected, "client: login rejected: session not available"},
		{"another reason", soupbin.AppendLoginRejected(nil, 'x'), ErrRejected, "client: login rejected: reason 'x'"},
		{"no reason", soupbin.Append(nil, 'J', nil), ErrRejected, "client: login rejected: reason '\\x00'"},
		{"hangs up", nil, io.EOF, "client: login: EOF"},
		{"hangs up inside a packet", []byte{0, 31, 'A'}, io.ErrUnexpectedEOF, "client: login: unexpected EOF"},
		{"length 0", []byte{0, 0}, soupbin.ErrLength, "client: login: soupbin: wrong packet length"},
		{"short", soupbin.Append(nil, 'A', []byte("x")), soupbin.ErrLength, ""},
		{"no number", soupbin.Append(nil, 'A', bytes.Repeat([]byte("x"), 30)), soupbin.ErrSequence, ""},
		{"a message first", executed(1), nil, "client: login: unexpected packet of type 'S'"},
	} {
		conn, err := Dial(context.Background(), Options{Addr: venue(t, answer(c.answer))})
		if conn != nil || err == nil || c.err != nil && !errors.Is(err, c.err) || c.text != "" && err.Error() != c.text {
			t.Errorf("%s: %v", c.name, err)
		}
		var refused *RejectedError
		if errors.Is(err, ErrRejected) && (!errors.As(err, &refused) || c.name == "session" && refused.Reason != 'S') {
			t.Errorf("%s: %#v", c.name, err)
		}
	}
}

func TestDialNobodyThere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(context.Background(), Options{Addr: listener.Addr().String()}); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
}

// A venue that does not answer the login is left when the context ends.
func TestDialContext(t *testing.T) {
	addr := venue(t, func(conn net.Conn) {
		linger(conn)
	})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, Options{Addr: addr}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// Once logged in, the end of the context means nothing.
func TestDialContextEndsLater(t *testing.T) {
	addr := venue(t, func(conn net.Conn) {
		accept(conn)
		next(conn) // the message that is sent after the end
		say(conn, executed(1))
		linger(conn)
	})
	ctx, cancel := context.WithCancel(context.Background())
	c, err := Dial(ctx, Options{Addr: addr, Sequence: 1})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := errors.Join(c.Send(&ouch.AccountQuery{}), c.Flush()); err != nil {
		t.Error(err)
	}
	if _, err := c.Recv(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
}

// What does not fit its field is refused, and the error does not tell the password.
func TestDialFieldTooLong(t *testing.T) {
	for _, o := range []Options{{Username: "1234567"}, {Password: "hush-hush-hush"}, {Session: "12345678901"}} {
		if _, err := Dial(context.Background(), o); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// Resuming gives what was missed once, then goes on.
func TestResume(t *testing.T) {
	stream := func(conn net.Conn, from, to uint64) {
		for n := from; n <= to; n++ {
			say(conn, executed(n))
		}
	}
	addr := venue(t, func(conn net.Conn) {
		stream(conn, accept(conn).Sequence, 5)
		linger(conn) // the client goes without a word
	}, func(conn net.Conn) {
		stream(conn, accept(conn).Sequence, 8)
		say(conn, soupbin.AppendEndOfSession(nil))
	})
	first := dial(t, Options{Addr: addr, Sequence: 1})
	for range 3 {
		if _, err := first.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := dial(t, Options{Addr: addr, Session: first.Session(), Sequence: first.NextSequence()})
	for want := uint64(4); want <= 8; want++ {
		m, err := second.Recv()
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := m.Decode()
		if e, ok := decoded.(*ouch.Executed); err != nil || !ok || e.MatchNumber != want || m.Sequence != want {
			t.Fatalf("message %d: %+v, %v; want number %d", m.Sequence, decoded, err, want)
		}
	}
	if _, err := second.Recv(); !errors.Is(err, ErrEndOfSession) {
		t.Error(err)
	}
}

func TestRecvTimeout(t *testing.T) {
	addr := venue(t, func(conn net.Conn) {
		accept(conn)
		linger(conn)
	})
	c := dial(t, Options{Addr: addr, Timeout: 20 * time.Millisecond})
	if _, err := c.Recv(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	if _, err := c.Recv(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the error does not stay: %v", err)
	}
}

// Heartbeats of the venue keep a quiet connection.
func TestRecvHeartbeatsCount(t *testing.T) {
	addr := venue(t, func(conn net.Conn) {
		accept(conn)
		for range 10 {
			time.Sleep(20 * time.Millisecond)
			say(conn, soupbin.AppendServerHeartbeat(nil))
		}
		say(conn, executed(1))
		linger(conn)
	})
	c := dial(t, Options{Addr: addr, Timeout: 150 * time.Millisecond})
	if _, err := c.Recv(); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsRecv(t *testing.T) {
	addr := venue(t, func(conn net.Conn) {
		accept(conn)
		linger(conn)
	})
	c := dial(t, Options{Addr: addr})
	time.AfterFunc(20*time.Millisecond, func() { _ = c.Close() })
	if _, err := c.Recv(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func Example() {
	venue, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go serveOneOrder(venue)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := Dial(ctx, Options{Addr: venue.Addr().String(), Username: "ALICE", Password: "secret", Sequence: 1})
	if err != nil {
		panic(err)
	}
	order := ouch.EnterOrder{
		UserRefNum: 1, Side: ouch.SideBuy, Quantity: 100, Symbol: ouch.Symbol("AAPL"), Price: 1872500,
		TimeInForce: ouch.TIFDay, Display: ouch.DisplayVisible, Capacity: ouch.CapacityPrincipal,
		Sweep: ouch.No, CrossType: ouch.CrossContinuous, ClOrdID: ouch.ClOrdID("first"),
	}
	if err := errors.Join(c.Send(&order), c.Flush()); err != nil {
		panic(err)
	}
	m, err := c.Recv()
	if err != nil {
		panic(err)
	}
	answer, err := m.Decode()
	if err != nil {
		panic(err)
	}
	if a, ok := answer.(*ouch.Accepted); ok {
		fmt.Printf("%s %d: order %d is number %d of the venue\n", c.Session(), m.Sequence, a.UserRefNum, a.OrderRef)
	}
	if err := errors.Join(c.Logout(), c.Close(), venue.Close()); err != nil {
		panic(err)
	}
	// Output: SESS1 1: order 1 is number 1001 of the venue
}

// serveOneOrder is a venue that accepts one client and its one order.
func serveOneOrder(listener net.Listener) {
	conn, err := listener.Accept()
	if err != nil {
		return
	}
	accept(conn)
	var order ouch.EnterOrder
	if order.Decode(next(conn).Payload) == nil {
		a := ouch.Accepted{UserRefNum: order.UserRefNum, OrderRef: 1001, State: ouch.StateLive}
		say(conn, soupbin.AppendSequenced(nil, a.Append(nil)))
	}
	linger(conn)
	_ = conn.Close() // the client has gone
}
