package replay

import "matcher/engine"

// Option is one element of an OUCH 5.0 optional appendage. Value is the integer that the element's bytes make, first
// byte highest: letters and text are their ASCII codes (text padded with spaces to its width), signed values are two's
// complement in their width.
type Option struct {
	Tag   uint8
	Value uint64
}

// form says how the value of an option is written.
type form uint8

const (
	decimal form = iota // unsigned
	signed
	letters // as many as the width at most, padded with spaces
)

// on lists the verbs that may carry an option.
const (
	onEnter   = 1 << Enter
	onReplace = 1 << Replace
	onModify  = 1 << Modify
	onMass    = 1 << MassCancel
	onOrder   = onEnter | onReplace
	onAny     = onOrder | onModify | onMass | 1<<Cancel | 1<<Disable | 1<<Enable | 1<<Query
)

// options are the optional fields by word: the tags of OUCH 5.0, and those from 128 up that are this venue's own. Tags
// ascend.
var options = [...]struct {
	word  string
	tag   uint8
	width uint8 // bytes
	form  form
	on    uint16
}{
	{"firm", 2, 4, letters, onEnter},
	{"minqty", 3, 4, decimal, onOrder},
	{"customer", 4, 1, letters, onOrder},
	{"maxfloor", 5, 4, decimal, onOrder},
	{"pricetype", 6, 1, letters, onOrder},
	{"pegoffset", 7, 4, signed, onOrder},
	{"discretion", 9, 8, decimal, onOrder},
	{"discretiontype", 10, 1, letters, onOrder},
	{"discretionoffset", 11, 4, signed, onOrder},
	{"postonly", 12, 1, letters, onOrder},
	{"random", 13, 4, decimal, onOrder},
	{"route", 14, 4, letters, onEnter},
	{"ttl", 15, 4, decimal, onOrder},
	{"tradenow", 16, 1, letters, onOrder},
	{"handling", 17, 1, letters, onOrder},
	{"group", 24, 2, decimal, onOrder | onMass},
	{"located", 25, 1, letters, onOrder | onModify},
	{"locate", 26, 4, letters, onOrder | onModify},
	{"side", 27, 1, letters, onReplace | onMass},
	{"idx", 28, 1, decimal, onAny},
	{"aiq", 29, 1, letters, onOrder},
	{"aiqgroup", 30, 2, letters, onOrder},
	{"stop", 128, 8, decimal, onOrder},
	{"trigger", 129, 1, letters, onOrder},
	{"trail", 131, 4, signed, onOrder},
	{"expire", 132, 8, decimal, onOrder},
	{"exempt", 134, 1, letters, onOrder},
}

// setOption sets one `word=value`. It returns what was expected if the token is not that.
func (l *Line) setOption(token []byte) string {
	word, value, found := cut(token)
	if !found {
		return "an option as word=value"
	}
	if known, what := l.setField(string(word), value); known {
		return what
	}
	for i := range options {
		o := &options[i]
		if o.word != string(word) {
			continue
		}
		if o.on>>l.Verb&1 == 0 {
			return "an option that " + l.Verb.String() + " has"
		}
		v, ok := o.form.read(value, o.width)
		if !ok {
			return o.form.expected(o.word, o.width)
		}
		if !l.insert(Option{o.tag, v}) {
			return "each option once"
		}
		return ""
	}
	return "an option of the format (minqty, postonly, ttl, ...)"
}

// setField sets what is a fixed field of the OUCH message but optional in the text. False: the verb has none of that name.
func (l *Line) setField(word string, value []byte) (known bool, expected string) {
	order, mass := l.Verb == Enter || l.Verb == Replace, l.Verb == MassCancel || l.Verb == Disable || l.Verb == Enable
	switch {
	case word == "capacity" && l.Verb == Enter:
		return true, l.once(1, letter(&l.Capacity, value), "capacity= and one letter")
	case word == "cross" && l.Verb == Enter:
		return true, l.once(2, letter(&l.Cross, value), "cross= and one letter")
	case word == "sweep" && order:
		return true, l.once(4, letter(&l.Sweep, value), "sweep= and one letter")
	case word == "clordid" && order:
		return true, l.once(8, alpha(l.ClOrdID[:], value), "clordid= and 1 to 14 printable characters")
	case word == "symbol" && l.Verb == MassCancel:
		return true, l.once(16, alpha(l.Symbol[:], value), "symbol= and 1 to 8 printable characters")
	case word == "firm" && mass:
		return true, l.once(32, alpha(l.Firm[:], value), "firm= and 1 to 4 printable characters")
	}
	return false, ""
}

// once returns what was expected of a field: a value that could be read, and none before it.
func (l *Line) once(field uint8, ok bool, what string) string {
	switch {
	case !ok:
		return what
	case l.given&field != 0:
		return "each option once"
	}
	l.given |= field
	return ""
}

// insert puts an option in its place. False: its tag is there already.
func (l *Line) insert(o Option) bool {
	i := len(l.Options)
	for i > 0 && l.Options[i-1].Tag > o.Tag {
		i--
	}
	if i > 0 && l.Options[i-1].Tag == o.Tag {
		return false
	}
	l.Options = append(l.Options, Option{})
	copy(l.Options[i+1:], l.Options[i:])
	l.Options[i] = o
	return true
}

// appendOptions appends everything that is written as word=value, the fixed fields only where they are not as usual.
func (l *Line) appendOptions(dst []byte) []byte {
	if l.Verb == Enter && l.Capacity != 'P' {
		dst = append(append(dst, " capacity="...), l.Capacity)
	}
	if l.Verb == Enter && l.Cross != 'N' {
		dst = append(append(dst, " cross="...), l.Cross)
	}
	if (l.Verb == Enter || l.Verb == Replace) && l.Sweep != 'N' {
		dst = append(append(dst, " sweep="...), l.Sweep)
	}
	if id := trim(l.ClOrdID[:]); len(id) > 0 {
		dst = append(append(dst, " clordid="...), id...)
	}
	if s := trim(l.Symbol[:]); len(s) > 0 && l.Verb == MassCancel {
		dst = append(append(dst, " symbol="...), s...)
	}
	if f := trim(l.Firm[:]); len(f) > 0 {
		dst = append(append(dst, " firm="...), f...)
	}
	for _, given := range l.Options {
		for i := range options {
			if o := &options[i]; o.tag == given.Tag {
				dst = append(append(append(dst, ' '), o.word...), '=')
				dst = o.form.append(dst, given.Value, o.width)
			}
		}
	}
	return dst
}

// Appendage appends the options as the elements of an OUCH 5.0 optional appendage, without its length field.
func (l *Line) Appendage(dst []byte) []byte {
	for _, given := range l.Options {
		for i := range options {
			if o := &options[i]; o.tag == given.Tag {
				dst = append(dst, 1+o.width, o.tag)
				for shift := 8*int(o.width) - 8; shift >= 0; shift -= 8 {
					dst = append(dst, byte(given.Value>>shift))
				}
			}
		}
	}
	return dst
}

// SetAppendage makes the options those of an appendage, as Appendage writes it; elements that no flow has are left out.
func (l *Line) SetAppendage(app []byte) {
	l.Options = l.Options[:0]
	for len(app) > 1 && len(app) > int(app[0]) {
		v := uint64(0)
		for _, b := range app[2 : 1+app[0]] {
			v = v<<8 | uint64(b)
		}
		for i := range options {
			if o := &options[i]; o.tag == app[1] && app[0] == 1+o.width {
				l.insert(Option{o.tag, v})
			}
		}
		app = app[1+app[0]:]
	}
}

// Names says what the names on a line stand for at one venue.
type Names struct {
	User       uint16  // index of Line.User, 0 unknown
	Instrument uint16  // index of Line.Symbol, 0 unknown
	Firm       [4]byte // of the user's account, space padded
}

// Command makes cmd the command that a gateway makes of the line. Seq and Time are the caller's to stamp.
func (l *Line) Command(cmd *engine.Command, n Names) {
	*cmd = engine.Command{}
	cmd.User = n.User
	switch l.Verb {
	case Enter:
		c := cmd.Enter()
		c.Kind, c.Instrument, c.Side = engine.KindEnter, n.Instrument, l.Side
		c.Ref, c.Qty, c.Price, c.TIF, c.Display = l.Ref, l.Qty, l.Price, l.TIF, l.Display
		c.Capacity, c.Cross, c.ClOrdID = l.Capacity, l.Cross, l.ClOrdID
	case Replace:
		c := cmd.Replace()
		c.Kind, c.OrigRef = engine.KindReplace, l.OrigRef
		c.Ref, c.Qty, c.Price, c.TIF, c.Display = l.Ref, l.Qty, l.Price, l.TIF, l.Display
		c.ClOrdID = l.ClOrdID
	case Cancel, Modify:
		c := cmd.Cancel()
		c.Kind, c.Side, c.Ref, c.Qty = engine.KindCancel, l.Side, l.Ref, l.Qty
		if l.Verb == Modify {
			c.Kind = engine.KindModify
		}
	case MassCancel, Disable, Enable:
		c := cmd.MassCancel()
		c.Kind = [...]engine.Kind{engine.KindMassCancel, engine.KindDisable, engine.KindEnable}[l.Verb-MassCancel]
		c.Ref, c.Symbol, c.Firm = l.Ref, l.Symbol, l.Firm
		if l.Verb == MassCancel {
			c.Instrument = n.Instrument
			if len(trim(l.Symbol[:])) == 0 {
				c.Instrument = engine.AllInstruments
			}
		}
	case Query:
		cmd.Kind = engine.KindQuery
	}
	if l.Sweep == 'Y' {
		cmd.Flags |= engine.FlagSweep
	}
	for _, o := range l.Options {
		l.option(cmd, o, n.Firm)
	}
	if cmd.Ext.Present != 0 {
		cmd.Flags |= engine.FlagExtension
		cmd.Ext.Kind = engine.KindExtension
	}
}
