package npy

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Formats are the words for what a table can become.
func Formats() []string { return []string{"npz", "npy", "struct-npy", "csv", "tsv", "json"} }

// Table gathers rows and writes them. Every column is given its value, in any order, before Next ends the row.
type Table struct {
	columns []*Column
	width   int // bytes of a row
	rows    uint64
	held    int // rows in the buffers
	sink    sink
}

// sink is where rows go.
type sink interface {
	flush(t *Table) error                 // the rows in the buffers
	finish(t *Table, side []*Table) error // nothing follows; side tables are small
	discard()
}

// batch is how many rows are written at once. Half a dozen columns of them fit the second-level cache.
const batch = 4096

// New makes an empty table.
func New(columns ...*Column) *Table {
	t := &Table{columns: columns}
	for _, c := range columns {
		n, err := strconv.Atoi(c.Type[2:])
		if err != nil || len(c.Type) < 3 {
			panic("npy: column " + c.Name + " has no type")
		}
		c.size, c.at = n, t.width
		c.buf = make([]byte, 0, batch*n)
		t.width += n
	}
	return t
}

// Output says where a table goes.
type Output struct {
	Format string    // one of Formats
	W      io.Writer // npz, text; struct-npy: it must be an io.WriterAt, since its header says how many rows there are
	Dir    string    // npy: the directory that gets a file per column, which must be there
	Spool  string    // npz: where a temporary file may lie; empty: where the system puts those
}

// ErrNoSeek is the answer to a struct-npy that goes where nothing can be written twice.
var ErrNoSeek = errors.New("npy: the header of a struct-npy is written last: it needs a regular file")

// To sets where the rows go. It is called once, before the first row.
func (t *Table) To(o Output) error {
	switch o.Format {
	case "npz":
		f, err := os.CreateTemp(o.Spool, ".columns-*")
		if err != nil {
			return err
		}
		_ = os.Remove(f.Name()) // it goes with the process
		t.sink = &npz{spool: f, w: o.W}
	case "npy":
		d := &npyDir{dir: o.Dir}
		for _, c := range t.columns {
			f, err := os.Create(filepath.Join(o.Dir, c.Name+".npy"))
			if err != nil {
				d.discard()
				return err
			}
			d.files = append(d.files, f)
			if _, err := f.Write(header(c.scalar(), 0, headerSize)); err != nil {
				d.discard()
				return err
			}
		}
		t.sink = d
	case "struct-npy":
		at, ok := o.W.(io.WriterAt)
		if !ok {
			return ErrNoSeek
		}
		s := &rows{at: at, w: o.W, header: len(header(record(t.columns), 1<<63, 0))}
		if _, err := o.W.Write(make([]byte, s.header)); err != nil {
			return err
		}
		t.sink = s
	case "csv", "tsv", "json":
		s := &text{w: bufio.NewWriterSize(o.W, 1<<16), format: o.Format}
		s.names(t)
		t.sink = s
	default:
		return fmt.Errorf("npy: no format %q", o.Format)
	}
	return nil
}

// Rows returns how many rows there are.
func (t *Table) Rows() uint64 { return t.rows }

// Next ends a row.
func (t *Table) Next() error {
	t.rows++
	if t.held++; t.held < batch || t.sink == nil {
		return nil
	}
	return t.flush()
}

func (t *Table) flush() error {
	for _, c := range t.columns {
		if len(c.buf) != t.held*c.size {
			panic("npy: a row without a value for " + c.Name)
		}
	}
	if t.held == 0 {
		return nil
	}
	err := t.sink.flush(t)
	for _, c := range t.columns {
		c.buf = c.buf[:0]
	}
	t.held = 0
	return err
}

// Finish writes what is left. Side tables, which have no output of their own, go along as arrays of an npz or npy and are
// left away elsewhere.
func (t *Table) Finish(side ...*Table) error {
	if err := t.flush(); err != nil {
		return err
	}
	return t.sink.finish(t, side)
}

// Discard gives up: files that were opened are closed.
func (t *Table) Discard() {
	if t.sink != nil {
		t.sink.discard()
	}
}

// npz spools the columns batch by batch in one file: the batches of a column lie at equal distances.
type npz struct {
	spool *os.File
	w     io.Writer
	full  int64 // batches
	size  int64
	last  int // rows of a last batch that is not full
}

func (s *npz) flush(t *Table) error {
	if s.last != 0 {
		panic("npy: rows behind a short batch")
	}
	for _, c := range t.columns {
		n, err := s.spool.Write(c.buf)
		if s.size += int64(n); err != nil {
			return err
		}
	}
	if t.held == batch {
		s.full++
	} else {
		s.last = t.held
	}
	return nil
}

func (s *npz) finish(t *Table, side []*Table) error {
	defer s.discard()
	z := zip.NewWriter(s.w)
	copied := make([]byte, 1<<18)
	for _, c := range t.columns {
		w, err := entry(z, c, t.rows)
		if err != nil {
			return err
		}
		for i := range s.full {
			at := io.NewSectionReader(s.spool, i*int64(t.width)*batch+int64(c.at)*batch, int64(c.size)*batch)
			if _, err := io.CopyBuffer(w, at, copied); err != nil {
				return err
			}
		}
		if s.last > 0 {
			at := s.full*int64(t.width)*batch + int64(c.at)*int64(s.last)
			if _, err := io.CopyBuffer(w, io.NewSectionReader(s.spool, at, int64(c.size)*int64(s.last)), copied); err != nil {
				return err
			}
		}
	}
	for _, extra := range side {
		for _, c := range extra.columns {
			w, err := entry(z, c, extra.rows)
			if err == nil {
				_, err = w.Write(c.buf)
			}
			if err != nil {
				return err
			}
		}
	}
	return z.Close()
}

// entry begins the array of a column in an archive.
func entry(z *zip.Writer, c *Column, rows uint64) (io.Writer, error) {
	w, err := z.CreateHeader(&zip.FileHeader{Name: c.Name + ".npy", Method: zip.Store})
	if err == nil {
		_, err = w.Write(header(c.scalar(), rows, headerSize))
	}
	return w, err
}

func (s *npz) discard() { _ = s.spool.Close() }

// npyDir is a file per column.
type npyDir struct {
	dir   string
	files []*os.File
}

func (d *npyDir) flush(t *Table) error {
	for i, c := range t.columns {
		if _, err := d.files[i].Write(c.buf); err != nil {
			return err
		}
	}
	return nil
}

func (d *npyDir) finish(t *Table, side []*Table) error {
	for i, c := range t.columns {
		if _, err := d.files[i].WriteAt(header(c.scalar(), t.rows, headerSize), 0); err != nil {
			return err
		}
	}
	for _, extra := range side {
		for _, c := range extra.columns {
			b := slices.Concat(header(c.scalar(), extra.rows, headerSize), c.buf)
			if err := os.WriteFile(filepath.Join(d.dir, c.Name+".npy"), b, 0o666); err != nil {
				return err
			}
		}
	}
	var err error
	for _, f := range d.files {
		err = errors.Join(err, f.Close())
	}
	d.files = nil
	return err
}

func (d *npyDir) discard() {
	for _, f := range d.files {
		_ = f.Close()
	}
}

// rows is one array whose elements are rows.
type rows struct {
	w      io.Writer
	at     io.WriterAt
	header int
	buf    []byte
}

func (s *rows) flush(t *Table) error {
	s.buf = s.buf[:0]
	for i := range t.held {
		for _, c := range t.columns {
			s.buf = append(s.buf, c.buf[i*c.size:][:c.size]...)
		}
	}
	_, err := s.w.Write(s.buf)
	return err
}

func (s *rows) finish(t *Table, _ []*Table) error {
	_, err := s.at.WriteAt(header(record(t.columns), t.rows, s.header), 0)
	return err
}

func (s *rows) discard() {}
