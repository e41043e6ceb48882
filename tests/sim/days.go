package sim

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"matcher/core"
	"matcher/engine"
	"matcher/tests/twin"
)

const wholeDay = uint64(24 * time.Hour)

// calendar is what the run knows of trading days: a session belongs to one, and a day is known by the seq of its Day command.
type calendar struct {
	session [10]byte
	of      map[[10]byte]uint64
	first   uint64 // when the first day rolls (wall clock), if days roll by themselves
}

// dated lets days end by themselves, the first one soon.
func (r *run) dated() {
	r.calendar.of = map[[10]byte]uint64{}
	if !r.report.Faults.Days || r.rng.IntN(2) == 0 {
		return
	}
	r.calendar.first = r.w.wall + r.rng.Uint64N(1_500_000_000)
	r.cfg.Roll = core.Roll{Daily: true, At: time.Duration(r.calendar.first % wholeDay)}
}

// looked takes note of the session that the venue has now.
func (r *run) looked() {
	if day, _ := r.v.Engine().Today(); day.Session != r.calendar.session {
		if was := r.calendar.session; was != [10]byte{} && r.calendar.of[was] != day.Seq {
			r.report.Days++
		}
		r.calendar.session, r.calendar.of[day.Session] = day.Session, day.Seq
	}
}

// over says that the day of a client's session has ended.
func (r *run) over(c *client) bool {
	day, open := r.v.Engine().Today()
	return !open || day.Seq != r.calendar.of[c.session]
}

// mayChange says that a client is told of another session: only the end of its day, or work that was lost, allows that.
func (r *run) mayChange(c *client) {
	if !r.over(c) && (r.report.Mode == core.Sync || r.unclean == 0) {
		fail("%s: session %s has ended", c.name, c.session)
	}
}

// settled says that no day is about to end.
func (r *run) settled() bool {
	day, open := r.v.Engine().Today()
	if !open || r.calendar.first == 0 {
		return open
	}
	next := r.calendar.first
	for next <= day.Time {
		next += wholeDay
	}
	return next > max(r.v.Engine().Time(), r.w.wall+r.w.now)+wholeDay/24
}

// goesOn deals with a venue that has stopped because it was told to: it is started again.
func (r *run) goesOn() {
	w := r.w
	if err := r.v.Err(); err != nil {
		if errors.Is(err, syscall.ENOSPC) && r.report.Faults.Full {
			panic(crashed{}) // what was begun found no end on the full disk
		}
		fail("it was told to stop: %v", err)
	}
	r.report.Stops++
	r.alone()
	w.disk.full = false
	w.now += r.rng.Uint64N(grace)
	r.open()
}

// dayBook follows how long each order is good.
type dayBook struct {
	good map[uint64]uint8 // time in force, by reference
}

// fold holds a command that ends a day or begins one against rule 11: what is not good till cancelled is gone, all else is
// there, and is told again. live is the ledger before the command, or behind it.
func (d *dayBook) fold(l *twin.Ledger, cmd *engine.Command, events []engine.Event) error {
	before := 0
	if cmd.Kind == engine.KindDay {
		before = len(l.Leaves())
	}
	if err := l.Fold(cmd, events); err != nil {
		return err
	}
	carried := 0
	for i := range events {
		ev := &events[i]
		switch ev.Kind {
		case 'A', 'U':
			d.good[ev.Order] = ev.TIF
			if ev.Flags&engine.EventCarried != 0 {
				carried++
			}
		case 'T', 'R':
			if good, ok := d.good[ev.Link]; ok {
				d.good[ev.Order] = good
			}
		case 'C':
			if ev.Reason == 'E' && d.good[ev.Order] == '1' {
				return fmt.Errorf("order %d is good till cancelled, and has ended with the day", ev.Order)
			}
		}
	}
	if cmd.Kind != engine.KindDay {
		return nil
	}
	if cmd.Day().Event == 'S' && carried != before {
		return fmt.Errorf("%d orders were carried into session %s, and %d told again", before, cmd.Day().Session, carried)
	}
	if cmd.Day().Event == 'E' {
		for order := range l.Leaves() {
			if d.good[order] != '1' {
				return fmt.Errorf("order %d is good for its day, and has outlived it", order)
			}
		}
	}
	return nil
}
