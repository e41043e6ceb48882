package engine

import "testing"

// TestAuditSees: Audit finds each thing that is kept more than once and is not as its other copy.
func TestAuditSees(t *testing.T) {
	with := func(c *Command, x Extension) *Command {
		c.Flags |= FlagExtension
		x.Kind = KindExtension
		c.Ext = x
		return c
	}
	build := func() *venue {
		v := newVenue(100)
		dated := with(enter(1, 1, 'S', 10, 1_000_000), Extension{Present: Tag132Expire, Expire: dayStart + 1<<40})
		dated.Enter().TIF = '1'
		mid := with(enter(2, 2, 'B', 5, MarketPrice), Extension{Present: Tag6PriceType, PriceType: 'M'})
		mid.Enter().Display = 'N'
		for _, c := range []*Command{
			dated, enter(2, 1, 'B', 10, 999_000), mid,
			pegged(enter(1, 2, 'B', 7, MarketPrice), 0), pegged(enter(1, 3, 'B', 7, MarketPrice), 0),
			with(enter(3, 1, 'S', 5, MarketPrice), Extension{Present: Tag131Trail | Tag128Stop, StopPrice: 900_000, TrailOffset: 100}),
			with(enter(3, 2, 'S', 100, 1_000_100), Extension{Present: Tag5MaxFloor, MaxFloor: 10}),
			enter(3, 3, 'B', 1, 1_000_000),
		} {
			v.do(c)
		}
		bust := &Command{}
		*bust.Bust() = Bust{Header: Header{Kind: KindBust, Flags: FlagExtension, Instrument: 1}, Match: 1}
		*bust.Owners() = Owners{Kind: KindExtension, Maker: Owner{User: 1}, Taker: Owner{User: 3}}
		v.do(bust)
		if err := v.Audit(); err != nil || len(v.events) != 2 {
			t.Fatal(err, v.events)
		}
		return v
	}
	for what, spoil := range map[string]func(v *venue){
		"slices":                   func(v *venue) { v.slices++; v.setPlain() },
		"a reserve":                func(v *venue) { v.instruments[1].reserves[1]-- },
		"the next expiry":          func(v *venue) { v.due++ },
		"a past expiry":            func(v *venue) { v.Engine.time = dayStart + 1<<41 },
		"no expiry":                func(v *venue) { v.expiries.Pop() },
		"an expiry too many":       func(v *venue) { v.expiries.Add(1<<62, 1, 1) },
		"a stop elsewhere":         func(v *venue) { v.cold[v.Slot(3, 0, 1)].stop++ },
		"a trail elsewhere":        func(v *venue) { v.cold[v.Slot(3, 0, 1)].trail++ },
		"no move":                  func(v *venue) { v.instruments[1].watch.moves[0][1].Pop() },
		"a move too many":          func(v *venue) { v.instruments[1].watch.moves[1][0].Add(1, 1, 1) },
		"a stop that lags":         func(v *venue) { v.instruments[1].watch.leads[0].high = 1 },
		"order of entry":           func(v *venue) { v.cold[v.Slot(1, 0, 2)].entry = 90 },
		"a peg on no list":         func(v *venue) { w := v.instruments[1].watch; w.pegs[0].remove(v.Engine, w.pegs[0].first) },
		"a midpoint order as peg":  func(v *venue) { w := v.instruments[1].watch; w.pegs[0], w.mids[0] = w.mids[0], w.pegs[0] },
		"a top order":              func(v *venue) { v.instruments[1].top[1] = v.Slot(1, 0, 1) },
		"a busted match":           func(v *venue) { v.busted[0]++ },
		"the hash of the busted":   func(v *venue) { v.bustTerm++ },
		"a name too many":          func(v *venue) { v.refs.places[v.refs.base(1)+40] = 9 << tagBits },
		"a hidden order displayed": func(v *venue) { v.at(v.Slot(2, 0, 1)).flags |= orderHidden },
		"an instrument waits":      func(v *venue) { v.instruments[2].unsettled = true },
	} {
		v := build()
		spoil(v)
		if v.Audit() == nil {
			t.Errorf("%s: not seen", what)
		}
	}
}
