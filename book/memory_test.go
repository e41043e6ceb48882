package book

import (
	"math/rand/v2"
	"testing"
)

// TestNoAllocations: nothing on the path of an order allocates, wherever the touch jumps, in a book that has never been so
// deep before.
func TestNoAllocations(t *testing.T) {
	const highest = 2_000_000_000
	orders := NewOrders(10_000)
	b := New(Config{Orders: orders, MaxPrice: highest})
	fills := make([]Fill, 0, 1000)
	flow := rand.New(rand.NewPCG(1, 2))
	price := func() Price { return 1 + Price(flow.Uint32N(highest)) }
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"add and remove at far prices", func() {
			s := orders.Take()
			b.Add(s, Resting{Side: Sell, Price: price(), Qty: 5}, 0)
			b.Remove(s)
			orders.Free(s)
		}},
		{"a page each", func() {
			p := price()%(highest-900*4096) + 1
			for i := range Price(900) {
				b.Add(orders.Take(), Resting{Side: Sell, Class: Class(i % 2), Price: p + i*4096, Qty: 1}, 0)
			}
			fills, _ = walk(b, fills[:0], Buy, highest, 900)
			for _, f := range fills {
				orders.Free(f.Maker)
			}
		}},
		{"the touch jumps", func() {
			p := price()
			s, other := orders.Take(), orders.Take()
			b.Add(s, Resting{Side: Buy, Price: p, Qty: 5}, 0)
			b.Add(other, Resting{Side: Buy, Price: price(), Qty: 5}, 0)
			b.Reduce(s, 2)
			b.Fillable(Sell, p, 100)
			fills, _ = walk(b, fills[:0], Sell, 0, 8)
			orders.Free(s)
			orders.Free(other)
		}},
		{"a crowd in one place", func() {
			for i := range Price(500) {
				b.Add(orders.Take(), Resting{Side: Buy, Price: 1_000_000 + i%200, Qty: 1}, 0)
			}
			fills, _ = walk(b, fills[:0], Sell, 0, 500)
			for _, f := range fills {
				orders.Free(f.Maker)
			}
		}},
	} {
		if n := testing.AllocsPerRun(200, c.f); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
		if err := b.Audit(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMemoryIsBounded: an order in a page of its own for every order there may be, on every side and class in turn, needs
// no more than was reserved, and all of it but the kept pages comes back.
func TestMemoryIsBounded(t *testing.T) {
	const capacity = 2000
	orders := NewOrders(capacity)
	books := []*Book{
		New(Config{Orders: orders, MaxPrice: 100_000_000}),
		New(Config{Orders: orders, MaxPrice: 500}),
		New(Config{Orders: orders, MaxPrice: 100_000_000}),
	}
	queues, blocks, pages := cap(orders.queues), cap(orders.blocks), cap(orders.pages)
	for _, b := range []*Book{books[0], books[2], books[0]} {
		for _, side := range []Side{Buy, Sell} {
			for i := range Price(capacity) {
				b.Add(orders.Take(), Resting{Side: side, Class: Class(i % 2), Price: 1 + i*4096, Qty: 1}, 0)
			}
			if orders.Take() != 0 {
				t.Error("one order too many")
			}
			if err := b.Audit(); err != nil {
				t.Fatal(err)
			}
			for _, s := range b.Ranked(nil, side) {
				b.Remove(s)
				orders.Free(s)
			}
			if err := b.Audit(); err != nil {
				t.Fatal(err)
			}
		}
	}
	const kept = 3 * 4 * keptPages // at most, by the ladders of three books
	if orders.blocksUsed != capacity || orders.pagesUsed < capacity || orders.pagesUsed > capacity+kept || orders.Live() != 0 {
		t.Errorf("%d blocks, %d pages used, %d live", orders.blocksUsed, orders.pagesUsed, orders.Live())
	}
	free := 0
	for i := orders.freePage; i != 0; i = orders.page(i).next {
		free++
	}
	if inUse := int(orders.pagesUsed) - free; inUse > kept {
		t.Errorf("%d pages in use by empty books, want %d at most", inUse, kept)
	}
	if cap(orders.queues) != queues || cap(orders.blocks) != blocks || cap(orders.pages) != pages {
		t.Error("memory has grown")
	}
}

// TestMemoryFollowsPrices: books of few prices reserve no more than their prices can need.
func TestMemoryFollowsPrices(t *testing.T) {
	orders := NewOrders(1_000_000)
	for range 10 {
		New(Config{Orders: orders, MaxPrice: 100_000})
	}
	const want = 10 * 4 * (100_000/64 + 1)
	if got := cap(orders.blocks); got < want || got > 2*want {
		t.Errorf("%d blocks, want %d to twice that", got, want)
	}
}

func TestSlotsAreUsedAgain(t *testing.T) {
	orders := NewOrders(3)
	for range 2 {
		seen := map[Slot]bool{}
		for range orders.Cap() {
			s := orders.Take()
			if s < 1 || int(s) > orders.Cap() || seen[s] {
				t.Fatalf("slot %d", s)
			}
			seen[s] = true
		}
		if s := orders.Take(); s != 0 || orders.Live() != 3 {
			t.Errorf("slot %d beyond the capacity, %d live", s, orders.Live())
		}
		for s := range seen {
			orders.Free(s)
		}
	}
}

// TestDiscard: books that come and go leave nothing behind, and other books as they are.
func TestDiscard(t *testing.T) {
	orders := NewOrders(100)
	other := New(Config{Orders: orders, MaxPrice: 2_000_000_000})
	for i := range Price(30) {
		other.Add(orders.Take(), Resting{Side: Sell, Price: 1 + i*5000, Qty: 1}, 1)
	}
	pages, used, hash := 0, uint32(0), other.Hash()
	for round := range 100 {
		b := New(Config{Orders: orders, MaxPrice: 1_000_000})
		slots := make([]Slot, 40)
		for i := range slots {
			slots[i] = orders.Take()
			b.Add(slots[i], Resting{Side: Side(i % 2), Class: Class(i / 2 % 2), Price: 1 + Price(i)*5000, Qty: 1}, 1)
		}
		for _, s := range slots {
			b.Remove(s)
			orders.Free(s)
		}
		b.Discard()
		if round == 0 {
			pages, used = len(orders.pages), orders.pagesUsed
		}
	}
	if len(orders.books) != 1 || len(orders.pages) != pages || orders.pagesUsed != used {
		t.Errorf("%d books, memory for %d pages (%d), %d used (%d)", len(orders.books), len(orders.pages), pages, orders.pagesUsed, used)
	}
	if err := other.Audit(); err != nil || other.Hash() != hash {
		t.Errorf("another book has changed: %v", err)
	}
}
