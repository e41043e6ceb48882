package core

import (
	"fmt"
	"math"
	"sync/atomic"
	"syscall"

	"matcher/engine"
	"matcher/feed"
	"matcher/gateway"
	"matcher/journal"
	"matcher/ring"
)

// Kernel is what the loop asks of the world below: operations in, completions out, one call per turn. ring.Uring is one,
// ring.Portable another.
type Kernel interface {
	// Turn submits ops, waits as told, and appends what completed. See ring.Uring.
	Turn(ops []ring.Op, done []ring.Completion, w ring.Wait) ([]ring.Completion, error)
	Arena() []byte
	Base() uint64
	Enters() uint64
	Close() error
}

const (
	writesInFlight = 4           // journal writes at once: the knee of the curve
	writesOfParts  = 2           // of those, that may be of blocks which are not full: each waits for the disk's cache to be written
	lingerTime     = 1_000_000   // async: a block is written when it is this old (ns) ...
	lingerSize     = 256 << 10   // ... or this large (bytes)
	flushTime      = 20_000_000  // ns between two flushes of the disk's cache, where writes do not wait for them
	serviceEvery   = 20_000_000  // ns between two looks at the timers of a share of the connections
	serviceShare   = 16          // of the connections are looked at each time
	idleWait       = 100_000_000 // ns a turn may sleep when nothing else is due
	stopWait       = 500_000_000 // ns an orderly end gives to clients that are slow to take their last answers

	// fullRest is what is left of a block when it is closed: there is room for a command and the Gate it may cause.
	fullRest = journal.BlockHeaderSize + 4*journal.CellSize
)

// loop is one venue at work: the only place where kernel, clock and market meet. All of it belongs to one thread.
type loop struct {
	world    World
	kernel   Kernel
	arena    []byte // the kernel's
	engine   *engine.Engine
	gateway  *gateway.Gateway
	writer   *journal.Writer
	conns    conns
	files    files
	desk     desk
	past     past
	progress *atomic.Uint64
	scarce   *atomic.Bool
	passed   []error // why snapshots could not be used
	feed     *public // nil: off
	reached  Word    // tells readers of the journal how far they may go
	cfg      *Config
	known    map[[6]byte]uint16 // users that the journal has
	lock     int                // descriptor of the journal's lock
	disk     string             // how the journal is written, for people

	ops  []ring.Op         // for the next turn
	done []ring.Completion // of this turn
	held []ring.Completion // of turns inside a command: dealt with in the next turn

	time uint64 // engine time of this turn: ns since 1970, never goes back
	mono uint64 // ns of the monotonic clock, for timers

	cmd    engine.Command
	next   engine.Command // what is known of one whose turn has not come
	fill   engine.Fill
	events []engine.Event
	output uint64 // hash of all events so far

	sends   []gateway.Send
	closed  []gateway.Closed
	gone    []gateway.Closed // sessions whose end is not journaled yet
	terms   []engine.Terms   // of instruments 1, 2, ...
	grace   uint64           // until when users may come back after the start (mono); 0: that is over
	marks   []gateway.Mark   // of sealed blocks that are not durable
	sealed  []sealed         // those blocks, oldest first
	opened  uint64           // when the open block got its first command (mono)
	keeping bool             // the disk writes down its cache ...
	keepAt  uint64           // ... and next at this time, if there is anything (mono)
	service uint64           // when the timers are looked at next (mono)
	memory  reserves
	fence   bool   // the next block is the first of its epoch
	more    bool   // there is more to send right away
	blocked bool   // nothing is read, for want of stream memory
	waiting bool   // all that was received waits for room in the journal
	usedUp  bool   // that was logged
	dry     bool   // that the journal is full was logged
	gatedBy uint8  // engine.GateXxx that this loop closed order entry for, 0 none
	asked   bool   // an orderly end was asked for
	patient uint64 // until when an orderly end waits for slow readers (mono)
	rollAt  uint64 // engine time at which the day ends by the clock, 0: never
	ending  ending
	state   phase
	err     error

	throttledBefore uint64 // what was recovered
	turnedAway      uint64 // connections for which there was no place
	sawSlow         uint64 // when a slow client was last logged (mono)

	commands, told uint64 // commands and events since the start
	before         uint64 // fills that were recovered
}

// sealed is a closed block: when everything below its end is durable, the marks up to the given number may be released.
type sealed struct {
	end    journal.Position
	marks  int
	public feed.Mark
}

// phase is where the loop stands.
type phase uint8

const (
	serving  phase = iota
	stopping       // told to stop: nothing is read any more, the last block is on its way
	stopped
)

// run turns until told to stop.
func (l *loop) run() error {
	for l.state != stopped && l.err == nil {
		l.turn()
	}
	return l.err
}

// turn is the whole server: what the kernel finished, what it means, what is to be done next. One system call.
func (l *loop) turn() {
	done, err := l.kernel.Turn(l.ops, l.done[:0], l.wait())
	l.done, l.ops = done, l.ops[:0]
	l.clock()
	if err != nil {
		l.fail(fmt.Errorf("core: the kernel gave up: %w", err))
		return
	}
	for i := range l.held {
		l.complete(&l.held[i])
	}
	l.held = l.held[:0]
	for i := range l.done {
		l.complete(&l.done[i])
	}
	if l.asked && l.state == serving {
		l.stop()
	}
	l.work()
	l.due()
	l.shut()
	if l.ending.under && l.state == serving {
		l.nextDay()
	}
	l.seal()
	l.submit()
	l.keep(false)
	l.release()
	l.flush()
	l.finish()
}

// clock reads the clock, once a turn. Engine time is the wall clock but never goes back; timers use the monotonic one.
func (l *loop) clock() {
	wall, mono := l.world.Clock()
	l.time, l.mono = max(l.time, wall), mono
}

// wait says how long the next turn may wait for the kernel. Only what can be acted on shortens it. Answers wait for writes but in
// async mode: where the disk interrupts this very cpu, one that is not yielded keeps their ends back until the next tick. Nobody
// waits for a flush.
func (l *loop) wait() ring.Wait {
	w := ring.Wait{Policy: l.cfg.Wait, DiskBusy: l.cfg.Durability != Async && l.writer.InFlight() != 0}
	room := l.writer.Room()
	in := &l.conns.inbox
	reads := room && !l.blocked && !l.ready() && !l.ending.under // a login for the next day waits for it
	if l.more || len(l.held) != 0 || (in.light.n != 0 && !l.waiting || in.heavy.n != 0 && l.roomy()) && reads {
		return w
	}
	until := min(l.mono+idleWait, l.service)
	passes := room && l.state == serving && l.mayPass() // time may have its effects
	if at, ok := l.engine.Deadline(); ok && passes {
		until = min(until, l.mono+at-min(at, l.time))
	}
	if l.grace != 0 && passes {
		until = min(until, max(l.grace, l.mono))
	}
	if l.rollAt != 0 && room && l.state == serving && !l.ending.under {
		until = min(until, l.mono+l.rollAt-min(l.rollAt, l.time))
	}
	if l.ending.under {
		until = min(until, l.mono+lingerTime)
	}
	if l.cfg.Durability == Async && l.state == serving && !l.writer.Empty() && l.writer.Pending() == 0 && l.writer.InFlight() < writesInFlight {
		until = min(until, l.opened+lingerTime)
	}
	if l.state == stopping {
		until = min(until, l.mono+lingerTime)
	}
	if !l.keeping && l.writer.InFlight() == 0 && !l.writer.Lasting() {
		until = min(until, l.keepAt)
	}
	if until > l.mono {
		w.Until = int64(until - l.mono)
	}
	return w
}

// work turns received bytes into commands and carries them out, connection by connection (inbox). It stops when the journal
// has no room: the buffers stay with us, the kernel runs out of them, and TCP pushes back.
func (l *loop) work() {
	if l.state != serving {
		l.conns.discard(l)
		return
	}
	l.blocked, l.waiting = false, false
	moved := false
	l.disconnected()
	l.operate()
	in := &l.conns.inbox
	logins := loginsPerTurn
	left := turnCredit
	if l.cfg.Durability != Async {
		left = math.MaxInt // a turn is a block: the more is in one, the fewer writes there are
	}
	for n := in.light.n; n > 0 && left > 0; n-- {
		credit, next := sessionCredit, &in.heavy
		if l.gateway.Unknown(in.light.first()) {
			credit, next = min(loginCredit, logins), &in.light
			logins = max(0, logins-1)
		}
		done, goOn := l.serve(in.light.first(), credit)
		left -= done
		moved = moved || done != 0
		if done != 0 || goOn { // one that could not begin keeps its place
			in.done(&in.light, next)
		}
		if !goOn {
			return
		}
	}
	for credit := heavyCredit; credit > 0 && in.heavy.n != 0 && l.roomy(); {
		done, goOn := l.serve(in.heavy.first(), credit)
		if done != 0 || goOn {
			in.done(&in.heavy, &in.heavy)
		}
		if !goOn {
			return
		}
		credit -= max(1, done)
	}
	l.waiting = !moved && !l.roomy() // a login behind what its user has flooded
}

// roomy says whether the journal has room to spare: the last half of the last block is not for those that have much, or a
// flood that is as fast as the disk would make everybody wait for it. Nor is the last eighth of a segment while the next is
// being prepared.
func (l *loop) roomy() bool {
	f, open := &l.files, uint64(l.writer.Size())
	return (l.writer.Free() > 0 || open < f.slotSize/2) &&
		(len(f.spares) != 0 || f.full || f.place(l.writer.Appended())+open < f.current.size/8*7)
}

// serve works off packets of a connection, up to a number. It returns how many it did; false: nothing more can be done in
// this turn.
func (l *loop) serve(n int32, credit int) (done int, goOn bool) {
	for done < credit {
		if !l.writer.Room() {
			return done, false
		}
		if l.gateway.Closes() {
			l.shut()
		}
		if len(l.gone) != 0 { // the end of a session comes before whatever its user sends on the next
			l.blocked = !l.mayPass()
			return done, false
		}
		if l.ready() {
			return done, false // it must not wait for the rest
		}
		r := l.conns.inbox.oldest(n)
		if r == nil {
			return done, true
		}
		if r.len == 0 {
			l.conns.ended(l, n)
			done++
			continue
		}
		if l.short() || !l.writer.Room() {
			return done, false
		}
		worked := l.packets(n, r, credit-done)
		if worked == 0 {
			return done, true // a login that waits for the end of what its user sent before
		}
		done += worked
		if r.len == 0 {
			l.conns.recycle(l, n)
		}
	}
	return done, true
}

// packets works off packets of a receipt, up to a number, until one of them may have changed what serve asks before the next:
// the room in journal and streams, and what becomes of connections. It returns how many it did.
func (l *loop) packets(n int32, r *receipt, most int) (done int) {
	for {
		data := l.arena[r.off : r.off+uint64(r.len)]
		if l.engine.Deep() {
			l.hint(n, r, data)
		}
		used, ok := l.gateway.Receive(n, data, l.mono, &l.cmd)
		if used == 0 {
			return done
		}
		r.used(uint32(used))
		done++
		if !ok {
			return done
		}
		l.apply(&l.cmd)
		if r.len == 0 || done == most || !l.writer.Room() || l.ready() || l.gateway.Free() < l.memory.entry {
			return done
		}
	}
}

// hint tells the engine of the packets behind the one whose turn it is: in a deep book it has their orders fetched meanwhile.
func (l *loop) hint(n int32, r *receipt, data []byte) {
	const early = 3 // packets
	for r.hints < early {
		size := l.gateway.Soon(n, data[r.hinted:], &l.next)
		if size == 0 {
			return
		}
		l.engine.Soon(l.next.Cells())
		r.hinted += uint32(size)
		r.hints++
	}
}

// ready says whether a whole block waits to be written while fewer than all writes are under way. After submit it does so for
// another segment only.
func (l *loop) ready() bool { return l.writer.InFlight() < writesInFlight && l.writer.Pending() != 0 }

// apply sequences one command: journal, engine, journal again for its fills, and the owners' streams. Nothing of it
// leaves before it is released.
func (l *loop) apply(cmd *engine.Command) {
	if l.writer.Empty() {
		l.opened = l.mono
	}
	cmd.Seq, cmd.Time = l.engine.Seq()+1, l.time
	l.writer.Command(cmd.Cells(), cmd.Seq, cmd.Time)
	if l.feed != nil {
		l.feed.announce(cmd)
	}
	l.events = l.engine.Apply(l.events[:0], cmd)
	for i := range l.events {
		if ev := &l.events[i]; ev.Flags&engine.EventTaker != 0 {
			engine.FillOf(&l.fill, cmd, &l.events[i-1], ev)
			for !l.writer.Fill(l.fill.Cell()) && !l.stuck() {
				l.drain()
			}
		}
	}
	l.output = engine.FoldOutput(l.output, l.events)
	if !l.gateway.Deliver(cmd, l.events) {
		l.fail(fmt.Errorf("%w for the answers of one command", ErrMemory))
	}
	if l.feed != nil {
		l.feed.publish(cmd, l.events)
	}
	l.commands++
	l.told += uint64(len(l.events))
	if uint64(l.writer.Size()) >= l.files.slotSize-fullRest && l.state == serving {
		l.close(0) // between two commands: a block that fills up by itself would tie itself to the next (`more`)
	}
}

// drain lets a journal write end in the middle of a command whose fills have filled every block. Everything else that
// completes meanwhile waits for the next turn.
func (l *loop) drain() {
	l.submit()
	l.keep(false)
	done, err := l.kernel.Turn(l.ops, l.done[:0], ring.Wait{Policy: l.cfg.Wait, Until: idleWait, DiskBusy: true})
	l.done, l.ops = done, l.ops[:0]
	l.clock()
	if err != nil {
		l.fail(fmt.Errorf("core: the kernel gave up: %w", err))
	}
	for i := range l.done {
		switch c := &l.done[i]; kindOf(c.Tag) {
		case tagBlock, tagFlush, tagHeader, tagPipe:
			l.complete(c)
		default:
			l.held = append(l.held, *c)
		}
	}
}

// stuck says whether there is no sense in waiting for the journal any more: it has failed, or an orderly end was asked for
// long ago and it still has no room, or is not kept.
func (l *loop) stuck() bool {
	if l.err == nil && l.asked {
		if l.patient == 0 {
			l.patient = l.mono + stopWait
		} else if l.mono >= l.patient+9*stopWait {
			if l.files.full {
				l.fail(fmt.Errorf("core: %w: the journal has no room for the end of what was begun", syscall.ENOSPC))
			} else {
				l.fail(&JournalError{File: l.files.current.name, Wrote: -int32(syscall.ETIME)}) // the disk stands still
			}
		}
	}
	return l.err != nil
}

// due does what time asks for: expiries as a journaled Tick, heartbeats, timeouts.
func (l *loop) due() {
	if at, ok := l.engine.Deadline(); ok && at <= l.time && l.writer.Room() && l.state == serving && l.mayPass() {
		l.cmd = engine.Command{Header: engine.Header{Kind: engine.KindTick}}
		l.cmd.Tick().Due = at
		l.apply(&l.cmd)
	}
	if l.rollAt != 0 && l.rollAt <= l.time && l.writer.Room() && l.state == serving && !l.ending.under {
		l.endDay()
	}
	if l.grace != 0 && l.mono >= l.grace {
		l.missing()
	}
	if l.mono >= l.service {
		l.service = l.mono + serviceEvery
		unread := l.blocked || !l.writer.Room() || !l.roomy() || l.ready() || len(l.conns.starved) != 0
		l.gateway.Service(l.mono, serviceShare, unread)
		l.scarce.Store(l.gateway.Free() < l.memory.scarce)
		l.conns.service(l)
		l.space()
	}
}

// flush sends what was released, one piece per connection, and does not wait for anybody.
func (l *loop) flush() {
	l.sends, l.more = l.gateway.Flush(l.sends[:0], l.mono)
	for i := range l.sends {
		s := &l.sends[i]
		l.ops = append(l.ops, ring.Op{
			Code: ring.SendNow, File: l.conns.all[s.Conn].fd, Len: s.Len, Off: s.Off, Tag: tag(tagSend, s.Conn),
		})
	}
	if l.feed != nil {
		l.broadcast()
	}
	l.fetch()
	l.conns.shutdown(l)
}

// finish ends the loop once everything of a stopping venue is durable and sent, or a reader is too slow to wait for.
func (l *loop) finish() {
	if l.state != stopping {
		return
	}
	if !l.writer.Empty() || l.writer.Pending() != 0 || !l.writer.Lasting() {
		l.keep(true)
		l.stuck()
		return
	}
	if l.mono >= l.patient || !l.more && len(l.ops) == 0 && !l.conns.busy() {
		l.state = stopped
	}
}

// stop begins an orderly end: one last command, so that the last block can say that it is the last.
func (l *loop) stop() {
	l.asked = true
	for !l.writer.Room() && !l.stuck() {
		l.drain()
	}
	if l.err != nil {
		return
	}
	l.state, l.patient = stopping, l.mono+stopWait
	if !l.mayPass() {
		l.time = l.engine.Time() // no time passes: what is due is told when there is memory for it
	}
	l.cmd = engine.Command{Header: engine.Header{Kind: engine.KindTick}}
	l.apply(&l.cmd)
}

func (l *loop) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

func (l *loop) log(line string) {
	if l.cfg.Log != nil {
		l.cfg.Log(line)
	}
}
