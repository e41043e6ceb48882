package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"matcher/core"
)

// userVerb adds, lists and revokes users.
func userVerb(_ context.Context, e *env, args []string) error {
	words := map[string]func(*env, []string) error{"add": userAdd, "list": userList, "revoke": userRevoke}
	names := []string{"add", "list", "revoke"}
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		_, err := parse(newFlags("user"), args, 1, 1)
		return err
	}
	do, ok := words[args[0]]
	if !ok {
		f := &fault{Code: "E4005", What: fmt.Sprintf("matcher user cannot %q", args[0]), Why: "it can add, list or revoke", Fix: "matcher user list"}
		if near := nearest(args[0], names); near != "" {
			f.Fix = strings.TrimSpace("matcher user " + near + " " + quoteAll(args[1:]))
		}
		return f
	}
	return do(e, args[1:])
}

func userAdd(e *env, args []string) error {
	fs := newFlags("user add")
	file := fs.StringP("config", "c", "", "the configuration (default "+defaultConfig+")")
	firm := fs.String("firm", "", "up to 4 characters")
	keyFile := fs.String("key-file", "", "take the key from this file, - for standard input, instead of making one up")
	asJSON := fs.Bool("json", false, "print an object")
	words, err := parse(fs, args, 1, 1)
	if err != nil {
		return err
	}
	name, err := userName(words[0])
	if err != nil {
		return err
	}
	*firm = strings.ToUpper(*firm)
	if len(*firm) > 4 || strings.Trim(*firm, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		return &fault{Code: "E4112", What: fmt.Sprintf("%q is no firm", *firm), Why: "up to 4 characters out of A-Z and 0-9"}
	}
	c, err := loadConfig(e, *file, nil)
	if err != nil {
		return err
	}
	key := newKey()
	if *keyFile != "" {
		if key, err = readKey(e, *keyFile); err != nil {
			return err
		}
	}
	err = changeUsers(c.users, func(users []core.User) ([]core.User, error) {
		for _, u := range users {
			if u.Name == name {
				return nil, &fault{Code: "E4111", What: "the user " + name + " is there already", Fix: "matcher user revoke " + name}
			}
		}
		if len(users) >= int(c.core.MaxUsers) {
			return nil, &fault{Code: "E4105", What: fmt.Sprintf("%s: there are %d users already", c.users, len(users)), Why: fmt.Sprintf("core.max_users is %d", c.core.MaxUsers)}
		}
		secret, err := loadSecret(c.secret, len(users) == 0)
		if err != nil {
			return nil, err
		}
		return append(users, core.User{Name: name, Firm: *firm, Hash: hashKey(secret, name, key)}), nil
	})
	if err != nil {
		return err
	}
	say(e, "added "+name+"; a running server knows it after a restart")
	if *keyFile != "" {
		return nil // whoever gave the key has it
	}
	// The one place where a key is ever printed.
	if *asJSON {
		err = json.NewEncoder(e.Stdout).Encode(struct {
			User string `json:"user"`
			Firm string `json:"firm"`
			Key  string `json:"key"`
		}{name, *firm, key})
	} else {
		_, err = fmt.Fprintln(e.Stdout, key)
	}
	if err != nil {
		option := ""
		if *file != "" {
			option = " -c " + quoteAll([]string{*file})
		}
		return &fault{
			Code: "E1006", What: "the key of " + name + " cannot be printed: " + reason(err), Why: "it is kept nowhere: " + name + " needs another",
			Fix: "matcher user revoke " + name + option + " && matcher user add " + name + option, cause: err,
		}
	}
	return nil
}

func userList(e *env, args []string) error {
	fs := newFlags("user list")
	file := fs.StringP("config", "c", "", "the configuration (default "+defaultConfig+")")
	asJSON := fs.Bool("json", false, "print an object per user")
	if _, err := parse(fs, args, 0, 0); err != nil {
		return err
	}
	c, err := loadConfig(e, *file, nil)
	if err != nil {
		return err
	}
	users, err := loadUsers(c.users)
	if err != nil {
		return err
	}
	for _, u := range users {
		if *asJSON {
			err = json.NewEncoder(e.Stdout).Encode(struct {
				User string `json:"user"`
				Firm string `json:"firm"`
			}{u.Name, u.Firm})
		} else {
			_, err = fmt.Fprintf(e.Stdout, "%-6s %s\n", u.Name, u.Firm)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func userRevoke(e *env, args []string) error {
	fs := newFlags("user revoke")
	file := fs.StringP("config", "c", "", "the configuration (default "+defaultConfig+")")
	words, err := parse(fs, args, 1, 1)
	if err != nil {
		return err
	}
	name, err := userName(words[0])
	if err != nil {
		return err
	}
	c, err := loadConfig(e, *file, nil)
	if err != nil {
		return err
	}
	err = changeUsers(c.users, func(users []core.User) ([]core.User, error) {
		for i, u := range users {
			if u.Name == name {
				return append(users[:i:i], users[i+1:]...), nil
			}
		}
		return nil, &fault{Code: "E4111", What: "there is no user " + name, Fix: "matcher user list"}
	})
	if err == nil {
		say(e, "revoked "+name+"; a running server knows it after a restart")
	}
	return err
}
