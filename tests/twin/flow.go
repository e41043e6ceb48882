package twin

import (
	"fmt"
	"math/rand/v2"

	"matcher/engine"
)

// Flow makes up commands for the venue of Setup: three instruments, five users, two channels each, every kind of command
// and most ways to get one wrong. Prices crowd around one level so that much trades. Equal seeds give equal flows.
type Flow struct {
	rng   *rand.Rand
	now   uint64
	last  map[name]uint32 // UserRefNum by user and channel; ref 0
	names []name          // of orders entered lately, some dead
	gated bool
}

// name is how an owner calls an order.
type name struct {
	user uint16
	idx  uint8
	ref  uint32
}

// NewFlow returns the flow of a seed.
func NewFlow(seed uint64) *Flow {
	return &Flow{rng: rand.New(rand.NewPCG(seed, 0)), now: opening, last: map[name]uint32{}}
}

// Next returns the next command, without Seq.
func (f *Flow) Next() engine.Command {
	if f.one(2) {
		f.now += f.rng.Uint64N(second / 5)
	}
	cmd := engine.Command{Header: engine.Header{Time: f.now, User: uint16(1 + f.rng.IntN(5)), Idx: uint8(f.rng.IntN(4) / 3)}}
	if f.one(200) {
		cmd.Idx = 255
	}
	switch p := f.rng.IntN(1000); {
	case f.gated && p < 200:
		cmd.User, cmd.Idx, cmd.Kind, f.gated = 0, 0, engine.KindGate, false
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

// price returns a price near 10.00, or anywhere in the range of TINY, seldom one that must be refused.
func (f *Flow) price(instrument uint16) uint64 {
	if f.one(60) {
		odd := []uint64{0, 1, 99_950, 1_999_999_900, 1_999_999_901, 1_999_999_999, 3_500}
		return odd[f.rng.IntN(len(odd))]
	}
	if f.one(25) {
		at := []uint64{2_000_000_000, 0x7FFFFFFF, 1<<64 - 1}
		return at[f.rng.IntN(len(at))]
	}
	if symbolOf(instrument) == "TINY" {
		return 500 * (1 + f.rng.Uint64N(6))
	}
	return 99_200 + 100*(f.rng.Uint64N(9)+f.rng.Uint64N(9))
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
	case p < 2:
		cmd.Kind = engine.KindDisable
		return
	case p < 7:
		cmd.Kind = engine.KindEnable
		return
	}
	cmd.Kind, m.Symbol, m.Instrument = engine.KindMassCancel, padded8(""), engine.AllInstruments
	if f.one(2) {
		symbol := []string{"AAPL", "MSFT", "TINY", "NONE"}[f.rng.IntN(4)]
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

// venue makes a command of the venue's own.
func (f *Flow) venue(cmd *engine.Command) {
	user := cmd.User
	cmd.User, cmd.Idx = 0, 0
	switch p := f.rng.IntN(30); {
	case p < 18:
		cmd.Kind = engine.KindTick
		f.now += f.rng.Uint64N(3 * second)
		cmd.Time, cmd.Tick().Due = f.now, f.now
	case p < 21:
		cmd.Kind, f.gated = engine.KindGate, true
		cmd.Gate().Closed, cmd.Gate().Cause = 1, engine.GateDisk
	case p < 24:
		cmd.Kind, cmd.User = engine.KindDisconnect, user
		cmd.Disconnect().Cause = engine.CauseClosed
	case p < 27:
		cmd.Kind = engine.KindRestart
		cmd.Restart().Session = padded10(fmt.Sprintf("SESSION%d", 1+f.rng.IntN(3)))
	default:
		*cmd.AsUser() = userCell(user, []string{"FRMA", "FRMB"}[f.rng.IntN(2)])
		cmd.Time = f.now
	}
}
