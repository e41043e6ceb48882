package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"matcher/engine"
	"matcher/replay/generate"
)

// generateVerb draws order flow by chance.
func generateVerb(ctx context.Context, e *env, args []string) error {
	flags := newFlags("generate")
	c := generate.Config{}
	out := flags.StringP("output", "o", "-", "file to write the flow to; - is standard output")
	flags.Uint64Var(&c.Seed, "seed", 1, "equal seeds give equal flows, byte for byte")
	flags.StringVar(&c.Model, "model", "zi", "zi: zero intelligence, Poisson arrivals; hawkes: arrivals that excite each other")
	flags.IntVar(&c.Agents, "agents", 8, "users that send: AG0, AG1, ...; 1 to 1000")
	flags.IntVar(&c.Commands, "commands", 100_000, "how many commands: at least the 40 orders that the book begins with")
	flags.Float64Var(&c.Rate, "rate", 1000, "commands a second of market time, on average")
	symbol := flags.String("symbol", "AAPL", "instrument")
	mid := flags.String("price", "187.25", "price around which the book begins, with four decimals at most")
	tick := flags.String("tick", "0.01", "tick")
	flags.Uint32Var(&c.Lots, "qty", 100, "lots of an order on average")
	asJSON := flags.Bool("json", false, "print the statistics as JSON")
	if _, err := parse(flags, args, 0, 0); err != nil {
		return err
	}
	if !slices.Contains(generate.Models(), c.Model) {
		return &fault{Code: "E4005", What: fmt.Sprintf("there is no model %q", c.Model), Why: "models are " + strings.Join(generate.Models(), " and "), Fix: "--model hawkes"}
	}
	err := cmp.Or(
		within("agents", c.Agents, 1, 1000), within("commands", c.Commands, 1, 1e10), within("rate", c.Rate, 0.01, 1e9), within("qty", c.Lots, 1, 1e6),
		checkSymbol(*symbol))
	if err != nil {
		return err
	}
	c.Symbol = symbolOf(*symbol)
	if c.Mid, err = units(*mid, 4); err == nil {
		c.Tick, err = units(*tick, 4)
	}
	if err != nil {
		return err
	}
	if c.Tick == 0 || c.Mid%c.Tick != 0 || c.Mid < 100*c.Tick || c.Mid > engine.MaxLimitPrice/2 {
		return &fault{Code: "E4004", What: "--price is no multiple of --tick, is less than 100 ticks, or too large", Fix: "--price 187.25 --tick 0.01"}
	}
	var stats generate.Stats
	err = writeOutput(e, *out, func(w io.Writer) error {
		b := bufio.NewWriterSize(endable{ctx, w}, 1<<16)
		var err error
		if stats, err = generate.Flow(c, b); err != nil {
			return err
		}
		return b.Flush()
	})
	if err != nil {
		return err
	}
	to := e.Stderr
	if *asJSON {
		if *out != "-" {
			to = e.Stdout
		}
		return json.NewEncoder(to).Encode(stats)
	}
	_, err = fmt.Fprintf(to, "%s in %.1f s of market time: %d enters, %d cancels, %d trades\norder to trade  %.1f\nmean spread     %.2f ticks\n"+
		"at the touch    %.0f lots on average\ninter-arrival   deviation / mean %.2f (Poisson 1)\nper second      variance / mean %.2f (Poisson 1), autocorrelation %.2f\n",
		count(stats.Commands, "command"), stats.Seconds, stats.Enters, stats.Cancels, stats.Trades, stats.OrderToTrade, stats.Spread, stats.Touch, stats.ArrivalCV, stats.Fano, stats.AutoLag1)
	return err
}
