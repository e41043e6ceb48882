package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
)

// Stats counts what an importer read and wrote.
type Stats struct {
	Records  uint64 // messages or lines read
	Commands uint64 // lines written: the sum of the next four
	Enters   uint64 // new orders of MAKER
	Cancels  uint64 // of MAKER: in part, or whole
	Replaces uint64 // of MAKER
	Takes    uint64 // executions, as immediate-or-cancel orders of TAKER
	Hidden   uint64 // executions of orders that were never shown: no command
	Unknown  uint64 // records about orders that were not added before: no command
	Other    uint64 // records about no order: no command
}

// String gives the counts as a sentence.
func (s Stats) String() string {
	return fmt.Sprintf("%d records: %d commands (%d enter, %d cancel, %d replace, %d take); "+
		"no command: %d hidden executions, %d of unknown orders, %d other",
		s.Records, s.Commands, s.Enters, s.Cancels, s.Replaces, s.Takes, s.Hidden, s.Unknown, s.Other)
}

// Import says how market data becomes a flow.
type Import struct {
	Times bool // each line says when it happened
}

// importer writes the flow of an imported market. All resting orders are those of one user, MAKER; each execution becomes
// an immediate-or-cancel order of another, TAKER, at the price of the order that was hit. Its memory grows with the orders
// that are live at once, not with the input.
type importer struct {
	w      *bufio.Writer
	stats  Stats
	orders map[uint64]resting // by the source's own number
	maker  uint32             // last UserRefNum of MAKER
	taker  uint32             // last UserRefNum of TAKER
	line   Line
	text   []byte
	time   uint64 // of the record at work, ns since midnight; 0: not to be said
}

// resting is a live order of the source.
type resting struct {
	symbol   [8]byte
	price    uint32
	leaves   uint32
	executed uint32 // of the whole chain of replaces
	ref      uint32 // UserRefNum of MAKER
	side     byte   // B or S
	display  byte
}

// added is a new order as the source tells of it.
type added struct {
	id      uint64
	symbol  [8]byte
	price   uint32
	qty     uint32
	side    byte
	display byte
}

func newImporter(w io.Writer) *importer {
	return &importer{w: bufio.NewWriter(w), orders: make(map[uint64]resting)}
}

var (
	errSide     = errors.New("the side is neither buy nor sell")
	errSymbol   = errors.New("the symbol is not 1 to 8 printable characters")
	errQty      = errors.New("a quantity out of range")
	errPrice    = errors.New("a price out of range")
	errTwice    = errors.New("an order of this number is live already")
	errMore     = errors.New("more than the order has left")
	errTotal    = errors.New("a chain of replaces above 4,294,967,295 in all")
	errRefsUsed = errors.New("more orders than there are UserRefNums")
)

// add writes the Enter of a new order.
func (m *importer) add(a added) error {
	if err := a.check(); err != nil {
		return err
	}
	if _, live := m.orders[a.id]; live {
		return errTwice
	}
	if m.maker == math.MaxUint32 {
		return errRefsUsed
	}
	m.maker++
	m.orders[a.id] = resting{symbol: a.symbol, price: a.price, leaves: a.qty, ref: m.maker, side: a.side, display: a.display}
	m.stats.Enters++
	m.start(Enter, "MAKER ")
	l := &m.line
	l.Ref, l.Side, l.Qty, l.Symbol, l.Price, l.TIF, l.Display = m.maker, a.side, a.qty, a.symbol, uint64(a.price), '0', a.display
	return m.write()
}

func (a *added) check() error {
	switch symbol := trim(a.symbol[:]); {
	case a.side != 'B' && a.side != 'S':
		return errSide
	case !alpha(a.symbol[:], symbol) || symbol[0] == '#':
		return errSymbol
	case a.qty == 0:
		return errQty
	case a.price == 0 || a.price >= marketPrice:
		return errPrice
	}
	return nil
}

// marketPrice and all above it are no limit prices.
const marketPrice = 2_000_000_000

// reduce writes the Cancel that takes n lots off an order, or all with n = 0.
func (m *importer) reduce(id uint64, n uint32) error {
	o, live := m.orders[id]
	if !live {
		m.stats.Unknown++
		return nil
	}
	size := uint32(0) // the intended size: cumulative, what has executed included
	switch {
	case n > o.leaves:
		return errMore
	case n == 0 || n == o.leaves:
		delete(m.orders, id)
	default:
		o.leaves -= n
		m.orders[id] = o
		size = o.executed + o.leaves
	}
	m.stats.Cancels++
	m.start(Cancel, "MAKER ")
	m.line.Ref, m.line.Qty = o.ref, size
	return m.write()
}

// replaced is an order that takes the place of another.
type replaced struct {
	old, id uint64
	price   uint32
	qty     uint32
}

// replace writes the Replace of an order. Its quantity is the total of the chain: what is new and what has executed.
func (m *importer) replace(r replaced) error {
	o, live := m.orders[r.old]
	if !live {
		m.stats.Unknown++
		return nil
	}
	if _, live := m.orders[r.id]; live && r.id != r.old {
		return errTwice
	}
	switch {
	case r.qty == 0:
		return errQty
	case r.qty > math.MaxUint32-o.executed:
		return errTotal
	case r.price == 0 || r.price >= marketPrice:
		return errPrice
	case m.maker == math.MaxUint32:
		return errRefsUsed
	}
	delete(m.orders, r.old)
	m.maker++
	m.start(Replace, "MAKER ")
	l := &m.line
	l.OrigRef, l.Ref, l.Qty, l.Price, l.TIF, l.Display = o.ref, m.maker, o.executed+r.qty, uint64(r.price), '0', o.display
	o.ref, o.price, o.leaves = m.maker, r.price, r.qty
	m.orders[r.id] = o
	m.stats.Replaces++
	return m.write()
}

// execute writes the order of TAKER that hits an order for n lots.
func (m *importer) execute(id uint64, n uint32) error {
	o, live := m.orders[id]
	if !live {
		m.stats.Unknown++
		return nil
	}
	switch {
	case n == 0:
		return errQty
	case n > o.leaves:
		return errMore
	case n > math.MaxUint32-o.executed:
		return errTotal
	case m.taker == math.MaxUint32:
		return errRefsUsed
	}
	o.leaves -= n
	o.executed += n
	m.orders[id] = o
	if o.leaves == 0 {
		delete(m.orders, id)
	}
	m.taker++
	m.stats.Takes++
	m.start(Enter, "TAKER ")
	l := &m.line
	l.Ref, l.Side, l.Qty, l.Symbol, l.Price, l.TIF, l.Display = m.taker, 'B'+'S'-o.side, n, o.symbol, uint64(o.price), '3', 'Y'
	return m.write()
}

func (m *importer) start(v Verb, user string) {
	m.line = Line{Verb: v, User: [6]byte([]byte(user)), Time: m.time}
	m.line.defaults()
}

func (m *importer) write() error {
	m.stats.Commands++
	m.text = m.line.Append(m.text[:0])
	if _, err := m.w.Write(m.text); err != nil {
		return fmt.Errorf("write flow: %w", err)
	}
	return nil
}

// end returns the counts, and err unless it is io.EOF.
func (m *importer) end(err error) (Stats, error) {
	if err != io.EOF {
		_ = m.w.Flush() // what was understood; the input's error is the one to tell
		return m.stats, err
	}
	if err := m.w.Flush(); err != nil {
		return m.stats, fmt.Errorf("replay: write flow: %w", err)
	}
	return m.stats, nil
}
