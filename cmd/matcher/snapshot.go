package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"matcher/ring"
	"matcher/snapshot"
)

// snapshotVerb takes snapshots of a journal, and tells of those that there are. It works beside a running server.
func snapshotVerb(ctx context.Context, e *env, args []string) error {
	s := &snapshots{ctx: ctx, e: e}
	fs := newFlags("snapshot")
	fs.IntVar(&s.keep, "keep", 2, "create: how many snapshots to keep; older ones are deleted")
	fs.StringVar(&s.archive, "archive", "", "create: move segments of earlier days that all kept snapshots cover to this directory")
	fs.BoolVar(&s.asJSON, "json", false, "print JSON, an object a snapshot")
	words, err := parseWord(fs, args)
	if err != nil {
		return err
	}
	do := map[string]func() error{"create": s.create, "ls": s.ls, "verify": s.verify}[words[0]]
	if s.keep < 1 {
		return outOfRange("keep", s.keep, "at least 1", "2")
	}
	s.dir = words[1]
	if err := isJournal(s.dir); err != nil {
		return err
	}
	return do()
}

// snapshots is one run of matcher snapshot.
type snapshots struct {
	ctx     context.Context // of the verb, which the run does not outlive
	e       *env
	dir     string // of the journal
	keep    int
	archive string
	asJSON  bool
}

// snapshotObject is a snapshot as JSON.
type snapshotObject struct {
	Seq       uint64 `json:"seq"`
	Time      uint64 `json:"time"`
	Created   uint64 `json:"created"`
	Segment   uint32 `json:"segment"`
	Position  uint64 `json:"position"`
	Orders    uint64 `json:"orders"`
	Bytes     int64  `json:"bytes"`
	StateHash string `json:"state_hash"`
	Usable    *bool  `json:"usable,omitempty"`   // of verify
	Replayed  uint64 `json:"replayed,omitempty"` // of create: commands
}

func objectOf(i *snapshot.Info) snapshotObject {
	s := &i.State
	return snapshotObject{
		Seq: s.Seq, Time: s.Time, Created: i.Created, Segment: s.Segment, Position: uint64(s.Position), Orders: i.Orders,
		Bytes: i.Size, StateHash: hashText(s.StateHash),
	}
}

// create takes one.
func (s *snapshots) create() error {
	start := time.Now()
	taken, err := snapshot.Take(s.ctx, &snapshot.Taking{Journal: s.dir, Keep: s.keep, Archive: s.archive, Now: uint64(start.UnixNano())})
	if err != nil {
		return s.fault(err)
	}
	for _, why := range taken.Passed {
		say(s.e, "note: "+why.Error())
	}
	if s.asJSON {
		o := objectOf(&taken.Info)
		o.Replayed = taken.Replayed
		return json.NewEncoder(s.e.Stdout).Encode(o)
	}
	text := ""
	if taken.Nothing {
		text = fmt.Sprintf("nothing to do: the snapshot at seq %d is the end of the journal\n", taken.State.Seq)
	} else {
		text = fmt.Sprintf("snapshot at seq %d: %s, %s, %s from seq %d on, %s\n", taken.State.Seq, count(int(taken.Orders), "live order"),
			count(int(taken.Size), "byte"), count(int(taken.Replayed), "command"), taken.Base+1, time.Since(start).Round(time.Millisecond))
	}
	if n := len(taken.Archived); n > 0 {
		text += fmt.Sprintf("%s archived: %s to %s\n", count(n, "segment"), taken.Archived[0], taken.Archived[n-1])
	}
	_, err = io.WriteString(s.e.Stdout, text)
	return err
}

// list finds those that there are, and says so if there are none.
func (s *snapshots) list() ([]snapshot.Info, []error) {
	list, bad := snapshot.List(os.DirFS(s.dir))
	if len(list)+len(bad) == 0 {
		say(s.e, s.dir+" has no snapshot; matcher snapshot create "+shellWord(s.dir)+" takes one")
	}
	return list, bad
}

// ls prints those that there are, the newest first.
func (s *snapshots) ls() error {
	list, bad := s.list()
	for i := range list {
		if err := s.line(&list[i], nil); err != nil {
			return err
		}
	}
	for _, why := range bad {
		say(s.e, why.Error())
	}
	return nil
}

// verify reads each to its end, and holds it against the journal.
func (s *snapshots) verify() error {
	list, bad := s.list()
	for i := range list {
		err := list[i].Verify(os.DirFS(s.dir))
		if err != nil && !errors.Is(err, snapshot.ErrUnusable) {
			return s.fault(err)
		}
		usable := err == nil
		if err := s.line(&list[i], &usable); err != nil {
			return err
		}
		if err != nil {
			bad = append(bad, err)
		}
	}
	for _, why := range bad {
		say(s.e, why.Error())
	}
	if len(bad) > 0 {
		return &fault{
			Code: "E3020", What: fmt.Sprintf("%s of %d cannot be used", count(len(bad), "snapshot"), len(list)),
			Why: "a start does without it: it takes an older one, or the journal from its birth", Fix: "matcher snapshot create " + shellWord(s.dir),
		}
	}
	return nil
}

// line prints one.
func (s *snapshots) line(i *snapshot.Info, usable *bool) error {
	if s.asJSON {
		o := objectOf(i)
		o.Usable = usable
		return json.NewEncoder(s.e.Stdout).Encode(o)
	}
	verdict := ""
	if usable != nil {
		verdict = "  good"
		if !*usable {
			verdict = "  NOT USABLE"
		}
	}
	_, err := fmt.Fprintf(s.e.Stdout, "seq %d  %s  segment %d  %s  %s%s\n", i.State.Seq, timeText(i.State.Time), i.State.Segment,
		count(int(i.Orders), "live order"), count(int(i.Size), "byte"), verdict)
	return err
}

// fault explains why a snapshot could not be taken.
func (s *snapshots) fault(err error) error {
	switch {
	case errors.Is(err, ring.ErrLocked):
		return &fault{Code: "E1020", What: "another snapshot of " + s.dir + " is being taken", Fix: "fuser -v " + shellWord(filepath.Join(s.dir, snapshot.Dir, "lock")) + "   shows by whom", cause: err}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &fault{Code: "E1004", What: "no space for a snapshot of " + s.dir, Why: "nothing was changed", Fix: "df -h " + shellWord(s.dir), cause: err}
	case errors.Is(err, snapshot.ErrUnusable):
		return &fault{Code: "E3020", What: "the new " + err.Error(), Why: "it was read again before it got its name, and did not get it", Fix: "keep the journal, and report this line with `matcher version`", cause: err}
	}
	return journalFault(s.dir, err)
}
