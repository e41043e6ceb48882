package tests

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"matcher/engine"
	"matcher/tests/twin"
)

// meant is what the flow of each mix must have met, by the names of Twin.Seen.
var meant = map[string]string{
	"plain":    "A;U;E A;E J;E R;M;T;X;G;K;Q;S;C I;C G;C T;C U;J 02;J 03;J 05;J 08;J 09;J 0C;J 0D;J 0F;J 11;J 13;J 14;J 17;J 1D",
	"icebergs": "R R;J 04;J 0F;C K",
	"minimums": "E J;J 0D;minimum met, may rest;minimum unmet, rests;stepped over: too small;stepped over: price;" +
		"better than its limit",
	"pegs":  "T;C Z;C G;J 01;J 11;E k;E m;peg moves;peg moves and trades;midpoint order offered, something happened;R R",
	"stops": "R T;J 1D;J 01;C K;pending A;pending U;pending C;pending M;pending T;stop trails;stops wait for stops",
	"cascades": "R T;C K;C Z;E k;E m;peg moves;peg moves and trades;stop trails;stops wait for stops;" +
		"midpoint order offered, something happened",
	"prevention": "C Q;D D;D d;J 40;R R;shared level: own order;stepped over: too small",
	"policies": "top order;shared level: own order;shared level: whole;shared level: all that is shown;shared level: shares;" +
		"R R;peg moves;stepped over: too small",
	"operator": "C E;carried;B E;B C;B S;B X;J 07;J 02;C S;C U;C Z;S;R T;R R;peg moves",
	"days":     "C E;C Z;carried;does not fit its instrument;peg moves;R T;R R;top order;stop trails;shared level: shares;minimum unmet, rests",
	"limits":   "J 29;J 0F;account full;account full of stops;R T;U",
	"everything": "J 29;account full;A;U;M;T;X;C E;carried;B E;C G;C I;C K;C Q;C S;C T;C U;C Z;D D;D d;E A;E J;E R;E k;E m;J 01;J 02;J 03;J 04;J 05;J 07;J 08;" +
		"J 09;J 0C;J 0D;J 0F;J 11;J 13;J 14;J 17;J 1D;J 40;R R;R T;S;minimum unmet, rests;pending C;stop trails;top order;" +
		"stops wait for stops;shared level: shares;peg moves",
}

// flowPatience is how many times as long a flow may become as it was asked for, until it has met what it is for.
const flowPatience = 20

// notMet returns what the flow of a mix was meant to meet and has not.
func notMet(w *twin.Twin, mix twin.Mix) (missing []string) {
	for what := range strings.SplitSeq(meant[mix.Name], ";") {
		if w.Seen()[what] == 0 {
			missing = append(missing, what)
		}
	}
	return missing
}

// complete returns the setup and the flow of a mix as w goes through it: n commands, and as many more as it takes to meet what
// the mix is for. A short flow may miss things.
func complete(w *twin.Twin, mix twin.Mix, seed uint64, n int) iter.Seq[engine.Command] {
	return func(yield func(engine.Command) bool) {
		most := n
		if n >= 10_000 {
			most = flowPatience * n
		}
		i := -len(twin.Setup(maxOrders))
		for cmd := range flowOf(mix, seed, most) {
			if i >= n && i%1000 == 0 && len(notMet(w, mix)) == 0 || !yield(cmd) {
				return
			}
			i++
		}
	}
}

// missed fails the test for everything that a complete flow was meant to meet and did not.
func missed(t *testing.T, w *twin.Twin, mix twin.Mix, commands int) {
	t.Helper()
	if commands < 10_000 {
		return
	}
	for _, what := range notMet(w, mix) {
		t.Errorf("the flow never met %q", what)
	}
	if testing.Verbose() {
		var all []string
		for what, n := range w.Seen() {
			all = append(all, fmt.Sprintf("%s: %d", what, n))
		}
		slices.Sort(all)
		t.Log(strings.Join(all, "; "))
	}
}

// TestTwinAlone holds the naive venue against itself: its ledger agrees with it, and the flows meet what they are for.
func TestTwinAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("TestTwin asks the same ledger")
	}
	for _, mix := range twin.Mixes() {
		if *twinMix != "" && *twinMix != mix.Name {
			continue
		}
		t.Run(mix.Name, func(t *testing.T) {
			w, list := twin.New(), []engine.Command{}
			for cmd := range complete(w, mix, *twinSeed, *twinCommands) {
				cmd.Seq = uint64(len(list) + 1)
				list = append(list, cmd)
				w.Apply(&cmd)
				if err := w.Audit(); err != nil {
					t.Fatalf("%v\n%s", err, scenarioOf(list[max(0, len(list)-5):]))
				}
			}
			missed(t, w, mix, *twinCommands)
		})
	}
}
