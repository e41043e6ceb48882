package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"matcher/book"
	"matcher/engine"
	"matcher/journal"
	"matcher/replay"
	"matcher/replay/npy"
	"matcher/snapshot"
)

// replaying is one run of matcher replay.
type replaying struct {
	e        *env
	name     string // of the journal or file
	depth    int    // levels to print after each step; 0: none
	symbol   string
	last     uint64 // seq or message to stop after; 0: none
	asJSON   bool
	orders   int    // ITCH, flow: live orders at most
	record   string // flow: where its journal goes
	midnight uint64 // flow: of its day, ns since 1970
	feed     string // file for the public feed; empty: none
	text     []byte

	until        uint64 // ns since 1970, 0: no end
	format, out  string // of a series
	changes, bbo bool
	bars         time.Duration
	hashEvery    uint64
	against      string
	pace         pace
	insert       string
	remove       uint64
	orderRefs    []string // order references
	serve        string   // address of a live server for the day; empty: none
	bots         []string // who may trade beside it
	waitBots     bool
}

// replayVerb executes a journal once more, or rebuilds the book that an ITCH file tells of.
func replayVerb(ctx context.Context, e *env, args []string) error {
	flags := newFlags("replay")
	r := &replaying{e: e}
	_ = flags.Bool("verify", false, "journal: compare every fill and hash (always done: this is the default) and print the result")
	flags.IntVar(&r.depth, "depth", 0, "print the book after each command or message: this many levels of both sides (ITCH: 10)")
	flags.StringVar(&r.symbol, "symbol", "", "instrument whose book is printed")
	flags.StringVar(&r.feed, "feed", "", "journal: write the public feed to this file (ITCH 5.0), one file for each session")
	flags.Uint64Var(&r.last, "to-seq", 0, "stop after this sequence number (ITCH: message)")
	flags.IntVar(&r.orders, "max-orders", 1<<17, "ITCH, flow: live orders there is room for")
	flags.StringVar(&r.record, "record", "", "flow: write its journal to this directory, which must be new or empty")
	day := flags.String("date", "2026-01-02", "flow: the day of its journal")
	until := flags.String("until", "", "journal: stop before what is later than this time (2026-11-25T14:30:00Z)")
	flags.BoolVar(&r.changes, "changes", false, "journal, with --depth: a row for every change among these levels instead of the whole book after each command")
	flags.BoolVar(&r.bbo, "bbo", false, "journal: a row whenever the best bid or ask changes")
	flags.DurationVar(&r.bars, "bars", 0, "journal: bars of this length: first, highest, lowest, last price, lots, trades")
	flags.StringVar(&r.format, "format", "tsv", "journal, with --changes, --bbo, --bars: "+strings.Join(npy.Formats(), ", "))
	flags.StringVarP(&r.out, "output", "o", "-", "journal, with --changes, --bbo, --bars, --hash-every: where they go")
	flags.Uint64Var(&r.hashEvery, "hash-every", 0, "journal: write state and output hash after every so many commands, and at the end, to -o")
	flags.StringVar(&r.against, "against", "", "journal: compare with the hashes of this file, written by another build: exit 5 at the first difference")
	speed := flags.String("speed", "max", "journal: 1x as it was recorded, 10x, max")
	flags.StringVar(&r.insert, "insert", "", "journal: what if this order had been there: \"t=TIME user=NAME buy 100 AAPL @ 187.25\",\nwith any instruction of matcher send: ... --display 10 --tif gtc")
	flags.Uint64Var(&r.remove, "remove", 0, "journal: what if the order with this reference had not been there")
	flags.StringSliceVar(&r.orderRefs, "order", nil, "journal: what happens to the orders with these references, and what is ahead of them in their queues whenever that changes")
	flags.StringVar(&r.serve, "serve", "", "journal: replay it into a live server at this address, for bots to trade against; --record DIR keeps its journal")
	flags.StringSliceVar(&r.bots, "user", []string{"BOT"}, "--serve: names of bots that may log in, between commas; their keys are printed")
	flags.BoolVar(&r.waitBots, "wait-bots", false, "--serve: begin when all bots are logged in")
	flags.BoolVar(&r.asJSON, "json", false, "print JSON, an object a line")
	words, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	if err := r.check(); err != nil {
		return err
	}
	midnight, err := time.Parse(time.DateOnly, *day)
	if err != nil || midnight.Year() < 1970 || midnight.Year() > 2200 {
		return &fault{Code: "E4004", What: fmt.Sprintf("--date %q is no date", *day), Fix: "--date 2026-01-02"}
	}
	r.midnight = uint64(midnight.UnixNano())
	if *until != "" {
		var none uint64
		if err := readBound("until", *until, &none, &r.until); err != nil || none != 0 {
			return &fault{Code: "E4004", What: fmt.Sprintf("--until %q is no time", *until), Fix: "--until 2026-11-25T14:30:00Z", Or: "--to-seq stops at a sequence number"}
		}
	}
	if r.pace, err = readSpeed(*speed); err != nil {
		return err
	}
	r.name = words[0]
	if r.name != "-" {
		info, err := os.Stat(r.name)
		if err != nil {
			return readFault(r.name, err)
		}
		if info.IsDir() {
			mode, err := replayMode(flags, replayModes())
			switch {
			case err != nil:
				return err
			case mode == "serve":
				return r.live(ctx)
			}
			return r.journal(ctx)
		}
	}
	in, err := openInput(e, r.name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	ahead := bufio.NewReaderSize(in, 1<<12)
	head, _ := ahead.Peek(1 << 12) // what is wrong with it comes with the first read
	if i := bytes.LastIndexByte(head, '\n'); looksLikeFlow(head[:i+1]) || i < 0 && looksLikeFlow(head) {
		if err := fileFlags(flags, r.name, "order flow", "matcher replay FLOW --record DIR", "record", "date", "max-orders", "to-seq", "json"); err != nil {
			return err
		}
		return r.flow(ctx, ahead)
	}
	if err := fileFlags(flags, r.name, "ITCH 5.0", "matcher replay FILE --depth 10 --symbol AAPL", "depth", "symbol", "max-orders", "to-seq", "json"); err != nil {
		return err
	}
	return r.itch(ctx, ahead)
}

// check refuses numbers that cannot be used.
func (r *replaying) check() error {
	if err := cmp.Or(within("depth", r.depth, 0, 1000), within("max-orders", r.orders, 1, book.MaxOrders)); err != nil {
		return err
	}
	switch {
	case r.changes && r.depth == 0:
		return &fault{Code: "E4004", What: "--changes needs --depth: how many levels", Fix: "--depth 10 --changes"}
	case r.bars < 0:
		return outOfRange("bars", r.bars, "above 0", "1s")
	case len(r.symbol) > len(engine.Instrument{}.Symbol):
		return &fault{Code: "E2005", What: fmt.Sprintf("%q is no symbol", r.symbol), Why: "a symbol has 1 to 8 characters"}
	}
	return nil
}

// interrupted says, now and then, whether the user has had enough.
func interrupted(ctx context.Context, step uint64) error {
	if step%4096 != 0 {
		return nil
	}
	return ctx.Err()
}

// columns prints the names of the columns.
func (r *replaying) columns(out io.Writer, index string) error {
	if r.asJSON {
		return nil
	}
	_, err := out.Write(replay.AppendTSVHeader(nil, index, r.depth))
	return err
}

// row prints a book.
func (r *replaying) row(out io.Writer, row *replay.Row, index string) error {
	if r.asJSON {
		r.text = row.AppendJSON(r.text[:0], index)
	} else {
		r.text = row.AppendTSV(r.text[:0], r.depth)
	}
	_, err := out.Write(r.text)
	return err
}

// journal executes a journal and compares it with what it says, to the end or to the first difference.
func (r *replaying) journal(ctx context.Context) error {
	switch {
	case r.changes:
		return r.series(ctx, replay.NewChanges(r.depth))
	case r.bbo:
		return r.series(ctx, replay.NewBBO())
	case r.bars > 0:
		return r.series(ctx, replay.NewBars(uint64(r.bars)))
	case r.insert != "" || r.remove != 0:
		return r.whatIf(ctx)
	case len(r.orderRefs) > 0:
		return r.follow(ctx)
	}
	if r.depth > 0 && r.symbol == "" {
		return &fault{Code: "E4003", What: "--depth needs a symbol: a journal can hold several", Fix: "matcher replay " + quoteAll([]string{r.name}) + " --depth 10 --symbol AAPL"}
	}
	j, err := replay.Open(snapshot.Files(r.name))
	if err != nil {
		var damage *journal.Damage
		if r.asJSON && errors.As(err, &damage) {
			if said := json.NewEncoder(r.e.Stdout).Encode(resultObject{Damage: damageOf(damage)}); said != nil {
				return said
			}
		}
		return journalFault(r.name, err)
	}
	defer func() { _ = j.Close() }()
	j.Until(r.until)
	start := time.Now()
	switch {
	case r.hashEvery > 0 || r.against != "":
		err = r.hashed(ctx, j)
	case r.feed != "":
		err = r.public(ctx, j)
	case r.depth == 0:
		err = r.run(ctx, j, func(*engine.Command, []engine.Event) error { return nil })
	default:
		err = r.books(ctx, j)
	}
	took := time.Since(start)
	if r.depth == 0 && !(r.hashEvery > 0 && r.out == "-") && (err == nil || dataFault(err) != nil) {
		if said := r.result(j, err, took); said != nil {
			return said
		}
	}
	if err != nil {
		return journalFault(r.name, err)
	}
	return nil
}

// run executes commands up to the last that is asked for.
func (r *replaying) run(ctx context.Context, j *replay.Journal, after func(*engine.Command, []engine.Event) error) error {
	for r.last == 0 || j.Engine().Seq() < r.last {
		cmd, events, err := j.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = r.pace.wait(ctx, cmd)
		}
		if err == nil {
			err = after(cmd, events)
		}
		if err == nil {
			err = interrupted(ctx, cmd.Seq)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// books prints the book of one instrument after each command, from the one that defines it.
func (r *replaying) books(ctx context.Context, j *replay.Journal) (err error) {
	symbol := [8]byte([]byte(fmt.Sprintf("%-8s", r.symbol)))
	out := bufio.NewWriter(r.e.Stdout)
	defer func() { err = errors.Join(err, out.Flush()) }()
	var row replay.Row
	var levels []engine.Level
	index := uint16(0)
	err = r.run(ctx, j, func(cmd *engine.Command, _ []engine.Event) error {
		if index == 0 {
			if index = j.Engine().Lookup(symbol); index == 0 {
				return nil
			}
			if err := r.columns(out, "seq"); err != nil {
				return err
			}
		}
		row.Index = cmd.Seq
		levels = j.Engine().Depth(levels[:0], index, book.Buy, r.depth)
		row.Bids = rowLevels(row.Bids[:0], levels)
		levels = j.Engine().Depth(levels[:0], index, book.Sell, r.depth)
		row.Asks = rowLevels(row.Asks[:0], levels)
		if err := r.row(out, &row, "seq"); err != nil || r.pace.speed == 0 {
			return err
		}
		return out.Flush() // somebody watches
	})
	if err == nil && index == 0 {
		return noInstrument(r.name, r.symbol)
	}
	return err
}

// noInstrument is the fault of a symbol that a journal has not.
func noInstrument(dir, symbol string) *fault {
	return &fault{
		Code: "E2005", What: fmt.Sprintf("the journal %s has no instrument %q", dir, symbol), Why: "none of its commands defines one of that name",
		Fix: "matcher journal dump " + shellWord(dir) + " | grep ^instrument",
	}
}

// rowLevels appends levels of an engine as a row has them. A limit price fits 32 bits.
func rowLevels(dst []book.Level, levels []engine.Level) []book.Level {
	for _, l := range levels {
		dst = append(dst, book.Level{Price: book.Price(l.Price), Qty: l.Qty, Orders: l.Orders})
	}
	return dst
}

// difference is the first divergence of a journal as JSON.
type difference struct {
	Seq      uint64 `json:"seq"`
	Field    string `json:"field"`
	Expected string `json:"expected"`
	Got      string `json:"got"`
}

// resultObject is the result of a journal as JSON.
type resultObject struct {
	Commands   uint64        `json:"commands"`
	Fills      uint64        `json:"fills"`
	Events     uint64        `json:"events"`
	Blocks     uint64        `json:"blocks"`
	StateHash  string        `json:"state_hash"`
	OutputHash string        `json:"output_hash"`
	Identical  bool          `json:"identical"`
	First      *difference   `json:"first_divergence"`
	Rate       uint64        `json:"commands_per_s"`
	Damage     *damageObject `json:"damage"`
	Torn       *tornObject   `json:"torn_tail"`
}

// speed is how fast commands were executed, or, of so few that the beginning took longer, how long that was.
func speed(commands uint64, took time.Duration) string {
	if commands < 10_000 {
		return took.Round(time.Millisecond).String()
	}
	return grouped(uint64(float64(commands)/took.Seconds())) + " commands/s"
}

// result prints what was found in a journal: an object in any case; or, without damage, a line and the torn tail.
func (r *replaying) result(j *replay.Journal, found error, took time.Duration) error {
	var d *replay.Divergence
	var damage *journal.Damage
	_, _ = errors.As(found, &d), errors.As(found, &damage)
	c, rate := j.Counts(), 0.0
	if took > 0 {
		rate = float64(j.Counts().Commands) / took.Seconds()
	}
	hash := hashText(j.Engine().Hash())
	if r.asJSON {
		var first *difference
		if d != nil {
			first = &difference{d.Seq, d.Field, d.Expected, d.Got}
		}
		return json.NewEncoder(r.e.Stdout).Encode(resultObject{
			c.Commands, c.Fills, c.Events, c.Blocks, hash, hashText(j.OutputHash()), found == nil, first, uint64(rate), damageOf(damage), tornOf(j.Torn()),
		})
	}
	verdict := "IDENTICAL"
	switch {
	case d != nil:
		verdict = fmt.Sprintf("DIFFERENT at seq %d (%s)", d.Seq, d.Field)
	case damage != nil:
		verdict = "DAMAGED; up to there identical"
	}
	text := fmt.Sprintf("%s: %s, %s, %s in %s; state hash %s; %s\n", verdict, count(int(c.Commands), "command"),
		count(int(c.Fills), "fill"), count(int(c.Events), "event"), count(int(c.Blocks), "block"), hash, speed(c.Commands, took))
	if note := tornNote(j.Torn()); note != "" {
		text += note + "\n"
	}
	_, err := io.WriteString(r.e.Stdout, text)
	return err
}
