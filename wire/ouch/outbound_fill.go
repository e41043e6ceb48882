package ouch

// What takes from an order or from a trade, and what does not yet: Executed, Canceled, AIQCanceled, BrokenTrade,
// CancelPending, CancelReject. Decode as in outbound.go.

// Executed is OUCH 5.0 Order Executed. What is left of the order is not in it: the client counts.
type Executed struct {
	Timestamp   uint64
	UserRefNum  uint32
	Quantity    uint32 // of this execution
	Price       uint64 // of this execution
	Liquidity   byte   // LiquidityXxx
	MatchNumber uint64 // the same for both sides, and in ITCH
	Appendage   []byte
}

// Decode reads a message.
func (m *Executed) Decode(b []byte) error {
	if len(b) < ExecutedSize {
		return ErrLength
	}
	p := (*[ExecutedSize]byte)(b)
	if p[0] != TypeExecuted {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.UserRefNum = u32(p[9:13])
	m.Quantity = u32(p[13:17])
	m.Price = u64(p[17:25])
	m.Liquidity = p[25]
	m.MatchNumber = u64(p[26:34])
	var err error
	m.Appendage, err = elements(b[34:], outbound)
	return err
}

// Append appends the message.
func (m *Executed) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, ExecutedSize)
	p := (*ExecutedBytes)(dst[n:])
	p.SetType()
	p.SetTimestamp(m.Timestamp)
	p.SetUserRefNum(m.UserRefNum)
	p.SetQuantity(m.Quantity)
	p.SetPrice(m.Price)
	p.SetLiquidity(m.Liquidity)
	p.SetMatchNumber(m.MatchNumber)
	p.SetAppendageSize(sizeOf(m.Appendage))
	return append(dst, m.Appendage...)
}

// Canceled is OUCH 5.0 Order Canceled: the order became smaller, or is gone.
type Canceled struct {
	Timestamp  uint64
	UserRefNum uint32
	Quantity   uint32 // by which the order became smaller
	Reason     byte   // CanceledXxx
	Appendage  []byte
}

// Decode reads a message.
func (m *Canceled) Decode(b []byte) error {
	if len(b) < CanceledSize {
		return ErrLength
	}
	p := (*[CanceledSize]byte)(b)
	if p[0] != TypeCanceled {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.UserRefNum = u32(p[9:13])
	m.Quantity = u32(p[13:17])
	m.Reason = p[17]
	var err error
	m.Appendage, err = elements(b[CanceledSize:], outbound)
	return err
}

// Append appends the message.
func (m *Canceled) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, CanceledSize)
	p := (*CanceledBytes)(dst[n:])
	p.SetType()
	p.SetTimestamp(m.Timestamp)
	p.SetUserRefNum(m.UserRefNum)
	p.SetQuantity(m.Quantity)
	p.SetReason(m.Reason)
	return appendOptional(dst, m.Appendage)
}

// AIQCanceled is OUCH 5.0 AIQ Canceled: self-match prevention made the order smaller, or ended it.
type AIQCanceled struct {
	Timestamp  uint64
	UserRefNum uint32
	Quantity   uint32 // by which the order became smaller
	Reason     byte   // CanceledSelfMatch
	Prevented  uint32 // quantity that was kept from trading
	Price      uint64 // at which it would have traded
	Liquidity  byte
	Strategy   byte // AIQXxx
	Appendage  []byte
}

// Decode reads a message.
func (m *AIQCanceled) Decode(b []byte) error {
	if len(b) < AIQCanceledSize {
		return ErrLength
	}
	p := (*[AIQCanceledSize]byte)(b)
	if p[0] != TypeAIQCanceled {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.UserRefNum = u32(p[9:13])
	m.Quantity = u32(p[13:17])
	m.Reason = p[17]
	m.Prevented = u32(p[18:22])
	m.Price = u64(p[22:30])
	m.Liquidity = p[30]
	m.Strategy = p[31]
	var err error
	m.Appendage, err = elements(b[AIQCanceledSize:], outbound)
	return err
}

// Append appends the message.
func (m *AIQCanceled) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, AIQCanceledSize)
	p := (*[AIQCanceledSize]byte)(dst[n:])
	p[0] = TypeAIQCanceled
	put64(p[1:9], m.Timestamp)
	put32(p[9:13], m.UserRefNum)
	put32(p[13:17], m.Quantity)
	p[17] = m.Reason
	put32(p[18:22], m.Prevented)
	put64(p[22:30], m.Price)
	p[30] = m.Liquidity
	p[31] = m.Strategy
	return appendOptional(dst, m.Appendage)
}

// BrokenTrade is OUCH 5.0 Broken Trade.
type BrokenTrade struct {
	Timestamp   uint64
	UserRefNum  uint32
	MatchNumber uint64
	Reason      byte // BrokenXxx
	ClOrdID     [14]byte
	Appendage   []byte
}

// Decode reads a message.
func (m *BrokenTrade) Decode(b []byte) error {
	if len(b) < BrokenTradeSize {
		return ErrLength
	}
	p := (*[BrokenTradeSize]byte)(b)
	if p[0] != TypeBrokenTrade {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.UserRefNum = u32(p[9:13])
	m.MatchNumber = u64(p[13:21])
	m.Reason = p[21]
	m.ClOrdID = [14]byte(p[22:36])
	var err error
	m.Appendage, err = elements(b[BrokenTradeSize:], outbound)
	return err
}

// Append appends the message.
func (m *BrokenTrade) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, BrokenTradeSize)
	p := (*[BrokenTradeSize]byte)(dst[n:])
	p[0] = TypeBrokenTrade
	put64(p[1:9], m.Timestamp)
	put32(p[9:13], m.UserRefNum)
	put64(p[13:21], m.MatchNumber)
	p[21] = m.Reason
	*(*[14]byte)(p[22:36]) = m.ClOrdID
	return appendOptional(dst, m.Appendage)
}

// CancelPending is OUCH 5.0 Cancel Pending: the order is cancelled after the cross.
type CancelPending struct {
	Timestamp  uint64
	UserRefNum uint32
	Appendage  []byte
}

// Decode reads a message.
func (m *CancelPending) Decode(b []byte) error {
	if len(b) < CancelPendingSize {
		return ErrLength
	}
	p := (*[CancelPendingSize]byte)(b)
	if p[0] != TypeCancelPending {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.UserRefNum = u32(p[9:13])
	var err error
	m.Appendage, err = elements(b[CancelPendingSize:], outbound)
	return err
}

// Append appends the message.
func (m *CancelPending) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, CancelPendingSize)
	p := (*[CancelPendingSize]byte)(dst[n:])
	p[0] = TypeCancelPending
	put64(p[1:9], m.Timestamp)
	put32(p[9:13], m.UserRefNum)
	return appendOptional(dst, m.Appendage)
}

// CancelReject is OUCH 5.0 Cancel Reject: the order cannot be made smaller so late before the cross.
type CancelReject struct {
	Timestamp  uint64
	UserRefNum uint32
	Appendage  []byte
}

// Decode reads a message.
func (m *CancelReject) Decode(b []byte) error {
	if len(b) < CancelRejectSize {
		return ErrLength
	}
	p := (*[CancelRejectSize]byte)(b)
	if p[0] != TypeCancelReject {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.UserRefNum = u32(p[9:13])
	var err error
	m.Appendage, err = elements(b[CancelRejectSize:], outbound)
	return err
}

// Append appends the message.
func (m *CancelReject) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, CancelRejectSize)
	p := (*[CancelRejectSize]byte)(dst[n:])
	p[0] = TypeCancelReject
	put64(p[1:9], m.Timestamp)
	put32(p[9:13], m.UserRefNum)
	return appendOptional(dst, m.Appendage)
}
