package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"

	"matcher/core"
)

// instrumentText is one [[instrument]] as it was written.
type instrumentText struct {
	where   string
	entries map[string]entry // by key
}

// instrumentKeys are the keys of [[instrument]].
func instrumentKeys() []string {
	return []string{"symbol", "price_decimals", "tick", "lot", "max_qty", "max_price"}
}

func (t instrumentText) add(key string, w entry) error {
	for _, k := range instrumentKeys() {
		if k == key {
			t.entries[key] = w
			return nil
		}
	}
	var known []string
	for _, k := range instrumentKeys() {
		known = append(known, "instrument."+k)
	}
	return w.unknown(known)
}

// maxInstruments is how many fit into the journal's 16 bits, less the values for none and for all.
const maxInstruments = 65_534

// instruments turns the blocks into what the server takes.
func (c *config) instruments(file string) error {
	if len(c.text) == 0 {
		return &fault{
			Code: "E4104", What: file + ": no [[instrument]]: there is nothing to trade",
			Fix: "[[instrument]]\nsymbol = \"AAPL\"\nprice_decimals = 4\ntick = \"0.01\"\nlot = \"1\"",
		}
	}
	if len(c.text) > maxInstruments {
		return &fault{Code: "E4105", What: fmt.Sprintf("%s: %d instruments are too many", file, len(c.text)), Why: fmt.Sprintf("at most %d", maxInstruments)}
	}
	seen := map[string]string{}
	for _, t := range c.text {
		in, err := t.instrument()
		if err != nil {
			return err
		}
		if first, twice := seen[in.Symbol]; twice {
			return t.entries["symbol"].fault(&unfit{code: "E4107", why: "first defined at " + first})
		}
		seen[in.Symbol] = t.entries["symbol"].where
		c.core.Instruments = append(c.core.Instruments, in)
	}
	return nil
}

// instrument checks one block. Tick and lot are decimals; everything kept of them is a whole number.
func (t instrumentText) instrument() (core.Instrument, error) {
	in := core.Instrument{PriceDecimals: 4, Lot: 1, MaxQty: 999_999}
	for _, w := range t.entries {
		if w.list {
			return in, w.fault(&unfit{code: "E4104", why: w.key + " is a single value"})
		}
		if w.float {
			return in, w.fault(&unfit{code: "E4104", why: "a binary fraction is not exact: prices and quantities are written as strings", fix: fmt.Sprintf("%q", w.text)})
		}
	}
	for _, key := range []string{"symbol", "tick"} {
		if _, given := t.entries[key]; !given {
			return in, &fault{Code: "E4104", What: fmt.Sprintf("%s: this [[instrument]] has no %s", t.where, key), Fix: map[string]string{"symbol": `symbol = "AAPL"`, "tick": `tick = "0.01"`}[key]}
		}
	}
	w := t.entries["symbol"]
	if in.Symbol = w.text; !symbol(w.text) {
		return in, w.fault(&unfit{code: "E4104", why: "a symbol has 1 to 8 characters out of A-Z, 0-9 and . - _ / + ="})
	}
	for _, part := range []struct {
		key string
		set func(*core.Instrument, string) *unfit
	}{ // in this order: each builds on those before it
		{"price_decimals", setDecimals},
		{"tick", setTick},
		{"lot", setLot},
		{"max_qty", setMaxQty},
		{"max_price", setMaxPrice},
	} {
		w, given := t.entries[part.key]
		if !given && part.key != "max_price" {
			continue
		}
		if u := part.set(&in, w.text); u != nil {
			return in, w.fault(u)
		}
	}
	return in, nil
}

// symbol says whether s is fit to be one.
func symbol(s string) bool {
	return s != "" && len(s) <= 8 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/+=") == ""
}

func setDecimals(in *core.Instrument, s string) *unfit {
	var n uint32
	u := setCount(&n, s, 0, 9)
	in.PriceDecimals = uint8(n)
	return u
}

func setTick(in *core.Instrument, s string) *unfit {
	n, u := instrumentUnits(s, in.PriceDecimals)
	if u == nil && (n == 0 || n > largestPrice) {
		u = &unfit{code: "E4105", why: fmt.Sprintf("above 0 and at most %s", decimalText(largestPrice, in.PriceDecimals))}
	}
	in.Tick = n
	return u
}

// setLot keeps a lot as its digits and the place of the point: 0.001 is 1 with 3 decimals.
func setLot(in *core.Instrument, s string) *unfit {
	d, err := exact(s)
	if err != nil {
		return &unfit{code: "E4104", why: reasonOf(err), fix: `"1"`}
	}
	places := uint8(0)
	for !d.IsInteger() && places < 18 {
		d, places = d.Shift(1), places+1
	}
	if d.IsZero() || !d.IsInteger() || d.GreaterThan(decimal.NewFromInt(1<<32-1)) {
		return &unfit{code: "E4110", why: "a lot is above 0, has at most 18 decimals and, without its point, is at most 4,294,967,295"}
	}
	in.Lot, in.LotDecimals = uint32(d.IntPart()), places
	return nil
}

// setMaxQty takes a quantity, not lots: it is for people.
func setMaxQty(in *core.Instrument, s string) *unfit {
	whole := *in
	whole.MaxQty = 1<<32 - 1
	n, err := lots(&whole, s)
	if err != nil {
		return &unfit{code: "E4105", why: reasonOf(err)}
	}
	in.MaxQty = n
	return nil
}

// setMaxPrice takes the largest limit price; without one it is as large as OUCH allows.
func setMaxPrice(in *core.Instrument, s string) *unfit {
	largest := largestPrice / in.Tick * in.Tick
	if s == "" {
		in.MaxPrice = largest
		return nil
	}
	n, u := instrumentUnits(s, in.PriceDecimals)
	switch {
	case u != nil:
	case n == 0 || n > largestPrice:
		u = &unfit{code: "E4105", why: fmt.Sprintf("above 0 and at most %s", decimalText(largest, in.PriceDecimals))}
	case n%in.Tick != 0:
		u = &unfit{code: "E4105", why: "it is not on the tick of " + decimalText(in.Tick, in.PriceDecimals), fix: decimalText(n-n%in.Tick, in.PriceDecimals)}
	}
	in.MaxPrice = n
	return u
}

// instrumentUnits reads a decimal that the instrument's scale must be able to hold.
func instrumentUnits(s string, decimals uint8) (uint64, *unfit) {
	if _, err := exact(s); err != nil {
		return 0, &unfit{code: "E4104", why: reasonOf(err), fix: `"0.01"`}
	}
	n, err := units(s, decimals)
	if err != nil {
		return 0, &unfit{code: "E4110", why: fmt.Sprintf("price_decimals = %d: %s", decimals, reasonOf(err))}
	}
	return n, nil
}

// reasonOf is what a fault says, for use inside of another one.
func reasonOf(err error) string {
	var f *fault
	if !errors.As(err, &f) {
		return err.Error()
	}
	if f.Why != "" {
		return f.What + ": " + f.Why
	}
	return f.What
}
