package ouch

// The messages that nearly all traffic is, in their own bytes: a field is read or written where it lies, and nothing is copied
// in between. Decode and Append are made of these. An appendage is behind them, and none of their business.

// EnterOrderBytes is an Enter Order up to the length of its appendage.
type EnterOrderBytes [EnterOrderSize]byte

// The fields of an Enter Order: see EnterOrder.

func (p *EnterOrderBytes) UserRefNum() uint32    { return u32(p[1:5]) }
func (p *EnterOrderBytes) Side() byte            { return p[5] }
func (p *EnterOrderBytes) Quantity() uint32      { return u32(p[6:10]) }
func (p *EnterOrderBytes) Symbol() [8]byte       { return [8]byte(p[10:18]) }
func (p *EnterOrderBytes) Price() uint64         { return u64(p[18:26]) }
func (p *EnterOrderBytes) TimeInForce() byte     { return p[26] }
func (p *EnterOrderBytes) Display() byte         { return p[27] }
func (p *EnterOrderBytes) Capacity() byte        { return p[28] }
func (p *EnterOrderBytes) Sweep() byte           { return p[29] }
func (p *EnterOrderBytes) CrossType() byte       { return p[30] }
func (p *EnterOrderBytes) ClOrdID() *[14]byte    { return (*[14]byte)(p[31:45]) }
func (p *EnterOrderBytes) AppendageSize() uint16 { return u16(p[45:47]) }

// CancelOrderBytes is a Cancel Order without an appendage.
type CancelOrderBytes [CancelOrderSize]byte

// The fields of a Cancel Order: see CancelOrder.

func (p *CancelOrderBytes) UserRefNum() uint32 { return u32(p[1:5]) }
func (p *CancelOrderBytes) Quantity() uint32   { return u32(p[5:9]) }

// AcceptedBytes is an Accepted up to the length of its appendage.
type AcceptedBytes [AcceptedSize]byte

// The fields of an Accepted: see Accepted.

func (p *AcceptedBytes) SetType()                  { p[0] = TypeAccepted }
func (p *AcceptedBytes) SetTimestamp(v uint64)     { put64(p[1:9], v) }
func (p *AcceptedBytes) SetUserRefNum(v uint32)    { put32(p[9:13], v) }
func (p *AcceptedBytes) SetSide(v byte)            { p[13] = v }
func (p *AcceptedBytes) SetQuantity(v uint32)      { put32(p[14:18], v) }
func (p *AcceptedBytes) SetSymbol(v [8]byte)       { *(*[8]byte)(p[18:26]) = v }
func (p *AcceptedBytes) SetPrice(v uint64)         { put64(p[26:34], v) }
func (p *AcceptedBytes) SetTimeInForce(v byte)     { p[34] = v }
func (p *AcceptedBytes) SetDisplay(v byte)         { p[35] = v }
func (p *AcceptedBytes) SetOrderRef(v uint64)      { put64(p[36:44], v) }
func (p *AcceptedBytes) SetCapacity(v byte)        { p[44] = v }
func (p *AcceptedBytes) SetSweep(v byte)           { p[45] = v }
func (p *AcceptedBytes) SetCrossType(v byte)       { p[46] = v }
func (p *AcceptedBytes) SetState(v byte)           { p[47] = v }
func (p *AcceptedBytes) SetClOrdID(v *[14]byte)    { *(*[14]byte)(p[48:62]) = *v }
func (p *AcceptedBytes) SetAppendageSize(v uint16) { put16(p[62:64], v) }

// ExecutedBytes is an Executed up to the length of its appendage.
type ExecutedBytes [ExecutedSize]byte

// The fields of an Executed: see Executed.

func (p *ExecutedBytes) SetType()                  { p[0] = TypeExecuted }
func (p *ExecutedBytes) SetTimestamp(v uint64)     { put64(p[1:9], v) }
func (p *ExecutedBytes) SetUserRefNum(v uint32)    { put32(p[9:13], v) }
func (p *ExecutedBytes) SetQuantity(v uint32)      { put32(p[13:17], v) }
func (p *ExecutedBytes) SetPrice(v uint64)         { put64(p[17:25], v) }
func (p *ExecutedBytes) SetLiquidity(v byte)       { p[25] = v }
func (p *ExecutedBytes) SetMatchNumber(v uint64)   { put64(p[26:34], v) }
func (p *ExecutedBytes) SetAppendageSize(v uint16) { put16(p[34:36], v) }

// CanceledBytes is a Canceled without an appendage.
type CanceledBytes [CanceledSize]byte

// The fields of a Canceled: see Canceled.

func (p *CanceledBytes) SetType()               { p[0] = TypeCanceled }
func (p *CanceledBytes) SetTimestamp(v uint64)  { put64(p[1:9], v) }
func (p *CanceledBytes) SetUserRefNum(v uint32) { put32(p[9:13], v) }
func (p *CanceledBytes) SetQuantity(v uint32)   { put32(p[13:17], v) }
func (p *CanceledBytes) SetReason(v byte)       { p[17] = v }
