//go:build !linux

package engine_test

func prefault(_, _ uintptr) {}
