package market

import "math/bits"

// index finds orders by their reference: open addressing with linear probing, at most half full, so that most are found where they are looked for first. An entry is 8
// bytes, so that a line of cache holds eight: 32 bits of the reference's hash, which also say where the entry belongs, and
// the order, which has the whole reference. Removing moves what stands behind the hole back instead of marking it, so the
// table never fills with the dead.
type index struct {
	entries []entry // a power of two of them
	shift   uint8   // 32 less the logarithm of their number
	used    int
}

// entry names an order; slot 0: the entry is free.
type entry struct {
	hash uint32
	slot uint32
}

// hash spreads references that follow each other, or that share low bits.
func hash(ref uint64) uint32 { return uint32(ref * 0x9E3779B97F4A7C15 >> 32) }

// find returns the order of a reference, and the place of its entry. 0: there is none; an entry for it belongs at the place.
func (x *index) find(orders []order, ref uint64) (slot, at uint32) {
	h := hash(ref)
	mask := uint32(len(x.entries) - 1)
	for at = h >> x.shift; ; at = (at + 1) & mask {
		e := x.entries[at]
		if e.slot == 0 || e.hash == h && orders[e.slot].ref == ref {
			return e.slot, at
		}
	}
}

// insert adds an entry at the place that find returned for a reference that is not there.
func (x *index) insert(ref uint64, slot, at uint32) {
	x.entries[at] = entry{hash(ref), slot}
	if x.used++; 2*x.used > len(x.entries) {
		x.grow(x.used)
	}
}

// remove removes the entry at a place.
func (x *index) remove(hole uint32) {
	mask := uint32(len(x.entries) - 1)
	for next := (hole + 1) & mask; ; next = (next + 1) & mask {
		e := x.entries[next]
		if e.slot == 0 {
			break
		}
		// An entry may move back to the hole unless it belongs behind it.
		if (next-e.hash>>x.shift)&mask >= (next-hole)&mask {
			x.entries[hole] = e
			hole = next
		}
	}
	x.entries[hole] = entry{}
	x.used--
}

// grow makes room for more than n references.
func (x *index) grow(n int) {
	old := x.entries
	size := bits.Len(uint(2 * n))
	x.entries = make([]entry, 1<<size)
	x.shift = uint8(32 - size)
	mask := uint32(len(x.entries) - 1)
	for _, e := range old {
		if e.slot == 0 {
			continue
		}
		at := e.hash >> x.shift
		for x.entries[at].slot != 0 {
			at = (at + 1) & mask
		}
		x.entries[at] = e
	}
}
