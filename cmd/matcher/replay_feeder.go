package main

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"matcher/core"
	"matcher/engine"
	"matcher/journal"
	"matcher/replay"
	"matcher/snapshot"
	"matcher/wire/ouch"
)

// feeder sends what was recorded.
type feeder struct {
	r       *replaying
	rec     *recordedVenue
	journal *replay.Journal
	world   *recordedWorld
	venue   *ownVenue
	desk    *desk
	sending *sending
	run     *flowRun
	keys    map[string]string
	names   []string // of the recorded users, by number less one

	line          replay.Line
	due           uint64 // when something expires, as recorded, before the command at work
	day           int    // of the recorded days that is open
	night         bool   // none is
	began         time.Time
	sent, skipped uint64
	last          uint64 // seq of the last command that was replayed
}

// all replays the recording to its end, or to where it was to stop. A signal ends it between two commands: what was begun is
// waited for, so that what came of it can be held against the same commands of the recording.
func (f *feeder) all(ctx context.Context) error {
	f.began = time.Now()
	if err := f.awaitBots(ctx); err != nil {
		return err
	}
	f.began = time.Now()
	f.journal.Before(func(*engine.Command) {
		f.due = math.MaxUint64
		if at, ok := f.journal.Engine().Deadline(); ok {
			f.due = at
		}
	})
	work, whole := longWork{e: f.r.e, what: "replay"}, context.WithoutCancel(ctx)
	for f.r.last == 0 || f.journal.Engine().Seq() < f.r.last {
		cmd, _, err := f.journal.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = errors.Join(ctx.Err(), f.r.pace.wait(ctx, cmd))
		}
		if err == nil {
			err = f.replay(whole, cmd)
		}
		if err != nil {
			return errors.Join(err, f.run.settle(whole))
		}
		f.last = cmd.Seq
		work.add(64)
	}
	return f.run.settle(whole)
}

// awaitBots waits until every bot has logged in, if that was asked for.
func (f *feeder) awaitBots(ctx context.Context) error {
	for f.r.waitBots {
		a, err := f.venue.server.Operate(&core.Request{Verb: core.Status})
		if err != nil || a.Venue.Connected >= len(f.r.bots) {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// replay does again what a command did.
func (f *feeder) replay(ctx context.Context, cmd *engine.Command) error {
	if f.night && cmd.Kind != engine.KindDay { // clients and operators are not heard then; time passes with the next day
		if cmd.Kind < engine.KindRules {
			f.skipped++
		}
		return nil
	}
	switch cmd.Kind {
	case engine.KindRules, engine.KindInstrument, engine.KindUser, engine.KindRestart: // of the birth, or of no effect on orders
		return nil
	case engine.KindGate:
		if g := cmd.Gate(); g.Closed != 0 && g.Cause != engine.GateDrain {
			f.skipped++
		}
		return nil
	case engine.KindDay:
		return f.endDay(ctx, cmd.Day())
	case engine.KindTick:
		return f.exactly(ctx, cmd.Time)
	case engine.KindTrading, engine.KindBust, engine.KindCancelFor:
		return f.operate(ctx, cmd)
	case engine.KindDisconnect:
		return f.leave(ctx, cmd)
	}
	return f.send(ctx, cmd)
}

// exactly brings the venue's clock to a time when everything before has been answered. A turn of the venue reads its clock, serves
// one operator, then its clients, then lets time pass: behind the third answer all of it was done at the new time.
func (f *feeder) exactly(ctx context.Context, time uint64) error {
	if err := f.run.settle(ctx); err != nil {
		return err
	}
	f.world.wall.Store(time)
	for range 3 {
		if _, err := f.venue.server.Operate(&core.Request{Verb: core.Status}); err != nil {
			return err
		}
	}
	return nil
}

// timed says whether what a command does depends on its very time: something expires by then, it says how long it lives, or
// its account has a rate.
func (f *feeder) timed(cmd *engine.Command) bool {
	if cmd.Time >= f.due || cmd.Flags&engine.FlagExtension != 0 && cmd.Ext.Present&(engine.Tag15TimeToLive|engine.Tag132Expire) != 0 {
		return true
	}
	return f.rec.users[cmd.User-1].Rate != 0
}

// send sends the message of a command as its user.
func (f *feeder) send(ctx context.Context, cmd *engine.Command) error {
	if f.r.pace.speed != 0 && f.world.began.Load() == 0 {
		f.world.first.Store(cmd.Time)
		_, mono := f.world.World.Clock()
		f.world.began.Store(mono)
	}
	exact := f.timed(cmd)
	if exact {
		if err := f.exactly(ctx, cmd.Time); err != nil {
			return err
		}
	}
	f.world.wall.Store(cmd.Time)
	m := f.message(cmd)
	if m == nil {
		f.skipped++
		return nil
	}
	f.sent++
	if err := f.run.post(ctx, f.names[cmd.User-1], m); err != nil {
		return err
	}
	if exact || f.r.pace.speed != 0 {
		return f.run.settle(ctx)
	}
	return nil
}

// message is a recorded command as OUCH 5.0; nil: it is no client's.
func (f *feeder) message(cmd *engine.Command) ouch.Inbound {
	if cmd.Kind == engine.KindRefused {
		return refusedMessage(cmd.Refused())
	}
	u := &f.rec.users[cmd.User-1]
	var symbol [8]byte
	if n := int(cmd.Instrument); n > 0 && n <= len(f.rec.instruments) {
		symbol = symbolOf(f.rec.instruments[n-1].Symbol)
	}
	if !f.line.OfCommand(cmd, u.Name, symbol, u.Firm) {
		return nil
	}
	if f.line.Verb == replay.Query {
		return &ouch.AccountQuery{} // its channel changes the answer alone
	}
	m := message(&f.line)
	if r, ok := m.(*ouch.ReplaceOrder); ok && cmd.Flags&engine.FlagExtension != 0 && cmd.Ext.Present&engine.TagBroken != 0 {
		r.Appendage = broken(cmd.Idx)
	}
	return m
}

// leave ends the session of a user that lost its connection.
func (f *feeder) leave(ctx context.Context, cmd *engine.Command) error {
	if err := f.exactly(ctx, cmd.Time); err != nil {
		return err
	}
	name := f.names[cmd.User-1]
	s := f.run.sessions[name]
	if s == nil { // it sent nothing since: what hangs on its connection goes with a new one
		var err error
		if s, err = f.run.connect(ctx, name); err != nil {
			return err
		}
	}
	if f.run.current == s {
		f.run.current = nil
	}
	delete(f.run.sessions, name)
	s.leave()
	return f.exactly(ctx, cmd.Time)
}

// endDay ends the venue's day as the recorded one ended. The next one begins by itself, or, if none was recorded, the venue
// goes on until the replay ends.
func (f *feeder) endDay(ctx context.Context, d *engine.Day) error {
	if f.night = d.Event == 'E'; !f.night {
		return nil
	}
	if err := f.exactly(ctx, d.Time); err != nil {
		return err
	}
	f.day++
	if f.day >= len(f.rec.days) {
		_, err := f.venue.server.Operate(&core.Request{Verb: core.EndDay, Stop: true})
		f.forget()
		return err
	}
	next := &f.rec.days[f.day]
	f.world.secret.Store(next.Secret)
	a, err := f.venue.server.Operate(&core.Request{Verb: core.Status})
	if err != nil {
		return err
	}
	f.world.next.Store(next.Time)
	if _, err = f.venue.server.Operate(&core.Request{Verb: core.EndDay}); err != nil {
		return err
	}
	f.forget()
	for was := a.Venue.Session; err == nil && a.Venue.Session == was; {
		if a, err = f.venue.server.Operate(&core.Request{Verb: core.Status}); err == nil {
			err = ctx.Err()
		}
		time.Sleep(time.Millisecond)
	}
	return err
}

// forget drops the sessions, which the venue has ended.
func (f *feeder) forget() {
	for name, s := range f.run.sessions {
		s.close()
		delete(f.run.sessions, name)
	}
	f.run.current = nil
}

// operate does what an operator did, to the same orders and trades: those of a bot have shifted their numbers.
func (f *feeder) operate(ctx context.Context, cmd *engine.Command) error {
	if err := f.exactly(ctx, cmd.Time); err != nil {
		return err
	}
	q := core.Request{}
	if n := int(cmd.Instrument); n > 0 && n <= len(f.rec.instruments) {
		q.Symbol = f.rec.instruments[n-1].Symbol
	}
	switch cmd.Kind {
	case engine.KindTrading:
		if q.Verb = core.Halt; cmd.Trading().State == 'T' {
			q.Verb = core.Resume
		}
		q.Reason = cmd.Trading().Reason
	case engine.KindCancelFor:
		c := cmd.CancelFor()
		q.Verb, q.Side, q.Order = core.CancelFor, c.Side, c.Order
		if c.Account != 0 {
			q.User = f.names[c.Account-1]
		}
		if c.Order != 0 {
			if err := f.written(ctx); err != nil {
				return err
			}
			name, err := orderWith(f.r.name, func(ev *engine.Event) bool { return ev.Order == c.Order })
			if err != nil {
				return err
			}
			now, err := orderWith(f.venue.config.Journal, func(ev *engine.Event) bool {
				return ev.User == name.User && ev.Idx == name.Idx && ev.Ref == name.Ref
			})
			if err != nil {
				return err
			}
			if q.Order = now.Order; q.Order == 0 { // 0 would be all orders
				f.skipped++
				return nil
			}
		}
	case engine.KindBust:
		q.Verb, q.Trade, q.Owners = core.BreakTrade, *cmd.Bust(), *cmd.Owners()
		if err := f.written(ctx); err != nil {
			return err
		}
		match, err := f.sameTrade(ctx, q.Trade.Match)
		if err != nil {
			return err
		}
		if q.Trade.Match = match; match == 0 { // the trade is not there, because a bot was
			f.skipped++
			return nil
		}
	}
	a, err := f.venue.server.Operate(&q)
	if err == nil && a.Refused != core.Done {
		f.skipped++
	}
	return err
}

// written waits until the venue's journal holds everything that was done.
func (f *feeder) written(ctx context.Context) error {
	a, err := f.venue.server.Operate(&core.Request{Verb: core.Status})
	if err != nil {
		return err
	}
	for {
		j, err := journal.Open(snapshot.Files(f.venue.config.Journal))
		if err != nil {
			return err
		}
		for err == nil {
			_, err = j.Next()
		}
		seq := j.End().Seq
		_ = j.Close() // it was only read
		if !errors.Is(err, io.EOF) {
			return err
		}
		if seq >= a.Seq {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// trade is an execution in the names of its owners, and which of those between the same two orders of a day it is.
type trade struct {
	maker, taker replay.OrderName
	price        uint64
	qty          uint32
	nth          int
}

// trades executes a journal and visits its trades until visit says that it has seen enough.
func trades(ctx context.Context, dir string, visit func(match uint64, t trade) bool) error {
	between := map[[2]replay.OrderName]int{}
	return execute(ctx, dir, func(cmd *engine.Command, events []engine.Event) error {
		if cmd.Kind == engine.KindDay {
			clear(between) // names are given again
		}
		for i := 1; i < len(events); i++ {
			ev, m := &events[i], &events[i-1]
			if ev.Kind != 'E' || ev.Flags&engine.EventTaker == 0 {
				continue
			}
			t := trade{
				maker: replay.OrderName{User: m.User, Idx: m.Idx, Ref: m.Ref}, taker: replay.OrderName{User: ev.User, Idx: ev.Idx, Ref: ev.Ref},
				price: ev.Price, qty: ev.Qty,
			}
			pair := [2]replay.OrderName{t.maker, t.taker}
			between[pair]++
			t.nth = between[pair]
			if visit(ev.Link, t) {
				return io.EOF
			}
		}
		return nil
	})
}

// sameTrade returns the number that a recorded trade has in the venue; 0: there is no such trade.
func (f *feeder) sameTrade(ctx context.Context, recorded uint64) (match uint64, err error) {
	var was trade
	err = trades(ctx, f.r.name, func(match uint64, t trade) bool {
		if match == recorded {
			was = t
		}
		return match == recorded
	})
	if err == nil && was.qty != 0 {
		err = trades(ctx, f.venue.config.Journal, func(m uint64, t trade) bool {
			if t == was { // the last one: names are given again each day
				match = m
			}
			return false
		})
	}
	return match, err
}

// orderWith returns the last event of a journal that gave an order a reference, among those that are meant; Order 0: there is none.
func orderWith(dir string, meant func(*engine.Event) bool) (found engine.Event, err error) {
	j, err := replay.Open(snapshot.Files(dir))
	if err != nil {
		return found, err
	}
	defer func() { _ = j.Close() }()
	for {
		_, events, err := j.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		for i := range events {
			if ev := &events[i]; (ev.Kind == 'A' || ev.Kind == 'U' || ev.Kind == 'T') && meant(ev) {
				found = *ev
			}
		}
	}
}
