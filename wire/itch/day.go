package itch

// What is said about the day and about instruments.

// SystemEvent is System Event: the day's course, for all instruments.
type SystemEvent struct {
	Header
	Event byte // EventXxx
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *SystemEvent) Decode(b []byte) error {
	if len(b) < SystemEventSize {
		return ErrLength
	}
	p := (*[SystemEventSize]byte)(b)
	if p[0] != TypeSystemEvent {
		return ErrType
	}
	m.read(p[:])
	m.Event = p[11]
	return nil
}

// Append appends the message.
func (m *SystemEvent) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, SystemEventSize)
	p := (*[SystemEventSize]byte)(dst[n:])
	m.write(p[:], TypeSystemEvent)
	p[11] = m.Event
	return dst
}

// StockDirectory is Stock Directory: an instrument there is today.
type StockDirectory struct {
	Header
	Symbol              [8]byte
	MarketCategory      byte
	FinancialStatus     byte
	RoundLotSize        uint32
	RoundLotsOnly       byte // Y, N
	IssueClassification byte
	IssueSubtype        [2]byte
	Authenticity        byte // P live, T test
	ShortSaleThreshold  byte // Y, N, space
	IPO                 byte // Y, N, Z, space
	LULDTier            byte // 1, 2, space
	ETP                 byte // Y, N, space
	ETPLeverage         uint32
	Inverse             byte // Y, N
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *StockDirectory) Decode(b []byte) error {
	if len(b) < StockDirectorySize {
		return ErrLength
	}
	p := (*[StockDirectorySize]byte)(b)
	if p[0] != TypeStockDirectory {
		return ErrType
	}
	m.read(p[:])
	m.Symbol = [8]byte(p[11:19])
	m.MarketCategory = p[19]
	m.FinancialStatus = p[20]
	m.RoundLotSize = u32(p[21:25])
	m.RoundLotsOnly = p[25]
	m.IssueClassification = p[26]
	m.IssueSubtype = [2]byte(p[27:29])
	m.Authenticity = p[29]
	m.ShortSaleThreshold = p[30]
	m.IPO = p[31]
	m.LULDTier = p[32]
	m.ETP = p[33]
	m.ETPLeverage = u32(p[34:38])
	m.Inverse = p[38]
	return nil
}

// Append appends the message.
func (m *StockDirectory) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, StockDirectorySize)
	p := (*[StockDirectorySize]byte)(dst[n:])
	m.write(p[:], TypeStockDirectory)
	*(*[8]byte)(p[11:19]) = m.Symbol
	p[19] = m.MarketCategory
	p[20] = m.FinancialStatus
	put32(p[21:25], m.RoundLotSize)
	p[25] = m.RoundLotsOnly
	p[26] = m.IssueClassification
	*(*[2]byte)(p[27:29]) = m.IssueSubtype
	p[29] = m.Authenticity
	p[30] = m.ShortSaleThreshold
	p[31] = m.IPO
	p[32] = m.LULDTier
	p[33] = m.ETP
	put32(p[34:38], m.ETPLeverage)
	p[38] = m.Inverse
	return dst
}

// TradingAction is Stock Trading Action.
type TradingAction struct {
	Header
	Symbol [8]byte
	State  byte // StateXxx
	Reason [4]byte
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *TradingAction) Decode(b []byte) error {
	if len(b) < TradingActionSize {
		return ErrLength
	}
	p := (*[TradingActionSize]byte)(b)
	if p[0] != TypeTradingAction {
		return ErrType
	}
	m.read(p[:])
	m.Symbol = [8]byte(p[11:19])
	m.State = p[19]
	m.Reason = [4]byte(p[21:25])
	return nil
}

// Append appends the message.
func (m *TradingAction) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, TradingActionSize)
	p := (*[TradingActionSize]byte)(dst[n:])
	m.write(p[:], TypeTradingAction)
	*(*[8]byte)(p[11:19]) = m.Symbol
	p[19] = m.State
	p[20] = ' ' // reserved
	*(*[4]byte)(p[21:25]) = m.Reason
	return dst
}

// RegSHO is Reg SHO Short Sale Price Test Restriction.
type RegSHO struct {
	Header
	Symbol [8]byte
	Action byte // 0, 1, 2
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *RegSHO) Decode(b []byte) error {
	if len(b) < RegSHOSize {
		return ErrLength
	}
	p := (*[RegSHOSize]byte)(b)
	if p[0] != TypeRegSHO {
		return ErrType
	}
	m.read(p[:])
	m.Symbol = [8]byte(p[11:19])
	m.Action = p[19]
	return nil
}

// Append appends the message.
func (m *RegSHO) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, RegSHOSize)
	p := (*[RegSHOSize]byte)(dst[n:])
	m.write(p[:], TypeRegSHO)
	*(*[8]byte)(p[11:19]) = m.Symbol
	p[19] = m.Action
	return dst
}

// ParticipantPosition is Market Participant Position.
type ParticipantPosition struct {
	Header
	MPID    [4]byte
	Symbol  [8]byte
	Primary byte // Y, N
	Mode    byte // N, P, S, R, L
	State   byte // A, E, W, S, D
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *ParticipantPosition) Decode(b []byte) error {
	if len(b) < ParticipantPositionSize {
		return ErrLength
	}
	p := (*[ParticipantPositionSize]byte)(b)
	if p[0] != TypeParticipantPosition {
		return ErrType
	}
	m.read(p[:])
	m.MPID = [4]byte(p[11:15])
	m.Symbol = [8]byte(p[15:23])
	m.Primary = p[23]
	m.Mode = p[24]
	m.State = p[25]
	return nil
}

// Append appends the message.
func (m *ParticipantPosition) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, ParticipantPositionSize)
	p := (*[ParticipantPositionSize]byte)(dst[n:])
	m.write(p[:], TypeParticipantPosition)
	*(*[4]byte)(p[11:15]) = m.MPID
	*(*[8]byte)(p[15:23]) = m.Symbol
	p[23] = m.Primary
	p[24] = m.Mode
	p[25] = m.State
	return dst
}
