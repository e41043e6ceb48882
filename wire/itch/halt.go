package itch

// What is said when trading is halted, or may be.

// DeclineLevel is MWCB Decline Level: the levels that halt the whole market. Their prices have eight decimals.
type DeclineLevel struct {
	Header
	Level1 uint64
	Level2 uint64
	Level3 uint64
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *DeclineLevel) Decode(b []byte) error {
	if len(b) < DeclineLevelSize {
		return ErrLength
	}
	p := (*[DeclineLevelSize]byte)(b)
	if p[0] != TypeDeclineLevel {
		return ErrType
	}
	m.read(p[:])
	m.Level1 = u64(p[11:19])
	m.Level2 = u64(p[19:27])
	m.Level3 = u64(p[27:35])
	return nil
}

// Append appends the message.
func (m *DeclineLevel) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, DeclineLevelSize)
	p := (*[DeclineLevelSize]byte)(dst[n:])
	m.write(p[:], TypeDeclineLevel)
	put64(p[11:19], m.Level1)
	put64(p[19:27], m.Level2)
	put64(p[27:35], m.Level3)
	return dst
}

// BreakerStatus is MWCB Status: a decline level was reached.
type BreakerStatus struct {
	Header
	Level byte // 1, 2, 3
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *BreakerStatus) Decode(b []byte) error {
	if len(b) < BreakerStatusSize {
		return ErrLength
	}
	p := (*[BreakerStatusSize]byte)(b)
	if p[0] != TypeBreakerStatus {
		return ErrType
	}
	m.read(p[:])
	m.Level = p[11]
	return nil
}

// Append appends the message.
func (m *BreakerStatus) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, BreakerStatusSize)
	p := (*[BreakerStatusSize]byte)(dst[n:])
	m.write(p[:], TypeBreakerStatus)
	p[11] = m.Level
	return dst
}

// QuotingPeriod is IPO Quoting Period Update.
type QuotingPeriod struct {
	Header
	Symbol      [8]byte
	ReleaseTime uint32 // seconds since midnight
	Qualifier   byte   // A anticipated, C cancelled
	Price       uint32
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *QuotingPeriod) Decode(b []byte) error {
	if len(b) < QuotingPeriodSize {
		return ErrLength
	}
	p := (*[QuotingPeriodSize]byte)(b)
	if p[0] != TypeQuotingPeriod {
		return ErrType
	}
	m.read(p[:])
	m.Symbol = [8]byte(p[11:19])
	m.ReleaseTime = u32(p[19:23])
	m.Qualifier = p[23]
	m.Price = u32(p[24:28])
	return nil
}

// Append appends the message.
func (m *QuotingPeriod) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, QuotingPeriodSize)
	p := (*[QuotingPeriodSize]byte)(dst[n:])
	m.write(p[:], TypeQuotingPeriod)
	*(*[8]byte)(p[11:19]) = m.Symbol
	put32(p[19:23], m.ReleaseTime)
	p[23] = m.Qualifier
	put32(p[24:28], m.Price)
	return dst
}

// AuctionCollar is LULD Auction Collar.
type AuctionCollar struct {
	Header
	Symbol    [8]byte
	Reference uint32
	Upper     uint32
	Lower     uint32
	Extension uint32
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *AuctionCollar) Decode(b []byte) error {
	if len(b) < AuctionCollarSize {
		return ErrLength
	}
	p := (*[AuctionCollarSize]byte)(b)
	if p[0] != TypeAuctionCollar {
		return ErrType
	}
	m.read(p[:])
	m.Symbol = [8]byte(p[11:19])
	m.Reference = u32(p[19:23])
	m.Upper = u32(p[23:27])
	m.Lower = u32(p[27:31])
	m.Extension = u32(p[31:35])
	return nil
}

// Append appends the message.
func (m *AuctionCollar) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, AuctionCollarSize)
	p := (*[AuctionCollarSize]byte)(dst[n:])
	m.write(p[:], TypeAuctionCollar)
	*(*[8]byte)(p[11:19]) = m.Symbol
	put32(p[19:23], m.Reference)
	put32(p[23:27], m.Upper)
	put32(p[27:31], m.Lower)
	put32(p[31:35], m.Extension)
	return dst
}

// OperationalHalt is Operational Halt.
type OperationalHalt struct {
	Header
	Symbol [8]byte
	Market byte // Q, B, X
	Action byte // H halted, T trading again
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *OperationalHalt) Decode(b []byte) error {
	if len(b) < OperationalHaltSize {
		return ErrLength
	}
	p := (*[OperationalHaltSize]byte)(b)
	if p[0] != TypeOperationalHalt {
		return ErrType
	}
	m.read(p[:])
	m.Symbol = [8]byte(p[11:19])
	m.Market = p[19]
	m.Action = p[20]
	return nil
}

// Append appends the message.
func (m *OperationalHalt) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, OperationalHaltSize)
	p := (*[OperationalHaltSize]byte)(dst[n:])
	m.write(p[:], TypeOperationalHalt)
	*(*[8]byte)(p[11:19]) = m.Symbol
	p[19] = m.Market
	p[20] = m.Action
	return dst
}
