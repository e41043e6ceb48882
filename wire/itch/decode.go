package itch

// Message is a message: a pointer to one of the structs of this package, Header excepted.
type Message interface {
	Decode(b []byte) error
	Append(dst []byte) []byte
}

// Unknown is a message of a type that this package does not know.
type Unknown struct {
	Bytes []byte // all of it, the type included
}

// Decode takes a message of any type. It refers to b. The error is ErrLength for no bytes.
func (m *Unknown) Decode(b []byte) error {
	if len(b) == 0 {
		return ErrLength
	}
	m.Bytes = b
	return nil
}

// Append appends the message.
func (m *Unknown) Append(dst []byte) []byte { return append(dst, m.Bytes...) }

// Decode returns a new struct with the message in b, *Unknown for a type that it does not know. The errors are those of the
// struct's Decode.
func Decode(b []byte) (Message, error) {
	m := newMessage(Type(b))
	if err := m.Decode(b); err != nil {
		return nil, err
	}
	return m, nil
}

func newMessage(typ byte) Message {
	switch typ {
	case TypeSystemEvent:
		return new(SystemEvent)
	case TypeStockDirectory:
		return new(StockDirectory)
	case TypeTradingAction:
		return new(TradingAction)
	case TypeRegSHO:
		return new(RegSHO)
	case TypeParticipantPosition:
		return new(ParticipantPosition)
	case TypeDeclineLevel:
		return new(DeclineLevel)
	case TypeBreakerStatus:
		return new(BreakerStatus)
	case TypeQuotingPeriod:
		return new(QuotingPeriod)
	case TypeAuctionCollar:
		return new(AuctionCollar)
	case TypeOperationalHalt:
		return new(OperationalHalt)
	case TypeAddOrder:
		return new(AddOrder)
	case TypeAddOrderMPID:
		return new(AddOrderMPID)
	case TypeOrderExecuted:
		return new(OrderExecuted)
	case TypeOrderExecutedPrice:
		return new(OrderExecutedPrice)
	case TypeOrderCancel:
		return new(OrderCancel)
	case TypeOrderDelete:
		return new(OrderDelete)
	case TypeOrderReplace:
		return new(OrderReplace)
	case TypeTrade:
		return new(Trade)
	case TypeCrossTrade:
		return new(CrossTrade)
	case TypeBrokenTrade:
		return new(BrokenTrade)
	case TypeImbalance:
		return new(Imbalance)
	case TypeRetailInterest:
		return new(RetailInterest)
	case TypeDirectListing:
		return new(DirectListing)
	case TypeEndOfSnapshot:
		return new(EndOfSnapshot)
	}
	return new(Unknown)
}
