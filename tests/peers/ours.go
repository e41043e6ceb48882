package main

import (
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"matcher/book"
	"matcher/engine"
	"matcher/tests/peers/workload"
)

// The whole engine: commands lie in an array of 64-byte cells, as the floor's operations lie in theirs of 16 bytes. Every check is made, every event written, every number and the state hash kept; the hash is read every 64
// commands, as for a journal's block. Eight accounts take turns by the id of the order.
const (
	accounts   = 8
	wireTick   = 100 // wire units of one tick
	hashedEach = 64  // commands
	hints      = 3   // commands between a hint and its command, in deep books
	opens      = 1_700_000_000_000_000_000
)

// cells is a workload as a journal's cells, and what an engine must have come to behind them.
type cells struct {
	path   string
	bytes  []byte
	before int // bytes that are not timed
	orders int
	sum    workload.Sum
	state  uint64
	fills  uint64
}

// prepared are the cells of the workload that is being run: they are made once for all rounds.
var prepared *cells

func forget() { prepared = nil }

func runEngine(path string) (float64, workload.Sum, error) {
	if prepared == nil || prepared.path != path {
		w, err := workload.Read(path)
		if err != nil {
			return 0, workload.Sum{}, err
		}
		if prepared, err = prepare(path, w); err != nil {
			return 0, workload.Sum{}, err
		}
	}
	p := prepared
	v := newVenue(p.orders)
	v.Memory(inPlace)
	p.apply(v, p.bytes[:p.before])
	runtime.GC()
	start := time.Now()
	p.apply(v, p.bytes[p.before:])
	spent := time.Since(start)
	if v.Hash() != p.state || v.Fills() != p.fills {
		return 0, workload.Sum{}, fmt.Errorf("the engine ended in another state")
	}
	return perOp(spent, (len(p.bytes)-p.before)/engine.CellSize), p.sum, nil
}

func perOp(spent time.Duration, n int) float64 { return float64(spent.Nanoseconds()) / float64(n) }

func (p *cells) apply(v *venue, cells []byte) {
	const block = hashedEach * engine.CellSize
	for len(cells) != 0 {
		size := min(block, len(cells))
		if v.Deep() {
			for at := 0; at < size; at += engine.CellSize {
				if soon := at + hints*engine.CellSize; soon < len(cells) {
					v.Soon(cells[soon:])
				}
				v.one(cells[at:])
			}
		} else {
			v.block(cells[:size])
		}
		if cells = cells[size:]; size == block {
			v.seals ^= v.Hash()
		}
	}
}

// block applies cells, each of which is a command.
func (v *venue) block(cells []byte) {
	e, events := v.Engine, v.events
	for at := 0; at < len(cells); at += engine.CellSize {
		events = e.Apply(events[:0], (*engine.Command)(unsafe.Pointer(&cells[at])))
	}
	v.events = events
}

func (v *venue) one(cell []byte) {
	v.events = v.Apply(v.events[:0], (*engine.Command)(unsafe.Pointer(&cell[0])))
}

// venue is an engine of one instrument, and the memory of its events.
type venue struct {
	*engine.Engine
	events []engine.Event
	seals  uint64
}

func newVenue(orders int) *venue {
	v := &venue{Engine: engine.New(), events: make([]engine.Event, 0, 4096)}
	var c engine.Command
	*c.Rules() = engine.Rules{
		Header:  engine.Header{Kind: engine.KindRules},
		Version: 1, MaxOrders: uint32(orders), MaxUsers: accounts,
	}
	v.do(&c)
	c = engine.Command{}
	*c.AsInstrument() = engine.Instrument{
		Header: engine.Header{Kind: engine.KindInstrument},
		Symbol: [8]byte([]byte("AAPL    ")), Tick: wireTick, Lot: 1, MaxQty: 1_000_000_000, PriceDecimals: 4,
		MaxPrice: engine.MaxLimitPrice,
	}
	v.do(&c)
	for i := range accounts {
		c = engine.Command{}
		*c.AsUser() = engine.User{
			Header: engine.Header{Kind: engine.KindUser},
			Name:   [6]byte([]byte(fmt.Sprintf("U%05d", i))), Firm: [4]byte([]byte("FIRM")),
		}
		v.do(&c)
	}
	c = engine.Command{}
	*c.Day() = engine.Day{
		Header:   engine.Header{Kind: engine.KindDay},
		Midnight: opens, Session: [10]byte([]byte("2311140001")), Event: 'S',
	}
	v.do(&c)
	return v
}

// do stamps a command and applies it. A turn of the core is 64 commands here.
func (v *venue) do(c *engine.Command) []engine.Event {
	c.Seq = v.Seq() + 1
	c.Time = opens + c.Seq/64*1_000
	v.events = v.Apply(v.events[:0], c)
	return v.events
}

// prepare makes the cells by a first run of an engine: the quantity of a Replace is the total of its order's chain, so what
// was executed must be known. The trades are summed here.
func prepare(path string, w *workload.Workload) (*cells, error) {
	p := &cells{
		path:   path,
		bytes:  make([]byte, 0, (len(w.Ops)+1)*engine.CellSize),
		before: w.Before * engine.CellSize,
		orders: w.Before + w.Before/8 + 4096,
		sum:    workload.NewSum(),
	}
	v := newVenue(p.orders)
	m := names{ref: make([]uint32, w.MaxID+1), used: make([]uint32, w.MaxID+1)}
	for i := range w.Ops {
		var c engine.Command
		m.command(&c, &w.Ops[i])
		for _, ev := range v.do(&c) {
			switch ev.Kind {
			case 'J':
				return nil, fmt.Errorf("operation %d is rejected, code 0x%02x", i, ev.Reason)
			case 'E':
				id := m.ids[ev.User][ev.Ref]
				m.used[id] += ev.Qty
				if i >= w.Before && ev.Flags&engine.EventTaker == 0 {
					p.sum.Trade(id, ev.Qty)
				}
			}
		}
		p.bytes = append(p.bytes, c.Cells()...)
	}
	p.fills, p.state = v.Fills(), v.Hash()
	return p, nil
}

// names maps the ids of a workload to the UserRefNums of its accounts.
type names struct {
	ref  []uint32               // by id: the UserRefNum the order has now
	used []uint32               // by id: what it has executed
	ids  [accounts + 1][]uint32 // by account and UserRefNum
}

func (m *names) command(c *engine.Command, op *workload.Op) {
	user := uint16(op.ID%accounts) + 1
	orig := m.ref[op.ID]
	if op.Kind == workload.Cancel {
		*c.Cancel() = engine.Cancel{Header: engine.Header{Kind: engine.KindCancel, User: user}, Ref: orig}
		return
	}
	if len(m.ids[user]) == 0 {
		m.ids[user] = append(m.ids[user], 0) // UserRefNums begin at 1
	}
	ref := uint32(len(m.ids[user]))
	m.ids[user] = append(m.ids[user], op.ID)
	m.ref[op.ID] = ref
	price := uint64(op.Price) * wireTick
	if op.Kind == workload.Add {
		*c.Enter() = engine.Enter{
			Header: engine.Header{Kind: engine.KindEnter, Instrument: 1, User: user, Side: "BS"[op.Side]},
			Ref:    ref, Qty: op.Qty, Price: price, TIF: '0', Display: 'Y', Capacity: 'P', Cross: 'N',
		}
		return
	}
	*c.Replace() = engine.Replace{
		Header: engine.Header{Kind: engine.KindReplace, User: user},
		Ref:    ref, OrigRef: orig, Qty: m.used[op.ID] + op.Qty, Price: price, TIF: '0', Display: 'Y',
	}
}

// The book alone, with what the floor has around it: ids, and a ring of 32-byte events.

type ringEvent struct {
	number       uint64
	order, other uint32
	price, qty   uint32
	kind, rest   uint32
}

const ringSize = 1 << 16

const (
	ringTrade = iota + 1
	ringAccepted
	ringUnknown
	ringCanceled
)

type bareBook struct {
	book   *book.Book
	orders *book.Orders
	places []book.Slot // by id
	number uint64
	sum    workload.Sum
	ring   [ringSize]ringEvent
}

func runBook(path string) (float64, workload.Sum, error) {
	w, err := workload.Read(path)
	if err != nil {
		return 0, workload.Sum{}, err
	}
	orders := book.NewOrders(int(w.MaxID) + 1)
	b := &bareBook{
		orders: orders,
		book:   book.New(book.Config{Orders: orders, MaxPrice: book.Price(w.Ticks)}),
		places: make([]book.Slot, w.MaxID+1),
	}
	orders.Memory(inPlace)
	inPlace(uintptr(unsafe.Pointer(&b.places[0])), uintptr(len(b.places))*unsafe.Sizeof(book.Slot(0)))
	clear(b.places) // the floor's arrays lie in huge pages: let the page faults of small ones happen now
	clear(b.ring[:])
	b.run(w.Ops[:w.Before])
	b.sum = workload.NewSum()
	runtime.GC()
	start := time.Now()
	b.run(w.Ops[w.Before:])
	return perOp(time.Since(start), len(w.Ops)-w.Before), b.sum, nil
}

func (b *bareBook) event(kind, order, qty uint32) *ringEvent {
	e := &b.ring[b.number%ringSize]
	e.number, e.kind, e.order, e.qty = b.number, kind, order, qty
	b.number++
	return e
}

// run carries out operations. The id of an order lies beside it.
func (b *bareBook) run(ops []workload.Op) {
	for i := range ops {
		b.do(&ops[i])
	}
}

func (b *bareBook) do(op *workload.Op) {
	side, slot := book.Side(op.Side), book.Slot(0)
	if op.Kind != workload.Add {
		slot = b.places[op.ID]
		if slot == 0 {
			b.event(ringUnknown, op.ID, 0)
			return
		}
		b.book.Remove(slot)
		if op.Kind == workload.Cancel {
			b.event(ringCanceled, op.ID, uint32(b.orders.Leaves(slot)))
			b.places[op.ID] = 0
			b.orders.Free(slot)
			return
		}
		side = b.orders.Side(slot)
	}
	e := b.event(ringAccepted, op.ID, op.Qty)
	e.other, e.price, e.rest = 0, uint32(op.Price), uint32(side)
	left := book.Qty(op.Qty)
	for b.book.Crosses(side, book.Price(op.Price)) {
		f := b.book.Trade(side, left)
		maker := uint32(b.orders.Data(f.Maker)[0])
		b.sum.Trade(maker, uint32(f.Qty))
		e := b.event(ringTrade, maker, uint32(f.Qty))
		e.other, e.price, e.rest = op.ID, uint32(f.Price), uint32(f.Leaves)
		if f.Leaves == 0 {
			b.places[maker] = 0
			b.orders.Free(f.Maker)
		}
		if left -= f.Qty; left == 0 {
			if slot != 0 {
				b.places[op.ID] = 0
				b.orders.Free(slot)
			}
			return
		}
	}
	if slot == 0 {
		slot = b.orders.Take()
		b.places[op.ID] = slot
		b.orders.Data(slot)[0] = uint64(op.ID)
	}
	b.book.Add(slot, book.Resting{Side: side, Price: book.Price(op.Price), Qty: left}, uint64(op.ID)*0x9e3779b97f4a7c15)
}
