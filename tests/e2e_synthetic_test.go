package tests

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"matcher/replay"
)

// flowMaker makes up a day of two users as lines of a flow.
type flowMaker struct {
	random *rand.Rand
	text   strings.Builder
	last   map[string]uint32   // UserRefNum
	refs   map[string][]uint32 // orders entered lately, some of them gone
}

// synthetic returns n lines of a seed: much that trades, and some that must be refused. A flow without modify may be sent
// again whole: a Modify has no number of its own, and one that shrinks an order before another lets it grow would shrink it
// again.
func synthetic(seed uint64, n int, modify bool) string {
	f := &flowMaker{random: rand.New(rand.NewPCG(seed, 0)), last: map[string]uint32{}, refs: map[string][]uint32{}}
	user := "MAKER"
	for range n {
		if f.random.IntN(8) == 0 { // each change of user costs a round trip
			user = [...]string{"MAKER", "TAKER"}[f.random.IntN(2)]
		}
		f.line(user, modify)
	}
	return f.text.String()
}

func (f *flowMaker) line(user string, modify bool) {
	known := f.known(user)
	switch p := f.random.IntN(100); {
	case p < 66 || known == 0:
		f.enter(user)
	case p < 82:
		f.say("%s cancel %d %d", user, known, f.random.IntN(3)*40)
	case p < 93:
		f.say("%s replace %d %d %d %d 0 Y", user, known, f.next(user), 1+f.random.IntN(300), f.price())
		f.refs[user] = append(f.refs[user], f.last[user])
	case p < 99 && modify:
		f.say("%s modify %d %c %d", user, known, "BS"[f.random.IntN(2)], f.random.IntN(300))
	case p == 99 && f.random.IntN(4) == 0:
		f.say("%s masscancel %d symbol=AAPL", user, f.next(user))
	default:
		f.say("%s cancel %d 0", user, known)
	}
}

func (f *flowMaker) say(format string, args ...any) { fmt.Fprintf(&f.text, format+"\n", args...) }

func (f *flowMaker) next(user string) uint32 {
	f.last[user]++
	return f.last[user]
}

// known picks an order of a user, 0 if there was none.
func (f *flowMaker) known(user string) uint32 {
	list := f.refs[user]
	if len(list) == 0 {
		return 0
	}
	return list[max(0, len(list)-1-f.random.IntN(60))]
}

func (f *flowMaker) price() int { return 1_000_000 + f.random.IntN(12) + f.random.IntN(12) }

// enter makes up an order: most are plain; some are hidden, immediate, post-only, at market, or cannot be.
func (f *flowMaker) enter(user string) {
	symbol, price, tif, display, options, qty := "AAPL", f.price(), '0', 'Y', "", 1+f.random.IntN(300)
	switch f.random.IntN(24) {
	case 0, 1, 2:
		tif = '3'
	case 3:
		tif = '4'
	case 4:
		tif, options = '3', fmt.Sprintf(" minqty=%d", 1+f.random.IntN(qty))
	case 5, 6:
		display = 'N'
	case 7:
		options = " postonly=P"
	case 8:
		tif, price = '3', 0x7FFFFFFF
	case 9:
		tif, options = '1', " clordid=gtc-"+fmt.Sprint(f.random.IntN(1000))
	case 10:
		symbol, qty, price = [...]string{"NOPE", "AAPL", "AAPL"}[f.random.IntN(3)], [...]int{0, 100, 1_000_000}[f.random.IntN(3)], [...]int{0, 1_000_000}[f.random.IntN(2)]
	}
	f.say("%s enter %d %c %d %s %d %c %c%s", user, f.next(user), "BS"[f.random.IntN(2)], qty, symbol, price, tif, display, options)
	f.refs[user] = append(f.refs[user], f.last[user])
}

// TestSyntheticFlow holds that a seed gives one flow, and that all of it can be read.
func TestSyntheticFlow(t *testing.T) {
	text := synthetic(*seed, 500, true)
	if text != synthetic(*seed, 500, true) {
		t.Error("one seed gave two flows")
	}
	flow, n := replay.NewFlow(strings.NewReader(text)), 0
	for {
		if _, err := flow.Next(); err != nil {
			break
		}
		n++
	}
	if n != 500 {
		t.Errorf("%d lines of 500 were read", n)
	}
}
