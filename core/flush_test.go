package core

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"matcher/journal"
	"matcher/ring"
	"matcher/wire/ouch"
)

// cacheDisk is a kernel that counts how blocks are written and what is flushed, and whose flushes can be held up, or fail.
type cacheDisk struct {
	dam
	fail    atomic.Bool
	durable atomic.Int32 // blocks that are durable when their write ends
	lazy    atomic.Int32 // others
	turns   atomic.Int32
	flushes atomic.Int32
	empty   atomic.Int32 // of these, with nothing written since the one before
	headers atomic.Int32 // of segments
	fresh   bool         // something was
}

func (k *cacheDisk) Turn(ops []ring.Op, done []ring.Completion, w ring.Wait) ([]ring.Completion, error) {
	k.turns.Add(1)
	for i := range ops {
		switch op := &ops[i]; {
		case kindOf(op.Tag) == tagFlush:
			k.flushes.Add(1)
			if !k.fresh {
				k.empty.Add(1)
			}
			k.fresh = false
		case kindOf(op.Tag) == tagHeader:
			k.headers.Add(1)
		case kindOf(op.Tag) == tagBlock && op.Code == ring.Write:
			k.durable.Add(1)
		case kindOf(op.Tag) == tagBlock:
			k.lazy.Add(1)
		}
	}
	before := len(done)
	done, err := k.dam.Turn(ops, done, w)
	for i := range done[before:] {
		c := &done[before+i]
		k.fresh = k.fresh || kindOf(c.Tag) == tagBlock
		if kindOf(c.Tag) == tagFlush && k.fail.Load() {
			c.Res = -int32(syscall.EIO)
		}
	}
	return done, err
}

// cached is a configuration on such a disk.
func cached(t *testing.T, backend Backend, d Durability) (Config, *cacheDisk) {
	c, disk := configOn(t, backend), &cacheDisk{dam: dam{kind: tagFlush}}
	c.Durability = d
	c.kernel = func(arena uint64) (_ Kernel, err error) {
		disk.Kernel, err = newMachine(&Config{Backend: backend}).Kernel(arena)
		return disk, err
	}
	return c, disk
}

// TestFlush: in sync mode every write is durable by itself. In the others the disk's cache is written down now and then, as long
// as there is something in it, and at the end, so that the last block promises all before it in every mode.
func TestFlush(t *testing.T) { onEach(t, testFlush) }

func testFlush(t *testing.T, backend Backend) {
	for _, durability := range []Durability{Sync, Written, Async} {
		t.Run(fmt.Sprint(durability), func(t *testing.T) {
			c, disk := cached(t, backend, durability)
			s := open(t, c)
			a := dial(t, s, "U0", 1)
			for range 3 {
				before := disk.flushes.Load()
				a.order('B', 1, 1_000_000, '0')
				a.settle()
				eventually(t, "a flush of what was written", func() bool { return durability == Sync || disk.flushes.Load() > before })
			}
			time.Sleep(5 * flushTime) // time for what is too much
			stop(t, s)
			if durable, lazy := disk.durable.Load(), disk.lazy.Load(); (durable != 0) != (durability == Sync) || (lazy != 0) == (durability == Sync) {
				t.Errorf("%d durable writes, %d others", durable, lazy)
			}
			if flushed := disk.flushes.Load() != 0; flushed == (durability == Sync) || disk.empty.Load() != 0 {
				t.Errorf("%d flushes, %d of nothing", disk.flushes.Load(), disk.empty.Load())
			}
			blocks := blocksOf(t, c.Journal)
			if last := blocks[len(blocks)-1]; last.Flags&journal.FlagSeal == 0 || last.Promise != last.Position {
				t.Errorf("the last block lies at %d and promises %d, flags %#x", last.Position, last.Promise, last.Flags)
			}
			verify(t, c.Journal)
		})
	}
}

// TestFlushIsWaitedFor: no segment begins before all of the one before it is durable, and the venue does not end before all is.
func TestFlushIsWaitedFor(t *testing.T) { onEach(t, testFlushIsWaitedFor) }

func testFlushIsWaitedFor(t *testing.T, backend Backend) {
	c, disk := cached(t, backend, Async)
	s := open(t, c)
	a := dial(t, s, "U0", 1)
	a.settle()
	disk.shut.Store(true)
	began := disk.headers.Load()
	const most = firstSegment/journal.CellSize + 10_000
	sent := make(chan error, 1)
	go func() {
		for range most {
			a.ref++ // rejected, for the price is off the tick: nothing but the journal grows
			err := a.Send(&ouch.EnterOrder{
				UserRefNum: a.ref, Side: 'B', Quantity: 1, Symbol: ouch.Symbol("AAPL"), Price: 1, TimeInForce: '0',
				Display: 'Y', Capacity: 'P', Sweep: 'N', CrossType: 'N',
			})
			if err != nil {
				sent <- err
				return
			}
		}
		sent <- a.Flush()
	}()
	for before := uint64(0); before < firstSegment/journal.CellSize/2 || s.Progress() != before; { // until it does not go on
		before = s.Progress()
		time.Sleep(200 * time.Millisecond)
	}
	if disk.headers.Load() != began {
		t.Error("a segment has begun while the one before it was not durable")
	}
	disk.shut.Store(false)
	if err := <-sent; err != nil {
		t.Error(err)
	}
	a.settle()
	stop(t, s)
	if disk.headers.Load() == began {
		t.Error("no segment has begun")
	}
	verify(t, c.Journal)
}

// TestFlushFails: what a flush could not keep nobody knows, so the venue ends.
func TestFlushFails(t *testing.T) { onEach(t, testFlushFails) }

func testFlushFails(t *testing.T, backend Backend) {
	for _, durability := range []Durability{Written, Async} {
		c, disk := cached(t, backend, durability)
		s := open(t, c)
		a := dial(t, s, "U0", 1)
		disk.fail.Store(true)
		a.order('B', 1, 1_000_000, '0')
		_ = a.Flush() // it may have ended already
		_, err := s.Run()
		var failed *JournalError
		if !errors.As(err, &failed) || !errors.Is(err, syscall.EIO) {
			t.Errorf("the venue ended with %v", err)
		}
		c.kernel = nil
		stop(t, open(t, c))
		verify(t, c.Journal)
	}
}

// zeros is this machine, on which zeroing is counted, and stands still while it is told to.
type zeros struct {
	World
	bytes atomic.Int64
	dam   chan struct{} // nil: none; closed: it goes on
}

func (z *zeros) Zero(fd int, direct bool, from, to uint64) error {
	if z.dam != nil && z.bytes.Load() >= firstSegment {
		<-z.dam
	}
	z.bytes.Add(int64(to - from))
	return z.World.Zero(fd, direct, from, to)
}

// TestAhead: as many segments are prepared ahead as are wanted, and a start uses those that the one before left.
func TestAhead(t *testing.T) {
	c := config(t)
	c.Ahead = uint64(3*c.Segment - 1)
	ready := make(chan struct{}, 1)
	c.Log = func(line string) {
		if line == "3 segments of the journal are prepared" {
			ready <- struct{}{}
		}
	}
	full := func(name string) bool {
		var st syscall.Stat_t
		return syscall.Stat(name, &st) == nil && st.Blocks*512 >= st.Size
	}
	for life, want := range []int64{firstSegment + 3*c.Segment, firstSegment + c.Segment, 0} {
		if life == 2 {
			c.Segment, c.Ahead = 16<<20, 0 // of another size: made anew
			want = firstSegment + c.Segment
		}
		z := &zeros{World: newMachine(&c)}
		c.World = z
		s := open(t, c)
		if life < 2 {
			<-ready
		} else {
			eventually(t, "a segment of the new size", func() bool { return z.bytes.Load() >= want })
		}
		a := dial(t, s, "U0", 0)
		a.order('B', 1, 1_000_000, '0')
		a.settle()
		stop(t, s)
		if names, _ := filepath.Glob(filepath.Join(c.Journal, "*.mj")); !full(names[len(names)-1]) {
			t.Skip("this file system keeps no zeros, and so no spares")
		}
		if z.bytes.Load() != want {
			t.Errorf("start %d zeroed %d bytes, want %d", life, z.bytes.Load(), want)
		}
		if names, _ := filepath.Glob(filepath.Join(c.Journal, "*.mj")); life < 2 && len(names) != 4+life {
			t.Errorf("start %d left %d segments", life, len(names))
		}
	}
	verify(t, c.Journal)
}

// TestSpareInUse: what has been begun is never taken for a spare.
func TestSpareInUse(t *testing.T) {
	dir := t.TempDir()
	world := newMachine(&Config{})
	f, err := prepare(world, dir, 7, 1<<20, new(atomic.Bool), noRest)
	if err != nil {
		t.Fatal(err)
	}
	world.Close(int(f.fd))
	again, err := spareOf(world, dir, 7, 1<<20)
	if err != nil || again.name != f.name || again.size != f.size || again.direct != f.direct {
		t.Fatalf("%+v, %v, want %+v", again, err, f)
	}
	world.Close(int(again.fd))
	if _, err := spareOf(world, dir, 7, 2<<20); !errors.Is(err, errUsed) {
		t.Errorf("of another size: %v", err)
	}
	if _, err := spareOf(world, dir, 8, 1<<20); !errors.Is(err, errUsed) {
		t.Errorf("of none: %v", err)
	}
	hollow := filepath.Join(dir, journal.SegmentName(9)) // as a copy that leaves zeros away
	if err := errors.Join(os.WriteFile(hollow, nil, 0o600), os.Truncate(hollow, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if _, err := spareOf(world, dir, 9, 1<<20); !errors.Is(err, errUsed) {
		t.Errorf("of one with holes: %v", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, f.name))
	if err != nil || len(bytes.Trim(data, "\x00")) != 0 {
		t.Fatal("a spare is not zeros")
	}
	data[journal.SegmentHeaderSize-1] = 1
	if err := os.WriteFile(filepath.Join(dir, f.name), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := spareOf(world, dir, 7, 1<<20); !errors.Is(err, errUsed) {
		t.Errorf("of one that has begun: %v", err)
	}
}

// TestZerosWaitForAPause: the helper makes a segment beside one that is ready only while nobody trades, and at once when that one
// is taken.
func TestZerosWaitForAPause(t *testing.T) {
	h := &helper{size: 1 << 20, durability: Sync, first: 1, next: 3}
	h.current.Store(1)
	h.note(1<<19, 1<<20)
	if h.idle() {
		t.Error("idle at the first look")
	}
	h.since = time.Now().Add(-2 * pause)
	if !h.idle() || !h.rest(1<<18) {
		t.Error("nobody trades, and it does not hurry")
	}
	h.note(1<<19+1<<12, 1<<20)
	if h.idle() {
		t.Error("idle, and something was written")
	}
	h.since = time.Now().Add(time.Hour) // somebody always trades
	rested := make(chan bool, 1)
	go func() { rested <- h.rest(1 << 18) }()
	select {
	case <-rested:
		t.Fatal("it goes on while somebody trades")
	case <-time.After(20 * restPiece):
	}
	h.current.Store(2)
	if !<-rested { // half of the current one is used, and a quarter of this one made
		t.Error("the last spare was taken, and it does not hurry")
	}
}

// TestFloodLeavesRoomInTheSegment: who floods waits for the next segment before it is too late for others.
func TestFloodLeavesRoomInTheSegment(t *testing.T) { onEach(t, testFloodLeavesRoomInTheSegment) }

func testFloodLeavesRoomInTheSegment(t *testing.T, backend Backend) {
	c, disk := cached(t, backend, Sync)
	z := &zeros{World: newMachine(&c), dam: make(chan struct{})}
	c.World = z
	s := open(t, c)
	loud, quiet := flooder(t, s, "U0"), dial(t, s, "U1", 0)
	quiet.settle()
	_ = loud.SetWriteDeadline(time.Now().Add(3 * time.Second))
	for err := error(nil); err == nil; { // until it is not read any more
		_, err = loud.Write(flood(10_000))
	}
	limit := time.AfterFunc(20*time.Second, func() { _ = quiet.Close() })
	defer limit.Stop()
	for range 10 {
		quiet.order('B', 1, 900_000, '0')
		quiet.settle() // answered while there is no other segment
	}
	again, login := knock(t, s, "U0")
	send(t, again, login)
	turns := disk.turns.Load() // while a login waits for what the flood has sent
	if time.Sleep(500 * time.Millisecond); disk.turns.Load() > turns+5_000 {
		t.Errorf("%d turns while nothing can be done", disk.turns.Load()-turns)
	}
	before := s.Progress()
	close(z.dam)
	eventually(t, "what the flood has sent goes on", func() bool { return s.Progress() >= before+100 })
	stop(t, s)
	verify(t, c.Journal)
}

// TestSpaceForOneSegment: order entry opens again when there was space for one segment, though there is none for the next.
func TestSpaceForOneSegment(t *testing.T) {
	l := stepped(t, config(t)).loop
	size := l.files.current.size
	for _, step := range []struct {
		full   bool
		size   uint64 // of the current segment
		spares int
		closed bool
	}{
		{true, size, 0, false}, {true, 0, 0, true}, {true, 0, 1, false}, {true, 0, 0, true}, {true, size, 0, false}, {true, 0, 0, true}, {false, 0, 0, false},
	} {
		l.files.full, l.files.spares = step.full, make([]file, step.spares)
		if l.files.current.size = size; step.size == 0 {
			l.files.current.size = l.files.place(l.writer.State().Position) // used up
		}
		if l.space(); l.engine.Gated() != step.closed {
			t.Errorf("%+v: order entry is closed: %v", step, l.engine.Gated())
		}
	}
	l.files.current.size, l.files.spares = size, nil
}
