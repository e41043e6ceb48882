package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"matcher/core"
)

// sending is everything that the flags of send say.
type sending struct {
	e      *env
	fs     *pflag.FlagSet
	login  login
	config *config // nil without -c

	how                     instructions
	symbol                  string
	decimals                uint8
	keyFile, keys, flow     string
	window                  int
	asJSON, verbose, strict bool
	configFile              string
	answers                 *answers
}

// sendVerb sends one order, or a whole flow, and prints the answers.
func sendVerb(ctx context.Context, e *env, args []string) error {
	s := &sending{e: e, fs: newFlags("send")}
	s.flags()
	words, err := parse(s.fs, args, 0, 5)
	if err != nil {
		return err
	}
	if err := s.prepare(); err != nil {
		return err
	}
	if s.flow != "" {
		if len(words) > 0 {
			return &fault{Code: "E4003", What: fmt.Sprintf("with -f, matcher send does not know what to do with %q", words[0]), Fix: "matcher send --help"}
		}
		return s.sendFlow(ctx)
	}
	build, err := s.message(words)
	if err != nil {
		return err
	}
	return s.one(ctx, build)
}

func (s *sending) flags() {
	fs := s.fs
	fs.StringVarP(&s.configFile, "config", "c", "", "a configuration: its address, scales, ticks and lots are used")
	fs.StringVar(&s.login.addr, "to", "", "address of the server (default 127.0.0.1:9001, or the configuration's)")
	fs.StringVar(&s.login.user, "user", "", "who sends")
	fs.StringVar(&s.keyFile, "key-file", "", "file with the user's key, - for standard input (default: $MATCHER_KEY)")
	fs.DurationVar(&s.login.patience, "timeout", 10*time.Second, "how long to wait for an answer")
	s.how.flags(fs)
	fs.StringVar(&s.symbol, "symbol", "", "of the order that cancel or replace mean: only for the scale, with -c")
	fs.Uint8Var(&s.decimals, "decimals", 4, "decimals of prices where no configuration says")
	fs.StringVarP(&s.flow, "file", "f", "", "send a flow (format: PROTOCOL.md, section 8), - for standard input. Each user gets a connection, order between users\nis kept. Sending a whole file again, after a crash, is harmless: UserRefNums that were used are ignored\n(but for modify lines, which have none: one that makes an order grow would do so again)")
	fs.StringVar(&s.keys, "keys", "", "file with lines USER KEY for the users of a flow")
	fs.IntVar(&s.window, "window", 256, "commands of a flow that may be unanswered, 2 to 4096")
	fs.BoolVar(&s.strict, "strict", false, "exit 6 if any command of a flow is rejected")
	fs.BoolVarP(&s.verbose, "verbose", "v", false, "print every answer to a flow")
	fs.BoolVar(&s.asJSON, "json", false, "print objects")
}

// prepare checks what does not depend on the words and completes it from the configuration.
func (s *sending) prepare() error {
	if err := cmp.Or(within("decimals", s.decimals, 0, 9), within("window", s.window, 2, 4096), checkPatience(s.login.patience)); err != nil {
		return err
	}
	if s.fs.Changed("to") {
		if err := checkAddress("to", s.login.addr); err != nil {
			return err
		}
	}
	addr := "127.0.0.1:9001"
	if s.configFile != "" {
		c, err := loadConfig(s.e, s.configFile, nil)
		if err != nil {
			return err
		}
		s.config, addr = c, c.core.Listen
	}
	if s.login.addr == "" {
		s.login.addr = addr
	}
	s.answers = &answers{
		instrument: s.scale, print: s.flow == "" || s.verbose, asJSON: s.asJSON, out: s.e.Stdout, orders: map[order]*core.Instrument{},
	}
	return nil
}

// checkAddress refuses what can be no address of a server.
func checkAddress(flag, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if n, wrong := strconv.ParseUint(port, 10, 16); err == nil && wrong == nil && n != 0 {
		return nil
	}
	return &fault{Code: "E4004", What: fmt.Sprintf("--%s: %q is no address", flag, addr), Why: "an address is host:port, a port 1 to 65535", Fix: "--" + flag + " 127.0.0.1:9001"}
}

// scale finds the scale of a symbol: the configuration's, or what the flags say.
func (s *sending) scale(symbol string) *core.Instrument {
	if s.config != nil {
		list := s.config.core.Instruments
		if symbol == "" && len(list) == 1 {
			return &list[0]
		}
		for i := range list {
			if list[i].Symbol == symbol {
				return &list[i]
			}
		}
	}
	return &core.Instrument{Symbol: symbol, PriceDecimals: s.decimals, Tick: 1, Lot: 1, MaxQty: math.MaxUint32, MaxPrice: largestPrice}
}

// known is scale for a symbol that must exist if there is a configuration.
func (s *sending) known(name string) (*core.Instrument, error) {
	if err := checkSymbol(name); err != nil {
		return nil, err
	}
	if s.config == nil {
		return s.scale(name), nil
	}
	var names []string
	for _, in := range s.config.core.Instruments {
		names = append(names, in.Symbol)
	}
	if !slices.Contains(names, name) {
		return nil, noSymbol(name, s.configFile, names)
	}
	return s.scale(name), nil
}

// noSymbol is the fault of a symbol that is not among those of a place.
func noSymbol(name, place string, names []string) *fault {
	f := &fault{Code: "E2005", What: fmt.Sprintf("%s is not in %s", name, place), Why: "there is " + strings.Join(names, ", ")}
	if len(names) > 16 {
		f.Why = fmt.Sprintf("none of its %s has that name", count(len(names), "symbol"))
	}
	if near := nearest(name, names); near != "" {
		f.Why, f.Fix = "did you mean "+near+"?", near
	} else if len(names) == 1 {
		f.Fix = names[0]
	}
	return f
}

// one sends a single message and prints what comes back. That all of it has come is known from the answer to a query that
// is sent behind it.
func (s *sending) one(ctx context.Context, build builder) error {
	if err := s.identify(); err != nil {
		return err
	}
	conn, err := dial(ctx, s.login, s.answers.tell)
	if err != nil {
		return err
	}
	defer conn.close()
	next, err := conn.roundTrip(ctx)
	if err != nil {
		return err
	}
	if build == nil {
		return s.printNext(next)
	}
	before, err := s.answers.totals()
	if err != nil {
		return err
	}
	if err := conn.conn.Send(build(next)); err != nil {
		return conn.fault(err)
	}
	if _, err := conn.roundTrip(ctx); err != nil {
		return err
	}
	after, err := s.answers.totals()
	switch {
	case err != nil:
		return err
	case after.Rejected > before.Rejected:
		return &fault{Code: "E2006", What: "the order was rejected with " + rejectCode(s.answers.refused()), Why: rejectHint(s.answers.refused()), Fix: "matcher explain E2006"}
	case after == before:
		return &fault{Code: "E2007", What: "no answer: the venue ignored it", Why: "no live order has that number"}
	}
	return nil
}

// roundTrip asks for the next UserRefNum; with its answer all earlier answers have come.
func (s *session) roundTrip(ctx context.Context) (uint32, error) {
	if err := s.query(); err != nil {
		return 0, err
	}
	return s.answer(ctx)
}

// identify completes the login of a single user.
func (s *sending) identify() (err error) {
	if s.login.user == "" {
		return &fault{Code: "E4003", What: "matcher send needs --user", Fix: "matcher send ... --user ALICE"}
	}
	if s.login.user, err = userName(s.login.user); err != nil {
		return err
	}
	s.login.key, err = keyFrom(s.e, s.keyFile)
	return err
}

func (s *sending) printNext(next uint32) (err error) {
	if s.asJSON {
		return json.NewEncoder(s.e.Stdout).Encode(struct {
			User string `json:"user"`
			Next uint32 `json:"next_ref"`
		}{s.login.user, next})
	}
	_, err = fmt.Fprintf(s.e.Stdout, "%-6s next ref=%d\n", s.login.user, next)
	return err
}
