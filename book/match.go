package book

import "math/bits"

// Fill is one execution against a resting order, at that order's price.
type Fill struct {
	Maker  Slot // Orders.Class says whether it was hidden
	Price  Price
	Qty    Qty
	Leaves Qty // of the maker, after it
}

// A walk takes the orders that rest opposite to an aggressor in price, class, time order: Trade again and again, as long as it
// Crosses and something is left of it.

// Crosses says whether an aggressor of side taker would meet anybody up to limit. A limit outside the book's prices is good: a
// market order has the largest Price or 0.
func (b *Book) Crosses(taker Side, limit Price) bool {
	l := b.against(taker)
	return min(l[Displayed].best, l[Hidden].best) <= l[Displayed].reach(limit)
}

// against returns what an aggressor meets. It panics, by the bounds of the array, if there is no such side.
func (b *Book) against(taker Side) *twoLadders { return &b.sides[taker^1] }

// Trade executes up to qty against the order that is first in line opposite to an aggressor of side taker: somebody must rest
// there. An order filled whole leaves its queue, but its slot stays taken until Orders.Free.
func (b *Book) Trade(taker Side, qty Qty) Fill {
	f, last := b.Hit(taker, qty)
	if last {
		b.Drop(f.Maker)
	}
	return f
}

// Hit is Trade but for one thing: if it says that the maker was the last of its queue, Drop must follow before anything else
// is done with the book.
func (b *Book) Hit(taker Side, qty Qty) (f Fill, last bool) {
	side, class := b.against(taker), Displayed
	if side[Hidden].best < side[Displayed].best {
		class = Hidden
	}
	q := b.queue(side[class%2].bestQueue)
	maker := q.head
	n := b.node(maker)
	if n.state != queued {
		panic("book: Trade with nobody")
	}
	f = Fill{Maker: Slot(maker), Price: n.price, Qty: min(qty, n.leaves)}
	f.Leaves = n.leaves - f.Qty
	n.leaves = f.Leaves
	q.total -= uint64(f.Qty)
	b.hash -= n.weight * uint64(f.Qty)
	if f.Leaves != 0 {
		return f, false
	}
	n.state = taken
	next := n.next
	q.head = next
	b.node(next).prev = 0
	return f, next == 0
}

// Fillable returns what a walk would execute of need. It changes nothing, and it looks at queues, not at orders.
func (b *Book) Fillable(taker Side, limit Price, need uint64) uint64 {
	sum := uint64(0)
	for class := Displayed; class <= Hidden; class++ {
		l := b.ladder(1-taker, class)
		reach := l.reach(limit)
		// at is the first queue of its block that is not empty.
		for at := l.bestQueue; at != 0 && sum < need && int64(b.keyOf(at)) <= reach; at = b.behind(at | (blockSize - 1)) {
			k := b.block(at)
			last := uint32(min(reach-int64(k.key), blockSize-1))
			for within := k.occupied &^ above(last); within != 0; within &= within - 1 {
				sum += b.queue(at&^(blockSize-1) + uint32(bits.TrailingZeros64(within))).total
			}
		}
	}
	return min(sum, need)
}
