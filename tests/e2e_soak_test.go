package tests

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"matcher/gateway"
	"matcher/replay"
	"matcher/snapshot"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// A mixed run on the real binary: clients that keep what they were told trade all the time, while one fault after the other
// comes, in an order drawn from a seed. After each fault the trading pauses, and everything that anybody was told, in this
// session or one before, is held against the journal executed again, and against what the server tells a client that asks for
// it once more.
//
//	e2e_soak_test.go         the run, and what is held after every fault
//	e2e_soak_faults_test.go  the faults
//	cable_test.go            the network between clients and server

// soakMinutes is how long the faults go on: go test ./tests -run TestSoak -v -timeout 0 -minutes 60, or make soak. Without it
// each comes once.
var soakMinutes = flag.Float64("minutes", 0, "how long TestSoak goes on; 0: each fault once")

// soakRounds is how often each fault comes to one venue in a long run, before another venue takes its place.
const soakRounds = 3

// soak is a venue, its clients, and what happens to them.
type soak struct {
	*venue
	t       *testing.T
	random  *rand.Rand
	dir     string // of the journal: it moves for a while
	s       *server
	cable   *cable
	traders []*trader
	eve     uint32             // the last number of EVE, whom nobody holds to account
	finish  context.CancelFunc // tells the traders to come to an end
	running *sync.WaitGroup
	class   string // of the fault at work
}

// tally counts what was tried and what held, fault by fault.
type tally struct {
	tried, held map[string]int
	without     map[string]string // why a fault could not be had here
}

func (n *tally) String() string {
	text := strings.Builder{}
	for _, f := range soakFaults {
		fmt.Fprintf(&text, "\n%-42s tried %5d, held %5d", f.class, n.tried[f.class], n.held[f.class])
		if why := n.without[f.class]; why != "" {
			text.WriteString("; not here: " + why)
		}
	}
	return text.String()
}

// TestSoak is the mixed run. A venue of its own for each seed, so that the seed of a failure leads to it again at once.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves this to the tests of each fault")
	}
	sum := &tally{map[string]int{}, map[string]int{}, map[string]string{}}
	start := time.Now()
	for n := *seed; n == *seed || time.Since(start).Minutes() < *soakMinutes; n++ {
		if !t.Run(fmt.Sprintf("seed-%d", n), func(t *testing.T) { soaked(t, n, sum) }) && *soakMinutes == 0 {
			break
		}
		if *soakMinutes != 0 {
			t.Logf("%.0f of %g minutes%s", time.Since(start).Minutes(), *soakMinutes, sum)
		}
	}
	t.Log(sum)
}

// soaked lets every fault come to a venue.
func soaked(t *testing.T, seed uint64, sum *tally) {
	dir, err := os.MkdirTemp("", "matcher-soak-")
	if err != nil {
		t.Fatal(err)
	}
	c := &soak{t: t, random: rand.New(rand.NewPCG(seed, 50)), class: "beginning"}
	defer func() {
		if !t.Failed() {
			_ = os.RemoveAll(dir) // the servers have ended
			return
		}
		t.Logf("%q did not hold; the journal stays in %s\nagain with: go test ./tests -run '^TestSoak$' -v -timeout 0 -seed %d -minutes %g",
			c.class, filepath.Join(dir, "data"), seed, min(*soakMinutes, 0.01))
	}()
	c.begin(dir, seed)
	defer c.end()
	rounds := 1
	if *soakMinutes != 0 {
		rounds = soakRounds
	}
	for range rounds {
		for _, i := range c.random.Perm(len(soakFaults)) {
			f := &soakFaults[i]
			c.class = f.class
			c.traded(c.s, c.traders, 100+c.random.IntN(400))
			if why := f.come(c); why != "" {
				sum.without[f.class] = why
				continue
			}
			sum.tried[f.class]++
			c.traded(c.s, c.traders, 200)
			c.hold()
			if t.Failed() {
				return
			}
			sum.held[f.class]++
		}
	}
	c.class = "end"
	c.pause()
	if left := c.s.stop(patience); left.code != 0 {
		t.Errorf("exit %d: %s", left.code, left.stderr)
	}
	c.alone()
	says(t, c.must(0, "journal", "verify", c.dir), `^intact: `)
	says(t, c.must(0, "replay", c.dir, "--verify"), `IDENTICAL`)
	c.usable()
}

// begin opens the venue and lets the clients trade.
func (c *soak) begin(dir string, seed uint64) {
	users := []string{"ANN", "BEN", "CAT", "DAN"}
	c.venue = newVenueIn(c.t, dir, "0.01", append(users, "EVE")...)
	c.dir = c.journal()
	c.env = append(c.env, "MATCHER_CORE_MAX_ORDERS=200000", "MATCHER_JOURNAL_SNAPSHOT_EVERY=5000", "MATCHER_JOURNAL_ARCHIVE="+c.path("archive"),
		"MATCHER_SESSION_STALL_TIMEOUT=1s", "MATCHER_SESSION_CLIENT_TIMEOUT=2s", "MATCHER_SESSION_HEARTBEAT=200ms")
	c.cable = newCable(c.t)
	for i, user := range users {
		c.traders = append(c.traders, &trader{
			user: user, key: c.key(user), addr: c.cable.addr, mixed: true, random: rand.New(rand.NewPCG(seed, uint64(i))),
		})
	}
	c.start()
	c.resume()
}

// end ends the clients, whatever has become of the venue.
func (c *soak) end() {
	c.finish()
	c.cable.close()
	for _, d := range c.traders {
		d.dead.Store(true)
	}
	if !ended(c.running, patience) {
		c.t.Error("the traders do not end")
		return
	}
	for _, d := range c.traders {
		if d.fault != nil {
			c.t.Error(d.fault)
		}
	}
}

// launch starts a server on the journal, wherever that is, and does not wait for it.
func (c *soak) launch(args ...string) *server {
	return c.venue.launch(append([]string{"--journal", c.dir}, args...)...)
}

// start starts a server, waits until it is ready, and leads the clients to it.
func (c *soak) start(args ...string) {
	c.t.Helper()
	c.s = c.launch(args...)
	if err := c.s.await(); err != nil {
		c.t.Fatal(err)
	}
	c.cable.plug(c.s.addr)
}

// kill ends the server as a crash would.
func (c *soak) kill() { c.s.kill() }

// stop ends the server in order.
func (c *soak) stop() {
	c.t.Helper()
	if left := c.s.stop(patience); left.code != 0 {
		c.t.Fatalf("exit %d: %s", left.code, left.stderr)
	}
}

// moment waits up to a limit: the moment of a fault is drawn.
func (c *soak) moment(most time.Duration) {
	time.Sleep(time.Duration(c.random.Int64N(int64(most))))
}

// resume lets the clients trade.
func (c *soak) resume() {
	var ctx context.Context
	ctx, c.finish = context.WithCancel(context.Background())
	c.running = &sync.WaitGroup{}
	for _, d := range c.traders {
		c.running.Add(1)
		go func() {
			defer c.running.Done()
			d.run(ctx)
		}()
	}
}

// pause waits until everything that the clients have asked is answered.
func (c *soak) pause() {
	c.t.Helper()
	c.finish()
	if !ended(c.running, 2*patience) {
		c.t.Fatalf("the traders get no answers any more\n%s", c.s.err)
	}
	for _, d := range c.traders {
		if d.fault != nil {
			c.t.Fatal(d.fault)
		}
	}
}

// hold pauses the trading and holds what everybody was told against the journal, and against what the server tells now.
func (c *soak) hold() {
	c.t.Helper()
	c.pause()
	journal := c.retold()
	for session, users := range journal {
		for user, all := range users {
			if i := slices.IndexFunc(all, ends); i >= 0 && i != len(all)-1 {
				c.t.Fatalf("%s: behind the end of session %s follows %s", user, session, spell(all[i+1]))
			}
		}
	}
	for _, d := range c.traders {
		for _, s := range d.past {
			c.prefix(d.user, s, journal)
		}
		if d.session == "" {
			continue
		}
		c.prefix(d.user, hearsay{d.session, d.seen}, journal)
		day := c.day(c.s.addr, d.user)
		all := journal[day.session][d.user]
		if day.session < d.session || len(day.raw) < len(all) || !slices.EqualFunc(all, day.raw[:len(all)], bytes.Equal) {
			c.t.Fatalf("%s: the journal has %d messages of session %s, and the server tells %d others", d.user, len(all), day.session, len(day.raw))
		}
		for range 3 {
			c.tail(c.s.addr, d.user, day, 1+c.random.Uint64N(uint64(len(day.raw))))
		}
		if day.session == d.session {
			c.answered(d, day)
		}
	}
	c.resume()
}

// ends says whether a message is the last of its session.
func ends(message []byte) bool {
	var e ouch.SystemEvent
	return e.Decode(message) == nil && e.Event == 'E'
}

// prefix holds that the messages of a session are what somebody was told: none is missing (I1), none twice or elsewhere (I2).
func (c *soak) prefix(user string, s hearsay, journal map[string]map[string][][]byte) {
	c.t.Helper()
	all := journal[s.session][user]
	for i, m := range s.seen {
		if i >= len(all) {
			c.t.Fatalf("%s: was told %d messages in session %s, the journal has %d", user, len(s.seen), s.session, len(all))
		}
		if !bytes.Equal(m, all[i]) {
			c.t.Fatalf("%s: message %d of session %s was %s and is %s", user, i+1, s.session, spell(m), spell(all[i]))
		}
	}
}

// answered holds that everything a trader has asked in the session at work is answered, in order, once each.
func (c *soak) answered(d *trader, day stream) {
	c.t.Helper()
	last := uint32(0)
	for i, m := range day.raw {
		ref := answers(m)
		if ref == 0 {
			continue
		}
		if last++; ref != last {
			c.t.Fatalf("%s: message %d answers number %d, and %d is the next: %s", d.user, i+1, ref, last, spell(m))
		}
	}
	if last != d.ref {
		c.t.Fatalf("%s: asked %d times, and %d were answered", d.user, d.ref, last)
	}
}

// retold executes the journal once more from its birth, archived segments included, and returns what everybody was told in
// every session.
func (c *soak) retold() map[string]map[string][][]byte {
	c.t.Helper()
	j, err := replay.Open(snapshot.Files(c.dir))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = j.Close() }() // it was only read
	e := j.Engine()
	encoder := gateway.NewEncoder(e)
	all := map[string]map[string][][]byte{}
	for {
		cmd, events, err := j.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			c.t.Fatal(err)
		}
		encoder.Command(cmd)
		day, _ := e.Today()
		session := trimmed(day.Session[:])
		for i := range events {
			name := e.Name(events[i].User)
			user := trimmed(name[:])
			if all[session] == nil {
				all[session] = map[string][][]byte{}
			}
			all[session][user] = append(all[session][user], encoder.Packet(nil, cmd, &events[i])[soupbin.HeaderSize:])
		}
	}
}

// taken has a snapshot taken, and another one under way come to its end first.
func (c *soak) taken() {
	c.t.Helper()
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		o := c.run("snapshot", "create", c.dir, "--keep", "2", "--archive", c.path("archive"))
		if o.code == 0 {
			return
		}
		if !strings.Contains(o.stderr, "E1020") || time.Since(start) > patience {
			c.t.Fatalf("no snapshot: exit %d: %s", o.code, o.stderr)
		}
	}
}

// alone waits until nobody takes a snapshot: one that a killed server has begun goes on.
func (c *soak) alone() { c.taken() }

// dial logs EVE in at the server itself.
func (c *soak) dial() *dealer {
	d := dialed(c.t, c.s, c.venue, "EVE", 0)
	c.eve += 1000
	d.ref = c.eve
	return d
}
