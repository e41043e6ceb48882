package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"matcher/replay"
	"matcher/wire/itch"
)

// itch prints the book of one instrument after each message about it.
func (r *replaying) itch(ctx context.Context, file io.Reader) (err error) {
	in := bufio.NewReader(file)
	if head, err := in.Peek(3); !strings.HasSuffix(r.name, ".itch50") && !beginsITCH(head) {
		if err != nil && !errors.Is(err, io.EOF) {
			return readFault(r.name, err)
		}
		return &fault{
			Code: "E3011", What: r.name + " is neither a journal nor an ITCH 5.0 file",
			Why: "a journal is a directory; an ITCH file begins with the length and the letter of a message",
			Fix: "matcher replay DIR", Or: "matcher import lobster FILE   if it is one of LOBSTER's",
		}
	}
	if r.depth == 0 {
		r.depth = 10
	}
	b, err := replay.RebuildITCH(in, replay.RebuildConfig{Symbol: r.symbol, Depth: r.depth, MaxOrders: r.orders})
	if err != nil {
		return inputFault(r.name, err)
	}
	out := bufio.NewWriter(r.e.Stdout)
	defer func() { err = errors.Join(err, out.Flush()) }()
	if err := r.columns(out, "message_index"); err != nil {
		return err
	}
	for {
		row, err := b.Next()
		switch {
		case errors.Is(err, io.EOF):
			_, err := fmt.Fprintf(r.e.Stderr, "%s: %s: %s left, %s about orders that were not added before\n", r.name, orNone(b.Symbol()),
				count(b.Open(), "order"), count(int(b.Unknown()), "message"))
			return err
		case err != nil:
			return inputFault(r.name, err)
		case r.last != 0 && row.Index > r.last:
			return nil
		}
		if err := r.row(out, row, "message_index"); err != nil {
			return err
		}
		if err := interrupted(ctx, row.Index); err != nil {
			return err
		}
	}
}

// beginsITCH says whether bytes could be the beginning of an ITCH 5.0 file: the length and the type of a message that
// real files begin with.
func beginsITCH(b []byte) bool {
	if len(b) < 3 {
		return false
	}
	sizes := map[byte]uint16{
		itch.TypeSystemEvent: itch.SystemEventSize, itch.TypeStockDirectory: itch.StockDirectorySize,
		itch.TypeTradingAction: itch.TradingActionSize, itch.TypeRegSHO: itch.RegSHOSize,
		itch.TypeParticipantPosition: itch.ParticipantPositionSize, itch.TypeDeclineLevel: itch.DeclineLevelSize,
		itch.TypeAddOrder: itch.AddOrderSize, itch.TypeAddOrderMPID: itch.AddOrderMPIDSize,
	}
	n, known := sizes[b[2]]
	return known && n == binary.BigEndian.Uint16(b)
}

func orNone(symbol string) string {
	if symbol == "" {
		return "no symbol"
	}
	return symbol
}
