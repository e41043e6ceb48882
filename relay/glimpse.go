package relay

import (
	"context"
	"encoding/json"
	"net"
	"strings"

	"matcher/engine"
	"matcher/feed"
	"matcher/wire/soupbin"
)

// serveGlimpse answers a login with a snapshot and the number to go on with (GLIMPSE 5.0).
func (r *Relay) serveGlimpse(ctx context.Context, conn net.Conn) {
	l, _ := r.login(conn)
	if l == nil {
		return
	}
	var session [10]byte
	var framed []byte
	if !r.ask(ctx, func(p *feed.Public, _ *engine.Engine) { session, framed = p.Session(), p.Snapshot(nil) }) {
		return
	}
	if l.Session != blank && l.Session != session {
		reject(conn, soupbin.SessionNotAvailable)
		return
	}
	if send(conn, soupbin.AppendLoginAccepted(nil, &soupbin.Accepted{Session: session, Sequence: 1})) != nil {
		return
	}
	gone := listen(conn)
	out := appendSequenced(make([]byte, 0, len(framed)+len(framed)/16), framed)
	for len(out) != 0 {
		n := min(len(out), piece)
		if send(conn, out[:n]) != nil {
			return
		}
		out = out[n:]
	}
	finish(conn, gone)
}

// scale is a line of the reference channel about an instrument.
type scale struct {
	Locate           int    `json:"locate"`
	Symbol           string `json:"symbol"`
	PriceDecimals    uint8  `json:"price_decimals"`
	QuantityDecimals uint8  `json:"quantity_decimals"`
	Tick             uint64 `json:"tick"`
	Lot              uint32 `json:"lot"`
	MaxPrice         uint64 `json:"max_price"`
	MaxQuantity      uint32 `json:"max_quantity"`
}

// serveReference says what the numbers of each instrument mean, and closes.
func (r *Relay) serveReference(ctx context.Context, conn net.Conn) {
	var out strings.Builder
	if !r.ask(ctx, func(p *feed.Public, e *engine.Engine) {
		session := p.Session()
		lines := json.NewEncoder(&out)
		_ = lines.Encode(struct {
			Session  string `json:"session"`
			Midnight uint64 `json:"midnight"`
		}{string(session[:]), p.Midnight()}) // a Builder takes all
		for i, d := range e.Instruments() {
			if i == 0 {
				continue
			}
			_ = lines.Encode(scale{
				Locate: i, Symbol: strings.TrimRight(string(d.Symbol[:]), " "), PriceDecimals: d.PriceDecimals,
				QuantityDecimals: d.LotDecimals, Tick: d.Tick, Lot: d.Lot, MaxPrice: d.MaxPrice, MaxQuantity: d.MaxQty,
			})
		}
	}) {
		return
	}
	_ = send(conn, []byte(out.String()))
}
