//go:build linux

package tests

import (
	"bytes"
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"matcher/core"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// BenchmarkHostile has one order in flight while others do harm: the time from its first byte sent to its Accepted. All
// peers are on the client's one thread, which gives each hostile socket as much as it takes right before the order goes out:
// so an order always finds what a flood has sent before it, and the client's cpu is no part of the figure.
func BenchmarkHostile(b *testing.B) {
	flood := bytes.Repeat(soupbin.AppendUnsequenced(nil, (&ouch.CancelOrder{UserRefNum: 1}).Append(nil)), 2048)
	tiny := bytes.Repeat([]byte{0, 1, soupbin.ClientHeartbeat}, 8192)
	for _, test := range []struct {
		name  string
		peers int
		bytes []byte
	}{
		{"quiet", 0, nil}, {"flood-1", 1, flood}, {"flood-8", 8, flood}, {"tiny-8", 8, tiny}, {"wrong-keys", 0, login("L09", "WRONG", 1)},
	} {
		b.Run(test.name, func(b *testing.B) {
			s, _ := loadVenue{durability: core.Async, sessions: 1 + test.peers, segment: benchSegment}.open(b)
			l, trips := newLoad(b, s, 1+test.peers), &latencies{}
			sent := make([]int, test.peers)
			harm := func() error {
				for i := range sent {
					n, err := syscall.SendmsgN(l.sessions[1+i].fd, test.bytes[sent[i]:], nil, nil, syscall.MSG_DONTWAIT)
					if err != nil && !errors.Is(err, syscall.EAGAIN) {
						return err
					}
					sent[i] = (sent[i] + max(0, n)) % len(test.bytes)
				}
				if test.peers == 0 && test.bytes != nil {
					return stranger(s.Addr(), test.bytes)
				}
				return nil
			}
			for n := 0; b.Loop(); n++ {
				if err := harm(); err != nil {
					b.Fatal(err)
				}
				took, err := l.trip()
				if err != nil {
					b.Fatal(err)
				}
				if n >= 1000 {
					trips.add(took)
				}
			}
			for _, q := range []struct {
				unit  string
				share float64
			}{{"p50-us", 0.5}, {"p99-us", 0.99}} {
				b.ReportMetric(float64(trips.quantile(q.share).Nanoseconds())/1e3, q.unit)
			}
		})
	}
}

// stranger connects, says something, and goes.
func stranger(addr string, said []byte) error {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = syscall.Close(fd) }()
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		return err
	}
	_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	_, err = syscall.Write(fd, said)
	return err
}
