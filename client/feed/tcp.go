package feed

import (
	"context"
	"errors"

	"matcher/client"
)

// TCP is the stream over SoupBinTCP. A lost connection comes back by itself, without a gap and without a repeat.
type TCP struct{ stream *client.Stream }

// Dial logs in to the ITCH service of a venue. Sequence says where to begin: 1 is the whole session, 0 what comes from now on.
// The errors are those of client.Dial.
func Dial(ctx context.Context, o client.Options) (*TCP, error) {
	s, err := client.Follow(ctx, o)
	if err != nil {
		return nil, err
	}
	return &TCP{s}, nil
}

// Recv waits for the next message. Errors are final: ErrEndOfSession, and those of client.Stream.
func (t *TCP) Recv() (Message, error) {
	m, err := t.stream.Recv()
	if errors.Is(err, client.ErrEndOfSession) {
		err = ErrEndOfSession
	}
	return Message{m.Sequence, m.Payload}, err
}

// Session returns the session.
func (t *TCP) Session() string { return t.stream.Session() }

// NextSequence returns the number of the message that Recv returns next.
func (t *TCP) NextSequence() uint64 { return t.stream.NextSequence() }

// Close logs out. It ends a Recv under way.
func (t *TCP) Close() error { return t.stream.Close() }
