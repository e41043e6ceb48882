package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matcher/core"
	"matcher/ring"
)

// parsed parses a configuration that would lie at etc/m.toml.
func parsed(text string, flags []entry, vars ...string) (*config, error) {
	e := testEnv(strings.NewReader(""), io.Discard, io.Discard, vars)
	return parseConfig(e, source{"etc/m.toml", []byte(text)}, flags)
}

const oneInstrument = "[[instrument]]\nsymbol = \"AAPL\"\ntick = \"0.01\"\n"

func TestFirstConfigIsTheDefaults(t *testing.T) {
	c, err := parsed(firstConfig, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := defaults().core
	want.Journal = "etc/data"
	want.Instruments = []core.Instrument{{
		Symbol: "AAPL", PriceDecimals: 4, Tick: 100, Lot: 1, MaxQty: 999_999, MaxPrice: 1_999_999_900,
	}}
	if got, want := fmt.Sprintf("%+v", c.core), fmt.Sprintf("%+v", want); got != want {
		t.Errorf("the file of init gives\n%s\nthe defaults are\n%s", got, want)
	}
	if want := defaults().like; c.like != want {
		t.Errorf("the file of init makes users like %+v, the defaults %+v", c.like, want)
	}
	for _, s := range settings() {
		key := s.key[strings.Index(s.key, ".")+1:]
		if !strings.Contains(firstConfig, key+" = ") {
			t.Errorf("the file of init does not show %s", s.key)
		}
	}
	for _, k := range instrumentKeys() {
		if !strings.Contains(firstConfig, k+" = ") {
			t.Errorf("the file of init does not show instrument.%s", k)
		}
	}
}

func TestConfigValues(t *testing.T) {
	c, err := parsed(`
listen = "localhost:0"
core = { cpu = 1, wait = "spin", max_orders = 5_000 }
[journal]
dir = "/var/j"
durability = "async"
segment = "8MiB"
ahead = "24MiB"
[session]
heartbeat = "250ms"
cancel_on_disconnect = true
recovery_grace = "3s"
[auth]
users = "who.toml"
[[instrument]]
symbol = "BTC.USD"
price_decimals = 2
tick = "0.05"
lot = "0.00100"
max_qty = "12.5"
max_price = "90000.05"
[[instrument]]
symbol = "X"
price_decimals = 0
tick = 5
lot = 100
[[instrument]]
symbol = "Y"
price_decimals = 2
tick = "0.05"
lot = "0.1"
policy = "pro-rata"
fifo_percent = 40
top_percent = 0
top_max = "50"
min_alloc = "0.2"
max_slices = 20
max_pegs = 5
max_stops = 1_000
collar = "2.5%"
reference = "100.05"
[[instrument]]
symbol = "Z"
tick = "0.01"
policy = "price-time"
collar = "0.50"
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := defaults().core
	want.Listen, want.CPU, want.Wait, want.MaxOrders = "127.0.0.1:0", 1, ring.Spin, 5000
	want.Journal, want.Durability, want.Segment, want.Heartbeat = "/var/j", core.Async, 8<<20, 250*time.Millisecond
	want.Ahead = 24 << 20
	want.Instruments = []core.Instrument{
		{Symbol: "BTC.USD", PriceDecimals: 2, LotDecimals: 3, Tick: 5, Lot: 1, MaxQty: 12_500, MaxPrice: 9_000_005},
		{Symbol: "X", Tick: 5, Lot: 100, MaxQty: 999_999, MaxPrice: 1_999_999_900},
		{
			Symbol: "Y", PriceDecimals: 2, LotDecimals: 1, Tick: 5, Lot: 1, MaxQty: 999_999, MaxPrice: 1_999_999_900, ProRata: true,
			Terms: core.Terms{
				FifoPercent: 40, TopMax: 500, MinAlloc: 2, MaxSlices: 20, MaxPegs: 5, MaxStops: 1000, CollarBP: 250, Reference: 10_005,
			},
		},
		{Symbol: "Z", PriceDecimals: 4, Tick: 100, Lot: 1, MaxQty: 999_999, MaxPrice: 1_999_999_900, Terms: core.Terms{Collar: 5000}},
	}
	want.RecoveryGrace = 3 * time.Second
	if c.like.onDrop != "true" {
		t.Error("cancel_on_disconnect is not taken")
	}
	if got, want := fmt.Sprintf("%+v", c.core), fmt.Sprintf("%+v", want); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if c.users != "etc/who.toml" || c.secret != "etc/secret.key" {
		t.Errorf("users %q, secret %q", c.users, c.secret)
	}
}

func TestFlagsOverEnvironmentOverFile(t *testing.T) {
	file := "listen = \"1.1.1.1:1\"\n[core]\nwait = \"spin\"\ncpu = 3\n[journal]\ndir = \"a\"\n" + oneInstrument
	flags := []entry{{key: "listen", text: "3.3.3.3:3", where: "--listen"}, {key: "journal.dir", text: "c", where: "--journal"}}
	c, err := parsed(file, flags, "MATCHER_LISTEN=2.2.2.2:2", "MATCHER_CORE_WAIT=block", "MATCHER_JOURNAL_DIR=b")
	if err != nil {
		t.Fatal(err)
	}
	if c.core.Listen != "3.3.3.3:3" || c.core.Wait != ring.Block || c.core.CPU != 3 || c.core.Journal != "c" {
		t.Errorf("%+v", c.core)
	}
	// A path from the environment is relative to where we run, one from the file to the file.
	if c, err = parsed(file, nil, "MATCHER_JOURNAL_DIR=b"); err != nil || c.core.Journal != "b" {
		t.Error(c, err)
	}
	if c, err = parsed(file, nil); err != nil || c.core.Journal != "etc/a" {
		t.Error(c, err)
	}
}

func TestConfigFaults(t *testing.T) {
	i := oneInstrument
	for _, c := range []struct{ name, text, code, what, why, fix string }{
		{"not TOML", "listen = spin\n", "E4102", "etc/m.toml:1:10: ", "the line is: listen = spin", "between quotes"},
		{"key twice", "listen = \"a:1\"\nlisten = \"b:1\"\n", "E4102", "etc/m.toml:2:1: ", "the line is: listen = \"b:1\"", ""},
		{"unclosed", "[core\n", "E4102", "etc/m.toml:1:6: ", "", ""},
		{"misspelt key", "[core]\n\n  wiat = \"spin\"\n" + i, "E4103", "etc/m.toml:3:3: there is no key core.wiat", "did you mean core.wait?", "core.wait"},
		{"misspelt section", "[jurnal]\ndir = \"x\"\n" + i, "E4103", "etc/m.toml:2:1: there is no key jurnal.dir", "did you mean journal.dir?", "journal.dir"},
		{"wrong section", "[core]\nsegment = \"1MiB\"\n" + i, "E4103", "etc/m.toml:2:1: there is no key core.segment", "did you mean journal.segment?", "journal.segment"},
		{"unlike any key", "[admin]\nport = 1\n" + i, "E4103", "etc/m.toml:2:1: there is no key admin.port", "", ""},
		{"unknown blocks", "[[user]]\nname = \"A\"\n" + i, "E4103", "etc/m.toml:1:3: there is no key user", "", ""},
		{"misspelt instrument key", i + "tik = \"0.01\"\n", "E4103", "etc/m.toml:4:1: there is no key instrument.tik", "did you mean instrument.tick?", "instrument.tick"},
		{"instrument as a table", "[instrument]\nsymbol = \"A\"\n", "E4103", "etc/m.toml:2:1: there is no key instrument.symbol", "", ""},
		{"no instrument", "listen = \"127.0.0.1:1\"\n", "E4104", "etc/m.toml: no [[instrument]]", "", "[[instrument]]\nsymbol = \"AAPL\""},
		{"listen without port", "listen = \"127.0.0.1\"\n" + i, "E4104", "etc/m.toml:1:1: listen = \"127.0.0.1\" cannot be used", "an address is host:port", "127.0.0.1:9001"},
		{"listen port", "listen = \"127.0.0.1:70000\"\n" + i, "E4104", "etc/m.toml:1:1: listen = ", "a port is a number", "127.0.0.1:9001"},
		{"listen name", "listen = \"example.org:1\"\n" + i, "E4104", "etc/m.toml:1:1: listen = ", "the host is an IP address", "0.0.0.0:1"},
		{"wait", "[core]\nwait = \"spinn\"\n" + i, "E4104", "etc/m.toml:2:1: core.wait = \"spinn\" cannot be used", "it is one of spin, adaptive, block", "spin"},
		{"cpu", "[core]\ncpu = -1\n" + i, "E4104", "etc/m.toml:2:1: core.cpu = ", "auto, none, or the number of a cpu", "auto"},
		{"cpu too high", "[core]\ncpu = 4096\n" + i, "E4105", "etc/m.toml:2:1: core.cpu = 4096 is out of range", "at most 4095", "auto"},
		{"no number", "[core]\nmax_orders = \"many\"\n" + i, "E4104", "etc/m.toml:2:1: core.max_orders = \"many\" cannot be used", "a whole number from 1 to 67,108,863", ""},
		{"zero", "[core]\nmax_orders = 0\n" + i, "E4105", "etc/m.toml:2:1: core.max_orders = 0 is out of range", "at least 1, at most 67,108,863", ""},
		{"too many users", "[core]\nmax_users = 65536\n" + i, "E4105", "etc/m.toml:2:1: core.max_users = 65536 is out of range", "at least 1, at most 65,534", ""},
		{"an array", "[core]\nmax_users = [1]\n" + i, "E4104", "etc/m.toml:2:1: core.max_users cannot be used", "core.max_users is a single value", ""},
		{"size unit", "[core]\nstream_memory = \"4GB\"\n" + i, "E4104", "etc/m.toml:2:1: core.stream_memory = \"4GB\" cannot be used", "KiB, MiB, GiB, TiB", "256MiB"},
		{"size overflow", "[core]\nstream_memory = \"18446744073709551615TiB\"\n" + i, "E4105", "etc/m.toml:2:1: core.stream_memory = ", "at least 1MiB, at most 1TiB", ""},
		{"segment off the page", "[journal]\nsegment = 8388609\n" + i, "E4105", "etc/m.toml:2:1: journal.segment = 8388609 is out of range", "a multiple of 4096 bytes", "8392704"},
		{"roll", "[day]\nroll = \"24:00\"\n" + i, "E4104", "etc/m.toml:2:1: day.roll = \"24:00\" cannot be used", "a time of day, HH:MM", "00:00"},
		{"utc offset", "[day]\nutc_offset = \"CET\"\n" + i, "E4104", "etc/m.toml:2:1: day.utc_offset = \"CET\" cannot be used", "+HH:MM or -HH:MM", "+00:00"},
		{"durability", "[journal]\ndurability = \"sink\"\n" + i, "E4104", "etc/m.toml:2:1: journal.durability = \"sink\" cannot be used", "it is one of sync, written, async", "sync"},
		{"empty path", "[journal]\ndir = \"\"\n" + i, "E4104", "etc/m.toml:2:1: journal.dir = \"\" cannot be used", "a path is not empty", ""},
		{"duration", "[session]\nheartbeat = 1\n" + i, "E4104", "etc/m.toml:2:1: session.heartbeat = 1 cannot be used", "a duration is a number with its unit", "10s"},
		{"duration too long", "[session]\nheartbeat = \"2h\"\n" + i, "E4105", "etc/m.toml:2:1: session.heartbeat = \"2h\" is out of range", "at least 10ms, at most 1m0s", ""},
		{"cancel on disconnect", "[session]\ncancel_on_disconnect = \"yes\"\n" + i, "E4104", "etc/m.toml:2:1: session.cancel_on_disconnect = \"yes\" cannot be used", "it is one of false, true", "false"},
		{"recovery grace", "[session]\nrecovery_grace = \"2h\"\n" + i, "E4105", "etc/m.toml:2:1: session.recovery_grace = \"2h\" is out of range", "at least 0s, at most 1h0m0s", ""},
		{"policy", i + "policy = \"prorata\"\n", "E4104", "etc/m.toml:4:1: instrument.policy = \"prorata\" cannot be used", "it is one of price-time, pro-rata", "pro-rata"},
		{"shares without a policy", i + "min_alloc = \"2\"\n", "E4104", "etc/m.toml:4:1: instrument.min_alloc = 2 cannot be used", "share levels by proportion", "policy = \"pro-rata\""},
		{"percent", i + "policy = \"pro-rata\"\nfifo_percent = 101\n", "E4105", "etc/m.toml:5:1: instrument.fifo_percent = 101 is out of range", "at least 0, at most 100", ""},
		{"share off the lot", i + "policy = \"pro-rata\"\nmin_alloc = \"0.5\"\n", "E4105", "etc/m.toml:5:1: instrument.min_alloc = ", "AAPL trades in lots of 1", ""},
		{"no slices", i + "max_slices = 0\n", "E4105", "etc/m.toml:4:1: instrument.max_slices = 0 is out of range", "at least 1, at most 1,000,000", ""},
		{"too many stops", i + "max_stops = 2_000_000\n", "E4105", "etc/m.toml:4:1: instrument.max_stops = 2000000 is out of range", "at least 1, at most 1,048,576", ""},
		{"collar", i + "collar = \"five\"\n", "E4104", "etc/m.toml:4:1: instrument.collar = \"five\" cannot be used", "\"five\" is not an exact decimal", "\"0.01\""},
		{"collar percent", i + "collar = \"x%\"\n", "E4104", "etc/m.toml:4:1: instrument.collar = \"x%\" cannot be used", "a distance like 0.50, or a percentage like 5%", "\"5%\""},
		{"collar too fine", i + "collar = \"0.001%\"\n", "E4110", "etc/m.toml:4:1: instrument.collar = ", "at most 2 decimals", ""},
		{"collar above all", i + "collar = \"101%\"\n", "E4105", "etc/m.toml:4:1: instrument.collar = ", "above 0% and at most 100%", ""},
		{"reference off the tick", i + "reference = \"1.005\"\n", "E4105", "etc/m.toml:4:1: instrument.reference = ", "not on the tick of 0.0100", "1.0000"},
		{"reference too high", i + "max_price = \"10\"\nreference = \"11\"\n", "E4105", "etc/m.toml:5:1: instrument.reference = ", "above 0 and at most 10.0000", ""},
		{"feed to nowhere", "[feed]\nto = \"239.192.14.1\"\n" + i, "E4104", "etc/m.toml:2:1: feed.to = ", "a destination is ADDRESS:PORT", "239.192.14.1:9010"},
		{"feed to port 0", "[feed]\nto = \"239.192.14.1:9010, 127.0.0.1:0\"\n" + i, "E4104", "etc/m.toml:2:1: feed.to = ", "a port is a number from 1", "127.0.0.1:9010"},
		{"feed to many", "[feed]\nto = \"" + strings.Repeat("127.0.0.1:9 ", 9) + "\"\n" + i, "E4105", "etc/m.toml:2:1: feed.to = ", "at most 8 destinations", ""},
		{"feed hops", "[feed]\nhops = 256\n" + i, "E4105", "etc/m.toml:2:1: feed.hops = 256 is out of range", "at least 1, at most 255", ""},
		{"relay address", "[relay]\nitch = \"9012\"\n" + i, "E4104", "etc/m.toml:2:1: relay.itch = 9012 cannot be used", "an address is host:port", "127.0.0.1:9001"},
		{"no symbol", "[[instrument]]\ntick = \"1\"\n", "E4104", "etc/m.toml:1:3: this [[instrument]] has no symbol", "", "symbol = \"AAPL\""},
		{"no tick", "[[instrument]]\nsymbol = \"A\"\n", "E4104", "etc/m.toml:1:3: this [[instrument]] has no tick", "", "tick = \"0.01\""},
		{"symbol", "[[instrument]]\nsymbol = \"NINELONGS\"\ntick = \"1\"\n", "E4104", "etc/m.toml:2:1: instrument.symbol = \"NINELONGS\" cannot be used", "1 to 8 characters", ""},
		{"lower case", "[[instrument]]\nsymbol = \"aapl\"\ntick = \"1\"\n", "E4104", "etc/m.toml:2:1: instrument.symbol = ", "A-Z", ""},
		{"symbol twice", i + i, "E4107", "etc/m.toml:5:1: instrument.symbol = \"AAPL\" is there already", "first defined at etc/m.toml:2:1", ""},
		{"fraction", "[[instrument]]\nsymbol = \"A\"\ntick = 0.01\n", "E4104", "etc/m.toml:3:1: instrument.tick = 0.01 cannot be used", "a binary fraction is not exact", "\"0.01\""},
		{"decimals", i + "price_decimals = 10\n", "E4105", "etc/m.toml:4:1: instrument.price_decimals = 10 is out of range", "at least 0, at most 9", ""},
		{"tick finer than the scale", i + "price_decimals = 1\n", "E4110", "etc/m.toml:3:1: instrument.tick = \"0.01\" cannot be represented", "price_decimals = 1: 0.01 has more than 1 decimal", ""},
		{"tick zero", "[[instrument]]\nsymbol = \"A\"\ntick = \"0.00\"\n", "E4105", "etc/m.toml:3:1: instrument.tick = \"0.00\" is out of range", "above 0 and at most 199999.9900", ""},
		{"tick exponent", "[[instrument]]\nsymbol = \"A\"\ntick = \"1e-2\"\n", "E4104", "etc/m.toml:3:1: instrument.tick = \"1e-2\" cannot be used", "\"1e-2\" is not an exact decimal", "\"0.01\""},
		{"lot zero", i + "lot = \"0\"\n", "E4110", "etc/m.toml:4:1: instrument.lot = 0 cannot be represented", "above 0", ""},
		{"lot too fine", i + "lot = \"0.0000000000000000001\"\n", "E4110", "etc/m.toml:4:1: instrument.lot = ", "at most 18 decimals", ""},
		{"max_qty off the lot", i + "lot = \"100\"\nmax_qty = \"250\"\n", "E4105", "etc/m.toml:5:1: instrument.max_qty = 250 is out of range", "AAPL trades in lots of 100", ""},
		{"max_qty too large", i + "max_qty = \"4294967296\"\n", "E4105", "etc/m.toml:4:1: instrument.max_qty = ", "at most 4294967295", ""},
		{"max_price off the tick", i + "max_price = \"1.005\"\n", "E4105", "etc/m.toml:4:1: instrument.max_price = \"1.005\" is out of range", "not on the tick of 0.0100", "1.0000"},
		{"max_price too high", i + "max_price = \"200000\"\n", "E4105", "etc/m.toml:4:1: instrument.max_price = ", "at most 199999.9900", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parsed(c.text, nil)
			var f *fault
			if !errors.As(err, &f) {
				t.Fatalf("got %v, want a fault %s", err, c.code)
			}
			if f.Code != c.code || !strings.Contains(f.What, c.what) || !strings.Contains(f.Why, c.why) || !strings.Contains(f.Fix, c.fix) || c.fix == "" && f.Fix != "" {
				t.Errorf("got\n%s\nwant %s: %s / %s / %s", f.text(), c.code, c.what, c.why, c.fix)
			}
			if f.exit() != exitConfig {
				t.Errorf("exit %d, want %d", f.exit(), exitConfig)
			}
		})
	}
}

func TestEnvironmentFaults(t *testing.T) {
	for _, c := range []struct{ name, variable, code, what string }{
		{"bad value", "MATCHER_CORE_WAIT=slow", "E4104", "MATCHER_CORE_WAIT: core.wait = \"slow\" cannot be used"},
		{"misspelt", "MATCHER_CORE_WIAT=spin", "E4103", "the environment sets MATCHER_CORE_WIAT, which is no key"},
		{"somebody else's", "MATCHER_SERVICE_HOST=10.0.0.1", "", ""},
		{"the key of a user", "MATCHER_KEY=ABC", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parsed(oneInstrument, nil, c.variable)
			var f *fault
			if !errors.As(err, &f) {
				f = &fault{}
			}
			if f.Code != c.code || f.What != c.what {
				t.Errorf("got %v, want %s: %s", err, c.code, c.what)
			}
		})
	}
}

func TestConfigFileMissing(t *testing.T) {
	o := do(t, exitConfig, "check", "-c", filepath.Join(t.TempDir(), "no.toml"))
	if !strings.Contains(o.stderr, "error E4101: ") || !strings.Contains(o.stderr, "  fix   matcher init ") {
		t.Error(o.stderr)
	}
}

func TestInitAndCheck(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	file := filepath.Join(dir, "matcher.toml")
	o := do(t, 0, "init", dir)
	if o.stdout != "" || !strings.Contains(o.stderr, "matcher user add ALICE -c "+file) {
		t.Error(o)
	}
	info, err := os.Stat(filepath.Join(dir, "secret.key"))
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
		t.Error(info, err)
	}
	if o := do(t, 0, "check", "-c", file); !strings.Contains(o.stdout, "matcher.toml is good: listen 127.0.0.1:9001, journal ") || !strings.Contains(o.stdout, "1 instrument, 0 users") {
		t.Error(o.stdout)
	}
	if o := do(t, exitUsage, "init", dir); !strings.Contains(o.stderr, "error E4007: ") {
		t.Error(o.stderr)
	}
}

// Whatever stands in a file, reading it ends in settings or in a fault.
func FuzzConfig(f *testing.F) {
	f.Add(firstConfig)
	f.Add(oneInstrument)
	f.Add("core = { cpu = 1, x = { y = [1, 2] } }\n[[instrument]]\n[[instrument.sub]]\na = 1")
	f.Add("[[a]]\n[a.b]\nc = 1\n[instrument]\n[[instrument.x]]\n")
	f.Add("instrument = [{symbol = \"A\", tick = 1}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := parsed(text, nil)
		if err == nil {
			return
		}
		var f *fault
		if !errors.As(err, &f) {
			t.Errorf("%v is no fault", err)
		}
	})
}

// The same for the file of users.
func FuzzUsers(f *testing.F) {
	f.Add(string(usersText([]account{{name: "ALICE", firm: "ALFA", hash: [32]byte{1}}})))
	f.Add("[[user]]\n[user.x]\nname = 1\n[[user.y]]\n")
	f.Fuzz(func(t *testing.T, text string) {
		users, err := parseUsers("users.toml", []byte(text))
		if err != nil {
			return
		}
		again, err := parseUsers("users.toml", usersText(users))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(users) {
			t.Errorf("%v, written and read: %v, %v", users, again, err)
		}
	})
}
