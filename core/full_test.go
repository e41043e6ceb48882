package core

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"matcher/engine"
)

// fill gives a venue commands, a block in each turn, until something is so.
func fill(t *testing.T, v *Stepped, is func(l *loop) bool) {
	t.Helper()
	l := v.loop
	for turns := 0; !is(l); turns++ {
		if turns == 10_000 {
			t.Fatal("the journal is never as full as that")
		}
		for n := l.writer.Appended(); l.writer.Room() && l.writer.Appended() == n; {
			l.cmd = engine.Command{Header: engine.Header{Kind: engine.KindCancel, User: 1}}
			l.apply(&l.cmd)
		}
		v.Turn()
	}
}

// lastSegment takes the space for another segment from a venue, and fills the one in use until order entry is closed.
func lastSegment(t *testing.T, v *Stepped, clock *clockwork) {
	t.Helper()
	clock.full = true
	v.Prepare()
	fill(t, v, func(l *loop) bool { return l.files.left(l) < l.files.current.size/4 })
	for turns := 0; !v.loop.engine.Gated(); turns++ {
		if v.Turn(); turns == 10_000 {
			t.Fatal("order entry is not closed")
		}
	}
}

// small is a venue whose journal is soon full, on a disk whose writes, or flushes, can be held up.
func small(t *testing.T, durability Durability, held uint8) (*Stepped, *clockwork, *cacheDisk) {
	t.Helper()
	c, disk := cached(t, PortableBackend, durability)
	disk.kind = held
	c.Block, c.Segment, c.Ahead = page, 32*page, 2*32*page
	c.LoginTimeout = time.Hour
	v, clock := clocked(t, c)
	return v, clock, disk
}

// login lets a user in who never reads.
func login(t *testing.T, v *Stepped, user string) {
	t.Helper()
	n, login := knock(t, &v.server, user)
	send(t, n, login)
	eventually(t, "a login", func() bool { // the bytes come by this machine's clock
		v.Turn()
		return v.loop.gateway.Connected(v.loop.known[padded6(user)])
	})
}

// ends turns a venue to its end, which must come, and returns its error and how long that took.
func ends(v *Stepped, clock *clockwork) (took uint64, err error) {
	start := clock.now
	clock.end = start + 60_000_000_000
	for v.Turn() {
		continue
	}
	return clock.now - start, v.Err()
}

// TestEndOfDayWithoutADisk: a venue that is to end its day and stop, and whose disk is full or stands still, ends with an error
// that says which.
func TestEndOfDayWithoutADisk(t *testing.T) {
	const most = lastWords + 11*stopWait
	for _, test := range []struct {
		what  string
		full  bool
		held  uint8
		modes []Durability
	}{
		{"full", true, tagBlock, []Durability{Sync, Written}}, // in async mode the end of the venue is in the block of the day's
		{"still", false, tagBlock, []Durability{Sync, Written, Async}},
		{"flushes stand still", false, tagFlush, []Durability{Written, Async}},
	} {
		for _, durability := range test.modes {
			t.Run(fmt.Sprint(test.what, durability), func(t *testing.T) {
				v, clock, disk := small(t, durability, test.held)
				login(t, v, "U0")
				enter(v.loop, 2, 1, 'B', 1)
				calm(t, v)
				if test.full {
					lastSegment(t, v, clock)
					fill(t, v, func(l *loop) bool { return l.files.left(l) == page }) // for the end of the day, not for that of the venue
				}
				disk.shut.Store(!test.full)
				v.Ask(&Request{Verb: EndDay, Stop: true})
				took, err := ends(v, clock)
				var write *JournalError
				if test.full && (!errors.Is(err, syscall.ENOSPC) || errors.As(err, &write)) ||
					!test.full && (!errors.Is(err, syscall.ETIME) || !errors.As(err, &write)) || took > most {
					t.Errorf("after %d ms it ended with %v", took/1_000_000, err)
				}
				if a, told := v.Told(); told != (test.full || durability == Async || test.held == tagFlush) {
					t.Errorf("told %v: %+v", told, a)
				}
				verify(t, v.loop.cfg.Journal)
			})
		}
	}
}

// TestFullJournal: while a journal is full an operator hears that at once, and how the venue stands; asked again when there is
// space it does what it is asked. A venue that is told to stop meanwhile says why it cannot.
func TestFullJournal(t *testing.T) {
	for _, durability := range []Durability{Sync, Written, Async} {
		for _, is := range []func(*loop) bool{nothingIsLeft, segmentIsFull, journalIsFull} {
			for _, space := range []bool{true, false} {
				fullJournal(t, durability, is, space)
			}
		}
	}
}

func nothingIsLeft(l *loop) bool { return l.files.left(l) == 0 }
func segmentIsFull(l *loop) bool { return l.writer.Pending() != 0 }
func journalIsFull(l *loop) bool { return !l.writer.Room() }

func fullJournal(t *testing.T, durability Durability, is func(*loop) bool, space bool) {
	t.Helper()
	v, clock, _ := small(t, durability, tagBlock)
	login(t, v, "U0")
	lastSegment(t, v, clock)
	fill(t, v, is)
	before := v.loop.engine.Seq()
	ask := func(r Request) Answer {
		v.Ask(&r)
		for range 3 {
			if v.Turn(); v.loop.err != nil {
				t.Fatal(v.loop.err)
			}
			if a, told := v.Told(); told {
				return a
			}
		}
		t.Fatalf("mode %d: %+v is not answered", durability, r)
		return Answer{}
	}
	for _, r := range []Request{{Verb: EndDay, Stop: true}, {Verb: EndDay}, {Verb: Halt, Symbol: "AAPL"}, {Verb: CancelFor}, {Verb: Kick, User: "U0"}} {
		if a := ask(r); a != (Answer{Refused: NoSpace}) {
			t.Errorf("mode %d: %+v: %+v", durability, r, a)
		}
	}
	if a := ask(Request{Verb: Status}); a.Refused != Done || a.Seq != before || a.Venue.Gate != engine.GateDisk || a.Venue.Connected != 1 {
		t.Errorf("mode %d: status: %+v", durability, a)
	}
	if !space {
		v.Stop()
		if took, err := ends(v, clock); !errors.Is(err, syscall.ENOSPC) || took > 11*stopWait {
			t.Errorf("mode %d: after %d ms it ended with %v", durability, took/1_000_000, err)
		}
		return
	}
	clock.full = false
	v.Prepare()
	for calm(t, v); v.loop.engine.Gated(); calm(t, v) {
		v.Turn()
	}
	v.Ask(&Request{Verb: EndDay, Stop: true})
	if took, err := ends(v, clock); err != nil || took > lastWords+2*stopWait {
		t.Errorf("mode %d: after %d ms it ended with %v", durability, took/1_000_000, err)
	}
	if a, told := v.Told(); !told || a.Refused != Done || a.Seq != before+2 { // order entry was opened before
		t.Errorf("mode %d: told %v: %+v", durability, told, a)
	}
	verify(t, v.loop.cfg.Journal)
}

// TestSlowDiskIsNotAFullJournal: a request that finds no room waits if it can be had without somebody who makes space.
func TestSlowDiskIsNotAFullJournal(t *testing.T) {
	for what, test := range map[string]struct {
		spares int
		full   bool // there is no space for a segment behind those
	}{
		"this segment has room":      {0, true},
		"the next is ready":          {1, true},
		"the next is being prepared": {0, false},
	} {
		t.Run(what, func(t *testing.T) {
			v, clock, disk := small(t, Sync, tagBlock)
			for range test.spares {
				v.Prepare()
				fill(t, v, func(l *loop) bool { return l.files.left(l) < writesInFlight*page })
			}
			if clock.full = test.full; test.full {
				v.Prepare()
				disk.shut.Store(true)
			}
			fill(t, v, func(l *loop) bool { return !l.writer.Room() })
			if f := &v.loop.files; len(f.spares) != test.spares || f.full != test.full {
				t.Fatalf("%d segments are prepared, no space for more: %v", len(f.spares), f.full)
			}
			v.Ask(&Request{Verb: EndDay, Stop: true})
			for range 100 {
				v.Turn()
			}
			if a, told := v.Told(); told {
				t.Fatalf("told: %+v", a)
			}
			disk.shut.Store(false)
			v.Prepare()
			if _, err := ends(v, clock); err != nil {
				t.Error(err)
			}
			if a, told := v.Told(); !told || a.Refused != Done {
				t.Errorf("told %v: %+v", told, a)
			}
			verify(t, v.loop.cfg.Journal)
		})
	}
}
