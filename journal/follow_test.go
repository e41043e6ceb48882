package journal

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"testing"
	"testing/fstest"
)

// TestBelow: who reads a journal while it is written gets everything below the limit, nothing else, and each block once: over
// the ends of segments, with writes that end in any order, and with runs of `more` blocks; also who began at an anchor, and when
// segments of before that are gone.
func TestBelow(t *testing.T) {
	seed, gone := testSeed(t), 0
	for i := range uint64(60) {
		r := newRig(seed+i, 1+int(i%4), (4+i%9)*BlockUnit, 1, 2, 1, 1, 2)
		in, err := Open(r.files)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		var last Position // of a block
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
				last, got = b.Position, append(got, b.Cells...)
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
			if at := in.End(); i%3 == 0 && turn == 20 && len(got) != 0 && at.Flags&FlagMore == 0 {
				if in, err = OpenAt(r.files, &Anchor{ID: in.ID(), State: at, Block: last}); err != nil {
					t.Fatal(err)
				}
				for n := uint32(1); n < at.Segment; n++ {
					delete(r.files, SegmentName(n))
					gone++
				}
			}
		}
		r.seal()
		r.settle()
		read(positionMax)
		if !bytes.Equal(got, r.cells) {
			t.Fatalf("seed %d: %d cells read, %d written", seed+i, len(got)/CellSize, len(r.cells)/CellSize)
		}
	}
	if gone == 0 {
		t.Error("no segment was taken away")
	}
}

// living is a journal that is written while it is read: before each look at it, it may move on to a later one of its states.
type living struct {
	rng    *rand.Rand
	states []fstest.MapFS
	now    int
}

func (l *living) look() fstest.MapFS {
	for l.now < len(l.states)-1 && l.rng.IntN(3) == 0 {
		l.now++
	}
	return l.states[l.now]
}

func (l *living) ReadDir(name string) ([]fs.DirEntry, error) { return l.look().ReadDir(name) }

func (l *living) Open(name string) (fs.File, error) {
	f, err := l.look().Open(name)
	if err != nil {
		return nil, err
	}
	return &livingFile{f, l, name}, nil
}

type livingFile struct {
	fs.File
	l    *living
	name string
}

func (f *livingFile) ReadAt(b []byte, at int64) (int, error) {
	return bytes.NewReader(f.l.look()[f.name].Data).ReadAt(b, at)
}

// TestReadWhileWritten: who reads a journal while it is written, without knowing how far it may go, finds an end that the
// journal had meanwhile, and never damage: what speaks for a place may have been written after the place was looked at.
func TestReadWhileWritten(t *testing.T) {
	seed := testSeed(t)
	for i := range uint64(200) {
		r := newRig(seed+i, 1+int(i%4), (4+i%9)*BlockUnit, 1, 2, 1, 1, 2)
		l := &living{rng: r.rng}
		keep := func() {
			for n := uint32(1); n <= 2; n++ { // spares
				if name := SegmentName(r.segment.Segment + n); r.files[name] == nil {
					r.files[name] = &fstest.MapFile{Data: make([]byte, r.size)}
				}
			}
			l.states = append(l.states, copyFiles(r.files))
		}
		keep()
		least := make([]Position, 1, 64) // durable in each state
		for range 24 {
			r.turn(4, 1+r.rng.IntN(200))
			keep()
			least = append(least, r.w.Durable())
		}
		for range 8 {
			l.now = r.rng.IntN(len(l.states))
			began := l.now
			in, err := Open(l)
			if err == nil {
				in.ahead = BlockUnit
			}
			var got []byte
			for err == nil {
				var b *Block
				if b, err = in.Next(); err == nil {
					got = append(got, b.Cells...)
				}
			}
			switch {
			case !errors.Is(err, io.EOF):
				t.Fatalf("seed %d, states %d to %d: %v", seed+i, began, l.now, err)
			case !bytes.HasPrefix(r.cells, got):
				t.Fatalf("seed %d, states %d to %d: other cells than were written", seed+i, began, l.now)
			case in.End().Position < least[began] && in.used == len(in.segments)-2:
				t.Fatalf("seed %d, states %d to %d: read to %d of %d", seed+i, began, l.now, in.End().Position, least[began])
			}
		}
	}
}
