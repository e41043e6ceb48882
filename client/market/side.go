package market

import (
	"slices"

	"matcher/wire/itch"
)

// side says which of a book's two sides; its value is an index.
type side uint8

const (
	buy  side = 0
	sell side = 1
)

func (s side) letter() byte {
	if s == buy {
		return itch.SideBuy
	}
	return itch.SideSell
}

// ladder is the prices of one side, the best at the end. Prices of the sell side are stored as their complement, so that on
// both sides greater is better.
type ladder struct {
	steps []step
}

// step is a price and its level.
type step struct {
	key   uint32 // price of a buy; complement of the price of a sell
	level uint32
}

// key is what a price is sorted by.
func (s side) key(price uint32) uint32 {
	if s == buy {
		return price
	}
	return ^price
}

// near is how many steps from the best one are looked at one by one.
const near = 4

// find returns the place of a key, or where it belongs.
func (l *ladder) find(key uint32) (int, bool) {
	steps := l.steps
	n := len(steps)
	for i := n; i > max(n-near, 0); i-- {
		switch at := steps[i-1].key; {
		case at == key:
			return i - 1, true
		case at < key:
			return i, false
		}
	}
	low, high := 0, max(n-near, 0)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if steps[middle].key < key {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, low < n && steps[low].key == key
}

// level returns the level of a price, which it makes if it is not there.
func (l *ladder) level(m *Market, b *Book, s side, price uint32) uint32 {
	key := s.key(price)
	at, found := l.find(key)
	if found {
		return l.steps[at].level
	}
	slot := m.free.level
	if slot != 0 {
		m.free.level = m.levels[slot].head
	} else {
		m.levels = append(m.levels, level{})
		slot = uint32(len(m.levels) - 1)
	}
	m.levels[slot] = level{price: price, book: b.locate, side: s}
	l.steps = slices.Insert(l.steps, at, step{key, slot})
	return slot
}

// drop takes a price away.
func (l *ladder) drop(s side, price uint32) {
	if at, found := l.find(s.key(price)); found {
		l.steps = slices.Delete(l.steps, at, at+1)
	}
}
