package gateway

import (
	"matcher/engine"
	"matcher/wire/ouch"
)

// extension names for each tag that lives in an extension cell its bit in ouch.Options and its bit in engine.Extension.
var extension = [...]struct {
	option uint64
	bit    uint32
}{
	{ouch.Tag5MaxFloor, engine.Tag5MaxFloor},
	{ouch.Tag6PriceType, engine.Tag6PriceType},
	{ouch.Tag7PegOffset, engine.Tag7PegOffset},
	{ouch.Tag9DiscretionPrice, engine.Tag9Discretion},
	{ouch.Tag10DiscretionPriceType, engine.Tag10DiscretionType},
	{ouch.Tag11DiscretionPegOffset, engine.Tag11DiscretionOffset},
	{ouch.Tag13RandomReserves, engine.Tag13Random},
	{ouch.Tag14Route, engine.Tag14Route},
	{ouch.Tag15ExpireTime, engine.Tag15TimeToLive},
	{ouch.Tag16TradeNow, engine.Tag16TradeNow},
	{ouch.Tag17HandleInst, engine.Tag17Handling},
	{ouch.Tag24GroupID, engine.Tag24Group},
	{ouch.Tag25SharesLocated, engine.Tag25Located},
	{ouch.Tag26LocateBroker, engine.Tag26Locate},
	{ouch.Tag29AIQStrategy, engine.Tag29AIQ},
	{ouch.Tag30AIQGroup, engine.Tag30AIQGroup},
	{ouch.Tag128StopPrice, engine.Tag128Stop},
	{ouch.Tag129StopTrigger, engine.Tag129Trigger},
	{ouch.Tag131TrailOffset, engine.Tag131Trail},
	{ouch.Tag132ExpireAt, engine.Tag132Expire},
}

// extend puts the options of an Enter or Replace where the engine looks for them: flags, or an extension cell for what a
// plain order does not have.
func (g *Gateway) extend(cmd *engine.Command, o *ouch.Options, user uint16) {
	if o.Present&ouch.Tag12PostOnly != 0 {
		switch o.PostOnly {
		case 'P':
			cmd.Flags |= engine.FlagPostOnly
		case 'R':
			cmd.Flags |= engine.FlagPostOnlySlip
		case 'N':
			cmd.Flags |= engine.FlagPostOnlyN
		default: // an instruction that we do not know must not be taken for none
			g.needExtension(cmd)
			cmd.Ext.Present |= engine.TagUnknown
		}
	}
	if o.Present&ouch.Tag2Firm != 0 && o.Firm != [4]byte{' ', ' ', ' ', ' '} { // spaces: the account's own
		if o.Firm == g.cfg.Engine.Firm(user) {
			cmd.Flags |= engine.FlagFirm
		} else {
			g.needExtension(cmd)
			cmd.Ext.Present |= engine.Tag2Firm
			cmd.Ext.Firm = o.Firm
		}
	}
	bits := uint32(0)
	for i := range extension {
		if o.Present&extension[i].option != 0 {
			bits |= extension[i].bit
		}
	}
	if bits == 0 {
		return
	}
	g.needExtension(cmd)
	e := &cmd.Ext
	e.Present |= bits
	e.Group, e.Locate, e.StopPrice = o.GroupID, o.LocateBroker, o.StopPrice
	e.MaxFloor, e.Random, e.PegOffset, e.TrailOffset = o.MaxFloor, o.RandomReserves, o.PegOffset, o.TrailOffset
	e.AIQGroup, e.PriceType, e.TradeNow, e.Handling = o.AIQGroup, o.PriceType, o.TradeNow, o.HandleInst
	e.Located, e.AIQ, e.StopTrigger = o.SharesLocated, o.AIQStrategy, o.StopTrigger
	e.Expire = uint64(o.ExpireTime)
	if o.Present&ouch.Tag132ExpireAt != 0 {
		e.Expire = o.ExpireAt
	}
}

// needExtension gives a command an empty extension cell if it has none.
func (g *Gateway) needExtension(cmd *engine.Command) {
	if cmd.Flags&engine.FlagExtension == 0 {
		cmd.Flags |= engine.FlagExtension
		cmd.Ext = engine.Extension{Kind: engine.KindExtension}
	}
}

// echo returns the tags of a new order that this venue understood, as Accepted and Replaced repeat them. Only an order that
// came with options has any.
func (g *Gateway) echo(cmd *engine.Command, ev *engine.Event) []byte {
	if cmd.User != ev.User || ev.Flags&engine.EventCarried != 0 {
		return g.channel(ev)
	}
	c := cmd.Enter() // a Replace has these fields in the same places, but for the minimum quantity
	if cmd.Flags == 0 && cmd.Idx == 0 && c.Customer == 0 && c.Exempt == 0 {
		return nil
	}
	o := ouch.Options{Exempt: c.Exempt, UserRefIdx: cmd.Idx}
	if c.Exempt != 0 {
		o.Present |= ouch.Tag134Exempt
	}
	if cmd.Idx != 0 {
		o.Present |= ouch.Tag28UserRefIdx
	}
	if cmd.Flags&engine.FlagFirm != 0 {
		o.Present |= ouch.Tag2Firm
		o.Firm = g.cfg.Engine.Firm(ev.User)
	}
	if letter := postOnly(cmd.Flags); letter != 0 {
		o.Present |= ouch.Tag12PostOnly
		o.PostOnly = letter
	}
	if ev.Kind == 'A' {
		if c.Customer != 0 {
			o.Present |= ouch.Tag4CustomerType
			o.CustomerType = c.Customer
		}
		if cmd.Flags&engine.FlagMinQty != 0 {
			o.Present |= ouch.Tag3MinQty
			o.MinQty = c.MinQty
		}
	}
	if cmd.Flags&engine.FlagExtension != 0 {
		echoExtension(&o, &cmd.Ext, ev.Kind)
	}
	return o.Append(g.tags[:0])
}

func postOnly(flags uint8) byte {
	switch {
	case flags&engine.FlagPostOnly != 0:
		return 'P'
	case flags&engine.FlagPostOnlySlip != 0:
		return 'R'
	case flags&engine.FlagPostOnlyN != 0:
		return 'N'
	}
	return 0
}

// echoed are the tags of an extension that Accepted repeats, echoedReplaced those that Replaced does (OUCH 5.0), and with
// both the private ones that an order is carried out by.
const (
	echoedReplaced = engine.Tag5MaxFloor | engine.Tag6PriceType | engine.Tag15TimeToLive | engine.Tag16TradeNow |
		engine.Tag29AIQ | engine.Tag30AIQGroup |
		engine.Tag128Stop | engine.Tag129Trigger | engine.Tag131Trail | engine.Tag132Expire
	echoed = echoedReplaced | engine.Tag7PegOffset | engine.Tag13Random | engine.Tag24Group | engine.Tag25Located
)

func echoExtension(o *ouch.Options, e *engine.Extension, kind uint8) {
	bits := e.Present & echoed
	if kind == 'U' {
		bits = e.Present & echoedReplaced
		if e.Present&engine.Tag3MinQty != 0 {
			o.Present |= ouch.Tag3MinQty
			o.MinQty = e.MinQty
		}
	}
	for i := range extension {
		if bits&extension[i].bit != 0 {
			o.Present |= extension[i].option
		}
	}
	o.PriceType, o.TradeNow, o.GroupID, o.SharesLocated = e.PriceType, e.TradeNow, e.Group, e.Located
	o.MaxFloor, o.RandomReserves, o.PegOffset = e.MaxFloor, e.Random, e.PegOffset
	o.StopPrice, o.StopTrigger, o.TrailOffset = e.StopPrice, e.StopTrigger, e.TrailOffset
	o.AIQStrategy, o.AIQGroup = e.AIQ, e.AIQGroup
	o.ExpireTime, o.ExpireAt = uint32(e.Expire), e.Expire
}

// channel returns tag 28 for an order of another channel than the default one, else nothing: a client that never used the
// tag never meets it.
func (g *Gateway) channel(ev *engine.Event) []byte {
	if ev.Idx == 0 {
		return nil
	}
	o := ouch.Options{Present: ouch.Tag28UserRefIdx, UserRefIdx: ev.Idx}
	return o.Append(g.tags[:0])
}

// restated returns what a restatement tells: the order's reference on the feed, and of a refresh the new displayed part.
func (g *Gateway) restated(ev *engine.Event) []byte {
	o := ouch.Options{
		Present: ouch.Tag1SecondaryOrderRef, SecondaryOrderRef: ev.Order, DisplayQuantity: ev.Qty, UserRefIdx: ev.Idx,
	}
	if byte(ev.Reason) == ouch.RestatedRefresh {
		o.Present |= ouch.Tag22DisplayQuantity
	}
	if ev.Idx != 0 {
		o.Present |= ouch.Tag28UserRefIdx
	}
	return o.Append(g.tags[:0])
}

// filters returns what a Mass Cancel asked for beside firm and symbol.
func (g *Gateway) filters(c *engine.MassCancel) []byte {
	o := ouch.Options{GroupID: c.Group, Side: c.Side, UserRefIdx: c.Idx}
	if c.Flags&engine.FlagMinQty != 0 {
		o.Present |= ouch.Tag24GroupID
	}
	if c.Side != 0 {
		o.Present |= ouch.Tag27Side
	}
	if c.Idx != 0 {
		o.Present |= ouch.Tag28UserRefIdx
	}
	return o.Append(g.tags[:0])
}
