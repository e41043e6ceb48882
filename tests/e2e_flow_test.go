package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"matcher/replay"
	"matcher/tests/twin"
)

// Files of real order flow, which are not part of the project.
const (
	itchFile   = "../../shared/data/itch-aapl-2019-01-30/aapl_reencoded.itch50"
	levelsFile = "../../shared/data/itch-aapl-2019-01-30/expected_top10.tsv"
	hourFile   = "../../shared/data/lobster-aapl-2012-06-21/AAPL_2012-06-21_34200000_37800000_message_50.csv"
)

// realFlow skips a test where the real order flow is not at hand.
func realFlow(t *testing.T, file string) string {
	t.Helper()
	if _, err := os.Stat(file); err != nil {
		t.Skipf("no real order flow here: %v", err)
	}
	return file
}

// TestReplayITCH holds the book after each message of a real file against an independent reconstruction.
func TestReplayITCH(t *testing.T) {
	file := realFlow(t, itchFile)
	v := newVenue(t, "0.01")
	rows := map[string]string{}
	for row := range strings.Lines(v.must(0, "replay", file, "--depth", "10")) {
		index, _, _ := strings.Cut(row, "\t")
		rows[index] = row
	}
	if len(rows) < 10_000 {
		t.Errorf("%d rows, want one for each of the file's messages about the book", len(rows))
	}
	want, err := os.ReadFile(levelsFile)
	if err != nil {
		t.Fatal(err)
	}
	n := -1 // the header
	for row := range strings.Lines(string(want)) {
		index, _, _ := strings.Cut(row, "\t")
		if rows[index] != row {
			t.Fatalf("row %s\n got  %s want %s", index, rows[index], row)
		}
		n++
	}
	if n != 9_999 {
		t.Errorf("%d rows compared, want 9,999", n)
	}
}

// expected is what is known of a flow beforehand; 0: nothing.
type expected struct {
	commands, fills, open int
}

func TestFlowAAPL(t *testing.T) {
	file := realFlow(t, itchFile)
	v := newVenue(t, "0.0001", "MAKER", "TAKER")
	flow := v.path("day.flow")
	v.must(0, "import", "itch", file, "-o", flow)
	v.roundTrip(flow, expected{10_054, 907, 5_815})
}

// TestFlowLOBSTER is the load test: an hour of real flow.
func TestFlowLOBSTER(t *testing.T) {
	if testing.Short() {
		t.Skip("an hour of real flow is left out with -short")
	}
	file := realFlow(t, hourFile)
	v := newVenue(t, "0.0001", "MAKER", "TAKER")
	flow := v.path("day.flow")
	v.must(0, "import", "lobster", file, "-o", flow)
	v.roundTrip(flow, expected{89_712, 4_104, 380})
}

func TestFlowSynthetic(t *testing.T) {
	again(t)
	v := newVenue(t, "0.0001", "MAKER", "TAKER")
	v.roundTrip(v.write("day.flow", synthetic(*seed, 3_000, true)), expected{commands: 3_000})
}

// roundTrip sends a flow to a server and holds everything that comes of it against the twin.
func (v *venue) roundTrip(flow string, known expected) {
	t := v.t
	t.Helper()
	o := foretell(t, flow, "MAKER", "TAKER")
	if o.commands != known.commands || known.fills != 0 && (int(o.twin.Fills()) != known.fills || o.twin.Open() != known.open) {
		t.Fatalf("the flow has %d commands, the twin %d fills and %d open orders; want %+v", o.commands, o.twin.Fills(), o.twin.Open(), known)
	}
	s := v.serve()
	start := time.Now()
	v.must(0, "send", "-f", flow, "--keys", v.keys, "--to", s.addr)
	took := time.Since(start)
	v.settled(o, s)
	t.Logf("%d commands, %d fills, %d open; sent in %s: %.0f commands/s, one process for both users", o.commands, o.twin.Fills(),
		o.twin.Open(), took.Round(time.Millisecond), float64(o.commands)/took.Seconds())
}

// settled holds the day of a running server against the twin, stops it, and holds the journal against the twin.
func (v *venue) settled(o *oracle, s *server) map[string]stream {
	t := v.t
	t.Helper()
	days, orders, lots := map[string]stream{}, 0, uint64(0)
	for user := range o.want {
		day := v.day(s.addr, user)
		o.compare(t, user, day)
		n, q := balance(t, user, day)
		days[user], orders, lots = day, orders+n, lots+q
	}
	if left := s.stop(patience); left.code != 0 {
		t.Errorf("exit %d: %s", left.code, left.stderr)
	}
	j := o.books(t, v.journal())
	if orders != o.twin.Open() || lots != o.displayed() {
		t.Errorf("the owners know of %d open orders with %d lots displayed, the book of %d with %d", orders, lots, o.twin.Open(), o.displayed())
	}
	v.verified(j)
	v.lastRow(o)
	return days
}

// verified asks the binary for its own opinion of the journal.
func (v *venue) verified(j *replay.Journal) {
	v.t.Helper()
	var got struct {
		Commands  uint64 `json:"commands"`
		Fills     uint64 `json:"fills"`
		Identical bool   `json:"identical"`
		StateHash string `json:"state_hash"`
	}
	text := v.must(0, "replay", v.journal(), "--verify", "--json")
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		v.t.Fatal(err, text)
	}
	hash, err := strconv.ParseUint(got.StateHash, 16, 64)
	if c := j.Counts(); err != nil || !got.Identical || got.Commands != c.Commands || got.Fills != c.Fills || hash != j.Engine().Hash() {
		v.t.Errorf("%v\ngot  %s\nwant %+v, hash %016x", err, text, c, j.Engine().Hash())
	}
}

// lastRow holds the book that the binary prints after the last command against the twin's.
func (v *venue) lastRow(o *oracle) {
	v.t.Helper()
	rows := strings.Split(strings.TrimSuffix(v.must(0, "replay", v.journal(), "--depth", "10", "--symbol", "AAPL"), "\n"), "\n")
	_, got, _ := strings.Cut(rows[len(rows)-1], "\t")
	var want strings.Builder
	for i := range 10 {
		for _, side := range []uint8{'S', 'B'} {
			level := twin.Level{}
			if levels := o.twin.Depth(1, side, 10); i < len(levels) {
				level = levels[i]
			}
			fmt.Fprintf(&want, "\t%d\t%d", level.Price, level.Qty)
		}
	}
	if got != strings.TrimPrefix(want.String(), "\t") {
		v.t.Errorf("the last row of the journal is\n %s, want\n%s", got, want.String())
	}
}
