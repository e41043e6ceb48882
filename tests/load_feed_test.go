//go:build linux

package tests

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"matcher/wire/mold"
)

// sink is a UDP socket that takes the public feed of a venue that is measured. Whoever does not read from it lets the kernel
// drop what does not fit its buffer.
type sink struct {
	fd   int
	port int
	buf  [2048]byte
}

func newSink(t testing.TB) *sink {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return &sink{fd: fd, port: at.(*syscall.SockaddrInet4).Port}
}

// take takes one datagram, without waiting. It returns how many messages that has; 0: there was none, or none in it.
func (s *sink) take() int {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM,
		uintptr(s.fd), uintptr(unsafe.Pointer(&s.buf[0])), uintptr(len(s.buf)), syscall.MSG_DONTWAIT, 0, 0)
	if errno != 0 || n < mold.HeaderSize {
		return 0
	}
	return int(s.buf[18])<<8 | int(s.buf[19])
}

// drain takes what is there and returns how many messages that was.
func (s *sink) drain() (messages int) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM,
			uintptr(s.fd), uintptr(unsafe.Pointer(&s.buf[0])), uintptr(len(s.buf)), syscall.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			return messages
		}
		if n >= mold.HeaderSize {
			messages += int(s.buf[18])<<8 | int(s.buf[19])
		}
	}
}

// BenchmarkTickToFeed has one order in flight: the time from its first byte sent until its Accepted has come, and until its
// add has come over the feed, seen by one thread that looks at both sockets in turn.
func BenchmarkTickToFeed(b *testing.B) {
	for _, mode := range loadModes {
		b.Run(mode.name, func(b *testing.B) {
			f := newSink(b)
			s, _ := loadVenue{mode.durability, 1, benchSegment, fmt.Sprintf("127.0.0.1:%d", f.port)}.open(b)
			l, acks, feeds := newLoad(b, s, 1), &latencies{}, &latencies{}
			one := func() (ack, public time.Duration, err error) {
				c := &l.sessions[0]
				start := time.Now()
				c.enter()
				if err := c.flush(); err != nil {
					return 0, 0, err
				}
				for ack == 0 || public == 0 {
					if ack == 0 {
						if _, err := c.receive(false); err != nil {
							return 0, 0, err
						}
						if c.accepted == c.entered {
							ack = time.Since(start)
						}
					}
					if public == 0 && f.take() != 0 {
						public = time.Since(start)
					}
					if time.Since(start) > loadPatience {
						return 0, 0, errLoadSilence
					}
				}
				err = c.await(&c.canceled, start)
				l.gone++
				for end := time.Now().Add(loadPatience); err == nil && f.take() == 0; {
					if time.Now().After(end) {
						err = errLoadSilence
					}
				}
				return ack, public, err
			}
			time.Sleep(20 * time.Millisecond)
			f.drain() // what the day began with
			for range 1000 {
				if _, _, err := one(); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				ack, public, err := one()
				if err != nil {
					b.Fatal(err)
				}
				acks.add(ack)
				feeds.add(public)
			}
			b.ReportMetric(float64(acks.quantile(0.5).Nanoseconds())/1e3, "ack-p50-us")
			b.ReportMetric(float64(feeds.quantile(0.5).Nanoseconds())/1e3, "feed-p50-us")
			b.ReportMetric(float64(feeds.quantile(0.5))/float64(acks.quantile(0.5)), "feed/ack")
			if _, err := l.end(); err != nil && !errors.Is(err, errLoadSilence) {
				b.Fatal(err)
			}
			loadResult(b, s)
		})
	}
}
