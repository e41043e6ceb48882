//go:build linux

package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"matcher/core"
	"matcher/ring"
)

// The simulated kernel is worth what it has in common with the real ones. TestContract runs small scripts of operations on all
// of them, through the seam that core uses, and compares what comes of them. What package ring leaves open is not looked at:
// the order of completions, how bytes are cut, how much finds room.

// bench is a kernel with a script running on it.
type bench struct {
	t     *testing.T
	k     core.Kernel
	below below
	ops   []ring.Op
	names []string // of operations, by tag
	codes []ring.Op
	told  []string // what came of the script
	bytes map[string][]byte
	conns []int32
	keep  bool // buffers are kept
	kept  []uint16
	next  uint64 // free arena
}

// below is what lies below a kernel: the peers and the files.
type below interface {
	listen() int32
	dial() peer
	file(size uint64) int32
	content() []byte
	pipe() (r, w int32)
	post(w int32, b []byte)
	datagrams() int32
	// drain lets a peer begin to read, and returns what gives the bytes.
	drain(p peer, n int) func() []byte
}

// peer is the other end of a connection.
type peer interface {
	write(b []byte)
	read(n int) []byte // until n bytes have come, or the end
	done()             // it has sent everything
	reset()
}

// op submits an operation with the next turn.
func (b *bench) op(name string, op ring.Op) {
	op.Tag = uint64(len(b.names))
	b.names, b.codes = append(b.names, name), append(b.codes, op)
	b.ops = append(b.ops, op)
}

// memory puts bytes into the arena, at a multiple of a page.
func (b *bench) memory(data []byte) (off uint64, n uint32) {
	off = b.k.Base() + b.next
	b.next += (uint64(len(data)) + 4095) &^ 4095
	copy(b.k.Arena()[off:], data)
	return off, uint32(len(data))
}

func (b *bench) say(format string, args ...any) {
	b.told = append(b.told, fmt.Sprintf(format, args...))
}

// turn makes a turn and takes in what completed.
func (b *bench) turn(until time.Duration) {
	ops := slices.Clone(b.ops)
	b.ops = b.ops[:0]
	done, err := b.k.Turn(ops, nil, ring.Wait{Policy: ring.Block, Until: int64(until)})
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range done {
		b.completed(&done[i])
	}
}

func (b *bench) completed(c *ring.Completion) {
	name, op := b.names[c.Tag], b.codes[c.Tag]
	again := func() {
		if !c.More {
			b.ops = append(b.ops, op)
		}
	}
	switch {
	case op.Code == ring.Accept && c.Res >= 0:
		b.conns = append(b.conns, c.Res)
		again()
	case op.Code == ring.ReceiveOnce && c.Filled:
		b.say("%s: %q, more %t", name, b.k.Arena()[c.Off:][:c.Res], c.More)
		b.kept = append(b.kept, c.Buffer)
		b.recycle()
	case c.Filled:
		b.bytes[name] = append(b.bytes[name], b.k.Arena()[c.Off:][:c.Res]...)
		b.kept = append(b.kept, c.Buffer)
		if !b.keep {
			b.recycle()
		}
		if c.Res > 0 {
			again()
		}
	case c.Res < 0:
		b.say("%s: %v, more %t", name, syscall.Errno(-c.Res), c.More)
	default:
		b.say("%s: %d, more %t", name, c.Res, c.More)
	}
}

func (b *bench) recycle() {
	for _, id := range b.kept {
		b.ops = append(b.ops, ring.Op{Code: ring.Recycle, Buffer: id})
	}
	b.kept = b.kept[:0]
}

// wait turns until something holds.
func (b *bench) wait(what string, holds func() bool) {
	for range 5_000 {
		if holds() {
			return
		}
		b.turn(2 * time.Millisecond)
	}
	b.t.Fatalf("no %s; so far %v", what, b.told)
}

// until turns until so much has been said.
func (b *bench) until(n int) {
	b.wait(fmt.Sprint(n, " completions"), func() bool { return len(b.told) >= n })
}

// connect makes a connection: its descriptor and its peer.
func (b *bench) connect() (int32, peer) {
	if len(b.names) == 0 {
		b.op("accept", ring.Op{Code: ring.Accept, File: b.below.listen()})
		b.turn(0)
	}
	n := len(b.conns)
	p := b.below.dial()
	b.wait("connection", func() bool { return len(b.conns) > n })
	return b.conns[n], p
}

// script is what is done on every kernel. What it says must be the same on all.
type script struct {
	name string
	run  func(b *bench)
}

func scripts() []script {
	return []script{
		{"nothing to do", func(b *bench) { b.turn(0); b.turn(time.Millisecond) }},
		{"bytes, then the end", func(b *bench) {
			fd, p := b.connect()
			b.op("receive", ring.Op{Code: ring.Receive, File: fd})
			p.write([]byte("one "))
			b.wait("bytes", func() bool { return len(b.bytes["receive"]) == 4 })
			p.write([]byte("two"))
			p.done()
			b.until(1)
			b.say("%s", b.bytes["receive"])
			b.op("close", ring.Op{Code: ring.Close, File: fd})
			b.until(3)
			b.say("%q", p.read(1))
		}},
		{"bytes, once", func(b *bench) {
			fd, p := b.connect()
			p.write([]byte("1"))
			b.op("once", ring.Op{Code: ring.ReceiveOnce, File: fd})
			b.until(1)
			p.write([]byte("2"))
			b.turn(5 * time.Millisecond) // nobody asked
			b.op("once more", ring.Op{Code: ring.ReceiveOnce, File: fd})
			b.until(2)
			b.op("none", ring.Op{Code: ring.ReceiveOnce, File: fd})
			b.turn(0)
			b.op("cancel", ring.Op{Code: ring.Cancel, File: fd})
			b.until(4)
			p.done()
			b.op("the end", ring.Op{Code: ring.ReceiveOnce, File: fd})
			b.until(5)
		}},
		{"a reset", func(b *bench) {
			fd, p := b.connect()
			b.op("receive", ring.Op{Code: ring.Receive, File: fd})
			b.turn(0)
			p.reset()
			b.until(1)
		}},
		{"no buffers", func(b *bench) {
			fd, p := b.connect()
			b.keep = true
			text := bytes.Repeat([]byte("0123456789abcdef"), receiveBuffers*5) // 80 bytes a buffer of 64
			b.op("receive", ring.Op{Code: ring.Receive, File: fd})
			p.write(text)
			b.until(1)
			b.keep = false
			b.recycle()
			b.op("receive", ring.Op{Code: ring.Receive, File: fd})
			b.wait("the rest", func() bool { return len(b.bytes["receive"]) == len(text) })
			b.say("%t", bytes.Equal(b.bytes["receive"], text))
		}},
		{"all is sent at once", func(b *bench) {
			fd, p := b.connect()
			off, n := b.memory([]byte("sent"))
			b.op("now", ring.Op{Code: ring.SendNow, File: fd, Off: off, Len: n})
			b.op("all", ring.Op{Code: ring.Send, File: fd, Off: off, Len: n})
			b.until(1)
			b.say("%s", p.read(8))
		}},
		{"not all finds room", func(b *bench) {
			fd, p := b.connect()
			text := bytes.Repeat([]byte("0123456789abcdef"), 1<<19)
			off, n := b.memory(text)
			b.op("now", ring.Op{Code: ring.SendNow, File: fd, Off: off, Len: n})
			b.turn(0)
			sent := b.short("now", n)
			b.op("full", ring.Op{Code: ring.SendNow, File: fd, Off: off + uint64(sent), Len: n - sent})
			b.turn(0)
			sent += b.short("full", n-sent)
			b.op("rest", ring.Op{Code: ring.Send, File: fd, Off: off + uint64(sent), Len: n - sent})
			got := b.below.drain(p, len(text))
			b.until(1)
			b.told[0] = strings.Replace(b.told[0], fmt.Sprint(n-sent), "all", 1)
			b.say("%t", bytes.Equal(got(), text))
		}},
		{"a send is cancelled", func(b *bench) {
			fd, _ := b.connect()
			off, n := b.memory(make([]byte, 8<<20))
			b.op("send", ring.Op{Code: ring.Send, File: fd, Off: off, Len: n})
			b.turn(time.Millisecond)
			b.op("cancel", ring.Op{Code: ring.Cancel, File: fd})
			b.turn(0)
			for i, line := range b.told {
				if strings.HasPrefix(line, "send:") {
					sent := 0
					_, _ = fmt.Sscanf(line, "send: %d", &sent) // the number is what is looked at
					b.told[i] = fmt.Sprint("send: some ", 0 < sent && sent < int(n))
				}
			}
		}},
		{"a receive is cancelled, and the descriptor closed", func(b *bench) {
			fd, p := b.connect()
			b.op("receive", ring.Op{Code: ring.Receive, File: fd})
			b.turn(0)
			b.op("cancel", ring.Op{Code: ring.Cancel, File: fd})
			b.turn(0)
			b.op("close", ring.Op{Code: ring.Close, File: fd})
			b.until(3)
			b.say("%q", p.read(1))
		}},
		{"nothing to cancel", func(b *bench) {
			fd, _ := b.connect()
			b.op("cancel", ring.Op{Code: ring.Cancel, File: fd})
			b.until(1)
		}},
		{"shut down both ways", func(b *bench) {
			fd, p := b.connect()
			b.op("receive", ring.Op{Code: ring.Receive, File: fd})
			b.turn(0)
			b.op("shutdown", ring.Op{Code: ring.Shutdown, File: fd, Len: 2})
			b.until(2)
			b.say("%q", p.read(1))
			off, n := b.memory([]byte("late"))
			b.op("now", ring.Op{Code: ring.SendNow, File: fd, Off: off, Len: n})
			b.until(4)
		}},
		{"shut down one way", func(b *bench) {
			fd, p := b.connect()
			b.op("receive", ring.Op{Code: ring.Receive, File: fd})
			off, n := b.memory([]byte("last words"))
			b.op("now", ring.Op{Code: ring.SendNow, File: fd, Off: off, Len: n})
			b.op("shutdown", ring.Op{Code: ring.Shutdown, File: fd, Len: 1})
			b.until(1)
			b.say("%s %q", p.read(10), p.read(1))
			p.write([]byte("still here"))
			p.done()
			b.until(3)
			b.say("%s", b.bytes["receive"])
		}},
		{"writes and reads", func(b *bench) {
			fd := b.below.file(64 << 10)
			var off [4]uint64
			for i := range off {
				off[i], _ = b.memory(bytes.Repeat([]byte{byte('a' + i)}, 8192))
				code := []ring.Code{ring.Write, ring.WriteLazy}[i%2]
				b.op(fmt.Sprint("write ", i), ring.Op{Code: code, File: fd, Off: off[i], Len: 8192, At: uint64(8192 * i)})
			}
			b.until(4)
			b.op("flush", ring.Op{Code: ring.Flush, File: fd})
			b.until(5)
			into, _ := b.memory(make([]byte, 8192))
			b.op("read", ring.Op{Code: ring.Read, File: fd, Off: into, Len: 8192, At: 4096})
			b.until(6)
			got := b.k.Arena()[into:][:8192]
			b.say("%c %c", got[0], got[8191])
			b.op("behind the end", ring.Op{Code: ring.Read, File: fd, Off: into, Len: 4096, At: 64 << 10})
			b.until(7)
			all := b.below.content()
			b.say("%d %c %c %d", len(all), all[0], all[32767], all[32768])
		}},
		{"a pipe", func(b *bench) {
			r, w := b.below.pipe()
			into, _ := b.memory(make([]byte, 64))
			b.op("read", ring.Op{Code: ring.Read, File: r, Off: into, Len: 64})
			b.turn(0)
			b.below.post(w, bytes.Repeat([]byte("x"), 128))
			b.until(1)
			b.op("read again", ring.Op{Code: ring.Read, File: r, Off: into, Len: 64})
			b.until(2)
		}},
		{"a read of a pipe is cancelled", func(b *bench) {
			r, _ := b.below.pipe()
			into, _ := b.memory(make([]byte, 64))
			b.op("read", ring.Op{Code: ring.Read, File: r, Off: into, Len: 64})
			b.turn(0)
			b.op("cancel", ring.Op{Code: ring.Cancel, File: r})
			b.until(2)
		}},
		{"nothing is open", func(b *bench) {
			off, n := b.memory(make([]byte, 4096))
			for code, name := range map[ring.Code]string{
				ring.Accept: "accept", ring.Receive: "receive", ring.ReceiveOnce: "once", ring.Send: "send", ring.SendNow: "now", ring.Write: "write",
				ring.WriteLazy: "lazy", ring.Read: "read", ring.Close: "close", ring.Shutdown: "shutdown",
				ring.Flush: "flush",
			} {
				b.op(name, ring.Op{Code: code, File: 250, Off: off, Len: n})
			}
			b.until(11)
		}},
		{"a datagram", func(b *bench) {
			off, n := b.memory([]byte("packet"))
			b.op("now", ring.Op{Code: ring.SendNow, File: b.below.datagrams(), Off: off, Len: n})
			b.turn(time.Millisecond)
		}},
	}
}

// short takes what a send says that was cut short, and returns how much was sent.
func (b *bench) short(name string, of uint32) (sent uint32) {
	if len(b.told) != 1 {
		b.t.Fatalf("%s of %d bytes: %v", name, of, b.told)
	}
	if n, err := fmt.Sscanf(b.told[0], name+": %d", &sent); n != 1 && !strings.Contains(b.told[0], syscall.EAGAIN.Error()) || sent >= of {
		b.t.Fatalf("%s of %d bytes: %v, %v", name, of, b.told, err)
	}
	b.told = b.told[:0]
	return sent
}

func TestContract(t *testing.T) {
	for _, s := range scripts() {
		t.Run(s.name, func(t *testing.T) {
			runtime.LockOSThread() // a ring belongs to a thread
			defer runtime.UnlockOSThread()
			want := map[string][]string{}
			for _, on := range []struct {
				name string
				open func(t *testing.T) (core.Kernel, below)
			}{{"uring", openUring}, {"portable", openPortable}, {"simulated", openSimulated}} {
				k, w := on.open(t)
				if k == nil {
					continue // io_uring is refused here; the others are compared
				}
				b := &bench{t: t, k: k, below: w, bytes: map[string][]byte{}}
				s.run(b)
				slices.Sort(b.told)
				for other, told := range want {
					if !slices.Equal(told, b.told) {
						t.Errorf("%s:\n%s\n%s:\n%s", other, strings.Join(told, "\n"), on.name, strings.Join(b.told, "\n"))
					}
				}
				want[on.name] = b.told
			}
		})
	}
}

const contractArena = 32 << 20

func openUring(t *testing.T) (core.Kernel, below) {
	k, err := ring.NewUring(ring.Config{ReceiveBuffers: receiveBuffers, ReceiveSize: 64, ArenaSize: contractArena})
	var refused *ring.SetupError
	if errors.As(err, &refused) {
		return nil, nil
	}
	return opened(t, k, err)
}

func openPortable(t *testing.T) (core.Kernel, below) {
	k, err := ring.NewPortable(ring.Config{ReceiveBuffers: receiveBuffers, ReceiveSize: 64, ArenaSize: contractArena})
	return opened(t, k, err)
}

func opened(t *testing.T, k core.Kernel, err error) (core.Kernel, below) {
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k, &real{t: t}
}

// real is this machine below a kernel.
type real struct {
	t    *testing.T
	addr string
	path string
}

func (m *real) fd(fd int, err error) int32 {
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = syscall.Close(fd) }) // the script may have closed it
	return int32(fd)
}

func (m *real) listen() int32 {
	fd, addr, err := ring.Listen("127.0.0.1:0")
	m.addr = addr
	return m.fd(fd, err)
}

func (m *real) dial() peer {
	c, err := net.Dial("tcp", m.addr)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = c.Close() }) // it may be closed
	return &realPeer{m.t, c.(*net.TCPConn)}
}

func (m *real) file(size uint64) int32 {
	m.path = filepath.Join(m.t.TempDir(), "file")
	fd, direct, err := ring.OpenDirect(m.path, true, int64(size))
	if err == nil {
		err = ring.Zero(fd, direct, 0, int64(size))
	}
	return m.fd(fd, err)
}

func (m *real) content() []byte {
	b, err := os.ReadFile(m.path)
	if err != nil {
		m.t.Fatal(err)
	}
	return b
}

func (m *real) pipe() (r, w int32) {
	in, out, err := ring.Pipe()
	return m.fd(in, err), m.fd(out, err)
}

func (m *real) post(w int32, b []byte) {
	if n, err := syscall.Write(int(w), b); n != len(b) {
		m.t.Fatal(n, err)
	}
}

func (m *real) datagrams() int32 { return m.fd(ring.Datagrams("127.0.0.1:9", "", 1)) }

func (m *real) drain(p peer, n int) func() []byte {
	got := make(chan []byte)
	go func() { got <- p.read(n) }()
	return func() []byte { return <-got }
}

type realPeer struct {
	t *testing.T
	c *net.TCPConn
}

func (p *realPeer) write(b []byte) {
	if _, err := p.c.Write(b); err != nil {
		p.t.Error(err)
	}
}

func (p *realPeer) read(n int) []byte {
	b := make([]byte, n)
	got, _ := io.ReadFull(p.c, b) // the end is a short one
	return b[:got]
}

func (p *realPeer) done() { _ = p.c.CloseWrite() }

func (p *realPeer) reset() { _, _ = p.c.SetLinger(0), p.c.Close() }

// simulated is the simulated machine, without faults.
type simulated struct {
	w    *World
	only *inode
}

func openSimulated(t *testing.T) (core.Kernel, below) {
	m := &Machine{}
	rng := rand.New(rand.NewPCG(1, 1))
	w := &World{rng: rng, disk: newDisk(rng, m), machine: m, nap: 1_000_000, size: 64, plain: true}
	k, err := w.Kernel(contractArena)
	if err != nil {
		t.Fatal(err)
	}
	return k, &simulated{w: w}
}

func (s *simulated) listen() int32 {
	fd, _, _ := s.w.Listen("") // it cannot fail
	return int32(fd)
}

func (s *simulated) dial() peer { return simulatedPeer{s.w.dial()} }

func (s *simulated) file(size uint64) int32 {
	fd, direct, err := s.w.Create("file", size)
	if err == nil {
		err = s.w.Zero(fd, direct, 0, size)
	}
	must(err)
	s.only = s.w.disk.names["file"]
	return int32(fd)
}

func (s *simulated) content() []byte { return s.only.data }

func (s *simulated) pipe() (r, w int32) {
	in, out, _ := s.w.Pipe() // it cannot fail
	return int32(in), int32(out)
}

func (s *simulated) post(w int32, b []byte) { s.w.Post(int(w), b) }

func (s *simulated) datagrams() int32 { return feedFile }

func (s *simulated) drain(p peer, n int) func() []byte {
	p.(simulatedPeer).conn.room = n // as if all had been read
	return func() []byte { return p.read(n) }
}

type simulatedPeer struct{ conn *conn }

func (p simulatedPeer) write(b []byte) { p.conn.write(b) }
func (p simulatedPeer) done()          { p.conn.clientEnd = fin }
func (p simulatedPeer) reset()         { p.conn.clientEnd = reset }

func (p simulatedPeer) read(n int) []byte {
	b, _ := p.conn.unread()
	b = b[:min(n, len(b))]
	p.conn.outAt += len(b)
	return b
}
