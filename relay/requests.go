package relay

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"time"

	"matcher/snapshot"
	"matcher/wire/mold"
)

// maxAsking is of how many addresses the requests of a second are counted; further ones are not answered in it. A source can
// be forged, and an answer is seventy times as long as a request.
const maxAsking = 1 << 16

// answer serves MoldUDP64 requests: one datagram for each, with the messages that fit, or none.
func (r *Relay) answer(ctx context.Context) {
	asked, second := map[netip.Addr]int{}, time.Now()
	in, buf := make([]byte, 2*mold.RequestSize), make([]byte, max(mold.MaxPayload+skipSize, snapshot.PieceSize))
	var blocks, out []byte
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
		blocks, h.Count = t.some(blocks[:0], buf, h.Sequence, h.Count)
		if h.Count == 0 {
			continue
		}
		out = append(h.Append(out[:0]), blocks...)
		_, _ = r.requests.WriteToUDPAddrPort(out, from) // whoever does not get it asks again
	}
}

// some appends messages from number from on, as many as are there and fit a datagram, at most count, and returns how many.
func (t *tape) some(dst, buf []byte, from uint64, count uint16) (blocks []byte, n uint16) {
	for n < count {
		framed, got, err := t.read(buf, from+uint64(n), mold.MaxPayload-mold.HeaderSize-len(dst))
		if err != nil || got == 0 {
			break
		}
		for ; got > 0 && n < count; got-- {
			size := 2 + int(binary.BigEndian.Uint16(framed))
			dst, framed = append(dst, framed[:size]...), framed[size:]
			n++
		}
	}
	return dst, n
}
