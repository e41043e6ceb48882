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
	"strings"
	"testing"

	"matcher/engine"
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
	// What every user was sent in this session, and where each message begins.
	streams map[uint16][]byte
	starts  map[uint16][]int
	encoder *gateway.Encoder
}

func newRig(t *testing.T, mix string, seed uint64) *rig { // mix: of the flow (tests/twin)
	t.Helper()
	r := &rig{t: t, size: 64 << 10, dir: t.TempDir(), e: engine.New(), streams: map[uint16][]byte{}, starts: map[uint16][]int{}}
	r.encoder = gateway.NewEncoder(r.e)
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
		r.starts[ev.User] = append(r.starts[ev.User], len(r.streams[ev.User]))
		r.streams[ev.User] = r.encoder.Packet(r.streams[ev.User], cmd, ev)
	}
	if r.w.Size() > 12<<10 {
		r.seal()
	}
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

// told holds a history against what was sent, from every message on.
func (r *rig) told(h *History, e *engine.Engine) {
	r.t.Helper()
	dst := make([]byte, PieceSize)
	for user := uint16(1); int(user) <= e.Accounts(); user++ {
		var all []byte
		for next, last := uint64(1), e.Sent(user); next <= last; {
			n, behind, err := h.Read(dst, user, next)
			if err != nil {
				r.t.Fatal(err)
			}
			all = append(all, dst[:n]...)
			next = behind
		}
		if !bytes.HasPrefix(r.streams[user], all) || len(all) == 0 {
			r.t.Fatalf("user %d: the history has %d bytes, and not those that were sent", user, len(all))
		}
		for number := uint64(1); number <= e.Sent(user); number += 7 {
			n, _, err := h.Read(dst, user, number)
			if err != nil || !bytes.HasPrefix(r.streams[user][r.starts[user][number-1]:], dst[:n]) || n == 0 {
				r.t.Fatalf("user %d from message %d on: %d bytes that were not sent: %v", user, number, n, err)
			}
		}
		if n, _, err := h.Read(dst, user, e.Sent(user)+1); !errors.Is(err, ErrUnusable) {
			r.t.Fatalf("user %d: %d bytes of messages that were not sent yet: %v", user, n, err)
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
		r.told(h, e)
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
}

// FuzzHistory reads pieces of files that may be anything: they are refused, or whole.
func FuzzHistory(f *testing.F) {
	f.Add([]byte{}, uint16(1), uint64(1))
	f.Add(make([]byte, streamsHeader+indexHeader), uint16(1), uint64(1))
	f.Fuzz(func(t *testing.T, data []byte, user uint16, from uint64) {
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
			_, _, err = h.Read(make([]byte, PieceSize), user, from)
			h.Close()
		}
		if err != nil && !errors.Is(err, ErrUnusable) {
			t.Fatal(err)
		}
	})
}
