package replay

import (
	"errors"

	"matcher/engine"
)

// WhatIf executes a journal twice at once: as it was recorded, with every check of Journal, and on a second engine with an order
// more or an order less. It is for one goroutine.
//
// Both engines see the same commands. The order that is inserted, and the one that is removed, take none of the numbers of
// others, so an event that is the same in both is the same for whoever would have received it. Commands of the owner about a
// removed order find nothing. What others would have done had they seen another market is not known: they do what they did.
type WhatIf struct {
	journal  *Journal
	engine   *engine.Engine
	insert   *engine.Command // nil: nothing is to be inserted, or it has been
	afterSeq uint64
	at       uint64
	remove   uint64 // reference, 0 none
	err      error  // of the insertion

	own     map[OrderName]bool // how the inserted or removed order is called
	Order   OrderName          // the inserted order's last name
	Found   bool               // the removed order came, or the inserted one was carried out
	pending []engine.Event     // of the insertion
	step    Step
	events  []engine.Event
}

// OrderName is how an owner calls an order.
type OrderName struct {
	User uint16
	Idx  uint8
	Ref  uint32
}

// Step is a recorded command in both worlds.
type Step struct {
	Cmd    *engine.Command
	Own    []engine.Event // of the inserted order, in the other world
	Lost   []engine.Event // happened only as recorded; those of a removed order are left out
	Gained []engine.Event // happened only in the other world
	Filled uint64         // lots that changed hands in the other world less those as recorded, two's complement
	Place  engine.Place   // of the inserted order after the command
	Live   bool           // it is live
}

// ErrReplaced is the answer to the removal of a reference that a Replace gave.
var ErrReplaced = errors.New("replay: the reference was given by a Replace: name the one with which the order entered")

// ErrNoName is the answer to an insertion for an account that has used all its channels.
var ErrNoName = errors.New("replay: the account has used all of its channels: there is no name left for another order")

// NewWhatIf takes a journal that stands before its first command.
func NewWhatIf(j *Journal) *WhatIf {
	w := &WhatIf{journal: j, engine: engine.New(), own: map[OrderName]bool{}}
	j.Before(w.before)
	return w
}

// Insert lets an Enter come behind the command of a sequence number and behind everything that is not later than its Time. It
// gets a name of its own: the last channel that its account has not used.
func (w *WhatIf) Insert(cmd *engine.Command, afterSeq uint64) {
	w.insert, w.afterSeq, w.at = cmd, afterSeq, cmd.Time
}

// Remove lets the Enter that got an order reference never come.
func (w *WhatIf) Remove(reference uint64) { w.remove = reference }

// Engine returns the other world.
func (w *WhatIf) Engine() *engine.Engine { return w.engine }

// before inserts the order when the next command is the first behind it.
func (w *WhatIf) before(next *engine.Command) {
	if w.insert == nil || next.Seq <= w.afterSeq || next.Time <= w.at {
		return
	}
	cmd := w.insert
	w.insert = nil
	idx := 254 // 255 is the venue's own (rule 11.6)
	for ; idx > 0 && w.engine.LastRef(cmd.User, uint8(idx)) != 0; idx-- {
	}
	if idx == 0 {
		w.err = ErrNoName
		return
	}
	cmd.Idx, cmd.Enter().Ref = uint8(idx), 1
	cmd.Time = max(w.at, w.engine.Time())
	w.Order = OrderName{cmd.User, cmd.Idx, 1}
	w.own[w.Order], w.Found = true, true
	w.pending = w.engine.Insert(w.pending[:0], cmd)
}

// Next executes the next command in both worlds. The error is that of Journal.Next, or what the insertion or removal met. The
// step is valid until the next call.
func (w *WhatIf) Next() (*Step, error) {
	cmd, was, err := w.journal.Next()
	if err == nil {
		err = w.err
	}
	if err != nil {
		return nil, err
	}
	w.step = Step{Cmd: cmd, Own: w.step.Own[:0], Lost: w.step.Lost[:0], Gained: w.step.Gained[:0]}
	w.events = append(w.events[:0], w.pending...)
	w.pending = w.pending[:0]
	skip := false
	if w.remove != 0 && !w.Found {
		for i := range was {
			if was[i].Order != w.remove {
				continue
			}
			if was[i].Kind != 'A' || cmd.Kind != engine.KindEnter {
				return nil, ErrReplaced
			}
			w.own[OrderName{was[i].User, was[i].Idx, was[i].Ref}] = true
			w.Found, skip = true, true
			break
		}
	}
	if skip {
		w.events = w.engine.Skip(w.events, cmd)
	} else {
		again := *cmd
		w.events = w.engine.Apply(w.events, &again)
	}
	w.compare(was, w.events)
	w.step.Place, w.step.Live = w.engine.Place(w.Order.User, w.Order.Idx, w.Order.Ref)
	return &w.step, nil
}

// compare finds what happened in one world only. Events are compared in order; those of the order itself are set apart.
func (w *WhatIf) compare(was, now []engine.Event) {
	i := 0
	for k := range now {
		ev := &now[k]
		if w.mine(ev) {
			w.step.Own = append(w.step.Own, *ev)
			w.step.Filled += filled(ev)
			continue
		}
		w.step.Filled += filled(ev)
		j := i
		for j < len(was) && !alike(&was[j], ev) {
			j++
		}
		if j == len(was) {
			w.step.Gained = append(w.step.Gained, *ev)
			continue
		}
		for ; i < j; i++ {
			w.lost(&was[i])
		}
		w.step.Filled -= filled(&was[i])
		i++
	}
	for ; i < len(was); i++ {
		w.lost(&was[i])
	}
}

func (w *WhatIf) lost(ev *engine.Event) {
	w.step.Filled -= filled(ev)
	if !w.mine(ev) {
		w.step.Lost = append(w.step.Lost, *ev)
	}
}

// mine says whether an event is about the order in question, and follows its names.
func (w *WhatIf) mine(ev *engine.Event) bool {
	name := OrderName{ev.User, ev.Idx, ev.Ref}
	if ev.Kind == 'U' && w.own[OrderName{ev.User, ev.Idx, ev.OrigRef}] {
		w.own[name] = true
	}
	return w.own[name]
}

// filled is the lots of an execution, told once.
func filled(ev *engine.Event) uint64 {
	if ev.Kind == 'E' && ev.Flags&engine.EventTaker != 0 {
		return uint64(ev.Qty)
	}
	return 0
}

// alike says whether two events tell their owner the same but for the numbers of messages, trades and orders.
func alike(a, b *engine.Event) bool {
	x, y := *a, *b
	for _, ev := range [...]*engine.Event{&x, &y} {
		ev.Number, ev.Order = 0, 0
		if ev.Kind != 'C' && ev.Kind != 'M' && ev.Kind != 'D' {
			ev.Link = 0
		}
	}
	return x == y
}
