package core

import (
	"fmt"
	"strconv"
	"time"

	"matcher/engine"
)

// A trading day ends by two commands with a moment between them:
//
//	Day E    what is good for the day expires, order entry closes; nothing that clients say is read any more
//	         their last messages become durable and are sent, behind them End of Session, and the connections close;
//	         who has not taken it all after a second is cut off
//	Day S    the streams of the ended day are forgotten, the next day begins under another session id
//
// Whether the clock or an operator ends the day, both are commands like any other, so replay sees no clock. Whatever is
// durable when the venue is killed in between, the next start does the rest. In every mode a new session id leaves only when
// the day that bears it is durable: an id that was seen is never given to other content.

// Roll says when a trading day ends by itself.
type Roll struct {
	Daily  bool
	At     time.Duration // since local midnight
	Offset time.Duration // of local time from UTC, positive in the east; midnight and dates are local too
}

const wholeDay = 24 * time.Hour

func (r *Roll) check() error {
	if r.At < 0 || r.At >= wholeDay || r.Offset <= -wholeDay || r.Offset >= wholeDay {
		return fmt.Errorf("%w: a day that rolls at %v, %v from UTC", ErrConfig, r.At, r.Offset)
	}
	return nil
}

// midnight returns the last local midnight (both ns since 1970).
func (r *Roll) midnight(now uint64) uint64 {
	local := int64(now) + int64(r.Offset)
	return uint64(local - local%int64(wholeDay) - int64(r.Offset))
}

// after returns the first roll after a moment, 0 if there is none.
func (r *Roll) after(t uint64) uint64 {
	if !r.Daily {
		return 0
	}
	at := r.midnight(t) + uint64(r.At)
	if at <= t {
		at += uint64(wholeDay)
	}
	return at
}

// ending is a trading day that has ended while the next has not begun.
type ending struct {
	under bool
	until uint64 // until when clients may take their last messages (mono)
	stop  bool   // the venue stops then
}

// lastWords is how long clients have for that (ns).
const lastWords = 1_000_000_000

// overdue says whether the day that the journal has open should have ended before now.
func (l *loop) overdue() bool {
	day, open := l.engine.Today()
	at := l.cfg.Roll.after(day.Time)
	return open && at != 0 && at <= l.time
}

// endDay ends the day that is open. There is always memory for what it tells: all marks are above it (reserves).
func (l *loop) endDay() {
	day, _ := l.engine.Today()
	l.cmd = engine.Command{Header: engine.Header{Kind: engine.KindDay}}
	d := l.cmd.Day()
	d.Event, d.Session, d.Midnight = 'E', day.Session, day.Midnight
	l.apply(&l.cmd)
	l.ending = ending{under: true, until: l.mono + lastWords}
	l.log(fmt.Sprintf("the trading day %s has ended", day.Session))
}

// nextDay goes on from the end of a day once its clients have their last messages.
func (l *loop) nextDay() {
	if l.gateway.Live() {
		if l.mono < l.ending.until {
			return
		}
		l.gateway.Cut()
		l.shut()
	}
	if l.conns.unsent(l) {
		return // the kernel still reads from the streams
	}
	if l.ending.stop {
		l.stop()
		return
	}
	l.openDay()
}

// openDay opens the next day and makes it durable before anybody hears of it.
func (l *loop) openDay() {
	l.harden()
	l.release() // marks of streams that are about to go
	if l.err != nil {
		return
	}
	l.ending = ending{}
	l.begins()
	l.harden()
	if l.err == nil && l.gatedBy == engine.GateMemory && l.gateway.Free() >= l.memory.entry {
		l.usedUp = false
		l.ungate()
	}
	day, _ := l.engine.Today()
	l.grace = l.mono + uint64(l.cfg.RecoveryGrace)
	l.log(fmt.Sprintf("the trading day %s has begun, %d orders carried", day.Session, l.engine.Open()))
}

// begins journals a new day. Its date is that of the moment, or of the day before it if the clock has gone back.
func (l *loop) begins() {
	before, _ := l.engine.Today()
	c := engine.Command{Header: engine.Header{Kind: engine.KindDay}}
	d := c.Day()
	d.Event, d.Midnight, d.Secret = 'S', l.cfg.Roll.midnight(l.time), l.random()
	date := time.Unix(0, int64(d.Midnight)).UTC().Add(l.cfg.Roll.Offset).Format("060102")
	d.Session = sessionID(max(date, string(before.Session[:6])), 1)
	if date <= string(before.Session[:6]) {
		d.Session = nextSession(before.Session)
	}
	l.sequence(&c)
	l.rollAt = l.cfg.Roll.after(l.time)
}

// sessionID names the streams of a trading day: YYMMDD and a count (rule 11.4).
func sessionID(date string, count int) (id [10]byte) {
	copy(id[:], fmt.Sprintf("%s%04d", date, count))
	return id
}

// nextSession returns the id behind another of the same date.
func nextSession(id [10]byte) [10]byte {
	count, _ := strconv.Atoi(string(id[6:]))
	return sessionID(string(id[:6]), count+1)
}

// harden waits until everything that was sequenced is durable, whatever the mode.
func (l *loop) harden() {
	for l.err == nil && (!l.writer.Empty() || l.writer.Pending() != 0 || !l.writer.Lasting()) && !l.stuck() {
		if !l.writer.Empty() {
			l.close(0)
		}
		l.keep(true)
		l.drain()
	}
}
