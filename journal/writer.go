package journal

import (
	"encoding/binary"
	"fmt"
)

// Writer packs cells into blocks. Blocks are built in slots of its caller's memory, which take turns: at any time the
// slots, in order, hold blocks that are being written, then closed blocks that wait for Next, then the open block.
//
//	Command, Fill -> open block -> Seal -> closed -> Next -> caller writes -> Written -> slot is free again
//
// Command and Fill are the hot path: a few comparisons and a copy of 64 bytes. A Writer is not for concurrent use.
// Everything that a caller does wrong panics.
type Writer struct {
	open []byte // memory of the open block; nil: it has no slot yet
	at   int    // where the next cell goes; BlockHeaderSize: the open block is empty
	seq  uint64 // of the last command
	time uint64 // of the last command

	slots []slot
	// Blocks are counted from the Writer's start; block i lies in slot i % len(slots).
	durable int // the first block whose write, or an earlier block's, has not ended
	handed  int // the first block that Next has not handed out
	closed  int // the open block

	id       ID
	begun    bool     // Begin has been called: there is a segment of this epoch
	state    State    // behind the last block handed out
	end      Position // of the last closed block
	released Position // everything below it is durable (of a lazy writer: written), and not the beginning of a run
	lazy     bool
	lasting  durability // of a lazy writer: what is durable
	flushing durability // what the flush under way makes durable
	firstSeq uint64     // of the open block
	sum      uint32     // checksum of the open block's cells ...
	summed   int        // ... up to here
}

// durability is how much of a lazy writer's journal is durable.
type durability struct {
	blocks int      // the first that is not
	below  Position // as released
}

// slot is memory for a block, and what its header will say.
type slot struct {
	memory []byte
	header BlockHeader
	ended  bool // the write has ended
	sum    uint32
	cells  int // that sum is of
}

// Config is what a Writer starts from.
type Config struct {
	ID    ID
	State State    // Position and Seq go on from here; Epoch is the epoch of all blocks
	Lazy  bool     // Written means no more than that: a power cut may take it away. Blocks promise what was Flushed
	Slots [][]byte // at least 2; each a multiple of 4096 bytes, at most MaxBlock; not looked at before they are used
}

// NewWriter returns a Writer that holds nothing. It must Begin a segment before the first block is handed out.
func NewWriter(c Config) *Writer {
	if len(c.Slots) < 2 {
		panic(fmt.Sprintf("journal: writer with %d slots", len(c.Slots)))
	}
	if c.State.Epoch == 0 || c.State.Flags&FlagMore != 0 {
		panic("journal: writer in epoch 0, or inside a run of blocks")
	}
	w := &Writer{
		at: BlockHeaderSize, summed: BlockHeaderSize, seq: c.State.Seq, time: c.State.Time, slots: make([]slot, len(c.Slots)),
		id: c.ID, state: c.State, end: c.State.Position, released: c.State.Position, lazy: c.Lazy,
		lasting: durability{below: c.State.Position},
	}
	for i, memory := range c.Slots {
		if len(memory) == 0 || len(memory)%BlockUnit != 0 || len(memory) > MaxBlock {
			panic(fmt.Sprintf("journal: slot of %d bytes", len(memory)))
		}
		w.slots[i].memory = memory
	}
	return w
}

// Room says whether a command of two cells can be taken now. Its fills may still have to wait for a slot.
func (w *Writer) Room() bool { return w.at+2*CellSize <= len(w.open) || w.Free() > 0 }

// Command appends one command: its cell, or its cell and one of KindContinue behind it. The two never lie in different
// blocks. There must be Room, seq must be the last command's plus one, and seq and time must be what the cell says.
func (w *Writer) Command(cells []byte, seq, time uint64) {
	if len(cells) != CellSize && (len(cells) != 2*CellSize || cells[CellSize] != KindContinue) {
		panic(fmt.Sprintf("journal: command of %d bytes", len(cells)))
	}
	cell := (*[CellSize]byte)(cells)
	if seq != w.seq+1 || cellSeq(cell) != seq || cellTime(cell) != time || !ownKind(cell[0]) {
		panic(fmt.Sprintf("journal: command of kind %d with seq %d (in its cell %d) after %d", cell[0], seq, cellSeq(cell), w.seq))
	}
	if w.at+len(cells) > len(w.open) {
		w.claim()
	}
	if w.at == BlockHeaderSize {
		w.firstSeq = seq
	}
	w.seq, w.time = seq, time
	putCell((*[CellSize]byte)(w.open[w.at:]), cell)
	w.at += CellSize
	if len(cells) == 2*CellSize {
		putCell((*[CellSize]byte)(w.open[w.at:]), (*[CellSize]byte)(cells[CellSize:]))
		w.at += CellSize
	}
}

// Fill appends a fill, or any other cell that bears the last command's seq. If the open block is full it is closed with
// FlagMore and the cell goes into the next one. False: the cell was not taken, because every slot is in use; hand out
// what Next gives, let the oldest write end, and call again.
func (w *Writer) Fill(cell *[CellSize]byte) bool {
	if w.at == BlockHeaderSize || cellSeq(cell) != w.seq || !ownKind(cell[0]) {
		panic(fmt.Sprintf("journal: cell of kind %d with seq %d does not follow command %d", cell[0], cellSeq(cell), w.seq))
	}
	if w.at+CellSize > len(w.open) {
		if w.Free() == 0 {
			return false
		}
		w.claim()
		w.firstSeq = w.seq
	}
	putCell((*[CellSize]byte)(w.open[w.at:]), cell)
	w.at += CellSize
	return true
}

// putCell copies a cell in pieces for which no function is called.
func putCell(to, from *[CellSize]byte) {
	*(*[16]byte)(to[0:]) = *(*[16]byte)(from[0:])
	*(*[16]byte)(to[16:]) = *(*[16]byte)(from[16:])
	*(*[16]byte)(to[32:]) = *(*[16]byte)(from[32:])
	*(*[16]byte)(to[48:]) = *(*[16]byte)(from[48:])
}

// claim gives the open block a slot; if it has one already, that one is full, and the next block opens.
func (w *Writer) claim() {
	if w.Free() == 0 {
		panic("journal: command without room")
	}
	if !w.Empty() {
		w.close(FlagMore, 0, 0)
	}
	w.open = w.slots[w.closed%len(w.slots)].memory
}

// Seal closes the open block, if it holds anything, with the hashes of the engine's state and of its output and with
// flags FlagSeal, FlagFence, FlagSnapshot or 0. It says whether there was one. The last command must be complete.
func (w *Writer) Seal(stateHash, outputHash uint64, flags uint16) bool {
	if flags&^(FlagSeal|FlagFence|FlagSnapshot) != 0 {
		panic(fmt.Sprintf("journal: seal with flags %#x", flags))
	}
	if w.Empty() {
		return false
	}
	w.close(flags, stateHash, outputHash)
	return true
}

func (w *Writer) close(flags uint16, stateHash, outputHash uint64) {
	count := (w.at - BlockHeaderSize) / CellSize
	length := blockSize(uint64(count))
	clear(w.open[w.at:length]) // the slot may have held another block
	s := &w.slots[w.closed%len(w.slots)]
	s.ended, s.sum, s.cells = false, w.sum, (w.summed-BlockHeaderSize)/CellSize
	s.header = BlockHeader{
		Length: uint32(length), Count: uint32(count), Flags: flags, ID: w.id, Epoch: w.state.Epoch, Position: w.end,
		FirstSeq: w.firstSeq, LastSeq: w.seq, Time: w.time, StateHash: stateHash, OutputHash: outputHash,
	}
	w.end += Position(length)
	w.closed++
	w.open, w.at, w.sum, w.summed = nil, BlockHeaderSize, 0, BlockHeaderSize
}

// Pending returns the length of the block that Next would hand out, 0 if there is none. The caller asks before Next, and
// begins another segment if the block does not fit the rest of this one.
func (w *Writer) Pending() int {
	if w.handed == w.closed {
		return 0
	}
	return int(w.slots[w.handed%len(w.slots)].header.Length)
}

// Begin returns the header of the next segment, which goes on where the last block handed out ended; Created is left to
// the caller. Everything handed out before must be durable (Lasting): then a valid header proves that the segment before it is
// complete. The header must be durable before a block is written behind it. Size is the file's, header included.
func (w *Writer) Begin(size uint64) SegmentHeader {
	if !w.Lasting() {
		panic("journal: segment begun while blocks of the one before it are not durable")
	}
	w.begun = true
	w.state.Segment++
	return SegmentHeader{
		ID: w.id, Segment: w.state.Segment, Epoch: w.state.Epoch, First: w.state.Position, FirstSeq: w.state.Seq + 1,
		Size: size, Chain: w.state.Chain, LastSeq: w.state.Seq,
	}
}

// Next hands out the next closed block, finished: its promise is what is durable at this moment, its checksum and chain
// are computed here, as far as Sum has not. The block's memory must not be touched until Written.
func (w *Writer) Next() (Block, bool) {
	if w.handed == w.closed {
		return Block{}, false
	}
	if !w.begun {
		panic("journal: block handed out before a segment has begun")
	}
	i := w.handed % len(w.slots)
	w.handed++
	s := &w.slots[i]
	h := &s.header
	h.Promise, h.Chain = w.released, w.state.Chain
	if w.lazy {
		h.Promise = w.lasting.below
	}
	block := s.memory[:h.Length]
	h.encode(block, s.sum, s.cells)
	w.state.follow(h)
	return Block{
		BlockHeader: *h, Slot: i, Bytes: block,
		Cells: block[BlockHeaderSize : BlockHeaderSize+int(h.Count)*CellSize],
	}, true
}

// follow makes s the state behind a block.
func (s *State) follow(h *BlockHeader) {
	s.Position = h.Position + Position(h.Length)
	s.Chain = Chain(s.Chain, h.CRC)
	s.Seq, s.Time = h.LastSeq, h.Time
	s.StateHash, s.OutputHash, s.Flags = h.StateHash, h.OutputHash, h.Flags
}

// Written says that the write of the block in a slot has ended and is durable (of a lazy writer: has ended). It returns Durable. Slots become free in
// the order of their blocks, in whatever order the writes end.
func (w *Writer) Written(slot int) Position {
	n := len(w.slots)
	if slot < 0 || slot >= n || (slot-w.durable%n+n)%n >= w.InFlight() || w.slots[slot].ended {
		panic(fmt.Sprintf("journal: slot %d is not being written", slot))
	}
	w.slots[slot].ended = true
	for w.durable < w.handed && w.slots[w.durable%n].ended {
		h := &w.slots[w.durable%n].header
		if !h.More() {
			w.released = h.Position + Position(h.Length)
		}
		w.durable++
	}
	return w.released
}

// Flush says, of a lazy writer, that everything Written so far is about to be made durable, which Flushed tells when it is done:
// one at a time. False: all of it is durable, or on its way.
func (w *Writer) Flush() bool {
	if !w.lazy || w.flushing.blocks == w.durable {
		return false
	}
	w.flushing = durability{blocks: w.durable, below: w.released}
	return true
}

// Flushed says that what Flush was about is durable.
func (w *Writer) Flushed() { w.lasting = w.flushing }

// Lasting says whether every block handed out is durable.
func (w *Writer) Lasting() bool {
	return w.InFlight() == 0 && (!w.lazy || w.lasting.blocks == w.durable)
}

// Durable returns the position below which everything is durable (of a lazy writer: written) and may be acknowledged. It never lies inside a run of
// blocks with FlagMore: it passes a run when the last block of the run, and all before it, are durable.
func (w *Writer) Durable() Position { return w.released }

// Appended returns the position where the open block begins. What is appended now may be acknowledged as soon as Durable
// is greater than what Appended was before; after Seal, as soon as Durable has reached Appended.
func (w *Writer) Appended() Position { return w.end }

// Empty says whether the open block holds nothing.
func (w *Writer) Empty() bool { return w.at == BlockHeaderSize }

// Size returns how many bytes of cells the open block holds.
func (w *Writer) Size() int { return w.at - BlockHeaderSize }

// Free returns the number of slots that hold nothing. With none, the open block can grow but another cannot be opened.
func (w *Writer) Free() int {
	n := len(w.slots) - (w.closed - w.durable)
	if !w.Empty() {
		n--
	}
	return n
}

// InFlight returns the number of slots that wait for Written: their own write, or an earlier block's, has not ended.
func (w *Writer) InFlight() int { return w.handed - w.durable }

// State returns the state behind the last block handed out.
func (w *Writer) State() State { return w.state }

func cellSeq(cell *[CellSize]byte) uint64  { return binary.LittleEndian.Uint64(cell[8:]) }
func cellTime(cell *[CellSize]byte) uint64 { return binary.LittleEndian.Uint64(cell[16:]) }

// ownKind says whether a cell of this kind can be a record of the caller that bears a sequence number.
func ownKind(k byte) bool { return k > KindSegment1 && k != KindContinue }
