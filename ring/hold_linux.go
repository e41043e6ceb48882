//go:build linux

package ring

import (
	"time"
	_ "unsafe" // for go:linkname
)

// The Go scheduler asks every goroutine that has run for 10 ms to make room for others. For one that is locked to its thread
// this is dear: the thread hands its processor to another thread, sleeps, and is woken when that one has found nothing better
// to do, by way of two futex calls and a thread that must first get a cpu of its own. A loop that owns a cpu has nobody to make
// room for, so a driver that spins holds on to its processor while it is in the kernel or looks for completions: what asks it
// to yield meanwhile is turned down (sysmon asks again 10 ms later).
//
// A garbage collection must be able to stop the thread. It asks again every 100 us until the thread has stopped, and finds it
// between two turns, or in the breaks of an idle one. Nothing that is called while it is held may wait for a lock, a channel
// or another goroutine: the runtime ends the process of who does.

//go:linkname procPin runtime.procPin
func procPin() int

//go:linkname procUnpin runtime.procUnpin
func procUnpin()

const (
	holdFor  = 2 * time.Millisecond   // at a stretch, while idle
	breakFor = 250 * time.Microsecond // behind it: long enough to be found by who asks every 100 us
)

// hold keeps the processor; to hold it twice is to hold it.
func (u *Uring) hold() {
	if !u.held {
		procPin()
		u.held = true
	}
}

// letGo ends that. What was asked meanwhile is turned down first: the check at the head of a function sees the request and
// forgets it, because the processor is held.
func (u *Uring) letGo() {
	if u.held {
		checkpoint()
		procUnpin()
		u.held = false
	}
}

// checkpoint is a function whose head looks for requests of the scheduler: one that calls another.
//
//go:noinline
func checkpoint() { nothing() }

//go:noinline
func nothing() {}
