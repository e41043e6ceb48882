package twin

import (
	"fmt"
	"strings"

	"matcher/engine"
)

// option sets one word behind a message.
func (r *reader) option(cmd *engine.Command, word string) {
	name, value, _ := strings.Cut(word, "=")
	order := cmd.Kind == engine.KindEnter || cmd.Kind == engine.KindReplace
	switch {
	case name == "idx" && cmd.Kind != engine.KindUser:
		cmd.Idx = uint8(r.number(value))
	case cmd.Kind == engine.KindRefused && name == "clordid":
		copy(cmd.Refused().ClOrdID[:], fmt.Sprintf("%-14s", value))
	case order && r.fixed(cmd, name, value):
	case order:
		r.tag(cmd, name, value)
	case cmd.Kind == engine.KindUser:
		r.account(cmd.AsUser(), name, value)
	case cmd.Kind == engine.KindMassCancel || cmd.Kind == engine.KindDisable || cmd.Kind == engine.KindEnable:
		r.filter(cmd, name, value)
	default:
		r.fail(fmt.Errorf("%q does not belong here", word))
	}
}

// filter sets what a mass message is narrowed to.
func (r *reader) filter(cmd *engine.Command, name, value string) {
	m := cmd.MassCancel()
	switch name {
	case "firm":
		copy(m.Firm[:], fmt.Sprintf("%-4s", value))
	case "symbol":
		m.Symbol, m.Instrument = padded8(value), InstrumentOf(value)
	case "side":
		m.Side = r.letter(value)
	case "group":
		m.Group = uint16(r.number(value))
		cmd.Flags |= engine.FlagMinQty
	default:
		r.fail(fmt.Errorf("%q is no filter", name))
	}
}

// account sets what an account has beside its firm.
func (r *reader) account(u *engine.User, name, value string) {
	switch name {
	case "selfmatch":
		u.SelfMatch = r.letter(value)
	case "level":
		level, ok := map[string]uint8{
			"account": engine.LevelAccount, "firm": engine.LevelFirm, "group": engine.LevelGroup,
		}[value]
		if u.SelfLevel = level; !ok {
			r.fail(fmt.Errorf("%q is no level", value))
		}
	case "group":
		u.SelfGroup = uint16(r.number(value))
	case "ondrop":
		u.OnDrop = uint8(r.number(value))
	case "orders":
		u.OpenOrders = uint32(r.number(value))
	case "stops":
		u.Stops = uint32(r.number(value))
	case "rate":
		u.Rate = uint32(r.number(value))
	case "burst":
		u.Burst = uint32(r.number(value))
	default:
		r.fail(fmt.Errorf("%q is nothing of an account", name))
	}
}

// places are where the two kinds of orders keep the same fields.
type places struct {
	price                          *uint64
	tif, display, customer, exempt *uint8
	clOrdID                        *[14]byte
}

func placesOf(cmd *engine.Command) places {
	if cmd.Kind == engine.KindEnter {
		m := cmd.Enter()
		return places{&m.Price, &m.TIF, &m.Display, &m.Customer, &m.Exempt, &m.ClOrdID}
	}
	m := cmd.Replace()
	return places{&m.Price, &m.TIF, &m.Display, &m.Customer, &m.Exempt, &m.ClOrdID}
}

// fixed sets what lies in the command's own cell. It says no to a word that does not.
func (r *reader) fixed(cmd *engine.Command, name, value string) bool {
	p := placesOf(cmd)
	switch name {
	case "ioc":
		*p.tif = '3'
	case "fok":
		*p.tif = '4'
	case "gtc":
		*p.tif = '1'
	case "gtt":
		*p.tif = '6'
	case "tif":
		*p.tif = r.letter(value)
	case "hidden":
		*p.display = 'N'
	case "attributable":
		*p.display = 'A'
	case "display":
		*p.display = r.letter(value)
	case "customer":
		*p.customer = r.letter(value)
	case "exempt":
		*p.exempt = r.letter(value)
	case "clordid":
		copy(p.clOrdID[:], fmt.Sprintf("%-14s", value))
	case "sweep":
		cmd.Flags |= engine.FlagSweep
	case "postonly":
		cmd.Flags |= map[string]uint8{
			"P": engine.FlagPostOnly, "N": engine.FlagPostOnlyN, "R": engine.FlagPostOnlySlip,
		}[value]
	default:
		return r.kindly(cmd, name, value)
	}
	return true
}

// kindly sets what only Enter, or only Replace, has in its own cell.
func (r *reader) kindly(cmd *engine.Command, name, value string) bool {
	enter := cmd.Kind == engine.KindEnter
	switch {
	case name == "capacity" && enter:
		cmd.Enter().Capacity = r.letter(value)
	case name == "cross" && enter:
		cmd.Enter().Cross = r.letter(value)
	case name == "minqty" && enter:
		cmd.Enter().MinQty = uint32(r.number(value))
		cmd.Flags |= engine.FlagMinQty
	case name == "firm" && enter && value == firmOf(cmd.User):
		cmd.Flags |= engine.FlagFirm
	case name == "side" && !enter:
		cmd.Side = r.letter(value)
	default:
		return false
	}
	return true
}

// tag sets what lies in the extension cell.
func (r *reader) tag(cmd *engine.Command, name, value string) {
	x, bit := &cmd.Ext, uint32(0)
	switch name {
	case "broken":
		bit = engine.TagBroken
	case "unknown":
		bit = engine.TagUnknown
	case "firm":
		bit, x.Firm = engine.Tag2Firm, [4]byte([]byte(fmt.Sprintf("%-4s", value)))
	case "minqty":
		bit, x.MinQty = engine.Tag3MinQty, uint32(r.number(value))
	case "maxfloor":
		bit, x.MaxFloor = engine.Tag5MaxFloor, uint32(r.number(value))
	case "pricetype":
		bit, x.PriceType = engine.Tag6PriceType, r.letter(value)
	case "pegoffset":
		bit, x.PegOffset = engine.Tag7PegOffset, r.offset(value)
	case "random":
		bit, x.Random = engine.Tag13Random, uint32(r.number(value))
	case "discretion":
		bit = engine.Tag9Discretion
	case "discretiontype":
		bit = engine.Tag10DiscretionType
	case "discretionoffset":
		bit = engine.Tag11DiscretionOffset
	case "route":
		bit = engine.Tag14Route
	case "ttl":
		bit, x.Expire = engine.Tag15TimeToLive, r.number(value)
	case "tradenow":
		bit, x.TradeNow = engine.Tag16TradeNow, r.letter(value)
	case "handling":
		bit, x.Handling = engine.Tag17Handling, r.letter(value)
	case "group":
		bit, x.Group = engine.Tag24Group, uint16(r.number(value))
	case "located":
		bit, x.Located = engine.Tag25Located, r.letter(value)
	case "locate":
		bit, x.Locate = engine.Tag26Locate, [4]byte([]byte(fmt.Sprintf("%-4s", value)))
	case "aiq":
		bit, x.AIQ = engine.Tag29AIQ, r.letter(value)
	case "aiqgroup":
		bit, x.AIQGroup = engine.Tag30AIQGroup, [2]byte([]byte(fmt.Sprintf("%-2s", value)))
	case "stop":
		bit, x.StopPrice = engine.Tag128Stop, r.price(value)
	case "trigger":
		bit, x.StopTrigger = engine.Tag129Trigger, r.letter(value)
	case "trail":
		bit, x.TrailOffset = engine.Tag131Trail, r.offset(value)
	case "expire":
		t, err := clock(value)
		if err != nil {
			r.fail(err)
		}
		bit, x.Expire = engine.Tag132Expire, t
	default:
		r.fail(fmt.Errorf("%q is no option of an order", name))
	}
	x.Present |= bit
	cmd.Flags |= engine.FlagExtension
}
