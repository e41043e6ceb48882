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
	queued := 0
	for i := 1; i < len(e.instruments); i++ {
		in := &e.instruments[i]
		if err := in.book.Audit(); err != nil {
			return fmt.Errorf("engine: instrument %d: %w", i, err)
		}
		for _, side := range [...]book.Side{book.Buy, book.Sell} {
			for _, slot := range in.book.Ranked(nil, side) {
				queued++
				if o := e.at(slot); int(o.instrument) != i || bookSide(o.side) != side {
					return fmt.Errorf("engine: order %d stands in another book than it belongs to", o.reference)
				}
			}
		}
		bid, bids := in.book.Best(book.Buy)
		ask, asks := in.book.Best(book.Sell)
		if bids && asks && bid >= ask {
			return fmt.Errorf("engine: instrument %d is displayed locked or crossed: bid %d, ask %d (rule 4.7)", i, bid, ask)
		}
		sum += e.bookTerm(in)
	}
	if queued != listed {
		return fmt.Errorf("engine: %d orders are queued, %d are listed", queued, listed)
	}
	if have := e.Hash() - e.venueTerm(); have != sum {
		return fmt.Errorf("engine: the state hash is %016x, a recount gives %016x", have, sum)
	}
	return nil
}

// auditUser checks one user's list: linked both ways, in order of reference, every order under its name.
func (e *Engine) auditUser(index uint16) (int, error) {
	u := &e.users[index]
	n, last := 0, uint64(0)
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
