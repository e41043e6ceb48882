package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"
)

// A write that was cut off after any number of bytes leaves a torn tail, and all before it.
func TestTornTailAtEveryByte(t *testing.T) {
	r := newRig(3, 1, 1<<16, 2, 2)
	r.fourBlocks()
	last := r.blocks[3]
	place := int64(SegmentHeaderSize + last.Position)
	name := SegmentName(1)
	for n := range len(last.Bytes) {
		files := copyFiles(r.files)
		clear(files[name].Data[place+int64(n):])
		got := readAll(files)
		whole := zero(last.Bytes[n:])
		var d *Damage
		switch {
		case n%512 != 0 && errors.As(got.err, &d) && d.Kind == Corrupt && d.Offset == place:
			continue // no disk writes part of a sector: all cells are there, and not what they were
		case got.err != nil:
			t.Fatalf("%d bytes: %v", n, got.err)
		case whole && (got.isTorn || got.end != r.w.State()):
			t.Fatalf("%d bytes are all of it: torn %+v", n, got.torn)
		case !whole && (got.end.Position != last.Position || got.blocks != 3):
			t.Fatalf("%d bytes: end %+v", n, got.end)
		case !whole && got.isTorn != (n > 0):
			t.Fatalf("%d bytes: torn %v", n, got.isTorn)
		}
		if want := int64(len(bytes.TrimRight(last.Bytes[:n], "\x00"))); !whole && n > 0 &&
			(got.torn.File != name || got.torn.Offset != place || got.torn.Bytes != want || got.torn.Aside != nil) {
			t.Fatalf("%d bytes: %+v, want %d bytes at %d", n, got.torn, want, place)
		}
	}
}

// flipJournal is a small journal with everything in it: three segments, a run across two of them, a recovery with a
// dropped tail and a fence, an unused end, a spare. With depth 1 each block was durable before the next was submitted.
func flipJournal(depth int) *rig {
	r := newRig(4, depth, 4*BlockUnit, 1, 1, 1)
	turn := func(fills int) {
		r.command()
		for range fills {
			r.fill()
		}
		r.seal()
	}
	turn(3)
	r.settle()
	turn(150) // a run of three blocks: two in this segment, one in the next
	r.settle()
	turn(1)
	r.settle()
	turn(2)
	r.pump()
	torn := r.flight[0] // of this block only half was written
	copy(r.files[torn.file].Data[torn.at:], torn.block.Bytes[:512])
	r.blocks = r.blocks[:len(r.blocks)-1]
	r.restart(readAll(r.files).end, 1, 1, 1)
	for i := range 3 {
		turn(i)
	}
	r.settle()
	r.files[SegmentName(4)] = &fstest.MapFile{Data: make([]byte, 2*BlockUnit)}
	return r
}

// restart goes on behind the end of a journal, in a new epoch.
func (r *rig) restart(end State, pages ...int) {
	end.Epoch++
	r.start(end, pages...)
}

// flipAll changes one byte of the journal after the other (only each step-th, so that it takes less time), and returns how many of the changes were refused, had no
// effect, and dropped a tail; and, of these, how many dropped what had been promised to be durable.
func flipAll(t *testing.T, r *rig, step int, blind bool) (refused, ignored, dropped, lost int) {
	whole := readAll(r.files)
	if whole.err != nil || whole.end != r.w.State() {
		t.Fatalf("before: %v, end %+v, want %+v", whole.err, whole.end, r.w.State())
	}
	promised := r.blocks[len(r.blocks)-1].Promise // a promise in a block that is whole, unless it is the one that is hit
	for name, f := range r.files {
		for i := 0; i < len(f.Data); i += step {
			bit := byte(1 + r.rng.IntN(255))
			f.Data[i] ^= bit
			got := read(r.files, blind)
			f.Data[i] ^= bit
			var d *Damage
			switch {
			case errors.As(got.err, &d):
				refused++
			case got.err != nil:
				t.Fatalf("%s byte %#x: %v", name, i, got.err)
			case !bytes.HasPrefix(whole.cells, got.cells):
				t.Fatalf("%s byte %#x: other cells were read", name, i)
			case got.end.Position == whole.end.Position:
				ignored++
				if got.end.Chain != whole.end.Chain || got.end.StateHash != whole.end.StateHash {
					t.Fatalf("%s byte %#x: another end", name, i)
				}
			default:
				dropped++
				if !got.isTorn {
					t.Fatalf("%s byte %#x: dropped in silence", name, i)
				}
				if got.end.Position < promised {
					lost++
				}
			}
		}
	}
	return refused, ignored, dropped, lost
}

func TestEveryByteFlipped(t *testing.T) {
	r := flipJournal(1)
	refused, ignored, dropped, lost := flipAll(t, r, 1, false)
	t.Logf("%d refused, %d without effect, %d dropped a tail, %d of them lost promised data", refused, ignored, dropped, lost)
	last := r.blocks[len(r.blocks)-1]
	if lost != 0 || dropped != 0 {
		t.Errorf("%d dropped, %d lost", dropped, lost)
	}
	// In use: three headers, all blocks. Not in use: the torn block, the rest of two segments, the spare.
	if inUse := 3*SegmentHeaderSize + int(last.Position) + len(last.Bytes); refused != inUse-dropped {
		t.Errorf("%d refused, want %d", refused, inUse-dropped)
	}
}

// With several writes in flight, the promise of the last block is further back: what is behind it speaks for itself.
func TestBytesFlippedWithWritesInFlight(t *testing.T) {
	r := flipJournal(3)
	last := r.blocks[len(r.blocks)-1]
	if last.Position == last.Promise {
		t.Fatal("no other write was in flight")
	}
	_, _, dropped, lost := flipAll(t, r, 16, false)
	if lost != 0 || dropped != 0 {
		t.Errorf("%d dropped, %d lost", dropped, lost)
	}
}

// Without the promise, a flip in the last segment passes for a torn tail: the test above must be able to fail.
func TestPromiseNegativeControl(t *testing.T) {
	if _, _, _, lost := flipAll(t, flipJournal(1), 64, true); lost == 0 {
		t.Error("nothing was lost without the promise: the flip test shows nothing")
	}
}

// Blocks that change places are found out even where the later one carries the only promise.
func TestSwappedBlocks(t *testing.T) {
	r := newRig(5, 1, 1<<16, 1, 1)
	for range 3 {
		r.command()
		r.seal()
		r.settle()
	}
	for a := range 3 {
		for b := range a {
			files := copyFiles(r.files)
			data := files[SegmentName(1)].Data[SegmentHeaderSize:]
			copy(data[a*BlockUnit:], r.blocks[b].Bytes)
			copy(data[b*BlockUnit:], r.blocks[a].Bytes)
			if d := readAll(files).damage(t); d.Kind != Corrupt || d.Offset != int64(1+b)*BlockUnit {
				t.Errorf("blocks %d and %d: %v", a, b, d)
			}
		}
	}
}

// The last block, which nobody promises, lies whole in another place: its write went astray and may have been acknowledged.
func TestAstray(t *testing.T) {
	r := newRig(5, 1, 1<<16, 1, 1)
	for range 3 {
		r.command()
		r.seal()
		r.settle()
	}
	for place := 3; place < 15; place++ {
		files := copyFiles(r.files)
		data := files[SegmentName(1)].Data[SegmentHeaderSize:]
		copy(data[place*BlockUnit:], r.blocks[2].Bytes)
		clear(data[2*BlockUnit:][:BlockUnit])
		d := readAll(files).damage(t)
		if d.Kind != Corrupt || d.Offset != 3*BlockUnit {
			t.Errorf("at %d: %v", place, d)
		}
	}
}

// A run that lacks any part of any of its blocks is dropped whole, with what complete commands it began with; the
// segments that hold nothing but its rest are to be put aside.
func TestTornRun(t *testing.T) {
	r := newRig(6, 4, 3*BlockUnit, 1, 1, 1, 1)
	r.command()
	r.seal()
	r.settle()
	kept := r.w.State()
	r.command()
	r.command()
	for range 5 * 62 {
		r.fill()
	}
	r.seal()
	r.settle() // blocks: 1, then a run of 6 over four segments
	if n := len(r.blocks); n != 7 {
		t.Fatalf("%d blocks", n)
	}
	for i, b := range r.blocks[1:] {
		for _, part := range []int{0, 100, 2048, 4095} {
			files := copyFiles(r.files)
			for _, later := range r.blocks[i+2:] { // nor were the later segments begun, or the later blocks written
				clear(place(files, later)[:BlockUnit])
			}
			broken := place(files, b)
			fill(r.rng, broken[part&^511:][:512]) // a sector of whatever
			for n := uint32(4); n > segmentOf(b); n-- {
				clear(files[SegmentName(n)].Data)
			}
			got := readAll(files)
			if got.err != nil || got.end != kept || !got.isTorn {
				t.Fatalf("block %d: %v, end %+v, torn %+v", i, got.err, got.end, got.torn)
			}
			var aside []string
			for n := segmentOf(b); n > 1; n-- {
				aside = append(aside, SegmentName(n))
			}
			if got.torn.File != SegmentName(1) || got.torn.Offset != 2*BlockUnit || !slices.Equal(got.torn.Aside, aside) {
				t.Fatalf("block %d: torn %+v", i, got.torn)
			}
		}
	}
	if got := readAll(r.files); got.err != nil || got.blocks != 7 || got.isTorn {
		t.Errorf("whole: %v, %d blocks", got.err, got.blocks)
	}
}

func segmentOf(b Block) uint32 { return uint32(b.Position/(2*BlockUnit)) + 1 } // of segments with two blocks

func place(files fstest.MapFS, b Block) []byte {
	return files[SegmentName(segmentOf(b))].Data[SegmentHeaderSize+b.Position%(2*BlockUnit):]
}

// After a run over several segments was dropped, the journal goes on with the numbers of the segments put aside.
func TestGoOnAfterTornRun(t *testing.T) {
	r := newRig(7, 4, 3*BlockUnit, 1, 1, 1, 1)
	r.command()
	r.seal()
	r.settle()
	before := len(r.cells)
	r.command()
	for range 62 * 4 {
		r.fill()
	}
	r.settle() // the crash comes before the run's last block
	got := readAll(r.files)
	if want := []string{"000003.mj", "000002.mj"}; got.err != nil || !slices.Equal(got.torn.Aside, want) {
		t.Fatalf("%v, torn %+v", got.err, got.torn)
	}
	for _, name := range got.torn.Aside {
		clear(r.files[name].Data) // replaced by a spare
		if again := readAll(r.files); again.err != nil || again.end != got.end {
			t.Fatalf("crash after %s was put aside: %v", name, again.err)
		}
	}
	r.cells = r.cells[:before]
	r.restart(got.end, 1, 1)
	for range 3 {
		r.command()
		r.seal()
		r.settle()
	}
	if got = readAll(r.files); got.err != nil || !bytes.Equal(got.cells, r.cells) || got.isTorn || got.end.Epoch != 2 {
		t.Fatalf("%v, end %+v, torn %+v", got.err, got.end, got.torn)
	}
}

// What a recovery dropped stays dropped, even if it is all there, whole and chained, and even if it comes back later.
func TestFence(t *testing.T) {
	r := newRig(8, 2, 1<<16, 1, 1, 1)
	r.command()
	r.seal()
	r.settle()
	r.command()
	r.seal()
	r.command()
	r.seal()
	r.pump()
	lost, later := r.flight[0], r.flight[1] // the first write of the two was lost, the second was not
	copy(r.files[later.file].Data[later.at:], later.block.Bytes)
	got := readAll(r.files)
	if got.err != nil || got.end.Position != lost.block.Position || !got.isTorn || got.torn.Bytes <= BlockUnit {
		t.Fatalf("%v, end %+v, torn %+v", got.err, got.end, got.torn)
	}
	r.cells = r.cells[:len(readAll(r.files).cells)]
	r.restart(got.end, 1, 1, 1)
	copy(r.files[lost.file].Data[lost.at:], lost.block.Bytes)
	if again := readAll(r.files); again.err != nil || again.end.Position != got.end.Position || again.end.Epoch != 2 || again.isTorn {
		t.Fatalf("behind an empty fence: %v, end %+v, torn %+v", again.err, again.end, again.torn)
	}
	for range 3 {
		r.command()
		r.seal()
		r.settle()
	}
	if again := readAll(r.files); again.err != nil || !bytes.Equal(again.cells, r.cells) {
		t.Fatalf("dropped work came back: %v", again.err)
	}
	// Nor may a block of the old epoch stand in the new segment, though it fits in all else.
	copy(r.files[SegmentName(2)].Data[SegmentHeaderSize:], lost.block.Bytes)
	if d := readAll(r.files).damage(t); d.Kind != Corrupt {
		t.Errorf("a block of the epoch before: %v", d)
	}
}

func TestUnusedSegments(t *testing.T) {
	journal := func() *rig {
		r := newRig(9, 1, 4*BlockUnit, 1, 1)
		r.command()
		r.seal()
		r.settle()
		return r
	}
	blank := func() []byte { return make([]byte, 4*BlockUnit) }
	t.Run("spares", func(t *testing.T) {
		r := journal()
		r.files[SegmentName(2)] = &fstest.MapFile{Data: blank()}
		r.files[SegmentName(3)] = &fstest.MapFile{Data: blank()}
		if got := readAll(r.files); got.err != nil || got.isTorn || got.end.Segment != 1 {
			t.Errorf("%v, torn %+v", got.err, got.torn)
		}
	})
	t.Run("torn header", func(t *testing.T) {
		r := journal()
		data := blank()
		copy(data, r.files[SegmentName(1)].Data[:40])
		r.files[SegmentName(2)] = &fstest.MapFile{Data: data}
		r.files[SegmentName(3)] = &fstest.MapFile{Data: blank()}
		got := readAll(r.files)
		if got.err != nil || got.torn.File != "000002.mj" || got.torn.Offset != 0 || !slices.Equal(got.torn.Aside, []string{"000002.mj"}) {
			t.Errorf("%v, torn %+v", got.err, got.torn)
		}
	})
	for _, test := range []struct {
		name  string
		files func(r *rig)
		kind  Kind
		file  string
	}{
		{"two torn headers", func(r *rig) {
			for n := uint32(2); n < 4; n++ {
				r.files[SegmentName(n)] = &fstest.MapFile{Data: append([]byte{3}, blank()...)}
			}
		}, BadHeader, "000003.mj"},
		{"lost header", func(r *rig) { clear(r.files[SegmentName(1)].Data[:SegmentHeaderSize]) }, BadHeader, "000001.mj"},
		{"lost header of the second", func(r *rig) {
			data := blank()
			copy(data[SegmentHeaderSize:], r.blocks[0].Bytes)
			r.files[SegmentName(2)] = &fstest.MapFile{Data: data}
		}, BadHeader, "000002.mj"},
		{"broken header of the second", func(r *rig) {
			data := append([]byte{3, 'M'}, blank()...)
			copy(data[SegmentHeaderSize:], r.blocks[0].Bytes)
			r.files[SegmentName(2)] = &fstest.MapFile{Data: data}
		}, BadHeader, "000002.mj"},
		{"block of another journal in a spare", func(r *rig) {
			b := r.blocks[0].BlockHeader
			data := blank()
			copy(data[SegmentHeaderSize:], r.blocks[0].Bytes)
			b.ID[0]++
			b.encode(data[SegmentHeaderSize:][:b.Length], 0, 0)
			r.files[SegmentName(2)] = &fstest.MapFile{Data: data}
		}, Foreign, "000002.mj"},
		{"only spares", func(r *rig) { r.files[SegmentName(1)].Data = blank() }, NoJournal, ""},
		{"only a torn header", func(r *rig) { r.files[SegmentName(1)].Data = append([]byte{3}, blank()...) }, NoJournal, "000001.mj"},
		{"nothing", func(r *rig) { delete(r.files, SegmentName(1)) }, NoJournal, ""},
		{"missing before a spare", func(r *rig) { r.files[SegmentName(3)] = &fstest.MapFile{Data: blank()} }, Missing, "000002.mj"},
		{"spare too short", func(r *rig) { r.files[SegmentName(2)] = &fstest.MapFile{Data: blank()[:4096]} }, Short, "000002.mj"},
		{"no number", func(r *rig) { r.files["copy.mj"] = &fstest.MapFile{Data: blank()} }, Misnamed, "copy.mj"},
		{"wrong width", func(r *rig) { r.files["0000002.mj"] = &fstest.MapFile{Data: blank()} }, Misnamed, "0000002.mj"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := journal()
			test.files(r)
			if d := readAll(r.files).damage(t); d.Kind != test.kind || d.File != test.file {
				t.Errorf("kind %d, file %q: %v", d.Kind, d.File, d)
			}
		})
	}
}

// Every kind of damage to a whole segment, to the first, a middle and the last one.
func TestSegmentFaults(t *testing.T) {
	whole := newRig(10, 1, 4*BlockUnit, 1, 1)
	for range 15 { // five segments of three blocks
		whole.command()
		whole.seal()
		whole.settle()
	}
	foreign := newRig(11, 1, 4*BlockUnit, 1, 1)
	foreign.id[3] = 'x'
	foreign.start(State{Epoch: 1}, 1, 1)
	for range 15 {
		foreign.command()
		foreign.seal()
		foreign.settle()
	}
	header := func(f fstest.MapFS, n uint32, change func(b []byte)) {
		b := f[SegmentName(n)].Data[:SegmentHeaderSize]
		change(b)
		le32(b[4:], checksum(b))
	}
	for _, test := range []struct {
		name  string
		spoil func(f fstest.MapFS, n uint32)
		kinds [3]Kind // of the first, the third, the last segment
	}{
		{"truncated in the header", func(f fstest.MapFS, n uint32) { cut(f, n, 100) }, [3]Kind{Short, Short, Short}},
		{"truncated to nothing", func(f fstest.MapFS, n uint32) { cut(f, n, 0) }, [3]Kind{Short, Short, Short}},
		{"truncated at a block", func(f fstest.MapFS, n uint32) { cut(f, n, 3*BlockUnit) }, [3]Kind{Short, Short, Short}},
		{"truncated by a byte", func(f fstest.MapFS, n uint32) { cut(f, n, 4*BlockUnit-1) }, [3]Kind{Short, Short, Short}},
		{"missing", func(f fstest.MapFS, n uint32) { delete(f, SegmentName(n)) }, [3]Kind{Missing, Missing, Missing}},
		{"zeroed", func(f fstest.MapFS, n uint32) { clear(f[SegmentName(n)].Data) }, [3]Kind{BadHeader, BadHeader, 0}},
		{"header zeroed", func(f fstest.MapFS, n uint32) { clear(f[SegmentName(n)].Data[:4096]) }, [3]Kind{BadHeader, BadHeader, BadHeader}},
		{"blocks zeroed", func(f fstest.MapFS, n uint32) { clear(f[SegmentName(n)].Data[4096:]) }, [3]Kind{Corrupt, Corrupt, 0}},
		{"no magic", func(f fstest.MapFS, n uint32) { f[SegmentName(n)].Data[0] = 9 }, [3]Kind{BadHeader, BadHeader, BadHeader}},
		{"swapped", func(f fstest.MapFS, n uint32) {
			a, b := SegmentName(n), SegmentName(2)
			f[a], f[b] = f[b], f[a]
		}, [3]Kind{Misnamed, Misnamed, Misnamed}},
		{"duplicated", func(f fstest.MapFS, n uint32) { f[SegmentName(7)] = f[SegmentName(n)] }, [3]Kind{Duplicate, Duplicate, Duplicate}},
		{"copied over another", func(f fstest.MapFS, n uint32) { f[SegmentName(2)] = f[SegmentName(n)] }, [3]Kind{Duplicate, Duplicate, Duplicate}},
		{"renamed", func(f fstest.MapFS, n uint32) {
			f[SegmentName(8)] = f[SegmentName(n)]
			delete(f, SegmentName(n))
		}, [3]Kind{Misnamed, Misnamed, Misnamed}},
		{"foreign", func(f fstest.MapFS, n uint32) { f[SegmentName(n)] = foreign.files[SegmentName(n)] }, [3]Kind{Foreign, Foreign, Foreign}},
		{"other version", func(f fstest.MapFS, n uint32) {
			header(f, n, func(b []byte) { b[8] = 2 })
		}, [3]Kind{Unsupported, Unsupported, Unsupported}},
		{"reserved bytes", func(f fstest.MapFS, n uint32) {
			header(f, n, func(b []byte) { b[4000] = 1 })
		}, [3]Kind{BadHeader, BadHeader, BadHeader}},
		{"another epoch", func(f fstest.MapFS, n uint32) {
			header(f, n, func(b []byte) { b[32] = 9 })
		}, [3]Kind{BadHeader, BadHeader, Corrupt}},
		{"another size", func(f fstest.MapFS, n uint32) {
			header(f, n, func(b []byte) { b[57] = 0x20 })
		}, [3]Kind{BadHeader, BadHeader, 0}},
		{"larger size", func(f fstest.MapFS, n uint32) {
			header(f, n, func(b []byte) { b[58] = 1 })
		}, [3]Kind{Short, Short, Short}},
		{"an earlier seq", func(f fstest.MapFS, n uint32) {
			header(f, n, func(b []byte) { b[48], b[88] = 1, 0 })
		}, [3]Kind{0, BadHeader, BadHeader}},
		{"another predecessor", func(f fstest.MapFS, n uint32) {
			header(f, n, func(b []byte) { b[80] ^= 1 })
		}, [3]Kind{BadHeader, Contradiction, Contradiction}},
	} {
		for i, n := range []uint32{1, 3, 5} {
			files := copyFiles(whole.files)
			files[SegmentName(6)] = &fstest.MapFile{Data: make([]byte, 4*BlockUnit)}
			test.spoil(files, n)
			got := readAll(files)
			if test.kinds[i] == 0 {
				// Nothing was changed, or the whole of the last segment was lost at once, which looks like one that was
				// never used: an honest limit.
				if got.err != nil {
					t.Errorf("%s, segment %d: %v", test.name, n, got.err)
				}
				continue
			}
			var d *Damage
			if !errors.As(got.err, &d) || d.Kind != test.kinds[i] || d.File == "" || !bytes.Contains([]byte(d.What), []byte(d.File)) {
				t.Errorf("%s, segment %d: %v, want kind %d", test.name, n, got.err, test.kinds[i])
			}
		}
	}
}

func cut(f fstest.MapFS, n uint32, size int) { f[SegmentName(n)].Data = f[SegmentName(n)].Data[:size] }

func le32(b []byte, v uint32) { b[0], b[1], b[2], b[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24) }

// Blocks that are whole and yet cannot stand in their place: refused even at the very end of the journal.
func TestContradictions(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(b []byte, h *BlockHeader)
		kind  Kind
	}{
		{"version", func(b []byte, h *BlockHeader) { b[16] = 2 }, Unsupported},
		{"reserved", func(b []byte, h *BlockHeader) { b[20] = 1 }, Contradiction},
		{"reserved of the second cell", func(b []byte, h *BlockHeader) { b[65] = 1 }, Contradiction},
		{"reserved at the end", func(b []byte, h *BlockHeader) { b[127] = 1 }, Contradiction},
		{"kind of the second cell", func(b []byte, h *BlockHeader) { b[64] = 1 }, Contradiction},
		{"unknown flag", func(b []byte, h *BlockHeader) { b[18] = 64 }, Contradiction},
		{"hashes inside a run", func(b []byte, h *BlockHeader) { b[18], b[96] = 8, 1 }, Contradiction},
		{"chain", func(b []byte, h *BlockHeader) { b[88] ^= 1 }, Contradiction},
		{"promise of itself", func(b []byte, h *BlockHeader) { b[81] = 0xf0 }, Contradiction},
		{"no cell", func(b []byte, h *BlockHeader) { b[12] = 0 }, Contradiction},
		{"more cells than fit", func(b []byte, h *BlockHeader) { b[12] = 63 }, Contradiction},
		{"very many cells", func(b []byte, h *BlockHeader) { b[15] = 0xff }, Contradiction},
		{"first seq again", func(b []byte, h *BlockHeader) { b[56]-- }, Contradiction},
		{"first seq left out", func(b []byte, h *BlockHeader) { b[56]++ }, Contradiction},
		{"last seq", func(b []byte, h *BlockHeader) { b[112]++ }, Contradiction},
		{"gap in the cells", func(b []byte, h *BlockHeader) { b[128+64+8]++; b[112]++ }, 0},
		{"wide gap in the cells", func(b []byte, h *BlockHeader) { b[128+64+8] += 2; b[112] += 2 }, Contradiction},
		{"seq of the first cell", func(b []byte, h *BlockHeader) { b[128+8]++ }, Contradiction},
		{"seq of all cells", func(b []byte, h *BlockHeader) { b[128+8]++; b[128+64+8]++; b[112]++ }, Contradiction},
		{"kind 0 in use", func(b []byte, h *BlockHeader) { b[128+64] = 0 }, Contradiction},
		{"kind of a header in use", func(b []byte, h *BlockHeader) { b[128+64] = 1 }, Contradiction},
		{"continuation first", func(b []byte, h *BlockHeader) { b[128] = KindContinue }, Contradiction},
		{"cell behind the last", func(b []byte, h *BlockHeader) { b[128+128] = 64 }, Contradiction},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(12, 1, 1<<16, 1, 1)
			for range 2 {
				r.w.Command(cell(16, r.w.seq+1, 7), r.w.seq+1, 7)
				f := cellOf(64, r.w.seq, 7)
				r.w.Fill(&f)
				r.seal()
				r.settle()
			}
			b := r.files[SegmentName(1)].Data[2*BlockUnit:][:BlockUnit]
			test.spoil(b, &r.blocks[1].BlockHeader)
			le32(b[4:], checksum(b))
			got := readAll(r.files)
			if test.kind == 0 {
				if got.err != nil {
					t.Error(got.err)
				}
				return
			}
			if d := got.damage(t); d.Kind != test.kind || d.Offset != 2*BlockUnit || d.Seq != 2 {
				t.Errorf("kind %d at %d, seq %d: %v", d.Kind, d.Offset, d.Seq, d)
			}
		})
	}
}

// A block of another journal is no block of this one: neither can it go on here, nor does its promise count.
func TestForeignBlockInTheTail(t *testing.T) {
	r := newRig(15, 1, 1<<16, 1, 1)
	r.command()
	r.seal()
	r.settle()
	end := r.w.State()
	r.command()
	r.seal()
	r.settle()
	for _, promise := range []Position{0, 1 << 20} {
		h := r.blocks[1].BlockHeader
		h.ID[0]++
		h.Promise = promise
		h.encode(r.files[SegmentName(1)].Data[2*BlockUnit:][:h.Length], 0, 0)
		if got := readAll(r.files); got.err != nil || got.end != end || !got.isTorn {
			t.Errorf("promise %d: %v, end %+v", promise, got.err, got.end)
		}
	}
}

func TestRunBeforeFence(t *testing.T) {
	r := newRig(16, 1, 3*BlockUnit, 1, 1)
	r.command()
	for range 3 * 62 {
		r.fill()
	}
	r.seal()
	r.settle()
	b := r.files[SegmentName(2)].Data[:SegmentHeaderSize]
	b[32] = 2
	le32(b[4:], checksum(b))
	if d := readAll(r.files).damage(t); d.Kind != Contradiction || d.File != SegmentName(1) {
		t.Error(d)
	}
}

// A run is checked before its first block is handed out; if it reads otherwise later, that is no torn tail.
func TestRunThatChanges(t *testing.T) {
	r := newRig(17, 1, 1<<16, 1, 1)
	r.command()
	for range 3 * 62 {
		r.fill()
	}
	r.seal()
	r.settle()
	reader, err := Open(r.files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = reader.Next(); err != nil {
		t.Fatal(err)
	}
	r.files[SegmentName(1)].Data[2*BlockUnit+300]++
	reader.window = nil
	var d *Damage
	if _, err = reader.Next(); !errors.As(err, &d) || d.Kind != Corrupt {
		t.Error(err)
	}
}

func TestSegmentHeaderRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(h *SegmentHeader)
	}{
		{"segment 0", func(h *SegmentHeader) { h.Segment = 0 }},
		{"epoch 0", func(h *SegmentHeader) { h.Epoch = 0 }},
		{"odd size", func(h *SegmentHeader) { h.Size++ }},
		{"no room for a block", func(h *SegmentHeader) { h.Size = SegmentHeaderSize }},
		{"size that overflows", func(h *SegmentHeader) { h.Size = 1 << 63 }},
		{"odd position", func(h *SegmentHeader) { h.First++ }},
		{"position that overflows", func(h *SegmentHeader) { h.First = 1 << 63 }},
		{"seq that does not follow", func(h *SegmentHeader) { h.FirstSeq++ }},
		{"first with a predecessor", func(h *SegmentHeader) { h.Segment = 1 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := SegmentHeader{Segment: 2, Epoch: 1, First: 4096, FirstSeq: 8, LastSeq: 7, Size: 8192}
			b := make([]byte, SegmentHeaderSize)
			h.Encode(b)
			if err := h.Decode(b); err != nil {
				t.Fatalf("before: %v", err)
			}
			test.change(&h)
			h.Encode(b)
			var d *Damage
			if err := h.Decode(b); !errors.As(err, &d) || d.Kind != BadHeader {
				t.Errorf("%v", err)
			}
		})
	}
}

// A file system that fails is not damage, and never the end of the journal.
func TestReadErrorIsNoTornTail(t *testing.T) {
	r := newRig(13, 1, 1<<16, 1, 1)
	r.command()
	r.seal()
	r.settle()
	sick := errors.New("input/output error")
	for _, after := range []int{0, 1} {
		f := &failing{MapFS: r.files, left: after, err: sick}
		reader, err := Open(f)
		for err == nil {
			_, err = reader.Next()
		}
		var d *Damage
		if !errors.Is(err, sick) || errors.Is(err, io.EOF) || errors.As(err, &d) {
			t.Errorf("after %d reads: %v", after, err)
		}
		if f.open != 0 {
			t.Errorf("after %d reads: %d files left open", after, f.open)
		}
	}
}

// failing is a file system whose reads fail after a while.
type failing struct {
	fstest.MapFS
	left int
	err  error
	open int
}

type failingFile struct {
	fs.File
	fs *failing
}

func (f *failing) Open(name string) (fs.File, error) {
	file, err := f.MapFS.Open(name)
	if name == "." {
		return file, err
	}
	f.open++
	return failingFile{file, f}, err
}

func (f failingFile) Close() error { f.fs.open--; return f.File.Close() }

func (f failingFile) ReadAt(b []byte, at int64) (int, error) {
	if f.fs.left--; f.fs.left < 0 {
		return 0, f.fs.err
	}
	n, err := f.File.(io.ReaderAt).ReadAt(b[:min(len(b), SegmentHeaderSize)], at) // short reads force more of them
	if n < len(b) && err == nil {
		err = f.fs.err
	}
	return n, err
}

func ExampleDamage() {
	r := newRig(14, 1, 1<<20, 1, 1)
	for range 100 {
		r.command()
		r.seal()
		r.settle()
	}
	r.files["000001.mj"].Data[41*BlockUnit+77]++
	fmt.Println(readAll(r.files).err)
	// Output: journal: a bad checksum in the middle of 000001.mj at seq 41 (offset 0x29000); 75 later records follow; the byte at offset 0x2904d was 0x00
}
