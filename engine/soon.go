package engine

import (
	"unsafe"

	"matcher/book"
)

// Deep says whether so many orders are live that they are not in the processor's near caches: whether Soon is of use.
func (e *Engine) Deep() bool { return e.orders != nil && e.orders.Live() >= deep }

const deep = 1 << 15 // 2 MB

// soon is what was made of the last two hints: one name is on its way from memory, then one order.
type soon struct {
	place *uint32   // in refs, of the last one; nil: it names no order
	tag   uint32    // what an entry there must have
	queue uint32    // that the last one will touch, 0 none
	slot  book.Slot // of the order that the one before names, 0 none
}

// Soon is a hint that a command will come soon: the engine has the memory fetched that it will touch, so that the processor
// does not wait for it then. A command is known before its turn in a journal, and in a buffer of received bytes. It should be
// given in the order of its turn and two or three commands before: its name is looked up with the next hint and its neighbours
// with the one after that, when what they lie in has come.
//
// cell is the first 64 bytes of a command, or of anything: what is no Enter, Replace, Cancel or Modify is passed over. Nothing
// depends on a hint but time. It may be wrong, come too late, or be left out.
func (e *Engine) Soon(cell []byte) {
	_ = cell[CellSize-1]
	h := (*Header)(unsafe.Pointer(unsafe.SliceData(cell)))
	ref, queue := uint32(0), uint32(0)
	switch h.Kind {
	case KindCancel, KindModify:
		ref = (*Cancel)(unsafe.Pointer(h)).Ref
	case KindReplace:
		ref = (*Replace)(unsafe.Pointer(h)).OrigRef
	case KindEnter:
		queue = e.queueOf((*Enter)(unsafe.Pointer(h)))
	default:
		return
	}
	if e.orders == nil || int(h.User) >= len(e.users) {
		return
	}
	a := &e.soon
	if a.slot != 0 {
		o := e.at(a.slot)
		e.orders.Around(a.slot)
		book.Fetch(unsafe.Pointer(e.at(o.next)), unsafe.Pointer(e.at(o.prev)), unsafe.Pointer(&e.names[a.slot]), nil)
		a.slot = 0
	}
	if a.place != nil {
		if x := *a.place; x&tagMask == a.tag {
			a.slot = book.Slot(x >> tagBits)
		}
	}
	order, second := unsafe.Pointer(e.at(a.slot)), unsafe.Pointer(nil)
	if a.queue != 0 {
		order, second = e.orders.Ends(a.queue)
	}
	a.place, a.queue = nil, queue
	if u := &e.users[h.User]; ref != 0 {
		a.place, a.tag = e.refs.first(u, ref), (ref^u.base)&tagMask
	}
	book.Fetch(unsafe.Pointer(a.place), e.orders.Line(queue), order, second)
}

// queueOf returns the queue that an Enter will touch first, 0 if it cannot be known.
func (e *Engine) queueOf(c *Enter) uint32 {
	if int(c.Instrument) >= len(e.instruments) || c.Instrument == 0 {
		return 0
	}
	in := &e.instruments[c.Instrument]
	price, ok := in.ticks(c.Price)
	if !ok {
		return 0
	}
	return in.book.Soon(bookSide(c.Side), price)
}

// fetchMaker does so for what is behind a maker that was filled: its name, and its neighbours on the owner's list.
func (e *Engine) fetchMaker(m *order, slot book.Slot) {
	place := e.refs.first(e.user(m.user), m.ref)
	book.Fetch(unsafe.Pointer(place), unsafe.Pointer(e.nameOf(slot)), unsafe.Pointer(e.at(m.next)), unsafe.Pointer(e.at(m.prev)))
}
