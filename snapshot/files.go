package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"matcher/ring"
)

// pointer is the file in a journal's directory that names the directory that segments were archived to.
const pointer = "archived"

// Files returns the files of a journal's directory, and behind them the segments that were archived from it: whoever reads the
// journal from its birth reads it there. An archive that is not there is as good as empty.
func Files(dir string) fs.FS {
	return union{dir, os.DirFS(dir)}
}

// Archived returns the directory that segments of a journal were archived to, "" if none was.
func Archived(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, pointer))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

// point makes the pointer. There is one archive for a journal, for ever.
func point(dir, to string) error {
	to, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	switch was := Archived(dir); {
	case was == to:
		return nil
	case was != "":
		return fmt.Errorf("segments were archived to %s before: keep that, or move them and correct %s", was, filepath.Join(dir, pointer))
	}
	path := filepath.Join(dir, pointer)
	if err := os.WriteFile(path+".new", []byte(to+"\n"), 0o640); err != nil {
		return err
	}
	if err := syncFile(path + ".new"); err != nil {
		return err
	}
	return errors.Join(os.Rename(path+".new", path), ring.FsyncDir(dir))
}

// union is the directory of a journal and its archive as one: what is in both is taken from the first. There may be none now and
// one later, for whoever follows the journal.
type union struct {
	dir  string
	here fs.FS
}

// there is the archive.
func (w union) there() fs.FS {
	if to := Archived(w.dir); to != "" {
		return os.DirFS(to)
	}
	return nothing{}
}

// nothing is a directory without a file.
type nothing struct{}

// Open finds nothing.
func (nothing) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (w union) Open(name string) (fs.File, error) {
	f, err := w.here.Open(name)
	if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(name, ".mj") {
		if old, failed := w.there().Open(name); failed == nil {
			return old, nil
		}
	}
	return f, err
}

// ReadDir lists the archive last: a segment that is moved meanwhile is there, if it is not found here any more.
func (w union) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(w.here, name)
	if err != nil || name != "." {
		return all, err
	}
	old, _ := fs.ReadDir(w.there(), ".") // without an archive the segments are missing, and that is said
	for _, e := range old {
		same := func(x fs.DirEntry) bool { return x.Name() == e.Name() }
		if strings.HasSuffix(e.Name(), ".mj") && !slices.ContainsFunc(all, same) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}
