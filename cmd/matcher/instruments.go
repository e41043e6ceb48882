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

// instrumentParts are the keys of [[instrument]] beside its symbol, in the order in which they are read: each builds on those
// before it.
func instrumentParts() []instrumentPart {
	count := func(to func(*core.Instrument) *uint32, most uint64) func(*core.Instrument, string) *unfit {
		return func(in *core.Instrument, s string) *unfit { return setCount(to(in), s, 1, most) }
	}
	percent := func(to func(*core.Instrument) *uint8) func(*core.Instrument, string) *unfit {
		return shares(func(in *core.Instrument, s string) *unfit {
			var n uint32
			u := setCount(&n, s, 0, 100)
			*to(in) = uint8(n)
			return u
		})
	}
	quantity := func(to func(*core.Instrument) *uint32) func(*core.Instrument, string) *unfit {
		return shares(func(in *core.Instrument, s string) (u *unfit) {
			*to(in), u = instrumentLots(in, s)
			return u
		})
	}
	return []instrumentPart{
		{"price_decimals", setDecimals},
		{"tick", setTick},
		{"lot", setLot},
		{"max_qty", setMaxQty},
		{"max_price", setMaxPrice},
		{"policy", setPolicy},
		{"fifo_percent", percent(func(in *core.Instrument) *uint8 { return &in.Terms.FifoPercent })},
		{"top_percent", percent(func(in *core.Instrument) *uint8 { return &in.Terms.TopPercent })},
		{"top_max", quantity(func(in *core.Instrument) *uint32 { return &in.Terms.TopMax })},
		{"min_alloc", quantity(func(in *core.Instrument) *uint32 { return &in.Terms.MinAlloc })},
		{"max_slices", count(func(in *core.Instrument) *uint32 { return &in.Terms.MaxSlices }, 1_000_000)},
		{"max_pegs", count(func(in *core.Instrument) *uint32 { return &in.Terms.MaxPegs }, core.MaxSettling)},
		{"max_stops", count(func(in *core.Instrument) *uint32 { return &in.Terms.MaxStops }, core.MaxSettling)},
		{"collar", setCollar},
		{"reference", setReference},
	}
}

// instrumentPart is one of those keys.
type instrumentPart struct {
	key string
	set func(*core.Instrument, string) *unfit
}

// instrumentKeys are all keys of [[instrument]].
func instrumentKeys() []string {
	keys := []string{"symbol"}
	for _, part := range instrumentParts() {
		keys = append(keys, part.key)
	}
	return keys
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
	for _, part := range instrumentParts() {
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

// checkSymbol is the fault of a word that cannot be a symbol, nil if it can.
func checkSymbol(s string) error {
	if symbol(s) {
		return nil
	}
	f := &fault{Code: "E2005", What: fmt.Sprintf("%q is no symbol", s), Why: "a symbol has 1 to 8 characters out of A-Z, 0-9 and . - _ / + ="}
	if upper := strings.ToUpper(s); symbol(upper) {
		f.Fix = upper
	}
	return f
}

func setDecimals(in *core.Instrument, s string) *unfit {
	var n uint32
	u := setCount(&n, s, 0, 9)
	in.PriceDecimals = uint8(n)
	return u
}

func setTick(in *core.Instrument, s string) *unfit {
	n, u := amount(in, s, largestPrice)
	in.Tick = n
	return u
}

// amount takes a price or a distance above 0.
func amount(in *core.Instrument, s string, most uint64) (uint64, *unfit) {
	n, u := instrumentUnits(s, in.PriceDecimals)
	if u == nil && (n == 0 || n > most) {
		u = &unfit{code: "E4105", why: aboveZero(decimalText(most, in.PriceDecimals))}
	}
	return n, u
}

// aboveZero says where a decimal must lie.
func aboveZero(most string) string { return "above 0 and at most " + most }

// onTick takes an amount that is a multiple of the tick.
func onTick(in *core.Instrument, s string, most uint64) (uint64, *unfit) {
	n, u := amount(in, s, most)
	if u == nil && n%in.Tick != 0 {
		u = &unfit{code: "E4105", why: "it is not on the tick of " + decimalText(in.Tick, in.PriceDecimals), fix: decimalText(n-n%in.Tick, in.PriceDecimals)}
	}
	return n, u
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

// setMaxQty takes the largest order.
func setMaxQty(in *core.Instrument, s string) (u *unfit) {
	in.MaxQty, u = instrumentLots(in, s)
	return u
}

// instrumentLots takes a quantity, not lots: it is for people.
func instrumentLots(in *core.Instrument, s string) (uint32, *unfit) {
	whole := *in
	whole.MaxQty = 1<<32 - 1
	n, err := lots(&whole, s)
	if err != nil {
		return 0, &unfit{code: "E4105", why: reasonOf(err)}
	}
	return n, nil
}

// setMaxPrice takes the largest limit price; without one it is as large as OUCH allows.
func setMaxPrice(in *core.Instrument, s string) *unfit {
	largest := largestPrice / in.Tick * in.Tick
	if s == "" {
		in.MaxPrice = largest
		return nil
	}
	n, u := onTick(in, s, largest)
	in.MaxPrice = n
	return u
}

// setPolicy says how a level is shared among its orders.
func setPolicy(in *core.Instrument, s string) *unfit {
	if s != "price-time" && s != "pro-rata" {
		return oneOf(s, "price-time", "pro-rata")
	}
	in.ProRata = s == "pro-rata"
	return nil
}

// shares makes a key one that only a policy that shares can have.
func shares(set func(*core.Instrument, string) *unfit) func(*core.Instrument, string) *unfit {
	return func(in *core.Instrument, s string) *unfit {
		if !in.ProRata {
			return &unfit{code: "E4104", why: "it is for instruments that share levels by proportion", fix: `policy = "pro-rata"`}
		}
		return set(in, s)
	}
}

// setCollar takes how far from the last trade a market order or a stop may trade: a distance, or a percentage of it.
func setCollar(in *core.Instrument, s string) *unfit {
	number, percent := strings.CutSuffix(s, "%")
	if !percent {
		n, u := amount(in, s, largestPrice)
		in.Terms.Collar = n
		return u
	}
	if _, err := exact(number); err != nil {
		return &unfit{code: "E4104", why: "a distance like 0.50, or a percentage like 5%", fix: `"5%"`}
	}
	n, err := units(number, 2)
	if err != nil {
		return &unfit{code: "E4110", why: "a percentage has at most 2 decimals"}
	}
	if n == 0 || n > 10_000 {
		return &unfit{code: "E4105", why: "above 0% and at most 100%"}
	}
	in.Terms.CollarBP = uint32(n)
	return nil
}

// setReference takes the price that the collar is anchored to before the first trade.
func setReference(in *core.Instrument, s string) *unfit {
	n, u := onTick(in, s, in.MaxPrice)
	in.Terms.Reference = n
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
