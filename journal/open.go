package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// segment is one file of the journal.
type segment struct {
	file   string
	number uint32 // of the file's name
	size   int64  // of the file
	state  segmentState
	header SegmentHeader // if in use
	damage *Damage       // if broken
}

type segmentState uint8

const (
	spare  segmentState = iota // begins with zeros: prepared, and not used yet
	broken                     // begins with something else than a header
	inUse
)

// Open looks at all segments in the root of fsys and returns a Reader at the beginning of the journal. It reads headers
// only. The error is a *Damage if what it finds is not one whole journal.
//
// Segments at the end of the list that begin with zeros are spares. One that begins with broken bytes, and holds no block,
// is a header whose write was torn: Torn tells of it. The journal's other files are of no interest.
func Open(fsys fs.FS) (*Reader, error) {
	r := newReader(fsys)
	if err := r.identifyAll(1); err != nil {
		_ = r.Close()
		return nil, err
	}
	r.at = cursor{State: State{Segment: 1, Epoch: r.segments[0].header.Epoch}}
	return r, nil
}

func newReader(fsys fs.FS) *Reader { return &Reader{fsys: fsys, openSegment: -1, ahead: readAhead} }

// identifyAll looks at the segments from a number on. Where they do not agree it looks again, until it finds the same twice: a
// segment may have been begun between the look at its header and the one at its blocks.
func (r *Reader) identifyAll(first uint32) error {
	for found := ""; ; r.window = r.window[:0] {
		err := r.identifyOnce(first)
		var damage *Damage
		if !errors.As(err, &damage) || err.Error() == found {
			return err
		}
		found = err.Error()
	}
}

func (r *Reader) identifyOnce(first uint32) error {
	all, err := list(r.fsys)
	if err != nil {
		return err
	}
	if r.segments, r.used = from(all, first), 0; len(r.segments) == 0 {
		return missing(first, all[len(all)-1].file)
	}
	for i := range r.segments {
		if err := r.identify(i); err != nil {
			return err
		}
		if r.segments[i].state == inUse {
			r.used = i + 1
		}
	}
	if err := r.checkFiles(first); err != nil {
		return err
	}
	for i := 1; i < r.used; i++ {
		if err := checkLink(&r.segments[i-1], &r.segments[i]); err != nil {
			return err
		}
	}
	return r.checkUnused()
}

// list returns the segment files in the order of their numbers.
func list(fsys fs.FS) ([]segment, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("journal: list segments: %w", err)
	}
	var all []segment
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), ".mj")
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || n == 0 || SegmentName(uint32(n)) != e.Name() {
			return nil, &Damage{
				Kind: Misnamed, File: e.Name(),
				What: e.Name() + " is not the name of a segment; segments are named 000001.mj, 000002.mj, ...",
			}
		}
		all = append(all, segment{file: e.Name(), number: uint32(n)})
	}
	if len(all) == 0 {
		return nil, &Damage{Kind: NoJournal, What: "there is no journal here: no file is named *.mj"}
	}
	slices.SortFunc(all, func(a, b segment) int { return int(int64(a.number) - int64(b.number)) })
	return all, nil
}

// identify reads the header of segment i.
func (r *Reader) identify(i int) error {
	s := &r.segments[i]
	if _, err := r.open(i); err != nil {
		return err
	}
	info, err := r.file.Stat()
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	s.size = info.Size()
	if s.size < SegmentHeaderSize+BlockUnit {
		return &Damage{Kind: Short, File: s.file, Offset: s.size, What: fmt.Sprintf(
			"%s was cut off: it has %s bytes, too few for a segment", s.file, commas(uint64(s.size)))}
	}
	page, err := r.view(i, 0, SegmentHeaderSize)
	if err != nil {
		return err
	}
	if zero(page) {
		return nil
	}
	if err := s.header.Decode(page); err != nil {
		var d *Damage
		if errors.As(err, &d) {
			d.File, d.What = s.file, s.file+" "+d.What
		}
		if d == nil || d.Kind == Unsupported {
			return err
		}
		s.state, s.damage = broken, d
		return nil
	}
	s.state = inUse
	if uint64(s.size) < s.header.Size {
		return &Damage{Kind: Short, File: s.file, Offset: s.size, What: fmt.Sprintf(
			"%s was cut off: it has %s bytes of %s", s.file, commas(uint64(s.size)), commas(s.header.Size))}
	}
	return nil
}

func missing(number uint32, there string) *Damage {
	return &Damage{Kind: Missing, File: SegmentName(number), What: fmt.Sprintf("%s is missing, though %s is there", SegmentName(number), there)}
}

// checkFiles checks that the files are the segments of one journal, each once, under its own name, and without a gap from the
// first on.
func (r *Reader) checkFiles(first uint32) error {
	used := slices.DeleteFunc(slices.Clone(r.segments), func(s segment) bool { return s.state != inUse })
	holder := make(map[uint32]string, len(used))
	for i := range used {
		s, one := &used[i], &used[0]
		if s.header.ID != one.header.ID {
			return &Damage{Kind: Foreign, File: s.file, What: fmt.Sprintf(
				"%s belongs to journal %v, %s to journal %v", s.file, s.header.ID, one.file, one.header.ID)}
		}
		n := s.header.Segment
		if other, ok := holder[n]; ok {
			return &Damage{Kind: Duplicate, File: s.file, What: fmt.Sprintf(
				"%s and %s both hold segment %d of the journal", other, s.file, n)}
		}
		holder[n] = s.file
	}
	for i := range used {
		if s := &used[i]; s.header.Segment != s.number {
			return &Damage{Kind: Misnamed, File: s.file, What: fmt.Sprintf(
				"%s holds segment %d: it was renamed or took another's place", s.file, s.header.Segment)}
		}
	}
	for i := range r.segments {
		if want := first + uint32(i); r.segments[i].number != want {
			return missing(want, r.segments[i].file)
		}
	}
	for i := range r.segments[:r.used] {
		switch s := &r.segments[i]; s.state {
		case inUse:
		case spare:
			return &Damage{Kind: BadHeader, File: s.file, What: s.file + " begins with zeros, but later segments are in use"}
		case broken:
			return s.damage
		}
	}
	return nil
}

// checkLink checks that a segment can be the next after another one.
func checkLink(prev, next *segment) error {
	what := ""
	switch p, n := &prev.header, &next.header; {
	case n.Epoch < p.Epoch:
		what = fmt.Sprintf("is of epoch %d, but %s before it is of epoch %d", n.Epoch, prev.file, p.Epoch)
	case n.First < p.First || n.First > p.end():
		what = fmt.Sprintf("goes on at position %d, but %s before it holds positions %d to %d", n.First, prev.file, p.First, p.end())
	case n.LastSeq < p.LastSeq:
		what = fmt.Sprintf("goes on after seq %s, but %s before it already began after seq %s",
			commas(n.LastSeq), prev.file, commas(p.LastSeq))
	default:
		return nil
	}
	return &Damage{Kind: BadHeader, File: next.file, What: next.file + " " + what}
}

// checkUnused looks at the files behind the last segment in use. A header is durable before the first block is written
// behind it, so a block behind a header that is not there means that the header was lost.
func (r *Reader) checkUnused() error {
	for i := r.used; i < len(r.segments); i++ {
		s, first := &r.segments[i], &r.segments[0]
		block, why, err := r.load(i, SegmentHeaderSize, s.size)
		if err != nil {
			return err
		}
		if why == "" {
			return lostHeader(s, block, first)
		}
		if s.state == broken && i > r.used {
			return s.damage
		}
	}
	if r.used > 0 {
		return nil
	}
	d := &Damage{Kind: NoJournal, What: "there is no journal here: all segments are unused"}
	if s := &r.segments[0]; s.state == broken {
		d.File, d.What = s.file, s.damage.What+", and holds no block either"
	}
	return d
}

// lostHeader returns what is wrong with a segment that holds a block but no header.
func lostHeader(s *segment, block []byte, first *segment) error {
	var h BlockHeader
	h.decode(block)
	d := &Damage{Kind: BadHeader, File: s.file, Seq: h.FirstSeq}
	switch {
	case first.state == inUse && first.header.ID != h.ID:
		d.Kind = Foreign
		d.What = fmt.Sprintf("%s holds blocks of journal %v, %s belongs to journal %v", s.file, h.ID, first.file, first.header.ID)
	case s.state == broken:
		d.What = s.damage.What + ", and blocks follow it"
	default:
		d.What = s.file + " begins with zeros, but blocks follow: its segment header was lost"
	}
	return d
}
