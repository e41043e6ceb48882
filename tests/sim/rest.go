package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"matcher/core"
	"matcher/journal"
)

// spoil lets something happen to what was acknowledged while the venue is down. The venue must refuse to start, say where the
// damage is, and change nothing; then it is undone.
func (r *run) spoil(how func() bool) {
	w := r.w
	kept := map[*inode][]byte{}
	for _, names := range [...]map[string]*inode{w.disk.names, w.disk.archive} {
		for _, f := range names {
			kept[f] = slices.Clone(f.data)
		}
	}
	flights := w.disk.flight
	w.disk.flight, w.disk.hidden = nil, true // what is late is later still, and all of the journal is to be read
	defer func() { w.disk.flight, w.disk.hidden = flights, false }()
	if !how() {
		if !r.o.Control.atRest() {
			r.o.Control.undo(w.disk)
		}
		return
	}
	r.o.Control.undo(w.disk)
	writes := w.disk.writes
	w.fuse, w.fails = 0, 0
	_, err := core.OpenStepped(r.cfg)
	var damage *journal.Damage
	if !errors.As(err, &damage) {
		fail("what was acknowledged is not as it was on the disk, and the venue answers with: %v", err)
	}
	if w.disk.writes != writes || len(w.disk.changes) != 0 {
		fail("the disk was changed by a start that was refused: %v", err)
	}
	for f, data := range kept {
		copy(f.data, data)
	}
	r.report.Refused++
	w.kernel = nil
}

// promised is how many of the blocks are promised by a later one.
func (w *World) promised() (n int) {
	promised := uint64(0)
	for i := range w.acked {
		promised = max(promised, w.line[i].promise)
	}
	for n < w.acked && w.line[n].end <= promised {
		n++
	}
	return n
}

// bytes is a block as it lies on the disk.
func (b *block) bytes() []byte { return b.file.data[b.at:][:b.end-b.start] }

// flip turns a bit in a block that a later one promises.
func (r *run) flip() bool {
	n := r.w.promised()
	if n == 0 {
		return false
	}
	b := &r.w.line[r.rng.IntN(n)]
	if max(r.o.Control, r.o.as) == Promise {
		b = &r.w.line[n-1]
	}
	data := b.bytes()
	data[r.rng.IntN(len(data))] ^= 1 << r.rng.IntN(8)
	return true
}

// swap lets two blocks change places.
func (r *run) swap() bool {
	n := r.w.promised()
	if n < 2 {
		return false
	}
	a, b := r.w.line[r.rng.IntN(n)].bytes(), r.w.line[r.rng.IntN(n)].bytes()
	if len(a) != len(b) || &a[0] == &b[0] {
		return false
	}
	was := slices.Clone(a)
	copy(a, b)
	copy(b, was)
	return true
}

// lead leads the write of the last acknowledged block astray: it lies in a place of the same file where nothing was.
func (r *run) lead() bool {
	n := r.w.acked
	if n == 0 || r.w.mode == core.Async {
		return false
	}
	b := &r.w.line[n-1]
	data, size := b.bytes(), b.end-b.start
	at := b.at + size + journal.BlockUnit*r.rng.Uint64N(4)
	if at+size > uint64(len(b.file.data)) || len(bytes.Trim(b.file.data[at:], "\x00")) != 0 {
		return false
	}
	copy(b.file.data[at:], data)
	clear(data)
	return true
}

const kindCancel, kindModify = 18, 19 // cells whose last bytes are reserved

// forge puts another block into the place of one: whole in itself, and as good as the old one by all that it says but for a
// byte that means nothing. Only the chain knows.
func (r *run) forge() bool {
	n := r.w.promised()
	for i := range n {
		data := r.w.line[(i+r.rng.IntN(n))%n].bytes()
		cells := binary.LittleEndian.Uint32(data[12:])
		for c := range cells {
			cell := data[journal.BlockHeaderSize+journal.CellSize*c:][:journal.CellSize]
			if cell[0] == kindCancel || cell[0] == kindModify {
				cell[63] = 1
				seal(data)
				return true
			}
		}
	}
	return false
}
