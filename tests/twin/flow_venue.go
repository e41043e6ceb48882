package twin

import (
	"fmt"

	"matcher/engine"
)

// venue makes a command of the venue's own.
func (f *Flow) venue(cmd *engine.Command) {
	user := cmd.User
	cmd.User, cmd.Idx = 0, 0
	switch p := f.rng.IntN(30); {
	case p < 15:
		f.tick(cmd)
	case p < 17:
		cmd.Kind, f.gated = engine.KindGate, true
		cmd.Gate().Closed, cmd.Gate().Cause = 1, engine.GateDisk
	case p < 20:
		cmd.Kind, cmd.User = engine.KindDisconnect, user
		cmd.Disconnect().Cause = engine.CauseClosed
	case p < 22 && !f.closed: // a session belongs to a day
		cmd.Kind = engine.KindRestart
		f.session = fmt.Sprintf("SESSION%d", 1+f.rng.IntN(3))
		cmd.Restart().Session = padded10(f.session)
	default:
		f.account(cmd, user)
	}
}

func (f *Flow) tick(cmd *engine.Command) {
	cmd.Kind = engine.KindTick
	f.now += f.rng.Uint64N(3 * second)
	cmd.Time, cmd.Tick().Due = f.now, f.now
}

// account changes an account: its firm, where the mix prevents self-trades also what becomes of them.
func (f *Flow) account(cmd *engine.Command, user uint16) {
	u := userCell(user, []string{"FRMA", "FRMA", "FRMB", "FRMB", ""}[f.rng.IntN(5)])
	if f.odds(f.mix.prevention) {
		u.SelfMatch = "\x00\x00NnOWDYBowdyb"[f.rng.IntN(14)]
		u.SelfLevel = uint8(f.rng.IntN(3))
		u.SelfGroup = uint16(f.rng.IntN(3))
	}
	if f.odds(f.mix.operator) || f.one(4) {
		u.OnDrop = uint8(f.rng.IntN(2))
	}
	if f.odds(f.mix.limits) {
		u.OpenOrders, u.Stops = f.rng.Uint32N(12), f.rng.Uint32N(4)
		u.Rate, u.Burst = f.rng.Uint32N(20), f.rng.Uint32N(5)
	}
	*cmd.AsUser() = u
	cmd.Time = f.now
}

// reopen undoes what keeps orders out.
func (f *Flow) reopen(cmd *engine.Command) {
	cmd.User, cmd.Idx = 0, 0
	switch {
	case f.closed && f.odds(f.mix.days):
		f.redefine(cmd)
	case f.closed:
		f.closed = false
		cmd.Kind = engine.KindDay
		if !f.one(3) { // seldom a day goes on in the session of the last
			f.days++
			f.session = fmt.Sprintf("DAY%d", f.days)
			clear(f.last)
		}
		d := cmd.Day()
		d.Event, d.Midnight, d.Session, d.Secret = 'S', midnight, padded10(f.session), f.rng.Uint64N(1000)
	case f.halted != 0:
		f.trading(cmd, f.halted, 'T')
		f.halted = 0
	default:
		cmd.Kind, f.gated = engine.KindGate, false
	}
}

// redefine says what an instrument becomes with the next day: often what it was in Setup, else another in one thing or more.
func (f *Flow) redefine(cmd *engine.Command) {
	instrument := f.instrument()
	define(cmd, symbolOf(instrument))
	in, x := cmd.AsInstrument(), cmd.Terms()
	if f.one(3) {
		return
	}
	if f.one(3) {
		in.Tick = max(1, in.Tick*[]uint64{1, 2, 4, 10}[f.rng.IntN(4)]/2)
	}
	if f.one(4) {
		in.MaxPrice = f.near(instrument, 6)
	}
	if f.one(4) {
		in.MaxQty = 20 + f.rng.Uint32N(100)
	}
	switch f.rng.IntN(20) {
	case 0:
		in.PriceDecimals = 3
	case 1:
		in.Lot = 10
	case 2:
		in.LotDecimals = 1
	}
	if f.one(3) {
		in.Policy = uint8(f.rng.IntN(2))
		x.FifoPercent, x.TopPercent, x.MinAlloc, x.TopMax = uint8(f.rng.IntN(3)*30), uint8(f.rng.IntN(3)*40), f.rng.Uint32N(3), f.rng.Uint32N(3)*10
	}
	if f.one(3) {
		x.Collar, x.CollarBP = f.rng.Uint64N(2)*300, 0
		x.MaxPegs, x.MaxStops, x.MaxSlices = f.rng.Uint32N(5), f.rng.Uint32N(5), f.rng.Uint32N(10)
	}
	if in.Policy == engine.PolicyTime {
		x.FifoPercent, x.TopPercent, x.MinAlloc, x.TopMax = 0, 0, 0, 0
	}
	in.MaxPrice = max(in.Tick, in.MaxPrice-in.MaxPrice%in.Tick)
	x.Reference = min(x.Reference, in.MaxPrice)
}

func (f *Flow) trading(cmd *engine.Command, instrument uint16, state uint8) {
	cmd.Kind, cmd.Instrument = engine.KindTrading, instrument
	cmd.Trading().State = state
	copy(cmd.Trading().Reason[:], "    ")
}

// operator makes a command of those that people give.
func (f *Flow) operator(cmd *engine.Command) {
	user := cmd.User
	cmd.User, cmd.Idx = 0, 0
	switch p := f.rng.IntN(20); {
	case f.odds(f.mix.days), p == 19:
		cmd.Kind, f.closed = engine.KindDay, true
		cmd.Day().Event = 'E'
	case p < 5:
		f.halted = f.instrument()
		f.trading(cmd, f.halted, 'H')
	case p < 6:
		f.trading(cmd, f.instrument(), 'T')
	case p < 11:
		f.bust(cmd)
	case p < 15:
		f.cancelFor(cmd, user)
	case p < 18:
		cmd.Kind, cmd.User = engine.KindDisconnect, user
		cmd.Disconnect().Cause = engine.CauseClosed
	default:
		f.account(cmd, user)
	}
}

// bustDrill begins the flow with a trade for each reason of a bust, and its bust. Later nobody but the venue knows which match
// numbers are of the day.
func (f *Flow) bustDrill() {
	lines := []string{"1: enter 1 sell 4 AAPL 10.00"}
	for i, reason := range "ECSX" {
		n := i + 1
		lines = append(lines, fmt.Sprintf("2: enter %d buy 1 AAPL 10.00 ioc", n), fmt.Sprintf("bust %d AAPL 1 10.00 %c maker=1/1/S taker=2/%d/B", n, reason, n))
	}
	notation := NewNotation()
	for _, line := range lines {
		cmd, _, err := notation.Command(line)
		if err != nil {
			panic(err)
		}
		f.drill = append(f.drill, cmd)
	}
	f.last[name{user: 1}], f.last[name{user: 2}] = 1, 4
}

// bust breaks a trade that there may have been; the same ones often enough.
func (f *Flow) bust(cmd *engine.Command) {
	cmd.Kind, cmd.Instrument = engine.KindBust, f.instrument()
	cmd.Flags |= engine.FlagExtension
	b := cmd.Bust()
	b.Match, b.Qty, b.Price, b.Reason = f.rng.Uint64N(1+f.count/4), 1+f.rng.Uint32N(50), f.near(cmd.Instrument, 8), "ECSX"[f.rng.IntN(4)]
	if f.one(4) {
		b.Match %= 5
	}
	owners := cmd.Owners()
	owners.Kind = engine.KindExtension
	for i, o := range []*engine.Owner{&owners.Maker, &owners.Taker} {
		o.User, o.Ref, o.Side, o.Idx = uint16(1+f.rng.IntN(5)), f.rng.Uint32N(1000), "BS"[i], uint8(f.rng.IntN(2))
		if f.one(40) {
			o.User = uint16(9 * f.rng.IntN(2))
		}
		copy(o.ClOrdID[:], fmt.Sprintf("%-14d", f.rng.IntN(1000)))
	}
}

func (f *Flow) cancelFor(cmd *engine.Command, user uint16) {
	cmd.Kind, cmd.Instrument = engine.KindCancelFor, engine.AllInstruments
	c := cmd.CancelFor()
	if f.one(2) {
		cmd.Instrument = f.instrument()
	}
	if f.one(3) {
		cmd.Side = "BST"[f.rng.IntN(3)]
	}
	if !f.one(3) {
		c.Account = user
	}
	if f.one(3) {
		c.Order = 1 + f.rng.Uint64N(1+f.count)
	}
}
