package replay

import (
	"matcher/book"
	"matcher/engine"
	"matcher/replay/npy"
)

// Series makes rows of what one instrument shows, command by command.
type Series interface {
	Table() *npy.Table
	// Add looks at the instrument after a command and its events.
	Add(e *engine.Engine, instrument uint16, cmd *engine.Command, events []engine.Event) error
	// End writes what is not complete.
	End() error
}

// Changes has a row for every level among the best of a side that is not what it was: lots and orders now, 0 if it is gone or
// is no longer among the best.
type Changes struct {
	depth                                  int
	was, now                               [2][]engine.Level
	table                                  *npy.Table
	seq, time, side, price, lots, ordersOf *npy.Column
}

// NewChanges looks at the best levels of each side.
func NewChanges(depth int) *Changes {
	c := &Changes{
		depth: depth, seq: column("seq", "<u8"), time: column("time", "<u8"), side: column("side", "|S1"), price: column("price", "<u8"),
		lots: column("lots", "<u8"), ordersOf: column("orders", "<u4"),
	}
	c.table = npy.New(c.seq, c.time, c.side, c.price, c.lots, c.ordersOf)
	return c
}

func (c *Changes) Table() *npy.Table { return c.table }
func (c *Changes) End() error        { return nil }

// Add compares both sides with what they were.
func (c *Changes) Add(e *engine.Engine, instrument uint16, cmd *engine.Command, _ []engine.Event) error {
	for _, side := range [...]book.Side{book.Buy, book.Sell} {
		c.now[side] = e.Depth(c.now[side][:0], instrument, side, c.depth)
		was, now := c.was[side], c.now[side]
		for len(was) > 0 || len(now) > 0 { // merge by rank
			switch {
			case len(was) > 0 && len(now) > 0 && was[0].Price == now[0].Price:
				if was[0] != now[0] {
					if err := c.row(cmd, side, now[0]); err != nil {
						return err
					}
				}
				was, now = was[1:], now[1:]
			case len(now) == 0 || len(was) > 0 && (was[0].Price > now[0].Price) == (side == book.Buy):
				if err := c.row(cmd, side, engine.Level{Price: was[0].Price}); err != nil {
					return err
				}
				was = was[1:]
			default:
				if err := c.row(cmd, side, now[0]); err != nil {
					return err
				}
				now = now[1:]
			}
		}
		c.was[side], c.now[side] = c.now[side], c.was[side]
	}
	return nil
}

func (c *Changes) row(cmd *engine.Command, side book.Side, l engine.Level) error {
	c.seq.U64(cmd.Seq)
	c.time.U64(cmd.Time)
	c.side.U8("BS"[side])
	c.price.U64(l.Price)
	c.lots.U64(l.Qty)
	c.ordersOf.U32(uint32(l.Orders))
	return c.table.Next()
}

// BBO has a row whenever the best displayed bid or ask, or what is shown there, has changed; 0 where a side is empty.
type BBO struct {
	was, now                           [2]engine.Level
	levels                             []engine.Level
	table                              *npy.Table
	seq, time, bid, bidLots, ask, lots *npy.Column
}

// NewBBO returns an empty series.
func NewBBO() *BBO {
	b := &BBO{
		seq: column("seq", "<u8"), time: column("time", "<u8"), bid: column("bid", "<u8"), bidLots: column("bid_lots", "<u8"),
		ask: column("ask", "<u8"), lots: column("ask_lots", "<u8"),
	}
	b.table = npy.New(b.seq, b.time, b.bid, b.bidLots, b.ask, b.lots)
	return b
}

func (b *BBO) Table() *npy.Table { return b.table }
func (b *BBO) End() error        { return nil }

// look returns the best levels of both sides.
func look(e *engine.Engine, instrument uint16, levels *[]engine.Level) (best [2]engine.Level) {
	for _, side := range [...]book.Side{book.Buy, book.Sell} {
		if *levels = e.Depth((*levels)[:0], instrument, side, 1); len(*levels) > 0 {
			best[side] = (*levels)[0]
		}
	}
	return best
}

// Add writes a row if the touch has changed.
func (b *BBO) Add(e *engine.Engine, instrument uint16, cmd *engine.Command, _ []engine.Event) error {
	b.now = look(e, instrument, &b.levels)
	b.now[0].Orders, b.now[1].Orders = 0, 0
	if b.now == b.was {
		return nil
	}
	b.was = b.now
	b.seq.U64(cmd.Seq)
	b.time.U64(cmd.Time)
	b.bid.U64(b.now[book.Buy].Price)
	b.bidLots.U64(b.now[book.Buy].Qty)
	b.ask.U64(b.now[book.Sell].Price)
	b.lots.U64(b.now[book.Sell].Qty)
	return b.table.Next()
}

// Bars has a row for each span of time in which there were trades: its beginning (a multiple of the span since 1970), first,
// highest, lowest and last price, lots, trades, notional (the sum of price times lots, wire units), and the touch at its end.
type Bars struct {
	span                                                uint64
	start, open, high, low, close, lots, count, nominal uint64
	touch                                               [2]engine.Level
	levels                                              []engine.Level
	table                                               *npy.Table
	columns                                             []*npy.Column
}

// NewBars makes bars of a span in ns.
func NewBars(span uint64) *Bars {
	b := &Bars{span: span}
	for _, name := range []string{"start", "open", "high", "low", "close", "lots", "trades", "notional", "bid", "ask"} {
		b.columns = append(b.columns, column(name, "<u8"))
	}
	b.table = npy.New(b.columns...)
	return b
}

func (b *Bars) Table() *npy.Table { return b.table }

// Add takes the trades of a command. A bar ends with the first command behind it.
func (b *Bars) Add(e *engine.Engine, instrument uint16, cmd *engine.Command, events []engine.Event) error {
	if start := cmd.Time - cmd.Time%b.span; start != b.start {
		if err := b.End(); err != nil {
			return err
		}
		b.start = start
	}
	for i := range events {
		ev := &events[i]
		if ev.Kind != 'E' || ev.Flags&engine.EventTaker == 0 || ev.Instrument != instrument {
			continue
		}
		if b.count == 0 {
			b.open, b.high, b.low = ev.Price, ev.Price, ev.Price
		}
		b.high, b.low, b.close = max(b.high, ev.Price), min(b.low, ev.Price), ev.Price
		b.count++
		b.lots += uint64(ev.Qty)
		b.nominal += uint64(ev.Qty) * ev.Price
	}
	b.touch = look(e, instrument, &b.levels)
	return nil
}

// End writes the bar at work, if there were trades in it.
func (b *Bars) End() error {
	if b.count == 0 {
		return nil
	}
	for i, v := range [...]uint64{b.start, b.open, b.high, b.low, b.close, b.lots, b.count, b.nominal, b.touch[book.Buy].Price, b.touch[book.Sell].Price} {
		b.columns[i].U64(v)
	}
	b.count, b.lots, b.nominal = 0, 0, 0
	return b.table.Next()
}
