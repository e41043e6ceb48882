package engine

import (
	"errors"
	"strings"
	"testing"
	"unsafe"
)

// view reads a cell as what it is.
func view[T any](cell *[CellSize]byte) *T { return (*T)(unsafe.Pointer(cell)) }

// TestRestoreRefuses: cells that each might be, and that together no venue would have written.
func TestRestoreRefuses(t *testing.T) {
	v := newVenue(100)
	c := &Command{}
	*c.AsInstrument() = Instrument{
		Header: Header{Kind: KindInstrument, Flags: FlagExtension},
		Symbol: [8]byte{'T', 'O', 'P'}, Tick: 100, MaxQty: 1000, MaxPrice: 1_999_999_900, Policy: PolicyProRata,
	}
	*c.Terms() = Terms{Kind: KindExtension, TopPercent: 50}
	v.do(c)
	dated := enter(1, 1, 'S', 10, 1_000_000)
	dated.Enter().TIF, dated.Flags = '1', FlagExtension
	dated.Ext = Extension{Kind: KindExtension, Present: Tag132Expire, Expire: dayStart + 1<<40}
	v.do(dated)
	v.do(enter(2, 1, 'B', 10, 999_000))
	v.do(pegged(enter(1, 2, 'B', 7, MarketPrice), 0))
	v.do(pegged(enter(1, 3, 'B', 7, MarketPrice), 0))
	for ref := range uint32(2) {
		top := enter(2, 2+ref, 'S', 5, 1_000_000)
		top.Instrument = 3
		v.do(top)
	}
	var cells [][CellSize]byte
	if err := v.Snapshot(func(cell *[CellSize]byte) error { cells = append(cells, *cell); return nil }); err != nil {
		t.Fatal(err)
	}
	restore := func(cells [][CellSize]byte) error {
		at := -1
		return New().Restore(func() (*[CellSize]byte, error) { at++; return &cells[at], nil })
	}
	if err := restore(cells); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		why    string
		kind   Kind
		change func(cell *[CellSize]byte)
	}{
		{"it should have expired", KindCold, func(cell *[CellSize]byte) {
			if c := view[coldCell](cell); c.expire != 0 {
				c.expire = v.time
			}
		}},
		{"entered with another", KindCold, func(cell *[CellSize]byte) {
			if c := view[coldCell](cell); c.expire == 0 {
				c.entry = 3
			}
		}},
		{"that stands elsewhere", KindMarket, func(cell *[CellSize]byte) {
			if c := view[marketCell](cell); c.top[1] != 0 {
				c.top[1]++
			}
		}},
		{"busted matches", KindState2, func(cell *[CellSize]byte) { view[state2Cell](cell).bustTerm++ }},
		{"twice", KindUser, func(cell *[CellSize]byte) { view[User](cell).Name = [6]byte{'B', 'O', 'B', ' ', ' ', ' '} }},
	} {
		changed := append([][CellSize]byte(nil), cells...)
		for i := range changed {
			if Kind(changed[i][0]) == test.kind {
				test.change(&changed[i])
			}
		}
		var bad *BadSnapshot
		if err := restore(changed); !errors.As(err, &bad) || !strings.Contains(bad.Why, test.why) {
			t.Errorf("%q: %v", test.why, err)
		}
	}
}
