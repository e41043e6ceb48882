package tests

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matcher/client/feed"
	"matcher/journal"
	"matcher/wire/ouch"
)

// TestArchive moves the segments of a day that has ended away, and holds that whoever needs them finds them: a relay that is
// started then, an operator who breaks a trade, a start without snapshots. Where they are gone, the error says where they were.
func TestArchive(t *testing.T) {
	b := newBroadcaster(t)
	archive := b.path("archive")
	s := b.serve()
	trade := func(ref uint32) {
		t.Helper()
		maker, taker := dialed(t, s, b.venue, "MAKER", 0), dialed(t, s, b.venue, "TAKER", 0)
		maker.ref, taker.ref = ref, ref
		maker.enter('S', 10, 1_000_000)
		maker.until(t, ouch.TypeAccepted)
		taker.enter('B', 10, 1_000_000)
		taker.until(t, ouch.TypeExecuted)
		_, _ = maker.conn.Close(), taker.conn.Close()
	}
	trade(1) // match 1, in the first segment
	s.stop(patience)
	s = b.serve()
	b.admin(0, "end-of-day")
	for ref := range uint32(3) { // matches 2 to 4, of the second day
		trade(ref + 1)
		b.must(0, "snapshot", "create", b.journal(), "--archive", archive)
	}
	first := filepath.Join(archive, journal.SegmentName(1))
	if _, err := os.Stat(first); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, b.admin(6, "bust", "1").stderr, "E2014") // found, and of another day
	b.admin(0, "bust", "3")
	wellFormed(t, b.admin(6, "bust", "99").stderr, "E2012")
	trade(4)
	s.stop(patience)

	if err := os.RemoveAll(filepath.Join(b.journal(), "snapshots")); err != nil {
		t.Fatal(err)
	}
	b.beside() // without snapshots it reads from the birth of the journal, and has the day before too
	b.must(0, "replay", b.journal(), "--feed", b.path("day.itch50"))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	now, err := feed.Dial(ctx, b.options("itch", "TAKER", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = now.Close() }()
	o := b.options("itch", "TAKER", 1)
	o.Session = now.Session()[:6] + "0001"
	before, err := feed.Dial(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = before.Close() }()
	for name, stream := range map[string]*feed.TCP{"day.itch50": before, "day-" + now.Session() + ".itch50": now} {
		want, err := os.ReadFile(b.path(name))
		if err != nil {
			t.Fatal(err)
		}
		messages := uint64(0)
		for rest := want; len(rest) != 0; messages++ {
			rest = rest[2+int(rest[0])<<8+int(rest[1]):]
		}
		got, err := follow(stream, messages)
		if err != nil || !bytes.Equal(got, want) || messages == 0 {
			t.Errorf("%s: the relay tells %d bytes, the journal %d: %v", name, len(got), len(want), err)
		}
	}
	b.stopRelay()

	s = b.serve()
	if got := from(t, s); got != "" {
		t.Errorf("started from snapshot %s, and there is none", got)
	}
	s.stop(patience)
	if err := os.Rename(first, first+".away"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"serve", "-c", b.config}, {"journal", "verify", b.journal()}, {"replay", b.journal(), "--verify"}, {"relay", "-c", b.config},
	} {
		o := b.run(args...)
		wellFormed(t, o.stderr, "E3002")
		if o.code != 5 || !strings.Contains(o.stderr, "archived to "+archive) || !strings.Contains(o.stderr, "put 000001.mj back into "+archive) {
			t.Errorf("matcher %s: exit %d: %s", strings.Join(args, " "), o.code, o.stderr)
		}
	}
	if err := os.Rename(first+".away", first); err != nil {
		t.Fatal(err)
	}
	b.serve().stop(patience)
	says(t, b.must(0, "replay", b.journal(), "--verify"), `IDENTICAL`)
}
