package journal

import "hash/crc32"

// A block's checksum begins with its header, which is known last: a block that grew for a millisecond would be read all at
// once then, out of whatever memory it has gone to meanwhile. CRCs can be joined, so the cells may be summed as they come.

// sumPiece is how many bytes Sum leaves for another time: a call for fewer costs more than it saves.
const sumPiece = 4096

// Sum takes the cells appended so far into the checksum of the open block, if they are many. It changes nothing but what is
// left to be done when the block is handed out.
func (w *Writer) Sum() {
	if w.at-w.summed >= sumPiece {
		w.sum = crc32.Update(w.sum, castagnoli, w.open[w.summed:w.at])
		w.summed = w.at
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// cellPowers[i] is x to the power of the bits of 2^i cells, modulo the polynomial, as a CRC register has it: bit 31 is x^0.
var cellPowers = func() (powers [32]uint32) {
	p := uint32(1 << 30) // x
	for range 9 {        // x^512: a cell has 512 bits
		p = multiply(p, p)
	}
	for i := range powers {
		powers[i] = p
		p = multiply(p, p)
	}
	return powers
}()

// multiply multiplies two polynomials modulo that of CRC-32C.
func multiply(a, b uint32) (product uint32) {
	for ; a != 0; a <<= 1 {
		product ^= b & -(a >> 31)
		b = b>>1 ^ crc32.Castagnoli&-(b&1)
	}
	return product
}

// join returns the checksum of a text whose first part has the checksum first, and whose second part, so many cells long, has
// the checksum second.
func join(first, second uint32, cells int) uint32 {
	for i := 0; cells != 0; i, cells = i+1, cells>>1 {
		if cells&1 != 0 {
			first = multiply(first, cellPowers[i])
		}
	}
	return first ^ second
}
