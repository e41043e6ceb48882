package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Anchor is a place in a journal that was reached by reading it: behind a block, or behind a run of blocks.
type Anchor struct {
	ID    ID
	State State    // behind the block
	Block Position // where the block begins, the last one of a run
}

// ErrElsewhere says that an anchor is no place in a journal: the journal is another one, or was cut off before the place and
// went on otherwise. The text behind it says which.
var ErrElsewhere = errors.New("journal: no such place in this journal")

// OpenAt opens the journal in the root of fsys at a place that was reached before. Segments before the one in which the
// place lies need not be there and are not looked at. The block before the place is read again: if it is not the one that
// was there, the error wraps ErrElsewhere. All other errors are those of Open.
func OpenAt(fsys fs.FS, a *Anchor) (*Reader, error) {
	r := newReader(fsys)
	if err := r.identifyAll(a.State.Segment); err != nil {
		_ = r.Close()
		var d *Damage
		if errors.As(err, &d) && (d.Kind == NoJournal || d.Kind == Missing && d.File == SegmentName(a.State.Segment)) {
			return nil, fmt.Errorf("%w: %s", ErrElsewhere, d.What)
		}
		return nil, err
	}
	if err := r.anchor(a); err != nil {
		_ = r.Close()
		return nil, err
	}
	r.at = cursor{State: a.State}
	r.whole = a.State.Position
	return r, nil
}

// anchor reads the block before an anchor and checks that it is the one that was there.
func (r *Reader) anchor(a *Anchor) error {
	s := &r.segments[0]
	elsewhere := func(why string) error { return fmt.Errorf("%w: %s", ErrElsewhere, why) }
	limit := r.limit(0)
	switch {
	case s.header.ID != a.ID:
		return elsewhere(fmt.Sprintf("this is journal %v, not %v", s.header.ID, a.ID))
	case s.header.Epoch != a.State.Epoch || a.Block < s.header.First || a.State.Position > limit || a.Block >= a.State.Position:
		return elsewhere(fmt.Sprintf("position %d of epoch %d does not lie in %s", a.State.Position, a.State.Epoch, s.file))
	}
	b, why, err := r.load(0, s.header.Offset(a.Block), s.header.Offset(limit))
	if err != nil {
		return err
	}
	if why != "" {
		return elsewhere(fmt.Sprintf("%s where a block was at position %d", why, a.Block))
	}
	var h BlockHeader
	h.decode(b)
	is := State{Segment: a.State.Segment, Epoch: h.Epoch, Chain: h.Chain} // of before the block
	is.follow(&h)
	if h.ID != a.ID || h.Position != a.Block || is != a.State {
		return elsewhere(fmt.Sprintf("another block at position %d than was there", a.Block))
	}
	return nil
}

// OpenRest opens the journal in the root of fsys at the beginning of the first segment that is there. The segments before it
// may have been archived: what was in them is not known, but the first header names the end that they led to.
func OpenRest(fsys fs.FS) (*Reader, error) {
	all, err := list(fsys)
	if err != nil {
		return nil, err
	}
	r := newReader(fsys)
	if err := r.identifyAll(all[0].number); err != nil {
		_ = r.Close()
		return nil, err
	}
	h := &r.segments[0].header
	r.at = cursor{State: State{Segment: h.Segment, Epoch: h.Epoch, Position: h.First, Chain: h.Chain, Seq: h.LastSeq}}
	if h.Segment > 1 {
		r.at.Flags = FlagMore // a run may go on here: nobody can tell
	}
	return r, nil
}

// First returns the number of the first segment that the Reader looks at: 1, if it reads the journal from its birth.
func (r *Reader) First() uint32 { return r.segments[0].number }

// Segments returns the headers of the segments in use from First on, in order.
func (r *Reader) Segments() []SegmentHeader {
	all := make([]SegmentHeader, r.used)
	for i := range all {
		all[i] = r.segments[i].header
	}
	return all
}

// from leaves out the segments before a number.
func from(all []segment, number uint32) []segment {
	return slices.DeleteFunc(all, func(s segment) bool { return s.number < number })
}
