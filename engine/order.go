package engine

import (
	"unsafe"

	"matcher/book"
)

// order is what the engine remembers of a live order beside the book's node; the two share a slot. 64 bytes, no pointer.
type order struct {
	reference  uint64
	expire     uint64 // ns since 1970; 0: by time in force alone
	ref        uint32 // UserRefNum
	used       uint32 // executed and decremented quantity of the chain (Replace arithmetic, rule 9.4)
	price      uint32 // wire units; a limit price is below 2,000,000,000
	next       book.Slot
	prev       book.Slot // of the same user, in order of reference
	user       uint16
	instrument uint16
	group      uint16
	idx        uint8
	side       uint8 // B S T E
	tif        uint8
	display    uint8
	capacity   uint8
	flags      uint8
	clOrdID    [14]byte
}

var _ [64]byte = [unsafe.Sizeof(order{})]byte{}

// Flags of an order.
const (
	orderSweep   uint8 = 1 // InterMarket Sweep `Y`
	orderToLimit uint8 = 2 // came as market-to-limit: a Replace at a market price is one again (rule 9.5)
)

func (o *order) hidden() bool { return o.display == 'N' }

func (o *order) class() book.Class {
	if o.hidden() {
		return book.Hidden
	}
	return book.Displayed
}

// bookSide maps the four side letters to the two sides of a book.
func bookSide(letter uint8) book.Side {
	if letter == 'B' {
		return book.Buy
	}
	return book.Sell
}

// contra is the side that an order trades with.
func contra(s book.Side) book.Side { return s ^ 1 }

// find returns the live order that a user calls by a UserRefNum, or 0.
func (e *Engine) find(user uint16, idx uint8, ref uint32) book.Slot {
	return e.refs.get(refKey(user, idx, ref))
}

// rest puts what is left of an order at the back of its queue and files it under its names. There is a free slot.
func (e *Engine) rest(o *order, leaves uint32) book.Slot {
	slot := e.orders.Take()
	if slot == 0 {
		panic("engine: no slot for an accepted order")
	}
	e.live[slot] = *o
	o = &e.live[slot]
	e.refs.put(refKey(o.user, o.idx, o.ref), slot)
	e.listed(o, slot)
	if o.expire != 0 {
		e.expiries.Add(o.expire, o.reference, slot)
		e.due = min(e.due, o.expire)
	}
	e.queue(o, slot, leaves)
	return slot
}

// queue gives an order a new time priority (rule 4.3) and puts it at the back of its queue.
func (e *Engine) queue(o *order, slot book.Slot, leaves uint32) {
	in := &e.instruments[o.instrument]
	e.touchBook(o.instrument)
	e.priority++
	in.book.Add(slot, book.Resting{
		Side:   bookSide(o.side),
		Class:  o.class(),
		Price:  book.Price(uint64(o.price) / in.def.Tick),
		Qty:    book.Qty(leaves),
		Weight: weight(o, e.priority),
	})
}

// listed appends an order to its owner's list. References only grow, so the list is in order of reference.
func (e *Engine) listed(o *order, slot book.Slot) {
	u := &e.users[o.user]
	o.prev, o.next = u.tail, 0
	if u.tail != 0 {
		e.live[u.tail].next = slot
	} else {
		u.first = slot
	}
	u.tail = slot
}

// unlisted takes an order out of its owner's list.
func (e *Engine) unlisted(o *order) {
	u := &e.users[o.user]
	if o.prev != 0 {
		e.live[o.prev].next = o.next
	} else {
		u.first = o.next
	}
	if o.next != 0 {
		e.live[o.next].prev = o.prev
	} else {
		u.tail = o.prev
	}
}

// forget removes an order that is in no queue any more from all names it had, and frees its slot.
func (e *Engine) forget(slot book.Slot) {
	o := &e.live[slot]
	e.refs.remove(refKey(o.user, o.idx, o.ref))
	e.unlisted(o)
	if o.expire != 0 {
		e.expiries.Remove(o.expire, o.reference)
	}
	e.orders.Free(slot)
}

// unqueue takes a live order out of its book.
func (e *Engine) unqueue(slot book.Slot) {
	o := &e.live[slot]
	in := &e.instruments[o.instrument]
	e.touchBook(o.instrument)
	in.book.Remove(slot)
}

// kill cancels a live order whole and tells its owner.
func (e *Engine) kill(slot book.Slot, reason uint8) {
	o := &e.live[slot]
	e.canceled(o, uint32(e.orders.Leaves(slot)), 0, reason)
	e.unqueue(slot)
	e.forget(slot)
}

// lastRef returns the last UserRefNum used up in a channel.
func (u *user) lastRef(idx uint8) uint32 { return u.last[idx] }

// use consumes a UserRefNum. False: it is not above the last one of its channel, so this is a retransmission (rule 3, 1).
func (e *Engine) use(index uint16, idx uint8, ref uint32) bool {
	u := &e.users[index]
	if ref <= u.lastRef(idx) {
		return false
	}
	u.lastTerm += refTerm(index, idx, ref) - refTerm(index, idx, u.last[idx])
	u.last[idx] = ref
	e.touchUser(index)
	return true
}

// refTerm is what a channel's last UserRefNum adds to the state hash.
func refTerm(index uint16, idx uint8, ref uint32) uint64 {
	if ref == 0 {
		return 0
	}
	return mum(uint64(index)<<8^uint64(idx)^k2, uint64(ref)^k3)
}

// known says whether a command names a user that exists.
func (e *Engine) known(h *Header) bool { return h.User != 0 && int(h.User) < len(e.users) }

// refTable finds the slot of a live order by (user, channel, UserRefNum): open addressing, linear probing, sized once for
// at most half load. Sixteen neighbouring UserRefNums lie side by side: a client counts upwards, so it works on few cache
// lines. (Eight at a quarter of the load probe less and were slower under load: the larger table misses the cache more.)
type refTable struct {
	entries []refEntry
	salt    uint64
}

type refEntry struct {
	key  uint64 // 0: free
	slot book.Slot
	_    uint32
}

func refKey(user uint16, idx uint8, ref uint32) uint64 {
	return uint64(user)<<40 | uint64(idx)<<32 | uint64(ref)
}

func newRefTable(orders int, salt uint64) refTable {
	n := 16
	for n < 2*orders {
		n *= 2
	}
	return refTable{entries: make([]refEntry, n), salt: salt}
}

// home is where a key is looked for first. Clients choose UserRefNums: the salt keeps them from choosing homes. One round
// alone would do no more than shift homes that were aimed at without it.
func (t *refTable) home(key uint64) uint64 {
	return mum(mum(key>>4^t.salt, k0)^t.salt, k1)&^15 | key&15
}

func (t *refTable) get(key uint64) book.Slot {
	mask := uint64(len(t.entries) - 1)
	for i := t.home(key); ; i++ {
		switch e := &t.entries[i&mask]; e.key {
		case key:
			return e.slot
		case 0:
			return 0
		}
	}
}

func (t *refTable) put(key uint64, slot book.Slot) {
	mask := uint64(len(t.entries) - 1)
	i := t.home(key)
	for t.entries[i&mask].key != 0 {
		i++
	}
	t.entries[i&mask] = refEntry{key: key, slot: slot}
}

// remove closes the gap by moving back whatever a probe could no longer reach across it.
func (t *refTable) remove(key uint64) {
	mask := uint64(len(t.entries) - 1)
	i := t.home(key) & mask
	for t.entries[i].key != key {
		if t.entries[i].key == 0 {
			panic("engine: a live order without a name")
		}
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; t.entries[j].key != 0; j = (j + 1) & mask {
		if (j-t.home(t.entries[j].key))&mask >= (j-i)&mask {
			t.entries[i] = t.entries[j]
			i = j
		}
	}
	t.entries[i] = refEntry{}
}
