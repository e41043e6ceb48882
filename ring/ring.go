// Package ring is the kernel side of a single-threaded event loop: it takes operations as plain data, hands them to the
// kernel, and gives back completions as plain data.
//
// It owns the queues shared with the kernel, the receive buffers and one arena of off-heap memory that every operation
// points into. It never knows what the bytes mean, never starts a goroutine, and never lets a pointer to the Go heap stay
// with the kernel. Beside the drivers it holds the few system calls that a loop needs before it turns: listening, pinning
// threads, opening and preparing files for direct writes.
//
// There are two drivers with the same method Turn, and under the build tag giouring a third. A loop written for one runs on the other.
//
//	Uring      io_uring: all operations of a turn are one system call. Linux 6.1 or later.
//	Portable   epoll and a system call per operation, for kernels and containers that refuse io_uring. A write to a disk
//	           holds up the turn: there is no thread beside the loop's that could wait for it. See Portable for the rest.
//	Giouring   io_uring through github.com/pawelgaczynski/giouring, around its faults.
//
// The model is that of thread-per-core runtimes such as monoio. The same: one thread has one ring and all state of its
// connections, so nothing ever wakes another thread; io_uring first and epoll where it must be; a completion leads to the
// next submission without a queue between; memory that the kernel writes to is lent to it and owned by one side at a time.
// Not the same: there is no runtime, no task, no future, no waker and no callback. The caller writes a loop of its own
// around Turn, data in, data out, and anything that answers Turn the same way (a simulation) can take its place. Buffers
// belong to the ring rather than to each read, and an operation names memory by an offset rather than by owning it.
package ring

import "time"

// Code says what an operation does.
//
// Operations are begun in the order in which they are given (Portable: writes to files behind all others), and those that
// need not wait are done when Turn returns (Send and SendNow that find room, Receive of bytes that are there, Cancel, Close
// of a socket). A later operation does not wait for an earlier one: give at most one send for a descriptor per turn, and
// none while a Send is under way on it, or bytes that find room may overtake others that found none.
//
// Ending a connection. A Receive or Send under way holds the connection open: Close alone frees the descriptor's number
// and tells the peer nothing. So end what is under way first:
//   - Shutdown 2: Shutdown completes with 0 and Receive with Res 0 and More false, in either order and perhaps in a later
//     turn (io_uring runs Shutdown on a thread of its own). Then Close.
//   - Cancel: every operation under way on File completes with -ECANCELED and More false (a Send that had sent something
//     with that count), and Cancel with their number, all in the turn that submitted Cancel, in any order. Close may follow
//     in that turn. Bytes received and not yet read make the peer see a reset instead of an end.
//   - The peer closed: Receive completes with Res 0 and More false after the last bytes; after a reset with -ECONNRESET.
//     Sending to it may succeed once (the reset is yet to come), then gives -EPIPE or -ECONNRESET.
type Code uint8

// Codes of operations. The name of the io_uring request that Uring makes of each is given behind it; Portable makes the
// system call of that name.
const (
	// Accept takes connections on the listening File until it is cancelled (multishot IORING_OP_ACCEPT). Res of each
	// completion is a new descriptor, close-on-exec. It ends (More false) with every error, such as -EMFILE, and now and
	// then with a good descriptor: give it again.
	Accept Code = iota + 1
	// Receive takes bytes from File into provided buffers until the connection ends (multishot IORING_OP_RECV); see
	// Completion. With no buffer left it ends with -ENOBUFS: the bytes stay in the socket, give it again after a Recycle. Now
	// and then it ends (More false) with bytes: give it again.
	Receive
	// ReceiveOnce takes bytes from File into one buffer, once there are some, and has ended with that: More is false (IORING_OP_RECV).
	// It ends without bytes as Receive does. A Receive takes what comes, however fast; this takes what one asks for.
	ReceiveOnce
	// Recycle gives receive buffer Buffer back. It never completes.
	Recycle
	// Send sends arena[Off:Off+Len] to File, all of it, waiting as long as that takes (IORING_OP_SEND, MSG_WAITALL). Res is
	// Len, or less if the connection ended in between, or -errno.
	Send
	// SendNow sends what fits now (the same with MSG_DONTWAIT and IOSQE_CQE_SKIP_SUCCESS). It completes ONLY when less than
	// Len was sent, and then in the turn that submitted it: Res is the bytes sent, or -EAGAIN if none were, or the error of a
	// connection that has ended. No completion in that turn: all was sent.
	SendNow
	// Write writes arena[Off:Off+Len] to file File at At and is durable when it completes (IORING_OP_WRITE, RWF_DSYNC). Res
	// is the bytes written, which may be fewer than Len when the disk is full.
	Write
	// WriteLazy is Write without durability.
	WriteLazy
	// Flush makes durable what the writes of File that had ended before have written (IORING_OP_FSYNC, IORING_FSYNC_DATASYNC).
	// Res is 0 or -errno; after an error nothing is known of those bytes, and a second Flush proves nothing.
	Flush
	// Read reads from File at At into arena[Off:Off+Len] (IORING_OP_READ). Res is the bytes read, 0 at the end of the file.
	// Of a pipe it is whatever there is, once there is something; At is ignored.
	Read
	// Shutdown is shutdown(2) of socket File; Len is how: 0 receive, 1 send, 2 both (IORING_OP_SHUTDOWN).
	Shutdown
	// Close closes File (IORING_OP_CLOSE).
	Close
	// Cancel ends whatever is under way on File; Res is how many operations that were (IORING_OP_ASYNC_CANCEL by
	// descriptor). A write to a disk that has begun is not ended, and not counted.
	Cancel
)

// TagBits is how many bits a Tag has; those above are kept for drivers and must be zero.
const TagBits = 56

// SpinFor is how long an Adaptive turn watches for completions in user memory before it sleeps in the kernel: a little
// above the round trip of a busy peer, so that only an idle loop pays for a wake-up.
const SpinFor = 50 * time.Microsecond

// Op is one operation. It holds no pointer: memory is named by its offset in the arena.
type Op struct {
	Code   Code
	Buffer uint16 // Recycle
	File   int32
	Len    uint32
	Off    uint64 // in the arena
	At     uint64 // in the file
	Tag    uint64 // returned with each completion of this operation; 56 bits (TagBits)
}

// Completion is the result of an operation.
type Completion struct {
	Tag    uint64
	Res    int32  // >= 0: bytes, or a descriptor (Accept); < 0: -errno
	More   bool   // Accept, Receive: the operation goes on; false: it has ended and must be given again
	Filled bool   // Receive, ReceiveOnce: Buffer and Off are set, the bytes are arena[Off:Off+Res]; give the buffer back with Recycle
	Buffer uint16 // with Filled
	Off    uint64 // with Filled: where the bytes lie in the arena
}

// Wait says how long a turn may last.
type Wait struct {
	Policy   Policy
	Until    int64 // nanoseconds from now; 0: do not wait at all
	DiskBusy bool  // a write that is waited for is in flight: while spinning, Uring yields the cpu so that the kernel can end it
}

// Policy says how a turn waits for the first completion.
type Policy uint8

// Policies. Spinning is looking in user memory; for Portable it is a system call that does not wait.
const (
	Adaptive Policy = iota // spin for SpinFor (Uring with DiskBusy: five times as long), then sleep in the kernel
	Spin                   // spin until Until
	Block                  // sleep in the kernel
)
