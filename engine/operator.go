package engine

import "slices"

// trading halts an instrument or lets it trade again, which settles what slept (rules 6.5, 12.1).
func (e *Engine) trading(c *Trading) {
	if c.Instrument == 0 || int(c.Instrument) >= len(e.instruments) || c.State != 'H' && c.State != 'T' {
		return
	}
	in := &e.instruments[c.Instrument]
	in.state = 0
	if c.State == 'H' {
		in.state = 'H'
	}
	in.setPlain()
	e.touchBook(in, c.Instrument)
}

// Halted says whether an instrument is halted. False for an index that is none.
func (e *Engine) Halted(instrument uint16) bool {
	return int(instrument) < len(e.instruments) && e.instruments[instrument].state != 0
}

// bust breaks a trade of the day, once (rule 12.2). Quantities, books, prices and stops stay as they are.
func (e *Engine) bust(cmd *Command) {
	c, owners := cmd.Bust(), cmd.Owners()
	if cmd.Flags&FlagExtension == 0 || !e.Bustable(c.Match) {
		return
	}
	for _, w := range [...]Owner{owners.Maker, owners.Taker} {
		if w.User == 0 || int(w.User) >= len(e.users) {
			return
		}
	}
	i, _ := slices.BinarySearch(e.busted, c.Match)
	e.busted = slices.Insert(e.busted, i, c.Match)
	e.bustTerm += mum(c.Match^k0, k4)
	for _, w := range [...]Owner{owners.Maker, owners.Taker} {
		ev := e.emit('B', w.User)
		ev.Idx, ev.Side, ev.Ref, ev.ClOrdID, ev.Instrument = w.Idx, w.Side, w.Ref, w.ClOrdID, c.Instrument
		ev.Link, ev.Price, ev.Qty, ev.Reason = c.Match, c.Price, c.Qty, uint16(c.Reason)
	}
}

// Bustable says whether a trade was made in this day and is not busted yet.
func (e *Engine) Bustable(match uint64) bool {
	_, found := slices.BinarySearch(e.busted, match)
	return match > e.dayMatch && match <= e.match && !found
}

// OfToday says whether a match number is of the day that is open, or was last.
func (e *Engine) OfToday(match uint64) bool { return match > e.dayMatch && match <= e.match }

// cancelFor cancels orders on behalf of their owners, in order of reference (rule 12.4).
func (e *Engine) cancelFor(c *CancelFor) {
	for _, slot := range e.byReference(func(o *order) bool {
		return (c.Account == 0 || o.user == c.Account) && (c.Order == 0 || o.reference == c.Order) &&
			(c.Instrument == AllInstruments || o.instrument == c.Instrument) &&
			(c.Side == 0 || sameSide(c.Side, o.side))
	}) {
		e.kill(slot, 'S')
	}
}
