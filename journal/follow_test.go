package journal

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// TestBelow: who reads a journal while it is written gets everything below the limit, nothing else, and each block once: over
// the ends of segments, with writes that end in any order, and with runs of `more` blocks.
func TestBelow(t *testing.T) {
	seed := testSeed(t)
	for i := range uint64(60) {
		r := newRig(seed+i, 1+int(i%4), (4+i%9)*BlockUnit, 1, 2, 1, 1, 2)
		in, err := Open(r.files)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		read := func(limit Position) {
			t.Helper()
			for {
				b, err := in.Below(limit)
				if errors.Is(err, io.EOF) {
					return
				}
				if err != nil {
					t.Fatalf("seed %d: %v", seed+i, err)
				}
				if end := b.Position + Position(b.Length); end > limit {
					t.Fatalf("seed %d: a block up to %d, the limit is %d", seed+i, end, limit)
				}
				got = append(got, b.Cells...)
				if !bytes.HasPrefix(r.cells, got) {
					t.Fatalf("seed %d: other cells than were written", seed+i)
				}
			}
		}
		for turn := range 40 {
			r.turn(4, 1+r.rng.IntN(200))
			limit := r.w.Durable()
			read(in.End().Position + 1) // no block ends there: none is let through
			read(limit)
			if turn%8 == 7 { // what is known to be durable can all be read
				r.settle()
				read(r.w.Durable())
				if in.End().Position != r.w.Durable() {
					t.Fatalf("seed %d: read to %d of %d", seed+i, in.End().Position, r.w.Durable())
				}
			}
			if i%2 == 0 {
				read(positionMax) // as in async mode: what is whole
			}
		}
		r.seal()
		r.settle()
		read(positionMax)
		if !bytes.Equal(got, r.cells) {
			t.Fatalf("seed %d: %d cells read, %d written", seed+i, len(got)/CellSize, len(r.cells)/CellSize)
		}
	}
}
