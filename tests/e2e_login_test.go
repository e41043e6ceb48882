package tests

import (
	"context"
	"testing"

	"matcher/client"
)

// TestLoginAgain lets a user log in again and again, each time right after the connection before was closed: the end of one
// connection must never touch the next, which often gets the same file descriptor.
func TestLoginAgain(t *testing.T) {
	v := newVenue(t, "0.01", "ALICE")
	s := v.serve()
	const logins = 4_000
	lost, last := 0, error(nil)
	for n := range logins {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		conn, err := client.Dial(ctx, client.Options{Addr: s.addr, Username: "ALICE", Password: v.key("ALICE"), Sequence: uint64(n % 2)})
		cancel()
		if err != nil {
			if lost, last = lost+1, err; lost > 100 {
				break
			}
			continue
		}
		_ = conn.Close()
	}
	if lost > 0 {
		t.Errorf("%d logins (of at most %d) were not answered; the last: %v", lost, logins, last)
	}
	if left := s.stop(patience); left.code != 0 {
		t.Errorf("exit %d: %s", left.code, left.stderr)
	}
}
