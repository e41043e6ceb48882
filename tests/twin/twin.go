// Package twin is a second matching venue, written from the rule book alone, for tests to hold against the engine. It
// takes the engine's commands and says which events the rules demand for each.
//
// It owns one flat list of live orders and searches it from end to end for every question: slow, and short enough to be
// checked by eye. It shares no code with the engine or the book, only the types and constants of the cells; it never
// runs in the product. Beside the venue the package has a Ledger, which recounts a venue from its events alone, and a
// Notation, in which people read and write commands and events.
//
// The rules are numbered in PROTOCOL.md, section "Matching rules"; comments name them as (rule 4.5).
package twin

import (
	"cmp"
	"slices"

	"matcher/engine"
)

// Twin is one venue. Its first command is Rules, as in every journal.
type Twin struct {
	rules       engine.Rules
	instruments []engine.Instrument // by index; the first is unused
	accounts    []*account          // by index; the first is unused
	open        []*order            // live orders in order of reference, which is also order of time
	today       bool                // a trading day is open
	session     [10]byte            // of the streams
	gated       bool
	reference   uint64 // the last order reference
	match       uint64 // the last match number
	now         uint64 // time of the command
	events      []engine.Event
	ledger      Ledger
	fault       error // the first thing the ledger found wrong
}

type account struct {
	engine.User
	last     map[uint8]uint32 // UserRefNum used up, by channel
	disabled bool             // rule 9.8
	sent     uint64           // messages in the stream
}

// order is one live order. A new reference is given exactly when a new time is (rules 1.3, 4.3: entry, Replace, growth),
// so the reference serves as the time.
type order struct {
	user       uint16
	idx        uint8
	ref        uint32
	reference  uint64
	instrument uint16
	side       uint8
	price      uint64 // as received; of a market-to-limit order that rests, its limit
	leaves     int64
	used       int64 // executed by the whole chain of replaces
	tif        uint8
	display    uint8
	capacity   uint8
	cross      uint8
	clOrdID    [14]byte
	group      uint16
	expires    uint64 // ns since 1970, 0 never
	dated      bool   // expires comes from tag 132, which a Replace inherits (rule 9.5)
	toLimit    bool   // tag 6 `K`, which a Replace inherits (rule 9.5)
}

// Level is one price of the displayed book.
type Level struct {
	Price  uint64 // wire units
	Qty    uint64 // lots
	Orders int
}

// New returns a venue without rules.
func New() *Twin {
	return &Twin{instruments: make([]engine.Instrument, 1), accounts: make([]*account, 1)}
}

// Apply carries out one command and returns what it caused, in order of happening (rule 2.7).
func (t *Twin) Apply(cmd *engine.Command) []engine.Event {
	t.events, t.now = nil, cmd.Time
	if cmd.Kind != engine.KindRestart { // rule 11.8: what expires with a restart is told in the streams as they are then
		t.expire()
	}
	switch cmd.Kind {
	case engine.KindEnter:
		t.enter(cmd)
	case engine.KindReplace:
		t.replace(cmd)
	case engine.KindCancel:
		t.cancel(cmd)
	case engine.KindModify:
		t.modify(cmd)
	case engine.KindMassCancel, engine.KindDisable, engine.KindEnable:
		t.massMessage(cmd)
	case engine.KindQuery:
		t.answer(cmd, 'Q', t.accounts[cmd.User].last[cmd.Idx]+1)
	case engine.KindRefused:
		r := cmd.Refused()
		if t.use(cmd, r.Ref) {
			t.reject(cmd, rejected{cmd.Instrument, r.Ref, r.ClOrdID}, r.Reason)
		}
	default:
		t.operate(cmd)
	}
	if cmd.Kind == engine.KindRestart {
		t.expire()
	}
	if err := t.ledger.Fold(cmd, t.events); err != nil && t.fault == nil {
		t.fault = err
	}
	return t.events
}

// Open returns the number of live orders.
func (t *Twin) Open() int { return len(t.open) }

// Fills returns how many executions there were.
func (t *Twin) Fills() uint64 { return t.match }

// Depth returns the n best displayed levels of one side (`B` or `S`) of an instrument, best first.
func (t *Twin) Depth(instrument uint16, side uint8, n int) []Level {
	var levels []Level
	for _, o := range t.queue(instrument, side) {
		switch {
		case o.hidden():
			continue
		case len(levels) == 0 || levels[len(levels)-1].Price != o.price:
			if len(levels) == n {
				return levels
			}
			levels = append(levels, Level{Price: o.price})
		}
		best := &levels[len(levels)-1]
		best.Qty += uint64(o.leaves)
		best.Orders++
	}
	return levels
}

// queue returns the live orders of one side in rank order: price, displayed before hidden, time (rule 4.1).
func (t *Twin) queue(instrument uint16, side uint8) []*order {
	var q []*order
	for _, o := range t.open {
		if o.instrument == instrument && buys(o.side) == buys(side) {
			q = append(q, o)
		}
	}
	slices.SortFunc(q, func(a, b *order) int {
		byPrice := cmp.Compare(a.price, b.price)
		if buys(side) {
			byPrice = -byPrice
		}
		return cmp.Or(byPrice, cmp.Compare(a.class(), b.class()), cmp.Compare(a.reference, b.reference))
	})
	return q
}

// expire cancels every order that is dead at the time of the command (rule 2.2).
func (t *Twin) expire() {
	var due []*order
	for _, o := range t.open {
		if o.expires != 0 && o.expires <= t.now {
			due = append(due, o)
		}
	}
	slices.SortFunc(due, func(a, b *order) int {
		return cmp.Or(cmp.Compare(a.expires, b.expires), cmp.Compare(a.reference, b.reference))
	})
	for _, o := range due {
		t.decrement(o, o.leaves, 'T')
	}
}

// find returns the live order that an owner means, or nil.
func (t *Twin) find(user uint16, idx uint8, ref uint32) *order {
	for _, o := range t.open {
		if o.user == user && o.idx == idx && o.ref == ref {
			return o
		}
	}
	return nil
}

// use takes a UserRefNum out of the command's channel. It says no to one that is not above the last (rule 3, check 1).
func (t *Twin) use(cmd *engine.Command, ref uint32) bool {
	a := t.accounts[cmd.User]
	if ref <= a.last[cmd.Idx] {
		return false
	}
	a.last[cmd.Idx] = ref
	return true
}

func (o *order) hidden() bool { return o.display == 'N' }

func (o *order) class() int {
	if o.hidden() {
		return 1
	}
	return 0
}

// market says whether the price means "at market" (rule 1.4).
func market(price uint64) bool { return price >= 2_000_000_000 }

// buys says on which side of the book a side letter stands (rule 1.6).
func buys(side uint8) bool { return side == 'B' }
