package ouch

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// at is the Timestamp of all outbound vectors: half past nine and 123 ns.
const at = 34_200_000_000_123

// inboundVectors are the messages of testdata/inbound.tsv.
var inboundVectors = map[string]Inbound{
	"enter": &EnterOrder{
		UserRefNum: 1, Side: SideBuy, Quantity: 100, Symbol: Symbol("AAPL"), Price: 150_3400, TimeInForce: TIFDay,
		Display: DisplayVisible, Capacity: CapacityPrincipal, Sweep: No, CrossType: CrossContinuous, ClOrdID: ClOrdID("CLORD1"),
	},
	"enter with options": &EnterOrder{
		UserRefNum: 2, Side: SideSell, Quantity: 1000, Symbol: Symbol("MSFT"), Price: 400_0000, TimeInForce: TIFGTT,
		Display: DisplayVisible, Capacity: CapacityAgency, Sweep: No, CrossType: CrossContinuous, ClOrdID: ClOrdID("CLORD2"),
		Appendage: []byte("\x05\x02FIRM\x05\x03\x00\x00\x00\x64\x02\x04N\x05\x05\x00\x00\x00\xc8\x02\x0cP\x05\x0f\x00\x00\x00\x3c"),
	},
	"enter with self-match prevention": &EnterOrder{
		UserRefNum: 3, Side: SideBuy, Quantity: 50, Symbol: Symbol("BTCUSD"), Price: 65_000_0000, TimeInForce: TIFIOC,
		Display: DisplayVisible, Capacity: CapacityPrincipal, Sweep: No, CrossType: CrossContinuous, ClOrdID: ClOrdID("X"),
		Appendage: []byte("\x02\x1dO\x03\x1eAB\x02\x1c\x00"),
	},
	"enter with an unknown tag": &EnterOrder{
		UserRefNum: 4, Side: SideBuy, Quantity: 50, Symbol: Symbol("BTCUSD"), Price: 65_000_0000, TimeInForce: TIFDay,
		Display: DisplayVisible, Capacity: CapacityPrincipal, Sweep: No, CrossType: CrossContinuous, ClOrdID: ClOrdID("STOP"),
		Appendage: []byte("\x09\xc8\x00\x00\x00\x00\x26\xcd\x78\xc0"),
	},
	"replace": &ReplaceOrder{
		OrigUserRefNum: 1, UserRefNum: 5, Quantity: 500, Price: 150_3500, TimeInForce: TIFDay, Display: DisplayVisible, Sweep: No,
		ClOrdID: ClOrdID("REPL"),
	},
	"cancel":        &CancelOrder{UserRefNum: 5},
	"modify":        &ModifyOrder{UserRefNum: 2, Side: SideSellShort, Quantity: 500},
	"account query": &AccountQuery{},
	"mass cancel":   &MassCancel{UserRefNum: 10, Firm: Firm("FIRM"), Symbol: Symbol(""), Appendage: []byte("\x02\x1bS")},
	"disable":       &DisableEntry{UserRefNum: 11, Firm: Firm("FIRM")},
	"enable":        &EnableEntry{UserRefNum: 12, Firm: Firm("FIRM")},
	"cancel to a size, with options": &CancelOrder{
		UserRefNum: 0xFFFFFFFF, Quantity: 70, Appendage: []byte("\x02\x1c\x05"),
	},
	"modify with options":        &ModifyOrder{UserRefNum: 9, Side: SideSell, Quantity: 1, Appendage: []byte("\x02\x19Y\x05\x1aBRKR")},
	"account query with options": &AccountQuery{Appendage: []byte("\x02\x1c\x05")},
	"enter with private options": &EnterOrder{
		UserRefNum: 6, Side: SideSellShortExempt, Quantity: 1, Symbol: Symbol("ABCDEFGH"), Price: MarketPrice, TimeInForce: TIFGTC,
		Display: DisplayHidden, Capacity: CapacityOther, Sweep: Yes, CrossType: CrossOpening, ClOrdID: ClOrdID("14 characters!"),
		Appendage: []byte("\x09\x80\x00\x00\x00\x00\x00\x16\xf0\xa8\x02\x81L\x02\x86N"),
	},
}

// outboundVectors are the messages of testdata/outbound.tsv.
var outboundVectors = map[string]Outbound{
	"system event": &SystemEvent{Timestamp: at, Event: EventStartOfDay},
	"accepted": &Accepted{
		Timestamp: at, UserRefNum: 1, Side: SideBuy, Quantity: 100, Symbol: Symbol("AAPL"), Price: 150_3400, TimeInForce: TIFDay,
		Display: DisplayVisible, OrderRef: 1001, Capacity: CapacityPrincipal, Sweep: No, CrossType: CrossContinuous, State: StateLive,
		ClOrdID: ClOrdID("CLORD1"),
	},
	"accepted with options": &Accepted{
		Timestamp: at, UserRefNum: 2, Side: SideSell, Quantity: 1000, Symbol: Symbol("MSFT"), Price: 400_0000, TimeInForce: TIFGTT,
		Display: DisplayVisible, OrderRef: 1002, Capacity: CapacityAgency, Sweep: No, CrossType: CrossContinuous, State: StateLive,
		ClOrdID:   ClOrdID("CLORD2"),
		Appendage: []byte("\x05\x02FIRM\x05\x03\x00\x00\x00\x64\x05\x05\x00\x00\x00\xc8\x05\x0f\x00\x00\x00\x3c"),
	},
	"replaced": &Replaced{
		Timestamp: at, OrigUserRefNum: 1, UserRefNum: 5, Side: SideBuy, Quantity: 400, Symbol: Symbol("AAPL"), Price: 150_3500,
		TimeInForce: TIFDay, Display: DisplayVisible, OrderRef: 1003, Capacity: CapacityPrincipal, Sweep: No,
		CrossType: CrossContinuous, State: StateLive, ClOrdID: ClOrdID("REPL"),
	},
	"canceled": &Canceled{Timestamp: at, UserRefNum: 5, Quantity: 400, Reason: CanceledUser},
	"canceled with options": &Canceled{
		Timestamp: at, UserRefNum: 5, Quantity: 400, Reason: CanceledImmediate, Appendage: []byte("\x02\x1c\x05"),
	},
	"AIQ canceled": &AIQCanceled{
		Timestamp: at, UserRefNum: 3, Quantity: 50, Reason: CanceledSelfMatch, Prevented: 50, Price: 65_000_0000,
		Liquidity: LiquidityRemoved, Strategy: AIQCancelOldest,
	},
	"executed": &Executed{
		Timestamp: at, UserRefNum: 1, Quantity: 100, Price: 150_3400, Liquidity: LiquidityAdded, MatchNumber: 777,
	},
	"broken trade": &BrokenTrade{
		Timestamp: at, UserRefNum: 1, MatchNumber: 777, Reason: BrokenSupervisory, ClOrdID: ClOrdID("CLORD1"),
	},
	"rejected":             &Rejected{Timestamp: at, UserRefNum: 9, Reason: RejectInvalidPrice, ClOrdID: ClOrdID("BADPX")},
	"cancel pending":       &CancelPending{Timestamp: at, UserRefNum: 5},
	"cancel reject":        &CancelReject{Timestamp: at, UserRefNum: 6},
	"priority update":      &PriorityUpdate{Timestamp: at, UserRefNum: 7, Price: 150_3300, Display: DisplayVisible, OrderRef: 555},
	"modified":             &Modified{Timestamp: at, UserRefNum: 2, Side: SideSellShort, Quantity: 500},
	"restated":             &Restated{Timestamp: at, UserRefNum: 2, Reason: RestatedRefresh, Appendage: []byte("\x05\x16\x00\x00\x00\x64\x09\x01\x00\x00\x00\x00\x00\x00\x03\x09")},
	"query response":       &QueryResponse{Timestamp: at, NextUserRefNum: 13},
	"mass cancel response": &MassCancelResponse{Timestamp: at, UserRefNum: 10, Firm: Firm("FIRM"), Symbol: Symbol("")},
	"disable response":     &DisableResponse{Timestamp: at, UserRefNum: 11, Firm: Firm("FIRM")},
	"enable response":      &EnableResponse{Timestamp: at, UserRefNum: 12, Firm: Firm("FIRM")},
	"executed with options": &Executed{
		Timestamp: at, UserRefNum: 1, Quantity: 100, Price: 150_3400, Liquidity: LiquidityRemoved, MatchNumber: 777,
		Appendage: []byte("\x02\x1c\x05"),
	},
}

// row is a line of a vector file: name and bytes.
type row struct {
	name string
	b    []byte
}

func vectors(t testing.TB, file string) []row {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
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

func TestVectorsInbound(t *testing.T) {
	rows := vectors(t, "inbound.tsv")
	if len(rows) != len(inboundVectors) {
		t.Errorf("%d rows, %d messages", len(rows), len(inboundVectors))
	}
	for _, r := range rows {
		want := inboundVectors[r.name]
		if got, err := DecodeInbound(r.b); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read %+v, %v; want %+v", r.name, got, err, want)
		}
		if want != nil && !bytes.Equal(onto(want), r.b) {
			t.Errorf("%s: wrote %x, want %x", r.name, onto(want), r.b)
		}
	}
}

func TestVectorsOutbound(t *testing.T) {
	rows := vectors(t, "outbound.tsv")
	if len(rows) != len(outboundVectors) {
		t.Errorf("%d rows, %d messages", len(rows), len(outboundVectors))
	}
	for _, r := range rows {
		want := outboundVectors[r.name]
		if got, err := DecodeOutbound(r.b); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read %+v, %v; want %+v", r.name, got, err, want)
		}
		if want != nil && !bytes.Equal(onto(want), r.b) {
			t.Errorf("%s: wrote %x, want %x", r.name, onto(want), r.b)
		}
	}
}

// onto writes a message into memory that is not blank, as an outbox is, behind something that must stay.
func onto(m interface{ Append([]byte) []byte }) []byte {
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

// The published vectors are the ones of this package.
func TestVectorsShared(t *testing.T) {
	text, err := os.ReadFile("../../../shared/protocol/vectors.tsv")
	if err != nil {
		t.Skip("no ../shared beside the repository:", err)
	}
	own := map[string]bool{}
	for protocol, file := range map[string]string{"OUCH5-in": "inbound.tsv", "OUCH5-out": "outbound.tsv"} {
		for _, r := range vectors(t, file) {
			own[protocol+hex.EncodeToString(r.b)] = true
		}
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if !strings.HasPrefix(f[0], "OUCH5") {
			continue
		}
		rows++
		if !own[f[0]+f[3]] || fmt.Sprint(len(f[3])/2) != f[2] {
			t.Errorf("%s %s: %s is not in testdata, or not of length %s", f[0], f[1], f[3], f[2])
		}
	}
	if rows != 30 {
		t.Errorf("%d rows, want 30", rows)
	}
}
