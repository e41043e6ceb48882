package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// userVerb adds, changes, lists and revokes users.
func userVerb(_ context.Context, e *env, args []string) error {
	words := map[string]func(*env, []string) error{"add": userAdd, "set": userSet, "list": userList, "revoke": userRevoke}
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		_, err := parseWord(newFlags("user"), args)
		return err
	}
	do := words[args[0]]
	if do == nil {
		return checkWord("user", args)
	}
	return do(e, args[1:])
}

// accountFlags adds the flags that say what an account is like. What it returns takes those that were given.
func accountFlags(fs *pflag.FlagSet) func(*account) error {
	keys := map[string]string{}
	for _, f := range [...]struct{ name, key, usage string }{
		{"firm", "firm", "up to 4 characters"},
		{"role", "role", "trader, or dropcopy: reads what its firm has executed and enters no orders (default trader)"},
		{"self-match", "self_match", "what becomes of an order that would trade with its owner's: " + strings.Join(selfMatchWords(), ", ")},
		{"self-level", "self_level", "who counts as the same owner: account, firm or group (default account)"},
		{"self-group", "self_group", "number of the group, 1 to 65535, for --self-level group"},
		{"cancel-on-disconnect", "cancel_on_disconnect", "true or false: day orders go when the connection is lost (default: the configuration's)"},
		{"allow", "allow", "networks it may log in from, as 10.0.0.0/8,192.168.1.5; empty: from anywhere"},
		{"max-open-orders", "max_open_orders", "most live orders at once, 0 no limit (default: the configuration's)"},
		{"max-open-stops", "max_open_stops", "most pending stops at once, 0 no limit (default: the configuration's)"},
		{"rate", "rate", "orders and replaces a second, 0 no limit (default: the configuration's)"},
		{"burst", "burst", "so many of them may come at once (default: the configuration's)"},
	} {
		fs.String(f.name, "", f.usage)
		keys[f.name] = f.key
	}
	return func(a *account) (err error) {
		fs.Visit(func(f *pflag.Flag) {
			key := keys[f.Name]
			if key == "" || err != nil {
				return
			}
			if u := a.set(key, f.Value.String()); u != nil {
				code := "E4004"
				if u.code == "E4112" {
					code = u.code
				}
				err = &fault{Code: code, What: fmt.Sprintf("--%s: %q cannot be used", f.Name, f.Value), Why: u.why, Fix: u.fix}
			}
		})
		if fs.Changed("self-level") && a.level != "group" && !fs.Changed("self-group") {
			a.group = 0 // that of the level before
		}
		if u := a.lonely(); err == nil && u != nil {
			err = &fault{Code: "E4004", What: "self-trade prevention of " + a.name + " is not whole", Why: u.why, Fix: u.fix}
		}
		return err
	}
}

// called finds an account by its name, -1 if there is none.
func called(users []account, name string) int {
	return slices.IndexFunc(users, func(u account) bool { return u.name == name })
}

func noUser(name string) *fault {
	return &fault{Code: "E4111", What: "there is no user " + name, Fix: "matcher user list"}
}

func userAdd(e *env, args []string) error {
	fs := newFlags("user add")
	file := configFlag(fs)
	like := accountFlags(fs)
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
	added := account{name: name}
	if err := like(&added); err != nil {
		return err
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
	err = changeUsers(c.users, func(users []account) ([]account, error) {
		if called(users, name) >= 0 {
			return nil, &fault{Code: "E4111", What: "the user " + name + " is there already", Fix: "matcher user revoke " + name, Or: "matcher user set " + name + " ...   changes the account"}
		}
		if len(users) >= int(c.core.MaxUsers) {
			return nil, &fault{Code: "E4105", What: fmt.Sprintf("%s: there are %d users already", c.users, len(users)), Why: fmt.Sprintf("core.max_users is %d", c.core.MaxUsers)}
		}
		secret, err := loadSecret(c.secret, len(users) == 0)
		if err != nil {
			return nil, err
		}
		added.hash = hashKey(secret, name, key)
		return append(users, added), nil
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
		}{name, added.firm, key})
	} else {
		_, err = fmt.Fprintln(e.Stdout, key)
	}
	if err != nil {
		option := ""
		if *file != "" {
			option = " -c " + shellWord(*file)
		}
		return &fault{
			Code: "E1006", What: "the key of " + name + " cannot be printed: " + reason(err), Why: "it is kept nowhere: " + name + " needs another",
			Fix: "matcher user revoke " + name + option + " && matcher user add " + name + option, cause: err,
		}
	}
	return nil
}

// editUser changes the users file at one account, which must be there, and returns its name in full.
func editUser(e *env, file, word string, edit func(users []account, i int) ([]account, error)) (string, error) {
	name, err := userName(word)
	if err != nil {
		return "", err
	}
	c, err := loadConfig(e, file, nil)
	if err != nil {
		return "", err
	}
	return name, changeUsers(c.users, func(users []account) ([]account, error) {
		i := called(users, name)
		if i < 0 {
			return nil, noUser(name)
		}
		return edit(users, i)
	})
}

// userSet changes what an account is like; its key stays.
func userSet(e *env, args []string) error {
	fs := newFlags("user set")
	file := configFlag(fs)
	like := accountFlags(fs)
	words, err := parse(fs, args, 1, 1)
	if err != nil {
		return err
	}
	if n := fs.NFlag(); n == 0 || n == 1 && fs.Changed("config") {
		return &fault{Code: "E4003", What: "matcher user set: nothing to change was named", Fix: "matcher user set --help"}
	}
	name, err := editUser(e, *file, words[0], func(users []account, i int) ([]account, error) {
		return users, like(&users[i])
	})
	if err == nil {
		say(e, "changed "+name+"; a running server knows it after a restart")
	}
	return err
}

func userList(e *env, args []string) error {
	fs := newFlags("user list")
	file := configFlag(fs)
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
	for i := range users {
		if *asJSON {
			err = json.NewEncoder(e.Stdout).Encode(users[i].object())
		} else {
			_, err = fmt.Fprintln(e.Stdout, strings.TrimSpace(fmt.Sprintf("%-6s %s", users[i].name, users[i].text())))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// text is what an account is like, on a line.
func (a *account) text() string {
	text := a.firm
	for _, part := range [...]struct{ key, value string }{
		{"role", a.role},
		{"self_match", a.match},
		{"self_level", a.level},
		{"self_group", strconv.Itoa(int(a.group))},
		{"cancel_on_disconnect", a.onDrop},
		{"allow", a.allow},
	} {
		if part.value != "" && part.value != "0" {
			text += " " + part.key + "=" + part.value
		}
	}
	for i, key := range limitKeys() {
		if a.limits[i] != "" {
			text += " " + key + "=" + a.limits[i]
		}
	}
	return text
}

// accountObject is an account as JSON, without its hash.
type accountObject struct {
	User   string `json:"user"`
	Firm   string `json:"firm"`
	Role   string `json:"role,omitempty"`
	Match  string `json:"self_match,omitempty"`
	Level  string `json:"self_level,omitempty"`
	Group  uint16 `json:"self_group,omitempty"`
	OnDrop string `json:"cancel_on_disconnect,omitempty"`
	Allow  string `json:"allow,omitempty"`
	Orders string `json:"max_open_orders,omitempty"`
	Stops  string `json:"max_open_stops,omitempty"`
	Rate   string `json:"rate,omitempty"`
	Burst  string `json:"burst,omitempty"`
}

func (a *account) object() accountObject {
	return accountObject{
		a.name, a.firm, a.role, a.match, a.level, a.group, a.onDrop, a.allow,
		a.limits[limitOrders], a.limits[limitStops], a.limits[limitRate], a.limits[limitBurst],
	}
}

func userRevoke(e *env, args []string) error {
	fs := newFlags("user revoke")
	file := configFlag(fs)
	words, err := parse(fs, args, 1, 1)
	if err != nil {
		return err
	}
	name, err := editUser(e, *file, words[0], func(users []account, i int) ([]account, error) {
		return append(users[:i:i], users[i+1:]...), nil
	})
	if err == nil {
		say(e, "revoked "+name+"; a running server knows it after a restart")
	}
	return err
}
