package sim

import (
	"math/rand/v2"

	"matcher/wire/soupbin"
)

// rogue is a peer that sends anything: noise, lying lengths, good packets that end in the middle, a login and then noise.
// Nobody else must notice.
type rogue struct {
	r    *run
	rng  *rand.Rand
	conn *conn
	ref  flow
	buf  []byte
}

func (g *rogue) step() {
	if g.conn == nil || g.conn.serverFin || g.rng.IntN(40) == 0 {
		if g.conn != nil {
			g.conn.clientEnd = end(1 + g.rng.IntN(3))
		}
		g.conn = nil
		if g.rng.IntN(4) == 0 && !g.r.draining {
			g.conn = g.r.w.dial()
			g.greet()
		}
		return
	}
	b := g.buf[:0]
	switch g.rng.IntN(4) {
	case 0:
		for range 1 + g.rng.IntN(64) {
			b = append(b, byte(g.rng.Uint32()))
		}
	case 1:
		b = append(b, byte(g.rng.IntN(3)), byte(g.rng.Uint32()), "LURO+SXA"[g.rng.IntN(8)])
		b = append(b, make([]byte, g.rng.IntN(200))...)
	default:
		g.ref.rng = g.rng
		m, _ := g.ref.next(nil)
		if g.rng.IntN(2) == 0 {
			m[g.rng.IntN(len(m))] ^= byte(1 + g.rng.IntN(255))
		}
		b = soupbin.AppendUnsequenced(b, m)
		if g.rng.IntN(8) == 0 {
			b = b[:1+g.rng.IntN(len(b))]
		}
	}
	g.conn.write(b)
	g.conn.arrive()
	g.buf = b
	if g.rng.IntN(4) != 0 {
		g.conn.outAt = len(g.conn.out)
	}
}

// greet logs in, as the last user, with the right key or not.
func (g *rogue) greet() {
	if g.rng.IntN(4) == 0 {
		return
	}
	l := soupbin.Login{Session: [10]byte{' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '}, Sequence: g.rng.Uint64N(5)}
	copy(l.Username[:], "U4    ")
	copy(l.Password[:], "KEY")
	if g.rng.IntN(4) == 0 {
		l.Password[0] = 'X'
	}
	g.conn.write(soupbin.AppendLogin(nil, &l, soupbin.Left))
}
