package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"matcher/replay"
	"matcher/wire/ouch"
)

// flowRun is a flow on its way: one connection per user, one of them sending.
type flowRun struct {
	s        *sending
	keys     map[string]string
	sessions map[string]*session
	current  *session
	unasked  int // commands of current sent behind its last query
	queries  int // of current, not answered
	commands uint64
	tell     func(user string, message any) // takes the answers
}

// sendFlow sends a file of commands and prints the totals. The order of the file is kept: the next user begins when all
// answers of the one before have come. Within a user, up to the window of commands is under way.
func (s *sending) sendFlow(ctx context.Context) error {
	in, err := openInput(s.e, s.flow)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	run := &flowRun{s: s, keys: map[string]string{}, sessions: map[string]*session{}, tell: s.answers.tell}
	if s.keys != "" {
		if run.keys, err = readKeys(s.keys); err != nil {
			return err
		}
	}
	out := bufio.NewWriter(s.e.Stdout)
	s.answers.out = out
	start := time.Now()
	err = run.all(ctx, in)
	for _, c := range run.sessions {
		c.close()
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
	}
	return run.report(time.Since(start))
}

// all sends every line and waits for every answer.
func (r *flowRun) all(ctx context.Context, in io.Reader) error {
	flow := replay.NewFlow(in)
	for {
		line, err := flow.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			f := flowFault(r.s.flow, err)
			f.Why = strings.TrimPrefix(f.Why+"; sent before it: "+count(int(r.commands), "command"), "; ")
			return f
		}
		if err := r.send(ctx, line); err != nil {
			return err
		}
	}
	// What rests may have been executed by others since its owner was last asked.
	for _, c := range r.sessions {
		if err := r.turn(ctx, c); err != nil {
			return err
		}
		r.unasked++ // an empty command: asks once more
		if err := r.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// send sends one line as its user.
func (r *flowRun) send(ctx context.Context, line *replay.Line) error {
	return r.post(ctx, trim(line.User[:]), message(line))
}

// post sends one message as a user.
func (r *flowRun) post(ctx context.Context, user string, m ouch.Inbound) error {
	c := r.sessions[user]
	if c == nil {
		var err error
		if c, err = r.connect(ctx, user); err != nil {
			return err
		}
		r.sessions[user] = c
	}
	if err := r.turn(ctx, c); err != nil {
		return err
	}
	r.commands++
	if _, ok := m.(*ouch.AccountQuery); ok {
		r.unasked++
		return r.ask(ctx)
	}
	if err := c.conn.Send(m); err != nil {
		return c.fault(err)
	}
	if r.unasked++; r.unasked >= r.s.window/2 {
		return r.ask(ctx)
	}
	return nil
}

// connect logs a user of the flow in.
func (r *flowRun) connect(ctx context.Context, user string) (*session, error) {
	l := r.s.login
	l.user, l.key = user, r.keys[user]
	if l.key == "" && len(r.keys) == 0 {
		key, err := keyFrom(r.s.e, r.s.keyFile)
		if err != nil {
			return nil, &fault{Code: "E4006", What: "no key for " + user, Fix: "matcher send -f FLOW --keys FILE   with a line: " + user + " KEY"}
		}
		l.key = key
	}
	if l.key == "" {
		return nil, &fault{Code: "E4006", What: r.s.keys + " has no key for " + user, Fix: "add a line: " + user + " KEY"}
	}
	return dial(ctx, l, r.tell)
}

// turn makes c the one that sends, once the one before has all its answers.
func (r *flowRun) turn(ctx context.Context, c *session) error {
	if r.current == c {
		return nil
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	r.current = c
	return nil
}

// ask sends a query behind what was sent, and waits until at most one is unanswered: so at most a window is under way.
func (r *flowRun) ask(ctx context.Context) error {
	if err := r.current.query(); err != nil {
		return err
	}
	r.unasked = 0
	for r.queries++; r.queries > 1; r.queries-- {
		if _, err := r.current.answer(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settle waits for all answers of the current user.
func (r *flowRun) settle(ctx context.Context) error {
	if r.current == nil {
		return nil
	}
	if r.unasked > 0 {
		if err := r.ask(ctx); err != nil {
			return err
		}
	}
	for ; r.queries > 0; r.queries-- {
		if _, err := r.current.answer(ctx); err != nil {
			return err
		}
	}
	return nil
}

// report prints the totals.
func (r *flowRun) report(took time.Duration) error {
	t, err := r.s.answers.totals()
	if err != nil {
		return err
	}
	t.Commands = r.commands
	if t == (totals{Commands: r.commands}) && r.commands > 0 {
		say(r.s.e, "the venue ignored all of it: UserRefNums that were used before, and orders that are not live, have no answer (PROTOCOL.md, section 7)")
	}
	if r.s.asJSON {
		err = json.NewEncoder(r.s.e.Stdout).Encode(struct {
			totals
			Seconds float64 `json:"seconds"`
		}{t, took.Seconds()})
	} else {
		_, err = fmt.Fprintf(r.s.e.Stdout, "%s in %.3f s: %d accepted, %d replaced, %d executed, %d canceled, %d rejected, %d others\n",
			count(int(t.Commands), "command"), took.Seconds(), t.Accepted, t.Replaced, t.Executed, t.Canceled, t.Rejected, t.Others)
	}
	if err == nil && r.s.strict && t.Rejected > 0 {
		return &fault{Code: "E2006", What: fmt.Sprintf("rejected: %d of %s", t.Rejected, count(int(t.Commands), "command")), Fix: "matcher send -v prints every answer"}
	}
	return err
}

// message is a line as OUCH 5.0.
func message(l *replay.Line) ouch.Inbound {
	options := l.Appendage(nil)
	switch l.Verb {
	case replay.Enter:
		return &ouch.EnterOrder{
			UserRefNum: l.Ref, Side: l.Side, Quantity: l.Qty, Symbol: l.Symbol, Price: l.Price, TimeInForce: l.TIF, Display: l.Display,
			Capacity: l.Capacity, Sweep: l.Sweep, CrossType: l.Cross, ClOrdID: l.ClOrdID, Appendage: options,
		}
	case replay.Replace:
		return &ouch.ReplaceOrder{
			OrigUserRefNum: l.OrigRef, UserRefNum: l.Ref, Quantity: l.Qty, Price: l.Price, TimeInForce: l.TIF, Display: l.Display,
			Sweep: l.Sweep, ClOrdID: l.ClOrdID, Appendage: options,
		}
	case replay.Cancel:
		return &ouch.CancelOrder{UserRefNum: l.Ref, Quantity: l.Qty, Appendage: options}
	case replay.Modify:
		return &ouch.ModifyOrder{UserRefNum: l.Ref, Side: l.Side, Quantity: l.Qty, Appendage: options}
	case replay.MassCancel:
		return &ouch.MassCancel{UserRefNum: l.Ref, Firm: l.Firm, Symbol: l.Symbol, Appendage: options}
	case replay.Disable:
		return &ouch.DisableEntry{UserRefNum: l.Ref, Firm: l.Firm, Appendage: options}
	case replay.Enable:
		return &ouch.EnableEntry{UserRefNum: l.Ref, Firm: l.Firm, Appendage: options}
	case replay.Query:
		return &ouch.AccountQuery{Appendage: options}
	}
	panic("matcher: a flow line with a verb of no kind")
}
