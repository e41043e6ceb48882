package tests

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// tap stands between clients and a server, passes every byte on, and writes down what the server said.
type tap struct {
	addr     string
	listener net.Listener
	server   string
	running  sync.WaitGroup

	mu    sync.Mutex
	seen  []*heard
	conns []net.Conn
	left  int    // messages about orders until reached is called
	then  func() // once
}

// heard is what came to one login, in whole packets.
type heard struct {
	user    string
	session string
	first   uint64 // number of raw[0]
	raw     [][]byte
}

// newTap begins to listen. After the given number of messages about orders have come by, it calls then, once.
func newTap(t testing.TB, server string, after int, then func()) *tap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{addr: listener.Addr().String(), listener: listener, server: server, left: after, then: then}
	p.running.Add(1)
	go p.accept()
	t.Cleanup(func() { p.close() })
	return p
}

// close ends everything and returns what was heard.
func (p *tap) close() []*heard {
	_ = p.listener.Close() // a second time is an error, and harmless
	p.mu.Lock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
	return p.seen
}

func (p *tap) accept() {
	defer p.running.Done()
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = near.Close()
			continue
		}
		h := &heard{}
		p.mu.Lock()
		p.conns, p.seen = append(p.conns, near, far), append(p.seen, h)
		p.mu.Unlock()
		p.running.Add(2)
		go p.pass(far, near, func(packet soupbin.Packet) { p.asked(h, packet) })
		go p.pass(near, far, func(packet soupbin.Packet) { p.told(h, packet) })
	}
}

// pass passes bytes on until one side ends, and shows each whole packet to look, once it has been passed on.
func (p *tap) pass(to, from net.Conn, look func(soupbin.Packet)) {
	defer p.running.Done()
	defer func() { _ = to.Close() }()
	var rest []byte
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			_, _ = to.Write(buf[:n]) // who asked may be gone; what the server said counts all the same
			rest = append(rest, buf[:n]...)
			for {
				packet, size, err := soupbin.Next(rest)
				if size == 0 || err != nil {
					break
				}
				look(packet)
				rest = rest[size:]
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *tap) asked(h *heard, packet soupbin.Packet) {
	var l soupbin.Login
	if packet.Type == soupbin.LoginRequest && l.Decode(packet.Payload) == nil {
		p.mu.Lock()
		h.user = strings.TrimSpace(string(l.Username[:]))
		p.mu.Unlock()
	}
}

func (p *tap) told(h *heard, packet soupbin.Packet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch packet.Type {
	case soupbin.LoginAccepted:
		var a soupbin.Accepted
		if a.Decode(packet.Payload) == nil {
			h.session, h.first = strings.TrimSpace(string(a.Session[:])), a.Sequence
		}
	case soupbin.SequencedData:
		h.raw = append(h.raw, bytes.Clone(packet.Payload))
		if packet.Payload[0] == ouch.TypeQueryResponse {
			return
		}
		if p.left--; p.left == 0 {
			p.then()
		}
	}
}

// messages counts what was heard.
func messages(all []*heard) (n int) {
	for _, h := range all {
		n += len(h.raw)
	}
	return n
}

// within holds that everything that was heard is part of the days as they are told now: the same bytes at the same numbers.
func within(t testing.TB, all []*heard, days map[string]stream) {
	t.Helper()
	for _, h := range all {
		day := days[h.user]
		if h.first == 0 {
			continue // the login was not answered any more
		}
		if h.session != day.session {
			t.Errorf("%s: session %q, and now %q", h.user, h.session, day.session)
		}
		for i, raw := range h.raw {
			at := int(h.first) - 1 + i
			if at >= len(day.raw) {
				t.Fatalf("%s: message %d was told and is lost: %s", h.user, at+1, spell(raw))
			}
			if !bytes.Equal(raw, day.raw[at]) {
				t.Fatalf("%s: message %d was told otherwise before\n then %s\n now  %s", h.user, at+1, spell(raw), spell(day.raw[at]))
			}
		}
	}
}

// TestTap holds that the tap changes nothing and hears everything.
func TestTap(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	said := soupbin.AppendSequenced(soupbin.AppendLoginAccepted(nil, &soupbin.Accepted{Sequence: 7}), []byte("S message"))
	go func() {
		if c, err := listener.Accept(); err == nil {
			_, _ = c.Write(said)
			_ = c.Close()
		}
	}()
	called := 0
	p := newTap(t, listener.Addr().String(), 1, func() { called++ })
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, said) {
		t.Errorf("%q, %v", got, err)
	}
	_ = c.Close()
	if all := p.close(); len(all) != 1 || all[0].first != 7 || len(all[0].raw) != 1 || called != 1 {
		t.Errorf("%+v, called %d times", all, called)
	}
}
