package core

import (
	"errors"
	"testing"

	"matcher/engine"
	"matcher/gateway"
)

// TestRetellingWithoutMemory: a start whose answers do not fit the streams hears of it, whoever of the two writes them.
func TestRetellingWithoutMemory(t *testing.T) {
	for _, inTheEnd := range []bool{false, true} {
		e := engine.New()
		r := newRetelling(gateway.New(gateway.Config{
			Engine: e, Connections: 1, Control: make([]byte, gateway.ControlSize), Streams: make([]byte, gateway.ChunkSize),
		}), gateway.ChunkSize)
		var c engine.Command
		run := func() error {
			c.Seq = e.Seq() + 1
			r.before(&c)
			return r.add(&c, e.Apply(nil, &c))
		}
		*c.Rules() = engine.Rules{Header: engine.Header{Kind: engine.KindRules}, Version: 1, MaxOrders: 10, MaxUsers: 2}
		_ = run()
		*c.AsUser() = engine.User{Header: engine.Header{Kind: engine.KindUser}, Name: [6]byte([]byte("U     "))}
		_ = run()
		*c.Day() = engine.Day{Header: engine.Header{Kind: engine.KindDay}, Event: 'S'}
		if err := run(); err != nil {
			t.Fatal(err)
		}
		const fit = gateway.ChunkSize / 16 // an answer to a query has 16 bytes; a little is left at the end
		commands, err := 2*fit, error(nil)
		if inTheEnd {
			commands = fit - fit%batchCommands + batchCommands/2
		}
		for n := 0; n < commands && err == nil; n++ {
			c = engine.Command{Header: engine.Header{Kind: engine.KindQuery, User: 1}}
			if err = run(); err != nil && n < fit-200 {
				t.Fatalf("after %d: %v", n, err)
			}
		}
		if inTheEnd && err != nil {
			t.Errorf("told before the end: %v", err)
		}
		if err := r.end(); !errors.Is(err, ErrMemory) {
			t.Errorf("in the end: %v", err)
		}
	}
}
