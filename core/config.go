package core

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"matcher/engine"
	"matcher/gateway"
	"matcher/ring"
)

// Durability says when an answer may leave.
type Durability uint8

// Durabilities. Their values are journaled (Restart.Mode).
const (
	Sync    Durability = 0 // after the journal write that holds it is durable
	Written Durability = 1 // after the write that holds it has ended, durable or not: a power cut may lose the last of it
	Async   Durability = 2 // at once; a crash loses the last milliseconds, a power cut up to flushTime more
)

// Backend says which driver of package ring is the kernel below.
type Backend uint8

// Backends.
const (
	AutoBackend     Backend = iota // io_uring, and where the kernel refuses it the portable one: see Server.Refused
	UringBackend                   // io_uring or nothing
	PortableBackend                // epoll and plain system calls: a durable write holds up the loop
)

// AutoCPU lets the server choose a cpu to pin its thread to; NoCPU leaves the thread where the kernel puts it.
const (
	AutoCPU = -1
	NoCPU   = -2
)

// MaxSettling bounds the pegs and the stops that an instrument may be given room for.
const MaxSettling = 1 << 20

// MinSegment is the smallest journal segment: several blocks of the largest size fit it.
const MinSegment = 4 << 20

// maxAhead is the most segments that are kept prepared: each is an open file.
const maxAhead = 1024

// Config is everything a server needs to know. All of it is checked by Open.
type Config struct {
	Listen       string // host:port; port 0 lets the kernel choose
	Journal      string // directory; made if it is missing
	Durability   Durability
	Segment      int64  // bytes of a journal segment, a multiple of 4096, at least MinSegment
	Ahead        uint64 // bytes of the journal that are kept prepared, in whole segments, at least one: while they last nothing is zeroed beside trading
	Block        uint64 // bytes of memory of one block, a multiple of 4096; 0: 1 MiB. A segment holds at least four
	CPU          int    // cpu number, AutoCPU or NoCPU
	Wait         ring.Policy
	Backend      Backend
	MaxOrders    uint32 // live orders, all instruments
	MaxUsers     uint32
	MaxSessions  int    // connections at once
	StreamMemory uint64 // bytes for the outbound streams of all users since the last snapshot
	Chunk        uint64 // unit in which streams take it, 8 KiB or more; 0: 64 KiB
	Prefault     uint64 // so many of them are put in place before the venue opens; the rest is touched as it is used

	Feed Feed

	Instruments []Instrument
	Users       []User
	Secret      [32]byte // key of the HMAC over user names and keys

	LoginTimeout  time.Duration  // from the connection to a whole Login Request
	ClientTimeout time.Duration  // silence after which a client counts as gone
	Heartbeat     time.Duration  // the server's own silence before it sends a heartbeat
	StallTimeout  time.Duration  // how long a client may leave what it is sent unread, 0 for ever
	MaxBehind     uint64         // bytes that a client may fall behind, 0 no limit
	Allow         []netip.Prefix // whence connections may come; none: from anywhere
	MaxPerSource  int            // connections of one address at once, 0 no limit
	WrongLogins   int            // of one address in a minute before it must wait, 0 no limit
	RecoveryGrace time.Duration  // after a start: how long users have to come back before their orders are cancelled (rule 9.9)

	Roll Roll // when a trading day ends by itself

	Log func(line string) // for people; called off the hot path only; may be nil

	World  World                              // nil: this machine
	kernel func(arena uint64) (Kernel, error) // tests put another kernel below; nil: what Backend says
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
	ProRata       bool   // levels are shared by proportion (rule 10), else in order of time
	Terms         Terms
}

// Terms are what an instrument may have beside its scales. A zero is the default, or nothing: see engine.Terms.
type Terms struct {
	FifoPercent, TopPercent uint8
	MinAlloc, TopMax        uint32 // lots
	MaxSlices               uint32
	MaxPegs, MaxStops       uint32
	Collar                  uint64 // wire units
	CollarBP                uint32
	Reference               uint64 // wire price
}

// User is one account that may log in. Hash is HMAC-SHA256(secret, NAME + ":" + KEY) with both in upper case.
type User struct {
	Name      string // 1 to 6 characters
	Firm      string // up to 4 characters
	Hash      [32]byte
	OnDrop    bool   // its orders are cancelled when its connection is lost (rule 9.9)
	SelfMatch uint8  // letter of tag 29 for orders that name none, 0 none (rule 8.1)
	SelfLevel uint8  // engine.LevelXxx
	SelfGroup uint16 // of engine.LevelGroup, 0 none
	Limits    Limits
	Allow     []netip.Prefix // whence it may log in; none: from anywhere
}

// Limits are what an account may have, and how fast. A zero is no limit.
type Limits struct {
	OpenOrders, Stops uint32 // live orders, pending stops (rule 2.6)
	Rate, Burst       uint32 // Enters and Replaces a second; so many may come at once, 0 is 1 (rule 3.4)
}

// Check says what is wrong with a configuration by itself; what the journal has to say against it comes with Open. The
// error wraps ErrConfig.
func (c *Config) Check() error {
	switch {
	case c.Backend > PortableBackend:
		return fmt.Errorf("%w: backend %d is not offered", ErrConfig, c.Backend)
	case c.Durability > Async:
		return fmt.Errorf("%w: durability %d is not offered", ErrConfig, c.Durability)
	case c.Block%page != 0 || c.Block > slotSize:
		return fmt.Errorf("%w: blocks of %d bytes", ErrConfig, c.Block)
	case c.Segment < int64(4*c.block()) || c.Segment%page != 0:
		return fmt.Errorf("%w: a segment of %d bytes; it must be a multiple of %d, at least %d", ErrConfig, c.Segment, page, 4*c.block())
	case c.Ahead > maxAhead*uint64(c.Segment):
		return fmt.Errorf("%w: %d bytes of the journal ahead; at most %d segments are", ErrConfig, c.Ahead, maxAhead)
	case c.Chunk != 0 && c.Chunk < 8<<10:
		return fmt.Errorf("%w: stream memory in chunks of %d bytes", ErrConfig, c.Chunk)
	case c.MaxSessions < 1 || c.MaxSessions > 1<<20:
		return fmt.Errorf("%w: %d sessions", ErrConfig, c.MaxSessions)
	case c.MaxOrders < 1 || c.MaxOrders > engine.MaxOrders || c.MaxUsers < 1 || c.MaxUsers > engine.MaxUsers:
		return fmt.Errorf("%w: %d orders and %d users", ErrConfig, c.MaxOrders, c.MaxUsers)
	}
	if len(c.Feed.To) > MaxFeeds || c.Feed.Hops < 0 || c.Feed.Hops > 255 {
		return fmt.Errorf("%w: a feed to %d destinations over %d hops", ErrConfig, len(c.Feed.To), c.Feed.Hops)
	}
	symbols, names := map[string]bool{}, map[string]bool{}
	for i := range c.Instruments {
		in := &c.Instruments[i]
		if len(in.Symbol) < 1 || len(in.Symbol) > 8 || symbols[in.Symbol] {
			return fmt.Errorf("%w: instrument %q has no name of its own of 1 to 8 characters", ErrConfig, in.Symbol)
		}
		symbols[in.Symbol] = true
		def := in.definition()
		why := engine.CheckInstrument(def.AsInstrument())
		if why == "" {
			why = engine.CheckTerms(def.AsInstrument(), def.Terms())
		}
		if why == "" && (in.Terms.MaxPegs > MaxSettling || in.Terms.MaxStops > MaxSettling) {
			why = fmt.Sprintf("more than %d pegs or stops", MaxSettling)
		}
		if why != "" {
			return fmt.Errorf("%w: instrument %s: %s", ErrConfig, in.Symbol, why)
		}
	}
	for i := range c.Users {
		u := &c.Users[i]
		if len(u.Name) < 1 || len(u.Name) > 6 || len(u.Firm) > 4 || names[u.Name] {
			return fmt.Errorf("%w: user %q has no name of its own of 1 to 6 characters, or a firm of more than 4", ErrConfig, u.Name)
		}
		if u.SelfLevel > engine.LevelGroup {
			return fmt.Errorf("%w: user %s has no such level of self-trade prevention: %d", ErrConfig, u.Name, u.SelfLevel)
		}
		names[u.Name] = true
	}
	if err := c.Roll.check(); err != nil {
		return err
	}
	s := sizes{chunk: c.chunk(), orders: uint64(c.MaxOrders), users: uint64(c.MaxUsers)}
	for i := range c.Instruments {
		s.add(&c.Instruments[i])
	}
	return s.reserves(c.StreamMemory).fit(c.StreamMemory, &s)
}

// ahead returns how many segments are kept prepared.
func (c *Config) ahead() uint32 {
	size := uint64(c.Segment)
	return uint32(max(1, (c.Ahead+size-1)/size))
}

// block returns the memory of one block.
func (c *Config) block() uint64 {
	if c.Block == 0 {
		return slotSize
	}
	return c.Block
}

// chunk returns the unit in which streams take memory.
func (c *Config) chunk() uint64 { return cmp.Or(c.Chunk, gateway.ChunkSize) }

// definition returns the command that defines an instrument. One without terms has no second cell.
func (in *Instrument) definition() *engine.Command {
	c := &engine.Command{}
	*c.AsInstrument() = engine.Instrument{
		Header: engine.Header{Kind: engine.KindInstrument},
		Symbol: padded8(in.Symbol), Tick: in.Tick, Lot: in.Lot, MaxQty: in.MaxQty, MaxPrice: in.MaxPrice,
		PriceDecimals: in.PriceDecimals, LotDecimals: in.LotDecimals,
	}
	if in.ProRata {
		c.AsInstrument().Policy = engine.PolicyProRata
	}
	if t := &in.Terms; *t != (Terms{}) {
		c.Flags |= engine.FlagExtension
		*c.Terms() = engine.Terms{
			Kind: engine.KindExtension, FifoPercent: t.FifoPercent, TopPercent: t.TopPercent, MinAlloc: t.MinAlloc, TopMax: t.TopMax,
			MaxSlices: t.MaxSlices, Collar: t.Collar, CollarBP: t.CollarBP, MaxPegs: t.MaxPegs, MaxStops: t.MaxStops, Reference: t.Reference,
		}
	}
	return c
}

// definition returns the command that defines a user.
func (u *User) definition() *engine.Command {
	c := &engine.Command{}
	*c.AsUser() = engine.User{
		Header: engine.Header{Kind: engine.KindUser}, Name: padded6(u.Name), Firm: padded4(u.Firm),
		SelfMatch: u.SelfMatch, SelfLevel: u.SelfLevel, SelfGroup: u.SelfGroup,
		OpenOrders: u.Limits.OpenOrders, Stops: u.Limits.Stops, Rate: u.Limits.Rate, Burst: u.Limits.Burst,
	}
	if u.OnDrop {
		c.AsUser().OnDrop = 1
	}
	return c
}

func padded8(s string) (p [8]byte) { copy(p[:], s+"        "); return p }
func padded6(s string) (p [6]byte) { copy(p[:], s+"      "); return p }
func padded4(s string) (p [4]byte) { copy(p[:], s+"    "); return p }
