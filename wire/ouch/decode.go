package ouch

import "fmt"

// Inbound is a message of a client: a pointer to one of EnterOrder, ReplaceOrder, CancelOrder, ModifyOrder, AccountQuery,
// MassCancel, DisableEntry, EnableEntry.
type Inbound interface {
	Decode(b []byte) error
	Append(dst []byte) []byte
	inbound()
}

// Outbound is a message of the venue: a pointer to one of SystemEvent, Accepted, Replaced, Canceled, AIQCanceled, Executed,
// BrokenTrade, Rejected, CancelPending, CancelReject, PriorityUpdate, Modified, Restated, QueryResponse, MassCancelResponse,
// DisableResponse, EnableResponse.
type Outbound interface {
	Decode(b []byte) error
	Append(dst []byte) []byte
	outbound()
}

// InboundType returns the type of an inbound message, for a switch that decodes without allocating; 0 for no bytes.
func InboundType(b []byte) byte { return first(b) }

// OutboundType returns the type of an outbound message, for a switch that decodes without allocating; 0 for no bytes.
func OutboundType(b []byte) byte { return first(b) }

func first(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

// DecodeInbound returns a new struct with the message in b. The errors are those of Decode; with ErrAppendage the message
// is there too.
func DecodeInbound(b []byte) (Inbound, error) {
	var m Inbound
	switch InboundType(b) {
	case TypeEnterOrder:
		m = new(EnterOrder)
	case TypeReplaceOrder:
		m = new(ReplaceOrder)
	case TypeCancelOrder:
		m = new(CancelOrder)
	case TypeModifyOrder:
		m = new(ModifyOrder)
	case TypeAccountQuery:
		m = new(AccountQuery)
	case TypeMassCancel:
		m = new(MassCancel)
	case TypeDisableEntry:
		m = new(DisableEntry)
	case TypeEnableEntry:
		m = new(EnableEntry)
	default:
		return nil, unknown(b)
	}
	return m, m.Decode(b)
}

// DecodeOutbound returns a new struct with the message in b. The errors are those of Decode; with ErrAppendage the message
// is there too.
func DecodeOutbound(b []byte) (Outbound, error) {
	m := newOutbound(OutboundType(b))
	if m == nil {
		return nil, unknown(b)
	}
	return m, m.Decode(b)
}

func newOutbound(typ byte) Outbound {
	switch typ {
	case TypeSystemEvent:
		return new(SystemEvent)
	case TypeAccepted:
		return new(Accepted)
	case TypeReplaced:
		return new(Replaced)
	case TypeCanceled:
		return new(Canceled)
	case TypeAIQCanceled:
		return new(AIQCanceled)
	case TypeExecuted:
		return new(Executed)
	case TypeBrokenTrade:
		return new(BrokenTrade)
	case TypeRejected:
		return new(Rejected)
	case TypeCancelPending:
		return new(CancelPending)
	case TypeCancelReject:
		return new(CancelReject)
	case TypePriorityUpdate:
		return new(PriorityUpdate)
	case TypeModified:
		return new(Modified)
	case TypeRestated:
		return new(Restated)
	case TypeQueryResponse:
		return new(QueryResponse)
	case TypeMassCancelResponse:
		return new(MassCancelResponse)
	case TypeDisableResponse:
		return new(DisableResponse)
	case TypeEnableResponse:
		return new(EnableResponse)
	}
	return nil
}

// unknown says what a message is not.
func unknown(b []byte) error {
	if len(b) == 0 {
		return ErrLength
	}
	return fmt.Errorf("%w: %q", ErrType, b[0])
}

func (*EnterOrder) inbound()   {}
func (*ReplaceOrder) inbound() {}
func (*CancelOrder) inbound()  {}
func (*ModifyOrder) inbound()  {}
func (*AccountQuery) inbound() {}
func (*MassCancel) inbound()   {}
func (*DisableEntry) inbound() {}
func (*EnableEntry) inbound()  {}

func (*SystemEvent) outbound()        {}
func (*Accepted) outbound()           {}
func (*Replaced) outbound()           {}
func (*Canceled) outbound()           {}
func (*AIQCanceled) outbound()        {}
func (*Executed) outbound()           {}
func (*BrokenTrade) outbound()        {}
func (*Rejected) outbound()           {}
func (*CancelPending) outbound()      {}
func (*CancelReject) outbound()       {}
func (*PriorityUpdate) outbound()     {}
func (*Modified) outbound()           {}
func (*Restated) outbound()           {}
func (*QueryResponse) outbound()      {}
func (*MassCancelResponse) outbound() {}
func (*DisableResponse) outbound()    {}
func (*EnableResponse) outbound()     {}
