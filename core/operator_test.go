package core

import (
	"errors"
	"io"
	"os"
	"sync"
	"testing"

	"matcher/engine"
	"matcher/replay"
	"matcher/wire/ouch"
)

// ask asks a venue for something that it must answer.
func ask(t *testing.T, s *Server, r Request) Answer {
	t.Helper()
	a, err := s.Operate(&r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// cells executes a journal and returns its commands of one kind.
func cells(t *testing.T, dir string, kind engine.Kind) (found []engine.Command) {
	t.Helper()
	j, err := replay.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	for {
		cmd, _, err := j.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if cmd.Kind == kind {
			found = append(found, *cmd)
		}
	}
}

// TestOperatorRefusals: what cannot be is refused by a word, and nothing of it is journaled.
func TestOperatorRefusals(t *testing.T) {
	c := config(t)
	s := open(t, c)
	before := ask(t, s, Request{Verb: Status})
	for _, test := range []struct {
		name string
		ask  Request
		want Refusal
	}{
		{"halt of nothing", Request{Verb: Halt}, NoInstrument},
		{"halt of an unknown symbol", Request{Verb: Halt, Symbol: "NOPE"}, NoInstrument},
		{"resume without a halt", Request{Verb: Resume, Symbol: "AAPL"}, NotHalted},
		{"no such trade", Request{Verb: BreakTrade, Trade: engine.Bust{Match: 1, Reason: 'E'}}, NoMatch},
		{"trade 0", Request{Verb: BreakTrade, Trade: engine.Bust{Reason: 'E'}}, NoMatch},
		{"orders of nobody", Request{Verb: CancelFor, User: "NOBODY"}, NoUser},
		{"orders of an unknown symbol", Request{Verb: CancelFor, Symbol: "NOPE"}, NoInstrument},
	} {
		t.Run(test.name, func(t *testing.T) {
			if a := ask(t, s, test.ask); a.Refused != test.want || a.Seq != 0 {
				t.Errorf("got %+v, want refusal %d", a, test.want)
			}
		})
	}
	if after := ask(t, s, Request{Verb: Status}); after.Seq != before.Seq {
		t.Errorf("the last command is %d, was %d", after.Seq, before.Seq)
	}
	stop(t, s)
}

// TestOperator halts, resumes, cancels and breaks a trade, in both durabilities, and holds what owners and journal say.
func TestOperator(t *testing.T) {
	for _, durability := range []Durability{Sync, Async} {
		t.Run([]string{"sync", "", "async"}[durability], func(t *testing.T) {
			c := config(t)
			c.Durability = durability
			s := open(t, c)
			a, b := dial(t, s, "U0", 1), dial(t, s, "U1", 1)
			a.order('S', 100, 1_000_000, '0')
			a.settle()
			b.order('B', 40, 1_000_000, '0')
			b.settle()
			a.until('E')

			if got := ask(t, s, Request{Verb: Halt, Symbol: "AAPL", Reason: [4]byte{'T', '1', ' ', ' '}}); got.Refused != Done || got.Seq == 0 || got.Messages != 0 {
				t.Errorf("halt: %+v", got)
			}
			if got := ask(t, s, Request{Verb: Halt, Symbol: "AAPL"}); got.Refused != HaltedAlready {
				t.Errorf("halt again: %+v", got)
			}
			v := ask(t, s, Request{Verb: Status}).Venue
			if v.Halted != 1 || v.Symbols[0] != ouch.Symbol("AAPL") || v.Connected != 2 || v.Orders != 1 || v.Fills != 1 || v.Users != 8 || v.Instruments != 1 {
				t.Errorf("status: %+v", v)
			}
			b.order('B', 40, 1_000_000, '0')
			b.until('J')
			var rejected ouch.Rejected
			if err := rejected.Decode(b.got[len(b.got)-1]); err != nil || rejected.Reason != ouch.RejectHalted {
				t.Errorf("rejected with %#x while halted", rejected.Reason)
			}
			if got := ask(t, s, Request{Verb: Resume, Symbol: "AAPL"}); got.Refused != Done {
				t.Errorf("resume: %+v", got)
			}
			b.order('B', 10, 1_000_000, '0')
			b.until('E')

			own := engine.Owners{
				Maker: engine.Owner{User: 1, Side: 'S', Ref: 1, ClOrdID: ouch.ClOrdID("1")},
				Taker: engine.Owner{User: 2, Side: 'B', Ref: 1, ClOrdID: ouch.ClOrdID("1")},
			}
			trade := engine.Bust{Header: engine.Header{Instrument: 1}, Match: 1, Price: 1_000_000, Qty: 40, Reason: 'E'}
			if got := ask(t, s, Request{Verb: BreakTrade, Trade: trade, Owners: own}); got.Refused != Done || got.Messages != 2 {
				t.Errorf("bust: %+v", got)
			}
			if got := ask(t, s, Request{Verb: BreakTrade, Trade: trade, Owners: own}); got.Refused != BrokenAlready {
				t.Errorf("bust again: %+v", got)
			}
			a.until('B')
			b.until('B')

			if got := ask(t, s, Request{Verb: CancelFor, User: "U1"}); got.Refused != Done || got.Canceled != 0 {
				t.Errorf("cancel for who has none: %+v", got)
			}
			a.order('S', 5, 1_000_000, '0')
			a.settle()
			if got := ask(t, s, Request{Verb: CancelFor, User: "U0", Symbol: "AAPL", Side: 'S'}); got.Refused != Done || got.Canceled != 2 || got.Messages != 2 {
				t.Errorf("cancel: %+v", got)
			}
			a.until('C')
			a.until('C')
			var canceled ouch.Canceled
			if err := canceled.Decode(a.got[len(a.got)-1]); err != nil || canceled.Reason != ouch.CanceledSupervisory {
				t.Errorf("%+v, %v", canceled, err)
			}
			live := stop(t, s)
			if hash, _ := verify(t, c.Journal); hash != live.StateHash {
				t.Errorf("live %016x, replayed %016x", live.StateHash, hash)
			}
			for _, cmd := range cells(t, c.Journal, engine.KindBust) {
				if *cmd.Owners() != (engine.Owners{Kind: engine.KindExtension, Maker: own.Maker, Taker: own.Taker}) || cmd.Bust().Match != 1 || cmd.Instrument != 1 {
					t.Errorf("journaled: %+v of %+v", *cmd.Bust(), *cmd.Owners())
				}
			}
			if n := len(cells(t, c.Journal, engine.KindTrading)); n != 2 {
				t.Errorf("%d commands of halting", n)
			}
			stop(t, open(t, c))
		})
	}
}

// TestOperatorsAtOnce: several ask while clients trade; each gets its own answer, in the end of a venue too.
func TestOperatorsAtOnce(t *testing.T) {
	c := config(t)
	s := open(t, c)
	a := dial(t, s, "U0", 0)
	seen := sync.Map{}
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range 50 {
				got, err := s.Operate(&Request{Verb: CancelFor, User: "U1"})
				if err != nil || got.Refused != Done {
					t.Errorf("%+v, %v", got, err)
					return
				}
				if _, twice := seen.LoadOrStore(got.Seq, true); twice {
					t.Errorf("two answers tell of command %d", got.Seq)
				}
			}
		})
	}
	for range 200 {
		a.order('B', 1, 900_000, '0')
		a.settle()
	}
	asking.Wait()
	var begun sync.WaitGroup // each has asked once: now the venue may end beside them
	for range 4 {
		begun.Add(1)
		asking.Go(func() {
			for once := sync.OnceFunc(begun.Done); ; once() {
				if _, err := s.Operate(&Request{Verb: Status}); err != nil {
					once()
					if !errors.Is(err, ErrStopped) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	begun.Wait()
	stop(t, s)
	asking.Wait()
	if n := len(cells(t, c.Journal, engine.KindCancelFor)); n != 200 {
		t.Errorf("%d commands for 200 requests", n)
	}
}
