package book

import (
	"fmt"
	"go/parser"
	"go/token"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// The sizes that the package comment tells.
var (
	_ [OrderSize]byte = [unsafe.Sizeof(node{})]byte{}
	_ [16]byte        = [unsafe.Sizeof(queue{})]byte{}
	_ [16]byte        = [unsafe.Sizeof(block{})]byte{}
	_ [16]byte        = [unsafe.Sizeof(Fill{})]byte{}

	_ [280]byte = [unsafe.Sizeof(page{})]byte{}
	_ [64]byte  = [unsafe.Sizeof(ladder{})]byte{}
)

func Example() {
	orders := NewOrders(100)
	b := New(Config{Orders: orders, MaxPrice: 200_000})
	rest := func(r Resting) {
		b.Add(orders.Take(), r, 0)
	}
	rest(Resting{Side: Sell, Class: Hidden, Price: 1000, Qty: 50})
	rest(Resting{Side: Sell, Price: 1000, Qty: 50})
	rest(Resting{Side: Sell, Price: 1001, Qty: 10})

	fmt.Println("a buy of 200 at 1000 could have", b.Fillable(Buy, 1000, 200))
	fills, left := walk(b, nil, Buy, 1000, 60)
	for _, f := range fills {
		fmt.Printf("order %d: %d at %d, %d left\n", f.Maker, f.Qty, f.Price, f.Leaves)
		if f.Leaves == 0 {
			orders.Free(f.Maker)
		}
	}
	fmt.Println("left of the aggressor:", left)
	// Output:
	// a buy of 200 at 1000 could have 100
	// order 2: 50 at 1000, 0 left
	// order 1: 10 at 1000, 40 left
	// left of the aggressor: 0
}

func ExampleBook_Depth() {
	orders := NewOrders(100)
	b := New(Config{Orders: orders, MaxPrice: 200_000})
	for _, p := range []Price{995, 998, 995, 120_000, 3} {
		b.Add(orders.Take(), Resting{Side: Buy, Price: p, Qty: 10}, 0)
	}
	for _, l := range b.Depth(nil, Buy, 3) {
		fmt.Println(l.Price, l.Qty, l.Orders)
	}
	// Output:
	// 120000 10 1
	// 998 10 1
	// 995 20 2
}

func ExampleAgenda() {
	e := NewAgenda(NewAgendaMemory(100))
	e.Add(2000, 7, 1)
	e.Add(1000, 9, 2)
	e.Add(1000, 8, 3)
	e.Remove(2000, 7)
	for at, s, ok := e.Next(); ok && at <= 1000; at, s, ok = e.Next() {
		fmt.Println(at, s)
		e.Pop()
	}
	// Output:
	// 1000 3
	// 1000 2
}

// walk takes an aggressor through a book as an engine does, and appends its fills.
func walk(b *Book, fills []Fill, taker Side, limit Price, qty Qty) ([]Fill, Qty) {
	for qty != 0 && b.Crosses(taker, limit) {
		f := b.Trade(taker, qty)
		qty -= f.Qty
		fills = append(fills, f)
	}
	return fills, qty
}

// TestRank: the rules of priority, each with the slots in the order in which they must trade.
func TestRank(t *testing.T) {
	for _, c := range []struct {
		name  string
		rests []Resting // slots 1, 2, ...
		taker Side
		limit Price
		qty   Qty
		want  []Fill
		left  Qty
	}{
		{
			name:  "4.1 displayed before hidden, whatever the time",
			rests: []Resting{{Sell, Hidden, 1000, 50}, {Sell, Displayed, 1000, 50}},
			taker: Buy, limit: 1000, qty: 60,
			want: []Fill{{2, 1000, 50, 0}, {1, 1000, 10, 40}},
		},
		{
			name:  "4.1 time within the class",
			rests: []Resting{{Buy, Hidden, 9, 1}, {Buy, Displayed, 9, 1}, {Buy, Hidden, 9, 1}, {Buy, Displayed, 9, 1}},
			taker: Sell, limit: 9, qty: 5,
			want: []Fill{{2, 9, 1, 0}, {4, 9, 1, 0}, {1, 9, 1, 0}, {3, 9, 1, 0}}, left: 1,
		},
		{
			name:  "4.2 better hidden before worse displayed",
			rests: []Resting{{Sell, Displayed, 1000, 50}, {Sell, Hidden, 999, 50}},
			taker: Buy, limit: 1000, qty: 60,
			want: []Fill{{2, 999, 50, 0}, {1, 1000, 10, 40}},
		},
		{
			name:  "4.4 no further than the limit",
			rests: []Resting{{Buy, Displayed, 8, 5}, {Buy, Displayed, 10, 5}, {Buy, Hidden, 9, 5}},
			taker: Sell, limit: 9, qty: 20,
			want: []Fill{{2, 10, 5, 0}, {3, 9, 5, 0}}, left: 10,
		},
		{
			name:  "a market buy walks all",
			rests: []Resting{{Sell, Displayed, 1, 5}, {Sell, Displayed, 5000, 5}},
			taker: Buy, limit: math.MaxUint32, qty: 11,
			want: []Fill{{1, 1, 5, 0}, {2, 5000, 5, 0}}, left: 1,
		},
		{
			name:  "a market sell walks all",
			rests: []Resting{{Buy, Displayed, 1, 5}, {Buy, Displayed, 5000, 5}},
			taker: Sell, limit: 0, qty: 11,
			want: []Fill{{2, 5000, 5, 0}, {1, 1, 5, 0}}, left: 1,
		},
		{
			name:  "a sell above the range meets nobody",
			rests: []Resting{{Buy, Displayed, 5000, 5}},
			taker: Sell, limit: 5001, qty: 1, left: 1,
		},
		{
			name:  "a sell far above the range meets nobody",
			rests: []Resting{{Buy, Displayed, 5000, 5}},
			taker: Sell, limit: math.MaxUint32, qty: 1, left: 1,
		},
		{
			name:  "a buy at 0 meets nobody",
			rests: []Resting{{Sell, Displayed, 1, 5}},
			taker: Buy, limit: 0, qty: 1, left: 1,
		},
		{name: "an empty book", taker: Buy, limit: math.MaxUint32, qty: 7, left: 7},
		{
			name:  "quantities up to the largest",
			rests: []Resting{{Sell, Displayed, 7, math.MaxUint32}, {Sell, Displayed, 7, math.MaxUint32}},
			taker: Buy, limit: 7, qty: math.MaxUint32,
			want: []Fill{{1, 7, math.MaxUint32, 0}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			orders := NewOrders(10)
			b := New(Config{Orders: orders, MaxPrice: 5000})
			for _, r := range c.rests {
				b.Add(orders.Take(), r, 0)
			}
			if got := b.Fillable(c.taker, c.limit, uint64(c.qty)); got != uint64(c.qty-c.left) {
				t.Errorf("fillable is %d, want %d", got, c.qty-c.left)
			}
			kept := []Fill{{Maker: 99}}
			got, left := walk(b, kept, c.taker, c.limit, c.qty)
			if !slices.Equal(got[1:], c.want) || left != c.left || got[0] != kept[0] {
				t.Errorf("got %v, %d left, want %v, %d left", got, left, c.want, c.left)
			}
			if err := b.Audit(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Trade meets the one who is first, and no one else.
func TestTrade(t *testing.T) {
	orders := NewOrders(10)
	b := New(Config{Orders: orders, MaxPrice: 5000})
	for _, r := range []Resting{{Sell, Displayed, 9, 5}, {Sell, Hidden, 8, 5}, {Sell, Displayed, 9, 5}} {
		b.Add(orders.Take(), r, 3)
	}
	for i, want := range []Fill{{2, 8, 4, 1}, {2, 8, 1, 0}, {1, 9, 5, 0}, {3, 9, 5, 0}} {
		if b.Crosses(Buy, want.Price-1) || !b.Crosses(Buy, want.Price) {
			t.Errorf("before trade %d: the best price is not %d", i, want.Price)
		}
		if got := b.Trade(Buy, 4+Qty(i)/2); got != want {
			t.Errorf("trade %d is %+v, want %+v", i, got, want)
		}
		if err := b.Audit(); err != nil {
			t.Error(err)
		}
	}
}

// The memory that Orders tells of is that in which the orders lie, also when a book has made more of it.
func TestMemoryIsTold(t *testing.T) {
	orders := NewOrders(100)
	for range 2 {
		b := New(Config{Orders: orders, MaxPrice: 200_000})
		s := orders.Take()
		b.Add(s, Resting{Side: Buy, Price: 10, Qty: 1}, 0)
		q := b.First(Buy, Displayed)
		holds := 0
		orders.Memory(func(address, size uintptr) {
			for _, p := range []unsafe.Pointer{
				unsafe.Pointer(orders.Data(s)), unsafe.Pointer(b.queue(uint32(q))), unsafe.Pointer(b.block(uint32(q))),
				unsafe.Pointer(b.page(b.block(uint32(q)).page)),
			} {
				if at := uintptr(p); at >= address && at < address+size {
					holds++
				}
			}
		})
		if holds != 4 {
			t.Errorf("%d of 4 kinds of memory are told of", holds)
		}
	}
}

// Rule 4.3: what is reduced, also by a fill, keeps its place; what is added again stands last.
func TestPlace(t *testing.T) {
	orders := NewOrders(10)
	b := New(Config{Orders: orders, MaxPrice: 5000})
	for range 3 {
		b.Add(orders.Take(), Resting{Side: Buy, Price: 10, Qty: 10}, 0)
	}
	walk(b, nil, Sell, 10, 4)
	b.Reduce(1, 5)
	b.Remove(2)
	b.Add(2, Resting{Side: Buy, Price: 10, Qty: 10}, 0)
	if got, want := b.Ranked(nil, Buy), []Slot{1, 3, 2}; !slices.Equal(got, want) {
		t.Errorf("queue is %v, want %v", got, want)
	}
	if orders.Leaves(1) != 1 {
		t.Errorf("leaves are %d, want 1", orders.Leaves(1))
	}
}

// Where somebody stood nobody does when the last has left, in whatever way, though others stand near.
func TestTail(t *testing.T) {
	orders := NewOrders(10)
	b := New(Config{Orders: orders, MaxPrice: 5000})
	add := func(p Price) Slot {
		s := orders.Take()
		b.Add(s, Resting{Side: Buy, Price: p, Qty: 10}, 0)
		return s
	}
	near := add(9)
	for name, leave := range map[string]func(s Slot){
		"removed": func(s Slot) { b.Remove(s) },
		"filled":  func(Slot) { walk(b, nil, Sell, 10, 10) },
	} {
		s := add(10)
		if got := b.Tail(Buy, Displayed, 10); got != s {
			t.Errorf("%s: the tail is %d, want %d", name, got, s)
		}
		leave(s)
		if got := b.Tail(Buy, Displayed, 10); got != 0 {
			t.Errorf("%s: the tail is %d where nobody stands", name, got)
		}
	}
	if got := b.Tail(Buy, Displayed, 9); got != near {
		t.Errorf("the tail is %d, want %d", got, near)
	}
}

// A filled order keeps its slot, and what it was, until it is freed.
func TestSlotOutlivesFill(t *testing.T) {
	orders := NewOrders(1)
	b := New(Config{Orders: orders, MaxPrice: 5000})
	s := orders.Take()
	b.Add(s, Resting{Side: Sell, Class: Hidden, Price: 4, Qty: 1}, 5)
	walk(b, nil, Buy, 4, 1)
	n := orders.nodes[s]
	if orders.Queued(s) || orders.Leaves(s) != 0 || orders.Class(s) != Hidden || orders.Side(s) != Sell || orders.Price(s) != 4 {
		t.Errorf("after its fill: %+v", n)
	}
	if got := orders.Take(); got != 0 {
		t.Errorf("slot %d was given away twice", got)
	}
	orders.Free(s)
	if got := orders.Take(); got != s || b.Hash() != 0 {
		t.Errorf("got slot %d, hash %d", got, b.Hash())
	}
}

func TestRangeOfPrices(t *testing.T) {
	for _, highest := range []Price{1, 2, 63, 64, 4095, 4096, 2_000_000_000, math.MaxUint32 - 1} {
		orders := NewOrders(8)
		b := New(Config{Orders: orders, MaxPrice: highest})
		for _, side := range []Side{Buy, Sell} {
			for _, p := range []Price{1, highest, highest/2 + 1} {
				b.Add(orders.Take(), Resting{Side: side, Price: p, Qty: 1}, 0)
			}
		}
		bid, _ := b.Best(Buy)
		ask, _ := b.Best(Sell)
		if bid != highest || ask != 1 {
			t.Errorf("highest %d: best is %d, %d", highest, bid, ask)
		}
		for _, taker := range []Side{Buy, Sell} {
			for _, limit := range []Price{0, 1, highest, highest + 1, math.MaxUint32} {
				want := b.Fillable(taker, limit, 3)
				if all := taker == Buy && limit >= highest || taker == Sell && limit <= 1; all != (want == 3) && highest > 2 {
					t.Errorf("highest %d, taker %d, limit %d: fillable is %d", highest, taker, limit, want)
				}
			}
		}
		if fills, left := walk(b, nil, Buy, math.MaxUint32, 9); left != 6 || fills[2].Price != highest {
			t.Errorf("highest %d: %v, %d left", highest, fills, left)
		}
	}
}

// What the caller does wrong is found at the door.
func TestAssertions(t *testing.T) {
	orders := NewOrders(4)
	b := New(Config{Orders: orders, MaxPrice: 100})
	s, idle := orders.Take(), orders.Take()
	good := Resting{Side: Buy, Price: 100, Qty: 5}
	b.Add(s, good, 7)
	with := func(change func(*Resting)) func() {
		return func() { r := good; change(&r); b.Add(idle, r, 7) }
	}
	for name, f := range map[string]func(){
		"capacity 0":           func() { NewOrders(0) },
		"capacity too large":   func() { NewOrders(MaxOrders + 1) },
		"no prices":            func() { New(Config{Orders: orders}) },
		"too many prices":      func() { New(Config{Orders: orders, MaxPrice: math.MaxUint32}) },
		"add twice":            func() { b.Add(s, good, 7) },
		"add a free slot":      func() { b.Add(3, good, 7) },
		"add at 0":             with(func(r *Resting) { r.Price = 0 }),
		"bid above the range":  with(func(r *Resting) { r.Price = 101 }),
		"ask above the range":  with(func(r *Resting) { r.Side, r.Price = Sell, 101 }),
		"add nothing":          with(func(r *Resting) { r.Qty = 0 }),
		"add on no side":       with(func(r *Resting) { r.Side = 2 }),
		"add in no class":      with(func(r *Resting) { r.Class = 2 }),
		"walk for no side":     func() { walk(b, nil, 2, 1, 1) },
		"trade for no side":    func() { b.Trade(2, 1) },
		"trade with nobody":    func() { b.Trade(Buy, 1) },
		"look at no side":      func() { b.Best(2) },
		"reduce to nothing":    func() { b.Reduce(s, 5) },
		"reduce an idle order": func() { b.Reduce(idle, 1) },
		"remove an idle order": func() { b.Remove(idle) },
		"discard a book":       func() { b.Discard() },
		"free a queued order":  func() { orders.Free(s) },
		"free a free slot":     func() { orders.Free(3) },
		"free no slot":         func() { orders.Free(0) },
	} {
		t.Run(name, func(t *testing.T) {
			before := b.Hash()
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
				if err := b.Audit(); err != nil || b.Hash() != before {
					t.Errorf("the book has changed: %v", err)
				}
			}()
			f()
		})
	}
}

// The same orders have the same hash, however they came there.
func TestHashForgetsTheWay(t *testing.T) {
	orders := NewOrders(10)
	a, b := New(Config{Orders: orders, MaxPrice: 100}), New(Config{Orders: orders, MaxPrice: 100})
	a.Add(orders.Take(), Resting{Side: Buy, Price: 5, Qty: 7}, 0xdeadbeefdeadbeef)
	b.Add(orders.Take(), Resting{Side: Sell, Price: 9, Qty: 1}, 3)
	b.Add(orders.Take(), Resting{Side: Buy, Price: 5, Qty: 20}, 0xdeadbeefdeadbeef)
	walk(b, nil, Sell, 5, 6)
	b.Reduce(3, 7)
	b.Remove(2)
	if a.Hash() != b.Hash() || a.Hash() == 0 {
		t.Errorf("hashes are %x, %x", a.Hash(), b.Hash())
	}
}

func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			switch i.Path.Value {
			case `"fmt"`, `"math/bits"`, `"slices"`, `"unsafe"`, `"github.com/google/btree"`:
			default:
				t.Errorf("%s imports %s", name, i.Path.Value)
			}
		}
	}
}
