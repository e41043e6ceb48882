package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// helpAsked is the error of a verb that was asked for --help.
type helpAsked struct{ fs *pflag.FlagSet }

func (helpAsked) Error() string { return "help asked" }

// text is the verb's flags, or those of the word that stands before --help (matcher admin halt --help).
func (h helpAsked) text() string {
	h.fs.VisitAll(func(f *pflag.Flag) { f.Hidden = !isFor(h.fs, f) })
	// What a switch may be given is left away: none of them is on by itself.
	return strings.ReplaceAll(h.fs.FlagUsages(), "[=true|false]", "             ")
}

// isFor says whether a flag is for the word that was given: if its usage begins with words of its verb ("halt, resume: up to
// 4 characters"), it is for those only.
func isFor(fs *pflag.FlagSet, f *pflag.Flag) bool {
	known := wordsOf(strings.Fields(fs.Name())[0])
	if fs.NArg() == 0 || !slices.Contains(known, fs.Arg(0)) {
		return true
	}
	head, _, _ := strings.Cut(f.Usage, ": ")
	any := true
	for _, part := range strings.Split(head, ", ") {
		word := strings.Fields(part + " -")[0]
		if word == fs.Arg(0) {
			return true
		}
		any = any && !slices.Contains(known, word)
	}
	return any
}

// newFlags returns the empty set of flags of a verb ("serve", "user add").
func newFlags(name string) *pflag.FlagSet {
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	return fs
}

// configFlag adds the flag that names the configuration.
func configFlag(fs *pflag.FlagSet) *string {
	return fs.StringP("config", "c", "", "the configuration (default "+defaultConfig+")")
}

// parse reads args into fs and returns what is no flag: least to most words. Everything wrong comes back as a fault of
// the kind E40xx.
func parse(fs *pflag.FlagSet, args []string, least, most int) ([]string, error) {
	err := fs.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		return nil, helpAsked{fs}
	}
	if err != nil {
		return nil, flagFault(fs, err)
	}
	name := strings.Fields(fs.Name())[0]
	help, usage := "matcher "+name+" --help", ""
	for _, v := range verbs() {
		if v.name == name {
			usage = v.form()
		}
	}
	words := fs.Args()
	switch {
	case len(words) < least:
		return nil, &fault{
			Code: "E4003",
			What: fmt.Sprintf("matcher %s needs %s, got %d", fs.Name(), count(least, "argument"), len(words)), Why: usage, Fix: help,
		}
	case len(words) > most:
		return nil, &fault{
			Code: "E4003",
			What: fmt.Sprintf("matcher %s does not know what to do with %q", fs.Name(), words[most]), Why: usage, Fix: help,
		}
	}
	var wrong error
	fs.Visit(func(f *pflag.Flag) {
		if wrong == nil && !isFor(fs, f) {
			wrong = &fault{Code: "E4004", What: fmt.Sprintf("--%s is not for matcher %s %s", f.Name, fs.Name(), words[0]), Why: f.Usage, Fix: help}
		}
	})
	return words, wrong
}

// form is one way to call a verb, as its line of the usage text has it: "halt|resume SYMBOL" is two words and an argument.
type form struct {
	words       []string
	least, most int // arguments
}

// forms are those of a verb's line; what begins with a hyphen is told by its flags.
func forms(name string) (all []form) {
	for _, v := range verbs() {
		if v.name != name {
			continue
		}
		for text := range strings.SplitSeq(v.args, " | ") {
			text, _, _ = strings.Cut(" "+text, " -")
			parts := strings.Fields(text)
			if len(parts) == 0 || strings.Trim(parts[0], "abcdefghijklmnopqrstuvwxyz-|") != "" {
				continue
			}
			f := form{words: strings.Split(parts[0], "|")}
			for _, arg := range parts[1:] {
				f.most++
				if arg[0] != '[' {
					f.least++
				}
			}
			all = append(all, f)
		}
	}
	return all
}

// wordsOf are the words that a verb takes: status, halt, resume of admin.
func wordsOf(name string) (words []string) {
	for _, f := range forms(name) {
		words = append(words, f.words...)
	}
	return words
}

// parseWord is parse for a verb that takes one of several words first.
func parseWord(fs *pflag.FlagSet, args []string) ([]string, error) {
	words, err := parse(fs, args, 0, len(args))
	if err != nil {
		return nil, err
	}
	return words, checkWord(fs.Name(), words)
}

// checkWord says whether words are one of the forms of a verb.
func checkWord(name string, words []string) error {
	usage, help := "", "matcher "+name+" --help"
	for _, v := range verbs() {
		if v.name == name {
			usage = v.form()
		}
	}
	if len(words) == 0 {
		return &fault{Code: "E4003", What: "matcher " + name + " needs a word", Why: usage, Fix: help}
	}
	for _, f := range forms(name) {
		n := len(words) - 1
		switch {
		case !slices.Contains(f.words, words[0]):
			continue
		case n >= f.least && n <= f.most:
			return nil
		case n > f.most:
			return &fault{Code: "E4003", What: fmt.Sprintf("matcher %s %s does not know what to do with %q", name, words[0], words[f.most+1]), Why: usage, Fix: help}
		}
		return &fault{Code: "E4003", What: fmt.Sprintf("matcher %s %s needs %s, got %d", name, words[0], count(f.least, "argument"), n), Why: usage, Fix: help}
	}
	f := &fault{Code: "E4005", What: fmt.Sprintf("matcher %s has no word %q", name, words[0]), Why: usage, Fix: help}
	if near := nearest(words[0], wordsOf(name)); near != "" {
		f.Why, f.Or = "did you mean "+near+"?", help
		f.Fix = strings.TrimSpace("matcher " + name + " " + near + " " + quoteAll(words[1:]))
	}
	return f
}

// flagFault tells what the parser of flags did not like.
func flagFault(fs *pflag.FlagSet, err error) *fault {
	name := fs.Name()
	f := &fault{Code: "E4002", Fix: "matcher " + strings.Fields(name)[0] + " --help", cause: err}
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		given := "--" + unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			given = given[1:]
		}
		f.What = fmt.Sprintf("matcher %s has no flag %s", name, given)
		var names []string
		fs.VisitAll(func(g *pflag.Flag) { names = append(names, g.Name) })
		if near := nearest(unknown.GetSpecifiedName(), names); near != "" {
			f.Why = "did you mean --" + near + "?"
		} else if digits(unknown.GetSpecifiedName()) {
			f.Why = "a word that begins with - is a flag; prices and quantities are above 0"
		}
	case errors.As(err, &missing):
		f.What = fmt.Sprintf("--%s needs a value", missing.GetFlag().Name)
		f.Why = missing.GetFlag().Usage
	case errors.As(err, &invalid):
		f.Code = "E4004"
		f.What = fmt.Sprintf("--%s: %q is no %s", invalid.GetFlag().Name, invalid.GetValue(), kindOf(invalid.GetFlag().Value.Type()))
		f.Why = invalid.GetFlag().Usage
	default:
		f.What = err.Error()
	}
	return f
}

// kindOf says what a flag takes, in words that are not Go's.
func kindOf(typ string) string {
	switch typ {
	case "duration":
		return "duration (10s, 250ms)"
	case "float64":
		return "number"
	case "bool":
		return "true or false"
	}
	return "whole number in its range" // int, uint8, uint32, uint64
}

// nearest returns the name closest to what was typed, or nothing if none is close: at most one edit in three letters.
func nearest(typed string, names []string) string {
	best, bestAway := "", len(typed)/3+1
	for _, n := range names {
		if away := distance(strings.ToLower(typed), strings.ToLower(n)); away <= bestAway && away < len(n) {
			if best == "" || away < bestAway {
				best, bestAway = n, away
			}
		}
	}
	return best
}

// distance counts the insertions, deletions and substitutions that turn a into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// count says "1 argument", "2 arguments".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// shellWord writes a word for a shell.
func shellWord(w string) string {
	if w == "" || strings.ContainsAny(w, " \t\n'\"$\\`!*?&|;<>()[]{}~#") {
		return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return w
}

// quoteAll joins words for a shell.
func quoteAll(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = shellWord(w)
	}
	return strings.Join(out, " ")
}
