package client

import (
	"math/big"
	"math/bits"

	"matcher/wire/ouch"
)

// State is how far an order has come.
type State uint8

// States. The last six are ends: nothing more happens to the order, but a trade of it may still be broken.
const (
	Sent     State = iota + 1 // not answered yet
	Live                      // accepted: it rests, or waits for its trigger
	Filled                    // all of it is executed
	Canceled                  // what was left of it has been taken off
	Replaced                  // another order has its place
	Rejected                  // refused with a code
	Ignored                   // a replacement whose original was gone when it came
	Lost                      // it never reached the venue: the connection was lost
)

// String returns the name in small letters.
func (s State) String() string {
	names := [...]string{"", "sent", "live", "filled", "canceled", "replaced", "rejected", "ignored", "lost"}
	if int(s) < len(names) && s != 0 {
		return names[s]
	}
	return "unknown"
}

// Ended says whether the order is over.
func (s State) Ended() bool { return s > Live }

// Order is what is known of one of the user's orders. Prices are in wire units, quantities in lots. Executed, Broken and the
// average price count the whole chain of an order and those that it replaced.
type Order struct {
	Ref      uint32 // UserRefNum
	Channel  byte   // UserRefIdx
	State    State
	Orig     uint32 // UserRefNum of the order that it replaced; 0: none
	Side     byte
	Symbol   string
	Price    uint64 // as accepted; of a peg, where it stands now
	Leaves   uint32 // open
	Executed uint32
	Broken   uint32 // of what was executed, by trades that were broken afterwards
	TIF      byte
	Display  byte
	ClOrdID  string
	OrderRef uint64 // the venue's number, as in ITCH; 0: not accepted yet
	Code     uint16 // of a reject
	Reason   byte   // of the last cancel

	high, low uint64 // what the standing executions cost: quantity x price, 128 bits
}

// Cost returns what the executions that stand have cost: the sum of quantity x price, exact.
func (o *Order) Cost() *big.Int {
	cost := new(big.Int).SetUint64(o.high)
	return cost.Add(cost.Lsh(cost, 64), new(big.Int).SetUint64(o.low))
}

// AveragePrice returns the average price of the executions that stand, exact, in wire units; nil if there is none.
func (o *Order) AveragePrice() *big.Rat {
	if o.Executed <= o.Broken {
		return nil
	}
	return new(big.Rat).SetFrac(o.Cost(), new(big.Int).SetUint64(uint64(o.Executed-o.Broken)))
}

// fill is one execution, kept in case the trade is broken.
type fill struct {
	match uint64
	price uint64
	qty   uint32
}

// record is an order with what only the session needs.
type record struct {
	Order
	fills  *[]fill           // of the chain
	next   *record           // a replacement that was asked for, or that has its place
	prev   *record           // what it replaced
	cancel *ouch.CancelOrder // asked for and not answered
}

// execute takes in an execution.
func (r *record) execute(m *ouch.Executed) {
	qty := min(m.Quantity, r.Leaves) // more would be the venue's error; leaves never wrap around
	r.Leaves -= qty
	r.Executed += m.Quantity
	high, low := bits.Mul64(uint64(m.Quantity), m.Price)
	var carry uint64
	r.low, carry = bits.Add64(r.low, low, 0)
	r.high, _ = bits.Add64(r.high, high, carry)
	*r.fills = append(*r.fills, fill{m.MatchNumber, m.Price, m.Quantity})
	if r.Leaves == 0 {
		r.State = Filled
	}
}

// reduce takes off what was cancelled.
func (r *record) reduce(qty uint32, reason byte) {
	r.Leaves -= min(qty, r.Leaves)
	r.Reason = reason
	if reason == ouch.CanceledUser {
		r.cancel = nil // this answers it
	}
	if r.Leaves == 0 {
		r.State = Canceled
	}
}

// bust takes a broken trade out of the cost of the chain, once, and returns it.
func (r *record) bust(match uint64) (f fill) {
	for i := range *r.fills {
		if (*r.fills)[i].match == match {
			f = (*r.fills)[i]
			*r.fills = append((*r.fills)[:i], (*r.fills)[i+1:]...)
			break
		}
	}
	if f.qty == 0 {
		return f
	}
	for c := r; c != nil && (c == r || c.OrderRef != 0); c = c.next { // later links of the chain have inherited the sum
		high, low := bits.Mul64(uint64(f.qty), f.price)
		var borrow uint64
		c.low, borrow = bits.Sub64(c.low, low, 0)
		c.high, _ = bits.Sub64(c.high, high, borrow)
		c.Broken += f.qty
	}
	return f
}

// inherit gives a replacement what its chain has executed.
func (r *record) inherit(from *record) {
	r.Executed, r.Broken, r.high, r.low, r.fills = from.Executed, from.Broken, from.high, from.low, from.fills
}
