package replay

import (
	"fmt"
	"io"
	"io/fs"
	"strconv"

	"matcher/book"
	"matcher/engine"
	"matcher/journal"
)

// Journal executes a recorded journal once more, command by command, on an engine of its own, and holds every fill and
// hash that was recorded against what the engine gives. It is for one goroutine; executing a command allocates nothing
// once the engine has been sized.
type Journal struct {
	reader *journal.Reader
	engine *engine.Engine
	head   journal.BlockHeader // of the block at work
	behind journal.State       // behind that block, in its segment
	cells  []byte              // of that block, not yet executed
	soon   []byte              // of those, what the engine has had no hint of
	cmd    engine.Command
	events []engine.Event // of cmd
	fill   engine.Fill
	output uint64
	counts Counts
	err    error // what ended the execution
	before func(*engine.Command)
	until  uint64                  // ns since 1970, 0: no end
	limit  func() journal.Position // of a journal that is being written; nil: read to its end
}

// Counts says how much of a journal has been executed.
type Counts struct {
	Commands, Fills, Blocks, Events uint64
}

// Divergence is the first difference between what a journal says and what its commands give.
type Divergence struct {
	Seq      uint64 // of the command; for a hash of the last command of the block
	Field    string // match, maker, ..., fill (one too many, or too few), state hash, output hash, kind, time
	Expected string // as recorded
	Got      string // as executed now
}

// Error names the place and both values.
func (d *Divergence) Error() string {
	return fmt.Sprintf("replay: divergence at seq %d: %s: recorded %s, executed %s", d.Seq, d.Field, d.Expected, d.Got)
}

// Open opens the journal in the root of fsys and stands before its first command. The error is a *journal.Damage, or the
// file system's.
func Open(fsys fs.FS) (*Journal, error) { return OpenWith(fsys, engine.New()) }

// OpenWith does so with an engine that has seen no command.
func OpenWith(fsys fs.FS, e *engine.Engine) (*Journal, error) {
	r, err := journal.Open(fsys)
	if err != nil {
		return nil, err
	}
	return &Journal{reader: r, engine: e}, nil
}

// OpenAt opens the journal in the root of fsys at a place that was reached before, with an engine as it was there. The error
// wraps journal.ErrElsewhere if that is no place in this journal, and is a *Divergence if the engine is another one; else as of
// Open.
func OpenAt(fsys fs.FS, a *journal.Anchor, e *engine.Engine) (*Journal, error) {
	switch {
	case e.Seq() != a.State.Seq:
		return nil, diverged(a.State.Seq, "seq", a.State.Seq, e.Seq())
	case e.Hash() != a.State.StateHash:
		return nil, &Divergence{a.State.Seq, "state hash", hex(a.State.StateHash), hex(e.Hash())}
	}
	r, err := journal.OpenAt(fsys, a)
	if err != nil {
		return nil, err
	}
	return &Journal{reader: r, engine: e, output: a.State.OutputHash}, nil
}

// Next executes the next command. The command and its events are valid until the next call. The error is io.EOF at the
// end of the journal, a *Divergence at the first difference, a *journal.Damage where the journal cannot be trusted, or
// the file system's; once there is one it stays. The hashes of a block are compared after its last command (of a run of
// `more` blocks: after the run's), whose Next returns the Divergence if they differ.
func (j *Journal) Next() (*engine.Command, []engine.Event, error) {
	if j.err == nil {
		j.err = j.step()
	}
	if err := j.err; err != nil {
		if j.limit != nil && err == io.EOF {
			j.err = nil // more may come
		}
		return nil, nil, err
	}
	return &j.cmd, j.events, nil
}

// step executes a command and compares what belongs to it.
func (j *Journal) step() error {
	for len(j.cells) == 0 {
		if err := j.advance(); err != nil {
			return err
		}
	}
	cells := j.cmd.Load(j.cells)
	if cells == 0 {
		return j.stray()
	}
	if j.until != 0 && j.cmd.Time > j.until {
		return io.EOF
	}
	j.cells = j.cells[cells*engine.CellSize:]
	if err := j.admit(); err != nil {
		return err
	}
	if j.before != nil {
		j.before(&j.cmd)
	}
	if j.engine.Deep() {
		j.hint()
	}
	j.events = j.engine.Apply(j.events[:0], &j.cmd)
	j.output = engine.FoldOutput(j.output, j.events)
	j.counts.Commands++
	j.counts.Events += uint64(len(j.events))
	for i := 1; i < len(j.events); i++ {
		if ev := &j.events[i]; ev.Kind == 'E' && ev.Flags&engine.EventTaker != 0 {
			engine.FillOf(&j.fill, &j.cmd, &j.events[i-1], ev)
			if err := j.compare(); err != nil {
				return err
			}
		}
	}
	if len(j.cells) == 0 && !j.head.More() {
		return j.settle()
	}
	return nil
}

// hint gives the engine hints of what comes within the next cells.
func (j *Journal) hint() {
	const cells = 6
	if len(j.soon) > len(j.cells) { // both end with the block
		j.soon = j.cells
	}
	for len(j.soon) > 0 && len(j.cells)-len(j.soon) < cells*engine.CellSize {
		j.engine.Soon(j.soon)
		j.soon = j.soon[engine.CellSize:]
	}
}

// advance goes to the next block.
func (j *Journal) advance() error {
	b, err := j.block()
	if err != nil {
		return err
	}
	j.head, j.cells, j.soon, j.behind = b.BlockHeader, b.Cells, b.Cells, j.reader.End()
	j.counts.Blocks++
	return nil
}

func (j *Journal) block() (*journal.Block, error) {
	if j.limit == nil {
		return j.reader.Next()
	}
	return j.reader.Below(j.limit())
}

// admit refuses what the engine would take for a mistake of its caller.
func (j *Journal) admit() error {
	c := &j.cmd
	switch {
	case c.Seq != j.engine.Seq()+1:
		return diverged(c.Seq, "seq", c.Seq, j.engine.Seq()+1)
	case c.Time < j.engine.Time():
		return &Divergence{c.Seq, "time", strconv.FormatUint(c.Time, 10), "at least " + strconv.FormatUint(j.engine.Time(), 10)}
	case c.Kind == engine.KindRules && c.Rules().MaxOrders > book.MaxOrders:
		return diverged(c.Seq, "max orders", uint64(c.Rules().MaxOrders), book.MaxOrders)
	}
	return nil
}

// stray says what stands where a command should.
func (j *Journal) stray() error {
	if engine.Kind(j.cells[0]) == engine.KindFill {
		j.fill.Load(j.cells)
		return &Divergence{j.fill.Seq, "fill", "match " + strconv.FormatUint(j.fill.Match, 10), "no more fills"}
	}
	return &Divergence{j.engine.Seq() + 1, "kind", "kind " + strconv.Itoa(int(j.cells[0])), "no command of this version"}
}

// compare holds the next recorded fill against the one that was computed.
func (j *Journal) compare() error {
	if len(j.cells) == 0 && j.head.More() {
		if err := j.advance(); err == io.EOF {
			return fmt.Errorf("replay: in the middle of seq %d: %w", j.cmd.Seq, io.ErrUnexpectedEOF)
		} else if err != nil {
			return err
		}
	}
	if len(j.cells) == 0 || engine.Kind(j.cells[0]) != engine.KindFill {
		return &Divergence{j.cmd.Seq, "fill", "no more fills", "match " + strconv.FormatUint(j.fill.Match, 10)}
	}
	cell := (*[engine.CellSize]byte)(j.cells)
	if *cell != *j.fill.Cell() {
		return j.difference(cell)
	}
	j.cells = j.cells[engine.CellSize:]
	j.counts.Fills++
	return nil
}

// difference names the first field in which a recorded fill is another one.
func (j *Journal) difference(cell *[engine.CellSize]byte) error {
	var was engine.Fill
	was.Load(cell[:])
	now := &j.fill
	for _, f := range [...]struct {
		name     string
		was, now uint64
	}{
		{"seq", was.Seq, now.Seq},
		{"match", was.Match, now.Match},
		{"maker", was.Maker, now.Maker},
		{"taker", was.Taker, now.Taker},
		{"price", was.Price, now.Price},
		{"qty", uint64(was.Qty), uint64(now.Qty)},
		{"maker's leaves", uint64(was.MakerLeaves), uint64(now.MakerLeaves)},
		{"flags", uint64(was.Flags), uint64(now.Flags)},
		{"instrument", uint64(was.Instrument), uint64(now.Instrument)},
		{"user", uint64(was.User), uint64(now.User)},
		{"idx", uint64(was.Idx), uint64(now.Idx)},
		{"side", uint64(was.Side), uint64(now.Side)},
		{"time", was.Time, now.Time},
	} {
		if f.was != f.now {
			return diverged(j.cmd.Seq, f.name, f.was, f.now)
		}
	}
	panic("replay: equal fills compared as different")
}

// settle compares the hashes at the end of a block.
func (j *Journal) settle() error {
	if h := j.engine.Hash(); h != j.head.StateHash {
		return &Divergence{j.cmd.Seq, "state hash", hex(j.head.StateHash), hex(h)}
	}
	if j.output != j.head.OutputHash {
		return &Divergence{j.cmd.Seq, "output hash", hex(j.head.OutputHash), hex(j.output)}
	}
	return nil
}

func diverged(seq uint64, field string, was, now uint64) *Divergence {
	return &Divergence{seq, field, strconv.FormatUint(was, 10), strconv.FormatUint(now, 10)}
}

func hex(h uint64) string { return fmt.Sprintf("%016x", h) }

// Until ends the execution before the first command that is later than a time, in ns since 1970.
func (j *Journal) Until(time uint64) { j.until = time }

// Before sets what is called with every command just before it is executed, nil for nothing.
func (j *Journal) Before(f func(*engine.Command)) { j.before = f }

// Follow makes Next go no further than a limit in a journal that is being written, see journal.Reader.Below. io.EOF then means
// that there is nothing more yet, and does not stay.
func (j *Journal) Follow(limit func() journal.Position) { j.limit = limit }

// Engine returns the engine in its present state: after io.EOF the venue as the journal left it.
func (j *Journal) Engine() *engine.Engine { return j.engine }

// Counts returns how much has been executed.
func (j *Journal) Counts() Counts { return j.counts }

// OutputHash returns the hash of every event so far (engine.FoldOutput).
func (j *Journal) OutputHash() uint64 { return j.output }

// Anchor returns the place behind the last command that was executed. False: it does not lie between two blocks, or nothing
// was executed yet; then a later one does. It lies in the segment of its block, also where another one has begun behind it.
func (j *Journal) Anchor() (journal.Anchor, bool) {
	return journal.Anchor{ID: j.reader.ID(), State: j.behind, Block: j.head.Position},
		len(j.cells) == 0 && !j.head.More() && j.counts.Blocks != 0
}

// ID returns the journal's id.
func (j *Journal) ID() journal.ID { return j.reader.ID() }

// End returns, after io.EOF, where the journal ends and what a journal.Writer goes on from.
func (j *Journal) End() journal.State { return j.reader.End() }

// Torn returns, after io.EOF, the torn tail that was cut off, and whether there is one.
func (j *Journal) Torn() (journal.Torn, bool) { return j.reader.Torn() }

// Close closes the file that is being read. Next does it by itself at the end of the journal.
func (j *Journal) Close() error { return j.reader.Close() }
