package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"matcher/book"
	"matcher/client"
	"matcher/engine"
	"matcher/replay"
	"matcher/tests/twin"
	"matcher/wire/ouch"
)

// oracle is what must come of a flow: the naive twin's answers as OUCH messages, and its books.
type oracle struct {
	twin     *twin.Twin
	commands int
	want     map[string][][]byte // by user: messages with a timestamp of 0
}

// foretell runs a flow on the twin. The venue has one instrument and users with the indices of their place in the list.
func foretell(t testing.TB, flow string, users ...string) *oracle {
	t.Helper()
	o := &oracle{twin: twin.New(), want: map[string][][]byte{}}
	seq := uint64(0)
	apply := func(cmd *engine.Command) []engine.Event {
		seq++
		cmd.Seq, cmd.Time = seq, 1_000_000_000
		return o.twin.Apply(cmd)
	}
	for _, cmd := range openingOf(users) {
		apply(&cmd)
	}
	in, err := os.Open(flow)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	lines := replay.NewFlow(in)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		o.commands++
		var cmd engine.Command
		line.Command(&cmd, replay.Names{User: uint16(1 + slices.Index(users, trimmed(line.User[:]))), Instrument: indexOf(line), Firm: ouch.Firm("FIRM")})
		for _, ev := range apply(&cmd) {
			if m := messageOf(&ev, line); m != nil {
				user := users[ev.User-1]
				o.want[user] = append(o.want[user], m.Append(nil))
			}
		}
	}
	if err := o.twin.Audit(); err != nil {
		t.Fatal("the twin: ", err)
	}
	return o
}

// openingOf is how the venue of a test begins.
func openingOf(users []string) []engine.Command {
	list := make([]engine.Command, 3+len(users))
	list[0].Kind = engine.KindRules
	r := list[0].Rules()
	r.Version, r.MaxOrders, r.MaxUsers = 1, 20_000, 8
	list[1].Kind = engine.KindInstrument
	in := list[1].AsInstrument()
	in.Symbol, in.Tick, in.Lot, in.MaxQty, in.PriceDecimals, in.MaxPrice = ouch.Symbol("AAPL"), 1, 1, 999_999, 4, 1_999_999_900
	for i, user := range users {
		list[2+i].Kind = engine.KindUser
		u := list[2+i].AsUser()
		u.Firm = ouch.Firm("FIRM")
		copy(u.Name[:], user+"      ")
	}
	day := &list[len(list)-1]
	day.Kind = engine.KindDay
	day.Day().Event = 'S'
	return list
}

func indexOf(l *replay.Line) uint16 {
	if trimmed(l.Symbol[:]) == "AAPL" {
		return 1
	}
	return 0
}

func trimmed(b []byte) string { return string(bytes.TrimRight(b, " ")) }

// messageOf is the OUCH message of an event, without its timestamp; nil for those that the sending program causes too:
// answers to queries and the start of the day.
func messageOf(ev *engine.Event, line *replay.Line) ouch.Outbound {
	switch ev.Kind {
	case 'Q', 'S':
		return nil
	case 'A':
		return &ouch.Accepted{
			UserRefNum: ev.Ref, Side: ev.Side, Quantity: ev.Qty, Symbol: ouch.Symbol("AAPL"), Price: ev.Price, TimeInForce: ev.TIF,
			Display: ev.Display, OrderRef: ev.Order, Capacity: ev.Capacity, Sweep: 'N', CrossType: ev.Cross, State: ouch.StateLive,
			ClOrdID: ev.ClOrdID, Appendage: line.Appendage(nil), // what was asked for is told again
		}
	case 'U':
		return &ouch.Replaced{
			OrigUserRefNum: ev.OrigRef, UserRefNum: ev.Ref, Side: ev.Side, Quantity: ev.Qty, Symbol: ouch.Symbol("AAPL"), Price: ev.Price,
			TimeInForce: ev.TIF, Display: ev.Display, OrderRef: ev.Order, Capacity: ev.Capacity, Sweep: 'N', CrossType: ev.Cross,
			State: ouch.StateLive, ClOrdID: ev.ClOrdID,
		}
	case 'E':
		return &ouch.Executed{UserRefNum: ev.Ref, Quantity: ev.Qty, Price: ev.Price, Liquidity: byte(ev.Reason), MatchNumber: ev.Link}
	case 'C':
		return &ouch.Canceled{UserRefNum: ev.Ref, Quantity: ev.Qty, Reason: byte(ev.Reason)}
	case 'J':
		return &ouch.Rejected{UserRefNum: ev.Ref, Reason: ev.Reason, ClOrdID: ev.ClOrdID}
	case 'M':
		return &ouch.Modified{UserRefNum: ev.Ref, Side: ev.Side, Quantity: ev.Qty}
	case 'T':
		return &ouch.PriorityUpdate{UserRefNum: ev.Ref, Price: ev.Price, Display: ev.Display, OrderRef: ev.Order}
	case 'X':
		return &ouch.MassCancelResponse{UserRefNum: ev.Ref, Firm: ouch.Firm("FIRM"), Symbol: line.Symbol}
	}
	panic(fmt.Sprintf("tests: the flow has no event like %+v", *ev))
}

// stream is the day of one user as a login from number 1 is told it: every message with its timestamp.
type stream struct {
	session string
	raw     [][]byte
}

// day logs in and collects everything from the first message of the day on.
func (v *venue) day(addr, user string) stream {
	v.t.Helper()
	last := v.login(addr, user, client.Options{}) // asks for nothing that was: learns the next number
	total := last.NextSequence() - 1
	_ = last.Close()
	conn := v.login(addr, user, client.Options{Sequence: 1})
	limit := time.AfterFunc(patience, func() { _ = conn.Close() }) // heartbeats would keep a wait for ever alive
	defer limit.Stop()
	defer func() { _ = conn.Close() }()
	s := stream{session: conn.Session()}
	for n := uint64(1); n <= total; n++ {
		m, err := conn.Recv()
		if err != nil {
			v.t.Fatalf("%s: message %d of %d: %v", user, n, total, err)
		}
		if m.Sequence != n {
			v.t.Fatalf("%s: message %d bears the number %d", user, n, m.Sequence)
		}
		s.raw = append(s.raw, bytes.Clone(m.Payload))
	}
	return s
}

// login connects as a user; o says where to go on.
func (v *venue) login(addr, user string, o client.Options) *client.Conn {
	v.t.Helper()
	o.Addr, o.Username, o.Password = addr, user, v.key(user)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := client.Dial(ctx, o)
	if err != nil {
		v.t.Fatalf("%s: %v", user, err)
	}
	return conn
}

// compare holds a user's day against what the twin foretold, message by message and byte by byte, timestamps aside.
func (o *oracle) compare(t testing.TB, user string, s stream) {
	t.Helper()
	want := o.want[user]
	n, clock := 0, ""
	for i, raw := range s.raw {
		if now := string(raw[1:9]); now < clock {
			t.Fatalf("%s: message %d goes back in time", user, i+1)
		} else {
			clock = now
		}
		if raw[0] == ouch.TypeQueryResponse || raw[0] == ouch.TypeSystemEvent {
			continue
		}
		got := timeless(raw)
		if n == len(want) {
			t.Fatalf("%s: message %d is one too many: %s", user, i+1, spell(got))
		}
		if !bytes.Equal(got, want[n]) {
			t.Fatalf("%s: message %d (the %d. about orders)\n got  %s\n want %s", user, i+1, n+1, spell(got), spell(want[n]))
		}
		n++
	}
	if n != len(want) {
		t.Fatalf("%s: %d messages about orders, want %d; the first that is missing: %s", user, n, len(want), spell(want[n]))
	}
}

// timeless is a message with a timestamp of 0.
func timeless(raw []byte) []byte {
	m := bytes.Clone(raw)
	clear(m[1:9]) // the same place in every message of the venue
	return m
}

// spell writes a message for people.
func spell(raw []byte) string {
	m, err := ouch.DecodeOutbound(raw)
	if err != nil {
		return fmt.Sprintf("%x (%v)", raw, err)
	}
	return fmt.Sprintf("%c %+v", raw[0], m)
}

// standing is what an owner knows of an order.
type standing struct {
	leaves int64
	hidden bool
}

// balance recounts every order from its owner's messages alone: what was accepted is what was executed, canceled, and is
// open still. It returns what is open: orders, and lots that are displayed.
func balance(t testing.TB, user string, s stream) (orders int, lots uint64) {
	t.Helper()
	known := map[uint32]standing{}
	for i, raw := range s.raw {
		m, err := ouch.DecodeOutbound(raw)
		if err != nil {
			t.Fatalf("%s: message %d: %v", user, i+1, err)
		}
		ref, less := uint32(0), uint32(0)
		switch m := m.(type) {
		case *ouch.Accepted:
			if _, twice := known[m.UserRefNum]; twice {
				t.Fatalf("%s: order %d accepted twice", user, m.UserRefNum)
			}
			known[m.UserRefNum] = standing{int64(m.Quantity), m.Display == ouch.DisplayHidden}
		case *ouch.Replaced:
			delete(known, m.OrigUserRefNum)
			known[m.UserRefNum] = standing{int64(m.Quantity), m.Display == ouch.DisplayHidden}
		case *ouch.Modified:
			known[m.UserRefNum] = standing{int64(m.Quantity), known[m.UserRefNum].hidden}
		case *ouch.Executed:
			ref, less = m.UserRefNum, m.Quantity
		case *ouch.Canceled:
			ref, less = m.UserRefNum, m.Quantity
		default:
			continue
		}
		o := known[ref]
		if o.leaves -= int64(less); o.leaves < 0 {
			t.Fatalf("%s: message %d leaves order %d with %d lots", user, i+1, ref, o.leaves)
		}
		if ref != 0 {
			known[ref] = o
		}
	}
	for _, o := range known {
		if o.leaves > 0 {
			orders++
		}
		if !o.hidden {
			lots += uint64(o.leaves)
		}
	}
	return orders, lots
}

// displayed sums up both sides of the twin's book.
func (o *oracle) displayed() (lots uint64) {
	for _, side := range []uint8{'B', 'S'} {
		for _, l := range o.twin.Depth(1, side, 1<<20) {
			lots += l.Qty
		}
	}
	return lots
}

// books holds the journal's last state against the twin's: fills, live orders, both sides of the book to the last level.
func (o *oracle) books(t testing.TB, dir string) *replay.Journal {
	t.Helper()
	j := executed(t, dir)
	e := j.Engine()
	if e.Open() != o.twin.Open() || e.Fills() != o.twin.Fills() {
		t.Errorf("%d orders open and %d fills, want %d and %d", e.Open(), e.Fills(), o.twin.Open(), o.twin.Fills())
	}
	for letter, side := range map[uint8]book.Side{'B': book.Buy, 'S': book.Sell} {
		got, want := e.Depth(nil, 1, side, 1<<20), o.twin.Depth(1, letter, 1<<20)
		if !slices.EqualFunc(got, want, func(a engine.Level, b twin.Level) bool { return a == engine.Level(b) }) {
			t.Errorf("side %c of the book has %d levels, want %d; or they differ", letter, len(got), len(want))
		}
	}
	return j
}

// executed runs a journal to its end; every fill and hash in it is compared on the way.
func executed(t testing.TB, dir string) *replay.Journal {
	t.Helper()
	j, err := replay.Open(os.DirFS(dir))
	for err == nil {
		_, _, err = j.Next()
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return j
}
