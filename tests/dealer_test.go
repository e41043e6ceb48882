package tests

import (
	"context"
	"fmt"
	"testing"
	"time"

	"matcher/client"
	"matcher/wire/ouch"
)

// dealer is a client that sends orders one by one and waits for messages by their type.
type dealer struct {
	conn   *client.Conn
	user   string
	ref    uint32 // last UserRefNum used
	broken uint32 // UserRefNum of the last execution
}

// dialed logs a user of the venue in.
func dialed(t testing.TB, s *server, v *venue, user string, sequence uint64) *dealer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := client.Dial(ctx, client.Options{Addr: s.addr, Username: user, Password: v.key(user), Sequence: sequence})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &dealer{conn: conn, user: user}
}

// enter sends a day order for AAPL whose ClOrdID is the user's name and the number.
func (d *dealer) enter(side byte, qty uint32, price uint64, options ...ouch.Options) {
	d.ref++
	m := &ouch.EnterOrder{
		UserRefNum: d.ref, Side: side, Quantity: qty, Symbol: ouch.Symbol("AAPL"), Price: price, TimeInForce: '0', Display: 'Y',
		Capacity: 'P', Sweep: 'N', CrossType: 'N', ClOrdID: ouch.ClOrdID(fmt.Sprint(d.user, "-", d.ref)),
	}
	for i := range options {
		m.Appendage = options[i].Append(m.Appendage)
	}
	_ = d.conn.Send(m) // if it fails, so does the receiving
	_ = d.conn.Flush()
}

// until receives up to and including the next message of a type.
func (d *dealer) until(t testing.TB, kind byte) ouch.Outbound {
	t.Helper()
	late := time.AfterFunc(patience, func() { _ = d.conn.Close() })
	defer late.Stop()
	for {
		m, err := d.conn.Recv()
		if err != nil {
			t.Fatalf("%s waits for %c: %v", d.user, kind, err)
		}
		decoded, err := m.Decode()
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := decoded.(*ouch.Executed); ok {
			d.broken = e.UserRefNum
		}
		if m.Payload[0] == kind {
			return decoded
		}
	}
}
