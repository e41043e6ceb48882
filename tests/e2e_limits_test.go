package tests

import (
	"testing"

	"matcher/client"
	"matcher/wire/ouch"
)

// TestLimitedAccount lets a user run into its limits on the real binary: what is refused is journaled, so that the journal
// replays to the same, before and after a restart with other limits and a kill.
func TestLimitedAccount(t *testing.T) {
	v := newVenue(t, "0.01", "ALICE", "BOB")
	v.must(0, "user", "set", "ALICE", "-c", v.config, "--rate", "1", "--burst", "3", "--cancel-on-disconnect", "true")
	v.must(0, "user", "set", "BOB", "-c", v.config, "--max-open-orders", "2", "--max-open-stops", "1")
	v.env = append(v.env, "MATCHER_SESSION_RECOVERY_GRACE=50ms")
	s := v.serve()
	ask := func(conn *client.Conn, m ouch.Inbound) (byte, uint16) {
		t.Helper()
		if err := conn.Send(m); err != nil {
			t.Fatal(err)
		}
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		answer, err := conn.Recv()
		if err != nil {
			t.Fatal(err)
		}
		var j ouch.Rejected
		if answer.Payload[0] == ouch.TypeRejected {
			if err := j.Decode(answer.Payload); err != nil {
				t.Fatal(err)
			}
		}
		return answer.Payload[0], j.Reason
	}
	want := func(conn *client.Conn, m ouch.Inbound, typ byte, code uint16) {
		t.Helper()
		if got, reason := ask(conn, m); got != typ || reason != code {
			t.Fatalf("got %c 0x%02X, want %c 0x%02X", got, reason, typ, code)
		}
	}
	alice := v.morning(s.addr, "ALICE")
	refused := 0
	for ref := uint32(1); ref <= 50; ref++ {
		if got, reason := ask(alice, order(ref, ouch.SideBuy, 1)); got == ouch.TypeRejected {
			if refused++; reason != ouch.RejectRiskPortRate {
				t.Fatalf("refused with 0x%02X", reason)
			}
		}
	}
	if refused < 40 {
		t.Errorf("of 50 orders at once %d were refused, for a rate of 1 and a burst of 3", refused)
	}
	want(alice, &ouch.CancelOrder{UserRefNum: 1}, ouch.TypeCanceled, 0)
	bob := v.morning(s.addr, "BOB")
	want(bob, order(1, ouch.SideBuy, 1), ouch.TypeAccepted, 0)
	want(bob, order(2, ouch.SideBuy, 1), ouch.TypeAccepted, 0)
	want(bob, order(3, ouch.SideBuy, 1), ouch.TypeRejected, ouch.RejectOther)
	_ = alice.Close() // its orders go: journaled, and not limited by anything
	s.kill()
	v.verified(executed(t, v.journal()))

	v.must(0, "user", "set", "BOB", "-c", v.config, "--max-open-orders", "3")
	s = v.serve()
	bob = v.login(s.addr, "BOB", client.Options{})
	want(bob, order(4, ouch.SideBuy, 1), ouch.TypeAccepted, 0)
	want(bob, order(5, ouch.SideBuy, 1), ouch.TypeRejected, ouch.RejectOther)
	_ = bob.Close()
	if left := s.stop(patience); left.code != 0 {
		t.Errorf("%+v", left)
	}
	v.verified(executed(t, v.journal()))
}
