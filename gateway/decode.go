package gateway

import (
	"errors"

	"matcher/engine"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// decode turns one OUCH message into a command. Letters, prices and quantities go on as they came: the engine judges them
// after they are sequenced. False: there is no command, because the message is of no use (the connection is closed) or
// because there is nothing to answer.
func (g *Gateway) decode(c int32, b []byte, cmd *engine.Command) bool {
	user := g.conns[c].user
	var o ouch.Options
	var err error
	switch kind := messageType(b); kind {
	case ouch.TypeEnterOrder:
		err = g.enter(b, user, &o, cmd)
	case ouch.TypeCancelOrder:
		err = cancel(b, user, &o, cmd)
	case ouch.TypeReplaceOrder:
		err = g.replace(b, user, &o, cmd)
	case ouch.TypeModifyOrder:
		err = modify(b, user, &o, cmd)
	case ouch.TypeAccountQuery:
		err = query(b, user, &o, cmd)
	case ouch.TypeMassCancel:
		err = g.massCancel(b, user, &o, cmd)
	case ouch.TypeDisableEntry, ouch.TypeEnableEntry:
		err = toggle(b, kind, user, &o, cmd)
	default:
		g.close(c, engine.CauseKicked, "unknown OUCH message type")
		return false
	}
	switch {
	case err == nil:
		return true
	case errors.Is(err, errSilent):
		return false
	}
	g.close(c, engine.CauseKicked, "OUCH message too short")
	return false
}

// Soon makes cmd what can be known of the packet that data begins with before its turn, of a connection whose next whole packet
// or a later one it is: enough for a hint to the engine (engine.Soon), no more. It returns the size of the packet, 0 if it is
// not there whole. Nothing is acted on.
func (g *Gateway) Soon(c int32, data []byte, cmd *engine.Command) int {
	cn := &g.conns[c]
	size := packetSize(data)
	if size < soupbin.HeaderSize || size > len(data) || uint32(cn.part)|cn.skip != 0 {
		return 0
	}
	cmd.Header = engine.Header{User: cn.user}
	if data[2] != soupbin.UnsequencedData || cn.state != live {
		return size
	}
	b := data[soupbin.HeaderSize:size]
	switch messageType(b) {
	case ouch.TypeEnterOrder:
		var m ouch.EnterOrder
		if !short(m.Decode(b)) {
			cmd.Kind, cmd.Instrument, cmd.Side = engine.KindEnter, g.cfg.Engine.Lookup(m.Symbol), m.Side
			cmd.Enter().Price = m.Price
		}
	case ouch.TypeCancelOrder:
		var m ouch.CancelOrder
		if !short(m.Decode(b)) {
			cmd.Kind, cmd.Cancel().Ref = engine.KindCancel, m.UserRefNum
		}
	case ouch.TypeReplaceOrder:
		var m ouch.ReplaceOrder
		if !short(m.Decode(b)) {
			cmd.Kind, cmd.Replace().OrigRef = engine.KindReplace, m.OrigUserRefNum
		}
	case ouch.TypeModifyOrder:
		var m ouch.ModifyOrder
		if !short(m.Decode(b)) {
			cmd.Kind, cmd.Cancel().Ref = engine.KindModify, m.UserRefNum
		}
	}
	return size
}

// errSilent is a broken Cancel, Modify or Account Query: OUCH has no answer that refuses one, so nothing happens.
var errSilent = errors.New("gateway: nothing to answer")

func messageType(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

// options reads an appendage. False: it cannot be read to its end; what came before the fault is in o.
func options(err error, app []byte, o *ouch.Options) bool {
	if len(app) == 0 {
		return err == nil
	}
	return o.Decode(app) == nil && err == nil
}

// short says whether a message is of no use at all.
func short(err error) bool { return err != nil && !errors.Is(err, ouch.ErrAppendage) }

// refusal makes cmd a Refused command: the message used up its UserRefNum, and the answer is Rejected.
func refusal(cmd *engine.Command, user uint16, idx uint8, ref uint32, kind byte, clOrdID [14]byte) {
	*cmd.Refused() = engine.Refused{
		Header: engine.Header{Kind: engine.KindRefused, User: user, Idx: idx},
		Ref:    ref, Reason: ouch.RejectOther, Message: kind, ClOrdID: clOrdID,
	}
}

// noClOrdID is the ClOrdID of a message that has none.
var noClOrdID = [14]byte{' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '}

func (g *Gateway) enter(b []byte, user uint16, o *ouch.Options, cmd *engine.Command) error {
	var m ouch.EnterOrder
	err := m.Decode(b)
	if short(err) {
		return err
	}
	if !options(err, m.Appendage, o) {
		refusal(cmd, user, o.UserRefIdx, m.UserRefNum, ouch.TypeEnterOrder, m.ClOrdID)
		return nil
	}
	*cmd.Enter() = engine.Enter{
		Header: engine.Header{
			Kind: engine.KindEnter, Instrument: g.cfg.Engine.Lookup(m.Symbol), User: user, Idx: o.UserRefIdx, Side: m.Side,
		},
		Ref: m.UserRefNum, Qty: m.Quantity, Price: m.Price,
		TIF: m.TimeInForce, Display: m.Display, Capacity: m.Capacity, Cross: m.CrossType, ClOrdID: m.ClOrdID,
	}
	if m.Sweep == 'Y' {
		cmd.Flags |= engine.FlagSweep
	}
	if len(m.Appendage) != 0 {
		e := cmd.Enter()
		if o.Present&ouch.Tag3MinQty != 0 {
			cmd.Flags |= engine.FlagMinQty
			e.MinQty = o.MinQty
		}
		e.Customer, e.Exempt = o.CustomerType, o.Exempt
		g.extend(cmd, o, user)
	}
	return nil
}

func (g *Gateway) replace(b []byte, user uint16, o *ouch.Options, cmd *engine.Command) error {
	var m ouch.ReplaceOrder
	err := m.Decode(b)
	if short(err) {
		return err
	}
	good := options(err, m.Appendage, o)
	*cmd.Replace() = engine.Replace{
		Header: engine.Header{Kind: engine.KindReplace, User: user, Idx: o.UserRefIdx, Side: o.Side},
		Ref:    m.UserRefNum, OrigRef: m.OrigUserRefNum, Qty: m.Quantity, Price: m.Price,
		TIF: m.TimeInForce, Display: m.Display, ClOrdID: m.ClOrdID,
	}
	if m.Sweep == 'Y' {
		cmd.Flags |= engine.FlagSweep
	}
	if !good {
		cmd.Flags |= engine.FlagExtension
		cmd.Ext = engine.Extension{Kind: engine.KindExtension, Present: engine.TagBroken}
		return nil
	}
	if len(m.Appendage) != 0 {
		r := cmd.Replace()
		r.Customer, r.Exempt = o.CustomerType, o.Exempt
		g.extend(cmd, o, user)
		if o.Present&ouch.Tag3MinQty != 0 { // the command's own place for it is the original's number
			g.needExtension(cmd)
			cmd.Ext.Present |= engine.Tag3MinQty
			cmd.Ext.MinQty = o.MinQty
		}
	}
	return nil
}

func cancel(b []byte, user uint16, o *ouch.Options, cmd *engine.Command) error {
	var m ouch.CancelOrder
	err := m.Decode(b)
	if short(err) {
		return err
	}
	if !options(err, m.Appendage, o) {
		return errSilent
	}
	*cmd.Cancel() = engine.Cancel{
		Header: engine.Header{Kind: engine.KindCancel, User: user, Idx: o.UserRefIdx},
		Ref:    m.UserRefNum, Qty: m.Quantity,
	}
	return nil
}

func modify(b []byte, user uint16, o *ouch.Options, cmd *engine.Command) error {
	var m ouch.ModifyOrder
	err := m.Decode(b)
	if short(err) {
		return err
	}
	if !options(err, m.Appendage, o) {
		return errSilent
	}
	*cmd.Cancel() = engine.Cancel{
		Header: engine.Header{Kind: engine.KindModify, User: user, Idx: o.UserRefIdx, Side: m.Side},
		Ref:    m.UserRefNum, Qty: m.Quantity,
	}
	return nil
}

func query(b []byte, user uint16, o *ouch.Options, cmd *engine.Command) error {
	var m ouch.AccountQuery
	err := m.Decode(b)
	if short(err) {
		return err
	}
	if !options(err, m.Appendage, o) {
		return errSilent
	}
	*cmd.Cancel() = engine.Cancel{Header: engine.Header{Kind: engine.KindQuery, User: user, Idx: o.UserRefIdx}}
	return nil
}

func (g *Gateway) massCancel(b []byte, user uint16, o *ouch.Options, cmd *engine.Command) error {
	var m ouch.MassCancel
	err := m.Decode(b)
	if short(err) {
		return err
	}
	if !options(err, m.Appendage, o) {
		refusal(cmd, user, o.UserRefIdx, m.UserRefNum, ouch.TypeMassCancel, noClOrdID)
		return nil
	}
	instrument := engine.AllInstruments
	if m.Symbol != allSymbols {
		instrument = g.cfg.Engine.Lookup(m.Symbol)
	}
	*cmd.MassCancel() = engine.MassCancel{
		Header: engine.Header{
			Kind: engine.KindMassCancel, Instrument: instrument, User: user, Idx: o.UserRefIdx, Side: o.Side,
		},
		Ref: m.UserRefNum, Symbol: m.Symbol, Firm: m.Firm,
	}
	if o.Present&ouch.Tag24GroupID != 0 {
		cmd.Flags |= engine.FlagMinQty
		cmd.MassCancel().Group = o.GroupID
	}
	return nil
}

var allSymbols = [8]byte{' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '}

func toggle(b []byte, kind byte, user uint16, o *ouch.Options, cmd *engine.Command) error {
	var m ouch.DisableEntry // Enable Order Entry has the same layout
	var err error
	command := engine.KindDisable
	if kind == ouch.TypeEnableEntry {
		var e ouch.EnableEntry
		err = e.Decode(b)
		m, command = ouch.DisableEntry(e), engine.KindEnable
	} else {
		err = m.Decode(b)
	}
	if short(err) {
		return err
	}
	if !options(err, m.Appendage, o) {
		refusal(cmd, user, o.UserRefIdx, m.UserRefNum, kind, noClOrdID)
		return nil
	}
	*cmd.MassCancel() = engine.MassCancel{
		Header: engine.Header{Kind: command, User: user, Idx: o.UserRefIdx},
		Ref:    m.UserRefNum, Symbol: allSymbols, Firm: m.Firm,
	}
	return nil
}
