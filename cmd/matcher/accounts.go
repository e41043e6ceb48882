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
	"os"
	"path/filepath"
	"strings"

	"matcher/core"
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
		f.Fix = "chmod 600 " + quoteAll([]string{file})
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

// loadUsers reads the file of users; a missing one has none.
func loadUsers(file string) ([]core.User, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &fault{Code: "E4108", What: file + " cannot be read: " + reason(err), cause: err}
	}
	return parseUsers(file, data)
}

func parseUsers(file string, data []byte) ([]core.User, error) {
	entries, err := readTOML(file, data)
	if err != nil {
		return nil, err
	}
	var users []core.User
	var heads []string
	for _, w := range entries {
		if w.key == "user" && w.list && w.block > 0 {
			users, heads = append(users, core.User{}), append(heads, w.where)
			continue
		}
		if w.block == 0 || w.list {
			return nil, w.unknown([]string{"user"})
		}
		u := &users[w.block-1]
		bad := &fault{Code: "E4108", What: fmt.Sprintf("%s: %s is not what it should be", w.where, w.key)}
		switch w.key {
		case "user.name":
			if u.Name, err = userName(w.text); err != nil {
				bad.Why = reasonOf(err)
				return nil, bad
			}
		case "user.firm":
			if u.Firm = strings.ToUpper(w.text); len(u.Firm) > 4 {
				bad.Why = "a firm has up to 4 characters"
				return nil, bad
			}
		case "user.hash":
			hash, err := hex.DecodeString(w.text)
			if err != nil || len(hash) != len(u.Hash) {
				bad.Why = fmt.Sprintf("a hash has %d hexadecimal digits", 2*len(u.Hash))
				return nil, bad
			}
			u.Hash = [32]byte(hash)
		default:
			return nil, w.unknown([]string{"user.name", "user.firm", "user.hash"})
		}
	}
	seen := map[string]bool{}
	for i, u := range users {
		switch {
		case u.Name == "" || u.Hash == [32]byte{}:
			return nil, &fault{Code: "E4108", What: heads[i] + ": this [[user]] has no name or no hash", Fix: "matcher user add NAME"}
		case seen[u.Name]:
			return nil, &fault{Code: "E4107", What: fmt.Sprintf("%s: the user %s is there already", heads[i], u.Name)}
		}
		seen[u.Name] = true
	}
	return users, nil
}

// changeUsers reads the file of users, changes them and puts the new file into the old one's place: whole or not at all.
// The new file's name is the lock that keeps two changes apart.
func changeUsers(file string, change func([]core.User) ([]core.User, error)) (err error) {
	lock := file + ".new"
	out, err := os.OpenFile(lock, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		f := &fault{Code: "E1006", What: lock + " cannot be made: " + reason(err), cause: err}
		if errors.Is(err, fs.ErrExist) {
			f.Why = "another 'matcher user' is at work, or one was stopped half way"
			f.Fix = "rm " + quoteAll([]string{lock})
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
		return &fault{Code: "E1006", What: file + " cannot be written: " + reason(err), cause: err}
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

func usersText(users []core.User) []byte {
	var b bytes.Buffer
	b.WriteString("# Written by 'matcher user'; comments are not kept.\n# hash = HMAC-SHA256(secret, NAME:KEY), both in upper case.\n")
	for _, u := range users {
		fmt.Fprintf(&b, "\n[[user]]\nname = %q\nfirm = %q\nhash = \"%x\"\n", u.Name, u.Firm, u.Hash)
	}
	return b.Bytes()
}
