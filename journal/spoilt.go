package journal

import (
	"encoding/binary"
	"hash/crc32"
)

// A block that no later block or header promises may be one whose write was torn, or one that the disk returned otherwise than
// it was written. The two can be told apart: a sector that a crash kept from being written holds zeros, or what no writer
// makes; so of a torn block some cells have no kind or not their number, or the bytes behind them are not zero. A block in
// which all of that holds and only the checksum does not, or in which it holds once a single byte is changed, was written
// whole.

// Spoilt is a byte of a block that is not what was written, as far as it can be told which.
type Spoilt struct {
	Known  bool
	Offset int64 // in the file
	Right  byte  // what the checksum says it was
}

// spoilt says whether the block that should be at c was written whole and has changed since.
func (r *Reader) spoilt(c *cursor) (Spoilt, bool, error) {
	offset, limit := r.segments[c.segment].header.Offset(c.Position), r.segments[c.segment].header.Offset(r.limit(c.segment))
	if limit-offset < BlockUnit {
		return Spoilt{}, false, nil
	}
	page, err := r.view(c.segment, offset, BlockUnit)
	if err != nil {
		return Spoilt{}, false, err
	}
	var h BlockHeader
	h.decode(page)
	lengths := []int64{int64(h.Length)}
	if n := int64(blockSize(uint64(h.Count))); n != lengths[0] { // either tells the other
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		if n == 0 || n%BlockUnit != 0 || n > MaxBlock || n > limit-offset {
			continue
		}
		b, err := r.view(c.segment, offset, n)
		if err != nil {
			return Spoilt{}, false, err
		}
		if at, right, ok := mend(b); ok {
			copied := append([]byte(nil), b...)
			copied[at] = right
			if r.fits(copied, c) {
				return Spoilt{Known: true, Offset: offset + int64(at), Right: right}, true, nil
			}
		}
		if blockLength(b) == n && r.fits(b, c) {
			return Spoilt{}, true, nil
		}
	}
	return Spoilt{}, false, nil
}

// fits says whether a block is what can stand at c, whatever its checksum.
func (r *Reader) fits(b []byte, c *cursor) bool {
	var h BlockHeader
	h.decode(b)
	if h.ID != r.ID() || h.Epoch != c.Epoch || h.Position != c.Position || blockLength(b) != int64(len(b)) {
		return false
	}
	kind, _ := h.judge(b, &c.State)
	return kind == 0
}

// mend finds the one byte of a block that has to be another for magic, length and checksum to hold.
func mend(b []byte) (at int, right byte, ok bool) {
	var want [12]byte // magic and length; the checksum between them is not known yet
	le := binary.LittleEndian
	le.PutUint32(want[0:], blockMagic)
	le.PutUint32(want[8:], uint32(len(b)))
	at = -1
	for i := range want {
		if (i < 4 || i >= 8) && b[i] != want[i] {
			if at >= 0 {
				return 0, 0, false
			}
			at, right = i, want[i]
		}
	}
	stored, sum := le.Uint32(b[4:]), checksum(b)
	if at >= 8 { // the length is summed, the magic is not
		copied := append([]byte(nil), b...)
		copied[at] = right
		sum = checksum(copied)
	}
	switch {
	case sum == stored:
		return at, right, at >= 0
	case at >= 0:
		return 0, 0, false
	}
	for i := range 4 {
		if d := sum ^ stored; d == d&(0xff<<(8*i)) {
			return 4 + i, byte(sum >> (8 * i)), true
		}
	}
	i, change, ok := locate(sum^stored, len(b)-8)
	if !ok {
		return 0, 0, false
	}
	return 8 + i, b[8+i] ^ change, true
}

// locate finds the byte of n, and what was XORed to it, that makes the checksums of two texts differ by d. A change of a byte
// goes into the register and is moved on by every byte behind it; here it is moved back, byte by byte, until it fits one.
func locate(d uint32, n int) (at int, change byte, ok bool) {
	table := crc32.MakeTable(crc32.Castagnoli)
	var back [256]byte // the entry that has a given first byte
	for i, x := range table {
		back[x>>24] = byte(i)
	}
	for at = n - 1; at >= 0; at-- {
		i := back[d>>24]
		if d = (d^table[i])<<8 | uint32(i); d < 256 {
			return at, byte(d), true
		}
	}
	return 0, 0, false
}
