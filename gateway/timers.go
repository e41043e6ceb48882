package gateway

import (
	"matcher/engine"
	"matcher/wire/soupbin"
)

// Service looks at the next few connections for heartbeats due and for silence that lasted too long. Called n times with
// a share of 1/n it has seen every connection once. deaf says that what clients say may be waiting unheard: nobody's
// silence counts then.
func (g *Gateway) Service(now uint64, share int, deaf bool) {
	for range (len(g.conns) + share - 1) / share {
		g.scan++
		if g.scan >= len(g.conns) {
			g.scan = 0
		}
		g.serve(int32(g.scan), now, deaf)
	}
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
		case now-cn.lastOut >= g.cfg.Heartbeat && !cn.stalled && cn.control == 0:
			g.control(c, soupbin.ServerHeartbeat, nil)
		}
	}
}
