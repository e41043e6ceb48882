package twin

import (
	"fmt"
	"strconv"
	"strings"
)

// Notation is the text in which people write commands and read events, over a venue of its own: some instruments, five
// users, one trading day. One line is one command:
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
//	1: account FRMB selfmatch=O level=firm     changes the account; of an unknown user, adds it
//	tick
//	gate closed
//	restart SESSION2
//	closeday
//	openday SESSION2 secret=7
//	instrument AAPL tick=500 maxqty=1000       what it becomes with the next day; wire units, what is not named as in Setup
//	halt AAPL reason=T1
//	resume AAPL
//	bust 3 AAPL 100 10.00 E maker=1/7/B taker=2/1/S
//	cancelfor symbol=AAPL side=S user=1 order=3
//
// Prices are decimals, "market", or raw=2000000000 for a wire integer; the offsets of pegs and of trailing stops are
// prices with a sign. Words after an order are times in force (ioc, fok, gtc, gtt), displays (hidden, attributable), sweep,
// broken (appendage), unknown (letter of tag 12), and options as word=value: tif, display, capacity, cross, clordid, idx,
// and the optional tags of OUCH by name (minqty, postonly, ttl, expire, maxfloor, random, pricetype, pegoffset, stop,
// trigger, trail, aiq, aiqgroup, exempt, ...). An account has a firm (- for none), level (account, firm, group),
// group, selfmatch (letter of tag 29) and ondrop. A side of a busted trade is user/UserRefNum/side, then UserRefIdx and ClOrdID if there are any. A
// number or word that the venue should refuse is written like any other.
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

// offset reads a price with a sign.
func offset(s string) (int32, error) {
	rest, negative := strings.CutPrefix(s, "-")
	p, err := price(rest)
	if err != nil || p > 1<<31 || p == 1<<31 && !negative {
		return 0, fmt.Errorf("%q is no offset", s)
	}
	if negative {
		return int32(-int64(p)), nil
	}
	return int32(p), nil
}

func offsetText(n int32) string {
	if n < 0 {
		return "-" + PriceText(uint64(-int64(n)))
	}
	return PriceText(uint64(n))
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
