package snapshot

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"

	"matcher/engine"
	"matcher/gateway"
	"matcher/journal"
)

// A file of streams holds what every user was sent between two snapshots, cut into pieces: whole packets of one user, as they
// go to the socket, with a header and a checksum. An index at the end says where each piece is.
const (
	streamsHeader = 128
	pieceHeader   = 32
	indexHeader   = 16
	entrySize     = 24
)

// PieceSize is how long a piece of a stream is at most, its header included.
const PieceSize = 16 << 10

// span is a file of streams: from which snapshot to which.
type span struct {
	id         journal.ID
	seq, chain uint64 // of the snapshot that it belongs to
	since      uint64 // seq of the snapshot before, 0: the birth of the journal
	before     uint64 // its chain
	session    [10]byte
	fresh      bool   // the session began after the snapshot before
	index      uint64 // offset of the index
	entries    uint64
}

func (s *span) encode(b *[streamsHeader]byte) {
	clear(b[:])
	le := binary.LittleEndian
	le.PutUint16(b[8:], Version)
	copy(b[16:32], s.id[:])
	for at, v := range [...]uint64{s.seq, s.since, s.chain, s.before, flag(s.fresh), s.index, s.entries} {
		le.PutUint64(b[32+8*at:], v)
	}
	copy(b[96:106], s.session[:])
	sealed(b[:], streamsMagic)
}

func (s *span) decode(b *[streamsHeader]byte) error {
	if err := whole(b[:], streamsMagic); err != nil {
		return err
	}
	le := binary.LittleEndian
	if le.Uint16(b[8:]) != Version {
		return errors.New("another format version")
	}
	copy(s.id[:], b[16:32])
	at := 32
	next := func() uint64 { at += 8; return le.Uint64(b[at-8:]) }
	s.seq, s.since, s.chain, s.before, s.fresh, s.index, s.entries = next(), next(), next(), next(), next() != 0, next(), next()
	copy(s.session[:], b[96:106])
	if s.since >= s.seq || s.index > 1<<62 || s.entries > 1<<40 {
		return errors.New("a header that contradicts itself")
	}
	return nil
}

// entry is where a piece lies.
type entry struct {
	first  uint64 // number of its first message
	offset uint64
	count  uint32 // messages
	user   uint16
}

func (e *entry) compare(user uint16, first uint64) int {
	return cmp.Or(cmp.Compare(e.user, user), cmp.Compare(e.first, first))
}

// streamsWriter cuts streams into pieces.
type streamsWriter struct {
	file    *os.File
	out     *bufio.Writer
	at      uint64 // where the next piece goes
	open    []piece
	entries []entry
	encoder *gateway.Encoder
	packet  []byte
	fresh   bool
	err     error
}

// piece is one that is being filled, by user.
type piece struct {
	bytes []byte // header included
	first uint64
	count uint32
}

// newStreamsWriter makes one for what follows in a venue that was restored, or that is new. It writes nothing below at.
func newStreamsWriter(f *os.File, e *engine.Engine) *streamsWriter {
	w := &streamsWriter{file: f, out: bufio.NewWriterSize(f, 1<<20), encoder: gateway.NewEncoder(e), fresh: e.Seq() == 0}
	w.begin()
	return w
}

// begin forgets what was written.
func (w *streamsWriter) begin() {
	w.open, w.entries, w.at = w.open[:0], w.entries[:0], streamsHeader
	w.out.Reset(w.file)
	_, err := w.file.Seek(streamsHeader, io.SeekStart)
	w.err = errors.Join(w.err, err, w.file.Truncate(streamsHeader))
}

// deliver takes in what a command caused.
func (w *streamsWriter) deliver(cmd *engine.Command, events []engine.Event) {
	if w.encoder.Command(cmd) {
		w.fresh = true
		w.begin() // nobody can ask for what was sent in another session
	}
	for i := range events {
		ev := &events[i]
		w.packet = w.encoder.Packet(w.packet[:0], cmd, ev)
		for len(w.open) <= int(ev.User) {
			w.open = append(w.open, piece{})
		}
		p := &w.open[ev.User]
		if len(p.bytes)+len(w.packet) > PieceSize {
			w.close(ev.User)
		}
		if p.count == 0 {
			p.first = ev.Number
			p.bytes = append(p.bytes[:0], make([]byte, pieceHeader)...)
		}
		p.bytes = append(p.bytes, w.packet...)
		p.count++
	}
}

// close writes the open piece of a user.
func (w *streamsWriter) close(user uint16) {
	p := &w.open[user]
	if p.count == 0 {
		return
	}
	le := binary.LittleEndian
	le.PutUint16(p.bytes[8:], user)
	le.PutUint32(p.bytes[12:], p.count)
	le.PutUint64(p.bytes[16:], p.first)
	le.PutUint32(p.bytes[24:], uint32(len(p.bytes)))
	sealed(p.bytes, pieceMagic)
	w.entries = append(w.entries, entry{p.first, w.at, p.count, user})
	w.at += uint64(len(p.bytes))
	_, err := w.out.Write(p.bytes)
	w.err = errors.Join(w.err, err)
	p.bytes, p.count = p.bytes[:0], 0
}

// end completes the file.
func (w *streamsWriter) end(s *span) error {
	for user := range w.open {
		w.close(uint16(user))
	}
	slices.SortFunc(w.entries, func(a, b entry) int { return a.compare(b.user, b.first) })
	index := make([]byte, indexHeader, indexHeader+entrySize*len(w.entries))
	le := binary.LittleEndian
	for _, e := range w.entries {
		index = le.AppendUint64(index, e.first)
		index = le.AppendUint64(index, e.offset)
		index = le.AppendUint32(index, e.count)
		index = le.AppendUint32(index, uint32(e.user))
	}
	le.PutUint64(index[8:], uint64(len(w.entries)))
	sealed(index, indexMagic)
	_, err := w.out.Write(index)
	s.index, s.entries, s.fresh = w.at, uint64(len(w.entries)), w.fresh
	var b [streamsHeader]byte
	s.encode(&b)
	err = errors.Join(w.err, err, w.out.Flush())
	if err == nil {
		_, err = w.file.WriteAt(b[:], 0)
	}
	return errors.Join(err, w.file.Sync())
}
