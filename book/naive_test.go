package book

import (
	"cmp"
	"fmt"
	"slices"
)

// naive is the book as the rules say it, without a thought for speed: one slice a side, sorted whenever it changes.
type naive struct {
	sides [2][]naiveOrder
	clock int
}

type naiveOrder struct {
	slot   Slot
	rest   Resting
	weight uint64
	since  int
}

func (n *naive) add(s Slot, r Resting, weight uint64) {
	n.clock++
	n.sides[r.Side] = append(n.sides[r.Side], naiveOrder{s, r, weight, n.clock})
	slices.SortFunc(n.sides[r.Side], func(a, b naiveOrder) int {
		byPrice := cmp.Compare(a.rest.Price, b.rest.Price)
		if r.Side == Buy {
			byPrice = -byPrice
		}
		return cmp.Or(byPrice, cmp.Compare(a.rest.Class, b.rest.Class), cmp.Compare(a.since, b.since))
	})
}

func (n *naive) find(s Slot) (side Side, i int) {
	for side := range n.sides {
		if i := slices.IndexFunc(n.sides[side], func(o naiveOrder) bool { return o.slot == s }); i >= 0 {
			return Side(side), i
		}
	}
	panic("no such order")
}

func (n *naive) remove(s Slot) {
	side, i := n.find(s)
	n.sides[side] = slices.Delete(n.sides[side], i, i+1)
}

func (n *naive) reduce(s Slot, q Qty) {
	side, i := n.find(s)
	n.sides[side][i].rest.Qty -= q
}

func reaches(taker Side, limit, price Price) bool {
	return taker == Buy && price <= limit || taker == Sell && price >= limit
}

func (n *naive) match(taker Side, limit Price, qty Qty) (fills []Fill, left Qty) {
	side := &n.sides[1-taker]
	for qty > 0 && len(*side) > 0 && reaches(taker, limit, (*side)[0].rest.Price) {
		first := &(*side)[0]
		done := min(qty, first.rest.Qty)
		qty -= done
		first.rest.Qty -= done
		fills = append(fills, Fill{first.slot, first.rest.Price, done, first.rest.Qty})
		if first.rest.Qty == 0 {
			*side = slices.Delete(*side, 0, 1)
		}
	}
	return fills, qty
}

func (n *naive) fillable(taker Side, limit Price, need uint64) uint64 {
	sum := uint64(0)
	for _, o := range n.sides[1-taker] {
		if reaches(taker, limit, o.rest.Price) {
			sum += uint64(o.rest.Qty)
		}
	}
	return min(sum, need)
}

func (n *naive) depth(side Side) (levels []Level) {
	for _, o := range n.sides[side] {
		if o.rest.Class == Hidden {
			continue
		}
		if len(levels) == 0 || levels[len(levels)-1].Price != o.rest.Price {
			levels = append(levels, Level{Price: o.rest.Price})
		}
		last := &levels[len(levels)-1]
		last.Qty += uint64(o.rest.Qty)
		last.Orders++
	}
	return levels
}

func (n *naive) hash() (sum uint64) {
	for _, side := range n.sides {
		for _, o := range side {
			sum += o.weight * uint64(o.rest.Qty)
		}
	}
	return sum
}

// compare returns the first difference between a book and its naive twin.
func (n *naive) compare(b *Book) error {
	if err := b.Audit(); err != nil {
		return err
	}
	if b.Hash() != n.hash() {
		return fmt.Errorf("hash is %x, want %x", b.Hash(), n.hash())
	}
	for _, side := range []Side{Buy, Sell} {
		if err := n.compareSide(b, side); err != nil {
			return fmt.Errorf("side %d: %w", side, err)
		}
	}
	return nil
}

func (n *naive) compareSide(b *Book, side Side) error {
	slots := b.Ranked(nil, side)
	if len(slots) != len(n.sides[side]) {
		return fmt.Errorf("%d orders, want %d", len(slots), len(n.sides[side]))
	}
	for i, want := range n.sides[side] {
		s := slots[i]
		got := Resting{b.orders.Side(s), b.orders.Class(s), b.orders.Price(s), b.orders.Leaves(s)}
		if s != want.slot || got != want.rest || b.orders.Weight(s) != want.weight || !b.orders.Queued(s) {
			return fmt.Errorf("order %d is %d %+v, want %d %+v", i, s, got, want.slot, want.rest)
		}
	}
	levels := n.depth(side)
	if got := b.Depth(nil, side, 1<<30); !slices.Equal(got, levels) {
		return fmt.Errorf("depth is %v, want %v", got, levels)
	}
	if got, want := b.Depth(nil, side, 2), levels[:min(2, len(levels))]; !slices.Equal(got, want) {
		return fmt.Errorf("depth 2 is %v, want %v", got, want)
	}
	var best, touch Price
	if len(levels) > 0 {
		best = levels[0].Price
	}
	if len(n.sides[side]) > 0 {
		touch = n.sides[side][0].rest.Price
	}
	if p, ok := b.Best(side); p != best || ok != (best != 0) {
		return fmt.Errorf("best is %d %v, want %d", p, ok, best)
	}
	if p, ok := b.Touch(side); p != touch || ok != (touch != 0) {
		return fmt.Errorf("touch is %d %v, want %d", p, ok, touch)
	}
	return nil
}
