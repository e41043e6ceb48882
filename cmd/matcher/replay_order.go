package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"matcher/engine"
	"matcher/replay"
	"matcher/snapshot"
)

// orderLines tells of an order: its events, and what is ahead of it in its queue whenever that has changed.
type orderLines struct {
	out       *bufio.Writer
	asJSON    bool
	engine    *engine.Engine
	reference uint64 // under which the order was asked for; 0: there is one order only
	was       engine.Place
	live      bool
}

// event tells of one event: of the order, or of others.
func (l *orderLines) event(word string, cmd *engine.Command, ev *engine.Event) error {
	name := l.engine.Name(ev.User)
	if l.asJSON {
		return l.object(map[string]any{
			word: string(rune(ev.Kind)), "seq": cmd.Seq, "time": cmd.Time, "user": trim(name[:]), "ref": ev.Ref, "qty": ev.Qty, "price": ev.Price, "leaves": ev.Leaves, "reason": ev.Reason,
		})
	}
	if ev.Kind == 'J' {
		_, err := fmt.Fprintf(l.out, "%s\t%d\t%s\t%sJ %s: rejected, code %#04x\n", word, cmd.Seq, timeText(cmd.Time), l.prefix(), trim(name[:]), ev.Reason)
		return err
	}
	_, err := fmt.Fprintf(l.out, "%s\t%d\t%s\t%s%c %s ref %d: %d at %d, %d left\n",
		word, cmd.Seq, timeText(cmd.Time), l.prefix(), ev.Kind, trim(name[:]), ev.Ref, ev.Qty, ev.Price, ev.Leaves)
	return err
}

// place tells where the order stands after a command, if that is not where it stood.
func (l *orderLines) place(cmd *engine.Command, p engine.Place, live bool) error {
	if live == l.live && (!live || p.AheadLots == l.was.AheadLots && p.AheadOrders == l.was.AheadOrders && p.Price == l.was.Price && p.Pending == l.was.Pending) {
		return nil
	}
	l.live, l.was = live, p
	switch {
	case !live:
		return nil
	case l.asJSON:
		return l.object(map[string]any{
			"queue": cmd.Seq, "time": cmd.Time, "ahead_lots": p.AheadLots, "ahead_orders": p.AheadOrders, "price": p.Price, "leaves": p.Leaves, "pending": p.Pending,
		})
	case p.Pending:
		_, err := fmt.Fprintf(l.out, "queue\t%d\t%s\t%swaits for its trigger, %d left\n", cmd.Seq, timeText(cmd.Time), l.prefix(), p.Leaves)
		return err
	}
	_, err := fmt.Fprintf(l.out, "queue\t%d\t%s\t%sahead %d lots in %s, %d left at %d\n",
		cmd.Seq, timeText(cmd.Time), l.prefix(), p.AheadLots, count(p.AheadOrders, "order"), p.Leaves, p.Price)
	return err
}

func (l *orderLines) prefix() string {
	if l.reference == 0 {
		return ""
	}
	return fmt.Sprintf("%d: ", l.reference)
}

func (l *orderLines) object(o map[string]any) error {
	if l.reference != 0 {
		o["reference"] = l.reference
	}
	return json.NewEncoder(l.out).Encode(o)
}

// followed is a recorded order that is watched.
type followed struct {
	orderLines
	order      uint64 // its reference now
	name       replay.OrderName
	instrument uint16
	found      bool
}

// see takes note of an event. False: it is about another order.
func (o *followed) see(ev *engine.Event) bool {
	renamed := (ev.Kind == 'U' || ev.Kind == 'T' || ev.Kind == 'R') && ev.Link == o.order
	if ev.Order != o.order && !renamed {
		return false
	}
	o.found, o.order, o.name, o.instrument = true, ev.Order, replay.OrderName{User: ev.User, Idx: ev.Idx, Ref: ev.Ref}, ev.Instrument
	return true
}

// follow executes the journal and tells what happens to recorded orders.
func (r *replaying) follow(ctx context.Context) (err error) {
	j, err := replay.Open(snapshot.Files(r.name))
	if err != nil {
		return journalFault(r.name, err)
	}
	defer func() { _ = j.Close() }()
	j.Until(r.until)
	out := bufio.NewWriter(r.e.Stdout)
	defer func() { err = errors.Join(err, out.Flush()) }()
	var orders []*followed
	for _, text := range r.orderRefs {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n == 0 {
			return &fault{Code: "E4004", What: fmt.Sprintf("--order %q is no order reference", text), Fix: r.references()}
		}
		orders = append(orders, &followed{orderLines: orderLines{out: out, asJSON: r.asJSON, engine: j.Engine(), reference: n}, order: n})
	}
	err = r.run(ctx, j, func(cmd *engine.Command, events []engine.Event) error {
		for _, o := range orders {
			if err := o.step(cmd, events); err != nil {
				return err
			}
		}
		if r.pace.speed == 0 {
			return nil
		}
		return out.Flush() // somebody watches
	})
	if err != nil {
		return journalFault(r.name, err)
	}
	for _, o := range orders {
		if !o.found {
			return &fault{Code: "E4004", What: fmt.Sprintf("no order of %s has the reference %d", r.name, o.reference), Fix: r.references()}
		}
	}
	return nil
}

// references is how to find the references of orders.
func (r *replaying) references() string {
	return "matcher journal export " + quoteAll([]string{r.name}) + " --events --format csv --kind A   (column order)"
}

// step tells what a command did to the order.
func (o *followed) step(cmd *engine.Command, events []engine.Event) error {
	touched := false
	for i := range events {
		ev := &events[i]
		if o.see(ev) {
			if err := o.event("order", cmd, ev); err != nil {
				return err
			}
		}
		touched = touched || ev.Instrument == o.instrument
	}
	if !o.found || !touched {
		return nil
	}
	p, live := o.engine.Place(o.name.User, o.name.Idx, o.name.Ref)
	return o.place(cmd, p, live && p.Order == o.order)
}
