package twin

import (
	"fmt"

	"matcher/engine"
)

// symbols are the instruments by index.
func symbols() []string {
	return []string{"", "AAPL", "MSFT", "TINY", "PRORATA", "MIXED", "COLLAR", "FINE"}
}

// Instruments returns how many instruments the venue of Setup has; their indices begin with 1.
func Instruments() int { return len(symbols()) - 1 }

// InstrumentOf returns the index of a symbol, 0 for an unknown one.
func InstrumentOf(symbol string) uint16 {
	for i, s := range symbols() {
		if i > 0 && s == symbol {
			return uint16(i)
		}
	}
	return 0
}

func symbolOf(instrument uint16) string {
	if s := symbols(); instrument > 0 && int(instrument) < len(s) {
		return s[instrument]
	}
	return "NONE"
}

// NewNotation returns a notation at 09:30:00 of its day.
func NewNotation() *Notation { return &Notation{time: opening, said: opening} }

// Setup returns the commands that make the venue: rules for a number of live orders, the instruments, five users (1 and 2
// of firm FRMA, 3 to 5 of FRMB), start of day. All at 09:30:00, without Seq.
//
// AAPL and MSFT are plain. TINY has a tick of 0.05, a highest price of 0.30 and at most 100 lots. PRORATA shares in
// proportion, shares below 2 lots are none. MIXED gives a quarter, at most 20 lots, to the top order, and 40 % by time.
// COLLAR lets market orders go 0.05 from the last trade, 10.00 before there is one; it takes 3 pegs, 3 pending stops and
// icebergs of 4 slices. FINE has a tick of 0.0001, a highest price of 20.00 and a collar of
// 0.01 %.
func Setup(maxOrders uint32) []engine.Command {
	cmds := make([]engine.Command, 0, 16)
	add := func(kind engine.Kind) *engine.Command {
		cmds = append(cmds, engine.Command{Header: engine.Header{Kind: kind, Time: opening}})
		return &cmds[len(cmds)-1]
	}
	r := add(engine.KindRules).Rules()
	r.Version, r.MaxOrders, r.MaxUsers = 1, maxOrders, 8
	for _, symbol := range symbols()[1:] {
		instrumentCell(add(engine.KindInstrument), symbol)
	}
	for user := range 5 {
		*add(engine.KindUser).AsUser() = userCell(uint16(user+1), firmOf(uint16(user+1)))
	}
	d := add(engine.KindDay).Day()
	d.Midnight, d.Session, d.Event, d.Secret = midnight, padded10("SESSION1"), 'S', 1
	return cmds
}

// instrumentCell fills in the definition that an instrument has in Setup.
func instrumentCell(cmd *engine.Command, symbol string) {
	in := cmd.AsInstrument()
	in.Symbol = padded8(symbol)
	in.Tick, in.Lot, in.MaxQty, in.PriceDecimals, in.MaxPrice = 100, 1, 1_000_000, 4, 1_999_999_900
	terms := func() *engine.Terms {
		cmd.Flags |= engine.FlagExtension
		cmd.Terms().Kind = engine.KindExtension
		return cmd.Terms()
	}
	switch symbol {
	case "TINY":
		in.Tick, in.MaxQty, in.MaxPrice = 500, 100, 3_000
	case "PRORATA":
		in.Policy = engine.PolicyProRata
		terms().MinAlloc = 2
	case "MIXED":
		in.Policy = engine.PolicyProRata
		m := terms()
		m.MinAlloc, m.FifoPercent, m.TopPercent, m.TopMax = 2, 40, 25, 20
	case "COLLAR":
		c := terms()
		c.Collar, c.Reference, c.MaxPegs, c.MaxStops, c.MaxSlices = 500, 100_000, 3, 3, 4
	case "FINE":
		in.Tick, in.MaxPrice = 1, 200_000
		terms().CollarBP = 1
	}
}

// userCell returns the account of a user.
func userCell(user uint16, firm string) engine.User {
	u := engine.User{Header: engine.Header{Kind: engine.KindUser, Time: opening}}
	copy(u.Name[:], fmt.Sprintf("USER%-2d", user))
	copy(u.Firm[:], fmt.Sprintf("%-4s", firm))
	return u
}

// firmOf returns the firm that a user begins with.
func firmOf(user uint16) string {
	if user <= 2 {
		return "FRMA"
	}
	return "FRMB"
}
