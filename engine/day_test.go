package engine

import (
	"fmt"
	"slices"
	"testing"

	"matcher/book"
)

// days plays what may happen to instruments between two days, and returns the venue and what it told when the day opened.
func days(t *testing.T, change func(d *Instrument, x *Terms), orders ...*Command) (*venue, []string) {
	t.Helper()
	v := newVenue(100)
	for _, c := range orders {
		c.Enter().TIF = '1'
		v.do(c)
	}
	v.day('E', "")
	c := &Command{}
	*c.AsInstrument() = v.Instruments()[1]
	c.Kind, c.Flags, c.Terms().Kind = KindInstrument, FlagExtension, KindExtension
	change(c.AsInstrument(), c.Terms())
	v.do(c)
	if got := v.Instruments()[1]; got.Tick != c.AsInstrument().Tick {
		t.Errorf("between the days the definition to come is not told: %+v", got)
	}
	v.day('S', "2311150001")
	var told []string
	for _, ev := range v.events[len(v.users)-1:] {
		told = append(told, fmt.Sprintf("%c%d", ev.Kind, ev.Order))
		if ev.Kind == 'C' && ev.Reason != 'Z' {
			t.Errorf("cancelled for reason %c", ev.Reason)
		}
	}
	if err := v.Audit(); err != nil {
		t.Fatal(err)
	}
	return v, told
}

func (v *venue) day(event uint8, session string) {
	c := &Command{}
	*c.Day() = Day{Header: Header{Kind: KindDay}, Midnight: dayStart, Event: event, Secret: 7}
	copy(c.Day().Session[:], session)
	v.do(c)
}

func pegged(c *Command, offset int32) *Command {
	c.Flags |= FlagExtension
	c.Ext = Extension{Kind: KindExtension, Present: Tag6PriceType | Tag7PegOffset, PriceType: 'R', PegOffset: offset}
	return c
}

func stopped(c *Command, at uint64) *Command {
	c.Flags |= FlagExtension
	c.Ext = Extension{Kind: KindExtension, Present: Tag128Stop, StopPrice: at}
	return c
}

// TestInstrumentChangesBetweenDays: what is carried and fits the new definition keeps its place, what does not is cancelled.
func TestInstrumentChangesBetweenDays(t *testing.T) {
	asks := func() []*Command {
		return []*Command{
			enter(1, 1, 'S', 10, 1_000_000), enter(2, 1, 'S', 20, 1_000_000), enter(1, 2, 'S', 30, 1_000_100),
			stopped(enter(1, 3, 'S', 5, 900_000), 950_100), stopped(enter(1, 4, 'S', 5, 900_000), 950_000),
			pegged(enter(2, 2, 'S', 7, MarketPrice), 100), enter(2, 3, 'S', 40, 1_100_000),
		}
	}
	for _, test := range []struct {
		name   string
		change func(*Instrument, *Terms)
		told   []string
		depth  []Level
	}{
		{
			"nothing but a limit", func(d *Instrument, x *Terms) { d.MaxQty, x.MaxPegs = 50, 5 },
			[]string{"A1", "A2", "A3", "A4", "A5", "A6", "A7"},
			[]Level{{1_000_000, 30, 2}, {1_000_100, 37, 2}, {1_100_000, 40, 1}},
		},
		{
			"a finer tick", func(d *Instrument, _ *Terms) { d.Tick = 50 },
			[]string{"A1", "A2", "A3", "A4", "A5", "A6", "A7"},
			[]Level{{1_000_000, 30, 2}, {1_000_100, 37, 2}, {1_100_000, 40, 1}},
		},
		{
			"a coarser tick", func(d *Instrument, _ *Terms) { d.Tick, d.MaxPrice = 1000, 1_999_999_000 },
			[]string{"A1", "A2", "A3", "A4", "A5", "A6", "A7", "C3", "C4", "C6"},
			[]Level{{1_000_000, 30, 2}, {1_100_000, 40, 1}},
		},
		{
			"a lower maximum", func(d *Instrument, _ *Terms) { d.MaxPrice = 1_050_000 },
			[]string{"A1", "A2", "A3", "A4", "A5", "A6", "A7", "C7"},
			[]Level{{1_000_000, 30, 2}, {1_000_100, 37, 2}},
		},
		{
			"other units", func(d *Instrument, _ *Terms) { d.PriceDecimals = 3 },
			[]string{"A1", "A2", "A3", "A4", "A5", "A6", "A7", "C1", "C2", "C3", "C4", "C5", "C6", "C7"},
			nil,
		},
		{
			"shares", func(d *Instrument, x *Terms) { d.Policy, x.TopPercent = PolicyProRata, 50 },
			[]string{"A1", "A2", "A3", "A4", "A5", "A6", "A7"},
			[]Level{{1_000_000, 30, 2}, {1_000_100, 37, 2}, {1_100_000, 40, 1}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, told := days(t, test.change, asks()...)
			if !slices.Equal(told, test.told) {
				t.Errorf("told %v, want %v", told, test.told)
			}
			if depth := v.Depth(nil, 1, book.Sell, 10); !slices.Equal(depth, test.depth) {
				t.Errorf("depth %v, want %v", depth, test.depth)
			}
			if len(test.depth) == 0 {
				return
			}
			for _, ev := range v.do(enter(3, 1, 'B', 15, 1_000_000)) { // the older of the two first
				if ev.Kind == 'E' && ev.Flags&EventTaker == 0 && ev.Order == 2 && ev.Qty != 5 && v.instruments[1].def.Policy == PolicyTime {
					t.Errorf("order 2 got %d", ev.Qty)
				}
			}
			if err := v.Audit(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestInstrumentChangesBetweenDaysOnly: while a day is open a second definition of a symbol is ignored.
func TestInstrumentChangesBetweenDaysOnly(t *testing.T) {
	v := newVenue(100)
	c := &Command{}
	*c.AsInstrument() = v.Instruments()[1]
	c.AsInstrument().Tick = 50
	before := v.Hash()
	v.do(c)
	v.day('E', "")
	v.day('S', "2311150001")
	if v.instruments[1].tick != 100 || v.Instruments()[1].Tick != 100 {
		t.Fatal("an instrument changed while a day was open")
	}
	if v.Hash() == before {
		t.Fatal("two days have one hash")
	}
}

// TestCarriedNamesMeet: the names of channel 255 are given anew each day, though others have them still.
func TestCarriedNamesMeet(t *testing.T) {
	v := newVenue(1000)
	for ref := range uint32(300) {
		c := enter(1, ref+1, 'S', 10, 1_000_000+uint64(ref)*100)
		c.Enter().TIF = '1'
		v.do(c)
	}
	for day := range 5 {
		v.day('E', "")
		v.day('S', fmt.Sprintf("231115%04d", day+1))
		if err := v.Audit(); err != nil {
			t.Fatal(err)
		}
		c := &Command{}
		*c.Cancel() = Cancel{Header: Header{Kind: KindCancel, User: 1, Idx: 255}, Ref: 1}
		ev := v.do(c)
		if len(ev) != 1 || ev[0].Kind != 'C' || ev[0].Order != uint64(day+1) {
			t.Fatalf("day %d: the first of the carried orders is %+v", day, ev)
		}
	}
	if v.Open() != 295 {
		t.Fatalf("%d orders are left", v.Open())
	}
}
