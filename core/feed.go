package core

import (
	"fmt"
	"path/filepath"

	"matcher/engine"
	"matcher/feed"
	"matcher/ring"
)

// Feed says where the public feed goes. It is off without a destination.
type Feed struct {
	To     []string // "host:port", unicast or multicast, at most MaxFeeds
	Device string   // network device that multicast leaves by; empty: the routing table decides
	Hops   int      // routers that multicast may pass, and one
}

// MaxFeeds is to how many destinations the core sends.
const MaxFeeds = 8

const (
	feedMemory = 8 << 20 // of packets that wait to be durable or sent
	feedBurst  = 64      // packets that are sent in one turn at most, to each destination
	feedPiece  = 256     // events that are made messages of at once
)

// public is the public feed of a venue at work: messages of each command, packed, and released with the answers to owners.
// The core sends each packet once. Whoever misses one asks a reader of the journal (package relay).
type public struct {
	view    *feed.Public
	packets *feed.Packets
	memory  []byte // messages of a piece of events
	to      []int32
	last    uint64 // when something was sent (mono)
	lost    uint64 // messages that had no place, as far as that was logged
	warned  uint64 // when it was (mono)
}

// openFeed makes the sockets.
func openFeed(world World, cfg *Feed) (*public, error) {
	if len(cfg.To) == 0 {
		return nil, nil
	}
	p := &public{memory: make([]byte, 0, 2*feedPiece*64)}
	for _, to := range cfg.To {
		fd, err := world.Datagrams(to, cfg.Device, max(1, cfg.Hops))
		if err != nil {
			p.close(world)
			return nil, fmt.Errorf("%w: %w", ErrFeed, err)
		}
		p.to = append(p.to, int32(fd))
	}
	return p, nil
}

func (p *public) close(world World) {
	if p == nil {
		return
	}
	for _, fd := range p.to {
		world.Close(int(fd))
	}
}

// follow takes in a command of the journal that is recovered, before (no events) and after it is carried out: what was said
// was said before, only the numbers are counted.
func (p *public) before(cmd *engine.Command) { p.memory = p.view.Before(p.memory[:0], cmd) }

func (p *public) counted(cmd *engine.Command, events []engine.Event) {
	p.memory = p.view.Append(p.memory[:0], cmd, events, true)
}

// recovered goes on where the journal ended.
func (p *public) recovered() {
	p.packets.Go(p.view.Session(), p.view.Sequence()+1, p.view.Over())
	p.packets.Release(p.packets.Mark())
}

// announce says what comes before a command.
func (p *public) announce(cmd *engine.Command) {
	if cmd.Kind < engine.KindRules {
		return // only commands of the venue have anything
	}
	session := p.view.Session()
	p.before(cmd)
	if p.view.Session() != session {
		p.packets.Go(p.view.Session(), 1, false)
	}
	p.packets.Put(p.memory)
}

// publish packs what a command made public.
func (p *public) publish(cmd *engine.Command, events []engine.Event) {
	for len(events) > feedPiece {
		p.memory = p.view.Append(p.memory[:0], cmd, events[:feedPiece], false)
		p.packets.Put(p.memory)
		events = events[feedPiece:]
	}
	p.memory = p.view.Append(p.memory[:0], cmd, events, true)
	p.packets.Put(p.memory)
	if cmd.Kind == engine.KindDay {
		p.packets.End(p.view.Over())
	}
}

// broadcast sends packets that were released, and a heartbeat or the end of the session where nothing was sent for a while.
func (l *loop) broadcast() {
	p := l.feed
	for range feedBurst {
		off, n := p.packets.Next()
		if n == 0 {
			break
		}
		p.send(l, off, n)
	}
	if p.packets.Released() != 0 {
		l.more = true
	}
	if l.mono-p.last >= uint64(l.cfg.Heartbeat) {
		if off, n := p.packets.Heartbeat(); n != 0 {
			p.send(l, off, n)
		}
	}
	if lost := p.packets.Lost(); lost != p.lost && l.mono-p.warned >= warnEvery {
		l.log(fmt.Sprintf("warning: %d messages of the feed were not sent for want of memory; receivers ask the relay for them", lost-p.lost))
		p.lost, p.warned = lost, l.mono
	}
}

func (p *public) send(l *loop, off uint64, n uint32) {
	p.last = l.mono
	for i, fd := range p.to {
		l.ops = append(l.ops, ring.Op{Code: ring.SendNow, File: fd, Len: n, Off: off, Tag: tag(tagQuiet, int32(i))})
	}
}

// durableFile is the name of the file in the journal's directory that says up to which position the journal may be told of:
// readers beside the venue must not be ahead of what the venue itself says (journal/FORMAT.md).
const durableFile = "durable"

// everything is its content in async mode, where the venue does not wait for the disk either.
const everything = ^uint64(0)

func openDurable(world World, dir string) (Word, error) {
	w, err := world.Word(filepath.Join(dir, durableFile))
	if err != nil {
		return nil, fmt.Errorf("core: %w", err)
	}
	w.Store(0)
	return w, nil
}
