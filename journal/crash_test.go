package journal

import (
	"bytes"
	"testing"
	"testing/fstest"
)

// Crashes at random moments, soon after one another: of each write in flight every sector is old, new or garbage, and so
// is a segment header that was being written. After each recovery the journal must hold a prefix of what was appended,
// with everything acknowledged in it, and what was dropped must never come back.
func TestCrashLoops(t *testing.T) {
	seed := testSeed(t)
	crashes, torn, aside, lost := 0, 0, 0, 0
	for i := range uint64(200) {
		r := newRig(seed+i, 1, 8192, 1, 1)
		r = newRig(seed+i, 1+r.rng.IntN(4), uint64(3+r.rng.IntN(6))*BlockUnit, 1, 2, 1, 1, 2)
		fenced := true // the writer's segment was begun: blocks may be written
		for range 1 + r.rng.IntN(8) {
			for range r.rng.IntN(8) {
				if fenced {
					r.turn(4, 1+r.rng.IntN(200))
				}
			}
			acked := r.w.Durable()
			r.crash()
			got := readAll(r.files)
			if got.err != nil {
				t.Fatalf("seed %d: %v", seed+i, got.err)
			}
			if got.end.Position < acked {
				t.Fatalf("seed %d: the journal ends at %d, %d was acknowledged", seed+i, got.end.Position, acked)
			}
			if !bytes.HasPrefix(r.cells, got.cells) {
				t.Fatalf("seed %d: %d cells that are no prefix of %d", seed+i, len(got.cells)/CellSize, len(r.cells)/CellSize)
			}
			crashes++
			if got.isTorn {
				torn++
			}
			if len(got.cells) < len(r.cells) {
				lost++
			}
			r.cells = r.cells[:len(got.cells)]
			for _, name := range got.torn.Aside {
				aside++
				r.files[name] = &fstest.MapFile{Data: make([]byte, len(r.files[name].Data))}
				if r.rng.IntN(8) == 0 { // crash in between
					break
				}
			}
			if again := readAll(r.files); again.end != got.end || again.err != nil {
				t.Fatalf("seed %d: recovery is not repeatable: %v, %+v", seed+i, again.err, again.end)
			} else if len(again.torn.Aside) > 0 {
				fenced = false // crash before the next segment was begun
				continue
			}
			r.restart(got.end, 1, 2, 1, 1, 2)
			if fenced = r.rng.IntN(6) != 0; !fenced { // crash while the header was being written
				name := SegmentName(r.segment.Segment)
				header := append([]byte(nil), r.files[name].Data[:SegmentHeaderSize]...)
				clear(r.files[name].Data)
				r.spoil(r.files[name].Data, header)
			}
		}
	}
	t.Logf("%d crashes: %d torn tails, %d segments put aside, %d lost unacknowledged work", crashes, torn, aside, lost)
	if torn < crashes/10 || aside == 0 || lost < crashes/10 {
		t.Errorf("%d crashes: %d torn tails, %d segments put aside: the test shows nothing", crashes, torn, aside)
	}
}

// crash leaves of each write in flight what a crash may leave.
func (r *rig) crash() {
	for _, f := range r.flight {
		switch r.rng.IntN(4) {
		case 0: // nothing
		case 1: // all, but nobody was told
			copy(r.files[f.file].Data[f.at:], f.block.Bytes)
		default:
			r.spoil(r.files[f.file].Data[f.at:], f.block.Bytes)
		}
	}
	r.flight = nil
}

// spoil writes b to file, sector by sector: old, new or garbage.
func (r *rig) spoil(file, b []byte) {
	for i := 0; i < len(b); i += 512 {
		switch r.rng.IntN(5) {
		case 0:
		case 1:
			fill(r.rng, file[i:i+512])
		default:
			copy(file[i:i+512], b[i:])
		}
	}
}
