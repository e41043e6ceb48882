// Package market builds the books of a venue from its ITCH 5.0 messages: every displayed order in the order of its queue
// (L3), and the sum of each price (L2).
//
// It owns orders, levels and books, and nothing else: where the messages come from (package feed, a file) and whether one is
// missing is its caller's to know. It never matches, does no I/O, sees no clock and starts no goroutine. What a message
// says is done; what cannot be true (an order that is not there, more taken than there is) is an error that leaves every
// book as it was.
//
//	market.go   Market, Apply: one message
//	book.go     Book: what is asked of one instrument
//	side.go     prices in order, queues
//	index.go    from order references to orders
//
// The shape: orders and levels lie in two arrays of 32-byte entries and name each other by number, so that nothing is
// allocated once the arrays have grown to what the market needs. A reference finds its order by one table of open
// addressing. The prices of a side stand in one sorted array whose end is the best price: nearly all that happens is near
// the end, so a price is looked for from there.
//
// A Market belongs to one goroutine.
package market

import (
	"encoding/binary"
	"errors"
	"fmt"

	"matcher/wire/itch"
)

// Errors of Apply. All of them wrap one of these, and name the order.
var (
	ErrUnknownOrder = errors.New("market: no such order")
	ErrKnownOrder   = errors.New("market: an order that is there already")
	ErrQuantity     = errors.New("market: a quantity of 0, or more than the order has")
	ErrSide         = errors.New("market: a side that is none")
)

// Market is all books of a feed.
type Market struct {
	books  []*Book // by stock locate
	orders []order // slab; 0 is none
	levels []level // slab; 0 is none
	index  index
	free   struct{ order, level uint32 } // first of each list of free entries
	live   int
	event  Event
}

// order is a displayed order.
type order struct {
	ref         uint64
	qty         uint32
	level       uint32
	next, prev  uint32 // behind it and before it in the queue; next of a free entry: the next free one
	attribution [4]byte
}

// level is a price of one side with its queue.
type level struct {
	qty        uint64
	price      uint32
	count      uint32
	head, tail uint32 // of the queue; head of a free entry: the next free one
	book       uint16
	side       side
}

// New returns an empty market with room for some orders; it grows when there are more.
func New(orders int) *Market {
	m := &Market{orders: make([]order, 1, max(orders, 64)+1), levels: make([]level, 1, max(orders/4, 64)+1)}
	m.index.grow(max(orders, 64))
	return m
}

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

// Live returns how many orders are displayed in all books.
func (m *Market) Live() int { return m.live }

// Book returns the book of a symbol, nil if no message has named it yet.
func (m *Market) Book(symbol string) *Book {
	for _, b := range m.books {
		if b != nil && b.symbol == symbol {
			return b
		}
	}
	return nil
}

// Books returns the books in order of stock locate, appended to dst.
func (m *Market) Books(dst []*Book) []*Book {
	for _, b := range m.books {
		if b != nil {
			dst = append(dst, b)
		}
	}
	return dst
}

// at returns the book of a locate, which a message may name for the first time.
func (m *Market) at(locate uint16, symbol *[8]byte) *Book {
	if int(locate) < len(m.books) && m.books[locate] != nil {
		return m.books[locate]
	}
	if n := int(locate) + 1 - len(m.books); n > 0 {
		m.books = append(m.books, make([]*Book, n)...)
	}
	b := &Book{market: m, locate: locate, symbol: trim(symbol[:])}
	m.books[locate] = b
	return b
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

// rest puts an order at the back of the queue of its price and returns its place in the slab; the caller makes it known by
// its reference.
func (m *Market) rest(b *Book, s side, price uint32, o *order) uint32 {
	slot := m.free.order
	if slot != 0 {
		m.free.order = m.orders[slot].next
	} else {
		m.orders = append(m.orders, order{})
		slot = uint32(len(m.orders) - 1)
	}
	at := b.sides[s].level(m, b, s, price)
	l := &m.levels[at]
	o.level, o.prev, o.next = at, l.tail, 0
	m.orders[slot] = *o
	if l.tail != 0 {
		m.orders[l.tail].next = slot
	} else {
		l.head = slot
	}
	l.tail = slot
	l.qty += uint64(o.qty)
	l.count++
	m.live++
	return slot
}

// unlink takes an order, whose reference is forgotten already, out of its queue, and its level with it if it was the last.
func (m *Market) unlink(slot uint32) {
	o := &m.orders[slot]
	l := &m.levels[o.level]
	if o.prev != 0 {
		m.orders[o.prev].next = o.next
	} else {
		l.head = o.next
	}
	if o.next != 0 {
		m.orders[o.next].prev = o.prev
	} else {
		l.tail = o.prev
	}
	l.qty -= uint64(o.qty)
	l.count--
	if l.count == 0 {
		m.books[l.book].sides[l.side].drop(l.side, l.price)
		l.head = m.free.level
		m.free.level = o.level
	}
	o.next = m.free.order
	m.free.order = slot
	m.live--
}

func wrong(err error, ref uint64) error { return fmt.Errorf("%w: order %d", err, ref) }

// stamp is the timestamp of a message that is long enough.
func stamp(b []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(b[5:7]))<<32 | uint64(binary.BigEndian.Uint32(b[7:11]))
}

// Reset empties the market and keeps its memory: for a new session of the venue.
func (m *Market) Reset() {
	clear(m.index.entries)
	m.index.used, m.live = 0, 0
	m.orders, m.levels = m.orders[:1], m.levels[:1]
	m.free.order, m.free.level = 0, 0
	for _, b := range m.books {
		if b != nil {
			b.state = 0
			b.sides[buy].steps, b.sides[sell].steps = b.sides[buy].steps[:0], b.sides[sell].steps[:0]
		}
	}
}
