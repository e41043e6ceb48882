package core

import (
	"fmt"

	"matcher/engine"
	"matcher/gateway"
)

// retelling writes every user's stream anew while the journal is executed. One is as much work as the other, so a goroutine
// writes what the last commands caused while the next are executed. What the streams are made of beside that (names, firms,
// the day) is changed by commands of the venue only: before such a command, and behind it, nothing may be left to write.
type retelling struct {
	gateway *gateway.Gateway
	memory  uint64 // that the gateway has, for the error
	open    *batch // of what is executed
	under   *batch // of the goroutine, when busy
	jobs    chan *batch
	done    chan error
	busy    bool
	full    bool // of whoever writes: the gateway has no memory for more
	err     error
}

// batch is commands and what they caused.
type batch struct {
	commands []engine.Command
	ends     []int // of the events of each command
	events   []engine.Event
}

const batchCommands = 4096

func newRetelling(g *gateway.Gateway, memory uint64) *retelling {
	return &retelling{gateway: g, memory: memory, open: &batch{}, under: &batch{}}
}

// before is for every command that is about to be executed.
func (r *retelling) before(cmd *engine.Command) {
	if cmd.Kind >= engine.KindRules {
		r.flush()
	}
}

// add takes in what a command has caused. The error may be one of commands before it.
func (r *retelling) add(cmd *engine.Command, events []engine.Event) error {
	b := r.open
	b.commands, b.events = append(b.commands, *cmd), append(b.events, events...)
	b.ends = append(b.ends, len(b.events))
	switch {
	case cmd.Kind >= engine.KindRules:
		r.flush()
	case len(b.commands) >= batchCommands:
		r.hand()
	}
	return r.err
}

// hand gives what is open to the goroutine, as soon as that has written what it has.
func (r *retelling) hand() {
	r.settle()
	if r.jobs == nil {
		r.jobs, r.done = make(chan *batch, 1), make(chan error, 1)
		go r.run()
	}
	r.open, r.under = r.under, r.open
	r.jobs <- r.under
	r.busy = true
}

func (r *retelling) run() {
	for b := range r.jobs {
		r.done <- r.write(b)
	}
}

// settle waits until the goroutine has written what it has.
func (r *retelling) settle() {
	if r.busy {
		r.busy = false
		r.keep(<-r.done)
	}
}

// flush writes everything that is left.
func (r *retelling) flush() {
	r.settle()
	r.keep(r.write(r.open))
}

func (r *retelling) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

// write writes a batch to the streams, as far as there is memory for it, and empties it.
func (r *retelling) write(b *batch) (err error) {
	at := 0
	for i := range b.commands {
		if r.full = r.full || !r.gateway.Deliver(&b.commands[i], b.events[at:b.ends[i]]); r.full {
			err = fmt.Errorf("%w: the answers since the last snapshot need more than stream_memory = %d", ErrMemory, r.memory)
			break
		}
		at = b.ends[i]
	}
	b.commands, b.ends, b.events = b.commands[:0], b.ends[:0], b.events[:0]
	return err
}

// end writes everything that is left and ends the goroutine.
func (r *retelling) end() error {
	r.flush()
	if r.jobs != nil {
		close(r.jobs)
	}
	return r.err
}
