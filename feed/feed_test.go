package feed_test

import (
	"bytes"
	"flag"
	"fmt"
	"testing"

	"matcher/engine"
	"matcher/feed"
	"matcher/tests/twin"
	"matcher/wire/itch"
	"matcher/wire/mold"
)

var (
	seed     = flag.Uint64("seed", 1, "of the random flows")
	commands = flag.Int("commands", 6_000, "in the random flow of each mix")
)

// venue is an engine and its public view, fed as a core feeds them.
type venue struct {
	engine *engine.Engine
	public *feed.Public
	events []engine.Event
	seq    uint64
	out    []byte // messages of the last command
	piece  int    // events that are handed on at once
}

func newVenue() *venue {
	e := engine.New()
	return &venue{engine: e, public: feed.New(e), piece: 3}
}

func (v *venue) apply(c *engine.Command) {
	v.seq++
	c.Seq = v.seq
	v.out = v.public.Before(v.out[:0], c)
	v.events = v.engine.Apply(v.events[:0], c)
	rest := v.events
	for len(rest) > v.piece {
		v.out = v.public.Append(v.out, c, rest[:v.piece], false)
		rest = rest[v.piece:]
	}
	v.out = v.public.Append(v.out, c, rest, true)
}

// TestBook: behind every command of a random flow of every order type the book that is rebuilt from the messages is the
// displayed book, in order of the queue; every execution of two owners is one trade of the feed with the same number,
// quantity and price; and a snapshot at any moment is that book.
func TestBook(t *testing.T) {
	for _, mix := range twin.Mixes() {
		t.Run(mix.Name, func(t *testing.T) {
			t.Parallel()
			t.Logf("again with: go test ./feed -run 'TestBook/%s$' -seed %d -commands %d", mix.Name, *seed, *commands)
			v, s := newVenue(), newShadow()
			pairs := map[uint64]trade{}
			step := func(c *engine.Command, what string) {
				before := v.public.Session()
				v.apply(c)
				if v.public.Session() != before { // all numbers begin anew, and all that is displayed is told
					old := s
					s = newShadow()
					s.trades, s.broken = old.trades, old.broken
				}
				if _, err := s.take(v.out); err != nil {
					t.Fatalf("%s: %v\nevents %s", what, err, lines(v.events))
				}
				if s.next != v.public.Sequence() {
					t.Fatalf("%s: %d messages, counted %d", what, s.next, v.public.Sequence())
				}
				if err := s.equal(v.engine); err != nil {
					t.Fatalf("%s: %v\nevents %s", what, err, lines(v.events))
				}
				for i := range v.events {
					if ev := &v.events[i]; ev.Kind == 'E' && ev.Flags&engine.EventTaker != 0 {
						pairs[ev.Link] = trade{ev.Qty, uint32(ev.Price)}
					}
				}
			}
			for _, c := range twin.Setup(200) {
				step(&c, "setup")
			}
			flow := twin.NewFlow(*seed, mix)
			for i := range *commands {
				c := flow.Next()
				step(&c, fmt.Sprintf("command %d", i))
				if i%97 == 0 {
					snapshot(t, v)
				}
			}
			if len(pairs) == 0 {
				t.Fatal("nothing traded")
			}
			for match, want := range pairs {
				if s.trades[match] != want {
					t.Errorf("match %d: owners %+v, feed %+v", match, want, s.trades[match])
				}
			}
			if len(s.trades) != len(pairs) {
				t.Errorf("%d executions of owners, %d of the feed", len(pairs), len(s.trades))
			}
		})
	}
}

// snapshot: what GLIMPSE is served from is the book, and says where to go on.
func snapshot(t *testing.T, v *venue) {
	t.Helper()
	b, s := v.public.Snapshot(nil), newShadow()
	end := b[len(b)-itch.EndOfSnapshotSize:]
	if _, err := s.take(b[:len(b)-itch.EndOfSnapshotSize-2]); err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	var g itch.EndOfSnapshot
	if err := g.Decode(end); err != nil || g.Sequence != v.public.Sequence()+1 {
		t.Fatalf("the snapshot ends with %d, %v after message %d", g.Sequence, err, v.public.Sequence())
	}
	if err := s.equal(v.engine); err != nil {
		t.Fatalf("snapshot: %v", err)
	}
}

// TestSame: the same commands give the same bytes, in whatever pieces the events come.
func TestSame(t *testing.T) {
	var all [2]bytes.Buffer
	for i, piece := range []int{1, 1 << 20} {
		v := newVenue()
		v.piece = piece
		list := twin.Setup(200)
		flow := twin.NewFlow(*seed, twin.Mixes()[len(twin.Mixes())-1])
		for range 3000 {
			list = append(list, flow.Next())
		}
		for j := range list {
			v.apply(&list[j])
			all[i].Write(v.out)
		}
	}
	if !bytes.Equal(all[0].Bytes(), all[1].Bytes()) {
		t.Fatal("the bytes differ")
	}
}

// TestPackets: messages come out in packets that hold no more than a datagram, in order, and not before they are released;
// what finds no place is missing from the numbers and from nothing else.
func TestPackets(t *testing.T) {
	memory := make([]byte, feed.MinMemory+100)
	q := feed.NewPackets(memory, 4096)
	if _, n := q.Heartbeat(); n != 0 {
		t.Error("a heartbeat of no session")
	}
	session := [10]byte{'2', '6', '1', '1', '2', '5', '0', '0', '0', '1'}
	q.Go(session, 1, false)
	put := func(n int) {
		for range n {
			q.Put(append([]byte{0, 36}, make([]byte, 36)...))
		}
	}
	var next uint64 = 1
	read := func() (messages int) {
		for off, n := q.Next(); n != 0; off, n = q.Next() {
			if n > mold.MaxPayload {
				t.Errorf("a packet of %d bytes", n)
			}
			var p mold.Packet
			if err := p.Decode(memory[off-4096:][:n]); err != nil {
				t.Fatal(err)
			}
			if p.Session != session || p.Sequence < next || p.Messages() == 0 {
				t.Errorf("packet %+v, wanted from %d", p.Header, next)
			}
			messages += p.Messages()
			next = p.Sequence + uint64(p.Count)
		}
		return messages
	}
	put(50)
	if read() != 0 {
		t.Error("sent before it was released")
	}
	m := q.Mark()
	put(10)
	q.Release(m)
	if n := read(); n != 50 || next != 51 {
		t.Errorf("%d messages, next %d", n, next)
	}
	q.Release(q.Mark())
	if n := read(); n != 10 || next != 61 {
		t.Errorf("%d messages, next %d", n, next)
	}
	put(1000)
	q.Release(q.Mark())
	kept := read()
	if kept == 0 || kept == 1000 || q.Lost() != uint64(1000-kept) {
		t.Errorf("%d kept and %d lost of 1000", kept, q.Lost())
	}
	off, n := q.Heartbeat()
	var p mold.Packet
	if err := p.Decode(memory[off-4096:][:n]); err != nil || p.Sequence != 1061 || p.Count != mold.Heartbeat {
		t.Errorf("heartbeat %+v, %v", p.Header, err)
	}
	put(1)
	q.Release(q.Mark())
	if read() != 1 || next != 1062 {
		t.Errorf("after the loss: next %d", next)
	}
	q.End(true)
	q.End(true) // said once
	q.Release(q.Mark())
	ends := 0
	for off, n := q.Next(); n != 0; off, n = q.Next() {
		if err := p.Decode(memory[off-4096:][:n]); err != nil || p.Count != mold.EndOfSession || p.Sequence != 1062 {
			t.Errorf("end of session %+v, %v", p.Header, err)
		}
		ends++
	}
	if ends != 3 {
		t.Errorf("%d packets say that the session has ended", ends)
	}
	off, n = q.Heartbeat()
	if err := p.Decode(memory[off-4096:][:n]); err != nil || p.Count != mold.EndOfSession || p.Sequence != 1062 {
		t.Errorf("end of session %+v, %v", p.Header, err)
	}
}

// TestNoAllocations: the core's part of the feed allocates nothing in steady state.
func TestNoAllocations(t *testing.T) {
	for _, mix := range twin.Mixes() {
		v := newVenue()
		v.out = make([]byte, 0, 1<<20)
		v.piece = 1 << 20
		q := feed.NewPackets(make([]byte, feed.MinMemory), 0)
		var list []engine.Command
		for _, c := range twin.Setup(200) {
			v.apply(&c)
		}
		flow := twin.NewFlow(2, mix)
		for range 3000 {
			list = append(list, flow.Next())
		}
		type piece struct {
			cmd    engine.Command
			events []engine.Event
		}
		// The engine is not what is measured: its commands are carried out before.
		var done []piece
		for i := range list {
			if k := list[i].Kind; k == engine.KindRestart || k == engine.KindDay {
				continue
			}
			v.apply(&list[i])
			done = append(done, piece{list[i], append([]engine.Event(nil), v.events...)})
		}
		if n := testing.AllocsPerRun(1, func() {
			for i := range done {
				q.Go(v.public.Session(), v.public.Sequence()+1, false)
				v.out = v.public.Before(v.out[:0], &done[i].cmd)
				v.out = v.public.Append(v.out, &done[i].cmd, done[i].events, true)
				q.Put(v.out)
				q.Release(q.Mark())
				for _, n := q.Next(); n != 0; _, n = q.Next() {
				}
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", mix.Name, n)
		}
	}
}

func lines(events []engine.Event) (text string) {
	for i := range events {
		text += "\n  " + twin.EventLine(&events[i])
	}
	return text
}

// TestOrderOfMessages: what rests is told behind the executions that it made, and before those that others make then (rule
// 2.7); a replaced order is told to be gone before its successor trades, and its place is taken by `U` only if that did not
// (rule 13).
func TestOrderOfMessages(t *testing.T) {
	v := newVenue()
	for _, c := range twin.Setup(200) {
		v.apply(&c)
	}
	event := func(kind uint8, order uint64, flags uint8, shown uint32) engine.Event {
		return engine.Event{Kind: kind, Flags: flags, Instrument: 1, User: 1, Side: 'B', Qty: 5, Leaves: 5, Order: order, Price: 100_000, Display: 'Y', Shown: shown}
	}
	replaced := func(flags uint8, shown uint32) engine.Event {
		ev := event('U', 9, flags|engine.EventShown, shown)
		ev.Link = 1
		return ev
	}
	const rests, taker, hidden = engine.EventRests, engine.EventTaker, engine.EventHidden
	for _, c := range []struct {
		name, want string
		events     []engine.Event
	}{
		{"rests", "A", []engine.Event{event('A', 9, rests, 5)}},
		{"trades and rests", "EEA", []engine.Event{
			event('A', 9, 0, 0), event('E', 3, 0, 0), event('E', 9, taker, 0), event('E', 4, 0, 0), event('E', 9, taker|rests, 5),
		}},
		{"rests, then others trade", "AP", []engine.Event{event('A', 9, rests, 5), event('E', 3, hidden, 0), event('E', 4, taker|hidden, 0)}},
		{"replaced", "U", []engine.Event{replaced(rests, 5)}},
		{"replaced, then others trade", "UP", []engine.Event{replaced(rests, 5), event('E', 3, hidden, 0), event('E', 4, taker|hidden, 0)}},
		{"replaced and trades", "DEA", []engine.Event{replaced(0, 0), event('E', 3, 0, 0), event('E', 9, taker|rests, 5)}},
		{"replaced and all of it trades", "DE", []engine.Event{replaced(0, 0), event('E', 3, 0, 0), event('E', 9, taker, 0)}},
		{"replaced and cannot stand", "D", []engine.Event{replaced(0, 0), event('C', 9, 0, 0)}},
	} {
		cmd := engine.Command{Header: engine.Header{Kind: engine.KindEnter, Time: v.public.Midnight()}}
		got := ""
		for b := v.public.Append(nil, &cmd, c.events, true); len(b) != 0; {
			m, n, err := itch.Next(b)
			if err != nil || n == 0 {
				t.Fatal(err)
			}
			got, b = got+string(m[0]), b[n:]
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
