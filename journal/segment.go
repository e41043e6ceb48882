package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// SegmentHeader is the first 4096 bytes of a segment file. It says where the segment before it ended: that is the fence,
// because what lies behind that end in the older file is not part of the journal.
type SegmentHeader struct {
	ID       ID
	Segment  uint32   // number, from 1
	Epoch    uint64   // from 1; one more after each recovery
	First    Position // of the first block; the end of the previous segment
	FirstSeq uint64   // of the first command that begins in the segment: LastSeq + 1
	Size     uint64   // of the file in bytes, header included; a multiple of 4096
	Chain    uint64   // at the end of the previous segment
	LastSeq  uint64   // at the end of the previous segment
	Created  uint64   // ns since 1970, for people
}

const segmentMagic = KindSegment0 | 'M'<<8 | 'J'<<16 | 'S'<<24

// Encode writes the header to b, which must be 4096 bytes long.
func (h *SegmentHeader) Encode(b []byte) {
	if len(b) != SegmentHeaderSize {
		panic(fmt.Sprintf("journal: segment header in %d bytes", len(b)))
	}
	clear(b)
	le := binary.LittleEndian
	le.PutUint32(b[0:], segmentMagic)
	le.PutUint16(b[8:], Version)
	le.PutUint32(b[12:], h.Segment)
	copy(b[16:32], h.ID[:])
	le.PutUint64(b[32:], h.Epoch)
	le.PutUint64(b[40:], uint64(h.First))
	le.PutUint64(b[48:], h.FirstSeq)
	le.PutUint64(b[56:], h.Size)
	b[64] = KindSegment1
	le.PutUint64(b[72:], uint64(h.First))
	le.PutUint64(b[80:], h.Chain)
	le.PutUint64(b[88:], h.LastSeq)
	le.PutUint64(b[96:], h.Created)
	le.PutUint32(b[4:], checksum(b))
}

// Decode reads the header from b, which must be 4096 bytes long. The error is a *Damage of kind Unsupported or BadHeader,
// with no file name.
func (h *SegmentHeader) Decode(b []byte) error {
	if len(b) != SegmentHeaderSize {
		panic(fmt.Sprintf("journal: segment header in %d bytes", len(b)))
	}
	le := binary.LittleEndian
	switch {
	case le.Uint32(b) != segmentMagic:
		return &Damage{Kind: BadHeader, What: "is no segment of a journal: its first bytes are not 03 'M' 'J' 'S'"}
	case le.Uint32(b[4:]) != checksum(b):
		return &Damage{Kind: BadHeader, What: "has a bad checksum in its segment header"}
	case le.Uint16(b[8:]) != Version:
		return &Damage{Kind: Unsupported, What: fmt.Sprintf("has format version %d; this program reads version %d",
			le.Uint16(b[8:]), Version)}
	}
	copy(h.ID[:], b[16:32])
	h.Segment = le.Uint32(b[12:])
	h.Epoch = le.Uint64(b[32:])
	h.First = Position(le.Uint64(b[40:]))
	h.FirstSeq = le.Uint64(b[48:])
	h.Size = le.Uint64(b[56:])
	h.Chain = le.Uint64(b[80:])
	h.LastSeq = le.Uint64(b[88:])
	h.Created = le.Uint64(b[96:])
	if why := h.judge(b); why != "" {
		return &Damage{Kind: BadHeader, What: "has a segment header with a good checksum but " + why}
	}
	return nil
}

// judge says what no writer would have written.
func (h *SegmentHeader) judge(b []byte) string {
	le := binary.LittleEndian
	switch {
	case b[64] != KindSegment1:
		return "a wrong second cell"
	case !zero(b[10:12]) || !zero(b[65:72]) || !zero(b[104:]):
		return "reserved bytes that are not zero"
	case h.Segment == 0 || h.Epoch == 0:
		return "segment or epoch 0"
	case h.Size%BlockUnit != 0 || h.Size < SegmentHeaderSize+BlockUnit || h.Size > positionMax:
		return fmt.Sprintf("an impossible size of %d bytes", h.Size)
	case h.First%BlockUnit != 0 || h.First > positionMax || le.Uint64(b[72:]) != uint64(h.First):
		return "an impossible first position"
	case h.FirstSeq != h.LastSeq+1:
		return "sequence numbers that do not follow"
	case h.Segment == 1 && (h.First != 0 || h.Chain != 0 || h.LastSeq != 0):
		return "a predecessor, though it is the first"
	}
	return ""
}

// end returns the position behind the last byte that fits the segment.
func (h *SegmentHeader) end() Position { return h.First + Position(h.Size-SegmentHeaderSize) }

// Offset returns the place in the segment's file of the block at position p.
func (h *SegmentHeader) Offset(p Position) int64 { return SegmentHeaderSize + int64(p-h.First) }

// zero says whether b holds nothing but zeros.
func zero(b []byte) bool { return bytes.Count(b, []byte{0}) == len(b) }
