package core

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"matcher/journal"
	"matcher/ring"
)

const (
	slotSize     = 1 << 20 // memory of one block
	slotCount    = writesInFlight + 1
	firstSegment = 4 << 20 // the first segment of an epoch is zeroed at the start, so it is small
)

// files are the journal's segments as the loop sees them: one that is written to, others that were prepared for later.
//
// A segment is zeroed before it is used, by a helper off the core, because a durable write into blocks that were never
// written costs the file system a journal commit of its own. When a block does not fit any more, the loop lets all writes end,
// flushes them, writes the header of the next segment, and goes on there; no other command is begun until that is durable.
type files struct {
	dir       string
	current   file
	spares    []file // prepared, in the order of their numbers
	taken     int    // how many the helper has told of
	switching bool
	full      bool              // the helper finds no space for another segment; it keeps trying
	lengths   [slotCount]uint32 // of the blocks being written
	slots     uint64            // arena: slotCount blocks
	slotSize  uint64
	header    uint64 // arena: a segment header
	mail      uint64 // arena: a message from the pipe
	pipe      int32  // the loop's end
	helper    *helper
}

// file is an open segment.
type file struct {
	fd     int32
	name   string
	size   uint64
	first  journal.Position
	direct bool
}

var noFile = file{fd: -1}

// fits says whether a block of n bytes can be written now.
func (f *files) fits(l *loop, n int) bool {
	return !f.switching && f.current.fd >= 0 && f.place(l.writer.State().Position)+uint64(n) <= f.current.size
}

// place returns the offset of a position in the current segment.
func (f *files) place(p journal.Position) uint64 {
	return journal.SegmentHeaderSize + uint64(p-f.current.first)
}

// left returns how many bytes the current segment still takes.
func (f *files) left(l *loop) uint64 {
	if f.current.fd < 0 {
		return 0
	}
	return f.current.size - f.place(l.writer.State().Position)
}

// noPlace says whether the block that comes next has no place to be written to, nor will have one before there is space on the
// disk.
func (f *files) noPlace(l *loop) bool {
	return f.full && len(f.spares) == 0 && !f.fits(l, max(l.writer.Pending(), journal.BlockUnit))
}

// advance begins the next segment if there is one and nothing is being written.
func (f *files) advance(l *loop) {
	if f.switching || len(f.spares) == 0 {
		return
	}
	if !l.writer.Lasting() { // the header promises all that was written before it
		l.keep(true)
		return
	}
	f.switching = true
	next := &f.spares[0]
	h := l.writer.Begin(next.size)
	h.Created = l.time
	next.first = h.First
	h.Encode(l.kernel.Arena()[f.header:][:journal.SegmentHeaderSize])
	l.ops = append(l.ops, ring.Op{
		Code: ring.Write, File: next.fd, Len: journal.SegmentHeaderSize, Off: f.header, Tag: tag(tagHeader, 0),
	})
}

// begun: the header of the next segment is durable. It becomes the current one, and another is prepared behind the last.
func (f *files) begun(l *loop, res int32) {
	if res != journal.SegmentHeaderSize {
		l.fail(&JournalError{File: f.spares[0].name, Wrote: res, Want: journal.SegmentHeaderSize})
		return
	}
	if f.current.fd >= 0 {
		l.ops = append(l.ops, ring.Op{Code: ring.Close, File: f.current.fd, Tag: tag(tagQuiet, 0)})
	}
	f.current, f.switching = f.spares[0], false
	f.spares = f.spares[:copy(f.spares, f.spares[1:])]
	f.helper.use(l.writer.State().Segment)
}

// Messages of 64 bytes come through a pipe whose read is always armed: the only way anything else in the process reaches
// the loop. Byte 0 says what it is.
const (
	messageSize       = 64
	messageStop uint8 = iota
	messageSpare
	messageNoSpare
	messageRequest   // of an operator; the messages behind it are the cells of its command
	messagePast      // earlier messages for a client are in its memory
	messageSnapshot  // one was taken
	messageElsewhere // it was looked at
)

func (l *loop) listenPipe() {
	l.ops = append(l.ops, ring.Op{
		Code: ring.Read, File: l.files.pipe, Len: messageSize, Off: l.files.mail, Tag: tag(tagPipe, 0),
	})
}

// message acts on what lies in the mail memory.
func (l *loop) message(res int32) {
	if res != messageSize {
		l.fail(fmt.Errorf("core: the pipe gave %d", res))
		return
	}
	m := l.kernel.Arena()[l.files.mail:][:messageSize]
	if l.desk.cell(m) {
		l.listenPipe()
		return
	}
	switch m[0] {
	case messageRequest:
		l.desk.begin(m)
	case messagePast:
		l.fetched(m)
	case messageSnapshot:
		l.lookElsewhere()
	case messageElsewhere:
		l.elsewhere()
	case messageStop:
		l.asked = true
	case messageSpare:
		le := binary.LittleEndian
		l.files.spares = append(l.files.spares, file{
			fd: int32(le.Uint32(m[4:])), size: le.Uint64(m[8:]), name: journal.SegmentName(le.Uint32(m[16:])),
		})
		l.files.taken++
		l.files.full = false
		if n := len(l.files.spares); n == int(l.cfg.ahead()) && n > 1 {
			l.log(fmt.Sprintf("%d segments of the journal are prepared", n))
		}
	case messageNoSpare:
		if !l.files.full {
			l.log(fmt.Sprintf("warning: a journal segment could not be prepared: %v; trying again",
				syscall.Errno(binary.LittleEndian.Uint32(m[4:]))))
		}
		l.files.full = true
	}
	l.listenPipe()
}
