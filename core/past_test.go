package core

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"matcher/engine"
	"matcher/snapshot"
	"matcher/wire/ouch"
)

// TestGivenBack fills the streams' memory until order entry closes, several times: each time a snapshot is taken, what it holds is
// given back, and order entry opens again. Whoever logs in gets every message since the first, now and behind the next start.
func TestGivenBack(t *testing.T) { onEach(t, testGivenBack) }

func testGivenBack(t *testing.T, backend Backend) {
	for _, durability := range []Durability{Sync, Async} {
		t.Run(fmt.Sprint(durability), func(t *testing.T) { testGivenBackIn(t, backend, durability) })
	}
}

func testGivenBackIn(t *testing.T, backend Backend, durability Durability) {
	c := configOn(t, backend)
	c.MaxOrders, c.StreamMemory, c.Durability = 1000, 8<<20, durability
	var opened atomic.Int32
	c.Log = func(line string) {
		if strings.Contains(line, "order entry is open") {
			opened.Add(1)
		}
	}
	s := open(t, c)
	a := dial(t, s, "U0", 1)
	keep := a.order('B', 1, 900_000, '0')
	taken := func() {
		t.Helper()
		a.settle()
		if taken, err := snapshot.Take(context.Background(), &snapshot.Taking{Journal: c.Journal, Keep: 2}); err != nil || taken.Nothing {
			t.Fatalf("a snapshot: %+v, %v", taken, err)
		}
		s.Snapshotted()
	}
	for round := range int32(3) {
		fillUp(t, a)
		if opened.Load() != round {
			t.Fatal("order entry opened without a snapshot")
		}
		taken()
		eventually(t, "order entry opens", func() bool { return opened.Load() == round+1 })
	}
	a.send(&ouch.CancelOrder{UserRefNum: keep}) // it is still alive
	a.until('C')
	resume := func(from int) {
		t.Helper()
		b := dial(t, s, "U0", uint64(from+1))
		for i := from; i < len(a.got); i++ {
			m, err := b.Recv()
			if err != nil || !bytes.Equal(m.Payload, a.got[i]) {
				t.Fatalf("from %d, message %d of %d: %x, %v, want %x", from, i, len(a.got), m.Payload, err, a.got[i])
			}
		}
	}
	for i := range 8 {
		resume(i * (len(a.got) - 1) / 7)
	}
	stop(t, s)
	verify(t, c.Journal)
	s = open(t, c)
	resume(0)
	resume(len(a.got) / 2)
	stop(t, s)
}

// fillUp has a trader enter and cancel orders until order entry closes.
func fillUp(t *testing.T, a *trader) {
	t.Helper()
	for range 1000 {
		before := len(a.got)
		for range 100 {
			a.send(&ouch.CancelOrder{UserRefNum: a.order('B', 1, 1_000_000, '0')})
		}
		a.settle()
		for _, m := range a.got[before:] {
			if m[0] != 'J' {
				continue
			}
			var j ouch.Rejected
			if err := j.Decode(m); err != nil || j.Reason != ouch.RejectDestinationClosed {
				t.Fatalf("rejected with %#x", j.Reason)
			}
			return
		}
	}
	t.Fatal("the memory never filled")
}

// TestGivenBackOfItsSession: a snapshot of a day that has ended meanwhile says nothing of the streams of the next.
func TestGivenBackOfItsSession(t *testing.T) {
	c := config(t)
	c.Chunk = 8 << 10
	v := stepped(t, c)
	l := v.loop
	ask := func() {
		for range 1000 {
			l.cmd = engine.Command{Header: engine.Header{Kind: engine.KindQuery, User: 1}}
			l.apply(&l.cmd)
		}
		for range 100 {
			v.Turn()
		}
	}
	ask()
	free := l.gateway.Free()
	if taken, err := snapshot.Take(context.Background(), &snapshot.Taking{Journal: c.Journal, Keep: 1}); err != nil || taken.Nothing {
		t.Fatalf("a snapshot: %+v, %v", taken, err)
	}
	v.Snapshotted()
	eventually(t, "the snapshot is looked for", func() bool { v.Turn(); return len(l.past.jobs) != 0 })
	l.endDay()
	l.openDay()
	v.Prepare() // it is the newest still
	ask()
	if got := l.gateway.Free(); got != free {
		t.Errorf("%d bytes of streams are free behind as many messages as before, when %d were", got, free)
	}
}

// TestSnapshotGoes: a venue that was started from a snapshot and has it no more goes on with what it has open, and not with an
// older one.
func TestSnapshotGoes(t *testing.T) {
	c := config(t)
	s := open(t, c)
	a := dial(t, s, "U0", 1)
	var taken *snapshot.Taken
	for range 2 {
		for range 10 {
			a.settle()
		}
		var err error
		if taken, err = snapshot.Take(context.Background(), &snapshot.Taking{Journal: c.Journal, Keep: 2}); err != nil || taken.Nothing {
			t.Fatalf("a snapshot: %+v, %v", taken, err)
		}
	}
	stop(t, s)
	s = open(t, c)
	for _, suffix := range []string{".snapshot", ".streams"} {
		if err := os.Remove(strings.TrimSuffix(filepath.Join(c.Journal, taken.Path), ".snapshot") + suffix); err != nil {
			t.Fatal(err)
		}
	}
	s.Snapshotted()
	for range 2 { // by the second time the loop has heard of it
		b := dial(t, s, "U0", 1)
		for len(b.got) < len(a.got) {
			b.until(ouch.TypeQueryResponse)
		}
		if got := b.types(); !strings.HasPrefix(got, a.types()) {
			t.Errorf("told %s, want %s", got, a.types())
		}
	}
	stop(t, s)
}
