package sim

import "syscall"

// conn is a connection: bytes on their way in both directions. The client's end is called directly; the server's is a
// descriptor of the Kernel. Bytes that a side has sent lie on the wire until they are moved to the other side's socket,
// all of them or some: that is the network.
type conn struct {
	w        *World
	accepted bool
	since    uint64 // virtual time when it was
	excused  bool   // the venue has a reason to end it

	in    []byte // sent by the client, from inAt on not yet read by the server
	inAt  int
	here  int    // how many of those have arrived
	out   []byte // sent by the server, from outAt on not yet read by the client
	outAt int
	room  int // how many bytes the server may have under way

	clientEnd end // how the client's side stands
	serverFin bool
	serverCut bool // shut down both ways, or closed
}

// end is what the server will see of the client's side.
type end uint8

const (
	up       end = iota
	fin          // it has sent everything that it will send
	reset        // it is gone, and says so
	vanished     // it is gone, and says nothing
)

// write sends bytes of the client.
func (c *conn) write(b []byte) {
	if c.clientEnd != up {
		return
	}
	if c.inAt == len(c.in) {
		c.in, c.inAt, c.here = c.in[:0], 0, 0
	}
	c.in = append(c.in, b...)
	if !c.w.faults.Chunks || c.w.rng.IntN(4) != 0 {
		c.here = len(c.in)
	}
}

// arrive moves some of what is on the wire to the server.
func (c *conn) arrive() {
	if c.here < len(c.in) {
		c.here += 1 + c.w.rng.IntN(len(c.in)-c.here)
	}
}

// ready says how many bytes the server can read now, or why none: EAGAIN, ECONNRESET, or 0 for the end.
func (c *conn) ready() (int, syscall.Errno) {
	switch {
	case c.clientEnd == reset:
		return 0, syscall.ECONNRESET
	case c.serverCut, c.w.broken == Returned && c.since < c.w.back && c.w.now > c.w.back:
		return 0, 0
	case c.here > c.inAt:
		return c.here - c.inAt, 0
	case c.clientEnd == fin && c.inAt == len(c.in) && !c.w.broken.deaf():
		return 0, 0
	}
	return 0, syscall.EAGAIN
}

func (c *conn) pull(b []byte) { c.inAt += copy(b, c.in[c.inAt:]) }

// take sends bytes of the server, as many as find room.
func (c *conn) take(b []byte) (int, syscall.Errno) {
	switch {
	case c.clientEnd == reset:
		return 0, syscall.ECONNRESET
	case c.serverFin || c.serverCut:
		return 0, syscall.EPIPE
	}
	if c.outAt == len(c.out) {
		c.out, c.outAt = c.out[:0], 0
	}
	n := min(len(b), c.room-(len(c.out)-c.outAt))
	c.out = append(c.out, b[:n]...)
	return n, 0
}

// serverShuts is shutdown(2).
func (c *conn) serverShuts(how uint32) syscall.Errno {
	if c.clientEnd == reset || c.serverCut {
		return syscall.ENOTCONN
	}
	c.serverFin = c.serverFin || how != 0
	c.serverCut = c.serverCut || how == 2
	return 0
}

func (c *conn) serverClosed() { c.serverFin, c.serverCut = true, true }

// unread returns what the client can read, and whether nothing will follow.
func (c *conn) unread() (b []byte, over bool) { return c.out[c.outAt:], c.serverFin }
