package engine

import (
	"math/rand/v2"
	"testing"

	"matcher/book"
)

// named is a table with the orders that its entries point to.
type named struct {
	*Engine
	refTable
}

func newNamed(orders int, salt uint64) *named {
	e := New()
	e.orders = book.NewOrders(orders)
	return &named{e, newRefTable(orders, salt)}
}

func (n *named) add(user uint16, idx uint8, ref uint32) book.Slot {
	slot := n.orders.Take()
	o := n.at(slot)
	o.user, o.idx, o.ref = user, idx, ref
	n.put(n.Engine, o, slot)
	return slot
}

func (n *named) drop(slot book.Slot) {
	n.remove(n.Engine, n.at(slot), slot)
	n.orders.Free(slot)
}

// TestRefTable compares the table with a map under random use, at the highest load it is made for. Some channels use the
// same UserRefNums.
func TestRefTable(t *testing.T) {
	type key struct {
		user uint16
		idx  uint8
		ref  uint32
	}
	const n = 500
	r := rand.New(rand.NewPCG(5, 6))
	table, twin := newNamed(n, 12345), map[key]book.Slot{}
	var keys []key
	for i := range 200_000 {
		k := key{uint16(r.IntN(3) + 1), uint8(r.IntN(2)), uint32(i/4 + 1)}
		if _, there := twin[k]; !there && len(keys) < n && r.IntN(2) == 0 {
			twin[k] = table.add(k.user, k.idx, k.ref)
			keys = append(keys, k)
		} else if len(keys) > 0 {
			at := r.IntN(len(keys))
			table.drop(twin[keys[at]])
			delete(twin, keys[at])
			keys[at] = keys[len(keys)-1]
			keys = keys[:len(keys)-1]
		}
		if len(keys) > 0 {
			k := keys[r.IntN(len(keys))]
			if got := table.get(table.Engine, k.user, k.idx, k.ref); got != twin[k] {
				t.Fatalf("step %d: %v gives %d, want %d", i, k, got, twin[k])
			}
		}
		if got := table.get(table.Engine, 7, 0, uint32(i+1)); got != 0 {
			t.Fatalf("an order that never was gives %d", got)
		}
	}
}

// TestRefTableCrowded holds that names of one place are all found, whatever order they go in.
func TestRefTableCrowded(t *testing.T) {
	const n = 300
	table := newNamed(n, 1)
	var slots []book.Slot
	first, _ := table.home(1, 0, 8)
	for user := uint16(1); len(slots) < n && user < 65_000; user++ {
		if place, _ := table.home(user, 0, 8); place == first {
			slots = append(slots, table.add(user, 0, 8))
		}
	}
	if len(slots) < 50 || table.used != len(slots)-4 {
		t.Fatalf("%d names of one place, %d of them elsewhere", len(slots), table.used)
	}
	r := rand.New(rand.NewPCG(1, 9))
	r.Shuffle(len(slots), func(i, j int) { slots[i], slots[j] = slots[j], slots[i] })
	for len(slots) > 0 {
		table.drop(slots[0])
		slots = slots[1:]
		for _, s := range slots {
			if o := table.at(s); table.get(table.Engine, o.user, o.idx, o.ref) != s {
				t.Fatalf("order of user %d is lost with %d to go", o.user, len(slots))
			}
		}
	}
	if table.used != 0 {
		t.Errorf("%d names stay behind", table.used)
	}
}

// TestRefTableCannotBeAimedAt: UserRefNums that have one place without a salt, or with the salt of another process, do not.
func TestRefTableCannotBeAimedAt(t *testing.T) {
	const n = 50_000
	aimed := newNamed(n, 1)
	var refs []uint32
	for ref := uint32(8); len(refs) < 1000 && ref < 1<<28; ref += 8 {
		if place, _ := aimed.home(1, 0, ref); place < aimed.groups*refGroup/512 {
			refs = append(refs, ref)
		}
	}
	elsewhere := func(salt uint64) int {
		table := newNamed(n, salt)
		for _, ref := range refs {
			table.add(1, 0, ref)
		}
		return table.used
	}
	if got := elsewhere(1); got < len(refs)/3 {
		t.Fatalf("the numbers were not well aimed: %d of %d", got, len(refs))
	}
	sum := 0
	for salt := uint64(2); salt < 22; salt++ {
		sum += elsewhere(salt)
	}
	if sum > 20*len(refs)/50 {
		t.Fatalf("%d of 20 x %d numbers collide with other salts", sum, len(refs))
	}
}

// TestRefTableFull holds that the second table stays small, however the names of a full venue lie.
func TestRefTableFull(t *testing.T) {
	const n = 200_000
	for _, apart := range []uint32{1, 2, 7, 8, 9, 1000} {
		table := newNamed(n, 3)
		for i := range uint32(n / 8) {
			for user := uint16(1); user <= 8; user++ {
				table.add(user, 0, 1+i*apart)
			}
		}
		if table.used > n/40 {
			t.Errorf("every %d. UserRefNum live: %d of %d names are in the second table", apart, table.used, n)
		}
	}
}
