package ouch

// What the venue says about how an order stands: Accepted, Replaced, Modified, Restated, PriorityUpdate, Rejected. What
// takes from it is in outbound_fill.go, what is not about an order in account.go.
//
// Every Decode of these files returns ErrLength, ErrType or ErrAppendage, and passes over bytes behind the message. After
// ErrAppendage all other fields are set.

// Accepted is OUCH 5.0 Order Accepted. It comes before anything else about the order.
type Accepted struct {
	Timestamp   uint64
	UserRefNum  uint32
	Side        byte
	Quantity    uint32
	Symbol      [8]byte
	Price       uint64 // as accepted
	TimeInForce byte
	Display     byte
	OrderRef    uint64 // the venue's number of the order, the same as in ITCH
	Capacity    byte
	Sweep       byte
	CrossType   byte
	State       byte // StateLive or StateDead
	ClOrdID     [14]byte
	Appendage   []byte
}

// Decode reads a message.
func (m *Accepted) Decode(b []byte) error {
	if len(b) < AcceptedSize {
		return ErrLength
	}
	p := (*[AcceptedSize]byte)(b)
	if p[0] != TypeAccepted {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.UserRefNum = u32(p[9:13])
	m.Side = p[13]
	m.Quantity = u32(p[14:18])
	m.Symbol = [8]byte(p[18:26])
	m.Price = u64(p[26:34])
	m.TimeInForce = p[34]
	m.Display = p[35]
	m.OrderRef = u64(p[36:44])
	m.Capacity = p[44]
	m.Sweep = p[45]
	m.CrossType = p[46]
	m.State = p[47]
	m.ClOrdID = [14]byte(p[48:62])
	var err error
	m.Appendage, err = elements(b[62:], outbound)
	return err
}

// Append appends the message.
func (m *Accepted) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, AcceptedSize)
	p := (*AcceptedBytes)(dst[n:])
	p.SetType()
	p.SetTimestamp(m.Timestamp)
	p.SetUserRefNum(m.UserRefNum)
	p.SetSide(m.Side)
	p.SetQuantity(m.Quantity)
	p.SetSymbol(m.Symbol)
	p.SetPrice(m.Price)
	p.SetTimeInForce(m.TimeInForce)
	p.SetDisplay(m.Display)
	p.SetOrderRef(m.OrderRef)
	p.SetCapacity(m.Capacity)
	p.SetSweep(m.Sweep)
	p.SetCrossType(m.CrossType)
	p.SetState(m.State)
	p.SetClOrdID(&m.ClOrdID)
	p.SetAppendageSize(sizeOf(m.Appendage))
	return append(dst, m.Appendage...)
}

// Replaced is OUCH 5.0 Order Replaced.
type Replaced struct {
	Timestamp      uint64
	OrigUserRefNum uint32
	UserRefNum     uint32
	Side           byte
	Quantity       uint32 // outstanding
	Symbol         [8]byte
	Price          uint64 // as accepted
	TimeInForce    byte
	Display        byte
	OrderRef       uint64 // a new one
	Capacity       byte
	Sweep          byte
	CrossType      byte
	State          byte // StateLive or StateDead
	ClOrdID        [14]byte
	Appendage      []byte
}

// Decode reads a message.
func (m *Replaced) Decode(b []byte) error {
	if len(b) < ReplacedSize {
		return ErrLength
	}
	p := (*[ReplacedSize]byte)(b)
	if p[0] != TypeReplaced {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.OrigUserRefNum = u32(p[9:13])
	m.UserRefNum = u32(p[13:17])
	m.Side = p[17]
	m.Quantity = u32(p[18:22])
	m.Symbol = [8]byte(p[22:30])
	m.Price = u64(p[30:38])
	m.TimeInForce = p[38]
	m.Display = p[39]
	m.OrderRef = u64(p[40:48])
	m.Capacity = p[48]
	m.Sweep = p[49]
	m.CrossType = p[50]
	m.State = p[51]
	m.ClOrdID = [14]byte(p[52:66])
	var err error
	m.Appendage, err = elements(b[66:], outbound)
	return err
}

// Append appends the message.
func (m *Replaced) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, ReplacedSize)
	p := (*[ReplacedSize]byte)(dst[n:])
	p[0] = TypeReplaced
	put64(p[1:9], m.Timestamp)
	put32(p[9:13], m.OrigUserRefNum)
	put32(p[13:17], m.UserRefNum)
	p[17] = m.Side
	put32(p[18:22], m.Quantity)
	*(*[8]byte)(p[22:30]) = m.Symbol
	put64(p[30:38], m.Price)
	p[38] = m.TimeInForce
	p[39] = m.Display
	put64(p[40:48], m.OrderRef)
	p[48] = m.Capacity
	p[49] = m.Sweep
	p[50] = m.CrossType
	p[51] = m.State
	*(*[14]byte)(p[52:66]) = m.ClOrdID
	put16(p[66:68], sizeOf(m.Appendage))
	return append(dst, m.Appendage...)
}

// Modified is OUCH 5.0 Order Modified.
type Modified struct {
	Timestamp  uint64
	UserRefNum uint32
	Side       byte
	Quantity   uint32 // outstanding
	Appendage  []byte
}

// Decode reads a message.
func (m *Modified) Decode(b []byte) error {
	if len(b) < ModifiedSize {
		return ErrLength
	}
	p := (*[ModifiedSize]byte)(b)
	if p[0] != TypeModified {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.UserRefNum = u32(p[9:13])
	m.Side = p[13]
	m.Quantity = u32(p[14:18])
	var err error
	m.Appendage, err = elements(b[ModifiedSize:], outbound)
	return err
}

// Append appends the message.
func (m *Modified) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, ModifiedSize)
	p := (*[ModifiedSize]byte)(dst[n:])
	p[0] = TypeModified
	put64(p[1:9], m.Timestamp)
	put32(p[9:13], m.UserRefNum)
	p[13] = m.Side
	put32(p[14:18], m.Quantity)
	return appendOptional(dst, m.Appendage)
}

// Restated is OUCH 5.0 Order Restated; tags 1, 22 and 23 say how.
type Restated struct {
	Timestamp  uint64
	UserRefNum uint32
	Reason     byte // RestatedXxx
	Appendage  []byte
}

// Decode reads a message.
func (m *Restated) Decode(b []byte) error {
	if len(b) < RestatedSize {
		return ErrLength
	}
	p := (*[RestatedSize]byte)(b)
	if p[0] != TypeRestated {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.UserRefNum = u32(p[9:13])
	m.Reason = p[13]
	var err error
	m.Appendage, err = elements(b[14:], outbound)
	return err
}

// Append appends the message.
func (m *Restated) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, RestatedSize)
	p := (*[RestatedSize]byte)(dst[n:])
	p[0] = TypeRestated
	put64(p[1:9], m.Timestamp)
	put32(p[9:13], m.UserRefNum)
	p[13] = m.Reason
	put16(p[14:16], sizeOf(m.Appendage))
	return append(dst, m.Appendage...)
}

// PriorityUpdate is OUCH 5.0 Order Priority Update.
type PriorityUpdate struct {
	Timestamp  uint64
	UserRefNum uint32
	Price      uint64
	Display    byte
	OrderRef   uint64 // a new one
	Appendage  []byte
}

// Decode reads a message.
func (m *PriorityUpdate) Decode(b []byte) error {
	if len(b) < PriorityUpdateSize {
		return ErrLength
	}
	p := (*[PriorityUpdateSize]byte)(b)
	if p[0] != TypePriorityUpdate {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.UserRefNum = u32(p[9:13])
	m.Price = u64(p[13:21])
	m.Display = p[21]
	m.OrderRef = u64(p[22:30])
	var err error
	m.Appendage, err = elements(b[PriorityUpdateSize:], outbound)
	return err
}

// Append appends the message.
func (m *PriorityUpdate) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, PriorityUpdateSize)
	p := (*[PriorityUpdateSize]byte)(dst[n:])
	p[0] = TypePriorityUpdate
	put64(p[1:9], m.Timestamp)
	put32(p[9:13], m.UserRefNum)
	put64(p[13:21], m.Price)
	p[21] = m.Display
	put64(p[22:30], m.OrderRef)
	return appendOptional(dst, m.Appendage)
}

// Rejected is OUCH 5.0 Rejected. It uses up the UserRefNum.
type Rejected struct {
	Timestamp  uint64
	UserRefNum uint32
	Reason     uint16 // RejectXxx
	ClOrdID    [14]byte
	Appendage  []byte
}

// Decode reads a message.
func (m *Rejected) Decode(b []byte) error {
	if len(b) < RejectedSize {
		return ErrLength
	}
	p := (*[RejectedSize]byte)(b)
	if p[0] != TypeRejected {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.UserRefNum = u32(p[9:13])
	m.Reason = u16(p[13:15])
	m.ClOrdID = [14]byte(p[15:29])
	var err error
	m.Appendage, err = elements(b[RejectedSize:], outbound)
	return err
}

// Append appends the message.
func (m *Rejected) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, RejectedSize)
	p := (*[RejectedSize]byte)(dst[n:])
	p[0] = TypeRejected
	put64(p[1:9], m.Timestamp)
	put32(p[9:13], m.UserRefNum)
	put16(p[13:15], m.Reason)
	*(*[14]byte)(p[15:29]) = m.ClOrdID
	return appendOptional(dst, m.Appendage)
}
