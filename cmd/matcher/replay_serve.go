package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"matcher/core"
	"matcher/engine"
	"matcher/journal"
	"matcher/replay"
	"matcher/snapshot"
	"matcher/wire/ouch"
)

// A recorded day as a live venue. A server of this process has the recorded instruments and accounts, and bots beside them.
// A feeder logs in as each recorded user and sends what that user sent, over OUCH; what an operator did is done through the
// operator's door. The venue's clock is the recording's: at --speed max it stands still between two commands, so good-till
// times and rates mean what they meant. The secret of random refreshes is the recorded day's. Order between users is kept:
// another user's message is sent when all answers to those before have come. So without a bot the same commands give the
// same events; what a bot changes is counted at the end, when both journals are executed once more.
//
//	replay_serve.go  the verb's part: the recording's names, the venue, its clock
//	replay_feeder.go commands into messages and operator's requests
//	replay_tally.go  what came of it beside what was recorded

// recordedVenue is what a journal defines, from its birth to its end; of the days those that are replayed.
type recordedVenue struct {
	rules       engine.Rules
	instruments []core.Instrument
	users       []engine.User
	days        []engine.Day
	redefined   uint64 // definitions of what was known: a venue of one start has none
}

// venue reads the definitions of the journal.
func (r *replaying) venue(ctx context.Context) (*recordedVenue, error) {
	j, err := journal.Open(snapshot.Files(r.name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = j.Close() }()
	v := &recordedVenue{}
	for {
		b, err := j.Next()
		if errors.Is(err, io.EOF) {
			return v, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		for cells := b.Cells; len(cells) > 0; cells = cells[journal.CellSize:] {
			if kind := engine.Kind(cells[0]); kind < engine.KindRules || kind > engine.KindDay {
				continue
			}
			var cmd engine.Command
			past := cmd.Load(cells) == 0 || cmd.Kind == engine.KindDay && (r.until != 0 && cmd.Time > r.until || r.last != 0 && cmd.Seq > r.last)
			if !past {
				v.take(&cmd)
			}
		}
	}
}

// take takes a definition.
func (v *recordedVenue) take(cmd *engine.Command) {
	switch cmd.Kind {
	case engine.KindRules:
		v.rules = *cmd.Rules()
	case engine.KindDay:
		if cmd.Day().Event == 'S' {
			v.days = append(v.days, *cmd.Day())
		}
	case engine.KindUser:
		u := *cmd.AsUser()
		if slices.ContainsFunc(v.users, func(x engine.User) bool { return x.Name == u.Name }) {
			v.redefined++
			return
		}
		v.users = append(v.users, u)
	case engine.KindInstrument:
		in := instrumentOf(cmd.AsInstrument())
		if slices.ContainsFunc(v.instruments, func(x core.Instrument) bool { return x.Symbol == in.Symbol }) {
			v.redefined++
			return
		}
		if cmd.Flags&engine.FlagExtension != 0 {
			t := cmd.Terms()
			in.Terms = core.Terms{
				FifoPercent: t.FifoPercent, TopPercent: t.TopPercent, MinAlloc: t.MinAlloc, TopMax: t.TopMax, MaxSlices: t.MaxSlices,
				MaxPegs: t.MaxPegs, MaxStops: t.MaxStops, Collar: t.Collar, CollarBP: t.CollarBP, Reference: t.Reference,
			}
		}
		v.instruments = append(v.instruments, in)
	}
}

// recordedWorld is this machine with the recording's clock and the recorded days' secrets.
type recordedWorld struct {
	core.World
	wall, secret atomic.Uint64
	next         atomic.Uint64 // when the next day begins, while the venue is to end one
	speed        float64
	first, began atomic.Uint64 // recorded and monotonic time of the beginning, for a clock that runs
}

// Clock is at the latest command that was sent, or, once a day is replayed at a speed, where that speed has brought it.
func (w *recordedWorld) Clock() (wall, mono uint64) {
	_, mono = w.World.Clock()
	wall = w.wall.Load()
	if began := w.began.Load(); began != 0 && mono > began {
		wall = max(wall, w.first.Load()+uint64(float64(mono-began)*w.speed))
	}
	return wall, mono
}

// said hears what the venue's own thread says: behind the end of a day its clock is at the beginning of the next. Not before, or
// what expires in the night would expire in the day.
func (w *recordedWorld) said(line string) {
	if next := w.next.Load(); next != 0 && strings.HasSuffix(line, " has ended") {
		w.next.Store(0)
		w.began.Store(0) // nights take no time
		w.wall.Store(next)
	}
}

// Chance gives the day's secret where a number is asked for.
func (w *recordedWorld) Chance(b []byte) {
	if len(b) != 8 {
		w.World.Chance(b)
		return
	}
	for i := range b {
		b[i] = byte(w.secret.Load() >> (8 * i))
	}
}

// live replays a journal into a server of this process.
func (r *replaying) live(ctx context.Context) error {
	rec, err := r.venue(ctx)
	if err != nil {
		return journalFault(r.name, err)
	}
	if len(rec.days) == 0 {
		return &fault{Code: "E3011", What: "the journal " + r.name + " has no trading day: there is nothing to serve"}
	}
	j, err := replay.Open(snapshot.Files(r.name))
	if err != nil {
		return journalFault(r.name, err)
	}
	defer func() { _ = j.Close() }()
	j.Until(r.until)
	f := &feeder{r: r, rec: rec, journal: j, keys: map[string]string{}}
	if err := f.open(); err != nil {
		return err
	}
	fed := f.all(ctx)
	tally, err := f.close()
	if fed != nil && ctx.Err() == nil {
		return journalFault(r.name, fed)
	}
	if err != nil {
		return err
	}
	return tally.print(r.e.Stdout, r.asJSON)
}

// open starts the venue.
func (f *feeder) open() (err error) {
	r, rec := f.r, f.rec
	v := &ownVenue{config: defaults().core}
	cfg := &v.config
	dir := r.record
	if dir != "" {
		if err := emptyDir(dir); err != nil {
			return err
		}
	} else {
		if v.dir, err = os.MkdirTemp("", "matcher-replay-"); err != nil {
			return &fault{Code: "E1006", What: "no temporary directory: " + reason(err), Fix: "matcher replay DIR --serve ADDR --record DIR", cause: err}
		}
		dir = filepath.Join(v.dir, "data")
	}
	cfg.Listen, cfg.Journal, cfg.Durability = r.serve, dir, core.Async
	cfg.MaxOrders, cfg.MaxUsers = rec.rules.MaxOrders, rec.rules.MaxUsers+uint32(len(r.bots))
	cfg.MaxSessions, cfg.RecoveryGrace = len(rec.users)+len(r.bots)+16, 24*time.Hour
	cfg.Instruments = rec.instruments
	const day = uint64(24 * time.Hour)
	if cfg.Roll.Offset = -time.Duration(rec.days[0].Midnight % day); cfg.Roll.Offset < -12*time.Hour {
		cfg.Roll.Offset += 24 * time.Hour
	}
	_, _ = rand.Read(cfg.Secret[:]) // never fails
	if err := f.accounts(cfg); err != nil {
		return err
	}
	f.world = &recordedWorld{World: core.Machine(cfg), speed: r.pace.speed}
	f.world.wall.Store(rec.days[0].Time)
	f.world.secret.Store(rec.days[0].Secret)
	cfg.World = f.world
	cfg.Log = func(line string) {
		f.world.said(line)
		say(r.e, line)
	}
	if v.server, err = core.Open(*cfg); err != nil {
		_ = os.RemoveAll(v.dir)
		return serverFault(cfg, err)
	}
	f.venue = v
	if f.desk, err = openDesk(dir, v.server); err != nil {
		return errors.Join(err, v.stop())
	}
	f.sending = &sending{e: r.e, window: 256, login: login{addr: v.server.Addr(), patience: 30 * time.Second}}
	f.sending.answers = &answers{instrument: f.sending.scale, orders: map[order]*core.Instrument{}, out: io.Discard}
	f.run = &flowRun{s: f.sending, keys: f.keys, sessions: map[string]*session{}, tell: func(string, any) {}}
	for _, name := range r.bots {
		say(r.e, fmt.Sprintf("bot: user %s key %s", name, f.keys[name]))
	}
	say(r.e, fmt.Sprintf("ready: listen %s, journal %s; %s", v.server.Addr(), dir, v.server.Report()))
	return nil
}

// accounts gives the recorded users and the bots keys. The recorded ones come first, as their numbers say.
func (f *feeder) accounts(cfg *core.Config) error {
	for i := range f.rec.users {
		u := &f.rec.users[i]
		name := trim(u.Name[:])
		f.names = append(f.names, name)
		f.keys[name] = newKey()
		cfg.Users = append(cfg.Users, core.User{
			Name: name, Firm: trim(u.Firm[:]), Hash: hashKey(cfg.Secret, name, f.keys[name]), OnDrop: u.OnDrop != 0,
			SelfMatch: u.SelfMatch, SelfLevel: u.SelfLevel, SelfGroup: u.SelfGroup,
			Limits: core.Limits{OpenOrders: u.OpenOrders, Stops: u.Stops, Rate: u.Rate, Burst: u.Burst},
		})
	}
	for i, text := range f.r.bots {
		name, err := userName(text)
		if err != nil {
			return err
		}
		if f.keys[name] != "" {
			return &fault{Code: "E4004", What: fmt.Sprintf("--user %s is a user of the recording", name), Why: "a bot needs a name of its own", Fix: "--user BOT1"}
		}
		f.r.bots[i], f.keys[name] = name, newKey()
		cfg.Users = append(cfg.Users, core.User{Name: name, Firm: "BOT", Hash: hashKey(cfg.Secret, name, f.keys[name])})
	}
	return nil
}

// close ends the venue and finds out what came of the day.
func (f *feeder) close() (*tally, error) {
	f.venue.server.Stop()
	_, err := f.venue.server.Run()
	for _, s := range f.run.sessions {
		s.close()
	}
	f.desk.close()
	defer func() { _ = os.RemoveAll(f.venue.dir) }()
	if err != nil {
		return nil, serverFault(&f.venue.config, err)
	}
	t := &tally{Bots: len(f.r.bots), Sent: f.sent, Skipped: f.skipped + f.rec.redefined, Seconds: time.Since(f.began).Seconds()}
	if err := t.Recorded.read(f.r.name, f.last, len(f.rec.users)); err != nil {
		return nil, err
	}
	return t, t.Live.read(f.venue.config.Journal, math.MaxUint64, len(f.rec.users))
}

// broken is an appendage that cannot be read to its end.
func broken(idx uint8) []byte { return []byte{2, 28, idx, 9} }

// refusedMessage is a message that the gateway refuses as it refused the recorded one.
func refusedMessage(c *engine.Refused) ouch.Inbound {
	app := broken(c.Idx)
	switch c.Message {
	case ouch.TypeMassCancel:
		return &ouch.MassCancel{UserRefNum: c.Ref, Appendage: app}
	case ouch.TypeDisableEntry:
		return &ouch.DisableEntry{UserRefNum: c.Ref, Appendage: app}
	case ouch.TypeEnableEntry:
		return &ouch.EnableEntry{UserRefNum: c.Ref, Appendage: app}
	}
	return &ouch.EnterOrder{UserRefNum: c.Ref, ClOrdID: c.ClOrdID, Appendage: app}
}
