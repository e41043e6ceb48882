package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"matcher/core"
	"matcher/ring"
)

// serveVerb runs the server until it is told to stop (SIGINT, SIGTERM) or has to.
func serveVerb(ctx context.Context, e *env, args []string) error {
	fs := newFlags("serve")
	file := configFlag(fs)
	flags := settingFlags(fs)
	asJSON := fs.Bool("json", false, "print an object when stopped")
	if _, err := parse(fs, args, 0, 0); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // whoever read our lines may go: the server stays
	c, err := loadConfig(e, *file, flags())
	if err != nil {
		return err
	}
	if err := c.identities(true); err != nil {
		return err
	}
	if cpus := ring.CPUs(); c.core.CPU >= 0 && !slices.Contains(cpus, c.core.CPU) {
		return &fault{Code: "E1008", What: fmt.Sprintf("cpu %d cannot be had", c.core.CPU), Why: fmt.Sprintf("this process may run on %v", cpus), Fix: "matcher serve --cpu auto"}
	}
	c.core.Log = func(line string) { say(e, line) }
	s, err := core.Open(c.core)
	if err != nil {
		return serverFault(&c.core, err)
	}
	if why := s.Refused(); why != nil {
		say(e, fallback(&c.core, why))
	}
	desk, err := openDesk(c.core.Journal, s)
	if err != nil {
		s.Stop()
		_, _ = s.Run() // what matters is why it does not go on
		return err
	}
	defer desk.close()
	say(e, "operators: "+desk.path+", for matcher admin")
	stop := context.AfterFunc(ctx, s.Stop)
	defer stop()
	if len(c.core.Users) == 0 {
		say(e, "note: nobody may log in yet; matcher user add NAME, then start again")
	}
	say(e, fmt.Sprintf("ready: listen %s, journal %s; %s", s.Addr(), c.core.Journal,
		strings.Replace(s.Report(), "journal "+c.core.Journal+", ", "durability ", 1)))
	kept := c.snapshots(e).start(s)
	result, err := s.Run()
	kept()
	if err != nil {
		return serverFault(&c.core, err)
	}
	if *asJSON {
		return json.NewEncoder(e.Stdout).Encode(struct {
			StateHash    string `json:"state_hash"`
			Seq          uint64 `json:"seq"`
			Commands     uint64 `json:"commands"`
			Fills        uint64 `json:"fills"`
			Events       uint64 `json:"events"`
			JournalBytes uint64 `json:"journal_bytes"`
			Enters       uint64 `json:"enters"`
		}{hashText(result.StateHash), result.Seq, result.Commands, result.Fills, result.Events, result.JournalBytes, result.Enters})
	}
	_, err = fmt.Fprintf(e.Stdout, "stopped: state hash %s, seq %d, %s, %s, %s, journal %d bytes\n", hashText(result.StateHash), result.Seq,
		count(int(result.Commands), "command"), count(int(result.Fills), "fill"), count(int(result.Events), "event"), result.JournalBytes)
	return err
}

// settingFlags adds the flags that stand for settings. What it returns gives those that were set, as settings.
func settingFlags(fs *pflag.FlagSet) func() []entry {
	keys := map[string]string{}
	for _, f := range [...]struct{ name, key, usage string }{
		{"listen", "listen", "host:port; port 0 lets the kernel choose"},
		{"journal", "journal.dir", "directory of the journal"},
		{"durability", "journal.durability", "sync, written or async"},
		{"cpu", "core.cpu", "number, auto or none"},
		{"wait", "core.wait", "spin, adaptive or block"},
		{"backend", "core.backend", "auto, uring or portable"},
	} {
		fs.String(f.name, "", f.usage)
		keys[f.name] = f.key
	}
	return func() (set []entry) {
		fs.Visit(func(f *pflag.Flag) {
			if key := keys[f.Name]; key != "" {
				set = append(set, entry{key: key, text: f.Value.String(), where: "--" + f.Name})
			}
		})
		return set
	}
}

// say writes a line for people. Nobody is left to be told if that fails.
func say(e *env, line string) { _, _ = fmt.Fprintln(e.Stderr, line) }
