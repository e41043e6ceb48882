package book

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkFloor runs the workloads on which a lean C++ loop is measured, with the same ring of 32-byte events. The files
// begin with a 64-byte header (8 bytes magic, then u32: operations before the clock starts, operations timed, highest id,
// number of ticks), then 16 bytes an operation: u32 id, u32 quantity, i32 price, u8 type, u8 side, u16 unused.
//
//	MATCHER_FLOOR_DATA=DIR taskset -c 1 go test -run '^$' -bench Floor -benchtime 1x -count 5 ./book
func BenchmarkFloor(b *testing.B) {
	dir := os.Getenv("MATCHER_FLOOR_DATA")
	if dir == "" {
		b.Skip("MATCHER_FLOOR_DATA names no directory of workloads")
	}
	for _, w := range []struct {
		name string
		hash uint64
	}{
		{"w1k", 0x0b827e8fa9703c59},
		{"w10k", 0x7dc741423d6b08e4},
		{"w1m", 0x30d46275b3ab14b8},
		{"wide10k", 0xb0b2c7ffc4897bc6},
	} {
		b.Run(w.name, func(b *testing.B) {
			load, err := readWorkload(filepath.Join(dir, w.name))
			if err != nil {
				b.Fatal(err)
			}
			var spent time.Duration
			for range b.N {
				v := newBenchVenue(load)
				v.run(load.ops[:load.before])
				v.hash = 1469598103934665603
				start := time.Now()
				v.run(load.ops[load.before:])
				spent += time.Since(start)
				if v.hash != w.hash {
					b.Fatalf("hash of the trades is %016x, want %016x", v.hash, w.hash)
				}
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/float64(len(load.ops)-load.before), "ns/op")
		})
	}
}

// BenchmarkJump is the worst that prices can do to a book: each order makes and empties a page of its own, among 1,000
// others spread over the whole range, and is the best of its side half of the time.
func BenchmarkJump(b *testing.B) {
	const highest = 2_000_000_000
	orders := NewOrders(2000)
	book := New(Config{Orders: orders, MaxPrice: highest})
	flow := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		book.Add(orders.Take(), Resting{Side: Sell, Price: highest/2 + Price(flow.Uint32N(highest/2)), Qty: 1}, 0)
	}
	prices := make([]Price, 1<<12)
	for i := range prices {
		prices[i] = 1 + Price(flow.Uint32N(highest))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		s := orders.Take()
		book.Add(s, Resting{Side: Sell, Price: prices[i%len(prices)], Qty: 1}, 0)
		book.Remove(s)
		orders.Free(s)
		i++
	}
}

type benchOp struct {
	id, qty, price uint32
	kind, side     uint8
}

const (
	benchAdd = iota
	benchCancel
	benchReprice
)

type workload struct {
	before, maxID, ticks int
	ops                  []benchOp
}

func readWorkload(path string) (workload, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return workload{}, err
	}
	if len(raw) < 64 || string(raw[:8]) != "MEBENCH1" {
		return workload{}, fmt.Errorf("%s: not a workload", path)
	}
	u32 := binary.LittleEndian.Uint32
	load := workload{before: int(u32(raw[8:])), maxID: int(u32(raw[16:])), ticks: int(u32(raw[20:]))}
	load.ops = make([]benchOp, 0, len(raw)/16)
	for raw = raw[64:]; len(raw) >= 16; raw = raw[16:] {
		load.ops = append(load.ops, benchOp{id: u32(raw), qty: u32(raw[4:]), price: u32(raw[8:]), kind: raw[12], side: raw[13]})
	}
	return load, nil
}

// benchEvent is what the floor writes for each acknowledgement, cancel and trade.
type benchEvent struct {
	number         uint64
	a, b, price, q uint32
	kind, r        uint32
}

// benchVenue is the least that stands around a book: ids, slots and a ring of events.
type benchVenue struct {
	book   *Book
	orders *Orders
	slots  []Slot // by id
	ring   *[1 << 16]benchEvent
	number uint64
	hash   uint64
}

func newBenchVenue(load workload) *benchVenue {
	capacity := load.maxID + 1
	o := NewOrders(capacity)
	v := &benchVenue{
		orders: o,
		book:   New(Config{Orders: o, MaxPrice: Price(load.ticks)}),
		slots:  make([]Slot, capacity+1),
		ring:   new([1 << 16]benchEvent),
	}
	// The floor's arrays lie in huge pages: a dozen page faults where there would be thousands here. Let them happen now.
	clear(v.slots)
	clear(v.ring[:])
	return v
}

func (v *benchVenue) event() *benchEvent {
	e := &v.ring[v.number&(1<<16-1)]
	e.number = v.number
	v.number++
	return e
}

func (v *benchVenue) run(ops []benchOp) {
	for i := range ops {
		op := &ops[i]
		if op.kind == benchAdd {
			v.enter(op, Side(op.side), 0)
			continue
		}
		s := v.slots[op.id]
		if s == 0 {
			e := v.event()
			e.a, e.kind = op.id, 3
			continue
		}
		v.book.Remove(s)
		if op.kind == benchCancel {
			e := v.event()
			e.a, e.q, e.kind = op.id, uint32(v.orders.Leaves(s)), 4
			v.slots[op.id] = 0
			v.orders.Free(s)
			continue
		}
		v.enter(op, v.orders.Side(s), s)
	}
}

// enter matches an order and rests what is left, in slot s if it has one. The id lies beside the order.
func (v *benchVenue) enter(op *benchOp, side Side, s Slot) {
	e := v.event()
	e.a, e.b, e.price, e.q, e.kind, e.r = op.id, 0, op.price, op.qty, 2, uint32(side)
	left := Qty(op.qty)
	for left != 0 && v.book.Crosses(side, Price(op.price)) {
		f := v.book.Trade(side, left)
		left -= f.Qty
		maker := uint32(v.orders.Data(f.Maker)[0])
		v.hash = (v.hash ^ (uint64(maker)*31 + uint64(f.Qty))) * 1099511628211
		e := v.event()
		e.a, e.b, e.price, e.q, e.kind, e.r = maker, op.id, uint32(f.Price), uint32(f.Qty), 1, uint32(f.Leaves)
		if f.Leaves == 0 {
			v.slots[maker] = 0
			v.orders.Free(f.Maker)
		}
	}
	if left == 0 {
		if s != 0 {
			v.slots[op.id] = 0
			v.orders.Free(s)
		}
		return
	}
	if s == 0 {
		s = v.orders.Take()
		v.slots[op.id] = s
		v.orders.Data(s)[0] = uint64(op.id)
	}
	v.book.Add(s, Resting{Side: side, Price: Price(op.price), Qty: left}, uint64(op.id)*0x9e3779b97f4a7c15)
}
