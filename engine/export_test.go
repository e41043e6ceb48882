package engine

// Stale returns the order whose part of the state hash is not what the order is, 0 if there is none: no priority number given so
// far makes it so. A sell letter that Modify has changed does not count.
func (e *Engine) Stale() uint64 {
	for i := range e.users {
		for slot := e.users[i].first; slot != 0; slot = e.at(slot).next {
			if o := e.at(slot); !e.fresh(o) {
				return o.reference
			}
		}
	}
	return 0
}

func (e *Engine) fresh(o *order) bool {
	is, slot := *o, e.find(o.user, o.idx, o.ref)
	price := e.orders.Price(slot)
	if e.orders.Parked(slot) {
		price = 0
	}
	for _, is.side = range []uint8{o.side, 'S', 'T', 'E'} {
		for p := e.priority; p > 0; p-- {
			if e.weight(&is, slot, price, p) == e.orders.Weight(slot) {
				return true
			}
		}
	}
	return false
}
