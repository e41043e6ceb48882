package book

import "unsafe"

// What is known of a command before its turn comes can be used to have memory fetched that it will need: in a deep book that
// takes longer than the command's work. Nothing here changes anything, and what it was told may turn out to be wrong.

// Around has the cache lines fetched that Remove of an order needs beside the order's own: its queue's and its neighbours'.
func (o *Orders) Around(s Slot) {
	n := o.node(uint32(s))
	if n.state != queued {
		return // its names lead nowhere
	}
	Fetch(unsafe.Pointer(o.node(n.next)), unsafe.Pointer(o.node(n.prev)), unsafe.Pointer(o.queue(n.queue)), unsafe.Pointer(o.block(n.queue)))
}

// Soon returns the index of the queue that a displayed order will touch first: the best opposite one if it crosses, else the
// one in which it rests. 0, of no queue, if the book has no memory for that now.
func (b *Book) Soon(side Side, price Price) uint32 {
	if b.Crosses(side, price) {
		return b.ladder(1-side, Displayed).bestQueue
	}
	if at := b.QueueOf(side, price); at.There() {
		return uint32(at)
	}
	return 0
}

// Line is the memory of a queue.
func (o *Orders) Line(queue uint32) unsafe.Pointer { return unsafe.Pointer(o.queue(queue)) }

// Ends are the orders at both ends of a queue.
func (o *Orders) Ends(queue uint32) (head, tail unsafe.Pointer) {
	q := o.queue(queue)
	return unsafe.Pointer(o.node(q.head)), unsafe.Pointer(o.node(q.tail))
}
