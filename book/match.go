package book

// Fill is one execution against a resting order, at that order's price.
type Fill struct {
	Maker  Slot // Orders.Class says whether it was hidden
	Price  Price
	Qty    Qty
	Leaves Qty // of the maker, after it
}

// Match walks the orders that rest opposite to an aggressor of side taker, in price, class, time order, as far as limit
// and until qty is used up. A limit outside the book's prices is good: a market order has the largest Price or 0. It
// appends one fill for each order met and returns what is left of qty. An order filled whole leaves its queue, but its
// slot stays taken until Orders.Free.
func (b *Book) Match(fills []Fill, taker Side, limit Price, qty Qty) ([]Fill, Qty) {
	displayed, hidden := b.ladder(1-taker, Displayed), b.ladder(1-taker, Hidden)
	end := displayed.end(limit)
	for qty > 0 {
		l := displayed
		if hidden.best < displayed.best {
			l = hidden
		}
		if l.best >= end {
			break
		}
		fills, qty = b.take(fills, l, qty)
	}
	return fills, qty
}

// take executes up to qty against the best queue of l.
func (b *Book) take(fills []Fill, l *ladder, qty Qty) ([]Fill, Qty) {
	nodes := b.orders.nodes
	price, at := l.price(l.best), l.bestQueue
	q := &b.orders.queues[at]
	maker := q.head
	for maker != 0 && qty > 0 {
		n := &nodes[maker]
		done := min(qty, n.leaves)
		n.leaves -= done
		qty -= done
		q.total -= uint64(done)
		b.hash -= n.weight * uint64(done)
		fills = append(fills, Fill{Maker: Slot(maker), Price: price, Qty: done, Leaves: n.leaves})
		if n.leaves == 0 {
			n.state = taken
			maker = n.next
		}
	}
	q.head = maker
	if maker != 0 {
		nodes[maker].prev = 0
	} else {
		q.tail = 0
		l.drop(at)
	}
	return fills, qty
}

// Fillable returns what Match would execute of need. It changes nothing, and it looks at queues, not at orders.
func (b *Book) Fillable(taker Side, limit Price, need uint64) uint64 {
	sum := uint64(0)
	for class := Displayed; class <= Hidden; class++ {
		l := b.ladder(1-taker, class)
		end := l.end(limit)
		if l.best >= end {
			continue
		}
		for at := l.bestQueue; at != 0 && sum < need && l.keyOf(at) < end; at = l.behind(at) {
			sum += b.orders.queues[at].total
		}
	}
	return min(sum, need)
}

// Crosses says whether Match of an aggressor of side taker would meet anybody up to limit.
func (b *Book) Crosses(taker Side, limit Price) bool {
	displayed, hidden := &b.ladders[(taker^1)<<1&3], &b.ladders[(taker^1)<<1&3|1]
	return min(displayed.best, hidden.best) < displayed.end(limit)
}
