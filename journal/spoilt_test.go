package journal

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// TestLastBlockSpoilt: every single byte of the last block, changed in any way, is found out, and its right value with it.
// What more than one changed byte in the last block does is measured: the log says how much of it passes for a torn write.
func TestLastBlockSpoilt(t *testing.T) {
	r := newRig(11, 1, 1<<16, 2, 2)
	r.fourBlocks()
	last := r.blocks[len(r.blocks)-1]
	name, at := SegmentName(1), int(SegmentHeaderSize+last.Position)
	data := r.files[name].Data[at:][:len(last.Bytes)]
	for i := range data {
		was := data[i]
		data[i] ^= byte(1 << r.rng.IntN(8))
		if i%3 == 0 {
			data[i] = was ^ byte(1+r.rng.IntN(255))
		}
		d := readAll(r.files).damage(t)
		if d.Kind != Corrupt || !d.Spoilt.Known || d.Spoilt.Offset != int64(at+i) || d.Spoilt.Right != was {
			t.Fatalf("byte %#x: %v, %+v", i, d, d.Spoilt)
		}
		data[i] = was
	}
	rng := rand.New(rand.NewPCG(12, 0))
	for _, n := range []int{2, 4, 16} {
		const rounds = 400
		passed := 0
		for range rounds {
			before := append([]byte(nil), data...)
			for range n {
				data[rng.IntN(len(data))] ^= byte(1 << rng.IntN(8))
			}
			got := readAll(r.files)
			copy(data, before)
			var d *Damage
			switch {
			case errors.As(got.err, &d):
			case got.err != nil || got.end.Position > last.Position || !got.isTorn:
				t.Fatalf("%d bits: %v, end %+v, torn: %v", n, got.err, got.end, got.isTorn)
			default:
				passed++
			}
		}
		t.Logf("%d bits of the last block flipped: %.1f %% pass for a torn write", n, 100*float64(passed)/rounds)
		if passed > rounds*(n-1)/n+rounds/5 {
			t.Errorf("%d of %d", passed, rounds)
		}
	}
}

// TestLastBlockRewritten: however much of the last block changes, it is found out as long as the change keeps off what a torn
// write would not have left whole: magic, length, id, epoch, position, chain, kinds, seqs, padding.
func TestLastBlockRewritten(t *testing.T) {
	r := newRig(14, 1, 1<<16, 2, 2)
	r.fourBlocks()
	last := r.blocks[len(r.blocks)-1]
	data := r.files[SegmentName(1)].Data[SegmentHeaderSize+last.Position:][:len(last.Bytes)]
	free := []int{4, 5, 6, 7} // the checksum
	for i := 96; i < 112; i++ {
		free = append(free, i) // the hashes
	}
	for cell := BlockHeaderSize; cell < BlockHeaderSize+len(last.Cells); cell += CellSize {
		for i := 1; i < CellSize; i++ {
			if i < 8 || i >= 16 {
				free = append(free, cell+i)
			}
		}
	}
	for range 300 {
		copy(data, last.Bytes)
		for range 2 + r.rng.IntN(len(free)) {
			data[free[r.rng.IntN(len(free))]] = byte(r.rng.Uint32())
		}
		if string(data) == string(last.Bytes) {
			continue
		}
		if d := readAll(r.files).damage(t); d.Kind != Corrupt {
			t.Fatalf("%v", d)
		}
	}
}

// TestTornIsNotSpoilt: a block of which any sectors were not written, or hold whatever, is a torn write and nothing else.
func TestTornIsNotSpoilt(t *testing.T) {
	r := newRig(13, 1, 1<<16, 2, 2)
	r.fourBlocks()
	last := r.blocks[len(r.blocks)-1]
	data := r.files[SegmentName(1)].Data[SegmentHeaderSize+last.Position:][:len(last.Bytes)]
	used := (BlockHeaderSize + len(last.Cells) + 511) / 512
	for range 3000 {
		copy(data, last.Bytes)
		torn := false
		for s := range used {
			switch r.rng.IntN(4) {
			case 0:
				clear(data[s*512:][:512])
				torn = true
			case 1:
				fill(r.rng, data[s*512:][:512])
				torn = true
			}
		}
		if !torn {
			continue
		}
		if got := readAll(r.files); got.err != nil || got.end.Position != last.Position {
			t.Fatalf("%v, end %+v", got.err, got.end)
		}
	}
}
