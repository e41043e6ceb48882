package npy

import (
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

// Table gathers rows and writes them. Every column is given its value, in any order, before Next ends the row. Full batches are
// written by a goroutine of its own while the next one is gathered: it ends with Finish or Discard.
type Table struct {
	columns []*Column
	width   int // bytes of a row
	rows    uint64
	held    int // rows in the buffers of the columns
	sink    sink

	full  chan *rowBatch // to be written
	empty chan *rowBatch // to be filled
	wrote chan struct{}  // closed when the goroutine has ended
	err   error          // of the goroutine; read behind wrote
}

// rowBatch is rows on their way: the bytes of each column.
type rowBatch struct {
	columns [][]byte
	rows    int
	err     error // on the way back: what could not be written
}

// sink is where rows go.
type sink interface {
	flush(t *Table, b *rowBatch) error
	finish(t *Table, side []*Table) error // nothing follows; side tables are small
	discard()
}

const (
	batch   = 1 << 15 // rows that are written at once: the pieces of a column are 32 to 256 KiB
	batches = 3       // one is gathered, one is written, one waits
)

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
	Rows   uint64    // npz: how many rows there will be, 0: not known; see there
	W      io.Writer // npz, text; struct-npy: it must be an io.WriterAt, since its header says how many rows there are
	Dir    string    // npy: the directory that gets a file per column, which must be there
	Spool  string    // npz: where a temporary file may lie; empty: where the system puts those
}

// ErrNoSeek is the answer to a struct-npy that goes where nothing can be written twice.
var ErrNoSeek = errors.New("npy: the header of a struct-npy is written last: it needs a regular file")

// To sets where the rows go. It is called once, before the first row.
func (t *Table) To(o Output) error {
	if err := t.open(o); err != nil {
		return err
	}
	t.full, t.empty, t.wrote = make(chan *rowBatch, batches), make(chan *rowBatch, batches), make(chan struct{})
	for range batches - 1 {
		b := &rowBatch{}
		for _, c := range t.columns {
			b.columns = append(b.columns, make([]byte, 0, batch*c.size))
		}
		t.empty <- b
	}
	go t.write()
	return nil
}

// write hands batches to the sink. Behind an error nothing is written any more.
func (t *Table) write() {
	defer close(t.wrote)
	for b := range t.full {
		if t.err == nil {
			t.err = t.sink.flush(t, b)
		}
		b.err = t.err
		t.empty <- b
	}
}

// open makes the sink.
func (t *Table) open(o Output) (err error) {
	switch o.Format {
	case "npz":
		t.sink, err = t.openNPZ(o)
	case "npy":
		t.sink, err = t.openDir(o.Dir)
	case "struct-npy":
		t.sink, err = t.openRows(o.W)
	case "csv", "tsv", "json":
		s := &text{w: bufio.NewWriterSize(o.W, 1<<16), format: o.Format}
		s.names(t)
		t.sink = s
	default:
		err = fmt.Errorf("npy: no format %q", o.Format)
	}
	return err
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

// Room returns how many rows are gathered at most until the next batch is written.
func (t *Table) Room() int { return batch - t.held }

// Took ends n rows, at most Room, whose values were put into Column.Room of every column.
func (t *Table) Took(n int) error {
	for _, c := range t.columns {
		c.buf = c.buf[:len(c.buf)+n*c.size]
	}
	t.rows += uint64(n)
	if t.held += n; t.held < batch {
		return nil
	}
	return t.flush()
}

// flush hands the rows in the buffers on, and takes other buffers.
func (t *Table) flush() error {
	for _, c := range t.columns {
		if len(c.buf) != t.held*c.size {
			panic("npy: a row without a value for " + c.Name)
		}
	}
	if t.held == 0 {
		return nil
	}
	b := <-t.empty
	for i, c := range t.columns {
		c.buf, b.columns[i] = b.columns[i][:0], c.buf
	}
	b.rows, t.held = t.held, 0
	err := b.err // of an earlier batch
	b.err = nil
	t.full <- b
	return err
}

// Finish writes what is left. Side tables, which have no output of their own, go along as arrays of an npz or npy and are
// left away elsewhere.
func (t *Table) Finish(side ...*Table) error {
	_ = t.flush() // its error is that of the goroutine
	if t.end(); t.err != nil {
		return t.err
	}
	return t.sink.finish(t, side)
}

// end waits for the goroutine.
func (t *Table) end() {
	if t.full != nil {
		close(t.full)
		<-t.wrote
		t.full = nil
	}
}

// Discard gives up: files that were opened are closed. Behind Finish it does nothing.
func (t *Table) Discard() {
	if t.end(); t.sink != nil {
		t.sink.discard()
	}
}

// npyDir is a file per column.
type npyDir struct {
	dir   string
	files []*os.File
}

// openDir makes the files.
func (t *Table) openDir(dir string) (sink, error) {
	d := &npyDir{dir: dir}
	for _, c := range t.columns {
		f, err := os.Create(filepath.Join(dir, c.Name+".npy"))
		if err == nil {
			d.files = append(d.files, f)
			_, err = f.Write(header(c.scalar(), 0, headerSize))
		}
		if err != nil {
			d.discard()
			return nil, err
		}
	}
	return d, nil
}

func (d *npyDir) flush(_ *Table, b *rowBatch) error {
	for i, column := range b.columns {
		if _, err := d.files[i].Write(column); err != nil {
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

// openRows leaves room for the header.
func (t *Table) openRows(w io.Writer) (sink, error) {
	at, ok := w.(io.WriterAt)
	if !ok {
		return nil, ErrNoSeek
	}
	s := &rows{at: at, w: w, header: len(header(record(t.columns), 1<<63, 0))}
	_, err := w.Write(make([]byte, s.header))
	return s, err
}

func (s *rows) flush(t *Table, b *rowBatch) error {
	s.buf = s.buf[:0]
	for i := range b.rows {
		for j, c := range t.columns {
			s.buf = append(s.buf, b.columns[j][i*c.size:][:c.size]...)
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
