//go:build linux

package ring

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// diskSpinFor takes the place of SpinFor while a write that is waited for is in flight. It takes some 100 us, and a sleep
// would add its wake-up to every order that waits for it.
const diskSpinFor = 5 * SpinFor

// spinsPerClock is how many looks at the completion queue go between two readings of the clock: some 100 ns.
const spinsPerClock = 64

// maxRefusals is how often in a row the kernel may refuse a submission for want of memory before Turn gives up.
const maxRefusals = 10000

// ErrThread is returned by Turn when it is called on another thread than NewUring was.
var ErrThread = errors.New("ring: Turn was called on another thread than NewUring: runtime.LockOSThread is missing")

// ErrDropped is returned by Turn when the kernel had no memory to keep a completion: what was under way is unknown, and the
// ring is of no use any more.
var ErrDropped = errors.New("ring: the kernel dropped a completion for want of memory")

// Uring is the io_uring driver. It belongs to the thread that made it and has no lock.
type Uring struct {
	// Submission: entries pos-pending up to pos are filled and not yet the kernel's.
	sqes    []sqe
	pos     uint32
	pending uint32
	sqTail  *uint32 // shared; written here
	sqFlags *uint32 // shared; written by the kernel

	// Completion: head is where the next one lies.
	cqes   []cqe
	head   uint32
	cqHead *uint32 // shared; written here
	cqTail *uint32 // shared; written by the kernel

	buffers providedBuffers

	arena     []byte
	arenaAddr uint64
	base      uint64

	enterFD    int
	enterFlags uintptr
	enters     uint64
	yields     uint64  // times a spin gave the cpu away
	argAddr    uintptr // of an enterArg outside the Go heap
	timeout    *timespec64

	fd        int
	thread    int
	params    setupParams
	rings     []byte // mapping of both rings
	sqeMemory []byte // mapping of the submission entries
	control   []byte // mapping of the ring of receive buffers and the enterArg
	argAt     int
}

// Arena returns all memory that operations may name, the receive buffers at its start included. It is zero at first,
// lies outside the Go heap, and is valid until Close.
func (u *Uring) Arena() []byte { return u.arena }

// Base returns the first offset in the arena that is the caller's, a multiple of 4096.
func (u *Uring) Base() uint64 { return u.base }

// Enters returns how often io_uring_enter(2) has been called.
func (u *Uring) Enters() uint64 { return u.enters }

// Yields returns how often a spin has given the cpu away because a write was in flight.
func (u *Uring) Yields() uint64 { return u.yields }

// Turn submits ops in their order, waits as w says until something has completed, and returns done with the completions
// appended, in the order in which they came about. It does not wait if there is a completion already. All of ops goes to
// the kernel in one io_uring_enter(2), in more only if ops outnumber Config.Entries; with nothing to submit, nothing to
// reap in the kernel and no sleep due, there is no system call.
//
// What completes while it is submitted is among the completions of the same Turn: the result of every SendNow, and any
// error in an operation itself. No completion is ever lost: those that outnumber the completion queue wait in the kernel
// and are returned too.
//
// An error means that the ring is broken or misused (ErrThread, ErrDropped, an error number of enter); the completions
// reaped before it are returned with it. Naming memory outside the arena, a Tag above 56 bits, recycling a buffer that the
// caller does not hold, or an unknown Code is a mistake of the caller and panics.
func (u *Uring) Turn(ops []Op, done []Completion, w Wait) ([]Completion, error) {
	before := len(done)
	var err error
	for i := range ops {
		if ops[i].Code == Recycle {
			u.buffers.recycle(ops[i].Buffer)
			continue
		}
		if u.pending == uint32(len(u.sqes)) {
			if done, err = u.submit(done, 0); err != nil {
				return done, err
			}
		}
		u.prepare(&ops[i])
	}
	sleep := time.Duration(0)
	var start time.Time
	if w.Policy == Block && w.Until > 0 && len(done) == before {
		start, sleep = time.Now(), time.Duration(w.Until)
	}
	if done, err = u.submit(done, sleep); err != nil || len(done) > before || w.Until <= 0 {
		return done, err
	}
	if sleep == 0 {
		start = time.Now() // not before: a busy loop finds completions without it
	}
	return u.wait(done, w, start)
}

// wait returns as soon as something has completed, or w.Until after start.
func (u *Uring) wait(done []Completion, w Wait, start time.Time) ([]Completion, error) {
	before, until, spin := len(done), time.Duration(w.Until), time.Duration(0)
	switch {
	case w.Policy == Spin:
		spin = until
	case w.Policy == Adaptive && w.DiskBusy:
		spin = diskSpinFor
	case w.Policy == Adaptive:
		spin = SpinFor
	}
	var err error
	for {
		past := time.Since(start)
		if past >= until {
			return done, nil
		}
		sleep := time.Duration(0)
		if past >= spin {
			sleep = until - past
		} else if !u.watch(w.DiskBusy) {
			continue
		}
		if done, err = u.submit(done, sleep); err != nil || len(done) > before {
			return done, err
		}
	}
}

// watch looks at the words shared with the kernel until something is to be done there or it is time to read the clock.
// With yield it gives the cpu away once instead: the kernel thread that ends a write may need this very cpu.
func (u *Uring) watch(yield bool) bool {
	if yield {
		u.yields++
		_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		return u.ready()
	}
	for range spinsPerClock {
		if u.ready() {
			return true
		}
	}
	return false
}

func (u *Uring) ready() bool {
	return atomic.LoadUint32(u.cqTail) != u.head || atomic.LoadUint32(u.sqFlags)&sqAttention != 0
}

// submit hands everything pending to the kernel, lets it run what waits for this thread, and reaps. It calls enter only if
// one of these is to be done, or to sleep: then for at most that long and until something has completed.
func (u *Uring) submit(done []Completion, sleep time.Duration) ([]Completion, error) {
	u.buffers.publish()
	for refused := 0; ; {
		if u.pending > 0 || sleep > 0 || atomic.LoadUint32(u.sqFlags)&sqAttention != 0 {
			switch errno := u.enter(sleep); errno {
			case 0:
				refused = 0
			case unix.EINTR, unix.ETIME: // a signal of the Go runtime, the end of the sleep
			case unix.EAGAIN, unix.EBUSY: // no memory for a request, completions must be reaped first
				if refused++; refused > maxRefusals {
					return u.reap(done), fmt.Errorf("ring: io_uring_enter: %w (%d times in a row)", errno, refused)
				}
				_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
			default:
				return u.reap(done), enterError(errno, u.thread)
			}
			sleep = 0
		}
		done = u.reap(done)
		// Completions that outnumber the queue are still in the kernel: the caller relies on seeing them in this turn.
		if u.pending == 0 && atomic.LoadUint32(u.sqFlags)&sqCQOverflow == 0 {
			return done, nil
		}
	}
}

// enter is io_uring_enter(2) for everything pending. RawSyscall6 does not tell the Go scheduler: handing the processor to
// another thread and back at each sleep would triple the round trip. A garbage collection that waits for this thread
// interrupts the call with a signal, and the loops around it are where the thread then stops.
func (u *Uring) enter(sleep time.Duration) unix.Errno {
	atomic.StoreUint32(u.sqTail, u.pos)
	flags, wait, arg, size := uintptr(enterGetEvents)|u.enterFlags, uintptr(0), uintptr(0), uintptr(0)
	if sleep > 0 {
		u.timeout.sec, u.timeout.nsec = int64(sleep/time.Second), int64(sleep%time.Second)
		flags |= enterExtArg
		wait, arg, size = 1, u.argAddr, unsafe.Sizeof(enterArg{})
	}
	u.enters++
	n, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(u.enterFD), uintptr(u.pending), wait, flags, arg, size)
	if errno == 0 {
		u.pending -= uint32(n)
	}
	return errno
}

// enterError says what an unexpected error number of enter means for a ring of a thread.
func enterError(errno unix.Errno, thread int) error {
	if unix.Gettid() != thread {
		return ErrThread
	}
	if errno == unix.EBADR {
		return ErrDropped
	}
	return fmt.Errorf("ring: io_uring_enter: %w", errno)
}

// reap appends what the completion queue holds and frees its entries.
func (u *Uring) reap(done []Completion) []Completion {
	tail := atomic.LoadUint32(u.cqTail)
	if tail == u.head {
		return done
	}
	for mask := uint32(len(u.cqes) - 1); u.head != tail; u.head++ {
		e := &u.cqes[u.head&mask]
		c := Completion{Tag: e.userData, Res: e.res, More: e.flags&cqeMore != 0}
		u.buffers.filled(&c, e.flags)
		done = append(done, c)
	}
	atomic.StoreUint32(u.cqHead, u.head)
	return done
}
