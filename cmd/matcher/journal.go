package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"matcher/engine"
	"matcher/journal"
	"matcher/snapshot"
)

// journalVerb reads a journal cell by cell, and executes nothing.
func journalVerb(ctx context.Context, e *env, args []string) error {
	flags := newFlags("journal")
	asJSON := flags.Bool("json", false, "info, verify, dump, diff: print JSON")
	day := flags.String("day", "", "dump: of this trading day only: YYMMDD, or a session id")
	x := &exporting{ctx: ctx, e: e}
	flags.StringVar(&x.format, "format", "npz", "export: "+strings.Join(exportFormats(), ", "))
	flags.StringVarP(&x.out, "output", "o", "-", "export: the file, of npy the directory; - is standard output, for text")
	flags.StringVar(&x.from, "from", "", "export: from this sequence number, or this time (2026-11-25T14:30:00Z)")
	flags.StringVar(&x.to, "to", "", "export: up to this sequence number, or this time")
	flags.StringVar(&x.symbol, "symbol", "", "export: only this instrument")
	flags.StringVar(&x.kinds, "kind", "", "export: only these kinds of cells (enter,cancel,fill), with --events of events (A,E,C)")
	flags.BoolVar(&x.events, "events", false, "export: execute the journal: a row per event, with what is ahead of the order in its queue (some 0.5 us a row)")
	flags.IntVar(&x.levels, "levels", 10, "export --format lobster: levels of the book")
	cut := flags.Bool("truncate-tail", false, "repair: cut off a torn tail, which was never acknowledged")
	restore := flags.Bool("restore-byte", false, "repair: undo the change of a single byte of a block")
	yes := flags.Bool("yes", false, "repair: do it; without, say what would be done")
	words, err := parseWord(flags, args)
	if err != nil {
		return err
	}
	x.levelsGiven = flags.Changed("levels")
	if words[0] == "dtype" {
		return dtypes(e.Stdout)
	}
	for _, dir := range words[1:] {
		if err := isJournal(dir); err != nil {
			return err
		}
	}
	dir := words[1]
	switch words[0] {
	case "export":
		x.dir = dir
		return x.export()
	case "repair":
		return (&repairing{e: e, dir: dir, cut: *cut, restore: *restore, yes: *yes}).run()
	case "diff":
		return diffJournals(ctx, e, dir, words[2], *asJSON)
	}
	r, err := journal.Open(snapshot.Files(dir))
	if err != nil {
		if said := (&reading{e: e, asJSON: *asJSON && words[0] != "dump"}).damage(err); said != nil {
			return said
		}
		return journalFault(dir, err)
	}
	defer func() { _ = r.Close() }()
	do := map[string]func(*reading) error{"dump": (*reading).dump, "verify": (*reading).verify, "info": (*reading).info}[words[0]]
	return do(&reading{ctx: ctx, e: e, dir: dir, journal: r, asJSON: *asJSON, day: *day})
}

// isJournal says whether a directory can be one, before its absence is told as something else.
func isJournal(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return readFault(dir, err)
	}
	if !info.IsDir() {
		return &fault{Code: "E3001", What: dir + " is not a journal", Why: "a journal is a directory", Fix: "name the directory that holds 000001.mj"}
	}
	return nil
}

// journalFault explains what is wrong with a journal, or why it cannot be read.
func journalFault(dir string, err error) error {
	var f *fault
	if errors.As(err, &f) || errors.Is(err, context.Canceled) {
		return err
	}
	if f := archivedFault(dir, dataFault(err)); f != nil {
		f.What = dir + ": " + f.What
		return f
	}
	if p := (*fs.PathError)(nil); errors.As(err, &p) { // a file of the directory is named as seen from there
		if name := filepath.Join(dir, p.Path); present(name) {
			return readFault(name, &fs.PathError{Op: p.Op, Path: name, Err: p.Err})
		}
	}
	return inputFault(dir, err)
}

// reading is one run of matcher journal.
type reading struct {
	ctx     context.Context // of the verb, which the reading does not outlive
	e       *env
	dir     string
	journal *journal.Reader
	asJSON  bool
	day     string // dump: what the session ids of the day begin with, "" all days
	sums    sums
}

// sums is what was counted on the way through a journal.
type sums struct {
	Commands uint64 `json:"commands"`
	Fills    uint64 `json:"fills"`
	Blocks   uint64 `json:"blocks"`
	Bytes    uint64 `json:"bytes"`
	first    uint64 // time of the first command
}

// each calls f for every cell up to the end of the journal.
func (r *reading) each(f func(cell []byte) error) error {
	for {
		b, err := r.journal.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return journalFault(r.dir, err)
		}
		if r.sums.Blocks == 0 {
			r.sums.first = binary.LittleEndian.Uint64(b.Cells[16:])
		}
		r.sums.Blocks++
		r.sums.Bytes += uint64(len(b.Bytes))
		for cells := b.Cells; len(cells) > 0; cells = cells[journal.CellSize:] {
			switch kind := engine.Kind(cells[0]); {
			case kind == engine.KindFill:
				r.sums.Fills++
			case kind != engine.KindExtension:
				r.sums.Commands++
			}
			if err := f(cells[:journal.CellSize]); err != nil {
				return err
			}
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
	}
}

// dump prints a line per cell.
func (r *reading) dump() (err error) {
	out := bufio.NewWriter(r.e.Stdout)
	defer func() { err = errors.Join(err, out.Flush()) }()
	line := cellLine{asJSON: r.asJSON}
	session, found := "", false
	if err := r.each(func(cell []byte) error {
		if session = sessionOf(cell, session); !strings.HasPrefix(session, r.day) {
			return nil
		}
		found = true
		_, err := out.Write(line.of(cell))
		return err
	}); err != nil {
		return err
	}
	if !found && r.day != "" {
		return &fault{Code: "E4005", What: fmt.Sprintf("%s has no trading day %s", r.dir, r.day), Why: "a day is YYMMDD, or a session id", Fix: "matcher journal dump " + shellWord(r.dir) + " | grep ^day"}
	}
	if note := tornNote(r.journal.Torn()); note != "" {
		_, err = fmt.Fprintf(r.e.Stderr, "%s: %s\n", r.dir, note)
	}
	return err
}

// sessionOf returns the session that a cell belongs to, given that of the cell before it. What stands before the first day
// belongs to none.
func sessionOf(cell []byte, before string) string {
	var cmd engine.Command
	if kind := engine.Kind(cell[0]); kind != engine.KindDay && kind != engine.KindRestart || cmd.Load(cell) == 0 {
		return before
	}
	if cmd.Kind == engine.KindRestart {
		return string(cmd.Restart().Session[:])
	}
	return string(cmd.Day().Session[:])
}

// scan reads the journal to its end; damage is told on stdout too, as JSON, so that a program gets one object in any case.
func (r *reading) scan() error {
	err := r.each(func([]byte) error { return nil })
	if said := r.damage(err); said != nil {
		return said
	}
	return err
}

// damage prints the object of a damaged journal, if err is damage and JSON is asked for.
func (r *reading) damage(err error) error {
	var damage *journal.Damage
	if !r.asJSON || !errors.As(err, &damage) {
		return nil
	}
	return json.NewEncoder(r.e.Stdout).Encode(struct {
		Intact bool `json:"intact"`
		sums
		Damage *damageObject `json:"damage"`
	}{sums: r.sums, Damage: damageOf(damage)})
}

// place is where in the files of a journal something lies.
type place struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
}

// end finds where the journal ends: where its next block would begin.
func (r *reading) end() (place, error) {
	end := r.journal.End()
	p := place{File: journal.SegmentName(end.Segment)}
	f, err := os.Open(filepath.Join(r.dir, p.File))
	if err != nil {
		return p, readFault(p.File, err)
	}
	defer func() { _ = f.Close() }()
	var head journal.SegmentHeader
	bytes := make([]byte, journal.SegmentHeaderSize)
	if _, err = io.ReadFull(f, bytes); err == nil {
		err = head.Decode(bytes)
	}
	if err != nil {
		return p, readFault(p.File, err)
	}
	p.Offset = head.Offset(end.Position)
	return p, nil
}

type damageObject struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Seq    uint64 `json:"seq"`
	Later  uint64 `json:"later_records"`
	What   string `json:"what"`
}

// damageOf is damage as JSON; nil: there is none.
func damageOf(d *journal.Damage) *damageObject {
	if d == nil {
		return nil
	}
	return &damageObject{d.File, d.Offset, d.Seq, d.Later, d.What}
}

// tornObject is a torn tail as JSON; nil: there is none.
type tornObject struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
}

func tornOf(t journal.Torn, torn bool) *tornObject {
	if !torn {
		return nil
	}
	return &tornObject{t.File, t.Offset, t.Bytes}
}

// tornNote tells people of a torn tail; empty: there is none.
func tornNote(t journal.Torn, torn bool) string {
	if !torn {
		return ""
	}
	return fmt.Sprintf("torn tail: %s in %s from offset %#x were being written when the server stopped; nothing of them was acknowledged",
		count(int(t.Bytes), "byte"), t.File, t.Offset)
}

// verify makes all the checks of the reader and prints one line.
func (r *reading) verify() error {
	if err := r.scan(); err != nil {
		return err
	}
	at, err := r.end()
	if err != nil {
		return err
	}
	end := r.journal.End()
	if r.asJSON {
		return json.NewEncoder(r.e.Stdout).Encode(struct {
			Intact bool `json:"intact"`
			sums
			LastSeq uint64      `json:"last_seq"`
			End     place       `json:"end"`
			Torn    *tornObject `json:"torn_tail"`
		}{true, r.sums, end.Seq, at, tornOf(r.journal.Torn())})
	}
	text := fmt.Sprintf("intact: %s, %s in %s, last seq %d, end in %s at offset %#x\n", count(int(r.sums.Commands), "command"),
		count(int(r.sums.Fills), "fill"), count(int(r.sums.Blocks), "block"), end.Seq, at.File, at.Offset)
	if note := tornNote(r.journal.Torn()); note != "" {
		text += note + "\n"
	}
	text += r.elsewhere()
	_, err = io.WriteString(r.e.Stdout, text)
	return err
}

// elsewhere says which segments were read in an archive, if any were.
func (r *reading) elsewhere() string {
	to := snapshot.Archived(r.dir)
	rest, err := journal.OpenRest(os.DirFS(r.dir))
	if to == "" || err != nil {
		return ""
	}
	_ = rest.Close() // it was only read
	if rest.First() == 1 {
		return ""
	}
	return fmt.Sprintf("archived: segments 1 to %d lie in %s; a start needs none of them while there is a snapshot\n", rest.First()-1, to)
}

// info prints what a journal is and where it ends.
func (r *reading) info() error {
	if err := r.scan(); err != nil {
		return err
	}
	at, err := r.end()
	if err != nil {
		return err
	}
	end := r.journal.End()
	o := struct {
		ID      string `json:"id"`
		Segment uint32 `json:"last_segment"`
		Epoch   uint64 `json:"epoch"`
		sums
		LastSeq    uint64      `json:"last_seq"`
		First      uint64      `json:"first_time"`
		Last       uint64      `json:"last_time"`
		StateHash  string      `json:"state_hash"`
		OutputHash string      `json:"output_hash"`
		Sealed     bool        `json:"sealed"`
		End        place       `json:"end"`
		Torn       *tornObject `json:"torn_tail"`
	}{
		r.journal.ID().String(), end.Segment, end.Epoch, r.sums, end.Seq, r.sums.first, end.Time,
		hashText(end.StateHash), hashText(end.OutputHash), end.Flags&journal.FlagSeal != 0, at, tornOf(r.journal.Torn()),
	}
	if r.asJSON {
		return json.NewEncoder(r.e.Stdout).Encode(o)
	}
	sealed := "no: the server did not stop in order, or is running"
	if o.Sealed {
		sealed = "yes"
	}
	text := fmt.Sprintf("id           %s\nsegments     %d, epoch %d\nblocks       %d, %d bytes\ncommands     %d\nfills        %d\nlast seq     %d\n"+
		"time         %s to %s\nstate hash   %s\noutput hash  %s\nsealed       %s\nend          %s at offset %#x\n",
		o.ID, o.Segment, o.Epoch, o.Blocks, o.Bytes, o.Commands, o.Fills, o.LastSeq,
		timeText(o.First), timeText(o.Last), o.StateHash, o.OutputHash, sealed, at.File, at.Offset)
	if note := tornNote(r.journal.Torn()); note != "" {
		text += note + "\n"
	}
	_, err = io.WriteString(r.e.Stdout, text)
	return err
}

func hashText(h uint64) string { return fmt.Sprintf("%016x", h) }

func timeText(ns uint64) string {
	return time.Unix(0, int64(ns)).UTC().Format("2006-01-02T15:04:05.000000000Z")
}
