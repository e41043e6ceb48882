package ouch

// Every Decode of this file returns ErrLength, ErrType or ErrAppendage. After ErrAppendage all other fields are set, and
// Appendage holds what there is of the elements.

// EnterOrder is OUCH 5.0 Enter Order.
type EnterOrder struct {
	UserRefNum  uint32 // increasing within the account's channel (tag 28)
	Side        byte
	Quantity    uint32
	Symbol      [8]byte
	Price       uint64
	TimeInForce byte
	Display     byte
	Capacity    byte
	Sweep       byte
	CrossType   byte
	ClOrdID     [14]byte // the client's own, echoed
	Appendage   []byte
}

// Decode reads a message.
func (m *EnterOrder) Decode(b []byte) error {
	if len(b) < EnterOrderSize {
		return ErrLength
	}
	p := (*EnterOrderBytes)(b)
	if p[0] != TypeEnterOrder {
		return ErrType
	}
	m.UserRefNum, m.Side, m.Quantity, m.Symbol, m.Price = p.UserRefNum(), p.Side(), p.Quantity(), p.Symbol(), p.Price()
	m.TimeInForce, m.Display, m.Capacity, m.Sweep, m.CrossType = p.TimeInForce(), p.Display(), p.Capacity(), p.Sweep(), p.CrossType()
	m.ClOrdID = *p.ClOrdID()
	var err error
	m.Appendage, err = elements(b[45:], inbound)
	return err
}

// Append appends the message.
func (m *EnterOrder) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, EnterOrderSize)
	p := (*[EnterOrderSize]byte)(dst[n:])
	p[0] = TypeEnterOrder
	put32(p[1:5], m.UserRefNum)
	p[5] = m.Side
	put32(p[6:10], m.Quantity)
	*(*[8]byte)(p[10:18]) = m.Symbol
	put64(p[18:26], m.Price)
	p[26] = m.TimeInForce
	p[27] = m.Display
	p[28] = m.Capacity
	p[29] = m.Sweep
	p[30] = m.CrossType
	*(*[14]byte)(p[31:45]) = m.ClOrdID
	put16(p[45:47], sizeOf(m.Appendage))
	return append(dst, m.Appendage...)
}

// ReplaceOrder is OUCH 5.0 Replace Order. Side, symbol, capacity and cross type stay those of the original.
type ReplaceOrder struct {
	OrigUserRefNum uint32
	UserRefNum     uint32 // new, increasing like that of EnterOrder
	Quantity       uint32 // of the whole chain, what is executed included
	Price          uint64
	TimeInForce    byte
	Display        byte
	Sweep          byte
	ClOrdID        [14]byte
	Appendage      []byte
}

// Decode reads a message.
func (m *ReplaceOrder) Decode(b []byte) error {
	if len(b) < ReplaceOrderSize {
		return ErrLength
	}
	p := (*[ReplaceOrderSize]byte)(b)
	if p[0] != TypeReplaceOrder {
		return ErrType
	}
	m.OrigUserRefNum = u32(p[1:5])
	m.UserRefNum = u32(p[5:9])
	m.Quantity = u32(p[9:13])
	m.Price = u64(p[13:21])
	m.TimeInForce = p[21]
	m.Display = p[22]
	m.Sweep = p[23]
	m.ClOrdID = [14]byte(p[24:38])
	var err error
	m.Appendage, err = elements(b[38:], inbound)
	return err
}

// Append appends the message.
func (m *ReplaceOrder) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, ReplaceOrderSize)
	p := (*[ReplaceOrderSize]byte)(dst[n:])
	p[0] = TypeReplaceOrder
	put32(p[1:5], m.OrigUserRefNum)
	put32(p[5:9], m.UserRefNum)
	put32(p[9:13], m.Quantity)
	put64(p[13:21], m.Price)
	p[21] = m.TimeInForce
	p[22] = m.Display
	p[23] = m.Sweep
	*(*[14]byte)(p[24:38]) = m.ClOrdID
	put16(p[38:40], sizeOf(m.Appendage))
	return append(dst, m.Appendage...)
}

// CancelOrder is OUCH 5.0 Cancel Order.
type CancelOrder struct {
	UserRefNum uint32
	Quantity   uint32 // intended size of the order, what is executed included; 0: cancel all that is open
	Appendage  []byte
}

// Decode reads a message.
func (m *CancelOrder) Decode(b []byte) error {
	if len(b) < CancelOrderSize {
		return ErrLength
	}
	p := (*CancelOrderBytes)(b)
	if p[0] != TypeCancelOrder {
		return ErrType
	}
	m.UserRefNum, m.Quantity = p.UserRefNum(), p.Quantity()
	var err error
	m.Appendage, err = elements(b[CancelOrderSize:], inbound)
	return err
}

// Append appends the message.
func (m *CancelOrder) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, CancelOrderSize)
	p := (*[CancelOrderSize]byte)(dst[n:])
	p[0] = TypeCancelOrder
	put32(p[1:5], m.UserRefNum)
	put32(p[5:9], m.Quantity)
	return appendOptional(dst, m.Appendage)
}

// ModifyOrder is OUCH 5.0 Modify Order.
type ModifyOrder struct {
	UserRefNum uint32
	Side       byte   // among the sides that sell
	Quantity   uint32 // intended size of the order, what is executed included; 0: cancel all that is open
	Appendage  []byte
}

// Decode reads a message.
func (m *ModifyOrder) Decode(b []byte) error {
	if len(b) < ModifyOrderSize {
		return ErrLength
	}
	p := (*[ModifyOrderSize]byte)(b)
	if p[0] != TypeModifyOrder {
		return ErrType
	}
	m.UserRefNum = u32(p[1:5])
	m.Side = p[5]
	m.Quantity = u32(p[6:10])
	var err error
	m.Appendage, err = elements(b[ModifyOrderSize:], inbound)
	return err
}

// Append appends the message.
func (m *ModifyOrder) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, ModifyOrderSize)
	p := (*[ModifyOrderSize]byte)(dst[n:])
	p[0] = TypeModifyOrder
	put32(p[1:5], m.UserRefNum)
	p[5] = m.Side
	put32(p[6:10], m.Quantity)
	return appendOptional(dst, m.Appendage)
}

// AccountQuery is OUCH 5.0 Account Query: which UserRefNum comes next? QueryResponse answers.
type AccountQuery struct {
	Appendage []byte
}

// Decode reads a message.
func (m *AccountQuery) Decode(b []byte) error {
	if len(b) < AccountQuerySize {
		return ErrLength
	}
	if b[0] != TypeAccountQuery {
		return ErrType
	}
	var err error
	m.Appendage, err = elements(b[AccountQuerySize:], inbound)
	return err
}

// Append appends the message.
func (m *AccountQuery) Append(dst []byte) []byte {
	return appendOptional(append(dst, TypeAccountQuery), m.Appendage)
}

// MassCancel is OUCH 5.0 Mass Cancel (revision 1.05): cancel what the firm, the symbol and the tags 24, 27, 28 select.
type MassCancel struct {
	UserRefNum uint32  // new, increasing like that of EnterOrder
	Firm       [4]byte // spaces: the account's own
	Symbol     [8]byte // spaces: all
	Appendage  []byte
}

// Decode reads a message.
func (m *MassCancel) Decode(b []byte) error {
	if len(b) < MassCancelSize {
		return ErrLength
	}
	p := (*[MassCancelSize]byte)(b)
	if p[0] != TypeMassCancel {
		return ErrType
	}
	m.UserRefNum = u32(p[1:5])
	m.Firm = [4]byte(p[5:9])
	m.Symbol = [8]byte(p[9:17])
	var err error
	m.Appendage, err = elements(b[17:], inbound)
	return err
}

// Append appends the message.
func (m *MassCancel) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, MassCancelSize)
	p := (*[MassCancelSize]byte)(dst[n:])
	p[0] = TypeMassCancel
	put32(p[1:5], m.UserRefNum)
	*(*[4]byte)(p[5:9]) = m.Firm
	*(*[8]byte)(p[9:17]) = m.Symbol
	put16(p[17:19], sizeOf(m.Appendage))
	return append(dst, m.Appendage...)
}

// DisableEntry is OUCH 5.0 Disable Order Entry (revision 1.05): the firm may enter no orders on this account.
type DisableEntry struct {
	UserRefNum uint32  // new, increasing like that of EnterOrder
	Firm       [4]byte // spaces: the account's own
	Appendage  []byte
}

// Decode reads a message.
func (m *DisableEntry) Decode(b []byte) error {
	if len(b) < DisableEntrySize {
		return ErrLength
	}
	p := (*[DisableEntrySize]byte)(b)
	if p[0] != TypeDisableEntry {
		return ErrType
	}
	m.UserRefNum = u32(p[1:5])
	m.Firm = [4]byte(p[5:9])
	var err error
	m.Appendage, err = elements(b[9:], inbound)
	return err
}

// Append appends the message.
func (m *DisableEntry) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, DisableEntrySize)
	p := (*[DisableEntrySize]byte)(dst[n:])
	p[0] = TypeDisableEntry
	put32(p[1:5], m.UserRefNum)
	*(*[4]byte)(p[5:9]) = m.Firm
	put16(p[9:11], sizeOf(m.Appendage))
	return append(dst, m.Appendage...)
}

// EnableEntry is OUCH 5.0 Enable Order Entry (revision 1.05): what DisableEntry forbade is allowed again.
type EnableEntry struct {
	UserRefNum uint32  // new, increasing like that of EnterOrder
	Firm       [4]byte // spaces: the account's own
	Appendage  []byte
}

// Decode reads a message.
func (m *EnableEntry) Decode(b []byte) error {
	if len(b) < EnableEntrySize {
		return ErrLength
	}
	p := (*[EnableEntrySize]byte)(b)
	if p[0] != TypeEnableEntry {
		return ErrType
	}
	m.UserRefNum = u32(p[1:5])
	m.Firm = [4]byte(p[5:9])
	var err error
	m.Appendage, err = elements(b[9:], inbound)
	return err
}

// Append appends the message.
func (m *EnableEntry) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, EnableEntrySize)
	p := (*[EnableEntrySize]byte)(dst[n:])
	p[0] = TypeEnableEntry
	put32(p[1:5], m.UserRefNum)
	*(*[4]byte)(p[5:9]) = m.Firm
	put16(p[9:11], sizeOf(m.Appendage))
	return append(dst, m.Appendage...)
}
