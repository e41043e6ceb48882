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
)

// helper prepares segments on a goroutine of its own, ahead of the one in use.
//
// One is needed, and is made in time for its use. What is wanted beside it waits for moments in which nobody trades: a durable
// write waits for what the disk was given before it, and every byte of a disk costs cpus.
type helper struct {
	world      World
	dir        string
	size       uint64
	ahead      uint32 // segments that are wanted
	send       func(m *[messageSize]byte)
	durability Durability
	current    atomic.Uint32 // the segment in use
	used       atomic.Uint64 // what is used of it, in parts
	bell       chan struct{} // another one is in use
	done       chan struct{}
	quit       atomic.Bool

	next  uint32    // the segment to be made next; 0: the one behind that which is in use first
	first uint32    // the first that was made
	made  []file    // all of them; read by others when done
	seen  uint64    // used, as it was ...
	since time.Time // ... since then

	byHand bool // there is no goroutine: see Stepped.Prepare
}

const (
	usedParts  = 1 << 20               // of a segment
	retryAfter = time.Second           // a full disk: somebody may make room
	retryPiece = 10 * time.Millisecond // between two looks at whether to stop
	restTime   = 12 * time.Millisecond // behind each hurriedPiece: 20 MB/s; behind smaller ones restPiece: 15 MB/s
	restPiece  = 2 * time.Millisecond
	pause      = 100 * time.Millisecond // nobody trades when this long nothing was written
	lookEvery  = 10 * time.Millisecond  // whether that is so
)

func newHelper(world World, cfg *Config, send func(m *[messageSize]byte), byHand bool) *helper {
	h := &helper{
		world: world, dir: cfg.Journal, size: uint64(cfg.Segment), ahead: cfg.ahead(), durability: cfg.Durability, send: send,
		bell: make(chan struct{}, 1), done: make(chan struct{}), byHand: byHand,
	}
	if byHand {
		close(h.done)
	} else {
		go h.run()
	}
	return h
}

// use tells that another segment is in use. It never blocks.
func (h *helper) use(number uint32) {
	h.current.Store(number)
	select {
	case h.bell <- struct{}{}:
	default: // it has not heard the one before
	}
}

// note tells how many bytes of it are used.
func (h *helper) note(bytes, size uint64) { h.used.Store(bytes * usedParts / size) }

// stop ends the goroutine and waits for it. It returns the files made, some of which may not have been taken over.
func (h *helper) stop() []file {
	h.quit.Store(true)
	close(h.bell)
	<-h.done
	return h.made
}

func (h *helper) run() {
	defer close(h.done)
	for range h.bell {
		for h.wanted() {
			if h.await(); h.attempt(h.rest) {
				continue
			}
			for range retryAfter / retryPiece {
				if h.quit.Load() {
					break
				}
				time.Sleep(retryPiece)
			}
		}
	}
}

// wanted says whether a segment is to be made: next.
func (h *helper) wanted() bool {
	current := h.current.Load()
	if h.next == 0 && current != 0 {
		h.next, h.first = current+1, current+1
	}
	return !h.quit.Load() && h.next != 0 && h.next <= current+h.ahead
}

func noRest(uint64) (hurry bool) { return true }

// rest leaves the disk to the journal for a while, behind a piece that was zeroed up to a byte, if the journal needs it. The
// first segment of a start is small: the next is soon wanted. Those that nobody waits for are made while nobody trades. Else it
// rests unless the segment is no more than a quarter ahead of the use of the current one, and in sync mode, where orders wait
// for the disk, asks for hurry only where it is no more than an eighth ahead.
func (h *helper) rest(at uint64) (hurry bool) {
	if h.next == h.first {
		return true
	}
	if h.await(); h.next > h.current.Load()+1 {
		return true
	}
	rest := restTime
	if h.durability == Sync {
		rest = restPiece
	}
	for range rest / restPiece {
		if h.quit.Load() || !h.further(at, 4) {
			break
		}
		time.Sleep(restPiece)
	}
	return h.durability != Sync || !h.further(at, 8)
}

// await waits until the next segment is needed, or nobody trades.
func (h *helper) await() {
	for h.next > h.current.Load()+1 && !h.quit.Load() && !h.idle() {
		time.Sleep(lookEvery)
	}
}

// idle says whether nobody has traded for a while.
func (h *helper) idle() bool {
	if used := h.used.Load(); used != h.seen || h.since.IsZero() {
		h.seen, h.since = used, time.Now()
	}
	return time.Since(h.since) >= pause
}

// further says whether a segment that is zeroed up to a byte is one part in so many further than the current one is used.
func (h *helper) further(at, parts uint64) bool {
	return at*usedParts*parts >= h.used.Load()*h.size*(parts+1)
}

// attempt prepares one segment and tells the loop how it went. False: it must be tried again.
func (h *helper) attempt(rest func(at uint64) (hurry bool)) bool {
	var m [messageSize]byte
	le := binary.LittleEndian
	f, err := spareOf(h.world, h.dir, h.next, h.size)
	if err != nil {
		f, err = prepare(h.world, h.dir, h.next, h.size, &h.quit, rest)
	}
	switch {
	case errors.Is(err, errQuit):
		return true
	case err != nil:
		errno := syscall.EIO
		_ = errors.As(err, &errno) // another kind of error is told as EIO
		m[0] = messageNoSpare
		le.PutUint32(m[4:], uint32(errno))
	default:
		h.made = append(h.made, f)
		m[0] = messageSpare
		le.PutUint32(m[4:], uint32(f.fd))
		le.PutUint64(m[8:], f.size)
		le.PutUint32(m[16:], h.next)
		h.next++
	}
	h.send(&m)
	return err == nil
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

// errUsed is what spareOf says of a file that is no spare, or of another size.
var errUsed = errors.New("core: not a spare")

// spareOf opens a segment that was prepared by a start before this one and never begun: it got its name when it was whole, and
// its header would have been durable before anything was written behind it.
func spareOf(world World, dir string, number uint32, size uint64) (file, error) {
	name := journal.SegmentName(number)
	path := filepath.Join(dir, name)
	var header [journal.SegmentHeaderSize]byte
	if n, err := world.Head(path, header[:]); err != nil || n < len(header) || header != [journal.SegmentHeaderSize]byte{} {
		return noFile, errors.Join(errUsed, err)
	}
	fd, direct, err := world.Reopen(path, size)
	if err != nil {
		return noFile, err
	}
	return file{fd: int32(fd), name: name, size: size, direct: direct}, nil
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
