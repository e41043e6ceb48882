package engine

import "unsafe"

// The cells of the journal. Every record is 64 bytes, little-endian, and begins with the 24 bytes of Header; a rich order
// has a second cell, the Extension. The structs below are those bytes: their layout is pinned by the declarations at the
// end of this file and drawn offset by offset in journal/FORMAT.md. Unused bytes are zero.
//
// Letters (side, time in force, display, capacity, cross) are kept as they came over the wire; the engine judges them.
// Prices are wire integers of the instrument (1/10^decimals). Quantities are lots. Times are ns since 1970.

// Kind is the first byte of a cell.
type Kind uint8

// Kinds of cells (journal/FORMAT.md). 1 to 4 belong to the journal itself.
const (
	KindEnter      Kind = 16
	KindReplace    Kind = 17
	KindCancel     Kind = 18
	KindModify     Kind = 19
	KindMassCancel Kind = 20
	KindDisable    Kind = 21
	KindEnable     Kind = 22
	KindQuery      Kind = 23
	KindRefused    Kind = 24

	KindRules      Kind = 32
	KindInstrument Kind = 33
	KindUser       Kind = 34
	KindDay        Kind = 35
	KindRestart    Kind = 36
	KindDisconnect Kind = 37
	KindTick       Kind = 38
	KindGate       Kind = 39
	KindTrading    Kind = 40
	KindBust       Kind = 41
	KindCancelFor  Kind = 42

	KindFill      Kind = 64
	KindExtension Kind = 127
)

// Flags of a command's header.
const (
	FlagExtension    uint8 = 1  // an Extension cell follows
	FlagSweep        uint8 = 2  // InterMarket Sweep `Y`
	FlagPostOnly     uint8 = 4  // tag 12 `P`
	FlagPostOnlyN    uint8 = 8  // tag 12 `N`, given
	FlagMinQty       uint8 = 16 // tag 3 given; MassCancel: tag 24 (group) given
	FlagFirm         uint8 = 32 // tag 2 given, equal to the account's firm
	FlagPostOnlySlip uint8 = 64 // tag 12 `R`: reprice by one tick
)

// Flags of a Fill cell.
const (
	FillMakerHidden uint8 = 2
	FillCross       uint8 = 4
	FillTakerDone   uint8 = 8 // the taker has leaves 0
)

// AllInstruments and NoInstrument are the values of Header.Instrument beside an index.
const (
	NoInstrument   uint16 = 0
	AllInstruments uint16 = 65535
)

// Header begins every record cell (24 bytes).
type Header struct {
	Kind       Kind
	Flags      uint8
	Instrument uint16 // index of the Instrument cell, from 1; 0 unknown or none, 65535 all
	User       uint16 // index of the User cell, from 1; 0 the venue
	Idx        uint8  // UserRefIdx (tag 28), 0 the default channel
	Side       uint8  // B S T E, 0 none
	Seq        uint64 // of the command, from 1; a fill bears its command's
	Time       uint64 // equal for all commands of a turn, never goes back
}

// Command is one sequenced command: its cell and, with FlagExtension, the extension cell behind it. The typed views
// (Enter, Replace, ...) are the same bytes.
type Command struct {
	Header
	body [40]byte
	Ext  Extension
}

// Enter is OUCH 5.0 Enter Order.
type Enter struct {
	Header
	Ref      uint32 // UserRefNum
	Qty      uint32
	Price    uint64
	MinQty   uint32 // tag 3, with FlagMinQty
	TIF      uint8
	Display  uint8
	Capacity uint8
	Cross    uint8
	ClOrdID  [14]byte
	Customer uint8 // tag 4, 0 none
	Exempt   uint8 // tag 134, 0 none
}

// Replace is OUCH 5.0 Replace Order. Header.Side is tag 27, 0 none. The quantity is the total of the whole chain.
type Replace struct {
	Header
	Ref      uint32 // new UserRefNum
	Qty      uint32
	Price    uint64
	OrigRef  uint32
	TIF      uint8
	Display  uint8
	_        [2]uint8
	ClOrdID  [14]byte
	Customer uint8
	Exempt   uint8
}

// Cancel is OUCH 5.0 Cancel Order and Modify Order: the quantity is the intended size of the order.
type Cancel struct {
	Header
	Ref uint32
	Qty uint32
	_   [32]byte
}

// MassCancel is OUCH 5.0 Mass Cancel, Disable Order Entry and Enable Order Entry. Header.Side is tag 27, 0 none.
type MassCancel struct {
	Header
	Ref    uint32
	_      uint32
	Symbol [8]byte // spaces: all
	Firm   [4]byte // spaces: the account's own
	Group  uint16
	_      [18]byte
}

// Refused is a message that the gateway cannot hand on, answered by Rejected: it uses up a UserRefNum.
type Refused struct {
	Header
	Ref     uint32
	_       [16]byte
	Reason  uint16 // reject code
	Message uint8  // OUCH message type
	_       uint8
	ClOrdID [14]byte
	_       [2]uint8
}

// Extension carries the fields that a plain order does not have; see the Tag bits.
type Extension struct {
	Kind        Kind // KindExtension
	_           uint8
	Group       uint16 // 24
	Present     uint32 // Tag bits of what was given
	Firm        [4]byte
	Locate      [4]byte // 26
	StopPrice   uint64  // 128
	Expire      uint64  // 15 seconds to live, or 132 ns since 1970
	MaxFloor    uint32  // 5
	Random      uint32  // 13
	PegOffset   int32   // 7
	TrailOffset int32   // 131
	MinQty      uint32  // 3, of a Replace
	AIQGroup    [2]byte // 30
	PriceType   uint8   // 6
	TradeNow    uint8   // 16
	Handling    uint8   // 17
	Located     uint8   // 25
	AIQ         uint8   // 29
	StopTrigger uint8   // 129
	_           [4]byte
}

// Bits of Extension.Present, one per OUCH option tag.
const (
	Tag2Firm uint32 = 1 << iota
	Tag3MinQty
	Tag5MaxFloor
	Tag6PriceType
	Tag7PegOffset
	Tag9Discretion
	Tag10DiscretionType
	Tag11DiscretionOffset
	Tag13Random
	Tag14Route
	Tag15TimeToLive
	Tag16TradeNow
	Tag17Handling
	Tag24Group
	Tag25Located
	Tag26Locate
	Tag29AIQ
	Tag30AIQGroup
	Tag128Stop
	Tag129Trigger
	Tag131Trail
	Tag132Expire
)

// TagUnknown says that tag 12 came with a letter that is none of ours: an instruction we do not carry out.
const TagUnknown uint32 = 1 << 30

// TagBroken says that a Replace came with an appendage that could not be read to its end (rule 9.4: the original is
// cancelled). The gateway answers a broken Enter by itself, with Refused.
const TagBroken uint32 = 1 << 31

// Fill is one execution, both sides. Instrument, User, Idx and Side of the header are the taker's.
type Fill struct {
	Header
	Match       uint64
	Maker       uint64 // order reference
	Taker       uint64 // order reference
	Price       uint64
	Qty         uint32
	MakerLeaves uint32
}

// Rules is the first command of a journal: what the engine is sized for and which rules it follows.
type Rules struct {
	Header
	Version   uint32
	MaxOrders uint32 // live orders, all instruments
	MaxUsers  uint32
	_         [28]byte
}

// Instrument defines the next instrument index (from 1, in order of appearance).
type Instrument struct {
	Header
	Symbol        [8]byte // space padded
	Tick          uint64  // wire units
	Lot           uint32
	MaxQty        uint32 // lots
	PriceDecimals uint8
	LotDecimals   uint8
	Policy        uint8 // PolicyXxx
	PostOnlyMode  uint8
	InstFlags     uint32
	MaxPrice      uint64 // wire units, at most 1,999,999,900
}

// Policies: how a level is shared among its displayed orders (rule 10).
const (
	PolicyTime    uint8 = 0 // in order of time
	PolicyProRata uint8 = 1 // by Terms: a top order's share, a share by time, the rest in proportion
)

// Terms are what an instrument may have beside its definition: the extension cell of an Instrument command. A zero is the
// default, or nothing.
type Terms struct {
	Kind        Kind // KindExtension
	_           uint8
	FifoPercent uint8  // PolicyProRata: this much by time first, 0 to 100 (rule 10.3)
	TopPercent  uint8  // PolicyProRata: this much to the top order before all, 0 to 100 (rule 10.2)
	MinAlloc    uint32 // lots: smaller shares become none (rule 10.1)
	TopMax      uint32 // lots: the most that a top order gets ahead of others, 0 no limit
	MaxSlices   uint32 // most that quantity / MaxFloor may be, 0: 100 (rule 5.4)
	Collar      uint64 // wire units from the anchor that a market order or a stop may trade, 0 none (rule 5.10)
	CollarBP    uint32 // the same in 1/10,000 of the anchor, 0 none
	MaxPegs     uint32 // live pegged and midpoint orders, 0: 256 (rule 2.6)
	MaxStops    uint32 // pending stops, 0: 10,000 (rule 2.6)
	_           uint32
	Reference   uint64 // wire price that the collar is anchored to before the first trade, 0 none
	_           [16]byte
}

// User defines the next user index (from 1, in order of appearance), or, for a name already known, changes its account.
type User struct {
	Header
	Name       [6]byte // space padded, upper case
	Firm       [4]byte
	Role       uint8
	OnDrop     uint8  // cancel on disconnect
	OpenOrders uint32 // most live orders at once, 0 no limit (rule 2.6)
	Stops      uint32 // most pending stops at once, 0 no limit (rule 2.6)
	SelfMatch  uint8  // letter of tag 29 for orders that name none, 0 or `N`: no prevention (rule 8.1)
	SelfLevel  uint8  // LevelXxx: what counts as the same owner
	SelfGroup  uint16 // LevelGroup: accounts with the same number, 0 none
	Rate       uint32 // Enters and Replaces a second, 0 no limit (rule 3.4)
	Burst      uint32 // so many of them may come at once, 0: 1
	_          [8]byte
}

// Levels of self-trade prevention: who counts as the same owner (rule 8.1).
const (
	LevelAccount uint8 = 0
	LevelFirm    uint8 = 1
	LevelGroup   uint8 = 2
)

// Day opens (`S`) or ends (`E`) a trading day.
type Day struct {
	Header
	Midnight uint64 // ns since 1970: the zero of wire timestamps
	Session  [10]byte
	Event    uint8
	_        [5]byte
	Secret   uint64 // of random refreshes (rule 5.4)
	_        [8]byte
}

// Restart is the first command after a fence.
type Restart struct {
	Header
	Epoch   uint64
	Session [10]byte // of the streams; another one than before: numbers start at 1 again
	Mode    uint8    // durability of this epoch: 0 sync, 1 written, 2 async
	_       [21]byte
}

// Disconnect says that the user's session lost its connection.
type Disconnect struct {
	Header
	Cause uint8
	_     [39]byte
}

// Causes of a Disconnect.
const (
	CauseLogout uint8 = iota + 1
	CauseClosed
	CauseTimeout
	CauseSlow
	CauseKicked
)

// Tick lets time pass: everything due by Header.Time expires.
type Tick struct {
	Header
	Due uint64
	_   [32]byte
}

// Gate closes or opens order entry for all; cancels always pass.
type Gate struct {
	Header
	Closed uint8
	Cause  uint8
	_      [38]byte
}

// Causes of a Gate.
const (
	GateMemory uint8 = iota + 1 // the outbound streams have filled their memory
	GateDisk                    // no spare segment is left
	GateDrain                   // the venue is being stopped
)

// Trading halts an instrument (`H`) or lets it trade again (`T`) (rule 12.1).
type Trading struct {
	Header
	State  uint8
	_      [3]byte
	Reason [4]byte
	_      [32]byte
}

// Bust breaks a trade of the day (rule 12.2). Its extension cell is Owners: the engine remembers no dead orders, whoever
// makes the command reads them from the journal.
type Bust struct {
	Header
	Match  uint64
	Price  uint64
	Qty    uint32
	Reason uint8 // OUCH 5.0 Broken Trade: E C S X
	_      [19]byte
}

// Owners are both sides of a busted trade: the extension cell of a Bust.
type Owners struct {
	Kind         Kind // KindExtension
	_            [7]byte
	Maker, Taker Owner
	_            [8]byte
}

// Owner is one side of a busted trade.
type Owner struct {
	User    uint16
	Idx     uint8
	Side    uint8
	Ref     uint32
	ClOrdID [14]byte
	_       [2]byte
}

// CancelFor cancels orders on behalf of their owners, all filters must hold (rule 12.4): Header.Instrument
// (AllInstruments: any), Header.Side (0: any), Account and Order (0: any).
type CancelFor struct {
	Header
	Account uint16
	_       [6]byte
	Order   uint64 // order reference
	_       [24]byte
}

// The views of a command: the same memory, read as the kind says. The layouts are pinned below and hold no pointer.

func (c *Command) Enter() *Enter           { return (*Enter)(unsafe.Pointer(c)) }
func (c *Command) Replace() *Replace       { return (*Replace)(unsafe.Pointer(c)) }
func (c *Command) Cancel() *Cancel         { return (*Cancel)(unsafe.Pointer(c)) }
func (c *Command) MassCancel() *MassCancel { return (*MassCancel)(unsafe.Pointer(c)) }
func (c *Command) Refused() *Refused       { return (*Refused)(unsafe.Pointer(c)) }
func (c *Command) Rules() *Rules           { return (*Rules)(unsafe.Pointer(c)) }
func (c *Command) AsInstrument() *Instrument {
	return (*Instrument)(unsafe.Pointer(c))
}
func (c *Command) AsUser() *User           { return (*User)(unsafe.Pointer(c)) }
func (c *Command) Day() *Day               { return (*Day)(unsafe.Pointer(c)) }
func (c *Command) Restart() *Restart       { return (*Restart)(unsafe.Pointer(c)) }
func (c *Command) Disconnect() *Disconnect { return (*Disconnect)(unsafe.Pointer(c)) }
func (c *Command) Tick() *Tick             { return (*Tick)(unsafe.Pointer(c)) }
func (c *Command) Gate() *Gate             { return (*Gate)(unsafe.Pointer(c)) }
func (c *Command) Trading() *Trading       { return (*Trading)(unsafe.Pointer(c)) }
func (c *Command) Bust() *Bust             { return (*Bust)(unsafe.Pointer(c)) }
func (c *Command) CancelFor() *CancelFor   { return (*CancelFor)(unsafe.Pointer(c)) }

// Terms and Owners are the extension cell, read as an Instrument command and a Bust have it.

func (c *Command) Terms() *Terms   { return (*Terms)(unsafe.Pointer(&c.Ext)) }
func (c *Command) Owners() *Owners { return (*Owners)(unsafe.Pointer(&c.Ext)) }

// Cells returns the command's bytes as the journal holds them: 64, or 128 with an extension. They share its memory.
func (c *Command) Cells() []byte {
	n := CellSize
	if c.Flags&FlagExtension != 0 {
		n = 2 * CellSize
	}
	return (*[2 * CellSize]byte)(unsafe.Pointer(c))[:n]
}

// Load makes c the command that lies in cells (one cell, or two). It returns how many cells it took, 0 if the cells hold
// no command or the extension is missing; c is then anything.
func (c *Command) Load(cells []byte) int {
	if len(cells) < CellSize || !Kind(cells[0]).Command() {
		return 0
	}
	loadCell((*[CellSize]byte)(unsafe.Pointer(c)), (*[CellSize]byte)(cells))
	n := 1
	if c.Flags&FlagExtension != 0 {
		n = 2
		if len(cells) < 2*CellSize || Kind(cells[CellSize]) != KindExtension {
			return 0
		}
		loadCell((*[CellSize]byte)(unsafe.Pointer(&c.Ext)), (*[CellSize]byte)(cells[CellSize:]))
	}
	return n
}

// loadCell copies a cell in pieces for which no function is called.
func loadCell(to, from *[CellSize]byte) {
	d, s := (*[4][16]byte)(unsafe.Pointer(to)), (*[4][16]byte)(unsafe.Pointer(from))
	d[0] = s[0]
	d[1] = s[1]
	d[2] = s[2]
	d[3] = s[3]
}

// Command says whether a cell of this kind is a command.
func (k Kind) Command() bool {
	const orders, venue = 2<<KindRefused - 1<<KindEnter, 2<<KindCancelFor - 1<<KindRules
	return k < 64 && (orders|venue)>>k&1 != 0
}

// Cell returns the fill's bytes as the journal holds them. They share its memory.
func (f *Fill) Cell() *[CellSize]byte { return (*[CellSize]byte)(unsafe.Pointer(f)) }

// Load makes f the fill that lies in a cell.
func (f *Fill) Load(cell []byte) { copy((*[CellSize]byte)(unsafe.Pointer(f))[:], cell[:CellSize]) }

// CellSize is the size of a cell in bytes.
const CellSize = 64

// Event is one thing that happened to one order or account, told to one owner: one event = one OUCH message = one
// SoupBinTCP number. What the public sees is derived from the same events.
type Event struct {
	Kind       uint8  // the letter of the OUCH message: A U C D E B J T M R Q X G K S
	Flags      uint8  // EventXxx
	Instrument uint16 // index, 0 none
	User       uint16 // owner
	Idx        uint8  // UserRefIdx of the order
	Side       uint8  // B S T E, 0 none
	Ref        uint32 // UserRefNum of the order; Q: the next usable one
	OrigRef    uint32 // U: the UserRefNum that was replaced
	Qty        uint32 // of this event: accepted, outstanding (U, M), decremented (C, D), executed (E), shown anew (R)
	Leaves     uint32 // of the order after the event
	Order      uint64 // order reference; U, T: the new one
	Link       uint64 // E, B: match number; U, T, R: the order reference before; C, M, D: lots that the book shows less
	Price      uint64 // wire integer; E: of the execution; D: at which it would have been
	Number     uint64 // of this message in the owner's stream, from 1
	ClOrdID    [14]byte
	Reason     uint16 // J: reject code; C, R, B, S: letter; E, D: liquidity letter
	TIF        uint8  // A, U; D: the letter of the prevention (tag 29)
	Display    uint8  // A, U, T, R
	Capacity   uint8  // A, U
	Cross      uint8  // A, U
	Shown      uint32 // what the book shows of the order after the event; 0: it is hidden, pending, not in the book (yet)
}

// EventSize is the size of an Event in bytes.
const EventSize = 80

// Flags of an Event.
const (
	EventSweep   uint8 = 1   // A, U: InterMarket Sweep `Y`
	EventTaker   uint8 = 2   // E: the owner is the aggressor; the maker's E is the event before it
	EventHidden  uint8 = 4   // the order stands, or stood, undisplayed
	EventRests   uint8 = 8   // last event of an aggressor that comes to rest with Leaves; T: of an order that Modify made larger
	EventCarried uint8 = 16  // A: told again after a restart that began a new session
	EventPending uint8 = 32  // A, U, C, M, T: the order is a stop that waits for its trigger
	EventShown   uint8 = 64  // U, T: the order before was displayed
	EventPublic  uint8 = 128 // U, T: and attributed to its firm (display `A`)
)

// The layouts, pinned.
var (
	_ [24]byte           = [unsafe.Sizeof(Header{})]byte{}
	_ [2 * CellSize]byte = [unsafe.Sizeof(Command{})]byte{}
	_ [CellSize]byte     = [unsafe.Offsetof(Command{}.Ext)]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Enter{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Replace{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Cancel{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(MassCancel{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Refused{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Extension{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Fill{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Rules{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Instrument{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(User{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Day{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Restart{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Disconnect{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Tick{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Gate{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Trading{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Bust{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Owners{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(CancelFor{})]byte{}
	_ [CellSize]byte     = [unsafe.Sizeof(Terms{})]byte{}
	_ [EventSize]byte    = [unsafe.Sizeof(Event{})]byte{}

	// What the short way takes as words (plain.go).
	_ [44]byte = [unsafe.Offsetof(Enter{}.TIF)]byte{} // TIF, Display, Capacity, Cross, as an event has them at 72
	_ [48]byte = [unsafe.Offsetof(Enter{}.ClOrdID)]byte{}
	_ [44]byte = [unsafe.Offsetof(Replace{}.TIF)]byte{}
	_ [48]byte = [unsafe.Offsetof(Replace{}.ClOrdID)]byte{}
	_ [56]byte = [unsafe.Offsetof(Event{}.ClOrdID)]byte{}
	_ [70]byte = [unsafe.Offsetof(Event{}.Reason)]byte{}
	_ [72]byte = [unsafe.Offsetof(Event{}.TIF)]byte{}
	_ [76]byte = [unsafe.Offsetof(Event{}.Shown)]byte{}
)
