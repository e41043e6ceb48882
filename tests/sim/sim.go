// Package sim runs a venue on a simulated machine: the production loop (core.Stepped) against a kernel, a disk, a network
// and a clock that are made of one seed, with clients that check what they are told. Nothing waits and nothing is left to
// the scheduler: the same seed gives the same run, and thousands of crashes fit into a second.
//
//	sim.go      a run: from a seed to a verdict
//	finish.go   what must hold at its end
//	client.go   members that trade, come back, and compare; orders.go makes up their messages
//	hostile.go  a peer that sends anything
//	world.go    core.World, and the account of what the journal must hold
//	kernel.go   core.Kernel; net.go connections; disk.go the disk
//	days.go     trading days, and a venue that is told to stop
//	shelf.go    snapshots of the disk, taken by a process that may be killed, and starts from them
//	public.go   a receiver of the public feed
//	rest.go     what is found changed on the disk when a venue starts
//	control.go  protections that a run does without, to show that the simulator sees it
//
// What is checked, by the names of reliability: nothing acknowledged is lost, and streams go on byte for byte (I1, I2:
// client.go); the journal replays to the same hashes (I3: every recovery, and finish.go); what is recovered is a prefix of
// what was written, holds all that was acknowledged, and what was dropped stays dropped (I4, I5: World.begun); quantities
// are conserved and books never crossed (I7: the twin's Ledger over the journal); everybody gets their answers once the
// trouble is over (I10: finish.go); orders that live by a connection end with it, once (rule 9.9); days end and begin as rule
// 11 says (days.go); the public is told what the journal has, and no more (public.go).
//
// It never looks into the product: it calls what is exported, and reads the bytes that FORMAT.md and PROTOCOL.md describe.
package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"matcher/core"
)

// Times of the venue, in virtual ns.
const (
	clientTimeout = uint64(200 * time.Millisecond)
	grace         = uint64(150 * time.Millisecond)
	members       = 4
)

// Options say what to run.
type Options struct {
	Seed    uint64
	Steps   int     // turns of the venue, crashes left out of the account
	Calm    bool    // no faults, no crashes: for a measurement
	Control Control // a protection to do without
	as      Control // draws the run that this control has, with the protection in place
}

// Machine is memory that runs, one after the other, use again. Its zero value is ready.
type Machine struct {
	arena  []byte
	kernel Kernel
	blocks [][]byte // of files
	told   [members]told
}

// Report says what a run did.
type Report struct {
	Crashes   int // and recoveries after them
	Failed    int // lives that ended by a failed write
	Stops     int // lives that ended because an operator said so
	Days      int // trading days that ended
	Packets   int // of the feed
	Snapshots int // taken
	Cuts      int // of those that take them
	Resumed   int // starts from one
	Refused   int // starts that were refused because of a flipped bit, as they must be
	Commands  uint64
	Events    uint64 // messages that clients sent, and that they were given for the first time
	Turns     int
	Torn      uint64 // sectors
	Runs      int    // blocks that went on in the next
	Hash      uint64 // of state and messages at the end
	Faults    Faults
	Mode      core.Durability
}

// run is a run at work.
type run struct {
	o        Options
	rng      *rand.Rand
	w        *World
	cfg      core.Config
	v        *core.Stepped
	clients  []*client
	rogue    *rogue
	report   Report
	draining bool
	burst    int  // messages that a client sends at once, at most
	mishaps  int  // one in so many steps of a client ends its connection
	pace     int  // crashes come after so many ticks or less
	unclean  int  // lives that did not end in good order
	kept     bool // since the last start nothing was lost that was acknowledged
	stopping bool // the venue was told to stop
	archives bool // segments are
	lossy    bool // what was told may have been lost
	calendar calendar
	asking   bool
	kicked   *client // whose session an operator ends
}

// Run makes a run. The error says what happened that must never; anything else that goes wrong panics.
func (m *Machine) Run(o Options) (report Report, err error) {
	r := newRun(m, o)
	defer func() {
		if p := recover(); p != nil {
			v, ok := p.(violation)
			if !ok {
				v = violation(fmt.Sprint("panic: ", p))
				if o.Control == None {
					fmt.Printf("seed %d\n", o.Seed)
					panic(p)
				}
			}
			err = errors.New(string(v))
		}
		report = r.report
	}()
	r.live(r.open)
	for r.report.Turns < o.Steps {
		r.report.Turns++
		r.live(r.step)
	}
	r.finish()
	r.w.disk.scrap(m)
	for i, c := range r.clients {
		m.told[i] = c.told
	}
	return r.report, nil
}

func newRun(m *Machine, o Options) *run {
	rng := rand.New(rand.NewPCG(o.Seed, 1))
	r := &run{o: o, rng: rng}
	half := func() bool { return rng.IntN(2) == 0 }
	r.report.Mode = []core.Durability{core.Sync, core.Sync, core.Written, core.Async}[rng.IntN(4)]
	f := Faults{
		Power: rng.IntN(10) != 0, Slow: rng.IntN(4) == 0, Late: rng.IntN(3) == 0, Broken: rng.IntN(4) == 0, Full: rng.IntN(4) == 0,
		Flips: rng.IntN(3) == 0, Astray: rng.IntN(3) == 0,
		Chunks: half(), Resets: half(), Vanish: half(), Lazy: rng.IntN(3) == 0, Hostile: rng.IntN(3) == 0, Accept: rng.IntN(4) == 0,
		Jumps: rng.IntN(4) == 0, Operator: rng.IntN(3) == 0, Days: rng.IntN(3) == 0, Feed: half(),
		Snaps: rng.IntN(6) == 0,
	}
	r.burst, r.mishaps, r.pace = 1+rng.IntN(8), 20+rng.IntN(200), 10+rng.IntN(100)
	if f.Snaps {
		r.burst *= 4 // so that streams have chunks which snapshots can have given back
	}
	if o.Calm {
		f, r.report.Mode, r.burst, r.mishaps, r.pace = Faults{}, core.Sync, 32, 1<<30, 0
	}
	deep := rng.IntN(4) == 0 || max(o.Control, o.as) == Runs
	max(o.Control, o.as).needs(&f, &r.report.Mode)
	r.report.Faults = f
	w := &World{
		rng: rng, faults: f, mode: r.report.Mode, broken: o.Control, disk: newDisk(rng, m), machine: m, wall: 1_764_063_000_000_000_000, nap: 1_000_000,
		size: 64 << rng.IntN(5), chance: o.Seed, begins: true,
	}
	w.disk.lies, w.disk.forgets = o.Control == Durability, o.Control == Syncs
	if half() {
		w.nap = 20_000_000
	}
	r.w = w
	r.cfg = r.config(deep)
	r.archives = half()
	r.dated()
	if f.Feed {
		w.feed = &receiver{rng: rand.New(rand.NewPCG(o.Seed, 99))}
		r.cfg.Feed.To = []string{"sim"}
	}
	for i := range members {
		r.clients = append(r.clients, newClient(r, fmt.Sprint("U", i), o.Seed<<8|uint64(i), m.told[i]))
	}
	for _, c := range r.clients {
		c.flow.deep, c.flow.days = deep && !o.Calm, f.Days
	}
	if f.Hostile {
		r.rogue = &rogue{r: r, rng: rand.New(rand.NewPCG(o.Seed, 666))}
	}
	return r
}

// config is a small venue: what takes memory is small, so that a life is short.
func (r *run) config(deep bool) core.Config {
	c := core.Config{
		World: r.w, Listen: "sim", Journal: "sim", Block: 4096 << r.rng.IntN(3), CPU: core.NoCPU,
		MaxOrders: 256, MaxUsers: members + 1, MaxSessions: 16, StreamMemory: 8 << 20, Chunk: 8 << 10,
		LoginTimeout: 100 * time.Millisecond, ClientTimeout: time.Duration(clientTimeout), Heartbeat: 50 * time.Millisecond,
		RecoveryGrace: time.Duration(grace), Instruments: instruments(),
	}
	if deep {
		c.Block = 4096 // a command that takes many orders needs more than one
	}
	c.Segment = int64(c.Block) * int64(4+r.rng.IntN(8))
	c.Ahead = uint64(c.Segment) * r.rng.Uint64N(4)
	if r.o.Calm {
		c.Block, c.Segment, c.StreamMemory = 64<<10, 4<<20, 256<<20
	}
	c.Durability = r.report.Mode
	if r.o.Control == Disconnects {
		c.ClientTimeout = time.Hour
	}
	for i := range members + 1 {
		name := fmt.Sprint("U", i)
		mac := hmac.New(sha256.New, c.Secret[:])
		mac.Write([]byte(name + ":KEY"))
		c.Users = append(c.Users, core.User{Name: name, Firm: "FIRM", Hash: [32]byte(mac.Sum(nil)), OnDrop: i%2 == 0})
	}
	return c
}

// live does something that a crash may interrupt, and recovers from crashes until there is a venue again.
func (r *run) live(do func()) {
	for r.survives(do) {
		r.crash()
		do = r.open
	}
}

// survives does something. True: the venue crashed.
func (r *run) survives(do func()) (gone bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(crashed); !ok {
				panic(p)
			}
			gone = true
		}
	}()
	do()
	return false
}

// open starts the venue, on whatever the last life left.
func (r *run) open() {
	r.arm()
	r.w.disk.away = !r.w.spoilt && r.report.Faults.Snaps && r.rng.IntN(4) == 0
	v, err := core.OpenStepped(r.cfg)
	r.w.disk.away = false
	if err == nil {
		r.v = v
		r.looked()
		r.fromSnapshot()
		r.w.back = r.w.now + grace
		day, _ := v.Engine().Today()
		for i, c := range r.clients {
			c.remembered(day.Seq, v.Engine().LastRef(uint16(i+1), 0))
		}
		r.kept = true
		return
	}
	var failed *core.JournalError
	if (errors.As(err, &failed) || errors.Is(err, syscall.EIO)) && r.report.Faults.Broken {
		r.report.Failed++
		panic(crashed{}) // it stops, as it must, and is started again
	}
	fail("the venue does not start: %v", err)
}

// arm decides when the next crash comes. It comes soon after a recovery more often than not.
func (r *run) arm() {
	w := r.w
	w.fuse, w.fails = 0, 0
	if r.draining || r.pace == 0 {
		return
	}
	switch p := r.rng.IntN(10); {
	case p < 4:
		w.fuse = 1 + r.rng.IntN(40)
	case p < 8:
		w.fuse = 40 + r.rng.IntN(r.pace)
	default:
		w.fuse = 40 + r.rng.IntN(4*r.pace)
	}
	if w.faults.Broken && r.rng.IntN(4) == 0 {
		w.fails = 1 + r.rng.IntN(40)
	}
}

// crash ends a life: what is in flight lands or not, peers hear some of what was on its way, and a bit may flip.
func (r *run) crash() {
	w := r.w
	r.report.Crashes++
	r.unclean++
	r.alone()
	w.disk.full = false
	gently := !w.faults.Power || r.rng.IntN(8) == 0 || w.faults.Late && r.rng.IntN(2) == 0
	w.disk.crash(gently, w.faults.Late)
	gently = gently && !w.failed // what a failed sync has lost is lost
	if w.failed = false; !gently {
		w.acked = w.safe()
	}
	r.kept = r.kept && (gently && w.mode == core.Written || w.mode == core.Sync)
	r.lossy = r.lossy || !r.kept
	switch {
	case w.faults.Flips && r.rng.IntN(4) == 0:
		r.spoil(r.flip)
	case w.faults.Astray && r.rng.IntN(4) == 0:
		r.spoil([]func() bool{r.swap, r.lead, r.forge}[r.rng.IntN(3)])
	case !r.o.Control.atRest():
		r.o.Control.undo(w.disk)
	}
	if w.faults.Snaps && r.rng.IntN(16) == 0 {
		r.take(false)
	}
	if w.faults.Snaps && r.rng.IntN(8) == 0 {
		r.spoilNewest()
	}
	w.now += r.rng.Uint64N(grace)
	if r.rng.IntN(32) == 0 {
		w.now += 5 * clientTimeout
	}
	r.jump()
}

// alone ends what went on around a venue that is gone.
func (r *run) alone() {
	w := r.w
	for _, c := range r.clients {
		c.hear()
	}
	if r.rogue != nil {
		r.rogue.conn = nil
	}
	w.knocking = w.knocking[:0]
	w.header, w.begins, w.flushes = nil, true, nil
	r.v, w.kernel, r.asking, r.kicked, r.stopping = nil, nil, false, nil, false
}

// jump moves the wall clock.
func (r *run) jump() {
	if r.w.faults.Jumps && r.rng.IntN(4) == 0 {
		r.w.wall += r.rng.Uint64N(2_000_000_000)
		r.w.wall -= r.rng.Uint64N(2_000_000_000)
	}
}

// step lets the clients, the operator and the helper do something, then the venue.
func (r *run) step() {
	w := r.w
	for _, c := range r.clients {
		c.step()
		if c.conn != nil {
			c.conn.arrive()
		}
	}
	if r.rogue != nil {
		r.rogue.step()
	}
	r.around()
	if !r.v.Turn() {
		r.stopped()
	}
	r.looked()
	if w.faults.Jumps && r.rng.IntN(500) == 0 {
		r.jump()
	}
	if w.faults.Days && r.calendar.first != 0 && r.rng.IntN(200) == 0 {
		w.wall += wholeDay
	}
}

// around is what else goes on around the venue.
func (r *run) around() {
	w := r.w
	if r.rng.IntN(8) == 0 || r.draining {
		r.v.Prepare()
	}
	if w.faults.Snaps && r.rng.IntN(60) == 0 {
		r.take(true)
	}
	if w.faults.Full && r.rng.IntN(100) == 0 {
		w.disk.full = !w.disk.full && !r.draining
	}
	if _, ok := r.v.Told(); ok {
		r.asking, r.kicked = false, nil
	}
	if w.faults.Operator && !r.asking && !r.draining && r.rng.IntN(50) == 0 {
		r.asking = true
		r.v.Ask(r.request())
	}
	if c := r.kicked; c != nil && c.conn != nil {
		c.conn.excused = true
	}
	if w.faults.Operator && !r.draining && r.rng.IntN(400) == 0 {
		r.stopping = true
		r.v.Stop()
	}
}

// request makes up what an operator asks.
func (r *run) request() *core.Request {
	verb := []core.Verb{core.Status, core.Halt, core.Resume, core.Resume, core.CancelFor, core.Kick, core.EndDay}[r.rng.IntN(7)]
	if !r.w.faults.Days && verb == core.EndDay {
		verb = core.Status
	}
	q := &core.Request{Verb: verb, Symbol: symbols[r.rng.IntN(len(symbols))], Reason: [4]byte{'S', 'I', 'M', ' '}}
	switch verb {
	case core.Status:
		q.Symbol = ""
	case core.EndDay:
		q.Symbol = ""
		q.Stop = r.rng.IntN(4) == 0
		r.stopping = r.stopping || q.Stop
	case core.CancelFor, core.Kick:
		c := r.clients[r.rng.IntN(members)]
		q.Symbol, q.User = "", c.name
		if verb == core.Kick {
			r.kicked = c
		}
	}
	return q
}

// stopped deals with a venue that has stopped: it was told to, or a write has failed.
func (r *run) stopped() {
	var failed *core.JournalError
	err := r.v.Err()
	if !errors.As(err, &failed) && r.stopping {
		r.goesOn()
		return
	}
	if !errors.As(err, &failed) || !r.report.Faults.Broken {
		fail("the venue stopped: %v", err)
	}
	r.report.Failed++
	panic(crashed{})
}

// dial makes a connection.
func (w *World) dial() *conn {
	c := &conn{w: w, room: 1 << 20}
	if w.faults.Lazy {
		c.room = 256 << w.rng.IntN(5)
	}
	w.knocking = append(w.knocking, c)
	return c
}
