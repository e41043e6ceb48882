//go:build linux

package ring_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matcher/ring"
)

// echo is a server on the rig: what a connection sends comes back. One Receive per connection, its descriptor is the tag;
// bytes are copied to a slot of the arena per buffer, so that the buffer goes back at once.
type echo struct {
	*rig
	listener         int
	accepted, closed int
	exhausted        int // receives that ended for want of a buffer
}

const acceptTag = 1 << 40

func (e *echo) accept() {
	e.add(ring.Op{Code: ring.Accept, File: int32(e.listener), Tag: acceptTag})
}

func (e *echo) act(done []ring.Completion) {
	e.t.Helper()
	for _, c := range done {
		switch {
		case c.Tag == acceptTag:
			if c.Res < 0 {
				e.t.Fatalf("accept: %+v", c)
			}
			e.accepted++
			e.add(ring.Op{Code: ring.Receive, File: c.Res, Tag: uint64(c.Res)})
			if !c.More {
				e.accept()
			}
		case c.Tag > acceptTag: // Send and Close
			if c.Res < 0 {
				e.t.Fatalf("send or close: %+v", c)
			}
		case c.Res > 0:
			at := e.put(uint64(c.Buffer)<<16, e.bytes(c))
			e.add(ring.Op{Code: ring.Send, File: int32(c.Tag), Off: at, Len: uint32(c.Res), Tag: c.Tag | acceptTag})
			e.add(ring.Op{Code: ring.Recycle, Buffer: c.Buffer})
			if !c.More {
				e.add(ring.Op{Code: ring.Receive, File: int32(c.Tag), Tag: c.Tag})
			}
		case c.Res == -int32(unix.ENOBUFS):
			if c.More || c.Filled {
				e.t.Fatalf("exhausted: %+v", c)
			}
			e.exhausted++
			e.add(ring.Op{Code: ring.Receive, File: int32(c.Tag), Tag: c.Tag})
		default:
			e.closed++
			e.add(ring.Op{Code: ring.Close, File: int32(c.Tag), Tag: c.Tag | acceptTag})
		}
	}
}

// Many connections, bytes split and merged at random, every wait policy; with few buffers the receives run dry and recover.
func TestEcho(t *testing.T) { onEach(t, testEcho) }

func testEcho(t *testing.T, d driver) {
	tests := []struct {
		name   string
		cfg    ring.Config
		policy ring.Policy
		dry    bool
	}{
		{name: "block", policy: ring.Block},
		{name: "adaptive", policy: ring.Adaptive},
		{name: "spin", policy: ring.Spin},
		{name: "few buffers", cfg: ring.Config{ReceiveBuffers: 2, ReceiveSize: 64}, policy: ring.Adaptive, dry: true},
		{name: "small queues", cfg: ring.Config{Entries: 2, ReceiveBuffers: 16}, policy: ring.Block},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			const clients, size = 40, 40 << 10
			test.cfg.ArenaSize = 64 << 20
			e := &echo{rig: newRig(t, d, test.cfg)}
			e.listener, _ = e.listen()
			seed := uint64(time.Now().UnixNano())
			if s := os.Getenv("RING_SEED"); s != "" {
				seed, _ = strconv.ParseUint(s, 10, 64)
			}
			t.Logf("RING_SEED=%d go test -run '%s' ./ring", seed, t.Name())
			var wg sync.WaitGroup
			for i := range clients {
				wg.Go(func() { client(t, e.connect(e.listener), size, rand.New(rand.NewPCG(seed, uint64(i)))) })
			}
			e.accept()
			for deadline := time.Now().Add(20 * time.Second); e.closed < clients && !t.Failed(); {
				if time.Now().After(deadline) {
					t.Fatalf("after 20 s: %d accepted, %d closed", e.accepted, e.closed)
				}
				e.act(e.turn(ring.Wait{Policy: test.policy, Until: int64(time.Millisecond)}))
			}
			wg.Wait()
			if e.accepted != clients {
				t.Errorf("%d connections accepted, want %d", e.accepted, clients)
			}
			if dry := e.exhausted > 0; test.dry && !dry {
				t.Error("the receive buffers never ran dry")
			}
		})
	}
}

// client sends size bytes in random pieces and checks what comes back.
func client(t *testing.T, fd, size int, random *rand.Rand) {
	defer func() { _ = unix.Close(fd) }()
	want := make([]byte, size)
	for i := range want {
		want[i] = byte(random.Uint32())
	}
	var reader sync.WaitGroup
	reader.Go(func() {
		if got := readSome(fd, size); !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back, want %d, or they differ", len(got), size)
		}
	})
	for rest := want; len(rest) > 0; {
		n := min(len(rest), 1+random.IntN(3000))
		m, err := unix.Write(fd, rest[:n])
		if err != nil && !errors.Is(err, unix.EINTR) {
			t.Errorf("client: %v", err)
			return
		}
		rest = rest[max(m, 0):]
	}
	reader.Wait()
}

// readSome is read for a goroutine that may not end the test.
func readSome(fd, n int) []byte {
	b := make([]byte, n)
	at := 0
	for at < n {
		m, err := unix.Read(fd, b[at:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || m == 0 {
			break
		}
		at += m
	}
	return b[:at]
}

// The bytes wait in the socket while no buffer is there, and none is lost.
func TestReceiveBuffersExhausted(t *testing.T) { onEach(t, testReceiveBuffersExhausted) }

func testReceiveBuffersExhausted(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{ReceiveBuffers: 4, ReceiveSize: 64})
	ours, theirs := r.unixPair()
	sent := pattern(10 * 64)
	write(t, theirs, sent)
	receive := ring.Op{Code: ring.Receive, File: int32(ours), Tag: 5}
	r.add(receive)
	var got []byte
	for round := range 3 {
		done := r.collect(min(4, (len(sent)-len(got))/64) + 1 - round/2)
		filled := done
		if round < 2 {
			last := done[len(done)-1]
			if last != (ring.Completion{Tag: 5, Res: -int32(unix.ENOBUFS)}) {
				t.Fatalf("round %d: %+v", round, done)
			}
			filled = done[:len(done)-1]
		}
		for _, c := range filled {
			got = append(got, r.bytes(c)...)
			r.add(ring.Op{Code: ring.Recycle, Buffer: c.Buffer})
		}
		if round < 2 {
			r.add(receive)
		}
	}
	if !bytes.Equal(got, sent) {
		t.Fatalf("%d bytes came, want %d, or they differ", len(got), len(sent))
	}
	r.quiet()
}

// The tail of the ring of receive buffers is 16 bits and must wrap.
func TestReceiveBuffersWrap(t *testing.T) { onEach(t, testReceiveBuffersWrap) }

func testReceiveBuffersWrap(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{ReceiveBuffers: 2, ReceiveSize: 64})
	ours, theirs := r.unixPair()
	r.add(ring.Op{Code: ring.Receive, File: int32(ours)})
	message := make([]byte, 64) // fills a buffer
	var pair [2]ring.Completion
	for i := range 35000 {
		for range 2 {
			message[0], message[1], message[2] = message[0]+1, byte(i), byte(i>>8)
			write(t, theirs, message)
		}
		done := pair[:0]
		for len(done) < 2 { // the kernel pauses after 32 messages of one connection
			done = append(done, r.turn(ring.Wait{Policy: ring.Spin, Until: int64(time.Second)})...)
		}
		if len(done) != 2 || done[0].Buffer == done[1].Buffer || !done[1].More {
			t.Fatalf("round %d: %+v", i, done)
		}
		if got := r.bytes(done[0]); got[0] != message[0]-1 || !bytes.Equal(got[1:], message[1:]) || !bytes.Equal(r.bytes(done[1]), message) {
			t.Fatalf("round %d: other bytes came than were sent", i)
		}
		first := i % 3 & 1 // in changing order
		r.add(ring.Op{Code: ring.Recycle, Buffer: done[first].Buffer})
		r.add(ring.Op{Code: ring.Recycle, Buffer: done[1-first].Buffer})
	}
}
