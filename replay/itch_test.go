package replay

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"matcher/wire/itch"
)

// itchText makes an ITCH 5.0 file of one message a line: R SYMBOL, A REF SIDE QTY SYMBOL PRICE (or F), E REF QTY, C REF QTY
// PRICE, X REF QTY, D REF, U REF NEW QTY PRICE, P QTY, S. AAPL has stock locate 1, any other symbol 2.
func itchText(text string) []byte {
	var file []byte
	be := binary.BigEndian
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		num := func(i int) uint64 {
			n, err := strconv.ParseUint(words[i], 10, 64)
			if err != nil {
				panic(err)
			}
			return n
		}
		kind := words[0][0]
		m := make([]byte, map[byte]int{'S': 12, 'R': 39, 'A': 36, 'F': 40, 'E': 31, 'C': 36, 'X': 23, 'D': 19, 'U': 35, 'P': 44}[kind])
		m[0] = kind
		if kind != 'S' {
			m[2] = 1
		}
		stock := func(at, i int) {
			s := symbol(words[i])
			copy(m[at:], s[:])
			if words[i] != "AAPL" {
				m[2] = 2
			}
		}
		switch kind {
		case 'R':
			stock(11, 1)
		case 'A', 'F':
			be.PutUint64(m[11:], num(1))
			m[19] = words[2][0]
			be.PutUint32(m[20:], uint32(num(3)))
			stock(24, 4)
			be.PutUint32(m[32:], uint32(num(5)))
		case 'E', 'C', 'X':
			be.PutUint64(m[11:], num(1))
			be.PutUint32(m[19:], uint32(num(2)))
			if kind == 'C' {
				be.PutUint32(m[32:], uint32(num(3)))
			}
		case 'D':
			be.PutUint64(m[11:], num(1))
		case 'U':
			be.PutUint64(m[11:], num(1))
			be.PutUint64(m[19:], num(2))
			be.PutUint32(m[27:], uint32(num(3)))
			be.PutUint32(m[31:], uint32(num(4)))
		}
		if n := len(words); words[n-1][0] == '@' { // another stock locate
			m[2] = words[n-1][1] - '0'
		}
		file = append(be.AppendUint16(file, uint16(len(m))), m...)
	}
	return file
}

const itchDay = `S
R AAPL
A 11 B 100 AAPL 1499900
F 12 S 300 AAPL 1500100
A 13 S 200 AAPL 1500200
X 12 50
E 12 100
U 12 14 80 1500000
C 14 30 1499950
X 13 200
D 11
P 40
`

func ExampleImport_ITCH() {
	var flow bytes.Buffer
	stats, err := plain.ITCH(bytes.NewReader(itchText(itchDay)), &flow)
	fmt.Print(flow.String())
	fmt.Println(stats, err)
	// Output:
	// MAKER enter 1 B 100 AAPL 1499900 0 Y
	// MAKER enter 2 S 300 AAPL 1500100 0 A
	// MAKER enter 3 S 200 AAPL 1500200 0 Y
	// MAKER cancel 2 250
	// TAKER enter 1 B 100 AAPL 1500100 3 Y
	// MAKER replace 2 4 180 1500000 0 A
	// TAKER enter 2 B 30 AAPL 1500000 3 Y
	// MAKER cancel 3 0
	// MAKER cancel 1 0
	// 12 records: 9 commands (3 enter, 3 cancel, 1 replace, 2 take); no command: 1 hidden executions, 0 of unknown orders, 2 other <nil>
}

func TestITCHUnknown(t *testing.T) {
	stats, err := plain.ITCH(bytes.NewReader(itchText("E 1 1\nC 1 1 5\nX 1 1\nD 1\nU 1 2 3 4")), io.Discard)
	if err != nil || stats.Unknown != 5 || stats.Commands != 0 {
		t.Errorf("%v, %v", stats, err)
	}
}

// badITCH are files that cannot be: what is wrong, and in which message.
func badITCH() []struct {
	name, text string
	want       error
	index      int
} {
	order := "A 1 B 10 AAPL 100\n"
	return []struct {
		name, text string
		want       error
		index      int
	}{
		{"side", "A 1 X 10 AAPL 100", errSide, 1},
		{"quantity", "S\nA 1 B 0 AAPL 100", errQty, 2},
		{"price 0", "A 1 B 10 AAPL 0", errPrice, 1},
		{"price above the highest", "A 1 B 10 AAPL 2000000001", errPrice, 1},
		{"twice", order + order, errTwice, 2},
		{"executed too much", order + "E 1 11", errMore, 2},
		{"executed nothing", order + "E 1 0", errQty, 2},
		{"cancelled too much", order + "X 1 11", errMore, 2},
		{"cancelled nothing", order + "X 1 0", errQty, 2},
		{"replaced by a live order", order + "A 2 B 10 AAPL 100\nU 1 2 10 100", errTwice, 3},
		{"replaced by nothing", order + "U 1 2 0 100", errQty, 2},
		{"replaced at no price", order + "U 1 2 10 0", errPrice, 2},
	}
}

func TestITCHErrors(t *testing.T) {
	for _, tt := range badITCH() {
		t.Run(tt.name, func(t *testing.T) {
			where := fmt.Sprintf("ITCH message %d at offset ", tt.index)
			_, err := plain.ITCH(bytes.NewReader(itchText(tt.text)), io.Discard)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), where) {
				t.Errorf("import: %v, want %v", err, tt.want)
			}
			b, err := RebuildITCH(bytes.NewReader(itchText(tt.text)), RebuildConfig{MaxOrders: 10})
			for err == nil {
				_, err = b.Next()
			}
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), where) {
				t.Errorf("rebuild: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestITCHCutOff(t *testing.T) {
	file := itchText(itchDay)
	ends := map[int]bool{0: true}
	for at := 0; at < len(file); {
		at += 2 + int(binary.BigEndian.Uint16(file[at:]))
		ends[at] = true
	}
	for n := range file {
		_, err := plain.ITCH(bytes.NewReader(file[:n]), io.Discard)
		if whole := ends[n]; whole != (err == nil) || !whole && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut off after %d bytes: %v", n, err)
		}
	}
	stats, err := plain.ITCH(bytes.NewReader(append(append(file, 0, 0), "whatever follows"...)), io.Discard)
	if err != nil || stats.Records != 12 {
		t.Errorf("length zero: %v, %v", stats, err)
	}
	broken := errors.New("broken")
	if _, err := plain.ITCH(io.MultiReader(bytes.NewReader(file[:100]), &failing{broken}), io.Discard); !errors.Is(err, broken) {
		t.Errorf("reader that fails: %v", err)
	}
	if _, err := plain.ITCH(bytes.NewReader(file), &failing{broken}); !errors.Is(err, broken) {
		t.Errorf("writer that fails: %v", err)
	}
	if _, err := plain.ITCH(bytes.NewReader([]byte{0, 5, 'A', 0, 1, 0, 0}), io.Discard); !errors.Is(err, itch.ErrLength) {
		t.Errorf("a short message: %v", err)
	}
}

func (f *failing) Write([]byte) (int, error) { return 0, f.err }

func TestITCHOffset(t *testing.T) {
	_, err := plain.ITCH(bytes.NewReader(itchText("S\nA 1 B 10 AAPL 100\nX 1 11")), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "message 3 at offset 52:") {
		t.Error(err)
	}
}

// TestRebuildGone: an order that has nothing left is forgotten, in whatever way it went.
func TestRebuildGone(t *testing.T) {
	for _, last := range []string{"E 1 10", "C 1 10 99", "X 1 10", "D 1", "U 1 2 5 100\nD 2"} {
		b, err := RebuildITCH(bytes.NewReader(itchText("A 1 B 10 AAPL 100\n"+last+"\nD 1")), RebuildConfig{MaxOrders: 1})
		for err == nil {
			_, err = b.Next()
		}
		if err != io.EOF || b.Open() != 0 || b.Unknown() != 1 || len(b.slots) != 0 {
			t.Errorf("after %q: %v, %d orders, %d unknown", last, err, b.Open(), b.Unknown())
		}
	}
}

// rows rebuilds a file and returns a line per row: index, type, bids, asks as qty@price.
func rows(t *testing.T, file []byte, c RebuildConfig) string {
	t.Helper()
	b, err := RebuildITCH(bytes.NewReader(file), c)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for {
		r, err := b.Next()
		if err == io.EOF {
			return out.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%d %c", r.Index, r.Type)
		for _, l := range r.Bids {
			fmt.Fprintf(&out, " %d@%d", l.Qty, l.Price)
		}
		out.WriteString(" |")
		for _, l := range r.Asks {
			fmt.Fprintf(&out, " %d@%d", l.Qty, l.Price)
		}
		out.WriteString("\n")
	}
}

func TestRebuildITCH(t *testing.T) {
	want := `1 S |
2 R |
3 A 100@1499900 |
4 F 100@1499900 | 300@1500100
5 A 100@1499900 | 300@1500100 200@1500200
6 X 100@1499900 | 250@1500100 200@1500200
7 E 100@1499900 | 150@1500100 200@1500200
8 U 100@1499900 | 80@1500000 200@1500200
9 C 100@1499900 | 50@1500000 200@1500200
10 X 100@1499900 | 50@1500000
11 D | 50@1500000
12 P | 50@1500000
`
	if got := rows(t, itchText(itchDay), RebuildConfig{Depth: 5}); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := rows(t, itchText(itchDay), RebuildConfig{Depth: 1, Symbol: "AAPL"}); strings.Count(got, "\n") != 12 ||
		!strings.Contains(got, "\n5 A 100@1499900 | 300@1500100\n") {
		t.Errorf("depth 1:\n%s", got)
	}
}

func TestRebuildSymbols(t *testing.T) {
	file := itchText(`S
R AAPL
R MSFT
A 1 B 10 MSFT 100
A 2 B 10 AAPL 200
E 1 4 @2
X 2 3
D 77 @1
D 78 @2
P 5 @2
P 5 @1
A 3 S 1 AAPL 300
`)
	want := "1 S |\n2 R |\n5 A 10@200 |\n7 X 7@200 |\n8 D 7@200 |\n11 P 7@200 |\n12 A 7@200 | 1@300\n"
	if got := rows(t, file, RebuildConfig{Depth: 5, Symbol: "AAPL"}); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	want = "1 S |\n3 R |\n4 A 10@100 |\n6 E 6@100 |\n9 D 6@100 |\n10 P 6@100 |\n"
	if got := rows(t, file, RebuildConfig{Depth: 5, Symbol: "MSFT"}); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	b, err := RebuildITCH(bytes.NewReader(file), RebuildConfig{})
	for err == nil {
		_, err = b.Next()
	}
	if !errors.Is(err, errSymbols) || b.Symbol() != "MSFT" {
		t.Errorf("no symbol asked for: %v", err)
	}
	if _, err := RebuildITCH(nil, RebuildConfig{Symbol: "ABCDEFGHI"}); !errors.Is(err, errSymbol) {
		t.Errorf("long symbol: %v", err)
	}
	b, err = RebuildITCH(bytes.NewReader(itchText("A 1 B 1 A 1\nA 2 B 1 A 1\nA 3 B 1 A 1")), RebuildConfig{MaxOrders: 2})
	for err == nil {
		_, err = b.Next()
	}
	if !errors.Is(err, errFull) || b.Open() != 2 {
		t.Errorf("full: %v", err)
	}
}

// TestRebuildRealBook compares ten levels with an independent reconstruction of the same messages.
func TestRebuildRealBook(t *testing.T) {
	expected := bufio.NewScanner(shared(t, aaplTop10))
	expected.Scan() // the names of the columns
	b, err := RebuildITCH(shared(t, aaplITCH), RebuildConfig{Symbol: "AAPL", Depth: 10})
	if err != nil {
		t.Fatal(err)
	}
	equal, last := 0, uint64(0)
	for expected.Scan() {
		text := expected.Text()
		index, _, _ := strings.Cut(text, "\t")
		for strconv.FormatUint(last, 10) != index {
			row, err := b.Next()
			if err != nil {
				t.Fatalf("no row for message %s: %v", index, err)
			}
			last = row.Index
		}
		if got := string(b.row.AppendTSV(nil, 10)); got != text+"\n" {
			t.Fatalf("got\n%swant\n%s", got, text)
		}
		equal++
	}
	if err := expected.Err(); err != nil || equal != 9_999 || b.Unknown() != 0 {
		t.Errorf("%d rows, %d unknown, %v", equal, b.Unknown(), err)
	}
}

func FuzzITCH(f *testing.F) {
	f.Add(itchText(itchDay))
	for _, tt := range badITCH() {
		f.Add(itchText(tt.text))
	}
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, file []byte) {
		_, _ = plain.ITCH(bytes.NewReader(file), io.Discard)
		b, err := RebuildITCH(bytes.NewReader(file), RebuildConfig{Depth: 3, MaxOrders: 100})
		for err == nil {
			_, err = b.Next()
		}
		if err := b.book.Audit(); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkRebuildITCH(b *testing.B) {
	file := new(bytes.Buffer)
	if _, err := io.Copy(file, shared(b, aaplITCH)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	messages := uint64(0)
	for b.Loop() {
		r, err := RebuildITCH(bytes.NewReader(file.Bytes()), RebuildConfig{Depth: 10})
		if err != nil {
			b.Fatal(err)
		}
		last := uint64(0)
		for {
			row, err := r.Next()
			if err != nil {
				break
			}
			last = row.Index
		}
		messages += last
	}
	b.ReportMetric(float64(messages)/b.Elapsed().Seconds(), "messages/s")
}
