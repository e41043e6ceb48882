package client

import (
	"fmt"
	"sync"
	"time"

	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// outputSize is how many bytes Send collects before it writes by itself.
const outputSize = 1 << 16

// output is the sending half of a connection. The heartbeat shares it with the sender.
type output struct {
	mu      sync.Mutex
	pending []byte // whole packets, not written yet
	last    time.Time
	timer   *time.Timer
	err     error // what ended the writing: after it a packet may be half sent
}

// Send adds a message to those that wait for Flush. It writes when many wait. An error is final. m may be used again at
// once; who keeps one struct for all messages of a type sends without allocating.
func (c *Conn) Send(m ouch.Inbound) error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	at := len(c.out.pending)
	b := append(c.out.pending, 0, 0, 0)
	b = m.Append(b)
	soupbin.PutHeader(b[at:], soupbin.UnsequencedData, len(b)-at-soupbin.HeaderSize)
	c.out.pending = b
	if len(b) >= outputSize {
		return c.flush()
	}
	return c.out.err
}

// Flush writes the messages that Send has collected. An error is final.
func (c *Conn) Flush() error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.flush()
}

// Logout writes what waits, and a Logout Request: the venue closes the connection, and Recv ends with io.EOF.
func (c *Conn) Logout() error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.pending = soupbin.AppendLogout(c.out.pending)
	return c.flush()
}

func (c *Conn) flush() error {
	if len(c.out.pending) == 0 {
		return c.out.err
	}
	err := c.write(c.out.pending)
	c.out.pending = c.out.pending[:0]
	return err
}

// write writes whole packets.
func (c *Conn) write(b []byte) error {
	if c.out.err != nil {
		return c.out.err
	}
	if _, err := c.conn.Write(b); err != nil {
		c.out.err = fmt.Errorf("client: %w", err)
	}
	c.out.last = time.Now()
	return c.out.err
}

// start begins to send heartbeats.
func (o *output) start(c *Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = time.Now()
	o.timer = time.AfterFunc(c.heartbeat, c.beat)
}

// beat sends a heartbeat if nothing else was written for long enough; what waits for Flush goes on waiting.
func (c *Conn) beat() {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return
	}
	left := c.heartbeat - time.Since(o.last)
	if left <= 0 {
		if c.write(soupbin.AppendClientHeartbeat(nil)) != nil {
			return // Send and Flush tell; after Close this is the end of the heartbeats
		}
		left = c.heartbeat
	}
	o.timer.Reset(left)
}
