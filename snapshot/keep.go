package snapshot

import (
	"errors"
	"fmt"
	"path"

	"matcher/engine"
)

// tidy deletes what is older than the snapshots that are kept, but for streams that one of those goes back to; then it
// archives segments. Only snapshots that can be used count as kept: others lie between them until they are older than all.
func (w *taking) tidy() error {
	kept, err := w.kept()
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	for i := range kept {
		h, err := OpenHistory(w.files, &kept[i])
		if err != nil {
			return nil // it could be used a moment ago: nothing is certain, and nothing is deleted
		}
		for _, p := range h.parts {
			needed[p.path] = true
		}
		h.Close()
	}
	oldest := &kept[len(kept)-1]
	for _, suffix := range [...]string{stateSuffix, streamsSuffix} {
		all, err := files(w.files, suffix)
		if err != nil {
			return err
		}
		for _, f := range all {
			if needed[f.path] || f.seq >= oldest.State.Seq {
				continue
			}
			if err := w.disk.Remove(f.path); err != nil {
				return fmt.Errorf("snapshot: %w", err)
			}
			w.taken.Deleted = append(w.taken.Deleted, path.Base(f.path))
		}
	}
	if w.Archive == "" {
		return nil
	}
	names, err := archivable(w.disk.Rest(), oldest)
	if err != nil || len(names) == 0 {
		return err
	}
	if w.taken.Archived, err = w.disk.Archive(names, w.Archive); err != nil {
		return fmt.Errorf("snapshot: archive: %w", err)
	}
	return nil
}

// kept returns the newest snapshots that can be used, as many as are to be kept. The one that was just taken and the one that
// it began with were read already; older ones are read now.
func (w *taking) kept() (kept []Info, err error) {
	list, _ := List(w.files)
	for n := range list {
		i := &list[n]
		if i.State.Seq > w.taken.State.Seq {
			continue
		}
		if i.State.Seq != w.taken.State.Seq && i.Anchor != w.base.Anchor {
			s, err := i.start(w.files, engine.New())
			if err != nil {
				if !errors.Is(err, ErrUnusable) {
					return nil, err
				}
				continue
			}
			_ = s.Journal.Close() // it was only read
			s.History.Close()
		}
		if kept = append(kept, *i); len(kept) == max(1, w.Keep) {
			break
		}
	}
	if len(kept) == 0 {
		return nil, errors.New("snapshot: the one that was just taken is gone")
	}
	return kept, nil
}
