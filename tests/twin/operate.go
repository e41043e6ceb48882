package twin

import (
	"slices"

	"matcher/engine"
)

// operate carries out the venue's own commands. A Tick has done its work by its time (rule 2.2).
func (t *Twin) operate(cmd *engine.Command) {
	switch cmd.Kind {
	case engine.KindRules:
		t.rules = *cmd.Rules()
	case engine.KindInstrument:
		t.defineInstrument(cmd)
	case engine.KindUser:
		t.defineUser(cmd.AsUser())
	case engine.KindDay:
		t.day(cmd.Day())
	case engine.KindRestart:
		t.restart(cmd.Restart())
	case engine.KindGate:
		t.gated = cmd.Gate().Closed != 0
	case engine.KindTrading: // nobody is told; what resumes settles (rule 12.1)
		if cmd.Instrument > 0 && int(cmd.Instrument) < len(t.instruments) {
			t.instruments[cmd.Instrument].halted = cmd.Trading().State == 'H'
		}
	case engine.KindDisconnect:
		t.disconnect(cmd)
	case engine.KindBust:
		t.bust(cmd)
	case engine.KindCancelFor:
		t.cancelFor(cmd)
	}
}

// defineInstrument adds an instrument, or says what a known one becomes when the next day begins (rule 12.3).
func (t *Twin) defineInstrument(cmd *engine.Command) {
	d := definition{Instrument: *cmd.AsInstrument()}
	if cmd.Flags&engine.FlagExtension != 0 {
		d.terms = *cmd.Terms()
	}
	for i := range t.instruments[1:] {
		if in := &t.instruments[i+1]; in.Symbol == d.Symbol {
			if !t.today {
				in.next = &d
			}
			return
		}
	}
	t.instruments = append(t.instruments, instrument{definition: d})
}

// redefine changes instruments as they were told to since the day before ended. Carried orders that do not fit are cancelled
// first, in order of reference (rule 12.3).
func (t *Twin) redefine() {
	for _, o := range t.inReference() {
		if in := &t.instruments[o.instrument]; in.next != nil && !o.fits(in) {
			t.see("does not fit its instrument")
			t.decrement(o, o.leaves, 'Z')
		}
	}
	for i := range t.instruments {
		in := &t.instruments[i]
		if in.next == nil {
			continue
		}
		if !in.sameUnits(in.next) {
			in.last = 0 // a price in units that are no more
		}
		if in.terms.TopPercent == 0 || in.next.terms.TopPercent == 0 { // nobody was looked at as the top order, or is
			for _, o := range t.open {
				o.top = o.top && int(o.instrument) != i
			}
		}
		in.definition, in.next = *in.next, nil
	}
}

func (d *definition) sameUnits(other *definition) bool {
	return d.PriceDecimals == other.PriceDecimals && d.Lot == other.Lot && d.LotDecimals == other.LotDecimals
}

// fits says whether a carried order can stand in its instrument as that will be. A stop that trails stands wherever the market
// has led it; its offset must be one that it could have come with.
func (o *order) fits(in *instrument) bool {
	tick := int64(in.next.Tick)
	may := func(price uint64) bool { return market(price) || price <= in.next.MaxPrice && price%in.next.Tick == 0 }
	switch {
	case !in.sameUnits(in.next), !may(o.price):
		return false
	case o.follows != 0 && !o.midpoint():
		return may(o.limit) && o.offset%tick == 0
	case o.pending && o.trail != 0:
		return o.trail%tick == 0
	case o.pending:
		return may(uint64(o.at))
	}
	return true
}

// defineUser adds an account, or changes one whose name is known. A new one joins the day that is open.
func (t *Twin) defineUser(u *engine.User) {
	for _, a := range t.accounts[1:] {
		if a.Name == u.Name {
			a.User = *u
			return
		}
	}
	t.accounts = append(t.accounts, &account{User: *u, last: map[uint8]uint32{}})
	if t.today {
		t.system(len(t.accounts)-1, 'S')
	}
}

// day opens or ends a trading day: every user is told, in order of index. At its end what is good for the day expires, in
// order of reference (rule 11.3). A day of another session than the last begins everything that is counted by day again, and
// what is carried is told under new UserRefNums (rules 11.5, 11.6).
func (t *Twin) day(d *engine.Day) {
	if t.today == (d.Event == 'S') {
		return
	}
	t.today = d.Event == 'S'
	if !t.today {
		for _, o := range t.inReference() {
			if o.tif != '1' {
				t.decrement(o, o.leaves, 'E')
			}
		}
		t.systems('E')
		return
	}
	fresh := d.Session != t.session
	t.session, t.secret = d.Session, d.Secret
	defer t.redefine()
	if !fresh {
		t.systems('S')
		return
	}
	t.busted, t.yesterday = map[uint64]bool{}, t.match
	for _, a := range t.accounts[1:] {
		a.sent, a.last = 0, map[uint8]uint32{}
	}
	t.systems('S')
	for _, o := range t.inReference() {
		o.idx, o.ref = 255, t.accounts[o.user].last[255]+1
		t.accounts[o.user].last[255] = o.ref
		t.see("carried")
		t.recount(o)
	}
}

// systems tells every user a System Event, in order of index.
func (t *Twin) systems(letter uint8) {
	for user := range t.accounts[1:] {
		t.system(user+1, letter)
	}
}

// recount tells the owner of a live order of it as it is.
func (t *Twin) recount(o *order) {
	ev := t.tell(o, 'A')
	o.echo(ev)
	ev.Flags |= engine.EventCarried
}

// restart begins new streams if the session is another one than before (rule 11.8): numbers count from 1 again, start of
// day first, then all live orders in order of reference.
func (t *Twin) restart(r *engine.Restart) {
	if t.session == r.Session {
		return
	}
	t.session = r.Session
	for user, a := range t.accounts[1:] {
		a.sent = 0
		if t.today {
			t.system(user+1, 'S')
		}
	}
	for _, o := range t.inReference() {
		t.recount(o)
	}
}

// disconnect cancels what must not outlive a connection (rule 9.9): tag 134 says so of an order, or else the account of
// those that are not good till cancelled.
func (t *Twin) disconnect(cmd *engine.Command) {
	for _, o := range t.inReference() {
		drops := t.accounts[o.user].OnDrop == 1 && o.tif != '1' && o.exempt != 'N' || o.exempt == 'Y'
		if o.user == cmd.User && drops {
			t.decrement(o, o.leaves, 'U')
		}
	}
}

// bust breaks a trade: both owners are told, and nothing else changes (rules 7.8, 12.2).
func (t *Twin) bust(cmd *engine.Command) {
	b, sides := cmd.Bust(), []engine.Owner{}
	if cmd.Flags&engine.FlagExtension != 0 {
		sides = append(sides, cmd.Owners().Maker, cmd.Owners().Taker)
	}
	unknown := func(s engine.Owner) bool { return s.User == 0 || int(s.User) >= len(t.accounts) }
	if b.Match <= t.yesterday || b.Match > t.match || t.busted[b.Match] || len(sides) == 0 || slices.ContainsFunc(sides, unknown) {
		return
	}
	t.busted[b.Match] = true
	for _, s := range sides {
		ev := t.number(s.User, 'B')
		ev.Instrument, ev.Idx, ev.Side, ev.Ref, ev.ClOrdID = cmd.Instrument, s.Idx, s.Side, s.Ref, s.ClOrdID
		ev.Link, ev.Qty, ev.Price, ev.Reason = b.Match, b.Qty, b.Price, uint16(b.Reason)
	}
}

// cancelFor cancels orders on behalf of their owners (rule 12.4). All filters must hold.
func (t *Twin) cancelFor(cmd *engine.Command) {
	c := cmd.CancelFor()
	for _, o := range t.inReference() {
		switch {
		case cmd.Instrument != engine.AllInstruments && cmd.Instrument != o.instrument:
		case cmd.Side != 0 && (!slices.Contains([]byte("BSTE"), cmd.Side) || buys(cmd.Side) != buys(o.side)):
		case c.Account != 0 && c.Account != o.user:
		case c.Order != 0 && c.Order != o.reference:
		default:
			t.decrement(o, o.leaves, 'S')
		}
	}
}
