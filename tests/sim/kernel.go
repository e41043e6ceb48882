package sim

import (
	"bytes"
	"fmt"
	"syscall"

	"matcher/ring"
)

const (
	receiveBuffers = 1024 // as many as core asks of its drivers
	openFiles      = 256  // descriptors at most
	feedFile       = 255  // of the feed, which is opened before there is a kernel
)

// Kernel answers Turn as ring.Uring does, on virtual sockets, a virtual disk and a virtual clock. It keeps to what package
// ring says of each Code; what it leaves open is drawn by chance: the order of completions, how bytes are cut, when a
// multishot operation ends for no reason, when a shutdown is carried out. What a caller must not do panics.
//
// Nothing waits: where a driver would sleep, the clock is moved.
type Kernel struct {
	w     *World
	arena []byte
	base  uint64
	size  int // of a receive buffer

	free []uint16
	held []bool

	files  [openFiles]descriptor
	active []int32 // descriptors that are not nothing
	shuts  []ring.Op
	turns  uint64
}

// descriptor is what a number stands for, and what is under way on it.
type descriptor struct {
	kind kindOfFile
	file *inode
	conn *conn
	pipe []byte
	peer int32 // of a pipe's writing end: the reading one

	in, out       bool // Accept, Receive, ReceiveOnce or Read of a pipe; Send
	once          bool // it is a ReceiveOnce
	inTag, outTag uint64
	inOff         uint64
	inLen         uint32
	outOff        uint64
	outLen, sent  uint32
}

type kindOfFile uint8

const (
	nothing kindOfFile = iota
	listener
	socket
	regular
	pipeIn
	pipeOut
	datagrams
)

// crashed is what a crash panics with: the venue is gone in the middle of whatever it did.
type crashed struct{}

// begin makes a kernel that knows nothing yet of what was there before.
func (k *Kernel) begin(w *World, arena []byte, base uint64, size int) {
	for _, fd := range k.active {
		k.files[fd] = descriptor{}
	}
	k.w, k.arena, k.base, k.size, k.turns = w, arena, base, size, 0
	k.active, k.shuts, k.free = k.active[:0], k.shuts[:0], k.free[:0]
	if k.held == nil {
		k.held = make([]bool, receiveBuffers)
	}
	clear(k.held)
	k.files[feedFile] = descriptor{kind: datagrams}
	for i := range receiveBuffers {
		k.free = append(k.free, uint16(receiveBuffers-1-i))
	}
}

// Arena returns all memory that operations may name.
func (k *Kernel) Arena() []byte { return k.arena }

// Base returns the first offset that is the caller's.
func (k *Kernel) Base() uint64 { return k.base }

// Enters counts turns.
func (k *Kernel) Enters() uint64 { return k.turns }

// Close does nothing: the next life begins anew.
func (k *Kernel) Close() error { return nil }

// open gives the lowest free number to something.
func (k *Kernel) open(d descriptor) int32 {
	for fd := int32(3); fd < openFiles; fd++ {
		if k.files[fd].kind == nothing {
			k.files[fd] = d
			k.active = append(k.active, fd)
			return fd
		}
	}
	panic("sim: out of descriptors")
}

func (k *Kernel) forget(fd int32) {
	k.files[fd] = descriptor{}
	for i, other := range k.active {
		if other == fd {
			k.active = append(k.active[:i], k.active[i+1:]...)
			return
		}
	}
}

// at returns what is open under a number, nil if nothing is.
func (k *Kernel) at(fd int32) *descriptor {
	if fd < 0 || fd >= openFiles || k.files[fd].kind == nothing {
		return nil
	}
	return &k.files[fd]
}

// Turn carries out ops and returns what completed.
func (k *Kernel) Turn(ops []ring.Op, done []ring.Completion, w ring.Wait) ([]ring.Completion, error) {
	k.w.tick()
	k.turns++
	before := len(done)
	for i := range ops {
		done = k.carryOut(&ops[i], done)
	}
	k.w.tick() // a crash between submission and completion
	k.w.now += k.w.work
	k.w.work = 1_000 + uint64(k.w.rng.Uint32N(3_000))
	done = k.progress(done)
	if len(done) == before && w.Until > 0 {
		k.w.sleep(uint64(w.Until))
		done = k.progress(done)
	}
	return done, nil
}

// check panics on what package ring forbids.
func (k *Kernel) check(op *ring.Op) {
	if op.Tag >= 1<<ring.TagBits {
		panic(fmt.Sprintf("sim: tag %#x", op.Tag))
	}
	switch op.Code {
	case ring.Send, ring.SendNow, ring.Write, ring.WriteLazy, ring.Read:
		if size := uint64(len(k.arena)); op.Off > size || uint64(op.Len) > size-op.Off {
			panic(fmt.Sprintf("sim: %d bytes at %d are outside the arena", op.Len, op.Off))
		}
	}
}

// carryOut carries out an operation, or puts it under way.
func (k *Kernel) carryOut(op *ring.Op, done []ring.Completion) []ring.Completion {
	k.check(op)
	if op.Code == ring.Recycle {
		if int(op.Buffer) >= len(k.held) || !k.held[op.Buffer] {
			panic(fmt.Sprintf("sim: receive buffer %d was recycled and is not the caller's", op.Buffer))
		}
		k.held[op.Buffer] = false
		k.free = append(k.free, op.Buffer)
		return done
	}
	d := k.at(op.File)
	if d == nil {
		return append(done, ring.Completion{Tag: op.Tag, Res: -int32(syscall.EBADF)})
	}
	switch op.Code {
	case ring.Accept, ring.Receive, ring.ReceiveOnce:
		if d.in {
			panic(fmt.Sprintf("sim: two receives on descriptor %d", op.File))
		}
		d.in, d.inTag, d.once = true, op.Tag, op.Code == ring.ReceiveOnce
	case ring.Read:
		return k.read(op, d, done)
	case ring.Send:
		if d.out {
			panic(fmt.Sprintf("sim: two sends on descriptor %d", op.File))
		}
		d.out, d.outTag, d.outOff, d.outLen, d.sent = true, op.Tag, op.Off, op.Len, 0
	case ring.SendNow:
		return k.sendNow(op, d, done)
	case ring.Write, ring.WriteLazy:
		k.write(op, d)
	case ring.Flush:
		k.w.flush(op, d.file)
	case ring.Shutdown:
		k.shuts = append(k.shuts, *op)
	case ring.Close:
		k.close(op.File, d)
		return append(done, ring.Completion{Tag: op.Tag})
	case ring.Cancel:
		return k.cancel(op, d, done)
	}
	return done
}

func (k *Kernel) read(op *ring.Op, d *descriptor, done []ring.Completion) []ring.Completion {
	if d.kind == pipeIn {
		d.in, d.inTag, d.inOff, d.inLen = true, op.Tag, op.Off, op.Len
		return done
	}
	n := 0
	if op.At < uint64(len(d.file.data)) {
		n = copy(k.arena[op.Off:][:op.Len], d.file.data[op.At:])
	}
	return append(done, ring.Completion{Tag: op.Tag, Res: int32(n)})
}

func (k *Kernel) write(op *ring.Op, d *descriptor) {
	if d.kind != regular || (op.At|uint64(op.Len)|op.Off)%4096 != 0 || op.At+uint64(op.Len) > uint64(len(d.file.data)) {
		panic(fmt.Sprintf("sim: a direct write of %d bytes from %d at %d", op.Len, op.Off, op.At))
	}
	k.w.submitted(op, d.file, k.arena[op.Off:][:op.Len])
}

// sendNow sends what finds room, and tells only if that was not all.
func (k *Kernel) sendNow(op *ring.Op, d *descriptor, done []ring.Completion) []ring.Completion {
	if d.kind != socket {
		k.w.datagram(k.arena[op.Off:][:op.Len])
		return done // a datagram is always sent
	}
	if d.out {
		panic(fmt.Sprintf("sim: SendNow beside a Send on descriptor %d", op.File))
	}
	n, errno := d.conn.take(k.arena[op.Off:][:op.Len])
	switch {
	case errno != 0:
		return append(done, ring.Completion{Tag: op.Tag, Res: -int32(errno)})
	case n == int(op.Len), k.w.broken == ShortSends:
		return done
	case n == 0:
		return append(done, ring.Completion{Tag: op.Tag, Res: -int32(syscall.EAGAIN)})
	}
	return append(done, ring.Completion{Tag: op.Tag, Res: int32(n)})
}

// close frees a number. What is under way holds the connection open: it would go on for ever, unseen, so it is forbidden.
func (k *Kernel) close(fd int32, d *descriptor) {
	if d.in || d.out {
		panic(fmt.Sprintf("sim: descriptor %d was closed with an operation under way", fd))
	}
	for i := range k.shuts {
		if k.shuts[i].File == fd {
			panic(fmt.Sprintf("sim: descriptor %d was closed before its shutdown was carried out", fd))
		}
	}
	if d.kind == socket {
		d.conn.serverClosed()
	}
	k.forget(fd)
}

func (k *Kernel) cancel(op *ring.Op, d *descriptor, done []ring.Completion) []ring.Completion {
	n := int32(0)
	if d.in {
		d.in = false
		done = append(done, ring.Completion{Tag: d.inTag, Res: -int32(syscall.ECANCELED)})
		n++
	}
	if d.out {
		d.out = false
		res := int32(d.sent)
		if res == 0 {
			res = -int32(syscall.ECANCELED)
		}
		done = append(done, ring.Completion{Tag: d.outTag, Res: res})
		n++
	}
	return append(done, ring.Completion{Tag: op.Tag, Res: n})
}

// progress completes what can complete, beginning with a descriptor by chance.
func (k *Kernel) progress(done []ring.Completion) []ring.Completion {
	done = k.flushed(k.landed(done))
	done = k.shutdowns(done)
	n := len(k.active)
	first := k.w.rng.IntN(max(1, n))
	for i := range n {
		fd := k.active[(first+i)%n]
		d := &k.files[fd]
		if d.out {
			done = k.goOnOut(d, done)
		}
		if !d.in {
			continue
		}
		switch d.kind {
		case listener:
			done = k.accept(d, done)
		case socket:
			done = k.receive(d, done)
		case pipeIn:
			if len(d.pipe) != 0 {
				got := copy(k.arena[d.inOff:][:d.inLen], d.pipe)
				d.pipe = d.pipe[:copy(d.pipe, d.pipe[got:])]
				d.in = false
				done = append(done, ring.Completion{Tag: d.inTag, Res: int32(got)})
			}
		}
	}
	return done
}

// landed completes writes that are due.
func (k *Kernel) landed(done []ring.Completion) []ring.Completion {
	d := k.w.disk
	for i := 0; i < len(d.flight); {
		w := d.flight[i]
		if w.due > k.w.now {
			if d.lies && !w.told { // the control: told at once, on the disk when it is due
				w.told = true
				done = append(done, ring.Completion{Tag: w.tag, Res: int32(len(w.data))})
				k.w.completed(w)
			}
			i++
			continue
		}
		if !w.told && !w.late {
			if w.res == 0 && !bytes.Equal(w.data, k.arena[w.off:][:len(w.data)]) {
				panic("sim: the memory of a write was changed while it was in flight")
			}
			res := w.res
			if res == 0 || k.w.broken == FailStop {
				res = int32(len(w.data))
				k.w.completed(w)
			}
			done = append(done, ring.Completion{Tag: w.tag, Res: res})
		}
		d.land(i)
	}
	return done
}

// flushed completes flushes of the disk's cache that are due.
func (k *Kernel) flushed(done []ring.Completion) []ring.Completion {
	w := k.w
	kept := w.flushes[:0]
	for _, f := range w.flushes {
		switch {
		case f.due > w.now:
			kept = append(kept, f)
		case f.fails:
			w.disk.lose(f.file)
			w.failed = true
			done = append(done, ring.Completion{Tag: f.tag, Res: -int32(syscall.EIO)})
		default:
			w.synced(f)
			done = append(done, ring.Completion{Tag: f.tag})
		}
	}
	w.flushes = kept
	return done
}

// shutdowns carries out those that their time has come for. The descriptor is looked up only now.
func (k *Kernel) shutdowns(done []ring.Completion) []ring.Completion {
	kept := 0
	for i := range k.shuts {
		op := k.shuts[i]
		if k.w.rng.IntN(4) == 0 {
			k.shuts[kept] = op
			kept++
			continue
		}
		res := int32(0)
		if d := k.at(op.File); d == nil || d.kind != socket {
			res = -int32(syscall.EBADF)
		} else {
			res = -int32(d.conn.serverShuts(op.Len))
		}
		done = append(done, ring.Completion{Tag: op.Tag, Res: res})
	}
	k.shuts = k.shuts[:kept]
	return done
}

// accept takes a connection, if one waits.
func (k *Kernel) accept(d *descriptor, done []ring.Completion) []ring.Completion {
	w := k.w
	for len(w.knocking) != 0 && d.in {
		c := w.knocking[0]
		if w.faults.Accept && w.rng.IntN(20) == 0 {
			d.in = false
			return append(done, ring.Completion{Tag: d.inTag, Res: -int32(syscall.EMFILE)})
		}
		w.knocking = w.knocking[:copy(w.knocking, w.knocking[1:])]
		tag := d.inTag
		d.in = w.rng.IntN(16) != 0
		done = append(done, ring.Completion{Tag: tag, Res: k.open(descriptor{kind: socket, conn: c}), More: d.in})
		c.accepted, c.since = true, w.now
	}
	return done
}

// receive delivers bytes of a connection, one buffer or a few, or its end.
func (k *Kernel) receive(d *descriptor, done []ring.Completion) []ring.Completion {
	c, w := d.conn, k.w
	for range 32 {
		n, errno := c.ready()
		if errno == syscall.EAGAIN {
			return done
		}
		if errno != 0 || n == 0 {
			d.in = false
			return append(done, ring.Completion{Tag: d.inTag, Res: -int32(errno)})
		}
		if len(k.free) == 0 {
			d.in = false
			return append(done, ring.Completion{Tag: d.inTag, Res: -int32(syscall.ENOBUFS)})
		}
		n = min(n, k.size)
		if w.faults.Chunks && w.rng.IntN(4) == 0 {
			n = 1 + w.rng.IntN(n)
		}
		id := k.free[len(k.free)-1]
		k.free = k.free[:len(k.free)-1]
		k.held[id] = true
		off := uint64(id) * uint64(k.size)
		c.pull(k.arena[off:][:n])
		d.in = !d.once && w.rng.IntN(64) != 0
		done = append(done, ring.Completion{Tag: d.inTag, Res: int32(n), More: d.in, Filled: true, Buffer: id, Off: off})
		if !d.in || w.faults.Chunks && w.rng.IntN(8) == 0 {
			return done
		}
	}
	return done
}

// goOnOut goes on with a Send.
func (k *Kernel) goOnOut(d *descriptor, done []ring.Completion) []ring.Completion {
	n, errno := d.conn.take(k.arena[d.outOff+uint64(d.sent):][:d.outLen-d.sent])
	d.sent += uint32(n)
	if errno == 0 && d.sent < d.outLen {
		return done
	}
	d.out = false
	res := int32(d.sent)
	if res == 0 {
		res = -int32(errno)
	}
	return append(done, ring.Completion{Tag: d.outTag, Res: res})
}
