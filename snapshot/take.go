package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"

	"matcher/engine"
	"matcher/feed"
	"matcher/journal"
	"matcher/replay"
)

// Taking says how a snapshot is taken.
type Taking struct {
	Journal string // directory
	Disk    Disk   // nil: Journal on this machine
	Keep    int    // how many snapshots that can be used are kept, at least 1
	Archive string // where segments go that nobody needs any more; empty: they stay
	Now     uint64 // ns since 1970, for people
}

// Taken is what became of it.
type Taken struct {
	Info
	Replayed uint64   // commands executed for it
	Base     uint64   // seq of the snapshot that it began with, 0: the birth of the journal
	Nothing  bool     // the journal has not grown: there was nothing to do
	Passed   []error  // why newer snapshots could not be used
	Deleted  []string // files of older snapshots
	Archived []string // segments
}

// Take takes a snapshot of the journal as far as it is on disk, beside a running venue or without one. The error is that of
// reading the journal, of writing the files, or ring.ErrLocked if another Take is under way. Nothing is changed then.
func Take(ctx context.Context, t *Taking) (*Taken, error) {
	disk := t.Disk
	if disk == nil {
		disk = directory(t.Journal)
	}
	r, err := journal.OpenRest(disk.Rest())
	if err != nil {
		return nil, err // nothing is made where there is no journal
	}
	_ = r.Close() // it was only read
	unlock, err := disk.Lock()
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	defer unlock()
	w := &taking{Taking: t, ctx: ctx, disk: disk, files: disk.Journal()}
	defer w.clean()
	if err := w.begin(); err != nil {
		return nil, err
	}
	if err := w.run(); err != nil {
		return nil, err
	}
	if w.taken.Base != 0 && w.at.State.Seq == w.taken.Base {
		w.taken.Nothing, w.taken.Info = true, w.base
		return &w.taken, nil
	}
	if err := w.write(); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	if err := w.verify(); err != nil {
		return nil, err
	}
	if err := w.name(); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	return &w.taken, w.tidy()
}

// taking is one at work.
type taking struct {
	*Taking
	ctx     context.Context // of the caller, who waits
	disk    Disk
	files   fs.FS // the journal's directory
	base    Info
	first   uint32 // segment in which it began
	j       *replay.Journal
	engine  *engine.Engine
	view    *feed.Public
	memory  []byte
	session [10]byte // before the Day at work
	history *History // up to base
	streams *streamsWriter
	at      journal.Anchor
	taken   Taken
	new     []File // the streams and the state, as long as they have no name
}

// clean removes what got no name.
func (w *taking) clean() {
	if w.j != nil {
		_ = w.j.Close() // it was only read
	}
	if w.history != nil {
		w.history.Close()
	}
	for n, f := range w.new {
		_ = f.Close()
		_ = w.disk.Remove(newNames[n])
	}
}

// newNames are those of the streams and of the state before they have their own.
var newNames = [...]string{Dir + "/streams.new", Dir + "/state.new"}

// create makes the next of the two files.
func (w *taking) create() (File, error) {
	f, err := w.disk.Create(newNames[len(w.new)])
	if err == nil {
		w.new = append(w.new, f)
	}
	return f, err
}

// begin stands where the newest snapshot stands that can be used, else before the first command.
func (w *taking) begin() error {
	start, passed, err := Newest(w.files, engine.New, math.MaxUint64)
	if err != nil {
		return err
	}
	w.taken.Passed = passed
	w.j, w.engine, w.first = start.Journal, start.Journal.Engine(), 1
	w.view = feed.New(w.engine)
	if start.Info != nil {
		w.base, w.at, w.taken.Base, w.first = *start.Info, start.Info.Anchor, start.Info.State.Seq, start.Info.State.Segment
		w.view.Resume(w.base.Feed)
		w.taken.Info.Day = w.base.Day
		w.history = start.History
	}
	f, err := w.create()
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	w.streams = newStreamsWriter(f, w.engine, w.view, w.history)
	return w.streams.err
}

// run executes the journal to its end.
func (w *taking) run() error {
	w.j.Before(w.before)
	for {
		cmd, events, err := w.j.Next()
		if errors.Is(err, io.EOF) {
			if w.engine.Seq() != w.at.State.Seq {
				w.at, _ = w.j.Anchor()
			}
			return nil
		}
		if err != nil {
			return err
		}
		w.taken.Replayed++
		if cmd.Kind == engine.KindDay && cmd.Day().Event == 'S' && cmd.Day().Session != w.session {
			w.taken.Info.Day = cmd.Seq // a day that opens again goes on
		}
		w.memory = w.view.Append(w.memory, cmd, events, true)
		w.streams.deliver(cmd, events, w.memory)
		if cmd.Seq%4096 == 0 && w.ctx.Err() != nil {
			return w.ctx.Err()
		}
	}
}

func (w *taking) before(cmd *engine.Command) {
	w.memory = w.view.Before(w.memory[:0], cmd)
	if cmd.Kind == engine.KindDay {
		day, _ := w.engine.Today()
		w.session = day.Session
	}
}

// write writes both files, under other names than they will have.
func (w *taking) write() error {
	for n := w.first; n <= w.at.State.Segment; n++ { // what was read is durable before a snapshot speaks of it
		if err := w.disk.Settle(journal.SegmentName(n)); err != nil {
			return err
		}
	}
	day, _ := w.engine.Today()
	i := &w.taken.Info
	i.Anchor, i.Created, i.Orders, i.Feed = w.at, w.Now, uint64(w.engine.Open()), w.view.State()
	s := span{id: i.ID, seq: i.State.Seq, chain: i.State.Chain, since: w.base.State.Seq, before: w.base.State.Chain, session: day.Session}
	if err := w.streams.end(&s); err != nil {
		return err
	}
	f, err := w.create()
	if err != nil {
		return err
	}
	out := newCellWriter(io.NewOffsetWriter(f, headerSize))
	if err := errors.Join(w.engine.Snapshot(out.put), out.end()); err != nil {
		return err
	}
	var head [headerSize]byte
	i.Cells = out.cells
	i.encode(&head)
	if _, err := f.WriteAt(head[:], 0); err != nil {
		return err
	}
	return f.Sync()
}

// verify reads both files again: the state gives its hash, and once more the same cells, and the streams have every number.
func (w *taking) verify() error {
	i := w.taken.Info
	i.Path = newNames[1]
	_ = w.j.Close()                                       // it was only read
	w.engine, w.j, w.view, w.streams = nil, nil, nil, nil // the memory is needed for another venue
	return i.verify(w.files, newNames[0])
}

// verify holds a snapshot and its file of streams against themselves.
func (i *Info) verify(fsys fs.FS, streams string) error {
	e := engine.New()
	if err := i.Load(fsys, e); err != nil {
		return err
	}
	f, _, err := openState(fsys, i.Path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	r := cellReader{file: f, left: i.Cells}
	at := uint64(0)
	if err := e.Snapshot(func(cell *[engine.CellSize]byte) error {
		was, err := r.next()
		if err == nil && !bytes.Equal(was[:], cell[:]) {
			err = fmt.Errorf("cell %d is another one when it is written again", at)
		}
		at++
		return err
	}); err != nil {
		return unusable(i.Path, "%v", err)
	}
	if err := r.end(); err != nil {
		return unusable(i.Path, "%v", err)
	}
	h, err := openHistory(fsys, i, streams)
	if err != nil {
		return err
	}
	defer h.Close()
	return h.Check(e, i.Feed.Sequence)
}

// Verify reads all of a snapshot that has its names, and checks that its place is one in the journal.
func (i *Info) Verify(fsys fs.FS) error {
	if err := i.verify(fsys, name(i.State.Seq, streamsSuffix)); err != nil {
		return err
	}
	r, err := journal.OpenAt(fsys, &i.Anchor)
	if errors.Is(err, journal.ErrElsewhere) {
		return unusable(i.Path, "%v", err)
	}
	if err != nil {
		return err
	}
	return r.Close()
}

// name gives both files their names, the streams first: a snapshot that has its name is whole.
func (w *taking) name() error {
	i := &w.taken.Info
	for n, suffix := range [...]string{streamsSuffix, stateSuffix} {
		i.Path = name(i.State.Seq, suffix)
		if err := w.disk.Rename(newNames[n], i.Path); err != nil {
			return err
		}
	}
	for _, f := range w.new {
		_ = f.Close() // it is synced
	}
	w.new = nil
	if info, err := fs.Stat(w.files, i.Path); err == nil {
		i.Size = info.Size()
	}
	return w.disk.SyncDir()
}

// Start is where a venue can go on from.
type Start struct {
	Info    *Info           // nil: the birth of the journal
	Journal *replay.Journal // behind the snapshot
	History *History        // the streams up to there; nil without a snapshot
}

// Newest returns the newest snapshot of before a seq that can be used, loaded, and the journal behind it; without one the
// journal from its birth. made makes the engines. Why others were passed over is returned too. An error is one of the journal
// itself.
func Newest(fsys fs.FS, made func() *engine.Engine, before uint64) (*Start, []error, error) {
	list, passed := List(fsys)
	for n := range list {
		i := &list[n]
		if i.State.Seq >= before {
			continue
		}
		s, err := i.start(fsys, made())
		if err == nil {
			return s, passed, nil
		}
		if !errors.Is(err, ErrUnusable) {
			return nil, passed, err
		}
		passed = append(passed, err)
	}
	j, err := replay.OpenWith(fsys, made())
	if err != nil {
		return nil, passed, err
	}
	return &Start{Journal: j}, passed, nil
}

// start loads a snapshot and opens what goes with it. The error wraps ErrUnusable, or is one of the journal itself.
func (i *Info) start(fsys fs.FS, e *engine.Engine) (*Start, error) {
	h, err := OpenHistory(fsys, i)
	if err != nil {
		return nil, err
	}
	if err = i.Load(fsys, e); err == nil {
		var j *replay.Journal
		if j, err = replay.OpenAt(fsys, &i.Anchor, e); err == nil {
			return &Start{i, j, h}, nil
		}
	}
	h.Close()
	var diverged *replay.Divergence
	if errors.Is(err, journal.ErrElsewhere) || errors.As(err, &diverged) {
		err = unusable(i.Path, "%v", err)
	}
	return nil, err
}
