package main

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"matcher/core"
	"matcher/wire/ouch"
)

// built returns the message that send would make of a command line.
func built(t *testing.T, args ...string) (ouch.Inbound, error) {
	t.Helper()
	s := &sending{e: testEnv(strings.NewReader(""), nil, nil, nil), fs: newFlags("send")}
	s.flags()
	words, err := parse(s.fs, args, 0, 5)
	if err != nil {
		return nil, err
	}
	s.config = &config{core: core.Config{Instruments: []core.Instrument{
		{Symbol: "AAPL", PriceDecimals: 4, Tick: 100, Lot: 1, MaxQty: 999_999, MaxPrice: largestPrice},
	}}}
	build, err := s.message(words)
	if err != nil {
		return nil, err
	}
	return build(7), nil
}

// TestSendInstructions holds the letters and the appendage that each flag becomes.
func TestSendInstructions(t *testing.T) {
	for _, c := range []struct {
		args         string
		tif, display byte
		want         string
	}{
		{"", '0', 'Y', ""},
		{"--hidden", '0', 'N', ""},
		{"--tif ioc --min-qty 20", '3', 'Y', "0503 00000014"},
		{"--all-or-none", '0', 'Y', "0503 00000064"},
		{"--post-only", '0', 'Y', "020c 50"},
		{"--post-only=reprice", '0', 'Y', "020c 52"},
		{"--display 30 --random 5", '0', 'Y', "0505 0000001e 050d 00000005"},
		{"--stop 187.30", '0', 'Y', "0980 00000000001c9468"},
		{"--stop 187.30 --trigger bid", '0', 'Y', "0980 00000000001c9468 0281 42"},
		{"--stop 0", '0', 'Y', "0980 0000000000000000"},
		{"--trail 0.25 --trigger Ask", '0', 'Y', "0281 41 0583 000009c4"},
		{"--peg primary --peg-offset -0.02", '0', 'Y', "0206 52 0507 ffffff38"},
		{"--peg market --peg-offset +0.02 --hidden", '0', 'N', "0206 50 0507 000000c8"},
		{"--peg midpoint", '0', 'N', "0206 4d"},
		{"--self-match none", '0', 'Y', "021d 4e"},
		{"--self-match oldest", '0', 'Y', "021d 4f"},
		{"--self-match newest", '0', 'Y', "021d 57"},
		{"--self-match decrement", '0', 'Y', "021d 44"},
		{"--self-match decrement-quiet", '0', 'Y', "021d 59"},
		{"--self-match both", '0', 'Y', "021d 42"},
		{"--cancel-on-disconnect yes --tif gtc", '1', 'Y', "0286 59"},
		{"--cancel-on-disconnect=no", '0', 'Y', "0286 4e"},
		{"--ttl 90s", '6', 'Y', "050f 0000005a"},
		{"--to-limit", '0', 'Y', "0206 4b"},
		{"--expire 2100-01-01T00:00:00Z", '1', 'Y', "0984 38eecfcf56a60000"},
	} {
		t.Run(c.args, func(t *testing.T) {
			flags := strings.Fields(c.args)
			m, err := built(t, append([]string{"buy", "100", "AAPL", "187.25"}, flags...)...)
			if err != nil {
				t.Fatal(err)
			}
			o := m.(*ouch.EnterOrder)
			want, _ := hex.DecodeString(strings.ReplaceAll(c.want, " ", ""))
			if o.TimeInForce != c.tif || o.Display != c.display || string(o.Appendage) != string(want) {
				t.Errorf("tif %c, display %c, appendage %x; want %c, %c, %x", o.TimeInForce, o.Display, o.Appendage, c.tif, c.display, want)
			}
			m, err = built(t, append([]string{"replace", "3", "100", "187.25"}, flags...)...)
			if err != nil {
				t.Fatal(err)
			}
			r := m.(*ouch.ReplaceOrder)
			if r.TimeInForce != c.tif || r.Display != c.display || string(r.Appendage) != string(want) || r.UserRefNum != 7 || r.OrigUserRefNum != 3 {
				t.Errorf("replace: %+v", r)
			}
		})
	}
	m, err := built(t, "buy", "100", "AAPL", "187.25", "--expire", "90s")
	if err != nil {
		t.Fatal(err)
	}
	var o ouch.Options
	if err := o.Decode(m.(*ouch.EnterOrder).Appendage); err != nil {
		t.Fatal(err)
	}
	if left := time.Until(time.Unix(0, int64(o.ExpireAt))); left < 80*time.Second || left > 90*time.Second {
		t.Errorf("it expires in %s", left)
	}
}

func TestSendInstructionFaults(t *testing.T) {
	for _, c := range []struct{ args, code, what string }{
		{"--trigger mid", "E2016", `--trigger: "mid" is no word for it`},
		{"--peg primry", "E2016", `--peg: "primry" is no word for it`},
		{"--post-only=never", "E2016", "--post-only"},
		{"--self-match self", "E2016", "--self-match"},
		{"--cancel-on-disconnect maybe", "E2016", "--cancel-on-disconnect"},
		{"--all-or-none --min-qty 5", "E4004", "two words for one thing"},
		{"--expire tomorrow", "E4004", `--expire "tomorrow" is no time`},
		{"--expire -5s", "E4004", "is over"},
		{"--expire 5s --tif ioc", "E4004", "--expire does not go with --tif ioc"},
		{"--ttl 90s --tif gtc", "E4004", "--ttl does not go with --tif or --expire"},
		{"--ttl 1500ms", "E4004", "--ttl 1.5s is out of range"},
		{"--ttl 24h", "E4004", "--ttl 24h0m0s is out of range"},
		{"--to-limit --peg market", "E4004", "--to-limit does not go with --peg"},
		{"--tif gtx", "E2008", "no time in force"},
		{"--stop 187.255", "E2001", "is not on the tick"},
		{"--trail 0.005", "E2001", "--trail 0.005 is not on the tick"},
		{"--trail x", "E2002", "not an exact decimal"},
		{"--peg-offset 300000", "E2003", "out of range"},
		{"--display 0", "E2004", "cannot be ordered"},
		{"--random 0.5", "E2004", "cannot be ordered"},
	} {
		t.Run(c.args, func(t *testing.T) {
			_, err := built(t, append([]string{"buy", "100", "AAPL", "187.25"}, strings.Fields(c.args)...)...)
			var f *fault
			if !asFault(err, &f) || f.Code != c.code || !strings.Contains(f.What, c.what) || f.exit() != exitUsage {
				t.Errorf("got %v, want %s: %s", err, c.code, c.what)
			}
		})
	}
}

// TestAnswersInWords holds the lines of what icebergs, stops, pegs, prevention and busts are told by.
func TestAnswersInWords(t *testing.T) {
	in := core.Instrument{Symbol: "AAPL", PriceDecimals: 4, Lot: 1}
	as := &answers{instrument: func(string) *core.Instrument { return &in }, orders: map[order]*core.Instrument{}}
	tags := func(o ouch.Options) []byte { return o.Append(nil) }
	for _, c := range []struct {
		m    any
		want string
	}{
		{&ouch.Accepted{
			UserRefNum: 1, Side: 'B', Quantity: 100, Symbol: ouch.Symbol("AAPL"), Price: 1_872_500, TimeInForce: '0', Display: 'N', OrderRef: 9,
		}, "A      accepted  ref=1 side=buy qty=100 symbol=AAPL price=187.2500 tif=day display=hidden order=9"},
		{&ouch.Restated{UserRefNum: 1, Reason: 'R', Appendage: tags(ouch.Options{
			Present: ouch.Tag1SecondaryOrderRef | ouch.Tag22DisplayQuantity, SecondaryOrderRef: 10, DisplayQuantity: 30,
		})}, "A      restated  ref=1 qty=30 order=10 reason=another part is shown"},
		{
			&ouch.Restated{UserRefNum: 1, Reason: 'T', Appendage: tags(ouch.Options{Present: ouch.Tag1SecondaryOrderRef, SecondaryOrderRef: 9})},
			"A      restated  ref=1 order=9 reason=the stop has been triggered",
		},
		{&ouch.PriorityUpdate{UserRefNum: 1, Price: 1_872_600, Display: 'Y', OrderRef: 11}, "A      requeued  ref=1 price=187.2600 order=11"},
		{
			&ouch.AIQCanceled{UserRefNum: 1, Quantity: 5, Reason: 'Q', Prevented: 5, Price: 1_872_600, Liquidity: 'R', Strategy: 'D'},
			"A      prevented ref=1 qty=5 price=187.2600 liquidity=R reason=self-match prevention, decrement",
		},
		{
			&ouch.AIQCanceled{UserRefNum: 1, Quantity: 5, Reason: 'Q', Prevented: 5, Price: 1_872_600, Liquidity: 'A', Strategy: 'd'},
			"A      prevented ref=1 qty=5 price=187.2600 liquidity=A reason=self-match prevention, decrement at the level of the firm",
		},
		{&ouch.BrokenTrade{UserRefNum: 1, MatchNumber: 7, Reason: 'E'}, "A      broken    ref=1 match=7 reason=erroneous"},
		{&ouch.Canceled{UserRefNum: 1, Quantity: 5, Reason: 'K'}, "A      canceled  ref=1 qty=5 reason=market collar"},
	} {
		if got := as.read("A", c.m).text(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestSendEveryInstruction sends each of them to a server and holds what it answers.
func TestSendEveryInstruction(t *testing.T) {
	_, file, r := opened(t)
	alice := func(code int, args ...string) string {
		return as(t, code, r, "ALICE", aliceKey, append(args, "-c", file)...).stdout
	}
	bob := func(args ...string) string { return as(t, 0, r, "BOB", bobKey, append(args, "-c", file)...).stdout }

	wants(t, alice(0, "sell", "100", "AAPL", "187.25", "--display", "30"), "accepted  ref=1 side=sell qty=100 symbol=AAPL price=187.2500 tif=day shown=30 order=")
	wants(t, bob("buy", "40", "AAPL", "187.25", "--tif", "ioc"), "executed  ref=1 qty=30 ", "executed  ref=1 qty=10 ")
	wants(t, alice(0, "cancel", "1"), "canceled  ref=1 qty=60 ")

	wants(t, alice(0, "sell", "10", "AAPL", "187.30"), "accepted  ref=2 ")
	wants(t, alice(0, "buy", "10", "AAPL", "187.30", "--self-match", "decrement"),
		"accepted  ref=3 ", "prevented ref=2 qty=10 price=187.3000 liquidity=A reason=self-match prevention, decrement\n",
		"prevented ref=3 qty=10 price=187.3000 liquidity=R reason=self-match prevention, decrement\n")

	wants(t, bob("buy", "10", "AAPL", "187.20"), "accepted  ref=2 ")
	wants(t, bob("sell", "10", "AAPL", "187.30"), "accepted  ref=3 ")
	wants(t, alice(0, "buy", "5", "AAPL", "market", "--peg", "primary"), "accepted  ref=4 side=buy qty=5 symbol=AAPL price=187.2000 tif=day peg=primary order=")
	wants(t, bob("buy", "10", "AAPL", "187.21"), "accepted  ref=4 ")
	wants(t, alice(0, "cancel", "4"), "canceled  ref=4 qty=5 ")
	wants(t, alice(0, "buy", "5", "AAPL", "187.26", "--peg", "midpoint"), "accepted  ref=5 side=buy qty=5 symbol=AAPL price=187.2600 tif=day display=hidden peg=midpoint order=")

	wants(t, alice(0, "sell", "5", "AAPL", "market", "--stop", "187.10"), "accepted  ref=6 side=sell qty=5 symbol=AAPL price=market tif=day stop=187.1000 order=")
	wants(t, alice(0, "sell", "5", "AAPL", "market", "--trail", "0.50", "--trigger", "bid"), "accepted  ref=7 side=sell qty=5 symbol=AAPL price=market tif=day trail=0.5000 order=")
	wants(t, alice(exitRefused, "sell", "5", "AAPL", "market", "--stop", "187.30"), "rejected  ref=8 reason=0x1D (invalid price)\n")
	wants(t, alice(0, "buy", "5", "AAPL", "187.30", "--all-or-none", "--expire", "1h"), "accepted  ref=9 ", "executed  ref=9 qty=5 price=187.3000 ")
	wants(t, alice(0, "buy", "5", "AAPL", "187.30", "--post-only"), "canceled  ref=10 qty=5 reason=post-only would have traded\n")
	wants(t, alice(0, "buy", "5", "AAPL", "187.30", "--post-only=reprice"), "accepted  ref=11 side=buy qty=5 symbol=AAPL price=187.2900 tif=day post_only=reprice order=")
	wants(t, alice(0, "sell", "5", "AAPL", "187.40", "--all-or-none"), "accepted  ref=12 side=sell qty=5 symbol=AAPL price=187.4000 tif=day display=hidden min_qty=5 order=")
	if left := r.stop(); left.code != 0 {
		t.Error(left)
	}
}
