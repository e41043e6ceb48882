package feed

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"matcher/client/market"
)

// pythonFeed follows the feed to its end with the client in Python and prints every order of the book, as queues does.
const pythonFeed = `
import sys
sys.path.insert(0, sys.argv[1])
import matcher
host, port = sys.argv[2].split(":")
feed = matcher.Feed(("127.0.0.1", 0), requests=(host, int(port)), sequence=1)
feed.AGAIN = 0.005
print(feed.addr[1], flush=True)
market, count = matcher.Market(), 0
try:
    while True:
        number, message = feed.recv(20)
        count += 1
        assert number == count, (number, count)
        market.apply(message)
except matcher.EndOfSession:
    pass
print(count, feed.requests > 0, feed.session)
for book in market.books.values():
    for side in "BS":
        for price, ref, quantity in book.queue(side):
            print(f"{book.symbol}{side}{price} {ref} {quantity}")
        levels = book.levels(side, 1000)
        assert sum(n for _, _, n in levels) == len(book.queue(side))
        assert [p for p, _, _ in levels] == sorted((p for p, _, _ in levels), reverse=side == "B")
`

// TestPythonBadNetwork: the client in Python has the same book as the whole stream, whatever the network does to datagrams.
func TestPythonBadNetwork(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	t.Logf("again with: go test ./client/feed -run TestPythonBadNetwork -seed %d", *seed)
	messages := day(5000)
	whole := market.New(0)
	for _, m := range messages {
		if _, err := whole.Apply(m); err != nil {
			t.Fatal(err)
		}
	}
	p := newPublisher(t, messages, 10)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "-B", "-c", pythonFeed, "../../clients/python", p.conn.LocalAddr().String())
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var port int
	if _, err := fmt.Fscanln(out, &port); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	p.to = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		p.publish(stop)
	}()
	var text bytes.Buffer
	_, readErr := text.ReadFrom(out)
	err = cmd.Wait()
	close(stop)
	<-done
	if err != nil || readErr != nil {
		t.Fatalf("%v, %v\n%s", err, readErr, said.String())
	}
	want := fmt.Sprintf("%d True 2611250001\n%s\n", len(messages), strings.Join(queues(whole), "\n"))
	if got := text.String(); got != want {
		t.Errorf("python has\n%s\nwant\n%s", got, want)
	}
}
