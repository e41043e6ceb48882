package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"matcher/engine"
	"matcher/feed"
	"matcher/replay"
)

// feedFile writes the public feed of a journal: the messages that the venue has sent, or would have, byte for byte.
type feedFile struct {
	name     string // of the first session's file
	file     *os.File
	out      *bufio.Writer
	sessions int
	files    []string // of all sessions
	framed   []byte
	err      error
}

// public executes a journal and writes its feed. The first session goes to the file that was named; of each later one the
// session is part of the name.
func (r *replaying) public(ctx context.Context, j *replay.Journal) error {
	f := &feedFile{name: r.feed}
	p := feed.New(j.Engine())
	j.Before(func(cmd *engine.Command) {
		before := p.Session()
		f.framed = p.Before(f.framed[:0], cmd)
		if p.Session() != before {
			f.begin(p.Session())
		}
		f.write(f.framed)
	})
	err := r.run(ctx, j, func(cmd *engine.Command, events []engine.Event) error {
		f.framed = p.Append(f.framed[:0], cmd, events, true)
		f.write(f.framed)
		return f.err
	})
	f.end()
	if err == nil {
		err = f.err
	}
	if err == nil {
		for _, name := range f.files {
			say(r.e, "wrote "+name)
		}
	}
	if f.err == nil && f.sessions == 0 && err == nil {
		return &fault{Code: "E3011", What: "the journal " + r.name + " has no trading day, so there is no feed"}
	}
	return err
}

func (f *feedFile) begin(session [10]byte) {
	f.end()
	name := f.name
	if f.sessions > 0 {
		ext := filepath.Ext(name)
		name = strings.TrimSuffix(name, ext) + "-" + string(session[:]) + ext
	}
	f.sessions++
	if f.err != nil {
		return
	}
	f.files = append(f.files, name)
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	switch {
	case errors.Is(err, os.ErrExist):
		f.err = &fault{Code: "E4007", What: name + " is there already", Fix: "rm " + quoteAll([]string{name}), cause: err}
	case err != nil:
		f.err = writeFault(name, err)
	default:
		f.file, f.out = file, bufio.NewWriterSize(file, 1<<20)
	}
}

func (f *feedFile) write(framed []byte) {
	if f.err == nil && f.out != nil {
		if _, err := f.out.Write(framed); err != nil {
			f.err = fmt.Errorf("the feed cannot be written: %w", err)
		}
	}
}

func (f *feedFile) end() {
	if f.file == nil {
		return
	}
	if err := errors.Join(f.out.Flush(), f.file.Close()); err != nil && f.err == nil {
		f.err = fmt.Errorf("the feed cannot be written: %w", err)
	}
	f.file, f.out = nil, nil
}
