package gateway

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"matcher/engine"
	"matcher/wire/soupbin"
)

// keeper is a rig whose streams are given back, beside one that keeps everything, and clients that read as they like.
type keeper struct {
	*rig
	random  *rand.Rand
	whole   *rig
	packets [3][][]byte // by user: every packet of its stream
	past    []byte
	clients [rigConns]struct {
		user uint16
		from uint64
		got  []byte
		rest Send // on its way, if Len is not 0
		open bool
		gone bool // the gateway has given it up
	}
}

// TestGivenBack has clients come and go, read and not read, while memory of their streams is given back as often as may be: each
// gets every byte of the stream from where it began, and in the end a stream has no more than its last chunk.
func TestGivenBack(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			const chunks = 10
			k := &keeper{random: rand.New(rand.NewPCG(seed, 1)), past: make([]byte, rigConns*PastSize)}
			k.whole = newRig(t, 250)
			k.rig = newRig(t, chunks, func(c *Config) { c.PastOff = 1 << 40 })
			for range 6_000 {
				k.step()
			}
			for c := range k.clients {
				k.end(int32(c))
			}
			if told := (k.told(1) + k.told(2)) * (66 + 28) / 2; told < 4*chunks*ChunkSize {
				t.Fatalf("only %d bytes: memory is hardly used again", told)
			}
			k.g.Elsewhere([]uint64{0, uint64(k.told(1)), uint64(k.told(2))})
			k.g.Release(k.g.Mark(nil))
			for range 100 {
				k.g.Service(k.now, 1, false)
			}
			if free := k.g.streams.free(); free != chunks-2 {
				t.Errorf("%d chunks of %d are free when all that was sent is elsewhere", free, chunks)
			}
		})
	}
}

// told returns how many packets a user was sent, and takes note of them.
func (k *keeper) told(user uint16) int {
	st := k.whole.g.streams.user(user)
	for uint64(len(k.packets[user])) < st.number {
		p := k.whole.g.streams.seekAny(st, uint64(len(k.packets[user]))+1)
		b := k.whole.g.streams.bytes(p.chunk)[p.off:]
		k.packets[user] = append(k.packets[user], b[:soupbin.PacketSize(b)])
	}
	return len(k.packets[user])
}

// seekAny is seek, for messages that are not released too.
func (s *streams) seekAny(st *stream, n uint64) place {
	mark := st.released
	st.released.place, st.released.number = st.end, st.number
	defer func() { st.released = mark }()
	return s.seek(st, n)
}

func (k *keeper) step() {
	switch c, n := int32(k.random.IntN(rigConns)), k.random.IntN(100); {
	case n < 70 && k.g.streams.free() > 2:
		for range 20 {
			k.order(uint16(1 + k.random.IntN(2)))
		}
	case n < 75:
		k.marks = k.g.Mark(k.marks[:0])
		k.g.Release(k.marks)
	case n < 80:
		k.flush()
	case n < 85:
		k.goOn(c)
	case n < 87:
		k.ask()
	case n < 92:
		if !k.clients[c].open {
			k.login(c)
		}
	case n < 93:
		k.end(c)
	case n < 96:
		k.snapshot()
	default:
		k.g.Service(k.now, 1+k.random.IntN(4), false)
		for user, last := range k.g.elsewhere {
			if first := k.g.streams.first(k.g.streams.user(uint16(user))); first > last+1 {
				k.t.Fatalf("the memory of user %d begins with message %d, and what is elsewhere ends with %d", user, first, last)
			}
		}
	}
	k.drop()
}

// order has a user enter an order and cancel it.
func (k *keeper) order(user uint16) {
	ref := k.e.LastRef(user, 0) + 1
	for _, r := range []*rig{k.rig, k.whole} {
		var c engine.Command
		*c.Enter() = engine.Enter{
			Header: engine.Header{Kind: engine.KindEnter, User: user, Instrument: 1, Side: 'B'},
			Ref:    ref, Qty: 1, Price: 100, TIF: '0', Display: 'Y', Capacity: 'P', Cross: 'N',
		}
		r.apply(&c)
		c = engine.Command{}
		*c.Cancel() = engine.Cancel{Header: engine.Header{Kind: engine.KindCancel, User: user}, Ref: ref}
		r.apply(&c)
	}
}

// flush sends, and some of it does not go out at once.
func (k *keeper) flush() {
	sends, _ := k.g.Flush(nil, k.now)
	for _, s := range sends {
		n := s.Len
		if k.random.IntN(2) == 0 {
			n = k.random.Uint32N(s.Len + 1)
		}
		k.goes(s.Conn, s.Off, n)
		if n != s.Len {
			k.clients[s.Conn].rest = k.g.Short(s.Conn, n, k.now)
		}
	}
}

// goes copies what the kernel takes.
func (k *keeper) goes(c int32, off uint64, n uint32) {
	from := k.mem
	if off >= k.g.cfg.PastOff {
		from, off = k.past, off-k.g.cfg.PastOff
	}
	k.clients[c].got = append(k.clients[c].got, from[off:off+uint64(n)]...)
}

// goOn lets a client take what waits for it.
func (k *keeper) goOn(c int32) {
	if rest := k.clients[c].rest; rest.Len != 0 {
		k.goes(c, rest.Off, rest.Len)
		k.clients[c].rest = Send{}
		k.g.Resumed(c, k.now)
	}
}

// ask answers who asks for what is not in memory.
func (k *keeper) ask() {
	for _, a := range k.g.Asks(nil) {
		k.told(a.User)
		n, next := 0, a.From
		if next > k.g.elsewhere[a.User] {
			k.t.Fatalf("message %d of user %d is in no file, nor in memory", next, a.User)
		}
		for most := a.From + k.random.Uint64N(200); next <= min(most, k.g.elsewhere[a.User]) && n+len(k.packets[a.User][next-1]) <= PastSize; next++ {
			n += copy(k.past[int(a.Conn)*PastSize+n:], k.packets[a.User][next-1])
		}
		k.g.Found(a.Conn, a.Serial, uint32(n), next)
	}
}

func (k *keeper) login(c int32) {
	user := uint16(1 + k.random.IntN(2))
	released := k.g.streams.user(user).released.number
	from := 1 + k.random.Uint64N(released+1)
	if k.random.IntN(4) != 0 {
		from = released + 1 - k.random.Uint64N(min(released, 6000)+1)
	}
	if !k.g.Open(c, netip.Addr{}, k.now) {
		k.t.Fatal("a connection was refused")
	}
	cl := &k.clients[c]
	cl.user, cl.from, cl.got, cl.rest, cl.open, cl.gone = user, from, cl.got[:0], Send{}, true, false
	var cmd engine.Command
	name := []string{"", "ALICE", "BOB"}[user]
	b := soupbin.AppendLogin(nil, &soupbin.Login{Username: field6(name), Password: [10]byte([]byte("KEY       ")), Session: k.g.session, Sequence: from}, soupbin.Left)
	k.g.Receive(c, b, k.now, &cmd)
}

// end has a client go.
func (k *keeper) end(c int32) {
	if k.clients[c].open && !k.clients[c].gone {
		k.g.Gone(c)
	}
	k.drop()
	if cl := &k.clients[c]; cl.open {
		k.goOn(c)
		k.drop()
	}
}

// drop closes connections that the gateway has given up, once nothing of theirs is on its way, and looks at what they were told.
func (k *keeper) drop() {
	for _, c := range k.g.Closing(nil) {
		k.clients[c.Conn].gone = true
	}
	for c := range k.clients {
		cl := &k.clients[c]
		if !cl.open || !cl.gone || cl.rest.Len != 0 {
			continue
		}
		k.g.Drop(int32(c))
		cl.open = false
		k.told(cl.user)
		next, b := cl.from, cl.got
		for len(b) > 0 {
			n := min(len(b), soupbin.PacketSize(b))
			if p := b[:n]; len(b) > 2 && b[2] == soupbin.SequencedData {
				want := k.packets[cl.user][next-1]
				if !bytes.Equal(p, want[:min(n, len(want))]) {
					k.t.Fatalf("connection %d: message %d of user %d is another", c, next, cl.user)
				}
				next++
			}
			b = b[n:]
		}
	}
}

// snapshot takes one of all that is released, or of less.
func (k *keeper) snapshot() {
	last := make([]uint64, 3)
	for user := range last {
		last[user] = k.g.streams.user(uint16(user)).released.number
		if user < len(k.g.elsewhere) && k.random.IntN(2) == 0 {
			last[user] -= k.random.Uint64N(last[user] - k.g.elsewhere[user] + 1)
		}
	}
	k.g.Elsewhere(last)
}

// TestGivenBackOfItsSession: what is elsewhere of one session says nothing of the next.
func TestGivenBackOfItsSession(t *testing.T) {
	r := newRig(t, 10)
	k := &keeper{rig: r, whole: newRig(t, 10), random: rand.New(rand.NewPCG(1, 1))}
	for range 2000 {
		k.order(1)
	}
	r.turn()
	r.g.Elsewhere([]uint64{0, 4000, 4000})
	for _, event := range []uint8{'E', 'S'} {
		var c engine.Command
		*c.Day() = engine.Day{Header: engine.Header{Kind: engine.KindDay}, Midnight: midnight, Event: event}
		copy(c.Day().Session[:], "231114000"+string('1'+event/'S'))
		r.apply(&c)
	}
	for range 2000 {
		k.order(1)
	}
	r.turn()
	before := r.g.streams.free()
	r.g.Service(r.now, 1, false)
	if free := r.g.streams.free(); free != before || before == 9 {
		t.Errorf("%d chunks were free, %d are", before, free)
	}
}

// TestGivenBackLittleByLittle: however much is elsewhere, one call of Service gives a bounded part of it back.
func TestGivenBackLittleByLittle(t *testing.T) {
	r := newRig(t, 100, func(c *Config) { c.Chunk = 8 << 10 })
	k := &keeper{rig: r, whole: newRig(t, 100)}
	for r.g.streams.taken < mostGivenBack+50 {
		k.order(1)
	}
	r.turn()
	r.g.Elsewhere([]uint64{0, r.e.Sent(1), 0})
	for _, want := range []int{mostGivenBack, int(r.g.streams.taken) - 2} { // each of the two keeps one
		r.g.Service(r.now, 1, false)
		if got := r.g.streams.spares; got != want {
			t.Errorf("%d chunks are given back, want %d", got, want)
		}
	}
}
