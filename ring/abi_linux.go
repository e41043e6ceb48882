//go:build linux

package ring

import "unsafe"

// The part of io_uring's binary interface that this package uses (include/uapi/linux/io_uring.h of Linux 6.1 and later).
// The names are the kernel's without their prefix.

// Flags of io_uring_setup(2).
const (
	setupCQSize       = 1 << 3
	setupSubmitAll    = 1 << 7
	setupTaskrunFlag  = 1 << 9
	setupSingleIssuer = 1 << 12
	setupDeferTaskrun = 1 << 13
	setupNoSQArray    = 1 << 16
)

// Features that io_uring_setup(2) answers with.
const (
	featSingleMmap = 1 << 0
	featNoDrop     = 1 << 1
	featExtArg     = 1 << 8
	featCQESkip    = 1 << 11
	featNeeded     = featSingleMmap | featNoDrop | featExtArg | featCQESkip
)

// Offsets for mmap(2) of the ring descriptor.
const (
	offRings = 0
	offSQEs  = 0x10000000
)

// Flags that the kernel sets in the submission ring.
const (
	sqCQOverflow = 1 << 1 // completions wait in the kernel because the completion queue is full
	sqTaskrun    = 1 << 2 // work waits to be run by this thread's next enter
	sqAttention  = sqCQOverflow | sqTaskrun
)

// Flags of io_uring_enter(2).
const (
	enterGetEvents      = 1 << 0
	enterExtArg         = 1 << 3
	enterRegisteredRing = 1 << 4
)

// Operations of io_uring_register(2).
const (
	registerRingFDs    = 20
	unregisterRingFDs  = 21
	registerBufferRing = 22
	registerSyncCancel = 24
)

// Operation codes, and the flags they take.
const (
	opFsync       = 3
	opAccept      = 13
	opAsyncCancel = 14
	opClose       = 19
	opRead        = 22
	opWrite       = 23
	opSend        = 26
	opRecv        = 27
	opShutdown    = 34

	sqeBufferSelect   = 1 << 5
	sqeSkipSuccess    = 1 << 6
	fsyncData         = 1 << 0
	acceptMultishot   = 1 << 0
	receiveMultishot  = 1 << 1
	cancelAll         = 1 << 0
	cancelFD          = 1 << 1
	cancelAny         = 1 << 2
	cqeBuffer         = 1 << 0
	cqeMore           = 1 << 1
	cqeBufferShift    = 16
	bufferGroup       = 0
	maxReceiveBuffers = 1 << 15
)

// sqe is a submission queue entry.
type sqe struct {
	opcode   uint8
	flags    uint8
	ioprio   uint16 // flags of accept and recv
	fd       int32
	off      uint64
	addr     uint64
	length   uint32
	opFlags  uint32 // accept_flags, msg_flags, rw_flags, fsync_flags, cancel_flags
	userData uint64
	bufGroup uint16
	_        [22]byte
}

// cqe is a completion queue entry.
type cqe struct {
	userData uint64
	res      int32
	flags    uint32
}

// bufferEntry names one receive buffer in the ring of provided buffers. The last two bytes of entry 0 are the ring's tail.
type bufferEntry struct {
	addr   uint64
	length uint32
	idTail uint32 // low half: buffer id; high half: unused, in entry 0 the tail of the ring
}

// setupParams is io_uring_params.
type setupParams struct {
	sqEntries, cqEntries     uint32
	flags                    uint32
	sqThreadCPU, sqThreadIdl uint32
	features                 uint32
	wqFD                     uint32
	_                        [3]uint32
	sq                       struct {
		head, tail, mask, entries, flags, dropped, array uint32
		_                                                uint32
		_                                                uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags uint32
		_                                                uint32
		_                                                uint64
	}
}

// enterArg is io_uring_getevents_arg, the argument of an enter with enterExtArg.
type enterArg struct {
	sigmask     uint64
	sigmaskSize uint32
	minWait     uint32
	timeout     uint64 // address of a timespec64
}

// timespec64 is __kernel_timespec.
type timespec64 struct {
	sec, nsec int64
}

// ringFDUpdate is io_uring_rsrc_update.
type ringFDUpdate struct {
	offset uint32
	_      uint32
	data   uint64
}

// bufferRingReg is io_uring_buf_reg.
type bufferRingReg struct {
	addr    uint64
	entries uint32
	group   uint16
	flags   uint16
	_       [3]uint64
}

// syncCancelReg is io_uring_sync_cancel_reg.
type syncCancelReg struct {
	addr    uint64
	fd      int32
	flags   uint32
	timeout timespec64
	_       [4]uint64
}

// The layouts, pinned.
var (
	_ [64]byte  = [unsafe.Sizeof(sqe{})]byte{}
	_ [16]byte  = [unsafe.Sizeof(cqe{})]byte{}
	_ [16]byte  = [unsafe.Sizeof(bufferEntry{})]byte{}
	_ [120]byte = [unsafe.Sizeof(setupParams{})]byte{}
	_ [24]byte  = [unsafe.Sizeof(enterArg{})]byte{}
	_ [16]byte  = [unsafe.Sizeof(ringFDUpdate{})]byte{}
	_ [40]byte  = [unsafe.Sizeof(bufferRingReg{})]byte{}
	_ [64]byte  = [unsafe.Sizeof(syncCancelReg{})]byte{}
)
