package twin

import (
	"fmt"

	"matcher/engine"
)

// Ledger recounts a venue from its commands and events alone: who holds which order, what is left of it, what is shown of
// it, at what price it stands. It finds a venue that contradicts itself, whoever that venue is. The zero value is ready.
type Ledger struct {
	orders  map[uint64]*entry // by order reference
	sent    map[uint16]uint64 // number of the last message, by user
	busts   map[uint64]int    // messages that told of a bust, by match number
	session [10]byte
	renews  bool         // this command begins new streams, and has not yet
	last    uint64       // highest order reference so far
	match   uint64       // highest match number so far
	half    engine.Event // a maker's, until its aggressor's comes
	before  engine.Event // the one before this
	moving  []*entry     // orders that were on their way in this command: they must come to rest, or go
}

// entry is what the ledger knows of a live order. Its terms come from the command that brought it.
type entry struct {
	told     engine.Event // the last event that gave it its names
	leaves   uint64
	used     uint64 // executed and decremented by the whole chain
	price    uint64 // at market, of an order in the book: not known yet
	shown    uint64
	rests    bool
	pending  bool
	minimum  bool // may rest, and asks a minimum of whoever takes from it
	midpoint bool
	pegged   bool
	toLimit  bool
	floor    uint64 // of an iceberg, 0 none
	random   uint64
}

// Fold takes in the events of one command and returns the first contradiction: a gap in a stream, a fill whose sides
// differ, a price beyond an order's limit, quantity that came from nowhere or went there, something shown that is not
// there, a locked or crossed book.
func (l *Ledger) Fold(cmd *engine.Command, events []engine.Event) error {
	if l.orders == nil {
		l.orders, l.sent, l.busts = map[uint64]*entry{}, map[uint16]uint64{}, map[uint64]int{}
	}
	l.renews = l.newSession(cmd)
	l.half, l.before, l.moving = engine.Event{}, engine.Event{}, nil
	touched := map[uint16]bool{}
	for i := range events {
		ev := &events[i]
		if err := l.event(cmd, ev); err != nil {
			return fmt.Errorf("twin: event %d (%c to user %d) of command %d: %w", i+1, ev.Kind, ev.User, cmd.Seq, err)
		}
		l.before = *ev
		touched[ev.Instrument] = true
	}
	l.renew()
	if l.half.Kind != 0 {
		return fmt.Errorf("twin: command %d: the %c of a maker without its aggressor's", cmd.Seq, l.half.Kind)
	}
	for _, e := range l.moving {
		if e.leaves > 0 && !e.rests && !e.pending {
			return fmt.Errorf("twin: command %d: order %d has leaves and does not rest", cmd.Seq, e.told.Order)
		}
	}
	for instrument := range touched {
		if err := l.uncrossed(instrument); err != nil {
			return fmt.Errorf("twin: command %d: %w", cmd.Seq, err)
		}
	}
	return nil
}

// Leaves returns the open quantity of every live order by order reference.
func (l *Ledger) Leaves() map[uint64]uint64 {
	leaves := make(map[uint64]uint64, len(l.orders))
	for reference, e := range l.orders {
		leaves[reference] = e.leaves
	}
	return leaves
}

// newSession says whether the command begins new streams.
func (l *Ledger) newSession(cmd *engine.Command) bool {
	before := l.session
	switch {
	case cmd.Kind == engine.KindRestart:
		l.session = cmd.Restart().Session
	case cmd.Kind == engine.KindDay && cmd.Day().Event == 'S':
		l.session = cmd.Day().Session
	}
	return l.session != before
}

// renew begins the new streams. What expires before the command (rule 2.2) still belongs to the old ones.
func (l *Ledger) renew() {
	if l.renews {
		l.renews = false
		clear(l.sent)
	}
}

func (l *Ledger) event(cmd *engine.Command, ev *engine.Event) error {
	if ev.Kind == 'S' || ev.Flags&engine.EventCarried != 0 {
		l.renew()
	}
	l.sent[ev.User]++
	if ev.Number != l.sent[ev.User] {
		return fmt.Errorf("number %d where %d was due", ev.Number, l.sent[ev.User])
	}
	switch ev.Kind {
	case 'A', 'U':
		if ev.Flags&engine.EventCarried != 0 {
			return l.carried(ev)
		}
		return l.accepted(cmd, ev)
	case 'B':
		return l.bust(cmd, ev)
	case 'T':
		return l.moved(ev)
	case 'E', 'D', 'C', 'M', 'R':
		return l.live(ev)
	}
	return nil
}

// live takes in an event of an order that goes by the name it had, or a refreshed slice.
func (l *Ledger) live(ev *engine.Event) error {
	reference := ev.Order
	if ev.Kind == 'R' {
		reference = ev.Link
	}
	e, err := l.known(reference, ev)
	if err != nil {
		return err
	}
	switch ev.Kind {
	case 'E':
		err = l.executed(e, ev)
	case 'D':
		err = l.decremented(e, ev)
	case 'C':
		err = l.canceled(e, ev)
	case 'M':
		err = l.modified(e, ev)
	case 'R':
		err = l.renewed(e, ev)
	}
	if err != nil {
		return err
	}
	if e.leaves == 0 {
		delete(l.orders, ev.Order)
	}
	return l.rest(e, ev)
}

// known returns the live order of an event that must name it as the last event did.
func (l *Ledger) known(reference uint64, ev *engine.Event) (*entry, error) {
	e := l.orders[reference]
	if e == nil {
		return nil, fmt.Errorf("order %d is not live", reference)
	}
	t := &e.told
	if t.User != ev.User || t.Idx != ev.Idx || t.Ref != ev.Ref || t.Instrument != ev.Instrument ||
		ev.Kind != 'M' && t.Side != ev.Side || (t.Display == 'N') != (ev.Flags&engine.EventHidden != 0) {
		return nil, fmt.Errorf("order %d is somebody else's, or of another kind", reference)
	}
	if waits := ev.Flags&engine.EventPending != 0; waits != e.pending && (ev.Kind != 'R' || waits) {
		return nil, fmt.Errorf("order %d waits for its trigger, or does not", reference)
	}
	return e, nil
}

func (l *Ledger) accepted(cmd *engine.Command, ev *engine.Event) error {
	e := &entry{told: *ev, leaves: uint64(ev.Qty), price: ev.Price, pending: ev.Flags&engine.EventPending != 0}
	e.terms(cmd)
	if ev.Kind == 'U' {
		old := l.orders[ev.Link]
		if old == nil || old.told.Ref != ev.OrigRef || old.told.User != ev.User || old.told.Idx != ev.Idx {
			return fmt.Errorf("replaces order %d, which is not this owner's", ev.Link)
		}
		if e.used = old.used; e.used+e.leaves != uint64(cmd.Replace().Qty) {
			return fmt.Errorf("%d used and %d outstanding do not make a total of %d", e.used, e.leaves, cmd.Replace().Qty)
		}
		e.toLimit = e.toLimit || old.toLimit
		delete(l.orders, ev.Link)
	}
	if ev.Order != l.last+1 || ev.Leaves != ev.Qty || ev.Qty == 0 {
		return fmt.Errorf("order %d of %d with leaves %d after order %d", ev.Order, ev.Qty, ev.Leaves, l.last)
	}
	if (ev.Display == 'N') != (ev.Flags&engine.EventHidden != 0) || (e.minimum || e.midpoint) && ev.Display != 'N' {
		return fmt.Errorf("display %c and flags %#x disagree", ev.Display, ev.Flags)
	}
	if e.pending && ev.Flags&engine.EventRests != 0 {
		return fmt.Errorf("order %d waits and rests", ev.Order)
	}
	l.last, l.orders[ev.Order] = ev.Order, e
	l.moving = append(l.moving, e)
	return l.rest(e, ev)
}

// terms notes what the command says of an order beside what Accepted repeats.
func (e *entry) terms(cmd *engine.Command) {
	p := placesOf(cmd)
	given := cmd.Flags&engine.FlagMinQty != 0
	if cmd.Flags&engine.FlagExtension != 0 {
		given = given || cmd.Ext.Present&engine.Tag3MinQty != 0
		e.floor, e.random = uint64(cmd.Ext.MaxFloor), uint64(cmd.Ext.Random)
		switch cmd.Ext.PriceType {
		case 'M', 'm':
			e.midpoint = true
		case 'P', 'R':
			e.pegged = true
		case 'K':
			e.toLimit = true
		}
	}
	e.minimum = given && *p.tif != '3' && *p.tif != '4'
}
