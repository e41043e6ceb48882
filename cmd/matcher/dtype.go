package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"matcher/engine"
)

// dtypes prints the cells of a journal as NumPy dtypes, read off the layouts that the engine itself uses: a Python module.
func dtypes(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# The cells of a matcher journal, format 1: matcher journal dtype > mj.py\n" +
		"# Prices are wire integers (price x 10^price_decimals), quantities lots, times ns since 1970.\n" +
		"import numpy as np\n\n")
	kinds := []struct {
		kind engine.Kind
		cell any
	}{
		{engine.KindEnter, engine.Enter{}},
		{engine.KindReplace, engine.Replace{}},
		{engine.KindCancel, engine.Cancel{}},
		{engine.KindModify, engine.Cancel{}},
		{engine.KindMassCancel, engine.MassCancel{}},
		{engine.KindDisable, engine.MassCancel{}},
		{engine.KindEnable, engine.MassCancel{}},
		{engine.KindQuery, engine.Header{}},
		{engine.KindRefused, engine.Refused{}},
		{engine.KindRules, engine.Rules{}},
		{engine.KindInstrument, engine.Instrument{}},
		{engine.KindUser, engine.User{}},
		{engine.KindDay, engine.Day{}},
		{engine.KindRestart, engine.Restart{}},
		{engine.KindDisconnect, engine.Disconnect{}},
		{engine.KindTick, engine.Tick{}},
		{engine.KindGate, engine.Gate{}},
		{engine.KindTrading, engine.Trading{}},
		{engine.KindBust, engine.Bust{}},
		{engine.KindCancelFor, engine.CancelFor{}},
		{engine.KindFill, engine.Fill{}},
		{engine.KindExtension, engine.Extension{}},
	}
	b.WriteString("KIND = {")
	for i, k := range kinds {
		fmt.Fprintf(&b, "%s'%s': %d", [...]string{"", ", "}[min(i, 1)], kindName(k.kind), k.kind)
	}
	fmt.Fprintf(&b, "}\n# Any cell: select by kind, then .view(fill) and so on. The body keeps the bytes that a copy would leave behind.\ncell = %s\n",
		dtypeOf(reflect.TypeFor[struct {
			engine.Header
			Body [engine.CellSize - 24]byte
		}]()))
	for _, k := range kinds {
		fmt.Fprintf(&b, "%s = %s\n", kindName(k.kind), dtypeOf(reflect.TypeOf(k.cell)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// dtypeOf writes the dtype of one cell. Letters are bytes, arrays of bytes text.
func dtypeOf(cell reflect.Type) string {
	var names, formats, offsets []string
	var add func(t reflect.Type, at uintptr)
	add = func(t reflect.Type, at uintptr) {
		for i := range t.NumField() {
			f := t.Field(i)
			switch {
			case f.Name == "_":
				continue
			case f.Anonymous:
				add(f.Type, at+f.Offset)
				continue
			}
			names = append(names, "'"+snake(f.Name)+"'")
			offsets = append(offsets, fmt.Sprint(at+f.Offset))
			formats = append(formats, "'"+format(f)+"'")
		}
	}
	add(cell, 0)
	return fmt.Sprintf("np.dtype({'names': [%s], 'formats': [%s], 'offsets': [%s], 'itemsize': %d})",
		strings.Join(names, ", "), strings.Join(formats, ", "), strings.Join(offsets, ", "), engine.CellSize)
}

// format is a field's type in NumPy's letters.
func format(f reflect.StructField) string {
	letters := "Side TIF Display Capacity Cross Customer Exempt SelfMatch Event State Reason Message PriceType TradeNow Handling Located AIQ StopTrigger"
	switch {
	case f.Name == "Body":
		return fmt.Sprintf("V%d", f.Type.Len())
	case f.Type.Kind() == reflect.Array:
		return fmt.Sprintf("S%d", f.Type.Len())
	case f.Type.Kind() == reflect.Int32:
		return "<i4"
	case f.Type.Size() == 1 && strings.Contains(" "+letters+" ", " "+f.Name+" "):
		return "S1"
	case f.Type.Size() == 1:
		return "u1"
	}
	return fmt.Sprintf("<u%d", f.Type.Size())
}

// snake is a Go name as Python writes it: OrigRef orig_ref, ClOrdID clordid, MakerLeaves leaves (as in the drawings).
func snake(name string) string {
	switch name {
	case "ClOrdID":
		return "clordid"
	case "MakerLeaves":
		return "leaves"
	}
	var b strings.Builder
	for i, c := range name {
		upper := c >= 'A' && c <= 'Z'
		if upper && i > 0 && (name[i-1] < 'A' || name[i-1] > 'Z') {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(c)))
	}
	return b.String()
}
