// Package client is a client of an OUCH 5.0 venue over SoupBinTCP 3.00, in three floors; take the lowest that does what you
// need.
//
//	Conn      one connection: log in, send messages, receive numbered messages (Dial)
//	Stream    the same over as many connections as it takes: nothing is missed, nothing comes twice (Follow)
//	Session   orders by typed calls, reports as values, the state of every order kept (Open)
//
// It owns connections, heartbeats, the count of sequenced messages and, in a Session, what is known of the user's own orders.
// Conn never reconnects and interprets no message. Public market data is in packages feed and market below this one. Nothing
// of the server is imported: this package and those below it stand alone.
//
//	client.go     Options, Dial, Close
//	send.go       Conn.Send, Flush, Logout, heartbeats
//	receive.go    Conn.Recv, Message
//	stream.go     Stream: what to do when a connection is lost
//	session.go    Session: receiving, settling what a lost connection left open
//	command.go    what a Session sends
//	order.go      Order: what is known of one order
//	take.go       what a message of the venue does to orders
//	report.go     Report: what happened, and what it did to an order
//	dropcopy.go   messages of a drop copy
//
// One goroutine may receive while others send; Close, Session and NextSequence may be called from any.
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"matcher/wire/soupbin"
)

// Options say where to connect, as whom, and where to go on.
type Options struct {
	Addr     string // host:port
	Username string // at most 6 characters
	Password string // at most 10 characters
	Session  string // at most 10 characters; "": the one that is active
	Sequence uint64 // next message wanted, from 1: all of the session; 0: only what is yet to come

	Heartbeat time.Duration // silence after which a heartbeat is sent; 0: a second, as SoupBinTCP says
	Timeout   time.Duration // silence after which Recv gives the venue up; 0: 15 seconds
	Retry     time.Duration // how long Follow and Open try to come back after a lost connection; 0: a minute
}

// ErrRejected is a login that the venue refused; the error is a *RejectedError.
var ErrRejected = errors.New("client: login rejected")

// ErrEndOfSession means that the venue has ended the session for good: no message will follow, and it cannot be resumed.
var ErrEndOfSession = errors.New("client: end of session")

// RejectedError says why a login was refused.
type RejectedError struct {
	Reason byte // soupbin.NotAuthorized or soupbin.SessionNotAvailable
}

// Error says it in words.
func (e *RejectedError) Error() string {
	switch e.Reason {
	case soupbin.NotAuthorized:
		return ErrRejected.Error() + ": not authorized"
	case soupbin.SessionNotAvailable:
		return ErrRejected.Error() + ": session not available"
	}
	return fmt.Sprintf("%v: reason %q", ErrRejected, e.Reason)
}

// Unwrap returns ErrRejected.
func (e *RejectedError) Unwrap() error { return ErrRejected }

// Conn is a connection that is logged in.
type Conn struct {
	conn      net.Conn
	session   string
	next      atomic.Uint64
	heartbeat time.Duration
	timeout   time.Duration // 0 until logged in: so long the context of Dial is the limit
	debug     atomic.Pointer[string]
	in        input
	out       output
}

// Dial connects and logs in. ctx bounds both, not the life of the connection. The errors are those of the network, of ctx,
// and *RejectedError. The venue may begin elsewhere than at Sequence: NextSequence tells.
func Dial(ctx context.Context, o Options) (*Conn, error) {
	login, err := o.login()
	if err != nil {
		return nil, err
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	c := &Conn{conn: conn, heartbeat: orElse(o.Heartbeat, time.Second)}
	c.in.buf = make([]byte, inputSize)
	// A past deadline, rather than Close, leaves the error to be told apart from a peer that hangs up.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = c.login(login)
	if !stop() {
		err = fmt.Errorf("client: login: %w", ctx.Err())
	}
	if err != nil {
		_ = conn.Close() // the login's error is the one that matters
		return nil, err
	}
	c.timeout = orElse(o.Timeout, 15*time.Second)
	c.out.start(c)
	return c, nil
}

// login makes the Login Request packet. Nothing is cut: a password that lost its end would be a riddle.
func (o *Options) login() ([]byte, error) {
	l := soupbin.Login{Sequence: o.Sequence}
	for _, f := range []struct {
		name  string
		text  string
		field []byte
	}{
		{"user name", o.Username, l.Username[:]},
		{"password", o.Password, l.Password[:]},
		{"session", o.Session, l.Session[:]},
	} {
		if len(f.text) > len(f.field) {
			return nil, fmt.Errorf("client: %s of %d characters, at most %d", f.name, len(f.text), len(f.field))
		}
		copy(f.field, f.text)
	}
	return soupbin.AppendLogin(nil, &l, soupbin.Right), nil
}

// login sends a Login Request and waits for the answer.
func (c *Conn) login(request []byte) error {
	if _, err := c.conn.Write(request); err != nil {
		return fmt.Errorf("client: login: %w", err)
	}
	for {
		p, err := c.packet()
		if err != nil {
			return fmt.Errorf("client: login: %w", err)
		}
		switch p.Type {
		case soupbin.Debug, soupbin.ServerHeartbeat:
		case soupbin.LoginRejected:
			var reason byte
			if len(p.Payload) > 0 {
				reason = p.Payload[0]
			}
			return &RejectedError{Reason: reason}
		case soupbin.LoginAccepted:
			var a soupbin.Accepted
			if err := a.Decode(p.Payload); err != nil {
				return fmt.Errorf("client: login: %w", err)
			}
			c.session = strings.TrimRight(string(a.Session[:]), " ")
			c.next.Store(a.Sequence)
			return nil
		default:
			return fmt.Errorf("client: login: unexpected packet of type %q", p.Type)
		}
	}
}

// Session returns the session that the venue logged us in to.
func (c *Conn) Session() string { return c.session }

// NextSequence returns the number of the message that Recv returns next: what to ask for when resuming.
func (c *Conn) NextSequence() uint64 { return c.next.Load() }

// Debug returns the last Debug text of the venue: behind an error of Recv, why it ended the connection. Empty if there was
// none.
func (c *Conn) Debug() string {
	if text := c.debug.Load(); text != nil {
		return *text
	}
	return ""
}

// Close closes the connection without a word and ends a Recv or Flush under way. The second Close is net.ErrClosed.
func (c *Conn) Close() error { return c.conn.Close() }

func orElse(d, standard time.Duration) time.Duration {
	if d == 0 {
		return standard
	}
	return d
}
