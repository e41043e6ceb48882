package engine

import (
	"math/bits"

	"matcher/book"
)

// refTable finds the slot of a live order by (user, channel, UserRefNum). Eight neighbouring UserRefNums lie side by side in
// half a cache line, for a client counts upwards. A name has four places, in both halves of its line and of the one beside
// it. An entry is a slot and six bits of the name, so that hardly ever an order is looked at in vain: the order says whether
// it is the one that was meant. A name whose places are all taken (one in a hundred or less when the venue is full) goes to
// a second, small table.
//
// Clients choose UserRefNums: two secrets keep them from choosing places.
type refTable struct {
	places []uint32 // slot<<tagBits | tag, 0 free
	groups uint64   // of eight places
	salt   uint64
	factor uint64
	rest   []uint32 // open addressing, linear probing
	used   int      // of rest
}

const (
	refGroup = 8 // neighbours side by side
	tagBits  = 6
	tagMask  = 1<<tagBits - 1
)

// refLast is the farthest of the four places of a name, refStep leads from one to the next: they differ from the first in
// these bits.
const (
	refStep = refGroup
	refLast = 3 * refGroup
)

func newRefTable(orders int, salt uint64) refTable {
	groups := (uint64(orders)*5/2/refGroup + 4) &^ 3
	rest := 64
	for rest < orders && (rest < 8192 || rest < orders/4) {
		rest *= 2
	}
	return refTable{
		places: make([]uint32, groups*refGroup), groups: groups, rest: make([]uint32, 2*rest),
		salt: salt ^ k0, factor: mum(salt^k1, k2) | 1,
	}
}

// home returns the first place of a name, and its tag.
func (t *refTable) home(user uint16, idx uint8, ref uint32) (place uint64, tag uint32) {
	h := mum(mum((uint64(user)<<40|uint64(idx)<<32|uint64(ref))/refGroup^t.salt, t.factor)^t.salt, k4)
	group, _ := bits.Mul64(h, t.groups)
	return group*refGroup + (uint64(ref)^h>>tagBits)%refGroup, uint32(h) & tagMask
}

// get returns 0 if there is no such order.
func (t *refTable) get(e *Engine, user uint16, idx uint8, ref uint32) book.Slot {
	if len(t.places) == 0 {
		return 0
	}
	place, tag := t.home(user, idx, ref)
	for w := uint64(0); w <= refLast; w += refStep {
		if x := t.places[place^w]; x&tagMask == tag && x != 0 {
			slot := book.Slot(x >> tagBits)
			if o := e.at(slot); o.ref == ref && o.user == user && o.idx == idx {
				return slot
			}
		}
	}
	if t.used == 0 {
		return 0
	}
	return book.Slot(t.rest[t.seek(e, user, idx, ref)] >> tagBits)
}

func (t *refTable) put(e *Engine, o *order, slot book.Slot) {
	place, tag := t.home(o.user, o.idx, o.ref)
	x := uint32(slot)<<tagBits | tag
	for w := uint64(0); w <= refLast; w += refStep {
		if t.places[place^w] == 0 {
			t.places[place^w] = x
			return
		}
	}
	if 4*(t.used+1) > 3*len(t.rest) {
		panic("engine: names of orders collide as only chosen ones can")
	}
	t.rest[t.seek(e, o.user, o.idx, o.ref)] = x
	t.used++
}

func (t *refTable) remove(e *Engine, o *order, slot book.Slot) {
	place, tag := t.home(o.user, o.idx, o.ref)
	x := uint32(slot)<<tagBits | tag
	for w := uint64(0); w <= refLast; w += refStep {
		if t.places[place^w] == x {
			t.places[place^w] = 0
			return
		}
	}
	i := t.seek(e, o.user, o.idx, o.ref)
	if t.rest[i] != x {
		panic("engine: a live order without a name")
	}
	t.used--
	// Close the gap by moving back whatever a probe could no longer reach across it.
	mask := uint64(len(t.rest) - 1)
	for j := (i + 1) & mask; t.rest[j] != 0; j = (j + 1) & mask {
		m := e.at(book.Slot(t.rest[j] >> tagBits))
		if home := t.restHome(m.user, m.idx, m.ref); (j-home)&mask >= (j-i)&mask {
			t.rest[i] = t.rest[j]
			i = j
		}
	}
	t.rest[i] = 0
}

// restHome is where a name is looked for first in rest: neighbours far apart.
func (t *refTable) restHome(user uint16, idx uint8, ref uint32) uint64 {
	place, tag := t.home(user, idx, ref)
	return mum(place^uint64(tag)<<58^t.salt, t.factor^k3) & uint64(len(t.rest)-1)
}

// seek returns the place of a name in rest, or the free place where it would be.
func (t *refTable) seek(e *Engine, user uint16, idx uint8, ref uint32) uint64 {
	mask := uint64(len(t.rest) - 1)
	_, tag := t.home(user, idx, ref)
	i := t.restHome(user, idx, ref)
	for ; t.rest[i] != 0; i = (i + 1) & mask {
		if t.rest[i]&tagMask == tag {
			if o := e.at(book.Slot(t.rest[i] >> tagBits)); o.ref == ref && o.user == user && o.idx == idx {
				break
			}
		}
	}
	return i
}
