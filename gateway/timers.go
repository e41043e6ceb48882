package gateway

import (
	"matcher/engine"
	"matcher/wire/soupbin"
)

// Service looks at the next few connections for heartbeats due, for silence that lasted too long, and for clients that do not
// read, and at the next few streams for memory that nobody needs any more. Called n times with a share of 1/n it has seen every
// connection once. deaf says that what clients say may be waiting unheard: nobody's silence counts then.
func (g *Gateway) Service(now uint64, share int, deaf bool) {
	for range (len(g.conns) + share - 1) / share {
		g.scan++
		if g.scan >= len(g.conns) {
			g.scan = 0
		}
		g.serve(int32(g.scan), now, deaf)
	}
	g.reclaim(share)
}

func (g *Gateway) serve(c int32, now uint64, deaf bool) {
	cn := &g.conns[c]
	switch cn.state {
	case fresh:
		if !deaf && now-cn.lastOut >= g.cfg.LoginTimeout { // nothing is sent before the login: since Open
			g.close(c, engine.CauseTimeout, "")
		}
	case live:
		switch {
		case !deaf && now-cn.lastIn >= g.cfg.ClientTimeout:
			g.close(c, engine.CauseTimeout, "nothing received for too long")
		case g.slow(cn, now):
			g.sources.counts.Slow++
			g.close(c, engine.CauseSlow, "too slow in taking what is sent")
		case now-cn.lastOut >= g.cfg.Heartbeat && !cn.stalled && cn.control == 0:
			g.control(c, soupbin.ServerHeartbeat, nil)
		}
	}
}

// slow says whether a client does not take what it is sent: a send has waited too long, or the client is further behind its
// stream than it may be. One that has resumed may be as far behind as it was then, and no further than it has come since; what is not in
// memory does not count.
func (g *Gateway) slow(cn *conn, now uint64) bool {
	if g.cfg.Stall != 0 && cn.stalled && now-cn.waits >= g.cfg.Stall {
		return true
	}
	if g.cfg.Behind == 0 || cn.past != 0 {
		return false
	}
	behind := g.streams.behind(g.streams.user(cn.user), cn.at)
	cn.late = min(cn.late, behind)
	return behind-cn.late > g.cfg.Behind
}
