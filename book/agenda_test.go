package book

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestAgendaInOrder(t *testing.T) {
	e := NewAgenda(NewAgendaMemory(10))
	flow := rand.New(rand.NewPCG(3, 4))
	var want []entry
	for i := range 5000 {
		x := entry{key: uint64(flow.IntN(100)), reference: uint64(i), slot: Slot(flow.Uint32())}
		e.Add(x.key, x.reference, x.slot)
		want = append(want, x)
		if flow.IntN(3) == 0 {
			k := flow.IntN(len(want))
			e.Remove(want[k].key, want[k].reference)
			want = slices.Delete(want, k, k+1)
		}
	}
	slices.SortFunc(want, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.reference, b.reference))
	})
	if e.Len() != len(want) {
		t.Fatalf("%d entries, want %d", e.Len(), len(want))
	}
	for i, x := range want {
		at, s, ok := e.Next()
		popKey, popped, popOK := e.Pop()
		if at != x.key || s != x.slot || !ok || popKey != at || popped != s || !popOK {
			t.Fatalf("entry %d is %d %d, popped %d %d, want %+v", i, at, s, popKey, popped, x)
		}
	}
	if _, _, ok := e.Next(); ok {
		t.Error("an entry too many")
	}
	if _, _, ok := e.Pop(); ok {
		t.Error("an entry too many")
	}
}

func TestAgendaAssertions(t *testing.T) {
	for name, f := range map[string]func(*Agenda){
		"there already": func(e *Agenda) { e.Add(1, 1, 2) },
		"not there":     func(e *Agenda) { e.Remove(1, 2) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			e := NewAgenda(NewAgendaMemory(1))
			e.Add(1, 1, 1)
			f(e)
		})
	}
}

// TestAgendaAllocations: filling a new set to its capacity, in any order, allocates next to nothing; in a set that keeps
// its size nothing at all.
func TestAgendaAllocations(t *testing.T) {
	const capacity = 20_000
	for name, at := range map[string]func(flow *rand.Rand, i uint64) uint64{
		"random":     func(flow *rand.Rand, _ uint64) uint64 { return flow.Uint64N(1 << 40) },
		"ascending":  func(_ *rand.Rand, i uint64) uint64 { return i },
		"descending": func(_ *rand.Rand, i uint64) uint64 { return 1<<40 - i },
	} {
		flow := rand.New(rand.NewPCG(5, 6))
		e := NewAgenda(NewAgendaMemory(capacity))
		n := uint64(0)
		add := func() {
			n++
			e.Add(at(flow, n), n, 1)
		}
		fill := func() {
			for e.Len() < capacity {
				add()
			}
		}
		if got := allocsOfOneRun(fill); got > capacity/200 {
			t.Errorf("%s: %v allocations for %d entries", name, got, capacity)
		}
		if got := testing.AllocsPerRun(capacity, func() { e.Pop(); add() }); got != 0 {
			t.Errorf("%s: %v allocations per entry", name, got)
		}
	}
}

// allocsOfOneRun counts the allocations of f's first run, which AllocsPerRun would not count.
func allocsOfOneRun(f func()) float64 {
	warm := true
	return testing.AllocsPerRun(1, func() {
		if !warm {
			f()
		}
		warm = false
	})
}

func BenchmarkAgenda(b *testing.B) {
	const resting = 10_000
	e := NewAgenda(NewAgendaMemory(2 * resting))
	flow := rand.New(rand.NewPCG(7, 8))
	times := make([]uint64, 1<<16)
	for i := range times {
		times[i] = flow.Uint64N(1 << 40)
	}
	for i := range uint64(resting) {
		e.Add(times[i], i, 1)
	}
	b.ReportAllocs()
	i := uint64(resting)
	for b.Loop() {
		e.Add(times[i%(1<<16)], i, 1)
		old := i - resting
		e.Remove(times[old%(1<<16)], old)
		i++
	}
}
