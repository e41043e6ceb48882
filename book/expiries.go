package book

import "github.com/google/btree"

// Expiries is when orders end, in the order in which they do: by time, then by order reference. It is used by one
// goroutine.
type Expiries struct {
	tree *btree.BTreeG[expiry]
}

type expiry struct {
	at        uint64
	reference uint64
	slot      Slot
}

func (e expiry) before(other expiry) bool {
	return e.at < other.at || e.at == other.at && e.reference < other.reference
}

// NewExpiries makes an empty set. It takes memory for capacity entries, about 50 bytes each, at once. It may hold more, for
// which it then allocates; below that, the tree allocates at most where a node that was a leaf first becomes a parent
// (about once in 1,000 entries of the first growth).
func NewExpiries(capacity int) *Expiries {
	list := filledFreeList(capacity, expiry.before, func(i int) expiry { return expiry{at: uint64(i)} })
	return &Expiries{tree: btree.NewWithFreeListG(degree, expiry.before, list)}
}

// Len returns how many entries there are.
func (e *Expiries) Len() int { return e.tree.Len() }

// Add notes that the order in slot s with this reference ends at a time, in the caller's unit. The pair of time and
// reference is the entry's name and must be new.
func (e *Expiries) Add(at, reference uint64, s Slot) {
	if _, found := e.tree.ReplaceOrInsert(expiry{at, reference, s}); found {
		panic("book: Add of an expiry that is there")
	}
}

// Remove forgets an entry, which must be there.
func (e *Expiries) Remove(at, reference uint64) {
	if _, found := e.tree.Delete(expiry{at: at, reference: reference}); !found {
		panic("book: Remove of an expiry that is not there")
	}
}

// Next returns the first entry, false if there is none.
func (e *Expiries) Next() (at uint64, s Slot, ok bool) {
	first, ok := e.tree.Min()
	return first.at, first.slot, ok
}

// Pop forgets the first entry and returns it, false if there is none.
func (e *Expiries) Pop() (at uint64, s Slot, ok bool) {
	first, ok := e.tree.DeleteMin()
	return first.at, first.slot, ok
}
