package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"matcher/client"
	"matcher/client/market"
	"matcher/wire/itch"
	"matcher/wire/soupbin"
)

// venue serves each connection in turn: the login is taken, and given to serve.
func venue(t testing.TB, serve ...func(conn net.Conn, l soupbin.Login)) string {
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
			b := make([]byte, soupbin.LoginSize+soupbin.HeaderSize)
			var l soupbin.Login
			if _, err := io.ReadFull(conn, b); err == nil && l.Decode(b[soupbin.HeaderSize:]) == nil {
				f(conn, l)
			}
			_ = conn.Close() // the client may have been quicker
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().String()
}

func accept(conn net.Conn, number uint64) {
	_, _ = conn.Write(soupbin.AppendLoginAccepted(nil, &soupbin.Accepted{Session: session, Sequence: number}))
}

func say(conn net.Conn, messages ...[]byte) {
	for _, m := range messages {
		_, _ = conn.Write(soupbin.AppendSequenced(nil, m))
	}
}

// TestTCP: a lost connection is resumed where it was, to the end of the session.
func TestTCP(t *testing.T) {
	messages := day(100)
	addr := venue(t, func(conn net.Conn, l soupbin.Login) {
		accept(conn, l.Sequence)
		say(conn, messages[:60]...)
		_, _ = conn.Write([]byte{0, 99, 'S'}) // cut in the middle of a packet
	}, func(conn net.Conn, l soupbin.Login) {
		if got := strings.TrimSpace(string(l.Session[:])); l.Sequence != 61 || got != "2611250001" {
			t.Errorf("resumes at %d of %q", l.Sequence, got)
		}
		accept(conn, l.Sequence)
		say(conn, messages[60:]...)
		_, _ = conn.Write(soupbin.AppendEndOfSession(nil))
		_, _ = io.Copy(io.Discard, conn)
	})
	var s Stream
	s, err := Dial(context.Background(), client.Options{Addr: addr, Sequence: 1})
	if err != nil {
		t.Fatal(err)
	}
	for want := range messages {
		if m, err := s.Recv(); err != nil || m.Sequence != uint64(want)+1 || string(m.Payload) != string(messages[want]) {
			t.Fatalf("message %d: %v, want %d", m.Sequence, err, want+1)
		}
	}
	if _, err := s.Recv(); !errors.Is(err, ErrEndOfSession) || s.Session() != "2611250001" {
		t.Errorf("%v, session %q", err, s.Session())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestSnapshot: a snapshot and what follows it make the book of the whole stream.
func TestSnapshot(t *testing.T) {
	messages := day(500)
	whole, half := market.New(0), market.New(0)
	for i, m := range messages {
		_, err := whole.Apply(m)
		if i < 300 && err == nil {
			_, err = half.Apply(m)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	addr := venue(t, func(conn net.Conn, l soupbin.Login) {
		accept(conn, 1)
		for _, b := range half.Books(nil) {
			for _, side := range []byte{'B', 'S'} {
				for l, o := range b.Orders(side) {
					say(conn, (&itch.AddOrder{Header: itch.Header{Locate: 1}, OrderRef: o.Ref, Side: side, Quantity: o.Quantity, Symbol: [8]byte([]byte("AAPL    ")), Price: l.Price}).Append(nil))
				}
			}
		}
		say(conn, (&itch.EndOfSnapshot{Sequence: 301}).Append(nil))
	}, func(conn net.Conn, l soupbin.Login) {
		accept(conn, 1)
		say(conn, messages[0]) // and no end
	}, func(conn net.Conn, l soupbin.Login) {
		accept(conn, 1)
		_, _ = io.Copy(io.Discard, conn) // says nothing
	})
	built := market.New(0)
	apply := func(m []byte) error {
		_, err := built.Apply(m)
		return err
	}
	id, next, err := Snapshot(context.Background(), client.Options{Addr: addr}, apply)
	if err != nil || next != 301 || id != "2611250001" {
		t.Fatal(id, next, err)
	}
	for _, m := range messages[next-1:] {
		if err := apply(m); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := queues(built), queues(whole); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%d orders, want %d", len(got), len(want))
	}
	ignore := func([]byte) error { return nil }
	if _, _, err := Snapshot(context.Background(), client.Options{Addr: addr}, ignore); !errors.Is(err, io.EOF) {
		t.Errorf("without an end: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := Snapshot(ctx, client.Options{Addr: addr}, ignore); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a word: %v", err)
	}
}

// Follow a feed by way of a request server, and keep the books.
func ExampleReceiver() {
	publisher, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		panic(err)
	}
	r, err := Listen(context.Background(), Options{Addr: "127.0.0.1:0", Requests: publisher.LocalAddr().String(), Sequence: 1})
	if err != nil {
		panic(err)
	}
	add := itch.AddOrder{Header: itch.Header{Locate: 1}, OrderRef: 1, Side: 'B', Quantity: 100, Symbol: [8]byte([]byte("AAPL    ")), Price: 1872500}
	p := &publisherOfOne{publisher, add.Append(nil)}
	p.send(r.Addr())
	books := market.New(1000)
	for {
		m, err := r.Recv()
		if errors.Is(err, ErrEndOfSession) {
			break
		}
		if err != nil {
			panic(err)
		}
		if _, err := books.Apply(m.Payload); err != nil {
			panic(err)
		}
	}
	best, _ := books.Book("AAPL").Best(itch.SideBuy)
	fmt.Println(best.Price, best.Quantity)
	_, _ = r.Close(), publisher.Close()
	// Output: 1872500 100
}
