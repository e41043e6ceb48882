package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"matcher/engine"
	"matcher/replay"
	"matcher/snapshot"
	"matcher/tests/twin"
	"matcher/wire/ouch"
)

// recordedDay writes the journal of a story in the lines of twin.Notation. Accounts that it begins with are so from the birth.
func recordedDay(t *testing.T, story string) string {
	t.Helper()
	dir, notation := t.TempDir(), twin.NewNotation()
	const midnight = 1_700_006_400_000_000_000 // the notation's
	r, err := replay.Record(replay.RecordConfig{
		MaxOrders: 1000, MaxUsers: 8, Midnight: midnight, Size: 1 << 20,
		Create: func(name string, size int64) (replay.Segment, error) {
			f, err := os.Create(filepath.Join(dir, name))
			if err != nil {
				return nil, err
			}
			return f, f.Truncate(size)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	apply := func(cmd engine.Command) {
		r.At(cmd.Time)
		if _, err := r.Apply(&cmd); err != nil {
			t.Fatal(err)
		}
	}
	setup := twin.Setup(1000)
	for line := range strings.Lines(strings.TrimSpace(story)) {
		cmd, ok, err := notation.Command(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		if ok && setup != nil {
			for i := range setup {
				if setup[i].Kind == engine.KindUser && cmd.Kind == engine.KindUser && setup[i].AsUser().Name == cmd.AsUser().Name {
					setup[i], ok = cmd, false
				}
			}
			for i := range setup {
				if c := &setup[i]; ok && (c.Kind == engine.KindInstrument || c.Kind == engine.KindUser) {
					apply(*c)
				}
			}
			if ok {
				setup = nil
			}
		}
		if !ok {
			continue
		}
		if cmd.Kind == engine.KindDay {
			before, _ := r.Engine().Today()
			d := cmd.Day()
			if d.Midnight = before.Midnight; d.Event == 'E' {
				d.Session = before.Session
			} else {
				d.Midnight = cmd.Time - cmd.Time%86_400e9
			}
		}
		apply(cmd)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// servedAgain serves a journal without bots and returns the journal of the venue, and what was said.
func servedAgain(t *testing.T, j string, args ...string) (live, said string) {
	t.Helper()
	live = filepath.Join(t.TempDir(), "live")
	o := do(t, 0, append([]string{"replay", j, "--serve", "127.0.0.1:0", "--record", live, "--user", ""}, args...)...)
	in(t, do(t, 0, "replay", live).stdout, "IDENTICAL")
	return live, o.stdout
}

// stories are days with what an operator and the clock do.
func stories() map[string]string {
	return map[string]string{
		"halt": `
1: enter 1 sell 10 AAPL 10.00
3: enter 1 buy 5 AAPL 10.00
halt AAPL reason=T1
3: enter 2 buy 5 AAPL 10.00
1: cancel 1 to 3
3: enter 3 buy 5 MSFT 9.00
at 09:31:00
resume AAPL reason=R4
3: enter 4 buy 2 AAPL 10.00
`,
		"bust": `
1: enter 1 sell 10 AAPL 10.00 clordid=m
1: enter 2 sell 10 AAPL 10.00 idx=3
3: enter 1 buy 15 AAPL 10.00
at 09:31:00
bust 2 AAPL 5 10.00 C maker=1/2/S/3 taker=3/1/B
bust 1 AAPL 10 10.00 E maker=1/1/S/0/m taker=3/1/B
1: enter 3 sell 10 AAPL 10.01
`,
		"cancels": `
1: enter 1 sell 10 AAPL 10.00
1: enter 2 sell 10 AAPL 10.01
3: enter 1 sell 10 AAPL 10.02
3: enter 2 buy 10 MSFT 10.02
3: enter 3 buy 5 AAPL 10.00
cancelfor order=2
cancelfor user=3 symbol=AAPL side=S
cancelfor side=B
1: enter 3 buy 50 AAPL 11.00
`,
		"rate": `
3: account FRMB rate=2 burst=2
at 09:30:01
3: enter 1 buy 1 AAPL 9.00
3: enter 2 buy 1 AAPL 9.01
3: enter 3 buy 1 AAPL 9.02
1: enter 1 sell 1 AAPL 9.02
at 09:30:01.499999999
3: enter 4 buy 1 AAPL 9.03
at 09:30:01.5
3: enter 5 buy 1 AAPL 9.04
at 09:30:03
3: enter 6 buy 1 AAPL 9.05
3: replace 6 with 7 2 9.06
3: enter 8 buy 1 AAPL 9.07
`,
		"days": `
1: enter 1 sell 10 AAPL 10.00 gtc
3: enter 1 buy 10 AAPL 9.00
3: enter 2 buy 4 AAPL 10.00
2: enter 1 buy 40 AAPL 8.00 gtc maxfloor=10 random=4
2: enter 2 buy 40 MSFT 8.00 gtc expire=20:00:00
at 17:00:00
closeday
at 33:20:00
openday SESSION2 secret=7
3: enter 1 buy 3 AAPL 10.00
1: enter 1 sell 100 AAPL 8.00
1: cancel 1 to 1 idx=255
at 41:00:00
closeday
at 57:20:00
openday SESSION3 secret=8
2: enter 1 buy 40 AAPL 8.00 maxfloor=10 random=4
1: enter 1 sell 30 AAPL 8.00
at 65:00:00
closeday
`,
		"drops": `
4: account FRMB ondrop=1
4: enter 1 buy 5 AAPL 8.00
4: enter 2 buy 5 AAPL 8.01 gtc exempt=N
1: enter 1 sell 2 AAPL 8.00
4: disconnect
1: enter 2 sell 9 AAPL 8.00
4: enter 3 buy 5 AAPL 8.00
`,
		"clock": `
3: enter 1 buy 5 AAPL 8.00 gtt ttl=5
3: enter 2 buy 5 AAPL 8.01 gtc expire=09:30:07
at 09:30:04.999999999
1: enter 1 sell 1 AAPL 8.00
at 09:30:05
tick
1: enter 2 sell 1 AAPL 8.00
at 09:30:07
1: enter 3 sell 1 AAPL 8.00
`,
	}
}

// days are the beginnings and ends of a journal's trading days, as they were journaled, without the session's name.
func days(t *testing.T, dir string) (all []engine.Day) {
	t.Helper()
	j, err := replay.Open(snapshot.Files(dir))
	if err != nil {
		t.Fatal(err)
	}
	for {
		cmd, _, err := j.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if cmd.Kind == engine.KindDay {
			d := *cmd.Day()
			d.Seq, d.Session = 0, [10]byte{}
			all = append(all, d)
		}
	}
}

// Whatever an operator and the clock did is done again, at the time at which it was done.
func TestReplayServeStories(t *testing.T) {
	for name, story := range stories() {
		t.Run(name, func(t *testing.T) {
			j := recordedDay(t, story)
			live, said := servedAgain(t, j)
			in(t, said, "AS RECORDED: ")
			if strings.Contains(said, "not done again") {
				t.Error(said)
			}
			sameMeaning(t, j, live, 5)
			if was, now := days(t, j), days(t, live); !slices.Equal(was, now) {
				t.Errorf("the days were\n%v\nand are\n%v", was, now)
			}
		})
	}
}

// A bot that trades with itself gives every order and trade behind it another number. An operator's deeds are done to those that
// they were done to.
func TestReplayServeStoriesBot(t *testing.T) {
	for name, story := range stories() {
		t.Run(name, func(t *testing.T) {
			j := recordedDay(t, strings.ReplaceAll(story, " random=4", ""))
			r, live := serveWith(t, j, botOrder(1, ouch.SideBuy, 5, 10_000), botOrder(2, ouch.SideSell, 5, 10_000))
			if !r.Same || r.Skipped != 0 || r.Live.BotFills != 2 {
				t.Errorf("%+v", r)
			}
			if name == "bust" {
				in(t, do(t, 0, "journal", "export", live, "--format", "csv", "--kind", "bust").stdout, ",100000,3,", ",100000,2,")
			}
		})
	}
}

// A day ends where --until or --to-seq says, and what came of it is held against the same commands. At a speed the night between two
// days takes no time.
func TestReplayServeUntil(t *testing.T) {
	j := recordedDay(t, stories()["days"])
	for _, c := range []struct {
		args           []string
		days, messages int
	}{
		{[]string{"--until", "2023-11-15T09:30:00Z"}, 1, 5},
		{[]string{"--until", "2023-11-16T09:20:00Z"}, 3, 8},
		{[]string{"--until", "2023-11-15T09:29:59Z"}, 1, 0},
		{[]string{"--to-seq", "17"}, 1, 3},
		{[]string{"--until", "2023-11-16T17:00:00Z", "--speed", "100000x"}, 4, 8},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			live, said := servedAgain(t, j, c.args...)
			in(t, said, fmt.Sprintf("replayed %d message", c.messages), "AS RECORDED: ")
			was, now := days(t, j)[:c.days], days(t, live)
			for i := range now {
				if strings.Contains(c.args[len(c.args)-1], "x") && i < len(was) { // the clock goes on
					was[i].Time = now[i].Time
				}
			}
			if !slices.Equal(was, now) {
				t.Errorf("the days were\n%v\nand are\n%v", was, now)
			}
		})
	}
}

// What a venue of one start cannot do again is counted: an account that changes.
func TestReplayServeSkips(t *testing.T) {
	j := recordedDay(t, `
3: enter 1 buy 1 AAPL 9.00
3: account FRMB rate=1 burst=1
3: enter 2 buy 1 AAPL 9.01
3: enter 3 buy 1 AAPL 9.02
`)
	_, said := servedAgain(t, j)
	in(t, said, "3 messages of 5 users", "1 of them told something else than was recorded", "recorded 1, now 0", "not done again: 1 command")
}

// A served day is a venue's journal like any other: it can be served again.
func TestReplayServeServed(t *testing.T) {
	for _, name := range []string{"halt", "bust", "cancels", "rate", "days", "drops", "clock"} {
		t.Run(name, func(t *testing.T) {
			first, _ := servedAgain(t, recordedDay(t, stories()[name]))
			second, said := servedAgain(t, first)
			in(t, said, "AS RECORDED: ")
			sameMeaning(t, first, second, 5)
		})
	}
}
