package ouch

import (
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"testing"
)

// every is an element of every tag there is, in ascending order, and what it says.
var every = []struct {
	element string
	want    Options
}{
	{"\x09\x01\x01\x02\x03\x04\x05\x06\x07\x08", Options{Present: Tag1SecondaryOrderRef, SecondaryOrderRef: 0x0102030405060708}},
	{"\x05\x02FIRM", Options{Present: Tag2Firm, Firm: Firm("FIRM")}},
	{"\x05\x03\x00\x00\x00\x64", Options{Present: Tag3MinQty, MinQty: 100}},
	{"\x02\x04R", Options{Present: Tag4CustomerType, CustomerType: CustomerRetail}},
	{"\x05\x05\x00\x00\x00\xc8", Options{Present: Tag5MaxFloor, MaxFloor: 200}},
	{"\x02\x06M", Options{Present: Tag6PriceType, PriceType: PriceMidpointPeg}},
	{"\x05\x07\xff\xff\xff\xff", Options{Present: Tag7PegOffset, PegOffset: -1}},
	{"\x09\x09\x00\x00\x00\x00\x00\x16\xf0\xa8", Options{Present: Tag9DiscretionPrice, DiscretionPrice: 150_3400}},
	{"\x02\x0aL", Options{Present: Tag10DiscretionPriceType, DiscretionPriceType: PriceLimit}},
	{"\x05\x0b\x80\x00\x00\x00", Options{Present: Tag11DiscretionPegOffset, DiscretionPegOffset: -1 << 31}},
	{"\x02\x0cP", Options{Present: Tag12PostOnly, PostOnly: PostOnly}},
	{"\x05\x0d\x00\x00\x00\x0a", Options{Present: Tag13RandomReserves, RandomReserves: 10}},
	{"\x05\x0eROUT", Options{Present: Tag14Route, Route: Firm("ROUT")}},
	{"\x05\x0f\x00\x01\x51\x7f", Options{Present: Tag15ExpireTime, ExpireTime: 86_399}},
	{"\x02\x10Y", Options{Present: Tag16TradeNow, TradeNow: Yes}},
	{"\x02\x11I", Options{Present: Tag17HandleInst, HandleInst: 'I'}},
	{"\x02\x120", Options{Present: Tag18BBOWeight, BBOWeight: '0'}},
	{"\x05\x16\x00\x00\x00\x64", Options{Present: Tag22DisplayQuantity, DisplayQuantity: 100}},
	{"\x09\x17\x00\x00\x00\x00\x00\x16\xf0\xa8", Options{Present: Tag23DisplayPrice, DisplayPrice: 150_3400}},
	{"\x03\x18\x01\x02", Options{Present: Tag24GroupID, GroupID: 0x0102}},
	{"\x02\x19N", Options{Present: Tag25SharesLocated, SharesLocated: No}},
	{"\x05\x1aBRKR", Options{Present: Tag26LocateBroker, LocateBroker: Firm("BRKR")}},
	{"\x02\x1bS", Options{Present: Tag27Side, Side: SideSell}},
	{"\x02\x1c\x05", Options{Present: Tag28UserRefIdx, UserRefIdx: 5}},
	{"\x02\x1dO", Options{Present: Tag29AIQStrategy, AIQStrategy: AIQCancelOldest}},
	{"\x03\x1eAB", Options{Present: Tag30AIQGroup, AIQGroup: [2]byte{'A', 'B'}}},
	{"\x09\x80\x00\x00\x00\x00\x00\x16\xf0\xa8", Options{Present: Tag128StopPrice, StopPrice: 150_3400}},
	{"\x02\x81B", Options{Present: Tag129StopTrigger, StopTrigger: TriggerBid}},
	{"\x05\x83\xff\xff\xff\x9c", Options{Present: Tag131TrailOffset, TrailOffset: -100}},
	{"\x09\x84\x18\x80\x00\x00\x00\x00\x00\x01", Options{Present: Tag132ExpireAt, ExpireAt: 0x1880000000000001}},
	{"\x02\x86Y", Options{Present: Tag134Exempt, Exempt: Yes}},
	{
		"\x0a\x87\x01\x35\x29\x03\x00\x00\x00\x07\xff",
		Options{Present: Tag135Origin, Origin: Origin{Date: 20261123, UserRefNum: 7, UserRefIdx: 255}},
	},
}

// allTags are the bits of all tags.
func allTags() uint64 {
	var bits uint64
	for _, c := range every {
		bits |= c.want.Present
	}
	return bits
}

func TestOptionsEveryTag(t *testing.T) {
	var all string
	for _, c := range every {
		var o Options
		if err := o.Decode([]byte(c.element)); err != nil || o != c.want {
			t.Errorf("%x: read %+v, %v; want %+v", c.element, o, err, c.want)
		}
		if got := c.want.Append(nil); string(got) != c.element {
			t.Errorf("%x: wrote %x", c.element, got)
		}
		all += c.element
	}
	var o Options
	if err := o.Decode([]byte(all)); err != nil || o.Present != allTags() {
		t.Errorf("all at once: %x, %v", o.Present, err)
	}
	if got := o.Append(nil); string(got) != all {
		t.Errorf("all at once: wrote %x, want %x", got, all)
	}
	if n := bits.OnesCount64(allTags()); n != len(every) {
		t.Errorf("%d bits for %d tags", n, len(every))
	}
	if n := reflect.TypeFor[Options]().NumField() - 1; n != len(every) {
		t.Errorf("%d fields for %d tags", n, len(every))
	}
}

// A tag of the table with a value one byte shorter or longer is an error; every other tag is passed over.
func TestOptionsSizes(t *testing.T) {
	known := map[byte]int{}
	for _, c := range every {
		known[c.element[1]] = len(c.element) - 2
	}
	for tag := range 256 {
		for size := range 255 {
			element := append([]byte{byte(1 + size), byte(tag)}, make([]byte, size)...)
			want, ok := known[byte(tag)]
			var o Options
			err := o.Decode(element)
			switch {
			case ok && size == want && (err != nil || o.Present == 0):
				t.Errorf("tag %d of %d bytes: %x, %v", tag, size, o.Present, err)
			case ok && size != want && !errors.Is(err, ErrTagSize):
				t.Errorf("tag %d of %d bytes: %v", tag, size, err)
			case !ok && (err != nil || o != Options{}):
				t.Errorf("unknown tag %d of %d bytes: %+v, %v", tag, size, o, err)
			}
		}
	}
}

func TestOptionsDecode(t *testing.T) {
	for _, c := range []struct {
		name string
		in   string
		want Options
		err  error
	}{
		{"nothing", "", Options{}, nil},
		{"descending", "\x02\x1c\x05\x02\x0cP", Options{Present: Tag28UserRefIdx | Tag12PostOnly, UserRefIdx: 5, PostOnly: 'P'}, nil},
		{"unknown between known", "\x02\x0cP\x04\xc8abc\x02\x1c\x05", Options{Present: Tag28UserRefIdx | Tag12PostOnly, UserRefIdx: 5, PostOnly: 'P'}, nil},
		{"an unknown tag twice", "\x01\xc8\x01\xc8", Options{}, nil},
		{"withdrawn tags 19 and 20", "\x09\x1312345678\x02\x14x", Options{}, nil},
		{"twice", "\x02\x1c\x05\x02\x1c\x05", Options{Present: Tag28UserRefIdx, UserRefIdx: 5}, ErrTagTwice},
		{"wrong size after good", "\x02\x1c\x05\x03\x0cPP", Options{Present: Tag28UserRefIdx, UserRefIdx: 5}, ErrTagSize},
		{"known tag without a value", "\x01\x1c", Options{}, ErrTagSize},
		{"length 0 after good", "\x02\x1c\x05\x00", Options{Present: Tag28UserRefIdx, UserRefIdx: 5}, ErrAppendage},
		{"runs past", "\x02\x1c\x05\x02\x0c", Options{Present: Tag28UserRefIdx, UserRefIdx: 5}, ErrAppendage},
		{"a lone length", "\x05", Options{}, ErrAppendage},
	} {
		o := Options{Present: Tag3MinQty, MinQty: 9} // left from before
		err := o.Decode([]byte(c.in))
		if !errors.Is(err, c.err) || o != c.want {
			t.Errorf("%s: %+v, %v", c.name, o, err)
		}
		if err != nil && !errors.Is(err, ErrAppendage) {
			t.Errorf("%s: %v is no ErrAppendage", c.name, err)
		}
	}
}

func TestOptionsRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d: to run it again, put it into the line above", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		var full, o, got Options
		fill(r, reflect.ValueOf(&full).Elem())
		full.Present &= allTags()
		if err := o.Decode(full.Append(nil)); err != nil || o.Present != full.Present {
			t.Fatalf("seed %d: %+v became %+v, %v", seed, full, o, err)
		}
		if err := got.Decode(o.Append(nil)); err != nil || got != o {
			t.Fatalf("seed %d: %+v became %+v, %v", seed, o, got, err)
		}
	}
}

func TestOptionsUnknownBitPanics(t *testing.T) {
	for bit := range 64 {
		if allTags()&(1<<bit) != 0 {
			continue
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("bit %d: no panic", bit)
				}
			}()
			(&Options{Present: 1 << bit}).Append(nil)
		}()
	}
}

func ExampleOptions_Decode() {
	var o Options
	err := o.Decode([]byte("\x05\x03\x00\x00\x00\x64\x02\x0cP\x04\xc8new"))
	fmt.Println(o.Present&Tag3MinQty != 0, o.MinQty, err)
	fmt.Printf("%q, tag 28 given: %t\n", o.PostOnly, o.Present&Tag28UserRefIdx != 0)
	// Output:
	// true 100 <nil>
	// 'P', tag 28 given: false
}
