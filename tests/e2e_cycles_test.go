package tests

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"matcher/client"
	"matcher/wire/ouch"
)

// trader is a client that never gives up: it trades until told to finish, and after each lost connection it logs in again
// with the number of the next message it wants and sends again what was not acknowledged.
type trader struct {
	user, key string
	addr      string
	random    *rand.Rand
	ref       uint32             // last UserRefNum used
	session   string             // "" before the first login
	logins    int                // that were accepted
	fault     error              // something that must never happen
	open      []*ouch.EnterOrder // sent, not acknowledged

	mu   sync.Mutex // of seen: the test looks at how far we are
	seen [][]byte
}

// killCycles is how often the server is killed: go test ./tests -run TestKillCycles -cycles 1000 -timeout 1h
var killCycles = flag.Int("cycles", 20, "kills of TestKillCycles")

// batch is how many orders a trader has under way.
const batch = 16

// run trades until ctx ends, and then until everything that was sent is acknowledged.
func (c *trader) run(ctx context.Context) {
	for c.fault == nil && (ctx.Err() == nil || len(c.open) > 0) {
		if !c.connection(ctx) {
			time.Sleep(2 * time.Millisecond) // nobody is there: the server is down
		}
	}
}

// connection is one login and what follows until it is lost. False: there was no server.
func (c *trader) connection(ctx context.Context) bool {
	limited, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	next := uint64(c.count() + 1)
	conn, err := client.Dial(limited, client.Options{
		Addr: c.addr, Username: c.user, Password: c.key, Session: c.session, Sequence: next, Timeout: 2 * time.Second,
	})
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	c.logins++
	if conn.NextSequence() != next || c.session != "" && conn.Session() != c.session {
		c.fault = fmt.Errorf("%s: login for message %d of session %q: %d of %q came", c.user, next, c.session, conn.NextSequence(), conn.Session())
		return true
	}
	c.session = conn.Session()
	for _, m := range c.open { // perhaps they arrived: then they count as sent twice, and nothing comes of it
		if conn.Send(m) != nil {
			return true
		}
	}
	for c.fault == nil && (ctx.Err() == nil || len(c.open) > 0) {
		if ctx.Err() == nil && len(c.open) < batch/2 {
			c.trade(conn)
		}
		if conn.Flush() != nil || !c.read(conn) {
			return true
		}
	}
	return true
}

// trade sends a few orders that meet each other's, and takes some back. What cannot be sent is found out by read.
func (c *trader) trade(conn *client.Conn) {
	for len(c.open) < batch {
		c.ref++
		m := &ouch.EnterOrder{
			UserRefNum: c.ref, Side: "BS"[c.random.IntN(2)], Quantity: 1 + c.random.Uint32N(50), Symbol: ouch.Symbol("AAPL"),
			Price: 1_000_000 + 100*c.random.Uint64N(10), TimeInForce: ouch.TIFDay, Display: ouch.DisplayVisible,
			Capacity: ouch.CapacityPrincipal, Sweep: ouch.No, CrossType: ouch.CrossContinuous, ClOrdID: ouch.ClOrdID(""),
		}
		c.open = append(c.open, m)
		_ = conn.Send(m)
		if c.ref > 100 && c.random.IntN(2) == 0 {
			_ = conn.Send(&ouch.CancelOrder{UserRefNum: c.ref - 20 - c.random.Uint32N(80)})
		}
	}
}

// read takes in one message. False: the connection is lost.
func (c *trader) read(conn *client.Conn) bool {
	m, err := conn.Recv()
	if err != nil {
		return false
	}
	var a ouch.Accepted
	if a.Decode(m.Payload) == nil {
		if len(c.open) == 0 || c.open[0].UserRefNum != a.UserRefNum {
			c.fault = fmt.Errorf("%s: order %d is accepted out of turn", c.user, a.UserRefNum)
			return false
		}
		c.open = c.open[1:]
	}
	var j ouch.Rejected
	if j.Decode(m.Payload) == nil {
		c.fault = fmt.Errorf("%s: order %d is rejected with %#x", c.user, j.UserRefNum, j.Reason)
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, bytes.Clone(m.Payload))
	return true
}

func (c *trader) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen)
}

// TestKillCycles kills the server again and again under load. No message that a client was given may be missing afterwards
// (I1), and none may be there twice (I2): the day as a fresh login is told it is, byte for byte, what the clients pieced
// together over all their connections.
func TestKillCycles(t *testing.T) {
	rerun := again(t)
	cycles := *killCycles
	if testing.Short() {
		cycles = min(cycles, 3)
	}
	users := []string{"ANN", "BEN", "CAT", "DAN"}
	v := newVenue(t, "0.01", users...)
	if cycles > 100 { // what rests, and what was told, grows with every one
		v.env = append(v.env, "MATCHER_CORE_MAX_ORDERS=500000", "MATCHER_CORE_STREAM_MEMORY=1GiB")
	}
	s := v.serve()
	ctx, finish := context.WithCancel(context.Background())
	defer finish()
	var running sync.WaitGroup
	traders := make([]*trader, len(users))
	for i, user := range users {
		traders[i] = &trader{user: user, key: v.key(user), addr: s.addr, random: rand.New(rand.NewPCG(*seed, uint64(i)))}
		running.Add(1)
		go func() {
			defer running.Done()
			traders[i].run(ctx)
		}()
	}
	s = v.torment(s, traders, cycles)
	finish()
	if !ended(&running, patience) {
		t.Fatalf("the traders get no answers any more; %s\n%s", rerun, s.err)
	}
	for _, c := range traders {
		v.accounted(s, c)
	}
	if left := s.stop(patience); left.code != 0 {
		t.Errorf("exit %d: %s", left.code, left.stderr)
	}
	j := executed(t, v.journal())
	v.verified(j)
	t.Logf("%d kills; %d commands, %d fills in %d blocks", cycles, j.Counts().Commands, j.Counts().Fills, j.Counts().Blocks)
}

// torment kills and restarts the server on the same journal and the same address. Half of the kills come while it trades,
// half at any time after its start: also before it is ready. It returns a server that is ready.
func (v *venue) torment(s *server, traders []*trader, cycles int) *server {
	v.t.Helper()
	random := rand.New(rand.NewPCG(*seed, 10))
	addr := s.addr
	for n := range cycles {
		delay := time.Duration(random.IntN(120)) * time.Millisecond
		if n%2 == 0 {
			v.traded(s, traders, 200)
			delay /= 2
		}
		time.Sleep(delay)
		s.kill()
		v.t.Logf("kill %2d, %3d ms later; %d messages seen so far", n+1, delay.Milliseconds(), seenBy(traders))
		s = v.launch("--listen", addr)
	}
	if err := s.await(); err != nil {
		v.t.Fatal(err)
	}
	v.t.Log(s.ready)
	v.traded(s, traders, 200)
	return s
}

// traded waits until the traders have seen n more messages.
func (v *venue) traded(s *server, traders []*trader, n int) {
	v.t.Helper()
	before := seenBy(traders)
	for start := time.Now(); seenBy(traders) < before+n; time.Sleep(time.Millisecond) {
		if time.Since(start) > patience {
			v.t.Fatalf("nobody trades any more: %s", s.err)
		}
	}
}

func seenBy(traders []*trader) (n int) {
	for _, c := range traders {
		n += c.count()
	}
	return n
}

// ended waits for a group, but not for ever.
func ended(group *sync.WaitGroup, limit time.Duration) bool {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}

// accounted holds what a trader saw against the day as it is told now. What came after its last look may only follow.
func (v *venue) accounted(s *server, c *trader) {
	v.t.Helper()
	if c.fault != nil {
		v.t.Error(c.fault)
	}
	day := v.day(s.addr, c.user)
	if day.session != c.session || len(day.raw) < len(c.seen) {
		v.t.Fatalf("%s: saw %d messages of session %q, the day has %d of %q", c.user, len(c.seen), c.session, len(day.raw), day.session)
	}
	for i := range c.seen {
		if !bytes.Equal(c.seen[i], day.raw[i]) {
			v.t.Fatalf("%s: message %d was %s and is %s", c.user, i+1, spell(c.seen[i]), spell(day.raw[i]))
		}
	}
	var accepted []uint32
	for _, raw := range day.raw {
		var a ouch.Accepted
		if a.Decode(raw) == nil {
			accepted = append(accepted, a.UserRefNum)
		}
	}
	// Every order that was ever sent, once each, in order.
	if len(accepted) != int(c.ref) || !slices.IsSorted(accepted) || accepted[len(accepted)-1] != c.ref {
		v.t.Errorf("%s: %d orders were sent, %d accepted", c.user, c.ref, len(accepted))
	}
	balance(v.t, c.user, day)
	if c.logins < 2 {
		v.t.Errorf("%s logged in %d times only", c.user, c.logins)
	}
}
