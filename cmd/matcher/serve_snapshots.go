package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"matcher/core"
	"matcher/snapshot"
)

// keeper has snapshots taken beside a running server, each by a process of its own: its memory and its work are not the
// server's, and it can be killed like anything else without the server noticing.
type keeper struct {
	every   int // commands; 0: never
	keep    int
	archive string
	journal string
	e       *env
}

// lookEvery is how often the keeper looks at how far the server is, restEvery how long it rests between snapshots that are taken
// before their time, because the server's stream memory is scarce.
const (
	lookEvery = 250 * time.Millisecond
	restEvery = 2 * time.Second
)

// start begins; what it returns ends it.
func (k *keeper) start(s *core.Server) func() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if k.every != 0 {
			k.run(ctx, s)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// run takes snapshots until ctx ends. A snapshot under way ends with it.
func (k *keeper) run(ctx context.Context, s *core.Server) {
	last := uint64(0)
	if list, _ := snapshot.List(os.DirFS(k.journal)); len(list) > 0 {
		last = list[0].State.Seq
	}
	var ended time.Time // of the last
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		at := s.Progress()
		if due := at >= last+uint64(k.every); !due && (at <= last || !s.Scarce() || time.Since(ended) < restEvery) {
			continue
		}
		last = at // also if it fails: the next is tried as much later
		if k.take(ctx) {
			s.Snapshotted()
		}
		ended = time.Now()
	}
}

// take has one taken. It says whether that was done.
func (k *keeper) take(ctx context.Context) bool {
	self, err := os.Executable()
	if err != nil {
		say(k.e, "warning: no snapshot: "+err.Error())
		return false
	}
	args := []string{"snapshot", "create", k.journal, "--keep", strconv.Itoa(k.keep)}
	if k.archive != "" {
		args = append(args, "--archive", k.archive)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err = cmd.Start(); err == nil {
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, cmd.Process.Pid, 10) // it has time; that it may not is no harm
		err = cmd.Wait()
	}
	text := strings.TrimSpace(said.String())
	switch {
	case ctx.Err() != nil:
	case err != nil:
		say(k.e, fmt.Sprintf("warning: no snapshot was taken, the journal is as it was: %v\n%s", err, text))
	default:
		say(k.e, text)
	}
	return err == nil
}
