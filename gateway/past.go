package gateway

import "matcher/engine"

// What users were sent before a snapshot is in files (package snapshot), and not in memory after a start from it, or once it was
// taken beside the venue. A client that asks for such a message gets it piece by piece from there, until it has reached what is in
// memory:
//
//	login below the first message in memory -> Past asked -> somebody reads -> Found -> sent -> asked again ... -> the stream
//
// Each connection has memory for one piece, so nobody waits for another's slow client. Nothing else is held up, and what the
// user is told meanwhile waits in its stream, as it does for any client that is behind.

// PastSize is the memory of a connection for a piece of what is not in memory: at least the longest that may be found.
const PastSize = 16 << 10

// Past asks for packets of a user's stream from a message on, whole ones, to be put into memory of the connection.
type Past struct {
	Conn   int32
	User   uint16
	Serial uint32 // of the session: give it back with the answer
	From   uint64 // message number
}

// Resume takes up the streams as the engine has counted them. Nothing of them is in memory. It is called before anything is
// delivered.
func (g *Gateway) Resume() {
	g.begin()
	for user := 1; user <= g.cfg.Engine.Accounts(); user++ {
		st := g.streams.user(uint16(user))
		st.number = g.cfg.Engine.Sent(uint16(user))
		st.released = Mark{User: uint16(user), number: st.number}
	}
}

// first returns the number of the first message in memory, or the next to come if there is none.
func (s *streams) first(st *stream) uint64 {
	if st.head == 0 {
		return st.number + 1
	}
	return s.chunks[st.head].first
}

// Asks appends what is to be found. Each is to be answered with Found or Lost, once.
func (g *Gateway) Asks(dst []Past) []Past {
	dst = append(dst, g.asks...)
	g.asks = g.asks[:0]
	return dst
}

// Found says that n bytes of packets are in the memory of a connection that asked, and which message comes behind them.
func (g *Gateway) Found(c int32, serial uint32, n uint32, next uint64) {
	cn := &g.conns[c]
	if cn.state != live || cn.serial != serial {
		return // it was for a session that is over
	}
	cn.found, cn.past, cn.asked = n, next, false
	g.wake(c)
}

// Lost says that what a connection asked for cannot be read.
func (g *Gateway) Lost(c int32, serial uint32) {
	if cn := &g.conns[c]; cn.state == live && cn.serial == serial {
		g.close(c, engine.CauseKicked, "earlier messages of the day cannot be read")
	}
}

// pastPiece is piece for a connection that has not reached what is in memory.
func (g *Gateway) pastPiece(c int32, cn *conn) uint32 {
	st := g.streams.user(cn.user)
	if n := cn.found; n != 0 {
		cn.sent = Send{Conn: c, Len: n, Off: g.cfg.PastOff + uint64(c)*PastSize}
		cn.found = 0
		g.wake(c)
		return n
	}
	if cn.asked {
		return 0
	}
	if cn.past >= g.streams.first(st) {
		cn.at, cn.past = g.streams.seek(st, cn.past), 0
		cn.late = g.streams.behind(st, cn.at)
		return g.piece(c, cn)
	}
	// What was sent before has gone: a send that does not wait takes its bytes in the turn that it is made in.
	cn.asked = true
	g.asks = append(g.asks, Past{Conn: c, User: cn.user, Serial: cn.serial, From: cn.past})
	return 0
}

// Elsewhere says up to which message each user's stream, by index, is in files from now on, to be found there by those who ask.
// Service gives back its memory, little by little. What it said is forgotten with the session of the streams.
func (g *Gateway) Elsewhere(last []uint64) { g.elsewhere = last }

// So many users are looked at and so many chunks are given back by one call of Service, at most.
const (
	mostReclaimed = 512
	mostGivenBack = 256
)

// reclaim gives back memory of a share of the streams.
func (g *Gateway) reclaim(share int) {
	s, users := &g.streams, min(len(g.elsewhere), len(g.streams.users))
	left := mostGivenBack
	for range min((users+share-1)/share, mostReclaimed) {
		if g.reclaimed++; g.reclaimed >= users {
			g.reclaimed = 0
		}
		st, last := &s.users[g.reclaimed], g.elsewhere[g.reclaimed]
		for keep := g.needed(st); keep != 0 && st.head != keep && s.chunks[s.chunks[st.head].next].first <= last+1 && left > 0; left-- {
			s.giveBack(st)
		}
	}
}

// needed returns the first chunk of a stream that somebody may still read from: whoever is logged in and has not been sent all of
// it. 0: nobody knows, for a connection that is being closed may have a send under way.
func (g *Gateway) needed(st *stream) uint32 {
	switch {
	case st.conn < 0 && st.bound == 0, st.conn >= 0 && st.bound == 1 && g.conns[st.conn].past != 0:
		return st.released.place.chunk
	case st.conn >= 0 && st.bound == 1:
		return g.conns[st.conn].at.chunk
	}
	return 0
}
