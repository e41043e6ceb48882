package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"matcher/replay"
	"matcher/tests/twin"
	"matcher/wire/ouch"
)

// patience is how many turns anything may take once the trouble is over.
const patience = 20_000

// finish ends the trouble and holds the venue to everything that it owes: answers, the end of lost sessions, an orderly
// end, and a journal that tells the same story.
func (r *run) finish() {
	r.draining = true
	w := r.w
	w.faults = Faults{Vanish: w.faults.Vanish}
	if w.feed != nil {
		w.feed.lossless = true
	}
	w.fuse, w.fails, w.disk.full, w.nap = 0, 0, false, 20_000_000
	if r.rogue != nil && r.rogue.conn != nil {
		r.rogue.conn.clientEnd = reset
		r.rogue = nil
	}
	if r.rng.IntN(2) == 0 || r.o.Control == Disconnects {
		r.abandoned()
	}
	r.quiet("a day does not end", r.settled)
	r.answered()
	r.ended()
	r.replayed()
}

// quiet turns the venue until a condition holds.
func (r *run) quiet(what string, holds func() bool) {
	for range patience {
		if holds() {
			return
		}
		r.live(r.step)
	}
	fail("after %d turns without trouble: %s", patience, what)
}

// abandoned: everybody goes away, heard or unheard, and stays away. What lives by a connection is cancelled (rule 9.9).
func (r *run) abandoned() {
	for _, c := range r.clients {
		if c.conn != nil {
			c.conn.clientEnd = []end{fin, reset, vanished}[r.rng.IntN(3)]
		}
		c.conn, c.live = nil, false
		c.back = r.w.now + 40*clientTimeout
	}
	until := r.w.now + 20*clientTimeout
	r.quiet("the time for coming back is not over", func() bool { return r.w.now > until })
	e := r.v.Engine()
	for user := 1; user <= e.Accounts(); user++ {
		if e.Bound(uint16(user)) {
			fail("user %d is gone, and has orders that live by the connection", user)
		}
	}
	for _, c := range r.clients {
		c.back = 0
	}
}

// answered: everybody comes back, sends a last order, and is told everything (I10).
func (r *run) answered() {
	r.quiet("somebody cannot log in", func() bool {
		for _, c := range r.clients {
			if !c.live {
				return false
			}
		}
		return true
	})
	for _, c := range r.clients {
		c.out = c.out[:0]
		c.message(func(b []byte) ([]byte, uint32) {
			c.flow.ref++
			m := ouch.EnterOrder{
				UserRefNum: c.flow.ref, Side: 'B', Quantity: 1, Symbol: ouch.Symbol("AAPL"), Price: 100, TimeInForce: '3',
				Display: 'Y', Capacity: 'P', Sweep: 'N', CrossType: 'N', ClOrdID: ouch.ClOrdID("last"),
			}
			return m.Append(b), m.UserRefNum
		})
		c.message(func(b []byte) ([]byte, uint32) { return (&ouch.AccountQuery{}).Append(b), 0 })
		c.conn.write(c.out)
	}
	r.quiet("somebody gets no answer", func() bool {
		for _, c := range r.clients {
			if c.answer != c.flow.ref+1 || len(c.unacked) != 0 {
				return false
			}
		}
		return true
	})
	if v := r.w.feed; v != nil {
		n := v.packets
		r.quiet("the feed is silent", func() bool { return v.packets > n })
	}
	r.quiet("somebody was not given all messages", func() bool {
		for i, c := range r.clients {
			if r.v.Engine().Sent(uint16(i+1)) != uint64(len(c.ends)) {
				return false
			}
		}
		return true
	})
}

// ended: the venue is told to stop, and does.
func (r *run) ended() {
	r.v.Stop()
	for range patience {
		r.v.Prepare()
		if !r.v.Turn() {
			if err := r.v.Err(); err != nil {
				fail("it was told to stop: %v", err)
			}
			return
		}
	}
	fail("it was told to stop, %d turns ago", patience)
}

// replayed: the journal gives the same state, the same messages, and a story without a contradiction.
func (r *run) replayed() {
	r.w.disk.hidden = true
	j, err := replay.Open(r.w.disk)
	if err != nil {
		fail("the journal: %v", err)
	}
	var ledger twin.Ledger
	days := dayBook{good: map[uint64]uint8{}}
	var view *public
	if r.w.feed != nil {
		view = newPublic(r.w.feed, j, r.rng)
	}
	for {
		cmd, events, err := j.Next()
		if ended(err) {
			break
		}
		if err != nil {
			fail("the journal: %v", err)
		}
		if r.o.Calm {
			continue // a measurement: the ledger is slow where many orders rest
		}
		if err := days.fold(&ledger, cmd, events); err != nil {
			fail("%v", err)
		}
		if view != nil {
			view.command(cmd, events)
		}
	}
	if view != nil {
		view.end(r.lossy)
		r.report.Packets = r.w.feed.packets
	}
	live := r.v.Engine()
	if j.Engine().Hash() != live.Hash() || j.OutputHash() != r.v.Output() || !bytes.Equal(cells(j.Engine()), cells(live)) {
		fail("the journal gives state %x and output %x, the venue had %x and %x", j.Engine().Hash(), j.OutputHash(), live.Hash(), r.v.Output())
	}
	r.report.Commands, r.report.Hash = j.Counts().Commands, live.Hash()^r.v.Output()
	for _, c := range r.clients {
		r.report.Events += c.events
	}
	r.report.Torn, r.report.Runs = r.w.disk.torn, r.w.runs
}

// ended says that a journal was executed to its end.
func ended(err error) bool { return errors.Is(err, io.EOF) }

// String is a run in one line.
func (r Report) String() string {
	return fmt.Sprintf("%d turns, %d crashes and recoveries, %d stops, %d writes failed, %d starts refused, %d days, %d commands, "+
		"%d client events, %d packets, %d snapshots, %d cut off, %d starts from one, %d torn sectors, %d blocks of runs",
		r.Turns, r.Crashes, r.Stops, r.Failed, r.Refused, r.Days, r.Commands, r.Events, r.Packets, r.Snapshots, r.Cuts, r.Resumed, r.Torn, r.Runs)
}

func (r *Report) add(o Report) {
	r.Turns += o.Turns
	r.Crashes += o.Crashes
	r.Stops += o.Stops
	r.Days += o.Days
	r.Packets += o.Packets
	r.Snapshots += o.Snapshots
	r.Cuts += o.Cuts
	r.Resumed += o.Resumed
	r.Failed += o.Failed
	r.Refused += o.Refused
	r.Commands += o.Commands
	r.Events += o.Events
	r.Torn += o.Torn
	r.Runs += o.Runs
}
