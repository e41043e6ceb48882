package market

import (
	"encoding/binary"
	"fmt"

	"matcher/wire/itch"
)

// Event is what a message did. Fields that its kind does not have are 0.
type Event struct {
	Type        byte // of the message: itch.TypeXxx
	Side        byte // itch.SideXxx: of the order; of Trade as the message says
	Printable   bool // an execution that counts as volume
	State       byte // of a TradingAction: itch.StateXxx
	Book        *Book
	Timestamp   uint64 // ns since midnight
	OrderRef    uint64
	OldRef      uint64 // of a replaced order
	Price       uint32 // of the order; of an execution or trade, what it traded at
	Quantity    uint32 // of this event
	Leaves      uint32 // of the order, behind it
	MatchNumber uint64
}

// Apply does what an ITCH 5.0 message says and returns what that was, valid until the next call. Messages about no order, and
// of types that it does not know, change no book. The errors are those above, itch.ErrLength among them; the market is then
// as it was, and the next message may follow.
func (m *Market) Apply(message []byte) (*Event, error) {
	e := &m.event
	*e = Event{Type: itch.Type(message)}
	switch e.Type {
	case itch.TypeAddOrder, itch.TypeAddOrderMPID:
		return e, m.add(message)
	case itch.TypeOrderExecuted, itch.TypeOrderExecutedPrice, itch.TypeOrderCancel:
		return e, m.reduce(message)
	case itch.TypeOrderDelete:
		return e, m.remove(message)
	case itch.TypeOrderReplace:
		return e, m.replace(message)
	case itch.TypeEndOfSnapshot:
		return e, nil // it alone has no header
	}
	if len(message) < itch.HeaderSize {
		return e, itch.ErrLength
	}
	e.Timestamp = stamp(message)
	return e, m.other(message)
}

func (m *Market) add(b []byte) error {
	if len(b) < itch.AddOrderSize || b[0] == itch.TypeAddOrderMPID && len(b) < itch.AddOrderMPIDSize {
		return itch.ErrLength
	}
	p := (*[itch.AddOrderSize]byte)(b)
	be := binary.BigEndian
	o := order{ref: be.Uint64(p[11:19]), qty: be.Uint32(p[20:24]), attribution: [4]byte{' ', ' ', ' ', ' '}}
	if p[0] == itch.TypeAddOrderMPID {
		o.attribution = [4]byte(b[36:40])
	}
	var s side
	switch p[19] {
	case itch.SideBuy:
		s = buy
	case itch.SideSell:
		s = sell
	default:
		return fmt.Errorf("%w: %q of order %d", ErrSide, p[19], o.ref)
	}
	if o.qty == 0 {
		return wrong(ErrQuantity, o.ref)
	}
	known, at := m.index.find(m.orders, o.ref)
	if known != 0 {
		return wrong(ErrKnownOrder, o.ref)
	}
	book := m.at(be.Uint16(p[1:3]), (*[8]byte)(p[24:32]))
	price := be.Uint32(p[32:36])
	m.index.insert(o.ref, m.rest(book, s, price, &o), at)
	e := &m.event
	e.Book, e.Side, e.OrderRef, e.Price, e.Quantity, e.Leaves, e.Timestamp = book, p[19], o.ref, price, o.qty, o.qty, stamp(b)
	return nil
}

// reduce takes what was executed or cancelled off an order; at zero it is gone.
func (m *Market) reduce(b []byte) error {
	size := itch.OrderCancelSize
	switch b[0] {
	case itch.TypeOrderExecuted:
		size = itch.OrderExecutedSize
	case itch.TypeOrderExecutedPrice:
		size = itch.OrderExecutedPriceSize
	}
	if len(b) < size {
		return itch.ErrLength
	}
	p := (*[itch.OrderCancelSize]byte)(b)
	ref, qty := binary.BigEndian.Uint64(p[11:19]), binary.BigEndian.Uint32(p[19:23])
	slot, at := m.index.find(m.orders, ref)
	if slot == 0 {
		return wrong(ErrUnknownOrder, ref)
	}
	o := &m.orders[slot]
	if qty == 0 || qty > o.qty {
		return wrong(ErrQuantity, ref)
	}
	l := &m.levels[o.level]
	e := &m.event
	e.Book, e.Side, e.OrderRef, e.Price, e.Quantity, e.Leaves = m.books[l.book], l.side.letter(), ref, l.price, qty, o.qty-qty
	e.Timestamp = stamp(b)
	switch b[0] {
	case itch.TypeOrderExecuted:
		e.MatchNumber, e.Printable = binary.BigEndian.Uint64(b[23:31]), true
	case itch.TypeOrderExecutedPrice:
		e.MatchNumber, e.Printable = binary.BigEndian.Uint64(b[23:31]), b[31] == 'Y'
		e.Price = binary.BigEndian.Uint32(b[32:36])
	}
	if qty == o.qty {
		m.index.remove(at)
		m.unlink(slot)
		return nil
	}
	o.qty -= qty
	l.qty -= uint64(qty)
	return nil
}

func (m *Market) remove(b []byte) error {
	if len(b) < itch.OrderDeleteSize {
		return itch.ErrLength
	}
	ref := binary.BigEndian.Uint64(b[11:19])
	slot, at := m.index.find(m.orders, ref)
	if slot == 0 {
		return wrong(ErrUnknownOrder, ref)
	}
	m.index.remove(at)
	o := &m.orders[slot]
	l := &m.levels[o.level]
	e := &m.event
	e.Book, e.Side, e.OrderRef, e.Price, e.Quantity, e.Timestamp = m.books[l.book], l.side.letter(), ref, l.price, o.qty, stamp(b)
	m.unlink(slot)
	return nil
}

// replace removes an order and puts another of the same side, instrument and attribution at the back of its queue.
func (m *Market) replace(b []byte) error {
	if len(b) < itch.OrderReplaceSize {
		return itch.ErrLength
	}
	p := (*[itch.OrderReplaceSize]byte)(b)
	be := binary.BigEndian
	old, ref, qty, price := be.Uint64(p[11:19]), be.Uint64(p[19:27]), be.Uint32(p[27:31]), be.Uint32(p[31:35])
	slot, at := m.index.find(m.orders, old)
	if slot == 0 {
		return wrong(ErrUnknownOrder, old)
	}
	if qty == 0 {
		return wrong(ErrQuantity, ref)
	}
	if known, _ := m.index.find(m.orders, ref); known != 0 && ref != old {
		return wrong(ErrKnownOrder, ref)
	}
	o := m.orders[slot]
	l := m.levels[o.level]
	m.index.remove(at)
	m.unlink(slot)
	o.ref, o.qty = ref, qty
	book := m.books[l.book]
	_, at = m.index.find(m.orders, ref) // removing has moved entries
	m.index.insert(ref, m.rest(book, l.side, price, &o), at)
	e := &m.event
	e.Book, e.Side, e.OldRef, e.OrderRef, e.Price, e.Quantity, e.Leaves = book, l.side.letter(), old, ref, price, qty, qty
	e.Timestamp = stamp(b)
	return nil
}

// other takes in what changes no book.
func (m *Market) other(b []byte) error {
	e := &m.event
	switch e.Type {
	case itch.TypeStockDirectory:
		var d itch.StockDirectory
		if err := d.Decode(b); err != nil {
			return err
		}
		e.Book = m.at(d.Locate, &d.Symbol)
	case itch.TypeTradingAction:
		var a itch.TradingAction
		if err := a.Decode(b); err != nil {
			return err
		}
		e.Book, e.State = m.at(a.Locate, &a.Symbol), a.State
		e.Book.state = a.State
	case itch.TypeTrade:
		var t itch.Trade
		if err := t.Decode(b); err != nil {
			return err
		}
		e.Book, e.Side, e.OrderRef, e.Printable = m.at(t.Locate, &t.Symbol), t.Side, t.OrderRef, true
		e.Price, e.Quantity, e.MatchNumber = t.Price, t.Quantity, t.MatchNumber
	case itch.TypeBrokenTrade:
		var t itch.BrokenTrade
		if err := t.Decode(b); err != nil {
			return err
		}
		e.MatchNumber = t.MatchNumber
		if int(t.Locate) < len(m.books) {
			e.Book = m.books[t.Locate]
		}
	}
	return nil
}

func wrong(err error, ref uint64) error { return fmt.Errorf("%w: order %d", err, ref) }

// stamp is the timestamp of a message that is long enough.
func stamp(b []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(b[5:7]))<<32 | uint64(binary.BigEndian.Uint32(b[7:11]))
}
