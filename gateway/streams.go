package gateway

import "matcher/wire/soupbin"

// ChunkSize is the unit in which streams take memory unless Config.Chunk says otherwise. No packet crosses a chunk, so a packet
// is always written in one piece and a send is always one piece.
const ChunkSize = 64 << 10

// streams holds the day's outbound packets of every user, ready to be sent: the stream is the outbox. A connection is a
// place in its user's stream, so resuming from any number of the day is a matter of finding that place, and a slow reader
// costs nothing but the memory its stream takes anyway. What a snapshot holds too is given back (past.go).
//
// Memory is one region given at the start, cut into chunks that are linked by index. Chunk 0 is none.
type streams struct {
	memory []byte
	size   uint64  // of a chunk
	chunks []chunk // by index
	taken  uint32  // chunks that were ever in use: 1..taken
	spare  uint32  // the chunk that was given back last, linked by next
	spares int     // how many those are
	users  []stream
	marked []uint16 // users with packets appended since the last Mark
}

type chunk struct {
	first uint64 // number of its first message
	base  uint64 // bytes of its stream before it
	next  uint32
	prev  uint32
	used  uint32 // bytes, once there is a next one
}

// place is a byte in a stream, at a packet boundary.
type place struct {
	chunk uint32
	off   uint32
}

// stream is the outbound stream of one user.
type stream struct {
	head     uint32
	end      place  // where the next packet goes
	number   uint64 // of the last message appended
	released Mark   // what may be sent
	conn     int32  // connection logged in, -1 none
	bound    int32  // connections that are the user's until they are dropped, those that are being closed too
	marked   bool
}

// Mark says up to where a stream may be sent once what stands behind it is durable.
type Mark struct {
	User   uint16
	place  place
	number uint64 // of the last message before it
}

func newStreams(memory []byte, size uint64) streams {
	return streams{memory: memory, size: size, chunks: make([]chunk, uint64(len(memory))/size+1)}
}

// user returns the stream of a user, made on first use.
func (s *streams) user(index uint16) *stream {
	for len(s.users) <= int(index) {
		s.users = append(s.users, stream{conn: -1, released: Mark{User: uint16(len(s.users))}})
	}
	return &s.users[index]
}

// bytes returns the memory of a chunk.
func (s *streams) bytes(index uint32) []byte {
	at := uint64(index-1) * s.size
	return s.memory[at : at+s.size : at+s.size]
}

// free returns how many chunks are left.
func (s *streams) free() int { return len(s.chunks) - 1 - int(s.taken) + s.spares }

// reserve makes room for one packet of at most maxMessage bytes at the end of a stream and returns that memory; nil: there
// is none left.
func (s *streams) reserve(st *stream) []byte {
	if (st.end.chunk == 0 || uint64(st.end.off) > s.size-maxMessage) && !s.grow(st) {
		return nil
	}
	at := uint64(st.end.chunk-1)*s.size + uint64(st.end.off)
	return s.memory[at : at+maxMessage : at+maxMessage]
}

// grow gives a stream its next chunk, if there is one.
func (s *streams) grow(st *stream) bool {
	next := s.take()
	if next == 0 {
		return false
	}
	s.chunks[next] = chunk{first: st.number + 1, prev: st.end.chunk}
	if st.end.chunk != 0 {
		last := &s.chunks[st.end.chunk]
		last.used, last.next = st.end.off, next
		s.chunks[next].base = last.base + uint64(last.used)
	} else {
		st.head = next
		st.released.place = place{chunk: next}
	}
	st.end = place{chunk: next}
	return true
}

// take returns a chunk that is free, 0 if there is none: rather one that was in use before, whose memory is in place.
func (s *streams) take() uint32 {
	if i := s.spare; i != 0 {
		s.spare = s.chunks[i].next
		s.spares--
		return i
	}
	if int(s.taken) == len(s.chunks)-1 {
		return 0
	}
	s.taken++
	return s.taken
}

// giveBack gives the first chunk of a stream back. There is another behind it.
func (s *streams) giveBack(st *stream) {
	i := st.head
	st.head = s.chunks[i].next
	s.chunks[st.head].prev = 0
	s.chunks[i].next = s.spare
	s.spare = i
	s.spares++
}

// appended takes note of a packet of n bytes written to what reserve returned.
func (s *streams) appended(st *stream, user uint16, n int) {
	st.end.off += uint32(n)
	st.number++
	if !st.marked {
		st.marked = true
		s.marked = append(s.marked, user)
	}
}

// restart begins a new session: nothing sent so far can be asked for again, and all memory is free.
func (s *streams) restart() {
	s.taken, s.spare, s.spares = 0, 0, 0
	for i := range s.users {
		st := &s.users[i]
		st.head, st.end, st.number = 0, place{}, 0
		st.released = Mark{User: st.released.User}
	}
}

// seek returns the place of message number n, which is released or the next to be released.
func (s *streams) seek(st *stream, n uint64) place {
	if n > st.released.number {
		return st.released.place
	}
	at := st.released.place.chunk
	for s.chunks[at].first > n {
		at = s.chunks[at].prev
	}
	p := place{chunk: at}
	for number := s.chunks[at].first; number < n; number++ {
		p.off += uint32(soupbin.PacketSize(s.bytes(at)[p.off:]))
	}
	return p
}

// behind returns how many bytes of a stream may be sent from a place on.
func (s *streams) behind(st *stream, p place) uint64 {
	bytes := func(p place) uint64 { return s.chunks[p.chunk].base + uint64(p.off) } // chunk 0: none
	return bytes(st.released.place) - min(bytes(p), bytes(st.released.place))
}

// ready returns how many bytes from a place on may be sent in one piece, after stepping to the next chunk if need be.
func (s *streams) ready(st *stream, p *place) uint32 {
	if p.chunk == 0 {
		p.chunk = st.head
	}
	if p.chunk == 0 {
		return 0
	}
	if p.chunk != st.released.place.chunk && p.off == s.chunks[p.chunk].used {
		*p = place{chunk: s.chunks[p.chunk].next}
	}
	if p.chunk == st.released.place.chunk {
		return st.released.place.off - p.off
	}
	return s.chunks[p.chunk].used - p.off
}
