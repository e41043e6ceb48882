package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"matcher/core"
	"matcher/engine"
)

// The operator's desk: a unix socket in the journal's directory, which only the server's own user can reach. A line of JSON
// comes in, the server carries it out, a line of JSON goes back. Everything here happens off the venue's thread.

// deskName is the socket's name in the directory of the journal.
const deskName = "admin.sock"

// deskRequest is a line that comes in. Numbers of instruments and users are those of the journal.
type deskRequest struct {
	Verb   string    `json:"verb"` // status, halt, resume, bust, cancel, end-of-day, kick
	Symbol string    `json:"symbol,omitempty"`
	Reason string    `json:"reason,omitempty"`
	User   string    `json:"user,omitempty"`
	Side   string    `json:"side,omitempty"`
	Order  uint64    `json:"order,omitempty"`
	Stop   bool      `json:"stop,omitempty"` // end-of-day: the server stops then
	Trade  *tradeRow `json:"trade,omitempty"`
}

// tradeRow is a trade with both its owners.
type tradeRow struct {
	Match      uint64   `json:"match"`
	Instrument uint16   `json:"instrument"`
	Price      uint64   `json:"price"`
	Qty        uint32   `json:"qty"`
	Maker      ownerRow `json:"maker"`
	Taker      ownerRow `json:"taker"`
}

type ownerRow struct {
	User    uint16 `json:"user"`
	Idx     uint8  `json:"idx"`
	Side    uint8  `json:"side"`
	Ref     uint32 `json:"ref"`
	ClOrdID []byte `json:"clordid"` // as it came, which may be no text
}

// deskAnswer is a line that goes back.
type deskAnswer struct {
	Refused  string `json:"refused,omitempty"` // the code of an error
	Seq      uint64 `json:"seq"`
	Time     uint64 `json:"time"` // ns since 1970
	Canceled uint64 `json:"canceled"`
	Messages uint64 `json:"messages"`
	*venueRow
}

// venueRow is how a venue stands.
type venueRow struct {
	Session     string   `json:"session"`
	Instruments int      `json:"instruments"`
	Halted      int      `json:"halted"`
	Symbols     []string `json:"halted_symbols"` // the first 32 of them
	Users       int      `json:"users"`
	Connected   int      `json:"connected"`
	Orders      int      `json:"orders"`
	Fills       uint64   `json:"fills"`
	Connections int      `json:"connections"` // open, logged in or not
	Refused     uint64   `json:"refused_connections"`
	Logins      uint64   `json:"refused_logins"`
	Throttled   uint64   `json:"throttled"`
	Slow        uint64   `json:"slow"`
	Entry       string   `json:"entry"` // open, or why it is closed
	Free        uint64   `json:"stream_memory_free"`
	Journal     uint64   `json:"journal_bytes"`
}

// refusals are the codes of what a venue does not carry out.
func refusals() map[core.Refusal]string {
	return map[core.Refusal]string{
		core.NoMemory: "E2009", core.NoInstrument: "E2010", core.NoUser: "E2011", core.NoMatch: "E2012", core.BrokenAlready: "E2013",
		core.NotToday: "E2014", core.HaltedAlready: "E2015", core.NotHalted: "E2015", core.NotConnected: "E2021",
		core.NoSpace: "E2022",
	}
}

// desk is the socket of a server.
type desk struct {
	path     string
	server   *core.Server
	listener net.Listener
	serving  sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]bool
}

// openDesk makes the socket. The server holds the journal's lock, so a socket that lies there is a dead one's.
func openDesk(dir string, s *core.Server) (*desk, error) {
	d := &desk{path: filepath.Join(dir, deskName), server: s, open: map[net.Conn]bool{}}
	err := os.Remove(d.path)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err == nil {
		mask := syscall.Umask(0o177) // nobody but us, from the first moment
		err = atSocket(d.path, func(path string) (err error) {
			d.listener, err = net.Listen("unix", path)
			return err
		})
		syscall.Umask(mask)
	}
	if err != nil {
		return nil, &fault{Code: "E1013", What: d.path + " cannot be made: " + last(err), Why: "operators reach the server through this socket", cause: err}
	}
	d.listener.(*net.UnixListener).SetUnlinkOnClose(false) // it knows the name it was given, which may be a detour
	d.serving.Go(d.accept)
	return d, nil
}

// atSocket calls f with a name for a socket that is short enough for the kernel (unix(7): 107 bytes), by a detour over the
// directory's descriptor where its own is too long.
func atSocket(path string, f func(path string) error) error {
	const longest = 107
	if len(path) <= longest {
		return f(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return f(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
}

// close takes the socket away and waits until nobody is being served.
func (d *desk) close() {
	_ = os.Remove(d.path)
	_ = d.listener.Close()
	d.mu.Lock()
	for c := range d.open {
		_ = c.Close()
	}
	d.open = nil
	d.mu.Unlock()
	d.serving.Wait()
}

// mostOperators bounds how many are connected at once.
const mostOperators = 16

func (d *desk) accept() {
	for {
		c, err := d.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(100 * time.Millisecond) // no descriptor is left: there may be one later
			continue
		}
		d.mu.Lock()
		if d.open == nil || len(d.open) >= mostOperators {
			_ = c.Close()
		} else {
			d.open[c] = true
			d.serving.Go(func() { d.serve(c) })
		}
		d.mu.Unlock()
	}
}

// longestRequest bounds a line, idleOperator how long one is waited for.
const (
	longestRequest = 4096
	idleOperator   = time.Minute
)

// serve answers the lines of one operator.
func (d *desk) serve(c net.Conn) {
	defer func() {
		_ = c.Close()
		d.mu.Lock()
		delete(d.open, c)
		d.mu.Unlock()
	}()
	in := bufio.NewReaderSize(c, longestRequest)
	for {
		_ = c.SetReadDeadline(time.Now().Add(idleOperator))
		line, err := in.ReadSlice('\n')
		if err != nil {
			return // gone, idle, or a line of no request
		}
		var asked deskRequest
		r, err := core.Request{}, json.Unmarshal(line, &asked)
		if err == nil {
			r, err = asked.request()
		}
		answer := deskAnswer{Refused: "E5006"}
		if err == nil {
			a, err := d.server.Operate(&r)
			if err != nil {
				return // the server stops: what becomes of the request is told by nobody
			}
			answer = answerRow(r.Verb, &a)
		}
		_ = c.SetWriteDeadline(time.Now().Add(idleOperator))
		if json.NewEncoder(c).Encode(answer) != nil {
			return
		}
	}
}

// request is a line as the server takes it.
func (q *deskRequest) request() (core.Request, error) {
	r := core.Request{Symbol: q.Symbol, User: q.User, Order: q.Order, Reason: padded4(q.Reason)}
	bad := len(q.Symbol) > 8 || len(q.User) > 6 || len(q.Reason) > 4
	switch q.Verb {
	case "status":
		r.Verb = core.Status
	case "kick":
		r.Verb = core.Kick
	case "halt":
		r.Verb = core.Halt
	case "resume":
		r.Verb = core.Resume
	case "end-of-day":
		r.Verb, r.Stop = core.EndDay, q.Stop
	case "cancel":
		r.Verb = core.CancelFor
		if q.Side != "" {
			r.Side = q.Side[0]
		}
		bad = bad || q.Side != "" && q.Side != "B" && q.Side != "S"
	case "bust":
		r.Verb = core.BreakTrade
		if q.Trade == nil || len(q.Reason) != 1 {
			return r, io.ErrUnexpectedEOF
		}
		r.Trade = engine.Bust{Match: q.Trade.Match, Price: q.Trade.Price, Qty: q.Trade.Qty, Reason: q.Reason[0]}
		r.Trade.Instrument = q.Trade.Instrument
		r.Owners = engine.Owners{Maker: q.Trade.Maker.owner(), Taker: q.Trade.Taker.owner()}
	default:
		bad = true
	}
	if bad {
		return r, errors.New("no request of this version")
	}
	return r, nil
}

func padded4(s string) (p [4]byte) { copy(p[:], s+"    "); return p }

func (o *ownerRow) owner() engine.Owner {
	w := engine.Owner{User: o.User, Idx: o.Idx, Side: o.Side, Ref: o.Ref}
	copy(w.ClOrdID[:], o.ClOrdID)
	return w
}

// answerRow is what the server says as a line.
func answerRow(verb core.Verb, a *core.Answer) deskAnswer {
	row := deskAnswer{Refused: refusals()[a.Refused], Seq: a.Seq, Time: a.Time, Canceled: a.Canceled, Messages: a.Messages}
	if verb != core.Status {
		return row
	}
	v := &a.Venue
	row.venueRow = &venueRow{
		Session: strings.TrimSpace(string(v.Session[:])), Instruments: v.Instruments, Halted: v.Halted, Users: v.Users, Connected: v.Connected,
		Orders: v.Orders, Fills: v.Fills,
		Connections: v.Connections, Refused: v.Refused, Logins: v.Logins, Throttled: v.Throttled, Slow: v.Slow,
		Entry: entryState(v.Gate), Free: v.Free, Journal: v.Journal, Symbols: []string{},
	}
	for i := range min(v.Halted, len(v.Symbols)) {
		row.Symbols = append(row.Symbols, trim(v.Symbols[i][:]))
	}
	return row
}

// entryState says whether orders are taken.
func entryState(gate uint8) string {
	switch gate {
	case 0:
		return "open"
	case engine.GateMemory:
		return "closed: stream_memory is nearly used up"
	case engine.GateDisk:
		return "closed: no space for another journal segment"
	}
	return "closed"
}
