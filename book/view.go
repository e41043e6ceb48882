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
	for at := l.bestQueue; at != 0 && n > 0; at = l.behind(at) {
		q := &b.orders.queues[at]
		level := Level{Price: l.price(l.keyOf(at)), Qty: q.total}
		for i := q.head; i != 0; i = b.orders.nodes[i].next {
			level.Orders++
		}
		dst = append(dst, level)
		n--
	}
	return dst
}

// Queue appends every order of a side in the order in which Match would meet them.
func (b *Book) Queue(dst []Slot, s Side) []Slot {
	displayed, hidden := b.ladder(s, Displayed), b.ladder(s, Hidden)
	d, h := displayed.bestQueue, hidden.bestQueue
	for d != 0 || h != 0 {
		at := d
		if d == 0 || h != 0 && hidden.keyOf(h) < displayed.keyOf(d) {
			at, h = h, hidden.behind(h)
		} else {
			d = displayed.behind(d)
		}
		for i := b.orders.queues[at].head; i != 0; i = b.orders.nodes[i].next {
			dst = append(dst, Slot(i))
		}
	}
	return dst
}
