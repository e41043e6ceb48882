// Package engine is the venue as a deterministic state machine: commands in, events out.
//
// It owns the instruments, the accounts, the books, order references, match numbers and the count of messages each user
// was sent. Equal commands give equal events, equal state and equal hashes on every machine: the engine sees no clock, no
// randomness, no I/O, no goroutine, and never ranges over a map. Time is a field of the command.
//
// It never talks to a session, never encodes a message, and never decides when something is durable.
//
//	engine.go       the state, Apply, time
//	cells.go        the bytes of commands and fills, the events
//	enter.go        new orders: checks and what the instructions mean
//	walk.go         the aggressor: post-only, feasibility, fills, coming to rest
//	amend.go        Cancel, Modify, Replace, mass cancel, the kill switch
//	venue.go        rules, instruments, users, days, restarts
//	order.go        live orders: what the book does not need to know of them
//	hash.go         state and output hashes
//
// The rules are numbered in PROTOCOL.md, section "Matching rules"; comments name them as (rule 4.5).
package engine

import (
	"math"

	"matcher/book"
)

// Engine is one venue. The zero value is not usable; its first command must be Rules.
type Engine struct {
	seq  uint64 // of the last command
	time uint64 // of the last command
	due  uint64 // the earliest expiry of a live order; MaxUint64: none

	orders   *book.Orders
	live     []order // by slot, beside the book's own nodes
	refs     refTable
	expiries *book.Expiries

	instruments []instrument // by index; 0 is unused
	symbols     symbolTable
	users       []user // by index; 0 is the venue
	rules       Rules
	definitions uint64 // hash of rules and instruments
	salt        uint64
	day         Day
	open        bool // a trading day is open
	gate        bool // order entry is closed for all
	epoch       uint64
	mode        uint8

	reference uint64 // last order reference given
	match     uint64 // last match number given
	priority  uint64 // last time priority given
	fillCount uint64

	out   []Event     // events of the command at work
	fills []book.Fill // of the aggressor at work

	hashes hashes
}

// instrument is one instrument and its book.
type instrument struct {
	def  Instrument
	book *book.Book
	hashed
}

// user is one account.
type user struct {
	def      User
	last     []uint32 // last UserRefNum by channel (tag 28)
	lastTerm uint64   // their part of the state hash
	sent     uint64   // messages so far: the number of the last one
	first    book.Slot
	tail     book.Slot // live orders, in order of reference
	disabled bool      // kill switch (rule 9.8)
	hashed
}

// New returns a venue without rules.
func New() *Engine {
	return &Engine{
		due:         math.MaxUint64,
		instruments: make([]instrument, 1),
		users:       make([]user, 1),
		symbols:     newSymbolTable(),
		refs:        newRefTable(1, 0),
	}
}

// Salt makes the places of orders in memory unpredictable, so that no client can choose UserRefNums that collide. It shows
// in nothing but time: events, state and hashes are the same for every salt. It is called before the first command.
func (e *Engine) Salt(salt uint64) { e.salt = salt }

// channels is how many numbering channels (tag 28) an account has.
const channels = 256

// Apply carries out one command and appends what it caused to events, in order of happening (rule 2.7). The caller has
// stamped Seq, one above the last, and Time, not below the last. The slice that is returned is the caller's again.
//
// Anything a peer or an operator may have got wrong is answered by an event or ignored; Apply panics only if Seq or Time
// are not as said.
func (e *Engine) Apply(events []Event, cmd *Command) []Event {
	if cmd.Seq != e.seq+1 || cmd.Time < e.time {
		panic("engine: a command out of order")
	}
	e.seq, e.time = cmd.Seq, cmd.Time
	e.out = events
	if e.due <= e.time && cmd.Kind != KindRestart { // a Restart may begin new streams: what expires is told in those
		e.expire()
	}
	switch cmd.Kind {
	case KindEnter:
		e.enter(cmd)
	case KindCancel:
		e.cancel(cmd.Cancel())
	case KindReplace:
		e.replace(cmd)
	case KindModify:
		e.modify(cmd.Cancel())
	case KindMassCancel:
		e.massCancel(cmd.MassCancel())
	case KindDisable, KindEnable:
		e.toggle(cmd.MassCancel())
	case KindQuery:
		e.query(cmd)
	case KindRefused:
		e.refused(cmd.Refused())
	default:
		e.venue(cmd)
	}
	events = e.out
	e.out = nil
	return events
}

// emit appends an event for a user and gives it the next number of the user's stream.
func (e *Engine) emit(kind uint8, index uint16) *Event {
	u := &e.users[index]
	u.sent++
	e.touchUser(index)
	e.out = append(e.out, Event{})
	ev := &e.out[len(e.out)-1]
	ev.Kind, ev.User, ev.Number = kind, index, u.sent
	return ev
}

// emitOrder appends an event about an order.
func (e *Engine) emitOrder(kind uint8, o *order) *Event {
	ev := e.emit(kind, o.user)
	ev.Instrument, ev.Idx, ev.Side = o.instrument, o.idx, o.side
	ev.Ref, ev.Order, ev.Price = o.ref, o.reference, uint64(o.price)
	if o.hidden() {
		ev.Flags |= EventHidden
	}
	return ev
}

// canceled tells the owner that n lots of an order will not trade; leaves remain.
func (e *Engine) canceled(o *order, n, leaves uint32, reason uint8) {
	ev := e.emitOrder('C', o)
	ev.Qty, ev.Leaves, ev.Reason = n, leaves, uint16(reason)
}

// expire cancels every order that is dead at the time of the command, ordered by expiry and reference (rule 2.2).
func (e *Engine) expire() {
	for {
		at, slot, ok := e.expiries.Next()
		if !ok {
			e.due = math.MaxUint64
			return
		}
		if at > e.time {
			e.due = at
			return
		}
		e.kill(slot, 'T')
	}
}

// Deadline returns the earliest time at which an order expires, and false if none does. The caller sees to it that a
// Tick is applied at or after it when no other command comes.
func (e *Engine) Deadline() (uint64, bool) { return e.due, e.due != math.MaxUint64 }

// Seq returns the sequence number of the last command.
func (e *Engine) Seq() uint64 { return e.seq }

// Time returns the time of the last command.
func (e *Engine) Time() uint64 { return e.time }

// Fills returns how many executions there were.
func (e *Engine) Fills() uint64 { return e.fillCount }

// Open returns the number of live orders.
func (e *Engine) Open() int {
	if e.orders == nil {
		return 0
	}
	return e.orders.Live()
}

// Sent returns the number of the last message sent to a user.
func (e *Engine) Sent(user uint16) uint64 { return e.users[user].sent }

// LastRef returns the last UserRefNum that a user used up in a channel.
func (e *Engine) LastRef(user uint16, idx uint8) uint32 { return e.users[user].lastRef(idx) }

// Level is one price of a book: wire price, quantity in lots, number of orders. Only what is displayed counts.
type Level struct {
	Price  uint64
	Qty    uint64
	Orders int
}

// Depth appends the n best displayed levels of one side of a book, best first. It is not for the hot path.
func (e *Engine) Depth(dst []Level, instrument uint16, side book.Side, n int) []Level {
	if instrument == 0 || int(instrument) >= len(e.instruments) {
		return dst
	}
	in := &e.instruments[instrument]
	for _, l := range in.book.Depth(nil, side, n) {
		dst = append(dst, Level{Price: uint64(l.Price) * in.def.Tick, Qty: l.Qty, Orders: l.Orders})
	}
	return dst
}
