package replay

import "matcher/engine"

// OfCommand makes l the line that a gateway makes the command of: the inverse of Command. User, symbol and firm are what the
// indices stand for at the venue; a symbol that it did not know is lost, as it is in the journal. False: no client can have sent
// the command. What the engine keeps as a bit alone (tags 9, 10, 11, 14) has the value zero.
func (l *Line) OfCommand(cmd *engine.Command, user [6]byte, symbol [8]byte, firm [4]byte) bool {
	*l = Line{Options: l.Options[:0], User: user}
	for v, kind := range verbKinds {
		if kind == cmd.Kind && kind != 0 {
			l.Verb = Verb(v)
		}
	}
	if l.Verb == 0 {
		return false
	}
	l.defaults()
	if cmd.Idx != 0 {
		l.insert(Option{28, uint64(cmd.Idx)})
	}
	switch l.Verb {
	case Enter:
		c := cmd.Enter()
		l.Side, l.Ref, l.Qty, l.Price, l.TIF, l.Display = c.Side, c.Ref, c.Qty, c.Price, c.TIF, c.Display
		l.Capacity, l.Cross, l.ClOrdID = c.Capacity, c.Cross, c.ClOrdID
		if c.Instrument != engine.NoInstrument {
			l.Symbol = symbol
		}
		if cmd.Flags&engine.FlagMinQty != 0 {
			l.insert(Option{3, uint64(c.MinQty)})
		}
		l.orderOptions(cmd, c.Customer, c.Exempt, firm)
	case Replace:
		c := cmd.Replace()
		l.OrigRef, l.Ref, l.Qty, l.Price, l.TIF, l.Display, l.ClOrdID = c.OrigRef, c.Ref, c.Qty, c.Price, c.TIF, c.Display, c.ClOrdID
		l.sided(cmd)
		l.orderOptions(cmd, c.Customer, c.Exempt, firm)
	case Cancel, Modify:
		c := cmd.Cancel()
		l.Side, l.Ref, l.Qty = c.Side, c.Ref, c.Qty
	case MassCancel, Disable, Enable:
		c := cmd.MassCancel()
		l.Ref, l.Symbol, l.Firm = c.Ref, c.Symbol, c.Firm
		l.sided(cmd)
		if cmd.Flags&engine.FlagMinQty != 0 {
			l.insert(Option{24, uint64(c.Group)})
		}
	}
	return true
}

// verbKinds are the commands of the verbs.
var verbKinds = [...]engine.Kind{
	Enter: engine.KindEnter, Cancel: engine.KindCancel, Modify: engine.KindModify, Replace: engine.KindReplace,
	MassCancel: engine.KindMassCancel, Disable: engine.KindDisable, Enable: engine.KindEnable, Query: engine.KindQuery,
}

// sided carries tag 27 out of a command.
func (l *Line) sided(cmd *engine.Command) {
	if cmd.Side != 0 {
		l.insert(Option{27, uint64(cmd.Side)})
	}
}

// orderOptions carries the options of an Enter or Replace out of it.
func (l *Line) orderOptions(cmd *engine.Command, customer, exempt uint8, firm [4]byte) {
	if cmd.Flags&engine.FlagSweep != 0 {
		l.Sweep = 'Y'
	}
	x := &cmd.Ext
	present := uint32(0)
	if cmd.Flags&engine.FlagExtension != 0 {
		present = x.Present
	}
	set := func(given bool, tag uint8, v uint64) {
		if given {
			l.insert(Option{tag, v})
		}
	}
	set(customer != 0, 4, uint64(customer))
	set(exempt != 0, 134, uint64(exempt))
	set(cmd.Flags&engine.FlagFirm != 0, 2, big(firm[:]))
	for letter, flag := range map[byte]uint8{'P': engine.FlagPostOnly, 'R': engine.FlagPostOnlySlip, 'N': engine.FlagPostOnlyN} {
		set(cmd.Flags&flag != 0, 12, uint64(letter))
	}
	set(present&engine.TagUnknown != 0, 12, '?')
	for _, o := range [...]struct {
		bit uint32
		tag uint8
		v   uint64
	}{
		{engine.Tag2Firm, 2, big(x.Firm[:])},
		{engine.Tag3MinQty, 3, uint64(x.MinQty)},
		{engine.Tag5MaxFloor, 5, uint64(x.MaxFloor)},
		{engine.Tag6PriceType, 6, uint64(x.PriceType)},
		{engine.Tag7PegOffset, 7, uint64(uint32(x.PegOffset))},
		{engine.Tag9Discretion, 9, 0},
		{engine.Tag10DiscretionType, 10, 0},
		{engine.Tag11DiscretionOffset, 11, 0},
		{engine.Tag13Random, 13, uint64(x.Random)},
		{engine.Tag14Route, 14, 0},
		{engine.Tag15TimeToLive, 15, uint64(uint32(x.Expire))},
		{engine.Tag16TradeNow, 16, uint64(x.TradeNow)},
		{engine.Tag17Handling, 17, uint64(x.Handling)},
		{engine.Tag24Group, 24, uint64(x.Group)},
		{engine.Tag25Located, 25, uint64(x.Located)},
		{engine.Tag26Locate, 26, big(x.Locate[:])},
		{engine.Tag29AIQ, 29, uint64(x.AIQ)},
		{engine.Tag30AIQGroup, 30, big(x.AIQGroup[:])},
		{engine.Tag128Stop, 128, x.StopPrice},
		{engine.Tag129Trigger, 129, uint64(x.StopTrigger)},
		{engine.Tag131Trail, 131, uint64(uint32(x.TrailOffset))},
		{engine.Tag132Expire, 132, x.Expire},
	} {
		set(present&o.bit != 0, o.tag, o.v)
	}
}

// big is the integer that bytes make, the first highest.
func big(b []byte) (v uint64) {
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}
