package engine

import "matcher/book"

// Displayed is an order as the public sees it: what a snapshot of a book is made of.
type Displayed struct {
	Order  uint64 // order reference; of an iceberg that of its slice
	Price  uint64 // wire units
	Qty    uint32 // shown
	User   uint16
	Side   uint8 // B S
	Public bool  // display `A`: attributed to its firm
}

// Displayed calls visit with every displayed order of an instrument: buys, then sells, the best price first, and in a level
// in order of the queue. It is not for the hot path.
func (e *Engine) Displayed(instrument uint16, visit func(d *Displayed)) {
	if instrument == 0 || int(instrument) >= len(e.instruments) {
		return
	}
	in := &e.instruments[instrument]
	var d Displayed
	for _, side := range [...]book.Side{book.Buy, book.Sell} {
		for q := in.book.First(side, book.Displayed); q != 0; q = in.book.Behind(side, book.Displayed, q) {
			price := uint64(in.book.PriceOf(side, book.Displayed, q)) * in.tick
			for slot := in.book.Head(q); slot != 0; slot = e.orders.Next(slot) {
				o := e.at(slot)
				d = Displayed{Order: o.reference, Price: price, Qty: uint32(e.orders.Leaves(slot)), User: o.user, Side: 'B'}
				if side == book.Sell {
					d.Side = 'S'
				}
				d.Public = o.flags&orderPublic != 0
				visit(&d)
			}
		}
	}
}

// Name returns the name of an account.
func (e *Engine) Name(user uint16) [6]byte { return e.users[user].def.Name }

// InstrumentCount returns how many instruments there are: their indexes are 1 to that.
func (e *Engine) InstrumentCount() int { return len(e.instruments) - 1 }
