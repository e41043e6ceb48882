package engine_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"
	"unsafe"

	"matcher/engine"
)

// BenchmarkFloor runs the whole engine on the workloads on which a lean C++ loop is measured (tests/peers/README.md): every
// check, every event written, every number and the state hash kept. The files are those of BenchmarkFloor in package book.
//
//	MATCHER_FLOOR_DATA=DIR taskset -c 1 go test -run '^$' -bench Floor -benchtime 1x -count 5 ./engine
//
// What is timed is what a core does for one command between two others: it lies there as a gateway has decoded it, in an array
// of 64-byte cells as the floor's operations do in theirs of 16 bytes, and Apply appends to one reused slice of events. A deep
// book has a hint of each command three before its turn. Eight
// accounts send in turn by the id of the order, each counting its UserRefNums upwards. "apply" never asks for the state hash,
// "sealed" asks every 64 commands, as for a journal's block;
// "output" folds the output hash over every event as well. No figure has the encoding of answers in it.
//
// A first run, of another engine, makes the cells (the total of a Replace is what its order has executed plus the new
// quantity) and the trades are compared there. The timed engine must end in the same state.
func BenchmarkFloor(b *testing.B) {
	dir := floorData(b)
	for _, w := range floorWorkloads {
		b.Run(w.name, func(b *testing.B) {
			load := readFloor(b, filepath.Join(dir, w.name))
			if load.trades != w.trades || load.hash != w.hash {
				b.Fatalf("%d trades, hash %016x; want %d, %016x", load.trades, load.hash, w.trades, w.hash)
			}
			b.Run("apply", func(b *testing.B) { load.bench(b, 0, false) })
			b.Run("sealed", func(b *testing.B) { load.bench(b, 64, false) })
			b.Run("output", func(b *testing.B) { load.bench(b, 64, true) })
		})
	}
}

// BenchmarkFoldOutput is the output hash alone, over the events of one workload's first 100,000 timed commands.
func BenchmarkFoldOutput(b *testing.B) {
	v := newHall(8, 1<<16, 100)
	t := newTraffic(v)
	var events []engine.Event
	for range 100_000 {
		events = append(events, v.apply(t.next())...)
	}
	output := uint64(0)
	for b.Loop() {
		output = engine.FoldOutput(output, events)
	}
	perUnit(b, b.Elapsed(), len(events), "ns/event")
	perUnit(b, b.Elapsed(), 100_000, "ns/command")
}

var floorWorkloads = []struct {
	name   string
	trades uint64
	hash   uint64 // of (id of the maker, quantity) of the timed trades, in order
}{
	{"w1k", 1_149_839, 0x0b827e8fa9703c59},
	{"w10k", 1_214_714, 0x7dc741423d6b08e4},
	{"w1m", 1_253_257, 0x30d46275b3ab14b8},
	{"wide10k", 997_296, 0xb0b2c7ffc4897bc6},
}

func floorData(b *testing.B) string {
	dir := os.Getenv("MATCHER_FLOOR_DATA")
	if dir == "" {
		b.Skip("MATCHER_FLOOR_DATA names no directory of workloads (tests/peers makes them)")
	}
	return dir
}

// perUnit reports a time by the unit of work that a benchmark did n of in each of its rounds.
func perUnit(b *testing.B, spent time.Duration, n int, unit string) {
	if unit != "ns/op" {
		b.ReportMetric(0, "ns/op") // not shown
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/float64(n), unit)
}

const (
	hallOpens    = 1_700_000_000_000_000_000
	hallMaxPrice = 1_999_999_900
	hints        = 3 // commands between a hint and its command
	hallSeqs     = 3 // commands before the accounts: Rules, Instrument, and the Day behind them
)

// hall is a venue of one instrument, fed as a core would: it stamps Seq and Time. A turn is 64 commands of one time.
type hall struct {
	*engine.Engine
	events []engine.Event
}

func newHall(accounts, orders int, tick uint64) *hall {
	v := &hall{Engine: engine.New(), events: make([]engine.Event, 0, 1<<12)}
	var c engine.Command
	*c.Rules() = engine.Rules{
		Header:  engine.Header{Kind: engine.KindRules},
		Version: 1, MaxOrders: uint32(orders), MaxUsers: uint32(accounts),
	}
	v.apply(&c)
	c = engine.Command{}
	*c.AsInstrument() = engine.Instrument{
		Header: engine.Header{Kind: engine.KindInstrument},
		Symbol: [8]byte([]byte("AAPL    ")), Tick: tick, Lot: 1, MaxQty: 1_000_000_000, PriceDecimals: 4, MaxPrice: hallMaxPrice,
	}
	v.apply(&c)
	for i := range accounts {
		c = engine.Command{}
		*c.AsUser() = engine.User{Header: engine.Header{Kind: engine.KindUser}, Firm: [4]byte([]byte("FIRM"))}
		copy(c.AsUser().Name[:], fmt.Sprintf("U%05d", i))
		v.apply(&c)
	}
	c = engine.Command{}
	*c.Day() = engine.Day{Header: engine.Header{Kind: engine.KindDay}, Midnight: hallOpens, Event: 'S'}
	copy(c.Day().Session[:], "2311140001")
	v.apply(&c)
	if _, open := v.Today(); !open || v.Accounts() != accounts || int(v.Seq()) != hallSeqs+accounts {
		panic("the venue did not open")
	}
	return v
}

func stamp(h *engine.Header, seq uint64) { h.Seq, h.Time = seq, hallOpens+seq>>6<<10 }

func (v *hall) apply(c *engine.Command) []engine.Event {
	stamp(&c.Header, v.Seq()+1)
	v.events = v.Apply(v.events[:0], c)
	return v.events
}

// fill makes c a plain order of the day.
func fill(c *engine.Command, user uint16, ref uint32, side uint8, qty uint32, price uint64) *engine.Command {
	*c.Enter() = engine.Enter{
		Header: engine.Header{Kind: engine.KindEnter, Instrument: 1, User: user, Side: side},
		Ref:    ref, Qty: qty, Price: price, TIF: '0', Display: 'Y', Capacity: 'P', Cross: 'N',
	}
	return c
}

const (
	floorAccounts = 8
	floorTick     = 100 // wire units: a cent
)

// floorLoad is a workload as a journal's cells.
type floorLoad struct {
	cells  []byte // one command each
	before int    // bytes of cells before the clock starts
	orders int    // room for this many
	trades uint64 // of the timed part
	hash   uint64
	fills  uint64 // of both parts
	state  uint64 // of an engine behind the last cell
}

func readFloor(b *testing.B, path string) *floorLoad {
	raw, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	u32 := binary.LittleEndian.Uint32
	if len(raw) < 64 || string(raw[:8]) != "MEBENCH1" {
		b.Fatalf("%s is no workload", path)
	}
	before, maxID := int(u32(raw[8:])), int(u32(raw[16:]))
	raw = raw[64:]
	n := len(raw) / 16
	load := &floorLoad{
		cells:  make([]byte, n*engine.CellSize, (n+1)*engine.CellSize), // a Command ends a cell behind its first one
		before: before * engine.CellSize,
		orders: before + before/8 + 4096,
		hash:   1469598103934665603,
	}
	v := newHall(floorAccounts, load.orders, floorTick)
	m := floorMaker{ref: make([]uint32, maxID+1), used: make([]uint32, maxID+1)}
	var cmd engine.Command
	for i := range n {
		op := raw[i*16:]
		m.command(&cmd, u32(op), u32(op[4:]), uint64(u32(op[8:]))*floorTick, op[12], op[13])
		events := v.apply(&cmd)
		copy(load.cells[i*engine.CellSize:], cmd.Cells())
		for k := range events {
			switch ev := &events[k]; ev.Kind {
			case 'J':
				b.Fatalf("operation %d was rejected, code %02x", i, ev.Reason)
			case 'E':
				id := m.ids[ev.User][ev.Ref]
				m.used[id] += ev.Qty
				if ev.Flags&engine.EventTaker == 0 && i >= before {
					load.trades++
					load.hash = (load.hash ^ (uint64(id)*31 + uint64(ev.Qty))) * 1099511628211
				}
			}
		}
	}
	load.fills, load.state = v.Fills(), v.Hash()
	return load
}

// floorMaker makes commands of a workload's operations.
type floorMaker struct {
	ref  []uint32                    // by id: the UserRefNum that the order has now
	used []uint32                    // by id: what it has executed
	ids  [floorAccounts + 1][]uint32 // by account, then UserRefNum
}

func (m *floorMaker) command(c *engine.Command, id, qty uint32, price uint64, kind, side uint8) {
	user := uint16(id%floorAccounts) + 1
	if kind == 1 {
		*c.Cancel() = engine.Cancel{Header: engine.Header{Kind: engine.KindCancel, User: user}, Ref: m.ref[id]}
		return
	}
	if len(m.ids[user]) == 0 {
		m.ids[user] = append(m.ids[user], 0) // UserRefNums begin at 1
	}
	orig, ref := m.ref[id], uint32(len(m.ids[user]))
	m.ref[id] = ref
	m.ids[user] = append(m.ids[user], id)
	if kind == 0 {
		fill(c, user, ref, "BS"[side], qty, price)
		return
	}
	*c.Replace() = engine.Replace{
		Header: engine.Header{Kind: engine.KindReplace, User: user},
		Ref:    ref, OrigRef: orig, Qty: m.used[id] + qty, Price: price, TIF: '0', Display: 'Y',
	}
}

// bench times the second part. every: the state hash is read once in so many commands, 0 never.
func (l *floorLoad) bench(b *testing.B, every int, output bool) {
	var spent time.Duration
	for range b.N {
		v := newHall(floorAccounts, l.orders, floorTick)
		v.Memory(prefault)
		l.run(v, l.cells[:l.before], 0, false)
		debug.FreeOSMemory() // and not while the clock runs
		start := time.Now()
		l.run(v, l.cells[l.before:], every, output)
		spent += time.Since(start)
		if v.Fills() != l.fills || v.Hash() != l.state {
			b.Fatalf("%d fills, state %016x; want %d, %016x", v.Fills(), v.Hash(), l.fills, l.state)
		}
	}
	perUnit(b, spent, (len(l.cells)-l.before)/engine.CellSize, "ns/op")
}

func (l *floorLoad) run(v *hall, cells []byte, every int, output bool) (sum uint64) {
	if every == 0 {
		every = len(cells) / engine.CellSize
	}
	for len(cells) != 0 {
		block := cells[:min(every*engine.CellSize, len(cells))]
		switch {
		case v.Deep():
			sum = v.hinted(cells, len(block), output, sum)
		case output:
			for at := 0; at < len(block); at += engine.CellSize {
				v.one(block, at)
				sum = engine.FoldOutput(sum, v.events)
			}
		default:
			v.block(block)
		}
		if cells = cells[len(block):]; len(block) == every*engine.CellSize {
			sum ^= v.Hash()
		}
	}
	return sum
}

// block applies cells, each of which is a command.
func (v *hall) block(cells []byte) {
	e, events := v.Engine, v.events
	for at := 0; at < len(cells); at += engine.CellSize {
		events = e.Apply(events[:0], (*engine.Command)(unsafe.Pointer(&cells[at])))
	}
	v.events = events
}

func (v *hall) one(cells []byte, at int) {
	v.events = v.Apply(v.events[:0], (*engine.Command)(unsafe.Pointer(&cells[at])))
}

// hinted applies the first cells, so many bytes of them, and gives hints of those behind.
func (v *hall) hinted(cells []byte, size int, output bool, sum uint64) uint64 {
	for at := 0; at < size; at += engine.CellSize {
		if soon := at + hints*engine.CellSize; soon < len(cells) {
			v.Soon(cells[soon:])
		}
		v.one(cells, at)
		if output {
			sum = engine.FoldOutput(sum, v.events)
		}
	}
	return sum
}
