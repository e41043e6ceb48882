package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Exit codes of the process.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitConfig      = 3
	exitEnvironment = 4
	exitData        = 5
	exitRefused     = 6
	exitConnection  = 7
)

// fault is an error as its reader needs it: what happened (the object, the value, the limit), why, how to mend it (one line
// that can be pasted), and another way out. Code is a row of codes(), which also gives the exit code; `matcher explain`
// tells more. Empty parts are not printed; parts of several lines are indented.
type fault struct {
	Code         string // E1001
	What         string
	Why, Fix, Or string
	cause        error
}

// Error gives the first line without the word "error".
func (f *fault) Error() string { return f.Code + ": " + f.What }

// Unwrap gives the error that the fault explains, or nil.
func (f *fault) Unwrap() error { return f.cause }

// exit is the exit code that goes with the fault.
func (f *fault) exit() int {
	if c, ok := lookup(f.Code); ok {
		return c.exit
	}
	return exitFailed
}

// permission gives a file that a right is missing for the code that says so, whatever the file was for.
func (f *fault) permission() {
	switch f.Code {
	case "E1000", "E1006", "E4101", "E4108", "E4109":
		if errors.Is(f, fs.ErrPermission) {
			f.Code = "E1005"
		}
	}
}

// text is the fault as people read it on stderr.
func (f *fault) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "error %s: %s\n", f.Code, indent(f.What))
	for _, part := range [...]struct{ word, text string }{{"why", f.Why}, {"fix", f.Fix}, {"or", f.Or}} {
		if part.text != "" {
			fmt.Fprintf(&b, "  %-5s %s\n", part.word, indent(part.text))
		}
	}
	return b.String()
}

// indent puts all lines but the first below the first.
func indent(s string) string { return strings.ReplaceAll(s, "\n", "\n        ") }

// explainVerb prints what a code means.
func explainVerb(_ context.Context, e *env, args []string) error {
	fs := newFlags("explain")
	all := fs.Bool("all", false, "list every code")
	words, err := parse(fs, args, 0, 1)
	if err != nil {
		return err
	}
	if *all || len(words) == 0 {
		for _, c := range codes() {
			if _, err := fmt.Fprintf(e.Stdout, "%s  exit %d  %s\n", c.code, c.exit, c.title); err != nil {
				return err
			}
		}
		return nil
	}
	code := strings.ToUpper(words[0])
	c, ok := lookup(code)
	if !ok {
		var names []string
		for _, c := range codes() {
			names = append(names, c.code)
		}
		f := &fault{Code: "E4005", What: fmt.Sprintf("there is no error code %q", words[0]), Fix: "matcher explain --all"}
		if near := nearest(code, names); near != "" {
			f.Why = "did you mean " + near + "?"
		}
		return f
	}
	_, err = fmt.Fprintf(e.Stdout, "%s: %s (exit %d)\n\n%s\n", c.code, c.title, c.exit, c.text)
	return err
}
