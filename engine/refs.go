package engine

import (
	"math/bits"

	"matcher/book"
)

// refTable finds the slot of a live order by (user, channel, UserRefNum): open addressing, linear probing, sized once for at
// most two thirds load. Eight neighbouring UserRefNums have their homes side by side in one cache line: a client counts
// upwards, so it works on few lines. An entry holds the UserRefNum; whose it is, the order itself says. It also holds how
// far it lies behind its home, so that an entry can be removed without a look at any other order.
type refTable struct {
	entries []refEntry
	blocks  uint64 // of eight entries
	salt    uint64
}

type refEntry struct {
	ref  uint32
	spot uint32 // slot<<farBits | entries behind home; 0: free
}

const (
	refBlock = 8
	farBits  = 6
	farMax   = 1<<farBits - 1 // this far or farther
)

func newRefTable(orders int, salt uint64) refTable {
	blocks := uint64(orders)*3/2/refBlock + 2
	return refTable{entries: make([]refEntry, blocks*refBlock), blocks: blocks, salt: salt}
}

// home is where an order is looked for first. Clients choose UserRefNums: the salt keeps them from choosing homes. One round
// alone would do no more than shift homes that were aimed at without it.
func (t *refTable) home(user uint16, idx uint8, ref uint32) uint64 {
	key := uint64(user)<<40 | uint64(idx)<<32 | uint64(ref)
	block, _ := bits.Mul64(mum(mum(key>>3^t.salt, k0)^t.salt, k1), t.blocks)
	return block*refBlock + key%refBlock
}

// after is the place that a probe looks at next.
func (t *refTable) after(i uint64) uint64 {
	if i++; i == uint64(len(t.entries)) {
		return 0
	}
	return i
}

// get returns 0 if there is no such order.
func (t *refTable) get(e *Engine, user uint16, idx uint8, ref uint32) book.Slot {
	if len(t.entries) == 0 {
		return 0
	}
	for i := t.home(user, idx, ref); ; i = t.after(i) {
		x := t.entries[i]
		if x.spot == 0 {
			return 0
		}
		if x.ref == ref {
			slot := book.Slot(x.spot >> farBits)
			if o := e.at(slot); o.user == user && o.idx == idx {
				return slot
			}
		}
	}
}

func (t *refTable) put(o *order, slot book.Slot) {
	i, far := t.home(o.user, o.idx, o.ref), uint32(0)
	for t.entries[i].spot != 0 {
		i = t.after(i)
		far++
	}
	t.entries[i] = refEntry{o.ref, uint32(slot)<<farBits | min(far, farMax)}
}

// remove closes the gap by moving back whatever a probe could no longer reach across it.
func (t *refTable) remove(e *Engine, o *order, slot book.Slot) {
	i := t.home(o.user, o.idx, o.ref)
	for t.entries[i].spot>>farBits != uint32(slot) {
		if t.entries[i].spot == 0 {
			panic("engine: a live order without a name")
		}
		i = t.after(i)
	}
	gap := uint32(0)
	for j := t.after(i); t.entries[j].spot != 0; j = t.after(j) {
		gap++
		x := t.entries[j]
		far := x.spot & farMax
		if far == farMax {
			far = t.far(e, j, book.Slot(x.spot>>farBits))
		}
		if far >= gap {
			t.entries[i] = refEntry{x.ref, x.spot&^farMax | min(far-gap, farMax)}
			i, gap = j, 0
		}
	}
	t.entries[i] = refEntry{}
}

// far counts how far behind its home an entry lies.
func (t *refTable) far(e *Engine, i uint64, slot book.Slot) uint32 {
	o := e.at(slot)
	home := t.home(o.user, o.idx, o.ref)
	if home > i {
		i += uint64(len(t.entries))
	}
	return uint32(min(i-home, 1<<31))
}
