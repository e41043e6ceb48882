package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"matcher/engine"
	"matcher/replay"
	"matcher/snapshot"
)

// tally is what came of a replayed day beside what was recorded.
type tally struct {
	Sent     uint64    `json:"sent"`    // messages of recorded users
	Skipped  uint64    `json:"skipped"` // commands that a venue of one start and its clients cannot do again
	Bots     int       `json:"bots"`
	Seconds  float64   `json:"seconds"`
	Recorded dayTotals `json:"recorded"`
	Live     dayTotals `json:"live"`
}

// dayTotals are the events of the recorded users in one journal.
type dayTotals struct {
	Accepted   uint64 `json:"accepted"`
	Replaced   uint64 `json:"replaced"`
	Executed   uint64 `json:"executed"`
	Lots       uint64 `json:"lots"`
	Canceled   uint64 `json:"canceled"`
	Rejected   uint64 `json:"rejected"`
	Dead       uint64 `json:"no_effect"` // cancels and replaces that found no live order
	BotFills   uint64 `json:"bot_fills"`
	BotLots    uint64 `json:"bot_lots"`
	users      []uint64
	commonUser int
}

// read executes a journal up to a sequence number. The first users are the recorded ones.
func (d *dayTotals) read(dir string, last uint64, users int) error {
	j, err := replay.Open(snapshot.Files(dir))
	if err != nil {
		return journalFault(dir, err)
	}
	defer func() { _ = j.Close() }()
	d.users, d.commonUser = make([]uint64, users+1), users
	for j.Engine().Seq() < last {
		cmd, events, err := j.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return journalFault(dir, err)
		}
		if cmd.Kind == engine.KindQuery || cmd.Kind == engine.KindRestart { // the feeder's own, and of another start
			continue
		}
		for i := range events {
			d.add(&events[i])
		}
		ours := cmd.User != 0 && int(cmd.User) <= users
		if ours && len(events) == 0 && (cmd.Kind == engine.KindCancel || cmd.Kind == engine.KindModify || cmd.Kind == engine.KindReplace) {
			d.Dead++
		}
	}
	return nil
}

// add counts an event, and folds what its owner is told of it, but for the numbers of messages, trades and orders.
func (d *dayTotals) add(ev *engine.Event) {
	if ev.User == 0 || ev.Kind == 'S' {
		return
	}
	if int(ev.User) > d.commonUser {
		if ev.Kind == 'E' {
			d.BotFills++
			d.BotLots += uint64(ev.Qty)
		}
		return
	}
	switch ev.Kind {
	case 'A':
		d.Accepted++
	case 'U':
		d.Replaced++
	case 'E':
		d.Executed++
		d.Lots += uint64(ev.Qty)
	case 'C':
		d.Canceled++
	case 'J':
		d.Rejected++
	}
	told := [1]engine.Event{*ev}
	told[0].Number, told[0].Order, told[0].Link = 0, 0, 0
	d.users[ev.User] = engine.FoldOutput(d.users[ev.User], told[:])
}

// changed returns how many recorded users were told something else than was recorded.
func (t *tally) changed() (n int) {
	for i := range t.Recorded.users {
		if t.Recorded.users[i] != t.Live.users[i] {
			n++
		}
	}
	return n
}

// print says it in a few lines, or as an object.
func (t *tally) print(out io.Writer, asJSON bool) error {
	changed := t.changed()
	if asJSON {
		return json.NewEncoder(out).Encode(struct {
			*tally
			Same    bool `json:"as_recorded"`
			Changed int  `json:"users_changed"`
		}{t, changed == 0, changed})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "replayed %s of %s in %.1f s: ", count(int(t.Sent), "message"), count(len(t.Recorded.users)-1, "user"), t.Seconds)
	if changed == 0 {
		fmt.Fprintf(&b, "AS RECORDED: %d accepted, %s, %d lots, %d canceled, %d rejected\n",
			t.Live.Accepted, count(int(t.Live.Executed), "execution"), t.Live.Lots, t.Live.Canceled, t.Live.Rejected)
	} else {
		fmt.Fprintf(&b, "%d of them told something else than was recorded\n", changed)
		r, l := &t.Recorded, &t.Live
		for _, row := range []struct {
			name      string
			was, came uint64
		}{
			{"accepted", r.Accepted, l.Accepted},
			{"replaced", r.Replaced, l.Replaced},
			{"executed", r.Executed, l.Executed},
			{"lots", r.Lots, l.Lots},
			{"canceled", r.Canceled, l.Canceled},
			{"rejected", r.Rejected, l.Rejected},
			{"without effect", r.Dead, l.Dead},
		} {
			fmt.Fprintf(&b, "  %-15s recorded %d, now %d\n", row.name, row.was, row.came)
		}
	}
	if t.Bots > 0 {
		fmt.Fprintf(&b, "bots: %s, %d lots\n", count(int(t.Live.BotFills), "execution"), t.Live.BotLots)
	}
	if t.Skipped > 0 {
		fmt.Fprintf(&b, "not done again: %s (closed gates, changed definitions, what an operator did to orders that are others now)\n", count(int(t.Skipped), "command"))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
