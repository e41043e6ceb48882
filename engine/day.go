package engine

import (
	"cmp"
	"slices"

	"matcher/book"
)

// setDay ends (`E`) or opens (`S`) a trading day (rule 11).
func (e *Engine) setDay(d *Day) {
	switch {
	case d.Event == 'S' && !e.open:
		e.openDay(d)
	case d.Event == 'E' && e.open:
		e.endDay()
	}
}

// endDay closes order entry, expires what is good for the day only, in order of reference, and tells everybody (rule 11.3).
// Nothing settles any more: pegs and stops that are carried sleep until a day opens.
func (e *Engine) endDay() {
	e.open, e.closed = false, true
	e.setPlain()
	for _, slot := range e.byReference(every) {
		if e.names[slot].tif != tifGTC {
			e.kill(slot, 'E')
		}
	}
	e.systemAll('E')
}

// openDay opens a day. One that names the session of the day before goes on with its streams; any other session is a new
// day: every count of a client starts again, what was carried is told under new UserRefNums, instruments change as they were
// told to between the days, and what came due meanwhile is cancelled last (rules 11.5 to 11.9, 12.3).
func (e *Engine) openDay(d *Day) {
	fresh := d.Session != e.day.Session
	e.day, e.open, e.closed = *d, true, e.gate
	e.setPlain()
	if fresh {
		e.renumber()
		for i := 1; i < len(e.users); i++ {
			u := &e.users[i]
			u.last0, u.lastTerm = 0, 0
			clear(u.last)
		}
		e.busted, e.dayMatch = e.busted[:0], e.match
		e.bustTerm = dayTerm(e.dayMatch)
	}
	e.systemAll('S')
	if fresh {
		e.carry()
	}
	e.redefine()
	for i := range e.instruments[1:] { // what slept settles
		e.touchBook(&e.instruments[i+1], uint16(i+1))
	}
	if e.due <= e.time {
		e.expire()
	}
}

// dayTerm is the part of bustTerm that says which trades are of another day.
func dayTerm(match uint64) uint64 { return mum(match^k3, k1) }

// carry tells every live order under its new name: channel 255, numbered from 1 in order of reference (rule 11.6). The
// priority numbers in the weights are given anew in the order of the queues: places do not change, and names are in weights.
func (e *Engine) carry() {
	all := e.byReference(every)
	for _, slot := range all { // all names go before the first comes: they may be the same
		o := e.at(slot)
		e.refs.remove(e, &e.users[o.user], o, slot)
	}
	for _, slot := range all {
		o := e.at(slot)
		u := &e.users[o.user]
		u.last[carriedIdx]++
		o.ref, o.idx = u.last[carriedIdx], carriedIdx
		u.lastTerm = refTerm(o.user, carriedIdx, o.ref) // no other channel above 0 has been used in this day
		e.refs.put(e, u, o, slot)
		e.recount(o, slot)
	}
	for i := range e.instruments[1:] {
		in := &e.instruments[i+1]
		in.standing(e, func(slot book.Slot) { e.rerank(in, slot, e.orders.Price(slot)) })
	}
	for _, slot := range all {
		if e.orders.Parked(slot) {
			e.rerank(&e.instruments[e.at(slot).instrument], slot, 0)
		}
	}
}

// rerank gives an order that keeps its place a new priority number.
func (e *Engine) rerank(in *instrument, slot book.Slot, price book.Price) {
	e.priority++
	in.book.Reweigh(slot, e.weight(e.at(slot), slot, price, e.priority))
}

// standing visits the orders that stand in a book, each level in order of time. It is not for the hot path.
func (in *instrument) standing(e *Engine, visit func(slot book.Slot)) {
	for _, side := range [...]book.Side{book.Buy, book.Sell} {
		for _, class := range [...]book.Class{book.Displayed, book.Hidden} {
			for q := in.book.First(side, class); q != 0; q = in.book.Behind(side, class, q) {
				for slot := in.book.Head(q); slot != 0; slot = e.orders.Next(slot) {
					visit(slot)
				}
			}
		}
	}
}

// recount tells the owner of a live order of it as it is, in a session that has not heard of it (rules 11.5, 11.8).
func (e *Engine) recount(o *order, slot book.Slot) {
	ev := e.tell('A', o, e.price(o, slot))
	ev.Flags |= EventCarried
	ev.Qty = e.leaves(o, slot)
	ev.Leaves, ev.Shown = ev.Qty, e.shown(o, slot)
	n := &e.names[slot]
	ev.ClOrdID, ev.TIF, ev.Display, ev.Capacity, ev.Cross = n.clOrdID, n.tif, o.display(), n.capacity, 'N'
}

// restart begins an epoch. When it names another session than before, what was sent in the old one is void: every
// user's numbers start again, with a System Event and an Accepted for each live order (rule 11.8).
func (e *Engine) restart(r *Restart) {
	e.epoch, e.mode = r.Epoch, r.Mode
	if r.Session == e.day.Session {
		return
	}
	e.day.Session = r.Session
	e.renumber()
	if e.open {
		e.systemAll('S')
	}
	for _, slot := range e.byReference(every) {
		e.recount(e.at(slot), slot)
	}
}

// renumber begins new streams: every user's next message has number 1.
func (e *Engine) renumber() {
	for i := 1; i < len(e.users); i++ {
		e.users[i].sent = 0
		e.touchUser(&e.users[i], uint16(i))
	}
}

// redefinition is what an instrument becomes when the next day opens.
type redefinition struct {
	def   Instrument
	terms Terms
}

// redefine changes the instruments that were defined anew between the days. Carried orders that cannot stand under the new
// definition are cancelled, in order of reference (rule 12.3); the others keep their places.
func (e *Engine) redefine() {
	for _, slot := range e.byReference(every) {
		o := e.at(slot)
		if in := &e.instruments[o.instrument]; in.next != nil && !e.fits(in, o, slot) {
			e.kill(slot, 'Z')
		}
	}
	for i := range e.instruments[1:] {
		in := &e.instruments[i+1]
		if in.next == nil {
			continue
		}
		d := in.next
		in.next = nil
		if d.def.Tick != in.def.Tick || d.def.MaxPrice != in.def.MaxPrice {
			e.rebuild(in, &d.def)
		}
		if !sameScales(&d.def, &in.def) {
			in.last, in.anchor = 0, 0 // they were in other units
		}
		in.define(&d.def, d.terms)
	}
}

func sameScales(a, b *Instrument) bool {
	return a.PriceDecimals == b.PriceDecimals && a.LotDecimals == b.LotDecimals && a.Lot == b.Lot
}

// fits says whether a live order may stand under the definition to come: its price, and every price that it waits for or
// follows, is on the tick and within the maximum. A stop that trails is where prints and quotes have led it, off the tick
// and beyond prices too: of that only the offset counts. What is priced in other units never fits.
func (e *Engine) fits(in *instrument, o *order, slot book.Slot) bool {
	d := &in.next.def
	good := func(price uint64) bool { return price >= MarketPrice || price%d.Tick == 0 && price <= d.MaxPrice }
	if !sameScales(d, &in.def) || !good(e.price(o, slot)) {
		return false
	}
	if o.flags&orderCold == 0 {
		return true
	}
	c, tick := &e.cold[slot], int64(d.Tick)
	if o.flags&(orderPeg|orderMid|orderPending) != 0 && (!good(c.limit) || c.offset%tick != 0) {
		return false
	}
	if o.flags&orderTrails != 0 {
		return c.trail%tick == 0
	}
	return o.flags&orderPending == 0 || c.stop%tick == 0 && c.stop <= int64(d.MaxPrice)
}

// rebuild moves the orders of an instrument into a book of another tick or maximum price. Each keeps its place.
func (e *Engine) rebuild(in *instrument, d *Instrument) {
	type place struct {
		slot   book.Slot
		price  uint64 // wire; of one that stands in no queue 0
		leaves uint32
	}
	var all []place
	in.standing(e, func(slot book.Slot) {
		all = append(all, place{slot, uint64(e.orders.Price(slot)) * in.tick, uint32(e.orders.Leaves(slot))})
	})
	for _, slot := range e.byReference(every) {
		if o := e.at(slot); &e.instruments[o.instrument] == in && e.orders.Parked(slot) {
			all = append(all, place{slot, 0, uint32(e.orders.Leaves(slot))})
		}
	}
	for _, s := range all {
		in.book.Remove(s.slot)
	}
	in.book.Discard()
	in.book = book.New(book.Config{Orders: e.orders, MaxPrice: book.Price(d.MaxPrice / d.Tick)})
	in.setTick(d.Tick)
	for _, s := range all {
		if o := e.at(s.slot); s.price == 0 {
			e.park(o, s.slot, s.leaves)
		} else {
			e.queue(o, s.slot, book.Price(s.price/d.Tick), s.leaves)
		}
	}
}

// every chooses all orders (byReference).
func every(*order) bool { return true }

// byReference returns the live orders that keep chooses, in order of reference. It looks at all there are, and is not for
// the hot path. The slice is the engine's, until something settles.
func (e *Engine) byReference(keep func(o *order) bool) []book.Slot {
	e.scratch = e.scratch[:0]
	for i := range e.users {
		for slot := e.users[i].first; slot != 0; slot = e.at(slot).next {
			if keep(e.at(slot)) {
				e.scratch = append(e.scratch, slot)
			}
		}
	}
	slices.SortFunc(e.scratch, func(a, b book.Slot) int { return cmp.Compare(e.at(a).reference, e.at(b).reference) })
	return e.scratch
}
