package ouch

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

// mayEndAt says after how many bytes a message may end without its appendage: those whose length field is optional.
func mayEndAt(b []byte, in bool) int {
	sizes := map[byte]int{
		TypeCanceled: CanceledSize, TypeAIQCanceled: AIQCanceledSize, TypeBrokenTrade: BrokenTradeSize, TypeRejected: RejectedSize,
		TypeCancelPending: CancelPendingSize, TypeCancelReject: CancelRejectSize, TypePriorityUpdate: PriorityUpdateSize,
		TypeModified: ModifiedSize, TypeQueryResponse: QueryResponseSize,
	}
	if in {
		sizes = map[byte]int{TypeCancelOrder: CancelOrderSize, TypeModifyOrder: ModifyOrderSize, TypeAccountQuery: AccountQuerySize}
	}
	if n, ok := sizes[b[0]]; ok {
		return n
	}
	return -1
}

// A message cut anywhere is an error: ErrLength inside its fixed part, ErrAppendage behind.
func TestTruncations(t *testing.T) {
	fixed := map[string]int{
		"inO": EnterOrderSize, "inU": ReplaceOrderSize, "inX": CancelOrderSize, "inM": ModifyOrderSize, "inQ": AccountQuerySize,
		"inC": MassCancelSize, "inD": DisableEntrySize, "inE": EnableEntrySize,
		"outS": SystemEventSize, "outA": AcceptedSize, "outU": ReplacedSize, "outC": CanceledSize, "outD": AIQCanceledSize,
		"outE": ExecutedSize, "outB": BrokenTradeSize, "outJ": RejectedSize, "outP": CancelPendingSize, "outI": CancelRejectSize,
		"outT": PriorityUpdateSize, "outM": ModifiedSize, "outR": RestatedSize, "outQ": QueryResponseSize,
		"outX": MassCancelResponseSize, "outG": DisableResponseSize, "outK": EnableResponseSize,
	}
	seen := map[string]bool{}
	check := func(direction string, in bool, r row, decode func([]byte) error) {
		size := fixed[direction+string(r.b[0])]
		seen[direction+string(r.b[0])] = true
		for cut := range r.b {
			err := decode(r.b[:cut])
			switch {
			case cut < size && !errors.Is(err, ErrLength):
				t.Errorf("%s cut to %d of %d: %v, want ErrLength", r.name, cut, len(r.b), err)
			case cut >= size && cut != mayEndAt(r.b, in) && !errors.Is(err, ErrAppendage):
				t.Errorf("%s cut to %d of %d: %v, want ErrAppendage", r.name, cut, len(r.b), err)
			case cut == mayEndAt(r.b, in) && err != nil:
				t.Errorf("%s without its appendage: %v", r.name, err)
			}
		}
	}
	for _, r := range vectors(t, "inbound.tsv") {
		check("in", true, r, func(b []byte) error { _, err := DecodeInbound(b); return err })
	}
	for _, r := range vectors(t, "outbound.tsv") {
		check("out", false, r, func(b []byte) error { _, err := DecodeOutbound(b); return err })
	}
	if len(seen) != len(fixed) {
		t.Errorf("%d types of messages were cut, there are %d", len(seen), len(fixed))
	}
}

// The venue takes nothing behind a message; a client passes over it.
func TestTrailingBytes(t *testing.T) {
	for _, r := range vectors(t, "inbound.tsv") {
		want := inboundVectors[r.name]
		for _, tail := range []string{"\x00", "\x01\x00\x00", "\x00\x00\x00\x00\x00"} {
			got, err := DecodeInbound(append(r.b[:len(r.b):len(r.b)], tail...))
			if !errors.Is(err, ErrAppendage) || !reflect.DeepEqual(bare(got), bare(want)) {
				t.Errorf("%s and %q: %+v, %v", r.name, tail, got, err)
			}
		}
	}
	for _, r := range vectors(t, "outbound.tsv") {
		want := outboundVectors[r.name]
		tail := "\x00\x00garbage" // read as an empty appendage where there was none
		got, err := DecodeOutbound(append(r.b[:len(r.b):len(r.b)], tail...))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", r.name, got, err)
		}
	}
}

// bare is a message without its appendage.
func bare(m any) any {
	v := reflect.New(reflect.TypeOf(m).Elem()).Elem()
	v.Set(reflect.ValueOf(m).Elem())
	if f := v.FieldByName("Appendage"); f.IsValid() {
		f.SetZero()
	}
	return v.Interface()
}

// A broken appendage leaves the message readable, so that the venue can say which one it rejects.
func TestAppendage(t *testing.T) {
	enter := EnterOrder{UserRefNum: 7, Side: SideBuy, ClOrdID: ClOrdID("ID")}
	cancel := CancelOrder{UserRefNum: 7, Quantity: 9}
	for _, c := range []struct {
		name string
		tail string // from the length field on
		app  string
		err  error
	}{
		{"empty", "\x00\x00", "", nil},
		{"one element", "\x00\x03\x02\x1c\x05", "\x02\x1c\x05", nil},
		{"a tag without a value", "\x00\x02\x01\x1c", "\x01\x1c", nil},
		{"unknown tag", "\x00\x04\x03\xf0ab", "\x03\xf0ab", nil},
		{"two elements", "\x00\x05\x02\x1c\x05\x01\xf0", "\x02\x1c\x05\x01\xf0", nil},
		{"announced, not there", "\x00\x03", "", ErrAppendage},
		{"runs past the message", "\x00\x04\x02\x1c\x05", "\x02\x1c\x05", ErrAppendage},
		{"ends before the message", "\x00\x03\x02\x1c\x05\x02", "\x02\x1c\x05", ErrAppendage},
		{"nothing announced, something there", "\x00\x00\x02\x1c\x05", "", ErrAppendage},
		{"element of length 0", "\x00\x01\x00", "\x00", ErrAppendage},
		{"element of length 0 behind another", "\x00\x04\x02\x1c\x05\x00", "\x02\x1c\x05\x00", ErrAppendage},
		{"element runs past", "\x00\x03\x03\x1c\x05", "\x03\x1c\x05", ErrAppendage},
		{"a lone length byte", "\x00\x01\x05", "\x05", ErrAppendage},
		{"as long as can be said", "\xff\xff\x02\x1c\x05", "\x02\x1c\x05", ErrAppendage},
	} {
		var e EnterOrder
		head := enter.Append(nil)
		err := e.Decode(append(head[:45], c.tail...))
		if string(e.Appendage) != c.app || !errors.Is(err, c.err) || e.UserRefNum != 7 || e.ClOrdID != enter.ClOrdID {
			t.Errorf("enter, %s: %+v, %v", c.name, e, err)
		}
		var x CancelOrder
		err = x.Decode(append(cancel.Append(nil), c.tail...))
		if string(x.Appendage) != c.app || !errors.Is(err, c.err) || x.UserRefNum != 7 || x.Quantity != 9 {
			t.Errorf("cancel, %s: %+v, %v", c.name, x, err)
		}
	}
}

// Decoding over an old struct leaves nothing of it.
func TestDecodeOverwrites(t *testing.T) {
	with, without := EnterOrder{Appendage: []byte("\x02\x1c\x05")}, EnterOrder{}
	var m EnterOrder
	if err := errors.Join(m.Decode(with.Append(nil)), m.Decode(without.Append(nil))); err != nil || m.Appendage != nil {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestWrongType(t *testing.T) {
	b := make([]byte, 100)
	for _, m := range messages() {
		for _, typ := range []byte{0, 'z', 0xFF} {
			b[0] = typ
			if err := m.Decode(b); !errors.Is(err, ErrType) {
				t.Errorf("%T of type %q: %v", m, typ, err)
			}
		}
	}
	for _, b := range [][]byte{{'z'}, {0}, []byte("A message of the other direction")} {
		if m, err := DecodeInbound(b); m != nil || !errors.Is(err, ErrType) {
			t.Errorf("%q: %v, %v", b, m, err)
		}
	}
	if m, err := DecodeOutbound([]byte("O")); m != nil || !errors.Is(err, ErrType) {
		t.Errorf("%v, %v", m, err)
	}
	for _, decode := range []func([]byte) (any, error){
		func(b []byte) (any, error) { return DecodeInbound(b) },
		func(b []byte) (any, error) { return DecodeOutbound(b) },
	} {
		if _, err := decode(nil); !errors.Is(err, ErrLength) {
			t.Error(err)
		}
	}
	if InboundType(nil) != 0 || InboundType([]byte("O")) != TypeEnterOrder || OutboundType([]byte("A")) != TypeAccepted {
		t.Error("types")
	}
}

// message is what both directions have.
type message interface {
	Decode([]byte) error
	Append([]byte) []byte
}

// messages returns one zero message of every type.
func messages() []message {
	var all []message
	for typ := range 256 {
		if m, _ := DecodeInbound([]byte{byte(typ)}); m != nil {
			all = append(all, m)
		}
		if m := newOutbound(byte(typ)); m != nil {
			all = append(all, m)
		}
	}
	return all
}

// What Append writes, Decode reads, for random values of every field of every message.
func TestRandomMessages(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d: to run it again, put it into the line above", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	all := messages()
	if len(all) != 25 {
		t.Fatalf("%d messages, want 25", len(all))
	}
	for range 200 {
		for _, m := range all {
			fill(r, reflect.ValueOf(m).Elem())
			got := reflect.New(reflect.TypeOf(m).Elem()).Interface().(message)
			if err := got.Decode(onto(m)); err != nil || !reflect.DeepEqual(got, m) {
				t.Fatalf("seed %d: %+v became %+v, %v", seed, m, got, err)
			}
		}
	}
}

// fill sets all fields of a struct to random values.
func fill(r *rand.Rand, v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Slice:
			f.SetZero()
			if o := (Options{Present: r.Uint64() & allTags()}); r.IntN(2) == 0 && o.Present != 0 {
				f.SetBytes(o.Append(nil))
			}
		case reflect.Array:
			for j := range f.Len() {
				f.Index(j).SetUint(r.Uint64() & 0xFF)
			}
		case reflect.Int32:
			f.SetInt(int64(int32(r.Uint32())))
		case reflect.Struct:
			fill(r, f)
		default:
			f.SetUint(r.Uint64() >> (64 - f.Type().Bits()))
		}
	}
}

func TestTextFields(t *testing.T) {
	if s := Symbol("AB"); string(s[:]) != "AB      " {
		t.Errorf("%q", s)
	}
	if s := ClOrdID("12345678901234"); string(s[:]) != "12345678901234" {
		t.Errorf("%q", s)
	}
	if s := Firm(""); string(s[:]) != "    " {
		t.Errorf("%q", s)
	}
	defer func() {
		if recover() == nil {
			t.Error("a symbol of nine characters: no panic")
		}
	}()
	Symbol("ABCDEFGHI")
}

func TestAppendageTooLongPanics(t *testing.T) {
	long := make([]byte, 1<<16)
	for _, m := range []message{&EnterOrder{Appendage: long}, &CancelOrder{Appendage: long}, &Executed{Appendage: long}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%T: no panic", m)
				}
			}()
			m.Append(nil)
		}()
	}
}

func TestAllocations(t *testing.T) {
	enter := EnterOrder{UserRefNum: 1, Appendage: []byte("\x02\x1c\x05")}
	b, dst := enter.Append(nil), make([]byte, 0, 512)
	broken := b[:len(b)-1]
	var m EnterOrder
	var o Options
	if n := testing.AllocsPerRun(100, func() {
		out := (&Accepted{UserRefNum: 1, Appendage: m.Appendage}).Append(dst)
		out = (&Executed{UserRefNum: 1}).Append(out)
		out = (&Canceled{UserRefNum: 1}).Append(out)
		out = (&Rejected{UserRefNum: 1}).Append(out)
		out = enter.Append(out)
		_ = o.Append(out)
		if m.Decode(b) != nil || o.Decode(m.Appendage) != nil || m.Decode(broken) == nil || o.Decode(b) == nil {
			t.Fatal("wrong answer")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func ExampleEnterOrder_Append() {
	options := Options{Present: Tag3MinQty | Tag12PostOnly, MinQty: 50, PostOnly: PostOnly}
	order := EnterOrder{
		UserRefNum: 1, Side: SideBuy, Quantity: 100, Symbol: Symbol("AAPL"), Price: 187_2500, TimeInForce: TIFDay,
		Display: DisplayVisible, Capacity: CapacityPrincipal, Sweep: No, CrossType: CrossContinuous, ClOrdID: ClOrdID("first"),
		Appendage: options.Append(nil),
	}
	fmt.Printf("%x\n", order.Append(nil))
	// Output: 4f0000000142000000644141504c2020202000000000001c92743059504e4e66697273742020202020202020200009050300000032020c50
}

func ExampleDecodeOutbound() {
	executed := Executed{UserRefNum: 1, Quantity: 100, Price: 187_2500, Liquidity: LiquidityAdded, MatchNumber: 777}
	message, err := DecodeOutbound(executed.Append(nil))
	if err != nil {
		fmt.Println(err)
	}
	switch m := message.(type) {
	case *Accepted:
		fmt.Println("accepted", m.UserRefNum)
	case *Executed:
		fmt.Printf("order %d: %d at %d, match %d\n", m.UserRefNum, m.Quantity, m.Price, m.MatchNumber)
	}
	// Output: order 1: 100 at 1872500, match 777
}

func BenchmarkEnterOrderDecode(b *testing.B) {
	in := (&EnterOrder{UserRefNum: 1, Price: 187_2500}).Append(nil)
	var m EnterOrder
	for b.Loop() {
		if err := m.Decode(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEnterOrderDecodeOptions(b *testing.B) {
	in := (&EnterOrder{UserRefNum: 1, Appendage: []byte("\x05\x03\x00\x00\x00\x05\x02\x0cP\x02\x1c\x05")}).Append(nil)
	var m EnterOrder
	var o Options
	for b.Loop() {
		if m.Decode(in) != nil || o.Decode(m.Appendage) != nil {
			b.Fatal("not read")
		}
	}
}

func BenchmarkAcceptedAppend(b *testing.B) {
	dst := make([]byte, 0, 128)
	var ref uint32
	for b.Loop() {
		ref++
		m := Accepted{Timestamp: at, UserRefNum: ref, Side: SideBuy, Quantity: 100, Price: 187_2500, OrderRef: uint64(ref), State: StateLive}
		m.Append(dst)
	}
}

func BenchmarkExecutedAppend(b *testing.B) {
	dst := make([]byte, 0, 128)
	var ref uint32
	for b.Loop() {
		ref++
		m := Executed{Timestamp: at, UserRefNum: ref, Quantity: 100, Price: 187_2500, Liquidity: LiquidityAdded, MatchNumber: uint64(ref)}
		m.Append(dst)
	}
}

func BenchmarkCanceledAppend(b *testing.B) {
	dst := make([]byte, 0, 128)
	var ref uint32
	for b.Loop() {
		ref++
		m := Canceled{Timestamp: at, UserRefNum: ref, Quantity: 100, Reason: CanceledUser}
		m.Append(dst)
	}
}
