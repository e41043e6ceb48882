package replay

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"matcher/engine"
	"matcher/journal"
	"matcher/tests/twin"
)

var writeGolden = flag.Bool("write-golden", false, "write the golden journals that are not there")

// goldens are the journals in testdata/golden: what a build wrote once must give the same fills and hashes for ever. None is
// written anew: what is added to the format comes with a journal more.
//
//	flow1   enters and cancels, written by an early build
//	every1  every kind of command, with every field and option
//	drawn1  commands of somebody who means harm, drawn from a seed
var goldens = map[string]func(*testing.T) *recorder{"flow1": nil, "every1": recordEvery, "drawn1": recordDrawn}

// newestEvery is the one that has everything: TestGoldenEvery says what it lacks.
const newestEvery = "every1"

// everyFlow is the day of every1, in the lines of twin.Notation. "run" is a sweep whose fills outgrow a block.
const everyFlow = `
1: enter 1 sell 100 AAPL 10.00 clordid=first capacity=P customer=R
1: enter 2 short 50 AAPL 10.01 idx=3 clordid=second
4: enter 1 exempt 30 AAPL 10.02 attributable
3: enter 1 buy 120 AAPL 10.00 ioc firm=FRMB
3: enter 2 buy 20 AAPL 10.01 idx=7 exempt=Y clordid=third
1: cancel 2 to 20 idx=3
1: cancel 2 to 0 idx=3
3: cancel 99 to 0
at 09:30:01.5
run
1: enter 300 sell 60 AAPL 10.05 maxfloor=20
1: enter 301 sell 200 AAPL 10.06 maxfloor=30 random=10
3: enter 303 buy 150 AAPL 10.06 fok
3: enter 304 buy 500 AAPL 10.06 fok
3: enter 305 buy 10 AAPL 9.90
3: enter 306 buy 10 AAPL 10.06 postonly=P
3: enter 307 buy 10 AAPL 10.06 postonly=R
3: enter 308 buy 10 AAPL 9.89 postonly=N
3: enter 309 buy 10 AAPL 9.89 unknown
2: enter 1 buy 40 AAPL market pricetype=R
2: enter 2 buy 40 AAPL market pricetype=R pegoffset=-0.02
2: enter 3 buy 40 AAPL 10.20 pricetype=P pegoffset=-0.05
2: enter 4 buy 40 AAPL 10.20 pricetype=M hidden
2: enter 5 buy 40 AAPL 9.88 pricetype=L
3: enter 310 buy 15 AAPL 9.95
1: enter 302 sell 25 AAPL 9.90 pricetype=M hidden
4: enter 2 buy 10 MSFT 20.00 minqty=5
4: enter 3 buy 30 MSFT 20.00 ioc minqty=5
5: enter 1 sell 12 MSFT 20.00 minqty=12
5: enter 2 sell 50 MSFT market
5: enter 3 sell 50 MSFT market pricetype=K
5: enter 4 sell 50 MSFT 20.20 stop=19.50 trigger=B
5: enter 5 sell 50 MSFT market stop=19.00 trail=0.30 trigger=L
5: enter 6 sell 50 MSFT market trail=0.40
4: enter 4 buy 20 MSFT 19.40
4: enter 5 buy 20 MSFT 20.60
1: enter 303 sell 5 MSFT 20.60
1: enter 304 sell 5 MSFT 19.40
1: enter 305 sell 10 MSFT 20.10 aiq=O
1: enter 306 buy 5 MSFT 20.10 aiq=O
1: enter 307 sell 30 MSFT 20.10 aiq=W
1: enter 308 sell 30 MSFT 20.10
1: enter 309 buy 10 MSFT 20.10 aiq=D
1: enter 310 buy 10 MSFT 20.10 aiq=B group=7
1: enter 311 sell 10 MSFT 20.09 aiq=Y aiqgroup=AB
1: enter 312 buy 5 MSFT 20.09 aiq=N
1: enter 313 sell 10 MSFT 20.90
2: enter 6 buy 10 MSFT 18.00 gtt ttl=20
2: enter 7 buy 10 MSFT 18.01 gtc
2: enter 8 buy 10 MSFT 18.02 gtc expire=09:45:00
2: enter 9 buy 10 MSFT 18.03 display=Z
2: enter 10 buy 10 MSFT 18.04 tif=5
2: enter 11 buy 10 MSFT 18.05 cross=O
2: enter 12 buy 10 MSFT 18.06 sweep
2: enter 13 buy 10 MSFT 18.07 discretion=0 discretiontype=P discretionoffset=1
2: enter 14 buy 10 MSFT 18.08 route=INET tradenow=Y handling=I located=Y locate=ABCD
2: enter 15 short 10 MSFT 22.00 located=Y locate=ABCD
2: enter 16 buy 10 MSFT 18.09 firm=ELSE
2: enter 17 buy 0 MSFT 18.10
2: enter 18 buy 10 MSFT raw=1999999999
2: enter 19 buy 10 NONE 18.00
2: enter 20 - 10 MSFT 18.00
2: enter 21 buy 10 MSFT 18.00 ttl=5
at 09:30:02
3: enter 320 buy 40 PRORATA 50.00
4: enter 6 buy 30 PRORATA 50.00
5: enter 7 buy 3 PRORATA 50.00
1: enter 320 sell 35 PRORATA 50.00
3: enter 321 buy 40 MIXED 50.00
4: enter 7 buy 30 MIXED 50.00 maxfloor=10
5: enter 8 buy 23 MIXED 50.00 hidden
1: enter 321 sell 61 MIXED 50.00 ioc
3: enter 322 sell 10 COLLAR 10.00
3: enter 323 sell 10 COLLAR 10.04
3: enter 324 sell 10 COLLAR 10.40
4: enter 8 buy 30 COLLAR market
4: enter 9 buy 30 COLLAR market ioc
4: enter 10 buy 1000 COLLAR 9.00 maxfloor=10
3: enter 325 sell 10 FINE 10.0001
4: enter 11 buy 10 FINE market fok
3: enter 326 buy 90 TINY 0.05
3: enter 327 buy 101 TINY 0.05
at 09:30:03
3: replace 305 with 330 30 9.91 clordid=moved customer=R exempt=N
3: replace 330 with 331 20 9.91 attributable
3: replace 331 with 332 20 10.05 ioc
4: replace 2 with 30 40 20.00 minqty=4 side=T
4: replace 6 with 31 40 50.00 postonly=P
4: replace 31 with 32 40 50.00 gtt ttl=30 group=9
4: replace 32 with 33 40 50.00 gtc expire=10:00:00
4: replace 33 with 34 40 50.00 maxfloor=10 random=3
4: replace 34 with 35 40 50.00 pricetype=R pegoffset=0.01
4: replace 35 with 36 40 50.00 stop=51.00 trigger=A trail=0.50 aiq=O aiqgroup=AB
4: replace 36 with 37 40 50.00 sweep
3: replace 310 with 340 10 9.95 discretion=0 discretiontype=P discretionoffset=1
1: replace 313 with 340 10 20.90 tradenow=Y handling=I
5: replace 7 with 341 5 50.00 postonly=R located=Y locate=ABCD
5: enter 342 sell 10 MSFT 30.00
5: replace 342 with 343 12 30.00 postonly=N idx=2
5: replace 342 with 344 12 30.00 postonly=N
5: replace 344 with 345 12 30.00 unknown
5: enter 346 short 10 MSFT 30.00
5: replace 346 with 347 12 30.00 side=S
5: replace 347 with 348 12 30.00 broken
5: replace 348 with 349 0 30.00
1: modify 303 sell 3
1: modify 303 sell 40
1: modify 313 sell 9 idx=1
1: modify 301 short 500
1: modify 999 sell 1
at 09:30:04
bust 1 AAPL 100 10.00 E maker=1/1/S/0/first taker=3/1/B
bust 2 AAPL 20 10.01 C maker=1/2/S/3/second taker=3/2/B/7/third
bust 3 AAPL 30 10.02 S maker=4/1/E taker=3/300/B
bust 4 AAPL 1 10.03 X maker=1/20/S taker=3/300/B
bust 4 AAPL 1 10.03 X maker=1/20/S taker=3/300/B
halt MSFT reason=T1
1: enter 350 sell 10 MSFT 21.00
1: cancel 303 to 5
resume MSFT reason=R4
gate closed
1: enter 351 sell 10 MSFT 21.00
gate open
gate closed
1: cancel 303 to 4
gate open
1: masscancel 360 symbol=MSFT side=S group=7
1: masscancel 361 firm=FRMA symbol=AAPL
1: masscancel 362 firm=ELSE
1: masscancel 363 idx=1
1: disable 364 firm=FRMA
1: enter 365 sell 10 MSFT 21.00
1: enable 366 firm=FRMA
3: disable 500 idx=4
3: enable 501 idx=4
1: query
1: query idx=3
1: refused 370 0x0F clordid=broken
1: refused 371 0x0F idx=3
at 09:30:21.999999999
tick
at 09:30:30
tick
4: account FRMB selfmatch=O level=firm group=3 ondrop=1 orders=9 stops=2 rate=2 burst=2
5: account FRMB selfmatch=N level=group group=3 ondrop=0
6: account FRMC
4: enter 60 buy 5 AAPL 8.00
4: enter 61 buy 5 AAPL 8.01 gtc exempt=N
4: enter 62 buy 5 AAPL 8.02
6: enter 1 buy 5 AAPL 8.03 gtc
6: enter 2 buy 5 AAPL 8.04
6: enter 3 buy 5 AAPL 8.05
6: enter 4 sell 5 AAPL 12.00
6: enter 5 sell 5 MSFT 33.00
cancelfor order=99
cancelfor symbol=MSFT side=S user=6
cancelfor side=B user=6 symbol=AAPL
4: disconnect
5: disconnect
6: disconnect
1: disconnect
2: disconnect
restart SESSION1
3: enter 600 buy 10 AAPL 9.00 hidden gtc
3: enter 601 buy 80 AAPL 9.02 maxfloor=10 gtc
3: enter 602 buy 10 AAPL 8.0150 gtc
3: enter 605 buy 10 AAPL 8.03 gtc
3: enter 603 buy 10 TINY 0.10
restart SESSION2
at 09:45:01
3: enter 604 buy 10 AAPL 9.04 gtc
restart SESSION3
at 17:00:00
closeday
define AAPL
openday SESSION4 secret=7
1: enter 1 sell 95 AAPL 9.00 ioc
3: enter 1 sell 10 AAPL 9.00
gate closed
`

// goldenSegment is the size of a segment of those that are written here.
const goldenSegment = 256 << 10

// recordEvery records everyFlow, a block for some commands.
func recordEvery(t *testing.T) *recorder {
	r, notation := newRecorder(goldenSegment), twin.NewNotation()
	apply := func(cmd engine.Command) {
		r.now = max(cmd.Time, r.now)
		r.apply(&cmd)
		if r.engine.Seq()%16 == 0 {
			r.seal()
		}
	}
	for _, cmd := range twin.Setup(2000) {
		apply(cmd)
	}
	closed, dropped := uint8(0), uint8(0)
	// complete gives a command what the notation has no word for.
	complete := func(cmd *engine.Command) {
		switch cmd.Kind {
		case engine.KindDay:
			cmd.Day().Midnight = 1_700_006_400_000_000_000
			if cmd.Day().Event == 'E' {
				cmd.Day().Session = [10]byte([]byte("SESSION3  "))
			}
		case engine.KindRestart:
			at := r.w.State()
			cmd.Restart().Epoch, cmd.Restart().Mode = at.Epoch+1, uint8(at.Epoch%3)
		case engine.KindDisconnect:
			dropped++
			cmd.Disconnect().Cause = dropped
		case engine.KindGate:
			if cmd.Gate().Closed != 0 {
				closed++
				cmd.Gate().Cause = closed
			}
		case engine.KindCancelFor:
			if cmd.CancelFor().Order == 99 { // one that is there
				p, _ := r.engine.Place(6, 0, 1)
				cmd.CancelFor().Order = p.Order
			}
		}
	}
	read := func(line string) {
		cmd, ok, err := notation.Command(line)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		complete(&cmd)
		if cmd.Kind == engine.KindRestart {
			r.fence()
		}
		apply(cmd)
	}
	for line := range strings.Lines(everyFlow) {
		switch line = strings.TrimSpace(line); line {
		case "":
		case "run":
			for i := range 240 {
				read(fmt.Sprintf("1: enter %d sell 1 AAPL 10.03", 20+i))
			}
			read("3: enter 300 buy 270 AAPL 10.03")
		case "define AAPL": // of another tick
			cmd := engine.Command{}
			*cmd.AsInstrument() = r.engine.Instruments()[1]
			cmd.Kind, cmd.Flags, cmd.Time = engine.KindInstrument, engine.FlagExtension, r.now
			cmd.AsInstrument().Tick, cmd.AsInstrument().MaxPrice = 200, 1_999_999_800
			cmd.Terms().Kind, cmd.Terms().MaxStops = engine.KindExtension, 5
			apply(cmd)
			*cmd.AsInstrument() = r.engine.Instruments()[2] // and a new one, of fractions
			cmd.Kind, cmd.Flags = engine.KindInstrument, 0
			cmd.AsInstrument().Symbol, cmd.AsInstrument().LotDecimals = symbol("HALVES"), 1
			apply(cmd)
		default:
			read(line)
		}
	}
	r.w.Seal(r.engine.Hash(), r.output, journal.FlagSeal)
	r.submit()
	return r
}

const drawnSeed = 57

// recordDrawn records commands that are drawn.
func recordDrawn(*testing.T) *recorder {
	r := newRecorder(goldenSegment)
	apply := func(cmd *engine.Command) {
		r.now += cmd.Time % (1 << 50)
		if cmd.Kind == engine.KindInstrument && cmd.Time == 0 && r.now == 0 {
			r.now = 1
		}
		r.apply(cmd)
		if r.engine.Seq()%40 == 0 {
			r.seal()
		}
	}
	for _, cmd := range twin.HostileSetup() {
		apply(&cmd)
	}
	for h := twin.NewHostile(drawnSeed); r.engine.Seq() < 1000; {
		apply(h.Next())
	}
	r.seal()
	return r
}

// golden reads a journal of testdata/golden. The zeros behind its end are not stored.
func golden(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	stored, err := filepath.Glob(filepath.Join("testdata", "golden", name, "*.mj"))
	if err != nil || len(stored) == 0 {
		t.Fatalf("no golden journal %s: %v", name, err)
	}
	files := fstest.MapFS{}
	for _, file := range stored {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var head journal.SegmentHeader
		if err := head.Decode(data[:journal.SegmentHeaderSize]); err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(file)] = &fstest.MapFile{Data: append(data, make([]byte, head.Size-uint64(len(data)))...)}
	}
	return files
}

// outcome executes a journal and says what it came to: a line for each fill, and one for the end.
func outcome(t *testing.T, fsys fstest.MapFS, each func(*engine.Command, []engine.Event)) string {
	t.Helper()
	j, err := Open(fsys)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for {
		cmd, events, err := j.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		each(cmd, events)
		for i := 1; i < len(events); i++ {
			if events[i].Flags&engine.EventTaker != 0 {
				var f engine.Fill
				engine.FillOf(&f, cmd, &events[i-1], &events[i])
				fmt.Fprintf(&b, "%d: match %d maker %d taker %d price %d qty %d leaves %d flags %d\n", f.Seq, f.Match, f.Maker, f.Taker, f.Price, f.Qty, f.MakerLeaves, f.Flags)
			}
		}
	}
	fmt.Fprintf(&b, "%+v state %016x output %016x\n", j.Counts(), j.Engine().Hash(), j.OutputHash())
	return b.String()
}

// TestGolden executes the golden journals: every fill and hash must still be what it was. With -write-golden those that are not
// there are written.
func TestGolden(t *testing.T) {
	for name, record := range goldens {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("testdata", "golden", name)
			if _, err := os.Stat(dir); *writeGolden && errors.Is(err, os.ErrNotExist) {
				store(t, dir, record(t).files())
			}
			files := golden(t, name)
			want, err := os.ReadFile(filepath.Join(dir, "outcome"))
			if err != nil {
				t.Fatal(err)
			}
			if got := outcome(t, files, func(*engine.Command, []engine.Event) {}); got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

// store writes a golden journal and what it comes to.
func store(t *testing.T, dir string, files fstest.MapFS) {
	t.Helper()
	err := os.MkdirAll(dir, 0o755)
	for name, file := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), bytes.TrimRight(file.Data, "\x00"), 0o600))
	}
	text := outcome(t, files, func(*engine.Command, []engine.Event) {})
	if err := errors.Join(err, os.WriteFile(filepath.Join(dir, "outcome"), []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// views are the structs that the cells of a kind are. What is behind an Enter or a Replace is looked at by bits.
var views = map[engine.Kind][]any{
	engine.KindEnter: {engine.Enter{}}, engine.KindReplace: {engine.Replace{}}, engine.KindCancel: {engine.Cancel{}}, engine.KindModify: {engine.Cancel{}},
	engine.KindMassCancel: {engine.MassCancel{}}, engine.KindRefused: {engine.Refused{}}, engine.KindRules: {engine.Rules{}},
	engine.KindInstrument: {engine.Instrument{}, engine.Terms{}}, engine.KindUser: {engine.User{}}, engine.KindDay: {engine.Day{}},
	engine.KindRestart: {engine.Restart{}}, engine.KindDisconnect: {engine.Disconnect{}}, engine.KindTick: {engine.Tick{}}, engine.KindGate: {engine.Gate{}},
	engine.KindTrading: {engine.Trading{}}, engine.KindBust: {engine.Bust{}, engine.Owners{}}, engine.KindCancelFor: {engine.CancelFor{}},
}

// features says what a command has: its kind, its flags, options and fields that are not zero, the letters of those that choose.
func features(cmd *engine.Command) (all []string) {
	add := func(format string, args ...any) {
		all = append(all, fmt.Sprintf("kind %d", cmd.Kind)+fmt.Sprintf(format, args...))
	}
	add("")
	for f := uint8(1); f != 0; f <<= 1 {
		if cmd.Flags&f != 0 {
			add(" flag %d", f)
		}
	}
	for name, v := range map[string]uint64{"instrument": uint64(cmd.Instrument), "user": uint64(cmd.User), "idx": uint64(cmd.Idx), "side": uint64(cmd.Side)} {
		if v != 0 {
			add(" header %s", name)
		}
	}
	cells := append(cmd.Cells(), make([]byte, engine.CellSize)...)
	for i, view := range views[cmd.Kind] {
		cell := cells[i*engine.CellSize:]
		if i > 0 && cmd.Flags&engine.FlagExtension == 0 {
			break
		}
		for _, f := range reflect.VisibleFields(reflect.TypeOf(view)) {
			if len(bytes.Trim(cell[f.Offset:][:f.Type.Size()], "\x00")) > 0 && len(f.Index) == 1 && f.Name != "_" {
				add(" field %s", f.Name)
			}
		}
	}
	switch cmd.Kind {
	case engine.KindEnter, engine.KindReplace:
		tif, display := cmd.Enter().TIF, cmd.Enter().Display // of a Replace in the same place
		add(" side %c", cmd.Side)
		add(" tif %c", tif)
		add(" display %c", display)
		if cmd.Flags&engine.FlagExtension != 0 {
			for p := cmd.Ext.Present; p != 0; p &= p - 1 {
				add(" bit %d", bits.TrailingZeros32(p))
			}
			add(" price type %c", cmd.Ext.PriceType)
			add(" prevention %c", cmd.Ext.AIQ)
			add(" trigger %c", cmd.Ext.StopTrigger)
		}
	case engine.KindDay:
		add(" %c", cmd.Day().Event)
	case engine.KindTrading:
		add(" %c", cmd.Trading().State)
	case engine.KindBust:
		add(" %c", cmd.Bust().Reason)
	case engine.KindRestart:
		add(" mode %d", cmd.Restart().Mode)
	case engine.KindDisconnect:
		add(" cause %d", cmd.Disconnect().Cause)
	case engine.KindGate:
		add(" closed %d cause %d", cmd.Gate().Closed, cmd.Gate().Cause)
	case engine.KindUser:
		add(" level %d", cmd.AsUser().SelfLevel)
	case engine.KindInstrument:
		add(" policy %d", cmd.AsInstrument().Policy)
	}
	return all
}

// unused are fields that no program writes.
var unused = []string{"kind 33 field PostOnlyMode", "kind 33 field InstFlags", "kind 34 field Role"}

// wanted are the features of which each must be there, and the letters of events.
func wanted() (all []string) {
	for k := range 256 {
		if engine.Kind(k).Command() {
			all = append(all, fmt.Sprintf("kind %d", k))
		}
	}
	for kind, list := range views {
		for _, view := range list {
			for _, f := range reflect.VisibleFields(reflect.TypeOf(view)) {
				if name := fmt.Sprintf("kind %d field %s", kind, f.Name); len(f.Index) == 1 && f.Name != "_" && f.Name != "Header" && !slices.Contains(unused, name) {
					all = append(all, name)
				}
			}
		}
	}
	for i := range options { // whatever an option of a flow does to a command
		for verb := Enter; verb <= Query; verb++ {
			if o := &options[i]; o.on>>verb&1 != 0 && (verb != Modify || o.tag == 28) {
				for _, value := range optionValues(o.tag) {
					l := Line{Verb: verb, Options: []Option{{o.tag, value}}}
					var cmd engine.Command
					l.Command(&cmd, Names{})
					for _, f := range features(&cmd) {
						if strings.Contains(f, " bit ") || strings.Contains(f, " flag ") || strings.Contains(f, " header idx") {
							all = append(all, f)
						}
					}
				}
			}
		}
	}
	add := func(format string, values string) {
		for _, v := range strings.Split(values, " ") {
			all = append(all, fmt.Sprintf(format, v))
		}
	}
	add("kind 16 side %s", "B S T E")
	add("kind 16 tif %s", "0 1 3 4 6")
	add("kind 16 display %s", "Y N A")
	add("kind 16 flag %s", "1 2 4 8 16 32 64")
	add("kind 16 price type %s", "L P R M K")
	add("kind 16 prevention %s", "O W D Y B N")
	add("kind 16 trigger %s", "L B")
	add("kind 17 trigger %s", "A")
	add("kind 17 bit %s", "30 31")
	add("kind 35 %s", "S E")
	add("kind 40 %s", "H T")
	add("kind 41 %s", "E C S X")
	add("kind 36 mode %s", "0 1 2")
	add("kind 37 cause %s", "1 2 3 4 5")
	add("kind 34 level %s", "0 1 2")
	add("kind 33 policy %s", "0 1")
	for _, s := range []string{"0 cause 0", "1 cause 1", "1 cause 2", "1 cause 3"} {
		all = append(all, "kind 39 closed "+s)
	}
	add("event %s", "A U C D E B J T M R Q X G K S")
	add("event C %s", "U I T S E Q Z G K")
	return all
}

// optionValues are values of an option that differ in what they do.
func optionValues(tag uint8) []uint64 {
	if tag == 12 {
		return []uint64{'P', 'R', 'N', '?'}
	}
	return []uint64{1}
}

// TestGoldenEvery holds that the golden journal of everything has everything: a kind, field or option that is added must be
// added to it, which means a journal more.
func TestGoldenEvery(t *testing.T) {
	files, found := golden(t, newestEvery), map[string]bool{}
	outcome(t, files, func(cmd *engine.Command, events []engine.Event) {
		for _, f := range features(cmd) {
			found[f] = true
		}
		for i := range events {
			found[fmt.Sprintf("event %c", events[i].Kind)] = true
			found[fmt.Sprintf("event %c %c", events[i].Kind, events[i].Reason)] = true
		}
	})
	for _, f := range wanted() {
		if !found[f] {
			t.Errorf("nothing in %s has %s", newestEvery, f)
		}
	}
	// It is what is recorded here, so the flow above says what is in it.
	for name, file := range goldens[newestEvery](t).files() {
		if !bytes.Equal(file.Data, files[name].Data) {
			t.Errorf("%s of %s is not what its flow gives", name, newestEvery)
		}
	}
	segments := len(files)
	more, fences := 0, 0
	r, err := journal.Open(files)
	if err != nil {
		t.Fatal(err)
	}
	for b, err := r.Next(); err == nil; b, err = r.Next() {
		if b.More() {
			more++
		}
		fences = int(b.Epoch) - 1
	}
	if more == 0 || fences != 3 || segments != 4 {
		t.Errorf("%d blocks of runs, %d fences, %d segments", more, fences, segments)
	}
}
