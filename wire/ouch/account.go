package ouch

// What the venue says about the day and the account. Decode as in outbound.go.

// SystemEvent is OUCH 5.0 System Event. It never has an appendage.
type SystemEvent struct {
	Timestamp uint64
	Event     byte // EventXxx
}

// Decode reads a message.
func (m *SystemEvent) Decode(b []byte) error {
	if len(b) < SystemEventSize {
		return ErrLength
	}
	p := (*[SystemEventSize]byte)(b)
	if p[0] != TypeSystemEvent {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.Event = p[9]
	return nil
}

// Append appends the message.
func (m *SystemEvent) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, SystemEventSize)
	p := (*[SystemEventSize]byte)(dst[n:])
	p[0] = TypeSystemEvent
	put64(p[1:9], m.Timestamp)
	p[9] = m.Event
	return dst
}

// QueryResponse is OUCH 5.0 Account Query Response.
type QueryResponse struct {
	Timestamp      uint64
	NextUserRefNum uint32 // the lowest that the venue will take
	Appendage      []byte
}

// Decode reads a message.
func (m *QueryResponse) Decode(b []byte) error {
	if len(b) < QueryResponseSize {
		return ErrLength
	}
	p := (*[QueryResponseSize]byte)(b)
	if p[0] != TypeQueryResponse {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.NextUserRefNum = u32(p[9:13])
	var err error
	m.Appendage, err = elements(b[QueryResponseSize:], outbound)
	return err
}

// Append appends the message.
func (m *QueryResponse) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, QueryResponseSize)
	p := (*[QueryResponseSize]byte)(dst[n:])
	p[0] = TypeQueryResponse
	put64(p[1:9], m.Timestamp)
	put32(p[9:13], m.NextUserRefNum)
	return appendOptional(dst, m.Appendage)
}

// MassCancelResponse is OUCH 5.0 Mass Cancel Response (revision 1.05). Each order has a Canceled of its own.
type MassCancelResponse struct {
	Timestamp  uint64
	UserRefNum uint32 // of the MassCancel
	Firm       [4]byte
	Symbol     [8]byte
	Appendage  []byte
}

// Decode reads a message.
func (m *MassCancelResponse) Decode(b []byte) error {
	if len(b) < MassCancelResponseSize {
		return ErrLength
	}
	p := (*[MassCancelResponseSize]byte)(b)
	if p[0] != TypeMassCancelResponse {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.UserRefNum = u32(p[9:13])
	m.Firm = [4]byte(p[13:17])
	m.Symbol = [8]byte(p[17:25])
	var err error
	m.Appendage, err = elements(b[25:], outbound)
	return err
}

// Append appends the message.
func (m *MassCancelResponse) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, MassCancelResponseSize)
	p := (*[MassCancelResponseSize]byte)(dst[n:])
	p[0] = TypeMassCancelResponse
	put64(p[1:9], m.Timestamp)
	put32(p[9:13], m.UserRefNum)
	*(*[4]byte)(p[13:17]) = m.Firm
	*(*[8]byte)(p[17:25]) = m.Symbol
	put16(p[25:27], sizeOf(m.Appendage))
	return append(dst, m.Appendage...)
}

// DisableResponse is OUCH 5.0 Disable Order Entry Response (revision 1.05).
type DisableResponse struct {
	Timestamp  uint64
	UserRefNum uint32 // of the DisableEntry
	Firm       [4]byte
	Appendage  []byte
}

// Decode reads a message.
func (m *DisableResponse) Decode(b []byte) error {
	if len(b) < DisableResponseSize {
		return ErrLength
	}
	p := (*[DisableResponseSize]byte)(b)
	if p[0] != TypeDisableResponse {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.UserRefNum = u32(p[9:13])
	m.Firm = [4]byte(p[13:17])
	var err error
	m.Appendage, err = elements(b[17:], outbound)
	return err
}

// Append appends the message.
func (m *DisableResponse) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, DisableResponseSize)
	p := (*[DisableResponseSize]byte)(dst[n:])
	p[0] = TypeDisableResponse
	put64(p[1:9], m.Timestamp)
	put32(p[9:13], m.UserRefNum)
	*(*[4]byte)(p[13:17]) = m.Firm
	put16(p[17:19], sizeOf(m.Appendage))
	return append(dst, m.Appendage...)
}

// EnableResponse is OUCH 5.0 Enable Order Entry Response (revision 1.05).
type EnableResponse struct {
	Timestamp  uint64
	UserRefNum uint32 // of the EnableEntry
	Firm       [4]byte
	Appendage  []byte
}

// Decode reads a message.
func (m *EnableResponse) Decode(b []byte) error {
	if len(b) < EnableResponseSize {
		return ErrLength
	}
	p := (*[EnableResponseSize]byte)(b)
	if p[0] != TypeEnableResponse {
		return ErrType
	}
	m.Timestamp = u64(p[1:9])
	m.UserRefNum = u32(p[9:13])
	m.Firm = [4]byte(p[13:17])
	var err error
	m.Appendage, err = elements(b[17:], outbound)
	return err
}

// Append appends the message.
func (m *EnableResponse) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, EnableResponseSize)
	p := (*[EnableResponseSize]byte)(dst[n:])
	p[0] = TypeEnableResponse
	put64(p[1:9], m.Timestamp)
	put32(p[9:13], m.UserRefNum)
	*(*[4]byte)(p[13:17]) = m.Firm
	put16(p[17:19], sizeOf(m.Appendage))
	return append(dst, m.Appendage...)
}
