package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"matcher/core"
	"matcher/engine"
	"matcher/replay"
)

// demo is one demonstration: a real server on its own thread of this process, agents that reach it over TCP, and a proof.
type demo struct {
	e       *env
	out     io.Writer // of the lines for people
	length  time.Duration
	seed    uint64
	clients int
	keep    string
	backend string
	dir     string // of the journal
}

// summary is what --json prints at the end.
type summary struct {
	Orders       uint64 `json:"orders"`
	Fills        uint64 `json:"fills"`
	Events       uint64 `json:"events"`
	Refreshes    uint64 `json:"iceberg_refreshes"`
	Moves        uint64 `json:"peg_moves"`
	Triggers     uint64 `json:"stops_triggered"`
	JournalBytes uint64 `json:"journal_bytes"`
	Live         string `json:"state_hash_live"`
	Replayed     string `json:"state_hash_replay"`
	Identical    bool   `json:"identical"`
	P50          int64  `json:"p50_us"`
	P99          int64  `json:"p99_us"`
}

// demoVerb shows the whole house at work without anything set up.
func demoVerb(ctx context.Context, e *env, args []string) error {
	fs := newFlags("demo")
	d := &demo{e: e, out: e.Stdout}
	fs.DurationVar(&d.length, "for", 10*time.Second, "how long to trade, 100ms to 10m")
	fs.Uint64Var(&d.seed, "seed", 1, "of the agents' decisions")
	fs.IntVar(&d.clients, "clients", 8, "agents, 2 to 64: one in four takes, the others make markets")
	fs.StringVar(&d.keep, "keep", "", "keep the journal in this directory, which must be new or empty")
	fs.StringVar(&d.backend, "backend", "auto", "auto, uring or portable")
	asJSON := fs.Bool("json", false, "print one object at the end; everything else goes to stderr")
	if _, err := parse(fs, args, 0, 0); err != nil {
		return err
	}
	if err := cmp.Or(within("for", d.length, 100*time.Millisecond, 10*time.Minute), within("clients", d.clients, 2, 64)); err != nil {
		return err
	}
	if why := setBackend(&config{}, d.backend); why != nil {
		return &fault{Code: "E4004", What: fmt.Sprintf("--backend %q is no backend", d.backend), Why: why.why, Fix: "matcher demo --backend " + why.fix}
	}
	if *asJSON {
		d.out = e.Stderr
	}
	signal.Ignore(syscall.SIGPIPE) // whoever read our lines may go: the directory is removed all the same
	remove, err := d.place()
	if err != nil {
		return err
	}
	defer remove()
	s, err := d.run(ctx)
	if err != nil {
		return err
	}
	if *asJSON {
		if err := json.NewEncoder(e.Stdout).Encode(s); err != nil {
			return err
		}
	}
	if err := s.fault(); err != nil {
		return err
	}
	return d.next()
}

// fault is nil if the proof holds.
func (s *summary) fault() error {
	if s.Identical {
		return nil
	}
	return &fault{
		Code: "E3004", What: "replaying the journal gave another state than the server had", Why: "live " + s.Live + ", replayed " + s.Replayed,
		Fix: "matcher demo --keep DIR, and report it with the journal",
	}
}

// place finds the directory of the journal. What it returns takes away what need not stay.
func (d *demo) place() (remove func(), err error) {
	if d.keep == "" {
		if d.dir, err = os.MkdirTemp("", "matcher-demo-"); err != nil {
			return nil, &fault{Code: "E1006", What: "no temporary directory: " + reason(err), Fix: "matcher demo --keep DIR", cause: err}
		}
		return func() { _ = os.RemoveAll(d.dir) }, nil
	}
	d.dir = d.keep
	return func() {}, emptyDir(d.dir)
}

// config is that of a small venue with one instrument and a user per agent. The keys never leave the process.
func (d *demo) config() (core.Config, []login) {
	c := defaults()
	_ = setBackend(c, d.backend) // it was tried before
	cfg := c.core
	cfg.Listen, cfg.Journal, cfg.Segment = "127.0.0.1:0", filepath.Clean(d.dir), 16<<20
	cfg.MaxOrders, cfg.MaxUsers, cfg.MaxSessions = 100_000, 64, 64
	cfg.StreamMemory = 128<<20 + uint64(d.length/time.Second)*(8<<20)
	cfg.Instruments = []core.Instrument{demoInstrument()}
	_, _ = rand.Read(cfg.Secret[:]) // never fails
	logins := make([]login, d.clients)
	for i := range logins {
		logins[i] = login{user: fmt.Sprintf("MAKE%d", i), key: newKey(), patience: 5 * time.Second}
		if i%4 == 3 || i == 1 && d.clients < 4 {
			logins[i].user = fmt.Sprintf("TAKE%d", i)
		}
		cfg.Users = append(cfg.Users, core.User{Name: logins[i].user, Firm: "DEMO", Hash: hashKey(cfg.Secret, logins[i].user, logins[i].key)})
	}
	return cfg, logins
}

func demoInstrument() core.Instrument {
	return core.Instrument{Symbol: "ACME", PriceDecimals: 4, Tick: 100, Lot: 1, MaxQty: 999_999, MaxPrice: largestPrice}
}

// run opens the venue, lets the agents trade, stops everything and replays what was written.
func (d *demo) run(ctx context.Context) (*summary, error) {
	cfg, logins := d.config()
	cfg.Log = func(line string) { say(d.e, line) }
	server, err := core.Open(cfg)
	if err != nil {
		return nil, d.fault(&cfg, err)
	}
	if why := server.Refused(); why != nil {
		say(d.e, fallback(&cfg, why))
	}
	d.say("server  %s, %s", server.Addr(), server.Report())
	d.say("agents  %d over TCP, seed %d, for %s", d.clients, d.seed, d.length)
	floor := newFloor(d.seed)
	err = d.trade(ctx, floor, logins, server.Addr())
	if errors.Is(err, errEntryClosed) {
		err = d.closed(&cfg, server, err)
	}
	server.Stop()
	result, stopped := server.Run()
	if stopped != nil {
		return nil, d.fault(&cfg, stopped)
	}
	if err != nil {
		return nil, err
	}
	s := floor.summary()
	s.Fills, s.Events, s.JournalBytes, s.Live = result.Fills, result.Events, result.JournalBytes, hashText(result.StateHash)
	return s, d.prove(s)
}

// fault is serverFault for a server that has no configuration file to change.
func (d *demo) fault(cfg *core.Config, err error) error {
	err = serverFault(cfg, err)
	var f *fault
	if errors.As(err, &f) {
		f.Or = strings.Replace(f.Or, "matcher serve", "matcher demo", 1)
	}
	if errors.Is(err, core.ErrMemory) {
		f.Fix = "matcher demo --for " + (d.length / 2).String()
	}
	if f != nil && f.Code == "E1004" {
		f.Or = "matcher demo --keep DIR   on another disk"
		if d.keep == "" {
			f.Fix, f.Or = strings.ReplaceAll(f.Fix, cfg.Journal, os.TempDir()), "TMPDIR=DIR matcher demo   uses another disk"
		}
	}
	return err
}

// closed says why the venue closed order entry.
func (d *demo) closed(cfg *core.Config, server *core.Server, err error) error {
	a, asked := server.Operate(&core.Request{Verb: core.Status})
	switch {
	case asked != nil:
		return err
	case a.Venue.Gate == engine.GateDisk:
		return d.fault(cfg, syscall.ENOSPC)
	case a.Venue.Gate == engine.GateMemory:
		return d.fault(cfg, core.ErrMemory)
	}
	return err
}

// trade runs the agents for the length of the demonstration and prints a line a second.
func (d *demo) trade(ctx context.Context, floor *floor, logins []login, addr string) error {
	limited, cancel := context.WithTimeout(ctx, d.length)
	defer cancel()
	var running sync.WaitGroup
	failed := make(chan error, len(logins))
	for i, l := range logins {
		l.addr = addr
		a, err := newAgent(limited, floor, l, d.seed+uint64(i)+1)
		if err != nil {
			cancel()
			running.Wait()
			return err
		}
		running.Add(1)
		go func() {
			defer running.Done()
			if err := a.run(limited); err != nil {
				failed <- err
				cancel()
			}
		}()
	}
	d.watch(limited, floor)
	running.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil // also if somebody stopped it early: what was traded can be proven all the same
	}
}

// watch moves the market and reports until time is up.
func (d *demo) watch(ctx context.Context, floor *floor) {
	walk := time.NewTicker(20 * time.Millisecond)
	second := time.NewTicker(time.Second)
	defer walk.Stop()
	defer second.Stop()
	for n := 1; ; {
		select {
		case <-walk.C:
			floor.move()
		case <-second.C:
			d.say("%3ds    %s", n, floor.line())
			n++
		case <-ctx.Done():
			if floor.since() > time.Second/2 {
				d.say("%3ds    %s", n, floor.line())
			}
			return
		}
	}
}

// prove executes the journal once more from its first command.
func (d *demo) prove(s *summary) error {
	start := time.Now()
	j, err := replay.Open(os.DirFS(d.dir))
	if err == nil {
		for err == nil {
			_, _, err = j.Next()
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		_ = j.Close() // it was only read
	}
	if f := dataFault(err); f != nil {
		return f
	}
	if err != nil {
		return err
	}
	n := j.Counts()
	s.Replayed = hashText(j.Engine().Hash())
	s.Identical = s.Replayed == s.Live
	d.say("traded  %s orders, %s fills, p50 %d us, p99 %d us from order to Accepted, which waits for the disk", grouped(s.Orders), grouped(s.Fills), s.P50, s.P99)
	d.say("also    %s slices of icebergs shown anew, %s moves of pegs, %s stops triggered", grouped(s.Refreshes), grouped(s.Moves), grouped(s.Triggers))
	d.say("journal %s commands, %s fills, %s bytes in %s blocks: every checksum holds", grouped(n.Commands), grouped(n.Fills), grouped(s.JournalBytes), grouped(n.Blocks))
	d.say("replay  every command executed again in %d ms, every fill and hash compared", time.Since(start).Milliseconds())
	verdict := "IDENTICAL"
	if !s.Identical {
		verdict = "DIFFERENT"
	}
	d.say("state   live %s, replayed %s: %s", s.Live, s.Replayed, verdict)
	return nil
}

// next suggests what to do now.
func (d *demo) next() error {
	self := "matcher"
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, "go-build") {
		self = "go run ./cmd/matcher"
	}
	dir := shellWord(d.keep)
	lines := []string{self + " demo --for 3s --keep demo-journal", self + " replay demo-journal --verify", self + " init venue"}
	if d.keep != "" {
		lines = []string{self + " replay " + dir + " --verify", self + " journal dump " + dir, self + " init venue"}
	}
	_, err := fmt.Fprintf(d.out, "next    %s\n", strings.Join(lines, "\n        "))
	return err
}

// say prints a line. Nothing depends on its being read.
func (d *demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", args...) }
