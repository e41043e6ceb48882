package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"matcher/core"
	"matcher/engine"
	"matcher/wire/ouch"
)

// The files behind [auth]: the users with the hashes of their keys, and the secret that the hashes are made with.

// keyLetters are the characters of the keys that we make up: 32 that are not mistaken for each other, so a key has 50 bits.
const keyLetters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

// keyLength is the width of a SoupBinTCP password.
const keyLength = 10

// userName checks a name and writes it as it is kept.
func userName(s string) (string, error) {
	name := strings.ToUpper(s)
	if name == "" || len(name) > 6 || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		return "", &fault{Code: "E4112", What: fmt.Sprintf("%q is no user name", s), Why: "1 to 6 characters out of A-Z and 0-9"}
	}
	return name, nil
}

// newKey makes up a key. crypto/rand never fails.
func newKey() string {
	var b [keyLength]byte
	_, _ = rand.Read(b[:])
	for i := range b {
		b[i] = keyLetters[b[i]%byte(len(keyLetters))] // 32 divides 256: no letter is likelier
	}
	return string(b[:])
}

// readKey takes a key from a file or, for "-", from standard input: its first line.
func readKey(e *env, file string) (string, error) {
	in, err := openInput(e, file)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	text, err := io.ReadAll(io.LimitReader(in, 1024))
	if err != nil {
		return "", readFault(file, err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return checkKey(strings.TrimSpace(line), file)
}

// checkKey says whether a key can be one, without ever repeating it.
func checkKey(key, from string) (string, error) {
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' {
			key = ""
			break
		}
	}
	if key == "" || len(key) > keyLength {
		return "", &fault{Code: "E4112", What: "what " + from + " gives is no key", Why: fmt.Sprintf("1 to %d visible characters", keyLength)}
	}
	return strings.ToUpper(key), nil
}

// hashKey is what the server compares a login with.
func hashKey(secret [32]byte, name, key string) (hash [32]byte) {
	mac := hmac.New(sha256.New, secret[:])
	_, _ = io.WriteString(mac, name+":"+strings.ToUpper(key))
	mac.Sum(hash[:0])
	return hash
}

// loadSecret reads the secret; where there is none, and create is set, it makes one.
func loadSecret(file string, create bool) (secret [32]byte, err error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && create {
		return newSecret(file)
	}
	f := &fault{Code: "E4109", What: file + " cannot be read", cause: err}
	if err != nil {
		f.What += ": " + reason(err)
		return secret, f
	}
	info, err := os.Stat(file)
	if err != nil {
		f.What += ": " + reason(err)
		return secret, f
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		f.What = fmt.Sprintf("%s may be read by others (mode %04o)", file, mode)
		f.Fix = "chmod 600 " + shellWord(file)
		return secret, f
	}
	if len(data) != len(secret) {
		f.What = fmt.Sprintf("%s has %d bytes", file, len(data))
		f.Why = fmt.Sprintf("a secret has %d", len(secret))
		return secret, f
	}
	return [32]byte(data), nil
}

func newSecret(file string) (secret [32]byte, err error) {
	_, _ = rand.Read(secret[:])
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = out.Write(secret[:])
		if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
			_ = os.Remove(file) // no secret is better than a part of one
		}
	}
	if err != nil {
		return secret, &fault{Code: "E4109", What: file + " cannot be written: " + reason(err), cause: err}
	}
	return secret, nil
}

// account is a user as the file of users has it: words as they are written there, empty where nothing is said.
type account struct {
	name, firm string
	hash       [32]byte
	match      string // what becomes of orders that would trade with their owner's
	level      string // who counts as the same owner
	group      uint16 // of level group
	onDrop     string // true, false
	role       string // roleTrader (or empty), roleDropCopy
	limits     [4]string
	allow      string // networks, with commas between
}

// Roles of accounts. A drop copy reads what a firm has executed, and cannot enter orders.
const (
	roleTrader   = "trader"
	roleDropCopy = "dropcopy"
)

// The limits of an account and their keys: what they are called in [session], in [[user]] and, with hyphens, as flags.
const (
	limitOrders = iota
	limitStops
	limitRate
	limitBurst
)

func limitKeys() []string { return []string{"max_open_orders", "max_open_stops", "rate", "burst"} }

// limit reads a limit; like has those of users that do not say.
func (a *account) limit(i int, like *account) uint32 {
	text := a.limits[i]
	if text == "" {
		text = like.limits[i]
	}
	n, _ := strconv.ParseUint(text, 10, 32) // set has judged it
	return uint32(n)
}

// selfMatches are the words of self-trade prevention and their letters in tag 29, at the account's own level.
func selfMatches() map[string]byte {
	return map[string]byte{
		"none": ouch.AIQNone, "oldest": ouch.AIQCancelOldest, "newest": ouch.AIQCancelNewest, "decrement": ouch.AIQDecrement,
		"decrement-quiet": ouch.AIQDecrementMute, "both": ouch.AIQCancelBoth,
	}
}

func selfMatchWords() []string {
	return []string{"none", "oldest", "newest", "decrement", "decrement-quiet", "both"}
}

// selfLevels are the words of levels.
func selfLevels() map[string]uint8 {
	return map[string]uint8{"account": engine.LevelAccount, "firm": engine.LevelFirm, "group": engine.LevelGroup}
}

func selfLevelWords() []string { return []string{"account", "firm", "group"} }

// user is the account as the server takes it; like is for what it does not say.
func (a *account) user(like *account) core.User {
	u := core.User{
		Name: a.name, Firm: a.firm, Hash: a.hash, OnDrop: like.onDrop == "true", SelfMatch: selfMatches()[a.match], SelfLevel: selfLevels()[a.level],
		SelfGroup: a.group,
		Limits: core.Limits{
			OpenOrders: a.limit(limitOrders, like), Stops: a.limit(limitStops, like), Rate: a.limit(limitRate, like), Burst: a.limit(limitBurst, like),
		},
	}
	_ = setNetworks(&u.Allow, a.allow) // set has judged it
	if u.Limits.Rate == 0 {
		u.Limits.Burst = 0 // of nothing
	}
	if a.onDrop != "" {
		u.OnDrop = a.onDrop == "true"
	}
	if u.SelfMatch == ouch.AIQNone {
		u.SelfMatch = 0
	}
	return u
}

// set takes one key of an account, all but its name and hash.
func (a *account) set(key, text string) *unfit {
	switch key {
	case "firm":
		text = strings.ToUpper(text)
		if len(text) > 4 || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
			return &unfit{code: "E4112", why: "a firm has up to 4 characters out of A-Z and 0-9"}
		}
		a.firm = text
	case "self_match":
		if _, ok := selfMatches()[text]; !ok {
			return oneOf(text, selfMatchWords()...)
		}
		a.match = text
	case "self_level":
		if _, ok := selfLevels()[text]; !ok {
			return oneOf(text, selfLevelWords()...)
		}
		a.level = text
	case "self_group":
		var n uint32
		if u := setCount(&n, text, 0, 65_535); u != nil {
			return u
		}
		a.group = uint16(n)
	case "role":
		if text != roleTrader && text != roleDropCopy {
			return oneOf(text, roleTrader, roleDropCopy)
		}
		a.role = text
	case "cancel_on_disconnect":
		var on bool
		if u := setBool(&on, text); u != nil {
			return u
		}
		a.onDrop = text
	case "allow":
		var list []netip.Prefix
		if u := setNetworks(&list, text); u != nil {
			return u
		}
		words := make([]string, len(list))
		for i := range list {
			words[i] = list[i].String()
		}
		a.allow = strings.Join(words, ",")
	default:
		i := slices.Index(limitKeys(), key)
		least := [...]uint64{0, 0, 0, 1}[i]
		var n uint32
		if u := setCount(&n, text, least, 10_000_000); u != nil {
			return u
		}
		a.limits[i] = strconv.FormatUint(uint64(n), 10)
	}
	return nil
}

// accountKeys are the keys of [[user]].
func accountKeys() []string {
	keys := []string{"user.name", "user.firm", "user.role", "user.hash", "user.self_match", "user.self_level", "user.self_group", "user.cancel_on_disconnect", "user.allow"}
	for _, key := range limitKeys() {
		keys = append(keys, "user."+key)
	}
	return keys
}

// lonely says what is missing of an account's self-trade prevention, nil if nothing is. The fix is in words of flags.
func (a *account) lonely() *unfit {
	const whole = "--self-level group --self-group 1"
	switch {
	case a.level == "group" && a.group == 0:
		return &unfit{why: "level group needs a group, a number from 1", fix: whole}
	case a.group != 0 && a.level != "group":
		return &unfit{why: "a group needs level group", fix: whole}
	case a.level == "firm" && a.firm == "":
		return &unfit{why: "level firm needs a firm: without one nobody else is of it", fix: "--self-level firm --firm NAME"}
	}
	return nil
}

// loadUsers reads the file of users; a missing one has none.
func loadUsers(file string) ([]account, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &fault{Code: "E4108", What: file + " cannot be read: " + reason(err), cause: err}
	}
	return parseUsers(file, data)
}

func parseUsers(file string, data []byte) ([]account, error) {
	entries, err := readTOML(file, data)
	if err != nil {
		return nil, err
	}
	var users []account
	var heads []string
	for _, w := range entries {
		if w.key == "user" && w.list && w.block > 0 {
			users, heads = append(users, account{}), append(heads, w.where)
			continue
		}
		if w.block == 0 || w.list && w.key != "user.allow" {
			return nil, w.unknown([]string{"user"})
		}
		u := &users[w.block-1]
		bad := &fault{Code: "E4108", What: fmt.Sprintf("%s: %s is not what it should be", w.where, w.key)}
		switch w.key {
		case "user.name":
			if u.name, err = userName(w.text); err != nil {
				bad.Why = reasonOf(err)
				return nil, bad
			}
		case "user.hash":
			hash, err := hex.DecodeString(w.text)
			if err != nil || len(hash) != len(u.hash) {
				bad.Why = fmt.Sprintf("a hash has %d hexadecimal digits", 2*len(u.hash))
				return nil, bad
			}
			u.hash = [32]byte(hash)
		default:
			if !slices.Contains(accountKeys(), w.key) {
				return nil, w.unknown(accountKeys())
			}
			if unfit := u.set(strings.TrimPrefix(w.key, "user."), w.text); unfit != nil {
				bad.Why, bad.Fix = unfit.why, unfit.fix
				return nil, bad
			}
		}
	}
	seen := map[string]bool{}
	for i, u := range users {
		switch {
		case u.name == "" || u.hash == [32]byte{}:
			return nil, &fault{Code: "E4108", What: heads[i] + ": this [[user]] has no name or no hash", Fix: "matcher user add NAME"}
		case seen[u.name]:
			return nil, &fault{Code: "E4107", What: fmt.Sprintf("%s: the user %s is there already", heads[i], u.name)}
		case u.lonely() != nil:
			return nil, &fault{Code: "E4108", What: fmt.Sprintf("%s: self-trade prevention of %s is not whole", heads[i], u.name), Why: u.lonely().why}
		}
		seen[u.name] = true
	}
	return users, nil
}

// changeUsers reads the file of users, changes them and puts the new file into the old one's place: whole or not at all.
// The new file's name is the lock that keeps two changes apart.
func changeUsers(file string, change func([]account) ([]account, error)) (err error) {
	lock := file + ".new"
	out, err := os.OpenFile(lock, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		f := &fault{Code: "E1006", What: lock + " cannot be made: " + reason(err), cause: err}
		if errors.Is(err, fs.ErrExist) {
			f.Why = "another 'matcher user' is at work, or one was stopped half way"
			f.Fix = "rm " + shellWord(lock)
		}
		return f
	}
	defer func() {
		if err != nil {
			_ = out.Close()
			_ = os.Remove(lock)
		}
	}()
	users, err := loadUsers(file)
	if err != nil {
		return err
	}
	if users, err = change(users); err != nil {
		return err
	}
	if _, err = out.Write(usersText(users)); err == nil {
		err = errors.Join(out.Sync(), out.Close())
	}
	if err == nil {
		err = os.Rename(lock, file)
	}
	if err == nil {
		err = syncDir(filepath.Dir(file))
	}
	if err != nil {
		return writeFault(file, err)
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func usersText(users []account) []byte {
	var b bytes.Buffer
	b.WriteString("# Written by 'matcher user'; comments are not kept.\n# hash = HMAC-SHA256(secret, NAME:KEY), both in upper case.\n")
	for _, u := range users {
		fmt.Fprintf(&b, "\n[[user]]\nname = %q\nfirm = %q\nhash = \"%x\"\n", u.name, u.firm, u.hash)
		for _, more := range [...]struct{ key, text string }{{"role", u.role}, {"self_match", u.match}, {"self_level", u.level}} {
			if more.text != "" {
				fmt.Fprintf(&b, "%s = %q\n", more.key, more.text)
			}
		}
		if u.group != 0 {
			fmt.Fprintf(&b, "self_group = %d\n", u.group)
		}
		if u.onDrop != "" {
			fmt.Fprintf(&b, "cancel_on_disconnect = %s\n", u.onDrop)
		}
		if u.allow != "" {
			fmt.Fprintf(&b, "allow = [\"%s\"]\n", strings.ReplaceAll(u.allow, ",", "\", \""))
		}
		for i, key := range limitKeys() {
			if u.limits[i] != "" {
				fmt.Fprintf(&b, "%s = %s\n", key, u.limits[i])
			}
		}
	}
	return b.Bytes()
}
