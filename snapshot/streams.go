package snapshot

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"math"
	"slices"

	"matcher/engine"
	"matcher/feed"
	"matcher/gateway"
	"matcher/journal"
	"matcher/wire/soupbin"
)

// A file of streams holds what was said between two snapshots, stream by stream, cut into pieces: whole messages of one stream,
// each behind its length as it goes to the socket, with a header and a checksum. An index at the end says where each piece is.
const (
	streamsHeader = 128
	pieceHeader   = 32
	indexHeader   = 16
	entrySize     = 24
)

// PieceSize is how long a piece of a stream is at most, its header included.
const PieceSize = 16 << 10

// Stream names a stream: that of a user, by index, whose messages are SoupBinTCP packets; the public feed; the executions of a
// firm. What the last two hold is what relays serve.
type Stream uint32

// Public is the public feed.
const Public Stream = 0

// Copies returns the stream of a firm's executions: of each the owner's name, and the message that the owner has.
func Copies(firm [4]byte) Stream { return Stream(binary.BigEndian.Uint32(firm[:])) }

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
	stream Stream
}

func (e *entry) compare(stream Stream, first uint64) int {
	return cmp.Or(cmp.Compare(e.stream, stream), cmp.Compare(e.first, first))
}

// streamsWriter cuts streams into pieces.
type streamsWriter struct {
	file    File
	out     *bufio.Writer
	at      uint64            // where the next piece goes
	open    []piece           // of the feed and the users
	firms   map[Stream]*piece // of firms
	entries []entry
	engine  *engine.Engine
	encoder *gateway.Encoder
	history *History // of before, nil: the session begins here
	packet  []byte
	framed  []byte
	fresh   bool
	err     error
}

// piece is the one of a stream that is being filled.
type piece struct {
	bytes []byte // header included
	first uint64
	count uint32
	next  uint64 // number of the next message, of streams that nobody else numbers
}

// newStreamsWriter makes one for what follows in a venue that was restored, or that is new.
func newStreamsWriter(f File, e *engine.Engine, view *feed.Public, history *History) *streamsWriter {
	w := &streamsWriter{
		file: f, out: bufio.NewWriterSize(nil, 1<<20), engine: e, encoder: gateway.NewEncoder(e), history: history, fresh: e.Seq() == 0,
	}
	w.begin()
	w.open[Public].next = view.Sequence() + 1
	return w
}

// begin forgets what was written. The numbers of feed and firms begin at 1.
func (w *streamsWriter) begin() {
	w.open, w.firms, w.entries, w.at = append(w.open[:0], piece{next: 1}), map[Stream]*piece{}, w.entries[:0], streamsHeader
	w.out.Reset(io.NewOffsetWriter(w.file, streamsHeader))
	w.err = errors.Join(w.err, w.file.Truncate(streamsHeader))
}

// deliver takes in what a command caused, and what the public was told of it.
func (w *streamsWriter) deliver(cmd *engine.Command, events []engine.Event, public []byte) {
	if w.encoder.Command(cmd) {
		w.fresh, w.history = true, nil
		w.begin() // nobody can ask for what was sent in another session
	}
	for i := range events {
		ev := &events[i]
		w.packet = w.encoder.Packet(w.packet[:0], cmd, ev)
		for len(w.open) <= int(ev.User) {
			w.open = append(w.open, piece{})
		}
		w.put(Stream(ev.User), &w.open[ev.User], ev.Number, w.packet)
		if ev.Kind == 'E' || ev.Kind == 'B' {
			w.copy(ev)
		}
	}
	for p := &w.open[Public]; len(public) != 0; p.next++ {
		n := 2 + int(binary.BigEndian.Uint16(public))
		w.put(Public, p, p.next, public[:n])
		public = public[n:]
	}
}

// copy takes in an execution, or the bust of one, for the owner's firm.
func (w *streamsWriter) copy(ev *engine.Event) {
	s := Copies(w.engine.Firm(ev.User))
	if s <= math.MaxUint16 {
		return // no name of a firm: nobody can ask for it
	}
	p := w.firms[s]
	if p == nil {
		p = &piece{next: 1}
		if w.history != nil {
			last, err := w.history.Last(s)
			w.err = errors.Join(w.err, err)
			p.next = last + 1
		}
		w.firms[s] = p
	}
	name, message := w.engine.Name(ev.User), w.packet[soupbin.HeaderSize:]
	b := binary.BigEndian.AppendUint16(w.framed[:0], uint16(len(name)+len(message)))
	w.framed = append(append(b, name[:]...), message...)
	w.put(s, p, p.next, w.framed)
	p.next++
}

// put appends a message to the piece of its stream that is being filled.
func (w *streamsWriter) put(s Stream, p *piece, number uint64, message []byte) {
	if len(p.bytes)+len(message) > PieceSize {
		w.close(s, p)
	}
	if p.count == 0 {
		p.first = number
		p.bytes = append(p.bytes[:0], make([]byte, pieceHeader)...)
	}
	p.bytes = append(p.bytes, message...)
	p.count++
}

// close writes the open piece of a stream.
func (w *streamsWriter) close(s Stream, p *piece) {
	if p.count == 0 {
		return
	}
	le := binary.LittleEndian
	le.PutUint32(p.bytes[8:], uint32(s))
	le.PutUint32(p.bytes[12:], p.count)
	le.PutUint64(p.bytes[16:], p.first)
	le.PutUint32(p.bytes[24:], uint32(len(p.bytes)))
	sealed(p.bytes, pieceMagic)
	w.entries = append(w.entries, entry{p.first, w.at, p.count, s})
	w.at += uint64(len(p.bytes))
	_, err := w.out.Write(p.bytes)
	w.err = errors.Join(w.err, err)
	p.bytes, p.count = p.bytes[:0], 0
}

// end completes the file.
func (w *streamsWriter) end(s *span) error {
	for i := range w.open {
		w.close(Stream(i), &w.open[i])
	}
	for _, s := range slices.Sorted(maps.Keys(w.firms)) {
		w.close(s, w.firms[s])
	}
	slices.SortFunc(w.entries, func(a, b entry) int { return a.compare(b.stream, b.first) })
	index := make([]byte, indexHeader, indexHeader+entrySize*len(w.entries))
	le := binary.LittleEndian
	for _, e := range w.entries {
		index = le.AppendUint64(index, e.first)
		index = le.AppendUint64(index, e.offset)
		index = le.AppendUint32(index, e.count)
		index = le.AppendUint32(index, uint32(e.stream))
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
