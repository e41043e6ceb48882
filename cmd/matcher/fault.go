package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
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

// plainFault is the fault of an error that nobody explained. What the operating system says of a file has a code of its own.
func plainFault(err error) *fault {
	f := &fault{Code: "E1000", What: err.Error(), cause: err}
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		name, did := p.Path, map[string]string{"open": "opened", "read": "read", "write": "written", "mkdir": "made"}[p.Op]
		if name == "/dev/stdout" {
			name = "standard output"
		}
		if did == "" {
			did = "used"
		}
		f.Code, f.What = "E1006", fmt.Sprintf("%s cannot be %s: %s", name, did, p.Err)
	}
	return f
}

// pasteable gives the commands of a fault the configuration that was named on the command line, where it matters.
func (f *fault) pasteable(args []string) {
	file := ""
	for i, a := range args {
		switch {
		case (a == "-c" || a == "--config") && i+1 < len(args):
			file = args[i+1]
		case strings.HasPrefix(a, "--config="):
			file = a[len("--config="):]
		}
	}
	if file == "" || f.Code == "E4101" {
		return
	}
	for _, line := range [...]*string{&f.Fix, &f.Or} {
		command, rest, _ := strings.Cut(*line, "   ") // what stands behind it is for people
		words := strings.Fields(command)
		if len(words) < 2 || words[0] != "matcher" || strings.ContainsAny(command, "|&\n") || slices.Contains(words, "-c") || slices.Contains(words, "--help") {
			continue
		}
		if slices.Contains([]string{"serve", "relay", "user", "admin"}, words[1]) {
			*line = command + " -c " + shellWord(file)
			if rest != "" {
				*line += "   " + rest
			}
		}
	}
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

// place proposes where to look when the operating system refuses a file and nobody knows better.
func (f *fault) place() {
	var p *fs.PathError
	if f.Fix != "" || (f.Code != "E1006" && f.Code != "E1005") || !errors.As(f, &p) || p.Path == "/dev/stdout" {
		return
	}
	dir := nearestPlace(filepath.Dir(p.Path))
	switch {
	case errors.Is(p.Err, syscall.ENOSPC), errors.Is(p.Err, syscall.EDQUOT):
		f.Fix = "df -h " + shellWord(dir)
	case errors.Is(p.Err, syscall.EROFS):
		f.Fix = "findmnt -T " + shellWord(dir)
	case errors.Is(p.Err, fs.ErrPermission):
		f.Fix = "ls -ld " + shellWord(dir)
		if present(p.Path) {
			f.Fix = "ls -ld " + shellWord(p.Path)
		}
	case errors.Is(p.Err, fs.ErrNotExist), errors.Is(p.Err, syscall.ENOTDIR):
		f.Fix = "ls -l " + shellWord(dir) + "   shows what is there"
	}
}

// present says whether a file or directory can be seen.
func present(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// nearestPlace is a name, or what is there of the directories above it.
func nearestPlace(name string) string {
	for !present(name) && name != filepath.Dir(name) {
		name = filepath.Dir(name)
	}
	return name
}

// text is the fault as people read it on stderr.
func (f *fault) text() string {
	if f.Fix == "" {
		f.Fix = "matcher explain " + f.Code
	}
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
