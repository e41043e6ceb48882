package relay

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"

	"matcher/snapshot"
)

// tape holds the numbered messages of a session, each behind its length of two bytes, in a file without a name: the page cache
// is its memory. Those of before the snapshot that the relay was started from are in the snapshot's files. One goroutine
// appends, any number read.
type tape struct {
	session [10]byte
	file    *os.File
	past    *past
	stream  snapshot.Stream // of past
	base    uint64          // messages that past has, the first ones

	mu      sync.Mutex
	changed chan struct{} // closed when there is more
	index   []int64       // where message base+1, base+1+every, ... lies
	count   uint64        // messages
	size    int64
	over    bool // no more will come

	pending []byte // of the appender: not in the file yet
	places  []int64
	added   uint64
}

const (
	every    = 64   // messages between two entries of the index
	skipSize = 8192 // bytes that so many messages have at most
)

func newTape(dir string, session [10]byte) (*tape, error) {
	f, err := os.CreateTemp(dir, "matcher-relay-*")
	if err != nil {
		return nil, fmt.Errorf("relay: a file for messages: %w", err)
	}
	_ = os.Remove(f.Name()) // it is found by nobody else, and gone when we are
	return &tape{session: session, file: f, changed: make(chan struct{})}, nil
}

// append adds messages. They can be read after publish.
func (t *tape) append(framed []byte) {
	for rest := framed; len(rest) != 0; {
		if (t.count-t.base+t.added)%every == 0 {
			t.places = append(t.places, t.size+int64(len(t.pending)+len(framed)-len(rest)))
		}
		t.added++
		rest = rest[2+int(binary.BigEndian.Uint16(rest)):]
	}
	t.pending = append(t.pending, framed...)
}

// publish lets everything appended be read.
func (t *tape) publish() error {
	if t.added == 0 {
		return nil
	}
	if _, err := t.file.WriteAt(t.pending, t.size); err != nil {
		return fmt.Errorf("relay: messages cannot be kept: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.index = append(t.index, t.places...)
	t.count += t.added
	t.size += int64(len(t.pending))
	t.pending, t.places, t.added = t.pending[:0], t.places[:0], 0
	t.wake()
	return nil
}

// end says that no more will come.
func (t *tape) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.over = true
		t.wake()
	}
}

func (t *tape) wake() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// state returns the number of messages, whether that is all there will be, and what is closed when it changes.
func (t *tape) state() (count uint64, over bool, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count, t.over, t.changed
}

// read returns messages from number from on, as many whole ones as are there and fit limit bytes, and how many those are. They
// lie in buf, which has limit + skipSize bytes and PieceSize at least.
func (t *tape) read(buf []byte, from uint64, limit int) (framed []byte, n int, err error) {
	t.mu.Lock()
	if from == 0 || from > t.count {
		t.mu.Unlock()
		return nil, 0, nil
	}
	if from <= t.base {
		t.mu.Unlock()
		if buf, err = t.past.read(buf, t.stream, from); err != nil {
			return nil, 0, err
		}
		used, n := whole(buf, limit)
		return buf[:used], n, nil
	}
	from -= t.base
	at, size := t.index[(from-1)/every], t.size
	t.mu.Unlock()
	want := int(min(int64(skipSize+limit), size-at))
	buf = buf[:want]
	if _, err := t.file.ReadAt(buf, at); err != nil {
		return nil, 0, fmt.Errorf("relay: messages cannot be read: %w", err)
	}
	for range (from - 1) % every {
		buf = buf[2+int(binary.BigEndian.Uint16(buf)):]
	}
	used, n := whole(buf, limit)
	return buf[:used], n, nil
}

// whole returns how many bytes of b, a limit at most, are whole messages, and how many those are.
func whole(b []byte, limit int) (used, n int) {
	for used+2 <= len(b) {
		next := used + 2 + int(binary.BigEndian.Uint16(b[used:]))
		if next > len(b) || next > limit {
			break
		}
		used = next
		n++
	}
	return used, n
}

func (t *tape) close() {
	_ = t.file.Close()
	if t.past != nil {
		t.past.close()
	}
}

// past is what was said before a snapshot. The tapes of a session have it in common: when one is closed, all are over.
type past struct {
	mu      sync.Mutex // a History is for one goroutine
	history *snapshot.History
	log     func(line string)
	logged  bool
	closed  bool
}

func (p *past) read(buf []byte, stream snapshot.Stream, from uint64) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, os.ErrClosed
	}
	n, _, err := p.history.Read(buf, stream, from)
	if err != nil && !p.logged {
		p.logged = true
		p.log(fmt.Sprintf("warning: earlier messages of the session cannot be read (%v); take the snapshots away and start again: the journal has all of it", err))
	}
	return buf[:n], err
}

func (p *past) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		p.history.Close()
	}
}

// begin makes a tape for a new session. Of the old ones the last can be read on.
func (s *sessions) begin(dir string, session [10]byte) error {
	t, err := newTape(dir, session)
	if err != nil {
		return err
	}
	if s.before != nil {
		s.before.close()
	}
	if s.now != nil {
		s.now.end()
	}
	s.now, s.before = t, s.now
	return nil
}

// resume makes the tape of a session of which the first messages are elsewhere.
func (s *sessions) resume(dir string, session [10]byte, p *past, stream snapshot.Stream) error {
	n, err := p.history.Last(stream)
	if err != nil {
		return err
	}
	t, err := newTape(dir, session)
	if err != nil {
		return err
	}
	t.past, t.stream, t.base, t.count = p, stream, n, n
	s.now = t
	return nil
}

// find returns the tape of a session; spaces: the one at work.
func (s *sessions) find(session [10]byte) *tape {
	for _, t := range [...]*tape{s.now, s.before} {
		if t != nil && (session == blank || session == t.session) {
			return t
		}
	}
	return nil
}

var blank = [10]byte{' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '}

func (s *sessions) close() {
	for _, t := range [...]*tape{s.now, s.before} {
		if t != nil {
			t.close()
		}
	}
}
