package main

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// benchWorker is one thread with some of the clients. It never waits for a socket: it looks at its schedule, makes and writes
// what is due, reads what has come, and sleeps only if nothing happens for a while. In steady state it allocates nothing.
type benchWorker struct {
	b     *bench
	index int
	conns []*benchConn
	list  []*benchConn // with something to make or to write
	epoll int
	ready []syscall.EpollEvent

	step   float64 // ns between two messages of all clients
	tick   uint64  // of the schedule: messages of this worker's clients (a mix), or lines of the flow, that have fallen due
	end    int64   // when no more messages fall due
	busy   int64   // when something last happened
	chores int64   // when heartbeats and silences are looked at next
	found  found
	shown  progress
}

const (
	benchSpin   = int64(200 * time.Microsecond) // without anything to do before a thread sleeps
	benchWake   = int64(80 * time.Microsecond)  // how long before a message is due it is awake again
	benchChores = int64(50 * time.Millisecond)
	benchSleep  = int64(20 * time.Millisecond) // at most, so that the end is seen
)

func newBenchWorker(b *bench, index int) (*benchWorker, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, &fault{Code: "E1012", What: "no epoll for the load: " + err.Error(), Fix: "ulimit -n 65536", cause: err}
	}
	w := &benchWorker{b: b, index: index, epoll: fd, end: int64(b.warmup + b.length)}
	if b.rate > 0 {
		w.step = 1e9 / b.rate
	}
	w.found = newFound(int64(b.warmup), w.end)
	return w, nil
}

// add takes a client that is logged in.
func (w *benchWorker) add(c *benchConn, number int) error {
	c.number = number
	var user *flowUser
	if w.b.lines != nil {
		user = &w.b.lines.of[number]
	}
	c.orders = newBenchOrders(w.b, user, number, c.first, &w.found)
	c.out = make([]byte, 0, 2*benchOutput)
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(len(w.conns))}
	w.conns = append(w.conns, c)
	w.list = make([]*benchConn, 0, len(w.conns))
	w.ready = make([]syscall.EpollEvent, min(len(w.conns), 1024))
	if err := syscall.EpollCtl(w.epoll, syscall.EPOLL_CTL_ADD, c.fd, &ev); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// clock is ns since the start of the run, below 0 before it.
func (w *benchWorker) clock() int64 { return int64(time.Since(w.b.started)) }

// run goes on until the last answer has come, or too long nothing.
func (w *benchWorker) run(ctx context.Context) error {
	runtime.LockOSThread() // for good: the thread, and what is set for it, ends with the goroutine
	const setTimerSlack = 29
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0) // without it sleeps end 50 us late
	for _, c := range w.conns {
		c.heard, c.ready, c.wrote = 0, 0, 0
		if w.b.rate == 0 {
			w.queue(c)
		}
	}
	for {
		now := w.clock()
		w.schedule(now)
		did, err := w.send()
		if err == nil {
			var got bool
			got, err = w.receive()
			did = did || got
		}
		if err != nil {
			return err
		}
		if did {
			w.busy = now
		}
		if now >= w.chores {
			if done, err := w.housekeep(ctx, now); done || err != nil {
				return err
			}
			w.chores = now + benchChores
			if now >= w.end {
				w.chores = now + benchChores/10 // the end is waited for
			}
		}
		w.shown.publish(&w.found)
		if !did {
			w.rest(now)
		}
	}
}

// schedule lets what is due by now fall due.
func (w *benchWorker) schedule(now int64) {
	if w.b.rate == 0 {
		return
	}
	for at, c := w.upcoming(); c != nil && at <= now; at, c = w.upcoming() {
		c.owed++
		w.queue(c)
		w.tick++
	}
}

// upcoming is when the next message falls due, and whose it is; nil: none does any more.
func (w *benchWorker) upcoming() (int64, *benchConn) {
	if p := w.b.lines; p != nil {
		for ; w.tick < uint64(len(p.owners)); w.tick++ {
			if owner := int(p.owners[w.tick]); owner%w.workers() == w.index {
				at := int64(float64(w.tick) * w.step)
				if at >= w.end {
					return 0, nil
				}
				return at, w.conns[owner/w.workers()]
			}
		}
		return 0, nil
	}
	n := uint64(len(w.conns))
	c := w.conns[w.tick%n]
	at := int64(float64(w.tick/n*uint64(len(w.b.logins))+uint64(c.number)) * w.step)
	if at >= w.end {
		return 0, nil
	}
	return at, c
}

func (w *benchWorker) workers() int { return min(w.b.threads, len(w.b.logins)) }

// dueAt is when the next message of a client was due.
func (w *benchWorker) dueAt(c *benchConn, now int64) int64 {
	switch {
	case w.b.rate == 0:
		return now
	case c.orders.user != nil:
		return int64(float64(c.orders.user.lines[c.orders.line].at) * w.step)
	}
	return int64(float64(uint64(c.made)*uint64(len(w.b.logins))+uint64(c.number)) * w.step)
}

// queue puts a client on the list of those that have something to send.
func (w *benchWorker) queue(c *benchConn) {
	if !c.queued {
		c.queued = true
		w.list = append(w.list, c)
	}
}

// owes says whether a client has a message to make.
func (w *benchWorker) owes(c *benchConn, now int64) bool {
	if c.orders.user != nil && c.orders.line == len(c.orders.user.lines) {
		return false
	}
	return c.owed > 0 || w.b.rate == 0 && now < w.end
}

// send makes and writes what the clients on the list have to send. Those whose socket takes no more stay on it.
func (w *benchWorker) send() (did bool, err error) {
	left := w.list[:0]
	for _, c := range w.list {
		now := w.clock()
		c.full = false
		for w.owes(c, now) && len(c.out) < benchOutput {
			if c.orders.inFlight >= w.b.window {
				c.full = true
				break
			}
			due, before := w.dueAt(c, now), len(c.out)
			if c.out = c.orders.message(c.out, due, now); len(c.out) == before {
				c.full = true
				break
			}
			if w.b.rate > 0 {
				w.found.late(due, now-max(due, c.ready))
				c.owed--
			}
			c.made++
			did = true
		}
		took, err := c.write(now)
		if err != nil {
			return did, err
		}
		if !took && !c.stalled {
			w.found.stalls++
		}
		if c.stalled && took {
			c.ready = now
		}
		c.stalled = !took
		c.queued = c.stalled || w.owes(c, now) && !c.full
		if c.queued {
			left = append(left, c)
		}
	}
	w.list = left
	return did, nil
}

// receive reads what has come for any client.
func (w *benchWorker) receive() (bool, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT,
		uintptr(w.epoll), uintptr(unsafe.Pointer(&w.ready[0])), uintptr(len(w.ready)), 0, 0, 0)
	if errno != 0 {
		if errno == syscall.EINTR {
			return false, nil
		}
		return false, fmt.Errorf("epoll_pwait: %w", errno)
	}
	for i := range int(n) {
		c := w.conns[w.ready[i].Fd]
		before := c.orders.inFlight
		got, err := c.read(w.clock)
		if err != nil {
			return true, err
		}
		if got && c.orders.inFlight < before {
			if c.full {
				c.ready = c.heard
			}
			if c.full || w.b.rate == 0 {
				w.queue(c)
			}
		}
	}
	return n > 0, nil
}

// housekeep sends heartbeats, finds servers that answer no more, and says whether all is done.
func (w *benchWorker) housekeep(ctx context.Context, now int64) (done bool, err error) {
	if ctx.Err() != nil {
		return true, nil // who cancelled knows why
	}
	done = true
	for _, c := range w.conns {
		if c.orders.inFlight == 0 {
			c.heard = max(c.heard, now)
		}
		owes := w.owes(c, now)
		if c.orders.inFlight != 0 || owes || len(c.out) != 0 {
			done = false
		}
		if now-c.heard > int64(w.b.patience) {
			if now < w.end {
				return true, &fault{
					Code: "E5005", What: fmt.Sprintf("%s: %s has %s, none within %s", c.login.addr, c.login.user, count(c.orders.inFlight, "unanswered message"), w.b.patience),
					Why: "the server stands still, or is slower than --timeout", Fix: "--timeout " + (2 * w.b.patience).String(),
				}
			}
			c.orders.abandon()
			w.found.unsent += uint64(c.owed)
			c.owed = 0
			c.out, c.sent = c.out[:0], 0
		}
		if err := c.beat(now); err != nil {
			return true, err
		}
	}
	if w.b.rate > 0 {
		if _, next := w.upcoming(); next != nil {
			return false, nil
		}
	}
	return done && (now >= w.end || w.b.lines != nil), nil
}

// rest sleeps until the next message is nearly due or something comes, if nothing has happened for a while.
func (w *benchWorker) rest(now int64) {
	until := now + benchSleep
	if w.b.rate > 0 {
		if at, c := w.upcoming(); c != nil {
			until = min(until, at-benchWake)
		}
	}
	if len(w.list) != 0 || now-w.busy < benchSpin && runtime.NumCPU() > 1 {
		return
	}
	until = min(until, max(w.chores, now))
	if until <= now {
		if runtime.NumCPU() > 1 {
			return
		}
		until = now + benchWake
	}
	fd := struct {
		fd              int32
		events, revents int16
	}{fd: int32(w.epoll), events: 1}
	limit := syscall.NsecToTimespec(until - now)
	_, _, _ = syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&fd)), 1, uintptr(unsafe.Pointer(&limit)), 0, 0, 0) // a signal ends it early
}

func (w *benchWorker) close() {
	for _, c := range w.conns {
		c.close()
	}
	_ = syscall.Close(w.epoll)
}
