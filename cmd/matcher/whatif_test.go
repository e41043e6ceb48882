package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mixedFlow trades much, with random icebergs, hidden orders, replaces and cancels, in a market that moves.
func mixedFlow(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		base := 1_500_000 + i%97
		fmt.Fprintf(&b, "@%d MAKER enter %d S %d AAPL %d 0 %s\n", 34_200_000_000_000+i*1_000_000, i, 40+i%13, base+i%7, [...]string{"Y", "N", "Y maxfloor=10 random=5"}[i%3])
		fmt.Fprintf(&b, "TAKER enter %d B %d AAPL %d %d Y\n", i, 20+i%17, base+i%9-3, []int{3, 0}[i%2])
		if i%5 == 4 {
			fmt.Fprintf(&b, "MAKER cancel %d 0\n", i-2)
		}
	}
	return b.String()
}

// An order that never trades leaves everything else as it was; one that trades changes what it says it changes.
func TestWhatIfInsert(t *testing.T) {
	j := recorded(t, mixedFlow(400))
	at := `t=2026-01-02T09:30:00.2Z user=TAKER `
	for _, order := range []string{"buy 1000 AAPL @ 1.00", "sell 7 AAPL @ 100000", "buy 5 AAPL @ 149 hidden", "buy 100 AAPL @ 1.00 ioc"} {
		o := do(t, 0, "replay", j, "--insert", at+order)
		in(t, o.stdout, "order   accepted: true; 0 fills, 0 lots, ", "every event of 885 commands is as it was recorded")
	}
	o := do(t, 0, "replay", j, "--json", "--insert", at+"buy 100 AAPL @ market ioc")
	lines := strings.Split(strings.TrimSpace(o.stdout), "\n")
	var r whatIfResult
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil {
		t.Fatal(err)
	}
	if r.Filled == 0 || r.Fills == 0 || r.First == 0 || r.Gained == 0 || r.Notional < r.Filled*1_500_000 {
		t.Errorf("%+v\n%s", r, o.stdout)
	}
	for text, says := range map[string]string{
		"buy 100 AAPL @ 1":                        "needs user= and t= or seq=",
		"t=now user=TAKER buy 100 AAPL @ 1":       "is no time",
		"seq=9 user=TAKER buy 100 AAPL":           "it is not buy or sell",
		"seq=9 user=TAKER qty=100 buy 1 AAPL @ 1": "nothing is called",
		"seq=9 user=NOBODY buy 100 AAPL @ 1":      "never had user NOBODY",
		"seq=9000 user=TAKER buy 100 AAPL @ 1":    "ends before",
		"seq=9 user=TAKER buy 100 AAPL @ 1.23456": "more than 4 decimals",
	} {
		in(t, do(t, exitUsage, "replay", j, "--insert", text).stderr, says)
	}
}

// An order with any instruction of matcher send that never trades leaves everything else as it was.
func TestWhatIfInstructions(t *testing.T) {
	j := recorded(t, mixedFlow(400))
	at := `t=2026-01-02T09:30:00.2Z user=TAKER `
	for _, order := range []string{
		"buy 100 AAPL @ 1.00 --display 10", "buy 100 AAPL @ 1 --display=10 --random 3", "buy 100 AAPL @ 1.00 --hidden",
		"sell 100 AAPL @ 1000 --post-only", "sell 100 AAPL @ 1000 --post-only=reprice", "buy 100 AAPL @ 1 --tif ioc", "buy 100 AAPL @ 1 --tif fok",
		"buy 100 AAPL @ 1 --tif gtc", "buy 100 AAPL @ 1 ioc --min-qty 50", "buy 100 AAPL @ 1 --min-qty 50", "buy 100 AAPL @ 1 --all-or-none",
		"buy 100 AAPL @ 1 --ttl 1s", "buy 100 AAPL @ 1 --expire 90s", "buy 100 AAPL @ 1 --expire 2026-01-02T09:30:00.3Z",
		"buy 100 AAPL @ 1 --peg primary", "buy 100 AAPL @ 1 --peg midpoint", "buy 100 AAPL @ 1 --peg primary --peg-offset -0.10",
		"sell 100 AAPL market --stop 1.00", "sell 100 AAPL market --stop 2.00 --trail 148", "buy 100 AAPL @ 1 --stop 900 --trigger ask", "buy 100 AAPL @ 1 --self-match newest",
	} {
		o := do(t, 0, "replay", j, "--insert", at+order)
		in(t, o.stdout, "order   accepted: true; 0 fills, 0 lots, ", "every event of 885 commands is as it was recorded")
	}
	in(t, do(t, 0, "replay", j, "--insert", at+"buy 100 AAPL market ioc --min-qty 30").stdout, "accepted: true; ", "average price")
	in(t, do(t, 0, "replay", j, "--insert", at+"sell 100 AAPL market --stop 900").stdout, "accepted: false; ", "rejected, code 0x001d") // the stop would fire at once
	for text, says := range map[string]string{
		at + "buy 100 AAPL @ 1 --display":                        "--display needs a value",
		at + "buy 100 AAPL @ 1 --dismay 3":                       "has no flag --dismay",
		at + "buy 100 AAPL @ 1 --help":                           "an order, not a question",
		at + "buy 100 AAPL @ 1 --peg north":                      "no word for it",
		at + "buy 100 AAPL @ 1 --expire 2026-01-02T09:30:00Z":    "is over",
		"seq=9 user=TAKER buy 100 AAPL @ 1 --expire 90s":         "needs t=",
		at + "buy 100 AAPL @ 1 ioc --ttl 9s":                     "does not go with",
		at + "buy 100 AAPL @ 1 --all-or-none --min-qty 3":        "two words for one thing",
		at + "buy 100.5 AAPL @ 1":                                "lots",
		"seq=9 user=TAKER --tif=gtc buy 100 AAPL @ 1 --tif nine": "no time in force",
	} {
		in(t, do(t, exitUsage, "replay", j, "--insert", text).stderr, says)
	}
}

// Segments that were archived are part of the journal for whoever reads it from its birth.
func TestArchivedIsRead(t *testing.T) {
	j := recorded(t, mixedFlow(60))
	archive := t.TempDir()
	if err := errors.Join(os.Rename(filepath.Join(j, "000001.mj"), filepath.Join(archive, "000001.mj")),
		os.WriteFile(filepath.Join(j, "archived"), []byte(archive+"\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	in(t, do(t, 0, "replay", j, "--remove", "1").stdout, "gained")
	do(t, 0, "report", j, "-o", filepath.Join(t.TempDir(), "r.html"))
}

func TestWhatIfQueue(t *testing.T) {
	j := recorded(t, queueFlow)
	o := do(t, 0, "replay", j, "--insert", "seq=7 user=MAKER sell 30 AAPL @ 150")
	in(t, o.stdout, "ahead 150 lots in 2 orders, 30 left", "ahead 30 lots in 1 order, 30 left", "ahead 0 lots in 0 orders, 30 left", "every event of 12 commands is as it was recorded")
	o = do(t, 0, "replay", j, "--insert", "seq=4 user=MAKER sell 130 AAPL @ 149.99")
	in(t, o.stdout, "1 fill, 120 lots, 10 left, average price 149.990000", "lost\t")
}

// What --order tells of an order: its events under its own name and every later one, and where it stands.
func TestReplayOrder(t *testing.T) {
	j := recorded(t, `MAKER enter 1 S 100 AAPL 1500000 0 Y
MAKER enter 2 S 50 AAPL 1500000 0 Y
TAKER enter 1 B 120 AAPL 1500000 3 Y
MAKER replace 2 4 40 1500100 0 Y
MAKER enter 5 S 90 AAPL 1500100 0 Y maxfloor=20
MAKER enter 6 S 10 AAPL 1500100 0 Y
TAKER enter 2 B 45 AAPL 1500100 3 Y
`)
	got := do(t, 0, "replay", j, "--order", "2,5").stdout
	var lines []string
	for line := range strings.Lines(got) {
		if words := strings.SplitN(strings.TrimSpace(line), "\t", 4); len(words) == 4 {
			lines = append(lines, words[0]+" "+words[1]+" "+words[3])
		}
	}
	want := `order 6 2: A MAKER ref 2: 50 at 1500000, 50 left
queue 6 2: ahead 100 lots in 1 order, 50 left at 1500000
order 8 2: E MAKER ref 2: 20 at 1500000, 30 left
queue 8 2: ahead 0 lots in 0 orders, 30 left at 1500000
order 9 2: U MAKER ref 4: 20 at 1500100, 20 left
queue 9 2: ahead 0 lots in 0 orders, 20 left at 1500100
order 10 5: A MAKER ref 5: 90 at 1500100, 90 left
queue 10 5: ahead 20 lots in 1 order, 90 left at 1500100
order 12 2: E MAKER ref 4: 20 at 1500100, 0 left
order 12 5: E MAKER ref 5: 20 at 1500100, 70 left
order 12 5: R MAKER ref 5: 20 at 1500100, 70 left
queue 12 5: ahead 5 lots in 1 order, 70 left at 1500100`
	if strings.Join(lines, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), want)
	}
	in(t, do(t, 0, "replay", j, "--order", "2", "--json").stdout, `{"ahead_lots":100,"ahead_orders":1,"leaves":50,"pending":false,"price":1500000,"queue":6,"reference":2,`)
}

// At an order's own events --order says what the export says in its columns.
func TestReplayOrderAsExported(t *testing.T) {
	for name, j := range map[string]string{"every order type": recorded(t, everyFlow(9, 600)), "every1": goldenJournal(t, "every1")} {
		t.Run(name, func(t *testing.T) {
			type row struct {
				Seq, Order, Link uint64
				Event            string
				Ahead            uint64 `json:"ahead_lots"`
				Orders           uint64 `json:"ahead_orders"`
				Price            uint64
			}
			was := map[uint64]map[uint64]row{} // the last row of each command about each order, by the reference it entered with
			first, refs := map[uint64]uint64{}, []string{}
			for d := json.NewDecoder(strings.NewReader(do(t, 0, "journal", "export", j, "--events", "--format", "json").stdout)); d.More(); {
				var r row
				if err := d.Decode(&r); err != nil {
					t.Fatal(err)
				}
				origin := first[r.Order]
				if r.Event == "U" || r.Event == "T" || r.Event == "R" {
					origin = first[r.Link]
					first[r.Order] = origin
				}
				if r.Event == "A" && origin == 0 {
					origin, first[r.Order] = r.Order, r.Order
					was[origin] = map[uint64]row{}
					refs = append(refs, fmt.Sprint(origin))
				}
				if origin != 0 {
					was[origin][r.Seq] = r
				}
			}
			stands := map[uint64]row{} // what was said last
			compared := 0
			check := func(reference, seq uint64) {
				if now, said := stands[reference]; said && was[reference][seq].Seq != 0 && now.Seq != 0 {
					if r := was[reference][seq]; r.Ahead != now.Ahead || r.Orders != now.Orders {
						t.Errorf("order %d at seq %d: %d lots in %d orders, the export says %d in %d", reference, seq, now.Ahead, now.Orders, r.Ahead, r.Orders)
					}
					compared++
				}
			}
			var open row // the order whose lines of a command are being read
			for d := json.NewDecoder(strings.NewReader(do(t, 0, "replay", j, "--json", "--order", strings.Join(refs, ",")).stdout)); d.More(); {
				var l struct {
					Order                 string
					Queue, Seq, Reference uint64
					Lots                  uint64 `json:"ahead_lots"`
					Orders                uint64 `json:"ahead_orders"`
					Leaves                uint64
				}
				if err := d.Decode(&l); err != nil {
					t.Fatal(err)
				}
				seq := max(l.Seq, l.Queue)
				if open.Order != l.Reference || open.Seq != seq {
					check(open.Order, open.Seq)
					open = row{Order: l.Reference, Seq: seq}
				}
				if l.Queue != 0 {
					stands[l.Reference] = row{Seq: seq, Ahead: l.Lots, Orders: l.Orders}
				} else if l.Leaves == 0 {
					delete(stands, l.Reference)
				}
			}
			if compared < 50 {
				t.Errorf("%d places were compared", compared)
			}
		})
	}
}

func TestWhatIfRemove(t *testing.T) {
	j := recorded(t, queueFlow)
	in(t, do(t, 0, "replay", j, "--remove", "3").stdout, "every event of 12 commands is as it was recorded")
	in(t, do(t, 0, "replay", j, "--remove", "1").stdout, "gained\t9\t", "E MAKER ref 3: 70 at 1500000, 0 left", "4 events lost, 4 events gained, from seq 9 on; volume +0 lots") // the hidden one gives what is missing
	in(t, do(t, exitUsage, "replay", j, "--remove", "77").stderr, "got the reference 77")
}

func TestReplaySeries(t *testing.T) {
	j := recorded(t, queueFlow)
	in(t, do(t, 0, "replay", j, "--bbo", "--symbol", "AAPL").stdout, "seq\ttime\tbid\tbid_lots\task\task_lots\n5\t1767346200000000001\t0\t0\t1500000\t100\n6\t", "\t1500000\t150\n9\t", "\t1500000\t30\n12\t", "\t0\t0\n")
	in(t, do(t, 0, "replay", j, "--bars", "1m", "--symbol", "AAPL", "--json").stdout, `{"start":1767346200000000000,"open":1500000,"high":1500000,"low":1500000,"close":1500000,"lots":120,"trades":2,"notional":180000000,`)
	in(t, do(t, 0, "replay", j, "--depth", "2", "--changes", "--symbol", "AAPL").stdout, "\tS\t1500000\t100\t1\n6\t", "\tS\t1500000\t150\t2\n", "\tS\t1500000\t30\t1\n")
	long := recorded(t, mixedFlow(400))
	npz := filepath.Join(t.TempDir(), "bars.npz")
	do(t, 0, "replay", long, "--bars", "10ms", "--symbol", "AAPL", "--format", "npz", "-o", npz)
	if info, err := os.Stat(npz); err != nil || info.Size() < 1000 {
		t.Error(info, err)
	}
	in(t, do(t, 0, "replay", long, "--until", "2026-01-02T09:30:00.2Z").stdout, "IDENTICAL: 444 commands")
	do(t, exitUsage, "replay", long, "--until", "17")
	do(t, exitUsage, "replay", long, "--bbo")
	do(t, exitUsage, "replay", long, "--speed", "fast")
	in(t, do(t, 0, "replay", j, "--speed", "1000x").stdout, "IDENTICAL")
}

// The gate of an upgrade: hashes that one build wrote are compared by another.
func TestHashes(t *testing.T) {
	j, other := recorded(t, mixedFlow(300)), recorded(t, strings.Replace(mixedFlow(300), "TAKER enter 200 B 33", "TAKER enter 200 B 34", 1))
	file := filepath.Join(t.TempDir(), "hashes")
	do(t, 0, "replay", j, "--hash-every", "100", "-o", file)
	in(t, do(t, 0, "replay", j, "--against", file).stderr, "7 lines compared")
	o := do(t, exitData, "replay", other, "--against", file)
	in(t, o.stderr, "error E3004", "seq 500", "hash")
	short := recorded(t, mixedFlow(200))
	in(t, do(t, exitData, "replay", short, "--against", file).stderr, "E3004") // hashes behind the end of the journal
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	in(t, do(t, exitData, "replay", j, "--against", file).stderr, "no file of hashes")
}

// goldenJournal gives a journal of replay/testdata/golden the zeros that its files lie there without.
func goldenJournal(t *testing.T, name string) string {
	t.Helper()
	stored, dir := filepath.Join("..", "..", "replay", "testdata", "golden", name), t.TempDir()
	files, err := filepath.Glob(filepath.Join(stored, "*.mj"))
	if err != nil || len(files) == 0 {
		t.Fatal("no golden journal", name, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.Base(file))
		if err := errors.Join(os.WriteFile(to, data, 0o600), os.Truncate(to, int64(binary.LittleEndian.Uint64(data[56:])))); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Whatever reads journals reads every kind of command, over restarts and days.
func TestGoldenReaders(t *testing.T) {
	for _, name := range []string{"flow1", "every1", "drawn1"} {
		t.Run(name, func(t *testing.T) {
			j, out := goldenJournal(t, name), t.TempDir()
			symbol := map[string]string{"drawn1": "A"}[name]
			if symbol == "" {
				symbol = "AAPL"
			}
			in(t, do(t, 0, "replay", j, "--verify").stdout, "IDENTICAL: ")
			in(t, do(t, 0, "journal", "diff", j, goldenJournal(t, name)).stdout, "SAME: ")
			for _, args := range []string{
				"journal verify J", "journal info J", "journal dump J", "journal dump J --json", "snapshot create J", "snapshot verify J", "report J -o OUT/r.html",
				"journal export J --format csv", "journal export J --format json --events", "journal export J -o OUT/c.npz", "journal export J --events -o OUT/e.npz",
				"journal export J --format struct-npy -o OUT/s.npy", "journal export J --format npy -o OUT/columns",
				"journal export J --format lobster --symbol S -o OUT/message.csv", "journal export J --format hftbacktest --symbol S -o OUT/h.npy",
				"replay J --feed OUT/f.itch50", "replay J --depth 3 --symbol S", "replay J --bbo --symbol S", "replay J --bars 1s --symbol S", "replay J --depth 3 --changes --symbol S",
				"replay J --hash-every 10",
			} {
				words := strings.Fields(strings.NewReplacer(" J", " "+j, " S ", " "+symbol+" ", "OUT", out).Replace(args + " "))
				if o := do(t, 0, words...); strings.Contains(o.stderr, "error") {
					t.Errorf("%s: %s", args, o.stderr)
				}
			}
		})
	}
}

// What comes due just before an order that is removed comes due all the same.
func TestWhatIfRemoveBehindExpiry(t *testing.T) {
	j := recorded(t, `@34200000000000 MAKER enter 1 S 100 AAPL 1500000 6 Y ttl=1
@34202000000000 TAKER enter 1 B 10 AAPL 1400000 0 Y
@34203000000000 TAKER enter 2 B 10 AAPL 1400000 0 Y
`)
	in(t, do(t, 0, "replay", j, "--remove", "2").stdout, "every event of 8 commands is as it was recorded")
}
