package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"matcher/core"
	"matcher/engine"
	"matcher/ring"
)

// bench measures an OUCH 5.0 venue from a client's side: ours or another. Messages fall due by a clock that no answer can
// hold back, and a latency counts from that moment, so that what a stalled venue kept from being sent is counted too
// (coordinated omission). With rate 0 there is no such clock: each connection keeps a window of messages unanswered.
//
//	bench.go        the verb: what is asked for, against whom
//	benchplan.go    which messages: a mix drawn by chance, or a flow
//	benchorders.go  the orders of one connection: messages out of them, answers into them
//	benchconn.go    the bytes of one connection
//	benchworker.go  a thread with some of the connections: the schedule, the sockets
//	benchtable.go   figures and what they mean
type bench struct {
	e  *env
	fs *pflag.FlagSet

	addr, user, keyFile, keys, configFile string
	rate                                  float64 // messages a second of all connections together; 0: closed loop
	clients, window, depth, threads       int
	mixText, flow                         string
	length, warmup, patience              time.Duration
	hgrm                                  string
	asJSON                                bool
	seed                                  uint64
	symbol, price, tick                   string
	decimals                              uint8
	quantity, firstRef                    uint32
	durability, backend, wait, journal    string

	instrument core.Instrument
	mid        uint64 // wire price around which the orders of a mix lie
	mix        mix
	lines      *flowPlan // nil: a mix
	logins     []login
	venue      string // for the table
	durable    string // sync, async or unknown
	short      string // why less was measured than was asked for
	started    time.Time
}

// benchVerb runs one measurement.
func benchVerb(ctx context.Context, e *env, args []string) error {
	b := &bench{e: e, fs: newFlags("bench")}
	b.flags()
	if _, err := parse(b.fs, args, 0, 0); err != nil {
		return err
	}
	if err := b.check(); err != nil {
		return err
	}
	own, err := b.target()
	if err != nil {
		return err
	}
	if own == nil {
		return b.measure(ctx)
	}
	err = b.measure(ctx)
	if stopped := own.stop(); err == nil {
		err = stopped
	}
	return err
}

func (b *bench) flags() {
	fs := b.fs
	fs.StringVar(&b.addr, "to", "", "address of the server; without --to and -c one is started in this process, on a temporary directory")
	fs.StringVarP(&b.configFile, "config", "c", "", "a configuration: its address, instrument and durability are used")
	fs.StringVar(&b.user, "user", "", "who sends; # stands for a digit of the client's number: B## is B00, B01, ...")
	fs.StringVar(&b.keyFile, "key-file", "", "file with the key of all these users, - for standard input (default: $MATCHER_KEY)")
	fs.StringVar(&b.keys, "keys", "", "instead: file with lines USER KEY; the first --clients of them send")
	fs.Float64Var(&b.rate, "rate", 10_000, "messages a second of all clients together; 0: no clock, each client keeps its window full")
	fs.IntVar(&b.clients, "clients", 8, "connections, 1 to 10000")
	fs.IntVar(&b.window, "window", 1024, "messages that a client may have unanswered, 1 to 65536; with --rate 0 so many it always has")
	fs.StringVar(&b.mixText, "mix", "enter=50,cancel=50", "shares of enter, cancel, replace and aggressive (an IOC order that trades),\nor a file of matcher generate or import")
	fs.IntVar(&b.depth, "depth", 100, "orders that a client leaves in the book before its next entry becomes a cancel, 1 to 100000")
	fs.DurationVar(&b.length, "for", 10*time.Second, "how long to measure")
	fs.DurationVar(&b.warmup, "warmup", time.Second, "how long to run before that without counting")
	fs.DurationVar(&b.patience, "timeout", 10*time.Second, "how long to wait for an answer before the server is given up")
	fs.StringVar(&b.hgrm, "hgrm", "", "write the latencies of all messages to this file, as HdrHistogram percentiles in microseconds")
	fs.BoolVar(&b.asJSON, "json", false, "print one object")
	fs.IntVar(&b.threads, "threads", 0, "threads that share the clients (default: half of the cpus)")
	fs.Uint64Var(&b.seed, "seed", 1, "of what the mix draws")
	fs.StringVar(&b.symbol, "symbol", "", "instrument (default AAPL, or the first of the configuration)")
	fs.StringVar(&b.price, "price", "", "price around which orders are entered (default the reference of the configuration, or 187.25)")
	fs.StringVar(&b.tick, "tick", "0.01", "tick, where no configuration says")
	fs.Uint8Var(&b.decimals, "decimals", 4, "decimals of prices, where no configuration says")
	fs.Uint32Var(&b.quantity, "qty", 100, "lots of an order")
	fs.Uint32Var(&b.firstRef, "first-ref", 0, "first UserRefNum; 0: ask the server with an Account Query")
	fs.StringVar(&b.durability, "durability", "sync", "of a server of our own: sync, written or async")
	fs.StringVar(&b.backend, "backend", "auto", "of a server of our own: auto, uring or portable")
	fs.StringVar(&b.wait, "wait", "adaptive", "of a server of our own: spin, adaptive or block")
	fs.StringVar(&b.journal, "journal", "", "of a server of our own: make its temporary directory here, on the disk to be measured")
}

// check judges what the flags say by themselves.
func (b *bench) check() error {
	err := cmp.Or(
		within("rate", b.rate, 0, 1e9), within("clients", b.clients, 1, 10_000), within("window", b.window, 1, 65_536),
		within("depth", b.depth, 1, 100_000), within("threads", b.threads, 0, 1024), within("decimals", b.decimals, 0, 9),
		within("qty", b.quantity, 1, math.MaxUint32), within("for", b.length, 100*time.Millisecond, 24*time.Hour),
		within("warmup", b.warmup, 0, time.Hour), checkPatience(b.patience))
	if err != nil {
		return err
	}
	if b.rate > 0 && b.rate < 0.1 {
		return outOfRange("rate", b.rate, "0, or at least 0.1", "0.1")
	}
	if b.threads == 0 {
		b.threads = max(1, runtime.NumCPU()/2)
	}
	return b.mix.read(b)
}

// target finds out whom to measure, and starts a server if nobody was named.
func (b *bench) target() (*ownVenue, error) {
	if b.configFile != "" {
		c, err := loadConfig(b.e, b.configFile, nil)
		if err != nil {
			return nil, err
		}
		if b.addr == "" {
			b.addr = c.core.Listen
		}
		b.durable = durabilityName(c.core.Durability) + ", as " + b.configFile + " says"
		if err := b.configured(c); err != nil {
			return nil, err
		}
	} else if err := b.unconfigured(); err != nil {
		return nil, err
	}
	if b.addr == "" {
		return b.own()
	}
	if b.fs.Changed("to") {
		if err := checkAddress("to", b.addr); err != nil {
			return nil, err
		}
	}
	b.venue = b.addr
	if b.durable == "" {
		b.durable = "unknown: it is the server's matter"
	}
	return nil, b.identify()
}

// configured takes the instrument of a configuration.
func (b *bench) configured(c *config) error {
	list := c.core.Instruments
	if len(list) == 0 {
		return &fault{Code: "E2005", What: b.configFile + " has no instrument"}
	}
	in := &list[0]
	if b.symbol != "" {
		var err error
		if in, err = (&sending{config: c, configFile: b.configFile}).known(b.symbol); err != nil {
			return err
		}
	}
	b.instrument, b.mid = *in, in.Terms.Reference
	return b.place()
}

// unconfigured makes the instrument out of flags.
func (b *bench) unconfigured() error {
	if b.symbol == "" {
		b.symbol = "AAPL"
	}
	if err := checkSymbol(b.symbol); err != nil {
		return err
	}
	tick, err := units(b.tick, b.decimals)
	if err != nil {
		return err
	}
	if tick == 0 {
		return outOfRange("tick", tick, "above 0", "0.01")
	}
	b.instrument = core.Instrument{Symbol: b.symbol, PriceDecimals: b.decimals, Tick: tick, Lot: 1, MaxQty: math.MaxUint32, MaxPrice: largestPrice}
	return b.place()
}

// place finds the price around which the orders of a mix lie, with room for the spread on both sides.
func (b *bench) place() error {
	in := &b.instrument
	if b.price != "" {
		var err error
		if b.mid, err = wirePrice(in, b.price); err != nil {
			return err
		}
	}
	if b.mid == 0 {
		b.mid = min(1_872_500, in.MaxPrice/2)
	}
	b.mid = b.mid / in.Tick * in.Tick
	if room := (spreadTicks + 1) * in.Tick; b.mid < room || b.mid+room > in.MaxPrice {
		return &fault{Code: "E4004", What: "--price leaves no room for orders on both sides", Why: fmt.Sprintf("they lie up to %d ticks away", spreadTicks)}
	}
	return nil
}

// identify finds a user and a key for each client.
func (b *bench) identify() error {
	if b.lines != nil {
		return b.lines.identify(b)
	}
	if b.keys != "" {
		users, keys, err := orderedKeys(b.keys)
		if err != nil {
			return err
		}
		if len(users) < b.clients {
			return &fault{Code: "E4006", What: fmt.Sprintf("%s has %s, --clients is %d", b.keys, count(len(users), "user"), b.clients), Why: "a user has one connection", Fix: fmt.Sprintf("--clients %d", len(users))}
		}
		for _, u := range users[:b.clients] {
			b.logins = append(b.logins, login{addr: b.addr, user: u, key: keys[u], patience: b.patience})
		}
		return nil
	}
	if b.user == "" {
		return &fault{Code: "E4003", What: "matcher bench --to needs --user or --keys", Fix: "matcher bench --to " + b.addr + " --user B## --key-file FILE"}
	}
	digits := strings.Count(b.user, "#")
	if digits == 0 && b.clients > 1 || digits > 0 && float64(b.clients) > math.Pow10(digits) {
		return &fault{
			Code: "E4004", What: fmt.Sprintf("--user %s does not name %s", b.user, count(b.clients, "client")), Why: "a user has one connection; each # is a digit of the client's number",
			Fix: "--user B##", Or: "--clients 1",
		}
	}
	key, err := keyFrom(b.e, b.keyFile)
	if err != nil {
		return err
	}
	for i := range b.clients {
		name, err := userName(numbered(b.user, i))
		if err != nil {
			return err
		}
		b.logins = append(b.logins, login{addr: b.addr, user: name, key: key, patience: b.patience})
	}
	return nil
}

// numbered puts the digits of i into the places of #, from the right.
func numbered(pattern string, i int) string {
	out := []byte(pattern)
	for at := len(out) - 1; at >= 0; at-- {
		if out[at] == '#' {
			out[at] = '0' + byte(i%10)
			i /= 10
		}
	}
	return string(out)
}

// ownVenue is a server of this process.
type ownVenue struct {
	server *core.Server
	config core.Config
	dir    string
}

// own starts a server on a temporary directory, with a user for each client.
func (b *bench) own() (*ownVenue, error) {
	c := defaults()
	for _, s := range []struct {
		flag, text string
		set        func(*config, string) *unfit
	}{{"durability", b.durability, setDurability}, {"backend", b.backend, setBackend}, {"wait", b.wait, setWait}} {
		if why := s.set(c, s.text); why != nil {
			return nil, &fault{Code: "E4004", What: fmt.Sprintf("--%s %q cannot be used", s.flag, s.text), Why: why.why, Fix: "--" + s.flag + " " + why.fix}
		}
	}
	dir, err := os.MkdirTemp(b.journal, "matcher-bench-")
	if err != nil {
		return nil, &fault{Code: "E1006", What: "no temporary directory: " + reason(err), Fix: "matcher bench --journal DIR", cause: err}
	}
	v := &ownVenue{config: c.core, dir: dir}
	cfg := &v.config
	cfg.Listen, cfg.Journal = "127.0.0.1:0", filepath.Join(dir, "data")
	users := b.users()
	cfg.MaxOrders = uint32(min(engine.MaxOrders, max(100_000, 2*len(users)*(b.depth+b.window))))
	if b.lines != nil {
		cfg.MaxOrders = max(cfg.MaxOrders, 1_000_000)
	}
	cfg.MaxUsers, cfg.MaxSessions = uint32(len(users)+8), len(users)+8
	cfg.StreamMemory = b.memory()
	in := b.instrument
	in.MaxQty = min(in.MaxQty, 999_999_999)
	cfg.Instruments = b.symbols(in)
	_, _ = rand.Read(cfg.Secret[:]) // never fails
	b.logins = nil
	for _, name := range users {
		l := login{user: name, key: newKey(), patience: b.patience}
		b.logins = append(b.logins, l)
		cfg.Users = append(cfg.Users, core.User{Name: name, Firm: "LOAD", Hash: hashKey(cfg.Secret, name, l.key)})
	}
	cfg.Log = func(line string) { say(b.e, line) }
	if v.server, err = core.Open(*cfg); err != nil {
		_ = os.RemoveAll(dir)
		return nil, serverFault(cfg, err)
	}
	if why := v.server.Refused(); why != nil {
		say(b.e, fallback(cfg, why))
	}
	for i := range b.logins {
		b.logins[i].addr = v.server.Addr()
	}
	b.venue = "a server of this process; " + v.server.Report()
	b.durable = durabilityName(cfg.Durability)
	return v, nil
}

// users are the names of the clients of a server of our own.
func (b *bench) users() []string {
	if b.lines != nil {
		return b.lines.users
	}
	var names []string
	for i := range b.clients {
		names = append(names, fmt.Sprintf("B%05d", i))
	}
	return names
}

// symbols are the instruments of a server of our own: ours, or all that the flow names.
func (b *bench) symbols(in core.Instrument) (list []core.Instrument) {
	if b.lines == nil || len(b.lines.symbols) == 0 {
		return []core.Instrument{in}
	}
	for _, name := range b.lines.symbols {
		in.Symbol = name
		list = append(list, in)
	}
	return list
}

// memory is what a server of our own needs for the answers of the run: three of at most 80 bytes to a message, within half a
// GiB to 16 GiB. What is not used costs nothing but addresses.
func (b *bench) memory() uint64 {
	rate := b.rate
	if rate == 0 {
		rate = 4e6
	}
	need := rate * (b.length + b.warmup).Seconds() * 240
	return uint64(min(max(need, 512<<20), 16<<30)) + uint64(len(b.users()))*(64<<10)
}

// stop ends the server and takes its directory away.
func (v *ownVenue) stop() error {
	v.server.Stop()
	_, err := v.server.Run()
	_ = os.RemoveAll(v.dir)
	if err != nil {
		return serverFault(&v.config, err)
	}
	return nil
}

// measure logs everybody in, runs the threads, and prints what they found.
func (b *bench) measure(ctx context.Context) error {
	if b.hgrm != "" { // found wrong now rather than behind a long run
		f, err := os.Create(b.hgrm)
		if err != nil {
			return writeFault(b.hgrm, err)
		}
		_ = f.Close() // nothing was written
	}
	workers, err := b.connect(ctx)
	defer func() {
		for _, w := range workers {
			w.close()
		}
	}()
	if err != nil {
		return err
	}
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	b.started = time.Now().Add(10 * time.Millisecond) // everybody stands at the line
	var running sync.WaitGroup
	failed := make(chan error, len(workers))
	for _, w := range workers {
		running.Add(1)
		go func() {
			defer running.Done()
			if err := w.run(limited); err != nil {
				failed <- err
				cancel()
			}
		}()
	}
	b.watch(limited, workers, &running)
	var cut error
	select {
	case cut = <-failed:
	default:
		cut = ctx.Err()
	}
	if cut != nil && !b.cutShort(time.Since(b.started), workers) {
		return cut
	}
	if err := b.report(gather(b, workers)); err != nil {
		return err
	}
	return cut
}

// cutShort makes a run that a signal or the server's end has stopped one of the length that it had. False: nothing was
// measured yet.
func (b *bench) cutShort(at time.Duration, workers []*benchWorker) bool {
	if at <= b.warmup {
		return false
	}
	b.length, b.short = min(b.length, at-b.warmup).Round(time.Millisecond), "cut short"
	for _, w := range workers {
		for _, c := range w.conns {
			c.orders.abandon()
		}
	}
	return true
}

// connect logs all clients in and deals them out to the threads in turns.
func (b *bench) connect(ctx context.Context) ([]*benchWorker, error) {
	var workers []*benchWorker
	for i := range min(b.threads, len(b.logins)) {
		w, err := newBenchWorker(b, i)
		if err != nil {
			return workers, err
		}
		workers = append(workers, w)
	}
	for i, l := range b.logins {
		c, err := dialBench(ctx, l, b.firstRef)
		if err != nil {
			return workers, err
		}
		if err := workers[i%len(workers)].add(c, i); err != nil {
			return workers, err
		}
	}
	return workers, nil
}

// watch prints a line a second until all threads have ended.
func (b *bench) watch(ctx context.Context, workers []*benchWorker, running *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { running.Wait(); close(done) }()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var before progress
	for n := 1; ; n++ {
		select {
		case <-done:
			return
		case <-second.C:
		}
		var now progress
		for _, w := range workers {
			now.add(&w.shown)
		}
		word := ""
		switch at := time.Since(b.started); {
		case at < b.warmup:
			word = "  warming up"
		case at > b.warmup+b.length:
			word = "  waiting for the last answers"
		}
		if n := now.rejected - before.rejected; n != 0 {
			word = "  " + grouped(n) + " rejected/s" + word
		}
		say(b.e, fmt.Sprintf("%3ds  %9s sent/s  %9s answered/s  %6s unanswered  worst %s us%s", n, grouped(now.sent-before.sent),
			grouped(now.answered-before.answered), grouped(now.sent-min(now.sent, now.answered)), grouped(now.worst/1000), word))
		before = now
		if ctx.Err() != nil {
			<-done
			return
		}
	}
}

// orderedKeys is readKeys with the users in the order of the file.
func orderedKeys(file string) (users []string, keys map[string]string, err error) {
	if keys, err = readKeys(file); err != nil {
		return nil, nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, readFault(file, err)
	}
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		if len(words) != 2 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if name, err := userName(words[0]); err == nil && keys[name] != "" {
			users = append(users, name)
		}
	}
	return users, keys, nil
}

// cpuText says which cpus the threads of the generator may use.
func cpuText() string {
	var list []string
	for _, cpu := range ring.CPUs() {
		list = append(list, strconv.Itoa(cpu))
	}
	if len(list) == 1 {
		return "cpu " + list[0]
	}
	return "cpus " + strings.Join(list, ",")
}
