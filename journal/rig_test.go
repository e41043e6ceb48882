package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"testing/fstest"
)

// rig plays the caller of a Writer: it makes cells, owns files, and ends writes in any order.
type rig struct {
	w       *Writer
	rng     *rand.Rand
	id      ID
	files   fstest.MapFS
	size    uint64        // of the next segment
	segment SegmentHeader // that is written to
	depth   int           // writes in flight at most
	flight  []flying

	cells  []byte     // all that was appended, in order
	blocks []Block    // all that was handed out, with bytes of their own
	marks  []Position // Appended before each command
}

type flying struct {
	block Block
	file  string
	at    int64
}

var testID = ID{'t', 'e', 's', 't', ' ', 'j', 'o', 'u', 'r', 'n', 'a', 'l', 0, 0, 0, 1}

// newRig makes a rig with slots of the given numbers of pages.
func newRig(seed uint64, depth int, size uint64, pages ...int) *rig {
	r := &rig{rng: rand.New(rand.NewPCG(seed, 1)), id: testID, files: fstest.MapFS{}, size: size, depth: depth}
	r.start(State{Epoch: 1}, pages...)
	return r
}

func (r *rig) start(s State, pages ...int) {
	slots := make([][]byte, len(pages))
	for i, n := range pages {
		slots[i] = make([]byte, n*BlockUnit)
		for j := range slots[i] {
			slots[i][j] = byte(r.rng.Uint32()) // what was in a slot must never reach a block
		}
	}
	r.w = NewWriter(Config{ID: r.id, State: s, Slots: slots})
	r.flight = nil
	r.begin()
}

// begin ends all writes and begins the next segment.
func (r *rig) begin() {
	r.drain()
	r.segment = r.w.Begin(r.size)
	r.segment.Created = 1_700_000_000_000_000_000
	data := make([]byte, r.size)
	r.segment.Encode(data[:SegmentHeaderSize])
	r.files[SegmentName(r.segment.Segment)] = &fstest.MapFile{Data: data}
}

// pump submits what is closed, as far as the depth allows.
func (r *rig) pump() {
	for len(r.flight) < r.depth && r.w.Pending() > 0 {
		at := r.segment.Offset(r.w.State().Position)
		if at+int64(r.w.Pending()) > int64(r.segment.Size) {
			r.begin()
			at = SegmentHeaderSize
		}
		b, _ := r.w.Next()
		b.Bytes = append([]byte(nil), b.Bytes...)
		b.Cells = b.Bytes[BlockHeaderSize:][:len(b.Cells)]
		r.blocks = append(r.blocks, b)
		r.flight = append(r.flight, flying{b, SegmentName(r.segment.Segment), at})
	}
}

// end lets write i of those in flight end.
func (r *rig) end(i int) {
	f := r.flight[i]
	copy(r.files[f.file].Data[f.at:], f.block.Bytes)
	r.flight = append(r.flight[:i], r.flight[i+1:]...)
	r.w.Written(f.block.Slot)
}

func (r *rig) endAny() { r.end(r.rng.IntN(len(r.flight))) }

func (r *rig) drain() {
	for len(r.flight) > 0 {
		r.endAny()
	}
}

// settle submits and ends everything that is closed.
func (r *rig) settle() {
	for r.w.Pending() > 0 || len(r.flight) > 0 {
		r.pump()
		r.drain()
	}
}

// command appends a random command, and waits for room as a caller does.
func (r *rig) command() {
	for !r.w.Room() {
		r.wait()
	}
	r.marks = append(r.marks, r.w.Appended())
	seq := r.w.seq + 1
	b := make([]byte, CellSize, 2*CellSize)
	fill(r.rng, b)
	b[0] = byte(16 + r.rng.IntN(9))
	binary.LittleEndian.PutUint64(b[8:], seq)
	binary.LittleEndian.PutUint64(b[16:], seq*1000)
	if r.rng.IntN(4) == 0 {
		b = b[:2*CellSize]
		fill(r.rng, b[CellSize:])
		b[CellSize] = KindContinue
	}
	r.w.Command(b, seq, seq*1000)
	r.cells = append(r.cells, b...)
}

// wait is what a caller does while there is no room.
func (r *rig) wait() {
	r.pump()
	if len(r.flight) == 0 { // nothing was closed: only the open block is full
		r.w.Seal(r.w.seq, ^r.w.seq, 0)
		r.pump()
	}
	r.endAny()
}

func (r *rig) fill() {
	var c [CellSize]byte
	fill(r.rng, c[:])
	c[0] = 64
	binary.LittleEndian.PutUint64(c[8:], r.w.seq)
	for !r.w.Fill(&c) {
		r.pump()
		r.endAny()
	}
	r.cells = append(r.cells, c[:]...)
}

// seal closes the open block with hashes that follow from the seq.
func (r *rig) seal() { r.w.Seal(r.w.seq, ^r.w.seq, 0) }

// turn is a random turn of a caller.
func (r *rig) turn(commands, fills int) {
	for range r.rng.IntN(commands + 1) {
		r.command()
		for range r.rng.IntN(fills + 1) {
			r.fill()
		}
	}
	if r.w.Free() > 0 || r.rng.IntN(2) == 0 {
		r.seal()
	}
	r.pump()
	for len(r.flight) > 0 && r.rng.IntN(2) == 0 {
		r.endAny()
	}
}

// fourBlocks writes four blocks, each durable before the next: a command and 70 fills.
func (r *rig) fourBlocks() {
	for range 4 {
		r.command()
		for range 70 {
			r.fill()
		}
		r.seal()
		r.settle()
	}
}

// copyFiles copies the files, so that one copy may be spoiled.
func copyFiles(files fstest.MapFS) fstest.MapFS {
	c := fstest.MapFS{}
	for name, f := range files {
		c[name] = &fstest.MapFile{Data: append([]byte(nil), f.Data...)}
	}
	return c
}

// result is what a Reader made of a journal.
type result struct {
	cells  []byte
	blocks int
	end    State
	torn   Torn
	isTorn bool
	err    error // nil: io.EOF
}

func (r result) damage(t testing.TB) *Damage {
	t.Helper()
	var d *Damage
	if !errors.As(r.err, &d) {
		t.Fatalf("want damage, got %v", r.err)
	}
	return d
}

func readAll(files fstest.MapFS) result { return read(files, false) }

func read(files fstest.MapFS, blind bool) result {
	var res result
	r, err := Open(files)
	if err != nil {
		res.err = err
		return res
	}
	r.blind = blind
	for {
		b, err := r.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				res.err = err
			}
			res.end = r.End()
			res.torn, res.isTorn = r.Torn()
			return res
		}
		res.cells = append(res.cells, b.Cells...)
		res.blocks++
	}
}

// fill fills b with random bytes.
func fill(rng *rand.Rand, b []byte) {
	for i := 0; i+8 <= len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], rng.Uint64())
	}
}

// testSeed returns the seed of a random test, and says how to run it again when the test fails.
func testSeed(t *testing.T) uint64 {
	seed := rand.Uint64()
	if s := os.Getenv("JOURNAL_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Cleanup(func() {
		if t.Failed() {
			fmt.Printf("again: JOURNAL_SEED=%d go test ./journal -run '^%s$'\n", seed, t.Name())
		}
	})
	return seed
}
