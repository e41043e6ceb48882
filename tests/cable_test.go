package tests

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// cable stands between clients and a server that comes and goes: clients keep one address. It can break connections, hold up
// one direction of them, or make it slow. It never changes a byte.
type cable struct {
	addr     string
	listener net.Listener
	running  sync.WaitGroup

	gate sync.RWMutex // held by whoever passes bytes on: with all of it, nothing is under way
	cut  bool         // nothing is passed on, nobody is connected

	mu     sync.Mutex
	server string // "": there is none
	pairs  map[*pair]bool
}

// pair is a client's connection and ours to the server.
type pair struct {
	near, far *net.TCPConn
	up, down  pace // of what the client says, of what the server says
}

// pace is how fast one direction goes.
type pace struct {
	until atomic.Int64 // ns since 1970: until then
	piece atomic.Int64 // so many bytes pass every slowBeat; 0: none
}

const slowBeat = 10 * time.Millisecond

func newCable(t testing.TB) *cable {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{addr: listener.Addr().String(), listener: listener, pairs: map[*pair]bool{}}
	c.running.Add(1)
	go c.accept()
	t.Cleanup(c.close)
	return c
}

func (c *cable) close() {
	_ = c.listener.Close()
	for _, p := range c.all() {
		p.hangUp()
	}
	c.running.Wait()
}

// plug leads to another server from now on. Connections stay where they lead.
func (c *cable) plug(server string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server = server
}

func (c *cable) accept() {
	defer c.running.Done()
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		server := c.server
		c.mu.Unlock()
		far, err := net.Dial("tcp", server)
		if err != nil {
			_ = near.Close()
			continue
		}
		p := &pair{near: near.(*net.TCPConn), far: far.(*net.TCPConn)}
		c.mu.Lock()
		c.pairs[p] = true
		c.mu.Unlock()
		c.running.Add(2)
		go c.pass(p, p.far, p.near, &p.up)
		go c.pass(p, p.near, p.far, &p.down)
	}
}

// pass passes bytes on until one side ends.
func (c *cable) pass(p *pair, to, from *net.TCPConn, at *pace) {
	defer c.running.Done()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf[:at.wait(len(buf))])
		c.gate.RLock()
		if c.cut {
			err = io.ErrClosedPipe
		} else if n > 0 {
			_ = to.SetWriteDeadline(time.Now().Add(patience))
			_, _ = to.Write(buf[:n]) // if it cannot be written, the next read ends
		}
		c.gate.RUnlock()
		if err != nil {
			break
		}
	}
	c.mu.Lock()
	delete(c.pairs, p)
	c.mu.Unlock()
	p.hangUp()
}

// wait waits as long as nothing may pass, and returns how much may.
func (p *pace) wait(most int) int {
	for time.Now().UnixNano() < p.until.Load() {
		time.Sleep(slowBeat)
		if n := int(p.piece.Load()); n > 0 {
			return min(n, most)
		}
	}
	return most
}

// slow makes one direction slow for a time; piece 0 stops it.
func (p *pace) slow(piece int, span time.Duration) {
	p.piece.Store(int64(piece))
	p.until.Store(time.Now().Add(span).UnixNano())
}

// hangUp closes both sides.
func (p *pair) hangUp() {
	_ = p.near.Close()
	_ = p.far.Close()
}

// reset breaks both sides: what is under way is lost.
func (p *pair) reset() {
	_ = p.near.SetLinger(0)
	_ = p.far.SetLinger(0)
	p.hangUp()
}

// all returns the connections.
func (c *cable) all() (pairs []*pair) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range c.pairs {
		pairs = append(pairs, p)
	}
	return pairs
}

// silence lets nothing pass any more, and returns when nothing does. With false it ends.
func (c *cable) silence(on bool) {
	c.gate.Lock()
	c.cut = on
	c.gate.Unlock()
	if on {
		for _, p := range c.all() {
			p.reset()
		}
	}
}
