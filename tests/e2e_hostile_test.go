package tests

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"matcher/client"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// Hostile peers on real sockets, against the real binary, while ALICE and BOB trade. Whatever the peers do: what the two are
// told is byte for byte what they are told alone, timestamps aside; the server does not die, stays within its memory, and its
// journal replays to the same. PROTOCOL.md, section 1, has the table of what becomes of each.
//
//	e2e_hostile_test.go        the honest sessions, and what is held of every attack
//	e2e_hostile_bytes_test.go  wrong bytes
//	e2e_hostile_peers_test.go  wrong behaviour
//	e2e_hostile_kick_test.go   the operator's answer

const (
	honestRounds = 1_000
	hostileUser  = "MALLOR"
	hostileHome  = "127.0.0.2" // where hostile peers come from
)

// honest is what a session was told, timestamps aside.
type honest struct {
	conn *client.Conn
	ref  uint32
	told [][]byte
}

func (h *honest) ask(m ouch.Inbound, answers int) error {
	if err := errors.Join(h.conn.Send(m), h.conn.Flush()); err != nil {
		return err
	}
	return h.hear(answers)
}

func (h *honest) hear(answers int) error {
	for range answers {
		m, err := h.conn.Recv()
		if err != nil {
			return err
		}
		b := bytes.Clone(m.Payload)
		clear(b[1:9])
		h.told = append(h.told, b)
	}
	return nil
}

// trade lets two sessions trade, one message at a time, until stop is closed or there have been enough rounds.
func trade(a, b *honest, stop <-chan struct{}) error {
	for n := range uint32(honestRounds) {
		select {
		case <-stop:
			if n >= honestRounds/20 {
				return nil
			}
		default:
		}
		a.ref, b.ref = a.ref+1, b.ref+1
		sell, buy := order(a.ref, ouch.SideSell, 10+n%7), order(b.ref, ouch.SideBuy, 4)
		if err := a.ask(sell, 1); err != nil {
			return fmt.Errorf("ALICE: %w", err)
		}
		if err := b.ask(buy, 2); err != nil {
			return fmt.Errorf("BOB: %w", err)
		}
		if err := a.hear(1); err != nil {
			return fmt.Errorf("ALICE: %w", err)
		}
		if err := a.ask(&ouch.CancelOrder{UserRefNum: a.ref}, 1); err != nil {
			return fmt.Errorf("ALICE: %w", err)
		}
	}
	return nil
}

// arena is a venue with its honest sessions at work.
type arena struct {
	*venue
	s *server
}

// newArena makes a venue for attacks. Settings go before those of every test.
func newArena(t testing.TB, settings ...string) *arena {
	v := newVenue(t, "0.01", "ALICE", "BOB", "CAROL", hostileUser)
	v.env = append(v.env, settings...)
	return &arena{venue: v, s: v.serve("--durability", "async")}
}

// quietRun is what ALICE and BOB are told when nobody disturbs them, and the memory that takes.
type quietRun struct {
	told [2][][]byte
	peak int // kB
}

var quietRuns struct {
	once sync.Once
	run  quietRun
}

// quietRunOf plays the honest sessions alone, once.
func quietRunOf(t *testing.T) quietRun {
	quietRuns.once.Do(func() {
		a := newArena(t)
		one, two := a.honest("ALICE"), a.honest("BOB")
		if err := trade(one, two, nil); err != nil {
			t.Fatal(err)
		}
		quietRuns.run = quietRun{[2][][]byte{one.told, two.told}, a.peak()}
		_, _ = one.conn.Close(), two.conn.Close()
		a.end(t)
	})
	if quietRuns.run.peak == 0 {
		t.Fatal("the quiet run has failed")
	}
	return quietRuns.run
}

func (a *arena) honest(user string) *honest { return &honest{conn: a.morning(a.s.addr, user)} }

// peak is the most memory that the server has had resident, in kB.
func (a *arena) peak() int {
	a.t.Helper()
	n := highWater(a.s.cmd.Process.Pid)
	if n == 0 {
		a.t.Fatal("no VmHWM")
	}
	return n
}

// highWater is the most memory that a process has had resident, in kB; 0 if it cannot be known.
func highWater(pid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if word := strings.Fields(line); len(word) > 1 && word[0] == "VmHWM:" {
			n, _ := strconv.Atoi(word[1])
			return n
		}
	}
	return 0
}

// end stops the server, which must end in order, and replays its journal.
func (a *arena) end(t *testing.T) {
	t.Helper()
	if left := a.s.stop(patience); left.code != 0 || strings.Contains(left.stderr, "panic") || strings.Contains(left.stderr, "goroutine ") {
		t.Errorf("%+v", left)
	}
	a.verified(executed(t, a.journal()))
}

// under holds an attack: while it goes on, ALICE and BOB trade as if they were alone. memory is what it may cost, in kB,
// beside what the quiet run takes.
func (a *arena) under(t *testing.T, memory int, attack func()) {
	t.Helper()
	quiet := quietRunOf(t)
	one, two := a.honest("ALICE"), a.honest("BOB")
	stop, told := make(chan struct{}), make(chan error, 1)
	go func() { told <- trade(one, two, stop) }()
	attack()
	close(stop)
	select {
	case err := <-told:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("the honest sessions are not served")
	}
	for i, h := range []*honest{one, two} {
		if len(h.told) < honestRounds/20 {
			t.Fatalf("%d messages", len(h.told))
		}
		for n, m := range h.told {
			if !bytes.Equal(m, quiet.told[i][n]) {
				t.Fatalf("message %d is %s, alone it is %s", n+1, spell(m), spell(quiet.told[i][n]))
			}
		}
		_ = h.conn.Close()
	}
	if peak := a.peak(); peak > quiet.peak+memory {
		t.Errorf("the server had %d kB resident, alone it has %d", peak, quiet.peak)
	}
	a.end(t)
}

// peer is a socket of somebody who is not to be trusted.
type peer struct {
	t *testing.T
	*net.TCPConn
	in      *bufio.Reader
	queries int // that outcome waits for
}

// meet connects from an address, "" any.
func (a *arena) meet(t *testing.T, from string) *peer {
	t.Helper()
	p, err := a.try(t, from)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (a *arena) try(t *testing.T, from string) (*peer, error) {
	d := net.Dialer{Timeout: patience}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c, err := d.DialContext(context.Background(), "tcp", a.s.addr)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { _ = c.Close() })
	return &peer{t: t, TCPConn: c.(*net.TCPConn), in: bufio.NewReader(c), queries: 1}, nil
}

// login is a Login Request of a user, with a key.
func login(user, key string, sequence uint64) []byte {
	l := &soupbin.Login{Sequence: sequence}
	copy(l.Username[:], user+"      ")
	copy(l.Password[:], key+"          ")
	copy(l.Session[:], "          ")
	return soupbin.AppendLogin(nil, l, soupbin.Right)
}

// enter logs the hostile user in and returns the number of the message that comes next.
func (p *peer) enter(a *arena, sequence uint64) (next int) {
	p.t.Helper()
	p.say(login(hostileUser, a.key(hostileUser), sequence))
	kind, payload := p.packet()
	if kind != soupbin.LoginAccepted {
		p.t.Fatalf("login answered by %q", kind)
	}
	next, err := strconv.Atoi(strings.TrimSpace(string(payload[10:])))
	if err != nil {
		p.t.Fatal(err)
	}
	return next
}

func (p *peer) say(b []byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// packet reads the next packet that is no heartbeat; kind 0 is the end of the connection.
func (p *peer) packet() (kind byte, payload []byte) {
	p.t.Helper()
	for {
		head := make([]byte, soupbin.HeaderSize)
		if _, err := io.ReadFull(p.in, head); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				p.t.Fatal("the server neither answers nor hangs up")
			}
			return 0, nil
		}
		payload = make([]byte, soupbin.PacketSize(head)-soupbin.HeaderSize)
		if _, err := io.ReadFull(p.in, payload); err != nil {
			return 0, nil
		}
		if head[2] != soupbin.ServerHeartbeat {
			return head[2], payload
		}
	}
}

// outcome is what the server says until the end of the connection, or until the answer to the last Account Query: the types
// of its packets, of sequenced ones that of the message, and the text of the last Debug.
func (p *peer) outcome() (types, debug string) {
	p.t.Helper()
	for {
		kind, payload := p.packet()
		switch kind {
		case 0:
			return types, debug
		case soupbin.SequencedData:
			types += string(payload[:1])
			if payload[0] == ouch.TypeQueryResponse {
				if p.queries--; p.queries == 0 {
					return types, debug
				}
			}
		case soupbin.Debug:
			types, debug = types+"+", string(payload)
		default:
			types += string(kind)
		}
	}
}
