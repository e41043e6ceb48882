//go:build linux

package ring

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Word is a number of 8 bytes, little-endian on the machines that this runs on, at the start of a file that other processes
// read. Storing it is a store to memory: no system call, and it outlives the process.
type Word struct{ memory []byte }

// OpenWord maps the number in a file, which is made if it is missing.
func OpenWord(path string) (*Word, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("ring: open %s: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }() // the mapping stays
	if err := unix.Ftruncate(fd, 8); err != nil {
		return nil, fmt.Errorf("ring: resize %s: %w", path, err)
	}
	memory, err := unix.Mmap(fd, 0, 8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("ring: map %s: %w", path, err)
	}
	return &Word{memory}, nil
}

// Store sets the number.
func (w *Word) Store(n uint64) {
	atomic.StoreUint64((*uint64)(unsafe.Pointer(unsafe.SliceData(w.memory))), n)
}

// Close gives the mapping back. The file keeps the number.
func (w *Word) Close() error {
	memory := w.memory
	w.memory = nil
	if err := unix.Munmap(memory); err != nil {
		return fmt.Errorf("ring: unmap: %w", err)
	}
	return nil
}
