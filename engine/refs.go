package engine

import (
	"math/bits"

	"matcher/book"
)

// refTable finds the slot of a live order by (user, channel, UserRefNum). Every name has one place in a table of slots, at
// most two fifths full; sixteen neighbouring UserRefNums have theirs side by side in one cache line, for a client counts
// upwards. The order in the slot says whether it is the one that was meant. A name whose place is taken goes to a second,
// small table, which is searched only for what the first does not have.
//
// Clients choose UserRefNums: two secrets keep them from choosing places.
type refTable struct {
	slots  []book.Slot
	blocks uint64 // of sixteen slots
	salt   uint64
	factor uint64
	rest   []book.Slot // open addressing, linear probing
	used   int         // of rest
}

const refBlock = 16

func newRefTable(orders int, salt uint64) refTable {
	blocks := uint64(orders)*5/2/refBlock + 1
	rest := 64
	for rest < orders && (rest < 8192 || rest < orders/2) {
		rest *= 2
	}
	return refTable{
		slots: make([]book.Slot, blocks*refBlock), blocks: blocks, rest: make([]book.Slot, 2*rest),
		salt: salt ^ k0, factor: mum(salt^k1, k2) | 1,
	}
}

func (t *refTable) hash(user uint16, idx uint8, ref uint32) uint64 {
	return mum((uint64(user)<<40|uint64(idx)<<32|uint64(ref))/refBlock^t.salt, t.factor)
}

// home is the place of a name in slots.
func (t *refTable) home(user uint16, idx uint8, ref uint32) uint64 {
	block, _ := bits.Mul64(t.hash(user, idx, ref), t.blocks)
	return block*refBlock + uint64(ref)%refBlock
}

// get returns 0 if there is no such order.
func (t *refTable) get(e *Engine, user uint16, idx uint8, ref uint32) book.Slot {
	if len(t.slots) == 0 {
		return 0
	}
	slot := t.slots[t.home(user, idx, ref)]
	if o := e.at(slot); slot != 0 && o.ref == ref && o.user == user && o.idx == idx {
		return slot
	}
	if t.used == 0 {
		return 0
	}
	return t.rest[t.seek(e, user, idx, ref)]
}

func (t *refTable) put(e *Engine, o *order, slot book.Slot) {
	place := &t.slots[t.home(o.user, o.idx, o.ref)]
	if *place == 0 {
		*place = slot
		return
	}
	if 4*(t.used+1) > 3*len(t.rest) {
		panic("engine: names of orders collide as only chosen ones can")
	}
	t.rest[t.seek(e, o.user, o.idx, o.ref)] = slot
	t.used++
}

func (t *refTable) remove(e *Engine, o *order, slot book.Slot) {
	if place := &t.slots[t.home(o.user, o.idx, o.ref)]; *place == slot {
		*place = 0
		return
	}
	i := t.seek(e, o.user, o.idx, o.ref)
	if t.rest[i] != slot {
		panic("engine: a live order without a name")
	}
	t.used--
	// Close the gap by moving back whatever a probe could no longer reach across it.
	mask := uint64(len(t.rest) - 1)
	for j := (i + 1) & mask; t.rest[j] != 0; j = (j + 1) & mask {
		m := e.at(t.rest[j])
		if home := t.restHome(m.user, m.idx, m.ref); (j-home)&mask >= (j-i)&mask {
			t.rest[i] = t.rest[j]
			i = j
		}
	}
	t.rest[i] = 0
}

// restHome is where a name is looked for first in rest: neighbours far apart.
func (t *refTable) restHome(user uint16, idx uint8, ref uint32) uint64 {
	return mum(t.hash(user, idx, ref)^uint64(ref), t.factor^k3) & uint64(len(t.rest)-1)
}

// seek returns the place of a name in rest, or the free place where it would be.
func (t *refTable) seek(e *Engine, user uint16, idx uint8, ref uint32) uint64 {
	mask := uint64(len(t.rest) - 1)
	i := t.restHome(user, idx, ref)
	for ; t.rest[i] != 0; i = (i + 1) & mask {
		if o := e.at(t.rest[i]); o.ref == ref && o.user == user && o.idx == idx {
			break
		}
	}
	return i
}
