package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Verb is what a line of a flow asks for: one client message of OUCH 5.0.
type Verb uint8

// The verbs, in the words of the text.
const (
	Enter Verb = iota + 1
	Cancel
	Modify
	Replace
	MassCancel
	Disable
	Enable
	Query
)

// grammar says which fields follow the word of a verb. The order of the fields is their order in the text.
var grammar = [...]struct {
	word   string
	fields string // one letter per field, see Line.set
}{
	Enter:      {"enter", "rsqyptd"},
	Cancel:     {"cancel", "rq"},
	Modify:     {"modify", "rsq"},
	Replace:    {"replace", "orqptd"},
	MassCancel: {"masscancel", "r"},
	Disable:    {"disable", "r"},
	Enable:     {"enable", "r"},
	Query:      {"query", ""},
}

// String returns the word of the verb.
func (v Verb) String() string {
	if v < Enter || v > Query {
		return "verb " + strconv.Itoa(int(v))
	}
	return grammar[v].word
}

// Line is one line of a flow. Letters are those of OUCH 5.0 and are not judged here: the venue answers a wrong one.
// Fields that the verb does not have are zero.
type Line struct {
	Verb    Verb
	User    [6]byte // space padded, upper case; 1 to 6 letters and digits
	Side    byte    // B S T E
	TIF     byte    // 0 day, 1 GTC, 3 IOC, 4 FOK, 6 GTT
	Display byte    // Y visible, N hidden, A attributable
	Ref     uint32  // UserRefNum: the new one of a Replace
	OrigRef uint32  // UserRefNum that a Replace replaces
	Qty     uint32  // Enter: lots; Cancel, Modify: intended size; Replace: total of the chain; executed lots included
	Price   uint64  // wire integer; 2,000,000,000 and above: at market
	Time    uint64  // ns since midnight at which it reaches the venue, 0: not said
	Symbol  [8]byte // space padded; MassCancel: spaces are all

	Capacity byte     // Enter; `P` unless given
	Cross    byte     // Enter; `N` unless given
	Sweep    byte     // Enter, Replace; `N` unless given
	ClOrdID  [14]byte // Enter, Replace; space padded
	Firm     [4]byte  // MassCancel, Disable, Enable; spaces are the account's own

	// Options are the optional fields that were given, in ascending order of tag, each tag once.
	Options []Option

	given uint8 // while a line is read: which of the optional fixed fields it has given
}

// FlowError says what is wrong with a line of a flow.
type FlowError struct {
	Line, Column int    // from 1; columns count bytes
	Expected     string // what should stand there
	Got          string // what stands there; empty: the line ends
}

// Error names the place, what was expected and what is there.
func (e *FlowError) Error() string {
	got := "the line ends"
	if e.Got != "" {
		got = "it says " + strconv.Quote(e.Got)
	}
	return fmt.Sprintf("replay: flow line %d, column %d: expected %s, but %s", e.Line, e.Column, e.Expected, got)
}

// maxLine bounds a line of a flow, its end included.
const maxLine = 4096

// Flow reads a flow line by line. Its memory does not grow with the input.
type Flow struct {
	r      *bufio.Reader
	line   Line
	number int
}

// NewFlow returns a reader of the flow in r.
func NewFlow(r io.Reader) *Flow {
	return &Flow{r: bufio.NewReaderSize(r, maxLine)}
}

// Number returns the number of the line that Next returned last, from 1, comments and empty lines included.
func (f *Flow) Number() int { return f.number }

// Next returns the next line that asks for something; it is valid until the next call. The error is io.EOF at the end, a
// *FlowError for a line that is not of the format, or the reader's own, wrapped; reading does not go on behind one.
func (f *Flow) Next() (*Line, error) {
	for {
		text, err := f.r.ReadSlice('\n')
		if len(text) == 0 && err == io.EOF {
			return nil, io.EOF
		}
		f.number++
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, &FlowError{f.number, maxLine, "a line of at most 4095 bytes", "more"}
		case err != nil && err != io.EOF:
			return nil, fmt.Errorf("replay: flow line %d: %w", f.number, err)
		}
		s := scanner{text: chomp(text), line: f.number}
		if s.next(); len(s.token) == 0 {
			continue
		}
		if err := f.line.parse(&s); err != nil {
			return nil, err
		}
		return &f.line, nil
	}
}

// ParseLine makes l the line that text holds, without its end. The error is a *FlowError; an empty line is one too.
func (l *Line) ParseLine(text string) error {
	s := scanner{text: []byte(text), line: 1}
	s.next()
	return l.parse(&s)
}

// parse reads a line whose first token the scanner stands on.
func (l *Line) parse(s *scanner) error {
	*l = Line{Options: l.Options[:0]}
	if len(s.token) > 0 && s.token[0] == '@' {
		if !number(&l.Time, s.token[1:]) {
			return s.expected("@ and a time in ns since midnight")
		}
		s.next()
	}
	if !name(l.User[:], s.token) {
		return s.expected("a user of 1 to 6 letters and digits")
	}
	s.next()
	if l.Verb = verbOf(s.token); l.Verb == 0 {
		return s.expected("enter, cancel, modify, replace, masscancel, disable, enable or query")
	}
	l.defaults()
	for _, field := range []byte(grammar[l.Verb].fields) {
		s.next()
		if what := l.set(field, s.token); what != "" {
			return s.expected(what)
		}
	}
	for s.next(); len(s.token) > 0; s.next() {
		if what := l.setOption(s.token); what != "" {
			return s.expected(what)
		}
	}
	return nil
}

// defaults fills in what a verb has and a line may leave away.
func (l *Line) defaults() {
	blank(l.Symbol[:])
	blank(l.ClOrdID[:])
	blank(l.Firm[:])
	if l.Verb == Enter {
		l.Capacity, l.Cross = 'P', 'N'
	}
	if l.Verb == Enter || l.Verb == Replace {
		l.Sweep = 'N'
	}
}

func verbOf(token []byte) Verb {
	for v := Enter; v <= Query; v++ {
		if string(token) == grammar[v].word {
			return v
		}
	}
	return 0
}

// set sets one positional field. It returns what was expected if the token is not that.
func (l *Line) set(field byte, token []byte) string {
	ok, what := false, ""
	switch field {
	case 'r':
		ok, what = number(&l.Ref, token), "a UserRefNum (0 to 4294967295)"
	case 'o':
		ok, what = number(&l.OrigRef, token), "the UserRefNum to replace (0 to 4294967295)"
	case 'q':
		ok, what = number(&l.Qty, token), "a quantity in lots (0 to 4294967295)"
	case 'p':
		ok, what = number(&l.Price, token), "a price as a wire integer"
	case 's':
		ok, what = letter(&l.Side, token), "one letter for the side: B, S, T or E"
	case 't':
		ok, what = letter(&l.TIF, token), "one letter for the time in force: 0, 1, 3, 4 or 6"
	case 'd':
		ok, what = letter(&l.Display, token), "one letter for the display: Y, N or A"
	case 'y':
		ok, what = alpha(l.Symbol[:], token), "a symbol of 1 to 8 printable characters"
	}
	if ok {
		return ""
	}
	return what
}

// Append appends the line as text, its end included. Reading it gives an equal line, provided that User, Symbol, ClOrdID
// and alphabetic options hold printable characters with spaces behind them only.
func (l *Line) Append(dst []byte) []byte {
	if l.Time != 0 {
		dst = append(strconv.AppendUint(append(dst, '@'), l.Time, 10), ' ')
	}
	dst = append(dst, trim(l.User[:])...)
	dst = append(dst, ' ')
	dst = append(dst, l.Verb.String()...)
	for _, field := range []byte(grammar[l.Verb].fields) {
		dst = append(dst, ' ')
		switch field {
		case 'r':
			dst = strconv.AppendUint(dst, uint64(l.Ref), 10)
		case 'o':
			dst = strconv.AppendUint(dst, uint64(l.OrigRef), 10)
		case 'q':
			dst = strconv.AppendUint(dst, uint64(l.Qty), 10)
		case 'p':
			dst = strconv.AppendUint(dst, l.Price, 10)
		case 's':
			dst = append(dst, l.Side)
		case 't':
			dst = append(dst, l.TIF)
		case 'd':
			dst = append(dst, l.Display)
		case 'y':
			dst = append(dst, trim(l.Symbol[:])...)
		}
	}
	return append(l.appendOptions(dst), '\n')
}
