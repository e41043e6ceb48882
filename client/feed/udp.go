package feed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"matcher/wire/mold"
)

// Options say what a Receiver receives. Times of 0 mean the standard ones.
type Options struct {
	// Addr is where the feed arrives: HOST:PORT, or GROUP:PORT of a multicast group.
	Addr string
	// Interface is the one that a multicast group is joined on; empty: the system's choice.
	Interface string
	// Requests is the request server, HOST:PORT; empty: there is none, and gaps cannot be filled.
	Requests string
	// Session is the session that is received; empty: that of the first datagram.
	Session string
	// Sequence is the first message wanted, from 1; 0: the first one that comes.
	Sequence uint64

	Wait     time.Duration // for a datagram that is late, before it is asked for; 2 ms
	Again    time.Duration // without an answer, before it is asked for again: 50 ms, then twice that, up to a second
	Pace     time.Duration // between two requests; 1.25 ms, which stays below what this venue answers
	Patience time.Duration // without progress, before a gap is given up; 10 s
	Timeout  time.Duration // silence after which Recv gives the feed up; 15 s
}

// Receiver receives MoldUDP64.
type Receiver struct {
	o        Options
	feed     *net.UDPConn
	requests *net.UDPConn // nil: none
	arrived  chan *datagram
	idle     chan *datagram // memory to receive into
	closed   chan struct{}
	once     sync.Once
	w        window
	timer    *time.Timer
	final    error

	// Of the gap at hand.
	at       uint64    // its first number; 0: none
	since    time.Time // without progress
	due      time.Time // of the next request
	again    time.Duration
	asked    uint64    // what was asked for ends here
	lastAsk  time.Time // of any request
	lastWord time.Time // of the feed
}

// datagram is memory for one, and what it holds.
type datagram struct {
	size int
	buf  [datagramSize]byte
}

// datagramSize is what is taken of a datagram: a jumbo frame. This venue sends 1400 bytes at most.
const datagramSize = 9216

// backlog is how many datagrams may wait between the sockets and Recv.
const backlog = 512

func (d *datagram) bytes() []byte { return d.buf[:d.size] }

// Listen begins to receive.
func Listen(ctx context.Context, o Options) (*Receiver, error) {
	o.Wait, o.Again, o.Pace = orElse(o.Wait, 2*time.Millisecond), orElse(o.Again, 50*time.Millisecond), orElse(o.Pace, 1250*time.Microsecond)
	o.Patience, o.Timeout = orElse(o.Patience, 10*time.Second), orElse(o.Timeout, 15*time.Second)
	r := &Receiver{
		o: o, arrived: make(chan *datagram, backlog), idle: make(chan *datagram, backlog+heldMax), closed: make(chan struct{}),
		timer: time.NewTimer(time.Hour), lastWord: time.Now(),
	}
	r.w.free, r.w.want = r.release, strings.Trim(o.Session, " ")
	if o.Sequence != 0 {
		r.w.known, r.w.next, r.w.high = true, o.Sequence, o.Sequence
	}
	if err := r.open(ctx); err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	go r.read(r.feed)
	if r.requests != nil {
		go r.read(r.requests)
	}
	return r, nil
}

// open opens the sockets.
func (r *Receiver) open(ctx context.Context) error {
	addr, err := net.ResolveUDPAddr("udp", r.o.Addr)
	if err != nil {
		return err
	}
	if addr.IP.IsMulticast() {
		var on *net.Interface
		if r.o.Interface != "" {
			if on, err = net.InterfaceByName(r.o.Interface); err != nil {
				return err
			}
		}
		r.feed, err = net.ListenMulticastUDP("udp", on, addr)
	} else {
		r.feed, err = net.ListenUDP("udp", addr)
	}
	if err != nil {
		return err
	}
	_ = r.feed.SetReadBuffer(4 << 20) // as much as the system allows
	if r.o.Requests == "" {
		return nil
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", r.o.Requests)
	if err != nil {
		_ = r.feed.Close()
		return err
	}
	r.requests = conn.(*net.UDPConn)
	return nil
}

// read hands on what arrives at a socket, until it is closed.
func (r *Receiver) read(conn *net.UDPConn) {
	for {
		var d *datagram
		select {
		case d = <-r.idle:
		default:
			d = new(datagram)
		}
		n, err := conn.Read(d.buf[:])
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // a request server that is not there: it may come
			select {
			case <-r.closed:
				return
			case <-time.After(time.Millisecond):
			}
			r.release(d)
			continue
		}
		d.size = n
		select {
		case r.arrived <- d:
		case <-r.closed:
			return
		}
	}
}

// release gives memory back.
func (r *Receiver) release(d *datagram) {
	select {
	case r.idle <- d:
	default: // enough of it waits
	}
}

// Recv waits for the next message. A *GapError says that messages are lost for good; the next call goes on behind them. All
// other errors are final: ErrEndOfSession, ErrSession, net.ErrClosed after Close, os.ErrDeadlineExceeded after Options.Timeout
// of silence: not even a heartbeat came.
func (r *Receiver) Recv() (Message, error) {
	for {
		if m, ok := r.w.take(); ok {
			return m, nil
		}
		switch {
		case r.final != nil:
			return Message{}, r.final
		case r.w.done():
			r.final = ErrEndOfSession
			continue
		}
		wait, err := r.mind(time.Now())
		if err != nil {
			return Message{}, err
		}
		r.timer.Reset(wait)
		select {
		case d := <-r.arrived:
			r.lastWord = time.Now()
			kept, err := r.w.push(d)
			if !kept {
				r.release(d)
			}
			if err != nil {
				r.final = err
			}
		case <-r.timer.C:
		case <-r.closed:
			r.final = fmt.Errorf("feed: %w", net.ErrClosed)
		}
	}
}

// mind looks after the gap at hand, if there is one, and returns how long may be waited.
func (r *Receiver) mind(now time.Time) (time.Duration, error) {
	from, to, missing := r.w.gap()
	if !missing {
		r.at = 0
		silent := now.Sub(r.lastWord)
		if silent >= r.o.Timeout {
			r.final = fmt.Errorf("feed: %s of silence: %w", r.o.Timeout, os.ErrDeadlineExceeded)
			return 0, r.final
		}
		return r.o.Timeout - silent, nil
	}
	if r.at != from { // a new gap, or the rest of one
		r.at, r.since, r.again = from, now, r.o.Again
		r.due = now.Add(r.o.Wait)
		if from <= r.asked { // its beginning was just answered: go on asking
			r.due = now
		}
	}
	if r.requests == nil && now.Sub(r.since) >= r.o.Wait || now.Sub(r.since) >= r.o.Patience {
		r.w.skip(to)
		return 0, &GapError{from, to}
	}
	if r.requests == nil {
		return r.o.Wait - now.Sub(r.since), nil
	}
	due := r.due
	if paced := r.lastAsk.Add(r.o.Pace); due.Before(paced) {
		due = paced
	}
	if now.Before(due) {
		return due.Sub(now), nil
	}
	r.ask(from, to)
	r.lastAsk, r.due = now, now.Add(r.again)
	r.again = min(2*r.again, max(time.Second, r.o.Again))
	return min(r.due.Sub(now), r.since.Add(r.o.Patience).Sub(now)), nil
}

// ask sends a request.
func (r *Receiver) ask(from, to uint64) {
	h := mold.Header{Session: r.w.session, Sequence: from, Count: uint16(min(to-from, 1<<16-2))}
	r.asked = to
	r.w.stats.Requests++
	_, _ = r.requests.Write(h.Append(nil)) // as good as lost, and asked again
}

// Session returns the session; empty as long as nothing has been received.
func (r *Receiver) Session() string { return strings.Trim(string(r.w.session[:]), " \x00") }

// NextSequence returns the number of the message that Recv returns next; 0 as long as it is not known.
func (r *Receiver) NextSequence() uint64 { return r.w.next }

// Stats returns the counts so far. Like Recv it belongs to one goroutine.
func (r *Receiver) Stats() Stats { return r.w.stats }

// Addr returns the address at which the feed arrives.
func (r *Receiver) Addr() net.Addr { return r.feed.LocalAddr() }

// Close stops receiving and ends a Recv under way.
func (r *Receiver) Close() error {
	err := fmt.Errorf("feed: %w", net.ErrClosed)
	r.once.Do(func() {
		close(r.closed)
		err = r.feed.Close()
		if r.requests != nil {
			err = errors.Join(err, r.requests.Close())
		}
	})
	return err
}

func orElse(d, standard time.Duration) time.Duration {
	if d == 0 {
		return standard
	}
	return d
}
