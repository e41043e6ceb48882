package main

import (
	"net"
	"runtime"
	"strconv"
	"testing"
)

func lastCPU() int { return runtime.NumCPU() - 1 }

// listenOnce lets a Go server have one connection and returns its port.
func listenOnce(t *testing.T, s *netServer) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		_ = s.session(c) // its end is what is tested
		_ = c.Close()
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
