// Package feed is the public view of a venue: ITCH 5.0, derived from the commands and events of the engine, and MoldUDP64
// packets of it.
//
// It owns which event is which public message, the number of every message, and the packets that wait to be sent. It sees no
// clock, does no I/O, and never decides what is durable: what it is told to release may be sent.
//
//	feed.go      Public: from a command and its events to messages
//	session.go   what a session begins and ends with, snapshots
//	packets.go   Packets: messages packed and kept until they are sent
//
// The messages follow from the journal alone, so whoever executes a journal (a venue, a replay, a reader beside the venue)
// has the same bytes under the same numbers. An event says what the public needs (engine.Event: Shown, EventRests, EventShown,
// what Link says of C, M, D); of a command at work only the aggressor is remembered, since the event that says that it rests
// may stand before events of others. So the memory of a Public is fixed, and it looks at the engine only for symbols and firms.
//
// # Order
//
// Rule 2.7: executions first, then the add of what rests. The event that carries EventRests is the last one of the aggressor,
// not the last one before it rests: own makers that prevention cancels may follow. So what rests is told when the next
// aggressor begins, when anything happens to the order itself, or when the command ends.
package feed

import (
	"encoding/binary"

	"matcher/engine"
	"matcher/wire/itch"
)

// Public derives the messages of a venue. It is for one goroutine.
type Public struct {
	engine   *engine.Engine
	session  [10]byte
	midnight uint64 // of the session's day, ns since 1970
	sequence uint64 // messages of the session so far
	told     int    // instruments told in the session
	closing  bool   // the command at work ends the day
	over     bool   // the day has ended
	started  bool   // the session has begun

	time      uint64    // of the command at work, ns since midnight
	aggressor aggressor // of the command at work
	broken    uint64    // match number of the last broken trade: both owners are told
}

// aggressor is an order on its way: accepted, replaced, triggered or moved, and not at rest for the public yet.
type aggressor struct {
	order  uint64 // reference, 0 none
	old    uint64 // the displayed order whose place it takes and that is not told to be gone yet, 0 none
	price  uint64
	shown  uint32 // when it rests
	rests  bool
	public bool // attributed
	was    bool // the old one was attributed
	side   byte
	user   uint16
	locate uint16
}

// New returns the public view of a venue without commands. Before and Append must see every command from the first on, or
// Resume must say where the messages stand.
func New(e *engine.Engine) *Public { return &Public{engine: e} }

// Sequence returns the number of the last message of the session, 0 before the first.
func (p *Public) Sequence() uint64 { return p.sequence }

// Session returns the session that the numbers belong to.
func (p *Public) Session() [10]byte { return p.session }

// Midnight returns the midnight that timestamps count from, ns since 1970.
func (p *Public) Midnight() uint64 { return p.midnight }

// Over says whether the session has ended.
func (p *Public) Over() bool { return p.over }

// Append appends the messages of a command that the engine has carried out, each behind its length of two bytes, as files of
// ITCH and blocks of MoldUDP64 have them. The events may come in pieces, in order; the last piece ends the command.
func (p *Public) Append(dst []byte, cmd *engine.Command, events []engine.Event, last bool) []byte {
	p.time = min(cmd.Time-p.midnight, 1<<48-1) // a day that is never closed must not overflow the field
	for i := range events {
		dst = p.event(dst, &events[i])
	}
	if last {
		dst = p.settle(dst)
		if cmd.Kind >= engine.KindRules { // commands of the venue
			dst = p.after(dst, cmd)
		}
	}
	return dst
}

// event appends what the public sees of an event.
func (p *Public) event(dst []byte, ev *engine.Event) []byte {
	a := &p.aggressor
	switch ev.Kind {
	case 'A', 'U', 'T':
		dst = p.begin(dst, ev)
	case 'E':
		if ev.Flags&engine.EventTaker == 0 {
			dst = p.executed(dst, ev)
		}
	case 'C', 'D', 'M':
		if ev.Link != 0 {
			dst = p.less(dst, ev)
		}
	case 'R':
		if ev.Reason == 'T' {
			dst = p.begin(dst, ev)
		} else {
			dst = p.add(dst, ev.Instrument, side(ev), ev.User, ev.Display == 'A', ev.Order, ev.Shown, ev.Price)
		}
	case 'B':
		if ev.Link != p.broken {
			p.broken = ev.Link
			m := itch.BrokenTrade{Header: p.header(ev.Instrument), MatchNumber: ev.Link}
			dst = p.frame(m.Append(p.open(dst)), itch.BrokenTradeSize)
		}
	}
	if ev.Flags&engine.EventRests != 0 && ev.Shown != 0 {
		a.rests, a.shown = true, ev.Shown
	}
	return dst
}

// begin takes note of an order that is on its way. A market-to-limit order that learns its price goes on.
func (p *Public) begin(dst []byte, ev *engine.Event) []byte {
	a := &p.aggressor
	if ev.Flags&engine.EventCarried != 0 {
		return dst // told in the messages that the session began with
	}
	if ev.Kind == 'T' && ev.Link == ev.Order && a.order == ev.Order {
		a.price = ev.Price
		return dst
	}
	dst = p.settle(dst)
	a.order, a.price, a.side, a.user, a.locate = ev.Order, ev.Price, side(ev), ev.User, ev.Instrument
	a.public = ev.Display == 'A'
	if ev.Flags&engine.EventShown != 0 {
		a.old, a.was = ev.Link, ev.Flags&engine.EventPublic != 0
	}
	return dst
}

// settle appends what has become of the aggressor: it rests, in the place of an old order or not, or only the old one is gone.
func (p *Public) settle(dst []byte) []byte {
	a := &p.aggressor
	if a.order == 0 {
		return dst
	}
	if a.old != 0 && (!a.rests || a.was != a.public) { // a replaced order is attributed as it was
		dst = p.gone(dst)
	}
	switch {
	case a.rests && a.old != 0:
		m := itch.OrderReplace{
			Header: p.header(a.locate), OrigOrderRef: a.old, OrderRef: a.order, Quantity: a.shown, Price: uint32(a.price),
		}
		dst = p.frame(m.Append(p.open(dst)), itch.OrderReplaceSize)
	case a.rests:
		dst = p.add(dst, a.locate, a.side, a.user, a.public, a.order, a.shown, a.price)
	}
	*a = aggressor{}
	return dst
}

// gone appends that the old order is gone, before what the new one does.
func (p *Public) gone(dst []byte) []byte {
	a := &p.aggressor
	m := itch.OrderDelete{Header: p.header(a.locate), OrderRef: a.old}
	a.old = 0
	return p.frame(m.Append(p.open(dst)), itch.OrderDeleteSize)
}

// executed appends the execution of a maker. What it is executed against is never shown.
func (p *Public) executed(dst []byte, ev *engine.Event) []byte {
	if a := &p.aggressor; a.rests {
		dst = p.settle(dst)
	} else if a.old != 0 {
		dst = p.gone(dst)
	}
	if ev.Flags&engine.EventHidden == 0 {
		m := itch.OrderExecuted{Header: p.header(ev.Instrument), OrderRef: ev.Order, Quantity: ev.Qty, MatchNumber: ev.Link}
		return p.frame(m.Append(p.open(dst)), itch.OrderExecutedSize)
	}
	m := itch.Trade{
		Header: p.header(ev.Instrument), Side: itch.SideBuy, Quantity: ev.Qty, Symbol: p.engine.Symbol(ev.Instrument),
		Price: uint32(ev.Price), MatchNumber: ev.Link,
	}
	return p.frame(m.Append(p.open(dst)), itch.TradeSize)
}

// less appends that the book shows less of an order, or nothing any more.
func (p *Public) less(dst []byte, ev *engine.Event) []byte {
	if ev.Order == p.aggressor.order {
		dst = p.settle(dst)
	}
	if ev.Shown == 0 {
		m := itch.OrderDelete{Header: p.header(ev.Instrument), OrderRef: ev.Order}
		return p.frame(m.Append(p.open(dst)), itch.OrderDeleteSize)
	}
	m := itch.OrderCancel{Header: p.header(ev.Instrument), OrderRef: ev.Order, Quantity: uint32(ev.Link)}
	return p.frame(m.Append(p.open(dst)), itch.OrderCancelSize)
}

// add appends that an order is displayed at the back of its queue.
func (p *Public) add(dst []byte, locate uint16, side byte, user uint16, public bool, order uint64, qty uint32, price uint64) []byte {
	symbol := p.engine.Symbol(locate)
	if public {
		m := itch.AddOrderMPID{
			Header: p.header(locate), OrderRef: order, Side: side, Quantity: qty, Symbol: symbol, Price: uint32(price),
			Attribution: p.engine.Firm(user),
		}
		return p.frame(m.Append(p.open(dst)), itch.AddOrderMPIDSize)
	}
	m := itch.AddOrder{Header: p.header(locate), OrderRef: order, Side: side, Quantity: qty, Symbol: symbol, Price: uint32(price)}
	return p.frame(m.Append(p.open(dst)), itch.AddOrderSize)
}

// side maps the four side letters to those of the feed (rule 1.6).
func side(ev *engine.Event) byte {
	if ev.Side == itch.SideBuy {
		return itch.SideBuy
	}
	return itch.SideSell
}

func (p *Public) header(locate uint16) itch.Header {
	return itch.Header{Locate: locate, Timestamp: p.time}
}

// open makes room for the length of a message; frame counts the message and sets its length.
func (p *Public) open(dst []byte) []byte { return append(dst, 0, 0) }

func (p *Public) frame(dst []byte, size int) []byte {
	p.sequence++
	binary.BigEndian.PutUint16(dst[len(dst)-size-2:], uint16(size))
	return dst
}
