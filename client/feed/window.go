package feed

import (
	"slices"
	"strings"

	"matcher/wire/mold"
)

// heldMax is how many datagrams that came too early are held. More than that are not kept: they are asked for again.
const heldMax = 1024

// window puts the messages of datagrams in order. It is told of datagrams as they come and says which message is next and what
// is missing. Memory of datagrams is the caller's: what push keeps, pop gives back.
type window struct {
	session [10]byte // as the venue writes it; zeros: not heard of yet
	want    string   // the only one that will do; empty: any
	known   bool     // of the session and next
	next    uint64   // number of the next message to give out
	high    uint64   // one beyond the largest number heard of
	ended   bool     // the session ends before high
	rest    []byte   // blocks of the datagram that is being given out; its first message is next
	count   int      // messages in rest
	current *datagram
	held    []early // sorted by first
	free    func(*datagram)
	stats   Stats
}

// early is a datagram that is not its turn yet.
type early struct {
	first, last uint64 // numbers of its messages, last exclusive
	packet      mold.Packet
	d           *datagram
}

// Stats counts what a Receiver met.
type Stats struct {
	Datagrams  uint64 // received
	Malformed  uint64 // not MoldUDP64
	Duplicates uint64 // held nothing new
	Early      uint64 // came before their turn
	Requests   uint64 // sent
	Gaps       uint64 // messages given up
}

// push takes in a datagram. It keeps it (true), or is done with it. The error is ErrSession.
func (w *window) push(d *datagram) (bool, error) {
	w.stats.Datagrams++
	var p mold.Packet
	if p.Decode(d.bytes()) != nil {
		w.stats.Malformed++
		return false, nil
	}
	switch {
	case w.session == [10]byte{}: // the first one
		if w.want != "" && w.want != strings.Trim(string(p.Session[:]), " ") {
			return false, ErrSession
		}
		w.session = p.Session
	case w.session != p.Session:
		return false, ErrSession
	}
	if !w.known {
		w.known, w.next, w.high = true, p.Sequence, p.Sequence
	}
	first, last := p.Sequence, p.Sequence+uint64(p.Messages())
	w.high = max(w.high, last)
	if p.Count == mold.EndOfSession {
		w.ended = true
	}
	if last <= w.next {
		if p.Messages() > 0 {
			w.stats.Duplicates++
		}
		return false, nil
	}
	if p.Messages() == 0 {
		return false, nil // it has said what is missing
	}
	at, twice := slices.BinarySearchFunc(w.held, first, func(e early, first uint64) int {
		switch {
		case e.first < first:
			return -1
		case e.first > first:
			return 1
		}
		return 0
	})
	if twice && w.held[at].last >= last || at > 0 && w.held[at-1].last >= last {
		w.stats.Duplicates++
		return false, nil
	}
	if first > w.next {
		w.stats.Early++
	}
	e := early{first, last, p, d}
	switch {
	case twice: // the longer one of two
		w.free(w.held[at].d)
		w.held[at] = e
	case len(w.held) == heldMax && at == heldMax:
		return false, nil
	case len(w.held) == heldMax:
		w.free(w.held[heldMax-1].d)
		w.held = slices.Insert(w.held[:heldMax-1], at, e)
	default:
		w.held = slices.Insert(w.held, at, e)
	}
	return true, nil
}

// take returns the next message; false if it is not here.
func (w *window) take() (Message, bool) {
	for w.count == 0 {
		if w.current != nil {
			w.free(w.current)
			w.current = nil
		}
		if len(w.held) == 0 || w.held[0].first > w.next {
			return Message{}, false
		}
		e := w.held[0]
		w.held = slices.Delete(w.held, 0, 1)
		w.current, w.rest = e.d, e.packet.Blocks
		if e.last <= w.next {
			continue // others had all of it
		}
		w.count = int(e.last - e.first)
		for range w.next - e.first { // the first ones may have come another way
			_, w.rest, _ = mold.Next(w.rest)
			w.count--
		}
	}
	var m Message
	m.Sequence = w.next
	m.Payload, w.rest, _ = mold.Next(w.rest)
	w.next++
	w.count--
	return m, true
}

// gap returns the first numbers that are missing, to exclusive; false if none is.
func (w *window) gap() (from, to uint64, missing bool) {
	if !w.known || w.count > 0 || w.next >= w.high || len(w.held) > 0 && w.held[0].first <= w.next {
		return 0, 0, false
	}
	if len(w.held) > 0 {
		return w.next, w.held[0].first, true
	}
	return w.next, w.high, true
}

// done says whether the session has ended and everything of it has been given out.
func (w *window) done() bool { return w.ended && w.count == 0 && w.next >= w.high }

// skip gives up what is missing before a number.
func (w *window) skip(to uint64) {
	w.stats.Gaps += to - w.next
	w.next = to
}
