package snapshot

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"matcher/engine"
	"matcher/journal"
)

// Version is the version of both formats. Magic, checksum and version keep their places in all versions.
const Version = 2

// A snapshot is a header of four cells and pages: a header cell and up to pageCells cells of state. All pages but the last
// are full. Every page has a checksum, so damage is found before its bytes mean anything, and a reader holds one page.
const (
	headerSize = 256
	pageCells  = 1023
	pageSize   = (1 + pageCells) * engine.CellSize

	stateMagic   = 201 | 'M'<<8 | 'S'<<16 | 'N'<<24
	pageMagic    = 202 | 'M'<<8 | 'S'<<16 | 'P'<<24
	streamsMagic = 203 | 'M'<<8 | 'S'<<16 | 'T'<<24
	pieceMagic   = 204 | 'M'<<8 | 'S'<<16 | 'Q'<<24
	indexMagic   = 205 | 'M'<<8 | 'S'<<16 | 'I'<<24
)

// checksum is CRC-32C over all of b behind the checksum itself.
func checksum(b []byte) uint32 { return crc32.Checksum(b[8:], crc32.MakeTable(crc32.Castagnoli)) }

// sealed writes magic and checksum to b, the rest of which is final.
func sealed(b []byte, magic uint32) {
	le := binary.LittleEndian
	le.PutUint32(b, magic)
	le.PutUint32(b[4:], checksum(b))
}

// whole says what is wrong with bytes that should have been sealed.
func whole(b []byte, magic uint32) error {
	le := binary.LittleEndian
	switch {
	case le.Uint32(b) != magic:
		return errors.New("bytes of another kind")
	case le.Uint32(b[4:]) != checksum(b):
		return errors.New("a bad checksum")
	}
	return nil
}

// encode writes the header.
func (i *Info) encode(b *[headerSize]byte) {
	clear(b[:])
	le := binary.LittleEndian
	le.PutUint16(b[8:], Version)
	le.PutUint16(b[10:], i.State.Flags)
	le.PutUint32(b[12:], i.State.Segment)
	copy(b[16:32], i.ID[:])
	for at, v := range [...]uint64{
		i.State.Epoch, uint64(i.State.Position), uint64(i.Block), i.State.Chain, i.State.Seq, i.State.Time, i.State.StateHash,
		i.State.OutputHash, i.Created, i.Cells, i.Orders, i.Day, i.Feed.Midnight, i.Feed.Sequence,
		uint64(i.Feed.Told), flag(i.Feed.Started), flag(i.Feed.Over),
	} {
		le.PutUint64(b[32+8*at:], v)
	}
	copy(b[192:202], i.Feed.Session[:])
	sealed(b[:], stateMagic)
}

func (i *Info) decode(b *[headerSize]byte) error {
	if err := whole(b[:], stateMagic); err != nil {
		return fmt.Errorf("its header: %w", err)
	}
	le := binary.LittleEndian
	if v := le.Uint16(b[8:]); v != Version {
		return fmt.Errorf("it has format version %d; this program reads version %d", v, Version)
	}
	at := 32
	next := func() uint64 { at += 8; return le.Uint64(b[at-8:]) }
	i.State.Flags, i.State.Segment = le.Uint16(b[10:]), le.Uint32(b[12:])
	copy(i.ID[:], b[16:32])
	i.State.Epoch, i.State.Position, i.Block = next(), journal.Position(next()), journal.Position(next())
	i.State.Chain, i.State.Seq, i.State.Time, i.State.StateHash, i.State.OutputHash = next(), next(), next(), next(), next()
	i.Created, i.Cells, i.Orders, i.Day = next(), next(), next(), next()
	i.Feed.Midnight, i.Feed.Sequence, i.Feed.Told, i.Feed.Started, i.Feed.Over = next(), next(), int(next()), next() != 0, next() != 0
	copy(i.Feed.Session[:], b[192:202])
	if i.State.Segment == 0 || i.State.Epoch == 0 || i.Block >= i.State.Position || i.Feed.Told < 0 {
		return errors.New("its header has a good checksum and contradicts itself")
	}
	return nil
}

func flag(set bool) uint64 {
	if set {
		return 1
	}
	return 0
}

// cellWriter writes the pages of a snapshot.
type cellWriter struct {
	out   *bufio.Writer
	page  [pageSize]byte
	used  int // cells in page
	pages uint32
	cells uint64
}

func newCellWriter(f io.Writer) *cellWriter { return &cellWriter{out: bufio.NewWriterSize(f, 1<<20)} }

func (w *cellWriter) put(cell *[engine.CellSize]byte) error {
	w.used++
	w.cells++
	copy(w.page[w.used*engine.CellSize:], cell[:])
	if w.used < pageCells {
		return nil
	}
	return w.flush()
}

// flush writes the page that is being filled.
func (w *cellWriter) flush() error {
	if w.used == 0 {
		return nil
	}
	le := binary.LittleEndian
	b := w.page[:(1+w.used)*engine.CellSize]
	clear(b[:engine.CellSize])
	le.PutUint32(b[8:], w.pages)
	le.PutUint32(b[12:], uint32(w.used))
	sealed(b, pageMagic)
	w.pages++
	w.used = 0
	_, err := w.out.Write(b)
	return err
}

func (w *cellWriter) end() error { return errors.Join(w.flush(), w.out.Flush()) }

// cellReader reads what a cellWriter wrote.
type cellReader struct {
	file  io.Reader
	left  uint64 // cells that were not handed out
	page  [pageSize]byte
	used  int
	at    int
	pages uint32
}

func (r *cellReader) next() (*[engine.CellSize]byte, error) {
	if r.at == r.used {
		if err := r.read(); err != nil {
			return nil, err
		}
	}
	r.at++
	r.left--
	return (*[engine.CellSize]byte)(r.page[r.at*engine.CellSize:]), nil
}

func (r *cellReader) read() error {
	n := int(min(r.left, pageCells))
	if n == 0 {
		return errors.New("it has fewer cells than its state needs")
	}
	b := r.page[:(1+n)*engine.CellSize]
	if _, err := io.ReadFull(r.file, b); err != nil {
		return fmt.Errorf("page %d: %w", r.pages, err)
	}
	le := binary.LittleEndian
	if err := whole(b, pageMagic); err != nil {
		return fmt.Errorf("page %d: %w", r.pages, err)
	}
	if le.Uint32(b[8:]) != r.pages || le.Uint32(b[12:]) != uint32(n) {
		return fmt.Errorf("page %d: another page in its place", r.pages)
	}
	r.used, r.at = n, 0
	r.pages++
	return nil
}

// end says what is wrong with what is left when a state is complete.
func (r *cellReader) end() error {
	if r.left != 0 {
		return fmt.Errorf("%d cells too many", r.left)
	}
	if n, err := r.file.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return errors.New("bytes behind its last page")
	}
	return nil
}
