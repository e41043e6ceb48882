package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"matcher/engine"
)

func TestJournalDump(t *testing.T) {
	dir := writeJournal(t, nil)
	want := `rules seq=1 time=1700000000000000000 version=1 max_orders=100 max_users=4
instrument seq=2 time=1700000000000000001 symbol=AAPL tick=100 lot=1 max_qty=999999 max_price=1999999900 price_decimals=4 lot_decimals=0
user seq=3 time=1700000000000000002 name=MAKER
day seq=4 time=1700000000000000003 event=S midnight=0 session=2311140001
user seq=5 time=1700000000000000004 name=TAKER
enter seq=6 time=1700000000000000005 instrument=1 user=1 side=S ref=1 qty=100 price=1500000 tif=0 display=Y clordid="a=1" capacity=P cross=N
enter seq=7 time=1700000000000000006 instrument=1 user=1 flags=1 side=S ref=2 qty=50 price=1500100 tif=1 display=A capacity=P cross=N
extension present=2105344 expire=9000000000000000000 group=7
enter seq=8 time=1700000000000000007 instrument=1 user=2 side=B ref=1 qty=120 price=1500100 tif=3 display=Y capacity=P cross=N
`
	got := do(t, 0, "journal", "dump", dir).stdout
	if !strings.HasPrefix(got, want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	objects := do(t, 0, "journal", "dump", dir, "--json").stdout
	if strings.Count(objects, "\n") != strings.Count(got, "\n") {
		t.Errorf("%d objects for %d lines", strings.Count(objects, "\n"), strings.Count(got, "\n"))
	}
	for line := range strings.Lines(objects) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil || v["kind"] == nil {
			t.Errorf("%v: %s", err, line)
		}
	}
	in(t, objects, `{"kind":"enter","seq":6,"time":1700000000000000005,"instrument":1,"user":1,"side":"S","ref":1,"qty":100,"price":1500000,`)
}

// TestCellLine dumps every kind, and bytes that no engine ever wrote.
func TestCellLine(t *testing.T) {
	for kind := range 256 {
		for _, fill := range []byte{0, 'A', 0xff, '"'} {
			cell := make([]byte, engine.CellSize)
			for i := range cell {
				cell[i] = fill
			}
			cell[0] = byte(kind)
			text, object := cellLine{}, cellLine{asJSON: true}
			line := string(text.of(cell))
			var v map[string]any
			if err := json.Unmarshal(object.of(cell), &v); err != nil || strings.Count(line, "\n") != 1 || !strings.HasPrefix(line, v["kind"].(string)) {
				t.Errorf("kind %d of %#x: %v: %q", kind, fill, err, line)
			}
			if named := !strings.HasPrefix(line, "kind"); named != (engine.Kind(kind).Command() || kind == 64 || kind == 127) {
				t.Errorf("kind %d is called %s", kind, line)
			}
		}
	}
}

// TestCellLineVenue holds the lines of the venue's own commands with all their fields, second cells included.
func TestCellLineVenue(t *testing.T) {
	var c engine.Command
	head := func(kind engine.Kind, flags uint8) {
		c = engine.Command{Header: engine.Header{Kind: kind, Flags: flags, Seq: 9, Time: 7}}
	}
	lines := func() (text string) {
		l := cellLine{}
		for cells := c.Cells(); len(cells) > 0; cells = cells[engine.CellSize:] {
			text += string(l.of(cells[:engine.CellSize]))
		}
		return text
	}
	hold := func(want string) {
		t.Helper()
		if got := lines(); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}

	head(engine.KindInstrument, engine.FlagExtension)
	in := c.AsInstrument()
	copy(in.Symbol[:], "GE      ")
	in.Tick, in.Lot, in.MaxQty, in.MaxPrice, in.PriceDecimals, in.Policy = 100, 1, 1000, 5000, 4, engine.PolicyProRata
	*c.Terms() = engine.Terms{
		Kind: engine.KindExtension, FifoPercent: 40, TopPercent: 20, MinAlloc: 2, TopMax: 500, MaxSlices: 100, Collar: 5000, CollarBP: 25,
		MaxPegs: 256, MaxStops: 10_000, Reference: 1_872_500,
	}
	hold("instrument seq=9 time=7 flags=1 symbol=GE tick=100 lot=1 max_qty=1000 max_price=5000 price_decimals=4 lot_decimals=0 policy=1\n" +
		"extension fifo_percent=40 top_percent=20 top_max=500 min_alloc=2 max_slices=100 max_pegs=256 max_stops=10000 collar=5000 collar_bp=25 reference=1872500\n")

	head(engine.KindUser, 0)
	u := c.AsUser()
	copy(u.Name[:], "ALICE ")
	u.OnDrop, u.SelfMatch, u.SelfLevel, u.SelfGroup = 1, 'D', engine.LevelGroup, 300
	hold("user seq=9 time=7 name=ALICE on_drop=1 self_match=D self_level=2 self_group=300\n")

	head(engine.KindDay, 0)
	c.Day().Event, c.Day().Midnight, c.Day().Secret = 'S', 5, 1<<63
	hold("day seq=9 time=7 event=S midnight=5 secret=9223372036854775808\n")

	head(engine.KindTrading, 0)
	c.Instrument, c.Trading().State, c.Trading().Reason = 2, 'H', [4]byte{'T', '1', ' ', ' '}
	hold("trading seq=9 time=7 instrument=2 state=H reason=T1\n")

	head(engine.KindBust, engine.FlagExtension)
	*c.Bust() = engine.Bust{Header: c.Header, Match: 777, Price: 1_872_500, Qty: 40, Reason: 'E'}
	*c.Owners() = engine.Owners{
		Kind:  engine.KindExtension,
		Maker: engine.Owner{User: 1, Idx: 3, Side: 'S', Ref: 4, ClOrdID: [14]byte{'a', ' ', 'b'}},
		Taker: engine.Owner{User: 2, Side: 'B', Ref: 5},
	}
	hold("bust seq=9 time=7 flags=1 match=777 price=1872500 qty=40 reason=E\n" +
		"extension maker_user=1 maker_idx=3 maker_side=S maker_ref=4 maker_clordid=\"a b\" taker_user=2 taker_side=B taker_ref=5\n")

	head(engine.KindCancelFor, 0)
	c.Instrument, c.Side, c.CancelFor().Account, c.CancelFor().Order = engine.AllInstruments, 'B', 3, 44
	hold("cancelfor seq=9 time=7 instrument=65535 side=B account=3 order=44\n")
}

func TestJournalVerify(t *testing.T) {
	dir := writeJournal(t, nil)
	if got := do(t, 0, "journal", "verify", dir).stdout; got != "intact: 10 commands, 2 fills in 7 blocks, last seq 10, end in 000001.mj at offset 0x8000\n" {
		t.Error(got)
	}
	if got := do(t, 0, "journal", "verify", dir, "--json").stdout; got !=
		`{"intact":true,"commands":10,"fills":2,"blocks":7,"bytes":28672,"last_seq":10,"end":{"file":"000001.mj","offset":32768},"torn_tail":null}`+"\n" {
		t.Error(got)
	}
	// A fill that no engine computes is whole all the same: that is for replay to find.
	do(t, 0, "journal", "verify", writeJournal(t, func(f *engine.Fill) { f.Qty++ }))
}

func TestJournalInfo(t *testing.T) {
	dir := writeJournal(t, nil)
	in(t, do(t, 0, "journal", "info", dir).stdout, "id           ab000000000000000000000000000000\n", "commands     10\n",
		"time         2023-11-14T22:13:20.000000000Z to 2023-11-14T22:13:20.000000009Z\n", "sealed       no", "end          000001.mj at offset 0x8000\n")
	var v map[string]any
	if err := json.Unmarshal([]byte(do(t, 0, "journal", "info", dir, "--json").stdout), &v); err != nil || v["epoch"] != 1.0 || v["last_seq"] != 10.0 {
		t.Errorf("%v, %v", v, err)
	}
}

// Damage that is found before the first block is an object too, and only one.
func TestJournalDamageAtOpen(t *testing.T) {
	dir := writeJournal(t, nil)
	file := dir + "/000001.mj"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[100] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"journal", "verify", dir, "--json"}, {"journal", "info", dir, "--json"}, {"replay", dir, "--json"}} {
		o := do(t, exitData, args...)
		var v struct {
			Intact, Identical bool
			Damage            *damageObject
		}
		if err := json.Unmarshal([]byte(o.stdout), &v); err != nil || v.Intact || v.Identical || v.Damage == nil || v.Damage.File != "000001.mj" {
			t.Errorf("%v: %v: %s", args, err, o.stdout)
		}
	}
	if o := do(t, exitData, "journal", "dump", dir, "--json"); o.stdout != "" {
		t.Error(o.stdout)
	}
}

// A journal without a block ends behind its header.
func TestJournalEndOfNothing(t *testing.T) {
	dir := writeJournal(t, nil)
	file := dir + "/000001.mj"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	clear(data[4096:])
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	in(t, do(t, 0, "journal", "verify", dir).stdout, "end in 000001.mj at offset 0x1000\n")
}

func TestJournalArguments(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	in(t, do(t, exitUsage, "journal", "dmp", "x y").stderr, "error E4005: ", "  fix   matcher journal dump 'x y'\n")
	in(t, do(t, exitUsage, "journal", "dump").stderr, "error E4003: ")
	in(t, do(t, exitData, "journal", "dump", file).stderr, "error E3001: "+file+" is not a journal")
	in(t, do(t, exitEnvironment, "journal", "dump", file+"x").stderr, "error E1006: ")
	in(t, do(t, exitData, "journal", "verify", t.TempDir()).stderr, "error E3001: ")
}
