package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"matcher/engine"
	"matcher/replay"
	"matcher/replay/npy"
)

// series writes what one instrument shows: every change of its levels, the touch, or bars.
func (r *replaying) series(ctx context.Context, s replay.Series) error {
	if r.symbol == "" {
		return &fault{Code: "E4003", What: "this needs a symbol: a journal can hold several", Fix: "--symbol AAPL"}
	}
	x := &exporting{ctx: ctx, e: r.e, dir: r.name, format: r.format, out: r.out, symbol: r.symbol, levels: 1, until: r.until}
	x.filter.ToSeq = r.last
	if r.asJSON {
		x.format = "json"
	}
	if err := x.check(); err != nil {
		return err
	}
	x.progress = longWork{e: r.e, what: "replay", size: journalBytes(x.dir)}
	return x.table(func(to func(*npy.Table, uint64) error) (*npy.Table, []engine.Instrument, error) {
		if err := to(s.Table(), 0); err != nil {
			return nil, nil, err
		}
		index := uint16(0)
		j, err := x.execute(nil, func(j *replay.Journal, cmd *engine.Command, events []engine.Event) error {
			if index == 0 {
				if index = j.Engine().Lookup(symbolOf(r.symbol)); index == 0 {
					return nil
				}
			}
			return s.Add(j.Engine(), index, cmd, events)
		})
		if err == nil {
			err = s.End()
		}
		if err != nil {
			return nil, nil, err
		}
		return s.Table(), j.Engine().Instruments(), x.found(j.Engine().Instruments())
	})
}

// hashes is what --hash-every writes and --against reads: a line `seq state output` every so many commands.
type hashes struct {
	every   uint64
	w       *bufio.Writer // nil: none are written
	against *bufio.Scanner
	name    string
	next    [3]string // of the file: seq, state, output
	seq     uint64    // of next, 0: the file has ended
	checked uint64
}

const hashesHead = "# matcher hashes 1: seq, state hash, output hash"

// read opens a file of hashes.
func (h *hashes) read(name string, in io.Reader) error {
	h.name, h.against = name, bufio.NewScanner(in)
	if !h.against.Scan() || h.against.Text() != hashesHead {
		return &fault{Code: "E3011", What: name + " is no file of hashes", Why: "its first line is: " + hashesHead, Fix: "matcher replay DIR --hash-every 10000 -o HASHES"}
	}
	return h.advance()
}

// advance reads the next line.
func (h *hashes) advance() error {
	h.seq = 0
	if !h.against.Scan() {
		return h.against.Err()
	}
	words := strings.Fields(h.against.Text())
	seq, err := uint64(0), error(nil)
	if len(words) == 3 {
		seq, err = strconv.ParseUint(words[0], 10, 64)
	}
	if err != nil || seq == 0 || len(words) != 3 || len(words[1]) != 16 || len(words[2]) != 16 {
		return &fault{Code: "E3011", What: fmt.Sprintf("%s: %q is no line of hashes", h.name, h.against.Text())}
	}
	h.seq, h.next = seq, [3]string(words)
	return nil
}

// at writes or compares the hashes after a command.
func (h *hashes) at(j *replay.Journal, last bool) error {
	seq := j.Engine().Seq()
	if h.w != nil && (seq%h.every == 0) != last {
		if _, err := fmt.Fprintf(h.w, "%d %016x %016x\n", seq, j.Engine().Hash(), j.OutputHash()); err != nil {
			return err
		}
	}
	if h.against == nil || seq < h.seq || h.seq == 0 || last {
		return nil
	}
	for i, got := range [...]string{strconv.FormatUint(seq, 10), hashText(j.Engine().Hash()), hashText(j.OutputHash())} {
		if got != h.next[i] {
			return &replay.Divergence{Seq: seq, Field: [...]string{"seq", "state hash", "output hash"}[i] + " of " + h.name, Expected: h.next[i], Got: got}
		}
	}
	h.checked++
	return h.advance()
}

// hashed executes the journal and writes or compares hashes on the way.
func (r *replaying) hashed(ctx context.Context, j *replay.Journal) error {
	h := &hashes{every: r.hashEvery}
	if r.against != "" {
		f, err := os.Open(r.against)
		if err != nil {
			return readFault(r.against, err)
		}
		defer func() { _ = f.Close() }()
		if err := h.read(r.against, f); err != nil {
			return err
		}
	}
	run := func(w io.Writer) error {
		if w != nil {
			h.w = bufio.NewWriter(w)
			if _, err := h.w.WriteString(hashesHead + "\n"); err != nil {
				return err
			}
		}
		if err := r.run(ctx, j, func(*engine.Command, []engine.Event) error { return h.at(j, false) }); err != nil {
			return err
		}
		if err := h.at(j, true); err != nil || h.w == nil {
			return err
		}
		return h.w.Flush()
	}
	err := error(nil)
	if r.hashEvery > 0 {
		err = writeOutput(r.e, r.out, func(w io.Writer) error {
			err := run(w)
			if f := dataFault(err); f != nil {
				return errors.Join(f) // not a fault of the output
			}
			return err
		})
	} else {
		err = run(nil)
	}
	if err == nil && h.seq != 0 && r.last == 0 && r.until == 0 {
		return &fault{Code: "E3004", What: fmt.Sprintf("%s goes on to seq %d, and the journal ends at %d", h.name, h.seq, j.Engine().Seq())}
	}
	if err == nil && r.against != "" {
		say(r.e, fmt.Sprintf("%s: %s compared", h.name, count(int(h.checked), "line")))
	}
	return err
}

// pace holds a replay back to the speed of what was recorded, or a multiple of it.
type pace struct {
	speed float64 // 0: as fast as it goes
	first uint64  // time of the first command
	began time.Time
}

// readSpeed reads 1x, 10x, 0.5x or max.
func readSpeed(text string) (pace, error) {
	if text == "max" {
		return pace{}, nil
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	if err != nil || !(n >= 0.001 && n <= 1e6) {
		return pace{}, &fault{Code: "E4004", What: fmt.Sprintf("--speed %q is no speed", text), Fix: "--speed 1x, 10x or max"}
	}
	return pace{speed: n}, nil
}

// wait sleeps until a command is due. Time begins with the first command of a client on each day: nights take none.
func (p *pace) wait(ctx context.Context, cmd *engine.Command) error {
	if p.speed == 0 || p.began.IsZero() && cmd.Kind >= engine.KindRules {
		return nil
	}
	at := cmd.Time
	if p.began.IsZero() {
		p.first, p.began = at, time.Now()
	}
	if cmd.Kind == engine.KindDay && cmd.Day().Event == 'E' {
		defer func() { p.began = time.Time{} }()
	}
	due := time.Duration(float64(at-min(at, p.first)) / p.speed)
	left := due - time.Since(p.began)
	if left <= 0 {
		return nil
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
