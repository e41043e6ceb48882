// Package book holds the resting orders of one instrument and matches against them in price-time priority: price first,
// then displayed before hidden, then time. Orders may also be parked: counted, but in no queue.
//
// It owns the order of the queues and the slab in which the orders of all books of an engine lie (Orders). It never reads
// a clock, does I/O, starts a goroutine, knows an owner or decides what an order type means: it is told what to rest and
// how much to trade, and returns what happened. It takes no part in whether the book is
// crossed: Add rests what it is given.
//
// # Shape
//
// Each side has one ladder per class, four to a book. A ladder counts in keys, the lower the better on both sides:
//
//	directory[key>>12] -> page[key>>6&63] -> block -> queue[key&63] -> head ... tail
//
// A page spans 4,096 ticks and a block 64; both have one bit per non-empty part, so the next best price is two or three
// instructions away. Pages are linked to their neighbours; a google/btree of page numbers finds the neighbours of a page
// that appears and is touched at no other time. A page that becomes empty stays for a while, until keptPages others have: a
// touch that swings to and fro finds it again. The best price of each ladder is cached. Orders know the index of their queue:
// removing one never looks up a price. There is no window around the touch, and so no price at which an order costs more than
// at another.
//
// Orders, queues, blocks and pages are found by their numbers from where their arrays begin (memory), without a check of
// bounds: these numbers come from the book itself, and Audit holds them to be right. What a caller says is checked at the door,
// except that a slot is one of this Orders, and but for the short way of short.go, which is for a caller who has looked.
//
// # Memory
//
// An order takes 64 bytes, half of which are the caller's (Data), a block of 64 prices 1,040, a page 280. The worst order,
// alone in its page, takes 1,384 bytes and its share of a tree node, about 10. Emptied blocks and pages are used again, last
// in first out, so that the memory in use follows the flow. Never more blocks or pages are in use than orders are live or
// prices exist, and keptPages of each ladder beside them; New reserves the smaller of the two, and from then on nothing is
// allocated, with one exception: the tree makes nodes for more than 1,024 pages when that many are in use for the first time.
// Reserved memory that is never used is never touched.
package book

import (
	"slices"
	"unsafe"
)

// Config says how to make a Book.
type Config struct {
	Orders   *Orders
	MaxPrice Price // highest price, 1 to 4,294,967,294 ticks
}

// Book is the resting orders of one instrument. It is used by one goroutine.
type Book struct {
	memory          // as of orders
	hash    uint64  // of queued orders
	waiting uint64  // of parked ones
	orders  *Orders // what follows is rare
	highest Price   // MaxPrice
	sides   [2]twoLadders
}

// New makes an empty book whose orders will lie in cfg.Orders. It costs a directory of 4 bytes per 4,096 ticks for each
// side and class.
func New(cfg Config) *Book {
	if cfg.MaxPrice < 1 || uint32(cfg.MaxPrice) == ^uint32(0) {
		panic("book: MaxPrice out of range")
	}
	b := &Book{orders: cfg.Orders, highest: cfg.MaxPrice}
	for i := range uint8(ladders) {
		*b.ladderAt(i) = newLadder(cfg.Orders, Side(i>>1), cfg.MaxPrice)
	}
	cfg.Orders.books = append(cfg.Orders.books, b)
	cfg.Orders.reserve(ladders, int(cfg.MaxPrice>>blockBits+1), int(cfg.MaxPrice>>pageBits+1))
	return b
}

// Discard gives back the memory of a book in which no order is left. Nothing may be done with it afterwards.
func (b *Book) Discard() {
	o := b.orders
	for i := range uint8(ladders) {
		l := b.ladderAt(i)
		if l.best != none || b.waiting != 0 {
			panic("book: Discard of a book with orders")
		}
		for _, page := range l.shelf.kept { // an empty ladder has no others
			if page != 0 {
				b.dropPage(l.shelf, page)
			}
		}
		o.pagesKept -= min(len(l.shelf.directory), keptPages)
	}
	o.books = slices.DeleteFunc(o.books, func(other *Book) bool { return other == b })
}

// ladder panics, by the bounds of the arrays, if there is no such side or class.
func (b *Book) ladder(s Side, c Class) *ladder { return &b.sides[s][c] }

// ladderAt returns the ladder of node.ladder.
func (b *Book) ladderAt(i uint8) *ladder {
	return (*ladder)(unsafe.Add(unsafe.Pointer(&b.sides), uintptr(i)*unsafe.Sizeof(ladder{})))
}

// Resting is an order that comes to rest.
type Resting struct {
	Side  Side
	Class Class
	Price Price // 1 to MaxPrice
	Qty   Qty   // at least 1
}

// Add puts the order at the back of its queue. The slot must be taken and in no book. Weight is its factor in Hash.
func (b *Book) Add(s Slot, r Resting, weight uint64) {
	n := b.node(uint32(s))
	if n.state != taken || r.Qty == 0 || r.Price-1 >= b.highest || uint8(r.Side)|uint8(r.Class) > 1 {
		panic("book: Add of a slot that is not taken, or of an order outside the book")
	}
	which := uint8(r.Side)*2 + uint8(r.Class)
	l := b.ladderAt(which)
	key := l.key(r.Price)
	at := b.blockOf(l.pageOf(key), key)
	if at == 0 {
		b.addFar(s, r, weight)
		return // nothing outlives a call, so nothing is kept in memory for it
	}
	q := Queue(at | key%blockSize)
	behind := b.Join(s, q, r.Side, r.Price, r.Qty, weight)
	n.ladder = which
	if !behind {
		b.Lead(s, q)
	}
}

// addFar is Add of an order whose block of prices is not there.
//
//go:noinline
func (b *Book) addFar(s Slot, r Resting, weight uint64) {
	l := b.ladder(r.Side, r.Class)
	b.extend(l, l.key(r.Price))
	b.Add(s, r, weight)
}

// Reduce takes n off the order, which keeps its place. n is below its leaves.
func (b *Book) Reduce(s Slot, n Qty) {
	d := b.node(uint32(s))
	if d.state < queued || n >= d.leaves {
		panic("book: Reduce of an order that is in no book, or to nothing")
	}
	d.leaves -= n
	if d.state == parked {
		b.waiting -= d.weight * uint64(n)
		return
	}
	b.queue(d.queue).total -= uint64(n)
	b.hash -= d.weight * uint64(n)
}

// Remove takes the order out of the book. Its slot stays taken.
func (b *Book) Remove(s Slot) {
	n := b.node(uint32(s))
	if n.state != queued {
		b.unpark(n)
		return
	}
	if !b.Leave(s) {
		b.Drop(s)
	}
}

// Execute takes n, at most its leaves, off the order at a trade and returns what is left. An order of which nothing is left
// leaves the book; its slot stays taken.
func (b *Book) Execute(s Slot, n Qty) Qty {
	d := b.node(uint32(s))
	left := d.leaves - n
	if left != 0 {
		b.Reduce(s, n)
		return left
	}
	b.Remove(s)
	d.leaves = 0
	return 0
}

// Park counts an order in the hash and in Leaves without putting it in a queue: it is live, but Trade never meets it. The
// slot must be taken and in no book. Reduce, Remove, Execute and Reweigh take it as any other.
func (b *Book) Park(s Slot, r Resting, weight uint64) {
	n := b.node(uint32(s))
	if n.state != taken || r.Qty == 0 {
		panic("book: Park of a slot that is not taken, or of nothing")
	}
	n.leaves, n.weight, n.price, n.ladder, n.state = r.Qty, weight, r.Price, uint8(r.Side)<<1|uint8(r.Class), parked
	b.waiting += weight * uint64(r.Qty)
}

func (b *Book) unpark(n *node) {
	if n.state != parked {
		panic("book: Remove of an order that is in no book")
	}
	n.state = taken
	b.waiting -= n.weight * uint64(n.leaves)
}

// Reweigh gives an order another factor in Hash.
func (b *Book) Reweigh(s Slot, weight uint64) {
	n := b.node(uint32(s))
	more := (weight - n.weight) * uint64(n.leaves)
	if n.state == parked {
		b.waiting += more
	} else {
		b.hash += more
	}
	n.weight = weight
}

// Best returns the best displayed price, false if nothing is displayed.
func (b *Book) Best(s Side) (Price, bool) {
	return b.ladder(s, Displayed).bestPrice()
}

// Touch returns the best price of any class, false if the side is empty.
func (b *Book) Touch(s Side) (Price, bool) {
	displayed, hidden := b.ladder(s, Displayed), b.ladder(s, Hidden)
	if hidden.best < displayed.best {
		return hidden.bestPrice()
	}
	return displayed.bestPrice()
}

// Hash returns the sum, mod 2^64, of weight times leaves over all queued and parked orders.
func (b *Book) Hash() uint64 { return b.hash + b.waiting }
