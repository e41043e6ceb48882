package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"matcher/core"
	"matcher/engine"
	"matcher/replay"
	"matcher/snapshot"
)

// inserted is the text behind --insert, read as far as it can be without the venue.
type inserted struct {
	at, seq uint64
	user    string
	side    byte
	words   []string // quantity, symbol, price
	how     instructions
}

const insertForm = `--insert "t=2026-11-25T14:30:00Z user=ALICE buy 100 AAPL @ 187.25"`

// readInsert reads `t=TIME|seq=N user=NAME buy|sell QTY SYMBOL [@] PRICE` with the instructions of matcher send. `ioc`, `fok` and
// `hidden` are short for theirs.
func readInsert(text string) (*inserted, error) {
	in := &inserted{}
	bad := func(what string) error {
		return &fault{Code: "E4004", What: "--insert: " + what, Fix: insertForm, Or: "seq=N instead of t=TIME: behind the command of that number; at the end: ioc, fok, hidden, or instructions of matcher send (--display 50)"}
	}
	short := map[string]string{"ioc": "--tif=ioc", "fok": "--tif=fok", "hidden": "--hidden"}
	var args []string
	for _, w := range strings.Fields(strings.ReplaceAll(text, "@", " ")) {
		name, value, named := strings.Cut(w, "=")
		switch {
		case strings.HasPrefix(w, "-"):
			args = append(args, w)
		case named && name == "t":
			var none uint64
			if err := readBound("t", value, &none, &in.at); err != nil || none != 0 {
				return nil, bad(fmt.Sprintf("%q is no time", value))
			}
		case named && name == "seq":
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil || n == 0 {
				return nil, bad(fmt.Sprintf("%q is no sequence number", value))
			}
			in.seq = n
		case named && name == "user":
			in.user = strings.ToUpper(value)
		case named:
			return nil, bad(fmt.Sprintf("nothing is called %q", name))
		case short[w] != "" && (len(args) == 0 || args[len(args)-1] != "--tif"):
			args = append(args, short[w])
		default:
			args = append(args, w)
		}
	}
	fs := newFlags("replay --insert")
	in.how.flags(fs)
	plain, err := parse(fs, args, 0, len(args))
	if err != nil {
		var f *fault
		if errors.As(err, &f) {
			return nil, bad(f.What)
		}
		return nil, bad("it is an order, not a question")
	}
	if len(plain) != 4 || (plain[0] != "buy" && plain[0] != "sell") {
		return nil, bad("it is not buy or sell, a quantity, a symbol, @ and a price")
	}
	if in.user == "" || in.at == 0 && in.seq == 0 {
		return nil, bad("it needs user= and t= or seq=")
	}
	if in.how.now = time.Unix(0, int64(in.at)); in.at == 0 && in.how.relative() {
		return nil, bad("--expire with a length needs t=: it begins there")
	}
	in.side = map[string]byte{"buy": 'B', "sell": 'S'}[plain[0]]
	in.words = plain[1:]
	return in, nil
}

// command makes the Enter, once the venue has the user and the instrument. False: it has not.
func (in *inserted) command(e *engine.Engine) (*engine.Command, bool, error) {
	index := e.Lookup(symbolOf(in.words[1]))
	user := uint16(0)
	for i, u := range e.Users() {
		if i > 0 && trim(u.Name[:]) == in.user {
			user = uint16(i)
		}
	}
	if index == 0 || user == 0 {
		return nil, false, nil
	}
	def := instrumentOf(&e.Instruments()[index])
	qty, err := lots(&def, in.words[0])
	if err != nil {
		return nil, false, err
	}
	l := replay.Line{Verb: replay.Enter, Ref: 1, Qty: qty, Side: in.side, Capacity: 'P', Cross: 'N', Sweep: 'N', ClOrdID: noClOrdID, Symbol: symbolOf(def.Symbol)}
	if l.Price, err = wirePrice(&def, in.words[2]); err != nil {
		return nil, false, err
	}
	if l.TIF, l.Display, err = in.how.letters(); err != nil {
		return nil, false, err
	}
	options, err := in.how.options(&def, qty)
	if err != nil {
		return nil, false, err
	}
	l.SetAppendage(options)
	cmd := &engine.Command{}
	l.Command(cmd, replay.Names{User: user, Instrument: index, Firm: e.Firm(user)})
	cmd.Time = in.at
	return cmd, true, nil
}

// noClOrdID is that of an order without one.
var noClOrdID = [14]byte([]byte("              "))

// instrumentOf is an instrument of a journal as a configuration says it, without its terms.
func instrumentOf(def *engine.Instrument) core.Instrument {
	return core.Instrument{
		Symbol: trim(def.Symbol[:]), PriceDecimals: def.PriceDecimals, LotDecimals: def.LotDecimals, Tick: max(def.Tick, 1), Lot: max(def.Lot, 1),
		MaxQty: def.MaxQty, MaxPrice: def.MaxPrice, ProRata: def.Policy == engine.PolicyProRata,
	}
}

// whatIfResult is what an order more or less came to.
type whatIfResult struct {
	Inserted bool   `json:"inserted"`
	Accepted bool   `json:"accepted"`
	Filled   uint64 `json:"filled_lots"`
	Notional uint64 `json:"filled_notional"` // price times lots
	Fills    uint64 `json:"fills"`
	Left     uint64 `json:"left_lots"`
	Lost     uint64 `json:"events_lost"`
	Gained   uint64 `json:"events_gained"`
	Volume   int64  `json:"volume_change_lots"`
	Commands uint64 `json:"commands"`
	First    uint64 `json:"first_change_seq"` // 0: none
}

// whatIf executes the journal beside a world with an order more, or less.
func (r *replaying) whatIf(ctx context.Context) (err error) {
	var in *inserted
	if r.insert != "" {
		if in, err = readInsert(r.insert); err != nil {
			return err
		}
	}
	j, err := replay.Open(snapshot.Files(r.name))
	if err != nil {
		return journalFault(r.name, err)
	}
	defer func() { _ = j.Close() }()
	j.Until(r.until)
	w := replay.NewWhatIf(j)
	w.Remove(r.remove)
	out := bufio.NewWriter(r.e.Stdout)
	defer func() { err = errors.Join(err, out.Flush()) }()
	v := &whatIf{orderLines: orderLines{out: out, asJSON: r.asJSON, engine: w.Engine()}}
	for pending := in != nil; r.last == 0 || j.Engine().Seq() < r.last; {
		if pending { // before each command, until the venue knows the names
			cmd, ready, err := in.command(j.Engine())
			if err != nil {
				return err
			}
			if ready {
				w.Insert(cmd, in.seq)
				pending = false
			}
		}
		s, err := w.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = v.step(s)
		}
		if err == nil {
			err = interrupted(ctx, s.Cmd.Seq)
		}
		if err != nil {
			return journalFault(r.name, err)
		}
	}
	if !w.Found {
		what := fmt.Sprintf("no order of %s got the reference %d by an Enter", r.name, r.remove)
		if in != nil {
			what = fmt.Sprintf("%s ends before the order could be inserted, or never had user %s or symbol %s", r.name, in.user, in.words[1])
		}
		return &fault{Code: "E4004", What: what, Fix: "matcher journal export " + quoteAll([]string{r.name}) + " --events --format csv --kind A"}
	}
	return v.end(in)
}

// whatIf tells of the steps.
type whatIf struct {
	orderLines
	result whatIfResult
	shown  int
}

const whatIfShown = 20 // changes of others that are printed

func (v *whatIf) step(s *replay.Step) error {
	v.result.Commands++
	for i := range s.Own {
		ev := &s.Own[i]
		v.result.Inserted = true
		switch ev.Kind {
		case 'A':
			v.result.Accepted = true
		case 'E':
			v.result.Fills++
			v.result.Filled += uint64(ev.Qty)
			v.result.Notional += uint64(ev.Qty) * ev.Price
		}
		if err := v.event("order", s.Cmd, ev); err != nil {
			return err
		}
	}
	if err := v.place(s.Cmd, s.Place, s.Live); err != nil {
		return err
	}
	v.result.Left = 0
	if s.Live {
		v.result.Left = uint64(s.Place.Leaves)
	}
	v.result.Volume += int64(s.Filled)
	v.result.Lost += uint64(len(s.Lost))
	v.result.Gained += uint64(len(s.Gained))
	if v.result.First == 0 && len(s.Lost)+len(s.Gained) > 0 {
		v.result.First = s.Cmd.Seq
	}
	for _, side := range []struct {
		word   string
		events []engine.Event
	}{{"lost", s.Lost}, {"gained", s.Gained}} {
		for i := range side.events {
			if v.shown++; v.shown > whatIfShown {
				break
			}
			if err := v.event(side.word, s.Cmd, &side.events[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// averagePrice is a price times lots, a lot, with two digits more than prices have, cut off.
func averagePrice(notional, lots uint64, decimals uint8) string {
	hi, lo := bits.Mul64(notional, 100)
	price, _ := bits.Div64(hi, lo, lots) // it fits: no price is near 2^64 / 100
	return decimalText(price, decimals+2)
}

// end tells what it came to.
func (v *whatIf) end(in *inserted) error {
	if v.asJSON {
		return json.NewEncoder(v.out).Encode(v.result)
	}
	r := &v.result
	text := ""
	if v.shown > whatIfShown {
		text += fmt.Sprintf("        and %s more\n", count(v.shown-whatIfShown, "change"))
	}
	if in != nil {
		text += fmt.Sprintf("order   accepted: %t; %s, %d lots, %d left", r.Accepted, count(int(r.Fills), "fill"), r.Filled, r.Left)
		if r.Filled > 0 {
			def := v.engine.Instruments()[v.engine.Lookup(symbolOf(in.words[1]))]
			text += ", average price " + averagePrice(r.Notional, r.Filled, def.PriceDecimals)
		}
		text += "\n"
	}
	if r.First == 0 {
		text += fmt.Sprintf("others  every event of %s is as it was recorded\n", count(int(r.Commands), "command"))
	} else {
		text += fmt.Sprintf("others  %s lost, %s gained, from seq %d on; volume %+d lots\n", count(int(r.Lost), "event"), count(int(r.Gained), "event"), r.First, r.Volume)
	}
	_, err := v.out.WriteString(text)
	return err
}
