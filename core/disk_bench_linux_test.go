//go:build linux

package core

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"matcher/engine"
	"matcher/ring"
)

var (
	diskRounds = flag.Int("rounds", 7, "of BenchmarkJournalDisk; in each, both write once")
	diskBytes  = flag.Int("mib", 32, "MiB that each writes in a round of BenchmarkJournalDisk")
)

// noting is a kernel that notes how long the journal's blocks are.
type noting struct {
	Kernel
	lengths []uint32
}

func (k *noting) Turn(ops []ring.Op, done []ring.Completion, w ring.Wait) ([]ring.Completion, error) {
	for i := range ops {
		if kindOf(ops[i].Tag) == tagBlock {
			k.lengths = append(k.lengths, ops[i].Len)
		}
	}
	return k.Kernel.Turn(ops, done, w)
}

// BenchmarkJournalDisk lets the venue's own loop write its journal as fast as the disk takes it, and in turns with that a bare
// writer the same blocks to a file of zeros on the same disk, as many at once, by the same driver: no cells, no checksums, no
// chain. The commands are ones that cost the market nothing; so many of them come in each turn. Segments are zeroed between
// the rounds. Run it with -benchtime 1x.
func BenchmarkJournalDisk(b *testing.B) {
	for _, perTurn := range []int{32, 256, 1 << 20} {
		name := fmt.Sprintf("%d-a-turn", perTurn)
		if perTurn == 1<<20 {
			name = "flood"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				journalDisk(b, perTurn)
			}
		})
	}
}

func journalDisk(b *testing.B, perTurn int) {
	runtime.LockOSThread() // for good: the ring is this thread's
	c := configOn(b, UringBackend)
	c.Segment, c.Wait = 256<<20, ring.Spin
	note := &noting{}
	c.kernel = func(arena uint64) (_ Kernel, err error) {
		note.Kernel, err = newMachine(&Config{Backend: UringBackend}).Kernel(arena)
		return note, err
	}
	c.World = newMachine(&c)
	s, err := OpenStepped(c)
	var refused *ring.SetupError
	if errors.As(err, &refused) {
		b.Skipf("io_uring cannot be had here: %v", err)
	}
	if err != nil {
		b.Fatal(err)
	}
	defer s.server.pipe.close()
	defer s.loop.shutdown()
	j := &journalPump{b: b, s: s, perTurn: perTurn}
	bare := newBareWriter(b, filepath.Join(b.TempDir(), "bare"), c.Segment)
	n := uint64(*diskBytes) << 20
	var ours, theirs, ratios []float64
	for range *diskRounds {
		j.room(2 * n)
		first := j.write(n, note)
		second := bare.write(b, note.lengths)
		ours, theirs, ratios = append(ours, first), append(theirs, second), append(ratios, first/second)
	}
	sum := 0.0
	for _, n := range note.lengths {
		sum += float64(n)
	}
	b.ReportMetric(sum/float64(len(note.lengths))/1024, "KiB/block")
	b.ReportMetric(middle(ours)/1e6, "journal-MB/s")
	b.ReportMetric(middle(theirs)/1e6, "bare-MB/s")
	b.ReportMetric(middle(ratios), "ratio")
	b.ReportMetric(slices.Min(ratios), "least-ratio")
	b.ReportMetric(0, "ns/op")
}

func middle(sample []float64) float64 {
	sorted := slices.Sorted(slices.Values(sample))
	return sorted[len(sorted)/2]
}

// journalPump makes a venue journal commands.
type journalPump struct {
	b       *testing.B
	s       *Stepped
	perTurn int
	cmd     engine.Command
}

// turn applies commands, as many as fit, and turns the loop once.
func (j *journalPump) turn() {
	l := j.s.loop
	for range j.perTurn {
		if !l.writer.Room() || l.ready() {
			break // as serve does
		}
		*j.cmd.Cancel() = engine.Cancel{Header: engine.Header{Kind: engine.KindCancel, User: 1}, Ref: 1}
		l.apply(&j.cmd)
	}
	l.more = l.writer.Room() // there are more, so this turn does not wait
	if !j.s.Turn() {
		j.b.Fatal(j.s.Err())
	}
}

// room goes on, untimed, until so many bytes fit the segment at work.
func (j *journalPump) room(n uint64) {
	l := j.s.loop
	for l.files.left(l) < n {
		j.s.Prepare()
		j.turn()
	}
}

// write journals so many bytes until they are durable, and returns how many a second.
func (j *journalPump) write(n uint64, note *noting) float64 {
	l := j.s.loop
	for l.writer.InFlight() != 0 || l.writer.Pending() != 0 || !l.writer.Empty() {
		if !j.s.Turn() {
			j.b.Fatal(j.s.Err())
		}
	}
	note.lengths = note.lengths[:0]
	from, start := l.writer.Durable(), time.Now()
	for uint64(l.writer.Durable()-from) < n {
		j.turn()
	}
	took, durable := time.Since(start), l.writer.Durable()-from
	sum, kept := uint64(0), 0 // the blocks that were durable then
	for sum < uint64(durable) {
		sum += uint64(note.lengths[kept])
		kept++
	}
	note.lengths = note.lengths[:kept]
	return float64(durable) / took.Seconds()
}

// bareWriter writes blocks of one byte value to a file of zeros, durable, several at once.
type bareWriter struct {
	u    *ring.Uring
	fd   int
	size int64
	at   int64
	ops  []ring.Op
	done []ring.Completion
}

func newBareWriter(b *testing.B, path string, size int64) *bareWriter {
	u, err := ring.NewUring(ring.Config{ArenaSize: writesInFlight * slotSize})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = u.Close() })
	arena := u.Arena()
	for i := range writesInFlight * slotSize {
		arena[u.Base()+uint64(i)] = 0x5a
	}
	fd, direct, err := ring.OpenDirect(path, true, size)
	if err == nil {
		err = ring.Zero(fd, direct, 0, size)
	}
	if err == nil {
		err = ring.Fsync(fd)
	}
	if err != nil {
		b.Fatal(err)
	}
	return &bareWriter{u: u, fd: fd, size: size}
}

// write writes blocks of these lengths, and returns how many bytes a second.
func (w *bareWriter) write(b *testing.B, lengths []uint32) float64 {
	free := []int{0, 1, 2, 3}[:writesInFlight]
	start, total := time.Now(), uint64(0)
	for n := 0; n < len(lengths) || len(free) < writesInFlight; {
		w.ops = w.ops[:0]
		for ; n < len(lengths) && len(free) > 0; n++ {
			slot := free[len(free)-1]
			free = free[:len(free)-1]
			if w.at+int64(lengths[n]) > w.size {
				w.at = 0
			}
			w.ops = append(w.ops, ring.Op{
				Code: ring.Write, File: int32(w.fd), Len: lengths[n], Off: w.u.Base() + uint64(slot)*slotSize, At: uint64(w.at), Tag: uint64(slot),
			})
			w.at += int64(lengths[n])
		}
		var err error
		w.done, err = w.u.Turn(w.ops, w.done[:0], ring.Wait{Policy: ring.Spin, Until: int64(time.Second), DiskBusy: true})
		if err != nil {
			b.Fatal(err)
		}
		for i := range w.done {
			if w.done[i].Res <= 0 {
				b.Fatalf("%+v", w.done[i])
			}
			total += uint64(w.done[i].Res)
			free = append(free, int(w.done[i].Tag))
		}
	}
	return float64(total) / time.Since(start).Seconds()
}
