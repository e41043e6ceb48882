//go:build linux

package ring

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// providedBuffers is the ring of provided buffers: the receive buffers that the kernel may fill are those up to tail.
type providedBuffers struct {
	entries   []bufferEntry // shared with the kernel
	tail      uint16
	published uint16 // the tail that the kernel was told
	size      uint32 // of a buffer
	arena     uint64 // address of the first one
	held      []bool // true: the caller has the buffer
}

// newProvidedBuffers gives all buffers to the kernel. memory is where the entries go, zeroed and aligned to a page.
func newProvidedBuffers(cfg Config, memory []byte, arena uint64) providedBuffers {
	b := providedBuffers{
		entries: unsafe.Slice((*bufferEntry)(unsafe.Pointer(&memory[0])), cfg.ReceiveBuffers),
		size:    uint32(cfg.ReceiveSize), arena: arena, held: make([]bool, cfg.ReceiveBuffers),
	}
	for i := range b.held {
		b.held[i] = true
		b.recycle(uint16(i))
	}
	b.publish()
	return b
}

// filled adds to a completion which buffer the kernel has filled, if it has.
func (b *providedBuffers) filled(c *Completion, flags uint32) {
	if flags&cqeBuffer != 0 {
		c.Filled = true
		c.Buffer = uint16(flags >> cqeBufferShift)
		c.Off = uint64(c.Buffer) * uint64(b.size)
		b.held[c.Buffer] = true
	}
}

// recycle puts a receive buffer behind the others that the kernel may fill. The kernel sees it with publish. For entry 0 that
// also mends the tail, which this overwrites: the kernel looks at it only during enter.
func (b *providedBuffers) recycle(id uint16) {
	if int(id) >= len(b.held) || !b.held[id] {
		panic(fmt.Sprintf("ring: receive buffer %d was recycled and is not the caller's", id))
	}
	b.held[id] = false
	b.entries[b.tail&uint16(len(b.entries)-1)] = bufferEntry{
		addr:   b.arena + uint64(id)*uint64(b.size),
		length: b.size,
		idTail: uint32(id),
	}
	b.tail++
}

// publish tells the kernel about the buffers recycled since the last time. The tail is 16 bits wide and the upper half of a
// word whose lower half is the id in entry 0; Go's atomic stores are 32 bits. (So a little-endian machine it is.)
func (b *providedBuffers) publish() {
	if b.published != b.tail {
		b.published = b.tail
		word := &b.entries[0].idTail
		atomic.StoreUint32(word, uint32(b.tail)<<16|*word&0xffff)
	}
}
