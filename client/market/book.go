package market

import (
	"iter"
	"strings"

	"matcher/wire/itch"
)

// Book is the displayed orders of one instrument. Sides are itch.SideBuy and itch.SideSell; any other letter is an empty
// side. What it returns is true until the next Apply.
type Book struct {
	market *Market
	symbol string
	locate uint16
	state  byte
	sides  [2]ladder
}

// Level is a price and what is displayed at it.
type Level struct {
	Price    uint32
	Quantity uint64
	Orders   int
}

// Order is a displayed order.
type Order struct {
	Ref         uint64
	Quantity    uint32
	Attribution [4]byte // spaces: not attributed
}

// Symbol returns the symbol without its padding.
func (b *Book) Symbol() string { return b.symbol }

// Locate returns the stock locate.
func (b *Book) Locate() uint16 { return b.locate }

// State returns the state of the last Trading Action, itch.StateXxx; 0 if there was none.
func (b *Book) State() byte { return b.state }

// Levels appends the best levels of a side to dst, at most depth of them, the best first.
func (b *Book) Levels(dst []Level, letter byte, depth int) []Level {
	steps := b.steps(letter)
	for i := len(steps) - 1; i >= 0 && depth > 0; i-- {
		dst = append(dst, b.level(steps[i]))
		depth--
	}
	return dst
}

// Best returns the best level of a side; false if the side is empty.
func (b *Book) Best(letter byte) (Level, bool) {
	steps := b.steps(letter)
	if len(steps) == 0 {
		return Level{}, false
	}
	return b.level(steps[len(steps)-1]), true
}

// Depth returns how many prices a side has.
func (b *Book) Depth(letter byte) int { return len(b.steps(letter)) }

// Orders goes through the orders of a side: the best price first, within a price in the order of the queue.
func (b *Book) Orders(letter byte) iter.Seq2[Level, Order] {
	return func(yield func(Level, Order) bool) {
		steps := b.steps(letter)
		for i := len(steps) - 1; i >= 0; i-- {
			l := b.level(steps[i])
			for slot := b.market.levels[steps[i].level].head; slot != 0; slot = b.market.orders[slot].next {
				o := &b.market.orders[slot]
				if !yield(l, Order{o.ref, o.qty, o.attribution}) {
					return
				}
			}
		}
	}
}

func (b *Book) steps(letter byte) []step {
	switch letter {
	case itch.SideBuy:
		return b.sides[buy].steps
	case itch.SideSell:
		return b.sides[sell].steps
	}
	return nil
}

func (b *Book) level(s step) Level {
	l := &b.market.levels[s.level]
	return Level{l.price, l.qty, int(l.count)}
}

func trim(padded []byte) string { return strings.TrimRight(string(padded), " ") }
