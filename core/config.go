package core

import (
	"time"

	"matcher/ring"
)

// Durability says when an answer may leave.
type Durability uint8

// Durabilities. Their values are journaled (Restart.Mode).
const (
	Sync    Durability = 0 // after the journal write that holds it is durable
	Written Durability = 1 // reserved
	Async   Durability = 2 // at once; a crash loses the last milliseconds
)

// AutoCPU lets the server choose a cpu to pin its thread to; NoCPU leaves the thread where the kernel puts it.
const (
	AutoCPU = -1
	NoCPU   = -2
)

// Config is everything a server needs to know. All of it is checked by Open.
type Config struct {
	Listen       string // host:port; port 0 lets the kernel choose
	Journal      string // directory; made if it is missing
	Durability   Durability
	Segment      int64 // bytes of a journal segment, a multiple of 4096
	CPU          int   // cpu number, AutoCPU or NoCPU
	Wait         ring.Policy
	MaxOrders    uint32 // live orders, all instruments
	MaxUsers     uint32
	MaxSessions  int    // connections at once
	StreamMemory uint64 // bytes for the day's outbound streams, all users

	Instruments []Instrument
	Users       []User
	Secret      [32]byte // key of the HMAC over user names and keys

	LoginTimeout  time.Duration // from the connection to a whole Login Request
	ClientTimeout time.Duration // silence after which a client counts as gone
	Heartbeat     time.Duration // the server's own silence before it sends a heartbeat

	Log func(line string) // for people; called off the hot path only; may be nil
}

// Instrument is one tradable instrument. Prices are wire integers: 1/10^PriceDecimals.
type Instrument struct {
	Symbol        string // 1 to 8 characters
	PriceDecimals uint8
	LotDecimals   uint8
	Tick          uint64 // wire units
	Lot           uint32
	MaxQty        uint32 // lots
	MaxPrice      uint64 // wire units, at most 1,999,999,900
}

// User is one account that may log in. Hash is HMAC-SHA256(secret, NAME + ":" + KEY) with both in upper case.
type User struct {
	Name string // 1 to 6 characters
	Firm string // up to 4 characters
	Hash [32]byte
}
