package book

import "github.com/google/btree"

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
// next is the free slot behind it. It holds no pointer: the garbage collector never looks inside.
type node struct {
	next   uint32
	prev   uint32
	queue  uint32
	leaves Qty
	weight uint64
	price  Price
	side   Side
	class  Class
	state  state
	data   Data
}

// OrderSize is the memory of one order, in bytes. Orders lie side by side in the order of their slots.
const OrderSize = 64

// Data is what whoever takes a slot keeps beside the order, in the same cache line. The book never reads it.
type Data [4]uint64

// Orders is the memory of all orders of one engine and of the queues in which they stand. Books share it, because its
// bounds hold for all of them together: there are never more queues, blocks or pages in use than orders. It is used by
// one goroutine.
type Orders struct {
	nodes  []node
	queues []queue // 64 for each of blocks
	blocks []block
	pages  []page

	freeNode, nodesUsed   uint32 // head of the free list; highest index ever taken
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
	return &Orders{
		nodes:     make([]node, capacity+1),
		queues:    make([]queue, blockSize),
		blocks:    make([]block, 1),
		pages:     make([]page, 1),
		treeNodes: filledFreeList(min(capacity, warmPages), pageBefore, func(i int) uint32 { return uint32(i) }),
	}
}

// Cap returns how many orders can be live at once.
func (o *Orders) Cap() int { return len(o.nodes) - 1 }

// Live returns how many slots are taken.
func (o *Orders) Live() int { return o.live }

// Take returns a slot that was free, or 0 when Cap are taken.
func (o *Orders) Take() Slot {
	i := o.freeNode
	switch {
	case i != 0:
		o.freeNode = o.nodes[i].next
	case int(o.nodesUsed) < o.Cap():
		o.nodesUsed++
		i = o.nodesUsed
	default:
		return 0
	}
	o.nodes[i].state = taken
	o.live++
	return Slot(i)
}

// Free gives a taken slot back. It must not be in a book.
func (o *Orders) Free(s Slot) {
	n := &o.nodes[s]
	if n.state != taken {
		panic("book: Free of a slot that is free or queued")
	}
	n.state = free
	n.next = o.freeNode
	o.freeNode = uint32(s)
	o.live--
}

// Data returns the taker's own part of a slot.
func (o *Orders) Data(s Slot) *Data { return &o.nodes[s].data }

// Weight returns the order's factor in the book's Hash.
func (o *Orders) Weight(s Slot) uint64 { return o.nodes[s].weight }

// Queued says whether the order stands in a book.
func (o *Orders) Queued(s Slot) bool { return o.nodes[s].state == queued }

// Parked says whether the order is counted by a book without standing in one of its queues.
func (o *Orders) Parked(s Slot) bool { return o.nodes[s].state == parked }

// Leaves returns the order's open quantity. After Remove it is what was removed, after a whole fill 0, until the slot is
// added again.
func (o *Orders) Leaves(s Slot) Qty { return o.nodes[s].leaves }

// Price returns the price at which the order was last added.
func (o *Orders) Price(s Slot) Price { return o.nodes[s].price }

// Side returns the side on which the order was last added.
func (o *Orders) Side(s Slot) Side { return o.nodes[s].side }

// Class returns the class in which the order was last added.
func (o *Orders) Class(s Slot) Class { return o.nodes[s].class }
