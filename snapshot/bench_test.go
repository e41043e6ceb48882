package snapshot

import (
	"context"
	"errors"
	flags "flag"
	"io"
	"math"
	"testing"
	"time"

	"matcher/engine"
	"matcher/journal"
)

var (
	benchOrders   = flags.Int("orders", 100_000, "resting orders in the benchmark's venue")
	benchCommands = flags.Int("commands", 1_000_000, "commands of its journal behind those that rest")
)

// BenchmarkStart times what a day costs: a journal of -commands behind -orders that rest is written, and then, each once: a
// start without snapshots, the snapshot, a start from it. Run it with -benchtime 1x.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		r := &rig{t: b, size: 256 << 20, dir: b.TempDir(), e: engine.New(), streams: map[Stream][]byte{}, starts: map[Stream][]int{}}
		slots := make([][]byte, 2)
		for i := range slots {
			slots[i] = make([]byte, 1<<20)
		}
		r.w = journal.NewWriter(journal.Config{ID: journal.ID{1}, State: journal.State{Epoch: 1}, Slots: slots})
		r.segment()
		var c engine.Command
		*c.Rules() = engine.Rules{Header: engine.Header{Kind: engine.KindRules}, Version: 1, MaxOrders: uint32(*benchOrders) + 100_000, MaxUsers: 8}
		r.apply(&c)
		*c.AsInstrument() = engine.Instrument{
			Header: engine.Header{Kind: engine.KindInstrument}, Symbol: [8]byte{'A', ' ', ' ', ' ', ' ', ' ', ' ', ' '}, Tick: 100, Lot: 1, MaxQty: 1_000_000, MaxPrice: 1_999_999_900,
		}
		r.apply(&c)
		*c.AsUser() = engine.User{Header: engine.Header{Kind: engine.KindUser}, Name: [6]byte{'U', ' ', ' ', ' ', ' ', ' '}}
		r.apply(&c)
		*c.Day() = engine.Day{Header: engine.Header{Kind: engine.KindDay}, Event: 'S'}
		r.apply(&c)
		enter := func(i int) {
			*c.Enter() = engine.Enter{
				Header: engine.Header{Kind: engine.KindEnter, Instrument: 1, User: 1, Side: "BS"[i%2]}, Ref: uint32(i + 1), Qty: 10,
				Price: uint64(1_000_000 + (i%2*2-1)*100*(1+i*7919%1000)), TIF: '0', Display: 'Y', Capacity: 'P', Cross: 'N',
			}
			r.apply(&c)
		}
		for i := range *benchOrders {
			enter(i)
		}
		for i := range *benchCommands / 2 {
			enter(*benchOrders + i)
			*c.Cancel() = engine.Cancel{Header: engine.Header{Kind: engine.KindCancel, User: 1}, Ref: uint32(*benchOrders + i + 1)}
			r.apply(&c)
		}
		r.seal()
		commands := float64(r.e.Seq())
		e := engine.New()
		once := func(what string, per float64, do func()) {
			start := time.Now()
			do()
			took := time.Since(start).Seconds()
			b.ReportMetric(took*1000, what+"-ms")
			if per != 0 {
				b.ReportMetric(per/took, what+"-commands/s")
			}
		}
		whole := func() {
			s, _, err := Newest(Files(r.dir), func() *engine.Engine { return e }, math.MaxUint64)
			for err == nil {
				_, _, err = s.Journal.Next()
			}
			if !errors.Is(err, io.EOF) || s.Journal.Engine().Hash() != r.e.Hash() {
				b.Fatal(err)
			}
			if s.History != nil {
				s.History.Close()
			}
		}
		once("whole", commands, whole)
		var taken *Taken
		once("take", commands, func() {
			var err error
			if taken, err = Take(context.Background(), &Taking{Journal: r.dir, Keep: 1}); err != nil {
				b.Fatal(err)
			}
		})
		e = engine.New()
		once("start", 0, whole)
		b.ReportMetric(float64(taken.Size)/(1<<20), "snapshot-MiB")
		b.ReportMetric(float64(taken.Orders), "orders")
		b.ReportMetric(commands, "commands")
		_ = r.file.Close()
	}
}
