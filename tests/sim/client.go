package sim

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"

	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// client is a member of the venue: it trades at random, keeps every message that it was given, loses its connection and
// comes back for what it missed, from any number of the day. What it sees twice must be the same bytes; what it was given
// must never be missing.
type client struct {
	r    *run
	rng  *rand.Rand
	flow flow
	name string

	conn    *conn
	live    bool   // logged in
	asked   uint64 // sequence number asked for
	back    uint64 // virtual time before which it stays away
	lost    int    // how often it was refused
	heard   uint64
	session [10]byte // of seen; zeros: none yet
	latest  [10]byte // that it was told of
	told
	next uint64 // number of the message that comes next on this connection
	slow bool   // this connection reads seldom

	unacked []pending
	bytes   []byte // of those
	used    int    // bytes of the oldest that are no more
	out     []byte
	packet  []byte
	known   uint32 // UserRefNums that the venue has answered, the highest
	day     uint64 // of that
	answer  uint32 // NextUserRefNum of the last Query Response on this connection, 0 none
	cleared uint64 // virtual time when it came back last
	events  uint64
}

// told is what a client was told in a session.
type told struct {
	seen []byte   // messages, end to end
	ends []uint32 // where each of them ends
}

// pending is a message with a UserRefNum that nobody has answered.
type pending struct {
	ref  uint32
	size int
}

// inFlight is how many of those a client has at most.
const inFlight = 64

func newClient(r *run, name string, seed uint64, was told) *client {
	rng := rand.New(rand.NewPCG(seed, 77))
	return &client{r: r, rng: rng, flow: flow{rng: rng}, name: name, told: told{was.seen[:0], was.ends[:0]}}
}

// step lets a client do something.
func (c *client) step() {
	if c.conn == nil {
		if c.r.w.now >= c.back {
			c.connect()
		}
		return
	}
	c.read()
	if c.conn == nil || !c.live {
		return
	}
	if c.mishap() {
		return
	}
	if !c.r.draining && c.rng.IntN(2) == 0 {
		c.trade(1 + c.rng.IntN(c.r.burst))
	}
	if c.r.w.now-c.heard > clientTimeout/3 {
		c.heard = c.r.w.now
		c.conn.write(soupbin.AppendClientHeartbeat(c.packet[:0]))
	}
}

func (c *client) connect() {
	w := c.r.w
	c.conn = w.dial()
	c.slow = w.faults.Lazy && c.rng.IntN(4) == 0
	c.live, c.answer, c.heard = false, 0, w.now
	c.asked = uint64(len(c.ends)) + 1
	switch {
	case c.session == [10]byte{}:
		c.asked = 1
	case c.rng.IntN(4) == 0:
		c.asked = 1 + c.rng.Uint64N(uint64(len(c.ends))+1)
	case c.rng.IntN(32) == 0:
		c.asked = 1
	}
	l := soupbin.Login{Sequence: c.asked}
	copy(l.Username[:], c.name)
	copy(l.Password[:], "KEY")
	if c.session != [10]byte{} && c.rng.IntN(2) == 0 && c.lost == 0 {
		l.Session = w.broken.toServer(c.session)
	} else {
		l.Session = [10]byte{' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '}
	}
	c.conn.write(soupbin.AppendLogin(c.packet[:0], &l, soupbin.Justify(c.rng.IntN(2) == 0)))
}

// mishap may end the connection in one of the ways in which connections end.
func (c *client) mishap() bool {
	f := &c.r.w.faults
	if c.r.draining || c.rng.IntN(c.r.mishaps) != 0 {
		return false
	}
	switch p := c.rng.IntN(4); {
	case p == 0 && f.Resets:
		c.conn.clientEnd = reset
	case p == 1 && f.Vanish:
		c.conn.clientEnd = vanished
	case p == 2:
		c.conn.write(soupbin.AppendLogout(c.packet[:0]))
		c.conn.clientEnd = fin
	default:
		c.conn.clientEnd = fin
	}
	c.away()
	return true
}

// away forgets the connection. It comes back at once, or later, perhaps too late for its orders.
func (c *client) away() {
	c.back = c.r.w.now
	if !c.live {
		c.back += 5_000_000 // it was turned away: all places are taken
	}
	c.conn, c.live = nil, false
	if !c.r.draining && c.rng.IntN(2) == 0 {
		c.back += c.rng.Uint64N(2 * clientTimeout)
	}
}

// trade sends messages.
func (c *client) trade(n int) {
	c.out = c.out[:0]
	for range n {
		if len(c.unacked) >= inFlight {
			break
		}
		c.message(c.flow.next)
	}
	if len(c.out) != 0 {
		c.conn.write(c.out)
		c.heard = c.r.w.now
	}
}

// message makes a message and puts it into out.
func (c *client) message(make func([]byte) ([]byte, uint32)) {
	m, ref := make(c.packet[:0])
	c.packet = m[:0]
	at := len(c.out)
	c.out = soupbin.AppendUnsequenced(c.out, m)
	c.events++
	if ref != 0 {
		c.unacked = append(c.unacked, pending{ref, len(c.out) - at})
		c.bytes = append(c.bytes, c.out[at:]...)
	}
}

// again sends what nobody has answered: what had arrived counts as sent twice, and nothing comes of it.
func (c *client) again() {
	c.conn.write(c.bytes[c.used:])
	if c.r.draining {
		c.conn.write(soupbin.AppendUnsequenced(c.packet[:0], (&ouch.AccountQuery{}).Append(nil)))
	}
}

// answered takes note that everything up to a UserRefNum was dealt with.
func (c *client) answered(ref uint32) {
	if day := c.r.calendar.of[c.session]; day != c.day {
		c.day, c.known = day, 0
	}
	c.known = max(c.known, ref)
	n := 0
	for n < len(c.unacked) && c.unacked[n].ref <= ref {
		c.used += c.unacked[n].size
		n++
	}
	if n == 0 {
		return
	}
	c.unacked = c.unacked[:copy(c.unacked, c.unacked[n:])]
	if c.used > 1<<12 {
		c.bytes = c.bytes[:copy(c.bytes, c.bytes[c.used:])]
		c.used = 0
	}
}

// read takes packets in.
func (c *client) read() {
	if c.slow && c.rng.IntN(8) != 0 && !c.r.draining {
		return
	}
	conn := c.conn
	b, over := conn.unread()
	if c.slow && len(b) != 0 {
		b = b[:1+c.rng.IntN(len(b))]
	}
	for {
		p, n, err := soupbin.Next(b)
		if err != nil {
			fail("%s: %v in what the venue sent", c.name, err)
		}
		if n == 0 {
			break
		}
		b = b[n:]
		conn.outAt += n
		c.take(p)
		if c.conn != conn {
			return
		}
	}
	if over && conn.outAt == len(conn.out) {
		if c.live && !conn.excused && !c.r.stopping && !c.r.over(c) && c.r.w.now-c.heard < clientTimeout/2 {
			fail("%s: the venue has hung up", c.name)
		}
		conn.clientEnd = fin
		c.away()
	}
}

func (c *client) take(p soupbin.Packet) {
	switch p.Type {
	case soupbin.LoginAccepted:
		c.admitted(p.Payload)
	case soupbin.LoginRejected:
		if p.Payload[0] != soupbin.SessionNotAvailable {
			fail("%s: login rejected: %s", c.name, p.Payload)
		}
		c.r.mayChange(c)
		c.lost++
	case soupbin.SequencedData:
		c.sequenced(p.Payload)
	case soupbin.ServerHeartbeat, soupbin.Debug:
	case soupbin.EndOfSession:
		c.r.mayChange(c)
		c.dayEnded()
	default:
		fail("%s: a packet of type %q", c.name, p.Type)
	}
}

func (c *client) admitted(payload []byte) {
	var a soupbin.Accepted
	if err := a.Decode(payload); err != nil {
		fail("%s: %v", c.name, err)
	}
	a.Session = c.r.w.broken.toClient(a.Session)
	c.lost = 0
	if bytes.Compare(a.Session[:], c.latest[:]) < 0 {
		fail("%s: session %s came behind %s", c.name, a.Session, c.latest)
	}
	c.latest = a.Session
	if c.session != [10]byte{} && a.Session != c.session {
		c.r.mayChange(c)
		c.seen, c.ends = c.seen[:0], c.ends[:0]
		c.session = [10]byte{}
		c.conn.clientEnd = fin // it wants all of the new session
		c.away()
		return
	}
	if a.Sequence != c.asked {
		fail("%s: asked for message %d of session %s and gets %d: messages that it was given are lost", c.name, c.asked, a.Session, a.Sequence)
	}
	c.session, c.next, c.live = a.Session, a.Sequence, true
	c.conn.excused = c.conn.excused || c.r.w.now-c.heard > clientTimeout/2 // it has read that late, and said nothing since
	c.again()
	c.cleared = c.r.w.now
}

func (c *client) sequenced(m []byte) {
	if !c.live {
		fail("%s: a message before the login was accepted", c.name)
	}
	n := c.next
	c.next++
	if n <= uint64(len(c.ends)) {
		from := uint32(0)
		if n > 1 {
			from = c.ends[n-2]
		}
		if was := c.seen[from:c.ends[n-1]]; !bytes.Equal(was, m) {
			fail("%s: message %d was %x and is %x", c.name, n, was, m)
		}
		return
	}
	c.events++
	c.seen = append(c.seen, m...)
	c.ends = append(c.ends, uint32(len(c.seen)))
	be := binary.BigEndian
	switch m[0] {
	case ouch.TypeAccepted:
		if !carried(m[ouch.AcceptedSize:]) {
			c.answered(be.Uint32(m[9:]))
		}
	case ouch.TypeRejected:
		c.answered(be.Uint32(m[9:]))
	case ouch.TypeReplaced:
		c.answered(be.Uint32(m[13:]))
	case ouch.TypeQueryResponse:
		c.answer = be.Uint32(m[9:])
		c.flow.ref = max(c.flow.ref, c.answer-1) // an end of its day that it heard of was lost in a crash
		c.answered(c.answer - 1)
	}
}

// carried says whether the appendage of a message is that of an order of a day before: its number is no UserRefNum of ours.
func carried(appendage []byte) bool {
	var o ouch.Options
	if len(appendage) == 0 || o.Decode(appendage) != nil {
		return false
	}
	return o.UserRefIdx == carriedChannel
}

// dayEnded: the day is over, its messages are not to be had any more, and UserRefNums begin again.
func (c *client) dayEnded() {
	c.seen, c.ends, c.session = c.seen[:0], c.ends[:0], [10]byte{}
	c.unacked, c.bytes, c.used = c.unacked[:0], c.bytes[:0], 0
	c.flow.ref = 0
	c.conn.clientEnd = fin
	c.away()
	c.back += 10_000_000 // the next day begins when others have taken their last messages too
}

// remembered holds what the venue knows after a start against what it had answered on that day.
func (c *client) remembered(day uint64, last uint32) {
	if day != c.day {
		return
	}
	if c.r.kept && last < c.known {
		fail("%s: UserRefNum %d was answered, and the venue knows %d only", c.name, c.known, last)
	}
	c.known = min(c.known, last)
}

// hear takes in some of what was on its way when the venue crashed.
func (c *client) hear() {
	if c.conn == nil {
		return
	}
	if c.rng.IntN(2) == 0 {
		c.slow = false
		if c.live {
			c.read()
		}
	}
	c.conn, c.live, c.lost = nil, false, 0
	c.back = c.r.w.now
	if c.rng.IntN(8) == 0 {
		c.back += c.rng.Uint64N(2 * grace)
	}
}
