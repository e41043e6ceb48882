package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"matcher/journal"
	"matcher/ring"
	"matcher/snapshot"
)

// repairing is one run of matcher journal repair. It changes a journal in two ways only: it cuts off a torn tail, which no
// server ever acknowledged, and it gives a byte back the value that the checksum of its block says it had. What it changes it
// first copies beside the segment; what it refuses it leaves as it is.
type repairing struct {
	e             *env
	dir           string
	cut, restore  bool
	yes           bool
	kept, changed []string
}

func (r *repairing) run() error {
	if r.cut == r.restore {
		return &fault{Code: "E4003", What: "matcher journal repair: of what?", Why: "--truncate-tail cuts off a torn tail, --restore-byte undoes the change of a single byte", Fix: "matcher journal verify " + shellWord(r.dir)}
	}
	lock, err := ring.LockDir(r.dir)
	if errors.Is(err, ring.ErrLocked) {
		return &fault{Code: "E1003", What: "the journal " + r.dir + " is in use by a server", Fix: "stop it first", cause: err}
	}
	if err != nil {
		return r.fault(err)
	}
	f := os.NewFile(uintptr(lock), "lock")
	defer func() { _ = f.Close() }()
	torn, isTorn, err := endOf(r.dir)
	var damage *journal.Damage
	switch {
	case r.cut && err == nil && !isTorn:
		return r.say("nothing to cut off: the journal ends with its last block\n")
	case r.cut && err == nil:
		return r.truncate(torn)
	case r.restore && err == nil:
		return r.say("nothing to restore: the journal is intact\n")
	case r.restore && errors.As(err, &damage) && damage.Spoilt.Known:
		return r.putBack(damage)
	}
	return journalFault(r.dir, err) // nothing was changed
}

// endOf reads a journal to its end, with all checks of a server that starts.
func endOf(dir string) (journal.Torn, bool, error) {
	j, err := journal.Open(snapshot.Files(dir))
	for err == nil {
		_, err = j.Next()
	}
	if !errors.Is(err, io.EOF) {
		return journal.Torn{}, false, err
	}
	torn, is := j.Torn()
	return torn, is, nil
}

// truncate cuts off a torn tail. Segments that hold nothing else become spares, the last one first, so that a crash in between
// leaves a shorter torn tail.
func (r *repairing) truncate(t journal.Torn) error {
	if !r.yes {
		return r.would(fmt.Sprintf("cut off %s of %s from offset %#x", count(int(t.Bytes), "byte"), t.File, t.Offset) + also(t.Aside, t.File))
	}
	for _, name := range t.Aside {
		if err := r.blank(name, 0); err != nil {
			return r.fault(err)
		}
	}
	if !slices.Contains(t.Aside, t.File) {
		if err := r.blank(t.File, t.Offset); err != nil {
			return r.fault(err)
		}
	}
	return r.done()
}

func also(aside []string, but string) string {
	rest := slices.DeleteFunc(slices.Clone(aside), func(s string) bool { return s == but })
	if len(rest) == 0 {
		return ""
	}
	return ", and all of " + strings.Join(rest, " ")
}

// putBack gives a byte its value.
func (r *repairing) putBack(d *journal.Damage) error {
	if !r.yes {
		return r.would(fmt.Sprintf("make the byte at offset %#x of %s %#02x again", d.Spoilt.Offset, d.File, d.Spoilt.Right))
	}
	f, err := os.OpenFile(filepath.Join(r.dir, d.File), os.O_RDWR, 0)
	if err != nil {
		return r.fault(err)
	}
	defer func() { _ = f.Close() }()
	page := d.Spoilt.Offset &^ (journal.BlockUnit - 1)
	if err := r.keep(f, d.File, page, page+journal.BlockUnit); err != nil {
		return r.fault(err)
	}
	if _, err := f.WriteAt([]byte{d.Spoilt.Right}, d.Spoilt.Offset); err != nil {
		return r.fault(err)
	}
	if err := f.Sync(); err != nil {
		return r.fault(err)
	}
	r.changed = append(r.changed, d.File)
	return r.done()
}

// blank makes a segment zeros from an offset on, its header last.
func (r *repairing) blank(name string, from int64) error {
	f, err := os.OpenFile(filepath.Join(r.dir, name), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := r.keep(f, name, from, info.Size()); err != nil {
		return err
	}
	for _, piece := range [][2]int64{{max(from, journal.SegmentHeaderSize), info.Size()}, {from, journal.SegmentHeaderSize}} {
		if err := zeros(f, piece[0], piece[1]); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	r.changed = append(r.changed, name)
	return nil
}

// zeros writes zeros where a file is not zero.
func zeros(f *os.File, from, to int64) error {
	b := make([]byte, 1<<20)
	for at := from; at < to; at += int64(len(b)) {
		b = b[:min(int64(cap(b)), to-at)]
		if _, err := io.ReadFull(io.NewSectionReader(f, at, int64(len(b))), b); err != nil {
			return err
		}
		if isZero(b) {
			continue
		}
		clear(b)
		if _, err := f.WriteAt(b, at); err != nil {
			return err
		}
	}
	return nil
}

func isZero(b []byte) bool { return !slices.ContainsFunc(b, func(x byte) bool { return x != 0 }) }

// keep copies bytes of a segment, without the zeros at their end, to a file beside it that was not there, durably.
func (r *repairing) keep(f *os.File, name string, from, to int64) error {
	for n := 1; ; n++ {
		copied := fmt.Sprintf("%s.cut-%x.%d", name, from, n)
		out, err := os.OpenFile(filepath.Join(r.dir, copied), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		to, err = lastByte(f, from, to)
		if err == nil {
			_, err = io.Copy(out, io.NewSectionReader(f, from, to-from))
		}
		if err == nil {
			err = out.Sync()
		}
		if err = errors.Join(err, out.Close()); err == nil {
			err = ring.FsyncDir(r.dir)
		}
		r.kept = append(r.kept, copied)
		return err
	}
}

// lastByte returns the offset behind the last byte of a range that is not zero.
func lastByte(f *os.File, from, to int64) (int64, error) {
	b := make([]byte, 1<<20)
	for to > from {
		b = b[:min(int64(cap(b)), to-from)]
		if _, err := io.ReadFull(io.NewSectionReader(f, to-int64(len(b)), int64(len(b))), b); err != nil {
			return to, err
		}
		if rest := bytes.TrimRight(b, "\x00"); len(rest) > 0 {
			return to - int64(len(b)) + int64(len(rest)), nil
		}
		to -= int64(len(b))
	}
	return to, nil
}

func (r *repairing) would(what string) error {
	return r.say("would " + what + "; nothing was changed: --yes does it\n")
}

// done looks at the journal once more.
func (r *repairing) done() error {
	if _, _, err := endOf(r.dir); err != nil {
		return journalFault(r.dir, err)
	}
	return r.say(fmt.Sprintf("changed %s; what was there is in %s\n", strings.Join(r.changed, " "), strings.Join(r.kept, " ")))
}

func (r *repairing) say(text string) error {
	_, err := io.WriteString(r.e.Stdout, text)
	return err
}

func (r *repairing) fault(err error) error {
	return &fault{Code: "E1006", What: "the journal " + r.dir + " cannot be repaired: " + reason(err), Fix: "ls -l " + shellWord(r.dir), cause: err}
}
