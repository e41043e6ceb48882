package main

import (
	"context"
	"errors"

	"matcher/client"
	"matcher/core"
	"matcher/wire/ouch"
)

// orders follows the answers of one user, or the drop copy of a firm. It sends nothing.
func (w *watching) orders(ctx context.Context) error {
	o := client.Options{Addr: w.login.addr, Username: w.login.user, Password: w.login.key, Sequence: w.from}
	if w.dropcopy != "" {
		o.Addr = w.dropcopy
		w.login.addr = w.dropcopy
	}
	limited, cancel := context.WithTimeout(ctx, w.login.patience)
	defer cancel()
	stream, err := client.Follow(limited, o)
	if err != nil && w.dropcopy != "" {
		var f *fault
		if err = byRelay(w.login.fault(err)); errors.As(err, &f) && f.Code == "E5002" {
			f.Why, f.Or = "unknown user, wrong key, or no user of the role dropcopy", "matcher user add NAME --firm FIRM --role dropcopy"
		}
		return err
	}
	if err != nil {
		return w.login.fault(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer func() {
		stop()
		_ = stream.Close() // what ended it is told
	}()
	answers := &answers{instrument: w.scale, only: w.symbol, print: true, asJSON: w.asJSON, out: w.e.Stdout, orders: map[order]*core.Instrument{}}
	for {
		m, err := stream.Recv()
		if err != nil {
			return w.login.fault(err)
		}
		user, payload := w.login.user, m.Payload
		if w.dropcopy != "" {
			if user, payload, err = client.SplitDrop(m.Payload); err != nil {
				return w.login.fault(err)
			}
		}
		message, err := ouch.DecodeOutbound(payload)
		if err != nil {
			return w.login.fault(err)
		}
		if _, ok := message.(*ouch.QueryResponse); ok {
			continue // of whoever sends orders
		}
		answers.sequence = m.Sequence
		answers.tell(user, message)
		if _, err := answers.totals(); err != nil {
			return err
		}
	}
}
