package sim

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"matcher/engine"
	"matcher/replay"
	"matcher/snapshot"
)

// Snapshots are taken by a process of its own, so here they are taken by the product's own code on a copy of the disk, at a
// moment by chance, and what it leaves is copied back. Everything on the copy is durable, as Take has made it.

const stateOf, streamsOf = ".snapshot", ".streams"

// shelf is where the copy lies.
func (m *Machine) shelf() string {
	if m.scratch == "" {
		base := "/dev/shm" // syncs cost nothing there
		if info, err := os.Stat(base); err != nil || !info.IsDir() {
			base = ""
		}
		dir, err := os.MkdirTemp(base, "sim")
		if err != nil {
			panic(err)
		}
		m.scratch = dir
	}
	return m.scratch
}

// Close removes what a Machine has put on this machine's disk.
func (m *Machine) Close() error {
	if m.scratch == "" {
		return nil
	}
	return os.RemoveAll(m.scratch)
}

// take takes a snapshot of the disk as it is.
func (r *run) take() {
	w := r.w
	if w.acked == 0 {
		return // there may be no journal yet
	}
	for _, f := range w.disk.names {
		w.disk.sync(f) // Take does so with what it has read
	}
	for i := range w.acked {
		w.line[i].safe = true
	}
	dir, archive := filepath.Join(w.machine.shelf(), "journal"), filepath.Join(w.machine.shelf(), "archive")
	copyOut(dir, w.disk.names)
	copyOut(archive, w.disk.archive)
	if len(w.disk.archive) != 0 {
		must(os.WriteFile(filepath.Join(dir, "archived"), []byte(archive+"\n"), 0o600))
	}
	t := snapshot.Taking{Journal: dir, Keep: 1 + r.rng.IntN(3), Now: w.wall + w.now}
	if r.archives {
		t.Archive = archive
	}
	taken, err := snapshot.Take(context.Background(), &t)
	if err != nil {
		fail("a snapshot: %v", err)
	}
	if taken.Nothing {
		return
	}
	if r.rng.IntN(4) == 0 {
		if err := taken.Verify(snapshot.Files(dir)); err != nil {
			fail("a snapshot that was just taken: %v", err)
		}
	}
	if r.rng.IntN(8) == 0 { // the process was killed before the state had its name
		w.disk.shelve(&snapshot.Taken{Info: taken.Info}, dir, streamsOf)
		w.disk.put(path.Join(snapshot.Dir, "state.new"), []byte("half of it"))
		return
	}
	r.report.Snapshots++
	w.disk.shelve(taken, dir, streamsOf, stateOf)
	r.o.Control.respell(w.disk)
}

// copyOut writes files to a directory that holds nothing else.
func copyOut(dir string, files map[string]*inode) {
	must(os.RemoveAll(dir))
	must(os.MkdirAll(filepath.Join(dir, snapshot.Dir), 0o700))
	for name, f := range files {
		must(os.WriteFile(filepath.Join(dir, name), f.data, 0o600))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// shelve takes over what a Take has left.
func (d *disk) shelve(t *snapshot.Taken, dir string, suffixes ...string) {
	for _, suffix := range suffixes {
		name := strings.TrimSuffix(t.Path, stateOf) + suffix
		data, err := os.ReadFile(filepath.Join(dir, name))
		must(err)
		d.put(name, data)
	}
	for _, name := range t.Deleted {
		d.drop(path.Join(snapshot.Dir, name))
	}
	for _, name := range t.Archived {
		d.archive[name] = d.names[name]
		d.drop(name)
	}
}

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
	f := d.names[names[0]]
	data := slices.Clone(f.data)
	if strings.HasSuffix(names[0], stateOf) && r.rng.IntN(2) == 0 {
		data[r.rng.IntN(len(data))] ^= 1 << r.rng.IntN(8)
	} else {
		data = data[:r.rng.IntN(len(data))]
	}
	d.put(names[0], data)
	r.w.spoilt = true
}

// fromSnapshot holds a venue that was started from a snapshot against one that executes all of the journal.
func (r *run) fromSnapshot() {
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
