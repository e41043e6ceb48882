package core

import (
	"errors"
	"unsafe"

	"matcher/engine"
	"matcher/journal"
)

// An operator's request reaches the venue's thread through its pipe and is carried out between two packets of clients, as a
// journaled command like any other. The answer comes back when a member's would leave, in async mode at once. The thread waits for nobody: there
// is one request at a time, and one place for its answer.

// Verb is what an operator asks for.
type Verb uint8

// Verbs.
const (
	Status     Verb = iota + 1
	Kick            // end the session of a user
	Halt            // an instrument (rule 12.1)
	Resume          // an instrument
	BreakTrade      // bust (rule 12.2)
	CancelFor       // cancel on behalf of the owners (rule 12.4)
	EndDay          // the trading day (rule 11.3); the next one begins, or the venue stops
)

// Request is what an operator asks of a running venue.
type Request struct {
	Verb   Verb
	Symbol string        // Halt, Resume: the instrument; CancelFor: of these orders, "" all
	Reason [4]byte       // Halt, Resume: as in ITCH, space padded
	User   string        // CancelFor: whose orders, "" everybody's; Kick: whose session
	Side   uint8         // CancelFor: B or S, 0 both
	Order  uint64        // CancelFor: the order with this reference, 0 all
	Trade  engine.Bust   // BreakTrade: match, price, quantity, reason, instrument
	Owners engine.Owners // BreakTrade: of the trade
	Stop   bool          // EndDay: stop then; a day begins with the next start
}

// Refusal says why a request was not carried out. Nothing is journaled then.
type Refusal uint8

// Refusals.
const (
	Done          Refusal = iota // it was carried out
	NoInstrument                 // no instrument has that symbol
	NoUser                       // no user has that name
	NoMatch                      // no trade has that number
	BrokenAlready                // the trade was broken before
	HaltedAlready
	NotHalted
	NotConnected
	NoMemory // the streams have no memory left for what it would cause
	NoSpace  // the journal is full
	NotToday // the trade is of another day
)

// Answer says what became of a request.
type Answer struct {
	Refused  Refusal
	Seq      uint64 // of the command, or, of Status, of the last one
	Time     uint64 // of the command: ns since 1970
	Canceled uint64 // orders cancelled on behalf, or expired with the day
	Messages uint64 // to owners, whatever they say
	Venue    Venue  // of Status
}

// Venue is what Status tells.
type Venue struct {
	Session     [10]byte
	Instruments int
	Halted      int         // instruments
	Symbols     [32][8]byte // of the first of them
	Users       int
	Connected   int // users
	Orders      int // live
	Fills       uint64
	Connections int    // open, logged in or not
	Refused     uint64 // since the start: connections that were turned away,
	Logins      uint64 // logins,
	Throttled   uint64 // Enters and Replaces for their rate (rule 3.4),
	Slow        uint64 // and sessions ended because the client did not read
	Gate        uint8  // engine.GateXxx that closed order entry, 0: it is open
	Free        uint64 // bytes of stream memory
	Journal     uint64 // bytes of blocks, since the birth of the journal
}

// ErrStopped is the answer of a server that has stopped, or stops.
var ErrStopped = errors.New("core: the server has stopped")

// Operate asks for something and waits for the answer, which comes when a member's would leave. It may be
// called from any goroutine.
func (s *Server) Operate(r *Request) (Answer, error) {
	s.asking.Lock()
	defer s.asking.Unlock()
	s.pipe.write(r.messages())
	select {
	case a := <-s.answers:
		return a, nil
	case <-s.ended:
		return Answer{}, ErrStopped
	}
}

// Where a request has its parts in its first message.
const (
	requestCells  = 1 // how many messages are behind it
	requestVerb   = 2
	requestStop   = 3 // 1: EndDay stops the venue
	requestSymbol = 8
	requestUser   = 16
)

// messages returns a request as the pipe carries it: names in the first message, which only the venue's thread can look up,
// then the cells of the command.
func (r *Request) messages() []byte {
	var c engine.Command
	switch r.Verb {
	case Halt, Resume:
		c.Kind = engine.KindTrading
		c.Trading().State, c.Trading().Reason = 'H', r.Reason
		if r.Verb == Resume {
			c.Trading().State = 'T'
		}
	case BreakTrade:
		*c.Bust() = r.Trade
		*c.Owners() = r.Owners
		c.Kind, c.Flags, c.Owners().Kind = engine.KindBust, engine.FlagExtension, engine.KindExtension
	case CancelFor:
		c.Kind, c.Side = engine.KindCancelFor, r.Side
		c.CancelFor().Order = r.Order
	case Status, EndDay, Kick:
	}
	var first [messageSize]byte
	cells := c.Cells()
	first[0], first[requestCells], first[requestVerb] = messageRequest, byte(len(cells)/messageSize), byte(r.Verb)
	if r.Stop {
		first[requestStop] = 1
	}
	copy(first[requestSymbol:requestUser], r.Symbol)
	copy(first[requestUser:requestUser+6], r.User)
	return append(first[:], cells...)
}

// desk is where a request lies on the venue's thread.
type desk struct {
	answers chan<- Answer
	missing int // cells that have not come through the pipe
	have    int
	waiting bool // a whole request is to be carried out
	verb    Verb
	stop    bool
	symbol  [8]byte // zeros: none
	user    [6]byte
	cells   [2 * engine.CellSize]byte

	answer Answer
	told   told
	end    journal.Position // the answer may be told when all below is durable
}

// told is how far the answer has come.
type told uint8

const (
	notAsked      told = iota
	inOpenBlock        // the command lies in the open block
	inClosedBlock      // the block is closed
)

var _ [messageSize]byte = [engine.CellSize]byte{} // a cell is a message

// begin takes the first message of a request.
func (d *desk) begin(m []byte) {
	d.missing, d.have = int(m[requestCells]), 0
	d.verb, d.stop = Verb(m[requestVerb]), m[requestStop] != 0
	d.symbol, d.user = [8]byte(m[requestSymbol:]), [6]byte(m[requestUser:])
}

// cell takes a message that is a cell of a request under way. False: it is something else.
func (d *desk) cell(m []byte) bool {
	if d.missing == 0 {
		return false
	}
	d.have += copy(d.cells[d.have:], m)
	d.missing--
	d.waiting = d.missing == 0
	return true
}

// operate carries out the request that waits, if there is room for what it may cause. While nothing becomes durable until somebody
// makes space on the disk, none is left waiting for that. What is asked between two days is for the next: nothing comes behind the
// last message of a day.
func (l *loop) operate() {
	d := &l.desk
	full := l.files.noPlace(l)
	if !d.waiting || !l.writer.Room() && !full || l.ending.under && d.verb != Status && d.verb != EndDay {
		return
	}
	d.waiting = false
	d.answer = Answer{}
	l.cmd = engine.Command{}
	copy((*[2 * engine.CellSize]byte)(unsafe.Pointer(&l.cmd))[:], d.cells[:d.have])
	switch {
	case d.verb == Status:
		d.answer.Seq, d.answer.Time = l.engine.Seq(), l.engine.Time()
		l.survey(&d.answer.Venue)
	case full:
		d.answer.Refused = NoSpace
	case d.verb == EndDay && l.ending.under: // it is the day that ends already
		l.ending.stop = l.ending.stop || d.stop
		d.answer.Seq, d.answer.Time = l.engine.Seq(), l.engine.Time()
		d.await(l)
	case d.verb == EndDay:
		l.carryOut(l.endDay)
		l.ending.stop = d.stop
	case d.verb == Kick:
		d.answer.Refused = l.kick()
	case l.gateway.Free() < l.memory.cancels:
		d.answer.Refused = NoMemory
	default:
		d.answer.Refused = l.resolve(&l.cmd)
		if d.answer.Refused == Done {
			l.carryOut(func() { l.apply(&l.cmd) })
		}
	}
	if d.told == notAsked {
		d.tell()
	}
}

// resolve fills in what an operator calls by name.
func (l *loop) resolve(c *engine.Command) Refusal {
	d := &l.desk
	if d.symbol != [8]byte{} {
		if c.Instrument = l.engine.Lookup(spaced8(d.symbol)); c.Instrument == engine.NoInstrument {
			return NoInstrument
		}
	}
	switch c.Kind {
	case engine.KindTrading:
		switch halted := l.engine.Halted(c.Instrument); {
		case c.Instrument == engine.NoInstrument:
			return NoInstrument
		case halted && d.verb == Halt:
			return HaltedAlready
		case !halted && d.verb == Resume:
			return NotHalted
		}
	case engine.KindBust:
		switch m := c.Bust().Match; {
		case m == 0 || m > l.engine.Fills(): // every execution has a number, from 1
			return NoMatch
		case !l.engine.OfToday(m):
			return NotToday
		case !l.engine.Bustable(m):
			return BrokenAlready
		}
	case engine.KindCancelFor:
		if c.Instrument == engine.NoInstrument {
			c.Instrument = engine.AllInstruments
		}
		if d.user != [6]byte{} {
			if c.CancelFor().Account = l.known[spaced6(d.user)]; c.CancelFor().Account == 0 {
				return NoUser
			}
		}
	}
	return Done
}

// carryOut applies the command and works out what to answer.
func (l *loop) carryOut(apply func()) {
	d := &l.desk
	apply()
	a := &d.answer
	a.Seq, a.Time, a.Messages = l.cmd.Seq, l.cmd.Time, uint64(len(l.events))
	for i := range l.events {
		if ev := &l.events[i]; ev.Kind == 'C' && (ev.Reason == 'S' || ev.Reason == 'E') {
			a.Canceled++
		}
	}
	d.await(l)
}

// kick ends the session of a user. What lives by its connection goes with it (rule 9.9).
func (l *loop) kick() Refusal {
	user := l.known[spaced6(l.desk.user)]
	if user == 0 {
		return NoUser
	}
	if !l.gateway.Kick(user, "disconnected by the operator") {
		return NotConnected
	}
	l.shut()
	a := &l.desk.answer
	if a.Seq, a.Time = l.engine.Seq(), l.engine.Time(); len(l.gone) == 0 { // else it is journaled when there is room
		a.Messages = uint64(len(l.events))
		for i := range l.events {
			if l.events[i].Kind == 'C' {
				a.Canceled++
			}
		}
	}
	l.desk.await(l)
	return Done
}

// await lets the answer wait until everything so far is durable.
func (d *desk) await(l *loop) {
	if l.cfg.Durability != Async {
		d.told = inOpenBlock
		if l.writer.Empty() { // the command has just filled its block
			d.sealed(l.writer.Appended())
		}
	}
}

// sealed takes note that the open block was closed at a position.
func (d *desk) sealed(end journal.Position) {
	if d.told == inOpenBlock {
		d.told, d.end = inClosedBlock, end
	}
}

// durable tells the answer that waited for a position.
func (d *desk) durable(to journal.Position) {
	if d.told == inClosedBlock && d.end <= to {
		d.tell()
	}
}

// tell gives the answer to whoever asked. There is always a place for it: nobody else asks before it is taken.
func (d *desk) tell() {
	d.told = notAsked
	select {
	case d.answers <- d.answer:
	default:
	}
}

// survey tells how the venue stands.
func (l *loop) survey(v *Venue) {
	day, _ := l.engine.Today()
	*v = Venue{
		Session: day.Session, Instruments: len(l.terms), Users: l.engine.Accounts(), Orders: l.engine.Open(), Fills: l.engine.Fills(),
		Gate: l.gatedBy, Free: l.gateway.Free(), Journal: uint64(l.writer.State().Position),
	}
	refused := l.gateway.Counts()
	v.Connections, v.Refused, v.Logins, v.Slow = len(l.conns.all)-len(l.conns.unused), refused.Connections+l.turnedAway, refused.Logins, refused.Slow
	v.Throttled = l.engine.Throttled() - l.throttledBefore
	for i := range l.terms {
		if index := uint16(i + 1); l.engine.Halted(index) {
			if v.Halted < len(v.Symbols) {
				v.Symbols[v.Halted] = l.engine.Symbol(index)
			}
			v.Halted++
		}
	}
	for user := 1; user <= l.engine.Accounts(); user++ {
		if l.gateway.Connected(uint16(user)) {
			v.Connected++
		}
	}
}

// spaced8 and spaced6 pad a field that ends with zeros as the journal pads it.
func spaced8(f [8]byte) [8]byte {
	for i := range f {
		if f[i] == 0 {
			f[i] = ' '
		}
	}
	return f
}

func spaced6(f [6]byte) [6]byte {
	for i := range f {
		if f[i] == 0 {
			f[i] = ' '
		}
	}
	return f
}
