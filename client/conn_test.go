package client

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

func TestRecv(t *testing.T) {
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	heartbeat, debug := soupbin.AppendServerHeartbeat(nil), soupbin.AppendDebug(nil, "note")
	unsequenced := soupbin.AppendUnsequenced(nil, []byte("x"))
	longest := make([]byte, soupbin.MaxPayload)
	for _, c := range []struct {
		name   string
		stream []byte
		count  uint64 // messages
		err    error  // nil: another one
	}{
		{"nothing", nil, 0, io.EOF},
		{"two messages", join(executed(1), executed(2)), 2, io.EOF},
		{"others are not counted", join(heartbeat, executed(1), debug, unsequenced, executed(2), heartbeat), 2, io.EOF},
		{"an empty message", soupbin.AppendSequenced(nil, nil), 1, io.EOF},
		{"the longest there are", bytes.Repeat(soupbin.AppendSequenced(nil, longest), 3), 3, io.EOF},
		{"end of session", join(executed(1), soupbin.AppendEndOfSession(nil), executed(2)), 1, ErrEndOfSession},
		{"cut in a length", join(executed(1), []byte{0}), 1, io.ErrUnexpectedEOF},
		{"cut in a message", join(executed(1), executed(2)[:20]), 1, io.ErrUnexpectedEOF},
		{"length 0", join(executed(1), []byte{0, 0, 'S'}), 1, soupbin.ErrLength},
		{"unknown packet", join(executed(1), soupbin.Append(nil, '?', nil)), 1, nil},
		{"a second answer to the login", soupbin.AppendLoginAccepted(nil, &soupbin.Accepted{}), 0, nil},
	} {
		for _, piece := range []int{1, 2, 7, 1000, 1 << 20} {
			if piece < 1000 && len(c.stream) > 1000 {
				continue
			}
			conn := &script{in: c.stream, piece: piece}
			got := &Conn{conn: conn, timeout: time.Second}
			got.in.buf = make([]byte, inputSize)
			got.next.Store(1)
			for want := uint64(1); want <= c.count; want++ {
				if m, err := got.Recv(); err != nil || m.Sequence != want {
					t.Fatalf("%s in pieces of %d: number %d, %v; want %d", c.name, piece, m.Sequence, err, want)
				}
			}
			for range 2 {
				if _, err := got.Recv(); err == nil || c.err != nil && !errors.Is(err, c.err) {
					t.Errorf("%s in pieces of %d: %v", c.name, piece, err)
				}
			}
			if got.NextSequence() != c.count+1 {
				t.Errorf("%s: next is %d", c.name, got.NextSequence())
			}
		}
	}
}

// script is a connection whose peer says in, a piece at a time, and takes everything.
type script struct {
	net.Conn
	in    []byte
	piece int
	again []byte // what follows in, for ever
	out   int
	fail  error // of the next Write, once, half way
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.in) == 0 {
		s.in = s.again
	}
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(s.piece, len(b))], s.in)
	s.in = s.in[n:]
	return n, nil
}

func (s *script) Write(b []byte) (int, error) {
	if err := s.fail; err != nil {
		s.fail = nil
		return len(b) / 2, err
	}
	s.out += len(b)
	return len(b), nil
}

func (s *script) SetReadDeadline(time.Time) error { return nil }

func TestSend(t *testing.T) {
	got := make(chan soupbin.Packet, 8)
	addr := venue(t, func(conn net.Conn) {
		accept(conn)
		for {
			p := next(conn)
			got <- p
			if p.Type == 0 || p.Type == soupbin.LogoutRequest {
				return
			}
		}
	})
	c := dial(t, Options{Addr: addr})
	enter := ouch.EnterOrder{UserRefNum: 1, Quantity: 5, Appendage: []byte{2, 28, 7}}
	cancel := ouch.CancelOrder{UserRefNum: 1}
	if err := errors.Join(c.Send(&enter), c.Send(&cancel)); err != nil {
		t.Fatal(err)
	}
	select {
	case p := <-got:
		t.Fatalf("packet %q before Flush", p.Type)
	case <-time.After(20 * time.Millisecond):
	}
	if err := errors.Join(c.Flush(), c.Flush(), c.Send(&ouch.AccountQuery{}), c.Logout()); err != nil {
		t.Fatal(err)
	}
	for i, want := range []soupbin.Packet{
		{Type: 'U', Payload: enter.Append(nil)},
		{Type: 'U', Payload: cancel.Append(nil)},
		{Type: 'U', Payload: []byte("Q")},
		{Type: 'O'},
	} {
		if p := <-got; p.Type != want.Type || !bytes.Equal(p.Payload, want.Payload) {
			t.Errorf("packet %d: %q %x", i, p.Type, p.Payload)
		}
	}
	if _, err := c.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after Logout: %v", err)
	}
}

// Send writes by itself before its memory grows without bound.
func TestSendWritesWhenMuchWaits(t *testing.T) {
	s := &script{}
	c := &Conn{conn: s}
	for range 10_000 {
		if err := c.Send(&ouch.CancelOrder{}); err != nil {
			t.Fatal(err)
		}
	}
	if rest := 120_000 - s.out; rest > outputSize || rest != len(c.out.pending) {
		t.Errorf("%d bytes are written, %d wait", s.out, len(c.out.pending))
	}
}

// After a failed write nothing more is sent: a packet may have been cut.
func TestSendErrorStays(t *testing.T) {
	fault := errors.New("the cable is out")
	s := &script{fail: fault}
	c := &Conn{conn: s}
	if err := c.Send(&ouch.AccountQuery{}); err != nil {
		t.Errorf("Send alone writes nothing: %v", err)
	}
	for _, err := range []error{c.Flush(), c.Send(&ouch.AccountQuery{}), c.Flush(), c.Logout()} {
		if !errors.Is(err, fault) {
			t.Error(err)
		}
	}
	c.beat()
	if s.out != 0 {
		t.Errorf("%d bytes behind the fault", s.out)
	}
}

func TestSendAfterClose(t *testing.T) {
	addr := venue(t, func(conn net.Conn) { accept(conn) })
	c := dial(t, Options{Addr: addr})
	if err := errors.Join(c.Send(&ouch.AccountQuery{}), c.Close()); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// A Flush that nobody reads ends with Close.
func TestCloseEndsFlush(t *testing.T) {
	hold := make(chan struct{})
	addr := venue(t, func(conn net.Conn) {
		accept(conn)
		<-hold
	})
	defer close(hold)
	c := dial(t, Options{Addr: addr, Heartbeat: time.Millisecond})
	time.AfterFunc(50*time.Millisecond, func() { _ = c.Close() })
	big := ouch.EnterOrder{Appendage: make([]byte, 60_000)}
	for {
		if err := c.Send(&big); err != nil {
			if !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
			return
		}
	}
}

// A silent client sends heartbeats; what waits for Flush waits on.
func TestHeartbeat(t *testing.T) {
	got := make(chan byte, 100)
	addr := venue(t, func(conn net.Conn) {
		accept(conn)
		for p := next(conn); p.Type != 0; p = next(conn) {
			got <- p.Type
		}
		close(got)
	})
	c := dial(t, Options{Addr: addr, Heartbeat: 10 * time.Millisecond})
	if err := c.Send(&ouch.AccountQuery{}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if typ := <-got; typ != soupbin.ClientHeartbeat {
			t.Fatalf("packet of type %q", typ)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for typ := range got {
		if typ != soupbin.ClientHeartbeat {
			t.Errorf("packet of type %q", typ)
		}
	}
}

// A client that sends has no need of heartbeats.
func TestNoHeartbeatWhileSending(t *testing.T) {
	s := &script{}
	c := &Conn{conn: s, heartbeat: time.Hour}
	c.out.start(c)
	defer c.out.timer.Stop()
	c.beat()
	if s.out != 0 {
		t.Error("a heartbeat right after something was sent")
	}
	c.out.last = c.out.last.Add(-2 * time.Hour)
	c.beat()
	c.beat()
	if s.out != soupbin.HeaderSize {
		t.Errorf("%d bytes, want one heartbeat", s.out)
	}
}

// One goroutine sends, one receives, heartbeats come in between: nothing is lost or torn. Run with -race.
func TestSenderAndReceiver(t *testing.T) {
	const count = 5000
	addr := venue(t, func(conn net.Conn) {
		accept(conn)
		for sent := uint64(0); sent < count; {
			p := next(conn)
			if p.Type == soupbin.ClientHeartbeat {
				continue
			}
			var m ouch.CancelOrder
			if p.Type != soupbin.UnsequencedData || m.Decode(p.Payload) != nil || m.UserRefNum != uint32(sent) {
				return
			}
			sent++
			say(conn, executed(sent))
		}
		linger(conn)
	})
	c := dial(t, Options{Addr: addr, Sequence: 1, Heartbeat: time.Microsecond})
	errs := make(chan error, 1)
	go func() {
		var err error
		for i := range uint32(count) {
			err = errors.Join(err, c.Send(&ouch.CancelOrder{UserRefNum: i}))
			if i%16 == 15 || i == count-1 {
				err = errors.Join(err, c.Flush())
			}
		}
		errs <- err
	}()
	for want := uint64(1); want <= count; want++ {
		if m, err := c.Recv(); err != nil || m.Sequence != want {
			t.Fatalf("message %d: %v", m.Sequence, err)
		}
	}
	if err := <-errs; err != nil {
		t.Error(err)
	}
}

func TestAllocations(t *testing.T) {
	c := looped()
	var order ouch.EnterOrder
	var m ouch.Executed
	for range 2000 { // Send's memory reaches its size
		_ = c.Send(&order) // script takes everything
	}
	if n := testing.AllocsPerRun(1000, func() {
		if c.Send(&order) != nil || c.Flush() != nil {
			t.Fatal("not sent")
		}
		got, err := c.Recv()
		if err != nil || m.Decode(got.Payload) != nil {
			t.Fatal("not received")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// looped is a connection to a venue that says the same for ever.
func looped() *Conn {
	c := &Conn{conn: &script{again: bytes.Repeat(executed(1), 1000), piece: 1 << 20}, timeout: time.Second}
	c.in.buf = make([]byte, inputSize)
	return c
}

func BenchmarkSend(b *testing.B) {
	c := looped()
	var order ouch.EnterOrder
	for b.Loop() {
		if err := c.Send(&order); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecv(b *testing.B) {
	c := looped()
	for b.Loop() {
		if _, err := c.Recv(); err != nil {
			b.Fatal(err)
		}
	}
}
