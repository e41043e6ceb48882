package gateway

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"matcher/engine"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// bytesOf reads hexadecimal digits, in groups as one likes.
func bytesOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stamp is the timestamp of all messages below.
const stamp = 0x1f1aced9f07b

// TestGoldenMessages holds the bytes of every message that tells of icebergs, pegs, stops, prevention and busts, from events
// as the engine makes them.
func TestGoldenMessages(t *testing.T) {
	r := newRig(t, 16)
	clOrdID := ouch.ClOrdID("CLORD1")
	for _, test := range []struct {
		name string
		ev   engine.Event
		want string
	}{
		{
			"decremented, the maker",
			engine.Event{Kind: 'D', User: 1, Ref: 3, Qty: 50, Leaves: 10, Price: 650_000_000, Reason: 'A', TIF: 'D'},
			"44 00001f1aced9f07b 00000003 00000032 51 00000032 0000000026be3680 41 44",
		},
		{
			"decremented, the aggressor, at the level of the firm, in a channel",
			engine.Event{Kind: 'D', User: 1, Idx: 5, Ref: 3, Qty: 50, Price: 650_000_000, Reason: 'R', TIF: 'd'},
			"44 00001f1aced9f07b 00000003 00000032 51 00000032 0000000026be3680 52 64 0003 021c05",
		},
		{
			"decremented without details",
			engine.Event{Kind: 'C', User: 1, Ref: 3, Qty: 50, Leaves: 10, Reason: 'Q'},
			"43 00001f1aced9f07b 00000003 00000032 51",
		},
		{
			"slice refreshed",
			engine.Event{Kind: 'R', User: 1, Ref: 2, Reason: 'R', Qty: 100, Leaves: 700, Order: 777, Link: 770, Price: 1_503_400, Shown: 100},
			"52 00001f1aced9f07b 00000002 52 0010 0901 0000000000000309 0516 00000064",
		},
		{
			"slice refreshed, in a channel",
			engine.Event{Kind: 'R', User: 1, Idx: 9, Ref: 2, Reason: 'R', Qty: 100, Leaves: 700, Order: 777, Link: 770},
			"52 00001f1aced9f07b 00000002 52 0013 0901 0000000000000309 0516 00000064 021c09",
		},
		{
			"stop triggered",
			engine.Event{Kind: 'R', User: 1, Ref: 2, Reason: 'T', Qty: 100, Leaves: 100, Order: 777, Link: 777},
			"52 00001f1aced9f07b 00000002 54 000a 0901 0000000000000309",
		},
		{
			"stop triggered, in a channel",
			engine.Event{Kind: 'R', User: 1, Idx: 9, Ref: 2, Reason: 'T', Qty: 100, Leaves: 100, Order: 777, Link: 777},
			"52 00001f1aced9f07b 00000002 54 000d 0901 0000000000000309 021c09",
		},
		{
			"peg moved",
			engine.Event{Kind: 'T', User: 1, Ref: 7, Price: 1_503_300, Display: 'Y', Order: 555, Link: 500, Leaves: 10, Shown: 10},
			"54 00001f1aced9f07b 00000007 000000000016f044 59 000000000000022b",
		},
		{
			"maker at the midpoint",
			engine.Event{Kind: 'E', User: 1, Ref: 1, Qty: 100, Price: 1_503_400, Reason: 'k', Link: 777},
			"45 00001f1aced9f07b 00000001 00000064 000000000016f0a8 6b 0000000000000309 0000",
		},
		{
			"midpoint order as aggressor",
			engine.Event{Kind: 'E', User: 1, Ref: 1, Qty: 100, Price: 1_503_400, Reason: 'm', Link: 777, Flags: engine.EventTaker},
			"45 00001f1aced9f07b 00000001 00000064 000000000016f0a8 6d 0000000000000309 0000",
		},
		{
			"trade broken",
			engine.Event{Kind: 'B', User: 1, Ref: 1, Link: 777, Reason: 'S', ClOrdID: clOrdID},
			"42 00001f1aced9f07b 00000001 0000000000000309 53 434c4f5244312020202020202020",
		},
		{
			"trade broken, in a channel",
			engine.Event{Kind: 'B', User: 1, Idx: 1, Ref: 1, Link: 777, Reason: 'E', ClOrdID: clOrdID},
			"42 00001f1aced9f07b 00000001 0000000000000309 45 434c4f5244312020202020202020 0003 021c01",
		},
		{
			"cut off by the collar",
			engine.Event{Kind: 'C', User: 1, Ref: 5, Qty: 400, Reason: 'K'},
			"43 00001f1aced9f07b 00000005 00000190 4b",
		},
		{
			"pending stop told again under another session",
			engine.Event{
				Kind: 'A', User: 1, Ref: 1, Side: 'B', Qty: 100, Instrument: 1, Price: engine.MarketPrice, TIF: '1', Display: 'Y',
				Order: 1001, Capacity: 'P', Cross: 'N', ClOrdID: clOrdID, Flags: engine.EventCarried | engine.EventPending,
			},
			"41 00001f1aced9f07b 00000001 42 00000064 4141504c20202020 0000000077359400 31 59 00000000000003e9 50 4e 4e 4c" +
				"434c4f5244312020202020202020 0000",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := bytesOf(t, test.want)
			got := r.g.encode(nil, &engine.Command{}, &test.ev, stamp)
			if !bytes.Equal(got, want) {
				t.Fatalf("got\n%x\nwant\n%x", got, want)
			}
			if _, err := ouch.DecodeOutbound(got); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// everyTag is an appendage with every tag that an Enter may have and Accepted repeats, but for tag 132, which excludes 15.
const everyTag = "0502 414c4641 0503 00000064 0204 52 0505 000000c8 0206 52 0507 fffffff6 020c 50 050d 00000014 050f 0000003c" +
	"0210 4e 0318 0007 0219 59 021c 05 021d 44 031e 4142 0980 000000000016f0a8 0281 4c 0583 000003e8 0286 59"

// TestEcho sends tags in, out of order and among others, and holds what Accepted and Replaced repeat of them.
func TestEcho(t *testing.T) {
	// What the venue understands and does not repeat: tags 9 10 11 14 17 26 27, and 1, which is no tag of an order entered.
	silent := "0909 0000000000000001 020a 4c 050b 00000001 050e 41424344 0211 49 051a 41424344 021b 53"
	for _, test := range []struct{ name, in, accepted, replaced string }{
		{"none", "", "", ""},
		{
			"every tag", silent + everyTag, everyTag,
			"0502 414c4641 0503 00000064 0505 000000c8 0206 52 020c 50 050f 0000003c 0210 4e 021c 05 021d 44 031e 4142" +
				"0980 000000000016f0a8 0281 4c 0583 000003e8 0286 59",
		},
		{"good till date, descending", "0984 1122334455667788 0206 4b", "0206 4b 0984 1122334455667788", "0206 4b 0984 1122334455667788"},
		{"an iceberg", "050d 00000005 0505 00000064", "0505 00000064 050d 00000005", "0505 00000064"},
		{"a peg", "0507 00000064 0206 50", "0206 50 0507 00000064", "0206 50"},
		{"a stop that is taken back", "0980 0000000000000000", "0980 0000000000000000", "0980 0000000000000000"},
		{"a trailing stop", "0583 000003e8 0281 42", "0281 42 0583 000003e8", "0281 42 0583 000003e8"},
		{"no prevention", "021d 4e", "021d 4e", "021d 4e"},
		{"exempt", "0286 4e", "0286 4e", "0286 4e"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, 16)
			r.login(0, "ALICE", 0)
			app := bytesOf(t, test.in)
			var cmd engine.Command
			if _, ok := r.g.Receive(0, orderPacket(1, 'B', 100, 1_000_000, app), 0, &cmd); !ok {
				t.Fatal("no command")
			}
			accepted := ouch.Accepted{}
			if err := accepted.Decode(r.g.encode(nil, &cmd, &engine.Event{Kind: 'A', User: 1, Idx: cmd.Idx}, stamp)); err != nil {
				t.Fatal(err)
			}
			if want := bytesOf(t, test.accepted); !bytes.Equal(accepted.Appendage, want) {
				t.Errorf("Accepted repeats\n%x\nwant\n%x", accepted.Appendage, want)
			}
			if bytes.Contains(app, []byte{5, 14}) { // tag 14 is none of a Replace, but passes
				app = bytes.Replace(app, []byte{5, 14, 'A', 'B', 'C', 'D'}, nil, 1)
			}
			m := ouch.ReplaceOrder{UserRefNum: 2, OrigUserRefNum: 1, Quantity: 100, Price: 1_000_000, TimeInForce: '0', Display: 'Y', Sweep: 'N', Appendage: app}
			if _, ok := r.g.Receive(0, soupbin.AppendUnsequenced(nil, m.Append(nil)), 0, &cmd); !ok {
				t.Fatal("no command")
			}
			replaced := ouch.Replaced{}
			if err := replaced.Decode(r.g.encode(nil, &cmd, &engine.Event{Kind: 'U', User: 1, Idx: cmd.Idx}, stamp)); err != nil {
				t.Fatal(err)
			}
			if want := bytesOf(t, test.replaced); !bytes.Equal(replaced.Appendage, want) {
				t.Errorf("Replaced repeats\n%x\nwant\n%x", replaced.Appendage, want)
			}
		})
	}
}

// TestLargestMessage: the longest message there is fits what is reserved for each, and the memory named for the messages that
// come in great numbers is not below what they take.
func TestLargestMessage(t *testing.T) {
	r := newRig(t, 16)
	r.login(0, "ALICE", 0)
	var cmd engine.Command
	app := bytesOf(t, everyTag+"0984 1122334455667788")
	if _, ok := r.g.Receive(0, orderPacket(1, 'B', 100, 1_000_000, app), 0, &cmd); !ok {
		t.Fatal("no command")
	}
	size := func(ev engine.Event) int {
		ev.User, ev.Idx = 1, 5
		return soupbin.HeaderSize + len(r.g.encode(nil, &cmd, &ev, stamp))
	}
	for _, kind := range []byte("AU") {
		if n := size(engine.Event{Kind: kind}); n > maxMessage {
			t.Errorf("%c: %d bytes, reserved are %d", kind, n, maxMessage)
		}
	}
	for _, test := range []struct {
		ev     engine.Event
		memory int
	}{
		{engine.Event{Kind: 'E'}, ExecutedMemory},
		{engine.Event{Kind: 'D'}, ExecutedMemory},
		{engine.Event{Kind: 'B'}, ExecutedMemory + CanceledMemory},
		{engine.Event{Kind: 'C'}, CanceledMemory},
		{engine.Event{Kind: 'R', Reason: 'R'}, RefreshedMemory},
		{engine.Event{Kind: 'R', Reason: 'T'}, TriggeredMemory},
		{engine.Event{Kind: 'T'}, PriorityMemory},
	} {
		if n := size(test.ev); n > test.memory {
			t.Errorf("%c %c: %d bytes, said are %d", test.ev.Kind, test.ev.Reason, n, test.memory)
		}
	}
}

// TestRareMessagesAllocateNothing: refreshes, peg moves and prevention come in the middle of matching.
func TestRareMessagesAllocateNothing(t *testing.T) {
	r := newRig(t, 16)
	var cmd engine.Command
	buf := make([]byte, 0, maxMessage)
	for _, ev := range []engine.Event{
		{Kind: 'D', User: 1, Idx: 5},
		{Kind: 'R', User: 1, Idx: 5, Reason: 'R'},
		{Kind: 'R', User: 1, Reason: 'T'},
		{Kind: 'T', User: 1},
		{Kind: 'B', User: 1, Idx: 5},
	} {
		if n := testing.AllocsPerRun(100, func() { r.g.encode(buf, &cmd, &ev, stamp) }); n != 0 {
			t.Errorf("%c: %v allocations", ev.Kind, n)
		}
	}
}
