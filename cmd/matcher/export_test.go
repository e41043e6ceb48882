package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorded writes the journal of a flow and returns its directory.
func recorded(t *testing.T, flow string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "flow")
	if err := os.WriteFile(file, []byte(flow), 0o600); err != nil {
		t.Fatal(err)
	}
	do(t, 0, "replay", file, "--record", filepath.Join(dir, "j"))
	return filepath.Join(dir, "j")
}

const queueFlow = `@34200000000001 MAKER enter 1 S 100 AAPL 1500000 0 Y
@34200000000002 MAKER enter 2 S 50 AAPL 1500000 0 Y
@34200500000003 MAKER enter 3 S 70 AAPL 1500000 0 N
TAKER enter 1 B 120 AAPL 1500000 3 Y
TAKER enter 2 B 10 MSFT 900000 0 Y
MAKER cancel 2 5
`

func TestExportText(t *testing.T) {
	j := recorded(t, queueFlow)
	csv := do(t, 0, "journal", "export", j, "--format", "csv", "--kind", "fill").stdout
	in(t, csv, "seq,time,price,match,", ",1500000,1,1,4,100,0,", ",1500000,2,2,4,20,30,")
	if n := strings.Count(csv, "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, csv)
	}
	events := do(t, 0, "journal", "export", j, "--format", "json", "--events", "--symbol", "AAPL", "--kind", "A,E").stdout
	var queue [][2]uint64
	for d := json.NewDecoder(strings.NewReader(events)); d.More(); {
		var row struct {
			Event       string
			Ref, Taker  uint64
			AheadLots   uint64 `json:"ahead_lots"`
			AheadOrders uint64 `json:"ahead_orders"`
		}
		if err := d.Decode(&row); err != nil {
			t.Fatal(err)
		}
		if row.Event == "A" {
			queue = append(queue, [2]uint64{row.AheadLots, row.AheadOrders})
		}
	}
	want := [][2]uint64{{0, 0}, {100, 1}, {150, 2}, {0, 0}} // the hidden order stands behind the displayed ones
	if len(queue) != len(want) {
		t.Fatalf("%v\n%s", queue, events)
	}
	for i := range want {
		if queue[i] != want[i] {
			t.Errorf("accepted order %d has %v ahead, want %v", i+1, queue[i], want[i])
		}
	}
	for _, c := range []struct {
		args []string
		rows int
	}{
		{[]string{"--from", "10", "--kind", "enter,cancel"}, 2},
		{[]string{"--symbol", "MSFT", "--kind", "enter"}, 1},
		{[]string{"--to", "5"}, 5},
		{[]string{"--from", "2026-01-02T09:30:00.5Z", "--to", "2026-01-02T09:30:00.500000003Z"}, 2}, // and the user who is new,
	} {
		out := do(t, 0, append([]string{"journal", "export", j, "--format", "tsv"}, c.args...)...).stdout
		if n := strings.Count(out, "\n") - 1; n != c.rows {
			t.Errorf("%v: %d rows, want %d:\n%s", c.args, n, c.rows, out)
		}
	}
}

func TestExportRefuses(t *testing.T) {
	j := recorded(t, queueFlow)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{j, "--format", "npy2", "-o", "x"}, exitUsage, "--format npy"},
		{[]string{j}, exitUsage, "-o names where"},
		{[]string{j, "--format", "csv", "--from", "yesterday"}, exitUsage, "neither a sequence number nor a time"},
		{[]string{j, "--format", "csv", "--kind", "fills"}, exitUsage, "no kind of cell"},
		{[]string{j, "--format", "csv", "--events", "--kind", "fill"}, exitUsage, "no event"},
		{[]string{j, "--format", "csv", "--symbol", "IBM"}, exitUsage, "has no instrument"},
		{[]string{j, "--format", "lobster", "-o", "x"}, exitUsage, "needs --symbol"},
		{[]string{t.TempDir(), "--format", "csv"}, exitData, ""},
	} {
		in(t, do(t, c.code, append([]string{"journal", "export"}, c.args...)...).stderr, c.says)
	}
	// Damage anywhere ends an export with exit 5 and no file: nothing is passed off as whole.
	long := strings.Builder{}
	for i := range 3000 {
		fmt.Fprintf(&long, "MAKER enter %d S 1 AAPL 1500000 0 Y\n", i+1)
	}
	whole := recorded(t, long.String())
	flip(t, whole, 4096+300)
	out := filepath.Join(t.TempDir(), "x.npz")
	for _, args := range [][]string{{}, {"--events"}, {"--format", "lobster", "--symbol", "AAPL"}} {
		do(t, exitData, append([]string{"journal", "export", whole, "-o", out}, args...)...)
		if left, _ := filepath.Glob(out + "*"); len(left) != 0 {
			t.Errorf("%v left %v", args, left)
		}
	}
}

// What a crash may have left behind the end of a journal is never passed over in silence.
func TestExportTornTail(t *testing.T) {
	j := recorded(t, queueFlow)
	name := filepath.Join(j, "000001.mj")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	clear(data[4096+512:]) // the write of the only block was cut short
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--format", "csv"}, {"--format", "csv", "--events"}} {
		in(t, do(t, 0, append([]string{"journal", "export", j}, args...)...).stderr, "torn tail: ")
	}
}

// TestLOBSTERRoundTrip: what is exported as LOBSTER and imported again gives the same books, level by level.
func TestLOBSTERRoundTrip(t *testing.T) {
	file := "../../../shared/data/lobster-aapl-2012-06-21/AAPL_2012-06-21_34200000_37800000_message_50.csv"
	flow := "AAPL enters nothing"
	dir := t.TempDir()
	if _, err := os.Stat(file); err == nil {
		o := do(t, 0, "import", "lobster", file, "--times", "-o", filepath.Join(dir, "flow"))
		in(t, o.stderr, "84 of unknown orders") // those of before the hour
		flow = ""
	}
	if flow != "" {
		t.Skip("no real order flow here")
	}
	books := map[string][]byte{}
	for i, from := range []string{filepath.Join(dir, "flow"), filepath.Join(dir, "flow2")} {
		j := filepath.Join(dir, string(rune('a'+i)))
		do(t, 0, "replay", from, "--record", j, "--date", "2012-06-21")
		out := filepath.Join(j, "AAPL_message_5.csv")
		do(t, 0, "journal", "export", j, "--format", "lobster", "--symbol", "AAPL", "--levels", "5", "-o", out)
		b, err := os.ReadFile(filepath.Join(j, "AAPL_orderbook_5.csv"))
		if err != nil || len(b) < 1_000_000 {
			t.Fatal(len(b), err)
		}
		books[from] = b
		if i == 0 {
			in(t, do(t, 0, "import", "lobster", out, "--times", "-o", filepath.Join(dir, "flow2")).stderr, " 0 of unknown orders")
		}
	}
	if !bytes.Equal(books[filepath.Join(dir, "flow")], books[filepath.Join(dir, "flow2")]) {
		t.Error("the books differ")
	}
}

func TestJournalDiff(t *testing.T) {
	a, same := recorded(t, queueFlow), recorded(t, queueFlow)
	in(t, do(t, 0, "journal", "diff", a, same).stdout, "SAME: ")
	for _, c := range []struct{ from, to, says string }{
		{"B 120", "B 121", "differ at seq 9, enter: qty\n  why   "},
		{"cancel 2 5", "cancel 2 6", "differ at seq 12, cancel: qty"},
		{"500000003", "500000004", "differ at seq 7, enter: time"},
		{"MAKER cancel 2 5\n", "", "differ at seq 12, cancel: cell"},
		{"1500000 0 N", "1500000 0 Y", "differ at seq 7, enter: display"},
	} {
		b := recorded(t, strings.Replace(queueFlow, c.from, c.to, 1))
		in(t, do(t, exitData, "journal", "diff", a, b).stderr, "error E3004: the journals "+c.says)
	}
	var v struct {
		Same  bool
		First struct {
			Seq      uint64
			Field, A string
		} `json:"first_difference"`
	}
	o := do(t, exitData, "journal", "diff", "--json", a, recorded(t, strings.Replace(queueFlow, "S 100", "S 101", 1)))
	if err := json.Unmarshal([]byte(o.stdout), &v); err != nil || v.Same || v.First.Seq != 5 || v.First.Field != "qty" || v.First.A != "100" {
		t.Errorf("%v %+v\n%s", err, v, o.stdout)
	}
}

func TestReplayFlow(t *testing.T) {
	j := recorded(t, queueFlow)
	in(t, do(t, 0, "replay", j, "--verify").stdout, "IDENTICAL: 12 commands, 2 fills")
	o := matcher("MAKER enter 1 S 100 AAPL\n", nil, "replay", "-")
	if o.code != exitData {
		t.Errorf("exit %d: %s", o.code, o.stderr)
	}
	o = matcher("MAKER query\nMAKER enter 1 S 100 AAPL\n", nil, "replay", "-")
	if o.code != exitData || !strings.Contains(o.stderr, "E3010") {
		t.Errorf("exit %d: %s", o.code, o.stderr)
	}
	do(t, exitUsage, "replay", filepath.Join(filepath.Dir(j), "flow"), "--record", j)
}

func TestImportCSV(t *testing.T) {
	o := matcher("user,verb,ref,side,qty,symbol,price,tif,display,minqty,time\nann,enter,1,B,5,AAPL,100,0,Y,2,77\nANN,cancel,1,,0,,,,,,\n", nil, "import", "csv", "-", "--times")
	if want := "@77 ANN enter 1 B 5 AAPL 100 0 Y minqty=2\nANN cancel 1 0\n"; o.code != 0 || o.stdout != want {
		t.Errorf("exit %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	for text, says := range map[string]string{
		"":                                  "unexpected EOF",
		"user,verb\n":                       `no column "ref"`,
		"user,verb,ref\nANN,buy,1\n":        "line 2: column verb",
		"user,verb,ref\nANN,enter,1\n":      "column side: enter needs a value",
		"user,verb,ref,qty\nANN,cancel,1\n": "wrong number of fields",
		"user,verb,ref,qty\nANN,cancel,x,0": `"x"`,
	} {
		if o := matcher(text, nil, "import", "csv", "-"); o.code != exitData || !strings.Contains(o.stderr, says) {
			t.Errorf("%q: exit %d, %s", text, o.code, o.stderr)
		}
	}
}

// Prices of the hftbacktest array are the doubles next to the decimals: 1,500,100 times 0.0001 is not 150.01.
func TestExportHFTPrices(t *testing.T) {
	j, out := recorded(t, "MAKER enter 1 S 7 AAPL 1500100 0 Y\n"), filepath.Join(t.TempDir(), "h.npy")
	do(t, 0, "journal", "export", j, "--format", "hftbacktest", "--symbol", "AAPL", "-o", out)
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	row := data[len(data)-64:]
	px, qty := math.Float64frombits(binary.LittleEndian.Uint64(row[24:])), math.Float64frombits(binary.LittleEndian.Uint64(row[32:]))
	if px != 150.01 || qty != 7 {
		t.Errorf("%v at %v", qty, px)
	}
}

// Flags that would have no effect, and bounds between which nothing lies, are refused.
func TestExportNothing(t *testing.T) {
	j := recorded(t, queueFlow)
	in(t, do(t, exitUsage, "journal", "export", j, "--format", "csv", "--levels", "3").stderr, "--levels is for --format lobster")
	in(t, do(t, exitUsage, "journal", "export", j, "--format", "csv", "--from", "9", "--to", "5").stderr, "--from 9 is behind --to 5")
	in(t, do(t, exitUsage, "journal", "export", j, "--format", "csv", "--from", "2026-01-02T10:00:00Z", "--to", "2026-01-02T09:00:00Z").stderr, "is behind")
}
