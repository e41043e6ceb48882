package engine

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"matcher/book"
)

// named is a table with the orders that its entries point to.
type named struct {
	*Engine
	table refTable
}

func newNamed(orders int, salt uint64) *named {
	n := &named{New(), newRefTable(orders, salt)}
	n.orders = book.NewOrders(orders)
	n.first = unsafe.Pointer(n.orders.Data(0))
	n.users = make([]user, 10)
	for i := range n.users {
		n.users[i].base = n.table.base(uint16(i))
	}
	return n
}

func (n *named) add(user uint16, idx uint8, ref uint32) book.Slot {
	slot := n.orders.Take()
	o := n.at(slot)
	o.user, o.idx, o.ref = user, idx, ref
	n.table.put(n.Engine, &n.users[user], o, slot)
	return slot
}

func (n *named) drop(slot book.Slot) {
	n.table.remove(n.Engine, &n.users[n.at(slot).user], n.at(slot), slot)
	n.orders.Free(slot)
}

func (n *named) get(user uint16, idx uint8, ref uint32) book.Slot {
	return n.table.get(n.Engine, &n.users[user], user, idx, ref)
}

// TestRefTable compares the table with a map under random use, at the highest load it is made for. Some channels use the
// same UserRefNums; some UserRefNums meet on purpose.
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
		if r.IntN(3) == 0 {
			k.ref = uint32(r.IntN(50)) * uint32(len(table.table.places))
		}
		if _, there := twin[k]; !there && len(keys) < n && r.IntN(3) != 0 {
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
			if got := table.get(k.user, k.idx, k.ref); got != twin[k] {
				t.Fatalf("step %d: %v gives %d, want %d", i, k, got, twin[k])
			}
		}
		if got := table.get(7, 0, uint32(i+1)); got != 0 {
			t.Fatalf("an order that never was gives %d", got)
		}
	}
	if table.table.used == 0 {
		t.Error("the second table was not used")
	}
}

// TestRefTableFull holds that the second table stays small, however the names of a full venue lie apart.
func TestRefTableFull(t *testing.T) {
	const n = 1 << 17
	for _, apart := range []uint32{1, 2, 7, 8, 9, 1000} {
		table := newNamed(n, 3)
		for i := range uint32(n / 8) {
			for user := uint16(1); user <= 8; user++ {
				table.add(user, 0, 1+i*apart)
			}
		}
		if table.table.used > n/8 {
			t.Errorf("every %d. UserRefNum live: %d of %d names are in the second table", apart, table.table.used, n)
		}
	}
}

// TestRefTableSpreads holds that the names of as many accounts as there are begin one in each equal part of the table, and that
// nobody who does not know the salt knows how far apart.
func TestRefTableSpreads(t *testing.T) {
	apart := map[uint32]bool{}
	for salt := range uint64(64) {
		table := newRefTable(1<<14, salt)
		for accounts := 1; accounts <= 1<<10; accounts *= 2 {
			part := uint32(len(table.places) / accounts)
			seen := map[uint32]bool{}
			for user := 1; user <= accounts; user++ {
				seen[table.base(uint16(user))/part] = true
			}
			if len(seen) != accounts {
				t.Fatalf("salt %d: the names of %d accounts begin in %d parts of the table", salt, accounts, len(seen))
			}
		}
		apart[table.base(2)-table.base(1)] = true
	}
	if len(apart) < 60 {
		t.Errorf("64 salts: %d distances between the first two accounts", len(apart))
	}
}

// TestRefTableCannotBeAimedAt: UserRefNums that all meet in the first table, as a client can choose them, lie well apart in
// the second, also those that would not with another salt.
func TestRefTableCannotBeAimedAt(t *testing.T) {
	const n = 1 << 15
	aimed := newNamed(n, 1)
	size := uint32(len(aimed.table.places))
	var refs []uint32
	for ref := size; len(refs) < 200 && ref >= size; ref += size {
		if aimed.table.home(1, 0, ref) < uint64(size)/16 {
			refs = append(refs, ref)
		}
	}
	longest := func(salt uint64) (most uint64) {
		table := newNamed(n, salt)
		for _, ref := range refs {
			table.add(1, 0, ref)
		}
		if table.table.used != len(refs)-4 {
			t.Fatalf("%d of %d names are in the second table", table.table.used, len(refs))
		}
		for _, ref := range refs[4:] {
			i := table.table.seek(table.Engine, 1, 0, ref)
			most = max(most, (i-table.table.home(1, 0, ref))&uint64(size-1))
		}
		return most
	}
	for salt := uint64(2); salt < 20; salt++ {
		if most := longest(salt); most > 5 {
			t.Fatalf("%d probes with salt %d", most, salt)
		}
	}
}
