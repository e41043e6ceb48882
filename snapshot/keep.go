package snapshot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"matcher/journal"
	"matcher/ring"
)

// tidy deletes snapshots beyond those that are kept, and streams that no kept snapshot goes back to; then it archives
// segments.
func (w *taking) tidy() error {
	list, _ := List(w.files)
	kept := list[:min(max(1, w.Keep), len(list))]
	needed := map[string]bool{}
	for i := range kept {
		needed[kept[i].Path] = true
		h, err := OpenHistory(w.files, &kept[i])
		if err != nil {
			return nil // what belongs to what is not certain: nothing is deleted
		}
		for _, p := range h.parts {
			needed[p.path] = true
		}
		h.Close()
	}
	for _, suffix := range [...]string{stateSuffix, streamsSuffix} {
		all, err := files(w.files, suffix)
		if err != nil {
			return err
		}
		for _, f := range all {
			if needed[f.path] || f.seq > w.taken.State.Seq {
				continue
			}
			if err := os.Remove(filepath.Join(w.Journal, f.path)); err != nil {
				return fmt.Errorf("snapshot: %w", err)
			}
			w.taken.Deleted = append(w.taken.Deleted, filepath.Base(f.path))
		}
	}
	if w.Archive == "" || len(kept) == 0 {
		return nil
	}
	var err error
	w.taken.Archived, err = archive(w.Journal, w.Archive, &kept[len(kept)-1])
	return err
}

// archive moves the segments to another directory that lie before the one in which the oldest kept snapshot stands, and of
// which all commands came before the current trading day. The first goes first, so that there never is a gap.
func archive(dir, to string, oldest *Info) (moved []string, err error) {
	r, err := journal.OpenRest(os.DirFS(dir))
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
		if err := errors.Join(os.MkdirAll(to, 0o755), point(dir, to)); err != nil {
			return moved, fmt.Errorf("snapshot: archive: %w", err)
		}
		file := journal.SegmentName(all[n].Segment)
		if err := move(filepath.Join(dir, file), filepath.Join(to, file)); err != nil {
			return moved, fmt.Errorf("snapshot: archive: %w", err)
		}
		moved = append(moved, file)
	}
	if len(moved) == 0 {
		return nil, nil
	}
	return slices.Clip(moved), errors.Join(ring.FsyncDir(to), ring.FsyncDir(dir))
}

// move moves a file, also to another file system. A file that is there already is never replaced by other bytes.
func move(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s is there already", to)
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
