package replay

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// csvColumns are the columns of fixed fields; any other is the word of an option of the flow format.
func csvColumns() []string {
	return []string{"time", "user", "verb", "ref", "orig_ref", "side", "qty", "symbol", "price", "tif", "display"}
}

// CSV writes the flow of a file of comma-separated values, whose first line names its columns, in any order: time (ns since
// midnight, may be missing), user, verb (enter, cancel, ...), ref, orig_ref (of a replace: the one that is replaced), side, qty
// (of a cancel or modify: the intended size), symbol, price (wire integer), tif, display, and the options of the flow format by
// their words (minqty, postonly, clordid, ...). Numbers and letters are those of the flow format. A verb takes the columns it
// has; an empty option is none. Errors name the row; lines written before stay written.
func (o Import) CSV(r io.Reader, w io.Writer) (Stats, error) {
	m := newImporter(w)
	rows := csv.NewReader(r)
	rows.ReuseRecord = true
	head, err := rows.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return m.end(fmt.Errorf("replay: CSV: %w", err))
	}
	columns := map[string]int{}
	for i, name := range head {
		columns[strings.ToLower(strings.TrimSpace(name))] = i
	}
	for _, name := range []string{"user", "verb", "ref"} {
		if _, there := columns[name]; !there {
			return m.end(fmt.Errorf("replay: CSV: the first line names no column %q", name))
		}
	}
	options := []string{}
	for name := range columns {
		if !slices.Contains(csvColumns(), name) {
			options = append(options, name)
		}
	}
	slices.Sort(options)
	for {
		row, err := rows.Read()
		if err == nil {
			m.stats.Records++
			if err = m.csv(row, columns, options, o.Times); err != nil {
				line, _ := rows.FieldPos(0)
				err = fmt.Errorf("replay: CSV line %d: %w", line, err)
			}
		} else if !errors.Is(err, io.EOF) {
			err = fmt.Errorf("replay: CSV: %w", err)
		}
		if err != nil {
			return m.end(err)
		}
	}
}

// csv writes the line that one row means.
func (m *importer) csv(row []string, columns map[string]int, options []string, times bool) error {
	value := func(name string) string {
		if i, there := columns[name]; there {
			return strings.TrimSpace(row[i])
		}
		return ""
	}
	verb := verbOf([]byte(value("verb")))
	if verb == 0 {
		return fmt.Errorf("column verb: expected enter, cancel, modify, replace, masscancel, disable, enable or query, but it says %q", value("verb"))
	}
	words := []string{value("user"), verb.String()}
	if at := value("time"); at != "" {
		words = slices.Insert(words, 0, "@"+at)
	}
	names := map[rune]string{'r': "ref", 'o': "orig_ref", 's': "side", 'q': "qty", 'y': "symbol", 'p': "price", 't': "tif", 'd': "display"}
	for _, field := range grammar[verb].fields {
		v := value(names[field])
		if v == "" {
			return fmt.Errorf("column %s: %s needs a value", names[field], verb)
		}
		words = append(words, v)
	}
	for _, name := range options {
		if v := value(name); v != "" {
			words = append(words, name+"="+v)
		}
	}
	for _, word := range words {
		if strings.ContainsAny(word, " \t#") {
			return fmt.Errorf("%q holds what the flow format cannot", word)
		}
	}
	if err := m.line.ParseLine(strings.Join(words, " ")); err != nil {
		var wrong *FlowError
		if errors.As(err, &wrong) {
			return fmt.Errorf("expected %s, but it says %q", wrong.Expected, wrong.Got)
		}
		return err
	}
	if !times {
		m.line.Time = 0
	}
	switch verb {
	case Enter:
		m.stats.Enters++
	case Replace:
		m.stats.Replaces++
	default:
		m.stats.Cancels++
	}
	return m.write()
}
