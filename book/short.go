package book

// The short way in and out of a book, for plain displayed orders and whoever has looked already. Nothing is asked twice: the
// slot is one of this Orders and in no book, or a displayed order in this one; the side is one; the price is inside the book.
// And nothing rare is done here: each of these is a few lines without a call, and says what must follow.

// TakeNext is Take while fewer than Cap are live.
func (o *Orders) TakeNext() Slot {
	i := o.freeNode
	n := o.node(i)
	o.freeNode = n.next + i + 1
	n.state = taken
	o.live++
	return Slot(i)
}

// FreeTaken is Free of a slot that is taken and in no book.
func (o *Orders) FreeTaken(s Slot) {
	n := o.node(uint32(s))
	n.state = free
	n.next = o.freeNode - uint32(s) - 1
	o.freeNode = uint32(s)
	o.live--
}

// QueueOf returns the displayed queue of a price, for Join. It may not be There.
func (b *Book) QueueOf(side Side, price Price) Queue {
	l := b.ladderAt(uint8(side) * 2)
	key := l.key(price)
	return Queue(b.blockOf(l.pageOf(key), key) | key%blockSize)
}

// There says whether a queue that QueueOf gave has memory. Else only Add can make it.
func (q Queue) There() bool { return q >= blockSize }

// Join puts an order at the back of a displayed queue. False: it is the first there, and Lead must follow.
func (b *Book) Join(s Slot, at Queue, side Side, price Price, qty Qty, weight uint64) bool {
	n, q := b.node(uint32(s)), b.queue(uint32(at))
	// Field by field: a literal would be built on the stack and copied in wider pieces than it was written in, which stalls.
	n.next, n.queue, n.leaves, n.weight = 0, uint32(at), qty, weight
	n.price, n.ladder, n.state = price, uint8(side)*2, queued
	b.hash += weight * uint64(qty)
	if b.stands(uint32(at)) {
		tail := q.tail
		n.prev = tail
		q.tail = uint32(s)
		q.total += uint64(qty)
		b.node(tail).next = uint32(s)
		return true
	}
	n.prev, q.head, q.tail, q.total = 0, uint32(s), uint32(s), uint64(qty)
	return false
}

// stands says whether anybody stands in a queue. One that is empty is not looked at: a price at which nobody was for long is
// far away in memory, and written without being waited for.
func (m *memory) stands(queue uint32) bool { return m.block(queue).occupied>>(queue%blockSize)&1 != 0 }

// Lead notes that a queue has somebody.
func (b *Book) Lead(s Slot, at Queue) {
	n := b.node(uint32(s))
	b.mark(b.ladderAt(n.ladder), b.keyOf(uint32(at)), uint32(at))
}

// Leave takes an order out of its queue. False: it was alone there, and Drop must follow before anything else is done with the
// book.
//
// Else no branch depends on where in its queue the order stands: nobody can predict that, and the guess is settled only when
// the order's cache line has come. At the ends the neighbour is node 0, which nobody reads.
func (b *Book) Leave(s Slot) bool {
	n := b.node(uint32(s))
	n.state = taken
	b.hash -= n.weight * uint64(n.leaves)
	next, prev := n.next, n.prev
	if next|prev == 0 {
		return false
	}
	q := b.queue(n.queue)
	q.total -= uint64(n.leaves)
	b.node(next).prev = prev
	b.node(prev).next = next
	head, tail := q.head, q.tail
	if prev == 0 {
		head = next
	}
	if next == 0 {
		tail = prev
	}
	q.head, q.tail = head, tail
	return true
}

// Drop notes that the queue which the order left is empty.
func (b *Book) Drop(s Slot) {
	n := b.node(uint32(s))
	b.drop(b.ladderAt(n.ladder), n.queue)
}
