package twin

import "matcher/engine"

// tell appends an event of an order to its owner, with all that is common to the events of orders. The pointer is good
// until the next event.
func (t *Twin) tell(o *order, kind uint8) *engine.Event {
	ev := t.number(o.user, kind)
	ev.Instrument, ev.Idx, ev.Side, ev.Ref = o.instrument, o.idx, o.side, o.ref
	ev.Leaves, ev.Order, ev.Price, ev.Shown = uint32(o.leaves), o.reference, o.price, o.shown()
	if o.hidden() {
		ev.Flags |= engine.EventHidden
	}
	if o.pending {
		ev.Flags |= engine.EventPending
	}
	o.told = len(t.events) - 1
	return ev
}

// wasShown returns the flags that say how the public saw an order before it got a new place.
func (o *order) wasShown() uint8 {
	switch {
	case o.shown() == 0:
		return 0
	case o.display == 'A':
		return engine.EventShown | engine.EventPublic
	}
	return engine.EventShown
}

// shown is what the public sees of the order.
func (o *order) shown() uint32 {
	if !o.displayed() {
		return 0
	}
	return uint32(o.exposed())
}

// moved appends Priority Update: the order goes on under what may be a new reference (rules 6.3, 9.3).
func (t *Twin) moved(o *order, before uint64) *engine.Event {
	ev := t.tell(o, 'T')
	ev.Qty, ev.Link, ev.Display = uint32(o.leaves), before, o.display
	return ev
}

// echo fills in what Accepted and Replaced repeat of an order.
func (o *order) echo(ev *engine.Event) {
	ev.Qty = uint32(o.leaves)
	ev.TIF, ev.Display, ev.Capacity, ev.Cross, ev.ClOrdID = o.tif, o.display, o.capacity, o.cross, o.clOrdID
}

// answer appends an event about a message rather than an order: instrument, channel and side are the message's.
func (t *Twin) answer(cmd *engine.Command, kind uint8, ref uint32) *engine.Event {
	ev := t.number(cmd.User, kind)
	ev.Instrument, ev.Idx, ev.Side, ev.Ref = cmd.Instrument, cmd.Idx, cmd.Side, ref
	return ev
}

// rejected is what Rejected repeats of a message; a Replace has its instrument from the original.
type rejected struct {
	instrument uint16
	ref        uint32
	clOrdID    [14]byte
}

func (t *Twin) reject(cmd *engine.Command, what rejected, code uint16) {
	ev := t.answer(cmd, 'J', what.ref)
	ev.Instrument, ev.ClOrdID, ev.Reason = what.instrument, what.clOrdID, code
}

func (t *Twin) system(user int, letter uint8) {
	t.number(uint16(user), 'S').Reason = uint16(letter)
}

// number appends an empty event to a user's stream, numbered from 1 without gaps.
func (t *Twin) number(user uint16, kind uint8) *engine.Event {
	a := t.accounts[user]
	a.sent++
	t.events = append(t.events, engine.Event{Kind: kind, User: user, Number: a.sent})
	return &t.events[len(t.events)-1]
}

// decrement cancels n of an order's leaves, and the order with the last of them.
func (t *Twin) decrement(o *order, n int64, reason uint8) {
	before := o.shown()
	o.reduce(n)
	if o.leaves == 0 {
		t.remove(o)
	}
	t.canceled(o, n, reason).Link = uint64(before - o.shown())
}

func (t *Twin) canceled(o *order, n int64, reason uint8) *engine.Event {
	ev := t.tell(o, 'C')
	ev.Qty, ev.Reason = uint32(n), uint16(reason)
	return ev
}
