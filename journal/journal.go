// Package journal is the exchange's memory on disk: every command and every fill, in order, as cells of 64 bytes in
// checksummed and chained blocks. A Writer packs cells into blocks, a Reader takes them out again and decides, after a
// crash, where the journal ends.
//
//	segment file   [ segment header 4096 ][ block ][ block ][ block ] ... zeros up to the segment's size
//	block          [ header 128 ][ cell 64 ][ cell 64 ] ... zeros up to a multiple of 4096
//
// The package owns the layout of headers, the chain, the durable promise and the rules of recovery; FORMAT.md draws all of
// it. Of a cell it knows the kind (byte 0), the sequence number (bytes 8..15) and the time (bytes 16..23), nothing else.
// It opens, locks, syncs and submits nothing: the Writer works in memory of its caller and hands out finished blocks, the
// Reader works on an fs.FS whose files are io.ReaderAt. It never changes a file and never repairs one.
package journal

import (
	"encoding/hex"
	"fmt"
	"hash/crc32"
)

// Sizes, in bytes.
const (
	CellSize          = 64
	BlockHeaderSize   = 2 * CellSize
	SegmentHeaderSize = 4096
	BlockUnit         = 4096     // every block is a multiple of it, in length and in place
	MaxBlock          = 64 << 20 // longest block; readers refuse longer ones, so their memory is bounded
)

// Version is the version of the format, in every segment and block header. Magic, checksum and version keep their places
// in all versions, so that an older program can refuse a newer journal clearly.
const Version = 1

// Kinds of cells that the package itself knows. All other kinds from 5 to 255 are the caller's.
const (
	KindBlock0   = 1   // first cell of a block header
	KindBlock1   = 2   // second
	KindSegment0 = 3   // first cell of a segment header
	KindSegment1 = 4   // second
	KindContinue = 127 // belongs to the cell before it: has no sequence number and no time of its own
)

// Flags of a block.
const (
	FlagSeal     uint16 = 1 // the writer ended in good order here
	FlagFence    uint16 = 2 // first block of an epoch
	FlagSnapshot uint16 = 4 // a snapshot of the state after this block was asked for
	FlagMore     uint16 = 8 // the next block belongs to this one: recovery keeps both or none
	flagsKnown          = FlagSeal | FlagFence | FlagSnapshot | FlagMore
)

// Position counts bytes of blocks from the birth of the journal, segment headers not included. It is a multiple of 4096.
type Position uint64

// positionMax keeps sums of positions and sizes far from overflow.
const positionMax = 1 << 62

// ID names a journal: 16 random bytes, chosen at its birth, in every header.
type ID [16]byte

// String returns the 32 hex digits of id.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// State is the end of a journal, or of the part of it that has been written or read so far. It is what a Writer starts
// from: State{Epoch: 1} at the birth of a journal, Reader.End with Epoch increased by one after that.
type State struct {
	Segment    uint32   // number of the segment that the end lies in, from 1; 0 before the first
	Epoch      uint64   // of that segment, from 1
	Position   Position // where the next block begins
	Chain      uint64   // over all blocks so far
	Seq        uint64   // of the last command; 0 before the first
	Time       uint64   // of the last command, ns since 1970
	StateHash  uint64   // of the last block
	OutputHash uint64   // of the last block
	Flags      uint16   // of the last block
}

// Chain returns the chain after a block with the given checksum: a mix of the chain before it and the checksum. It is
// written into the next block, since the checksum covers all of this one. The chain before the first block is 0.
func Chain(prev uint64, crc uint32) uint64 {
	x := (prev ^ uint64(crc)) + 0x9e3779b97f4a7c15
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	return x ^ x>>32
}

// SegmentName returns the name of segment n: 000001.mj, 000002.mj, ...
func SegmentName(n uint32) string { return fmt.Sprintf("%06d.mj", n) }

// checksum is CRC-32C over all of a header or block behind the checksum itself.
func checksum(b []byte) uint32 {
	return crc32.Checksum(b[8:], castagnoli)
}
