package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"matcher/core"
	"matcher/wire/ouch"
)

// answer is one message of the server in the words of people: prices and quantities are decimals. What a message does not
// have is empty.
type answer struct {
	Event     string `json:"event"`
	User      string `json:"user"`
	Ref       uint32 `json:"ref,omitempty"`
	Orig      uint32 `json:"orig_ref,omitempty"`
	Side      string `json:"side,omitempty"`
	Qty       string `json:"qty,omitempty"`
	Symbol    string `json:"symbol,omitempty"`
	Price     string `json:"price,omitempty"`
	TIF       string `json:"tif,omitempty"`
	Display   string `json:"display,omitempty"` // hidden; of what is shown nothing is said
	Shown     string `json:"shown,omitempty"`   // at a time, of an iceberg
	MinQty    string `json:"min_qty,omitempty"`
	Stop      string `json:"stop,omitempty"`
	Trail     string `json:"trail,omitempty"`
	Peg       string `json:"peg,omitempty"`
	PostOnly  string `json:"post_only,omitempty"`
	Order     uint64 `json:"order,omitempty"`
	Match     uint64 `json:"match,omitempty"`
	Liquidity string `json:"liquidity,omitempty"`
	Code      string `json:"code,omitempty"` // of a reject: 0x and two digits
	Reason    string `json:"reason,omitempty"`
	Time      uint64 `json:"time,omitempty"` // ns since midnight
	Seq       uint64 `json:"seq,omitempty"`  // of the message, where it is asked for
}

// text is the answer as one line.
func (a *answer) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-6s %-9s", a.User, a.Event)
	for _, f := range [...]struct {
		name  string
		value any
	}{
		{"ref", a.Ref},
		{"orig", a.Orig},
		{"side", a.Side},
		{"qty", a.Qty},
		{"symbol", a.Symbol},
		{"price", a.Price},
		{"tif", a.TIF},
		{"display", a.Display},
		{"shown", a.Shown},
		{"min_qty", a.MinQty},
		{"stop", a.Stop},
		{"trail", a.Trail},
		{"peg", a.Peg},
		{"post_only", a.PostOnly},
		{"order", a.Order},
		{"match", a.Match},
		{"liquidity", a.Liquidity},
		{"reason", a.why()},
		{"seq", a.Seq},
	} {
		if f.value != "" && f.value != uint32(0) && f.value != uint64(0) {
			fmt.Fprintf(&b, " %s=%v", f.name, f.value)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// why is the reason with the code of a reject before it.
func (a *answer) why() string {
	switch {
	case a.Code == "":
		return a.Reason
	case a.Reason == "":
		return a.Code
	}
	return a.Code + " (" + a.Reason + ")"
}

// totals counts answers.
type totals struct {
	Commands uint64 `json:"commands"`
	Accepted uint64 `json:"accepted"`
	Replaced uint64 `json:"replaced"`
	Executed uint64 `json:"executed"`
	Canceled uint64 `json:"canceled"`
	Rejected uint64 `json:"rejected"`
	Others   uint64 `json:"others"`
}

// count counts one message.
func (t *totals) count(message any) {
	switch message.(type) {
	case *ouch.Accepted:
		t.Accepted++
	case *ouch.Replaced:
		t.Replaced++
	case *ouch.Executed:
		t.Executed++
	case *ouch.Canceled:
		t.Canceled++
	case *ouch.Rejected:
		t.Rejected++
	default:
		t.Others++
	}
}

// answers takes in what comes back on all connections, counts it, and prints it where asked to. It may be called from any
// goroutine.
type answers struct {
	instrument func(symbol string) *core.Instrument
	only       string // symbol: what is not known to be about it is not printed; empty: all is
	sequence   uint64 // of the message that is told; 0: not asked for
	print      bool
	asJSON     bool
	out        io.Writer

	mu     sync.Mutex
	counts totals
	reject uint16                     // the code of the last order that was refused
	orders map[order]*core.Instrument // what the scale of an execution's price is
	err    error                      // of the first line that could not be printed
}

// order names an order of a user.
type order struct {
	user string
	ref  uint32
}

// tell takes in one message.
func (as *answers) tell(user string, message any) {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.counts.count(message)
	if !as.print || as.err != nil {
		return
	}
	a := as.read(user, message)
	a.Seq = as.sequence
	if in := as.orders[order{user, a.Ref}]; as.only != "" && (in == nil || in.Symbol != as.only) {
		return
	}
	if as.asJSON {
		as.err = json.NewEncoder(as.out).Encode(a)
		return
	}
	_, as.err = fmt.Fprintln(as.out, a.text())
}

// read puts a message into words.
func (as *answers) read(user string, message any) *answer {
	a := &answer{User: user}
	scale := func(ref uint32) *core.Instrument {
		if in := as.orders[order{user, ref}]; in != nil {
			return in
		}
		return as.instrument("")
	}
	switch m := message.(type) {
	case *ouch.Accepted:
		in := as.instrument(trim(m.Symbol[:]))
		as.orders[order{user, m.UserRefNum}] = in
		a.Event, a.Ref, a.Side, a.Qty, a.Symbol = "accepted", m.UserRefNum, sideName(m.Side), quantityText(in, m.Quantity), trim(m.Symbol[:])
		a.Price, a.TIF, a.Order, a.Time = priceText(in, m.Price), tifName(m.TimeInForce), m.OrderRef, m.Timestamp
		a.Display = displayName(m.Display)
		a.instructed(in, m.Appendage)
	case *ouch.Replaced:
		in := as.instrument(trim(m.Symbol[:]))
		as.orders[order{user, m.UserRefNum}] = in
		a.Event, a.Ref, a.Orig, a.Side, a.Qty, a.Symbol = "replaced", m.UserRefNum, m.OrigUserRefNum, sideName(m.Side), quantityText(in, m.Quantity), trim(m.Symbol[:])
		a.Price, a.TIF, a.Order, a.Time = priceText(in, m.Price), tifName(m.TimeInForce), m.OrderRef, m.Timestamp
		a.Display = displayName(m.Display)
		a.instructed(in, m.Appendage)
	case *ouch.Executed:
		in := scale(m.UserRefNum)
		a.Event, a.Ref, a.Qty, a.Price = "executed", m.UserRefNum, quantityText(in, m.Quantity), priceText(in, m.Price)
		a.Liquidity, a.Match, a.Time = string(rune(m.Liquidity)), m.MatchNumber, m.Timestamp
	case *ouch.Canceled:
		a.Event, a.Ref, a.Qty, a.Reason, a.Time = "canceled", m.UserRefNum, quantityText(scale(m.UserRefNum), m.Quantity), cancelReason(m.Reason), m.Timestamp
	case *ouch.Rejected:
		as.reject = m.Reason
		a.Event, a.Ref, a.Code, a.Reason, a.Time = "rejected", m.UserRefNum, rejectCode(m.Reason), rejectReason(m.Reason), m.Timestamp
	case *ouch.Modified:
		a.Event, a.Ref, a.Side, a.Qty, a.Time = "modified", m.UserRefNum, sideName(m.Side), quantityText(scale(m.UserRefNum), m.Quantity), m.Timestamp
	case *ouch.PriorityUpdate:
		a.Event, a.Ref, a.Price, a.Order, a.Time = "requeued", m.UserRefNum, priceText(scale(m.UserRefNum), m.Price), m.OrderRef, m.Timestamp
	case *ouch.Restated:
		as.restated(a, m, scale(m.UserRefNum))
	case *ouch.AIQCanceled:
		in := scale(m.UserRefNum)
		a.Event, a.Ref, a.Qty, a.Price = "prevented", m.UserRefNum, quantityText(in, m.Quantity), priceText(in, m.Price)
		a.Liquidity, a.Reason, a.Time = string(rune(m.Liquidity)), cancelReason(m.Reason)+", "+selfMatchName(m.Strategy), m.Timestamp
	case *ouch.BrokenTrade:
		a.Event, a.Ref, a.Match, a.Reason, a.Time = "broken", m.UserRefNum, m.MatchNumber, brokenReason(m.Reason), m.Timestamp
	case *ouch.SystemEvent:
		a.Event, a.Reason, a.Time = "system", string(rune(m.Event)), m.Timestamp
	default:
		a.Event = strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", message), "*ouch."))
	}
	return a
}

// instructed repeats what an order was told beside its fixed fields, as the venue carries it out.
func (a *answer) instructed(in *core.Instrument, appendage []byte) {
	var o ouch.Options
	_ = o.Decode(appendage) // what cannot be read is not told
	if o.Present&ouch.Tag5MaxFloor != 0 {
		a.Shown = quantityText(in, o.MaxFloor)
	}
	if o.Present&ouch.Tag3MinQty != 0 {
		a.MinQty = quantityText(in, o.MinQty)
	}
	if o.Present&ouch.Tag128StopPrice != 0 {
		a.Stop = priceText(in, o.StopPrice)
	}
	if o.Present&ouch.Tag131TrailOffset != 0 {
		a.Trail = decimalText(uint64(max(o.TrailOffset, 0)), in.PriceDecimals)
	}
	a.Peg = map[byte]string{
		ouch.PricePrimaryPeg: "primary", ouch.PriceMarketPeg: "market", ouch.PriceMidpointPeg: "midpoint", ouch.PriceMidpoint: "midpoint",
		ouch.PriceMarketToLimit: "to-limit",
	}[o.PriceType]
	a.PostOnly = map[byte]string{ouch.PostOnly: "reject", ouch.PostOnlyReprice: "reprice"}[o.PostOnly]
}

// restated tells of a new slice of an iceberg, or of a stop that has been triggered.
func (as *answers) restated(a *answer, m *ouch.Restated, in *core.Instrument) {
	var o ouch.Options
	_ = o.Decode(m.Appendage) // what cannot be read is not told
	a.Event, a.Ref, a.Order, a.Time = "restated", m.UserRefNum, o.SecondaryOrderRef, m.Timestamp
	switch m.Reason {
	case ouch.RestatedRefresh:
		a.Reason = "another part is shown"
	case ouch.RestatedTriggered:
		a.Reason = "the stop has been triggered"
	default:
		a.Reason = string(rune(m.Reason))
	}
	if o.Present&ouch.Tag22DisplayQuantity != 0 {
		a.Qty = quantityText(in, o.DisplayQuantity)
	}
}

// totals returns the counts so far and the error of printing, if there was one.
func (as *answers) totals() (totals, error) {
	as.mu.Lock()
	defer as.mu.Unlock()
	return as.counts, as.err
}

// refused is the code of the last order that was refused.
func (as *answers) refused() uint16 {
	as.mu.Lock()
	defer as.mu.Unlock()
	return as.reject
}

func trim(padded []byte) string { return strings.TrimRight(string(padded), " ") }

// priceText is a wire price as a decimal. A market order's price is echoed and means market.
func priceText(in *core.Instrument, price uint64) string {
	if price > largestPrice {
		return "market"
	}
	return decimalText(price, in.PriceDecimals)
}

func sideName(side byte) string {
	switch side {
	case ouch.SideBuy:
		return "buy"
	case ouch.SideSell:
		return "sell"
	case ouch.SideSellShort:
		return "sell short"
	case ouch.SideSellShortExempt:
		return "sell short exempt"
	}
	return string(rune(side))
}

// tifs are the words for times in force.
func tifs() map[string]byte {
	return map[string]byte{"day": ouch.TIFDay, "gtc": ouch.TIFGTC, "ioc": ouch.TIFIOC, "fok": ouch.TIFFOK}
}

func tifName(tif byte) string {
	for name, letter := range tifs() {
		if letter == tif {
			return name
		}
	}
	return string(rune(tif))
}

func displayName(display byte) string {
	if display == ouch.DisplayHidden {
		return "hidden"
	}
	return ""
}

// selfMatchName is the word for a letter of tag 29. Small letters act at the level of the firm.
func selfMatchName(letter byte) string {
	for _, word := range selfMatchWords() {
		switch letter {
		case selfMatches()[word]:
			return word
		case selfMatches()[word] | 0x20:
			return word + " at the level of the firm"
		}
	}
	return string(rune(letter))
}

// brokenReason says why a trade was broken (OUCH 5.0 Broken Trade).
func brokenReason(r byte) string {
	text := map[byte]string{
		ouch.BrokenErroneous: "erroneous", ouch.BrokenConsent: "by consent", ouch.BrokenSupervisory: "supervisory", ouch.BrokenExternal: "external",
	}[r]
	if text == "" {
		return string(rune(r))
	}
	return text
}

// cancelReason says why an order, or a part of one, was canceled (OUCH 5.0 Order Canceled).
func cancelReason(r byte) string {
	text := map[byte]string{
		'D': "regulatory restriction", 'E': "day is over", 'F': "post-only would have been repriced", 'G': "post-only would have traded",
		'H': "halted", 'I': "immediate or cancel", 'K': "market collar", 'Q': "self-match prevention", 'S': "supervisory",
		'T': "time in force expired", 'U': "by the user", 'X': "opening price protection", 'Z': "no reference price",
	}[r]
	if text == "" {
		return string(rune(r))
	}
	return text
}

// rejectCode is the code of an OUCH 5.0 Rejected as PROTOCOL.md writes it: 0x0D.
func rejectCode(code uint16) string { return fmt.Sprintf("0x%02X", code) }

// rejectReason says why an order was refused (OUCH 5.0 Rejected); empty where this venue does not use the code.
func rejectReason(code uint16) string {
	return map[uint16]string{
		0x01: "no reference price", 0x02: "market closed", 0x03: "invalid display", 0x04: "invalid display quantity",
		0x05: "invalid price type", 0x07: "halted", 0x08: "sweep not allowed",
		0x09: "invalid side", 0x0a: "processing error", 0x0c: "firm not authorised", 0x0d: "invalid minimum quantity",
		0x0f: "instruction refused", 0x10: "cancel not allowed", 0x11: "pegging not allowed", 0x13: "invalid quantity",
		0x14: "invalid cross order", 0x15: "replace not allowed", 0x16: "routing not allowed", 0x17: "invalid symbol",
		0x1d: "invalid price", 0x29: "too many orders a second", 0x1e: "quantity above the limit", 0x1f: "notional above the limit", 0x2c: "market order not allowed",
		0x30: "notional above the limit", 0x31: "quantity above the limit", 0x40: "invalid self-match prevention",
	}[code]
}

// rejectHint says in a line what the venue means by a code, and where PROTOCOL.md says it in full.
func rejectHint(code uint16) string {
	hint := map[uint16]string{
		0x01: "a peg needs a displayed price to follow, a trailing stop a trade (rules 6.2, 6.6, 7.6)",
		0x02: "order entry is closed for all; cancels are served: matcher admin status says why",
		0x04: "--display is 0, above the quantity, or shows so little that there would be too many slices (rule 5.4)",
		0x07: "the instrument is halted until an operator resumes it (rule 12.1)",
		0x0c: "order entry of the account is disabled, or the order names another firm (rule 9.8)",
		0x0d: "the minimum is 0 or above the quantity",
		0x0f: "instructions that exclude each other (rule 3.2), a time that is over (rule 3, check 6), or a limit that is reached (rule 2.6)",
		0x11: "a distance without a peg or off the tick, or the instrument has as many pegs as it may (rule 2.6)",
		0x13: "the quantity is 0 or above the instrument's max_qty",
		0x17: "the venue has no such symbol",
		0x1d: "a price that is off the tick or out of range, or a stop that is satisfied already (rules 1.4, 7.2)",
		0x29: "the account's rate is used up for the moment; cancels are served (rule 3.4)",
	}[code]
	if hint == "" {
		return "PROTOCOL.md, section 5, lists the codes"
	}
	return hint
}
