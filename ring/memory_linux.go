//go:build linux

package ring

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// mapArena reserves the arena, with the receive buffers at its start and backed by memory at once.
func mapArena(cfg Config) (arena []byte, base uint64, err error) {
	buffers := uint64(cfg.ReceiveBuffers) * uint64(cfg.ReceiveSize)
	base = (buffers + pageSize - 1) &^ (pageSize - 1)
	total := base + (cfg.ArenaSize+pageSize-1)&^(pageSize-1)
	const mode = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE
	if arena, err = unix.Mmap(-1, 0, int(total), unix.PROT_READ|unix.PROT_WRITE, mode); err != nil {
		return nil, 0, mmapError("the arena", err)
	}
	for at := uint64(0); at < base; at += pageSize {
		arena[at] = 0 // the first bytes of a connection must not wait for a page fault
	}
	return arena, base, nil
}

// check panics if an operation is a mistake of the caller, whatever it is about.
func (op *Op) check(arena []byte) {
	if op.Tag >= 1<<TagBits {
		panic(fmt.Sprintf("ring: tag %#x has more than %d bits", op.Tag, TagBits))
	}
	switch op.Code {
	case Send, SendNow, Write, WriteLazy, Read:
		if size := uint64(len(arena)); op.Off > size || uint64(op.Len) > size-op.Off {
			panic(fmt.Sprintf("ring: %d bytes at offset %d are outside the arena of %d", op.Len, op.Off, size))
		}
	case Accept, Receive, ReceiveOnce, Flush, Shutdown, Close, Cancel: // they name no memory
	default:
		panic(fmt.Sprintf("ring: unknown operation code %d", op.Code))
	}
}

// release names the kernel.
func release() string {
	var name unix.Utsname
	_ = unix.Uname(&name)
	return unix.ByteSliceToString(name.Release[:])
}
