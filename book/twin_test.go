package book

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// twins is a book and its naive twin, which take the same commands.
type twins struct {
	orders *Orders
	book   *Book
	naive  naive
	live   []Slot
	max    Price
}

func newTwins(orders *Orders, highest Price) *twins {
	return &twins{orders: orders, book: New(Config{Orders: orders, MaxPrice: highest}), max: highest}
}

func (t *twins) add(r Resting, weight uint64) error {
	s := t.orders.Take()
	if s == 0 {
		return nil
	}
	t.book.Add(s, r, weight)
	t.naive.add(s, r, weight)
	t.live = append(t.live, s)
	return nil
}

func (t *twins) match(taker Side, limit Price, qty Qty) error {
	if got, want := t.book.Fillable(taker, limit, uint64(qty)), t.naive.fillable(taker, limit, uint64(qty)); got != want {
		return fmt.Errorf("fillable is %d, want %d", got, want)
	}
	got, left := walk(t.book, nil, taker, limit, qty)
	want, wantLeft := t.naive.match(taker, limit, qty)
	if !slices.Equal(got, want) || left != wantLeft {
		return fmt.Errorf("fills are %v, %d left, want %v, %d left", got, left, want, wantLeft)
	}
	for _, f := range got {
		if f.Leaves == 0 {
			t.free(slices.Index(t.live, f.Maker))
		}
	}
	return nil
}

func (t *twins) free(i int) {
	t.orders.Free(t.live[i])
	t.live[i] = t.live[len(t.live)-1]
	t.live = t.live[:len(t.live)-1]
}

func (t *twins) reduce(i int, q Qty) {
	if q %= t.orders.Leaves(t.live[i]); q > 0 {
		t.book.Reduce(t.live[i], q)
		t.naive.reduce(t.live[i], q)
	}
}

func (t *twins) remove(i int) {
	t.book.Remove(t.live[i])
	t.naive.remove(t.live[i])
	t.free(i)
}

var flowSeed = flag.Uint64("book.seed", 0, "seed of TestTwins; 0 takes a new one")

// TestTwins drives books that share their memory, and their naive twins, with random flow whose touch jumps.
func TestTwins(t *testing.T) {
	seed := *flowSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("again with: go test -run TestTwins ./book -book.seed=%d", seed)
	for _, c := range []struct {
		name     string
		highest  Price
		capacity int
		spread   uint32 // how far from the touch orders come
		commands int
	}{
		{"one block", 63, 24, 63, 20_000},
		{"dense", 4_095, 60, 6, 40_000},
		{"blocks", 20_000, 60, 300, 40_000},
		{"pages", 200_000, 60, 20_000, 20_000},
		{"widest", 2_000_000, 40, 900_000, 5_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			flow := &flow{Rand: rand.New(rand.NewPCG(seed, uint64(c.highest))), spread: c.spread}
			orders := NewOrders(c.capacity)
			books := []*twins{newTwins(orders, c.highest), newTwins(orders, c.highest/2+1)}
			for i := range c.commands {
				tw := books[flow.IntN(len(books))]
				if err := flow.command(tw); err != nil {
					t.Fatalf("seed %d, command %d: %v", seed, i, err)
				}
				if err := tw.naive.compare(tw.book); err != nil {
					t.Fatalf("seed %d, after command %d: %v", seed, i, err)
				}
			}
			if live := len(books[0].live) + len(books[1].live); orders.Live() != live {
				t.Fatalf("seed %d: %d live, want %d", seed, orders.Live(), live)
			}
		})
	}
}

// flow makes random commands around a touch that jumps now and then.
type flow struct {
	*rand.Rand
	spread uint32
	touch  Price
}

func (f *flow) price(highest Price) Price {
	if f.touch == 0 || f.touch > highest || f.IntN(200) == 0 {
		f.touch = 1 + Price(f.Uint32N(uint32(highest)))
	}
	p := int64(f.touch) + int64(f.Uint32N(2*f.spread+1)) - int64(f.spread)
	return Price(min(max(p, 1), int64(highest)))
}

func (f *flow) command(t *twins) error {
	side := Side(f.IntN(2))
	full := t.orders.Live() == t.orders.Cap()
	switch kind := f.IntN(20); {
	case kind < 9 && !full || len(t.live) == 0:
		r := Resting{Side: side, Class: Class(f.IntN(4) / 3), Price: f.price(t.max), Qty: 1 + Qty(f.IntN(50))}
		return t.add(r, f.Uint64())
	case kind < 13:
		t.remove(f.IntN(len(t.live)))
	case kind < 16:
		t.reduce(f.IntN(len(t.live)), Qty(f.IntN(50)))
	case kind < 19:
		return t.match(side, f.price(t.max), 1+Qty(f.IntN(100)))
	default: // as far as there is anything
		return t.match(side, []Price{^Price(0), 0}[side], 1+Qty(f.IntN(150)))
	}
	return nil
}

// TestTwinsSmall is TestTwins with few orders and prices, and with shrinking.
func TestTwinsSmall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tw := newTwins(NewOrders(8), 3*4096)
		price := rapid.Custom(func(t *rapid.T) Price {
			return rapid.SampledFrom([]Price{1, 2, 63, 64, 65, 4095, 4096, 4097, 8191, 8192, 12287, 12288}).Draw(t, "price")
		})
		for range rapid.IntRange(0, 40).Draw(t, "commands") {
			side := Side(rapid.IntRange(0, 1).Draw(t, "side"))
			qty := Qty(rapid.IntRange(1, 5).Draw(t, "qty"))
			var err error
			switch kind := rapid.IntRange(0, 4).Draw(t, "kind"); {
			case kind <= 1 || len(tw.live) == 0:
				class := Class(rapid.IntRange(0, 1).Draw(t, "class"))
				err = tw.add(Resting{side, class, price.Draw(t, "p"), qty}, rapid.Uint64().Draw(t, "weight"))
			case kind == 2:
				err = tw.match(side, price.Draw(t, "limit"), qty)
			case kind == 3:
				tw.reduce(rapid.IntRange(0, len(tw.live)-1).Draw(t, "reduce"), qty)
			default:
				tw.remove(rapid.IntRange(0, len(tw.live)-1).Draw(t, "remove"))
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := tw.naive.compare(tw.book); err != nil {
				t.Fatal(err)
			}
		}
	})
}
