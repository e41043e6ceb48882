package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"matcher/book"
	"matcher/engine"
	"matcher/journal"
	"matcher/replay"
	"matcher/snapshot"
)

// A report is made in two passes over the journal: the first finds the range of time and prices, the second executes it and
// fills a fixed number of bins. So its memory does not grow with the journal.

const (
	reportBins  = 240 // of time
	heatRows    = 90  // of price
	heatLevels  = 200 // looked at on each side
	reportMost  = 6   // instruments, those with most fills
	reportUsers = 12  // accounts, those with most orders
)

// report is what the page shows.
type report struct {
	dir         string
	from, to    uint64 // time of the first and the last command of a client
	counts      replay.Counts
	state       string
	markets     []*marketReport
	commands    [reportBins]float64
	fills       [reportBins]float64
	users       []userReport
	byUser      map[uint16]*userReport
	born        map[uint64]uint64       // order reference: time of entry, live orders only
	touched     map[uint64]bool         // it has had a fill
	toFill      *hdrhistogram.Histogram // ns from entry to the first fill, of orders that rested
	toCancel    *hdrhistogram.Histogram // ns from entry to the cancel of an order without a fill
	between     *hdrhistogram.Histogram // ns between commands of clients
	perBlock    *hdrhistogram.Histogram // commands of a block: what shared one write
	lastCommand uint64
	torn        string
}

// marketReport is one instrument.
type marketReport struct {
	index      uint16
	name       string
	decimals   uint8
	fills      uint64
	lots       uint64
	low, high  uint64             // of fills
	bottom     uint64             // of the heat map
	step       uint64             // of a row of it
	bid, ask   [reportBins]uint64 // at the end of the bin
	trade      [reportBins]span
	volume     [reportBins]float64
	heat       [reportBins][heatRows]float32 // lots shown; bids negative
	levels     []engine.Level
	heatHigher float64
}

// span is the trades of a bin.
type span struct{ low, high, last uint64 }

// userReport is one account.
type userReport struct {
	name                            string
	orders, filled, cancels, reject uint64
	lots, ordered                   uint64
}

// reportVerb writes a page about a journal.
func reportVerb(ctx context.Context, e *env, args []string) error {
	flags := newFlags("report")
	out := flags.StringP("output", "o", "report.html", "the page: one file that needs no network; - is standard output")
	symbol := flags.String("symbol", "", "only this instrument (default: the six with most fills)")
	words, err := parse(flags, args, 1, 1)
	if err != nil {
		return err
	}
	dir := words[0]
	if err := isJournal(dir); err != nil {
		return err
	}
	r := &report{
		dir: dir, byUser: map[uint16]*userReport{}, born: map[uint64]uint64{}, touched: map[uint64]bool{},
		toFill: hdrhistogram.New(1, 1e14, 3), toCancel: hdrhistogram.New(1, 1e14, 3), between: hdrhistogram.New(1, 1e14, 3), perBlock: hdrhistogram.New(1, 1e9, 3),
	}
	if err := r.scan(ctx, *symbol); err != nil {
		return journalFault(dir, err)
	}
	if err := r.execute(ctx, e); err != nil {
		return journalFault(dir, err)
	}
	if err := writeOutput(e, *out, func(w io.Writer) error { return r.page(w) }); err != nil {
		return err
	}
	if r.torn != "" {
		say(e, dir+": "+r.torn)
	}
	say(e, fmt.Sprintf("%s: %s, %s of %s", *out, count(int(r.counts.Commands), "command"), count(int(r.counts.Fills), "fill"), count(len(r.markets), "instrument")))
	return nil
}

// scan is the first pass: ranges of time and price.
func (r *report) scan(ctx context.Context, symbol string) error {
	j, err := journal.Open(snapshot.Files(r.dir))
	if err != nil {
		return err
	}
	defer func() { _ = j.Close() }()
	instruments := make([]engine.Instrument, 1)
	markets := map[uint16]*marketReport{}
	var cmd engine.Command
	var fill engine.Fill
	for {
		b, err := j.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		commands := int64(0)
		for cells := b.Cells; len(cells) > 0; cells = cells[journal.CellSize:] {
			switch kind := engine.Kind(cells[0]); {
			case kind == engine.KindInstrument && cmd.Load(cells) > 0:
				instruments = define(instruments, cmd.AsInstrument())
			case kind == engine.KindFill:
				fill.Load(cells)
				m := markets[fill.Instrument]
				if m == nil {
					m = &marketReport{index: fill.Instrument, low: fill.Price, high: fill.Price}
					markets[fill.Instrument] = m
				}
				m.fills, m.lots, m.low, m.high = m.fills+1, m.lots+uint64(fill.Qty), min(m.low, fill.Price), max(m.high, fill.Price)
			case kind >= engine.KindEnter && kind < engine.KindRules:
				commands++
				at := uint64From(cells[16:])
				if r.from == 0 {
					r.from = at
				}
				r.to = at
			}
		}
		if commands > 0 {
			_ = r.perBlock.RecordValue(commands)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	r.to = max(r.to, r.from+1)
	for i := 1; i < len(instruments); i++ {
		m := markets[uint16(i)]
		if m == nil || symbol != "" && trim(instruments[i].Symbol[:]) != symbol {
			continue
		}
		m.name, m.decimals = trim(instruments[i].Symbol[:]), instruments[i].PriceDecimals
		margin := (m.high-m.low)/6 + max(instruments[i].Tick, 1)*5
		m.bottom = m.low - min(margin, m.low)
		m.step = max((m.high+margin-m.bottom)/heatRows+1, 1)
		r.markets = append(r.markets, m)
	}
	if symbol != "" && len(r.markets) == 0 {
		return &fault{Code: "E2005", What: fmt.Sprintf("the journal %s has no fill of an instrument %q", r.dir, symbol), Fix: "matcher journal dump " + shellWord(r.dir) + " | grep ^instrument"}
	}
	slices.SortStableFunc(r.markets, func(a, b *marketReport) int { return int(b.fills) - int(a.fills) })
	r.markets = r.markets[:min(len(r.markets), reportMost)]
	return nil
}

// bin is the place of a time.
func (r *report) bin(at uint64) int {
	at = min(max(at, r.from), r.to)
	return min(int(float64(at-r.from)/float64(r.to-r.from)*reportBins), reportBins-1)
}

// execute is the second pass.
func (r *report) execute(ctx context.Context, e *env) error {
	j, err := replay.Open(snapshot.Files(r.dir))
	if err != nil {
		return err
	}
	defer func() { _ = j.Close() }()
	work, at := longWork{e: e, what: "report", size: journalBytes(r.dir)}, 0
	j.Before(func(cmd *engine.Command) { // the bins that end before this command show the book as it is
		if cmd.Time < r.from {
			return
		}
		for now := r.bin(cmd.Time); at < now; at++ {
			r.look(j.Engine(), at)
		}
	})
	for {
		cmd, events, err := j.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		r.command(cmd, events)
		work.add(64 * uint64(1+len(events)))
		if err := interrupted(ctx, cmd.Seq); err != nil {
			return err
		}
	}
	for ; at < reportBins; at++ {
		r.look(j.Engine(), at)
	}
	r.counts, r.state, r.torn = j.Counts(), hashText(j.Engine().Hash()), tornNote(j.Torn())
	for i, u := range j.Engine().Users() {
		if known := r.byUser[uint16(i)]; known != nil {
			known.name = trim(u.Name[:])
			r.users = append(r.users, *known)
		}
	}
	slices.SortStableFunc(r.users, func(a, b userReport) int { return int(b.orders) - int(a.orders) })
	r.users = r.users[:min(len(r.users), reportUsers)]
	return nil
}

// command counts a command and what it caused.
func (r *report) command(cmd *engine.Command, events []engine.Event) {
	at := r.bin(cmd.Time)
	if cmd.Kind < engine.KindRules {
		r.commands[at]++
		if r.lastCommand != 0 {
			_ = r.between.RecordValue(int64(max(cmd.Time-r.lastCommand, 1)))
		}
		r.lastCommand = cmd.Time
	}
	for i := range events {
		ev := &events[i]
		u := r.byUser[ev.User]
		if u == nil {
			u = &userReport{}
			r.byUser[ev.User] = u
		}
		switch ev.Kind {
		case 'A':
			u.orders++
			u.ordered += uint64(ev.Qty)
			r.born[ev.Order] = cmd.Time
		case 'U', 'T', 'R': // the chain goes on
			if born, known := r.born[ev.Link]; known {
				delete(r.born, ev.Link)
				r.born[ev.Order] = born
			}
			if r.touched[ev.Link] {
				delete(r.touched, ev.Link)
				r.touched[ev.Order] = true
			}
		case 'J':
			u.reject++
		case 'E':
			u.lots += uint64(ev.Qty)
			if born, known := r.born[ev.Order]; known && !r.touched[ev.Order] {
				if ev.Flags&engine.EventTaker == 0 {
					_ = r.toFill.RecordValue(int64(max(cmd.Time-born, 1)))
				}
				r.touched[ev.Order] = true
				u.filled++
			}
			if ev.Flags&engine.EventTaker != 0 {
				r.fills[at]++
				r.traded(ev, at)
			}
		case 'C':
			if ev.Leaves != 0 {
				break
			}
			u.cancels++
			if born, known := r.born[ev.Order]; known && !r.touched[ev.Order] {
				_ = r.toCancel.RecordValue(int64(max(cmd.Time-born, 1)))
			}
		}
		if ev.Leaves == 0 && ev.Kind != 'A' && ev.Kind != 'U' {
			delete(r.born, ev.Order)
			delete(r.touched, ev.Order)
		}
	}
}

// traded takes the price of a trade.
func (r *report) traded(ev *engine.Event, at int) {
	for _, m := range r.markets {
		if m.index != ev.Instrument {
			continue
		}
		s := &m.trade[at]
		if s.last == 0 {
			s.low, s.high = ev.Price, ev.Price
		}
		s.low, s.high, s.last = min(s.low, ev.Price), max(s.high, ev.Price), ev.Price
		m.volume[at] += float64(ev.Qty)
	}
}

// look samples the books at the end of a bin.
func (r *report) look(e *engine.Engine, at int) {
	for _, m := range r.markets {
		for _, side := range [...]book.Side{book.Buy, book.Sell} {
			m.levels = e.Depth(m.levels[:0], m.index, side, heatLevels)
			if len(m.levels) == 0 {
				continue
			}
			sign := float32(1)
			if side == book.Buy {
				m.bid[at], sign = m.levels[0].Price, -1
			} else {
				m.ask[at] = m.levels[0].Price
			}
			for _, l := range m.levels {
				if row := (int64(l.Price) - int64(m.bottom)) / int64(m.step); row >= 0 && row < heatRows && l.Price >= m.bottom {
					m.heat[at][row] += sign * float32(l.Qty)
					m.heatHigher = max(m.heatHigher, math.Abs(float64(m.heat[at][row])))
				}
			}
		}
	}
}
