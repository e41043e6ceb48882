package core

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"matcher/engine"
	"matcher/feed"
	"matcher/replay"
	"matcher/wire/mold"
)

// listener collects the messages of a feed, each behind its length, from the first of a session on.
type listener struct {
	t       testing.TB
	conn    *net.UDPConn
	mu      sync.Mutex
	session [10]byte
	next    uint64
	framed  []byte
	beats   int
	ended   bool // the session
}

func listen(t testing.TB) *listener {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadBuffer(8 << 20)
	t.Cleanup(func() { _ = conn.Close() })
	l := &listener{t: t, conn: conn, next: 1}
	go l.read()
	return l
}

func (l *listener) read() {
	b := make([]byte, 2048)
	for {
		n, err := l.conn.Read(b)
		if err != nil {
			return
		}
		var p mold.Packet
		l.mu.Lock()
		if err := p.Decode(b[:n]); err != nil || n > mold.MaxPayload {
			l.t.Errorf("a packet of %d bytes: %v", n, err)
		}
		if p.Session != l.session {
			if l.session != [10]byte{} && !l.ended {
				l.t.Errorf("session %s begins, the end of %s was not told", p.Session, l.session)
			}
			l.session, l.next, l.framed, l.ended = p.Session, 1, nil, false
		}
		l.ended = l.ended || p.Count == mold.EndOfSession
		if p.Sequence != l.next {
			l.t.Errorf("message %d where %d was expected", p.Sequence, l.next)
		}
		l.next = p.Sequence + uint64(p.Messages())
		l.framed = append(l.framed, p.Blocks...)
		if p.Messages() == 0 {
			l.beats++
		}
		l.mu.Unlock()
	}
}

// beat waits until a heartbeat has come, which says that nothing is under way.
func (l *listener) beat() {
	l.t.Helper()
	l.mu.Lock()
	before := l.beats
	l.mu.Unlock()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		l.mu.Lock()
		now := l.beats
		l.mu.Unlock()
		if now >= before+2 {
			return
		}
	}
	l.t.Fatal("no heartbeat of the feed")
}

func (l *listener) taken() (session [10]byte, framed []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session, bytes.Clone(l.framed)
}

// derived returns the messages of the last session of a journal.
func derived(t testing.TB, dir string) (session [10]byte, framed []byte) {
	t.Helper()
	j, err := replay.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	p := feed.New(j.Engine())
	j.Before(func(c *engine.Command) {
		before := p.Session()
		b := p.Before(nil, c)
		if p.Session() != before {
			framed = nil
		}
		framed = append(framed, b...)
	})
	for {
		cmd, events, err := j.Next()
		if errors.Is(err, io.EOF) {
			return p.Session(), framed
		}
		if err != nil {
			t.Fatal(err)
		}
		framed = p.Append(framed, cmd, events, true)
	}
}

// TestFeed: what a venue sends is byte for byte what its journal gives, and goes on over a restart.
func TestFeed(t *testing.T) { onEach(t, testFeed) }

func testFeed(t *testing.T, backend Backend) {
	for _, durability := range []Durability{Sync, Async} {
		c, l := configOn(t, backend), listen(t)
		c.Durability, c.Heartbeat = durability, 20*time.Millisecond
		c.Feed.To = []string{l.conn.LocalAddr().String()}
		s := open(t, c)
		a, b := dial(t, s, "U0", 1), dial(t, s, "U1", 1)
		for i := range uint64(300) {
			a.order('S', 10, 1_000_000+100*i, '0')
		}
		a.settle()
		b.order('B', 1500, 1_999_900, '0')
		b.settle()
		l.beat()
		session, live := l.taken()
		if fills := bytes.Count(live, []byte{0, 31, 'E'}); fills != 150 {
			t.Errorf("%d executions were told", fills)
		}
		stop(t, s)
		if s, b := derived(t, c.Journal); s != session || !bytes.Equal(b, live) {
			t.Fatalf("session %s: %d bytes were sent, the journal gives %d in %s", session, len(live), len(b), s)
		}
		s = open(t, c)
		a = dial(t, s, "U0", 0)
		a.ref = 300
		a.order('S', 10, 5_000_000, '0')
		a.settle()
		l.beat()
		now, more := l.taken()
		if now != session || len(more) <= len(live) || !bytes.Equal(more[:len(live)], live) {
			t.Errorf("after the restart %d bytes in %s, before %d in %s", len(more), now, len(live), session)
		}
		stop(t, s)
		if _, b := derived(t, c.Journal); !bytes.Equal(b, more) {
			t.Errorf("after the restart %d bytes were sent, the journal gives %d", len(more), len(b))
		}
	}
}

// TestFeedOfDays: the end of a day is told, and the next one begins with what is carried, in another session from 1.
func TestFeedOfDays(t *testing.T) { onEach(t, testFeedOfDays) }

func testFeedOfDays(t *testing.T, backend Backend) {
	c, l := configOn(t, backend), listen(t)
	c.Heartbeat = 20 * time.Millisecond
	c.Feed.To = []string{l.conn.LocalAddr().String()}
	s := open(t, c)
	a := dial(t, s, "U0", 1)
	a.order('S', 100, 1_000_000, '1')
	a.order('S', 50, 1_000_000, '0')
	a.order('S', 30, 1_000_000, '1')
	a.settle()
	l.beat()
	first, _ := l.taken()
	if answer := ask(t, s, Request{Verb: EndDay}); answer.Refused != Done {
		t.Fatalf("the end of the day: %+v", answer)
	}
	a.over()
	again := dial(t, s, "U0", 1)
	again.until('A')
	l.beat()
	session, live := l.taken()
	if session == first || bytes.Count(live, []byte{0, 36, 'A'}) != 2 || bytes.Count(live, []byte{0, 12, 'S'}) != 3 {
		t.Errorf("the session behind %s is %s, and begins with % x", first, session, live)
	}
	stop(t, s)
	if now, b := derived(t, c.Journal); now != session || !bytes.Equal(b, live) {
		t.Errorf("%d bytes came, the journal gives %d in %s", len(live), len(b), now)
	}
}

// TestFeedToNobody: a destination where nobody listens changes nothing for anybody else.
func TestFeedToNobody(t *testing.T) {
	c, l := config(t), listen(t)
	c.Heartbeat = 20 * time.Millisecond
	nobody, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	c.Feed.To = []string{nobody.LocalAddr().String(), l.conn.LocalAddr().String()}
	_ = nobody.Close()
	s := open(t, c)
	a := dial(t, s, "U0", 1)
	for range 100 {
		a.order('S', 10, 1_000_000, '0')
		a.settle()
	}
	l.beat()
	_, live := l.taken()
	stop(t, s)
	if _, b := derived(t, c.Journal); !bytes.Equal(b, live) {
		t.Errorf("%d bytes came, the journal gives %d", len(live), len(b))
	}
}
