package twin

import (
	"fmt"
	"math/bits"
	"strings"

	"matcher/engine"
)

// Lines writes a command as Command reads it, with a line that sets the clock before it where that is needed.
func (n *Notation) Lines(cmd *engine.Command) string {
	s := line(cmd)
	if cmd.Time != n.said {
		n.said = cmd.Time
		s = "at " + clockText(cmd.Time) + "\n" + s
	}
	return s
}

func line(cmd *engine.Command) string {
	user := fmt.Sprintf("%d: ", cmd.User)
	switch cmd.Kind {
	case engine.KindEnter:
		m := cmd.Enter()
		return user + fmt.Sprintf("enter %d %s %d %s %s", m.Ref, sideText(m.Side), m.Qty, symbolOf(m.Instrument),
			PriceText(m.Price)) + optionsText(cmd)
	case engine.KindReplace:
		m := cmd.Replace()
		return user + fmt.Sprintf("replace %d with %d %d %s", m.OrigRef, m.Ref, m.Qty, PriceText(m.Price)) + optionsText(cmd)
	case engine.KindCancel:
		return user + fmt.Sprintf("cancel %d to %d", cmd.Cancel().Ref, cmd.Cancel().Qty) + idxText(cmd.Idx)
	case engine.KindModify:
		m := cmd.Cancel()
		return user + fmt.Sprintf("modify %d %s %d", m.Ref, sideText(m.Side), m.Qty) + idxText(cmd.Idx)
	case engine.KindMassCancel:
		return user + fmt.Sprintf("masscancel %d", cmd.MassCancel().Ref) + filtersText(cmd)
	case engine.KindDisable:
		return user + fmt.Sprintf("disable %d", cmd.MassCancel().Ref) + filtersText(cmd)
	case engine.KindEnable:
		return user + fmt.Sprintf("enable %d", cmd.MassCancel().Ref) + filtersText(cmd)
	case engine.KindQuery:
		return user + "query" + idxText(cmd.Idx)
	case engine.KindRefused:
		m := cmd.Refused()
		return user + fmt.Sprintf("refused %d %#02x", m.Ref, m.Reason) + wordText("clordid", m.ClOrdID[:]) + idxText(cmd.Idx)
	case engine.KindDisconnect:
		return user + "disconnect"
	}
	return venueText(cmd)
}

func filtersText(cmd *engine.Command) string {
	m, s := cmd.MassCancel(), ""
	if m.Flags&engine.FlagMinQty != 0 {
		s += fmt.Sprintf(" group=%d", m.Group)
	}
	if m.Side != 0 {
		s += fmt.Sprintf(" side=%c", m.Side)
	}
	return s + wordText("symbol", m.Symbol[:]) + wordText("firm", m.Firm[:]) + idxText(cmd.Idx)
}

// optionsText writes everything behind the fixed part of an order.
func optionsText(cmd *engine.Command) string {
	p := placesOf(cmd)
	s := tifText(*p.tif) + displayText(*p.display) + wordText("clordid", p.clOrdID[:])
	s += letterText("customer", *p.customer, 0) + letterText("exempt", *p.exempt, 0)
	if cmd.Kind == engine.KindEnter {
		m := cmd.Enter()
		s += letterText("capacity", m.Capacity, 'A') + letterText("cross", m.Cross, 'N')
		if m.Flags&engine.FlagMinQty != 0 {
			s += fmt.Sprintf(" minqty=%d", m.MinQty)
		}
		if m.Flags&engine.FlagFirm != 0 {
			s += " firm=" + firmOf(m.User)
		}
	} else {
		s += letterText("side", cmd.Side, 0)
	}
	for _, f := range []struct {
		flag uint8
		word string
	}{
		{engine.FlagSweep, " sweep"},
		{engine.FlagPostOnly, " postonly=P"},
		{engine.FlagPostOnlyN, " postonly=N"},
		{engine.FlagPostOnlySlip, " postonly=R"},
	} {
		if cmd.Flags&f.flag != 0 {
			s += f.word
		}
	}
	if cmd.Flags&engine.FlagExtension != 0 {
		for present := cmd.Ext.Present; present != 0; present &= present - 1 {
			s += tagText(&cmd.Ext, 1<<bits.TrailingZeros32(present))
		}
	}
	return s + idxText(cmd.Idx)
}

func tagText(x *engine.Extension, bit uint32) string {
	switch bit {
	case engine.TagBroken:
		return " broken"
	case engine.TagUnknown:
		return " unknown"
	case engine.Tag2Firm:
		return " firm=" + text(x.Firm[:])
	case engine.Tag3MinQty:
		return fmt.Sprintf(" minqty=%d", x.MinQty)
	case engine.Tag5MaxFloor:
		return fmt.Sprintf(" maxfloor=%d", x.MaxFloor)
	case engine.Tag6PriceType:
		return fmt.Sprintf(" pricetype=%c", x.PriceType)
	case engine.Tag7PegOffset:
		return " pegoffset=" + offsetText(x.PegOffset)
	case engine.Tag9Discretion:
		return " discretion"
	case engine.Tag10DiscretionType:
		return " discretiontype"
	case engine.Tag11DiscretionOffset:
		return " discretionoffset"
	case engine.Tag13Random:
		return fmt.Sprintf(" random=%d", x.Random)
	case engine.Tag14Route:
		return " route"
	case engine.Tag15TimeToLive:
		return fmt.Sprintf(" ttl=%d", x.Expire)
	case engine.Tag16TradeNow:
		return fmt.Sprintf(" tradenow=%c", x.TradeNow)
	case engine.Tag17Handling:
		return fmt.Sprintf(" handling=%c", x.Handling)
	case engine.Tag24Group:
		return fmt.Sprintf(" group=%d", x.Group)
	case engine.Tag25Located:
		return fmt.Sprintf(" located=%c", x.Located)
	case engine.Tag26Locate:
		return " locate=" + text(x.Locate[:])
	case engine.Tag29AIQ:
		return fmt.Sprintf(" aiq=%c", x.AIQ)
	case engine.Tag30AIQGroup:
		return " aiqgroup=" + text(x.AIQGroup[:])
	case engine.Tag128Stop:
		return " stop=" + PriceText(x.StopPrice)
	case engine.Tag129Trigger:
		return fmt.Sprintf(" trigger=%c", x.StopTrigger)
	case engine.Tag131Trail:
		return " trail=" + offsetText(x.TrailOffset)
	case engine.Tag132Expire:
		return " expire=" + clockText(x.Expire)
	}
	return fmt.Sprintf(" present=%#x", bit)
}

func sideText(side uint8) string {
	switch side {
	case 'B':
		return "buy"
	case 'S':
		return "sell"
	case 'T':
		return "short"
	case 'E':
		return "exempt"
	case 0:
		return "-"
	}
	return string(rune(side))
}

func tifText(tif uint8) string {
	switch tif {
	case '0':
		return ""
	case '1':
		return " gtc"
	case '3':
		return " ioc"
	case '4':
		return " fok"
	case '6':
		return " gtt"
	}
	return letterText("tif", tif, '0')
}

func displayText(display uint8) string {
	switch display {
	case 'N':
		return " hidden"
	case 'A':
		return " attributable"
	}
	return letterText("display", display, 'Y')
}

// letterText writes a letter that is not the usual one.
func letterText(word string, letter, usual uint8) string {
	switch letter {
	case usual:
		return ""
	case 0:
		return " " + word + "=-"
	}
	return fmt.Sprintf(" %s=%c", word, letter)
}

// wordText writes text that is not blank.
func wordText(word string, b []byte) string {
	if s := text(b); s != "" {
		return " " + word + "=" + s
	}
	return ""
}

func idxText(idx uint8) string {
	if idx == 0 {
		return ""
	}
	return fmt.Sprintf(" idx=%d", idx)
}

// text returns padded letters as a string.
func text(b []byte) string { return strings.TrimRight(string(b), " \x00") }
