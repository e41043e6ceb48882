package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"matcher/engine"
)

// cellLine writes the cells of a journal as lines: `enter seq=6 time=... user=1 ref=1 side=S ...`, or as JSON objects with
// the same names. Numbers are those of the cell (prices in wire units, quantities in lots, times in ns since 1970, users
// and instruments by index); fields that a cell leaves empty are not written.
type cellLine struct {
	asJSON bool
	b      []byte
	cmd    engine.Command
	fill   engine.Fill
	before engine.Kind // of the cell before: what an extension extends
}

// of returns the line of one cell, valid until the next call.
func (l *cellLine) of(cell []byte) []byte {
	kind := engine.Kind(cell[0])
	extended := l.before
	l.before = kind
	l.b = l.b[:0]
	if l.asJSON {
		l.b = append(l.b, `{"kind":"`...)
	}
	l.b = append(l.b, kindName(kind)...)
	if l.asJSON {
		l.b = append(l.b, '"')
	}
	var two [2 * engine.CellSize]byte // an extension is dumped as a cell of its own
	copy(two[:], cell)
	switch kind {
	case engine.KindFill:
		l.fill.Load(cell)
		l.header(&l.fill.Header)
		l.execution(&l.fill)
	case engine.KindExtension:
		two[0], two[1] = byte(engine.KindEnter), engine.FlagExtension
		copy(two[engine.CellSize:], cell)
		l.cmd.Load(two[:])
		switch extended {
		case engine.KindInstrument:
			l.terms(l.cmd.Terms())
		case engine.KindBust:
			l.owner("maker", &l.cmd.Owners().Maker)
			l.owner("taker", &l.cmd.Owners().Taker)
		default:
			l.extension(&l.cmd.Ext)
		}
	default:
		two[engine.CellSize] = byte(engine.KindExtension)
		if l.cmd.Load(two[:]) != 0 {
			l.header(&l.cmd.Header)
			l.command(&l.cmd)
		}
	}
	if l.asJSON {
		l.b = append(l.b, '}')
	}
	l.b = append(l.b, '\n')
	return l.b
}

func kindName(k engine.Kind) string {
	switch k {
	case engine.KindEnter:
		return "enter"
	case engine.KindReplace:
		return "replace"
	case engine.KindCancel:
		return "cancel"
	case engine.KindModify:
		return "modify"
	case engine.KindMassCancel:
		return "masscancel"
	case engine.KindDisable:
		return "disable"
	case engine.KindEnable:
		return "enable"
	case engine.KindQuery:
		return "query"
	case engine.KindRefused:
		return "refused"
	case engine.KindRules:
		return "rules"
	case engine.KindInstrument:
		return "instrument"
	case engine.KindUser:
		return "user"
	case engine.KindDay:
		return "day"
	case engine.KindRestart:
		return "restart"
	case engine.KindDisconnect:
		return "disconnect"
	case engine.KindTick:
		return "tick"
	case engine.KindGate:
		return "gate"
	case engine.KindTrading:
		return "trading"
	case engine.KindBust:
		return "bust"
	case engine.KindCancelFor:
		return "cancelfor"
	case engine.KindFill:
		return "fill"
	case engine.KindExtension:
		return "extension"
	}
	return fmt.Sprintf("kind%d", k)
}

// name begins a field.
func (l *cellLine) name(name string) {
	if l.asJSON {
		l.b = append(l.b, ',', '"')
		l.b = append(append(l.b, name...), '"', ':')
		return
	}
	l.b = append(append(append(l.b, ' '), name...), '=')
}

// num writes a number, 0 too.
func (l *cellLine) num(name string, v uint64) {
	l.name(name)
	l.b = strconv.AppendUint(l.b, v, 10)
}

// given writes a number that is not 0.
func (l *cellLine) given(name string, v uint64) {
	if v != 0 {
		l.num(name, v)
	}
}

// text writes letters that are not blank, quoted if they are not all plain.
func (l *cellLine) text(name string, field ...byte) {
	s := strings.TrimRight(string(field), " \x00")
	if s == "" {
		return
	}
	l.name(name)
	plain := strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\' }) < 0
	switch {
	case l.asJSON:
		quoted, err := json.Marshal(s)
		if err != nil {
			panic(err) // a string is always JSON
		}
		l.b = append(l.b, quoted...)
	case plain:
		l.b = append(l.b, s...)
	default:
		l.b = strconv.AppendQuoteToASCII(l.b, s)
	}
}

func (l *cellLine) header(h *engine.Header) {
	l.num("seq", h.Seq)
	l.num("time", h.Time)
	l.given("instrument", uint64(h.Instrument))
	l.given("user", uint64(h.User))
	l.given("idx", uint64(h.Idx))
	l.given("flags", uint64(h.Flags))
	l.text("side", h.Side)
}

func (l *cellLine) execution(f *engine.Fill) {
	l.num("match", f.Match)
	l.num("maker", f.Maker)
	l.num("taker", f.Taker)
	l.num("price", f.Price)
	l.num("qty", uint64(f.Qty))
	l.num("leaves", uint64(f.MakerLeaves))
}

// command writes what a command has beside its header.
func (l *cellLine) command(cmd *engine.Command) {
	switch cmd.Kind {
	case engine.KindEnter:
		c := cmd.Enter()
		l.order(c.Ref, c.Qty, c.Price)
		l.given("min_qty", uint64(c.MinQty))
		l.lasting(c.TIF, c.Display, c.ClOrdID)
		l.text("capacity", c.Capacity)
		l.text("cross", c.Cross)
		l.text("customer", c.Customer)
		l.text("exempt", c.Exempt)
	case engine.KindReplace:
		c := cmd.Replace()
		l.num("orig_ref", uint64(c.OrigRef))
		l.order(c.Ref, c.Qty, c.Price)
		l.lasting(c.TIF, c.Display, c.ClOrdID)
		l.text("customer", c.Customer)
		l.text("exempt", c.Exempt)
	case engine.KindCancel, engine.KindModify:
		c := cmd.Cancel()
		l.num("ref", uint64(c.Ref))
		l.num("qty", uint64(c.Qty))
	case engine.KindMassCancel, engine.KindDisable, engine.KindEnable:
		c := cmd.MassCancel()
		l.num("ref", uint64(c.Ref))
		l.text("symbol", c.Symbol[:]...)
		l.text("firm", c.Firm[:]...)
		l.given("group", uint64(c.Group))
	case engine.KindRefused:
		c := cmd.Refused()
		l.num("ref", uint64(c.Ref))
		l.num("reason", uint64(c.Reason))
		l.text("message", c.Message)
		l.text("clordid", c.ClOrdID[:]...)
	default:
		l.venue(cmd)
	}
}

func (l *cellLine) order(ref, qty uint32, price uint64) {
	l.num("ref", uint64(ref))
	l.num("qty", uint64(qty))
	l.num("price", price)
}

func (l *cellLine) lasting(tif, display uint8, clOrdID [14]byte) {
	l.text("tif", tif)
	l.text("display", display)
	l.text("clordid", clOrdID[:]...)
}

// venue writes what a command of the venue itself has beside its header.
func (l *cellLine) venue(cmd *engine.Command) {
	switch cmd.Kind {
	case engine.KindRules:
		c := cmd.Rules()
		l.num("version", uint64(c.Version))
		l.num("max_orders", uint64(c.MaxOrders))
		l.num("max_users", uint64(c.MaxUsers))
	case engine.KindInstrument:
		c := cmd.AsInstrument()
		l.text("symbol", c.Symbol[:]...)
		l.num("tick", c.Tick)
		l.num("lot", uint64(c.Lot))
		l.num("max_qty", uint64(c.MaxQty))
		l.num("max_price", c.MaxPrice)
		l.num("price_decimals", uint64(c.PriceDecimals))
		l.num("lot_decimals", uint64(c.LotDecimals))
		l.given("policy", uint64(c.Policy))
	case engine.KindUser:
		c := cmd.AsUser()
		l.text("name", c.Name[:]...)
		l.text("firm", c.Firm[:]...)
		l.given("role", uint64(c.Role))
		l.given("max_open_orders", uint64(c.OpenOrders))
		l.given("max_open_stops", uint64(c.Stops))
		l.given("rate", uint64(c.Rate))
		l.given("burst", uint64(c.Burst))
		l.given("on_drop", uint64(c.OnDrop))
		l.text("self_match", c.SelfMatch)
		l.given("self_level", uint64(c.SelfLevel))
		l.given("self_group", uint64(c.SelfGroup))
	case engine.KindDay:
		c := cmd.Day()
		l.text("event", c.Event)
		l.num("midnight", c.Midnight)
		l.text("session", c.Session[:]...)
		l.given("secret", c.Secret)
	case engine.KindRestart:
		c := cmd.Restart()
		l.num("epoch", c.Epoch)
		l.text("session", c.Session[:]...)
		l.num("mode", uint64(c.Mode))
	case engine.KindDisconnect:
		l.num("cause", uint64(cmd.Disconnect().Cause))
	case engine.KindTick:
		l.num("due", cmd.Tick().Due)
	case engine.KindGate:
		l.num("closed", uint64(cmd.Gate().Closed))
		l.num("cause", uint64(cmd.Gate().Cause))
	case engine.KindTrading:
		l.text("state", cmd.Trading().State)
		l.text("reason", cmd.Trading().Reason[:]...)
	case engine.KindBust:
		c := cmd.Bust()
		l.num("match", c.Match)
		l.num("price", c.Price)
		l.num("qty", uint64(c.Qty))
		l.text("reason", c.Reason)
	case engine.KindCancelFor:
		l.given("account", uint64(cmd.CancelFor().Account))
		l.given("order", cmd.CancelFor().Order)
	}
}

// terms writes the second cell of an instrument, without what is not set.
func (l *cellLine) terms(t *engine.Terms) {
	l.given("fifo_percent", uint64(t.FifoPercent))
	l.given("top_percent", uint64(t.TopPercent))
	l.given("top_max", uint64(t.TopMax))
	l.given("min_alloc", uint64(t.MinAlloc))
	l.given("max_slices", uint64(t.MaxSlices))
	l.given("max_pegs", uint64(t.MaxPegs))
	l.given("max_stops", uint64(t.MaxStops))
	l.given("collar", t.Collar)
	l.given("collar_bp", uint64(t.CollarBP))
	l.given("reference", t.Reference)
}

// owner writes one side of the second cell of a bust.
func (l *cellLine) owner(side string, o *engine.Owner) {
	l.num(side+"_user", uint64(o.User))
	l.given(side+"_idx", uint64(o.Idx))
	l.text(side+"_side", o.Side)
	l.num(side+"_ref", uint64(o.Ref))
	l.text(side+"_clordid", o.ClOrdID[:]...)
}

// extension writes the options that were given.
func (l *cellLine) extension(x *engine.Extension) {
	l.num("present", uint64(x.Present))
	l.text("firm", x.Firm[:]...)
	l.given("min_qty", uint64(x.MinQty))
	l.given("max_floor", uint64(x.MaxFloor))
	l.given("random", uint64(x.Random))
	l.text("price_type", x.PriceType)
	l.offset("peg_offset", x.PegOffset)
	l.given("expire", x.Expire)
	l.text("trade_now", x.TradeNow)
	l.text("handling", x.Handling)
	l.given("group", uint64(x.Group))
	l.text("located", x.Located)
	l.text("locate", x.Locate[:]...)
	l.text("aiq", x.AIQ)
	l.text("aiq_group", x.AIQGroup[:]...)
	l.given("stop", x.StopPrice)
	l.text("trigger", x.StopTrigger)
	l.offset("trail", x.TrailOffset)
}

// offset writes a number with sign that is not 0.
func (l *cellLine) offset(name string, v int32) {
	if v != 0 {
		l.name(name)
		l.b = strconv.AppendInt(l.b, int64(v), 10)
	}
}
