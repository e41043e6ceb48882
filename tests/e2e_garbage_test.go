package tests

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"matcher/client"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// rubbish is what a peer may send instead of SoupBinTCP and OUCH.
type rubbish struct {
	name  string
	after bool // a login
	fatal bool // the server must hang up by itself; otherwise it may wait until the peer does
	bytes []byte
}

func garbage(random *rand.Rand) []rubbish {
	noise := make([]byte, 5_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	noise[0] = 0xff // a length that no packet of a client has
	enter := order(1, ouch.SideBuy, 1).Append(nil)
	lying := append([]byte{}, enter...)
	lying = append(lying[:len(lying)-2], 0xff, 0xff) // an appendage of 65,535 bytes that is not there
	wrongKey := soupbin.AppendLogin(nil, &soupbin.Login{Username: [6]byte([]byte("MALLOR"))}, soupbin.Right)
	return []rubbish{
		{"nothing at all", false, false, nil},
		{"half a length", false, false, []byte{0}},
		{"length 0", false, true, []byte{0, 0}},
		{"length 65,535", false, true, []byte{0xff, 0xff, 'L'}},
		{"half a login", false, false, wrongKey[:20]},
		{"a login that lies about its length", false, true, append([]byte{0, 5}, wrongKey[2:]...)},
		{"an unknown user", false, true, wrongKey},
		{"an order before the login", false, true, soupbin.AppendUnsequenced(nil, enter)},
		{"HTTP", false, true, []byte("GET / HTTP/1.1\r\nHost: venue\r\n\r\n")},
		{"noise", false, true, noise},
		{"length 0, logged in", true, true, []byte{0, 0}},
		{"length 65,535, logged in", true, true, []byte{0xff, 0xff, 'U'}},
		{"half an order", true, false, soupbin.AppendUnsequenced(nil, enter)[:20]},
		{"an order of a few bytes", true, false, soupbin.AppendUnsequenced(nil, enter[:9])},
		{"an order whose appendage is not there", true, false, soupbin.AppendUnsequenced(nil, lying)},
		{"a message of no bytes", true, false, soupbin.AppendUnsequenced(nil, nil)},
		{"a message of an unknown type", true, false, soupbin.AppendUnsequenced(nil, []byte("?what"))},
		{"a packet of an unknown type", true, true, soupbin.Append(nil, '!', []byte("what"))},
		{"a second login", true, true, wrongKey},
		{"noise, logged in", true, true, noise},
	}
}

// TestGarbage lets peers send what nobody should, while another session trades: its answers come as if it were alone.
func TestGarbage(t *testing.T) {
	again(t)
	v := newVenue(t, "0.01", "ALICE", "BOB")
	v.env = append(v.env, "MATCHER_SESSION_LOGIN_TIMEOUT=10s") // that is not what is tested
	s := v.serve()
	stop, told := make(chan struct{}), make(chan error, 1)
	conn := v.morning(s.addr, "ALICE")
	var rounds atomic.Uint32
	go func() { told <- pingPong(conn, &rounds, stop) }()
	for _, g := range garbage(rand.New(rand.NewPCG(*seed, 7))) {
		t.Run(g.name, func(t *testing.T) {
			v.pester(t, s.addr, g)
			before := rounds.Load()
			for start := time.Now(); rounds.Load() < before+2; time.Sleep(time.Millisecond) {
				if time.Since(start) > patience {
					t.Fatal("the session that trades gets no answers any more")
				}
			}
		})
	}
	close(stop)
	limit := time.AfterFunc(patience, func() { _ = conn.Close() })
	if err := <-told; err != nil {
		t.Error("the session that trades: ", err)
	}
	limit.Stop()
	_ = conn.Close()
	if left := s.stop(patience); left.code != 0 || strings.Contains(left.stderr, "panic") {
		t.Errorf("%+v", left)
	}
	v.verified(executed(t, v.journal()))
}

// pester sends garbage on a socket of its own and waits until the server has hung up. What it says before that must be
// packets still.
func (v *venue) pester(t *testing.T, addr string, g rubbish) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	bytes := g.bytes
	if g.after {
		l := &soupbin.Login{}
		copy(l.Username[:], "BOB   ")
		copy(l.Password[:], v.key("BOB")+"      ")
		bytes = append(soupbin.AppendLogin(nil, l, soupbin.Right), bytes...)
	}
	if _, err := c.Write(bytes); err != nil {
		t.Fatal(err)
	}
	if !g.fatal {
		_ = c.(*net.TCPConn).CloseWrite() // the server may have hung up first
	}
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the server has not hung up")
	}
	for len(said) > 0 {
		_, n, err := soupbin.Next(said)
		if err != nil {
			t.Fatalf("the server said %x", said)
		}
		if n == 0 {
			break // cut off by a reset
		}
		said = said[n:]
	}
}

// pingPong enters and cancels orders, one at a time, until stop is closed.
func pingPong(conn *client.Conn, rounds *atomic.Uint32, stop <-chan struct{}) error {
	expect := func(typ byte) error {
		m, err := conn.Recv()
		if err == nil && m.Payload[0] != typ {
			err = fmt.Errorf("got %s, want %c", spell(m.Payload), typ)
		}
		return err
	}
	for ref := uint32(1); ; ref = rounds.Add(1) + 1 {
		select {
		case <-stop:
			return nil
		default:
		}
		for _, m := range []struct {
			message ouch.Inbound
			answer  byte
		}{
			{order(ref, ouch.SideBuy, 1), ouch.TypeAccepted},
			{&ouch.CancelOrder{UserRefNum: ref}, ouch.TypeCanceled},
		} {
			if err := errors.Join(conn.Send(m.message), conn.Flush()); err != nil {
				return err
			}
			if err := expect(m.answer); err != nil {
				return err
			}
		}
	}
}
