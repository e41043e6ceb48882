package tests

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"matcher/client"
	"matcher/wire/ouch"
)

// TestDaysAndKills ends trading days on a real server and kills it at any moment of that. Afterwards one day is open, the old
// one or the next, whole: in the old one every message that was sent is what it was, in the next what is good till cancelled
// is there once, and its session was never seen before.
func TestDaysAndKills(t *testing.T) {
	rerun := again(t)
	random := rand.New(rand.NewPCG(*seed, 31))
	v := newVenue(t, "0.01", "ALICE")
	s := v.serve()
	first := dialed(t, s, v, "ALICE", 1)
	_ = first.conn.Send(&ouch.EnterOrder{
		UserRefNum: 1, Side: 'S', Quantity: 70, Symbol: ouch.Symbol("AAPL"), Price: 1_500_000, TimeInForce: '1', Display: 'Y',
		Capacity: 'P', Sweep: 'N', CrossType: 'N', ClOrdID: ouch.ClOrdID("keep"),
	})
	_ = first.conn.Flush()
	first.until(t, ouch.TypeAccepted)
	_ = first.conn.Close()
	rolled, stayed := 0, 0
	for n := 0; n < 12 || rolled == 0 || stayed == 0; n++ {
		if n == 60 {
			t.Fatalf("of 60 kills %d came before the end of the day and %d behind it; %s", stayed, rolled, rerun)
		}
		d := dialed(t, s, v, "ALICE", 0)
		d.ref = uint32(10 * (n + 1))
		d.enter('B', 5, 900_000)
		d.until(t, ouch.TypeAccepted)
		before := v.day(s.addr, "ALICE")
		asking := v.child(t.Context(), "admin", "end-of-day", "-c", v.config)
		if err := asking.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.IntN(30_000)) * time.Microsecond)
		s.kill()
		_ = asking.Wait() // what it was told is not the question
		_ = d.conn.Close()
		s = v.serve()
		after := v.day(s.addr, "ALICE")
		switch {
		case after.session == before.session:
			stayed++
			if len(after.raw) != len(before.raw) {
				t.Fatalf("the session had %d messages, now it has %d; %s", len(before.raw), len(after.raw), rerun)
			}
			for i := range before.raw {
				if !bytes.Equal(before.raw[i], after.raw[i]) {
					t.Fatalf("message %d was %s, is %s; %s", i+1, spell(before.raw[i]), spell(after.raw[i]), rerun)
				}
			}
		case after.session > before.session:
			rolled++
			var a ouch.Accepted
			if len(after.raw) != 2 || a.Decode(after.raw[1]) != nil || a.Quantity != 70 || a.UserRefNum != 1 || a.ClOrdID != ouch.ClOrdID("keep") {
				t.Fatalf("session %s begins with %q; %s", after.session, after.raw, rerun)
			}
		default:
			t.Fatalf("session %s after %s; %s", after.session, before.session, rerun)
		}
	}
	t.Logf("%d kills before the end of the day was durable, %d after", stayed, rolled)
	if left := s.stop(patience); left.code != 0 {
		t.Errorf("exit %d: %s", left.code, left.stderr)
	}
	v.verified(executed(t, v.journal()))
}

// TestEndOfDayByHand: what an operator and a client see of the end of a day, and what is left of it in the journal.
func TestEndOfDayByHand(t *testing.T) {
	v := newVenue(t, "0.01", "ALICE", "BOB")
	s := v.serve()
	alice, bob := dialed(t, s, v, "ALICE", 1), dialed(t, s, v, "BOB", 1)
	alice.enter('S', 100, 1_872_500)
	bob.enter('B', 40, 1_872_500)
	bob.until(t, ouch.TypeExecuted)
	session := bob.conn.Session()
	says(t, v.admin(0, "end-of-day").stdout, `^ended the trading day: 1 order expired, seq \d+, 3 messages to owners\n$`)
	if c := alice.until(t, ouch.TypeCanceled).(*ouch.Canceled); c.Quantity != 60 || c.Reason != 'E' {
		t.Errorf("the day order ended with %+v", c)
	}
	if e := alice.until(t, ouch.TypeSystemEvent).(*ouch.SystemEvent); e.Event != 'E' {
		t.Errorf("the day ended with %+v", e)
	}
	if _, err := alice.conn.Recv(); err != client.ErrEndOfSession {
		t.Errorf("behind the last message came %v", err)
	}
	next := dialed(t, s, v, "BOB", 1)
	next.until(t, ouch.TypeSystemEvent)
	if next.conn.Session() == session {
		t.Error("the next day has the session of the last")
	}
	wellFormed(t, v.admin(6, "bust", "1").stderr, "E2014")

	day := v.must(0, "journal", "dump", v.journal(), "--day", session)
	if !strings.Contains(day, "\nfill ") || strings.Count(day, "day seq=") != 2 || strings.Contains(day, next.conn.Session()) {
		t.Errorf("the ended day is dumped as\n%s", day)
	}
	wellFormed(t, v.run("journal", "dump", v.journal(), "--day", "700101").stderr, "E4005")

	says(t, v.admin(0, "end-of-day", "--stop").stdout, `^ended the trading day: 0 orders expired, `)
	select {
	case <-s.ended:
	case <-time.After(patience):
		t.Fatal("the server has not stopped with the day")
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit %d: %s", code, s.err)
	}
	v.edit(v.config, `tick = "0.01"`, `tick = "0.05"`)
	s = v.serve()
	third := dialed(t, s, v, "BOB", 1)
	third.enter('B', 1, 1_872_100)
	if m := third.until(t, ouch.TypeRejected).(*ouch.Rejected); m.Reason != ouch.RejectInvalidPrice {
		t.Errorf("off the new tick: %#x", m.Reason)
	}
	s.stop(patience)
	v.edit(v.config, `tick = "0.05"`, `tick = "0.01"`)
	wellFormed(t, v.run("serve", "-c", v.config).stderr, "E4113")
	v.verified(executed(t, v.journal()))
}
