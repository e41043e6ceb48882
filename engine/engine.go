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
//	tell.go         events
//	plain.go        Enter, Cancel and Replace of plain orders, the short way
//	enter.go        new orders that are not plain: checks; terms.go: what the instructions mean
//	aggress.go      the aggressor: post-only, feasibility, fills, coming to rest
//	plan.go         the walk of rank, time and conditions, tried before it is carried out; prorata.go shares a level
//	commit.go       carrying a plan out
//	iceberg.go      slices and their refreshes
//	selfmatch.go    self-trade prevention
//	settle.go       what moves by itself: pegs.go, stops.go
//	amend.go        Cancel of what is not plain or not whole, Modify; replace.go Replace; mass.go mass cancel, kill switch, disconnect
//	venue.go        rules, instruments, users; symbols.go finds an instrument; operator.go halts, busts, cancels on behalf
//	day.go          trading days, restarts, instruments that change between days
//	limits.go       what an account may have, and how fast
//	soon.go         hints of what comes next, for deep books
//	order.go        live orders: what the book does not need to know of them; refs.go: their names
//	hash.go         state and output hashes
//	snapshot.go     the whole state as cells; restore.go: the state of such cells
//
// # The two ways of an aggressor
//
// A plain order against plain makers goes through plain.go and book.Hit: one number a side says that nothing rare stands
// opposite. All else is first planned: plan.go walks the makers without touching anything and writes down steps
// (fill, refresh, cancel, decrement). Feasibility, post-only and the collar are questions to a plan; commit.go carries out
// its steps. So the walk that is tried and the walk that is done are one piece of code.
//
// Orders that move by themselves (pegs, midpoint orders, stops) hang on the instrument's watch; a book without any pays one
// test for it. A command notes the instruments it touched that have a watch, and settles them when it is done.
//
// # Memory
//
// A resting plain order takes 64 bytes with its place in a book (package book), 16 for what its owner's messages repeat, and 8
// to 16 in the table of names. An order of another type touches 88 more (cold); one that expires by the clock has 50 on the
// agenda of expiries, a pending stop 50 on an agenda of triggers, 100 if it trails. All is sized by Rules and taken at the
// start, but for agendas that outgrow what is kept ready (warmEntries) and for what one message needs for a while: a plan of
// 24 bytes and two events of 80 for each fill.
//
// The rules are numbered in PROTOCOL.md, section "Matching rules"; comments name them as (rule 4.5).
package engine

import (
	"math"
	"slices"
	"unsafe"

	"matcher/book"
)

// Engine is one venue. The zero value is not usable; its first command must be Rules.
type Engine struct {
	seq       uint64 // of the last command
	time      uint64 // of the last command
	due       uint64 // the earliest expiry of a live order; MaxUint64: none
	reference uint64 // last order reference given
	match     uint64 // last match number given
	priority  uint64 // last time priority given
	fillCount uint64
	turn      uint64 // counts commands and sweeps of what expired: each settles by itself
	slices    uint32 // what live icebergs count beside their orders (rule 2.6)
	closed    bool   // no day is open, or order entry is closed for all
	plain     int    // below so many live orders one more may come the short way; see setPlain

	orders      *book.Orders   // every live order: its Data is an order
	first       unsafe.Pointer // the Data of slot 0
	names       []name         // by slot
	cold        []cold         // by slot
	refs        refTable
	users       []user       // by index; 0 is the venue
	instruments []instrument // by index; 0 is unused

	out  []Event // events of the command at work
	plan plan    // of the aggressor at work

	expiries  *book.Agenda
	triggers  *book.AgendaMemory // of all stops
	unsettled []uint16           // instruments that the command changed and that have a watch
	stopQueue []book.Slot        // triggered stops of the instrument that settles, oldest first (rule 7.4)
	scratch   []book.Slot        // orders to be gone through while lists change
	settling  bool               // what enters now was set going by another order

	symbols     symbolTable
	accounts    symbolTable // by name
	rules       Rules
	definitions uint64 // hash of rules and instruments
	salt        uint64
	throttled   uint64 // see Throttled
	day         Day
	open        bool // a trading day is open
	gate        bool // order entry is closed for all
	epoch       uint64
	mode        uint8
	dayMatch    uint64   // the last match number of the day before
	busted      []uint64 // match numbers of this day, ascending
	bustTerm    uint64   // the part of both in the state hash

	hashes hashes
	soon   soon // hints of what comes next
}

// instrument is one instrument and its book.
type instrument struct {
	book     *book.Book
	tick     uint64
	inverse  uint64 // 2^63/tick, rounded up, for dividing by it
	maxPrice uint64
	plain    [4]uint32 // by side of an aggressor: so many lots may go the short way, 0 none; see setPlain
	watching uint32    // orders that move by themselves
	tops     bool      // a top order is kept track of
	state    uint8     // `H` halted, 0 not
	hashed
	maxQty     uint32
	careful    [2]uint32 // by side: resting orders that need the careful walk; a policy counts too
	unsettled  bool
	last       uint64 // price of the last trade, 0 none
	anchor     uint64 // last as it was before anything of anchorTurn
	anchorTurn uint64

	top      [2]book.Slot // by side: the top order (rule 10.2)
	reserves [2]uint64    // by side: what its icebergs do not show
	watch    *watch       // nil until the first order that moves by itself
	def      Instrument
	given    Terms         // as defined
	terms    Terms         // defaults filled in
	next     *redefinition // what it becomes with the next day, nil: the same
}

// user is one account.
type user struct {
	last0    uint32    // last UserRefNum of channel 0
	base     uint32    // where the names of its orders begin (refTable)
	open     uint32    // live orders
	plain    uint32    // below so many of them one more may come the short way: most, or 0; see setPlain
	sent     uint64    // messages so far: the number of the last one
	interval uint64    // ns that an Enter or Replace costs, 0: there is no limit (rule 3.4)
	first    book.Slot // live orders, in order of reference
	tail     book.Slot
	hashed
	paid      uint64 // time up to which Enters and Replaces are paid for
	most      uint32 // orders that may be live (rule 2.6)
	stops     uint32 // pending
	mostStops uint32
	disabled  bool     // kill switch (rule 9.8)
	lastTerm  uint64   // the part of the state hash of channels from 1 on
	last      []uint32 // last UserRefNum by channel (tag 28) from 1 on
	def       User
}

// New returns a venue without rules.
func New() *Engine {
	return &Engine{
		due:         math.MaxUint64,
		closed:      true,
		instruments: make([]instrument, 1),
		users:       make([]user, 1),
		symbols:     newSymbolTable(),
		accounts:    newSymbolTable(),
	}
}

// Salt makes the places of orders in memory unpredictable, so that no client can choose UserRefNums that collide. It shows
// in nothing but time: events, state and hashes are the same for every salt. It is called before the first command.
func (e *Engine) Salt(salt uint64) { e.salt = salt }

// Memory calls visit with the memory that every order touches: address and size. Whoever runs a venue may want it in place,
// in large pages, before the first order.
func (e *Engine) Memory(visit func(address, size uintptr)) {
	if e.orders == nil {
		return
	}
	visit(uintptr(unsafe.Pointer(e.orders.Data(0))), uintptr(e.orders.Cap())*book.OrderSize)
	visit(uintptr(unsafe.Pointer(unsafe.SliceData(e.names))), uintptr(len(e.names))*unsafe.Sizeof(name{}))
	visit(uintptr(unsafe.Pointer(unsafe.SliceData(e.refs.places))), uintptr(len(e.refs.places))*unsafe.Sizeof(uint32(0)))
}

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
	e.turn++
	e.out = events
	if e.due > cmd.Time && len(events) < cap(events) { // nothing is due, and what the short way tells first finds room
		if cmd.Kind == KindEnter {
			e.enter(cmd)
			if len(e.unsettled) == 0 {
				return e.out
			}
			return e.settled()
		}
		if cmd.Kind == KindCancel {
			e.cancel(cmd.Cancel())
			if len(e.unsettled) == 0 {
				return e.out
			}
			return e.settled()
		}
		e.carryOut(cmd)
		return e.settled()
	}
	if e.due <= e.time && e.open && cmd.Kind != KindRestart { // what a Restart or a Day begins hears of it behind the rest
		e.expire()
	}
	e.growOut()
	e.carryOut(cmd)
	return e.settled()
}

// growOut makes room for one more event.
//
//go:noinline
func (e *Engine) growOut() { e.out = slices.Grow(e.out, 1) }

// settled is the end of a command.
func (e *Engine) settled() []Event {
	if len(e.unsettled) != 0 {
		e.settle()
	}
	return e.out
}

// carryOut carries out a command of any kind.
func (e *Engine) carryOut(cmd *Command) {
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
}

// expire cancels every order that is dead at the time of the command, ordered by expiry and reference, and settles
// (rules 2.2, 2.5).
func (e *Engine) expire() {
	for {
		at, slot, ok := e.expiries.Next()
		if !ok {
			e.due = math.MaxUint64
			break
		}
		if at > e.time {
			e.due = at
			break
		}
		e.kill(slot, 'T')
	}
	if len(e.unsettled) != 0 {
		e.settle()
	}
	e.turn++
}

// Deadline returns the earliest time at which an order expires, and false if none does, or no day is open. The caller sees
// to it that a Tick is applied at or after it when no other command comes.
func (e *Engine) Deadline() (uint64, bool) { return e.due, e.due != math.MaxUint64 && e.open }

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

// lastRef returns the last UserRefNum used up in a channel.
func (u *user) lastRef(idx uint8) uint32 {
	if idx == 0 {
		return u.last0
	}
	return u.last[idx]
}

// use consumes a UserRefNum. False: it is not above the last one of its channel, so this is a retransmission (rule 3, 1).
func (e *Engine) use(u *user, index uint16, idx uint8, ref uint32) bool {
	if idx == 0 {
		if ref <= u.last0 {
			return false
		}
		u.last0 = ref
		e.touchUser(u, index)
		return true
	}
	if ref <= u.last[idx] {
		return false
	}
	u.lastTerm += refTerm(index, idx, ref) - refTerm(index, idx, u.last[idx])
	u.last[idx] = ref
	e.touchUser(u, index)
	return true
}

// refTerm is what a channel's last UserRefNum adds to the state hash.
func refTerm(index uint16, idx uint8, ref uint32) uint64 {
	if ref == 0 {
		return 0
	}
	return mum(uint64(index)<<8^uint64(idx)^k2, uint64(ref)^k3)
}

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
	var few [16]book.Level
	for _, l := range in.book.Depth(few[:0], side, n) {
		dst = append(dst, Level{Price: uint64(l.Price) * in.tick, Qty: l.Qty, Orders: l.Orders})
	}
	return dst
}
