package core

import (
	"errors"
	"fmt"
	"syscall"

	"matcher/journal"
	"matcher/ring"
)

// seal closes the open block when few enough writes are under way: while they are more, the block grows, which is group commit
// without a timer. In async mode a block is also left to grow until it is large or old.
func (l *loop) seal() {
	if l.cfg.Durability == Async {
		l.marks = l.gateway.Mark(l.marks[:0])
		l.gateway.Release(l.marks)
		if l.feed != nil {
			l.feed.packets.Release(l.feed.packets.Mark())
		}
	}
	if l.writer.Empty() {
		return
	}
	most := writesInFlight
	if l.cfg.Durability == Sync {
		most = writesOfParts
	}
	if l.state != serving && !l.writer.Lasting() {
		l.keep(true) // the last block is to promise everything before it
		return
	}
	young := l.cfg.Durability == Async && l.state == serving && l.mono < l.opened+lingerTime && l.writer.Size() < lingerSize
	if young || l.writer.Pending() != 0 || l.writer.InFlight() >= most {
		l.writer.Sum() // it goes on growing: what it has is in the cache now
		return
	}
	flags := uint16(0)
	if l.state != serving {
		flags = journal.FlagSeal
	}
	l.close(flags)
}

// close closes the open block. What was delivered since the last one is released when this one is durable.
func (l *loop) close(flags uint16) {
	if l.fence {
		flags |= journal.FlagFence
		l.fence = false
	}
	l.writer.Seal(l.engine.Hash(), l.output, flags)
	l.desk.sealed(l.writer.Appended())
	if l.cfg.Durability != Async {
		l.marks = l.gateway.Mark(l.marks)
		s := sealed{end: l.writer.Appended(), marks: len(l.marks)}
		if l.feed != nil {
			s.public = l.feed.packets.Mark()
		}
		l.sealed = append(l.sealed, s)
	}
}

// submit hands closed blocks to the kernel, each as one write. In sync mode it is durable when it ends.
func (l *loop) submit() {
	for n := l.writer.Pending(); n != 0; n = l.writer.Pending() {
		if !l.files.fits(l, n) {
			l.files.advance(l)
			return
		}
		b, _ := l.writer.Next()
		l.files.lengths[b.Slot] = b.Length
		code := ring.WriteLazy
		if l.cfg.Durability == Sync {
			code = ring.Write
		}
		l.ops = append(l.ops, ring.Op{
			Code: code, File: l.files.current.fd, Len: b.Length,
			Off: l.files.slots + uint64(b.Slot)*l.files.slotSize,
			At:  l.files.place(b.Position), Tag: tag(tagBlock, int32(b.Slot)),
		})
		l.progress.Store(b.LastSeq)
		l.files.helper.note(l.files.place(b.Position)+uint64(b.Length), l.files.current.size)
	}
}

// written takes note that a block is durable, or, in the other modes, that the disk has it. Anything but a whole write ends the
// venue: what the disk holds now is not known, and nothing that was not acknowledged may be.
func (l *loop) written(slot int32, res int32) {
	if want := l.files.lengths[slot]; res != int32(want) {
		l.fail(&JournalError{File: l.files.current.name, Wrote: res, Want: want})
		return
	}
	l.writer.Written(int(slot))
}

// keep has the disk write down its cache, in the modes in which blocks do not wait for that: every flushTime, and at once when
// all writes have ended and something waits for it.
func (l *loop) keep(now bool) {
	now = now && l.writer.InFlight() == 0
	if l.keeping || !now && l.mono < l.keepAt || !l.writer.Flush() {
		return
	}
	l.keeping, l.keepAt = true, l.mono+flushTime
	l.ops = append(l.ops, ring.Op{Code: ring.Flush, File: l.files.current.fd, Tag: tag(tagFlush, 0)})
}

// kept takes note that it has. An error ends the venue, as one of a write does.
func (l *loop) kept(res int32) {
	l.keeping = false
	if res != 0 {
		l.fail(&JournalError{File: l.files.current.name, Wrote: res})
		return
	}
	l.writer.Flushed()
}

// release lets go what has become durable.
func (l *loop) release() {
	durable, n := l.writer.Durable(), 0
	l.desk.durable(durable)
	for n < len(l.sealed) && l.sealed[n].end <= durable {
		n++
	}
	if n == 0 {
		return
	}
	if l.feed != nil {
		l.feed.packets.Release(l.sealed[n-1].public)
	}
	if l.reached != nil {
		l.reached.Store(uint64(l.sealed[n-1].end))
	}
	marks := l.sealed[n-1].marks
	l.gateway.Release(l.marks[:marks])
	l.marks = l.marks[:copy(l.marks, l.marks[marks:])]
	l.sealed = l.sealed[:copy(l.sealed, l.sealed[n:])]
	for i := range l.sealed {
		l.sealed[i].marks -= marks
	}
}

// JournalError is a journal write that did not succeed. The venue has stopped; nothing of the write was acknowledged.
type JournalError struct {
	File  string
	Wrote int32 // bytes, or -errno
	Want  uint32
}

func (e *JournalError) Error() string {
	if e.Wrote < 0 {
		return fmt.Sprintf("core: writing the journal (%s) failed: %v", e.File, syscall.Errno(-e.Wrote))
	}
	return fmt.Sprintf("core: writing the journal (%s) was cut short: %d of %d bytes", e.File, e.Wrote, e.Want)
}

// Unwrap returns the error number, if there was one.
func (e *JournalError) Unwrap() error {
	if e.Wrote < 0 {
		return syscall.Errno(-e.Wrote)
	}
	return errors.New("short write")
}
