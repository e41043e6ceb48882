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

// live is an order that rests.
type live struct {
	agent  int
	ref    uint32
	leaves uint32
	price  uint64
}

// key is the order's name in the whole flow.
func (o *live) key() uint64 { return uint64(o.agent)<<32 | uint64(o.ref) }

// spot is where an order is found.
type spot struct{ side, at int }

// shown is what rests on one side, by price. The best is known at any time: to ask the book for it counts the orders there.
type shown struct {
	lots map[uint64]uint64
	best uint64
	away int64 // wire units to the next worse price
}

// generator is one run.
type generator struct {
	config Config
	draw   *rand.Rand
	venue  *replay.Recording
	now    float64 // seconds since the opening
	base   [kinds]float64
	extra  [kinds]float64 // hawkes: what past events add
	refs   []uint32
	agent  int             // whose command is at work
	agents []int           // by user of the venue
	orders [2][]live       // by side
	place  map[uint64]spot // by key
	shown  [2]shown        // by side
	last   [2]touch
	line   replay.Line
	text   []byte
	stats  gathered
}

// Flow writes a flow and says what it is like.
func Flow(c Config, w io.Writer) (Stats, error) {
	g, err := open(c, w)
	if err != nil {
		return Stats{}, err
	}
	for g.stats.commands < c.Commands {
		if err := g.event(w, g.next()); err != nil {
			return Stats{}, err
		}
	}
	return g.stats.end(g.venue.Engine().Fills(), g.now), nil
}

// open makes a venue and the book that it begins with.
func open(c Config, w io.Writer) (*generator, error) {
	v, err := replay.Record(replay.RecordConfig{MaxOrders: uint32(min(c.Commands+2*opening+1, 1<<22)), MaxUsers: uint32(c.Agents + 1)})
	if err != nil {
		return nil, err
	}
	g := &generator{
		config: c, draw: rand.New(rand.NewPCG(c.Seed, 0x6d617463686572)), venue: v, refs: make([]uint32, c.Agents),
		place: map[uint64]spot{},
		shown: [2]shown{{lots: map[uint64]uint64{}, away: -int64(c.Tick)}, {lots: map[uint64]uint64{}, away: int64(c.Tick)}},
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
				return nil, err
			}
		}
	}
	return g, nil
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
	case kind >= market && kind < cancel && g.last[1-side].lots > 0:
		price := g.last[1-side].price // as far as three ticks behind the touch
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
	opposite := g.last[1-side].price
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
		o := live{agent: g.agents[ev.User], ref: ev.Ref, leaves: ev.Leaves, price: g.line.Price}
		if ev.Flags&engine.EventRests != 0 {
			g.rest(o, int(ev.Side-'B')/int('S'-'B'))
		} else {
			g.left(o)
		}
	}
	for side := range g.last {
		s := &g.shown[side]
		g.last[side] = touch{s.best, s.lots[s.best]}
	}
	g.stats.add(g.now, cmd.Kind, g.last)
	return nil
}

// rest notes an order that has come to rest.
func (g *generator) rest(o live, side int) {
	g.place[o.key()] = spot{side, len(g.orders[side])}
	g.orders[side] = append(g.orders[side], o)
	g.shown[side].add(o.price, uint64(o.leaves))
}

// left notes what is left of an order, if it rests. One of which nothing is left goes off the list: the last one takes its
// place.
func (g *generator) left(o live) {
	p, rests := g.place[o.key()]
	if !rests {
		return
	}
	list := g.orders[p.side]
	was := &list[p.at]
	g.shown[p.side].take(was.price, uint64(was.leaves-o.leaves))
	was.leaves = o.leaves
	if o.leaves > 0 {
		return
	}
	last := len(list) - 1
	list[p.at] = list[last]
	g.place[list[p.at].key()] = p
	g.orders[p.side] = list[:last]
	delete(g.place, o.key())
}

func (s *shown) add(price, lots uint64) {
	s.lots[price] += lots
	if s.best == 0 || int64(price-s.best)*s.away < 0 {
		s.best = price
	}
}

func (s *shown) take(price, lots uint64) {
	if s.lots[price] -= lots; s.lots[price] > 0 {
		return
	}
	delete(s.lots, price)
	switch {
	case price != s.best:
	case len(s.lots) == 0:
		s.best = 0
	default:
		for s.lots[s.best] == 0 {
			s.best += uint64(s.away)
		}
	}
}
