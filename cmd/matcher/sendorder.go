package main

import (
	"fmt"
	"strconv"

	"matcher/wire/ouch"
)

// builder makes the message once the UserRefNum for it is known; nil sends none.
type builder func(next uint32) ouch.Inbound

// message reads the words.
func (s *sending) message(words []string) (builder, error) {
	if len(words) == 0 {
		return nil, &fault{Code: "E4003", What: "matcher send needs " + sendWords, Fix: "matcher send buy 100 AAPL 187.25 --user ALICE"}
	}
	forms := map[string]struct {
		least, most int
		read        func([]string) (builder, error)
	}{
		"buy":     {3, 3, func(w []string) (builder, error) { return s.enter(ouch.SideBuy, w) }},
		"sell":    {3, 3, func(w []string) (builder, error) { return s.enter(ouch.SideSell, w) }},
		"cancel":  {1, 2, s.cancel},
		"replace": {3, 3, s.replace},
		"query":   {0, 0, func([]string) (builder, error) { return nil, nil }},
	}
	form, ok := forms[words[0]]
	if !ok {
		f := &fault{Code: "E4005", What: fmt.Sprintf("matcher send cannot %q", words[0]), Why: sendWords, Fix: "matcher send --help"}
		if near := nearest(words[0], []string{"buy", "sell", "cancel", "replace", "query"}); near != "" {
			f.Why, f.Or = "did you mean "+near+"?", sendWords
		}
		return nil, f
	}
	if n := len(words) - 1; n < form.least || n > form.most {
		return nil, &fault{Code: "E4003", What: fmt.Sprintf("matcher send %s: %s given", words[0], count(n, "argument")), Why: sendWords, Fix: "matcher send --help"}
	}
	return form.read(words[1:])
}

// enter reads QTY SYMBOL PRICE.
func (s *sending) enter(side byte, words []string) (builder, error) {
	in, err := s.known(words[1])
	if err != nil {
		return nil, err
	}
	qty, err := lots(in, words[0])
	if err != nil {
		return nil, err
	}
	price, err := wirePrice(in, words[2])
	if err != nil {
		return nil, err
	}
	tif, display, err := s.how.letters()
	if err != nil {
		return nil, err
	}
	options, err := s.how.options(in, qty)
	if err != nil {
		return nil, err
	}
	return func(next uint32) ouch.Inbound {
		return &ouch.EnterOrder{
			UserRefNum: next, Side: side, Quantity: qty, Symbol: ouch.Symbol(in.Symbol), Price: price, TimeInForce: tif, Display: display,
			Capacity: ouch.CapacityPrincipal, Sweep: ouch.No, CrossType: ouch.CrossContinuous, ClOrdID: ouch.ClOrdID(""), Appendage: options,
		}
	}, nil
}

// cancel reads REF [SIZE].
func (s *sending) cancel(words []string) (builder, error) {
	m := &ouch.CancelOrder{}
	var err error
	if m.UserRefNum, err = refNumber(words[0]); err != nil {
		return nil, err
	}
	if len(words) == 2 && words[1] != "0" {
		if m.Quantity, err = lots(s.scale(s.symbol), words[1]); err != nil {
			return nil, err
		}
	}
	return func(uint32) ouch.Inbound { return m }, nil
}

// replace reads REF QTY PRICE.
func (s *sending) replace(words []string) (builder, error) {
	in := s.scale(s.symbol)
	m := &ouch.ReplaceOrder{Sweep: ouch.No, ClOrdID: ouch.ClOrdID("")}
	var err error
	if m.OrigUserRefNum, err = refNumber(words[0]); err != nil {
		return nil, err
	}
	if m.Quantity, err = lots(in, words[1]); err != nil {
		return nil, err
	}
	if m.Price, err = wirePrice(in, words[2]); err != nil {
		return nil, err
	}
	if m.TimeInForce, m.Display, err = s.how.letters(); err != nil {
		return nil, err
	}
	if m.Appendage, err = s.how.options(in, m.Quantity); err != nil {
		return nil, err
	}
	return func(next uint32) ouch.Inbound {
		m.UserRefNum = next
		return m
	}, nil
}

func refNumber(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return 0, &fault{Code: "E4005", What: fmt.Sprintf("%q is no UserRefNum", text), Why: "it is the ref of the order's accepted line, a number from 1"}
	}
	return uint32(n), nil
}
