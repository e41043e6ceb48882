package core

import "matcher/engine"

// mayPass says whether there is a day open, and stream memory, for what time and lost connections may still cause.
func (l *loop) mayPass() bool { return !l.ending.under && l.gateway.Free() >= l.memory.time }

// short keeps enough stream memory for everything that must still be said: first it closes order entry, then it stops
// reading. True: nothing more may be read.
func (l *loop) short() bool {
	left := l.gateway.Free()
	if left >= l.memory.entry {
		return false
	}
	if !l.engine.Gated() {
		l.log("warning: answers have filled stream_memory; order entry is closed, cancels are served")
		l.gate(engine.GateMemory)
	}
	if left >= l.memory.cancels {
		return false
	}
	if !l.usedUp {
		l.usedUp = true
		l.log("warning: stream_memory is used up: nothing is read until a snapshot frees some; without one raise it and start again")
	}
	l.blocked = true
	return true
}

func (l *loop) gate(cause uint8) {
	l.cmd = engine.Command{Header: engine.Header{Kind: engine.KindGate}}
	l.cmd.Gate().Closed, l.cmd.Gate().Cause = 1, cause
	l.gatedBy = cause
	l.apply(&l.cmd)
}

// ungate opens order entry again.
func (l *loop) ungate() {
	l.cmd = engine.Command{Header: engine.Header{Kind: engine.KindGate}}
	l.gatedBy = 0
	l.apply(&l.cmd)
}

// space closes order entry while the disk has no room for another segment and this one is nearly full. It opens it again when a
// segment could be prepared after all, or when a snapshot has freed stream memory. Cancels are served from what is left, as long
// as it lasts.
func (l *loop) space() {
	f := &l.files
	low := f.full && len(f.spares) == 0 && f.left(l) < f.current.size/4
	switch {
	case f.noPlace(l) && !l.writer.Room() && !l.dry:
		l.dry = true
		l.log("warning: the journal is full: nothing is read until there is space")
	case l.state != serving || !l.writer.Room() || !l.mayPass():
	case low && !l.engine.Gated():
		l.log("warning: no space for another journal segment; order entry is closed, cancels are served")
		l.gate(engine.GateDisk)
	case !low && l.gatedBy == engine.GateDisk:
		l.dry = false
		l.log("there is space for the journal again; order entry is open")
		l.ungate()
	case l.gatedBy == engine.GateMemory && l.gateway.Free() >= l.memory.again:
		l.usedUp = false
		l.log("there is stream memory again; order entry is open")
		l.ungate()
	}
}
