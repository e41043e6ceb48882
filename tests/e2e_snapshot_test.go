package tests

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"matcher/client"
	"matcher/wire/ouch"
)

// replayedFrom takes apart what the ready line says of a start.
var replayedFrom = regexp.MustCompile(`(?:snapshot of seq (\d+) and )?(\d+) commands replayed`)

// TestSnapshotStart kills a server under load that has snapshots, and starts it from the newest: what the clients pieced
// together over the kill is the day, from its first message on. Then it is started from an older snapshot, because the newest is
// damaged, and from none: from 1, from the middle, from the end, the day is the same byte for byte.
func TestSnapshotStart(t *testing.T) {
	rerun := again(t)
	users := []string{"ANN", "BEN", "CAT", "DAN"}
	v := newVenue(t, "0.01", users...)
	v.env = append(v.env, "MATCHER_JOURNAL_SNAPSHOT_EVERY=1000", "MATCHER_JOURNAL_SNAPSHOT_KEEP=2")
	s := v.serve()
	ctx, finish := context.WithCancel(context.Background())
	defer finish()
	var running sync.WaitGroup
	traders := make([]*trader, len(users))
	for i, user := range users {
		traders[i] = &trader{user: user, key: v.key(user), addr: s.addr, random: rand.New(rand.NewPCG(*seed, uint64(i)))}
		running.Add(1)
		go func() {
			defer running.Done()
			traders[i].run(ctx)
		}()
	}
	v.traded(s, traders, 1500)
	t.Log(strings.TrimSpace(v.must(0, "snapshot", "create", v.journal())))
	for start := time.Now(); len(v.snapshotFiles(".streams")) < 3; { // the third begins where the second ended, which is gone
		v.traded(s, traders, 100)
		if time.Since(start) > 2*patience {
			t.Fatalf("the server takes no snapshots: %s", s.err)
		}
	}
	v.traded(s, traders, 300)
	addr := s.addr
	s.kill()
	v.env = append(v.env, "MATCHER_JOURNAL_SNAPSHOT_EVERY=0")
	s = v.launch("--listen", addr)
	if err := s.await(); err != nil {
		t.Fatal(err)
	}
	if from(t, s) == "" {
		t.Errorf("the start read the whole journal: %s", s.ready)
	}
	v.traded(s, traders, 1000)
	finish()
	if !ended(&running, patience) {
		t.Fatalf("the traders get no answers any more; %s\n%s", rerun, s.err)
	}
	for _, c := range traders {
		v.accounted(s, c)
	}
	days := map[string]stream{}
	for _, user := range users {
		days[user] = v.day(s.addr, user)
	}
	v.resumed(s, days)
	names := v.snapshotFiles(".snapshot")
	if len(names) != 2 {
		t.Fatalf("%d snapshots are kept, want 2", len(names))
	}
	spoil(t, names[1])
	for _, want := range []string{filepath.Base(names[0]), ""} {
		if left := s.stop(patience); left.code != 0 {
			t.Fatalf("exit %d: %s", left.code, left.stderr)
		}
		if want == "" {
			if err := os.RemoveAll(filepath.Join(v.journal(), "snapshots")); err != nil {
				t.Fatal(err)
			}
		}
		s = v.serve()
		t.Log(s.ready)
		if got := from(t, s); (got == "") != (want == "") || !strings.Contains(want, got) {
			t.Errorf("started from %q, want %q", got, want)
		}
		if want != "" && !strings.Contains(s.err.String(), "warning: a start without") {
			t.Errorf("nothing is said of the damaged snapshot: %s", s.err)
		}
		for _, user := range users {
			if day := v.day(s.addr, user); day.session != days[user].session || !slices.EqualFunc(day.raw, days[user].raw, bytes.Equal) {
				t.Errorf("%s: the day differs: %d messages of %d", user, len(day.raw), len(days[user].raw))
			}
		}
		v.resumed(s, days)
	}
	if left := s.stop(patience); left.code != 0 {
		t.Errorf("exit %d: %s", left.code, left.stderr)
	}
	v.verified(executed(t, v.journal()))
}

// from returns the seq of the snapshot that a server started from, "" if it read the whole journal.
func from(t *testing.T, s *server) string {
	t.Helper()
	m := replayedFrom.FindStringSubmatch(s.ready)
	if m == nil {
		t.Fatalf("the ready line does not say what was replayed: %s", s.ready)
	}
	return m[1]
}

// resumed logs in at places all over the day, some at once, and holds what comes against the day.
func (v *venue) resumed(s *server, days map[string]stream) {
	v.t.Helper()
	random := rand.New(rand.NewPCG(*seed, 20))
	var all sync.WaitGroup
	for user, day := range days {
		all.Add(1)
		places := []uint64{1, uint64(len(day.raw)), uint64(len(day.raw)) + 1}
		for range 8 {
			places = append(places, 1+random.Uint64N(uint64(len(day.raw))))
		}
		go func() {
			defer all.Done()
			for _, place := range places {
				v.tail(s.addr, user, day, place)
			}
		}()
	}
	all.Wait()
}

// tail logs in at a message and reads to the end of the day.
func (v *venue) tail(addr, user string, day stream, place uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := client.Dial(ctx, client.Options{Addr: addr, Username: user, Password: v.key(user), Session: day.session, Sequence: place})
	if err != nil {
		v.t.Errorf("%s at %d: %v", user, place, err)
		return
	}
	limit := time.AfterFunc(patience, func() { _ = conn.Close() })
	defer limit.Stop()
	defer func() { _ = conn.Close() }()
	for n := place; n <= uint64(len(day.raw)); n++ {
		m, err := conn.Recv()
		if err != nil || m.Sequence != n || !bytes.Equal(m.Payload, day.raw[n-1]) {
			v.t.Errorf("%s from message %d on: message %d is not what it was: %v", user, place, n, err)
			return
		}
	}
}

// snapshotFiles returns the files of a kind, the oldest first.
func (v *venue) snapshotFiles(suffix string) []string {
	v.t.Helper()
	names, err := filepath.Glob(filepath.Join(v.journal(), "snapshots", "*"+suffix))
	if err != nil {
		v.t.Fatal(err)
	}
	return names
}

// spoil flips a bit in the middle of a file.
func spoil(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 4
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestStreamsGivenBack has a server tell a user several times what its memory for streams holds: before it is full a snapshot is
// taken, and memory of what that holds is given back. The user still gets the whole day, before a kill and behind it.
func TestStreamsGivenBack(t *testing.T) {
	const memory = 8 << 20
	v := newVenue(t, "0.01", "ANN", "BEN")
	v.env = append(v.env, "MATCHER_CORE_MAX_ORDERS=1000", fmt.Sprint("MATCHER_CORE_STREAM_MEMORY=", memory))
	s := v.serve()
	conn := v.morning(s.addr, "ANN")
	var raw [][]byte
	told, refused, ref := 0, 0, uint32(0)
	send := func(m ouch.Inbound) {
		if err := conn.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	for start := time.Now(); told < 4*memory; {
		if time.Since(start) > 2*patience {
			t.Fatalf("%d bytes were told: no memory is given back; %s", told, s.err)
		}
		before := refused
		for range 200 {
			ref++
			send(order(ref, ouch.SideBuy, 1))
			send(&ouch.CancelOrder{UserRefNum: ref})
		}
		send(&ouch.AccountQuery{})
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
		for {
			m, err := conn.Recv()
			if err != nil {
				t.Fatal(err)
			}
			raw = append(raw, bytes.Clone(m.Payload))
			told += len(m.Payload)
			if m.Payload[0] == ouch.TypeQueryResponse {
				break
			}
			var j ouch.Rejected
			if m.Payload[0] != ouch.TypeRejected {
				continue
			}
			if err := j.Decode(m.Payload); err != nil || j.Reason != ouch.RejectDestinationClosed {
				t.Fatalf("rejected with 0x%02X, %v", j.Reason, err)
			}
			refused++
		}
		if refused != before {
			time.Sleep(10 * time.Millisecond) // order entry is closed until there is a snapshot
		}
	}
	t.Logf("%d messages, %d orders refused for want of memory", len(raw), refused)
	if len(v.snapshotFiles(".snapshot")) == 0 {
		t.Fatal("there is no snapshot")
	}
	_ = conn.Close()
	for range 2 {
		if day := v.day(s.addr, "ANN"); !slices.EqualFunc(day.raw[1:], raw, bytes.Equal) { // behind the start of the day
			t.Fatalf("the day has %d messages, told were one and %d, or others", len(day.raw), len(raw))
		}
		s.kill()
		s = v.serve()
	}
	if left := s.stop(patience); left.code != 0 {
		t.Errorf("exit %d: %s", left.code, left.stderr)
	}
	v.verified(executed(t, v.journal()))
}
