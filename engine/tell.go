package engine

import (
	"unsafe"

	"matcher/book"
)

// event appends an event whose fields are all still to be set.
func (e *Engine) event() *Event {
	if len(e.out) == cap(e.out) {
		e.growOut()
	}
	return e.next()
}

// next is event for whoever knows that there is room.
func (e *Engine) next() *Event {
	n := len(e.out)
	(*[3]int)(unsafe.Pointer(&e.out))[1] = n + 1 // the length of a slice is its second word
	return (*Event)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(e.out)), uintptr(n)*EventSize))
}

// put writes an event as the ten words that it is: the short way has most of them as words.
func (ev *Event) put(word uint64, ref, orig, qty, leaves uint32, order, link, price, number, id, idReason, rest uint64) {
	w := (*[EventSize / 8]uint64)(unsafe.Pointer(ev))
	w[0], w[1], w[2], w[3], w[4] = word, uint64(ref)|uint64(orig)<<32, uint64(qty)|uint64(leaves)<<32, order, link
	w[5], w[6], w[7], w[8], w[9] = price, number, id, idReason, rest
}

// The words in which an event's reason and Shown are.
const (
	reasonShift = 48
	shownShift  = 32
)

// begin sets the 8 bytes with which an event begins: kind and flags, and an order's or a command's word without those.
func (ev *Event) begin(word uint64) { *(*uint64)(unsafe.Pointer(ev)) = word }

// number counts a message for a user.
func (e *Engine) number(index uint16) uint64 {
	u := e.user(index)
	u.sent++
	e.touchUser(u, index)
	return u.sent
}

// emit appends an event for a user and gives it the next number of the user's stream.
func (e *Engine) emit(kind uint8, index uint16) *Event {
	ev := e.event()
	*ev = Event{}
	ev.Kind, ev.User, ev.Number = kind, index, e.number(index)
	return ev
}

// tell appends an event about an order.
func (e *Engine) tell(kind uint8, o *order, price uint64) *Event {
	ev := e.event()
	*ev = Event{}
	ev.Ref, ev.Order, ev.Price, ev.Number = o.ref, o.reference, price, e.number(o.user)
	word := o.word() | uint64(kind)
	if o.flags&orderNotDisplayed != 0 {
		if o.flags&(orderHidden|orderMid) != 0 {
			word |= uint64(EventHidden) << 8
		}
		if o.flags&orderPending != 0 {
			word |= uint64(EventPending) << 8
		}
	}
	ev.begin(word)
	return ev
}

// rests marks the last event of an aggressor when what is left of it has come to rest. Events of makers may stand behind it.
func (e *Engine) rests(o *order, shown uint32) {
	i := len(e.out) - 1
	for e.out[i].Order != o.reference {
		i--
	}
	e.out[i].Flags |= EventRests
	e.out[i].Shown = shown
}

// wasShown returns the flags of an event that gives a live order a new place: how the public sees it where it stands.
func (e *Engine) wasShown(o *order, slot book.Slot) uint8 {
	switch {
	case e.shown(o, slot) == 0:
		return 0
	case o.flags&orderPublic != 0:
		return EventShown | EventPublic
	}
	return EventShown
}

// reject answers a command that used up its UserRefNum (rule 3).
func (e *Engine) reject(h *Header, ref uint32, clOrdID [14]byte, code uint16) {
	ev := e.emit('J', h.User)
	ev.Idx, ev.Ref, ev.Reason, ev.ClOrdID = h.Idx, ref, code, clOrdID
	ev.Instrument, ev.Side = h.Instrument, h.Side
}
