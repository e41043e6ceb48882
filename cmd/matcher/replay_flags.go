package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// replayModes are the flags that say what is made of a journal, and what each may go with. Two of them go together only if one
// names the other. The first is the replay that prints its result alone.
func replayModes() []replayModeFlags {
	series := []string{"symbol", "format", "output"}
	return []replayModeFlags{
		{"", []string{"speed"}},
		{"depth", []string{"symbol", "speed"}},
		{"changes", append([]string{"depth"}, series...)},
		{"bbo", series},
		{"bars", series},
		{"feed", []string{"speed"}},
		{"hash-every", []string{"against", "output", "speed"}},
		{"against", []string{"hash-every", "output", "speed"}},
		{"insert", nil},
		{"remove", nil},
		{"order", []string{"speed"}},
		{"serve", []string{"user", "wait-bots", "record", "speed"}},
	}
}

// replayModeFlags are the flags that one of them may go with, beside those that go with all.
type replayModeFlags struct {
	name string
	with []string
}

// replayMode says which of the modes is asked for. It refuses flags that would have no effect.
func replayMode(flags *pflag.FlagSet, modes []replayModeFlags) (string, error) {
	mode := &modes[0]
	for i := range modes {
		if m := &modes[i]; m.name != "" && flags.Changed(m.name) && !slices.Contains(mode.with, m.name) {
			if mode.name != "" && !slices.Contains(m.with, mode.name) {
				return "", apart(mode.name, m.name)
			}
			mode = m
		}
	}
	if f := flags.Lookup(mode.name); f != nil && slices.Contains([]string{"", "0", "0s", "false", "[]"}, f.Value.String()) {
		return "", &fault{Code: "E4004", What: fmt.Sprintf("--%s %q asks for nothing", f.Name, f.Value), Fix: "matcher replay --help"}
	}
	var err error
	flags.Visit(func(f *pflag.Flag) {
		if err != nil || f.Name == mode.name || slices.Contains([]string{"verify", "until", "to-seq", "json"}, f.Name) || slices.Contains(mode.with, f.Name) {
			return
		}
		if mode.name != "" {
			err = apart(mode.name, f.Name)
			return
		}
		var needs []string
		for _, m := range modes {
			if slices.Contains(m.with, f.Name) {
				needs = append(needs, "--"+m.name)
			}
		}
		why := "it is for files of order flow"
		if f.Name == "max-orders" {
			why = "it is for files of order flow and ITCH 5.0"
		}
		if len(needs) > 0 {
			why = "it goes with " + strings.Join(needs, ", ")
		}
		err = &fault{Code: "E4004", What: "--" + f.Name + " has no effect on the replay of a journal by itself", Why: why, Fix: "matcher replay --help"}
	})
	if err == nil && flags.Changed("json") && flags.Changed("format") {
		err = apart("json", "format")
	}
	return mode.name, err
}

func apart(a, b string) error {
	return &fault{Code: "E4004", What: "--" + a + " and --" + b + " do not go together", Fix: "matcher replay DIR --" + a + " ..."}
}

// fileFlags refuses flags that have no effect on a file that is read as one of a kind.
func fileFlags(flags *pflag.FlagSet, name, kind, fix string, has ...string) (err error) {
	flags.Visit(func(f *pflag.Flag) {
		if err == nil && !slices.Contains(has, f.Name) {
			err = &fault{Code: "E4004", What: fmt.Sprintf("--%s has no effect on %s", f.Name, name), Why: "it is no directory of a journal, and is read as " + kind, Fix: fix}
		}
	})
	return err
}
