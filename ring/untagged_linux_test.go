//go:build linux && !giouring

package ring_test

// tagged are the drivers that are built only when asked for: none.
var tagged []driver
