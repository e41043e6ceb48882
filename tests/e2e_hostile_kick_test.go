package tests

import (
	"strings"
	"testing"

	"matcher/wire/ouch"
)

// TestKick: the operator ends a session: its client is told, what lives by the connection goes, and the user may come back.
func TestKick(t *testing.T) {
	v := newVenue(t, "0.01", "ALICE", "BOB")
	v.must(0, "user", "set", "ALICE", "-c", v.config, "--cancel-on-disconnect", "true")
	s := v.serve()
	wellFormed(t, v.run("admin", "kick", "ALICE", "-c", v.config).stderr, "E2021")
	wellFormed(t, v.run("admin", "kick", "NOBODY", "-c", v.config).stderr, "E2011")
	alice := v.morning(s.addr, "ALICE")
	if err := alice.Send(order(1, ouch.SideBuy, 1)); err != nil {
		t.Fatal(err)
	}
	if err := alice.Flush(); err != nil {
		t.Fatal(err)
	}
	if m, err := alice.Recv(); err != nil || m.Payload[0] != ouch.TypeAccepted {
		t.Fatal(m, err)
	}
	says(t, v.must(0, "admin", "kick", "alice", "-c", v.config), `^disconnected ALICE, canceled 1 order: seq \d+, 1 message to owners\n$`)
	for {
		if _, err := alice.Recv(); err != nil {
			break // the end of the connection: what came before it is told again
		}
	}
	_ = alice.Close()
	alice = v.morning(s.addr, "ALICE")
	for _, want := range []byte{ouch.TypeAccepted, ouch.TypeCanceled} {
		if m, err := alice.Recv(); err != nil || m.Payload[0] != want {
			t.Fatalf("%s, %v, want %c", spell(m.Payload), err, want)
		}
	}
	if n := strings.Count(v.must(0, "journal", "dump", v.journal()), "\ndisconnect "); n != 1 {
		t.Errorf("%d ends of sessions are journaled", n)
	}
	if left := s.stop(patience); left.code != 0 {
		t.Errorf("%+v", left)
	}
	v.verified(executed(t, v.journal()))
}
