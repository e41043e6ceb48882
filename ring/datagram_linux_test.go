//go:build linux

package ring_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matcher/ring"
)

// Datagrams of a turn arrive whole, in their order, and complete as little as other sends that succeed.
func TestDatagrams(t *testing.T) { onEach(t, testDatagrams) }

func testDatagrams(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{})
	in, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	fd, err := ring.Datagrams(in.LocalAddr().String(), "lo", 1)
	if err != nil {
		t.Fatal(err)
	}
	r.own(fd)
	data := pattern(4000)
	at := r.put(0, data)
	sizes := []int{1400, 20, 1, 1300}
	off := 0
	for _, n := range sizes {
		r.add(ring.Op{Code: ring.SendNow, File: int32(fd), Off: at + uint64(off), Len: uint32(n), Tag: 7})
		off += n
	}
	if done := r.now(); len(done) != 0 {
		t.Fatalf("completed: %+v", done)
	}
	off = 0
	b := make([]byte, 2000)
	_ = in.SetReadDeadline(time.Now().Add(5 * time.Second))
	for i, want := range sizes {
		n, err := in.Read(b)
		if err != nil || n != want || !bytes.Equal(b[:n], data[off:off+want]) {
			t.Fatalf("datagram %d: %d bytes, %v", i, n, err)
		}
		off += want
	}
	r.quiet()
}

// Nobody listens: that is told, in the turn that submitted a send, and the socket is as good as before.
func TestDatagramsToNobody(t *testing.T) { onEach(t, testDatagramsToNobody) }

func testDatagramsToNobody(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{})
	in, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr := in.LocalAddr().(*net.UDPAddr)
	fd, err := ring.Datagrams(addr.String(), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	r.own(fd)
	_ = in.Close()
	at := r.put(0, pattern(100))
	refused := false
	for range 4 {
		r.add(ring.Op{Code: ring.SendNow, File: int32(fd), Off: at, Len: 100, Tag: 7})
		for _, c := range r.now() {
			if c.Tag != 7 || c.More || c.Res != -int32(unix.ECONNREFUSED) {
				t.Fatalf("completion %+v", c)
			}
			refused = true
		}
	}
	if !refused {
		t.Error("no send said that nobody listens")
	}
	again, err := net.ListenUDP("udp4", addr)
	if err != nil {
		t.Skipf("the port is somebody else's now: %v", err)
	}
	defer func() { _ = again.Close() }()
	for range 2 { // the first may tell of the one before
		r.add(ring.Op{Code: ring.SendNow, File: int32(fd), Off: at, Len: 100, Tag: 7})
		r.now()
	}
	_ = again.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := again.Read(make([]byte, 200)); n != 100 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// A multicast group is a destination like any other.
func TestDatagramsMulticast(t *testing.T) { onEach(t, testDatagramsMulticast) }

func testDatagramsMulticast(t *testing.T, d driver) {
	r := newRig(t, d, ring.Config{})
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skipf("no loopback device: %v", err)
	}
	group := &net.UDPAddr{IP: net.IPv4(239, 192, 99, 7), Port: 0}
	in, err := net.ListenMulticastUDP("udp4", lo, group)
	if err != nil {
		t.Skipf("no multicast here: %v", err)
	}
	defer func() { _ = in.Close() }()
	group.Port = in.LocalAddr().(*net.UDPAddr).Port
	fd, err := ring.Datagrams(group.String(), "lo", 1)
	if err != nil {
		t.Fatal(err)
	}
	r.own(fd)
	at := r.put(0, pattern(100))
	r.add(ring.Op{Code: ring.SendNow, File: int32(fd), Off: at, Len: 100, Tag: 7})
	if done := r.now(); len(done) != 0 {
		t.Skipf("no route for multicast: %+v", done)
	}
	_ = in.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := in.Read(make([]byte, 200)); n != 100 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestDatagramsRefused(t *testing.T) {
	for _, c := range [...]struct{ to, device string }{{"127.0.0.1", ""}, {"127.0.0.1:0", ""}, {":9", ""}, {"239.1.1.1:9", "no-such-device"}} {
		if fd, err := ring.Datagrams(c.to, c.device, 1); err == nil {
			_ = unix.Close(fd)
			t.Errorf("%+v was taken", c)
		} else if errors.Is(err, unix.EBADF) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// What is stored can be read from the file at once, and is there when the mapping is gone.
func TestWord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "word")
	w, err := ring.OpenWord(path)
	if err != nil {
		t.Fatal(err)
	}
	w.Store(0x1122334455667788)
	if b, err := os.ReadFile(path); err != nil || binary.LittleEndian.Uint64(b) != 0x1122334455667788 {
		t.Errorf("% x, %v", b, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w, err = ring.OpenWord(path); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || binary.LittleEndian.Uint64(b) != 0x1122334455667788 {
		t.Errorf("opened again: % x, %v", b, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
