package twin

import (
	"math/rand/v2"

	"matcher/engine"
)

// Flow makes up commands for the venue of Setup: five users, two channels each, every kind of command and most ways to get
// one wrong. Prices crowd around one level so that much trades. A Mix says what it has most of. Equal seeds give equal
// flows.
type Flow struct {
	rng     *rand.Rand
	mix     Mix
	now     uint64
	last    map[name]uint32 // UserRefNum by user and channel; ref 0
	names   []name          // of orders entered lately, some dead
	count   uint64          // of commands so far
	gated   bool
	closed  bool
	halted  uint16 // an instrument, 0 none
	session string
	days    int
	drill   []engine.Command // what comes first
}

// name is how an owner calls an order.
type name struct {
	user uint16
	idx  uint8
	ref  uint32
}

// NewFlow returns the flow of a seed and a mix.
func NewFlow(seed uint64, mix Mix) *Flow {
	f := &Flow{rng: rand.New(rand.NewPCG(seed, 0)), mix: mix, now: opening, last: map[name]uint32{}, session: "SESSION1"}
	if mix.operator > 0 {
		f.bustDrill()
	}
	return f
}

// Next returns the next command, without Seq.
func (f *Flow) Next() engine.Command {
	if len(f.drill) > 0 {
		cmd := f.drill[0]
		f.drill = f.drill[1:]
		return cmd
	}
	if f.one(2) {
		f.now += f.rng.Uint64N(second / 5)
	}
	cmd := engine.Command{Header: engine.Header{Time: f.now, User: uint16(1 + f.rng.IntN(5)), Idx: uint8(f.rng.IntN(4) / 3)}}
	if f.one(200) {
		cmd.Idx = 255
	}
	f.count++
	switch p := f.rng.IntN(1000); {
	case (f.gated || f.closed || f.halted != 0) && p < 200:
		f.reopen(&cmd)
	case f.odds(f.mix.operator):
		f.operator(&cmd)
	case p < 620:
		f.enter(&cmd)
	case p < 720:
		f.replace(&cmd)
	case p < 830:
		f.cancel(&cmd)
	case p < 910:
		f.modify(&cmd)
	case p < 940:
		f.mass(&cmd)
	case p < 955:
		cmd.Kind = engine.KindQuery
	case p < 970:
		cmd.Kind = engine.KindRefused
		m := cmd.Refused()
		m.Ref, m.Reason, m.Message = f.ref(&cmd), 0x0F, 'O'
		copy(m.ClOrdID[:], blankID)
	default:
		f.venue(&cmd)
	}
	return cmd
}

// odds says yes once in n times, never if n is 0.
func (f *Flow) odds(n int) bool { return n > 0 && f.one(n) }

// one says yes once in n times.
func (f *Flow) one(n int) bool { return f.rng.IntN(n) == 0 }

// ref returns the next UserRefNum of the command's channel; at times one used before, or one far ahead.
func (f *Flow) ref(cmd *engine.Command) uint32 {
	n := name{cmd.User, cmd.Idx, 0}
	switch {
	case f.one(50):
		return f.last[n] - min(f.last[n], f.rng.Uint32N(3))
	case f.one(50):
		f.last[n] += f.rng.Uint32N(5)
	}
	f.last[n]++
	return f.last[n]
}

// known points a command at an order entered lately, seldom at a stranger's. Half of them are among the last few, which
// are most likely to live.
func (f *Flow) known(cmd *engine.Command) uint32 {
	if len(f.names) == 0 || f.one(40) {
		return f.rng.Uint32N(100)
	}
	if f.days > 0 && f.one(6) { // what was carried
		cmd.User, cmd.Idx = uint16(1+f.rng.IntN(5)), 255
		return 1 + f.rng.Uint32N(20)
	}
	n := f.names[f.rng.IntN(len(f.names))]
	if f.one(2) {
		n = f.names[max(0, len(f.names)-1-f.rng.IntN(20))]
	}
	cmd.User, cmd.Idx = n.user, n.idx
	return n.ref
}

func (f *Flow) remember(n name) {
	if f.names = append(f.names, n); len(f.names) > 300 {
		f.names = f.names[1:]
	}
}

func (f *Flow) side() uint8 {
	switch p := f.rng.IntN(100); {
	case p < 48:
		return 'B'
	case p < 80:
		return 'S'
	case p < 90:
		return 'T'
	case p < 98:
		return 'E'
	case p < 99:
		return 'Z'
	}
	return 0
}

// instrument returns one of the mix.
func (f *Flow) instrument() uint16 {
	return InstrumentOf(f.mix.symbols[f.rng.IntN(len(f.mix.symbols))])
}

// near returns a price some ticks about the middle of an instrument's range, at most a number of ticks away.
func (f *Flow) near(instrument uint16, ticks int) uint64 {
	away := int64(f.rng.IntN(ticks+1) - f.rng.IntN(ticks+1))
	switch symbolOf(instrument) {
	case "TINY":
		return uint64(max(1, min(6, 3+away)) * 500)
	case "FINE":
		return uint64(100_000 + away)
	}
	return uint64(100_000 + 100*away)
}

// tick returns the tick of an instrument.
func tick(instrument uint16) int32 {
	switch symbolOf(instrument) {
	case "TINY":
		return 500
	case "FINE":
		return 1
	}
	return 100
}

// price returns a price near the middle, seldom one that must be refused.
func (f *Flow) price(instrument uint16) uint64 {
	if f.one(60) {
		odd := []uint64{0, 1, 99_950, 1_999_999_900, 1_999_999_901, 1_999_999_999, 3_500}
		return odd[f.rng.IntN(len(odd))]
	}
	if f.one(25) {
		at := []uint64{2_000_000_000, 0x7FFFFFFF, 1<<64 - 1}
		return at[f.rng.IntN(len(at))]
	}
	return f.near(instrument, 8)
}

func (f *Flow) qty() uint32 {
	switch {
	case f.one(80):
		odd := []uint32{0, 101, 1_000_000, 1_000_001, 1<<32 - 1}
		return odd[f.rng.IntN(len(odd))]
	case f.one(4):
		return 1 + f.rng.Uint32N(100)
	}
	return 10 * (1 + f.rng.Uint32N(6))
}

func (f *Flow) cancel(cmd *engine.Command) {
	cmd.Kind = engine.KindCancel
	m := cmd.Cancel()
	m.Ref = f.known(cmd)
	if !f.one(3) {
		m.Qty = f.rng.Uint32N(60)
	}
}

func (f *Flow) modify(cmd *engine.Command) {
	cmd.Kind = engine.KindModify
	m := cmd.Cancel()
	m.Ref = f.known(cmd)
	m.Qty, m.Side = f.qty(), f.side()
	if f.one(20) {
		m.Qty = 0
	}
}

func (f *Flow) mass(cmd *engine.Command) {
	m := cmd.MassCancel()
	m.Ref = f.ref(cmd)
	copy(m.Firm[:], "    ")
	if f.one(4) {
		copy(m.Firm[:], []string{"FRMA", "FRMB"}[f.rng.IntN(2)])
	}
	switch p := f.rng.IntN(10); {
	case p < 1:
		cmd.Kind = engine.KindDisable
		return
	case p < 7:
		cmd.Kind = engine.KindEnable
		return
	}
	cmd.Kind, m.Symbol, m.Instrument = engine.KindMassCancel, padded8(""), engine.AllInstruments
	if f.one(2) {
		symbol := append(f.mix.symbols, "NONE")[f.rng.IntN(len(f.mix.symbols)+1)]
		m.Symbol, m.Instrument = padded8(symbol), InstrumentOf(symbol)
	}
	if f.one(3) {
		m.Side = f.side()
	}
	if f.one(4) {
		cmd.Flags |= engine.FlagMinQty
		m.Group = uint16(f.rng.IntN(3))
	}
}
