// Package mold is the codec of MoldUDP64 1.00, the sequenced datagrams under ITCH.
//
// It owns two layouts: the Downstream packet, which carries numbered messages, a heartbeat or the end of a session, and the
// Request, with which a receiver asks for messages again. It keeps no state and does no I/O: numbers, gaps and times belong
// to its users. Packets are read in place: a message is part of the bytes it was found in.
//
//	Downstream  | session 10 | sequence 8 | count 2 | length 2, message | length 2, message | ...
//	Request     | session 10 | sequence 8 | count 2 |
//
// All integers are big-endian. The first message of a session is number 1; a packet says the number of its first message.
package mold

import (
	"encoding/binary"
	"errors"
)

// Sizes in bytes. MaxPayload is what this venue puts into one datagram at most, so that it fits an Ethernet frame of 1500
// bytes with room for tags and tunnels.
const (
	HeaderSize  = 20
	RequestSize = 20
	MaxPayload  = 1400
)

// Counts of a Downstream packet that holds no message. Sequence is then the number of the next message.
const (
	Heartbeat    uint16 = 0
	EndOfSession uint16 = 0xFFFF
)

// ErrLength is a packet that is shorter than what it announces, a Request of another size than 20 bytes, or bytes behind the
// last message.
var ErrLength = errors.New("mold: wrong packet length")

// Header begins a Downstream packet, and is all of a Request: there Sequence is the first message that is asked for and
// Count how many.
type Header struct {
	Session  [10]byte
	Sequence uint64
	Count    uint16
}

// Put writes the header to the first 20 bytes of b. It panics if b is shorter.
func (h *Header) Put(b []byte) {
	p := (*[HeaderSize]byte)(b)
	*(*[10]byte)(p[:10]) = h.Session
	binary.BigEndian.PutUint64(p[10:18], h.Sequence)
	binary.BigEndian.PutUint16(p[18:20], h.Count)
}

// Append appends the header: a whole packet where it is a heartbeat, an end of session or a Request.
func (h *Header) Append(dst []byte) []byte {
	dst = append(dst, h.Session[:]...)
	dst = binary.BigEndian.AppendUint64(dst, h.Sequence)
	return binary.BigEndian.AppendUint16(dst, h.Count)
}

// DecodeRequest reads a Request. The error is ErrLength.
func (h *Header) DecodeRequest(b []byte) error {
	if len(b) != RequestSize {
		return ErrLength
	}
	h.read(b)
	return nil
}

// read reads a header that is whole.
func (h *Header) read(b []byte) {
	p := (*[HeaderSize]byte)(b)
	h.Session = [10]byte(p[:10])
	h.Sequence = binary.BigEndian.Uint64(p[10:18])
	h.Count = binary.BigEndian.Uint16(p[18:20])
}

// Packet is a Downstream packet. Blocks is what follows the header, messages behind their lengths, for Next; it is part of
// the bytes that Decode was given.
type Packet struct {
	Header
	Blocks []byte
}

// Decode reads a Downstream packet and checks that it holds exactly the messages that it announces. The error is ErrLength;
// p is then of no use.
func (p *Packet) Decode(b []byte) error {
	if len(b) < HeaderSize {
		return ErrLength
	}
	p.read(b)
	p.Blocks = b[HeaderSize:]
	rest := p.Blocks
	for range p.Messages() {
		var ok bool
		if _, rest, ok = Next(rest); !ok {
			return ErrLength
		}
	}
	if len(rest) != 0 {
		return ErrLength
	}
	return nil
}

// Messages returns how many messages the packet holds: none in a heartbeat and in an end of session.
func (p *Packet) Messages() int {
	if p.Count == EndOfSession {
		return 0
	}
	return int(p.Count)
}

// Next returns the message that blocks begin with and the blocks behind it; false if there is no whole one.
func Next(blocks []byte) (message, rest []byte, ok bool) {
	if len(blocks) < 2 {
		return nil, nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(blocks))
	if n > len(blocks) {
		return nil, nil, false
	}
	return blocks[2:n:n], blocks[n:], true
}

// AppendBlock appends a message behind its length. It panics if the message is longer than a length can say.
func AppendBlock(dst, message []byte) []byte {
	if len(message) > 1<<16-1 {
		panic("mold: message too long")
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(message)))
	return append(dst, message...)
}
