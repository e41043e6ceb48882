package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/shopspring/decimal"

	"matcher/core"
	"matcher/wire/ouch"
)

// largestPrice is the largest limit price that OUCH can carry, in wire units: 199,999.9900 with four decimals.
const largestPrice = ouch.MaxPrice

// exact reads a plain decimal: digits, perhaps a point and more digits. Up to 40 characters, no sign, no exponent.
func exact(text string) (decimal.Decimal, error) {
	whole, fraction, point := strings.Cut(text, ".")
	if len(text) > 40 || whole == "" || point && fraction == "" || !digits(whole) || !digits(fraction) {
		return decimal.Decimal{}, &fault{Code: "E2002", What: fmt.Sprintf("%q is not an exact decimal", text), Fix: "write it like 187.25"}
	}
	return decimal.NewFromString(text)
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// units reads a decimal as a count of 1/10^decimals. A number with more decimals than that is refused, never rounded.
func units(text string, decimals uint8) (uint64, error) {
	d, err := exact(text)
	if err != nil {
		return 0, err
	}
	n := d.Shift(int32(decimals))
	if !n.IsInteger() {
		return 0, &fault{
			Code: "E2002", What: fmt.Sprintf("%s has more than %s", text, count(int(decimals), "decimal")),
			Fix: d.Truncate(int32(decimals)).String() + " or " + d.RoundCeil(int32(decimals)).String(),
		}
	}
	if !n.BigInt().IsUint64() {
		return 0, &fault{Code: "E2003", What: text + " is too large", Why: fmt.Sprintf("at most %d units of 1/10^%d", uint64(math.MaxUint64), decimals)}
	}
	return n.BigInt().Uint64(), nil
}

// decimalText writes a count of 1/10^decimals as a decimal, with exactly that many decimals.
func decimalText(n uint64, decimals uint8) string {
	return decimal.NewFromUint64(n).Shift(-int32(decimals)).StringFixed(int32(decimals))
}

// wirePrice turns a price ("187.25", "market") of an instrument into what goes over the wire.
func wirePrice(in *core.Instrument, text string) (uint64, error) {
	if strings.EqualFold(text, "market") {
		return ouch.MarketPrice, nil
	}
	price, err := units(text, in.PriceDecimals)
	if err != nil {
		return 0, err
	}
	if price == 0 || price > in.MaxPrice {
		return 0, &fault{
			Code: "E2003", What: fmt.Sprintf("%s price %s is out of range", in.Symbol, text),
			Why: aboveZero(decimalText(in.MaxPrice, in.PriceDecimals)),
			Fix: trimmed(min(max(price, in.Tick), in.MaxPrice), in.PriceDecimals, tickPlaces(in)), Or: "market",
		}
	}
	if off := price % in.Tick; off != 0 {
		places := tickPlaces(in)
		f := &fault{
			Code: "E2001", What: fmt.Sprintf("%s price %s is not on the tick", in.Symbol, text),
			Why: fmt.Sprintf("%s trades in steps of %s", in.Symbol, trimmed(in.Tick, in.PriceDecimals, places)),
			Fix: trimmed(price-off+in.Tick, in.PriceDecimals, places),
		}
		if price > off {
			f.Fix = trimmed(price-off, in.PriceDecimals, places) + " or " + f.Fix
		}
		return 0, f
	}
	return price, nil
}

// tickPlaces is how many decimals the prices of an instrument need.
func tickPlaces(in *core.Instrument) int32 {
	places, tick := int32(in.PriceDecimals), in.Tick
	for places > 0 && tick%10 == 0 {
		places, tick = places-1, tick/10
	}
	return places
}

func trimmed(n uint64, decimals uint8, places int32) string {
	return decimal.NewFromUint64(n).Shift(-int32(decimals)).StringFixed(places)
}

// lots turns a quantity of an instrument into lots, which is what goes over the wire.
func lots(in *core.Instrument, text string) (uint32, error) {
	d, err := exact(text)
	if err != nil {
		return 0, err
	}
	f := &fault{Code: "E2004", What: fmt.Sprintf("%s quantity %s cannot be ordered", in.Symbol, text)}
	size := decimal.NewFromUint64(uint64(in.Lot)).Shift(-int32(in.LotDecimals))
	if !d.Mod(size).IsZero() {
		f.Why = fmt.Sprintf("%s trades in lots of %s", in.Symbol, size)
		f.Fix = d.Sub(d.Mod(size)).Add(size).String()
		if below := d.Sub(d.Mod(size)); !below.IsZero() {
			f.Fix = below.String() + " or " + f.Fix
		}
		return 0, f
	}
	if most := size.Mul(decimal.NewFromUint64(uint64(in.MaxQty))); d.IsZero() || d.GreaterThan(most) {
		f.Why, f.Fix = aboveZero(most.String()), most.String()
		if d.IsZero() {
			f.Fix = size.String()
		}
		return 0, f
	}
	return uint32(d.Div(size).IntPart()), nil // exact: a multiple, and at most MaxQty
}

// quantityText writes lots as a quantity.
func quantityText(in *core.Instrument, n uint32) string {
	return decimalText(uint64(n)*uint64(in.Lot), in.LotDecimals)
}
