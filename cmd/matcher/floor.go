package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"matcher/core"
	"matcher/wire/ouch"
)

// floor is what the agents of a demonstration know together: where the market is, what they have in the book, what they
// saw happen. It is made of their own messages only.
type floor struct {
	instrument core.Instrument

	mu     sync.Mutex
	random *rand.Rand
	mid    uint64 // ticks: what the agents think it is worth
	bids   map[uint64]uint64
	asks   map[uint64]uint64 // lots at each price, wire units
	tape   []string          // last trades
	orders uint64
	fills  uint64

	refreshes, moves, triggers uint64 // of icebergs, pegs, stops

	shown struct {
		at            time.Time
		orders, fills uint64
	} // what the last line told
	recent *hdrhistogram.Histogram // us from order to Accepted, since the last line
	total  *hdrhistogram.Histogram
}

const tapeLength = 4

// newFloor opens the floor at 187.25.
func newFloor(seed uint64) *floor {
	f := &floor{
		instrument: demoInstrument(), random: rand.New(rand.NewPCG(seed, 0)), mid: 18_725,
		bids: map[uint64]uint64{}, asks: map[uint64]uint64{},
		recent: hdrhistogram.New(1, 60_000_000, 3), total: hdrhistogram.New(1, 60_000_000, 3),
	}
	f.shown.at = time.Now()
	return f
}

// move lets the market walk: a tick up, down, or not at all, and never near zero.
func (f *floor) move() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mid += uint64(f.random.IntN(3))
	f.mid = max(f.mid-1, 1000)
}

func (f *floor) price() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mid
}

// line reports what happened since the line before.
func (f *floor) line() string {
	bid, ask := f.best()
	for range 20 { // one agent may have heard of a trade that the other has not
		if bid == 0 || ask == 0 || bid < ask {
			break
		}
		time.Sleep(time.Millisecond)
		bid, ask = f.best()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	seconds := time.Since(f.shown.at).Seconds()
	rate := func(now, before uint64) string { return grouped(uint64(float64(now-before) / seconds)) }
	in := &f.instrument
	text := fmt.Sprintf("%s %s x %s  last %-*s  %7s orders/s  %6s fills/s  p50 %d us  p99 %d us", in.Symbol,
		trimmed(bid, in.PriceDecimals, 2), trimmed(ask, in.PriceDecimals, 2), tapeLength*11, strings.Join(f.tape, " "),
		rate(f.orders, f.shown.orders), rate(f.fills, f.shown.fills), f.recent.ValueAtQuantile(50), f.recent.ValueAtQuantile(99))
	f.shown.at, f.shown.orders, f.shown.fills = time.Now(), f.orders, f.fills
	f.recent.Reset()
	return text
}

// since is how long ago the last line was.
func (f *floor) since() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.shown.at)
}

// best gives the best prices at which an agent has an order, 0 for none.
func (f *floor) best() (bid, ask uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for p := range f.bids {
		bid = max(bid, p)
	}
	for p := range f.asks {
		if ask == 0 || p < ask {
			ask = p
		}
	}
	return bid, ask
}

func (f *floor) summary() *summary {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &summary{Orders: f.orders, Refreshes: f.refreshes, Moves: f.moves, Triggers: f.triggers, P50: f.total.ValueAtQuantile(50), P99: f.total.ValueAtQuantile(99)}
}

// take takes n lots of an order off the list.
func (f *floor) take(o *resting, n uint32) {
	book := f.side(o)
	if book[o.price] -= uint64(n); book[o.price] == 0 {
		delete(book, o.price)
	}
}

// side is the side of the book that an order stands on.
func (f *floor) side(o *resting) map[uint64]uint64 {
	if o.side == ouch.SideBuy {
		return f.bids
	}
	return f.asks
}
