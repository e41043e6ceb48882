package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// BlockHeader is the first 128 bytes of a block.
type BlockHeader struct {
	CRC        uint32 // CRC-32C of bytes 8..Length-1
	Length     uint32 // of the block in bytes: a multiple of 4096, at most MaxBlock
	Count      uint32 // of cells in use, the header's two not counted
	Flags      uint16 // FlagSeal, ...
	ID         ID
	Epoch      uint64
	Position   Position // of the block
	FirstSeq   uint64   // of the first cell
	LastSeq    uint64   // of the last command
	Time       uint64   // of the last command, ns since 1970
	Promise    Position // everything below it was durable when the block was submitted
	Chain      uint64   // of all blocks before this one
	StateHash  uint64   // of the engine after the block; 0 with FlagMore
	OutputHash uint64   // of all output since the start; 0 with FlagMore
}

// Block is one block: of a Writer, to be written; of a Reader, as it was read.
type Block struct {
	BlockHeader
	Slot  int    // Writer: the slot that holds the block, to be given back to Written
	Bytes []byte // all of the block, header and padding included
	Cells []byte // the cells in use, without the header; part of Bytes
}

// More says that the block's last command may go on in the next block: both are kept by recovery, or none.
func (h *BlockHeader) More() bool { return h.Flags&FlagMore != 0 }

const blockMagic = KindBlock0 | 'M'<<8 | 'J'<<16 | 'B'<<24

// encode writes the header to the start of the block b, and the checksum, which needs all other bytes of b to be final. The
// checksum of so many cells behind the header is known: sum.
func (h *BlockHeader) encode(b []byte, sum uint32, cells int) {
	le := binary.LittleEndian
	le.PutUint32(b[0:], blockMagic)
	le.PutUint32(b[8:], h.Length)
	le.PutUint32(b[12:], h.Count)
	le.PutUint16(b[16:], Version)
	le.PutUint16(b[18:], h.Flags)
	le.PutUint32(b[20:], 0)
	copy(b[24:40], h.ID[:])
	le.PutUint64(b[40:], h.Epoch)
	le.PutUint64(b[48:], uint64(h.Position))
	le.PutUint64(b[56:], h.FirstSeq)
	le.PutUint64(b[64:], KindBlock1)
	le.PutUint64(b[72:], h.Time)
	le.PutUint64(b[80:], uint64(h.Promise))
	le.PutUint64(b[88:], h.Chain)
	le.PutUint64(b[96:], h.StateHash)
	le.PutUint64(b[104:], h.OutputHash)
	le.PutUint64(b[112:], h.LastSeq)
	le.PutUint64(b[120:], 0)
	h.CRC = join(crc32.Checksum(b[8:BlockHeaderSize], castagnoli), sum, cells)
	h.CRC = crc32.Update(h.CRC, castagnoli, b[BlockHeaderSize+cells*CellSize:h.Length])
	le.PutUint32(b[4:], h.CRC)
}

// decode reads the header from b and judges nothing.
func (h *BlockHeader) decode(b []byte) {
	le := binary.LittleEndian
	h.CRC = le.Uint32(b[4:])
	h.Length = le.Uint32(b[8:])
	h.Count = le.Uint32(b[12:])
	h.Flags = le.Uint16(b[18:])
	copy(h.ID[:], b[24:40])
	h.Epoch = le.Uint64(b[40:])
	h.Position = Position(le.Uint64(b[48:]))
	h.FirstSeq = le.Uint64(b[56:])
	h.Time = le.Uint64(b[72:])
	h.Promise = Position(le.Uint64(b[80:]))
	h.Chain = le.Uint64(b[88:])
	h.StateHash = le.Uint64(b[96:])
	h.OutputHash = le.Uint64(b[104:])
	h.LastSeq = le.Uint64(b[112:])
}

// blockLength returns the length that the block at the start of b claims, 0 if no block begins there.
func blockLength(b []byte) int64 {
	n := int64(binary.LittleEndian.Uint32(b[8:]))
	if binary.LittleEndian.Uint32(b) != blockMagic || n == 0 || n%BlockUnit != 0 || n > MaxBlock {
		return 0
	}
	return n
}

// judge says what no writer would have written into a block whose checksum holds, given the state before it. Since the
// checksum holds, no crash explains it. The kind is 0 if there is nothing to say.
func (h *BlockHeader) judge(b []byte, s *State) (Kind, string) {
	switch {
	case binary.LittleEndian.Uint16(b[16:]) != Version:
		return Unsupported, fmt.Sprintf("a block of format version %d (this program reads version %d)",
			binary.LittleEndian.Uint16(b[16:]), Version)
	case !zero(b[20:24]) || b[64] != KindBlock1 || !zero(b[65:72]) || !zero(b[120:128]):
		return Contradiction, "a block header with reserved bytes that are not zero"
	case h.Flags&^flagsKnown != 0:
		return Contradiction, fmt.Sprintf("a block with unknown flags %#x", h.Flags)
	case h.More() && (h.StateHash != 0 || h.OutputHash != 0):
		return Contradiction, "hashes in a block that is not the last of its run"
	case h.Chain != s.Chain:
		return Contradiction, "a block that follows another block than the one before it"
	case h.Promise > h.Position:
		return Contradiction, "a block that promises itself"
	case h.Count == 0 || uint64(h.Length) != blockSize(uint64(h.Count)):
		return Contradiction, fmt.Sprintf("a block of %d cells in %d bytes", h.Count, h.Length)
	case h.FirstSeq != s.Seq+1 && (h.FirstSeq != s.Seq || s.Flags&FlagMore == 0):
		return Contradiction, fmt.Sprintf("a block that begins with seq %s after seq %s", commas(h.FirstSeq), commas(s.Seq))
	}
	return h.judgeCells(b[BlockHeaderSize:h.Length])
}

// judgeCells looks at the cells: a kind where there should be one, none behind the last, sequence numbers without a gap.
func (h *BlockHeader) judgeCells(b []byte) (Kind, string) {
	seq, kind := h.FirstSeq, byte(KindContinue)
	used := int(h.Count) * CellSize
	for i := 0; i < used; i += CellSize {
		cell := (*[CellSize]byte)(b[i:])
		before := kind
		kind = cell[0]
		switch {
		case kind <= KindSegment1:
			return Contradiction, fmt.Sprintf("a cell of kind %d", kind)
		case kind == KindContinue:
			if before == KindContinue {
				return Contradiction, "a cell that continues no other"
			}
			continue
		}
		s := binary.LittleEndian.Uint64(cell[8:])
		if s-seq > 1 || i == 0 && s != seq {
			return Contradiction, fmt.Sprintf("seq %s after seq %s", commas(s), commas(seq))
		}
		seq = s
	}
	for i := used; i < len(b); i += CellSize {
		if b[i] != 0 {
			return Contradiction, "a cell behind the last cell"
		}
	}
	if seq != h.LastSeq {
		return Contradiction, fmt.Sprintf("a block whose last seq is not %s", commas(h.LastSeq))
	}
	return 0, ""
}

// blockSize returns the length in bytes of a block with the given number of cells.
func blockSize(cells uint64) uint64 {
	return (BlockHeaderSize + cells*CellSize + BlockUnit - 1) / BlockUnit * BlockUnit
}
