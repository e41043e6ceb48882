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
	if err := checkWord("send", words); err != nil {
		return nil, err
	}
	switch word, words := words[0], words[1:]; word {
	case "buy":
		return s.enter(ouch.SideBuy, words)
	case "sell":
		return s.enter(ouch.SideSell, words)
	case "cancel":
		return s.cancel(words)
	case "replace":
		return s.replace(words)
	}
	return nil, nil // query: only the next UserRefNum is wanted
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
