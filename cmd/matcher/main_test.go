package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// outcome is what one run of the binary left behind.
type outcome struct {
	code           int
	stdout, stderr string
}

// matcher runs the binary's main function in this process, with nothing in its environment but vars ("NAME=value").
func matcher(stdin string, vars []string, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), testEnv(strings.NewReader(stdin), &stdout, &stderr, vars), args)
	return outcome{code, stdout.String(), stderr.String()}
}

// do runs args and fails the test unless they end with the exit code.
func do(t *testing.T, code int, args ...string) outcome {
	t.Helper()
	o := matcher("", nil, args...)
	if o.code != code {
		t.Fatalf("matcher %s: exit %d, want %d\nstdout: %s\nstderr: %s", strings.Join(args, " "), o.code, code, o.stdout, o.stderr)
	}
	return o
}

func TestVerbs(t *testing.T) {
	for _, c := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string // must appear
	}{
		{"none", nil, 2, "", "error E4001: no verb given\n  why   the first word says what is to be done: serve, send, replay, ...\n  fix   matcher demo\n  or    matcher help\n"},
		{"help", []string{"help"}, 0, "matcher demo", ""},
		{"help flag", []string{"--help"}, 0, "Exit: 0 ok, 1 failed, 2 usage", ""},
		{"short help flag", []string{"-h"}, 0, "matcher serve", ""},
		{"help of a verb", []string{"user", "add", "--help"}, 0, "--key-file", ""},
		{"help and a verb", []string{"help", "user", "add"}, 0, "matcher user add NAME | set NAME", ""},
		{"help and no verb", []string{"help", "srve"}, 2, "", "error E4001: there is no verb \"srve\"\n"},
		{"version as a flag", []string{"--version"}, 0, "matcher ", ""},
		{"misspelt", []string{"srve", "-c", "x y"}, 2, "", "error E4001: there is no verb \"srve\"\n  why   did you mean \"serve\"?\n  fix   matcher serve -c 'x y'\n  or    matcher help\n"},
		{"unlike any", []string{"zzzzzz"}, 2, "", "error E4001: there is no verb \"zzzzzz\"\n  fix   matcher help\n"},
		{"misspelt flag", []string{"check", "--confg", "x"}, 2, "", "error E4002: matcher check has no flag --confg\n  why   did you mean --config?\n  fix   matcher check --help\n"},
		{"unknown short flag", []string{"check", "-z"}, 2, "", "error E4002: matcher check has no flag -z\n"},
		{"flag without value", []string{"check", "-c"}, 2, "", "error E4002: --config needs a value\n"},
		{"too few", []string{"init"}, 2, "", "error E4003: matcher init needs 1 argument, got 0\n  why   matcher init DIR\n  fix   matcher init --help\n"},
		{"too many", []string{"init", "a", "b"}, 2, "", "error E4003: matcher init does not know what to do with \"b\"\n"},
		{"misspelt word", []string{"user", "ad", "BOB"}, 2, "", "  fix   matcher user add BOB\n"},
		{"user alone", []string{"user"}, 2, "", "error E4003"},
		{"explain", []string{"explain", "e1001"}, 0, "E1001: this system refuses io_uring (exit 4)\n", ""},
		{"explain all", []string{"explain"}, 0, "E5001  exit 7  the server cannot be reached\n", ""},
		{"explain unknown", []string{"explain", "E100"}, 2, "", "error E4005: there is no error code \"E100\"\n  why   did you mean E1000?\n"},
		{"version", []string{"version"}, 0, "matcher ", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := matcher("", nil, c.args...)
			if o.code != c.code {
				t.Errorf("exit %d, want %d", o.code, c.code)
			}
			if !strings.Contains(o.stdout, c.stdout) || c.stdout == "" && o.stdout != "" {
				t.Errorf("stdout:\n%s\nmust contain:\n%s", o.stdout, c.stdout)
			}
			if !strings.Contains(o.stderr, c.stderr) || c.stderr == "" && o.stderr != "" {
				t.Errorf("stderr:\n%s\nmust contain:\n%s", o.stderr, c.stderr)
			}
		})
	}
}

// Every verb answers --help and refuses an unknown flag with exit 2: none of them starts anything first.
func TestEveryVerbHelps(t *testing.T) {
	for _, v := range verbs() {
		if v.name == "user" {
			continue // has words of its own before its flags
		}
		if o := matcher("", nil, v.name, "--help"); o.code != 0 || !strings.Contains(o.stdout, "matcher "+v.name) {
			t.Errorf("matcher %s --help: exit %d, stdout %q, stderr %q", v.name, o.code, o.stdout, o.stderr)
		}
		if o := matcher("", nil, v.name, "--no-such-flag"); o.code != exitUsage {
			t.Errorf("matcher %s --no-such-flag: exit %d, stderr %q", v.name, o.code, o.stderr)
		}
	}
}

// The table is sorted by code, without gaps in what it says, and holds every code that the sources mention.
func TestCodes(t *testing.T) {
	last := ""
	for _, c := range codes() {
		if c.code <= last || c.title == "" || c.text == "" || c.exit == exitOK {
			t.Errorf("row %q after %q: out of order or incomplete", c.code, last)
		}
		last = c.code
		o := do(t, 0, "explain", c.code)
		if !strings.Contains(o.stdout, c.text) {
			t.Errorf("explain %s does not print its text", c.code)
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	used := map[string]bool{}
	mention := regexp.MustCompile(`E[1-9][0-9]{3}`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range mention.FindAllString(string(text), -1) {
			if _, ok := lookup(code); !ok {
				t.Errorf("%s mentions %s, which is not in the table", file, code)
			}
			used[code] = used[code] || file != "codes.go"
		}
	}
	for _, c := range codes() {
		if !used[c.code] {
			t.Errorf("%s is in the table, and nothing gives it", c.code)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"serve", "send", "demo", "user"}
	for typed, want := range map[string]string{"srve": "serve", "SERVE": "serve", "sned": "send", "x": "", "": "", "demonstrate": ""} {
		if got := nearest(typed, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", typed, got, want)
		}
	}
}

func Example_quoteAll() {
	fmt.Println(quoteAll([]string{"send", "a b", "it's", ""}))
	// Output: send 'a b' 'it'\''s' ''
}

func Example_fault() {
	f := &fault{
		Code: "E2001", What: "AAPL price 187.255 is not on the tick",
		Why: "AAPL trades in steps of 0.01", Fix: "187.25 or 187.26",
	}
	fmt.Print(f.text(), f.exit())
	// Output:
	// error E2001: AAPL price 187.255 is not on the tick
	//   why   AAPL trades in steps of 0.01
	//   fix   187.25 or 187.26
	// 2
}
