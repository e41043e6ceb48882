package engine

import (
	"math/bits"
	"slices"
	"unsafe"

	"matcher/book"
)

// The short way of most orders: limit and market orders, day, good till cancelled, immediate-or-cancel or fill-or-kill, displayed,
// post-only or without options, of an account without special rules, against makers that ask for no care; and Replaces of such
// orders by such that rest. Everything it does, enterRare, replaceRare and cancelRare do as well; it is here because it is most of
// the work of a venue.
//
// An Enter that meets nobody, a Replace that meets nobody and a Cancel are one function each from top to bottom. They run straight
// on: what is expected stands in the if, what is rare is left to another function, and what may be either way is worked out
// without a branch. A jump that is taken costs as much as five instructions, and the compiler has none where the code of an if
// follows its test and does not come together again with an else.
//
// Their event finds room (Apply sees to that), a walk makes room for those of each fill. Events are written as ten words, in place
// and once; other structs field by field, and in the widths in which they are read again: a literal would be built on the stack
// and copied in wider pieces than it was written in, for which the processor has to wait.

// enter carries out OUCH 5.0 Enter Order.
func (e *Engine) enter(cmd *Command) {
	c := cmd.Enter()
	if int(c.User) < len(e.users) && int(c.Instrument) < len(e.instruments) && c.shortTags() && c.restsShown() {
		u, in, side := e.user(c.User), e.instrument(c.Instrument), sides[c.Side]
		price := in.floor(c.Price)
		if c.Ref > u.last0 && u.interval == 0 && u.open < u.plain && e.orders.Live() < e.plain && c.Qty-1 < in.plain[side%4] &&
			in.isPrice(c.Price, price) {
			u.last0 = c.Ref
			e.touchUser(u, c.User)
			at, queue := e.refs.free(u, c.Ref), in.book.QueueOf(book.Side(side), price)
			if !in.book.Crosses(book.Side(side), price) && *at == 0 && queue.There() {
				slot := e.orders.TakeNext()
				*at = e.refs.entry(u, c.Ref, slot)
				o := e.at(slot)
				u.sent++
				e.reference++
				e.priority++
				o.enters(c, e.reference)
				e.listed(u, o, slot)
				e.hashes.books.note(&in.hashed, c.Instrument)
				id, idEnd := e.nameOf(slot).enters(c)
				e.next().put(c.word()|'A'|uint64(EventRests)<<8, c.Ref, 0, c.Qty, c.Qty, e.reference, 0, c.Price, u.sent,
					id, idEnd, letters(&c.TIF)|uint64(c.Qty)<<shownShift)
				weight := mum(e.reference*k0+c.word(), (uint64(c.Ref)<<32|uint64(price))*k1+e.priority^uint64(c.TIF)<<56)
				if in.book.Join(slot, queue, book.Side(side), price, book.Qty(c.Qty), weight) {
					if in.watching == 0 {
						return
					}
				} else {
					in.book.Lead(slot, queue)
				}
				e.touchBook(in, c.Instrument)
				return
			}
			e.enterMarket(c, u, in, book.Side(side), price)
			return
		}
	}
	e.enterOther(cmd)
}

// enterOther is enter of an order that is not plain, or does not rest, or whose account has a rate.
func (e *Engine) enterOther(cmd *Command) {
	c := cmd.Enter()
	if !e.known(&c.Header) {
		return
	}
	u := e.user(c.User)
	if !e.use(u, c.User, c.Idx, c.Ref) {
		return
	}
	if u.interval != 0 && !e.pace(u) {
		e.reject(&c.Header, c.Ref, c.ClOrdID, rejectRate)
		return
	}
	side := sides[c.Side]
	if !c.shortTags() || c.Display != 'Y' || c.Cross != 'N' || u.open >= u.plain || e.orders.Live() >= e.plain ||
		int(c.Instrument) >= len(e.instruments) {
		e.enterRare(cmd, u)
		return
	}
	in := e.instrument(c.Instrument)
	if c.Qty-1 >= in.plain[side%4] { // of instrument 0, and of no side, no quantity is good
		e.enterRare(cmd, u)
		return
	}
	price, limit := in.ticks(c.Price)
	if !limit || c.TIF&^1 != tifDay { // day or good till cancelled
		if price = in.immediate(c, book.Side(side), price, limit); price == 0 {
			e.enterRare(cmd, u)
			return
		}
	}
	e.enterMarket(c, u, in, book.Side(side), price)
}

// shortTags says that an Enter is on the default channel and has no option but post-only and exempt of 0.
func (c *Enter) shortTags() bool {
	const others = uint64(^FlagPostOnly)<<8 | 0xff<<48
	return *(*uint64)(unsafe.Pointer(c))&others == 0 && c.Exempt == 0
}

// restsShown says that an Enter is displayed, in no cross, and good for the day or till cancelled.
func (c *Enter) restsShown() bool { return letters(&c.TIF)&0xff00fffe == 'N'<<24|'Y'<<8|tifDay }

// enterMarket is enter of an order that meets somebody, or does not rest.
func (e *Engine) enterMarket(c *Enter, u *user, in *instrument, side book.Side, price book.Price) {
	slot := e.orders.TakeNext() // from the start: most come to rest
	o := e.at(slot)
	u.sent++
	e.reference++
	o.enters(c, e.reference)
	id, idEnd := e.nameOf(slot).enters(c)
	e.next().put(c.word()|'A', c.Ref, 0, c.Qty, c.Qty, e.reference, 0, c.Price, u.sent, id, idEnd, letters(&c.TIF))
	left := c.Qty
	// Opposite to a plain order all that stands can be had, so the totals of the queues say whether one is filled or killed.
	if in.book.Crosses(side, price) && (c.TIF != tifFOK || in.book.Fillable(side, price, uint64(left)) == uint64(left)) {
		if c.Flags != 0 {
			e.plainEnd(o, slot, c.Price, left, 'G')
			return
		}
		if left = e.plainWalk(o, in, side, price, left); left == 0 {
			e.orders.FreeTaken(slot)
			return
		}
	}
	if c.TIF&^1 != tifDay || c.Price >= MarketPrice {
		e.plainEnd(o, slot, c.Price, left, 'I')
		return
	}
	e.plainRests(left)
	e.plainRest(u, o, slot, in, side, price, left, c.TIF)
}

// clOrdID returns the 14 bytes of a name in two words, of a command in which two more bytes follow.
func clOrdID(id *[14]byte) (first, rest uint64) {
	w := (*[2]uint64)(unsafe.Pointer(id))
	return w[0], w[1] & (1<<48 - 1)
}

// enters makes the order of an Enter.
func (o *order) enters(c *Enter, reference uint64) {
	o.reference, o.ref, o.used = reference, c.Ref, 0
	o.setWord(c.word())
}

// enters takes the name that an Enter gives, and returns its ClOrdID.
func (n *name) enters(c *Enter) (id, idEnd uint64) {
	id, idEnd = clOrdID(&c.ClOrdID)
	n.set(id, idEnd|uint64(c.Capacity)<<48|uint64(c.TIF)<<56)
	return id, idEnd
}

// set writes a name as two words.
func (n *name) set(first, rest uint64) {
	w := (*[2]uint64)(unsafe.Pointer(n))
	w[0], w[1] = first, rest
}

// letters returns time in force, display, capacity and cross as a command has them, and an event.
func letters(tif *uint8) uint64 { return uint64(*(*uint32)(unsafe.Pointer(tif))) }

// sides maps letters to the sides of a book; 2 is none.
var sides = func() (side [256]uint8) {
	for i := range side {
		side[i] = 2
	}
	side['B'], side['S'], side['T'], side['E'] = uint8(book.Buy), uint8(book.Sell), uint8(book.Sell), uint8(book.Sell)
	return side
}()

// immediate returns the price in ticks to which an order walks that does not rest, 0 if it may not go the short way. price is its
// own, if that is one.
func (in *instrument) immediate(c *Enter, side book.Side, price book.Price, limit bool) book.Price {
	if !limit {
		if c.Price < MarketPrice || in.terms.Collar|uint64(in.terms.CollarBP) != 0 {
			return 0
		}
		price = in.worst(side)
	}
	switch {
	case c.Flags != 0:
	case c.TIF == tifIOC, c.TIF == tifFOK, c.TIF == tifDay:
		return price
	}
	return 0
}

// replace carries out OUCH 5.0 Replace Order.
func (e *Engine) replace(cmd *Command) {
	c := cmd.Replace()
	if e.known(&c.Header) && c.shortTags() && c.restsShown() {
		u := e.user(c.User)
		was := e.refs.own(u, c.OrigRef)
		slot := book.Slot(*was >> tagBits)
		o := e.at(slot)
		word := o.word()
		in, side := e.instrument(o.instrument), sides[o.side]
		price := in.floor(c.Price)
		if o.ref == c.OrigRef && (word^c.word())&whose == 0 && o.flags == 0 && c.Ref > u.last0 && u.interval == 0 && u.plain != 0 &&
			e.plain != 0 && c.Qty > o.used && c.Qty-1 < in.plain[side%4] && in.isPrice(c.Price, price) {
			u.last0 = c.Ref
			e.touchUser(u, c.User)
			e.hashes.books.note(&in.hashed, o.instrument)
			*was = 0
			e.unlisted(u, o)
			if !in.book.Leave(slot) {
				in.book.Drop(slot)
			}
			qty, before := c.Qty-o.used, o.reference
			u.sent++
			e.reference++
			o.reference, o.ref = e.reference, c.Ref
			n := e.nameOf(slot)
			id, idEnd := clOrdID(&c.ClOrdID)
			letters := uint64(c.TIF) | 'Y'<<8 | uint64(n.capacity)<<16 | 'N'<<24
			n.set(id, idEnd|uint64(n.capacity)<<48|uint64(c.TIF)<<56)
			ev := e.next()
			ev.put(word|'U'|uint64(EventShown|EventRests)<<8, c.Ref, c.OrigRef, qty, qty, e.reference, before, c.Price, u.sent,
				id, idEnd, letters|uint64(qty)<<shownShift) // a plain order that is live rests displayed
			at, queue := e.refs.free(u, c.Ref), in.book.QueueOf(book.Side(side), price)
			if !in.book.Crosses(book.Side(side), price) && *at == 0 && queue.There() {
				*at = e.refs.entry(u, c.Ref, slot)
				e.listed(u, o, slot)
				e.priority++
				weight := plainWeight(o, price, e.priority, c.TIF)
				if in.book.Join(slot, queue, book.Side(side), price, book.Qty(qty), weight) {
					if in.watching == 0 {
						return
					}
				} else {
					in.book.Lead(slot, queue)
				}
				e.touchBook(in, o.instrument)
				return
			}
			e.replaced(u, o, slot, in, price, qty)
			return
		}
	}
	e.replaceRare(cmd)
}

// shortTags says that a Replace is on the default channel, names no side and has no option.
func (c *Replace) shortTags() bool {
	const others = 0xff<<8 | 0xffff<<48
	return *(*uint64)(unsafe.Pointer(c))&others == 0 && c.Exempt == 0
}

// restsShown says that a Replace is displayed and good for the day or till cancelled.
func (c *Replace) restsShown() bool { return letters(&c.TIF)&0xfffe == 'Y'<<8|tifDay }

// replaced takes an order that a Replace made to market, if it meets somebody, and to rest. Its owner was told that it rests.
func (e *Engine) replaced(u *user, o *order, slot book.Slot, in *instrument, price book.Price, qty uint32) {
	side := book.Side(sides[o.side])
	if in.book.Crosses(side, price) {
		last := &e.out[len(e.out)-1]
		last.Flags &^= EventRests
		last.Shown = 0
		if qty = e.plainWalk(o, in, side, price, qty); qty == 0 {
			e.orders.Free(slot)
			return
		}
		e.plainRests(qty)
	}
	e.plainRest(u, o, slot, in, side, price, qty, e.nameOf(slot).tif)
}

// cancel carries out OUCH 5.0 Cancel Order: the quantity is the most that the order may execute in all (rule 9.1).
func (e *Engine) cancel(c *Cancel) {
	if e.known(&c.Header) {
		u := e.user(c.User)
		at := e.refs.own(u, c.Ref)
		slot := book.Slot(*at >> tagBits)
		o := e.at(slot)
		if word := o.word(); o.ref == c.Ref && (word^c.word())&whose == 0 && o.flags == 0 && c.Qty <= o.used {
			if in := e.instrument(o.instrument); !in.tops {
				qty := uint32(o.node().Leaves())
				u.sent++
				e.touchUser(u, c.User)
				e.next().put(word|'C', c.Ref, 0, qty, 0, o.reference, uint64(qty), uint64(o.node().Price())*in.tick, u.sent,
					0, 'U'<<reasonShift, 0)
				e.hashes.books.note(&in.hashed, o.instrument)
				*at = 0
				e.unlisted(u, o)
				stay := in.book.Leave(slot)
				e.orders.FreeTaken(slot)
				if stay {
					if in.watching == 0 {
						return
					}
				} else {
					in.book.Drop(slot)
				}
				e.touchBook(in, o.instrument)
				return
			}
		}
	}
	e.cancelRare(c)
}

// whose are the bits of a word that say whose order it is: account and channel.
const whose = 0x00ffffff_00000000

// worst returns the price in ticks that a market order walks to.
func (in *instrument) worst(side book.Side) book.Price {
	if side == book.Buy {
		return book.Price(in.maxPrice / in.tick)
	}
	return 1
}

// plainEnd cancels what is left of such an order.
func (e *Engine) plainEnd(o *order, slot book.Slot, price uint64, left uint32, reason uint16) {
	ev := e.tell('C', o, price)
	ev.Qty, ev.Reason = left, reason
	e.orders.Free(slot)
}

// plainRests marks the last event, which is the order's own, when what is left of it comes to rest.
func (e *Engine) plainRests(left uint32) {
	last := &e.out[len(e.out)-1]
	last.Flags |= EventRests
	last.Shown = left
}

// plainRest files it under its names and puts it at the back of its queue.
func (e *Engine) plainRest(u *user, o *order, slot book.Slot, in *instrument, side book.Side, price book.Price, left uint32, tif uint8) {
	if at := e.refs.first(u, o.ref); *at == 0 { // plain orders are of channel 0
		*at = e.refs.entry(u, o.ref, slot)
	} else {
		e.refs.put(e, u, o, slot)
	}
	e.listed(u, o, slot)
	e.touchBook(in, o.instrument)
	e.priority++
	in.book.Add(slot, book.Resting{
		Side: side, Class: book.Displayed, Price: price, Qty: book.Qty(left),
	}, plainWeight(o, price, e.priority, tif))
}

// ticks turns a limit price into ticks. False: it is none, off the tick or out of range.
func (in *instrument) ticks(price uint64) (book.Price, bool) {
	n := in.floor(price)
	return n, in.isPrice(price, n)
}

// floor turns a price into ticks, rounded down; isPrice says whether it is one: on the tick and in range.
func (in *instrument) floor(price uint64) book.Price {
	n, _ := bits.Mul64(in.inverse, price<<1) // exact: ticks and prices are below 2^31
	return book.Price(n)
}

func (in *instrument) isPrice(price uint64, floor book.Price) bool {
	return price-1 < in.maxPrice && uint64(floor)*in.tick == price // 0 is none
}

// setTick prepares the division of ticks.
func (in *instrument) setTick(tick uint64) {
	in.tick, in.inverse = tick, (1<<63-1)/tick+1
}

// plainWalk takes an order that meets somebody to market and returns what is left of it. It tells both owners of each fill,
// the maker first, in the order of the walk, and forgets makers that are filled.
func (e *Engine) plainWalk(o *order, in *instrument, side book.Side, price book.Price, left uint32) uint32 {
	e.touchBook(in, o.instrument)
	in.printed(e)
	deep, taker := e.Deep(), e.user(o.user)
	for {
		if cap(e.out)-len(e.out) < 2 {
			e.out = slices.Grow(e.out, 2)
		}
		f, last := in.book.Hit(side, book.Qty(left))
		m := e.at(f.Maker)
		if deep && f.Leaves == 0 {
			e.fetchMaker(m, f.Maker)
		}
		qty, wire := uint32(f.Qty), uint64(f.Price)*in.tick
		left -= qty
		o.used += qty
		m.used += qty
		e.match++
		e.fillCount++
		in.last = wire
		u, hidden := e.user(m.user), uint64(m.flags&orderHidden) // 1 if it is
		u.sent++
		e.touchUser(u, m.user)
		e.next().put(m.word()|'E'|hidden*uint64(EventHidden)<<8, m.ref, 0, qty, uint32(f.Leaves), m.reference, e.match, wire, u.sent,
			0, ('A'+hidden*('J'-'A'))<<reasonShift, uint64(f.Leaves)*(1-hidden)<<shownShift)
		taker.sent++ // it is on the list of what has changed: it was told of its order
		e.next().put(o.word()|'E'|uint64(EventTaker)<<8, o.ref, 0, qty, left, o.reference, e.match, wire, taker.sent,
			0, 'R'<<reasonShift, 0)
		if f.Leaves == 0 {
			e.spent(u, m, f.Maker)
			if last {
				in.book.Drop(f.Maker)
			}
		}
		if in.watching != 0 {
			e.print(in, wire)
		}
		if left == 0 || !in.book.Crosses(side, price) {
			return left
		}
	}
}

// spent is forget of a maker.
func (e *Engine) spent(u *user, m *order, slot book.Slot) {
	if at := e.refs.own(u, m.ref); *at == e.refs.entry(u, m.ref, slot) && m.flags == 0 {
		*at = 0
		e.unlisted(u, m)
		e.orders.FreeTaken(slot)
		return
	}
	e.forget(slot)
}

// printed keeps the last trade price of before the command, or of before the sweep of what expired that precedes it: what
// collars are measured from (rule 5.10).
func (in *instrument) printed(e *Engine) {
	if in.anchorTurn != e.turn {
		in.anchor, in.anchorTurn = in.last, e.turn
	}
}
