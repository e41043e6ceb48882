//go:build linux

package ring

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Config sizes a driver. A zero field takes its default.
type Config struct {
	Entries        uint32 // operations that one io_uring_enter can submit, 1 to 32768; default 4096; the kernel rounds up to a power of two
	ReceiveBuffers int    // a power of two, at most 32768; default 1024
	ReceiveSize    int    // bytes of each receive buffer, a multiple of 64; default 16384
	ArenaSize      uint64 // bytes for the caller beside the receive buffers; address space only, a page costs memory once it is touched

	sqArray bool // tests: as on a kernel that does not know setupNoSQArray
}

func (c Config) withDefaults() (Config, error) {
	if c.Entries == 0 {
		c.Entries = 4096
	}
	if c.ReceiveBuffers == 0 {
		c.ReceiveBuffers = 1024
	}
	if c.ReceiveSize == 0 {
		c.ReceiveSize = 16384
	}
	n, size := c.ReceiveBuffers, c.ReceiveSize
	switch {
	case c.Entries > 32768:
		return c, fmt.Errorf("ring: Entries is %d, at most 32768 are possible", c.Entries)
	case n < 0 || n > maxReceiveBuffers || n&(n-1) != 0:
		return c, fmt.Errorf("ring: ReceiveBuffers is %d, must be a power of two up to %d", n, maxReceiveBuffers)
	case size < 0 || size > 1<<30 || size%64 != 0:
		return c, fmt.Errorf("ring: ReceiveSize is %d, must be a multiple of 64 up to 1 GiB", size)
	case c.ArenaSize > 1<<46:
		return c, fmt.Errorf("ring: ArenaSize is %d, more than an address space holds", c.ArenaSize)
	}
	return c, nil
}

// SetupKind says why a ring cannot be had, as far as the error number tells.
type SetupKind uint8

// Kinds of SetupError.
const (
	SetupOther   SetupKind = iota
	SetupRefused           // EPERM: io_uring is there and forbidden
	SetupMissing           // ENOSYS: the kernel was built without it, or a seccomp profile hides it
	SetupTooOld            // EINVAL, or a feature is not offered: a kernel before 6.1
	SetupMemlock           // ENOMEM from io_uring_setup(2) or io_uring_register(2): RLIMIT_MEMLOCK, or no memory
)

// SetupError is why NewUring or NewPortable failed.
type SetupError struct {
	Call  string // what was tried, such as "io_uring_setup"
	Kind  SetupKind
	Errno unix.Errno
}

// Error says what was tried and what the kernel answered.
func (e *SetupError) Error() string { return "ring: " + e.Call + ": " + e.Errno.Error() }

// Unwrap returns the error number.
func (e *SetupError) Unwrap() error { return e.Errno }

// Hint returns one sentence on what to do about it, empty where nothing general can be said.
func (e *SetupError) Hint() string {
	switch e.Kind {
	case SetupRefused:
		return "io_uring is disabled: set the sysctl kernel.io_uring_disabled to 0, or allow io_uring_setup, io_uring_enter and io_uring_register in the container's seccomp profile"
	case SetupMissing:
		return "this kernel has no io_uring, or a seccomp profile hides it: use Linux 6.1 or later and allow io_uring_setup, io_uring_enter and io_uring_register"
	case SetupTooOld:
		return "Linux 6.1 or later is needed"
	case SetupMemlock:
		return "raise the limit on locked memory (ulimit -l, LimitMEMLOCK=), or free memory"
	}
	return ""
}

func setupError(call string, errno unix.Errno) *SetupError {
	e := &SetupError{Call: call, Errno: errno}
	switch errno {
	case unix.EPERM, unix.EACCES:
		e.Kind = SetupRefused
	case unix.ENOSYS:
		e.Kind = SetupMissing
	case unix.EINVAL:
		e.Kind = SetupTooOld
	case unix.ENOMEM:
		e.Kind = SetupMemlock
	}
	return e
}

// mmapError is a SetupError of a mapping: no limit on locked memory plays a part in these.
func mmapError(what string, err error) *SetupError {
	e := &SetupError{Call: "mmap of " + what}
	errors.As(err, &e.Errno)
	return e
}

const pageSize = 4096 // the alignment the arena promises; a larger page of the kernel is a multiple of it

// NewUring makes a ring, its receive buffers and its arena. The calling goroutine must be locked to its thread
// (runtime.LockOSThread), and that thread alone may call Turn and Close. What the kernel refuses is a *SetupError; a Config
// that makes no sense is another error.
func NewUring(cfg Config) (*Uring, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	u := &Uring{fd: -1, enterFD: -1, thread: unix.Gettid()}
	for _, step := range []func(Config) error{u.setup, u.mapQueues, u.mapMemory, u.provideBuffers, u.registerSelf} {
		if err := step(cfg); err != nil {
			_ = u.Close()
			return nil, err
		}
	}
	return u, nil
}

// setup makes the ring itself. A kernel before 6.6 does not know setupNoSQArray and answers EINVAL to it.
func (u *Uring) setup(cfg Config) error {
	const always = setupSingleIssuer | setupDeferTaskrun | setupTaskrunFlag | setupSubmitAll | setupCQSize
	for _, optional := range []uint32{setupNoSQArray, 0} {
		if cfg.sqArray && optional != 0 {
			continue
		}
		u.params = setupParams{flags: always | optional, cqEntries: 4 * cfg.Entries}
		fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(cfg.Entries), uintptr(unsafe.Pointer(&u.params)), 0)
		if errno == unix.EINVAL && optional != 0 {
			continue
		}
		if errno != 0 {
			return setupError("io_uring_setup", errno)
		}
		u.fd = int(fd)
		break
	}
	if lacking := featNeeded &^ u.params.features; lacking != 0 {
		return &SetupError{Call: fmt.Sprintf("io_uring_setup (features %#x are not offered)", lacking), Kind: SetupTooOld, Errno: unix.EINVAL}
	}
	return nil
}

// mapQueues maps what the kernel made and takes the addresses of the words shared with it.
func (u *Uring) mapQueues(Config) error {
	p := &u.params
	size := max(p.cq.cqes+p.cqEntries*uint32(unsafe.Sizeof(cqe{})), p.sq.array+p.sqEntries*4)
	var err error
	if u.rings, err = unix.Mmap(u.fd, offRings, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return mmapError("the rings", err)
	}
	size = p.sqEntries * uint32(unsafe.Sizeof(sqe{}))
	if u.sqeMemory, err = unix.Mmap(u.fd, offSQEs, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return mmapError("the submission queue", err)
	}
	word := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&u.rings[offset])) }
	u.sqTail, u.sqFlags = word(p.sq.tail), word(p.sq.flags)
	u.cqHead, u.cqTail = word(p.cq.head), word(p.cq.tail)
	u.sqes = unsafe.Slice((*sqe)(unsafe.Pointer(&u.sqeMemory[0])), p.sqEntries)
	u.cqes = unsafe.Slice((*cqe)(unsafe.Pointer(&u.rings[p.cq.cqes])), p.cqEntries)
	if p.flags&setupNoSQArray == 0 {
		array := unsafe.Slice(word(p.sq.array), p.sqEntries)
		for i := range array {
			array[i] = uint32(i) // entry i of the queue is always slot i: the indirection is never used
		}
	}
	return nil
}

// mapMemory reserves the arena, and the page that holds the ring of provided buffers and the argument of enter.
func (u *Uring) mapMemory(cfg Config) error {
	var err error
	if u.arena, u.base, err = mapArena(cfg); err != nil {
		return err
	}
	entries := cfg.ReceiveBuffers * int(unsafe.Sizeof(bufferEntry{}))
	u.argAt = (entries + 63) &^ 63
	size := u.argAt + int(unsafe.Sizeof(enterArg{})+unsafe.Sizeof(timespec64{}))
	const mode = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_POPULATE
	if u.control, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, mode); err != nil {
		return mmapError("the ring of receive buffers", err)
	}
	u.arenaAddr = uint64(uintptr(unsafe.Pointer(&u.arena[0])))
	arg := (*enterArg)(unsafe.Pointer(&u.control[u.argAt]))
	u.argAddr = uintptr(unsafe.Pointer(arg))
	u.timeout = (*timespec64)(unsafe.Add(unsafe.Pointer(arg), unsafe.Sizeof(*arg)))
	arg.timeout = uint64(uintptr(unsafe.Pointer(u.timeout)))
	return nil
}

// provideBuffers registers the ring of provided buffers and fills it.
func (u *Uring) provideBuffers(cfg Config) error {
	reg := bufferRingReg{addr: uint64(uintptr(unsafe.Pointer(&u.control[0]))), entries: uint32(cfg.ReceiveBuffers), group: bufferGroup}
	if errno := u.register(registerBufferRing, unsafe.Pointer(&reg), 1); errno != 0 {
		return setupError("io_uring_register of the receive buffers", errno)
	}
	u.buffers = newProvidedBuffers(cfg, u.control, u.arenaAddr)
	return nil
}

// registerSelf registers the ring's own descriptor, which saves enter a look-up. It is an optimisation: a refusal only
// shows in Features.
func (u *Uring) registerSelf(Config) error {
	u.enterFD = u.fd
	update := ringFDUpdate{offset: ^uint32(0), data: uint64(u.fd)}
	if u.register(registerRingFDs, unsafe.Pointer(&update), 1) == 0 {
		u.enterFD, u.enterFlags = int(update.offset), enterRegisteredRing
	}
	return nil
}

func (u *Uring) register(op uintptr, arg unsafe.Pointer, n uintptr) unix.Errno {
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(u.fd), op, uintptr(arg), n, 0, 0)
	return errno
}

// Features returns one line that says which kernel was found and what of it is used.
func (u *Uring) Features() string {
	list := []string{
		"io_uring on Linux " + release() + ":",
		fmt.Sprintf("sq %d, cq %d,", len(u.sqes), len(u.cqes)),
		fmt.Sprintf("receive buffers %d x %d,", len(u.buffers.held), u.buffers.size),
		"single issuer, deferred task work",
	}
	if u.params.flags&setupNoSQArray != 0 {
		list = append(list, "no sq array")
	}
	if u.enterFlags&enterRegisteredRing != 0 {
		list = append(list, "registered ring")
	}
	return strings.Join(list[:3], " ") + " " + strings.Join(list[3:], ", ")
}

// Close cancels what is under way, so that nothing waits any more for bytes to put into the arena, then gives back the ring
// and all of its memory, the arena included. Completions not yet reaped are lost; a write to a disk that has begun goes on;
// descriptors are not closed. It may wait up to a second. It must be called on the thread of NewUring; a second call does
// nothing.
func (u *Uring) Close() error {
	var errs []error
	if u.fd >= 0 {
		if u.sqTail != nil && u.enterFD >= 0 {
			u.cancelAll()
		}
		if u.enterFlags&enterRegisteredRing != 0 {
			update := ringFDUpdate{offset: uint32(u.enterFD)}
			_ = u.register(unregisterRingFDs, unsafe.Pointer(&update), 1) // it would keep the ring alive as long as the thread
		}
		errs = append(errs, unix.Close(u.fd))
	}
	for _, memory := range [][]byte{u.sqeMemory, u.rings, u.control, u.arena} {
		if memory != nil {
			errs = append(errs, unix.Munmap(memory))
		}
	}
	*u = Uring{fd: -1, enterFD: -1}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("ring: close: %w", err)
	}
	return nil
}

// cancelAll ends every operation that can be ended. The kernel finishes the cancelled ones in the thread's next enter.
func (u *Uring) cancelAll() {
	all := syncCancelReg{fd: -1, flags: cancelAny | cancelAll, timeout: timespec64{nsec: int64(time.Second - 1)}}
	_ = u.register(registerSyncCancel, unsafe.Pointer(&all), 1) // an error: nothing was under way, or a write that goes on
	u.pos -= u.pending                                          // never to be submitted
	u.pending = 0
	_ = u.enter(0)
}
