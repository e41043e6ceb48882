package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matcher/engine"
)

// plain is an import that asks for nothing.
var plain Import

// shared opens a file of real market data, which is no part of the project.
func shared(t testing.TB, name string) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "shared", "data", name))
	if err != nil {
		t.Skipf("no market data here: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

const (
	aaplITCH    = "itch-aapl-2019-01-30/aapl_reencoded.itch50"
	aaplTop10   = "itch-aapl-2019-01-30/expected_top10.tsv"
	aaplLOBSTER = "lobster-aapl-2012-06-21/AAPL_2012-06-21_34200000_37800000_message_50.csv"
)

func symbol(s string) (field [8]byte) {
	if !alpha(field[:], []byte(s)) {
		panic("replay: test with symbol " + s)
	}
	return field
}

// venueCommands are what every venue begins with: rules, an instrument AAPL with a tick of one wire unit, two users, a day.
func venueCommands(orders uint32) []engine.Command {
	cmds := make([]engine.Command, 5)
	r := cmds[0].Rules()
	r.Kind, r.Version, r.MaxOrders, r.MaxUsers = engine.KindRules, 1, orders, 8
	in := cmds[1].AsInstrument()
	in.Kind, in.Symbol, in.Tick, in.Lot, in.MaxQty = engine.KindInstrument, symbol("AAPL"), 1, 1, 999_999
	in.PriceDecimals, in.MaxPrice = 4, 1_999_999_900
	for i, name := range []string{"MAKER ", "TAKER "} {
		u := cmds[2+i].AsUser()
		u.Kind, u.Name = engine.KindUser, [6]byte([]byte(name))
	}
	d := cmds[4].Day()
	d.Kind, d.Event = engine.KindDay, 'S'
	for i := range cmds {
		cmds[i].Seq, cmds[i].Time = uint64(i+1), 1
	}
	return cmds
}

// run applies a flow to a fresh venue.
func run(t testing.TB, r io.Reader) *engine.Engine {
	t.Helper()
	e := engine.New()
	var events []engine.Event
	for _, cmd := range venueCommands(1 << 17) {
		events = e.Apply(events[:0], &cmd)
	}
	flow := NewFlow(r)
	users := map[string]uint16{"MAKER ": 1, "TAKER ": 2}
	var cmd engine.Command
	for {
		line, err := flow.Next()
		if err == io.EOF {
			return e
		}
		if err != nil {
			t.Fatal(err)
		}
		line.Command(&cmd, Names{User: users[string(line.User[:])], Instrument: e.Lookup(line.Symbol)})
		cmd.Seq, cmd.Time = e.Seq()+1, 1
		events = e.Apply(events[:0], &cmd)
		for i := range events {
			if events[i].Kind == 'J' {
				t.Fatalf("line %d: %s: rejected %#x", flow.Number(), line.Append(nil), events[i].Reason)
			}
		}
	}
}

func TestImportRealFlow(t *testing.T) {
	tests := []struct {
		name, file      string
		imports         func(io.Reader, io.Writer) (Stats, error)
		commands, fills uint64
		open            int
	}{
		{"ITCH", aaplITCH, plain.ITCH, 10_054, 907, 5_815},
		{"LOBSTER", aaplLOBSTER, func(r io.Reader, w io.Writer) (Stats, error) {
			return plain.LOBSTER(r, w, "AAPL")
		}, 89_712, 4_104, 380},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var flow bytes.Buffer
			stats, err := tt.imports(shared(t, tt.file), &flow)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(stats)
			if stats.Commands != tt.commands || stats.Commands != stats.Enters+stats.Cancels+stats.Replaces+stats.Takes ||
				stats.Records != stats.Commands+stats.Hidden+stats.Unknown+stats.Other {
				t.Errorf("%v; want %d commands", stats, tt.commands)
			}
			e := run(t, &flow)
			if e.Fills() != tt.fills || e.Open() != tt.open {
				t.Errorf("%d fills, %d orders left; want %d and %d", e.Fills(), e.Open(), tt.fills, tt.open)
			}
		})
	}
}

const lobsterHour = `34200.004241176,1,16113575,18,5853300,1
34200.1,1,7,100,5853400,-1
34200.2,2,7,20,5853400,-1
34200.3,4,7,30,5853400,-1
34200.4,5,0,100,5853350,-1
34200.5,3,16113575,18,5853300,1
34200.6,3,999,18,5853300,1
34200.7,7,0,0,-1,-1
34200.8,2,7,50,5853400,-1
`

func ExampleImport_LOBSTER() {
	var flow bytes.Buffer
	stats, err := plain.LOBSTER(strings.NewReader(lobsterHour), &flow, "AAPL")
	fmt.Print(flow.String())
	fmt.Println(stats, err)
	// Output:
	// MAKER enter 1 B 18 AAPL 5853300 0 Y
	// MAKER enter 2 S 100 AAPL 5853400 0 Y
	// MAKER cancel 2 80
	// TAKER enter 1 B 30 AAPL 5853400 3 Y
	// MAKER cancel 1 0
	// MAKER cancel 2 0
	// 9 records: 6 commands (2 enter, 3 cancel, 0 replace, 1 take); no command: 1 hidden executions, 1 of unknown orders, 1 other <nil>
}

func TestLOBSTERErrors(t *testing.T) {
	order := "1.0,1,7,10,100,1\r\n"
	tests := []struct {
		name, text string
		line       int
		want       error
	}{
		{"five columns", "1.0,1,7,10,100", 1, errColumns},
		{"seven columns", "1.0,1,7,10,100,1,1", 1, errColumns},
		{"empty line", order + "\n" + order, 2, errColumns},
		{"type", "1.0,9,7,10,100,1", 1, errType},
		{"id", "1.0,1,x,10,100,1", 1, errID},
		{"size 0", "1.0,1,7,0,100,1", 1, errQty},
		{"size above 32 bits", "1.0,1,7,4294967296,100,1", 1, errQty},
		{"price", "1.0,1,7,10,-100,1", 1, errPrice},
		{"price 0", "1.0,1,7,10,0,1", 1, errPrice},
		{"market price", "1.0,1,7,10,2000000000,1", 1, errPrice},
		{"direction", "1.0,1,7,10,100,2", 1, errSide},
		{"twice", order + order, 2, errTwice},
		{"cancelled too much", order + "1.0,2,7,11,100,1", 2, errMore},
		{"executed too much", order + "1.0,4,7,11,100,1", 2, errMore},
		{"long line", order + strings.Repeat(" ", maxLine) + order, 2, errLongLine},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := plain.LOBSTER(strings.NewReader(tt.text), io.Discard, "AAPL")
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), fmt.Sprintf("LOBSTER line %d:", tt.line)) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	for _, s := range []string{"", "ABCDEFGHI", "A B", "#A"} {
		if _, err := plain.LOBSTER(strings.NewReader(order), io.Discard, s); err == nil {
			t.Errorf("symbol %q is taken", s)
		}
	}
	if _, err := plain.LOBSTER(strings.NewReader(order), &failing{errTwice}, "AAPL"); !errors.Is(err, errTwice) {
		t.Errorf("writer that fails: %v", err)
	}
}

// TestImportDeleted: what is deleted is gone, whatever size the file gives.
func TestImportDeleted(t *testing.T) {
	var flow bytes.Buffer
	stats, err := plain.LOBSTER(strings.NewReader("1.0,1,7,10,100,1\n1.1,3,7,4,100,1\n1.2,4,7,6,100,1"), &flow, "A")
	if want := "MAKER enter 1 B 10 A 100 0 Y\nMAKER cancel 1 0\n"; err != nil || flow.String() != want || stats.Unknown != 1 {
		t.Errorf("%v, %v:\n%s", stats, err, flow.String())
	}
}

// TestImportSymbol has symbols that a line of a flow could not hold.
func TestImportSymbol(t *testing.T) {
	for _, bad := range []string{"#A  ", "A  B", "A\x00\x00B", "    ", "\xff   "} {
		file := bytes.Replace(itchText("A 1 B 10 TEST 100"), []byte("TEST"), []byte(bad), 1)
		if _, err := plain.ITCH(bytes.NewReader(file), io.Discard); !errors.Is(err, errSymbol) {
			t.Errorf("symbol %q: %v", bad, err)
		}
	}
}

// TestImportTotals follows one chain through cancels, executions and replaces: sizes and totals are cumulative.
func TestImportTotals(t *testing.T) {
	var flow bytes.Buffer
	file := itchText("A 1 B 100 AAPL 10\nE 1 30\nX 1 20\nU 1 2 200 11\nE 2 5\nX 2 10\nU 2 3 7 12\nE 3 7\n")
	if _, err := plain.ITCH(bytes.NewReader(file), &flow); err != nil {
		t.Fatal(err)
	}
	want := `MAKER enter 1 B 100 AAPL 10 0 Y
TAKER enter 1 S 30 AAPL 10 3 Y
MAKER cancel 1 80
MAKER replace 1 2 230 11 0 Y
TAKER enter 2 S 5 AAPL 11 3 Y
MAKER cancel 2 220
MAKER replace 2 3 42 12 0 Y
TAKER enter 3 S 7 AAPL 12 3 Y
`
	if flow.String() != want {
		t.Errorf("got\n%swant\n%s", flow.String(), want)
	}
	if e := run(t, &flow); e.Open() != 0 || e.Fills() != 3 {
		t.Errorf("%d orders left, %d fills; the venue should have followed the chain to its end", e.Open(), e.Fills())
	}
}

func FuzzLOBSTER(f *testing.F) {
	f.Add([]byte(lobsterHour))
	f.Fuzz(func(t *testing.T, file []byte) {
		var flow bytes.Buffer
		stats, err := plain.LOBSTER(bytes.NewReader(file), &flow, "A")
		if n := bytes.Count(flow.Bytes(), []byte("\n")); uint64(n) != stats.Commands {
			t.Fatalf("%d lines, %d commands counted", n, stats.Commands)
		}
		lines := NewFlow(&flow)
		for {
			_, lineErr := lines.Next()
			if lineErr == io.EOF {
				break
			}
			if lineErr != nil {
				t.Fatalf("%v (import: %v)", lineErr, err)
			}
		}
	})
}

// BenchmarkImport turns a real day and a real hour into order flow: messages or lines a second.
func BenchmarkImport(b *testing.B) {
	for _, in := range []struct {
		name, file string
		run        func(r io.Reader) (Stats, error)
	}{
		{"ITCH", aaplITCH, func(r io.Reader) (Stats, error) { return plain.ITCH(r, io.Discard) }},
		{"LOBSTER", aaplLOBSTER, func(r io.Reader) (Stats, error) { return plain.LOBSTER(r, io.Discard, "AAPL") }},
	} {
		b.Run(in.name, func(b *testing.B) {
			file := new(bytes.Buffer)
			if _, err := io.Copy(file, shared(b, in.file)); err != nil {
				b.Fatal(err)
			}
			records := uint64(0)
			for b.Loop() {
				stats, err := in.run(bytes.NewReader(file.Bytes()))
				if err != nil {
					b.Fatal(err)
				}
				records += stats.Records
			}
			b.ReportMetric(float64(records)/b.Elapsed().Seconds()/1e6, "M/s")
		})
	}
}
