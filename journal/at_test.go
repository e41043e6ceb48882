package journal

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// anchors returns every place between the blocks of a journal, but for those inside a run, and what follows each.
func anchors(t *testing.T, r *rig) (all []Anchor, rest [][]byte) {
	t.Helper()
	reader, err := Open(r.files)
	if err != nil {
		t.Fatal(err)
	}
	for {
		b, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return all, rest
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range rest {
			rest[i] = append(rest[i], b.Cells...)
		}
		if !b.More() {
			all = append(all, Anchor{ID: reader.ID(), State: reader.End(), Block: b.Position})
			rest = append(rest, nil)
		}
	}
}

// TestOpenAt goes on from every place of a journal, with and without the segments before it, and reads what followed there.
func TestOpenAt(t *testing.T) {
	r := flipJournal(1)
	all, rest := anchors(t, r)
	if len(all) < 5 {
		t.Fatalf("%d places", len(all))
	}
	whole := readAll(r.files)
	for i := range all {
		for _, archived := range []bool{false, true} {
			files := copyFiles(r.files)
			for n := uint32(1); archived && n < all[i].State.Segment; n++ {
				delete(files, SegmentName(n))
			}
			reader, err := OpenAt(files, &all[i])
			if err != nil {
				t.Fatalf("place %d: %v", i, err)
			}
			var cells []byte
			for {
				b, err := reader.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("place %d: %v", i, err)
				}
				cells = append(cells, b.Cells...)
			}
			if !bytes.Equal(cells, rest[i]) || reader.End() != whole.end {
				t.Errorf("place %d: %d bytes, want %d; end %+v, want %+v", i, len(cells), len(rest[i]), reader.End(), whole.end)
			}
		}
	}
}

// TestOpenAtElsewhere refuses places that are none: of another journal, of blocks that are not as they were, of a tail that a
// recovery has cut off, behind the end.
func TestOpenAtElsewhere(t *testing.T) {
	r := flipJournal(1)
	all, _ := anchors(t, r)
	refused := func(what string, a Anchor, spoil func(data []byte)) {
		t.Helper()
		files := copyFiles(r.files)
		if spoil != nil {
			spoil(files[SegmentName(a.State.Segment)].Data)
		}
		if reader, err := OpenAt(files, &a); !errors.Is(err, ErrElsewhere) {
			t.Errorf("%s: %v, %v", what, reader, err)
		}
	}
	for i, a := range all {
		other := a
		other.ID[0]++
		refused("another journal", other, nil)
		other = a
		other.State.Chain++
		refused("another chain", other, nil)
		other = a
		other.State.StateHash++
		refused("another state", other, nil)
		other = a
		other.State.Position += BlockUnit
		refused("another place", other, nil)
		other = a
		other.State.Epoch++
		refused("another epoch", other, nil)
		other = a
		other.State.Segment += 10
		refused("a segment that is not there", other, nil)
		first := readSegment(t, r, a.State.Segment)
		refused("a block that was changed", a, func(data []byte) { data[first.Offset(a.Block)+BlockHeaderSize+5] ^= 1 })
		if i > 0 && all[i-1].State.Segment == a.State.Segment {
			other = a
			other.Block = all[i-1].Block
			refused("the block before", other, nil)
		}
	}
}

func readSegment(t *testing.T, r *rig, n uint32) (h SegmentHeader) {
	t.Helper()
	if err := h.Decode(r.files[SegmentName(n)].Data[:SegmentHeaderSize]); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestOpenRest reads what is left of a journal whose first segments are gone.
func TestOpenRest(t *testing.T) {
	r := flipJournal(1)
	whole := readAll(r.files)
	files := copyFiles(r.files)
	delete(files, SegmentName(1))
	if _, err := Open(files); err == nil {
		t.Fatal("a journal without its first segment is whole")
	}
	reader, err := OpenRest(files)
	if err != nil {
		t.Fatal(err)
	}
	if reader.First() != 2 {
		t.Errorf("it begins with segment %d", reader.First())
	}
	var cells []byte
	for {
		b, err := reader.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
		cells = append(cells, b.Cells...)
	}
	if !bytes.HasSuffix(whole.cells, cells) || len(cells) == 0 || reader.End() != whole.end {
		t.Errorf("%d bytes of %d, end %+v, want %+v", len(cells), len(whole.cells), reader.End(), whole.end)
	}
}
