package twin

import (
	"fmt"

	"matcher/engine"
)

func (f *Flow) enter(cmd *engine.Command) {
	cmd.Kind = engine.KindEnter
	m := cmd.Enter()
	m.Ref = f.ref(cmd)
	m.Instrument, m.Side, m.Qty = f.instrument(), f.side(), f.qty()
	if f.one(200) {
		m.Instrument = engine.NoInstrument
	}
	m.Price = f.price(m.Instrument)
	m.Capacity, m.Cross = "APRO"[f.rng.IntN(4)], 'N'
	if f.one(200) {
		m.Cross = 'O'
	}
	if f.one(100) {
		m.Flags |= engine.FlagFirm
	}
	f.order(cmd, m.Qty, m.Instrument)
	f.remember(name{cmd.User, cmd.Idx, m.Ref})
}

func (f *Flow) replace(cmd *engine.Command) {
	cmd.Kind = engine.KindReplace
	m := cmd.Replace()
	m.OrigRef = f.known(cmd)
	m.Ref = f.ref(cmd)
	like := f.instrument() // which it is, only the venue knows
	m.Qty, m.Price = f.qty(), f.price(like)
	if f.one(8) {
		m.Side = f.side()
	}
	f.order(cmd, m.Qty, like)
	f.remember(name{cmd.User, cmd.Idx, m.Ref})
}

// order sets what Enter and Replace have in common.
func (f *Flow) order(cmd *engine.Command, qty uint32, instrument uint16) {
	p := placesOf(cmd)
	*p.tif = "00000000033346601"[f.rng.IntN(17)]
	if f.odds(f.mix.days) {
		*p.tif = '1'
	}
	*p.display = "YYYYYYYNNA"[f.rng.IntN(10)]
	copy(p.clOrdID[:], fmt.Sprintf("%-14d", f.rng.IntN(1000)))
	if f.one(300) {
		*p.tif = "5EX"[f.rng.IntN(3)]
	}
	if f.one(300) {
		*p.display = 'Z'
	}
	if f.one(100) || f.odds(f.mix.operator) {
		*p.exempt = "NNYYX"[f.rng.IntN(5)]
	}
	switch {
	case f.one(12):
		cmd.Flags |= engine.FlagPostOnly
	case f.one(12):
		cmd.Flags |= engine.FlagPostOnlySlip
	case f.one(50):
		cmd.Flags |= engine.FlagPostOnlyN
	case f.one(300):
		cmd.Flags |= engine.FlagSweep
	}
	if f.one(6) && (*p.tif == '3' || *p.tif == '4') || f.one(150) {
		f.minimum(cmd, qty)
	}
	if f.one(20) {
		f.give(cmd, engine.Tag6PriceType)
		cmd.Ext.PriceType = "LKKKKKKQ?"[f.rng.IntN(9)]
		if cmd.Ext.PriceType == 'K' && !f.one(10) {
			*p.price = 0x7FFFFFFF
		}
	}
	f.features(cmd, qty, instrument)
	f.lifetime(cmd, *p.tif)
	if f.one(4) {
		f.give(cmd, engine.Tag24Group)
		cmd.Ext.Group = uint16(f.rng.IntN(3))
	}
	if f.one(50) {
		f.oddTag(cmd)
	}
	if cmd.Ext.Present == 0 {
		cmd.Flags &^= engine.FlagExtension
		cmd.Ext = engine.Extension{}
	}
}

func (f *Flow) minimum(cmd *engine.Command, qty uint32) {
	v := qty
	if !f.one(3) {
		v = f.rng.Uint32N(qty/2 + 2)
	}
	if cmd.Kind == engine.KindEnter {
		cmd.Flags |= engine.FlagMinQty
		cmd.Enter().MinQty = v
		return
	}
	f.give(cmd, engine.Tag3MinQty)
	cmd.Ext.MinQty = v
}

// lifetime gives seconds to live or an expire time, mostly where it belongs.
func (f *Flow) lifetime(cmd *engine.Command, tif uint8) {
	switch {
	case tif == '6' && !f.one(30), f.one(300):
		f.give(cmd, engine.Tag15TimeToLive)
		cmd.Ext.Expire = 1 + f.rng.Uint64N(20)
		if f.one(30) {
			cmd.Ext.Expire = []uint64{0, 86_399, 86_400}[f.rng.IntN(3)]
		}
	case tif == '1' && f.one(2), f.one(300):
		f.give(cmd, engine.Tag132Expire)
		cmd.Ext.Expire = f.now + f.rng.Uint64N(10)*second + f.rng.Uint64N(2)
	}
}

func (f *Flow) give(cmd *engine.Command, bit uint32) {
	cmd.Flags |= engine.FlagExtension
	cmd.Ext.Kind = engine.KindExtension
	cmd.Ext.Present |= bit
}

// oddTag gives one tag that is refused, or that changes nothing.
func (f *Flow) oddTag(cmd *engine.Command) {
	tags := []uint32{
		engine.Tag5MaxFloor, engine.Tag7PegOffset, engine.Tag9Discretion, engine.Tag10DiscretionType,
		engine.Tag11DiscretionOffset, engine.Tag13Random, engine.Tag14Route, engine.Tag16TradeNow, engine.Tag17Handling,
		engine.Tag25Located, engine.Tag26Locate, engine.Tag29AIQ, engine.Tag30AIQGroup, engine.Tag128Stop,
		engine.Tag129Trigger, engine.Tag131Trail, engine.Tag2Firm, engine.TagBroken, engine.TagUnknown,
	}
	bit := tags[f.rng.IntN(len(tags))]
	// The gateway answers a broken Enter by itself, and OUCH 5.0 Replace Order has no firm.
	enter := cmd.Kind == engine.KindEnter
	if enter && bit == engine.TagBroken || !enter && bit == engine.Tag2Firm {
		return
	}
	f.give(cmd, bit)
	x := &cmd.Ext
	switch bit {
	case engine.Tag5MaxFloor:
		x.MaxFloor = 5
	case engine.Tag7PegOffset:
		x.PegOffset = 100
	case engine.Tag13Random:
		x.Random = 1
	case engine.Tag16TradeNow:
		x.TradeNow = "YN"[f.rng.IntN(2)]
	case engine.Tag17Handling:
		x.Handling = 'O'
	case engine.Tag25Located:
		x.Located = 'Y'
	case engine.Tag26Locate:
		x.Locate = [4]byte{'A', 'B', 'C', 'D'}
	case engine.Tag29AIQ:
		x.AIQ = "NNODWB"[f.rng.IntN(6)]
	case engine.Tag30AIQGroup:
		x.AIQGroup = [2]byte{'A', 'B'}
	case engine.Tag128Stop:
		x.StopPrice = 100_000
	case engine.Tag129Trigger:
		x.StopTrigger = 'L'
	case engine.Tag131Trail:
		x.TrailOffset = 100
	case engine.Tag2Firm:
		x.Firm = [4]byte{'X', 'Y', 'Z', 'W'}
	}
}
