// Package relay serves everything about the public feed that is not the feed itself: messages that were missed, the same
// stream over TCP, snapshots, the scales of instruments, and the executions of a firm (drop copy).
//
// It runs beside the venue, as a process of its own, and shares nothing with it but files: it follows the journal, executes
// every command on an engine of its own, and derives the messages that the venue has sent, byte for byte and number for
// number. So whatever is asked of it, and by however many, costs the venue nothing. How far the journal may be told of is
// said by the venue in the file durable; the relay is never ahead of it. As the venue it starts from the newest snapshot that
// can be used, and serves what was said before from the files beside that.
//
// It owns the messages that it has seen said, in files without a name, and the connections. It never writes to the
// journal and never decides anything about orders.
//
//	relay.go      Open, Run: what is served where
//	follow.go     the one goroutine that has the engine: it reads the journal
//	tape.go       numbered messages, appended by one and read by many
//	soupbin.go    logins and streams over SoupBinTCP: ITCH, drop copy
//	glimpse.go    snapshots; the reference channel
//	requests.go   the MoldUDP64 request server
package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"matcher/engine"
	"matcher/feed"
)

// Config says what a relay serves. An empty address turns a service off.
type Config struct {
	Journal   string // directory
	Spool     string // directory of the nameless files; empty: that of temporary files
	Requests  string // MoldUDP64 requests, UDP
	ITCH      string // the stream over SoupBinTCP
	Glimpse   string // GLIMPSE 5.0
	DropCopy  string
	Reference string
	Rate      int // requests that one address may make in a second
	Users     []User
	Secret    [32]byte // key of the HMAC over user names and keys
	Log       func(line string)
}

// User is somebody who may log in. Hash is as core.User has it.
type User struct {
	Name     string
	Firm     string
	Hash     [32]byte
	DropCopy bool // may read the executions of its firm
}

// MaxConnections is how many TCP connections a relay serves at once.
const MaxConnections = 1024

// ErrListen is a service that cannot be had at its address; it wraps what the system said.
var ErrListen = errors.New("relay: listen")

// Relay is one that listens. Run makes it serve.
type Relay struct {
	cfg      Config
	services []service
	requests *net.UDPConn
	asks     chan func(*feed.Public, *engine.Engine)
	slots    chan struct{} // of connections
	caughtUp chan struct{} // closed when the journal has been read to its end once

	mu    sync.Mutex // of what the sessions point to
	itch  sessions
	firms map[[4]byte]*sessions
}

// sessions are the tapes of the session at work and the one before.
type sessions struct{ now, before *tape }

// service is a TCP port and what is done with a connection.
type service struct {
	name     string
	listener net.Listener
	serve    func(context.Context, net.Conn)
}

// Open listens. Nothing is answered before Run.
func Open(cfg Config) (*Relay, error) {
	r := &Relay{
		cfg: cfg, asks: make(chan func(*feed.Public, *engine.Engine)), slots: make(chan struct{}, MaxConnections),
		caughtUp: make(chan struct{}), firms: map[[4]byte]*sessions{},
	}
	for _, u := range cfg.Users {
		if u.DropCopy {
			r.firms[firm(u.Firm)] = &sessions{}
		}
	}
	for _, s := range [...]struct {
		name, addr string
		serve      func(context.Context, net.Conn)
	}{
		{"itch", cfg.ITCH, r.serveITCH},
		{"glimpse", cfg.Glimpse, r.serveGlimpse},
		{"dropcopy", cfg.DropCopy, r.serveDropCopy},
		{"reference", cfg.Reference, r.serveReference},
	} {
		if s.addr == "" {
			continue
		}
		l, err := net.Listen("tcp", s.addr)
		if err != nil {
			r.close()
			return nil, fmt.Errorf("%w: %s on %s: %w", ErrListen, s.name, s.addr, err)
		}
		r.services = append(r.services, service{s.name, l, s.serve})
	}
	if cfg.Requests != "" {
		at, err := net.ResolveUDPAddr("udp", cfg.Requests)
		if err == nil {
			r.requests, err = net.ListenUDP("udp", at)
		}
		if err != nil {
			r.close()
			return nil, fmt.Errorf("%w: requests on %s: %w", ErrListen, cfg.Requests, err)
		}
	}
	return r, nil
}

// Addr returns where a service listens (requests, itch, glimpse, dropcopy, reference), empty if it is off.
func (r *Relay) Addr(name string) string {
	if name == "requests" && r.requests != nil {
		return r.requests.LocalAddr().String()
	}
	for _, s := range r.services {
		if s.name == name {
			return s.listener.Addr().String()
		}
	}
	return ""
}

// Ready is closed when the relay has read the journal to its end once and serves.
func (r *Relay) Ready() <-chan struct{} { return r.caughtUp }

// Run reads the journal and serves until ctx is done or the journal cannot be read any more.
func (r *Relay) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	stop := context.AfterFunc(ctx, r.close)
	defer stop()
	for _, s := range r.services {
		wg.Go(func() { r.accept(ctx, s) })
	}
	if r.requests != nil {
		wg.Go(func() { r.answer(ctx) })
	}
	err := r.follow(ctx)
	cancel()
	r.close()
	wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.itch.close()
	for _, s := range r.firms {
		s.close()
	}
	return err
}

func (r *Relay) close() {
	for _, s := range r.services {
		_ = s.listener.Close()
	}
	if r.requests != nil {
		_ = r.requests.Close()
	}
}

// accept serves the connections of a port, each on a goroutine of its own, once there is something to serve.
func (r *Relay) accept(ctx context.Context, s service) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			r.log(fmt.Sprintf("warning: %s: connections are not accepted: %v", s.name, err))
			time.Sleep(100 * time.Millisecond)
			continue
		}
		select {
		case r.slots <- struct{}{}:
		default:
			_ = conn.Close()
			continue
		}
		wg.Go(func() {
			defer func() { <-r.slots }()
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			defer func() { _ = conn.Close() }()
			select {
			case <-r.caughtUp:
				s.serve(ctx, conn)
			case <-ctx.Done():
			}
		})
	}
}

// ask lets the goroutine that has the engine do something between two commands. False: it has ended.
func (r *Relay) ask(ctx context.Context, do func(*feed.Public, *engine.Engine)) bool {
	done := make(chan struct{})
	select {
	case r.asks <- func(p *feed.Public, e *engine.Engine) { do(p, e); close(done) }:
	case <-ctx.Done():
		return false
	}
	<-done
	return true
}

func (r *Relay) log(line string) {
	if r.cfg.Log != nil {
		r.cfg.Log(line)
	}
}

func firm(s string) (f [4]byte) {
	copy(f[:], s+"    ")
	return f
}
