package gateway

import (
	"hash/maphash"
	"net/netip"
)

// sources knows where connections come from: how many there are of each address, and which have given too many wrong keys.
// An IPv6 address counts as its /64, of which its owner has as many as it likes. Nothing here is looked at for an order.
type sources struct {
	conns  map[netip.Addr]int32 // those that are open
	wrong  [wrongPlaces]wrongKeys
	seed   maphash.Seed
	rate   uint64 // ns that a wrong login costs, 0: they are not counted
	burst  uint64
	counts Counts
}

// wrongKeys is a token bucket of wrong logins, kept as the time up to which they are paid for.
type wrongKeys struct {
	from netip.Addr
	paid uint64
}

// wrongPlaces is how many sources of wrong logins are remembered. One that meets another in its place is not: nobody pays for
// others.
const wrongPlaces = 4096

// Counts is what a gateway has refused, since it was made.
type Counts struct {
	Connections uint64 // by an allow-list, by the limit of a source, by its wrong logins; the caller adds those that found no place
	Logins      uint64 // wrong key, unknown user, malformed, not allowed from there, another session
	Slow        uint64 // sessions that were ended because they did not read
}

func newSources(cfg *Config) sources {
	s := sources{conns: map[netip.Addr]int32{}, seed: maphash.MakeSeed(), burst: uint64(cfg.WrongLogins)}
	if s.burst != 0 {
		s.rate = 60_000_000_000 / s.burst
	}
	return s
}

// sourceOf returns what an address counts as.
func sourceOf(from netip.Addr) netip.Addr {
	if from.Is6() {
		net, _ := from.WithZone("").Prefix(64) // 64 bits fit every IPv6 address
		return net.Addr()
	}
	return from
}

// allows says whether a list has an address. A list of nothing allows everybody.
func allows(list []netip.Prefix, from netip.Addr) bool {
	for _, net := range list {
		if net.Contains(from) {
			return true
		}
	}
	return len(list) == 0
}

func (s *sources) place(source netip.Addr) *wrongKeys {
	return &s.wrong[maphash.Comparable(s.seed, source)%wrongPlaces]
}

// barred says whether a source has given so many wrong logins that it must wait.
func (s *sources) barred(source netip.Addr, now uint64) bool {
	w := s.place(source)
	return s.rate != 0 && w.from == source && w.paid > now+(s.burst-1)*s.rate
}

// mistaken charges a source for a wrong login.
func (s *sources) mistaken(source netip.Addr, now uint64) {
	s.counts.Logins++
	if w := s.place(source); w.from == source || w.paid <= now {
		if w.from != source {
			*w = wrongKeys{from: source}
		}
		w.paid = max(w.paid, now) + s.rate
	}
}

// open counts a connection. False: its source may have no more.
func (s *sources) open(source netip.Addr, most int) bool {
	n := s.conns[source]
	if most != 0 && int(n) >= most {
		return false
	}
	s.conns[source] = n + 1
	return true
}

func (s *sources) closed(source netip.Addr) {
	if n := s.conns[source]; n > 1 {
		s.conns[source] = n - 1
	} else {
		delete(s.conns, source)
	}
}
