package core

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"matcher/engine"
	"matcher/feed"
	"matcher/gateway"
	"matcher/journal"
	"matcher/replay"
)

// found is the journal as a start finds it.
type found struct {
	fresh    bool
	id       journal.ID
	state    journal.State // where the new epoch begins
	commands uint64
	snapshot uint64   // seq of the snapshot that it began with, 0: none
	torn     string   // what was cut off, in words
	aside    []string // segments that hold nothing but what was cut off, in order
}

// String says what was found, for people.
func (f *found) String() string {
	if f.fresh {
		return "new journal"
	}
	text := fmt.Sprintf("%d commands replayed, epoch %d", f.commands, f.state.Epoch)
	if f.snapshot != 0 {
		text = fmt.Sprintf("snapshot of seq %d and %s", f.snapshot, text)
	}
	if f.torn != "" {
		text += "; " + f.torn
	}
	return text
}

// recovered brings engine and gateway to the state that the journal ends with, checking every fill and hash on the way.
// It changes nothing on the disk.
func (l *loop) recovered(cfg *Config, gc gateway.Config) (*found, error) {
	j, info, err := l.from(l.world.Journal(cfg.Journal), gc)
	var damage *journal.Damage
	if errors.As(err, &damage) && damage.Kind == journal.NoJournal {
		f := &found{fresh: true, state: journal.State{Epoch: 1}}
		l.world.Chance(f.id[:])
		l.engine.Salt(l.random())
		gc.Engine = l.engine
		l.gateway = gateway.New(gc)
		l.publicView()
		return f, l.plan(cfg)
	}
	if len(l.passed) != 0 {
		l.log("warning: a start without " + strings.ReplaceAll(errors.Join(l.passed...).Error(), "\n", "; without "))
	}
	if err != nil {
		return nil, fmt.Errorf("core: journal %s: %w", cfg.Journal, err)
	}
	defer func() { _ = j.Close() }() // it was only read
	f := &found{}
	if info != nil {
		f.snapshot = info.State.Seq
	}
	f.id, f.state, f.commands = j.ID(), j.End(), j.Counts().Commands
	f.state.Epoch++
	l.output = j.OutputHash()
	if t, ok := j.Torn(); ok {
		f.aside = t.Aside
		f.torn = fmt.Sprintf("a torn tail of %d bytes stays behind in %s at offset %d, never acknowledged", t.Bytes, t.File, t.Offset)
	}
	return f, l.plan(cfg)
}

// random returns a number that nobody can guess: what makes the engine's memory layout this process's own, which shows in
// nothing that is told or journaled, and the secret of a day's random refreshes.
func (l *loop) random() uint64 {
	var b [8]byte
	l.world.Chance(b[:])
	return binary.LittleEndian.Uint64(b[:])
}

// rerun executes the journal and lets the gateway write every user's stream anew.
func (l *loop) rerun(j *replay.Journal) error {
	r := newRetelling(l.gateway, l.cfg.StreamMemory)
	j.Before(func(cmd *engine.Command) {
		r.before(cmd)
		if l.feed != nil {
			l.feed.before(cmd)
		}
	})
	err := l.execute(j, r)
	if told := r.end(); err == nil {
		err = told
	}
	if err != nil {
		return err
	}
	l.marks = l.gateway.Mark(l.marks[:0])
	l.gateway.Release(l.marks)
	l.marks = l.marks[:0]
	if l.feed != nil {
		l.feed.recovered()
	}
	return nil
}

// execute executes the journal to its end.
func (l *loop) execute(j *replay.Journal, r *retelling) error {
	for {
		cmd, events, err := j.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = r.add(cmd, events)
		}
		if err != nil {
			return err
		}
		l.instrument(cmd)
		if l.feed != nil {
			l.feed.counted(cmd, events)
		}
	}
}

// publicView makes the public view of the engine, which is known now.
func (l *loop) publicView() {
	if l.feed != nil {
		l.feed.view = feed.New(l.engine)
	}
}

// instrument keeps the terms of an instrument that the engine has just taken, or changes between days: it has no use for
// telling them.
func (l *loop) instrument(cmd *engine.Command) {
	if cmd.Kind != engine.KindInstrument {
		return
	}
	t := engine.Terms{}
	if cmd.Flags&engine.FlagExtension != 0 {
		t = *cmd.Terms()
	}
	switch index := int(l.engine.Lookup(cmd.AsInstrument().Symbol)); {
	case index == len(l.terms)+1:
		l.terms = append(l.terms, t)
	case index != 0 && !l.dayOpen():
		l.terms[index-1] = t
	} // else ignored: a second one of its name, or one that does not fit
}

func (l *loop) dayOpen() bool {
	_, open := l.engine.Today()
	return open
}

// plan works out the reserves and checks, before anything is written, that the configuration fits what was recovered.
func (l *loop) plan(cfg *Config) error {
	orders, users := uint64(cfg.MaxOrders), uint64(cfg.MaxUsers)
	if limits := l.engine.Limits(); limits.MaxOrders != 0 { // the venue is as large as the journal says
		orders, users = uint64(limits.MaxOrders), uint64(limits.MaxUsers)
		if limits.MaxOrders != cfg.MaxOrders || limits.MaxUsers != cfg.MaxUsers {
			l.log(fmt.Sprintf("note: the venue keeps max_orders = %d and max_users = %d, as the journal was begun",
				limits.MaxOrders, limits.MaxUsers))
		}
	}
	s := sizes{chunk: cfg.chunk(), orders: orders, users: users}
	l.clock()
	l.time = max(l.time, l.engine.Time())
	between := !l.dayOpen() || l.overdue() // a day begins with this start
	defined := l.engine.Instruments()
	for i := range l.terms {
		s.define(&defined[i+1], &l.terms[i])
	}
	for i := range cfg.Instruments {
		d := cfg.Instruments[i].definition()
		index := l.engine.Lookup(d.AsInstrument().Symbol)
		if index == 0 {
			s.add(&cfg.Instruments[i])
			continue
		}
		switch {
		case l.same(index, d):
		case between:
			s.define(d.AsInstrument(), d.Terms()) // beside the old one: the bound is for both
		default:
			return fmt.Errorf("%w: instrument %s is not as the journal has it; it can be changed between days only",
				ErrConfig, cfg.Instruments[i].Symbol)
		}
	}
	l.memory = s.reserves(cfg.StreamMemory)
	if err := l.memory.fit(cfg.StreamMemory, &s); err != nil {
		return err
	}
	l.known = map[[6]byte]uint16{}
	for i, u := range l.engine.Users() {
		if i != 0 {
			l.known[u.Name] = uint16(i)
		}
	}
	all := uint64(len(l.known))
	for i := range cfg.Users {
		if l.known[padded6(cfg.Users[i].Name)] == 0 {
			all++
		}
	}
	if all > users {
		return fmt.Errorf("%w: %d users do not fit max_users = %d", ErrConfig, all, users)
	}
	return nil
}

// begin starts a new epoch: a segment whose header is the fence behind everything older, then the commands that this start
// adds. Clients are let in only when the header is durable.
func (l *loop) begin(cfg *Config, f *found) error {
	l.time = max(l.time, l.engine.Time())
	l.clock()
	if err := l.world.Settle(cfg.Journal); err != nil {
		return err
	}
	size := min(firstSegment, uint64(cfg.Segment))
	for i := len(f.aside) - 1; i > 0; i-- { // the last first, so that no gap can stay behind; the first is replaced below
		spare, err := prepare(l.world, cfg.Journal, f.state.Segment+1+uint32(i), size, new(atomic.Bool), noRest)
		if err != nil {
			return fmt.Errorf("core: journal %s: %w", cfg.Journal, err)
		}
		l.world.Close(int(spare.fd))
	}
	first, err := prepare(l.world, cfg.Journal, f.state.Segment+1, size, new(atomic.Bool), noRest)
	if err != nil {
		return fmt.Errorf("core: journal %s: %w", cfg.Journal, err)
	}
	l.files.spares = append(l.files.spares, first)
	l.files.advance(l)
	for l.files.switching && l.err == nil {
		l.drain()
	}
	if l.err != nil {
		return l.err
	}
	l.disk = "journal " + cfg.Journal + [...]string{
		", sync", ", written: a power cut loses the last of it", ", async: a crash loses the last milliseconds",
	}[cfg.Durability]
	if !first.direct {
		l.disk += ", buffered: this file system has no O_DIRECT"
	}
	l.reached.Store(uint64(l.writer.Durable()))
	l.fence = true
	l.before, l.throttledBefore = l.engine.Fills(), l.engine.Throttled()
	if err := l.define(cfg, f); err != nil {
		return err
	}
	l.harden() // nobody is let in before the venue is durable
	l.release()
	if cfg.Durability == Async {
		l.reached.Store(everything)
	}
	l.commands, l.told = 0, 0
	l.grace = l.mono + uint64(cfg.RecoveryGrace)
	return l.err
}

// define gives the engine what the configuration says, as commands: at the birth of a journal all of it, later what is new.
// A birth that was cut short goes on where it ended. If no day is open, or the one that is should have ended, a day begins,
// and with it what has changed of the instruments.
func (l *loop) define(cfg *Config, f *found) error {
	if l.engine.Limits().MaxOrders == 0 {
		c := engine.Command{Header: engine.Header{Kind: engine.KindRules}}
		r := c.Rules()
		r.Version, r.MaxOrders, r.MaxUsers = 1, cfg.MaxOrders, cfg.MaxUsers
		l.sequence(&c)
	}
	open := l.dayOpen()
	if open {
		l.restarted(cfg, f)
	}
	if l.overdue() {
		l.endDay()
		l.ending = ending{} // nobody is connected who would have to hear of it
	}
	if err := l.instruments(cfg); err != nil {
		return err
	}
	l.users(cfg)
	if !l.dayOpen() {
		l.begins()
	}
	if !open {
		l.restarted(cfg, f)
	}
	day, _ := l.engine.Today()
	l.rollAt = cfg.Roll.after(day.Time)
	if l.engine.Gated() {
		c := engine.Command{Header: engine.Header{Kind: engine.KindGate}}
		l.sequence(&c) // what closed it is judged anew
	}
	return l.err
}

// sequence applies a command of the start, letting journal writes end where the blocks are full.
func (l *loop) sequence(c *engine.Command) {
	for !l.writer.Room() && l.err == nil {
		l.drain()
	}
	if l.err == nil {
		l.apply(c)
	}
}

// restarted journals the new epoch. After an unclean end of an epoch that was not `sync`, what clients saw may be lost, so the streams
// begin again under another session id (rule 11.8).
func (l *loop) restarted(cfg *Config, f *found) {
	day, _ := l.engine.Today()
	session := day.Session
	if _, mode := l.engine.Epoch(); Durability(mode) != Sync && f.state.Flags&journal.FlagSeal == 0 && day.Seq <= f.state.Seq {
		session = nextSession(session) // a day that this start has begun has a new one already
	}
	c := engine.Command{Header: engine.Header{Kind: engine.KindRestart}}
	r := c.Restart()
	r.Epoch, r.Session, r.Mode = f.state.Epoch, session, uint8(cfg.Durability)
	l.sequence(&c)
}

// instruments defines those that are new, and between days those that have changed.
func (l *loop) instruments(cfg *Config) error {
	for i := range cfg.Instruments {
		c := cfg.Instruments[i].definition()
		symbol := c.AsInstrument().Symbol
		if index := l.engine.Lookup(symbol); index != 0 && (l.dayOpen() || l.same(index, c)) {
			continue
		}
		l.sequence(c)
		l.instrument(c)
		if l.err == nil && l.engine.Lookup(symbol) == 0 {
			return fmt.Errorf("%w: instrument %s does not fit the venue", ErrConfig, cfg.Instruments[i].Symbol)
		}
	}
	return nil
}

// same says whether an instrument is defined as a command would define it.
func (l *loop) same(index uint16, c *engine.Command) bool {
	was := l.engine.Instruments()[index]
	was.Header = c.Header
	return was == *c.AsInstrument() && l.terms[index-1] == *c.Terms()
}

// users defines accounts that are new or changed and lets all of them log in. Accounts that the configuration does not
// name any more stay in the venue and cannot log in.
func (l *loop) users(cfg *Config) {
	defined := l.engine.Users()
	for i := range cfg.Users {
		u := &cfg.Users[i]
		c, name := u.definition(), padded6(u.Name)
		index := l.known[name]
		if index != 0 {
			defined[index].Header = c.Header
		}
		if index == 0 || defined[index] != *c.AsUser() {
			l.sequence(c)
		}
		if index == 0 {
			index = uint16(l.engine.Accounts())
			l.known[name] = index
		}
		l.gateway.SetKey(index, name, u.Hash, u.Allow)
	}
}
