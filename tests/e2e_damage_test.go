package tests

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"matcher/journal"
	"matcher/wire/ouch"
)

// TestDamageMatrix: journal info, journal verify, journal repair and the server itself give one judgement on the same damage,
// and none of them changes a byte of what it refuses.
func TestDamageMatrix(t *testing.T) {
	v := newVenue(t, "0.01", "ALICE")
	other := newVenue(t, "0.01", "ALICE")
	other.serve().kill()
	for range 3 { // three segments, each of an epoch of its own; the last has no seal
		s := v.serve()
		d := dialed(t, s, v, "ALICE", 0)
		d.ref = uint32(len(s.ready)) * 100
		for range 3 {
			d.ref += d.ref % 7
			d.enter('B', 5, 900_000)
			_ = d.conn.Send(&ouch.AccountQuery{})
			_ = d.conn.Flush()
			d.until(t, ouch.TypeQueryResponse)
		}
		s.kill()
	}
	ends := segmentEnds(t, v.journal())
	if len(ends) != 3 {
		t.Fatalf("%d segments in use", len(ends))
	}
	edit := func(n uint32, change func(b []byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			name := filepath.Join(dir, journal.SegmentName(n))
			b, err := os.ReadFile(name)
			if err == nil {
				err = os.WriteFile(name, change(b), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	move := func(pairs ...string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			for i := 0; i < len(pairs); i += 2 {
				if err := os.Rename(filepath.Join(dir, pairs[i]), filepath.Join(dir, pairs[i+1])); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	bring := func(from, name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			b, err := os.ReadFile(from)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	flip := func(at int64) func(b []byte) []byte {
		return func(b []byte) []byte { b[at] ^= 4; return b }
	}
	own := func(n uint32) string { return filepath.Join(v.journal(), journal.SegmentName(n)) }
	foreign := filepath.Join(other.journal(), journal.SegmentName(1))
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		code   string // "": whole
		torn   bool
	}{
		{"nothing", func(*testing.T, string) {}, "", false},
		{"first cut short", edit(1, func(b []byte) []byte { return b[:len(b)-4096] }), "E3008", false},
		{"middle cut short", edit(2, func(b []byte) []byte { return b[:8192] }), "E3008", false},
		{"last cut short", edit(3, func(b []byte) []byte { return b[:100] }), "E3008", false},
		{"first lengthened", edit(1, func(b []byte) []byte { return append(b, make([]byte, 4096)...) }), "", false},
		{"last lengthened by bytes", edit(3, func(b []byte) []byte { return append(b, 1, 2, 3) }), "", false},
		{"first missing", move("000001.mj", "x"), "E3002", false},
		{"middle missing", move("000002.mj", "x"), "E3002", false},
		{"swapped", move("000001.mj", "x", "000002.mj", "000001.mj", "x", "000002.mj"), "E3007", false},
		{"renamed", move("000001.mj", "1.mj"), "E3007", false},
		{"twice", bring(own(2), "000009.mj"), "E3007", false},
		{"foreign for the first", bring(foreign, "000001.mj"), "E3006", false},
		{"foreign for the last", bring(foreign, "000003.mj"), "E3006", false},
		{"first header", edit(1, flip(48)), "E3009", false},
		{"middle header", edit(2, flip(48)), "E3009", false},
		{"last header", edit(3, flip(48)), "E3009", false},
		{"zeros for a header", edit(2, func(b []byte) []byte { clear(b[:4096]); return b }), "E3009", false},
		{"first block", edit(1, flip(4096+200)), "E3003", false},
		{"a block in the middle", edit(2, flip(4096+130)), "E3003", false},
		{"last block", edit(3, flip(ends[2]-4096+150)), "E3003", false},
		{"last block's magic", edit(3, flip(ends[2]-4096)), "E3003", false},
		{"blocks in another's place", edit(3, func(b []byte) []byte {
			x, y := b[ends[2]-8192:][:4096], b[ends[2]-4096:][:4096]
			was := bytes.Clone(x)
			copy(x, y)
			copy(y, was)
			return b
		}), "E3003", false},
		{"half of the last block", edit(3, func(b []byte) []byte {
			clear(b[ends[2]-4096+512 : ends[2]])
			copy(b[ends[2]-4096+512:], "torn")
			return b
		}), "", true},
		{"bytes behind the end", edit(3, func(b []byte) []byte { copy(b[ends[2]+5000:], "torn"); return b }), "", true},
		{"bytes behind a fence", edit(2, func(b []byte) []byte { copy(b[ends[1]+5000:], "void"); return b }), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := copied(t, v.journal())
			c.damage(t, dir)
			before := sum(t, dir)
			judge := func(args ...string) outcome {
				t.Helper()
				o := v.run(args...)
				if c.code != "" {
					wellFormed(t, o.stderr, c.code)
				} else if o.code != 0 {
					t.Errorf("matcher %s: exit %d\n%s%s", strings.Join(args, " "), o.code, o.stdout, o.stderr)
				}
				return o
			}
			judge("journal", "info", dir)
			verified := judge("journal", "verify", dir)
			if strings.Contains(verified.stdout, "torn tail:") != c.torn {
				t.Errorf("verify says %s", verified.stdout)
			}
			judge("journal", "repair", dir, "--truncate-tail")
			if sum(t, dir) != before {
				t.Fatal("something was changed that was only looked at")
			}
			if c.code != "" {
				judge("journal", "repair", dir, "--truncate-tail", "--yes")
				judge("serve", "-c", v.config, "--journal", dir)
				if sum(t, dir) != before {
					t.Fatal("something was changed on a refusal")
				}
				return
			}
			if s := v.launch("--journal", copied(t, dir)); s.await() != nil {
				t.Errorf("the server refuses what verify takes: %s", s.err)
			} else {
				s.kill()
			}
			judge("journal", "repair", dir, "--truncate-tail", "--yes")
			after := v.run("journal", "verify", dir)
			if after.code != 0 || strings.Contains(after.stdout, "torn tail:") || lastSeq(after.stdout) != lastSeq(verified.stdout) {
				t.Errorf("verify says %s, and after the repair %s", verified.stdout, after.stdout)
			}
			if kept, _ := filepath.Glob(filepath.Join(dir, "*.cut-*")); (len(kept) == 1) != c.torn {
				t.Errorf("kept: %v", kept)
			}
		})
	}
}

// TestRestoreByte: a byte that changed at rest gets its value back, in the last block and in one before it; what more than a
// byte has done is refused.
func TestRestoreByte(t *testing.T) {
	v := newVenue(t, "0.01", "ALICE")
	s := v.serve()
	dialed(t, s, v, "ALICE", 1).until(t, ouch.TypeSystemEvent)
	if left := s.stop(patience); left.code != 0 {
		t.Fatal(left.stderr)
	}
	name := filepath.Join(v.journal(), journal.SegmentName(1))
	end := segmentEnds(t, v.journal())[0]
	before := sum(t, v.journal())
	change := func(at ...int64) {
		b, err := os.ReadFile(name)
		for _, i := range at {
			b[i] ^= 0x55
		}
		if err == nil {
			err = os.WriteFile(name, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []int64{4096 + 300, end - 4096 + 9, end - 4096 + 140, end - 1} {
		change(at)
		wellFormed(t, v.run("journal", "verify", v.journal()).stderr, "E3003")
		v.must(0, "journal", "repair", v.journal(), "--restore-byte")
		v.must(0, "journal", "repair", v.journal(), "--restore-byte", "--yes")
		if sum(t, v.journal()) != before {
			t.Fatalf("byte %#x is not what it was", at)
		}
	}
	change(end-4096+168, end-4096+169)
	wellFormed(t, v.run("journal", "repair", v.journal(), "--restore-byte", "--yes").stderr, "E3003")
}

var seqText = regexp.MustCompile(`last seq (\d+)`)

func lastSeq(verified string) string { return strings.Join(seqText.FindStringSubmatch(verified), "") }

// copied returns a copy of the segments of a journal.
func copied(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	names, err := filepath.Glob(filepath.Join(from, "*.mj"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(name)), bytes.TrimRight(b, "\x00"), 0o600)
		}
		if err == nil {
			err = os.Truncate(filepath.Join(to, filepath.Base(name)), int64(len(b)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// sum is a hash of the names and bytes of all segments.
func sum(t *testing.T, dir string) [32]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.mj"))
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		h.Write([]byte(filepath.Base(name)))
		h.Write(bytes.TrimRight(b, "\x00"))
		h.Write(strconv.AppendInt(nil, int64(len(b)), 10))
	}
	return [32]byte(h.Sum(nil))
}

// segmentEnds returns the offsets behind the last block of each segment in use.
func segmentEnds(t *testing.T, dir string) (ends []int64) {
	t.Helper()
	r, err := journal.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	first := journal.Position(0)
	for {
		b, err := r.Next()
		if err != nil {
			return ends
		}
		if n := int(r.End().Segment); n > len(ends) {
			ends, first = append(ends, 0), b.Position
		}
		ends[len(ends)-1] = journal.SegmentHeaderSize + int64(b.Position-first) + int64(b.Length)
	}
}
