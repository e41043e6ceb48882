package tests

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"matcher/client/market"
	"matcher/wire/itch"
)

// TestMarketITCH builds the book of a real file with the market of the client and holds it after each message against an
// independent reconstruction.
func TestMarketITCH(t *testing.T) {
	data, err := os.ReadFile(realFlow(t, itchFile))
	if err != nil {
		t.Fatal(err)
	}
	expected, err := os.ReadFile(levelsFile)
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]string{} // by message
	for row := range strings.Lines(string(expected)) {
		var index int
		if n, _ := fmt.Sscan(row, &index); n == 1 {
			want[index] = row
		}
	}
	m := market.New(0)
	compared, index := 0, 0
	for len(data) > 0 {
		message, n, err := itch.Next(data)
		if err != nil || n == 0 {
			break
		}
		data = data[n:]
		index++
		if _, err := m.Apply(message); err != nil {
			t.Fatalf("message %d: %v", index, err)
		}
		row, ok := want[index]
		if !ok {
			continue
		}
		if got := top10(index, m.Book("AAPL")); got != row {
			t.Fatalf("after message %d:\n got %swant %s", index, got, row)
		}
		compared++
	}
	if compared != 9_999 {
		t.Errorf("%d rows compared, want 9,999", compared)
	}
}

// top10 writes the ten best levels of a book as the file of expected ones has them: the ask before the bid.
func top10(index int, b *market.Book) string {
	asks, bids := b.Levels(nil, itch.SideSell, 10), b.Levels(nil, itch.SideBuy, 10)
	var row strings.Builder
	fmt.Fprint(&row, index)
	for i := range 10 {
		for _, side := range [][]market.Level{asks, bids} {
			if i < len(side) {
				fmt.Fprintf(&row, "\t%d\t%d", side[i].Price, side[i].Quantity)
			} else {
				row.WriteString("\t\t")
			}
		}
	}
	return row.String() + "\n"
}
