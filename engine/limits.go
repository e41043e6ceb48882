package engine

import "math"

// The limits of an account: live orders, pending stops (rule 2.6), and a token bucket for Enters and Replaces (rule 3.4). The
// bucket is kept as one time: every message costs an interval, 1 s / rate, and is let through while what is paid for lies no
// more than burst - 1 intervals ahead of now. Now is engine time, so a replay decides the same.

// define makes an account what its definition says.
func (u *user) define(d *User) {
	u.def = *d
	u.most, u.mostStops, u.interval = orNone(d.OpenOrders), orNone(d.Stops), 0
	if d.Rate != 0 {
		u.interval = second / uint64(d.Rate)
	}
	u.setPlain()
}

// orNone is a limit of which 0 means that there is none.
func orNone(limit uint32) uint32 {
	if limit == 0 {
		return math.MaxUint32
	}
	return limit
}

// pace charges a message to an account that has a rate. False: it came too soon, and costs nothing.
func (e *Engine) pace(u *user) bool {
	if u.paid > e.time+uint64(max(u.def.Burst, 1)-1)*u.interval {
		e.throttled++
		return false
	}
	u.paid = max(u.paid, e.time) + u.interval
	return true
}

// Throttled returns how many Enters and Replaces came too soon since the engine was made. It is no part of the state.
func (e *Engine) Throttled() uint64 { return e.throttled }

// limitsTerm is what the limits add to an account's part of the state hash: nothing for an account without.
func (u *user) limitsTerm() uint64 {
	if u.def.OpenOrders|u.def.Stops|u.def.Rate == 0 && u.paid == 0 {
		return 0
	}
	return mum(uint64(u.def.OpenOrders)<<32|uint64(u.def.Stops)^k2, uint64(u.def.Rate)<<32|uint64(u.def.Burst)^k0) ^ mum(u.paid^k4, k1)
}
