// Package feed receives a venue's ITCH 5.0 stream: every message once, in order of its number, over MoldUDP64 with gap fill
// or over SoupBinTCP; and GLIMPSE 5.0 snapshots to begin with.
//
// It owns sockets, numbers and the datagrams that came too early. It reads no message: books are built by package market, and
// whoever wants one message in words decodes it with wire/itch.
//
//	feed.go      Message, errors, Stream
//	window.go    the order of datagrams: what is next, what is missing. No sockets, no clock
//	udp.go       Receiver: MoldUDP64 with a request server
//	tcp.go       the same stream over SoupBinTCP
//	snapshot.go  GLIMPSE
//
// How a gap is dealt with (Receiver): datagrams that come too early are held. When the missing one has not come within
// Wait, it is asked of the request server, one request at a time, paced, asked again when no answer comes. When it has not come
// within Patience it is given up: Recv returns one *GapError, and goes on behind the gap. Who has built a book needs a new
// snapshot then.
//
// A Receiver or TCP stream is received from by one goroutine; Close may be called from any.
package feed

import (
	"errors"
	"fmt"
)

// Message is a message of the stream.
type Message struct {
	Sequence uint64
	Payload  []byte // ITCH 5.0, until the next Recv
}

// Stream is a source of messages: *Receiver and *TCP.
type Stream interface {
	// Recv waits for the next message.
	Recv() (Message, error)
	// Session returns the session; empty as long as nothing has been received.
	Session() string
	// Close ends a Recv under way.
	Close() error
}

// ErrEndOfSession means that the venue has ended the session: no message will follow.
var ErrEndOfSession = errors.New("feed: end of session")

// ErrSession means that the venue sends another session than before: numbers begin again, and books with them. A Receiver
// does not go on.
var ErrSession = errors.New("feed: another session")

// ErrGap is messages that were lost for good; the error is a *GapError.
var ErrGap = errors.New("feed: messages are missing")

// GapError says which messages are missing. The next Recv goes on behind them.
type GapError struct {
	From uint64 // the first one
	To   uint64 // the first one that is there, or would be
}

// Error says it in words.
func (e *GapError) Error() string { return fmt.Sprintf("%v: %d to %d", ErrGap, e.From, e.To-1) }

// Unwrap returns ErrGap.
func (e *GapError) Unwrap() error { return ErrGap }
