package book

import (
	"math/bits"

	"github.com/google/btree"
)

// none is the best key of an empty ladder. It is above every key.
const none = ^uint32(0)

// ladder is the queues of one side and class. It counts in keys: a price on the sell side, the distance from MaxPrice on
// the buy side, so that the lower key is always the better one.
type ladder struct {
	best      uint32 // key of the best queue, or none
	bestQueue uint32
	flip      uint32 // see key
	shift     uint32
	highest   Price
	orders    *Orders
	directory []uint32 // page of each 4,096 keys, 0 none
	inUse     *btree.BTreeG[uint32]
	kept      [keptPages]uint32 // pages that became empty last; some may be filled again
	keepNext  uint32            // which of kept makes room next
}

func newLadder(o *Orders, side Side, highest Price) ladder {
	l := ladder{
		best:      none,
		highest:   highest,
		orders:    o,
		directory: make([]uint32, highest>>pageBits+1),
		inUse:     btree.NewWithFreeListG(degree, pageBefore, o.treeNodes),
	}
	if side == Buy {
		l.flip, l.shift = ^uint32(0), uint32(highest)+1
	}
	return l
}

// key returns the key of a price: the price itself, or for buys, by two's complement, MaxPrice less the price.
func (l *ladder) key(p Price) uint32 { return uint32(p) ^ l.flip + l.shift }

// price returns the price of a key.
func (l *ladder) price(key uint32) Price { return Price(key ^ l.flip + l.shift) }

func (l *ladder) bestPrice() (Price, bool) {
	if l.best == none {
		return 0, false
	}
	return l.price(l.best), true
}

// end returns the key behind the last one at which an aggressor with this limit may trade. It is never above none.
func (l *ladder) end(limit Price) uint32 {
	if limit > l.highest { // reaches every sell and no buy
		return uint32(l.highest+1) &^ l.flip
	}
	return l.key(limit) + 1
}

// mark notes that the queue of key is no longer empty.
func (l *ladder) mark(key, queue uint32) {
	l.orders.blocks[queue>>blockBits].occupied |= 1 << (key % blockSize)
	if key < l.best {
		l.best, l.bestQueue = key, queue
	}
}

// extend makes the block of key, and its page if there is none. mark must follow.
func (l *ladder) extend(key uint32) {
	o := l.orders
	number := key >> pageBits
	if l.directory[number] == 0 {
		l.addPage(number)
	}
	i := l.directory[number]
	b := o.takeBlock(key&^(blockSize-1), i)
	p := &o.pages[i]
	p.blocks[key>>blockBits%blockSize] = b
	p.occupied |= 1 << (key >> blockBits % blockSize)
}

// drop notes that a queue has become empty.
func (l *ladder) drop(queue uint32) {
	b := &l.orders.blocks[queue>>blockBits]
	b.occupied &^= 1 << (queue % blockSize)
	if b.occupied == 0 {
		l.dropBlock(queue)
	} else if queue == l.bestQueue {
		l.setBest(queue >> blockBits)
	}
}

// dropBlock gives the block of a queue back, and its page if that is now empty.
func (l *ladder) dropBlock(queue uint32) {
	o := l.orders
	i := queue >> blockBits
	b := &o.blocks[i]
	first := b.page // the page in which the best queue is to be looked for
	p := &o.pages[first]
	p.blocks[b.key>>blockBits%blockSize] = 0
	p.occupied &^= 1 << (b.key >> blockBits % blockSize)
	if p.occupied == 0 {
		first = l.filled(p.next)
		l.keepPage(b.page)
	}
	o.giveBlock(i)
	switch {
	case queue != l.bestQueue:
	case first == 0:
		l.best, l.bestQueue = none, 0
	default:
		l.setBest(o.pages[first].firstBlock())
	}
}

// filled returns the first page from i on that is not empty, 0 if there is none. It skips keptPages at most.
func (l *ladder) filled(i uint32) uint32 {
	for i != 0 && l.orders.pages[i].occupied == 0 {
		i = l.orders.pages[i].next
	}
	return i
}

// keepPage leaves an empty page where it is, in place of the one that has been kept longest: where the touch swings to and
// fro, pages are filled again before long.
func (l *ladder) keepPage(i uint32) {
	p := &l.orders.pages[i]
	if p.kept {
		return
	}
	p.kept = true
	at := &l.kept[l.keepNext%keptPages]
	l.keepNext++
	old := *at
	*at = i
	if old == 0 {
		return
	}
	l.orders.pages[old].kept = false
	if l.orders.pages[old].occupied == 0 {
		l.dropPage(old)
	}
}

// setBest makes the first queue of a block the best.
func (l *ladder) setBest(block uint32) {
	b := &l.orders.blocks[block]
	k := uint32(bits.TrailingZeros64(b.occupied))
	l.best, l.bestQueue = b.key+k, block<<blockBits+k
}

func (p *page) firstBlock() uint32 { return p.blocks[bits.TrailingZeros64(p.occupied)%blockSize] }

// addPage links a new page between its neighbours, the lower of which the tree knows.
func (l *ladder) addPage(number uint32) {
	o := l.orders
	var before, after uint32
	l.inUse.DescendLessOrEqual(number, func(n uint32) bool {
		before = l.directory[n]
		return false
	})
	if before != 0 {
		after = o.pages[before].next
	} else if n, ok := l.inUse.Min(); ok {
		after = l.directory[n]
	}
	i := o.takePage(number)
	o.pages[i].prev, o.pages[i].next = before, after
	o.pages[before].next, o.pages[after].prev = i, i // page 0 takes what nobody reads
	l.directory[number] = i
	l.inUse.ReplaceOrInsert(number)
}

func (l *ladder) dropPage(i uint32) {
	o := l.orders
	p := &o.pages[i]
	o.pages[p.prev].next, o.pages[p.next].prev = p.next, p.prev
	l.directory[p.number] = 0
	l.inUse.Delete(p.number)
	o.givePage(i)
}

// behind returns the next worse queue that is not empty, 0 if there is none.
func (l *ladder) behind(queue uint32) uint32 {
	o := l.orders
	b := &o.blocks[queue>>blockBits]
	if rest := b.occupied & above(queue%blockSize); rest != 0 {
		return queue&^(blockSize-1) + uint32(bits.TrailingZeros64(rest))
	}
	p := &o.pages[b.page]
	next := uint32(0)
	if rest := p.occupied & above(b.key>>blockBits%blockSize); rest != 0 {
		next = p.blocks[bits.TrailingZeros64(rest)%blockSize]
	} else if page := l.filled(p.next); page != 0 {
		next = o.pages[page].firstBlock()
	} else {
		return 0
	}
	return next<<blockBits + uint32(bits.TrailingZeros64(o.blocks[next].occupied))
}

// above returns a mask of the bits above k, which is below 64.
func above(k uint32) uint64 { return ^uint64(1) << (k % 64) }

// keyOf returns the key of a queue in use.
func (l *ladder) keyOf(queue uint32) uint32 {
	return l.orders.blocks[queue>>blockBits].key + queue%blockSize
}
