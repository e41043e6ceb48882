package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"matcher/engine"
	"matcher/journal"
	"matcher/snapshot"
	"matcher/wire/ouch"
)

// everyFlow draws a flow with every verb and every instruction of orders, for two instruments and four users.
func everyFlow(seed uint64, n int) string {
	rng := rand.New(rand.NewPCG(seed, 0))
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	users := []string{"ANN", "BEN", "CAT", "DAN"}
	refs := make([]int, len(users))
	var b strings.Builder
	for i := range n {
		u := rng.IntN(len(users))
		fmt.Fprintf(&b, "@%d %s ", 34_200_000_000_000+i*10_000_000, users[u])
		old := 1 + rng.IntN(refs[u]+1)
		price := 1_000_000 + 100*rng.IntN(20)
		how := pick("", "", "", " minqty=5", " maxfloor=10", " maxfloor=10 random=4", " pricetype=P", " pricetype=R", " pricetype=M", " pricetype=P pegoffset=-100",
			" postonly=P", " postonly=R", " postonly=N", " postonly=?", " ttl=1", " aiq=O", " aiq=N", fmt.Sprintf(" stop=%d", price+200), " trail=300",
			" group=7", " exempt=Y", " customer=R", " clordid=x1", " sweep=Y", " discretion=5", " firm=ELSE", " idx=3", " handling=I")
		switch rng.IntN(12) {
		default:
			refs[u]++
			price := fmt.Sprint(price)
			tif := pick("0", "0", "0", "1", "3", "4")
			if strings.Contains(how, "ttl") {
				tif = "6"
			}
			if strings.Contains(how, "trail") || rng.IntN(15) == 0 {
				price = "2147483647"
			}
			fmt.Fprintf(&b, "enter %d %s %d %s %s %s %s%s\n", refs[u], pick("B", "S", "S", "B", "T"), 1+rng.IntN(60), pick("AAPL", "MSFT"), price, tif, pick("Y", "Y", "N", "A"), how)
		case 0, 1:
			fmt.Fprintf(&b, "cancel %d %d\n", old, rng.IntN(20))
		case 2:
			refs[u]++
			fmt.Fprintf(&b, "replace %d %d %d %d %s %s%s\n", old, refs[u], 1+rng.IntN(60), price, pick("0", "1", "3"), pick("Y", "N"), pick("", " maxfloor=10", " minqty=3", " side=T"))
		case 3:
			fmt.Fprintf(&b, "modify %d %s %d\n", old, pick("B", "S"), rng.IntN(30))
		case 4:
			refs[u]++
			fmt.Fprintf(&b, "%s\n", pick(fmt.Sprintf("masscancel %d symbol=AAPL side=B", refs[u]), fmt.Sprintf("disable %d", refs[u]), fmt.Sprintf("enable %d", refs[u]), "query",
				fmt.Sprintf("masscancel %d group=7", refs[u])))
		}
	}
	return b.String()
}

// meaning is what a journal says of the market: commands of recorded users and operators, and fills, without numbers and times.
func meaning(t *testing.T, dir string, users uint16) (commands, fills []string) {
	t.Helper()
	j, err := journal.Open(snapshot.Files(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	counts := true
	for {
		b, err := j.Next()
		if errors.Is(err, io.EOF) {
			return commands, fills
		}
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(b.Cells); at += journal.CellSize {
			cell := [journal.CellSize]byte(b.Cells[at:])
			kind := engine.Kind(cell[0])
			if kind != engine.KindExtension {
				user := uint16(cell[4]) | uint16(cell[5])<<8
				counts = (kind < engine.KindQuery || kind == engine.KindRefused || kind >= engine.KindTrading) && kind >= engine.KindEnter && user <= users
				clear(cell[8:24])
			}
			switch {
			case counts && kind == engine.KindFill: // what happens by the clock alone may come with the next command, or before it
				fills = append(fills, string(cell[:]))
			case counts:
				commands = append(commands, string(cell[:]))
			}
		}
	}
}

func sameMeaning(t *testing.T, a, b string, users uint16) {
	t.Helper()
	commandsA, fillsA := meaning(t, a, users)
	commandsB, fillsB := meaning(t, b, users)
	if !slices.Equal(commandsA, commandsB) || len(commandsA) == 0 {
		t.Errorf("the %d and %d commands differ", len(commandsA), len(commandsB))
	}
	if !slices.Equal(fillsA, fillsB) || len(fillsA) == 0 {
		t.Errorf("the %d and %d fills differ", len(fillsA), len(fillsB))
	}
}

// Without a bot a day that is served comes to the very commands and fills that were recorded.
func TestReplayServe(t *testing.T) {
	for name, flow := range map[string]string{"mixed": mixedFlow(300), "every order type, seed 3": everyFlow(3, 1500)} {
		t.Run(name, func(t *testing.T) {
			j, live := recorded(t, flow), filepath.Join(t.TempDir(), "live")
			o := do(t, 0, "replay", j, "--serve", "127.0.0.1:0", "--record", live, "--user", "")
			in(t, o.stdout, "AS RECORDED: ")
			in(t, o.stderr, "ready: listen 127.0.0.1:")
			if strings.Contains(o.stdout, "not done again") {
				t.Error(o.stdout)
			}
			in(t, do(t, 0, "replay", live).stdout, "IDENTICAL")
			sameMeaning(t, j, live, 4)
		})
	}
}

// botLine gives the address and the key that a served day prints.
type botLine struct {
	said  strings.Builder
	lines chan string
}

func (b *botLine) Write(p []byte) (int, error) {
	b.said.Write(p)
	for line := range strings.Lines(string(p)) {
		select {
		case b.lines <- line:
		default:
		}
	}
	return len(p), nil
}

// servedDay is what a served day prints.
type servedDay struct {
	Same           bool `json:"as_recorded"`
	Changed        int  `json:"users_changed"`
	Skipped        int
	Recorded, Live dayTotals
}

// botOrder is an order of a bot at AAPL.
func botOrder(ref uint32, side byte, qty uint32, price uint64) *ouch.EnterOrder {
	return &ouch.EnterOrder{
		UserRefNum: ref, Side: side, Quantity: qty, Symbol: ouch.Symbol("AAPL"), Price: price, TimeInForce: ouch.TIFGTC, Display: ouch.DisplayVisible,
		Capacity: ouch.CapacityPrincipal, Sweep: ouch.No, CrossType: ouch.CrossContinuous, ClOrdID: ouch.ClOrdID(""),
	}
}

// serveWith serves a day that begins when a bot has its orders in the book, and returns what was said at the end.
func serveWith(t *testing.T, j string, orders ...*ouch.EnterOrder) (r servedDay, live string) {
	t.Helper()
	live = filepath.Join(t.TempDir(), "live")
	said := &botLine{lines: make(chan string, 100)}
	var out strings.Builder
	ended := make(chan error, 1)
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	go func() {
		args := []string{j, "--serve", "127.0.0.1:0", "--record", live, "--user", "BOT,LATE", "--wait-bots", "--json"}
		ended <- replayVerb(ctx, testEnv(strings.NewReader(""), &out, said, nil), args)
	}()
	keys, addr := map[string]string{}, ""
	for addr == "" {
		select {
		case line := <-said.lines:
			if words := strings.Fields(line); len(words) == 5 && words[0] == "bot:" {
				keys[words[2]] = words[4]
			}
			if _, rest, ok := strings.Cut(line, "ready: listen "); ok {
				addr, _, _ = strings.Cut(rest, ",")
			}
		case err := <-ended:
			t.Fatal(err)
		}
	}
	for _, name := range []string{"BOT", "LATE"} { // the day begins with the second
		s, err := dial(ctx, login{addr: addr, user: name, key: keys[name], patience: time.Minute}, func(string, any) {})
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		if name == "LATE" {
			break
		}
		for _, o := range orders {
			if err := s.conn.Send(o); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.roundTrip(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatal(err, out.String())
	}
	return r, live
}

// A bot's order that is far away leaves the day as it was; one that trades takes what others had.
func TestReplayServeBot(t *testing.T) {
	j := recorded(t, strings.ReplaceAll(mixedFlow(200), " random=5", "")) // random slices are drawn from references, which a bot's order shifts
	r, live := serveWith(t, j, botOrder(1, ouch.SideBuy, 1000, 10_000))
	if !r.Same || r.Changed != 0 || r.Live.BotFills != 0 || r.Live.Executed == 0 {
		t.Errorf("%+v", r)
	}
	if was, _ := meaning(t, j, 2); len(was) == 0 {
		t.Error("nothing was recorded")
	} else if now, _ := meaning(t, live, 2); !slices.Equal(was, now) { // fills bear references, which the bot's order shifts: Same is of them
		t.Errorf("the %d and %d commands differ", len(was), len(now))
	}
	r, live = serveWith(t, j, botOrder(1, ouch.SideBuy, 1000, 1_600_000))
	if r.Same || r.Changed == 0 || r.Live.BotLots != 1000 {
		t.Errorf("%+v", r)
	}
	in(t, do(t, 0, "replay", live).stdout, "IDENTICAL")
}

// A signal in the middle of a day ends it in order: what was sent by then is as recorded.
func TestReplayServeInterrupted(t *testing.T) {
	for _, speed := range []string{"1x", "max"} {
		t.Run(speed, func(t *testing.T) {
			j := recorded(t, everyFlow(5, 3000)) // half a minute
			said := &botLine{lines: make(chan string, 100)}
			var out strings.Builder
			ctx, interrupt := context.WithCancel(context.Background())
			defer interrupt()
			ended := make(chan error, 1)
			go func() {
				args := []string{j, "--serve", "127.0.0.1:0", "--speed", speed, "--json"}
				ended <- replayVerb(ctx, testEnv(strings.NewReader(""), &out, said, nil), args)
			}()
			for line := ""; !strings.HasPrefix(line, "ready: "); line = <-said.lines {
			}
			time.AfterFunc(300*time.Millisecond, interrupt)
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			var r servedDay
			if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
				t.Fatal(err, out.String())
			}
			if !r.Same || r.Changed != 0 {
				t.Errorf("%s", out.String())
			}
		})
	}
}
