package book

import "github.com/google/btree"

// Agenda is orders in the order in which something is due for them: by key, then by order reference. The key is a time, or
// the price at which a stop triggers. It is used by one goroutine.
type Agenda struct {
	tree *btree.BTreeG[entry]
}

// AgendaMemory is memory that agendas share. It is used by one goroutine.
type AgendaMemory struct {
	list *btree.FreeListG[entry]
}

type entry struct {
	key       uint64
	reference uint64
	slot      Slot
}

func (e entry) before(other entry) bool {
	return e.key < other.key || e.key == other.key && e.reference < other.reference
}

// NewAgendaMemory takes memory for capacity entries, about 50 bytes each, at once. The agendas may hold more, for which
// they then allocate; below that, a tree allocates at most where a node that was a leaf first becomes a parent (about once
// in 1,000 entries of the first growth).
func NewAgendaMemory(capacity int) *AgendaMemory {
	return &AgendaMemory{filledFreeList(capacity, entry.before, func(i int) entry { return entry{key: uint64(i)} })}
}

// NewAgenda makes an empty agenda.
func NewAgenda(m *AgendaMemory) *Agenda {
	return &Agenda{tree: btree.NewWithFreeListG(degree, entry.before, m.list)}
}

// Len returns how many entries there are.
func (a *Agenda) Len() int { return a.tree.Len() }

// Add notes that the order in slot s with this reference is due at a key, in the caller's unit. The pair of key and
// reference is the entry's name and must be new.
func (a *Agenda) Add(key, reference uint64, s Slot) {
	if _, found := a.tree.ReplaceOrInsert(entry{key, reference, s}); found {
		panic("book: Add of an entry that is there")
	}
}

// Remove forgets an entry, which must be there.
func (a *Agenda) Remove(key, reference uint64) {
	if _, found := a.tree.Delete(entry{key: key, reference: reference}); !found {
		panic("book: Remove of an entry that is not there")
	}
}

// Next returns the first entry, false if there is none.
func (a *Agenda) Next() (key uint64, s Slot, ok bool) {
	first, ok := a.tree.Min()
	return first.key, first.slot, ok
}

// Pop forgets the first entry and returns it, false if there is none.
func (a *Agenda) Pop() (key uint64, s Slot, ok bool) {
	first, ok := a.tree.DeleteMin()
	return first.key, first.slot, ok
}

// Find returns the order of an entry, 0 if there is no such entry.
func (a *Agenda) Find(key, reference uint64) Slot {
	found, _ := a.tree.Get(entry{key: key, reference: reference})
	return found.slot
}
