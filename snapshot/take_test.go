package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"matcher/engine"
	"matcher/feed"
	"matcher/gateway"
	"matcher/journal"
	"matcher/replay"
	"matcher/tests/twin"
)

// rig is a venue that writes its journal to a directory, without a server.
type rig struct {
	t      testing.TB
	size   int // of a segment
	dir    string
	flow   *twin.Flow
	e      *engine.Engine
	w      *journal.Writer
	file   *os.File
	head   journal.SegmentHeader
	output uint64
	events []engine.Event
	fill   engine.Fill
	time   uint64
	// What was said in this session, stream by stream, and where each message begins.
	streams map[Stream][]byte
	starts  map[Stream][]int
	encoder *gateway.Encoder
	view    *feed.Public
}

func newRig(t *testing.T, mix string, seed uint64) *rig { // mix: of the flow (tests/twin)
	t.Helper()
	r := &rig{t: t, size: 64 << 10, dir: t.TempDir(), e: engine.New(), streams: map[Stream][]byte{}, starts: map[Stream][]int{}}
	r.encoder, r.view = gateway.NewEncoder(r.e), feed.New(r.e)
	for _, m := range twin.Mixes() {
		if m.Name == mix {
			r.flow = twin.NewFlow(seed, m)
		}
	}
	slots := make([][]byte, 2)
	for i := range slots {
		slots[i] = make([]byte, 16<<10)
	}
	r.w = journal.NewWriter(journal.Config{ID: journal.ID{1, 2, 3}, State: journal.State{Epoch: 1}, Slots: slots})
	r.segment()
	for _, cmd := range twin.Setup(200) {
		r.apply(&cmd)
	}
	t.Cleanup(func() { _ = r.file.Close() })
	return r
}

func (r *rig) segment() {
	if r.file != nil {
		_ = r.file.Close()
	}
	r.head = r.w.Begin(uint64(r.size))
	data := make([]byte, r.size)
	r.head.Encode(data[:journal.SegmentHeaderSize])
	path := filepath.Join(r.dir, journal.SegmentName(r.head.Segment))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		r.t.Fatal(err)
	}
	var err error
	if r.file, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) apply(cmd *engine.Command) {
	for !r.w.Room() {
		r.write()
	}
	r.time = max(r.time, cmd.Time)
	cmd.Seq, cmd.Time = r.e.Seq()+1, r.time
	r.w.Command(cmd.Cells(), cmd.Seq, cmd.Time)
	var public []byte
	if r.encoder != nil {
		public = r.view.Before(nil, cmd)
	}
	r.events = r.e.Apply(r.events[:0], cmd)
	r.output = engine.FoldOutput(r.output, r.events)
	if r.encoder != nil && r.encoder.Command(cmd) {
		clear(r.streams)
		clear(r.starts)
	}
	for i := range r.events {
		ev := &r.events[i]
		if ev.Flags&engine.EventTaker != 0 {
			engine.FillOf(&r.fill, cmd, &r.events[i-1], ev)
			for !r.w.Fill(r.fill.Cell()) {
				r.write()
			}
		}
		if r.encoder == nil {
			continue // nobody compares
		}
		packet := r.encoder.Packet(nil, cmd, ev)
		r.said(Stream(ev.User), packet)
		if ev.Kind == 'E' || ev.Kind == 'B' {
			name, firm := r.e.Name(ev.User), r.e.Firm(ev.User)
			length := []byte{0, byte(len(name) + len(packet) - 3)}
			r.said(Copies(firm), slices.Concat(length, name[:], packet[3:]))
		}
	}
	if r.encoder != nil {
		for public = r.view.Append(public, cmd, r.events, true); len(public) != 0; {
			n := 2 + int(public[1])
			r.said(Public, public[:n])
			public = public[n:]
		}
	}
	if r.w.Size() > 12<<10 {
		r.seal()
	}
}

func (r *rig) said(s Stream, message []byte) {
	r.starts[s] = append(r.starts[s], len(r.streams[s]))
	r.streams[s] = append(r.streams[s], message...)
}

func (r *rig) seal() {
	r.w.Seal(r.e.Hash(), r.output, 0)
	r.write()
}

func (r *rig) write() {
	for n := r.w.Pending(); n != 0; n = r.w.Pending() {
		if r.head.Offset(r.w.State().Position)+int64(n) > int64(r.size) {
			r.segment()
		}
		b, _ := r.w.Next()
		if _, err := r.file.WriteAt(b.Bytes, r.head.Offset(b.Position)); err != nil {
			r.t.Fatal(err)
		}
		r.w.Written(b.Slot)
	}
}

// trade plays n commands of the flow.
func (r *rig) trade(n int) {
	for range n {
		cmd := r.flow.Next()
		r.apply(&cmd)
	}
	r.seal()
}

// day ends the day and begins another.
func (r *rig) day(session string) {
	for _, event := range []uint8{'E', 'S'} {
		var c engine.Command
		today, _ := r.e.Today()
		*c.Day() = engine.Day{Header: engine.Header{Kind: engine.KindDay}, Midnight: today.Midnight, Event: event, Secret: 5, Session: today.Session}
		if event == 'S' {
			copy(c.Day().Session[:], session)
		}
		r.apply(&c)
	}
	r.seal()
}

func (r *rig) take(archive string) *Taken {
	r.t.Helper()
	taken, err := Take(context.Background(), &Taking{Journal: r.dir, Keep: 2, Archive: archive, Now: 1})
	if err != nil {
		r.t.Fatal(err)
	}
	if taken.State.Seq != r.e.Seq() || taken.State.StateHash != r.e.Hash() {
		r.t.Fatalf("a snapshot of seq %d, the venue is at %d", taken.State.Seq, r.e.Seq())
	}
	return taken
}

// start starts from what is in a directory and goes to the end of the journal.
func (r *rig) start(files fs.FS) (*Start, []error) {
	r.t.Helper()
	s, passed, err := Newest(files, engine.New, math.MaxUint64)
	if err != nil {
		r.t.Fatal(err)
	}
	for err == nil {
		_, _, err = s.Journal.Next()
	}
	if !errors.Is(err, io.EOF) {
		r.t.Fatal(err)
	}
	if e := s.Journal.Engine(); e.Seq() != r.e.Seq() || e.Hash() != r.e.Hash() || s.Journal.OutputHash() != r.output {
		r.t.Fatalf("the start leads to seq %d, hash %016x; the venue is at %d, %016x", e.Seq(), e.Hash(), r.e.Seq(), r.e.Hash())
	}
	return s, passed
}

// told holds a history against what was said, from every message on.
func (r *rig) told(h *History, e *engine.Engine, public uint64) {
	r.t.Helper()
	last := map[Stream]uint64{Public: public}
	for user := uint16(1); int(user) <= e.Accounts(); user++ {
		last[Stream(user)] = e.Sent(user)
		firm := Copies(e.Firm(user))
		n, err := h.Last(firm)
		if err != nil || n > uint64(len(r.starts[firm])) {
			r.t.Fatalf("%d executions of a firm that has %d: %v", n, len(r.starts[firm]), err)
		}
		if last[firm] = n; n == 0 && len(r.starts[firm]) > 100 {
			r.t.Fatalf("no executions of a firm that has %d", len(r.starts[firm]))
		}
	}
	dst := make([]byte, PieceSize)
	for s, sent := range last {
		var all []byte
		for next := uint64(1); next <= sent; {
			n, behind, err := h.Read(dst, s, next)
			if err != nil {
				r.t.Fatal(err)
			}
			all = append(all, dst[:n]...)
			next = behind
		}
		if n := len(all); !bytes.HasPrefix(r.streams[s], all) || n < len(r.streams[s]) && n != r.starts[s][sent] {
			r.t.Fatalf("stream %d: the history has %d bytes, and not those that were sent", s, n)
		}
		for number := uint64(1); number <= sent; number += 7 {
			n, _, err := h.Read(dst, s, number)
			if err != nil || !bytes.HasPrefix(r.streams[s][r.starts[s][number-1]:], dst[:n]) || n == 0 {
				r.t.Fatalf("stream %d from message %d on: %d bytes that were not sent: %v", s, number, n, err)
			}
		}
		if n, _, err := h.Read(dst, s, sent+1); !errors.Is(err, ErrUnusable) {
			r.t.Fatalf("stream %d: %d bytes of messages that were not sent yet: %v", s, n, err)
		}
	}
}

// TestTake takes snapshots of a journal that grows, over days and sessions. Each leads to the state that the venue is in, and
// has what every user was sent in the session.
func TestTake(t *testing.T) {
	r := newRig(t, "everything", 1)
	for n := range 6 {
		r.trade(1500)
		if n == 3 {
			r.day("SESSION9")
			r.trade(200)
		}
		taken := r.take("")
		if n > 0 && (taken.Base == 0 || taken.Replayed > 2000) {
			t.Errorf("snapshot %d began at seq %d and executed %d commands", n, taken.Base, taken.Replayed)
		}
		if err := taken.Verify(Files(r.dir)); err != nil {
			t.Fatal(err)
		}
		e := engine.New()
		if err := taken.Load(Files(r.dir), e); err != nil {
			t.Fatal(err)
		}
		h, err := OpenHistory(Files(r.dir), &taken.Info)
		if err != nil {
			t.Fatal(err)
		}
		r.told(h, e, taken.Feed.Sequence)
		h.Close()
		r.trade(100)
		s, passed := r.start(Files(r.dir))
		if s.Info == nil || s.Info.State.Seq != taken.State.Seq || len(passed) != 0 {
			t.Errorf("the start began with %+v, passed over %v", s.Info, passed)
		}
		s.History.Close()
	}
	if again, err := Take(context.Background(), &Taking{Journal: r.dir, Keep: 2}); err != nil || again.Nothing {
		t.Errorf("%+v, %v", again, err)
	}
	if again, err := Take(context.Background(), &Taking{Journal: r.dir, Keep: 2}); err != nil || !again.Nothing {
		t.Errorf("a snapshot of nothing new: %+v, %v", again, err)
	}
	if list, bad := List(Files(r.dir)); len(list) != 2 || len(bad) != 0 {
		t.Errorf("%d are kept, %v", len(list), bad)
	}
}

// TestTakeBeforeTheFirstBlock: the next segment has begun and holds nothing yet. The place is in the one before.
func TestTakeBeforeTheFirstBlock(t *testing.T) {
	r := newRig(t, "everything", 1)
	r.trade(500)
	r.seal()
	r.write()
	r.segment()
	taken := r.take("")
	if err := taken.Verify(Files(r.dir)); err != nil {
		t.Error(err)
	}
	s, passed := r.start(Files(r.dir))
	if s.Info == nil || len(passed) != 0 {
		t.Fatalf("the start began with %+v, passed over %v", s.Info, passed)
	}
	s.History.Close()
}

// TestTakeArchive moves away the segments of earlier days. A start needs none of them, whoever reads from the birth finds them,
// and without snapshots a start does too.
func TestTakeArchive(t *testing.T) {
	r := newRig(t, "plain", 2)
	to := filepath.Join(t.TempDir(), "archive")
	r.trade(3000)
	if taken := r.take(to); len(taken.Archived) != 0 {
		t.Errorf("segments of the day were archived: %v", taken.Archived)
	}
	r.day("TOMORROW")
	r.trade(3000)
	dayBegan := r.head.Segment
	r.take(to) // the older snapshot is of the day before
	r.trade(500)
	taken := r.take(to)
	if len(taken.Archived) == 0 || taken.Archived[0] != journal.SegmentName(1) {
		t.Fatalf("archived: %v", taken.Archived)
	}
	for n := dayBegan; n <= r.head.Segment; n++ {
		if _, err := os.Stat(filepath.Join(r.dir, journal.SegmentName(n))); err != nil {
			t.Errorf("a segment of the day: %v", err)
		}
	}
	s, _ := r.start(os.DirFS(r.dir)) // as if the archive did not exist
	s.History.Close()
	j, err := replay.Open(Files(r.dir))
	for err == nil {
		_, _, err = j.Next()
	}
	if !errors.Is(err, io.EOF) || j.Engine().Hash() != r.e.Hash() {
		t.Errorf("the whole journal: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(r.dir, Dir)); err != nil {
		t.Fatal(err)
	}
	if s, _ := r.start(Files(r.dir)); s.Info != nil {
		t.Error("a snapshot that was taken away is used")
	}
	if _, _, err := Newest(os.DirFS(r.dir), engine.New, math.MaxUint64); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("without snapshot and archive: %v", err)
	}
	if err := point(r.dir, t.TempDir()); err == nil {
		t.Error("there are two archives")
	}
}

// TestKeepCounts: a snapshot that cannot be used is none of those that are kept, and goes when all that are kept are newer.
func TestKeepCounts(t *testing.T) {
	r := newRig(t, "plain", 5)
	has := func() (seqs []uint64) {
		list, _ := List(Files(r.dir))
		for i := range list {
			seqs = append(seqs, list[i].State.Seq)
		}
		return seqs
	}
	var taken []*Taken
	take := func(spoilt bool) uint64 {
		r.trade(300)
		n := r.take("")
		if spoilt { // its last byte is of its state; what a start looks at first is as it was
			f, err := os.OpenFile(filepath.Join(r.dir, n.Path), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte{0xA5}, n.Size-1); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(f.Close(), n.Verify(Files(r.dir))); !errors.Is(err, ErrUnusable) {
				t.Fatalf("a spoilt snapshot: %v", err)
			}
		}
		taken = append(taken, n)
		return n.State.Seq
	}
	a, b, c := take(false), take(true), take(true)
	if got := has(); !slices.Equal(got, []uint64{c, b, a}) {
		t.Fatalf("%v are there, of %d good and %d, %d spoilt", got, a, b, c)
	}
	d := take(false)
	if got := has(); !slices.Equal(got, []uint64{d, c, b, a}) {
		t.Errorf("%v are kept, and two can be used, %d and %d", got, d, a)
	}
	e := take(false)
	if got := has(); !slices.Equal(got, []uint64{e, d}) {
		t.Errorf("%v are kept of %d, %d", got, e, d)
	}
	if n := taken[3].Base; n != a {
		t.Errorf("the snapshot began at seq %d instead of %d", n, a)
	}
}

// TestArchiveGoesOn: a segment that was copied to the archive and not taken away, because the move was cut short, is moved
// again; one of its name with other bytes is never replaced.
func TestArchiveGoesOn(t *testing.T) {
	r := newRig(t, "plain", 6)
	to := t.TempDir()
	r.trade(3000)
	r.day("TOMORROW")
	r.trade(3000)
	first := filepath.Join(r.dir, journal.SegmentName(1))
	b, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	there := filepath.Join(to, journal.SegmentName(1))
	if err := os.WriteFile(there, b[:len(b)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	r.take("")
	r.trade(100)
	if _, err := Take(context.Background(), &Taking{Journal: r.dir, Keep: 1, Archive: to}); err == nil || !strings.Contains(err.Error(), "other bytes") {
		t.Fatalf("another file in the archive: %v", err)
	}
	if err := os.WriteFile(there, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r.trade(100)
	taken, err := Take(context.Background(), &Taking{Journal: r.dir, Keep: 1, Archive: to})
	if err != nil || len(taken.Archived) < 2 || taken.Archived[0] != journal.SegmentName(1) {
		t.Fatalf("archived: %+v, %v", taken, err)
	}
	if _, err := os.Stat(first); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the segment is still there: %v", err)
	}
}

// TestFallback spoils a snapshot in every way: cut at any length, a bit flipped anywhere, gone, put beside another journal. It is
// never used and never crashes the start, which takes the one before and tells why.
func TestFallback(t *testing.T) {
	r := newRig(t, "everything", 3)
	r.trade(1000)
	old := r.take("")
	r.trade(800)
	taken := r.take("")
	r.trade(100)
	streams := name(taken.State.Seq, streamsSuffix)
	for _, path := range []string{taken.Path, streams} {
		file := filepath.Join(r.dir, path)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		try := func(what string, spoiled []byte) {
			t.Helper()
			if err := os.WriteFile(file, spoiled, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := taken.Verify(Files(r.dir)); !errors.Is(err, ErrUnusable) {
				t.Errorf("%s %s is found good: %v", path, what, err)
			}
			s, passed := r.start(Files(r.dir))
			defer s.History.Close()
			// Pieces and index are looked at when they are read, so that a start takes no longer for a long day.
			lazy := path == streams && len(spoiled) == len(data) && bytes.Equal(spoiled[:streamsHeader], data[:streamsHeader])
			switch {
			case lazy:
			case s.Info == nil || s.Info.State.Seq != old.State.Seq || len(passed) != 1:
				t.Errorf("%s %s: started from %+v, passed over %v", path, what, s.Info, passed)
			}
		}
		for n := 1; n < len(data); n += 1 + len(data)/23 {
			flipped := bytes.Clone(data)
			flipped[n] ^= 1 << (n % 8)
			try(fmt.Sprintf("with a flip at %d", n), flipped)
		}
		for n := 0; n < len(data); n += 1 + len(data)/11 {
			try(fmt.Sprintf("cut at %d", n), data[:n])
		}
		try("with a byte too many", append(bytes.Clone(data), 0))
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := taken.Verify(Files(r.dir)); err != nil {
		t.Fatal(err)
	}
	// Another journal: the same commands, the other snapshot. Its blocks are others, for its output went elsewhere.
	other := newRig(t, "everything", 4)
	other.trade(2000)
	if err := os.CopyFS(filepath.Join(other.dir, Dir), os.DirFS(filepath.Join(r.dir, Dir))); err != nil {
		t.Fatal(err)
	}
	if s, passed := other.start(Files(other.dir)); s.Info != nil || len(passed) != 2 {
		t.Errorf("a foreign snapshot: %+v, %v", s.Info, passed)
	}
	if h, passed := NewestHistory(Files(other.dir)); h != nil || len(passed) != 2 {
		t.Errorf("streams of a foreign snapshot: %+v, %v", h, passed)
	}
	if h, passed := NewestHistory(Files(r.dir)); h == nil || h.Seq() != taken.State.Seq || len(passed) != 0 {
		t.Errorf("the newest streams: %+v, %v", h, passed)
	}
}

// FuzzHistory reads pieces of files that may be anything: they are refused, or whole.
func FuzzHistory(f *testing.F) {
	f.Add([]byte{}, uint32(1), uint64(1))
	f.Add(make([]byte, streamsHeader+indexHeader), uint32(1), uint64(1))
	f.Fuzz(func(t *testing.T, data []byte, stream uint32, from uint64) {
		if len(data) > streamsHeader { // what follows the header is reached only behind a good one
			s := span{seq: 5, fresh: true, index: uint64(len(data)/2 + streamsHeader/2), entries: 1}
			s.index = uint64(max(streamsHeader, len(data)-indexHeader-entrySize))
			var b [streamsHeader]byte
			s.encode(&b)
			copy(data, b[:])
			if len(data) >= streamsHeader+indexHeader+entrySize {
				index := data[s.index:]
				index[8], index[9] = 1, 0
				clear(index[10:16])
				sealed(index, indexMagic)
				if n := int(data[streamsHeader]) + pieceHeader; streamsHeader+n < int(s.index) {
					sealed(data[streamsHeader:][:n], pieceMagic)
				}
			}
		}
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, Dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name(5, streamsSuffix)), data, 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := OpenHistory(os.DirFS(dir), &Info{Anchor: journal.Anchor{State: journal.State{Seq: 5}}})
		if err == nil {
			_, _, err = h.Read(make([]byte, PieceSize), Stream(stream), from)
			h.Close()
		}
		if err != nil && !errors.Is(err, ErrUnusable) {
			t.Fatal(err)
		}
	})
}
