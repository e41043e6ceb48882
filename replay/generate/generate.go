// Package generate draws order flow by chance: reproducible by its seed, and with statistics that say how much it is like a
// market. It executes what it draws on an engine, so that cancels find live orders and prices follow the book.
//
// It owns the models and their statistics; the flow format is package replay's. It reads no clock and no other randomness
// than its seed.
//
// # Models
//
// zi: zero intelligence. Limit orders, market orders and cancels are Poisson: limit orders come at a constant rate, at a
// distance from the opposite best price that is geometric; each live order is cancelled at the same rate as any other; market
// orders (immediate-or-cancel) take a few lots. (Smith, Farmer, Gillemot, Krishnamurthy: Statistical theory of the continuous
// double auction, 2003.)
//
// hawkes: the same six kinds of event (limit, market, cancel, each buy or sell), but every event makes more of them likely for
// a while: intensities jump and decay exponentially, most for the kind itself. Arrivals cluster as they do in markets. (Bacry,
// Mastromatteo, Muzy: Hawkes processes in finance, 2015.) Thinning is Ogata's.
package generate

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"

	"matcher/book"
	"matcher/engine"
	"matcher/replay"
)

// Config says what is drawn.
type Config struct {
	Seed     uint64
	Model    string // zi, hawkes
	Agents   int    // users that send, 1 to 1000
	Commands int
	Rate     float64 // commands a second on average, about
	Symbol   [8]byte
	Mid      uint64 // wire price around which the book begins, a multiple of Tick
	Tick     uint64 // wire units
	Lots     uint32 // an order has this many lots on average
}

// Models are the words for Config.Model.
func Models() []string { return []string{"zi", "hawkes"} }

// Kinds of events. Buys are even, sells odd.
const (
	limit  = 0
	market = 2
	cancel = 4
	kinds  = 6
)

// share is how the rate is divided among limits, markets and cancels, both sides together, and the length of a book's start.
var share = [3]float64{0.52, 0.06, 0.42}

const (
	opening = 20   // levels on each side at the start
	branch  = 0.75 // hawkes: how many events an event brings about
	decay   = 0.5  // hawkes: intensities fade at this multiple of the mean rate
	away    = 0.06 // geometric: how near to the opposite touch limit orders come
	opens   = 34_200_000_000_000
)

// live is an order that may rest.
type live struct {
	agent int
	ref   uint32
}

// generator is one run.
type generator struct {
	config Config
	draw   *rand.Rand
	venue  *replay.Recording
	index  uint16
	now    float64 // seconds since the opening
	base   [kinds]float64
	extra  [kinds]float64 // hawkes: what past events add
	refs   []uint32
	agent  int             // whose command is at work
	agents []int           // by user of the venue
	orders [2][]live       // by side
	place  map[uint64]int  // agent<<32 | ref: index in orders
	side   map[uint64]int  // the same: its side
	last   [2]engine.Level // the touch
	line   replay.Line
	text   []byte
	levels []engine.Level
	stats  gathered
}

// Flow writes a flow and says what it is like.
func Flow(c Config, w io.Writer) (Stats, error) {
	v, err := replay.Record(replay.RecordConfig{MaxOrders: uint32(min(c.Commands+2*opening+1, 1<<22)), MaxUsers: uint32(c.Agents + 1)})
	if err != nil {
		return Stats{}, err
	}
	g := &generator{
		config: c, draw: rand.New(rand.NewPCG(c.Seed, 0x6d617463686572)), venue: v, refs: make([]uint32, c.Agents),
		place: map[uint64]int{}, side: map[uint64]int{},
	}
	total := c.Rate
	if c.Model == "hawkes" {
		total *= 1 - branch
	}
	for k := range kinds {
		g.base[k] = total * share[k/2] / 2
	}
	g.stats.begin(c.Tick, c.Rate)
	for i := range opening {
		for side := range 2 {
			price := c.Mid - uint64(i+1)*c.Tick
			if side == 1 {
				price = c.Mid + uint64(i+1)*c.Tick
			}
			if err := g.enter(w, side, price, '0'); err != nil {
				return Stats{}, err
			}
		}
	}
	for g.stats.commands < c.Commands {
		kind := g.next()
		if err := g.event(w, kind); err != nil {
			return Stats{}, err
		}
	}
	return g.stats.end(g.venue.Engine().Fills(), g.now), nil
}

// next lets time pass to the next event and draws its kind.
func (g *generator) next() int {
	for {
		rates, total := g.base, 0.0
		for k := range rates {
			rates[k] += g.extra[k]
			total += rates[k]
		}
		wait := g.draw.ExpFloat64() / total
		g.now += wait
		fade := math.Exp(-decay * g.config.Rate * wait)
		lower := 0.0
		for k := range g.extra {
			g.extra[k] *= fade
			rates[k] = g.base[k] + g.extra[k]
			lower += rates[k]
		}
		at := g.draw.Float64() * total
		if at >= lower {
			continue // thinned out: the intensity has fallen meanwhile
		}
		kind := 0
		for ; kind < kinds-1 && at >= rates[kind]; kind++ {
			at -= rates[kind]
		}
		if g.config.Model == "hawkes" {
			for k := range g.extra { // half on itself, the rest on all
				g.extra[k] += decay * g.config.Rate * branch / 2 * share[k/2] / 2
			}
			g.extra[kind] += decay * g.config.Rate * branch / 2
		}
		return kind
	}
}

// event turns a kind into a command. A cancel with nothing to cancel is a limit order instead.
func (g *generator) event(w io.Writer, kind int) error {
	side := kind % 2
	switch {
	case kind >= cancel && len(g.orders[side]) > 0:
		o := g.orders[side][g.draw.IntN(len(g.orders[side]))]
		g.start(replay.Cancel, o.agent)
		g.line.Ref = o.ref
		return g.do(w)
	case kind >= market && kind < cancel && g.last[1-side].Qty > 0:
		price := g.last[1-side].Price // as far as three ticks behind the touch
		if side == 0 {
			price += 3 * g.config.Tick
		} else {
			price -= min(3*g.config.Tick, price-g.config.Tick)
		}
		return g.enter(w, side, price, '3')
	}
	return g.enter(w, side, g.limitPrice(side), '0')
}

// limitPrice draws how far from the opposite touch an order stands, at least a tick.
func (g *generator) limitPrice(side int) uint64 {
	ticks := uint64(1)
	for g.draw.Float64() > away && ticks < 200 {
		ticks++
	}
	opposite := g.last[1-side].Price
	if opposite == 0 {
		opposite = g.config.Mid
	}
	if side == 0 {
		return opposite - min(ticks*g.config.Tick, opposite-g.config.Tick)
	}
	return opposite + ticks*g.config.Tick
}

// enter sends a new order. Sizes are geometric in round lots of a tenth of the mean.
func (g *generator) enter(w io.Writer, side int, price uint64, tif byte) error {
	agent := g.draw.IntN(g.config.Agents)
	g.start(replay.Enter, agent)
	g.refs[agent]++
	unit := max(g.config.Lots/10, 1)
	qty := unit
	for g.draw.Float64() > 0.1 && qty < 100*unit {
		qty += unit
	}
	l := &g.line
	l.Ref, l.Side, l.Qty, l.Symbol, l.Price, l.TIF, l.Display, l.Capacity, l.Cross, l.Sweep = g.refs[agent], "BS"[side], qty, g.config.Symbol, price, tif, 'Y', 'P', 'N', 'N'
	return g.do(w)
}

func (g *generator) start(v replay.Verb, agent int) {
	g.agent = agent
	g.line = replay.Line{Verb: v, User: [6]byte([]byte(fmt.Sprintf("AG%-4d", agent))), Time: opens + uint64(g.now*1e9)}
	for i := range g.line.ClOrdID {
		g.line.ClOrdID[i] = ' '
	}
	for i := range g.line.Symbol {
		g.line.Symbol[i] = ' '
	}
	copy(g.line.Firm[:], "    ")
}

// do writes the line, executes it and learns from the events.
func (g *generator) do(w io.Writer) error {
	g.text = g.line.Append(g.text[:0])
	if _, err := w.Write(g.text); err != nil {
		return err
	}
	cmd, events, err := g.venue.Line(&g.line)
	if err != nil {
		return err
	}
	for i := range events {
		ev := &events[i]
		for int(ev.User) >= len(g.agents) { // users are numbered in the order in which they are first named
			g.agents = append(g.agents, g.agent)
		}
		agent := g.agents[ev.User]
		key := uint64(agent)<<32 | uint64(ev.Ref)
		switch {
		case ev.Flags&engine.EventRests != 0 && ev.Leaves > 0:
			side := int(ev.Side-'B') / int('S'-'B')
			g.place[key], g.side[key] = len(g.orders[side]), side
			g.orders[side] = append(g.orders[side], live{agent, ev.Ref})
		case ev.Leaves == 0:
			g.forget(key)
		}
	}
	if g.index == 0 {
		g.index = g.venue.Engine().Lookup(g.config.Symbol)
	}
	for side := range 2 {
		g.levels = g.venue.Engine().Depth(g.levels[:0], g.index, book.Side(side), 1)
		g.last[side] = engine.Level{}
		if len(g.levels) > 0 {
			g.last[side] = g.levels[0]
		}
	}
	g.stats.add(g.now, cmd.Kind, g.last)
	return nil
}

// forget takes an order that is no longer live off the list: the last one takes its place.
func (g *generator) forget(key uint64) {
	at, known := g.place[key]
	if !known {
		return
	}
	side := g.side[key]
	last := len(g.orders[side]) - 1
	moved := g.orders[side][last]
	g.orders[side][at] = moved
	g.place[uint64(moved.agent)<<32|uint64(moved.ref)] = at
	g.orders[side] = g.orders[side][:last]
	delete(g.place, key)
	delete(g.side, key)
}
