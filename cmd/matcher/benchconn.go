package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"matcher/client"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// benchConn is one client's connection: logged in by package net, then a bare descriptor that is never waited for.
type benchConn struct {
	login  login
	number int // of the client
	file   *os.File
	fd     int
	orders *benchOrders
	first  uint32 // next UserRefNum when it logged in

	owed    int   // messages that are due and not made yet
	made    int64 // messages made so far, which says when the next one was due
	ready   int64 // open loop: when an answer made room last; before that it could not be sent
	full    bool  // it waits for room
	queued  bool  // it is on the worker's list
	stalled bool  // the socket took no more

	out    []byte // whole packets, out[sent:] not taken by the socket yet
	sent   int
	wrote  int64 // last time
	in     []byte
	have   int   // bytes of a packet that has not arrived whole, at the start of in
	heard  int64 // last answer
	closed bool
}

const (
	benchInput  = 1 << 17  // holds the longest packet there can be
	benchOutput = 64 << 10 // more is not made before the socket has taken what there is
	benchBeat   = int64(time.Second)
)

// dialBench logs in and finds the next UserRefNum.
func dialBench(ctx context.Context, l login, first uint32) (*benchConn, error) {
	limited, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(limited, "tcp", l.addr)
	if err != nil {
		return nil, l.fault(err)
	}
	defer func() { _ = conn.Close() }() // its copy lives on
	deadline, _ := limited.Deadline()
	_ = conn.SetDeadline(deadline) // a deadline that is not kept shows as a server that is waited for
	c := &benchConn{login: l, in: make([]byte, benchInput), first: first}
	if err := c.begin(conn); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, l.fault(err)
	}
	if c.file, err = conn.(*net.TCPConn).File(); err != nil {
		return nil, l.fault(err)
	}
	c.fd = int(c.file.Fd())
	return c, nil
}

// begin logs in and, where no first UserRefNum was given, asks for it.
func (c *benchConn) begin(conn net.Conn) error {
	request := soupbin.Login{Username: [6]byte([]byte("      ")), Password: [10]byte([]byte("          "))}
	copy(request.Username[:], c.login.user)
	copy(request.Password[:], c.login.key)
	if _, err := conn.Write(soupbin.AppendLogin(nil, &request, soupbin.Right)); err != nil {
		return err
	}
	p, err := c.await(conn, soupbin.LoginAccepted, soupbin.LoginRejected)
	if err != nil {
		return err
	}
	if p.Type == soupbin.LoginRejected {
		rejected := &client.RejectedError{}
		if len(p.Payload) > 0 {
			rejected.Reason = p.Payload[0]
		}
		return rejected
	}
	if c.first != 0 {
		return nil
	}
	if _, err := conn.Write(soupbin.AppendUnsequenced(nil, (&ouch.AccountQuery{}).Append(nil))); err != nil {
		return err
	}
	for {
		p, err := c.await(conn, soupbin.SequencedData)
		if err != nil {
			return err
		}
		var q ouch.QueryResponse
		if ouch.OutboundType(p.Payload) == ouch.TypeQueryResponse {
			if err := q.Decode(p.Payload); err != nil {
				return err
			}
			c.first = q.NextUserRefNum
			return nil
		}
	}
}

// await reads packets until one of the types comes. It lies in c.in until the next call; what came behind it stays.
func (c *benchConn) await(conn net.Conn, types ...byte) (soupbin.Packet, error) {
	for {
		p, n, err := soupbin.Next(c.in[:c.have])
		if err != nil {
			return p, err
		}
		if n == 0 {
			got, err := conn.Read(c.in[c.have:])
			if got == 0 && err != nil {
				return p, err
			}
			c.have += got
			continue
		}
		p.Payload = append([]byte(nil), p.Payload...)
		c.have = copy(c.in, c.in[n:c.have])
		switch p.Type {
		case soupbin.Debug, soupbin.ServerHeartbeat:
			continue
		}
		for _, typ := range types {
			if p.Type == typ {
				return p, nil
			}
		}
		if p.Type == soupbin.EndOfSession {
			return p, client.ErrEndOfSession
		}
		if p.Type != soupbin.SequencedData {
			return p, fmt.Errorf("a packet of type %q instead of an answer to the login", p.Type)
		}
	}
}

// write gives the socket what there is to send. False: it took none of it.
func (c *benchConn) write(now int64) (bool, error) {
	for c.sent < len(c.out) {
		b := c.out[c.sent:]
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO,
			uintptr(c.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			c.sent += int(n)
			c.wrote = now
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false, nil
		default:
			return false, c.login.fault(errno)
		}
	}
	c.out, c.sent = c.out[:0], 0
	return true, nil
}

// read takes what has arrived, once, and gives the messages to the orders. False: there was nothing.
func (c *benchConn) read(now func() int64) (bool, error) {
	free := c.in[c.have:]
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM,
		uintptr(c.fd), uintptr(unsafe.Pointer(&free[0])), uintptr(len(free)), syscall.MSG_DONTWAIT, 0, 0)
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
		return false, nil
	case errno != 0:
		return false, c.login.fault(errno)
	case n == 0:
		return false, c.login.fault(io.EOF)
	}
	at, before := now(), c.orders.inFlight
	b := c.in[:c.have+int(n)]
	for {
		size := soupbin.PacketSize(b)
		if size == soupbin.HeaderSize-1 {
			return false, c.login.fault(soupbin.ErrLength)
		}
		if size == 0 || size > len(b) {
			break
		}
		switch b[2] {
		case soupbin.SequencedData:
			c.orders.answer(b[soupbin.HeaderSize:size], at)
		case soupbin.EndOfSession:
			return false, c.login.fault(client.ErrEndOfSession)
		}
		b = b[size:]
	}
	c.have = copy(c.in, b)
	if c.orders.inFlight != before {
		c.heard = at
	}
	return true, nil
}

// beat sends a heartbeat if nothing was sent for a while.
func (c *benchConn) beat(now int64) error {
	if now-c.wrote < benchBeat || len(c.out) != 0 {
		return nil
	}
	c.out = soupbin.AppendClientHeartbeat(c.out)
	_, err := c.write(now)
	return err
}

// close logs out.
func (c *benchConn) close() {
	if c.closed {
		return
	}
	c.closed = true
	c.out = soupbin.AppendLogout(c.out)
	_, _ = c.write(0) // a courtesy
	_ = c.file.Close()
}
