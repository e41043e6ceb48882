package sim

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// disk is one directory on a disk. Direct writes are in flight until they are due, and may be due in any order; a crash
// leaves of each in flight, sector by sector, what was there before, what was written, or garbage. Changes of the directory
// take effect in order and are lost, from some point on, if a crash comes before SyncDir.
type disk struct {
	rng     *rand.Rand
	names   map[string]*inode // as everybody sees them
	lasting map[string]*inode // as a crash leaves them, but for a first part of changes
	archive map[string]*inode // segments that were moved to another directory
	away    bool              // that one is not there
	hidden  bool              // snapshots are not to be seen
	changes []change
	flight  []*flight
	cached  []*flight // ended without waiting for the disk's cache: the power may take them, until Sync
	pool    []*flight
	machine *Machine
	full    bool // no space for another file
	lies    bool // writes are told as durable before they are (a control)
	forgets bool // Sync does nothing (a control)

	writes uint64
	ends   uint64 // writes that have ended
	torn   uint64 // sectors that a crash left as garbage or as they were
}

// inode is a file. Files are made with their final size.
type inode struct {
	data   []byte
	synced bool // what Zero wrote is durable
}

type change struct {
	name string
	file *inode // nil: the name is gone
	gone string // a name that is gone in the same moment
}

// flight is a direct write that has not ended.
type flight struct {
	file  *inode
	at    uint64
	data  []byte // as it was submitted
	off   uint64 // where it lies in the arena
	tag   uint64
	due   uint64 // virtual time
	res   int32  // what it ends with, if not its length
	lazy  bool   // it ends in the disk's cache
	ended uint64 // which write of the disk it was that ended, with lazy
	late  bool   // its process was killed: nobody is told of its end
	told  bool   // the venue has been told that it has ended (a lie)
}

func newDisk(rng *rand.Rand, m *Machine) *disk {
	return &disk{rng: rng, machine: m, names: map[string]*inode{}, lasting: map[string]*inode{}, archive: map[string]*inode{}}
}

func (d *disk) change(name string, file *inode) {
	c := change{name: name, file: file}
	c.apply(d.names)
	d.changes = append(d.changes, c)
}

func (c *change) apply(names map[string]*inode) {
	if c.file == nil {
		delete(names, c.name)
	} else {
		names[c.name] = c.file
	}
	delete(names, c.gone)
}

func (d *disk) create(name string, size uint64) (*inode, error) {
	if d.names[name] != nil {
		return nil, syscall.EEXIST
	}
	if d.full {
		return nil, fmt.Errorf("sim: reserve %s: %w", name, syscall.ENOSPC)
	}
	f := &inode{}
	if n := len(d.machine.blocks); n != 0 && uint64(cap(d.machine.blocks[n-1])) >= size {
		f.data, d.machine.blocks = d.machine.blocks[n-1][:size], d.machine.blocks[:n-1]
	} else {
		f.data = make([]byte, size)
	}
	for at := 0; at < len(f.data); at += sector { // what an unwritten place holds is nobody's business
		f.data[at] = byte(at>>9) | 1
	}
	d.change(name, f)
	return f, nil
}

// write puts a direct write under way.
func (d *disk) write(f *inode, at uint64, data []byte, off, tag, due uint64) *flight {
	var w *flight
	if n := len(d.pool); n != 0 {
		w, d.pool = d.pool[n-1], d.pool[:n-1]
	} else {
		w = &flight{}
	}
	*w = flight{file: f, at: at, data: append(w.data[:0], data...), off: off, tag: tag, due: due}
	d.flight = append(d.flight, w)
	d.writes++
	return w
}

// land ends write i of those in flight.
func (d *disk) land(i int) {
	w := d.flight[i]
	if w.res == 0 {
		copy(w.file.data[w.at:], w.data)
	} else {
		d.tear(w) // an error says nothing about what is on the disk now
	}
	d.flight = slices.Delete(d.flight, i, i+1)
	if d.ends++; w.lazy && w.res == 0 {
		w.ended = d.ends
		d.cached = append(d.cached, w)
	} else {
		d.pool = append(d.pool, w)
	}
}

// sync makes durable what lies in the cache of a file, of what was written up to a moment.
func (d *disk) sync(f *inode, upTo uint64) {
	f.synced = true
	if d.forgets {
		return
	}
	d.uncache(f, upTo, func(*flight) {})
}

// lose does the opposite: the cache of a file, nil of all, is gone, and with it what had not reached the disk by itself.
func (d *disk) lose(f *inode) {
	d.uncache(f, ^uint64(0), func(w *flight) {
		all := d.rng.IntN(5) == 0
		for i := 0; i < len(w.data); i += sector {
			old := w.file.data[w.at+uint64(i):][:min(sector, len(w.data)-i)]
			switch p := d.rng.IntN(5); {
			case p == 0 || all:
				clear(old) // segments are made of zeros
				d.torn++
			case p == 1:
				d.garbage(old)
				d.torn++
			}
		}
	})
}

func (d *disk) uncache(f *inode, upTo uint64, visit func(w *flight)) {
	kept := d.cached[:0]
	for _, w := range d.cached {
		if f != nil && w.file != f || w.ended > upTo {
			kept = append(kept, w)
			continue
		}
		visit(w)
		d.pool = append(d.pool, w)
	}
	d.cached = kept
}

func (d *disk) garbage(b []byte) {
	for i := range b {
		b[i] = byte(d.rng.Uint32())
	}
}

// lateEnds may let a write of a killed process end while somebody reads.
func (d *disk) lateEnds() {
	for i, w := range d.flight {
		if w.late && d.rng.IntN(16) == 0 {
			d.land(i)
			return
		}
	}
}

// tear leaves of a write what chance leaves of it.
func (d *disk) tear(w *flight) {
	for i := 0; i < len(w.data); i += sector {
		old := w.file.data[w.at+uint64(i):][:min(sector, len(w.data)-i)]
		switch d.rng.IntN(5) {
		case 0: // as it was
			d.torn++
		case 1:
			d.garbage(old)
			d.torn++
		default:
			copy(old, w.data[i:])
		}
	}
}

// crash takes the power away, or, gently, only kills the process: then the kernel ends what was begun, at once or, late, some
// of it in the next life.
func (d *disk) crash(gently, late bool) {
	for i := len(d.flight) - 1; i >= 0; i-- { // the order does not matter: no two overlap
		switch w := d.flight[i]; {
		case gently && late && d.rng.IntN(2) == 0:
			w.late = true
			continue
		case gently, w.res == 0 && d.rng.IntN(8) == 0: // all, but nobody was told
		case d.rng.IntN(5) == 0:
			w.data, w.res = w.data[:0], -1 // nothing
		default:
			w.res = -1
		}
		d.land(i)
	}
	if !gently {
		d.lose(nil)
	}
	kept := len(d.changes)
	if !gently {
		kept = d.rng.IntN(kept + 1)
	}
	for _, c := range d.changes[:kept] {
		c.apply(d.lasting)
	}
	d.changes = d.changes[:0]
	clear(d.names)
	for name, f := range d.lasting {
		d.names[name] = f
		if !f.synced && !gently {
			if strings.Contains(name, "/") { // of a snapshot: its length is as little certain as its bytes
				f.data = f.data[:d.rng.IntN(len(f.data)+1)]
			}
			for at := 0; at < len(f.data); at += sector {
				if d.rng.IntN(4) == 0 {
					f.data[at] ^= 0xA5
				}
			}
		}
	}
}

// syncDir makes the names in a directory durable.
func (d *disk) syncDir(dir string) {
	kept := d.changes[:0]
	for _, c := range d.changes {
		if path.Dir(c.name) == dir {
			c.apply(d.lasting)
		} else {
			kept = append(kept, c)
		}
	}
	d.changes = kept
}

// scrap gives the memory of files to the next run.
func (d *disk) scrap(m *Machine) {
	seen := map[*inode]bool{}
	for _, names := range []map[string]*inode{d.names, d.archive} {
		for name, f := range names {
			if !seen[f] && !strings.Contains(name, "/") {
				seen[f] = true
				m.blocks = append(m.blocks, f.data)
			}
		}
	}
}

// The disk as an fs.FS, for recovery.

// Open opens a file.
func (d *disk) Open(name string) (fs.File, error) {
	f := d.names[name]
	if f == nil && !d.away {
		f = d.archive[name]
	}
	if f == nil || d.hidden && strings.Contains(name, "/") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &reading{disk: d, name: name, file: f}, nil
}

// ReadDir lists a directory.
func (d *disk) ReadDir(dir string) ([]fs.DirEntry, error) {
	list := make([]fs.DirEntry, 0, len(d.names))
	for name, f := range d.names {
		if path.Dir(name) == dir && !(d.hidden && dir != ".") {
			list = append(list, &reading{disk: d, name: name, file: f})
		}
	}
	if dir == "." && !d.away {
		for name, f := range d.archive {
			if d.names[name] == nil {
				list = append(list, &reading{disk: d, name: name, file: f})
			}
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return bytes.Compare([]byte(a.Name()), []byte(b.Name())) })
	return list, nil
}

// reading is an open file, and what a directory says of it.
type reading struct {
	disk *disk
	name string
	file *inode
	at   int64
}

func (r *reading) Name() string               { return path.Base(r.name) }
func (r *reading) IsDir() bool                { return false }
func (r *reading) Type() fs.FileMode          { return 0 }
func (r *reading) Mode() fs.FileMode          { return 0o640 }
func (r *reading) Size() int64                { return int64(len(r.file.data)) }
func (r *reading) ModTime() time.Time         { return time.Time{} }
func (r *reading) Sys() any                   { return nil }
func (r *reading) Info() (fs.FileInfo, error) { return r, nil }
func (r *reading) Stat() (fs.FileInfo, error) { return r, nil }
func (r *reading) Close() error               { return nil }

func (r *reading) Read(b []byte) (int, error) {
	n, err := r.ReadAt(b, r.at)
	r.at += int64(n)
	return n, err
}

func (r *reading) ReadAt(b []byte, at int64) (int, error) {
	r.disk.lateEnds()
	if at >= int64(len(r.file.data)) {
		return 0, io.EOF
	}
	n := copy(b, r.file.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}
