package tests

import (
	enc "encoding/binary" // binary is the name of the server under test in this package
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"matcher/journal"
	"matcher/wire/ouch"
)

// fault is one kind of them.
type fault struct {
	class string
	come  func(*soak) string
}

// soakFaults are the faults of the mixed run. come lets one come, and leaves a server that is ready behind; it returns why the
// fault cannot be had on this machine, "" if it came.
var soakFaults = []fault{
	{"kill -9 under load", (*soak).killed},
	{"SIGTERM and start", (*soak).restarted},
	{"kill -9 while a snapshot is taken", (*soak).killedTaking},
	{"kill -9 while the day ends", (*soak).killedRolling},
	{"kill -9 during recovery, again and again", (*soak).killedRecovering},
	{"connections reset", (*soak).reset},
	{"a client that stalls", (*soak).stalled},
	{"a client that reads slowly", (*soak).slow},
	{"torn last write", (*soak).torn},
	{"last write not on the disk", (*soak).zeroed},
	{"a write fails (EIO)", (*soak).failing},
	{"no next segment can be made", (*soak).stuckSegment},
	{"file system full", (*soak).full},
	{"newest snapshot damaged", (*soak).damaged},
	{"snapshots gone", (*soak).gone},
	{"an operator at work, and a kill -9", (*soak).operated},
	{"the day ends, segments are archived", (*soak).archived},
}

func (c *soak) killed() string {
	c.moment(60 * time.Millisecond)
	c.kill()
	c.start()
	return ""
}

func (c *soak) restarted() string {
	c.stop()
	c.start()
	if strings.Contains(c.s.ready, "torn") {
		c.t.Errorf("after an orderly end: %s", c.s.ready)
	}
	return ""
}

// killedTaking kills the server while a snapshot is taken, and half the time whoever takes it.
func (c *soak) killedTaking() string {
	taking := c.child(c.t.Context(), "snapshot", "create", c.dir)
	if err := taking.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.moment(60 * time.Millisecond)
	if c.random.IntN(2) == 0 {
		_ = taking.Process.Kill()
	}
	c.kill()
	_ = taking.Wait() // how far it came is not the question
	c.start()
	c.taken()
	c.usable()
	return ""
}

// usable holds that the newest snapshot can be used. Older ones may have been spoilt.
func (c *soak) usable() {
	c.t.Helper()
	if o := c.run("snapshot", "verify", c.dir); !strings.HasSuffix(strings.SplitN(o.stdout, "\n", 2)[0], "  good") {
		c.t.Errorf("exit %d: %s%s", o.code, o.stdout, o.stderr)
	}
}

func (c *soak) killedRolling() string {
	asking := c.child(c.t.Context(), "admin", "end-of-day", "--journal", c.dir)
	if err := asking.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.moment(30 * time.Millisecond)
	c.kill()
	_ = asking.Wait() // what it was told is not the question
	c.start()
	return ""
}

func (c *soak) killedRecovering() string {
	c.kill()
	for range 1 + c.random.IntN(4) {
		s := c.launch()
		c.moment(80 * time.Millisecond)
		s.kill()
	}
	c.start()
	return ""
}

func (c *soak) reset() string {
	for range 10 {
		for _, p := range c.cable.all() {
			if c.random.IntN(2) == 0 {
				p.reset()
			}
		}
		c.moment(20 * time.Millisecond)
	}
	return ""
}

// stalled lets one connection stand still, in one direction or both, for longer than the server bears.
func (c *soak) stalled() string {
	if all := c.cable.all(); len(all) > 0 {
		span, kind := time.Duration(500+c.random.IntN(3000))*time.Millisecond, c.random.IntN(3)
		if kind != 0 {
			all[0].up.slow(0, span)
		}
		if kind != 1 {
			all[0].down.slow(0, span)
		}
	}
	c.traded(c.s, c.traders, 500) // the others go on
	return ""
}

func (c *soak) slow() string {
	for _, p := range c.cable.all() {
		p.down.slow(100+c.random.IntN(900), time.Second)
		if c.random.IntN(2) == 0 {
			break
		}
	}
	c.traded(c.s, c.traders, 500)
	return ""
}

func (c *soak) torn() string   { return c.unwritten(true) }
func (c *soak) zeroed() string { return c.unwritten(false) }

// unwritten takes the last write away from the journal: some of its sectors, or all from one on, as if the power had failed
// while it was under way. To be allowed that, it must have been told to nobody: clients are cut off and the relay is ended first,
// and the write is one that came later.
func (c *soak) unwritten(some bool) string {
	for range 10 {
		c.cable.silence(true)
		c.deaf()
		told := c.durable()
		d := c.dial()
		for start := time.Now(); c.durable() <= told; time.Sleep(time.Millisecond) {
			d.enter('B', 1, 100)
			if time.Since(start) > patience {
				c.t.Fatalf("nothing becomes durable\n%s", c.s.err)
			}
		}
		c.kill()
		if spoilt := c.untold(told, some); spoilt >= 0 {
			c.start()
			if (spoilt != 0) != strings.Contains(c.s.ready, "a torn tail of") {
				c.t.Errorf("%d sectors of the last write hold something: %s", spoilt, c.s.ready)
			}
			c.cable.silence(false)
			return ""
		}
		c.start() // the write ended its segment, and the next promises it
		c.cable.silence(false)
	}
	c.t.Fatal("every last write ended its segment")
	return ""
}

// durable is how far the server has told anybody of its journal; in `async` mode, where it tells of what is not there yet, how
// far the journal goes.
func (c *soak) durable() journal.Position {
	c.t.Helper()
	if c.mode == "async" {
		last, _ := c.last()
		return last.Position + 1
	}
	b, err := os.ReadFile(filepath.Join(c.dir, "durable"))
	if err != nil || len(b) < 8 {
		c.t.Fatalf("%v, %d bytes", err, len(b))
	}
	return journal.Position(enc.LittleEndian.Uint64(b))
}

// last returns the last block of the journal, and the segment that is the last one.
func (c *soak) last() (last journal.BlockHeader, segment *journal.SegmentHeader) {
	c.t.Helper()
	r, err := journal.OpenRest(os.DirFS(c.dir)) // older segments may be archived
	if err != nil {
		c.t.Fatal(err)
	}
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			all := r.Segments()
			return last, &all[len(all)-1]
		}
		if err != nil {
			c.t.Fatal(err)
		}
		last = b.BlockHeader
	}
}

// untold spoils the last block of the journal, which nobody was told of: some of the sectors in use hold zeros or anything, or
// all from one on hold zeros. It returns how many hold anything, or -1 if the block may not be spoilt: a segment behind it
// promises it.
func (c *soak) untold(told journal.Position, some bool) (left int) {
	c.t.Helper()
	last, h := c.last()
	if last.Position < told {
		c.t.Fatalf("the last block begins at %d, and %d was told", last.Position, told)
	}
	if last.Position < h.First || last.Flags&journal.FlagMore != 0 {
		return -1
	}
	f, err := os.OpenFile(filepath.Join(c.dir, journal.SegmentName(h.Segment)), os.O_WRONLY, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it is for nobody but this machine's next process
	used := (journal.BlockHeaderSize + int(last.Count)*journal.CellSize + sector - 1) / sector
	first := c.random.IntN(used) // of those that are lost in any case
	for s := range used {
		data := make([]byte, sector)
		switch {
		case s == first:
		case !some && s > first:
		case some && c.random.IntN(3) == 0:
			for i := range data {
				data[i] = byte(c.random.Uint32())
			}
			left++
		case some && c.random.IntN(2) == 0:
		default:
			left++
			continue
		}
		if some && s == first && used == 1 {
			data[0] = 1 // something is there, and it is no block
			left++
		}
		if _, err := f.WriteAt(data, h.Offset(last.Position)+int64(s*sector)); err != nil {
			c.t.Fatal(err)
		}
	}
	return left
}

// sector is what a disk writes or does not.
const sector = 512

// failing lets the server's durable writes fail from some place of the segment on. It must end, and have answered nothing of
// what it could not keep.
func (c *soak) failing() string {
	if c.mode != "sync" {
		return "in mode " + c.mode + " no write is a durable one" // and durable ones are what fails
	}
	c.stop()
	c.bare, c.spoilt = true, 8192+4096*c.random.IntN(100)
	c.start()
	c.bare, c.spoilt = false, 0
	select {
	case <-c.s.ended:
	case <-time.After(2 * patience):
		c.t.Fatalf("the server goes on\n%s", c.s.err)
	}
	if code := c.s.cmd.ProcessState.ExitCode(); code != 4 {
		c.t.Errorf("exit %d: %s", code, c.s.err)
	}
	wellFormed(c.t, c.s.err.String(), "E1011")
	c.start()
	return ""
}

// stuckSegment puts something in the way of the next segment, so that none can be made. Order entry closes while there is
// room for cancels, and opens again.
func (c *soak) stuckSegment() string {
	names, err := filepath.Glob(filepath.Join(c.dir, "*.mj"))
	if err != nil {
		c.t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(names[len(names)-1]), ".mj"))
	if err != nil {
		c.t.Fatal(err)
	}
	var blocks []string
	for i := range 3 { // one of these is the next
		blocks = append(blocks, filepath.Join(c.dir, journal.SegmentName(uint32(n+1+i))+".new"))
		if err := os.MkdirAll(filepath.Join(blocks[i], "full"), 0o755); err != nil && !errors.Is(err, syscall.ENOTDIR) {
			c.t.Fatal(err) // ENOTDIR: it is being made
		}
	}
	c.says("order entry is closed, cancels are served")
	killed := c.random.IntN(2) == 0
	if killed {
		c.moment(time.Second)
		c.kill()
	}
	for _, name := range blocks {
		if err := os.RemoveAll(name); err != nil {
			c.t.Fatal(err)
		}
	}
	if killed {
		c.start()
	} else {
		c.says("order entry is open")
	}
	return ""
}

// says waits until the server has said something.
func (c *soak) says(line string) {
	c.t.Helper()
	for start := time.Now(); !strings.Contains(c.s.err.String(), line); time.Sleep(time.Millisecond) {
		if time.Since(start) > 3*patience {
			c.t.Fatalf("no word of %q in\n%s", line, c.s.err)
		}
	}
}

// full moves the journal to a small file system, fills that, lets the server close and open, or kills it there, and moves the
// journal back.
func (c *soak) full() string {
	c.stop()
	c.deaf()
	c.alone()
	at := c.path("small")
	if err := os.MkdirAll(at, 0o755); err != nil {
		c.t.Fatal(err)
	}
	holder, why := mounted(at, size(c.t, c.dir)+24<<20)
	if why != "" {
		c.start()
		return why
	}
	defer func() {
		_ = holder.Process.Kill()
		_ = holder.Wait() // with it goes the mount
	}()
	at = filepath.Join("/proc", strconv.Itoa(holder.Process.Pid), "root", at)
	home := c.dir
	c.dir = filepath.Join(at, "data")
	move(c, home, c.dir)
	c.start()
	c.traded(c.s, c.traders, 100)
	ballast, err := os.Create(filepath.Join(at, "ballast"))
	if err != nil {
		c.t.Fatal(err)
	}
	for piece := make([]byte, 64<<10); err == nil; {
		_, err = ballast.Write(piece)
	}
	_ = ballast.Close()
	if !errors.Is(err, syscall.ENOSPC) {
		c.t.Fatal(err)
	}
	c.says("order entry is closed, cancels are served")
	if c.random.IntN(2) == 0 {
		c.moment(time.Second)
		c.kill()
		s := c.launch()
		if err := s.await(); err == nil {
			c.t.Error("a server starts on a full file system")
		} else {
			wellFormed(c.t, s.err.String(), "E1004")
		}
		s.kill()
	}
	if err := os.Remove(ballast.Name()); err != nil {
		c.t.Fatal(err)
	}
	select {
	case <-c.s.ended:
		c.start()
	default:
		c.says("order entry is open")
	}
	c.traded(c.s, c.traders, 200)
	c.stop()
	c.alone()
	move(c, c.dir, home)
	c.dir = home
	c.start()
	return ""
}

// mounted makes a file system of so many bytes, which lives as long as the process that is returned.
func mounted(at string, bytes int64) (holder *exec.Cmd, why string) {
	const mounting = `mount -t tmpfs -o size="$1" tmpfs "$0" && echo mounted && exec sleep 600`
	for _, form := range []string{"-m", "-rm"} {
		holder = exec.Command("unshare", form, "sh", "-c", mounting, at, fmt.Sprint(bytes))
		out, err := holder.StdoutPipe()
		if err == nil {
			err = holder.Start()
		}
		if err != nil {
			return nil, err.Error()
		}
		if n, _ := out.Read(make([]byte, 16)); n > 0 {
			return holder, ""
		}
		why = fmt.Sprintf("no file system of our own can be had: %v", holder.Wait())
	}
	return nil, why
}

// size is how much the files of a directory take.
func size(t testing.TB, dir string) (n int64) {
	t.Helper()
	if err := filepath.Walk(dir, func(_ string, i os.FileInfo, err error) error {
		if err == nil {
			n += i.Size()
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// move moves the files of a directory to another file system.
func move(c *soak, from, to string) {
	c.t.Helper()
	err := os.RemoveAll(to)
	if err == nil {
		err = os.CopyFS(to, os.DirFS(from))
	}
	if err == nil {
		err = os.RemoveAll(from)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// damaged spoils the newest snapshot: the start says so and does without it.
func (c *soak) damaged() string {
	c.taken()
	c.traded(c.s, c.traders, 100)
	c.kill()
	c.alone()
	names := c.snapshots()
	b, err := os.ReadFile(names[len(names)-1])
	if err == nil {
		b[c.random.IntN(len(b))] ^= 1 << c.random.IntN(8)
		err = os.WriteFile(names[len(names)-1], b, 0o600)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.start()
	if !strings.Contains(c.s.err.String(), "warning: a start without") {
		c.t.Errorf("nothing is said of the damaged snapshot: %s", c.s.err)
	}
	return ""
}

func (c *soak) snapshots() []string {
	c.t.Helper()
	names, err := filepath.Glob(filepath.Join(c.dir, "snapshots", "*.snapshot"))
	if err != nil || len(names) == 0 {
		c.t.Fatalf("%d snapshots, %v", len(names), err)
	}
	return names
}

// gone takes all snapshots away: the start reads the whole journal, archived segments too.
func (c *soak) gone() string {
	c.kill()
	c.alone()
	if err := os.RemoveAll(filepath.Join(c.dir, "snapshots")); err != nil {
		c.t.Fatal(err)
	}
	c.start()
	if m := replayedFrom.FindStringSubmatch(c.s.ready); m == nil || m[1] != "" {
		c.t.Errorf("without snapshots: %s", c.s.ready)
	}
	return ""
}

// operated halts, breaks trades, cancels and kicks under load. What an operator was told survives a kill right behind it, but in
// `async` mode.
func (c *soak) operated() string {
	ask := func(args ...string) string {
		c.t.Helper()
		return c.must(0, append(append([]string{"admin"}, args...), "--journal", c.dir)...)
	}
	ask("cancel", "--user", "ANN")
	ask("cancel", "--all")
	if o := c.run("admin", "kick", "BEN", "--journal", c.dir); o.code != 0 && !strings.Contains(o.stderr, "E2021") {
		c.t.Errorf("exit %d: %s", o.code, o.stderr) // E2021: he is on his way back
	}
	if match := c.traders[0].lastTrade(); match != 0 {
		o := c.run("admin", "bust", fmt.Sprint(match), "--journal", c.dir)
		lost := c.mode == "async" && strings.Contains(o.stderr, "E2012") // or not in the journal yet
		if o.code != 0 && !lost && !strings.Contains(o.stderr, "E2013") {
			c.t.Errorf("exit %d: %s", o.code, o.stderr) // E2013: it is broken already
		}
	}
	ask("halt", "AAPL")
	c.kill()
	c.start()
	if c.mode == "async" && !strings.Contains(ask("status"), "1 of 1 instrument: AAPL") {
		return ""
	}
	says(c.t, ask("status"), `(?m)^halted   1 of 1 instrument: AAPL$`)
	ask("resume", "AAPL")
	return ""
}

// lastTrade returns the number of a trade that the trader has heard of last, 0 if it has of none.
func (c *trader) lastTrade() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.seen) - 1; i >= 0; i-- {
		var e ouch.Executed
		if e.Decode(c.seen[i]) == nil {
			return e.MatchNumber
		}
	}
	return 0
}

// archived ends the day in order, in a later segment than the first, and takes snapshots until nothing needs the segments of
// the day before.
func (c *soak) archived() string {
	c.stop()
	c.start()
	c.must(0, "admin", "end-of-day", "--journal", c.dir)
	for start := time.Now(); ; {
		c.traded(c.s, c.traders, 100)
		c.taken()
		names, err := filepath.Glob(c.path("archive/*.mj"))
		if err != nil {
			c.t.Fatal(err)
		}
		if len(names) > 0 {
			break
		}
		if time.Since(start) > patience {
			c.t.Fatalf("no segment is archived\n%s", c.s.err)
		}
	}
	c.kill()
	c.start()
	return ""
}
