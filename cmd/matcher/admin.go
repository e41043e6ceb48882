package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

// adminVerb asks something of a running server, as its operator.
func adminVerb(ctx context.Context, e *env, args []string) error {
	a := &administration{e: e, fs: newFlags("admin")}
	a.flags()
	words, err := parseWord(a.fs, args)
	if err != nil {
		return err
	}
	if err := checkPatience(a.patience); err != nil {
		return err
	}
	if err := a.find(); err != nil {
		return err
	}
	return a.run(ctx, words)
}

// administration is everything that the flags of admin say.
type administration struct {
	e                          *env
	fs                         *pflag.FlagSet
	file, journal              string
	reason, user, symbol, side string
	order                      uint64
	all, asJSON, stop          bool
	patience                   time.Duration
}

func (a *administration) flags() {
	fs := a.fs
	fs.StringVarP(&a.file, "config", "c", "", "the configuration of the server (default "+defaultConfig+")")
	fs.StringVar(&a.journal, "journal", "", "directory of its journal, instead of a configuration")
	fs.StringVar(&a.reason, "reason", "", "halt, resume, bust: up to 4 characters; of a bust E erroneous, C consent, S supervisory (default), X external")
	fs.StringVar(&a.user, "user", "", "cancel: orders of this user")
	fs.StringVar(&a.symbol, "symbol", "", "cancel: orders of this instrument")
	fs.StringVar(&a.side, "side", "", "cancel: orders of this side, B or S")
	fs.Uint64Var(&a.order, "order", 0, "cancel: the order with this reference (order= of its accepted line)")
	fs.BoolVar(&a.all, "all", false, "cancel: every order there is")
	fs.BoolVar(&a.stop, "stop", false, "end-of-day: the server stops then; the next day begins with its next start")
	fs.DurationVar(&a.patience, "timeout", 10*time.Second, "how long to wait for the answer")
	fs.BoolVar(&a.asJSON, "json", false, "print an object")
}

// find completes the directory of the journal.
func (a *administration) find() error {
	if a.journal != "" {
		return nil
	}
	c, err := loadConfig(a.e, a.file, nil)
	if err != nil {
		return err
	}
	a.journal = c.core.Journal
	return nil
}

// run asks and prints the answer.
func (a *administration) run(ctx context.Context, words []string) error {
	ask, err := a.request(ctx, words)
	if err != nil {
		return err
	}
	answer, err := a.ask(ctx, ask)
	if err != nil {
		return err
	}
	if answer.Refused != "" {
		return a.refused(ask, answer)
	}
	if a.asJSON {
		return json.NewEncoder(a.e.Stdout).Encode(answer)
	}
	_, err = io.WriteString(a.e.Stdout, answer.text(ask))
	return err
}

// request reads the words and flags.
func (a *administration) request(ctx context.Context, words []string) (*deskRequest, error) {
	ask := &deskRequest{Verb: words[0], Reason: a.reason}
	switch words[0] {
	case "halt", "resume":
		ask.Symbol = words[1]
		if err := checkSymbol(ask.Symbol); err != nil {
			return nil, err
		}
		if len(a.reason) > 4 || strings.Trim(a.reason, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
			return nil, &fault{Code: "E4004", What: fmt.Sprintf("--reason %q cannot be used", a.reason), Why: "up to 4 characters out of A-Z and 0-9", Fix: "--reason T1"}
		}
	case "bust":
		match, err := strconv.ParseUint(words[1], 10, 64)
		if err != nil || match == 0 {
			return nil, &fault{Code: "E4005", What: fmt.Sprintf("%q is no match number", words[1]), Why: "it is the match= of both executed lines, a number from 1"}
		}
		if ask.Reason == "" {
			ask.Reason = "S"
		}
		if len(ask.Reason) != 1 || !strings.Contains("ECSX", ask.Reason) {
			return nil, &fault{Code: "E4004", What: fmt.Sprintf("--reason %q cannot be used", ask.Reason), Why: "E erroneous, C consent, S supervisory, X external", Fix: "--reason E"}
		}
		ask.Trade, err = findTrade(ctx, a.journal, match)
		return ask, err
	case "end-of-day":
		ask.Stop = a.stop
	case "kick":
		name, err := userName(words[1])
		ask.User = name
		return ask, err
	case "cancel":
		return ask, a.filters(ask)
	}
	return ask, nil
}

// filters reads what cancel is about.
func (a *administration) filters(ask *deskRequest) (err error) {
	ask.Symbol, ask.Order = a.symbol, a.order
	if a.user != "" {
		if ask.User, err = userName(a.user); err != nil {
			return err
		}
	}
	if a.symbol != "" {
		if err := checkSymbol(a.symbol); err != nil {
			return err
		}
	}
	switch strings.ToUpper(a.side) {
	case "":
	case "B", "BUY":
		ask.Side = "B"
	case "S", "SELL":
		ask.Side = "S"
	default:
		return &fault{Code: "E4004", What: fmt.Sprintf("--side %q is no side", a.side), Why: "B or S", Fix: "--side B"}
	}
	any := ask.User != "" || ask.Symbol != "" || ask.Side != "" || ask.Order != 0
	switch {
	case !any && !a.all:
		return &fault{Code: "E4003", What: "matcher admin cancel: of whom?", Why: "without a filter it would cancel every order there is", Fix: "matcher admin cancel --user ALICE", Or: "matcher admin cancel --all"}
	case any && a.all:
		return &fault{Code: "E4004", What: "--all goes with no other filter", Fix: "matcher admin cancel --all"}
	}
	return nil
}

// ask sends a request to the server and waits for the answer.
func (a *administration) ask(ctx context.Context, ask *deskRequest) (*deskAnswer, error) {
	path := filepath.Join(a.journal, deskName)
	var c net.Conn
	err := atSocket(path, func(path string) (err error) {
		c, err = (&net.Dialer{Timeout: a.patience}).DialContext(ctx, "unix", path)
		return err
	})
	if err != nil {
		return nil, a.fault(ctx, err)
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	_ = c.SetDeadline(time.Now().Add(a.patience)) // if it cannot be set, nothing else can be done either, and that is told
	if err := json.NewEncoder(c).Encode(ask); err != nil {
		return nil, a.fault(ctx, err)
	}
	line, err := bufio.NewReader(c).ReadBytes('\n')
	if err != nil {
		return nil, a.fault(ctx, err)
	}
	answer := &deskAnswer{}
	if ask.Verb == "status" {
		answer.venueRow = &venueRow{}
	}
	if err := json.Unmarshal(line, answer); err != nil {
		return nil, &fault{Code: "E5006", What: path + ": " + err.Error(), cause: err}
	}
	return answer, nil
}

// fault explains why nobody answered.
func (a *administration) fault(ctx context.Context, err error) error {
	var network net.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return &fault{Code: "E5007", What: "no server is at work on the journal " + a.journal, Fix: "matcher serve", Or: "name the directory of its journal: --journal DIR", cause: err}
	case errors.Is(err, fs.ErrPermission):
		return &fault{Code: "E1005", What: filepath.Join(a.journal, deskName) + " may not be used", Why: "operators are whoever runs the server", Fix: "ls -l " + shellWord(filepath.Join(a.journal, deskName)), cause: err}
	case errors.As(err, &network) && network.Timeout():
		return &fault{Code: "E5005", What: fmt.Sprintf("the server of %s: no answer within %s", a.journal, a.patience), Why: "it may still carry out what it was asked", Fix: "matcher admin status", cause: err}
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &fault{Code: "E5004", What: "the server of " + a.journal + ": the connection was lost", Why: "the server stopped; its journal says whether it carried out what it was asked", Fix: "matcher journal dump " + shellWord(a.journal) + " | tail", cause: err}
	}
	return err
}

// refused explains why the server did not do it.
func (a *administration) refused(ask *deskRequest, answer *deskAnswer) error {
	f := &fault{Code: answer.Refused}
	switch answer.Refused {
	case "E2009":
		f.What, f.Why, f.Fix = "the server has no memory left for what this would cause", "stream_memory is used up", "raise core.stream_memory and start again"
	case "E2010":
		f.What, f.Fix = fmt.Sprintf("the venue has no instrument %q", ask.Symbol), "matcher journal dump "+shellWord(a.journal)+" | grep ^instrument"
	case "E2011":
		f.What, f.Fix = fmt.Sprintf("the venue has no user %q", ask.User), "matcher user list"
	case "E2012":
		return noTrade(a.journal, ask.Trade.Match)
	case "E2013":
		f.What, f.Why = fmt.Sprintf("trade %d is broken already", ask.Trade.Match), "a trade is broken once"
	case "E2014":
		f.What, f.Why = fmt.Sprintf("trade %d is of another day", ask.Trade.Match), "only trades of the current day can be broken"
	case "E2015":
		f.What, f.Fix = ask.Symbol+" is halted already", "matcher admin resume "+ask.Symbol
		if ask.Verb == "resume" {
			f.What, f.Fix = ask.Symbol+" is not halted", "matcher admin status"
		}
	case "E2021":
		f.What, f.Fix = ask.User+" is not logged in", "matcher admin status"
	case "E2022":
		f.What, f.Why, f.Fix = "the journal "+a.journal+" is full: nothing is carried out", "there is no space for another segment", "df -h "+shellWord(a.journal)
	default:
		f.Code, f.What, f.Why = "E5006", "the server did not understand the request", "it may be of another version"
	}
	return f
}

// text is the answer for people.
func (w *deskAnswer) text(ask *deskRequest) string {
	told := fmt.Sprintf("seq %d, %s to owners\n", w.Seq, count(int(w.Messages), "message"))
	switch ask.Verb {
	case "halt":
		return "halted " + ask.Symbol + ": " + told
	case "resume":
		return "resumed " + ask.Symbol + ": " + told
	case "bust":
		return fmt.Sprintf("broke trade %d: %s", ask.Trade.Match, told)
	case "end-of-day":
		return fmt.Sprintf("ended the trading day: %s expired, %s", count(int(w.Canceled), "order"), told)
	case "kick":
		return fmt.Sprintf("disconnected %s, canceled %s: %s", ask.User, count(int(w.Canceled), "order"), told)
	case "cancel":
		return fmt.Sprintf("canceled %s: %s", count(int(w.Canceled), "order"), told)
	}
	v := w.venueRow
	halted := fmt.Sprintf("none of %s", count(v.Instruments, "instrument"))
	if v.Halted > 0 {
		halted = fmt.Sprintf("%d of %s: %s", v.Halted, count(v.Instruments, "instrument"), strings.Join(v.Symbols, " "))
	}
	return fmt.Sprintf("session  %s, seq %d at %s\nusers    %d connected of %d, %s open\nrefused  %s, %s, %s; %s too slow\norders   %d live, %d fills since the journal began\n"+
		"entry    %s\nhalted   %s\nmemory   %s bytes left for answers\njournal  %s bytes\n",
		v.Session, w.Seq, time.Unix(0, int64(w.Time)).UTC().Format(time.RFC3339Nano), v.Connected, v.Users, count(v.Connections, "connection"),
		count(int(v.Refused), "connection"), count(int(v.Logins), "login"), count(int(v.Throttled), "order")+" for their rate", count(int(v.Slow), "session"),
		v.Orders, v.Fills,
		v.Entry, halted, grouped(v.Free), grouped(v.Journal))
}

// noTrade is the fault of a match number that nobody was told.
func noTrade(dir string, match uint64) *fault {
	return &fault{Code: "E2012", What: fmt.Sprintf("there is no trade %d", match), Fix: "matcher journal dump " + shellWord(dir) + " | grep ^fill"}
}
