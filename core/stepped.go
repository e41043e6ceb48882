package core

import (
	"matcher/engine"
)

// Stepped is a venue without a thread: whoever opened it turns it, and does its helper's work. The loop is the server's own.
// Simulations turn one on a World of theirs; everything between two calls is at their mercy, a crash included.
type Stepped struct {
	server Server
	loop   *loop
}

// OpenStepped recovers a venue as Open does, up to the moment when clients can connect. It turns the World's kernel itself
// until the start is durable. cfg must name a World.
func OpenStepped(cfg Config) (*Stepped, error) {
	v := &Stepped{server: Server{pipe: pipe{fd: -1, world: cfg.World}, answers: make(chan Answer, 1)}}
	var err error
	v.loop, err = v.server.open(&cfg, true)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Turn is one turn of the loop. False: the venue has stopped, and Err says why if it was not told to.
func (v *Stepped) Turn() bool {
	l := v.loop
	if l.state == stopped || l.err != nil {
		return false
	}
	l.turn()
	return l.state != stopped && l.err == nil
}

// Prepare does what the helper does on its own time: it makes a segment, if one is wanted, and tells the loop, also if that
// failed; then it must be called again.
func (v *Stepped) Prepare() {
	select {
	case job := <-v.loop.past.jobs:
		v.loop.past.work(job)
	default:
	}
	if h := v.loop.files.helper; h.wanted() {
		_ = h.attempt(noRest) // what it says is for a goroutine that tries again
	}
}

// Snapshotted says that a snapshot was taken, as Server.Snapshotted does.
func (v *Stepped) Snapshotted() { v.server.Snapshotted() }

// Stop asks for an orderly end, as Server.Stop does.
func (v *Stepped) Stop() { v.server.Stop() }

// Ask posts a request, as Server.Operate does. One request is under way at a time: until Told, or for ever after a crash.
func (v *Stepped) Ask(r *Request) { v.server.pipe.write(r.messages()) }

// Told returns the answer to the last request, if it is there.
func (v *Stepped) Told() (Answer, bool) {
	select {
	case a := <-v.server.answers:
		return a, true
	default:
		return Answer{}, false
	}
}

// Report says in one line what the venue runs on, as Server.Report does.
func (v *Stepped) Report() string { return v.server.Report() }

// Err returns why the venue stopped by itself.
func (v *Stepped) Err() error { return v.loop.err }

// Engine returns the market, to be looked at and not touched.
func (v *Stepped) Engine() *engine.Engine { return v.loop.engine }

// Output returns the hash of all events so far (engine.FoldOutput).
func (v *Stepped) Output() uint64 { return v.loop.output }
