package itch

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrSequence is a sequence number that is none: not decimal digits, or beyond 64 bits.
var ErrSequence = errors.New("itch: malformed sequence number")

// EndOfSnapshot is GLIMPSE 5.0 End of Snapshot. It alone has no header.
type EndOfSnapshot struct {
	Sequence uint64 // of the first ITCH message that is not in the snapshot
}

// Decode reads a message; the number may be justified to either side. The error is ErrLength, ErrType or ErrSequence.
func (m *EndOfSnapshot) Decode(b []byte) error {
	if len(b) < EndOfSnapshotSize {
		return ErrLength
	}
	if b[0] != TypeEndOfSnapshot {
		return ErrType
	}
	digits := b[1:EndOfSnapshotSize]
	v, err := strconv.ParseUint(strings.Trim(string(digits), " "), 10, 64)
	if err != nil {
		return fmt.Errorf("%w: %q", ErrSequence, digits)
	}
	m.Sequence = v
	return nil
}

// Append appends the message, its number justified to the right.
func (m *EndOfSnapshot) Append(dst []byte) []byte {
	return fmt.Appendf(dst, "%c%20d", TypeEndOfSnapshot, m.Sequence)
}
