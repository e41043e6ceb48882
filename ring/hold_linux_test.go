//go:build linux

package ring

import (
	"runtime"
	"testing"
	"time"
)

// holder is a ring on the caller's thread.
func holder(t *testing.T) *Uring {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	u, err := NewUring(Config{Entries: 8, ReceiveBuffers: 8})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = u.Close() })
	return u
}

// TestHold: nothing stops a thread while it holds its processor, not even a garbage collection, and letting go is enough for
// that to go on.
func TestHold(t *testing.T) {
	u := holder(t)
	u.hold()
	u.hold()
	done := make(chan struct{})
	go func() { runtime.GC(); close(done) }()
	for start := time.Now(); time.Since(start) < 300*time.Millisecond; {
		checkpoint()
	}
	select {
	case <-done:
		u.letGo()
		t.Fatal("a collection stopped the world, and this thread with it")
	default:
	}
	u.letGo()
	u.letGo()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("letting go did not let the collection go on")
	}
}

// TestHoldGivesWay: a garbage collection can stop a thread that spins in Turn, and nothing is held outside of Turn.
func TestHoldGivesWay(t *testing.T) {
	u := holder(t)
	done := make(chan int)
	go func() {
		for range 20 {
			runtime.GC()
		}
		done <- 20
	}()
	turns := 0
	for start := time.Now(); ; turns++ {
		if _, err := u.Turn(nil, nil, Wait{Policy: Spin, Until: 50_000_000}); err != nil {
			t.Fatal(err)
		}
		if u.held {
			t.Fatal("the processor is held behind Turn")
		}
		select {
		case <-done:
			return
		default:
		}
		if time.Since(start) > 20*time.Second {
			t.Fatalf("20 collections are not done after 20 s and %d turns", turns)
		}
	}
}
