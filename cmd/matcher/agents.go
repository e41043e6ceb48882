package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"matcher/client"
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
	shown  struct {
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
	return &summary{Orders: f.orders, P50: f.total.ValueAtQuantile(50), P99: f.total.ValueAtQuantile(99)}
}

// agent is one client: it sends a few orders, waits until all are accepted, thinks for a moment, and goes on.
type agent struct {
	floor  *floor
	login  login
	conn   *client.Conn
	random *rand.Rand
	taker  bool
	ref    uint32               // last UserRefNum used
	live   map[uint32]*resting  // own orders
	oldest []uint32             // their numbers, in order of age
	sent   map[uint32]time.Time // not accepted yet
}

// resting is an order of an agent.
type resting struct {
	side   byte
	price  uint64
	leaves uint32
	shown  bool // it is on the floor's list
}

// quotes is how many orders a maker keeps in the book.
const quotes = 40

func newAgent(ctx context.Context, f *floor, l login, seed uint64) (*agent, error) {
	limited, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	conn, err := client.Dial(limited, client.Options{Addr: l.addr, Username: l.user, Password: l.key})
	if err != nil {
		return nil, l.fault(err)
	}
	return &agent{
		floor: f, login: l, conn: conn, random: rand.New(rand.NewPCG(seed, 1)), taker: strings.HasPrefix(l.user, "TAKE"),
		live: map[uint32]*resting{}, sent: map[uint32]time.Time{},
	}, nil
}

// run trades until the context ends.
func (a *agent) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		time.Sleep(a.login.patience) // an answer that has not come by now never will
		_ = a.conn.Close()
	})
	defer func() {
		stop()
		_ = a.conn.Logout() // the demonstration is over either way
		_ = a.conn.Close()
	}()
	for ctx.Err() == nil {
		if err := a.round(); err != nil {
			return a.login.fault(err)
		}
		time.Sleep(time.Duration(a.random.IntN(1000)) * time.Microsecond)
	}
	return nil
}

// round sends a few messages at once and reads until every order of them is accepted.
func (a *agent) round() error {
	var err error
	if a.taker {
		err = a.take()
	} else {
		err = a.quote()
	}
	if err == nil {
		err = a.conn.Flush()
	}
	for err == nil && len(a.sent) > 0 {
		err = a.read()
	}
	return err
}

// quote renews a bid and an offer and takes back what is too old.
func (a *agent) quote() error {
	for _, side := range []byte{ouch.SideBuy, ouch.SideSell} {
		away := 1 + a.random.Uint64N(8)
		price := a.floor.price() + away
		if side == ouch.SideBuy {
			price -= 2 * away
		}
		if err := a.enter(side, price, ouch.TIFDay); err != nil {
			return err
		}
	}
	for len(a.oldest) > quotes {
		ref := a.oldest[0]
		a.oldest = a.oldest[1:]
		if a.live[ref] == nil {
			continue // gone by itself
		}
		if err := a.conn.Send(&ouch.CancelOrder{UserRefNum: ref}); err != nil {
			return err
		}
	}
	return nil
}

// take trades with whoever quotes within three ticks.
func (a *agent) take() error {
	if a.random.IntN(2) == 0 {
		return a.enter(ouch.SideBuy, a.floor.price()+3, ouch.TIFIOC)
	}
	return a.enter(ouch.SideSell, a.floor.price()-3, ouch.TIFIOC)
}

func (a *agent) enter(side byte, ticks uint64, tif byte) error {
	a.ref++
	m := &ouch.EnterOrder{
		UserRefNum: a.ref, Side: side, Quantity: 100 * (1 + a.random.Uint32N(5)), Symbol: ouch.Symbol(a.floor.instrument.Symbol),
		Price: ticks * a.floor.instrument.Tick, TimeInForce: tif, Display: ouch.DisplayVisible, Capacity: ouch.CapacityPrincipal,
		Sweep: ouch.No, CrossType: ouch.CrossContinuous, ClOrdID: ouch.ClOrdID(""),
	}
	a.sent[a.ref] = time.Now()
	a.live[a.ref] = &resting{side: side, price: m.Price, leaves: m.Quantity}
	if !a.taker {
		a.oldest = append(a.oldest, a.ref)
	}
	return a.conn.Send(m)
}

// read takes in one message.
func (a *agent) read() error {
	packet, err := a.conn.Recv()
	if err != nil {
		return err
	}
	message, err := packet.Decode()
	if err != nil {
		return err
	}
	f := a.floor
	f.mu.Lock()
	defer f.mu.Unlock()
	switch m := message.(type) {
	case *ouch.Accepted:
		took := time.Since(a.sent[m.UserRefNum]).Microseconds()
		delete(a.sent, m.UserRefNum)
		_ = f.recent.RecordValue(min(took, 60_000_000)) // the only error is a value out of range
		_ = f.total.RecordValue(min(took, 60_000_000))
		f.orders++
		if o := a.live[m.UserRefNum]; !a.taker {
			o.shown = true
			f.side(o)[o.price] += uint64(o.leaves)
		}
	case *ouch.Executed:
		if m.Liquidity == ouch.LiquidityRemoved {
			f.fills++
			f.tape = append(f.tape, fmt.Sprintf("%d@%s", m.Quantity, trimmed(m.Price, f.instrument.PriceDecimals, 2)))
			f.tape = f.tape[max(0, len(f.tape)-tapeLength):]
		}
		a.less(m.UserRefNum, m.Quantity)
	case *ouch.Canceled:
		a.less(m.UserRefNum, m.Quantity)
	case *ouch.Rejected:
		return fmt.Errorf("an order was rejected: %s", rejectReason(m.Reason))
	}
	return nil
}

// less takes n lots away from an order.
func (a *agent) less(ref, n uint32) {
	o := a.live[ref]
	if o == nil {
		return
	}
	if o.leaves -= n; o.leaves == 0 {
		delete(a.live, ref)
	}
	if o.shown {
		book := a.floor.side(o)
		if book[o.price] -= uint64(n); book[o.price] == 0 {
			delete(book, o.price)
		}
	}
}

// side is the side of the book that an order stands on.
func (f *floor) side(o *resting) map[uint64]uint64 {
	if o.side == ouch.SideBuy {
		return f.bids
	}
	return f.asks
}
