package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"matcher/client/market"
	"matcher/core"
	"matcher/wire/itch"
)

// watchLines prints a line for every change of a book, or for every trade.
type watchLines struct {
	w          *watching
	bids, asks []market.Level
}

// watchedLevel is a level in the words of people.
type watchedLevel struct {
	Price  string `json:"price"`
	Qty    string `json:"qty"`
	Orders int    `json:"orders"`
}

// watchedBook is the best levels of a book behind a message.
type watchedBook struct {
	Seq    uint64         `json:"seq"`
	Symbol string         `json:"symbol"`
	Time   uint64         `json:"time,omitempty"` // ns since midnight
	Bids   []watchedLevel `json:"bids"`
	Asks   []watchedLevel `json:"asks"`
}

// watchedTrade is a trade, or the word that one is broken.
type watchedTrade struct {
	Event   string `json:"event"` // trade, broken
	Seq     uint64 `json:"seq"`
	Symbol  string `json:"symbol"`
	Qty     string `json:"qty,omitempty"`
	Price   string `json:"price,omitempty"`
	Match   uint64 `json:"match"`
	Resting string `json:"resting,omitempty"` // side of the displayed order; none: it was not displayed
	Time    uint64 `json:"time"`
}

func (l *watchLines) begin(m *market.Market, next uint64) error {
	if l.w.what != "book" {
		return nil
	}
	for _, b := range m.Books(nil) {
		if l.wanted(b) {
			if err := l.book(next-1, b, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *watchLines) wanted(b *market.Book) bool {
	return b != nil && (l.w.symbol == "" || l.w.symbol == b.Symbol())
}

func (l *watchLines) event(sequence uint64, e *market.Event) error {
	switch {
	case !l.wanted(e.Book):
		return nil
	case l.w.what == "trades":
		return l.trade(sequence, e)
	case e.OrderRef == 0 || e.Type == itch.TypeTrade:
		return nil // no book has changed
	}
	return l.book(sequence, e.Book, e.Timestamp)
}

func (l *watchLines) book(sequence uint64, b *market.Book, time uint64) error {
	l.bids, l.asks = b.Levels(l.bids[:0], itch.SideBuy, l.w.depth), b.Levels(l.asks[:0], itch.SideSell, l.w.depth)
	in := l.w.scale(b.Symbol())
	if l.w.asJSON {
		return json.NewEncoder(l.w.e.Stdout).Encode(watchedBook{sequence, b.Symbol(), time, levelTexts(in, l.bids), levelTexts(in, l.asks)})
	}
	var line strings.Builder
	fmt.Fprintf(&line, "%d %s", sequence, b.Symbol())
	for _, side := range [...]struct {
		name   string
		levels []market.Level
	}{{" bid", l.bids}, {" ask", l.asks}} {
		line.WriteString(side.name)
		if len(side.levels) == 0 {
			line.WriteString(" -")
		}
		for _, t := range levelTexts(in, side.levels) {
			fmt.Fprintf(&line, " %s x %s (%d)", t.Price, t.Qty, t.Orders)
		}
	}
	_, err := fmt.Fprintln(l.w.e.Stdout, line.String())
	return err
}

func (l *watchLines) trade(sequence uint64, e *market.Event) error {
	in := l.w.scale(e.Book.Symbol())
	t := watchedTrade{Event: "trade", Seq: sequence, Symbol: e.Book.Symbol(), Match: e.MatchNumber, Time: e.Timestamp}
	switch {
	case e.Type == itch.TypeBrokenTrade:
		t.Event = "broken"
	case e.MatchNumber == 0:
		return nil
	default:
		t.Qty, t.Price = lotsText(in, uint64(e.Quantity)), priceText(in, uint64(e.Price))
		if e.Type != itch.TypeTrade {
			t.Resting = sideName(e.Side)
		}
	}
	if l.w.asJSON {
		return json.NewEncoder(l.w.e.Stdout).Encode(t)
	}
	var err error
	switch {
	case t.Event == "broken":
		_, err = fmt.Fprintf(l.w.e.Stdout, "%d %s broken match=%d\n", t.Seq, t.Symbol, t.Match)
	case t.Resting == "":
		_, err = fmt.Fprintf(l.w.e.Stdout, "%d %s trade qty=%s price=%s match=%d resting=hidden\n", t.Seq, t.Symbol, t.Qty, t.Price, t.Match)
	default:
		_, err = fmt.Fprintf(l.w.e.Stdout, "%d %s trade qty=%s price=%s match=%d resting=%s\n", t.Seq, t.Symbol, t.Qty, t.Price, t.Match, t.Resting)
	}
	return err
}

func levelTexts(in *core.Instrument, levels []market.Level) []watchedLevel {
	all := make([]watchedLevel, 0, len(levels))
	for _, l := range levels {
		all = append(all, watchedLevel{priceText(in, uint64(l.Price)), lotsText(in, l.Quantity), l.Orders})
	}
	return all
}

// lotsText is a number of lots as a decimal quantity.
func lotsText(in *core.Instrument, lots uint64) string {
	return decimalText(lots*uint64(in.Lot), in.LotDecimals)
}

// ladder draws a book on a terminal, over what it drew before. Messages change the book from one goroutine, another one draws.
type ladder struct {
	w      *watching
	colour bool

	lock     locked
	book     *market.Book
	books    *market.Market
	sequence uint64
	last     string // trade
	dirty    bool
	drawn    int   // lines
	err      error // of drawing
}

func (l *ladder) begin(m *market.Market, next uint64) error {
	l.lock.do(func() {
		l.books, l.book, l.sequence, l.dirty = m, nil, next-1, true
		for _, b := range m.Books(nil) {
			if l.book == nil && (l.w.symbol == "" || b.Symbol() == l.w.symbol) {
				l.book = b
			}
		}
	})
	return l.err
}

func (l *ladder) event(sequence uint64, e *market.Event) (err error) {
	l.lock.do(func() {
		err = l.err
		if l.book == nil && e.Book != nil && (l.w.symbol == "" || e.Book.Symbol() == l.w.symbol) {
			l.book = e.Book
		}
		if e.Book == nil || e.Book != l.book {
			return
		}
		l.sequence, l.dirty = sequence, true
		if e.MatchNumber != 0 && e.Type != itch.TypeBrokenTrade {
			in := l.w.scale(l.book.Symbol())
			l.last = fmt.Sprintf("last %s x %s", priceText(in, uint64(e.Price)), lotsText(in, uint64(e.Quantity)))
		}
	})
	return err
}

// run draws every so often until what it returns is called, which draws once more.
func (l *ladder) run(every time.Duration) (stop func()) {
	ticker := time.NewTicker(every)
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ticker.C:
				l.lock.do(l.draw)
			case <-end:
				ticker.Stop()
				l.lock.do(l.draw)
				return
			}
		}
	}()
	return func() {
		close(end)
		<-done
	}
}

// draw draws the book if it has changed.
func (l *ladder) draw() {
	if !l.dirty || l.book == nil || l.err != nil {
		return
	}
	l.dirty = false
	lines := l.lines()
	var b strings.Builder
	if l.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", l.drawn)
	}
	for _, line := range lines {
		b.WriteString("\r" + line + "\x1b[K\n")
	}
	l.drawn = len(lines)
	_, l.err = io.WriteString(l.w.e.Stdout, b.String())
}

// lines is the ladder: always as many lines, so that it covers what was drawn before.
func (l *ladder) lines() []string {
	in := l.w.scale(l.book.Symbol())
	bids := levelTexts(in, l.book.Levels(nil, itch.SideBuy, l.w.depth))
	asks := levelTexts(in, l.book.Levels(nil, itch.SideSell, l.w.depth))
	state := map[byte]string{itch.StateTrading: "trading", itch.StateHalted: "halted"}[l.book.State()]
	lines := []string{
		strings.TrimRight(fmt.Sprintf("%s  %s  message %d  %s", l.book.Symbol(), state, l.sequence, l.last), " "),
		fmt.Sprintf("%8s %14s %14s | %-14s %-14s %s", "orders", "quantity", "bid", "ask", "quantity", "orders"),
	}
	at := func(levels []watchedLevel, i int) (string, string, string) {
		if i >= len(levels) {
			return "", "", ""
		}
		return levels[i].Price, levels[i].Qty, fmt.Sprint(levels[i].Orders)
	}
	for i := range l.w.depth {
		price, qty, orders := at(bids, i)
		left := fmt.Sprintf("%8s %14s %14s", orders, qty, price)
		price, qty, orders = at(asks, i)
		right := fmt.Sprintf("%-14s %-14s %s", price, qty, orders)
		if l.colour {
			left, right = "\x1b[32m"+left+"\x1b[0m", "\x1b[31m"+right+"\x1b[0m"
		}
		lines = append(lines, strings.TrimRight(left+" | "+right, " "))
	}
	return lines
}
