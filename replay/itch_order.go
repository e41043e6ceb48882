package replay

import (
	"encoding/binary"
	"errors"
)

// itchOrder is what an ITCH 5.0 message says of a displayed order.
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

var errLength = errors.New("too short for its type")

// itchLength returns the length of the messages about orders and of the Stock Directory; of all others, that of the header
// that all begin with.
func itchLength(kind byte) int {
	switch kind {
	case 'A', 'C':
		return 36
	case 'F':
		return 40
	case 'E':
		return 31
	case 'X':
		return 23
	case 'D':
		return 19
	case 'U':
		return 35
	case 'R':
		return 39
	}
	return 11
}

// decode reads a message. False: it is about no displayed order.
func (o *itchOrder) decode(b []byte) (bool, error) {
	if len(b) == 0 || len(b) < itchLength(b[0]) {
		return false, errLength
	}
	be := binary.BigEndian
	*o = itchOrder{kind: b[0], locate: be.Uint16(b[1:])}
	switch o.kind {
	case 'A', 'F':
		o.side, o.qty, o.symbol, o.price = b[19], be.Uint32(b[20:]), [8]byte(b[24:]), be.Uint32(b[32:])
	case 'E', 'C', 'X':
		o.qty = be.Uint32(b[19:])
	case 'D':
	case 'U':
		o.newID, o.qty, o.price = be.Uint64(b[19:]), be.Uint32(b[27:]), be.Uint32(b[31:])
	case 'R':
		o.symbol = [8]byte(b[11:])
		return false, nil
	default:
		return false, nil
	}
	o.id = be.Uint64(b[11:])
	return true, nil
}
