package twin

import "matcher/engine"

// features gives an order what the mix is about, mostly so that it can be accepted.
func (f *Flow) features(cmd *engine.Command, qty uint32, instrument uint16) {
	if f.odds(f.mix.icebergs) {
		f.iceberg(cmd, qty)
	}
	if f.odds(f.mix.minimums) {
		f.minimum(cmd, qty)
		f.calm(cmd)
		f.patient(cmd)
	}
	if f.odds(f.mix.pegs) {
		f.peg(cmd, instrument)
	}
	if f.odds(f.mix.midpoints) {
		f.midpoint(cmd)
	}
	if f.odds(f.mix.stops) {
		f.stop(cmd, instrument)
	}
	if f.odds(f.mix.prevention) {
		f.prevent(cmd)
	}
}

// calm makes an order one that may rest, most of the time.
func (f *Flow) calm(cmd *engine.Command) {
	if p := placesOf(cmd); !f.one(15) && (*p.tif == '3' || *p.tif == '4') {
		*p.tif = "001"[f.rng.IntN(3)]
	}
}

// patient takes post-only off, most of the time.
func (f *Flow) patient(cmd *engine.Command) {
	if !f.one(15) {
		cmd.Flags &^= engine.FlagPostOnly | engine.FlagPostOnlySlip
	}
}

func (f *Flow) iceberg(cmd *engine.Command, qty uint32) {
	f.calm(cmd)
	p := placesOf(cmd)
	if *p.display == 'N' && !f.one(15) {
		*p.display = 'Y'
	}
	f.give(cmd, engine.Tag5MaxFloor)
	cmd.Ext.MaxFloor = max(1, qty/(2+f.rng.Uint32N(4)))
	if f.one(20) {
		cmd.Ext.MaxFloor = []uint32{0, 1, qty, qty + 1}[f.rng.IntN(4)]
	}
	if f.one(3) {
		f.give(cmd, engine.Tag13Random)
		cmd.Ext.Random = f.rng.Uint32N(min(cmd.Ext.MaxFloor, 20) + 1)
	}
}

func (f *Flow) peg(cmd *engine.Command, instrument uint16) {
	f.calm(cmd)
	p := placesOf(cmd)
	if !f.one(3) {
		*p.price = 0x7FFFFFFF
	}
	f.give(cmd, engine.Tag6PriceType)
	cmd.Ext.PriceType = "RRP"[f.rng.IntN(3)]
	if f.one(2) {
		f.give(cmd, engine.Tag7PegOffset)
		cmd.Ext.PegOffset = tick(instrument) * int32(f.rng.IntN(7)-3)
		if f.one(40) {
			cmd.Ext.PegOffset += 7
		}
	}
}

func (f *Flow) midpoint(cmd *engine.Command) {
	f.calm(cmd)
	p := placesOf(cmd)
	if !f.one(3) {
		*p.price = 0x7FFFFFFF
	}
	if !f.one(30) {
		*p.display = 'N'
	}
	f.give(cmd, engine.Tag6PriceType)
	cmd.Ext.PriceType = "Mm"[f.rng.IntN(2)]
}

// stop gives a stop price mostly behind the middle, where it is not satisfied yet.
func (f *Flow) stop(cmd *engine.Command, instrument uint16) {
	p, x := placesOf(cmd), &cmd.Ext
	f.patient(cmd)
	trails := f.one(3)
	if !trails || f.one(2) {
		f.give(cmd, engine.Tag128Stop)
		x.StopPrice = f.near(instrument, 6)
		if middle := f.near(instrument, 0); buys(cmd.Side) == (x.StopPrice < middle) && !f.one(4) {
			x.StopPrice = 2*middle - x.StopPrice
		}
		if f.one(40) {
			x.StopPrice = []uint64{0, 1, 0x7FFFFFFF, 1_999_999_900}[f.rng.IntN(4)]
		}
	}
	if trails {
		f.give(cmd, engine.Tag131Trail)
		x.TrailOffset = tick(instrument) * int32(1+f.rng.IntN(4))
		if f.one(40) {
			x.TrailOffset = []int32{0, -100, 7}[f.rng.IntN(3)]
		}
	}
	if f.one(2) {
		f.give(cmd, engine.Tag129Trigger)
		x.StopTrigger = "LBABAX"[f.rng.IntN(5+f.rng.IntN(2)*f.rng.IntN(2))]
	}
	if f.one(3) || trails && !f.one(10) {
		*p.price = 0x7FFFFFFF
	}
	f.restop(cmd)
}

// restop makes a Replace say less of a stop: nothing, only that it ends, only one part of it.
func (f *Flow) restop(cmd *engine.Command) {
	if cmd.Kind != engine.KindReplace {
		return
	}
	x := &cmd.Ext
	switch keep := f.rng.IntN(6); keep {
	case 0:
		x.Present &^= engine.Tag128Stop | engine.Tag129Trigger | engine.Tag131Trail
		x.StopPrice, x.StopTrigger, x.TrailOffset = 0, 0, 0
	case 1:
		f.give(cmd, engine.Tag128Stop)
		x.StopPrice = 0
	case 2:
		x.Present &^= engine.Tag128Stop | engine.Tag131Trail
		x.StopPrice, x.TrailOffset = 0, 0
	}
}

func (f *Flow) prevent(cmd *engine.Command) {
	if !f.one(5) {
		f.give(cmd, engine.Tag29AIQ)
		cmd.Ext.AIQ = "OWDYBowdybDdNn"[f.rng.IntN(14)]
		if f.one(60) {
			cmd.Ext.AIQ = 'X'
		}
	}
	if f.one(4) {
		f.give(cmd, engine.Tag30AIQGroup)
		cmd.Ext.AIQGroup = [][2]byte{{'A', 'B'}, {'C', 'D'}}[f.rng.IntN(2)]
	}
}
