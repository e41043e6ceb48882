package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// entry is one setting as somebody wrote it, wherever that was: a file, the environment, a flag.
type entry struct {
	key   string // dotted: core.wait, instrument.symbol
	block int    // which [[block]] of its name it stands in, from 1; 0: none
	text  string // of the value, without quotes
	float bool   // written as a binary fraction, which is not exact
	file  bool   // it stands in a file, and so a path in it is relative to that
	list  bool   // an array, its values with commas between, or a table, where a single value may be due
	where string // "matcher.toml:12:3", "MATCHER_CORE_WAIT", "--wait"
}

// readTOML returns the settings of a TOML file in its order. name is the file's name in errors. The document is checked in
// full by the decoder first; then its parts are walked, because only they know their places.
func readTOML(name string, data []byte) ([]entry, error) {
	var whole map[string]any
	if err := toml.Unmarshal(data, &whole); err != nil {
		f := &fault{Code: "E4102", What: fmt.Sprintf("%s: %s", name, plainTOML(err)), cause: err}
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, column := at.Position()
			f.What = fmt.Sprintf("%s:%d:%d: %s", name, line, column, plainTOML(err))
			if lines := strings.Split(string(data), "\n"); line <= len(lines) {
				f.Why = "the line is: " + strings.TrimSpace(lines[line-1])
				if strings.HasSuffix(f.What, "at start of value") {
					f.Fix = `words and decimals stand between quotes: key = "value"`
				}
			}
		}
		return nil, f
	}
	w := walk{name: name, blocks: map[string]int{}}
	w.parser.Reset(data)
	table, block := "", 0
	for w.parser.NextExpression() {
		switch x := w.parser.Expression(); x.Kind {
		case unstable.Table:
			table, block = path("", x.Key()), 0
		case unstable.ArrayTable:
			table = path("", x.Key())
			w.blocks[table]++
			block = w.blocks[table]
			w.entries = append(w.entries, entry{key: table, block: block, file: true, list: true, where: w.place(x)})
		case unstable.KeyValue:
			w.value(x, table, block)
		default: // a comment
		}
	}
	if err := w.parser.Error(); err != nil {
		return nil, &fault{Code: "E4102", What: fmt.Sprintf("%s: %s", name, plainTOML(err)), cause: err}
	}
	return w.entries, nil
}

// walk collects the entries of a document.
type walk struct {
	name    string
	parser  unstable.Parser
	blocks  map[string]int // how many [[blocks]] of a name there were
	entries []entry
}

// value adds what one `key = value` sets, and, for an inline table, what each of its keys sets.
func (w *walk) value(x *unstable.Node, table string, block int) {
	e := entry{key: path(table, x.Key()), block: block, file: true, where: w.place(x)}
	v := x.Value()
	switch v.Kind {
	case unstable.InlineTable:
		for it := v.Children(); it.Next(); {
			w.value(it.Node(), e.key, block)
		}
		return
	case unstable.Array:
		e.list = true
		for it := v.Children(); it.Next(); {
			if e.text != "" {
				e.text += ","
			}
			e.text += string(it.Node().Data)
		}
	case unstable.Integer:
		e.text = strings.ReplaceAll(string(v.Data), "_", "")
	case unstable.Float:
		e.float = true
		e.text = string(v.Data)
	default:
		e.text = string(v.Data)
	}
	w.entries = append(w.entries, e)
}

// place names the line and column of a key.
func (w *walk) place(x *unstable.Node) string {
	it := x.Key()
	if !it.Next() {
		return w.name
	}
	at := w.parser.Shape(it.Node().Raw).Start
	return fmt.Sprintf("%s:%d:%d", w.name, at.Line, at.Column)
}

// path joins a table's name and the parts of a dotted key.
func path(table string, key unstable.Iterator) string {
	for key.Next() {
		if table != "" {
			table += "."
		}
		table += string(key.Node().Data)
	}
	return table
}

// plainTOML is the decoder's message without its name in front.
func plainTOML(err error) string { return strings.TrimPrefix(err.Error(), "toml: ") }
