// Package twin is a second matching venue, written from the rule book alone, for tests to hold against the engine. It
// takes the engine's commands and says which events the rules demand for each.
//
// It owns one flat list of live orders and searches it from end to end for every question; what would happen it finds out
// by doing it, on a copy of itself. That is slow, and short enough to be checked by eye. It shares no code with the engine
// or the book, only the types and constants of the cells; it never runs in the product. Beside the venue the package has
// a Ledger, which recounts a venue from its events alone, a Notation, in which people read and write commands and events,
// and a Flow of random commands.
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
	instruments []instrument // by index; the first is unused
	accounts    []*account   // by index; the first is unused
	open        []*order     // live orders, pending stops included; where they stand in the list means nothing
	stops       []*order     // triggered, in order of rule 7.4; empty between commands
	settling    bool         // what the command itself brought has been done
	today       bool         // a trading day is open
	session     [10]byte     // of the streams
	secret      uint64       // of the day, for random slices
	gated       bool
	reference   uint64 // the last order reference
	match       uint64 // the last match number
	clock       uint64 // the last time given to an order (rule 4.3)
	yesterday   uint64 // the last match number of the day before
	busted      map[uint64]bool
	now         uint64 // time of the command
	events      []engine.Event
	ledger      Ledger
	fault       error          // the first thing the ledger found wrong
	seen        map[string]int // nil on a copy
}

type account struct {
	engine.User
	last     map[uint8]uint32 // UserRefNum used up, by channel
	disabled bool             // rule 9.8
	sent     uint64           // messages in the stream
	debt     uint64           // ns of messages that are not worked off (rule 3.4)
	charged  uint64           // when the debt was last looked at
}

// charge is rule 3.4: a message costs 1 s / rate, the debt falls as time passes, and what is let through finds at most
// burst - 1 messages of it.
func (a *account) charge(now uint64) bool {
	a.debt -= min(a.debt, now-a.charged)
	a.charged = now
	if a.Rate == 0 {
		return true
	}
	cost := 1_000_000_000 / uint64(a.Rate)
	if cost > 0 && a.debt > (uint64(max(a.Burst, 1))-1)*cost {
		return false
	}
	a.debt += cost
	return true
}

// instrument is what the venue knows of one, beside its orders. Prices are wire units, 0 none.
type instrument struct {
	definition
	next    *definition // what it becomes with the next day
	halted  bool
	last    uint64 // of the last execution, whatever day it was
	anchor  uint64 // the last as it stood before this command (rule 5.10)
	bid     uint64 // best displayed prices of orders that are no pegs, when pegs were last looked at (rule 2.4)
	ask     uint64
	between uint64 // the midpoint when midpoint orders were last looked at
}

// definition is what an instrument is by its command.
type definition struct {
	engine.Instrument
	terms engine.Terms
}

// order is one live order, or one that is being processed.
type order struct {
	user       uint16
	idx        uint8
	ref        uint32
	reference  uint64
	entered    uint64 // the reference that it was accepted or replaced with: order of entry
	time       uint64 // rank inside price and class (rules 4.1, 4.3)
	instrument uint16
	side       uint8
	price      uint64 // limit; of a peg, what it is priced at now
	leaves     int64
	used       int64 // executed and decremented by the whole chain of replaces (rule 9.1)
	tif        uint8
	display    uint8
	capacity   uint8
	cross      uint8
	clOrdID    [14]byte
	group      uint16
	expires    uint64 // ns since 1970, 0 never
	dated      bool   // expires comes from tag 132, which a Replace inherits (rule 9.5)
	exempt     uint8  // tag 134, which a Replace inherits
	toLimit    bool   // tag 6 `K`, which a Replace inherits
	postOnly   uint8  // `P`, `R`, 0 none
	minimum    int64  // what must execute at once, or as maker at a time (rules 4.5, 5.7); 0 none
	reserve           // of an iceberg
	peg               // rule 6
	stop              // rule 7
	prevent           // rule 8
	stands     bool   // in the book, for others to trade with
	top        bool   // the top order of its side (rule 10.2)
	before     uint8  // how the public saw it when a Replace came (engine.EventXxx)
	told       int    // index of its last event among those of the command
}

// reserve makes an order an iceberg (rule 5.4).
type reserve struct {
	floor     int64 // MaxFloor, 0 none
	random    int64
	slice     int64 // what is displayed of it
	refreshes uint32
	extra     int64 // what it counts for beside itself toward the limit of live orders (rule 2.6)
}

// peg makes an order follow the book.
type peg struct {
	follows uint8  // `R` primary, `P` market, `M` midpoint, 0 no peg
	offset  int64  // wire units
	limit   uint64 // its own, which it is never priced beyond
}

// stop makes an order wait. The price may lie outside the range of prices when it trails.
type stop struct {
	pending bool
	queued  bool // triggered
	wasStop bool // triggered and processed: the collar holds for it (rule 5.10)
	trigger uint8
	at      int64
	trail   int64 // 0 does not trail
}

// prevent is what to do on meeting an order of the same owner.
type prevent struct {
	letter  uint8 // tag 29, or the account's default
	grouped bool  // tag 30 was given, and is not two zero bytes
	letters [2]byte
}

// Level is one price of the displayed book.
type Level struct {
	Price  uint64 // wire units
	Qty    uint64 // lots
	Orders int
}

// New returns a venue without rules.
func New() *Twin {
	return &Twin{instruments: make([]instrument, 1), accounts: make([]*account, 1), busted: map[uint64]bool{}, seen: map[string]int{}}
}

// Apply carries out one command and returns what it caused, in order of happening (rule 2.7).
func (t *Twin) Apply(cmd *engine.Command) []engine.Event {
	t.events, t.now = nil, cmd.Time
	begins := cmd.Kind == engine.KindRestart || cmd.Kind == engine.KindDay && !t.today
	if !begins && t.today { // rules 11.5, 11.8: what came due meanwhile is told last of what a restart or a day begins with
		t.anchor()
		t.expire()
		t.settle(t.changed(0))
	}
	t.anchor()
	from := len(t.events)
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
	if begins && t.today {
		t.expire()
	}
	t.settle(append(t.changed(from), t.woken(cmd)...))
	t.seeEvents()
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
	var shown []*order
	for _, o := range t.open {
		if o.instrument == instrument && buys(o.side) == buys(side) && o.displayed() {
			shown = append(shown, o)
		}
	}
	slices.SortFunc(shown, func(a, b *order) int { return rank(a, b, 0) })
	var levels []Level
	for _, o := range shown {
		if len(levels) == 0 || levels[len(levels)-1].Price != o.price {
			if len(levels) == n {
				return levels
			}
			levels = append(levels, Level{Price: o.price})
		}
		best := &levels[len(levels)-1]
		best.Qty += uint64(o.exposed())
		best.Orders++
	}
	return levels
}

// expire cancels every order that is dead at the time of the command (rule 2.2).
func (t *Twin) expire() {
	var due []*order
	for _, o := range t.inReference() {
		if o.expires != 0 && o.expires <= t.now {
			due = append(due, o)
		}
	}
	slices.SortStableFunc(due, func(a, b *order) int { return cmp.Compare(a.expires, b.expires) })
	for _, o := range due {
		t.decrement(o, o.leaves, 'T')
	}
}

// inReference returns the live orders in order of reference.
func (t *Twin) inReference() []*order {
	all := slices.Clone(t.open)
	slices.SortFunc(all, func(a, b *order) int { return cmp.Compare(a.reference, b.reference) })
	return all
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
