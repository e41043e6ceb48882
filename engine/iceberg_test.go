package engine

import "testing"

// TestSliceStaysInRange: a slice lies between floor-random and floor+random, whatever those are.
func TestSliceStaysInRange(t *testing.T) {
	for _, c := range []struct{ floor, random uint32 }{{1, 0}, {2, 1}, {10, 3}, {1<<32 - 1, 1<<32 - 2}, {3_000_000_000, 2_000_000_000}, {1 << 31, 1<<31 - 1}} {
		low, high := uint64(c.floor-c.random), uint64(c.floor)+uint64(c.random)
		for count := range uint32(10_000) {
			if n := uint64(Slice(7, 8, count, c.floor, c.random)); n < max(1, low) || n > min(high, 1<<32-1) {
				t.Fatalf("floor %d, random %d: slice %d of %d", c.floor, c.random, count, n)
			}
		}
	}
}
