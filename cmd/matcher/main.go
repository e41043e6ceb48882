// Command matcher runs the exchange core and everything around it: the server, a client to send orders with, the tools
// that read its journal, and a demonstration that needs none of them set up first.
//
// It owns the edge: arguments, configuration, decimals, files of users and secrets, the text of errors, exit codes. It
// decides nothing about orders: that is package engine's alone. Prices and quantities are exact decimals here and
// integers everywhere below.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
)

// env is what a verb sees of the process: tests give it buffers.
type env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Environ        func() []string
}

// verb is one word of the command line. args and short are its lines of the usage text. run gets the arguments behind the
// verb and returns nil, a *fault, or any other error (exit 1).
type verb struct {
	name, args, short string
	run               func(ctx context.Context, e *env, args []string) error
}

// form is how the verb is called.
func (v verb) form() string { return strings.TrimSpace("matcher " + v.name + " " + v.args) }

// verbs is the table of everything the binary can do, in the order of the usage text.
func verbs() []verb {
	return []verb{
		{"demo", "[--for 10s]", "a whole exchange on this machine for ten seconds, ending with a proof", demoVerb},
		{"serve", "[-c FILE]", "run the server", serveVerb},
		{"relay", "[-c FILE]", "serve what was missed of the feed, snapshots and drop copies, beside the server", relayVerb},
		{"init", "DIR", "write a commented configuration and its secret", initVerb},
		{"check", "-c FILE", "test a configuration and exit", checkVerb},
		{"user", "add NAME | set NAME | list | revoke NAME", "who may log in", userVerb},
		{"admin", "status | halt|resume SYMBOL | kick USER | bust MATCH | cancel --user|--symbol|--side|--order|--all | end-of-day", "what only an operator may ask of a running server", adminVerb},
		{"send", "buy|sell QTY SYMBOL PRICE | cancel REF [SIZE] | replace REF QTY PRICE | query | -f FLOW", "send orders and print the answers", sendVerb},
		{"bench", "[--to ADDR] [--rate N]", "load a server by a clock and measure every answer", benchVerb},
		{"doctor", "[-c FILE]", "look at this machine: what slows a server down, and what mends it", doctorVerb},
		{"watch", "book|trades|orders [SYMBOL]", "follow the feed, or what becomes of one's orders", watchVerb},
		{"replay", "DIR|FLOW|FILE.itch50", "run a journal, a flow or an ITCH file once more", replayVerb},
		{"journal", "info|verify|dump|export|repair DIR | diff DIR DIR | dtype", "read a journal, cell by cell; as arrays, text or market data", journalVerb},
		{"snapshot", "create|ls|verify DIR", "keep the state beside the journal, so that a start need not read all of it", snapshotVerb},
		{"import", "itch|lobster|csv FILE -o FLOW", "turn public market data into order flow", importVerb},
		{"generate", "--seed N --model zi|hawkes -o FLOW", "draw order flow by chance, with its statistics", generateVerb},
		{"report", "DIR -o report.html", "a journal as one page with plots", reportVerb},
		{"explain", "CODE", "what an error code means and what to do", explainVerb},
		{"version", "", "print the version", versionVerb},
	}
}

func main() {
	// A second signal changes nothing: timeout(1), for one, sends two, and an orderly end takes milliseconds.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, &env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Environ: os.Environ,
	}, os.Args[1:])
	stop()
	os.Exit(code)
}

// run does what args ask for and returns the exit code.
func run(ctx context.Context, e *env, args []string) int {
	err := dispatch(ctx, e, args)
	if err == nil {
		return exitOK
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		say(e, "interrupted")
		return exitFailed
	}
	var f *fault
	if !errors.As(err, &f) {
		f = plainFault(err)
	}
	f.permission()
	f.place()
	f.pasteable(args)
	// The last word of a process: nothing is left to be told that it could not be said.
	_, _ = io.WriteString(e.Stderr, f.text())
	return f.exit()
}

func dispatch(ctx context.Context, e *env, args []string) error {
	if len(args) == 0 {
		return &fault{Code: "E4001", What: "no verb given", Why: "the first word says what is to be done: serve, send, replay, ...", Fix: "matcher demo", Or: "matcher help"}
	}
	switch args[0] {
	case "help", "-h", "--help":
		if len(args) > 1 {
			return dispatch(ctx, e, append(slices.Clone(args[1:]), "--help"))
		}
		_, err := io.WriteString(e.Stdout, usage())
		return err
	case "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	var names []string
	for _, v := range verbs() {
		if v.name != args[0] {
			names = append(names, v.name)
			continue
		}
		err := v.run(ctx, e, args[1:])
		if h := (helpAsked{}); errors.As(err, &h) {
			_, err = fmt.Fprintf(e.Stdout, "%s\n%s\n", v.form(), v.short)
			if flags := h.text(); err == nil && flags != "" {
				_, err = io.WriteString(e.Stdout, "\n"+flags)
			}
		}
		return err
	}
	f := &fault{Code: "E4001", What: fmt.Sprintf("there is no verb %q", args[0]), Fix: "matcher help"}
	if near := nearest(args[0], names); near != "" {
		f.Why = fmt.Sprintf("did you mean %q?", near)
		f.Fix = strings.TrimSpace("matcher " + near + " " + quoteAll(args[1:]))
		f.Or = "matcher help"
	}
	return f
}

func usage() string {
	var b strings.Builder
	b.WriteString("matcher: an exchange's order-matching core\n\n")
	for _, v := range verbs() {
		b.WriteString(strings.TrimRight(fmt.Sprintf("  matcher %-8s %s", v.name, v.args), " ") + "\n")
		fmt.Fprintf(&b, "  %-16s %s\n", "", v.short)
	}
	b.WriteString(`
Flags of a verb: matcher VERB --help. Data goes to stdout (--json where it is offered), all else to stderr.
Exit: 0 ok, 1 failed, 2 usage, 3 configuration, 4 environment, 5 corrupt or diverged data, 6 refused, 7 connection.
`)
	return b.String()
}

func versionVerb(_ context.Context, e *env, args []string) error {
	fs := newFlags("version")
	if _, err := parse(fs, args, 0, 0); err != nil {
		return err
	}
	version, revision, platform := "(devel)", "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		platform = info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	_, err := fmt.Fprintf(e.Stdout, "matcher %s%s %s\n", version, revision, platform)
	return err
}
