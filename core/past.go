package core

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"sync/atomic"

	"matcher/engine"
	"matcher/gateway"
	"matcher/replay"
	"matcher/snapshot"
)

// past reads what users were sent before the last snapshot, on a goroutine of its own. A request goes to it through a channel that
// has room for one of each connection; the packets come back in the connection's memory, and the word that they are there through
// the pipe.
//
// When a snapshot has been taken beside the venue, a request of no connection has the goroutine open it. From then on it answers from
// there, and only behind that the gateway is told that memory of the streams may go. A snapshot knows no more than is durable, and
// counts only if its place is one in this journal; whether it is of the session that the streams have now, the loop says, which
// alone begins another.
type past struct {
	files   fs.FS             // the journal's directory
	history *snapshot.History // the goroutine's; nil: all of the day is in memory
	memory  []byte            // PastSize of each connection
	send    func(m *[messageSize]byte)
	jobs    chan gateway.Past
	done    chan struct{}
	found   atomic.Pointer[elsewhere]
	waiting []gateway.Past // the loop's: asked for, not taken yet
	logged  bool           // that something could not be read
}

// elsewhere is up to where the streams of a session are in files.
type elsewhere struct {
	session [10]byte
	last    []uint64 // message, by user
	err     error    // why no newer snapshot can be used
}

// lookForNewer is the connection of a request to look for a newer snapshot; From is the number of accounts.
const lookForNewer = -1

// start begins to read. byHand: the caller of Stepped.Prepare does.
func (p *past) start(files fs.FS, connections int, send func(m *[messageSize]byte), byHand bool) {
	p.files, p.send, p.jobs, p.done = files, send, make(chan gateway.Past, connections+1), make(chan struct{})
	if byHand {
		close(p.done)
	} else {
		go p.run()
	}
}

// stop ends the goroutine and waits for it.
func (p *past) stop() {
	if p.jobs != nil {
		close(p.jobs)
		<-p.done
	}
	if p.history != nil {
		p.history.Close()
	}
}

func (p *past) run() {
	defer close(p.done)
	for job := range p.jobs {
		p.work(job)
	}
}

func (p *past) work(job gateway.Past) {
	if job.Conn == lookForNewer {
		p.look(int(job.From))
	} else {
		p.read(job)
	}
}

// look opens the newest snapshot and tells the loop how far its streams go.
func (p *past) look(accounts int) {
	h, passed := snapshot.NewestHistory(p.files)
	if h == nil {
		if len(passed) != 0 {
			p.tell(&elsewhere{err: errors.Join(passed...)})
		}
		return
	}
	if p.history != nil && h.Seq() <= p.history.Seq() {
		h.Close() // what there is goes as far
		return
	}
	e := &elsewhere{session: h.Session(), last: make([]uint64, accounts+1)}
	for user := 1; user <= accounts && e.err == nil; user++ {
		e.last[user], e.err = h.Last(snapshot.Stream(user))
	}
	if e.err != nil {
		h.Close()
		p.tell(e)
		return
	}
	if p.history != nil {
		p.history.Close()
	}
	p.history = h
	p.tell(e)
}

// tell leaves the loop what was found, and an error only if nothing lies there that it has not heard of.
func (p *past) tell(e *elsewhere) {
	if e.err == nil {
		p.found.Store(e)
	} else {
		p.found.CompareAndSwap(nil, e)
	}
	p.send(&[messageSize]byte{messageElsewhere})
}

// read finds what was asked for and tells the loop.
func (p *past) read(job gateway.Past) {
	n, next, err := p.history.Read(p.memory[int(job.Conn)*gateway.PastSize:][:gateway.PastSize], snapshot.Stream(job.User), job.From)
	var m [messageSize]byte
	le := binary.LittleEndian
	m[0] = messagePast
	if err != nil {
		m[1] = 1
		copy(m[32:], err.Error()[max(0, len(err.Error())-(messageSize-32)):])
	}
	le.PutUint32(m[4:], uint32(job.Conn))
	le.PutUint32(m[8:], job.Serial)
	le.PutUint32(m[12:], uint32(n))
	le.PutUint64(m[16:], next)
	p.send(&m)
}

// fetch hands on what the gateway asks for.
func (l *loop) fetch() {
	p := &l.past
	p.waiting = l.gateway.Asks(p.waiting)
	for len(p.waiting) != 0 {
		select {
		case p.jobs <- p.waiting[0]:
			p.waiting = p.waiting[:copy(p.waiting, p.waiting[1:])]
		default:
			return // requests of sessions that are over fill it; it is being worked off
		}
	}
}

// lookElsewhere has the newest snapshot looked at.
func (l *loop) lookElsewhere() {
	l.past.waiting = append(l.past.waiting, gateway.Past{Conn: lookForNewer, From: uint64(l.engine.Accounts())})
}

// elsewhere lets memory of the streams go that a snapshot holds too.
func (l *loop) elsewhere() {
	e := l.past.found.Swap(nil)
	if e == nil {
		return // it was heard of with the one before
	}
	if e.err != nil {
		l.log(fmt.Sprintf("warning: memory of the streams is not given back: %v", e.err))
		return
	}
	if day, _ := l.engine.Today(); day.Session == e.session {
		l.gateway.Elsewhere(e.last)
	}
}

// fetched takes in what was found.
func (l *loop) fetched(m []byte) {
	le := binary.LittleEndian
	conn, serial := int32(le.Uint32(m[4:])), le.Uint32(m[8:])
	if m[1] == 0 {
		l.gateway.Found(conn, serial, le.Uint32(m[12:]), le.Uint64(m[16:]))
		return
	}
	if !l.past.logged {
		l.past.logged = true
		l.log(fmt.Sprintf("warning: earlier messages of the day cannot be read (... %s); take the snapshots away and start again: the journal has all of it",
			string(m[32:messageSize])))
	}
	l.gateway.Lost(conn, serial)
}

// from brings the venue to the end of the journal, from the newest snapshot that can be used; from its birth if there is none.
// Why newer snapshots were passed over is said in one line.
func (l *loop) from(files fs.FS, gc gateway.Config) (*replay.Journal, *snapshot.Info, error) {
	made := func() *engine.Engine {
		e := engine.New()
		e.Salt(l.random())
		return e
	}
	for before := uint64(math.MaxUint64); ; {
		start, passed, err := snapshot.Newest(files, made, before)
		l.passed = append(l.passed, passed...)
		if err != nil {
			return nil, nil, err
		}
		l.terms, l.marks = l.terms[:0], l.marks[:0]
		l.engine = start.Journal.Engine()
		gc.Engine = l.engine
		l.gateway = gateway.New(gc)
		l.publicView()
		if start.Info != nil {
			l.terms = append(l.terms, l.engine.Terms()[1:]...)
			l.gateway.Resume()
			l.past.history = start.History
			if l.feed != nil {
				l.feed.view.Resume(start.Info.Feed)
			}
		}
		err = l.rerun(start.Journal)
		if err == nil {
			return start.Journal, start.Info, nil
		}
		_ = start.Journal.Close() // it was only read
		var diverged *replay.Divergence
		if start.Info == nil || !errors.As(err, &diverged) {
			return nil, nil, err
		}
		l.passed = append(l.passed, fmt.Errorf("%s: %w", start.Info.Path, err)) // it is the snapshot or the journal: an older one tells
		before = start.Info.State.Seq
		l.past.history.Close()
		l.past.history = nil
	}
}
