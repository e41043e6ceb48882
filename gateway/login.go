package gateway

import (
	"crypto/hmac"

	"matcher/engine"
	"matcher/wire/soupbin"
)

// anySession is what a client asks for that does not name a session.
var anySession = [10]byte{' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '}

// login answers a SoupBinTCP Login Request. An unknown user and a wrong key get the same answer after the same work. True: it
// is to come again, for the session that it takes over has bytes that came before it, or the session that it asks for is the
// next day's.
func (g *Gateway) login(c int32, payload []byte) (wait bool) {
	source := sourceOf(g.conns[c].from)
	if g.sources.barred(source, g.now) {
		g.sources.counts.Logins++
		g.refuse(c, soupbin.NotAuthorized) // without looking at the key: that costs as much as some orders
		return false
	}
	var l soupbin.Login
	if err := l.Decode(payload); err != nil {
		g.sources.mistaken(source, g.now)
		g.refuse(c, soupbin.NotAuthorized)
		return false
	}
	if g.over && l.Session == anySession {
		return true
	}
	user := g.names[l.Username]
	want := [32]byte{}
	if user != 0 {
		want = g.keys[user]
	}
	same := hmac.Equal(g.digest(l.Username, l.Password), want[:])
	if user == 0 || !same || !allows(g.allowed[user], g.conns[c].from) {
		g.sources.mistaken(source, g.now)
		g.refuse(c, soupbin.NotAuthorized)
		return false
	}
	if l.Session != anySession && l.Session != g.session {
		g.sources.counts.Logins++
		g.refuse(c, soupbin.SessionNotAvailable)
		return false
	}
	if old := g.streams.user(user).conn; old >= 0 && g.cfg.Earlier != nil && g.cfg.Earlier(old, c) {
		return true
	}
	g.takeOver(user)
	g.admit(c, user, l.Sequence)
	return false
}

// digest returns HMAC-SHA256(secret, NAME + ":" + KEY) of fields that are trimmed, in upper case, padded with spaces. It
// is valid until the next call.
func (g *Gateway) digest(name [6]byte, key [10]byte) []byte {
	var text [len(name) + 1 + len(key)]byte
	n := copy(text[:], name[:trimmedLen(name[:])])
	text[n] = ':'
	n++
	n += copy(text[n:], key[:trimmedLen(key[:])])
	g.mac.Reset()
	_, _ = g.mac.Write(text[:n]) // a hash never fails
	return g.mac.Sum(g.sum[:0])
}

func trimmedLen(b []byte) int {
	n := len(b)
	for n > 0 && b[n-1] == ' ' {
		n--
	}
	return n
}

// takeOver closes the older connection of a user: the newest login wins. That is no disconnect (rule 9.9).
func (g *Gateway) takeOver(user uint16) {
	st := g.streams.user(user)
	if st.conn < 0 {
		return
	}
	old := st.conn
	g.control(old, soupbin.Debug, []byte("the user has logged in again elsewhere"))
	g.conns[old].state = closing
	g.closing = append(g.closing, Closed{Conn: old, Cause: engine.CauseKicked})
	st.conn = -1
}

// admit lets a user in at a sequence number: any of the day; 0 or one that is not reached yet means the next to come, and
// Login Accepted says so. Only what is released counts: what could still be lost has no number that anybody may know.
func (g *Gateway) admit(c int32, user uint16, sequence uint64) {
	cn, st := &g.conns[c], g.streams.user(user)
	next := st.released.number + 1
	if sequence == 0 || sequence > next {
		sequence = next
	}
	g.serial++
	cn.state, cn.user, cn.serial = live, user, g.serial
	if sequence < g.streams.first(st) && sequence < next {
		cn.past = sequence
	} else {
		cn.at = g.streams.seek(st, sequence)
		cn.late = g.streams.behind(st, cn.at)
	}
	st.conn = c
	st.bound++

	var reply [soupbin.HeaderSize + soupbin.LoginAcceptedSize]byte
	packet := soupbin.AppendLoginAccepted(reply[:0], &soupbin.Accepted{Session: g.session, Sequence: sequence})
	g.control(c, soupbin.LoginAccepted, packet[soupbin.HeaderSize:])
}

// refuse answers a login that cannot be, and closes.
func (g *Gateway) refuse(c int32, reason byte) {
	g.control(c, soupbin.LoginRejected, []byte{reason})
	g.conns[c].state = closing
	g.closing = append(g.closing, Closed{Conn: c, Cause: engine.CauseKicked})
}
