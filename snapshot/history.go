package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"

	"matcher/engine"
	"matcher/journal"
	"matcher/wire/soupbin"
)

// History is the streams of a session up to a snapshot: what each user was sent, what the public and the firms were told. It is for one goroutine.
type History struct {
	parts []*part // the newest first
	piece [PieceSize]byte
}

// part is one file of it.
type part struct {
	span
	path  string
	file  fs.File
	bytes io.ReaderAt // of the file
	index []entry     // nil: not read yet
}

// OpenHistory opens the streams that belong to a snapshot, back to the beginning of its session. Of the files only the
// headers and sizes are looked at: pieces are checked when they are read. The error wraps ErrUnusable.
func OpenHistory(fsys fs.FS, i *Info) (*History, error) {
	return openHistory(fsys, i, name(i.State.Seq, streamsSuffix))
}

// NewestHistory opens the streams that belong to the newest snapshot whose place is one in the journal, nil if there is none; why
// others were passed over. Its state is not looked at.
func NewestHistory(fsys fs.FS) (*History, []error) {
	list, passed := List(fsys)
	for n := range list {
		h, err := OpenHistory(fsys, &list[n])
		if err == nil {
			var r *journal.Reader
			if r, err = journal.OpenAt(fsys, &list[n].Anchor); err == nil {
				_ = r.Close() // it was only read
				return h, passed
			}
			h.Close()
		}
		passed = append(passed, err)
	}
	return nil, passed
}

// Seq returns the seq of the snapshot.
func (h *History) Seq() uint64 { return h.parts[0].seq }

// Session returns the session that the streams are of.
func (h *History) Session() [10]byte { return h.parts[0].session }

// openHistory does so with a first file that may not have its name yet.
func openHistory(fsys fs.FS, i *Info, path string) (*History, error) {
	h := &History{}
	for seq, chain := i.State.Seq, i.State.Chain; ; path = name(seq, streamsSuffix) {
		p, err := openPart(fsys, path)
		if err != nil {
			h.Close()
			return nil, err
		}
		h.parts = append(h.parts, p)
		if p.id != i.ID || p.seq != seq || p.chain != chain {
			h.Close()
			return nil, unusable(p.path, "it belongs to another journal or snapshot")
		}
		if p.fresh {
			return h, nil
		}
		if p.since == 0 {
			h.Close()
			return nil, unusable(p.path, "it does not say where its session began")
		}
		seq, chain = p.since, p.before
	}
}

func openPart(fsys fs.FS, path string) (*part, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, unusable(path, "%v", err)
	}
	p := &part{path: path, file: f}
	var b [streamsHeader]byte
	ok := false
	if p.bytes, ok = f.(io.ReaderAt); !ok {
		err = errors.New("the files of this file system are no io.ReaderAt")
	}
	if err == nil {
		_, err = p.bytes.ReadAt(b[:], 0)
	}
	if err == nil {
		err = p.decode(&b)
	}
	if err == nil {
		info, failed := f.Stat()
		if err = failed; err == nil && uint64(info.Size()) != p.span.index+indexHeader+entrySize*p.entries {
			err = fmt.Errorf("it has %d bytes instead of %d", info.Size(), p.span.index+indexHeader+entrySize*p.entries)
		}
	}
	if err != nil {
		_ = f.Close() // it was only read
		return nil, unusable(path, "%v", err)
	}
	return p, nil
}

// Close closes the files.
func (h *History) Close() {
	for _, p := range h.parts {
		_ = p.file.Close() // it was only read
	}
}

// Read copies messages of a stream to dst, which has at least PieceSize bytes: whole ones, from number from on, each behind its
// length. It returns how many bytes those are and the number behind the last. The error wraps ErrUnusable.
func (h *History) Read(dst []byte, stream Stream, from uint64) (n int, next uint64, err error) {
	for _, p := range h.parts {
		e, err := p.find(stream, from)
		if err != nil {
			return 0, from, err
		}
		if e == nil {
			continue
		}
		b, err := p.read(&h.piece, e)
		if err != nil {
			return 0, from, err
		}
		for number := e.first; number < from; number++ {
			b = b[min(soupbin.PacketSize(b), len(b)):]
		}
		return copy(dst, b), e.first + uint64(e.count), nil
	}
	return 0, from, unusable(h.parts[0].path, "no file has message %d of stream %d", from, stream)
}

// Last returns the number of the last message of a stream, 0 if there is none. The error wraps ErrUnusable.
func (h *History) Last(stream Stream) (uint64, error) {
	for _, p := range h.parts {
		if err := p.load(); err != nil {
			return 0, err
		}
		if i := p.behind(stream, math.MaxUint64); i != 0 && p.index[i-1].stream == stream {
			return p.index[i-1].first + uint64(p.index[i-1].count) - 1, nil
		}
	}
	return 0, nil
}

// find returns the piece that a message lies in, nil if it lies in another file.
func (p *part) find(stream Stream, number uint64) (*entry, error) {
	if err := p.load(); err != nil {
		return nil, err
	}
	i := p.behind(stream, number) - 1
	if i < 0 || p.index[i].stream != stream || number-p.index[i].first >= uint64(p.index[i].count) {
		return nil, nil
	}
	return &p.index[i], nil
}

// behind returns the place in the index behind all pieces that begin no later than with a message.
func (p *part) behind(stream Stream, number uint64) int {
	i, found := slices.BinarySearchFunc(p.index, number, func(e entry, n uint64) int { return e.compare(stream, n) })
	if found {
		i++
	}
	return i
}

// load reads the index, once.
func (p *part) load() error {
	if p.index != nil {
		return nil
	}
	b := make([]byte, indexHeader+entrySize*p.entries)
	if _, err := p.bytes.ReadAt(b, int64(p.span.index)); err != nil {
		return unusable(p.path, "its index: %v", err)
	}
	le := binary.LittleEndian
	if err := whole(b, indexMagic); err != nil || le.Uint64(b[8:]) != p.entries {
		return unusable(p.path, "its index: %v", err)
	}
	p.index = make([]entry, p.entries)
	for i := range p.index {
		x := b[indexHeader+entrySize*i:]
		p.index[i] = entry{le.Uint64(x), le.Uint64(x[8:]), le.Uint32(x[16:]), Stream(le.Uint32(x[20:]))}
	}
	return nil
}

// read returns the messages of a piece, in memory of the caller's.
func (p *part) read(memory *[PieceSize]byte, e *entry) ([]byte, error) {
	n := min(PieceSize, p.span.index-min(e.offset, p.span.index))
	b := memory[:n]
	if _, err := p.bytes.ReadAt(b, int64(e.offset)); err != nil {
		return nil, unusable(p.path, "a piece at %#x: %v", e.offset, err)
	}
	le := binary.LittleEndian
	if n < pieceHeader {
		return nil, unusable(p.path, "a piece at %#x is cut off", e.offset)
	}
	size := uint64(le.Uint32(b[24:]))
	if size < pieceHeader || size > n {
		return nil, unusable(p.path, "a piece at %#x has an impossible length", e.offset)
	}
	b = b[:size]
	if err := whole(b, pieceMagic); err != nil {
		return nil, unusable(p.path, "a piece at %#x: %v", e.offset, err)
	}
	if Stream(le.Uint32(b[8:])) != e.stream || le.Uint32(b[12:]) != e.count || le.Uint64(b[16:]) != e.first {
		return nil, unusable(p.path, "another piece at %#x", e.offset)
	}
	return b[pieceHeader:], nil
}

// Check reads every piece: each stream goes from message 1 to the last, without a gap. How many a user was sent is what the
// venue has counted, and how many the public was told is what the caller says.
func (h *History) Check(e *engine.Engine, public uint64) error {
	last := map[Stream]uint64{}
	for _, p := range slices.Backward(h.parts) {
		if err := p.load(); err != nil {
			return err
		}
		for i := range p.index {
			x := &p.index[i]
			if x.first != last[x.stream]+1 {
				return unusable(p.path, "message %d of stream %d comes out of turn", x.first, x.stream)
			}
			b, err := p.read(&h.piece, x)
			if err != nil {
				return err
			}
			for range x.count {
				b = b[min(max(soupbin.PacketSize(b), 1), len(b)):] // of feed and firms too: two bytes of length, and what they count
			}
			if len(b) != 0 {
				return unusable(p.path, "a piece at %#x does not hold %d messages", x.offset, x.count)
			}
			last[x.stream] += uint64(x.count)
		}
	}
	sent := map[Stream]uint64{Public: public}
	for user := 1; user <= e.Accounts(); user++ {
		sent[Stream(user)] = e.Sent(uint16(user))
	}
	for s := range last {
		if _, known := sent[s]; !known && s <= math.MaxUint16 {
			return unusable(h.parts[0].path, "there is no user %d", s)
		}
	}
	for s, n := range sent {
		if last[s] != n {
			return unusable(h.parts[0].path, "stream %d has %d messages, and the venue has sent %d", s, last[s], n)
		}
	}
	return nil
}
