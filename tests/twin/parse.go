package twin

import (
	"fmt"
	"strconv"
	"strings"

	"matcher/engine"
)

// Command reads one line. The command has its time and no Seq. A line that only sets the clock gives none.
func (n *Notation) Command(line string) (cmd engine.Command, ok bool, err error) {
	words := strings.Fields(line)
	defer func() {
		if err != nil {
			err = fmt.Errorf("twin: line %q: %w", line, err)
		}
	}()
	if len(words) == 2 && words[0] == "at" {
		n.time, err = clock(words[1])
		return cmd, false, err
	}
	cmd.Time = n.time
	r := reader{words: words}
	user, isUser := "", false
	if len(words) > 0 {
		user, isUser = strings.CutSuffix(words[0], ":")
	}
	if !isUser {
		r.venue(&cmd)
		return cmd, true, r.end()
	}
	r.words = words[1:]
	cmd.User = uint16(r.number(user))
	r.message(&cmd)
	for len(r.words) > 0 && r.err == nil {
		r.option(&cmd, r.next())
	}
	if cmd.Flags&engine.FlagExtension != 0 {
		cmd.Ext.Kind = engine.KindExtension
	}
	return cmd, true, r.end()
}

// reader takes the words of a line one by one and remembers the first thing that was wrong.
type reader struct {
	words []string
	err   error
}

func (r *reader) end() error {
	if r.err == nil && len(r.words) > 0 {
		r.err = fmt.Errorf("%q is one word too many", r.words[0])
	}
	return r.err
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) next() string {
	if len(r.words) == 0 {
		r.fail(fmt.Errorf("a word is missing at the end"))
		return ""
	}
	w := r.words[0]
	r.words = r.words[1:]
	return w
}

func (r *reader) expect(word string) {
	if got := r.next(); got != word {
		r.fail(fmt.Errorf("%q where %q belongs", got, word))
	}
}

func (r *reader) number(s string) uint64 {
	v, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		r.fail(fmt.Errorf("%q is no number", s))
	}
	return v
}

func (r *reader) price(s string) uint64 {
	p, err := price(s)
	if err != nil {
		r.fail(fmt.Errorf("%q is no price", s))
	}
	return p
}

func (r *reader) offset(s string) int32 {
	n, err := offset(s)
	if err != nil {
		r.fail(err)
	}
	return n
}

// letter reads one character; "-" is none.
func (r *reader) letter(s string) uint8 {
	switch {
	case s == "-":
		return 0
	case len(s) == 1:
		return s[0]
	}
	r.fail(fmt.Errorf("%q is not one letter", s))
	return 0
}

func (r *reader) side(s string) uint8 {
	switch s {
	case "buy":
		return 'B'
	case "sell":
		return 'S'
	case "short":
		return 'T'
	case "exempt":
		return 'E'
	}
	return r.letter(s)
}

// message reads a client's command up to its options.
func (r *reader) message(cmd *engine.Command) {
	switch w := r.next(); w {
	case "enter":
		r.enter(cmd)
	case "replace":
		r.replace(cmd)
	case "cancel":
		cmd.Kind = engine.KindCancel
		cmd.Cancel().Ref = uint32(r.number(r.next()))
		r.expect("to")
		cmd.Cancel().Qty = uint32(r.number(r.next()))
	case "modify":
		cmd.Kind = engine.KindModify
		cmd.Cancel().Ref = uint32(r.number(r.next()))
		cmd.Side = r.side(r.next())
		cmd.Cancel().Qty = uint32(r.number(r.next()))
	case "masscancel", "disable", "enable":
		cmd.Kind = map[string]engine.Kind{
			"masscancel": engine.KindMassCancel, "disable": engine.KindDisable, "enable": engine.KindEnable,
		}[w]
		m := cmd.MassCancel()
		m.Ref = uint32(r.number(r.next()))
		copy(m.Firm[:], "    ")
		if w == "masscancel" {
			m.Symbol, m.Instrument = padded8(""), engine.AllInstruments
		}
	case "query":
		cmd.Kind = engine.KindQuery
	case "refused":
		cmd.Kind = engine.KindRefused
		m := cmd.Refused()
		m.Ref, m.Reason, m.Message = uint32(r.number(r.next())), uint16(r.number(r.next())), 'O'
		copy(m.ClOrdID[:], blankID)
	case "disconnect":
		cmd.Kind = engine.KindDisconnect
		cmd.Disconnect().Cause = engine.CauseClosed
	case "account":
		at, user := cmd.Time, cmd.User
		*cmd.AsUser() = userCell(user, strings.TrimPrefix(r.next(), "-"))
		cmd.Time = at
	default:
		r.fail(fmt.Errorf("%q is no message", w))
	}
}

const blankID = "              "

func (r *reader) enter(cmd *engine.Command) {
	cmd.Kind = engine.KindEnter
	m := cmd.Enter()
	m.Ref = uint32(r.number(r.next()))
	m.Side = r.side(r.next())
	m.Qty = uint32(r.number(r.next()))
	m.Instrument = InstrumentOf(r.next())
	m.Price = r.price(r.next())
	m.TIF, m.Display, m.Capacity, m.Cross = '0', 'Y', 'A', 'N'
	copy(m.ClOrdID[:], blankID)
}

func (r *reader) replace(cmd *engine.Command) {
	cmd.Kind = engine.KindReplace
	m := cmd.Replace()
	m.OrigRef = uint32(r.number(r.next()))
	r.expect("with")
	m.Ref = uint32(r.number(r.next()))
	m.Qty = uint32(r.number(r.next()))
	m.Price = r.price(r.next())
	m.TIF, m.Display = '0', 'Y'
	copy(m.ClOrdID[:], blankID)
}
