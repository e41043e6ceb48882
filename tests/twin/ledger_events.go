package twin

import (
	"fmt"

	"matcher/engine"
)

// executed takes in one side of an execution: the maker's first, then the aggressor's.
func (l *Ledger) executed(e *entry, ev *engine.Event) error {
	if err := l.less(e, ev); err != nil {
		return err
	}
	e.used += uint64(ev.Qty)
	if buys(ev.Side) && ev.Price > e.price || !buys(ev.Side) && ev.Price < e.price && !market(e.price) {
		return fmt.Errorf("fills at %d, limit %d", ev.Price, e.price)
	}
	if ev.Flags&engine.EventTaker != 0 {
		return l.aggressor(e, ev)
	}
	if l.half.Kind != 0 || !e.rests || ev.Link != l.match+1 {
		return fmt.Errorf("match %d after match %d is no maker's fill", ev.Link, l.match)
	}
	if market(e.price) && !e.minimum && !e.midpoint {
		e.price = ev.Price
	}
	if e.price != ev.Price && !e.minimum && !e.midpoint {
		return fmt.Errorf("a maker at %d fills at %d", e.price, ev.Price)
	}
	l.half, l.match = *ev, ev.Link
	return l.makerShows(e, ev)
}

// aggressor takes in the second side of an execution, or of a decrement.
func (l *Ledger) aggressor(e *entry, ev *engine.Event) error {
	m := l.half
	if e.rests && !e.midpoint || m.Kind != ev.Kind || m.Kind == 'E' && m.Link != ev.Link || m.Price != ev.Price || m.Qty != ev.Qty ||
		m.Instrument != ev.Instrument || m.TIF != ev.TIF || buys(m.Side) == buys(ev.Side) {
		return fmt.Errorf("the sides of %c %d differ", ev.Kind, ev.Link)
	}
	if m.Reason != 'A' && m.Reason != 'J' && m.Reason != 'k' || ev.Reason != 'R' && ev.Reason != 'm' ||
		(ev.Reason == 'm') != e.midpoint {
		return fmt.Errorf("liquidity %c and %c", m.Reason, ev.Reason)
	}
	l.half = engine.Event{}
	return nil
}

// less takes quantity off an order.
func (l *Ledger) less(e *entry, ev *engine.Event) error {
	if ev.Qty == 0 || uint64(ev.Qty) > e.leaves {
		return fmt.Errorf("takes %d of %d", ev.Qty, e.leaves)
	}
	if e.leaves -= uint64(ev.Qty); e.leaves != uint64(ev.Leaves) {
		return fmt.Errorf("leaves %d where %d are left", ev.Leaves, e.leaves)
	}
	return nil
}

// makerShows holds what is shown of a maker after something of its slice was taken.
func (l *Ledger) makerShows(e *entry, ev *engine.Event) error {
	if e.told.Display == 'N' {
		return nil
	}
	if uint64(ev.Qty) > e.shown || e.shown-uint64(ev.Qty) != uint64(ev.Shown) {
		return fmt.Errorf("shows %d after %d of %d", ev.Shown, ev.Qty, e.shown)
	}
	e.shown -= uint64(ev.Qty)
	return nil
}

// decremented takes in one side of what self-trade prevention took off two orders (rule 8.3).
func (l *Ledger) decremented(e *entry, ev *engine.Event) error {
	if err := l.less(e, ev); err != nil {
		return err
	}
	e.used += uint64(ev.Qty)
	if l.half.Kind != 0 {
		return l.aggressor(e, ev)
	}
	if !e.rests || upper(ev.TIF) != 'D' {
		return fmt.Errorf("decrements by letter %c, or what does not rest", ev.TIF)
	}
	l.half = *ev
	return l.makerShows(e, ev)
}

// canceled takes in Canceled. One that self-trade prevention caused and that leaves something counts as used, and comes
// out of the slice (rule 8.3); any other comes out of the reserve first (rule 9.2).
func (l *Ledger) canceled(e *entry, ev *engine.Event) error {
	if err := l.less(e, ev); err != nil {
		return err
	}
	if ev.Reason == 'Q' && e.leaves > 0 {
		e.used += uint64(ev.Qty)
		e.shown -= min(e.shown, uint64(ev.Qty))
	}
	e.shown = min(e.shown, e.leaves)
	if ev.Flags&engine.EventRests != 0 {
		return nil
	}
	return e.shows(ev)
}

// modified takes in Modified. Growth is told before the order moves to the back of the queue (rule 9.3).
func (l *Ledger) modified(e *entry, ev *engine.Event) error {
	if ev.Qty == 0 || ev.Qty != ev.Leaves {
		return fmt.Errorf("modified to %d with leaves %d", ev.Qty, ev.Leaves)
	}
	if e.leaves, e.told.Side = uint64(ev.Qty), ev.Side; e.floor == 0 && e.rests {
		e.shown = e.leaves
	}
	if e.shown = min(e.shown, e.leaves); e.told.Display == 'N' {
		e.shown = 0
	}
	return e.shows(ev)
}

func (e *entry) shows(ev *engine.Event) error {
	if uint64(ev.Shown) != e.shown {
		return fmt.Errorf("shows %d where %d are shown", ev.Shown, e.shown)
	}
	return nil
}

// renewed takes in a slice shown anew, or a stop that was triggered.
func (l *Ledger) renewed(e *entry, ev *engine.Event) error {
	switch ev.Reason {
	case 'R':
		if e.floor == 0 || !e.rests || e.shown != 0 || ev.Order != l.last+1 || !samePrice(ev.Price, e.price) || ev.Qty != ev.Shown {
			return fmt.Errorf("order %d of %d, shown %d, refreshes", ev.Order, e.leaves, e.shown)
		}
		n := uint64(ev.Qty)
		if n == 0 || n > e.leaves || n > e.floor+e.random || n < e.leaves && n+e.random < e.floor {
			return fmt.Errorf("a slice of %d out of %d", n, e.leaves)
		}
		e.shown, l.last = n, ev.Order
		l.rename(e, ev)
	case 'T':
		if !e.pending || ev.Order != ev.Link || ev.Qty != ev.Leaves {
			return fmt.Errorf("order %d is triggered as %d", ev.Link, ev.Order)
		}
		e.pending = false
		e.price = ev.Price
		l.moving = append(l.moving, e)
	default:
		return fmt.Errorf("restated by %c", ev.Reason)
	}
	if uint64(ev.Leaves) != e.leaves {
		return fmt.Errorf("restated with leaves %d of %d", ev.Leaves, e.leaves)
	}
	return nil
}

// moved takes in Priority Update: growth, told behind Modified, or a peg that goes to another price and may trade there.
func (l *Ledger) moved(ev *engine.Event) error {
	e, err := l.known(ev.Link, ev)
	if err != nil {
		return err
	}
	grows := l.before.Kind == 'M' && l.before.Order == ev.Link
	limited := !grows && e.toLimit && market(e.price) && !e.rests // market-to-limit learns its price (rule 5.1)
	switch {
	case limited:
		e.price = ev.Price
	case !grows:
		if !e.pegged || !e.rests || ev.Price == e.price {
			return fmt.Errorf("order %d moves, and is no peg that could", ev.Link)
		}
		e.price, e.rests, e.shown = ev.Price, false, 0
		l.moving = append(l.moving, e)
	}
	renamed := grows || !limited && e.told.Display != 'N'
	if renamed && ev.Order != l.last+1 || !renamed && ev.Order != ev.Link {
		return fmt.Errorf("order %d moves to %d after order %d", ev.Link, ev.Order, l.last)
	}
	if uint64(ev.Leaves) != e.leaves || ev.Qty != ev.Leaves || !samePrice(ev.Price, e.price) {
		return fmt.Errorf("order %d of %d at %d moves with other terms", ev.Link, e.leaves, e.price)
	}
	if renamed {
		l.last = ev.Order
		l.rename(e, ev)
	}
	if ev.Flags&engine.EventRests != 0 && !grows {
		return l.rest(e, ev)
	}
	return e.shows(ev)
}

// samePrice compares what is told with what is known. At market, a market-to-limit order that rests is at any price.
func samePrice(told, known uint64) bool { return told == known || market(known) }

func (l *Ledger) rename(e *entry, ev *engine.Event) {
	delete(l.orders, ev.Link)
	e.told.Order, l.orders[ev.Order] = ev.Order, e
}

// bust takes in one of the two messages that tell of a broken trade (rule 12.2).
func (l *Ledger) bust(cmd *engine.Command, ev *engine.Event) error {
	l.busts[ev.Link]++
	if ev.Link == 0 || ev.Link > l.match || l.busts[ev.Link] > 2 || cmd.Kind != engine.KindBust {
		return fmt.Errorf("match %d is no trade to break", ev.Link)
	}
	return nil
}

// carried takes in an order that is told again in a new session.
func (l *Ledger) carried(ev *engine.Event) error {
	e := l.orders[ev.Order]
	if e == nil || e.leaves != uint64(ev.Qty) || ev.Leaves != ev.Qty || e.pending != (ev.Flags&engine.EventPending != 0) ||
		!samePrice(ev.Price, e.price) {
		return fmt.Errorf("order %d was carried with another quantity or price", ev.Order)
	}
	e.told.Ref, e.told.Idx = ev.Ref, ev.Idx // a new day gives new names
	return e.shows(ev)
}

// rest notes that an order has come to rest, and what is shown of it then. At what price a market-to-limit order rests (rule
// 5.1), the ledger only learns when it trades.
func (l *Ledger) rest(e *entry, ev *engine.Event) error {
	if ev.Flags&engine.EventRests == 0 {
		if !e.rests && ev.Shown != 0 {
			return fmt.Errorf("order %d shows %d and does not rest", ev.Order, ev.Shown)
		}
		return nil
	}
	if ev.Leaves == 0 {
		return fmt.Errorf("order %d rests without leaves", ev.Order)
	}
	if market(e.price) && !e.midpoint && !e.toLimit {
		return fmt.Errorf("order %d rests at market", ev.Order)
	}
	e.rests, e.shown = true, e.leaves
	switch {
	case e.told.Display == 'N':
		e.shown = 0
	case e.floor != 0:
		e.shown = min(e.floor, e.leaves)
	}
	return e.shows(ev)
}

// uncrossed says whether an instrument's book is locked or crossed (rule 4.7). Hidden orders count, save those that a
// minimum may keep apart and those that trade at the midpoint.
func (l *Ledger) uncrossed(instrument uint16) error {
	bid, ask := uint64(0), ^uint64(0)
	for _, e := range l.orders {
		switch {
		case e.told.Instrument != instrument || e.pending || !e.rests || e.minimum || e.midpoint || market(e.price):
		case buys(e.told.Side):
			bid = max(bid, e.price)
		default:
			ask = min(ask, e.price)
		}
	}
	if bid >= ask {
		return fmt.Errorf("bid %d meets ask %d", bid, ask)
	}
	return nil
}

// Audit says what the twin found wrong with itself so far: what its ledger saw in its events, or a live order that the
// ledger does not have, or has with other leaves or another size shown.
func (t *Twin) Audit() error {
	if t.fault != nil {
		return t.fault
	}
	for _, o := range t.open {
		e := t.ledger.orders[o.reference]
		if e == nil || o.leaves <= 0 || e.leaves != uint64(o.leaves) || e.shown != uint64(o.shown()) || e.used != uint64(o.used) {
			return fmt.Errorf("twin: order %d has leaves %d and shows %d, its events make %+v", o.reference, o.leaves, o.shown(), e)
		}
	}
	if len(t.ledger.orders) != len(t.open) {
		return fmt.Errorf("twin: %d live orders, their events make %d", len(t.open), len(t.ledger.orders))
	}
	return nil
}
