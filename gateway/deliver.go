package gateway

import (
	"matcher/engine"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// maxMessage bounds an outbound packet: the longest fixed part and every tag that it may repeat.
const maxMessage = 256

// Memory that one message takes in a stream at most, the channel's tag included and the tails of chunks shared out.
// Executed stands for AIQ Canceled too, which is shorter.
const (
	ExecutedMemory  = (soupbin.HeaderSize + ouch.ExecutedSize + channelSize) * tailShare / 100
	CanceledMemory  = (soupbin.HeaderSize + ouch.CanceledSize + 2 + channelSize) * tailShare / 100
	RefreshedMemory = (soupbin.HeaderSize + ouch.RestatedSize + quantitySize + referenceSize + channelSize) * tailShare / 100
	TriggeredMemory = (soupbin.HeaderSize + ouch.RestatedSize + referenceSize + channelSize) * tailShare / 100
	PriorityMemory  = (soupbin.HeaderSize + ouch.PriorityUpdateSize + 2 + channelSize) * tailShare / 100

	channelSize   = 3   // tag 28
	referenceSize = 10  // tag 1
	quantitySize  = 6   // tag 22
	tailShare     = 104 // percent: a packet never crosses a chunk, so up to maxMessage of each chunk stays empty
)

// Deliver appends what a command caused to the streams of the owners: one event, one OUCH message, one number. Nothing is
// sent before Release. False: the streams have no memory left for all of it.
func (g *Gateway) Deliver(cmd *engine.Command, events []engine.Event) bool {
	if cmd.Kind == engine.KindDay || cmd.Kind == engine.KindRestart {
		g.begin()
	}
	at := cmd.Time - g.zero
	for i := range events {
		ev := &events[i]
		st := g.streams.user(ev.User)
		if st.number+1 != ev.Number {
			panic("gateway: the engine counts messages otherwise")
		}
		m := g.streams.reserve(st)
		if m == nil {
			return false
		}
		size := g.plainly(m, cmd, ev, at)
		if size == 0 {
			b := g.encode(m[soupbin.HeaderSize:soupbin.HeaderSize], cmd, ev, at)
			soupbin.PutHeader(m, soupbin.SequencedData, len(b))
			size = soupbin.HeaderSize + len(b)
		}
		g.streams.appended(st, ev.User, size)
	}
	return true
}

// begin takes note of a new day or a new session, as the engine has it now.
func (g *Gateway) begin() {
	day, open := g.cfg.Engine.Today()
	g.zero, g.over = day.Midnight, day.Event == 'S' && !open
	if day.Session != g.session {
		g.session = day.Session
		g.streams.restart()
		g.elsewhere = nil
	}
}

// encode appends the OUCH message of an event to b.
func (g *Gateway) encode(b []byte, cmd *engine.Command, ev *engine.Event, at uint64) []byte {
	switch ev.Kind {
	case 'E':
		m := ouch.Executed{
			Timestamp: at, UserRefNum: ev.Ref, Quantity: ev.Qty, Price: ev.Price, Liquidity: byte(ev.Reason),
			MatchNumber: ev.Link,
		}
		m.Appendage = g.channel(ev)
		return m.Append(b)
	case 'A':
		m := ouch.Accepted{
			Timestamp: at, UserRefNum: ev.Ref, Side: ev.Side, Quantity: ev.Qty, Symbol: g.symbol(ev), Price: ev.Price,
			TimeInForce: ev.TIF, Display: ev.Display, OrderRef: ev.Order, Capacity: ev.Capacity, Sweep: sweep(ev),
			CrossType: ev.Cross, State: 'L', ClOrdID: ev.ClOrdID,
		}
		m.Appendage = g.echo(cmd, ev)
		return m.Append(b)
	case 'C':
		m := ouch.Canceled{Timestamp: at, UserRefNum: ev.Ref, Quantity: ev.Qty, Reason: byte(ev.Reason)}
		m.Appendage = g.channel(ev)
		return m.Append(b)
	}
	return g.encodeRare(b, cmd, ev, at)
}

// encodeRare appends the messages about an order that few orders meet.
func (g *Gateway) encodeRare(b []byte, cmd *engine.Command, ev *engine.Event, at uint64) []byte {
	switch ev.Kind {
	case 'U':
		m := ouch.Replaced{
			Timestamp: at, OrigUserRefNum: ev.OrigRef, UserRefNum: ev.Ref, Side: ev.Side, Quantity: ev.Qty,
			Symbol: g.symbol(ev), Price: ev.Price, TimeInForce: ev.TIF, Display: ev.Display, OrderRef: ev.Order,
			Capacity: ev.Capacity, Sweep: sweep(ev), CrossType: ev.Cross, State: 'L', ClOrdID: ev.ClOrdID,
		}
		m.Appendage = g.echo(cmd, ev)
		return m.Append(b)
	case 'J':
		m := ouch.Rejected{Timestamp: at, UserRefNum: ev.Ref, Reason: ev.Reason, ClOrdID: ev.ClOrdID}
		m.Appendage = g.channel(ev)
		return m.Append(b)
	case 'M':
		m := ouch.Modified{Timestamp: at, UserRefNum: ev.Ref, Side: ev.Side, Quantity: ev.Qty}
		m.Appendage = g.channel(ev)
		return m.Append(b)
	case 'T':
		m := ouch.PriorityUpdate{Timestamp: at, UserRefNum: ev.Ref, Price: ev.Price, Display: ev.Display, OrderRef: ev.Order}
		m.Appendage = g.channel(ev)
		return m.Append(b)
	case 'R':
		m := ouch.Restated{Timestamp: at, UserRefNum: ev.Ref, Reason: byte(ev.Reason)}
		m.Appendage = g.restated(ev)
		return m.Append(b)
	case 'D':
		m := ouch.AIQCanceled{
			Timestamp: at, UserRefNum: ev.Ref, Quantity: ev.Qty, Reason: ouch.CanceledSelfMatch, Prevented: ev.Qty,
			Price: ev.Price, Liquidity: byte(ev.Reason), Strategy: ev.TIF,
		}
		m.Appendage = g.channel(ev)
		return m.Append(b)
	}
	return g.encodeAccount(b, cmd, ev, at)
}

// encodeAccount appends the messages that are not about a live order.
func (g *Gateway) encodeAccount(b []byte, cmd *engine.Command, ev *engine.Event, at uint64) []byte {
	switch ev.Kind {
	case 'B':
		m := ouch.BrokenTrade{
			Timestamp: at, UserRefNum: ev.Ref, MatchNumber: ev.Link, Reason: byte(ev.Reason), ClOrdID: ev.ClOrdID,
		}
		m.Appendage = g.channel(ev)
		return m.Append(b)
	case 'Q':
		m := ouch.QueryResponse{Timestamp: at, NextUserRefNum: ev.Ref}
		m.Appendage = g.channel(ev)
		return m.Append(b)
	case 'X':
		c := cmd.MassCancel()
		m := ouch.MassCancelResponse{Timestamp: at, UserRefNum: ev.Ref, Firm: g.firm(ev.User, c.Firm), Symbol: c.Symbol}
		m.Appendage = g.filters(c)
		return m.Append(b)
	case 'G':
		m := ouch.DisableResponse{Timestamp: at, UserRefNum: ev.Ref, Firm: g.firm(ev.User, cmd.MassCancel().Firm)}
		m.Appendage = g.channel(ev)
		return m.Append(b)
	case 'K':
		m := ouch.EnableResponse{Timestamp: at, UserRefNum: ev.Ref, Firm: g.firm(ev.User, cmd.MassCancel().Firm)}
		m.Appendage = g.channel(ev)
		return m.Append(b)
	case 'S':
		m := ouch.SystemEvent{Timestamp: at, Event: byte(ev.Reason)}
		return m.Append(b)
	}
	panic("gateway: an event that has no message")
}

// symbol returns the symbol of an event's instrument.
func (g *Gateway) symbol(ev *engine.Event) [8]byte {
	return g.cfg.Engine.Symbol(ev.Instrument)
}

// firm returns the firm that a message named, or the account's own if it named none.
func (g *Gateway) firm(user uint16, firm [4]byte) [4]byte {
	if firm == [4]byte{' ', ' ', ' ', ' '} {
		return g.cfg.Engine.Firm(user)
	}
	return firm
}

func sweep(ev *engine.Event) byte {
	if ev.Flags&engine.EventSweep != 0 {
		return 'Y'
	}
	return 'N'
}
