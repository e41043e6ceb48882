package engine

// Place is where a live order stands.
type Place struct {
	Order       uint64 // order reference
	Price       uint64 // wire units
	Leaves      uint32 // open, an iceberg's reserve included
	Shown       uint32 // of that, what the book shows
	Pending     bool   // a stop before its trigger: it stands in no queue
	AheadLots   uint64 // open at its price before it; of icebergs ahead only the slices
	AheadOrders int
}

// Place returns where the order stands that its owner calls by this channel and UserRefNum, false if it is not live. It
// walks the queue before the order: it is not for the hot path.
func (e *Engine) Place(user uint16, idx uint8, ref uint32) (Place, bool) {
	if user == 0 || int(user) >= len(e.users) || e.orders == nil {
		return Place{}, false
	}
	slot := e.refs.get(e, &e.users[user], user, idx, ref)
	if slot == 0 {
		return Place{}, false
	}
	o := e.at(slot)
	p := Place{
		Order: o.reference, Price: e.price(o, slot),
		Leaves: e.leaves(o, slot), Shown: e.shown(o, slot), Pending: o.flags&orderPending != 0,
	}
	p.AheadLots, p.AheadOrders = e.instruments[o.instrument].book.Ahead(slot)
	return p, true
}
