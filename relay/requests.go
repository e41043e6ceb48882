package relay

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"matcher/wire/mold"
)

// maxAsking is of how many addresses the requests of a second are counted; further ones are not answered in it. A source can
// be forged, and an answer is seventy times as long as a request.
const maxAsking = 1 << 16

// answer serves MoldUDP64 requests: one datagram for each, with the messages that fit, or none.
func (r *Relay) answer(ctx context.Context) {
	asked, second := map[netip.Addr]int{}, time.Now()
	in, buf, out := make([]byte, 2*mold.RequestSize), make([]byte, mold.MaxPayload+skipSize), []byte(nil)
	for {
		n, from, err := r.requests.ReadFromUDPAddrPort(in)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an answer before met nobody
		}
		var h mold.Header
		if h.DecodeRequest(in[:n]) != nil || h.Count == 0 || h.Count == mold.EndOfSession {
			continue
		}
		if now := time.Now(); now.Sub(second) >= time.Second {
			clear(asked)
			second = now
		}
		who := from.Addr().Unmap()
		times, known := asked[who]
		if times >= r.cfg.Rate || !known && len(asked) == maxAsking {
			continue
		}
		asked[who] = times + 1
		r.mu.Lock()
		t := r.itch.find(h.Session)
		r.mu.Unlock()
		if t == nil || h.Session == blank {
			continue
		}
		framed, got, err := t.read(buf, h.Sequence, mold.MaxPayload-mold.HeaderSize)
		if err != nil || got == 0 {
			continue
		}
		if got > int(h.Count) {
			got = int(h.Count)
			rest := framed
			for range got {
				_, rest, _ = mold.Next(rest)
			}
			framed = framed[:len(framed)-len(rest)]
		}
		h.Count = uint16(got)
		out = append(h.Append(out[:0]), framed...)
		_, _ = r.requests.WriteToUDPAddrPort(out, from) // whoever does not get it asks again
	}
}
