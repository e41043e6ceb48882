package book

// Level is what rests at one price.
type Level struct {
	Price  Price
	Qty    uint64
	Orders int
}

// Depth appends the best n displayed levels of a side, best first. It counts the orders by walking them: not for the hot
// path.
func (b *Book) Depth(dst []Level, s Side, n int) []Level {
	l := b.ladder(s, Displayed)
	for at := l.bestQueue; at != 0 && n > 0; at = b.behind(at) {
		q := b.queue(at)
		level := Level{Price: l.price(b.keyOf(at)), Qty: q.total}
		for i := q.head; i != 0; i = b.node(i).next {
			level.Orders++
		}
		dst = append(dst, level)
		n--
	}
	return dst
}

// Ranked appends every queued order of a side in the order in which a walk would meet them.
func (b *Book) Ranked(dst []Slot, s Side) []Slot {
	displayed, hidden := b.ladder(s, Displayed), b.ladder(s, Hidden)
	d, h := displayed.bestQueue, hidden.bestQueue
	for d != 0 || h != 0 {
		at := d
		if d == 0 || h != 0 && b.keyOf(h) < b.keyOf(d) {
			at, h = h, b.behind(h)
		} else {
			d = b.behind(d)
		}
		for i := b.queue(at).head; i != 0; i = b.node(i).next {
			dst = append(dst, Slot(i))
		}
	}
	return dst
}

// Queue is the orders of one side, class and price, in order of time; 0 is none. It is a name until the book changes.
type Queue uint32

// First returns the queue of the best price of a side and class, 0 if there is none.
func (b *Book) First(s Side, c Class) Queue { return Queue(b.ladder(s, c).bestQueue) }

// Behind returns the queue of the next worse price, 0 if there is none.
func (b *Book) Behind(s Side, c Class, q Queue) Queue { return Queue(b.behind(uint32(q))) }

// PriceOf returns the price of a queue.
func (b *Book) PriceOf(s Side, c Class, q Queue) Price {
	l := b.ladder(s, c)
	return l.price(b.keyOf(uint32(q)))
}

// Head returns the first order of a queue.
func (b *Book) Head(q Queue) Slot { return Slot(b.queue(uint32(q)).head) }

// Next returns the order behind one that is queued, 0 at the end of its queue.
func (o *Orders) Next(s Slot) Slot { return Slot(o.node(uint32(s)).next) }

// Before returns the order before one that is queued, 0 at the head of its queue.
func (o *Orders) Before(s Slot) Slot { return Slot(o.node(uint32(s)).prev) }

// Tail returns the last order of a side, class and price, 0 if none stands there.
func (b *Book) Tail(s Side, c Class, p Price) Slot {
	return Slot(b.queue(b.queueAt(b.ladder(s, c), p)).tail) // of queue 0 nothing is the tail
}

// queueAt returns the queue of a price, 0, in which nothing stands, if nobody stands there.
func (b *Book) queueAt(l *ladder, p Price) uint32 {
	if p-1 >= b.highest {
		return 0
	}
	key := l.key(p)
	if at := b.blockOf(l.pageOf(key), key) | key%blockSize; at >= blockSize && b.stands(at) {
		return at
	}
	return 0
}

// Ahead returns what stands before a queued order at its price: the lots and orders that a walk would meet first. Before a
// hidden order that is every displayed one too. Nothing stands before an order that is in no queue.
func (b *Book) Ahead(s Slot) (lots uint64, orders int) {
	o := b.orders
	n := o.node(uint32(s))
	if n.state != queued {
		return 0, 0
	}
	for i := n.prev; i != 0; i = o.node(i).prev {
		lots += uint64(o.node(i).leaves)
		orders++
	}
	if n.ladder&1 == uint8(Hidden) {
		l := b.ladderAt(n.ladder - uint8(Hidden))
		for at := l.bestQueue; at != 0; at = b.behind(at) {
			if l.price(b.keyOf(at)) != n.price {
				continue
			}
			for i := o.queue(at).head; i != 0; i = o.node(i).next {
				lots += uint64(o.node(i).leaves)
				orders++
			}
			break
		}
	}
	return lots, orders
}
