package feed

import (
	"encoding/binary"

	"matcher/wire/mold"
)

// packetSize is the memory of one packet: mold.MaxPayload, rounded up to whole cache lines.
const packetSize = (mold.MaxPayload + 63) / 64 * 64

// MinMemory is the least memory that Packets can do with, in bytes: a packet for heartbeats and a few for messages.
const MinMemory = 8 * packetSize

// Packets packs messages into MoldUDP64 packets and keeps them until they are sent. Its memory is fixed. What finds no place,
// because the disk is slow or a command says very much, is counted and not kept: receivers see a gap, as they do when the
// network drops a packet, and ask the request server. So nobody waits for the feed.
//
//	| heartbeat | sent, free | released | closed, not durable yet | open | free |
//	                ^ tail      ^ released.packets                  ^ head
type Packets struct {
	memory []byte
	base   uint64 // offset of memory in the arena
	sizes  []uint16
	head   uint64 // packets closed so far; the open one is number head
	tail   uint64 // packets sent so far

	session  [10]byte
	next     uint64 // number of the next message
	first    uint64 // of the open packet
	size     int    // of the open packet, 0: none is open
	open     []byte // its memory
	over     bool   // the session has ended
	released Mark
	lost     uint64 // messages that found no place
}

// Mark is a place in what is to be sent: everything before it may be sent once it is released.
type Mark struct {
	packets uint64
	next    uint64 // number of the message behind it
	session [10]byte
	over    bool
}

// NewPackets returns packets in memory, which begins at offset base of the arena that operations name.
func NewPackets(memory []byte, base uint64) *Packets {
	if len(memory) < MinMemory {
		panic("feed: not enough memory")
	}
	return &Packets{memory: memory, base: base, sizes: make([]uint16, len(memory)/packetSize-1), next: 1}
}

// Go says where the messages stand: the session, the number of the next message, and whether the session is over. It closes
// the open packet if that changes.
func (q *Packets) Go(session [10]byte, next uint64, over bool) {
	if session != q.session || next != q.next {
		q.close()
		q.session, q.next = session, next
	}
	q.over = over
}

// lastPackets is how often the end of a session is said behind its last message: the next one may begin at once, and its
// first packet says the same to whoever has lost them all.
const lastPackets = 3

// End says whether the session is over. When it ends, packets behind its last message say so.
func (q *Packets) End(over bool) {
	if over && !q.over {
		q.close()
		for range lastPackets {
			if q.head-q.tail == uint64(len(q.sizes)) {
				break
			}
			h := mold.Header{Session: q.session, Sequence: q.next, Count: mold.EndOfSession}
			h.Put(q.packet(q.head))
			q.sizes[q.head%uint64(len(q.sizes))] = mold.HeaderSize
			q.head++
		}
	}
	q.over = over
}

// Put packs messages, each behind its length of two bytes.
func (q *Packets) Put(framed []byte) {
	for len(framed) != 0 {
		n := 2 + int(binary.BigEndian.Uint16(framed))
		if q.size+n > mold.MaxPayload {
			q.close()
		}
		if q.size == 0 {
			if q.head-q.tail == uint64(len(q.sizes)) {
				q.lost++
				q.next++
				framed = framed[n:]
				continue
			}
			q.size, q.first, q.open = mold.HeaderSize, q.next, q.packet(q.head)
		}
		copy(q.open[q.size:], framed[:n])
		q.size += n
		q.next++
		framed = framed[n:]
	}
}

// close ends the open packet.
func (q *Packets) close() {
	if q.size == 0 {
		return
	}
	h := mold.Header{Session: q.session, Sequence: q.first, Count: uint16(q.next - q.first)}
	h.Put(q.open)
	q.sizes[q.head%uint64(len(q.sizes))] = uint16(q.size)
	q.head++
	q.size = 0
}

// packet returns the memory of a packet; the first place is the heartbeat's.
func (q *Packets) packet(n uint64) []byte {
	at := (1 + n%uint64(len(q.sizes))) * packetSize
	return q.memory[at:][:packetSize:packetSize]
}

// Mark ends the open packet and returns the place behind it.
func (q *Packets) Mark() Mark {
	q.close()
	return Mark{packets: q.head, next: q.next, session: q.session, over: q.over}
}

// Release lets everything before a mark be sent.
func (q *Packets) Release(m Mark) { q.released = m }

// Released says how many packets may be sent.
func (q *Packets) Released() int { return int(q.released.packets - q.tail) }

// Next returns where the next packet that may be sent lies in the arena, and its size; 0 if there is none. Its memory is good
// until the next Put.
func (q *Packets) Next() (off uint64, size uint32) {
	if q.tail == q.released.packets {
		return 0, 0
	}
	n := q.tail % uint64(len(q.sizes))
	q.tail++
	return q.base + (1+n)*packetSize, uint32(q.sizes[n])
}

// Heartbeat returns where a packet lies that says the number of the next message, or that the session has ended; size 0
// before the first session.
func (q *Packets) Heartbeat() (off uint64, size uint32) {
	m := &q.released
	if m.session == [10]byte{} {
		return 0, 0
	}
	h := mold.Header{Session: m.session, Sequence: m.next, Count: mold.Heartbeat}
	if m.over {
		h.Count = mold.EndOfSession
	}
	h.Put(q.memory)
	return q.base, mold.HeaderSize
}

// Lost returns how many messages found no place so far.
func (q *Packets) Lost() uint64 { return q.lost }
