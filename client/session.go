package client

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// SessionOptions say how a Session is opened.
type SessionOptions struct {
	// Options of the connection. Sequence 1 tells of all orders of the day, also of those from before this process; a later
	// number leaves orders unknown that were accepted before it.
	Options
	// Channel is the numbering channel (tag 28) in which orders are entered, 0 to 254.
	Channel byte
	// Resend sends orders again that never arrived because the connection was lost, and lets orders be entered while it is
	// lost. Without it such orders are Lost, and entering is ErrNotReady: for who would not enter the same order a second
	// later. Cancels, mass cancels and Disable are sent again in any case: they only take risk away.
	Resend bool
}

// ErrNotReady means that the session is not settled: the connection is lost, or not all that was missed has been told. Recv
// will report Ready.
var ErrNotReady = errors.New("client: not ready")

// Session is a user's orders: commands go in by typed calls, reports come out of Recv, and the state of every order is kept.
// It comes back after a lost connection, tells what was missed, and settles what was sent and not answered: the venue's
// stream says what became of it, and what the stream does not know never arrived.
//
// Recv must be called all the time, by one goroutine: all else depends on it. Commands may come from any. With Sequence 1 it tells
// the day so far first, orders from before this process included, then Ready: from there on commands are taken. State.Ended
// says that an order is over.
type Session struct {
	stream   *Stream
	options  SessionOptions
	settling bool   // an Account Query of the present connection is not answered. Of Recv and the login alone
	live     uint64 // answers to older queries have smaller numbers. The same
	queue    []Report

	mu     sync.Mutex
	ready  bool
	next   uint32 // UserRefNum
	orders map[uint64]*record
	sent   []command // numbered, not answered, in order of their numbers
}

// command is a numbered message that is under way.
type command struct {
	ref     uint32
	message ouch.Inbound
}

// Open logs in. ctx bounds the login. Commands are taken once Recv has reported Ready.
func Open(ctx context.Context, o SessionOptions) (*Session, error) {
	s := &Session{options: o, orders: map[uint64]*record{}}
	stream, err := follow(ctx, o.Options, s.ask)
	if err != nil {
		return nil, err
	}
	s.stream = stream
	return s, nil
}

// ask sends an Account Query on a new connection. All messages of a connection are worked off in order, and older connections
// have ended, so behind its answer nothing that was sent before can still be answered. Answers of before the login may still
// come first: those to queries are told apart by their numbers.
func (s *Session) ask(conn *Conn, live uint64) error {
	s.settling, s.live = true, live
	if err := conn.Send(&ouch.AccountQuery{Appendage: s.channel(nil)}); err != nil {
		return err
	}
	return conn.Flush()
}

// Recv waits for what happens next. Errors are final and those of Stream.Recv, except that another session of the venue is
// no error: after a crash of a venue that does not wait for its disk, SessionChanged is reported; orders that the new session
// still has are told again by OrderAccepted with what is open of them, others are gone, and executions told before that the
// venue has lost count no longer.
func (s *Session) Recv() (Report, error) {
	for {
		if len(s.queue) > 0 {
			r := s.queue[0]
			s.queue = s.queue[1:]
			return r, nil
		}
		m, err := s.stream.recv()
		var lost *lostError
		var refused *RejectedError
		switch {
		case errors.As(err, &lost):
			s.mu.Lock()
			s.ready = false
			s.mu.Unlock()
			return Report{Kind: Down, Err: lost.cause}, nil
		case errors.As(err, &refused) && refused.Reason == soupbin.SessionNotAvailable:
			s.startOver()
			return Report{Kind: SessionChanged}, nil
		case err != nil:
			s.mu.Lock()
			s.ready = false
			s.mu.Unlock()
			return Report{}, err
		}
		message, err := m.Decode()
		if err != nil && !errors.Is(err, ouch.ErrType) {
			return Report{}, fmt.Errorf("client: message %d: %w", m.Sequence, err)
		}
		if r, ok := s.take(m.Sequence, message); ok {
			return r, nil
		}
	}
}

// startOver follows the session that the venue has now, from its beginning.
func (s *Session) startOver() {
	s.mu.Lock()
	s.ready = false
	s.orders = map[uint64]*record{}
	s.sent = nil
	s.next = 0
	s.mu.Unlock()
	s.stream.startOver()
}

// take takes in a message of the venue. False: there is nothing to report.
func (s *Session) take(sequence uint64, message ouch.Outbound) (Report, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q, ok := message.(*ouch.QueryResponse); ok {
		if s.settling && sequence >= s.live && channelOf(q.Appendage) == s.options.Channel {
			s.settle(q.NextUserRefNum)
		}
		return Report{}, false
	}
	r := s.report(message)
	r.Sequence, r.Message = sequence, message
	return r, true
}

// settle deals with what was sent and not answered: the answers to all that has arrived stand before this.
func (s *Session) settle(next uint32) {
	s.settling = false
	open := s.sent
	s.sent = nil
	s.next = max(s.next, next)
	for _, c := range open {
		o := s.orders[s.key(c.ref)]
		if o == nil { // a mass cancel, or a word about order entry
			o = &record{Order: Order{Ref: c.ref, Channel: s.options.Channel}}
		}
		switch {
		case c.ref < next: // arrived, or passed over for a later number: there is nothing left to replace
			o.State = Ignored
			s.queue = append(s.queue, Report{Kind: OrderIgnored, Order: o.Order})
		case s.options.Resend || riskless(c.message):
			s.sent = append(s.sent, c)
			_ = s.stream.Send(c.message) // if that fails, the connection is lost, and this happens again
		default:
			o.State = Lost
			s.unlink(o)
			s.queue = append(s.queue, Report{Kind: OrderLost, Order: o.Order})
		}
	}
	for _, o := range s.orders {
		if o.cancel != nil && !o.State.Ended() {
			_ = s.stream.Send(o.cancel)
		}
	}
	s.ready = true
	s.queue = append(s.queue, Report{Kind: Ready})
}

// riskless says whether a command only takes risk away.
func riskless(m ouch.Inbound) bool {
	switch m.(type) {
	case *ouch.MassCancel, *ouch.DisableEntry:
		return true
	}
	return false
}

// Order returns what is known of an order of this session's channel.
func (s *Session) Order(ref uint32) (Order, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[s.key(ref)]
	if o == nil {
		return Order{}, false
	}
	return o.Order, true
}

// Orders returns the orders that are not over, of all channels, in no order.
func (s *Session) Orders() []Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Order
	for _, o := range s.orders {
		if !o.State.Ended() {
			all = append(all, o.Order)
		}
	}
	return all
}

// Forget drops an order that is over, to save memory. A trade of it that is broken later is then of an unknown order.
func (s *Session) Forget(ref uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.orders[s.key(ref)]; o != nil && o.State.Ended() {
		s.unlink(o)
		delete(s.orders, s.key(ref))
	}
}

// unlink takes an order out of its chain.
func (s *Session) unlink(o *record) {
	if o.prev != nil && o.prev.next == o {
		o.prev.next = nil
	}
	if o.next != nil {
		o.next.prev = nil
	}
	o.prev, o.next = nil, nil
}

// SessionID returns the session of the venue.
func (s *Session) SessionID() string { return s.stream.Session() }

// NextSequence returns the number of the next message: what a later process asks for to go on.
func (s *Session) NextSequence() uint64 { return s.stream.NextSequence() }

// Close logs out and closes. It ends a Recv under way.
func (s *Session) Close() error { return s.stream.Close() }

// key names an order of this session's channel.
func (s *Session) key(ref uint32) uint64 { return keyOf(s.options.Channel, ref) }

func keyOf(channel byte, ref uint32) uint64 { return uint64(channel)<<32 | uint64(ref) }

// channelOf reads the channel of a message out of its elements; 0 where there is none.
func channelOf(appendage []byte) byte {
	if len(appendage) == 0 {
		return 0
	}
	var o ouch.Options
	_ = o.Decode(appendage) // what cannot be read says nothing
	return o.UserRefIdx
}
