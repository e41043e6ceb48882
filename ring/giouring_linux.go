//go:build linux && giouring

package ring

import (
	"errors"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"github.com/pawelgaczynski/giouring"
	"golang.org/x/sys/unix"
)

// Giouring is the driver on github.com/pawelgaczynski/giouring, there only with the build tag of that name. It answers Turn
// as Uring does and takes more system calls for it. Its only version (v0.0.0-20230826085535-69588b89acb9) does not link with
// Go 1.23 or newer unless the linker is told -checklinkname=0 (it reaches for syscall.mmap and syscall.munmap), and has
// faults that this driver works around; each place is marked with "giouring:".
//
// What cannot be had through it: a completion queue of another size than twice the submission queue, since the fields of
// its Params are not exported (no CQSIZE); RawSyscall6 for enter, so a sleep costs a hand-over of the Go scheduler; the flag
// that tells of deferred work, so a look at the queue is a call of it.
type Giouring struct {
	ring   *giouring.Ring
	thread int
	batch  [64]*giouring.CompletionQueueEvent

	buffers   providedBuffers
	arena     []byte
	arenaAddr uintptr
	base      uint64
	control   []byte // mapping of the ring of receive buffers

	timeout syscall.Timespec // giouring: kept here because SubmitAndWaitTimeout turns its pointer into a number and lets it go
	enters  uint64
}

// NewGiouring makes a ring, its receive buffers and its arena, as NewUring does.
func NewGiouring(cfg Config) (*Giouring, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	g := &Giouring{thread: unix.Gettid()}
	for _, step := range []func(Config) error{g.setup, g.mapMemory, g.provideBuffers} {
		if err := step(cfg); err != nil {
			_ = g.Close()
			return nil, err
		}
	}
	return g, nil
}

// setup makes the ring itself. giouring: setupNoSQArray must not be asked for, it would write that array over the ring's
// header. The ring's descriptor is not registered: UnregisterRingFd has its condition inverted, so that a thread that has
// made 16 rings could register no more, and each would live as long as the thread.
func (g *Giouring) setup(cfg Config) error {
	r := giouring.NewRing()
	if err := r.QueueInit(cfg.Entries, setupSingleIssuer|setupDeferTaskrun|setupTaskrunFlag|setupSubmitAll); err != nil {
		return setupError("io_uring_setup", errnoOf(err))
	}
	g.ring = r
	return nil
}

// errnoOf finds the error number that giouring wraps in one way or another. Those of every day are found without allocating.
func errnoOf(err error) unix.Errno {
	if err == nil {
		return 0
	}
	for _, errno := range [...]unix.Errno{unix.EINTR, unix.ETIME, unix.EAGAIN, unix.EBUSY} {
		if errors.Is(err, errno) {
			return errno
		}
	}
	var errno unix.Errno
	errors.As(err, &errno)
	return errno
}

func (g *Giouring) mapMemory(cfg Config) error {
	var err error
	if g.arena, g.base, err = mapArena(cfg); err != nil {
		return err
	}
	g.arenaAddr = uintptr(unsafe.Pointer(&g.arena[0]))
	size := cfg.ReceiveBuffers * int(unsafe.Sizeof(bufferEntry{}))
	const mode = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_POPULATE
	if g.control, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, mode); err != nil {
		return mmapError("the ring of receive buffers", err)
	}
	return nil
}

// provideBuffers registers the ring of provided buffers. giouring: the memory is ours and so is the filling. BufRingAdd
// computes an entry's place in 16 bits, which overflow above 4096 entries, and FreeBufRing leaves its mapping behind.
func (g *Giouring) provideBuffers(cfg Config) error {
	reg := &giouring.BufReg{RingAddr: uint64(uintptr(unsafe.Pointer(&g.control[0]))), RingEntries: uint32(cfg.ReceiveBuffers), Bgid: bufferGroup}
	if _, err := g.ring.RegisterBufferRing(reg, 0); err != nil {
		return setupError("io_uring_register of the receive buffers", errnoOf(err))
	}
	g.buffers = newProvidedBuffers(cfg, g.control, uint64(g.arenaAddr))
	return nil
}

// Arena returns all memory that operations may name, as Uring.Arena does.
func (g *Giouring) Arena() []byte { return g.arena }

// Base returns the first offset in the arena that is the caller's, a multiple of 4096.
func (g *Giouring) Base() uint64 { return g.base }

// Enters returns how often io_uring_enter(2) has been called. giouring: calls that it makes by itself, when it is asked for
// completions and work was deferred, are not told and not counted.
func (g *Giouring) Enters() uint64 { return g.enters }

// Features returns one line that says which kernel was found and what of it is used.
func (g *Giouring) Features() string {
	return fmt.Sprintf("io_uring through giouring on Linux %s: receive buffers %d x %d, single issuer, deferred task work", release(), len(g.buffers.held), g.buffers.size)
}

// Turn submits ops, waits as w says and returns done with the completions appended, as Uring.Turn does, but for the number
// of system calls.
func (g *Giouring) Turn(ops []Op, done []Completion, w Wait) ([]Completion, error) {
	before := len(done)
	var err error
	for i := range ops {
		if ops[i].Code == Recycle {
			g.buffers.recycle(ops[i].Buffer)
			continue
		}
		ops[i].check(g.arena)
		e := g.ring.GetSQE()
		for e == nil { // the queue is full
			if done, err = g.submit(done); err != nil {
				return done, err
			}
			e = g.ring.GetSQE()
		}
		g.prepare(e, &ops[i])
	}
	if done, err = g.submit(done); err != nil || len(done) > before || w.Until <= 0 {
		return done, err
	}
	return g.wait(done, w)
}

// submit hands everything pending to the kernel, lets it run what waits for this thread, and reaps.
func (g *Giouring) submit(done []Completion) ([]Completion, error) {
	g.buffers.publish()
	for refused := 0; g.ring.SQReady() > 0; {
		g.enters++
		_, err := g.ring.SubmitAndGetEvents()
		switch errno := errnoOf(err); errno {
		case 0:
			refused = 0
		case unix.EINTR: // a signal of the Go runtime
		case unix.EAGAIN, unix.EBUSY: // no memory for a request, completions must be reaped first
			if refused++; refused > maxRefusals {
				return g.reap(done), fmt.Errorf("ring: io_uring_enter: %w (%d times in a row)", errno, refused)
			}
			_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		default:
			return g.reap(done), enterError(errno, g.thread)
		}
		done = g.reap(done)
	}
	return g.reap(done), nil
}

// wait returns as soon as something has completed, or w.Until from now.
func (g *Giouring) wait(done []Completion, w Wait) ([]Completion, error) {
	start, before, until, spin := time.Now(), len(done), time.Duration(w.Until), time.Duration(0)
	switch {
	case w.Policy == Spin:
		spin = until
	case w.Policy == Adaptive && w.DiskBusy:
		spin = diskSpinFor
	case w.Policy == Adaptive:
		spin = SpinFor
	}
	for {
		past := time.Since(start)
		switch {
		case past >= until:
			return done, nil
		case past >= spin:
			if err := g.sleep(until - past); err != nil {
				return g.reap(done), err
			}
			done = g.reap(done)
		default:
			if w.DiskBusy { // the kernel thread that ends a write may need this very cpu
				_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
			}
			for i := 0; i < spinsPerClock && len(done) == before; i++ {
				done = g.reap(done)
			}
		}
		if len(done) > before {
			return done, nil
		}
	}
}

// sleep waits in the kernel for a completion, for at most that long.
func (g *Giouring) sleep(most time.Duration) error {
	g.timeout = syscall.NsecToTimespec(int64(most))
	g.enters++
	_, err := g.ring.WaitCQETimeout(&g.timeout)
	switch errno := errnoOf(err); errno {
	case 0, unix.EINTR, unix.ETIME, unix.EAGAIN, unix.EBUSY: // the loop around it looks at the clock
		return nil
	default:
		return enterError(errno, g.thread)
	}
}

// reap appends what the completion queue holds, and what the kernel holds because the queue was full.
func (g *Giouring) reap(done []Completion) []Completion {
	for {
		// giouring: PeekBatchCQE fills all of the slice it is given, whatever there is. With nothing there it has the kernel run
		// what was deferred.
		n := g.ring.PeekBatchCQE(g.batch[:max(1, min(g.ring.CQReady(), uint32(len(g.batch))))])
		if n == 0 {
			return done
		}
		for _, e := range g.batch[:n] {
			c := Completion{Tag: e.UserData, Res: e.Res, More: e.Flags&cqeMore != 0}
			g.buffers.filled(&c, e.Flags)
			done = append(done, c)
		}
		g.ring.CQAdvance(n)
	}
}

// prepare fills a submission entry. giouring: its Prepare functions leave the flags of the operation and two more fields as
// an earlier one had them, so the entry is zeroed first.
func (g *Giouring) prepare(e *giouring.SubmissionQueueEntry, op *Op) {
	*e = giouring.SubmissionQueueEntry{}
	fd, addr := int(op.File), g.arenaAddr+uintptr(op.Off)
	switch op.Code {
	case Accept:
		e.PrepareMultishotAccept(fd, 0, 0, unix.SOCK_CLOEXEC)
	case Receive:
		e.PrepareRecvMultishot(fd, 0, 0, 0)
		e.Flags, e.BufIG = sqeBufferSelect, bufferGroup
	case ReceiveOnce:
		e.PrepareRecv(fd, 0, 0, 0)
		e.Flags, e.BufIG = sqeBufferSelect, bufferGroup
	case Send:
		e.PrepareSend(fd, addr, op.Len, unix.MSG_WAITALL|unix.MSG_NOSIGNAL)
	case SendNow: // see Uring.prepare
		e.PrepareSend(fd, addr, op.Len, unix.MSG_DONTWAIT|unix.MSG_WAITALL|unix.MSG_NOSIGNAL)
		e.Flags = sqeSkipSuccess
	case Write:
		e.PrepareWrite(fd, addr, op.Len, op.At)
		e.OpcodeFlags = unix.RWF_DSYNC
	case WriteLazy:
		e.PrepareWrite(fd, addr, op.Len, op.At)
	case Flush:
		e.PrepareFsync(fd, fsyncData)
	case Read:
		e.PrepareRead(fd, addr, op.Len, op.At)
	case Shutdown:
		e.PrepareShutdown(fd, int(op.Len))
	case Close:
		e.PrepareClose(fd)
	case Cancel:
		e.PrepareCancelFd(fd, cancelAll)
	}
	e.UserData = op.Tag
}

// Close cancels what is under way and gives back the ring and its memory, as Uring.Close does.
func (g *Giouring) Close() error {
	if g.ring != nil {
		all := &giouring.SyncCancelReg{Fd: -1, Flags: cancelAny | cancelAll, Timeout: syscall.NsecToTimespec(int64(time.Second - 1))}
		_, _ = g.ring.RegisterSyncCancel(all) // an error: nothing was under way, or a write that goes on
		_, _ = g.ring.GetEvents()             // the kernel finishes the cancelled ones here
		g.ring.QueueExit()
	}
	var errs []error
	for _, memory := range [][]byte{g.control, g.arena} {
		if memory != nil {
			errs = append(errs, unix.Munmap(memory))
		}
	}
	*g = Giouring{}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("ring: close: %w", err)
	}
	return nil
}
