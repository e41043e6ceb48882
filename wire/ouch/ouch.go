// Package ouch is the codec of OUCH 5.0 order entry, with the additions of its revision 1.05 and the private tags and
// times in force of this venue (from tag 128 up).
//
// It owns layouts and letters. It keeps no state, does no I/O and judges no value: a side of '?' decodes, and the venue
// answers it. What it does judge is lengths, so that whatever Decode accepts can be read to its end.
//
// All integers are big-endian. A Timestamp is nanoseconds since local midnight. A Price is in units of 1/10^decimals of the
// instrument, four decimals unless the venue says otherwise. A Quantity is lots; each struct says of what. Text is
// left-justified with spaces on the right.
//
// The same letter means different things in the two directions, so messages are decoded by direction:
//
//	inbound.go    what clients say to the venue
//	outbound.go   what the venue says about orders (outbound_fill.go: executions and cancels)
//	account.go    what the venue says about accounts
//	appendage.go  the optional elements at the end of a message, unread
//	options.go    the same, read
//	letters.go    the values of fields
//	reject.go     reject codes
//	decode.go     from any message to its struct, for tools
//	inplace.go    the most common messages, without a struct
//
// Decode and Append of every struct are each other's inverse. Decode copies all but Appendage, which refers to the input.
package ouch

import (
	"encoding/binary"
	"errors"
)

// ErrLength is a message shorter than the fixed part of its type: nothing in it can be relied on.
var ErrLength = errors.New("ouch: message too short")

// ErrType is a message of another type than the one asked for, or of none.
var ErrType = errors.New("ouch: wrong message type")

// ErrAppendage is a message whose fixed part is whole, and decoded, but whose appendage cannot be read to its end: it
// runs past the message or stops before its end, or an element has no room for a tag.
var ErrAppendage = errors.New("ouch: malformed appendage")

// Types of inbound messages.
const (
	TypeEnterOrder   byte = 'O'
	TypeReplaceOrder byte = 'U'
	TypeCancelOrder  byte = 'X'
	TypeModifyOrder  byte = 'M'
	TypeAccountQuery byte = 'Q'
	TypeMassCancel   byte = 'C'
	TypeDisableEntry byte = 'D'
	TypeEnableEntry  byte = 'E'
)

// Types of outbound messages.
const (
	TypeSystemEvent        byte = 'S'
	TypeAccepted           byte = 'A'
	TypeReplaced           byte = 'U'
	TypeCanceled           byte = 'C'
	TypeAIQCanceled        byte = 'D'
	TypeExecuted           byte = 'E'
	TypeBrokenTrade        byte = 'B'
	TypeRejected           byte = 'J'
	TypeCancelPending      byte = 'P'
	TypeCancelReject       byte = 'I'
	TypePriorityUpdate     byte = 'T'
	TypeModified           byte = 'M'
	TypeRestated           byte = 'R'
	TypeQueryResponse      byte = 'Q'
	TypeMassCancelResponse byte = 'X'
	TypeDisableResponse    byte = 'G'
	TypeEnableResponse     byte = 'K'
)

// Sizes of inbound messages in bytes, without their elements. The length field of the appendage is counted where it is
// always there: EnterOrder, ReplaceOrder, MassCancel, DisableEntry, EnableEntry.
const (
	EnterOrderSize   = 47
	ReplaceOrderSize = 40
	CancelOrderSize  = 9
	ModifyOrderSize  = 10
	AccountQuerySize = 1
	MassCancelSize   = 19
	DisableEntrySize = 11
	EnableEntrySize  = 11
)

// Sizes of outbound messages in bytes, without their elements. The length field of the appendage is counted where it is
// always there: Accepted, Replaced, Executed, Restated, MassCancelResponse, DisableResponse, EnableResponse.
const (
	SystemEventSize        = 10
	AcceptedSize           = 64
	ReplacedSize           = 68
	CanceledSize           = 18
	AIQCanceledSize        = 32
	ExecutedSize           = 36
	BrokenTradeSize        = 36
	RejectedSize           = 29
	CancelPendingSize      = 13
	CancelRejectSize       = 13
	PriorityUpdateSize     = 30
	ModifiedSize           = 18
	RestatedSize           = 16
	QueryResponseSize      = 13
	MassCancelResponseSize = 27
	DisableResponseSize    = 19
	EnableResponseSize     = 19
)

// Symbol returns the symbol field for a name of at most 8 characters; it panics on a longer one.
func Symbol(name string) (field [8]byte) {
	pad(field[:], name)
	return field
}

// ClOrdID returns the ClOrdID field for a text of at most 14 characters; it panics on a longer one.
func ClOrdID(text string) (field [14]byte) {
	pad(field[:], text)
	return field
}

// Firm returns the firm field for a name of at most 4 characters; it panics on a longer one. Spaces mean the account's own.
func Firm(name string) (field [4]byte) {
	pad(field[:], name)
	return field
}

func pad(field []byte, s string) {
	if len(s) > len(field) {
		panic("ouch: text longer than its field")
	}
	for i := copy(field, s); i < len(field); i++ {
		field[i] = ' '
	}
}

// extend makes dst longer by n bytes, whose content is whatever was there.
func extend(dst []byte, n int) []byte {
	if cap(dst)-len(dst) < n {
		dst = append(dst, make([]byte, n)...)[:len(dst)]
	}
	return dst[:len(dst)+n]
}

func u16(b []byte) uint16      { return binary.BigEndian.Uint16(b) }
func u32(b []byte) uint32      { return binary.BigEndian.Uint32(b) }
func u64(b []byte) uint64      { return binary.BigEndian.Uint64(b) }
func put16(b []byte, v uint16) { binary.BigEndian.PutUint16(b, v) }
func put32(b []byte, v uint32) { binary.BigEndian.PutUint32(b, v) }
func put64(b []byte, v uint64) { binary.BigEndian.PutUint64(b, v) }
