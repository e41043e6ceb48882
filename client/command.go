package client

import (
	"errors"
	"fmt"

	"matcher/wire/ouch"
)

// Errors of commands, beside ErrNotReady and those of the network. A network error of a command says nothing about its fate:
// the reports do.
var (
	ErrUnknownOrder = errors.New("client: no such order")
	ErrEnded        = errors.New("client: the order is over")
	ErrReplacing    = errors.New("client: a replacement is under way: replace that one")
	ErrField        = errors.New("client: a text longer than its field")
)

// Market is the price of an order without a limit.
const Market = ouch.MarketPrice

// NewOrder is an order to enter. What is 0 has its plain meaning: a displayed day order of the principal, without options.
type NewOrder struct {
	Side        byte // ouch.SideBuy, SideSell, SideSellShort, SideSellShortExempt
	Quantity    uint32
	Symbol      string
	Price       uint64 // wire units, or Market
	TimeInForce byte   // ouch.TIFXxx
	Display     byte   // ouch.DisplayXxx
	Capacity    byte   // ouch.CapacityXxx
	ClOrdID     string // at most 14 characters
	Options     ouch.Options
}

// Replacement is what an order becomes. Quantity is that of the whole chain, what is executed included.
type Replacement struct {
	Quantity    uint32
	Price       uint64
	TimeInForce byte
	Display     byte
	ClOrdID     string
	Options     ouch.Options
}

// Filter says which orders a mass cancel means: all that hold everything that is given.
type Filter struct {
	Firm   string
	Symbol string
	Side   byte   // 0: both
	Group  uint16 // tag 24; 0: all
}

// Enter sends an order (OUCH 5.0 Enter Order) and returns the UserRefNum that it has from now on.
func (s *Session) Enter(n NewOrder) (uint32, error) {
	if len(n.Symbol) > 8 || len(n.ClOrdID) > 14 {
		return 0, ErrField
	}
	m := &ouch.EnterOrder{
		Side: n.Side, Quantity: n.Quantity, Symbol: ouch.Symbol(n.Symbol), Price: n.Price, TimeInForce: letter(n.TimeInForce, ouch.TIFDay),
		Display: letter(n.Display, ouch.DisplayVisible), Capacity: letter(n.Capacity, ouch.CapacityPrincipal), Sweep: ouch.No,
		CrossType: ouch.CrossContinuous, ClOrdID: ouch.ClOrdID(n.ClOrdID), Appendage: s.options.appendage(n.Options),
	}
	o := &record{Order: Order{
		State: Sent, Side: n.Side, Symbol: n.Symbol, Price: n.Price, Leaves: n.Quantity, TIF: m.TimeInForce, Display: m.Display, ClOrdID: n.ClOrdID,
	}, fills: new([]fill)}
	return s.send(m, o, func(ref uint32) { m.UserRefNum = ref })
}

// Replace sends a replacement (OUCH 5.0 Replace Order) and returns the UserRefNum of the order that it makes. The original
// may itself be a replacement that is not answered yet.
func (s *Session) Replace(orig uint32, n Replacement) (uint32, error) {
	if len(n.ClOrdID) > 14 {
		return 0, ErrField
	}
	s.mu.Lock()
	from, err := s.open(orig)
	s.mu.Unlock()
	if err != nil {
		return 0, err
	}
	m := &ouch.ReplaceOrder{
		OrigUserRefNum: orig, Quantity: n.Quantity, Price: n.Price, TimeInForce: letter(n.TimeInForce, ouch.TIFDay),
		Display: letter(n.Display, ouch.DisplayVisible), Sweep: ouch.No, ClOrdID: ouch.ClOrdID(n.ClOrdID), Appendage: s.options.appendage(n.Options),
	}
	o := &record{Order: Order{
		State: Sent, Orig: orig, Side: from.Side, Symbol: from.Symbol, Price: n.Price, TIF: m.TimeInForce, Display: m.Display, ClOrdID: n.ClOrdID,
	}, fills: new([]fill), prev: from}
	return s.send(m, o, func(ref uint32) { m.UserRefNum = ref })
}

// Cancel takes an order down to an intended size, what is executed included (OUCH 5.0 Cancel Order); 0 cancels all that is
// open. It is sent again after a lost connection, until it is answered or the order is over.
func (s *Session) Cancel(ref, size uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.open(ref)
	if err != nil {
		return err
	}
	o.cancel = &ouch.CancelOrder{UserRefNum: ref, Quantity: size, Appendage: s.channel(nil)}
	if !s.ready {
		return nil // it goes out when the session is ready
	}
	return s.stream.Send(o.cancel)
}

// Modify sets the intended size of an order, and a sell's kind of side (OUCH 5.0 Modify Order). It has no number: after a lost
// connection it is not sent again, and the order's reports say whether it was done.
func (s *Session) Modify(ref, size uint32, side byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.open(ref)
	switch {
	case err != nil:
		return err
	case !s.ready:
		return ErrNotReady
	}
	o.cancel = nil // sent again it would undo this
	return s.stream.Send(&ouch.ModifyOrder{UserRefNum: ref, Side: letter(side, o.Side), Quantity: size, Appendage: s.channel(nil)})
}

// MassCancel cancels all orders that a filter means (OUCH 5.0 Mass Cancel), pending stops included, in all channels. The
// number it returns is that of its answer.
func (s *Session) MassCancel(f Filter) (uint32, error) {
	if len(f.Firm) > 4 || len(f.Symbol) > 8 {
		return 0, ErrField
	}
	var o ouch.Options
	if f.Side != 0 {
		o.Present |= ouch.Tag27Side
		o.Side = f.Side
	}
	if f.Group != 0 {
		o.Present |= ouch.Tag24GroupID
		o.GroupID = f.Group
	}
	m := &ouch.MassCancel{Firm: ouch.Firm(f.Firm), Symbol: ouch.Symbol(f.Symbol), Appendage: s.options.appendage(o)}
	return s.send(m, nil, func(ref uint32) { m.UserRefNum = ref })
}

// DisableEntry closes order entry for the account (OUCH 5.0 Disable Order Entry) until EnableEntry.
func (s *Session) DisableEntry() (uint32, error) {
	m := &ouch.DisableEntry{Firm: ouch.Firm(""), Appendage: s.channel(nil)}
	return s.send(m, nil, func(ref uint32) { m.UserRefNum = ref })
}

// EnableEntry opens order entry for the account again.
func (s *Session) EnableEntry() (uint32, error) {
	m := &ouch.EnableEntry{Firm: ouch.Firm(""), Appendage: s.channel(nil)}
	return s.send(m, nil, func(ref uint32) { m.UserRefNum = ref })
}

// send gives a command the next number and sends it. A number is used once, so numbers go out in the order in which they are
// given: all under the lock.
func (s *Session) send(m ouch.Inbound, o *record, number func(uint32)) (uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready && (!s.options.Resend && !riskless(m) || s.next == 0) {
		return 0, ErrNotReady
	}
	ref := s.next
	if o != nil && o.prev != nil {
		if _, err := s.open(o.prev.Ref); err != nil {
			return 0, err
		}
		if o.prev.next != nil {
			return 0, fmt.Errorf("%w: %d", ErrReplacing, o.prev.next.Ref)
		}
		o.prev.next = o
	}
	s.next++
	number(ref)
	if o != nil {
		o.Ref, o.Channel = ref, s.options.Channel
		s.orders[s.key(ref)] = o
	}
	s.sent = append(s.sent, command{ref, m})
	if !s.ready {
		return ref, nil // it goes out when the session is ready
	}
	if err := s.stream.Send(m); err != nil {
		return ref, fmt.Errorf("client: command %d may not have arrived: %w", ref, err)
	}
	return ref, nil
}

// open returns an order that is not over.
func (s *Session) open(ref uint32) (*record, error) {
	o := s.orders[s.key(ref)]
	switch {
	case o == nil:
		return nil, fmt.Errorf("%w: %d", ErrUnknownOrder, ref)
	case o.State.Ended():
		return nil, fmt.Errorf("%w: %d is %s", ErrEnded, ref, o.State)
	}
	return o, nil
}

// channel appends the element that names this session's channel; none for channel 0.
func (s *Session) channel(dst []byte) []byte {
	var o ouch.Options
	return append(dst, s.options.appendage(o)...)
}

// appendage makes the elements of a message.
func (o *SessionOptions) appendage(options ouch.Options) []byte {
	if o.Channel != 0 {
		options.Present |= ouch.Tag28UserRefIdx
		options.UserRefIdx = o.Channel
	}
	if options.Present == 0 {
		return nil
	}
	return options.Append(nil)
}

func letter(given, standard byte) byte {
	if given == 0 {
		return standard
	}
	return given
}
