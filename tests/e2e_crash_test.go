package tests

import (
	"math/rand/v2"
	"testing"
)

// crashes is how often a server is killed while a flow is being sent.
const crashes = 3

// TestCrashAAPL kills the server while real order flow is being sent.
func TestCrashAAPL(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves this to the synthetic flow")
	}
	file := realFlow(t, itchFile)
	v := newVenue(t, "0.0001", "MAKER", "TAKER")
	flow := v.path("day.flow")
	v.must(0, "import", "itch", file, "-o", flow)
	v.crash(flow)
}

func TestCrashSynthetic(t *testing.T) {
	v := newVenue(t, "0.0001", "MAKER", "TAKER")
	v.crash(v.write("day.flow", synthetic(*seed, 3_000, false)))
}

// crash sends a flow to a server that is killed at random points, sends the whole flow again each time, and holds the end
// against the twin, which was never killed. What was heard before a kill must be told in the same bytes after it.
func (v *venue) crash(flow string) {
	t := v.t
	t.Helper()
	again(t)
	random := rand.New(rand.NewPCG(*seed, 3))
	o := foretell(t, flow, "MAKER", "TAKER")
	answers := len(o.want["MAKER"]) + len(o.want["TAKER"])
	var all []*heard
	for n := range crashes {
		s := v.serve()
		after := 1 + random.IntN(answers/(crashes+1)) // so that even the last kill finds something left to send
		p := newTap(t, s.addr, after, func() { _ = s.cmd.Process.Kill() })
		sent := v.run("send", "-f", flow, "--keys", v.keys, "--to", p.addr)
		heard := p.close()
		if all = append(all, heard...); sent.code != 7 {
			t.Fatalf("kill %d after %d answers: matcher send ended with %d: %s%s", n+1, after, sent.code, sent.stdout, sent.stderr)
		}
		wellFormed(t, sent.stderr, "E5004")
		<-s.ended
		t.Logf("kill %d after %d answers about orders; %d messages heard in all", n+1, after, messages(heard))
	}
	s := v.serve()
	t.Log(s.ready)
	p := newTap(t, s.addr, 0, nil)
	v.must(0, "send", "-f", flow, "--keys", v.keys, "--to", p.addr)
	all = append(all, p.close()...)
	within(t, all, v.settled(o, s))
}
