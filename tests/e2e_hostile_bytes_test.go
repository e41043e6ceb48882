package tests

import (
	"fmt"
	"strings"
	"testing"

	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// inbound are a message of each type that a client may send, none of which changes the market: what the venue answers to a
// user who has no order and names no symbol of the venue. The UserRefNum is from, and counts on.
func inbound(from uint32) []struct {
	message []byte
	fixed   int // bytes that it needs
	answer  string
} {
	nope := order(from, ouch.SideBuy, 1)
	nope.Symbol = ouch.Symbol("NOPE")
	return []struct {
		message []byte
		fixed   int
		answer  string
	}{
		{nope.Append(nil), 47, "J"},
		{(&ouch.ReplaceOrder{OrigUserRefNum: 1, UserRefNum: from + 1, Quantity: 1, Price: 100, TimeInForce: '0', Display: 'Y', Sweep: 'N'}).Append(nil), 40, ""},
		{(&ouch.CancelOrder{UserRefNum: 1}).Append(nil), 9, ""},
		{(&ouch.ModifyOrder{UserRefNum: 1, Side: 'B', Quantity: 1}).Append(nil), 10, ""},
		{(&ouch.MassCancel{UserRefNum: from + 2, Firm: ouch.Firm(""), Symbol: ouch.Symbol("")}).Append(nil), 19, "X"},
		{(&ouch.DisableEntry{UserRefNum: from + 3, Firm: ouch.Firm("")}).Append(nil), 11, "G"},
		{(&ouch.EnableEntry{UserRefNum: from + 4, Firm: ouch.Firm("")}).Append(nil), 11, "K"},
		{(&ouch.AccountQuery{}).Append(nil), 1, "Q"},
	}
}

// TestHostileTruncation: every message cut short at every byte, in a packet that tells its true length, and every packet cut
// short by the end of the connection.
func TestHostileTruncation(t *testing.T) {
	a := newArena(t)
	a.under(t, 32<<10, func() {
		for _, m := range inbound(1) {
			for cut := range m.fixed {
				p := a.meet(t, "")
				p.enter(a, 0)
				p.say(soupbin.AppendUnsequenced(nil, m.message[:cut]))
				want := "OUCH message too short"
				if cut == 0 {
					want = "unknown OUCH message type"
				}
				if types, debug := p.outcome(); types != "+" || debug != want {
					t.Errorf("%c cut at %d: %q %q", m.message[0], cut, types, debug)
				}
				_ = p.Close()
			}
		}
		for _, whole := range [][]byte{login(hostileUser, a.key(hostileUser), 0), soupbin.AppendUnsequenced(nil, inbound(1)[0].message)} {
			for cut := range len(whole) {
				p := a.meet(t, "")
				if whole[2] != soupbin.LoginRequest {
					p.enter(a, 0)
				}
				p.say(whole[:cut])
				_ = p.CloseWrite()
				if types, debug := p.outcome(); types != "" || debug != "" {
					t.Errorf("%c and the end at %d: %q %q", whole[2], cut, types, debug)
				}
				_ = p.Close()
			}
		}
	})
}

// TestHostileSplits: a login and one message of each type in two pieces, cut at every byte, and all of it a byte at a time.
func TestHostileSplits(t *testing.T) {
	a := newArena(t)
	a.under(t, 32<<10, func() {
		ref := uint32(1)
		next := func(login []byte) (all []byte, want string) {
			all, want = login, ""
			for _, m := range inbound(ref) {
				all = soupbin.AppendUnsequenced(all, m.message)
				want += m.answer
			}
			ref += 5
			return all, "A" + want
		}
		// The answers of the day come again with each login, so it goes on live.
		first := login(hostileUser, a.key(hostileUser), 0)
		whole, _ := next(append([]byte{}, first...))
		ref = 1
		for cut := 1; cut <= len(whole); cut++ {
			all, want := next(append([]byte{}, first...))
			p := a.meet(t, "")
			if cut < len(whole) {
				p.say(all[:cut])
				p.say(all[cut:])
			} else {
				for i := range all {
					p.say(all[i : i+1])
				}
			}
			if types, debug := p.outcome(); types != want || debug != "" {
				t.Errorf("cut at %d: %q %q, want %q", cut, types, debug, want)
			}
			_ = p.Close()
		}
	})
}

// TestHostileLengths: lengths that are not true, of packets and of appendages.
func TestHostileLengths(t *testing.T) {
	a := newArena(t)
	nope := order(1, ouch.SideBuy, 1)
	nope.Symbol = ouch.Symbol("NOPE")
	enter := func(length uint16, app ...byte) []byte {
		nope.UserRefNum++
		m := nope.Append(nil)
		m[len(m)-2], m[len(m)-1] = byte(length>>8), byte(length)
		return soupbin.AppendUnsequenced(nil, append(m, app...))
	}
	packet := func(length int, payload []byte) []byte {
		return append([]byte{byte(length >> 8), byte(length), soupbin.UnsequencedData}, payload...)
	}
	query := soupbin.AppendUnsequenced(nil, (&ouch.AccountQuery{}).Append(nil))
	a.under(t, 32<<10, func() {
		for _, test := range []struct {
			name         string
			bytes        []byte
			types, debug string
		}{
			{"length 0", []byte{0, 0}, "+", "packet of length 0"},
			{"length 65,535", packet(65_535, nope.Append(nil)), "+", "packet too long"},
			{"one above the longest", packet(511, make([]byte, 510)), "+", "packet too long"},
			{"the longest, of nothing known", packet(510, make([]byte, 509)), "+", "unknown OUCH message type"},
			{"shorter than it is: the rest is a packet of its own", packet(10, nope.Append(nil)), "+", "OUCH message too short"},
			{"Debug of 65,535, and what follows", append([]byte{0xff, 0xff, soupbin.Debug}, make([]byte, 65_534)...), "Q", ""},
			{"an appendage that is not there", enter(65_535), "JQ", ""},
			{"an appendage one too long", enter(3, 1, 28), "JQ", ""},
			{"an element of length 0", enter(2, 0, 28), "JQ", ""},
			{"an element that runs over", enter(3, 200, 28, 0), "JQ", ""},
			{"bytes behind the appendage", enter(0, 1, 2, 3), "JQ", ""},
		} {
			p := a.meet(t, "")
			p.enter(a, 0)
			p.say(test.bytes)
			if test.debug == "" {
				p.say(query)
			}
			if types, debug := p.outcome(); types != test.types || debug != test.debug {
				t.Errorf("%s: %q %q, want %q %q", test.name, types, debug, test.types, test.debug)
			}
			_ = p.Close()
		}
	})
}

// TestHostileLogins: what a login may ask for.
func TestHostileLogins(t *testing.T) {
	a := newArena(t, "MATCHER_SESSION_MAX_WRONG_LOGINS=0")
	key, query := a.key(hostileUser), soupbin.AppendUnsequenced(nil, (&ouch.AccountQuery{}).Append(nil))
	a.under(t, 32<<10, func() {
		for _, test := range []struct {
			name, session, sequence string
			want                    string
		}{
			{"the next", "", "2", "AQ"},
			{"live", "", "0", "AQ"},
			{"beyond the end", "", "18446744073709551615", "AQ"},
			{"all", "", "1", "ASQQQQ"},
			{"beyond what a number holds", "", "18446744073709551616", "J"},
			{"twenty nines", "", "99999999999999999999", "J"},
			{"no number", "", "", "J"},
			{"letters", "", "1x", "J"},
			{"negative", "", "-1", "J"},
			{"a hole", "", "1 1", "J"},
			{"another session", "9912310001", "1", "J"},
			{"a session of letters", "NOSESSION", "1", "J"},
		} {
			p := a.meet(t, "")
			text := fmt.Sprintf("%-6s%-10s%10s%20s", hostileUser, key, test.session, test.sequence)
			p.say(soupbin.Append(nil, soupbin.LoginRequest, []byte(text)))
			p.say(query)
			p.queries = strings.Count(test.want, "Q")
			if types, debug := p.outcome(); types != test.want || debug != "" {
				t.Errorf("%s: %q %q, want %q", test.name, types, debug, test.want)
			}
			_ = p.Close()
		}
	})
}
