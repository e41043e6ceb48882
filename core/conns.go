package core

import (
	"fmt"
	"strings"
	"syscall"

	"matcher/engine"
	"matcher/ring"
)

// Tags of operations: a kind and a number, of a connection or a block's slot. A connection's number is not given to another
// before all its operations have ended, so a tag never means two connections.
const (
	tagAccept uint8 = iota + 1
	tagReceive
	tagSend  // SendNow: completes only when it was short
	tagRest  // Send of what a short one left
	tagShut  // Shutdown, which the kernel carries out later than the rest
	tagQuiet // nothing to be done when it completes
	tagBlock
	tagFlush
	tagHeader
	tagPipe
)

func tag(kind uint8, number int32) uint64 { return uint64(kind)<<32 | uint64(uint32(number)) }
func kindOf(tag uint64) uint8             { return uint8(tag >> 32) }
func numberOf(tag uint64) int32           { return int32(uint32(tag)) }

const (
	lingerClose    = 1_000_000_000 // ns that a peer has to take its last bytes before it is cut off
	warnEvery      = 1_000_000_000 // ns between two warnings about the same thing
	receiveBuffers = 1024
	receiveSize    = 16384
	spareBuffers   = 64 // that must be the kernel's before a starved connection receives again
)

// conns is the kernel's side of all connections. A connection's number is an index into all, and the same in the gateway.
type conns struct {
	listener int32
	all      []conn
	unused   []int32 // free numbers
	inbox    inbox   // received and not worked off
	starved  []int32 // receives that ended because all buffers were taken
	holding  int     // buffers that are ours
	leaving  []int32 // told to close, not closed yet
	deaf     bool    // accepting failed; it is tried again with the next look at the timers
	warned   uint64  // when that was last logged (mono)
}

type conn struct {
	fd       int32
	used     bool
	armed    bool // a receive is under way
	paused   bool // it is not received from until it holds fewer buffers
	sips     bool // it floods: it is received from a buffer at a time, until one is not full
	resting  bool // a Send that waits is under way, of rest bytes
	rest     uint32
	leaving  bool   // nothing is read any more; waiting for the peer to close, then for our operations to end
	cut      bool   // shut down in both directions
	drained  bool   // the peer has closed
	shutting uint8  // Shutdowns under way: until they have ended the descriptor must stay ours
	last     uint64 // when it was told to close (mono), 0 it was not
}

func newConns(n int) conns {
	c := conns{all: make([]conn, n), unused: make([]int32, n), inbox: newInbox(n)}
	for i := range c.unused {
		c.unused[i] = int32(n - 1 - i)
	}
	return c
}

// busy says whether an answer is on its way to a client that is slow to take it.
func (c *conns) busy() bool {
	for i := range c.all {
		if c.all[i].used && c.all[i].resting {
			return true
		}
	}
	return false
}

// unsent says whether the kernel still has bytes of streams to send, and shuts down the connections it cannot send them on.
func (c *conns) unsent(l *loop) bool {
	for n := range c.all {
		if cn := &c.all[n]; cn.used && cn.resting && !cn.cut && l.mono >= l.ending.until {
			cn.cut = true
			c.shut(l, int32(n), shutBoth)
		}
	}
	return c.busy()
}

// complete deals with one completion.
func (l *loop) complete(done *ring.Completion) {
	c := &l.conns
	switch n := numberOf(done.Tag); kindOf(done.Tag) {
	case tagAccept:
		c.accepted(l, done)
	case tagReceive:
		c.received(l, n, done)
	case tagSend:
		c.cutShort(l, n, done)
	case tagRest:
		c.rested(l, n, done)
	case tagShut:
		c.all[n].shutting--
	case tagBlock:
		l.written(n, done.Res)
	case tagFlush:
		l.kept(done.Res)
	case tagHeader:
		l.files.begun(l, done.Res)
	case tagPipe:
		l.message(done.Res)
	}
}

func (c *conns) listen(l *loop) {
	l.ops = append(l.ops, ring.Op{Code: ring.Accept, File: c.listener, Tag: tag(tagAccept, 0)})
}

func (c *conns) accepted(l *loop, done *ring.Completion) {
	if done.Res < 0 {
		c.deaf = c.deaf || !done.More
		e := syscall.Errno(-done.Res)
		if e != syscall.ECANCELED && e != syscall.ECONNABORTED && l.mono-c.warned >= warnEvery {
			c.warned = l.mono
			l.log(fmt.Sprintf("warning: connections are not accepted: %v", e))
		}
		return
	}
	if !done.More && l.state == serving {
		c.listen(l)
	}
	full := len(c.unused) == 0 || l.state != serving
	if full {
		l.turnedAway++
	}
	if full || !l.gateway.Open(c.unused[len(c.unused)-1], ring.PeerIP(int(done.Res)), l.mono) {
		l.ops = append(l.ops, ring.Op{Code: ring.Close, File: done.Res, Tag: tag(tagQuiet, 0)})
		return
	}
	l.world.NoDelay(int(done.Res))
	n := c.unused[len(c.unused)-1]
	c.unused = c.unused[:len(c.unused)-1]
	cn := &c.all[n]
	*cn = conn{fd: done.Res, used: true}
	c.arm(l, n)
}

func (c *conns) arm(l *loop, n int32) {
	code := ring.Receive
	if c.all[n].sips {
		code = ring.ReceiveOnce
	}
	c.all[n].armed = true
	l.ops = append(l.ops, ring.Op{Code: code, File: c.all[n].fd, Tag: tag(tagReceive, n)})
}

// received files what came in. Bytes are worked off in order, so the end of a connection waits behind them too.
func (c *conns) received(l *loop, n int32, done *ring.Completion) {
	cn := &c.all[n]
	if !done.More {
		cn.armed = false
	}
	if done.Filled {
		c.holding++
	}
	switch {
	case done.Filled && done.Res > 0:
		l.gateway.Heard(n, l.mono)
		c.inbox.put(n, receipt{len: uint32(done.Res), off: done.Off, buffer: done.Buffer, filled: true})
		c.pause(l, n)
		if cn.sips && !cn.paused {
			cn.sips = done.Res == receiveSize
			cn.paused = cn.sips && c.inbox.queues[n].buffers > fewBuffers
		}
		if !cn.armed && !cn.paused {
			c.arm(l, n)
		}
		return
	case done.Filled:
		c.giveBack(l, done.Buffer)
	}
	switch {
	case done.Res == -int32(syscall.ENOBUFS):
		c.starved = append(c.starved, n)
	case done.Res == -int32(syscall.ECANCELED) && cn.paused:
		c.resume(l, n)
	case !done.More:
		c.inbox.put(n, receipt{})
	}
}

// pause stops receiving from a connection that holds more than its share of the buffers: what it sends stays in its socket,
// and TCP pushes back. From then on it is received from a buffer at a time, as what it sent is worked off: a Receive takes all
// that a socket and the peer behind it hold, a megabyte and more, and everybody waits for that. One that is to be closed holds
// none for long.
func (c *conns) pause(l *loop, n int32) {
	cn := &c.all[n]
	if cn.paused || cn.last != 0 || c.inbox.queues[n].buffers < mostBuffers {
		return
	}
	cn.paused, cn.sips = true, true
	if cn.armed {
		l.ops = append(l.ops, ring.Op{Code: ring.Cancel, File: cn.fd, Tag: tag(tagQuiet, 0)})
	}
}

// resume receives again from a connection that was paused and holds few buffers.
func (c *conns) resume(l *loop, n int32) {
	if cn := &c.all[n]; cn.paused && !cn.armed && c.inbox.queues[n].buffers <= fewBuffers {
		cn.paused = false
		l.gateway.Heard(n, l.mono) // it may have been speaking all the time
		c.arm(l, n)
	}
}

// recycle ends the oldest receipt of a connection and gives its buffer back.
func (c *conns) recycle(l *loop, n int32) {
	if r := c.inbox.take(n); r.filled {
		c.giveBack(l, r.buffer)
	}
	c.resume(l, n)
}

func (c *conns) giveBack(l *loop, buffer uint16) {
	l.ops = append(l.ops, ring.Op{Code: ring.Recycle, Buffer: buffer})
	c.holding--
}

// ended deals with the end of what a peer sends.
func (c *conns) ended(l *loop, n int32) {
	c.recycle(l, n)
	c.all[n].drained = true
	l.gateway.Gone(n)
}

// discard throws away everything received.
func (c *conns) discard(l *loop) {
	for _, of := range [...]*turns{&c.inbox.light, &c.inbox.heavy} {
		for of.n != 0 {
			c.empty(l, of.first())
			c.inbox.done(of, of)
		}
	}
}

// empty throws away what was received on a connection.
func (c *conns) empty(l *loop, n int32) {
	for c.inbox.oldest(n) != nil {
		c.recycle(l, n)
	}
}

// cutShort: the peer's socket took less than it was given. The rest goes out by an operation that waits for room.
func (c *conns) cutShort(l *loop, n int32, done *ring.Completion) {
	switch sent := done.Res; {
	case sent == -int32(syscall.EAGAIN):
		c.sendRest(l, n, 0)
	case sent >= 0:
		c.sendRest(l, n, uint32(sent))
	default: // broken: nothing more may be sent; the receive ends too and says so
		l.gateway.Short(n, 0, l.mono)
		c.shut(l, n, shutBoth)
	}
}

// sendRest sends what is left of a connection's last send, n bytes of which went out, and waits for room.
func (c *conns) sendRest(l *loop, n int32, sent uint32) {
	rest := l.gateway.Short(n, sent, l.mono)
	c.all[n].resting = true
	l.ops = append(l.ops, ring.Op{
		Code: ring.Send, File: c.all[n].fd, Len: rest.Len, Off: rest.Off, Tag: tag(tagRest, n),
	})
	c.all[n].rest = rest.Len
}

func (c *conns) rested(l *loop, n int32, done *ring.Completion) {
	cn := &c.all[n]
	cn.resting = false
	switch {
	case done.Res == -int32(syscall.ECANCELED): // by pause, which means the receive
		c.sendRest(l, n, 0)
	case done.Res <= 0: // broken: the receive ends too and says so
	case uint32(done.Res) < cn.rest:
		c.sendRest(l, n, uint32(done.Res))
	default:
		l.gateway.Resumed(n, l.mono)
	}
}

// shut begins to close what the gateway gave up, and journals the end of sessions.
func (l *loop) shut() {
	l.closed = l.gateway.Closing(l.closed[:0])
	for i := range l.closed {
		cl := &l.closed[i]
		c := &l.conns.all[cl.Conn]
		c.leaving, c.last = true, l.mono
		l.conns.leaving = append(l.conns.leaving, cl.Conn)
		if cl.User != 0 {
			l.gone = append(l.gone, *cl)
		}
		if cl.Cause == engine.CauseSlow && (l.sawSlow == 0 || l.mono-l.sawSlow >= warnEvery) {
			l.sawSlow = l.mono
			l.log(fmt.Sprintf("warning: %s was disconnected: it does not take what it is sent (%d such so far)",
				trimmed(l.engine.Name(cl.User)), l.gateway.Counts().Slow))
		}
	}
	l.disconnected()
}

func trimmed(name [6]byte) string { return strings.TrimRight(string(name[:]), " ") }

// disconnected journals which users have no connection any more, as soon as the journal and the streams have room. What a
// user does on the next connection is worked off behind it (see work).
func (l *loop) disconnected() {
	n := 0
	for n < len(l.gone) && l.disconnect(l.gone[n].User, l.gone[n].Cause) {
		n++
	}
	l.gone = l.gone[:copy(l.gone, l.gone[n:])]
}

// disconnect journals that a user has lost the connection; the engine cancels what lives by it (rule 9.9). False: not now.
// While the venue is being stopped it says so of nobody: that is not the client's doing.
func (l *loop) disconnect(user uint16, cause uint8) bool {
	if !l.writer.Room() || l.state != serving || !l.mayPass() {
		return false
	}
	l.cmd = engine.Command{Header: engine.Header{Kind: engine.KindDisconnect, User: user}}
	l.cmd.Disconnect().Cause = cause
	l.apply(&l.cmd)
	return true
}

// missing journals, once the time for coming back after a start is over, the loss of every user who has not and has orders
// that live by a connection: the one it had may have been lost unheard, in a crash or while the venue was down. It may be
// called again until it has gone through all of them: who was dealt with has no such order any more.
func (l *loop) missing() {
	for user := 1; user <= l.engine.Accounts(); user++ {
		if u := uint16(user); !l.gateway.Connected(u) && l.engine.Bound(u) && !l.disconnect(u, engine.CauseTimeout) {
			return
		}
	}
	l.grace = 0
}

// shutdown moves every leaving connection on: first our last bytes and the end of our side, then the end of the peer's,
// by itself or after a second, and when no operation is under way any more, the descriptor. It also gives starved
// connections a receive again once half of the buffers are the kernel's, and those that hold none as soon as there are some.
func (c *conns) shutdown(l *loop) {
	kept := 0
	for _, n := range c.starved {
		switch cn := &c.all[n]; {
		case !cn.used || cn.armed || cn.paused: // it receives, or will
		case c.holding <= receiveBuffers/2, c.holding <= receiveBuffers-spareBuffers && c.inbox.queues[n].buffers == 0:
			c.arm(l, n)
		default:
			c.starved[kept] = n
			kept++
		}
	}
	c.starved = c.starved[:kept]
	kept = 0
	for _, n := range c.leaving {
		if !c.leave(l, n) {
			c.leaving[kept] = n
			kept++
		}
	}
	c.leaving = c.leaving[:kept]
}

// How a connection is shut down (shutdown(2)).
const (
	shutSend = 1
	shutBoth = 2
)

// shut shuts a connection down, one way or both. The kernel does it on a thread of its own, after what was submitted with
// it; closing the descriptor before would let it hit the next connection of that number.
func (c *conns) shut(l *loop, n int32, how uint32) {
	c.all[n].shutting++
	l.ops = append(l.ops, ring.Op{Code: ring.Shutdown, File: c.all[n].fd, Len: how, Tag: tag(tagShut, n)})
}

// leave moves one connection on. True: it is closed. Where the peer has closed and has been sent everything, Close says the
// same as the shutdowns, and needs no thread of the kernel that first must get a cpu.
func (c *conns) leave(l *loop, n int32) bool {
	cn := &c.all[n]
	over := l.mono-cn.last >= lingerClose
	if cn.leaving { // our side, once, behind what is on its way
		if cn.resting && !over {
			return false
		}
		cn.leaving = false
		if !cn.drained || cn.resting {
			c.shut(l, n, shutSend)
		}
		return false // what is sent in this turn may be short
	}
	if over && !cn.cut && (cn.armed || cn.resting) {
		cn.cut = true
		c.shut(l, n, shutBoth)
	}
	if !cn.drained || cn.armed || cn.resting || cn.shutting != 0 {
		return false
	}
	l.ops = append(l.ops, ring.Op{Code: ring.Close, File: cn.fd, Tag: tag(tagQuiet, 0)})
	cn.used = false
	c.empty(l, n)
	c.unused = append(c.unused, n)
	l.gateway.Drop(n)
	return true
}

// service cuts off peers that were asked to close and did not, and listens again after accepting has failed.
func (c *conns) service(l *loop) {
	if c.deaf && l.state == serving {
		c.deaf = false
		c.listen(l)
	}
	for _, n := range c.leaving {
		// A starved connection has no receive that could end: it ends here.
		if cn := &c.all[n]; !cn.armed && l.mono-cn.last >= lingerClose {
			cn.drained = true
		}
	}
}
