package book

import "fmt"

// Audit recounts the whole book and returns the first thing that is not as it should be. It allocates and takes time in
// proportion to the book and its price range: for tests and for an operator who doubts.
func (b *Book) Audit() error {
	sum := uint64(0)
	for i := range b.ladders {
		a := ladderAudit{ladder: &b.ladders[i], side: Side(i >> 1), class: Class(i & 1)}
		if err := a.run(); err != nil {
			return fmt.Errorf("book: ladder of side %d class %d: %w", a.side, a.class, err)
		}
		sum += a.hash
	}
	if sum != b.hash {
		return fmt.Errorf("book: hash is %016x, counted %016x", b.hash, sum)
	}
	return nil
}

type ladderAudit struct {
	*ladder
	side  Side
	class Class
	hash  uint64
	first uint32 // first queue that is not empty, in key order
	pages int
}

// run visits the pages by the directory and checks that tree and links say the same.
func (a *ladderAudit) run() error {
	before := uint32(0)
	for number, i := range a.directory {
		if i == 0 {
			if a.inUse.Has(uint32(number)) {
				return fmt.Errorf("page %d is in the tree but not in the directory", number)
			}
			continue
		}
		p := &a.orders.pages[i]
		switch {
		case !a.inUse.Has(uint32(number)):
			return fmt.Errorf("page %d is not in the tree", number)
		case p.number != uint32(number) || p.prev != before:
			return fmt.Errorf("page %d calls itself %d behind %d, want behind %d", number, p.number, p.prev, before)
		case before != 0 && a.orders.pages[before].next != i:
			return fmt.Errorf("page %d is not linked from the one before", number)
		case p.kept != a.keeps(i):
			return fmt.Errorf("page %d: kept is %v, and not by the list", number, p.kept)
		case p.occupied == 0 && !p.kept:
			return fmt.Errorf("page %d is empty and not kept", number)
		}
		if err := a.page(i); err != nil {
			return err
		}
		before = i
		a.pages++
	}
	if before != 0 && a.orders.pages[before].next != 0 {
		return fmt.Errorf("a page follows the last one")
	}
	if a.pages != a.inUse.Len() {
		return fmt.Errorf("the tree has %d pages, the directory %d", a.inUse.Len(), a.pages)
	}
	return a.bestIsFirst()
}

func (l *ladder) keeps(page uint32) bool {
	for _, i := range l.kept {
		if i == page {
			return true
		}
	}
	return false
}

func (a *ladderAudit) bestIsFirst() error {
	want := none
	if a.first != 0 {
		want = a.keyOf(a.first)
	}
	if a.best != want || a.bestQueue != a.first {
		return fmt.Errorf("best is key %d queue %d, want %d, %d", a.best, a.bestQueue, want, a.first)
	}
	return nil
}

func (a *ladderAudit) page(i uint32) error {
	p := &a.orders.pages[i]
	for k, block := range p.blocks {
		if occupied := p.occupied>>k&1 != 0; occupied != (block != 0) {
			return fmt.Errorf("page %d block %d: occupied is %v, block %d", p.number, k, occupied, block)
		}
		if block == 0 {
			continue
		}
		b := &a.orders.blocks[block]
		if b.page != i || b.key != p.number<<pageBits+uint32(k)<<blockBits || b.occupied == 0 {
			return fmt.Errorf("page %d block %d: page %d, key %d, occupied %x", p.number, k, b.page, b.key, b.occupied)
		}
		for at := block << blockBits; at < (block+1)<<blockBits; at++ {
			if err := a.queue(at, b.occupied>>(at%blockSize)&1 != 0); err != nil {
				return fmt.Errorf("price %d: %w", a.price(a.keyOf(at)), err)
			}
		}
	}
	return nil
}

func (a *ladderAudit) queue(at uint32, occupied bool) error {
	q := a.orders.queues[at]
	if occupied != (q.head != 0) {
		return fmt.Errorf("occupied is %v, head %d", occupied, q.head)
	}
	if occupied && a.first == 0 {
		a.first = at
	}
	before, total := uint32(0), uint64(0)
	for i := q.head; i != 0; i = a.orders.nodes[i].next {
		n := &a.orders.nodes[i]
		switch {
		case n.state != queued || n.queue != at || n.prev != before || n.leaves == 0:
			return fmt.Errorf("order %d: %+v behind %d", i, *n, before)
		case n.side != a.side || n.class != a.class || n.price != a.price(a.keyOf(at)):
			return fmt.Errorf("order %d belongs elsewhere: %+v", i, *n)
		case n.price < 1 || n.price > a.highest:
			return fmt.Errorf("order %d has price %d", i, n.price)
		}
		total += uint64(n.leaves)
		a.hash += n.weight * uint64(n.leaves)
		before = i
	}
	if q.tail != before || q.total != total {
		return fmt.Errorf("tail %d total %d, counted %d, %d", q.tail, q.total, before, total)
	}
	return nil
}
