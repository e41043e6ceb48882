package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"matcher/client"
	"matcher/client/feed"
	"matcher/client/market"
)

// view is what becomes of the feed: lines, or a ladder that is drawn again and again.
type view interface {
	// begin is called when the books are known: next is the number of the first message that follows.
	begin(m *market.Market, next uint64) error
	// event is called behind each message from --from-seq on.
	event(sequence uint64, e *market.Event) error
}

// public follows the feed: from a snapshot, or from message 1 on. What is lost for good, or a new session of the venue, is said,
// and a new snapshot taken.
func (w *watching) public(ctx context.Context) error {
	var show view = &watchLines{w: w}
	if w.terminal() && w.what == "book" {
		l := &ladder{w: w, colour: w.e.Getenv("NO_COLOR") == ""}
		defer l.run(100 * time.Millisecond)()
		show = l
	}
	books := market.New(1 << 16)
	for {
		err := w.follow(ctx, books, show)
		var gap *feed.GapError
		var refused *client.RejectedError
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, feed.ErrEndOfSession):
			say(w.e, "the venue has ended the session")
			return nil
		case errors.As(err, &gap):
			say(w.e, fmt.Sprintf("messages %d to %d are missing: the books begin anew", gap.From, gap.To-1))
		case errors.Is(err, feed.ErrSession), errors.As(err, &refused) && refused.Reason == 'S':
			say(w.e, "the venue has begun another session: the books begin anew")
		default:
			return w.fault(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond): // a venue that keeps changing its mind is not asked without a pause
		}
	}
}

// follow takes a snapshot, if that is where to begin, and follows the stream until it ends.
func (w *watching) follow(ctx context.Context, books *market.Market, show view) error {
	books.Reset()
	apply := func(message []byte) error {
		_, err := books.Apply(message)
		return err
	}
	o := client.Options{Username: w.login.user, Password: w.login.key, Sequence: 1}
	limited, cancel := context.WithTimeout(ctx, w.login.patience)
	defer cancel()
	if w.from == 0 && w.glimpse != "" {
		o.Addr = w.glimpse
		var err error
		if o.Session, o.Sequence, err = feed.Snapshot(limited, o, apply); err != nil {
			return w.at(w.glimpse, err)
		}
		if w.symbol != "" && books.Book(w.symbol) == nil {
			var names []string
			for _, b := range books.Books(nil) {
				names = append(names, b.Symbol())
			}
			return noSymbol(w.symbol, "the venue", names)
		}
		if err := show.begin(books, o.Sequence); err != nil {
			return err
		}
	}
	stream, err := w.open(limited, o)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer func() {
		stop()
		_ = stream.Close() // what ended it is told
	}()
	for {
		m, err := stream.Recv()
		if err != nil {
			return w.at(w.itch, err)
		}
		e, err := books.Apply(m.Payload)
		if err != nil {
			return &fault{Code: "E5008", What: fmt.Sprintf("message %d: %v", m.Sequence, err), Why: "the feed and the books that follow it disagree", cause: err}
		}
		if m.Sequence < w.from {
			continue
		}
		if err := show.event(m.Sequence, e); err != nil {
			return err
		}
	}
}

// open begins to receive with a message.
func (w *watching) open(ctx context.Context, o client.Options) (feed.Stream, error) {
	if w.feed == "" {
		o.Addr = w.itch
		s, err := feed.Dial(ctx, o)
		if err != nil {
			return nil, w.at(w.itch, err)
		}
		return s, nil
	}
	r, err := feed.Listen(ctx, feed.Options{Addr: w.feed, Interface: w.device, Requests: w.requests, Session: o.Session, Sequence: o.Sequence})
	if err != nil {
		return nil, &fault{Code: "E1009", What: w.feed + ": " + last(err), Fix: "ip address   shows the addresses of this machine", cause: err}
	}
	return r, nil
}

// placed is an error of a connection and the address that it is about.
type placed struct {
	addr string
	err  error
}

func (p *placed) Error() string { return p.err.Error() }
func (p *placed) Unwrap() error { return p.err }

func (w *watching) at(addr string, err error) error { return &placed{addr, err} }

// fault explains an error of a connection.
func (w *watching) fault(err error) error {
	var already *fault
	if errors.As(err, &already) {
		return already
	}
	l := w.login
	var p *placed
	if errors.As(err, &p) {
		l.addr = p.addr
		if w.feed != "" && p.addr == w.itch {
			l.addr = w.feed
		}
		err = p.err
	}
	return byRelay(l.fault(err))
}

// byRelay is the fault of a connection to what a relay serves, not the server.
func byRelay(err error) error {
	var f *fault
	if errors.As(err, &f) && f.Code == "E5001" {
		f.Fix, f.Or = "matcher relay", "name the address of a relay's service, or its configuration with -c"
	}
	return err
}

// locked is a mutex with one use: what is drawn is not changed meanwhile.
type locked struct{ mu sync.Mutex }

func (l *locked) do(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}
