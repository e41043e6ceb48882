package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"matcher/replay"
	"matcher/wire/ouch"
	"matcher/wire/soupbin"
)

// benchKind is what a message asks for, as the table has it.
type benchKind uint8

const (
	benchEnter benchKind = iota
	benchAggressive
	benchCancel
	benchReplace
	benchOther // of a flow: modify, mass cancel, disable, enable
	benchKinds
)

func (k benchKind) String() string {
	return [...]string{"enter", "aggressive", "cancel", "replace", "other"}[k]
}

// spreadTicks is how far from the middle orders of a mix are entered, at most.
const spreadTicks = 5

// mix is how many of total messages are of each kind, added up: a draw below upTo[k] is one of kind k.
type mix struct {
	upTo  [benchOther]uint32
	total uint32
}

// read takes --mix: shares, or the name of a file.
func (m *mix) read(b *bench) error {
	if !strings.Contains(b.mixText, "=") {
		b.flow = b.mixText
		lines, err := readFlowPlan(b.e, b.flow)
		if f := (*fault)(nil); errors.As(err, &f) && f.Code == "E1006" {
			f.Fix, f.Or = "--mix enter=50,cancel=50", "--mix FILE   with a flow of matcher generate or matcher import"
		}
		b.lines = lines
		return err
	}
	var shares [benchOther]uint32
	for part := range strings.SplitSeq(b.mixText, ",") {
		name, text, _ := strings.Cut(part, "=")
		n, err := strconv.ParseUint(text, 10, 16)
		k := benchKind(0)
		for ; k < benchOther && k.String() != strings.TrimSpace(name); k++ {
		}
		if err != nil || k == benchOther {
			return &fault{
				Code: "E4004", What: fmt.Sprintf("--mix: %q is no share", part), Why: "a share is enter, cancel, replace or aggressive, = and a whole number",
				Fix: "--mix enter=50,cancel=40,replace=5,aggressive=5",
			}
		}
		shares[k] = uint32(n)
	}
	for k, n := range shares {
		m.total += n
		m.upTo[k] = m.total
	}
	if shares[benchEnter]+shares[benchAggressive] == 0 {
		return &fault{Code: "E4004", What: "--mix enters no orders", Why: "there must be something to cancel and to replace", Fix: "--mix enter=50,cancel=50"}
	}
	return nil
}

// flowPlan is a flow in memory, as the packets that its users send.
type flowPlan struct {
	users   []string
	symbols []string
	of      []flowUser // by user
	owners  []uint16   // of each line, in the order of the file: the user
}

// flowUser is what one user of a flow sends.
type flowUser struct {
	packets []byte
	lines   []flowLine
	refs    uint32 // largest UserRefNum
}

// flowLine is one packet, packets[from:to].
type flowLine struct {
	from, to  uint32
	at        uint32 // its place among the lines of all users
	ref, orig uint32
	kind      benchKind
}

// channelTag is the option that numbers orders apart from others.
const channelTag = 28

// readFlowPlan reads a whole flow. Queries are left out: they have no number to tell their answers by.
func readFlowPlan(e *env, file string) (*flowPlan, error) {
	in, err := openInput(e, file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }() // it was only read
	p := &flowPlan{}
	users, symbols := map[[6]byte]int{}, map[[8]byte]bool{}
	flow := replay.NewFlow(in)
	for {
		line, err := flow.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, flowFault(file, err)
		}
		if line.Verb == replay.Query {
			continue
		}
		if slices.ContainsFunc(line.Options, func(o replay.Option) bool { return o.Tag == channelTag }) {
			return nil, &fault{Code: "E4004", What: fmt.Sprintf("--mix: %s:%d numbers its orders in a channel of its own", file, flow.Number()), Why: "matcher bench tells orders apart by UserRefNum alone"}
		}
		u, ok := users[line.User]
		if !ok {
			u = len(p.users)
			users[line.User] = u
			p.users = append(p.users, trim(line.User[:]))
			p.of = append(p.of, flowUser{})
		}
		if line.Verb == replay.Enter && !symbols[line.Symbol] {
			symbols[line.Symbol] = true
			p.symbols = append(p.symbols, trim(line.Symbol[:]))
		}
		if !p.of[u].add(line, len(p.owners)) {
			return nil, &fault{Code: "E4004", What: "--mix: " + file + " is too large for one user", Why: "at most 4 GiB of packets, and UserRefNums below 2^27"}
		}
		p.owners = append(p.owners, uint16(u))
	}
	if len(p.owners) == 0 {
		return nil, &fault{Code: "E4004", What: "--mix: " + file + " has no line that asks for something"}
	}
	return p, nil
}

// maxFlowRef keeps the table of a user's orders within reason.
const maxFlowRef = 1 << 27

// add appends the packet of a line.
func (u *flowUser) add(line *replay.Line, at int) bool {
	l := flowLine{from: uint32(len(u.packets)), at: uint32(at), ref: line.Ref, orig: line.OrigRef, kind: benchOther}
	switch line.Verb {
	case replay.Enter:
		l.kind = benchEnter
		if line.TIF == ouch.TIFIOC || line.TIF == ouch.TIFFOK {
			l.kind = benchAggressive
		}
	case replay.Cancel:
		l.kind = benchCancel
	case replay.Replace:
		l.kind = benchReplace
	case replay.Modify:
		l.orig = l.ref
	}
	u.packets = soupbin.AppendUnsequenced(u.packets, message(line).Append(nil))
	if len(u.packets) > 1<<32-1 || line.Ref >= maxFlowRef {
		return false
	}
	l.to = uint32(len(u.packets))
	u.lines = append(u.lines, l)
	u.refs = max(u.refs, line.Ref)
	return true
}

// identify finds the keys of the flow's users.
func (p *flowPlan) identify(b *bench) error {
	keys := map[string]string{}
	if b.keys != "" {
		var err error
		if keys, err = readKeys(b.keys); err != nil {
			return err
		}
	} else {
		key, err := keyFrom(b.e, b.keyFile)
		if err != nil {
			return err
		}
		for _, name := range p.users {
			keys[name] = key
		}
	}
	for _, name := range p.users {
		if keys[name] == "" {
			return &fault{Code: "E4006", What: b.keys + " has no key for " + name, Fix: "add a line: " + name + " KEY"}
		}
		b.logins = append(b.logins, login{addr: b.addr, user: name, key: keys[name], patience: b.patience})
	}
	return nil
}
