package gateway

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"matcher/engine"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// TestPlainIsNoOther: what the short way makes of a packet is what the long way makes of it, whatever the packet, and it takes
// what it is there for. Half of the packets have bytes that chance has changed.
func TestPlainIsNoOther(t *testing.T) {
	r := newRig(t, 64)
	r.login(0, "ALICE", 0)
	chance := rand.New(rand.NewPCG(1, 2))
	letter := func(of string) byte { return of[chance.IntN(len(of))] }
	taken := 0
	for n := range 200_000 {
		m := ouch.EnterOrder{
			UserRefNum: chance.Uint32(), Side: letter("BSTE?"), Quantity: chance.Uint32(), Symbol: ouch.Symbol([]string{"AAPL", "NONE"}[chance.IntN(2)]),
			Price: chance.Uint64(), TimeInForce: letter("036E"), Display: letter("YNA"), Capacity: letter("AP"), Sweep: letter("YN"), CrossType: letter("NO"),
			ClOrdID: ouch.ClOrdID("A NAME OF 14 B"),
		}
		if chance.IntN(8) == 0 {
			m.Appendage = (&ouch.Options{Present: ouch.Tag28UserRefIdx, UserRefIdx: 3}).Append(nil)
		}
		message, whole := m.Append(nil), len(m.Appendage) == 0
		if chance.IntN(2) == 0 {
			message, whole = (&ouch.CancelOrder{UserRefNum: chance.Uint32(), Quantity: chance.Uint32()}).Append(nil), true
		}
		data := soupbin.AppendUnsequenced(nil, message)
		if n%2 != 0 {
			for range 1 + chance.IntN(3) {
				data[chance.IntN(len(data))] ^= byte(1 << chance.IntN(8))
			}
			data = data[:1+chance.IntN(len(data))]
			whole = false
		}
		plain, long := engine.Command{Header: engine.Header{Flags: 255, Idx: 7, Seq: 9, Time: 9}}, engine.Command{}
		size := r.g.plain(1, data, &plain)
		if size == 0 {
			if whole {
				t.Fatalf("packet %d is plain and was not taken: %q", n, data)
			}
			continue
		}
		taken++
		if size != packetSize(data) || !r.g.decode(0, data[soupbin.HeaderSize:size], &long) {
			t.Fatalf("packet %d, %q: %d bytes, no command", n, data, size)
		}
		plain.Seq, plain.Time = 0, 0 // these are core's
		if !bytes.Equal(plain.Cells(), long.Cells()) {
			t.Fatalf("packet %d, %q: the short way makes\n%+v of it, the long way\n%+v", n, data, plain.Enter(), long.Enter())
		}
	}
	if taken < 90_000 {
		t.Errorf("only %d packets were plain", taken)
	}
}

// TestPlainlyIsNoOther: the packet that the short way makes of an event is the one that the long way makes of it.
func TestPlainlyIsNoOther(t *testing.T) {
	r := newRig(t, 64)
	chance := rand.New(rand.NewPCG(3, 4))
	letter := func(of string) byte { return of[chance.IntN(len(of))] }
	some := func(odds int, v uint8) uint8 {
		if chance.IntN(odds) == 0 {
			return v
		}
		return 0
	}
	taken := map[uint8]int{}
	for n := range 200_000 {
		ev := engine.Event{
			Kind: letter("AAACCEEUJMRDTQ"), Flags: uint8(chance.Uint32()) &^ engine.EventCarried, Instrument: 1, User: 1, Idx: some(8, 5), Side: letter("BSTE"),
			Ref: chance.Uint32(), OrigRef: chance.Uint32(), Qty: chance.Uint32(), Leaves: chance.Uint32(), Order: chance.Uint64(), Link: chance.Uint64(),
			Price: chance.Uint64(), Number: uint64(n), ClOrdID: ouch.ClOrdID("A NAME OF 14 B"), Reason: uint16(letter("UZTRAD")), TIF: letter("036E"),
			Display: letter("YNA"), Capacity: letter("AP"), Cross: letter("NO"), Shown: chance.Uint32(),
		}
		var cmd engine.Command
		*cmd.Enter() = engine.Enter{
			Header:   engine.Header{Kind: engine.KindEnter, User: uint16(1 + some(4, 1)), Idx: ev.Idx, Flags: some(4, 1<<chance.IntN(8)) &^ engine.FlagExtension},
			Customer: some(8, 'R'), Exempt: some(8, 'E'), MinQty: chance.Uint32(),
		}
		if chance.IntN(8) == 0 {
			cmd.Kind = engine.KindReplace
		}
		at := chance.Uint64()
		m := make([]byte, maxMessage)
		size := r.g.plainly(m, &cmd, &ev, at)
		if size == 0 {
			options := ev.Kind == 'A' && (cmd.Kind != engine.KindEnter || cmd.Flags|cmd.Enter().Customer|cmd.Enter().Exempt != 0)
			if ev.Idx == 0 && !options && (ev.Kind == 'A' || ev.Kind == 'C' || ev.Kind == 'E') {
				t.Fatalf("event %d is plain and was not taken: %+v", n, ev)
			}
			continue
		}
		taken[ev.Kind]++
		long := soupbin.AppendSequenced(nil, r.g.encode(nil, &cmd, &ev, at))
		if !bytes.Equal(m[:size], long) {
			t.Fatalf("event %d, %+v of %+v: the short way makes\n%q of it, the long way\n%q", n, ev, cmd.Enter(), m[:size], long)
		}
	}
	if len(taken) != 3 || min(taken['A'], taken['C'], taken['E']) < 5_000 {
		t.Errorf("plain were %v", taken)
	}
}
