package engine_test

import (
	"slices"
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// TestShortWay: what goes the short way comes out as by the long one, events and state hash. A firm that is named though it is
// the account's own changes nothing but that. Post-only is left out: the long way remembers it of an order that rests, which no
// order that is no peg is ever asked again.
func TestShortWay(t *testing.T) {
	for _, mix := range twin.Mixes() {
		short, long, seq := engine.New(), engine.New(), uint64(0)
		var a, b []engine.Event
		apply := func(c *engine.Command) {
			seq++
			c.Seq = seq
			a = short.Apply(a[:0], c)
			if c.Kind == engine.KindEnter || c.Kind == engine.KindReplace {
				c.Flags |= engine.FlagFirm
			}
			b = long.Apply(b[:0], c)
			if !slices.Equal(a, b) {
				t.Fatalf("%s, command %d: the short way says\n%+v\nthe long one\n%+v", mix.Name, seq, a, b)
			}
			if short.Hash() != long.Hash() {
				t.Fatalf("%s, command %d: the ways lead to different states", mix.Name, seq)
			}
		}
		for _, c := range twin.Setup(200) {
			apply(&c)
		}
		flow := twin.NewFlow(4, mix)
		for range 10_000 {
			c := flow.Next()
			if c.Kind == engine.KindEnter || c.Kind == engine.KindReplace {
				c.Flags &^= engine.FlagPostOnly
			}
			apply(&c)
		}
	}
}

// TestChannelsAreApart: in a small table of names an order of one channel may stand where the short way looks for one of the default
// channel with the same number. It is not taken for it.
func TestChannelsAreApart(t *testing.T) {
	const numbers = 5
	for channel := 1; channel < 255; channel++ {
		v := newHall(1, 16, 1)
		var c engine.Command
		for ref := uint32(1); ref <= numbers; ref++ {
			fill(&c, 1, ref, 'B', 1, 1000)
			c.Idx = uint8(channel)
			if ev := v.apply(&c); len(ev) != 1 || ev[0].Kind != 'A' {
				t.Fatalf("channel %d: %+v", channel, ev)
			}
		}
		for ref := uint32(1); ref <= numbers; ref++ {
			c = engine.Command{}
			*c.Cancel() = engine.Cancel{Header: engine.Header{Kind: engine.KindCancel, User: 1}, Ref: ref}
			if ev := v.apply(&c); len(ev) != 0 {
				t.Fatalf("a Cancel of order %d of channel 0 did something to channel %d: %+v", ref, channel, ev)
			}
			replacing(&c, 1, 100+ref, ref)
			if ev := v.apply(&c); len(ev) != 0 {
				t.Fatalf("a Replace of order %d of channel 0 did something to channel %d: %+v", ref, channel, ev)
			}
		}
	}
}

// TestReplaceIsExempted: a Replace that says that its order outlives a connection is believed, though all else of it is plain.
func TestReplaceIsExempted(t *testing.T) {
	for _, exempt := range []uint8{0, 'N'} {
		v := newHall(1, 100, 1)
		var c engine.Command
		*c.AsUser() = engine.User{Header: engine.Header{Kind: engine.KindUser}, Name: [6]byte([]byte("U00000")), OnDrop: 1}
		v.apply(&c)
		v.apply(fill(&c, 1, 1, 'B', 1, 1000))
		replacing(&c, 1, 2, 1).Replace().Exempt = exempt
		if ev := v.apply(&c); len(ev) != 1 || ev[0].Kind != 'U' {
			t.Fatalf("%+v", ev)
		}
		c = engine.Command{}
		*c.Disconnect() = engine.Disconnect{Header: engine.Header{Kind: engine.KindDisconnect, User: 1}, Cause: engine.CauseClosed}
		if ev := v.apply(&c); (len(ev) == 0) != (exempt == 'N') {
			t.Errorf("tag 134 %q: the end of the connection gives %+v", exempt, ev)
		}
	}
}

// replacing makes c a Replace by a plain order of the day.
func replacing(c *engine.Command, user uint16, ref, orig uint32) *engine.Command {
	*c = engine.Command{}
	*c.Replace() = engine.Replace{
		Header: engine.Header{Kind: engine.KindReplace, User: user}, Ref: ref, OrigRef: orig, Qty: 2, Price: 1000, TIF: '0', Display: 'Y',
	}
	return c
}
