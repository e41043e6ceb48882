package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"matcher/journal"
	"matcher/ring"
)

// Disk is what a Take works on: the directory of a journal, and the archive beside it. Names are those of the file systems it
// shows. On this machine it is a directory; a simulation (tests/sim) is another, and cuts the work off anywhere.
type Disk interface {
	// Journal returns the files of the directory, archived segments among them; Rest those without.
	Journal() fs.FS
	Rest() fs.FS
	// Lock takes the directory of snapshots for one Take, until the function is called. It makes it if it is missing.
	Lock() (unlock func(), err error)
	// Create makes a file, or empties the one that is there.
	Create(name string) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// SyncDir makes the names in the directory of snapshots durable.
	SyncDir() error
	// Settle makes a segment durable as it was read. One that was archived is.
	Settle(name string) error
	// Archive moves segments to another directory, in order, and returns those that are there now. Wherever a crash comes,
	// each is whole and durable in one of the two.
	Archive(names []string, to string) (moved []string, err error)
}

// File is one that is being written. What was written is durable after Sync.
type File interface {
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// directory is the directory of a journal on this machine.
type directory string

func (d directory) path(name string) string { return filepath.Join(string(d), name) }
func (d directory) Journal() fs.FS          { return Files(string(d)) }
func (d directory) Rest() fs.FS             { return os.DirFS(string(d)) }

func (d directory) Lock() (func(), error) {
	dir := d.path(Dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := ring.LockDir(dir)
	if err != nil {
		return nil, err
	}
	return func() { _ = syscall.Close(lock) }, nil // and the lock with it
}

func (d directory) Create(name string) (File, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return nil, err // a nil *os.File would be a File
	}
	return f, nil
}

func (d directory) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }
func (d directory) Remove(name string) error     { return os.Remove(d.path(name)) }
func (d directory) SyncDir() error               { return ring.FsyncDir(d.path(Dir)) }

func (d directory) Settle(name string) error {
	if err := syncFile(d.path(name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d directory) Archive(names []string, to string) (moved []string, err error) {
	if err := errors.Join(os.MkdirAll(to, 0o755), point(string(d), to)); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err = move(d.path(name), filepath.Join(to, name)); err != nil {
			break
		}
		moved = append(moved, name)
	}
	return moved, errors.Join(err, ring.FsyncDir(to), ring.FsyncDir(string(d)))
}

// move moves a file, also to another file system. A file that is there already is never replaced by other bytes: if it has the
// same ones, the move was cut short before.
func move(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		if err := same(from, to); err != nil {
			return err
		}
		return os.Remove(from)
	}
	err := os.Rename(from, to)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.OpenFile(to+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, in); err == nil {
		err = out.Sync()
	}
	err = errors.Join(err, out.Close())
	if err == nil {
		err = os.Rename(to+".new", to)
	}
	if err == nil {
		err = ring.FsyncDir(filepath.Dir(to))
	}
	if err != nil {
		_ = os.Remove(to + ".new")
		return err
	}
	return os.Remove(from)
}

// same says what is wrong if two files do not have the same bytes.
func same(from, to string) error {
	a, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }() // it was only read
	b, err := os.Open(to)
	if err != nil {
		return err
	}
	defer func() { _ = b.Close() }() // it was only read
	for x, y := make([]byte, 1<<16), make([]byte, 1<<16); ; {
		n, err := io.ReadFull(a, x)
		m, failed := io.ReadFull(b, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return fmt.Errorf("%s is there already, with other bytes", to)
		}
		short := func(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
		if short(err) && short(failed) {
			return nil
		}
		if err = errors.Join(err, failed); err != nil {
			return err
		}
	}
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// archivable returns the segments that lie before the one in which the oldest kept snapshot stands, and of which all commands
// came before the current trading day. The first goes first, so that there never is a gap.
func archivable(rest fs.FS, oldest *Info) (names []string, err error) {
	r, err := journal.OpenRest(rest)
	if err != nil {
		return nil, err
	}
	_ = r.Close() // it was only read
	all := r.Segments()
	if all[0].ID != oldest.ID {
		return nil, nil
	}
	for n := range all[:len(all)-1] {
		if all[n].Segment >= oldest.State.Segment || all[n+1].FirstSeq > oldest.Day {
			break
		}
		names = append(names, journal.SegmentName(all[n].Segment))
	}
	return names, nil
}
