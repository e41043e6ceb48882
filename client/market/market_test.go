package market

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"matcher/wire/itch"
)

var seed = flag.Uint64("seed", 1, "of random flows")

// naive is the same market without any thought of speed: a slice of orders, in order of arrival.
type naive struct{ orders []naiveOrder }

type naiveOrder struct {
	ref    uint64
	locate uint16
	side   byte
	price  uint32
	qty    uint32
}

func (n *naive) find(ref uint64) int {
	return slices.IndexFunc(n.orders, func(o naiveOrder) bool { return o.ref == ref })
}

func (n *naive) reduce(ref uint64, qty uint32) {
	i := n.find(ref)
	if n.orders[i].qty -= qty; n.orders[i].qty == 0 {
		n.orders = slices.Delete(n.orders, i, i+1)
	}
}

// side returns the orders of a side, best price first; the sort is stable, so the queue is in order of arrival.
func (n *naive) side(locate uint16, letter byte) []naiveOrder {
	var all []naiveOrder
	for _, o := range n.orders {
		if o.locate == locate && o.side == letter {
			all = append(all, o)
		}
	}
	slices.SortStableFunc(all, func(a, b naiveOrder) int {
		if letter == itch.SideBuy {
			return int(b.price) - int(a.price)
		}
		return int(a.price) - int(b.price)
	})
	return all
}

// flow makes random messages that can be true, and does them to the naive market as well.
type flow struct {
	random *rand.Rand
	naive  naive
	ref    uint64
}

func (f *flow) next() []byte {
	h := itch.Header{Timestamp: f.ref, Locate: 1 + uint16(f.random.IntN(2))}
	n := len(f.naive.orders)
	kind := f.random.IntN(10)
	if n < 5 || n < 300 && kind < 4 {
		f.ref += 1 + f.random.Uint64N(3)
		o := naiveOrder{f.ref, h.Locate, "BS"[f.random.IntN(2)], 1 + f.random.Uint32N(60), 1 + f.random.Uint32N(500)}
		f.naive.orders = append(f.naive.orders, o)
		if kind%2 == 0 {
			return (&itch.AddOrder{Header: h, OrderRef: o.ref, Side: o.side, Quantity: o.qty, Symbol: symbol(h.Locate), Price: o.price}).Append(nil)
		}
		return (&itch.AddOrderMPID{Header: h, OrderRef: o.ref, Side: o.side, Quantity: o.qty, Symbol: symbol(h.Locate), Price: o.price, Attribution: [4]byte{'F', 'I', 'R', 'M'}}).Append(nil)
	}
	o := f.naive.orders[f.random.IntN(n)]
	h.Locate = o.locate
	part := 1 + f.random.Uint32N(o.qty)
	if f.random.IntN(3) == 0 {
		part = o.qty
	}
	switch kind {
	case 4, 5:
		f.naive.reduce(o.ref, part)
		return (&itch.OrderExecuted{Header: h, OrderRef: o.ref, Quantity: part, MatchNumber: f.ref}).Append(nil)
	case 6:
		f.naive.reduce(o.ref, part)
		return (&itch.OrderExecutedPrice{Header: h, OrderRef: o.ref, Quantity: part, MatchNumber: f.ref, Printable: 'N', Price: 7}).Append(nil)
	case 7:
		f.naive.reduce(o.ref, part)
		return (&itch.OrderCancel{Header: h, OrderRef: o.ref, Quantity: part}).Append(nil)
	case 8:
		f.ref++
		f.naive.reduce(o.ref, o.qty)
		m := &itch.OrderReplace{Header: h, OrigOrderRef: o.ref, OrderRef: f.ref, Quantity: part, Price: 1 + f.random.Uint32N(60)}
		o.ref, o.qty, o.price = m.OrderRef, m.Quantity, m.Price
		f.naive.orders = append(f.naive.orders, o)
		return m.Append(nil)
	}
	f.naive.reduce(o.ref, o.qty)
	return (&itch.OrderDelete{Header: h, OrderRef: o.ref}).Append(nil)
}

func symbol(locate uint16) [8]byte { return [8]byte([]byte(fmt.Sprintf("SYM%-5d", locate))) }

// same holds a market against the naive one: every order of every queue, and the sums.
func same(m *Market, n *naive) error {
	if m.Live() != len(n.orders) {
		return fmt.Errorf("%d orders are live, want %d", m.Live(), len(n.orders))
	}
	for _, b := range m.Books(nil) {
		for _, letter := range []byte{itch.SideBuy, itch.SideSell} {
			var got []naiveOrder
			sums := map[uint32]Level{}
			for l, o := range b.Orders(letter) {
				got = append(got, naiveOrder{o.Ref, b.Locate(), letter, l.Price, o.Quantity})
				s := sums[l.Price]
				sums[l.Price] = Level{l.Price, s.Quantity + uint64(o.Quantity), s.Orders + 1}
			}
			if want := n.side(b.Locate(), letter); !slices.Equal(got, want) {
				return fmt.Errorf("%s %c:\n%v, want\n%v", b.Symbol(), letter, got, want)
			}
			levels := b.Levels(nil, letter, 1000)
			for _, l := range levels {
				if l != sums[l.Price] {
					return fmt.Errorf("%s %c: level %v, its orders make %v", b.Symbol(), letter, l, sums[l.Price])
				}
			}
			best, ok := b.Best(letter)
			if len(levels) != len(sums) || b.Depth(letter) != len(sums) || ok != (len(levels) > 0) || ok && best != levels[0] {
				return fmt.Errorf("%s %c: %d levels, depth %d, best %v, want %d levels", b.Symbol(), letter, len(levels), b.Depth(letter), best, len(sums))
			}
		}
	}
	return nil
}

// TestTwin holds the market against the naive one after every message of a random flow.
func TestTwin(t *testing.T) {
	t.Logf("again with: go test ./client/market -run TestTwin -seed %d", *seed)
	m, f := New(0), flow{random: rand.New(rand.NewPCG(*seed, 0))}
	for i := range 20_000 {
		message := f.next()
		if _, err := m.Apply(message); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if i%7 == 0 || i < 500 {
			if err := same(m, &f.naive); err != nil {
				t.Fatalf("after message %d, %c: %v", i, message[0], err)
			}
		}
	}
	m.Reset()
	if err := same(m, &naive{}); err != nil {
		t.Error(err)
	}
}

// TestManyPrices puts prices in at every place, in and out of what is searched one by one.
func TestManyPrices(t *testing.T) {
	m, n, random := New(10), naive{}, rand.New(rand.NewPCG(*seed, 1))
	for i, price := range random.Perm(2000) {
		o := naiveOrder{uint64(i + 1), 1, "BS"[i%2], uint32(price + 1), 5}
		n.orders = append(n.orders, o)
		apply(t, m, &itch.AddOrder{Header: itch.Header{Locate: 1}, OrderRef: o.ref, Side: o.side, Quantity: 5, Symbol: symbol(1), Price: o.price})
	}
	for i := range 1000 {
		ref := n.orders[random.IntN(len(n.orders))].ref
		apply(t, m, &itch.OrderDelete{OrderRef: ref})
		n.reduce(ref, 5)
		if i%50 == 0 {
			if err := same(m, &n); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func apply(t testing.TB, m *Market, message itch.Message) Event {
	t.Helper()
	e, err := m.Apply(message.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	return *e
}

// TestEvents: what a message did, and what cannot be done changes nothing.
func TestEvents(t *testing.T) {
	m := New(0)
	h := itch.Header{Locate: 3, Timestamp: 77}
	sym := symbol(3)
	apply(t, m, &itch.StockDirectory{Header: h, Symbol: sym})
	b := m.Book("SYM3")
	if b == nil || m.Book("SYM") != nil || b.Locate() != 3 {
		t.Fatal("the directory names no book")
	}
	for _, c := range []struct {
		message itch.Message
		want    Event
	}{
		{&itch.TradingAction{Header: h, Symbol: sym, State: 'T'}, Event{State: 'T', Book: b}},
		{&itch.AddOrder{Header: h, OrderRef: 1, Side: 'B', Quantity: 10, Symbol: sym, Price: 100}, Event{Book: b, Side: 'B', OrderRef: 1, Price: 100, Quantity: 10, Leaves: 10}},
		{&itch.AddOrderMPID{Header: h, OrderRef: 2, Side: 'S', Quantity: 20, Symbol: sym, Price: 101, Attribution: [4]byte{'F'}}, Event{Book: b, Side: 'S', OrderRef: 2, Price: 101, Quantity: 20, Leaves: 20}},
		{&itch.OrderExecuted{Header: h, OrderRef: 1, Quantity: 3, MatchNumber: 9}, Event{Book: b, Side: 'B', OrderRef: 1, Price: 100, Quantity: 3, Leaves: 7, MatchNumber: 9, Printable: true}},
		{&itch.OrderExecutedPrice{Header: h, OrderRef: 2, Quantity: 4, MatchNumber: 10, Printable: 'N', Price: 99}, Event{Book: b, Side: 'S', OrderRef: 2, Price: 99, Quantity: 4, Leaves: 16, MatchNumber: 10}},
		{&itch.OrderCancel{Header: h, OrderRef: 1, Quantity: 2}, Event{Book: b, Side: 'B', OrderRef: 1, Price: 100, Quantity: 2, Leaves: 5}},
		{&itch.OrderReplace{Header: h, OrigOrderRef: 1, OrderRef: 5, Quantity: 8, Price: 98}, Event{Book: b, Side: 'B', OldRef: 1, OrderRef: 5, Price: 98, Quantity: 8, Leaves: 8}},
		{&itch.OrderDelete{Header: h, OrderRef: 5}, Event{Book: b, Side: 'B', OrderRef: 5, Price: 98, Quantity: 8}},
		{&itch.Trade{Header: h, Side: 'B', Quantity: 6, Symbol: sym, Price: 97, MatchNumber: 11}, Event{Book: b, Side: 'B', Price: 97, Quantity: 6, MatchNumber: 11, Printable: true}},
		{&itch.BrokenTrade{Header: h, MatchNumber: 11}, Event{Book: b, MatchNumber: 11}},
		{&itch.SystemEvent{Header: h, Event: 'C'}, Event{}},
		{&itch.Unknown{Bytes: append([]byte{'?', 0, 3, 0, 0, 0, 0, 0, 0, 0, 77}, "more"...)}, Event{}},
	} {
		c.want.Type, c.want.Timestamp = c.message.Append(nil)[0], 77
		if got := apply(t, m, c.message); got != c.want {
			t.Errorf("%c: %+v\nwant %+v", c.want.Type, got, c.want)
		}
	}
	if e := apply(t, m, &itch.EndOfSnapshot{Sequence: 5}); e != (Event{Type: 'G'}) {
		t.Errorf("%+v", e)
	}
	for _, o := range b.Orders('S') {
		if o.Attribution != [4]byte{'F'} {
			t.Errorf("attribution %q", o.Attribution)
		}
	}
	before := fmt.Sprint(b.Levels(nil, 'B', 9), b.Levels(nil, 'S', 9), m.Live())
	for _, c := range []struct {
		name    string
		message []byte
		err     error
	}{
		{"execution of none", (&itch.OrderExecuted{OrderRef: 7, Quantity: 1}).Append(nil), ErrUnknownOrder},
		{"delete of none", (&itch.OrderDelete{OrderRef: 7}).Append(nil), ErrUnknownOrder},
		{"replace of none", (&itch.OrderReplace{OrigOrderRef: 7, OrderRef: 8, Quantity: 1}).Append(nil), ErrUnknownOrder},
		{"add twice", (&itch.AddOrder{OrderRef: 2, Side: 'B', Quantity: 1}).Append(nil), ErrKnownOrder},
		{"replace by a known one", (&itch.OrderReplace{OrigOrderRef: 2, OrderRef: 6, Quantity: 1}).Append(nil), ErrKnownOrder},
		{"add of nothing", (&itch.AddOrder{OrderRef: 9, Side: 'B'}).Append(nil), ErrQuantity},
		{"replace by nothing", (&itch.OrderReplace{OrigOrderRef: 2, OrderRef: 9}).Append(nil), ErrQuantity},
		{"more than there is", (&itch.OrderCancel{OrderRef: 2, Quantity: 17}).Append(nil), ErrQuantity},
		{"no quantity", (&itch.OrderCancel{OrderRef: 2}).Append(nil), ErrQuantity},
		{"no side", (&itch.AddOrder{OrderRef: 9, Side: 'T', Quantity: 1}).Append(nil), ErrSide},
		{"nothing", nil, itch.ErrLength},
	} {
		if c.name == "replace by a known one" {
			apply(t, m, &itch.AddOrder{Header: h, OrderRef: 6, Side: 'S', Quantity: 1, Symbol: sym, Price: 200})
			before = fmt.Sprint(b.Levels(nil, 'B', 9), b.Levels(nil, 'S', 9), m.Live())
		}
		if _, err := m.Apply(c.message); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.name, err)
		}
		if after := fmt.Sprint(b.Levels(nil, 'B', 9), b.Levels(nil, 'S', 9), m.Live()); after != before {
			t.Errorf("%s: %s became %s", c.name, before, after)
		}
	}
}

// TestIndex: entries that meet each other are found, and those behind a hole too.
func TestIndex(t *testing.T) {
	x, want, random := index{}, map[uint64]uint32{}, rand.New(rand.NewPCG(*seed, 2))
	x.grow(4)
	orders := []order{{}}
	for range 50_000 {
		ref := random.Uint64N(300) << (8 * random.Uint64N(7)) // many share their low or their high bits
		slot, at := x.find(orders, ref)
		if slot != want[ref] {
			t.Fatalf("%d is found at %d, want %d", ref, slot, want[ref])
		}
		if slot != 0 {
			x.remove(at)
			delete(want, ref)
			continue
		}
		orders = append(orders, order{ref: ref})
		want[ref] = uint32(len(orders) - 1)
		x.insert(ref, want[ref], at)
	}
	got := map[uint64]uint32{}
	for _, e := range x.entries {
		if e.slot != 0 {
			got[orders[e.slot].ref] = e.slot
		}
	}
	if !reflect.DeepEqual(got, want) || x.used != len(want) {
		t.Errorf("%d entries, used %d, want %d", len(got), x.used, len(want))
	}
}

// TestNoAllocation: a market that has seen its flow once takes it again without allocating.
func TestNoAllocation(t *testing.T) {
	f := flow{random: rand.New(rand.NewPCG(*seed, 3))}
	var messages [][]byte
	for range 5000 {
		messages = append(messages, f.next())
	}
	m := New(0)
	if n := testing.AllocsPerRun(3, func() {
		m.Reset()
		for _, message := range messages {
			if _, err := m.Apply(message); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations in %d messages", n, len(messages))
	}
}

// FuzzApply: no bytes make a market panic, or its parts disagree.
func FuzzApply(f *testing.F) {
	add := (&itch.AddOrder{Header: itch.Header{Locate: 1}, OrderRef: 1, Side: 'B', Quantity: 5, Symbol: symbol(1), Price: 10}).Append(nil)
	f.Add(itch.AppendFrame(itch.AppendFrame(nil, add), (&itch.OrderReplace{OrigOrderRef: 1, OrderRef: 2, Quantity: 5}).Append(nil)))
	f.Add(itch.AppendFrame(itch.AppendFrame(nil, add), (&itch.OrderExecuted{OrderRef: 1, Quantity: 5}).Append(nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := New(0)
		for {
			message, n, err := itch.Next(b)
			if n == 0 || err != nil {
				break
			}
			b = b[n:]
			_, _ = m.Apply(message) // what cannot be done is an error
		}
		count := 0
		for _, book := range m.Books(nil) {
			for _, letter := range []byte{'B', 'S'} {
				for range book.Orders(letter) {
					count++
				}
			}
		}
		if count != m.Live() || m.index.used != m.Live() {
			t.Errorf("%d orders in queues, %d live, %d named", count, m.Live(), m.index.used)
		}
	})
}

func Example() {
	m := New(1000)
	h := itch.Header{Locate: 1}
	aapl := [8]byte([]byte("AAPL    "))
	for _, message := range []itch.Message{
		&itch.AddOrder{Header: h, OrderRef: 1, Side: itch.SideBuy, Quantity: 100, Symbol: aapl, Price: 1872500},
		&itch.AddOrder{Header: h, OrderRef: 2, Side: itch.SideBuy, Quantity: 40, Symbol: aapl, Price: 1872500},
		&itch.AddOrder{Header: h, OrderRef: 3, Side: itch.SideSell, Quantity: 70, Symbol: aapl, Price: 1872700},
		&itch.OrderExecuted{Header: h, OrderRef: 1, Quantity: 60, MatchNumber: 1},
	} {
		if _, err := m.Apply(message.Append(nil)); err != nil {
			fmt.Println(err)
		}
	}
	book := m.Book("AAPL")
	for _, l := range book.Levels(nil, itch.SideBuy, 5) {
		fmt.Println("level", l.Price, l.Quantity, l.Orders)
	}
	for l, o := range book.Orders(itch.SideBuy) {
		fmt.Println("order", o.Ref, l.Price, o.Quantity)
	}
	// Output:
	// level 1872500 80 2
	// order 1 1872500 40
	// order 2 1872500 40
}
