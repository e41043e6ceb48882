package client

import (
	"strings"

	"matcher/wire/ouch"
)

// report does to the orders what a message says, and says what that was.
func (s *Session) report(message ouch.Outbound) Report {
	switch m := message.(type) {
	case *ouch.Accepted:
		return s.accepted(m)
	case *ouch.Replaced:
		return s.replaced(m)
	case *ouch.Executed:
		return s.change(OrderExecuted, m.Timestamp, m.UserRefNum, m.Appendage, func(o *record, r *Report) {
			r.Quantity, r.Price, r.Match, r.Liquidity = m.Quantity, m.Price, m.MatchNumber, m.Liquidity
			o.execute(m)
		})
	case *ouch.Canceled:
		return s.change(OrderCanceled, m.Timestamp, m.UserRefNum, m.Appendage, func(o *record, r *Report) {
			r.Quantity, r.Reason = m.Quantity, m.Reason
			o.reduce(m.Quantity, m.Reason)
		})
	case *ouch.AIQCanceled:
		return s.change(OrderPrevented, m.Timestamp, m.UserRefNum, m.Appendage, func(o *record, r *Report) {
			r.Quantity, r.Price, r.Reason, r.Liquidity = m.Quantity, m.Price, m.Reason, m.Liquidity
			o.reduce(m.Quantity, m.Reason)
		})
	case *ouch.Rejected:
		return s.rejected(m)
	case *ouch.Modified:
		return s.change(OrderModified, m.Timestamp, m.UserRefNum, m.Appendage, func(o *record, r *Report) {
			o.Leaves, o.Side, r.Quantity = m.Quantity, m.Side, m.Quantity
		})
	case *ouch.PriorityUpdate:
		return s.change(OrderRequeued, m.Timestamp, m.UserRefNum, m.Appendage, func(o *record, r *Report) {
			o.Price, o.Display, o.OrderRef, r.Price = m.Price, m.Display, m.OrderRef, m.Price
		})
	case *ouch.Restated:
		return s.restated(m)
	case *ouch.BrokenTrade:
		return s.change(TradeBroken, m.Timestamp, m.UserRefNum, m.Appendage, func(o *record, r *Report) {
			f := o.bust(m.MatchNumber)
			r.Match, r.Reason, r.Quantity, r.Price = m.MatchNumber, m.Reason, f.qty, f.price
		})
	case *ouch.MassCancelResponse:
		return s.answered(MassCancelDone, m.Timestamp, m.UserRefNum, m.Appendage)
	case *ouch.DisableResponse:
		return s.answered(EntryDisabled, m.Timestamp, m.UserRefNum, m.Appendage)
	case *ouch.EnableResponse:
		return s.answered(EntryEnabled, m.Timestamp, m.UserRefNum, m.Appendage)
	case *ouch.SystemEvent:
		return Report{Kind: DayEvent, Time: m.Timestamp, Reason: m.Event}
	}
	return Report{Kind: Other}
}

// change does what a message says to its order. An order that is not known (it was accepted before the number that we began
// with) has a name and no state.
func (s *Session) change(k Kind, time uint64, ref uint32, appendage []byte, do func(*record, *Report)) Report {
	r := Report{Kind: k, Time: time}
	channel := channelOf(appendage)
	o := s.orders[keyOf(channel, ref)]
	if o == nil {
		o = &record{Order: Order{Ref: ref, Channel: channel}, fills: new([]fill)}
		do(o, &r)
		r.Order = Order{Ref: ref, Channel: channel}
		return r
	}
	do(o, &r)
	if o.State.Ended() {
		s.orphan(o)
	}
	r.Order = o.Order
	return r
}

// orphan deals with a replacement whose original is gone: the venue passes it over without a word.
func (s *Session) orphan(o *record) {
	for next := o.next; next != nil && next.State == Sent; next = next.next {
		s.settled(next.Channel, next.Ref)
		next.State = Ignored
		s.queue = append(s.queue, Report{Kind: OrderIgnored, Order: next.Order})
	}
	o.cancel = nil
}

// accepted takes in an order: one that was sent, or one from before this process.
func (s *Session) accepted(m *ouch.Accepted) Report {
	channel := channelOf(m.Appendage)
	s.settled(channel, m.UserRefNum)
	key := keyOf(channel, m.UserRefNum)
	o := s.orders[key]
	if o == nil {
		o = &record{fills: new([]fill)}
		s.orders[key] = o
	}
	o.Ref, o.Channel, o.State, o.Side, o.Symbol, o.Price, o.Leaves = m.UserRefNum, channel, Live, m.Side, text(m.Symbol[:]), m.Price, m.Quantity
	o.TIF, o.Display, o.ClOrdID, o.OrderRef = m.TimeInForce, m.Display, text(m.ClOrdID[:]), m.OrderRef
	if m.State == ouch.StateDead {
		o.State, o.Leaves = Canceled, 0
		s.orphan(o)
	}
	s.seen(channel, m.UserRefNum)
	return Report{Kind: OrderAccepted, Time: m.Timestamp, Order: o.Order, Quantity: m.Quantity, Price: m.Price}
}

func (s *Session) replaced(m *ouch.Replaced) Report {
	channel := channelOf(m.Appendage)
	s.settled(channel, m.UserRefNum)
	key := keyOf(channel, m.UserRefNum)
	o := s.orders[key]
	if o == nil {
		o = &record{fills: new([]fill)}
		s.orders[key] = o
	}
	if orig := s.orders[keyOf(channel, m.OrigUserRefNum)]; orig != nil {
		orig.State, orig.Leaves, orig.cancel = Replaced, 0, nil
		orig.next, o.prev = o, orig
		o.inherit(orig)
	}
	o.Ref, o.Channel, o.Orig, o.State, o.Side, o.Symbol, o.Price, o.Leaves = m.UserRefNum, channel, m.OrigUserRefNum, Live, m.Side, text(m.Symbol[:]), m.Price, m.Quantity
	o.TIF, o.Display, o.ClOrdID, o.OrderRef = m.TimeInForce, m.Display, text(m.ClOrdID[:]), m.OrderRef
	if m.State == ouch.StateDead {
		o.State, o.Leaves = Canceled, 0
		s.orphan(o)
	}
	s.seen(channel, m.UserRefNum)
	return Report{Kind: OrderReplaced, Time: m.Timestamp, Order: o.Order, Quantity: m.Quantity, Price: m.Price}
}

func (s *Session) rejected(m *ouch.Rejected) Report {
	channel := channelOf(m.Appendage)
	s.settled(channel, m.UserRefNum)
	s.seen(channel, m.UserRefNum)
	r := Report{Kind: OrderRejected, Time: m.Timestamp, Code: m.Reason, Order: Order{Ref: m.UserRefNum, Channel: channel, Code: m.Reason}}
	if o := s.orders[keyOf(channel, m.UserRefNum)]; o != nil {
		o.State, o.Code = Rejected, m.Reason
		s.orphan(o)
		s.unlink(o)
		r.Order = o.Order
	}
	return r
}

func (s *Session) restated(m *ouch.Restated) Report {
	kind := Other
	switch m.Reason {
	case ouch.RestatedRefresh:
		kind = OrderRefreshed
	case ouch.RestatedTriggered:
		kind = OrderTriggered
	}
	return s.change(kind, m.Timestamp, m.UserRefNum, m.Appendage, func(o *record, r *Report) {
		var options ouch.Options
		_ = options.Decode(m.Appendage) // what cannot be read says nothing
		if options.Present&ouch.Tag1SecondaryOrderRef != 0 {
			o.OrderRef = options.SecondaryOrderRef
		}
		r.Quantity, r.Reason = options.DisplayQuantity, m.Reason
	})
}

// answered is the answer to a numbered command that is no order.
func (s *Session) answered(k Kind, time uint64, ref uint32, appendage []byte) Report {
	channel := channelOf(appendage)
	s.settled(channel, ref)
	s.seen(channel, ref)
	return Report{Kind: k, Time: time, Order: Order{Ref: ref, Channel: channel}}
}

// settled takes a command from the list of those that have no answer.
func (s *Session) settled(channel byte, ref uint32) {
	if channel != s.options.Channel {
		return
	}
	for i := range s.sent { // answers come in order: it is the first one, or nearly
		if s.sent[i].ref == ref {
			s.sent = append(s.sent[:i], s.sent[i+1:]...)
			return
		}
	}
}

// seen makes the next number larger than one that was used.
func (s *Session) seen(channel byte, ref uint32) {
	if channel == s.options.Channel && ref >= s.next {
		s.next = ref + 1
	}
}

func text(padded []byte) string { return strings.TrimRight(string(padded), " ") }
