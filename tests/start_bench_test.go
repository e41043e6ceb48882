//go:build linux

package tests

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"matcher/core"
	"matcher/engine"
	"matcher/journal"
	"matcher/replay"
	"matcher/snapshot"
)

// What a start takes.

var (
	startCommands = flag.Int("recover", 1_000_000, "commands of the journal of BenchmarkRecovery")
	dayCommands   = flag.Uint64("day", 0, "commands of the day of TestLongDay; 0: it is skipped")
	dayEvery      = flag.Uint64("day-snapshots", 10_000_000, "commands between two snapshots of TestLongDay")
	dayDir        = flag.String("day-dir", "", "where TestLongDay puts its venue, which is deleted; a day of 100,000,000 commands takes 20 GB of disk")
)

// BenchmarkRecovery starts a venue on a journal of some million commands, and lets a bare engine execute the same commands
// from memory, in turns. The start reads the journal, checks every sum, fill and hash, and writes every answer of the day into
// the streams; its time is all of Open. Run it with -benchtime 1x.
func BenchmarkRecovery(b *testing.B) {
	for b.Loop() {
		cfg := loadVenue{core.Sync, 8, benchSegment, ""}.config(b)
		cfg.CPU = core.NoCPU
		opened(b, cfg)
		d := newDayWriter(b, cfg.Journal, 8)
		d.trade(uint64(*startCommands))
		d.end()
		commands := loaded(b, cfg.Journal)
		n := float64(len(commands))
		var starts, engines, ratios []float64
		for range *addsRounds {
			first := n / opened(b, cfg).Seconds()
			second := n / execute(commands).Seconds()
			starts, engines, ratios = append(starts, first), append(engines, second), append(ratios, first/second)
		}
		b.ReportMetric(middle(starts), "recovered/s")
		b.ReportMetric(middle(engines), "engine/s")
		b.ReportMetric(middle(ratios), "ratio")
		b.ReportMetric(slices.Min(ratios), "least-ratio")
		b.ReportMetric(0, "ns/op")
	}
}

// opened opens a venue, stops it again, and returns how long the opening took.
func opened(b *testing.B, cfg core.Config) time.Duration {
	b.Helper()
	start := time.Now()
	s, err := core.Open(cfg)
	took := time.Since(start)
	if err != nil {
		b.Fatal(err)
	}
	loadResult(b, s)
	return took
}

// loaded returns the commands of a journal.
func loaded(b *testing.B, dir string) (all []engine.Command) {
	b.Helper()
	r, err := journal.Open(os.DirFS(dir))
	if err != nil {
		b.Fatal(err)
	}
	for {
		block, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			b.Fatal(err)
		}
		for cells := block.Cells; len(cells) > 0; {
			var c engine.Command
			n := c.Load(cells)
			if n == 0 { // a fill
				n = 1
			} else {
				all = append(all, c)
			}
			cells = cells[n*engine.CellSize:]
		}
	}
}

// execute executes commands on an engine of their own and returns how long that took.
func execute(commands []engine.Command) time.Duration {
	e := engine.New()
	var events []engine.Event
	start := time.Now()
	for i := range commands {
		events = e.Apply(events[:0], &commands[i])
	}
	return time.Since(start)
}

// dayWriter continues the journal of a venue that was stopped, without a server: what one writes whose clients enter orders
// that meet, and cancel them again.
type dayWriter struct {
	t       testing.TB
	dir     string
	users   uint16
	e       *engine.Engine
	w       *journal.Writer
	head    journal.SegmentHeader
	file    *os.File
	output  uint64
	events  []engine.Event
	fill    engine.Fill
	cmd     engine.Command
	time    uint64
	refs    []uint32 // last of each user
	random  uint64
	flags   uint16
	written uint64 // commands
}

func newDayWriter(t testing.TB, dir string, users uint16) *dayWriter {
	t.Helper()
	j, err := replay.Open(os.DirFS(dir))
	for err == nil {
		_, _, err = j.Next()
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	d := &dayWriter{t: t, dir: dir, users: users, e: j.Engine(), output: j.OutputHash(), refs: make([]uint32, users+1), random: *seed | 1}
	at := j.End()
	at.Epoch++
	d.time, d.flags = at.Time, journal.FlagFence
	slots := make([][]byte, 2)
	for i := range slots {
		slots[i] = make([]byte, 1<<20)
	}
	d.w = journal.NewWriter(journal.Config{ID: j.ID(), State: at, Slots: slots})
	d.segment()
	day, _ := d.e.Today()
	d.cmd = engine.Command{Header: engine.Header{Kind: engine.KindRestart}}
	d.cmd.Restart().Epoch, d.cmd.Restart().Session = at.Epoch, day.Session
	d.apply()
	return d
}

// trade journals n commands: entries at ten prices around one, and for each, some later, its cancel.
func (d *dayWriter) trade(n uint64) {
	for end := d.written + n; d.written < end; {
		d.random ^= d.random << 13
		d.random ^= d.random >> 7
		d.random ^= d.random << 17
		user := 1 + uint16(d.random>>32)%d.users
		d.refs[user]++
		*d.cmd.Enter() = engine.Enter{
			Header: engine.Header{Kind: engine.KindEnter, Instrument: 1, User: user, Side: "BS"[d.random>>8&1]},
			Ref:    d.refs[user], Qty: 1 + uint32(d.random>>16%50), Price: loadPrice + loadTick*(d.random>>24%10), TIF: '0', Display: 'Y', Capacity: 'P', Cross: 'N',
		}
		d.apply()
		if ref := d.refs[user]; ref > 20 {
			*d.cmd.Cancel() = engine.Cancel{Header: engine.Header{Kind: engine.KindCancel, User: user}, Ref: ref - 20}
			d.apply()
		}
	}
	d.seal()
}

func (d *dayWriter) apply() {
	for !d.w.Room() {
		d.write()
	}
	d.time += 100
	d.cmd.Seq, d.cmd.Time = d.e.Seq()+1, d.time
	d.w.Command(d.cmd.Cells(), d.cmd.Seq, d.cmd.Time)
	d.events = d.e.Apply(d.events[:0], &d.cmd)
	d.output = engine.FoldOutput(d.output, d.events)
	for i := range d.events {
		if ev := &d.events[i]; ev.Flags&engine.EventTaker != 0 {
			engine.FillOf(&d.fill, &d.cmd, &d.events[i-1], ev)
			for !d.w.Fill(d.fill.Cell()) {
				d.write()
			}
		}
	}
	if d.written++; d.w.Size() > 64<<10 {
		d.seal()
	}
}

func (d *dayWriter) seal() {
	d.w.Seal(d.e.Hash(), d.output, d.flags)
	d.flags = 0
	d.write()
}

func (d *dayWriter) write() {
	for n := d.w.Pending(); n != 0; n = d.w.Pending() {
		if d.head.Offset(d.w.State().Position)+int64(n) > benchSegment {
			d.segment()
		}
		b, _ := d.w.Next()
		if _, err := d.file.WriteAt(b.Bytes, d.head.Offset(b.Position)); err != nil {
			d.t.Fatal(err)
		}
		d.w.Written(b.Slot)
	}
}

// segment begins the next file.
func (d *dayWriter) segment() {
	d.close()
	d.head = d.w.Begin(benchSegment)
	var page [journal.SegmentHeaderSize]byte
	d.head.Encode(page[:])
	name := filepath.Join(d.dir, journal.SegmentName(d.head.Segment))
	_ = os.Remove(name) // a spare that was never used
	var err error
	if d.file, err = os.Create(name); err == nil {
		err = errors.Join(d.file.Truncate(benchSegment), d.file.Sync())
	}
	if err == nil {
		_, err = d.file.WriteAt(page[:], 0)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *dayWriter) close() {
	if d.file == nil {
		return
	}
	if err := errors.Join(d.file.Sync(), d.file.Close()); err != nil {
		d.t.Fatal(err)
	}
}

// end leaves the journal as a crash would: not sealed, all of it durable.
func (d *dayWriter) end() {
	d.seal()
	d.close()
}

// TestLongDay makes the journal of a day with as many snapshots as the server takes by itself but the last, which has just
// become due, and starts the binary on it, and a relay beside it; the relay once more without snapshots. By hand:
//
//	go test ./tests -run TestLongDay -v -timeout 0 -day 100000000 -day-dir DIR
func TestLongDay(t *testing.T) {
	if *dayCommands == 0 {
		t.Skip("by hand: -day 100000000")
	}
	dir, err := os.MkdirTemp(*dayDir, "matcher-day-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	v := newVenueIn(t, dir, "0.01", "ANN", "BEN", "CAT", "DAN")
	v.env = append(v.env, "MATCHER_CORE_MAX_ORDERS=1000000", "MATCHER_CORE_STREAM_MEMORY=2GiB", "MATCHER_JOURNAL_SEGMENT=256MiB",
		"MATCHER_JOURNAL_SNAPSHOT_EVERY=0") // none is taken while the start is timed
	v.serve().stop(patience)
	d := newDayWriter(t, v.journal(), 4)
	for d.written < *dayCommands {
		start := time.Now()
		d.trade(min(*dayEvery, *dayCommands-d.written))
		made := time.Since(start)
		if d.written >= *dayCommands {
			break
		}
		if _, err := snapshot.Take(context.Background(), &snapshot.Taking{Journal: v.journal(), Keep: 2}); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d commands, %d fills; the last in %.1f s, their snapshot in %.1f s", d.written, d.e.Fills(), made.Seconds(), (time.Since(start) - made).Seconds())
	}
	d.end()
	t.Logf("%d commands, %d fills; %.2f GB with snapshots", d.written, d.e.Fills(), float64(size(t, v.journal()))/1e9)
	for range 3 {
		start := time.Now()
		s := v.serve()
		t.Logf("ready after %.2f s: %s", time.Since(start).Seconds(), s.ready)
		v.relayed("from the newest snapshot")
		s.kill()
	}
	s := v.serve()
	defer s.kill()
	if err := os.RemoveAll(filepath.Join(v.journal(), snapshot.Dir)); err != nil {
		t.Fatal(err)
	}
	v.relayed("from the birth of the journal")
}

// relayed times the start of a relay.
func (v *venue) relayed(from string) {
	v.t.Helper()
	start := time.Now()
	b := v.relays()
	v.t.Logf("a relay %s: ready after %.2f s %s", from, time.Since(start).Seconds(), b.err)
	_ = b.cmd.Process.Kill() // it is there
	<-b.done
}
