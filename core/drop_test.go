package core

import (
	"testing"
	"time"

	"matcher/engine"
	"matcher/wire/ouch"
)

// dropping is config with cancel on disconnect for all users.
func dropping(t *testing.T) Config {
	c := config(t)
	for i := range c.Users {
		c.Users[i].OnDrop = true
	}
	c.RecoveryGrace = 10 * time.Second
	return c
}

// causes returns why users were disconnected, in the journal's order.
func causes(t *testing.T, dir string) (list []uint8) {
	t.Helper()
	for _, cmd := range cells(t, dir, engine.KindDisconnect) {
		list = append(list, cmd.Disconnect().Cause)
	}
	return list
}

// gone waits until the venue has noticed that a user is not connected.
func gone(t *testing.T, s *Server, connected int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ask(t, s, Request{Verb: Status}).Venue.Connected == connected {
			return
		}
	}
	t.Fatal("the venue does not notice")
}

// TestDisconnectJournaled: which ends of a session are the client's doing, and which are not (rule 9.9).
func TestDisconnectJournaled(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(t *testing.T, s *Server, a *trader)
		want []uint8
	}{
		{"logout", func(t *testing.T, s *Server, a *trader) { _ = a.Logout(); gone(t, s, 0) }, []uint8{engine.CauseLogout}},
		{"closed", func(t *testing.T, s *Server, a *trader) { _ = a.Close(); gone(t, s, 0) }, []uint8{engine.CauseClosed}},
		{"silence", func(t *testing.T, s *Server, _ *trader) {
			n := flooder(t, s, "U1")
			defer func() { _ = n.Close() }()
			gone(t, s, 2)
			gone(t, s, 1)
		}, []uint8{engine.CauseTimeout}},
		{"kicked", func(t *testing.T, s *Server, _ *trader) {
			n := flooder(t, s, "U1")
			gone(t, s, 2)
			if _, err := n.Write([]byte{0, 1, '?'}); err != nil {
				t.Fatal(err)
			}
			gone(t, s, 1)
		}, []uint8{engine.CauseKicked}},
		{"newer login", func(t *testing.T, s *Server, _ *trader) { dial(t, s, "U0", 0).settle() }, nil},
		{"the venue stops", func(*testing.T, *Server, *trader) {}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dropping(t)
			c.ClientTimeout = 4 * time.Second // the clients' heartbeats come every second
			s := open(t, c)
			a := dial(t, s, "U0", 1)
			a.order('B', 1, 900_000, '0')
			a.settle()
			test.end(t, s, a)
			stop(t, s)
			got := causes(t, c.Journal)
			if len(got) != len(test.want) || len(got) == 1 && got[0] != test.want[0] {
				t.Errorf("causes %v, want %v", got, test.want)
			}
		})
	}
}

// TestDisconnectCancels: the orders of a lost session are gone when its user comes back, once, and others' are not.
func TestDisconnectCancels(t *testing.T) {
	c := dropping(t)
	c.Users[1].OnDrop = false
	s := open(t, c)
	a, b := dial(t, s, "U0", 1), dial(t, s, "U1", 1)
	for _, d := range []*trader{a, b} {
		d.order('B', 1, 900_000, '0')
		d.order('B', 1, 900_000, '1') // GTC stays
		d.settle()
		_ = d.Close()
	}
	gone(t, s, 0)
	if n := ask(t, s, Request{Verb: Status}).Venue.Orders; n != 3 {
		t.Errorf("%d orders are left, want 3", n)
	}
	again := dial(t, s, "U0", 1)
	again.until('C')
	var m ouch.Canceled
	if err := m.Decode(again.got[len(again.got)-1]); err != nil || m.Reason != ouch.CanceledUser || m.UserRefNum != 1 {
		t.Errorf("%+v, %v", m, err)
	}
	stop(t, s)
	verify(t, c.Journal)
}

// TestDisconnectBeforeNextLogin: a session ends and its user goes on with the next at once: the end comes first, so that no
// order of the new session is taken for one of the old.
func TestDisconnectBeforeNextLogin(t *testing.T) {
	const rounds = 100
	c := dropping(t)
	c.MaxSessions = 2 * rounds // a session that is over may linger
	s := open(t, c)
	for n := range rounds {
		a := dial(t, s, "U0", 0)
		a.ref = uint32(n)
		a.order('B', 1, 900_000, '0')
		if err := a.Logout(); err != nil {
			t.Fatal(err)
		}
	}
	gone(t, s, 0)
	stop(t, s)
	verify(t, c.Journal)
	enters, ends := cells(t, c.Journal, engine.KindEnter), cells(t, c.Journal, engine.KindDisconnect)
	if len(enters) != rounds || len(ends) > rounds || len(ends) == 0 {
		t.Fatalf("%d orders, %d ends of sessions", len(enters), len(ends))
	}
	// A login that came before the logout was read took over: that session has no end of its own. Every other end lies
	// between the order of its session and the next order.
	for _, end := range ends[:len(ends)-1] {
		before, after := uint64(0), uint64(0)
		for i := range enters {
			if enters[i].Seq < end.Seq {
				before = enters[i].Seq
			} else if after == 0 {
				after = enters[i].Seq
			}
		}
		if before == 0 || after == 0 {
			t.Fatalf("an end of a session at %d, beside no order", end.Seq)
		}
	}
}

// TestRecoveryGrace: after a crash or a stop, who does not come back in time loses what a lost connection would have cost.
func TestRecoveryGrace(t *testing.T) {
	for _, crashed := range []bool{false, true} {
		t.Run(map[bool]string{false: "stopped", true: "crashed"}[crashed], func(t *testing.T) {
			c := dropping(t)
			s := open(t, c)
			a, b := dial(t, s, "U0", 1), dial(t, s, "U1", 1)
			for _, d := range []*trader{a, b} {
				d.order('B', 1, 900_000, '0')
				d.settle()
			}
			if crashed {
				old := c.Journal
				c.Journal = crash(t, old)
			}
			stop(t, s)
			c.RecoveryGrace = 3 * time.Second // a slow machine needs most of it to come back
			s = open(t, c)
			back := dial(t, s, "U1", 0)
			if n := ask(t, s, Request{Verb: Status}).Venue.Orders; n != 2 {
				t.Errorf("%d orders after the start, want 2", n)
			}
			for end := time.Now().Add(20 * time.Second); ask(t, s, Request{Verb: Status}).Venue.Orders != 1; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("the orders of who did not come back are there for ever")
				}
			}
			back.settle()
			stop(t, s)
			if got := cells(t, c.Journal, engine.KindDisconnect); len(got) != 1 || got[0].User != 1 || got[0].Disconnect().Cause != engine.CauseTimeout {
				t.Errorf("%d disconnects: %+v", len(got), got)
			}
			c.RecoveryGrace = 0 // nobody has anything to lose any more but U1, who is not back either
			s = open(t, c)
			for end := time.Now().Add(5 * time.Second); ask(t, s, Request{Verb: Status}).Venue.Orders != 0; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("not cancelled")
				}
			}
			stop(t, s)
			if got := cells(t, c.Journal, engine.KindDisconnect); len(got) != 2 {
				t.Errorf("%d disconnects", len(got))
			}
			stop(t, open(t, c))
			if got := cells(t, c.Journal, engine.KindDisconnect); len(got) != 2 {
				t.Errorf("%d disconnects after another start: once is enough", len(got))
			}
		})
	}
}

// TestTermsAndAccounts: terms are journaled and hold for the journal's life; what a user's account says may change.
func TestTermsAndAccounts(t *testing.T) {
	c := config(t)
	c.Instruments = append(c.Instruments, Instrument{
		Symbol: "GE", PriceDecimals: 4, Tick: 100, Lot: 1, MaxQty: 1000, MaxPrice: 1_999_999_900, ProRata: true,
		Terms: Terms{FifoPercent: 40, TopPercent: 10, MinAlloc: 2, TopMax: 50, MaxSlices: 20, MaxPegs: 5, MaxStops: 7, CollarBP: 500, Reference: 1_000_000},
	})
	c.MaxOrders = 1000
	stop(t, open(t, c))
	defined := cells(t, c.Journal, engine.KindInstrument)
	want := engine.Terms{
		Kind: engine.KindExtension, FifoPercent: 40, TopPercent: 10, MinAlloc: 2, TopMax: 50, MaxSlices: 20, MaxPegs: 5, MaxStops: 7,
		CollarBP: 500, Reference: 1_000_000,
	}
	if len(defined) != 2 || defined[0].Flags != 0 || defined[0].AsInstrument().Policy != engine.PolicyTime ||
		defined[1].AsInstrument().Policy != engine.PolicyProRata || *defined[1].Terms() != want {
		t.Fatalf("%+v", defined)
	}
	day := cells(t, c.Journal, engine.KindDay)
	if len(day) != 1 || day[0].Day().Secret == 0 {
		t.Errorf("the day has no secret: %+v", day)
	}
	stop(t, open(t, c)) // the same again fits

	for name, spoil := range map[string]func(*Instrument){
		"terms":   func(in *Instrument) { in.Terms.MinAlloc++ },
		"policy":  func(in *Instrument) { in.ProRata = false },
		"collar":  func(in *Instrument) { in.Terms.Collar = 1 },
		"without": func(in *Instrument) { in.Terms = Terms{} },
	} {
		spoilt := c
		spoilt.Instruments = append([]Instrument{}, c.Instruments...)
		spoil(&spoilt.Instruments[1])
		if s, err := Open(spoilt); err == nil {
			stop(t, s)
			t.Errorf("%s changed, and nobody minds", name)
		}
	}

	c.Users = append([]User{}, c.Users...)
	c.Users[2].OnDrop, c.Users[2].SelfMatch, c.Users[2].SelfLevel, c.Users[2].SelfGroup = true, 'D', engine.LevelGroup, 9
	for range 2 { // the second start finds nothing changed
		stop(t, open(t, c))
		users := cells(t, c.Journal, engine.KindUser)
		if len(users) != len(c.Users)+1 {
			t.Fatalf("%d commands for %d users", len(users), len(c.Users))
		}
		if u := users[len(users)-1].AsUser(); u.Name != padded6("U2") || u.OnDrop != 1 || u.SelfMatch != 'D' || u.SelfLevel != engine.LevelGroup || u.SelfGroup != 9 {
			t.Errorf("%+v", u)
		}
	}
	verify(t, c.Journal)
}

// TestReservesOfProRata: an order that shares a level may have a part of every order, and that needs memory too.
func TestReservesOfProRata(t *testing.T) {
	c := config(t)
	c.StreamMemory = 82 << 20
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	c.Instruments[0].ProRata = true
	if err := c.Check(); err == nil {
		t.Error("no more is wanted for shares")
	}
	c.StreamMemory *= 2
	c.Instruments[0].Terms.MaxStops = MaxSettling + 1
	if err := c.Check(); err == nil {
		t.Error("too many stops pass")
	}
	c.Instruments[0].Terms.MaxStops = MaxSettling
	if err := c.Check(); err != nil {
		t.Error(err)
	}
}
