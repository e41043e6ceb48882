package replay

import (
	"encoding/binary"

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
	Fills                                                uint64 // among the rows
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

// Add makes rows of the cells of a block. done: nothing behind them is wanted.
func (r *CellRows) Add(cells []byte) (done bool, err error) {
	le := binary.LittleEndian
	for ; len(cells) >= engine.CellSize; cells = cells[engine.CellSize:] {
		c := cells[:engine.CellSize]
		kind := engine.Kind(c[0])
		if kind == engine.KindExtension {
			continue
		}
		seq, time, instrument := le.Uint64(c[8:]), le.Uint64(c[16:]), le.Uint16(c[2:])
		if r.Filter.Past(seq, time) {
			return true, nil
		}
		if !r.Filter.wants(c[0], instrument, seq, time) {
			continue
		}
		var price, match, maker, taker uint64
		var qty, leaves, ref, orig uint32
		var tif, display byte
		switch kind {
		case engine.KindFill:
			match, maker, taker, price = le.Uint64(c[24:]), le.Uint64(c[32:]), le.Uint64(c[40:]), le.Uint64(c[48:])
			qty, leaves = le.Uint32(c[56:]), le.Uint32(c[60:])
			r.Fills++
		case engine.KindReplace:
			orig = le.Uint32(c[40:])
			fallthrough
		case engine.KindEnter:
			ref, qty, price, tif, display = le.Uint32(c[24:]), le.Uint32(c[28:]), le.Uint64(c[32:]), c[44], c[45]
		case engine.KindCancel, engine.KindModify:
			ref, qty = le.Uint32(c[24:]), le.Uint32(c[28:])
		case engine.KindMassCancel, engine.KindDisable, engine.KindEnable, engine.KindRefused:
			ref = le.Uint32(c[24:])
		case engine.KindBust:
			match, price, qty = le.Uint64(c[24:]), le.Uint64(c[32:]), le.Uint32(c[40:])
		case engine.KindCancelFor:
			maker = le.Uint64(c[32:])
		}
		r.seq.U64(seq)
		r.time.U64(time)
		r.price.U64(price)
		r.match.U64(match)
		r.maker.U64(maker)
		r.taker.U64(taker)
		r.qty.U32(qty)
		r.leaves.U32(leaves)
		r.ref.U32(ref)
		r.origRef.U32(orig)
		r.instrument.U16(instrument)
		r.user.U16(le.Uint16(c[4:]))
		r.kind.U8(c[0])
		r.flags.U8(c[1])
		r.idx.U8(c[6])
		r.side.U8(c[7])
		r.tif.U8(tif)
		r.shown.U8(display)
		if err := r.Table.Next(); err != nil {
			return false, err
		}
	}
	return false, nil
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
