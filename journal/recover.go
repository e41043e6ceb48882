package journal

import (
	"bytes"
	"fmt"
	"io"
)

// Torn is what a crash left behind the end of a journal: the remains of writes that had not ended, and of which nothing
// was acknowledged.
type Torn struct {
	File   string // where the end lies
	Offset int64  // of the end in that file; 0: the file's header is itself torn
	Bytes  int64  // from there to the last byte of the file that is not zero; they stay where they are, the fence hides them
	// Aside are the segments that hold nothing but torn work: behind the end no number may be in use. Keep their bytes
	// under other names, and replace each by a new spare under its name, in this order and without a moment in which
	// there is no file of the name, before the next segment is begun.
	Aside []string
}

// End returns, after io.EOF, the end of the journal. To go on from there: increase Epoch, make a Writer of it, Begin a
// segment.
func (r *Reader) End() State { return r.at.State }

// Torn returns, after io.EOF, what lies behind the end of the journal, and whether anything does.
func (r *Reader) Torn() (Torn, bool) { return r.torn, r.torn.File != "" }

// rest is what lies in a segment behind a place without a valid block.
type rest struct {
	records uint64   // cells in intact blocks of later positions
	promise Position // the greatest durable promise of an intact block
	end     int64    // offset behind the last byte that is not zero
	astray  string   // where an intact block lies that belongs to another place, "": nowhere
}

// decide judges what it means that there is no valid block at c: the end of the journal (io.EOF) or damage.
//
// A crash can spoil whatever was being written, in any order, but nothing that was durable: what stands before the end
// that a later segment names was durable, and so was everything below the promise of an intact block, wherever it lies. A
// block that was written whole and changed since (spoilt.go) is no torn write. And no crash puts a whole block into another
// place than its own: its write went astray, and may have been told as durable.
func (r *Reader) decide(c *cursor, bad *errBad) error {
	s := &r.segments[c.segment]
	found, err := r.search(c)
	if err != nil {
		return err
	}
	last := c.segment+1 == r.used
	switch {
	case bad.kind != 0:
		return damage(s, c, bad.kind, bad.why, found.records)
	case r.blind:
	default:
		spoilt, whole, err := r.spoilt(c)
		if err != nil {
			return err
		}
		if whole {
			d := damage(s, c, Corrupt, bad.why, found.records)
			d.Spoilt = spoilt
			if spoilt.Known {
				d.What += fmt.Sprintf("; the byte at offset %#x was %#02x", spoilt.Offset, spoilt.Right)
			}
			return d
		}
	}
	switch {
	case !last, c.Position < r.whole, found.promise > c.Position && !r.blind:
		return damage(s, c, Corrupt, bad.why, found.records)
	case found.astray != "" && !r.blind:
		return damage(s, c, Corrupt, bad.why+", and "+found.astray, found.records)
	}
	return r.cut(c, found.end)
}

func damage(s *segment, c *cursor, kind Kind, why string, later uint64) *Damage {
	d := &Damage{Kind: kind, File: s.file, Offset: s.header.Offset(c.Position), Seq: c.Seq + 1, Later: later}
	d.What = fmt.Sprintf("%s in the middle of %s at seq %s (offset %#x)", why, d.File, commas(d.Seq), d.Offset)
	if later > 0 {
		d.What += fmt.Sprintf("; %s later records follow", commas(later))
	}
	return d
}

// search looks at every place of the segment from c on where a block could begin.
func (r *Reader) search(c *cursor) (rest, error) {
	s := &r.segments[c.segment]
	limit := s.header.Offset(r.limit(c.segment))
	found := rest{}
	for offset, step := s.header.Offset(c.Position), int64(0); offset < limit; offset += step {
		step = BlockUnit
		block, why, err := r.load(c.segment, offset, limit)
		if err != nil {
			return rest{}, err
		}
		if why != "" {
			page, err := r.view(c.segment, offset, BlockUnit)
			if err != nil {
				return rest{}, err
			}
			if !zero(page) {
				found.end = offset + int64(len(bytes.TrimRight(page, "\x00")))
			}
			continue
		}
		var h BlockHeader
		h.decode(block)
		step = int64(h.Length)
		found.end = offset + int64(len(bytes.TrimRight(block, "\x00")))
		if h.ID != s.header.ID {
			continue
		}
		found.promise = max(found.promise, h.Promise)
		if h.Position > c.Position {
			found.records += uint64(h.Count)
		}
		if h.Epoch != s.header.Epoch || h.Position != s.header.First+Position(offset-SegmentHeaderSize) {
			found.astray = fmt.Sprintf("the block of position %d, epoch %d lies at offset %#x", h.Position, h.Epoch, offset)
		}
	}
	return found, nil
}

// cut ends the journal at r.at: at c, where no valid block follows, or where the unfinished run began that c is in.
// The segment of c has bytes up to the offset end.
func (r *Reader) cut(c *cursor, end int64) error {
	if err := r.cross(&r.at); err != nil { // not before: a run may begin in one segment and fail in the next
		return err
	}
	s := &r.segments[r.at.segment]
	offset := s.header.Offset(r.at.Position)
	if r.at.segment < c.segment {
		end = s.header.Offset(r.limit(r.at.segment))
	}
	var aside []string
	for i := len(r.segments) - 1; i > r.at.segment; i-- {
		if r.segments[i].state != spare {
			aside = append(aside, r.segments[i].file)
		}
	}
	switch {
	case end > offset:
		r.torn = Torn{File: s.file, Offset: offset, Bytes: end - offset, Aside: aside}
	case len(aside) > 0:
		r.torn = Torn{File: aside[len(aside)-1], Aside: aside}
	}
	return io.EOF
}
