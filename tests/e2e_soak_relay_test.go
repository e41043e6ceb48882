package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"matcher/client"
	"matcher/wire/ouch"
)

// The relay of the mixed run: it follows the journal while faults come, now and then a new one takes its place, and somebody
// listens to all that it says of the feed.

// listener reads the stream of a relay from its first message on, session after session, for as long as the relay runs.
type listener struct {
	relay *beside
	ended chan struct{}

	mu    sync.Mutex
	heard []hearsay // a session for each login
}

// listen starts a relay on the journal, wherever that is, and listens to it.
func (c *soak) listen() {
	c.t.Helper()
	l := &listener{relay: c.relays("MATCHER_JOURNAL_DIR=" + c.dir), ended: make(chan struct{})}
	c.listener = l
	options := client.Options{Addr: l.relay.addr["itch"], Username: "EVE", Password: c.key("EVE"), Sequence: 1, Timeout: patience}
	go func() {
		defer close(l.ended)
		for l.session(options) {
			time.Sleep(20 * time.Millisecond) // the session is over, and the next has not begun
		}
	}()
}

// session is one login. False: the relay is gone.
func (l *listener) session(o client.Options) bool {
	select {
	case <-l.relay.done:
		return false
	default:
	}
	conn, err := client.Dial(context.Background(), o)
	if err != nil {
		return true
	}
	defer func() { _ = conn.Close() }()
	l.mu.Lock()
	l.heard = append(l.heard, hearsay{session: conn.Session()})
	at := len(l.heard) - 1
	l.mu.Unlock()
	for {
		m, err := conn.Recv()
		if err != nil {
			return true
		}
		l.mu.Lock()
		l.heard[at].seen = append(l.heard[at].seen, bytes.Clone(m.Payload))
		l.mu.Unlock()
	}
}

// all returns what was heard so far.
func (l *listener) all() []hearsay {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]hearsay(nil), l.heard...)
}

// deaf ends the relay, by a signal that it obeys or one that it does not, and keeps what was heard of it.
func (c *soak) deaf() {
	c.t.Helper()
	l := c.listener
	if l == nil {
		return
	}
	c.listener = nil
	signal := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}[c.random.IntN(2)]
	select {
	case <-l.relay.done:
		c.t.Fatalf("the relay has ended by itself: %s", l.relay.err)
	default:
		_ = l.relay.cmd.Process.Signal(signal) // it is there
	}
	select {
	case <-l.relay.done:
	case <-time.After(patience):
		c.t.Fatalf("the relay does not end: %s", l.relay.err)
	}
	if code := l.relay.cmd.ProcessState.ExitCode(); signal == syscall.SIGTERM && code != 0 {
		c.t.Fatalf("the relay ended with %d: %s", code, l.relay.err)
	}
	<-l.ended
	c.overheard = append(c.overheard, l.all()...)
}

// public holds what the relay has said against the feed that the journal gives, session by session, and waits until it has said
// all of the one at work.
func (c *soak) public(now *retold) {
	c.t.Helper()
	want := now.public[now.session]
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		select {
		case <-c.listener.relay.done:
			c.t.Fatalf("the relay has ended by itself: %s", c.listener.relay.err)
		default:
		}
		all := c.listener.all()
		if n := len(all); n > 0 && all[n-1].session == now.session && len(all[n-1].seen) >= len(want) {
			break
		}
		if time.Since(start) > patience {
			said := "nothing"
			if n := len(all); n > 0 {
				said = fmt.Sprintf("%d of session %s", len(all[n-1].seen), all[n-1].session)
			}
			c.t.Fatalf("the feed of session %s is %d messages, and the relay says %s: %s", now.session, len(want), said, c.listener.relay.err)
		}
	}
	for _, h := range append(c.overheard, c.listener.all()...) {
		all := now.public[h.session]
		for i, m := range h.seen {
			if i >= len(all) {
				if h.session == now.session {
					break // it was said after the journal was read
				}
				c.t.Fatalf("the relay has said %d messages in session %s, the journal has %d", len(h.seen), h.session, len(all))
			}
			if !bytes.Equal(m, all[i]) {
				c.t.Fatalf("the relay has said % x for message %d of session %s, the journal has % x", m, i+1, h.session, all[i])
			}
		}
	}
	c.overheard = nil
}

// learn asks what number the venue will take next: after a session that was lost with a part of what was asked in it, only the
// venue knows. False: the connection is lost.
func (c *trader) learn(conn *client.Conn) bool {
	if conn.Send(&ouch.AccountQuery{}) != nil || conn.Flush() != nil {
		return false
	}
	for {
		m, err := conn.Recv()
		if err != nil {
			if errors.Is(err, client.ErrEndOfSession) {
				c.over()
			}
			return false
		}
		c.keep(m.Payload)
		var q ouch.QueryResponse
		if q.Decode(m.Payload) == nil {
			c.ref, c.base, c.from, c.unsure = q.NextUserRefNum-1, q.NextUserRefNum-1, len(c.seen), false
			return true
		}
	}
}
