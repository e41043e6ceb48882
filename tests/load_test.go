//go:build linux

package tests

import (
	enc "encoding/binary" // binary is the name of the server under test in this package
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"matcher/core"
	"matcher/ring"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// A load client for measurements: any number of sessions on one thread that polls their sockets and never sleeps, so that
// what is measured is the venue. In steady state it allocates nothing.
//
// Every order is a displayed limit buy, and is cancelled as soon as it is accepted. A message in flight is an order until
// its Accepted, then its cancel until the Canceled, then the session's next order: a session always has as many in flight
// as it began with. The answers must come in the order of the UserRefNums, each once: anything else ends the run.

const (
	loadPatience = 10 * time.Second // without an answer, then the venue is given up
	loadPrice    = 1_000_000        // the best of five prices, one tick apart
	loadTick     = 100
)

func loadUser(i int) string { return fmt.Sprintf("L%02d", i) }

// load is the sessions of one thread.
type load struct {
	sessions []loadSession
	gone     uint64 // orders accepted and cancelled
	closing  bool   // no new orders
}

// newLoad logs all sessions in.
func newLoad(t testing.TB, s *core.Server, sessions int) *load {
	t.Helper()
	l := &load{sessions: make([]loadSession, sessions)}
	for i := range l.sessions {
		if err := l.sessions[i].login(s.Addr(), loadUser(i)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Close(l.sessions[i].fd) })
	}
	return l
}

// begin puts orders in flight on every session.
func (l *load) begin(window int) error {
	for i := range l.sessions {
		s := &l.sessions[i]
		for range window {
			s.enter()
		}
		if err := s.flush(); err != nil {
			return err
		}
	}
	return nil
}

// until goes on until n orders in all have been accepted and cancelled; what is in flight then stays there.
func (l *load) until(n uint64) error {
	start, idle := time.Time{}, 0
	for l.gone < n {
		before := l.gone
		for i := range l.sessions {
			s := &l.sessions[i]
			gone, err := s.receive(!l.closing)
			if err == nil {
				err = s.flush()
			}
			if err != nil {
				return fmt.Errorf("session %d: %w", i, err)
			}
			l.gone += gone
		}
		if idle++; l.gone != before {
			start, idle = time.Time{}, 0
		} else if idle%4096 == 0 { // the clock is not worth reading more often
			if start.IsZero() {
				start = time.Now()
			} else if time.Since(start) > loadPatience {
				return errLoadSilence
			}
		}
	}
	return nil
}

// end waits for everything in flight and returns how many orders there were.
func (l *load) end() (orders uint64, err error) {
	l.closing = true
	for i := range l.sessions {
		orders += uint64(l.sessions[i].entered)
	}
	return orders, l.until(orders)
}

// trip enters one order on the first session, nothing else being in flight, waits for its Accepted, cancels it, and waits
// for the Canceled. It returns the time from the order to its Accepted.
func (l *load) trip() (time.Duration, error) {
	s := &l.sessions[0]
	start := time.Now()
	s.enter()
	if err := s.await(&s.accepted, start); err != nil {
		return 0, err
	}
	took := time.Since(start)
	err := s.await(&s.canceled, start)
	l.gone++
	return took, err
}

var (
	errLoadSilence = fmt.Errorf("no answer for %v", loadPatience)
	errLoadClosed  = errors.New("the venue closed the connection")
)

// loadSession is one user's connection.
type loadSession struct {
	fd       int
	entered  uint32 // last UserRefNum
	accepted uint32 // last one accepted
	canceled uint32 // last one cancelled
	order    [soupbin.HeaderSize + ouch.EnterOrderSize]byte
	cancel   [soupbin.HeaderSize + ouch.CancelOrderSize]byte
	in       [64 << 10]byte
	have     int // bytes of a packet that has not arrived whole, at the start of in
	out      []byte
}

// login connects, logs in, and prepares the packets that every order sends.
func (s *loadSession) login(addr, user string) error {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return err
	}
	if s.fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	if err := syscall.Connect(s.fd, &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		return err
	}
	if err := ring.NoDelay(s.fd); err != nil {
		return err
	}
	l := soupbin.Login{Username: [6]byte([]byte(user + "   ")), Password: [10]byte([]byte("KEY       "))}
	s.out = soupbin.AppendLogin(s.out, &l, soupbin.Right)
	if err := s.flush(); err != nil {
		return err
	}
	n, err := syscall.Read(s.fd, s.in[:])
	if err != nil {
		return err
	}
	if p, size, err := soupbin.Next(s.in[:n]); err != nil || size != n || p.Type != soupbin.LoginAccepted {
		if err == nil {
			err = errors.New("not a Login Accepted")
		}
		return fmt.Errorf("login of %s: answered with %q: %w", user, s.in[:n], err)
	}
	enter := ouch.EnterOrder{
		Side: 'B', Quantity: 100, Symbol: ouch.Symbol("AAPL"), TimeInForce: '0', Display: 'Y', Capacity: 'P', Sweep: 'N',
		CrossType: 'N', ClOrdID: ouch.ClOrdID(user),
	}
	cancel := ouch.CancelOrder{}
	soupbin.AppendUnsequenced(s.order[:0], enter.Append(nil))
	soupbin.AppendUnsequenced(s.cancel[:0], cancel.Append(nil))
	return nil
}

// enter puts the next order behind what is to be sent.
func (s *loadSession) enter() {
	s.entered++
	message := s.order[soupbin.HeaderSize:]
	enc.BigEndian.PutUint32(message[1:], s.entered)
	enc.BigEndian.PutUint64(message[18:], loadPrice-uint64(s.entered%5)*loadTick)
	s.out = append(s.out, s.order[:]...)
}

// receive takes what there is, without waiting, and puts behind what is to be sent what follows from it: the cancel of each
// order accepted, and with again the next order for each one cancelled. It returns how many were cancelled.
func (s *loadSession) receive(again bool) (gone uint64, err error) {
	free := s.in[s.have:]
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM,
		uintptr(s.fd), uintptr(unsafe.Pointer(&free[0])), uintptr(len(free)), syscall.MSG_DONTWAIT, 0, 0)
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
		return 0, nil
	case errno != 0:
		return 0, errno
	case n == 0:
		return 0, errLoadClosed
	}
	before, b := s.canceled, s.in[:s.have+int(n)]
	for {
		size := soupbin.PacketSize(b)
		if size == 0 || size > len(b) {
			break
		}
		if err := s.packet(b[:size], again); err != nil {
			return 0, err
		}
		b = b[size:]
	}
	s.have = copy(s.in[:], b)
	return uint64(s.canceled - before), nil
}

// packet acts on one packet of the venue. UserRefNum stands at the same place in Accepted and Canceled.
func (s *loadSession) packet(p []byte, again bool) error {
	if len(p) < soupbin.HeaderSize+13 {
		if len(p) >= soupbin.HeaderSize && p[2] == soupbin.ServerHeartbeat {
			return nil
		}
		return fmt.Errorf("unexpected packet %q", p)
	}
	ref := enc.BigEndian.Uint32(p[soupbin.HeaderSize+9:])
	switch kind := p[soupbin.HeaderSize]; {
	case kind == ouch.TypeAccepted && ref == s.accepted+1:
		s.accepted = ref
		enc.BigEndian.PutUint32(s.cancel[soupbin.HeaderSize+1:], ref)
		s.out = append(s.out, s.cancel[:]...)
	case kind == ouch.TypeCanceled && ref == s.canceled+1:
		s.canceled = ref
		if again {
			s.enter()
		}
	default:
		return fmt.Errorf("message %q for order %d: %d were accepted, %d cancelled", kind, ref, s.accepted, s.canceled)
	}
	return nil
}

// flush sends all there is to send. It need not wait for anything but the venue, which never waits for us.
func (s *loadSession) flush() error {
	b := s.out
	for len(b) > 0 {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO,
			uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			b = b[n:]
		case syscall.EAGAIN, syscall.EINTR:
		default:
			return errno
		}
	}
	s.out = s.out[:0]
	return nil
}

// await sends what there is to send and polls until the last order has got as far as a counter counts.
func (s *loadSession) await(counter *uint32, start time.Time) error {
	if err := s.flush(); err != nil {
		return err
	}
	for polls := 1; *counter != s.entered; polls++ {
		if _, err := s.receive(false); err != nil {
			return err
		}
		if polls%65536 == 0 && time.Since(start) > loadPatience {
			return errLoadSilence
		}
	}
	return nil
}

// latencies counts durations in buckets: 128 linear ones up to each power of two, so that a quantile is less than 1 % above
// the truth. Those beyond an hour count as an hour.
type latencies struct {
	buckets [latencyOctaves << latencyBits]uint64
	n       uint64
}

const (
	latencyBits    = 7
	latencyOctaves = 36
)

func (l *latencies) add(d time.Duration) {
	ns := min(uint64(max(d, 0)), uint64(time.Hour))
	shift := max(bits.Len64(ns)-latencyBits-1, 0)
	l.buckets[shift<<latencyBits+int(ns>>shift)]++
	l.n++
}

// quantile returns the least duration that a share q of all does not exceed, rounded up to the end of its bucket.
func (l *latencies) quantile(q float64) time.Duration {
	left := max(uint64(q*float64(l.n)+0.5), 1)
	for i, n := range l.buckets {
		if n >= left {
			shift := max(i>>latencyBits-1, 0)
			return time.Duration((i-shift<<latencyBits+1)<<shift - 1)
		}
		left -= n
	}
	return 0
}
