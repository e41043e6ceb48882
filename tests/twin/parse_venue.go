package twin

import (
	"fmt"
	"slices"
	"strings"

	"matcher/engine"
)

// venue reads a command of the venue's own.
func (r *reader) venue(cmd *engine.Command) {
	switch w := r.next(); w {
	case "tick":
		cmd.Kind = engine.KindTick
		cmd.Tick().Due = cmd.Time
	case "gate":
		cmd.Kind = engine.KindGate
		if r.next() == "closed" {
			cmd.Gate().Closed, cmd.Gate().Cause = 1, engine.GateDisk
		}
	case "restart":
		cmd.Kind = engine.KindRestart
		cmd.Restart().Session = padded10(r.next())
	case "closeday", "openday":
		r.day(cmd, w == "openday")
	case "instrument":
		r.instrument(cmd)
	case "halt", "resume":
		r.trading(cmd, w == "halt")
	case "bust":
		r.bust(cmd)
	case "cancelfor":
		r.cancelFor(cmd)
	default:
		r.fail(fmt.Errorf("%q is no command", w))
	}
}

func (r *reader) day(cmd *engine.Command, opens bool) {
	cmd.Kind = engine.KindDay
	d := cmd.Day()
	if d.Event = 'E'; opens {
		d.Event, d.Midnight, d.Session = 'S', midnight, padded10(r.next())
		d.Secret = r.number(r.value("secret"))
	}
}

// instrument reads what an instrument of Setup becomes: what is not named is as there.
func (r *reader) instrument(cmd *engine.Command) {
	symbol := r.next()
	if InstrumentOf(symbol) == 0 {
		r.fail(fmt.Errorf("%q is no instrument", symbol))
		return
	}
	words := define(cmd, symbol)
	for len(r.words) > 0 && r.err == nil {
		name, value, _ := strings.Cut(r.next(), "=")
		i := slices.IndexFunc(words, func(w definitionWord) bool { return w.name == name })
		if i < 0 {
			r.fail(fmt.Errorf("%q is nothing of an instrument", name))
			return
		}
		words[i].set(r.number(value))
	}
}

// definitionWord is one number of an instrument's definition.
type definitionWord struct {
	name string
	get  func() uint64
	set  func(uint64)
}

// define makes a command that defines an instrument as Setup does, and returns its numbers.
func define(cmd *engine.Command, symbol string) []definitionWord {
	cmd.Kind = engine.KindInstrument
	instrumentCell(cmd, symbol)
	cmd.Flags |= engine.FlagExtension
	in, x := cmd.AsInstrument(), cmd.Terms()
	x.Kind = engine.KindExtension
	return []definitionWord{
		wordOf("tick", &in.Tick), wordOf("lot", &in.Lot), wordOf("maxqty", &in.MaxQty), wordOf("decimals", &in.PriceDecimals),
		wordOf("lotdecimals", &in.LotDecimals), wordOf("policy", &in.Policy), wordOf("maxprice", &in.MaxPrice),
		wordOf("fifo", &x.FifoPercent), wordOf("top", &x.TopPercent), wordOf("minalloc", &x.MinAlloc), wordOf("topmax", &x.TopMax),
		wordOf("slices", &x.MaxSlices), wordOf("collar", &x.Collar), wordOf("collarbp", &x.CollarBP), wordOf("pegs", &x.MaxPegs),
		wordOf("stops", &x.MaxStops), wordOf("reference", &x.Reference),
	}
}

func wordOf[T uint8 | uint32 | uint64](name string, p *T) definitionWord {
	return definitionWord{name, func() uint64 { return uint64(*p) }, func(n uint64) { *p = T(n) }}
}

func (r *reader) trading(cmd *engine.Command, halts bool) {
	cmd.Kind = engine.KindTrading
	cmd.Instrument = InstrumentOf(r.next())
	m := cmd.Trading()
	if m.State = 'T'; halts {
		m.State = 'H'
	}
	copy(m.Reason[:], "    ")
	if len(r.words) > 0 {
		copy(m.Reason[:], fmt.Sprintf("%-4s", r.value("reason")))
	}
}

func (r *reader) bust(cmd *engine.Command) {
	cmd.Kind = engine.KindBust
	cmd.Flags |= engine.FlagExtension
	b := cmd.Bust()
	b.Match = r.number(r.next())
	b.Instrument = InstrumentOf(r.next())
	b.Qty = uint32(r.number(r.next()))
	b.Price = r.price(r.next())
	b.Reason = r.letter(r.next())
	cmd.Owners().Kind = engine.KindExtension
	cmd.Owners().Maker = r.owner(r.value("maker"))
	cmd.Owners().Taker = r.owner(r.value("taker"))
}

// owner reads one side of a busted trade: user, UserRefNum, side, UserRefIdx, ClOrdID.
func (r *reader) owner(s string) (o engine.Owner) {
	parts := append(strings.Split(s, "/"), "0", "", "")
	if len(parts) > 8 || len(parts) < 6 {
		r.fail(fmt.Errorf("%q is no side of a trade", s))
		return o
	}
	o.User, o.Ref, o.Side = uint16(r.number(parts[0])), uint32(r.number(parts[1])), r.letter(parts[2])
	copy(o.ClOrdID[:], blankID)
	if len(parts) > 6 {
		o.Idx = uint8(r.number(parts[3]))
	}
	if len(parts) > 7 {
		copy(o.ClOrdID[:], fmt.Sprintf("%-14s", parts[4]))
	}
	return o
}

func (r *reader) cancelFor(cmd *engine.Command) {
	cmd.Kind, cmd.Instrument = engine.KindCancelFor, engine.AllInstruments
	for len(r.words) > 0 && r.err == nil {
		name, value, _ := strings.Cut(r.next(), "=")
		switch name {
		case "symbol":
			cmd.Instrument = InstrumentOf(value)
		case "side":
			cmd.Side = r.letter(value)
		case "user":
			cmd.CancelFor().Account = uint16(r.number(value))
		case "order":
			cmd.CancelFor().Order = r.number(value)
		default:
			r.fail(fmt.Errorf("%q is no filter", name))
		}
	}
}

// value reads a word that must be name=value.
func (r *reader) value(name string) string {
	got, value, _ := strings.Cut(r.next(), "=")
	if got != name {
		r.fail(fmt.Errorf("%q where %s= belongs", got, name))
	}
	return value
}
