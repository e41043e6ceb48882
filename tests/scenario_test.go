package tests

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"matcher/book"
	"matcher/engine"
	"matcher/tests/twin"
)

var update = flag.Bool("update", false, "rewrite the expected lines of tests/scenarios from the naive venue")

// TestScenarios plays tests/scenarios/*.txt on the naive venue and on the engine. A file is a story in the lines of
// twin.Notation. Behind each command stand the events it must cause, as "-> " lines of twin.EventLine; "book AAPL" shows
// the displayed book, bids and asks, best first; "===" begins again with an empty venue; "setup orders=2" does so with
// room for that many live orders; "#" begins a comment. Behind each command the engine is restored from a snapshot of itself.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("scenarios/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := string(content)
		for _, kind := range []string{"twin", "engine"} {
			t.Run(kind+"/"+strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
				got, err := play(t, want, kind)
				if err != nil {
					t.Fatal(err)
				}
				if *update && kind == "twin" && got != want {
					if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
						t.Fatal(err)
					}
					want = got
				}
				firstDifference(t, want, got)
			})
		}
	}
}

// TestEveryRuleHasAScenario: each rule of PROTOCOL.md, section 6, is named by a scenario, in its file's name or a comment. The few that
// no scenario can show have a test.
func TestEveryRuleHasAScenario(t *testing.T) {
	tested := map[string][2]string{
		"9.6":  {"../feed/feed_test.go", "TestOrderOfMessages"}, // the feed
		"11.2": {"../core/day_test.go", "TestRollTimes"},        // the clock
		"11.4": {"e2e_days_test.go", "TestEndOfDayByHand"},      // logins
	}
	for rule, test := range tested {
		if text, err := os.ReadFile(test[0]); err != nil || !strings.Contains(string(text), "func "+test[1]+"(") {
			t.Errorf("rule %s: %s has no %s", rule, test[0], test[1])
		}
	}
	number := regexp.MustCompile(`\b\d+\.\d+\b`)
	named := map[string]bool{}
	files, _ := filepath.Glob("scenarios/*.txt")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines("# " + strings.TrimSuffix(filepath.Base(file), ".txt") + "\n" + string(text)) {
			if strings.HasPrefix(line, "#") {
				for _, rule := range number.FindAllString(line, -1) {
					named[rule] = true
				}
			}
		}
	}
	text, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| (\d+\.\d+) \|`).FindAllStringSubmatch(string(text), -1)
	if len(rows) < 80 {
		t.Fatalf("PROTOCOL.md has %d rules", len(rows))
	}
	for _, row := range rows {
		if _, elsewhere := tested[row[1]]; elsewhere == named[row[1]] {
			t.Errorf("rule %s: a scenario is %t, a test elsewhere is %t", row[1], named[row[1]], elsewhere)
		}
	}
}

func firstDifference(t *testing.T, want, got string) {
	t.Helper()
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		switch {
		case i >= len(g):
			t.Fatalf("line %d: want %q, got the end", i+1, w[i])
		case i >= len(w):
			t.Fatalf("line %d: want the end, got %q", i+1, g[i])
		case w[i] != g[i]:
			t.Fatalf("line %d:\nwant %s\ngot  %s", i+1, w[i], g[i])
		}
	}
}

// stage is one venue with the story so far.
type stage struct {
	t        *testing.T
	kind     string
	twin     *twin.Twin
	engine   *engine.Engine
	ledger   *twin.Ledger
	notation *twin.Notation
	seq      uint64
	events   []engine.Event
}

// play carries out the commands of a story and returns it with what the venue answered.
func play(t *testing.T, story, kind string) (string, error) {
	var out strings.Builder
	s := &stage{t: t, kind: kind}
	if err := s.open(1000); err != nil {
		return "", err
	}
	for i, line := range strings.Split(strings.TrimSuffix(story, "\n"), "\n") {
		if strings.HasPrefix(line, "-> ") {
			continue
		}
		out.WriteString(line + "\n")
		answer, err := s.line(line)
		if err != nil {
			return "", fmt.Errorf("line %d: %w", i+1, err)
		}
		for _, a := range answer {
			out.WriteString("-> " + a + "\n")
		}
	}
	return out.String(), nil
}

// line carries out one line of a story.
func (s *stage) line(line string) ([]string, error) {
	if line == "" || strings.HasPrefix(line, "#") {
		return nil, nil
	}
	if line == "===" {
		return nil, s.open(1000)
	}
	if orders, ok := strings.CutPrefix(line, "setup orders="); ok {
		var n uint32
		if _, err := fmt.Sscan(orders, &n); err != nil {
			return nil, err
		}
		return nil, s.open(n)
	}
	if symbol, ok := strings.CutPrefix(line, "book "); ok {
		return []string{s.book(symbol)}, nil
	}
	cmd, ok, err := s.notation.Command(line)
	if err != nil || !ok {
		return nil, err
	}
	if err := s.apply(&cmd); err != nil {
		return nil, err
	}
	audit := s.succeed
	if s.kind == "twin" {
		audit = s.twin.Audit
	}
	if err := audit(); err != nil {
		return nil, err
	}
	var answer []string
	for i := range s.events {
		answer = append(answer, twin.EventLine(&s.events[i]))
	}
	return answer, nil
}

// succeed audits the engine and lets its heir, restored from a snapshot, go on in its place.
func (s *stage) succeed() error {
	if err := s.engine.Audit(); err != nil {
		return err
	}
	cells := snapshotOf(s.t, s.engine)
	heir, err := restored(cells, s.seq)
	if err == nil {
		err = equal(heir, cells, s.engine.Hash(), s.t)
	}
	s.engine = heir
	return err
}

// open begins with an empty venue.
func (s *stage) open(maxOrders uint32) error {
	*s = stage{t: s.t, kind: s.kind, twin: twin.New(), engine: engine.New(), ledger: new(twin.Ledger), notation: twin.NewNotation()}
	for _, cmd := range twin.Setup(maxOrders) {
		if err := s.apply(&cmd); err != nil {
			return err
		}
	}
	return nil
}

// apply carries out one command and holds the answer against the ledger. A panic fails this scenario, not all.
func (s *stage) apply(cmd *engine.Command) (fault error) {
	defer func() {
		if p := recover(); p != nil {
			fault = fmt.Errorf("panic: %v", p)
		}
	}()
	s.seq++
	cmd.Seq = s.seq
	if s.kind == "twin" {
		s.events = s.twin.Apply(cmd)
	} else {
		s.events = s.engine.Apply(s.events[:0], cmd)
	}
	return s.ledger.Fold(cmd, s.events)
}

// book writes the displayed book of a symbol on one line.
func (s *stage) book(symbol string) string {
	instrument := twin.InstrumentOf(symbol)
	if s.kind == "twin" {
		return sideText(s.twin.Depth(instrument, 'B', 100)) + " | " + sideText(s.twin.Depth(instrument, 'S', 100))
	}
	var sides [2][]twin.Level
	for i, side := range []book.Side{book.Buy, book.Sell} {
		for _, level := range s.engine.Depth(nil, instrument, side, 100) {
			sides[i] = append(sides[i], twin.Level(level))
		}
	}
	return sideText(sides[0]) + " | " + sideText(sides[1])
}

func sideText(levels []twin.Level) string {
	if len(levels) == 0 {
		return "none"
	}
	var words []string
	for _, l := range levels {
		words = append(words, fmt.Sprintf("%d at %s", l.Qty, twin.PriceText(l.Price)))
	}
	return strings.Join(words, ", ")
}
