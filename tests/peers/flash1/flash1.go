// Command flash1 is package book behind the interface of a public challenge for matching engines
// (flash1-dev/matching-engine-benchmark): a shared library that its harness loads, drives with two million messages of one
// instrument and compares with the output of all conforming engines. See ../README.md.
//
//	go build -buildmode=c-shared -o matcher.so ./flash1
//
// It is the book alone: the challenge has no accounts, numbers or journal. Messages come in runs (engine_on_batch), each is
// done and reported before the next is looked at. Reports go through a ring of our own, in C memory, to the harness's other
// thread. Orders are found by their id in a flat table, as all of the challenge's adapters do, with a small one before it: a
// million ids drawn at random are a cache line each, while most orders are cancelled by one of the next messages.
package main

/*
#cgo CFLAGS: -O2
#include "flash1.h"
*/
import "C"

import (
	"math"
	"slices"
	"sync/atomic"
	"unsafe"

	"matcher/book"
)

const (
	orders    = 1 << 20 // live at once; the challenge enters a million in all
	recents   = 1 << 8  // orders are found in near memory for as long as about so many come after them
	flatIDs   = 1 << 22 // ids below this are found in a table, others in a map
	middle    = 1 << 30 // our price of the challenge's price 0, which may be negative
	highest   = 1 << 31
	published = 64 // reports are shown to the other thread in so many, and at the end of a run
)

// market is the book and all that stands around it.
type market struct {
	book   *book.Book
	orders *book.Orders
	recent *[recents]place      // of the orders that came last, by id mod recents
	flat   []book.Slot          // of those that rest longer, by id
	rare   map[uint64]book.Slot // of those whose ids are large

	ring    *C.struct_ring
	reports unsafe.Pointer // of the ring
	mask    uint64
	tail    uint64 // of what is written
	shown   uint64 // of what the other thread was told of
	head    uint64 // of what it has taken, as last seen

	other  *C.struct_transport // not ours: reports are pushed there when they are shown
	handle unsafe.Pointer
}

// place says where an order came to rest, 0 nowhere. It has gone if the slot is nobody's now, or another's: nothing is noted
// when it goes.
type place struct {
	id   uint64
	slot book.Slot
}

var it *market // the interface has no handle: there is one engine

//export engine_init
func engine_init(_ uint64, transport *C.struct_transport, sink unsafe.Pointer) {
	o := book.NewOrders(orders)
	m := &market{
		orders: o,
		book:   book.New(book.Config{Orders: o, MaxPrice: highest}),
		recent: new([recents]place),
		flat:   make([]book.Slot, flatIDs),
		rare:   map[uint64]book.Slot{},
	}
	clear(m.flat) // the page faults happen now
	m.warm()
	if transport != C.engine_get_transport() {
		m.other, m.handle = transport, sink
		sink = C.create_ring(published)
	}
	m.ring = (*C.struct_ring)(sink)
	m.reports = unsafe.Add(sink, unsafe.Sizeof(C.struct_ring{}))
	m.mask = uint64(m.ring.mask)
	it = m
}

// warm touches the memory of as many orders as may be live soon, each with a block of prices to itself, and leaves the book
// empty: what was touched first is used first.
func (m *market) warm() {
	var taken [1 << 16]book.Slot
	for i := range taken {
		taken[i] = m.orders.Take()
		m.book.Add(taken[i], book.Resting{Side: book.Sell, Price: middle + book.Price(64*i), Qty: 1}, 0)
	}
	for _, s := range slices.Backward(taken[:]) {
		m.book.Remove(s)
		m.orders.Free(s)
	}
}

//export engine_shutdown
func engine_shutdown() {
	if it != nil && it.other != nil {
		C.free_ring(unsafe.Pointer(it.ring))
	}
	it = nil
}

//export engine_flush
func engine_flush() { it.show() }

//export engine_on_batch
func engine_on_batch(messages *C.struct_message, n uint32) {
	m := it
	run := unsafe.Slice(messages, n)
	for i := range run {
		m.do(&run[i])
		if m.tail-m.shown >= published {
			m.show()
		}
	}
	m.show()
}

//export engine_on_new_order
func engine_on_new_order(body unsafe.Pointer) { it.one(C.MESSAGE_NEW, body, 32) }

//export engine_on_cancel
func engine_on_cancel(body unsafe.Pointer) { it.one(C.MESSAGE_CANCEL, body, 16) }

//export engine_on_modify
func engine_on_modify(body unsafe.Pointer) { it.one(C.MESSAGE_MODIFY, body, 32) }

// one does a message that came alone: the same bytes without the type in front.
func (m *market) one(kind uint64, body unsafe.Pointer, size int) {
	var c C.struct_message
	c._type = C.uint64_t(kind)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&c.order)), size), unsafe.Slice((*byte)(body), size))
	m.do(&c)
	m.show()
}

func (m *market) do(c *C.struct_message) {
	switch c._type & 0xff {
	case C.MESSAGE_NEW:
		m.enter(c)
	case C.MESSAGE_CANCEL:
		m.cancel(c)
	default:
		m.modify(c)
	}
}

func (m *market) enter(c *C.struct_message) {
	m.report(C.REPORT_ACCEPTED, c, uint64(c.side), int64(c.price), uint32(c.quantity))
	left := m.match(c, book.Side(c.side))
	s := book.Slot(0)
	switch {
	case left == 0:
	case c.ioc != 0:
		m.report(C.REPORT_CANCELED, c, uint64(c.side), int64(c.price), uint32(left))
	default:
		s = m.orders.Take()
		if s == 0 {
			panic("flash1: more orders than there is room for")
		}
		m.orders.Data(s)[0] = uint64(c.order)
		m.rest(c, s, book.Side(c.side), left)
	}
	m.remember(uint64(c.order), s)
}

func (m *market) cancel(c *C.struct_message) {
	s := m.find(uint64(c.order))
	if s == 0 {
		m.report(C.REPORT_NO_CANCEL, c, 0, 0, 0)
		return
	}
	m.book.Remove(s)
	m.report(C.REPORT_CANCELED, c, uint64(m.orders.Side(s)), m.price(s), uint32(m.orders.Leaves(s)))
	m.orders.Free(s)
}

// modify takes an order out and puts it in again, at the back, with its new price and quantity.
func (m *market) modify(c *C.struct_message) {
	s := m.find(uint64(c.order))
	if s == 0 {
		m.report(C.REPORT_NO_MODIFY, c, 0, 0, 0)
		return
	}
	side := m.orders.Side(s)
	m.book.Remove(s)
	left := m.match(c, side)
	m.report(C.REPORT_MODIFIED, c, uint64(side), int64(c.price), uint32(c.quantity))
	if left == 0 {
		m.orders.Free(s)
		return
	}
	m.rest(c, s, side, left)
}

func (m *market) rest(c *C.struct_message, s book.Slot, side book.Side, left book.Qty) {
	m.book.Add(s, book.Resting{Side: side, Price: book.Price(int64(c.price) + middle), Qty: left}, 0)
}

func (m *market) match(c *C.struct_message, side book.Side) book.Qty {
	left, limit := book.Qty(c.quantity), book.Price(int64(c.price)+middle)
	for left != 0 && m.book.Crosses(side, limit) {
		f := m.book.Trade(side, left)
		left -= f.Qty
		r := m.next()
		r.type_side = C.REPORT_TRADE
		r.sequence, r.order, r.price, r.quantity = c.sequence, 0, C.int64_t(int64(f.Price)-middle), C.uint64_t(f.Qty)
		r.maker, r.taker = C.uint64_t(m.orders.Data(f.Maker)[0]), c.order
		if f.Leaves == 0 {
			m.orders.Free(f.Maker)
		}
	}
	return left
}

// price is the challenge's price of an order.
func (m *market) price(s book.Slot) int64 { return int64(m.orders.Price(s)) - middle }

// remember notes where an order rests. An older one in its place is kept in the table if it still rests, which few do.
func (m *market) remember(id uint64, s book.Slot) {
	p := &m.recent[id%recents]
	if m.rests(p.slot, p.id) {
		m.keep(p)
	}
	p.id, p.slot = id, s
}

func (m *market) keep(p *place) {
	if p.id < flatIDs {
		m.flat[p.id] = p.slot
	} else {
		m.rare[p.id] = p.slot
	}
}

// find returns the order of this id that rests, or 0.
func (m *market) find(id uint64) book.Slot {
	p := m.recent[id%recents]
	if p.id != id {
		p.slot = m.kept(id)
	}
	if m.rests(p.slot, id) {
		return p.slot
	}
	return 0
}

func (m *market) kept(id uint64) book.Slot {
	if id < flatIDs {
		return m.flat[id]
	}
	return m.rare[id]
}

// rests says whether a slot is still that of the order. Slot 0 is of none.
func (m *market) rests(s book.Slot, id uint64) bool {
	return m.orders.Queued(s) && m.orders.Data(s)[0] == id
}

func (m *market) report(kind uint64, c *C.struct_message, side uint64, price int64, quantity uint32) {
	r := m.next()
	r.type_side = C.uint64_t(kind | side<<8)
	r.sequence, r.order, r.price, r.quantity = c.sequence, c.order, C.int64_t(price), C.uint64_t(quantity)
	r.maker, r.taker = 0, 0
}

// next returns where the next report goes, and waits while the ring is full.
func (m *market) next() *C.struct_report {
	if m.tail-m.head > m.mask {
		m.wait()
	}
	r := (*C.struct_report)(m.cell(m.tail))
	m.tail++
	return r
}

// cell is the place of a report.
func (m *market) cell(i uint64) unsafe.Pointer { return unsafe.Add(m.reports, i&m.mask*64) }

func (m *market) wait() {
	m.show()
	for m.tail-m.head > m.mask {
		m.head = atomic.LoadUint64((*uint64)(unsafe.Pointer(&m.ring.head)))
	}
}

// show lets the other thread see what is written.
func (m *market) show() {
	if m.other != nil {
		for i := m.shown; i != m.tail; i++ {
			C.push_to(m.other, m.handle, (*C.struct_report)(m.cell(i)))
		}
		m.head = m.tail
	}
	m.shown = m.tail
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&m.ring.tail)), m.tail)
}

//export engine_query_best_bid
func engine_query_best_bid() int64 { return it.best(book.Buy, math.MinInt64) }

//export engine_query_best_ask
func engine_query_best_ask() int64 { return it.best(book.Sell, math.MaxInt64) }

func (m *market) best(side book.Side, none int64) int64 {
	if p, ok := m.book.Best(side); ok {
		return int64(p) - middle
	}
	return none
}

// engine_query_depth_at is what rests up to a price less what rests up to the one before.
//
//export engine_query_depth_at
func engine_query_depth_at(price int64, side uint8) uint64 {
	s, before := book.Side(side), price-1
	if s == book.Buy {
		before = price + 1
	}
	return it.upTo(s, price) - it.upTo(s, before)
}

// upTo returns what an aggressor with this limit would find on a side.
func (m *market) upTo(side book.Side, limit int64) uint64 {
	return m.book.Fillable(side^1, book.Price(limit+middle), math.MaxUint64)
}

func main() {}
