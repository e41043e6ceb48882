package sim

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"matcher/core"
	"matcher/journal"
)

// Control names a protection that a run does without: the world undoes it, behind the venue's back, so that the run must
// end in a violation. A control that goes unnoticed shows that the simulator is blind.
type Control uint8

// Controls.
const (
	None        Control = iota
	Durability          // writes are told as durable before they are
	Checksum            // torn blocks get a good checksum
	Promise             // blocks promise nothing
	Runs                // a run of blocks whose end is missing counts as whole
	Sessions            // after work was lost, clients are told that the session is the same
	Disconnects         // the venue never learns that a peer is gone
	FailStop            // a write that failed counts as done
	ShortSends          // what a socket did not take is told as sent
	Position            // blocks do not say where they belong
	Chain               // blocks do not say what comes before them
	Fence               // a new epoch does not last before its first block does
	Syncs               // a sync makes nothing durable
	Streams             // of snapshots, other bytes with a good checksum
	Returned            // who has come back after a crash counts as lost when the time for that is over
	controls
)

// String returns the name of a control, as -control takes it.
func (c Control) String() string {
	return [...]string{
		"none", "durability", "checksum", "promise", "runs", "sessions", "disconnects", "failstop", "shortsends",
		"position", "chain", "fence", "syncs", "streams", "returned",
	}[c]
}

// patience is within how many seeds the loss must be noticed.
func (c Control) patience() uint64 { return 240 }

// atRest says that a protection is about what happens to the disk while nobody writes to it, and is missed only then.
func (c Control) atRest() bool { return c == Promise || c == Position || c == Chain }

func (c Control) deaf() bool { return c == Disconnects }

// toServer and toClient stand between the session ids of a client and of the venue.
func (c Control) toServer(id [10]byte) [10]byte {
	if c == Sessions {
		return [10]byte{' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '}
	}
	return id
}

func (c Control) toClient(id [10]byte) [10]byte {
	if c == Sessions {
		return [10]byte{'S', 'A', 'M', 'E'}
	}
	return id
}

const crcAt, chainAt, promiseAt, flagsAt, positionAt = 4, 88, 80, 18, 48

// undo takes a protection away from what a crash left on the disk.
func (c Control) undo(d *disk) {
	switch c {
	case Checksum:
		eachBlock(d, seal)
	case Chain:
		rechain(d, func([]byte) {})
	case Position:
		for _, f := range segments(d) {
			eachBlockOf(f, func(at int, b []byte) {
				if le := binary.LittleEndian; le.Uint32(b[crcAt:]) == checksum(b) {
					le.PutUint64(b[positionAt:], le.Uint64(f[40:])+uint64(at)-journal.SegmentHeaderSize)
					seal(b)
				}
			})
		}
	case Fence:
		unfence(segments(d))
	case Promise:
		rechain(d, func(b []byte) { binary.LittleEndian.PutUint64(b[promiseAt:], 0) })
		eachBlock(d, func(b []byte) { // behind the damage
			if le := binary.LittleEndian; le.Uint32(b[crcAt:]) == checksum(b) {
				le.PutUint64(b[promiseAt:], 0)
				seal(b)
			}
		})
	case Runs:
		var last []byte
		eachWhole(d, func([]byte) {}, func(b []byte) { last = b })
		if last != nil {
			le := binary.LittleEndian
			le.PutUint16(last[flagsAt:], le.Uint16(last[flagsAt:])&^journal.FlagMore)
			seal(last)
		}
	}
}

// rechain changes every block of the journal and makes chain and checksums of all fit again.
func rechain(d *disk, change func(b []byte)) {
	chain := uint64(0)
	le := binary.LittleEndian
	eachWhole(d, func(header []byte) {
		le.PutUint64(header[80:], chain)
		seal(header[:journal.SegmentHeaderSize])
	}, func(b []byte) {
		change(b)
		le.PutUint64(b[chainAt:], chain)
		seal(b)
		chain = journal.Chain(chain, le.Uint32(b[crcAt:]))
	})
}

// unfence makes the last segment one that was never begun, if it is the first of its epoch and holds no block.
func unfence(files [][]byte) {
	for i := len(files) - 1; i > 0; i-- {
		f := files[i]
		if f[0] == 0 {
			continue
		}
		blocks := 0
		eachBlockOf(f, func(int, []byte) { blocks++ })
		if le := binary.LittleEndian; blocks == 0 && le.Uint64(f[32:]) != le.Uint64(files[i-1][32:]) {
			clear(f[:journal.SegmentHeaderSize])
		}
		return
	}
}

func seal(b []byte) { binary.LittleEndian.PutUint32(b[crcAt:], checksum(b)) }

func checksum(b []byte) uint32 {
	return crc32.Checksum(b[8:], castagnoli)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segments returns the files of the journal in order.
func segments(d *disk) [][]byte {
	var names []string
	for name := range d.names {
		if len(name) == len(journal.SegmentName(1)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	files := make([][]byte, len(names))
	for i, name := range names {
		files[i] = d.names[name].data
	}
	return files
}

// blockAt returns what begins as a block, whole or not, nil if nothing does.
func blockAt(f []byte, at int) []byte {
	le := binary.LittleEndian
	if le.Uint32(f[at:]) != uint32(journal.KindBlock0|'M'<<8|'J'<<16|'B'<<24) {
		return nil
	}
	n := int(le.Uint32(f[at+8:]))
	if n <= 0 || n%journal.BlockUnit != 0 || at+n > len(f) {
		return nil
	}
	return f[at : at+n]
}

// eachBlock visits everything that begins as a block.
func eachBlock(d *disk, visit func(b []byte)) {
	for _, f := range segments(d) {
		eachBlockOf(f, func(_ int, b []byte) { visit(b) })
	}
}

func eachBlockOf(f []byte, visit func(at int, b []byte)) {
	for at := journal.SegmentHeaderSize; at < len(f); at += journal.BlockUnit {
		if b := blockAt(f, at); b != nil {
			visit(at, b)
		}
	}
}

// eachWhole visits the headers and the blocks of the journal in order, up to where it ends.
func eachWhole(d *disk, header, visit func(b []byte)) {
	le := binary.LittleEndian
	files := segments(d)
	for i, f := range files {
		if le.Uint32(f) != uint32(journal.KindSegment0|'M'<<8|'J'<<16|'S'<<24) || le.Uint32(f[crcAt:]) != checksum(f[:journal.SegmentHeaderSize]) {
			return
		}
		first := le.Uint64(f[40:])
		limit := first + uint64(len(f)) - journal.SegmentHeaderSize
		if i+1 < len(files) && files[i+1][0] == journal.KindSegment0 {
			limit = le.Uint64(files[i+1][40:])
		}
		header(f)
		for p := first; p < limit; {
			b := blockAt(f, int(journal.SegmentHeaderSize+p-first))
			if b == nil || le.Uint32(b[crcAt:]) != checksum(b) || le.Uint64(b[positionAt:]) != p {
				break
			}
			visit(b)
			p += uint64(len(b))
		}
	}
}

// needs makes sure that a run has what its control is about.
func (c Control) needs(f *Faults, mode *core.Durability) {
	switch c {
	case None:
		return
	case Sessions:
		*mode = core.Async
	case Syncs:
		*mode = core.Written
	default:
		*mode = core.Sync
	}
	switch c {
	case Durability, Checksum, Runs, Sessions, Syncs:
		f.Power = true
	case Promise:
		f.Flips = true
	case Position, Chain:
		f.Astray = true
	case FailStop:
		f.Broken = true
	case ShortSends:
		f.Lazy = true
	case Fence:
		f.Late = true
	case Streams:
		f.Snaps = true
	}
	f.Snaps = f.Snaps && c == Streams // the others would not be the snapshots' journal any more
}
