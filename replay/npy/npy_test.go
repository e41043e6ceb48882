package npy

import (
	"bytes"
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
