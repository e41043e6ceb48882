package twin

import (
	"fmt"
	"strings"

	"matcher/engine"
)

// venueText writes a command of the venue's own.
func venueText(cmd *engine.Command) string {
	switch cmd.Kind {
	case engine.KindTick:
		return "tick"
	case engine.KindGate:
		if cmd.Gate().Closed == 0 {
			return "gate open"
		}
		return "gate closed"
	case engine.KindRestart:
		return "restart " + text(cmd.Restart().Session[:])
	case engine.KindUser:
		return accountText(cmd.AsUser())
	case engine.KindDay:
		if d := cmd.Day(); d.Event == 'S' {
			return fmt.Sprintf("openday %s secret=%d", text(d.Session[:]), d.Secret)
		}
		return "closeday"
	case engine.KindInstrument:
		return instrumentText(cmd)
	case engine.KindTrading:
		verb := "resume "
		if cmd.Trading().State == 'H' {
			verb = "halt "
		}
		return verb + symbolOf(cmd.Instrument) + wordText("reason", cmd.Trading().Reason[:])
	case engine.KindBust:
		b := cmd.Bust()
		return fmt.Sprintf("bust %d %s %d %s %c", b.Match, symbolOf(b.Instrument), b.Qty, PriceText(b.Price), b.Reason) +
			ownerText("maker", &cmd.Owners().Maker) + ownerText("taker", &cmd.Owners().Taker)
	case engine.KindCancelFor:
		return "cancelfor" + cancelForText(cmd)
	}
	return fmt.Sprintf("# kind %d", cmd.Kind)
}

// instrumentText names what differs from Setup.
func instrumentText(cmd *engine.Command) string {
	symbol := text(cmd.AsInstrument().Symbol[:])
	var usual engine.Command
	was, s := define(&usual, symbol), "instrument "+symbol
	is := *cmd
	words := define(&is, symbol)
	is = *cmd
	for i, w := range words {
		if w.get() != was[i].get() {
			s += fmt.Sprintf(" %s=%d", w.name, w.get())
		}
	}
	return s
}

func accountText(u *engine.User) string {
	firm := text(u.Firm[:])
	if firm == "" {
		firm = "-"
	}
	s := strings.TrimPrefix(text(u.Name[:]), "USER") + ": account " + firm
	s += letterText("selfmatch", u.SelfMatch, 0)
	switch u.SelfLevel {
	case engine.LevelFirm:
		s += " level=firm"
	case engine.LevelGroup:
		s += " level=group"
	}
	return s + countText("group", uint64(u.SelfGroup)) + countText("ondrop", uint64(u.OnDrop)) +
		countText("orders", uint64(u.OpenOrders)) + countText("stops", uint64(u.Stops)) + countText("rate", uint64(u.Rate)) +
		countText("burst", uint64(u.Burst))
}

func ownerText(word string, o *engine.Owner) string {
	s := fmt.Sprintf(" %s=%d/%d/%c", word, o.User, o.Ref, o.Side)
	id := text(o.ClOrdID[:])
	if o.Idx != 0 || id != "" {
		s += fmt.Sprintf("/%d", o.Idx)
	}
	if id != "" {
		s += "/" + id
	}
	return s
}

func cancelForText(cmd *engine.Command) string {
	s := ""
	if cmd.Instrument != engine.AllInstruments {
		s = " symbol=" + symbolOf(cmd.Instrument)
	}
	return s + letterText("side", cmd.Side, 0) + countText("user", uint64(cmd.CancelFor().Account)) +
		countText("order", cmd.CancelFor().Order)
}

// countText writes a number that is not zero.
func countText(word string, n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" %s=%d", word, n)
}
