package sim

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"syscall"

	"matcher/core"
	"matcher/journal"
	"matcher/ring"
)

// Faults are the kinds of trouble that a run has. Each seed draws its own.
type Faults struct {
	Power    bool // crashes take the power away; else they only kill the process
	Slow     bool // the disk takes up to 5 ms, now and then 50 ms, instead of up to 100 us
	Late     bool // writes of a killed process land in the next life
	Broken   bool // a write or a sync fails with EIO, or is cut short
	Full     bool // now and then the disk has no room for another segment
	Flips    bool // a bit flips at rest in what was acknowledged
	Astray   bool // an acknowledged block is found in another place, or another one in its place
	Chunks   bool // the network cuts bytes anywhere and holds some back
	Resets   bool // connections break
	Vanish   bool // peers go away unheard
	Lazy     bool // clients that read seldom, over small socket buffers
	Hostile  bool // a peer that sends anything
	Accept   bool // accepting fails
	Jumps    bool // the wall clock jumps
	Operator bool // an operator halts, resumes, cancels and stops the venue
	Days     bool // trading days end, by themselves or because an operator says so
	Snaps    bool // snapshots are taken, damaged, lost; segments are archived
	Feed     bool // there is a public feed, and a receiver who misses some of it
}

// World is the machine below a venue in a simulation: it implements core.World. It also keeps the account of what the
// journal must hold: every block that was submitted, and up to where the venue was told that all is durable.
type World struct {
	rng     *rand.Rand
	faults  Faults
	mode    core.Durability
	broken  Control
	disk    *disk
	kernel  *Kernel
	machine *Machine
	feed    *receiver

	now   uint64 // virtual ns
	wall  uint64 // ns since 1970 at now 0, jumps
	work  uint64 // ns that the venue works in a turn
	nap   uint64 // ns that it may sleep at once
	fuse  int    // ticks until the crash; 0: none comes
	ticks uint64
	size  int // of a receive buffer

	knocking []*conn // connections that wait to be accepted

	line    []block  // blocks submitted, those that recoveries dropped left out
	acked   int      // of those, so many are durable as far as the venue knows, without a gap
	header  *flight  // of the fence that this life begins with, until the venue is told of its end
	kept    int      // blocks before it
	flushes []*flush // under way
	begins  bool     // there is no fence of this life yet
	failed  bool     // a sync has
	plain   bool     // what is written is no journal: there is no account
	spoilt  bool     // the newest snapshot is damaged
	chance  uint64
	fails   int    // writes and syncs until one fails
	back    uint64 // virtual time until which users may come back after the last start
	runs    int    // blocks submitted that go on in the next
}

// block is what the account knows of a block.
type block struct {
	start, end uint64 // positions
	chain      uint64 // behind it
	promise    uint64
	seq        uint64
	more       bool
	durable    bool // or, in mode written, written
	safe       bool // durable
	file       *inode
	at         uint64
	flight     *flight
}

// violation is what a run panics with when something happened that must never.
type violation string

func fail(format string, args ...any) { panic(violation(fmt.Sprintf(format, args...))) }

// tick is a point at which the venue can crash.
func (w *World) tick() {
	w.ticks++
	if w.fuse > 0 {
		if w.fuse--; w.fuse == 0 {
			panic(crashed{})
		}
	}
}

// sleep moves the clock: to the next write that is due, but no further than asked for, and as the run allows.
func (w *World) sleep(until uint64) {
	until = min(until, w.nap)
	for _, f := range w.disk.flight {
		if f.due > w.now {
			until = min(until, f.due-w.now)
		}
	}
	for _, f := range w.flushes {
		if f.due > w.now {
			until = min(until, f.due-w.now)
		}
	}
	w.now += until
}

// Kernel makes the kernel of the next life.
func (w *World) Kernel(arena uint64) (core.Kernel, error) {
	base := (uint64(receiveBuffers*w.size) + 4095) &^ 4095
	m := w.machine
	if need := base + arena; uint64(len(m.arena)) < need {
		m.arena = make([]byte, need)
	}
	w.kernel = &m.kernel
	w.kernel.begin(w, m.arena, base, w.size)
	return w.kernel, nil
}

// Clock returns the virtual time.
func (w *World) Clock() (wall, mono uint64) { return w.wall + w.now, w.now }

// Chance gives bytes that the seed decides.
func (w *World) Chance(b []byte) {
	for i := range b {
		w.chance = w.chance*6364136223846793005 + 1442695040888963407
		b[i] = byte(w.chance >> 56)
	}
}

// Pin does nothing.
func (w *World) Pin(*core.Config) string { return "simulated" }

// Prefault does nothing.
func (w *World) Prefault(_, _ uintptr) {}

// Listen opens the one listener.
func (w *World) Listen(addr string) (int, string, error) {
	return int(w.kernel.open(descriptor{kind: listener})), addr, nil
}

// NoDelay does nothing.
func (w *World) NoDelay(int) {}

// Datagrams opens the one socket of the feed.
func (w *World) Datagrams(string, string, int) (int, error) { return feedFile, nil }

// datagram hands a packet to the receiver.
func (w *World) datagram(b []byte) {
	if w.feed != nil {
		w.feed.take(b)
	}
}

// Pipe opens a pipe.
func (w *World) Pipe() (int, int, error) {
	r := w.kernel.open(descriptor{kind: pipeIn})
	return int(r), int(w.kernel.open(descriptor{kind: pipeOut, peer: r})), nil
}

// Post writes to a pipe.
func (w *World) Post(fd int, messages []byte) {
	if d := w.kernel.at(int32(fd)); d != nil && d.kind == pipeOut {
		r := &w.kernel.files[d.peer]
		r.pipe = append(r.pipe, messages...)
	}
}

// Close closes a descriptor by other means than the kernel's.
func (w *World) Close(fd int) {
	if w.kernel == nil {
		return
	}
	if d := w.kernel.at(int32(fd)); d != nil {
		if d.kind == socket {
			d.conn.serverClosed()
		}
		w.kernel.forget(int32(fd))
	}
}

// Lock is not contended here.
func (w *World) Lock(string) (int, error) { return -1, nil }

// Journal returns the disk.
func (w *World) Journal(string) fs.FS {
	w.tick()
	return w.disk
}

// Settle makes what lies on it durable.
func (w *World) Settle(string) error {
	w.tick()
	for _, f := range w.disk.names {
		w.disk.sync(f, w.disk.ends)
	}
	return nil
}

// Word opens the number that readers of the journal look at.
func (w *World) Word(string) (core.Word, error) { return reached{w}, nil }

// reached holds what readers are told against the account: never more than what is durable.
type reached struct{ w *World }

// Store takes the position up to which the journal may be told of.
func (r reached) Store(n uint64) {
	if n != ^uint64(0) && n > r.w.released() {
		fail("readers may go up to %d, and %d is durable", n, r.w.released())
	}
}

// Close does nothing.
func (r reached) Close() error { return nil }

// Create makes a file.
func (w *World) Create(name string, size uint64) (int, bool, error) {
	w.tick()
	f, err := w.disk.create(path.Base(name), size)
	if err != nil {
		return -1, false, err
	}
	return int(w.kernel.open(descriptor{kind: regular, file: f})), true, nil
}

// Reopen opens a file that is there.
func (w *World) Reopen(name string, size uint64) (int, bool, error) {
	w.tick()
	f := w.disk.names[path.Base(name)]
	if f == nil || uint64(len(f.data)) != size {
		return -1, false, fs.ErrNotExist
	}
	return int(w.kernel.open(descriptor{kind: regular, file: f})), true, nil
}

// Zero fills a file with zeros.
func (w *World) Zero(fd int, _ bool, from, to uint64) error {
	w.tick()
	clear(w.kernel.at(int32(fd)).file.data[from:to])
	return nil
}

// Sync makes that durable.
func (w *World) Sync(fd int) error {
	f := w.kernel.at(int32(fd)).file
	if w.fails > 0 {
		if w.fails--; w.fails == 0 {
			w.disk.lose(f)
			w.failed = true
			return fmt.Errorf("sim: sync: %w", syscall.EIO)
		}
	}
	w.synced(w.whole(f))
	w.tick()
	return nil
}

// flush is a flush of the disk's cache that has not ended: of one file, as far as writes had ended when it began.
type flush struct {
	file   *inode
	ends   uint64 // writes of the disk that had ended
	blocks int    // blocks of the account that had
	tag    uint64
	due    uint64
	fails  bool
}

// whole is a flush of all that a file has now.
func (w *World) whole(f *inode) *flush { return &flush{file: f, ends: w.disk.ends, blocks: w.acked} }

// flush puts one under way.
func (w *World) flush(op *ring.Op, file *inode) {
	f := w.whole(file)
	f.tag, f.due = op.Tag, w.now+50_000+w.rng.Uint64N(500_000)
	if w.faults.Slow && w.rng.IntN(4) == 0 {
		f.due += 100_000_000
	}
	if w.fails > 0 {
		w.fails--
		f.fails = w.fails == 0
	}
	w.flushes = append(w.flushes, f)
}

// synced makes durable what a flush is about, and takes that into the account.
func (w *World) synced(f *flush) {
	w.disk.sync(f.file, f.ends)
	for i := range f.blocks {
		w.line[i].safe = w.line[i].safe || w.line[i].file == f.file
	}
}

// SyncDir makes the directory durable.
func (w *World) SyncDir(string) error {
	w.tick()
	w.disk.syncDir(".")
	return nil
}

// Head reads the first bytes of a file.
func (w *World) Head(name string, b []byte) (int, error) {
	f := w.disk.names[path.Base(name)]
	if f == nil {
		return 0, fs.ErrNotExist
	}
	return copy(b, f.data), nil
}

// Link gives a file a second name.
func (w *World) Link(name, to string) error {
	w.tick()
	f := w.disk.names[path.Base(name)]
	if f == nil {
		return fs.ErrNotExist
	}
	w.disk.change(path.Base(to), f)
	return nil
}

// Rename gives a file another name.
func (w *World) Rename(name, to string) error {
	w.tick()
	f := w.disk.names[path.Base(name)]
	if f == nil {
		return fs.ErrNotExist
	}
	c := change{name: path.Base(to), file: f, gone: path.Base(name)}
	c.apply(w.disk.names)
	w.disk.changes = append(w.disk.changes, c)
	w.tick()
	return nil
}

// Remove takes a name away.
func (w *World) Remove(name string) error {
	w.tick()
	if w.disk.names[path.Base(name)] == nil {
		return fs.ErrNotExist
	}
	w.disk.change(path.Base(name), nil)
	return nil
}

// submitted takes a write into the account and puts it under way.
func (w *World) submitted(op *ring.Op, file *inode, data []byte) {
	due := w.now + 20_000 + w.rng.Uint64N(80_000)
	if w.faults.Slow {
		due = w.now + w.rng.Uint64N(5_000_000)
		if w.rng.IntN(50) == 0 {
			due += 50_000_000
		}
	}
	f := w.disk.write(file, op.At, data, op.Off, op.Tag, due)
	f.lazy = op.Code == ring.WriteLazy
	if w.fails > 0 {
		if w.fails--; w.fails == 0 && !w.broken.deaf() {
			f.res = -int32(syscall.EIO)
			if w.rng.IntN(3) == 0 {
				f.res = int32(op.Len) / 2 &^ (sector - 1)
			}
		}
	}
	if w.plain {
		return
	}
	le := binary.LittleEndian
	switch data[0] {
	case journal.KindSegment0:
		w.begun(data, f)
	case journal.KindBlock0:
		b := block{
			start: le.Uint64(data[48:]), promise: le.Uint64(data[80:]), seq: le.Uint64(data[112:]),
			more: le.Uint16(data[18:])&journal.FlagMore != 0, file: file, at: op.At, flight: f,
		}
		b.end = b.start + uint64(le.Uint32(data[8:]))
		before := le.Uint64(data[88:])
		b.chain = journal.Chain(before, le.Uint32(data[4:]))
		if end, chain := w.end(); b.start != end || before != chain {
			fail("a block at %d with chain %x was submitted behind %d with chain %x", b.start, before, end, chain)
		}
		if known := w.sure(); b.promise > known {
			fail("the block at %d promises %d, and %d is durable", b.start, b.promise, known)
		}
		w.line = append(w.line, b)
		if b.more {
			w.runs++
		}
	default:
		fail("a write of kind %d", data[0])
	}
}

// end is where the journal stands, as far as it was submitted.
func (w *World) end() (position, chain uint64) {
	if len(w.line) == 0 {
		return 0, 0
	}
	b := &w.line[len(w.line)-1]
	return b.end, b.chain
}

// begun holds the header of a segment against the account. The first of a life says what was recovered: a prefix of what
// was submitted, with everything in it that the venue was told is durable (I4). What it leaves out may still come back as
// long as the header itself is not durable, and never after that (I5).
func (w *World) begun(data []byte, f *flight) {
	le := binary.LittleEndian
	first, chain := le.Uint64(data[40:]), le.Uint64(data[80:])
	if !w.begins {
		if end, c := w.end(); first != end || chain != c {
			fail("a segment begins at %d with chain %x behind %d with chain %x", first, chain, end, c)
		}
		return
	}
	kept := 0
	for kept < len(w.line) && w.line[kept].end <= first {
		kept++
	}
	had := uint64(0)
	if kept > 0 {
		had = w.line[kept-1].chain
	}
	if known := w.released(); first < known {
		fail("recovered up to %d: everything up to %d was acknowledged", first, known)
	}
	if kept == 0 && first != 0 || kept > 0 && (w.line[kept-1].end != first || w.line[kept-1].more) || had != chain {
		fail("recovered up to %d with chain %x: that is no prefix of what was written", first, chain)
	}
	w.header, w.kept = f, kept
}

// fenced takes note that what was recovered is all there is.
func (w *World) fenced() {
	w.begins, w.header = false, nil
	w.line = w.line[:w.kept]
	w.acked = w.kept
	for i := range w.line {
		w.line[i].flight, w.line[i].durable, w.line[i].safe = nil, true, true
	}
}

// safe says how many of the blocks are durable whatever happens, without a gap.
func (w *World) safe() int {
	if w.mode == core.Sync {
		return w.acked
	}
	n := 0
	for n < w.acked && w.line[n].safe {
		n++
	}
	return n
}

// sure is the position up to which a block may promise.
func (w *World) sure() uint64 { return w.upTo(w.safe()) }

// completed takes note that the venue is told of a write's end.
func (w *World) completed(f *flight) {
	if f == w.header {
		w.fenced()
		return
	}
	for i := w.acked; i < len(w.line); i++ {
		if w.line[i].flight == f {
			w.line[i].durable, w.line[i].flight = true, nil
			break
		}
	}
	for w.acked < len(w.line) && w.line[w.acked].durable {
		w.acked++
	}
}

// released is the position up to which the venue may have acknowledged.
func (w *World) released() uint64 { return w.upTo(w.acked) }

// upTo is where the first n blocks end, runs that go on left out.
func (w *World) upTo(n int) uint64 {
	for i := n; i > 0; i-- {
		if b := &w.line[i-1]; !b.more {
			return b.end
		}
	}
	return 0
}
