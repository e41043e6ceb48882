package book

import (
	"math/bits"
	"unsafe"

	"github.com/google/btree"
)

// none is the best key of an empty ladder. It is above every key, and above every key that a limit can have.
const none = 1 << 40

// ladder is the queues of one side and class: what every order looks at, a cache line. It counts in keys: a price on the sell
// side, the distance from MaxPrice on the buy side, so that the lower key is always the better one.
type ladder struct {
	best        int64 // key of the best queue, or none
	flip, shift int64 // see reach
	bestQueue   uint32
	directory   unsafe.Pointer // of shelf
	shelf       *shelf
	_           [2]uint64
}

// twoLadders are those of a side, by class.
type twoLadders [2]ladder

const ladders = 4 // of a book

// shelf is what a ladder needs when a page appears or goes.
type shelf struct {
	directory []uint32 // page of each 4,096 keys, 0 none
	inUse     *btree.BTreeG[uint32]
	kept      [keptPages]uint32 // pages that became empty last; some may be filled again
	keepNext  uint32            // which of kept makes room next
}

func newLadder(o *Orders, side Side, highest Price) ladder {
	s := &shelf{
		directory: make([]uint32, highest>>pageBits+1),
		inUse:     btree.NewWithFreeListG(degree, pageBefore, o.treeNodes),
	}
	l := ladder{best: none, directory: unsafe.Pointer(unsafe.SliceData(s.directory)), shelf: s}
	if side == Buy {
		l.flip, l.shift = -1, int64(highest)+1
	}
	return l
}

// reach returns the worst key at which an aggressor with this limit may trade. It is below 0 if a sell asks for more than
// there are prices.
func (l *ladder) reach(limit Price) int64 { return int64(limit) ^ l.flip + l.shift }

// key returns the key of a price: the price itself, or for buys, by two's complement, MaxPrice less the price.
func (l *ladder) key(p Price) uint32 { return uint32(p) ^ uint32(l.flip) + uint32(l.shift) }

// price returns the price of a key.
func (l *ladder) price(key uint32) Price { return Price(l.key(Price(key))) }

// pageOf returns the page of a key, 0 if there is none.
func (l *ladder) pageOf(key uint32) uint32 {
	return *(*uint32)(unsafe.Add(l.directory, uintptr(key>>pageBits)*4))
}

func (l *ladder) bestPrice() (Price, bool) {
	if l.best == none {
		return 0, false
	}
	return l.price(uint32(l.best)), true
}

// mark notes that the queue of key is no longer empty.
func (b *Book) mark(l *ladder, key, queue uint32) {
	b.block(queue).occupied |= 1 << (key % blockSize)
	if int64(key) < l.best {
		l.best, l.bestQueue = int64(key), queue
	}
}

// extend makes the block of key, and its page if there is none. mark must follow.
func (b *Book) extend(l *ladder, key uint32) {
	if l.pageOf(key) == 0 {
		b.addPage(l.shelf, key>>pageBits)
	}
	i := l.pageOf(key)
	p := b.page(i)
	p.blocks[key>>blockBits%blockSize] = b.orders.takeBlock(key&^(blockSize-1), i)
	p.occupied |= 1 << (key >> blockBits % blockSize)
}

// drop notes that a queue has become empty.
func (b *Book) drop(l *ladder, queue uint32) {
	k := b.block(queue)
	k.occupied &^= 1 << (queue % blockSize)
	if k.occupied == 0 {
		b.dropBlock(l, queue&^(blockSize-1))
	} else if queue == l.bestQueue {
		b.setBest(l, queue)
	}
}

// dropBlock gives a block back, and its page if that is now empty.
func (b *Book) dropBlock(l *ladder, block uint32) {
	k := b.block(block)
	in := k.page
	p := b.page(in)
	p.blocks[k.key>>blockBits%blockSize] = 0
	p.occupied &^= 1 << (k.key >> blockBits % blockSize)
	if p.occupied == 0 {
		b.keepPage(l.shelf, in)
	}
	b.orders.giveBlock(block)
	if block != l.bestQueue&^(blockSize-1) {
		return
	}
	if in = b.filled(in); in == 0 {
		l.best, l.bestQueue = none, 0
		return
	}
	b.setBest(l, b.page(in).firstBlock())
}

// filled returns the first page from i on that is not empty, 0 if there is none. It skips keptPages at most.
func (b *Book) filled(i uint32) uint32 {
	for i != 0 && b.page(i).occupied == 0 {
		i = b.page(i).next
	}
	return i
}

// keepPage leaves an empty page where it is, in place of the one that has been kept longest: where the touch swings to and
// fro, pages are filled again before long.
func (b *Book) keepPage(s *shelf, i uint32) {
	p := b.page(i)
	if p.kept {
		return
	}
	p.kept = true
	at := &s.kept[s.keepNext%keptPages]
	s.keepNext++
	old := *at
	*at = i
	if old == 0 {
		return
	}
	b.page(old).kept = false
	if b.page(old).occupied == 0 {
		b.dropPage(s, old)
	}
}

// setBest makes the first queue of the block of a queue the best.
func (b *Book) setBest(l *ladder, queue uint32) {
	k := b.block(queue)
	first := uint32(bits.TrailingZeros64(k.occupied))
	l.best, l.bestQueue = int64(k.key+first), queue&^(blockSize-1)+first
}

func (p *page) firstBlock() uint32 { return p.blocks[bits.TrailingZeros64(p.occupied)%blockSize] }

// addPage links a new page between its neighbours, the lower of which the tree knows.
func (b *Book) addPage(s *shelf, number uint32) {
	var before, after uint32
	s.inUse.DescendLessOrEqual(number, func(n uint32) bool {
		before = s.directory[n]
		return false
	})
	if before != 0 {
		after = b.page(before).next
	} else if n, ok := s.inUse.Min(); ok {
		after = s.directory[n]
	}
	i := b.orders.takePage(number)
	p := b.page(i)
	p.prev, p.next = before, after
	b.page(before).next, b.page(after).prev = i, i // page 0 takes what nobody reads
	s.directory[number] = i
	s.inUse.ReplaceOrInsert(number)
}

func (b *Book) dropPage(s *shelf, i uint32) {
	p := b.page(i)
	b.page(p.prev).next, b.page(p.next).prev = p.next, p.prev
	s.directory[p.number] = 0
	s.inUse.Delete(p.number)
	b.orders.givePage(i)
}

// behind returns the next worse queue that is not empty, 0 if there is none.
func (b *Book) behind(queue uint32) uint32 {
	k := b.block(queue)
	if rest := k.occupied & above(queue%blockSize); rest != 0 {
		return queue&^(blockSize-1) + uint32(bits.TrailingZeros64(rest))
	}
	p := b.page(k.page)
	next := uint32(0)
	if rest := p.occupied & above(k.key>>blockBits%blockSize); rest != 0 {
		next = p.blocks[bits.TrailingZeros64(rest)%blockSize]
	} else if page := b.filled(p.next); page != 0 {
		next = b.page(page).firstBlock()
	} else {
		return 0
	}
	return next + uint32(bits.TrailingZeros64(b.block(next).occupied))
}

// above returns a mask of the bits above k, which is below 64.
func above(k uint32) uint64 { return ^uint64(1) << (k % 64) }

// keyOf returns the key of a queue in use.
func (b *Book) keyOf(queue uint32) uint32 { return b.block(queue).key + queue%blockSize }
