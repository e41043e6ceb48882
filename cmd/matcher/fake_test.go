package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"matcher/wire/soupbin"
)

// fake listens and lets behave deal with the first connection.
func fake(t *testing.T, behave func(net.Conn)) (addr string) {
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
		behave(c)
		_ = c.Close()
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

// admit reads the login and accepts it.
func admit(c net.Conn) {
	login := make([]byte, soupbin.HeaderSize+soupbin.LoginSize)
	_, _ = io.ReadFull(c, login)
	_, _ = c.Write(soupbin.AppendLoginAccepted(nil, &soupbin.Accepted{Session: [10]byte{'T'}, Sequence: 1}))
}

// A venue that never answers gets a window of commands and no more.
func TestSendFlowWindow(t *testing.T) {
	const window = 16
	counted := make(chan int, 1)
	addr := fake(t, func(c net.Conn) {
		got := 0
		defer func() { counted <- got }()
		admit(c)
		r := bufio.NewReader(c)
		_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		for {
			var head [soupbin.HeaderSize]byte
			if _, err := io.ReadFull(r, head[:]); err != nil {
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error(err)
				}
				return
			}
			message := make([]byte, int(head[0])<<8+int(head[1])-1)
			if _, err := io.ReadFull(r, message); err != nil {
				t.Error(err)
				return
			}
			if head[2] == soupbin.UnsequencedData && message[0] == 'O' {
				got++
			}
		}
	})
	var flow strings.Builder
	for i := range 10 * window {
		flow.WriteString("A enter " + strconv.Itoa(i+1) + " B 1 AAPL 100 0 Y\n")
	}
	file := filepath.Join(t.TempDir(), "flow")
	if err := os.WriteFile(file, []byte(flow.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	o := matcher("", []string{"MATCHER_KEY=canary"}, "send", "-f", file, "--to", addr, "--window", strconv.Itoa(window))
	if o.code != exitConnection || !strings.Contains(o.stderr, "error E5004: "+addr+" as A: the connection was lost") {
		t.Error(o)
	}
	if got := <-counted; got != window {
		t.Errorf("%d commands were under way, the window is %d", got, window)
	}
	quiet(t, o)
}

// A server that was started just before may not listen yet.
func TestSendWaitsForTheServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	begun := time.Now()
	send := func(timeout string) outcome {
		return matcher("", []string{"MATCHER_KEY=canary"}, "send", "query", "--user", "A", "--to", addr, "--timeout", timeout)
	}
	if o := send("50ms"); o.code != exitConnection || !strings.HasPrefix(o.stderr, "error E5001: "+addr) || time.Since(begun) > time.Second {
		t.Error(o, time.Since(begun))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		time.Sleep(100 * time.Millisecond)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Log(err) // somebody else took the port; then he answers
			return
		}
		_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(5 * time.Second))
		c, err := l.Accept()
		_ = l.Close()
		if err == nil {
			_, _ = c.Write(soupbin.AppendLoginRejected(nil, soupbin.NotAuthorized))
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	if o := send("10s"); o.code != exitConnection || !strings.HasPrefix(o.stderr, "error E5002: "+addr) {
		t.Error(o)
	}
	<-done
}

func TestSendArguments(t *testing.T) {
	for _, args := range [][]string{
		{"--to", "foo"},
		{"--to", "127.0.0.1:99999"},
		{"--to", "127.0.0.1:0"},
		{"--to", "127.0.0.1:x"},
		{"--to", ""},
		{"--timeout", "-1s"},
		{"--timeout", "0s"},
	} {
		in(t, do(t, exitUsage, append([]string{"send", "query", "--user", "A"}, args...)...).stderr, "error E4004: "+args[0])
	}
}

// TestSendTellsWhy: why the server closed a connection is what it said last.
func TestSendTellsWhy(t *testing.T) {
	addr := fake(t, func(c net.Conn) {
		admit(c)
		_, _ = c.Write(soupbin.AppendDebug(nil, "the user has logged in again elsewhere"))
	})
	o := matcher("", []string{"MATCHER_KEY=canary"}, "send", "query", "--user", "A", "--to", addr, "--timeout", "5s")
	if o.code != exitConnection || !strings.Contains(o.stderr, "error E5004: "+addr+" as A: the connection was lost\n  why   the server said: the user has logged in again elsewhere\n") {
		t.Error(o)
	}
}

func TestSendConnectionFaults(t *testing.T) {
	wait := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	refuse := func(reason byte) func(net.Conn) {
		return func(c net.Conn) { _, _ = c.Write(soupbin.AppendLoginRejected(nil, reason)); wait(c) }
	}
	for _, c := range []struct {
		name, code string
		behave     func(net.Conn)
	}{
		{"silent", "E5005", wait},
		{"silent after the login", "E5005", func(c net.Conn) { admit(c); wait(c) }},
		{"gone", "E5004", func(net.Conn) {}},
		{"gone after the login", "E5004", admit},
		{"end of session", "E5004", func(c net.Conn) { admit(c); _, _ = c.Write(soupbin.AppendEndOfSession(nil)); wait(c) }},
		{"not authorized", "E5002", refuse(soupbin.NotAuthorized)},
		{"no session", "E5003", refuse(soupbin.SessionNotAvailable)},
		{"another protocol", "E5006", func(c net.Conn) { _, _ = c.Write([]byte("\x00\x00\r\n")); wait(c) }},
		{"another message", "E5006", func(c net.Conn) { admit(c); _, _ = c.Write(soupbin.AppendSequenced(nil, []byte("?"))); wait(c) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := fake(t, c.behave)
			o := matcher("", []string{"MATCHER_KEY=canary"}, "send", "query", "--user", "A", "--to", addr, "--timeout", "100ms")
			if o.code != exitConnection || !strings.HasPrefix(o.stderr, "error "+c.code+": "+addr) {
				t.Errorf("want %s, got exit %d: %s", c.code, o.code, o.stderr)
			}
			quiet(t, o)
		})
	}
}
