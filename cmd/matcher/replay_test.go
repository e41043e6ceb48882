package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matcher/engine"
	"matcher/journal"
	"matcher/replay"
)

// The flow that the journal of these tests holds, as seq 5 to 9.
const testFlow = `MAKER enter 1 S 100 AAPL 1500000 0 Y clordid=a=1
MAKER enter 2 S 50 AAPL 1500100 1 A group=7 expire=9000000000000000000
TAKER enter 1 B 120 AAPL 1500100 3 Y
MAKER cancel 2 10
TAKER masscancel 2 symbol=AAPL side=B`

// writeJournal executes testFlow and writes the journal of it to a directory, a block for the venue's own commands and one
// for each line. Falsify, if not nil, may change a fill before it is written.
func writeJournal(t *testing.T, falsify func(*engine.Fill)) string {
	t.Helper()
	const size = 1 << 16
	data := make([]byte, size)
	w := journal.NewWriter(journal.Config{
		ID: journal.ID{0xab}, State: journal.State{Epoch: 1}, Slots: [][]byte{make([]byte, 8192), make([]byte, 8192)},
	})
	head := w.Begin(size)
	head.Encode(data[:journal.SegmentHeaderSize])
	e, output := engine.New(), uint64(0)
	apply := func(cmd *engine.Command) {
		cmd.Seq, cmd.Time = e.Seq()+1, 1_700_000_000_000_000_000+e.Seq()
		events := e.Apply(nil, cmd)
		output = engine.FoldOutput(output, events)
		w.Command(cmd.Cells(), cmd.Seq, cmd.Time)
		for i := range events {
			if events[i].Flags&engine.EventTaker != 0 {
				var f engine.Fill
				engine.FillOf(&f, cmd, &events[i-1], &events[i])
				if falsify != nil {
					falsify(&f)
				}
				w.Fill(f.Cell())
			}
		}
	}
	seal := func() {
		w.Seal(e.Hash(), output, 0)
		b, _ := w.Next()
		copy(data[head.Offset(b.Position):], b.Bytes)
		w.Written(b.Slot)
	}
	cmds := make([]engine.Command, 4)
	r := cmds[0].Rules()
	r.Kind, r.Version, r.MaxOrders, r.MaxUsers = engine.KindRules, 1, 100, 4
	in := cmds[1].AsInstrument()
	in.Kind, in.Symbol, in.Tick, in.Lot, in.MaxQty = engine.KindInstrument, [8]byte([]byte("AAPL    ")), 100, 1, 999_999
	in.PriceDecimals, in.MaxPrice = 4, 1_999_999_900
	u := cmds[2].AsUser()
	u.Kind, u.Name = engine.KindUser, [6]byte([]byte("MAKER "))
	d := cmds[3].Day()
	d.Kind, d.Event, d.Session = engine.KindDay, 'S', [10]byte([]byte("2311140001"))
	for i := range cmds {
		apply(&cmds[i])
	}
	seal()
	for text := range strings.Lines("TAKER query\n" + testFlow) {
		var l replay.Line
		if err := l.ParseLine(strings.TrimSuffix(text, "\n")); err != nil {
			t.Fatal(err)
		}
		var cmd engine.Command
		if l.Verb == replay.Query { // the second user comes later
			u := cmd.AsUser()
			u.Kind, u.Name = engine.KindUser, l.User
		} else {
			l.Command(&cmd, replay.Names{User: map[byte]uint16{'M': 1, 'T': 2}[l.User[0]], Instrument: e.Lookup(l.Symbol)})
		}
		apply(&cmd)
		seal()
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, journal.SegmentName(1)), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// flip changes one byte of the journal's segment.
func flip(t *testing.T, dir string, offset int) {
	t.Helper()
	name := filepath.Join(dir, journal.SegmentName(1))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[offset] ^= 0x10
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// in fails the test unless text holds each of the pieces.
func in(t *testing.T, text string, pieces ...string) {
	t.Helper()
	for _, p := range pieces {
		if !strings.Contains(text, p) {
			t.Errorf("missing %q in:\n%s", p, text)
		}
	}
}

// verified is what matcher replay --json prints.
type verified struct {
	Commands, Fills, Blocks uint64
	StateHash               string `json:"state_hash"`
	Identical               bool
	First                   *struct {
		Seq                  uint64
		Field, Expected, Got string
	} `json:"first_divergence"`
	Rate   *uint64                `json:"commands_per_s"`
	Torn   *struct{ File string } `json:"torn_tail"`
	Damage *struct{ Seq uint64 }
}

func object(t *testing.T, text string) (v verified) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&v); err != nil || d.More() {
		t.Fatalf("not one object: %v in %s", err, text)
	}
	return v
}

func TestReplayJournal(t *testing.T) {
	dir := writeJournal(t, nil)
	in(t, do(t, 0, "replay", dir).stdout, "IDENTICAL: 10 commands, 2 fills, ", " in 7 blocks; state hash ")
	v := object(t, do(t, 0, "replay", dir, "--verify", "--json").stdout)
	if !v.Identical || v.Commands != 10 || v.Fills != 2 || v.Blocks != 7 || v.First != nil || v.Rate == nil || len(v.StateHash) != 16 || v.Torn != nil {
		t.Errorf("%+v", v)
	}
	if v := object(t, do(t, 0, "replay", dir, "--json", "--to-seq", "7").stdout); v.Commands != 7 || v.Fills != 0 || !v.Identical {
		t.Errorf("to seq 7: %+v", v)
	}
}

func TestReplayDivergence(t *testing.T) {
	dir := writeJournal(t, func(f *engine.Fill) {
		if f.Match == 2 {
			f.Price++
		}
	})
	o := do(t, exitData, "replay", dir, "--verify", "--json")
	v := object(t, o.stdout)
	if f := v.First; v.Identical || f == nil || f.Seq != 8 || f.Field != "price" || f.Expected != "1500101" || f.Got != "1500100" {
		t.Errorf("%+v", v)
	}
	in(t, o.stderr, "error E3004: ", "seq 8", "price", "1500101")
	in(t, do(t, exitData, "replay", dir).stdout, "DIFFERENT at seq 8 (price): ")
	in(t, do(t, 0, "replay", dir, "--to-seq", "7").stdout, "IDENTICAL: 7 commands")
}

func TestReplayDamage(t *testing.T) {
	dir := writeJournal(t, nil)
	flip(t, dir, 4096+2*4096+200)
	o := do(t, exitData, "replay", dir, "--verify", "--json")
	if v := object(t, o.stdout); v.Identical || v.Damage == nil || v.Damage.Seq != 6 || v.Commands != 5 {
		t.Errorf("%+v", v)
	}
	in(t, o.stderr, "error E3003: ", "bad checksum in the middle of 000001.mj at seq 6 (offset 0x3000)")
	in(t, do(t, exitData, "journal", "verify", dir).stderr, "error E3003: ", "000001.mj", "offset 0x3000")
	in(t, do(t, exitData, "journal", "verify", "--json", dir).stdout, `"intact":false,`, `"offset":12288,"seq":6,`)
	in(t, do(t, exitData, "journal", "dump", dir).stdout, "seq=5 ") // what came before is printed
	dir = writeJournal(t, nil)
	flip(t, dir, 4096+6*4096+200)
	in(t, do(t, exitData, "replay", dir).stderr, "error E3003: ", "the byte at offset 0x70c8 was 0x00", "  or    matcher journal repair DIR --restore-byte")
	flip(t, dir, 4096+6*4096+0) // with a second one it could be a torn write
	flip(t, dir, 4096+6*4096+24)
	in(t, do(t, 0, "replay", dir).stdout, "IDENTICAL: 9 commands", "torn tail: ", "000001.mj from offset 0x7000")
	in(t, do(t, 0, "journal", "verify", dir).stdout, "intact: 9 commands", "torn tail: ")
	in(t, do(t, 0, "journal", "dump", dir).stderr, "torn tail: ")
}

func TestReplayDepth(t *testing.T) {
	dir := writeJournal(t, nil)
	want := "seq\tap1\taq1\tbp1\tbq1\tap2\taq2\tbp2\tbq2\n" + strings.ReplaceAll(`2 0 0 0 0 0 0 0 0
3 0 0 0 0 0 0 0 0
4 0 0 0 0 0 0 0 0
5 0 0 0 0 0 0 0 0
6 1500000 100 0 0 0 0 0 0
7 1500000 100 0 0 1500100 50 0 0
8 1500100 30 0 0 0 0 0 0
9 0 0 0 0 0 0 0 0
10 0 0 0 0 0 0 0 0
`, " ", "\t")
	if got := do(t, 0, "replay", dir, "--depth", "2", "--symbol", "AAPL").stdout; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	got := do(t, 0, "replay", dir, "--depth", "2", "--symbol", "AAPL", "--json", "--to-seq", "7").stdout
	in(t, got, `{"seq":7,"asks":[[1500000,100,1],[1500100,50,1]],"bids":[]}`+"\n")
	in(t, do(t, exitUsage, "replay", dir, "--depth", "2").stderr, "error E4003: --depth needs a symbol")
	none := do(t, exitUsage, "replay", dir, "--depth", "2", "--symbol", "MSFT")
	in(t, none.stderr, "error E2005: ", `no instrument "MSFT"`)
	if none.stdout != "" {
		t.Errorf("a table of no instrument: %q", none.stdout)
	}
}

func TestReplayArguments(t *testing.T) {
	dir := writeJournal(t, nil)
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("hello, world"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stderr string
	}{
		{"neither", []string{text}, exitData, "error E3011: " + text + " is neither a journal nor an ITCH 5.0 file"},
		{"missing", []string{dir + "/none"}, exitEnvironment, "error E1006: " + dir + "/none cannot be read: no such file"},
		{"no journal", []string{t.TempDir()}, exitData, "error E3001: "},
		{"negative depth", []string{dir, "--depth", "-1"}, exitUsage, "error E4004: --depth -1"},
		{"deep", []string{dir, "--depth", "1001"}, exitUsage, "error E4004: --depth 1001"},
		{"long symbol", []string{dir, "--depth", "1", "--symbol", "ABCDEFGHI"}, exitUsage, "error E2005: "},
		{"no orders", []string{text, "--max-orders", "0"}, exitUsage, "error E4004: --max-orders 0"},
		{"orders of a journal", []string{dir, "--max-orders", "10"}, exitUsage, "error E4004: --max-orders has no effect on the replay of a journal"},
		{"what if and touch", []string{dir, "--bbo", "--insert", "seq=1 user=A buy 1 A @ 1"}, exitUsage, "error E4004: --bbo and --insert do not go together"},
		{"more and less", []string{dir, "--remove", "1", "--insert", "seq=1 user=A buy 1 A @ 1"}, exitUsage, "error E4004: --insert and --remove do not go together"},
		{"feed and depth", []string{dir, "--feed", "x", "--depth", "1"}, exitUsage, "error E4004: --depth and --feed do not go together"},
		{"output of nothing", []string{dir, "-o", "x"}, exitUsage, "--output has no effect on the replay of a journal by itself\n  why   it goes with --changes, --bbo, --bars, --hash-every, --against"},
		{"symbol of nothing", []string{dir, "--symbol", "AAPL"}, exitUsage, "error E4004: --symbol has no effect"},
		{"pace of bars", []string{dir, "--bars", "1s", "--symbol", "AAPL", "--speed", "1x"}, exitUsage, "error E4004: --bars and --speed do not go together"},
		{"two forms", []string{dir, "--bbo", "--symbol", "AAPL", "--json", "--format", "csv"}, exitUsage, "error E4004: --json and --format do not go together"},
		{"record without serve", []string{dir, "--record", "x"}, exitUsage, "--record has no effect on the replay of a journal by itself\n  why   it goes with --serve"},
		{"date of a journal", []string{dir, "--date", "2026-01-02"}, exitUsage, "why   it is for files of order flow"},
		{"nobody less", []string{dir, "--remove", "0"}, exitUsage, "error E4004: --remove \"0\" asks for nothing"},
		{"nothing more", []string{dir, "--insert", ""}, exitUsage, "error E4004: --insert \"\" asks for nothing"},
		{"bars of no length", []string{dir, "--bars", "0s", "--symbol", "AAPL"}, exitUsage, "--bars \"0s\" asks for nothing"},
		{"order of nobody", []string{dir, "--order", "99"}, exitUsage, "has the reference 99"},
		{"order of no number", []string{dir, "--order", "x"}, exitUsage, "is no order reference"},
		{"verify of a file", []string{text, "--verify"}, exitUsage, "error E4004: --verify has no effect on " + text},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, do(t, c.code, append([]string{"replay"}, c.args...)...).stderr, c.stderr)
		})
	}
}

// itchFile is a small ITCH 5.0 file: a system event and two orders of TEST, one of them executed in part.
func itchFile() string {
	m := func(body string) string { return string([]byte{0, byte(len(body))}) + body }
	const head, stamp = "\x00\x01\x00\x00", "\x00\x00\x00\x00\x00\x01"
	ref := func(n string) string { return "\x00\x00\x00\x00\x00\x00\x00" + n }
	return m("S\x00\x00\x00\x00"+stamp+"O") +
		m("A"+head+stamp+ref("\x01")+"B\x00\x00\x00\x64TEST    \x00\x00\x27\x10") +
		m("A"+head+stamp+ref("\x02")+"S\x00\x00\x00\x32TEST    \x00\x00\x27\x74") +
		m("E"+head+stamp+ref("\x02")+"\x00\x00\x00\x0a"+ref("\x07"))
}

func TestReplayITCH(t *testing.T) {
	name := filepath.Join(t.TempDir(), "day") // known by how it begins
	if err := os.WriteFile(name, []byte(itchFile()), 0o600); err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll("message_index ap1 aq1 bp1 bq1\n1 0 0 0 0\n2 0 0 10000 100\n3 10100 50 10000 100\n4 10100 40 10000 100\n", " ", "\t")
	o := do(t, 0, "replay", name, "--depth", "1")
	if o.stdout != want {
		t.Errorf("got\n%swant\n%s", o.stdout, want)
	}
	in(t, o.stderr, "TEST: 2 orders left")
	if o := matcher(itchFile(), nil, "replay", "-", "--depth", "1"); o.stdout != want || o.code != 0 {
		t.Errorf("from standard input: %+v", o)
	}
	if got := do(t, 0, "replay", name, "--depth", "1", "--to-seq", "2").stdout; got != want[:strings.Index(want, "3\t")] {
		t.Errorf("to message 2:\n%s", got)
	}
	if got := do(t, 0, "replay", name, "--symbol", "TEST", "--json").stdout; !strings.HasSuffix(got, `{"message_index":4,"asks":[[10100,40,1]],"bids":[[10000,100,1]]}`+"\n") {
		t.Errorf("JSON:\n%s", got)
	}
	in(t, do(t, exitData, "replay", name, "--max-orders", "1").stderr, "error E3011: ", "ITCH message 3 at offset 52")
	file := itchFile()
	if err := os.WriteFile(name+".itch50", []byte(file[:len(file)-1]), 0o600); err != nil {
		t.Fatal(err)
	}
	in(t, do(t, exitData, "replay", name+".itch50").stderr, "error E3011: ", "ITCH message 4 at offset 90", "cut off")
}

func TestReplayRealBook(t *testing.T) {
	base := filepath.Join("..", "..", "..", "shared", "data", "itch-aapl-2019-01-30")
	want, err := os.ReadFile(filepath.Join(base, "expected_top10.tsv"))
	if err != nil {
		t.Skipf("no market data here: %v", err)
	}
	got := do(t, 0, "replay", filepath.Join(base, "aapl_reencoded.itch50"), "--symbol", "AAPL").stdout
	columns, rows, _ := strings.Cut(string(want), "\n")
	if !strings.HasPrefix(got, columns+"\n") || !strings.HasSuffix(got, "\n"+rows) {
		t.Error("the book differs from the independent reconstruction")
	}
}
