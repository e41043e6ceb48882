// Package gateway is the venue's door: bytes become commands, events become bytes.
//
// It owns the sessions (login, heartbeats, timeouts, resumption by sequence number) and the outbound stream of every user.
// It makes no system call, reads no clock and keeps no time but what it is told; it never originates a sequenced message,
// for every one of them is an event of the engine (what it must refuse by itself becomes a Refused command).
//
// The life of a connection: Open, then Receive with whatever arrives, one packet at a time; Flush says what to send, Sent
// how it went; Closing says which connections to close; Drop says that one is gone.
//
//	gateway.go   connections, packets
//	login.go     SoupBinTCP login and resumption
//	sources.go   where connections come from, and how often they were wrong
//	plain.go     the most common messages, both ways, without a detour
//	decode.go    OUCH messages to commands
//	options.go   option tags, both ways
//	deliver.go   events to OUCH messages
//	streams.go   the outbound streams; past.go: what is no longer in memory; encode.go: for whoever keeps streams elsewhere
//	timers.go    heartbeats, timeouts, clients that do not read
package gateway

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"net/netip"

	"matcher/engine"
	"matcher/wire/soupbin"
)

// ControlSize is the memory each connection needs for packets that are not sequenced.
const ControlSize = 128

// maxPacket bounds what a client may send in one packet, Debug excepted: an Enter Order with every option there is stays
// below half of it.
const maxPacket = 512

// Config is what a gateway is made of. Times are nanoseconds.
type Config struct {
	Engine        *engine.Engine // only asked, never told
	Secret        [32]byte
	Connections   int
	Control       []byte // Connections x ControlSize bytes that Flush may name
	ControlOff    uint64 // what Flush adds to an offset in Control
	Streams       []byte // memory for the outbound streams
	StreamsOff    uint64 // what Flush adds to an offset in Streams
	Chunk         uint64 // unit in which streams take memory, at least 8 KiB; 0: ChunkSize
	PastOff       uint64 // where Connections x PastSize bytes are that Flush may name, if Resume is called
	LoginTimeout  uint64
	ClientTimeout uint64
	Heartbeat     uint64
	Stall         uint64 // how long a send may wait for a client to read, 0 for ever
	Behind        uint64 // bytes that a client may fall behind its stream, 0 no limit

	Allow       []netip.Prefix // whence connections may come; none: from anywhere
	PerSource   int            // connections of one source at once, 0 no limit
	WrongLogins int            // of one source in a minute before it must wait, 0 no limit

	// Earlier says whether bytes of connection a wait that came before those of connection b that are being received. A login
	// that takes over a session waits for them.
	Earlier func(a, b int32) bool
}

// Gateway is all sessions of a venue.
type Gateway struct {
	cfg     Config
	conns   []conn
	parts   [][maxPacket]byte // packets that have not arrived whole, by connection
	streams streams
	sources sources
	now     uint64           // of the last Receive
	keys    [][32]byte       // what each user's key hashes to, by user index
	allowed [][]netip.Prefix // whence each user may log in, by user index; none: from anywhere
	names   map[[6]byte]uint16
	mac     hash.Hash
	sum     [32]byte
	tags    [128]byte // an appendage on its way out
	session [10]byte  // of the streams, right-justified as it is sent
	zero    uint64    // midnight: the zero of wire timestamps

	asks      []Past  // what is to be found
	serial    uint32  // of the last session
	ready     []int32 // connections with something to send
	spare     []int32 // the list that Flush is not reading
	closing   []Closed
	scan      int      // where Service goes on: connections,
	reclaimed int      // and users
	elsewhere []uint64 // by user: the last message that is in files too; see Elsewhere
	over      bool     // the trading day has ended: End of Session follows the last message
}

type state uint8

const (
	free    state = iota
	fresh         // connected, not logged in
	live          // logged in
	closing       // told to close; nothing is read any more
)

// conn is one connection.
type conn struct {
	state   state
	queued  bool // in Gateway.ready
	stalled bool // a send is being waited for
	user    uint16
	control uint16 // bytes waiting in its control memory
	part    uint16 // bytes of a packet that has not arrived whole
	skip    uint32 // bytes of a long Debug packet still to be thrown away
	from    netip.Addr
	at      place  // next byte to send of its user's stream
	late    uint64 // bytes that it may be behind for having resumed: never more than it is
	waits   uint64 // since when a send is waited for
	past    uint64 // number of the next message that is not in memory; 0: it has reached what is
	found   uint32 // bytes in its memory for such, to be sent
	asked   bool   // for more of such
	serial  uint32 // of the session
	sent    Send   // the last send
	lastIn  uint64
	lastOut uint64
}

// Closed is a connection that the gateway wants closed.
type Closed struct {
	Conn  int32
	User  uint16 // who was logged in; 0: nobody, or somebody whose newer login took over
	Cause uint8  // engine.CauseXxx
}

// Send is a piece of memory to be sent on a connection.
type Send struct {
	Conn int32
	Len  uint32
	Off  uint64
}

// New returns a gateway without users.
func New(cfg Config) *Gateway {
	return &Gateway{
		cfg:     cfg,
		conns:   make([]conn, cfg.Connections),
		parts:   make([][maxPacket]byte, cfg.Connections),
		streams: newStreams(cfg.Streams, cmp.Or(cfg.Chunk, ChunkSize)),
		sources: newSources(&cfg),
		names:   map[[6]byte]uint16{},
		mac:     hmac.New(sha256.New, cfg.Secret[:]),
		ready:   make([]int32, 0, cfg.Connections),
		spare:   make([]int32, 0, cfg.Connections),
		closing: make([]Closed, 0, cfg.Connections),
	}
}

// SetKey lets a user of the engine log in with the key whose hash is given (HMAC-SHA256 over NAME:KEY), from the networks of a
// list or, if that is empty, from anywhere.
func (g *Gateway) SetKey(user uint16, name [6]byte, hash [32]byte, allow []netip.Prefix) {
	for len(g.keys) <= int(user) {
		g.keys, g.allowed = append(g.keys, [32]byte{}), append(g.allowed, nil)
	}
	g.keys[user], g.allowed[user] = hash, allow
	g.names[name] = user
	g.streams.user(user)
}

// Free returns how much stream memory is free: bytes that are not in any user's chunks.
func (g *Gateway) Free() uint64 { return uint64(g.streams.free()) * g.streams.size }

// Open takes a new connection, numbered below Config.Connections and not open. False: it may not be, for where it comes from;
// the caller closes it.
func (g *Gateway) Open(c int32, from netip.Addr, now uint64) bool {
	cn := &g.conns[c]
	if cn.state != free {
		panic("gateway: connection opened twice")
	}
	source := sourceOf(from)
	if !allows(g.cfg.Allow, from) || g.sources.barred(source, now) || !g.sources.open(source, g.cfg.PerSource) {
		g.sources.counts.Connections++
		return false
	}
	*cn = conn{state: fresh, queued: cn.queued, from: from, lastIn: now, lastOut: now}
	return true
}

// Counts returns what was refused.
func (g *Gateway) Counts() Counts { return g.sources.counts }

// Drop forgets a connection whose descriptor is closed.
func (g *Gateway) Drop(c int32) {
	cn := &g.conns[c]
	if cn.state == live {
		panic("gateway: a logged-in connection was dropped before it was closed")
	}
	cn.state = free
	if cn.user != 0 {
		g.streams.user(cn.user).bound--
	}
	g.sources.closed(sourceOf(cn.from))
}

// Gone says that the peer has closed the connection or that it broke.
func (g *Gateway) Gone(c int32) {
	if s := g.conns[c].state; s == fresh || s == live {
		g.close(c, engine.CauseClosed, "")
	}
}

// Heard says that bytes of a connection have arrived, whenever they will be worked off.
func (g *Gateway) Heard(c int32, now uint64) { g.conns[c].lastIn = now }

// Unknown says whether a connection has not logged in, and may still do so.
func (g *Gateway) Unknown(c int32) bool { return g.conns[c].state == fresh }

// Receive takes the first packet of data from a connection. It returns how many bytes of data it used; true means that
// the packet is a command and lies in cmd, without Seq and Time. Call again with the rest until nothing is left. None of
// some bytes used: the login waits for what its user sent on another connection (Config.Earlier); call again with the same.
func (g *Gateway) Receive(c int32, data []byte, now uint64, cmd *engine.Command) (int, bool) {
	cn := &g.conns[c]
	if cn.state != fresh && cn.state != live {
		return len(data), false
	}
	g.now = now
	if cn.state == live && uint32(cn.part)|cn.skip == 0 && !g.over {
		if size := g.plain(cn.user, data, cmd); size != 0 {
			return size, true
		}
	}
	if cn.skip != 0 {
		n := min(cn.skip, uint32(len(data)))
		cn.skip -= n
		return int(n), false
	}
	if cn.part != 0 {
		return g.assemble(c, data, cmd)
	}
	size := packetSize(data)
	switch {
	case size == 0 || size > len(data) && size <= maxPacket:
		cn.part = uint16(copy(g.parts[c][:], data))
		return len(data), false
	case size > maxPacket || size < soupbin.HeaderSize:
		return g.oversize(c, data, size), false
	}
	ok, wait := g.packet(c, data[2], data[soupbin.HeaderSize:size], cmd)
	if wait {
		return 0, false
	}
	return size, ok
}

// packetSize returns the size of the packet that data begins with, header included; 0: too short to tell, or to tell the
// type, which decides about long packets.
func packetSize(data []byte) int {
	size := soupbin.PacketSize(data)
	if size >= soupbin.HeaderSize && len(data) < soupbin.HeaderSize {
		return 0
	}
	return size
}

// assemble adds to a packet that came in pieces until it is whole.
func (g *Gateway) assemble(c int32, data []byte, cmd *engine.Command) (int, bool) {
	cn, part := &g.conns[c], &g.parts[c]
	used, before := 0, cn.part
	for int(cn.part) < soupbin.HeaderSize && used < len(data) {
		part[cn.part] = data[used]
		cn.part++
		used++
	}
	size := packetSize(part[:cn.part])
	if size == 0 {
		return used, false
	}
	if size > maxPacket || size < soupbin.HeaderSize {
		have := int(cn.part)
		cn.part = 0
		if n := g.oversize(c, part[:have], size); n < have {
			panic("gateway: a long packet ended inside its header")
		}
		return used, false
	}
	n := copy(part[cn.part:size], data[used:])
	cn.part += uint16(n)
	used += n
	if int(cn.part) < size {
		return used, false
	}
	cn.part = 0
	ok, wait := g.packet(c, part[2], part[soupbin.HeaderSize:size], cmd)
	if wait {
		cn.part = before
		return 0, false
	}
	return used, ok
}

// oversize deals with a packet that is none, or longer than anything a client has to say: Debug text is passed over,
// everything else ends the connection. It returns how many bytes of data are done with.
func (g *Gateway) oversize(c int32, data []byte, size int) int {
	if size < soupbin.HeaderSize {
		g.close(c, engine.CauseKicked, "packet of length 0")
		return len(data)
	}
	if data[2] != soupbin.Debug {
		g.close(c, engine.CauseKicked, "packet too long")
		return len(data)
	}
	if size <= len(data) {
		return size
	}
	g.conns[c].skip = uint32(size - len(data))
	return len(data)
}

// packet acts on one whole packet. ok: cmd is filled. wait: nothing was done, the packet is to be given again.
func (g *Gateway) packet(c int32, kind byte, payload []byte, cmd *engine.Command) (ok, wait bool) {
	cn := &g.conns[c]
	switch {
	case kind == soupbin.UnsequencedData && cn.state == live:
		return !g.over && g.decode(c, payload, cmd), false // what is said when the day is over is for nobody
	case kind == soupbin.ClientHeartbeat, kind == soupbin.Debug:
	case kind == soupbin.LoginRequest && cn.state == fresh:
		return false, g.login(c, payload)
	case kind == soupbin.LogoutRequest:
		g.close(c, engine.CauseLogout, "")
	case kind == soupbin.LoginRequest:
		g.close(c, engine.CauseKicked, "already logged in")
	case cn.state == fresh:
		g.close(c, engine.CauseKicked, "") // before a login nothing is said but the answer to it
	default:
		g.close(c, engine.CauseKicked, "unknown packet type")
	}
	return false, false
}

// close ends a connection; reason, if any, is told to the client in a Debug packet.
func (g *Gateway) close(c int32, cause uint8, reason string) {
	cn := &g.conns[c]
	user := uint16(0)
	if cn.state == live {
		user = cn.user
		g.streams.user(user).conn = -1
		if reason != "" {
			g.control(c, soupbin.Debug, []byte(reason))
		}
	}
	cn.state = closing
	g.closing = append(g.closing, Closed{Conn: c, User: user, Cause: cause})
}

// control queues a packet that is not sequenced.
func (g *Gateway) control(c int32, kind byte, payload []byte) {
	cn := &g.conns[c]
	m := g.controlMemory(c)[cn.control:]
	n := soupbin.HeaderSize + len(payload)
	if n > len(m) || cn.stalled {
		return // only the reason of a close can meet this, when the client leaves its answers unread: the lesser loss
	}
	soupbin.PutHeader(m, kind, len(payload))
	copy(m[soupbin.HeaderSize:], payload)
	cn.control += uint16(n)
	g.wake(c)
}

func (g *Gateway) controlMemory(c int32) []byte {
	return g.cfg.Control[int(c)*ControlSize : (int(c)+1)*ControlSize]
}

// wake puts a connection on the list of those that have something to send.
func (g *Gateway) wake(c int32) {
	if cn := &g.conns[c]; !cn.queued {
		cn.queued = true
		g.ready = append(g.ready, c)
	}
}

// Kick ends the session of a user and tells the client why. False: there is none.
func (g *Gateway) Kick(user uint16, reason string) bool {
	if !g.Connected(user) {
		return false
	}
	g.close(g.streams.users[user].conn, engine.CauseKicked, reason)
	return true
}

// Connected says whether a user is logged in.
func (g *Gateway) Connected(user uint16) bool {
	return int(user) < len(g.streams.users) && g.streams.users[user].conn >= 0
}

// Live says whether anybody is logged in.
func (g *Gateway) Live() bool {
	for i := range g.conns {
		if g.conns[i].state == live {
			return true
		}
	}
	return false
}

// Cut ends every session whose client has not taken its last messages.
func (g *Gateway) Cut() {
	for c := range g.conns {
		if cn := &g.conns[c]; cn.state == live {
			g.finish(int32(c), cn)
		}
	}
}

// Closes says whether there is something for Closing to tell.
func (g *Gateway) Closes() bool { return len(g.closing) != 0 }

// Closing appends the connections to be closed, in the order in which they were given up, and forgets them. What Flush
// returned before is still to be sent on them.
func (g *Gateway) Closing(dst []Closed) []Closed {
	dst = append(dst, g.closing...)
	g.closing = g.closing[:0]
	return dst
}

// Mark appends a mark for every stream that grew since the last call. Give them to Release once everything that was
// delivered before is durable.
func (g *Gateway) Mark(dst []Mark) []Mark {
	s := &g.streams
	for _, user := range s.marked {
		st := &s.users[user]
		st.marked = false
		dst = append(dst, Mark{User: user, place: st.end, number: st.number})
	}
	s.marked = s.marked[:0]
	return dst
}

// Release lets streams be sent up to their marks.
func (g *Gateway) Release(marks []Mark) {
	for i := range marks {
		st := &g.streams.users[marks[i].User]
		st.released = marks[i]
		if st.conn >= 0 {
			g.wake(st.conn)
		}
	}
}

// Flush appends what is to be sent now, at most one piece per connection, and takes it for sent; Sent tells otherwise.
// True: some connection has more to send right after.
func (g *Gateway) Flush(dst []Send, now uint64) ([]Send, bool) {
	list := g.ready
	g.ready = g.spare[:0]
	for _, c := range list {
		cn := &g.conns[c]
		cn.queued = false
		if cn.stalled || cn.state == free {
			continue
		}
		if n := g.piece(c, cn); n != 0 {
			cn.lastOut = now
			dst = append(dst, cn.sent)
		}
	}
	g.spare = list[:0]
	return dst, len(g.ready) != 0
}

// piece works out the next send of a connection and its length: control packets first, then its stream. The connection
// stays on the list while there is more.
func (g *Gateway) piece(c int32, cn *conn) uint32 {
	if cn.control != 0 {
		n := uint32(cn.control)
		cn.control = 0
		cn.sent = Send{Conn: c, Len: n, Off: g.cfg.ControlOff + uint64(c)*ControlSize}
		if cn.state == live {
			g.wake(c)
		}
		return n
	}
	if cn.state != live {
		return 0
	}
	if cn.past != 0 {
		return g.pastPiece(c, cn)
	}
	st := g.streams.user(cn.user)
	n := g.streams.ready(st, &cn.at)
	if n == 0 {
		if g.over && st.released.number == st.number {
			g.finish(c, cn)
		}
		return 0
	}
	cn.sent = Send{Conn: c, Len: n, Off: g.cfg.StreamsOff + uint64(cn.at.chunk-1)*g.streams.size + uint64(cn.at.off)}
	cn.at.off += n
	if cn.at != st.released.place || g.over {
		g.wake(c)
	}
	return n
}

// finish tells a client that its session is over for good and closes the connection. It is no disconnect (rule 9.9).
func (g *Gateway) finish(c int32, cn *conn) {
	g.control(c, soupbin.EndOfSession, nil)
	g.streams.user(cn.user).conn = -1
	cn.state = closing
	g.closing = append(g.closing, Closed{Conn: c, Cause: engine.CauseClosed})
}

// Short says that only n bytes of the last send of a connection went out. It returns the rest, to be sent by an operation
// that waits for room; nothing else is sent on the connection until Resumed.
func (g *Gateway) Short(c int32, n uint32, now uint64) Send {
	cn := &g.conns[c]
	if !cn.stalled || n != 0 {
		cn.stalled, cn.waits = true, now
	}
	cn.sent.Off += uint64(n)
	cn.sent.Len -= n
	return cn.sent
}

// Resumed says that the rest went out.
func (g *Gateway) Resumed(c int32, now uint64) {
	cn := &g.conns[c]
	cn.stalled = false
	cn.lastOut = now
	if cn.state != free {
		g.wake(c)
	}
}
