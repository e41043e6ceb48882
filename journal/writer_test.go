package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	seed := testSeed(t)
	for i := range uint64(150) {
		s := seed + i
		rng := newRig(s, 1, 8192, 1, 1).rng
		pages := make([]int, 2+rng.IntN(4))
		widest := 0
		for j := range pages {
			pages[j] = 1 + rng.IntN(4)
			widest = max(widest, pages[j])
		}
		r := newRig(s, 1+rng.IntN(len(pages)), uint64(1+widest+rng.IntN(12))*BlockUnit, pages...)
		for range rng.IntN(60) {
			r.turn(1+rng.IntN(20), rng.IntN(60))
		}
		r.seal()
		r.settle()
		got := readAll(r.files)
		if got.err != nil || got.isTorn {
			t.Fatalf("seed %d: %v, torn %+v", s, got.err, got.torn)
		}
		if !bytes.Equal(got.cells, r.cells) {
			t.Fatalf("seed %d: %d cells read, %d written", s, len(got.cells)/CellSize, len(r.cells)/CellSize)
		}
		if want := r.w.State(); got.end != want || got.end.Position != r.w.Durable() || r.w.Durable() != r.w.Appended() {
			t.Fatalf("seed %d: end %+v, want %+v; durable %d, appended %d", s, got.end, want, r.w.Durable(), r.w.Appended())
		}
	}
}

// Durable must never pass a write that has not ended, nor lie inside a run, and every mark must mean what Appended says.
func TestDurable(t *testing.T) {
	seed := testSeed(t)
	r := newRig(seed, 4, 1<<20, 1, 1, 1, 1, 1)
	for range 400 {
		r.turn(6, 30)
		want := r.w.State().Position
		for _, f := range r.flight {
			want = min(want, f.block.Position)
		}
		for i := len(r.blocks) - 1; i >= 0; i-- { // back to the end of a run
			b := &r.blocks[i]
			if b.Position+Position(b.Length) == want && b.More() {
				want = b.Position
			}
		}
		if got := r.w.Durable(); got != want {
			t.Fatalf("durable %d, want %d", got, want)
		}
		if n := r.w.InFlight(); n < len(r.flight) || r.w.Free() < 0 || r.w.Free() > 5-n {
			t.Fatalf("%d in flight of %d, %d free", len(r.flight), n, r.w.Free())
		}
	}
	for i, b := range r.blocks {
		if b.More() && (b.StateHash != 0 || b.OutputHash != 0) || !b.More() && (b.StateHash != b.LastSeq || b.OutputHash != ^b.LastSeq) {
			t.Errorf("block %d: hashes %d, %d", i, b.StateHash, b.OutputHash)
		}
		for seq := b.FirstSeq; seq <= b.LastSeq; seq++ {
			if i > 0 && seq == r.blocks[i-1].LastSeq {
				continue // its command lies in the block before
			}
			if mark := r.marks[seq-1]; mark > b.Position {
				t.Errorf("seq %d lies in block %d, its mark was %d", seq, b.Position, mark)
			}
		}
	}
}

func TestPromiseIsWhatIsDurable(t *testing.T) {
	r := newRig(1, 3, 1<<20, 1, 1, 1, 1)
	for i, step := range []struct {
		end  []int // writes in flight that end before the block is handed out
		want Position
	}{
		{nil, 0}, {nil, 0}, {[]int{1}, 0}, {[]int{0}, 2 * 4096}, {[]int{0}, 3 * 4096},
	} {
		r.command()
		r.seal()
		for _, j := range step.end {
			r.end(j)
		}
		r.pump()
		if got := r.blocks[i].Promise; got != step.want {
			t.Errorf("block %d promises %d, want %d", i, got, step.want)
		}
	}
}

func TestMoreRun(t *testing.T) {
	r := newRig(1, 4, 1<<20, 1, 1, 1, 1)
	r.command()
	for range 3 * 62 { // a block of one page holds 62 cells
		r.fill()
	}
	if r.w.Durable() != 0 || r.w.Appended() != 3*4096 {
		t.Fatalf("durable %d, appended %d", r.w.Durable(), r.w.Appended())
	}
	r.settle()
	if r.w.Durable() != 0 {
		t.Fatalf("durable %d inside a run", r.w.Durable())
	}
	r.seal()
	r.settle()
	if want := Position(4 * 4096); r.w.Durable() != want {
		t.Fatalf("durable %d, want %d", r.w.Durable(), want)
	}
	for i, b := range r.blocks {
		if b.More() != (i < 3) {
			t.Errorf("block %d: more %v", i, b.More())
		}
	}
}

func TestFillWaitsForASlot(t *testing.T) {
	r := newRig(1, 1, 1<<20, 1, 1)
	r.command()
	r.seal()
	r.pump() // slot 0 is being written
	r.command()
	c := cellOf(64, r.w.seq, 0)
	for r.w.Fill(&c) {
	}
	if r.w.Free() != 0 || r.w.Room() {
		t.Fatal("a full writer has room")
	}
	r.drain()
	if !r.w.Room() || !r.w.Fill(&c) {
		t.Fatal("no room after the write ended")
	}
}

func TestSlotsComeFreeInOrder(t *testing.T) {
	r := newRig(1, 3, 1<<20, 1, 1, 1)
	for range 3 {
		r.command()
		r.seal()
	}
	r.pump()
	for i, want := range []struct{ slot, free, durable int }{{1, 0, 0}, {2, 0, 0}, {0, 3, 3 * 4096}} {
		if got := r.w.Written(want.slot); got != Position(want.durable) || r.w.Free() != want.free {
			t.Errorf("write %d: durable %d, free %d", i, got, r.w.Free())
		}
	}
}

func TestPaddingOfReusedSlots(t *testing.T) {
	r := newRig(1, 1, 1<<20, 2, 2)
	for _, n := range []int{100, 100, 1, 1} {
		r.command()
		for range n - 1 {
			r.fill()
		}
		r.seal()
		r.settle()
		b := r.blocks[len(r.blocks)-1]
		if !zero(b.Bytes[BlockHeaderSize+len(b.Cells):]) {
			t.Errorf("block of %d cells: padding is not zero", n)
		}
	}
	if n := len(r.blocks[3].Bytes); n != 4096 {
		t.Errorf("one cell costs %d bytes", n)
	}
}

func TestWriterAssertions(t *testing.T) {
	command := func(w *Writer) {
		c := cellOf(16, w.seq+1, 5)
		w.Command(c[:], w.seq+1, 5)
	}
	memory := func(sizes ...int) Config {
		c := Config{State: State{Epoch: 1}}
		for _, n := range sizes {
			c.Slots = append(c.Slots, make([]byte, n))
		}
		return c
	}
	for _, test := range []struct {
		name string
		do   func(w *Writer)
	}{
		{"one slot", func(*Writer) { NewWriter(memory(4096)) }},
		{"slot of odd size", func(*Writer) { NewWriter(memory(4096, 5000)) }},
		{"slot too large", func(*Writer) { NewWriter(memory(4096, MaxBlock+4096)) }},
		{"epoch 0", func(*Writer) { c := memory(4096, 4096); c.State.Epoch = 0; NewWriter(c) }},
		{"seq left out", func(w *Writer) { c := cellOf(16, 2, 5); w.Command(c[:], 2, 5) }},
		{"seq not in the cell", func(w *Writer) { c := cellOf(16, 2, 5); w.Command(c[:], 1, 5) }},
		{"time not in the cell", func(w *Writer) { c := cellOf(16, 1, 5); w.Command(c[:], 1, 6) }},
		{"kind 0", func(w *Writer) { c := cellOf(0, 1, 5); w.Command(c[:], 1, 5) }},
		{"kind of a header", func(w *Writer) { c := cellOf(4, 1, 5); w.Command(c[:], 1, 5) }},
		{"half a cell", func(w *Writer) { c := cellOf(16, 1, 5); w.Command(c[:32], 1, 5) }},
		{"second cell no continuation", func(w *Writer) { w.Command(bytes.Repeat(cell(16, 1, 5), 2), 1, 5) }},
		{"command without room", func(w *Writer) {
			for {
				command(w)
			}
		}},
		{"fill without command", func(w *Writer) { c := cellOf(64, 0, 0); w.Fill(&c) }},
		{"fill after seal", func(w *Writer) { command(w); w.Seal(0, 0, 0); c := cellOf(64, 1, 5); w.Fill(&c) }},
		{"fill of another command", func(w *Writer) { command(w); c := cellOf(64, 2, 5); w.Fill(&c) }},
		{"seal with more", func(w *Writer) { command(w); w.Seal(0, 0, FlagMore) }},
		{"no segment", func(*Writer) { w := NewWriter(memory(4096, 4096)); command(w); w.Seal(0, 0, 0); w.Next() }},
		{"written without write", func(w *Writer) { w.Written(0) }},
		{"written twice", func(w *Writer) { command(w); w.Seal(0, 0, 0); w.Next(); w.Written(0); w.Written(0) }},
		{"written twice, before an earlier one", func(w *Writer) {
			for range 2 {
				command(w)
				w.Seal(0, 0, 0)
				w.Next()
			}
			w.Written(1)
			w.Written(1)
		}},
		{"segment before writes end", func(w *Writer) { command(w); w.Seal(0, 0, 0); w.Next(); w.Begin(8192) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := NewWriter(memory(4096, 4096))
			w.Begin(8192)
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			test.do(w)
		})
	}
}

func cellOf(kind byte, seq, time uint64) (c [CellSize]byte) {
	c[0] = kind
	binary.LittleEndian.PutUint64(c[8:], seq)
	binary.LittleEndian.PutUint64(c[16:], time)
	return c
}

func cell(kind byte, seq, time uint64) []byte {
	c := cellOf(kind, seq, time)
	return c[:]
}

func TestNoAllocation(t *testing.T) {
	w := benchWriter(64<<10, 4)
	var c [2 * CellSize]byte
	copy(c[CellSize:], cell(KindContinue, 0, 0))
	seq := uint64(0)
	if n := testing.AllocsPerRun(2000, func() {
		seq++
		copy(c[:], cell(16, seq, seq))
		if w.Room() {
			w.Command(c[:], seq, seq)
		}
		f := cellOf(64, seq, seq)
		for range 20 {
			if !w.Fill(&f) {
				b, _ := w.Next()
				w.Written(b.Slot)
			}
		}
		w.Seal(1, 2, 0)
		b, _ := w.Next()
		w.Written(b.Slot)
	}); n != 0 {
		t.Errorf("%v allocations per turn", n)
	}
}

func benchWriter(slot, n int) *Writer {
	c := Config{ID: testID, State: State{Epoch: 1}}
	for range n {
		c.Slots = append(c.Slots, make([]byte, slot))
	}
	w := NewWriter(c)
	w.Begin(1 << 40)
	return w
}

// One command and one fill in turn; blocks are closed and forgotten, without the checksum.
func BenchmarkAppend(b *testing.B) {
	w := benchWriter(4<<20, 5)
	c := cellOf(16, 0, 7)
	f := cellOf(64, 0, 7)
	b.SetBytes(CellSize)
	for i := 0; b.Loop(); i++ {
		if i&1 == 0 {
			binary.LittleEndian.PutUint64(c[8:], w.seq+1)
			if !w.Room() {
				w.durable, w.handed = w.closed, w.closed
			}
			w.Command(c[:], w.seq+1, 7)
			continue
		}
		binary.LittleEndian.PutUint64(f[8:], w.seq)
		if !w.Fill(&f) {
			w.durable, w.handed = w.closed, w.closed
			w.Fill(&f)
		}
	}
}

// Closing a block and handing it out: padding, header, checksum, chain.
func BenchmarkSeal(b *testing.B) {
	for _, cells := range []int{1, 62, 1022, 65534} {
		b.Run(fmt.Sprint(cells), func(b *testing.B) {
			w := benchWriter(4<<20, 2)
			c := cellOf(16, 1, 7)
			w.Command(c[:], 1, 7)
			w.Seal(0, 0, 0)
			block, _ := w.Next()
			w.Written(block.Slot)
			b.SetBytes(int64(blockSize(uint64(cells))))
			for b.Loop() {
				w.claim()
				w.at = BlockHeaderSize + cells*CellSize
				w.Seal(1, 2, 0)
				block, _ := w.Next()
				w.Written(block.Slot)
			}
		})
	}
}

// TestLazyPromise: blocks of a lazy writer promise what a flush has covered: what had been written when it began. A segment
// begins when all is durable.
func TestLazyPromise(t *testing.T) {
	r := newRig(1, 4, 1<<20, 1, 1, 1, 1, 1)
	r.w = NewWriter(Config{ID: r.id, State: State{Epoch: 1}, Slots: [][]byte{make([]byte, 4096), make([]byte, 4096), make([]byte, 4096), make([]byte, 4096)}, Lazy: true})
	r.segment = r.w.Begin(r.size)
	if !r.w.Lasting() || r.w.Flush() {
		t.Error("nothing is written, and not all of it is durable")
	}
	block := func() Position {
		r.command()
		r.seal()
		r.pump()
		return r.blocks[len(r.blocks)-1].Promise
	}
	if got := block(); got != 0 {
		t.Errorf("the first block promises %d", got)
	}
	r.end(0)
	if r.w.Durable() != 4096 || r.w.Lasting() || !r.w.Flush() || r.w.Flush() {
		t.Errorf("one block is written: %d", r.w.Durable())
	}
	if got := block(); got != 0 {
		t.Errorf("a block beside the flush promises %d", got)
	}
	r.end(0) // behind the beginning of the flush
	r.w.Flushed()
	if got := block(); got != 4096 {
		t.Errorf("a block behind the flush promises %d", got)
	}
	if r.w.Lasting() {
		t.Error("all is durable, and one block is not written")
	}
	r.end(0)
	refused := func() (v any) {
		defer func() { v = recover() }()
		r.w.Begin(r.size)
		return nil
	}
	if refused() == nil {
		t.Error("a segment begins behind blocks that are not durable")
	}
	if !r.w.Flush() {
		t.Error("two blocks are not durable, and no flush is wanted")
	}
	r.w.Flushed()
	if got := r.w.Begin(r.size).First; !r.w.Lasting() || got != 3*4096 {
		t.Errorf("the next segment begins at %d", got)
	}
	if got := block(); got != 3*4096 {
		t.Errorf("its first block promises %d", got)
	}
}
