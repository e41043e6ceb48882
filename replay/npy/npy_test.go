package npy

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	readnpy "github.com/sbinet/npyio/npy"
	readnpz "github.com/sbinet/npyio/npz"
)

// filled writes n rows of two columns to an output: i*3 and i%250.
func filled(t *testing.T, o Output, n int) *Table {
	t.Helper()
	a, b := &Column{Name: "a", Type: "<u8"}, &Column{Name: "b", Type: "|u1"}
	table := New(a, b)
	if err := table.To(o); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		b.U8(uint8(i % 250))
		a.U64(uint64(i) * 3)
		if err := table.Next(); err != nil {
			t.Fatal(err)
		}
	}
	c := &Column{Name: "c", Type: "<u2"}
	side := New(c)
	c.U16(7)
	_ = side.Next()
	if err := table.Finish(side); err != nil {
		t.Fatal(err)
	}
	return table
}

// holds fails unless the columns are those of filled.
func holds(t *testing.T, a []uint64, b []uint8, n int) {
	t.Helper()
	if len(a) != n || len(b) != n {
		t.Fatalf("%d and %d rows, want %d", len(a), len(b), n)
	}
	for i := range n {
		if a[i] != uint64(i)*3 || b[i] != uint8(i%250) {
			t.Fatalf("row %d is %d %d", i, a[i], b[i])
		}
	}
}

// TestReadBack reads with another library what was written, around the sizes at which batches end.
func TestReadBack(t *testing.T) {
	for _, n := range []int{0, 1, batch - 1, batch, batch + 1, 3*batch + 17} {
		dir := t.TempDir()
		var archive bytes.Buffer
		filled(t, Output{Format: "npz", W: &archive, Spool: dir}, n)
		r, err := readnpz.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
		if err != nil {
			t.Fatal(err)
		}
		var a []uint64
		var b []uint8
		var c []uint16
		if err := r.Read("a.npy", &a); err != nil {
			t.Fatal(err)
		}
		if err := r.Read("b.npy", &b); err != nil {
			t.Fatal(err)
		}
		if err := r.Read("c.npy", &c); err != nil || len(c) != 1 || c[0] != 7 {
			t.Fatal(c, err)
		}
		holds(t, a, b, n)
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("the spool is left: %v", left)
		}
		placed, err := os.Create(filepath.Join(dir, "placed.npz"))
		if err != nil {
			t.Fatal(err)
		}
		filled(t, Output{Format: "npz", W: placed, Rows: uint64(n), Spool: dir}, n)
		sameArrays(t, placed.Name(), archive.Bytes())
		if err := placed.Close(); err != nil {
			t.Fatal(err)
		}

		filled(t, Output{Format: "npy", Dir: dir}, n)
		a, b = nil, nil
		for name, into := range map[string]any{"a.npy": &a, "b.npy": &b} {
			f, err := os.Open(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := readnpy.Read(f, into); err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
		}
		holds(t, a, b, n)
	}
}

// sameArrays reads every file of two archives, sums checked, and compares.
func sameArrays(t *testing.T, name string, other []byte) {
	t.Helper()
	a, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	b, err := zip.NewReader(bytes.NewReader(other), int64(len(other)))
	if err != nil || len(a.File) != len(b.File) {
		t.Fatal(len(a.File), err)
	}
	read := func(f *zip.File) string {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(f.Name, err)
		}
		return string(all)
	}
	for i := range a.File {
		if a.File[i].Name != b.File[i].Name || read(a.File[i]) != read(b.File[i]) {
			t.Errorf("%s is another array", a.File[i].Name)
		}
	}
}

// TestPromise: as many rows as were announced, or an error.
func TestPromise(t *testing.T) {
	for _, rows := range []int{1, 2, 4} {
		f, err := os.Create(filepath.Join(t.TempDir(), "x.npz"))
		if err != nil {
			t.Fatal(err)
		}
		a := &Column{Name: "a", Type: "|u1"}
		table := New(a)
		if err := table.To(Output{Format: "npz", W: f, Rows: 3}); err != nil {
			t.Fatal(err)
		}
		for range rows {
			a.U8(1)
			_ = table.Next()
		}
		if err := table.Finish(); !errors.Is(err, errRows) {
			t.Errorf("%d rows instead of 3: %v", rows, err)
		}
		_ = f.Close()
	}
}

// A disk that fails ends the table with its error, wherever it is noticed.
func TestFailing(t *testing.T) {
	for _, format := range Formats() {
		if format == "npy" || format == "struct-npy" {
			continue
		}
		a := &Column{Name: "a", Type: "|u1"}
		table := New(a)
		if err := table.To(Output{Format: format, W: failing{}, Spool: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
		var err error
		for i := 0; i < 10*batch && err == nil; i++ {
			a.U8(1)
			err = table.Next()
		}
		if err = errors.Join(err, table.Finish()); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s: %v", format, err)
		}
		table.Discard()
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestText(t *testing.T) {
	for format, want := range map[string]string{
		"csv":  "n,s,i\n5,AAPL,-2\n6,\"a,\\u0001\",0\n",
		"tsv":  "n\ts\ti\n5\tAAPL\t-2\n6\t\"a,\\u0001\"\t0\n",
		"json": "{\"n\":5,\"s\":\"AAPL\",\"i\":-2}\n{\"n\":6,\"s\":\"a,\\u0001\",\"i\":0}\n",
	} {
		n, s, i := &Column{Name: "n", Type: "<u4"}, &Column{Name: "s", Type: "|S8"}, &Column{Name: "i", Type: "<i8"}
		table := New(n, s, i)
		var out bytes.Buffer
		if err := table.To(Output{Format: format, W: &out}); err != nil {
			t.Fatal(err)
		}
		n.U32(5)
		s.Text("AAPL")
		i.U64(^uint64(1))
		_ = table.Next()
		n.U32(6)
		s.Text("a,\x01")
		i.U64(0)
		_ = table.Next()
		if err := table.Finish(); err != nil || out.String() != want {
			t.Errorf("%s: %v\n%s", format, err, out.String())
		}
	}
}

// A struct-npy goes where its header can be written last, or not at all.
func TestNoSeek(t *testing.T) {
	table := New(&Column{Name: "a", Type: "<u8"})
	if err := table.To(Output{Format: "struct-npy", W: &bytes.Buffer{}}); err != ErrNoSeek {
		t.Error(err)
	}
}
