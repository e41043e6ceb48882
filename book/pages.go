package book

import "github.com/google/btree"

const (
	blockBits = 6
	blockSize = 1 << blockBits // queues in a block, and blocks in a page
	pageBits  = 2 * blockBits
	warmPages = 1024 // pages of all books for which tree nodes are made at start
	degree    = 32   // of the trees
	keptPages = 8    // of each ladder that may be empty and stay linked
)

// queue is the orders of one price, oldest first: four to a cache line.
type queue struct {
	head, tail uint32 // slots, 0 when empty
	total      uint64 // leaves of all
}

// block is 64 neighbouring prices of one ladder. The queues of block i are queues[64i : 64i+64].
type block struct {
	occupied uint64 // bit k: queue k is not empty
	key      uint32 // of queue 0
	page     uint32 // while the block is free: the free block behind it
}

// page is 4,096 neighbouring prices of one ladder.
type page struct {
	occupied   uint64 // bit k: blocks[k] is not empty
	blocks     [blockSize]uint32
	number     uint32 // key >> pageBits
	prev, next uint32 // its neighbours in the ladder; while the page is free: next is the one behind it
	kept       bool   // it is in ladder.kept
}

// reserve adds what one more book of so many ladders can need: never more blocks than orders can be live, and as many pages
// and those that are kept.
func (o *Orders) reserve(ladders, blocks, pages int) {
	o.blocksFor = min(o.blocksFor+ladders*blocks, o.Cap())
	o.pagesKept += ladders * min(pages, keptPages)
	o.pagesFilled = min(o.pagesFilled+ladders*pages, o.Cap())
	o.queues = grown(o.queues, (o.blocksFor+1)<<blockBits)
	o.blocks = grown(o.blocks, o.blocksFor+1)
	o.pages = grown(o.pages, o.pagesFilled+o.pagesKept+1)
}

// grown returns s with at least n elements. It doubles, so that many small books cost no more than one large one.
func grown[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	if n > cap(s) {
		s = append(make([]T, 0, max(n, 2*len(s))), s...)
	}
	return s[:n]
}

// takeBlock returns an empty block that begins at key.
func (o *Orders) takeBlock(key, in uint32) uint32 {
	i := o.freeBlock
	if i != 0 {
		o.freeBlock = o.blocks[i].page
	} else {
		o.blocksUsed++
		i = o.blocksUsed
	}
	o.blocks[i] = block{key: key, page: in}
	return i
}

func (o *Orders) giveBlock(i uint32) {
	o.blocks[i].page = o.freeBlock
	o.freeBlock = i
}

// takePage returns an empty page.
func (o *Orders) takePage(number uint32) uint32 {
	i := o.freePage
	if i != 0 {
		o.freePage = o.pages[i].next
	} else {
		o.pagesUsed++
		i = o.pagesUsed
	}
	p := &o.pages[i]
	p.number, p.prev, p.next, p.kept = number, 0, 0, false
	return i
}

func (o *Orders) givePage(i uint32) {
	o.pages[i].next = o.freePage
	o.freePage = i
}

func pageBefore(a, b uint32) bool { return a < b }

// filledFreeList returns a free list that holds the nodes of a tree of n items, so that such a tree grows without
// allocating. The items are those that item gives for 0 to n-1, ascending. The list has a mutex, taken when a tree splits
// or joins nodes; nobody contends for it.
func filledFreeList[T any](n int, before func(a, b T) bool, item func(i int) T) *btree.FreeListG[T] {
	list := btree.NewFreeListG[T](n/(degree-1) + 64)
	tree := btree.NewWithFreeListG(degree, before, list)
	for i := range n {
		tree.ReplaceOrInsert(item(i))
	}
	tree.Clear(true)
	return list
}
