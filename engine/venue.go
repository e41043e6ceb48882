package engine

import (
	"unsafe"

	"matcher/book"
)

// venue carries out the commands of the venue itself. Those that do not fit the state are ignored: a journal may have been
// made by hand.
func (e *Engine) venue(cmd *Command) {
	switch cmd.Kind {
	case KindRules:
		e.size(cmd.Rules())
	case KindInstrument:
		e.addInstrument(cmd.AsInstrument(), cmd.terms())
	case KindUser:
		e.setUser(cmd.AsUser())
	case KindDay:
		e.setDay(cmd.Day())
	case KindRestart:
		e.restart(cmd.Restart())
		if e.open && e.due <= e.time {
			e.expire()
		}
	case KindGate:
		e.gate = cmd.Gate().Closed != 0
		e.closed = e.gate || !e.open
		e.setPlain()
	case KindDisconnect:
		e.disconnect(cmd.Disconnect())
	case KindTrading:
		e.trading(cmd.Trading())
	case KindBust:
		e.bust(cmd)
	case KindCancelFor:
		e.cancelFor(cmd.CancelFor())
	case KindTick: // only lets time pass, which Apply has done
	}
}

// MaxOrders and MaxUsers bound what Rules may ask for.
const (
	MaxOrders = book.MaxOrders
	MaxUsers  = 65_534
)

// size makes room for what the rules allow. Everything a live order needs is allocated here.
func (e *Engine) size(r *Rules) {
	if e.orders != nil || r.MaxOrders == 0 || r.MaxOrders > book.MaxOrders {
		return
	}
	e.rules = *r
	e.definitions = mum(uint64(r.Version)<<32^uint64(r.MaxOrders)^k3, uint64(r.MaxUsers)^k4)
	n := int(r.MaxOrders)
	e.orders = book.NewOrders(n)
	e.first = unsafe.Pointer(e.orders.Data(0))
	e.setPlain()
	e.names = make([]name, n+1)
	e.cold = make([]cold, n+1)
	e.refs = newRefTable(n, e.salt)
	e.expiries = book.NewAgenda(book.NewAgendaMemory(max(n/16, min(n, warmEntries))))
	e.triggers = book.NewAgendaMemory(min(n, warmEntries))
	e.plan.steps = make([]step, 0, 4096)
	e.plan.again, e.plan.level = make([]slice, 0, 1024), make([]slice, 0, 1024)
	e.stopQueue = make([]book.Slot, 0, min(n, DefaultMaxStops))
	e.scratch = make([]book.Slot, 0, min(n, 1024))
}

// warmEntries is for how many pending stops, and at least for how many orders that expire, memory is taken at the start. More
// are served, and allocate when there are so many for the first time.
const warmEntries = 1 << 14

// CheckInstrument says what is wrong with the numbers of an instrument, or nothing.
func CheckInstrument(d *Instrument) string {
	switch {
	case d.Tick == 0:
		return "the tick is 0"
	case d.MaxPrice > MaxLimitPrice:
		return "the maximum price is above 1,999,999,900 wire units"
	case d.MaxPrice < d.Tick || d.MaxPrice%d.Tick != 0:
		return "the maximum price is not on the tick"
	case d.MaxQty == 0:
		return "the maximum quantity is 0"
	case d.Policy > PolicyProRata:
		return "the policy is unknown"
	}
	return ""
}

// CheckTerms says what is wrong with the terms of an instrument, or nothing.
func CheckTerms(d *Instrument, t *Terms) string {
	switch {
	case t.FifoPercent > 100 || t.TopPercent > 100:
		return "a share is above 100 percent"
	case d.Policy == PolicyTime && (t.FifoPercent|t.TopPercent != 0 || t.MinAlloc|t.TopMax != 0):
		return "shares need a policy that shares"
	case t.Collar != 0 && t.CollarBP != 0:
		return "the collar is given twice"
	case t.Collar > MaxLimitPrice || t.Reference > d.MaxPrice:
		return "the collar or the reference price is above the maximum price"
	}
	return ""
}

// Defaults of Terms that are zero (rules 2.6, 5.4).
const (
	DefaultMaxSlices = 100
	DefaultMaxPegs   = 256
	DefaultMaxStops  = 10_000
)

// terms returns the extension of an Instrument command, or none.
func (c *Command) terms() Terms {
	if c.Flags&FlagExtension == 0 {
		return Terms{}
	}
	return *c.Terms()
}

// addInstrument defines the next instrument, if its definition is good. One whose symbol is known is changed: while no day
// is open, and with the next day that opens (rule 12.3).
func (e *Engine) addInstrument(d *Instrument, t Terms) {
	index := e.symbols.get(d.Symbol)
	if e.orders == nil || CheckInstrument(d) != "" || CheckTerms(d, &t) != "" || index != 0 && e.open ||
		index == 0 && len(e.instruments) == int(AllInstruments) {
		return
	}
	e.definitions = mum(e.definitions^symbolKey(d.Symbol), d.Tick^k0) + mum(d.MaxPrice^k1, uint64(d.MaxQty)^k2)
	for _, w := range (*[8]uint64)(unsafe.Pointer(&t)) {
		e.definitions = mum(e.definitions^w, uint64(d.Policy)^k3)
	}
	if index != 0 {
		e.instruments[index].next = &redefinition{*d, t}
		return
	}
	index = uint16(len(e.instruments))
	in := instrument{book: book.New(book.Config{Orders: e.orders, MaxPrice: book.Price(d.MaxPrice / d.Tick)})}
	in.setTick(d.Tick)
	in.define(d, t)
	e.instruments = append(e.instruments, in)
	e.hashes.books.fit(len(e.instruments))
	e.symbols.put(d.Symbol, index)
	e.touchBook(&e.instruments[index], index)
}

// define makes an instrument what its definition says, but for its book and its tick.
func (in *instrument) define(d *Instrument, t Terms) {
	for side := range in.careful { // a policy that shares counts as one careful order
		if in.def.Policy != PolicyTime {
			in.careful[side]--
		}
		if d.Policy != PolicyTime {
			in.careful[side]++
		}
	}
	if in.tops = t.TopPercent != 0; !in.tops {
		in.top = [2]book.Slot{}
	}
	fill := func(n *uint32, def uint32) {
		if *n == 0 {
			*n = def
		}
	}
	in.def, in.given, in.terms, in.maxPrice, in.maxQty = *d, t, t, d.MaxPrice, d.MaxQty
	in.setPlain()
	fill(&in.terms.MaxSlices, DefaultMaxSlices)
	fill(&in.terms.MaxPegs, DefaultMaxPegs)
	fill(&in.terms.MaxStops, DefaultMaxStops)
}

// setPlain works out which aggressors may take the short way: none while the instrument is halted or somebody opposite asks
// for care.
func (in *instrument) setPlain() {
	for side := range in.careful {
		in.plain[side] = in.maxQty
		if in.state != 0 || in.careful[contra(book.Side(side))] != 0 {
			in.plain[side] = 0
		}
	}
}

// setPlain works out how many orders may be live when one more comes the short way: none while order entry is closed.
func (e *Engine) setPlain() {
	e.plain = 0
	if e.orders != nil && !e.closed {
		e.plain = e.orders.Cap() - int(e.slices)
	}
}

// setUser adds an account, or changes the one of that name.
func (e *Engine) setUser(d *User) {
	key := d.key()
	if index := e.accounts.get(key); index != 0 {
		u := &e.users[index]
		u.define(d)
		e.touchUser(u, index)
		return
	}
	if len(e.users) > int(min(e.rules.MaxUsers, MaxUsers)) {
		return
	}
	e.users = append(e.users, user{last: make([]uint32, channels)})
	index := uint16(len(e.users) - 1)
	e.accounts.put(key, index)
	e.hashes.users.fit(len(e.users))
	u := &e.users[index]
	u.base = e.refs.base(index)
	u.define(d)
	e.touchUser(u, index)
	if e.open {
		e.system(index, 'S')
	}
}

// key is the name of an account as symbolTable has it.
func (d *User) key() (key [8]byte) {
	copy(key[:], d.Name[:])
	return key
}

// system tells a user a System Event.
func (e *Engine) system(index uint16, event uint8) {
	ev := e.emit('S', index)
	ev.Reason = uint16(event)
}

func (e *Engine) systemAll(event uint8) {
	for i := 1; i < len(e.users); i++ {
		e.system(uint16(i), event)
	}
}

// Lookup returns the index of the instrument with a symbol (space padded), 0 if there is none.
func (e *Engine) Lookup(symbol [8]byte) uint16 { return e.symbols.get(symbol) }

// Symbol returns the symbol of an instrument, spaces if there is none of that index.
func (e *Engine) Symbol(index uint16) [8]byte {
	if int(index) >= len(e.instruments) || index == 0 {
		return [8]byte{' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '}
	}
	return e.instruments[index].def.Symbol
}

// Instruments returns the instruments as last defined, by index; the first is unused.
func (e *Engine) Instruments() []Instrument {
	defs := make([]Instrument, len(e.instruments))
	for i := range e.instruments {
		defs[i] = e.instruments[i].def
		if next := e.instruments[i].next; next != nil {
			defs[i] = next.def
		}
	}
	return defs
}

// Users returns the accounts as defined, by index; the first is the venue itself.
func (e *Engine) Users() []User {
	defs := make([]User, len(e.users))
	for i := range e.users {
		defs[i] = e.users[i].def
	}
	return defs
}

// Accounts returns how many accounts there are.
func (e *Engine) Accounts() int { return len(e.users) - 1 }

// Firm returns the firm of an account.
func (e *Engine) Firm(user uint16) [4]byte { return e.users[user].def.Firm }

// Limits returns the Rules the engine was sized by; the zero value before the first command.
func (e *Engine) Limits() Rules { return e.rules }

// Today returns the trading day that is open, or was open last (false), with the session of the streams as it is now. Its
// header says when it was opened.
func (e *Engine) Today() (Day, bool) { return e.day, e.open }

// Epoch returns the epoch of the last Restart and its durability mode.
func (e *Engine) Epoch() (epoch uint64, mode uint8) { return e.epoch, e.mode }

// Gated says whether order entry is closed for all.
func (e *Engine) Gated() bool { return e.gate }
