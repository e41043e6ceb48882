// Package itch measures how fast books are built from ITCH 5.0, beside a C program that decodes the same file and builds
// nothing. It holds tests only.
package itch

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"matcher/client/market"
	"matcher/wire/itch"
)

var file = flag.String("file", "", "an ITCH 5.0 file to measure with, beside the made one")

// day makes a file of messages: around live orders at a time, mostly near the best price, every third message an add. What
// happens to an order is in proportion to what is public of Nasdaq's days: most are deleted, some replaced, a few traded.
func day(messages, live int) []byte {
	random := rand.New(rand.NewPCG(7, 7))
	type order struct {
		ref uint64
		qty uint32
	}
	var (
		out    []byte
		orders []order
		ref    uint64
		middle = uint32(1_500_000)
		aapl   = [8]byte([]byte("AAPL    "))
	)
	price := func(side byte) uint32 {
		away := 100 * (1 + uint32(random.ExpFloat64()*15))
		if side == itch.SideBuy {
			return middle - away
		}
		return middle + away
	}
	for n := range messages {
		h := itch.Header{Locate: 1, Timestamp: 34_200_000_000_000 + uint64(n)*1000}
		if random.IntN(1000) == 0 {
			middle += 100 * uint32(random.IntN(3)) // wanders upwards and back
			middle -= 100 * uint32(random.IntN(3))
		}
		pick, kind := 0, random.IntN(100)
		if len(orders) > 0 {
			pick = random.IntN(len(orders))
		}
		var m itch.Message
		gone := false
		switch {
		case len(orders) < live/2 || len(orders) < live && kind < 45:
			ref += 1 + random.Uint64N(20)
			side := "BS"[random.IntN(2)]
			o := order{ref, 100 * (1 + random.Uint32N(10))}
			orders = append(orders, o)
			m = &itch.AddOrder{Header: h, OrderRef: o.ref, Side: side, Quantity: o.qty, Symbol: aapl, Price: price(side)}
		case kind < 84:
			m, gone = &itch.OrderDelete{Header: h, OrderRef: orders[pick].ref}, true
		case kind < 92:
			ref += 1 + random.Uint64N(20)
			r := &itch.OrderReplace{Header: h, OrigOrderRef: orders[pick].ref, OrderRef: ref, Quantity: 100, Price: price("BS"[random.IntN(2)])}
			orders[pick] = order{ref, 100}
			m = r
		case kind < 94:
			if orders[pick].qty == 100 {
				m, gone = &itch.OrderDelete{Header: h, OrderRef: orders[pick].ref}, true
				break
			}
			orders[pick].qty -= 100
			m = &itch.OrderCancel{Header: h, OrderRef: orders[pick].ref, Quantity: 100}
		default:
			m = &itch.OrderExecuted{Header: h, OrderRef: orders[pick].ref, Quantity: 100, MatchNumber: uint64(n)}
			orders[pick].qty -= 100
			gone = orders[pick].qty == 0
		}
		if gone {
			orders[pick] = orders[len(orders)-1]
			orders = orders[:len(orders)-1]
		}
		out = itch.AppendFrame(out, m.Append(nil))
	}
	return out
}

// build applies every message of a file to a market and returns how many there were.
func build(tb testing.TB, m *market.Market, file []byte) (n int) {
	m.Reset()
	for len(file) > 2 {
		size := 2 + int(binary.BigEndian.Uint16(file))
		if size == 2 || size > len(file) {
			break
		}
		if _, err := m.Apply(file[2:size]); err != nil {
			tb.Fatal(err)
		}
		n++
		file = file[size:]
	}
	return n
}

// sum is what decode.c prints, by the codec that the market does not use for these messages.
func sum(tb testing.TB, file []byte) (total uint64, n int) {
	mix := func(v uint64) { total = (total ^ v) * 1099511628211 }
	for ; len(file) > 0; n++ {
		message, size, err := itch.Next(file)
		if err != nil || size == 0 {
			break
		}
		file = file[size:]
		decoded, err := itch.Decode(message)
		if err != nil {
			tb.Fatal(err)
		}
		head := func(h itch.Header) uint64 { return uint64(h.Locate) + h.Timestamp }
		switch m := decoded.(type) {
		case *itch.AddOrder:
			mix(m.OrderRef + uint64(m.Side) + uint64(m.Quantity) + uint64(m.Price)<<32 + binary.BigEndian.Uint64(m.Symbol[:]) + head(m.Header))
		case *itch.AddOrderMPID:
			mix(m.OrderRef + uint64(m.Side) + uint64(m.Quantity) + uint64(m.Price)<<32 + binary.BigEndian.Uint64(m.Symbol[:]) + head(m.Header))
		case *itch.OrderExecuted:
			mix(m.OrderRef + uint64(m.Quantity) + m.MatchNumber + head(m.Header))
		case *itch.OrderExecutedPrice:
			mix(m.OrderRef + uint64(m.Quantity) + m.MatchNumber + uint64(m.Printable) + uint64(m.Price)<<32 + head(m.Header))
		case *itch.OrderCancel:
			mix(m.OrderRef + uint64(m.Quantity) + head(m.Header))
		case *itch.OrderDelete:
			mix(m.OrderRef + head(m.Header))
		case *itch.OrderReplace:
			mix(m.OrigOrderRef + m.OrderRef + uint64(m.Quantity) + uint64(m.Price)<<32 + head(m.Header))
		}
	}
	return total, n
}

var figures = regexp.MustCompile(`^messages (\d+) ns/message ([0-9.]+) sum ([0-9a-f]{16})\n$`)

// decode runs the C program on a file and returns its time for a message and its sum.
func decode(tb testing.TB, file []byte, rounds int) (ns float64, messages int, total uint64) {
	tb.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		tb.Skip("no gcc here")
	}
	dir := tb.TempDir()
	program, data := filepath.Join(dir, "decode"), filepath.Join(dir, "day.itch50")
	if out, err := exec.Command(gcc, "-O2", "-march=native", "-Wall", "-Wextra", "-Werror", "-o", program, "decode/decode.c").CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(data, file, 0o600); err != nil {
		tb.Fatal(err)
	}
	out, err := exec.Command(program, strconv.Itoa(rounds), data).Output()
	words := figures.FindStringSubmatch(string(out))
	if err != nil || words == nil {
		tb.Fatalf("%v: %q", err, out)
	}
	ns, _ = strconv.ParseFloat(words[2], 64)
	messages, _ = strconv.Atoi(words[1])
	total, _ = strconv.ParseUint(words[3], 16, 64)
	return ns, messages, total
}

// TestSameBytes: the C program reads what the codec reads, and the market takes all of it.
func TestSameBytes(t *testing.T) {
	file := day(20_000, 1000)
	want, n := sum(t, file)
	if total, _ := fields(t, file); total != want {
		t.Errorf("fields: sum %016x, want %016x", total, want)
	}
	if built := build(t, market.New(1000), file); built != n || n != 20_000 {
		t.Errorf("the market was given %d messages of %d", built, n)
	}
	if _, messages, total := decode(t, file, 1); messages != n || total != want {
		t.Errorf("decode.c: %d messages, sum %016x; want %d, %016x", messages, total, n, want)
	}
}

// fields is decode.c by package wire/itch, message by message into values that are used again: what a program does that wants the
// fields and no book.
func fields(tb testing.TB, file []byte) (total uint64, n int) {
	var (
		add      itch.AddOrder
		mpid     itch.AddOrderMPID
		executed itch.OrderExecuted
		priced   itch.OrderExecutedPrice
		cancel   itch.OrderCancel
		gone     itch.OrderDelete
		replaced itch.OrderReplace
	)
	mix := func(v uint64, h *itch.Header) { total = (total ^ (v + uint64(h.Locate) + h.Timestamp)) * 1099511628211 }
	for ; len(file) > 0; n++ {
		b, size, err := itch.Next(file)
		if err != nil || size == 0 {
			break
		}
		file = file[size:]
		switch itch.Type(b) {
		case itch.TypeAddOrder:
			err = add.Decode(b)
			mix(add.OrderRef+uint64(add.Side)+uint64(add.Quantity)+uint64(add.Price)<<32+binary.BigEndian.Uint64(add.Symbol[:]), &add.Header)
		case itch.TypeAddOrderMPID:
			err = mpid.Decode(b)
			mix(mpid.OrderRef+uint64(mpid.Side)+uint64(mpid.Quantity)+uint64(mpid.Price)<<32+binary.BigEndian.Uint64(mpid.Symbol[:]), &mpid.Header)
		case itch.TypeOrderExecuted:
			err = executed.Decode(b)
			mix(executed.OrderRef+uint64(executed.Quantity)+executed.MatchNumber, &executed.Header)
		case itch.TypeOrderExecutedPrice:
			err = priced.Decode(b)
			mix(priced.OrderRef+uint64(priced.Quantity)+priced.MatchNumber+uint64(priced.Printable)+uint64(priced.Price)<<32, &priced.Header)
		case itch.TypeOrderCancel:
			err = cancel.Decode(b)
			mix(cancel.OrderRef+uint64(cancel.Quantity), &cancel.Header)
		case itch.TypeOrderDelete:
			err = gone.Decode(b)
			mix(gone.OrderRef, &gone.Header)
		case itch.TypeOrderReplace:
			err = replaced.Decode(b)
			mix(replaced.OrigOrderRef+replaced.OrderRef+uint64(replaced.Quantity)+uint64(replaced.Price)<<32, &replaced.Header)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return total, n
}

// BenchmarkDecode is the codec alone, beside decode.c on the same bytes: the fastest passes of both.
func BenchmarkDecode(b *testing.B) {
	file := day(400_000, 10_000)
	floor, _, want := decode(b, file, 50)
	best := time.Duration(1 << 62)
	for range b.N {
		start := time.Now()
		if total, _ := fields(b, file); total != want {
			b.Fatalf("sum %016x, decode.c has %016x", total, want)
		}
		best = min(best, time.Since(start))
	}
	ns := float64(best.Nanoseconds()) / 400_000
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ns, "ns/message")
	b.ReportMetric(1e3/ns, "M/s")
	b.ReportMetric(floor, "C-ns/message")
	b.ReportMetric(ns/floor, "times-C")
}

// BenchmarkBuild: made days with few and with many live orders, and -file. Like decode.c, which runs right before it on the
// same bytes, it takes the time of the fastest pass: what others do on the machine only ever adds to it. The ratio is that of
// the two.
func BenchmarkBuild(b *testing.B) {
	type input struct {
		name string
		data []byte
	}
	inputs := []input{{"live=1k", day(50_000, 1000)}, {"live=100k", day(400_000, 100_000)}}
	if *file != "" {
		data, err := os.ReadFile(*file)
		if err != nil {
			b.Fatal(err)
		}
		inputs = append(inputs, input{"file", data})
	}
	for _, in := range inputs {
		b.Run(in.name, func(b *testing.B) {
			floor, _, _ := decode(b, in.data, 200)
			m := market.New(1000) // it grows to what the day needs
			n := build(b, m, in.data)
			var passes []float64
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				start := time.Now()
				build(b, m, in.data)
				passes = append(passes, float64(time.Since(start).Nanoseconds())/float64(n))
			}
			slices.Sort(passes)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(passes[0], "ns/message")
			b.ReportMetric(passes[len(passes)/2], "median-ns/message")
			b.ReportMetric(1e3/passes[0], "M/s")
			b.ReportMetric(floor, "C-ns/message")
			b.ReportMetric(passes[0]/floor, "times-C")
		})
	}
}
