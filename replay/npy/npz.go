package npy

import (
	"archive/zip"
	"errors"
	"hash/crc32"
	"io"
	"os"
)

// openNPZ makes an archive in one of two ways. Columns lie one behind the other in it, so where one begins depends on how many
// rows there will be. Where that is known, and the output is a file, every piece goes to its place at once. Otherwise columns
// wait in a temporary file, and are written twice.
func (t *Table) openNPZ(o Output) (sink, error) {
	if at, ok := o.W.(io.WriterAt); ok && o.Rows > 0 && seeks(o.W) {
		s := &placed{at: at, rows: o.Rows, sums: make([]uint32, len(t.columns)), from: make([]int64, len(t.columns))}
		_, err := s.frame(t, nil)
		return s, err
	}
	f, err := os.CreateTemp(o.Spool, ".columns-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name()) // it goes with the process
	return &npz{spool: f, w: o.W}, nil
}

// seeks says whether a writer has places.
func seeks(w io.Writer) bool {
	s, ok := w.(io.Seeker)
	if !ok {
		return false
	}
	_, err := s.Seek(0, io.SeekCurrent)
	return err == nil
}

// placed writes an archive whose number of rows is known.
type placed struct {
	at   io.WriterAt
	rows uint64
	done uint64   // rows written
	sums []uint32 // by column: CRC-32 of the header and what is written
	from []int64  // by column: where it goes on
}

// errRows says that a table broke its promise.
var errRows = errors.New("npy: not as many rows as were announced")

func (s *placed) flush(t *Table, b *rowBatch) error {
	if s.done += uint64(b.rows); s.done > s.rows {
		return errRows
	}
	for i, column := range b.columns {
		s.sums[i] = crc32.Update(s.sums[i], crc32.IEEETable, column)
		if _, err := s.at.WriteAt(column, s.from[i]); err != nil {
			return err
		}
		s.from[i] += int64(len(column))
	}
	return nil
}

// frame writes everything of the archive but the rows, for which it leaves room. To nil it only finds out where they go.
func (s *placed) frame(t *Table, to io.WriterAt) (*zip.Writer, error) {
	w, nothing := &leaping{to: to}, make([]byte, 1<<20)
	z := zip.NewWriter(w)
	for i, c := range t.columns {
		head := header(c.scalar(), s.rows, headerSize)
		size := s.rows * uint64(c.size)
		h := &zip.FileHeader{Name: c.Name + ".npy", Method: zip.Store, CRC32: s.sums[i]}
		h.CompressedSize64 = uint64(len(head)) + size
		h.UncompressedSize64 = h.CompressedSize64
		if h.CompressedSize64 >= 1<<32-1 {
			h.Flags |= 8 // its sizes stand behind it: those before it have 32 bits
		}
		e, err := z.CreateRaw(h)
		if err == nil {
			_, err = e.Write(head)
		}
		if err == nil {
			err = z.Flush()
		}
		if to == nil {
			s.from[i], s.sums[i] = w.at, crc32.ChecksumIEEE(head)
		}
		for w.leap = true; size > 0 && err == nil; size -= min(size, uint64(len(nothing))) {
			_, err = e.Write(nothing[:min(size, uint64(len(nothing)))])
		}
		if err = errors.Join(err, z.Flush()); err != nil {
			return nil, err
		}
		w.leap = false
	}
	return z, nil
}

func (s *placed) finish(t *Table, side []*Table) error {
	if s.done != s.rows {
		return errRows
	}
	z, err := s.frame(t, s.at)
	if err != nil {
		return err
	}
	return closeWith(z, side)
}

func (s *placed) discard() {}

// leaping writes what comes, and leaps over as many bytes as come while leap is set.
type leaping struct {
	to   io.WriterAt // nil: nothing is written at all
	at   int64
	leap bool
}

func (w *leaping) Write(p []byte) (int, error) {
	if !w.leap && w.to != nil {
		if _, err := w.to.WriteAt(p, w.at); err != nil {
			return 0, err
		}
	}
	w.at += int64(len(p))
	return len(p), nil
}

// npz spools the columns batch by batch in one file: the batches of a column lie at equal distances.
type npz struct {
	spool *os.File
	w     io.Writer
	full  int64 // batches
	size  int64
	last  int // rows of a last batch that is not full
}

func (s *npz) flush(_ *Table, b *rowBatch) error {
	if s.last != 0 {
		panic("npy: rows behind a short batch")
	}
	for _, column := range b.columns {
		n, err := s.spool.Write(column)
		if s.size += int64(n); err != nil {
			return err
		}
	}
	if b.rows == batch {
		s.full++
	} else {
		s.last = b.rows
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
	return closeWith(z, side)
}

// closeWith adds the columns of small tables and ends an archive.
func closeWith(z *zip.Writer, side []*Table) error {
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
