// Package itch is the codec of TotalView-ITCH 5.0, the public view of a market, and of the one message that GLIMPSE 5.0
// adds to it.
//
// It owns layouts and letters. It keeps no state, does no I/O, builds no book and judges no value. Every message has a
// struct with Decode and Append, each other's inverse.
//
// All integers are big-endian. A Price is in units of 1/10^decimals of the instrument, four decimals unless the venue says
// otherwise; a Timestamp is nanoseconds since midnight, below 2^48. Text is left-justified with spaces on the right.
//
//	itch.go      the header, files
//	day.go       the day and instruments
//	halt.go      halts, price collars
//	order.go     displayed orders: all that a book needs
//	trade.go     other trades, crosses
//	snapshot.go  the end of a snapshot
//	decode.go    from any message to its struct, for tools
//
// Later revisions add messages, and fields at their ends: messages of unknown type and bytes behind the known fields are no
// error.
package itch

import (
	"encoding/binary"
	"errors"
)

// ErrLength is a message shorter than its type needs.
var ErrLength = errors.New("itch: message too short")

// ErrType is a message of another type than the one asked for.
var ErrType = errors.New("itch: wrong message type")

// ErrEnd is the end of a file of messages: a length of zero.
var ErrEnd = errors.New("itch: end of messages")

// Types of messages.
const (
	TypeSystemEvent         byte = 'S'
	TypeStockDirectory      byte = 'R'
	TypeTradingAction       byte = 'H'
	TypeRegSHO              byte = 'Y'
	TypeParticipantPosition byte = 'L'
	TypeDeclineLevel        byte = 'V'
	TypeBreakerStatus       byte = 'W'
	TypeQuotingPeriod       byte = 'K'
	TypeAuctionCollar       byte = 'J'
	TypeOperationalHalt     byte = 'h'
	TypeAddOrder            byte = 'A'
	TypeAddOrderMPID        byte = 'F'
	TypeOrderExecuted       byte = 'E'
	TypeOrderExecutedPrice  byte = 'C'
	TypeOrderCancel         byte = 'X'
	TypeOrderDelete         byte = 'D'
	TypeOrderReplace        byte = 'U'
	TypeTrade               byte = 'P'
	TypeCrossTrade          byte = 'Q'
	TypeBrokenTrade         byte = 'B'
	TypeImbalance           byte = 'I'
	TypeRetailInterest      byte = 'N'
	TypeDirectListing       byte = 'O'
	TypeEndOfSnapshot       byte = 'G' // GLIMPSE
)

// Sizes of messages in bytes.
const (
	HeaderSize              = 11
	SystemEventSize         = 12
	StockDirectorySize      = 39
	TradingActionSize       = 25
	RegSHOSize              = 20
	ParticipantPositionSize = 26
	DeclineLevelSize        = 35
	BreakerStatusSize       = 12
	QuotingPeriodSize       = 28
	AuctionCollarSize       = 35
	OperationalHaltSize     = 21
	AddOrderSize            = 36
	AddOrderMPIDSize        = 40
	OrderExecutedSize       = 31
	OrderExecutedPriceSize  = 36
	OrderCancelSize         = 23
	OrderDeleteSize         = 19
	OrderReplaceSize        = 35
	TradeSize               = 44
	CrossTradeSize          = 40
	BrokenTradeSize         = 19
	ImbalanceSize           = 50
	RetailInterestSize      = 20
	DirectListingSize       = 48
	EndOfSnapshotSize       = 21
)

// Events of SystemEvent, in the order of a day.
const (
	EventStartOfMessages byte = 'O'
	EventStartOfSystem   byte = 'S'
	EventStartOfMarket   byte = 'Q'
	EventEndOfMarket     byte = 'M'
	EventEndOfSystem     byte = 'E'
	EventEndOfMessages   byte = 'C'
)

// States of TradingAction.
const (
	StateHalted    byte = 'H'
	StatePaused    byte = 'P'
	StateQuotation byte = 'Q' // quotes, no trades
	StateTrading   byte = 'T'
)

// Sides of AddOrder, AddOrderMPID and Trade.
const (
	SideBuy  byte = 'B'
	SideSell byte = 'S'
)

// Header begins every message of ITCH.
type Header struct {
	Locate    uint16 // number of the instrument today, from 1; 0: about none
	Tracking  uint16 // the venue's own
	Timestamp uint64 // ns since midnight, 48 bits
}

// read reads the header of a message that is long enough.
func (h *Header) read(b []byte) {
	p := (*[HeaderSize]byte)(b)
	h.Locate = u16(p[1:3])
	h.Tracking = u16(p[3:5])
	h.Timestamp = uint64(u16(p[5:7]))<<32 | uint64(u32(p[7:11]))
}

// write writes the header of a message.
func (h *Header) write(b []byte, typ byte) {
	if h.Timestamp >= 1<<48 {
		panic("itch: timestamp beyond 48 bits")
	}
	p := (*[HeaderSize]byte)(b)
	p[0] = typ
	put16(p[1:3], h.Locate)
	put16(p[3:5], h.Tracking)
	put16(p[5:7], uint16(h.Timestamp>>32))
	put32(p[7:11], uint32(h.Timestamp))
}

// Type returns the type of a message, for a switch that decodes without allocating; 0 for no bytes.
func Type(message []byte) byte {
	if len(message) == 0 {
		return 0
	}
	return message[0]
}

// Next returns the message at the start of b, where each message stands behind its length of two bytes (files of ITCH,
// blocks of MoldUDP64), and the size n of both; n = 0 means that more bytes are needed. The error is ErrEnd for a length of
// zero; some files end without.
func Next(b []byte) (message []byte, n int, err error) {
	if len(b) < 2 {
		return nil, 0, nil
	}
	n = 2 + int(u16(b))
	switch {
	case n == 2:
		return nil, 0, ErrEnd
	case n > len(b):
		return nil, 0, nil
	}
	return b[2:n:n], n, nil
}

// AppendFrame appends a message behind its length. It panics if the message is longer than a length can say.
func AppendFrame(dst, message []byte) []byte {
	if len(message) > 1<<16-1 {
		panic("itch: message too long")
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(message)))
	return append(dst, message...)
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
