package engine

import "slices"

// passes is how often pegs and midpoint orders follow within one settlement before the triggered stops are through. They
// follow once more behind the last stop (rule 2.4).
const passes = 8

// settle works off what moves by itself on the instruments that the command changed, in order of index (rules 2.4, 2.5).
func (e *Engine) settle() {
	if len(e.unsettled) > 1 {
		slices.Sort(e.unsettled)
	}
	for i := 0; i < len(e.unsettled); i++ {
		in := &e.instruments[e.unsettled[i]]
		if in.watch != nil && in.state == 0 && e.open {
			e.settleOne(in)
		}
		in.unsettled = false
	}
	e.unsettled = e.unsettled[:0]
}

// settleOne settles one instrument. The queue of triggered stops may hold those that the prints of the command reached. No
// touchBook of the instrument puts it on the list again meanwhile: it is still on it.
func (e *Engine) settleOne(in *instrument) {
	w := in.watch
	e.settling = true
	pegPasses, midPasses := 0, 0
	for next := 0; ; {
		last := next == len(e.stopQueue)
		if pegPasses < passes || last && pegPasses == passes {
			if bid, ask := e.firmQuote(in); bid != w.bid || ask != w.ask {
				w.bid, w.ask = bid, ask
				pegPasses++
				e.movePegs(in)
			}
		}
		if midPasses < passes || last && midPasses == passes {
			if m, _ := in.midpoint(e); m != w.mid {
				w.mid = m
				midPasses++
				e.offerMids(in)
			}
		}
		e.quotes(in)
		if next < len(e.stopQueue) {
			slot := e.stopQueue[next]
			next++
			e.activate(slot)
			continue
		}
		if !e.moved(in, pegPasses, midPasses) {
			break
		}
	}
	e.catchUp(in)
	e.stopQueue = e.stopQueue[:0]
	e.settling = false
}

// moved says whether there is another pass to make although no stop is left.
func (e *Engine) moved(in *instrument, pegPasses, midPasses int) bool {
	w := in.watch
	if pegPasses <= passes {
		if bid, ask := e.firmQuote(in); bid != w.bid || ask != w.ask {
			return true
		}
	}
	if midPasses <= passes {
		m, _ := in.midpoint(e)
		return m != w.mid
	}
	return false
}
