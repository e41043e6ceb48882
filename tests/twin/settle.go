package twin

import "matcher/engine"

// passes is how often in one settlement pegs, or midpoint orders, are looked at while stops are still to be processed.
// Then once more: what is not done by then waits for the next settlement (rules 2.4, 2.6).
const passes = 8

// anchor notes the last prices as they are before a command (rule 5.10).
func (t *Twin) anchor() {
	for i := range t.instruments {
		t.instruments[i].anchor = t.instruments[i].last
	}
}

// changed returns the instruments of the orders that events tell of, from one event on.
func (t *Twin) changed(from int) (instruments []uint16) {
	for i := range t.events[from:] {
		switch ev := &t.events[from+i]; ev.Kind {
		case 'A', 'U', 'E', 'C', 'D', 'T', 'R', 'M':
			if ev.Flags&engine.EventCarried == 0 {
				instruments = append(instruments, ev.Instrument)
			}
		}
	}
	return instruments
}

// woken returns the instruments that a command sets going again (rules 6.5, 12.1).
func (t *Twin) woken(cmd *engine.Command) (instruments []uint16) {
	switch {
	case cmd.Kind == engine.KindTrading && cmd.Trading().State == 'T' && int(cmd.Instrument) < len(t.instruments):
		return []uint16{cmd.Instrument}
	case cmd.Kind == engine.KindDay && cmd.Day().Event == 'S':
		for i := range t.instruments[1:] {
			instruments = append(instruments, uint16(i+1))
		}
	}
	return instruments
}

// settle brings some instruments to rest, in order of index: once, after all else (rules 2.4, 2.5).
func (t *Twin) settle(some []uint16) {
	pending := make([]bool, len(t.instruments))
	for _, instrument := range some {
		pending[instrument] = true
	}
	for instrument := 1; instrument < len(pending); instrument++ {
		if pending[instrument] && t.today && !t.instruments[instrument].halted {
			t.settleOne(uint16(instrument))
		}
	}
}

// settleOne repeats until nothing is left: pegs, then midpoint orders, where what they look at has changed; stops that wait
// for a bid or an ask; then one stop of the queue.
func (t *Twin) settleOne(instrument uint16) {
	t.settling = true
	defer func() { t.settling = false }()
	for pegs, offers := 0, 0; ; {
		if t.again(pegs) && t.bestMoved(instrument) {
			pegs++
			t.movePegs(instrument)
		}
		if t.again(offers) && t.midpointMoved(instrument) {
			offers++
			t.offerMidpoints(instrument)
		}
		t.pull(instrument, "BA")
		if len(t.stops) == 0 {
			return
		}
		t.activate()
	}
}

// again says whether there may be one more pass.
func (t *Twin) again(done int) bool {
	if done >= passes {
		t.see("the limit of passes")
	}
	return done < passes || done == passes && len(t.stops) == 0
}

// bestMoved says whether the best displayed prices of orders that are no pegs have changed since it was last asked.
func (t *Twin) bestMoved(instrument uint16) bool {
	in := &t.instruments[instrument]
	bid, ask := t.best(instrument, 'B', false), t.best(instrument, 'S', false)
	moved := bid != in.bid || ask != in.ask
	in.bid, in.ask = bid, ask
	return moved
}

// midpointMoved says whether the midpoint has changed since it was last asked. Appearing is a change.
func (t *Twin) midpointMoved(instrument uint16) bool {
	in := &t.instruments[instrument]
	mid := t.midpoint(instrument)
	moved := mid != in.between
	in.between = mid
	return moved
}
