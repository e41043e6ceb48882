package replay

import (
	"bufio"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"matcher/book"
	"matcher/replay/npy"
	"matcher/wire/itch"
)

// tick is one change of the displayed book of one instrument, or an execution: what every format of market data tells.
type tick struct {
	time  uint64 // ns since midnight
	what  byte   // + added, - removed, ~ reduced, E executed, P executed hidden, H halted, T trading again
	id    uint64 // of the order, 0: P, H, T
	qty   uint32 // added, taken off or executed
	price uint64 // of the order; P: of the execution
	side  byte   // B S: of the resting order
}

// tape turns the messages of an ITCH 5.0 session into the ticks of one instrument, with the book as it is after each. A
// session that begins begins with an empty book.
type tape struct {
	symbol   string
	orders   func() int // how many may be live at once; asked at the first message
	book     *Rebuild   // nil before it
	sessions int        // that have begun
	tell     func(tick) error
}

// nothing is an empty file.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }

var errUnknown = errors.New("an order that was not added before")

// message tells the ticks of one message.
func (t *tape) message(msg []byte) (err error) {
	if t.book == nil {
		if t.book, err = RebuildITCH(nothing{}, RebuildConfig{Symbol: t.symbol, MaxOrders: t.orders()}); err != nil {
			return err
		}
	}
	b := t.book
	var o itchOrder
	about, err := o.decode(msg)
	if err != nil {
		return err
	}
	var head itch.SystemEvent
	switch {
	case o.kind == itch.TypeSystemEvent:
		if err := head.Decode(msg); err == nil && head.Event == itch.EventStartOfMessages {
			b.clear()
			t.sessions++
		}
		return nil
	case !about:
		return t.other(&o, msg)
	}
	k := tick{time: stamp(msg), id: o.id, qty: o.qty, what: '+', price: uint64(o.price), side: o.side}
	slot, live := b.slots[o.id]
	if o.kind != itch.TypeAddOrder && o.kind != itch.TypeAddOrderMPID {
		switch {
		case !live && o.locate != b.locate:
			return nil
		case !live:
			return errUnknown
		}
		k.side, k.price = [...]byte{'B', 'S'}[b.orders.Side(slot)], uint64(b.orders.Price(slot))
		left := uint32(b.orders.Leaves(slot))
		switch o.kind {
		case itch.TypeOrderDelete, itch.TypeOrderReplace:
			k.what, k.qty = '-', left
		case itch.TypeOrderCancel:
			k.what = '~'
			if k.qty == left {
				k.what = '-'
			}
		default:
			k.what = 'E'
		}
		if o.kind == itch.TypeOrderReplace { // two ticks: the old one is gone, then the new one is there
			added := itchOrder{kind: itch.TypeAddOrder, locate: o.locate, symbol: b.symbol, side: k.side, id: o.newID, qty: o.qty, price: o.price}
			b.remove(o.id, slot)
			if err := t.tell(k); err != nil {
				return err
			}
			if _, err := b.add(&added); err != nil {
				return err
			}
			return t.tell(tick{time: k.time, what: '+', id: added.id, qty: added.qty, price: uint64(added.price), side: added.side})
		}
	}
	if mine, err := b.apply(&o, true); err != nil || !mine {
		return err
	}
	return t.tell(k)
}

// other tells what is about no displayed order: hidden executions and halts.
func (t *tape) other(o *itchOrder, msg []byte) error {
	if _, err := t.book.apply(o, false); err != nil { // learns the number of the symbol
		return err
	}
	if o.locate == 0 || o.locate != t.book.locate {
		return nil
	}
	switch o.kind {
	case itch.TypeTrade:
		var m itch.Trade
		if err := m.Decode(msg); err != nil {
			return err
		}
		return t.tell(tick{time: stamp(msg), what: 'P', qty: m.Quantity, price: uint64(m.Price), side: m.Side})
	case itch.TypeTradingAction:
		var m itch.TradingAction
		if err := m.Decode(msg); err != nil {
			return err
		}
		return t.tell(tick{time: stamp(msg), what: m.State})
	}
	return nil
}

// stamp is the time of a message: six bytes.
func stamp(msg []byte) uint64 {
	t := uint64(0)
	for _, c := range msg[5:11] {
		t = t<<8 | uint64(c)
	}
	return t
}

// LOBSTER writes a session of ITCH 5.0 as LOBSTER has it: a message file (time, type, order id, size, price, direction; type 1
// added, 2 reduced, 3 deleted, 4 executed, 5 executed hidden, 7 halted or trading again) and beside it, line by line, the book
// after each message (ask price, ask size, bid price, bid size, level by level; 9999999999 or -9999999999 and 0 where there
// is no level). A Replace is a deletion and an addition: the format has no word for it. Of a hidden execution the feed does
// not tell whose side rested, so its direction is always 1.
type LOBSTER struct {
	tape            *tape
	messages, books *bufio.Writer // books may be nil
	depth           int
	line            []byte
	bids, asks      []book.Level
	trading         bool
	Lines           uint64
}

// NewLOBSTER returns a writer for one instrument. Orders says how many may be live at once. A nil books writes no books.
func NewLOBSTER(messages, books io.Writer, symbol string, depth int, orders func() int) *LOBSTER {
	l := &LOBSTER{messages: bufio.NewWriter(messages), depth: depth, trading: true}
	if books != nil {
		l.books = bufio.NewWriter(books)
	}
	l.tape = &tape{symbol: symbol, orders: orders, tell: l.tick}
	return l
}

// Message writes what one message means, which stands without its length.
func (l *LOBSTER) Message(msg []byte) error { return l.tape.message(msg) }

// Flush writes what is buffered.
func (l *LOBSTER) Flush() error {
	err := l.messages.Flush()
	if l.books != nil {
		err = errors.Join(err, l.books.Flush())
	}
	return err
}

func (l *LOBSTER) tick(k tick) error {
	kind, price, direction := byte(0), int64(k.price), "1"
	if k.side == 'S' {
		direction = "-1"
	}
	switch k.what {
	case '+':
		kind = '1'
	case '~':
		kind = '2'
	case '-':
		kind = '3'
	case 'E':
		kind = '4'
	case 'P':
		kind = '5'
	case itch.StateHalted, itch.StateTrading:
		if halted := k.what == itch.StateHalted; halted == !l.trading {
			return nil // as it was: the state that a session begins with
		}
		l.trading = !l.trading
		kind, direction, price = '7', "-1", 1
		if !l.trading {
			price = -1
		}
	default:
		return nil
	}
	l.Lines++
	l.line = append(strconv.AppendUint(l.line[:0], k.time/1e9, 10), '.')
	at := len(l.line)
	l.line = strconv.AppendUint(l.line, 1e9+k.time%1e9, 10) // a 1 in front keeps the zeros, and goes
	l.line = append(l.line[:at], l.line[at+1:]...)
	l.line = append(l.line, ',', kind, ',')
	l.line = append(strconv.AppendUint(l.line, k.id, 10), ',')
	l.line = append(strconv.AppendUint(l.line, uint64(k.qty), 10), ',')
	l.line = append(strconv.AppendInt(l.line, price, 10), ',')
	l.line = append(append(l.line, direction...), '\n')
	if _, err := l.messages.Write(l.line); err != nil || l.books == nil {
		return err
	}
	b := l.tape.book.book
	l.bids, l.asks = b.Depth(l.bids[:0], book.Buy, l.depth), b.Depth(l.asks[:0], book.Sell, l.depth)
	l.line = l.line[:0]
	for i := range l.depth {
		l.line = appendLevel(l.line, l.asks, i, "9999999999,0,")
		l.line = appendLevel(l.line, l.bids, i, "-9999999999,0,")
	}
	l.line[len(l.line)-1] = '\n'
	_, err := l.books.Write(l.line)
	return err
}

func appendLevel(dst []byte, levels []book.Level, i int, none string) []byte {
	if i >= len(levels) {
		return append(dst, none...)
	}
	dst = append(strconv.AppendUint(dst, uint64(levels[i].Price), 10), ',')
	return append(strconv.AppendUint(dst, levels[i].Qty, 10), ',')
}

// HFT writes a session of ITCH 5.0 as the array of events that hftbacktest reads (its event_dtype): a depth event with what a
// price has left whenever that changes, a trade event for each execution with the side of the aggressor. The timestamps of
// exchange and receiver are equal. Price and quantity are floating point there, in units of the instrument: the only place
// where this program makes them so. Loaded into hftbacktest 2.4.4 on 2026-11-26: the book of a backtest had the best prices and
// quantities of the venue after every turn, and all its trades.
type HFT struct {
	Table *npy.Table
	// Quiet keeps what happens out of the table. When it ends, the book as it is comes first.
	Quiet                                           bool
	began                                           bool // rows have been written since the last quiet
	tape                                            *tape
	levels                                          map[uint64]uint64 // price<<1 | side: lots
	scale                                           func() HFTScale
	scaled                                          bool // since the session began
	now                                             HFTScale
	ev, exch, local, px, qty, order, integer, float *npy.Column
}

// HFTScale is what integers count in a session.
type HFTScale struct {
	Midnight    uint64  // ns since 1970: what timestamps of messages count from
	Price       float64 // wire units in a unit of price
	Lot, Shares float64 // a lot is Lot / Shares
}

// Numbers of hftbacktest's event_dtype.
const (
	hftDepth    uint64 = 1
	hftTrade    uint64 = 2
	hftClear    uint64 = 3
	hftSnapshot uint64 = 4
	hftBoth     uint64 = 1<<31 | 1<<30 // seen by exchange and receiver
	hftBuy      uint64 = 1 << 29
	hftSell     uint64 = 1 << 28
)

// NewHFT returns an empty table of events.
func NewHFT(symbol string, orders func() int, scale func() HFTScale) *HFT {
	h := &HFT{
		levels: map[uint64]uint64{}, scale: scale,
		ev: column("ev", "<u8"), exch: column("exch_ts", "<i8"), local: column("local_ts", "<i8"), px: column("px", "<f8"), qty: column("qty", "<f8"),
		order: column("order_id", "<u8"), integer: column("ival", "<i8"), float: column("fval", "<f8"),
	}
	h.Table = npy.New(h.ev, h.exch, h.local, h.px, h.qty, h.order, h.integer, h.float)
	h.tape = &tape{symbol: symbol, orders: orders, tell: h.tick}
	return h
}

// Message makes rows of one message, which stands without its length.
func (h *HFT) Message(msg []byte) error {
	was := h.tape.sessions
	if h.Quiet {
		h.began = false
	} else if !h.began {
		h.began = true
		for _, at := range slices.Sorted(maps.Keys(h.levels)) {
			if err := h.row(hftSnapshot|hftBoth|[...]uint64{hftBuy, hftSell}[at&1], stamp(msg), at>>1, h.levels[at]); err != nil {
				return err
			}
		}
	}
	if err := h.tape.message(msg); err != nil || h.tape.sessions == was {
		return err
	}
	clear(h.levels) // a session begins anew
	h.scaled = false
	return h.row(hftClear|hftBoth, stamp(msg), 0, 0)
}

func (h *HFT) tick(k tick) error {
	side, against, bit := hftBuy, hftSell, uint64(0)
	if k.side == 'S' {
		side, against, bit = hftSell, hftBuy, 1
	}
	at := k.price<<1 | bit
	switch k.what {
	case '+':
		h.levels[at] += uint64(k.qty)
	case '-', '~', 'E':
		if h.levels[at] -= uint64(k.qty); h.levels[at] == 0 {
			delete(h.levels, at)
		}
	}
	if k.what == 'E' || k.what == 'P' {
		if err := h.row(hftTrade|hftBoth|against, k.time, k.price, uint64(k.qty)); err != nil || k.what == 'P' {
			return err
		}
	} else if k.what != '+' && k.what != '-' && k.what != '~' {
		return nil
	}
	return h.row(hftDepth|hftBoth|side, k.time, k.price, h.levels[at])
}

func (h *HFT) row(ev, time, price, lots uint64) error {
	if h.Quiet {
		return nil
	}
	if !h.scaled { // what comes behind the clearing is of an instrument that is defined
		h.now, h.scaled = h.scale(), ev != hftClear|hftBoth
	}
	scale := &h.now
	time += scale.Midnight
	h.ev.U64(ev)
	h.exch.U64(time)
	h.local.U64(time)
	h.px.U64(math.Float64bits(float64(price) / scale.Price))
	h.qty.U64(math.Float64bits(float64(lots) * scale.Lot / scale.Shares))
	h.order.U64(0)
	h.integer.U64(0)
	h.float.U64(0)
	return h.Table.Next()
}
