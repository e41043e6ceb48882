package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"matcher/engine"
	"matcher/journal"
)

// recorder plays the server: it executes commands and writes what happened to a journal in memory. The functions, where
// they are set, falsify what is written.
type recorder struct {
	engine  *engine.Engine
	w       *journal.Writer
	data    []byte   // of the last segment
	earlier [][]byte // the segments before it
	head    journal.SegmentHeader
	now     uint64 // time of the commands; 0: one of its own
	output  uint64
	events  []engine.Event
	fills   uint64

	onCommand func(c *engine.Command)
	onFill    func(f *engine.Fill) bool // false: not written
	onSeal    func(state, output *uint64)
}

const testPages = 3 // of a slot: small, so that fills outgrow a block

func newRecorder(size int) *recorder {
	r := &recorder{engine: engine.New()}
	r.begin(size, journal.State{})
	return r
}

// begin goes on in a segment and an epoch of their own.
func (r *recorder) begin(size int, at journal.State) {
	at.Epoch++
	r.w = journal.NewWriter(journal.Config{
		ID: journal.ID{1}, State: at, Slots: [][]byte{make([]byte, testPages*journal.BlockUnit), make([]byte, testPages*journal.BlockUnit)},
	})
	r.head = r.w.Begin(uint64(size))
	r.data = make([]byte, size)
	r.head.Encode(r.data[:journal.SegmentHeaderSize])
}

// fence ends an epoch as a venue that is stopped does, and begins the next.
func (r *recorder) fence() {
	r.w.Seal(r.engine.Hash(), r.output, journal.FlagSeal)
	r.submit()
	r.earlier = append(r.earlier, r.data)
	r.begin(len(r.data), r.w.State())
}

// apply executes a command at the next sequence number and journals it with its fills.
func (r *recorder) apply(cmd *engine.Command) []engine.Event {
	cmd.Seq, cmd.Time = r.engine.Seq()+1, r.now
	if r.now == 0 {
		cmd.Time = 1_000_000 + r.engine.Seq()/3
	}
	r.events = r.engine.Apply(r.events[:0], cmd)
	r.output = engine.FoldOutput(r.output, r.events)
	for !r.w.Room() {
		r.submit()
	}
	written := *cmd
	if r.onCommand != nil {
		r.onCommand(&written)
	}
	r.w.Command(written.Cells(), written.Seq, written.Time)
	for i := range r.events {
		if r.events[i].Flags&engine.EventTaker == 0 {
			continue
		}
		var f engine.Fill
		engine.FillOf(&f, cmd, &r.events[i-1], &r.events[i])
		r.fills++
		if r.onFill == nil || r.onFill(&f) {
			r.write(&f)
		}
	}
	return r.events
}

func (r *recorder) write(f *engine.Fill) {
	for !r.w.Fill(f.Cell()) {
		r.submit()
	}
}

// seal ends the open block.
func (r *recorder) seal() {
	state, output := r.engine.Hash(), r.output
	if r.onSeal != nil {
		r.onSeal(&state, &output)
	}
	r.w.Seal(state, output, 0)
	r.submit()
}

// submit writes what is closed.
func (r *recorder) submit() {
	if r.w.Pending() == 0 {
		r.w.Seal(r.engine.Hash(), r.output, 0)
	}
	for r.w.Pending() > 0 {
		b, _ := r.w.Next()
		copy(r.data[r.head.Offset(b.Position):], b.Bytes)
		r.w.Written(b.Slot)
	}
}

func (r *recorder) files() fstest.MapFS {
	files := fstest.MapFS{}
	for i, data := range append(r.earlier, r.data) {
		files[journal.SegmentName(uint32(i+1))] = &fstest.MapFile{Data: data}
	}
	return files
}

// text applies lines of a flow.
func (r *recorder) text(flow string) {
	var cmd engine.Command
	for text := range strings.Lines(flow) {
		var l Line
		if err := l.ParseLine(strings.TrimSpace(text)); err != nil {
			panic(err)
		}
		user := uint16(1)
		if l.User[0] == 'T' {
			user = 2
		}
		l.Command(&cmd, Names{User: user, Instrument: r.engine.Lookup(l.Symbol)})
		r.apply(&cmd)
	}
}

// opened is a recorder behind the commands that every venue begins with: seq 1 to 5.
func opened(size int) *recorder {
	r := newRecorder(size)
	for _, cmd := range venueCommands(10_000) {
		r.apply(&cmd)
	}
	return r
}

const smallFlow = `MAKER enter 1 S 100 AAPL 1500000 0 Y
MAKER enter 2 S 50 AAPL 1500100 0 N
TAKER enter 1 B 120 AAPL 1500100 3 Y ttl=0
TAKER enter 2 B 120 AAPL 1500100 3 Y
MAKER cancel 2 40`

// all executes a journal to its end.
func all(j *Journal) error {
	for {
		if _, _, err := j.Next(); err != nil {
			return err
		}
	}
}

func ExampleJournal() {
	r := opened(1 << 20)
	r.text(smallFlow)
	r.seal()
	j, err := Open(r.files())
	if err != nil {
		fmt.Println(err)
		return
	}
	for {
		cmd, events, err := j.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d: kind %d, %d events\n", cmd.Seq, cmd.Kind, len(events))
	}
	fmt.Printf("%+v, %d orders left, same state %t\n", j.Counts(), j.Engine().Open(), j.Engine().Hash() == r.engine.Hash())
	// Output:
	// 1: kind 32, 0 events
	// 2: kind 33, 0 events
	// 3: kind 34, 0 events
	// 4: kind 34, 0 events
	// 5: kind 35, 2 events
	// 6: kind 16, 1 events
	// 7: kind 16, 1 events
	// 8: kind 16, 1 events
	// 9: kind 16, 5 events
	// 10: kind 18, 1 events
	// {Commands:10 Fills:2 Blocks:1 Events:11}, 1 orders left, same state true
}

// TestJournalDivergence falsifies what is written, one thing at a time.
func TestJournalDivergence(t *testing.T) {
	fill := func(change func(f *engine.Fill)) func(r *recorder) {
		return func(r *recorder) {
			r.onFill = func(f *engine.Fill) bool {
				if f.Match == 2 {
					change(f)
				}
				return true
			}
		}
	}
	tests := []struct {
		name    string
		falsify func(r *recorder)
		want    Divergence
	}{
		{"match", fill(func(f *engine.Fill) { f.Match = 7 }), Divergence{9, "match", "7", "2"}},
		{"maker", fill(func(f *engine.Fill) { f.Maker++ }), Divergence{9, "maker", "3", "2"}},
		{"taker", fill(func(f *engine.Fill) { f.Taker++ }), Divergence{9, "taker", "4", "3"}},
		{"price", fill(func(f *engine.Fill) { f.Price-- }), Divergence{9, "price", "1500099", "1500100"}},
		{"qty", fill(func(f *engine.Fill) { f.Qty++ }), Divergence{9, "qty", "21", "20"}},
		{"leaves", fill(func(f *engine.Fill) { f.MakerLeaves++ }), Divergence{9, "maker's leaves", "31", "30"}},
		{"flags", fill(func(f *engine.Fill) { f.Flags = 0 }), Divergence{9, "flags", "0", "10"}},
		{"instrument", fill(func(f *engine.Fill) { f.Instrument = 2 }), Divergence{9, "instrument", "2", "1"}},
		{"user", fill(func(f *engine.Fill) { f.User = 1 }), Divergence{9, "user", "1", "2"}},
		{"idx", fill(func(f *engine.Fill) { f.Idx = 1 }), Divergence{9, "idx", "1", "0"}},
		{"side", fill(func(f *engine.Fill) { f.Side = 'S' }), Divergence{9, "side", "83", "66"}},
		{"time", fill(func(f *engine.Fill) { f.Time++ }), Divergence{9, "time", "1000003", "1000002"}},
		{"fill left out", func(r *recorder) {
			r.onFill = func(f *engine.Fill) bool { return f.Match != 2 }
		}, Divergence{9, "fill", "no more fills", "match 2"}},
		{"fill too many", func(r *recorder) {
			r.onFill = func(f *engine.Fill) bool {
				if f.Match == 2 {
					r.write(f)
				}
				return true
			}
		}, Divergence{9, "fill", "match 2", "no more fills"}},
		{"command of a later version", func(r *recorder) {
			r.onCommand = func(c *engine.Command) {
				if c.Seq == 10 {
					c.Kind = 63
				}
			}
		}, Divergence{10, "kind", "kind 63", "no command of this version"}},
		{"order", func(r *recorder) {
			r.onCommand = func(c *engine.Command) {
				if c.Seq == 6 {
					c.Enter().Price = 1500001
				}
			}
		}, Divergence{9, "price", "1500000", "1500001"}},
		{"unbounded memory", func(r *recorder) {
			r.onCommand = func(c *engine.Command) {
				if c.Seq == 10 {
					c.Kind = engine.KindRules
					c.Rules().MaxOrders = 1 << 31
				}
			}
		}, Divergence{10, "max orders", "2147483648", "67108863"}},
		{"time goes back", func(r *recorder) {
			r.onCommand = func(c *engine.Command) {
				if c.Seq == 10 {
					c.Time = 5
				}
			}
		}, Divergence{10, "time", "5", "at least 1000002"}},
		{"state hash", func(r *recorder) {
			r.onSeal = func(state, _ *uint64) { *state = 0xabc }
		}, Divergence{10, "state hash", "0000000000000abc", ""}},
		{"output hash", func(r *recorder) {
			r.onSeal = func(_, output *uint64) { *output = 0xabc }
		}, Divergence{10, "output hash", "0000000000000abc", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := opened(1 << 20)
			tt.falsify(r)
			r.text(smallFlow)
			r.seal()
			j, err := Open(r.files())
			if err != nil {
				t.Fatal(err)
			}
			var d *Divergence
			if err := all(j); !errors.As(err, &d) {
				t.Fatalf("got %v, want a Divergence", err)
			}
			if tt.want.Got == "" {
				tt.want.Got = d.Got
			}
			if *d != tt.want || !strings.Contains(d.Error(), tt.want.Expected) {
				t.Errorf("got %+v, want %+v", *d, tt.want)
			}
			if _, _, again := j.Next(); again != error(d) {
				t.Errorf("then %v", again)
			}
			if err := j.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestJournalRuns has commands whose fills outgrow their block, so that runs of `more` blocks come about, and seals at
// random places. The seed is printed: go test ./replay -run Runs with seed in the call of rand.NewPCG.
func TestJournalRuns(t *testing.T) {
	const seed = 1
	rng := rand.New(rand.NewPCG(seed, 2))
	r := opened(8 << 20)
	refs := [2]int{}
	for range 60 {
		for range rng.IntN(400) {
			refs[0]++
			r.text(fmt.Sprintf("MAKER enter %d S 1 AAPL 1500000 0 Y", refs[0]))
			if rng.IntN(20) == 0 {
				r.seal()
			}
		}
		refs[1]++
		r.text(fmt.Sprintf("TAKER enter %d B %d AAPL 1500000 3 Y", refs[1], 1+rng.IntN(500)))
	}
	r.seal()
	runs := 0
	blocks, err := journal.Open(r.files())
	if err != nil {
		t.Fatal(err)
	}
	for b, err := blocks.Next(); err == nil; b, err = blocks.Next() {
		if b.More() {
			runs++
		}
	}
	j, err := Open(r.files())
	if err != nil {
		t.Fatal(err)
	}
	if err := all(j); err != io.EOF {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if c := j.Counts(); runs < 20 || c.Fills != r.fills || c.Commands != r.engine.Seq() || c.Events == 0 {
		t.Errorf("seed %d: %+v, %d `more` blocks; want %d fills, %d commands", seed, c, runs, r.fills, r.engine.Seq())
	}
	if end := j.End(); end.Seq != r.engine.Seq() || j.OutputHash() != r.output || j.Engine().Hash() != r.engine.Hash() {
		t.Errorf("seed %d: ends at %+v", seed, end)
	}
	if _, torn := j.Torn(); torn {
		t.Errorf("seed %d: a torn tail", seed)
	}
}

func TestJournalDamage(t *testing.T) {
	if _, err := Open(fstest.MapFS{}); !isDamage(err, journal.NoJournal) {
		t.Errorf("no journal: %v", err)
	}
	r := opened(1 << 20)
	r.seal()
	r.text(smallFlow)
	r.seal()
	r.text("MAKER query")
	r.seal()
	r.data[journal.SegmentHeaderSize+200] ^= 1 // in the first of three blocks
	j, err := Open(r.files())
	if err != nil {
		t.Fatal(err)
	}
	if err := all(j); !isDamage(err, journal.Corrupt) {
		t.Errorf("flipped bit: %v", err)
	}
	r.data[journal.SegmentHeaderSize+200] ^= 1
	clear(r.data[journal.SegmentHeaderSize+2*journal.BlockUnit+8:][:300]) // in the last
	if j, err = Open(r.files()); err != nil {
		t.Fatal(err)
	}
	if err := all(j); err != io.EOF {
		t.Fatal(err)
	}
	if torn, ok := j.Torn(); !ok || torn.File == "" || j.Counts().Commands != 10 {
		t.Errorf("torn tail %+v, %+v", torn, j.Counts())
	}
}

// FuzzJournal journals arbitrary commands as if a server had: whatever they say, executing them is no panic, and gives the
// fills and hashes that the first execution gave.
func FuzzJournal(f *testing.F) {
	r := opened(1 << 20)
	cells := []byte(nil)
	r.onCommand = func(c *engine.Command) { cells = append(cells, c.Cells()...) }
	r.text(smallFlow + "\nMAKER replace 2 3 90 1500000 0 Y minqty=3\nTAKER masscancel 9 side=B\nMAKER modify 3 S 100\nMAKER disable 10")
	f.Add(cells)
	for _, cmd := range venueCommands(10) {
		f.Add(cmd.Cells())
	}
	f.Fuzz(func(t *testing.T, cells []byte) {
		r := newRecorder(1 << 18)
		for i, cmd := range venueCommands(64) {
			if i == 1 {
				cmd.AsInstrument().MaxPrice = 2_000_000 // a small book: fuzzing makes many
			}
			r.apply(&cmd)
		}
		for n := 0; len(cells) >= engine.CellSize && n < 100; n++ {
			var cmd engine.Command
			used := cmd.Load(cells)
			if used != 0 && cmd.Kind != engine.KindInstrument && cmd.Kind != engine.KindRules { // these take memory
				r.apply(&cmd)
			}
			cells = cells[max(used, 1)*engine.CellSize:]
		}
		r.seal()
		j, err := Open(r.files())
		if err != nil {
			t.Fatal(err)
		}
		if err := all(j); err != io.EOF || j.Counts().Fills != r.fills {
			t.Fatalf("%v after %+v", err, j.Counts())
		}
	})
}

func isDamage(err error, kind journal.Kind) bool {
	var d *journal.Damage
	return errors.As(err, &d) && d.Kind == kind
}

// recordReal records the LOBSTER hour if it is there, else a flow made here.
func recordReal(t testing.TB) *recorder {
	r := opened(64 << 20)
	flow := new(bytes.Buffer)
	if f, err := os.Open("../../shared/data/" + aaplLOBSTER); err == nil {
		defer func() { _ = f.Close() }()
		if _, err := plain.LOBSTER(f, flow, "AAPL"); err != nil {
			t.Fatal(err)
		}
	} else {
		for i := 1; i <= 50_000; i++ {
			fmt.Fprintf(flow, "MAKER enter %d S 100 AAPL %d 0 Y\nTAKER enter %d B 99 AAPL 1500000 3 Y\n", i, 1500000+i%7, i)
		}
	}
	lines, cmd := NewFlow(flow), engine.Command{}
	for n := 1; ; n++ {
		l, err := lines.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names := Names{User: 1, Instrument: 1}
		if l.User[0] == 'T' {
			names.User = 2
		}
		l.Command(&cmd, names)
		r.apply(&cmd)
		if n%50 == 0 {
			r.seal()
		}
	}
	r.seal()
	return r
}

func TestJournalAllocs(t *testing.T) {
	r := recordReal(t)
	j, err := Open(r.files())
	if err != nil {
		t.Fatal(err)
	}
	step := func() {
		if _, _, err := j.Next(); err != nil {
			t.Fatal(err)
		}
	}
	for range 5_000 {
		step()
	}
	if n := testing.AllocsPerRun(50_000, step); n != 0 {
		t.Errorf("%v allocations a command, want 0", n)
	}
}

// BenchmarkJournal replays a real hour, everything verified, and in turn gives an engine the same commands out of memory: times-
// engine is how much longer the replay takes.
func BenchmarkJournal(b *testing.B) {
	files := recordReal(b).files()
	var list []engine.Command
	j, err := Open(files)
	for err == nil {
		var cmd *engine.Command
		if cmd, _, err = j.Next(); err == nil {
			list = append(list, *cmd)
		}
	}
	if err != io.EOF {
		b.Fatal(err)
	}
	var replayed, executed time.Duration
	var events []engine.Event
	for range b.N {
		start := time.Now()
		j, err := Open(files)
		if err != nil {
			b.Fatal(err)
		}
		if err := all(j); err != io.EOF {
			b.Fatal(err)
		}
		replayed += time.Since(start)
		start = time.Now()
		e := engine.New()
		for i := range list {
			events = e.Apply(events[:0], &list[i])
		}
		executed += time.Since(start)
		if e.Hash() != j.Engine().Hash() {
			b.Fatal("another state")
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(b.N*len(list))/replayed.Seconds(), "commands/s")
	b.ReportMetric(replayed.Seconds()/executed.Seconds(), "times-engine")
}
