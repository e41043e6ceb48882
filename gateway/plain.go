package gateway

import (
	"encoding/binary"

	"matcher/engine"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// The short way. Nearly all traffic is orders without options, cancels, and what they are answered with, on the default channel.
// Those packets are known by their first four bytes (length, packet type, message type) and go straight from bytes to command
// and from event to bytes. Whatever is not plain goes the long way (decode.go, deliver.go), which makes the same of what is.

const (
	plainEnterSize    = soupbin.HeaderSize + ouch.EnterOrderSize
	plainCancelSize   = soupbin.HeaderSize + ouch.CancelOrderSize
	plainAcceptedSize = soupbin.HeaderSize + ouch.AcceptedSize
	plainExecutedSize = soupbin.HeaderSize + ouch.ExecutedSize
	plainCanceledSize = soupbin.HeaderSize + ouch.CanceledSize

	plainEnter    = (1+ouch.EnterOrderSize)<<16 | uint32(soupbin.UnsequencedData)<<8 | uint32(ouch.TypeEnterOrder)
	plainCancel   = (1+ouch.CancelOrderSize)<<16 | uint32(soupbin.UnsequencedData)<<8 | uint32(ouch.TypeCancelOrder)
	plainAccepted = (1+ouch.AcceptedSize)<<16 | uint32(soupbin.SequencedData)<<8 | uint32(ouch.TypeAccepted)
	plainExecuted = (1+ouch.ExecutedSize)<<16 | uint32(soupbin.SequencedData)<<8 | uint32(ouch.TypeExecuted)
	plainCanceled = (1+ouch.CanceledSize)<<16 | uint32(soupbin.SequencedData)<<8 | uint32(ouch.TypeCanceled)
)

// plain makes cmd the packet of a user that data begins with, and returns its size. 0: it is not plain, and cmd is as it was.
// Fields are set one by one: a whole struct would be made elsewhere first, and copied while its bytes are still on their way.
func (g *Gateway) plain(user uint16, data []byte, cmd *engine.Command) int {
	if len(data) < plainCancelSize {
		return 0
	}
	switch binary.BigEndian.Uint32(data) {
	case plainCancel:
		m, c := (*ouch.CancelOrderBytes)(data[soupbin.HeaderSize:]), cmd.Cancel()
		*c = engine.Cancel{}
		c.Kind, c.User = engine.KindCancel, user
		c.Ref, c.Qty = m.UserRefNum(), m.Quantity()
		return plainCancelSize
	case plainEnter:
		if len(data) < plainEnterSize {
			return 0
		}
		m, c := (*ouch.EnterOrderBytes)(data[soupbin.HeaderSize:]), cmd.Enter()
		if m.AppendageSize() != 0 {
			return 0
		}
		c.Kind, c.Flags, c.Instrument = engine.KindEnter, 0, g.cfg.Engine.Lookup(m.Symbol())
		c.User, c.Idx, c.Side = user, 0, m.Side()
		c.Ref, c.Qty, c.Price, c.MinQty = m.UserRefNum(), m.Quantity(), m.Price(), 0
		c.TIF, c.Display, c.Capacity, c.Cross = m.TimeInForce(), m.Display(), m.Capacity(), m.CrossType()
		c.ClOrdID, c.Customer, c.Exempt = *m.ClOrdID(), 0, 0
		if m.Sweep() == 'Y' {
			c.Flags = engine.FlagSweep
		}
		return plainEnterSize
	}
	return 0
}

// plainly writes the packet of an event to m, which has maxMessage bytes, and returns its size. 0: it is not plain.
func (g *Gateway) plainly(m []byte, cmd *engine.Command, ev *engine.Event, at uint64) int {
	if ev.Idx != 0 {
		return 0
	}
	switch ev.Kind {
	case 'A':
		c := cmd.Enter()
		if c.Kind != engine.KindEnter || c.Flags|c.Customer|c.Exempt != 0 {
			return 0 // it may have tags to repeat
		}
		p := (*ouch.AcceptedBytes)(m[soupbin.HeaderSize:])
		binary.BigEndian.PutUint32(m, plainAccepted)
		p.SetTimestamp(at)
		p.SetUserRefNum(ev.Ref)
		p.SetSide(ev.Side)
		p.SetQuantity(ev.Qty)
		p.SetSymbol(g.symbol(ev))
		p.SetPrice(ev.Price)
		p.SetTimeInForce(ev.TIF)
		p.SetDisplay(ev.Display)
		p.SetOrderRef(ev.Order)
		p.SetCapacity(ev.Capacity)
		p.SetSweep(sweep(ev))
		p.SetCrossType(ev.Cross)
		p.SetState(ouch.StateLive)
		p.SetClOrdID(&ev.ClOrdID)
		p.SetAppendageSize(0)
		return plainAcceptedSize
	case 'C':
		p := (*ouch.CanceledBytes)(m[soupbin.HeaderSize:])
		binary.BigEndian.PutUint32(m, plainCanceled)
		p.SetTimestamp(at)
		p.SetUserRefNum(ev.Ref)
		p.SetQuantity(ev.Qty)
		p.SetReason(byte(ev.Reason))
		return plainCanceledSize
	case 'E':
		p := (*ouch.ExecutedBytes)(m[soupbin.HeaderSize:])
		binary.BigEndian.PutUint32(m, plainExecuted)
		p.SetTimestamp(at)
		p.SetUserRefNum(ev.Ref)
		p.SetQuantity(ev.Qty)
		p.SetPrice(ev.Price)
		p.SetLiquidity(byte(ev.Reason))
		p.SetMatchNumber(ev.Link)
		p.SetAppendageSize(0)
		return plainExecutedSize
	}
	return 0
}
