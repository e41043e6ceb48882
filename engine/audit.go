package engine

import (
	"fmt"

	"matcher/book"
)

// Audit recounts everything that the engine keeps more than once: books, names, lists, hash. It is for tests, and slow.
func (e *Engine) Audit() error {
	if e.orders == nil {
		return nil
	}
	if err := e.auditPlain(); err != nil {
		return err
	}
	listed := 0
	sum := uint64(0)
	for i := 1; i < len(e.users); i++ {
		n, err := e.auditUser(uint16(i))
		if err != nil {
			return err
		}
		listed += n
		sum += e.userTerm(uint16(i))
	}
	if listed != e.orders.Live() {
		return fmt.Errorf("engine: %d orders are on the users' lists, %d are live", listed, e.orders.Live())
	}
	standing := 0
	for i := 1; i < len(e.instruments); i++ {
		n, err := e.auditBook(uint16(i))
		if err != nil {
			return err
		}
		standing += n
		sum += e.bookTerm(&e.instruments[i])
	}
	if standing != listed {
		return fmt.Errorf("engine: %d orders stand in books, %d are listed", standing, listed)
	}
	if len(e.stopQueue) != 0 || len(e.unsettled) != 0 {
		return fmt.Errorf("engine: something is left to settle")
	}
	for _, audit := range []func() error{e.auditSlices, e.auditTimes, e.auditBusts, e.auditNames} {
		if err := audit(); err != nil {
			return err
		}
	}
	if have := e.Hash() - e.venueTerm(); have != sum {
		return fmt.Errorf("engine: the state hash is %016x, a recount gives %016x", have, sum)
	}
	return nil
}

// auditPlain checks that what is worked out for the short way, of the venue, of instruments and of accounts, is up to date.
func (e *Engine) auditPlain() error {
	was := e.plain
	if e.setPlain(); e.plain != was {
		return fmt.Errorf("engine: orders come the short way while fewer than %d are live, it should be %d", was, e.plain)
	}
	for i := range e.instruments {
		in := &e.instruments[i]
		was := in.plain
		if in.setPlain(); in.plain != was {
			return fmt.Errorf("engine: instrument %d lets %d lots go the short way, it should be %d", i, was, in.plain)
		}
	}
	for i := range e.users {
		u := &e.users[i]
		was := u.plain
		if u.setPlain(); u.plain != was {
			return fmt.Errorf("engine: user %d may have %d orders that came the short way, it should be %d", i, was, u.plain)
		}
	}
	return nil
}

// auditBook checks one instrument: its book, what is parked, and what is counted of its orders.
func (e *Engine) auditBook(index uint16) (int, error) {
	in := &e.instruments[index]
	if err := in.book.Audit(); err != nil {
		return 0, fmt.Errorf("engine: instrument %d: %w", index, err)
	}
	bid, bids := in.book.Best(book.Buy)
	ask, asks := in.book.Best(book.Sell)
	if bids && asks && bid >= ask {
		return 0, fmt.Errorf("engine: instrument %d is displayed locked or crossed: bid %d, ask %d (rule 4.7)", index, bid, ask)
	}
	var careful [2]uint32
	if in.def.Policy != PolicyTime {
		careful = [2]uint32{1, 1}
	}
	n, hash := 0, uint64(0)
	var pegs, stops, slices uint32
	var reserves [2]uint64
	for i := range e.users {
		for slot := e.users[i].first; slot != 0; slot = e.at(slot).next {
			o, side := e.at(slot), bookSide(e.at(slot).side)
			if o.instrument != index {
				continue
			}
			parked := o.flags&(orderMid|orderPending) != 0
			if e.orders.Parked(slot) != parked || e.orders.Queued(slot) == parked || e.orders.Side(slot) != side ||
				!parked && e.orders.Class(slot) != o.class() {
				return 0, fmt.Errorf("engine: order %d does not stand where it should", o.reference)
			}
			n++
			hash += e.orders.Weight(slot) * uint64(e.orders.Leaves(slot))
			c := e.coldOf(o, slot)
			if o.flags&(orderIceberg|orderMinimum|orderMid) != 0 {
				careful[side]++
			}
			switch {
			case o.flags&(orderPeg|orderMid) != 0:
				pegs++
			case o.flags&orderPending != 0:
				stops++
			}
			slices += c.slices
			reserves[side] += uint64(c.reserve)
			if o.flags&orderIceberg != 0 && e.slicesLeft(slot, e.leaves(o, slot)) > uint64(c.slices) {
				return 0, fmt.Errorf("engine: order %d counts %d slices and may show more", o.reference, c.slices)
			}
			if leaves := uint32(e.orders.Leaves(slot)); o.flags&orderMinimum != 0 && !parked && c.minimum > leaves {
				return 0, fmt.Errorf("engine: order %d has a minimum of %d, above its leaves of %d", o.reference, c.minimum, leaves)
			}
		}
	}
	switch {
	case hash != in.book.Hash():
		return 0, fmt.Errorf("engine: the book of instrument %d has hash %016x, a recount gives %016x", index, in.book.Hash(), hash)
	case careful != in.careful || pegs+stops != in.watching || slices > e.slices:
		return 0, fmt.Errorf("engine: instrument %d counts %v careful and %d watched, a recount gives %v, %d and %d",
			index, in.careful, in.watching, careful, pegs, stops)
	}
	if reserves != in.reserves {
		return 0, fmt.Errorf("engine: the icebergs of instrument %d have %v in reserve, a recount gives %v", index, in.reserves, reserves)
	}
	if w := in.watch; w != nil && (w.pegCount != pegs || w.stopCount != stops) {
		return 0, fmt.Errorf("engine: instrument %d has %d pegs and %d stops, a recount gives %d and %d", index, w.pegCount, w.stopCount, pegs, stops)
	}
	for _, audit := range []func(uint16, *instrument) error{e.auditMovers, e.auditStops, e.auditTops} {
		if err := audit(index, in); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// filed yields every live order, by owner and in order of reference.
func (e *Engine) filed(yield func(book.Slot, *order) bool) {
	for u := range e.users {
		for slot := e.users[u].first; slot != 0; slot = e.at(slot).next {
			if !yield(slot, e.at(slot)) {
				return
			}
		}
	}
}

// auditMovers checks the lists of pegs and midpoint orders: linked both ways, in order of entry, nobody left out.
func (e *Engine) auditMovers(index uint16, in *instrument) error {
	w := in.watch
	if w == nil {
		return nil
	}
	n := uint32(0)
	for i, list := range [...]*movers{&w.pegs[book.Buy], &w.pegs[book.Sell], &w.mids[book.Buy], &w.mids[book.Sell]} {
		kind, side := [...]uint16{orderPeg, orderMid}[i/2], book.Side(i%2)
		before, entry := book.Slot(0), uint64(0)
		for slot := list.first; slot != 0; slot = e.cold[slot].next {
			o, c := e.at(slot), &e.cold[slot]
			if o.instrument != index || o.flags&kind == 0 || bookSide(o.side) != side || c.prev != before || c.entry <= entry {
				return fmt.Errorf("engine: instrument %d: order %d does not belong where it stands in the order of entry", index, o.reference)
			}
			before, entry = slot, c.entry
			n++
		}
		if list.last != before {
			return fmt.Errorf("engine: instrument %d: an order of entry does not end at its last order", index)
		}
	}
	if n != w.pegCount {
		return fmt.Errorf("engine: instrument %d lists %d pegs, and counts %d", index, n, w.pegCount)
	}
	return nil
}

// auditStops checks that the agendas have every pending stop where it is due, and nothing else.
func (e *Engine) auditStops(index uint16, in *instrument) error {
	w := in.watch
	if w == nil {
		return nil
	}
	pending, moves := 0, 0
	for i := range w.pending {
		for side := range w.pending[i] {
			pending += w.pending[i][side].Len()
			moves += w.moves[i][side].Len()
		}
	}
	for slot, o := range e.filed {
		if o.instrument != index || o.flags&orderPending == 0 {
			continue
		}
		c, i, side := &e.cold[slot], triggerIndex(e.cold[slot].trigger), bookSide(o.side)
		if w.pending[i][side].Find(nearest(side, c.stop), o.reference) != slot {
			return fmt.Errorf("engine: stop %d is not due at its price", o.reference)
		}
		pending--
		if o.flags&orderTrails == 0 {
			continue
		}
		if w.moves[i][side].Find(moving(side, c), o.reference) != slot {
			return fmt.Errorf("engine: stop %d does not move where it should", o.reference)
		}
		moves--
	}
	if pending != 0 || moves != 0 || w.leads != [3]lead{} {
		return fmt.Errorf("engine: instrument %d: stops too many: %d are due, %d move; or some lag: %v", index, pending, moves, w.leads)
	}
	return nil
}

// auditTops checks that a top order is the first at the best displayed price (rule 10.2).
func (e *Engine) auditTops(index uint16, in *instrument) error {
	for side, slot := range in.top {
		if slot == 0 {
			continue
		}
		if best := in.book.First(book.Side(side), book.Displayed); !in.tops || best == 0 || in.book.Head(best) != slot {
			return fmt.Errorf("engine: instrument %d: order %d is no top order", index, e.at(slot).reference)
		}
	}
	return nil
}

// auditSlices checks what icebergs count beside themselves (rule 2.6), and that no instrument waits to settle.
func (e *Engine) auditSlices() error {
	sum := uint32(0)
	for slot, o := range e.filed {
		if o.flags&orderIceberg != 0 {
			sum += e.cold[slot].slices
		}
	}
	if sum != e.slices {
		return fmt.Errorf("engine: icebergs count %d slices, a recount gives %d", e.slices, sum)
	}
	for i := range e.instruments {
		if e.instruments[i].unsettled {
			return fmt.Errorf("engine: instrument %d waits to settle", i)
		}
	}
	return nil
}

// auditTimes checks that the agenda has every order that expires at its time, nothing else, and nothing that is past while a day
// is open (rule 2.2).
func (e *Engine) auditTimes() error {
	n := 0
	for slot, o := range e.filed {
		if o.flags&orderExpires == 0 {
			continue
		}
		if at := e.cold[slot].expire; e.expiries.Find(at, o.reference) != slot || at < e.due || e.open && at <= e.time {
			return fmt.Errorf("engine: order %d should expire at %d; it is %d, and the next is due at %d", o.reference, at, e.time, e.due)
		}
		n++
	}
	if n != e.expiries.Len() {
		return fmt.Errorf("engine: %d orders are due to expire, a recount gives %d", e.expiries.Len(), n)
	}
	return nil
}

// auditBusts checks the busted matches of the day and their part of the hash.
func (e *Engine) auditBusts() error {
	before := e.dayMatch
	for _, m := range e.busted {
		if m <= before || m > e.match {
			return fmt.Errorf("engine: match %d is busted, behind %d of %d", m, before, e.match)
		}
		before = m
	}
	if !e.bustsCounted() {
		return fmt.Errorf("engine: the busted matches are not in the hash as they are")
	}
	return nil
}

// bustsCounted says whether bustTerm is what the busted matches and the day make of it.
func (e *Engine) bustsCounted() bool {
	rest := e.bustTerm
	for _, m := range e.busted {
		rest -= mum(m^k0, k4)
	}
	return rest == dayTerm(e.dayMatch) || rest == 0 && e.dayMatch == 0 // before the first day
}

// auditNames checks that the tables have as many names as there are orders, each of which auditUser has found.
func (e *Engine) auditNames() error {
	t := &e.refs
	names, rest := 0, 0
	for i := range t.places {
		if t.places[i] != 0 {
			names++
		}
		if t.rest[i] != 0 {
			rest++
		}
	}
	if names+rest != e.orders.Live() || rest != t.used {
		return fmt.Errorf("engine: %d and %d (counted as %d) orders have names, %d are live", names, rest, t.used, e.orders.Live())
	}
	return nil
}

// auditUser checks one user's list: linked both ways, in order of reference, every order under its name.
func (e *Engine) auditUser(index uint16) (int, error) {
	u := &e.users[index]
	n, stops, last := 0, uint32(0), uint64(0)
	before := book.Slot(0)
	for slot := u.first; slot != 0; slot = e.at(slot).next {
		o := e.at(slot)
		switch {
		case o.user != index || o.prev != before || o.reference <= last:
			return 0, fmt.Errorf("engine: the list of user %d is broken at order %d", index, o.reference)
		case e.find(o.user, o.idx, o.ref) != slot:
			return 0, fmt.Errorf("engine: order %d is not found by its UserRefNum", o.reference)
		case o.ref > u.lastRef(o.idx):
			return 0, fmt.Errorf("engine: order %d has a UserRefNum that was not used", o.reference)
		}
		before, last = slot, o.reference
		n++
		if o.flags&orderPending != 0 {
			stops++
		}
	}
	if n != int(u.open) || stops != u.stops {
		return 0, fmt.Errorf("engine: user %d counts %d orders and %d stops, a recount gives %d and %d", index, u.open, u.stops, n, stops)
	}
	terms := uint64(0)
	for idx, ref := range u.last {
		terms += refTerm(index, uint8(idx), ref)
	}
	if terms != u.lastTerm {
		return 0, fmt.Errorf("engine: the UserRefNums of user %d are not in the hash as they are", index)
	}
	if u.tail != before {
		return 0, fmt.Errorf("engine: the list of user %d does not end at its last order", index)
	}
	return n, nil
}
