package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"matcher/replay"
)

// flow executes an order flow on a venue without a server: one day, and every instrument with four decimals and a tick of
// one wire unit. --record writes its journal.
func (r *replaying) flow(ctx context.Context, in io.Reader) error {
	c := replay.RecordConfig{MaxOrders: uint32(r.orders), MaxUsers: 1 << 12, Midnight: r.midnight}
	if r.record != "" {
		if err := emptyDir(r.record); err != nil {
			return err
		}
		_, _ = rand.Read(c.ID[:]) // never fails
		c.Create = func(name string, size int64) (replay.Segment, error) {
			f, err := os.OpenFile(filepath.Join(r.record, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
			if err != nil {
				return nil, err
			}
			return f, f.Truncate(size)
		}
	}
	v, err := replay.Record(c)
	if err != nil {
		return writeFault(r.record, err)
	}
	flow := replay.NewFlow(in)
	start, lines, events := time.Now(), uint64(0), uint64(0)
	work := longWork{e: r.e, what: "replay"}
	for r.last == 0 || v.Engine().Seq() < r.last {
		line, err := flow.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return flowFault(r.name, err)
		}
		_, told, err := v.Line(line)
		if err != nil {
			return writeFault(r.record, err)
		}
		lines, events = lines+1, events+uint64(len(told))
		work.add(64)
		if err := interrupted(ctx, lines); err != nil {
			return err
		}
	}
	if err := v.Close(); err != nil {
		return writeFault(r.record, err)
	}
	took := time.Since(start)
	if r.asJSON {
		return json.NewEncoder(r.e.Stdout).Encode(struct {
			Lines      uint64 `json:"lines"`
			Commands   uint64 `json:"commands"`
			Fills      uint64 `json:"fills"`
			Events     uint64 `json:"events"`
			Open       int    `json:"open_orders"`
			StateHash  string `json:"state_hash"`
			OutputHash string `json:"output_hash"`
			Rate       uint64 `json:"commands_per_s"`
		}{lines, v.Engine().Seq(), v.Engine().Fills(), events, v.Engine().Open(), hashText(v.Engine().Hash()), hashText(v.OutputHash()), uint64(float64(lines) / took.Seconds())})
	}
	_, err = fmt.Fprintf(r.e.Stdout, "%s, %s, %s, %s open; state hash %s; %s\n", count(int(lines), "line"), count(int(v.Engine().Fills()), "fill"),
		count(int(events), "event"), count(v.Engine().Open(), "order"), hashText(v.Engine().Hash()), speed(lines, took))
	return err
}

// flowFault explains what is wrong with a line of a flow, or why the flow cannot be read.
func flowFault(name string, err error) *fault {
	var wrong *replay.FlowError
	if !errors.As(err, &wrong) {
		return readFault(name, err)
	}
	got := "the line ends"
	if wrong.Got != "" {
		got = fmt.Sprintf("there is %q", wrong.Got)
	}
	return &fault{Code: "E3010", What: fmt.Sprintf("%s:%d:%d: expected %s", name, wrong.Line, wrong.Column, wrong.Expected), Why: got, cause: err}
}

// emptyDir makes a directory for a journal, or takes one that is empty.
func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return &fault{Code: "E1006", What: dir + " cannot be made: " + reason(err), cause: err}
	}
	inside, err := os.ReadDir(dir)
	if err != nil {
		return readFault(dir, err)
	}
	if len(inside) > 0 {
		return &fault{Code: "E4007", What: dir + " is not empty", Fix: "name a directory that is new or empty"}
	}
	return nil
}

// looksLikeFlow says whether the beginning of a file is text whose first line with words in it is a line of a flow.
func looksLikeFlow(head []byte) bool {
	for _, c := range head {
		if c != '\n' && c != '\r' && c != '\t' && (c < ' ' || c > '~') {
			return false
		}
	}
	_, err := replay.NewFlow(bytes.NewReader(head)).Next()
	return err == nil
}
