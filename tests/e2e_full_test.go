package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"matcher/wire/ouch"
)

// TestFileSystemFull runs the server on a file system of 24 MiB: before it is full order entry closes, cancels are served; when
// they have used up the journal too an operator hears of it at once; when there is space again order entry opens by itself;
// nothing that was told is lost.
func TestFileSystemFull(t *testing.T) {
	v := newVenue(t, "0.01", "ALICE", "BEN")
	place := v.path("small")
	if err := os.Mkdir(place, 0o700); err != nil {
		t.Fatal(err)
	}
	const mounting = `mount -t tmpfs -o size=24m tmpfs "$0" && head -c 6000000 /dev/zero > "$0/ballast" && exec "$@"`
	if out, err := exec.Command("unshare", "-m", "sh", "-c", mounting, place, "true").CombinedOutput(); err != nil {
		t.Skipf("no file system of our own can be had here: %v %s", err, out)
	}
	s := &server{t: t, err: &lines{}, out: &lines{}, ended: make(chan struct{})}
	s.cmd = exec.Command("unshare", "-m", "sh", "-c", mounting, place, binary(t), "serve", "-c", v.config, "--json",
		"--journal", filepath.Join(place, "data"), "--durability", "async")
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = v.child(t.Context()).Env, s.out, s.err
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // how it ended is in its state
		close(s.ended)
	}()
	t.Cleanup(s.kill)
	if err := s.await(); err != nil {
		t.Fatal(err)
	}
	d := dialed(t, s, v, "ALICE", 1)
	d.enter('S', 5, 1_990_000)
	d.until(t, ouch.TypeAccepted)
	refused := func(n int) bool { // n orders, far from each other, and what becomes of the last
		for range n {
			d.enter('B', 5, 900_000)
			_ = d.conn.Send(&ouch.CancelOrder{UserRefNum: d.ref})
		}
		_ = d.conn.Send(&ouch.AccountQuery{})
		_ = d.conn.Flush()
		for closed := false; ; {
			m, err := d.conn.Recv()
			if err != nil {
				t.Fatalf("%v\n%s", err, s.err)
			}
			switch m.Payload[0] {
			case ouch.TypeRejected:
				var r ouch.Rejected
				if err := r.Decode(m.Payload); err != nil || r.Reason != ouch.RejectDestinationClosed {
					t.Fatalf("rejected with %#x, %v", r.Reason, err)
				}
				closed = true
			case ouch.TypeQueryResponse:
				return closed
			}
		}
	}
	start := time.Now()
	for !refused(1000) {
		if time.Since(start) > 2*patience {
			t.Fatalf("order entry never closed\n%s", s.err)
		}
	}
	_ = d.conn.Send(&ouch.CancelOrder{UserRefNum: 1})
	_ = d.conn.Flush()
	d.until(t, ouch.TypeCanceled) // cancels are served
	inside := filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "root", place)
	ben := dialed(t, s, v, "BEN", 0)
	for range 22_000 { // more than is kept for cancels
		_ = ben.conn.Send(&ouch.CancelOrder{UserRefNum: 1})
	}
	_ = ben.conn.Flush()
	admin := func(words ...string) outcome {
		return v.run(append(append([]string{"admin"}, words...), "--journal", filepath.Join(inside, "data"))...)
	}
	for start = time.Now(); ; {
		o := admin("cancel", "--user", "BEN")
		if o.code != 0 {
			wellFormed(t, o.stderr, "E2022")
			break
		}
		if time.Since(start) > patience {
			t.Fatalf("an operator is never refused\n%s", s.err)
		}
	}
	says(t, admin("status").stdout, "no space for another journal segment")
	if err := os.Remove(filepath.Join(inside, "ballast")); err != nil {
		t.Fatal(err)
	}
	for start = time.Now(); refused(1); time.Sleep(20 * time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatalf("order entry never opened again\n%s", s.err)
		}
	}
	for _, line := range []string{"order entry is closed, cancels are served", "order entry is open"} {
		if !strings.Contains(s.err.String(), line) {
			t.Errorf("no word of %q in\n%s", line, s.err)
		}
	}
	says(t, v.must(0, "journal", "verify", filepath.Join(inside, "data")), `^intact: `)
	if left := s.stop(patience); left.code != 0 {
		t.Errorf("exit %d: %s", left.code, left.stderr)
	}
}
