package tests

import (
	"regexp"
	"strings"
	"testing"
)

// form is how every error is told: what, and, where there is something to say, why, how to mend it, another way out.
var form = regexp.MustCompile(`^error (E\d{4}): \S[^\n]*\n(        [^\n]*\n)*(  (why  |fix  |or   ) \S[^\n]*\n(        [^\n]*\n)*)*$`)

// wellFormed holds that an error has its form and its code, and is no stack of ours.
func wellFormed(t testing.TB, stderr, code string) {
	t.Helper()
	at := strings.Index(stderr, "error E")
	if at < 0 {
		t.Errorf("no error %s in %q", code, stderr)
		return
	}
	m := form.FindStringSubmatch(stderr[at:])
	switch {
	case m == nil:
		t.Errorf("not of the form of errors:\n%s", stderr[at:])
	case m[1] != code:
		t.Errorf("code %s, want %s:\n%s", m[1], code, stderr[at:])
	case strings.Contains(stderr, "goroutine ") || strings.Contains(stderr, "panic"):
		t.Errorf("a stack:\n%s", stderr)
	}
}
