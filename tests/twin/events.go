package twin

import (
	"fmt"

	"matcher/engine"
)

// EventLine writes an event as its owner would read it out. What it leaves out (numbers in the streams, the names that
// an order was told by before) is the Ledger's to check.
//
//	1 accepted 7 buy 100 AAPL 10.00 order 3 rests
//	1 replaced 7 by 8 buy 60 AAPL 10.01 order 4 was 3
//	1 executed 8 20 at 10.00 leaves 40 match 1 R
//	1 canceled 8 40 leaves 0 I
//	1 modified 8 sell 50
//	1 reordered 8 leaves 150 at 10.00 order 5 was 4
//	1 rejected 9 0x0F
//	1 decremented 8 50 at 10.00 leaves 0 A D
//	1 refreshed 8 shows 30 leaves 70 at 10.00 order 5 was 4
//	1 triggered 8 leaves 10 at 9.98 order 3
//	1 busted 8 buy 20 at 10.00 match 1 E
//	1 mass-canceled 10, 1 disabled 11, 1 enabled 12, 1 next 13, 1 system S
//
// Behind an order stand time in force and display as in commands, what the book shows if that is neither nothing nor all,
// rests, carried, hidden and pending; behind a fill the liquidity letter, behind a decrement also the letter that asked for
// it, behind Canceled and Broken Trade the reason.
func EventLine(ev *engine.Event) string {
	s := fmt.Sprintf("%d %s", ev.User, eventText(ev))
	if ev.Flags&engine.EventHidden != 0 && ev.Kind != 'A' && ev.Kind != 'U' {
		s += " hidden"
	}
	if ev.Shown != 0 && ev.Shown != ev.Leaves && (ev.Kind != 'R' || ev.Shown != ev.Qty) {
		s += fmt.Sprintf(" shows %d", ev.Shown)
	}
	if ev.Flags&engine.EventPending != 0 {
		s += " pending"
	}
	if ev.Flags&engine.EventRests != 0 {
		s += " rests"
	}
	if ev.Flags&engine.EventCarried != 0 {
		s += " carried"
	}
	return s + idxText(ev.Idx)
}

func eventText(ev *engine.Event) string {
	switch ev.Kind {
	case 'A':
		return fmt.Sprintf("accepted %d %s", ev.Ref, orderText(ev))
	case 'U':
		return fmt.Sprintf("replaced %d by %d %s was %d", ev.OrigRef, ev.Ref, orderText(ev), ev.Link)
	case 'E':
		return fmt.Sprintf("executed %d %d at %s leaves %d match %d %c",
			ev.Ref, ev.Qty, PriceText(ev.Price), ev.Leaves, ev.Link, ev.Reason)
	case 'C':
		return fmt.Sprintf("canceled %d %d leaves %d %c", ev.Ref, ev.Qty, ev.Leaves, ev.Reason)
	case 'M':
		return fmt.Sprintf("modified %d %s %d", ev.Ref, sideText(ev.Side), ev.Qty)
	case 'T':
		return fmt.Sprintf("reordered %d leaves %d at %s order %d was %d",
			ev.Ref, ev.Leaves, PriceText(ev.Price), ev.Order, ev.Link)
	case 'D':
		return fmt.Sprintf("decremented %d %d at %s leaves %d %c %c",
			ev.Ref, ev.Qty, PriceText(ev.Price), ev.Leaves, ev.Reason, ev.TIF)
	case 'R':
		return renewedText(ev)
	case 'B':
		return fmt.Sprintf("busted %d %s %d at %s match %d %c",
			ev.Ref, sideText(ev.Side), ev.Qty, PriceText(ev.Price), ev.Link, ev.Reason) + wordText("clordid", ev.ClOrdID[:])
	case 'J':
		return fmt.Sprintf("rejected %d 0x%02X", ev.Ref, ev.Reason) + wordText("clordid", ev.ClOrdID[:])
	case 'X':
		return fmt.Sprintf("mass-canceled %d", ev.Ref)
	case 'G':
		return fmt.Sprintf("disabled %d", ev.Ref)
	case 'K':
		return fmt.Sprintf("enabled %d", ev.Ref)
	case 'Q':
		return fmt.Sprintf("next %d", ev.Ref)
	case 'S':
		return fmt.Sprintf("system %c", ev.Reason)
	}
	return fmt.Sprintf("event %q %+v", ev.Kind, *ev)
}

// renewedText is Order Restated: a slice that is shown anew, or a stop that was triggered.
func renewedText(ev *engine.Event) string {
	switch ev.Reason {
	case 'R':
		return fmt.Sprintf("refreshed %d shows %d leaves %d at %s order %d was %d",
			ev.Ref, ev.Qty, ev.Leaves, PriceText(ev.Price), ev.Order, ev.Link)
	case 'T':
		return fmt.Sprintf("triggered %d leaves %d at %s order %d", ev.Ref, ev.Leaves, PriceText(ev.Price), ev.Order)
	}
	return fmt.Sprintf("restated %d %c leaves %d", ev.Ref, ev.Reason, ev.Leaves)
}

func orderText(ev *engine.Event) string {
	return fmt.Sprintf("%s %d %s %s order %d", sideText(ev.Side), ev.Qty, symbolOf(ev.Instrument), PriceText(ev.Price),
		ev.Order) + tifText(ev.TIF) + displayText(ev.Display) + letterText("capacity", ev.Capacity, 'A') +
		letterText("cross", ev.Cross, 'N') + wordText("clordid", ev.ClOrdID[:])
}
