package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"matcher/core"
	"matcher/engine"
	"matcher/relay"
	"matcher/ring"
)

// config is what a configuration says: the server's own part, and where the files beside it lie.
type config struct {
	core   core.Config
	users  string // path of the file of users
	secret string // path of the secret

	like account // what users are like who do not say otherwise: lost connections, limits

	relay relay.Config

	keeper keeper // what it says of snapshots

	base string // directory that paths of the file are relative to
	text []instrumentText
}

// defaultConfig is the file that verbs look for when -c is not given.
const defaultConfig = "matcher.toml"

// defaults are the values of everything that a configuration does not mention.
func defaults() *config {
	return &config{
		relay: relayDefaults(), keeper: keeper{every: 10_000_000, keep: 2},
		users: "users.toml", secret: "secret.key", like: account{onDrop: "false", limits: [...]string{"0", "0", "0", "100"}},
		core: core.Config{
			Listen: "127.0.0.1:9001", Journal: "data", Segment: 256 << 20, CPU: core.AutoCPU, Wait: ring.Adaptive,
			MaxOrders: 1_000_000, MaxUsers: 1024, MaxSessions: 1024, StreamMemory: 2 << 30,
			LoginTimeout: time.Second, ClientTimeout: 15 * time.Second, Heartbeat: time.Second, RecoveryGrace: 10 * time.Second,
			StallTimeout: 30 * time.Second, MaxBehind: 64 << 20, WrongLogins: 60,
			Feed: core.Feed{Hops: 1},
		},
	}
}

// snapshots returns what takes the server's snapshots.
func (c *config) snapshots(e *env) *keeper {
	k := c.keeper
	k.journal, k.e = c.core.Journal, e
	return &k
}

// setting is one key: how to take its value. path: the value is a path, relative to where it was written.
type setting struct {
	key  string
	path bool
	set  func(c *config, text string) *unfit
}

// unfit says why a value cannot be used; code is E4104 or E4105, fix a value that can.
type unfit struct{ code, why, fix string }

// settings is the table of all keys outside of [[instrument]].
func settings() []setting {
	return slices.Concat(serverSettings(), feedSettings(), relaySettings())
}

func serverSettings() []setting {
	return []setting{
		{"listen", false, setListen},
		{"core.cpu", false, setCPU},
		{"core.wait", false, setWait},
		{"core.backend", false, setBackend},
		{"core.max_orders", false, func(c *config, s string) *unfit { return setCount(&c.core.MaxOrders, s, 1, engine.MaxOrders) }},
		{"core.max_users", false, func(c *config, s string) *unfit { return setCount(&c.core.MaxUsers, s, 1, engine.MaxUsers) }},
		{"core.max_sessions", false, func(c *config, s string) *unfit { return setCount(&c.core.MaxSessions, s, 1, 65_535) }},
		{"core.stream_memory", false, func(c *config, s string) *unfit { return setSize(&c.core.StreamMemory, s, 1<<20, 1<<40) }},
		{"core.prefault", false, func(c *config, s string) *unfit { return setSize(&c.core.Prefault, s, 0, 1<<40) }},
		{"journal.dir", true, func(c *config, s string) *unfit { return setPath(&c.core.Journal, s) }},
		{"journal.durability", false, setDurability},
		{"journal.segment", false, setSegment},
		{"journal.ahead", false, func(c *config, s string) *unfit { return setSize(&c.core.Ahead, s, 0, 1<<40) }},
		{"journal.snapshot_every", false, func(c *config, s string) *unfit { return setCount(&c.keeper.every, s, 0, 1<<40) }},
		{"journal.snapshot_keep", false, func(c *config, s string) *unfit { return setCount(&c.keeper.keep, s, 1, 1000) }},
		{"journal.archive", true, func(c *config, s string) *unfit { return setPath(&c.keeper.archive, s) }},
		{"session.login_timeout", false, func(c *config, s string) *unfit {
			return setDuration(&c.core.LoginTimeout, s, 10*time.Millisecond, time.Minute)
		}},
		{"session.client_timeout", false, func(c *config, s string) *unfit {
			return setDuration(&c.core.ClientTimeout, s, 10*time.Millisecond, time.Hour)
		}},
		{"session.heartbeat", false, func(c *config, s string) *unfit {
			return setDuration(&c.core.Heartbeat, s, 10*time.Millisecond, time.Minute)
		}},
		{"session.cancel_on_disconnect", false, func(c *config, s string) *unfit { return c.like.set("cancel_on_disconnect", s) }},
		{"session.max_open_orders", false, func(c *config, s string) *unfit { return c.like.set("max_open_orders", s) }},
		{"session.max_open_stops", false, func(c *config, s string) *unfit { return c.like.set("max_open_stops", s) }},
		{"session.rate", false, func(c *config, s string) *unfit { return c.like.set("rate", s) }},
		{"session.burst", false, func(c *config, s string) *unfit { return c.like.set("burst", s) }},
		{"session.recovery_grace", false, func(c *config, s string) *unfit {
			return setDuration(&c.core.RecoveryGrace, s, 0, time.Hour)
		}},
		{"day.roll", false, setRoll},
		{"day.utc_offset", false, setOffset},
		{"session.allow", false, func(c *config, s string) *unfit { return setNetworks(&c.core.Allow, s) }},
		{"session.max_per_address", false, func(c *config, s string) *unfit { return setCount(&c.core.MaxPerSource, s, 0, 65_535) }},
		{"session.max_wrong_logins", false, func(c *config, s string) *unfit { return setCount(&c.core.WrongLogins, s, 0, 1_000_000) }},
		{"session.stall_timeout", false, func(c *config, s string) *unfit {
			return setDuration(&c.core.StallTimeout, s, 0, time.Hour)
		}},
		{"session.max_behind", false, func(c *config, s string) *unfit { return setSize(&c.core.MaxBehind, s, 0, 1<<40) }},
		{"auth.users", true, func(c *config, s string) *unfit { return setPath(&c.users, s) }},
		{"auth.secret", true, func(c *config, s string) *unfit { return setPath(&c.secret, s) }},
	}
}

// loadConfig reads the file, then the environment, then the flags; of a key that is given more than once the last one
// counts. An empty file name means defaultConfig.
func loadConfig(e *env, file string, flags []entry) (*config, error) {
	if file == "" {
		file = defaultConfig
	}
	data, err := os.ReadFile(file)
	if err != nil {
		f := &fault{Code: "E4101", What: file + " cannot be read: " + reason(err), cause: err}
		if errors.Is(err, fs.ErrNotExist) {
			f.Fix = "matcher init " + shellWord(filepath.Dir(file))
			f.Or = "name another file with -c"
		} else if inside := filepath.Join(file, defaultConfig); errors.Is(err, syscall.EISDIR) {
			f.Why, f.Fix = "the configuration is a file", "-c "+shellWord(inside)
		}
		return nil, f
	}
	return parseConfig(e, source{file, data}, flags)
}

// source is the text of a configuration and the file it came from.
type source struct {
	name string
	data []byte
}

// parseConfig is loadConfig for a text at hand. Only its paths depend on the file's place; nothing is opened.
func parseConfig(e *env, src source, flags []entry) (*config, error) {
	c := defaults()
	c.base = filepath.Dir(src.name)
	for _, p := range []*string{&c.core.Journal, &c.users, &c.secret} {
		*p = filepath.Join(c.base, *p)
	}
	written, err := readTOML(src.name, src.data)
	if err != nil {
		return nil, err
	}
	last := map[string]entry{}
	for _, w := range written {
		if err := c.sort(w, last); err != nil {
			return nil, err
		}
	}
	fromEnv, err := environment(e)
	if err != nil {
		return nil, err
	}
	for _, w := range append(fromEnv, flags...) {
		last[w.key] = w
	}
	for _, s := range settings() {
		if w, given := last[s.key]; given {
			if err := c.apply(s, w); err != nil {
				return nil, err
			}
		}
	}
	return c, c.instruments(src.name)
}

// sort puts an entry of the file where it belongs: with its instrument, or among the settings.
func (c *config) sort(w entry, last map[string]entry) error {
	section, key, _ := strings.Cut(w.key, ".")
	switch {
	case section == "instrument" && w.block > 0 && (key == "" || w.block <= len(c.text)): // else a [[table]] inside of none
		if key == "" {
			c.text = append(c.text, instrumentText{where: w.where, entries: map[string]entry{}})
			return nil
		}
		return c.text[w.block-1].add(key, w)
	}
	var known []string
	for _, s := range settings() {
		if s.key == w.key {
			last[w.key] = w
			return nil
		}
		known = append(known, s.key)
	}
	return w.unknown(append(known, "instrument"))
}

// unknown is the fault of a key that nothing answers to.
func (w entry) unknown(known []string) *fault {
	f := &fault{Code: "E4103", What: fmt.Sprintf("%s: there is no key %s", w.where, w.key)}
	// Perhaps the key is right, and stands in the wrong section: that is nearer than any spelling.
	name := w.key[strings.LastIndex(w.key, ".")+1:]
	for _, k := range known {
		if k[strings.LastIndex(k, ".")+1:] == name {
			f.Why, f.Fix = "did you mean "+k+"?", k
			return f
		}
	}
	if near := nearest(w.key, known); near != "" {
		f.Why, f.Fix = "did you mean "+near+"?", near
	}
	return f
}

// apply checks a value and takes it.
func (c *config) apply(s setting, w entry) error {
	if w.list && s.key != "session.allow" {
		return w.fault(&unfit{code: "E4104", why: s.key + " is a single value"})
	}
	if s.path && w.file && w.text != "" && !filepath.IsAbs(w.text) {
		w.text = filepath.Join(c.base, w.text)
	}
	if u := s.set(c, w.text); u != nil {
		return w.fault(u)
	}
	return nil
}

// fault says what is wrong with an entry's value.
func (w entry) fault(u *unfit) *fault {
	value := w.key
	switch {
	case w.float:
		value += " = " + w.text
	case !w.list:
		value += " = " + quoted(w.text)
	}
	verdict := "cannot be used"
	switch u.code {
	case "E4105":
		verdict = "is out of range"
	case "E4107":
		verdict = "is there already"
	case "E4110":
		verdict = "cannot be represented"
	}
	return &fault{Code: u.code, What: fmt.Sprintf("%s: %s %s", w.where, value, verdict), Why: u.why, Fix: u.fix}
}

// quoted writes a value as TOML would, so that it can be found in the file.
func quoted(s string) string {
	if s == "true" || s == "false" || s != "" && digits(s) {
		return s
	}
	return fmt.Sprintf("%q", s)
}

// environment collects MATCHER_SECTION_KEY for every key of the table. Other variables are left alone, since a scheduler may
// set some of its own (MATCHER_PORT), except one that is nearly a key of ours.
func environment(e *env) ([]entry, error) {
	var out []entry
	known := map[string]string{}
	var names []string
	for _, s := range settings() {
		name := "MATCHER_" + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
		known[name] = s.key
		names = append(names, name)
		if v := e.Getenv(name); v != "" {
			out = append(out, entry{key: s.key, text: v, where: name})
		}
	}
	for _, pair := range e.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if known[name] != "" || !strings.HasPrefix(name, "MATCHER_") {
			continue
		}
		for _, n := range names {
			if distance(name, n) <= 2 {
				return nil, &fault{Code: "E4103", What: "the environment sets " + name + ", which is no key", Why: "did you mean " + n + "?", Fix: "unset " + name}
			}
		}
	}
	return out, nil
}

// reason is what the operating system said, without the name of the call and the file.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
