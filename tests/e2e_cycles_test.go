package tests

import (
	"bytes"
	"context"
	enc "encoding/binary" // binary is the name of the server under test in this package
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"matcher/client"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// trader is a client that never gives up: it trades until told to finish, and after each lost connection it logs in again
// with the number of the next message it wants and sends again what was not acknowledged.
type trader struct {
	user, key string
	addr      string
	random    *rand.Rand
	ref       uint32  // last UserRefNum used
	session   string  // "" before the first login
	logins    int     // that were accepted
	fault     error   // something that must never happen
	open      []asked // sent, not acknowledged
	mixed     bool    // it may be refused, shuts itself out now and then, and its session may end: a soak's
	unsure    bool    // which number is the next, in a session that has just begun
	base      uint32  // the last number of before this session, and how much was said before any other is answered
	from      int
	past      []hearsay   // sessions that are over
	dead      atomic.Bool // it gives up, whatever is open

	mu   sync.Mutex // of seen: the test looks at how far we are
	seen [][]byte
	n    int // of all sessions
}

// asked is what must be answered, by its number.
type asked struct {
	ref uint32
	m   ouch.Inbound
}

// hearsay is what somebody was told in a session.
type hearsay struct {
	session string
	seen    [][]byte
}

// killCycles is how often the server is killed: go test ./tests -run TestKillCycles -cycles 1000 -timeout 1h
var killCycles = flag.Int("cycles", 20, "kills of TestKillCycles")

// batch is how many orders a trader has under way.
const batch = 16

// run trades until ctx ends, and then until everything that was sent is acknowledged.
func (c *trader) run(ctx context.Context) {
	for c.busy(ctx) {
		if !c.connection(ctx) {
			time.Sleep(2 * time.Millisecond) // nobody is there: the server is down
		}
	}
}

// busy says whether there is more to do.
func (c *trader) busy(ctx context.Context) bool {
	return c.fault == nil && !c.dead.Load() && (ctx.Err() == nil || len(c.open) > 0)
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
		var refused *client.RejectedError
		if c.mixed && errors.As(err, &refused) && refused.Reason == soupbin.SessionNotAvailable {
			c.over()
		}
		return false
	}
	defer func() { _ = conn.Close() }()
	c.logins++
	if conn.NextSequence() != next || c.session != "" && conn.Session() != c.session {
		c.fault = fmt.Errorf("%s: login for message %d of session %q: %d of %q came", c.user, next, c.session, conn.NextSequence(), conn.Session())
		return true
	}
	c.session = conn.Session()
	if c.unsure {
		if !c.learn(conn) {
			return true
		}
		c.ask(conn, &ouch.EnableEntry{UserRefNum: c.ref + 1, Firm: ouch.Firm("")}) // the last word of the session before may not have arrived
	}
	for _, a := range c.open { // perhaps they arrived: then they count as sent twice, and nothing comes of it
		if conn.Send(a.m) != nil {
			return true
		}
	}
	for c.busy(ctx) {
		if ctx.Err() == nil && len(c.open) < batch/2 {
			c.trade(conn)
		}
		if conn.Flush() != nil || !c.read(conn) {
			return true
		}
	}
	return true
}

// over forgets a session that has ended: what was not answered in it never will be.
func (c *trader) over() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.past = append(c.past, hearsay{c.session, c.seen})
	c.session, c.seen, c.open, c.ref, c.base, c.from, c.unsure = "", nil, nil, 0, 0, 0, true
}

// ask sends what must be answered. What cannot be sent is found out by read.
func (c *trader) ask(conn *client.Conn, m ouch.Inbound) {
	c.ref++
	c.open = append(c.open, asked{c.ref, m})
	_ = conn.Send(m)
}

// trade sends a few orders that meet each other's, and takes some back.
func (c *trader) trade(conn *client.Conn) {
	shut := c.mixed && c.random.IntN(100) == 0
	if shut {
		c.ask(conn, &ouch.DisableEntry{UserRefNum: c.ref + 1, Firm: ouch.Firm("")})
	}
	for len(c.open) < batch {
		m := &ouch.EnterOrder{
			UserRefNum: c.ref + 1, Side: "BS"[c.random.IntN(2)], Quantity: 1 + c.random.Uint32N(50), Symbol: ouch.Symbol("AAPL"),
			Price: 1_000_000 + 100*c.random.Uint64N(10), TimeInForce: ouch.TIFDay, Display: ouch.DisplayVisible,
			Capacity: ouch.CapacityPrincipal, Sweep: ouch.No, CrossType: ouch.CrossContinuous, ClOrdID: ouch.ClOrdID(""),
		}
		if c.mixed && c.random.IntN(20) == 0 {
			m.TimeInForce = '1' // good till cancelled: the next day has it too
		}
		c.ask(conn, m)
		if c.ref > 100 && c.random.IntN(2) == 0 {
			_ = conn.Send(&ouch.CancelOrder{UserRefNum: c.ref - 20 - c.random.Uint32N(80)})
		}
	}
	if shut {
		c.ask(conn, &ouch.MassCancel{UserRefNum: c.ref + 1, Firm: ouch.Firm(""), Symbol: ouch.Symbol("")})
		c.ask(conn, &ouch.EnableEntry{UserRefNum: c.ref + 1, Firm: ouch.Firm("")})
	}
}

// read takes in one message. False: the connection is lost.
func (c *trader) read(conn *client.Conn) bool {
	m, err := conn.Recv()
	if err != nil {
		if c.mixed && errors.Is(err, client.ErrEndOfSession) {
			c.over()
		}
		return false
	}
	var j ouch.Rejected
	if j.Decode(m.Payload) == nil && !(c.mixed && mayRefuse[j.Reason]) {
		c.fault = fmt.Errorf("%s: order %d is rejected with %#x", c.user, j.UserRefNum, j.Reason)
		return false
	}
	if ref := answers(m.Payload); ref != 0 {
		if len(c.open) == 0 || c.open[0].ref != ref {
			c.fault = fmt.Errorf("%s: %s comes out of turn", c.user, spell(m.Payload))
			return false
		}
		c.open = c.open[1:]
	}
	c.keep(m.Payload)
	return true
}

// keep keeps what was told.
func (c *trader) keep(message []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, bytes.Clone(message))
	c.n++
}

// mayRefuse are the codes by which a mixed trader's orders may be refused.
var mayRefuse = map[uint16]bool{ouch.RejectDestinationClosed: true, ouch.RejectHalted: true, ouch.RejectFirmNotAuthorized: true}

// answers returns the number of what a message answers, 0 if it answers nothing. It stands at the same place in all of them.
func answers(message []byte) uint32 {
	switch message[0] {
	case ouch.TypeAccepted:
		var a ouch.Accepted
		var o ouch.Options
		if a.Decode(message) != nil || o.Decode(a.Appendage) != nil || o.UserRefIdx != 0 {
			return 0 // an order of the day before
		}
	case ouch.TypeRejected, ouch.TypeMassCancelResponse, ouch.TypeDisableResponse, ouch.TypeEnableResponse:
	default:
		return 0
	}
	return enc.BigEndian.Uint32(message[9:])
}

func (c *trader) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen)
}

// heard is how many messages of all its sessions it has seen.
func (c *trader) heard() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
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
		n += c.heard()
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
