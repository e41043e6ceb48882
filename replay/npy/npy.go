// Package npy writes tables of integers, row by row, as NumPy arrays or as text. Its memory does not grow with the rows: they are
// gathered in batches, which a goroutine writes.
//
// It owns the bytes of .npy headers (version 1.0, padded so that the data begins at a multiple of 64) and the order in
// which columns reach the disk. It knows nothing of orders, and reads nothing.
//
//	npz         an archive of one array per column; stored, since deflate costs thirty times more and gains little here
//	npy         a directory of one array per column, each of which numpy.load(..., mmap_mode="r") maps
//	struct-npy  one array of rows, a field per column
//	csv tsv     text with a line of names
//	json        an object a line
//
// github.com/sbinet/npyio writes an array that is whole in memory, two bytes of header padding off and value by value;
// columns as long as a journal have to stream, so it serves the tests as the independent reader.
package npy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// Column is one column of a table: unsigned or signed little-endian integers, or letters.
type Column struct {
	Name string
	Type string // of NumPy: <u8 <u4 <u2 |u1 <i8 |S1 ... |S8 <f8 is not among them: prices are integers

	size int
	at   int    // of its bytes in a row
	buf  []byte // of the rows that are not written yet
}

// U64 to U8 give the column its value in the row at work, in its own width.

func (c *Column) U64(v uint64) { c.buf = binary.LittleEndian.AppendUint64(c.buf, v) }
func (c *Column) U32(v uint32) { c.buf = binary.LittleEndian.AppendUint32(c.buf, v) }
func (c *Column) U16(v uint16) { c.buf = binary.LittleEndian.AppendUint16(c.buf, v) }
func (c *Column) U8(v uint8)   { c.buf = append(c.buf, v) }

// Room is the memory of the next Table.Room rows, for whoever fills many at once: see Table.Took.
func (c *Column) Room() []byte { return c.buf[len(c.buf):cap(c.buf)] }

// Text gives a column of letters its value; what is missing of its width is NUL.
func (c *Column) Text(s string) {
	n := len(c.buf)
	c.buf = append(c.buf, s...)
	for len(c.buf) < n+c.size {
		c.buf = append(c.buf, 0)
	}
	c.buf = c.buf[:n+c.size]
}

// letters says whether the column holds text.
func (c *Column) letters() bool { return c.Type[1] == 'S' }

// headerSize is the room that is kept for the header of an array of one column while its length is not known.
const headerSize = 128

// header returns the bytes before an array's data, in at least the given size.
func header(descr string, rows uint64, least int) []byte {
	var b bytes.Buffer
	b.WriteString("\x93NUMPY\x01\x00\x00\x00")
	fmt.Fprintf(&b, "{'descr': %s, 'fortran_order': False, 'shape': (%d,), }", descr, rows)
	for b.Len()+1 < least || (b.Len()+1)%64 != 0 {
		b.WriteByte(' ')
	}
	b.WriteByte('\n')
	out := b.Bytes()
	binary.LittleEndian.PutUint16(out[8:], uint16(len(out)-10))
	return out
}

// scalar is the description of an array of one column.
func (c *Column) scalar() string { return "'" + c.Type + "'" }

// record is the description of an array of rows.
func record(columns []*Column) string {
	var fields []string
	for _, c := range columns {
		fields = append(fields, fmt.Sprintf("('%s', '%s')", c.Name, c.Type))
	}
	return "[" + strings.Join(fields, ", ") + "]"
}
