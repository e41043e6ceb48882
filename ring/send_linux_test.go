//go:build linux

package ring_test

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"matcher/ring"
)

const big = 1 << 20 // bytes that no small send buffer holds

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>8) ^ byte(i*7)
	}
	return b
}

// The core counts a connection's bytes as sent unless the very Turn that submitted them says otherwise.
func TestSendNowTellsInTheSameTurn(t *testing.T) { onEach(t, testSendNowTellsInTheSameTurn) }

func testSendNowTellsInTheSameTurn(t *testing.T, d driver) {
	for _, kind := range []string{"unix", "tcp"} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t, d, ring.Config{})
			ours, theirs := r.unixPair()
			if kind == "tcp" {
				ours, theirs = r.tcpPair()
			}
			if err := ring.SetSendBuffer(ours, 8192); err != nil {
				t.Fatal(err)
			}
			data := pattern(big)
			at := r.put(0, data)
			send := func(n uint32, tag uint64) []ring.Completion {
				r.add(ring.Op{Code: ring.SendNow, File: int32(ours), Off: at, Len: n, Tag: tag})
				return r.now()
			}
			if done := send(64, 1); len(done) != 0 {
				t.Fatalf("full send completed: %+v", done)
			}
			if got := read(t, theirs, 64); !bytes.Equal(got, data[:64]) {
				t.Fatal("full send: other bytes arrived")
			}
			done := send(big, 2)
			if len(done) != 1 || done[0].Tag != 2 || done[0].More || done[0].Res <= 0 || done[0].Res >= big {
				t.Fatalf("short send: %+v", done)
			}
			short := done[0].Res
			for done = send(big, 3); len(done) == 1 && done[0].Res > 0; done = send(big, 3) {
				t.Logf("%d more bytes fitted after a short send of %d", done[0].Res, short)
				short += done[0].Res
				// The pattern of a later piece begins anew: only the count matters here.
			}
			if len(done) != 1 || done[0].Tag != 3 || done[0].Res != -int32(unix.EAGAIN) {
				t.Fatalf("send into a full connection: %+v", done)
			}
			if err := unix.Shutdown(ours, unix.SHUT_WR); err != nil {
				t.Fatal(err)
			}
			if got := read(t, theirs, 8*big); len(got) != int(short) {
				t.Fatalf("%d bytes arrived, the completions said %d", len(got), short)
			}
			r.quiet()
		})
	}
}

// Only the count of a short send tells which bytes come next.
func TestSendNowCountIsExact(t *testing.T) { onEach(t, testSendNowCountIsExact) }

func testSendNowCountIsExact(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{})
	ours, theirs := r.tcpPair()
	if err := ring.SetSendBuffer(ours, 8192); err != nil {
		t.Fatal(err)
	}
	data := pattern(big)
	at := r.put(0, data)
	var got []byte
	for sent := 0; sent < big; {
		r.add(ring.Op{Code: ring.SendNow, File: int32(ours), Off: at + uint64(sent), Len: uint32(big - sent), Tag: 1})
		done := r.now()
		n := big - sent
		if len(done) == 1 {
			n = int(max(done[0].Res, 0))
		}
		sent += n
		got = append(got, read(t, theirs, n)...)
	}
	if !bytes.Equal(got, data) {
		t.Fatal("other bytes arrived than were sent")
	}
}

// Many results at once, in a queue too small for them, still come with the turn that submitted the sends.
func TestSendNowInTheSameTurnDespiteOverflow(t *testing.T) {
	onEach(t, testSendNowInTheSameTurnDespiteOverflow)
}

func testSendNowInTheSameTurnDespiteOverflow(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{Entries: 64})
	ours, _ := r.unixPair()
	if err := ring.SetSendBuffer(ours, 4096); err != nil {
		t.Fatal(err)
	}
	r.add(ring.Op{Code: ring.SendNow, File: int32(ours), Off: r.u.Base(), Len: big})
	r.now()
	const n = 1000 // the completion queue has 256
	for i := range n {
		r.add(ring.Op{Code: ring.SendNow, File: int32(ours), Off: r.u.Base(), Len: big, Tag: uint64(i)})
	}
	done := r.now()
	if len(done) != n {
		t.Fatalf("%d completions of %d sends", len(done), n)
	}
	for i, c := range done {
		if c.Tag != uint64(i) || c.Res != -int32(unix.EAGAIN) {
			t.Fatalf("completion %d: %+v", i, c)
		}
	}
}

// Send waits for a slow peer and completes once.
func TestSendWaitsForAll(t *testing.T) { onEach(t, testSendWaitsForAll) }

func testSendWaitsForAll(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{})
	ours, theirs := r.tcpPair()
	if err := ring.SetSendBuffer(ours, 8192); err != nil {
		t.Fatal(err)
	}
	data := pattern(big)
	r.add(ring.Op{Code: ring.Send, File: int32(ours), Off: r.put(0, data), Len: big, Tag: 9})
	if done := r.now(); len(done) != 0 {
		t.Fatalf("completed before the peer read: %+v", done)
	}
	got := make(chan []byte, 1)
	go func() { got <- read(t, theirs, big) }()
	if done := r.collect(1); done[0] != (ring.Completion{Tag: 9, Res: big}) {
		t.Fatalf("%+v", done)
	}
	if !bytes.Equal(<-got, data) {
		t.Fatal("other bytes arrived than were sent")
	}
}

// What sending to a peer that has gone looks like.
func TestSendToAClosedPeer(t *testing.T) { onEach(t, testSendToAClosedPeer) }

func testSendToAClosedPeer(t *testing.T, d driver) {
	t.Run("unix", func(t *testing.T) {
		r := newRig(t, d, ring.Config{})
		ours, theirs := r.unixPair()
		r.hangUp(theirs)
		r.add(ring.Op{Code: ring.SendNow, File: int32(ours), Off: r.u.Base(), Len: 64, Tag: 1})
		if done := r.now(); len(done) != 1 || done[0].Res != -int32(unix.EPIPE) {
			t.Fatalf("%+v", done)
		}
	})
	t.Run("tcp", func(t *testing.T) {
		r := newRig(t, d, ring.Config{})
		ours, theirs := r.tcpPair()
		r.hangUp(theirs)
		send := ring.Op{Code: ring.SendNow, File: int32(ours), Off: r.u.Base(), Len: 64, Tag: 1}
		r.add(send)
		if done := r.now(); len(done) != 0 { // the peer answers it with a reset
			t.Fatalf("first send: %+v", done)
		}
		r.quiet()
		r.add(send)
		if done := r.now(); len(done) != 1 || done[0].Res != -int32(unix.EPIPE) {
			t.Fatalf("second send: %+v", done)
		}
	})
	t.Run("reset", func(t *testing.T) {
		r := newRig(t, d, ring.Config{})
		ours, theirs := r.tcpPair()
		if err := unix.SetsockoptLinger(theirs, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
			t.Fatal(err)
		}
		r.hangUp(theirs)
		r.quiet()
		r.add(ring.Op{Code: ring.SendNow, File: int32(ours), Off: r.u.Base(), Len: 64, Tag: 1})
		if done := r.now(); len(done) != 1 || done[0].Res != -int32(unix.ECONNRESET) {
			t.Fatalf("%+v", done)
		}
	})
	t.Run("waiting", func(t *testing.T) {
		r := newRig(t, d, ring.Config{})
		ours, theirs := r.tcpPair()
		if err := ring.SetSendBuffer(ours, 8192); err != nil {
			t.Fatal(err)
		}
		r.add(ring.Op{Code: ring.Send, File: int32(ours), Off: r.u.Base(), Len: big, Tag: 1})
		r.now()
		r.hangUp(theirs)
		done := r.collect(1)
		t.Logf("a Send under way when the peer closed: %+v", done)
		if done[0].Res >= big {
			t.Fatalf("%+v", done)
		}
	})
}
