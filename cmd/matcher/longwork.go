package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// longWork tells people on stderr, once a second, how far a long work has come. Nothing is said in the
// first two seconds.
type longWork struct {
	e       *env
	what    string
	size    uint64 // of all, in the unit of done; 0: not known
	done    uint64
	steps   uint64
	started time.Time
	last    time.Time
}

// add says that more is done.
func (p *longWork) add(n uint64) {
	p.done += n
	if p.steps++; p.steps%256 != 0 {
		return
	}
	now := time.Now()
	if p.started.IsZero() {
		p.started, p.last = now, now.Add(time.Second)
	}
	if now.Sub(p.last) < time.Second {
		return
	}
	p.last = now
	rate := float64(p.done) / (1 << 20) / now.Sub(p.started).Seconds()
	text := fmt.Sprintf("%s: %d MiB, %.0f MiB/s", p.what, p.done>>20, rate)
	if p.size > 0 {
		text = fmt.Sprintf("%s: about %d %%, %d MiB, %.0f MiB/s", p.what, min(99, 100*p.done/p.size), p.done>>20, rate)
	}
	say(p.e, text)
}

// journalBytes is the size of the segment files of a journal: more than what is in use.
func journalBytes(dir string) (n uint64) {
	files, _ := filepath.Glob(filepath.Join(dir, "*.mj"))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			n += uint64(info.Size())
		}
	}
	return n
}
