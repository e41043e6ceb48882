package itch

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// sizes are those of all types of messages.
var sizes = map[byte]int{
	'S': SystemEventSize, 'R': StockDirectorySize, 'H': TradingActionSize, 'Y': RegSHOSize, 'L': ParticipantPositionSize,
	'V': DeclineLevelSize, 'W': BreakerStatusSize, 'K': QuotingPeriodSize, 'J': AuctionCollarSize, 'h': OperationalHaltSize,
	'A': AddOrderSize, 'F': AddOrderMPIDSize, 'E': OrderExecutedSize, 'C': OrderExecutedPriceSize, 'X': OrderCancelSize,
	'D': OrderDeleteSize, 'U': OrderReplaceSize, 'P': TradeSize, 'Q': CrossTradeSize, 'B': BrokenTradeSize, 'I': ImbalanceSize,
	'N': RetailInterestSize, 'O': DirectListingSize, 'G': EndOfSnapshotSize,
}

// all returns a zero message of every type.
func all() []Message {
	var list []Message
	for typ := range 256 {
		if _, unknown := newMessage(byte(typ)).(*Unknown); !unknown {
			list = append(list, newMessage(byte(typ)))
		}
	}
	return list
}

// A message cut anywhere is ErrLength; bytes behind it are passed over.
func TestLengths(t *testing.T) {
	seen := map[byte]bool{}
	for _, r := range vectors(t) {
		seen[r.b[0]] = true
		if len(r.b) != sizes[r.b[0]] {
			t.Errorf("%s: %d bytes, its size is %d", r.name, len(r.b), sizes[r.b[0]])
		}
		for cut := range r.b {
			if m, err := Decode(r.b[:cut]); m != nil || !errors.Is(err, ErrLength) {
				t.Errorf("%s cut to %d bytes: %+v, %v", r.name, cut, m, err)
			}
		}
		longer := append(r.b[:len(r.b):len(r.b)], "new field"...)
		if m, err := Decode(longer); err != nil || !reflect.DeepEqual(m, messages[r.name]) {
			t.Errorf("%s with more behind: %+v, %v", r.name, m, err)
		}
	}
	if len(seen) != len(sizes) || len(all()) != len(sizes) {
		t.Errorf("%d types in the vectors, %d decoded, want %d", len(seen), len(all()), len(sizes))
	}
}

func TestTypes(t *testing.T) {
	for _, m := range all() {
		b := bytes.Repeat([]byte{'z'}, 60)
		if err := m.Decode(b); !errors.Is(err, ErrType) {
			t.Errorf("%T of type z: %v", m, err)
		}
	}
	if Type(nil) != 0 || Type([]byte("A...")) != TypeAddOrder {
		t.Error("Type")
	}
}

func TestUnknown(t *testing.T) {
	for _, in := range []string{"z", "z and more", "\x00"} {
		m, err := Decode([]byte(in))
		if u, ok := m.(*Unknown); err != nil || !ok || string(u.Bytes) != in || string(u.Append(nil)) != in {
			t.Errorf("%q: %+v, %v", in, m, err)
		}
	}
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		name, in, message string
		size              int
		err               error
	}{
		{"nothing", "", "", 0, nil},
		{"half a length", "\x00", "", 0, nil},
		{"no message yet", "\x00\x03ab", "", 0, nil},
		{"a message", "\x00\x03abc", "abc", 5, nil},
		{"two", "\x00\x03abc\x00\x01d", "abc", 5, nil},
		{"end", "\x00\x00", "", 0, ErrEnd},
		{"end, and more", "\x00\x00\x00\x01a", "", 0, ErrEnd},
		{"the longest", "\xff\xff" + strings.Repeat("x", 65535), strings.Repeat("x", 65535), 65537, nil},
	} {
		message, n, err := Next([]byte(c.in))
		if string(message) != c.message || n != c.size || !errors.Is(err, c.err) || cap(message) != len(message) {
			t.Errorf("%s: %.20q (capacity %d), size %d, %v", c.name, message, cap(message), n, err)
		}
		if c.size > 0 && string(AppendFrame(nil, message)) != c.in[:n] {
			t.Errorf("%s: written otherwise", c.name)
		}
	}
}

func TestPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"timestamp": func() { (&OrderDelete{Header: Header{Timestamp: 1 << 48}}).Append(nil) },
		"frame":     func() { AppendFrame(nil, make([]byte, 1<<16)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestEndOfSnapshot(t *testing.T) {
	for _, c := range []struct {
		in   string
		want uint64
		err  error
	}{
		{"G                  27", 27, nil},
		{"G27                  ", 27, nil},
		{"G00000000000000000027", 27, nil},
		{"G18446744073709551615", 1<<64 - 1, nil},
		{"G18446744073709551616", 0, ErrSequence},
		{"G                    ", 0, ErrSequence},
		{"G                 -27", 0, ErrSequence},
		{"G                  2x", 0, ErrSequence},
		{"G                 27", 0, ErrLength},
		{"X                  27", 0, ErrType},
	} {
		var m EndOfSnapshot
		if err := m.Decode([]byte(c.in)); m.Sequence != c.want || !errors.Is(err, c.err) {
			t.Errorf("%q: %d, %v", c.in, m.Sequence, err)
		}
	}
}

// What Append writes, Decode reads, for random values of every field of every message.
func TestRandomMessages(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d: to run it again, put it into the line above", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		for _, m := range all() {
			fill(r, reflect.ValueOf(m).Elem())
			if got, err := Decode(onto(m)); err != nil || !reflect.DeepEqual(got, m) {
				t.Fatalf("seed %d: %+v became %+v, %v", seed, m, got, err)
			}
		}
	}
}

// fill sets all fields of a struct to random values.
func fill(r *rand.Rand, v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Struct:
			h := Header{Locate: uint16(r.Uint32()), Tracking: uint16(r.Uint32()), Timestamp: r.Uint64() >> 16}
			f.Set(reflect.ValueOf(h))
		case reflect.Array:
			for j := range f.Len() {
				f.Index(j).SetUint(r.Uint64() & 0xFF)
			}
		default:
			f.SetUint(r.Uint64() >> (64 - f.Type().Bits()))
		}
	}
}

func TestAllocations(t *testing.T) {
	dst := make([]byte, 0, 512)
	var add AddOrder
	var executed OrderExecuted
	if n := testing.AllocsPerRun(100, func() {
		b := AppendFrame(dst, (&AddOrder{Header: one, OrderRef: 1}).Append(dst[256:256]))
		b = AppendFrame(b, (&OrderExecuted{Header: one, OrderRef: 1}).Append(dst[256:256]))
		for len(b) > 0 {
			message, n, err := Next(b)
			if err != nil || n == 0 {
				t.Fatal(n, err)
			}
			b = b[n:]
			if Type(message) == TypeAddOrder {
				err = add.Decode(message)
			} else {
				err = executed.Decode(message)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzItch(f *testing.F) {
	var file []byte
	for _, r := range vectors(f) {
		f.Add(AppendFrame(nil, r.b))
		file = AppendFrame(file, r.b)
	}
	f.Add(append(file, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		for {
			message, n, err := Next(b)
			if err != nil || n == 0 {
				return
			}
			if got := AppendFrame(nil, message); !bytes.Equal(got, b[:n]) {
				t.Fatalf("%x became %x", b[:n], got)
			}
			b = b[n:]
			m, err := Decode(message)
			if err != nil {
				continue
			}
			m2, err := Decode(m.Append(nil))
			if err != nil || !reflect.DeepEqual(m, m2) {
				t.Fatalf("%+v became %+v, %v", m, m2, err)
			}
		}
	})
}

func ExampleNext() {
	add := AddOrder{Header: Header{Locate: 1}, OrderRef: 7, Side: SideBuy, Quantity: 300, Symbol: aapl, Price: 187_2500}
	executed := OrderExecuted{Header: Header{Locate: 1}, OrderRef: 7, Quantity: 100, MatchNumber: 1}
	file := AppendFrame(nil, add.Append(nil))
	file = AppendFrame(file, []byte("? of a later revision"))
	file = AppendFrame(file, executed.Append(nil))
	file = append(file, 0, 0)
	open := map[uint64]uint32{}
	for {
		message, n, err := Next(file)
		if n == 0 || err != nil {
			fmt.Println(err)
			return
		}
		file = file[n:]
		switch Type(message) {
		case TypeAddOrder:
			var m AddOrder
			if err := m.Decode(message); err != nil {
				fmt.Println(err)
			}
			open[m.OrderRef] = m.Quantity
			fmt.Printf("%s %c %d at %d\n", m.Symbol, m.Side, m.Quantity, m.Price)
		case TypeOrderExecuted:
			var m OrderExecuted
			if err := m.Decode(message); err != nil {
				fmt.Println(err)
			}
			open[m.OrderRef] -= m.Quantity
			fmt.Println("open", open[m.OrderRef])
		}
	}
	// Output:
	// AAPL     B 300 at 1872500
	// open 200
	// itch: end of messages
}

func BenchmarkAddOrderDecode(b *testing.B) {
	in := (&AddOrder{Header: one, OrderRef: 1}).Append(nil)
	var m AddOrder
	for b.Loop() {
		if err := m.Decode(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAddOrderAppend(b *testing.B) {
	dst := make([]byte, 0, 64)
	m := AddOrder{Header: one, OrderRef: 1}
	for b.Loop() {
		m.Append(dst)
	}
}
