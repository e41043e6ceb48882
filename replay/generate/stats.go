package generate

import (
	"math"

	"matcher/engine"
)

// Stats say what a flow is like.
type Stats struct {
	Commands     int     `json:"commands"`
	Enters       int     `json:"enters"`
	Cancels      int     `json:"cancels"`
	Trades       uint64  `json:"trades"`
	Seconds      float64 `json:"seconds"`
	OrderToTrade float64 `json:"order_to_trade"`
	Spread       float64 `json:"mean_spread_ticks"` // over time, while both sides are there
	Touch        float64 `json:"mean_touch_lots"`   // shown at the best price of a side, over time
	ArrivalCV    float64 `json:"inter_arrival_cv"`  // deviation of the times between commands over their mean; Poisson: 1
	Fano         float64 `json:"fano_1s"`           // variance of the commands a second over their mean; Poisson: 1
	AutoLag1     float64 `json:"autocorrelation_1s"`
}

// touch is the best price of a side, 0 if nothing rests there, and what rests at it.
type touch struct{ price, lots uint64 }

// gathered is what is counted on the way. Time counts from the end of the opening book, which comes at one moment.
type gathered struct {
	tick, rate                 float64
	commands, enters, cancels  int
	was                        float64
	spread, touch, both        float64 // integrals over time
	last                       [2]touch
	gaps, gapSum, gapSquares   float64
	second                     int
	inSecond, before           float64
	seconds, sum, squares, lag float64
}

// begin is told what is to be expected: counts are taken as what they differ from it.
func (s *gathered) begin(tick uint64, rate float64) { s.tick, s.rate = float64(tick), rate }

// add counts a command, after which the touch is as given.
func (s *gathered) add(now float64, kind engine.Kind, at [2]touch) {
	s.commands++
	if kind == engine.KindEnter {
		s.enters++
	} else {
		s.cancels++
	}
	gap := now - s.was
	if now > 0 {
		if s.last[0].lots > 0 && s.last[1].lots > 0 {
			s.both += gap
			s.spread += gap * float64(s.last[1].price-s.last[0].price) / s.tick
			s.touch += gap * float64(s.last[0].lots+s.last[1].lots) / 2
		}
		s.gaps++
		s.gapSum += gap
		s.gapSquares += gap * gap
		for ; s.second < int(now); s.second++ {
			s.seconds++
			off := s.inSecond - s.rate
			s.sum += off
			s.squares += off * off
			s.lag += off * s.before
			s.before, s.inSecond = off, 0
		}
		s.inSecond++
	}
	s.was, s.last = now, at
}

func (s *gathered) end(trades uint64, seconds float64) Stats {
	over := func(a, b float64) float64 {
		if b == 0 {
			return 0
		}
		return a / b
	}
	mean := over(s.gapSum, s.gaps)
	per := over(s.sum, s.seconds)
	variance := over(s.squares, s.seconds) - per*per
	return Stats{
		Commands: s.commands, Enters: s.enters, Cancels: s.cancels, Trades: trades, Seconds: seconds,
		OrderToTrade: over(float64(s.commands), float64(trades)),
		Spread:       over(s.spread, s.both), Touch: over(s.touch, s.both),
		ArrivalCV: over(math.Sqrt(max(over(s.gapSquares, s.gaps)-mean*mean, 0)), mean),
		Fano:      over(variance, per+s.rate), AutoLag1: over(over(s.lag, s.seconds)-per*per, variance),
	}
}
