package npy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
)

// text writes rows as lines.
type text struct {
	w      *bufio.Writer
	format string // csv, tsv, json
	line   []byte
}

// names writes the first line. What cannot be written is told with the next rows.
func (s *text) names(t *Table) {
	if s.format == "json" {
		return
	}
	for i, c := range t.columns {
		if i > 0 {
			_ = s.w.WriteByte(s.between())
		}
		_, _ = s.w.WriteString(c.Name)
	}
	_ = s.w.WriteByte('\n')
}

func (s *text) between() byte {
	if s.format == "tsv" {
		return '\t'
	}
	return ','
}

func (s *text) flush(t *Table, b *rowBatch) error {
	for i := range b.rows {
		s.line = s.line[:0]
		for j, c := range t.columns {
			switch {
			case s.format == "json":
				s.line = append(s.line, ",{"[btoi(j == 0)])
				s.line = append(strconv.AppendQuote(s.line, c.Name), ':')
			case j > 0:
				s.line = append(s.line, s.between())
			}
			s.value(c, b.columns[j][i*c.size:][:c.size])
		}
		if s.format == "json" {
			s.line = append(s.line, '}')
		}
		if _, err := s.w.Write(append(s.line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// value writes one value of a column. Letters are those of symbols and codes: what is not printable is written as Go and
// JSON escape it, what would part fields in quotes.
func (s *text) value(c *Column, b []byte) {
	if c.letters() {
		b = bytes.TrimRight(b, " \x00")
		if s.format == "json" || bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' || r > '~' || r == ',' || r == '"' }) {
			s.line = append(s.line, quoted(b)...)
			return
		}
		s.line = append(s.line, b...)
		return
	}
	var v uint64
	switch c.size {
	case 1:
		v = uint64(b[0])
	case 2:
		v = uint64(binary.LittleEndian.Uint16(b))
	case 4:
		v = uint64(binary.LittleEndian.Uint32(b))
	default:
		v = binary.LittleEndian.Uint64(b)
	}
	if c.Type[1] == 'i' {
		s.line = strconv.AppendInt(s.line, int64(v), 10) // 8 bytes: the only width of signed columns
		return
	}
	s.line = strconv.AppendUint(s.line, v, 10)
}

// quoted is letters as a JSON string.
func quoted(b []byte) []byte {
	out := []byte{'"'}
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < ' ' || c > '~':
			out = fmt.Appendf(out, "\\u%04x", c)
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}

func (s *text) finish(*Table, []*Table) error { return s.w.Flush() }

func (s *text) discard() {}
