package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"matcher/engine"
	"matcher/replay"
	"matcher/snapshot"
)

// findTrade reads a trade and both its owners from a journal: the engine remembers no dead orders, so whoever breaks a trade
// brings them along. It works beside the server that writes the journal.
func findTrade(ctx context.Context, dir string, match uint64) (*tradeRow, error) {
	if err := isJournal(dir); err != nil {
		return nil, err
	}
	row, seq, err := executedTrade(ctx, dir, match)
	if err == nil {
		err = completeTrade(ctx, dir, row, seq)
	}
	if err != nil {
		return nil, journalFault(dir, err)
	}
	return row, nil
}

// executedTrade executes the journal up to the trade: its events say whose orders they were. It returns the number of the
// command too.
func executedTrade(ctx context.Context, dir string, match uint64) (*tradeRow, uint64, error) {
	var row *tradeRow
	var seq uint64
	err := execute(ctx, dir, func(cmd *engine.Command, events []engine.Event) error {
		for i := 1; i < len(events); i++ {
			if ev := &events[i]; ev.Kind == 'E' && ev.Flags&engine.EventTaker != 0 && ev.Link == match {
				row, seq = &tradeRow{
					Match: match, Instrument: ev.Instrument, Price: ev.Price, Qty: ev.Qty, Maker: ownerOf(&events[i-1]), Taker: ownerOf(ev),
				}, cmd.Seq
				return io.EOF
			}
		}
		return nil
	})
	if err == nil && row == nil {
		err = noTrade(dir, match)
	}
	return row, seq, err
}

// execute executes the journal in a directory and shows each command with its events, until visit gives an error, of which
// io.EOF says that it has seen enough.
func execute(ctx context.Context, dir string, visit func(*engine.Command, []engine.Event) error) error {
	j, err := replay.Open(snapshot.Files(dir))
	if err != nil {
		return err
	}
	defer func() { _ = j.Close() }()
	for err == nil {
		var cmd *engine.Command
		var events []engine.Event
		if cmd, events, err = j.Next(); err == nil {
			err = interrupted(ctx, cmd.Seq)
		}
		if err == nil {
			err = visit(cmd, events)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func ownerOf(ev *engine.Event) ownerRow {
	return ownerRow{User: ev.User, Idx: ev.Idx, Side: ev.Side, Ref: ev.Ref}
}

// completeTrade executes the journal once more, to its end: the ClOrdIDs stand where the orders were accepted, and behind the
// trade stands whether another day began or it was broken before.
func completeTrade(ctx context.Context, dir string, row *tradeRow, seq uint64) error {
	return execute(ctx, dir, func(cmd *engine.Command, events []engine.Event) error {
		switch {
		case cmd.Seq <= seq:
			for i := range events {
				row.Maker.name(&events[i])
				row.Taker.name(&events[i])
			}
		case cmd.Kind == engine.KindDay && cmd.Day().Event == 'S':
			return &fault{Code: "E2014", What: fmt.Sprintf("trade %d is of another day", row.Match), Why: "only trades of the current day can be broken"}
		case cmd.Kind == engine.KindBust && cmd.Bust().Match == row.Match:
			return &fault{Code: "E2013", What: fmt.Sprintf("trade %d is broken already", row.Match), Why: fmt.Sprintf("by seq %d of the journal", cmd.Seq)}
		}
		return nil
	})
}

// name takes the ClOrdID out of what told an owner of the order.
func (o *ownerRow) name(ev *engine.Event) {
	if (ev.Kind == 'A' || ev.Kind == 'U') && ev.User == o.User && ev.Idx == o.Idx && ev.Ref == o.Ref {
		o.ClOrdID = append(o.ClOrdID[:0], ev.ClOrdID[:]...)
	}
}
