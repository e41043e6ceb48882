package soupbin

import (
	"errors"
	"fmt"
	"strconv"
)

// Sizes of payloads in bytes. LoginLongSize is the login of some clients that speak a later revision: five more bytes, a
// heartbeat timeout, that this package passes over.
const (
	LoginSize         = 46
	LoginLongSize     = 51
	LoginAcceptedSize = 30
)

// sequenceSize is the size in bytes of a sequence number: decimal digits and spaces.
const sequenceSize = 20

// ErrSequence is a sequence number that is none: not decimal digits, or beyond 64 bits.
var ErrSequence = errors.New("soupbin: malformed sequence number")

// Login is the payload of a Login Request. Its fields are in one form, whichever side a client padded: left-justified,
// spaces on the right.
type Login struct {
	Username [6]byte  // upper case: names are compared without regard to case
	Password [10]byte // upper case, likewise
	Session  [10]byte // requested; spaces: the one that is active
	Sequence uint64   // next message wanted, from 1; 0: what comes next
}

// Decode reads the payload of a Login Request. The error is ErrLength or ErrSequence; l is then of no use.
func (l *Login) Decode(payload []byte) error {
	if len(payload) != LoginSize && len(payload) != LoginLongSize {
		return fmt.Errorf("%w: login of %d bytes", ErrLength, len(payload))
	}
	left(l.Username[:], payload[0:6])
	left(l.Password[:], payload[6:16])
	left(l.Session[:], payload[16:26])
	upper(l.Username[:])
	upper(l.Password[:])
	var err error
	l.Sequence, err = sequence(payload[26:46])
	return err
}

// Justify says on which side Session and Sequence of a login stand; clients differ, servers must take both.
type Justify bool

// Values of Justify.
const (
	Right Justify = false // spaces on the left, as most clients do
	Left  Justify = true  // spaces on the right
)

// AppendLogin appends a Login Request packet. The user name and the password are left-justified always.
func AppendLogin(dst []byte, l *Login, j Justify) []byte {
	dst = appendHeader(dst, LoginRequest, LoginSize)
	n := len(dst)
	dst = append(dst, make([]byte, LoginSize)...)
	p := dst[n:]
	left(p[0:6], l.Username[:])
	left(p[6:16], l.Password[:])
	var digits [sequenceSize]byte
	number := strconv.AppendUint(digits[:0], l.Sequence, 10)
	if j == Left {
		left(p[16:26], l.Session[:])
		left(p[26:46], number)
	} else {
		right(p[16:26], l.Session[:])
		right(p[26:46], number)
	}
	return dst
}

// Accepted is the payload of a Login Accepted.
type Accepted struct {
	Session  [10]byte // left-justified, spaces on the right
	Sequence uint64   // of the next Sequenced Data packet on this connection
}

// Decode reads the payload of a Login Accepted, justified to either side. The error is ErrLength or ErrSequence; a is then
// of no use.
func (a *Accepted) Decode(payload []byte) error {
	if len(payload) != LoginAcceptedSize {
		return fmt.Errorf("%w: login accepted of %d bytes", ErrLength, len(payload))
	}
	left(a.Session[:], payload[0:10])
	var err error
	a.Sequence, err = sequence(payload[10:30])
	return err
}

// AppendLoginAccepted appends a Login Accepted packet. Both fields are right-justified, spaces on the left.
func AppendLoginAccepted(dst []byte, a *Accepted) []byte {
	dst = appendHeader(dst, LoginAccepted, LoginAcceptedSize)
	n := len(dst)
	dst = append(dst, make([]byte, LoginAcceptedSize)...)
	p := dst[n:]
	right(p[0:10], a.Session[:])
	var digits [sequenceSize]byte
	right(p[10:30], strconv.AppendUint(digits[:0], a.Sequence, 10))
	return dst
}

// sequence reads a decimal number with spaces on either side.
func sequence(field []byte) (uint64, error) {
	v, err := strconv.ParseUint(string(trim(field)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %q", ErrSequence, field)
	}
	return v, nil
}

// trim cuts the padding off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && padding(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && padding(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// padding takes zero bytes for spaces too: a field of a struct that nobody set has them.
func padding(c byte) bool { return c == ' ' || c == 0 }

// left fills a field with src, trimmed, and spaces on the right.
func left(field, src []byte) {
	for i := copy(field, trim(src)); i < len(field); i++ {
		field[i] = ' '
	}
}

// right fills a field with src, trimmed, and spaces on the left.
func right(field, src []byte) {
	src = trim(src)
	n := len(field) - len(src)
	for i := range n {
		field[i] = ' '
	}
	copy(field[n:], src)
}

// upper turns ASCII letters into capitals.
func upper(b []byte) {
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - ('a' - 'A')
		}
	}
}
