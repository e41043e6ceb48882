package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"matcher/engine"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// The conventional Go server: package net, a goroutine for each connection, one lock around the engine. It uses this project's
// codecs and engine: every order is checked, numbered and matched. It has no journal, keeps no stream to resume from, checks no
// key, and answers only the sender of a message (the load here never trades), so it does less than the venue.
type netServer struct {
	mu     sync.Mutex
	engine *engine.Engine
	events []engine.Event
	cmd    engine.Command
	users  map[[6]byte]uint16
	zero   uint64 // midnight of the day, ns since 1970
}

const netUsers = 64

// serveNet serves until the process is told to end.
func serveNet() error {
	s := newNetServer()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	go func() { <-ended; os.Exit(0) }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "ready: %s\n", l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			_ = s.session(c) // a client that goes away is no news
			_ = c.Close()
		}()
	}
}

func newNetServer() *netServer {
	s := &netServer{engine: engine.New(), users: map[[6]byte]uint16{}, zero: uint64(time.Now().Truncate(24 * time.Hour).UnixNano())}
	*s.cmd.Rules() = engine.Rules{Header: engine.Header{Kind: engine.KindRules}, Version: 1, MaxOrders: 200_000, MaxUsers: netUsers}
	s.apply()
	*s.cmd.AsInstrument() = engine.Instrument{
		Header: engine.Header{Kind: engine.KindInstrument}, Symbol: ouch.Symbol("AAPL"), Tick: 100, Lot: 1, MaxQty: 999_999, PriceDecimals: 4,
		MaxPrice: engine.MaxLimitPrice,
	}
	s.apply()
	for i := range netUsers {
		name := [6]byte([]byte(fmt.Sprintf("%s%05d", prefix, i)))
		*s.cmd.AsUser() = engine.User{Header: engine.Header{Kind: engine.KindUser}, Name: name, Firm: ouch.Firm("LOAD")}
		s.apply()
		s.users[name] = uint16(i + 1)
	}
	*s.cmd.Day() = engine.Day{Header: engine.Header{Kind: engine.KindDay}, Midnight: s.zero, Session: [10]byte([]byte("0000000001")), Event: 'S'}
	s.apply()
	return s
}

// apply carries out s.cmd, which is empty afterwards.
func (s *netServer) apply() []engine.Event {
	s.cmd.Seq, s.cmd.Time = s.engine.Seq()+1, max(s.engine.Time(), uint64(time.Now().UnixNano()))
	s.events = s.engine.Apply(s.events[:0], &s.cmd)
	at := s.cmd.Time
	s.cmd = engine.Command{}
	s.cmd.Time = at
	return s.events
}

// session reads messages and writes their answers; answers leave when no whole message is left to be read.
func (s *netServer) session(c net.Conn) error {
	in, out := bufio.NewReaderSize(c, 16<<10), bufio.NewWriterSize(c, 64<<10)
	user := uint16(0)
	message, packet := make([]byte, 0, 512), make([]byte, 0, 512)
	for {
		if in.Buffered() < soupbin.HeaderSize {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		head, err := in.Peek(soupbin.HeaderSize)
		if err != nil {
			return err
		}
		size, typ := soupbin.PacketSize(head), head[2]
		if size < soupbin.HeaderSize || size > cap(message) {
			return soupbin.ErrLength
		}
		message = message[:size]
		if in.Buffered() < size {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		if _, err := io.ReadFull(in, message); err != nil {
			return err
		}
		switch payload := message[soupbin.HeaderSize:]; typ {
		case soupbin.LoginRequest:
			var l soupbin.Login
			if err := l.Decode(payload); err != nil {
				return err
			}
			user = s.users[l.Username]
			packet = soupbin.AppendLoginAccepted(packet[:0], &soupbin.Accepted{Session: [10]byte([]byte("NET       ")), Sequence: 1})
			if _, err := out.Write(packet); err != nil || user == 0 {
				return err
			}
		case soupbin.UnsequencedData:
			if packet, err = s.message(packet[:0], user, payload); err != nil {
				return err
			}
			if _, err := out.Write(packet); err != nil {
				return err
			}
		}
	}
}

// message carries out one OUCH message and appends the packets that answer it.
func (s *netServer) message(to []byte, user uint16, b []byte) ([]byte, error) {
	var enter ouch.EnterOrder
	var cancel ouch.CancelOrder
	kind := ouch.InboundType(b)
	switch kind {
	case ouch.TypeEnterOrder:
		if err := enter.Decode(b); err != nil {
			return to, err
		}
	case ouch.TypeCancelOrder:
		if err := cancel.Decode(b); err != nil {
			return to, err
		}
	case ouch.TypeAccountQuery:
	default:
		return to, fmt.Errorf("a message of type %q", kind)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case ouch.TypeEnterOrder:
		*s.cmd.Enter() = engine.Enter{
			Header: engine.Header{Kind: engine.KindEnter, Instrument: s.engine.Lookup(enter.Symbol), User: user, Side: enter.Side},
			Ref:    enter.UserRefNum, Qty: enter.Quantity, Price: enter.Price, TIF: enter.TimeInForce, Display: enter.Display,
			Capacity: enter.Capacity, Cross: enter.CrossType, ClOrdID: enter.ClOrdID,
		}
	case ouch.TypeCancelOrder:
		*s.cmd.Cancel() = engine.Cancel{Header: engine.Header{Kind: engine.KindCancel, User: user}, Ref: cancel.UserRefNum, Qty: cancel.Quantity}
	default:
		*s.cmd.Cancel() = engine.Cancel{Header: engine.Header{Kind: engine.KindQuery, User: user}}
	}
	for i := range s.apply() {
		to = s.encode(to, &s.events[i])
	}
	return to, nil
}

// encode appends the packet of an event.
func (s *netServer) encode(to []byte, ev *engine.Event) []byte {
	at, stamp := len(to), s.cmd.Time-s.zero
	to = append(to, 0, 0, soupbin.SequencedData)
	switch ev.Kind {
	case 'A':
		m := ouch.Accepted{
			Timestamp: stamp, UserRefNum: ev.Ref, Side: ev.Side, Quantity: ev.Qty, Symbol: s.engine.Symbol(ev.Instrument), Price: ev.Price,
			TimeInForce: ev.TIF, Display: ev.Display, OrderRef: ev.Order, Capacity: ev.Capacity, Sweep: 'N', CrossType: ev.Cross, State: 'L', ClOrdID: ev.ClOrdID,
		}
		to = m.Append(to)
	case 'C':
		m := ouch.Canceled{Timestamp: stamp, UserRefNum: ev.Ref, Quantity: ev.Qty, Reason: byte(ev.Reason)}
		to = m.Append(to)
	case 'J':
		m := ouch.Rejected{Timestamp: stamp, UserRefNum: ev.Ref, Reason: ev.Reason, ClOrdID: ev.ClOrdID}
		to = m.Append(to)
	case 'Q':
		m := ouch.QueryResponse{Timestamp: stamp, NextUserRefNum: ev.Ref}
		to = m.Append(to)
	default:
		return to[:at]
	}
	binary.BigEndian.PutUint16(to[at:], uint16(len(to)-at-2))
	return to
}
