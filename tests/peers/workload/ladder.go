package workload

import "math/bits"

const (
	ticks = 1 << 18 // prices are 0 to ticks-1
	mid   = ticks / 2

	noBid = -1
	noAsk = ticks
)

// ladder is the small book that the generator asks what it may cancel, reprice and cross. By array: levels by price, orders
// by id.
type ladder struct {
	levels [2][ticks]level
	marks  [2]marks
	best   [2]int32 // noBid, noAsk: the side is empty
	orders []resting
	live   int
	sum    Sum
}

type level struct{ head, tail uint32 }

type resting struct {
	next, prev uint32
	qty        uint32 // 0: not in the book
	price      int32
	side       uint8
}

func newLadder(orders uint32) *ladder {
	return &ladder{orders: make([]resting, orders+1), best: [2]int32{noBid, noAsk}, sum: NewSum()}
}

func (l *ladder) has(id uint32) bool { return l.orders[id].qty != 0 }

func (l *ladder) add(id uint32, side uint8, price int32, qty uint32) {
	if qty = l.take(side, price, qty); qty == 0 {
		return
	}
	o, lv := &l.orders[id], &l.levels[side][price]
	*o = resting{prev: lv.tail, qty: qty, price: price, side: side}
	if lv.tail != 0 {
		l.orders[lv.tail].next = id
	} else {
		lv.head = id
		l.marks[side].set(uint32(price))
		if side == 0 {
			l.best[0] = max(l.best[0], price)
		} else {
			l.best[1] = min(l.best[1], price)
		}
	}
	lv.tail = id
	l.live++
}

func (l *ladder) cancel(id uint32) {
	o := &l.orders[id]
	lv := &l.levels[o.side][o.price]
	if o.prev != 0 {
		l.orders[o.prev].next = o.next
	} else {
		lv.head = o.next
	}
	if o.next != 0 {
		l.orders[o.next].prev = o.prev
	} else {
		lv.tail = o.prev
	}
	o.qty = 0
	l.live--
	if lv.head == 0 {
		l.vanish(o.side, o.price)
	}
}

func (l *ladder) reprice(id uint32, price int32, qty uint32) {
	side := l.orders[id].side
	l.cancel(id)
	l.add(id, side, price, qty)
}

// take trades against the other side and returns what is left.
func (l *ladder) take(side uint8, limit int32, qty uint32) uint32 {
	against := side ^ 1
	for qty != 0 && (side == 0 && l.best[1] <= limit || side == 1 && l.best[0] >= limit) {
		maker := l.levels[against][l.best[against]].head
		o := &l.orders[maker]
		n := min(qty, o.qty)
		l.sum.Trade(maker, n)
		qty -= n
		if n == o.qty {
			l.cancel(maker)
		} else {
			o.qty -= n
		}
	}
	return qty
}

// vanish notes that a level is empty.
func (l *ladder) vanish(side uint8, price int32) {
	l.marks[side].clear(uint32(price))
	switch {
	case price != l.best[side]:
	case side == 0:
		l.best[0] = l.marks[0].below(price)
	default:
		l.best[1] = l.marks[1].above(price)
	}
}

// marks has one bit per price, one per word of those, one per word of those.
type marks struct {
	prices [ticks / 64]uint64
	words  [ticks / 64 / 64]uint64
	top    uint64
}

func (m *marks) set(i uint32) {
	m.prices[i>>6] |= 1 << (i & 63)
	m.words[i>>12] |= 1 << (i >> 6 & 63)
	m.top |= 1 << (i >> 12)
}

func (m *marks) clear(i uint32) {
	if m.prices[i>>6] &^= 1 << (i & 63); m.prices[i>>6] == 0 {
		if m.words[i>>12] &^= 1 << (i >> 6 & 63); m.words[i>>12] == 0 {
			m.top &^= 1 << (i >> 12)
		}
	}
}

// above returns the lowest marked price above p, noAsk if there is none.
func (m *marks) above(p int32) int32 {
	i := uint32(p)
	if w := m.prices[i>>6] &^ (2<<(i&63) - 1); w != 0 {
		return int32(i&^63) + int32(bits.TrailingZeros64(w))
	}
	if w := m.words[i>>12] &^ (2<<(i>>6&63) - 1); w != 0 {
		k := i>>12<<6 + uint32(bits.TrailingZeros64(w))
		return int32(k<<6) + int32(bits.TrailingZeros64(m.prices[k]))
	}
	if w := m.top &^ (2<<(i>>12) - 1); w != 0 {
		k := uint32(bits.TrailingZeros64(w))
		k = k<<6 + uint32(bits.TrailingZeros64(m.words[k]))
		return int32(k<<6) + int32(bits.TrailingZeros64(m.prices[k]))
	}
	return noAsk
}

// below returns the highest marked price below p, noBid if there is none.
func (m *marks) below(p int32) int32 {
	i := uint32(p)
	if w := m.prices[i>>6] & (1<<(i&63) - 1); w != 0 {
		return int32(i&^63) + highest(w)
	}
	if w := m.words[i>>12] & (1<<(i>>6&63) - 1); w != 0 {
		k := int32(i>>12<<6) + highest(w)
		return k<<6 + highest(m.prices[k])
	}
	if w := m.top & (1<<(i>>12) - 1); w != 0 {
		k := highest(w)
		k = k<<6 + highest(m.words[k])
		return k<<6 + highest(m.prices[k])
	}
	return noBid
}

func highest(w uint64) int32 { return 63 - int32(bits.LeadingZeros64(w)) }
