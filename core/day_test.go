package core

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matcher/client"
	"matcher/engine"
	"matcher/journal"
	"matcher/ring"
	"matcher/wire/ouch"
)

// over reads to the end of the session, which must come.
func (d *trader) over() {
	d.t.Helper()
	for {
		m, err := d.Recv()
		if errors.Is(err, client.ErrEndOfSession) {
			return
		}
		if err != nil {
			d.t.Fatalf("the session of %d messages ended with %v", len(d.got), err)
		}
		d.got = append(d.got, append([]byte(nil), m.Payload...))
	}
}

// carried names an order of channel 255.
func carried() []byte {
	return (&ouch.Options{Present: ouch.Tag28UserRefIdx, UserRefIdx: 255}).Append(nil)
}

// rolling is a roll that is due in a moment, wherever in the day we are.
func rolling(in time.Duration) Roll {
	now := time.Duration(time.Now().UnixNano() % int64(wholeDay))
	return Roll{Daily: true, At: wholeDay / 2, Offset: wholeDay/2 - in - now}
}

// TestEndOfDay: day orders expire and their owners hear of it in the session that ends; what is good till cancelled is carried
// into a session that begins with 1; both are there after restarts.
func TestEndOfDay(t *testing.T) { onEach(t, testEndOfDay) }

func testEndOfDay(t *testing.T, backend Backend) {
	for _, durability := range []Durability{Sync, Written, Async} {
		t.Run(fmt.Sprint(durability), func(t *testing.T) {
			c := configOn(t, backend)
			c.Durability = durability
			s := open(t, c)
			a, b := dial(t, s, "U0", 1), dial(t, s, "U1", 1)
			a.order('S', 100, 1_000_000, '1')
			a.order('S', 50, 1_000_100, '0')
			a.settle()
			b.order('B', 30, 1_000_000, '0')
			b.settle()
			if a.ref != 2 {
				t.Fatal("the UserRefNums of this test")
			}
			answer := ask(t, s, Request{Verb: EndDay})
			if answer.Refused != Done || answer.Canceled != 1 || answer.Messages != 1+8 {
				t.Fatalf("the end of the day: %+v", answer)
			}
			a.over()
			b.over()
			if a.types() != "SAAQECS" || b.types() != "SAEQS" || a.got[6][9] != 'E' || a.got[5][17] != 'E' {
				t.Fatalf("the ended day told %s and %s", a.types(), b.types())
			}
			_, err := client.Dial(context.Background(), client.Options{Addr: s.Addr(), Username: "U0", Password: "KEY", Session: a.Session(), Sequence: 1})
			var rejected *client.RejectedError
			if !errors.As(err, &rejected) || rejected.Reason != 'S' {
				t.Fatalf("a login to the ended session: %v", err)
			}
			for range 2 {
				next := dial(t, s, "U0", 1)
				next.until('A')
				if next.types() != "SA" || next.Session()[:6] != a.Session()[:6] || next.Session()[6:] != "0002" {
					t.Fatalf("session %s after %s begins with %s", next.Session(), a.Session(), next.types())
				}
				var m ouch.Accepted
				if err := m.Decode(next.got[1]); err != nil || m.Quantity != 70 || m.UserRefNum != 1 {
					t.Fatalf("carried as %+v, %v", m, err)
				}
				stop(t, s)
				verify(t, c.Journal)
				s = open(t, c)
			}
			next := dial(t, s, "U0", 0)
			next.order('B', 10, 900_000, '0') // number 1 again
			next.send(&ouch.CancelOrder{UserRefNum: 1, Quantity: 0, Appendage: carried()})
			next.settle()
			if next.types() != "ACQ" {
				t.Fatalf("the next day answers %s", next.types())
			}
			stop(t, s)
			verify(t, c.Journal)
		})
	}
}

// TestRollByTheClock: the day ends at its time; the command says when, so the journal replays.
func TestRollByTheClock(t *testing.T) {
	for in := time.Second; ; in *= 2 { // until the machine is quick enough to trade before the roll
		c := config(t)
		c.Roll = rolling(in)
		s := open(t, c)
		a := dial(t, s, "U0", 1)
		if a.Session()[6:] != "0001" { // the roll was before the login
			stop(t, s)
			continue
		}
		a.order('S', 1, 1_000_000, '0')
		a.order('S', 2, 1_000_000, '1')
		if err := a.Flush(); err != nil {
			t.Fatal(err)
		}
		a.over()
		if a.types() == "SS" && in < 30*time.Second {
			stop(t, s)
			continue
		}
		b := dial(t, s, "U0", 1)
		b.settle()
		if a.types() != "SAACS" || b.types() != "SAQ" {
			t.Fatalf("%s, then %s", a.types(), b.types())
		}
		stop(t, s)
		rolledOnce(t, c)
		return
	}
}

func rolledOnce(t *testing.T, c Config) {
	t.Helper()
	verify(t, c.Journal)
	stop(t, open(t, c)) // the next roll is a day away
	if days := cells(t, c.Journal, engine.KindDay); len(days) != 3 {
		t.Fatalf("%d ends and beginnings of days", len(days))
	}
}

// TestRollTimes: the next roll and midnight in the offset's own time.
func TestRollTimes(t *testing.T) {
	at := func(s string) uint64 {
		m, err := time.Parse("2006-01-02 15:04:05", s)
		if err != nil {
			t.Fatal(err)
		}
		return uint64(m.UnixNano())
	}
	for _, test := range []struct {
		roll                 Roll
		now, after, midnight string
	}{
		{Roll{Daily: true}, "2026-11-25 10:00:00", "2026-11-26 00:00:00", "2026-11-25 00:00:00"},
		{Roll{Daily: true}, "2026-11-25 00:00:00", "2026-11-26 00:00:00", "2026-11-25 00:00:00"},
		{Roll{Daily: true, At: 17 * time.Hour}, "2026-11-25 16:59:59", "2026-11-25 17:00:00", "2026-11-25 00:00:00"},
		{Roll{Daily: true, At: 17 * time.Hour}, "2026-11-25 17:00:00", "2026-11-26 17:00:00", "2026-11-25 00:00:00"},
		{Roll{Daily: true, At: 6 * time.Hour, Offset: 9 * time.Hour}, "2026-11-25 20:00:00", "2026-11-25 21:00:00", "2026-11-25 15:00:00"},
		{Roll{Daily: true, At: 17 * time.Hour, Offset: -5 * time.Hour}, "2026-11-25 23:00:00", "2026-11-26 22:00:00", "2026-11-25 05:00:00"},
	} {
		if got := test.roll.after(at(test.now)); got != at(test.after) {
			t.Errorf("%+v: the roll after %s is at %v", test.roll, test.now, time.Unix(0, int64(got)).UTC())
		}
		if got := test.roll.midnight(at(test.now)); got != at(test.midnight) {
			t.Errorf("%+v: midnight before %s is %v", test.roll, test.now, time.Unix(0, int64(got)).UTC())
		}
	}
	if (&Roll{}).after(5) != 0 {
		t.Error("a roll without a time")
	}
}

// TestInstrumentsChangeWithADay: a start takes changed instruments if a day begins with it: after end-of-day --stop, or when
// the day's end was missed. Else it refuses them.
func TestInstrumentsChangeWithADay(t *testing.T) {
	for _, missed := range []bool{false, true} {
		c := config(t)
		s := open(t, c)
		a := dial(t, s, "U0", 1)
		a.order('S', 1, 1_000_000, '1')
		a.order('S', 2, 1_000_100, '1')
		a.settle()
		if missed {
			stop(t, s)
		} else {
			if got := ask(t, s, Request{Verb: EndDay, Stop: true}); got.Refused != Done {
				t.Fatalf("%+v", got)
			}
			a.over()
			if _, err := s.Run(); err != nil {
				t.Fatal(err)
			}
		}
		changed := c
		changed.Instruments = append([]Instrument(nil), c.Instruments...)
		changed.Instruments[0].Tick, changed.Instruments[0].MaxPrice = 1000, 1_999_999_000
		changed.Instruments[0].Terms.MaxPegs = 7
		if missed {
			if _, err := Open(changed); !errors.Is(err, ErrConfig) {
				t.Fatalf("a changed instrument in the middle of a day: %v", err)
			}
			time.Sleep(20 * time.Millisecond)
			changed.Roll = rolling(-10 * time.Millisecond)
		}
		s = open(t, changed)
		b := dial(t, s, "U0", 1)
		b.until('C')
		if b.types() != "SAAC" || b.got[3][17] != 'Z' || b.Session() == a.Session() {
			t.Fatalf("missed %v: session %s after %s begins with %s", missed, b.Session(), a.Session(), b.types())
		}
		stop(t, s)
		verify(t, c.Journal)
		changed.Roll = Roll{}
		stop(t, open(t, changed)) // and it stays
		if _, err := Open(c); !errors.Is(err, ErrConfig) {
			t.Fatalf("the former definition in the middle of a day: %v", err)
		}
	}
}

// TestCrashInTheRoll: whatever of a roll is durable when the venue is killed, the next start goes on with one day or the other,
// whole: no order lives twice or not at all, no session id is given twice.
func TestCrashInTheRoll(t *testing.T) {
	c := config(t)
	s := open(t, c)
	a := dial(t, s, "U0", 1)
	a.order('S', 1, 1_000_000, '1')
	a.order('S', 2, 1_000_000, '0')
	a.settle()
	ask(t, s, Request{Verb: EndDay})
	a.over()
	b := dial(t, s, "U0", 1)
	b.order('S', 4, 1_000_000, '0')
	b.settle()
	first, second := a.Session(), b.Session()
	ends := blockEnds(t, c.Journal)
	whole := crash(t, c.Journal)
	stop(t, s)
	if second == first || len(ends) < 4 {
		t.Fatalf("sessions %s and %s, %d blocks", first, second, len(ends))
	}
	seen := map[string]int{}
	for _, end := range ends {
		cut := c
		cut.Journal = crash(t, whole)
		name := filepath.Join(cut.Journal, journal.SegmentName(1))
		bytes, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		clear(bytes[end:])
		if err := os.WriteFile(name, bytes, 0o644); err != nil {
			t.Fatal(err)
		}
		s := open(t, cut)
		live, d := ask(t, s, Request{Verb: Status}).Venue.Orders, dial(t, s, "U0", 1)
		d.settle()
		stop(t, s)
		verify(t, cut.Journal)
		what := fmt.Sprintf("%d live, %s", live, strings.TrimRight(d.types(), "Q"))
		switch {
		case d.Session() == first && strings.HasPrefix("SAA", strings.TrimRight(d.types(), "Q")):
		case d.Session() == second && (what == "1 live, SA" || what == "2 live, SAA"):
		default:
			t.Errorf("cut at %d: session %s, %s", end, d.Session(), what)
		}
		seen[d.Session()]++
	}
	if seen[first] == 0 || seen[second] < 2 {
		t.Errorf("the cuts gave %v", seen)
	}
}

// blockEnds returns the offsets behind the blocks of the first segment.
func blockEnds(t *testing.T, dir string) (ends []int64) {
	t.Helper()
	for _, b := range blocksOf(t, dir) {
		ends = append(ends, journal.SegmentHeaderSize+int64(b.Position)+int64(b.Length))
	}
	return ends
}

// blocksOf reads the headers of all blocks of a journal.
func blocksOf(t *testing.T, dir string) (blocks []journal.BlockHeader) {
	t.Helper()
	r, err := journal.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for {
		b, err := r.Next()
		if err != nil {
			return blocks
		}
		blocks = append(blocks, b.BlockHeader)
	}
}

// TestDayEndsForSlowReaders: who does not take the messages of the ended day is cut off, and the next day begins on time with
// nothing of it in its streams.
func TestDayEndsForSlowReaders(t *testing.T) { onEach(t, testDayEndsForSlowReaders) }

func testDayEndsForSlowReaders(t *testing.T, backend Backend) {
	c := configOn(t, backend)
	c.Durability = Async
	s := open(t, c)
	n := flooder(t, s, "U0") // it never reads
	a := dial(t, s, "U1", 1)
	var query []byte
	for range 1000 {
		query = append(query, 0, 2, 'U', 'Q')
	}
	for range 500 { // more than sockets hold
		_ = n.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := n.Write(query); err != nil {
			break
		}
	}
	a.settle()
	begun := time.Now()
	ask(t, s, Request{Verb: EndDay})
	a.over()
	d := dial(t, s, "U0", 1)
	if took := time.Since(begun); took > 20*time.Second {
		t.Fatalf("the next day began after %v", took)
	}
	d.settle()
	if d.types() != "SQ" {
		t.Fatalf("the next day begins with %s", d.types())
	}
	stop(t, s)
	verify(t, c.Journal)
}

// TestTheEndIsTheLastWord: behind the end of the day nothing that clients say is read, while others still take their last
// messages: its word is the last, and a login that names no session waits for the next.
func TestTheEndIsTheLastWord(t *testing.T) { onEach(t, testTheEndIsTheLastWord) }

func testTheEndIsTheLastWord(t *testing.T, backend Backend) {
	c := configOn(t, backend)
	c.Durability = Async
	s := open(t, c)
	n := flooder(t, s, "U0") // it never reads, and the end waits for it
	a, b := dial(t, s, "U1", 1), dial(t, s, "U2", 1)
	var query []byte
	for range 1000 {
		query = append(query, 0, 2, 'U', 'Q')
	}
	for range 500 {
		_ = n.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := n.Write(query); err != nil {
			break
		}
	}
	a.settle()
	talking := make(chan struct{})
	go func() {
		defer close(talking)
		for ref := uint32(1); b.Flush() == nil; ref++ {
			_ = b.Send(&ouch.EnterOrder{
				UserRefNum: ref, Side: 'B', Quantity: 1, Symbol: ouch.Symbol("AAPL"), Price: 900_000, TimeInForce: '3', Display: 'Y',
				Capacity: 'P', Sweep: 'N', CrossType: 'N', ClOrdID: ouch.ClOrdID(""),
			})
		}
	}()
	b.until('A')
	ask(t, s, Request{Verb: EndDay})
	a.over()
	if next := dial(t, s, "U1", 1); next.Session() == a.Session() {
		t.Errorf("a login behind the end of session %s is to the same", a.Session())
	}
	b.over()
	<-talking
	if last := b.got[len(b.got)-1]; last[0] != 'S' || last[9] != 'E' {
		t.Errorf("%q follows the end of the day", last[0])
	}
	stop(t, s)
	verify(t, c.Journal)
}

// TestDayIsDurableBeforeItIsTold: in async mode too nobody hears of a new session before the disk has it.
func TestDayIsDurableBeforeItIsTold(t *testing.T) {
	disk := &dam{kind: tagBlock}
	c := config(t)
	c.Durability = Async
	c.kernel = func(arena uint64) (_ Kernel, err error) {
		disk.Kernel, err = newMachine(&Config{Backend: PortableBackend}).Kernel(arena)
		return disk, err
	}
	s := open(t, c)
	a := dial(t, s, "U0", 1)
	a.settle()
	disk.shut.Store(true)
	ask(t, s, Request{Verb: EndDay})
	a.until('S') // the end of the day; End of Session may wait for the disk
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if b, err := client.Dial(ctx, client.Options{Addr: s.Addr(), Username: "U0", Password: "KEY", Sequence: 1}); err == nil {
		t.Fatalf("session %s was told before it was durable", b.Session())
	}
	disk.shut.Store(false)
	if b := dial(t, s, "U0", 1); b.Session() == a.Session() {
		t.Fatal("the day goes on")
	}
	stop(t, s)
}

// TestAskedBetweenDays: what an operator asks for while a day ends is carried out on the next; who asks for the end of the day then
// means that one, and does not take back that the venue is to stop.
func TestAskedBetweenDays(t *testing.T) {
	for _, durability := range []Durability{Sync, Async} {
		c := configOn(t, PortableBackend)
		c.Durability = durability
		v, _ := clocked(t, c)
		login(t, v, "U0")
		v.loop.cmd = engine.Command{}
		*v.loop.cmd.Enter() = engine.Enter{
			Header: engine.Header{Kind: engine.KindEnter, User: 1, Instrument: 1, Side: 'B'},
			Ref:    1, Qty: 1, Price: 1_000_000, TIF: '1', Display: 'Y', Capacity: 'P', Cross: 'N',
		}
		v.loop.apply(&v.loop.cmd)
		asked := func(r *Request, stop bool) Answer {
			t.Helper()
			calm(t, v)
			v.Ask(r)
			for v.loop.desk.missing == 0 && !v.loop.desk.waiting { // it lies there when the day ends
				v.loop.done, _ = v.loop.kernel.Turn(v.loop.ops, v.loop.done[:0], ring.Wait{})
				v.loop.ops = v.loop.ops[:0]
				for i := range v.loop.done {
					v.loop.complete(&v.loop.done[i])
				}
			}
			v.loop.endDay()
			v.loop.ending.stop = stop
			for range 1000 {
				if a, told := v.Told(); told {
					return a
				}
				v.Turn()
			}
			t.Fatalf("%+v is never answered", r)
			return Answer{}
		}
		if a := asked(&Request{Verb: CancelFor, User: "U0"}, false); a.Refused != Done || a.Canceled != 1 {
			t.Fatalf("a cancel on behalf: %+v", a)
		}
		calm(t, v)
		first := cells(t, c.Journal, engine.KindCancelFor)[0].Seq
		if days := cells(t, c.Journal, engine.KindDay); len(days) != 3 || days[2].Seq > first {
			t.Errorf("a cancel on behalf of seq %d, and %d ends and beginnings of days", first, len(days))
		}
		if a := asked(&Request{Verb: EndDay}, true); a.Refused != Done {
			t.Errorf("the end of the day: %+v", a)
		}
		for range 1000 {
			if !v.Turn() {
				break
			}
		}
		if v.loop.state != stopped || v.Err() != nil || len(cells(t, c.Journal, engine.KindDay)) != 4 {
			t.Errorf("the venue goes on in state %d, %v", v.loop.state, v.Err())
		}
		verify(t, c.Journal)
	}
}
