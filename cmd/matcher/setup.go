package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"matcher/core"
)

// firstConfig is the file that `matcher init` writes: every key with its default, and one instrument.
const firstConfig = `# Configuration of matcher. Test it: matcher check -c matcher.toml
# Every key can also be given in the environment: MATCHER_CORE_WAIT for core.wait; flags win over both.
# Paths are relative to this file.

listen = "127.0.0.1:9001"      # OUCH 5.0 over SoupBinTCP; logins travel in clear text, so keep this on a private network

[core]
cpu = "auto"                   # the cpu that the server's thread stays on: a number, auto, or none
wait = "adaptive"              # spin (lowest latency, a cpu always busy) | adaptive | block
backend = "auto"               # io_uring, else portable | uring: that or nothing | portable: epoll, where io_uring is refused
max_orders = 1_000_000         # live orders; everything is allocated at the start
max_users = 1024
max_sessions = 1024            # connections at once
stream_memory = "2GiB"         # what the answers of all users since the last snapshot may take; older ones are on disk
prefault = "0MiB"              # so much of it is put in place before the server opens, in huge pages: more than a tenth faster;
                               # what is beyond is taken from the machine page by page, as it is used

[journal]
dir = "data"
durability = "sync"            # sync: an answer leaves when its order is safe on disk | written: when it is written, which a
                               # power cut may undo for 20 ms | async: at once, which any crash may undo
segment = "256MiB"             # size of a journal file
ahead = "0MiB"                 # so much of the journal is kept prepared, in whole segments, one at least: as long as that lasts,
                               # no zeros are written beside trading, which is up to twice as fast then; about 128 bytes an order
snapshot_every = 10_000_000    # commands between two snapshots, from which a start goes on: so many are what a start executes;
                               # time does not count, for a venue that is quiet has nothing more to execute; 0: none
snapshot_keep = 2              # older ones are deleted
# archive = "archive"          # segments of earlier days that all kept snapshots cover are moved there; without it they stay

[session]
login_timeout = "1s"           # from the connection to the login
client_timeout = "15s"         # silence after which a client counts as gone
heartbeat = "1s"               # the server's own silence before it sends a heartbeat
cancel_on_disconnect = false   # true: a lost connection takes its user's day orders with it, unless the user says otherwise
recovery_grace = "10s"         # after a start: how long such users have to come back
allow = []                     # networks that connections may come from: ["10.0.0.0/8", "192.168.1.5"]; empty: from anywhere
max_per_address = 0            # connections at once from one address; 0: no limit but core.max_sessions
max_wrong_logins = 60          # a minute, from one address: then it must wait; 0: no limit
stall_timeout = "30s"          # a client that takes nothing for so long is disconnected, and may come back; 0s: never
max_behind = "64MiB"           # so is one that falls this far behind its stream; 0: never
max_open_orders = 0            # what follows holds for every user that has none of its own (matcher user set); 0: no limit
max_open_stops = 0             # pending stop orders
rate = 0                       # orders and replaces a second; more are rejected (0x29), cancels never are
burst = 100                    # so many of them may come at once

[day]
# roll = "00:00"               # when a trading day ends and the next begins; without it: matcher admin end-of-day
# utc_offset = "+00:00"        # of that time, and of the dates of days

[feed]
to = ""                        # where the public feed goes: ITCH 5.0 on MoldUDP64, "239.192.14.1:9010"; several between commas; "": off
device = ""                    # network device that multicast leaves by
hops = 1                       # routers that multicast may pass, and one

[relay]                        # what 'matcher relay' serves beside the server; "" turns a service off
requests = "127.0.0.1:9011"    # MoldUDP64 requests, UDP
itch = "127.0.0.1:9012"        # the feed over SoupBinTCP
glimpse = "127.0.0.1:9013"     # snapshots
dropcopy = "127.0.0.1:9014"    # executions of a firm: matcher user add NAME --firm FIRM --role dropcopy
reference = "127.0.0.1:9015"   # scales of the instruments, JSON
request_rate = 1000            # requests that one address may make in a second

[auth]
users = "users.toml"           # written by: matcher user add NAME
secret = "secret.key"          # 32 random bytes, readable by its owner only; copy it with the users, or all need new keys

[[instrument]]                 # one block per instrument; new ones may be added at the end
symbol = "AAPL"                # 1 to 8 characters
price_decimals = 4             # prices on the wire are whole numbers of 1/10^4
tick = "0.01"                  # decimals are strings: they are exact
lot = "1"                      # quantities on the wire are whole lots
max_qty = "999999"             # largest order
# max_price = "199999.99"      # largest limit price; the default is the largest that OUCH can carry
# policy = "price-time"        # or pro-rata: a level is shared by proportion; what follows is for that
# fifo_percent = 40            #   of an order, in order of time first
# top_percent = 20             #   of an order, for the order that made the best price, before all
# top_max = "500"              #   the most that it gets ahead of others
# min_alloc = "2"              #   smaller shares become none
# max_slices = 100             # how often an iceberg may show its display quantity
# max_pegs = 256               # live pegged and midpoint orders
# max_stops = 10_000           # pending stop orders
# collar = "5%"                # how far from the last trade market orders and stops may trade; or a distance: "0.50"
# reference = "187.25"         # what the collar is measured from before the first trade
`

// initVerb writes a first configuration and its secret.
func initVerb(_ context.Context, e *env, args []string) error {
	words, err := parse(newFlags("init"), args, 1, 1)
	if err != nil {
		return err
	}
	dir := words[0]
	if dir == "" {
		return &fault{Code: "E4003", What: "matcher init needs the name of a directory", Fix: "matcher init venue"}
	}
	_, err = os.Stat(dir)
	made := errors.Is(err, fs.ErrNotExist)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return &fault{Code: "E1006", What: dir + " cannot be made: " + reason(err), cause: err}
	}
	file := filepath.Join(dir, defaultConfig)
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &fault{Code: "E4007", What: file + " is there already", Fix: "matcher check -c " + shellWord(file), cause: err}
	}
	undo := func() {
		_ = os.Remove(file)
		if made {
			_ = os.Remove(dir)
		}
	}
	if err == nil {
		_, err = out.WriteString(firstConfig)
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		if out != nil {
			undo()
		}
		return writeFault(file, err)
	}
	secret := filepath.Join(dir, "secret.key")
	if _, err := loadSecret(secret, true); err != nil {
		undo()
		return err
	}
	option := ""
	if dir != "." {
		option = " -c " + shellWord(file)
	}
	say(e, fmt.Sprintf("wrote %s and %s; next:\n  matcher user add ALICE%s\n  matcher serve%s", file, secret, option, option))
	return nil
}

// checkVerb tests a configuration: its text, the users and the secret. It changes nothing and starts nothing.
func checkVerb(_ context.Context, e *env, args []string) error {
	fs := newFlags("check")
	file := configFlag(fs)
	asJSON := fs.Bool("json", false, "print an object")
	if _, err := parse(fs, args, 0, 0); err != nil {
		return err
	}
	if *file == "" {
		*file = defaultConfig
	}
	c, err := loadConfig(e, *file, nil)
	if err != nil {
		return err
	}
	if err := c.identities(false); err != nil {
		return err
	}
	if err := c.core.Check(); err != nil {
		return serverFault(&c.core, err)
	}
	if *asJSON {
		return json.NewEncoder(e.Stdout).Encode(struct {
			Config      string `json:"config"`
			Listen      string `json:"listen"`
			Journal     string `json:"journal"`
			Durability  string `json:"durability"`
			Instruments int    `json:"instruments"`
			Users       int    `json:"users"`
		}{*file, c.core.Listen, c.core.Journal, durabilityName(c.core.Durability), len(c.core.Instruments), len(c.core.Users)})
	}
	_, err = fmt.Fprintf(e.Stdout, "%s is good: listen %s, journal %s (%s), %s, %s\n", *file, c.core.Listen, c.core.Journal,
		durabilityName(c.core.Durability), count(len(c.core.Instruments), "instrument"), count(len(c.core.Users), "user"))
	return err
}

// identities loads the users and the secret into the server's configuration. A missing secret is made if create is set and
// nobody depends on a former one.
func (c *config) identities(create bool) error {
	users, err := loadUsers(c.users)
	if err != nil {
		return err
	}
	if len(users) > int(c.core.MaxUsers) {
		return &fault{Code: "E4105", What: fmt.Sprintf("%s has %s", c.users, count(len(users), "user")), Why: fmt.Sprintf("core.max_users is %d", c.core.MaxUsers)}
	}
	c.core.Users = nil
	for _, u := range users {
		if u.role == roleDropCopy {
			continue // the relay's: the server has no use for it
		}
		c.core.Users = append(c.core.Users, u.user(&c.like))
	}
	c.core.Secret, err = loadSecret(c.secret, create && len(users) == 0)
	if len(users) == 0 && errors.Is(err, fs.ErrNotExist) {
		return nil // nobody depends on it: a start makes one
	}
	return err
}

// durabilityName is the word of the configuration.
func durabilityName(d core.Durability) string {
	return [...]string{core.Sync: "sync", core.Written: "written", core.Async: "async"}[d]
}
