package core

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"matcher/journal"
	"matcher/ring"
)

const (
	slotSize     = 1 << 20 // memory of one block
	slotCount    = writesInFlight + 1
	firstSegment = 4 << 20 // the first segment of an epoch is zeroed at the start, so it is small
)

// files are the journal's segments as the loop sees them: one that is written to, one that was prepared for later.
//
// A segment is zeroed before it is used, by a helper off the core, because a durable write into blocks that were never
// written costs the file system a journal commit of its own. When a block does not fit any more, the loop lets all
// writes end, writes the header of the spare segment, and goes on there; until that header is durable the open block
// just grows.
type files struct {
	dir       string
	current   file
	spare     file
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

// advance begins the next segment if there is one and nothing is being written.
func (f *files) advance(l *loop) {
	if f.switching || f.spare.fd < 0 || l.writer.InFlight() != 0 {
		return
	}
	l.sync() // the header promises all that was written before it
	f.switching = true
	h := l.writer.Begin(f.spare.size)
	h.Created = l.time
	f.spare.first = h.First
	h.Encode(l.kernel.Arena()[f.header:][:journal.SegmentHeaderSize])
	l.ops = append(l.ops, ring.Op{
		Code: ring.Write, File: f.spare.fd, Len: journal.SegmentHeaderSize, Off: f.header, Tag: tag(tagHeader, 0),
	})
}

// begun: the header of the spare segment is durable. It becomes the current one, and another spare is asked for.
func (f *files) begun(l *loop, res int32) {
	if res != journal.SegmentHeaderSize {
		l.fail(&JournalError{File: f.spare.name, Wrote: res, Want: journal.SegmentHeaderSize})
		return
	}
	if f.current.fd >= 0 {
		l.ops = append(l.ops, ring.Op{Code: ring.Close, File: f.current.fd, Tag: tag(tagQuiet, 0)})
	}
	f.current, f.spare, f.switching = f.spare, noFile, false
	f.helper.ask(l.writer.State().Segment + 1)
}

// Messages of 64 bytes come through a pipe whose read is always armed: the only way anything else in the process reaches
// the loop. Byte 0 says what it is.
const (
	messageSize       = 64
	messageStop uint8 = iota
	messageSpare
	messageNoSpare
	messageRequest // of an operator; the messages behind it are the cells of its command
	messagePast    // earlier messages for a client are in its memory
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
	case messageStop:
		l.asked = true
	case messageSpare:
		le := binary.LittleEndian
		l.files.spare = file{
			fd: int32(le.Uint32(m[4:])), size: le.Uint64(m[8:]), name: journal.SegmentName(le.Uint32(m[16:])),
		}
		l.files.full = false
	case messageNoSpare:
		if !l.files.full {
			l.log(fmt.Sprintf("warning: a journal segment could not be prepared: %v; trying again",
				syscall.Errno(binary.LittleEndian.Uint32(m[4:]))))
		}
		l.files.full = true
	}
	l.listenPipe()
}

// helper prepares segments on a goroutine of its own.
type helper struct {
	world      World
	dir        string
	size       uint64
	send       func(m *[messageSize]byte)
	jobs       chan uint32 // segment numbers; one place is enough, for there is one spare
	durability Durability
	done       chan struct{}
	quit       atomic.Bool
	used       atomic.Uint64 // what is used of the current segment, in 1024ths
	made       file          // the last one; read by others when done

	byHand bool   // there is no goroutine: see Stepped.Prepare
	next   uint32 // the segment that Prepare makes; 0: none
}

func newHelper(world World, dir string, size uint64, d Durability, send func(m *[messageSize]byte), byHand bool) *helper {
	h := &helper{
		world: world, dir: dir, size: size, durability: d, send: send,
		jobs: make(chan uint32, 1), done: make(chan struct{}), made: noFile, byHand: byHand,
	}
	if byHand {
		close(h.done)
	} else {
		go h.run()
	}
	return h
}

// ask wants a segment. It is called once per segment and never blocks.
func (h *helper) ask(number uint32) { h.jobs <- number }

// stop ends the goroutine and waits for it. It returns the file made last, which may not have been taken over.
func (h *helper) stop() file {
	h.quit.Store(true)
	close(h.jobs)
	<-h.done
	return h.made
}

func (h *helper) run() {
	defer close(h.done)
	rest := noRest // the first segment of a start is small: the next is soon wanted
	for number := range h.jobs {
		for h.attempt(number, rest) {
			for range retryAfter / retryPiece { // a full disk: somebody may make room
				if h.quit.Load() {
					break
				}
				time.Sleep(retryPiece)
			}
		}
		rest = h.rest
	}
}

func noRest(uint64) (hurry bool) { return true }

// rest leaves the disk to the journal for a while, behind a piece that was zeroed up to a byte: a durable write waits for what
// the disk was given before. It does not where the segment is no more than a quarter ahead of the use of the current one. In
// sync mode, where orders wait for such writes, it asks for hurry only where it is no more than an eighth ahead.
func (h *helper) rest(at uint64) (hurry bool) {
	rest := restTime
	if h.durability == Sync {
		rest = restPiece
	}
	for range rest / restPiece {
		if h.quit.Load() || !h.ahead(at, 4) {
			break
		}
		time.Sleep(restPiece)
	}
	return h.durability != Sync || !h.ahead(at, 8)
}

// ahead says whether a segment that is zeroed up to a byte is one part in so many further than the current one is used.
func (h *helper) ahead(at, parts uint64) bool { return at*1024*parts >= h.used.Load()*h.size*(parts+1) }

const (
	retryAfter = time.Second
	retryPiece = 10 * time.Millisecond
	restTime   = 12 * time.Millisecond // behind each hurriedPiece: 20 MB/s; behind smaller ones restPiece: 15 MB/s
	restPiece  = 2 * time.Millisecond
)

// attempt prepares one segment and tells the loop how it went. True: it must be tried again.
func (h *helper) attempt(number uint32, rest func(at uint64) (hurry bool)) bool {
	var m [messageSize]byte
	le := binary.LittleEndian
	f, err := prepare(h.world, h.dir, number, h.size, &h.quit, rest)
	switch {
	case errors.Is(err, errQuit):
		return false
	case err != nil:
		errno := syscall.EIO
		_ = errors.As(err, &errno) // another kind of error is told as EIO
		m[0] = messageNoSpare
		le.PutUint32(m[4:], uint32(errno))
	default:
		h.made = f
		m[0] = messageSpare
		le.PutUint32(m[4:], uint32(f.fd))
		le.PutUint64(m[8:], f.size)
		le.PutUint32(m[16:], number)
	}
	h.send(&m)
	return err != nil
}

// errQuit is the end of a preparation that nobody waits for any more.
var errQuit = errors.New("core: stopped")

// zeroPiece is how much of a segment is zeroed between two looks at whether to go on, hurriedPiece where the segment is late or no
// order waits for the disk: it has more of those done in a second, and the journal waits longer for each.
const (
	zeroPiece    = 32 << 10
	hurriedPiece = 256 << 10
)

// zero fills a file with zeros and makes them durable. It may rest behind each piece.
func zero(world World, fd int, direct bool, size uint64, quit *atomic.Bool, rest func(at uint64) (hurry bool)) error {
	piece := uint64(zeroPiece)
	for at := uint64(0); at < size; {
		if quit.Load() {
			return errQuit
		}
		to := min(at+piece, size)
		if err := world.Zero(fd, direct, at, to); err != nil {
			return err
		}
		at, piece = to, zeroPiece
		if rest(at) {
			piece = hurriedPiece
		}
	}
	return world.Sync(fd)
}

// prepare makes a segment file of zeros that is ready for durable writes in place. It gets its name only when it is whole.
// A file that had the name is a spare never begun, or holds work that was cut off by a recovery: that is kept beside it,
// under its name with .torn behind.
func prepare(world World, dir string, number uint32, size uint64, quit *atomic.Bool, rest func(at uint64) (hurry bool)) (file, error) {
	if quit.Load() {
		return noFile, errQuit
	}
	name := journal.SegmentName(number)
	path := filepath.Join(dir, name)
	fresh := path + ".new"
	if err := world.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return noFile, fmt.Errorf("core: %w", err)
	}
	fd, direct, err := world.Create(fresh, size)
	if err != nil {
		return noFile, err
	}
	if err = zero(world, fd, direct, size, quit, rest); err == nil {
		err = keepAside(world, path)
	}
	if err == nil {
		err = world.Rename(fresh, path)
	}
	if err == nil {
		err = world.SyncDir(dir)
	}
	if err != nil {
		world.Close(fd)
		_ = world.Remove(fresh)
		return noFile, fmt.Errorf("core: preparing %s: %w", name, err)
	}
	return file{fd: int32(fd), name: name, size: size, direct: direct}, nil
}

// keepAside gives a file that is about to be replaced a second name, unless it holds nothing.
func keepAside(world World, path string) error {
	var magic [4]byte
	n, err := world.Head(path, magic[:])
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if n < len(magic) || magic == [4]byte{} {
		return nil
	}
	if err := world.Remove(path + ".torn"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return world.Link(path, path+".torn")
}
