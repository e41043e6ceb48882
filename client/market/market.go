// Package market builds the books of a venue from its ITCH 5.0 messages: every displayed order in the order of its queue
// (L3), and the sum of each price (L2).
//
// It owns orders, levels and books, and nothing else: where the messages come from (package feed, a file) and whether one is
// missing is its caller's to know. It never matches, does no I/O, sees no clock and starts no goroutine. What a message
// says is done; what cannot be true (an order that is not there, more taken than there is) is an error that leaves every
// book as it was.
//
//	market.go   Market: orders, levels, queues
//	apply.go    Apply: what a message says is done
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

import "errors"

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
