package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"time"

	"github.com/spf13/pflag"

	"matcher/core"
)

// watching is everything that the flags of watch say.
type watching struct {
	e      *env
	fs     *pflag.FlagSet
	login  login // of the order entry port where own orders are followed, else its user and key alone
	what   string
	symbol string // empty: all

	itch, feed, requests, device, glimpse, reference, dropcopy string

	from                uint64
	depth               int
	decimals            uint8
	keyFile, configFile string
	asJSON, plain       bool
	scales              map[string]*core.Instrument // by symbol
}

// watchVerb follows the public feed, or the orders of one user.
func watchVerb(ctx context.Context, e *env, args []string) error {
	w := &watching{e: e, fs: newFlags("watch"), scales: map[string]*core.Instrument{}}
	w.flags()
	words, err := parseWord(w.fs, args)
	if err != nil {
		return err
	}
	w.what = words[0]
	if len(words) == 2 {
		w.symbol = words[1]
	}
	if err := w.prepare(); err != nil {
		return err
	}
	if w.what == "orders" {
		err = w.orders(ctx)
	} else {
		w.findScales(ctx)
		err = w.public(ctx)
	}
	if ctx.Err() != nil {
		return nil // a watcher is ended by a signal
	}
	return err
}

func (w *watching) flags() {
	fs := w.fs
	fs.StringVarP(&w.configFile, "config", "c", "", "a configuration: its addresses, scales and symbols are used")
	fs.StringVar(&w.login.user, "user", "", "who watches: any user of the venue. book and trades by --feed need none")
	fs.StringVar(&w.keyFile, "key-file", "", "file with the user's key, - for standard input (default: $MATCHER_KEY)")
	fs.StringVar(&w.itch, "itch", "127.0.0.1:9012", "address of the feed over SoupBinTCP")
	fs.StringVar(&w.feed, "feed", "", "receive the feed's datagrams at this address, or from this multicast group, instead")
	fs.StringVar(&w.device, "device", "", "network interface on which the group of --feed is joined")
	fs.StringVar(&w.requests, "requests", "127.0.0.1:9011", "address of the request server, for what --feed misses; \"\": none")
	fs.StringVar(&w.glimpse, "glimpse", "127.0.0.1:9013", "address of the snapshots to begin with; \"\": begin with message 1")
	fs.StringVar(&w.reference, "reference", "127.0.0.1:9015", "address of the instruments' scales; \"\": none")
	fs.StringVar(&w.login.addr, "to", "127.0.0.1:9001", "orders: address of order entry. The user's own session is followed, and taken over from\na program that is logged in as the same user")
	fs.StringVar(&w.dropcopy, "dropcopy", "", "orders: follow the drop copy of a firm at this address instead")
	fs.Uint64Var(&w.from, "from-seq", 0, "print from this message number on; 0: from now on")
	fs.IntVar(&w.depth, "depth", 10, "levels of a book, each side, 1 to 1000")
	fs.Uint8Var(&w.decimals, "decimals", 4, "decimals of prices where nothing else says")
	fs.DurationVar(&w.login.patience, "timeout", 10*time.Second, "how long to wait for a login")
	fs.BoolVar(&w.plain, "plain", false, "lines, on a terminal too")
	fs.BoolVar(&w.asJSON, "json", false, "print objects, one a line")
}

// prepare checks what the flags say and completes it from the configuration.
func (w *watching) prepare() (err error) {
	if err := cmp.Or(within("decimals", w.decimals, 0, 9), within("depth", w.depth, 1, 1000), checkPatience(w.login.patience)); err != nil {
		return err
	}
	if w.symbol != "" {
		if err := checkSymbol(w.symbol); err != nil {
			return err
		}
	}
	if w.dropcopy != "" && w.symbol != "" {
		return &fault{Code: "E4003", What: "a drop copy cannot be watched by symbol", Why: "executions name an order, and orders are not in it", Fix: "matcher watch orders --dropcopy " + w.dropcopy}
	}
	for _, a := range []struct {
		flag, addr string
		may        bool // be empty
	}{
		{"to", w.login.addr, false},
		{"itch", w.itch, w.feed != ""},
		{"feed", w.feed, true},
		{"requests", w.requests, true},
		{"glimpse", w.glimpse, true},
		{"reference", w.reference, true},
		{"dropcopy", w.dropcopy, true},
	} {
		if a.addr == "" && a.may {
			continue
		}
		if err := checkAddress(a.flag, a.addr); err != nil {
			return err
		}
	}
	if w.configFile != "" {
		if err := w.configured(); err != nil {
			return err
		}
	}
	if w.login.user == "" && w.feed != "" && w.what != "orders" {
		w.glimpse = "" // snapshots need a login: the request server has the day from its beginning
		return nil
	}
	if w.login.user == "" {
		return &fault{Code: "E4003", What: "matcher watch needs --user", Fix: "matcher watch ... --user ALICE", Or: "matcher watch book --feed GROUP:PORT   needs none"}
	}
	if w.login.user, err = userName(w.login.user); err != nil {
		return err
	}
	w.login.key, err = keyFrom(w.e, w.keyFile)
	return err
}

// configured takes from a configuration what no flag says.
func (w *watching) configured() error {
	c, err := loadConfig(w.e, w.configFile, nil)
	if err != nil {
		return err
	}
	for i := range c.core.Instruments {
		w.scales[c.core.Instruments[i].Symbol] = &c.core.Instruments[i]
	}
	for _, a := range []struct {
		flag string
		to   *string
		addr string
	}{
		{"to", &w.login.addr, c.core.Listen},
		{"itch", &w.itch, c.relay.ITCH},
		{"requests", &w.requests, c.relay.Requests},
		{"glimpse", &w.glimpse, c.relay.Glimpse},
	} {
		if !w.fs.Changed(a.flag) {
			*a.to = a.addr
		}
	}
	return nil
}

// scale is the scale of a symbol.
func (w *watching) scale(symbol string) *core.Instrument {
	if in := w.scales[symbol]; in != nil {
		return in
	}
	if symbol == "" && len(w.scales) == 1 {
		for _, in := range w.scales {
			return in
		}
	}
	return &core.Instrument{Symbol: symbol, PriceDecimals: w.decimals, Tick: 1, Lot: 1, MaxQty: math.MaxUint32, MaxPrice: largestPrice}
}

// findScales asks the reference channel for the scales that no configuration gave. Without an answer, what --decimals says
// holds.
func (w *watching) findScales(ctx context.Context) {
	if w.configFile != "" || w.reference == "" || w.fs.Changed("decimals") {
		return
	}
	if err := w.readReference(ctx); err != nil && ctx.Err() == nil {
		say(w.e, fmt.Sprintf("no scales from %s (%s): prices are taken to have %s, quantities none", w.reference, last(err), count(int(w.decimals), "decimal")))
	}
}

// readReference reads the reference channel (PROTOCOL.md, section 10).
func (w *watching) readReference(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, w.login.patience)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(limited, "tcp", w.reference)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetReadDeadline(time.Now().Add(w.login.patience)); err != nil {
		return err
	}
	lines := json.NewDecoder(bufio.NewReader(conn))
	for {
		var line struct {
			Symbol   string `json:"symbol"`
			Price    uint8  `json:"price_decimals"`
			Quantity uint8  `json:"quantity_decimals"`
			Lot      uint32 `json:"lot"`
		}
		switch err := lines.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case line.Symbol != "" && line.Price <= 9 && line.Quantity <= 9 && line.Lot != 0:
			w.scales[line.Symbol] = &core.Instrument{Symbol: line.Symbol, PriceDecimals: line.Price, LotDecimals: line.Quantity, Lot: line.Lot}
		}
	}
}

// terminal says whether the output is one that can move its cursor.
func (w *watching) terminal() bool {
	f, ok := w.e.Stdout.(*os.File)
	if !ok || w.plain || w.asJSON || w.e.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
