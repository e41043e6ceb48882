// Package snapshot keeps a venue's state on disk beside its journal, so that a start need not execute the journal from its
// birth, and the streams that came before, so that a client may still ask for any message of the day.
//
//	data/000001.mj ...                  the journal
//	data/snapshots/SEQ.snapshot         the state behind command SEQ (engine.Snapshot), and the place in the journal
//	data/snapshots/SEQ.streams          what every user was sent since the snapshot before
//
// A snapshot is taken by a process of its own (Take): it restores the newest one, executes the durable journal from there to
// its end with an engine of its own, and writes the two files. So the venue's own thread never copies, waits or stalls, and a
// snapshot is checked by construction against the hashes of every block since the last. It gets its name only when it has been
// read again, gives the same hash and, taken once more, the same bytes.
//
// The package owns the two formats (journal/FORMAT.md), which snapshots can be used, and which files are kept. It changes
// nothing in the journal's segments; moving away those that nobody needs is a thing apart (Archive). It never decides what a
// start does without a snapshot.
//
//	snapshot.go  Info; names; which there are
//	file.go      pages of cells with a checksum each: State
//	streams.go   pieces of streams: what a Take writes; history.go: what a start reads of them
//	take.go      Take
//	keep.go      what is deleted, what is archived; files.go: a journal whose segments lie in two places
package snapshot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"matcher/engine"
	"matcher/feed"
	"matcher/journal"
)

// Dir is the directory of snapshots in the directory of a journal.
const Dir = "snapshots"

const (
	stateSuffix   = ".snapshot"
	streamsSuffix = ".streams"
)

// Info is what the header of a snapshot says.
type Info struct {
	journal.Anchor
	Created uint64     // ns since 1970, for people
	Cells   uint64     // of the state
	Orders  uint64     // live, for people
	Day     uint64     // seq of the command that began the trading day, 0 none
	Feed    feed.State // where the public feed stands
	Path    string     // of the file, from the journal's directory
	Size    int64      // of the file
}

// ErrUnusable is what the errors about a snapshot wrap: a start does without it.
var ErrUnusable = errors.New("snapshot cannot be used")

func unusable(file, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrUnusable, path.Base(file), fmt.Sprintf(format, args...))
}

// name returns the path of one of a snapshot's files, from the journal's directory.
func name(seq uint64, suffix string) string {
	return path.Join(Dir, fmt.Sprintf("%020d%s", seq, suffix))
}

// List returns the snapshots beside the journal in the root of fsys whose headers can be read, the newest first, and why others
// cannot.
func List(fsys fs.FS) ([]Info, []error) {
	all, err := files(fsys, stateSuffix)
	if err != nil {
		return nil, []error{err}
	}
	var list []Info
	var bad []error
	for _, f := range slices.Backward(all) {
		open, i, err := openState(fsys, f.path)
		if err == nil {
			_ = open.Close() // it was only read
			if i.State.Seq != f.seq {
				err = unusable(f.path, "it is of seq %d", i.State.Seq)
			}
		}
		if err != nil {
			bad = append(bad, err)
			continue
		}
		list = append(list, i)
	}
	return list, bad
}

// file is one file of a snapshot by its name.
type file struct {
	path string
	seq  uint64
}

// files returns the files of one kind, ascending.
func files(fsys fs.FS, suffix string) (all []file, err error) {
	entries, err := fs.ReadDir(fsys, Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), suffix)
		seq, err := strconv.ParseUint(digits, 10, 64)
		if ok && err == nil && len(digits) == 20 {
			all = append(all, file{path.Join(Dir, e.Name()), seq})
		}
	}
	return all, nil
}

// Load makes a new engine the venue of the snapshot. The error wraps ErrUnusable; the engine is then of no use.
func (i *Info) Load(fsys fs.FS, e *engine.Engine) error {
	f, head, err := openState(fsys, i.Path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	if head.Anchor != i.Anchor {
		return unusable(i.Path, "it was replaced while it was read")
	}
	r := cellReader{file: f, left: i.Cells}
	if err := e.Restore(r.next); err != nil {
		return unusable(i.Path, "%v", err)
	}
	if err := r.end(); err != nil {
		return unusable(i.Path, "%v", err)
	}
	if e.Seq() != i.State.Seq || e.Hash() != i.State.StateHash {
		return unusable(i.Path, "the state is that of seq %d with hash %016x, its header says %d and %016x",
			e.Seq(), e.Hash(), i.State.Seq, i.State.StateHash)
	}
	return nil
}

// openState opens a snapshot behind its header.
func openState(fsys fs.FS, path string) (fs.File, Info, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, Info{}, unusable(path, "%v", err)
	}
	var b [headerSize]byte
	i := Info{Path: path}
	_, err = io.ReadFull(f, b[:])
	if err == nil {
		err = i.decode(&b)
	}
	if err == nil {
		var s fs.FileInfo
		if s, err = f.Stat(); err == nil {
			i.Size = s.Size()
		}
	}
	if err != nil {
		_ = f.Close() // it was only read
		return nil, Info{}, unusable(path, "%v", err)
	}
	return f, i, nil
}
