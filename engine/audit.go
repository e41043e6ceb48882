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
	for i := range e.users {
		for slot := e.users[i].first; slot != 0; slot = e.at(slot).next {
			o, side := e.at(slot), bookSide(e.at(slot).side)
			if o.instrument != index {
				continue
			}
			parked := o.flags&(orderMid|orderPending) != 0
			if e.orders.Parked(slot) != parked || e.orders.Queued(slot) == parked || e.orders.Side(slot) != side {
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
	if w := in.watch; w != nil && (w.pegCount != pegs || w.stopCount != stops || w.stops() != int(stops)) {
		return 0, fmt.Errorf("engine: instrument %d has %d pegs and %d stops, a recount gives %d and %d", index, w.pegCount, w.stopCount, pegs, stops)
	}
	return n, nil
}

// stops counts the entries of the agendas of pending stops.
func (w *watch) stops() (n int) {
	for i := range w.pending {
		for side := range w.pending[i] {
			n += w.pending[i][side].Len()
		}
	}
	return n
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
