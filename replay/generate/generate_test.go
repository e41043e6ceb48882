package generate

import (
	"bytes"
	"io"
	"testing"

	"matcher/book"
	"matcher/replay"
)

func config(model string) Config {
	return Config{
		Seed: 7, Model: model, Agents: 5, Commands: 20_000, Rate: 500, Symbol: [8]byte([]byte("AAPL    ")), Mid: 1_500_000, Tick: 100, Lots: 100,
	}
}

// A seed gives one flow, byte for byte, which reads and executes; another seed gives another.
func TestDeterministic(t *testing.T) {
	for _, model := range Models() {
		var a, b, other bytes.Buffer
		s, err := Flow(config(model), &a)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Flow(config(model), &b); err != nil || again != s || !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Errorf("%s: not the same twice: %v", model, err)
		}
		c := config(model)
		c.Seed++
		if _, err := Flow(c, &other); err != nil || bytes.Equal(a.Bytes(), other.Bytes()) {
			t.Errorf("%s: the seed changes nothing: %v", model, err)
		}
		v, err := replay.Record(replay.RecordConfig{MaxOrders: 1 << 16, MaxUsers: 100})
		if err != nil {
			t.Fatal(err)
		}
		lines, flow := 0, replay.NewFlow(&a)
		for {
			l, err := flow.Next()
			if err != nil {
				break
			}
			lines++
			_, events, err := v.Line(l)
			if err != nil || len(events) == 0 || events[0].Kind == 'J' {
				t.Fatalf("%s: line %d: %v %v", model, lines, err, events)
			}
		}
		if lines != 20_000 || v.Engine().Fills() != s.Trades {
			t.Errorf("%s: %d lines, %d fills; stats say %d", model, lines, v.Engine().Fills(), s.Trades)
		}
	}
}

// What the generator knows of the touch is what the book shows, after each command; also with few orders, where a side is often
// empty and prices are far apart.
func TestTouch(t *testing.T) {
	for _, model := range Models() {
		c := config(model)
		c.Agents, c.Lots = 2, 1
		g, err := open(c, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		in := g.venue.Engine().Lookup(c.Symbol)
		empty := 0
		for i := range 20_000 {
			kind := g.next()
			if i < 5_000 && i%4 != 0 { // the book runs dry
				kind = cancel + kind%2
			}
			if err := g.event(io.Discard, kind); err != nil {
				t.Fatal(err)
			}
			for side := range 2 {
				want := touch{}
				if at := g.venue.Engine().Depth(nil, in, book.Side(side), 1); len(at) > 0 {
					want = touch{at[0].Price, at[0].Qty}
				} else {
					empty++
				}
				if g.last[side] != want {
					t.Fatalf("%s, command %d: side %d shows %+v, is taken for %+v", model, i, side, want, g.last[side])
				}
			}
		}
		if empty == 0 {
			t.Errorf("%s: no side was ever empty", model)
		}
	}
}

// The models are what they say: Poisson arrivals of the one, clusters of the other; both with a market in them.
func TestStatistics(t *testing.T) {
	zi, err := Flow(config("zi"), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	hawkes, err := Flow(config("hawkes"), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("zi %+v\nhawkes %+v", zi, hawkes)
	if zi.ArrivalCV < 0.95 || zi.ArrivalCV > 1.05 || zi.Fano < 0.5 || zi.Fano > 1.8 {
		t.Errorf("zi is not Poisson: %+v", zi)
	}
	if hawkes.ArrivalCV < 1.3 || hawkes.Fano < 3 {
		t.Errorf("hawkes does not cluster: %+v", hawkes)
	}
	for _, s := range []Stats{zi, hawkes} {
		if s.OrderToTrade < 2 || s.OrderToTrade > 60 || s.Spread < 1 || s.Spread > 20 || s.Touch < 50 {
			t.Errorf("no market: %+v", s)
		}
		if r := float64(s.Commands) / s.Seconds; r < 350 || r > 650 {
			t.Errorf("%.0f commands a second, want about 500", r)
		}
	}
}
