package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"matcher/engine"
	"matcher/journal"
	"matcher/snapshot"
)

// cellSource gives the cells of a journal one by one, without blocks, segments, padding and hashes around them.
type cellSource struct {
	dir    string
	reader *journal.Reader
	cells  []byte
	line   cellLine
	seq    uint64
	kind   string
}

func openCells(dir string) (*cellSource, error) {
	r, err := journal.Open(snapshot.Files(dir))
	if err != nil {
		return nil, journalFault(dir, err)
	}
	return &cellSource{dir: dir, reader: r}, nil
}

// next returns the next cell, nil at the end, and remembers whose it is.
func (s *cellSource) next() ([]byte, error) {
	for len(s.cells) == 0 {
		b, err := s.reader.Next()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, journalFault(s.dir, err)
		}
		s.cells = b.Cells
	}
	cell := s.cells[:journal.CellSize]
	s.cells = s.cells[journal.CellSize:]
	if engine.Kind(cell[0]) != engine.KindExtension {
		s.seq, s.kind = uint64From(cell[8:]), kindName(engine.Kind(cell[0]))
	}
	return cell, nil
}

func uint64From(b []byte) (v uint64) {
	for i := range 8 {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}

// journalDifference is the first difference of two journals.
type journalDifference struct {
	Seq   uint64 `json:"seq"`
	Kind  string `json:"kind"`
	Field string `json:"field"` // cell: one of them ends, or another kind of cell stands there
	A     string `json:"a"`
	B     string `json:"b"`
}

// diffJournals compares what two journals say: their commands and fills. How those lie in blocks and segments, the id, the
// epochs of the files and the hashes do not count.
func diffJournals(ctx context.Context, e *env, dirA, dirB string, asJSON bool) error {
	a, err := openCells(dirA)
	if err != nil {
		return err
	}
	defer func() { _ = a.reader.Close() }()
	b, err := openCells(dirB)
	if err != nil {
		return err
	}
	defer func() { _ = b.reader.Close() }()
	cells := uint64(0)
	var d *journalDifference
	for ; d == nil; cells++ {
		x, err := a.next()
		if err != nil {
			return err
		}
		y, err := b.next()
		if err != nil {
			return err
		}
		if x == nil && y == nil {
			break
		}
		if !bytes.Equal(x, y) {
			d = differ(a, b, x, y)
		} else { // what an extension means depends on the cell before it
			a.line.before, b.line.before = engine.Kind(x[0]), engine.Kind(x[0])
		}
		if err := interrupted(ctx, cells); err != nil {
			return err
		}
	}
	if asJSON {
		err = json.NewEncoder(e.Stdout).Encode(struct {
			Same  bool               `json:"same"`
			Cells uint64             `json:"equal_cells"`
			First *journalDifference `json:"first_difference"`
		}{d == nil, cells - uint64(btoi(d != nil)), d})
	} else if d == nil {
		_, err = fmt.Fprintf(e.Stdout, "SAME: %s, %d the last seq\n", count(int(cells), "cell"), a.seq)
	}
	if err != nil || d == nil {
		return err
	}
	return &fault{
		Code: "E3004", What: fmt.Sprintf("the journals differ at seq %d, %s: %s", d.Seq, d.Kind, d.Field),
		Why: fmt.Sprintf("%s has %s\n%s has %s", dirA, d.A, dirB, d.B),
		Fix: fmt.Sprintf("matcher journal export %s --format csv --from %d --to %d", shellWord(dirA), d.Seq, d.Seq),
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// differ names the first field in which two cells differ. Each is written as dump writes it.
func differ(a, b *cellSource, x, y []byte) *journalDifference {
	end := "the end of the journal"
	switch {
	case x == nil:
		return &journalDifference{b.seq, b.kind, "cell", end, b.text(y)}
	case y == nil:
		return &journalDifference{a.seq, a.kind, "cell", a.text(x), end}
	}
	textA, textB := a.text(x), b.text(y)
	wordsA, wordsB := strings.Fields(textA), strings.Fields(textB)
	for i := range max(len(wordsA), len(wordsB)) {
		wa, wb := at(wordsA, i), at(wordsB, i)
		if wa == wb {
			continue
		}
		nameA, valueA, fieldA := strings.Cut(wa, "=")
		nameB, valueB, fieldB := strings.Cut(wb, "=")
		switch {
		case i == 0:
			return &journalDifference{min(a.seq, b.seq), a.kind, "cell", textA, textB}
		case nameA == nameB:
			return &journalDifference{a.seq, a.kind, nameA, valueA, valueB}
		case fieldA && !has(wordsB, nameA):
			return &journalDifference{a.seq, a.kind, nameA, valueA, "nothing"}
		case fieldB:
			return &journalDifference{a.seq, a.kind, nameB, "nothing", valueB}
		}
		return &journalDifference{a.seq, a.kind, nameA, wa, wb}
	}
	return &journalDifference{a.seq, a.kind, "bytes that dump does not show", fmt.Sprintf("%x", x), fmt.Sprintf("%x", y)}
}

func (s *cellSource) text(cell []byte) string { return strings.TrimSpace(string(s.line.of(cell))) }

func at(words []string, i int) string {
	if i < len(words) {
		return words[i]
	}
	return ""
}

func has(words []string, name string) bool {
	for _, w := range words {
		if strings.HasPrefix(w, name+"=") {
			return true
		}
	}
	return false
}
