package feed_test

import (
	"fmt"
	"slices"

	"matcher/engine"
	"matcher/wire/itch"
)

// shadow is what somebody has who sees nothing but the messages: the displayed orders in order of their adds, and the trades.
// It takes no message for granted.
type shadow struct {
	next   uint64
	orders []*shown
	trades map[uint64]trade // by match number
	broken map[uint64]bool
	told   int // instruments
	event  byte
	halted map[uint16]bool
}

type shown struct {
	locate uint16
	side   byte
	ref    uint64
	qty    uint32
	price  uint32
	public bool
}

type trade struct {
	qty   uint32
	price uint32
}

func newShadow() *shadow {
	return &shadow{trades: map[uint64]trade{}, broken: map[uint64]bool{}, halted: map[uint16]bool{}}
}

// take reads messages, each behind its length, and returns how many there were.
func (s *shadow) take(framed []byte) (n uint64, err error) {
	for len(framed) != 0 {
		m, size, err := itch.Next(framed)
		if err != nil || size == 0 {
			return n, fmt.Errorf("%d bytes that are no message: %w", len(framed), err)
		}
		if err := s.message(m); err != nil {
			return n, fmt.Errorf("message %d (%c): %w", s.next+1, m[0], err)
		}
		framed = framed[size:]
		s.next++
		n++
	}
	return n, nil
}

func (s *shadow) find(ref uint64) (int, error) {
	i := slices.IndexFunc(s.orders, func(o *shown) bool { return o.ref == ref })
	if i < 0 {
		return 0, fmt.Errorf("order %d is not displayed", ref)
	}
	return i, nil
}

func (s *shadow) add(o *shown) error {
	if _, err := s.find(o.ref); err == nil || o.qty == 0 || o.price == 0 || int(o.locate) > s.told || o.locate == 0 {
		return fmt.Errorf("%+v", *o)
	}
	s.orders = append(s.orders, o)
	return nil
}

func (s *shadow) less(ref uint64, qty uint32) (*shown, error) {
	i, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	o := s.orders[i]
	if qty == 0 || qty > o.qty {
		return nil, fmt.Errorf("%d off %+v", qty, *o)
	}
	if o.qty -= qty; o.qty == 0 {
		s.orders = slices.Delete(s.orders, i, i+1)
	}
	return o, nil
}

func (s *shadow) traded(match uint64, t trade) error {
	if _, twice := s.trades[match]; twice || match == 0 || t.qty == 0 || t.price == 0 {
		return fmt.Errorf("match %d: %+v", match, t)
	}
	s.trades[match] = t
	return nil
}

func (s *shadow) message(b []byte) error {
	switch m := decoded(b).(type) {
	case *itch.SystemEvent:
		s.event = m.Event
	case *itch.StockDirectory:
		if s.told++; int(m.Locate) != s.told {
			return fmt.Errorf("instrument %d after %d", m.Locate, s.told-1)
		}
	case *itch.TradingAction:
		s.halted[m.Locate] = m.State == 'H'
	case *itch.AddOrder:
		return s.add(&shown{m.Locate, m.Side, m.OrderRef, m.Quantity, m.Price, false})
	case *itch.AddOrderMPID:
		return s.add(&shown{m.Locate, m.Side, m.OrderRef, m.Quantity, m.Price, true})
	case *itch.OrderExecuted:
		o, err := s.less(m.OrderRef, m.Quantity)
		if err != nil {
			return err
		}
		return s.traded(m.MatchNumber, trade{m.Quantity, o.price})
	case *itch.OrderCancel:
		o, err := s.less(m.OrderRef, m.Quantity)
		if err == nil && o.qty == 0 {
			err = fmt.Errorf("a cancel of all of order %d", m.OrderRef)
		}
		return err
	case *itch.OrderDelete:
		i, err := s.find(m.OrderRef)
		if err == nil {
			s.orders = slices.Delete(s.orders, i, i+1)
		}
		return err
	case *itch.OrderReplace:
		i, err := s.find(m.OrigOrderRef)
		if err != nil {
			return err
		}
		o := *s.orders[i]
		s.orders = slices.Delete(s.orders, i, i+1)
		o.ref, o.qty, o.price = m.OrderRef, m.Quantity, m.Price
		return s.add(&o)
	case *itch.Trade:
		if m.OrderRef != 0 || m.Side != 'B' {
			return fmt.Errorf("a hidden order is named: %+v", m)
		}
		return s.traded(m.MatchNumber, trade{m.Quantity, m.Price})
	case *itch.BrokenTrade:
		if _, ok := s.trades[m.MatchNumber]; !ok || s.broken[m.MatchNumber] {
			return fmt.Errorf("match %d is broken", m.MatchNumber)
		}
		s.broken[m.MatchNumber] = true
	default:
		return fmt.Errorf("not on this feed: %T", m)
	}
	return nil
}

// decoded returns a message as its struct; only those that this feed has.
func decoded(b []byte) any {
	type message interface{ Decode([]byte) error }
	of := map[byte]message{
		'S': &itch.SystemEvent{}, 'R': &itch.StockDirectory{}, 'H': &itch.TradingAction{}, 'A': &itch.AddOrder{},
		'F': &itch.AddOrderMPID{}, 'E': &itch.OrderExecuted{}, 'X': &itch.OrderCancel{}, 'D': &itch.OrderDelete{},
		'U': &itch.OrderReplace{}, 'P': &itch.Trade{}, 'B': &itch.BrokenTrade{},
	}
	m := of[b[0]]
	if m == nil {
		return b[0]
	}
	if err := m.Decode(b); err != nil {
		return err
	}
	return m
}

// book returns one side of an instrument, best price first, in a level in order of the queue.
func (s *shadow) book(locate uint16, side byte) (book []shown) {
	for _, o := range s.orders {
		if o.locate == locate && o.side == side {
			book = append(book, *o)
		}
	}
	slices.SortStableFunc(book, func(a, b shown) int {
		if side == 'B' {
			return int(b.price) - int(a.price)
		}
		return int(a.price) - int(b.price)
	})
	return book
}

// equal says how the books differ from what the engine displays.
func (s *shadow) equal(e *engine.Engine) error {
	for i := 1; i <= e.InstrumentCount(); i++ {
		var want []shown
		e.Displayed(uint16(i), func(d *engine.Displayed) {
			o := shown{uint16(i), d.Side, d.Order, d.Qty, uint32(d.Price), d.Public}
			want = append(want, o)
		})
		if got := append(s.book(uint16(i), 'B'), s.book(uint16(i), 'S')...); !slices.Equal(got, want) {
			return fmt.Errorf("book %d\nfeed   %v\nengine %v", i, got, want)
		}
		if s.halted[uint16(i)] != e.Halted(uint16(i)) {
			return fmt.Errorf("book %d is halted: %v", i, e.Halted(uint16(i)))
		}
	}
	return nil
}
