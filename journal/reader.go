package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Reader reads a journal from its first block to its last, and finds out where that is. It holds one file open and one
// window of memory, which is never larger than MaxBlock. A Reader is not for concurrent use.
type Reader struct {
	fsys     fs.FS
	segments []segment // in order, spares included
	used     int       // segments in use

	at    cursor   // behind the last block handed out
	whole Position // up to here the blocks have been found valid before
	err   error    // what ended the reading
	torn  Torn
	block Block

	file        fs.File // of segments[openSegment]
	openSegment int     // -1: none
	window      []byte  // bytes of the open file
	windowAt    int64   // from here on
	ahead       int64   // bytes read at once, if blocks are shorter

	blind bool // tests only: believe in no promise
}

// cursor is a place in the journal.
type cursor struct {
	State
	segment int // index in Reader.segments
}

// errBad says that no valid block lies in a place. It becomes the end of the journal, or damage.
type errBad struct {
	kind Kind   // if it is damage in any case
	why  string // what is there instead
}

func (e *errBad) Error() string { return e.why }

// readAhead is Reader.ahead, if no test says otherwise.
const readAhead = 1 << 20

// Next returns the next block; it is valid until the next call. A run of blocks with FlagMore is handed out only if all
// of the run is valid. The error is io.EOF at the end of the journal; a *Damage where it cannot be trusted; or, wrapped,
// what the file system said. Once there is an error it stays.
//
// The journal may be one that is being written: its end is then one that it had while Next looked for it.
func (r *Reader) Next() (*Block, error) {
	if r.err != nil {
		return nil, r.err
	}
	for looked := Position(positionMax); ; {
		next := r.at
		failed, err := r.unbroken(&next)
		if err == nil {
			r.at = next
			return &r.block, nil
		}
		var damage *Damage
		if err = r.judge(failed, err); !errors.As(err, &damage) || failed.Position == looked {
			return nil, r.finish(err)
		}
		// What speaks against the place was read after the place was: it may have been written in between, and if it was
		// durable, as that says, it can be read now.
		looked, r.window = failed.Position, r.window[:0]
	}
}

// unbroken makes r.block the block at c, and moves c behind it, if all of its run can be read. Where it cannot, it says where.
func (r *Reader) unbroken(c *cursor) (failed *cursor, err error) {
	from := *c
	if err := r.read(c); err != nil || !r.block.More() || r.block.Position < r.whole {
		return c, err
	}
	run := *c
	for run.Flags&FlagMore != 0 {
		if err := r.read(&run); err != nil {
			return &run, err
		}
	}
	r.whole = run.Position
	*c = from
	return c, r.read(c) // again: the memory was needed for the rest of the run
}

// judge says what it means that the read at c failed.
func (r *Reader) judge(c *cursor, err error) error {
	var bad *errBad
	if errors.As(err, &bad) {
		return r.decide(c, bad)
	}
	return err
}

// finish ends the reading.
func (r *Reader) finish(err error) error {
	r.err = err
	if closing := r.Close(); closing != nil && errors.Is(r.err, io.EOF) {
		r.err = closing
	}
	return r.err
}

// read makes r.block the block at c, and moves c behind it.
func (r *Reader) read(c *cursor) error {
	if err := r.cross(c); err != nil {
		return err
	}
	s := &r.segments[c.segment]
	b, why, err := r.load(c.segment, s.header.Offset(c.Position), s.header.Offset(r.limit(c.segment)))
	if err != nil {
		return err
	}
	if why != "" {
		return &errBad{why: why}
	}
	h := &r.block.BlockHeader
	h.decode(b)
	switch {
	case h.ID != s.header.ID:
		return &errBad{why: "a block of another journal"}
	case h.Epoch != s.header.Epoch:
		return &errBad{why: fmt.Sprintf("a block of epoch %d instead of %d", h.Epoch, s.header.Epoch)}
	case h.Position != c.Position:
		return &errBad{why: fmt.Sprintf("the block of position %d", h.Position)}
	}
	if kind, why := h.judge(b, &c.State); kind != 0 {
		return &errBad{kind: kind, why: why}
	}
	r.block.Bytes = b
	r.block.Cells = b[BlockHeaderSize : BlockHeaderSize+int(h.Count)*CellSize]
	c.follow(h)
	return nil
}

// cross moves c into the next segment, if it stands at the end of one that is followed by another.
func (r *Reader) cross(c *cursor) error {
	for c.segment+1 < r.used && c.Position == r.limit(c.segment) {
		next := &r.segments[c.segment+1]
		h := &next.header
		switch {
		case h.Chain != c.Chain || h.LastSeq != c.Seq:
			return &errBad{kind: Contradiction, why: "an end that is not the one named in " + next.file}
		case h.Epoch != c.Epoch && c.Flags&FlagMore != 0:
			return &errBad{kind: Contradiction, why: "an unfinished run of blocks before the fence in " + next.file}
		}
		c.segment++
		c.Segment, c.Epoch = h.Segment, h.Epoch
	}
	return nil
}

// limit returns the position behind the last block that segment i can hold: its successor names it, if there is one.
func (r *Reader) limit(i int) Position {
	if i+1 < r.used {
		return r.segments[i+1].header.First
	}
	return r.segments[i].header.end()
}

// load returns the block at an offset of segment i, which must end at limit or before. Where nothing begins that is a
// block and whole in itself (magic, length, checksum), why says what there is.
func (r *Reader) load(i int, offset, limit int64) (b []byte, why string, err error) {
	if limit-offset < BlockUnit {
		return nil, "the end of the segment", nil
	}
	page, err := r.view(i, offset, BlockUnit)
	if err != nil {
		return nil, "", err
	}
	n := blockLength(page)
	switch {
	case n == 0 && zero(page):
		return nil, "zeros", nil
	case n == 0:
		return nil, "bytes that are no block", nil
	case n > limit-offset:
		return nil, "a block that does not end with the segment", nil
	}
	if b, err = r.view(i, offset, n); err != nil {
		return nil, "", err
	}
	var h BlockHeader
	h.decode(b)
	if h.CRC != checksum(b) {
		return nil, "a bad checksum", nil
	}
	return b, "", nil
}

// view returns n bytes of segment i. They are valid until the next call.
func (r *Reader) view(i int, offset, n int64) ([]byte, error) {
	if r.openSegment == i && offset >= r.windowAt && offset+n <= r.windowAt+int64(len(r.window)) {
		return r.window[offset-r.windowAt:][:n], nil
	}
	s := &r.segments[i]
	file, err := r.open(i)
	if err != nil {
		return nil, err
	}
	want := min(max(n, r.ahead), s.size-offset)
	if int64(cap(r.window)) < want {
		r.window = make([]byte, want)
	}
	r.window, r.windowAt = r.window[:want], offset
	got, err := file.ReadAt(r.window, offset)
	if int64(got) < want {
		r.window = r.window[:0]
		if err == nil || errors.Is(err, io.EOF) {
			return nil, &Damage{Kind: Short, File: s.file, Offset: offset + int64(got), What: s.file + " was cut off while it was read"}
		}
		return nil, fmt.Errorf("journal: read %s at %#x: %w", s.file, offset, err)
	}
	return r.window[:n], nil
}

// open opens the file of segment i, if it is not open.
func (r *Reader) open(i int) (io.ReaderAt, error) {
	if r.openSegment != i {
		if err := r.Close(); err != nil {
			return nil, err
		}
		f, err := r.fsys.Open(r.segments[i].file)
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		r.file, r.openSegment, r.window = f, i, r.window[:0]
	}
	at, ok := r.file.(io.ReaderAt)
	if !ok {
		return nil, fmt.Errorf("journal: %s: the files of this file system are no io.ReaderAt", r.segments[i].file)
	}
	return at, nil
}

// Close closes the file that is open. Next does it by itself when it returns an error.
func (r *Reader) Close() error {
	if r.openSegment < 0 {
		return nil
	}
	r.openSegment = -1
	if err := r.file.Close(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// ID returns the journal's id.
func (r *Reader) ID() ID { return r.segments[0].header.ID }
