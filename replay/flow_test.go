package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unsafe"

	"matcher/engine"
)

func ExampleFlow() {
	f := NewFlow(strings.NewReader(`# two orders that meet
ALICE enter 1 S 100 AAPL 1500000 0 Y
bob   enter 1 B 60 AAPL 1500000 3 Y minqty=60 clordid=b-1   # or nothing
ALICE cancel 1 0
`))
	for {
		line, err := f.Next()
		if err == io.EOF {
			break
		}
		fmt.Printf("%d: %s", f.Number(), line.Append(nil))
	}
	_, err := NewFlow(strings.NewReader("ALICE enter 1 S 100 AAPL 1500.00 0 Y")).Next()
	fmt.Println(err)
	// Output:
	// 2: ALICE enter 1 S 100 AAPL 1500000 0 Y
	// 3: BOB enter 1 B 60 AAPL 1500000 3 Y clordid=b-1 minqty=60
	// 4: ALICE cancel 1 0
	// replay: flow line 1, column 26: expected a price as a wire integer, but it says "1500.00"
}

// everyOption is an Enter that gives whatever it can.
const everyOption = "ALICE enter 4294967295 E 1 AAPL 18446744073709551615 1 A capacity=A cross=O sweep=Y " +
	"clordid=12345678901234 firm=ALFA minqty=1 customer=R maxfloor=2 pricetype=K pegoffset=-3 discretion=4 " +
	"discretiontype=L discretionoffset=-2147483648 postonly=R random=5 route=DOTI ttl=6 tradenow=Y handling=I group=65535 " +
	"located=Y locate=BRKR idx=255 aiq=N aiqgroup=GG stop=7 trigger=L trail=2147483647 expire=8 exempt=N"

func flowSeeds() []string {
	return []string{
		"A cancel 1 0",
		"ALICE cancel 7 40 idx=2",
		"ALICE modify 7 T 40 located=Y locate=BRKR idx=1",
		"ALICE replace 1 2 100 1500000 0 Y sweep=Y clordid=x minqty=5 postonly=P side=T idx=9",
		"ALICE masscancel 9 symbol=AAPL firm=ALFA group=3 side=B idx=4",
		"ALICE masscancel 9",
		"ALICE disable 9 firm=ALFA",
		"ALICE enable 10 idx=1",
		"ALICE query",
		"BOB enter 1 B 60 BRK.B+#^ 1 3 Y",
		everyOption,
	}
}

func TestLineRoundTrip(t *testing.T) {
	for _, text := range flowSeeds() {
		var l Line
		if err := l.ParseLine(text); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := string(l.Append(nil)); got != text+"\n" {
			t.Errorf("written as\n%swant\n%s", got, text)
		}
	}
}

func TestFlowErrors(t *testing.T) {
	tests := []struct {
		name, text       string
		line, column     int
		expected, gotten string
	}{
		{"user too long", "CAROLINE query", 1, 1, "a user of 1 to 6", "CAROLINE"},
		{"user with a dot", "A.B query", 1, 1, "a user of 1 to 6", "A.B"},
		{"no verb", "\n\n# nothing\nALICE", 4, 6, "enter, cancel, modify", ""},
		{"wrong verb", "ALICE  buy 1", 1, 8, "enter, cancel, modify", "buy"},
		{"number too large", "ALICE cancel 4294967296 0", 1, 14, "UserRefNum", "4294967296"},
		{"number too large by far", "ALICE cancel 99999999999999999999999 0", 1, 14, "UserRefNum", "9"},
		{"negative", "ALICE cancel 1 -1", 1, 16, "quantity", "-1"},
		{"missing", "ALICE cancel 1", 1, 15, "quantity", ""},
		{"comment in the middle", "ALICE cancel 1 # 5", 1, 16, "quantity", ""},
		{"side as a word", "ALICE enter 1 buy 1 AAPL 1 0 Y", 1, 15, "B, S, T or E", "buy"},
		{"symbol too long", "ALICE enter 1 B 1 ABCDEFGHI 1 0 Y", 1, 19, "a symbol", "ABCDEFGHI"},
		{"decimal price", "ALICE enter 1 B 1 AAPL 1.5 0 Y", 1, 24, "wire integer", "1.5"},
		{"too much", "ALICE cancel 1 0 0", 1, 18, "option as word=value", "0"},
		{"unknown option", "ALICE cancel 1 0 x=1", 1, 18, "an option of the format", "x=1"},
		{"option of another verb", "ALICE cancel 1 0 minqty=1", 1, 18, "an option that cancel has", "minqty=1"},
		{"field of another verb", "ALICE cancel 1 0 capacity=A", 1, 18, "an option of the format", "capacity=A"},
		{"option twice", "ALICE query idx=1 idx=2", 1, 19, "each option once", "idx=2"},
		{"field twice", "ALICE enter 1 B 1 A 1 0 Y sweep=N capacity=A sweep=N", 1, 46, "each option once", "sweep=N"},
		{"option too wide", "ALICE query idx=256", 1, 13, "idx= and an integer of 8 bits", "idx=256"},
		{"option without value", "ALICE query idx=", 1, 13, "idx= and an integer", "idx="},
		{"below the least", "ALICE enter 1 B 1 A 1 0 Y trail=-2147483649", 1, 27, "with sign", "trail="},
		{"above the most", "ALICE enter 1 B 1 A 1 0 Y trail=2147483648", 1, 27, "with sign", "trail="},
		{"post-only as a word", "ALICE enter 1 B 1 A 1 0 Y postonly=yes", 1, 27, "one letter", "postonly=yes"},
		{"line too long", "ALICE query" + strings.Repeat(" ", maxLine) + "idx=1", 1, maxLine, "at most 4095", "more"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewFlow(strings.NewReader(tt.text)).Next()
			var e *FlowError
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a FlowError", err)
			}
			if e.Line != tt.line || e.Column != tt.column || !strings.Contains(e.Expected, tt.expected) ||
				!strings.HasPrefix(e.Got, tt.gotten) || e.Got == "" != (tt.gotten == "") {
				t.Errorf("got %+v, want %+v", *e, tt)
			}
		})
	}
}

func TestFlowReaderFails(t *testing.T) {
	broken := errors.New("broken")
	f := NewFlow(io.MultiReader(strings.NewReader("ALICE query\nALICE"), &failing{broken}))
	if _, err := f.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Next(); !errors.Is(err, broken) {
		t.Errorf("got %v, want the reader's error", err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestLineCommand(t *testing.T) {
	names := Names{User: 3, Instrument: 2, Firm: [4]byte{'A', 'L', 'F', 'A'}}
	make1 := func(text string) *engine.Command {
		t.Helper()
		var l Line
		if err := l.ParseLine(text); err != nil {
			t.Fatal(err)
		}
		cmd := new(engine.Command)
		l.Command(cmd, names)
		if cmd.User != 3 || cmd.Seq != 0 || cmd.Time != 0 {
			t.Errorf("%s: header %+v", text, cmd.Header)
		}
		return cmd
	}
	cmd := make1(everyOption)
	enter := engine.Enter{
		Header: cmd.Header, Ref: 4294967295, Qty: 1, Price: 1<<64 - 1, MinQty: 1, TIF: '1', Display: 'A', Capacity: 'A',
		Cross: 'O', Customer: 'R', Exempt: 'N', ClOrdID: [14]byte([]byte("12345678901234")),
	}
	if *cmd.Enter() != enter {
		t.Errorf("enter %+v, want %+v", *cmd.Enter(), enter)
	}
	flags := engine.FlagExtension | engine.FlagSweep | engine.FlagPostOnlySlip | engine.FlagMinQty | engine.FlagFirm
	if cmd.Kind != engine.KindEnter || cmd.Instrument != 2 || cmd.Side != 'E' || cmd.Idx != 255 || cmd.Flags != flags {
		t.Errorf("header %+v", cmd.Header)
	}
	ext := engine.Extension{
		Kind: engine.KindExtension, Group: 65535, Locate: [4]byte([]byte("BRKR")), StopPrice: 7, Expire: 8, MaxFloor: 2,
		Random: 5, PegOffset: -3, TrailOffset: 1<<31 - 1, AIQGroup: [2]byte{'G', 'G'}, PriceType: 'K', TradeNow: 'Y',
		Handling: 'I', Located: 'Y', AIQ: 'N', StopTrigger: 'L',
		Present: (engine.Tag132Expire<<1 - 1) &^ (engine.Tag2Firm | engine.Tag3MinQty),
	}
	if cmd.Ext != ext {
		t.Errorf("extension\n%+v, want\n%+v", cmd.Ext, ext)
	}
	if cmd = make1("ALICE enter 1 B 2 AAPL 3 0 Y firm=BETA"); cmd.Ext.Firm != [4]byte([]byte("BETA")) ||
		cmd.Ext.Present != engine.Tag2Firm || cmd.Flags != engine.FlagExtension {
		t.Errorf("another firm: %+v", cmd)
	}
	cmd = make1("ALICE replace 1 2 100 1500000 0 Y side=T minqty=5 postonly=P customer=R exempt=Y")
	r := cmd.Replace()
	if r.OrigRef != 1 || r.Ref != 2 || r.Qty != 100 || r.Price != 1500000 || r.Side != 'T' || r.TIF != '0' || r.Display != 'Y' ||
		r.Customer != 'R' || r.Exempt != 'Y' || cmd.Ext.MinQty != 5 || cmd.Ext.Present != engine.Tag3MinQty ||
		r.Flags != engine.FlagExtension|engine.FlagPostOnly || r.Instrument != 0 {
		t.Errorf("replace %+v", cmd)
	}
	if c := make1("ALICE cancel 7 40 idx=2").Cancel(); c.Kind != engine.KindCancel || c.Ref != 7 || c.Qty != 40 || c.Idx != 2 {
		t.Errorf("cancel %+v", c)
	}
	if cmd = make1("ALICE enter 1 B 2 AAPL 3 0 Y postonly=X"); cmd.Ext.Present != engine.TagUnknown {
		t.Errorf("unknown instruction: %+v", cmd)
	}
	if cmd = make1("ALICE modify 7 T 40 located=Y idx=3"); cmd.Flags != 0 || cmd.Idx != 3 || cmd.Ext.Present != 0 {
		t.Errorf("modify with options %+v", cmd)
	}
	if c := make1("ALICE modify 7 T 40").Cancel(); c.Kind != engine.KindModify || c.Ref != 7 || c.Qty != 40 || c.Side != 'T' {
		t.Errorf("modify %+v", c)
	}
	m := make1("ALICE masscancel 9 symbol=AAPL group=3 side=B").MassCancel()
	if m.Kind != engine.KindMassCancel || m.Instrument != 2 || m.Group != 3 || m.Flags != engine.FlagMinQty || m.Side != 'B' {
		t.Errorf("masscancel %+v", m)
	}
	if m = make1("ALICE masscancel 9").MassCancel(); m.Instrument != engine.AllInstruments || string(m.Firm[:]) != "    " {
		t.Errorf("masscancel of all %+v", m)
	}
	if k := make1("ALICE disable 9"); k.Kind != engine.KindDisable || k.Instrument != 0 {
		t.Errorf("disable %+v", k)
	}
	if k := make1("ALICE enable 9").Kind; k != engine.KindEnable {
		t.Errorf("enable is of kind %d", k)
	}
	if k := make1("ALICE query").Kind; k != engine.KindQuery {
		t.Errorf("query is of kind %d", k)
	}
}

func TestAppendage(t *testing.T) {
	var l Line
	if err := l.ParseLine("A enter 1 B 1 A 1 0 Y trail=-2 firm=AB idx=7 expire=258 group=1"); err != nil {
		t.Fatal(err)
	}
	want := []byte{
		5, 2, 'A', 'B', ' ', ' ', 3, 24, 0, 1, 2, 28, 7, 5, 131, 0xff, 0xff, 0xff, 0xfe,
		9, 132, 0, 0, 0, 0, 0, 0, 1, 2,
	}
	if got := l.Appendage(nil); !bytes.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOptionsTable(t *testing.T) {
	for i := 1; i < len(options); i++ {
		if options[i-1].tag >= options[i].tag {
			t.Errorf("tags do not ascend at %s", options[i].word)
		}
	}
}

// endless gives the same text again and again.
type endless struct {
	text string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	return n, nil
}

func TestFlowAllocs(t *testing.T) {
	f := NewFlow(&endless{text: strings.Join(flowSeeds(), "\n") + "\n"})
	var cmd engine.Command
	out := make([]byte, 0, maxLine)
	step := func() {
		l, err := f.Next()
		if err != nil {
			t.Fatal(err)
		}
		l.Command(&cmd, Names{})
		out = l.Appendage(l.Append(out[:0]))
	}
	for range 20 {
		step()
	}
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations a line, want 0", n)
	}
}

func FuzzFlow(f *testing.F) {
	for _, s := range flowSeeds() {
		f.Add([]byte(s + "\n" + s))
	}
	f.Add([]byte("# x\r\n\r\n\tA\tquery\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		flow := NewFlow(bytes.NewReader(text))
		for {
			line, err := flow.Next()
			if err != nil {
				var e *FlowError
				if err != io.EOF && !errors.As(err, &e) {
					t.Fatalf("%v", err)
				}
				return
			}
			written := line.Append(nil)
			var again Line
			if err := again.ParseLine(strings.TrimSuffix(string(written), "\n")); err != nil {
				t.Fatalf("%q was written as %q: %v", text, written, err)
			}
			if !bytes.Equal(again.Append(nil), written) || !bytes.Equal(again.Appendage(nil), line.Appendage(nil)) {
				t.Fatalf("%q: %+v became %+v", written, line, again)
			}
			var cmd, cmd2 engine.Command
			line.Command(&cmd, Names{User: 1, Instrument: 1})
			again.Command(&cmd2, Names{User: 1, Instrument: 1})
			if cmd != cmd2 || unsafe.Sizeof(cmd) != 128 {
				t.Fatalf("%q: %+v became %+v", written, cmd, cmd2)
			}
		}
	})
}

func BenchmarkFlow(b *testing.B) {
	text := "MAKER enter 123456 B 100 AAPL 1633400 0 Y\n"
	f := NewFlow(&endless{text: text})
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
