package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"matcher/core"
	"matcher/wire/ouch"
)

// instructions are the flags of send that say how an order is to be carried out. Whether they go together is the venue's to
// judge.
type instructions struct {
	fs *pflag.FlagSet

	tif, expire             string
	ttl                     time.Duration
	toLimit                 bool
	hidden                  bool
	postOnly                string
	minQty                  string
	allOrNone               bool
	display, random         string
	stop, trigger, trail    string
	peg, pegOffset          string
	selfMatch, onDisconnect string

	now time.Time // when the order is entered; zero: at once
}

func (i *instructions) flags(fs *pflag.FlagSet) {
	i.fs = fs
	fs.StringVar(&i.tif, "tif", "day", "time in force: day, ioc, fok or gtc")
	fs.StringVar(&i.expire, "expire", "", "good till this time (2026-12-24T18:00:00Z) or for this long (90s); makes it gtc")
	fs.DurationVar(&i.ttl, "ttl", 0, "good for this long by the venue's clock: whole seconds, 1s to 23h59m59s")
	fs.BoolVar(&i.toLimit, "to-limit", false, "of an order at market: what is left rests at the price it traded at last")
	fs.BoolVar(&i.hidden, "hidden", false, "rest undisplayed")
	fs.StringVar(&i.postOnly, "post-only", "", "never take: cancel instead, or with =reprice stand back by a tick")
	fs.Lookup("post-only").NoOptDefVal = "reject"
	fs.StringVar(&i.minQty, "min-qty", "", "trade at least this much at once; without --tif ioc or fok the order rests undisplayed")
	fs.BoolVar(&i.allOrNone, "all-or-none", false, "--min-qty with the whole quantity")
	fs.StringVar(&i.display, "display", "", "iceberg: show this much at a time")
	fs.StringVar(&i.random, "random", "", "iceberg: more or less by up to this much")
	fs.StringVar(&i.stop, "stop", "", "wait until the market reaches this price; of a replace, 0 takes the stop away")
	fs.StringVar(&i.trigger, "trigger", "", "what a stop watches: last, bid or ask (default last)")
	fs.StringVar(&i.trail, "trail", "", "trailing stop: follow the market at this distance; for orders at market")
	fs.StringVar(&i.peg, "peg", "", "follow the primary, market or midpoint price; PRICE is the limit")
	fs.StringVar(&i.pegOffset, "peg-offset", "", "this far from it, with a sign")
	fs.StringVar(&i.selfMatch, "self-match", "", "against own orders: "+strings.Join(selfMatchWords(), ", ")+" (default: the account's)")
	fs.StringVar(&i.onDisconnect, "cancel-on-disconnect", "", "yes or no (default: the account's); send itself logs out when it is done")
}

// word takes one of several words.
func (i *instructions) word(flag, text string, words map[string]byte, order ...string) (byte, error) {
	letter, ok := words[strings.ToLower(text)]
	if !ok {
		u := oneOf(text, order...)
		return 0, &fault{Code: "E2016", What: fmt.Sprintf("--%s: %q is no word for it", flag, text), Why: u.why, Fix: "--" + flag + "=" + u.fix}
	}
	return letter, nil
}

// letters gives time in force and display.
func (i *instructions) letters() (tif, display byte, err error) {
	tif, ok := tifs()[strings.ToLower(i.tif)]
	if !ok {
		return 0, 0, &fault{Code: "E2008", What: fmt.Sprintf("--tif %q is no time in force", i.tif), Fix: "day, ioc, fok or gtc"}
	}
	if i.ttl != 0 {
		if i.fs.Changed("tif") || i.expire != "" {
			return 0, 0, &fault{Code: "E4004", What: "--ttl does not go with --tif or --expire", Why: "each of them says how long the order lives", Fix: fmt.Sprintf("--ttl %s", i.ttl)}
		}
		tif = ouch.TIFGTT
	}
	if i.expire != "" {
		if i.fs.Changed("tif") && tif != ouch.TIFGTC {
			return 0, 0, &fault{Code: "E4004", What: "--expire does not go with --tif " + i.tif, Why: "it is for orders that stay longer", Fix: "--tif gtc"}
		}
		tif = ouch.TIFGTC
	}
	if i.hidden || strings.EqualFold(i.peg, "midpoint") { // a midpoint order is never displayed
		return tif, ouch.DisplayHidden, nil
	}
	return tif, ouch.DisplayVisible, nil
}

// options makes the optional appendage of an order of that quantity, in lots.
func (i *instructions) options(in *core.Instrument, qty uint32) ([]byte, error) {
	var o ouch.Options
	for _, part := range []func(*core.Instrument, *ouch.Options) error{i.quantities, i.stops, i.pegs, i.words, i.until} {
		if err := part(in, &o); err != nil {
			return nil, err
		}
	}
	if i.allOrNone {
		if i.minQty != "" {
			return nil, &fault{Code: "E4004", What: "--all-or-none and --min-qty are two words for one thing", Fix: "--all-or-none"}
		}
		o.Present |= ouch.Tag3MinQty
		o.MinQty = qty
	}
	return o.Append(nil), nil
}

// quantities reads what is said of parts of the order.
func (i *instructions) quantities(in *core.Instrument, o *ouch.Options) error {
	for _, q := range [...]struct {
		text string
		tag  uint64
		to   *uint32
	}{
		{i.minQty, ouch.Tag3MinQty, &o.MinQty},
		{i.display, ouch.Tag5MaxFloor, &o.MaxFloor},
		{i.random, ouch.Tag13RandomReserves, &o.RandomReserves},
	} {
		if q.text == "" {
			continue
		}
		n, err := lots(in, q.text)
		if err != nil {
			return err
		}
		*q.to = n
		o.Present |= q.tag
	}
	return nil
}

// stops reads what makes an order wait.
func (i *instructions) stops(in *core.Instrument, o *ouch.Options) (err error) {
	if i.stop != "" {
		o.Present |= ouch.Tag128StopPrice
		if i.stop != "0" {
			if o.StopPrice, err = wirePrice(in, i.stop); err != nil {
				return err
			}
		}
	}
	if i.trigger != "" {
		o.Present |= ouch.Tag129StopTrigger
		words := map[string]byte{"last": ouch.TriggerLast, "bid": ouch.TriggerBid, "ask": ouch.TriggerAsk}
		if o.StopTrigger, err = i.word("trigger", i.trigger, words, "last", "bid", "ask"); err != nil {
			return err
		}
	}
	if i.trail != "" {
		o.Present |= ouch.Tag131TrailOffset
		o.TrailOffset, err = offset(in, "trail", i.trail)
	}
	return err
}

// pegs reads what makes an order follow the market.
func (i *instructions) pegs(in *core.Instrument, o *ouch.Options) (err error) {
	if i.peg != "" {
		o.Present |= ouch.Tag6PriceType
		words := map[string]byte{"primary": ouch.PricePrimaryPeg, "market": ouch.PriceMarketPeg, "midpoint": ouch.PriceMidpointPeg}
		if o.PriceType, err = i.word("peg", i.peg, words, "primary", "market", "midpoint"); err != nil {
			return err
		}
	}
	if i.toLimit {
		if i.peg != "" {
			return &fault{Code: "E4004", What: "--to-limit does not go with --peg", Why: "both say how the price is found", Fix: "--to-limit"}
		}
		o.Present |= ouch.Tag6PriceType
		o.PriceType = ouch.PriceMarketToLimit
	}
	if i.pegOffset != "" {
		o.Present |= ouch.Tag7PegOffset
		o.PegOffset, err = offset(in, "peg-offset", i.pegOffset)
	}
	return err
}

// words reads what is a letter on the wire.
func (i *instructions) words(_ *core.Instrument, o *ouch.Options) (err error) {
	if i.postOnly != "" {
		o.Present |= ouch.Tag12PostOnly
		words := map[string]byte{"reject": ouch.PostOnly, "reprice": ouch.PostOnlyReprice}
		if o.PostOnly, err = i.word("post-only", i.postOnly, words, "reject", "reprice"); err != nil {
			return err
		}
	}
	if i.selfMatch != "" {
		o.Present |= ouch.Tag29AIQStrategy
		if o.AIQStrategy, err = i.word("self-match", i.selfMatch, selfMatches(), selfMatchWords()...); err != nil {
			return err
		}
	}
	if i.onDisconnect != "" {
		o.Present |= ouch.Tag134Exempt
		o.Exempt, err = i.word("cancel-on-disconnect", i.onDisconnect, map[string]byte{"yes": ouch.Yes, "no": ouch.No}, "yes", "no")
	}
	return err
}

// until reads how long an order lives.
func (i *instructions) until(_ *core.Instrument, o *ouch.Options) error {
	if i.ttl != 0 {
		if i.ttl < time.Second || i.ttl > 86_399*time.Second || i.ttl%time.Second != 0 {
			return outOfRange("ttl", i.ttl, "whole seconds, "+limits(time.Second, 86_399*time.Second), "90s")
		}
		o.Present |= ouch.Tag15ExpireTime
		o.ExpireTime = uint32(i.ttl / time.Second)
	}
	if i.expire == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339, i.expire)
	if err != nil {
		d, wrong := time.ParseDuration(i.expire)
		if wrong != nil {
			return &fault{Code: "E4004", What: fmt.Sprintf("--expire %q is no time", i.expire), Why: "a time like 2026-12-24T18:00:00Z, or how long, like 90s"}
		}
		at = i.entered().Add(d)
	}
	if !at.After(i.entered()) {
		return &fault{Code: "E4004", What: fmt.Sprintf("--expire %s is over", i.expire), Why: "an order lives until a time that is to come", Fix: "--expire 1h"}
	}
	o.Present |= ouch.Tag132ExpireAt
	o.ExpireAt = uint64(at.UnixNano())
	return nil
}

// entered is when the order is entered.
func (i *instructions) entered() time.Time {
	if i.now.IsZero() {
		return time.Now()
	}
	return i.now
}

// relative says whether the order is to live for a length and not until a time.
func (i *instructions) relative() bool {
	_, err := time.ParseDuration(i.expire)
	return err == nil
}

// offset reads a distance between prices, with a sign if need be, as what 4 bytes hold on the wire.
func offset(in *core.Instrument, flag, text string) (int32, error) {
	number, negative := strings.CutPrefix(text, "-")
	n, err := units(strings.TrimPrefix(number, "+"), in.PriceDecimals)
	if err != nil {
		return 0, err
	}
	if n > math.MaxInt32 {
		return 0, &fault{Code: "E2003", What: fmt.Sprintf("--%s %s is out of range", flag, text), Why: "at most " + decimalText(math.MaxInt32, in.PriceDecimals)}
	}
	if n%in.Tick != 0 {
		return 0, &fault{Code: "E2001", What: fmt.Sprintf("--%s %s is not on the tick", flag, text), Why: fmt.Sprintf("%s trades in steps of %s", in.Symbol, trimmed(in.Tick, in.PriceDecimals, tickPlaces(in)))}
	}
	if negative {
		return -int32(n), nil
	}
	return int32(n), nil
}
