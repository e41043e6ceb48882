package feed

import (
	"errors"
	"flag"
	"math/rand/v2"
	"strconv"
	"testing"

	"matcher/wire/mold"
)

var seed = flag.Uint64("seed", 1, "of random decisions")

var session = [10]byte([]byte("2611250001"))

// packet is a datagram of messages first to last, exclusive; each message is its number.
func packet(first, last uint64) *datagram {
	h := mold.Header{Session: session, Sequence: first, Count: uint16(last - first)}
	b := h.Append(nil)
	for n := first; n < last; n++ {
		b = mold.AppendBlock(b, []byte(strconv.FormatUint(n, 10)))
	}
	return datagramOf(b)
}

func datagramOf(b []byte) *datagram {
	d := new(datagram)
	d.size = copy(d.buf[:], b)
	return d
}

func control(sequence uint64, count uint16) *datagram {
	h := mold.Header{Session: session, Sequence: sequence, Count: count}
	return datagramOf(h.Append(nil))
}

// newWindow begins at a number; what it frees is counted in freed.
func newWindow(next uint64) (w *window, freed *int) {
	freed = new(int)
	w = &window{free: func(*datagram) { *freed++ }}
	if next != 0 {
		w.known, w.next, w.high = true, next, next
	}
	return w, freed
}

// drain takes all that is there, which must go on from the number before.
func drain(t *testing.T, w *window) (n int) {
	t.Helper()
	for want := w.next; ; want++ {
		m, ok := w.take()
		if !ok {
			return n
		}
		if m.Sequence != want || string(m.Payload) != strconv.FormatUint(want, 10) {
			t.Fatalf("message %d is %q, want %d", m.Sequence, m.Payload, want)
		}
		n++
	}
}

func TestWindow(t *testing.T) {
	for _, c := range []struct {
		name     string
		next     uint64
		packets  []*datagram
		then     uint64 // next
		from, to uint64 // missing
		ended    bool
	}{
		{"in order", 1, []*datagram{packet(1, 4), packet(4, 6)}, 6, 0, 0, false},
		{"begins where it begins", 0, []*datagram{packet(70, 74)}, 74, 0, 0, false},
		{"begins with a heartbeat", 0, []*datagram{control(70, 0), packet(70, 71)}, 71, 0, 0, false},
		{"a gap", 1, []*datagram{packet(1, 4), packet(6, 8)}, 4, 4, 6, false},
		{"two gaps", 1, []*datagram{packet(9, 10), packet(5, 6)}, 1, 1, 5, false},
		{"filled from the end", 1, []*datagram{packet(5, 6), packet(3, 5), packet(1, 3)}, 6, 0, 0, false},
		{"again", 1, []*datagram{packet(1, 4), packet(1, 4), packet(5, 7), packet(5, 7)}, 4, 4, 5, false},
		{"overlaps", 1, []*datagram{packet(1, 4), packet(2, 6), packet(8, 12), packet(5, 9)}, 12, 0, 0, false},
		{"the longer of two", 1, []*datagram{packet(3, 4), packet(3, 6), packet(1, 3)}, 6, 0, 0, false},
		{"the shorter of two", 1, []*datagram{packet(3, 6), packet(3, 4), packet(1, 3)}, 6, 0, 0, false},
		{"inside of another", 1, []*datagram{packet(3, 9), packet(5, 6), packet(1, 3)}, 9, 0, 0, false},
		{"a heartbeat tells", 1, []*datagram{packet(1, 4), control(6, 0)}, 4, 4, 6, false},
		{"an older heartbeat", 1, []*datagram{packet(1, 4), control(2, 0)}, 4, 0, 0, false},
		{"the end", 1, []*datagram{packet(1, 4), control(4, mold.EndOfSession)}, 4, 0, 0, true},
		{"the end too early", 1, []*datagram{packet(1, 4), control(6, mold.EndOfSession)}, 4, 4, 6, false},
		{"an empty message", 1, []*datagram{datagramOf((&mold.Header{Session: session, Sequence: 1, Count: 0}).Append(nil)), packet(1, 2)}, 2, 0, 0, false},
		{"no datagram of ours", 1, []*datagram{datagramOf([]byte("hello")), packet(1, 2)}, 2, 0, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, freed := newWindow(c.next)
			kept := 0
			for _, d := range c.packets {
				keep, err := w.push(d)
				if err != nil {
					t.Fatal(err)
				}
				if keep {
					kept++
				}
				if c.next == 0 && w.next != 70 {
					t.Fatalf("begins at %d", w.next)
				}
				if c.name == "in order" {
					drain(t, w)
				}
			}
			drain(t, w)
			from, to, missing := w.gap()
			if w.next != c.then || from != c.from || to != c.to || missing != (c.to != 0) || w.done() != c.ended {
				t.Errorf("next %d, missing %d to %d (%v), done %v", w.next, from, to, missing, w.done())
			}
			if *freed+len(w.held) != kept {
				t.Errorf("%d datagrams kept, %d freed, %d held", kept, *freed, len(w.held))
			}
		})
	}
}

func TestWindowSession(t *testing.T) {
	other := datagramOf((&mold.Header{Session: [10]byte([]byte("2611250002")), Sequence: 1}).Append(nil))
	w, _ := newWindow(1)
	if _, err := w.push(packet(1, 2)); err != nil {
		t.Error(err)
	}
	if _, err := w.push(other); !errors.Is(err, ErrSession) {
		t.Error(err)
	}
	w, _ = newWindow(0)
	w.want = "2611250001"
	if _, err := w.push(other); !errors.Is(err, ErrSession) {
		t.Error(err)
	}
	if _, err := w.push(packet(1, 2)); err != nil {
		t.Error(err)
	}
}

// TestWindowFull: what cannot be held is asked for again; nothing is lost or given out twice.
func TestWindowFull(t *testing.T) {
	w, _ := newWindow(1)
	for n := uint64(2 + 2*heldMax); n > 2; n-- { // the farthest first: each new one throws out the last
		if _, err := w.push(packet(n, n+1)); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.held) != heldMax {
		t.Errorf("%d held", len(w.held))
	}
	if kept, _ := w.push(packet(5000, 5001)); kept {
		t.Error("kept the farthest of all")
	}
	_, _ = w.push(packet(1, 3))
	drain(t, w)
	if from, to, missing := w.gap(); !missing || from != 2+heldMax || to != 5001 {
		t.Errorf("missing %d to %d", from, to)
	}
	w.skip(5001)
	if w.stats.Gaps != 5001-2-heldMax || w.next != 5001 {
		t.Errorf("%d given up, next is %d", w.stats.Gaps, w.next)
	}
}

// TestWindowRandom: any order of overlapping datagrams, asked for again where they are missing, gives every message once.
func TestWindowRandom(t *testing.T) {
	t.Logf("again with: go test ./client/feed -run TestWindowRandom -seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	const last = 20_000
	w, freed := newWindow(1)
	kept, got := 0, 0
	push := func(d *datagram) {
		keep, err := w.push(d)
		if err != nil {
			t.Fatal(err)
		}
		if keep {
			kept++
		}
	}
	for w.next < last {
		if from, to, missing := w.gap(); missing && random.IntN(3) == 0 {
			push(packet(from, min(to, from+1+random.Uint64N(40))))
		} else {
			first := w.next + random.Uint64N(200)
			first -= min(random.Uint64N(60), first-1)
			push(packet(first, min(first+1+random.Uint64N(30), last)))
		}
		if random.IntN(2) == 0 {
			got += drain(t, w)
		}
	}
	got += drain(t, w)
	if got != last-1 || *freed != kept || len(w.held) != 0 {
		t.Errorf("%d messages, %d datagrams kept, %d freed, %d held", got, kept, *freed, len(w.held))
	}
}

func FuzzWindow(f *testing.F) {
	f.Add(packet(1, 3).bytes(), packet(2, 9).bytes())
	f.Add(packet(5, 6).bytes(), control(4, mold.EndOfSession).bytes())
	f.Fuzz(func(t *testing.T, a, b []byte) {
		w, _ := newWindow(1)
		for _, raw := range [][]byte{a, b, a, b} {
			if len(raw) > datagramSize {
				return
			}
			_, _ = w.push(datagramOf(raw)) // another session is an error
			for want := w.next; ; want++ {
				m, ok := w.take()
				if !ok {
					break
				}
				if m.Sequence != want {
					t.Fatalf("message %d, want %d", m.Sequence, want)
				}
			}
		}
	})
}
