//go:build linux

package ring

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	epollBatch = 256 // events that one epoll_pwait may bring; more come with the next

	// burst is how many completions one multishot operation may bring in a turn before others have theirs, as with io_uring.
	burst = 32
)

// Portable is the driver for a kernel that refuses io_uring: epoll(7) and one plain system call for each operation. It
// answers Turn as Uring does, with these differences:
//   - Write, WriteLazy, Flush and Read of a file have ended when Turn returns: a durable write or a Flush holds up everything
//     else for as long as the disk takes. No other thread is there to wait for it. They come after all other operations of their
//     turn, so that what is sent does not wait for them, but before a Close given behind them. Writes are those of Uring
//     (pwritev2(2) with RWF_DSYNC; for a file that does not take them so, fdatasync(2) follows), Flush is fdatasync(2).
//   - One Accept, Receive, ReceiveOnce or Read and one Send may be under way on a descriptor. Another one completes with -EBUSY.
//   - A descriptor that is closed by other means than Close is lost sight of, whatever was under way on it.
//   - The thread is not checked (ErrThread): calling Turn on several at once is undefined.
//   - Accept makes the listener non-blocking (O_NONBLOCK); Write does not write to pipes; Shutdown is done at once.
//   - Spinning is a system call per look. DiskBusy means nothing: no write is in flight when a turn waits.
type Portable struct {
	epoll  int
	events []unix.EpollEvent
	files  []portableFile // by descriptor
	paused []int32        // descriptors whose Accept or Receive has had its burst
	calls  uint64

	free       []uint16 // receive buffers nobody has; the one used last is used next, while it is in the cache
	held       []bool   // true: the caller has the buffer
	bufferSize uint32

	arena     []byte
	arenaAddr uintptr
	base      uint64

	// Arguments of the system call at hand. They lie here because a stack may move.
	iov     unix.Iovec
	timeout timespec64
	poll    unix.PollFd
	event   unix.EpollEvent
	peeked  [1]byte

	precise bool // epoll_pwait2(2) is there
	noDSync bool // RWF_DSYNC is not
}

// portableFile is what is under way on a descriptor.
type portableFile struct {
	in, out       Code // Accept, Receive, ReceiveOnce or Read; Send. 0: nothing
	registered    bool // with epoll, as far as is known
	paused        bool // it is on that list
	ours          bool // the caller has closed it: so must we, when nothing is under way any more
	inTag, outTag uint64
	readOff       uint64
	sendOff       uint64
	readLen       uint32
	sendLen, sent uint32
}

// NewPortable makes the driver, its receive buffers and its arena. Config.Entries means nothing to it. What the kernel
// refuses is a *SetupError; a Config that makes no sense is another error.
func NewPortable(cfg Config) (*Portable, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Portable{
		epoll: -1, events: make([]unix.EpollEvent, epollBatch), files: make([]portableFile, 1024), paused: make([]int32, 0, 1024),
		free: make([]uint16, cfg.ReceiveBuffers), held: make([]bool, cfg.ReceiveBuffers), bufferSize: uint32(cfg.ReceiveSize),
	}
	for i := range p.free {
		p.free[i] = uint16(len(p.free) - 1 - i)
	}
	if p.arena, p.base, err = mapArena(cfg); err != nil {
		return nil, err
	}
	p.arenaAddr = uintptr(unsafe.Pointer(&p.arena[0]))
	fd, _, errno := unix.RawSyscall(unix.SYS_EPOLL_CREATE1, unix.EPOLL_CLOEXEC, 0, 0)
	if errno != 0 {
		_ = p.Close()
		return nil, &SetupError{Call: "epoll_create1", Errno: errno}
	}
	p.epoll = int(fd)
	_, errno = p.wait2(0)
	p.precise = errno == 0 // a kernel before 5.11 lacks it, a seccomp profile may hide it
	return p, nil
}

// Arena returns all memory that operations may name, as Uring.Arena does.
func (p *Portable) Arena() []byte { return p.arena }

// Base returns the first offset in the arena that is the caller's, a multiple of 4096.
func (p *Portable) Base() uint64 { return p.base }

// Enters returns how many system calls the driver has made.
func (p *Portable) Enters() uint64 { return p.calls }

// Features returns one line that says which kernel was found and what of it is used.
func (p *Portable) Features() string {
	waits := "waits in milliseconds"
	if p.precise {
		waits = "waits in nanoseconds"
	}
	return fmt.Sprintf("epoll on Linux %s: receive buffers %d x %d, %s, durable writes hold up the loop", release(), len(p.held), p.bufferSize, waits)
}

// Turn carries out ops in their order, writes last, waits as w says until something has completed, and returns done with the completions
// appended, as Uring.Turn does. An error means that epoll is broken.
func (p *Portable) Turn(ops []Op, done []Completion, w Wait) ([]Completion, error) {
	before, paused, written := len(done), len(p.paused), 0
	for i := range ops {
		switch ops[i].Code {
		case Write, WriteLazy, Flush:
			continue
		case Close: // perhaps of a file that is written to
			done = p.write(ops[written:i], done)
			written = i
		}
		done = p.begin(&ops[i], done)
	}
	done = p.write(ops[written:], done)
	done = p.resume(done, paused)
	if w.Policy == Block && w.Until > 0 && len(done) == before {
		return p.sleep(done, time.Now(), 0, w)
	}
	done, err := p.look(done, 0)
	if err != nil || len(done) > before || w.Until <= 0 {
		return done, err
	}
	spin := time.Duration(0)
	switch w.Policy {
	case Spin:
		spin = time.Duration(w.Until)
	case Adaptive:
		spin = SpinFor
	case Block: // it has slept
	}
	return p.sleep(done, time.Now(), spin, w)
}

// sleep returns as soon as something has completed, or w.Until after start. It looks again and again for as long as spin.
func (p *Portable) sleep(done []Completion, start time.Time, spin time.Duration, w Wait) ([]Completion, error) {
	before, until, past := len(done), time.Duration(w.Until), time.Duration(0)
	for {
		rest := until - past
		if past < spin {
			rest = 0
		}
		var err error
		if done, err = p.look(done, rest); err != nil || len(done) > before {
			return done, err
		}
		if past = time.Since(start); past >= until {
			return done, nil
		}
	}
}

// look asks epoll what has become possible, waiting for at most that long, and does it.
func (p *Portable) look(done []Completion, wait time.Duration) ([]Completion, error) {
	var n int
	var errno unix.Errno
	if p.precise {
		n, errno = p.wait2(wait)
	} else { // whole milliseconds, rounded up: a turn must not return before its time
		n, errno = p.wait(uintptr((wait + time.Millisecond - 1) / time.Millisecond))
	}
	if errno != 0 && errno != unix.EINTR { // EINTR: a signal of the Go runtime
		return done, fmt.Errorf("ring: epoll_pwait: %w", errno)
	}
	for i := range n {
		e := &p.events[i]
		// An error or a hang-up is for whoever asks next: both ask, and the system call tells them.
		over := e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
		if over || e.Events&unix.EPOLLIN != 0 {
			done = p.goOnIn(e.Fd, over, done)
		}
		if over || e.Events&unix.EPOLLOUT != 0 {
			done = p.goOnOut(e.Fd, done)
		}
	}
	return done, nil
}

// wait2 is epoll_pwait2(2). RawSyscall6: see Uring.enter.
func (p *Portable) wait2(wait time.Duration) (int, unix.Errno) {
	p.timeout = timespec64{sec: int64(wait / time.Second), nsec: int64(wait % time.Second)}
	p.calls++
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events[0])),
		uintptr(len(p.events)), uintptr(unsafe.Pointer(&p.timeout)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// wait is epoll_pwait(2).
func (p *Portable) wait(ms uintptr) (int, unix.Errno) {
	p.calls++
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)), ms, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// resume goes on with the first n of the operations that have had their burst in the turn before.
func (p *Portable) resume(done []Completion, n int) []Completion {
	for _, fd := range p.paused[:n] {
		if f := p.file(fd); f != nil && f.paused {
			f.paused = false
			done = p.goOnIn(fd, true, done) // it may be put behind the others
		}
	}
	p.paused = p.paused[:copy(p.paused, p.paused[n:])]
	return done
}

// pause lets others have their turn: what is ready does not make epoll tell of it again.
func (p *Portable) pause(fd int32, f *portableFile) {
	if !f.paused {
		f.paused = true
		p.paused = append(p.paused, fd)
	}
}

// file returns what is under way on a descriptor, nil if nothing ever was.
func (p *Portable) file(fd int32) *portableFile {
	if fd < 0 || int(fd) >= len(p.files) {
		return nil
	}
	return &p.files[fd]
}

// place is file for a descriptor that is open. There are as many as the most descriptors at once.
func (p *Portable) place(fd int32) *portableFile {
	for int(fd) >= len(p.files) {
		p.files = append(p.files, make([]portableFile, len(p.files))...)
	}
	return &p.files[fd]
}

// watch lets epoll tell when a descriptor on which something waits becomes ready, once each time it does (EPOLLET). What has
// become ready since it was tried is told too, so nothing is missed. A number may have become another file behind our back:
// both answers of the kernel to what is believed of it are good.
func (p *Portable) watch(fd int32, f *portableFile) unix.Errno {
	e := unix.EpollEvent{Fd: fd, Events: unix.EPOLLET & 0xffffffff}
	if f.in != 0 {
		e.Events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if f.out != 0 {
		e.Events |= unix.EPOLLOUT
	}
	first, second, mistaken := unix.EPOLL_CTL_ADD, unix.EPOLL_CTL_MOD, unix.EEXIST
	if f.registered {
		first, second, mistaken = second, first, unix.ENOENT
	}
	errno := p.control(first, fd, &e)
	if errno == mistaken {
		errno = p.control(second, fd, &e)
	}
	f.registered = errno == 0
	return errno
}

func (p *Portable) control(what int, fd int32, e *unix.EpollEvent) unix.Errno {
	p.event = *e
	_, errno := p.call(unix.SYS_EPOLL_CTL, uintptr(p.epoll), uintptr(what), uintptr(fd), uintptr(unsafe.Pointer(&p.event)), 0, 0)
	return errno
}

// Close forgets what is under way and gives back the memory, the arena included. Descriptors are not closed. A second call
// does nothing.
func (p *Portable) Close() error {
	var errs []error
	for fd := range p.files {
		if p.files[fd].ours {
			errs = append(errs, unix.Close(fd))
		}
	}
	if p.epoll >= 0 {
		errs = append(errs, unix.Close(p.epoll))
	}
	if p.arena != nil {
		errs = append(errs, unix.Munmap(p.arena))
	}
	*p = Portable{epoll: -1}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("ring: close: %w", err)
	}
	return nil
}
