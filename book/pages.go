package book

import (
	"unsafe"

	"github.com/google/btree"
)

const (
	blockBits = 6
	blockSize = 1 << blockBits // queues in a block, and blocks in a page
	pageBits  = 2 * blockBits
	warmPages = 1024 // pages of all books for which tree nodes are made at start
	degree    = 32   // of the trees
	keptPages = 8    // of each ladder that may be empty and stay linked
)

// queue is the orders of one price, oldest first: four to a cache line. What is in it while its bit in the block is not set
// says nothing.
type queue struct {
	head, tail uint32 // slots
	total      uint64 // leaves of all
}

// block is 64 neighbouring prices of one ladder. Its name is the index of its first queue, a multiple of 64.
type block struct {
	occupied uint64 // bit k: queue k is not empty
	key      uint32 // of queue 0
	page     uint32 // while the block is free: the free block behind it
}

// page is 4,096 neighbouring prices of one ladder. Its name is where it begins, in units of 8 bytes.
type page struct {
	blocks     [blockSize]uint32 // 0 none
	occupied   uint64            // bit k: blocks[k] is not empty
	number     uint32            // key >> pageBits
	prev, next uint32            // its neighbours in the ladder; while the page is free: next is the one behind it
	kept       bool              // it is in shelf.kept
}

const pageUnits = uint32(unsafe.Sizeof(page{}) / 8)

// memory is where the arrays of an Orders begin. Its methods take names that the book itself made: nothing is checked.
type memory struct {
	nodes0, queues0, blocks0, pages0 unsafe.Pointer
}

func (m *memory) node(i uint32) *node {
	return (*node)(unsafe.Add(m.nodes0, uintptr(i)*unsafe.Sizeof(node{})))
}

func (m *memory) queue(i uint32) *queue {
	return (*queue)(unsafe.Add(m.queues0, uintptr(i)*unsafe.Sizeof(queue{})))
}

// block returns the block of a queue.
func (m *memory) block(queue uint32) *block {
	return (*block)(unsafe.Add(m.blocks0, uintptr(queue>>blockBits)*unsafe.Sizeof(block{})))
}

func (m *memory) page(i uint32) *page { return (*page)(unsafe.Add(m.pages0, uintptr(i)*8)) }

// blockOf returns the block of a key in its page, 0 if there is none. Page 0 has no blocks.
func (m *memory) blockOf(page, key uint32) uint32 {
	return *(*uint32)(unsafe.Add(m.pages0, uintptr(page*2+key>>blockBits%blockSize)*4))
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
	o.place()
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
		o.freeBlock = o.block(i).page
	} else {
		o.blocksUsed++
		i = o.blocksUsed << blockBits
	}
	*o.block(i) = block{key: key, page: in}
	return i
}

func (o *Orders) giveBlock(i uint32) {
	o.block(i).page = o.freeBlock
	o.freeBlock = i
}

// takePage returns an empty page.
func (o *Orders) takePage(number uint32) uint32 {
	i := o.freePage
	if i != 0 {
		o.freePage = o.page(i).next
	} else {
		o.pagesUsed++
		i = o.pagesUsed * pageUnits
	}
	p := o.page(i)
	p.number, p.prev, p.next, p.kept = number, 0, 0, false
	return i
}

func (o *Orders) givePage(i uint32) {
	o.page(i).next = o.freePage
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
