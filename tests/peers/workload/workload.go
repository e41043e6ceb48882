// Package workload is the order flow on which matching loops are compared: a file of 16-byte operations, the generator that
// makes the four files, and the sum that every engine's trades must have.
//
// A file is a header of 64 bytes (magic MEBENCH1, then u32: operations before the clock starts, operations that are timed,
// highest id, number of ticks), then the operations, little-endian: u32 id, u32 quantity, i32 price, u8 kind, u8 side, two
// bytes unused.
package workload

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// Kinds of operations.
const (
	Add     = 0 // a limit order: what does not trade rests
	Cancel  = 1
	Reprice = 2 // new price, new quantity, new place; may trade
)

// Op is one operation. Sides are 0 buy, 1 sell.
type Op struct {
	ID, Qty uint32
	Price   int32
	Kind    uint8
	Side    uint8
}

// Workload is a file in memory.
type Workload struct {
	Name   string
	Before int // operations that are not timed
	MaxID  uint32
	Ticks  uint32
	Ops    []Op
}

const (
	magic      = "MEBENCH1"
	headerSize = 64
	opSize     = 16
)

// Spec says how a workload is made and which trades its timed part must give.
type Spec struct {
	Name    string
	Resting uint32
	Timed   uint32
	Wide    bool
	Seed    uint64
	Want    Sum
}

// All are the four workloads.
var All = []Spec{
	{"w1k", 1_000, 5_000_000, false, 1, Sum{1_149_839, 0x0b827e8fa9703c59}},
	{"w10k", 10_000, 5_000_000, false, 2, Sum{1_214_714, 0x7dc741423d6b08e4}},
	{"w1m", 1_000_000, 5_000_000, false, 3, Sum{1_253_257, 0x30d46275b3ab14b8}},
	{"wide10k", 10_000, 5_000_000, true, 4, Sum{997_296, 0xb0b2c7ffc4897bc6}},
}

// Sum is the number of trades and the hash of maker and quantity of each, in order.
type Sum struct {
	Trades uint64
	Hash   uint64
}

// NewSum is no trades.
func NewSum() Sum { return Sum{Hash: 1469598103934665603} }

// Trade adds one.
func (s *Sum) Trade(maker, qty uint32) {
	s.Trades++
	s.Hash = (s.Hash ^ (uint64(maker)*31 + uint64(qty))) * 1099511628211
}

// Write writes the file.
func (w *Workload) Write(to io.Writer) error {
	b := bufio.NewWriterSize(to, 1<<20)
	header := make([]byte, headerSize)
	copy(header, magic)
	for i, n := range []uint32{uint32(w.Before), uint32(len(w.Ops) - w.Before), w.MaxID, w.Ticks} {
		binary.LittleEndian.PutUint32(header[8+4*i:], n)
	}
	if _, err := b.Write(header); err != nil {
		return err
	}
	var op [opSize]byte
	for i := range w.Ops {
		o := &w.Ops[i]
		binary.LittleEndian.PutUint32(op[0:], o.ID)
		binary.LittleEndian.PutUint32(op[4:], o.Qty)
		binary.LittleEndian.PutUint32(op[8:], uint32(o.Price))
		op[12], op[13] = o.Kind, o.Side
		if _, err := b.Write(op[:]); err != nil {
			return err
		}
	}
	return b.Flush()
}

// Read reads a file.
func Read(path string) (*Workload, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(raw) < headerSize || string(raw[:8]) != magic {
		return nil, fmt.Errorf("workload: %s is none", path)
	}
	u32 := binary.LittleEndian.Uint32
	w := &Workload{Before: int(u32(raw[8:])), MaxID: u32(raw[16:]), Ticks: u32(raw[20:])}
	n := w.Before + int(u32(raw[12:]))
	if raw = raw[headerSize:]; len(raw) != n*opSize {
		return nil, fmt.Errorf("workload: %s has %d bytes of operations, its header says %d", path, len(raw), n*opSize)
	}
	w.Ops = make([]Op, n)
	for i := range w.Ops {
		b := raw[i*opSize:]
		w.Ops[i] = Op{ID: u32(b), Qty: u32(b[4:]), Price: int32(u32(b[8:])), Kind: b[12], Side: b[13]}
	}
	return w, nil
}
