package twin

import (
	"fmt"

	"matcher/engine"
)

// Ledger recounts a venue from its commands and events alone: who holds which order, what is left of it, at what price
// it stands. It finds a venue that contradicts itself, whoever that venue is. The zero value is ready.
type Ledger struct {
	orders  map[uint64]*entry // by order reference
	sent    map[uint16]uint64 // number of the last message, by user
	session [10]byte
	renews  bool   // this command begins new streams, and has not yet
	last    uint64 // highest order reference so far
	match   uint64 // highest match number so far
	maker   engine.Event
	fresh   *entry // the order that this command brought
}

type entry struct {
	told   engine.Event // the last event that gave it its names
	leaves uint64
	used   uint64 // executed by the whole chain
	price  uint64
	rests  bool
}

// Fold takes in the events of one command and returns the first contradiction: a gap in a stream, a fill whose sides
// differ, a price beyond an order's limit, quantity that came from nowhere or went there, a locked or crossed book.
func (l *Ledger) Fold(cmd *engine.Command, events []engine.Event) error {
	if l.orders == nil {
		l.orders, l.sent = map[uint64]*entry{}, map[uint16]uint64{}
	}
	l.renews = l.newSession(cmd)
	l.fresh, l.maker = nil, engine.Event{}
	for i := range events {
		ev := &events[i]
		if err := l.event(cmd, ev); err != nil {
			return fmt.Errorf("twin: event %d (%c to user %d) of command %d: %w", i+1, ev.Kind, ev.User, cmd.Seq, err)
		}
	}
	l.renew()
	if l.maker.Kind != 0 {
		return fmt.Errorf("twin: command %d: a maker's fill without its taker's", cmd.Seq)
	}
	if l.fresh != nil && l.fresh.leaves > 0 && !l.fresh.rests {
		return fmt.Errorf("twin: command %d: order %d has leaves and does not rest", cmd.Seq, l.fresh.told.Order)
	}
	return l.uncrossed(cmd)
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
	return cmd.Kind == engine.KindRestart && l.session != before
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
		return l.accepted(cmd, ev)
	case 'E':
		return l.executed(ev)
	case 'C', 'M':
		return l.changed(ev)
	case 'T':
		return l.moved(ev)
	}
	return nil
}

func (l *Ledger) accepted(cmd *engine.Command, ev *engine.Event) error {
	if ev.Flags&engine.EventCarried != 0 {
		e := l.orders[ev.Order]
		if e == nil || e.leaves != uint64(ev.Qty) || e.price != ev.Price {
			return fmt.Errorf("order %d was carried with another quantity or price", ev.Order)
		}
		return nil
	}
	e := &entry{told: *ev, leaves: uint64(ev.Qty), price: ev.Price}
	if ev.Kind == 'U' {
		old := l.orders[ev.Link]
		if old == nil || old.told.Ref != ev.OrigRef || old.told.User != ev.User || old.told.Idx != ev.Idx {
			return fmt.Errorf("replaces order %d, which is not this owner's", ev.Link)
		}
		if e.used = old.used; e.used+e.leaves != uint64(cmd.Replace().Qty) {
			return fmt.Errorf("%d used and %d outstanding do not make a total of %d", e.used, e.leaves, cmd.Replace().Qty)
		}
		delete(l.orders, ev.Link)
	}
	if ev.Order != l.last+1 || ev.Leaves != ev.Qty || ev.Qty == 0 {
		return fmt.Errorf("order %d of %d with leaves %d after order %d", ev.Order, ev.Qty, ev.Leaves, l.last)
	}
	if (ev.Display == 'N') != (ev.Flags&engine.EventHidden != 0) {
		return fmt.Errorf("display %c and flags %#x disagree", ev.Display, ev.Flags)
	}
	l.last, l.fresh, l.orders[ev.Order] = ev.Order, e, e
	return l.rest(e, ev)
}

func (l *Ledger) executed(ev *engine.Event) error {
	e, err := l.known(ev)
	if err != nil {
		return err
	}
	if ev.Qty == 0 || uint64(ev.Qty) > e.leaves {
		return fmt.Errorf("fills %d of %d", ev.Qty, e.leaves)
	}
	if e.leaves -= uint64(ev.Qty); e.leaves != uint64(ev.Leaves) {
		return fmt.Errorf("leaves %d where %d are left", ev.Leaves, e.leaves)
	}
	e.used += uint64(ev.Qty)
	if buys(ev.Side) && ev.Price > e.price || !buys(ev.Side) && ev.Price < e.price && !market(e.price) {
		return fmt.Errorf("fills at %d, limit %d", ev.Price, e.price)
	}
	if e.leaves == 0 {
		delete(l.orders, ev.Order)
	}
	if ev.Flags&engine.EventTaker == 0 {
		if l.maker.Kind != 0 || !e.rests || e.price != ev.Price || ev.Link != l.match+1 {
			return fmt.Errorf("match %d at %d after match %d is no maker's fill", ev.Link, ev.Price, l.match)
		}
		l.maker, l.match = *ev, ev.Link
		return nil
	}
	m := l.maker
	if e != l.fresh || m.Link != ev.Link || m.Price != ev.Price || m.Qty != ev.Qty || m.Instrument != ev.Instrument ||
		buys(m.Side) == buys(ev.Side) {
		return fmt.Errorf("the sides of match %d differ", ev.Link)
	}
	l.maker = engine.Event{}
	return l.rest(e, ev)
}

// changed takes in Canceled and Modified.
func (l *Ledger) changed(ev *engine.Event) error {
	e, err := l.known(ev)
	if err != nil {
		return err
	}
	switch {
	case ev.Kind == 'M' && (ev.Qty == 0 || ev.Qty != ev.Leaves):
		return fmt.Errorf("modified to %d with leaves %d", ev.Qty, ev.Leaves)
	case ev.Kind == 'M':
		e.leaves, e.told.Side = uint64(ev.Qty), ev.Side
	case ev.Qty == 0 || uint64(ev.Qty)+uint64(ev.Leaves) != e.leaves:
		return fmt.Errorf("cancels %d of %d and leaves %d", ev.Qty, e.leaves, ev.Leaves)
	default:
		e.leaves = uint64(ev.Leaves)
	}
	if e.leaves == 0 {
		delete(l.orders, ev.Order)
	}
	return nil
}

// moved takes in Priority Update: the order goes on under a new reference.
func (l *Ledger) moved(ev *engine.Event) error {
	e := l.orders[ev.Link]
	if e == nil || ev.Order != l.last+1 || uint64(ev.Leaves) != e.leaves || ev.Price != e.price {
		return fmt.Errorf("order %d moves to %d after order %d", ev.Link, ev.Order, l.last)
	}
	delete(l.orders, ev.Link)
	e.told.Order, l.last, l.orders[ev.Order] = ev.Order, ev.Order, e
	return nil
}

// known returns the live order of an event that must name it as the last event did.
func (l *Ledger) known(ev *engine.Event) (*entry, error) {
	e := l.orders[ev.Order]
	if e == nil {
		return nil, fmt.Errorf("order %d is not live", ev.Order)
	}
	t := &e.told
	if t.User != ev.User || t.Idx != ev.Idx || t.Ref != ev.Ref || t.Instrument != ev.Instrument ||
		ev.Kind != 'M' && t.Side != ev.Side || (t.Display == 'N') != (ev.Flags&engine.EventHidden != 0) {
		return nil, fmt.Errorf("order %d is somebody else's, or of another kind", ev.Order)
	}
	return e, nil
}

// rest notes that an order has come to rest. A market-to-limit order rests at the price of its last fill (rule 5.1).
func (l *Ledger) rest(e *entry, ev *engine.Event) error {
	if ev.Flags&engine.EventRests == 0 {
		return nil
	}
	if ev.Leaves == 0 {
		return fmt.Errorf("order %d rests without leaves", ev.Order)
	}
	if market(e.price) {
		if e.price = ev.Price; market(e.price) {
			return fmt.Errorf("order %d rests at market", ev.Order)
		}
	}
	e.rests = true
	return nil
}

// uncrossed says whether the instrument that a new order came to is locked or crossed (rule 4.7). Hidden orders count:
// nothing in this version keeps a hidden order from trading.
func (l *Ledger) uncrossed(cmd *engine.Command) error {
	if l.fresh == nil || !l.fresh.rests {
		return nil
	}
	bid, ask := uint64(0), ^uint64(0)
	for _, e := range l.orders {
		switch {
		case e.told.Instrument != l.fresh.told.Instrument:
		case buys(e.told.Side):
			bid = max(bid, e.price)
		default:
			ask = min(ask, e.price)
		}
	}
	if bid >= ask {
		return fmt.Errorf("twin: command %d: bid %d meets ask %d", cmd.Seq, bid, ask)
	}
	return nil
}

// Audit says what the twin found wrong with itself so far: what its ledger saw in its events, or a live order that the
// ledger does not have, or has with other leaves.
func (t *Twin) Audit() error {
	if t.fault != nil {
		return t.fault
	}
	leaves := t.ledger.Leaves()
	for _, o := range t.open {
		if o.leaves <= 0 || leaves[o.reference] != uint64(o.leaves) {
			return fmt.Errorf("twin: order %d has leaves %d, its events make %d", o.reference, o.leaves, leaves[o.reference])
		}
	}
	if len(leaves) != len(t.open) {
		return fmt.Errorf("twin: %d live orders, their events make %d", len(t.open), len(leaves))
	}
	return nil
}
