package main

import (
	"encoding/binary"
	"math/rand/v2"

	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// benchOrder is what a client remembers of a UserRefNum. Times are ns of the run's clock.
type benchOrder struct {
	due, sent     int64 // of the message that used the number
	askDue, asked int64 // of the message about the order that is unanswered
	ref, leaves   uint32
	link          uint32    // of a Replace: the number it replaces; of an order being replaced: the new number
	kind, asks    benchKind // of these two messages
	buy           bool
	waiting       bool // the first is unanswered
	asking        bool // the second is
	live          bool
}

// benchOrders are the orders of one client: it makes messages and takes answers in. An answer ends the wait of exactly one
// message; what can have none (a cancel that crossed the order's last fill) ends when that is known.
type benchOrders struct {
	b        *bench
	table    []benchOrder // a power of two: a number's place is its last bits
	next     uint32       // UserRefNum
	inFlight int          // messages unanswered
	entering int          // of these: entries that may come to rest
	random   *rand.Rand
	resting  []uint32 // ring of the numbers of live orders, oldest first; some have died since
	head     uint32
	tail     uint32
	user     *flowUser // of a flow, with line next to be sent
	line     int

	enter   [soupbin.HeaderSize + ouch.EnterOrderSize]byte
	replace [soupbin.HeaderSize + ouch.ReplaceOrderSize]byte
	cancel  [soupbin.HeaderSize + ouch.CancelOrderSize]byte
	found   *found
}

func newBenchOrders(b *bench, user *flowUser, client int, first uint32, found *found) *benchOrders {
	o := &benchOrders{b: b, next: first, user: user, found: found, random: rand.New(rand.NewPCG(b.seed, uint64(client)))}
	need := 4 * (b.depth + b.window)
	if user != nil {
		need = int(user.refs) + 1
	}
	size := 64
	for size < need {
		size *= 2
	}
	o.table = make([]benchOrder, size)
	o.resting = make([]uint32, size)
	e := ouch.EnterOrder{
		Side: ouch.SideBuy, Quantity: b.quantity, Symbol: ouch.Symbol(b.instrument.Symbol), Price: b.mid, TimeInForce: ouch.TIFDay,
		Display: ouch.DisplayVisible, Capacity: ouch.CapacityPrincipal, Sweep: ouch.No, CrossType: ouch.CrossContinuous, ClOrdID: ouch.ClOrdID(""),
	}
	r := ouch.ReplaceOrder{Quantity: b.quantity, Price: b.mid, TimeInForce: ouch.TIFDay, Display: ouch.DisplayVisible, Sweep: ouch.No, ClOrdID: ouch.ClOrdID("")}
	soupbin.AppendUnsequenced(o.enter[:0], e.Append(nil))
	soupbin.AppendUnsequenced(o.replace[:0], r.Append(nil))
	soupbin.AppendUnsequenced(o.cancel[:0], (&ouch.CancelOrder{}).Append(nil))
	return o
}

func (o *benchOrders) at(ref uint32) *benchOrder { return &o.table[ref&uint32(len(o.table)-1)] }

// message appends the next message to out, or nothing if it must wait for an answer.
func (o *benchOrders) message(out []byte, due, now int64) []byte {
	if o.user != nil {
		return o.flowLine(out, due, now)
	}
	if rec := o.at(o.next); rec.live || rec.waiting || rec.asking { // an old order stands in the way: it goes
		if !rec.live || rec.asking {
			return out
		}
		return o.ask(out, rec, due, now)
	}
	m := &o.b.mix
	draw, kind := o.random.Uint32N(m.total), benchEnter
	for draw >= m.upTo[kind] {
		kind++
	}
	if kind == benchEnter && int(o.tail-o.head)+o.entering >= o.b.depth {
		kind = benchCancel
	}
	switch kind {
	case benchCancel:
		if rec := o.oldest(); rec != nil {
			return o.ask(out, rec, due, now)
		}
	case benchReplace:
		if rec := o.oldest(); rec != nil {
			return o.swap(out, rec, due, now)
		}
	case benchAggressive:
		return o.entry(out, benchAggressive, due, now)
	}
	return o.entry(out, benchEnter, due, now)
}

// oldest takes the oldest live order off the list, nil if there is none.
func (o *benchOrders) oldest() *benchOrder {
	for o.head != o.tail {
		ref := o.resting[o.head&uint32(len(o.resting)-1)]
		o.head++
		if rec := o.at(ref); rec.ref == ref && rec.live && !rec.asking {
			return rec
		}
	}
	return nil
}

// rest puts a live order behind the others.
func (o *benchOrders) rest(ref uint32) {
	if o.user == nil {
		o.resting[o.tail&uint32(len(o.resting)-1)] = ref
		o.tail++
	}
}

// entry enters an order: buys below the middle, sells above it; an aggressive one reaches to the far end of the other side.
func (o *benchOrders) entry(out []byte, kind benchKind, due, now int64) []byte {
	draw := o.random.Uint32()
	buy, tif, price := draw&1 == 0, ouch.TIFDay, uint64(0)
	if kind == benchAggressive {
		tif, price = ouch.TIFIOC, o.price(!buy, spreadTicks)
	} else {
		price = o.price(buy, 1+uint64(draw>>1)%spreadTicks)
		o.entering++
	}
	m := o.enter[soupbin.HeaderSize:]
	binary.BigEndian.PutUint32(m[1:], o.next)
	m[5] = ouch.SideSell
	if buy {
		m[5] = ouch.SideBuy
	}
	binary.BigEndian.PutUint64(m[18:], price)
	m[26] = tif
	*o.at(o.next) = benchOrder{ref: o.next, due: due, sent: now, kind: kind, buy: buy, waiting: true}
	o.inFlight++
	o.next++
	o.found.send(kind, due)
	return append(out, o.enter[:]...)
}

// price is so many ticks on one side of the middle.
func (o *benchOrders) price(buy bool, ticks uint64) uint64 {
	if buy {
		return o.b.mid - ticks*o.b.instrument.Tick
	}
	return o.b.mid + ticks*o.b.instrument.Tick
}

// ask cancels an order.
func (o *benchOrders) ask(out []byte, rec *benchOrder, due, now int64) []byte {
	binary.BigEndian.PutUint32(o.cancel[soupbin.HeaderSize+1:], rec.ref)
	o.asks(rec, benchCancel, due, now)
	o.found.send(benchCancel, due)
	return append(out, o.cancel[:]...)
}

// asks takes note of a message about an order that has its answer under the order's own number.
func (o *benchOrders) asks(rec *benchOrder, kind benchKind, due, now int64) {
	rec.asking, rec.asks, rec.askDue, rec.asked = true, kind, due, now
	o.inFlight++
}

// swap replaces an order by one at another price of the same side.
func (o *benchOrders) swap(out []byte, rec *benchOrder, due, now int64) []byte {
	m := o.replace[soupbin.HeaderSize:]
	binary.BigEndian.PutUint32(m[1:], rec.ref)
	binary.BigEndian.PutUint32(m[5:], o.next)
	binary.BigEndian.PutUint64(m[13:], o.price(rec.buy, 1+uint64(o.random.Uint32N(spreadTicks))))
	o.replaces(rec, o.next, due, now)
	o.next++
	o.found.send(benchReplace, due)
	return append(out, o.replace[:]...)
}

// replaces takes note of a Replace, whose answer comes under the new number, or never if the original is gone by then.
func (o *benchOrders) replaces(rec *benchOrder, ref uint32, due, now int64) {
	rec.asking, rec.asks, rec.link = true, benchReplace, ref
	*o.at(ref) = benchOrder{ref: ref, link: rec.ref, due: due, sent: now, kind: benchReplace, buy: rec.buy, waiting: true}
	o.inFlight++
}

// flowLine appends the next line of a flow. Of what is sent about an order that is gone, or has another message unanswered,
// no answer is waited for.
func (o *benchOrders) flowLine(out []byte, due, now int64) []byte {
	l := &o.user.lines[o.line]
	o.line++
	alive := func(ref uint32) *benchOrder {
		if rec := o.at(ref); rec.ref == ref && (rec.live || rec.waiting) && !rec.asking {
			return rec
		}
		o.found.unmeasured++
		o.found.settled++
		return nil
	}
	switch {
	case l.kind == benchCancel:
		if rec := alive(l.ref); rec != nil {
			o.asks(rec, benchCancel, due, now)
		}
	case l.kind == benchReplace:
		if rec := alive(l.orig); rec != nil {
			o.replaces(rec, l.ref, due, now)
		}
	case l.kind == benchOther && l.orig != 0: // a Modify
		if rec := alive(l.ref); rec != nil {
			o.asks(rec, benchOther, due, now)
		}
	default:
		*o.at(l.ref) = benchOrder{ref: l.ref, due: due, sent: now, kind: l.kind, waiting: true}
		o.inFlight++
	}
	o.found.send(l.kind, due)
	return append(out, o.user.packets[l.from:l.to]...)
}

// answer takes in one OUCH message of the venue that was read at now.
func (o *benchOrders) answer(m []byte, now int64) {
	if len(m) < 13 {
		return
	}
	ref := binary.BigEndian.Uint32(m[9:])
	switch m[0] {
	case ouch.TypeAccepted:
		if len(m) >= ouch.AcceptedSize {
			o.accepted(ref, binary.BigEndian.Uint32(m[14:]), m[47] == liveState, now)
		}
	case ouch.TypeReplaced:
		if len(m) >= ouch.ReplacedSize {
			if was := o.at(ref); was.ref == ref {
				was.asking = false
				o.dead(was)
			}
			o.accepted(binary.BigEndian.Uint32(m[13:]), binary.BigEndian.Uint32(m[18:]), m[51] == liveState, now)
		}
	case ouch.TypeExecuted, ouch.TypeCanceled, ouch.TypeAIQCanceled:
		if len(m) >= 17 {
			o.less(ref, binary.BigEndian.Uint32(m[13:]), m[0] == ouch.TypeCanceled, now)
		}
	case ouch.TypeRejected:
		if len(m) >= 15 {
			o.rejected(ref, binary.BigEndian.Uint16(m[13:]))
		}
	case ouch.TypeModified:
		if rec := o.at(ref); rec.ref == ref && len(m) >= ouch.ModifiedSize {
			rec.leaves = binary.BigEndian.Uint32(m[14:])
			o.asked(rec, benchOther, now)
		}
	case ouch.TypeMassCancelResponse, ouch.TypeDisableResponse, ouch.TypeEnableResponse:
		if rec := o.at(ref); rec.ref == ref && rec.waiting {
			o.answered(benchOther, rec.due, rec.sent, now)
			rec.waiting = false
		}
	}
}

// liveState is the order state of Accepted and Replaced for an order that is not gone already.
const liveState = 'L'

// accepted: the message that used a number is answered, and the order lives.
func (o *benchOrders) accepted(ref, leaves uint32, live bool, now int64) {
	rec := o.at(ref)
	if rec.ref != ref || !rec.waiting {
		return
	}
	o.answered(rec.kind, rec.due, rec.sent, now)
	rec.waiting = false
	if rec.kind == benchEnter {
		o.entering--
	}
	if !live || leaves == 0 {
		o.dead(rec)
		return
	}
	rec.live, rec.leaves = true, leaves
	if rec.kind != benchAggressive {
		o.rest(ref)
	}
}

// less: an order became smaller, or is gone.
func (o *benchOrders) less(ref, n uint32, canceled bool, now int64) {
	rec := o.at(ref)
	if rec.ref != ref || !rec.live {
		return
	}
	if canceled {
		o.asked(rec, benchCancel, now)
	}
	if rec.leaves -= min(n, rec.leaves); rec.leaves == 0 {
		o.dead(rec)
	}
}

// asked: the message about an order is answered.
func (o *benchOrders) asked(rec *benchOrder, kind benchKind, now int64) {
	if rec.asking && rec.asks == kind {
		o.answered(kind, rec.askDue, rec.asked, now)
		rec.asking = false
	}
}

// rejected: the message that used a number was refused; the original of a Replace lives on.
func (o *benchOrders) rejected(ref uint32, code uint16) {
	rec := o.at(ref)
	if rec.ref != ref || !rec.waiting {
		return
	}
	o.inFlight--
	o.found.settled++
	o.found.refused++
	o.found.rejected[min(int(code), len(o.found.rejected)-1)]++
	rec.waiting = false
	if rec.kind == benchEnter {
		o.entering--
	}
	if rec.kind == benchReplace {
		if was := o.at(rec.link); was.ref == rec.link && was.asking && was.asks == benchReplace {
			was.asking = false
			if was.live {
				o.rest(was.ref)
			}
		}
	}
	o.dead(rec)
}

// dead: an order is gone, and what was still asked about it is never answered.
func (o *benchOrders) dead(rec *benchOrder) {
	rec.live = false
	if !rec.asking {
		return
	}
	rec.asking = false
	if rec.asks == benchReplace {
		by := o.at(rec.link)
		if by.ref != rec.link || !by.waiting {
			return
		}
		by.waiting = false
		defer o.dead(by) // and with it what was asked about the order that never came to be
	}
	o.found.crossed++
	o.found.settled++
	o.inFlight--
}

// answered counts one answer.
func (o *benchOrders) answered(kind benchKind, due, sent, now int64) {
	o.inFlight--
	o.found.answer(kind, due, sent, now)
}
