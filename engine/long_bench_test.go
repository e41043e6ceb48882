package engine_test

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"

	"matcher/engine"
)

// TestLongRun: a million messages of every plain kind make no allocation and no garbage collection. MATCHER_MESSAGES says
// how many it shall be instead:
//
//	MATCHER_MESSAGES=100000000 go test -run LongRun -v ./engine
func TestLongRun(t *testing.T) {
	n := 1_000_000
	if s := os.Getenv("MATCHER_MESSAGES"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	v := newHall(8, 1<<17, 100)
	traffic := newTraffic(v)
	output, told := uint64(0), 0
	run := func(n int) {
		for i := range n {
			events := v.apply(traffic.next())
			output = engine.FoldOutput(output, events)
			told += len(events)
			if i%64 == 63 {
				v.Hash()
			}
		}
	}
	run(300_000) // until the book is as deep as it will be
	told = 0
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	run(n)
	runtime.ReadMemStats(&after)
	allocations, cycles := after.Mallocs-before.Mallocs, after.NumGC-before.NumGC
	t.Logf("%d messages, %d events, %d orders live, %d fills: %d allocations, %d cycles of the garbage collector",
		n, told, v.Open(), v.Fills(), allocations, cycles)
	// The runtime allocates now and then for itself (a timer, a thread): a handful in 10^8 messages is not ours.
	if allocations > 16 || cycles != 0 && n <= 1_000_000 {
		t.Errorf("%d allocations and %d cycles of the garbage collector in %d messages", allocations, cycles, n)
	}
	if v.Fills() == 0 || v.Open() < 1000 {
		t.Errorf("the traffic did nothing: %d fills, %d orders live", v.Fills(), v.Open())
	}
}

// traffic is what a market sends: orders near the touch and some that cross it, immediate ones, cancels, modifications and
// replaces. No more than 8,192 orders can be live: each has a place, and a place is used again when its order was cancelled.
type traffic struct {
	flow   *rand.Rand
	refs   [8]uint32          // last UserRefNum by account
	places [8][1 << 10]uint32 // UserRefNums of orders that may be live, by account; 0: none
	cmd    engine.Command
}

func newTraffic(v *hall) *traffic {
	t := &traffic{flow: rand.New(rand.NewPCG(1, 2))}
	for i := range t.refs {
		t.refs[i] = v.LastRef(uint16(i+1), 0)
	}
	return t
}

// next makes one command in the traffic's own memory.
func (t *traffic) next() *engine.Command {
	r := t.flow.Uint64()
	account := uint16(r & 7)
	user, ref, place := account+1, &t.refs[account], &t.places[account][r>>20&1023]
	side, qty, price := "BS"[r>>3&1], uint32(r>>12&127)+1, 1_000_000+100*(r>>4&255)
	if side == 'B' {
		price = 1_020_000 - 100*(r>>4&255)
	}
	c := &t.cmd
	switch k := r >> 32 & 31; {
	case k == 0: // takes what is there
		*ref++
		fill(c, user, *ref, side, qty, price).Enter().TIF = '3'
	case *place == 0:
		*ref++
		fill(c, user, *ref, side, qty, price)
		*place = *ref
	case k < 20:
		*c.Cancel() = engine.Cancel{Header: engine.Header{Kind: engine.KindCancel, User: user}, Ref: *place}
		*place = 0
	case k < 24:
		*c.Cancel() = engine.Cancel{Header: engine.Header{Kind: engine.KindModify, User: user, Side: side}, Ref: *place, Qty: qty}
	default:
		*ref++
		*c.Replace() = engine.Replace{
			Header: engine.Header{Kind: engine.KindReplace, User: user},
			Ref:    *ref, OrigRef: *place, Qty: qty + 64, Price: price, TIF: '0', Display: 'Y',
		}
		*place = *ref
	}
	return c
}
