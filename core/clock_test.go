package core

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"syscall"
	"testing"

	"matcher/engine"
	"matcher/journal"
	"matcher/ring"
)

// clockwork is this machine with a clock of its own: nothing takes time but what is said to, and where nothing happens the clock
// goes on to the end of the turn's wait. So a venue that is turned by hand does everything at the very moment it has to.
type clockwork struct {
	World
	now     uint64   // ns since the start of the machine
	end     uint64   // when its patience ends: the kernel gives up
	write   uint64   // ns that the write of a block takes
	flushes []uint64 // when they were begun
	full    bool     // there is no space for another segment
}

// clockBirth is the wall clock's time at the start of the machine.
const clockBirth = 1_790_000_000_000_000_000

// clocked opens a venue on such a machine, over the portable driver, whose writes and flushes have ended when a turn has.
func clocked(t *testing.T, c Config) (*Stepped, *clockwork) {
	t.Helper()
	k := &clockwork{World: newMachine(&c), end: 3600_000_000_000}
	c.World = k
	v := stepped(t, c)
	calm(t, v)
	return v, k
}

func (k *clockwork) Clock() (wall, mono uint64) { return clockBirth + k.now, k.now }

func (k *clockwork) Create(path string, size uint64) (fd int, direct bool, err error) {
	if k.full {
		return -1, false, syscall.ENOSPC
	}
	return k.World.Create(path, size)
}

func (k *clockwork) Kernel(arena uint64) (Kernel, error) {
	below, err := k.World.Kernel(arena)
	return &clockKernel{below, k}, err
}

type clockKernel struct {
	Kernel
	world *clockwork
}

func (k *clockKernel) Turn(ops []ring.Op, done []ring.Completion, w ring.Wait) ([]ring.Completion, error) {
	for i := range ops {
		switch kindOf(ops[i].Tag) {
		case tagFlush:
			k.world.flushes = append(k.world.flushes, k.world.now)
		case tagBlock:
			k.world.now += k.world.write
		}
	}
	before := len(done)
	done, err := k.Kernel.Turn(ops, done, ring.Wait{})
	if len(done) == before {
		k.world.now += uint64(w.Until)
	}
	if k.world.now > k.world.end {
		return done, errors.New("patience is at its end")
	}
	return done, err
}

// calm turns a venue until all that it has is durable.
func calm(t *testing.T, v *Stepped) {
	t.Helper()
	for turns := 0; !v.loop.writer.Empty() || v.loop.writer.Pending() != 0 || !v.loop.writer.Lasting(); turns++ {
		if !v.Turn() || turns == 10_000 {
			t.Fatalf("it does not become calm: %v", v.Err())
		}
	}
}

// enter gives a venue an order as if a user had sent it, in the turn that was the last.
func enter(l *loop, user uint16, ref uint32, side byte, qty uint32) {
	l.cmd = engine.Command{}
	o := l.cmd.Enter()
	o.Kind, o.Instrument, o.User, o.Side, o.Ref = engine.KindEnter, 1, user, side, ref
	o.Qty, o.Price, o.TIF, o.Display, o.Cross = qty, 1_000_000, '0', 'Y', 'N'
	l.apply(&l.cmd)
	l.more = true // what a turn has to do with it comes without a wait
}

// TestFlushInTime: where writes do not wait for the disk's cache, it is written down so long after the last time to the
// nanosecond, though nothing else wakes the loop then.
func TestFlushInTime(t *testing.T) {
	for _, durability := range []Durability{Written, Async} {
		c, _ := cached(t, PortableBackend, durability)
		v, clock := clocked(t, c)
		begun := func() uint64 { // turns until one is
			for n := len(clock.flushes); len(clock.flushes) == n; {
				if !v.Turn() {
					t.Fatal(v.Err())
				}
			}
			return clock.flushes[len(clock.flushes)-1]
		}
		for _, after := range []uint64{0, 1, flushTime / 3, flushTime - lingerTime - 1} {
			v.Turn()
			v.Turn() // nothing happens: it was as long as the timers wait since the last
			clock.now += flushTime / 4
			enter(v.loop, 1, v.loop.cmd.Enter().Ref+1, 'B', 1)
			first := begun()
			clock.now = max(clock.now, first+after)
			enter(v.loop, 1, v.loop.cmd.Enter().Ref+1, 'B', 1)
			if second := begun(); second != first+flushTime {
				t.Errorf("mode %d: of an order %d ns behind a flush the next is begun %d ns behind it", durability, after, second-first)
			}
		}
	}
}

// TestFlushInsideACommand: a command whose fills outgrow all blocks does not keep what was answered before it from the disk.
func TestFlushInsideACommand(t *testing.T) {
	for _, durability := range []Durability{Written, Async} {
		c, _ := cached(t, PortableBackend, durability)
		c.Block = page
		v, clock := clocked(t, c)
		l := v.loop
		const orders = 4_000
		for ref := range uint32(orders) {
			for !l.writer.Room() {
				v.Turn()
			}
			enter(l, 1, ref+1, 'S', 1)
		}
		calm(t, v)
		clock.write, clock.flushes = 1_000_000, nil
		last := clock.now
		enter(l, 2, 1, 'B', orders)
		if took := clock.now - last; l.engine.Fills() != orders || took < 2*flushTime {
			t.Fatalf("%d fills, the blocks of which were written in %d ns", l.engine.Fills(), took)
		}
		for _, at := range append(clock.flushes, clock.now) {
			if at-last > flushTime+2*writesInFlight*clock.write { // due while writes are under way, begun behind the next
				t.Errorf("mode %d: %d ns without a flush inside a command", durability, at-last)
			}
			last = at
		}
		calm(t, v)
		verify(t, c.Journal)
	}
}

// TestYield: while somebody waits for a write to the disk the cpu is given away between looks at the ring.
func TestYield(t *testing.T) {
	for durability, want := range map[Durability]bool{Sync: true, Written: true, Async: false} {
		c, disk := cached(t, PortableBackend, durability)
		disk.kind = tagBlock
		v, clock := clocked(t, c)
		l := v.loop
		if l.wait().DiskBusy {
			t.Errorf("mode %d: busy, and nothing is written", durability)
		}
		disk.shut.Store(true)
		enter(l, 1, 1, 'B', 1)
		clock.now += lingerTime
		v.Turn()
		if busy := l.wait().DiskBusy; l.writer.InFlight() == 0 || busy != want {
			t.Errorf("mode %d: %d writes under way, busy: %v", durability, l.writer.InFlight(), busy)
		}
		disk.shut.Store(false)
	}
}

// TestSumAsItGrows: what a block has got in the turns before its last is not read again when it is closed, however long it grows:
// changed meanwhile, and changed back before it is written, it has the right checksum.
func TestSumAsItGrows(t *testing.T) {
	for _, durability := range []Durability{Sync, Written, Async} {
		c, disk := cached(t, PortableBackend, durability)
		disk.kind = tagBlock
		v, clock := clocked(t, c)
		l := v.loop
		ref := uint32(0)
		grow := func(orders int) {
			for range orders {
				ref++
				enter(l, 1, ref, 'B', 1)
			}
		}
		disk.shut.Store(true)
		for n := -1; n != l.writer.InFlight(); { // until a block has to wait
			n = l.writer.InFlight()
			grow(1)
			clock.now += lingerTime
			v.Turn()
		}
		if l.writer.Empty() || l.writer.Pending() != 0 {
			t.Fatalf("mode %d: no block grows", durability)
		}
		for range 3 {
			grow(100)
			v.Turn()
		}
		const left = 4096 // it may leave so much for another time
		first := l.engine.Seq() + 1 - uint64(l.writer.Size()/journal.CellSize)
		block := blockWith(t, l, first)
		summed := block[journal.BlockHeaderSize:][:l.writer.Size()-left]
		invert := func() {
			for i := range summed {
				summed[i] ^= 0xff
			}
		}
		invert()
		grow(10)
		disk.shut.Store(false)
		for !l.writer.Empty() { // closed and handed out, and not given to the disk
			clock.now += lingerTime
			v.Turn()
		}
		invert()
		length := binary.LittleEndian.Uint32(block[8:])
		if sum := crc32.Checksum(block[8:length], crc32.MakeTable(crc32.Castagnoli)); sum != binary.LittleEndian.Uint32(block[4:]) {
			t.Errorf("mode %d: all of a block of %d bytes was read when it was closed", durability, length)
		}
		calm(t, v)
		verify(t, c.Journal)
	}
}

// blockWith returns the memory of the block whose first command has a number.
func blockWith(t *testing.T, l *loop, seq uint64) []byte {
	t.Helper()
	for i := range uint64(slotCount) {
		block := l.arena[l.files.slots+i*l.files.slotSize:][:l.files.slotSize]
		if binary.LittleEndian.Uint64(block[journal.BlockHeaderSize+8:]) == seq {
			return block
		}
	}
	t.Fatalf("no block begins with command %d", seq)
	return nil
}
