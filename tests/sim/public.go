package sim

import (
	"bytes"
	"math/rand/v2"

	"matcher/client/market"
	"matcher/engine"
	"matcher/feed"
	"matcher/replay"
	"matcher/wire/mold"
)

// receiver listens to the public feed, and misses some of it. What it was told under a number must never be something else,
// whatever crashes come between, and must be what the journal gives.
type receiver struct {
	rng      *rand.Rand
	lossless bool
	sessions []*heard
	packets  int
}

// heard is what was told in a session.
type heard struct {
	session [10]byte
	next    uint64   // number of the message to come, as far as that was said
	at      []uint32 // where in memory each message lies, by its number; 0: missed
	memory  []byte   // messages, each behind its length; the first byte is nobody's
}

func (v *receiver) of(session [10]byte) *heard {
	for _, h := range v.sessions {
		if h.session == session {
			return h
		}
	}
	return nil
}

// take takes in a packet.
func (v *receiver) take(b []byte) {
	if !v.lossless && v.rng.IntN(8) == 0 {
		return
	}
	v.packets++
	var p mold.Packet
	if err := p.Decode(b); err != nil {
		fail("the feed: %v", err)
	}
	h := v.of(p.Session)
	if h == nil {
		h = &heard{session: p.Session, memory: make([]byte, 1)}
		v.sessions = append(v.sessions, h)
	}
	number := p.Sequence
	for rest := p.Blocks; len(rest) != 0; number++ {
		m, behind, _ := mold.Next(rest)
		rest = behind
		for uint64(len(h.at)) <= number {
			h.at = append(h.at, 0)
		}
		if h.at[number] == 0 {
			h.at[number] = uint32(len(h.memory))
			h.memory = mold.AppendBlock(h.memory, m)
		}
		h.holds(number, m)
	}
	h.next = max(h.next, number)
}

// holds compares a message with what was heard under its number.
func (h *heard) holds(number uint64, m []byte) {
	if h == nil || number >= uint64(len(h.at)) || h.at[number] == 0 {
		return
	}
	if was, _, _ := mold.Next(h.memory[h.at[number]:]); !bytes.Equal(was, m) {
		fail("the feed: message %d of %s was %x and is %x", number, h.session, was, m)
	}
}

// public is the feed as the journal gives it, and the books of two receivers who had all of it in the end: one fills its gaps,
// the other begins in the middle with a snapshot.
type public struct {
	view   *feed.Public
	memory []byte
	told   *receiver
	counts map[[10]byte]uint64
	filled *market.Market
	joined *market.Market
	rng    *rand.Rand
}

func newPublic(told *receiver, j *replay.Journal, rng *rand.Rand) *public {
	p := &public{
		view: feed.New(j.Engine()), told: told, counts: map[[10]byte]uint64{}, rng: rng,
		filled: market.New(0), joined: market.New(0),
	}
	j.Before(func(cmd *engine.Command) { p.follow(p.view.Before(p.memory[:0], cmd)) })
	return p
}

// command takes in a command that the journal has carried out.
func (p *public) command(cmd *engine.Command, events []engine.Event) {
	p.follow(p.view.Append(p.memory[:0], cmd, events, true))
	if p.rng.IntN(64) == 0 {
		p.join(p.joined)
	}
}

// join makes a market of a snapshot.
func (p *public) join(m *market.Market) {
	m.Reset()
	p.memory = p.view.Snapshot(p.memory[:0])
	p.apply(m, p.memory)
}

func (p *public) apply(m *market.Market, framed []byte) {
	for len(framed) != 0 {
		one, rest, _ := mold.Next(framed)
		framed = rest
		if _, err := m.Apply(one); err != nil {
			fail("the feed: %v in %x", err, one)
		}
	}
}

// follow takes in messages that the journal gives.
func (p *public) follow(framed []byte) {
	p.memory = framed
	if len(framed) == 0 {
		return
	}
	session := p.view.Session()
	if p.counts[session] == 0 {
		p.filled.Reset()
		p.joined.Reset()
	}
	h := p.told.of(session)
	for rest := framed; len(rest) != 0; {
		one, behind, _ := mold.Next(rest)
		rest = behind
		p.counts[session]++
		h.holds(p.counts[session], one)
	}
	p.apply(p.filled, framed)
	p.apply(p.joined, framed)
}

// end compares at the end of the journal. Where nothing was lost that was told, all that was told is in it.
func (p *public) end(lossy bool) {
	for _, h := range p.told.sessions {
		if n := p.counts[h.session]; !lossy && h.next > n+1 {
			fail("the feed has told %d messages of session %s, and the journal gives %d", h.next-1, h.session, n)
		}
	}
	if h, n := p.told.of(p.view.Session()), p.counts[p.view.Session()]; h == nil || h.next != n+1 {
		fail("the feed has not told all %d messages of session %s", n, p.view.Session())
	}
	whole := market.New(0)
	p.join(whole)
	same(whole, p.filled, "filled its gaps")
	same(whole, p.joined, "began with a snapshot")
}

// same compares the books of two markets.
func same(want, got *market.Market, who string) {
	for _, symbol := range symbols {
		a, b := want.Book(symbol), got.Book(symbol)
		if a == nil || b == nil || a.State() != b.State() {
			fail("the book of %s is not that of a receiver that %s", symbol, who)
		}
		for _, side := range []byte{'B', 'S'} {
			type line struct {
				level market.Level
				order market.Order
			}
			var all []line
			for l, o := range a.Orders(side) {
				all = append(all, line{l, o})
			}
			n := 0
			for l, o := range b.Orders(side) {
				if n >= len(all) || all[n] != (line{l, o}) {
					fail("the book of %s differs for a receiver that %s: %+v", symbol, who, o)
				}
				n++
			}
			if n != len(all) {
				fail("the book of %s has %d orders, and %d for a receiver that %s", symbol, len(all), n, who)
			}
		}
	}
}
