package tests

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"matcher/journal"
)

// form is how every error is told: what, and, where there is something to say, why, how to mend it, another way out.
var form = regexp.MustCompile(`^error (E\d{4}): \S[^\n]*\n(        [^\n]*\n)*(  (why  |fix  |or   ) \S[^\n]*\n(        [^\n]*\n)*)*$`)

// wellFormed holds that an error has its form and its code, and is no stack of ours.
func wellFormed(t testing.TB, stderr, code string) {
	t.Helper()
	at := strings.Index(stderr, "error E")
	if at < 0 {
		t.Errorf("no error %s in %q", code, stderr)
		return
	}
	m := form.FindStringSubmatch(stderr[at:])
	switch {
	case m == nil:
		t.Errorf("not of the form of errors:\n%s", stderr[at:])
	case m[1] != code:
		t.Errorf("code %s, want %s:\n%s", m[1], code, stderr[at:])
	case strings.Contains(stderr, "goroutine ") || strings.Contains(stderr, "panic"):
		t.Errorf("a stack:\n%s", stderr)
	}
}

// wrong is a command line that cannot succeed.
type wrong struct {
	name string
	args []string
	exit int
	code string
	text string // somewhere in what is printed
}

func (v *venue) wrong(t *testing.T, list []wrong) {
	t.Helper()
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			o := v.run(c.args...)
			if o.code != c.exit || !strings.Contains(o.stdout+o.stderr, c.text) {
				t.Errorf("matcher %s: exit %d, want %d and %q\n%s%s", strings.Join(c.args, " "), o.code, c.exit, c.text, o.stdout[max(0, len(o.stdout)-500):], o.stderr)
			}
			wellFormed(t, o.stderr, c.code)
			if told := v.run("explain", c.code); told.code != 0 || !strings.HasPrefix(told.stdout, c.code+": ") {
				t.Errorf("matcher explain %s: %+v", c.code, told)
			}
		})
	}
}

// TestWrongOrders holds what a user is told whose order cannot be: by the venue, and, with -c, before it is sent.
func TestWrongOrders(t *testing.T) {
	v := newVenue(t, "0.01", "ALICE")
	s := v.serve()
	key := v.write("alice.key", v.key("ALICE"))
	send := func(args ...string) []string {
		return append([]string{"send", "--to", s.addr, "--user", "ALICE", "--key-file", key}, args...)
	}
	flow := func(name, line string) []string {
		return []string{"send", "--to", s.addr, "--keys", v.keys, "--strict", "-v", "-f", v.write(name, line+"\n")}
	}
	v.wrong(t, []wrong{
		{"unknown symbol", send("buy", "100", "NOPE", "10.00"), 6, "E2006", "reason=0x17 (invalid symbol)"},
		{"unknown symbol, with -c", send("buy", "100", "NOPE", "10.00", "-c", v.config), 2, "E2005", "NOPE is not in "},
		{"off the tick", send("buy", "100", "AAPL", "10.005"), 6, "E2006", "reason=0x1D (invalid price)"},
		{"off the tick, with -c", send("buy", "100", "AAPL", "10.005", "-c", v.config), 2, "E2001", "fix   10.00 or 10.01"},
		{"zero", send("buy", "0", "AAPL", "10.00"), 2, "E2004", "AAPL quantity 0 cannot be ordered"},
		{"zero, of a flow", flow("zero.flow", "ALICE enter 100 B 0 AAPL 100000 0 Y"), 6, "E2006", "reason=0x13 (invalid quantity)"},
		{"too large", send("buy", "1000000", "AAPL", "10.00"), 6, "E2006", "reason=0x13 (invalid quantity)"},
		{"too large, with -c", send("buy", "1000000", "AAPL", "10.00", "-c", v.config), 2, "E2004", "at most 999999"},
		{"not a live order", send("cancel", "77"), 6, "E2007", "no live order has that number"},
		{"unknown user", []string{"send", "query", "--to", s.addr, "--user", "MALLOR", "--key-file", key}, 7, "E5002", "login was refused"},
		{"wrong key", []string{"send", "query", "--to", s.addr, "--user", "ALICE", "--key-file", v.write("wrong.key", "NOTTHEKEY")}, 7, "E5002", "login was refused"},
		{"nobody listens", []string{"send", "query", "--to", "127.0.0.1:1", "--user", "ALICE", "--key-file", key}, 7, "E5001", "nobody listens"},
		{"not a flow", flow("bad.flow", "ALICE enter 1 B ten AAPL 1 0 Y"), 5, "E3010", "bad.flow:1:17: expected a quantity"},
	})
	if left := s.stop(patience); left.code != 0 || strings.Contains(left.stderr, v.key("ALICE")) {
		t.Errorf("%+v", left)
	}
}

// TestWrongStart holds what an operator is told whose server cannot start.
func TestWrongStart(t *testing.T) {
	v := newVenue(t, "0.01", "ALICE")
	s := v.serve()
	misspelt, other := v.path("misspelt.toml"), v.path("other")
	data, err := os.ReadFile(v.config)
	if err != nil {
		t.Fatal(err)
	}
	v.write("misspelt.toml", strings.Replace(string(data), "max_orders", "max_order", 1))
	v.write("foreign.bin", strings.Repeat("no journal, no market data\n", 40))
	if err := os.Mkdir(v.path("empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	v.wrong(t, []wrong{
		{"port in use", []string{"serve", "-c", v.config, "--journal", other, "--listen", s.addr}, 4, "E1002", s.addr + " is in use"},
		{"journal in use", []string{"serve", "-c", v.config}, 4, "E1003", "is in use by another server"},
		{"unknown key", []string{"serve", "-c", misspelt}, 3, "E4103", "did you mean core.max_orders?"},
		{"unknown key, checked", []string{"check", "-c", misspelt}, 3, "E4103", "misspelt.toml:"},
		{"no configuration", []string{"serve", "-c", v.path("none.toml")}, 3, "E4101", "none.toml"},
		{"address of another machine", []string{"serve", "-c", v.config, "--journal", other, "--listen", "192.0.2.1:0"}, 4, "E1009", "192.0.2.1:0"},
		{"foreign file", []string{"replay", v.path("foreign.bin")}, 5, "E3011", "neither a journal nor an ITCH 5.0 file"},
		{"empty directory", []string{"replay", v.path("empty"), "--verify"}, 5, "E3001", "no journal"},
		{"unknown verb", []string{"sevre"}, 2, "E4001", `did you mean "serve"?`},
	})
	s.stop(patience)
}

// TestNoFiles holds that a server that the kernel refuses what it needs says so. (What is refused here is file
// descriptors: a test must not take io_uring from the machine.)
func TestNoFiles(t *testing.T) {
	v := newVenue(t, "0.01", "ALICE")
	v.serve().stop(patience) // there is a server at all
	shell, err := os.Stat("/bin/sh")
	if err != nil || shell.IsDir() {
		t.Skip("no /bin/sh to set a limit with")
	}
	o := v.limited("ulimit -n 9", "serve", "-c", v.config)
	t.Log(o.stderr)
	if o.code != 4 && o.code != 1 {
		t.Errorf("exit %d\n%s", o.code, o.stderr)
	}
	if strings.Contains(o.stderr, "goroutine ") || !form.MatchString(o.stderr[max(0, strings.Index(o.stderr, "error E")):]) {
		t.Errorf("not of the form of errors:\n%s", o.stderr)
	}
}

// TestCorruptJournal flips a byte in the middle of a journal: nobody may start from it, or take it for whole, or touch it.
func TestCorruptJournal(t *testing.T) {
	v := newVenue(t, "0.0001", "MAKER", "TAKER")
	s := v.serve()
	v.must(0, "send", "-f", v.write("day.flow", synthetic(*seed, 2_000, true)), "--keys", v.keys, "--to", s.addr)
	s.stop(patience)
	segment := filepath.Join(v.journal(), journal.SegmentName(1))
	data, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, middleBlock(t, v.journal()))
	if at < 0 {
		t.Fatal("the block is not in the first segment")
	}
	data[at+200] ^= 1
	if err := os.WriteFile(segment, data, 0o640); err != nil {
		t.Fatal(err)
	}
	before := contents(t, v.journal())
	v.wrong(t, []wrong{
		{"serve", []string{"serve", "-c", v.config}, 5, "E3003", "Nothing was changed."},
		{"replay", []string{"replay", v.journal(), "--verify"}, 5, "E3003", "000001.mj"},
		{"verify", []string{"journal", "verify", v.journal()}, 5, "E3003", "later records"},
		{"dump", []string{"journal", "dump", v.journal()}, 5, "E3003", "later records"},
	})
	for name, was := range before {
		if now := contents(t, v.journal())[name]; !bytes.Equal(was, now) {
			t.Errorf("%s was changed", name)
		}
	}
	if len(before) != len(contents(t, v.journal())) {
		t.Error("there are other files than before")
	}
}

// middleBlock returns the bytes of a block in the middle of a journal.
func middleBlock(t *testing.T, dir string) []byte {
	t.Helper()
	blocks := executed(t, dir).Counts().Blocks
	r, err := journal.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for range blocks / 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(b.Bytes)
}

// contents returns what the files of a directory hold.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if files[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestStop holds that SIGTERM ends a server at once, in order, and that nothing has to be mended afterwards.
func TestStop(t *testing.T) {
	v := newVenue(t, "0.0001", "MAKER", "TAKER")
	s := v.serve()
	v.must(0, "send", "-f", v.write("day.flow", synthetic(*seed, 500, true)), "--keys", v.keys, "--to", s.addr)
	left := s.stop(patience)
	if left.code != 0 || !strings.Contains(left.stdout, `"state_hash":"`) {
		t.Errorf("%+v", left)
	}
	for _, args := range [][]string{{"journal", "verify", "--json"}, {"journal", "info", "--json"}} {
		text := v.must(0, append(args, v.journal())...)
		if !strings.Contains(text, `"torn_tail":null`) || args[1] == "info" && !strings.Contains(text, `"sealed":true`) {
			t.Errorf("matcher %s: %s", strings.Join(args, " "), text)
		}
	}
	s = v.serve()
	if strings.Contains(s.ready, "torn") || !strings.Contains(s.ready, "commands replayed, epoch 2") {
		t.Error(s.ready)
	}
	if left := s.stop(patience); left.code != 0 {
		t.Errorf("%+v", left)
	}
	v.verified(executed(t, v.journal()))
}
