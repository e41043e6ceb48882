package relay

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"matcher/engine"
	"matcher/feed"
	"matcher/journal"
	"matcher/replay"
	"matcher/snapshot"
	"matcher/wire/ouch"
)

const (
	pollEvery = time.Millisecond // how often the venue is asked how far it has come
	batch     = 4096             // commands between two looks at what is asked
	waitLog   = 5 * time.Second  // after which a wait is told
)

// reader is what belongs to the goroutine that reads the journal.
type reader struct {
	*Relay
	journal *replay.Journal
	public  *feed.Public
	durable *os.File
	info    *snapshot.Info // that it began with; nil: the birth of the journal
	framed  []byte
	message []byte
	err     error
}

// follow reads the journal as it grows, and hands out what it makes public.
func (r *Relay) follow(ctx context.Context) error {
	f := &reader{Relay: r}
	defer f.close()
	if err := f.open(ctx, math.MaxUint64); err != nil || f.journal == nil {
		return err
	}
	timer := time.NewTicker(pollEvery)
	defer timer.Stop()
	for ready := false; ; {
		more, err := f.read()
		if err != nil && !ready && f.info != nil && errors.As(err, new(*replay.Divergence)) {
			r.log("warning: a start without " + f.info.Path + ": " + err.Error())
			err = f.open(ctx, f.info.State.Seq) // it is the snapshot or the journal: an older one tells
			more = true
		}
		if err != nil || f.journal == nil {
			return err
		}
		if !more && !ready && f.itch.now != nil {
			ready = true
			close(r.caughtUp)
		}
		if more {
			select {
			case do := <-r.asks:
				do(f.public, f.journal.Engine())
			case <-ctx.Done():
				return nil
			default:
			}
			continue
		}
		select {
		case do := <-r.asks:
			do(f.public, f.journal.Engine())
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// open waits until there is a journal to follow, and stands behind the newest snapshot of before a seq that can be used, else
// before its first command. Without a journal when ctx is done.
func (f *reader) open(ctx context.Context, before uint64) error {
	f.close()
	for start, told := time.Now(), false; ; {
		d, err := os.Open(filepath.Join(f.cfg.Journal, "durable"))
		if err == nil {
			f.durable = d
			if err = f.begins(before); err == nil {
				break
			}
			f.close()
		}
		var damage *journal.Damage
		if !errors.Is(err, os.ErrNotExist) && (!errors.As(err, &damage) || damage.Kind != journal.NoJournal) {
			return fmt.Errorf("relay: journal %s: %w", f.cfg.Journal, err)
		}
		if !told && time.Since(start) > waitLog {
			told = true
			f.log("waiting for a journal in " + f.cfg.Journal + ": matcher serve makes it")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(10 * pollEvery):
		}
	}
	f.journal.Follow(f.limit)
	f.journal.Before(f.before)
	return nil
}

// begins opens the journal. A snapshot of what the venue does not tell of yet is as good as none: the relay would be ahead.
func (f *reader) begins(before uint64) error {
	if f.limit() == 0 {
		return os.ErrNotExist // the venue has said nothing yet
	}
	for {
		f.forget()
		start, passed, err := snapshot.Newest(snapshot.Files(f.cfg.Journal), engine.New, before)
		for _, why := range passed {
			f.log("warning: a start without " + why.Error())
		}
		if err != nil {
			return err
		}
		f.journal, f.info, f.public = start.Journal, start.Info, feed.New(start.Journal.Engine())
		if f.info == nil {
			return nil
		}
		if f.info.State.Position <= f.limit() {
			err = f.resume(start.History)
		} else {
			err = fmt.Errorf("%w: %s: the venue does not tell of so much yet", snapshot.ErrUnusable, f.info.Path)
		}
		if err == nil {
			return nil
		}
		start.History.Close()
		_ = f.journal.Close() // it was only read
		f.journal = nil
		if !errors.Is(err, snapshot.ErrUnusable) {
			return err
		}
		f.log("warning: a start without " + err.Error())
		before = f.info.State.Seq
	}
}

// forget makes the relay one that has heard of no session.
func (f *reader) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.all() {
		s.close()
		*s = sessions{}
	}
}

// resume goes on from a snapshot: what was said in its session before it is read from the files beside it.
func (f *reader) resume(h *snapshot.History) error {
	f.public.Resume(f.info.Feed)
	if !f.info.Feed.Started {
		h.Close()
		return nil
	}
	p := &past{history: h, log: f.log}
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.itch.resume(f.cfg.Spool, f.public.Session(), p, snapshot.Public)
	for name, s := range f.firms {
		err = errors.Join(err, s.resume(f.cfg.Spool, f.public.Session(), p, snapshot.Copies(name)))
	}
	if n := f.public.Sequence(); err == nil && f.itch.now.count != n {
		err = fmt.Errorf("%w: %s: its streams have %d messages of the feed, and it counts %d", snapshot.ErrUnusable, f.info.Path, f.itch.now.count, n)
	}
	return err
}

func (f *reader) close() {
	if f.journal != nil {
		_ = f.journal.Close() // it was only read
		f.journal = nil
	}
	if f.durable != nil {
		_ = f.durable.Close() // it was only read
		f.durable = nil
	}
}

// limit is how far the journal may be told of, as the venue says.
func (f *reader) limit() journal.Position {
	var b [8]byte
	if _, err := f.durable.ReadAt(b[:], 0); err != nil {
		return 0 // it is being made
	}
	return journal.Position(binary.LittleEndian.Uint64(b[:]))
}

// before takes what a command begins with. A new session begins new tapes.
func (f *reader) before(cmd *engine.Command) {
	session := f.public.Session()
	f.framed = f.public.Before(f.framed[:0], cmd)
	if now := f.public.Session(); now != session && f.err == nil {
		f.err = f.begin(now)
	}
	f.keep()
}

func (f *reader) begin(session [10]byte) error {
	if err := f.publish(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.itch.begin(f.cfg.Spool, session)
	for _, s := range f.firms {
		err = errors.Join(err, s.begin(f.cfg.Spool, session))
	}
	return err
}

func (f *reader) keep() {
	if len(f.framed) != 0 && f.itch.now != nil {
		f.itch.now.append(f.framed)
	}
}

// read executes what is there, up to a batch, and lets it be read. False: there is no more for now.
func (f *reader) read() (more bool, err error) {
	for n := 0; ; n++ {
		cmd, events, err := f.journal.Next()
		if errors.Is(err, io.EOF) || n == batch {
			more = n == batch
		} else if err != nil {
			return false, fmt.Errorf("relay: journal %s: %w", f.cfg.Journal, err)
		}
		if err == nil {
			f.framed = f.public.Append(f.framed[:0], cmd, events, true)
			f.keep()
			f.copies(cmd, events)
		}
		if f.err != nil {
			return false, f.err
		}
		if err != nil || more {
			break
		}
	}
	return more, f.publish()
}

// publish lets what was kept be read.
func (f *reader) publish() error {
	err := f.err
	for _, s := range f.all() {
		if s.now == nil {
			continue
		}
		err = errors.Join(err, s.now.publish())
		if f.public.Over() && s.now.session == f.public.Session() {
			s.now.end()
		}
	}
	return err
}

func (f *reader) all() []*sessions {
	all := []*sessions{&f.itch}
	for _, s := range f.firms {
		all = append(all, s)
	}
	return all
}

// copies keeps the executions of firms that have somebody to read them: the owner's name, and the message that the owner has.
func (f *reader) copies(cmd *engine.Command, events []engine.Event) {
	if len(f.firms) == 0 {
		return
	}
	for i := range events {
		ev := &events[i]
		if ev.Kind != 'E' && ev.Kind != 'B' {
			continue
		}
		s := f.firms[f.journal.Engine().Firm(ev.User)]
		if s == nil || s.now == nil {
			continue
		}
		name := f.journal.Engine().Name(ev.User)
		m := append(append(f.message[:0], 0, 0), name[:]...)
		m = appendOUCH(m, cmd.Time-f.public.Midnight(), ev)
		binary.BigEndian.PutUint16(m, uint16(len(m)-2))
		s.now.append(m)
		f.message = m
	}
}

// appendOUCH appends Executed or Broken Trade as package gateway writes it.
func appendOUCH(b []byte, at uint64, ev *engine.Event) []byte {
	var appendage []byte
	if ev.Idx != 0 {
		appendage = (&ouch.Options{Present: ouch.Tag28UserRefIdx, UserRefIdx: ev.Idx}).Append(nil)
	}
	if ev.Kind == 'B' {
		m := ouch.BrokenTrade{
			Timestamp: at, UserRefNum: ev.Ref, MatchNumber: ev.Link, Reason: byte(ev.Reason), ClOrdID: ev.ClOrdID, Appendage: appendage,
		}
		return m.Append(b)
	}
	m := ouch.Executed{
		Timestamp: at, UserRefNum: ev.Ref, Quantity: ev.Qty, Price: ev.Price, Liquidity: byte(ev.Reason), MatchNumber: ev.Link,
		Appendage: appendage,
	}
	return m.Append(b)
}
