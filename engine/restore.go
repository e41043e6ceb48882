package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"matcher/book"
)

// Restore makes a new engine, which has seen no command and may have been salted, the venue of a snapshot. next gives its
// cells one by one; a cell is the engine's until the next call. The error is what next said, or a *BadSnapshot: cells that no
// venue would have written are refused, whatever they are. After an error the engine is of no use.
func (e *Engine) Restore(next func() (*[CellSize]byte, error)) error {
	if e.orders != nil || e.seq != 0 {
		panic("engine: Restore into a venue")
	}
	r := restore{e: e, next: next}
	r.venue()
	r.each(uint32(r.state.accounts), r.account)
	r.each(uint32(r.state.instruments), r.instrument)
	r.each(r.state.orders, r.order)
	r.link()
	if r.err != nil {
		return r.err
	}
	if h := e.Hash(); h != r.state.hash {
		r.bad("the state hash is %016x, the cells give %016x", r.state.hash, h)
	}
	return r.err
}

// restore is one at work. The first error stays, and then nothing is taken any more.
type restore struct {
	e     *Engine
	next  func() (*[CellSize]byte, error)
	cells uint64 // taken so far
	err   error

	state   state2Cell
	tops    [][2]uint64 // by instrument: references
	sleeps  []*restWatch
	all     []rested
	moving  []book.Slot // those that move by themselves
	lastOf  rested      // the order before
	counted uint64      // orders and slices (rule 2.6)
}

// restWatch is what a watch remembers.
type restWatch struct{ bid, ask, mid uint64 }

// rested is an order by its reference.
type rested struct {
	reference uint64
	slot      book.Slot
}

// each calls take n times, but not after an error: n may be anything.
func (r *restore) each(n uint32, take func()) {
	for ; n != 0 && r.err == nil; n-- {
		take()
	}
}

func (r *restore) bad(format string, args ...any) {
	if r.err == nil {
		r.err = &BadSnapshot{max(r.cells, 1) - 1, fmt.Sprintf(format, args...)}
	}
}

// take copies the next cell, which must be of a kind, to where it belongs. False: there is an error.
func (r *restore) take(kind Kind, to *[CellSize]byte) bool {
	if r.err != nil {
		return false
	}
	cell, err := r.next()
	if err != nil {
		r.err = err
		return false
	}
	r.cells++
	if Kind(cell[0]) != kind {
		r.bad("kind %d instead of %d", cell[0], kind)
		return false
	}
	*to = *cell
	return true
}

func (r *restore) venue() {
	e := r.e
	var a stateCell
	if !r.take(KindState, cellOf(&a)) || !r.take(KindState2, cellOf(&r.state)) || !r.take(KindRules, cellOf(&e.rules)) ||
		!r.take(KindDay, cellOf(&e.day)) {
		return
	}
	b, rules := &r.state, e.rules
	e.size(&rules)
	switch {
	case e.orders == nil:
		r.bad("rules for %d orders", rules.MaxOrders)
	case uint32(b.accounts) > rules.MaxUsers || b.accounts > MaxUsers || b.instruments >= AllInstruments || b.orders > rules.MaxOrders:
		r.bad("%d accounts, %d instruments, %d orders", b.accounts, b.instruments, b.orders)
	case b.busted > a.match || a.match != a.fills || b.dayMatch > a.match:
		r.bad("%d matches, %d fills, %d busted", a.match, a.fills, b.busted)
	case a.flags&^(stateOpen|stateGate) != 0:
		r.bad("flags %#x", a.flags)
	}
	e.seq, e.time, e.reference, e.match, e.priority, e.fillCount = a.seq, a.time, a.reference, a.match, a.priority, a.fills
	e.definitions, e.mode, e.open, e.gate = a.definitions, a.mode, a.flags&stateOpen != 0, a.flags&stateGate != 0
	e.closed = e.gate || !e.open
	e.setPlain()
	e.epoch, e.dayMatch, e.bustTerm = b.epoch, b.dayMatch, b.bustTerm
	for have := uint64(0); have < b.busted && r.err == nil; {
		var c bustedCell
		if !r.take(KindBusted, cellOf(&c)) {
			return
		}
		for _, m := range c.match[:min(uint64(len(c.match)), b.busted-have)] {
			if m <= e.dayMatch || m > e.match || len(e.busted) != 0 && m <= e.busted[len(e.busted)-1] {
				r.bad("match %d is busted", m)
			}
			e.busted = append(e.busted, m)
			have++
		}
	}
	if r.err == nil && !e.bustsCounted() {
		r.bad("the busted matches are not in the hash as they are")
	}
	r.tops, r.sleeps = make([][2]uint64, 1), make([]*restWatch, 1)
}

func (r *restore) account() {
	e := r.e
	var def User
	var a accountCell
	if !r.take(KindUser, cellOf(&def)) || !r.take(KindAccount, cellOf(&a)) {
		return
	}
	index := uint16(len(e.users))
	if e.accounts.get(def.key()) != 0 {
		r.bad("account %q twice", def.Name)
		return
	}
	e.accounts.put(def.key(), index)
	e.users = append(e.users, user{
		last: make([]uint32, channels), last0: a.last0, sent: a.sent, paid: a.paid, disabled: a.disabled != 0, base: e.refs.base(index),
	})
	e.hashes.users.fit(len(e.users))
	u := &e.users[index]
	u.define(&def)
	if a.disabled > 1 || a.channels >= channels {
		r.bad("disabled %d, %d channels", a.disabled, a.channels)
		return
	}
	for have, before := uint16(0), uint32(0); have < a.channels; {
		var c channelsCell
		if !r.take(KindChannels, cellOf(&c)) {
			return
		}
		for _, l := range c.last[:min(len(c.last), int(a.channels-have))] {
			if l.idx <= before || l.idx >= channels || l.ref == 0 {
				r.bad("channel %d behind %d", l.idx, before)
				return
			}
			before = l.idx
			u.last[l.idx] = l.ref
			u.lastTerm += refTerm(index, uint8(l.idx), l.ref)
			have++
		}
	}
	e.touchUser(u, index)
}

// definition takes an Instrument cell and the Terms behind it.
func (r *restore) definition() (d Instrument, t Terms) {
	if !r.take(KindInstrument, cellOf(&d)) || !r.take(KindExtension, cellOf(&t)) {
		return d, t
	}
	if why := CheckInstrument(&d) + CheckTerms(&d, &t); why != "" {
		r.bad("an instrument of which %s", why)
	}
	if d.Flags&FlagExtension == 0 {
		t = Terms{}
	}
	return d, t
}

func (r *restore) instrument() {
	e := r.e
	d, t := r.definition()
	var m marketCell
	if !r.take(KindMarket, cellOf(&m)) {
		return
	}
	index := uint16(len(e.instruments))
	switch {
	case e.symbols.get(d.Symbol) != 0:
		r.bad("symbol %q twice", d.Symbol)
	case m.state != 0 && m.state != 'H' || m.flags&^(marketWatch|marketNext) != 0:
		r.bad("state %d, flags %#x of an instrument", m.state, m.flags)
	case m.last > MaxLimitPrice:
		r.bad("a last price of %d", m.last)
	}
	if r.err != nil {
		return
	}
	in := instrument{
		book:  book.New(book.Config{Orders: e.orders, MaxPrice: book.Price(d.MaxPrice / d.Tick)}),
		state: m.state, last: m.last,
	}
	in.setTick(d.Tick)
	in.define(&d, t)
	var w *restWatch
	if m.flags&marketWatch != 0 {
		w = &restWatch{m.bid, m.ask, m.mid}
		in.watch = newWatch(e)
	}
	if m.flags&marketNext != 0 {
		next, terms := r.definition()
		if next.Symbol != d.Symbol {
			r.bad("%q becomes %q", d.Symbol, next.Symbol)
		}
		in.next = &redefinition{next, terms}
	}
	r.tops, r.sleeps = append(r.tops, m.top), append(r.sleeps, w)
	e.instruments = append(e.instruments, in)
	e.hashes.books.fit(len(e.instruments))
	e.symbols.put(d.Symbol, index)
	e.touchBook(&e.instruments[index], index)
}

// order takes an order and puts it where it stands: behind those before it.
func (r *restore) order() {
	e := r.e
	var c orderCell
	if !r.take(KindOrder, cellOf(&c)) {
		return
	}
	k := cold{}
	if c.flags&orderCold != 0 {
		var a coldCell
		var b cold2Cell
		if !r.take(KindCold, cellOf(&a)) || !r.take(KindCold2, cellOf(&b)) {
			return
		}
		k = cold{
			entry: a.entry, expire: a.expire, limit: a.limit, stop: int64(a.stop), trail: int64(a.trail), offset: int64(a.offset),
			reserve: b.reserve, floor: b.floor, random: b.random, refreshes: b.refreshes, slices: b.slices, minimum: b.minimum,
			group: b.group, aiqGroup: b.aiqGroup, aiq: b.aiq, trigger: b.trigger, priceType: b.priceType,
		}
	}
	if why := r.judge(&c, &k); why != "" {
		r.bad("order %d: %s", c.reference, why)
		return
	}
	slot := e.orders.Take()
	o := e.at(slot)
	*o = order{
		reference: c.reference, ref: c.ref, used: c.used, flags: c.flags, instrument: c.instrument, user: c.user, idx: c.idx, side: c.side,
	}
	e.names[slot] = c.name
	if o.flags&orderCold != 0 {
		e.cold[slot] = k
		e.instruments[o.instrument].reserves[bookSide(o.side)] += uint64(k.reserve)
		e.slices += k.slices
		e.setPlain()
	}
	in := &e.instruments[o.instrument]
	rest := book.Resting{Side: bookSide(o.side), Class: o.class(), Price: c.price, Qty: c.leaves}
	if c.price == 0 {
		rest.Class = book.Hidden
		in.book.Park(slot, rest, c.weight)
	} else {
		in.book.Add(slot, rest, c.weight)
	}
	r.all = append(r.all, rested{c.reference, slot})
}

// judge says why there can be no such order in this venue, or nothing.
func (r *restore) judge(c *orderCell, k *cold) string {
	const known = orderHidden | orderPublic | orderCold | orderIceberg | orderMinimum | orderPeg | orderMid | orderPending | orderExpires |
		orderPost | orderBound | orderExempt | orderToLimit | orderDated | orderTrails
	const needsCold = orderIceberg | orderMinimum | orderPeg | orderMid | orderPending | orderExpires | orderDated | orderTrails
	e, has := r.e, func(flags uint16) bool { return c.flags&flags != 0 }
	all := func(flags uint16) bool { return c.flags&flags == flags }
	more := uint64(0)
	if has(orderIceberg) {
		more = uint64(k.slices)
	}
	r.counted += 1 + more
	switch {
	case int(c.user)-1 >= len(e.users)-1 || c.user == 0 || int(c.instrument)-1 >= len(e.instruments)-1 || c.instrument == 0:
		return "of nobody, or of nothing"
	case c.reference == 0 || c.reference > e.reference || k.entry > e.reference:
		return "a reference that was not given"
	case c.ref > e.users[c.user].lastRef(c.idx) || c.ref == 0:
		return "a UserRefNum that was not used"
	case c.side != 'B' && c.side != 'S' && c.side != 'T' && c.side != 'E':
		return "no side"
	case has(^known) || has(needsCold) && !has(orderCold) || !has(orderIceberg) && k.slices != 0:
		return fmt.Sprintf("flags %#x", c.flags)
	case all(orderPeg|orderMid) || all(orderPeg|orderPending) || all(orderMid|orderPending) || has(orderTrails) && !has(orderPending) ||
		has(orderMid) && !has(orderHidden) || has(orderMinimum) && !has(orderHidden) || has(orderIceberg) && has(orderHidden|orderMid) ||
		all(orderHidden|orderPublic):
		return fmt.Sprintf("flags %#x exclude each other", c.flags)
	case (c.price == 0) != has(orderMid|orderPending):
		return "it stands where it should not"
	case uint64(c.price)*e.instruments[c.instrument].tick > e.instruments[c.instrument].maxPrice:
		return "a price above the maximum"
	case c.leaves == 0 || uint64(c.leaves)+uint64(k.reserve) > math.MaxUint32 || !has(orderIceberg) && k.reserve != 0:
		return "impossible leaves"
	case r.counted > uint64(e.orders.Cap()):
		return "one too many"
	}
	return r.judgeCold(c, k)
}

// judgeCold does so for what plain orders do not have.
func (r *restore) judgeCold(c *orderCell, k *cold) string {
	in, has := &r.e.instruments[c.instrument], func(flags uint16) bool { return c.flags&flags != 0 }
	const far = 1 << 40 // beyond every price
	_, onTick := in.ticks(k.limit)
	switch {
	case has(orderExpires) && r.e.open && k.expire <= r.e.time:
		return "it should have expired"
	case has(orderIceberg) && (k.floor == 0 || k.random >= k.floor):
		return "slices of nothing"
	case has(orderIceberg) && moreSlices(c, k) > uint64(k.slices):
		return "more slices than it counts"
	case has(orderMinimum) && !has(orderMid|orderPending) && k.minimum > uint32(c.leaves):
		return "a minimum above its leaves"
	case has(orderPeg|orderMid|orderPending) && k.limit != MarketPrice && !onTick:
		return "a limit that is no price"
	case has(orderPeg) && k.priceType != 'P' && k.priceType != 'R' || has(orderMid) && k.priceType != 'M':
		return "a peg to nothing"
	case has(orderPending) && k.trigger != 'L' && k.trigger != 'B' && k.trigger != 'A':
		return "a stop without a trigger"
	case k.stop > far || k.stop < -far || k.trail > far || k.trail < 0 || k.offset > far || k.offset < -far || has(orderTrails) && k.trail == 0:
		return "a distance that is none"
	case k.aiq != 0 && !preventionLetter(k.aiq):
		return "an unknown letter of self-trade prevention"
	}
	return ""
}

// moreSlices returns how many slices an iceberg can show at most behind the one it shows, or, while it waits, will show.
func moreSlices(c *orderCell, k *cold) uint64 {
	shown := uint32(c.leaves)
	if c.price == 0 {
		shown = k.floor
	}
	return slicesBehind(uint32(c.leaves)+k.reserve, shown, k.floor, k.random)
}

// link works out what follows from the orders: their names, the lists of their owners, agendas, watches, top orders.
func (r *restore) link() {
	if r.err != nil {
		return
	}
	e := r.e
	slices.SortFunc(r.all, func(a, b rested) int { return cmp.Compare(a.reference, b.reference) })
	for _, x := range r.all {
		o := e.at(x.slot)
		u := &e.users[o.user]
		if x.reference == r.lastOf.reference || e.find(o.user, o.idx, o.ref) != 0 {
			r.bad("two orders of reference %d, or of one name", x.reference)
			return
		}
		r.lastOf = x
		e.file(o, x.slot)
		if u.tail != x.slot {
			panic("engine: an order that is not the last of its owner's")
		}
		if o.flags&(orderPeg|orderMid|orderPending) != 0 {
			r.moving = append(r.moving, x.slot)
		} else if o.flags&(orderIceberg|orderMinimum) != 0 {
			e.instruments[o.instrument].watchFor(e, o, x.slot)
		}
	}
	slices.SortFunc(r.moving, e.byEntry)
	entry := uint64(0)
	for _, slot := range r.moving {
		o := e.at(slot)
		if e.cold[slot].entry <= entry {
			r.bad("order %d entered with another", o.reference)
			return
		}
		entry = e.cold[slot].entry
		in := &e.instruments[o.instrument]
		if in.watch == nil {
			r.bad("order %d moves by itself where nothing ever did", o.reference)
			return
		}
		in.watchFor(e, o, slot)
	}
	for i := range e.instruments[1:] {
		r.market(uint16(i + 1))
	}
}

// market completes an instrument.
func (r *restore) market(index uint16) {
	e := r.e
	in := &e.instruments[index]
	bid, bids := in.book.Best(book.Buy)
	ask, asks := in.book.Best(book.Sell)
	if bids && asks && bid >= ask {
		r.bad("instrument %d is locked or crossed", index)
	}
	if w := r.sleeps[index]; w != nil {
		in.watch.bid, in.watch.ask, in.watch.mid = w.bid, w.ask, w.mid
	}
	for side, reference := range r.tops[index] {
		if reference == 0 {
			continue
		}
		i, found := slices.BinarySearchFunc(r.all, reference, func(x rested, ref uint64) int { return cmp.Compare(x.reference, ref) })
		if !found || !in.tops {
			r.bad("instrument %d has a top order %d that is not live", index, reference)
			return
		}
		slot := r.all[i].slot
		if o := e.at(slot); o.instrument != index || in.book.Head(in.book.First(book.Side(side), book.Displayed)) != slot {
			r.bad("instrument %d has a top order %d that stands elsewhere", index, reference)
			return
		}
		in.top[side] = slot
	}
}

// Terms returns the terms of the instruments as last defined, by index; the first is unused.
func (e *Engine) Terms() []Terms {
	all := make([]Terms, len(e.instruments))
	for i := range e.instruments {
		all[i] = e.instruments[i].given
		if next := e.instruments[i].next; next != nil {
			all[i] = next.terms
		}
	}
	return all
}
