package replay

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"matcher/engine"
)

// crowd is a venue in which n orders of MAKER stand at one price. Its next method lets something happen to one of them: an
// order more, a partial cancel, a replacement, or one less.
type crowd struct {
	engine *engine.Engine
	events []engine.Event
	random *rand.Rand
	refs   []uint32
	least  int // orders stay
	last   uint32
	cmd    engine.Command
}

func newCrowd(n int) *crowd {
	c := &crowd{engine: engine.New(), random: rand.New(rand.NewPCG(1, uint64(n))), least: n/2 + 1}
	for _, cmd := range venueCommands(uint32(2*n + 100)) {
		c.events = c.engine.Apply(c.events[:0], &cmd)
	}
	for range n {
		c.enter()
	}
	return c
}

func (c *crowd) do(text string) []engine.Event {
	var l Line
	if err := l.ParseLine(text); err != nil {
		panic(err)
	}
	l.Command(&c.cmd, Names{User: 1, Instrument: c.engine.Lookup(l.Symbol)})
	c.cmd.Seq, c.cmd.Time = c.engine.Seq()+1, c.engine.Time()
	c.events = c.engine.Apply(c.events[:0], &c.cmd)
	return c.events
}

func (c *crowd) enter() []engine.Event {
	c.last++
	c.refs = append(c.refs, c.last)
	return c.do(fmt.Sprintf("MAKER enter %d S 10 AAPL 1500000 0 %c", c.last, "YYYN"[c.last%4]))
}

func (c *crowd) next() []engine.Event {
	if len(c.refs) < c.least {
		return c.enter()
	}
	i := c.random.IntN(len(c.refs))
	ref := c.refs[i]
	switch c.random.IntN(4) {
	case 0:
		return c.enter()
	case 1:
		return c.do(fmt.Sprintf("MAKER cancel %d %d", ref, 5+c.random.IntN(5)))
	case 2:
		c.last++
		c.refs[i] = c.last
		return c.do(fmt.Sprintf("MAKER replace %d %d 10 1500000 0 Y", ref, c.last))
	}
	c.refs[i] = c.refs[len(c.refs)-1]
	c.refs = c.refs[:len(c.refs)-1]
	return c.do(fmt.Sprintf("MAKER cancel %d 0", ref))
}

// TestQueuesLong lets a queue grow, churn until its places have been used up many times, and vanish.
func TestQueuesLong(t *testing.T) {
	c, q := newCrowd(700), NewQueues()
	check := func(events []engine.Event) {
		t.Helper()
		q.Add(c.engine, &c.cmd, events)
		for i := range events {
			place, _ := c.engine.Place(events[i].User, events[i].Idx, events[i].Ref)
			if lots, orders := q.Ahead(c.engine, i); lots != place.AheadLots || int(orders) != place.AheadOrders {
				t.Fatalf("seq %d: %d lots, %d orders, the walk finds %d, %d", c.cmd.Seq, lots, orders, place.AheadLots, place.AheadOrders)
			}
		}
	}
	for range 20_000 {
		check(c.next())
	}
	for _, ref := range c.refs {
		check(c.do(fmt.Sprintf("MAKER cancel %d 0", ref)))
	}
	if len(q.spots) != 0 || len(q.lines) != 0 {
		t.Errorf("%d orders and %d queues are left", len(q.spots), len(q.lines))
	}
	c.refs = nil
	for range 50 {
		check(c.enter())
	}
	if len(q.spots) != 50 || len(q.lines) != 2 {
		t.Errorf("%d orders in %d queues, want 50 in 2", len(q.spots), len(q.lines))
	}
}

// BenchmarkQueues is the cost of a row's queue position beside the walk along the queue that it spares.
func BenchmarkQueues(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000, 100_000} {
		c := newCrowd(n)
		for name, walk := range map[string]bool{"tree": false, "walk": true} {
			b.Run(fmt.Sprintf("queue=%d/%s", n, name), func(b *testing.B) {
				q, took := NewQueues(), time.Duration(0)
				for range b.N {
					events := c.next()
					start := time.Now()
					if !walk {
						q.Add(c.engine, &c.cmd, events)
					}
					for i := range events {
						if walk {
							_, _ = c.engine.Place(events[i].User, events[i].Idx, events[i].Ref)
						} else {
							_, _ = q.Ahead(c.engine, i)
						}
					}
					took += time.Since(start)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "ns/command")
			})
		}
	}
}
