package engine_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"matcher/engine"
)

// The worst that messages of each class can do, by the unit of work: a fill, a message, an order, an activation.
//
//	taskset -c 1 go test -run '^$' -bench 'Worst|Growth|Memory' -benchtime 1x -count 5 ./engine

// BenchmarkWorstSweep is one immediate order that executes against 10,000 levels of one order each: prices side by side, and
// so far apart that each makes and empties all that a price needs.
func BenchmarkWorstSweep(b *testing.B) {
	const levels = 10_000
	for _, apart := range []uint64{1, 5_000} {
		b.Run(fmt.Sprintf("apart=%d", apart), func(b *testing.B) {
			v := newHall(2, levels+16, 1)
			var c engine.Command
			v.events = make([]engine.Event, 0, 2*levels+16)
			ref, spent := uint32(0), time.Duration(0)
			for range b.N {
				for i := range uint64(levels) {
					ref++
					v.apply(fill(&c, 1, ref, 'S', 1, 1_000_000+i*apart))
				}
				fill(&c, 2, ref, 'B', levels, 1_000_000+levels*apart).Enter().TIF = '3'
				start := time.Now()
				v.apply(&c)
				spent += time.Since(start)
			}
			if v.Open() != 0 || v.Fills() != uint64(b.N)*levels {
				b.Fatalf("%d orders live, %d fills", v.Open(), v.Fills())
			}
			perUnit(b, spent, levels, "ns/fill")
		})
	}
}

// BenchmarkWorstJump moves the touch by half of its price with each message: an order far inside the best of its side, and
// its cancel.
func BenchmarkWorstJump(b *testing.B) {
	const messages = 1 << 17
	v := newHall(2, 4096, 1)
	flow := rand.New(rand.NewPCG(1, 2))
	var c engine.Command
	for i := range uint32(1000) { // both sides have a thousand orders over their part of the range
		v.apply(fill(&c, 1, 2*i+1, 'S', 1, 1_000_000_000+flow.Uint64N(900_000_000)))
		v.apply(fill(&c, 1, 2*i+2, 'B', 1, 1+flow.Uint64N(300_000_000)))
	}
	ref, spent := uint32(0), time.Duration(0)
	prices := make([]uint64, messages/2)
	for i := range prices {
		prices[i] = 500_000_000 + flow.Uint64N(10_000_000)
	}
	for range b.N {
		start := time.Now()
		for _, p := range prices {
			ref++
			v.apply(fill(&c, 2, ref, 'S', 1, p))
			v.apply(cancel(&c, 2, ref))
		}
		spent += time.Since(start)
	}
	perUnit(b, spent, messages, "ns/message")
}

func cancel(c *engine.Command, user uint16, ref uint32) *engine.Command {
	*c.Cancel() = engine.Cancel{Header: engine.Header{Kind: engine.KindCancel, User: user}, Ref: ref}
	return c
}

// BenchmarkWorstCrowd is a million orders at one price: one more joins and one from anywhere among them leaves, or one joins
// and an immediate order executes the first.
func BenchmarkWorstCrowd(b *testing.B) {
	const crowd, messages, price = 1_000_000, 1 << 17, 1_000_000
	for _, leaves := range []string{"cancel", "ioc"} {
		b.Run("enter+"+leaves, func(b *testing.B) {
			v := newHall(2, crowd+16, 1)
			flow := rand.New(rand.NewPCG(1, 2))
			refs := make([]uint32, crowd) // live orders of account 1
			var c engine.Command
			for i := range refs {
				refs[i] = uint32(i + 1)
				v.apply(fill(&c, 1, refs[i], 'S', 1, price))
			}
			ref, taker := uint32(crowd), uint32(0)
			places := make([]int, messages/2)
			for i := range places {
				places[i] = flow.IntN(crowd)
			}
			spent := time.Duration(0)
			for range b.N {
				start := time.Now()
				for _, p := range places {
					ref++
					v.apply(fill(&c, 1, ref, 'S', 1, price))
					if leaves == "cancel" {
						v.apply(cancel(&c, 1, refs[p]))
						refs[p] = ref
						continue
					}
					taker++
					fill(&c, 2, taker, 'B', 1, price).Enter().TIF = '3'
					v.apply(&c)
				}
				spent += time.Since(start)
			}
			if v.Open() != crowd {
				b.Fatalf("%d orders live", v.Open())
			}
			perUnit(b, spent, messages, "ns/message")
		})
	}
}

// BenchmarkWorstChurn makes and empties a level with each message, anywhere in a book of 10,000 others.
func BenchmarkWorstChurn(b *testing.B) {
	const levels, messages = 10_000, 1 << 17
	v := newHall(2, levels+16, 1)
	flow := rand.New(rand.NewPCG(1, 2))
	var c engine.Command
	for i := range uint32(levels) {
		v.apply(fill(&c, 1, i+1, 'S', 1, 2*(500_000+uint64(flow.Uint32N(500_000)))))
	}
	prices := make([]uint64, messages/2)
	for i := range prices {
		prices[i] = 2*(500_000+flow.Uint64N(500_000)) + 1 // nobody stands at an odd price
	}
	ref, spent := uint32(0), time.Duration(0)
	for range b.N {
		start := time.Now()
		for _, p := range prices {
			ref++
			v.apply(fill(&c, 2, ref, 'S', 1, p))
			v.apply(cancel(&c, 2, ref))
		}
		spent += time.Since(start)
	}
	perUnit(b, spent, messages, "ns/message")
}

// BenchmarkWorstStorm cancels a million orders on 32,768 levels, in no order that memory would like: one message each, or
// all with one mass cancel.
func BenchmarkWorstStorm(b *testing.B) {
	const orders = 1_000_000
	for _, mass := range []bool{false, true} {
		b.Run(map[bool]string{false: "single", true: "mass"}[mass], func(b *testing.B) {
			v := newHall(2, orders+16, 1)
			flow := rand.New(rand.NewPCG(1, 2))
			refs := make([]uint32, orders)
			base, spent := uint32(0), time.Duration(0)
			var c engine.Command
			v.events = make([]engine.Event, 0, orders+16)
			for range b.N {
				for i := range refs {
					refs[i] = base + uint32(i) + 1
					v.apply(fill(&c, 1, refs[i], 'S', 1, 1_000_000+flow.Uint64N(1<<15)))
				}
				base += orders + 1
				flow.Shuffle(orders, func(i, k int) { refs[i], refs[k] = refs[k], refs[i] })
				start := time.Now()
				if mass {
					*c.MassCancel() = engine.MassCancel{
						Header: engine.Header{Kind: engine.KindMassCancel, User: 1, Instrument: engine.AllInstruments},
						Ref:    base, Symbol: [8]byte([]byte("        ")), Firm: [4]byte([]byte("    ")),
					}
					v.apply(&c)
				} else {
					for _, ref := range refs {
						v.apply(cancel(&c, 1, ref))
					}
				}
				spent += time.Since(start)
				if v.Open() != 0 {
					b.Fatalf("%d orders live", v.Open())
				}
			}
			perUnit(b, spent, orders, "ns/order")
		})
	}
}

// BenchmarkWorstCascade is one trade that sets off a thousand stops, each of which trades at the next price and sets off the
// next.
func BenchmarkWorstCascade(b *testing.B) {
	const stops, top = 1_000, 1_000_000
	v := newHall(3, 4*stops, 1)
	v.events = make([]engine.Event, 0, 16*stops)
	spent, ref := time.Duration(0), uint32(0)
	var c engine.Command
	for range b.N {
		base := ref
		for i := range uint64(stops + 1) { // bids at top, top-1, ...
			ref++
			v.apply(fill(&c, 1, ref, 'B', 1, top-i))
		}
		for i := range uint32(stops) { // sells at market, stops at top, top-1, ...
			e := fill(&c, 2, base+i+1, 'S', 1, engine.MarketPrice).Enter()
			e.Flags = engine.FlagExtension
			c.Ext = engine.Extension{Kind: engine.KindExtension, Present: engine.Tag128Stop, StopPrice: top - uint64(i)}
			if ev := v.apply(&c); ev[0].Kind == 'J' {
				b.Skipf("stops are refused, code 0x%02x", ev[0].Reason)
			}
		}
		fill(&c, 3, base+1, 'S', 1, top).Enter().TIF = '3'
		start := time.Now()
		v.apply(&c)
		spent += time.Since(start)
		if v.Open() != 0 {
			b.Fatalf("%d orders live behind a cascade of %d stops", v.Open(), stops)
		}
	}
	perUnit(b, spent, stops, "ns/stop")
}

// BenchmarkGrowth is an order and a cancel of another among 1,000 to 1,000,000 that rest, thirty to a level.
func BenchmarkGrowth(b *testing.B) {
	const messages = 1 << 18
	for _, resting := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(resting), func(b *testing.B) {
			v := newHall(2, resting+16, 1)
			flow := rand.New(rand.NewPCG(1, 2))
			levels := uint64(resting/60 + 1) // of each side
			price := func(side uint8) uint64 {
				if side == 'B' {
					return 1_000_000 - flow.Uint64N(levels)
				}
				return 1_000_001 + flow.Uint64N(levels)
			}
			refs := make([]uint32, resting)
			ref := uint32(0)
			var c engine.Command
			for i := range refs {
				ref++
				refs[i] = ref
				side := "BS"[i&1]
				v.apply(fill(&c, 1, ref, side, 1, price(side)))
			}
			type step struct {
				place int
				side  uint8
				price uint64
			}
			steps := make([]step, messages/2)
			for i := range steps {
				side := "BS"[flow.IntN(2)]
				steps[i] = step{flow.IntN(resting), side, price(side)}
			}
			spent := time.Duration(0)
			for range b.N {
				start := time.Now()
				for i := range steps {
					s := &steps[i]
					ref++
					v.apply(fill(&c, 1, ref, s.side, 1, s.price))
					v.apply(cancel(&c, 1, refs[s.place]))
					refs[s.place] = ref
				}
				spent += time.Since(start)
			}
			if v.Open() != resting {
				b.Fatalf("%d orders live", v.Open())
			}
			perUnit(b, spent, messages, "ns/message")
		})
	}
}

// BenchmarkMemory is the memory that orders take in an engine sized for them, all slices of engine and book together:
// "resident" is what the process has more of than before, "reserved" what was allocated, touched or not. Thirty orders to a
// level, a million of them; and 390,000 alone, each with all that a price can need for itself. Go clears memory that it uses
// again, and clearing touches it: the figures are those of a process of its own.
func BenchmarkMemory(b *testing.B) {
	for _, m := range []struct {
		name   string
		orders int
		levels uint64
		apart  uint64
	}{{"thirty", 1_000_000, 1_000_000 / 30, 1}, {"alone", 390_000, 390_000, 5_000}} {
		b.Run(m.name, func(b *testing.B) {
			b.ReportMetric(0, "ns/op")
			if os.Getenv("MATCHER_MEMORY_CHILD") == "" {
				for unit, value := range childMetrics(b) {
					b.ReportMetric(value, unit)
				}
				return
			}
			taken, reserved := resident(b), heap()
			v := newHall(2, m.orders, 1)
			var c engine.Command
			for i := range m.orders {
				v.apply(fill(&c, 1, uint32(i+1), 'S', 1, 1_000_000+uint64(i)*7919%m.levels*m.apart))
			}
			b.ReportMetric(float64(resident(b)-taken)/float64(m.orders), "resident-B/order")
			b.ReportMetric(float64(heap()-reserved)/float64(m.orders), "reserved-B/order")
			if v.Open() != m.orders {
				b.Fatalf("%d orders live", v.Open())
			}
		})
	}
}

// childMetrics runs this benchmark in a process of its own and returns what it reported in bytes.
func childMetrics(b *testing.B) map[string]float64 {
	top, name, _ := strings.Cut(b.Name(), "/")
	child := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^"+top+"$/^"+name+"$", "-test.benchtime=1x", "-test.count=1")
	child.Env = append(os.Environ(), "MATCHER_MEMORY_CHILD=1")
	out, err := child.CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	metrics, words := map[string]float64{}, strings.Fields(string(out))
	for i, w := range words {
		if strings.HasSuffix(w, "-B/order") {
			metrics[w], err = strconv.ParseFloat(words[i-1], 64)
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	if len(metrics) == 0 {
		b.Skipf("%s", out)
	}
	return metrics
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// resident returns the resident bytes of this process.
func resident(b *testing.B) int {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("this system has no /proc")
	}
	pages, err := strconv.Atoi(strings.Fields(string(raw))[1])
	if err != nil {
		b.Fatal(err)
	}
	return pages * os.Getpagesize()
}
