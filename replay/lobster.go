package replay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Types of a line of a LOBSTER message file.
const (
	lobsterNew     = "1"
	lobsterReduced = "2"
	lobsterDeleted = "3"
	lobsterVisible = "4" // execution of a displayed order
	lobsterHidden  = "5" // execution of a hidden order
	lobsterCross   = "6"
	lobsterHalt    = "7"
)

var (
	errColumns  = errors.New("not six columns: time, type, order id, size, price, direction")
	errType     = errors.New("the type is none of 1 to 7")
	errTime     = errors.New("the time is no number of seconds")
	errID       = errors.New("the order id is no number")
	errLongLine = errors.New("a line above 4095 bytes")
)

// LOBSTER writes the flow of a LOBSTER message file (comma-separated: time, type, order id, size, price x 10,000,
// direction 1 or -1) for one instrument, which the file does not name. Orders that were live before the file begins are
// not known: what the file says of them is counted and left out. So are executions of hidden orders, crosses and halts.
// Errors name the line; lines written before stay written.
func (o Import) LOBSTER(r io.Reader, w io.Writer, symbol string) (Stats, error) {
	m := newImporter(w)
	a := added{display: 'Y'}
	if !alpha(a.symbol[:], []byte(symbol)) || symbol[0] == '#' {
		return m.stats, fmt.Errorf("replay: %w", errSymbol)
	}
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		text, err := lines.ReadSlice('\n')
		if err == io.EOF && len(text) == 0 {
			return m.end(err)
		}
		m.stats.Records++
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			err = errLongLine
		case err == nil || err == io.EOF: // a last line may have no end
			err = m.lobster(chomp(text), a, o.Times)
		}
		if err != nil {
			return m.end(fmt.Errorf("replay: LOBSTER line %d: %w", m.stats.Records, err))
		}
	}
}

// lobster writes what one line means.
func (m *importer) lobster(text []byte, a added, times bool) error {
	var column [6][]byte
	for i := range column {
		rest, found := []byte(nil), false
		column[i], rest, found = bytes.Cut(text, []byte{','})
		if found != (i < len(column)-1) {
			return errColumns
		}
		text = rest
	}
	if m.time = 0; times && !seconds(&m.time, column[0]) {
		return errTime
	}
	kind, direction := string(column[1]), string(column[5])
	switch kind {
	case lobsterHidden:
		m.stats.Hidden++
		return nil
	case lobsterCross, lobsterHalt:
		m.stats.Other++
		return nil
	}
	switch {
	case !number(&a.id, column[2]):
		return errID
	case !number(&a.qty, column[3]) || a.qty == 0:
		return errQty
	case !number(&a.price, column[4]):
		return errPrice
	case direction == "1":
		a.side = 'B'
	case direction == "-1":
		a.side = 'S'
	default:
		return errSide
	}
	switch kind {
	case lobsterNew:
		return m.add(a)
	case lobsterReduced:
		return m.reduce(a.id, a.qty)
	case lobsterDeleted:
		return m.reduce(a.id, 0)
	case lobsterVisible:
		return m.execute(a.id, a.qty)
	}
	return errType
}

// seconds reads seconds as nanoseconds; what is below them, as files have where somebody counted in floating point, is cut.
func seconds(v *uint64, text []byte) bool {
	whole, fraction, _ := bytes.Cut(text, []byte{'.'})
	var s, ns uint64
	if !number(&s, whole) || s > 1<<32 || len(fraction) > 0 && !number(&ns, fraction) {
		return false
	}
	for range len(fraction) - 9 {
		ns /= 10
	}
	for range 9 - len(fraction) {
		ns *= 10
	}
	*v = s*1e9 + ns
	return true
}
