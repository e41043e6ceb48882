//go:build linux

package ring

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// prepare writes op into the next submission entry. The entry is zeroed first: the kernel reads fields that an earlier
// operation may have left behind.
func (u *Uring) prepare(op *Op) {
	op.check(u.arena)
	s := &u.sqes[u.pos&uint32(len(u.sqes)-1)]
	*s = sqe{fd: op.File, userData: op.Tag}
	switch op.Code {
	case Accept:
		s.opcode, s.ioprio = opAccept, acceptMultishot
		s.opFlags = unix.SOCK_CLOEXEC
	case Receive:
		s.opcode, s.ioprio = opRecv, receiveMultishot
		s.flags, s.bufGroup = sqeBufferSelect, bufferGroup
	case Send:
		u.memory(s, op)
		s.opcode, s.opFlags = opSend, unix.MSG_WAITALL|unix.MSG_NOSIGNAL
	case SendNow:
		// With MSG_WAITALL a partial send counts as failed, and so completes in spite of sqeSkipSuccess.
		u.memory(s, op)
		s.opcode, s.opFlags = opSend, unix.MSG_DONTWAIT|unix.MSG_WAITALL|unix.MSG_NOSIGNAL
		s.flags = sqeSkipSuccess
	case Write:
		u.memory(s, op)
		s.opcode, s.off, s.opFlags = opWrite, op.At, unix.RWF_DSYNC
	case WriteLazy:
		u.memory(s, op)
		s.opcode, s.off = opWrite, op.At
	case Read:
		u.memory(s, op)
		s.opcode, s.off = opRead, op.At
	case Shutdown:
		s.opcode, s.length = opShutdown, op.Len
	case Close:
		s.opcode = opClose
	case Cancel:
		s.opcode, s.opFlags = opAsyncCancel, cancelFD|cancelAll
	default:
		panic(fmt.Sprintf("ring: unknown operation code %d", op.Code))
	}
	u.pos++
	u.pending++
}

// memory sets what part of the arena the entry is about.
func (u *Uring) memory(s *sqe, op *Op) { s.addr, s.length = u.arenaAddr+op.Off, op.Len }

// recycle puts a receive buffer behind the others that the kernel may fill. The kernel sees it with publishBuffers. For entry
// 0 that also mends the tail, which this overwrites: the kernel looks at it only during enter.
func (u *Uring) recycle(id uint16) {
	if int(id) >= len(u.held) || !u.held[id] {
		panic(fmt.Sprintf("ring: receive buffer %d was recycled and is not the caller's", id))
	}
	u.held[id] = false
	u.buffers[u.bufferTail&uint16(len(u.buffers)-1)] = bufferEntry{
		addr:   u.arenaAddr + uint64(id)*uint64(u.bufferSize),
		length: u.bufferSize,
		idTail: uint32(id),
	}
	u.bufferTail++
}

// publishBuffers tells the kernel about the buffers recycled since the last time. The tail is 16 bits wide and the upper
// half of a word whose lower half is the id in entry 0; Go's atomic stores are 32 bits. (So a little-endian machine it is.)
func (u *Uring) publishBuffers() {
	if u.published != u.bufferTail {
		u.published = u.bufferTail
		word := &u.buffers[0].idTail
		atomic.StoreUint32(word, uint32(u.bufferTail)<<16|*word&0xffff)
	}
}
