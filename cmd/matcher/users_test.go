package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"matcher/core"
)

// venue makes a directory with a first configuration and returns the configuration's path.
func venue(t *testing.T) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	do(t, 0, "init", dir)
	return dir, filepath.Join(dir, "matcher.toml")
}

// full is a disk with no space left.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestUserAddCannotPrint(t *testing.T) {
	_, file := venue(t)
	for _, more := range [][]string{{}, {"--json"}} {
		var stderr bytes.Buffer
		args := append([]string{"user", "add", "ALICE", "-c", file}, more...)
		code := run(context.Background(), testEnv(strings.NewReader(""), full{}, &stderr, nil), args)
		if code != exitEnvironment {
			t.Errorf("exit %d", code)
		}
		in(t, stderr.String(), "error E1006: the key of ALICE cannot be printed: no space left on device\n",
			"fix   matcher user revoke ALICE -c "+file+" && matcher user add ALICE -c "+file+"\n")
		do(t, 0, "user", "revoke", "ALICE", "-c", file)
	}
}

// An init that fails takes back what it made, and nothing else.
func TestInitUndone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret.key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	in(t, do(t, exitConfig, "init", dir).stderr, "error E4109: ")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Error("left behind:", left, err)
	}
}

func TestUserAddListRevoke(t *testing.T) {
	dir, file := venue(t)
	added := do(t, 0, "user", "add", "alice", "-c", file, "--firm", "alfa")
	key := strings.TrimSuffix(added.stdout, "\n")
	if len(key) != keyLength || strings.Trim(key, keyLetters) != "" {
		t.Fatalf("the key is %q", key)
	}
	if strings.Contains(added.stderr, key) {
		t.Error("the key is printed twice")
	}
	do(t, 0, "user", "add", "BOB", "-c", file)
	if o := do(t, 0, "user", "list", "-c", file); o.stdout != "ALICE  ALFA\nBOB\n" {
		t.Errorf("%q", o.stdout)
	}
	if o := do(t, 0, "user", "list", "-c", file, "--json"); o.stdout != "{\"user\":\"ALICE\",\"firm\":\"ALFA\"}\n{\"user\":\"BOB\",\"firm\":\"\"}\n" {
		t.Errorf("%q", o.stdout)
	}
	users, err := loadUsers(filepath.Join(dir, "users.toml"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := loadSecret(filepath.Join(dir, "secret.key"), false)
	if err != nil {
		t.Fatal(err)
	}
	if users[0].hash != hashKey(secret, "ALICE", strings.ToLower(key)) {
		t.Error("the hash is not that of the key in upper case")
	}
	if o := do(t, exitConfig, "user", "add", "Alice", "-c", file); !strings.Contains(o.stderr, "error E4111: the user ALICE is there already") {
		t.Error(o.stderr)
	}
	do(t, 0, "user", "revoke", "alice", "-c", file)
	if o := do(t, 0, "user", "list", "-c", file); o.stdout != "BOB\n" {
		t.Errorf("%q", o.stdout)
	}
	if o := do(t, exitConfig, "user", "revoke", "alice", "-c", file); !strings.Contains(o.stderr, "error E4111: there is no user ALICE") {
		t.Error(o.stderr)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); left != nil {
		t.Error("left behind:", left)
	}
	info, err := os.Stat(filepath.Join(dir, "users.toml"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
}

// HMAC-SHA256 as everybody computes it: printf ALICE:K3Y | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101...01
func Example_hashKey() {
	var secret [32]byte
	for i := range secret {
		secret[i] = 1
	}
	fmt.Printf("%x\n", hashKey(secret, "ALICE", "k3y"))
	// Output: 4eac3958b9c098c3696b7bb828641d05cc887a7712fad104b3cf92f67ff6fa75
}

func TestUserKeyGiven(t *testing.T) {
	_, file := venue(t)
	for _, c := range []struct {
		name, stdin string
		code        int
	}{
		{"standard input", "canary77\n", 0},
		{"second", " canary78 \r\nmore\n", 0},
		{"too long", "canary77777\n", exitConfig},
		{"empty", "\n", exitConfig},
		{"a blank within", "can ary\n", exitConfig},
		{"control characters", "can\x00ary\n", exitConfig},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := matcher(c.stdin, nil, "user", "add", fmt.Sprintf("U%d", len(c.name)), "-c", file, "--key-file", "-")
			if o.code != c.code {
				t.Error(o)
			}
			if strings.Contains(strings.ToLower(o.stdout+o.stderr), "canary") {
				t.Error("the key is printed:", o)
			}
		})
	}
}

// TestUserAccounts: what an account is like is kept, told, changed and given to the server.
func TestUserAccounts(t *testing.T) {
	dir, file := venue(t)
	do(t, 0, "user", "add", "ALICE", "-c", file, "--firm", "alfa", "--self-match", "decrement", "--self-level", "group", "--self-group", "1234", "--cancel-on-disconnect", "true",
		"--max-open-orders", "500", "--max-open-stops", "0", "--rate", "1000", "--burst", "50", "--allow", "10.0.0.0/8, ::1")
	do(t, 0, "user", "add", "BOB", "-c", file, "--self-match", "none", "--cancel-on-disconnect", "false")
	do(t, 0, "user", "add", "CAROL", "-c", file)
	if o := do(t, 0, "user", "list", "-c", file); o.stdout != "ALICE  ALFA self_match=decrement self_level=group self_group=1234 cancel_on_disconnect=true allow=10.0.0.0/8,::1/128 max_open_orders=500 max_open_stops=0 rate=1000 burst=50\n"+
		"BOB     self_match=none cancel_on_disconnect=false\nCAROL\n" {
		t.Errorf("%q", o.stdout)
	}
	o := do(t, 0, "user", "list", "-c", file, "--json")
	in(t, o.stdout, `{"user":"ALICE","firm":"ALFA","self_match":"decrement","self_level":"group","self_group":1234,"cancel_on_disconnect":"true","allow":"10.0.0.0/8,::1/128","max_open_orders":"500","max_open_stops":"0","rate":"1000","burst":"50"}`)
	before, err := loadUsers(filepath.Join(dir, "users.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		like account
		want core.User
	}{
		{"ALICE", account{onDrop: "false", limits: [4]string{"1", "2", "3", "4"}}, core.User{
			Name: "ALICE", Firm: "ALFA", OnDrop: true, SelfMatch: 'D', SelfLevel: 2, SelfGroup: 1234, Limits: core.Limits{OpenOrders: 500, Rate: 1000, Burst: 50},
			Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		}},
		{"BOB", account{onDrop: "true", limits: [4]string{"1", "2", "3", "4"}}, core.User{Name: "BOB", Limits: core.Limits{OpenOrders: 1, Stops: 2, Rate: 3, Burst: 4}}},
		{"CAROL", account{onDrop: "true"}, core.User{Name: "CAROL", OnDrop: true}},
		{"CAROL", account{onDrop: "false", limits: [4]string{"", "", "0", "4"}}, core.User{Name: "CAROL"}},
	} {
		u := before[called(before, c.name)]
		c.want.Hash = u.hash
		if got := u.user(&c.like); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s is %+v, want %+v", c.name, got, c.want)
		}
	}

	do(t, 0, "user", "set", "alice", "-c", file, "--self-match", "both", "--self-level", "firm")
	do(t, 0, "user", "set", "BOB", "-c", file, "--firm", "beta")
	after, err := loadUsers(filepath.Join(dir, "users.toml"))
	if err != nil {
		t.Fatal(err)
	}
	want := before
	want[0].match, want[0].level, want[0].group, want[1].firm = "both", "firm", 0, "BETA"
	if !slices.Equal(after, want) {
		t.Errorf("got  %+v\nwant %+v", after, want)
	}
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{exitUsage, `error E4004: --self-match: "old" cannot be used`, []string{"add", "DAVE", "--self-match", "old"}},
		{exitUsage, "error E4004: self-trade prevention of DAVE is not whole\n  why   level group needs a group", []string{"add", "DAVE", "--self-level", "group"}},
		{exitUsage, `error E4004: --cancel-on-disconnect: "maybe" cannot be used`, []string{"set", "BOB", "--cancel-on-disconnect", "maybe"}},
		{exitUsage, "error E4004: self-trade prevention of BOB is not whole\n  why   a group needs level group", []string{"set", "BOB", "--self-group", "7"}},
		{
			exitUsage, "error E4004: self-trade prevention of DAVE is not whole\n  why   level firm needs a firm: without one nobody else is of it\n  fix   --self-level firm --firm NAME\n",
			[]string{"add", "DAVE", "--self-level", "firm"},
		},
		{exitUsage, "error E4004: self-trade prevention of ALICE is not whole\n  why   level firm needs a firm", []string{"set", "ALICE", "--firm", ""}},
		{exitConfig, "error E4111: there is no user DAVE", []string{"set", "DAVE", "--firm", "X"}},
		{exitConfig, "error E4112: ", []string{"set", "BOB", "--firm", "TOOLONG"}},
	} {
		if o := do(t, c.code, append(append([]string{"user"}, c.args...), "-c", file)...); !strings.Contains(o.stderr, c.want) {
			t.Errorf("%s\nwant %s", o.stderr, c.want)
		}
	}
	if again, err := loadUsers(filepath.Join(dir, "users.toml")); err != nil || !slices.Equal(again, want) {
		t.Errorf("what was refused changed something: %+v, %v", again, err)
	}
}

func TestUserNames(t *testing.T) {
	_, file := venue(t)
	for _, name := range []string{"", "SEVENCH", "A B", "A-B", "É"} {
		if o := do(t, exitConfig, "user", "add", name, "-c", file); !strings.Contains(o.stderr, "error E4112: ") {
			t.Error(o.stderr)
		}
	}
	if o := do(t, exitConfig, "user", "add", "A", "-c", file, "--firm", "FIVER"); !strings.Contains(o.stderr, "error E4112: ") {
		t.Error(o.stderr)
	}
}

func TestUsersFileFaults(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	for _, c := range []struct{ name, text, code, what string }{
		{"unknown key", "[[user]]\nname = \"A\"\nhsh = \"\"\n", "E4103", "u:3:1: there is no key user.hsh"},
		{"outside of a block", "name = \"A\"\n", "E4103", "u:1:1: there is no key name"},
		{"name", "[[user]]\nname = \"TOOLONGNAME\"\n", "E4108", "u:2:1: user.name is not what it should be"},
		{"firm", "[[user]]\nfirm = \"TOOLONG\"\n", "E4108", "u:2:1: user.firm is not what it should be"},
		{"hash", "[[user]]\nhash = \"ab\"\n", "E4108", "u:2:1: user.hash is not what it should be"},
		{"prevention", "[[user]]\nself_match = \"olddest\"\n", "E4108", "u:2:1: user.self_match is not what it should be"},
		{"level", "[[user]]\nself_level = \"desk\"\n", "E4108", "u:2:1: user.self_level is not what it should be"},
		{"group number", "[[user]]\nself_group = 65536\n", "E4108", "u:2:1: user.self_group is not what it should be"},
		{"limit", "[[user]]\nrate = -1\n", "E4108", "u:2:1: user.rate is not what it should be"},
		{"network", "[[user]]\nallow = [\"10.0.0.1/8\"]\n", "E4108", "u:2:1: user.allow is not what it should be"},
		{"burst", "[[user]]\nburst = 0\n", "E4108", "u:2:1: user.burst is not what it should be"},
		{"on disconnect", "[[user]]\ncancel_on_disconnect = \"maybe\"\n", "E4108", "u:2:1: user.cancel_on_disconnect is not what it should be"},
		{"no group", "[[user]]\nname = \"A\"\nhash = \"" + hash + "\"\nself_level = \"group\"\n", "E4108", "u:1:3: self-trade prevention of A is not whole"},
		{"no firm", "[[user]]\nname = \"A\"\nhash = \"" + hash + "\"\nself_level = \"firm\"\n", "E4108", "u:1:3: self-trade prevention of A is not whole"},
		{"no hash", "[[user]]\nname = \"A\"\n", "E4108", "u:1:3: this [[user]] has no name or no hash"},
		{"twice", "[[user]]\nname = \"A\"\nhash = \"" + hash + "\"\n[[user]]\nname = \"a\"\nhash = \"" + hash + "\"\n", "E4107", "u:4:3: the user A is there already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseUsers("u", []byte(c.text))
			var f *fault
			if !asFault(err, &f) || f.Code != c.code || f.What != c.what {
				t.Errorf("got %v, want %s: %s", err, c.code, c.what)
			}
		})
	}
}

// A hash that a wrong line holds is not repeated in the error: errors end up in logs.
func TestUsersFileFaultsKeepQuiet(t *testing.T) {
	_, err := parseUsers("u", []byte("[[user]]\nname = \"A\"\nhash = \"canary\"\n"))
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

func TestSecretFaults(t *testing.T) {
	dir, file := venue(t)
	secret := filepath.Join(dir, "secret.key")
	do(t, 0, "user", "add", "A", "-c", file)

	if err := os.Chmod(secret, 0o644); err != nil {
		t.Fatal(err)
	}
	if o := do(t, exitConfig, "check", "-c", file); !strings.Contains(o.stderr, "error E4109: "+secret+" may be read by others (mode 0644)\n  fix   chmod 600 ") {
		t.Error(o.stderr)
	}
	if err := os.WriteFile(secret, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(secret, 0o600); err != nil {
		t.Fatal(err)
	}
	if o := do(t, exitConfig, "user", "add", "B", "-c", file); !strings.Contains(o.stderr, "error E4109: "+secret+" has 5 bytes") {
		t.Error(o.stderr)
	}
	// With users there, a lost secret is not quietly replaced: their hashes would never fit again.
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	if o := do(t, exitConfig, "user", "add", "B", "-c", file); !strings.Contains(o.stderr, "error E4109: ") {
		t.Error(o.stderr)
	}
	do(t, 0, "user", "revoke", "A", "-c", file)
	do(t, 0, "user", "add", "B", "-c", file)
}

// Two changes at once: the second is told to wait, and the first one's work is not lost.
func TestUserLock(t *testing.T) {
	dir, file := venue(t)
	lock := filepath.Join(dir, "users.toml.new")
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if o := do(t, exitEnvironment, "user", "add", "A", "-c", file); !strings.Contains(o.stderr, "fix   rm "+lock) {
		t.Error(o.stderr)
	}
	if _, err := os.Stat(lock); err != nil {
		t.Error("the lock of another was removed")
	}
}
