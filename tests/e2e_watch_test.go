package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"matcher/client"
	"matcher/client/feed"
	"matcher/client/market"
)

// beside is `matcher relay` as a child process.
type beside struct {
	addr map[string]string // by service
	cmd  *exec.Cmd
	err  *lines
	done chan struct{}
}

var servicesLine = regexp.MustCompile(`(?m)^ready: journal .*?((?:, [a-z]+ [0-9.:]+)+)$`)

// relays starts a relay beside the server, with settings of its own, and waits until it is ready.
func (v *venue) relays(env ...string) *beside {
	v.t.Helper()
	b := &beside{addr: map[string]string{}, err: &lines{}, done: make(chan struct{})}
	b.cmd = v.child(context.Background(), "relay", "-c", v.config)
	b.cmd.Stderr = b.err
	b.cmd.Env = append(b.cmd.Env, env...)
	for _, key := range []string{"REQUESTS", "ITCH", "GLIMPSE", "DROPCOPY", "REFERENCE"} {
		b.cmd.Env = append(b.cmd.Env, "MATCHER_RELAY_"+key+"=127.0.0.1:0")
	}
	if err := b.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	go func() {
		_ = b.cmd.Wait() // how it ended is in its state
		close(b.done)
	}()
	v.t.Cleanup(func() {
		_ = b.cmd.Process.Kill() // it may have ended already
		<-b.done
	})
	for start := time.Now(); time.Since(start) < patience; time.Sleep(5 * time.Millisecond) {
		if m := servicesLine.FindStringSubmatch(b.err.String()); m != nil {
			for _, part := range strings.Split(strings.TrimPrefix(m[1], ", "), ", ") {
				name, addr, _ := strings.Cut(part, " ")
				b.addr[name] = addr
			}
			return b
		}
	}
	v.t.Fatalf("the relay is not ready: %s", b.err)
	return nil
}

// freeDatagramPort is a UDP port that was free a moment ago.
func freeDatagramPort(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.LocalAddr().String()
}

// queues writes all orders of all books.
func queues(m *market.Market) (all []string) {
	for _, b := range m.Books(nil) {
		for _, side := range []byte{'B', 'S'} {
			for l, o := range b.Orders(side) {
				all = append(all, fmt.Sprintf("%s %c %d: %d of order %d", b.Symbol(), side, l.Price, o.Quantity, o.Ref))
			}
		}
	}
	return all
}

// upTo applies a stream's messages up to a number, exclusive, and returns the executions in it.
func upTo(t *testing.T, s feed.Stream, m *market.Market, from, to uint64) (trades []market.Event) {
	t.Helper()
	late := time.AfterFunc(patience, func() { _ = s.Close() })
	defer late.Stop()
	for n := from; n < to; n++ {
		message, err := s.Recv()
		if err != nil || message.Sequence != n {
			t.Fatalf("message %d: %v, want %d", message.Sequence, err, n)
		}
		e, err := m.Apply(message.Payload)
		if err != nil {
			t.Fatalf("message %d: %v", n, err)
		}
		if e.MatchNumber != 0 {
			trades = append(trades, *e)
		}
	}
	return trades
}

// bad is a bad network between the venue's feed and a receiver: of ten datagrams it drops one, doubles one, delays one.
func bad(t *testing.T, at, to string) {
	t.Helper()
	in, err := net.ListenPacket("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	out, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(*seed, 50))
	done := make(chan struct{})
	go func() {
		defer close(done)
		var late []byte
		buf := make([]byte, 2000)
		for {
			n, _, err := in.ReadFrom(buf)
			if err != nil {
				return
			}
			held := late
			late = nil
			switch dice := random.IntN(10); dice {
			case 0:
			case 1:
				_, _ = out.Write(buf[:n])
				_, _ = out.Write(buf[:n])
			case 2:
				late = slices.Clone(buf[:n])
			default:
				_, _ = out.Write(buf[:n])
			}
			if held != nil {
				_, _ = out.Write(held)
			}
		}
	}()
	t.Cleanup(func() {
		_, _ = in.Close(), out.Close()
		<-done
	})
}

// TestFeedClients follows a venue under load in every way there is: datagrams over a bad network, the stream over TCP from the
// first message, a snapshot in the middle of the day and what follows it. All of them have the same books, order by order, and
// every pair of executions that the owners were told is one of the feed's.
func TestFeedClients(t *testing.T) {
	again(t)
	v := newVenue(t, "0.01", "ANN", "BEN")
	to, by := freeDatagramPort(t), freeDatagramPort(t)
	v.env = append(v.env, "MATCHER_FEED_TO="+by)
	receiver, err := feed.Listen(context.Background(), feed.Options{Addr: to, Requests: "127.0.0.1:1", Sequence: 1})
	if err != nil {
		t.Fatal(err)
	}
	_ = receiver.Close() // the address is good; the one that is used knows the request server
	bad(t, by, to)
	s := v.serve()
	b := v.relays()
	if receiver, err = feed.Listen(context.Background(), feed.Options{Addr: to, Requests: b.addr["requests"], Sequence: 1}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = receiver.Close() }()
	stop, ends := make(chan struct{}), make(chan error, 2)
	desks := []*desk{}
	for i, user := range []string{"ANN", "BEN"} {
		d := &desk{t: t, session: v.open(s.addr, user), random: rand.New(rand.NewPCG(*seed, 60+uint64(i)))}
		desks = append(desks, d)
		go func() { ends <- d.run(stop) }()
	}
	v.gossip(s, desks, 300)
	options := client.Options{Username: "ANN", Password: v.key("ANN")}
	late := market.New(0)
	options.Addr = b.addr["glimpse"]
	session, next, err := feed.Snapshot(context.Background(), options, func(message []byte) error {
		_, err := late.Apply(message)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	v.gossip(s, desks, 300)
	close(stop)
	for range desks {
		if err := <-ends; err != nil {
			t.Fatal(err)
		}
	}
	last := desks[0].rest(10) // something to compare at the end
	options.Addr, options.Sequence = b.addr["itch"], 1
	whole, err := feed.Dial(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = whole.Close() }()
	books := market.New(0)
	var trades []market.Event
	end := uint64(1)
	for ; books.Book("AAPL") == nil || books.Live() < 10 || !holds(books, last); end++ {
		trades = append(trades, upTo(t, whole, books, end, end+1)...)
	}
	if next < 100 || next >= end || session != whole.Session() {
		t.Fatalf("the snapshot was of message %d of %s, the day has %d of %s", next, session, end, whole.Session())
	}
	options.Session, options.Sequence = session, next
	rest, err := feed.Dial(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rest.Close() }()
	upTo(t, rest, late, next, end)
	udp := market.New(0)
	upTo(t, receiver, udp, 1, end)
	if want := queues(books); !slices.Equal(queues(late), want) || !slices.Equal(queues(udp), want) || len(want) != 10 {
		t.Errorf("the whole day\n%v\nsnapshot and rest\n%v\ndatagrams\n%v", want, queues(late), queues(udp))
	}
	t.Logf("%d messages, snapshot at %d; %+v", end-1, next, receiver.Stats())
	if st := receiver.Stats(); st.Requests == 0 || st.Gaps != 0 {
		t.Errorf("the network was not bad: %+v", st)
	}
	v.paired(desks, trades)
	s.stop(patience)
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}

// rest enters orders that rest, waits for them, and returns the reference of the last one.
func (d *desk) rest(n int) (last uint64) {
	d.t.Helper()
	for range n {
		if _, err := d.session.Enter(client.NewOrder{Side: 'B', Quantity: 5, Symbol: "AAPL", Price: 900_000}); err != nil {
			d.t.Fatal(err)
		}
	}
	for n > 0 {
		r, err := d.session.Recv()
		if err != nil {
			d.t.Fatal(err)
		}
		if r.Sequence != 0 {
			d.told = append(d.told, gossip{r.Sequence, r.Kind, r.Order.Ref, r.Quantity, r.Price})
		}
		if r.Kind == client.OrderAccepted {
			last = r.Order.OrderRef
			n--
		}
	}
	return last
}

func holds(m *market.Market, ref uint64) bool {
	for _, o := range m.Book("AAPL").Orders('B') {
		if o.Ref == ref {
			return true
		}
	}
	return false
}

// paired holds the executions of owners against those of the feed: each trade is told to two of them and once to all.
func (v *venue) paired(desks []*desk, trades []market.Event) {
	v.t.Helper()
	sums := map[[2]uint64]uint64{} // price and quantity: number
	owners := 0
	for _, d := range desks {
		for _, g := range d.told {
			if g.kind == client.OrderExecuted {
				sums[[2]uint64{g.price, uint64(g.quantity)}]++
				owners++
			}
		}
	}
	for _, e := range trades {
		sums[[2]uint64{uint64(e.Price), uint64(e.Quantity)}] -= 2
	}
	for what, n := range sums {
		if n != 0 {
			v.t.Errorf("trades of %d at %d: %d more in the owners' messages than twice the feed's", what[1], what[0], int64(n))
		}
	}
	if owners == 0 || owners != 2*len(trades) {
		v.t.Errorf("%d executions of owners, %d of the feed", owners, len(trades))
	}
}

// watch is `matcher watch` as a child process; until waits for a line.
type watch struct {
	v   *venue
	cmd *exec.Cmd
	out *lines
	err *lines
	end chan struct{}
}

func (v *venue) watch(args ...string) *watch {
	v.t.Helper()
	w := &watch{v: v, out: &lines{}, err: &lines{}, end: make(chan struct{})}
	w.cmd = v.child(context.Background(), append([]string{"watch"}, args...)...)
	w.cmd.Stdout, w.cmd.Stderr = w.out, w.err
	if err := w.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	go func() {
		_ = w.cmd.Wait() // how it ended is in its state
		close(w.end)
	}()
	v.t.Cleanup(func() {
		_ = w.cmd.Process.Kill() // it may have ended already
		<-w.end
	})
	return w
}

func (w *watch) until(text string) {
	w.v.t.Helper()
	for start := time.Now(); !strings.Contains(w.out.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > patience {
			w.v.t.Fatalf("%s never says %q\n%s%s", w.cmd, text, w.out, w.err)
		}
	}
}

// stop ends it by a signal, which is no failure.
func (w *watch) stop() string {
	w.v.t.Helper()
	_ = w.cmd.Process.Signal(syscall.SIGINT)
	<-w.end
	if code := w.cmd.ProcessState.ExitCode(); code != 0 {
		w.v.t.Errorf("%s: exit %d\n%s", w.cmd, code, w.err)
	}
	return w.out.String()
}

// TestWatch runs every kind of watch beside a venue, in words and as objects.
func TestWatch(t *testing.T) {
	v := newVenue(t, "0.01", "ANN", "BEN", "EVE")
	v.must(0, "user", "add", "COPY", "-c", v.config, "--firm", "FIRM", "--role", "dropcopy", "--key-file", v.write("copy", "KEYCOPY\n"))
	to := freeDatagramPort(t)
	v.env = append(v.env, "MATCHER_FEED_TO="+to)
	s := v.serve()
	b := v.relays()
	key := v.write("eve", v.key("EVE")+"\n")
	common := []string{
		"--user", "EVE", "--key-file", key, "--itch", b.addr["itch"], "--glimpse", b.addr["glimpse"], "--reference", b.addr["reference"],
	}
	ann, ben := dialed(t, s, v, "ANN", 1), dialed(t, s, v, "BEN", 1)
	ann.enter('S', 100, 1_872_500)
	ann.until(t, 'A')
	book := v.watch(append([]string{"book", "AAPL"}, common...)...)
	objects := v.watch(append([]string{"book", "--json", "--from-seq", "1", "--depth", "1"}, common...)...)
	trades := v.watch(append([]string{"trades", "--json", "--from-seq", "1"}, common...)...) // so that it may begin late
	datagrams := v.watch("trades", "--feed", to, "--requests", b.addr["requests"], "--reference", b.addr["reference"])
	orders := v.watch("orders", "--user", "EVE", "--key-file", key, "--to", s.addr, "--from-seq", "1")
	copies := v.watch("orders", "--json", "--user", "COPY", "--key-file", v.path("copy"), "--dropcopy", b.addr["dropcopy"], "--from-seq", "1")
	book.until("AAPL bid - ask 187.2500 x 100 (1)")
	objects.until(`"asks":[{"price":"187.2500","qty":"100","orders":1}]`)
	orders.until("system")
	ben.enter('B', 40, 1_872_500)
	ben.until(t, 'E')
	ben.enter('B', 5, 1_870_000)
	ben.until(t, 'A')
	book.until("AAPL bid 187.0000 x 5 (1) ask 187.2500 x 60 (1)")
	objects.until(`"bids":[{"price":"187.0000","qty":"5","orders":1}]`)
	datagrams.until("AAPL trade qty=40 price=187.2500 match=1 resting=sell")
	trades.until(`"match":1`)
	var trade map[string]any
	for line := range strings.Lines(trades.stop()) {
		if err := json.Unmarshal([]byte(line), &trade); err != nil {
			t.Fatal(err)
		}
	}
	delete(trade, "time")
	delete(trade, "seq")
	if got := fmt.Sprint(trade); got != "map[event:trade match:1 price:187.2500 qty:40 resting:sell symbol:AAPL]" {
		t.Error(got)
	}
	v.must(0, "admin", "bust", "1", "-c", v.config)
	datagrams.until("AAPL broken match=1")
	copies.until(`"event":"broken","user":"ANN"`)
	if got := copies.stop(); strings.Count(got, `"event":"executed"`) != 2 || !strings.Contains(got, `"user":"BEN"`) || strings.Contains(got, "EVE") {
		t.Error(got)
	}
	for _, w := range []*watch{book, objects, datagrams, orders} {
		w.stop()
	}
	var first watchedLine
	for line := range strings.Lines(objects.out.String()) {
		if err := json.Unmarshal([]byte(line), &first); err != nil || first.Seq == 0 || first.Symbol != "AAPL" {
			t.Errorf("%q: %v", line, err)
		}
	}
	if strings.Contains(book.out.String(), "\x1b") {
		t.Error("a file is not a terminal")
	}
	for _, c := range []struct {
		code int
		text string
		args []string
	}{
		{2, "E4005", []string{"boook"}},
		{2, "E4003", []string{"book"}},
		{2, "E4004", []string{"book", "--depth", "0", "--user", "EVE"}},
		{2, "E4003", []string{"orders", "AAPL", "--dropcopy", "127.0.0.1:1", "--user", "EVE"}},
		{7, "E5002", []string{"book", "--user", "EVE", "--key-file", v.write("bad", "nonsense\n"), "--itch", b.addr["itch"], "--glimpse", b.addr["glimpse"], "--reference", ""}},
		{7, "E5001", []string{"book", "--user", "EVE", "--key-file", key, "--itch", "127.0.0.1:1", "--glimpse", "", "--reference", ""}},
	} {
		if o := v.run(append([]string{"watch"}, c.args...)...); o.code != c.code || !strings.Contains(o.stderr, "error "+c.text) {
			t.Errorf("%v: exit %d, %s", c.args, o.code, o.stderr)
		}
	}
	s.stop(patience)
}

// watchedLine is what is looked at of an object of watch book.
type watchedLine struct {
	Seq    uint64 `json:"seq"`
	Symbol string `json:"symbol"`
}
