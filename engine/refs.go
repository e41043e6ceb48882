package engine

import (
	"math/bits"
	"unsafe"

	"matcher/book"
)

// refTable finds the slot of a live order by (user, channel, UserRefNum). Clients count UserRefNums upwards, so they are used
// as an index: every account has a secret place where its names begin, and from there on neighbouring names lie side by
// side. Regions of accounts overlap; a name has four places, two ninths of the table apart (at a quarter of it, or an eighth, there
// may be where another account is counting), and takes the first that is free.
// An entry is a slot and six bits of the name, so that hardly ever an order is looked at in vain: the order says whether it
// is the one that was meant. A name whose places are all taken goes to a second table, which has room for all.
//
// Clients choose UserRefNums, and so, among their own, which meet: those go to the second table, whose places are secret.
type refTable struct {
	places []uint32 // slot<<tagBits | tag, 0 free; twice as many as orders or more, a power of two
	mask   uint32   // one less than so many
	step   uint32   // from a place of a name to its next
	rest   []uint32 // the same, open addressing, linear probing
	used   int      // of rest
	salt   uint64
}

const (
	tagBits = 6
	tagMask = 1<<tagBits - 1
)

func newRefTable(orders int, salt uint64) refTable {
	n := 64
	for n < 2*orders {
		n *= 2
	}
	return refTable{
		places: make([]uint32, n), mask: uint32(n - 1), step: uint32(n/9*2 + 1), rest: make([]uint32, n), salt: salt,
	}
}

// base is where the names of an account begin: as far from those of others as places can be for as many accounts as there are,
// and where exactly is secret. Accounts are spread by their number with its bits in reverse, each of which a secret function of
// those before it may flip.
func (t *refTable) base(user uint16) uint32 {
	spread, base := bits.Reverse32(uint32(user)-1), uint32(0)
	for i := 31; i >= 0; i-- {
		flip := uint32(mum(mum(t.salt^k0, uint64(base)^k1)^t.salt, uint64(i)^k2) >> 16)
		base |= (spread>>i ^ flip) & 1 << i
	}
	return base >> bits.LeadingZeros32(uint32(len(t.places)-1))
}

// name returns the first place of a name, not yet cut to the size of the table, and its tag.
func (u *user) name(idx uint8, ref uint32) (place uint32, tag uint32) {
	return u.base + ref + uint32(idx)*0x9e3779b1, (ref ^ u.base) & tagMask
}

// first returns the first place of a name of channel 0, entry what stands there for an order.
func (t *refTable) first(u *user, ref uint32) *uint32 {
	return t.at((u.base + ref) & t.mask)
}

// The short way knows the first two places of a name of channel 0: in a table that is used to the full every fifth name is not at
// its first.

// free returns the first place of a name if nothing stands there, else the second, where something may stand.
func (t *refTable) free(u *user, ref uint32) *uint32 {
	at := (u.base + ref) & t.mask
	second := (at + t.step) & t.mask
	if *t.at(at) != 0 {
		at = second
	}
	return t.at(at)
}

// own returns the second place of a name if by its tag the first is another's, else the first. It may be another's all the same.
func (t *refTable) own(u *user, ref uint32) *uint32 {
	at := (u.base + ref) & t.mask
	second := (at + t.step) & t.mask
	if (*t.at(at)^ref^u.base)&tagMask != 0 {
		at = second
	}
	return t.at(at)
}

func (t *refTable) at(i uint32) *uint32 {
	return (*uint32)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(t.places)), uintptr(i)*4))
}

func (t *refTable) entry(u *user, ref uint32, slot book.Slot) uint32 {
	return uint32(slot)<<tagBits | (ref^u.base)&tagMask
}

// get returns 0 if there is no such order.
func (t *refTable) get(e *Engine, u *user, index uint16, idx uint8, ref uint32) book.Slot {
	if len(t.places) == 0 {
		return 0
	}
	place, tag := u.name(idx, ref)
	for range 4 {
		if x := t.places[place&t.mask]; x&tagMask == tag && x != 0 {
			slot := book.Slot(x >> tagBits)
			if o := e.at(slot); o.ref == ref && o.user == index && o.idx == idx {
				return slot
			}
		}
		place += t.step
	}
	if t.used == 0 {
		return 0
	}
	return book.Slot(t.rest[t.seek(e, index, idx, ref)] >> tagBits)
}

func (t *refTable) put(e *Engine, u *user, o *order, slot book.Slot) {
	place, tag := u.name(o.idx, o.ref)
	x := uint32(slot)<<tagBits | tag
	for range 4 {
		if at := &t.places[place&t.mask]; *at == 0 {
			*at = x
			return
		}
		place += t.step
	}
	t.rest[t.seek(e, o.user, o.idx, o.ref)] = x
	t.used++
}

func (t *refTable) remove(e *Engine, u *user, o *order, slot book.Slot) {
	place, tag := u.name(o.idx, o.ref)
	x := uint32(slot)<<tagBits | tag
	for range 4 {
		if at := &t.places[place&t.mask]; *at == x {
			*at = 0
			return
		}
		place += t.step
	}
	i := t.seek(e, o.user, o.idx, o.ref)
	if t.rest[i] != x {
		panic("engine: a live order without a name")
	}
	t.used--
	// Close the gap by moving back whatever a probe could no longer reach across it.
	mask := uint64(t.mask)
	for j := (i + 1) & mask; t.rest[j] != 0; j = (j + 1) & mask {
		m := e.at(book.Slot(t.rest[j] >> tagBits))
		if home := t.home(m.user, m.idx, m.ref); (j-home)&mask >= (j-i)&mask {
			t.rest[i] = t.rest[j]
			i = j
		}
	}
	t.rest[i] = 0
}

// home is where a name is looked for first in rest. Two rounds: one alone would do no more than shift homes that were aimed
// at without the salt.
func (t *refTable) home(user uint16, idx uint8, ref uint32) uint64 {
	key := uint64(user)<<40 | uint64(idx)<<32 | uint64(ref)
	return mum(mum(key^t.salt, k0)^t.salt, k1) & uint64(len(t.rest)-1)
}

// seek returns the place of a name in rest, or the free place where it would be.
func (t *refTable) seek(e *Engine, user uint16, idx uint8, ref uint32) uint64 {
	mask := uint64(len(t.rest) - 1)
	_, tag := e.users[user].name(idx, ref)
	i := t.home(user, idx, ref)
	for ; t.rest[i] != 0; i = (i + 1) & mask {
		if t.rest[i]&tagMask == tag {
			if o := e.at(book.Slot(t.rest[i] >> tagBits)); o.ref == ref && o.user == user && o.idx == idx {
				break
			}
		}
	}
	return i
}
