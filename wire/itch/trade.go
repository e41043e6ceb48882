package itch

// What is said about trades of orders that were not displayed, about crosses and interest.

// Trade is Trade (non-cross): an order that was not displayed was executed. No book changes.
type Trade struct {
	Header
	OrderRef    uint64 // 0 at Nasdaq
	Side        byte   // B at Nasdaq
	Quantity    uint32
	Symbol      [8]byte
	Price       uint32
	MatchNumber uint64
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *Trade) Decode(b []byte) error {
	if len(b) < TradeSize {
		return ErrLength
	}
	p := (*[TradeSize]byte)(b)
	if p[0] != TypeTrade {
		return ErrType
	}
	m.read(p[:])
	m.OrderRef = u64(p[11:19])
	m.Side = p[19]
	m.Quantity = u32(p[20:24])
	m.Symbol = [8]byte(p[24:32])
	m.Price = u32(p[32:36])
	m.MatchNumber = u64(p[36:44])
	return nil
}

// Append appends the message.
func (m *Trade) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, TradeSize)
	p := (*[TradeSize]byte)(dst[n:])
	m.write(p[:], TypeTrade)
	put64(p[11:19], m.OrderRef)
	p[19] = m.Side
	put32(p[20:24], m.Quantity)
	*(*[8]byte)(p[24:32]) = m.Symbol
	put32(p[32:36], m.Price)
	put64(p[36:44], m.MatchNumber)
	return dst
}

// CrossTrade is Cross Trade.
type CrossTrade struct {
	Header
	Quantity    uint64
	Symbol      [8]byte
	Price       uint32
	MatchNumber uint64
	CrossType   byte // O opening, C closing, H halt or IPO
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *CrossTrade) Decode(b []byte) error {
	if len(b) < CrossTradeSize {
		return ErrLength
	}
	p := (*[CrossTradeSize]byte)(b)
	if p[0] != TypeCrossTrade {
		return ErrType
	}
	m.read(p[:])
	m.Quantity = u64(p[11:19])
	m.Symbol = [8]byte(p[19:27])
	m.Price = u32(p[27:31])
	m.MatchNumber = u64(p[31:39])
	m.CrossType = p[39]
	return nil
}

// Append appends the message.
func (m *CrossTrade) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, CrossTradeSize)
	p := (*[CrossTradeSize]byte)(dst[n:])
	m.write(p[:], TypeCrossTrade)
	put64(p[11:19], m.Quantity)
	*(*[8]byte)(p[19:27]) = m.Symbol
	put32(p[27:31], m.Price)
	put64(p[31:39], m.MatchNumber)
	p[39] = m.CrossType
	return dst
}

// BrokenTrade is Broken Trade: an execution or trade told before is void. No book changes.
type BrokenTrade struct {
	Header
	MatchNumber uint64
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *BrokenTrade) Decode(b []byte) error {
	if len(b) < BrokenTradeSize {
		return ErrLength
	}
	p := (*[BrokenTradeSize]byte)(b)
	if p[0] != TypeBrokenTrade {
		return ErrType
	}
	m.read(p[:])
	m.MatchNumber = u64(p[11:19])
	return nil
}

// Append appends the message.
func (m *BrokenTrade) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, BrokenTradeSize)
	p := (*[BrokenTradeSize]byte)(dst[n:])
	m.write(p[:], TypeBrokenTrade)
	put64(p[11:19], m.MatchNumber)
	return dst
}

// Imbalance is Net Order Imbalance Indicator (NOII).
type Imbalance struct {
	Header
	Paired         uint64
	Imbalance      uint64
	Direction      byte // B, S, N none, O too few orders, P paused
	Symbol         [8]byte
	FarPrice       uint32
	NearPrice      uint32
	ReferencePrice uint32
	CrossType      byte // O, C, H, A
	Variation      byte // L, 1 to 9, A, B, C, space
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *Imbalance) Decode(b []byte) error {
	if len(b) < ImbalanceSize {
		return ErrLength
	}
	p := (*[ImbalanceSize]byte)(b)
	if p[0] != TypeImbalance {
		return ErrType
	}
	m.read(p[:])
	m.Paired = u64(p[11:19])
	m.Imbalance = u64(p[19:27])
	m.Direction = p[27]
	m.Symbol = [8]byte(p[28:36])
	m.FarPrice = u32(p[36:40])
	m.NearPrice = u32(p[40:44])
	m.ReferencePrice = u32(p[44:48])
	m.CrossType = p[48]
	m.Variation = p[49]
	return nil
}

// Append appends the message.
func (m *Imbalance) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, ImbalanceSize)
	p := (*[ImbalanceSize]byte)(dst[n:])
	m.write(p[:], TypeImbalance)
	put64(p[11:19], m.Paired)
	put64(p[19:27], m.Imbalance)
	p[27] = m.Direction
	*(*[8]byte)(p[28:36]) = m.Symbol
	put32(p[36:40], m.FarPrice)
	put32(p[40:44], m.NearPrice)
	put32(p[44:48], m.ReferencePrice)
	p[48] = m.CrossType
	p[49] = m.Variation
	return dst
}

// RetailInterest is Retail Price Improvement Indicator (RPII).
type RetailInterest struct {
	Header
	Symbol   [8]byte
	Interest byte // B, S, A both, N none
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *RetailInterest) Decode(b []byte) error {
	if len(b) < RetailInterestSize {
		return ErrLength
	}
	p := (*[RetailInterestSize]byte)(b)
	if p[0] != TypeRetailInterest {
		return ErrType
	}
	m.read(p[:])
	m.Symbol = [8]byte(p[11:19])
	m.Interest = p[19]
	return nil
}

// Append appends the message.
func (m *RetailInterest) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, RetailInterestSize)
	p := (*[RetailInterestSize]byte)(dst[n:])
	m.write(p[:], TypeRetailInterest)
	*(*[8]byte)(p[11:19]) = m.Symbol
	p[19] = m.Interest
	return dst
}

// DirectListing is Direct Listing with Capital Raise.
type DirectListing struct {
	Header
	Symbol      [8]byte
	Open        byte // Y, N
	MinPrice    uint32
	MaxPrice    uint32
	NearPrice   uint32
	NearTime    uint64 // ns since midnight
	LowerCollar uint32
	UpperCollar uint32
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *DirectListing) Decode(b []byte) error {
	if len(b) < DirectListingSize {
		return ErrLength
	}
	p := (*[DirectListingSize]byte)(b)
	if p[0] != TypeDirectListing {
		return ErrType
	}
	m.read(p[:])
	m.Symbol = [8]byte(p[11:19])
	m.Open = p[19]
	m.MinPrice = u32(p[20:24])
	m.MaxPrice = u32(p[24:28])
	m.NearPrice = u32(p[28:32])
	m.NearTime = u64(p[32:40])
	m.LowerCollar = u32(p[40:44])
	m.UpperCollar = u32(p[44:48])
	return nil
}

// Append appends the message.
func (m *DirectListing) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, DirectListingSize)
	p := (*[DirectListingSize]byte)(dst[n:])
	m.write(p[:], TypeDirectListing)
	*(*[8]byte)(p[11:19]) = m.Symbol
	p[19] = m.Open
	put32(p[20:24], m.MinPrice)
	put32(p[24:28], m.MaxPrice)
	put32(p[28:32], m.NearPrice)
	put64(p[32:40], m.NearTime)
	put32(p[40:44], m.LowerCollar)
	put32(p[44:48], m.UpperCollar)
	return dst
}
