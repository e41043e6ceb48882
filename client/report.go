package client

import "matcher/wire/ouch"

// Kind says what a Report tells.
type Kind uint8

// Kinds. Those up to EntryEnabled are messages of the venue, in order of its numbers; the rest is what the session knows by
// itself.
const (
	OrderAccepted  Kind = iota + 1
	OrderReplaced       // Order is the new one, Orig the UserRefNum of the old one
	OrderExecuted       // Quantity at Price, with Match
	OrderCanceled       // smaller by Quantity, for Reason; over when Leaves is 0
	OrderPrevented      // smaller by Quantity: self-trade prevention decremented it; it would have traded at Price
	OrderRejected       // for Code; also a mass cancel or a word about order entry: then Order has a Ref and no more
	OrderModified       // open quantity is Leaves
	OrderRequeued       // a peg moved, or an order grew: Price and OrderRef are new
	OrderRefreshed      // an iceberg shows another part, of Quantity: OrderRef is new
	OrderTriggered      // a stop is an order now
	TradeBroken         // Match was broken: Quantity at Price
	MassCancelDone      // what it cancels follows
	EntryDisabled       //
	EntryEnabled        //
	DayEvent            // Reason is the event: ouch.EventXxx
	Other               // a message of another type: Message has it
	OrderLost           // an order, or another command, never reached the venue; nothing of it will happen
	OrderIgnored        // a replacement whose original was gone
	Down                // the connection is lost, for Err; the next Recv comes back
	Ready               // all that was missed has been told, what was open is settled: commands are taken
	SessionChanged      // the venue has begun another session: see Session.Recv
)

// String returns the name in words.
func (k Kind) String() string {
	names := [...]string{
		"", "accepted", "replaced", "executed", "canceled", "prevented", "rejected", "modified", "requeued", "refreshed", "triggered",
		"broken", "mass cancel done", "entry disabled", "entry enabled", "day event", "other", "lost", "ignored", "down", "ready",
		"session changed",
	}
	if int(k) < len(names) && k != 0 {
		return names[k]
	}
	return "unknown"
}

// Report is one thing that happened.
type Report struct {
	Kind      Kind
	Sequence  uint64 // of the venue's message; 0: none
	Time      uint64 // of the venue: ns since midnight of the session's day
	Order     Order  // as it stands behind this; its State is 0 if nothing is known of it but its name
	Quantity  uint32
	Price     uint64
	Match     uint64
	Liquidity byte
	Reason    byte
	Code      uint16        // of a reject: ouch.RejectXxx
	Message   ouch.Outbound // the venue's message; nil: none
	Err       error         // of Down
}
