package tests

import (
	"bytes"
	le "encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"matcher/engine"
	"matcher/journal"
)

// python returns an interpreter that has NumPy, or skips the test.
func python(t *testing.T) string {
	t.Helper()
	said := "there is no python3"
	for _, name := range []string{"python3", "/usr/bin/python3"} { // Debian's package is for the second
		out, err := exec.Command(name, "-c", "import numpy").CombinedOutput()
		if err == nil {
			return name
		}
		if len(out) > 0 {
			said = strings.TrimSpace(string(out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:]))
		}
	}
	t.Skipf("no NumPy here; Debian: apt-get install python3-numpy: %s", said)
	return ""
}

// arrayFlow trades in two instruments: makers, takers that sweep, an iceberg, a replace and cancels.
func arrayFlow() string {
	var b strings.Builder
	for i := range 3000 {
		symbol := [...]string{"AAPL", "MSFT"}[i%2]
		fmt.Fprintf(&b, "@%d MAKER enter %d S %d %s %d 0 %c\n", i+1, i+1, 10+i%7, symbol, 1_500_000+i%13, "YYYN"[i%4])
		if i%5 == 4 {
			fmt.Fprintf(&b, "TAKER enter %d B %d %s %d 3 Y\n", i+1, 20+i%31, symbol, 1_500_000+i%11)
		}
		if i%9 == 8 {
			fmt.Fprintf(&b, "MAKER cancel %d 0\n", i-3)
		}
	}
	return b.String()
}

// sumsOf reads a journal of one segment with package journal: what NumPy must find.
func sumsOf(t *testing.T, dir string) (text string) {
	t.Helper()
	r, err := journal.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	var fills, orders int
	var fillQty, orderQty uint64
	var last engine.Fill
	for {
		b, err := r.Next()
		if err != nil {
			return fmt.Sprintf("%d %d %d %d %d %d", fills, fillQty, last.Price, last.MakerLeaves, orders, orderQty)
		}
		for c := b.Cells; len(c) > 0; c = c[journal.CellSize:] {
			switch engine.Kind(c[0]) {
			case engine.KindFill:
				last.Load(c)
				fills, fillQty = fills+1, fillQty+uint64(last.Qty)
			case engine.KindEnter:
				orders, orderQty = orders+1, orderQty+uint64(le.LittleEndian.Uint32(c[28:]))
			}
		}
	}
}

// TestNumPy holds NumPy's view of a journal, mapped and in every form of export, against the journal and the engine.
func TestNumPy(t *testing.T) {
	python := python(t)
	v := newVenue(t, "0.01")
	flow := v.write("flow", arrayFlow())
	v.must(0, "replay", flow, "--record", v.path("j"))
	j := v.path("j")
	want := sumsOf(t, j)
	if want == "" || strings.HasPrefix(want, "0 ") {
		t.Fatalf("the flow does not trade: %s", want)
	}
	format, err := os.ReadFile("../journal/FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, snippet, _ := strings.Cut(string(format), "```python\n")
	snippet, _, found := strings.Cut(snippet, "```")
	if !found {
		t.Fatal("journal/FORMAT.md has no Python in it")
	}
	v.write("mj.py", v.must(0, "journal", "dtype"))
	run := func(name, script string, args ...string) string {
		t.Helper()
		cmd := exec.Command(python, append([]string{v.write(name, script)}, args...)...)
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary(t))+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if got := run("snippet.py", snippet, j); got != want {
		t.Errorf("the snippet of FORMAT.md finds %s, the journal has %s", got, want)
	}
	v.must(0, "journal", "export", j, "-o", v.path("cells.npz"))
	v.must(0, "journal", "export", j, "--format", "npy", "-o", v.path("columns"))
	v.must(0, "journal", "export", j, "--format", "struct-npy", "-o", v.path("rows.npy"))
	v.must(0, "journal", "export", j, "--format", "csv", "-o", v.path("cells.csv"))
	v.must(0, "journal", "export", j, "--events", "-o", v.path("events.npz"))
	v.must(0, "journal", "export", j, "--format", "hftbacktest", "--symbol", "AAPL", "-o", v.path("hft.npy"))
	got := run("forms.py", `
import sys, os, numpy as np
d = sys.argv[1]
def column(name): return np.load(os.path.join(d, 'columns', name + '.npy'), mmap_mode='r')
def line(c):
    f, o = c['kind'] == 64, c['kind'] == 16
    return '%d %d %d %d %d %d' % (f.sum(), c['qty'][f].sum(dtype='u8'), c['price'][f][-1], c['leaves'][f][-1], o.sum(), c['qty'][o].sum(dtype='u8'))
z = np.load(os.path.join(d, 'cells.npz'))
print(line(z))
print(line({n: column(n) for n in ('kind', 'qty', 'price', 'leaves')}))
rows = np.load(os.path.join(d, 'rows.npy'), mmap_mode='r')
print(line(rows))
print(line(np.genfromtxt(os.path.join(d, 'cells.csv'), delimiter=',', names=True, dtype=None, encoding='ascii')))
assert rows.dtype.itemsize == 74 and rows.offset % 64 == 0, (rows.dtype, rows.offset)
e = np.load(os.path.join(d, 'events.npz'))
maker = (e['event'] == b'E') & (e['taker'] == 0)
taker = (e['event'] == b'E') & (e['taker'] == 1)
assert maker.sum() == taker.sum() and e['qty'][maker].sum() == e['qty'][taker].sum()
print(maker.sum(), e['qty'][maker].sum(dtype='u8'), e['price'][maker][-1], e['leaves'][maker][-1])
assert list(z['instrument_symbol'][1:]) == [b'AAPL', b'MSFT'] and list(z['instrument_price_decimals'][1:]) == [4, 4]
h = np.load(os.path.join(d, 'hft.npy'))
assert h.dtype == np.dtype([('ev','u8'),('exch_ts','i8'),('local_ts','i8'),('px','f8'),('qty','f8'),('order_id','u8'),('ival','i8'),('fval','f8')], align=True)
trades = h[(h['ev'] & 0xff) == 2]
aapl = (z['kind'] == 64) & (z['instrument'] == 1)
assert len(trades) == aapl.sum() and trades['qty'].sum() == z['qty'][aapl].sum(), (len(trades), aapl.sum())
assert (trades['px'] == z['price'][aapl] / 1e4).all()
assert (h['exch_ts'] == h['local_ts']).all() and (np.diff(h['exch_ts']) >= 0).all()
`, v.dir)
	head := strings.Join(strings.Fields(want)[:4], " ")
	if got != strings.Repeat(want+"\n", 4)+head {
		t.Errorf("NumPy finds\n%s\nand the journal has\n%s", got, want)
	}
}
