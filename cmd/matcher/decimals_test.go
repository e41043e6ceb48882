package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"matcher/core"
	"matcher/wire/ouch"
)

func aapl() *core.Instrument {
	return &core.Instrument{Symbol: "AAPL", PriceDecimals: 4, Tick: 100, Lot: 1, MaxQty: 999_999, MaxPrice: largestPrice}
}

func TestUnitsAreExact(t *testing.T) {
	for _, c := range []struct {
		text     string
		decimals uint8
		want     uint64
		code     string
	}{
		{"187.25", 4, 1_872_500, ""},
		{"187.2500", 4, 1_872_500, ""},
		{"187.25000", 4, 1_872_500, ""}, // zeros change nothing
		{"0.1", 1, 1, ""},
		{"1.10", 2, 110, ""}, // 1.1*100 is 110.00000000000001 in binary
		{"4.35", 2, 435, ""}, // 4.35*100 is 434.99999999999994
		{"0.000000001", 9, 1, ""},
		{"007", 0, 7, ""},
		{"18446744073709551615", 0, 1<<64 - 1, ""},
		{"18446744073709551616", 0, 0, "E2003"},
		{"1844674407370955.1616", 4, 0, "E2003"},
		{"187.25001", 4, 0, "E2002"},
		{"0.5", 0, 0, "E2002"},
		{"", 4, 0, "E2002"},
		{".5", 4, 0, "E2002"},
		{"5.", 4, 0, "E2002"},
		{"-1", 4, 0, "E2002"},
		{"+1", 4, 0, "E2002"},
		{"1e3", 4, 0, "E2002"},
		{"1,000", 4, 0, "E2002"},
		{"1_000", 4, 0, "E2002"},
		{"0x10", 4, 0, "E2002"},
		{"1.2.3", 4, 0, "E2002"},
		{" 1", 4, 0, "E2002"},
		{"NaN", 4, 0, "E2002"},
		{"١", 0, 0, "E2002"},
		{strings.Repeat("0", 41), 4, 0, "E2002"},
	} {
		got, err := units(c.text, c.decimals)
		var f *fault
		if !asFault(err, &f) {
			f = &fault{}
		}
		if got != c.want || f.Code != c.code {
			t.Errorf("units(%q, %d) = %d, %v; want %d, %s", c.text, c.decimals, got, err, c.want, c.code)
		}
	}
}

// Every count of units comes back from its text.
func TestDecimalTextRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		n, decimals := r.Uint64()>>r.IntN(64), uint8(r.IntN(10))
		got, err := units(decimalText(n, decimals), decimals)
		if got != n || err != nil {
			t.Fatalf("%d with %d decimals is %s, which is %d, %v", n, decimals, decimalText(n, decimals), got, err)
		}
	}
}

func TestWirePrice(t *testing.T) {
	half := &core.Instrument{Symbol: "ES", PriceDecimals: 2, Tick: 25, Lot: 1, MaxQty: 10, MaxPrice: 1_000_000}
	for _, c := range []struct {
		in        *core.Instrument
		text      string
		want      uint64
		code, fix string
	}{
		{aapl(), "187.25", 1_872_500, "", ""},
		{aapl(), "market", ouch.MarketPrice, "", ""},
		{aapl(), "MARKET", ouch.MarketPrice, "", ""},
		{aapl(), "199999.99", largestPrice, "", ""},
		{aapl(), "200000", 0, "E2003", "199999.99"},
		{aapl(), "0", 0, "E2003", "0.01"},
		{aapl(), "187.255", 0, "E2001", "187.25 or 187.26"},
		{aapl(), "0.001", 0, "E2001", "0.01"},
		{half, "10.30", 0, "E2001", "10.25 or 10.50"},
		{half, "10.125", 0, "E2002", "10.12 or 10.13"},
		{aapl(), "cheap", 0, "E2002", "write it like 187.25"},
	} {
		got, err := wirePrice(c.in, c.text)
		var f *fault
		if !asFault(err, &f) {
			f = &fault{}
		}
		if got != c.want || f.Code != c.code || f.Fix != c.fix {
			t.Errorf("%s: %d, %v (fix %q); want %d, %s (fix %q)", c.text, got, err, f.Fix, c.want, c.code, c.fix)
		}
	}
}

func TestLots(t *testing.T) {
	board := &core.Instrument{Symbol: "B", Lot: 100, MaxQty: 50}
	coin := &core.Instrument{Symbol: "C", Lot: 1, LotDecimals: 3, MaxQty: 4_294_967_295}
	for _, c := range []struct {
		in   *core.Instrument
		text string
		want uint32
		code string
	}{
		{aapl(), "100", 100, ""},
		{aapl(), "100.0", 100, ""},
		{aapl(), "999999", 999_999, ""},
		{aapl(), "1000000", 0, "E2004"},
		{aapl(), "0", 0, "E2004"},
		{aapl(), "1.5", 0, "E2004"},
		{aapl(), "-1", 0, "E2002"},
		{board, "5000", 50, ""},
		{board, "5100", 0, "E2004"},
		{board, "150", 0, "E2004"},
		{coin, "0.001", 1, ""},
		{coin, "4294967.295", 4_294_967_295, ""},
		{coin, "0.0001", 0, "E2004"},
	} {
		got, err := lots(c.in, c.text)
		var f *fault
		if !asFault(err, &f) {
			f = &fault{}
		}
		if got != c.want || f.Code != c.code {
			t.Errorf("%s %s: %d, %v; want %d, %s", c.in.Symbol, c.text, got, err, c.want, c.code)
		}
	}
}

func Example_quantityText() {
	fmt.Println(quantityText(aapl(), 100), quantityText(&core.Instrument{Lot: 1, LotDecimals: 3}, 1500), quantityText(&core.Instrument{Lot: 100}, 3))
	// Output: 100 1.500 300
}
