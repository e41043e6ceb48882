package replay

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"matcher/engine"
	"matcher/journal"
	"matcher/replay/npy"
)

// manyCells writes a journal of n orders, a third of which are cancelled and a sixth traded with, to a directory.
func manyCells(tb testing.TB, dir string, n int) fs.FS {
	tb.Helper()
	v, err := Record(RecordConfig{MaxOrders: 1 << 20, MaxUsers: 8, Create: func(name string, size int64) (Segment, error) {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		return f, f.Truncate(size)
	}})
	if err != nil {
		tb.Fatal(err)
	}
	maker := Line{Verb: Enter, User: [6]byte([]byte("MAKER ")), Symbol: symbol("AAPL"), Side: 'S', Qty: 100, TIF: '0', Display: 'Y', Capacity: 'P', Cross: 'N', Sweep: 'N'}
	taker := maker
	taker.User, taker.Side, taker.TIF = [6]byte([]byte("TAKER ")), 'B', '3'
	cancel := Line{Verb: Cancel, User: maker.User}
	cancel.defaults()
	blank(maker.ClOrdID[:])
	blank(taker.ClOrdID[:])
	lines := 0
	line := func(l *Line) {
		if _, _, err := v.Line(l); err != nil {
			tb.Fatal(err)
		}
		lines++
	}
	for i := 0; lines < n; i++ {
		maker.Ref, maker.Price = uint32(i+1), 1_500_000+uint64(i%37)*100
		line(&maker)
		if i%2 == 0 {
			cancel.Ref = maker.Ref
			line(&cancel)
		} else if i%4 == 1 {
			taker.Ref, taker.Price = maker.Ref, maker.Price
			line(&taker)
		}
	}
	if err := v.Close(); err != nil {
		tb.Fatal(err)
	}
	return os.DirFS(dir)
}

// eachBlock hands the cells of every block to f, until that is done.
func eachBlock(tb testing.TB, fsys fs.FS, f func(cells []byte) (done bool, err error)) (cells int) {
	tb.Helper()
	r, err := journal.Open(fsys)
	for done := false; err == nil && !done; {
		var b *journal.Block
		if b, err = r.Next(); err == nil {
			cells += len(b.Cells) / engine.CellSize
			done, err = f(b.Cells)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		tb.Fatal(err)
	}
	_ = r.Close() // it was only read
	return cells
}

// BenchmarkCells exports four million cells in each format as the command does, every block verified, beside the same bytes copied by the kernel's own
// read and write. M/s is millions of cells a second.
func BenchmarkCells(b *testing.B) {
	fsys := manyCells(b, b.TempDir(), 4_000_000)
	for _, format := range []string{"npz", "struct-npy", "csv"} {
		b.Run(format, func(b *testing.B) {
			var took, copied time.Duration
			cells, dir := 0, b.TempDir()
			for range b.N {
				start := time.Now()
				name := filepath.Join(dir, "out")
				out, err := os.Create(name)
				if err != nil {
					b.Fatal(err)
				}
				rows, known := NewCellRows(), uint64(0)
				if format == "npz" {
					eachBlock(b, fsys, func(c []byte) (bool, error) {
						n, done := rows.Count(c)
						known += n
						return done, nil
					})
					rows.Most = known
				}
				if err := rows.Table.To(npy.Output{Format: format, W: out, Rows: known}); err != nil {
					b.Fatal(err)
				}
				cells += eachBlock(b, fsys, rows.Add)
				if err := errors.Join(rows.Table.Finish(), out.Close()); err != nil {
					b.Fatal(err)
				}
				took += time.Since(start)
				copied += copyFile(b, name, name+".copy")
				_, _ = os.Remove(name), os.Remove(name+".copy")
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(cells)/took.Seconds()/1e6, "M/s")
			b.ReportMetric(took.Seconds()/copied.Seconds(), "times-copy")
		})
	}
}

// copyFile returns the time that a copy takes.
func copyFile(tb testing.TB, from, to string) time.Duration {
	tb.Helper()
	start := time.Now()
	in, err := os.Open(from)
	if err != nil {
		tb.Fatal(err)
	}
	out, err := os.Create(to)
	if err != nil {
		tb.Fatal(err)
	}
	buffer := make([]byte, 1<<18)
	if _, err = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, buffer); err != nil {
		tb.Fatal(err)
	}
	if err := errors.Join(in.Close(), out.Close()); err != nil {
		tb.Fatal(err)
	}
	return time.Since(start)
}
