package book

import (
	"unsafe"

	"github.com/google/btree"
)

// Slot is an order's place in Orders, 1 to Cap. 0 is no order. Whoever takes a slot may keep arrays of its own with the
// same index.
type Slot uint32

// Side is the side of an order.
type Side uint8

// Sides.
const (
	Buy  Side = 0
	Sell Side = 1
)

// Class ranks the orders of one price: all displayed ones trade before any hidden one.
type Class uint8

// Classes.
const (
	Displayed Class = 0
	Hidden    Class = 1
)

// Price is in ticks, 1 to Config.MaxPrice.
type Price uint32

// Qty is in lots. What is summed over orders is a uint64.
type Qty uint32

// MaxOrders is the largest capacity of an Orders: a queue's index is a block's index with six more bits.
const MaxOrders = 1<<26 - 1

// state says where a slot stands.
type state uint8

const (
	free state = iota
	taken
	queued
	parked
)

// node is one order, one cache line. While it is queued, next and prev are its neighbours in the queue (0 at the ends) and
// queue is the index of that queue, so that an order is found and removed without looking up its price. While it is free,
// next leads to the free slot behind it, counted from the one with the next number: in fresh memory slots follow each other.
// It holds no pointer: the garbage collector never looks inside.
type node struct {
	next   uint32
	prev   uint32
	queue  uint32
	leaves Qty
	weight uint64
	price  Price
	ladder uint8 // side<<1 | class
	state  state
	data   Data
}

// OrderSize is the memory of one order, in bytes. Orders lie side by side in the order of their slots.
const OrderSize = 64

// Data is what whoever takes a slot keeps beside the order, in the same cache line. The book never reads it.
type Data [4]uint64

// node returns the order in whose slot this lies.
func (d *Data) node() *node {
	return (*node)(unsafe.Add(unsafe.Pointer(d), -int(unsafe.Offsetof(node{}.data))))
}

// Leaves and Price are those of Orders, of the order in whose slot this lies.

func (d *Data) Leaves() Qty  { return d.node().leaves }
func (d *Data) Price() Price { return d.node().price }

// Orders is the memory of all orders of one engine and of the queues in which they stand. Books share it, because its
// bounds hold for all of them together: there are never more queues, blocks or pages in use than orders. It is used by
// one goroutine.
type Orders struct {
	memory
	nodes  []node
	queues []queue // 64 for each of blocks
	blocks []block
	pages  []page
	books  []*Book // who have copies of memory

	freeNode              uint32 // head of the free list; behind the last slot when all are taken
	freeBlock, blocksUsed uint32
	freePage, pagesUsed   uint32

	live        int
	blocksFor   int // what the books made so far could use at most
	pagesFilled int
	pagesKept   int // empty ones beside those
	treeNodes   *btree.FreeListG[uint32]
}

// NewOrders makes the memory for capacity orders, 1 to MaxOrders, live at once. It is never exceeded and never grows; only
// New adds the memory its price range can need.
func NewOrders(capacity int) *Orders {
	if capacity < 1 || capacity > MaxOrders {
		panic("book: capacity out of range")
	}
	o := &Orders{
		freeNode:  1,
		nodes:     make([]node, capacity+1),
		queues:    make([]queue, blockSize),
		blocks:    make([]block, 1),
		pages:     make([]page, 1),
		treeNodes: filledFreeList(min(capacity, warmPages), pageBefore, func(i int) uint32 { return uint32(i) }),
	}
	o.place()
	return o
}

// place notes where the arrays begin.
func (o *Orders) place() {
	o.memory = memory{
		nodes0:  unsafe.Pointer(unsafe.SliceData(o.nodes)),
		queues0: unsafe.Pointer(unsafe.SliceData(o.queues)),
		blocks0: unsafe.Pointer(unsafe.SliceData(o.blocks)),
		pages0:  unsafe.Pointer(unsafe.SliceData(o.pages)),
	}
	for _, b := range o.books {
		b.memory = o.memory
	}
}

// Cap returns how many orders can be live at once.
func (o *Orders) Cap() int { return len(o.nodes) - 1 }

// Live returns how many slots are taken.
func (o *Orders) Live() int { return o.live }

// Memory calls visit with the memory that orders touch, address and size: of the orders themselves, which is that of Data(0),
// then of the prices, of which no more is used than prices have orders. Whoever measures may want it in place, in large pages.
func (o *Orders) Memory(visit func(address, size uintptr)) {
	visit(uintptr(o.nodes0), uintptr(len(o.nodes))*unsafe.Sizeof(node{}))
	visit(uintptr(o.queues0), uintptr(len(o.queues))*unsafe.Sizeof(queue{}))
	visit(uintptr(o.blocks0), uintptr(len(o.blocks))*unsafe.Sizeof(block{}))
	visit(uintptr(o.pages0), uintptr(len(o.pages))*unsafe.Sizeof(page{}))
}

// Take returns a slot that was free, or 0 when Cap are taken.
func (o *Orders) Take() Slot {
	if int(o.freeNode) >= len(o.nodes) {
		return 0
	}
	return o.TakeNext()
}

// Free gives a taken slot back. It must not be in a book.
func (o *Orders) Free(s Slot) {
	if o.node(uint32(s)).state != taken {
		panic("book: Free of a slot that is free or queued")
	}
	o.FreeTaken(s)
}

// Data returns the taker's own part of a slot.
func (o *Orders) Data(s Slot) *Data { return &o.node(uint32(s)).data }

// Weight returns the order's factor in the book's Hash.
func (o *Orders) Weight(s Slot) uint64 { return o.node(uint32(s)).weight }

// Queued says whether the order stands in a book.
func (o *Orders) Queued(s Slot) bool { return o.node(uint32(s)).state == queued }

// Parked says whether the order is counted by a book without standing in one of its queues.
func (o *Orders) Parked(s Slot) bool { return o.node(uint32(s)).state == parked }

// Leaves returns the order's open quantity. After Remove it is what was removed, after a whole fill 0, until the slot is
// added again.
func (o *Orders) Leaves(s Slot) Qty { return o.node(uint32(s)).leaves }

// Price returns the price at which the order was last added.
func (o *Orders) Price(s Slot) Price { return o.node(uint32(s)).price }

// Side returns the side on which the order was last added.
func (o *Orders) Side(s Slot) Side { return Side(o.node(uint32(s)).ladder >> 1) }

// Class returns the class in which the order was last added.
func (o *Orders) Class(s Slot) Class { return Class(o.node(uint32(s)).ladder & 1) }
