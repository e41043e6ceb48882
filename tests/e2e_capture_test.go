package tests

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"matcher/client"
	"matcher/wire/ouch"
)

// TestCapture records one session with Debian's tshark on loopback and lets its own SoupBinTCP dissector judge it: a decoder
// that was not written by us.
func TestCapture(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("no tshark here")
	}
	v := newVenue(t, "0.01", "ALICE", "BOB")
	s := v.serve()
	port := s.addr[strings.LastIndex(s.addr, ":")+1:]
	file := v.path("session.pcapng")
	stop := record(t, tshark, s.addr, file)
	v.session(s.addr)
	stop()
	s.stop(patience)

	packets := dissected(t, tshark, port, file, "soupbintcp", "-T", "fields", "-e", "tcp.srcport", "-e", "soupbintcp.packet_type")
	from := map[bool]string{} // letters of the packets, by whether the server sent them
	for row := range strings.Lines(packets) {
		source, types, _ := strings.Cut(strings.TrimSpace(row), "\t")
		for _, letter := range strings.FieldsFunc(types, func(r rune) bool { return r == ',' }) {
			from[source == port] += strings.Trim(letter, "'")
		}
	}
	// ALICE: login, order, cancel, logout; BOB: login, order, logout. Heartbeats may come between.
	if got := strings.ReplaceAll(from[false], "R", ""); got != "LLUUUOO" {
		t.Errorf("the clients sent the packets %s", got)
	}
	// Both are let in, and told that the day has begun; two times accepted and executed, one canceled.
	if got := strings.ReplaceAll(from[true], "H", ""); got != "ASASSSSSS" {
		t.Errorf("the server sent the packets %s", got)
	}
	if bad := dissected(t, tshark, port, file, "_ws.malformed || tcp.analysis.lost_segment"); bad != "" {
		t.Errorf("malformed:\n%s", bad)
	}
}

// session is a short day: ALICE offers 100, BOB takes 60, ALICE takes back the rest.
func (v *venue) session(addr string) {
	v.t.Helper()
	alice, bob := v.morning(addr, "ALICE"), v.morning(addr, "BOB")
	for _, step := range []struct {
		from    *client.Conn
		message ouch.Inbound
		to      *client.Conn
		answers string
	}{
		{alice, order(1, ouch.SideSell, 100), alice, "A"},
		{bob, order(1, ouch.SideBuy, 60), bob, "AE"},
		{alice, &ouch.CancelOrder{UserRefNum: 1}, alice, "EC"},
	} {
		if err := errors.Join(step.from.Send(step.message), step.from.Flush()); err != nil {
			v.t.Fatal(err)
		}
		for _, letter := range []byte(step.answers) {
			if m, err := step.to.Recv(); err != nil || m.Payload[0] != letter {
				v.t.Fatalf("%v: want %c", err, letter)
			}
		}
	}
	for _, c := range []*client.Conn{alice, bob} {
		if err := c.Logout(); err != nil {
			v.t.Error(err)
		}
		if _, err := c.Recv(); err == nil {
			v.t.Error("a message after the logout")
		}
		_ = c.Close()
	}
}

// morning logs in and reads the first message of the day.
func (v *venue) morning(addr, user string) *client.Conn {
	v.t.Helper()
	conn := v.login(addr, user, client.Options{Sequence: 1})
	if m, err := conn.Recv(); err != nil || m.Payload[0] != ouch.TypeSystemEvent {
		v.t.Fatalf("%s: the day does not begin with a system event: %v", user, err)
	}
	return conn
}

func order(ref uint32, side byte, qty uint32) *ouch.EnterOrder {
	return &ouch.EnterOrder{
		UserRefNum: ref, Side: side, Quantity: qty, Symbol: ouch.Symbol("AAPL"), Price: 1_872_500, TimeInForce: ouch.TIFDay,
		Display: ouch.DisplayVisible, Capacity: ouch.CapacityPrincipal, Sweep: ouch.No, CrossType: ouch.CrossContinuous, ClOrdID: ouch.ClOrdID(""),
	}
}

// record begins to capture what goes to and comes from an address; what it returns ends it.
func record(t *testing.T, tshark, addr, file string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	port := addr[strings.LastIndex(addr, ":")+1:]
	cmd := exec.CommandContext(ctx, tshark, "-n", "-i", "lo", "-f", "tcp port "+port, "-a", "duration:15", "-w", file)
	said := &lines{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Skip("tshark does not start: ", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in what it wrote
		close(ended)
	}()
	// It writes its header first and has ears later: what it is known to have written was heard.
	for start := time.Now(); written(t, addr, file) < 1_000; time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			t.Skip("no permission to capture: ", said)
		default:
		}
		if time.Since(start) > patience/2 {
			t.Skip("tshark captures nothing: ", said)
		}
	}
	return func() {
		for size := int64(-1); size != length(file); time.Sleep(400 * time.Millisecond) {
			size = length(file)
		}
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(patience / 2):
			cancel()
			<-ended
		}
	}
}

// written lets a connection come and go, and returns the length of the capture.
func written(t *testing.T, addr, file string) int64 {
	t.Helper()
	if c, err := net.Dial("tcp", addr); err == nil {
		_ = c.Close()
	}
	return length(file)
}

// length is that of a file; a missing one has none.
func length(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

// dissected asks for those packets of a capture that pass a filter.
func dissected(t *testing.T, tshark, port, file, filter string, more ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args := append([]string{"-n", "-r", file, "-d", "tcp.port==" + port + ",soupbintcp", "-Y", filter}, more...)
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, tshark, args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("tshark: %v\n%s", err, said.String())
	}
	return out.String()
}
