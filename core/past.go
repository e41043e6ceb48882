package core

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"

	"matcher/engine"
	"matcher/gateway"
	"matcher/replay"
	"matcher/snapshot"
)

// past reads what users were sent before the snapshot that the venue was started from, on a goroutine of its own. A request
// goes to it through a channel that has room for one of each connection; the packets come back in the connection's memory, and
// the word that they are there through the pipe.
type past struct {
	history *snapshot.History // nil: all of the day is in memory
	memory  []byte            // PastSize of each connection
	send    func(m *[messageSize]byte)
	jobs    chan gateway.Past
	done    chan struct{}
	waiting []gateway.Past // the loop's: asked for by the gateway, not taken yet
	logged  bool           // that something could not be read
}

// start begins to read. byHand: the caller of Stepped.Prepare does.
func (p *past) start(connections int, send func(m *[messageSize]byte), byHand bool) {
	if p.history == nil {
		return
	}
	p.send, p.jobs, p.done = send, make(chan gateway.Past, connections), make(chan struct{})
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
		p.read(job)
	}
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
	if p.history == nil {
		return
	}
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
