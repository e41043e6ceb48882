// Package soupbin is the codec of SoupBinTCP 3.00, the session layer under OUCH, under ITCH over TCP and under GLIMPSE.
//
// It owns the frame, the packet types and the two packets that have fields (Login Request, Login Accepted). It keeps no
// state and does no I/O: sequence numbers, heartbeats and the meaning of a payload belong to its users. Packets are read in
// place: a Payload is part of the bytes it was found in.
//
//	+--------+--------+------+-------------------+
//	| length (2, BE)  | type | payload           |    length = 1 + len(payload)
//	+--------+--------+------+-------------------+
package soupbin

import (
	"encoding/binary"
	"errors"
)

// HeaderSize is the size in bytes of what comes before a payload: length and type.
const HeaderSize = 3

// MaxPayload is the size in bytes of the longest payload that the length field can announce.
const MaxPayload = 1<<16 - 2

// Packet types that both sides send. Debug holds text for people; receivers pass over it.
const Debug byte = '+'

// Packet types that the client sends. A packet of UnsequencedData holds one message of the protocol above.
const (
	LoginRequest    byte = 'L'
	UnsequencedData byte = 'U'
	ClientHeartbeat byte = 'R'
	LogoutRequest   byte = 'O'
)

// Packet types that the server sends. A packet of SequencedData holds one message of the protocol above; its sequence
// number is not in it, both sides count.
const (
	LoginAccepted   byte = 'A'
	LoginRejected   byte = 'J'
	SequencedData   byte = 'S'
	ServerHeartbeat byte = 'H'
	EndOfSession    byte = 'Z'
)

// Reasons of a Login Rejected packet, its one byte of payload.
const (
	NotAuthorized       byte = 'A' // unknown user name, or wrong password
	SessionNotAvailable byte = 'S' // the requested session is not, or no longer, there
)

// ErrLength is a length field, or a payload, that no packet of its type can have.
var ErrLength = errors.New("soupbin: wrong packet length")

// Packet is one packet. Payload is part of the bytes that Next was given.
type Packet struct {
	Type    byte
	Payload []byte
}

// Next returns the packet that b begins with and its size n in bytes, header included; n = 0 means that more bytes are
// needed. It judges no type. The error is ErrLength for a length of 0, which leaves no room for a type: nothing behind
// it can be understood.
func Next(b []byte) (p Packet, n int, err error) {
	n = PacketSize(b)
	switch {
	case n == 0:
		return Packet{}, 0, nil
	case n < HeaderSize:
		return Packet{}, 0, ErrLength
	case n > len(b):
		return Packet{}, 0, nil
	}
	return Packet{Type: b[2], Payload: b[HeaderSize:n:n]}, n, nil
}

// PacketSize returns the size in bytes, header included, of the packet that b begins with, whether or not all of it is
// there: 2 (no packet: a length of 0) to 65,537. It returns 0 if b is too short to tell.
func PacketSize(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	return 2 + int(binary.BigEndian.Uint16(b))
}

// PutHeader writes the header of a packet whose payload has the given size to the first three bytes of b. It panics if b
// is shorter or no packet can hold the payload.
func PutHeader(b []byte, typ byte, payload int) {
	if uint(payload) > MaxPayload {
		panic("soupbin: payload too long")
	}
	h := (*[HeaderSize]byte)(b)
	binary.BigEndian.PutUint16(h[:2], uint16(1+payload))
	h[2] = typ
}

// Append appends a packet of any type. It panics if payload is longer than MaxPayload.
func Append(dst []byte, typ byte, payload []byte) []byte {
	dst = appendHeader(dst, typ, len(payload))
	return append(dst, payload...)
}

// AppendDebug appends a Debug packet, of either side.
func AppendDebug(dst []byte, text string) []byte {
	dst = appendHeader(dst, Debug, len(text))
	return append(dst, text...)
}

// AppendUnsequenced appends an Unsequenced Data packet, of the client.
func AppendUnsequenced(dst, message []byte) []byte { return Append(dst, UnsequencedData, message) }

// AppendSequenced appends a Sequenced Data packet, of the server.
func AppendSequenced(dst, message []byte) []byte { return Append(dst, SequencedData, message) }

// AppendClientHeartbeat appends a Client Heartbeat packet.
func AppendClientHeartbeat(dst []byte) []byte { return Append(dst, ClientHeartbeat, nil) }

// AppendServerHeartbeat appends a Server Heartbeat packet.
func AppendServerHeartbeat(dst []byte) []byte { return Append(dst, ServerHeartbeat, nil) }

// AppendLogout appends a Logout Request packet, of the client.
func AppendLogout(dst []byte) []byte { return Append(dst, LogoutRequest, nil) }

// AppendEndOfSession appends an End of Session packet, of the server.
func AppendEndOfSession(dst []byte) []byte { return Append(dst, EndOfSession, nil) }

// AppendLoginRejected appends a Login Rejected packet, of the server: NotAuthorized or SessionNotAvailable.
func AppendLoginRejected(dst []byte, reason byte) []byte {
	return append(appendHeader(dst, LoginRejected, 1), reason)
}

func appendHeader(dst []byte, typ byte, payload int) []byte {
	n := len(dst)
	dst = append(dst, 0, 0, 0)
	PutHeader(dst[n:], typ, payload)
	return dst
}
