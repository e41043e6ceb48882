//go:build linux && giouring

package ring_test

import "matcher/ring"

// tagged are the drivers that are built only when asked for.
var tagged = []driver{{"giouring", 2, func(cfg ring.Config) (kernel, error) { return opened(ring.NewGiouring(cfg)) }}}
