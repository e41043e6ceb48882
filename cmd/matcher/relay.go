package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

	"matcher/core"
	"matcher/relay"
)

// The feed and what is around it: the keys of [feed] and [relay], and the verb that serves the latter.

// feedSettings are the keys of [feed].
func feedSettings() []setting {
	return []setting{
		{"feed.to", false, setFeed},
		{"feed.device", false, func(c *config, s string) *unfit { c.core.Feed.Device = s; return nil }},
		{"feed.hops", false, func(c *config, s string) *unfit { return setCount(&c.core.Feed.Hops, s, 1, 255) }},
	}
}

// relaySettings are the keys of [relay].
func relaySettings() []setting {
	at := func(key string, to func(*config) *string) setting {
		return setting{"relay." + key, false, func(c *config, s string) *unfit {
			if s == "" {
				*to(c) = ""
				return nil
			}
			return setAddress(to(c), s)
		}}
	}
	return []setting{
		at("requests", func(c *config) *string { return &c.relay.Requests }),
		at("itch", func(c *config) *string { return &c.relay.ITCH }),
		at("glimpse", func(c *config) *string { return &c.relay.Glimpse }),
		at("dropcopy", func(c *config) *string { return &c.relay.DropCopy }),
		at("reference", func(c *config) *string { return &c.relay.Reference }),
		{"relay.request_rate", false, func(c *config, s string) *unfit { return setCount(&c.relay.Rate, s, 1, 10_000_000) }},
	}
}

// relayDefaults are the values of what [relay] does not mention.
func relayDefaults() relay.Config {
	return relay.Config{
		Requests: "127.0.0.1:9011", ITCH: "127.0.0.1:9012", Glimpse: "127.0.0.1:9013", DropCopy: "127.0.0.1:9014",
		Reference: "127.0.0.1:9015", Rate: 1000,
	}
}

// setFeed takes the destinations of the feed, between commas or spaces.
func setFeed(c *config, s string) *unfit {
	c.core.Feed.To = nil
	for _, to := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		host, port, err := net.SplitHostPort(to)
		if err != nil || net.ParseIP(host) == nil {
			return &unfit{code: "E4104", why: "a destination is ADDRESS:PORT, an IP address, several between commas", fix: "239.192.14.1:9010"}
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return &unfit{code: "E4104", why: "a port is a number from 1 to 65535", fix: net.JoinHostPort(host, "9010")}
		}
		c.core.Feed.To = append(c.core.Feed.To, to)
	}
	if len(c.core.Feed.To) > core.MaxFeeds {
		return &unfit{code: "E4105", why: fmt.Sprintf("at most %d destinations", core.MaxFeeds)}
	}
	return nil
}

// relayVerb serves what is missed of the feed, snapshots and drop copies from the journal, beside the server.
func relayVerb(ctx context.Context, e *env, args []string) error {
	fs := newFlags("relay")
	file := configFlag(fs)
	if _, err := parse(fs, args, 0, 0); err != nil {
		return err
	}
	c, err := loadConfig(e, *file, nil)
	if err != nil {
		return err
	}
	if err := c.identities(false); err != nil {
		return err
	}
	users, err := loadUsers(c.users)
	if err != nil {
		return err
	}
	c.relay.Journal, c.relay.Secret = c.core.Journal, c.core.Secret
	c.relay.Log = func(line string) { say(e, line) }
	for _, u := range users {
		c.relay.Users = append(c.relay.Users, relay.User{Name: u.name, Firm: u.firm, Hash: u.hash, DropCopy: u.role == roleDropCopy})
	}
	r, err := relay.Open(c.relay)
	if err != nil {
		return relayFault(err)
	}
	ready := context.AfterFunc(untilReady(ctx, r), func() {
		line := "ready: journal " + c.core.Journal
		for _, name := range [...]string{"requests", "itch", "glimpse", "dropcopy", "reference"} {
			if addr := r.Addr(name); addr != "" {
				line += fmt.Sprintf(", %s %s", name, addr)
			}
		}
		say(e, line)
	})
	defer ready()
	if err := r.Run(ctx); err != nil {
		return journalFault(c.core.Journal, err)
	}
	return nil
}

// untilReady returns a context that is done when the relay serves.
func untilReady(ctx context.Context, r *relay.Relay) context.Context {
	done, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-r.Ready():
			cancel()
		case <-ctx.Done():
		}
	}()
	return done
}

// relayFault says why a relay cannot listen.
func relayFault(err error) error {
	f := &fault{Code: "E1009", What: "the relay cannot listen: " + last(err), Fix: "ip address   shows the addresses of this machine", cause: err}
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil {
		f.What = fmt.Sprintf("the relay cannot listen on %s: %s", op.Addr, last(err))
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		f.Code, f.Why, f.Fix = "E1002", "another relay, or something else, has the port", "ss -ltunp   shows which"
	}
	return f
}
