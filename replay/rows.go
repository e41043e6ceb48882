package replay

import (
	"encoding/binary"
	"unsafe"

	"matcher/engine"
	"matcher/replay/npy"
)

// Filter says which commands, fills or events are wanted. The zero value wants all.
type Filter struct {
	FromSeq, ToSeq   uint64   // both included; ToSeq 0: no end
	FromTime, ToTime uint64   // ns since 1970, both included; ToTime 0: no end
	Instrument       uint16   // 0: any
	Kinds            [32]byte // bit i: cells of kind i (CellRows), events of letter i (EventRows); all zero: any
}

// Want adds a kind.
func (f *Filter) Want(kind uint8) { f.Kinds[kind/8] |= 1 << (kind % 8) }

// Past says whether nothing behind this sequence number and time is wanted.
func (f *Filter) Past(seq, time uint64) bool {
	return f.ToSeq != 0 && seq > f.ToSeq || f.ToTime != 0 && time > f.ToTime
}

func (f *Filter) wants(kind uint8, instrument uint16, seq, time uint64) bool {
	return seq >= f.FromSeq && time >= f.FromTime && !f.Past(seq, time) && (f.Instrument == 0 || f.Instrument == instrument) &&
		(f.Kinds == [32]byte{} || f.Kinds[kind/8]>>(kind%8)&1 != 0)
}

// column makes a column.
func column(name, kind string) *npy.Column { return &npy.Column{Name: name, Type: kind} }

// CellRows makes rows of the cells of a journal: one of each command and one of each fill, so that no fill is there twice.
// Extensions have none. What a kind of cell does not have is 0. Nothing is executed.
type CellRows struct {
	Table                                                *npy.Table
	Filter                                               Filter
	Most                                                 uint64 // rows at most, 0: any number
	seq, time, price, match, maker, taker                *npy.Column
	qty, leaves, ref, origRef                            *npy.Column
	instrument, user, kind, flags, idx, side, tif, shown *npy.Column
}

// NewCellRows returns an empty table of cells.
func NewCellRows() *CellRows {
	r := &CellRows{
		seq: column("seq", "<u8"), time: column("time", "<u8"), price: column("price", "<u8"), match: column("match", "<u8"),
		maker: column("maker", "<u8"), taker: column("taker", "<u8"), qty: column("qty", "<u4"), leaves: column("leaves", "<u4"),
		ref: column("ref", "<u4"), origRef: column("orig_ref", "<u4"), instrument: column("instrument", "<u2"), user: column("user", "<u2"),
		kind: column("kind", "|u1"), flags: column("flags", "|u1"), idx: column("idx", "|u1"),
		side: column("side", "|S1"), tif: column("tif", "|S1"), shown: column("display", "|S1"),
	}
	r.Table = npy.New(r.seq, r.time, r.price, r.match, r.maker, r.taker, r.qty, r.leaves, r.ref, r.origRef,
		r.instrument, r.user, r.kind, r.flags, r.idx, r.side, r.tif, r.shown)
	return r
}

// Count says how many rows Add would make of the cells of a block. done: nothing behind them is wanted.
func (r *CellRows) Count(cells []byte) (rows uint64, done bool) {
	le, all := binary.LittleEndian, r.Filter == Filter{}
	for ; len(cells) >= engine.CellSize; cells = cells[engine.CellSize:] {
		c := cells[:engine.CellSize]
		switch {
		case engine.Kind(c[0]) == engine.KindExtension:
		case all:
			rows++
		case r.Filter.Past(le.Uint64(c[8:]), le.Uint64(c[16:])):
			return rows, true
		case r.Filter.wants(c[0], le.Uint16(c[2:]), le.Uint64(c[8:]), le.Uint64(c[16:])):
			rows++
		}
	}
	return rows, false
}

// Add makes rows of the cells of a block. done: nothing behind them is wanted.
func (r *CellRows) Add(cells []byte) (done bool, err error) {
	for len(cells) >= engine.CellSize && !done && err == nil {
		cells, done, err = r.fill(cells)
	}
	return done, err
}

// places says where the columns that not every cell has lie in a cell of a kind. nowhere is behind its end.
type places struct{ price, match, maker, taker, qty, leaves, ref, origRef, tif, display uint8 }

const nowhere = engine.CellSize

// placesOf is by kind. The engine's layouts, as CellRows shows them.
var placesOf = func() (all [256]places) {
	for i := range all {
		all[i] = places{nowhere, nowhere, nowhere, nowhere, nowhere, nowhere, nowhere, nowhere, nowhere, nowhere}
	}
	enter := &all[engine.KindEnter]
	enter.ref, enter.qty, enter.price, enter.tif, enter.display = 24, 28, 32, 44, 45
	all[engine.KindReplace] = *enter
	all[engine.KindReplace].origRef = 40
	for _, k := range []engine.Kind{engine.KindCancel, engine.KindModify} {
		all[k].ref, all[k].qty = 24, 28
	}
	for _, k := range []engine.Kind{engine.KindMassCancel, engine.KindDisable, engine.KindEnable, engine.KindRefused} {
		all[k].ref = 24
	}
	bust := &all[engine.KindBust]
	bust.match, bust.price, bust.qty = 24, 32, 40
	all[engine.KindCancelFor].maker = 32
	fill := &all[engine.KindFill]
	fill.match, fill.maker, fill.taker, fill.price, fill.qty, fill.leaves = 24, 32, 40, 48, 56, 60
	return all
}()

// fill makes rows of as many cells as a batch of the table has room for.
func (r *CellRows) fill(cells []byte) (rest []byte, done bool, err error) {
	le, n, room := binary.LittleEndian, 0, r.Table.Room()
	if r.Most != 0 {
		room = int(min(uint64(room), r.Most-r.Table.Rows()))
	}
	var (
		seq, time, price, match = as[uint64](r.seq, room), as[uint64](r.time, room), as[uint64](r.price, room), as[uint64](r.match, room)
		maker, taker            = as[uint64](r.maker, room), as[uint64](r.taker, room)
		qty, leaves, ref, orig  = as[uint32](r.qty, room), as[uint32](r.leaves, room), as[uint32](r.ref, room), as[uint32](r.origRef, room)
		instrument, user        = as[uint16](r.instrument, room), as[uint16](r.user, room)
		kind, flags, idx, side  = as[uint8](r.kind, room), as[uint8](r.flags, room), as[uint8](r.idx, room), as[uint8](r.side, room)
		tif, shown              = as[uint8](r.tif, room), as[uint8](r.shown, room)
		cell                    [engine.CellSize + 8]byte // with zeros behind it
		all                     = r.Filter == Filter{}
	)
	for ; len(cells) >= engine.CellSize && n < room; cells = cells[engine.CellSize:] {
		*(*[engine.CellSize]byte)(cell[:]) = *(*[engine.CellSize]byte)(cells)
		if engine.Kind(cell[0]) == engine.KindExtension {
			continue
		}
		if !all {
			at, now := le.Uint64(cell[8:]), le.Uint64(cell[16:])
			if done = r.Filter.Past(at, now); done {
				break
			}
			if !r.Filter.wants(cell[0], le.Uint16(cell[2:]), at, now) {
				continue
			}
		}
		p := &placesOf[cell[0]]
		seq[n], time[n] = le.Uint64(cell[8:]), le.Uint64(cell[16:])
		price[n], match[n] = le.Uint64(cell[p.price:]), le.Uint64(cell[p.match:])
		maker[n], taker[n] = le.Uint64(cell[p.maker:]), le.Uint64(cell[p.taker:])
		qty[n], leaves[n] = le.Uint32(cell[p.qty:]), le.Uint32(cell[p.leaves:])
		ref[n], orig[n] = le.Uint32(cell[p.ref:]), le.Uint32(cell[p.origRef:])
		instrument[n], user[n] = le.Uint16(cell[2:]), le.Uint16(cell[4:])
		kind[n], flags[n], idx[n], side[n] = cell[0], cell[1], cell[6], cell[7]
		tif[n], shown[n] = cell[p.tif], cell[p.display]
		n++
	}
	if err := r.Table.Took(n); err != nil {
		return nil, false, err
	}
	return cells, done || r.Most != 0 && r.Table.Rows() == r.Most, nil
}

// as is the room of a column as the integers that it holds, in the order of bytes of the engine's cells.
func as[T uint8 | uint16 | uint32 | uint64](c *npy.Column, n int) []T {
	room := c.Room()[:n*int(unsafe.Sizeof(T(0)))]
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(room))), n)
}

// EventRows makes rows of what commands caused: one of each event, so each fill is there for its maker and for its taker,
// which the column taker tells apart. The columns ahead_lots and ahead_orders say what stood before the order at its price
// once the whole command was done; 0 for an order that was no longer live or stood in no queue.
type EventRows struct {
	Table                                                         *npy.Table
	Filter                                                        Filter
	queues                                                        *Queues
	seq, time, order, link, price, ahead                          *npy.Column
	ref, origRef, qty, leaves, shown, aheadOrders                 *npy.Column
	instrument, user, kind, flags, idx, side, taker, tif, display *npy.Column
}

// NewEventRows returns an empty table of events.
func NewEventRows() *EventRows {
	r := &EventRows{
		queues: NewQueues(), seq: column("seq", "<u8"), time: column("time", "<u8"), order: column("order", "<u8"), link: column("link", "<u8"),
		price: column("price", "<u8"), ahead: column("ahead_lots", "<u8"), ref: column("ref", "<u4"), origRef: column("orig_ref", "<u4"),
		qty: column("qty", "<u4"), leaves: column("leaves", "<u4"), shown: column("shown", "<u4"), aheadOrders: column("ahead_orders", "<u4"),
		instrument: column("instrument", "<u2"), user: column("user", "<u2"), kind: column("event", "|S1"), flags: column("flags", "|u1"),
		idx: column("idx", "|u1"), side: column("side", "|S1"), taker: column("taker", "|u1"), tif: column("tif", "|S1"), display: column("display", "|S1"),
	}
	r.Table = npy.New(r.seq, r.time, r.order, r.link, r.price, r.ahead, r.ref, r.origRef, r.qty, r.leaves, r.shown, r.aheadOrders,
		r.instrument, r.user, r.kind, r.flags, r.idx, r.side, r.taker, r.tif, r.display)
	return r
}

// Add makes rows of the events of a command that e has just executed.
func (r *EventRows) Add(e *engine.Engine, cmd *engine.Command, events []engine.Event) error {
	if cmd.Seq < r.Filter.FromSeq || cmd.Time < r.Filter.FromTime {
		return nil
	}
	r.queues.Add(e, cmd, events)
	for i := range events {
		ev := &events[i]
		if !r.Filter.wants(ev.Kind, ev.Instrument, cmd.Seq, cmd.Time) {
			continue
		}
		lots, orders := r.queues.Ahead(e, i)
		r.seq.U64(cmd.Seq)
		r.time.U64(cmd.Time)
		r.order.U64(ev.Order)
		r.link.U64(ev.Link)
		r.price.U64(ev.Price)
		r.ahead.U64(lots)
		r.ref.U32(ev.Ref)
		r.origRef.U32(ev.OrigRef)
		r.qty.U32(ev.Qty)
		r.leaves.U32(ev.Leaves)
		r.shown.U32(ev.Shown)
		r.aheadOrders.U32(orders)
		r.instrument.U16(ev.Instrument)
		r.user.U16(ev.User)
		r.kind.U8(ev.Kind)
		r.flags.U8(ev.Flags)
		r.idx.U8(ev.Idx)
		r.side.U8(ev.Side)
		r.taker.U8(ev.Flags & engine.EventTaker / engine.EventTaker)
		r.tif.U8(ev.TIF)
		r.display.U8(ev.Display)
		if err := r.Table.Next(); err != nil {
			return err
		}
	}
	return nil
}

// Scales returns a table of the instruments by index, the first unused: what their prices and quantities count.
func Scales(instruments []engine.Instrument) *npy.Table {
	symbol, tick, lot := column("instrument_symbol", "|S8"), column("instrument_tick", "<u8"), column("instrument_lot", "<u4")
	prices, lots := column("instrument_price_decimals", "|u1"), column("instrument_lot_decimals", "|u1")
	t := npy.New(symbol, tick, lot, prices, lots)
	for i := range instruments {
		in := &instruments[i]
		symbol.Text(string(trim(in.Symbol[:])))
		tick.U64(in.Tick)
		lot.U32(in.Lot)
		prices.U8(in.PriceDecimals)
		lots.U8(in.LotDecimals)
		_ = t.Next() // without an output it cannot fail
	}
	return t
}
