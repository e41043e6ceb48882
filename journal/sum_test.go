package journal

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

// TestSum: a writer that sums its cells now and then hands out the same blocks as one that does not.
func TestSum(t *testing.T) {
	seed := testSeed(t)
	summing := rand.New(rand.NewPCG(seed, 1))
	plain, summed := newRig(seed, 4, 1<<22, 16, 16, 16, 16, 16), newRig(seed, 4, 1<<22, 16, 16, 16, 16, 16)
	joined := 0
	for range 200 {
		for range 1 + summing.IntN(40) {
			for _, r := range []*rig{plain, summed} {
				r.command()
				for range r.w.seq % 9 * 8 {
					r.fill()
				}
			}
			if summing.IntN(4) == 0 {
				summed.w.Sum()
				if summed.w.summed > BlockHeaderSize {
					joined++
				}
			}
		}
		for _, r := range []*rig{plain, summed} {
			r.seal()
			r.pump()
		}
	}
	if len(plain.blocks) != len(summed.blocks) || joined < 100 {
		t.Fatalf("%d blocks and %d, %d times something was summed", len(plain.blocks), len(summed.blocks), joined)
	}
	for i := range plain.blocks {
		a, b := &plain.blocks[i], &summed.blocks[i]
		if a.CRC != b.CRC || a.Chain != b.Chain || string(a.Bytes) != string(b.Bytes) {
			t.Fatalf("block %d of %d cells: checksum %08x, summed piece by piece %08x", i, a.Count, a.CRC, b.CRC)
		}
		if checksum(b.Bytes) != b.CRC {
			t.Fatalf("block %d: the checksum is not that of its bytes", i)
		}
	}
}

// TestJoin: joined checksums are that of the whole, whatever the length of the second part.
func TestJoin(t *testing.T) {
	b := make([]byte, 120+2000*CellSize)
	fill(rand.New(rand.NewPCG(1, 2)), b)
	for cells := range 2000 {
		whole := b[:120+cells*CellSize]
		if got, want := join(crc32.Checksum(b[:120], castagnoli), crc32.Checksum(whole[120:], castagnoli), cells), crc32.Checksum(whole, castagnoli); got != want {
			t.Fatalf("%d cells: %08x, want %08x", cells, got, want)
		}
	}
}
