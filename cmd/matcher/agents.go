package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"matcher/client"
	"matcher/wire/ouch"
)

// errEntryClosed is what an agent hears when the venue takes no orders.
var errEntryClosed = errors.New("order entry is closed")

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
	hides  bool // it never is: a stop, or an order of a taker
	rare   bool // it may be refused: a peg or a stop needs a market
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
		time.AfterFunc(a.login.patience, func() { _ = a.conn.Close() }) // an answer that has not come by then never will
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
		if err := a.enter(side, price, a.makes(), ouch.Options{}); err != nil {
			return err
		}
	}
	return a.prune(quotes)
}

// makes chooses what a maker enters: mostly a plain quote, now and then an iceberg or a peg.
func (a *agent) makes() style {
	switch a.random.IntN(16) {
	case 0:
		return iceberg
	case 1:
		return peg
	}
	return quote
}

// prune takes back what is too old.
func (a *agent) prune(keep int) error {
	for len(a.oldest) > keep {
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

// take trades with whoever quotes within three ticks, and now and then leaves a stop a few ticks away.
func (a *agent) take() error {
	side, away := ouch.SideBuy, uint64(1)
	if a.random.IntN(2) == 0 {
		side, away = ouch.SideSell, -away
	}
	if a.random.IntN(6) != 0 {
		return a.enter(side, a.floor.price()+3*away, taking, ouch.Options{})
	}
	price := (a.floor.price() + 4*away) * a.floor.instrument.Tick
	if err := a.enter(side, 0, stop, ouch.Options{Present: ouch.Tag128StopPrice, StopPrice: price}); err != nil {
		return err
	}
	return a.prune(stops)
}

// stops is how many stops a taker keeps.
const stops = 10

// style is what an agent enters.
type style uint8

const (
	quote style = iota
	iceberg
	peg
	taking
	stop
)

// enter sends an order. Prices of pegs and stops are market: they have no limit of their own.
func (a *agent) enter(side byte, ticks uint64, s style, o ouch.Options) error {
	a.ref++
	m := &ouch.EnterOrder{
		UserRefNum: a.ref, Side: side, Quantity: 100 * (1 + a.random.Uint32N(5)), Symbol: ouch.Symbol(a.floor.instrument.Symbol),
		Price: ticks * a.floor.instrument.Tick, TimeInForce: ouch.TIFDay, Display: ouch.DisplayVisible, Capacity: ouch.CapacityPrincipal,
		Sweep: ouch.No, CrossType: ouch.CrossContinuous, ClOrdID: ouch.ClOrdID(""),
	}
	switch s {
	case iceberg:
		m.Quantity = 1000
		o = ouch.Options{Present: ouch.Tag5MaxFloor | ouch.Tag13RandomReserves, MaxFloor: 100, RandomReserves: 20}
	case peg:
		m.Price = ouch.MarketPrice
		o = ouch.Options{Present: ouch.Tag6PriceType, PriceType: ouch.PricePrimaryPeg}
	case stop:
		m.Price = ouch.MarketPrice
	case taking:
		m.TimeInForce = ouch.TIFIOC
	case quote:
	}
	m.Appendage = o.Append(nil)
	a.sent[a.ref] = time.Now()
	a.live[a.ref] = &resting{side: side, price: m.Price, leaves: m.Quantity, hides: a.taker, rare: s == peg || s == stop}
	if s != taking {
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
		if o := a.live[m.UserRefNum]; !o.hides {
			o.shown, o.price = true, m.Price // that of a peg is only known now
			f.side(o)[o.price] += uint64(o.leaves)
		}
	case *ouch.PriorityUpdate:
		f.moves++
		a.moved(m.UserRefNum, m.Price)
	case *ouch.Restated:
		if m.Reason == ouch.RestatedTriggered {
			f.triggers++
		} else {
			f.refreshes++
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
		if o := a.live[m.UserRefNum]; o != nil && o.rare {
			delete(a.sent, m.UserRefNum)
			delete(a.live, m.UserRefNum)
			return nil
		}
		if m.Reason == ouch.RejectDestinationClosed {
			return errEntryClosed
		}
		return fmt.Errorf("an order was rejected: %s %s", rejectCode(m.Reason), rejectReason(m.Reason))
	}
	return nil
}

// moved takes note of the new price of a peg.
func (a *agent) moved(ref uint32, price uint64) {
	o := a.live[ref]
	if o == nil || !o.shown {
		return
	}
	left := o.leaves
	a.floor.take(o, left)
	o.price = price
	a.floor.side(o)[price] += uint64(left)
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
		a.floor.take(o, n)
	}
}
