package replay

import (
	"errors"
	"fmt"
	"io"

	"matcher/book"
	"matcher/wire/itch"
)

// RebuildConfig says what RebuildITCH rebuilds.
type RebuildConfig struct {
	Symbol    string // 1 to 8 characters; empty: the only one that the file holds orders of
	Depth     int    // levels of a Row, each side
	MaxOrders int    // live at once, 1 to book.MaxOrders; 0: 131,072
}

// Rebuild is the book of one instrument, built from ITCH 5.0 messages: what the messages say is done, nothing is matched.
// Its memory grows with the orders that are live at once, not with the file.
type Rebuild struct {
	file    *itchFile
	orders  *book.Orders
	book    *book.Book
	slots   map[uint64]book.Slot // by order reference number
	symbol  [8]byte              // 0: not known yet
	locate  uint16               // of the symbol; 0: not known yet
	asked   bool                 // for this symbol; else it is the first one that is seen in an order
	depth   int
	unknown uint64
	row     Row
}

const (
	rebuildOrders   = 1 << 17
	rebuildMaxPrice = marketPrice // 200,000.0000, the highest price of ITCH 5.0
)

var (
	errSymbols = errors.New("orders of a second symbol: say which one to rebuild")
	errFull    = errors.New("more live orders than there is room for")
)

// RebuildITCH returns an empty book that will be built from the file in r.
func RebuildITCH(r io.Reader, c RebuildConfig) (*Rebuild, error) {
	b := &Rebuild{file: newITCHFile(r), slots: make(map[uint64]book.Slot), depth: c.Depth}
	if c.Symbol != "" {
		if !alpha(b.symbol[:], []byte(c.Symbol)) {
			return nil, fmt.Errorf("replay: %w", errSymbol)
		}
		b.asked = true
	}
	if c.MaxOrders == 0 {
		c.MaxOrders = rebuildOrders
	}
	b.orders = book.NewOrders(c.MaxOrders)
	b.book = book.New(book.Config{Orders: b.orders, MaxPrice: rebuildMaxPrice})
	return b, nil
}

// Next does what the next message says and returns the book after it, valid until the next call. Messages about other
// instruments are passed over. The error is io.EOF at the end.
func (b *Rebuild) Next() (*Row, error) {
	for {
		msg, err := b.file.next()
		if err != nil {
			return nil, err
		}
		var o itchOrder
		about, err := o.decode(msg)
		mine := false
		if err == nil {
			mine, err = b.apply(&o, about)
		}
		if err != nil {
			return nil, b.file.wrong(err)
		}
		if !mine {
			continue
		}
		b.row.Index, b.row.Type = b.file.index, msg[0]
		b.row.Bids = b.book.Depth(b.row.Bids[:0], book.Buy, b.depth)
		b.row.Asks = b.book.Depth(b.row.Asks[:0], book.Sell, b.depth)
		return &b.row, nil
	}
}

// Symbol returns the symbol that is rebuilt, without its padding; empty as long as it is not known.
func (b *Rebuild) Symbol() string { return string(trim(b.symbol[:])) }

// Open returns the number of live orders.
func (b *Rebuild) Open() int { return b.orders.Live() }

// Unknown returns how many messages of the instrument were about orders that had not been added before.
func (b *Rebuild) Unknown() uint64 { return b.unknown }

// apply does what a message says. False: it is about another instrument.
func (b *Rebuild) apply(o *itchOrder, about bool) (bool, error) {
	if o.kind == itch.TypeStockDirectory && o.symbol == b.symbol {
		b.locate = o.locate
	}
	switch {
	case !about:
		return !b.asked || o.locate == 0 || o.locate == b.locate, nil
	case o.kind == itch.TypeAddOrder || o.kind == itch.TypeAddOrderMPID:
		return b.add(o)
	}
	slot, live := b.slots[o.id]
	switch {
	case !live && b.asked && (o.locate == 0 || o.locate != b.locate):
		return false, nil
	case !live:
		b.unknown++
		return true, nil
	}
	switch o.kind {
	case itch.TypeOrderDelete:
		b.remove(o.id, slot)
		return true, nil
	case itch.TypeOrderReplace:
		return true, b.replace(o, slot)
	}
	return true, b.reduce(o, slot)
}

func (b *Rebuild) add(o *itchOrder) (bool, error) {
	if b.symbol == [8]byte{} {
		b.symbol = o.symbol
	}
	switch {
	case o.symbol != b.symbol && b.asked:
		return false, nil
	case o.symbol != b.symbol:
		return false, errSymbols
	}
	b.locate = o.locate
	r := book.Resting{Price: book.Price(o.price), Qty: book.Qty(o.qty)}
	switch o.side {
	case itch.SideBuy:
		r.Side = book.Buy
	case itch.SideSell:
		r.Side = book.Sell
	default:
		return false, errSide
	}
	return true, b.rest(o.id, r)
}

// rest puts a new order at the back of its queue.
func (b *Rebuild) rest(id uint64, r book.Resting) error {
	switch _, live := b.slots[id]; {
	case live:
		return errTwice
	case r.Qty == 0:
		return errQty
	case r.Price == 0 || r.Price > rebuildMaxPrice:
		return errPrice
	}
	slot := b.orders.Take()
	if slot == 0 {
		return errFull
	}
	b.book.Add(slot, r, 0)
	b.slots[id] = slot
	return nil
}

// reduce takes what was executed or cancelled off an order; at zero it is gone.
func (b *Rebuild) reduce(o *itchOrder, slot book.Slot) error {
	switch leaves := b.orders.Leaves(slot); {
	case o.qty == 0:
		return errQty
	case book.Qty(o.qty) > leaves:
		return errMore
	case book.Qty(o.qty) == leaves:
		b.remove(o.id, slot)
	default:
		b.book.Reduce(slot, book.Qty(o.qty))
	}
	return nil
}

// replace removes an order and adds another of the same side.
func (b *Rebuild) replace(o *itchOrder, slot book.Slot) error {
	side := b.orders.Side(slot)
	b.remove(o.id, slot)
	return b.rest(o.newID, book.Resting{Side: side, Price: book.Price(o.price), Qty: book.Qty(o.qty)})
}

// clear takes every order out: a new session begins.
func (b *Rebuild) clear() {
	for id, slot := range b.slots {
		b.remove(id, slot)
	}
	b.locate, b.unknown = 0, 0
}

func (b *Rebuild) remove(id uint64, slot book.Slot) {
	b.book.Remove(slot)
	b.orders.Free(slot)
	delete(b.slots, id)
}
