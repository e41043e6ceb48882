package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"matcher/book"
)

// A snapshot is the whole state of a venue between two commands, as cells of 64 bytes: whoever restores it goes on exactly
// as the venue would have. Equal states give equal bytes, whatever way led to them: nothing in it depends on slots, on the
// salt or on how memory was used. journal/FORMAT.md draws the cells.
//
//	State, State2, Rules, Day, Busted ...
//	User, Account, Channels ...                     of every account
//	Instrument, Terms, Market, [Instrument, Terms]  of every instrument; the last two are what it becomes with the next day
//	Order, [Cold, Cold2] ...                        instrument by instrument: each queue in order of time, then what is parked
//
// What follows from the rest is not in it and is worked out anew: names, lists of owners, agendas, counts, the tables.
// snapshot_fields_test.go holds, field by field, which is which.

// Kinds of the cells of a snapshot, beside those of commands.
const (
	KindState    Kind = 192
	KindState2   Kind = 193
	KindBusted   Kind = 194
	KindAccount  Kind = 195
	KindChannels Kind = 196
	KindMarket   Kind = 197
	KindOrder    Kind = 198
	KindCold     Kind = 199
	KindCold2    Kind = 200
)

// stateCell and state2Cell are what belongs to no account and no instrument.
type stateCell struct {
	kind  Kind
	flags uint8 // stateXxx
	mode  uint8
	_     [5]uint8
	seq, time, reference, match, priority, fills,
	definitions uint64
}

type state2Cell struct {
	kind                      Kind
	_                         uint8
	accounts, instruments     uint16
	_                         [2]uint8
	orders                    uint32
	_                         [4]uint8
	epoch, dayMatch, bustTerm uint64
	busted                    uint64
	hash                      uint64 // state hash
	_                         [8]uint8
}

const (
	stateOpen uint8 = 1 << iota // a trading day is open
	stateGate                   // order entry is closed for all
)

// bustedCell has up to seven match numbers, ascending; the rest is zero.
type bustedCell struct {
	kind  Kind
	_     [7]uint8
	match [7]uint64
}

// accountCell follows its User cell.
type accountCell struct {
	kind     Kind
	disabled uint8
	channels uint16 // above 0, used so far: that many pairs follow in Channels cells
	last0    uint32
	sent     uint64
	paid     uint64
	_        [40]uint8
}

// channelsCell has up to seven channels with the last UserRefNum of each, ascending; the rest is zero.
type channelsCell struct {
	kind Kind
	_    [7]uint8
	last [7]channelLast
}

type channelLast struct {
	idx uint32
	ref uint32
}

// marketCell follows the Instrument and Terms cells of an instrument.
type marketCell struct {
	kind     Kind
	state    uint8
	flags    uint8 // marketXxx
	_        [5]uint8
	last     uint64
	top      [2]uint64 // references, 0 none
	bid, ask uint64    // of the watch
	mid      uint64
	_        [8]uint8
}

const (
	marketWatch uint8 = 1 << iota // it has had orders that move by themselves
	marketNext                    // it changes with the next day: two cells follow
)

// orderCell is a live order. One that stands in a queue stands behind the one before it of the same queue.
type orderCell struct {
	kind       Kind
	idx, side  uint8
	_          uint8
	instrument uint16
	user       uint16
	reference  uint64
	weight     uint64
	ref, used  uint32
	leaves     book.Qty
	price      book.Price // ticks; 0: parked
	flags      uint16
	name       name
	_          [6]uint8
}

// coldCell and cold2Cell follow an order with orderCold.
type coldCell struct {
	kind                                      Kind
	_                                         [7]uint8
	entry, expire, limit, stop, trail, offset uint64
	_                                         [8]uint8
}

type cold2Cell struct {
	kind                                               Kind
	aiq, trigger, priceType                            uint8
	group                                              uint16
	aiqGroup                                           [2]byte
	reserve, floor, random, refreshes, slices, minimum uint32
	_                                                  [32]uint8
}

var (
	_ [CellSize]byte = [unsafe.Sizeof(stateCell{})]byte{}
	_ [CellSize]byte = [unsafe.Sizeof(state2Cell{})]byte{}
	_ [CellSize]byte = [unsafe.Sizeof(bustedCell{})]byte{}
	_ [CellSize]byte = [unsafe.Sizeof(accountCell{})]byte{}
	_ [CellSize]byte = [unsafe.Sizeof(channelsCell{})]byte{}
	_ [CellSize]byte = [unsafe.Sizeof(marketCell{})]byte{}
	_ [CellSize]byte = [unsafe.Sizeof(orderCell{})]byte{}
	_ [CellSize]byte = [unsafe.Sizeof(coldCell{})]byte{}
	_ [CellSize]byte = [unsafe.Sizeof(cold2Cell{})]byte{}
)

// cellOf returns the bytes of a cell's struct. They share its memory.
func cellOf[T any](c *T) *[CellSize]byte { return (*[CellSize]byte)(unsafe.Pointer(c)) }

// ErrNoVenue is the answer of Snapshot before there are Rules.
var ErrNoVenue = errors.New("engine: no venue yet: its first command is Rules")

// Snapshot calls emit with every cell of the state. A cell is emit's until it returns; an error of emit ends the snapshot.
// The engine is as it was.
func (e *Engine) Snapshot(emit func(cell *[CellSize]byte) error) error {
	if e.orders == nil {
		return ErrNoVenue
	}
	s := snapshot{e: e, emit: emit}
	s.venue()
	for i := range e.users[1:] {
		s.account(&e.users[i+1])
	}
	for i := range e.instruments[1:] {
		s.instrument(&e.instruments[i+1])
	}
	parked := e.byReference(func(o *order) bool { return o.flags&(orderMid|orderPending) != 0 })
	for i := range e.instruments[1:] {
		in := &e.instruments[i+1]
		in.standing(e, s.order)
		for _, slot := range parked {
			if int(e.at(slot).instrument) == i+1 {
				s.order(slot)
			}
		}
	}
	return s.err
}

// snapshot is one at work. The first error of emit stays.
type snapshot struct {
	e    *Engine
	emit func(cell *[CellSize]byte) error
	err  error
}

func (s *snapshot) put(cell *[CellSize]byte) {
	if s.err == nil {
		s.err = s.emit(cell)
	}
}

func (s *snapshot) venue() {
	e := s.e
	a := stateCell{
		kind: KindState, mode: e.mode, seq: e.seq, time: e.time, reference: e.reference, match: e.match, priority: e.priority,
		fills: e.fillCount, definitions: e.definitions,
	}
	if e.open {
		a.flags |= stateOpen
	}
	if e.gate {
		a.flags |= stateGate
	}
	b := state2Cell{
		kind: KindState2, accounts: uint16(len(e.users) - 1), instruments: uint16(len(e.instruments) - 1), orders: uint32(e.orders.Live()),
		epoch: e.epoch, dayMatch: e.dayMatch, bustTerm: e.bustTerm, busted: uint64(len(e.busted)), hash: e.Hash(),
	}
	rules, day := e.rules, e.day
	rules.Kind, day.Kind = KindRules, KindDay // a venue may have had no day yet
	s.put(cellOf(&a))
	s.put(cellOf(&b))
	s.put(cellOf(&rules))
	s.put(cellOf(&day))
	for part := range slices.Chunk(e.busted, len(bustedCell{}.match)) {
		c := bustedCell{kind: KindBusted}
		copy(c.match[:], part)
		s.put(cellOf(&c))
	}
}

func (s *snapshot) account(u *user) {
	a := accountCell{kind: KindAccount, last0: u.last0, sent: u.sent, paid: u.paid}
	if u.disabled {
		a.disabled = 1
	}
	var used []channelLast
	for idx, ref := range u.last {
		if ref != 0 {
			used = append(used, channelLast{uint32(idx), ref})
		}
	}
	a.channels = uint16(len(used))
	s.put(cellOf(&u.def))
	s.put(cellOf(&a))
	for part := range slices.Chunk(used, len(channelsCell{}.last)) {
		c := channelsCell{kind: KindChannels}
		copy(c.last[:], part)
		s.put(cellOf(&c))
	}
}

func (s *snapshot) instrument(in *instrument) {
	m := marketCell{kind: KindMarket, state: in.state, last: in.last}
	for side, slot := range in.top {
		if slot != 0 {
			m.top[side] = s.e.at(slot).reference
		}
	}
	if w := in.watch; w != nil {
		m.flags |= marketWatch
		m.bid, m.ask, m.mid = w.bid, w.ask, w.mid
	}
	if in.next != nil {
		m.flags |= marketNext
	}
	s.definition(&in.def, in.given)
	s.put(cellOf(&m))
	if in.next != nil {
		s.definition(&in.next.def, in.next.terms)
	}
}

func (s *snapshot) definition(d *Instrument, t Terms) {
	s.put(cellOf(d))
	t.Kind = KindExtension
	s.put(cellOf(&t))
}

func (s *snapshot) order(slot book.Slot) {
	e := s.e
	o := e.at(slot)
	c := orderCell{
		kind: KindOrder, idx: o.idx, side: o.side, instrument: o.instrument, user: o.user, reference: o.reference,
		weight: e.orders.Weight(slot), ref: o.ref, used: o.used, leaves: e.orders.Leaves(slot), flags: o.flags, name: e.names[slot],
	}
	if !e.orders.Parked(slot) {
		c.price = e.orders.Price(slot)
	}
	s.put(cellOf(&c))
	if o.flags&orderCold == 0 {
		return
	}
	k := &e.cold[slot]
	a := coldCell{
		kind: KindCold, entry: k.entry, expire: k.expire, limit: k.limit, stop: uint64(k.stop), trail: uint64(k.trail), offset: uint64(k.offset),
	}
	b := cold2Cell{
		kind: KindCold2, aiq: k.aiq, trigger: k.trigger, priceType: k.priceType, group: k.group, aiqGroup: k.aiqGroup,
		reserve: k.reserve, floor: k.floor, random: k.random, refreshes: k.refreshes, slices: k.slices, minimum: k.minimum,
	}
	s.put(cellOf(&a))
	s.put(cellOf(&b))
}

// byEntry orders what moves by itself as it entered.
func (e *Engine) byEntry(a, b book.Slot) int { return cmp.Compare(e.cold[a].entry, e.cold[b].entry) }

// BadSnapshot says why cells are no snapshot.
type BadSnapshot struct {
	Cell uint64 // the cell that cannot be, counted from 0
	Why  string
}

func (b *BadSnapshot) Error() string {
	return fmt.Sprintf("engine: no snapshot: cell %d: %s", b.Cell, b.Why)
}
