package twin

import (
	"fmt"
	"strconv"
	"strings"

	"matcher/engine"
)

// Notation is the text in which people write commands and read events, over a venue of its own: the instruments AAPL,
// MSFT and TINY, five users, one trading day. One line is one command:
//
//	at 09:30:00.000000001                      the lines below happen at this time of the day
//	1: enter 7 buy 100 AAPL 10.00 ioc          user 1, UserRefNum 7; sides buy, sell, short, exempt
//	1: replace 7 with 8 100 10.01              total of the whole chain
//	1: cancel 8 to 50
//	1: modify 8 sell 120
//	1: masscancel 9 symbol=AAPL side=S
//	1: disable 10
//	1: enable 11
//	1: query
//	1: refused 12 0x0F
//	1: disconnect
//	1: account FRMB                            changes the firm; of an unknown user, adds it
//	tick
//	gate closed
//	restart SESSION2
//
// Prices are decimals, "market", or raw=2000000000 for a wire integer. Words after an order are times in force (ioc,
// fok, gtc, gtt), displays (hidden, attributable), sweep, broken (appendage), unknown (letter of tag 12), and options as
// word=value: tif, display, capacity, cross, clordid, idx, and the optional tags of OUCH by name (minqty, postonly, ttl,
// expire, ...). A number or word that the venue should refuse is written like any other.
//
// A Notation is a clock beside the tables, so it reads or writes lines in their order.
type Notation struct {
	time uint64 // ns since 1970, of the next command
	said uint64 // the time that Lines last wrote down
}

const (
	midnight = 1_700_006_400_000_000_000 // 2023-11-15T00:00:00Z
	second   = 1_000_000_000
	opening  = midnight + 34_200*second // 09:30:00
)

// symbols are the instruments by index. TINY has a tick of 0.05, a highest price of 0.30 and at most 100 lots.
func symbols() []string { return []string{"", "AAPL", "MSFT", "TINY"} }

// NewNotation returns a notation at 09:30:00 of its day.
func NewNotation() *Notation { return &Notation{time: opening, said: opening} }

// Setup returns the commands that make the venue: rules for a number of live orders, three instruments, five users (1
// and 2 of firm FRMA, 3 to 5 of FRMB), start of day. All at 09:30:00, without Seq.
func Setup(maxOrders uint32) []engine.Command {
	cmds := make([]engine.Command, 0, 10)
	add := func(kind engine.Kind) *engine.Command {
		cmds = append(cmds, engine.Command{Header: engine.Header{Kind: kind, Time: opening}})
		return &cmds[len(cmds)-1]
	}
	r := add(engine.KindRules).Rules()
	r.Version, r.MaxOrders, r.MaxUsers = 1, maxOrders, 8
	for _, symbol := range symbols()[1:] {
		in := add(engine.KindInstrument).AsInstrument()
		in.Symbol = padded8(symbol)
		in.Tick, in.Lot, in.MaxQty, in.PriceDecimals, in.MaxPrice = 100, 1, 1_000_000, 4, 1_999_999_900
		if symbol == "TINY" {
			in.Tick, in.MaxQty, in.MaxPrice = 500, 100, 3_000
		}
	}
	for user := range 5 {
		*add(engine.KindUser).AsUser() = userCell(uint16(user+1), firmOf(uint16(user+1)))
	}
	d := add(engine.KindDay).Day()
	d.Midnight, d.Session, d.Event = midnight, padded10("SESSION1"), 'S'
	return cmds
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

// instrumentOf returns the index of a symbol, 0 for an unknown one.
func instrumentOf(symbol string) uint16 {
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

func padded8(s string) (b [8]byte) {
	copy(b[:], fmt.Sprintf("%-8s", s))
	return b
}

func padded10(s string) (b [10]byte) {
	copy(b[:], fmt.Sprintf("%-10s", s))
	return b
}

// price reads a price as people write it.
func price(s string) (uint64, error) {
	if s == "market" {
		return 0x7FFFFFFF, nil
	}
	if raw, ok := strings.CutPrefix(s, "raw="); ok {
		return strconv.ParseUint(raw, 10, 64)
	}
	whole, part, _ := strings.Cut(s, ".")
	if len(part) > 4 {
		return 0, fmt.Errorf("price %q has more than 4 decimals", s)
	}
	return strconv.ParseUint(whole+part+"0000"[len(part):], 10, 64)
}

// PriceText writes a wire price as people do: at least two decimals, "market", or raw.
func PriceText(p uint64) string {
	switch {
	case p == 0x7FFFFFFF:
		return "market"
	case market(p):
		return "raw=" + strconv.FormatUint(p, 10)
	}
	if p%100 == 0 {
		return fmt.Sprintf("%d.%02d", p/10_000, p/100%100)
	}
	return fmt.Sprintf("%d.%04d", p/10_000, p%10_000)
}

// clock reads a time of the day, hh:mm:ss with up to 9 decimals, as ns since 1970. It takes raw=ns also.
func clock(s string) (uint64, error) {
	if raw, ok := strings.CutPrefix(s, "raw="); ok {
		return strconv.ParseUint(raw, 10, 64)
	}
	var h, m, sec uint64
	whole, part, _ := strings.Cut(s, ".")
	if _, err := fmt.Sscanf(whole, "%d:%d:%d", &h, &m, &sec); err != nil || len(part) > 9 {
		return 0, fmt.Errorf("time %q is not hh:mm:ss", s)
	}
	ns, err := strconv.ParseUint(part+"000000000"[len(part):], 10, 64)
	return midnight + (h*3600+m*60+sec)*second + ns, err
}

func clockText(t uint64) string {
	if t < midnight || t >= midnight+360_000*second {
		return "raw=" + strconv.FormatUint(t, 10)
	}
	t -= midnight
	s := fmt.Sprintf("%02d:%02d:%02d.%09d", t/second/3600, t/second/60%60, t/second%60, t%second)
	return strings.TrimSuffix(s, ".000000000")
}
