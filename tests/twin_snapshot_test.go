package tests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// snapshotOf returns the cells of a snapshot.
func snapshotOf(t testing.TB, e *engine.Engine) []byte {
	t.Helper()
	var cells []byte
	if err := e.Snapshot(func(cell *[engine.CellSize]byte) error {
		cells = append(cells, cell[:]...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return cells
}

// restored makes an engine of the cells of a snapshot.
func restored(cells []byte, salt uint64) (*engine.Engine, error) {
	e := engine.New()
	e.Salt(salt)
	return e, e.Restore(func() (*[engine.CellSize]byte, error) {
		if len(cells) < engine.CellSize {
			return nil, io.ErrUnexpectedEOF
		}
		cell := (*[engine.CellSize]byte)(cells)
		cells = cells[engine.CellSize:]
		return cell, nil
	})
}

// TestTwinSnapshot restores engines from snapshots taken at random points of the flow of each mix. What is restored has the
// same hash, kept and recounted, gives the same snapshot byte for byte, and says the same from then on; and taking a snapshot
// changes nothing.
func TestTwinSnapshot(t *testing.T) {
	n := *twinCommands / 2
	if testing.Short() {
		n /= 4
	}
	for _, mix := range twin.Mixes() {
		if *twinMix != "" && *twinMix != mix.Name {
			continue
		}
		t.Run(mix.Name, func(t *testing.T) {
			t.Parallel()
			t.Logf("again with: go test ./tests -run 'TestTwinSnapshot$' -mix %s -seed %d -commands %d", mix.Name, *twinSeed, *twinCommands)
			random := rand.New(rand.NewPCG(*twinSeed, 7))
			first := engine.New()
			var heir *engine.Engine
			var events, heard []engine.Event
			seq := uint64(0)
			for cmd := range flowOf(mix, *twinSeed, n) {
				seq++
				cmd.Seq = seq
				events = first.Apply(events[:0], &cmd)
				if heir != nil {
					heard = heir.Apply(heard[:0], &cmd)
					if !slices.Equal(events, heard) {
						t.Fatalf("command %d: the venue says\n%sits heir\n%s", seq, told(events), told(heard))
					}
				}
				if first.Limits().MaxOrders == 0 || random.IntN(150) != 0 {
					continue
				}
				cells := snapshotOf(t, first)
				if heir != nil {
					if err := equal(heir, cells, first.Hash(), t); err != nil {
						t.Fatalf("after command %d, an heir that has gone on: %v", seq, err)
					}
				}
				next, err := restored(cells, random.Uint64())
				if err == nil {
					err = equal(next, cells, first.Hash(), t)
				}
				if err != nil {
					t.Fatalf("after command %d: %v", seq, err)
				}
				heir = next
			}
			if heir == nil && n > 1000 {
				t.Error("no snapshot was taken")
			}
		})
	}
}

// equal says in what a restored engine differs from the one that it was restored from.
func equal(e *engine.Engine, cells []byte, hash uint64, t *testing.T) error {
	again := snapshotOf(t, e)
	switch {
	case e.Hash() != hash:
		return fmt.Errorf("hash %016x, want %016x", e.Hash(), hash)
	case !bytes.Equal(again, cells):
		for at := 0; at < min(len(again), len(cells)); at += engine.CellSize {
			if a, b := cells[at:][:engine.CellSize], again[at:][:engine.CellSize]; !bytes.Equal(a, b) {
				return fmt.Errorf("cell %d of the snapshot is\n%x and was\n%x", at/engine.CellSize, b, a)
			}
		}
		return fmt.Errorf("a snapshot of %d bytes, want %d", len(again), len(cells))
	}
	return e.Audit()
}

func told(events []engine.Event) (text string) {
	for i := range events {
		text += twin.EventLine(&events[i]) + "\n"
	}
	return text
}

// FuzzRestore restores what is no snapshot, or hardly one. It is refused with an error that says so; what is accepted is a
// venue that can be audited and that carries out whatever comes, without a panic.
func FuzzRestore(f *testing.F) {
	var flow []engine.Command
	for _, mix := range twin.Mixes() {
		e, seq := engine.New(), uint64(0)
		for cmd := range flowOf(mix, 1, 400) {
			seq++
			cmd.Seq = seq
			e.Apply(nil, &cmd)
			if mix.Name == "everything" {
				flow = append(flow, cmd)
			}
		}
		cells := snapshotOf(f, e)
		f.Add(cells)
		f.Add(cells[:len(cells)/2/engine.CellSize*engine.CellSize])
	}
	f.Fuzz(func(t *testing.T, cells []byte) {
		modest(cells)
		e, err := restored(cells, 1)
		if err != nil {
			var bad *engine.BadSnapshot
			if !errors.As(err, &bad) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if err := e.Audit(); err != nil {
			t.Fatal(err)
		}
		if again := snapshotOf(t, e); !bytes.Equal(again, cells[:len(again)]) {
			t.Log("accepted, but another: bytes that nobody reads")
		}
		var events []engine.Event
		at, time := e.Seq(), e.Time()
		if at > 1<<62 || time > 1<<62 {
			return
		}
		for i := range flow {
			cmd := flow[i]
			at++
			cmd.Seq, cmd.Time = at, max(time, cmd.Time)
			events = e.Apply(events[:0], &cmd)
		}
		if err := e.Audit(); err != nil {
			t.Fatal(err)
		}
	})
}

// modest keeps the sizes in a snapshot so small that making room for them takes no time.
func modest(cells []byte) {
	for ; len(cells) >= engine.CellSize; cells = cells[engine.CellSize:] {
		switch engine.Kind(cells[0]) {
		case engine.KindRules:
			cells[30], cells[31] = 0, 0 // max orders, at most 65,535
		case engine.KindInstrument:
			if cells[61]|cells[62]|cells[63] != 0 || cells[60] > 0x7f {
				clear(cells[60:64]) // max price below 2^32
			}
		}
	}
}
