//go:build linux

package ring

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// next says how an operation stands after it was tried.
type next uint8

const (
	over    next = iota // it has completed for the last time
	waiting             // for epoll to tell that it can go on
	ready               // it could go on, and has had its burst
)

// call is a system call that is made again if a signal interrupts it. RawSyscall6: none of them waits, but for the disk.
func (p *Portable) call(number, a, b, c, d, e, f uintptr) (int, unix.Errno) {
	for {
		p.calls++
		n, _, errno := unix.RawSyscall6(number, a, b, c, d, e, f)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}

// begin carries out an operation, or as much of it as does not wait.
func (p *Portable) begin(op *Op, done []Completion) []Completion {
	if op.Code == Recycle {
		p.recycle(op.Buffer)
		return done
	}
	op.check(p.arena)
	addr, length := p.arenaAddr+uintptr(op.Off), uintptr(op.Len)
	n, errno := 0, unix.Errno(0)
	switch op.Code {
	case Accept, Receive, ReceiveOnce:
		return p.beginIn(op, done)
	case Read:
		n, errno = p.call(unix.SYS_PREAD64, uintptr(op.File), addr, length, uintptr(op.At), 0, 0)
		if errno == unix.ESPIPE {
			return p.beginIn(op, done)
		}
	case Send:
		return p.beginOut(op, done)
	case SendNow:
		n, errno = p.send(op.File, op.Off, op.Len)
		if errno == 0 && n == int(op.Len) {
			return done // success is silent
		}
	case Shutdown:
		_, errno = p.call(unix.SYS_SHUTDOWN, uintptr(op.File), length, 0, 0, 0, 0)
	case Close:
		errno = p.closeFile(op.File)
	case Cancel:
		n, errno, done = p.cancel(op.File, done)
	}
	return append(done, completion(op.Tag, n, errno))
}

// write carries out the writes among ops, and what makes them durable.
func (p *Portable) write(ops []Op, done []Completion) []Completion {
	for i := range ops {
		op := &ops[i]
		n, errno := 0, unix.Errno(0)
		switch op.Code {
		case Write:
			op.check(p.arena)
			n, errno = p.writeDurably(op)
		case WriteLazy:
			op.check(p.arena)
			n, errno = p.pwrite(op)
		case Flush:
			op.check(p.arena)
			errno = p.fdatasync(op.File)
		default:
			continue
		}
		done = append(done, completion(op.Tag, n, errno))
	}
	return done
}

func (p *Portable) pwrite(op *Op) (int, unix.Errno) {
	return p.call(unix.SYS_PWRITE64, uintptr(op.File), p.arenaAddr+uintptr(op.Off), uintptr(op.Len), uintptr(op.At), 0, 0)
}

// completion is the last one of an operation.
func completion(tag uint64, n int, errno unix.Errno) Completion {
	if errno != 0 {
		return Completion{Tag: tag, Res: -int32(errno)}
	}
	return Completion{Tag: tag, Res: int32(n)}
}

func (p *Portable) recycle(id uint16) {
	if int(id) >= len(p.held) || !p.held[id] {
		panic(fmt.Sprintf("ring: receive buffer %d was recycled and is not the caller's", id))
	}
	p.held[id] = false
	p.free = append(p.free, id)
}

// beginIn tries what reads, and has epoll tell when it can go on if it must wait.
func (p *Portable) beginIn(op *Op, done []Completion) []Completion {
	if f := p.file(op.File); f != nil && f.in != 0 {
		return append(done, Completion{Tag: op.Tag, Res: -int32(unix.EBUSY)})
	}
	if op.Code == Accept {
		if errno := p.nonblocking(op.File); errno != 0 {
			return append(done, completion(op.Tag, 0, errno))
		}
	}
	f := portableFile{in: op.Code, inTag: op.Tag, readOff: op.Off, readLen: op.Len}
	done, next := p.tryIn(op.File, &f, false, done)
	if next == over {
		return done
	}
	at := p.place(op.File)
	at.in, at.inTag, at.readOff, at.readLen = f.in, f.inTag, f.readOff, f.readLen
	if errno := p.watch(op.File, at); errno != 0 {
		at.in = 0
		return append(done, completion(op.Tag, 0, errno))
	}
	if next == ready {
		p.pause(op.File, at)
	}
	return done
}

// goOnIn goes on with what reads from a descriptor. toTheEnd: epoll has told of the end, or may have, and will not again.
func (p *Portable) goOnIn(fd int32, toTheEnd bool, done []Completion) []Completion {
	f := p.file(fd)
	if f == nil || f.in == 0 || f.paused {
		return done
	}
	done, next := p.tryIn(fd, f, toTheEnd, done)
	switch next {
	case over:
		f.in = 0
		p.letGo(fd, f)
	case ready:
		p.pause(fd, f)
	case waiting:
	}
	return done
}

func (p *Portable) tryIn(fd int32, f *portableFile, toTheEnd bool, done []Completion) ([]Completion, next) {
	switch f.in {
	case Accept:
		return p.accept(fd, f.inTag, done)
	case Receive, ReceiveOnce:
		return p.receive(fd, f, toTheEnd, done)
	}
	return p.readPipe(fd, f, done)
}

// accept takes connections until there is none.
func (p *Portable) accept(fd int32, tag uint64, done []Completion) ([]Completion, next) {
	for range burst {
		n, errno := p.call(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
			if f := p.file(int32(n)); f != nil { // what is known of the number is of another file, closed behind our back
				*f = portableFile{paused: f.paused}
			}
			done = append(done, Completion{Tag: tag, Res: int32(n), More: true})
		case unix.EAGAIN:
			return done, waiting
		default:
			return append(done, completion(tag, 0, errno)), over
		}
	}
	return done, ready
}

// receive takes bytes until there are none. Fewer than a buffer holds means that there are none any more: asking again is
// saved, unless the end of the connection may lie behind them. A ReceiveOnce has had its bytes with the first.
func (p *Portable) receive(fd int32, f *portableFile, toTheEnd bool, done []Completion) ([]Completion, next) {
	tag, more := f.inTag, f.in == Receive
	for range burst {
		if len(p.free) == 0 {
			return p.starve(fd, tag, done)
		}
		id := p.free[len(p.free)-1]
		off := uint64(id) * uint64(p.bufferSize)
		n, errno := p.call(unix.SYS_RECVFROM, uintptr(fd), p.arenaAddr+uintptr(off), uintptr(p.bufferSize), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EAGAIN:
			return done, waiting
		case errno != 0 || n == 0:
			return append(done, completion(tag, 0, errno)), over
		}
		p.free = p.free[:len(p.free)-1]
		p.held[id] = true
		done = append(done, Completion{Tag: tag, Res: int32(n), More: more, Filled: true, Buffer: id, Off: off})
		if !more {
			return done, over
		}
		if uint32(n) < p.bufferSize && !toTheEnd {
			return done, waiting
		}
	}
	return done, ready
}

// starve is receive without a buffer: if there are bytes, it ends.
func (p *Portable) starve(fd int32, tag uint64, done []Completion) ([]Completion, next) {
	n, errno := p.call(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p.peeked)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	if errno == unix.EAGAIN {
		return done, waiting
	}
	if errno == 0 && n > 0 {
		errno = unix.ENOBUFS
	}
	return append(done, completion(tag, 0, errno)), over
}

// readPipe reads from what has no offset. Pipes are blocking, so they are asked first whether there is anything.
func (p *Portable) readPipe(fd int32, f *portableFile, done []Completion) ([]Completion, next) {
	p.poll, p.timeout = unix.PollFd{Fd: fd, Events: unix.POLLIN}, timespec64{}
	n, errno := p.call(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p.poll)), 1, uintptr(unsafe.Pointer(&p.timeout)), 0, 0, 0)
	if errno == 0 && n == 0 {
		return done, waiting
	}
	if errno == 0 {
		n, errno = p.call(unix.SYS_READ, uintptr(fd), p.arenaAddr+uintptr(f.readOff), uintptr(f.readLen), 0, 0, 0)
	}
	if errno == unix.EAGAIN {
		return done, waiting
	}
	return append(done, completion(f.inTag, n, errno)), over
}

func (p *Portable) nonblocking(fd int32) unix.Errno {
	flags, errno := p.call(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFL, 0, 0, 0, 0)
	if errno != 0 || flags&unix.O_NONBLOCK != 0 {
		return errno
	}
	_, errno = p.call(unix.SYS_FCNTL, uintptr(fd), unix.F_SETFL, uintptr(flags)|unix.O_NONBLOCK, 0, 0, 0)
	return errno
}

// send sends what finds room.
func (p *Portable) send(fd int32, off uint64, length uint32) (int, unix.Errno) {
	return p.call(unix.SYS_SENDTO, uintptr(fd), p.arenaAddr+uintptr(off), uintptr(length), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
}

// beginOut tries a Send, and has epoll tell when there is room again if it must wait.
func (p *Portable) beginOut(op *Op, done []Completion) []Completion {
	if f := p.file(op.File); f != nil && f.out != 0 {
		return append(done, Completion{Tag: op.Tag, Res: -int32(unix.EBUSY)})
	}
	f := portableFile{out: Send, outTag: op.Tag, sendOff: op.Off, sendLen: op.Len}
	done, next := p.tryOut(op.File, &f, done)
	if next == over {
		return done
	}
	at := p.place(op.File)
	at.out, at.outTag, at.sendOff, at.sendLen, at.sent = f.out, f.outTag, f.sendOff, f.sendLen, f.sent
	if errno := p.watch(op.File, at); errno != 0 {
		at.out = 0
		return append(done, at.sendEnded(errno))
	}
	return done
}

// goOnOut goes on with a Send.
func (p *Portable) goOnOut(fd int32, done []Completion) []Completion {
	f := p.file(fd)
	if f == nil || f.out == 0 {
		return done
	}
	done, next := p.tryOut(fd, f, done)
	if next == over {
		f.out = 0
		p.letGo(fd, f)
	}
	return done
}

func (p *Portable) tryOut(fd int32, f *portableFile, done []Completion) ([]Completion, next) {
	for {
		n, errno := p.send(fd, f.sendOff+uint64(f.sent), f.sendLen-f.sent)
		if errno == unix.EAGAIN {
			return done, waiting
		}
		if errno == 0 {
			f.sent += uint32(n)
		}
		if errno != 0 || f.sent == f.sendLen {
			return append(done, f.sendEnded(errno)), over
		}
	}
}

// sendEnded is the completion of a Send: what was sent counts more than why the rest was not.
func (f *portableFile) sendEnded(errno unix.Errno) Completion {
	if f.sent != 0 {
		errno = 0
	}
	return completion(f.outTag, int(f.sent), errno)
}

// writeDurably is a write that has reached the disk when it returns.
func (p *Portable) writeDurably(op *Op) (int, unix.Errno) {
	if !p.noDSync {
		p.iov.Base = (*byte)(unsafe.Pointer(unsafe.SliceData(p.arena[op.Off:])))
		p.iov.SetLen(int(op.Len))
		n, errno := p.call(unix.SYS_PWRITEV2, uintptr(op.File), uintptr(unsafe.Pointer(&p.iov)), 1, uintptr(op.At), 0, unix.RWF_DSYNC)
		if errno != unix.ENOSYS && errno != unix.EOPNOTSUPP {
			return n, errno
		}
		p.noDSync = errno == unix.ENOSYS
	}
	n, errno := p.pwrite(op)
	if errno == 0 {
		errno = p.fdatasync(op.File)
	}
	return n, errno
}

func (p *Portable) fdatasync(fd int32) unix.Errno {
	_, errno := p.call(unix.SYS_FDATASYNC, uintptr(fd), 0, 0, 0, 0, 0)
	return errno
}

// cancel ends what is under way on a descriptor and counts it.
func (p *Portable) cancel(fd int32, done []Completion) (int, unix.Errno, []Completion) {
	if _, errno := p.call(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD, 0, 0, 0, 0); errno != 0 {
		return 0, errno, done
	}
	f, n := p.file(fd), 0
	if f != nil && f.in != 0 {
		f.in = 0
		done = append(done, completion(f.inTag, 0, unix.ECANCELED))
		n++
	}
	if f != nil && f.out != 0 {
		f.out = 0
		done = append(done, f.sendEnded(unix.ECANCELED))
		n++
	}
	return n, 0, done
}

// closeFile frees a descriptor's number. What is under way holds the connection open, as it does in io_uring: it goes on
// under another number, that of a duplicate.
func (p *Portable) closeFile(fd int32) unix.Errno {
	if f := p.file(fd); f != nil {
		if f.in != 0 || f.out != 0 {
			if errno := p.moveAway(fd); errno != 0 {
				return errno
			}
		}
		*p.file(fd) = portableFile{} // the table may have grown
	}
	p.calls++
	_, _, errno := unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) // not again after EINTR: the number is free, or another's
	if errno == unix.EINTR {
		errno = 0
	}
	return errno
}

// moveAway lets what is under way go on under a number of our own.
func (p *Portable) moveAway(fd int32) unix.Errno {
	n, errno := p.call(unix.SYS_FCNTL, uintptr(fd), unix.F_DUPFD_CLOEXEC, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	_ = p.control(unix.EPOLL_CTL_DEL, fd, &unix.EpollEvent{}) // epoll knows it by both, and would go on telling of this one
	own := int32(n)
	to := p.place(own)
	*to = *p.file(fd)
	to.ours, to.registered, to.paused = true, false, false
	if errno = p.watch(own, to); errno != 0 {
		*to = portableFile{}
		_, _ = p.call(unix.SYS_CLOSE, uintptr(own), 0, 0, 0, 0, 0)
	}
	return errno
}

// letGo closes a descriptor of our own once nothing is under way on it.
func (p *Portable) letGo(fd int32, f *portableFile) {
	if f.ours && f.in == 0 && f.out == 0 {
		_ = p.closeFile(fd)
	}
}
