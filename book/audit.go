package book

import (
	"fmt"
	"slices"
)

// Audit recounts the whole book and returns the first thing that is not as it should be. It allocates and takes time in
// proportion to the book and its price range: for tests and for an operator who doubts.
func (b *Book) Audit() error {
	if b.memory != b.orders.memory {
		return fmt.Errorf("book: it does not know where the orders lie")
	}
	sum := uint64(0)
	for i := range uint8(ladders) {
		a := ladderAudit{Book: b, ladder: b.ladderAt(i), shelf: b.ladderAt(i).shelf, which: i}
		if err := a.run(); err != nil {
			return fmt.Errorf("book: ladder of side %d class %d: %w", i>>1, i&1, err)
		}
		sum += a.sum
	}
	if sum != b.hash {
		return fmt.Errorf("book: hash is %016x, counted %016x", b.hash, sum)
	}
	return nil
}

type ladderAudit struct {
	*Book
	*ladder
	*shelf
	which uint8
	sum   uint64
	first uint32 // first queue that is not empty, in key order
	pages int
}

// run visits the pages by the directory and checks that tree and links say the same.
func (a *ladderAudit) run() error {
	before := uint32(0)
	for number, i := range a.shelf.directory {
		if i == 0 {
			if a.inUse.Has(uint32(number)) {
				return fmt.Errorf("page %d is in the tree but not in the directory", number)
			}
			continue
		}
		p := a.page(i)
		switch {
		case !a.inUse.Has(uint32(number)):
			return fmt.Errorf("page %d is not in the tree", number)
		case p.number != uint32(number) || p.prev != before:
			return fmt.Errorf("page %d calls itself %d behind %d, want behind %d", number, p.number, p.prev, before)
		case before != 0 && a.page(before).next != i:
			return fmt.Errorf("page %d is not linked from the one before", number)
		case p.kept != slices.Contains(a.kept[:], i):
			return fmt.Errorf("page %d: kept is %v, and not by the list", number, p.kept)
		case p.occupied == 0 && !p.kept:
			return fmt.Errorf("page %d is empty and not kept", number)
		}
		if err := a.blocksOf(i); err != nil {
			return err
		}
		before = i
		a.pages++
	}
	if before != 0 && a.page(before).next != 0 {
		return fmt.Errorf("a page follows the last one")
	}
	if a.pages != a.inUse.Len() {
		return fmt.Errorf("the tree has %d pages, the directory %d", a.inUse.Len(), a.pages)
	}
	return a.bestIsFirst()
}

func (a *ladderAudit) bestIsFirst() error {
	want := int64(none)
	if a.first != 0 {
		want = int64(a.keyOf(a.first))
	}
	if a.best != want || a.bestQueue != a.first {
		return fmt.Errorf("best is key %d queue %d, want %d, %d", a.best, a.bestQueue, want, a.first)
	}
	return nil
}

func (a *ladderAudit) blocksOf(i uint32) error {
	p := a.page(i)
	for k, block := range p.blocks {
		if occupied := p.occupied>>k&1 != 0; occupied != (block != 0) {
			return fmt.Errorf("page %d block %d: occupied is %v, block %d", p.number, k, occupied, block)
		}
		if block == 0 {
			continue
		}
		d := a.block(block)
		if d.page != i || d.key != p.number<<pageBits+uint32(k)<<blockBits || d.occupied == 0 {
			return fmt.Errorf("page %d block %d: page %d, key %d, occupied %x", p.number, k, d.page, d.key, d.occupied)
		}
		for at := block; at < block+blockSize; at++ {
			if err := a.ordersOf(at, d.occupied>>(at%blockSize)&1 != 0); err != nil {
				return fmt.Errorf("price %d: %w", a.price(a.keyOf(at)), err)
			}
		}
	}
	return nil
}

func (a *ladderAudit) ordersOf(at uint32, occupied bool) error {
	if !occupied {
		return nil // and nobody reads the queue
	}
	q := *a.queue(at)
	if q.head == 0 {
		return fmt.Errorf("occupied by nobody")
	}
	if a.first == 0 {
		a.first = at
	}
	before, total := uint32(0), uint64(0)
	for i := q.head; i != 0; i = a.node(i).next {
		n := a.node(i)
		switch {
		case n.state != queued || n.queue != at || n.prev != before || n.leaves == 0:
			return fmt.Errorf("order %d: %+v behind %d", i, *n, before)
		case n.ladder != a.which || n.price != a.price(a.keyOf(at)):
			return fmt.Errorf("order %d belongs elsewhere: %+v", i, *n)
		case n.price < 1 || n.price > a.highest:
			return fmt.Errorf("order %d has price %d", i, n.price)
		}
		total += uint64(n.leaves)
		a.sum += n.weight * uint64(n.leaves)
		before = i
	}
	if q.tail != before || q.total != total {
		return fmt.Errorf("tail %d total %d, counted %d, %d", q.tail, q.total, before, total)
	}
	return nil
}
