package journal

import (
	"errors"
	"io"
)

// Below returns the next block of a journal that is being written meanwhile, if all of it lies below limit: how far that
// may go is for whoever writes to say, since a block that can be read need not be durable. The error is io.EOF where there is
// no such block yet, which does not stay; any other stays, as those of Next do. A run of blocks with FlagMore is handed out
// only when all of it is there.
func (r *Reader) Below(limit Position) (*Block, error) {
	if r.err != nil {
		return nil, r.err
	}
	if r.at.Position >= limit {
		return nil, io.EOF
	}
	for try := 0; ; try++ {
		next := r.at
		failed, err := r.unbroken(&next)
		if err == nil && next.Position > limit {
			return nil, io.EOF
		}
		if err == nil {
			r.at = next
			return &r.block, nil
		}
		var bad *errBad
		if !errors.As(err, &bad) || bad.kind != 0 {
			return nil, r.finish(r.judge(failed, err))
		}
		switch {
		case try == 0:
			r.window = r.window[:0] // what was read ahead may have been written since
		case try > 1 || !r.renew(failed.segment):
			return nil, io.EOF
		}
	}
}

// renew looks at the segments once more if the one behind segment i has been begun. Those of before the place that the reader
// has reached may be gone. False: there is nothing new.
func (r *Reader) renew(i int) bool {
	f, err := r.fsys.Open(SegmentName(r.segments[i].number + 1))
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // it was only read
	page := make([]byte, SegmentHeaderSize)
	if _, err := io.ReadFull(f, page); err != nil {
		return false
	}
	var h SegmentHeader
	if h.Decode(page) != nil || r.used > i+1 {
		return false
	}
	now := newReader(r.fsys)
	err = now.identifyAll(r.segments[r.at.segment].number)
	_ = now.Close() // it was only read
	if err != nil {
		return false // a file may be half made: the next look will tell
	}
	_ = r.Close()
	r.segments, r.used, r.window = now.segments, now.used, r.window[:0]
	r.at.segment = 0
	return true
}
