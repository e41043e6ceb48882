package tests

import (
	"bytes"
	"context"
	enc "encoding/binary" // binary is the name of the server under test in this package
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

	"matcher/engine"
	"matcher/feed"
	"matcher/gateway"
	"matcher/replay"
	"matcher/snapshot"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// A mixed run on the real binary: clients that keep what they were told trade all the time, while one fault after the other
// comes, in an order drawn from a seed. After each fault the trading pauses, and everything that anybody was told, in this
// session or one before, is held against the journal executed again, and against what the server tells a client that asks for
// it once more; and what a relay has said of the feed, which follows beside it or takes another's place, against the same
// journal.
//
//	e2e_soak_test.go         the run, and what is held after every fault
//	e2e_soak_faults_test.go  the faults
//	e2e_soak_relay_test.go   the relay beside the venue
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
	mode    string // durability
	// The relay beside the venue, nil: there is none for now, and what relays before it have said.
	listener  *listener
	overheard []hearsay
}

// retold is what a journal says: what everybody was told in every session, and the public.
type retold struct {
	users   map[string]map[string][][]byte
	public  map[string][][]byte
	session string // at work
}

// soakModes are the durabilities, each on venues of its own.
var soakModes = []string{"sync", "written", "async"}

// soakFew is how many faults come to a venue that is not sync in a run of each fault once.
const soakFew = 5

// tally counts what was tried and what held, by fault and durability.
type tally struct {
	tried, held map[[2]string]int
	without     map[string]string // why a fault could not be had here
}

func (n *tally) String() string {
	text := strings.Builder{}
	for _, f := range soakFaults {
		fmt.Fprintf(&text, "\n%-42s tried, held:", f.class)
		for _, mode := range soakModes {
			fmt.Fprintf(&text, "  %s %4d %4d", mode, n.tried[[2]string{f.class, mode}], n.held[[2]string{f.class, mode}])
		}
		if why := n.without[f.class]; why != "" {
			text.WriteString("; not here: " + why)
		}
	}
	return text.String()
}

// TestSoak is the mixed run. A venue of its own for each seed and durability, so that the seed of a failure leads to it again
// at once.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves this to the tests of each fault")
	}
	sum := &tally{map[[2]string]int{}, map[[2]string]int{}, map[string]string{}}
	start := time.Now()
	over := func() bool { return time.Since(start).Minutes() >= *soakMinutes }
	for n := *seed; n == *seed || !over(); n++ {
		for _, mode := range soakModes {
			if n != *seed && over() {
				break
			}
			t.Run(fmt.Sprintf("seed-%d-%s", n, mode), func(t *testing.T) { soaked(t, n, mode, sum) })
		}
		if *soakMinutes != 0 {
			t.Logf("%.0f of %g minutes%s", time.Since(start).Minutes(), *soakMinutes, sum)
		}
	}
	t.Log(sum)
}

// soaked lets every fault come to a venue.
func soaked(t *testing.T, seed uint64, mode string, sum *tally) {
	dir, err := os.MkdirTemp("", "matcher-soak-")
	if err != nil {
		t.Fatal(err)
	}
	c := &soak{t: t, random: rand.New(rand.NewPCG(seed, uint64(50+slices.Index(soakModes, mode)))), class: "beginning", mode: mode}
	defer func() {
		if !t.Failed() {
			_ = os.RemoveAll(dir) // the servers have ended
			return
		}
		t.Logf("%q did not hold; the journal stays in %s\nagain with: go test ./tests -run '^TestSoak$/-%s$' -v -timeout 0 -seed %d -minutes %g",
			c.class, filepath.Join(dir, "data"), mode, seed, min(*soakMinutes, 0.01))
	}()
	c.begin(dir, seed)
	defer c.end()
	rounds := 1
	if *soakMinutes != 0 {
		rounds = soakRounds
	}
	for range rounds {
		for n, i := range c.random.Perm(len(soakFaults)) {
			if n == soakFew && mode != "sync" && *soakMinutes == 0 {
				break
			}
			if c.strike(&soakFaults[i], sum); t.Failed() {
				return
			}
		}
	}
	c.class = "end"
	c.pause()
	c.deaf()
	if left := c.s.stop(patience); left.code != 0 {
		t.Errorf("exit %d: %s", left.code, left.stderr)
	}
	c.alone()
	says(t, c.must(0, "journal", "verify", c.dir), `^intact: `)
	says(t, c.must(0, "replay", c.dir, "--verify"), `IDENTICAL`)
	c.usable()
}

// strike lets a fault come and holds what must hold after it.
func (c *soak) strike(f *fault, sum *tally) {
	c.t.Helper()
	c.class = f.class
	key := [2]string{f.class, c.mode}
	c.traded(c.s, c.traders, 100+c.random.IntN(400))
	if why := f.come(c); why != "" {
		sum.without[f.class] = why
		return
	}
	sum.tried[key]++
	if c.listener != nil && c.random.IntN(3) == 0 {
		c.deaf()
	}
	if c.listener == nil {
		c.listen()
	}
	c.traded(c.s, c.traders, 200)
	c.hold()
	sum.held[key]++
}

// begin opens the venue and lets the clients trade.
func (c *soak) begin(dir string, seed uint64) {
	users := []string{"ANN", "BEN", "CAT", "DAN"}
	c.venue = newVenueIn(c.t, dir, "0.01", append(users, "EVE")...)
	c.dir = c.journal()
	c.env = append(c.env, "MATCHER_CORE_MAX_ORDERS=200000", "MATCHER_JOURNAL_DURABILITY="+c.mode, "MATCHER_JOURNAL_SNAPSHOT_EVERY=5000", "MATCHER_JOURNAL_ARCHIVE="+c.path("archive"),
		"MATCHER_SESSION_STALL_TIMEOUT=1s", "MATCHER_SESSION_CLIENT_TIMEOUT=2s", "MATCHER_SESSION_HEARTBEAT=200ms")
	c.cable = newCable(c.t)
	for i, user := range users {
		c.traders = append(c.traders, &trader{
			user: user, key: c.key(user), addr: c.cable.addr, mixed: true, unsure: true, random: rand.New(rand.NewPCG(seed, uint64(i))),
		})
	}
	c.start()
	c.resume()
	c.listen()
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
	now := c.retold()
	for start := time.Now(); !c.written(now) && time.Since(start) < patience; time.Sleep(5 * time.Millisecond) {
		now = c.retold() // what was answered need not be in the journal yet
	}
	journal := now.users
	for session, users := range journal {
		for user, all := range users {
			if i := slices.IndexFunc(all, ends); i >= 0 && i != len(all)-1 {
				c.t.Fatalf("%s: behind the end of session %s follows %s", user, session, spell(all[i+1]))
			}
		}
	}
	for _, d := range c.traders {
		for _, s := range d.past {
			c.prefix(d.user, s, now)
		}
		if d.session == "" {
			continue
		}
		c.prefix(d.user, hearsay{d.session, d.seen}, now)
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
	c.public(now)
	c.resume()
}

// ends says whether a message is the last of its session.
func ends(message []byte) bool {
	var e ouch.SystemEvent
	return e.Decode(message) == nil && e.Event == 'E'
}

// written says whether the journal has all that was told in the session at work.
func (c *soak) written(now *retold) bool {
	return !slices.ContainsFunc(c.traders, func(d *trader) bool {
		return d.session == now.session && len(d.seen) > len(now.users[d.session][d.user])
	})
}

// prefix holds that the messages of a session are what somebody was told: none is missing (I1), none twice or elsewhere (I2).
// In `async` mode the last ones of a session that a crash has ended may be missing.
func (c *soak) prefix(user string, s hearsay, now *retold) {
	c.t.Helper()
	all := now.users[s.session][user]
	for i, m := range s.seen {
		if i >= len(all) && c.mode == "async" && s.session != now.session {
			return
		}
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
	last := d.base
	for i, m := range day.raw {
		if i < d.from {
			continue // told again, of before the session
		}
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
// every session, and the public.
func (c *soak) retold() *retold {
	c.t.Helper()
	j, err := replay.Open(snapshot.Files(c.dir))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = j.Close() }() // it was only read
	e := j.Engine()
	encoder, view := gateway.NewEncoder(e), feed.New(e)
	now := &retold{users: map[string]map[string][][]byte{}, public: map[string][][]byte{}}
	said := func(framed []byte) {
		session := view.Session()
		for name := trimmed(session[:]); len(framed) != 0; {
			n := 2 + int(enc.BigEndian.Uint16(framed))
			now.public[name] = append(now.public[name], framed[2:n])
			framed = framed[n:]
		}
	}
	j.Before(func(cmd *engine.Command) { said(view.Before(nil, cmd)) })
	for {
		cmd, events, err := j.Next()
		if errors.Is(err, io.EOF) {
			return now
		}
		if err != nil {
			c.t.Fatal(err)
		}
		encoder.Command(cmd)
		day, _ := e.Today()
		session := trimmed(day.Session[:])
		now.session = session
		said(view.Append(nil, cmd, events, true))
		for i := range events {
			name := e.Name(events[i].User)
			user := trimmed(name[:])
			if now.users[session] == nil {
				now.users[session] = map[string][][]byte{}
			}
			now.users[session][user] = append(now.users[session][user], encoder.Packet(nil, cmd, &events[i])[soupbin.HeaderSize:])
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
