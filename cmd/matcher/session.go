package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"matcher/client"
	"matcher/wire/ouch"
)

// login says where to go and as whom.
type login struct {
	addr, user, key string
	patience        time.Duration // for the login and for each answer that is waited for
}

// session is one logged-in connection whose answers are read all the time, so that the server never has to wait for us.
type session struct {
	login
	conn    *client.Conn
	queries chan uint32 // the next UserRefNum out of each Account Query Response
	ended   chan error  // what ended the reading
}

// queryRoom is how many answers to Account Queries may wait to be fetched; nobody has more under way.
const queryRoom = 16

// dial logs in and begins to read: every answer except those to Account Queries goes to tell, from another goroutine. Only
// what comes after the login is read: the answers of the day so far are not asked for.
func dial(ctx context.Context, l login, tell func(user string, message any)) (*session, error) {
	limited, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	conn, err := l.connect(limited)
	if ctx.Err() != nil && err != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, l.fault(err)
	}
	s := &session{login: l, conn: conn, queries: make(chan uint32, queryRoom), ended: make(chan error, 1)}
	go func() { s.ended <- s.read(tell) }()
	return s, nil
}

// checkPatience refuses a patience that ends before it begins.
func checkPatience(d time.Duration) error {
	if d > 0 {
		return nil
	}
	return outOfRange("timeout", d, "above 0", "10s")
}

// Where nobody listens it is tried again for as long as starting takes: the server may have been started just before.
const (
	starting = 2 * time.Second
	again    = 20 * time.Millisecond
)

// connect logs in.
func (l login) connect(ctx context.Context) (*client.Conn, error) {
	until := time.Now().Add(min(starting, l.patience))
	for {
		conn, err := client.Dial(ctx, client.Options{Addr: l.addr, Username: l.user, Password: l.key})
		if !errors.Is(err, syscall.ECONNREFUSED) || time.Until(until) < 2*again {
			return conn, err
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (s *session) read(tell func(user string, message any)) error {
	for {
		m, err := s.conn.Recv()
		if err != nil {
			return err
		}
		decoded, err := m.Decode()
		if err != nil {
			return err
		}
		if q, ok := decoded.(*ouch.QueryResponse); ok {
			s.queries <- q.NextUserRefNum
			continue
		}
		tell(s.user, decoded)
	}
}

// query sends an Account Query. Since all messages of a connection are worked off in order, its answer comes behind the
// answers to everything sent before: it is a barrier.
func (s *session) query() error {
	if err := s.conn.Send(&ouch.AccountQuery{}); err != nil {
		return s.fault(err)
	}
	if err := s.conn.Flush(); err != nil {
		return s.fault(err)
	}
	return nil
}

// answer waits for the answer to the oldest query: the next UserRefNum that can be used.
func (s *session) answer(ctx context.Context) (uint32, error) {
	limit := time.NewTimer(s.patience)
	defer limit.Stop()
	select {
	case next := <-s.queries:
		return next, nil
	case err := <-s.ended:
		s.ended <- err // for close
		return 0, s.fault(err)
	case <-limit.C:
		return 0, &fault{Code: "E5005", What: fmt.Sprintf("%s: no answer within %s", s.addr, s.patience)}
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// leave logs out and waits, as long as for an answer, until the server has ended the session.
func (s *session) leave() {
	if s.conn.Logout() == nil {
		select {
		case err := <-s.ended:
			s.ended <- err // for close
		case <-time.After(s.patience):
		}
	}
	s.close()
}

// close logs out and waits for the reader.
func (s *session) close() {
	_ = s.conn.Logout() // a courtesy: the connection is closed next
	_ = s.conn.Close()
	<-s.ended //nolint:errcheck // what ended the reader was told where it was met
}

// fault explains an error of the connection. It never holds the key.
func (l login) fault(err error) error {
	at := fmt.Sprintf("%s as %s", l.addr, l.user)
	var refused *client.RejectedError
	var network net.Error
	switch {
	case errors.As(err, &refused) && refused.Reason == 'S':
		return &fault{Code: "E5003", What: at + ": the session is not available", cause: err}
	case errors.As(err, &refused):
		return &fault{Code: "E5002", What: at + ": the login was refused", Why: "unknown user or wrong key", Fix: "matcher user list", Or: "give the key in a file: --key-file FILE", cause: err}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &fault{Code: "E5001", What: l.addr + ": nobody listens there", Fix: "matcher serve", Or: "name another address: --to HOST:PORT", cause: err}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return &fault{Code: "E5005", What: fmt.Sprintf("%s: no answer within %s", l.addr, l.patience), cause: err}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, net.ErrClosed), errors.Is(err, client.ErrEndOfSession):
		return &fault{Code: "E5004", What: at + ": the connection was lost", Why: "the server stopped, the same user logged in a second time, or the address is no order entry port", Fix: "log in again: what was lost can be sent once more", cause: err}
	case errors.As(err, new(*net.DNSError)):
		return &fault{Code: "E5001", What: l.addr + ": there is no such host", Fix: "name another address: HOST:PORT", cause: err}
	case errors.As(err, &network):
		return &fault{Code: "E5001", What: l.addr + " cannot be reached: " + last(err), cause: err}
	}
	return &fault{Code: "E5006", What: fmt.Sprintf("%s: %v", l.addr, err), cause: err}
}

// fault explains an error of this connection, in the venue's own words where it gave any before it closed.
func (s *session) fault(err error) error {
	explained := s.login.fault(err)
	var f *fault
	if why := s.conn.Debug(); why != "" && errors.As(explained, &f) && f.Code == "E5004" {
		f.Why = "the server said: " + why
	}
	return explained
}

// keyFrom finds the key of a single user: a file, or the environment. Never an argument: those are public.
func keyFrom(e *env, file string) (string, error) {
	if file != "" {
		return readKey(e, file)
	}
	if key := e.Getenv("MATCHER_KEY"); key != "" {
		return checkKey(key, "MATCHER_KEY")
	}
	return "", &fault{Code: "E4006", What: "no key", Fix: "read -rs MATCHER_KEY && export MATCHER_KEY", Or: "--key-file FILE, - for standard input"}
}

// readKeys reads a file of lines `USER KEY`.
func readKeys(file string) (map[string]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, readFault(file, err)
	}
	keys := map[string]string{}
	for i, line := range strings.Split(string(data), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		place := fmt.Sprintf("%s:%d", file, i+1)
		if len(words) != 2 {
			return nil, &fault{Code: "E4112", What: place + ": a line is a user and a key", Fix: "ALICE A2B3C4D5E6"}
		}
		name, err := userName(words[0])
		if err != nil {
			return nil, &fault{Code: "E4112", What: place + ": the first word is no user name", cause: err}
		}
		if keys[name], err = checkKey(words[1], place); err != nil {
			return nil, err
		}
	}
	return keys, nil
}
