package engine

import "testing"

// TestInfeasibleLooksAtNoOrder: a fill-or-kill order for more than the prices up to its limit hold, the reserves of icebergs
// included, is cancelled without a walk; for one lot less it walks and executes.
func TestInfeasibleLooksAtNoOrder(t *testing.T) {
	v := newVenue(100)
	iceberg := enter(1, 1, 'S', 100, 1_000_000)
	iceberg.Enter().Flags, iceberg.Ext = FlagExtension, Extension{Kind: KindExtension, Present: Tag5MaxFloor, MaxFloor: 10}
	v.do(iceberg)
	v.do(enter(1, 2, 'S', 7, 1_000_100))
	v.do(enter(1, 3, 'S', 9, 1_000_200)) // beyond the limit
	for ref, c := range []struct {
		qty    uint32
		walked bool
		fills  uint64
	}{{108, false, 0}, {107, true, 11}} {
		order := enter(2, uint32(ref)+1, 'B', c.qty, 1_000_100)
		order.Enter().TIF = '4'
		const untouched = 1 << 30
		v.plan.filled = untouched
		v.do(order)
		if walked := v.plan.filled != untouched; walked != c.walked || v.Fills() != c.fills {
			t.Errorf("%d lots: walked %v, %d fills; want %v, %d", c.qty, walked, v.Fills(), c.walked, c.fills)
		}
		if err := v.Audit(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFillOrKillNeedsNoPlan: against plain makers a fill-or-kill order is filled, or killed, without one.
func TestFillOrKillNeedsNoPlan(t *testing.T) {
	v := newVenue(100)
	for ref := uint32(1); ref <= 3; ref++ {
		v.do(enter(1, ref, 'S', 10, 1_000_000+100*uint64(ref)))
	}
	const untouched = 1 << 30
	v.plan.filled = untouched
	for ref, c := range []struct {
		qty   uint32
		kinds string
	}{{21, "AC"}, {20, "AEEEE"}} {
		order := enter(2, uint32(ref)+1, 'B', c.qty, 1_000_200)
		order.Enter().TIF = '4'
		kinds := ""
		for _, ev := range v.do(order) {
			kinds += string(rune(ev.Kind))
		}
		if kinds != c.kinds {
			t.Errorf("%d lots: %s, want %s", c.qty, kinds, c.kinds)
		}
	}
	if v.plan.filled != untouched || v.Open() != 1 {
		t.Errorf("a plan was made: %v; %d orders live", v.plan.filled != untouched, v.Open())
	}
	if err := v.Audit(); err != nil {
		t.Fatal(err)
	}
}
