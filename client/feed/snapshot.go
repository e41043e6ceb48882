package feed

import (
	"context"
	"fmt"

	"matcher/client"
	"matcher/wire/itch"
)

// Snapshot fetches a snapshot (GLIMPSE 5.0) and gives each of its messages to apply: instruments, then every displayed
// order, each queue in its order. It returns the session and the number of the first message that is not in the snapshot:
// receive from there on. ctx bounds all of it.
func Snapshot(ctx context.Context, o client.Options, apply func(message []byte) error) (session string, next uint64, err error) {
	o.Sequence = 1
	conn, err := client.Dial(ctx, o)
	if err != nil {
		return "", 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		stop()
		_ = conn.Logout() // a courtesy: everything has been said
		_ = conn.Close()
	}()
	for {
		m, err := conn.Recv()
		switch {
		case err != nil && ctx.Err() != nil:
			return "", 0, fmt.Errorf("feed: snapshot: %w", ctx.Err())
		case err != nil:
			return "", 0, fmt.Errorf("feed: the snapshot has no end: %w", err)
		case itch.Type(m.Payload) != itch.TypeEndOfSnapshot:
			if err := apply(m.Payload); err != nil {
				return "", 0, err
			}
			continue
		}
		var end itch.EndOfSnapshot
		if err := end.Decode(m.Payload); err != nil {
			return "", 0, fmt.Errorf("feed: snapshot: %w", err)
		}
		return conn.Session(), end.Sequence, nil
	}
}
