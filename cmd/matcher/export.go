package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"matcher/engine"
	"matcher/feed"
	"matcher/journal"
	"matcher/replay"
	"matcher/replay/npy"
	"matcher/snapshot"
)

// exporting is one run of matcher journal export.
type exporting struct {
	ctx context.Context // of the verb, which the export does not outlive
	e   *env
	dir string

	format, out, from, to, symbol, kinds string
	events                               bool
	levels                               int
	levelsGiven                          bool
	until                                uint64 // ns since 1970, 0: no end
	filter                               replay.Filter
	progress                             longWork
}

// formats are the words behind --format.
func exportFormats() []string { return append(npy.Formats(), "lobster", "hftbacktest") }

// export writes a journal as arrays, text or market data.
func (x *exporting) export() error {
	if err := x.check(); err != nil {
		return err
	}
	x.progress = longWork{e: x.e, what: "export", size: journalBytes(x.dir)}
	var err error
	switch {
	case x.format == "lobster" || x.format == "hftbacktest":
		err = x.market()
	case x.events:
		err = x.table(x.eventRows)
	default:
		err = x.table(x.cellRows)
	}
	return err
}

// check reads the flags.
func (x *exporting) check() error {
	if !slices.Contains(exportFormats(), x.format) {
		f := &fault{Code: "E4005", What: fmt.Sprintf("there is no format %q to export", x.format), Why: "formats are " + strings.Join(exportFormats(), ", ")}
		if near := nearest(x.format, exportFormats()); near != "" {
			f.Fix = "--format " + near
		}
		return f
	}
	text := x.format == "csv" || x.format == "tsv" || x.format == "json"
	if x.out == "-" && !text {
		return &fault{Code: "E4003", What: x.format + " does not go to standard output: -o names where it goes", Fix: "matcher journal export " + quoteAll([]string{x.dir}) + " --format " + x.format + " -o OUT"}
	}
	if err := within("levels", x.levels, 1, 1000); err != nil {
		return err
	}
	if x.levelsGiven && x.format != "lobster" {
		return &fault{Code: "E4004", What: "--levels is for --format lobster alone", Why: "the other formats of an export have no book", Fix: "--format lobster --levels 10", Or: "matcher replay DIR --depth 10 --changes"}
	}
	if (x.format == "lobster" || x.format == "hftbacktest") && (x.symbol == "" || x.kinds != "" || x.events) {
		return &fault{Code: "E4003", What: x.format + " is market data of one instrument: it needs --symbol, and has no --kind or --events", Fix: "--symbol AAPL"}
	}
	for _, bound := range []struct {
		text      string
		seq, time *uint64
		name      string
	}{{x.from, &x.filter.FromSeq, &x.filter.FromTime, "from"}, {x.to, &x.filter.ToSeq, &x.filter.ToTime, "to"}} {
		if err := readBound(bound.name, bound.text, bound.seq, bound.time); err != nil {
			return err
		}
	}
	if f := &x.filter; f.ToSeq != 0 && f.FromSeq > f.ToSeq || f.ToTime != 0 && f.FromTime > f.ToTime {
		return &fault{Code: "E4004", What: fmt.Sprintf("--from %s is behind --to %s", x.from, x.to), Fix: "--from " + x.to + " --to " + x.from}
	}
	return x.checkKinds()
}

// readBound reads a sequence number, or a time as RFC 3339 has it.
func readBound(name, text string, seq, at *uint64) error {
	if text == "" {
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err == nil {
		*seq = n
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.UnixNano() < 0 {
		return &fault{
			Code: "E4004", What: fmt.Sprintf("--%s %q is neither a sequence number nor a time", name, text),
			Fix: "--" + name + " 1000", Or: "--" + name + " 2026-11-25T14:30:00Z",
		}
	}
	*at = uint64(t.UnixNano())
	return nil
}

// checkKinds reads --kind: names of cells, or letters of events.
func (x *exporting) checkKinds() error {
	if x.kinds == "" {
		return nil
	}
	for word := range strings.SplitSeq(x.kinds, ",") {
		if x.events {
			if len(word) != 1 || !strings.Contains("AUCDEBJTMRQXGKS", word) {
				return &fault{Code: "E4005", What: fmt.Sprintf("%q is no event", word), Why: "with --events kinds are letters of OUCH 5.0: A U C D E B J T M R Q X G K S"}
			}
			x.filter.Want(word[0])
			continue
		}
		kind, names := engine.Kind(0), []string{}
		for k := engine.KindEnter; k <= engine.KindFill; k++ {
			if k.Command() || k == engine.KindFill {
				if names = append(names, kindName(k)); kindName(k) == word {
					kind = k
				}
			}
		}
		if kind == 0 {
			return &fault{Code: "E4005", What: fmt.Sprintf("%q is no kind of cell", word), Why: "kinds are " + strings.Join(names, ", ")}
		}
		x.filter.Want(uint8(kind))
	}
	return nil
}

// table writes rows to what the format asks for.
func (x *exporting) table(fill func(to func(*npy.Table, uint64) error) (*npy.Table, []engine.Instrument, error)) error {
	write := func(o npy.Output) (err error) {
		o.Format = x.format
		var open *npy.Table
		defer func() {
			if open != nil {
				open.Discard()
			}
		}()
		t, instruments, err := fill(func(t *npy.Table, rows uint64) error {
			open, o.Rows = t, rows
			return t.To(o)
		})
		if err == nil {
			err = t.Finish(replay.Scales(instruments))
		}
		if err != nil {
			return x.told(err)
		}
		open = nil
		return x.report(t.Rows(), instruments)
	}
	if x.format != "npy" {
		return writeOutput(x.e, x.out, func(w io.Writer) error { return write(npy.Output{W: w, Spool: spoolDir(x.out)}) })
	}
	if err := os.MkdirAll(x.out, 0o777); err != nil {
		return writeFault(x.out, err)
	}
	return write(npy.Output{Dir: x.out})
}

// told explains an error of the journal or of the output.
func (x *exporting) told(err error) error {
	if errors.Is(err, npy.ErrNoSeek) {
		return &fault{Code: "E1006", What: x.out + " is no regular file, and the header of a struct-npy is written last", Fix: "-o FILE", cause: err}
	}
	var path *os.PathError
	if dataFault(err) != nil || !errors.As(err, &path) {
		return journalFault(x.dir, err)
	}
	return writeFault(path.Path, err)
}

// spoolDir is where the columns wait: beside the output, which has room for them.
func spoolDir(out string) string {
	dir, _ := splitPath(out)
	return dir
}

// report says what was written and what its integers count.
func (x *exporting) report(rows uint64, instruments []engine.Instrument) error {
	for i := range instruments {
		if in := &instruments[i]; i > 0 {
			say(x.e, fmt.Sprintf("instrument %d is %s: prices / 10^%d, quantities x %d / 10^%d", i, trim(in.Symbol[:]), in.PriceDecimals, max(in.Lot, 1), in.LotDecimals))
		}
	}
	to := x.out
	if to == "-" {
		to = "standard output"
	}
	say(x.e, to+": "+count(int(rows), "row"))
	return nil
}

// cellRows reads the journal and executes nothing. An npz is read twice: who knows how many rows there will be writes them once.
func (x *exporting) cellRows(to func(*npy.Table, uint64) error) (*npy.Table, []engine.Instrument, error) {
	rows := replay.NewCellRows()
	if x.format == "npz" {
		_, err := x.cells(rows, func(cells []byte) (bool, error) {
			n, done := rows.Count(cells)
			rows.Most += n
			return done, nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	if err := to(rows.Table, rows.Most); err != nil {
		return nil, nil, err
	}
	instruments, err := x.cells(rows, rows.Add)
	return rows.Table, instruments, err
}

// cells reads the journal up to the last cell that is wanted, with the filter of rows as it is to be at each block.
func (x *exporting) cells(rows *replay.CellRows, add func(cells []byte) (done bool, err error)) ([]engine.Instrument, error) {
	r, err := journal.Open(snapshot.Files(x.dir))
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	instruments := make([]engine.Instrument, 1)
	var cmd engine.Command
	rows.Filter = x.filter
	for done := false; !done; {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			x.torn(r.Torn())
			break
		}
		if err != nil {
			return nil, err
		}
		for cells := b.Cells; len(cells) > 0; cells = cells[journal.CellSize:] {
			if engine.Kind(cells[0]) == engine.KindInstrument && cmd.Load(cells) > 0 {
				instruments = define(instruments, cmd.AsInstrument())
			}
		}
		if x.symbol != "" {
			if rows.Filter.Instrument = indexOf(instruments, x.symbol); rows.Filter.Instrument == 0 {
				rows.Filter.Instrument = engine.AllInstruments - 1 // not defined yet: nothing is about it
			}
		}
		if done, err = add(b.Cells); err != nil {
			return nil, err
		}
		x.progress.add(uint64(len(b.Bytes)))
		if err := x.ctx.Err(); err != nil {
			return nil, err
		}
	}
	return instruments, x.found(instruments)
}

// torn tells of a torn tail, if there is one.
func (x *exporting) torn(t journal.Torn, torn bool) {
	if note := tornNote(t, torn); note != "" {
		say(x.e, x.dir+": "+note)
	}
}

// define adds an instrument, or changes one that is there.
func define(instruments []engine.Instrument, in *engine.Instrument) []engine.Instrument {
	for i := range instruments {
		if i > 0 && instruments[i].Symbol == in.Symbol {
			instruments[i] = *in
			return instruments
		}
	}
	return append(instruments, *in)
}

func indexOf(instruments []engine.Instrument, symbol string) uint16 {
	for i := 1; i < len(instruments); i++ {
		if trim(instruments[i].Symbol[:]) == symbol {
			return uint16(i)
		}
	}
	return 0
}

// found refuses a symbol that never appeared.
func (x *exporting) found(instruments []engine.Instrument) error {
	if x.symbol == "" || indexOf(instruments, x.symbol) != 0 {
		return nil
	}
	return noInstrument(x.dir, x.symbol)
}

// eventRows executes the journal and compares it with what it says.
func (x *exporting) eventRows(to func(*npy.Table, uint64) error) (*npy.Table, []engine.Instrument, error) {
	rows := replay.NewEventRows()
	if err := to(rows.Table, 0); err != nil {
		return nil, nil, err
	}
	j, err := x.execute(nil, func(j *replay.Journal, cmd *engine.Command, events []engine.Event) error {
		rows.Filter = x.filter
		if x.symbol != "" {
			if rows.Filter.Instrument = j.Engine().Lookup(symbolOf(x.symbol)); rows.Filter.Instrument == 0 {
				return nil
			}
		}
		return rows.Add(j.Engine(), cmd, events)
	})
	if err != nil {
		return nil, nil, err
	}
	return rows.Table, j.Engine().Instruments(), x.found(j.Engine().Instruments())
}

func symbolOf(s string) [8]byte { return [8]byte([]byte(fmt.Sprintf("%-8.8s", s))) }

// execute runs the journal once more, up to the last command that is wanted.
func (x *exporting) execute(before func(*replay.Journal, *engine.Command), after func(*replay.Journal, *engine.Command, []engine.Event) error) (*replay.Journal, error) {
	j, err := replay.Open(snapshot.Files(x.dir))
	if err != nil {
		return nil, err
	}
	defer func() { _ = j.Close() }()
	j.Until(x.until)
	if before != nil {
		j.Before(func(cmd *engine.Command) { before(j, cmd) })
	}
	for {
		cmd, events, err := j.Next()
		switch {
		case errors.Is(err, io.EOF):
			x.torn(j.Torn())
			return j, nil
		case err != nil:
			return nil, err
		case x.filter.Past(cmd.Seq, cmd.Time):
			return j, nil
		}
		if err := after(j, cmd, events); err != nil {
			return nil, err
		}
		x.progress.add(64 * uint64(1+len(events)))
		if err := interrupted(x.ctx, cmd.Seq); err != nil {
			return nil, err
		}
	}
}

// market writes market data: the public messages of the journal, in the form of others. All messages are read, so that the
// book is right; those outside of --from and --to are not written.
func (x *exporting) market() error {
	return writeOutput(x.e, x.out, func(w io.Writer) error {
		if x.format == "hftbacktest" {
			return x.hft(w)
		}
		return writeOutput(x.e, orderbookFile(x.out), func(books io.Writer) error { return x.lobster(w, books) })
	})
}

// orderbookFile names the file of books beside the file of messages, as LOBSTER does.
func orderbookFile(messages string) string {
	if dir, file := splitPath(messages); strings.Contains(file, "message") {
		return dir + strings.Replace(file, "message", "orderbook", 1)
	}
	return messages + ".orderbook.csv"
}

func splitPath(p string) (dir, file string) {
	i := strings.LastIndexByte(p, '/') + 1
	return p[:i], p[i:]
}

// public runs the journal and hands every public message of wanted commands on.
func (x *exporting) public(message func(e *engine.Engine, msg []byte, wanted bool) error) (*replay.Journal, error) {
	var p *feed.Public
	var buf []byte
	return x.execute(func(j *replay.Journal, cmd *engine.Command) {
		if p == nil {
			p = feed.New(j.Engine())
		}
		buf = p.Before(buf[:0], cmd)
	}, func(j *replay.Journal, cmd *engine.Command, events []engine.Event) error {
		buf = p.Append(buf, cmd, events, true)
		for b := buf; len(b) > 0; {
			n := 2 + int(b[0])<<8 + int(b[1])
			if err := message(j.Engine(), b[2:n], cmd.Seq >= x.filter.FromSeq && cmd.Time >= x.filter.FromTime); err != nil {
				return err
			}
			b = b[n:]
		}
		return nil
	})
}

// lobster writes a message and an orderbook file.
func (x *exporting) lobster(messages, books io.Writer) error {
	m, b := &gate{w: messages}, &gate{w: books}
	var e *engine.Engine
	l := replay.NewLOBSTER(m, b, x.symbol, x.levels, func() int { return int(e.Limits().MaxOrders) })
	j, err := x.public(func(now *engine.Engine, msg []byte, wanted bool) error {
		e = now
		if wanted != m.open {
			if err := l.Flush(); err != nil { // to where it belongs
				return err
			}
			m.open, b.open = wanted, wanted
		}
		return l.Message(msg)
	})
	if err == nil {
		err = errors.Join(l.Flush(), x.found(j.Engine().Instruments()))
	}
	if err != nil {
		return x.told(err)
	}
	return x.report(m.lines, j.Engine().Instruments())
}

// gate lets through what is written while it is open, and counts the lines.
type gate struct {
	w     io.Writer
	open  bool
	lines uint64
}

func (g *gate) Write(p []byte) (int, error) {
	if !g.open {
		return len(p), nil
	}
	g.lines += uint64(bytes.Count(p, []byte{'\n'}))
	return g.w.Write(p)
}

// hft writes the array of events of hftbacktest.
func (x *exporting) hft(w io.Writer) error {
	var e *engine.Engine
	h := replay.NewHFT(x.symbol, func() int { return int(e.Limits().MaxOrders) }, func() replay.HFTScale {
		day, _ := e.Today()
		in := &e.Instruments()[e.Lookup(symbolOf(x.symbol))]
		return replay.HFTScale{
			Midnight: day.Midnight, Price: math.Pow10(int(in.PriceDecimals)), Lot: float64(max(in.Lot, 1)), Shares: math.Pow10(int(in.LotDecimals)),
		}
	})
	if err := h.Table.To(npy.Output{Format: "struct-npy", W: w}); err != nil {
		return x.told(err)
	}
	defer h.Table.Discard()
	j, err := x.public(func(now *engine.Engine, msg []byte, wanted bool) error {
		e, h.Quiet = now, !wanted
		return h.Message(msg)
	})
	if err == nil {
		err = errors.Join(x.found(j.Engine().Instruments()), h.Table.Finish())
	}
	if err != nil {
		return x.told(err)
	}
	return x.report(h.Table.Rows(), j.Engine().Instruments())
}
