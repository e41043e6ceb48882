package soupbin

import (
	"errors"
	"fmt"
	"testing"
)

// request is a login payload from its fields as they stand on the wire.
func request(user, password, session, sequence string) []byte {
	return fmt.Appendf(nil, "%s%s%s%s", user, password, session, sequence)
}

func TestLoginDecode(t *testing.T) {
	const user, password, session = "USER1 ", "PASS1     ", "     SESS1"
	want := Login{Username: [6]byte([]byte("USER1 ")), Password: pad10("PASS1"), Session: pad10("SESS1"), Sequence: 42}
	for _, c := range []struct {
		name string
		in   []byte
		err  error
	}{
		{"right", request(user, password, session, "                  42"), nil},
		{"left", request(user, password, "SESS1     ", "42                  "), nil},
		{"middle", request(" USER1", "  PASS1   ", "  SESS1   ", "   42               "), nil},
		{"lower case", request("uSer1 ", "pass1     ", session, "                  42"), nil},
		{"leading zeros", request(user, password, session, "00000000000000000042"), nil},
		{"51 bytes", append(request(user, password, session, "                  42"), " 1000"...), nil},
		{"51 bytes, any end", append(request(user, password, session, "                  42"), "\x00\xff?! "...), nil},
		{"45 bytes", request(user, password, session, "                 42"), ErrLength},
		{"47 bytes", request(user, password, session, "                   42"), ErrLength},
		{"50 bytes", append(request(user, password, session, "                  42"), "1000"...), ErrLength},
		{"no bytes", nil, ErrLength},
		{"zero bytes for spaces", request("USER1\x00", password, "SESS1\x00\x00\x00\x00\x00", "                  42"), nil},
		{"zero bytes in between", request(user, password, session, "4\x002                 "), ErrSequence},
		{"blank", request(user, password, session, "                    "), ErrSequence},
		{"letters", request(user, password, session, "                  4x"), ErrSequence},
		{"inner space", request(user, password, session, "                 4 2"), ErrSequence},
		{"negative", request(user, password, session, "                 -42"), ErrSequence},
		{"plus", request(user, password, session, "                 +42"), ErrSequence},
		{"zero bytes behind the number", request(user, password, session, "42\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), nil},
		{"beyond 64 bits by one", request(user, password, session, "18446744073709551616"), ErrSequence},
		{"beyond 64 bits", request(user, password, session, "99999999999999999999"), ErrSequence},
	} {
		var got Login
		switch err := got.Decode(c.in); {
		case !errors.Is(err, c.err):
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		case err == nil && got != want:
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestLoginSequence(t *testing.T) {
	for text, want := range map[string]uint64{
		"                   0": 0,
		"1                   ": 1,
		"18446744073709551615": 1<<64 - 1,
		" 9999999999999999999": 9999999999999999999,
	} {
		var l Login
		if err := l.Decode(request("USER1 ", "PASS1     ", "          ", text)); err != nil || l.Sequence != want {
			t.Errorf("%q: %d, %v", text, l.Sequence, err)
		}
	}
}

// The session is told apart by case, and a full field keeps all its characters.
func TestLoginFullFields(t *testing.T) {
	var l Login
	if err := l.Decode(request("ABCDEF", "0123456789", "sessionSID", "                   1")); err != nil {
		t.Fatal(err)
	}
	if string(l.Username[:])+string(l.Password[:])+string(l.Session[:]) != "ABCDEF0123456789sessionSID" {
		t.Errorf("%+v", l)
	}
}

func TestLoginOfVectors(t *testing.T) {
	v := vectors(t)
	for name, want := range map[string]Login{
		"login":                {[6]byte([]byte("USER1 ")), pad10("PASS1"), pad10(""), 1},
		"login justified left": {[6]byte([]byte("USER1 ")), pad10("PASS1"), pad10("SESS1"), 42},
		"login of 51 bytes":    {[6]byte([]byte("USER1 ")), pad10("PASS1"), pad10("SESS1"), 7},
	} {
		var l Login
		if err := l.Decode(v[name][HeaderSize:]); err != nil || l != want {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

func TestAcceptedDecode(t *testing.T) {
	want := Accepted{Session: pad10("SESS1"), Sequence: 42}
	for _, c := range []struct {
		name string
		in   string
		err  error
	}{
		{"right", "     SESS1                  42", nil},
		{"left", "SESS1     42                  ", nil},
		{"middle", " SESS1     42                 ", nil},
		{"short", "     SESS1                 42", ErrLength},
		{"long", "     SESS1                   42", ErrLength},
		{"letters", "     SESS1                  4x", ErrSequence},
	} {
		var got Accepted
		switch err := got.Decode([]byte(c.in)); {
		case !errors.Is(err, c.err):
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		case err == nil && got != want:
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestAcceptedIsPaddedOnTheLeft(t *testing.T) {
	for _, session := range []string{"SESS1     ", "     SESS1", "  SESS1   "} {
		a := Accepted{Session: [10]byte([]byte(session)), Sequence: 1<<64 - 1}
		if got := string(AppendLoginAccepted(nil, &a)); got != "\x00\x1fA     SESS118446744073709551615" {
			t.Errorf("%q: %q", session, got)
		}
	}
}

func ExampleAppendLogin() {
	login := Login{Username: [6]byte([]byte("ALICE ")), Password: [10]byte([]byte("secret    ")), Sequence: 17}
	fmt.Printf("%q\n", AppendLogin(nil, &login, Right)[HeaderSize:])
	var read Login
	err := read.Decode(AppendLogin(nil, &login, Left)[HeaderSize:])
	fmt.Printf("%s wants %d, %v\n", read.Username, read.Sequence, err)
	// Output:
	// "ALICE secret                                17"
	// ALICE  wants 17, <nil>
}

func BenchmarkLoginDecode(b *testing.B) {
	payload := AppendLogin(nil, &Login{Sequence: 123456}, Right)[HeaderSize:]
	var l Login
	for b.Loop() {
		if err := l.Decode(payload); err != nil {
			b.Fatal(err)
		}
	}
}
