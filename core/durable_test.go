package core

import (
	"bytes"
	"errors"
	"maps"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"matcher/engine"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// TestNothingLeavesBeforeItIsDurable: in sync mode no answer leaves while the write that holds it has not ended; in async
// mode it does.
func TestNothingLeavesBeforeItIsDurable(t *testing.T) { onEach(t, testNothingLeavesBeforeItIsDurable) }

func testNothingLeavesBeforeItIsDurable(t *testing.T, backend Backend) {
	for _, durability := range []Durability{Sync, Async} {
		var disk *dam
		c := configOn(t, backend)
		c.Durability = durability
		public := listen(t)
		c.Feed.To = []string{public.conn.LocalAddr().String()}
		c.kernel = func(arena uint64) (Kernel, error) {
			k, err := newMachine(&Config{Backend: backend}).Kernel(arena)
			disk = &dam{Kernel: k, kind: tagBlock}
			return disk, err
		}
		s := open(t, c)
		maker, taker := dial(t, s, "U0", 0), dial(t, s, "U1", 0)
		maker.order('S', 100, 1_000_000, '0')
		maker.settle()
		time.Sleep(50 * time.Millisecond)
		_, told := public.taken()
		disk.shut.Store(true)
		got := make(chan bool, 2)
		go func() { maker.until(ouch.TypeExecuted); got <- true }()
		go func() {
			for range 20 { // more blocks than may be in flight
				taker.order('B', 1, 1_000_000, '0')
				if err := taker.Flush(); err != nil {
					break
				}
				time.Sleep(2 * time.Millisecond)
			}
			taker.settle()
			got <- true
		}()
		select {
		case <-got:
			if durability == Sync {
				t.Fatal("an answer left before it was durable")
			}
		case <-time.After(200 * time.Millisecond):
			if durability == Async {
				t.Fatal("no answer in async mode while the disk is slow")
			}
		}
		if _, now := public.taken(); durability == Sync && len(now) != len(told) {
			t.Fatal("the public was told before it was durable")
		}
		disk.shut.Store(false)
		for range 2 {
			select {
			case <-got:
			case <-time.After(5 * time.Second):
				t.Fatal("no answer after the disk had done its work")
			}
			if durability == Async {
				break // the first was taken above
			}
		}
		stop(t, s)
		verify(t, c.Journal)
	}
}

// TestStalledDisk: while the disk stands still nobody is taken for silent, and a venue that is told to stop says why it
// cannot instead of waiting for ever.
func TestStalledDisk(t *testing.T) { onEach(t, testStalledDisk) }

func testStalledDisk(t *testing.T, backend Backend) {
	if testing.Short() {
		t.Skip("it waits for the end of patience")
	}
	var disk *dam
	c := configOn(t, backend)
	c.ClientTimeout = 500 * time.Millisecond
	c.kernel = func(arena uint64) (Kernel, error) {
		k, err := newMachine(&Config{Backend: backend}).Kernel(arena)
		disk = &dam{Kernel: k, kind: tagBlock}
		return disk, err
	}
	s := open(t, c)
	a := dial(t, s, "U0", 0)
	n := flooder(t, s, "U1") // never heard of again: it is what fills the journal
	disk.shut.Store(true)
	cancel := soupbin.AppendUnsequenced(nil, (&ouch.CancelOrder{UserRefNum: 1}).Append(nil))
	_ = n.SetWriteDeadline(time.Now().Add(time.Second))
	for err := error(nil); err == nil; { // until nothing is read any more
		_, err = n.Write(bytes.Repeat(cancel, 10_000))
	}
	for range 15 { // longer than the timeout
		a.order('B', 1, 1_000_000, '0')
		if err := a.Flush(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	disk.shut.Store(false)
	a.settle()
	disk.shut.Store(true)
	a.order('B', 1, 1_000_000, '0')
	if err := a.Flush(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	start := time.Now()
	s.Stop()
	if _, err := s.Run(); !errors.Is(err, syscall.ETIME) || time.Since(start) > 10*time.Second {
		t.Fatalf("stopped after %v: %v", time.Since(start), err)
	}
}

// TestNextSegmentInTime: the helper rests between pieces of the next segment only as long as that is a quarter further than the
// current one is used, and in sync mode hurries only when it is not an eighth further.
func TestNextSegmentInTime(t *testing.T) {
	h := &helper{size: 256 << 20, durability: Sync, first: 1, next: 2}
	h.current.Store(1) // none is ready
	for _, test := range []struct {
		used, at     uint64
		rests, hurry bool
	}{
		{0, 1 << 18, true, false},
		{512, 161 << 20, true, false},
		{512, 159 << 20, false, false},
		{512, 145 << 20, false, false},
		{512, 143 << 20, false, true},
		{900, 255 << 20, false, false},
		{1000, 255 << 20, false, true},
	} {
		h.note(test.used, 1024)
		start := time.Now()
		if hurry := h.rest(test.at); hurry != test.hurry || test.rests && time.Since(start) < restPiece || h.further(test.at, 4) != test.rests {
			t.Errorf("%+v: hurry is %v", test, hurry)
		}
	}
	if h.durability = Async; !h.rest(256 << 20) {
		t.Error("it takes small pieces where nobody waits for the disk")
	}
	world := zeroing{pieces: map[uint64]int{}}
	if err := zero(world, -1, false, 1<<20+1, new(atomic.Bool), func(at uint64) bool { return at >= 1<<19 }); err != nil {
		t.Fatal(err)
	}
	if want := map[uint64]int{zeroPiece: 16, hurriedPiece: 2, 1: 1}; !maps.Equal(world.pieces, want) {
		t.Errorf("pieces of %v, want %v", world.pieces, want)
	}
	v := stepped(t, config(t))
	v.Turn() // of the birth's blocks
	if v.loop.files.helper.used.Load() == 0 {
		t.Error("the helper is not told how much is used")
	}
}

// zeroing counts pieces by size.
type zeroing struct {
	World
	pieces map[uint64]int
}

func (z zeroing) Zero(_ int, _ bool, from, to uint64) error {
	z.pieces[to-from]++
	return nil
}

func (zeroing) Sync(int) error { return nil }

// TestPartsWait: in sync mode a block that is not full waits while two writes are under way, so that many orders share one; a
// full one does not wait. In the other modes as many writes are under way as can be.
func TestPartsWait(t *testing.T) {
	for durability, most := range map[Durability]int{Sync: writesOfParts, Written: writesInFlight} {
		var disk *dam
		c := config(t)
		c.Durability = durability
		c.kernel = func(arena uint64) (Kernel, error) {
			k, err := newMachine(&Config{Backend: PortableBackend}).Kernel(arena)
			disk = &dam{Kernel: k, kind: tagBlock}
			return disk, err
		}
		v := stepped(t, c)
		l := v.loop
		for l.writer.InFlight() != 0 || l.writer.Pending() != 0 || !l.writer.Empty() {
			v.Turn()
		}
		disk.shut.Store(true)
		order := func() {
			l.cmd = engine.Command{Header: engine.Header{Kind: engine.KindCancel, User: 1}}
			l.apply(&l.cmd)
		}
		for range 2 * writesInFlight {
			order()
			v.Turn()
			if n := l.writer.InFlight(); n > most {
				t.Fatalf("mode %d: %d writes of parts under way, want at most %d", durability, n, most)
			}
		}
		if n := l.writer.InFlight(); n != most || l.writer.Empty() {
			t.Fatalf("mode %d: %d writes under way, want %d, and a block that waits (none does: %v)", durability, n, most, l.writer.Empty())
		}
		if durability == Sync {
			for l.writer.Pending() == 0 {
				order()
			}
			v.Turn()
			if n := l.writer.InFlight(); n != most+1 {
				t.Fatalf("%d writes under way, want the full block's too", n)
			}
		}
		disk.shut.Store(false)
		for l.writer.InFlight() != 0 || !l.writer.Empty() {
			v.Turn()
		}
	}
}
