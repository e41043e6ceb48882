package replay

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// itchFile reads the messages of an ITCH 5.0 file: each behind a length of two bytes; a length of zero, or the end of the
// file, ends them. Its memory does not grow with the file.
type itchFile struct {
	r      *bufio.Reader
	index  uint64 // of the message that next returned last, from 1
	offset int64  // of its length field
	size   int    // of it, length field included
}

func newITCHFile(r io.Reader) *itchFile {
	return &itchFile{r: bufio.NewReaderSize(r, 1<<17)}
}

// next returns the next message, valid until the next call. The error is io.EOF at the end.
func (f *itchFile) next() ([]byte, error) {
	_, _ = f.r.Discard(f.size) // all of it is in the buffer
	f.offset += int64(f.size)
	f.size = 0
	head, err := f.r.Peek(2)
	switch {
	case errors.Is(err, io.EOF) && len(head) == 0:
		return nil, io.EOF
	case err != nil:
		return nil, f.cut(err)
	}
	n := int(binary.BigEndian.Uint16(head))
	if n == 0 {
		return nil, io.EOF
	}
	b, err := f.r.Peek(2 + n)
	if err != nil {
		return nil, f.cut(err)
	}
	f.index++
	f.size = len(b)
	return b[2:], nil
}

// cut says that the file ends, or cannot be read on, inside the message behind the last one.
func (f *itchFile) cut(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("replay: ITCH message %d at offset %d: %w", f.index+1, f.offset, err)
}

// wrong says what is wrong with the message that was read last.
func (f *itchFile) wrong(err error) error {
	return fmt.Errorf("replay: ITCH message %d at offset %d: %w", f.index, f.offset, err)
}
