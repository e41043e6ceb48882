//go:build linux

package ring_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"matcher/ring"
)

const (
	tagReceive = 1 + iota
	tagSend
	tagEnd
	tagClose
)

// byTag sorts completions out; each tag must come once.
func byTag(t *testing.T, done []ring.Completion) map[uint64]ring.Completion {
	t.Helper()
	m := map[uint64]ring.Completion{}
	for _, c := range done {
		if _, twice := m[c.Tag]; twice {
			t.Fatalf("tag %d came twice: %+v", c.Tag, done)
		}
		m[c.Tag] = c
	}
	return m
}

// The sequences that the comment of Code promises.
func TestEndingAConnection(t *testing.T) { onEach(t, testEndingAConnection) }

func testEndingAConnection(t *testing.T, d driver) {
	begin := func(t *testing.T) (r *rig, ours, theirs int) {
		r = newRig(t, d, ring.Config{})
		ours, theirs = r.tcpPair()
		r.add(ring.Op{Code: ring.Receive, File: int32(ours), Tag: tagReceive})
		r.quiet()
		return r, ours, theirs
	}
	file := func(r *rig, ours int, code ring.Code, tag uint64) {
		r.add(ring.Op{Code: code, File: int32(ours), Len: 2, Tag: tag})
	}
	ended := func(c ring.Completion, res int32) bool { return c.Res == res && !c.More && !c.Filled }

	t.Run("shutdown then close", func(t *testing.T) {
		r, ours, theirs := begin(t)
		file(r, ours, ring.Shutdown, tagEnd)
		all := r.collect(2)
		t.Logf("order: %+v", all)
		done := byTag(t, all)
		if !ended(done[tagEnd], 0) || !ended(done[tagReceive], 0) {
			t.Fatalf("%+v", done)
		}
		r.disown(ours)
		file(r, ours, ring.Close, tagClose)
		if all = r.now(); len(all) != 1 || !ended(all[0], 0) {
			t.Fatalf("close: %+v", all)
		}
		if got := read(t, theirs, 1); len(got) != 0 {
			t.Fatalf("the peer read %v", got)
		}
		r.quiet()
	})
	t.Run("cancel and close in one turn", func(t *testing.T) {
		r, ours, theirs := begin(t)
		r.disown(ours)
		file(r, ours, ring.Cancel, tagEnd)
		file(r, ours, ring.Close, tagClose)
		all := r.now()
		t.Logf("order: %+v", all)
		done := byTag(t, all)
		if len(done) != 3 || !ended(done[tagReceive], -int32(unix.ECANCELED)) || !ended(done[tagEnd], 1) || !ended(done[tagClose], 0) {
			t.Fatalf("%+v", done)
		}
		if got := read(t, theirs, 1); len(got) != 0 {
			t.Fatalf("the peer read %v", got)
		}
	})
	t.Run("cancel with a send under way", func(t *testing.T) {
		r, ours, _ := begin(t)
		if err := ring.SetSendBuffer(ours, 8192); err != nil {
			t.Fatal(err)
		}
		r.add(ring.Op{Code: ring.Send, File: int32(ours), Off: r.u.Base(), Len: big, Tag: tagSend})
		r.quiet()
		file(r, ours, ring.Cancel, tagEnd)
		all := r.now()
		t.Logf("order: %+v", all)
		done := byTag(t, all)
		if len(done) != 3 || !ended(done[tagEnd], 2) || done[tagSend].Res >= big {
			t.Fatalf("%+v", done)
		}
	})
	t.Run("cancel of nothing", func(t *testing.T) {
		r, ours, _ := begin(t)
		file(r, ours, ring.Cancel, tagEnd)
		r.collect(2)
		file(r, ours, ring.Cancel, tagEnd)
		if all := r.now(); len(all) != 1 || !ended(all[0], 0) {
			t.Fatalf("%+v", all)
		}
	})
	t.Run("close alone leaves the connection open", func(t *testing.T) {
		r, ours, theirs := begin(t)
		r.disown(ours)
		file(r, ours, ring.Close, tagClose)
		if all := r.now(); len(all) != 1 || !ended(all[0], 0) {
			t.Fatalf("%+v", all)
		}
		write(t, theirs, []byte("still"))
		all := r.collect(1)
		if got := string(r.bytes(all[0])); all[0].Tag != tagReceive || !all[0].More || got != "still" {
			t.Fatalf("%+v", all)
		}
		r.hangUp(theirs)
		if all = r.collect(1); !ended(all[0], 0) {
			t.Fatalf("%+v", all)
		}
	})
	t.Run("the peer closes", func(t *testing.T) {
		r, _, theirs := begin(t)
		write(t, theirs, []byte("last"))
		r.hangUp(theirs)
		all := r.collect(2)
		if string(r.bytes(all[0])) != "last" || !ended(all[1], 0) {
			t.Fatalf("%+v", all)
		}
	})
	t.Run("the peer resets", func(t *testing.T) {
		r, _, theirs := begin(t)
		if err := unix.SetsockoptLinger(theirs, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
			t.Fatal(err)
		}
		r.hangUp(theirs)
		if all := r.collect(1); !ended(all[0], -int32(unix.ECONNRESET)) {
			t.Fatalf("%+v", all)
		}
	})
	t.Run("cancel of a listener", func(t *testing.T) {
		r := newRig(t, d, ring.Config{})
		listener, _ := r.listen()
		r.add(ring.Op{Code: ring.Accept, File: int32(listener), Tag: tagReceive})
		r.now()
		file(r, listener, ring.Cancel, tagEnd)
		done := byTag(t, r.now())
		if len(done) != 2 || !ended(done[tagReceive], -int32(unix.ECANCELED)) || !ended(done[tagEnd], 1) {
			t.Fatalf("%+v", done)
		}
	})
	t.Run("a file that is not open", func(t *testing.T) {
		r := newRig(t, d, ring.Config{})
		const nothing = 1 << 20
		codes := []ring.Code{ring.Accept, ring.Receive, ring.ReceiveOnce, ring.Send, ring.SendNow, ring.Write, ring.WriteLazy, ring.Flush, ring.Read, ring.Shutdown, ring.Close, ring.Cancel}
		for _, code := range codes {
			r.add(ring.Op{Code: code, File: nothing, Off: r.u.Base(), Len: 2, Tag: uint64(code)})
		}
		for tag, c := range byTag(t, r.collect(len(codes))) {
			if !ended(c, -int32(unix.EBADF)) {
				t.Errorf("code %d: %+v", tag, c)
			}
		}
	})
}
