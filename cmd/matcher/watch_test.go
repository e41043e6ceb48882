package main

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"matcher/client/market"
	"matcher/core"
	"matcher/wire/itch"
)

// watchedDay is a market with a few orders, and who watches it.
func watchedDay(t *testing.T, out *bytes.Buffer) (*watching, *market.Market) {
	t.Helper()
	w := &watching{e: testEnv(strings.NewReader(""), out, out, nil), what: "book", depth: 3, decimals: 2, scales: map[string]*core.Instrument{
		"COIN": {Symbol: "COIN", PriceDecimals: 2, Lot: 5, LotDecimals: 3},
	}}
	m := market.New(10)
	h := itch.Header{Locate: 1}
	coin := [8]byte([]byte("COIN    "))
	for _, message := range []itch.Message{
		&itch.TradingAction{Header: h, Symbol: coin, State: 'T'},
		&itch.AddOrder{Header: h, OrderRef: 1, Side: 'B', Quantity: 100, Symbol: coin, Price: 1234},
		&itch.AddOrder{Header: h, OrderRef: 2, Side: 'B', Quantity: 1, Symbol: coin, Price: 1234},
		&itch.AddOrder{Header: h, OrderRef: 3, Side: 'B', Quantity: 7, Symbol: coin, Price: 1230},
		&itch.AddOrder{Header: h, OrderRef: 4, Side: 'S', Quantity: 3, Symbol: coin, Price: 1240},
	} {
		if _, err := m.Apply(message.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	return w, m
}

// TestLadder: a ladder has always as many lines, its decimals are the instrument's, and a second one is drawn over the first.
func TestLadder(t *testing.T) {
	var out bytes.Buffer
	w, m := watchedDay(t, &out)
	l := &ladder{w: w}
	if err := l.begin(m, 6); err != nil {
		t.Fatal(err)
	}
	want := `COIN  trading  message 5
  orders       quantity            bid | ask            quantity       orders
       2          0.505          12.34 | 12.40          0.015          1
       1          0.035          12.30 |
                                       |
`
	if got := strings.Join(l.lines(), "\n") + "\n"; got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	l.draw()
	first := out.String()
	if strings.HasPrefix(first, "\x1b") || strings.Count(first, "\n") != 5 || strings.Contains(first, "\x1b[3") {
		t.Errorf("%q", first)
	}
	l.draw()
	if out.String() != first {
		t.Error("drawn again although nothing has changed")
	}
	e, err := m.Apply((&itch.OrderExecuted{Header: itch.Header{Locate: 1}, OrderRef: 4, Quantity: 3, MatchNumber: 9}).Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.event(6, e); err != nil {
		t.Fatal(err)
	}
	l.draw()
	if second := out.String()[len(first):]; !strings.HasPrefix(second, "\x1b[5A\rCOIN  trading  message 6  last 12.40 x 0.015\x1b[K\n") || strings.Contains(second, "0.015          1") {
		t.Errorf("%q", second)
	}
	l.colour = true
	if got := l.lines()[2]; !strings.Contains(got, "\x1b[32m") || !strings.Contains(got, "\x1b[31m") || !strings.HasSuffix(got, "\x1b[0m") {
		t.Errorf("%q", got)
	}
}

// TestLadderRuns: what is new is drawn soon, and once more at the end.
func TestLadderRuns(t *testing.T) {
	var out bytes.Buffer
	w, m := watchedDay(t, &out)
	l := &ladder{w: w}
	stop := l.run(time.Millisecond)
	if err := l.begin(m, 6); err != nil {
		t.Fatal(err)
	}
	for drawn := false; !drawn; time.Sleep(time.Millisecond) {
		l.lock.do(func() { drawn = out.Len() > 0 })
	}
	l.lock.do(func() { l.dirty, l.sequence = true, 77 })
	stop()
	if !strings.Contains(out.String(), "message 77") {
		t.Errorf("%q", out.String())
	}
}

// TestReference: scales come from the reference channel; where there is none, --decimals holds and that is said.
func TestReference(t *testing.T) {
	addr := fake(t, func(c net.Conn) {
		_, _ = c.Write([]byte(`{"session":"2611250001","midnight":1}` + "\n" +
			`{"locate":1,"symbol":"COIN","price_decimals":2,"quantity_decimals":3,"tick":1,"lot":5,"max_price":1,"max_quantity":1}` + "\n" +
			`{"locate":2,"symbol":"AAPL","price_decimals":4,"quantity_decimals":0,"tick":100,"lot":1,"max_price":1,"max_quantity":1}` + "\n"))
	})
	var out bytes.Buffer
	w := &watching{e: testEnv(strings.NewReader(""), &out, &out, nil), fs: newFlags("watch"), scales: map[string]*core.Instrument{}}
	w.flags()
	w.reference = addr
	w.findScales(context.Background())
	if in := w.scale("COIN"); len(w.scales) != 2 || in.PriceDecimals != 2 || in.LotDecimals != 3 || in.Lot != 5 || out.Len() != 0 {
		t.Errorf("%+v, said %q", w.scales, out.String())
	}
	w.scales = map[string]*core.Instrument{}
	w.reference = "127.0.0.1:1"
	w.findScales(context.Background())
	if in := w.scale("COIN"); in.PriceDecimals != 4 || in.Lot != 1 || !strings.HasPrefix(out.String(), "no scales from 127.0.0.1:1 (") {
		t.Errorf("%+v, said %q", in, out.String())
	}
}
