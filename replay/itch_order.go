package replay

import (
	"encoding/binary"

	"matcher/wire/itch"
)

// itchOrder is what an ITCH 5.0 message says of a displayed order: the messages about orders, as one.
type itchOrder struct {
	kind   byte    // of the message
	side   byte    // A, F
	locate uint16  // all
	symbol [8]byte // A, F, R
	id     uint64
	newID  uint64 // U
	qty    uint32 // A, F, U: of the order; E, C, X: taken off it
	price  uint32 // A, F, U
}

// decode reads a message. False: it is about no displayed order.
func (o *itchOrder) decode(b []byte) (bool, error) {
	if len(b) < itch.HeaderSize {
		return false, itch.ErrLength
	}
	*o = itchOrder{kind: b[0], locate: binary.BigEndian.Uint16(b[1:])}
	var err error
	switch o.kind {
	case itch.TypeAddOrder:
		var m itch.AddOrder
		err = m.Decode(b)
		o.id, o.side, o.qty, o.symbol, o.price = m.OrderRef, m.Side, m.Quantity, m.Symbol, m.Price
	case itch.TypeAddOrderMPID:
		var m itch.AddOrderMPID
		err = m.Decode(b)
		o.id, o.side, o.qty, o.symbol, o.price = m.OrderRef, m.Side, m.Quantity, m.Symbol, m.Price
	case itch.TypeOrderExecuted:
		var m itch.OrderExecuted
		err = m.Decode(b)
		o.id, o.qty = m.OrderRef, m.Quantity
	case itch.TypeOrderExecutedPrice:
		var m itch.OrderExecutedPrice
		err = m.Decode(b)
		o.id, o.qty = m.OrderRef, m.Quantity
	case itch.TypeOrderCancel:
		var m itch.OrderCancel
		err = m.Decode(b)
		o.id, o.qty = m.OrderRef, m.Quantity
	case itch.TypeOrderDelete:
		var m itch.OrderDelete
		err = m.Decode(b)
		o.id = m.OrderRef
	case itch.TypeOrderReplace:
		var m itch.OrderReplace
		err = m.Decode(b)
		o.id, o.newID, o.qty, o.price = m.OrigOrderRef, m.OrderRef, m.Quantity, m.Price
	case itch.TypeStockDirectory:
		var m itch.StockDirectory
		err = m.Decode(b)
		o.symbol = m.Symbol
		return false, err
	default:
		return false, nil
	}
	return true, err
}
