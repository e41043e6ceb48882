package client

import (
	"errors"
	"fmt"
	"io"
	"time"

	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// inputSize holds the longest packet there can be.
const inputSize = 1 << 17

// input is the receiving half of a connection: buf[from:to] has arrived and is not used yet.
type input struct {
	buf      []byte
	from, to int
	err      error // what ended the receiving
}

// Message is a sequenced message of the venue.
type Message struct {
	Sequence uint64
	Payload  []byte // the message, until the next Recv
}

// Decode returns a message of OUCH 5.0 in a struct of its own. Its Appendage, if any, is part of Payload. A receiver in a hurry looks
// at ouch.OutboundType and decodes into a struct it keeps.
func (m Message) Decode() (ouch.Outbound, error) {
	return ouch.DecodeOutbound(m.Payload)
}

// Recv waits for the next sequenced message; heartbeats and debug texts are passed over. The error is ErrEndOfSession, one
// that wraps io.EOF when the venue closed the connection, net.ErrClosed after Close, os.ErrDeadlineExceeded after
// Options.Timeout of silence, or another one of the network or of a packet that nobody can read. It is final.
func (c *Conn) Recv() (Message, error) {
	if c.in.err != nil {
		return Message{}, c.in.err
	}
	for {
		p, err := c.packet()
		if err != nil {
			c.in.err = fmt.Errorf("client: %w", err)
			return Message{}, c.in.err
		}
		switch p.Type {
		case soupbin.SequencedData:
			return Message{Sequence: c.next.Add(1) - 1, Payload: p.Payload}, nil
		case soupbin.ServerHeartbeat:
		case soupbin.Debug:
			text := string(p.Payload)
			c.debug.Store(&text)
		case soupbin.UnsequencedData: // not in the standard; some venues send it
		case soupbin.EndOfSession:
			c.in.err = ErrEndOfSession
			return Message{}, c.in.err
		default:
			c.in.err = fmt.Errorf("client: unexpected packet of type %q", p.Type)
			return Message{}, c.in.err
		}
	}
}

// packet waits for the next packet. It lies in the buffer until the next call.
func (c *Conn) packet() (soupbin.Packet, error) {
	in := &c.in
	for {
		p, n, err := soupbin.Next(in.buf[in.from:in.to])
		if err != nil {
			return p, err
		}
		if n != 0 {
			in.from += n
			return p, nil
		}
		if err := c.fill(); err != nil {
			return p, err
		}
	}
}

// fill reads what has arrived behind the part of a packet that is there.
func (c *Conn) fill() error {
	in := &c.in
	in.to = copy(in.buf, in.buf[in.from:in.to])
	in.from = 0
	if c.timeout != 0 {
		if err := c.conn.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
			return err
		}
	}
	n, err := c.conn.Read(in.buf[in.to:])
	in.to += n
	if n > 0 {
		return nil // an error comes again
	}
	if errors.Is(err, io.EOF) && in.to > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}
