package replay

import (
	"matcher/book"
	"matcher/engine"
)

// Queues says what stands ahead of an order, at a cost that grows with the logarithm of the queue's length. It follows an
// engine by the events of its commands: each order that comes to the back of a queue, or changes, or leaves, has one. Nothing of
// it is in the engine. Its memory grows with the live orders.
type Queues struct {
	spots  map[uint64]spot // by order reference
	lines  map[engine.Queue]*line
	spare  *line // lines that nobody stands in, spares of them
	spares int
	fresh  []standingOrder // scratch: orders that came to the back of a queue, the last first
	now    []uint64        // by event of the last command: the reference of the order that it names, 0 if it is in no queue
}

// standingOrder is what a line keeps of an order.
type standingOrder struct {
	order uint64
	lots  uint32
}

// spot is where an order stands.
type spot struct {
	line *line
	at   uint32
	lots uint32
}

// line is one queue: places in order of time, and a Fenwick tree of the lots and orders that stand in them. Place 0 is not
// used. Places of orders that left are taken up when it is numbered anew.
type line struct {
	queue  engine.Queue
	orders []uint64 // by place, 0: nobody
	tree   []held
	next   uint32 // the place of the next order
	all    held
	spare  *line // of Queues.spare: the one below
}

// held is lots and orders.
type held struct {
	lots   uint64
	orders uint32
}

func (h *held) add(lots uint64, orders uint32) { h.lots, h.orders = h.lots+lots, h.orders+orders }

const (
	leastPlaces = 32
	sparePlaces = 4096 // larger lines are not kept
	spareLines  = 64
)

// NewQueues follows an engine from any command on.
func NewQueues() *Queues {
	return &Queues{spots: map[uint64]spot{}, lines: map[engine.Queue]*line{}}
}

// Add takes note of a command that e has just executed. Every command must be told, or every command that has an event of the
// instruments that are asked for.
func (q *Queues) Add(e *engine.Engine, cmd *engine.Command, events []engine.Event) {
	switch cmd.Kind {
	case engine.KindRules, engine.KindInstrument, engine.KindDay, engine.KindRestart: // queues may be made anew
		clear(q.spots)
		clear(q.lines)
		q.spare, q.spares = nil, 0
	}
	// First everybody leaves who is not where he was; then, from the back of a queue, whoever is not known has come.
	q.now = q.now[:0]
	for i := range events {
		ev := &events[i]
		s, queued := e.Standing(e.Slot(ev.User, ev.Idx, ev.Ref))
		q.now = append(q.now, s.Order)
		switch ev.Kind {
		case 'U', 'T', 'R':
			q.leave(ev.Link)
			q.leave(ev.Order)
		default:
			if !queued || s.Order != ev.Order {
				q.leave(ev.Order)
			}
		}
	}
	for i := range events {
		if q.now[i] == 0 {
			continue
		}
		if s, queued := e.Standing(e.Slot(events[i].User, events[i].Idx, events[i].Ref)); queued {
			q.stand(e, &s)
		}
	}
}

// Ahead returns what stands before the order that an event of the last command names: its index among the events of that
// command. It is what engine.Place says. 0 for an order that stands in no queue.
func (q *Queues) Ahead(e *engine.Engine, event int) (lots uint64, orders uint32) {
	s, stands := q.spots[q.now[event]]
	if !stands {
		return 0, 0
	}
	h := s.line.before(s.at)
	if shown := s.line.queue; shown.Class == book.Hidden { // behind all that are displayed
		shown.Class = book.Displayed
		q.sync(e, shown)
		if l := q.lines[shown]; l != nil {
			h.add(l.all.lots, l.all.orders)
		}
	}
	return h.lots, h.orders
}

// stand takes note of an order that stands in a queue.
func (q *Queues) stand(e *engine.Engine, s *engine.Standing) {
	at, known := q.spots[s.Order]
	if !known {
		q.sync(e, s.Queue)
		return
	}
	if at.lots != s.Lots {
		at.line.change(at.at, uint64(s.Lots)-uint64(at.lots), 0)
		at.lots = s.Lots
		q.spots[s.Order] = at
	}
}

// sync takes note of those who came to the back of a queue.
func (q *Queues) sync(e *engine.Engine, queue engine.Queue) {
	q.fresh = q.fresh[:0]
	for slot := e.Tail(queue); slot != 0; {
		s, _ := e.Standing(slot)
		if _, known := q.spots[s.Order]; known {
			break
		}
		q.fresh = append(q.fresh, standingOrder{s.Order, s.Lots})
		slot = s.Before
	}
	for i := len(q.fresh) - 1; i >= 0; i-- {
		q.come(queue, q.fresh[i])
	}
}

// come puts an order at the back of a line.
func (q *Queues) come(queue engine.Queue, o standingOrder) {
	l := q.lines[queue]
	if l == nil {
		if l = q.spare; l != nil {
			q.spare = l.spare
			q.spares--
		} else {
			l = newLine(leastPlaces)
		}
		l.queue = queue
		q.lines[queue] = l
	}
	if int(l.next) == len(l.orders) {
		q.renumber(l)
	}
	l.orders[l.next] = o.order
	l.change(l.next, uint64(o.lots), 1)
	q.spots[o.order] = spot{l, l.next, o.lots}
	l.next++
}

// leave takes an order out of its line, if it stands in one.
func (q *Queues) leave(order uint64) {
	s, stands := q.spots[order]
	if !stands {
		return
	}
	delete(q.spots, order)
	l := s.line
	l.orders[s.at] = 0
	l.change(s.at, -uint64(s.lots), ^uint32(0))
	if l.all.orders != 0 {
		return
	}
	delete(q.lines, l.queue)
	if len(l.orders) > sparePlaces || q.spares == spareLines {
		return
	}
	l.next = 1
	l.spare, q.spare = q.spare, l
	q.spares++
}

// renumber gives places to those who are there, with room for as many more.
func (q *Queues) renumber(l *line) {
	was := l.orders[1:l.next]
	if need := 2*int(l.all.orders) + 2; need > len(l.orders) {
		l.orders, l.tree = make([]uint64, need), make([]held, need)
	} else {
		clear(l.tree)
	}
	l.all, l.next = held{}, 1
	for i, order := range was { // in the same memory places only become lower
		was[i] = 0
		if order == 0 {
			continue
		}
		s := q.spots[order]
		l.orders[l.next] = order
		l.change(l.next, uint64(s.lots), 1)
		q.spots[order] = spot{l, l.next, s.lots}
		l.next++
	}
}

func newLine(places int) *line {
	return &line{orders: make([]uint64, places), tree: make([]held, places), next: 1}
}

// change adds to what stands at a place.
func (l *line) change(at uint32, lots uint64, orders uint32) {
	l.all.add(lots, orders)
	for ; int(at) < len(l.tree); at += at & -at {
		l.tree[at].add(lots, orders)
	}
}

// before sums what stands before a place.
func (l *line) before(at uint32) (h held) {
	for at--; at > 0; at &= at - 1 {
		h.add(l.tree[at].lots, l.tree[at].orders)
	}
	return h
}
