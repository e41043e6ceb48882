package core

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"

	"matcher/engine"
	"matcher/gateway"
	"matcher/journal"
	"matcher/replay"
	"matcher/ring"
)

// found is the journal as a start finds it.
type found struct {
	fresh    bool
	id       journal.ID
	state    journal.State // where the new epoch begins
	commands uint64
	torn     string   // what was cut off, in words
	aside    []string // segments that hold nothing but what was cut off, in order
}

// String says what was found, for people.
func (f *found) String() string {
	if f.fresh {
		return "new journal"
	}
	text := fmt.Sprintf("%d commands replayed, epoch %d", f.commands, f.state.Epoch)
	if f.torn != "" {
		text += "; " + f.torn
	}
	return text
}

// recovered brings engine and gateway to the state that the journal ends with, checking every fill and hash on the way.
// It changes nothing on the disk.
func (l *loop) recovered(cfg *Config, gc gateway.Config) (*found, error) {
	l.reserve = streamReserve(cfg)
	if cfg.StreamMemory < 2*l.reserve {
		return nil, fmt.Errorf("%w: stream_memory is %d bytes; max_orders = %d and max_users = %d need at least %d",
			ErrConfig, cfg.StreamMemory, cfg.MaxOrders, cfg.MaxUsers, 2*l.reserve)
	}
	if err := settle(cfg.Journal); err != nil {
		return nil, err
	}
	j, err := replay.Open(os.DirFS(cfg.Journal))
	var damage *journal.Damage
	if errors.As(err, &damage) && damage.Kind == journal.NoJournal {
		f := &found{fresh: true, state: journal.State{Epoch: 1}}
		if _, err := rand.Read(f.id[:]); err != nil {
			return nil, fmt.Errorf("core: a name for the journal: %w", err)
		}
		gc.Engine = l.engine
		l.gateway = gateway.New(gc)
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("core: journal %s: %w", cfg.Journal, err)
	}
	defer func() { _ = j.Close() }() // it was only read
	f := &found{}
	l.engine = j.Engine()
	gc.Engine = l.engine
	l.gateway = gateway.New(gc)
	if err := l.rerun(j); err != nil {
		return nil, err
	}
	f.id, f.state, f.commands = j.ID(), j.End(), j.Counts().Commands
	f.state.Epoch++
	l.output = f.state.OutputHash
	if t, ok := j.Torn(); ok {
		f.aside = t.Aside
		f.torn = fmt.Sprintf("a torn tail of %d bytes stays behind in %s at offset %d, never acknowledged", t.Bytes, t.File, t.Offset)
	}
	return f, nil
}

// rerun executes the journal and lets the gateway write every user's stream anew.
func (l *loop) rerun(j *replay.Journal) error {
	for {
		cmd, events, err := j.Next()
		if errors.Is(err, io.EOF) {
			l.marks = l.gateway.Mark(l.marks[:0])
			l.gateway.Release(l.marks)
			l.marks = l.marks[:0]
			return nil
		}
		if err != nil {
			return fmt.Errorf("core: journal %s: %w", l.cfg.Journal, err)
		}
		if l.gateway.Free() < l.reserve/4 {
			return fmt.Errorf("%w: the journal's day needs more than stream_memory = %d", ErrMemory, l.cfg.StreamMemory)
		}
		l.gateway.Deliver(cmd, events)
	}
}

// settle makes durable what is about to be read: a decision must not rest on pages that a power cut could still take away.
func settle(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.mj"))
	if err != nil {
		return fmt.Errorf("core: journal: %w", err)
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("core: journal: %w", err)
		}
		err = ring.Fsync(int(f.Fd()))
		_ = f.Close() // it was only read
		if err != nil {
			return fmt.Errorf("core: journal: %w", err)
		}
	}
	return nil
}

// streamReserve is the stream memory that one command may need at the worst: every resting order is filled, each side of
// each fill is told, and each user's stream begins a new chunk.
func streamReserve(cfg *Config) uint64 {
	return uint64(cfg.MaxUsers+1)*gateway.ChunkSize + uint64(cfg.MaxOrders)*2*gateway.MaxExecuted + 1<<20
}

// begin starts a new epoch: a segment whose header is the fence behind everything older, then the commands that this start
// adds. Clients are let in only when the header is durable.
func (l *loop) begin(cfg *Config, f *found) error {
	l.time = max(l.time, l.engine.Time())
	l.clock()
	size := min(firstSegment, uint64(cfg.Segment))
	for i := len(f.aside) - 1; i > 0; i-- { // the last first, so that no gap can stay behind; the first is replaced below
		spare, err := prepare(cfg.Journal, f.state.Segment+1+uint32(i), size, new(atomic.Bool))
		if err != nil {
			return fmt.Errorf("core: journal %s: %w", cfg.Journal, err)
		}
		_ = syscall.Close(int(spare.fd))
	}
	first, err := prepare(cfg.Journal, f.state.Segment+1, size, new(atomic.Bool))
	if err != nil {
		return fmt.Errorf("core: journal %s: %w", cfg.Journal, err)
	}
	l.files.spare = first
	l.files.advance(l)
	for l.files.switching && l.err == nil {
		l.drain()
	}
	if l.err != nil {
		return l.err
	}
	l.disk = "journal " + cfg.Journal
	if cfg.Durability == Async {
		l.disk += ", async: a crash loses the last milliseconds"
	} else {
		l.disk += ", sync"
	}
	if !first.direct {
		l.disk += ", buffered: this file system has no O_DIRECT"
	}
	l.fence = true
	l.counts.Fills = l.engine.Fills()
	return l.define(cfg, f)
}

// define gives the engine what the configuration says, as commands: at the birth of a journal all of it, later what is new.
func (l *loop) define(cfg *Config, f *found) error {
	if f.fresh {
		c := engine.Command{Header: engine.Header{Kind: engine.KindRules}}
		r := c.Rules()
		r.Version, r.MaxOrders, r.MaxUsers = 1, cfg.MaxOrders, cfg.MaxUsers
		l.sequence(&c)
	} else {
		l.restarted(cfg, f)
	}
	if err := l.instruments(cfg); err != nil {
		return err
	}
	if err := l.users(cfg); err != nil {
		return err
	}
	if f.fresh {
		midnight := l.time / 86_400_000_000_000 * 86_400_000_000_000
		c := engine.Command{Header: engine.Header{Kind: engine.KindDay}}
		d := c.Day()
		d.Midnight, d.Session, d.Event = midnight, sessionID(midnight, 1), 'S'
		l.sequence(&c)
		l.restarted(cfg, f)
	} else if l.engine.Gated() {
		c := engine.Command{Header: engine.Header{Kind: engine.KindGate}}
		l.sequence(&c) // what closed it is judged anew
	}
	return l.err
}

// sequence applies a command of the start, letting journal writes end where the blocks are full.
func (l *loop) sequence(c *engine.Command) {
	for !l.writer.Room() && l.err == nil {
		l.seal()
		l.drain()
	}
	if l.err == nil {
		l.apply(c)
	}
}

// restarted journals the new epoch. After an unclean end of an async epoch what clients saw may be lost, so the streams
// begin again under another session id (rule 11.8).
func (l *loop) restarted(cfg *Config, f *found) {
	day, _ := l.engine.Today()
	session := day.Session
	if _, mode := l.engine.Epoch(); Durability(mode) != Sync && f.state.Flags&journal.FlagSeal == 0 {
		count, _ := strconv.Atoi(string(session[6:]))
		session = sessionID(day.Midnight, count+1)
	}
	c := engine.Command{Header: engine.Header{Kind: engine.KindRestart}}
	r := c.Restart()
	r.Epoch, r.Session, r.Mode = f.state.Epoch, session, uint8(cfg.Durability)
	l.sequence(&c)
}

// instruments defines those that are new and refuses those that changed: that is possible between days only.
func (l *loop) instruments(cfg *Config) error {
	for i := range cfg.Instruments {
		in := &cfg.Instruments[i]
		c := engine.Command{Header: engine.Header{Kind: engine.KindInstrument}}
		d := c.AsInstrument()
		d.Symbol, d.Tick, d.Lot, d.MaxQty, d.MaxPrice = padded8(in.Symbol), in.Tick, in.Lot, in.MaxQty, in.MaxPrice
		d.PriceDecimals, d.LotDecimals = in.PriceDecimals, in.LotDecimals
		if why := engine.CheckInstrument(d); why != "" {
			return fmt.Errorf("%w: instrument %s: %s", ErrConfig, in.Symbol, why)
		}
		if index := l.engine.Lookup(d.Symbol); index != 0 {
			was := l.engine.Instruments()[index]
			was.Header = d.Header
			if was != *d {
				return fmt.Errorf("%w: instrument %s is not as the journal has it; it can be changed between days only", ErrConfig, in.Symbol)
			}
			continue
		}
		l.sequence(&c)
		if l.engine.Lookup(d.Symbol) == 0 {
			return fmt.Errorf("%w: instrument %s does not fit the venue", ErrConfig, in.Symbol)
		}
	}
	return nil
}

// users defines accounts that are new or changed and lets all of them log in. Accounts that the configuration does not
// name any more stay in the venue and cannot log in.
func (l *loop) users(cfg *Config) error {
	accounts := l.engine.Users()
	known := map[[6]byte]uint16{}
	for i := 1; i < len(accounts); i++ {
		known[accounts[i].Name] = uint16(i)
	}
	for i := range cfg.Users {
		u := &cfg.Users[i]
		c := engine.Command{Header: engine.Header{Kind: engine.KindUser}}
		d := c.AsUser()
		d.Name, d.Firm = padded6(u.Name), padded4(u.Firm)
		index := known[d.Name]
		if index == 0 || accounts[index].Firm != d.Firm {
			l.sequence(&c)
		}
		if index == 0 {
			index = uint16(len(known) + 1)
			if l.engine.Accounts() != int(index) {
				return fmt.Errorf("%w: user %s does not fit max_users = %d, as the journal has it", ErrConfig, u.Name, l.engine.Limits().MaxUsers)
			}
			known[d.Name] = index
		}
		l.gateway.SetKey(index, d.Name, u.Hash)
	}
	return nil
}

func padded8(s string) (p [8]byte) { copy(p[:], s+"        "); return p }
func padded6(s string) (p [6]byte) { copy(p[:], s+"      "); return p }
func padded4(s string) (p [4]byte) { copy(p[:], s+"    "); return p }
