package gateway

import (
	"fmt"
	"net/netip"
	"testing"

	"matcher/engine"
)

var home = netip.MustParseAddr("10.1.2.3")

// TestAllowed: connections come from where the venue's list says, logins from where their user's says; who is not let in
// hears what everybody hears who gives a wrong key.
func TestAllowed(t *testing.T) {
	r := newRig(t, 16, func(c *Config) {
		c.Allow = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	})
	for from, want := range map[string]bool{"10.255.0.1": true, "fd12::1": true, "11.0.0.1": false, "::1": false} {
		got := r.g.Open(7, netip.MustParseAddr(from), 0)
		if got != want {
			t.Errorf("a connection from %s: %v", from, got)
		}
		if got {
			r.g.Drop(7)
		}
	}
	if r.g.Open(7, netip.Addr{}, 0) {
		t.Error("a connection from nowhere")
	}
	r.g.allowed[1] = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	for c, test := range []struct{ from, want string }{{"10.2.0.1", "J"}, {"10.1.9.9", "A"}} {
		if !r.g.Open(int32(c), netip.MustParseAddr(test.from), 0) {
			t.Fatal(test.from)
		}
		r.in(int32(c), loginPacket("ALICE", "KEY", "", 0), 1<<20)
		if types, _ := r.packets(int32(c)); types != test.want {
			t.Errorf("ALICE from %s: %q", test.from, types)
		}
	}
	if n := r.g.Counts(); n.Connections != 3 || n.Logins != 1 {
		t.Errorf("%+v", n)
	}
}

// TestPerSource: an address has so many connections at once, also when they are about to close; a /64 is one address.
func TestPerSource(t *testing.T) {
	r := newRig(t, 16, func(c *Config) { c.PerSource = 2 })
	for c, test := range []struct {
		from string
		want bool
	}{
		{"10.0.0.1", true},
		{"10.0.0.1", true},
		{"10.0.0.1", false},
		{"10.0.0.2", true},
		{"fd00::1", true},
		{"fd00::2:1", true},
		{"fd00::3", false},
		{"fd00:0:0:1::1", true},
	} {
		if got := r.g.Open(int32(c), netip.MustParseAddr(test.from), 0); got != test.want {
			t.Errorf("connection %d, from %s: %v", c, test.from, got)
		}
	}
	r.g.Gone(0)
	if r.g.Open(2, netip.MustParseAddr("10.0.0.1"), 0) {
		t.Error("one that is still being closed does not count")
	}
	r.closing()
	if !r.g.Open(2, netip.MustParseAddr("10.0.0.1"), 0) {
		t.Error("one that has closed still counts")
	}
}

// TestWrongLogins: a source that gives wrong keys must wait, and nobody else; while it waits nothing of it is checked.
func TestWrongLogins(t *testing.T) {
	r := newRig(t, 16, func(c *Config) { c.WrongLogins = 3 })
	try := func(from netip.Addr, key string) (opened bool, answer string) {
		delete(r.out, 0)
		if !r.g.Open(0, from, r.now) {
			return false, ""
		}
		r.in(0, loginPacket("ALICE", key, "", 0), 1<<20)
		answer, _ = r.packets(0)
		r.g.Gone(0)
		r.closing()
		return true, answer
	}
	if !r.g.Open(5, home, r.now) {
		t.Fatal("refused")
	}
	for n := range 3 {
		if opened, answer := try(home, "WRONG"); !opened || answer != "J" {
			t.Fatalf("wrong login %d: %v %q", n, opened, answer)
		}
	}
	if opened, _ := try(home, "KEY"); opened {
		t.Error("a source that gave three wrong keys is let in")
	}
	r.in(5, loginPacket("ALICE", "KEY", "", 0), 1<<20) // it was open before
	if types, _ := r.packets(5); types != "J" {
		t.Errorf("on a connection that was there already: %q", types)
	}
	r.closing()
	if opened, answer := try(netip.MustParseAddr("10.1.2.4"), "KEY"); !opened || answer != "A" {
		t.Errorf("another source: %v %q", opened, answer)
	}
	r.now += 20*second + 1
	if opened, answer := try(home, "KEY"); !opened || answer != "A" {
		t.Errorf("a third of a minute later: %v %q", opened, answer)
	}
	if n := r.g.Counts(); n.Logins != 4 || n.Connections != 1 {
		t.Errorf("%+v", n)
	}
}

// TestWrongLoginsOfMany: however many sources are wrong, the memory for them stays, and who was never wrong is not barred.
func TestWrongLoginsOfMany(t *testing.T) {
	r := newRig(t, 16, func(c *Config) { c.WrongLogins = 1 })
	for n := range 4 * wrongPlaces {
		r.g.sources.mistaken(netip.AddrFrom4([4]byte{11, byte(n >> 16), byte(n >> 8), byte(n)}), 0)
	}
	for n := range 1000 {
		if from := netip.AddrFrom4([4]byte{12, 0, byte(n >> 8), byte(n)}); r.g.sources.barred(from, 0) {
			t.Fatalf("%v is barred for others", from)
		}
	}
	if len(r.g.sources.conns) != 0 {
		t.Error("connections that are none")
	}
}

// TestSlow: a client that takes nothing for too long, or falls too far behind, is disconnected, and loses nothing when it comes
// back; one that is behind because it has resumed is not.
func TestSlow(t *testing.T) {
	r := newRig(t, 64, func(c *Config) { c.Stall, c.Behind = 5*second, 10_000 })
	service := func() []Closed {
		r.in(1, loginHeartbeat, 10) // it lives; it only does not read
		r.g.Service(r.now, 1, false)
		return r.closing()
	}
	fill := func(n uint32) {
		for range n {
			r.in(1, orderPacket(r.e.LastRef(1, 0)+1, 'B', 1, 900_000, nil), 1<<20)
		}
	}
	r.login(1, "ALICE", 1)
	fill(10)
	r.g.Short(1, 0, r.now) // its socket is full
	r.now += 4 * second
	r.g.Short(1, 100, r.now) // something went
	r.now += 4 * second
	if c := service(); len(c) != 0 {
		t.Fatalf("closed though it took something 4 s ago: %+v", c)
	}
	r.now += second
	if c := service(); len(c) != 1 || c[0].Cause != engine.CauseSlow || c[0].User != 1 {
		t.Fatalf("nothing was taken for 5 s: %+v", c)
	}

	delete(r.out, 1)
	r.login(1, "ALICE", 1)
	if types, _ := r.packets(1); len(types) != 1+2*11 {
		t.Fatalf("resumed: %q", types)
	}
	r.g.Short(1, 0, r.now)
	fill(140)
	if c := service(); len(c) != 0 {
		t.Fatalf("%d bytes behind: %+v", 140*67, c)
	}
	fill(20)
	if c := service(); len(c) != 1 || c[0].Cause != engine.CauseSlow {
		t.Fatalf("%d bytes behind: %+v", 160*67, c)
	}

	// It comes back, 10,000 bytes and more behind, and reads none of it yet: that is no reason.
	r.g.Open(1, netip.Addr{}, r.now)
	r.hold = true
	var cmd engine.Command
	r.g.Receive(1, loginPacket("ALICE", "KEY", "", 1), r.now, &cmd)
	if sends, _ := r.g.Flush(nil, r.now); len(sends) != 1 {
		t.Fatal(sends)
	}
	r.g.Short(1, 0, r.now)
	if c := service(); len(c) != 0 {
		t.Fatalf("resumed: %+v", c)
	}
	if got := r.g.Counts().Slow; got != 2 {
		t.Errorf("%d slow clients", got)
	}
}

// TestKick: the operator ends a session; the client hears why, and may come back.
func TestKick(t *testing.T) {
	r := newRig(t, 16)
	if r.g.Kick(1, "why") {
		t.Error("nobody was kicked")
	}
	r.login(0, "ALICE", 0)
	if !r.g.Kick(1, "why") {
		t.Error("not kicked")
	}
	r.turn()
	if c := r.closing(); len(c) != 1 || c[0] != (Closed{0, 1, engine.CauseKicked}) {
		t.Errorf("%+v", c)
	}
	if types, _ := r.packets(0); types != "A+" {
		t.Errorf("%q", types)
	}
	r.login(0, "ALICE", 0)
	if !r.g.Connected(1) {
		t.Error("not let in again")
	}
}

var loginHeartbeat = []byte{0, 1, 'R'}

// TestLoginTakesOverInOrder: a login waits for what came before it on the session that it takes over, in whatever pieces.
func TestLoginTakesOverInOrder(t *testing.T) {
	for _, cut := range []int{1, 2, 3, 30, 48} {
		t.Run(fmt.Sprint(cut), func(t *testing.T) {
			waits := true
			r := newRig(t, 16, func(c *Config) { c.Earlier = func(a, b int32) bool { return waits && a == 0 && b == 1 } })
			r.login(0, "ALICE", 0)
			r.g.Open(1, home, 0)
			login := loginPacket("ALICE", "KEY", "", 0)
			r.in(1, login[:cut], 1)
			var cmd engine.Command
			for range 3 {
				if n, ok := r.g.Receive(1, login[cut:], 0, &cmd); n != 0 || ok || !r.g.Unknown(1) {
					t.Fatalf("used %d, %v", n, ok)
				}
			}
			waits = false
			r.in(1, append(login[cut:], orderPacket(1, 'B', 1, 900_000, nil)...), 1<<20)
			if types, _ := r.packets(1); types != "ASA" {
				t.Errorf("%q", types)
			}
			if c := r.closing(); len(c) != 1 || c[0].Conn != 0 || c[0].User != 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}
