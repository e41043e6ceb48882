package tests

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"matcher/client"
)

// desk is a program that trades with the client's Session and does nothing about lost connections: that is the client's.
type desk struct {
	t       testing.TB
	session *client.Session
	random  *rand.Rand
	orders  uint32 // the last number that was used
	told    []gossip
	downs   int
	count   atomic.Int64 // of told, for the test to look at
}

// gossip is what a report says, as far as another reading of the day must say the same.
type gossip struct {
	sequence uint64
	kind     client.Kind
	ref      uint32
	quantity uint32
	price    uint64
}

func (v *venue) open(addr, user string) *client.Session {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := client.Open(ctx, client.SessionOptions{Resend: true, Options: client.Options{
		Addr: addr, Username: user, Password: v.key(user), Sequence: 1, Retry: patience,
	}})
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = s.Close() }) // most have been closed
	return s
}

// run trades until it is told to stop, takes everything back, and receives until nothing is open.
func (d *desk) run(stop <-chan struct{}) error {
	stopping, taken, clearing := false, false, false
	for {
		r, err := d.session.Recv()
		if err != nil {
			return err
		}
		switch r.Kind {
		case client.Down:
			d.downs++
		case client.MassCancelDone:
			clearing = false
		}
		if r.Sequence != 0 {
			d.told = append(d.told, gossip{r.Sequence, r.Kind, r.Order.Ref, r.Quantity, r.Price})
			d.count.Add(1)
		}
		select {
		case <-stop:
			stopping = true
		default:
		}
		open := d.session.Orders()
		switch {
		case stopping && len(open) == 0 && taken:
			return nil
		case stopping && !taken:
			if _, err := d.session.MassCancel(client.Filter{}); err == nil {
				taken = true
			}
		case !stopping && len(open) < 40: // an order is always answered, so this goes on for ever
			d.enter()
			if len(open) > 12 {
				d.amend(open[d.random.IntN(len(open))])
			}
		case !stopping && !clearing:
			if ref, err := d.session.MassCancel(client.Filter{Symbol: "AAPL"}); err == nil || ref != 0 {
				d.orders, clearing = ref, true
			}
		}
	}
}

// enter enters an order that may trade with the other's.
func (d *desk) enter() {
	if ref, err := d.session.Enter(client.NewOrder{
		Side: "BS"[d.random.IntN(2)], Quantity: 1 + d.random.Uint32N(50), Symbol: "AAPL", Price: 1_000_000 + 100*d.random.Uint64N(10),
	}); err == nil || ref != 0 { // with an error it is on its way as well: it goes out when the session is back
		d.orders = ref
	}
}

// amend cancels or replaces an order, which may be over meanwhile.
func (d *desk) amend(o client.Order) {
	if d.random.IntN(2) == 0 {
		_ = d.session.Cancel(o.Ref, 0) // over, or lost with the connection: then it is sent again
		return
	}
	if ref, err := d.session.Replace(o.Ref, client.Replacement{Quantity: 60, Price: 1_000_000 + 100*d.random.Uint64N(10)}); err == nil || ref != 0 {
		d.orders = ref
	}
}

// TestSessionSurvivesKills kills the server again and again under two programs that trade by the client's Session. What they
// were told is what the day says, message by message, and what they know of every order is what a fresh reading knows.
func TestSessionSurvivesKills(t *testing.T) {
	rerun := again(t)
	users := []string{"ANN", "BEN"}
	v := newVenue(t, "0.01", users...)
	s := v.serve()
	stop := make(chan struct{})
	ends := make(chan error, len(users))
	desks := make([]*desk, len(users))
	for i, user := range users {
		desks[i] = &desk{t: t, session: v.open(s.addr, user), random: rand.New(rand.NewPCG(*seed, 30+uint64(i)))}
		go func() { ends <- desks[i].run(stop) }()
	}
	random := rand.New(rand.NewPCG(*seed, 40))
	addr := s.addr
	for range 4 {
		v.gossip(s, desks, 300)
		time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
		s.kill()
		s = v.launch("--listen", addr)
	}
	if err := s.await(); err != nil {
		t.Fatal(err)
	}
	v.gossip(s, desks, 300)
	close(stop)
	for range desks {
		select {
		case err := <-ends:
			if err != nil {
				t.Fatalf("%v; %s", err, rerun)
			}
		case <-time.After(patience):
			t.Fatalf("a program does not end; %s\n%v\n%v", rerun, desks[0].session.Orders(), desks[1].session.Orders())
		}
	}
	executed := uint64(0)
	for i, user := range users {
		d := desks[i]
		_ = d.session.Close()
		fresh := v.open(s.addr, user)
		var day []gossip
		for {
			r, err := fresh.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if r.Kind == client.Ready {
				break
			}
			day = append(day, gossip{r.Sequence, r.Kind, r.Order.Ref, r.Quantity, r.Price})
		}
		// It may have ended before it read the answer to its last mass cancel.
		if len(day) > len(d.told) && day[len(day)-1].kind == client.MassCancelDone {
			day = day[:len(day)-1]
		}
		if !slices.Equal(day, d.told) {
			t.Errorf("%s was told %d messages, the day has %d; %s\n%s", user, len(d.told), len(day), rerun, differ(d.told, day))
		}
		states := map[client.State]int{}
		for ref := uint32(1); ref <= d.orders; ref++ {
			mine, ok := d.session.Order(ref)
			theirs, known := fresh.Order(ref)
			if !ok {
				continue // a mass cancel
			}
			states[mine.State]++
			executed += uint64(mine.Executed)
			if mine.State == client.Ignored || mine.State == client.Rejected { // the day does not name these
				continue
			}
			if !known || mine != theirs || !mine.State.Ended() {
				t.Errorf("%s: order %d is\n%+v, the day says\n%+v; %s", user, ref, mine, theirs, rerun)
			}
		}
		t.Logf("%s: %d messages, %d orders, %d connections lost, %v", user, len(d.told), d.orders, d.downs, maps.Collect(maps.All(states)))
		if d.downs < 4 || states[client.Filled] == 0 || states[client.Canceled] == 0 || states[client.Replaced] == 0 || states[client.Lost] != 0 {
			t.Errorf("%s: %d connections lost, %v", user, d.downs, states)
		}
		_ = fresh.Close()
	}
	if executed == 0 {
		t.Error("nobody traded")
	}
	s.stop(patience)
}

// gossip waits until the desks have been told n more messages each.
func (v *venue) gossip(s *server, desks []*desk, n int64) {
	v.t.Helper()
	before := make([]int64, len(desks))
	for i, d := range desks {
		before[i] = d.count.Load()
	}
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		if !slices.ContainsFunc(desks, func(d *desk) bool { return d.count.Load() < before[slices.Index(desks, d)]+n }) {
			return
		}
		if time.Since(start) > patience {
			v.t.Fatalf("nobody trades any more: %s", s.err)
		}
	}
}

// differ shows where two readings part.
func differ(a, b []gossip) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%+v, the day says %+v", a[i], b[i])
		}
	}
	return "one is longer"
}
