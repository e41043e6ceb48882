package core

import (
	"fmt"

	"matcher/engine"
	"matcher/gateway"
)

// sizes are the limits of a venue that say how much one command can have to tell.
type sizes struct {
	chunk  uint64 // unit in which streams take memory
	orders uint64 // live orders, and the slices that icebergs may still show (rule 2.6)
	users  uint64
	pegs   uint64 // all instruments
	stops  uint64
	shares bool // an instrument shares levels by proportion
}

// add counts an instrument.
func (s *sizes) add(in *Instrument) {
	def := in.definition()
	s.define(def.AsInstrument(), def.Terms())
}

func (s *sizes) define(d *engine.Instrument, t *engine.Terms) {
	pegs, stops := uint64(engine.DefaultMaxPegs), uint64(engine.DefaultMaxStops)
	if t.MaxPegs != 0 {
		pegs = uint64(t.MaxPegs)
	}
	if t.MaxStops != 0 {
		stops = uint64(t.MaxStops)
	}
	s.pegs += pegs
	s.stops += stops
	s.shares = s.shares || d.Policy == engine.PolicyProRata
}

// passes is how often one command may move every peg: eight times while stops trigger, once more after the last, and all of
// that for the expiries before the command and for the command itself.
const passes = 2 * 9

// command returns how much stream memory the answers of one command can take.
//
//	orders x (2 Executed + 1 Restated)   every order and every slice of an iceberg is used up: two executions, or two
//	                                     decrements, which are shorter, and a refresh behind them. An execution that uses
//	                                     up no maker uses up its aggressor, which is one of the orders too; an order that
//	                                     is cancelled has one Canceled instead
//	orders x 2 Executed                  with pro-rata only: the command's own order, before it is used up, may have a part
//	                                     of every order (what settles never shares, rule 10.1)
//	stops x (Restated + Priority Update) each triggers once, and if it is market-to-limit may come to rest
//	pegs x 18 Priority Update            see passes
//
// and a chunk for each user whose last one has no room for another packet.
func (s *sizes) command() uint64 {
	n := s.orders * (2*gateway.ExecutedMemory + gateway.RefreshedMemory)
	if s.shares {
		n += s.orders * 2 * gateway.ExecutedMemory
	}
	n += min(s.orders, s.stops) * (gateway.TriggeredMemory + gateway.PriorityMemory)
	n += min(s.orders, s.pegs) * passes * gateway.PriorityMemory
	return n + s.kept()
}

// end returns how much the end of a day can take: every order expires, every user is told.
func (s *sizes) end() uint64 { return s.orders*gateway.CanceledMemory + s.kept() }

// reserves are the marks of stream memory below which less and less is let in. No command is carried out that could find
// no memory for its answers.
type reserves struct {
	scarce  uint64 // below it a snapshot is wanted, so that what it holds is given back
	again   uint64 // from it on order entry opens again
	entry   uint64 // below it order entry closes
	cancels uint64 // below it nothing is read: what rests may still all be cancelled by time or by the loss of connections
	time    uint64 // below it not even time passes; what is left then is for the end of the day
}

// kept returns how much is never given back: the last chunk of every user.
func (s *sizes) kept() uint64 { return (s.users + 1) * s.chunk }

// reserves works out the marks. fit says whether there is room for them.
func (s *sizes) reserves(memory uint64) (r reserves) {
	r.time = s.command() + s.end()
	r.cancels = r.time + s.orders*gateway.CanceledMemory + 1<<20
	r.entry = r.cancels + s.command()
	r.again = r.entry * 9 / 8
	r.scarce = r.entry + (memory-min(memory, s.kept()+r.entry))/2
	return r
}

// fit says whether stream memory leaves something to trade with above the marks.
func (r reserves) fit(memory uint64, s *sizes) error {
	if need := r.entry*5/4 + s.kept(); memory < need {
		return fmt.Errorf("%w: stream_memory is %d bytes; a venue of %d orders and %d users needs at least %d",
			ErrConfig, memory, s.orders, s.users, need)
	}
	return nil
}
