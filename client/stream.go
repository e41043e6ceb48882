package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"matcher/wire/ouch"
)

// ErrElsewhere means that the same user has logged in a second time: the newer login has the session now, and to come back
// would take it away again.
var ErrElsewhere = errors.New("client: the user has logged in again elsewhere")

// ErrNumber means that the venue went on at another number than the one that was asked for: messages are missing.
var ErrNumber = errors.New("client: the venue went on at another number")

// elsewhere is the Debug text of this venue before it closes the older of two connections of a user.
const elsewhere = "the user has logged in again elsewhere"

// Waits between two tries to come back.
const (
	retryFirst = 20 * time.Millisecond
	retryLast  = time.Second
)

// Stream is the numbered messages of one session over as many connections as it takes. After a lost connection it logs in
// again with the number of the next message, so that nothing is missed and nothing comes twice. What was sent and not
// answered is not sent again: that is for who knows what it meant (Session does).
type Stream struct {
	options Options // Session and Sequence: those to come back with
	closed  chan struct{}
	once    sync.Once

	mu      sync.Mutex // of conn and options.Session: changed by Recv alone, under it
	conn    *Conn
	lost    error                            // what ended conn; nil: it lives. Of Recv alone
	final   error                            // of Recv alone
	onLogin func(c *Conn, live uint64) error // nil: nobody needs to know
}

// Follow connects and logs in, like Dial. ctx bounds the first login alone.
func Follow(ctx context.Context, o Options) (*Stream, error) { return follow(ctx, o, nil) }

func follow(ctx context.Context, o Options, onLogin func(*Conn, uint64) error) (*Stream, error) {
	s := &Stream{options: o, closed: make(chan struct{}), onLogin: onLogin}
	conn, live, err := s.dial(ctx, o)
	if err != nil {
		return nil, err
	}
	s.conn, s.options.Session = conn, conn.Session()
	if onLogin != nil {
		if err := onLogin(conn, live); err != nil {
			s.lost = err // Recv comes back
		}
	}
	return s, nil
}

// dial logs in. Where somebody needs to know, it also finds out the live point: the number from which on every message is one
// of after the login. A venue tells it to whoever asks for no message, so that is a login of its own; the second one takes its
// place before it ends, so that the user is never seen to have gone.
func (s *Stream) dial(ctx context.Context, o Options) (c *Conn, live uint64, err error) {
	if s.onLogin != nil && o.Sequence != 0 {
		first := o
		first.Sequence = 0
		probe, err := Dial(ctx, first)
		if err != nil {
			return nil, 0, err
		}
		defer func() { _ = probe.Close() }()
		live, o.Session = probe.NextSequence(), probe.Session()
	}
	c, err = Dial(ctx, o)
	if err == nil && live == 0 {
		live = c.NextSequence()
	}
	return c, live, err
}

// Recv waits for the next sequenced message, over a new connection if need be. The error is final: ErrEndOfSession,
// ErrElsewhere, ErrNumber, net.ErrClosed after Close, *RejectedError (reason S: the venue has begun another session), or what
// ended the last try to come back within Options.Retry.
func (s *Stream) Recv() (Message, error) {
	for {
		m, err := s.recv()
		var lost *lostError
		if errors.As(err, &lost) {
			continue
		}
		return m, err
	}
}

// lostError says once that a connection was lost; the next call comes back.
type lostError struct{ cause error }

func (e *lostError) Error() string { return "client: connection lost: " + e.cause.Error() }
func (e *lostError) Unwrap() error { return e.cause }

// recv is Recv, but tells of a lost connection before it comes back.
func (s *Stream) recv() (Message, error) {
	if s.final != nil {
		return Message{}, s.final
	}
	if s.lost != nil {
		if s.final = s.comeBack(); s.final != nil {
			return Message{}, s.final
		}
		s.lost = nil
	}
	m, err := s.conn.Recv()
	if err == nil {
		return m, nil
	}
	_ = s.conn.Close() // the error above is the one that matters
	select {
	case <-s.closed:
		s.final = fmt.Errorf("client: %w", net.ErrClosed)
		return Message{}, s.final
	default:
	}
	switch {
	case errors.Is(err, ErrEndOfSession):
		s.final = err
	case s.conn.Debug() == elsewhere:
		s.final = ErrElsewhere
	default:
		if why := s.conn.Debug(); why != "" {
			err = fmt.Errorf("%w (%s)", err, why)
		}
		s.lost = err
		return Message{}, &lostError{err}
	}
	return Message{}, s.final
}

// comeBack logs in again, as often as it takes.
func (s *Stream) comeBack() error {
	retry := orElse(s.options.Retry, time.Minute)
	ctx, cancel := context.WithTimeout(context.Background(), retry)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // Close ends the login too
		select {
		case <-s.closed:
			cancel()
		case <-stop:
		}
	}()
	o := s.options
	o.Sequence = s.conn.NextSequence()
	if o.Session == "" { // startOver
		o.Sequence = 1
	}
	last := s.lost
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		conn, live, err := s.dial(ctx, o)
		if err == nil {
			return s.resume(conn, live, o)
		}
		var refused *RejectedError
		if errors.As(err, &refused) {
			return err
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		select {
		case <-s.closed:
			return fmt.Errorf("client: %w", net.ErrClosed)
		default:
		}
		if ctx.Err() != nil {
			return fmt.Errorf("client: not back within %s: %w", retry, last)
		}
	}
}

// resume makes a new connection the one that is used.
func (s *Stream) resume(conn *Conn, live uint64, o Options) error {
	if conn.NextSequence() != o.Sequence || o.Session != "" && conn.Session() != o.Session {
		_ = conn.Close()
		return fmt.Errorf("%w: %d of %s, not %d of %s", ErrNumber, conn.NextSequence(), conn.Session(), o.Sequence, o.Session)
	}
	s.mu.Lock()
	s.conn = conn
	s.options.Session = conn.Session()
	s.mu.Unlock()
	select {
	case <-s.closed: // Close came before and closed the older one
		_ = conn.Close()
		return fmt.Errorf("client: %w", net.ErrClosed)
	default:
	}
	if s.onLogin != nil {
		// If the new connection cannot even be written to, receiving will find that out as well.
		_ = s.onLogin(conn, live)
	}
	return nil
}

// Send sends a message at once, over the connection there is. An error means that the connection is lost: whether the message
// has arrived is not known.
func (s *Stream) Send(m ouch.Inbound) error {
	conn := s.current()
	if err := conn.Send(m); err != nil {
		return err
	}
	return conn.Flush()
}

func (s *Stream) current() *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn
}

// startOver lets the next recv log in to whatever session the venue has now, from its first message.
func (s *Stream) startOver() {
	s.mu.Lock()
	s.options.Session = ""
	s.mu.Unlock()
	s.lost, s.final = s.final, nil
}

// Session returns the session.
func (s *Stream) Session() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.options.Session
}

// NextSequence returns the number of the message that Recv returns next.
func (s *Stream) NextSequence() uint64 { return s.current().NextSequence() }

// Close logs out and closes. It ends a Recv under way.
func (s *Stream) Close() error {
	err := fmt.Errorf("client: %w", net.ErrClosed)
	s.once.Do(func() {
		close(s.closed)
		conn := s.current()
		_ = conn.Logout() // a courtesy: the connection may be gone
		err = conn.Close()
		if errors.Is(err, net.ErrClosed) {
			err = nil // it was lost before
		}
	})
	return err
}
