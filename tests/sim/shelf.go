package sim

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"matcher/engine"
	"matcher/replay"
	"matcher/snapshot"
)

// Snapshots are taken by a process of its own: here by the product's own code, on the disk as it is, at a moment by chance. It
// can be killed at any of its operations, or the power goes in the midst of it.

const stateOf, streamsOf = ".snapshot", ".streams"

// take takes a snapshot of the disk. power: the power may go meanwhile.
func (r *run) take(power bool) {
	w := r.w
	if w.acked == 0 {
		return // there may be no journal yet
	}
	p := &taker{r: r}
	if r.rng.IntN(4) == 0 {
		p.left = 1 + r.rng.IntN(30)
	}
	t := snapshot.Taking{Disk: p, Keep: 1 + r.rng.IntN(3), Now: w.wall + w.now}
	if r.archives {
		t.Archive = "archive"
	}
	taken, err := snapshot.Take(context.Background(), &t)
	switch {
	case p.killed:
		r.report.Cuts++
		if power && r.rng.IntN(2) == 0 {
			panic(crashed{})
		}
		return
	case errors.Is(err, syscall.ENOSPC) && w.disk.full:
		return
	case err != nil:
		fail("a snapshot: %v", err)
	case taken.Nothing:
		return
	}
	if r.rng.IntN(4) == 0 {
		if err := taken.Verify(w.disk); err != nil {
			fail("a snapshot that was just taken: %v", err)
		}
	}
	if r.v != nil {
		r.v.Snapshotted()
	}
	r.report.Snapshots++
	r.o.Control.respell(w.disk)
}

// taker is the disk as a process sees it that takes a snapshot.
type taker struct {
	r      *run
	left   int // operations until it is killed, 0: it is not
	killed bool
}

var errKilled = errors.New("sim: the process was killed")

// step is an operation. After it was killed a process changes nothing any more.
func (p *taker) step() error {
	if p.left--; p.left == 0 {
		p.killed = true
	}
	if p.killed {
		return errKilled
	}
	return nil
}

// Journal returns the disk.
func (p *taker) Journal() fs.FS { return p.r.w.disk }

// Rest returns it without the archive.
func (p *taker) Rest() fs.FS { return rest{p.r.w.disk} }

// rest is a disk without its archive.
type rest struct{ *disk }

// Open opens a file.
func (d rest) Open(name string) (fs.File, error) {
	defer func(was bool) { d.away = was }(d.away)
	d.away = true
	return d.disk.Open(name)
}

// ReadDir lists a directory.
func (d rest) ReadDir(dir string) ([]fs.DirEntry, error) {
	defer func(was bool) { d.away = was }(d.away)
	d.away = true
	return d.disk.ReadDir(dir)
}

// Lock is not contended here.
func (p *taker) Lock() (func(), error) { return func() {}, p.step() }

// Create makes a file.
func (p *taker) Create(name string) (snapshot.File, error) {
	if err := p.step(); err != nil {
		return nil, err
	}
	f := &shelved{taker: p, file: &inode{}}
	p.r.w.disk.change(name, f.file)
	return f, nil
}

// Rename gives a file another name.
func (p *taker) Rename(from, to string) error {
	if err := p.step(); err != nil {
		return err
	}
	d := p.r.w.disk
	c := change{name: to, file: d.names[from], gone: from}
	c.apply(d.names)
	d.changes = append(d.changes, c)
	return nil
}

// Remove takes a name away.
func (p *taker) Remove(name string) error {
	if err := p.step(); err != nil {
		return err
	}
	p.r.w.disk.change(name, nil)
	return nil
}

// SyncDir makes the names of snapshots durable.
func (p *taker) SyncDir() error {
	if err := p.step(); err != nil {
		return err
	}
	p.r.w.disk.syncDir(snapshot.Dir)
	return nil
}

// Settle makes a segment durable.
func (p *taker) Settle(name string) error {
	if err := p.step(); err != nil {
		return err
	}
	if f := p.r.w.disk.names[name]; f != nil {
		p.r.w.synced(p.r.w.whole(f))
	}
	return nil
}

// Archive moves segments. One that was copied may still be in its old place, too.
func (p *taker) Archive(names []string, _ string) (moved []string, err error) {
	d := p.r.w.disk
	for _, name := range names {
		if err := p.step(); err != nil {
			return moved, err
		}
		d.archive[name] = d.names[name]
		if err := p.step(); err != nil {
			return moved, err
		}
		d.drop(name)
		moved = append(moved, name)
	}
	return moved, nil
}

// shelved is a file that is being written.
type shelved struct {
	*taker
	file *inode
}

// WriteAt writes; if the process is killed or there is no more room, only a part.
func (f *shelved) WriteAt(b []byte, at int64) (int, error) {
	if f.killed {
		return 0, errKilled
	}
	err := f.step()
	if err == nil && f.r.w.disk.full {
		err = syscall.ENOSPC
	}
	n := len(b)
	if err != nil {
		n = f.r.rng.IntN(n + 1)
	}
	if more := int(at) + n - len(f.file.data); more > 0 {
		f.file.data = append(f.file.data, make([]byte, more)...)
	}
	f.file.synced = false
	return copy(f.file.data[at:], b[:n]), err
}

// Truncate gives it another length.
func (f *shelved) Truncate(size int64) error {
	if err := f.step(); err != nil {
		return err
	}
	f.file.data = append(f.file.data, make([]byte, size)...)[:size]
	f.file.synced = false
	return nil
}

// Sync makes it durable.
func (f *shelved) Sync() error {
	if err := f.step(); err != nil {
		return err
	}
	f.file.synced = true
	return nil
}

// Close does nothing.
func (f *shelved) Close() error { return nil }

// put and drop change the directory for ever.
func (d *disk) put(name string, data []byte) {
	f := &inode{data: data, synced: true}
	d.names[name], d.lasting[name] = f, f
}

func (d *disk) drop(name string) {
	delete(d.names, name)
	delete(d.lasting, name)
}

// snapshots returns the files of one kind, the newest first.
func (d *disk) snapshots(suffix string) (names []string) {
	for name := range d.names {
		if strings.HasSuffix(name, suffix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names
}

// spoilNewest damages the newest snapshot in a way that a start can see. It must go on from another one, or from the birth.
func (r *run) spoilNewest() {
	d := r.w.disk
	names := d.snapshots([]string{stateOf, streamsOf}[r.rng.IntN(2)])
	if len(names) == 0 {
		return
	}
	data := slices.Clone(d.names[names[0]].data)
	if len(data) == 0 {
		return // as bad as it can be
	}
	if strings.HasSuffix(names[0], stateOf) && r.rng.IntN(2) == 0 {
		data[r.rng.IntN(len(data))] ^= 1 << r.rng.IntN(8)
	} else {
		data = data[:r.rng.IntN(len(data))]
	}
	d.put(names[0], data)
	r.w.spoilt = true
}

// fromSnapshot holds a venue that was started from a snapshot against one that executes all of the journal. Whatever was cut off,
// a snapshot that has its name can be used.
func (r *run) fromSnapshot() {
	if names := r.w.disk.snapshots(stateOf); len(names) != 0 && !r.w.spoilt && r.o.Control == None {
		if n := strings.TrimLeft(path.Base(strings.TrimSuffix(names[0], stateOf)), "0"); !strings.Contains(r.v.Report(), "snapshot of seq "+n+" ") {
			fail("the newest snapshot is of seq %s, and the start says: %s", n, r.v.Report())
		}
	}
	if !strings.Contains(r.v.Report(), "snapshot of seq") {
		return
	}
	r.report.Resumed++
	if r.rng.IntN(4) != 0 {
		return
	}
	j := r.fromBirth()
	if j.Engine().Hash() != r.v.Engine().Hash() || j.OutputHash() != r.v.Output() || !bytes.Equal(cells(j.Engine()), cells(r.v.Engine())) {
		fail("a start from a snapshot gives another state than one from the birth")
	}
}

// fromBirth executes the whole journal.
func (r *run) fromBirth() *replay.Journal {
	r.w.disk.hidden = true
	defer func() { r.w.disk.hidden = false }()
	j, err := replay.Open(r.w.disk)
	for err == nil {
		_, _, err = j.Next()
	}
	if !ended(err) {
		fail("the journal: %v", err)
	}
	return j
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// cells is a state, byte for byte.
func cells(e *engine.Engine) (b []byte) {
	must(e.Snapshot(func(cell *[engine.CellSize]byte) error {
		b = append(b, cell[:]...)
		return nil
	}))
	return b
}

// respell changes a byte of every piece of the newest streams, and makes their checksums fit.
func (c Control) respell(d *disk) {
	names := d.snapshots(streamsOf)
	if c != Streams || len(names) == 0 {
		return
	}
	data, le := d.names[names[0]].data, binary.LittleEndian
	for at := 128; le.Uint32(data[at:]) == 204|'M'<<8|'S'<<16|'Q'<<24; {
		piece := data[at:][:le.Uint32(data[at+24:])]
		piece[len(piece)-1] ^= 1
		seal(piece)
		at += len(piece)
	}
}
