package soupbin

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// vectors reads testdata/vectors.tsv: a packet per line, name and hex.
func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.tsv")
	if err != nil {
		t.Fatal(err)
	}
	m := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if m[name], err = hex.DecodeString(digits); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return m
}

// written makes the packet of every vector that a client or a server of this package would write.
func written() map[string][]byte {
	login := Login{Username: [6]byte([]byte("USER1 ")), Password: pad10("PASS1"), Session: pad10(""), Sequence: 1}
	return map[string][]byte{
		"login":            AppendLogin(nil, &login, Right),
		"login accepted":   AppendLoginAccepted(nil, &Accepted{Session: pad10("SESS1"), Sequence: 1}),
		"login rejected":   AppendLoginRejected(nil, NotAuthorized),
		"server heartbeat": AppendServerHeartbeat(nil),
		"client heartbeat": AppendClientHeartbeat(nil),
		"debug":            AppendDebug(nil, "hello"),
		"end of session":   AppendEndOfSession(nil),
		"logout":           AppendLogout(nil),
		"unsequenced":      AppendUnsequenced(nil, []byte{'Q'}),
		"sequenced":        AppendSequenced(nil, []byte("S\x00\x00\x1f\x1a\xce\xd9\xf0\x7bS")),
		"login justified left": AppendLogin(nil, &Login{
			Username: [6]byte([]byte("user1 ")), Password: pad10("pASS1"), Session: pad10("SESS1"), Sequence: 42,
		}, Left),
	}
}

func pad10(s string) (field [10]byte) {
	left(field[:], []byte(s))
	return field
}

func TestAppendVectors(t *testing.T) {
	got := written()
	for name, want := range vectors(t) {
		if name == "login of 51 bytes" {
			continue // only others write it
		}
		if !bytes.Equal(got[name], want) {
			t.Errorf("%s: wrote %x, want %x", name, got[name], want)
		}
	}
}

func TestNextVectors(t *testing.T) {
	types := map[string]byte{
		"login": 'L', "login accepted": 'A', "login rejected": 'J', "server heartbeat": 'H', "client heartbeat": 'R',
		"debug": '+', "end of session": 'Z', "logout": 'O', "unsequenced": 'U', "sequenced": 'S',
		"login justified left": 'L', "login of 51 bytes": 'L',
	}
	seen := 0
	for name, b := range vectors(t) {
		p, n, err := Next(b)
		if err != nil || n != len(b) || p.Type != types[name] || !bytes.Equal(p.Payload, b[3:]) {
			t.Errorf("%s: %c %x, size %d, %v", name, p.Type, p.Payload, n, err)
		}
		for cut := range b {
			if _, n, err := Next(b[:cut]); n != 0 || err != nil {
				t.Errorf("%s cut to %d bytes: size %d, %v", name, cut, n, err)
			}
		}
		seen++
	}
	if seen != len(types) {
		t.Errorf("%d vectors, want %d", seen, len(types))
	}
}

// The published vectors are the ones of this package.
func TestSharedVectors(t *testing.T) {
	text, err := os.ReadFile("../../../shared/protocol/vectors.tsv")
	if err != nil {
		t.Skip("no ../shared beside the repository:", err)
	}
	own := map[string]bool{}
	for _, b := range vectors(t) {
		own[hex.EncodeToString(b)] = true
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if f[0] != "SoupBin" {
			continue
		}
		rows++
		if !own[f[3]] || fmt.Sprint(len(f[3])/2) != f[2] {
			t.Errorf("%s: %s is not in testdata, or not of length %s", f[1], f[3], f[2])
		}
	}
	if rows != 8 {
		t.Errorf("%d rows, want 8", rows)
	}
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		name    string
		in      string
		size    int
		payload string
		err     error
	}{
		{"nothing", "", 0, "", nil},
		{"half a length", "\x00", 0, "", nil},
		{"no type yet", "\x00\x01", 0, "", nil},
		{"length 0", "\x00\x00", 0, "", ErrLength},
		{"length 0 with more behind", "\x00\x00H\x00\x01H", 0, "", ErrLength},
		{"no payload", "\x00\x01H", 3, "", nil},
		{"two packets", "\x00\x03Sab\x00\x01H", 5, "ab", nil},
		{"payload not whole", "\x00\x03Sa", 0, "", nil},
		{"unknown type", "\x00\x02?x", 4, "x", nil},
		{"the longest", "\xff\xffS" + strings.Repeat("x", MaxPayload), HeaderSize + MaxPayload, strings.Repeat("x", MaxPayload), nil},
	} {
		p, n, err := Next([]byte(c.in))
		if n != c.size || string(p.Payload) != c.payload || !errors.Is(err, c.err) {
			t.Errorf("%s: size %d, payload %.20q, %v", c.name, n, p.Payload, err)
		}
	}
}

// A payload has no capacity beyond it: appending to it does not write over the next packet.
func TestPayloadEndsWithItsPacket(t *testing.T) {
	p, _, _ := Next([]byte("\x00\x02Sa\x00\x01H"))
	if cap(p.Payload) != 1 {
		t.Errorf("capacity %d, want 1", cap(p.Payload))
	}
}

func TestPacketSize(t *testing.T) {
	for in, want := range map[string]int{"": 0, "\x00": 0, "\x00\x00": 2, "\x00\x01": 3, "\xff\xff": 65537} {
		if got := PacketSize([]byte(in)); got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}

func TestPutHeaderPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"negative":     func() { PutHeader(make([]byte, 3), Debug, -1) },
		"too long":     func() { PutHeader(make([]byte, 3), Debug, MaxPayload+1) },
		"no room":      func() { PutHeader(make([]byte, 2), Debug, 0) },
		"long message": func() { AppendSequenced(nil, make([]byte, MaxPayload+1)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestAllocations(t *testing.T) {
	dst := make([]byte, 0, 1024)
	message := make([]byte, 64)
	login := AppendLogin(nil, &Login{Sequence: 1 << 40}, Right)[HeaderSize:]
	var l Login
	if n := testing.AllocsPerRun(100, func() {
		b := AppendSequenced(dst, message)
		b = AppendServerHeartbeat(b)
		b = AppendLoginAccepted(b, &Accepted{Sequence: 1 << 40})
		for len(b) > 0 {
			_, n, err := Next(b)
			if err != nil || n == 0 {
				t.Fatal(n, err)
			}
			b = b[n:]
		}
		if err := l.Decode(login); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzSoupbin(f *testing.F) {
	for _, b := range vectors(f) {
		f.Add(b)
	}
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		for {
			p, n, err := Next(b)
			if err != nil || n == 0 {
				return
			}
			if got := Append(nil, p.Type, p.Payload); !bytes.Equal(got, b[:n]) {
				t.Fatalf("%x became %x", b[:n], got)
			}
			fuzzPayload(t, p.Payload)
			b = b[n:]
		}
	})
}

// fuzzPayload reads a payload as both packets that have fields: what is read is written and read the same.
func fuzzPayload(t *testing.T, payload []byte) {
	var l, l2 Login
	if l.Decode(payload) == nil {
		for _, j := range []Justify{Left, Right} {
			if err := l2.Decode(AppendLogin(nil, &l, j)[HeaderSize:]); err != nil || l2 != l {
				t.Fatalf("%+v became %+v, %v", l, l2, err)
			}
		}
	}
	var a, a2 Accepted
	if a.Decode(payload) == nil {
		if err := a2.Decode(AppendLoginAccepted(nil, &a)[HeaderSize:]); err != nil || a2 != a {
			t.Fatalf("%+v became %+v, %v", a, a2, err)
		}
	}
}

func ExampleNext() {
	stream := AppendDebug(nil, "welcome")
	stream = AppendSequenced(stream, []byte("a message"))
	stream = AppendServerHeartbeat(stream)
	stream = append(stream, 0, 5, 'S') // the rest has not arrived
	for {
		p, n, err := Next(stream)
		if err != nil || n == 0 {
			fmt.Println(len(stream), "bytes left,", err)
			return
		}
		fmt.Printf("%c %q\n", p.Type, p.Payload)
		stream = stream[n:]
	}
	// Output:
	// + "welcome"
	// S "a message"
	// H ""
	// 3 bytes left, <nil>
}

func BenchmarkNext(b *testing.B) {
	packet := AppendSequenced(nil, make([]byte, 64))
	for b.Loop() {
		if _, n, err := Next(packet); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}
