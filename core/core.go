// Package core runs a venue on one pinned thread: it is the only room where kernel, clock and market meet.
//
// It owns the thread, the ring, the journal's files, time, and everything that is in flight: received bytes waiting for
// their turn, commands waiting for durability, answers waiting for release. It never parses a message (gateway), never
// matches an order (engine) and knows nothing of a block's layout (journal).
//
//	core.go     Open, Run, Stop; the thread
//	world.go    the machine below: clock, chance, files, sockets
//	stepped.go  a venue that somebody else turns
//	config.go   what a server needs to know
//	recover.go  the journal as found, and what a start adds to it
//	retell.go   what users were sent, written again beside the execution of the journal
//	past.go     starting from a snapshot; what users were sent before one
//	reserves.go how much memory the answers of one command may take
//	loop.go     one turn, on one screen; commands
//	commit.go   from a closed block to released answers
//	feed.go     the public feed; how far readers of the journal may go
//	gates.go    closing order entry for want of memory or disk
//	inbox.go    received bytes, and whose turn it is
//	day.go      the end of a trading day and the beginning of the next
//	conns.go    connections as the kernel sees them; sessions that were lost
//	operator.go what an operator may ask of a running venue
//	files.go    segments; helper.go prepares them
package core

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"matcher/engine"
	"matcher/feed"
	"matcher/gateway"
	"matcher/journal"
	"matcher/ring"
)

// Result is what a server leaves behind. What it recovered when it was opened is not counted.
type Result struct {
	StateHash    uint64
	Seq          uint64 // of the last command
	Commands     uint64
	Events       uint64
	Fills        uint64
	Enters       uint64 // io_uring_enter calls; of the portable driver, all its system calls
	JournalBytes uint64 // of blocks, since the birth of the journal
}

// Server is a venue that is open.
type Server struct {
	addr    string
	report  string
	refused error
	pipe    pipe
	ready   chan error
	ended   chan struct{}
	result  Result
	err     error

	progress atomic.Uint64 // see Progress
	scarce   atomic.Bool   // see Scarce

	asking  sync.Mutex  // one operator at a time
	answers chan Answer // to the one that asks
}

// pipe is the end of the loop's pipe that anybody may write to, as long as it is open.
type pipe struct {
	world World
	mu    sync.Mutex
	fd    int // -1: not open
}

// post writes one message.
func (p *pipe) post(m *[messageSize]byte) { p.write(m[:]) }

// write writes messages, unless the pipe is closed. Writes up to 4096 bytes are atomic (pipe(7)): what is written at once is
// read without anything between.
func (p *pipe) write(messages []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fd >= 0 {
		p.world.Post(p.fd, messages)
	}
}

func (p *pipe) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fd >= 0 {
		p.world.Close(p.fd)
		p.fd = -1
	}
}

// Errors that Open may give, beside those of packages ring (*SetupError, ErrLocked), journal (*Damage) and replay
// (*Divergence), which it wraps.
var (
	ErrConfig = errors.New("core: configuration")            // what the journal says and the configuration says do not agree
	ErrMemory = errors.New("core: not enough stream memory") // the streams since the last snapshot do not fit
	ErrFeed   = errors.New("core: feed")                     // a destination that nothing can be sent to; wraps the error number
	ErrListen = errors.New("core: listen")                   // wraps the error number, EADDRINUSE for a port in use
)

// Open locks and recovers the journal, opens the venue and serves until Stop. It returns when clients can connect.
func Open(cfg Config) (*Server, error) {
	s := &Server{ready: make(chan error), ended: make(chan struct{}), pipe: pipe{fd: -1}, answers: make(chan Answer, 1)}
	if s.pipe.world = cfg.World; s.pipe.world == nil {
		s.pipe.world = newMachine(&cfg)
	}
	go s.thread(cfg)
	if err := <-s.ready; err != nil {
		<-s.ended
		return nil, err
	}
	return s, nil
}

// Addr returns the address the server listens on.
func (s *Server) Addr() string { return s.addr }

// Report says in one line what the server runs on: kernel features, cpu, journal, recovery.
func (s *Server) Report() string { return s.report }

// Refused says why a server that was to choose its backend (AutoBackend) does without io_uring; it wraps a *ring.SetupError.
// Nil: it has io_uring, or was told what to use.
func (s *Server) Refused() error { return s.refused }

// Progress returns the seq of the last command that was handed to the journal, for whoever looks now and then.
func (s *Server) Progress() uint64 { return s.progress.Load() }

// Scarce says whether half of the stream memory that order entry has is used up, for whoever looks now and then: a snapshot would
// free some.
func (s *Server) Scarce() bool { return s.scarce.Load() }

// Snapshotted says that a snapshot was taken beside the server. What users were sent before it is read from there from now on, and
// its memory is given back. It may be called from any goroutine.
func (s *Server) Snapshotted() { s.pipe.post(&[messageSize]byte{messageSnapshot}) }

// Run waits until the server has stopped and returns what it leaves behind. The error says why it stopped by itself.
func (s *Server) Run() (Result, error) {
	<-s.ended
	return s.result, s.err
}

// Stop asks the server for an orderly end: what was sequenced is answered, the journal is sealed; bytes not yet read are
// dropped, as if they had come later, and a client that does not take its answers within half a second gets them when it
// logs in again. Stop does not wait.
func (s *Server) Stop() { s.pipe.post(&[messageSize]byte{messageStop}) }

// thread is the venue's own thread, from the first system call to the last.
func (s *Server) thread(cfg Config) {
	defer close(s.ended)
	runtime.LockOSThread() // before the ring is made: it belongs to this thread alone; the thread ends with the goroutine
	l, err := s.open(&cfg, false)
	s.ready <- err
	if err != nil {
		return
	}
	s.err = errPanicked // what Run tells if the next line does not return
	s.err = l.run()
	s.result = Result{
		StateHash: l.engine.Hash(), Seq: l.engine.Seq(), Commands: l.commands, Events: l.told,
		Fills: l.engine.Fills() - l.before, Enters: l.kernel.Enters(),
		JournalBytes: uint64(l.writer.Durable()),
	}
	l.shutdown()
	s.pipe.close()
}

var errPanicked = errors.New("core: the venue's thread panicked")

// open does everything that comes before the first turn. What it opened is closed again if it fails. byHand: the caller does
// the helper's work.
func (s *Server) open(cfg *Config, byHand bool) (_ *loop, err error) {
	world := s.pipe.world
	l := &loop{cfg: cfg, world: world, progress: &s.progress, scarce: &s.scarce, conns: newConns(cfg.MaxSessions)}
	l.desk.answers = s.answers
	l.files = files{dir: cfg.Journal, current: noFile, pipe: -1, slotSize: cfg.block()}
	l.conns.listener = -1
	l.lock = -1
	defer func() {
		if err != nil {
			l.shutdown()
			s.pipe.close()
		}
	}()
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	l.files.spares = make([]file, 0, cfg.ahead()+1)
	cpu := world.Pin(cfg)
	if l.lock, err = world.Lock(cfg.Journal); err != nil {
		return nil, fmt.Errorf("core: journal %s: %w", cfg.Journal, err)
	}
	if l.feed, err = openFeed(world, &cfg.Feed); err != nil {
		return nil, err
	}
	found, err := l.build(cfg)
	if err != nil {
		return nil, err
	}
	fd, addr, err := world.Listen(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("%w on %s: %w", ErrListen, cfg.Listen, err)
	}
	l.conns.listener, s.addr = int32(fd), addr
	r, w, err := world.Pipe()
	if err != nil {
		return nil, fmt.Errorf("core: %w", err)
	}
	l.files.pipe, s.pipe.fd = int32(r), w
	l.files.helper = newHelper(world, cfg, s.pipe.post, byHand)
	l.past.start(world.Journal(cfg.Journal), cfg.MaxSessions, s.pipe.post, byHand)
	l.listenPipe()
	// Only now: a start that is refused leaves every file as it was.
	if l.reached, err = openDurable(world, cfg.Journal); err != nil {
		return nil, err
	}
	if err := l.begin(cfg, found); err != nil {
		return nil, err
	}
	l.engine.Memory(world.Prefault) // no order that trades waits for a page
	l.conns.listen(l)
	if m, ok := world.(*machine); ok {
		s.refused = m.refused
	}
	s.report = fmt.Sprintf("%s; %s; %s; %s", features(l.kernel), cpu, l.disk, found)
	return l, nil
}

// pin gives the thread a cpu of its own, as far as the machine allows, and says what it did.
func pin(cfg *Config) string {
	runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0))) // set explicitly: a smaller affinity must not lower it
	cpus := ring.CPUs()
	switch {
	case len(cpus) < 2 && cfg.CPU < 0:
		cfg.Wait = ring.Block // spinning on the only cpu would starve everything else
		return "one cpu, waiting in the kernel"
	case cfg.CPU == NoCPU:
		return "not pinned"
	case cfg.CPU == AutoCPU:
		cfg.CPU = cpus[len(cpus)-1]
	}
	if err := ring.MoveOthers(cfg.CPU); err != nil {
		return fmt.Sprintf("not pinned: %v", err)
	}
	if err := ring.Pin(cfg.CPU); err != nil {
		return fmt.Sprintf("not pinned: %v", err)
	}
	return fmt.Sprintf("cpu %d", cfg.CPU)
}

func features(k Kernel) string {
	switch k := k.(type) {
	case *ring.Uring:
		return k.Features()
	case *ring.Portable:
		return "PORTABLE BACKEND, no io_uring: " + k.Features()
	}
	return "another kernel"
}

// build makes the ring, the memory that everything in flight lies in, and the venue as the journal has it.
func (l *loop) build(cfg *Config) (*found, error) {
	control := pages(uint64(cfg.MaxSessions) * gateway.ControlSize)
	streams := pages(cfg.StreamMemory)
	slotSize := l.files.slotSize
	earlier := pages(uint64(cfg.MaxSessions) * gateway.PastSize)
	k, err := l.world.Kernel(slotCount*slotSize + 2*page + control + streams + feedMemory + earlier)
	if err != nil {
		return nil, fmt.Errorf("core: %w", err)
	}
	l.kernel = k
	at := k.Base()
	take := func(n uint64) uint64 { at += n; return at - n }
	l.files.slots, l.files.header, l.files.mail = take(slotCount*slotSize), take(page), take(page)
	controlOff, streamsOff, feedOff, pastOff := take(control), take(streams), take(feedMemory), take(earlier)
	arena := k.Arena()
	l.arena = arena
	l.past.memory = arena[pastOff:][:earlier]
	if l.feed != nil {
		l.feed.packets = feed.NewPackets(arena[feedOff:][:feedMemory], feedOff)
	}
	for _, memory := range [][]byte{arena[l.files.slots:][:slotCount*slotSize], arena[streamsOff:][:min(cfg.Prefault, streams)]} {
		l.world.Prefault(uintptr(unsafe.Pointer(unsafe.SliceData(memory))), uintptr(len(memory))) // nobody waits for a page of it
	}
	l.engine = engine.New()
	f, err := l.recovered(cfg, gateway.Config{
		Secret: cfg.Secret, Connections: cfg.MaxSessions,
		Control: arena[controlOff:][:control], ControlOff: controlOff,
		Streams: arena[streamsOff:][:streams], StreamsOff: streamsOff, Chunk: cfg.chunk(), PastOff: pastOff,
		LoginTimeout: uint64(cfg.LoginTimeout), ClientTimeout: uint64(cfg.ClientTimeout), Heartbeat: uint64(cfg.Heartbeat),
		Stall: uint64(cfg.StallTimeout), Behind: cfg.MaxBehind,
		Allow: cfg.Allow, PerSource: cfg.MaxPerSource, WrongLogins: cfg.WrongLogins,
		Earlier: l.conns.inbox.earlier,
	})
	if err != nil {
		return nil, err
	}
	var slots [][]byte
	for i := range uint64(slotCount) {
		slots = append(slots, arena[l.files.slots+i*slotSize:][:slotSize])
	}
	l.writer = journal.NewWriter(journal.Config{ID: f.id, State: f.state, Slots: slots, Lazy: cfg.Durability != Sync})
	return f, nil
}

const page = 4096

func pages(n uint64) uint64 { return (n + page - 1) / page * page }

// shutdown gives everything back to the kernel. The helper has ended before the pipe that it writes to is closed.
func (l *loop) shutdown() {
	for i := range l.conns.all {
		if c := &l.conns.all[i]; c.used {
			l.world.Close(int(c.fd))
		}
	}
	l.past.stop() // it writes to the kernel's arena
	if l.kernel != nil {
		_ = l.kernel.Close()
	}
	l.feed.close(l.world)
	if l.reached != nil {
		_ = l.reached.Close()
	}
	spares := l.files.spares
	if l.files.helper != nil {
		spares = append(spares, l.files.helper.stop()[l.files.taken:]...)
	}
	for i := range spares {
		l.world.Close(int(spares[i].fd))
	}
	for _, fd := range []int32{l.conns.listener, l.files.current.fd, l.files.pipe, int32(l.lock)} {
		if fd >= 0 {
			l.world.Close(int(fd))
		}
	}
}
