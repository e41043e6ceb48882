package itch

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// The headers of all vectors: half past nine and 123 ns, about instrument 1 or about none.
var (
	one  = Header{Locate: 1, Timestamp: 34_200_000_000_123}
	none = Header{Timestamp: 34_200_000_000_123}
	aapl = [8]byte([]byte("AAPL    "))
)

// messages are those of testdata/vectors.tsv.
var messages = map[string]Message{
	"start of messages":     &SystemEvent{none, EventStartOfMessages},
	"start of system hours": &SystemEvent{none, EventStartOfSystem},
	"start of market hours": &SystemEvent{none, EventStartOfMarket},
	"end of market hours":   &SystemEvent{none, EventEndOfMarket},
	"end of system hours":   &SystemEvent{none, EventEndOfSystem},
	"end of messages":       &SystemEvent{none, EventEndOfMessages},
	"stock directory": &StockDirectory{
		Header: one, Symbol: aapl, MarketCategory: 'Q', FinancialStatus: 'N', RoundLotSize: 100, RoundLotsOnly: 'N',
		IssueClassification: 'C', IssueSubtype: [2]byte{'Z', ' '}, Authenticity: 'P', ShortSaleThreshold: 'N', IPO: 'N',
		LULDTier: '1', ETP: 'N', Inverse: 'N',
	},
	"trading action":       &TradingAction{one, aapl, StateTrading, [4]byte{' ', ' ', ' ', ' '}},
	"Reg SHO":              &RegSHO{one, aapl, '0'},
	"participant position": &ParticipantPosition{one, [4]byte([]byte("MMKR")), aapl, 'Y', 'N', 'A'},
	"decline level":        &DeclineLevel{none, 4000_00000000, 3000_00000000, 2000_00000000},
	"breaker status":       &BreakerStatus{none, '1'},
	"quoting period":       &QuotingPeriod{one, aapl, 34_200, 'A', 100_0000},
	"auction collar":       &AuctionCollar{Header: one, Symbol: aapl, Reference: 150_0000, Upper: 160_0000, Lower: 140_0000},
	"operational halt":     &OperationalHalt{one, aapl, 'Q', 'T'},
	"add order":            &AddOrder{Header: one, OrderRef: 1, Side: SideBuy, Quantity: 100, Symbol: aapl, Price: 150_3400},
	"add order with MPID": &AddOrderMPID{
		Header: one, OrderRef: 2, Side: SideSell, Quantity: 300, Symbol: aapl, Price: 150_3500, Attribution: [4]byte([]byte("FIRM")),
	},
	"order executed": &OrderExecuted{Header: one, OrderRef: 2, Quantity: 100, MatchNumber: 777},
	"order executed with price": &OrderExecutedPrice{
		Header: one, OrderRef: 2, Quantity: 50, MatchNumber: 778, Printable: 'Y', Price: 150_3400,
	},
	"order cancel":   &OrderCancel{Header: one, OrderRef: 2, Quantity: 50},
	"order delete 1": &OrderDelete{one, 1},
	"order delete 3": &OrderDelete{one, 3},
	"order replace":  &OrderReplace{Header: one, OrigOrderRef: 2, OrderRef: 3, Quantity: 80, Price: 150_3600},
	"trade":          &Trade{Header: one, Side: SideBuy, Quantity: 10, Symbol: aapl, Price: 150_3450, MatchNumber: 779},
	"cross trade": &CrossTrade{
		Header: one, Quantity: 10_000, Symbol: aapl, Price: 150_3400, MatchNumber: 780, CrossType: 'O',
	},
	"broken trade": &BrokenTrade{one, 779},
	"imbalance": &Imbalance{
		Header: one, Paired: 1000, Imbalance: 200, Direction: 'B', Symbol: aapl, FarPrice: 150_3000, NearPrice: 150_3100,
		ReferencePrice: 150_3200, CrossType: 'O', Variation: 'L',
	},
	"retail interest": &RetailInterest{one, aapl, 'A'},
	"direct listing": &DirectListing{
		Header: one, Symbol: aapl, Open: 'Y', MinPrice: 100_0000, MaxPrice: 200_0000, NearPrice: 150_0000,
		NearTime: 34_200_000_000_123, LowerCollar: 140_0000, UpperCollar: 160_0000,
	},
	"end of snapshot": &EndOfSnapshot{27},
}

// row is a line of the vector file: name and bytes.
type row struct {
	name string
	b    []byte
}

func vectors(t testing.TB) []row {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), "\t")
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows = append(rows, row{name, b})
	}
	return rows
}

func TestVectors(t *testing.T) {
	rows := vectors(t)
	if len(rows) != len(messages) {
		t.Errorf("%d rows, %d messages", len(rows), len(messages))
	}
	for _, r := range rows {
		want := messages[r.name]
		if got, err := Decode(r.b); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read %+v, %v; want %+v", r.name, got, err, want)
		}
		if want != nil && !bytes.Equal(onto(want), r.b) {
			t.Errorf("%s: wrote %x, want %x", r.name, onto(want), r.b)
		}
	}
}

// onto writes a message into memory that is not blank, as a packet buffer is, behind something that must stay.
func onto(m Message) []byte {
	used := bytes.Repeat([]byte{0xA5}, 256)
	b := m.Append(used[:3])
	if !bytes.Equal(b[:3], []byte{0xA5, 0xA5, 0xA5}) {
		panic("what was there before is gone")
	}
	if fresh := m.Append(nil); !bytes.Equal(fresh, b[3:]) {
		panic(fmt.Sprintf("new memory %x, used memory %x", fresh, b[3:]))
	}
	return b[3:]
}

// The published vectors are the ones of this package; the messages in those of MoldUDP64 are too.
func TestVectorsShared(t *testing.T) {
	text, err := os.ReadFile("../../../shared/protocol/vectors.tsv")
	if err != nil {
		t.Skip("no ../shared beside the repository:", err)
	}
	own := map[string]bool{}
	for _, r := range vectors(t) {
		own[string(r.b)] = true
	}
	rows, blocks := map[string]int{}, 0
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		b, err := hex.DecodeString(f[3])
		if err != nil {
			continue // the header line
		}
		rows[f[0]]++
		if fmt.Sprint(len(b)) != f[2] {
			t.Errorf("%s %s: %d bytes, not %s", f[0], f[1], len(b), f[2])
		}
		switch f[0] {
		case "ITCH5", "Glimpse":
			if !own[string(b)] {
				t.Errorf("%s %s: %x is not in testdata", f[0], f[1], b)
			}
		case "Mold":
			for b = b[20:]; len(b) > 0; blocks++ { // the packet header is not of this package
				message, n, err := Next(b)
				if n == 0 || err != nil || !own[string(message)] {
					t.Fatalf("%s: %x: size %d, %v", f[1], message, n, err)
				}
				b = b[n:]
			}
		}
	}
	if rows["ITCH5"] != 29 || rows["Glimpse"] != 1 || rows["Mold"] != 4 || blocks != 2 {
		t.Errorf("%v, %d blocks", rows, blocks)
	}
}

// Every message of a real day that lies beside the repository is read, and written the same.
func TestRealFile(t *testing.T) {
	b, err := os.ReadFile("../../../shared/data/itch-aapl-2019-01-30/aapl_reencoded.itch50")
	if err != nil {
		t.Skip("no ../shared beside the repository:", err)
	}
	count := 0
	for len(b) > 0 {
		message, n, err := Next(b)
		if errors.Is(err, ErrEnd) && len(b) == 2 {
			break
		}
		if n == 0 || err != nil {
			t.Fatalf("after %d messages: size %d, %v", count, n, err)
		}
		m, err := Decode(message)
		if err != nil || !bytes.Equal(m.Append(nil), message) {
			t.Fatalf("message %d: %x became %+v, %v", count+1, message, m, err)
		}
		if _, unknown := m.(*Unknown); unknown {
			t.Errorf("message %d: unknown type %q", count+1, message[0])
		}
		b = b[n:]
		count++
	}
	if count != 10_059 {
		t.Errorf("%d messages, want 10059", count)
	}
}
