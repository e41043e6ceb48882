package replay

import (
	"math/rand/v2"
	"testing"

	"matcher/engine"
)

// A command goes back to the line that it was made of, whatever the line gives: every verb, letter and option.
func TestOfCommand(t *testing.T) {
	const seed = 7 // go test ./replay -run TestOfCommand
	rng := rand.New(rand.NewPCG(seed, 0))
	firm, user, symbol := [4]byte([]byte("FIRM")), [6]byte([]byte("ALICE ")), [8]byte([]byte("AAPL    "))
	names := Names{User: 3, Instrument: 2, Firm: firm}
	seen := map[uint8]bool{}
	for range 20_000 {
		l := Line{Verb: Verb(1 + rng.IntN(int(Query))), User: user}
		l.defaults()
		l.Ref, l.OrigRef, l.Qty, l.Price = rng.Uint32(), rng.Uint32(), rng.Uint32(), rng.Uint64()
		l.Side, l.TIF, l.Display = "BSTE"[rng.IntN(4)], "01346"[rng.IntN(5)], "YNA"[rng.IntN(3)]
		if l.Verb == Enter {
			l.Symbol, l.Capacity, l.ClOrdID[0] = symbol, 'A', 'x'
		}
		if l.Verb == Enter || l.Verb == Replace {
			l.Sweep = "NY"[rng.IntN(2)]
		}
		for _, o := range options {
			if o.on>>l.Verb&1 == 0 || rng.IntN(3) != 0 {
				continue
			}
			v := rng.Uint64()>>(64-8*int(o.width)) | 1
			switch {
			case o.tag == 12:
				v = uint64("PRN?"[rng.IntN(4)])
			case o.tag == 2 && rng.IntN(2) == 0:
				v = big(firm[:])
			case o.tag == 132 && seen[15]: // 15 and 132 lie in one place
				continue
			}
			l.insert(Option{o.tag, v})
			seen[o.tag] = true
		}
		var first, second engine.Command
		l.Command(&first, names)
		var back Line
		if !back.OfCommand(&first, user, symbol, firm) {
			t.Fatalf("%s: no line", l.Append(nil))
		}
		back.Command(&second, names)
		if string(first.Cells()) != string(second.Cells()) {
			t.Fatalf("seed %d: %s came back as %s", seed, l.Append(nil), back.Append(nil))
		}
	}
	if len(seen) != len(options)-1 && len(seen) != len(options) {
		t.Errorf("%d options of %d came up", len(seen), len(options))
	}
	var l Line
	if l.OfCommand(&engine.Command{Header: engine.Header{Kind: engine.KindTick}}, user, symbol, firm) {
		t.Error("a Tick is nobody's message")
	}
}
