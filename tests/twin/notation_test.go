package twin_test

import (
	"fmt"
	"testing"

	"matcher/tests/twin"
)

func Example() {
	venue, notation := twin.New(), twin.NewNotation()
	list := twin.Setup(100)
	for _, line := range []string{"1: enter 1 sell 60 AAPL 10.00", "2: enter 1 buy 100 AAPL 10.00 ioc"} {
		cmd, _, err := notation.Command(line)
		if err != nil {
			fmt.Println(err)
		}
		list = append(list, cmd)
	}
	for i := range list {
		list[i].Seq = uint64(i + 1)
		for _, ev := range venue.Apply(&list[i]) {
			if ev.Kind != 'S' {
				fmt.Println(twin.EventLine(&ev))
			}
		}
	}
	// Output:
	// 1 accepted 1 sell 60 AAPL 10.00 order 1 rests
	// 2 accepted 1 buy 100 AAPL 10.00 order 2 ioc
	// 1 executed 1 60 at 10.00 leaves 0 match 1 A
	// 2 executed 1 60 at 10.00 leaves 40 match 1 R
	// 2 canceled 1 40 leaves 0 I
}

func TestPriceText(t *testing.T) {
	for p, want := range map[uint64]string{
		0: "0.00", 1: "0.0001", 100: "0.01", 100_050: "10.0050", 100_000: "10.00", 1_999_999_900: "199999.99",
		2_000_000_000: "raw=2000000000", 0x7FFFFFFF: "market",
	} {
		if got := twin.PriceText(p); got != want {
			t.Errorf("%d: want %s, got %s", p, want, got)
		}
	}
}

func TestCommandFaults(t *testing.T) {
	for _, line := range []string{
		"", "tick tock", "1: enter", "1: enter x buy 10 AAPL 10.00", "1: enter 1 buy 10 AAPL 10.00001", "1: dance", "dance",
		"1: enter 1 buy 10 AAPL 10.00 floor=1", "1: cancel 1 at 5", "at noon", "1: enter 1 buy 10 AAPL 10.00 tif=XY",
		"1: query side=B", "1: masscancel 1 minqty=5", "x: query", "1: enter 1 buy 10 AAPL 10.00 expire=late",
		"1: enter 1 buy 10 AAPL 10.00 pegoffset=300000.00", "1: enter 1 buy 10 AAPL 10.00 trail=--1.00", "1: account FRMA level=all",
		"1: account FRMA idx=1", "halt", "halt AAPL why=T1", "bust 1 AAPL 10 10.00 E", "bust 1 AAPL 10 10.00 E maker=1/1 taker=2/1/B",
		"bust 1 AAPL 10 10.00 E maker=1/1/S/0/a/b taker=2/1/B", "cancelfor firm=FRMA", "openday S", "closeday now",
	} {
		if _, _, err := twin.NewNotation().Command(line); err == nil {
			t.Errorf("line %q was taken", line)
		}
	}
}

// FuzzCommand holds that no line is fatal, and that what was read is written as it was understood.
func FuzzCommand(f *testing.F) {
	for _, line := range []string{
		"at 09:30:00.5", "1: enter 7 buy 100 AAPL 10.00 ioc minqty=5 postonly=R", "1: replace 7 with 8 100 market hidden",
		"1: cancel 8 to 50 idx=3", "1: modify 8 short 120", "1: masscancel 9 symbol=AAPL side=S firm=FRMA group=2",
		"1: refused 12 0x0F", "tick", "gate closed", "restart S", "1: account FRMB level=group group=3", "1: query",
		"1: enter 7 buy 100 AAPL market pricetype=R pegoffset=-0.01 maxfloor=10 random=3 aiq=D aiqgroup=AB exempt=Y",
		"1: enter 7 buy 100 AAPL market stop=10.00 trigger=B trail=0.05", "halt AAPL reason=T1", "resume AAPL", "closeday",
		"openday SESSION2 secret=7", "bust 3 AAPL 100 10.00 E maker=1/7/B taker=2/1/S/1/abc", "cancelfor symbol=AAPL side=S user=1 order=3",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		cmd, ok, err := twin.NewNotation().Command(line)
		if err != nil || !ok {
			return
		}
		_ = twin.NewNotation().Lines(&cmd)
	})
}
