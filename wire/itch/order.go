package itch

// What is said about displayed orders. An order is named by its reference, unique for the day. Its side, symbol and price
// are told once.

// AddOrder is Add Order: an order is displayed, at the back of its queue.
type AddOrder struct {
	Header
	OrderRef uint64
	Side     byte // B, S
	Quantity uint32
	Symbol   [8]byte
	Price    uint32
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *AddOrder) Decode(b []byte) error {
	if len(b) < AddOrderSize {
		return ErrLength
	}
	p := (*[AddOrderSize]byte)(b)
	if p[0] != TypeAddOrder {
		return ErrType
	}
	m.read(p[:])
	m.OrderRef = u64(p[11:19])
	m.Side = p[19]
	m.Quantity = u32(p[20:24])
	m.Symbol = [8]byte(p[24:32])
	m.Price = u32(p[32:36])
	return nil
}

// Append appends the message.
func (m *AddOrder) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, AddOrderSize)
	p := (*[AddOrderSize]byte)(dst[n:])
	m.write(p[:], TypeAddOrder)
	put64(p[11:19], m.OrderRef)
	p[19] = m.Side
	put32(p[20:24], m.Quantity)
	*(*[8]byte)(p[24:32]) = m.Symbol
	put32(p[32:36], m.Price)
	return dst
}

// AddOrderMPID is Add Order with MPID Attribution.
type AddOrderMPID struct {
	Header
	OrderRef    uint64
	Side        byte // B, S
	Quantity    uint32
	Symbol      [8]byte
	Price       uint32
	Attribution [4]byte
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *AddOrderMPID) Decode(b []byte) error {
	if len(b) < AddOrderMPIDSize {
		return ErrLength
	}
	p := (*[AddOrderMPIDSize]byte)(b)
	if p[0] != TypeAddOrderMPID {
		return ErrType
	}
	m.read(p[:])
	m.OrderRef = u64(p[11:19])
	m.Side = p[19]
	m.Quantity = u32(p[20:24])
	m.Symbol = [8]byte(p[24:32])
	m.Price = u32(p[32:36])
	m.Attribution = [4]byte(p[36:40])
	return nil
}

// Append appends the message.
func (m *AddOrderMPID) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, AddOrderMPIDSize)
	p := (*[AddOrderMPIDSize]byte)(dst[n:])
	m.write(p[:], TypeAddOrderMPID)
	put64(p[11:19], m.OrderRef)
	p[19] = m.Side
	put32(p[20:24], m.Quantity)
	*(*[8]byte)(p[24:32]) = m.Symbol
	put32(p[32:36], m.Price)
	*(*[4]byte)(p[36:40]) = m.Attribution
	return dst
}

// OrderExecuted is Order Executed, at the price of the order.
type OrderExecuted struct {
	Header
	OrderRef    uint64
	Quantity    uint32 // by which the order became smaller
	MatchNumber uint64
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *OrderExecuted) Decode(b []byte) error {
	if len(b) < OrderExecutedSize {
		return ErrLength
	}
	p := (*[OrderExecutedSize]byte)(b)
	if p[0] != TypeOrderExecuted {
		return ErrType
	}
	m.read(p[:])
	m.OrderRef = u64(p[11:19])
	m.Quantity = u32(p[19:23])
	m.MatchNumber = u64(p[23:31])
	return nil
}

// Append appends the message.
func (m *OrderExecuted) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, OrderExecutedSize)
	p := (*[OrderExecutedSize]byte)(dst[n:])
	m.write(p[:], TypeOrderExecuted)
	put64(p[11:19], m.OrderRef)
	put32(p[19:23], m.Quantity)
	put64(p[23:31], m.MatchNumber)
	return dst
}

// OrderExecutedPrice is Order Executed With Price: at another price than the order's.
type OrderExecutedPrice struct {
	Header
	OrderRef    uint64
	Quantity    uint32 // by which the order became smaller
	MatchNumber uint64
	Printable   byte   // Y; N: does not count as volume
	Price       uint32 // of the execution
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *OrderExecutedPrice) Decode(b []byte) error {
	if len(b) < OrderExecutedPriceSize {
		return ErrLength
	}
	p := (*[OrderExecutedPriceSize]byte)(b)
	if p[0] != TypeOrderExecutedPrice {
		return ErrType
	}
	m.read(p[:])
	m.OrderRef = u64(p[11:19])
	m.Quantity = u32(p[19:23])
	m.MatchNumber = u64(p[23:31])
	m.Printable = p[31]
	m.Price = u32(p[32:36])
	return nil
}

// Append appends the message.
func (m *OrderExecutedPrice) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, OrderExecutedPriceSize)
	p := (*[OrderExecutedPriceSize]byte)(dst[n:])
	m.write(p[:], TypeOrderExecutedPrice)
	put64(p[11:19], m.OrderRef)
	put32(p[19:23], m.Quantity)
	put64(p[23:31], m.MatchNumber)
	p[31] = m.Printable
	put32(p[32:36], m.Price)
	return dst
}

// OrderCancel is Order Cancel: the order became smaller and keeps its place.
type OrderCancel struct {
	Header
	OrderRef uint64
	Quantity uint32 // by which the order became smaller
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *OrderCancel) Decode(b []byte) error {
	if len(b) < OrderCancelSize {
		return ErrLength
	}
	p := (*[OrderCancelSize]byte)(b)
	if p[0] != TypeOrderCancel {
		return ErrType
	}
	m.read(p[:])
	m.OrderRef = u64(p[11:19])
	m.Quantity = u32(p[19:23])
	return nil
}

// Append appends the message.
func (m *OrderCancel) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, OrderCancelSize)
	p := (*[OrderCancelSize]byte)(dst[n:])
	m.write(p[:], TypeOrderCancel)
	put64(p[11:19], m.OrderRef)
	put32(p[19:23], m.Quantity)
	return dst
}

// OrderDelete is Order Delete: the rest of the order is gone.
type OrderDelete struct {
	Header
	OrderRef uint64
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *OrderDelete) Decode(b []byte) error {
	if len(b) < OrderDeleteSize {
		return ErrLength
	}
	p := (*[OrderDeleteSize]byte)(b)
	if p[0] != TypeOrderDelete {
		return ErrType
	}
	m.read(p[:])
	m.OrderRef = u64(p[11:19])
	return nil
}

// Append appends the message.
func (m *OrderDelete) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, OrderDeleteSize)
	p := (*[OrderDeleteSize]byte)(dst[n:])
	m.write(p[:], TypeOrderDelete)
	put64(p[11:19], m.OrderRef)
	return dst
}

// OrderReplace is Order Replace: the original is gone, a new order of the same side and symbol is at the back of its queue.
type OrderReplace struct {
	Header
	OrigOrderRef uint64
	OrderRef     uint64
	Quantity     uint32
	Price        uint32
}

// Decode reads a message. The error is ErrLength or ErrType.
func (m *OrderReplace) Decode(b []byte) error {
	if len(b) < OrderReplaceSize {
		return ErrLength
	}
	p := (*[OrderReplaceSize]byte)(b)
	if p[0] != TypeOrderReplace {
		return ErrType
	}
	m.read(p[:])
	m.OrigOrderRef = u64(p[11:19])
	m.OrderRef = u64(p[19:27])
	m.Quantity = u32(p[27:31])
	m.Price = u32(p[31:35])
	return nil
}

// Append appends the message.
func (m *OrderReplace) Append(dst []byte) []byte {
	n := len(dst)
	dst = extend(dst, OrderReplaceSize)
	p := (*[OrderReplaceSize]byte)(dst[n:])
	m.write(p[:], TypeOrderReplace)
	put64(p[11:19], m.OrigOrderRef)
	put64(p[19:27], m.OrderRef)
	put32(p[27:31], m.Quantity)
	put32(p[31:35], m.Price)
	return dst
}
