//go:build linux

package ring

import "golang.org/x/sys/unix"

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
	case ReceiveOnce:
		s.opcode = opRecv
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
	case Flush:
		s.opcode, s.opFlags = opFsync, fsyncData
	case Read:
		u.memory(s, op)
		s.opcode, s.off = opRead, op.At
	case Shutdown:
		s.opcode, s.length = opShutdown, op.Len
	case Close:
		s.opcode = opClose
	case Cancel:
		s.opcode, s.opFlags = opAsyncCancel, cancelFD|cancelAll
	}
	u.pos++
	u.pending++
}

// memory sets what part of the arena the entry is about.
func (u *Uring) memory(s *sqe, op *Op) { s.addr, s.length = u.arenaAddr+op.Off, op.Len }
